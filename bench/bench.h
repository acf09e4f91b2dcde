// What the benchmarks share: options, clock, median, the peak of the processor's multiply-adds, and the
// layers of the seven workloads, from which the matrix products, the convolutions and the least work all
// follow.
#ifndef BENCH_H
#define BENCH_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200112L
#endif
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

typedef struct bench_options {
    gan_desc desc;  // threads and isa as asked for
    double seconds; // of one measurement
    int alone;      // without the peers
    int first;      // argv[first .. argc - 1] are names
} bench_options;

// --threads T, --seconds S, --isa NAME (or all), --alone, then words of `names`. 0, or 2 after the usage.
static inline int read_options(bench_options *o, int argc, char **argv, double seconds, const char *names)
{
#define ROW(id, name) #name,
    static const char *const isas[] = {"auto", GAN_ISAS(ROW) "all"};
#undef ROW
    int i, k, bad = 0;
    memset(o, 0, sizeof *o);
    o->seconds = seconds;
    o->desc.seed = 1;
    for (i = 1; i < argc && argv[i][0] == '-' && !bad; ++i) {
        if (!strcmp(argv[i], "--alone")) {
            o->alone = 1;
        } else if (++i == argc) {
            bad = 1;
        } else if (!strcmp(argv[i - 1], "--threads")) {
            o->desc.threads = atoi(argv[i]);
        } else if (!strcmp(argv[i - 1], "--seconds")) {
            o->seconds = atof(argv[i]);
        } else if (!strcmp(argv[i - 1], "--isa")) {
            for (k = 0; k <= (int)GAN_ISA_COUNT && strcmp(argv[i], isas[k]); ++k) {}
            o->desc.isa = (gan_isa)k;
            bad = k > (int)GAN_ISA_COUNT;
        } else {
            bad = 1;
        }
    }
    for (o->first = i; i < argc && !bad; ++i) {
        const char *at = strstr(names, argv[i]);
        const size_t n = strlen(argv[i]);
        while (at && ((at > names && at[-1] != ' ') || (at[n] && at[n] != ' '))) at = strstr(at + 1, argv[i]);
        bad = !at || !n;
    }
    if (bad)
        fprintf(
            stderr,
            "%s [--threads T] [--seconds S] [--isa scalar|sse2|avx2|avx512|neon] [--alone] [NAME ...]%s%s\n",
            argv[0], *names ? "\nnames: " : "", names);
    return bad ? 2 : 0;
}

// Whether name is among the names asked for; all are when there is none.
static inline int wanted(const bench_options *o, int argc, char **argv, const char *name)
{
    int i;
    for (i = o->first; i < argc; ++i)
        if (!strcmp(argv[i], name)) return 1;
    return o->first >= argc;
}

static inline double now(void) // seconds
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *v, int n) // sorts v; 0 of nothing
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return n ? (v[n / 2] + v[(n - 1) / 2]) / 2 : 0;
}

static inline long resident(void) // MiB, the most of this process so far
{
#if defined(__unix__) || defined(__APPLE__)
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage)) return 0;
#ifdef __APPLE__
    return (long)usage.ru_maxrss / (1024 * 1024);
#else
    return (long)usage.ru_maxrss / 1024;
#endif
#else
    return 0;
#endif
}

// The peak: 12 independent chains of multiply-adds in registers, twice as many as two units of latency 4 need
// at one a cycle and half as many again; on all threads at once.
enum { CHAIN = 100000, PEAK_THREADS = 64 };

typedef struct peak_task {
    gan_isa isa;
    double flops[PEAK_THREADS];
    gan_real sink[PEAK_THREADS]; // so that no compiler leaves the work out
} peak_task;

#define CHAINS(vector, set, fma, store, lanes)                                                               \
    vector a = set(1), b = set(2), c = set(3), d = set(4), e = set(5), f = set(6), g = set(7), h = set(8),   \
           i = set(9), j = set(10), k = set(11), l = set(12);                                                \
    const vector x = set((gan_real).999), y = set((gan_real).001);                                           \
    gan_real out[lanes];                                                                                     \
    int n;                                                                                                   \
    for (n = 0; n < CHAIN; ++n) {                                                                            \
        a = fma(a, x, y), b = fma(b, x, y), c = fma(c, x, y), d = fma(d, x, y), e = fma(e, x, y);            \
        f = fma(f, x, y), g = fma(g, x, y), h = fma(h, x, y), i = fma(i, x, y), j = fma(j, x, y);            \
        k = fma(k, x, y), l = fma(l, x, y);                                                                  \
    }                                                                                                        \
    a = fma(a, b, c), d = fma(d, e, f), g = fma(g, h, i), j = fma(j, k, l);                                  \
    store(out, fma(a, d, fma(g, j, a)));                                                                     \
    *sink = out[0];                                                                                          \
    return 12. * 2 * lanes * (double)CHAIN

