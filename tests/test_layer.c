// Layers, their parameters' names, shapes, initial values and gradients (train and eval), and models. A
// layer, an initializer or a parametrization without a test function does not compile.
#define GAN__TABLES
#include "../gan.h"

#include "test.h"

#include "inside.h"
#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 1e-5
#endif

// What the one model function of this file builds.
typedef gan_tensor *build(gan_model *m, gan_tensor *x, const int *i);
typedef struct plan {
    build *make;
    int i[8];
    uint64_t seed; // restarts the random numbers in each forward (dropout)
} plan;

static gan_tensor *model_forward(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    plan *p = (plan *)gan_model_user(m);
    (void)label;
    if (p->seed) gan_seed(gan_model_context(m), p->seed);
    return p->make(m, x, p->i);
}

#ifdef GAN_DOUBLE
static gan_tensor *gradient_f(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx;
    return gan_forward((gan_model *)user, x[0], NULL);
}
static gan_tensor *gradient_fg(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx;
    return gan_mul(x[1], gan_forward((gan_model *)user, x[0], NULL));
}

static int is_running(const char *name)
{
    return strstr(name, "running") != NULL || strstr(name, "num_batches") != NULL;
}
#endif

// Gives every parameter values away from its initial ones, so that weights of 1 and biases of 0 hide nothing.
static void scramble(gan_model *m)
{
    int i;
    for (i = 0; i < gan_model_count(m); ++i) {
        gan_tensor *t = gan_model_tensor(m, i);
        int positive = strstr(gan_model_name(m, i), "running_var") != NULL;
        for (size_t k = 0; k < gan_numel(t); ++k)
            gan_data(t)[k] = (gan_real)(positive ? check_uniform(.4, 2) : check_uniform(-1, 1));
    }
}

// Gradients of a layer by its input and by every parameter, orders 1 and 2 (GAN_DOUBLE only).
static void layer_gradients(gan_context *ctx, gan_model *m, gan_tensor *x, const char *what)
{
#ifdef GAN_DOUBLE
    gan_tensor *all[16], *y;
    int n = 0, i, dim[GAN_MAX_DIMS];
    size_t k;
    all[n++] = x;
    y = gan_forward(m, x, NULL);
    for (i = 0; i < gan_ndim(y); ++i) dim[i] = gan_dim(y, i);
    all[n++] = gan_zeros_n(ctx, gan_ndim(y), dim);
    for (k = 0; k < gan_numel(y); ++k) gan_data(all[1])[k] = (gan_real)check_uniform(-1.5, 1.5);
    for (i = 0; i < gan_model_count(m); ++i)
        if (!is_running(gan_model_name(m, i))) all[n++] = gan_model_tensor(m, i);
    check_gradient(ctx, gradient_f, m, n, all, 1, what);
    check_gradient(ctx, gradient_fg, m, n, all, 2, what);
#else
    (void)ctx, (void)m, (void)x, (void)what;
#endif
}

typedef nd layer_reference(gan_model *m, const nd *x, const int *i);

static const double *values(gan_model *m,
                            const char *name) // of a parameter, as doubles; zeros when it is not there
{
    static double v[8][20000];
    static int turn;
    gan_tensor *t = gan_model_find(m, name);
    double *out = v[turn++ & 7];
    memset(out, 0, sizeof v[0]);
    CHECK(t != NULL, "there is no %s", name);
    for (size_t k = 0; t && k < gan_numel(t) && k < COUNT(v[0]); ++k) out[k] = (double)gan_data(t)[k];
    return out;
}

// One layer in GAN_TRAIN and in GAN_EVAL: the forward against ref, then the gradients.
static void layer_sample(const char *what, build *make, layer_reference *ref, const char *line, const int *i)
{
    int mode, seed;
    for (mode = GAN_TRAIN; mode <= GAN_EVAL; ++mode)
        TESTF ("%s (%s), %s", what, line, mode == GAN_TRAIN ? "train" : "eval") {
            for (seed = 1; seed <= 2; ++seed) {
                gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
                params p;
                plan q;
                nd x[MAX_IN], want;
                int has_grad[MAX_IN];
                gan_model *m;
                gan_tensor *t;
                memset(&p, 0, sizeof p);
                memset(&q, 0, sizeof q);
                q.make = make;
                if (i) memcpy(q.i, i, sizeof q.i);
                nd_used = 0;
                check_seed((uint64_t)seed);
                make_inputs(line, &p, x, has_grad);
                t = to_tensor(ctx, &x[0]);
                m = gan_model_create(ctx, "model", model_forward, &q);
                (void)gan_forward(m, t, NULL);
                CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
                scramble(m);
                gan_model_mode(m, (gan_mode)mode);
                want = ref(m, x, q.i);
                check_tensor(gan_forward(m, t, NULL), &want, TOL * 4, what);
                layer_gradients(ctx, m, t, what);
                CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
                gan_destroy(ctx);
            }
        }
}


// ---- linear and convolutions

static gan_tensor *make_linear(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_linear(m, "fc", x, i[0]);
}
static gan_tensor *make_linear_no_bias(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_linear_no_bias(m, "fc", x, i[0]);
}
static nd linear_by(gan_model *m, const nd *x, const int *i, int bias)
{
    const double *w = values(m, "fc.weight"), *b = bias ? values(m, "fc.bias") : NULL;
    int in = x->dim[x->ndim - 1], rows = (int)x->n / in, dim[8], r, o, k;
    nd y;
    memcpy(dim, x->dim, sizeof dim);
    dim[x->ndim - 1] = i[0];
    y = nd_new(x->ndim, dim);
    for (r = 0; r < rows; ++r)
        for (o = 0; o < i[0]; ++o) {
            double s = b ? b[o] : 0;
            for (k = 0; k < in; ++k) s += w[o * in + k] * x->v[r * in + k];
            y.v[r * i[0] + o] = s;
        }
    return y;
}
static nd ref_linear(gan_model *m, const nd *x, const int *i) { return linear_by(m, x, i, 1); }
static nd ref_linear_no_bias(gan_model *m, const nd *x, const int *i) { return linear_by(m, x, i, 0); }

static void shape_of(gan_model *m, const char *name, int ndim, ...)
{
    gan_tensor *t = gan_model_find(m, name);
    va_list list;
    int i;
    CHECK(t != NULL, "there is no %s", name);
    if (!t) return;
    CHECK(gan_ndim(t) == ndim, "%s has %d dimensions, not %d", name, gan_ndim(t), ndim);
    va_start(list, ndim);
    for (i = 0; i < ndim; ++i) {
        int want = va_arg(list, int);
        CHECK(gan_dim(t, i) == want, "axis %d of %s is %d, not %d", i, name, gan_dim(t, i), want);
    }
    va_end(list);
}

// The model after one forward of zeros.
static gan_model *one_forward(gan_context *ctx, plan *q, int ndim, const int *dims)
{
    gan_model *m = gan_model_create(ctx, "model", model_forward, q);
    (void)gan_forward(m, gan_zeros_n(ctx, ndim, dims), NULL);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    return m;
}

static void test_linear(void)
{
    layer_sample("linear", make_linear, ref_linear, "4,3", (int[8]){5});
    layer_sample("linear to one", make_linear, ref_linear, "1,1", (int[8]){1});
    layer_sample("linear over leading axes", make_linear, ref_linear, "2,3,4", (int[8]){2});
    layer_sample("linear without bias", make_linear_no_bias, ref_linear_no_bias, "4,3", (int[8]){2});
    TEST ("linear has PyTorch's names and shapes: weight (out, in), bias (out)") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_linear, {5}, 0};
        gan_model *m = one_forward(ctx, &q, 2, (int[]){4, 3});
        shape_of(m, "fc.weight", 2, 5, 3);
        shape_of(m, "fc.bias", 1, 5);
        CHECK(gan_model_count(m) == 2 && gan_model_parameters(m) == 20, "%d, %d", gan_model_count(m),
              (int)gan_model_parameters(m));
        gan_destroy(ctx);
    }
}

static gan_tensor *make_conv(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_conv2d(m, "conv", x, i[0], i[1], i[2], i[3]);
}
static gan_tensor *make_conv_ex(gan_model *m, gan_tensor *x, const int *i)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = i[0];
    d.kernel[0] = i[1], d.kernel[1] = i[2];
    d.stride[0] = i[3];
    d.padding_h = d.padding_w = i[4];
    d.groups = i[5];
    d.no_bias = i[6];
    return gan_conv2d_ex(m, "conv", x, &d);
}
static nd conv_by(gan_model *m, const nd *x, int out, int kh, int kw, int s, int pad, int groups, int bias)
{
    const double *w = values(m, "conv.weight"), *b = bias ? values(m, "conv.bias") : NULL;
    int C = x->dim[1], H = x->dim[2], W = x->dim[3], cg = C / groups, oh = (H + 2 * pad - kh) / s + 1,
        ow = (W + 2 * pad - kw) / s + 1, c, u, v;
    nd y = nd_new4(x->dim[0], out, oh, ow);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4];
        double sum;
        unravel(e, 4, y.dim, at);
        sum = b ? b[at[1]] : 0;
        for (c = 0; c < cg; ++c)
            for (u = 0; u < kh; ++u)
                for (v = 0; v < kw; ++v) {
                    int yy = at[2] * s - pad + u, xx = at[3] * s - pad + v,
                        channel = at[1] / (out / groups) * cg + c;
                    if (yy >= 0 && yy < H && xx >= 0 && xx < W)
                        sum += x->v[((at[0] * C + channel) * H + yy) * W + xx] *
                               w[((at[1] * cg + c) * kh + u) * kw + v];
                }
        y.v[e] = sum;
    }
    return y;
}
static nd ref_conv(gan_model *m, const nd *x, const int *i)
{
    return conv_by(m, x, i[0], i[1], i[1], i[2], i[3], 1, 1);
}
static nd ref_conv_ex(gan_model *m, const nd *x, const int *i)
{
    return conv_by(m, x, i[0], i[1], i[2] ? i[2] : i[1], i[3] ? i[3] : 1, i[4], i[5] ? i[5] : 1, !i[6]);
}
static void test_conv2d(void)
{
    layer_sample("conv2d", make_conv, ref_conv, "2,2,5,4", (int[8]){3, 3, 1, 0});
    layer_sample("conv2d, stride 2, padding 1", make_conv, ref_conv, "1,2,5,5", (int[8]){2, 4, 2, 1});
    layer_sample("conv2d 1x1 of size 1", make_conv, ref_conv, "1,1,1,1", (int[8]){1, 1, 1, 0});
    layer_sample("conv2d_ex with groups, not square", make_conv_ex, ref_conv_ex, "1,4,4,5",
                 (int[8]){4, 3, 2, 1, 1, 2, 0});
    layer_sample("conv2d_ex with defaults and no bias", make_conv_ex, ref_conv_ex, "1,2,4,4",
                 (int[8]){3, 2, 0, 0, 0, 0, 1});
    TEST ("conv2d has PyTorch's names and shapes: weight (out, in / groups, kh, kw)") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_conv_ex, {6, 3, 2, 1, 1, 2, 0}, 0};
        gan_model *m = one_forward(ctx, &q, 4, (int[]){1, 4, 5, 5});
        shape_of(m, "conv.weight", 4, 6, 2, 3, 2);
        shape_of(m, "conv.bias", 1, 6);
        gan_destroy(ctx);
    }
}

static gan_tensor *make_up(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_conv_transpose2d(m, "up", x, i[0], i[1], i[2], i[3]);
}
static gan_tensor *make_up_ex(gan_model *m, gan_tensor *x, const int *i)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = i[0];
    d.kernel[0] = i[1];
    d.stride[0] = i[2];
    d.padding_h = d.padding_w = i[3];
    d.output_padding_h = d.output_padding_w = i[4];
    d.groups = i[5];
    return gan_conv_transpose2d_ex(m, "up", x, &d);
}
static nd ref_up_ex(gan_model *m, const nd *x, const int *i)
{
    const double *w = values(m, "up.weight"), *b = values(m, "up.bias");
    int O = i[0], k = i[1], s = i[2] ? i[2] : 1, pad = i[3], g = i[5] ? i[5] : 1, C = x->dim[1],
        H = x->dim[2], W = x->dim[3], og = O / g;
    int oh = (H - 1) * s - 2 * pad + k + i[4], ow = (W - 1) * s - 2 * pad + k + i[4], o, u, v;
    nd y = nd_new4(x->dim[0], O, oh, ow);
    for (size_t e = 0; e < y.n; ++e) y.v[e] = b[e / (size_t)(oh * ow) % (size_t)O];
    for (size_t e = 0; e < x->n; ++e) {
        int at[4];
        unravel(e, 4, x->dim, at);
        for (o = 0; o < og; ++o)
            for (u = 0; u < k; ++u)
                for (v = 0; v < k; ++v) {
                    int yy = at[2] * s - pad + u, xx = at[3] * s - pad + v;
                    if (yy >= 0 && yy < oh && xx >= 0 && xx < ow)
                        y.v[((at[0] * O + at[1] / (C / g) * og + o) * oh + yy) * ow + xx] +=
                            x->v[e] * w[((at[1] * og + o) * k + u) * k + v];
                }
    }
    return y;
}
static nd ref_up(gan_model *m, const nd *x, const int *i)
{
    int j[8] = {0};
    memcpy(j, i, 4 * sizeof *j);
    return ref_up_ex(m, x, j);
}
static void test_conv_transpose2d(void)
{
    layer_sample("conv_transpose2d, kernel 4, stride 2, padding 1", make_up, ref_up, "2,2,3,2",
                 (int[8]){3, 4, 2, 1});
    layer_sample("conv_transpose2d of size 1", make_up, ref_up, "1,1,1,1", (int[8]){1, 1, 1, 0});
    layer_sample("conv_transpose2d_ex with output padding", make_up_ex, ref_up_ex, "1,2,3,3",
                 (int[8]){2, 3, 2, 1, 1, 0});
    layer_sample("conv_transpose2d_ex with groups", make_up_ex, ref_up_ex, "1,4,2,2",
                 (int[8]){2, 3, 2, 0, 0, 2});
    TEST ("conv_transpose2d has PyTorch's shapes: weight (in, out / groups, kh, kw)") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_up_ex, {6, 3, 2, 1, 0, 2}, 0};
        gan_model *m = one_forward(ctx, &q, 4, (int[]){1, 4, 5, 5});
        shape_of(m, "up.weight", 4, 4, 3, 3, 3);
        shape_of(m, "up.bias", 1, 6);
        gan_destroy(ctx);
    }
}

// ---- norms

// ((x - mean) / sqrt(var + 1e-5)) weight + bias where entry e belongs to group group[e] and has affine number
// affine[e].
static nd norm_by(const nd *x, const int *group, int groups, const int *affine, const double *w,
                  const double *b, double *mean_out, double *var_out)
{
    nd y = nd_new(x->ndim, x->dim);
    double *mean = (double *)calloc((size_t)groups, sizeof *mean),
           *var = (double *)calloc((size_t)groups, sizeof *var);
    int *n = (int *)calloc((size_t)groups, sizeof *n), g;
    for (size_t e = 0; e < x->n; ++e) mean[group[e]] += x->v[e], ++n[group[e]];
    for (g = 0; g < groups; ++g) mean[g] /= n[g];
    for (size_t e = 0; e < x->n; ++e)
        var[group[e]] += (x->v[e] - mean[group[e]]) * (x->v[e] - mean[group[e]]) / n[group[e]];
    for (size_t e = 0; e < x->n; ++e)
        y.v[e] = (x->v[e] - mean[group[e]]) / sqrt(var[group[e]] + 1e-5) * w[affine[e]] + b[affine[e]];
    for (g = 0; g < groups && mean_out; ++g) mean_out[g] = mean[g], var_out[g] = var[g];
    free(mean);
    free(var);
    free(n);
    return y;
}
enum { MAX_ENTRIES = 4096 };
static int group_of[MAX_ENTRIES], affine_of[MAX_ENTRIES];

static gan_tensor *make_batch_norm(gan_model *m, gan_tensor *x, const int *i)
{
    (void)i;
    return gan_batch_norm(m, "bn", x);
}

