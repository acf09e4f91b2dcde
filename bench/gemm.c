// Matrix products C (M x N) = op(A) op(B), depth K, in GFLOP/s and per cent of what the cores' multiply-adds
// can do, measured in turns with it.
//
//     build/bench_gemm [--threads T] [--seconds S] [--isa scalar|sse2|avx2|avx512|neon]
//
// A line is `M N K transposes GFLOP/s %peak`; S (0.2) is the time of one shape. The peak is that of 12
// independent chains of multiply-adds in registers on as many threads; for scalar code, of the micro tile on
// operands that stay in the first-level cache.
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200112L
#endif
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum { CHAIN = 100000, PANEL = 64, TILES = 800 };

typedef struct peak_task {
    const gan__kernels *k;
    double flops[64]; // of each task
    float sink[64];   // so that no compiler leaves the work out
} peak_task;

// Twelve chains, none of which waits for another.
#define CHAINS(vector, set, fma, store, lanes)                                                               \
    vector a = set(1), b = set(2), c = set(3), d = set(4), e = set(5), f = set(6), g = set(7), h = set(8),   \
           i = set(9), j = set(10), k = set(11), l = set(12);                                                \
    const vector x = set(.999f), y = set(.001f);                                                             \
    float out[lanes];                                                                                        \
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

#if !defined(GAN_DOUBLE) && defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#define HAVE_X86 1
#define SSE2_FMA(a, x, y) _mm_add_ps(_mm_mul_ps(a, x), y)
__attribute__((target("sse2"))) static double chains_sse2(float *sink)
{
    CHAINS(__m128, _mm_set1_ps, SSE2_FMA, _mm_storeu_ps, 4);
}
__attribute__((target("avx2,fma"))) static double chains_avx2(float *sink)
{
    CHAINS(__m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_storeu_ps, 8);
}
__attribute__((target("avx512f"))) static double chains_avx512(float *sink)
{
    CHAINS(__m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_storeu_ps, 16);
}
#elif !defined(GAN_DOUBLE) && defined(__aarch64__)
#define HAVE_NEON 1
#define NEON_FMA(a, x, y) vfmaq_f32(y, a, x)
static double chains_neon(float *sink) { CHAINS(float32x4_t, vdupq_n_f32, NEON_FMA, vst1q_f32, 4); }
#endif

static double tiles(const gan__kernels *k, float *sink)
{
    static const int64_t start[1] = {0};
    gan_real a[GAN__TILE_ROWS * PANEL], b[48 * PANEL], t[GAN__TILE_ROWS * 48];
    gan__strip s;
    int i;
    for (i = 0; i < GAN__TILE_ROWS * PANEL; ++i) a[i] = (gan_real).5;
    for (i = 0; i < 48 * PANEL; ++i) b[i] = (gan_real).25;
    for (i = 0; i < GAN__TILE_ROWS; ++i) {
        s.a[i] = a + i * PANEL;
        s.c[i] = t + i * k->tile_n;
    }
    s.plus[0] = NULL;
    s.b = b;
    s.a_step = s.runs = 1;
    s.b_step = k->tile_n;
    s.len = PANEL;
    s.a_run = s.b_run = start;
    for (i = 0; i < TILES; ++i) k->gemm[2](&s);
    *sink = (float)t[0];
    return 2. * k->tile_m * k->tile_n * (double)(PANEL * TILES);
}

static void run_peak(void *arg, int64_t task)
{
    peak_task *p = (peak_task *)arg;
    float *sink = &p->sink[task];
    switch (p->k->isa) {
#ifdef HAVE_X86
    case GAN_ISA_SSE2: p->flops[task] = chains_sse2(sink); break;
    case GAN_ISA_AVX2: p->flops[task] = chains_avx2(sink); break;
    case GAN_ISA_AVX512: p->flops[task] = chains_avx512(sink); break;
#elif defined(HAVE_NEON)
    case GAN_ISA_NEON: p->flops[task] = chains_neon(sink); break;
#endif
    default: p->flops[task] = tiles(p->k, sink);
    }
}

static double peak(gan_context *ctx) // GFLOP/s of all threads together
{
    peak_task p;
    const int threads = ctx->threads < 64 ? ctx->threads : 64;
    double best = 0, sum, t;
    int i, r;
    memset(&p, 0, sizeof p);
    p.k = ctx->k;
    for (r = 0; r < 3; ++r) {
        t = now();
        gan__par(ctx, threads, INT64_MAX, run_peak, &p);
        t = now() - t;
        for (sum = 0, i = 0; i < threads; ++i) sum += p.flops[i];
        if (sum / t > best) best = sum / t;
    }
    return best * 1e-9;
}

