// Shared by the tests of the measures of samples: sets of samples, and what every measure must do whatever it
// measures. The test of a section walks its part of GAN__METRICS: each row NAME needs test_NAME, its facts,
// and probe_NAME, a call of it on samples x, y of 256 numbers each; a row without them does not compile.
#ifndef SAMPLES_H
#define SAMPLES_H

#define GAN__TABLES
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-11
#else
#define TOL 2e-6
#endif

#define SAMPLES_ONE(id, name) +1
enum {
    SAMPLES_TESTED = 0 GAN__METRICS_DENSITY(SAMPLES_ONE) GAN__METRICS_TRANSPORT(SAMPLES_ONE)
        GAN__METRICS_MOMENT(SAMPLES_ONE) GAN__METRICS_NEIGHBOR(SAMPLES_ONE) GAN__METRICS_SCORE(SAMPLES_ONE)
};
typedef char samples_every_metric_is_tested[(int)SAMPLES_TESTED == (0 GAN__METRICS(SAMPLES_ONE)) ? 1 : -1];

// ---- sets

static inline gan_tensor *of(gan_context *ctx, const double *v, int n, int f) // (n, f), or (n) where f is 0
{
    gan_tensor *t = f ? gan_zeros(ctx, n, f) : gan_zeros(ctx, n);
    for (int i = 0; i < n * (f ? f : 1) && gan_data(t); ++i) gan_data(t)[i] = (gan_real)v[i];
    return t;
}

// (n, f) of N(mean, deviation^2)
static inline gan_tensor *normals(gan_context *ctx, int n, int f, double mean, double deviation)
{
    gan_tensor *t = gan_zeros(ctx, n, f);
    for (int i = 0; i < n * f && gan_data(t); ++i)
        gan_data(t)[i] = (gan_real)(mean + deviation * test_normal());
    return t;
}

static inline gan_tensor *copy_of(gan_tensor *x)
{
    gan_tensor *t;
    int dim[GAN_MAX_DIMS] = {0}, i;
    for (i = 0; i < gan_ndim(x); ++i) dim[i] = gan_dim(x, i);
    t = gan_zeros_n(gan_context_of(x), gan_ndim(x), dim);
    if (gan_data(t)) memcpy(gan_data(t), gan_data(x), gan_numel(x) * sizeof(gan_real));
    return t;
}

static inline gan_tensor *shifted(gan_tensor *x, double by)
{
    gan_tensor *t = copy_of(x);
    for (size_t i = 0; i < gan_numel(t); ++i) gan_data(t)[i] += (gan_real)by;
    return t;
}

// Rows first .. end - 1.
static inline gan_tensor *part(gan_tensor *x, int first, int end) { return gan_slice(x, 0, first, end); }

static inline int each(gan_tensor *x) { return (int)(gan_numel(x) / (size_t)gan_dim(x, 0)); }
static inline double at(gan_tensor *x, int i, int k) { return (double)gan_data(x)[i * each(x) + k]; }

// |x_i - y_j|^2 in double
static inline double apart(gan_tensor *x, int i, gan_tensor *y, int j)
{
    double s = 0;
    for (int k = 0; k < each(x); ++k) s += (at(x, i, k) - at(y, j, k)) * (at(x, i, k) - at(y, j, k));
    return s;
}

// ---- what holds for every measure

static inline inside_trace trace_begin(gan_context *ctx)
{
    inside_trace t;
    memset(&t, 0, sizeof t);
    if (!ctx) return t;
    inside_settle(ctx);
    return inside_trace_of(ctx);
}

static inline void trace_end(gan_context *ctx, const inside_trace *t, int made)
{
    inside_trace now;
    if (!ctx) return;
    now = inside_trace_of(ctx);
    CHECK(t->depth == now.depth && t->recording == now.recording, "depth %d, was %d; recording %d, was %d",
          now.depth, t->depth, now.recording, t->recording);
    CHECK(t->counter == now.counter && t->seed == now.seed, "random numbers were drawn");
    CHECK(made || (t->used == now.used && t->last == now.last), "memory %d, was %d", (int)now.used,
          (int)t->used);
}

static inline double not_a_number(void) { return (double)NAN; }