static void channel_groups(const nd *x)
{
    int inner = 1, i;
    for (i = 2; i < x->ndim; ++i) inner *= x->dim[i];
    for (size_t e = 0; e < x->n; ++e) group_of[e] = affine_of[e] = (int)(e / (size_t)inner) % x->dim[1];
}
static nd ref_batch_train(gan_model *m, const nd *x, const int *i)
{
    (void)i;
    channel_groups(x);
    return norm_by(x, group_of, x->dim[1], affine_of, values(m, "bn.weight"), values(m, "bn.bias"), NULL,
                   NULL);
}
static nd ref_batch_eval(gan_model *m, const nd *x, const int *i)
{
    nd y = nd_new(x->ndim, x->dim);
    const double *w = values(m, "bn.weight"), *b = values(m, "bn.bias"), *mu = values(m, "bn.running_mean"),
                 *v = values(m, "bn.running_var");
    (void)i;
    channel_groups(x);
    for (size_t e = 0; e < x->n; ++e) {
        int c = group_of[e];
        y.v[e] = (x->v[e] - mu[c]) / sqrt(v[c] + 1e-5) * w[c] + b[c];
    }
    return y;
}
// layer_sample in one mode only.
static void norm_sample(const char *what, build *make, layer_reference *ref, const char *line, const int *i,
                        gan_mode mode)
{
    TESTF ("%s (%s), %s", what, line, mode == GAN_TRAIN ? "train" : "eval") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        params p;
        plan q;
        nd x[MAX_IN], want;
        int has_grad[MAX_IN];
        gan_model *m;
        gan_tensor *t;
        memset(&p, 0, sizeof p);
        memset(&q, 0, sizeof q);
        q.make = make;
        if (i) memcpy(q.i, i, sizeof q.i);
        nd_used = 0;
        check_seed(3);
        make_inputs(line, &p, x, has_grad);
        t = to_tensor(ctx, &x[0]);
        m = gan_model_create(ctx, "model", model_forward, &q);
        gan_model_mode(m, mode);
        (void)gan_forward(m, t, NULL);
        scramble(m);
        want = ref(m, x, q.i);
        check_tensor(gan_forward(m, t, NULL), &want, TOL * 10, what);
        layer_gradients(ctx, m, t, what);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static nd ref_batch_catseye(gan_model *m, const nd *x,
                            const int *i) // batch x HW seen as one channel (fault 9)
{
    (void)i;
    channel_groups(x);
    for (size_t e = 0; e < x->n; ++e) group_of[e] = 0;
    return norm_by(x, group_of, 1, affine_of, values(m, "bn.weight"), values(m, "bn.bias"), NULL, NULL);
}

// Three training forwards of different data; running statistics by PyTorch's rule, with the variance divided
// by n - `less`.
static void running_statistics(int less, const int *dims, int ndim)
{
    gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
    plan q = {make_batch_norm, {0}, 0};
    gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
    double mean[8] = {0}, var[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    int step, c;
    check_seed(5);
    for (step = 0; step < 3; ++step) {
        nd x = (nd_used = 0, nd_new(ndim, dims));
        double mu[8], v[8];
        int n = (int)x.n / dims[1];
        for (size_t e = 0; e < x.n; ++e) x.v[e] = (double)(gan_real)check_uniform(-1, 3 + step);
        channel_groups(&x);
        {
            const double ones[8] = {1, 1, 1, 1, 1, 1, 1, 1}, zeros[8] = {0};
            (void)norm_by(&x, group_of, dims[1], affine_of, ones, zeros, mu, v);
        }
        for (c = 0; c < dims[1]; ++c) {
            mean[c] = .9 * mean[c] + .1 * mu[c];
            var[c] = .9 * var[c] + .1 * v[c] * n / (n - less);
        }
        (void)gan_forward(m, to_tensor(ctx, &x), NULL);
    }
    CHECK_ARRAY(dims[1], values(m, "bn.running_mean"), mean, TOL, TOL, "running_mean");
    CHECK_ARRAY(dims[1], values(m, "bn.running_var"), var, TOL, TOL, "running_var");
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static void test_batch_norm(void)
{
    static const char *const lines[] = {"5,3", "3,2,4", "4,3,2,3", "2,1,1,1", "7,1"};
    size_t k;
    for (k = 0; k < COUNT(lines); ++k) {
        norm_sample("batch_norm", make_batch_norm, ref_batch_train, lines[k], NULL, GAN_TRAIN);
        norm_sample("batch_norm", make_batch_norm, ref_batch_eval, lines[k], NULL, GAN_EVAL);
    }
    norm_sample("batch_norm of one sample", make_batch_norm, ref_batch_eval, "1,3", NULL, GAN_EVAL);
    TEST ("running statistics follow PyTorch's rule: momentum .1, unbiased variance, over N, H and W") {
        running_statistics(1, (int[]){3, 2, 2, 3}, 4);
        running_statistics(1, (int[]){4, 3}, 2);
    }
    TEST_MUST_FAIL ("a running variance that is biased is caught") {
        running_statistics(0, (int[]){3, 2, 2, 3}, 4);
    }
    TEST_MUST_FAIL ("batch norm with batch x HW as one channel is caught") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        plan q = {make_batch_norm, {0}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        params p;
        nd x[MAX_IN], want;
        int has_grad[MAX_IN];
        memset(&p, 0, sizeof p);
        nd_used = 0;
        check_seed(3);
        make_inputs("4,3,2,3", &p, x, has_grad);
        (void)gan_forward(m, to_tensor(ctx, &x[0]), NULL);
        want = ref_batch_catseye(m, x, NULL);
        check_tensor(gan_forward(m, to_tensor(ctx, &x[0]), NULL), &want, TOL * 10, "catseye");
        gan_destroy(ctx);
    }
    TEST (
        "eval leaves the running statistics alone; a fresh layer has weight 1, bias 0, mean 0, variance 1") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        plan q = {make_batch_norm, {0}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        gan_model_mode(m, GAN_EVAL);
        (void)gan_forward(m, gan_rand_normal(ctx, 4, 2), NULL);
        CHECK_NEAR(values(m, "bn.weight")[1], 1, 0, "weight");
        CHECK_NEAR(values(m, "bn.bias")[1], 0, 0, "bias");
        CHECK_NEAR(values(m, "bn.running_mean")[1], 0, 0, "running_mean");
        CHECK_NEAR(values(m, "bn.running_var")[1], 1, 0, "running_var");
        CHECK(gan_model_parameters(m) == 4, "buffers do not train: %d", (int)gan_model_parameters(m));
        gan_destroy(ctx);
    }
    TEST ("one value per channel in train (N 1) makes no NaN: an error, or finite statistics") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        plan q = {make_batch_norm, {0}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        (void)gan_forward(m, gan_rand_normal(ctx, 1, 2), NULL);
        CHECK(gan_error(ctx) || isfinite(values(m, "bn.running_var")[0]), "running_var %g",
              values(m, "bn.running_var")[0]);
        gan_destroy(ctx);
    }
}

static gan_tensor *make_layer_norm(gan_model *m, gan_tensor *x, const int *i)
{
    (void)i;
    return gan_layer_norm(m, "ln", x);
}
static nd ref_layer_norm(gan_model *m, const nd *x, const int *i)
{
    int rest = (int)x->n / x->dim[0];
    (void)i;
    for (size_t e = 0; e < x->n; ++e) group_of[e] = (int)e / rest, affine_of[e] = (int)e % rest;
    return norm_by(x, group_of, x->dim[0], affine_of, values(m, "ln.weight"), values(m, "ln.bias"), NULL,
                   NULL);
}
static void test_layer_norm(void)
{
    layer_sample("layer_norm", make_layer_norm, ref_layer_norm, "3,5", NULL);
    layer_sample("layer_norm of images", make_layer_norm, ref_layer_norm, "2,2,3,2", NULL);
    layer_sample("layer_norm of one sample", make_layer_norm, ref_layer_norm, "1,7", NULL);
    TEST ("layer_norm's weight has the shape of a sample, as PyTorch's with normalized_shape x.shape[1:]") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_layer_norm, {0}, 0};
        gan_model *m = one_forward(ctx, &q, 4, (int[]){2, 3, 4, 5});
        shape_of(m, "ln.weight", 3, 3, 4, 5);
        shape_of(m, "ln.bias", 3, 3, 4, 5);
        gan_destroy(ctx);
    }
}

static gan_tensor *make_instance_norm(gan_model *m, gan_tensor *x, const int *i)
{
    (void)i;
    return gan_instance_norm(m, "in", x);
}
static nd ref_instance_norm(gan_model *m, const nd *x, const int *i)
{
    int hw = x->dim[2] * x->dim[3];
    (void)i;
    for (size_t e = 0; e < x->n; ++e) group_of[e] = (int)e / hw, affine_of[e] = (int)e / hw % x->dim[1];
    return norm_by(x, group_of, x->dim[0] * x->dim[1], affine_of, values(m, "in.weight"),
                   values(m, "in.bias"), NULL, NULL);
}
static void test_instance_norm(void)
{
    layer_sample("instance_norm", make_instance_norm, ref_instance_norm, "2,3,3,2", NULL);
    layer_sample("instance_norm of one image", make_instance_norm, ref_instance_norm, "1,1,3,3", NULL);
}

static gan_tensor *make_group_norm(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_group_norm(m, "gn", x, i[0]);
}
static nd ref_group_norm(gan_model *m, const nd *x, const int *i)
{
    int hw = 1, k, per;
    for (k = 2; k < x->ndim; ++k) hw *= x->dim[k];
    per = x->dim[1] / i[0] * hw;
    for (size_t e = 0; e < x->n; ++e) group_of[e] = (int)e / per, affine_of[e] = (int)e / hw % x->dim[1];
    return norm_by(x, group_of, x->dim[0] * i[0], affine_of, values(m, "gn.weight"), values(m, "gn.bias"),
                   NULL, NULL);
}
static void test_group_norm(void)
{
    layer_sample("group_norm, 2 groups", make_group_norm, ref_group_norm, "2,4,2,3", (int[8]){2});
    layer_sample("group_norm, 1 group", make_group_norm, ref_group_norm, "2,3,2,2", (int[8]){1});
    layer_sample("group_norm, as many groups as channels", make_group_norm, ref_group_norm, "2,3,2,2",
                 (int[8]){3});
    layer_sample("group_norm of (N, C)", make_group_norm, ref_group_norm, "3,6", (int[8]){2});
    TEST ("groups that do not divide the channels are an error that names the layer") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_group_norm, {2}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        (void)gan_forward(m, gan_zeros(ctx, 1, 3, 2, 2), NULL);
        CHECK(gan_error(ctx) != 0, "no error");
        CHECK_TEXT(gan_error_message(ctx), "gn");
        CHECK_TEXT(gan_error_message(ctx), "groups");
        gan_destroy(ctx);
    }
}

// ---- embedding, dropout

static gan_tensor *make_embedding(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_embedding(m, "emb", x, i[0], i[1]);
}
#ifdef GAN_DOUBLE
static gan_tensor *embedding_f(gan_context *ctx, gan_tensor **x, void *user)
{
    gan_model *m = (gan_model *)user;
    plan *q = (plan *)gan_model_user(m);
    gan_tensor *index = gan_zeros(ctx, q->i[2]);
    int k;
    (void)x;
    for (k = 0; k < q->i[2]; ++k) gan_data(index)[k] = (gan_real)(k * k % q->i[0]);
    return gan_tanh(gan_forward(m, index, NULL));
}
#endif
static void test_embedding(void)
{
    TEST ("embedding (rows, dim) takes rows by index, of any shape, and names its weight") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_embedding, {5, 3}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        const gan_real v[6] = {4, 0, 1, 1, 3, 2};
        gan_tensor *index = gan_from(ctx, v, 2, 3), *y = gan_forward(m, index, NULL);
        int k, j;
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        shape_of(m, "emb.weight", 2, 5, 3);
        CHECK(gan_ndim(y) == 3 && gan_dim(y, 0) == 2 && gan_dim(y, 1) == 3 && gan_dim(y, 2) == 3, "shape");
        for (k = 0; gan_data(y) && k < 6; ++k)
            for (j = 0; j < 3; ++j)
                CHECK_NEAR(gan_data(y)[k * 3 + j], values(m, "emb.weight")[(int)v[k] * 3 + j], 0, "row");
        gan_destroy(ctx);
    }
#ifdef GAN_DOUBLE
    TEST ("embedding: the gradient by its weight; rows met twice get both") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_embedding, {4, 3, 6}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        gan_tensor *w;
        (void)embedding_f(ctx, NULL, m);
        w = gan_model_find(m, "emb.weight");
        check_gradient(ctx, embedding_f, m, 1, &w, 1, "embedding");
        check_gradient(ctx, embedding_f, m, 1, &w, 2, "embedding");
        gan_destroy(ctx);
    }
#endif
    TEST ("embedding's default initial values are N(0, 1), as PyTorch's; gan_model_init changes them") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_embedding, {500, 40}, 0};
        gan_model *m = one_forward(ctx, &q, 1, (int[]){1}),
                  *n = gan_model_create(ctx, "other", model_forward, &q);
        double mean = 0, square = 0;
        gan_tensor *w = gan_model_find(m, "emb.weight");
        for (size_t k = 0; k < 20000; ++k) {
            mean += (double)gan_data(w)[k] / 20000;
            square += (double)gan_data(w)[k] * (double)gan_data(w)[k] / 20000;
        }
        CHECK_NEAR(mean, 0, 5 / sqrt(20000.), "mean");
        CHECK_NEAR(square, 1, 5 * sqrt(2 / 20000.), "variance");
        gan_model_init(n, gan_init_constant(3));
        (void)gan_forward(n, gan_zeros(ctx, 1), NULL);
        CHECK_NEAR(gan_item(gan_model_find(n, "emb.weight")), 3, 0, "by gan_model_init");
        gan_destroy(ctx);
    }
    TEST ("an index out of range is an error, not a read out of bounds") {
        static const gan_real bad[] = {5, -1, (gan_real)1.5, (gan_real)NAN, (gan_real)1e30};
        size_t k;
        for (k = 0; k < COUNT(bad); ++k) {
            gan_context *ctx = gan_create(NULL);
            plan q = {make_embedding, {5, 3}, 0};
            gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
            (void)gan_forward(m, gan_full(ctx, bad[k], 2), NULL);
            CHECK(gan_error(ctx) != 0, "index %g", (double)bad[k]);
            gan_destroy(ctx);
        }
    }
}

static gan_tensor *make_dropout(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_dropout(m, x, (gan_real)i[0] / 100);
}
static void test_dropout(void)
{
    TEST ("dropout zeroes a fraction p, scales the rest by 1 / (1 - p), differs from call to call") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_dropout, {30}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        gan_tensor *x = gan_full(ctx, 1, 100, 1000), *y = gan_forward(m, x, NULL),
                   *z = gan_forward(m, x, NULL);
        size_t zeros = 0, same = 0, wrong = 0, k;
        for (k = 0; k < 100000; ++k) {
            zeros += gan_data(y)[k] == 0;
            same += gan_data(y)[k] == gan_data(z)[k];
            wrong += gan_data(y)[k] != 0 && fabs((double)gan_data(y)[k] - 1 / .7) > 1e-6;
        }
        CHECK(wrong == 0, "%lu entries are neither 0 nor 1 / .7", (unsigned long)wrong);
        CHECK_NEAR((double)zeros / 1e5, .3, .3 * .01 * 2.5,
                   "fraction dropped"); // 5 standard deviations: .0072
        CHECK_NEAR((double)same / 1e5, .58, .01, "masks are independent");
        gan_destroy(ctx);
    }
    TEST ("dropout's gradient is its mask") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_dropout, {40}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        gan_tensor *x = gan_full(ctx, 2, 50), *y = gan_forward(m, x, NULL),
                   *g = gan_grad(gan_sum_all(y), x, 0);
        int k;
        for (k = 0; k < 50; ++k) CHECK_NEAR(gan_data(g)[k], (double)gan_data(y)[k] / 2, 1e-6, "gradient");
        gan_destroy(ctx);
    }
    TEST ("dropout is the identity in GAN_EVAL and for p 0") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_dropout, {50}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        gan_tensor *x = gan_rand_normal(ctx, 33);
        gan_model_mode(m, GAN_EVAL);
        CHECK(same_bits(x, gan_forward(m, x, NULL)), "eval");
        gan_model_mode(m, GAN_TRAIN);
        q.i[0] = 0;
        CHECK(same_bits(x, gan_forward(m, x, NULL)), "p 0");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
#ifdef GAN_DOUBLE
    TEST ("dropout_always is dropout in GAN_TRAIN, and goes on in GAN_EVAL with the same bits") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_dropout, {50}, 0};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        gan_tensor *x = gan_rand_normal(ctx, 33), *want, *got;
        gan_seed(ctx, 4);
        want = gan_dropout(m, x, (gan_real).5);
        gan_seed(ctx, 4);
        CHECK(same_bits(want, gan_dropout_always(m, x, (gan_real).5)), "train");
        gan_model_mode(m, GAN_EVAL);
        gan_seed(ctx, 4);
        got = gan_dropout_always(m, x, (gan_real).5);
        CHECK(same_bits(want, got) && !same_bits(x, got), "eval");
        CHECK(gan_dropout_always(NULL, NULL, (gan_real).5) == NULL, "NULL");
        gan_destroy(ctx);
    }
    TEST ("dropout with the same random numbers: gradients, train and eval") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_dropout, {30}, 9};
        gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
        layer_gradients(ctx, m, gan_rand_normal(ctx, 3, 5), "dropout");
        gan_model_mode(m, GAN_EVAL);
        layer_gradients(ctx, m, gan_rand_normal(ctx, 3, 5), "dropout");
        gan_destroy(ctx);
    }
