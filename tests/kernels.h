// Shared by the tests of the kernel sections: the tables of this machine, contexts on one of them, random
// arrays, errors in ulps and in eps of a sum's terms. Include after gan.h (with its implementation) and
// test.h.
#ifndef KERNELS_H
#define KERNELS_H

#ifdef GAN_DOUBLE
#define REAL_EPS 1.11e-16 // half a unit in the last place of 1
#define REAL_BITS 53
#define REAL_LEAST (-1074)
#define REAL_MOST DBL_MAX
#define REAL_TINY 1e-320
#else
#define REAL_EPS 5.96e-8
#define REAL_BITS 24
#define REAL_LEAST (-149)
#define REAL_MOST 3.4028234663852886e38
#define REAL_TINY 1e-44
#endif
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

// The tables that this machine runs, one after another: next_isa(NULL) is the first.
static inline const gan__cpu_kernels *next_isa(const gan__cpu_kernels *k)
{
    int i;
    for (i = k ? (int)k->isa + 1 : 1; i < (int)GAN_ISA_COUNT; ++i) {
        const gan__cpu_kernels *next = gan__isa_choose((gan_isa)i);
        if (next) return next;
    }
    return NULL;
}

static inline void backwards(int64_t n, gan_task *task, void *arg, void *user)
{
    (void)user;
    while (n-- > 0) task(arg, n);
}

static inline void forwards(int64_t n, gan_task *task, void *arg, void *user)
{
    int64_t i;
    (void)user;
    for (i = 0; i < n; ++i) task(arg, i);
}

// A context that computes with k and splits its work for that many threads: OpenMP's, or one by one without
// OpenMP, or, with `reversed`, one by one with the last first.
static inline gan_context *context_on(const gan__cpu_kernels *k, int threads, int reversed)
{
    gan_context *ctx;
    gan_desc d;
    memset(&d, 0, sizeof d);
    d.isa = k->isa;
    d.threads = threads;
#ifndef _OPENMP
    d.parallel_for = forwards;
#endif
    if (reversed) d.parallel_for = backwards;
    ctx = gan_create(&d);
    CHECK(ctx && ctx->kernels == k && gan_threads(ctx) == threads,
          "%s with %d threads: not what was asked for", k->name, threads);
    if (!ctx) exit(3);
    ctx->par.work_before_threads = 0; // the threads start at once
    return ctx;
}

static inline void *zeros(int64_t n, size_t size)
{
    void *p = calloc((size_t)n + 1, size); // one more: a guard
    if (!p) {
        puts("no memory for the tests' arrays");
        exit(3);
    }
    return p;
}

static inline gan_real *reals(int64_t n) { return (gan_real *)zeros(n, sizeof(gan_real)); }
static inline double *doubles(int64_t n) { return (double *)zeros(n, sizeof(double)); }

static inline void fill(gan_real *a, int64_t n) // uniform in [-1, 1)
{
    TEST_FILL(a, n, -1, 1);
}

static inline gan_real *filled(int64_t n)
{
    gan_real *a = reals(n);
    fill(a, n);
    return a;
}

static inline gan_real not_a_number(void) { return (gan_real)(HUGE_VAL - HUGE_VAL); }

// |got - want| in units of the last place of want, never below the least subnormal; 1e30 for what is not a
// rounding: a lost NaN, a finite number for an infinity.
static inline double ulps(gan_real got, double want)
{
    const double x = (double)got;
    int e;
    if (want != want || x != x) return want != want && x != x ? 0 : 1e30;
    if (fabs(x) > REAL_MOST || fabs(want) > REAL_MOST) {
        if (x == want || (fabs(x) > REAL_MOST && fabs(want) > REAL_MOST && (x > 0) == (want > 0))) return 0;
        if ((x > 0) == (want > 0) && fabs(x) > REAL_MOST * (1 - 1e-6) && fabs(want) > REAL_MOST * (1 - 3e-7))
            return 1;
        return 1e30;
    }
    (void)frexp(want, &e);
    if (want == 0 || e - REAL_BITS < REAL_LEAST) e = REAL_LEAST + REAL_BITS;
    return fabs(x - want) / ldexp(1, e - REAL_BITS);
}

// The largest |got - want| in units of eps * scale; NaN where either is one.
static inline double worst(int64_t n, const gan_real *got, const double *want, const double *scale)
{
    double most = 0;
    int64_t i;
    for (i = 0; i < n; ++i) {
        const double off = fabs((double)got[i] - want[i]) / (scale[i] * REAL_EPS + 1e-300);
        if (!(off <= most)) most = off;
        if (most != most) break;
    }
    return most;
}

#endif // KERNELS_H