#define ONE_SET(v) ((gan_real)(v))
#define ONE_FMA(a, x, y) ((a) * (x) + (y))
#define ONE_STORE(to, v) (*(to) = (v))
static inline double chains_scalar(gan_real *sink) { CHAINS(gan_real, ONE_SET, ONE_FMA, ONE_STORE, 1); }
#undef ONE_SET
#undef ONE_FMA
#undef ONE_STORE

#if !defined(GAN_DOUBLE) && !defined(GAN_NO_SIMD) && defined(__GNUC__) &&                                    \
    (defined(__x86_64__) || defined(__i386__))
#define PEAK_X86 1
#define SSE2_FMA(a, x, y) _mm_add_ps(_mm_mul_ps(a, x), y)
__attribute__((target("sse2"))) static inline double chains_sse2(float *sink)
{
    CHAINS(__m128, _mm_set1_ps, SSE2_FMA, _mm_storeu_ps, 4);
}
__attribute__((target("avx2,fma"))) static inline double chains_avx2(float *sink)
{
    CHAINS(__m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_storeu_ps, 8);
}
__attribute__((target("avx512f"))) static inline double chains_avx512(float *sink)
{
    CHAINS(__m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_storeu_ps, 16);
}
#undef SSE2_FMA
#elif !defined(GAN_DOUBLE) && !defined(GAN_NO_SIMD) && defined(__aarch64__)
#define PEAK_NEON 1
#define NEON_FMA(a, x, y) vfmaq_f32(y, a, x)
static inline double chains_neon(float *sink) { CHAINS(float32x4_t, vdupq_n_f32, NEON_FMA, vst1q_f32, 4); }
#undef NEON_FMA
#endif
#undef CHAINS

static inline void run_peak(void *arg, int64_t task)
{
    peak_task *p = (peak_task *)arg;
    gan_real *sink = &p->sink[task];
    switch (p->isa) {
#ifdef PEAK_X86
    case GAN_ISA_SSE2: p->flops[task] = chains_sse2(sink); break;
    case GAN_ISA_AVX2: p->flops[task] = chains_avx2(sink); break;
    case GAN_ISA_AVX512: p->flops[task] = chains_avx512(sink); break;
#elif defined(PEAK_NEON)
    case GAN_ISA_NEON: p->flops[task] = chains_neon(sink); break;
#endif
    default: p->flops[task] = chains_scalar(sink);
    }
}

// GFLOP/s of all threads together, now: the better of two looks, half a millisecond in all.
static inline double peak(gan_context *ctx)
{
    peak_task p;
    const int threads = ctx->par.threads < PEAK_THREADS ? ctx->par.threads : PEAK_THREADS;
    double best = 0, sum, t;
    int i, r;
    memset(&p, 0, sizeof p);
    p.isa = ctx->kernels->isa;
    for (r = 0; r < 2; ++r) {
        t = now();
        gan__par(ctx, threads, INT64_MAX, run_peak, &p);
        t = now() - t;
        for (sum = 0, i = 0; i < threads; ++i) sum += p.flops[i];
        if (sum / t > best) best = sum / t;
    }
    return best * 1e-9;
}

// One layer with weights of a workload; net is G or D; sides are of square images.
typedef enum layer_kind { LINEAR, CONV, CONV_TRANSPOSE } layer_kind;
typedef struct layer {
    const char *workload;
    char net;
    layer_kind kind;
    int batch, in, out, kernel, stride, padding, from, to;
} layer;