#endif
    TEST ("a p that is no probability is an error") {
        static const int bad[] = {-10, 101};
        int k;
        for (k = 0; k < 2; ++k) {
            gan_context *ctx = gan_create(NULL);
            plan q = {make_dropout, {0}, 0};
            gan_model *m = gan_model_create(ctx, "model", model_forward, &q);
            q.i[0] = bad[k];
            (void)gan_forward(m, gan_zeros(ctx, 3), NULL);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "p %d %%: code %d", bad[k], gan_error(ctx));
            gan_destroy(ctx);
        }
    }
}

// ---- initializers: moments, bounds, orthogonality

typedef struct moments {
    double mean, std, min, max;
} moments;
static moments moments_of(gan_tensor *t)
{
    moments m = {0, 0, HUGE_VAL, -HUGE_VAL};
    size_t n = gan_numel(t), k;
    for (k = 0; k < n; ++k) {
        double v = (double)gan_data(t)[k];
        m.mean += v / (double)n;
        if (v < m.min) m.min = v;
        if (v > m.max) m.max = v;
    }
    for (k = 0; k < n; ++k)
        m.std += ((double)gan_data(t)[k] - m.mean) * ((double)gan_data(t)[k] - m.mean) / (double)n;
    m.std = sqrt(m.std);
    return m;
}
typedef struct init_plan {
    gan_init init;
    int conv;
} init_plan;
static gan_tensor *init_forward(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    init_plan *p = (init_plan *)gan_model_user(m);
    (void)label;
    gan_model_init(m, p->init);
    return p->conv ? gan_conv2d(m, "w", x, 64, 3, 1, 1) : gan_linear(m, "w", x, 200);
}
enum { LINEAR_IN = 300, CONV_IN = 48 }; // linear 200 x 300, conv 64 x 48 x 3 x 3

// The weight that `init` gives a linear layer (fan in 300, out 200) or a convolution (432, 576); the bias in
// *bias.
static gan_tensor *init_weight(gan_context *ctx, gan_init init, int conv, gan_tensor **bias)
{
    static init_plan p;
    gan_model *m;
    p.init = init;
    p.conv = conv;
    m = gan_model_create(ctx, conv ? "conv" : "linear", init_forward, &p);
    (void)gan_forward(m, conv ? gan_zeros(ctx, 1, CONV_IN, 3, 3) : gan_zeros(ctx, 1, LINEAR_IN), NULL);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    if (bias) *bias = gan_model_find(m, "w.bias");
    return gan_model_find(m, "w.weight");
}
static void is_uniform(gan_tensor *t, double lo, double hi)
{
    moments m = moments_of(t);
    double n = (double)gan_numel(t), w = hi - lo;
    CHECK(m.min >= lo - 1e-6 && m.max <= hi + 1e-6, "[%g, %g] is not within [%g, %g]", m.min, m.max, lo, hi);
    CHECK(m.min < lo + .01 * w && m.max > hi - .01 * w, "[%g, %g] does not fill [%g, %g]", m.min, m.max, lo,
          hi);
    CHECK_NEAR(m.mean, (lo + hi) / 2, 5 * w / sqrt(12 * n), "mean");
    CHECK_NEAR(m.std, w / sqrt(12.), .02 * w / sqrt(12.), "standard deviation");
}
static void is_normal(gan_tensor *t, double mean, double std)
{
    moments m = moments_of(t);
    double n = (double)gan_numel(t);
    CHECK_NEAR(m.mean, mean, 5 * std / sqrt(n), "mean");
    CHECK_NEAR(m.std, std, 5 * std / sqrt(2 * n), "standard deviation");
    CHECK(m.max > mean + 3 * std && m.min < mean - 3 * std, "tails %g %g", m.min, m.max);
}
static void is_all(gan_tensor *t, double value)
{
    moments m = moments_of(t);
    CHECK(m.min == value && m.max == value, "[%g, %g], not %g", m.min, m.max, value);
}
// For the initializers that are not the default one the bias is 0.
#define BOTH(init, check_linear, check_conv)                                                                 \
    do {                                                                                                     \
        gan_context *ctx = gan_create(NULL);                                                                 \
        gan_tensor *b, *t = init_weight(ctx, init, 0, &b);                                                   \
        check_linear;                                                                                        \
        is_all(b, 0);                                                                                        \
        t = init_weight(ctx, init, 1, &b);                                                                   \
        check_conv;                                                                                          \
        is_all(b, 0);                                                                                        \
        gan_destroy(ctx);                                                                                    \
    } while (0)

static void init_default(void)
{
    TEST ("default: U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weight and bias, as PyTorch's linear and conv") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *b, *t = init_weight(ctx, gan_init_default(), 0, &b);
        double r = 1 / sqrt(300.);
        is_uniform(t, -r, r);
        CHECK(moments_of(b).max <= r && moments_of(b).min >= -r && moments_of(b).std > r / 4, "bias");
        t = init_weight(ctx, gan_init_default(), 1, &b);
        r = 1 / sqrt(48 * 9.);
        is_uniform(t, -r, r);
        CHECK(moments_of(b).max <= r && moments_of(b).min >= -r && moments_of(b).std > r / 4, "bias");
        gan_destroy(ctx);
    }
}
static void init_zeros(void)
{
    TEST ("zeros") BOTH(gan_init_zeros(), is_all(t, 0), is_all(t, 0));
}
static void init_constant(void)
{
    TEST ("constant") BOTH(gan_init_constant((gan_real).25), is_all(t, .25), is_all(t, .25));
}
static void init_normal(void)
{
    TEST ("normal") BOTH(gan_init_normal(1, (gan_real).02), is_normal(t, 1, .02), is_normal(t, 1, .02));
}
static void init_uniform(void)
{
    TEST ("uniform") BOTH(gan_init_uniform(-1, 3), is_uniform(t, -1, 3), is_uniform(t, -1, 3));
}
static void init_xavier_uniform(void)
{
    double a = 2 * sqrt(6 / 500.), c = 2 * sqrt(6 / (432. + 576));
    TEST ("xavier_uniform: gain sqrt(6 / (fan_in + fan_out))")
        BOTH(gan_init_xavier_uniform(2), is_uniform(t, -a, a), is_uniform(t, -c, c));
}
static void init_xavier_normal(void)
{
    double a = 1.5 * sqrt(2 / 500.), c = 1.5 * sqrt(2 / (432. + 576));
    TEST ("xavier_normal: gain sqrt(2 / (fan_in + fan_out))")
        BOTH(gan_init_xavier_normal((gan_real)1.5), is_normal(t, 0, a), is_normal(t, 0, c));
}
static void init_he_uniform(void)
{
    double g = sqrt(2 / 1.04), a = g * sqrt(3 / 300.), c = g * sqrt(3 / 432.);
    TEST ("he_uniform: sqrt(2 / (1 + slope^2)) sqrt(3 / fan_in)")
        BOTH(gan_init_he_uniform((gan_real).2), is_uniform(t, -a, a), is_uniform(t, -c, c));
}
static void init_he_normal(void)
{
    double a = sqrt(2 / 300.), c = sqrt(2 / 432.);
    TEST ("he_normal: sqrt(2 / (1 + slope^2)) / sqrt(fan_in)")
        BOTH(gan_init_he_normal(0), is_normal(t, 0, a), is_normal(t, 0, c));
}
static void is_orthogonal(gan_tensor *t, int rows, int cols, double gain) // rows <= cols: W W' = gain^2 I
{
    double worst = 0, off, sum = 0;
    int i, j, k;
    for (i = 0; i < rows; ++i)
        for (j = 0; j <= i; ++j) {
            double s = 0;
            for (k = 0; k < cols; ++k)
                s += (double)gan_data(t)[i * cols + k] * (double)gan_data(t)[j * cols + k];
            off = fabs(s - (i == j ? gain * gain : 0));
            if (!(off <= worst)) worst = off;
        }
    for (k = 0; k < rows * cols; ++k) sum += (double)gan_data(t)[k];
    CHECK(worst < 1e-4, "W W' differs from gain^2 I by %g", worst);
    CHECK(sum * sum < 25 * gain * gain * rows, "the entries lean to one side: sum %g", sum);
}
static void init_orthogonal(void)
{
    TEST ("orthogonal: W W' = gain^2 I over the flattened rest")
        BOTH(gan_init_orthogonal(2), is_orthogonal(t, 200, 300, 2), is_orthogonal(t, 64, 432, 2));
    TEST ("orthogonal, more rows than columns: W' W = gain^2 I") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", model_forward, NULL);
        gan_tensor *t = gan_param(m, "w", gan_init_orthogonal(1), 30, 7);
        int i, j, k;
        for (i = 0; gan_data(t) && i < 7; ++i)
            for (j = 0; j < 7; ++j) {
                double s = 0;
                for (k = 0; k < 30; ++k) s += (double)gan_data(t)[k * 7 + i] * (double)gan_data(t)[k * 7 + j];
                CHECK_NEAR(s, i == j, 1e-5, "W' W");
            }
        gan_destroy(ctx);
    }
}

static void inits(void)
{
    static void (*const all[])(void) = {
#define ROW(id, name) init_##name,
        GAN_INITS(ROW)
#undef ROW
    };
    size_t i;
    for (i = 0; i < COUNT(all); ++i) all[i]();
    TEST ("every initializer has a test") { CHECK(COUNT(all) == GAN_INIT_COUNT, "%d", (int)COUNT(all)); }
    TEST_MUST_FAIL ("he instead of xavier is caught") {
        gan_context *ctx = gan_create(NULL);
        is_normal(init_weight(ctx, gan_init_he_normal(0), 0, NULL), 0, sqrt(2 / 500.));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a normal initializer that is not orthogonal is caught") {
        gan_context *ctx = gan_create(NULL);
        is_orthogonal(init_weight(ctx, gan_init_normal(0, (gan_real)(1 / sqrt(300.))), 0, NULL), 200, 300, 1);
        gan_destroy(ctx);
    }
    TEST ("conv_transpose2d's fan_in is PyTorch's: weight (in, out, k, k) has fan_in out k k") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_up, {5, 4, 2, 1}, 0};
        gan_model *m = one_forward(ctx, &q, 4, (int[]){1, 300, 2, 2});
        gan_tensor *t = gan_model_find(m, "up.weight");
        double r = 1 / sqrt(5 * 16.);
        if (t) is_uniform(t, -r, r);
        gan_destroy(ctx);
    }
}

// ---- models

static gan_tensor *two_layers(gan_model *m, gan_tensor *x, const int *i)
{
    if (i[0]) {
        gan_tensor *second = gan_linear(m, "b", gan_zeros(gan_model_context(m), 1, 7), 3);
        return gan_add(gan_linear(m, "b", gan_linear(m, "a", x, 7), 3), gan_mul_scalar(second, 0));
    }
    return gan_linear(m, "b", gan_linear(m, "a", x, 7), 3);
}
static gan_tensor *with_own(gan_model *m, gan_tensor *x, const int *i)
{
    gan_tensor *s = gan_param_n(m, "scale", gan_init_constant(2), 0, NULL), *b = gan_buffer(m, "seen", 5, 3);
    (void)i;
    return gan_add(gan_mul(x, s), gan_linear(m, "fc", gan_mul(b, gan_zeros(gan_model_context(m), 3)), 3));
}

