#!/bin/sh
# compare_torch.sh [workload ...]: bench_steps and PyTorch in turns, A B A B, on 1 and 2 threads; the ratios.
# The machine's speed changes while it runs, so only what stands in one row is to be compared.
#
# SECONDS_EACH (3) is the time of one measurement, ROUNDS (2) how often the two take turns, THREADS ('1 2').
# PyTorch: Debian's python3-torch; with libopenblas0-openmp its matrix products are at their best.
workloads=${*:-toy mlp thesis dcgan32 dcgan64 wgangp_mlp wgangp_mnist}
seconds=${SECONDS_EACH:-3}
${MAKE:-make} --no-print-directory build/bench_steps >/dev/null || exit 1
python=
for one in "$PYTHON" python3 /usr/bin/python3; do
    [ -n "$one" ] && "$one" -c 'import torch' 2>/dev/null && { python=$one; break; }
done
[ -n "$python" ] || { echo 'no python3 with torch (Debian: python3-torch libopenblas0-openmp)'; exit 1; }
blas=
for one in /usr/lib/*/openblas-openmp/libblas.so.3; do
    [ -f "$one" ] && blas=$one
done
[ -n "$blas" ] || echo 'libopenblas0-openmp is not installed: PyTorch runs with the BLAS that it finds'

all=$(mktemp) || exit 1
trap 'rm -f "$all"' EXIT
for threads in ${THREADS:-1 2}; do
    for workload in $workloads; do
        round=0
        while [ $round -lt "${ROUNDS:-2}" ]; do
            build/bench_steps --threads "$threads" --seconds "$seconds" "$workload" | sed 's/^/ours /'
            LD_PRELOAD=$blas OMP_NUM_THREADS=$threads "$python" tools/peer_steps.py --seconds "$seconds" \
                "$workload" | sed 's/^/torch /'
            round=$((round + 1))
        done
    done
done | tee "$all"
awk '
    function least(name, value) { if (!(name in best) || value < best[name]) best[name] = value }
    $5 == "median" {
        key = $2 " " $4
        if (!(key in seen)) { seen[key] = 1; order[++n] = key }
        least($1 " median " key, $6)
        least($1 " min " key, $9)
        for (i = 10; i <= NF; ++i) if ($i == "rss") least($1 " rss " key, $(i + 1))
    }
    END {
        printf "\n%-14s %7s %11s %11s %7s %11s %11s %7s %9s %9s\n", "workload", "threads", "gan.h ms", \
            "torch ms", "ratio", "gan.h least", "torch least", "ratio", "gan.h MiB", "torch MiB"
        for (i = 1; i <= n; ++i) {
            split(order[i], part, " ")
            k = order[i]
            a = best["ours median " k]; b = best["torch median " k]
            c = best["ours min " k]; d = best["torch min " k]
            printf "%-14s %7d %11.3f %11.3f %7s %11.3f %11.3f %7s %9d %9d\n", part[1], part[2], a, b, \
                a ? sprintf("%.2f", b / a) : "-", c, d, c ? sprintf("%.2f", d / c) : "-", \
                best["ours rss " k], best["torch rss " k]
        }
        print "ratio: PyTorch divided by gan.h; above 1 gan.h is faster. Medians: of the better round."
    }' "$all"
