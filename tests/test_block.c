// The layers of the GAN literature: each one's forward against loops in double, written from its formula; its
// gradients by every input and parameter, orders 1 and 2 (GAN_DOUBLE); its names, shapes and statistics.
// A row of GAN__BLOCKS without a test function does not compile.
#define GAN__TABLES
#include "../gan.h"

#include "test.h"

#include "check.h"

#include <limits.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif
#define N8(...) ((const int[8]){__VA_ARGS__})

// What the one model function of this file builds, from which inputs.
typedef gan_tensor *build(gan_model *m, gan_tensor **x, const int *i);
typedef struct plan {
    build *make;
    int i[8], n;
    gan_tensor *x[MAX_IN]; // all but the first, which gan_forward brings
    uint64_t seed;         // restarts the random numbers in each forward
} plan;

static gan_tensor *model_forward(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    plan *p = (plan *)gan_model_user(m);
    (void)label;
    p->x[0] = x;
    if (p->seed) gan_seed(gan_model_context(m), p->seed);
    return p->make(m, p->x, p->i);
}

// Values away from the initial ones, so that weights of 1 and biases of 0 hide nothing.
static void scramble(gan_model *m)
{
    for (int i = 0; i < gan_model_count(m); ++i) {
        gan_tensor *t = gan_model_tensor(m, i);
        int positive = strstr(gan_model_name(m, i), "running_var") != NULL;
        if (strstr(gan_model_name(m, i), "filled")) continue;
        for (size_t k = 0; k < gan_numel(t); ++k)
            gan_data(t)[k] = (gan_real)(positive ? check_uniform(.4, 2) : check_uniform(-1, 1));
    }
}

#ifdef GAN_DOUBLE
typedef struct walk {
    gan_model *m;
    plan *p;
    int inputs, slot[MAX_IN];
} walk;

static gan_tensor *walk_f(gan_context *ctx, gan_tensor **x, void *user)
{
    walk *w = (walk *)user;
    (void)ctx;
    for (int k = 0; k < w->inputs; ++k) w->p->x[w->slot[k]] = x[k];
    return gan_forward(w->m, w->p->x[0], NULL);
}

// g f: the last input is g, so that second derivatives reach both uses of each backward
static gan_tensor *walk_fg(gan_context *ctx, gan_tensor **x, void *user)
{
    walk *w = (walk *)user;
    return gan_mul(x[w->inputs], walk_f(ctx, x, user));
}

// Gradients by the inputs that have one and by every parameter.
static void gradients(gan_context *ctx, gan_model *m, plan *p, const int *has_grad, const char *what)
{
    gan_tensor *in[16], *y, *g;
    int n = 0, k, dim[GAN_MAX_DIMS];
    walk w;
    w.m = m;
    w.p = p;
    for (k = 0; k < p->n; ++k)
        if (has_grad[k]) {
            w.slot[n] = k;
            in[n++] = p->x[k];
        }
    w.inputs = n;
    y = walk_f(ctx, in, &w);
    for (k = 0; k < gan_ndim(y); ++k) dim[k] = gan_dim(y, k);
    g = in[n++] = gan_zeros_n(ctx, gan_ndim(y), dim);
    for (size_t e = 0; e < gan_numel(g); ++e) gan_data(g)[e] = (gan_real)check_uniform(-1.5, 1.5);
    for (k = 0; k < gan_model_count(m) && n < 16; ++k)
        if (inside_trainable(m, k)) in[n++] = gan_model_tensor(m, k);
    CHECK(n < 16, "too many parameters for one check");
    check_gradient(ctx, walk_fg, &w, n, in, 1, what);
    check_gradient(ctx, walk_fg, &w, n, in, 2, what);
}
#endif

static const double *values(gan_model *m, const char *name) // zeros when it is not there
{
    gan_tensor *t = gan_model_find(m, name);
    int n = t ? (int)gan_numel(t) : 4096;
    nd v = nd_new(1, &n);
    CHECK(t != NULL, "there is no %s", name);
    for (size_t k = 0; t && k < gan_numel(t); ++k) v.v[k] = (double)gan_data(t)[k];
    return v.v;
}

typedef nd block_reference(gan_model *m, const nd *x, const int *i);

// What is made, and what it must be, in one expression of the model m, the inputs x and the numbers i.
#define MAKE(name, expression)                                                                               \
    static gan_tensor *name(gan_model *m, gan_tensor **x, const int *i)                                      \
    {                                                                                                        \
        (void)m, (void)x, (void)i;                                                                           \
        return expression;                                                                                   \
    }
#define REFERENCE(name, expression)                                                                          \
    static nd name(gan_model *m, const nd *x, const int *i)                                                  \
    {                                                                                                        \
        (void)m, (void)x, (void)i;                                                                           \
        return expression;                                                                                   \
    }

typedef struct bench {
    gan_context *ctx;
    gan_model *m;
    plan p;
    nd x[MAX_IN];
    int has_grad[MAX_IN];
} bench;

static void bench_open(bench *b, build *make, const char *line, const int *i, int threads, uint64_t seed)
{
    params p;
    memset(&p, 0, sizeof p);
    memset(b, 0, sizeof *b);
    b->ctx = context_with(GAN_ISA_AUTO, threads);
    b->p.make = make;
    if (i) memcpy(b->p.i, i, sizeof b->p.i);
    nd_used = 0;
    check_seed(seed);
    b->p.n = make_inputs(line, &p, b->x, b->has_grad);
    for (int k = 0; k < b->p.n; ++k) b->p.x[k] = to_tensor(b->ctx, &b->x[k]);
    b->m = gan_model_create(b->ctx, "model", model_forward, &b->p);
}

static gan_tensor *bench_run(bench *b) { return gan_forward(b->m, b->p.x[0], NULL); }

// The forward and the gradient by the first input, joined.
#ifndef GAN_DOUBLE
static gan_tensor *bench_bits(bench *b)
{
    gan_tensor *y, *x = b->p.x[0];
    (void)bench_run(b);
    scramble(b->m);
    y = bench_run(b);
    y = gan_concat(0, gan_reshape(y, -1), gan_reshape(gan_grad(weighted_sum(b->ctx, y, 0), x, 0), -1));
    return y;
}
#endif

// A model that is loaded before its first forward, which then makes its parameters from what was saved.
#if !defined(GAN_DOUBLE) && !defined(GAN_NO_STDIO)
static void resumed(bench *one, build *make, const char *line, const int *i)
{
    const char *path = test_path("block.safetensors");
    bench other;
    gan_tensor *y, *z;
    CHECK(gan_save(one->ctx, path) == 0, "%s", gan_error_message(one->ctx));
    bench_open(&other, make, line, i, 1, 1);
    CHECK(gan_load(other.ctx, path) == 0, "%s", gan_error_message(other.ctx));
    y = bench_run(one);
    z = bench_run(&other);
    CHECK(same_bits(y, z), "loaded: other bits (%s)", gan_error_message(other.ctx));
    y = gan_grad(weighted_sum(one->ctx, y, 0), one->p.x[0], 0);
    z = gan_grad(weighted_sum(other.ctx, z, 0), other.p.x[0], 0);
    CHECK(same_bits(y, z), "loaded: another gradient (%s)", gan_error_message(other.ctx));
    gan_destroy(other.ctx);
}
#else
#define resumed(one, make, line, i) ((void)0)
#endif

enum { BOTH = 3, TRAIN = 1, EVAL = 2, FORWARD = 4 }; // FORWARD: no gradients

// A block against ref in GAN_TRAIN and GAN_EVAL, then its gradients.
static void block_sample(const char *what, build *make, block_reference *ref, const char *line, const int *i,
                         int modes)
{
    int mode, seed;
    for (mode = GAN_TRAIN; mode <= GAN_EVAL; ++mode)
        if (modes >> mode & 1)
            TESTF ("%s (%s), %s", what, line, mode == GAN_TRAIN ? "train" : "eval") {
                for (seed = 1; seed <= 2; ++seed) {
                    bench b;
                    nd want;
                    bench_open(&b, make, line, i, 1, (uint64_t)seed);
                    (void)bench_run(&b);
                    CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
                    scramble(b.m);
                    gan_model_mode(b.m, (gan_mode)mode);
                    want = ref(b.m, b.x, b.p.i);
                    check_tensor(bench_run(&b), &want, TOL * 4, what);
#ifdef GAN_DOUBLE
                    if (!(modes & FORWARD) && !test.wrong) gradients(b.ctx, b.m, &b.p, b.has_grad, what);
#endif
                    CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
                    gan_destroy(b.ctx);
                }
#ifndef GAN_DOUBLE
                if (mode == GAN_TRAIN && !(modes & FORWARD)) {
                    static const int threads[] = {2, 3, 7};
                    bench one, other;
                    gan_tensor *bits;
                    bench_open(&one, make, line, i, 1, 1);
                    bits = bench_bits(&one);
                    resumed(&one, make, line, i);
                    for (size_t t = 0; t < COUNT(threads); ++t) {
                        bench_open(&other, make, line, i, threads[t], 1);
                        CHECK(same_bits(bits, bench_bits(&other)), "%d threads: other bits than one (%s)",
                              threads[t], gan_error_message(other.ctx));
                        gan_destroy(other.ctx);
                    }
                    gan_destroy(one.ctx);
                }
#endif
            }
}

// A reference that is wrong must not agree.
static void block_control(const char *what, build *make, block_reference *wrong, const char *line,
                          const int *i, gan_mode mode)
{
    TESTF_MUST_FAIL ("%s is caught", what) {
        bench b;
        nd want;
        bench_open(&b, make, line, i, 1, 1);
        (void)bench_run(&b);
        scramble(b.m);
        gan_model_mode(b.m, mode);
        want = wrong(b.m, b.x, b.p.i);
        if (!gan_error(b.ctx)) check_tensor(bench_run(&b), &want, TOL * 4, what);
        else CHECK(1, "an error is the wrong reason");
        gan_destroy(b.ctx);
    }
}

// What `make` does with these inputs is an error of that code whose message has that word.
static void block_error(const char *what, build *make, const char *line, const int *i, int code,
                        const char *word)
{
    TESTF ("%s is an error that says so", what) {
        bench b;
        bench_open(&b, make, line, i, 1, 1);
        CHECK(gan_data(bench_run(&b)) == NULL, "there is a result");
        CHECK(gan_error(b.ctx) == code, "code %d, not %d: %s", gan_error(b.ctx), code,
              gan_error_message(b.ctx));
        CHECK_TEXT(gan_error_message(b.ctx), word);
        CHECK(inside_layer(b.ctx) == NULL, "the layer is not left");
        gan_destroy(b.ctx);
    }
}

static void shape_of(gan_model *m, const char *name, int ndim, ...)
{
    gan_tensor *t = gan_model_find(m, name);
    va_list list;
    CHECK(t != NULL, "there is no %s", name);
    if (!t) return;
    CHECK(gan_ndim(t) == ndim, "%s has %d dimensions, not %d", name, gan_ndim(t), ndim);
    va_start(list, ndim);
    for (int i = 0; i < ndim; ++i) {
        int want = va_arg(list, int);
        CHECK(gan_dim(t, i) == want, "axis %d of %s is %d, not %d", i, name, gan_dim(t, i), want);
    }
    va_end(list);
}

// ---- references that several blocks share

// x (N, C, H, W) with w (O, C / groups, kh, kw), zeros around
static nd conv_of(const nd *x, const double *w, const double *b, int O, int k, int s, int pad, int groups)
{
    int C = x->dim[1], H = x->dim[2], W = x->dim[3], cg = C / groups, c, u, v;
    nd y = nd_new4(x->dim[0], O, (H + 2 * pad - k) / s + 1, (W + 2 * pad - k) / s + 1);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4];
        unravel(e, 4, y.dim, at);
        y.v[e] = b ? b[at[1]] : 0;
        for (c = 0; c < cg; ++c)
            for (u = 0; u < k; ++u)
                for (v = 0; v < k; ++v) {
                    int yy = at[2] * s - pad + u, xx = at[3] * s - pad + v,
                        ch = at[1] / (O / groups) * cg + c;
                    if (yy >= 0 && yy < H && xx >= 0 && xx < W)
                        y.v[e] += x->v[((at[0] * C + ch) * H + yy) * W + xx] *
                                  w[((at[1] * cg + c) * k + u) * k + v];
                }
    }
    return y;
}

// x (N, C, H, W) with w (C, O, k, k), transposed
static nd up_of(const nd *x, const double *w, const double *b, int O, int k, int s, int pad)
{
    int H = x->dim[2], W = x->dim[3], o, u, v;
    int oh = (H - 1) * s - 2 * pad + k, ow = (W - 1) * s - 2 * pad + k;
    nd y = nd_new4(x->dim[0], O, oh, ow);
    for (size_t e = 0; e < y.n; ++e) y.v[e] = b ? b[e / (size_t)(oh * ow) % (size_t)O] : 0;
    for (size_t e = 0; e < x->n; ++e) {
        int at[4];
        unravel(e, 4, x->dim, at);
        for (o = 0; o < O; ++o)
            for (u = 0; u < k; ++u)
                for (v = 0; v < k; ++v) {
                    int yy = at[2] * s - pad + u, xx = at[3] * s - pad + v;
                    if (yy >= 0 && yy < oh && xx >= 0 && xx < ow)
                        y.v[((at[0] * O + o) * oh + yy) * ow + xx] +=
                            x->v[e] * w[((at[1] * O + o) * k + u) * k + v];
                }
    }
    return y;
}

static nd linear_of(const nd *x, const double *w, const double *b, int out)
{
    int in = x->dim[x->ndim - 1], rows = (int)x->n / in, dim[8], r, o, k;
    nd y;
    memcpy(dim, x->dim, sizeof dim);
    dim[x->ndim - 1] = out;
    y = nd_new(x->ndim, dim);
    for (r = 0; r < rows; ++r)
        for (o = 0; o < out; ++o) {
            double s = b ? b[o] : 0;
            for (k = 0; k < in; ++k) s += w[o * in + k] * x->v[r * in + k];
            y.v[r * out + o] = s;
        }
    return y;
}

static int places(const nd *x)
{
    int n = 1;
    for (int i = 2; i < x->ndim; ++i) n *= x->dim[i];
    return n;
}

// (x - mean) / sqrt(var + 1e-5), by the moments of all entries e' with the same key.
static nd normed(const nd *x, int (*key)(const nd *x, size_t e))
{
    nd y = nd_new(x->ndim, x->dim);
    for (size_t e = 0; e < x->n; ++e) {
        double mean = 0, square = 0, n = 0;
        for (size_t f = 0; f < x->n; ++f)
            if (key(x, f) == key(x, e)) mean += x->v[f], n += 1;
        mean /= n;
        for (size_t f = 0; f < x->n; ++f)
            if (key(x, f) == key(x, e)) square += (x->v[f] - mean) * (x->v[f] - mean) / n;
        y.v[e] = (x->v[e] - mean) / sqrt(square + 1e-5);
    }
    return y;
}
static int channel_of(const nd *x, size_t e) { return (int)(e / (size_t)places(x)) % x->dim[1]; }
static int plane_of(const nd *x, size_t e) { return (int)(e / (size_t)places(x)); }

static nd nd_map(const nd *x, double (*f)(double))
{
    nd y = nd_copy(x);
    for (size_t e = 0; e < x->n; ++e) y.v[e] = f(x->v[e]);
    return y;
}
static double relu_of(double v) { return v > 0 ? v : 0; }
static double leaky_of(double v) { return v > 0 ? v : .2 * v; }
static double sigmoid_of(double v) { return 1 / (1 + exp(-v)); }

static nd times(nd a, const nd *b)
{
    for (size_t e = 0; e < a.n; ++e) a.v[e] *= b->v[e];
    return a;
}
static nd plus(nd a, const nd *b)
{
    for (size_t e = 0; e < a.n; ++e) a.v[e] += b->v[e];
    return a;
}

// Channels of x, then those of y.
static nd joined(const nd *x, const nd *y)
{
    int dim[8], p = places(x), cx = x->dim[1], cy = y->dim[1];
    nd z;
    memcpy(dim, x->dim, sizeof dim);
    dim[1] = cx + cy;
    z = nd_new(x->ndim, dim);
    for (size_t e = 0; e < z.n; ++e) {
        int n = (int)e / ((cx + cy) * p), c = (int)e / p % (cx + cy), at = (int)e % p;
        z.v[e] = c < cx ? x->v[(n * cx + c) * p + at] : y->v[(n * cy + c - cx) * p + at];
    }
    return z;
}

static nd upsampled(const nd *x, int f)
{
    nd y = nd_new4(x->dim[0], x->dim[1], x->dim[2] * f, x->dim[3] * f);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4];
        unravel(e, 4, y.dim, at);
        at[2] /= f, at[3] /= f;
        y.v[e] = x->v[ravel(4, x->dim, at)];
    }
    return y;
}
static nd averaged(const nd *x, int f)
{
    nd y = nd_new4(x->dim[0], x->dim[1], x->dim[2] / f, x->dim[3] / f);
    for (size_t e = 0; e < x->n; ++e) {
        int at[4];
        unravel(e, 4, x->dim, at);
        at[2] /= f, at[3] /= f;
        if (at[2] < y.dim[2] && at[3] < y.dim[3]) y.v[ravel(4, y.dim, at)] += x->v[e] / (f * f);
    }
    return y;
}