static void models(void)
{
    TEST ("values depend on the seed and the full name, not on the order of creation") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL), *c;
        plan p = {two_layers, {0}, 0}, q = {two_layers, {1}, 0};
        gan_model *m = one_forward(a, &p, 2, (int[]){1, 5}),
                  *n = (gan_rand_normal(b, 11), one_forward(b, &q, 2, (int[]){1, 5})), *o;
        gan_desc d;
        CHECK(same_bits(gan_model_find(m, "a.weight"), gan_model_find(n, "a.weight")), "a.weight");
        CHECK(same_bits(gan_model_find(m, "b.weight"), gan_model_find(n, "b.weight")), "b.weight");
        CHECK(same_bits(gan_model_find(m, "b.bias"), gan_model_find(n, "b.bias")), "b.bias");
        memset(&d, 0, sizeof d);
        d.seed = 1;
        c = gan_create(&d);
        o = one_forward(c, &p, 2, (int[]){1, 5});
        CHECK(!same_bits(gan_model_find(m, "a.weight"), gan_model_find(o, "a.weight")),
              "another seed, the same values");
        CHECK(memcmp(gan_data(gan_model_find(m, "a.bias")), gan_data(gan_model_find(m, "b.bias")),
                     3 * sizeof(gan_real)) != 0,
              "two names, the same values");
        gan_destroy(a);
        gan_destroy(b);
        gan_destroy(c);
    }
    TEST ("two models of one context may use the same layer names, with other values") {
        gan_context *ctx = gan_create(NULL);
        plan p = {two_layers, {0}, 0};
        gan_model *m = gan_model_create(ctx, "first", model_forward, &p),
                  *n = gan_model_create(ctx, "second", model_forward, &p);
        (void)gan_forward(m, gan_zeros(ctx, 1, 5), NULL);
        (void)gan_forward(n, gan_zeros(ctx, 1, 5), NULL);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(!same_bits(gan_model_find(m, "a.weight"), gan_model_find(n, "a.weight")), "the same values");
        gan_destroy(ctx);
    }
    TEST ("the second forward meets the same parameters; count, names and parameters are right") {
        gan_context *ctx = gan_create(NULL);
        plan p = {two_layers, {0}, 0};
        gan_model *m = one_forward(ctx, &p, 2, (int[]){1, 5});
        gan_tensor *w = gan_model_find(m, "a.weight");
        int i;
        (void)gan_forward(m, gan_zeros(ctx, 9, 5), NULL);
        CHECK(gan_model_find(m, "a.weight") == w && gan_model_count(m) == 4, "count %d", gan_model_count(m));
        CHECK(gan_model_parameters(m) == 7 * 5 + 7 + 3 * 7 + 3, "parameters %d",
              (int)gan_model_parameters(m));
        for (i = 0; i < gan_model_count(m); ++i)
            CHECK(gan_model_find(m, gan_model_name(m, i)) == gan_model_tensor(m, i), "%s",
                  gan_model_name(m, i));
        CHECK(strcmp(gan_model_name(m, 0), "a.weight") == 0, "first is %s", gan_model_name(m, 0));
        CHECK(gan_model_find(m, "c.weight") == NULL && gan_error(ctx) == 0, "not found is no error");
        gan_destroy(ctx);
    }
    TEST ("a parameter and a buffer of one's own: the buffer is not counted as trainable") {
        gan_context *ctx = gan_create(NULL);
        plan p = {with_own, {0}, 0};
        gan_model *m = one_forward(ctx, &p, 2, (int[]){2, 3});
        CHECK(gan_model_parameters(m) == 1 + 9 + 3, "%d", (int)gan_model_parameters(m));
        CHECK(gan_model_count(m) == 4, "%d", gan_model_count(m));
        CHECK_NEAR(gan_item(gan_model_find(m, "scale")), 2, 0, "scale");
        CHECK_NEAR(gan_item(gan_model_find(m, "seen")), 5, 0, "seen");
        gan_destroy(ctx);
    }
    TEST ("a layer met again with another shape is an error that names it and both shapes") {
        gan_context *ctx = gan_create(NULL);
        plan p = {make_linear, {5}, 0};
        gan_model *m = one_forward(ctx, &p, 2, (int[]){1, 7});
        gan_tensor *y = gan_forward(m, gan_zeros(ctx, 1, 11), NULL);
        CHECK(gan_data(y) == NULL, "poison");
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "fc");
        CHECK_TEXT(gan_error_message(ctx), "7");
        CHECK_TEXT(gan_error_message(ctx), "11");
        gan_destroy(ctx);
    }
    TEST ("freeze by prefix: optimizers leave those alone, and take them up again") {
        gan_context *ctx = gan_create(NULL);
        plan p = {two_layers, {0}, 0};
        gan_model *m = one_forward(ctx, &p, 2, (int[]){1, 5});
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_real a[35], b[21];
        memcpy(a, gan_data(gan_model_find(m, "a.weight")), sizeof a);
        memcpy(b, gan_data(gan_model_find(m, "b.weight")), sizeof b);
        gan_model_freeze(m, "a", 1);
        (void)gan_minimize(o, gan_sum_all(gan_square(gan_forward(m, gan_full(ctx, 1, 2, 5), NULL))));
        CHECK(memcmp(a, gan_data(gan_model_find(m, "a.weight")), sizeof a) == 0, "the frozen one moved");
        CHECK(memcmp(b, gan_data(gan_model_find(m, "b.weight")), sizeof b) != 0, "the other did not move");
        gan_model_freeze(m, NULL, 0);
        (void)gan_minimize(o, gan_sum_all(gan_square(gan_forward(m, gan_full(ctx, 1, 2, 5), NULL))));
        CHECK(memcmp(a, gan_data(gan_model_find(m, "a.weight")), sizeof a) != 0, "thawed, it did not move");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

// ---- recurrent layers: i[0] gates, 3 gru and 4 lstm, i[1] H, i[2] layers, i[3] bidirectional, i[4] no bias,
// i[5] lengths, i[6] initial states, which are parameters here. The result is outputs and last states.

static int rnn_length(int n, int steps) { return n == 0 ? steps : n == 1 ? steps / 2 : 0; }

static gan_tensor *make_rnn(gan_model *m, gan_tensor *x, const int *i)
{
    gan_context *ctx = gan_model_context(m);
    const int samples = gan_dim(x, 0), count = (i[2] ? i[2] : 1) * (i[3] ? 2 : 1);
    gan_tensor *y, *h = NULL, *c = NULL;
    gan_rnn_desc d;
    int n;
    memset(&d, 0, sizeof d);
    d.hidden = i[1];
    d.layers = i[2];
    d.bidirectional = i[3];
    d.no_bias = i[4];
    if (i[5]) {
        d.lengths = gan_zeros(ctx, samples);
        for (n = 0; n < samples; ++n) gan_data(d.lengths)[n] = (gan_real)rnn_length(n, gan_dim(x, 1));
    }
    if (i[6]) h = gan_param(m, "h0", gan_init_zeros(), count, samples, i[1]);
    if (i[6] && i[0] == 4) c = gan_param(m, "c0", gan_init_zeros(), count, samples, i[1]);
    y = i[0] == 3 ? gan_gru(m, "rnn", x, &h, &d) : gan_lstm(m, "rnn", x, &h, &c, &d);
    y = gan_concat(0, gan_reshape(y, -1), gan_reshape(h, -1));
    return i[0] == 3 ? y : gan_concat(0, y, gan_reshape(c, -1));
}

static double rnn_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static int rnn_swapped; // the first two gates the wrong way round

static nd ref_rnn(gan_model *m, const nd *x, const int *i)
{
    const int G = i[0], H = i[1], L = i[2] ? i[2] : 1, D = i[3] ? 2 : 1, N = x->dim[0], T = x->dim[1];
    int F = x->dim[2], layer, dir, n, k, u, g, e;
    double *in = (double *)malloc(x->n * sizeof *in), *out = NULL;
    nd y = nd_new(1, (int[]){N * T * D * H + (G - 2) * L * D * N * H});
    double *hn = y.v + N * T * D * H, *cn = hn + L * D * N * H;
    memcpy(in, x->v, x->n * sizeof *in);
    for (layer = 0; layer < L; ++layer) {
        out = (double *)calloc((size_t)(N * T * D * H), sizeof *out);
        for (dir = 0; dir < D; ++dir) {
            const double *p[4], *s[2] = {NULL, NULL};
            static const char *const kinds[4] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
            char name[64];
            for (k = 0; k < 4; ++k) {
                snprintf(name, sizeof name, "rnn.%s_l%d%s", kinds[k], layer, dir ? "_reverse" : "");
                p[k] = k > 1 && i[4] ? NULL : values(m, name);
            }
            if (i[6]) s[0] = values(m, "h0");
            if (i[6] && G == 4) s[1] = values(m, "c0");
            for (n = 0; n < N; ++n) {
                const int at = ((layer * D + dir) * N + n) * H, length = i[5] ? rnn_length(n, T) : T;
                double h[8], c[8], next[8];
                for (u = 0; u < H; ++u) h[u] = s[0] ? s[0][at + u] : 0, c[u] = s[1] ? s[1][at + u] : 0;
                for (k = 0; k < length; ++k) {
                    const int t = dir ? length - 1 - k : k;
                    const double *v = in + (n * T + t) * F;
                    for (u = 0; u < H; ++u) {
                        double a[4], b[4];
                        for (g = 0; g < G; ++g) {
                            const int row = (rnn_swapped && g < 2 ? 1 - g : g) * H + u;
                            a[g] = p[2] ? p[2][row] : 0;
                            b[g] = p[3] ? p[3][row] : 0;
                            for (e = 0; e < F; ++e) a[g] += p[0][row * F + e] * v[e];
                            for (e = 0; e < H; ++e) b[g] += p[1][row * H + e] * h[e];
                        }
                        if (G == 3) {
                            const double r = rnn_sigmoid(a[0] + b[0]), z = rnn_sigmoid(a[1] + b[1]);
                            next[u] = (1 - z) * tanh(a[2] + r * b[2]) + z * h[u];
                        } else {
                            c[u] = rnn_sigmoid(a[1] + b[1]) * c[u] +
                                   rnn_sigmoid(a[0] + b[0]) * tanh(a[2] + b[2]);
                            next[u] = rnn_sigmoid(a[3] + b[3]) * tanh(c[u]);
                        }
                    }
                    for (u = 0; u < H; ++u) out[((n * T + t) * D + dir) * H + u] = h[u] = next[u];
                }
                for (u = 0; u < H; ++u) hn[at + u] = h[u];
                for (u = 0; u < H && G == 4; ++u) cn[at + u] = c[u];
            }
        }
        free(in);
        in = out;
        F = D * H;
    }
    memcpy(y.v, out, (size_t)(N * T * D * H) * sizeof *out);
    free(out);
    return y;
}

static void rnn_control(int gates) // the reference with other gates
{
    gan_context *ctx = gan_create(NULL);
    plan q = {make_rnn, {gates, 3}, 0};
    gan_model *m = one_forward(ctx, &q, 3, (int[]){2, 4, 2});
    nd x, want;
    nd_used = 0;
    x = nd_new(3, (int[]){2, 4, 2});
    for (size_t k = 0; k < x.n; ++k) x.v[k] = (double)(gan_real)check_uniform(-1, 1);
    scramble(m);
    rnn_swapped = 1;
    want = ref_rnn(m, &x, q.i);
    rnn_swapped = 0;
    check_tensor(gan_forward(m, to_tensor(ctx, &x), NULL), &want, TOL * 4, "swapped gates");
    gan_destroy(ctx);
}

// What x holds behind the ends of sequences changes nothing, its gradient is 0 there, outputs are 0.
static void rnn_padding(int gates, int bidirectional)
{
    gan_context *ctx = gan_create(NULL);
    plan q = {make_rnn, {gates, 3, 2, bidirectional, 0, 1}, 0};
    gan_model *m = one_forward(ctx, &q, 3, (int[]){3, 5, 2});
    gan_tensor *x = gan_rand_normal(ctx, 3, 5, 2), *nan = gan_from_n(ctx, gan_data(x), 3, (int[]){3, 5, 2});
    gan_tensor *a, *b, *w = gan_model_find(m, "rnn.weight_ih_l0"), *ga, *gb, *gx;
    const int wide = bidirectional ? 6 : 3;
    int n, t, k;
    for (n = 0; n < 3; ++n)
        for (t = rnn_length(n, 5); t < 5; ++t)
            for (k = 0; k < 2; ++k) gan_data(nan)[(n * 5 + t) * 2 + k] = (gan_real)NAN;
    a = gan_forward(m, x, NULL);
    b = gan_forward(m, nan, NULL);
    CHECK(same_bits(a, b), "%s", "other outputs");
    for (n = 0; n < 3; ++n)
        for (t = rnn_length(n, 5); t < 5; ++t)
            for (k = 0; k < wide; ++k)
                CHECK(gan_data(a)[(n * 5 + t) * wide + k] == 0, "output behind the end of %d", n);
    ga = gan_grad(gan_sum_all(gan_square(a)), w, 0);
    gx = gan_grad(gan_sum_all(gan_square(b)), nan, 0);
    gb = gan_grad(gan_sum_all(gan_square(gan_forward(m, nan, NULL))), w, 0);
    CHECK(same_bits(ga, gb), "%s", "another gradient");
    for (n = 0; n < 3; ++n)
        for (t = 0; t < 5; ++t)
            CHECK((gan_data(gx)[(n * 5 + t) * 2] == 0) == (t >= rnn_length(n, 5)),
                  "gradient at step %d of %d", t, n);
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static gan_tensor *rnn_steps(gan_model *m, gan_tensor *x, gan_tensor *label) // gru, label: step by step
{
    const gan_rnn_desc d = {4, 2, 0, 0, NULL};
    gan_tensor *h = NULL, *y[7];
    int t;
    if (!label) return gan_gru(m, "rnn", x, NULL, &d);
    for (t = 0; t < 7; ++t) y[t] = gan_gru(m, "rnn", gan_slice(x, 1, t, t + 1), &h, &d);
    return gan_concat_n(1, 7, y);
}
static gan_tensor *rnn_wrong(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    const int *i = (const int *)gan_model_user(m);
    gan_tensor *h = NULL, *y;
    gan_rnn_desc d = {3, 0, 0, 0, NULL};
    d.hidden = i[0], d.layers = i[1];
    d.lengths = label;
    if (i[2]) h = gan_zeros(gan_context_of(x), 1, 1, i[2]);
    y = gan_gru(m, "rnn", x, &h, i[3] ? NULL : &d);
    CHECK(!gan_data(h), "%s", "a state beside the error");
    return y;
}

static void rnn_samples(const char *what, int gates)
{
    char text[100];
    snprintf(text, sizeof text, "%s", what);
    layer_sample(text, make_rnn, ref_rnn, "2,3,2", (int[8]){gates, 3});
    snprintf(text, sizeof text, "%s without bias, of size 1", what);
    layer_sample(text, make_rnn, ref_rnn, "1,1,1", (int[8]){gates, 1, 0, 0, 1});
    snprintf(text, sizeof text, "%s from a state", what);
    layer_sample(text, make_rnn, ref_rnn, "2,3,2", (int[8]){gates, 2, 0, 0, 0, 0, 1});
    snprintf(text, sizeof text, "%s of sequences of different lengths, from a state", what);
    layer_sample(text, make_rnn, ref_rnn, "3,4,2", (int[8]){gates, 2, 0, 0, 0, 1, 1});
    snprintf(text, sizeof text, "%s in both directions, of different lengths", what);
    layer_sample(text, make_rnn, ref_rnn, "3,4,1", (int[8]){gates, 2, 0, 1, 0, 1, 1});
#ifndef GAN_DOUBLE
    snprintf(text, sizeof text, "%s, two layers in both directions", what);
    layer_sample(text, make_rnn, ref_rnn, "3,4,2", (int[8]){gates, 3, 2, 1, 0, 1, 1});
    snprintf(text, sizeof text, "%s of 130 steps", what);
    layer_sample(text, make_rnn, ref_rnn, "2,130,2", (int[8]){gates, 3});
#endif
    TESTF_MUST_FAIL ("%s: gates in another order are caught", what) rnn_control(gates);
    TESTF ("%s: what is behind the end of a sequence is not used", what) {
        rnn_padding(gates, 0);
        rnn_padding(gates, 1);
    }
    TESTF ("%s has PyTorch's names, shapes and initial values", what) {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_rnn, {gates, 50, 2, 1}, 0};
        gan_model *m = one_forward(ctx, &q, 3, (int[]){1, 2, 7});
        double most = 0, square = 0;
        gan_tensor *w;
        size_t k;
        shape_of(m, "rnn.weight_ih_l0", 2, gates * 50, 7);
        shape_of(m, "rnn.weight_hh_l0", 2, gates * 50, 50);
        shape_of(m, "rnn.bias_ih_l0", 1, gates * 50);
        shape_of(m, "rnn.bias_hh_l0", 1, gates * 50);
        shape_of(m, "rnn.weight_ih_l1_reverse", 2, gates * 50, 100);
        shape_of(m, "rnn.bias_hh_l1_reverse", 1, gates * 50);
        CHECK(gan_model_count(m) == 16, "%d parameters", gan_model_count(m));
        CHECK_TEXT(gan_model_name(m, 1), "rnn.weight_hh_l0");
        CHECK_TEXT(gan_model_name(m, 2), "rnn.bias_ih_l0");
        w = gan_model_find(m, "rnn.weight_hh_l0");
        for (k = 0; k < gan_numel(w); ++k) {
            const double v = (double)gan_data(w)[k];
            if (fabs(v) > most) most = fabs(v);
            square += v * v / (double)gan_numel(w);
        }
        CHECK(most <= 1 / sqrt(50.) && most > .99 / sqrt(50.), "the largest is %g", most);
        CHECK_NEAR(square * 150, 1, .06, "variance of U(-1/sqrt(H), 1/sqrt(H))");
        gan_destroy(ctx);
    }
}

static void test_gru(void)
{
    rnn_samples("gru", 3);
    TEST ("gru step by step, the state handed on, is gru of the whole sequence") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", rnn_steps, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 7, 2), *a = gan_forward(m, x, NULL),
                   *b = gan_forward(m, x, gan_zeros(ctx, 1));
        CHECK_NEAR(gan_item(gan_amax(gan_reshape(gan_abs(gan_sub(a, b)), -1), 0, 0)), 0, TOL, "difference");
        CHECK(!gan_error(ctx) && gan_dim(b, 1) == 7, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("gru: a description, a state or lengths that do not fit are errors by the layer's name") {
        static const struct {
            int i[4];
            gan_real length;
            int lengths;
            const char *text;
        } wrong[] = {
            {{0, 0, 0, 0}, 0, 0, "hidden 0"},       {{-3, 0, 0, 0}, 0, 0, "hidden -3"},
            {{3, 100, 0, 0}, 0, 0, "layers 100"},   {{3, -1, 0, 0}, 0, 0, "layers -1"},
            {{3, 0, 4, 0}, 0, 0, "state h"},        {{3, 0, 0, 1}, 0, 0, "desc is NULL"},
            {{3, 0, 0, 0}, 6, 1, "length 6"},       {{3, 0, 0, 0}, -1, 1, "length -1"},
            {{3, 0, 0, 0}, (gan_real).5, 1, "0.5"}, {{3, 0, 0, 0}, (gan_real)NAN, 1, "not a whole number"},
            {{3, 0, 0, 0}, 2, 2, "want (1)"},
        };
        for (size_t k = 0; k < COUNT(wrong); ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", rnn_wrong, (void *)(uintptr_t)(const void *)wrong[k].i);
            (void)gan_forward(m, gan_zeros(ctx, 1, 5, 2),
                              wrong[k].lengths ? gan_full(ctx, wrong[k].length, wrong[k].lengths) : NULL);
            CHECK_TEXT(gan_error_message(ctx), wrong[k].text);
            CHECK_TEXT(gan_error_message(ctx), "m.rnn");
            gan_destroy(ctx);
        }
    }
    TEST ("gru's steady state makes no heap call; parametrized weights have PyTorch's names") {
        gan_context *ctx = gan_create(NULL);
        plan q = {make_rnn, {3, 8, 2, 1, 0, 1}, 0};
        gan_model *m = gan_model_create(ctx, "m", model_forward, &q);
        gan_tensor *x = gan_keep(ctx, "x", gan_rand_normal(ctx, 3, 5, 4));
        uint64_t calls = 0;
        int k;
        gan_model_parametrize(m, "rnn.weight_hh_l0", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        for (k = 0; k < 6; ++k) {
            gan_scope_open(ctx);
            (void)gan_grad(gan_sum_all(gan_forward(m, x, NULL)), gan_model_tensor(m, 0), 0);
            gan_scope_close(ctx);
            if (k == 2) calls = gan_memory(ctx).heap_calls;
        }
        CHECK(gan_memory(ctx).heap_calls == calls, "%d more", (int)(gan_memory(ctx).heap_calls - calls));
        CHECK(gan_model_find(m, "rnn.parametrizations.weight_hh_l0.original") != NULL, "%s",
              gan_error_message(ctx));
        gan_destroy(ctx);
    }
}
static void test_lstm(void) { rnn_samples("lstm", 4); }

// Files as PyTorch's state_dict names them: a GRU of H 1, a convolution with bias=False.
static gan_tensor *gru_of_file(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    const gan_rnn_desc d = {1, 0, 0, 0, NULL};
    return (void)label, gan_gru(m, "rnn", x, NULL, &d);
}
static gan_tensor *conv_of_file(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = d.kernel[0] = 1;
    d.no_bias = label == NULL;
    return gan_conv2d_ex(m, "conv", x, &d);
}
static int load_floats(gan_model *m, const char *json, const float *v, size_t n)
{
    static unsigned char file[1024];
    const size_t length = strlen(json);
    memset(file, 0, sizeof file);
    file[0] = (unsigned char)(length & 255);
    file[1] = (unsigned char)(length >> 8);
    memcpy(file + 8, json, length);
    memcpy(file + 8 + length, v, n * sizeof *v);
    return gan_model_load_memory(m, file, 8 + length + n * sizeof *v, 0);
}
static void files_of_pytorch(void)
{
    static const char gru[] =
        "{\"rnn.bias_hh_l0\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
        "\"rnn.bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[12,24]},"
        "\"rnn.weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[24,36]},"
        "\"rnn.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[3,1],\"data_offsets\":[36,48]}}";
    static const char conv[] =
        "{\"conv.weight\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1],\"data_offsets\":[0,4]}}";
    static const float v[12] = {.5f, -.25f, .75f, 1, .25f, -1, .125f, 2, -.5f, 1.5f, -.75f, .25f};
    TEST ("gru of a file with PyTorch's names: r, z, n, bias_hh of n within r") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", gru_of_file, NULL);
        gan_tensor *y;
        double h = 0;
        int t;
        CHECK(!load_floats(m, gru, v, 12), "%s", gan_error_message(ctx));
        y = gan_forward(m, gan_full(ctx, 2, 1, 3, 1), NULL);
        for (t = 0; t < 3; ++t) {
            const double r = rnn_sigmoid(1.5 * 2 + 1 + .125 * h + .5);
            const double z = rnn_sigmoid(-.75 * 2 + .25 + 2 * h - .25);
            h = (1 - z) * tanh(.25 * 2 - 1 + r * (-.5 * h + .75)) + z * h;
            CHECK_NEAR(gan_data(y)[t], h, TOL, "a step");
        }
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("conv2d without a bias loads a file without one; with a bias that is an error") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", conv_of_file, NULL);
        CHECK(!load_floats(m, conv, v, 1), "%s", gan_error_message(ctx));
        CHECK_NEAR(gan_item(gan_forward(m, gan_full(ctx, 3, 1, 1, 1, 1), NULL)), 1.5, TOL, "w x");
        CHECK(gan_model_count(m) == 1 && !gan_error(ctx), "%s", gan_error_message(ctx));
        (void)gan_forward(m, gan_full(ctx, 3, 1, 1, 1, 1), gan_zeros(ctx, 1));
        CHECK(gan_error(ctx) == GAN_ERROR_NAME, "error %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} layers[] = {
#define ROW(id, name) {#name, test_##name},
    GAN__LAYERS(ROW)
#undef ROW
};

// Six layers; what the second made is handed out.
static gan_tensor *handed_out;

static gan_tensor *six(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    char name[8];
    int i;
    (void)label;
    for (i = 0; i < 6; ++i) {
        snprintf(name, sizeof name, "fc%d", i);
        x = gan_tanh(gan_linear(m, name, x, 64));
        if (i == 1) handed_out = x;
    }
    return gan_reshape(x, -1, 8, 8);
}

static gan_tensor *summary_net(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    x = gan_batch_norm(m, "bn", gan_linear(m, "fc1", x, 4));
    (void)gan_param(m, "a_name_that_is_longer_than_its_column", gan_init_zeros(), 1, 2, 3, 4, 5, 6, 7, 8);
    (void)gan_param(m, "wide", gan_init_zeros(), 1, 1, 1, 1, 1, 1, 1000, 1);
    return gan_linear(m, "fc2", x, 250);
}

static void summary_is(const gan_model *m, const char *want)
{
    char text[2048];
    const int n = gan_model_summary(m, text, sizeof text);
    CHECK(!strcmp(text, want) && n == (int)strlen(want), "%d characters:\n%s", n, text);
}

static void summaries(void)
{
    const int bytes = (int)sizeof(gan_real);
    TEST ("a summary has each parameter and buffer, and the sums, in lines of at most 79 columns") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "critic", summary_net, NULL);
        char want[2048], text[2048], *line;
        int n, k;
        gan_model_freeze(m, "fc1", 1);
        snprintf(want, sizeof want,
                 "critic                          shape                          count  trainable\n"
                 "parameters                 0 numbers                0 bytes\n"
                 "buffers                    0 numbers                0 bytes\n"
                 "together                   0 numbers                0 bytes");
        summary_is(m, want);
        (void)gan_forward(m, gan_zeros(ctx, 5, 3), NULL);
        // 4 x 3 + 4, twice 4, twice 4 and 1 in buffers, 8!, 1000, 250 x 4 + 250
        snprintf(want, sizeof want,
                 "critic                          shape                          count  trainable\n"
                 "fc1.weight                      (4, 3)                            12  frozen\n"
                 "fc1.bias                        (4)                                4  frozen\n"
                 "bn.weight                       (4)                                4  yes\n"
                 "bn.bias                         (4)                                4  yes\n"
                 "bn.running_mean                 (4)                                4  no\n"
                 "bn.running_var                  (4)                                4  no\n"
                 "...t_is_longer_than_its_column  (1, 2, 3, 4, 5, 6, 7, 8)       40320  yes\n"
                 "wide                            (1, 1, 1, 1, 1, 1, 10...        1000  yes\n"
                 "fc2.weight                      (250, 4)                        1000  yes\n"
                 "fc2.bias                        (250)                            250  yes\n"
                 "parameters             42594 numbers %16d bytes\n"
                 "  frozen                  16 numbers %16d bytes\n"
                 "buffers                    8 numbers %16d bytes\n"
                 "together               42602 numbers %16d bytes",
                 42594 * bytes, 16 * bytes, 8 * bytes, 42602 * bytes);
        summary_is(m, want);
        n = gan_model_summary(m, text, sizeof text);
        for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            CHECK(strlen(line) <= 79, "%d columns: %s", (int)strlen(line), line);
        for (k = 1; k < n + 3; k += 37) {
            memset(text, '#', sizeof text);
            CHECK(gan_model_summary(m, text, (size_t)k) == n, "length at size %d", k);
            CHECK((int)strlen(text) == (k <= n ? k - 1 : n) && !strncmp(text, want, strlen(text)), "size %d",
                  k);
        }
        CHECK(gan_model_summary(m, NULL, 0) == n, "no space at all");
        summary_is(NULL, "");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("another summary is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "critic", summary_net, NULL);
        char text[2048], other[2048];
        (void)gan_forward(m, gan_zeros(ctx, 5, 3), NULL);
        gan_model_summary(m, text, sizeof text);
        gan_model_freeze(m, "fc2.bias", 1);
        gan_model_summary(m, other, sizeof other);
        summary_is(m, text);
        gan_destroy(ctx);
    }
}

static void unrecorded(void)
{
    enum { ROWS = 256 };
    const size_t tensor = (size_t)ROWS * 64 * sizeof(gan_real);
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", six, NULL);
    gan_tensor *x = gan_rand_normal(ctx, ROWS, 64), *a, *b;
    size_t before, used;
    (void)gan_forward(m, x, NULL);
    TEST ("with recording off gan_forward leaves its result alone, of the same bits, and what was there") {
        a = gan_forward(m, x, NULL);
        before = gan_memory(ctx).current;
        (void)gan_record(ctx, 0);
        b = gan_forward(m, x, NULL);
        (void)gan_record(ctx, 1);
        used = gan_memory(ctx).current - before;
        CHECK(used >= tensor && used < 2 * tensor, "%lu bytes; a tensor has %lu", (unsigned long)used,
              (unsigned long)tensor);
        CHECK(gan_ndim(b) == 3, "%d dimensions", gan_ndim(b));
        CHECK_BYTES(gan_data(a), gan_data(b), tensor, "the result");
        CHECK_NEAR(gan_item(gan_sum_all(gan_sub(gan_mul_scalar(x, 2), gan_add(x, x)))), 0, 0, "the input");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_data(handed_out) == NULL && gan_error(ctx) == GAN_ERROR_STATE, "code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "gan_keep");
        gan_error_clear(ctx);
    }
    TEST_MUST_FAIL ("with recording on all are left") {
        before = gan_memory(ctx).current;
        (void)gan_forward(m, x, NULL);
        CHECK(gan_memory(ctx).current - before < 2 * tensor, "all of them");
    }
    gan_destroy(ctx);
}

// A layer and an activation at once, made in one pass; or with a look at what is between them.
static gan_tensor *between;

static gan_tensor *activated(gan_model *m, gan_tensor *x, const int *i)
{
    gan_tensor *h = i[0] == 0   ? gan_linear(m, "l", x, 24)
                    : i[0] == 1 ? gan_linear_no_bias(m, "l", x, 7)
                    : i[0] == 2 ? gan_conv2d(m, "l", x, 5, 3, 1, 1)
                    : i[0] == 3 ? gan_conv_transpose2d(m, "l", x, 3, 4, 2, 1)
                    : i[0] == 4 ? gan_batch_norm(m, "l", x)
                                : gan_layer_norm(m, "l", x);
    between = h;
    if (i[2]) (void)gan_data(h);
    h = i[1] == 0   ? gan_relu(h)
        : i[1] == 1 ? gan_leaky_relu(h, (gan_real).2)
        : i[1] == 2 ? gan_leaky_relu(h, (gan_real)-.2)
        : i[1] == 3 ? gan_tanh(h)
        : i[1] == 4 ? gan_sigmoid(h)
                    : gan_elu(h, 1);
    return h;
}

// The same layer in a scope and as the last call.
static gan_tensor *waits(gan_model *m, gan_tensor *x, const int *i)
{
    gan_context *ctx = gan_model_context(m);
    (void)i;
    between = gan_linear(m, "l", x, 3);
    gan_scope_open(ctx);
    (void)gan_linear(m, "l", x, 3);
    gan_scope_close(ctx);
    return gan_linear(m, "l", x, 3);
}

enum { FUSED_MOST = 4096 };
typedef struct fused {
    size_t n, used;
    gan_real y[FUSED_MOST], h[FUSED_MOST], dx[FUSED_MOST], dw[FUSED_MOST];
} fused;

static void fused_run(int layer, int act, int look, fused *f)
{
    static const int dim[] = {3, 4, 6, 8};
    plan p = {activated, {0}, 0};
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", model_forward, &p);
    gan_tensor *x = layer == 4 ? gan_rand_normal(ctx, 24, 8) : gan_zeros_n(ctx, 4, dim), *y, *in[2], *d[2],
               *h;
    size_t k;
    check_seed(1);
    for (k = 0; k < gan_numel(x); ++k) gan_data(x)[k] = (gan_real)check_uniform(-1, 1);
    p.i[0] = layer;
    p.i[1] = act;
    p.i[2] = look;
    (void)gan_forward(m, x, NULL);
    scramble(m);
    f->used = gan_memory(ctx).current;
    y = gan_forward(m, x, NULL);
    f->used = gan_memory(ctx).current - f->used;
    h = between;
    in[0] = x;
    in[1] = gan_model_find(m, "l.weight");
    CHECK(!gan_grads(gan_sum_all(gan_square(y)), 2, in, d, 0), "%s", gan_error_message(ctx));
    f->n = gan_numel(y);
    memcpy(f->y, gan_data(y), f->n * sizeof(gan_real));
    memcpy(f->dx, gan_data(d[0]), gan_numel(x) * sizeof(gan_real));
    memcpy(f->dw, gan_data(d[1]), gan_numel(d[1]) * sizeof(gan_real));
    gan_scope_open(ctx);
    memcpy(f->h, gan_data(h), f->n * sizeof(gan_real));
    gan_scope_close(ctx);
    (void)gan_exp(gan_rand_normal(ctx, FUSED_MOST)); // over what was given back
    for (k = 0; k < 2; ++k) CHECK_BYTES(gan_data(h), f->h, f->n * sizeof(gan_real), "h, again");
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static void fusion(void)
{
    static const char *const layer[] = {"linear",           "linear_no_bias", "conv2d",
                                        "conv_transpose2d", "batch_norm",     "layer_norm"};
    static const char *const act[] = {"relu", "leaky_relu", "leaky_relu of slope -.2",
                                      "tanh", "sigmoid",    "elu"};
    static fused a, b;
    int i, k;
    for (i = 0; i < (int)COUNT(layer); ++i)
        for (k = 0; k < (int)COUNT(act); ++k)
            TESTF ("%s and %s in one pass: values, gradients and what is between are those of two", layer[i],
                   act[k]) {
                fused_run(i, k, 0, &a);
                fused_run(i, k, 1, &b);
                CHECK_BYTES(a.y, b.y, a.n * sizeof(gan_real), "y");
                CHECK_BYTES(a.h, b.h, a.n * sizeof(gan_real), "h");
                CHECK_BYTES(a.dx, b.dx, sizeof a.dx, "dx");
                CHECK_BYTES(a.dw, b.dw, sizeof a.dw, "dw");
                if (k != 2 && k != 5)
                    CHECK(a.used + a.n * sizeof(gan_real) <= b.used, "%lu bytes, in two passes %lu",
                          (unsigned long)a.used, (unsigned long)b.used);
            }
    TEST_MUST_FAIL ("elu does not look at its result alone: no memory is saved") {
        fused_run(0, 5, 0, &a);
        fused_run(0, 5, 1, &b);
        CHECK(a.used < b.used, "as much");
    }
    TEST_MUST_FAIL ("tanh is not sigmoid") {
        fused_run(0, 3, 0, &a);
        fused_run(0, 4, 0, &b);
        CHECK_BYTES(a.y, b.y, a.n * sizeof(gan_real), "y");
    }
    TEST ("what was not stored cannot be made again once weights have changed: an error that says so") {
        plan p = {activated, {0}, 0};
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", model_forward, &p);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_tensor *y;
        gan_scope_open(ctx);
        y = gan_forward(m, gan_rand_normal(ctx, 4, 8), NULL);
        (void)gan_minimize(o, gan_mean_all(gan_square(y)));
        CHECK(gan_data(y) != NULL && gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_ndim(between) == 2 && gan_dim(between, 1) == 24, "its shape");
        CHECK(gan_data(between) == NULL && gan_error(ctx) == GAN_ERROR_STATE, "code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "linear");
        gan_error_clear(ctx);
        gan_scope_close(ctx);
        gan_destroy(ctx);
    }
    TEST ("what was looked at before the update stays") {
        plan p = {activated, {0}, 0};
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", model_forward, &p);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_tensor *y;
        gan_scope_open(ctx);
        y = gan_forward(m, gan_rand_normal(ctx, 4, 8), NULL);
        CHECK(gan_data(between) != NULL, "%s", gan_error_message(ctx));
        (void)gan_minimize(o, gan_mean_all(gan_square(y)));
        CHECK(gan_data(between) != NULL && gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_scope_close(ctx);
        gan_destroy(ctx);
    }
    TEST ("a result that waits is made when the model returns, and when a scope opens or closes") {
        plan p = {activated, {0}, 0};
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", model_forward, &p);
        gan_tensor *x = gan_rand_normal(ctx, 4, 8), *y, *w;
        gan_real was;
        p.make = waits;
        y = gan_forward(m, x, NULL);
        w = gan_model_find(m, "l.weight");
        was = gan_item(y);
        CHECK(was == gan_item(between), "the first layer");
        y = gan_forward(m, x, NULL);
        gan_data(w)[0] += 1; // too late for y
        CHECK(gan_item(y) == was, "%g, was %g", (double)gan_item(y), (double)was);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

// ---- parametrized weights

static gan_tensor *make_weighted_linear(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_linear(m, "fc", x, i[0]);
}
static gan_tensor *make_weighted_conv(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_conv2d(m, "fc", x, i[0], 3, 2, 1);
}
static gan_tensor *make_weighted_up(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_conv_transpose2d(m, "fc", x, i[0], 4, 2, 1);
}
static gan_tensor *make_weighted_embedding(gan_model *m, gan_tensor *x, const int *i)
{
    return gan_embedding(m, "fc", x, 6, i[0]);
}

// Each way to a weight: its layer, an input, the shape of W, the axis of its outputs.
static const struct weighted {
    const char *what;
    build *make;
    int out, ndim, dims[4], wdims[4], wndim, axis;
    double fan_in;
} weighted[] = {
    {"linear", make_weighted_linear, 4, 2, {3, 5}, {4, 5}, 2, 0, 5},
    {"conv2d", make_weighted_conv, 4, 4, {2, 3, 5, 5}, {4, 3, 3, 3}, 4, 0, 27},
    {"conv_transpose2d", make_weighted_up, 4, 4, {2, 3, 3, 3}, {3, 4, 4, 4}, 4, 1, 48},
    {"embedding", make_weighted_embedding, 4, 1, {3}, {6, 4}, 2, 0, 1},
};

typedef struct weight_run {
    gan_context *ctx;
    gan_model *m;
    gan_tensor *x;
    plan q;
} weight_run;

// Call it with a plan that outlives the run.
static void weight_begin(weight_run *r, const struct weighted *w, gan_parametrization kind, gan_real gain,
                         gan_real lr)
{
    memset(r, 0, sizeof *r);
    r->ctx = gan_create(NULL);
    r->q.make = w->make, r->q.i[0] = w->out;
    r->m = gan_model_create(r->ctx, "m", model_forward, &r->q);
    gan_model_parametrize(r->m, NULL, kind, gain, lr);
    check_seed(5);
    r->x = gan_zeros_n(r->ctx, w->ndim, w->dims);
    for (size_t k = 0; k < gan_numel(r->x); ++k)
        gan_data(r->x)[k] = (gan_real)(w->ndim == 1 ? (double)k : check_uniform(-1, 1));
}

// The layer's output without any parametrization, with this weight (and the model's own bias).
static gan_tensor *plain_output(weight_run *r, const struct weighted *w, const double *weight,
                                double bias_scale)
{
    gan_tensor *t = gan_zeros_n(r->ctx, w->wndim, w->wdims), *b = gan_model_find(r->m, "fc.bias");
    gan_conv2d_desc d;
    for (size_t k = 0; k < gan_numel(t); ++k) gan_data(t)[k] = (gan_real)weight[k];
    if (b) b = gan_mul_scalar(b, (gan_real)bias_scale);
    memset(&d, 0, sizeof d);
    d.stride[0] = 2, d.padding_h = d.padding_w = 1;
    if (w->ndim == 1) return gan_take(t, r->x);
    if (w->wndim == 2) return gan_f_linear(r->x, t, b);
    return w->axis ? gan_f_conv_transpose2d(r->x, t, b, &d) : gan_f_conv2d(r->x, t, b, &d);
}

static void check_output(weight_run *r, const struct weighted *w, const double *weight, double bias_scale)
{
    gan_tensor *y = gan_forward(r->m, r->x, NULL), *want = plain_output(r, w, weight, bias_scale);
    CHECK(gan_error(r->ctx) == 0, "%s", gan_error_message(r->ctx));
    if (!gan_error(r->ctx))
        CHECK_ARRAY(gan_numel(want), gan_data(y), gan_data(want), TOL * 10, TOL * 10, "the layer's output");
}

// Entry (row, column) of a weight as a matrix whose rows are the outputs, and back.
static size_t weight_at(const struct weighted *w, int row, int column)
{
    int inner = 1, i;
    if (!w->axis) {
        for (i = 1; i < w->wndim; ++i) inner *= w->wdims[i];
        return (size_t)(row * inner + column);
    }
    for (i = 2; i < w->wndim; ++i) inner *= w->wdims[i];
    return (size_t)((column / inner * w->wdims[1] + row) * inner + column % inner);
}

enum { MOST_ROWS = 8, MOST_COLUMNS = 64 };

static int weight_matrix(const struct weighted *w, gan_tensor *t, double mat[MOST_ROWS][MOST_COLUMNS],
                         int *rows)
{
    const int columns = (int)gan_numel(t) / w->wdims[w->axis];
    *rows = w->wdims[w->axis];
    for (int i = 0; i < *rows; ++i)
        for (int j = 0; j < columns; ++j) mat[i][j] = (double)gan_data(t)[weight_at(w, i, j)];
    return columns;
}

// The largest singular value: Jacobi's rotations on W W'.
static double largest_singular(double mat[MOST_ROWS][MOST_COLUMNS], int rows, int columns)
{
    double a[MOST_ROWS][MOST_ROWS], most = 0;
    int i, j, k, p, q, sweep;
    for (i = 0; i < rows; ++i)
        for (j = 0; j < rows; ++j)
            for (a[i][j] = 0, k = 0; k < columns; ++k) a[i][j] += mat[i][k] * mat[j][k];
    for (sweep = 0; sweep < 30; ++sweep)
        for (p = 0; p < rows; ++p)
            for (q = p + 1; q < rows; ++q) {
                const double angle = .5 * atan2(2 * a[p][q], a[q][q] - a[p][p]), c = cos(angle),
                             s = sin(angle);
                for (k = 0; k < rows; ++k) {
                    const double x = a[k][p], y = a[k][q];
                    a[k][p] = c * x - s * y, a[k][q] = s * x + c * y;
                }
                for (k = 0; k < rows; ++k) {
                    const double x = a[p][k], y = a[q][k];
                    a[p][k] = c * x - s * y, a[q][k] = s * x + c * y;
                }
            }
    for (i = 0; i < rows; ++i) most = fmax(most, a[i][i]);
    return sqrt(most);
}

// One power iteration on u and v; returns sigma = u' W v.
static double power_iteration(double mat[MOST_ROWS][MOST_COLUMNS], int rows, int columns, double *u,
                              double *v)
{
    double n = 0, sigma = 0;
    int i, j;
    for (i = 0; i < rows; ++i) {
        for (u[i] = 0, j = 0; j < columns; ++j) u[i] += mat[i][j] * v[j];
        n += u[i] * u[i];
    }
    for (i = 0; i < rows; ++i) u[i] /= sqrt(n);
    for (n = 0, j = 0; j < columns; ++j) {
        for (v[j] = 0, i = 0; i < rows; ++i) v[j] += mat[i][j] * u[i];
        n += v[j] * v[j];
    }
    for (j = 0; j < columns; ++j) v[j] /= sqrt(n);
    for (i = 0; i < rows; ++i)
        for (j = 0; j < columns; ++j) sigma += u[i] * mat[i][j] * v[j];
    return sigma;
}

#ifdef GAN_DOUBLE
static gan_tensor *weight_f(gan_context *ctx, gan_tensor **x, void *user)
{
    weight_run *r = (weight_run *)user;
    (void)ctx;
    return gan_mul(x[0], gan_forward(r->m, r->x, NULL));
}
#endif

// Gradients by input and parameters with u and v held still, orders 1 and 2.
static void weight_gradients(const struct weighted *w, gan_parametrization kind)
{
#ifdef GAN_DOUBLE
    TESTF ("%s of %s: gradients, orders 1 and 2", gan_parametrization_name(kind), w->what) {
        weight_run r;
        gan_tensor *all[16], *y;
        int n = 0, i, dim[GAN_MAX_DIMS];
        weight_begin(&r, w, kind, 0, 2);
        gan_model_mode(r.m, GAN_EVAL);
        y = gan_forward(r.m, r.x, NULL);
        for (i = 0; i < gan_ndim(y); ++i) dim[i] = gan_dim(y, i);
        all[n++] = w->ndim == 1 ? gan_full_n(r.ctx, 1, 0, NULL) : r.x; // an index has no gradient
        all[n++] = gan_zeros_n(r.ctx, gan_ndim(y), dim);
        for (size_t k = 0; k < gan_numel(y); ++k) gan_data(all[1])[k] = (gan_real)check_uniform(-1.5, 1.5);
        for (i = 0; i < gan_model_count(r.m); ++i)
            if (!strstr(gan_model_name(r.m, i), ".0._")) all[n++] = gan_model_tensor(r.m, i);
        if (w->ndim == 1) {
            check_gradient(r.ctx, weight_f, &r, n - 1, all + 1, 1, w->what);
            check_gradient(r.ctx, weight_f, &r, n - 1, all + 1, 2, w->what);
        } else {
            check_gradient(r.ctx, gradient_f, r.m, n, all, 1, w->what);
            check_gradient(r.ctx, gradient_fg, r.m, n, all, 2, w->what);
        }
        gan_destroy(r.ctx);
    }
#else
    (void)w, (void)kind;
#endif
}

static void parametrization_none(void)
{
    TEST ("none: the parameter itself, under its own name, to the bit") {
        weight_run r, plain;
        gan_tensor *a, *b;
        weight_begin(&r, &weighted[1], GAN_PARAMETRIZATION_NONE, 0, 0);
        weight_begin(&plain, &weighted[1], GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        inside_forget_parametrizations(plain.m);
        a = gan_forward(r.m, r.x, NULL), b = gan_forward(plain.m, plain.x, NULL);
        CHECK(same_bits(a, b) && gan_model_count(r.m) == 2, "%d parameters", gan_model_count(r.m));
        CHECK(gan_model_find(r.m, "fc.weight") != NULL, "fc.weight");
        gan_destroy(r.ctx);
        gan_destroy(plain.ctx);
    }
}

// sigma_wrong: what a wrong implementation would take.
static void spectral_steps(const struct weighted *w, int wrong_axis)
{
    struct weighted read = *w;
    double mat[MOST_ROWS][MOST_COLUMNS], u[MOST_ROWS], v[MOST_COLUMNS], weight[256], sigma;
    weight_run r;
    gan_tensor *t, *tu, *tv;
    int rows, columns, i, step;
    weight_begin(&r, w, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    gan_model_mode(r.m, GAN_EVAL);
    (void)gan_forward(r.m, r.x, NULL);
    t = gan_model_find(r.m, "fc.parametrizations.weight.original");
    tu = gan_model_find(r.m, "fc.parametrizations.weight.0._u");
    tv = gan_model_find(r.m, "fc.parametrizations.weight.0._v");
    CHECK(t && tu && tv && !gan_model_find(r.m, "fc.weight"), "PyTorch's names");
    if (!t || !tu || !tv) return;
    if (wrong_axis) read.axis = 0;
    columns = weight_matrix(&read, t, mat, &rows);
    CHECK((int)gan_numel(tu) == rows && (int)gan_numel(tv) == columns, "u has %d and v %d numbers",
          (int)gan_numel(tu), (int)gan_numel(tv));
    if (wrong_axis) {
        gan_destroy(r.ctx);
        return;
    }
    for (i = 0; i < rows; ++i) gan_data(tu)[i] = (gan_real)(i == 0);
    for (i = 0; i < columns; ++i) v[i] = check_uniform(-1, 1), gan_data(tv)[i] = (gan_real)v[i];
    gan_model_mode(r.m, GAN_TRAIN);
    for (step = 0; step < 3; ++step) { // one iteration a forward, then W / sigma
        sigma = power_iteration(mat, rows, columns, u, v);
        for (size_t k = 0; k < gan_numel(t); ++k) weight[k] = (double)gan_data(t)[k] / sigma;
        check_output(&r, w, weight, 1);
        CHECK_ARRAY(rows, gan_data(tu), u, TOL, TOL, "u");
        CHECK_ARRAY(columns, gan_data(tv), v, TOL, TOL, "v");
    }
    for (step = 0; step < 300; ++step) {
        gan_scope_open(r.ctx);
        (void)gan_forward(r.m, r.x, NULL);
        gan_scope_close(r.ctx);
    }
    sigma = largest_singular(mat, rows, columns);
    for (size_t k = 0; k < gan_numel(t); ++k) weight[k] = (double)gan_data(t)[k] / sigma;
    check_output(&r, w, weight, 1);
    for (i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) mat[i][j] = weight[weight_at(w, i, j)];
    CHECK_NEAR(largest_singular(mat, rows, columns), 1, 1e-10, "the largest singular value of what is used");
    for (i = 0; i < rows; ++i) u[i] = (double)gan_data(tu)[i];
    for (i = 0; i < columns; ++i) v[i] = (double)gan_data(tv)[i];
    gan_model_mode(r.m, GAN_EVAL);
    (void)gan_forward(r.m, r.x, NULL);
    CHECK_ARRAY(rows, gan_data(tu), u, 0, 0, "u in GAN_EVAL");
    CHECK_ARRAY(columns, gan_data(tv), v, 0, 0, "v in GAN_EVAL");
    gan_destroy(r.ctx);
}

// dL/dW = (G - <G, W / sigma> u v') / sigma with G = dL/d(W / sigma); L = sum W x / sigma has G = sum x.
static void spectral_slope(int forget)
{
    const struct weighted *w = &weighted[0];
    weight_run r;
    gan_tensor *t, *g;
    double mat[MOST_ROWS][MOST_COLUMNS], sigma = 0, dot = 0, G[5] = {0};
    const gan_real *u, *v;
    int rows, columns, i, j;
    weight_begin(&r, w, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    gan_model_mode(r.m, GAN_EVAL);
    g = gan_sum_all(gan_forward(r.m, r.x, NULL));
    t = gan_model_find(r.m, "fc.parametrizations.weight.original");
    u = gan_data(gan_model_find(r.m, "fc.parametrizations.weight.0._u"));
    v = gan_data(gan_model_find(r.m, "fc.parametrizations.weight.0._v"));
    g = gan_grad(g, t, 0);
    columns = weight_matrix(w, t, mat, &rows);
    for (i = 0; i < 3; ++i)
        for (j = 0; j < columns; ++j) G[j] += (double)gan_data(r.x)[i * columns + j];
    for (i = 0; i < rows; ++i)
        for (j = 0; j < columns; ++j) sigma += (double)u[i] * mat[i][j] * (double)v[j];
    for (i = 0; i < rows; ++i)
        for (j = 0; j < columns; ++j) dot += G[j] * mat[i][j] / sigma;
    for (i = 0; i < rows; ++i)
        for (j = 0; j < columns; ++j)
            CHECK_NEAR(gan_data(g)[i * columns + j],
                       (G[j] - (forget ? 0 : dot * (double)u[i] * (double)v[j])) / sigma, TOL * 10, "slope");
    gan_destroy(r.ctx);
}

static void parametrization_spectral_norm(void)
{
    size_t i;
    for (i = 0; i < COUNT(weighted); ++i) {
        TESTF ("spectral_norm of %s: an iteration a forward, W / sigma; in the long run sigma is the largest "
               "singular value (Jacobi); GAN_EVAL changes nothing",
               weighted[i].what) {
            spectral_steps(&weighted[i], 0);
        }
        weight_gradients(&weighted[i], GAN_PARAMETRIZATION_SPECTRAL_NORM);
    }
    TEST_MUST_FAIL ("conv_transpose2d with its inputs for outputs is caught") {
        spectral_steps(&weighted[2], 1);
    }
    TEST ("spectral_norm's gradient is (G - <G, W / sigma> u v') / sigma: Miyato 2018, eq. 12") {
        spectral_slope(0);
    }
    TEST_MUST_FAIL ("a sigma without a gradient is caught") { spectral_slope(1); }
    TEST ("spectral_norm starts with 15 iterations: v = W' u / |W' u| at once, sigma near the largest one") {
        weight_run r;
        double mat[MOST_ROWS][MOST_COLUMNS], u[MOST_ROWS], v[MOST_COLUMNS], sigma = 0;
        int rows, columns, k;
        weight_begin(&r, &weighted[1], GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        gan_model_mode(r.m, GAN_EVAL);
        (void)gan_forward(r.m, r.x, NULL);
        columns = weight_matrix(&weighted[1], gan_model_tensor(r.m, 0), mat, &rows);
        for (k = 0; k < rows; ++k) u[k] = (double)gan_data(gan_model_tensor(r.m, 1))[k];
        for (k = 0; k < columns; ++k) v[k] = (double)gan_data(gan_model_tensor(r.m, 2))[k];
        for (k = 0; k < rows * columns; ++k)
            sigma += u[k / columns] * mat[k / columns][k % columns] * v[k % columns];
        CHECK_NEAR(sigma / largest_singular(mat, rows, columns), 1, .03, "sigma");
        CHECK_NEAR(power_iteration(mat, rows, columns, u, v), sigma, .01 * sigma, "one more");
        gan_destroy(r.ctx);
    }
    TEST ("a weight of zeros stays zero, a NaN leaves u and v alone") {
        weight_run r;
        gan_tensor *y, *u;
        gan_real was;
        weight_begin(&r, &weighted[0], GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        gan_model_init(r.m, gan_init_zeros());
        y = gan_forward(r.m, r.x, NULL);
        for (size_t k = 0; k < gan_numel(y); ++k) CHECK_NEAR(gan_data(y)[k], 0, 0, "output");
        u = gan_model_tensor(r.m, 1);
        was = gan_item(u);
        CHECK(isfinite((double)was), "%g", (double)was);
        gan_data(gan_model_tensor(r.m, 0))[0] = (gan_real)NAN;
        (void)gan_forward(r.m, r.x, NULL);
        CHECK(gan_item(u) == was, "%g, was %g", (double)gan_item(u), (double)was);
        gan_destroy(r.ctx);
    }
    TEST ("spectral_norm goes on after gan_save and gan_load to the bit") {
        const char *path = test_path("spectral.safetensors");
        weight_run r[3];
        gan_tensor *y[3];
        int k, step;
        for (k = 0; k < 3; ++k) weight_begin(&r[k], &weighted[1], GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        for (step = 0; step < 5; ++step) (void)gan_forward(r[0].m, r[0].x, NULL);
        for (step = 0; step < 2; ++step) (void)gan_forward(r[1].m, r[1].x, NULL);
        CHECK(gan_save(r[1].ctx, path) == 0 && gan_load(r[2].ctx, path) == 0, "%s",
              gan_error_message(r[2].ctx));
        for (step = 0; step < 3; ++step) (void)gan_forward(r[2].m, r[2].x, NULL);
        for (k = 0; k < 3; ++k) y[k] = gan_forward(r[k].m, r[k].x, NULL);
        CHECK(same_bits(y[0], y[2]), "the outputs differ");
        CHECK(!same_bits(y[0], y[1]), "three iterations make no difference");
        for (k = 0; k < 3; ++k) gan_destroy(r[k].ctx);
    }
}

static void norm_values(int wrong)
{
    for (size_t i = 0; i < COUNT(weighted); ++i) {
        const struct weighted *w = &weighted[i];
        weight_run r;
        gan_tensor *g, *v, *dg, *dv, *y;
        double weight[256], by_g = 0;
        int rows = w->wdims[0], n, k, j;
        weight_begin(&r, w, GAN_PARAMETRIZATION_WEIGHT_NORM, 0, 0);
        (void)gan_forward(r.m, r.x, NULL);
        g = gan_model_find(r.m, "fc.parametrizations.weight.original0");
        v = gan_model_find(r.m, "fc.parametrizations.weight.original1");
        CHECK(g && v && gan_ndim(g) == w->wndim && (int)gan_numel(g) == rows, "PyTorch's names and shapes");
        if (!g || !v) return;
        n = (int)gan_numel(v) / rows;
        for (k = 0; k < rows * n; ++k) weight[k] = (double)gan_data(v)[k];
        check_output(&r, w, weight, 1); // at first g = |v|
        scramble(r.m);
        for (k = 0; k < rows; ++k) {
            double s = 0;
            for (j = 0; j < n; ++j) s += pow((double)gan_data(v)[k * n + j], 2);
            for (j = 0; j < n; ++j)
                weight[k * n + j] =
                    (double)gan_data(g)[k] * (double)gan_data(v)[k * n + j] / (wrong ? s : sqrt(s));
        }
        check_output(&r, w, weight, 1);
        y = gan_sum_all(gan_square(gan_forward(r.m, r.x, NULL)));
        dg = gan_grad(y, g, 0), dv = gan_grad(y, v, 0);
        for (j = 0; j < n; ++j) by_g += (double)gan_data(dv)[j] * (double)gan_data(v)[j];
        CHECK_NEAR(by_g, 0, TOL * 1000, "V's gradient is orthogonal to V (Salimans and Kingma 2016, eq. 3)");
        CHECK(isfinite((double)gan_item(dg)), "by g");
        gan_destroy(r.ctx);
    }
}

static void parametrization_weight_norm(void)
{
    for (size_t i = 0; i < COUNT(weighted); ++i)
        weight_gradients(&weighted[i], GAN_PARAMETRIZATION_WEIGHT_NORM);
    TEST ("weight_norm is g V / |V|, a norm for each index of dimension 0; at first g = |V|") {
        norm_values(0);
    }
    TEST_MUST_FAIL ("a norm without its root is caught") { norm_values(1); }
    TEST ("weight_norm of zeros makes no NaN") {
        weight_run r;
        gan_tensor *y;
        weight_begin(&r, &weighted[0], GAN_PARAMETRIZATION_WEIGHT_NORM, 0, 0);
        gan_model_init(r.m, gan_init_zeros());
        y = gan_forward(r.m, r.x, NULL);
        CHECK_NEAR(gan_item(y), 0, 0, "output");
        y = gan_grad(gan_sum_all(y), gan_model_tensor(r.m, 0), 0);
        CHECK(isfinite((double)gan_item(y)), "gradient %g", (double)gan_item(y));
        gan_destroy(r.ctx);
    }
}

static void equalized_values(double gain, double lr, double fan_scale)
{
    for (size_t i = 0; i < COUNT(weighted); ++i) {
        const struct weighted *w = &weighted[i];
        weight_run r;
        gan_tensor *t, *b;
        double weight[256];
        weight_begin(&r, w, GAN_PARAMETRIZATION_EQUALIZED_LR, (gan_real)gain, (gan_real)lr);
        (void)gan_forward(r.m, r.x, NULL);
        t = gan_model_find(r.m, "fc.weight"), b = gan_model_find(r.m, "fc.bias");
        CHECK(t != NULL, "fc.weight");
        if (!t) return;
        for (size_t k = 0; b && k < gan_numel(b); ++k) {
            CHECK_NEAR(gan_data(b)[k], 0, 0, "the bias at first");
            gan_data(b)[k] = (gan_real)check_uniform(-1, 1);
        }
        for (size_t k = 0; k < gan_numel(t); ++k)
            weight[k] = (double)gan_data(t)[k] * (gain > 0 ? gain : sqrt(2.)) * (lr > 0 ? lr : 1) /
                        sqrt(w->fan_in * fan_scale);
        check_output(&r, w, weight, lr > 0 ? lr : 1);
        gan_destroy(r.ctx);
    }
}

static void parametrization_equalized_lr(void)
{
    for (size_t i = 0; i < COUNT(weighted); ++i)
        weight_gradients(&weighted[i], GAN_PARAMETRIZATION_EQUALIZED_LR);
    TEST ("equalized_lr is gain lr / sqrt(fan_in) W, biases lr b from 0; gain sqrt(2), lr 1") {
        equalized_values(0, 0, 1);
    }
    TEST ("equalized_lr with gain 1 and StyleGAN's lr .01") { equalized_values(1, .01, 1); }
    TEST_MUST_FAIL ("another fan_in is caught") { equalized_values(0, 0, 2); }
    for (int mapping = 0; mapping < 2; ++mapping)
        TESTF ("equalized_lr draws W from N(0, 1 / lr^2), whatever the model's initializer, lr %g",
               mapping ? .01 : 1.) {
            gan_context *ctx = gan_create(NULL);
            plan q;
            gan_model *m;
            memset(&q, 0, sizeof q);
            q.make = make_weighted_linear, q.i[0] = 100;
            m = gan_model_create(ctx, "m", model_forward, &q);
            gan_model_init(m, gan_init_normal(5, (gan_real).02));
            gan_model_parametrize(m, NULL, GAN_PARAMETRIZATION_EQUALIZED_LR, 0, mapping ? (gan_real).01 : 0);
            (void)gan_forward(m, gan_zeros(ctx, 1, 100), NULL);
            is_normal(gan_model_find(m, "fc.weight"), 0, mapping ? 100 : 1);
            gan_destroy(ctx);
        }
    TEST ("equalized_lr leaves zeros zero") {
        weight_run r;
        weight_begin(&r, &weighted[0], GAN_PARAMETRIZATION_EQUALIZED_LR, 0, 0);
        gan_model_init(r.m, gan_init_zeros());
        (void)gan_forward(r.m, r.x, NULL);
        is_all(gan_model_find(r.m, "fc.weight"), 0);
        gan_destroy(r.ctx);
    }
}

static gan_tensor *many_weights(gan_model *m, gan_tensor *x, const int *i)
{
    gan_tensor *own = gan_weight(m, "own", gan_init_default(), 4, 4), *style, *v;
    (void)i;
    style = gan_weight(m, "style.kernel", gan_init_default(), 4, 4);
    v = gan_weight(m, "v", gan_init_normal(0, 1), 4);
    x = gan_batch_norm(m, "n", gan_linear(m, "block.a", gan_linear(m, "block.b", x, 4), 4));
    return gan_mul(v, gan_f_linear(gan_f_linear(x, own, NULL), style, NULL));
}

static void weights_of_ones_own(void)
{
    TEST ("gan_weight takes the parametrization too, with PyTorch's names; gains of norms and biases are "
          "left alone") {
        gan_context *ctx = gan_create(NULL);
        plan q;
        gan_model *m;
        gan_tensor *x = gan_rand_normal(ctx, 5, 4);
        static const char *const names[] = {"parametrizations.own.original",
                                            "parametrizations.own.0._u",
                                            "style.parametrizations.kernel.original",
                                            "style.parametrizations.kernel.0._v",
                                            "parametrizations.v.original",
                                            "block.b.parametrizations.weight.original",
                                            "block.b.bias",
                                            "n.weight",
                                            "n.bias"};
        memset(&q, 0, sizeof q);
        q.make = many_weights;
        m = gan_model_create(ctx, "m", model_forward, &q);
        gan_model_parametrize(m, NULL, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        gan_model_parametrize(m, "block.a", GAN_PARAMETRIZATION_NONE, 0, 0);
        (void)gan_forward(m, x, NULL);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        for (size_t k = 0; k < COUNT(names); ++k) CHECK(gan_model_find(m, names[k]) != NULL, "%s", names[k]);
        CHECK(gan_model_find(m, "block.a.weight") != NULL, "the exception");
        gan_destroy(ctx);
    }
    TEST ("a vector is divided by its norm; without a parametrization gan_weight is gan_param to the bit") {
        gan_context *ctx = gan_create(NULL);
        plan q;
        gan_model *m, *plain;
        gan_tensor *w, *v;
        double s = 0;
        int k;
        memset(&q, 0, sizeof q);
        q.make = many_weights;
        m = gan_model_create(ctx, "m", model_forward, &q),
        plain = gan_model_create(ctx, "p", model_forward, &q);
        gan_model_parametrize(m, NULL, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        w = gan_weight(m, "v", gan_init_normal(0, 1), 4);
        v = gan_model_find(m, "parametrizations.v.original");
        for (k = 0; k < 4; ++k) s += pow((double)gan_data(v)[k], 2);
        for (k = 0; k < 4; ++k) CHECK_NEAR(gan_data(w)[k], (double)gan_data(v)[k] / sqrt(s), TOL, "v / |v|");
        w = gan_weight(plain, "v", gan_init_normal(0, 1), 4);
        CHECK(w == gan_param(plain, "v", gan_init_normal(0, 1), 4), "another tensor");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("the last word counts for weights that are yet to come; for one that is there it is an error") {
        static const struct {
            const char *prefix[3];
            gan_parametrization kind[3];
            const char *name;
        } words[] = {
            {{NULL, "fc", NULL}, {GAN_PARAMETRIZATION_SPECTRAL_NORM, GAN_PARAMETRIZATION_NONE}, "fc.weight"},
            {{"fc", NULL, NULL},
             {GAN_PARAMETRIZATION_NONE, GAN_PARAMETRIZATION_SPECTRAL_NORM},
             "fc.parametrizations.weight.original"},
            {{"fc.weight", "f", "fc.weight.x"},
             {GAN_PARAMETRIZATION_WEIGHT_NORM, GAN_PARAMETRIZATION_NONE, GAN_PARAMETRIZATION_NONE},
             "fc.parametrizations.weight.original1"},
            {{"fc.bias", "fc.b", "b"},
             {GAN_PARAMETRIZATION_SPECTRAL_NORM, GAN_PARAMETRIZATION_SPECTRAL_NORM},
             "fc.weight"},
        };
        for (size_t k = 0; k < COUNT(words); ++k) {
            weight_run r;
            memset(&r, 0, sizeof r);
            r.ctx = gan_create(NULL);
            r.q.make = make_weighted_linear, r.q.i[0] = 4;
            r.m = gan_model_create(r.ctx, "m", model_forward, &r.q);
            for (int j = 0; j < (k == 2 ? 3 : 2); ++j)
                gan_model_parametrize(r.m, words[k].prefix[j], words[k].kind[j], 0, 0);
            (void)gan_forward(r.m, gan_zeros(r.ctx, 1, 3), NULL);
            CHECK(gan_model_find(r.m, words[k].name) != NULL, "%s", words[k].name);
            gan_model_parametrize(r.m, "other", GAN_PARAMETRIZATION_EQUALIZED_LR, 0, 0);
            CHECK(gan_error(r.ctx) == 0, "%s", gan_error_message(r.ctx));
            gan_model_parametrize(r.m, NULL, GAN_PARAMETRIZATION_EQUALIZED_LR, 0, 0);
            CHECK(gan_error(r.ctx) == GAN_ERROR_STATE, "%d", gan_error(r.ctx));
            CHECK_TEXT(gan_error_message(r.ctx), "m.fc.weight");
            gan_destroy(r.ctx);
        }
    }
    TEST ("bad parametrizations are errors, NULL is tolerated, names have a limit") {
        weight_run r;
        char name[140];
        weight_begin(&r, &weighted[0], GAN_PARAMETRIZATION_NONE, 0, 0);
        gan_model_parametrize(NULL, NULL, GAN_PARAMETRIZATION_NONE, 0, 0);
        CHECK(gan_weight(NULL, "w", gan_init_zeros(), 3) == NULL, "no model");
        CHECK(gan_error(r.ctx) == 0, "%s", gan_error_message(r.ctx));
        gan_model_parametrize(r.m, NULL, (gan_parametrization)9, 0, 0);
        CHECK(gan_error(r.ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(r.ctx));
        gan_error_clear(r.ctx);
        gan_model_parametrize(r.m, NULL, GAN_PARAMETRIZATION_EQUALIZED_LR, (gan_real)NAN, 0);
        CHECK(gan_error(r.ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(r.ctx));
        gan_error_clear(r.ctx);
        gan_model_parametrize(r.m, NULL, GAN_PARAMETRIZATION_EQUALIZED_LR, 0, -1);
        CHECK(gan_error(r.ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(r.ctx));
        gan_error_clear(r.ctx);
        gan_model_parametrize(r.m, NULL, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        CHECK(gan_data(gan_weight(r.m, NULL, gan_init_zeros(), 3)) == NULL, "no name");
        CHECK(gan_error(r.ctx) == GAN_ERROR_NAME, "%d", gan_error(r.ctx));
        gan_error_clear(r.ctx);
        memset(name, 'a', sizeof name), name[120] = 0;
        CHECK(gan_data(gan_weight(r.m, name, gan_init_zeros(), 3)) == NULL, "a long name");
        CHECK(gan_error(r.ctx) == GAN_ERROR_NAME, "%d", gan_error(r.ctx));
        gan_error_clear(r.ctx);
        CHECK(gan_data(gan_weight_n(r.m, "s", gan_init_zeros(), 0, NULL)) == NULL, "a scalar");
        CHECK(gan_error(r.ctx) == GAN_ERROR_SHAPE, "%d", gan_error(r.ctx));
        CHECK(strcmp(gan_parametrization_name((gan_parametrization)-1), "unknown") == 0, "the name of none");
        gan_destroy(r.ctx);
    }
}

static const struct {
    gan_parametrization kind;
    const char *name;
    void (*run)(void);
} parametrizations[] = {
#define ROW(id, name) {GAN_PARAMETRIZATION_##id, #name, parametrization_##name},
    GAN_PARAMETRIZATIONS(ROW)
#undef ROW
};

static void parametrized_weights(void)
{
    for (size_t i = 0; i < COUNT(parametrizations); ++i) {
        parametrizations[i].run();
        TESTF ("%s: its name; no heap call in its steady state; the same bits each time",
               parametrizations[i].name) {
            weight_run r, again;
            uint64_t calls = 0;
            gan_tensor *a, *b;
            weight_begin(&r, &weighted[1], parametrizations[i].kind, 0, 0);
            weight_begin(&again, &weighted[1], parametrizations[i].kind, 0, 0);
            CHECK(strcmp(gan_parametrization_name(parametrizations[i].kind), parametrizations[i].name) == 0,
                  "%s", gan_parametrization_name(parametrizations[i].kind));
            for (int k = 0; k < 6; ++k) {
                gan_scope_open(r.ctx);
                (void)gan_grad(gan_sum_all(gan_forward(r.m, r.x, NULL)), gan_model_tensor(r.m, 0), 0);
                gan_scope_close(r.ctx);
                (void)gan_forward(again.m, again.x, NULL);
                if (k == 2) calls = gan_memory(r.ctx).heap_calls;
            }
            CHECK(gan_memory(r.ctx).heap_calls == calls, "%d more",
                  (int)(gan_memory(r.ctx).heap_calls - calls));
            a = gan_forward(r.m, r.x, NULL), b = gan_forward(again.m, again.x, NULL);
            CHECK(same_bits(a, b), "bits differ");
            gan_destroy(r.ctx);
            gan_destroy(again.ctx);
        }
    }
    weights_of_ones_own();
}

// Running statistics of a channel that is 0 from now on become 0, where .9 times 5 of the smallest numbers
// would round to 5 of them.
static gan_tensor *one_norm(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    return (void)label, gan_batch_norm(m, "bn", x);
}
static void idle_statistics(void)
{
    const int steps = sizeof(gan_real) == 4 ? 1100 : 7600;
    TEST ("batch norm: statistics of channels of zeros become 0, not subnormal, and never negative") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_norm, NULL);
        const gan_real *mean, *var;
        gan_real naive = 1;
        int i, k;
        (void)gan_forward(m, gan_rand_normal(ctx, 8, 3), NULL);
        for (i = 0; i < 3; ++i) gan_data(gan_model_find(m, "bn.running_mean"))[i] = (gan_real)(1 - i);
        for (i = 0; i < steps; ++i) {
            gan_scope_open(ctx);
            (void)gan_forward(m, gan_zeros(ctx, 8, 3), NULL);
            gan_scope_close(ctx);
            naive += (gan_real).1 * (0 - naive);
        }
        mean = gan_data(gan_model_find(m, "bn.running_mean"));
        var = gan_data(gan_model_find(m, "bn.running_var"));
        CHECK(naive > 0, "the plain rule reaches 0, too: %g", (double)naive);
        for (k = 0; k < 3; ++k)
            CHECK(mean[k] == 0 && var[k] >= 0 && (double)var[k] < 1e-10, "mean %g, variance %g",
                  (double)mean[k], (double)var[k]);
        gan_destroy(ctx);
    }
}

// norm layers with options; which one, and with what
static int norm_kind;
static const gan_norm_desc *norm_desc;

static gan_tensor *norm_with_options(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    switch (norm_kind) {
    case 0: return gan_batch_norm_ex(m, "n", x, norm_desc);
    case 1: return gan_layer_norm_ex(m, "n", x, norm_desc);
    case 2: return gan_instance_norm_ex(m, "n", x, norm_desc);
    default: return gan_group_norm_ex(m, "n", x, 1, norm_desc);
    }
}

static gan_tensor *norm_plain(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    switch (norm_kind) {
    case 0: return gan_batch_norm(m, "n", x);
    case 1: return gan_layer_norm(m, "n", x);
    case 2: return gan_instance_norm(m, "n", x);
    default: return gan_group_norm(m, "n", x, 1);
    }
}

// y of (1, 3), which has the mean 2 and the variance 1, normalized together: +-1 / sqrt(1 + eps)
static void norm_of_two(int kind, const gan_norm_desc *d, double want)
{
    static const int ndim[] = {2, 2, 3, 2}, dims[][3] = {{2, 1}, {1, 2}, {1, 1, 2}, {1, 2}};
    static const gan_real two[] = {1, 3};
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", norm_with_options, NULL);
    gan_tensor *y;
    norm_kind = kind;
    norm_desc = d;
    y = gan_forward(m, gan_from_n(ctx, two, ndim[kind], dims[kind]), NULL);
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    if (!gan_error(ctx)) {
        CHECK_NEAR(gan_data(y)[0], -want, TOL, "y of 1");
        CHECK_NEAR(gan_data(y)[1], want, TOL, "y of 3");
    }
    CHECK((gan_model_find(m, "n.weight") == NULL) == (d && d->no_affine), "%d parameters",
          gan_model_count(m));
    CHECK((gan_model_find(m, "n.bias") == NULL) == (d && d->no_affine), "%d parameters", gan_model_count(m));
    if (kind == 0) { // momentum, and the unbiased variance, 2
        const double momentum = d && d->momentum > 0 ? (double)d->momentum : .1;
        CHECK_NEAR(gan_item(gan_model_find(m, "n.running_mean")), 2 * momentum, TOL, "running mean");
        CHECK_NEAR(gan_item(gan_model_find(m, "n.running_var")), 1 + momentum, TOL, "running variance");
    }
    gan_destroy(ctx);
}

static void norm_options(void)
{
    static const char *const names[] = {"batch_norm", "layer_norm", "instance_norm", "group_norm"};
    // Keras' BatchNormalization of one channel: gamma 2, beta 1, mean 3, variance 3.999, eps .001
    static const float keras[] = {1, 3, (float)3.999, 2};
    static const char json[] = "{\"n.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                               "\"n.running_mean\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
                               "\"n.running_var\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                               "\"n.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}";
    static const gan_norm_desc wrong[] = {{-1, 0, 0}, {(gan_real)NAN, 0, 0}, {(gan_real)INFINITY, 0, 0},
                                          {0, -1, 0}, {0, (gan_real)1.5, 0}, {0, (gan_real)NAN, 0}};
    gan_norm_desc d = {0};
    size_t i;
    int kind;
    for (kind = 0; kind < 4; ++kind) {
        TESTF ("%s: eps, momentum and affine as described", names[kind]) {
            norm_of_two(kind, NULL, 1 / sqrt(1 + 1e-5));
            d.eps = d.momentum = 0, d.no_affine = 0;
            norm_of_two(kind, &d, 1 / sqrt(1 + 1e-5));
            d.eps = 3, d.momentum = kind ? 0 : (gan_real).01;
            norm_of_two(kind, &d, .5);
            d.no_affine = 1;
            norm_of_two(kind, &d, .5);
            d.eps = (gan_real).001;
            norm_of_two(kind, &d, 1 / sqrt(1.001));
        }
        TEST_MUST_FAIL ("another eps is seen") {
            d.eps = (gan_real).001;
            norm_of_two(kind, &d, 1 / sqrt(1 + 1e-5));
        }
        TESTF ("%s: without a description it is the plain layer to the bit", names[kind]) {
            gan_context *ctx = gan_create(NULL);
            gan_model *a = gan_model_create(ctx, "a", norm_with_options, NULL),
                      *b = gan_model_create(ctx, "b", norm_plain, NULL);
            gan_tensor *x = gan_rand_normal(ctx, 3, 4, 5);
            int mode;
            norm_kind = kind;
            norm_desc = NULL;
            for (mode = 0; mode < 2; ++mode) {
                gan_model_mode(a, mode ? GAN_EVAL : GAN_TRAIN);
                gan_model_mode(b, mode ? GAN_EVAL : GAN_TRAIN);
                CHECK(same_bits(gan_forward(a, x, NULL), gan_forward(b, x, NULL)), "%s",
                      "the outputs differ");
            }
            gan_destroy(ctx);
        }
        TESTF ("%s: an eps or a momentum that makes no sense is an error", names[kind])
            for (i = 0; i < COUNT(wrong); ++i) {
                gan_context *ctx = gan_create(NULL);
                gan_model *m = gan_model_create(ctx, "m", norm_with_options, NULL);
                norm_kind = kind;
                norm_desc = &wrong[i];
                (void)gan_forward(m, gan_zeros(ctx, 3, 4, 5), NULL);
                CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d: error %d", (int)i, gan_error(ctx));
                CHECK_TEXT(gan_error_message(ctx), "eps");
                gan_destroy(ctx);
            }
    }
    TEST ("a momentum of a norm without running statistics is an error by the layer's name")
        for (kind = 1; kind < 4; ++kind) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", norm_with_options, NULL);
            memset(&d, 0, sizeof d);
            d.momentum = (gan_real).01;
            norm_kind = kind;
            norm_desc = &d;
            (void)gan_forward(m, gan_zeros(ctx, 3, 4, 5), NULL);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "error %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), names[kind]);
            CHECK_TEXT(gan_error_message(ctx), "momentum");
            gan_destroy(ctx);
        }
    TEST ("batch norm of Keras, eps .001: gamma (x - mean) / sqrt(variance + eps) + beta of its weights") {
        static unsigned char file[512];
        static const gan_real five[] = {5};
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", norm_with_options, NULL);
        file[0] = (unsigned char)((sizeof json - 1) & 255);
        file[1] = (unsigned char)((sizeof json - 1) >> 8);
        memcpy(file + 8, json, sizeof json - 1);
        memcpy(file + 8 + sizeof json - 1, keras, sizeof keras);
        memset(&d, 0, sizeof d);
        d.eps = (gan_real).001;
        norm_kind = 0;
        norm_desc = &d;
        gan_model_mode(m, GAN_EVAL);
        CHECK(gan_model_load_memory(m, file, 8 + sizeof json - 1 + sizeof keras, 0) == 0, "%s",
              gan_error_message(ctx));
        CHECK_NEAR(gan_item(gan_forward(m, gan_from(ctx, five, 1, 1), NULL)), 3, 1e-6, "y of 5");
        norm_desc = NULL;
        CHECK(fabs((double)gan_item(gan_forward(m, gan_from(ctx, five, 1, 1), NULL)) - 3) > 1e-4, "%s",
              "PyTorch's eps gives the same");
        gan_destroy(ctx);
    }
}

// Two blocks of a linear layer each, and one network used twice.
static gan_tensor *blocks(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    int i, k;
    (void)label;
    gan_model_parametrize(m, "blocks.1", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    for (i = 0; i < 2; ++i) {
        gan_model_enter(m, "blocks", i);
        x = gan_batch_norm(m, "bn", gan_linear(m, "fc", x, 3));
        gan_model_leave(m);
    }
    for (k = 0; k < 2; ++k) {
        gan_model_enter(m, "shared", -1);
        gan_model_enter(m, "in", -1);
        x = gan_mul(x, gan_param(m, "scale", gan_init_constant(2), 3));
        gan_model_leave(m);
        gan_model_leave(m);
    }
    return x;
}

static gan_tensor *forgets(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    gan_model_enter(m, "block", 0);
    return gan_linear(m, "fc", x, 3);
}

static gan_tensor *taps_twice(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    x = gan_tap(m, "features",
                gan_dropout(m, gan_batch_norm(m, "bn", gan_linear(m, "fc", x, 3)), (gan_real).5));
    gan_tap(m, "head", gan_square(x));
    return gan_sum(x, GAN_AXES(1), GAN_KEEPDIM);
}

static void prefixes(void)
{
    TEST ("layers between enter and leave have names with their prefix; a name used twice is one parameter") {
        static const char *const names[] = {"blocks.0.fc.weight",
                                            "blocks.0.fc.bias",
                                            "blocks.0.bn.running_mean",
                                            "blocks.0.bn.running_var",
                                            "blocks.0.bn.weight",
                                            "blocks.0.bn.bias",
                                            "blocks.1.fc.parametrizations.weight.original",
                                            "blocks.1.fc.parametrizations.weight.0._u",
                                            "blocks.1.fc.parametrizations.weight.0._v",
                                            "blocks.1.fc.bias",
                                            "blocks.1.bn.running_mean",
                                            "blocks.1.bn.running_var",
                                            "blocks.1.bn.weight",
                                            "blocks.1.bn.bias",
                                            "shared.in.scale"};
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "net", blocks, NULL);
        char text[4000];
        size_t i;
        gan_model_freeze(m, "blocks.0", 1);
        gan_forward(m, gan_rand_normal(ctx, 4, 3), NULL);
        gan_forward(m, gan_rand_normal(ctx, 4, 3), NULL);
        CHECK(!gan_error(ctx) && gan_model_count(m) == (int)COUNT(names), "%d parameters: %s",
              gan_model_count(m), gan_error_message(ctx));
        for (i = 0; i < COUNT(names); ++i) CHECK(gan_model_find(m, names[i]) != NULL, "no %s", names[i]);
        gan_model_summary(m, text, sizeof text);
        CHECK(strstr(text, "frozen") && strstr(text, "frozen") < strstr(text, "blocks.1"), "%s", text);
        gan_destroy(ctx);
    }
    TEST ("messages name the layer with its prefix") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "net", blocks, NULL);
        gan_forward(m, gan_zeros(ctx, 1, 3), NULL); // one sample: batch norm refuses it
        CHECK_TEXT(gan_error_message(ctx), "net.blocks.0.bn");
        gan_destroy(ctx);
    }
    TEST ("what is not left, not entered, without a name, too deep or too long is an error; the next pass is "
          "right") {
        static const char *const says[] = {"without a gan_model_leave", "there was no gan_model_enter",
                                           "a name is needed", "8 levels are open", "too long"};
        char name[GAN_MAX_NAME];
        int k, i;
        memset(name, 'a', sizeof name);
        name[sizeof name - 1] = 0;
        for (k = 0; k < 5; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "net", k ? blocks : forgets, NULL);
            if (k == 0) gan_forward(m, gan_rand_normal(ctx, 4, 3), NULL);
            if (k == 1) gan_model_leave(m);
            if (k == 2) gan_model_enter(m, "", 0);
            for (i = 0; k == 3 && i < 9; ++i) gan_model_enter(m, "b", i);
            if (k == 4) gan_model_enter(m, name, 0);
            CHECK(gan_error(ctx) != 0, "no error");
            CHECK_TEXT(gan_error_message(ctx), says[k]);
            gan_error_clear(ctx);
            if (k == 0)
                CHECK(gan_model_find(m, "block.0.fc.weight") && !gan_model_find(m, "fc.weight"), "names");
            while (k == 3 && i-- > 1) gan_model_leave(m);
            if (k == 0) gan_forward(m, gan_rand_normal(ctx, 4, 3), NULL), gan_error_clear(ctx);
            CHECK(gan_model_count(m) == (k == 0 ? 2 : 0), "%d parameters", gan_model_count(m));
            gan_destroy(ctx);
        }
    }
    TEST ("a model without a forward function holds parameters for other functions; gan_forward says so") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "store", NULL, NULL);
        gan_tensor *y = gan_linear(m, "fc", gan_rand_normal(ctx, 4, 3), 2);
        CHECK(gan_dim(y, 1) == 2 && gan_model_parameters(m) == 8 && !gan_error(ctx), "%s",
              gan_error_message(ctx));
        gan_forward(m, gan_zeros(ctx, 4, 3), NULL);
        CHECK_TEXT(gan_error_message(ctx), "store is a store of parameters without a forward function");
        gan_destroy(ctx);
    }
}

static void taps(void)
{
    int record;
    TEST ("a tapped tensor is read after the forward pass, recorded or not, and has a gradient") {
        for (record = 0; record < 2; ++record) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "net", taps_twice, NULL);
            gan_tensor *x = gan_rand_normal(ctx, 4, 2), *y, *w, *f, *h;
            int i;
            gan_record(ctx, record);
            gan_forward(m, x, NULL);
            y = gan_forward(m, x, NULL);
            f = gan_tapped(m, "features"), h = gan_tapped(m, "head");
            CHECK(gan_numel(f) == 12 && gan_numel(h) == 12, "%s", gan_error_message(ctx));
            for (i = 0; i < 4 && gan_data(f); ++i) {
                const gan_real *v = gan_data(f) + 3 * i;
                CHECK_NEAR(gan_data(y)[i], v[0] + v[1] + v[2], 1e-5, "the output of this pass");
                CHECK_NEAR(gan_data(h)[3 * i], v[0] * v[0], 1e-5, "head");
            }
            if (record) {
                w = gan_grad(gan_sum_all(h), gan_model_find(m, "fc.weight"), 0);
                CHECK(gan_numel(w) == 6 && gan_item(gan_sum_all(gan_abs(w))) > 0, "gradient: %s",
                      gan_error_message(ctx));
            }
            gan_destroy(ctx);
        }
    }
    TEST (
        "after its scope a tap is an error, also when its memory is used again; so is a name without a tap") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "net", taps_twice, NULL);
        int i;
        gan_scope_open(ctx);
        gan_forward(m, gan_rand_normal(ctx, 4, 2), NULL);
        gan_scope_close(ctx);
        for (i = 0; i < 200; ++i) gan_zeros(ctx, 3);
        CHECK(gan_data(gan_tapped(m, "features")) == NULL, "values of a released tensor");
        CHECK_TEXT(gan_error_message(ctx), "features was released");
        gan_error_clear(ctx);
        gan_tapped(m, "other");
        CHECK_TEXT(gan_error_message(ctx), "other was not tapped");
        gan_destroy(ctx);
    }
}

static void evaluations(void)
{
    TEST (
        "an evaluation leaves no trace in random numbers, modes, recording, running statistics and memory") {
        gan_context *ctx[2];
        gan_model *m[2];
        gan_real after[2][8];
        int k, i, j;
        size_t bytes = 0;
        for (k = 0; k < 2; ++k) {
            ctx[k] = gan_create(NULL);
            m[k] = gan_model_create(ctx[k], "net", taps_twice, NULL);
            gan_forward(m[k], gan_rand_normal(ctx[k], 4, 2), NULL);
            for (i = 0; k && i < 3; ++i) {
                gan_tensor *x, *y, *f;
                gan_eval_open(ctx[k]);
                x = gan_rand_normal(ctx[k], 4, 2);
                y = gan_forward(m[k], x, NULL);
                f = gan_tapped(m[k], "features"); // no dropout in GAN_EVAL
                CHECK(gan_dim(y, 0) == 4, "shape");
                for (j = 0; j < 12; ++j) CHECK(gan_data(f)[j] != 0, "dropout");
                gan_eval_open(ctx[k]);
                gan_eval_close(ctx[k]);
                CHECK(gan_record(ctx[k], 0) == 0, "recording");
                gan_eval_close(ctx[k]);
                if (i == 1) bytes = gan_memory(ctx[k]).current;
                if (i == 2) CHECK(gan_memory(ctx[k]).current == bytes, "memory stays");
            }
            CHECK(gan_record(ctx[k], 1) == 1, "recording");
            gan_forward(m[k], gan_rand_normal(ctx[k], 4, 2), NULL);
            gan_read(gan_model_find(m[k], "bn.running_mean"), after[k], 3);
            gan_read(gan_rand_uniform(ctx[k], 5), after[k] + 3, 5);
            CHECK(!gan_error(ctx[k]), "%s", gan_error_message(ctx[k]));
        }
        CHECK_BYTES(after[0], after[1], sizeof after[0], "statistics and random numbers");
        gan_destroy(ctx[0]);
        gan_destroy(ctx[1]);
    }
    TEST_MUST_FAIL ("a forward pass outside an evaluation is seen") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "net", taps_twice, NULL);
        gan_real v[2][3];
        int k;
        for (k = 0; k < 2; ++k) {
            gan_forward(m, gan_rand_normal(ctx, 4, 2), NULL);
            gan_read(gan_model_find(m, "bn.running_mean"), v[k], 3);
        }
        CHECK_BYTES(v[0], v[1], sizeof v[0], "statistics");
        gan_destroy(ctx);
    }
    TEST ("an evaluation that was not opened, and one too many, are errors") {
        gan_context *ctx = gan_create(NULL);
        int i;
        gan_eval_close(ctx);
        CHECK_TEXT(gan_error_message(ctx), "no evaluation is open");
        gan_error_clear(ctx);
        for (i = 0; i < 9; ++i) gan_eval_open(ctx);
        CHECK_TEXT(gan_error_message(ctx), "8 evaluations are open");
        gan_error_clear(ctx);
        for (i = 0; i < 8; ++i) gan_eval_close(ctx);
        CHECK(!gan_error(ctx) && gan_record(ctx, 1) == 1, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

int main(void)
{
    size_t i;
    idle_statistics();
    norm_options();
    files_of_pytorch();
    for (i = 0; i < COUNT(layers); ++i) layers[i].run();
    inits();
    models();
    summaries();
    unrecorded();
    fusion();
    parametrized_weights();
    prefixes();
    taps();
    evaluations();
    printf("%d layers\n", (int)COUNT(layers));
#ifdef GAN_DOUBLE
    printf("%d gradient checks: worst error %.3g, at most %.3g of the tolerance\n", gradchecks,
           worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
