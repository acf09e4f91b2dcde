#!/usr/bin/env python3
"""Retraces tools/trajectory.c in PyTorch, from the same weights, batches and z (compare_trajectory.sh).

usage: peer_trajectory.py make INPUT STEPS [--data data/mnist]     writes the batches and z
       peer_trajectory.py run INPUT STEPS WEIGHTS                  prints both losses of every iteration
"""
import json
import struct
import sys

import numpy as np
import torch
from torch.nn import functional as F

import peer_thesis

LAYERS = {'g': [(0, 'fc1'), (2, 'bn1'), (3, 'fc2'), (5, 'bn2'), (7, 'up1'), (9, 'bn3'), (10, 'up2')],
          'd': [(0, 'conv1'), (3, 'conv2'), (7, 'fc1'), (9, 'fc2')]}


def make(path, steps, data='data/mnist'):
    random = np.random.RandomState(0)
    images = peer_thesis.read_images(data + '/train-images-idx3-ubyte').numpy()
    with open(path, 'wb') as f:
        for _ in range(steps):
            f.write(images[random.randint(0, len(images), 128)].astype('<f4').tobytes())
            f.write(random.uniform(-1, 1, (2, 128, 96)).astype('<f4').tobytes())


def run(path, steps, weights):
    with open(weights, 'rb') as f:
        n, = struct.unpack('<Q', f.read(8))
        header = json.loads(f.read(n))
        data = f.read()

    def load(name):
        begin, end = header[name]['data_offsets']
        return torch.from_numpy(np.frombuffer(data[begin:end], '<f4').reshape(header[name]['shape']).copy())

    generator, discriminator = peer_thesis.networks()
    with torch.no_grad():
        for model, net in (('g', generator), ('d', discriminator)):
            for i, layer in LAYERS[model]:
                net[i].weight.copy_(load(f'{model}.{layer}.weight'))
                net[i].bias.copy_(load(f'{model}.{layer}.bias'))
    og = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(.5, .999))
    od = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(.5, .999))
    ones, zeros = torch.ones(128, 1), torch.zeros(128, 1)
    loss = F.binary_cross_entropy_with_logits
    with open(path, 'rb') as f:
        for i in range(1, steps + 1):
            x = np.frombuffer(f.read(4 * 128 * 784), '<f4').reshape(128, 1, 28, 28)
            z = torch.from_numpy(np.frombuffer(f.read(4 * 2 * 128 * 96), '<f4').reshape(2, 128, 96).copy())
            fake = generator(z[0]).detach()
            od.zero_grad()
            d_loss = loss(discriminator(torch.from_numpy(x.copy())), ones) + loss(discriminator(fake), zeros)
            d_loss.backward()
            od.step()
            og.zero_grad()
            g_loss = loss(discriminator(generator(z[1])), ones)
            g_loss.backward()
            og.step()
            print(f'{i} {d_loss.item():.6f} {g_loss.item():.6f}')


if sys.argv[1] == 'make':
    make(sys.argv[2], int(sys.argv[3]), *sys.argv[5:6])
else:
    run(sys.argv[2], int(sys.argv[3]), sys.argv[4])
