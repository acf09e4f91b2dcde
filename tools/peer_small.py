#!/usr/bin/env python3
"""bench/small.c in PyTorch: how long one generated sample takes, and a process until its first one.

usage: OMP_NUM_THREADS=T python3 tools/peer_small.py [--seconds S] [--starts N] [mlp|thesis|dcgan32 ...]
Batch 1, batch norm with its running statistics, no gradients. Prints the lines of bench_small.
"""
import os
import subprocess
import sys
import time


def generator(name):
    import torch
    import peer_steps
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', os.cpu_count() or 1)))
    net, latent = {
        'mlp': lambda: (peer_steps.mlp([100, 256, 256, 784], peer_steps.leaky(.2), torch.nn.Tanh()), 100),
        'thesis': lambda: (peer_steps.thesis()[0], 96),
        'dcgan32': lambda: (peer_steps.dcgan(32, 32)[0], 100),
    }[name]()
    net.eval()

    def sample():
        with torch.inference_mode():
            return net(torch.randn(1, latent)).flatten()[0].item()
    return sample


def resident():
    """MiB, at most. Not getrusage: across fork and exec Linux keeps the parent's figure there."""
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmHWM')) // 1024


def first(name):
    begun = time.perf_counter()
    command = [sys.executable, os.path.abspath(__file__), '--first', name]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    mib = int(child.stdout.readline())
    took = (time.perf_counter() - begun) * 1e3
    child.wait()
    return took, mib


def median(values):
    values = sorted(values)
    n = len(values)
    return (values[n // 2] + values[(n - 1) // 2]) / 2


def measure(name, seconds, starts):
    sample = generator(name)
    sample()
    took, begun = [], time.perf_counter()
    while len(took) < 5 or (len(took) < 20000 and time.perf_counter() - begun < seconds):
        t = time.perf_counter()
        sample()
        took.append((time.perf_counter() - t) * 1e6)
    firsts = [first(name) for _ in range(starts)]
    mib = max(m for _, m in firsts)
    firsts = [t for t, _ in firsts]
    threads = int(os.environ.get('OMP_NUM_THREADS', os.cpu_count() or 1))
    print(f'{name:8s} threads {threads}  sample {median(took):9.1f} us  min {min(took):9.1f} us  first after '
          f'{median(firsts):8.2f} ms  min {min(firsts):8.2f} ms  rss {mib} MiB', flush=True)


def main():
    if sys.argv[1:2] == ['--first']:
        generator(sys.argv[2])()
        print(resident(), flush=True)
        return
    import argparse
    names = ['mlp', 'thesis', 'dcgan32']
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--starts', type=int, default=5)
    parser.add_argument('name', nargs='*', choices=[[], *names])
    options = parser.parse_args()
    for name in options.name or names:
        measure(name, options.seconds, options.starts)


main()
