// Shared by the tests of sections: reference arrays in double, random inputs from a line of shapes,
// comparison, finite differences of our own. Include after gan.h and test.h.
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#ifdef GAN_DOUBLE
#define REAL_TOL 1e-11
#else
#define REAL_TOL 4e-6
#endif

enum { MAX_IN = 6 };

// What a sample of an operation is made with; zero means "the default".
typedef struct params {
    int i[16];
    double r[4];
    double lo, hi; // inputs are uniform in [lo, hi); default -2 .. 2
    double tol;    // multiplies the tolerance of the forward
    int seeds;     // random inputs tried; default 2, ten times as many in the GAN_DOUBLE build
    int no_grad;   // forward only
    int no_order2; // no gradient of gradient
    int n;         // number of inputs: filled in
} params;

// A dense row-major array of doubles from the pool; the pool is emptied for each sample.
typedef struct nd {
    int ndim, dim[8];
    size_t n;
    double *v;
} nd;

static double nd_pool[1 << 22];
static size_t nd_used;

static inline nd nd_new(int ndim, const int *dim)
{
    nd a;
    int i;
    memset(&a, 0, sizeof a);
    a.ndim = ndim;
    a.n = 1;
    for (i = 0; i < ndim; ++i) {
        a.dim[i] = dim[i];
        a.n *= (size_t)dim[i];
    }
    if (nd_used + a.n > sizeof nd_pool / sizeof nd_pool[0]) {
        puts("the tests' pool of reference values is too small");
        exit(3);
    }
    a.v = nd_pool + nd_used;
    nd_used += a.n;
    for (size_t k = 0; k < a.n; ++k) a.v[k] = 0;
    return a;
}

static inline nd nd_new4(int a, int b, int c, int d)
{
    int dim[4];
    dim[0] = a, dim[1] = b, dim[2] = c, dim[3] = d;
    return nd_new(4, dim);
}

static inline nd nd_copy(const nd *x)
{
    nd y = nd_new(x->ndim, x->dim);
    memcpy(y.v, x->v, x->n * sizeof *y.v);
    return y;
}

// The index of entry k of a row-major array with these dimensions.
static inline void unravel(size_t k, int ndim, const int *dim, int *index)
{
    for (int i = ndim - 1; i >= 0; --i) {
        index[i] = (int)(k % (size_t)dim[i]);
        k /= (size_t)dim[i];
    }
}

static inline size_t ravel(int ndim, const int *dim, const int *index)
{
    size_t k = 0;
    for (int i = 0; i < ndim; ++i) k = k * (size_t)dim[i] + (size_t)index[i];
    return k;
}

// The entry of x that meets `index` of an array of ndim axes when x is broadcast to it.
static inline double nd_at(const nd *x, int ndim, const int *index)
{
    size_t k = 0;
    for (int i = 0; i < x->ndim; ++i) {
        int at = x->dim[i] == 1 ? 0 : index[ndim - x->ndim + i];
        k = k * (size_t)x->dim[i] + (size_t)at;
    }
    return x->v[k];
}

static inline nd nd_broadcast(int count, const nd *x)
{
    int ndim = 0, dim[8], j, i;
    for (j = 0; j < count; ++j)
        if (x[j].ndim > ndim) ndim = x[j].ndim;
    for (i = 0; i < ndim; ++i) dim[i] = 1;
    for (j = 0; j < count; ++j)
        for (i = 0; i < x[j].ndim; ++i)
            if (x[j].dim[i] != 1) dim[ndim - x[j].ndim + i] = x[j].dim[i];
    return nd_new(ndim, dim);
}

// ---- random inputs

static uint64_t check_state = 1;

static inline void check_seed(uint64_t seed)
{
    check_state = seed * UINT64_C(0x9E3779B97F4A7C15) + UINT64_C(0xD1B54A32D192ED03);
}

