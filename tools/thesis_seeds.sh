#!/bin/sh
# thesis_seeds.sh [VARIANT ...]: examples/thesis.c with several seeds, and what the thesis leaves open
#
#     base         as it stands
#     bias         biases of layers with Xavier weights from PyTorch's default instead of 0
#     replacement  samples drawn with replacement instead of shuffled epochs
#     half         D's loss halved
#
# Each is a patched copy in out/seeds, one thread a run, JOBS (1) runs at a time, SEEDS ('7 8 9 10 11') of
# STEPS (1000) iterations. Every run draws 10,000 digits from G and, from the same z, from its average (ema
# .999, which the training does not see); build/score judges both. D(G(z)) is read twice in an iteration: on
# D's batch before D's update, and on G's batch after it. Runs whose digits lie in out/seeds are not repeated;
# DRY=1 makes only the programs, JUDGE=1 judges only what is there.
cd "$(dirname "$0")/.." || exit 1
out=out/seeds steps=${STEPS:-1000} seeds=${SEEDS:-7 8 9 10 11} jobs=${JOBS:-1}
variants=${*:-base bias replacement half}
[ -s data/mnist/train-images-idx3-ubyte ] || sh tools/fetch_mnist.sh || exit 1
mkdir -p $out

# patch FILE PATTERN WITH: the one line that holds PATTERN changes
patch() {
    [ "$(grep -cF -- "$2" "$1")" = 1 ] || { echo "thesis_seeds: not one line of $1 has: $2"; exit 1; }
    OLD=$2 NEW=$3 awk '
        (i = index($0, ENVIRON["OLD"])) {
            $0 = substr($0, 1, i - 1) ENVIRON["NEW"] substr($0, i + length(ENVIRON["OLD"]))
        }
        { print }' "$1" >"$1.new" && mv "$1.new" "$1"
}

# program VARIANT: $out/VARIANT/thesis
program() {
    dir=$out/$1
    mkdir -p "$dir"
    cp gan.h examples/thesis.c examples/common.h "$dir"
    patch "$dir/gan.h" 'static gan_tensor *gan__loss_non_saturating_g(const gan__loss_in *a)' \
        'static double seeds_g_fake; static gan_tensor *gan__loss_non_saturating_g(const gan__loss_in *a) {
        seeds_g_fake = (double)gan_item(gan_mean_all(gan_sigmoid(gan_detach(a->f))));
        return gan_mean_all(gan_softplus(gan_neg(a->f))); }
        static gan_tensor *seeds_unused(const gan__loss_in *a)'
    case $1 in
    bias) patch "$dir/gan.h" \
        'm->init.kind == GAN_INIT_DEFAULT && !equalized ? m->init : gan_init_zeros()' 'gan_init_default()' ;;
    half) patch "$dir/gan.h" \
        'gan__loss_non_saturating_d(const gan__loss_in *a) { return gan__loss_bce(a); }' \
        'gan__loss_non_saturating_d(const gan__loss_in *a)
        { return gan_mul_scalar(gan__loss_bce(a), (gan_real).5); }' ;;
    replacement) patch "$dir/gan.h" 'return d->order[s[GAN__DATA_POSITION]++];' \
        '{ gan__core_rng r = gan__rng_stream(d->ctx, d->name); uint32_t u[4];
        r.stream = ~r.stream + (uint64_t)(s[GAN__DATA_EPOCH] + 1) * 0x9e3779b97f4a7c15u;
        r.counter = (uint64_t)s[GAN__DATA_POSITION]++; gan__rng_block(&r, u);
        return (size_t)((uint64_t)u[0] * (uint64_t)d->n >> 32); }' ;;
    esac
    patch "$dir/thesis.c" '"d_loss,g_loss,d_real,d_fake"' '"d_loss,g_loss,d_real,d_fake,g_fake"'
    patch "$dir/thesis.c" '(double)s.d_real, (double)s.d_fake);' \
        '(double)s.d_real, (double)s.d_fake, seeds_g_fake);'
    patch "$dir/thesis.c" '    t = gan_trainer_create(ctx, &desc);' \
        '    desc.ema = .999f; t = gan_trainer_create(ctx, &desc);'
    patch "$dir/thesis.c" '    ex_samples(ctx, &o, &desc, t);' '    {
        const gan__core_rng z = ctx->rng;
        char name[600];
        ex_options average = o;
        snprintf(name, sizeof name, "%s_average", o.samples_file ? o.samples_file : "");
        average.samples_file = name;
        ex_samples(ctx, &average, &desc, t);
        t->desc.ema = 0, t->averages = NULL, ctx->rng = z;
        ex_samples(ctx, &o, &desc, t);
    }'
    ${CC:-cc} -O2 -w -I"$dir" "$dir/thesis.c" -lm -o "$dir/thesis" || exit 1
}