// ---- norms

MAKE(make_lrn, gan_local_response_norm(x[0], i[0], (gan_real)(i[1] / 1e3), (gan_real)(i[2] / 1e3),
                                       (gan_real)(i[3] / 1e6)))
// PyTorch's: alpha / size; `shift` moves the window of an even size, `divide` 0 is AlexNet's own alpha
static nd lrn_by(const nd *x, const int *i, int shift, int divide)
{
    nd y = nd_new(x->ndim, x->dim);
    int p = places(x), C = x->dim[1], size = i[0], c, j;
    for (size_t e = 0; e < x->n; ++e) {
        double s = 0;
        c = channel_of(x, e);
        for (j = c - size / 2 + shift; j <= c + (size - 1) / 2 + shift; ++j)
            if (j >= 0 && j < C) s += pow(x->v[(int)e + (j - c) * p], 2);
        y.v[e] = x->v[e] / pow(i[3] / 1e6 + i[1] / 1e3 * s / (divide ? size : 1), i[2] / 1e3);
    }
    return y;
}
REFERENCE(ref_lrn, lrn_by(x, i, 0, 1))
REFERENCE(wrong_lrn_shift, lrn_by(x, i, 1, 1))
REFERENCE(wrong_lrn_alpha, lrn_by(x, i, 0, 0))
static void test_local_response_norm(void)
{
    static const char *const lines[] = {"2,5,2,3", "3,4", "1,1,1,1", "2,7,1", "1,3,3,1"};
    static const int cases[][8] = {
        {3, 500, 750, 1000000}, {4, 2000, 500, 300000}, {1, 1000, 1000, 2000000}, {9, 3000, 750, 1000000}};
    for (size_t k = 0; k < COUNT(lines); ++k)
        for (size_t c = 0; c < COUNT(cases); ++c)
            block_sample("local_response_norm", make_lrn, ref_lrn, lines[k], cases[c], TRAIN);
    block_sample("SC-FEGAN's local response norm: radius 5, bias 5e-5, alpha 1, beta .5", make_lrn, ref_lrn,
                 "2,7,2,2", N8(11, 11000, 500, 50), TRAIN);
    block_control("an even window that leans to the other side", make_lrn, wrong_lrn_shift, "2,5,2,3",
                  N8(4, 2000, 750, 1000000), GAN_TRAIN);
    block_control("alpha that is not divided by the size", make_lrn, wrong_lrn_alpha, "2,5,2,3",
                  N8(3, 2000, 750, 1000000), GAN_TRAIN);
    TEST ("what PyTorch says of (1, 2, 3, 4, 5), size 3, alpha 1, beta .75, k 1, and of size 2") {
        static const gan_real v[] = {1, 2, 3, 4, 5};
        static const double three[] = {0.4792073282, 0.5445455905, 0.5082761270, 0.4641881294, 0.6671468473},
                            two[] = {0.7377879465, 0.7815899428, 0.6619501839, 0.5679494260, 0.5007732932};
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_from(ctx, v, 1, 5, 1, 1);
        CHECK_ARRAY(5, gan_data(gan_local_response_norm(x, 3, 1, (gan_real).75, 1)), three, 2e-6, 0,
                    "size 3");
        CHECK_ARRAY(5, gan_data(gan_local_response_norm(x, 2, 1, (gan_real).75, 1)), two, 2e-6, 0, "size 2");
        gan_destroy(ctx);
    }
    block_error("k 0, with which x 0 has no value,", make_lrn, "1,3,1,1", N8(3, 1, 750, 0),
                GAN_ERROR_ARGUMENT, "local_response_norm");
    block_error("a window of no channels", make_lrn, "1,3,1,1", N8(0, 1, 750, 1000000), GAN_ERROR_ARGUMENT,
                "size 0");
    block_error("local response norm of one dimension", make_lrn, "3", N8(3, 1, 750, 1000000),
                GAN_ERROR_SHAPE, "(3)");
}

MAKE(make_pixel_norm, gan_pixel_norm(x[0]))
static nd pixel_norm_by(const nd *x, int whole)
{
    nd y = nd_new(x->ndim, x->dim);
    int p = places(x), C = x->dim[1], c;
    for (size_t e = 0; e < x->n; ++e) {
        double s = 0;
        int first = (int)e - channel_of(x, e) * p;
        for (c = 0; c < C; ++c) s += pow(x->v[first + c * p], 2) / C;
        if (whole)
            for (s = 0, c = 0; c < C * p; ++c) s += pow(x->v[(int)e / (C * p) * C * p + c], 2) / (C * p);
        y.v[e] = x->v[e] / sqrt(s + 1e-8);
    }
    return y;
}
REFERENCE(ref_pixel_norm, pixel_norm_by(x, 0))
REFERENCE(wrong_pixel_norm, pixel_norm_by(x, 1))
static void test_pixel_norm(void)
{
    static const char *const lines[] = {"2,3,2,3", "4,5", "1,1,1,1", "2,3,2,1,2"};
    for (size_t k = 0; k < COUNT(lines); ++k)
        block_sample("pixel_norm", make_pixel_norm, ref_pixel_norm, lines[k], NULL, TRAIN);
    block_control("a pixel norm over whole samples", make_pixel_norm, wrong_pixel_norm, "2,3,2,3", NULL,
                  GAN_TRAIN);
    TEST ("pixel norm gives every pixel the mean square 1, and 0 stays 0 with a finite gradient") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 7, 5, 2), *y = gan_pixel_norm(x), *z;
        gan_tensor *s = gan_mean(gan_square(y), GAN_AXES(1), 0);
        for (size_t k = 0; k < gan_numel(s); ++k) CHECK_NEAR(gan_data(s)[k], 1, 1e-5, "mean square");
        z = gan_zeros(ctx, 2, 3);
        CHECK(gan_item(gan_pixel_norm(z)) == 0, "of 0");
        CHECK(isfinite((double)gan_item(gan_grad(gan_sum_all(gan_pixel_norm(z)), z, 0))), "its gradient");
        gan_destroy(ctx);
    }
}

MAKE(make_reference_batch, gan_reference_batch(m, "vbn", x[0], i[0]))
static nd ref_reference_batch(gan_model *m, const nd *x, const int *i)
{
    int dim[8], rest = (int)x->n / x->dim[0];
    const double *r = values(m, "vbn.reference");
    nd y;
    memcpy(dim, x->dim, sizeof dim);
    dim[0] += i[0];
    y = nd_new(x->ndim, dim);
    for (int e = 0; e < (int)y.n; ++e) y.v[e] = e < i[0] * rest ? r[e] : x->v[e - i[0] * rest];
    return y;
}
static void test_reference_batch(void)
{
    block_sample("reference_batch", make_reference_batch, ref_reference_batch, "3,2,2,1", N8(2), BOTH);
    block_sample("reference_batch of all samples", make_reference_batch, ref_reference_batch, "2,3", N8(2),
                 TRAIN);
    TEST ("the first batch stays the reference; it is a buffer of its first rows, not trained") {
        bench b;
        gan_tensor *y;
        bench_open(&b, make_reference_batch, "4,3; 2,3", N8(3), 1, 1);
        (void)gan_forward(b.m, b.p.x[0], NULL);
        y = gan_forward(b.m, b.p.x[1], NULL);
        shape_of(b.m, "vbn.reference", 2, 3, 3);
        shape_of(b.m, "vbn.filled", 0);
        CHECK(gan_dim(y, 0) == 5 && gan_model_parameters(b.m) == 0, "%d rows", gan_dim(y, 0));
        CHECK_ARRAY(9, gan_data(y), b.x[0].v, 1e-7, 0, "the reference");
        CHECK_ARRAY(6, gan_data(y) + 9, b.x[1].v, 1e-7, 0, "the samples");
        CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
        gan_destroy(b.ctx);
    }
    block_error("a first batch smaller than its reference batch", make_reference_batch, "2,3", N8(3),
                GAN_ERROR_SHAPE, "(2, 3)");
    block_error("a reference batch of no rows", make_reference_batch, "2,3", N8(0), GAN_ERROR_ARGUMENT,
                "0 rows");
}

MAKE(make_vbn, gan_virtual_batch_norm(m, "vbn", x[0], i[0]))
// By first and second moments, as in the paper's own code: mean = k E_x[x] + (1 - k) E_r[x], likewise of
// squares; variance = mean of squares - mean^2.
static nd vbn_by(gan_model *m, const nd *x, const int *i, double (*share)(int rows))
{
    const double *w = values(m, "vbn.weight"), *b = values(m, "vbn.bias");
    nd y = nd_new(x->ndim, x->dim);
    int p = places(x), C = x->dim[1], R = i[0], r, q;
    for (size_t e = 0; e < x->n; ++e) {
        int n = (int)e / (C * p), c = channel_of(x, e);
        double mr = 0, sr = 0, mx = 0, sx = 0, k = n < R ? 0 : share(R), mean, square;
        for (r = 0; r < R; ++r)
            for (q = 0; q < p; ++q) {
                double v = x->v[(r * C + c) * p + q];
                mr += v / (R * p), sr += v * v / (R * p);
            }
        for (q = 0; q < p; ++q) {
            double v = x->v[(n * C + c) * p + q];
            mx += v / p, sx += v * v / p;
        }
        mean = k * mx + (1 - k) * mr;
        square = k * sx + (1 - k) * sr;
        y.v[e] = (x->v[e] - mean) / sqrt(square - mean * mean + 1e-5) * w[c] + b[c];
    }
    return y;
}
static double own_share(int rows) { return 1. / (rows + 1); }
static double no_share(int rows) { return 0 * rows; }
REFERENCE(ref_vbn, vbn_by(m, x, i, own_share))
REFERENCE(wrong_vbn, vbn_by(m, x, i, no_share))
static void vbn_alone(build *make, const int *i) // sample 3 looks at the reference and itself alone
{
    bench b;
    gan_tensor *y, *z;
    bench_open(&b, make, "6,2,2,1", i, 1, 1);
    y = bench_run(&b);
    for (int k = 16; k < 24; ++k) gan_data(b.p.x[0])[k] += 1;
    z = bench_run(&b);
    CHECK_BYTES(gan_data(y) + 12, gan_data(z) + 12, 4 * sizeof(gan_real), "sample 3");
    CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
    gan_destroy(b.ctx);
}
MAKE(make_plain_norm, gan_batch_norm(m, "bn", x[0]))
static void test_virtual_batch_norm(void)
{
    block_sample("virtual_batch_norm", make_vbn, ref_vbn, "5,2,2,2", N8(3), BOTH);
    block_sample("virtual_batch_norm of (N, C)", make_vbn, ref_vbn, "5,3", N8(3), TRAIN);
    block_sample("virtual_batch_norm of the reference alone", make_vbn, ref_vbn, "3,2,1,2", N8(3), TRAIN);
    block_sample("virtual_batch_norm, reference of one image", make_vbn, ref_vbn, "2,1,2,2", N8(1), TRAIN);
    block_control("virtual batch norm without the sample itself", make_vbn, wrong_vbn, "5,2,2,2", N8(3),
                  GAN_TRAIN);
    TEST ("the reference batch itself has mean 0 and variance 1 per channel") {
        bench b;
        gan_tensor *y, *mean, *var;
        bench_open(&b, make_vbn, "9,3,4,5", N8(6), 1, 1);
        y = gan_slice(bench_run(&b), 0, 0, 6);
        mean = gan_mean(y, GAN_AXES(0, 2, 3), 0);
        var = gan_var(y, GAN_AXES(0, 2, 3), 0);
        for (int c = 0; c < 3; ++c) {
            CHECK_NEAR(gan_data(mean)[c], 0, 1e-6, "mean");
            CHECK_NEAR(gan_data(var)[c], 1, 1e-4, "variance");
        }
        shape_of(b.m, "vbn.weight", 1, 3);
        shape_of(b.m, "vbn.bias", 1, 3);
        gan_destroy(b.ctx);
    }
    TEST ("a sample's output does not depend on the other samples of the batch") {
        vbn_alone(make_vbn, N8(3));
    }
    TEST_MUST_FAIL ("batch norm's does") { vbn_alone(make_plain_norm, NULL); }
    TEST ("numbers far from 0 keep their variance") {
        bench b;
        gan_tensor *y;
        bench_open(&b, make_vbn, "4,1", N8(2), 1, 1);
        for (int k = 0; k < 4; ++k) gan_data(b.p.x[0])[k] = (gan_real)(10000 + k);
        y = bench_run(
            &b); // reference 10000, 10001: mean 10000.5; sample 10003: mean 10001 1/3, variance 14/9
        CHECK_NEAR(gan_data(y)[3], (10003 - 10001 - 1 / 3.) / sqrt(14 / 9.), 2e-3, "standardized");
        gan_destroy(b.ctx);
    }
    block_error("more reference rows than rows", make_vbn, "2,3", N8(3), GAN_ERROR_SHAPE, "3 rows");
    block_error("no reference rows", make_vbn, "2,3", N8(0), GAN_ERROR_SHAPE, "0 rows");
}

MAKE(make_cbn, gan_conditional_batch_norm(m, "cbn", x[0], x[1], i[0]))
static nd cbn_from(gan_model *m, const nd *x, const nd *y, const int *i, nd h, int off)
{
    const double *w = values(m, "cbn.gain.weight"), *v = values(m, "cbn.bias.weight");
    int p = places(x), C = x->dim[1], D = i[0] ? 0 : y->dim[1], d;
    for (size_t e = 0; e < x->n; ++e) {
        int c = channel_of(x, e), n = (int)e / (C * p);
        double gain = 1, bias = 0;
        if (i[0]) {
            int k = ((int)y->v[n] + off) % i[0];
            gain = w[k * C + c];
            bias = v[k * C + c];
        }
        for (d = 0; d < D; ++d)
            gain += w[c * D + d] * y->v[n * D + d], bias += v[c * D + d] * y->v[n * D + d];
        h.v[e] = h.v[e] * gain + bias;
    }
    return h;
}
REFERENCE(ref_cbn, cbn_from(m, x, x + 1, i, normed(x, channel_of), 0))
REFERENCE(wrong_cbn, cbn_from(m, x, x + 1, i, normed(x, channel_of), 1))
static nd by_running(gan_model *m, const nd *x, const char *mean, const char *var)
{
    const double *mu = values(m, mean), *v = values(m, var);
    nd h = nd_new(x->ndim, x->dim);
    for (size_t e = 0; e < x->n; ++e) {
        int c = channel_of(x, e);
        h.v[e] = (x->v[e] - mu[c]) / sqrt(v[c] + 1e-5);
    }
    return h;
}
REFERENCE(ref_cbn_eval, cbn_from(m, x, x + 1, i, by_running(m, x, "cbn.running_mean", "cbn.running_var"), 0))
static void test_conditional_batch_norm(void)
{
    static const char *const by_class[] = {"4,2,2,1; i3:4", "5,3; i3:5", "2,1,1,1; i3:2"},
                             *const by_vector[] = {"4,2,2,1; 4,3", "5,3; 5,1"};
    for (size_t k = 0; k < COUNT(by_class); ++k) {
        block_sample("conditional_batch_norm by class", make_cbn, ref_cbn, by_class[k], N8(3), TRAIN);
        block_sample("conditional_batch_norm by class", make_cbn, ref_cbn_eval, by_class[k], N8(3), EVAL);
    }
    for (size_t k = 0; k < COUNT(by_vector); ++k) {
        block_sample("conditional_batch_norm by vector", make_cbn, ref_cbn, by_vector[k], N8(0), TRAIN);
        block_sample("conditional_batch_norm by vector", make_cbn, ref_cbn_eval, by_vector[k], N8(0), EVAL);
    }
    block_control("the gain of another class", make_cbn, wrong_cbn, "4,2,2,1; i3:4", N8(3), GAN_TRAIN);
    TEST ("names and shapes; fresh it is batch norm, running statistics and all") {
        bench b;
        gan_tensor *y, *z;
        bench_open(&b, make_cbn, "4,2,3,1; i3:4", N8(3), 1, 1);
        y = bench_run(&b);
        shape_of(b.m, "cbn.gain.weight", 2, 3, 2);
        shape_of(b.m, "cbn.bias.weight", 2, 3, 2);
        CHECK(gan_model_parameters(b.m) == 12 && gan_model_count(b.m) == 4, "%d", gan_model_count(b.m));
        z = gan_batch_norm(b.m, "bn", b.p.x[0]);
        CHECK_ARRAY(24, gan_data(y), gan_data(z), 2e-6, 0, "y");
        CHECK_ARRAY(2, values(b.m, "cbn.running_mean"), values(b.m, "bn.running_mean"), 1e-6, 0, "mean");
        CHECK_ARRAY(2, values(b.m, "cbn.running_var"), values(b.m, "bn.running_var"), 1e-6, 0, "variance");
        gan_destroy(b.ctx);
        bench_open(&b, make_cbn, "4,2,3,1; 4,5", N8(0), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "cbn.gain.weight", 2, 2, 5);
        shape_of(b.m, "cbn.bias.weight", 2, 2, 5);
        gan_destroy(b.ctx);
    }
    block_error("a class that is not there", make_cbn, "2,2,2,1; i9:2", N8(1), GAN_ERROR_ARGUMENT, "index");
    block_error("a condition of other rows", make_cbn, "2,2,2,1; 3,4", N8(0), GAN_ERROR_SHAPE, "(3, 4)");
    block_error("classes as a matrix", make_cbn, "2,2,2,1; i3:2,1", N8(3), GAN_ERROR_SHAPE, "condition");
    block_error("one value per channel in train", make_cbn, "1,2; i3:1", N8(3), GAN_ERROR_SHAPE,
                "more than one value");
}