// PROBE(name, x', y', tensors made, out[...] = ...): the inputs are made ready, then the call leaves no
// trace.
#define PROBE(name, ready_x, ready_y, made, ...)                                                             \
    static int probe_##name(gan_context *ctx, gan_tensor *x, gan_tensor *y, double *out)                     \
    {                                                                                                        \
        inside_trace t;                                                                                      \
        int n = 0;                                                                                           \
        x = ready_x;                                                                                         \
        y = ready_y;                                                                                         \
        t = trace_begin(ctx);                                                                                \
        __VA_ARGS__;                                                                                         \
        trace_end(ctx, &t, made);                                                                            \
        return n;                                                                                            \
    }
// in a probe: one more number; all numbers of a tensor
#define OUT(v) out[n++] = (v)
#define OUT_TENSOR(v)                                                                                        \
    do {                                                                                                     \
        gan_tensor *out_t = (v);                                                                             \
        size_t out_i, out_n = gan_numel(out_t) < 32 ? gan_numel(out_t) : 32;                                 \
        if (!gan_data(out_t)) OUT(not_a_number());                                                           \
        for (out_i = 0; gan_data(out_t) && out_i < out_n; ++out_i) OUT((double)gan_data(out_t)[out_i]);      \
    } while (0)

typedef struct row {
    const char *name;
    void (*test)(void);
    int (*probe)(gan_context *ctx, gan_tensor *x, gan_tensor *y, double *out);
} row;

enum { PROBE_N = 150, PROBE_F = 256, PROBE_OUT = 64 };

static inline void probe_inputs(gan_context *ctx, gan_tensor **x, gan_tensor **y)
{
    test.random = UINT64_C(0x9E3779B97F4A7C15);
    *x = normals(ctx, PROBE_N, PROBE_F, .1, 1);
    *y = normals(ctx, PROBE_N, PROBE_F, -.1, 1.2);
}

static inline void probe_threads(const row *r)
{
    static const int threads[] = {1, 2, 3, 7};
    double out[COUNT(threads)][PROBE_OUT], again[PROBE_OUT];
    int n = 0, k;
    size_t i;
    TESTF ("%s: 1, 2, 3 and 7 threads and a second call give the same bits; the inputs stay", r->name) {
        for (i = 0; i < COUNT(threads); ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, threads[i]);
            gan_tensor *x, *y, *was;
            probe_inputs(ctx, &x, &y);
            was = copy_of(x);
            n = r->probe(ctx, x, y, out[i]);
            CHECK(n > 0 && gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            for (k = 0; k < n; ++k) CHECK(isfinite(out[i][k]), "number %d is %g", k, out[i][k]);
            r->probe(ctx, x, y, again);
            CHECK_BYTES(again, out[i], (size_t)n * sizeof(double), "a second call");
            CHECK(same_bits(x, was), "the input changed");
            gan_destroy(ctx);
        }
        for (i = 1; i < COUNT(threads); ++i)
            CHECK_BYTES(out[i], out[0], (size_t)n * sizeof(double), "threads");
    }
}

static inline void probe_heap(const row *r)
{
    TESTF ("%s: a second call makes no heap call", r->name) {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y;
        double out[PROBE_OUT];
        uint64_t calls = 0;
        int i;
        probe_inputs(ctx, &x, &y);
        for (i = 0; i < 3; ++i) {
            gan_scope_open(ctx);
            r->probe(ctx, x, y, out);
            gan_scope_close(ctx);
            if (i == 1) calls = gan_memory(ctx).heap_calls;
        }
        CHECK(gan_memory(ctx).heap_calls == calls, "%d more", (int)(gan_memory(ctx).heap_calls - calls));
        gan_destroy(ctx);
    }
}

