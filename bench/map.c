// Element-wise maps, reductions and optimizers on one core in GB/s, beside memcpy.
//
//     build/bench_map [--isa scalar|sse2|avx2|avx512|neon|all]
//
// A line is `kernel GB/s GB/s x`: arrays that stay in the second-level cache, arrays that do not fit in any,
// and the latter as a part of memcpy's. Counted are the bytes that must be read and written once.
#include "bench.h"

// kernels beyond the maps
enum {
    COPY = GAN__MAP_COUNT,
    SUM,
    SUMSQ,
    FINITE,
    COLUMNS,
    NORM_SUMS,
    NORM_APPLY,
    NORM_BACK,
    MAX_POOL,
    MAX_UNPOOL,
    EMA,
    MOMENTUM,
    ADAM
};

#define MAP(name, inputs)                                                                                    \
    {                                                                                                        \
#name, GAN__MAP_##name, inputs + 1                                                                   \
    }
static const struct {
    const char *name;
    int what, arrays; // read and written
} rows[] = {
    {"memcpy", COPY, 2},
    MAP(affine, 1),
    MAP(abs, 1),
    MAP(sign, 1),
    MAP(exp, 1),
    MAP(log, 1),
    MAP(sqrt, 1),
    MAP(square, 1),
    MAP(reciprocal, 1),
    MAP(sin, 1),
    MAP(cos, 1),
    MAP(tanh, 1),
    MAP(sigmoid, 1),
    MAP(softplus, 1),
    MAP(erf, 1),
    MAP(relu, 1),
    MAP(leaky_relu, 1),
    MAP(elu, 1),
    MAP(gelu, 1),
    MAP(silu, 1),
    MAP(clamp, 1),
    MAP(add, 2),
    MAP(sub, 2),
    MAP(mul, 2),
    MAP(div, 2),
    MAP(maximum, 2),
    MAP(minimum, 2),
    MAP(pow, 2),
    MAP(lt, 2),
    MAP(le, 2),
    MAP(eq, 2),
    MAP(ne, 2),
    MAP(tanh_backward, 2),
    MAP(sigmoid_backward, 2),
    MAP(leaky_relu_backward, 2),
    MAP(elu_backward, 2),
    MAP(axpy, 2),
    MAP(where, 3),
    MAP(fma, 3),
    MAP(lerp, 3),
    {"sum", SUM, 1},
    {"sumsq", SUMSQ, 1},
    {"finite", FINITE, 1},
    {"sum_columns", COLUMNS, 1}, // of 64
    {"norm_sums", NORM_SUMS, 1}, // of 32 channels of 8 x 8 pixels
    {"norm_apply", NORM_APPLY, 2},
    {"norm_apply, back", NORM_BACK, 3},
    {"max_pool, inputs", MAX_POOL, 1}, // and a quarter of that written
    {"max_unpool, outputs", MAX_UNPOOL, 1},
    {"ema", EMA, 3},
    {"sgd, momentum", MOMENTUM, 5},
    {"adam", ADAM, 7},
};
enum { ROWS = sizeof rows / sizeof rows[0], BIG = 1 << 22, SMALL = 1 << 14 };

static gan_real *a, *b, *c, *y;
static gan_real sums[64];
static unsigned char places[BIG / 4];
static gan__cpu_opt_args o;
static double sink; // so that no compiler leaves the work out

static void run(const gan__cpu_kernels *k, int what, size_t n)
{
    const int64_t images = (int64_t)n / 2048;
    const gan__cpu_norm sums_of = {images, 2048, 32, 64, a, NULL, b, NULL, NULL, NULL, NULL, sums, sums + 32};
    const gan__cpu_norm apply_of = {images, 2048, 32, 64, a, NULL, b, b, b, NULL, y, NULL, NULL};
    const gan__cpu_norm back_of = {images, 2048, 32, 64, a, c, b, b, b, b, y, NULL, NULL};
    const gan__cpu_map one = {n, y, a, b, c, 1, 1, 1, (gan_real).2, (gan_real)1.5};
    switch (what) {
    case COPY: memcpy(y, a, n * sizeof *y); break;
    case SUM: sink += (double)k->sum(n, a); break;
    case SUMSQ: sink += (double)k->sumsq(n, a); break;
    case FINITE: sink += k->is_finite(n, a); break;
    case COLUMNS: k->sum_columns((int64_t)n / 64, 64, 64, a, sums); break;
    case NORM_SUMS: k->norm_sums(&sums_of); break;
    case NORM_APPLY: k->norm_apply(&apply_of); break;
    case NORM_BACK: k->norm_apply(&back_of); break;
    case MAX_POOL: k->max_pool((int)n / 128, 32, 64, a, y, places); break;
    case MAX_UNPOOL: k->max_unpool((int)n / 128, 32, (int)n / 64, 64, a, places, y); break;
    case EMA: k->ema(n, y, a, (gan_real).999); break;
    case MOMENTUM: k->sgd(n, y, a, b, &o); break;
    case ADAM: k->adam(n, y, a, b, c, &o); break;
    default: gan__isa_map(k, what, &one);
    }
}

// GB/s of the best of several calls.
static double rate(const gan__cpu_kernels *k, int row, size_t n, int calls)
{
    double least = 1e30, t;
    int i;
    for (i = 0; i < calls; ++i) {
        t = now();
        run(k, rows[row].what, n);
        t = now() - t;
        if (t < least) least = t;
    }
    return (double)n * sizeof(gan_real) * rows[row].arrays / least * 1e-9;
}

int main(int argc, char **argv)
{
    bench_options chosen;
    int i, isa, last;
    if (read_options(&chosen, argc, argv, 0, "")) return 2;
    isa = last = (int)chosen.desc.isa;
    if (isa == (int)GAN_ISA_COUNT) isa = GAN_ISA_SCALAR, last = (int)GAN_ISA_COUNT - 1;
    a = (gan_real *)malloc(BIG * sizeof *a);
    b = (gan_real *)malloc(BIG * sizeof *b);
    c = (gan_real *)malloc(BIG * sizeof *c);
    y = (gan_real *)malloc(BIG * sizeof *y);
    if (!a || !b || !c || !y) return fputs("no memory\n", stderr), 1;
    for (i = 0; i < BIG; ++i) {
        a[i] = (gan_real)(i * 37 % 1000 / 250. + .01);
        b[i] = (gan_real)(i * 91 % 1000 / 500. + .1);
        c[i] = (gan_real)(i * 53 % 1000 / 400. + .1);
        y[i] = 0;
    }
    o.lr = (gan_real).001;
    o.momentum = o.beta1 = o.bias1 = (gan_real).5;
    o.beta2 = o.bias2 = (gan_real).9;
    o.eps = (gan_real)1e-8;
    o.scale = 1;
    o.step = 2;
    for (; isa <= last; ++isa) {
        const gan__cpu_kernels *k = gan__isa_choose((gan_isa)isa);
        double copy = 0;
        if (!k) {
            if (chosen.desc.isa != GAN_ISA_COUNT) fputs("no such instruction set here\n", stderr);
            continue;
        }
        printf("%s, one thread, GB/s: in the cache, in memory, part of memcpy's\n", k->name);
        for (i = 0; i < (int)ROWS; ++i) {
            const double near = rate(k, i, SMALL, 40), far = rate(k, i, BIG, 3);
            if (!i) copy = far;
            printf("%-20s %8.2f %8.2f %6.2f\n", rows[i].name, near, far, far / copy);
        }
        fflush(stdout);
    }
    free(a);
    free(b);
    free(c);
    free(y);
    return sink != sink; // no NaN comes out
}