typedef struct shape {
    int m, n, k;
    const char *turned; // N or T for A, for B
} shape;

static const shape shapes[] = {{64, 64, 64, "NN"},       {128, 128, 128, "NN"},    {256, 256, 256, "NN"},
                               {512, 512, 512, "NN"},    {1024, 1024, 1024, "NN"}, {2048, 2048, 2048, "NN"},
                               {1024, 1024, 1024, "NT"}, {1024, 1024, 1024, "TN"}, {64, 256, 784, "NT"},
                               {64, 1024, 96, "NT"},     {64, 6272, 1024, "NT"},   {64, 12544, 800, "NN"},
                               {128, 6272, 1024, "NT"},  {128, 1024, 6272, "NN"},  {6272, 1024, 128, "TN"},
                               {256, 512, 512, "NT"},    {128, 1, 1024, "NT"},     {256, 64, 2, "NT"}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static double measure(gan_context *ctx, const shape *s, const gan_real *a, const gan_real *b, gan_real *c,
                      double seconds, double *top)
{
    const int ta = s->turned[0] == 'T', tb = s->turned[1] == 'T';
    const double begun = now(), flops = 2. * s->m * s->n * s->k;
    double least = 1e30, t;
    int r, i, calls = 1 + (int)(2e6 / flops); // small products: many to a look at the clock
    for (r = 0; r < 3 || (r < 500 && now() - begun < seconds); ++r) {
        if (r % 20 == 0) {
            t = peak(ctx);
            if (t > *top) *top = t;
        }
        t = now();
        for (i = 0; i < calls; ++i)
            if (gan__gemm(ctx, ta, tb, s->m, s->n, s->k, a, ta ? s->m : s->k, b, tb ? s->k : s->n, 0, c,
                          s->n, NULL))
                return 0;
        t = (now() - t) / calls;
        if (t < least) least = t;
    }
    return flops / least * 1e-9;
}

int main(int argc, char **argv)
{
#define ROW(id, name) #name,
    static const char *const isas[] = {"auto", GAN_ISAS(ROW)};
#undef ROW
    const size_t most = (size_t)12544 * 1024;
    gan_desc desc;
    gan_context *ctx;
    gan_real *a, *b, *c;
    double seconds = .2, lo = 1e30, hi = 0;
    size_t q;
    int i, k;
    memset(&desc, 0, sizeof desc);
    for (i = 1; i < argc; i += 2) {
        for (k = 0; i + 1 < argc && k < (int)GAN_ISA_COUNT && strcmp(argv[i + 1], isas[k]); ++k) {}
        if (i + 1 < argc && !strcmp(argv[i], "--threads")) desc.threads = atoi(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--isa") && k < (int)GAN_ISA_COUNT) desc.isa = (gan_isa)k;
        else return fputs("bench_gemm [--threads T] [--seconds S] [--isa NAME]\n", stderr), 2;
    }
    ctx = gan_create(&desc);
    a = (gan_real *)malloc(most * sizeof *a);
    b = (gan_real *)malloc(most * sizeof *b);
    c = (gan_real *)malloc(most * sizeof *c);
    if (!ctx || !a || !b || !c) return fputs("no memory, or no such instruction set here\n", stderr), 1;
    for (q = 0; q < most; ++q) {
        a[q] = (gan_real)((int)(q % 7) - 3);
        b[q] = (gan_real)((int)(q % 5) - 2);
        c[q] = 0;
    }
    printf("matrix products, %s, threads %d:    M     N     K  transposes  GFLOP/s  %%peak\n",
           gan_isa_name(ctx), gan_threads(ctx));
    for (i = 0; i < (int)SHAPES; ++i) {
        double top = 0, rate = measure(ctx, &shapes[i], a, b, c, seconds, &top);
        printf("%5d %5d %5d %s %8.1f %5.1f\n", shapes[i].m, shapes[i].n, shapes[i].k, shapes[i].turned, rate,
               100 * rate / top);
        fflush(stdout);
        if (top < lo) lo = top;
        if (top > hi) hi = top;
    }
    printf("the peak was %.1f to %.1f GFLOP/s\n", lo, hi);
    k = gan_error(ctx);
    if (k) fprintf(stderr, "%s\n", gan_error_message(ctx));
    free(a);
    free(b);
    free(c);
    gan_destroy(ctx);
    return k != 0;
}
