#!/bin/sh
# compare_trajectory.sh [STEPS]: the thesis's network trained by gan.h and by PyTorch from the same weights,
# batches and z. Columns: iteration, losses of D and G by gan.h; the same by PyTorch. They part only as
# rounding grows.
steps=${1:-10}
sh tools/fetch_mnist.sh || exit 1
python=
for one in "$PYTHON" python3 /usr/bin/python3; do
    [ -n "$one" ] && "$one" -c 'import torch, numpy' 2>/dev/null && { python=$one; break; }
done
[ -n "$python" ] || { echo 'compare_trajectory: no Python with PyTorch here'; exit 1; }
mkdir -p build out/trajectory
${CC:-cc} -O2 -I. tools/trajectory.c -o build/trajectory -lm || exit 1
cd out/trajectory || exit 1
PYTHONPATH=../../tools "$python" ../../tools/peer_trajectory.py make input "$steps" --data ../../data/mnist &&
    ../../build/trajectory input "$steps" weights.safetensors >ours &&
    PYTHONPATH=../../tools "$python" ../../tools/peer_trajectory.py run input "$steps" weights.safetensors \
        >torch &&
    paste ours torch