MAKE(make_adain, gan_adain(m, "ada", x[0], x[1]))
static nd adain_by(gan_model *m, const nd *x, double one)
{
    int C = x->dim[1], p = places(x);
    nd s = linear_of(x + 1, values(m, "ada.weight"), values(m, "ada.bias"), 2 * C), y = normed(x, plane_of);
    for (size_t e = 0; e < x->n; ++e) {
        int n = (int)e / (C * p), c = channel_of(x, e);
        y.v[e] = y.v[e] * (one + s.v[n * 2 * C + c]) + s.v[n * 2 * C + C + c];
    }
    return y;
}
REFERENCE(ref_adain, adain_by(m, x, 1))
REFERENCE(wrong_adain, adain_by(m, x, 0))
static void test_adain(void)
{
    block_sample("adain", make_adain, ref_adain, "2,3,2,2; 2,3", NULL, BOTH);
    block_sample("adain of one sequence", make_adain, ref_adain, "1,1,3; 1,1", NULL, TRAIN);
    block_control("a style whose scale is not about 1", make_adain, wrong_adain, "2,3,2,2; 2,3", NULL,
                  GAN_TRAIN);
    TEST ("weight (2 C, D), bias (2 C)") {
        bench b;
        bench_open(&b, make_adain, "2,3,2,2; 2,5", NULL, 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "ada.weight", 2, 6, 5);
        shape_of(b.m, "ada.bias", 1, 6);
        gan_destroy(b.ctx);
    }
    block_error("a style for other samples", make_adain, "2,3,2,2; 3,5", NULL, GAN_ERROR_SHAPE, "the style");
    block_error("adain without places", make_adain, "2,3; 2,5", NULL, GAN_ERROR_SHAPE, "(2, 3)");
}

MAKE(make_adain_features, gan_adain_features(x[0], x[1]))
static nd ref_adain_features(gan_model *m, const nd *x, const int *i)
{
    nd h = normed(x, plane_of);
    const nd *y = x + 1;
    int p = places(x), q = places(y), C = x->dim[1];
    (void)m, (void)i;
    for (size_t e = 0; e < x->n; ++e) {
        int n = y->dim[0] == 1 ? 0 : (int)e / (C * p), c = channel_of(x, e), k;
        const double *v = y->v + (n * C + c) * q;
        double mean = 0, var = 0;
        for (k = 0; k < q; ++k) mean += v[k] / q;
        for (k = 0; k < q; ++k) var += (v[k] - mean) * (v[k] - mean) / q;
        h.v[e] = h.v[e] * sqrt(var + 1e-5) + mean;
    }
    return h;
}
static void test_adain_features(void)
{
    block_sample("adain_features", make_adain_features, ref_adain_features, "2,2,2,2; 2,2,3,1", NULL, TRAIN);
    block_sample("adain_features, one style", make_adain_features, ref_adain_features, "2,2,3; 1,2,2", NULL,
                 TRAIN);
    TEST ("each channel of the result has the mean and the deviation of the style's") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *y = gan_affine(gan_rand_normal(ctx, 2, 3, 9, 7), 3, 5);
        gan_tensor *z = gan_adain_features(gan_rand_normal(ctx, 2, 3, 6, 8), y);
        gan_axis_set a = GAN_AXES(2, 3);
        CHECK_ARRAY(6, gan_data(gan_mean(z, a, 0)), gan_data(gan_mean(y, a, 0)), 1e-5, 1e-5, "mean");
        CHECK_ARRAY(6, gan_data(gan_var(z, a, 0)), gan_data(gan_var(y, a, 0)), 1e-4, 1e-4, "variance");
        gan_destroy(ctx);
    }
    block_error("a style of other channels", make_adain_features, "2,2,2,2; 2,3,2,2", NULL, GAN_ERROR_SHAPE,
                "same channels");
}

MAKE(make_spade, gan_spade(m, "spade", x[0], x[1], i[0]))
static nd spade_from(gan_model *m, const nd *x, const int *i, nd h, int rounding)
{
    const nd *map = x + 1;
    int H = x->dim[2], W = x->dim[3], C = x->dim[1], hidden = i[0] ? i[0] : 128;
    nd r = nd_new4(map->dim[0], map->dim[1], H, W), gamma, beta;
    for (size_t e = 0; e < r.n; ++e) {
        int at[4];
        unravel(e, 4, r.dim, at);
        at[2] = (at[2] * map->dim[2] + rounding) / H;
        at[3] = (at[3] * map->dim[3] + rounding) / W;
        r.v[e] = map->v[ravel(4, map->dim, at)];
    }
    r = conv_of(&r, values(m, "spade.mlp_shared.0.weight"), values(m, "spade.mlp_shared.0.bias"), hidden, 3,
                1, 1, 1);
    r = nd_map(&r, relu_of);
    gamma =
        conv_of(&r, values(m, "spade.mlp_gamma.weight"), values(m, "spade.mlp_gamma.bias"), C, 3, 1, 1, 1);
    beta = conv_of(&r, values(m, "spade.mlp_beta.weight"), values(m, "spade.mlp_beta.bias"), C, 3, 1, 1, 1);
    for (size_t e = 0; e < h.n; ++e) h.v[e] = h.v[e] * (1 + gamma.v[e]) + beta.v[e];
    return h;
}
REFERENCE(ref_spade, spade_from(m, x, i, normed(x, channel_of), 0))
REFERENCE(wrong_spade, spade_from(m, x, i, normed(x, channel_of), 1))
REFERENCE(ref_spade_eval, spade_from(m, x, i, by_running(m, x, "spade.running_mean", "spade.running_var"), 0))
static void test_spade(void)
{
    static const char *const lines[] = {"2,2,3,2; 2,1,3,2", "1,1,2,3; 1,2,4,6", "2,1,4,2; 2,1,2,1",
                                        "1,1,3,2; 1,1,5,3"};
    for (size_t k = 0; k < COUNT(lines); ++k) {
        block_sample("spade", make_spade, ref_spade, lines[k], N8(2), TRAIN);
        block_sample("spade", make_spade, ref_spade_eval, lines[k], N8(2), EVAL);
    }
    block_control("a map whose nearest pixels are rounded up", make_spade, wrong_spade, "1,1,3,2; 1,1,5,3",
                  N8(2), GAN_TRAIN);
    TEST ("128 hidden channels unless told; names of the official code, no gain and bias of batch norm") {
        bench b;
        bench_open(&b, make_spade, "1,2,2,2; 1,3,4,4", N8(0), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "spade.mlp_shared.0.weight", 4, 128, 3, 3, 3);
        shape_of(b.m, "spade.mlp_shared.0.bias", 1, 128);
        shape_of(b.m, "spade.mlp_gamma.weight", 4, 2, 128, 3, 3);
        shape_of(b.m, "spade.mlp_beta.bias", 1, 2);
        shape_of(b.m, "spade.running_mean", 1, 2);
        CHECK(gan_model_count(b.m) == 8, "%d parameters and buffers", gan_model_count(b.m));
        gan_destroy(b.ctx);
    }
    block_error("a map of other samples", make_spade, "2,2,3,2; 1,1,3,2", N8(2), GAN_ERROR_SHAPE, "the map");
    block_error("a map that is none", make_spade, "2,2,3,2; 2,3", N8(2), GAN_ERROR_SHAPE, "the map");
}

// ---- planes

MAKE(make_reflect, gan_reflection_pad2d(x[0], i[0], i[1], i[2], i[3]))
MAKE(make_replicate, gan_replication_pad2d(x[0], i[0], i[1], i[2], i[3]))
static int bounced(int at, int n) // walks to and fro without standing still at the ends
{
    int step = 1, p = 0;
    if (at < 0) at = -at;
    while (at-- > 0) {
        if (p + step < 0 || p + step >= n) step = -step;
        p += step;
    }
    return p;
}
static int stopped(int at, int n) { return at < 0 ? 0 : at < n ? at : n - 1; }
static int wrapped(int at, int n) { return (at + 8 * n) % n; }
static nd padded(const nd *x, const int *i, int (*where)(int at, int n))
{
    nd y = nd_new4(x->dim[0], x->dim[1], x->dim[2] + i[2] + i[3], x->dim[3] + i[0] + i[1]);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4];
        unravel(e, 4, y.dim, at);
        at[2] = where(at[2] - i[2], x->dim[2]);
        at[3] = where(at[3] - i[0], x->dim[3]);
        y.v[e] = x->v[ravel(4, x->dim, at)];
    }
    return y;
}
REFERENCE(ref_reflect, padded(x, i, bounced))
REFERENCE(ref_replicate, padded(x, i, stopped))
REFERENCE(wrong_pad, padded(x, i, wrapped))
static void pad_constants(gan_tensor *(*pad)(gan_tensor *, int, int, int, int), const double *want)
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *x = gan_reshape(gan_linspace(ctx, 1, 6, 6), 1, 1, 2, 3);
    CHECK_ARRAY(18, gan_data(pad(x, 2, 1, 1, 0)), want, 0, 0, "2 left, 1 right, 1 on top");
    gan_destroy(ctx);
}
static void test_reflection_pad2d(void)
{
    static const double torch[] = {6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5};
    block_sample("reflection_pad2d", make_reflect, ref_reflect, "2,2,3,4", N8(1, 3, 2, 0), TRAIN);
    block_sample("reflection_pad2d", make_reflect, ref_reflect, "1,2,2,5", N8(0, 4, 1, 1), TRAIN);
    block_sample("reflection_pad2d by nothing", make_reflect, ref_reflect, "1,1,1,1", N8(0), TRAIN);
    block_control("a plane that goes on from its other side", make_reflect, wrong_pad, "2,2,3,4",
                  N8(1, 2, 1, 0), GAN_TRAIN);
    TEST ("what PyTorch says of (1 .. 6) as 2 x 3") { pad_constants(gan_reflection_pad2d, torch); }
    block_error("as much padding as there is", make_reflect, "1,1,3,3", N8(0, 3, 0, 0), GAN_ERROR_ARGUMENT,
                "(0, 3, 0, 0)");
    block_error("negative padding", make_reflect, "1,1,3,3", N8(0, 0, -1, 0), GAN_ERROR_ARGUMENT,
                "reflection_pad2d");
    block_error("a matrix", make_reflect, "3,3", N8(1, 1, 1, 1), GAN_ERROR_SHAPE, "reflection_pad2d");
}
static void test_replication_pad2d(void)
{
    static const double torch[] = {1, 1, 1, 2, 3, 3, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6, 6};
    block_sample("replication_pad2d", make_replicate, ref_replicate, "2,2,3,2", N8(1, 3, 4, 0), TRAIN);
    block_sample("replication_pad2d of one pixel", make_replicate, ref_replicate, "1,2,1,1", N8(2, 1, 0, 3),
                 TRAIN);
    block_control("a plane that goes on from its other side", make_replicate, wrong_pad, "2,2,3,4",
                  N8(1, 2, 1, 0), GAN_TRAIN);
    TEST ("what PyTorch says of (1 .. 6) as 2 x 3") { pad_constants(gan_replication_pad2d, torch); }
    block_error("negative padding", make_replicate, "1,1,3,3", N8(0, 0, 0, -2), GAN_ERROR_ARGUMENT,
                "replication_pad2d");
}

MAKE(make_d2s, gan_depth_to_space(x[0], i[0]))
MAKE(make_s2d, gan_space_to_depth(x[0], i[0]))
MAKE(make_shuffle, gan_pixel_shuffle(x[0], i[0]))
static nd ref_d2s(gan_model *m, const nd *x, const int *i)
{
    int f = i[0], C = x->dim[1] / (f * f);
    nd y = nd_new4(x->dim[0], C, x->dim[2] * f, x->dim[3] * f);
    (void)m;
    for (size_t e = 0; e < y.n; ++e) {
        int at[4], from[4];
        unravel(e, 4, y.dim, at);
        from[0] = at[0], from[2] = at[2] / f, from[3] = at[3] / f;
        from[1] = (at[2] % f * f + at[3] % f) * C + at[1];
        y.v[e] = x->v[ravel(4, x->dim, from)];
    }
    return y;
}
static nd ref_s2d(gan_model *m, const nd *x, const int *i)
{
    int f = i[0], C = x->dim[1];
    nd y = nd_new4(x->dim[0], C * f * f, x->dim[2] / f, x->dim[3] / f);
    (void)m;
    for (size_t e = 0; e < y.n; ++e) {
        int at[4], from[4];
        unravel(e, 4, y.dim, at);
        from[0] = at[0], from[1] = at[1] % C;
        from[2] = at[2] * f + at[1] / C / f, from[3] = at[3] * f + at[1] / C % f;
        y.v[e] = x->v[ravel(4, x->dim, from)];
    }
    return y;
}
static void test_depth_to_space(void)
{
    block_sample("depth_to_space", make_d2s, ref_d2s, "2,8,1,2", N8(2), TRAIN);
    block_sample("depth_to_space", make_d2s, ref_d2s, "1,9,2,1", N8(3), TRAIN);
    block_sample("depth_to_space by 1", make_d2s, ref_d2s, "1,3,2,1", N8(1), TRAIN);
    block_control("pixel_shuffle's order of channels", make_shuffle, ref_d2s, "2,8,1,2", N8(2), GAN_TRAIN);
    TEST ("TensorFlow's own example: twelve channels of one pixel become 1 2 3, 4 5 6; 7 8 9, 10 11 12") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *y = gan_depth_to_space(gan_reshape(gan_linspace(ctx, 1, 12, 12), 1, 12, 1, 1), 2);
        static const double want[] = {1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}; // by channels
        CHECK_ARRAY(12, gan_data(y), want, 0, 0, "y");
        gan_destroy(ctx);
    }
    TEST ("with one channel left both orders agree") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 4, 3, 2);
        CHECK(same_bits(gan_depth_to_space(x, 2), gan_pixel_shuffle(x, 2)), "they differ");
        gan_destroy(ctx);
    }
    block_error("a factor that does not fit", make_d2s, "1,6,2,2", N8(2), GAN_ERROR_SHAPE, "factor 2");
    block_error("factor 0", make_d2s, "1,6,2,2", N8(0), GAN_ERROR_SHAPE, "factor 0");
}
static void test_space_to_depth(void)
{
    block_sample("space_to_depth", make_s2d, ref_s2d, "2,2,2,4", N8(2), TRAIN);
    block_sample("space_to_depth", make_s2d, ref_s2d, "1,1,3,6", N8(3), TRAIN);
    block_control("depth_to_space for space_to_depth", make_d2s, ref_s2d, "1,4,4,4", N8(2), GAN_TRAIN);
    TEST ("it undoes depth_to_space") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 12, 3, 5);
        CHECK(same_bits(x, gan_space_to_depth(gan_depth_to_space(x, 2), 2)), "it does not");
        gan_destroy(ctx);
    }
    block_error("a factor that does not fit", make_s2d, "1,6,2,3", N8(2), GAN_ERROR_SHAPE, "factor 2");
}

