#!/usr/bin/env python3
"""Retraces what tools/optimizers.c prints in PyTorch, in double precision (compare_optimizers.sh).

usage: compare_optimizers.py LINES      the last line is `N passed, N failed`
"""
import math
import sys
import warnings

import torch
from torch.optim import lr_scheduler as S

N, STEPS, VALUES, TOLERANCE = 37, 20, 60, 1e-11
O = torch.optim

OPTIMIZERS = {
    'sgd': (O.SGD, dict(lr=.05)),
    'momentum': (O.SGD, dict(lr=.05, momentum=.9, weight_decay=.1)),
    'nesterov': (O.SGD, dict(lr=.05, momentum=.8, weight_decay=.1, nesterov=True)),
    'dampening': (O.SGD, dict(lr=.05, momentum=.8, dampening=.4)),
    'rmsprop': (O.RMSprop, dict(lr=.01, momentum=.7, weight_decay=.1)),
    'adam': (O.Adam, dict(lr=.02, betas=(.5, .9), weight_decay=.1)),
    'adamw': (O.AdamW, dict(lr=.02, betas=(.5, .9), weight_decay=.1)),
    'amsgrad': (O.Adam, dict(lr=.02, betas=(.5, .6), weight_decay=.1, amsgrad=True)),
    'adagrad': (O.Adagrad, dict(lr=.1, weight_decay=.1, lr_decay=.1, initial_accumulator_value=.5)),
    'adadelta': (O.Adadelta, dict(lr=.5, weight_decay=.1)),
    'adamax': (O.Adamax, dict(lr=.02, betas=(.5, .9), weight_decay=.1)),
    'nadam': (O.NAdam, dict(lr=.02, weight_decay=.1)),
    'radam': (O.RAdam, dict(lr=.02, weight_decay=.1)),
    'clip_norm': (O.Adam, dict(lr=.02, betas=(.5, .9))),
    'clip_value': (O.Adam, dict(lr=.02, betas=(.5, .9))),
}

SCHEDULES = {
    'linear': lambda o: S.LinearLR(o, 1, .25, total_iters=40),
    'step': lambda o: S.StepLR(o, 9, .75),
    'exponential': lambda o: S.ExponentialLR(o, .9),
    'cosine': lambda o: S.CosineAnnealingLR(o, 59, .125),
    'restarts': lambda o: S.CosineAnnealingWarmRestarts(o, 13, 1, .125),
    'warm_up': lambda o: S.LinearLR(o, .25, 1, total_iters=30),
    'plateau': lambda o: S.ReduceLROnPlateau(o, factor=.2, patience=5, threshold=0),
}


def optimizer(name):
    make, options = OPTIMIZERS[name]
    w = torch.tensor([2 * math.cos(.3 * k) for k in range(N)], dtype=torch.double, requires_grad=True)
    a = torch.tensor([(.1 + .02 * k) / 2 for k in range(N)], dtype=torch.double)
    o = make([w], **options)
    for t in range(1, STEPS + 1):
        b = torch.tensor([math.sin(1.7 * k + .9 * t) * (1 + .1 * k) for k in range(N)], dtype=torch.double)
        o.zero_grad()
        (a * w * w + b * w).sum().backward()
        if name == 'clip_norm':
            torch.nn.utils.clip_grad_norm_([w], 2)
        if name == 'clip_value':
            torch.nn.utils.clip_grad_value_([w], .7)
        o.step()
    return w.tolist()


def schedule(name):
    o = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2)
    s = SCHEDULES[name](o)
    values = []
    for t in range(VALUES):
        if name == 'plateau':
            s.step(math.exp(-.05 * t) + .3 * math.sin(2.7 * t))
        values.append(o.param_groups[0]['lr'])
        if name != 'plateau':
            o.step()
            s.step()
    return values


def main(path):
    warnings.simplefilter('ignore')
    passed = failed = 0
    with open(path) as f:
        for line in f:
            name, *ours = line.split()
            if name == 'nadam' and int(torch.__version__.split('.')[0]) < 2:
                print(f'{name:12} skipped: PyTorch before 2.0 counts mu_t twice, against its documentation')
                continue
            theirs = optimizer(name) if name in OPTIMIZERS else schedule(name)
            allowed = 1e-6 if name == 'nadam' else TOLERANCE  # PyTorch keeps the product of mu as a float
            off = max(abs(float(x) - y) for x, y in zip(ours, theirs))
            good = len(ours) == len(theirs) and off <= allowed
            print(f'{name:12} {off:9.2g} {"" if good else "FAILED"}'.rstrip())
            passed, failed = passed + good, failed + (not good)
    print(f'PyTorch {torch.__version__}, double precision, largest difference allowed {TOLERANCE}')
    print(f'{passed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