run() {
    [ -s "$out/$1_$2" ] && return
    nice -n 15 $out/$1/thesis --seed $2 --threads 1 --steps $steps --data data/mnist --out "$out/$1/$2" \
        --samples 10000 "$out/$1_$2" </dev/null >"$out/$1_$2.log" 2>&1 || { rm -f "$out/$1_$2"; return; }
    cp "$out/$1/$2/log.csv" "$out/$1_$2.csv"
    rm -rf "${out:?}/$1/$2"
}

[ -n "$DRY" ] || ${MAKE:-make} --no-print-directory build/score >/dev/null || exit 1
running=0
for variant in $variants; do
    [ -n "$JUDGE" ] && break
    program $variant
    [ -n "$DRY" ] && continue
    for seed in $seeds; do
        run $variant $seed &
        running=$((running + 1))
        [ $((running % jobs)) = 0 ] && wait
    done
done
wait
[ -n "$DRY" ] && exit
files=
for variant in $variants; do
    for seed in $seeds; do
        one=$out/${variant}_$seed
        [ -s "$one" ] && [ -s "$one.csv" ] && files="$files $one ${one}_average"
    done
done
build/score --threads 1 --classifier $out/mnist.safetensors $files >$out/table || exit 1
for one in $files; do
    [ -s "$one.csv" ] && awk -F, -v who="${one##*/}" '
        $1 > 500 { n++; b += $5 >= .45 && $5 <= .55; sb += $5; a += $6 >= .45 && $6 <= .55; sa += $6 }
        END { if (n) print "share", who, 100 * b / n, sb / n, 100 * a / n, sa / n }' "$one.csv"
done >$out/shares
cat $out/table $out/shares | awk '
function median(key, n,   i, j, v, t) {
    for (i = 1; i <= n; ++i) v[i] = at[key, i]
    for (i = 2; i <= n; ++i)
        for (j = i; j > 1 && v[j] < v[j - 1]; --j) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
function row(label, a, b, c, d, e, f) {
    printf "%-18s %7.2f %7.2f  %5.1f%% %6.3f  %5.1f%% %6.3f\n", label, a, b, c, d, e, f
}
/^classifier/ { print }
$1 ~ /_average$/ { sub(/_average$/, "", $1); average[$1] = $7; next }
$1 ~ /_[0-9]+$/ { own[$1] = $7 }
$1 == "share" { line[$2] = $0; order[++lines] = $2 }
END {
    printf "%-18s %15s  %14s  %14s\n", "", "frechet", "before D", "after D"
    printf "%-18s %7s %7s  %6s %6s  %6s %6s\n", "variant_seed", "G", "average", "inside", "mean", "inside",
        "mean"
    for (k = 1; k <= lines; ++k) {
        who = order[k]
        split(line[who], part, " ")
        variant = who
        sub(/_[0-9]+$/, "", variant)
        if (!(variant in count)) names[++variants] = variant
        n = ++count[variant]
        row(who, own[who], average[who], part[3], part[4], part[5], part[6])
        at[variant "1", n] = own[who]; at[variant "2", n] = average[who]
        for (i = 3; i <= 6; ++i) at[variant i, n] = part[i]
    }
    for (k = 1; k <= variants; ++k) {
        v = names[k]; n = count[v]
        row(v " median", median(v "1", n), median(v "2", n), median(v "3", n), median(v "4", n),
            median(v "5", n), median(v "6", n))
    }
}'