static void test_binomial_filter(void)
{
    TEST ("binomial filters are Pascal's rows over 2^(taps - 1)") {
        gan_context *ctx = gan_create(NULL);
        static const double three[] = {.25, .5, .25}, four[] = {.125, .375, .375, .125},
                            five[] = {1 / 16., 4 / 16., 6 / 16., 4 / 16., 1 / 16.};
        CHECK_ARRAY(3, gan_data(gan_binomial_filter(ctx, 3)), three, 0, 0, "3");
        CHECK_ARRAY(4, gan_data(gan_binomial_filter(ctx, 4)), four, 0, 0, "4");
        CHECK_ARRAY(5, gan_data(gan_binomial_filter(ctx, 5)), five, 0, 0, "5");
        for (int taps = 1; taps <= 32; ++taps)
            CHECK_NEAR(gan_item(gan_sum_all(gan_binomial_filter(ctx, taps))), 1, 1e-6, "sum");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("0 or 33 taps are an error") {
        for (int taps = 0; taps < 34; taps += 33) {
            gan_context *ctx = gan_create(NULL);
            CHECK(gan_data(gan_binomial_filter(ctx, taps)) == NULL && gan_error(ctx) == GAN_ERROR_ARGUMENT,
                  "code %d", gan_error(ctx));
            gan_destroy(ctx);
        }
    }
}

// i: up, down, left, right, top, bottom, 100 gain; i[7] = 1: up and down of the width are 1
static gan_tensor *make_fir(gan_model *m, gan_tensor **x, const int *i)
{
    gan_upfirdn2d_desc d;
    (void)m;
    memset(&d, 0, sizeof d);
    d.up[0] = i[0], d.down[0] = i[1];
    if (i[7]) d.up[1] = d.down[1] = 1;
    memcpy(d.padding, i + 2, sizeof d.padding);
    d.gain = (gan_real)(i[6] / 100.);
    return gan_upfirdn2d(x[0], x[1], &d);
}
// Zeros put in, padded or cropped, convolved, decimated: one after the other.
static nd fir_by(const nd *x, const nd *f, int uh, int uw, int dh, int dw, const int *pad, double gain,
                 int mirrored, int drop)
{
    int fh = f->dim[0], fw = f->dim[f->ndim - 1], H = x->dim[2] * uh, W = x->dim[3] * uw, u, v;
    int h = H + pad[2] + pad[3], w = W + pad[0] + pad[1];
    nd z = nd_new4(x->dim[0], x->dim[1], h, w),
       y = nd_new4(x->dim[0], x->dim[1], (h - fh) / dh + 1, (w - fw) / dw + 1);
    for (size_t e = 0; e < z.n; ++e) {
        int at[4];
        unravel(e, 4, z.dim, at);
        at[2] -= pad[2], at[3] -= pad[0];
        if (at[2] < 0 || at[3] < 0 || at[2] >= H || at[3] >= W || at[2] % uh || at[3] % uw) continue;
        at[2] /= uh, at[3] /= uw;
        z.v[e] = x->v[ravel(4, x->dim, at)];
    }
    for (size_t e = 0; e < y.n; ++e) {
        int at[4];
        unravel(e, 4, y.dim, at);
        for (u = drop; u < fh; ++u)
            for (v = 0; v < fw; ++v) {
                int from[4] = {at[0], at[1], at[2] * dh + u, at[3] * dw + v};
                int a = mirrored ? u : fh - 1 - u, b = mirrored ? v : fw - 1 - v;
                double tap = f->ndim == 2 ? f->v[a * fw + b] : f->v[a] * f->v[b];
                y.v[e] += gain * tap * z.v[ravel(4, z.dim, from)];
            }
    }
    return y;
}
static nd fir_i(const nd *x, const int *i, int mirrored, int drop)
{
    int u = i[0] ? i[0] : 1, d = i[1] ? i[1] : 1;
    return fir_by(x, x + 1, u, i[7] ? 1 : u, d, i[7] ? 1 : d, i + 2, i[6] ? i[6] / 100. : 1, mirrored, drop);
}
REFERENCE(ref_fir, fir_i(x, i, 0, 0))
REFERENCE(wrong_fir_mirrored, fir_i(x, i, 1, 0))
REFERENCE(wrong_fir_rows, fir_i(x, i, 0, 1))
static void test_upfirdn2d(void)
{
    static const struct {
        const char *line;
        int i[8];
    } cases[] = {
        {"2,2,3,4; 3", {0}},
        {"1,2,3,4; 2,3", {0, 0, 1, 1, 1, 1, 250}},
        {"1,1,4,3; 4", {2, 1, 2, 1, 2, 1, 400}},
        {"1,1,3,2; 3,2", {2, 0, 3, 0, -1, 4, 0}},
        {"1,1,5,4; 4", {1, 2, 1, 1, 1, 1, 0}},
        {"1,2,5,4; 2,2", {0, 3, 2, -1, 0, 3, 0}},
        {"1,1,3,4; 3", {2, 3, 1, 2, 3, 0, 0}},
        {"1,1,3,3; 5,1", {3, 2, -1, -2, 2, 1, 100}},
        {"1,1,1,1; 1", {0}},
        {"1,1,1,1; 3", {4, 1, 3, 2, 0, 1, 0}},
        {"1,1,4,4; 2", {0, 0, -1, -1, -2, 0, 0}},
        {"1,1,3,4; 3", {2, 0, 0, 1, 2, 2, 0, 1}},
        {"1,1,4,3; 2,3", {0, 2, 1, 1, 0, 0, 0, 1}},
        {"1,1,2,2; 3", {2, 1, -4, 8, 9, -4, 0}}, // nothing of the picture is left
        {"1,1,2,2; 2", {1, 1, -2, 5, 6, -3, 0}},
    };
    for (size_t k = 0; k < COUNT(cases); ++k)
        block_sample("upfirdn2d", make_fir, ref_fir, cases[k].line, cases[k].i, TRAIN);
    block_control("a mirrored filter", make_fir, wrong_fir_mirrored, "1,1,4,4; 3,3", N8(0), GAN_TRAIN);
    block_control("a mirrored filter, upsampling", make_fir, wrong_fir_mirrored, "1,1,4,4; 3,3",
                  N8(2, 0, 1, 1, 1, 1), GAN_TRAIN);
    block_control("a padded convolution that drops a kernel row forward and backward (fault 8)", make_fir,
                  wrong_fir_rows, "1,1,4,4; 3,3", N8(0, 0, 1, 1, 1, 1), GAN_TRAIN);
    TEST ("an impulse becomes the filter") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *f = gan_rand_normal(ctx, 3, 4), *x = gan_zeros(ctx, 1, 1, 1, 1), *y;
        gan_upfirdn2d_desc d;
        memset(&d, 0, sizeof d);
        gan_data(x)[0] = 1;
        d.padding[0] = d.padding[1] = 3;
        d.padding[2] = d.padding[3] = 2;
        y = gan_upfirdn2d(x, f, &d);
        CHECK(gan_dim(y, 2) == 3 && gan_dim(y, 3) == 4, "%d x %d", gan_dim(y, 2), gan_dim(y, 3));
        CHECK_ARRAY(12, gan_data(y), gan_data(f), 0, 0, "y");
        d.up[0] = 5; // up and the filter not at all: the impulse and four zeros
        d.padding[0] = d.padding[1] = d.padding[2] = d.padding[3] = 0;
        y = gan_upfirdn2d(x, gan_full(ctx, 1, 1), &d);
        CHECK(gan_dim(y, 2) == 5 && gan_data(y)[0] == 1 && gan_item(gan_sum_all(y)) == 1, "zeros put in");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("desc NULL: the filter alone") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 1, 2, 3, 3);
        CHECK(same_bits(x, gan_upfirdn2d(x, gan_full(ctx, 1, 1), NULL)), "the filter 1");
        gan_destroy(ctx);
    }
    block_error("a filter larger than what is left", make_fir, "1,1,4,4; 3", N8(0, 0, -1, -1),
                GAN_ERROR_ARGUMENT, "filter of 3");
    block_error("paddings that cancel at the ends of int", make_fir, "1,1,4,4; 3,3",
                N8(0, 0, INT_MAX, 1 - INT_MAX), GAN_ERROR_ARGUMENT, "padding 2147483647");
    block_error("up -1", make_fir, "1,1,4,4; 3", N8(-1), GAN_ERROR_ARGUMENT, "up -1");
    block_error("a filter of three dimensions", make_fir, "1,1,4,4; 3,1,1", N8(0), GAN_ERROR_SHAPE,
                "the filter");
}

static nd pascal(int taps)
{
    nd f = nd_new(1, &taps);
    f.v[0] = 1;
    for (int n = 1; n < taps; ++n)
        for (int k = n; k >= 0; --k) f.v[k] = (f.v[k] + (k ? f.v[k - 1] : 0)) / 2;
    return f;
}
static int half_down(int n) { return (int)floor(n / 2.); }

MAKE(make_fir_up, gan_fir_upsample2d(x[0], i[0], i[1]))
static nd ref_fir_up(gan_model *m, const nd *x, const int *i)
{
    nd f = pascal(i[0]);
    int a = half_down(i[0] + i[1] - 1), b = half_down(i[0] - i[1]), pad[4] = {a, b, a, b};
    (void)m;
    return fir_by(x, &f, i[1], i[1], 1, 1, pad, i[1] * i[1], 0, 0);
}
REFERENCE(wrong_fir_up, upsampled(x, i[1]))
static void test_fir_upsample2d(void)
{
    static const int cases[][8] = {{4, 2}, {3, 2}, {1, 2}, {6, 3}, {4, 1}};
    for (size_t k = 0; k < COUNT(cases); ++k)
        block_sample("fir_upsample2d", make_fir_up, ref_fir_up, "2,2,3,2", cases[k], TRAIN);
    block_control("nearest pixels for [1,3,3,1]", make_fir_up, wrong_fir_up, "1,1,3,3", N8(4, 2), GAN_TRAIN);
    TEST ("f times the size; a constant stays so away from the border") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *y = gan_fir_upsample2d(gan_full(ctx, 3, 1, 1, 5, 7), 4, 2);
        CHECK(gan_dim(y, 2) == 10 && gan_dim(y, 3) == 14, "%d x %d", gan_dim(y, 2), gan_dim(y, 3));
        for (int r = 1; r < 9; ++r)
            for (int c = 1; c < 13; ++c) CHECK_NEAR(gan_data(y)[r * 14 + c], 3, 1e-6, "inside");
        gan_destroy(ctx);
    }
    block_error("factor 0", make_fir_up, "1,1,3,3", N8(4, 0), GAN_ERROR_ARGUMENT, "factor 0");
    block_error("no taps", make_fir_up, "1,1,3,3", N8(0, 2), GAN_ERROR_ARGUMENT, "taps");
    block_error("INT_MIN taps", make_fir_up, "1,1,3,3", N8(INT_MIN, 2), GAN_ERROR_ARGUMENT, "taps");
    block_error("INT_MAX taps", make_fir_up, "1,1,3,3", N8(INT_MAX, 3), GAN_ERROR_ARGUMENT, "taps");
}

MAKE(make_fir_down, gan_fir_downsample2d(x[0], i[0], i[1]))
static nd ref_fir_down(gan_model *m, const nd *x, const int *i)
{
    nd f = pascal(i[0]);
    int a = half_down(i[0] - i[1] + 1), b = half_down(i[0] - i[1]), pad[4] = {a, b, a, b};
    (void)m;
    return fir_by(x, &f, 1, 1, i[1], i[1], pad, 1, 0, 0);
}
REFERENCE(wrong_fir_down, averaged(x, i[1]))
static void test_fir_downsample2d(void)
{
    static const int cases[][8] = {{4, 2}, {3, 2}, {1, 2}, {2, 3}, {6, 3}, {3, 1}};
    for (size_t k = 0; k < COUNT(cases); ++k)
        block_sample("fir_downsample2d", make_fir_down, ref_fir_down, "2,2,6,3", cases[k], TRAIN);
    block_sample("fir_downsample2d of [1,1] is the mean", make_fir_down, wrong_fir_down, "2,2,6,4", N8(2, 2),
                 TRAIN);
    block_control("the mean for [1,3,3,1]", make_fir_down, wrong_fir_down, "1,1,4,4", N8(4, 2), GAN_TRAIN);
    block_error("factor -1", make_fir_down, "1,1,3,3", N8(4, -1), GAN_ERROR_ARGUMENT, "factor -1");
}

MAKE(make_blur, gan_blur(x[0], i[0]))
MAKE(make_blur_pool, gan_blur_pool2d(x[0], i[0], i[1]))
static nd blur_by(const nd *x, int taps, int stride, int (*where)(int, int))
{
    nd f = pascal(taps),
       y = nd_new4(x->dim[0], x->dim[1], (x->dim[2] - 1) / stride + 1, (x->dim[3] - 1) / stride + 1);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4], u, v;
        unravel(e, 4, y.dim, at);
        for (u = 0; u < taps; ++u)
            for (v = 0; v < taps; ++v) {
                int from[4] = {at[0], at[1], where(at[2] * stride + u - (taps - 1) / 2, x->dim[2]),
                               where(at[3] * stride + v - (taps - 1) / 2, x->dim[3])};
                y.v[e] += f.v[u] * f.v[v] * x->v[ravel(4, x->dim, from)];
            }
    }
    return y;
}
REFERENCE(ref_blur, blur_by(x, i[0], i[1] ? i[1] : 1, bounced))
REFERENCE(wrong_blur, blur_by(x, i[0], i[1] ? i[1] : 1, stopped))
static void stays_constant(gan_tensor *(*blur)(gan_tensor *x))
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *y = blur(gan_full(ctx, 3, 2, 2, 6, 5));
    for (size_t k = 0; k < gan_numel(y); ++k) CHECK_NEAR(gan_data(y)[k], 3, 1e-6, "a pixel");
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}
static gan_tensor *blur_3(gan_tensor *x) { return gan_blur(x, 3); }
static gan_tensor *blur_4(gan_tensor *x) { return gan_blur(x, 4); }
static gan_tensor *blur_pool_5(gan_tensor *x) { return gan_blur_pool2d(x, 5, 2); }
static gan_tensor *blur_zeros(gan_tensor *x)
{
    gan_upfirdn2d_desc d;
    memset(&d, 0, sizeof d);
    d.padding[0] = d.padding[1] = d.padding[2] = d.padding[3] = 1;
    return gan_upfirdn2d(x, gan_binomial_filter(gan_context_of(x), 3), &d);
}
static void test_blur(void)
{
    static const int taps[][8] = {{1}, {2}, {3}, {4}, {5}};
    for (size_t k = 0; k < COUNT(taps); ++k)
        block_sample("blur", make_blur, ref_blur, "2,2,4,3", taps[k], TRAIN);
    block_control("borders that repeat", make_blur, wrong_blur, "1,1,4,4", N8(3), GAN_TRAIN);
    TEST ("what is constant stays so, borders and all") {
        stays_constant(blur_3);
        stays_constant(blur_4);
        stays_constant(blur_pool_5);
    }
    TEST_MUST_FAIL ("not with zeros around") { stays_constant(blur_zeros); }
    block_error("a picture too small to be reflected", make_blur, "1,1,1,4", N8(3), GAN_ERROR_ARGUMENT,
                "blur");
    block_error("no taps", make_blur, "1,1,4,4", N8(0), GAN_ERROR_ARGUMENT, "taps");
}
static void test_blur_pool2d(void)
{
    static const int cases[][8] = {{3, 2}, {2, 2}, {5, 2}, {4, 3}, {3, 1}};
    for (size_t k = 0; k < COUNT(cases); ++k)
        block_sample("blur_pool2d", make_blur_pool, ref_blur, "2,1,5,4", cases[k], TRAIN);
    block_control("borders that repeat", make_blur_pool, wrong_blur, "1,1,4,4", N8(3, 2), GAN_TRAIN);
    TEST ("half the size, rounded up, as antialiased pooling has it") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *y = gan_blur_pool2d(gan_zeros(ctx, 1, 1, 7, 6), 3, 2);
        CHECK(gan_dim(y, 2) == 4 && gan_dim(y, 3) == 3, "%d x %d", gan_dim(y, 2), gan_dim(y, 3));
        gan_destroy(ctx);
    }
    block_error("stride 0", make_blur_pool, "1,1,4,4", N8(3, 0), GAN_ERROR_ARGUMENT, "factor 0");
}

// ---- style-based generators

// i: out_channels, kernel, up, down, demodulate
static gan_tensor *make_modulated(gan_model *m, gan_tensor **x, const int *i)
{
    gan_modulated_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = i[0], d.kernel = i[1], d.up = i[2], d.down = i[3], d.demodulate = i[4];
    return gan_modulated_conv2d(m, "mod", x[0], x[1], &d);
}
// The weight of each sample made in full, then its own convolution. `norm_of` 1: the sum of squares of all
// samples' weights (wrong).
static nd modulated_by(gan_model *m, const nd *x, const int *i, int whole)
{
    int N = x->dim[0], C = x->dim[1], O = i[0], k = i[1], n, o, c, q, each = C * k * k;
    nd s = linear_of(x + 1, values(m, "mod.affine.weight"), values(m, "mod.affine.bias"), C), y, one,
       f = pascal(4);
    const double *w = values(m, "mod.weight"), *b = values(m, "mod.bias");
    nd own = nd_new4(N, O, C, k * k), t = nd_new4(1, C, O, k * k);
    for (size_t e = 0; e < own.n; ++e)
        own.v[e] = w[e % (size_t)(O * each)] * s.v[(int)e / (O * each) * C + (int)e / (k * k) % C];
    for (n = 0; n < N; ++n)
        for (o = 0; o < O && i[4]; ++o) {
            double sum = 1e-8, *v = own.v + (n * O + o) * each;
            for (q = 0; q < (whole ? O : 1) * each; ++q)
                sum += pow(whole ? w[q] * s.v[n * C + q / (k * k) % C] : v[q], 2) / 1;
            for (q = 0; q < each; ++q) v[q] /= sqrt(sum);
        }
    one = *x;
    one.dim[0] = 1;
    one.n = x->n / (size_t)N;
    memset(&y, 0, sizeof y);
    for (n = 0; n < N; ++n) {
        nd z;
        one.v = x->v + (size_t)n * one.n;
        if (i[2] == 2) { // a true convolution of what has zeros between its pixels, then the blur
            int p = k / 2 + 2 - (k - 1), r = k / 2 + 1 - (k - 2), pad[4] = {p, r, p, r};
            for (o = 0; o < O; ++o)
                for (c = 0; c < C; ++c)
                    memcpy(t.v + (c * O + o) * k * k, own.v + ((n * O + o) * C + c) * k * k,
                           (size_t)(k * k) * sizeof *t.v);
            z = up_of(&one, t.v, NULL, O, k, 2, 0);
            z = fir_by(&z, &f, 1, 1, 1, 1, pad, 4, 0, 0);
        } else if (i[3] == 2) {
            int p = k / 2 + 1, pad[4] = {p, p, p, p};
            z = fir_by(&one, &f, 1, 1, 1, 1, pad, 1, 0, 0);
            z = conv_of(&z, own.v + n * O * each, NULL, O, k, 2, 0, 1);
        } else {
            z = conv_of(&one, own.v + n * O * each, NULL, O, k, 1, k / 2, 1);
        }
        if (!n) y = nd_new4(N, O, z.dim[2], z.dim[3]);
        for (size_t e = 0; e < z.n; ++e)
            y.v[(size_t)n * z.n + e] = z.v[e] + b[e / (size_t)(z.dim[2] * z.dim[3]) % (size_t)O];
    }
    return y;
}
REFERENCE(ref_modulated, modulated_by(m, x, i, 0))
REFERENCE(wrong_modulated, modulated_by(m, x, i, 1))