static inline double check_uniform(double lo, double hi) // splitmix64 of our own
{
    uint64_t z = (check_state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return lo + (hi - lo) * ((double)(z >> 11) / 9007199254740992.0);
}

// Inputs from a line such as "2,3; p:3,1; i5:2,4; b:4; ()": shapes apart by ';', "()" a scalar; before a ':'
// the letter p means values in .3 .. 2, i5 whole numbers 0 .. 4 and b zeros and ones (these two without a
// gradient). Values are rounded to gan_real, so that the reference sees what gan.h sees.
static inline int make_inputs(const char *line, const params *p, nd *x, int *has_grad)
{
    int count = 0;
    const char *s = line;
    double lo = p->lo, hi = p->hi;
    if (lo == 0 && hi == 0) lo = -2, hi = 2;
    while (*s) {
        int dim[8], ndim = 0, below = 0;
        char kind = ' ';
        while (*s == ' ') ++s;
        if (*s == 'p' || *s == 'i' || *s == 'b') {
            kind = *s++;
            if (kind == 'i') below = (int)strtol(s, (char **)&s, 10);
            ++s;
        }
        if (*s == '(') s += 2;
        while (*s && *s != ';') {
            dim[ndim++] = (int)strtol(s, (char **)&s, 10);
            if (*s == ',') ++s;
        }
        if (*s == ';') ++s;
        x[count] = nd_new(ndim, dim);
        has_grad[count] = kind == ' ' || kind == 'p';
        for (size_t k = 0; k < x[count].n; ++k) {
            double v = check_uniform(0, 1);
            if (kind == 'p') v = .3 + 1.7 * v;
            else if (kind == 'i') v = floor(v * below);
            else if (kind == 'b') v = v < .5 ? 0 : 1;
            else v = lo + (hi - lo) * v;
            x[count].v[k] = (double)(gan_real)v;
        }
        ++count;
    }
    return count;
}

static inline gan_tensor *to_tensor(gan_context *ctx, const nd *x)
{
    gan_tensor *t = gan_zeros_n(ctx, x->ndim, x->dim);
    gan_real *v = gan_data(t);
    if (v)
        for (size_t k = 0; k < x->n; ++k) v[k] = (gan_real)x->v[k];
    return t;
}

// ---- comparison

static inline double tensor_scale(const nd *want)
{
    double m = 0;
    for (size_t k = 0; k < want->n; ++k)
        if (isfinite(want->v[k]) && fabs(want->v[k]) > m) m = fabs(want->v[k]);
    return m;
}

// Shape and values of got against want; the tolerance is tol (1 + |want|).
static inline void check_tensor(gan_tensor *got, const nd *want, double tol, const char *what)
{
    gan_real *v = gan_data(got);
    double worst = 0;
    size_t at = 0;
    int i;
    CHECK(v != NULL, "%s: no result: %s", what, gan_error_message(gan_context_of(got)));
    if (!v) return;
    CHECK(gan_ndim(got) == want->ndim, "%s: %d dimensions, not %d", what, gan_ndim(got), want->ndim);
    if (gan_ndim(got) != want->ndim) return;
    for (i = 0; i < want->ndim; ++i) {
        CHECK(gan_dim(got, i) == want->dim[i], "%s: axis %d has size %d, not %d", what, i, gan_dim(got, i),
              want->dim[i]);
        if (gan_dim(got, i) != want->dim[i]) return;
    }
    for (size_t k = 0; k < want->n; ++k) {
        double e = fabs((double)v[k] - want->v[k]) / (tol * (1 + fabs(want->v[k])));
        if (!(e <= worst)) worst = e, at = k;
        if (worst != worst) break;
    }
    if (want->n)
        CHECK(worst <= 1, "%s: entry %d is %.9g, not %.9g (%.2g of the tolerance)", what, (int)at,
              (double)v[at], want->v[at], worst);
}

static inline int same_bits(gan_tensor *a, gan_tensor *b)
{
    return gan_data(a) && gan_data(b) && gan_numel(a) == gan_numel(b) &&
           memcmp(gan_data(a), gan_data(b), gan_numel(a) * sizeof(gan_real)) == 0;
}

// Its threads start at once.
static inline gan_context *context_with(gan_isa isa, int threads)
{
    gan_context *ctx;
    gan_desc d;
    memset(&d, 0, sizeof d);
    d.isa = isa;
    d.threads = threads;
    ctx = gan_create(&d);
    inside_start_threads(ctx);
    return ctx;
}

// ---- finite differences, written apart from gan_gradcheck, through the facade only

static double worst_gradcheck, worst_gradcheck_error;
static int gradchecks;

static inline double fixed_weight(size_t k, int stream)
{
    uint64_t z =
        (k + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)(stream + 1) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 30)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 29;
    return .5 + (double)(z >> 11) / 9007199254740992.0 * (z & 1 ? 1 : -1) * .5;
}

static inline gan_tensor *weighted_sum(gan_context *ctx, gan_tensor *y, int stream)
{
    int dim[GAN_MAX_DIMS], i;
    gan_tensor *w;
    gan_real *v;
    for (i = 0; i < gan_ndim(y); ++i) dim[i] = gan_dim(y, i);
    w = gan_zeros_n(ctx, gan_ndim(y), dim);
    v = gan_data(w);
    if (v)
        for (size_t k = 0; k < gan_numel(w); ++k) v[k] = (gan_real)fixed_weight(k, stream);
    return gan_sum_all(gan_mul(w, y));
}