static inline void probe_bad(const row *r)
{
    TESTF ("%s: NULL, poison, NaN, infinity, nothing and other contexts are errors and give NaN", r->name) {
        gan_context *ctx = gan_create(NULL), *other = gan_create(NULL);
        gan_tensor *x, *y, *far, *bad[7];
        double out[PROBE_OUT];
        size_t i;
        int failed;
        probe_inputs(ctx, &x, &y);
        probe_inputs(other, &far, &bad[0]);
        bad[0] = NULL;
        bad[1] = gan_zeros_n(ctx, 9, NULL);
        gan_error_clear(ctx);
        bad[2] = copy_of(x);
        gan_data(bad[2])[77] = (gan_real)NAN;
        bad[3] = copy_of(x);
        gan_data(bad[3])[PROBE_N * PROBE_F - 1] = (gan_real)INFINITY;
        bad[4] = copy_of(x);
        gan_data(bad[4])[0] = (gan_real)-INFINITY;
        bad[5] = gan_zeros(ctx, 0, PROBE_F);
        bad[6] = far;
        for (i = 0; i < COUNT(bad); ++i) {
            out[0] = 0;
            r->probe(ctx, bad[i], y, out);
            failed = gan_error(ctx) != 0 || gan_error(other) != 0;
            CHECK(i == 6 || out[0] != out[0], "bad first input %d: %g", (int)i, out[0]);
            CHECK(i == 0 || failed == (out[0] != out[0]), "bad first input %d: %g, and error %d", (int)i,
                  out[0], failed);
            gan_error_clear(ctx);
            gan_error_clear(other);
        }
        r->probe(NULL, NULL, NULL, out);
        CHECK(out[0] != out[0], "NULL twice: %g", out[0]);
        gan_destroy(ctx);
        gan_destroy(other);
    }
}

static inline void probe_memory(const row *r)
{
    TESTF ("%s: a block of memory of any size gives the number or says that it is too small", r->name) {
        double want[PROBE_OUT], out[PROBE_OUT];
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y;
        size_t size, refused = 0, done = 0;
        char *block = (char *)malloc((size_t)1 << 26);
        gan_desc desc;
        probe_inputs(ctx, &x, &y);
        r->probe(ctx, x, y, want);
        gan_destroy(ctx);
        memset(&desc, 0, sizeof desc);
        for (size = (size_t)400000; size < (size_t)1 << 26; size += size / 24) {
            desc.memory = block;
            desc.memory_size = size;
            ctx = gan_create(&desc);
            probe_inputs(ctx, &x, &y);
            if (!gan_error(ctx)) {
                r->probe(ctx, x, y, out);
                if (gan_error(ctx) == GAN_ERROR_MEMORY) ++refused;
                else ++done;
                CHECK(gan_error(ctx) == GAN_ERROR_MEMORY || (gan_error(ctx) == 0 && out[0] == want[0]),
                      "%d bytes: %g, not %g: %s", (int)size, out[0], want[0], gan_error_message(ctx));
                CHECK(gan_error(ctx) == 0 || out[0] != out[0], "%d bytes: refused, but %g", (int)size,
                      out[0]);
            }
            gan_destroy(ctx);
            if (done > 2) break;
        }
        CHECK(done > 0, "no size was enough");
        free(block);
    }
}

static inline void probe_all(size_t count, const row *rows)
{
    size_t i;
    for (i = 0; i < count; ++i) {
        rows[i].test();
        probe_threads(&rows[i]);
        probe_heap(&rows[i]);
        probe_bad(&rows[i]);
        probe_memory(&rows[i]);
    }
}

#define SAMPLES_ROW(id, name) {#name, test_##name, probe_##name},
#define SAMPLES_WALK(TABLE)                                                                                  \
    do {                                                                                                     \
        static const row rows[] = {TABLE(SAMPLES_ROW)};                                                      \
        probe_all(COUNT(rows), rows);                                                                        \
    } while (0)

// The call must be an error of this code whose message says the word; its value NaN.
#define REFUSED(ctx, code, word, call)                                                                       \
    do {                                                                                                     \
        double refused_v = (call);                                                                           \
        CHECK(refused_v != refused_v, "%s: a number, %g", #call, refused_v);                                 \
        CHECK(gan_error(ctx) == (code), "%s: error %d", #call, gan_error(ctx));                              \
        CHECK_TEXT(gan_error_message(ctx), word);                                                            \
        gan_error_clear(ctx);                                                                                \
    } while (0)
#define REFUSED_TENSOR(ctx, code, word, call)                                                                \
    do {                                                                                                     \
        CHECK(!gan_data(call), "%s: a result", #call);                                                       \
        CHECK(gan_error(ctx) == (code), "%s: error %d", #call, gan_error(ctx));                              \
        CHECK_TEXT(gan_error_message(ctx), word);                                                            \
        gan_error_clear(ctx);                                                                                \
    } while (0)

#endif