// The weights that a sample sees, read from impulses; the sum of their squares per output channel.
static void demodulated(int demodulate)
{
    enum { C = 5, K = 3, O = 4, D = 6, N = 2 };
    bench b;
    double sum[N][O] = {{0}};
    bench_open(&b, make_modulated, "2,5,5,5; 2,6", N8(O, K, 0, 0, demodulate), 1, 1);
    (void)bench_run(&b);
    scramble(b.m);
    for (int c = 0; c < C; ++c) {
        gan_tensor *x = gan_zeros(b.ctx, N, C, 5, 5), *y;
        for (int n = 0; n < N; ++n) gan_data(x)[((n * C + c) * 5 + 2) * 5 + 2] = 1;
        y = gan_forward(b.m, x, NULL);
        for (int e = 0; e < N * O * 25; ++e) {
            double v = (double)gan_data(y)[e] - values(b.m, "mod.bias")[e / 25 % O];
            sum[e / 25 / O][e / 25 % O] += v * v;
        }
    }
    for (int e = 0; e < N * O; ++e) CHECK_NEAR(sum[e / O][e % O], 1, 1e-4, "the norm of a filter");
    CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
    gan_destroy(b.ctx);
}
static void test_modulated_conv2d(void)
{
    static const struct {
        const char *line;
        int i[8];
    } cases[] = {
        {"2,2,3,2; 2,3", {3, 3, 0, 0, 1}}, {"2,2,3,2; 2,3", {2, 3, 1, 1, 0}},
        {"2,1,1,1; 2,1", {1, 1, 0, 0, 1}}, {"2,2,2,3; 2,1", {2, 3, 2, 0, 1}},
        {"1,2,3,1; 1,2", {1, 1, 2, 0, 1}}, {"1,1,2,2; 1,2", {2, 5, 2, 1, 0}},
        {"2,2,4,2; 2,1", {2, 3, 0, 2, 1}}, {"1,2,3,4; 1,2", {2, 1, 0, 2, 1}},
        {"1,1,4,5; 1,2", {1, 5, 0, 2, 0}},
    };
    for (size_t k = 0; k < COUNT(cases); ++k)
        block_sample("modulated_conv2d", make_modulated, ref_modulated, cases[k].line, cases[k].i, TRAIN);
    block_control("demodulation over all output channels", make_modulated, wrong_modulated, "2,2,3,2; 2,3",
                  N8(3, 3, 0, 0, 1), GAN_TRAIN);
    TEST ("each filter of each sample has the norm 1") { demodulated(1); }
    TEST_MUST_FAIL ("not without demodulation") { demodulated(0); }
    TEST ("names, shapes, sizes; the style's bias begins at 1") {
        bench b;
        gan_tensor *y;
        bench_open(&b, make_modulated, "2,3,5,4; 2,6", N8(7, 3, 2, 0, 1), 1, 1);
        y = bench_run(&b);
        shape_of(b.m, "mod.weight", 4, 7, 3, 3, 3);
        shape_of(b.m, "mod.bias", 1, 7);
        shape_of(b.m, "mod.affine.weight", 2, 3, 6);
        shape_of(b.m, "mod.affine.bias", 1, 3);
        CHECK_NEAR(values(b.m, "mod.affine.bias")[2], 1, 0, "affine.bias");
        CHECK(gan_dim(y, 1) == 7 && gan_dim(y, 2) == 10 && gan_dim(y, 3) == 8, "%d x %d", gan_dim(y, 2),
              gan_dim(y, 3));
        gan_destroy(b.ctx);
    }
    block_error("an even kernel", make_modulated, "2,3,5,4; 2,6", N8(7, 4, 0, 0, 1), GAN_ERROR_ARGUMENT,
                "kernel 4");
    block_error("up and down at once", make_modulated, "2,3,5,4; 2,6", N8(7, 3, 2, 2, 1), GAN_ERROR_ARGUMENT,
                "down 2");
    block_error("up 3", make_modulated, "2,3,5,4; 2,6", N8(7, 3, 3, 0, 1), GAN_ERROR_ARGUMENT, "up 3");
    block_error("styles of other samples", make_modulated, "2,3,5,4; 1,6", N8(7, 3, 0, 0, 1), GAN_ERROR_SHAPE,
                "the style");
}

static gan_tensor *make_noise(gan_model *m, gan_tensor **x, const int *i)
{
    if (i[1]) gan_seed(gan_model_context(m), (uint64_t)i[1]);
    return gan_noise_injection(m, "noise", x[0], i[0]);
}
static nd ref_noise(gan_model *m, const nd *x, const int *i)
{
    nd y = nd_copy(x);
    const double *w = values(m, "noise.weight"), *fixed = i[0] ? values(m, "noise.noise_const") : NULL;
    int p = places(x), C = x->dim[1];
    gan_context *ctx = gan_create(NULL);
    gan_tensor *draw;
    gan_seed(ctx, (uint64_t)i[1]);
    draw = gan_rand_normal(ctx, x->dim[0] * p);
    for (size_t e = 0; e < x->n; ++e) {
        int n = (int)e / (C * p), at = (int)e % p;
        y.v[e] += w[channel_of(x, e)] * (fixed ? fixed[at] : (double)gan_data(draw)[n * p + at]);
    }
    gan_destroy(ctx);
    return y;
}
static void test_noise_injection(void)
{
    block_sample("noise_injection, drawn", make_noise, ref_noise, "2,3,2,3", N8(0, 7), BOTH);
    block_sample("noise_injection, fixed", make_noise, ref_noise, "2,3,2,3", N8(1, 7), BOTH);
    block_sample("noise_injection of one pixel", make_noise, ref_noise, "1,1,1,1", N8(0, 3), TRAIN);
    TEST ("at first nothing is added; then noise differs from call to call, and fixed noise does not") {
        for (int fixed = 0; fixed < 2; ++fixed) {
            bench b;
            gan_tensor *y, *z;
            bench_open(&b, make_noise, "2,3,4,5", N8(fixed), 1, 1);
            CHECK_ARRAY(120, gan_data(bench_run(&b)), gan_data(b.p.x[0]), 0, 0, "at first");
            gan_data(gan_model_find(b.m, "noise.weight"))[1] = 1;
            y = bench_run(&b);
            z = bench_run(&b);
            CHECK(same_bits(y, z) == fixed, "fixed %d", fixed);
            shape_of(b.m, "noise.weight", 1, 3);
            if (fixed) shape_of(b.m, "noise.noise_const", 2, 4, 5);
            CHECK(gan_model_parameters(b.m) == 3, "%d", (int)gan_model_parameters(b.m));
            gan_destroy(b.ctx);
        }
    }
    TEST ("one noise for all channels of a sample, N(0, 1)") {
        bench b;
        gan_tensor *y;
        double mean = 0, square = 0;
        bench_open(&b, make_noise, "1,2,1,1", N8(0), 1, 1);
        (void)bench_run(&b);
        gan_data(gan_model_find(b.m, "noise.weight"))[0] = 1;
        gan_data(gan_model_find(b.m, "noise.weight"))[1] = 2;
        y = gan_forward(b.m, gan_zeros(b.ctx, 1, 2, 100, 100), NULL);
        for (int k = 0; k < 10000; ++k) {
            double v = (double)gan_data(y)[k];
            mean += v / 1e4, square += v * v / 1e4;
            CHECK(gan_data(y)[10000 + k] == 2 * gan_data(y)[k], "pixel %d", k);
        }
        CHECK_NEAR(mean, 0, .05, "mean");
        CHECK_NEAR(square, 1, .08, "variance");
        gan_destroy(b.ctx);
    }
    block_error("noise on a matrix", make_noise, "2,3", N8(0), GAN_ERROR_SHAPE, "(2, 3)");
}

MAKE(make_constant, gan_constant_input(m, "in", x[0], i[0], i[1], i[2]))
static nd ref_constant(gan_model *m, const nd *x, const int *i)
{
    nd y = nd_new4(x->dim[0], i[0], i[1], i[2]);
    const double *v = values(m, "in.const");
    for (size_t e = 0; e < y.n; ++e) y.v[e] = v[e % (size_t)(i[0] * i[1] * i[2])];
    return y;
}
static void test_constant_input(void)
{
    block_sample("constant_input", make_constant, ref_constant, "3,2", N8(2, 2, 3), TRAIN);
    block_sample("constant_input for one", make_constant, ref_constant, "1", N8(1, 1, 1), TRAIN);
    TEST ("const (C, H, W)") {
        bench b;
        bench_open(&b, make_constant, "3,2", N8(5, 4, 6), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "in.const", 3, 5, 4, 6);
        gan_destroy(b.ctx);
    }
    block_error("no channels", make_constant, "3,2", N8(0, 4, 4), GAN_ERROR_SHAPE, "(0, 4, 4)");
}
MAKE(make_basis, gan_basis_input(m, "in", x[0], i[0], i[1], i[2]))
static nd ref_basis(gan_model *m, const nd *x, const int *i)
{
    nd y = nd_new4(x->dim[0], i[0], i[1], i[2]), s = linear_of(x, values(m, "in.linear.weight"), NULL, i[0]);
    const double *v = values(m, "in.basis");
    for (size_t e = 0; e < y.n; ++e)
        y.v[e] = v[e % (size_t)(i[0] * i[1] * i[2])] * s.v[e / (size_t)(i[1] * i[2])];
    return y;
}
static void test_basis_input(void)
{
    block_sample("basis_input", make_basis, ref_basis, "3,2", N8(2, 2, 3), TRAIN);
    block_sample("basis_input of one", make_basis, ref_basis, "1,1", N8(1, 1, 1), TRAIN);
    TEST ("basis (C, H, W), linear.weight (C, D)") {
        bench b;
        bench_open(&b, make_basis, "3,2", N8(5, 4, 6), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "in.basis", 3, 5, 4, 6);
        shape_of(b.m, "in.linear.weight", 2, 5, 2);
        gan_destroy(b.ctx);
    }
    block_error("no width", make_basis, "3,2", N8(2, 4, 0), GAN_ERROR_SHAPE, "(2, 4, 0)");
    block_error("z with places", make_basis, "3,2,2", N8(2, 4, 4), GAN_ERROR_SHAPE, "z");
}

MAKE(make_mapping, gan_mapping_network(m, "map", x[0], i[0], i[1], (gan_real)(i[2] / 1000.)))
static nd ref_mapping(gan_model *m, const nd *x, const int *i)
{
    double lr = i[2] ? i[2] / 1000. : .01;
    nd h = pixel_norm_by(x, 0);
    for (int l = 0; l < i[1]; ++l) {
        char w[32], b[32];
        int in = h.dim[1];
        nd g;
        snprintf(w, sizeof w, "map.fc%d.weight", l);
        snprintf(b, sizeof b, "map.fc%d.bias", l);
        g = linear_of(&h, values(m, w), NULL, i[0]);
        for (size_t e = 0; e < g.n; ++e) {
            double v = g.v[e] * lr / sqrt(in) + lr * values(m, b)[e % (size_t)i[0]];
            g.v[e] = sqrt(2) * (v > 0 ? v : .2 * v);
        }
        h = g;
    }
    return h;
}
static void test_mapping_network(void)
{
    block_sample("mapping_network", make_mapping, ref_mapping, "3,2", N8(3, 2, 500), TRAIN);
    block_sample("mapping_network at lr .01", make_mapping, ref_mapping, "2,3", N8(2, 2, 0), TRAIN);
    block_sample("mapping_network without layers", make_mapping, ref_mapping, "2,3", N8(2, 0, 0), TRAIN);
    TEST ("two rates begin with the same w; the gradient's step moves it lr times as far") {
        static const int lr[] = {10, 1000};
        double first[2], moved[2];
        for (int k = 0; k < 2; ++k) {
            bench b;
            gan_tensor *y, *g, *w;
            bench_open(&b, make_mapping, "4,8", N8(16, 1, lr[k]), 1, 1);
            y = bench_run(&b);
            first[k] = (double)gan_data(y)[5];
            w = gan_model_find(b.m, "map.fc0.weight");
            g = gan_grad(gan_sum_all(y), w, 0);
            moved[k] = (double)gan_data(g)[3];
            shape_of(b.m, "map.fc0.weight", 2, 16, 8);
            shape_of(b.m, "map.fc0.bias", 1, 16);
            gan_destroy(b.ctx);
        }
        CHECK_NEAR(first[0], first[1], 1e-5, "w");
        CHECK_NEAR(moved[0], moved[1] / 100, 1e-6, "dw / dW");
    }
    block_error("a negative rate", make_mapping, "2,3", N8(2, 2, -5), GAN_ERROR_ARGUMENT, "lr");
    block_error("a hundred layers", make_mapping, "2,3", N8(2, 100, 0), GAN_ERROR_ARGUMENT, "100 layers");
}

static gan_tensor *make_mixing(gan_model *m, gan_tensor **x, const int *i)
{
    gan_seed(gan_model_context(m), 11);
    return gan_style_mixing(m, x[0], x[1], i[0], (gan_real)(i[1] / 100.));
}
static nd ref_mixing_eval(gan_model *m, const nd *x, const int *i)
{
    int dim[3] = {x->dim[0], i[0], x->dim[1]};
    nd y = nd_new(3, dim);
    (void)m;
    for (size_t e = 0; e < y.n; ++e)
        y.v[e] = x->v[(int)e / (i[0] * x->dim[1]) * x->dim[1] + (int)e % x->dim[1]];
    return y;
}
// Of N samples with w1 = 0, w2 = 1: how many are mixed, and at which layers.
static void mixing(int n, int layers, int percent, double *share, double *at)
{
    bench b;
    gan_tensor *y;
    int mixed = 0, i, l;
    bench_open(&b, make_mixing, "1,1; 1,1", N8(layers, percent), 1, 1);
    b.p.x[1] = gan_full(b.ctx, 1, n, 1);
    y = gan_forward(b.m, gan_zeros(b.ctx, n, 1), NULL);
    memset(at, 0, (size_t)layers * sizeof *at);
    for (i = 0; i < n; ++i) {
        const gan_real *s = gan_data(y) + i * layers;
        for (l = 0; l < layers && s[l] == 0; ++l) {}
        CHECK(l > 0, "sample %d begins with w2", i);
        if (l < layers) ++mixed, at[l] += 1;
        for (; l < layers; ++l) CHECK(s[l] == 1, "sample %d goes back to w1", i);
    }
    *share = (double)mixed / n;
    for (l = 0; l < layers; ++l) at[l] /= mixed ? mixed : 1;
    CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
    gan_destroy(b.ctx);
}
static void test_style_mixing(void)
{
    block_sample("style_mixing in GAN_EVAL is w1", make_mixing, ref_mixing_eval, "3,2; 3,2", N8(4, 90), EVAL);
    block_sample("style_mixing with probability 0 is w1", make_mixing, ref_mixing_eval, "3,2; 3,2", N8(4, 0),
                 TRAIN);
    block_sample("style_mixing of one layer is w1", make_mixing, ref_mixing_eval, "3,2; 3,2", N8(1, 100),
                 TRAIN);
#ifdef GAN_DOUBLE
    TEST ("style_mixing's gradients go where its values came from") {
        bench b;
        bench_open(&b, make_mixing, "3,2; 3,2", N8(4, 90), 1, 1);
        gradients(b.ctx, b.m, &b.p, b.has_grad, "style_mixing");
        gan_destroy(b.ctx);
    }
#endif
    TEST ("nine in ten are mixed, w1 before and w2 from a layer on that is uniform in 1 .. layers - 1") {
        double share, at[5];
        mixing(20000, 5, 90, &share, at);
        CHECK_NEAR(share, .9, .011, "share");
        for (int l = 1; l < 5; ++l) CHECK_NEAR(at[l], .25, .016, "layer");
    }
    TEST_MUST_FAIL ("eight in ten are not nine") {
        double share, at[5];
        mixing(20000, 5, 80, &share, at);
        CHECK_NEAR(share, .9, .011, "share");
    }
    TEST ("layer_style takes one layer's styles out") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *s = gan_reshape(gan_linspace(ctx, 0, 11, 12), 2, 3, 2), *y = gan_layer_style(s, 1);
        static const double want[] = {2, 3, 8, 9};
        CHECK(gan_ndim(y) == 2 && gan_dim(y, 0) == 2, "shape");
        CHECK_ARRAY(4, gan_data(y), want, 0, 0, "y");
        CHECK(gan_data(gan_layer_style(s, 3)) == NULL && gan_error(ctx) == GAN_ERROR_ARGUMENT,
              "layer 3 of 3");
        gan_destroy(ctx);
    }
    block_error("styles of two widths", make_mixing, "3,2; 3,1", N8(4, 90), GAN_ERROR_ARGUMENT, "(3, 1)");
    block_error("a probability of 1.2", make_mixing, "3,2; 3,2", N8(4, 120), GAN_ERROR_ARGUMENT,
                "probability");
}

