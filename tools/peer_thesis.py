#!/usr/bin/env python3
"""Trains the thesis's network in PyTorch, as examples/thesis.c does with gan.h, and writes generated digits.

usage: python3 tools/peer_thesis.py --steps 2000 --every 500 --samples 10000 FILE [--data data/mnist]
                                    [--seed 1] [--log CSV]
Writes FILE_500, FILE_1000, ..., IDX u8 as MNIST's are; tools/score.c judges them. The CSV has the columns of
examples/thesis.c's: losses, and D(x) and D(G(z)) as D sees them before its update.
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
    for module in [*generator, *discriminator]:     # as the guide of the thesis and examples/thesis.c
        if isinstance(module, (nn.Linear, nn.ConvTranspose2d)):
            nn.init.xavier_uniform_(module.weight)
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


def write_samples(generator, count, path):
    """From running means, and from z that the training does not miss afterwards."""
    generator.eval()
    with torch.no_grad(), torch.random.fork_rng():
        write_images(path, torch.cat([generator(prior(min(500, count - k))) for k in range(0, count, 500)]))
    generator.train()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--steps', type=int, default=2000)
    parser.add_argument('--every', type=int, default=500)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--data', default='data/mnist')
    parser.add_argument('--samples', nargs=2, metavar=('N', 'FILE'), default=('10000', 'out/score/torch'))
    parser.add_argument('--log', default=os.devnull)
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
    csv = open(options.log, 'w')
    print('step,d_loss,g_loss,d_real,d_fake', file=csv)
    for i, real in enumerate(batches(read_images(options.data + '/train-images-idx3-ubyte'), n), 1):
        od.zero_grad()
        fake = generator(prior(n))
        on_real, on_fake = discriminator(real), discriminator(fake.detach())
        d_loss = loss(on_real, ones) + loss(on_fake, zeros)
        d_loss.backward()
        od.step()
        og.zero_grad()
        g_loss = loss(discriminator(generator(prior(n))), ones)
        g_loss.backward()
        og.step()
        d_real, d_fake = torch.sigmoid(on_real).mean().item(), torch.sigmoid(on_fake).mean().item()
        print(f'{i},{d_loss.item():.9g},{g_loss.item():.9g},{d_real:.9g},{d_fake:.9g}', file=csv, flush=True)
        if i % 100 == 0 or i == options.steps:
            print(f'{i:5d}  d {d_loss.item():.3f}  g {g_loss.item():.3f}  D(G(z)) {d_fake:.2f}  '
                  f'{time.perf_counter() - begun:.0f} s', flush=True)
        if i % options.every == 0 or i == options.steps:
            write_samples(generator, int(options.samples[0]), f'{options.samples[1]}_{i}')
        if i == options.steps:
            break


if __name__ == '__main__':
    main()
