#!/usr/bin/env python3
"""Trains the thesis's network in PyTorch, as examples/thesis.c does with gan.h, and writes generated digits.

usage: python3 tools/peer_thesis.py --steps 1000 --samples 10000 FILE [--data data/mnist] [--seed 1]
The file is IDX u8, as MNIST's are; tools/score.c judges it.
"""
import argparse
import os
import struct
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def read_images(path):
    with open(path, 'rb') as f:
        magic, n, height, width = struct.unpack('>4I', f.read(16))
        assert magic == 0x803, f'{path} is not an IDX file of images'
        pixels = np.frombuffer(f.read(), np.uint8).reshape(n, 1, height, width)
    return torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1)


def write_images(path, images):
    pixels = ((images.clamp(-1, 1) + 1) / 2 * 255).round().to(torch.uint8).numpy()
    n, _, height, width = pixels.shape
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'wb') as f:
        f.write(struct.pack('>4I', 0x803, n, height, width))
        f.write(pixels.tobytes())


def networks():
    generator = nn.Sequential(
        nn.Linear(96, 1024), nn.ReLU(), nn.BatchNorm1d(1024),
        nn.Linear(1024, 7 * 7 * 128), nn.ReLU(), nn.BatchNorm1d(7 * 7 * 128),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.ReLU(), nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1), nn.Tanh())
    discriminator = nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.LeakyReLU(.01), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5), nn.LeakyReLU(.01), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1024, 1024), nn.LeakyReLU(.01), nn.Linear(1024, 1))
    return generator, discriminator


def batches(data, n):
    """Shuffled epochs without end; what is left of an epoch begins the next batch."""
    left = torch.empty(0, dtype=torch.long)
    while True:
        while len(left) < n:
            left = torch.cat([left, torch.randperm(len(data))])
        yield data[left[:n]]
        left = left[n:]


def prior(n):
    return torch.rand(n, 96) * 2 - 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--steps', type=int, default=1000)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--data', default='data/mnist')
    parser.add_argument('--samples', nargs=2, metavar=('N', 'FILE'), default=('10000', 'out/score/torch'))
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', os.cpu_count() or 1)))
    torch.manual_seed(options.seed)
    generator, discriminator = networks()
    og = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(.5, .999))
    od = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(.5, .999))
    n = 128
    ones, zeros = torch.ones(n, 1), torch.zeros(n, 1)
    loss = F.binary_cross_entropy_with_logits
    begun = time.perf_counter()
    for i, real in enumerate(batches(read_images(options.data + '/train-images-idx3-ubyte'), n), 1):
        od.zero_grad()
        fake = generator(prior(n))
        d_loss = loss(discriminator(real), ones) + loss(discriminator(fake.detach()), zeros)
        d_loss.backward()
        od.step()
        og.zero_grad()
        logits = discriminator(generator(prior(n)))
        g_loss = loss(logits, ones)
        g_loss.backward()
        og.step()
        if i % 100 == 0 or i == options.steps:
            print(f'{i:5d}  d {d_loss.item():.3f}  g {g_loss.item():.3f}  '
                  f'D(G(z)) {torch.sigmoid(logits).mean().item():.2f}  '
                  f'{time.perf_counter() - begun:.0f} s', flush=True)
        if i == options.steps:
            break
    generator.eval()
    count, path = int(options.samples[0]), options.samples[1]
    with torch.no_grad():
        write_images(path, torch.cat([generator(prior(min(500, count - k))) for k in range(0, count, 500)]))
    print(f'{count} samples in {path}')


if __name__ == '__main__':
    main()