MAKE(make_truncation, gan_truncation(m, "trunc", x[0], (gan_real)(i[0] / 100.), i[1]))
static nd ref_truncation(gan_model *m, const nd *x, const int *i)
{
    nd y = nd_copy(x);
    int D = x->dim[x->ndim - 1], L = x->ndim == 3 ? x->dim[1] : 1;
    const double *a = values(m, "trunc.w_avg");
    for (size_t e = 0; e < x->n; ++e)
        if (!i[1] || (int)e / D % L < i[1]) y.v[e] = a[(int)e % D] + i[0] / 100. * (x->v[e] - a[(int)e % D]);
    return y;
}
REFERENCE(ref_same, nd_copy(x))
static void test_truncation(void)
{
    block_sample("truncation", make_truncation, ref_truncation, "3,2", N8(70), EVAL);
    block_sample("truncation of styles", make_truncation, ref_truncation, "2,4,2", N8(-50, 0), EVAL);
    block_sample("truncation up to a layer", make_truncation, ref_truncation, "2,4,2", N8(70, 3), EVAL);
    block_sample("truncation in training leaves w", make_truncation, ref_same, "2,4,2", N8(70, 3), TRAIN);
    block_control("no truncation", make_truncation, ref_same, "3,2", N8(70), GAN_EVAL);
    TEST ("w_avg moves by .005 to the mean of w, in training alone, and a NaN leaves no trace") {
        bench b;
        double want[2] = {0, 0};
        bench_open(&b, make_truncation, "3,2", N8(70), 1, 1);
        for (int step = 0; step < 3; ++step) {
            for (int d = 0; d < 2; ++d)
                want[d] = .995 * want[d] + .005 * (b.x[0].v[d] + b.x[0].v[2 + d] + b.x[0].v[4 + d]) / 3;
            (void)bench_run(&b);
        }
        CHECK_ARRAY(2, values(b.m, "trunc.w_avg"), want, 1e-7, 0, "w_avg");
        gan_model_mode(b.m, GAN_EVAL);
        (void)bench_run(&b);
        gan_model_mode(b.m, GAN_TRAIN);
        (void)gan_forward(b.m, gan_full(b.ctx, (gan_real)NAN, 3, 2), NULL);
        CHECK_ARRAY(2, values(b.m, "trunc.w_avg"), want, 1e-7, 0, "w_avg");
        shape_of(b.m, "trunc.w_avg", 1, 2);
        CHECK(gan_model_parameters(b.m) == 0, "it is trained");
        CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
        gan_destroy(b.ctx);
    }
    block_error("a cutoff without layers", make_truncation, "3,2", N8(70, 1), GAN_ERROR_ARGUMENT, "cutoff");
}

// ---- attention, gates, units

MAKE(make_attention, gan_self_attention(m, "att", x[0]))
static nd pooled(const nd *x)
{
    nd y;
    if (x->dim[2] < 2 || x->dim[3] < 2) return *x;
    y = nd_new4(x->dim[0], x->dim[1], x->dim[2] / 2, x->dim[3] / 2);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4], k;
        unravel(e, 4, y.dim, at);
        at[2] *= 2, at[3] *= 2;
        y.v[e] = -HUGE_VAL;
        for (k = 0; k < 4; ++k) {
            int from[4] = {at[0], at[1], at[2] + k / 2, at[3] + k % 2};
            y.v[e] = fmax(y.v[e], x->v[ravel(4, x->dim, from)]);
        }
    }
    return y;
}
static nd attention_by(gan_model *m, const nd *x, int pool)
{
    int N = x->dim[0], C = x->dim[1], few = C / 8 > 1 ? C / 8 : 1, half = C / 2 > 1 ? C / 2 : 1,
        P = places(x), Q;
    nd t = conv_of(x, values(m, "att.theta.weight"), NULL, few, 1, 1, 0, 1), o,
       f = conv_of(x, values(m, "att.phi.weight"), NULL, few, 1, 1, 0, 1),
       g = conv_of(x, values(m, "att.g.weight"), NULL, half, 1, 1, 0, 1), y = nd_new(4, x->dim);
    double gamma = values(m, "att.gamma")[0];
    if (pool) f = pooled(&f), g = pooled(&g);
    Q = places(&f);
    o = nd_new4(N, half, x->dim[2], x->dim[3]);
    for (int n = 0; n < N; ++n)
        for (int p = 0; p < P; ++p) {
            double sum = 0, beta[64];
            for (int q = 0; q < Q; ++q) {
                double s = 0;
                for (int c = 0; c < few; ++c) s += t.v[(n * few + c) * P + p] * f.v[(n * few + c) * Q + q];
                sum += beta[q] = exp(s);
            }
            for (int c = 0; c < half; ++c)
                for (int q = 0; q < Q; ++q)
                    o.v[(n * half + c) * P + p] += beta[q] / sum * g.v[(n * half + c) * Q + q];
        }
    o = conv_of(&o, values(m, "att.o.weight"), NULL, C, 1, 1, 0, 1);
    for (size_t e = 0; e < y.n; ++e) y.v[e] = gamma * o.v[e] + x->v[e];
    return y;
}
REFERENCE(ref_attention, attention_by(m, x, 1))
REFERENCE(wrong_attention, attention_by(m, x, 0))
static void test_self_attention(void)
{
    static const char *const lines[] = {"2,4,2,3", "1,3,4,4", "2,1,1,1", "1,2,1,3", "1,17,2,2"};
    for (size_t k = 0; k < COUNT(lines); ++k)
        block_sample("self_attention", make_attention, ref_attention, lines[k], NULL,
                     k == 4 ? TRAIN | FORWARD : TRAIN);
    block_control("keys that are not pooled", make_attention, wrong_attention, "2,4,4,2", NULL, GAN_TRAIN);
    TEST ("theta, phi to C / 8, g to C / 2, o back; gamma begins at 0, so it begins as x") {
        bench b;
        bench_open(&b, make_attention, "2,16,3,3", NULL, 1, 1);
        CHECK_ARRAY(288, gan_data(bench_run(&b)), gan_data(b.p.x[0]), 0, 0, "y");
        shape_of(b.m, "att.theta.weight", 4, 2, 16, 1, 1);
        shape_of(b.m, "att.phi.weight", 4, 2, 16, 1, 1);
        shape_of(b.m, "att.g.weight", 4, 8, 16, 1, 1);
        shape_of(b.m, "att.o.weight", 4, 16, 8, 1, 1);
        shape_of(b.m, "att.gamma", 0);
        gan_destroy(b.ctx);
    }
    block_error("attention on a matrix", make_attention, "2,3", NULL, GAN_ERROR_SHAPE, "(2, 3)");
}

MAKE(make_se, gan_squeeze_excitation(m, "se", x[0], i[0]))
static nd se_by(gan_model *m, const nd *x, const int *i, double (*gate)(double))
{
    int dim[2] = {x->dim[0], x->dim[1]}, C = x->dim[1], p = places(x);
    nd s = nd_new(2, dim), y = nd_copy(x);
    for (size_t e = 0; e < x->n; ++e) s.v[e / (size_t)p] += x->v[e] / p;
    s = linear_of(&s, values(m, "se.fc1.weight"), values(m, "se.fc1.bias"), C / i[0] > 1 ? C / i[0] : 1);
    s = nd_map(&s, relu_of);
    s = linear_of(&s, values(m, "se.fc2.weight"), values(m, "se.fc2.bias"), C);
    for (size_t e = 0; e < x->n; ++e) y.v[e] *= gate(s.v[e / (size_t)p]);
    return y;
}
REFERENCE(ref_se, se_by(m, x, i, sigmoid_of))
REFERENCE(wrong_se, se_by(m, x, i, tanh))
static void test_squeeze_excitation(void)
{
    block_sample("squeeze_excitation", make_se, ref_se, "2,4,2,3", N8(2), TRAIN);
    block_sample("squeeze_excitation to one channel", make_se, ref_se, "2,3,3", N8(16), TRAIN);
    block_sample("squeeze_excitation of one pixel", make_se, ref_se, "1,1,1,1", N8(1), TRAIN);
    block_control("another gate", make_se, wrong_se, "2,4,2,3", N8(2), GAN_TRAIN);
    TEST ("fc1 (C / r, C), fc2 (C, C / r)") {
        bench b;
        bench_open(&b, make_se, "1,8,2,2", N8(4), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "se.fc1.weight", 2, 2, 8);
        shape_of(b.m, "se.fc2.weight", 2, 8, 2);
        shape_of(b.m, "se.fc2.bias", 1, 8);
        gan_destroy(b.ctx);
    }
    block_error("reduction 0", make_se, "1,8,2,2", N8(0), GAN_ERROR_ARGUMENT, "reduction 0");
}

static gan_tensor *sc_fegan(gan_tensor *h)
{
    return gan_leaky_relu(gan_local_response_norm(h, 11, 11, (gan_real).5, (gan_real)5e-5), (gan_real).2);
}
// i: out, kernel, stride, padding, reflected padding, SC-FEGAN's activation, groups
static gan_tensor *make_gated(gan_model *m, gan_tensor **x, const int *i)
{
    gan_conv2d_desc d;
    gan_tensor *h = i[4] ? gan_reflection_pad2d(x[0], i[4], i[4], i[4], i[4]) : x[0];
    memset(&d, 0, sizeof d);
    d.out_channels = i[0], d.kernel[0] = i[1], d.stride[0] = i[2], d.padding_h = d.padding_w = i[3],
    d.groups = i[6];
    return gan_gated_conv2d(m, "gate", h, &d, i[5] ? sc_fegan : NULL);
}
static gan_tensor *make_gated_up(gan_model *m, gan_tensor **x, const int *i)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = i[0], d.kernel[0] = i[1], d.stride[0] = i[2], d.padding_h = d.padding_w = i[3];
    return gan_gated_conv_transpose2d(m, "gate", x[0], &d, i[5] ? sc_fegan : NULL);
}
static nd gated_of(nd f, nd g, const int *i)
{
    static const int radius_5[8] = {11, 11000, 500, 50};
    if (i[5]) f = lrn_by(&f, radius_5, 0, 1);
    f = nd_map(&f, leaky_of);
    g = nd_map(&g, sigmoid_of);
    return times(f, &g);
}
// Features and gate as two convolutions, each of its own input.
static nd gated_by(gan_model *m, const nd *x, const nd *of_gate, const int *i)
{
    int O = i[0], k = i[1];
    const double *w = values(m, "gate.weight"), *b = values(m, "gate.bias");
    return gated_of(conv_of(x, w, b, O, k, i[2], i[3], 1),
                    conv_of(of_gate, w + O * x->dim[1] * k * k, b + O, O, k, i[2], i[3], 1), i);
}
static nd ref_gated(gan_model *m, const nd *x, const int *i)
{
    const int pad[4] = {i[4], i[4], i[4], i[4]};
    nd z = padded(x, pad, bounced);
    return gated_by(m, &z, &z, i);
}
static nd wrong_gated(gan_model *m, const nd *x,
                      const int *i) // reflected for the features, zeros for the gate
{
    const int pad[4] = {i[4], i[4], i[4], i[4]};
    nd z = padded(x, pad, bounced), zeros = nd_new(4, z.dim);
    for (size_t e = 0; e < x->n; ++e) {
        int at[4];
        unravel(e, 4, x->dim, at);
        at[2] += i[4], at[3] += i[4];
        zeros.v[ravel(4, z.dim, at)] = x->v[e];
    }
    return gated_by(m, &z, &zeros, i);
}
// faulty 1: the deconvolution of the gate sees the features; 2: the gate is the sigmoid of those, activated.
static nd gated_up_by(gan_model *m, const nd *x, const int *i, int faulty)
{
    int O = i[0], C = x->dim[1], k = i[1];
    const double *w = values(m, "gate.weight"), *b = values(m, "gate.bias");
    nd first = nd_new4(C, O, k, k), last = nd_new4(C, O, k, k), f;
    for (size_t e = 0; e < first.n; ++e) {
        int c = (int)e / (O * k * k), rest = (int)e % (O * k * k);
        first.v[e] = w[c * 2 * O * k * k + rest];
        last.v[e] = w[c * 2 * O * k * k + O * k * k + rest];
    }
    f = up_of(x, first.v, b, O, k, i[2], i[3]);
    if (faulty == 2) {
        nd active = nd_map(&f, leaky_of);
        return gated_of(f, active, i);
    }
    return gated_of(f, up_of(faulty ? &f : x, last.v, b + O, O, k, i[2], i[3]), i);
}
REFERENCE(ref_gated_up, gated_up_by(m, x, i, 0))
REFERENCE(wrong_gated_up, gated_up_by(m, x, i, 1))
REFERENCE(upstream_gated_up, gated_up_by(m, x, i, 2))
REFERENCE(upstream_gated, gated_by(m, x, x, i))
static void test_gated_conv2d(void)
{
    block_sample("gated_conv2d", make_gated, ref_gated, "2,2,4,3", N8(2, 3, 1, 1), TRAIN);
    block_sample("gated_conv2d, stride 2", make_gated, ref_gated, "1,3,5,4", N8(1, 3, 2, 1), TRAIN);
    block_sample("gated_conv2d of one pixel", make_gated, ref_gated, "1,1,1,1", N8(1, 1, 1, 0), TRAIN);
    block_sample("gated_conv2d, reflected borders", make_gated, ref_gated, "1,2,4,3", N8(2, 3, 1, 0, 1),
                 TRAIN);
    block_sample("gated_conv2d of SC-FEGAN", make_gated, ref_gated, "1,2,4,4", N8(3, 3, 2, 1, 0, 1), TRAIN);
    block_control("a gated convolution that pads a tensor and convolves it unpadded (fault 5)", make_gated,
                  upstream_gated, "1,2,4,3", N8(2, 3, 1, 0, 1), GAN_TRAIN);
    block_control("a gated convolution whose gate sees other borders than its features (fault 5)", make_gated,
                  wrong_gated, "1,2,4,3", N8(2, 3, 1, 0, 1), GAN_TRAIN);
    TEST ("one weight of 2 out channels, features first") {
        bench b;
        bench_open(&b, make_gated, "1,3,4,4", N8(5, 3, 1, 1), 1, 1);
        CHECK(gan_dim(bench_run(&b), 1) == 5, "out");
        shape_of(b.m, "gate.weight", 4, 10, 3, 3, 3);
        shape_of(b.m, "gate.bias", 1, 10);
        gan_destroy(b.ctx);
    }
    block_error("groups", make_gated, "1,4,4,4", N8(2, 3, 1, 1, 0, 0, 2), GAN_ERROR_ARGUMENT, "1 group");
}
static void test_gated_conv_transpose2d(void)
{
    block_sample("gated_conv_transpose2d", make_gated_up, ref_gated_up, "2,2,2,3", N8(2, 4, 2, 1), TRAIN);
    block_sample("gated_conv_transpose2d of SC-FEGAN", make_gated_up, ref_gated_up, "1,2,2,2",
                 N8(2, 3, 1, 1, 0, 1), TRAIN);
    block_control("a gated deconvolution whose gate is its activated features (fault 5)", make_gated_up,
                  upstream_gated_up, "2,2,2,3", N8(2, 4, 2, 1), GAN_TRAIN);
    block_control("a gated deconvolution whose gate is computed from its own features (fault 5)",
                  make_gated_up, wrong_gated_up, "2,2,3,3", N8(2, 3, 1, 1), GAN_TRAIN);
    TEST ("weight (in, 2 out, k, k)") {
        bench b;
        bench_open(&b, make_gated_up, "1,3,4,4", N8(5, 4, 2, 1), 1, 1);
        CHECK(gan_dim(bench_run(&b), 1) == 5 && gan_dim(bench_run(&b), 2) == 8, "out");
        shape_of(b.m, "gate.weight", 4, 3, 10, 4, 4);
        gan_destroy(b.ctx);
    }
    block_error("no channels", make_gated_up, "1,3,4,4", N8(0, 4, 2, 1), GAN_ERROR_ARGUMENT, "out_channels");
}

MAKE(make_maxout, gan_maxout(m, "max", x[0], i[0], i[1]))
static nd maxout_by(gan_model *m, const nd *x, const int *i, int grouped)
{
    int dim[8], O = i[0], K = i[1], p, q;
    nd h = linear_of(x, values(m, "max.weight"), values(m, "max.bias"), O * K), y;
    memcpy(dim, x->dim, sizeof dim);
    dim[x->ndim - 1] = O;
    y = nd_new(x->ndim, dim);
    for (size_t e = 0; e < y.n; ++e)
        for (p = 0, y.v[e] = -HUGE_VAL; p < K; ++p) {
            q = grouped ? (int)e % O * K + p : p * O + (int)e % O;
            y.v[e] = fmax(y.v[e], h.v[(int)e / O * O * K + q]);
        }
    return y;
}
REFERENCE(ref_maxout, maxout_by(m, x, i, 0))
REFERENCE(wrong_maxout, maxout_by(m, x, i, 1))
static void test_maxout(void)
{
    block_sample("maxout", make_maxout, ref_maxout, "4,3", N8(2, 3), TRAIN);
    block_sample("maxout over leading axes", make_maxout, ref_maxout, "2,2,3", N8(3, 2), TRAIN);
    block_sample("maxout of one piece is linear", make_maxout, ref_maxout, "3,2", N8(2, 1), TRAIN);
    block_sample("maxout of one", make_maxout, ref_maxout, "1", N8(1, 5), TRAIN);
    block_control("pieces of other outputs", make_maxout, wrong_maxout, "4,3", N8(2, 3), GAN_TRAIN);
    TEST ("weight (pieces out, in), bias (pieces out)") {
        bench b;
        bench_open(&b, make_maxout, "4,3", N8(200, 5), 1, 1);
        CHECK(gan_dim(bench_run(&b), 1) == 200, "out");
        shape_of(b.m, "max.weight", 2, 1000, 3);
        shape_of(b.m, "max.bias", 1, 1000);
        gan_destroy(b.ctx);
    }
    block_error("no pieces", make_maxout, "4,3", N8(2, 0), GAN_ERROR_ARGUMENT, "0 pieces");
}

