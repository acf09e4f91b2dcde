#!/bin/sh
# compare_digits.sh: the network of the thesis trained by gan.h and by PyTorch for STEPS (1000) iterations,
# and tools/score.c on 10,000 digits of each. SEEDS ('1 2') says how often.
steps=${STEPS:-1000}
sh tools/fetch_mnist.sh || exit 1
${MAKE:-make} --no-print-directory build/thesis build/score >/dev/null || exit 1
python=
for one in "$PYTHON" python3 /usr/bin/python3; do
    [ -n "$one" ] && "$one" -c 'import torch, numpy' 2>/dev/null && { python=$one; break; }
done
blas=
for one in /usr/lib/*/openblas-openmp/libblas.so.3; do
    [ -f "$one" ] && blas=$one
done
mkdir -p out/score
files=
for seed in ${SEEDS:-1 2}; do
    ours=out/score/ours_$seed
    build/thesis --steps "$steps" --seed "$seed" --data data/mnist --out out/score/run_$seed \
        --samples 10000 $ours </dev/null >out/score/ours_$seed.log || exit 1
    files="$files $ours"
    [ -n "$python" ] || continue
    peer=out/score/torch_$seed
    LD_PRELOAD=$blas "$python" tools/peer_thesis.py --steps "$steps" --seed "$seed" --samples 10000 $peer \
        >out/score/torch_$seed.log || exit 1
    files="$files $peer"
done
build/score --data data/mnist --classifier out/score/classifier.safetensors $files
