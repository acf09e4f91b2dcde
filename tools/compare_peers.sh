#!/bin/sh
# compare_peers.sh [options] [workload ...]: gan.h beside what a user would pick instead, in one run: whole
# iterations and single samples beside PyTorch's, matrix products beside OpenBLAS's, BLIS's and oneDNN's,
# convolutions beside oneDNN's, element-wise passes beside memcpy. All take turns, because a machine's speed
# changes while it runs, and the peak of its multiply-adds is read in the same turns. It ends with one table
# of ratios and parts of the peak, and with the figures that gan.h aims at beside what was reached.
#
#   --parts "steps small gemm conv map"   what to run (all)
#   --rounds N                            how often gan.h and PyTorch take turns (3)
#   --seconds S                           of one workload's turn (3); of one product or convolution (S / 15)
#   --threads "1 2"                       numbers of threads
#
# What it prints before the table can be kept and given to tools/compare_peers.awk again.
# The peers are Debian packages, installed by name when this is root; what is missing is left out. CC and
# OPENMP as in the Makefile; PYTHON is the interpreter that has torch.
parts='steps small gemm conv map' rounds=3 seconds=3 threads='1 2'
usage() { sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
    --parts) parts=$2 ;;
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --threads) threads=$2 ;;
    -*) usage ;;
    *) break ;;
    esac
    [ $# -ge 2 ] || usage
    shift 2
done
workloads=${*:-toy mlp thesis dcgan32 dcgan64 wgangp_mlp wgangp_mnist}
cd "$(dirname "$0")/.." || exit 1

among() { case " $2 " in *" $1 "*) return 0 ;; esac; return 1; }
glob() { for one in $1; do [ -e "$one" ] && { echo "$one"; return; }; done; }

missing=
need() { [ -n "$(glob "$1")" ] || missing="$missing $2"; }
need '/usr/lib/*/openblas-openmp/libblas.so.3' libopenblas0-openmp
need '/usr/lib/*/blis-openmp/libblis.so.4' libblis4-openmp
need '/usr/lib/*/libdnnl.so.2' libdnnl2
need /usr/include/dnnl.h libdnnl-dev
need '/usr/lib/python3/dist-packages/torch' python3-torch
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing:$missing"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt-get update -qq >/dev/null 2>&1
    for package in $missing; do
        apt-get install -y -qq "$package" </dev/null >/dev/null 2>&1 || echo "not installed: $package"
    done
elif [ -n "$missing" ]; then
    echo "not installed:$missing"
fi

python=
for one in "$PYTHON" /usr/bin/python3 python3; do
    [ -n "$one" ] && "$one" -c 'import torch' 2>/dev/null && { python=$one; break; }
done
[ -n "$python" ] || echo 'no python3 with torch: its figures are left out'
blas=$(glob '/usr/lib/*/openblas-openmp/libblas.so.3')
[ -n "$blas" ] || echo 'libopenblas0-openmp is not installed: PyTorch runs with the BLAS that it finds'
# OpenBLAS 0.3.21 takes newer processors for the oldest; PyTorch is at its best when it is told.
if [ -z "$OPENBLAS_CORETYPE" ] && grep -qw avx512f /proc/cpuinfo 2>/dev/null; then
    OPENBLAS_CORETYPE=SkylakeX
    export OPENBLAS_CORETYPE
fi

for part in $parts; do
    among "$part" 'steps small gemm conv map' || usage
    ${MAKE:-make} --no-print-directory "build/bench_$part" >/dev/null || exit 1
done
all=$(mktemp) || exit 1
trap 'rm -f "$all"' EXIT
trap 'exit 1' INT TERM

# Lines of `part who round line of the program`.
ours() { part=$1 round=$2; shift 2; "build/bench_$part" "$@" | sed "s/^/$part ours $round /"; }
torch() { # torch PART ROUND THREADS ARGUMENTS...
    [ -n "$python" ] || return
    part=$1 round=$2 t=$3
    shift 3
    LD_PRELOAD=$blas OMP_NUM_THREADS=$t "$python" "tools/peer_$part.py" "$@" | sed "s/^/$part peer $round /"
}
slice=$(awk "BEGIN { print $seconds / 15 }")
{
    for workload in $workloads; do
        among steps "$parts" || break
        for round in $(seq "$rounds"); do
            for t in $threads; do
                ours steps "$round" --threads "$t" --seconds "$seconds" "$workload"
                torch steps "$round" "$t" --seconds "$seconds" "$workload"
            done
        done
    done
    for workload in $workloads; do
        among small "$parts" || break
        among "$workload" 'mlp thesis dcgan32' || continue
        for round in $(seq "$rounds"); do
            for t in $threads; do
                ours small "$round" --threads "$t" --seconds 1 "$workload"
                torch small "$round" "$t" --seconds 1 --starts 3 "$workload"
            done
        done
    done
    for t in $threads; do
        usual=
        [ $# -gt 0 ] || usual=usual
        # shellcheck disable=SC2086
        among gemm "$parts" && ours gemm "$t" --threads "$t" --seconds "$slice" $usual $workloads
        # shellcheck disable=SC2086
        among conv "$parts" && ours conv "$t" --threads "$t" --seconds "$slice" $workloads
    done
    among map "$parts" && ours map 1
    from=$(date +%s%N)
    printf '#define GAN_IMPLEMENTATION\n#include "gan.h"\n' >"$all.c"
    ${CC:-cc} -O2 -I. -c "$all.c" -o "$all.o" &&
        echo "compile ours 1 $((($(date +%s%N) - from) / 1000000)) ms"
    rm -f "$all.c" "$all.o"
} | tee "$all"
awk -f tools/compare_peers.awk "$all"