MAKE(make_prelu, gan_prelu(m, "act", x[0], i[0]))
static nd ref_prelu(gan_model *m, const nd *x, const int *i)
{
    nd y = nd_copy(x);
    const double *w = values(m, "act.weight");
    for (size_t e = 0; e < x->n; ++e)
        if (x->v[e] < 0) y.v[e] *= w[i[0] ? channel_of(x, e) : 0];
    return y;
}
static void test_prelu(void)
{
    block_sample("prelu", make_prelu, ref_prelu, "2,3,2,2", N8(0), TRAIN);
    block_sample("prelu per channel", make_prelu, ref_prelu, "2,3,2,2", N8(1), TRAIN);
    block_sample("prelu of (N, C) per channel", make_prelu, ref_prelu, "3,4", N8(1), TRAIN);
    block_sample("prelu of a vector", make_prelu, ref_prelu, "5", N8(0), TRAIN);
    block_control("one weight for all channels", make_prelu, ref_same, "2,3,2,2", N8(1), GAN_TRAIN);
    TEST ("PyTorch's: weight (1) or (C), .25 at first; -2 and 3 give -.5 and 3") {
        static const gan_real v[] = {-2, 3};
        bench b;
        gan_tensor *y;
        bench_open(&b, make_prelu, "1,1", N8(0), 1, 1);
        y = gan_forward(b.m, gan_from(b.ctx, v, 1, 2), NULL);
        CHECK(gan_data(y)[0] == (gan_real)-.5 && gan_data(y)[1] == 3, "%g", (double)gan_data(y)[0]);
        shape_of(b.m, "act.weight", 1, 1);
        gan_destroy(b.ctx);
        bench_open(&b, make_prelu, "2,3", N8(1), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "act.weight", 1, 3);
        gan_destroy(b.ctx);
    }
    block_error("a weight per channel of a vector", make_prelu, "5", N8(1), GAN_ERROR_SHAPE, "(5)");
}

// ---- blocks of several layers

// i: out_channels, up, down, norm (1 batch, 2 condition), raw, 100 slope, classes
static gan_tensor *make_residual(gan_model *m, gan_tensor **x, const int *i)
{
    gan_residual_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = i[0], d.up = i[1], d.down = i[2], d.raw = i[4], d.classes = i[6];
    d.norm = i[3] == 1 ? gan_batch_norm : NULL;
    d.condition = i[3] == 2 ? x[1] : NULL;
    d.slope = (gan_real)(i[5] / 100.);
    return gan_residual_block(m, "res", x[0], &d);
}
static nd residual_before(gan_model *m, const nd *x, const nd *h, const int *i, const char *part)
{
    char a[64], b[64];
    nd y = nd_copy(h);
    int C = h->dim[1], p = places(h);
    if (i[3]) {
        snprintf(a, sizeof a, i[3] == 1 ? "res.%s.weight" : "res.%s.gain.weight", part);
        snprintf(b, sizeof b, i[3] == 1 ? "res.%s.bias" : "res.%s.bias.weight", part);
        y = normed(h, channel_of);
        for (size_t e = 0; e < y.n; ++e) {
            int k = (i[3] == 1 ? 0 : (int)x[1].v[(int)e / (C * p)] * C) + channel_of(h, e);
            y.v[e] = y.v[e] * values(m, a)[k] + values(m, b)[k];
        }
    }
    for (size_t e = 0; e < y.n; ++e) y.v[e] *= y.v[e] > 0 ? 1 : i[5] / 100.;
    return y;
}
// The shortcut's convolution at the larger size, as the papers have it.
static nd residual_by(gan_model *m, const nd *x, const int *i, int relu_of_shortcut)
{
    int O = i[0] ? i[0] : x->dim[1], up = i[1] ? i[1] : 1, down = i[2] ? i[2] : 1;
    nd h = i[4] ? *x : residual_before(m, x, x, i, "bn1"), s = *x;
    if (relu_of_shortcut) s = h;
    h = upsampled(&h, up);
    h = conv_of(&h, values(m, "res.conv1.weight"), values(m, "res.conv1.bias"), O, 3, 1, 1, 1);
    h = residual_before(m, x, &h, i, "bn2");
    h = conv_of(&h, values(m, "res.conv2.weight"), values(m, "res.conv2.bias"), O, 3, 1, 1, 1);
    h = averaged(&h, down);
    if (up > 1 || down > 1 || O != x->dim[1]) {
        s = upsampled(&s, up);
        s = conv_of(&s, values(m, "res.conv_sc.weight"), values(m, "res.conv_sc.bias"), O, 1, 1, 0, 1);
        s = averaged(&s, down);
    }
    return plus(h, &s);
}
REFERENCE(ref_residual, residual_by(m, x, i, 0))
REFERENCE(wrong_residual, residual_by(m, x, i, 1))
static void test_residual_block(void)
{
    static const struct {
        const char *line;
        int i[8];
    } cases[] = {
        {"1,2,3,2", {0}},          {"1,1,2,2", {2, 2, 0, 0, 0, 20}},         {"1,2,5,4", {1, 0, 2, 0, 1}},
        {"2,2,2,2", {2, 0, 0, 1}}, {"2,1,2,2; i2:2", {2, 0, 0, 2, 0, 0, 2}}, {"1,1,2,3", {1, 2, 2, 0, 0, 10}},
        {"1,1,1,1", {3}},
    };
    for (size_t k = 0; k < COUNT(cases); ++k)
        block_sample("residual_block", make_residual, ref_residual, cases[k].line, cases[k].i, TRAIN);
    block_control("a shortcut of what was activated", make_residual, wrong_residual, "1,2,3,2", N8(0),
                  GAN_TRAIN);
    TEST ("names; the shortcut has weights where channels or size change, no others") {
        bench b;
        bench_open(&b, make_residual, "2,4,2,2", N8(6, 2, 0, 1), 1, 1);
        CHECK(gan_dim(bench_run(&b), 2) == 4, "up");
        shape_of(b.m, "res.bn1.weight", 1, 4);
        shape_of(b.m, "res.conv1.weight", 4, 6, 4, 3, 3);
        shape_of(b.m, "res.bn2.running_var", 1, 6);
        shape_of(b.m, "res.conv2.bias", 1, 6);
        shape_of(b.m, "res.conv_sc.weight", 4, 6, 4, 1, 1);
        gan_destroy(b.ctx);
        bench_open(&b, make_residual, "2,4,2,2", N8(0), 1, 1);
        (void)bench_run(&b);
        CHECK(gan_model_find(b.m, "res.conv_sc.weight") == NULL && gan_model_count(b.m) == 4, "%d",
              gan_model_count(b.m));
        gan_destroy(b.ctx);
    }
    TEST ("a condition of four dimensions is SPADE, of two a conditional batch norm") {
        bench b;
        bench_open(&b, make_residual, "2,2,2,2; 2,1,4,4", N8(0, 0, 0, 2), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "res.bn1.mlp_shared.0.weight", 4, 128, 1, 3, 3);
        CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
        gan_destroy(b.ctx);
        bench_open(&b, make_residual, "2,2,2,2; 2,5", N8(0, 0, 0, 2), 1, 1);
        (void)bench_run(&b);
        shape_of(b.m, "res.bn2.gain.weight", 2, 2, 5);
        CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
        gan_destroy(b.ctx);
    }
    block_error("up -1", make_residual, "1,2,3,2", N8(0, -1), GAN_ERROR_ARGUMENT, "up -1");
}

MAKE(make_bottleneck, gan_residual_bottleneck(m, "res", x[0], i[0], i[1], i[2]))
static nd bottleneck_by(gan_model *m, const nd *x, const int *i, int groups)
{
    int C = x->dim[1], E = C * i[0];
    nd h = conv_of(x, values(m, "res.conv1.weight"), values(m, "res.conv1.bias"), E, 1, 1, 0, 1);
    h = nd_map(&h, leaky_of);
    h = conv_of(&h, values(m, "res.conv2.weight"), values(m, "res.conv2.bias"), E, 3, 1, 1, groups);
    h = nd_map(&h, leaky_of);
    h = conv_of(&h, values(m, "res.conv3.weight"), NULL, C, 1, 1, 0, 1);
    return plus(h, x);
}
REFERENCE(ref_bottleneck, bottleneck_by(m, x, i, i[1]))
static nd wrong_bottleneck(gan_model *m, const nd *x, const int *i)
{
    nd h = bottleneck_by(m, x, i, i[1]);
    for (size_t e = 0; e < h.n; ++e) h.v[e] -= x->v[e];
    return h;
}
static void test_residual_bottleneck(void)
{
    block_sample("residual_bottleneck", make_bottleneck, ref_bottleneck, "1,2,3,2", N8(2, 2, 4), TRAIN);
    block_sample("residual_bottleneck of one pixel", make_bottleneck, ref_bottleneck, "1,1,1,1", N8(1, 1, 1),
                 TRAIN);
    block_control("a block without its shortcut", make_bottleneck, wrong_bottleneck, "1,2,3,2", N8(2, 2, 4),
                  GAN_TRAIN);
    TEST ("it begins as x; weights begin at sqrt(2 / 1.04 / fan_in) blocks^(-1/4), and the model's own "
          "values stay") {
        bench b;
        static const struct {
            const char *name;
            int fan;
        } of[] = {{"res.conv1.weight", 32}, {"res.conv2.weight", 64 / 16 * 9}};
        bench_open(&b, make_bottleneck, "1,32,2,2", N8(2, 16, 81), 1, 1);
        gan_model_init(b.m, gan_init_constant(7));
        CHECK_ARRAY(128, gan_data(bench_run(&b)), gan_data(b.p.x[0]), 0, 0, "y");
        for (size_t k = 0; k < COUNT(of); ++k) {
            gan_tensor *w = gan_model_find(b.m, of[k].name);
            double s = sqrt((double)gan_item(gan_mean_all(gan_square(w))));
            CHECK_NEAR(s * 3 * sqrt(1.04 * of[k].fan / 2), 1, .06, of[k].name);
        }
        CHECK(inside_init(b.m) == GAN_INIT_CONSTANT, "the model's initializer");
        shape_of(b.m, "res.conv1.bias", 1, 64);
        shape_of(b.m, "res.conv2.weight", 4, 64, 4, 3, 3);
        shape_of(b.m, "res.conv3.weight", 4, 32, 64, 1, 1);
        CHECK_NEAR(values(b.m, "res.conv1.bias")[3], 0, 0, "bias");
        CHECK(gan_model_find(b.m, "res.conv3.bias") == NULL, "conv3 has a bias");
        gan_destroy(b.ctx);
    }
    block_error("groups that do not fit", make_bottleneck, "1,2,3,2", N8(2, 3, 1), GAN_ERROR_ARGUMENT,
                "3 groups");
}

MAKE(make_unet, gan_unet(m, "unet", x[0], i[0], i[1], i[2]))
static nd unet_norm(gan_model *m, const nd *x, const char *part, int level)
{
    char w[64], b[64];
    nd y = normed(x, channel_of);
    const double *gain, *bias;
    snprintf(w, sizeof w, "unet.bn_%s%d.weight", part, level);
    snprintf(b, sizeof b, "unet.bn_%s%d.bias", part, level);
    gain = values(m, w), bias = values(m, b);
    for (size_t e = 0; e < y.n; ++e) y.v[e] = y.v[e] * gain[channel_of(x, e)] + bias[channel_of(x, e)];
    return y;
}
// pix2pix's own recursion: a level is what is below it with a skip around that. x is what the level above
// made; the result is joined with it, except at the top.
static nd unet_level(gan_model *m, const nd *x, const int *i, int level, int skip_last)
{
    char name[64];
    int below = i[1] << (level < 3 ? level : 3), above = i[1] << (level < 4 ? level > 0 ? level - 1 : 0 : 3);
    nd h = level ? nd_map(x, leaky_of) : *x, up;
    snprintf(name, sizeof name, "unet.down%d.weight", level);
    h = conv_of(&h, values(m, name), NULL, below, 4, 2, 1, 1);
    if (level && level < i[2] - 1) h = unet_norm(m, &h, "down", level);
    if (level < i[2] - 1) h = unet_level(m, &h, i, level + 1, skip_last);
    h = nd_map(&h, relu_of);
    snprintf(name, sizeof name, "unet.up%d.weight", level);
    if (!level) return up_of(&h, values(m, name), values(m, "unet.up0.bias"), i[0], 4, 2, 1);
    up = up_of(&h, values(m, name), NULL, above, 4, 2, 1);
    up = unet_norm(m, &up, "up", level);
    return skip_last ? joined(&up, x) : joined(x, &up);
}
REFERENCE(ref_unet, unet_level(m, x, i, 0, 0))
REFERENCE(wrong_unet, unet_level(m, x, i, 0, 1))
static void test_unet(void)
{
    block_sample("unet of one level", make_unet, ref_unet, "1,1,2,4", N8(2, 1, 1), TRAIN);
    block_sample("unet of two levels", make_unet, ref_unet, "1,1,4,4", N8(1, 1, 2), TRAIN);
    block_sample("unet of three levels", make_unet, ref_unet, "2,2,8,16", N8(2, 2, 3), TRAIN | FORWARD);
    block_sample("unet of four levels", make_unet, ref_unet, "1,1,16,16", N8(1, 1, 4), TRAIN | FORWARD);
    block_control("skips joined in the other order", make_unet, wrong_unet, "2,2,8,8", N8(2, 2, 3),
                  GAN_TRAIN);
    TEST ("six levels: channels up to 8 base, dropout inside alone, batch norm but at the ends and the "
          "bottom") {
        bench b;
        gan_tensor *y, *z;
        bench_open(&b, make_unet, "2,3,64,64", N8(3, 2, 6), 1, 1);
        y = bench_run(&b);
        CHECK(gan_dim(y, 1) == 3 && gan_dim(y, 2) == 64 && gan_dim(y, 3) == 64, "size");
        shape_of(b.m, "unet.down0.weight", 4, 2, 3, 4, 4);
        shape_of(b.m, "unet.down5.weight", 4, 16, 16, 4, 4);
        shape_of(b.m, "unet.up5.weight", 4, 16, 16, 4, 4);
        shape_of(b.m, "unet.up3.weight", 4, 32, 8, 4, 4);
        shape_of(b.m, "unet.up0.weight", 4, 4, 3, 4, 4);
        shape_of(b.m, "unet.up0.bias", 1, 3);
        CHECK(!gan_model_find(b.m, "unet.bn_down0.weight") && !gan_model_find(b.m, "unet.bn_down5.weight") &&
                  !gan_model_find(b.m, "unet.bn_up0.weight") && gan_model_find(b.m, "unet.bn_up5.weight"),
              "norms");
        CHECK(!same_bits(y, bench_run(&b)), "no dropout in training");
        gan_model_mode(b.m, GAN_EVAL);
        z = bench_run(&b);
        CHECK(same_bits(z, bench_run(&b)), "dropout in GAN_EVAL");
        CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
        gan_destroy(b.ctx);
    }
    block_error("sides that 2^depth does not divide", make_unet, "1,1,12,16", N8(1, 1, 3), GAN_ERROR_ARGUMENT,
                "depth 3");
    block_error("depth 0", make_unet, "1,1,16,16", N8(1, 1, 0), GAN_ERROR_ARGUMENT, "depth 0");
    block_error("depth 40", make_unet, "1,1,16,16", N8(1, 1, 40), GAN_ERROR_ARGUMENT, "depth 40");
}

// ---- against mode collapse