#define L(batch, in, out) LINEAR, batch, in, out, 1, 1, 0, 1, 1
static const layer layers[] = {
    {"toy", 'G', L(256, 2, 64)},
    {"toy", 'G', L(256, 64, 64)},
    {"toy", 'G', L(256, 64, 2)},
    {"toy", 'D', L(256, 2, 64)},
    {"toy", 'D', L(256, 64, 64)},
    {"toy", 'D', L(256, 64, 1)},
    {"mlp", 'G', L(64, 100, 256)},
    {"mlp", 'G', L(64, 256, 256)},
    {"mlp", 'G', L(64, 256, 784)},
    {"mlp", 'D', L(64, 784, 256)},
    {"mlp", 'D', L(64, 256, 256)},
    {"mlp", 'D', L(64, 256, 1)},
    {"thesis", 'G', L(128, 96, 1024)},
    {"thesis", 'G', L(128, 1024, 6272)},
    {"thesis", 'G', CONV_TRANSPOSE, 128, 128, 64, 4, 2, 1, 7, 14},
    {"thesis", 'G', CONV_TRANSPOSE, 128, 64, 1, 4, 2, 1, 14, 28},
    {"thesis", 'D', CONV, 128, 1, 32, 5, 1, 0, 28, 24},
    {"thesis", 'D', CONV, 128, 32, 64, 5, 1, 0, 12, 8},
    {"thesis", 'D', L(128, 1024, 1024)},
    {"thesis", 'D', L(128, 1024, 1)},
    {"dcgan32", 'G', CONV_TRANSPOSE, 64, 100, 128, 4, 1, 0, 1, 4},
    {"dcgan32", 'G', CONV_TRANSPOSE, 64, 128, 64, 4, 2, 1, 4, 8},
    {"dcgan32", 'G', CONV_TRANSPOSE, 64, 64, 32, 4, 2, 1, 8, 16},
    {"dcgan32", 'G', CONV_TRANSPOSE, 64, 32, 3, 4, 2, 1, 16, 32},
    {"dcgan32", 'D', CONV, 64, 3, 32, 4, 2, 1, 32, 16},
    {"dcgan32", 'D', CONV, 64, 32, 64, 4, 2, 1, 16, 8},
    {"dcgan32", 'D', CONV, 64, 64, 128, 4, 2, 1, 8, 4},
    {"dcgan32", 'D', CONV, 64, 128, 1, 4, 1, 0, 4, 1},
    {"dcgan64", 'G', CONV_TRANSPOSE, 16, 100, 512, 4, 1, 0, 1, 4},
    {"dcgan64", 'G', CONV_TRANSPOSE, 16, 512, 256, 4, 2, 1, 4, 8},
    {"dcgan64", 'G', CONV_TRANSPOSE, 16, 256, 128, 4, 2, 1, 8, 16},
    {"dcgan64", 'G', CONV_TRANSPOSE, 16, 128, 64, 4, 2, 1, 16, 32},
    {"dcgan64", 'G', CONV_TRANSPOSE, 16, 64, 3, 4, 2, 1, 32, 64},
    {"dcgan64", 'D', CONV, 16, 3, 64, 4, 2, 1, 64, 32},
    {"dcgan64", 'D', CONV, 16, 64, 128, 4, 2, 1, 32, 16},
    {"dcgan64", 'D', CONV, 16, 128, 256, 4, 2, 1, 16, 8},
    {"dcgan64", 'D', CONV, 16, 256, 512, 4, 2, 1, 8, 4},
    {"dcgan64", 'D', CONV, 16, 512, 1, 4, 1, 0, 4, 1},
    {"wgangp_mlp", 'G', L(256, 2, 512)},
    {"wgangp_mlp", 'G', L(256, 512, 512)},
    {"wgangp_mlp", 'G', L(256, 512, 512)},
    {"wgangp_mlp", 'G', L(256, 512, 2)},
    {"wgangp_mlp", 'D', L(256, 2, 512)},
    {"wgangp_mlp", 'D', L(256, 512, 512)},
    {"wgangp_mlp", 'D', L(256, 512, 512)},
    {"wgangp_mlp", 'D', L(256, 512, 1)},
    {"wgangp_mnist", 'G', L(50, 128, 4096)},
    {"wgangp_mnist", 'G', CONV_TRANSPOSE, 50, 256, 128, 5, 2, 2, 4, 7},
    {"wgangp_mnist", 'G', CONV_TRANSPOSE, 50, 128, 64, 5, 2, 2, 7, 14},
    {"wgangp_mnist", 'G', CONV_TRANSPOSE, 50, 64, 1, 5, 2, 2, 14, 28},
    {"wgangp_mnist", 'D', CONV, 50, 1, 64, 5, 2, 2, 28, 14},
    {"wgangp_mnist", 'D', CONV, 50, 64, 128, 5, 2, 2, 14, 7},
    {"wgangp_mnist", 'D', CONV, 50, 128, 256, 5, 2, 2, 7, 4},
    {"wgangp_mnist", 'D', L(50, 4096, 1)},
};
#undef L
enum { LAYERS = sizeof layers / sizeof layers[0] };
#define WORKLOAD_NAMES "toy mlp thesis dcgan32 dcgan64 wgangp_mlp wgangp_mnist"

// Operations of one pass over the whole batch: a multiplication and an addition for every tap at every pixel,
// of the output, or of the input where the convolution is transposed (a tap that meets padding counts too).
static inline double layer_flops(const layer *l)
{
    const double side = l->kind == CONV_TRANSPOSE ? l->from : l->to;
    return 2. * l->batch * l->in * l->out * l->kernel * l->kernel * side * side;
}

// The first layer of its network: nobody asks for the gradient of z.
static inline int layer_first(const layer *l)
{
    return l == layers || l[-1].net != l->net || strcmp(l[-1].workload, l->workload) != 0;
}

#endif
