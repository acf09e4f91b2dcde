#!/usr/bin/env python3
"""The seven training workloads of bench/steps.c in PyTorch, so that both can be timed in one run.

usage: OMP_NUM_THREADS=T python3 tools/peer_steps.py [--seconds S] [workload ...]
Prints the lines of bench_steps: name, threads, median and least milliseconds an iteration, peak memory.
"""
import argparse
import os
import resource
import time

import torch
from torch import nn
from torch.nn import functional as F


def mlp(sizes, activation, last=None):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(nn.Linear(a, b))
        if i + 2 < len(sizes):
            layers.append(activation())
    return nn.Sequential(*layers, *([last] if last else []))


def leaky(slope):
    return lambda: nn.LeakyReLU(slope)


def thesis():
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


def dcgan(size, features, colors=3, latent=100):
    channels, side = features * size // 8, 4
    up = [nn.Unflatten(1, (latent, 1, 1)), nn.ConvTranspose2d(latent, channels, 4, bias=False),
          nn.BatchNorm2d(channels), nn.ReLU()]
    while side < size // 2:
        up += [nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False),
               nn.BatchNorm2d(channels // 2), nn.ReLU()]
        channels, side = channels // 2, side * 2
    up += [nn.ConvTranspose2d(channels, colors, 4, 2, 1, bias=False), nn.Tanh()]
    channels, side = features, size // 2
    down = [nn.Conv2d(colors, channels, 4, 2, 1, bias=False), nn.LeakyReLU(.2)]
    while side > 4:
        down += [nn.Conv2d(channels, channels * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(channels * 2),
                 nn.LeakyReLU(.2)]
        channels, side = channels * 2, side // 2
    down += [nn.Conv2d(channels, 1, 4, bias=False)]
    return nn.Sequential(*up), nn.Sequential(*down)


def wgangp_mnist():
    generator = nn.Sequential(
        nn.Linear(128, 4096), nn.ReLU(), nn.Unflatten(1, (256, 4, 4)),
        nn.ConvTranspose2d(256, 128, 5, 2, 2), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1), nn.Sigmoid())
    critic = nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(.2), nn.Conv2d(64, 128, 5, 2, 2), nn.LeakyReLU(.2),
        nn.Conv2d(128, 256, 5, 2, 2), nn.LeakyReLU(.2), nn.Flatten(), nn.Linear(4096, 1))
    return generator, critic


def usual(nets, real, latent, lr):
    g, d = nets
    og = torch.optim.Adam(g.parameters(), lr=lr, betas=(.5, .999))
    od = torch.optim.Adam(d.parameters(), lr=lr, betas=(.5, .999))
    n = len(real)
    ones, zeros = torch.ones(n), torch.zeros(n)

    def step():
        od.zero_grad()
        fake = g(torch.randn(n, latent))
        loss = F.binary_cross_entropy_with_logits(d(real).flatten(), ones)
        loss = loss + F.binary_cross_entropy_with_logits(d(fake.detach()).flatten(), zeros)
        loss.backward()
        od.step()
        og.zero_grad()
        loss = F.binary_cross_entropy_with_logits(d(g(torch.randn(n, latent))).flatten(), ones)
        loss.backward()
        og.step()
    return step


def wgangp(nets, real, latent, critic_steps=5):
    g, d = nets
    og = torch.optim.Adam(g.parameters(), lr=1e-4, betas=(0., .9))
    od = torch.optim.Adam(d.parameters(), lr=1e-4, betas=(0., .9))
    n = len(real)

    def step():
        for _ in range(critic_steps):
            od.zero_grad()
            with torch.no_grad():
                fake = g(torch.randn(n, latent))
            e = torch.rand([n] + [1] * (real.dim() - 1))
            between = (e * real + (1 - e) * fake).requires_grad_(True)
            slope, = torch.autograd.grad(d(between).sum(), between, create_graph=True)
            penalty = ((slope.flatten(1).norm(2, 1) - 1) ** 2).mean()
            (d(fake).mean() - d(real).mean() + 10 * penalty).backward()
            od.step()
        og.zero_grad()
        (-d(g(torch.randn(n, latent))).mean()).backward()
        og.step()
    return step


def pixels(*shape):
    return torch.rand(*shape) * 2 - 1


WORKLOADS = {
    'toy': lambda: usual((mlp([2, 64, 64, 2], nn.SELU), mlp([2, 64, 64, 1], nn.ELU)),
                         torch.randn(256, 2), 2, 2e-4),
    'mlp': lambda: usual((mlp([100, 256, 256, 784], leaky(.2), nn.Tanh()),
                          mlp([784, 256, 256, 1], leaky(.2))), pixels(64, 784), 100, 2e-4),
    'thesis': lambda: usual(thesis(), pixels(128, 1, 28, 28), 96, 1e-3),
    'dcgan32': lambda: usual(dcgan(32, 32), pixels(64, 3, 32, 32), 100, 2e-4),
    'dcgan64': lambda: usual(dcgan(64, 64), pixels(16, 3, 64, 64), 100, 2e-4),
    'wgangp_mlp': lambda: wgangp((mlp([2, 512, 512, 512, 2], nn.ReLU), mlp([2, 512, 512, 512, 1], nn.ReLU)),
                                 torch.randn(256, 2), 2),
    'wgangp_mnist': lambda: wgangp(wgangp_mnist(), torch.rand(50, 1, 28, 28), 128),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=6)
    parser.add_argument('workload', nargs='*', choices=[[], *WORKLOADS])
    options = parser.parse_args()
    threads = int(os.environ.get('OMP_NUM_THREADS', os.cpu_count() or 1))
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    for name in options.workload or WORKLOADS:
        step = WORKLOADS[name]()
        for _ in range(3):
            step()
        took, begun = [], time.perf_counter()
        while len(took) < 5 or (len(took) < 2000 and time.perf_counter() - begun < options.seconds):
            t = time.perf_counter()
            step()
            took.append((time.perf_counter() - t) * 1e3)
        took.sort()
        n = len(took)
        median = (took[n // 2] + took[(n - 1) // 2]) / 2
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f'{name:14s} threads {threads}  median {median:9.3f} ms  min {took[0]:9.3f} ms  rss {peak} MiB',
              flush=True)


if __name__ == '__main__':
    main()