MAKE(make_stddev, gan_minibatch_stddev(x[0], i[0]))
static nd stddev_by(const nd *x, const int *i, int neighbors)
{
    int N = x->dim[0], p = places(x), rest = (int)x->n / N, G = i[0] ? i[0] : 4, M, dim[8];
    nd s;
    if (G > N) G = N;
    M = N / G;
    memcpy(dim, x->dim, sizeof dim);
    dim[1] = 1;
    s = nd_new(x->ndim, dim);
    for (int n = 0; n < N; ++n) {
        double sum = 0;
        for (int r = 0; r < rest; ++r) {
            double mean = 0, var = 0;
            for (int pass = 0; pass < 2; ++pass)
                for (int k = 0; k < N; ++k) {
                    double v = x->v[k * rest + r];
                    if (neighbors ? k / G != n / G : k % M != n % M) continue;
                    if (pass) var += (v - mean) * (v - mean) / G;
                    else mean += v / G;
                }
            sum += sqrt(var + 1e-8) / rest;
        }
        for (int q = 0; q < p; ++q) s.v[n * p + q] = sum;
    }
    return joined(x, &s);
}
REFERENCE(ref_stddev, stddev_by(x, i, 0))
REFERENCE(wrong_stddev, stddev_by(x, i, 1))
static void test_minibatch_stddev(void)
{
    block_sample("minibatch_stddev", make_stddev, ref_stddev, "8,2,1,2", N8(0), TRAIN);
    block_sample("minibatch_stddev, groups of 2", make_stddev, ref_stddev, "6,1,2,1", N8(2), TRAIN);
    block_sample("minibatch_stddev of a batch below 4", make_stddev, ref_stddev, "3,2,2,1", N8(0), TRAIN);
    block_sample("minibatch_stddev of (N, C)", make_stddev, ref_stddev, "4,3", N8(4), TRAIN);
    block_control("groups of neighbors", make_stddev, wrong_stddev, "8,2,1,2", N8(0), GAN_TRAIN);
    TEST ("equal samples have the deviation 0, and a finite gradient") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_full(ctx, 2, 4, 1, 1, 1), *y = gan_minibatch_stddev(x, 4);
        CHECK_NEAR(gan_data(y)[1], 1e-4, 1e-6, "deviation");
        CHECK(isfinite((double)gan_item(gan_grad(gan_sum_all(y), x, 0))), "gradient");
        gan_destroy(ctx);
    }
    block_error("a batch that the group does not divide", make_stddev, "6,2,1,2", N8(4), GAN_ERROR_SHAPE,
                "groups of 4");
    block_error("groups of -1", make_stddev, "6,2,1,2", N8(-1), GAN_ERROR_SHAPE, "groups of -1");
}

MAKE(make_discrimination, gan_minibatch_discrimination(m, "mbd", x[0], i[0], i[1]))
static nd discrimination_by(gan_model *m, const nd *x, const int *i, double power)
{
    int N = x->dim[0], A = x->dim[1], B = i[0], C = i[1], dim[2] = {N, B};
    const double *t = values(m, "mbd.T");
    nd o = nd_new(2, dim);
    for (int n = 0; n < N; ++n)
        for (int k = 0; k < N; ++k)
            for (int b = 0; b < B; ++b) {
                double distance = 0;
                for (int c = 0; c < C; ++c) {
                    double d = 0;
                    for (int a = 0; a < A; ++a)
                        d += (x->v[n * A + a] - x->v[k * A + a]) * t[(a * B + b) * C + c];
                    distance += pow(fabs(d), power);
                }
                o.v[n * B + b] += exp(-distance);
            }
    return joined(x, &o);
}
REFERENCE(ref_discrimination, discrimination_by(m, x, i, 1))
REFERENCE(wrong_discrimination, discrimination_by(m, x, i, 2))
static void test_minibatch_discrimination(void)
{
    block_sample("minibatch_discrimination", make_discrimination, ref_discrimination, "4,3", N8(2, 3), TRAIN);
    block_sample("minibatch_discrimination of one sample", make_discrimination, ref_discrimination, "1,2",
                 N8(1, 1), TRAIN);
    block_control("squares for distances", make_discrimination, wrong_discrimination, "4,3", N8(2, 3),
                  GAN_TRAIN);
    TEST ("T (A, kernels, dims); N equal samples are N close ones") {
        bench b;
        gan_tensor *y;
        bench_open(&b, make_discrimination, "3,2", N8(16, 5), 1, 1);
        y = gan_forward(b.m, gan_full(b.ctx, 1, 7, 2), NULL);
        shape_of(b.m, "mbd.T", 3, 2, 16, 5);
        CHECK(gan_dim(y, 1) == 18, "%d", gan_dim(y, 1));
        CHECK_NEAR(gan_data(y)[5], 7, 1e-5, "closeness");
        gan_destroy(b.ctx);
    }
    block_error("no kernels", make_discrimination, "3,2", N8(0, 5), GAN_ERROR_ARGUMENT, "0 kernels");
    block_error("discrimination of images", make_discrimination, "3,2,2,2", N8(4, 5), GAN_ERROR_ARGUMENT,
                "(3, 2, 2, 2)");
}

// ---- all of them

// Each block with the model, the name and the inputs that it is given, any of which may be missing.
static int call_all(gan_context *ctx, gan_model *m, const char *name, gan_tensor *x, gan_tensor *y,
                    gan_tensor **out)
{
    gan_conv2d_desc c;
    gan_modulated_conv2d_desc d;
    int n = 0;
    memset(&c, 0, sizeof c);
    c.out_channels = 2, c.kernel[0] = 1;
    memset(&d, 0, sizeof d);
    d.out_channels = 2, d.kernel = 1;
    out[n++] = gan_local_response_norm(x, 3, 1, 1, 1);
    out[n++] = gan_pixel_norm(x);
    out[n++] = gan_reference_batch(m, name, x, 1);
    out[n++] = gan_virtual_batch_norm(m, name, x, 1);
    out[n++] = gan_conditional_batch_norm(m, name, x, y, 3);
    out[n++] = gan_adain(m, name, x, y);
    out[n++] = gan_adain_features(x, y);
    out[n++] = gan_spade(m, name, x, y, 2);
    out[n++] = gan_reflection_pad2d(x, 1, 1, 1, 1);
    out[n++] = gan_replication_pad2d(x, 1, 1, 1, 1);
    out[n++] = gan_depth_to_space(x, 2);
    out[n++] = gan_space_to_depth(x, 2);
    out[n++] = gan_binomial_filter(ctx, x ? -1 : 40);
    out[n++] = gan_upfirdn2d(x, y, NULL);
    out[n++] = gan_fir_upsample2d(x, 3, 2);
    out[n++] = gan_fir_downsample2d(x, 3, 2);
    out[n++] = gan_blur(x, 3);
    out[n++] = gan_blur_pool2d(x, 3, 2);
    out[n++] = gan_modulated_conv2d(m, name, x, y, &d);
    out[n++] = gan_modulated_conv2d(m, name, x, y, NULL);
    out[n++] = gan_noise_injection(m, name, x, 1);
    out[n++] = gan_constant_input(m, name, x, 2, 2, 2);
    out[n++] = gan_basis_input(m, name, x, 2, 2, 2);
    out[n++] = gan_mapping_network(m, name, x, 2, 2, 0);
    out[n++] = gan_style_mixing(m, x, y, 3, (gan_real).9);
    out[n++] = gan_layer_style(x, 0);
    out[n++] = gan_truncation(m, name, x, 1, 0);
    out[n++] = gan_self_attention(m, name, x);
    out[n++] = gan_squeeze_excitation(m, name, x, 2);
    out[n++] = gan_gated_conv2d(m, name, x, &c, NULL);
    out[n++] = gan_gated_conv2d(m, name, x, NULL, NULL);
    out[n++] = gan_gated_conv_transpose2d(m, name, x, &c, NULL);
    out[n++] = gan_maxout(m, name, x, 2, 2);
    out[n++] = gan_prelu(m, name, x, 1);
    out[n++] = gan_residual_block(m, name, x, NULL);
    out[n++] = gan_residual_bottleneck(m, name, x, 1, 1, 1);
    out[n++] = gan_unet(m, name, x, 2, 2, 1);
    out[n++] = gan_minibatch_stddev(x, 2);
    out[n++] = gan_minibatch_discrimination(m, name, x, 2, 2);
    return n;
}

static gan_tensor *nothing_to_do(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m, (void)label;
    return x;
}

static void bad_inputs(void)
{
    gan_tensor *out[64];
    int i, n, k;
    TEST ("nothing at all is no crash: NULL comes back") {
        n = call_all(NULL, NULL, NULL, NULL, NULL, out);
        for (i = 0; i < n; ++i) CHECK(out[i] == NULL, "call %d", i);
        CHECK(n >= 36, "%d", n);
    }
    TEST ("what failed before is passed on, whatever else is given") {
        static const char *const names[] = {NULL, "", "layer"};
        for (k = 0; k < 12; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", nothing_to_do, NULL);
            gan_tensor *bad = gan_full(ctx, 1, -1);
            n = call_all(ctx, k & 1 ? m : NULL, names[k / 2 % 3], bad, k < 6 ? bad : NULL, out);
            for (i = 0; i < n; ++i) CHECK(out[i] && gan_data(out[i]) == NULL, "call %d with %d", i, k);
            gan_destroy(ctx);
        }
    }
    TEST ("a missing model, name, input or second input is an error, as are inputs of wrong shapes") {
        for (k = 0; k < 6; ++k) {
            gan_context *ctx = gan_create(NULL), *other = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", nothing_to_do, NULL);
            gan_tensor *x = gan_zeros(ctx, 2, 4, 4, 4), *y = gan_zeros(ctx, 2, 4);
            for (i = 0; i < 64; ++i) out[i] = x;
            if (k == 0) n = call_all(ctx, NULL, "layer", x, y, out);
            if (k == 1) n = call_all(ctx, m, NULL, x, y, out);
            if (k == 2) n = call_all(ctx, m, "layer", NULL, y, out);
            if (k == 3) n = call_all(ctx, m, "layer", x, NULL, out);
            if (k == 4) n = call_all(ctx, m, "layer", gan_zeros(ctx, 0, 4, 4, 4), y, out);
            if (k == 5) n = call_all(ctx, m, "layer", gan_zeros(other, 2, 4, 4, 4), y, out);
            CHECK(gan_error(ctx) != 0, "case %d", k);
            CHECK(inside_layer(ctx) == NULL, "case %d: a layer is not left", k);
            gan_destroy(ctx);
            gan_destroy(other);
        }
    }
    TEST ("a name that is too long is an error, not a shorter name") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", nothing_to_do, NULL);
        char name[GAN_MAX_NAME + 1];
        memset(name, 'n', sizeof name);
        name[GAN_MAX_NAME] = 0;
        (void)gan_residual_block(m, name, gan_zeros(ctx, 1, 1, 2, 2), NULL);
        CHECK(gan_error(ctx) == GAN_ERROR_NAME, "code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// A small StyleGAN's worth of blocks.
static gan_tensor *style_g(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_modulated_conv2d_desc d = {4, 3, 2, 0, 1};
    gan_tensor *w, *x;
    (void)label;
    w = gan_truncation(m, "trunc", gan_mapping_network(m, "map", z, 8, 2, 0), (gan_real).7, 0);
    x = gan_constant_input(m, "in", z, 4, 4, 4);
    x = gan_leaky_relu(gan_noise_injection(m, "n1", gan_modulated_conv2d(m, "c1", x, w, &d), 0),
                       (gan_real).2);
    x = gan_adain(m, "a", gan_self_attention(m, "att", x), w);
    return gan_prelu(m, "p", gan_blur(x, 3), 1);
}
static gan_tensor *style_d(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_residual_desc r;
    (void)label;
    memset(&r, 0, sizeof r);
    r.down = 2;
    x = gan_residual_block(m, "r", gan_reflection_pad2d(x, 1, 1, 1, 1), &r);
    x = gan_flatten(gan_minibatch_stddev(gan_squeeze_excitation(m, "se", x, 2), 0));
    return gan_linear(m, "fc", gan_minibatch_discrimination(m, "mbd", gan_maxout(m, "mo", x, 6, 3), 4, 3), 1);
}
static void training(void)
{
    TEST ("a WGAN-GP of these blocks trains: finite, no heap call once it runs, the same bits for 1 and 3 "
          "threads") {
        double last[2] = {0, 0};
        for (int k = 0; k < 2; ++k) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, k ? 3 : 1);
            gan_model *g = gan_model_create(ctx, "g", style_g, NULL),
                      *d = gan_model_create(ctx, "d", style_d, NULL);
            gan_optimizer *og = gan_optimizer_create(g, gan_adam((gan_real)1e-3, 0, (gan_real).99));
            gan_optimizer *od = gan_optimizer_create(d, gan_adam((gan_real)1e-3, 0, (gan_real).99));
            uint64_t calls = 0;
            for (int step = 0; step < 6; ++step) {
                gan_tensor *real = gan_rand_uniform(ctx, 4, 4, 8, 8), *fake, *loss;
                fake = gan_detach(gan_forward(g, gan_rand_normal(ctx, 4, 6), NULL));
                loss = gan_loss_d(GAN_LOSS_WASSERSTEIN, gan_forward(d, real, NULL),
                                  gan_forward(d, fake, NULL), 0);
                loss = gan_add(loss, gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, real, fake, NULL));
                (void)gan_minimize(od, loss);
                fake = gan_forward(g, gan_rand_normal(ctx, 4, 6), NULL);
                last[k] =
                    (double)gan_minimize(og, gan_loss_g(GAN_LOSS_WASSERSTEIN, gan_forward(d, fake, NULL)));
                if (step == 2) calls = gan_memory(ctx).heap_calls;
            }
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            CHECK(gan_memory(ctx).heap_calls == calls, "%d heap calls",
                  (int)(gan_memory(ctx).heap_calls - calls));
            gan_destroy(ctx);
        }
        CHECK(isfinite(last[0]) && last[0] == last[1], "%.9g, %.9g", last[0], last[1]);
    }
}

// Every size of a fixed block, from too small for anything to enough.
static void little_memory(void)
{
    TEST ("whatever memory there is: a result or the error that there is none, at any point") {
        static double block[1 << 18];
        int good = 0, bad = 0;
        for (size_t size = 1 << 14; size <= sizeof block; size += size / 24) {
            gan_desc d;
            gan_context *ctx;
            gan_tensor *x, *all[64];
            gan_model *g, *o;
            memset(&d, 0, sizeof d);
            d.memory = block;
            d.memory_size = size;
            ctx = gan_create(&d);
            if (!ctx) continue;
            g = gan_model_create(ctx, "g", style_g, NULL), o = gan_model_create(ctx, "d", style_d, NULL);
            x = gan_forward(o, gan_forward(g, gan_rand_normal(ctx, 4, 6), NULL), NULL);
            (void)gan_grad(gan_sum_all(x), gan_model_find(g, "in.const"), 0);
            x = gan_rand_normal(ctx, 2, 4, 4, 4);
            (void)call_all(ctx, o, "layer", x, gan_rand_normal(ctx, 2, 4), all);
            (void)gan_spade(o, "s", x, x, 0);
            (void)gan_unet(o, "u", x, 2, 4, 2);
            (void)gan_residual_bottleneck(o, "b", x, 2, 2, 3);
            if (gan_error(ctx) == GAN_ERROR_MEMORY) ++bad;
            else ++good;
        }
        CHECK(bad > 20 && good > 5, "%d times too little, %d times enough", bad, good);
    }
}

static gan_tensor *with_buffers(gan_model *m, gan_tensor **x, const int *i)
{
    gan_tensor *h = gan_reference_batch(m, "ref", x[0], 2);
    (void)i;
    h = gan_truncation(m, "trunc", h, (gan_real).7, 0);
    return gan_conditional_batch_norm(m, "cbn", h, h, 0);
}
#ifndef GAN_NO_STDIO
static void checkpoints(void)
{
    TEST ("buffers travel in checkpoints; read-only memory is copied before a buffer in it moves") {
        static double aligned[1 << 13], before[1 << 13];
        const char *path = test_path("block.safetensors");
        bench a, b;
        gan_tensor *x, *want;
        FILE *f;
        size_t size;
        bench_open(&a, with_buffers, "4,3", NULL, 1, 1);
        (void)bench_run(&a);
        (void)bench_run(&a);
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        f = fopen(path, "rb");
        size = f ? fread(aligned, 1, sizeof aligned, f) : 0;
        if (f) fclose(f);
        memcpy(before, aligned, sizeof before);
        bench_open(&b, with_buffers, "4,3", NULL, 1, 9);
        CHECK(gan_load_memory(b.ctx, aligned, size) == 0, "%s", gan_error_message(b.ctx));
        x = gan_rand_normal(b.ctx, 4, 3);
        want = gan_from(a.ctx, gan_data(x), 4, 3);
        for (int step = 0; step < 3; ++step) {
            gan_tensor *y = gan_forward(a.m, want, NULL), *z = gan_forward(b.m, x, NULL);
            CHECK_BYTES(gan_data(y), gan_data(z), gan_numel(y) * sizeof(gan_real),
                        "the first and the resumed run");
            CHECK_ARRAY(3, values(a.m, "trunc.w_avg"), values(b.m, "trunc.w_avg"), 0, 0, "w_avg");
        }
        CHECK_BYTES(aligned, before, sizeof before, "the memory it came from");
        CHECK(gan_error(b.ctx) == 0, "%s", gan_error_message(b.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
}
#endif

static const struct {
    const char *name;
    void (*run)(void);
} blocks[] = {
#define ROW(id, name) {#name, test_##name},
    GAN__BLOCKS(ROW)
#undef ROW
};

int main(void)
{
    for (size_t i = 0; i < COUNT(blocks); ++i) blocks[i].run();
    bad_inputs();
    training();
    little_memory();
#ifndef GAN_NO_STDIO
    checkpoints();
#endif
    printf("%d blocks\n", (int)COUNT(blocks));
#ifdef GAN_DOUBLE
    printf("%d gradient checks: worst error %.3g, at most %.3g of the tolerance\n", gradchecks,
           worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
