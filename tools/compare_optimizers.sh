#!/bin/sh
# compare_optimizers.sh: 20 steps of every optimizer and 60 values of every schedule that PyTorch has, by
# gan.h and by PyTorch, both in double precision. The last line is `N passed, N failed`; without PyTorch it
# says that it is skipped.
python=
for one in "$PYTHON" python3 /usr/bin/python3; do
    [ -n "$one" ] && "$one" -c 'import torch' 2>/dev/null && { python=$one; break; }
done
[ -n "$python" ] || { echo 'compare_optimizers: skipped: python3-torch is not here'; exit 0; }
mkdir -p build
${CC:-cc} -O2 -DGAN_DOUBLE -I. tools/optimizers.c -o build/optimizers -lm || exit 1
build/optimizers >build/optimizers.txt && "$python" tools/compare_optimizers.py build/optimizers.txt
