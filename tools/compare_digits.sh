#!/bin/sh
# compare_digits.sh: the network of the thesis trained by gan.h and by PyTorch, judged along the way by the
# classifier of tools/score.c, in one table: mean and standard deviation of the seeds, for each at a quarter,
# a half, three quarters and the whole of STEPS (2000) iterations.
#
# SEEDS ('1 2 3') says which; SAMPLES (10000) how many pictures; THREADS (all) for both. Trainings whose
# pictures lie in out/score are not repeated: rm -r out/score begins anew. Without PyTorch it is left out.
steps=${STEPS:-2000} seeds=${SEEDS:-1 2 3} samples=${SAMPLES:-10000}
threads=${THREADS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
cd "$(dirname "$0")/.." || exit 1
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
every=$((steps / 4)) out=out/score
[ $every -gt 0 ] || { echo 'compare_digits: STEPS is 4 or more'; exit 2; }
steps=$((4 * every))
marks="$every $((2 * every)) $((3 * every)) $steps"
mkdir -p $out

# all WHO SEED: the pictures of this run are there
all() { for at in $marks; do [ -s "$out/$1_$2_$at" ] || return 1; done; }
files= logs=
for seed in $seeds; do
    if ! all ours $seed; then
        rm -rf "$out/run_$seed"
        for at in $marks; do
            build/thesis --resume --steps $at --seed $seed --threads $threads --data data/mnist \
                --out $out/run_$seed --samples $samples $out/ours_${seed}_$at </dev/null \
                >>$out/ours_$seed.log || exit 1
        done
    fi
    for at in $marks; do files="$files $out/ours_${seed}_$at"; done
    logs="$logs ours=$out/run_$seed/log.csv"
    [ -n "$python" ] || continue
    if ! all torch $seed; then
        LD_PRELOAD=$blas OMP_NUM_THREADS=$threads "$python" tools/peer_thesis.py --steps $steps \
            --every $every --seed $seed --samples $samples $out/torch_$seed --log $out/torch_$seed.csv \
            >$out/torch_$seed.log || exit 1
    fi
    for at in $marks; do files="$files $out/torch_${seed}_$at"; done
    logs="$logs torch=$out/torch_$seed.csv"
done
build/score --classifier $out/mnist.safetensors --threads $threads $files >$out/table || exit 1

# Of each run the share of iterations after 500 (or the first quarter) with D(G(z)) in .45 .. .55.
for log in $logs; do
    awk -F, -v who="${log%%=*}" -v from=$((every < 500 ? every : 500)) \
        '$1 > from { n++; in_ += $5 >= .45 && $5 <= .55; sum += $5 }
        END { if (n) print "share", who, 100 * in_ / n, sum / n }' "${log#*=}"
done >$out/shares

cat $out/table $out/shares | awk -v seeds="$seeds" -v from=$((every < 500 ? every : 500)) '
function add(key, v) { n[key]++; s[key] += v; q[key] += v * v }
function show(key, digits,   m, d) {
    m = s[key] / n[key]
    d = n[key] > 1 ? (q[key] - n[key] * m * m) / (n[key] - 1) : 0
    return sprintf("%.*f +- %.*f", digits, m, digits, sqrt(d > 0 ? d : 0))
}
function brief(key) { return sprintf("%.2f", s[key] / n[key]) }
function row(label, key) {
    printf "%-13s %14s %13s %13s %12s %10s\n", label, show(key 7, 2), show(key 8, 0), show(key 4, 2),
        show(key 5, 1) "%", brief(key 9) " " brief(key 10)
}
BEGIN { name["ours"] = "gan.h"; name["torch"] = "PyTorch" }
/^classifier/ { print }
$1 == "share" { add($2 "in", $3); add($2 "mean", $4); next }
$1 ~ /^(ours|torch)_[0-9]+_[0-9]+$/ {
    split($1, part, "_")
    key = part[1] " " part[3] " "
    if (!(key in seen)) { seen[key] = 1; order[++keys] = key }
}
$1 == "training_pictures" { key = "MNIST itself "; order[++keys] = key }
$1 ~ /^(ours|torch)_|^training_pictures/ {
    for (i = 2; i <= 10; ++i) { v = $i; sub(/%/, "", v); add(key i, v + 0) }
}
END {
    printf "seeds %s: mean +- standard deviation\n", seeds
    printf "%-13s %14s %13s %13s %12s %10s\n", "iterations", "frechet", "1000 kernel", "classes", "rarest",
        "prec rec"
    for (w = 1; w <= 3; ++w) for (k = 1; k <= keys; ++k) {
        split(order[k], part, " ")
        if (part[1] != (w == 1 ? "ours" : w == 2 ? "torch" : "MNIST")) continue
        row((part[1] in name ? name[part[1]] : part[1]) " " part[2], order[k])
    }
    for (k = 1; k <= 2; ++k) {
        w = k == 1 ? "ours" : "torch"
        if (n[w "in"]) printf "%-8s D(G(z)) in .45 .. .55 in %s %% of the iterations after %d; mean %s\n",
            name[w], show(w "in", 1), from, show(w "mean", 3)
    }
}'