// order 1: sum(w f(x)); order 2: the sum over i of sum(v_i dS/dx_i) with S of order 1; and so on.
static inline gan_tensor *fd_scalar(gan_context *ctx, gan_function *f, void *user, int n, gan_tensor **x,
                                    int order)
{
    gan_tensor *dx[16], *y = NULL;
    int i;
    if (order == 1) return weighted_sum(ctx, f(ctx, x, user), 0);
    if (gan_grads(fd_scalar(ctx, f, user, n, x, order - 1), n, x, dx, GAN_CREATE_GRAPH))
        return gan_scalar(ctx, 0);
    for (i = 0; i < n; ++i) {
        gan_tensor *s = weighted_sum(ctx, dx[i], order * 16 + i);
        y = y ? gan_add(y, s) : s;
    }
    return y;
}

typedef struct fd_report {
    double worst, error, analytic, numeric;
    int input, entry;
} fd_report;

// Returns 1 when every entry agrees: |analytic - numeric| < atol + rtol |numeric|. The x are changed and put
// back.
static inline int fd_check(gan_context *ctx, gan_function *f, void *user, int n, gan_tensor **x, int order,
                           fd_report *out)
{
    const double eps = 1e-6, atol = 1e-5, rtol = 1e-3;
    fd_report r;
    gan_tensor *dx[16];
    double *a;
    size_t total = 0, at = 0;
    int i;
    memset(&r, 0, sizeof r);
    for (i = 0; i < n; ++i) total += gan_numel(x[i]);
    a = (double *)malloc(total * sizeof *a);
    gan_scope_open(ctx);
    if (gan_grads(fd_scalar(ctx, f, user, n, x, order), n, x, dx, 0)) {
        r.worst = HUGE_VAL;
        gan_scope_close(ctx);
        free(a);
        if (out) *out = r;
        return 0;
    }
    for (i = 0; i < n; ++i)
        for (size_t k = 0; k < gan_numel(x[i]); ++k) a[at++] = (double)gan_data(dx[i])[k];
    gan_scope_close(ctx);
    at = 0;
    for (i = 0; i < n; ++i)
        for (size_t k = 0; k < gan_numel(x[i]); ++k, ++at) {
            gan_real *v = gan_data(x[i]) + k, old = *v;
            double up, down, numeric, error, ratio;
            gan_scope_open(ctx);
            *v = (gan_real)((double)old + eps);
            up = (double)gan_item(fd_scalar(ctx, f, user, n, x, order));
            gan_scope_close(ctx);
            gan_scope_open(ctx);
            *v = (gan_real)((double)old - eps);
            down = (double)gan_item(fd_scalar(ctx, f, user, n, x, order));
            gan_scope_close(ctx);
            *v = old;
            numeric = (up - down) / (2 * eps);
            error = fabs(a[at] - numeric);
            ratio = error / (atol + rtol * fabs(numeric));
            if (ratio != ratio) ratio = HUGE_VAL;
            if (ratio > r.worst) {
                r.worst = ratio;
                r.error = error;
                r.analytic = a[at];
                r.numeric = numeric;
                r.input = i;
                r.entry = (int)k;
            }
        }
    free(a);
    if (gan_error(ctx)) r.worst = HUGE_VAL;
    if (out) *out = r;
    return r.worst < 1;
}

// fd_check and gan_gradcheck, both as facts of the running TEST.
static inline void check_gradient(gan_context *ctx, gan_function *f, void *user, int n, gan_tensor **x,
                                  int order, const char *what)
{
    fd_report r;
    gan_gradcheck_report g;
    int ok = fd_check(ctx, f, user, n, x, order, &r);
    CHECK(ok, "%s: order %d: input %d entry %d: tape %.9g, finite difference %.9g (%.3g of the tolerance) %s",
          what, order, r.input, r.entry, r.analytic, r.numeric, r.worst,
          gan_error(ctx) ? gan_error_message(ctx) : "");
    if (ok && r.worst > worst_gradcheck) worst_gradcheck = r.worst;
    if (ok && r.error > worst_gradcheck_error) worst_gradcheck_error = r.error;
    memset(&g, 0, sizeof g);
    ok = gan_gradcheck(ctx, f, user, n, x, order, &g);
    CHECK(ok, "%s: gan_gradcheck order %d: input %d entry %d: %.9g, %.9g (%.3g) %s", what, order, g.input,
          g.entry, g.analytic, g.numeric, g.worst, gan_error(ctx) ? gan_error_message(ctx) : "");
    ++gradchecks;
}

#endif
