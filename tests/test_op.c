// Every operation of GAN_OPERATIONS and every composed function of the facade: the forward against loops
// written here in double, and in the GAN_DOUBLE build its gradient and the gradient of its gradient against
// finite differences. An operation without a test function does not compile (see the table at the end). In
// the float build each instruction set is forced in turn, and 1, 2, 3 and 7 threads must give the same bits.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

typedef nd reference(const params *p, const nd *x);

typedef struct sample {
    const params *p;
    gan_function *f;
    gan_tensor *all[MAX_IN + 1]; // inputs without a gradient stand here
    int has_grad[MAX_IN + 1];
    int n;
} sample;

#ifdef GAN_DOUBLE
// f of the inputs, those with a gradient taken from x in turn.
static gan_tensor *sample_f(gan_context *ctx, gan_tensor **x, void *user)
{
    sample *s = (sample *)user;
    gan_tensor *in[MAX_IN + 1];
    int i, k = 0;
    for (i = 0; i < s->n; ++i) in[i] = s->has_grad[i] ? x[k++] : s->all[i];
    return s->f(ctx, in, (void *)(uintptr_t)s->p);
}

// g f(x), g one more input: with it the gradient of the gradient reaches the second use of every backward,
// and a bilinear operation has one that is not zero.
static gan_tensor *sample_fg(gan_context *ctx, gan_tensor **x, void *user)
{
    sample *s = (sample *)user;
    int i, k = 0;
    for (i = 0; i < s->n; ++i) k += s->has_grad[i];
    return gan_mul(x[k], sample_f(ctx, x, user));
}
#else
// The gradients of sum(w f) by every input that has one, joined with the output into one flat array.
static gan_tensor *forward_and_backward(gan_context *ctx, sample *s, const nd *x, const params *p)
{
    gan_tensor *in[MAX_IN], *grad_in[MAX_IN], *dx[MAX_IN], *y, *all;
    int i, k = 0;
    for (i = 0; i < s->n; ++i) {
        in[i] = s->all[i] = to_tensor(ctx, &x[i]);
        if (s->has_grad[i]) grad_in[k++] = in[i];
    }
    y = s->f(ctx, in, (void *)(uintptr_t)p);
    all = gan_reshape(y, 1, -1);
    if (k && !p->no_grad && !gan_grads(weighted_sum(ctx, y, 0), k, grad_in, dx, 0))
        for (i = 0; i < k; ++i) all = gan_concat(0, 2, all, gan_reshape(dx[i], 1, -1));
    return all;
}
#endif

static int samples_run, isas_seen;

static void op_sample(const char *what, gan_function *f, reference *ref, const char *line, params p)
{
    int seed, seeds = p.seeds ? p.seeds : 2;
#ifdef GAN_DOUBLE
    seeds *= 10;
#endif
    double tol = REAL_TOL * (p.tol > 0 ? p.tol : 1);
    TESTF ("%s (%s)", what, line) {
        for (seed = 0; seed < seeds; ++seed) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            nd x[MAX_IN], want;
            gan_tensor *in[MAX_IN];
            sample s;
            int i;
            nd_used = 0;
            check_seed((uint64_t)seed + 1);
            memset(&s, 0, sizeof s);
            s.n = p.n = make_inputs(line, &p, x, s.has_grad);
            s.p = &p;
            s.f = f;
            want = ref(&p, x);
            for (i = 0; i < s.n; ++i) in[i] = to_tensor(ctx, &x[i]);
            check_tensor(f(ctx, in, &p), &want, tol, "forward");
#ifdef GAN_DOUBLE
            if (!p.no_grad && !test.wrong) {
                gan_tensor *gx[MAX_IN + 1];
                nd g = nd_new(want.ndim, want.dim);
                int k = 0;
                size_t j;
                for (i = 0; i < s.n; ++i) {
                    s.all[i] = in[i];
                    if (s.has_grad[i]) gx[k++] = in[i];
                }
                check_gradient(ctx, sample_f, &s, k, gx, 1, what);
                for (j = 0; j < g.n; ++j) g.v[j] = check_uniform(-1.5, 1.5);
                gx[k] = to_tensor(ctx, &g);
                if (!p.no_order2) check_gradient(ctx, sample_fg, &s, k + 1, gx, 2, what);
            }
#else
            if (seed == 0) {
                int isa, t;
                gan_context *one = context_with(GAN_ISA_AUTO, 1);
                gan_tensor *bits = forward_and_backward(one, &s, x, &p);
                CHECK(gan_error(one) == 0, "backward: %s", gan_error_message(one));
                static const int threads[] = {2, 3, 7};
                for (isa = GAN_ISA_AUTO + 1; isa < GAN_ISA_COUNT; ++isa) {
                    gan_context *c = context_with((gan_isa)isa, 1);
                    char name[64];
                    if (!c) continue;
                    isas_seen |= 1 << isa;
                    snprintf(name, sizeof name, "forward on %s", gan_isa_name(c));
                    for (i = 0; i < s.n; ++i) in[i] = to_tensor(c, &x[i]);
                    check_tensor(f(c, in, &p), &want, tol, name);
                    gan_destroy(c);
                }
                for (t = 0; t < 3; ++t) {
                    gan_context *c = context_with(GAN_ISA_AUTO, threads[t]);
                    CHECK(same_bits(bits, forward_and_backward(c, &s, x, &p)),
                          "%d threads: other bits than one (%s)", threads[t], gan_error_message(c));
                    gan_destroy(c);
                }
                gan_destroy(one);
            }
#endif
            CHECK(gan_error(ctx) == 0, "error: %s", gan_error_message(ctx));
            gan_destroy(ctx);
            ++samples_run;
        }
    }
}

#define P(...) ((params){__VA_ARGS__})
#define NONE P(.seeds = 0)

// f_NAME(ctx, x, user): the call under test, with q its parameters; r_NAME: an expression in v[0], v[1], ..
// with q.
#define CALL(name, call)                                                                                     \
    static gan_tensor *f_##name(gan_context *ctx, gan_tensor **x, void *user)                                \
    {                                                                                                        \
        const params *q = (const params *)user;                                                              \
        (void)ctx, (void)q;                                                                                  \
        return call;                                                                                         \
    }
#define EACH(name, expression)                                                                               \
    static double e_##name(const double *v, const params *q)                                                 \
    {                                                                                                        \
        (void)q;                                                                                             \
        return expression;                                                                                   \
    }                                                                                                        \
    static nd r_##name(const params *q, const nd *x) { return each(q, x, e_##name); }
#define MAP(name, call, expression) CALL(name, call) EACH(name, expression)

static nd each(const params *p, const nd *x, double (*e)(const double *v, const params *p))
{
    nd y = nd_broadcast(p->n, x);
    size_t k;
    for (k = 0; k < y.n; ++k) {
        int index[8], i;
        double v[MAX_IN];
        unravel(k, y.ndim, y.dim, index);
        for (i = 0; i < p->n; ++i) v[i] = nd_at(&x[i], y.ndim, index);
        y.v[k] = e(v, p);
    }
    return y;
}

// ---- arithmetic

static double sgm(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double splus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

MAP(add, gan_add(x[0], x[1]), v[0] + v[1])
MAP(sub, gan_sub(x[0], x[1]), v[0] - v[1])
MAP(mul, gan_mul(x[0], x[1]), v[0] * v[1])
MAP(div, gan_div(x[0], x[1]), v[0] / v[1])
MAP(pow, gan_pow(x[0], x[1]), pow(v[0], v[1]))
MAP(maximum, gan_maximum(x[0], x[1]), v[0] > v[1] ? v[0] : v[1])
MAP(minimum, gan_minimum(x[0], x[1]), v[0] < v[1] ? v[0] : v[1])
MAP(affine, gan_affine(x[0], (gan_real)q->r[0], (gan_real)q->r[1]),
    (double)(gan_real)q->r[0] * v[0] + (double)(gan_real)q->r[1])
MAP(abs, gan_abs(x[0]), fabs(v[0]))
MAP(exp, gan_exp(x[0]), exp(v[0]))
MAP(log, gan_log(x[0]), log(v[0]))
MAP(sqrt, gan_sqrt(x[0]), sqrt(v[0]))
MAP(square, gan_square(x[0]), v[0] * v[0])
MAP(reciprocal, gan_reciprocal(x[0]), 1 / v[0])
MAP(sin, gan_sin(x[0]), sin(v[0]))
MAP(cos, gan_cos(x[0]), cos(v[0]))
MAP(tanh, gan_tanh(x[0]), tanh(v[0]))
MAP(sigmoid, gan_sigmoid(x[0]), sgm(v[0]))
MAP(softplus, gan_softplus(x[0]), splus(v[0]))
MAP(erf, gan_erf(x[0]), erf(v[0]))
MAP(relu, gan_relu(x[0]), v[0] > 0 ? v[0] : 0)
MAP(leaky_relu, gan_leaky_relu(x[0], (gan_real)q->r[0]), v[0] > 0 ? v[0] : (double)(gan_real)q->r[0] * v[0])
MAP(elu, gan_elu(x[0], (gan_real)q->r[0]), v[0] > 0 ? v[0] : (double)(gan_real)q->r[0] * expm1(v[0]))
MAP(gelu, gan_gelu(x[0]), .5 * v[0] * (1 + erf(v[0] / sqrt(2.))))
MAP(silu, gan_silu(x[0]), v[0] * sgm(v[0]))
MAP(clamp, gan_clamp(x[0], (gan_real)q->r[0], (gan_real)q->r[1]),
    v[0]<(double)(gan_real)q->r[0] ? (double)(gan_real)q->r[0] : v[0]>(double)(gan_real) q->r[1]
        ? (double)(gan_real)q->r[1]
        : v[0])
MAP(where, gan_where(x[0], x[1], x[2]), v[0] != 0 ? v[1] : v[2])
MAP(addcmul, gan_addcmul(x[0], x[1], x[2]), v[0] * v[1] + v[2])

// The shapes that every binary operation must take: the same, one axis of size 1 on either side, fewer axes,
// scalars, size 1, odd.
static const char *const binary_shapes[] = {
    "3,5; 3,5", "2,3,5; 3,5", "3,1; 1,4",         "4; 2,1,4", "1; 1",         "(); 3",
    "3; ()",    "(); ()",     "2,1,3,1; 1,3,1,5", "7; 7",     "1,1,1; 2,3,1", "17,3; 3",
};
static const char *const positive_shapes[] = {"p:3,5; p:3,5", "p:2,3,5; p:3,5", "p:3,1; p:1,4",
                                              "p:4; p:2,1,4", "p:(); p:3",      "p:1; p:1"};
static const char *const unary_shapes[] = {"17", "3,5", "1", "()", "2,1,3,1,2"};
static const char *const unary_positive[] = {"p:17", "p:3,5", "p:1", "p:()"};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define OVER(shapes, name, p)                                                                                \
    do {                                                                                                     \
        size_t over_i;                                                                                       \
        for (over_i = 0; over_i < COUNT(shapes); ++over_i)                                                   \
            op_sample(#name, f_##name, r_##name, shapes[over_i], p);                                         \
    } while (0)
// Large enough that every vector loop has a body and a tail and that work is spread over threads; float build
// only.
#ifdef GAN_DOUBLE
#define LARGE(name, line, p) ((void)0)
#else
#define LARGE(name, line, p)                                                                                 \
    do {                                                                                                     \
        params large_p = p;                                                                                  \
        large_p.seeds = 1;                                                                                   \
        op_sample(#name ", large", f_##name, r_##name, line, large_p);                                       \
    } while (0)
#endif

static void test_add(void)
{
    OVER(binary_shapes, add, NONE);
    LARGE(add, "37,4099; 4099", NONE);
}
static void test_sub(void)
{
    OVER(binary_shapes, sub, NONE);
    LARGE(sub, "37,4099; 37,1", NONE);
}
static void test_mul(void)
{
    OVER(binary_shapes, mul, NONE);
    LARGE(mul, "5,31,1001; 31,1", NONE);
}
static void test_div(void)
{
    OVER(positive_shapes, div, NONE);
    op_sample("div", f_div, r_div, "3,4; p:4", NONE);
    LARGE(div, "37,4099; p:4099", NONE);
}
static void test_pow(void)
{
    OVER(positive_shapes, pow, NONE);
    op_sample("pow", f_pow, r_pow, "p:5; 5", NONE);
    op_sample("pow", f_pow, r_pow, "p:3,1; 4", NONE);
}
static void test_maximum(void)
{
    OVER(binary_shapes, maximum, NONE);
    LARGE(maximum, "100003; 100003", NONE);
}
static void test_minimum(void)
{
    OVER(binary_shapes, minimum, NONE);
    LARGE(minimum, "100003; ()", NONE);
}
static void test_affine(void)
{
    OVER(unary_shapes, affine, P(.r = {-1.75, .3}));
    op_sample("affine by 0", f_affine, r_affine, "5", P(.r = {0, 2}));
    LARGE(affine, "100003", P(.r = {1.5, -2}));
}
static void test_abs(void) { OVER(unary_shapes, abs, NONE); }
static void test_exp(void)
{
    OVER(unary_shapes, exp, NONE);
    LARGE(exp, "100003", NONE);
    op_sample("exp", f_exp, r_exp, "33", P(.lo = -20, .hi = 5));
}
static void test_log(void)
{
    OVER(unary_positive, log, NONE);
    LARGE(log, "p:100003", NONE);
    op_sample("log", f_log, r_log, "33", P(.lo = .05, .hi = 50));
}
static void test_sqrt(void)
{
    OVER(unary_positive, sqrt, NONE);
    LARGE(sqrt, "p:100003", NONE);
}
static void test_square(void)
{
    OVER(unary_shapes, square, NONE);
    LARGE(square, "100003", NONE);
}
static void test_reciprocal(void)
{
    OVER(unary_positive, reciprocal, NONE);
    op_sample("reciprocal", f_reciprocal, r_reciprocal, "9", P(.lo = -3, .hi = -.4));
}
static void test_sin(void)
{
    OVER(unary_shapes, sin, NONE);
    LARGE(sin, "100003", P(.lo = -30, .hi = 30));
}
static void test_cos(void)
{
    OVER(unary_shapes, cos, NONE);
    LARGE(cos, "100003", P(.lo = -30, .hi = 30));
}
static void test_tanh(void)
{
    OVER(unary_shapes, tanh, NONE);
    LARGE(tanh, "100003", P(.lo = -9, .hi = 9));
}
static void test_sigmoid(void)
{
    OVER(unary_shapes, sigmoid, NONE);
    LARGE(sigmoid, "100003", P(.lo = -30, .hi = 30));
}
static void test_softplus(void)
{
    OVER(unary_shapes, softplus, NONE);
    op_sample("softplus, far out", f_softplus, r_softplus, "33", P(.lo = -40, .hi = 40));
    LARGE(softplus, "100003", P(.lo = -30, .hi = 30));
}
static void test_erf(void)
{
    OVER(unary_shapes, erf, NONE);
    LARGE(erf, "100003", P(.lo = -5, .hi = 5));
}
static void test_relu(void)
{
    OVER(unary_shapes, relu, NONE);
    LARGE(relu, "100003", NONE);
}
static void test_leaky_relu(void)
{
    OVER(unary_shapes, leaky_relu, P(.r = {.2}));
    op_sample("leaky_relu, slope 0", f_leaky_relu, r_leaky_relu, "9", P(.r = {0}));
    op_sample("leaky_relu, slope -1", f_leaky_relu, r_leaky_relu, "9", P(.r = {-1}));
    op_sample("leaky_relu, slope 1.5", f_leaky_relu, r_leaky_relu, "9", P(.r = {1.5}));
    LARGE(leaky_relu, "100003", P(.r = {.01}));
}
static void test_elu(void)
{
    OVER(unary_shapes, elu, P(.r = {1}));
    op_sample("elu, alpha .4", f_elu, r_elu, "3,5", P(.r = {.4}));
    op_sample("elu, alpha -.4", f_elu, r_elu, "3,5", P(.r = {-.4}));
    op_sample("elu near 0", f_elu, r_elu, "64", P(.r = {1}, .lo = -1e-2, .hi = -1e-3));
    LARGE(elu, "100003", P(.r = {1}));
}
static void test_gelu(void)
{
    OVER(unary_shapes, gelu, NONE);
    LARGE(gelu, "100003", P(.lo = -6, .hi = 6));
}
static void test_silu(void)
{
    OVER(unary_shapes, silu, NONE);
    LARGE(silu, "100003", P(.lo = -20, .hi = 20));
}
static void test_clamp(void)
{
    OVER(unary_shapes, clamp, P(.r = {-.7, 1.1}));
    LARGE(clamp, "100003", P(.r = {-.7, 1.1}));
}
static void test_where(void)
{
    op_sample("where", f_where, r_where, "b:3,5; 3,5; 3,5", NONE);
    op_sample("where", f_where, r_where, "b:5; 3,5; 3,1", NONE);
    op_sample("where", f_where, r_where, "b:3,1; (); 1,4", NONE);
    op_sample("where", f_where, r_where, "b:2,3,4; 4; 3,1", NONE);
    op_sample("where", f_where, r_where, "b:1; 1; 1", NONE);
    LARGE(where, "b:100003; 100003; 100003", NONE);
}
static void test_addcmul(void)
{
    op_sample("addcmul", f_addcmul, r_addcmul, "3,5; 3,5; 3,5", NONE);
    op_sample("addcmul", f_addcmul, r_addcmul, "5; 3,5; 3,1", NONE);
    op_sample("addcmul", f_addcmul, r_addcmul, "2,1,3; 4,1; 2,4,3", NONE);
    op_sample("addcmul", f_addcmul, r_addcmul, "(); 4; ()", NONE);
    op_sample("addcmul", f_addcmul, r_addcmul, "2,3,4; 1,3,1; 3,1", NONE);
    LARGE(addcmul, "9,11,1001; 1,11,1; 1,11,1", NONE);
}

MAP(lt, gan_lt(x[0], x[1]), v[0] < v[1] ? 1 : 0)
MAP(le, gan_le(x[0], x[1]), v[0] <= v[1] ? 1 : 0)
MAP(gt, gan_gt(x[0], x[1]), v[0] > v[1] ? 1 : 0)
MAP(ge, gan_ge(x[0], x[1]), v[0] >= v[1] ? 1 : 0)
MAP(eq, gan_eq(x[0], x[1]), v[0] == v[1] ? 1 : 0)
MAP(ne, gan_ne(x[0], x[1]), v[0] != v[1] ? 1 : 0)
// A comparison has gradient zero, here beside a path that has one.
MAP(lt_path, gan_mul(gan_lt(x[0], x[1]), x[0]), v[0] < v[1] ? v[0] : 0)

static void test_compare(void)
{
    static const char *const shapes[] = {"i3:4,5; i3:4,5", "i3:5; i3:4,1", "i2:(); i2:7", "i3:1; i3:1"};
    OVER(shapes, lt, P(.no_grad = 1));
    OVER(shapes, le, P(.no_grad = 1));
    OVER(shapes, gt, P(.no_grad = 1));
    OVER(shapes, ge, P(.no_grad = 1));
    OVER(shapes, eq, P(.no_grad = 1));
    OVER(shapes, ne, P(.no_grad = 1));
    OVER(binary_shapes, lt_path, NONE);
}

// The backward operations, reached through the gradient of their forward: x[0] the input, x[1] the incoming
// gradient.
static gan_tensor *pull(gan_tensor *y, gan_tensor *g, gan_tensor *x)
{
    return gan_grad(gan_sum_all(gan_mul(y, g)), x, GAN_CREATE_GRAPH);
}
MAP(tanh_backward, pull(gan_tanh(x[0]), x[1], x[0]), v[1] * (1 - tanh(v[0]) * tanh(v[0])))
MAP(sigmoid_backward, pull(gan_sigmoid(x[0]), x[1], x[0]), v[1] * sgm(v[0]) * sgm(-v[0]))
MAP(leaky_relu_backward, pull(gan_leaky_relu(x[0], (gan_real)q->r[0]), x[1], x[0]),
    v[1] * (v[0] > 0 ? 1 : (double)(gan_real)q->r[0]))
MAP(elu_backward, pull(gan_elu(x[0], (gan_real)q->r[0]), x[1], x[0]),
    v[1] * (v[0] > 0 ? 1 : (double)(gan_real)q->r[0] * exp(v[0])))
MAP(softplus_backward, pull(gan_softplus(x[0]), x[1], x[0]), v[1] * sgm(v[0]))
MAP(relu_backward, pull(gan_relu(x[0]), x[1], x[0]), v[0] > 0 ? v[1] : 0)
MAP(abs_backward, pull(gan_abs(x[0]), x[1], x[0]), v[0] > 0 ? v[1] : -v[1])
MAP(gelu_backward, pull(gan_gelu(x[0]), x[1], x[0]),
    v[1] *
        (.5 * (1 + erf(v[0] / sqrt(2.))) + v[0] * exp(-v[0] * v[0] / 2) / sqrt(2 * 3.14159265358979323846)))
MAP(silu_backward, pull(gan_silu(x[0]), x[1], x[0]), v[1] * (sgm(v[0]) + v[0] * sgm(v[0]) * sgm(-v[0])))

static void test_tanh_backward(void)
{
    op_sample("tanh_backward", f_tanh_backward, r_tanh_backward, "3,5; 3,5", NONE);
    LARGE(tanh_backward, "100003; 100003", NONE);
}
static void test_sigmoid_backward(void)
{
    op_sample("sigmoid_backward", f_sigmoid_backward, r_sigmoid_backward, "3,5; 3,5", NONE);
    op_sample("softplus's gradient is the sigmoid", f_softplus_backward, r_softplus_backward, "3,5; 3,5",
              NONE);
    op_sample("gelu's gradient", f_gelu_backward, r_gelu_backward, "3,5; 3,5", NONE);
    op_sample("silu's gradient", f_silu_backward, r_silu_backward, "3,5; 3,5", NONE);
    LARGE(sigmoid_backward, "100003; 100003", NONE);
}
static void test_leaky_relu_backward(void)
{
    op_sample("leaky_relu_backward", f_leaky_relu_backward, r_leaky_relu_backward, "3,5; 3,5", P(.r = {.2}));
    op_sample("relu's gradient", f_relu_backward, r_relu_backward, "3,5; 3,5", NONE);
    op_sample("abs's gradient", f_abs_backward, r_abs_backward, "3,5; 3,5", NONE);
    LARGE(leaky_relu_backward, "100003; 100003", P(.r = {.2}));
}
static void test_elu_backward(void)
{
    op_sample("elu_backward", f_elu_backward, r_elu_backward, "3,5; 3,5", P(.r = {1}));
    op_sample("elu_backward", f_elu_backward, r_elu_backward, "7; 7", P(.r = {.3}));
    LARGE(elu_backward, "100003; 100003", P(.r = {1}));
}

// ---- reductions: i[0] the mask of axes, i[1] keep

static int in_mask(int mask, int axis) { return (mask >> axis) & 1; }

// y over the reduced entries of x: calls begin() semantics by passing the entries of one output in order.
static nd reduce(const nd *x, int mask, int keep,
                 double (*fold)(const double *v, size_t n, size_t stride_unused))
{
    int dim[8], kept[8], ndim = 0, i;
    nd y, all;
    double *buffer;
    size_t n = 1, k;
    for (i = 0; i < x->ndim; ++i) {
        kept[i] = in_mask(mask, i) ? 1 : x->dim[i];
        if (in_mask(mask, i)) n *= (size_t)x->dim[i];
        if (!in_mask(mask, i) || keep) dim[ndim++] = kept[i];
    }
    y = nd_new(ndim, dim);
    all = nd_new(1, (int[]){(int)(n * y.n)});
    buffer = all.v;
    {
        size_t *count = (size_t *)calloc(y.n ? y.n : 1, sizeof *count);
        for (k = 0; k < x->n; ++k) {
            int index[8];
            size_t o;
            unravel(k, x->ndim, x->dim, index);
            for (i = 0; i < x->ndim; ++i)
                if (in_mask(mask, i)) index[i] = 0;
            o = ravel(x->ndim, kept, index);
            buffer[o * n + count[o]++] = x->v[k];
        }
        free(count);
    }
    for (k = 0; k < y.n; ++k) y.v[k] = fold(buffer + k * n, n, 1);
    return y;
}

static double fold_sum(const double *v, size_t n, size_t u)
{
    double s = 0;
    (void)u;
    for (size_t i = 0; i < n; ++i) s += v[i];
    return s;
}
static double fold_mean(const double *v, size_t n, size_t u) { return fold_sum(v, n, u) / (double)n; }
static double fold_var(const double *v, size_t n, size_t u)
{
    double m = fold_mean(v, n, u), s = 0;
    for (size_t i = 0; i < n; ++i) s += (v[i] - m) * (v[i] - m);
    return s / (double)n;
}
static double fold_norm(const double *v, size_t n, size_t u)
{
    double s = 0;
    (void)u;
    for (size_t i = 0; i < n; ++i) s += v[i] * v[i];
    return sqrt(s);
}
static double fold_max(const double *v, size_t n, size_t u)
{
    double m = v[0];
    (void)u;
    for (size_t i = 1; i < n; ++i)
        if (v[i] > m) m = v[i];
    return m;
}
static double fold_argmax(const double *v, size_t n, size_t u)
{
    size_t at = 0;
    (void)u;
    for (size_t i = 1; i < n; ++i)
        if (v[i] > v[at]) at = i;
    return (double)at;
}
static double fold_lse(const double *v, size_t n, size_t u)
{
    double m = fold_max(v, n, u), s = 0;
    for (size_t i = 0; i < n; ++i) s += exp(v[i] - m);
    return m + log(s);
}

#define AXES ((unsigned)q->i[0])
#define REDUCE(name, call, fold, mask)                                                                       \
    CALL(name, call)                                                                                         \
    static nd r_##name(const params *q, const nd *x) { return reduce(x, mask, q->i[1], fold); }

REDUCE(sum, gan_sum(x[0], AXES, q->i[1]), fold_sum, q->i[0])
REDUCE(mean, gan_mean(x[0], AXES, q->i[1]), fold_mean, q->i[0])
REDUCE(var, gan_var(x[0], AXES, q->i[1]), fold_var, q->i[0])
REDUCE(norm, gan_norm(x[0], AXES, q->i[1]), fold_norm, q->i[0])
REDUCE(amax, gan_amax(x[0], q->i[0], q->i[1]), fold_max, 1 << (q->i[0] < 0 ? q->i[0] + x[0].ndim : q->i[0]))
REDUCE(argmax, gan_argmax(x[0], q->i[0], q->i[1]), fold_argmax,
       1 << (q->i[0] < 0 ? q->i[0] + x[0].ndim : q->i[0]))
REDUCE(logsumexp, gan_logsumexp(x[0], q->i[0], q->i[1]), fold_lse,
       1 << (q->i[0] < 0 ? q->i[0] + x[0].ndim : q->i[0]))
REDUCE(sum_all, gan_sum_all(x[0]), fold_sum, -1)
REDUCE(mean_all, gan_mean_all(x[0]), fold_mean, -1)
REDUCE(norm_per_sample, gan_norm_per_sample(x[0]), fold_norm, -2)

#define EVERY_AXES(name)                                                                                     \
    do {                                                                                                     \
        int mask, keep;                                                                                      \
        for (mask = 0; mask < 8; ++mask)                                                                     \
            for (keep = 0; keep < 2; ++keep)                                                                 \
                op_sample(#name, f_##name, r_##name, "2,3,5", P(.i = {mask, keep}, .seeds = 1));             \
        op_sample(#name " of all", f_##name, r_##name, "3,4", P(.i = {-1, 0}));                              \
        op_sample(#name " of all, kept", f_##name, r_##name, "3,4", P(.i = {-1, 1}));                        \
        op_sample(#name " of a scalar", f_##name, r_##name, "()", P(.i = {-1, 0}));                          \
        op_sample(#name " of size 1", f_##name, r_##name, "1,1,1", P(.i = {5, 0}));                          \
        op_sample(#name " of axes 0 2 3", f_##name, r_##name, "2,3,2,3", P(.i = {13, 1}));                   \
    } while (0)
#define EVERY_AXIS(name, none)                                                                               \
    do {                                                                                                     \
        int axis, keep;                                                                                      \
        for (axis = -3; axis < 3; ++axis)                                                                    \
            for (keep = 0; keep < 2; ++keep)                                                                 \
                op_sample(#name, f_##name, r_##name, "2,3,5",                                                \
                          P(.i = {axis, keep}, .seeds = 1, .no_grad = none));                                \
        op_sample(#name " of size 1", f_##name, r_##name, "1", P(.i = {0, 0}, .no_grad = none));             \
        op_sample(#name " of 17", f_##name, r_##name, "17,1", P(.i = {0, 1}, .no_grad = none));              \
    } while (0)

static void test_sum(void)
{
    EVERY_AXES(sum);
    LARGE(sum, "37,4099", P(.i = {1, 0}, .tol = 20));
    LARGE(sum, "37,4099", P(.i = {2, 0}, .tol = 60));
    LARGE(sum, "37,4099", P(.i = {-1, 0}, .tol = 100));
    LARGE(sum, "64,16,9,11", P(.i = {13, 0}, .tol = 100));
}
static void test_amax(void)
{
    EVERY_AXIS(amax, 0);
    LARGE(amax, "37,4099", P(.i = {1, 0}));
    LARGE(amax, "37,4099", P(.i = {0, 0}));
}

// ---- shapes

CALL(expand, q->i[0] == 0   ? gan_expand(x[0], 0)
             : q->i[0] == 1 ? gan_expand(x[0], 1, q->i[1])
             : q->i[0] == 2 ? gan_expand(x[0], 2, q->i[1], q->i[2])
             : q->i[0] == 3 ? gan_expand(x[0], 3, q->i[1], q->i[2], q->i[3])
                            : gan_expand(x[0], 4, q->i[1], q->i[2], q->i[3], q->i[4]))
static nd r_expand(const params *q, const nd *x)
{
    nd y = nd_new(q->i[0], q->i + 1);
    for (size_t k = 0; k < y.n; ++k) {
        int index[8];
        unravel(k, y.ndim, y.dim, index);
        y.v[k] = nd_at(x, y.ndim, index);
    }
    return y;
}
static void test_expand(void)
{
    op_sample("expand", f_expand, r_expand, "3,1", P(.i = {2, 3, 4}));
    op_sample("expand to more axes", f_expand, r_expand, "3", P(.i = {3, 2, 5, 3}));
    op_sample("expand of a scalar", f_expand, r_expand, "()", P(.i = {2, 2, 3}));
    op_sample("expand to itself", f_expand, r_expand, "2,3", P(.i = {2, 2, 3}));
    op_sample("expand of inner and outer axes", f_expand, r_expand, "1,3,1,2", P(.i = {4, 2, 3, 5, 2}));
    op_sample("expand of size 1", f_expand, r_expand, "1", P(.i = {1, 1}));
    op_sample("expand to a scalar", f_expand, r_expand, "()", P(.i = {0}));
    LARGE(expand, "37,1", P(.i = {2, 37, 4099}));
}

// i: ndim, then the new sizes, one of them -1 perhaps; i[8..]: the sizes that must come out.
CALL(reshape, q->i[0] == 0   ? gan_reshape(x[0], 0)
              : q->i[0] == 1 ? gan_reshape(x[0], 1, q->i[1])
              : q->i[0] == 2 ? gan_reshape(x[0], 2, q->i[1], q->i[2])
              : q->i[0] == 3 ? gan_reshape(x[0], 3, q->i[1], q->i[2], q->i[3])
                             : gan_reshape(x[0], 4, q->i[1], q->i[2], q->i[3], q->i[4]))
static nd r_reshape(const params *q, const nd *x)
{
    nd y = nd_new(q->i[0], q->i + 8);
    memcpy(y.v, x->v, x->n * sizeof *y.v);
    return y;
}
CALL(flatten, gan_flatten(x[0]))
static void test_reshape(void)
{
    op_sample("reshape", f_reshape, r_reshape, "2,3,4", P(.i = {2, 6, 4, [8] = 6, 4}));
    op_sample("reshape with -1", f_reshape, r_reshape, "2,3,4", P(.i = {3, 4, -1, 2, [8] = 4, 3, 2}));
    op_sample("reshape with -1 first", f_reshape, r_reshape, "2,8",
              P(.i = {4, -1, 2, 2, 2, [8] = 2, 2, 2, 2}));
    op_sample("reshape to a vector", f_reshape, r_reshape, "2,3", P(.i = {1, -1, [8] = 6}));
    op_sample("reshape to a scalar", f_reshape, r_reshape, "1,1", P(.i = {0}));
    op_sample("reshape of a scalar", f_reshape, r_reshape, "()", P(.i = {2, 1, 1, [8] = 1, 1}));
    op_sample("flatten", f_flatten, r_reshape, "2,3,2,2", P(.i = {2, [8] = 2, 12}));
    op_sample("flatten of (3)", f_flatten, r_reshape, "3", P(.i = {2, [8] = 3, 1}));
}

CALL(permute, q->i[0] == 1   ? gan_permute(x[0], 1, q->i[1])
              : q->i[0] == 2 ? gan_permute(x[0], 2, q->i[1], q->i[2])
              : q->i[0] == 3 ? gan_permute(x[0], 3, q->i[1], q->i[2], q->i[3])
              : q->i[0] == 4 ? gan_permute(x[0], 4, q->i[1], q->i[2], q->i[3], q->i[4])
                             : gan_permute(x[0], 5, q->i[1], q->i[2], q->i[3], q->i[4], q->i[5]))
static nd r_permute(const params *q, const nd *x)
{
    int dim[8], i;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[q->i[1 + i]];
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int to[8], from[8];
        unravel(k, y.ndim, y.dim, to);
        for (i = 0; i < x->ndim; ++i) from[q->i[1 + i]] = to[i];
        y.v[k] = x->v[ravel(x->ndim, x->dim, from)];
    }
    return y;
}
CALL(transpose, gan_transpose(x[0], q->i[0], q->i[1]))
static nd r_transpose(const params *q, const nd *x)
{
    params p;
    int i, a = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], b = q->i[1] < 0 ? q->i[1] + x->ndim : q->i[1];
    memset(&p, 0, sizeof p);
    p.i[0] = x->ndim;
    for (i = 0; i < x->ndim; ++i) p.i[1 + i] = i == a ? b : i == b ? a : i;
    return r_permute(&p, x);
}
static void test_permute(void)
{
    int a, b, c;
    for (a = 0; a < 3; ++a)
        for (b = 0; b < 3; ++b)
            for (c = 0; c < 3; ++c)
                if (a != b && b != c && a != c)
                    op_sample("permute", f_permute, r_permute, "2,3,5", P(.i = {3, a, b, c}, .seeds = 1));
    op_sample("permute", f_permute, r_permute, "4", P(.i = {1, 0}));
    op_sample("permute", f_permute, r_permute, "3,7", P(.i = {2, 1, 0}));
    op_sample("permute to NHWC", f_permute, r_permute, "2,3,2,5", P(.i = {4, 0, 2, 3, 1}));
    op_sample("permute", f_permute, r_permute, "2,1,3,2,2", P(.i = {5, 3, 1, 4, 0, 2}));
    op_sample("permute of size 1", f_permute, r_permute, "1,1", P(.i = {2, 1, 0}));
    op_sample("transpose", f_transpose, r_transpose, "2,3,5", P(.i = {0, 2}));
    op_sample("transpose", f_transpose, r_transpose, "2,3,5", P(.i = {-1, 1}));
    op_sample("transpose of an axis with itself", f_transpose, r_transpose, "2,3", P(.i = {1, 1}));
    LARGE(permute, "129,65,33", P(.i = {3, 2, 1, 0}));
    LARGE(permute, "129,65,33", P(.i = {3, 1, 0, 2}));
}

CALL(slice, gan_slice(x[0], q->i[0], q->i[1], q->i[2]))
static nd r_slice(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], dim[8], i;
    int start = q->i[1] < 0 ? q->i[1] + x->dim[axis] : q->i[1],
        stop = q->i[2] < 0 ? q->i[2] + x->dim[axis] : q->i[2];
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[axis] = stop - start;
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int at[8];
        unravel(k, y.ndim, y.dim, at);
        at[axis] += start;
        y.v[k] = x->v[ravel(x->ndim, x->dim, at)];
    }
    return y;
}
static void test_slice(void)
{
    op_sample("slice", f_slice, r_slice, "4,5,3", P(.i = {0, 1, 3}));
    op_sample("slice", f_slice, r_slice, "4,5,3", P(.i = {1, 0, 2}));
    op_sample("slice", f_slice, r_slice, "4,5,3", P(.i = {2, 2, 3}));
    op_sample("slice, negative axis and ends", f_slice, r_slice, "4,5", P(.i = {-1, -4, -1}));
    op_sample("slice of the whole", f_slice, r_slice, "4,5", P(.i = {1, 0, 5}));
    op_sample("slice of size 1", f_slice, r_slice, "1", P(.i = {0, 0, 1}));
    LARGE(slice, "37,4099", P(.i = {1, 5, 4001}));
}

CALL(pad, gan_pad(x[0], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]))
static nd r_pad(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], dim[8], i;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[axis] += q->i[1] + q->i[2];
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int at[8] = {0};
        unravel(k, y.ndim, y.dim, at);
        at[axis] -= q->i[1];
        y.v[k] = at[axis] < 0 || at[axis] >= x->dim[axis] ? (double)(gan_real)q->r[0]
                                                          : x->v[ravel(x->ndim, x->dim, at)];
    }
    return y;
}
static void test_pad(void)
{
    op_sample("pad", f_pad, r_pad, "3,4", P(.i = {0, 1, 2}));
    op_sample("pad with 1.5", f_pad, r_pad, "3,4", P(.i = {1, 2, 1}, .r = {1.5}));
    op_sample("pad before only", f_pad, r_pad, "2,3,2", P(.i = {-2, 2, 0}));
    op_sample("pad after only", f_pad, r_pad, "2,3,2", P(.i = {2, 0, 3}));
    op_sample("pad by nothing", f_pad, r_pad, "2,3", P(.i = {1, 0, 0}));
    op_sample("pad of size 1", f_pad, r_pad, "1", P(.i = {0, 1, 1}, .r = {-1}));
}

CALL(concat, q->n == 1   ? gan_concat(q->i[0], 1, x[0])
             : q->n == 2 ? gan_concat(q->i[0], 2, x[0], x[1])
                         : gan_concat(q->i[0], 3, x[0], x[1], x[2]))
static nd r_concat(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], dim[8], i, begin = 0;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[axis] = 0;
    for (i = 0; i < q->n; ++i) dim[axis] += x[i].dim[axis];
    y = nd_new(x->ndim, dim);
    for (i = 0; i < q->n; ++i) {
        for (size_t k = 0; k < x[i].n; ++k) {
            int at[8];
            unravel(k, x[i].ndim, x[i].dim, at);
            at[axis] += begin;
            y.v[ravel(y.ndim, y.dim, at)] = x[i].v[k];
        }
        begin += x[i].dim[axis];
    }
    return y;
}
CALL(stack, q->n == 1   ? gan_stack(q->i[0], 1, x[0])
            : q->n == 2 ? gan_stack(q->i[0], 2, x[0], x[1])
                        : gan_stack(q->i[0], 3, x[0], x[1], x[2]))
static nd r_stack(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim + 1 : q->i[0], dim[8], i, j;
    nd y;
    for (i = j = 0; i <= x->ndim; ++i) dim[i] = i == axis ? q->n : x->dim[j++];
    y = nd_new(x->ndim + 1, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int at[8] = {0}, from[8];
        unravel(k, y.ndim, y.dim, at);
        for (i = j = 0; i < y.ndim; ++i)
            if (i != axis) from[j++] = at[i];
        y.v[k] = x[at[axis]].v[ravel(x->ndim, x->dim, from)];
    }
    return y;
}
CALL(concat_self, gan_concat(0, 3, x[0], gan_square(x[0]), x[0]))
static nd r_concat_self(const params *q, const nd *x)
{
    nd y = nd_new(1, (int[]){3 * x->dim[0]});
    (void)q;
    for (int i = 0; i < x->dim[0]; ++i) {
        y.v[i] = y.v[2 * x->dim[0] + i] = x->v[i];
        y.v[x->dim[0] + i] = x->v[i] * x->v[i];
    }
    return y;
}
static void test_concat(void)
{
    op_sample("concat of one", f_concat, r_concat, "3,4", P(.i = {1}));
    op_sample("concat of two", f_concat, r_concat, "3,4; 2,4", P(.i = {0}));
    op_sample("concat of two", f_concat, r_concat, "2,1,3; 2,4,3", P(.i = {1}));
    op_sample("concat of three", f_concat, r_concat, "2,3; 2,1; 2,2", P(.i = {-1}));
    op_sample("concat of three", f_concat, r_concat, "2,1,2; 2,3,2; 2,2,2", P(.i = {1}));
    op_sample("concat of size 1", f_concat, r_concat, "1; 1", P(.i = {0}));
    op_sample("concat of the same tensor twice", f_concat_self, r_concat_self, "5", NONE);
    op_sample("stack of one", f_stack, r_stack, "3,4", P(.i = {1}));
    op_sample("stack of two", f_stack, r_stack, "3,4; 3,4", P(.i = {0}));
    op_sample("stack of three along the last", f_stack, r_stack, "2,3; 2,3; 2,3", P(.i = {-1}));
    op_sample("stack of scalars", f_stack, r_stack, "(); ()", P(.i = {0}));
    LARGE(concat, "37,1001; 37,3; 37,2050", P(.i = {1}));
}

CALL(take, gan_take(x[0], x[1]))
static nd r_take(const params *q, const nd *x)
{
    int r = x->dim[x->ndim - 2], d = x->dim[x->ndim - 1], n = x[1].dim[x[1].ndim - 1], dim[8], i;
    int batch = (int)(x->n / ((size_t)r * (size_t)d));
    nd y;
    (void)q;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 2] = n;
    y = nd_new(x->ndim, dim);
    for (int b = 0; b < batch; ++b)
        for (i = 0; i < n; ++i)
            for (int j = 0; j < d; ++j)
                y.v[(b * n + i) * d + j] = x->v[(b * r + (int)x[1].v[b * n + i]) * d + j];
    return y;
}
CALL(put, gan_put(x[0], x[1], q->i[0]))
static nd r_put(const params *q, const nd *x)
{
    int n = x->dim[x->ndim - 2], d = x->dim[x->ndim - 1], r = q->i[0], dim[8], i;
    int batch = (int)(x->n / ((size_t)n * (size_t)d));
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 2] = r;
    y = nd_new(x->ndim, dim);
    for (int b = 0; b < batch; ++b)
        for (i = 0; i < n; ++i)
            for (int j = 0; j < d; ++j)
                y.v[(b * r + (int)x[1].v[b * n + i]) * d + j] += x->v[(b * n + i) * d + j];
    return y;
}
CALL(gather, gan_gather(x[0], x[1]))
static nd r_gather(const params *q, const nd *x)
{
    int r = x->dim[x->ndim - 1], n = x[1].dim[x[1].ndim - 1], dim[8], i;
    nd y;
    (void)q;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 1] = n;
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) y.v[k] = x->v[k / (size_t)n * (size_t)r + (size_t)x[1].v[k]];
    return y;
}
static void test_take(void)
{
    op_sample("take, rows repeated", f_take, r_take, "4,3; i4:7", NONE);
    op_sample("take in batches", f_take, r_take, "2,4,3; i4:2,5", NONE);
    op_sample("take in batches of batches", f_take, r_take, "2,2,3,1; i3:2,2,4", NONE);
    op_sample("take of size 1", f_take, r_take, "1,1; i1:1", NONE);
    op_sample("gather", f_gather, r_gather, "5; i5:7", NONE);
    op_sample("gather in batches", f_gather, r_gather, "3,5; i5:3,2", NONE);
    op_sample("gather in batches of batches", f_gather, r_gather, "2,3,4; i4:2,3,1", NONE);
    LARGE(take, "1000,33; i1000:2003", NONE);
}
static void test_put(void)
{
    op_sample("put sums rows", f_put, r_put, "7,3; i4:7", P(.i = {4}));
    op_sample("put in batches", f_put, r_put, "2,5,3; i4:2,5", P(.i = {4}));
    op_sample("put leaves rows that nothing names at 0", f_put, r_put, "2,3; i2:2", P(.i = {9}));
    op_sample("put of size 1", f_put, r_put, "1,1; i1:1", P(.i = {1}));
    LARGE(put, "2003,33; i100:2003", P(.i = {100}, .tol = 10));
}

CALL(pixel_shuffle, gan_pixel_shuffle(x[0], q->i[0]))
static nd r_pixel_shuffle(const params *q, const nd *x)
{
    int f = q->i[0], c = x->dim[1] / (f * f), h = x->dim[2], w = x->dim[3];
    nd y = nd_new4(x->dim[0], c, h * f, w * f);
    for (size_t k = 0; k < y.n; ++k) {
        int at[4], from[4];
        unravel(k, 4, y.dim, at);
        from[0] = at[0];
        from[1] = at[1] * f * f + at[2] % f * f + at[3] % f;
        from[2] = at[2] / f;
        from[3] = at[3] / f;
        y.v[k] = x->v[ravel(4, x->dim, from)];
    }
    return y;
}
CALL(pixel_unshuffle, gan_pixel_unshuffle(x[0], q->i[0]))
static nd r_pixel_unshuffle(const params *q, const nd *x)
{
    int f = q->i[0], h = x->dim[2] / f, w = x->dim[3] / f;
    nd y = nd_new4(x->dim[0], x->dim[1] * f * f, h, w);
    for (size_t k = 0; k < x->n; ++k) {
        int at[4], to[4];
        unravel(k, 4, x->dim, at);
        to[0] = at[0];
        to[1] = at[1] * f * f + at[2] % f * f + at[3] % f;
        to[2] = at[2] / f;
        to[3] = at[3] / f;
        y.v[ravel(4, y.dim, to)] = x->v[k];
    }
    return y;
}

// ---- products

// i[0], i[1]: transpose a, b; batch axes broadcast.
CALL(matmul, gan_matmul(x[0], x[1]))
CALL(matmul_t, gan_matmul_t(x[0], q->i[0], x[1], q->i[1]))
static nd r_matmul_t(const params *q, const nd *x)
{
    int na = x[0].ndim, nb = x[1].ndim, dim[8], i, ndim = na > nb ? na : nb;
    int m = x[0].dim[na - (q->i[0] ? 1 : 2)], k = x[0].dim[na - (q->i[0] ? 2 : 1)],
        n = x[1].dim[nb - (q->i[1] ? 2 : 1)];
    nd y;
    for (i = 0; i < ndim - 2; ++i) {
        int a = i - (ndim - na), b = i - (ndim - nb), da = a < 0 ? 1 : x[0].dim[a],
            db = b < 0 ? 1 : x[1].dim[b];
        dim[i] = da == 1 ? db : da;
    }
    dim[ndim - 2] = m;
    dim[ndim - 1] = n;
    y = nd_new(ndim, dim);
    for (size_t e = 0; e < y.n; ++e) {
        int at[8], row, col, l;
        double s = 0;
        unravel(e, ndim, dim, at);
        row = at[ndim - 2];
        col = at[ndim - 1];
        for (l = 0; l < k; ++l) {
            double a, b;
            at[ndim - 2] = q->i[0] ? l : row;
            at[ndim - 1] = q->i[0] ? row : l;
            a = nd_at(&x[0], ndim, at);
            at[ndim - 2] = q->i[1] ? col : l;
            at[ndim - 1] = q->i[1] ? l : col;
            b = nd_at(&x[1], ndim, at);
            s += a * b;
        }
        y.v[e] = s;
    }
    return y;
}
#define r_matmul r_matmul_t
static void test_matmul(void)
{
    static const char *const shapes[] = {"3,5; 5,4",   "1,1; 1,1",         "1,7; 7,1",
                                         "7,1; 1,3",   "2,3,4; 2,4,2",     "2,3,4; 4,3",
                                         "3,4; 2,4,3", "2,1,2,3; 1,3,3,2", "5,3,1; 1,1,2"};
    static const char *const t10[] = {"5,3; 5,4", "2,4,3; 2,4,2", "4,3; 3,4,2"};
    static const char *const t01[] = {"3,5; 4,5", "2,3,4; 2,2,4", "2,3,4; 2,4"};
    static const char *const t11[] = {"5,3; 4,5", "2,4,3; 2,2,4", "1,4,3; 2,2,4"};
    OVER(shapes, matmul, NONE);
    OVER(shapes, matmul_t, NONE);
    OVER(t10, matmul_t, P(.i = {1, 0}));
    OVER(t01, matmul_t, P(.i = {0, 1}));
    OVER(t11, matmul_t, P(.i = {1, 1}));
    LARGE(matmul, "133,257; 257,131", P(.tol = 10));
    LARGE(matmul_t, "257,133; 131,257", P(.i = {1, 1}, .tol = 10));
    LARGE(matmul, "3,65,67; 3,67,71", P(.tol = 10));
    LARGE(matmul_t, "65,5001; 33,5001", P(.i = {0, 1}, .tol = 40));
}

CALL(linear, gan_f_linear(x[0], x[1], q->n > 2 ? x[2] : NULL))
static nd r_linear(const params *q, const nd *x)
{
    int in = x[1].dim[1], out = x[1].dim[0], dim[8], i, rows = (int)(x->n / (size_t)in);
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 1] = out;
    y = nd_new(x->ndim, dim);
    for (int r = 0; r < rows; ++r)
        for (int o = 0; o < out; ++o) {
            double s = q->n > 2 ? x[2].v[o] : 0;
            for (i = 0; i < in; ++i) s += x->v[r * in + i] * x[1].v[o * in + i];
            y.v[r * out + o] = s;
        }
    return y;
}
static void test_linear(void)
{
    op_sample("linear", f_linear, r_linear, "4,3; 5,3; 5", NONE);
    op_sample("linear without bias", f_linear, r_linear, "4,3; 5,3", NONE);
    op_sample("linear of size 1", f_linear, r_linear, "1,1; 1,1; 1", NONE);
    op_sample("linear of a vector", f_linear, r_linear, "3; 2,3; 2", NONE);
    op_sample("linear over leading axes", f_linear, r_linear, "2,3,4; 5,4; 5", NONE);
    op_sample("linear to one", f_linear, r_linear, "7,5; 1,5; 1", NONE);
    LARGE(linear, "129,257; 65,257; 65", P(.tol = 10));
    LARGE(linear, "64,1024; 1,1024; 1", P(.tol = 20));
}

// ---- convolutions; i: sh sw ph pw dh dw oph opw groups, as written in the descriptor (zero: the default)

static gan_conv2d_desc conv_desc(const params *q)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.stride[0] = q->i[0], d.stride[1] = q->i[1];
    d.padding[0] = q->i[2], d.padding[1] = q->i[3];
    d.dilation[0] = q->i[4], d.dilation[1] = q->i[5];
    d.output_padding[0] = q->i[6], d.output_padding[1] = q->i[7];
    d.groups = q->i[8];
    return d;
}
typedef struct geometry {
    int sh, sw, ph, pw, dh, dw, oph, opw, g;
} geometry;
static geometry conv_geometry(const params *q)
{
    geometry c;
    c.sh = q->i[0] ? q->i[0] : 1;
    c.sw = q->i[1] ? q->i[1] : c.sh;
    c.ph = q->i[2];
    c.pw = q->i[3] ? q->i[3] : c.ph;
    c.dh = q->i[4] ? q->i[4] : 1;
    c.dw = q->i[5] ? q->i[5] : c.dh;
    c.oph = q->i[6];
    c.opw = q->i[7] ? q->i[7] : c.oph;
    c.g = q->i[8] ? q->i[8] : 1;
    return c;
}
static gan_tensor *call_conv(gan_tensor **x, const params *q, int bias)
{
    gan_conv2d_desc d = conv_desc(q);
    return gan_f_conv2d(x[0], x[1], bias ? x[2] : NULL, &d);
}
static gan_tensor *call_conv_transpose(gan_tensor **x, const params *q, int bias)
{
    gan_conv2d_desc d = conv_desc(q);
    return gan_f_conv_transpose2d(x[0], x[1], bias ? x[2] : NULL, &d);
}
CALL(conv2d, call_conv(x, q, q->n > 2))
CALL(conv_transpose2d, call_conv_transpose(x, q, q->n > 2))
static nd r_conv2d(const params *q, const nd *x)
{
    geometry c = conv_geometry(q);
    int n = x->dim[0], h = x->dim[2], w = x->dim[3], o = x[1].dim[0], ci = x[1].dim[1], kh = x[1].dim[2],
        kw = x[1].dim[3];
    int oh = (h + 2 * c.ph - c.dh * (kh - 1) - 1) / c.sh + 1,
        ow = (w + 2 * c.pw - c.dw * (kw - 1) - 1) / c.sw + 1, k, j, y, z, u, v, a;
    nd out = nd_new4(n, o, oh, ow);
    for (k = 0; k < n; ++k)
        for (j = 0; j < o; ++j)
            for (y = 0; y < oh; ++y)
                for (z = 0; z < ow; ++z) {
                    double s = q->n > 2 ? x[2].v[j] : 0;
                    for (a = 0; a < ci; ++a)
                        for (u = 0; u < kh; ++u)
                            for (v = 0; v < kw; ++v) {
                                int yy = y * c.sh - c.ph + u * c.dh, zz = z * c.sw - c.pw + v * c.dw,
                                    channel = j / (o / c.g) * ci + a;
                                if (yy < 0 || yy >= h || zz < 0 || zz >= w) continue;
                                s += x->v[((k * x->dim[1] + channel) * h + yy) * w + zz] *
                                     x[1].v[((j * ci + a) * kh + u) * kw + v];
                            }
                    out.v[((k * o + j) * oh + y) * ow + z] = s;
                }
    return out;
}
// Scatter: each input pixel adds its kernel to the output.
static nd r_conv_transpose2d(const params *q, const nd *x)
{
    geometry c = conv_geometry(q);
    int n = x->dim[0], ci = x->dim[1], h = x->dim[2], w = x->dim[3], og = x[1].dim[1], kh = x[1].dim[2],
        kw = x[1].dim[3], o = og * c.g;
    int oh = (h - 1) * c.sh - 2 * c.ph + c.dh * (kh - 1) + c.oph + 1,
        ow = (w - 1) * c.sw - 2 * c.pw + c.dw * (kw - 1) + c.opw + 1;
    int k, a, j, y, z, u, v;
    nd out = nd_new4(n, o, oh, ow);
    for (k = 0; k < n; ++k)
        for (a = 0; a < ci; ++a)
            for (y = 0; y < h; ++y)
                for (z = 0; z < w; ++z)
                    for (j = 0; j < og; ++j)
                        for (u = 0; u < kh; ++u)
                            for (v = 0; v < kw; ++v) {
                                int yy = y * c.sh - c.ph + u * c.dh, zz = z * c.sw - c.pw + v * c.dw,
                                    channel = a / (ci / c.g) * og + j;
                                if (yy < 0 || yy >= oh || zz < 0 || zz >= ow) continue;
                                out.v[((k * o + channel) * oh + yy) * ow + zz] +=
                                    x->v[((k * ci + a) * h + y) * w + z] *
                                    x[1].v[((a * og + j) * kh + u) * kw + v];
                            }
    if (q->n > 2)
        for (size_t e = 0; e < out.n; ++e) out.v[e] += x[2].v[e / (size_t)(oh * ow) % (size_t)o];
    return out;
}
// The gradient of conv2d by its weight: x[0] the input, x[1] the weight (of which the result does not
// depend), x[2] the gradient.
CALL(conv2d_weight, pull(call_conv(x, q, 0), x[2], x[1]))
static nd r_conv2d_weight(const params *q, const nd *x)
{
    geometry c = conv_geometry(q);
    int n = x->dim[0], h = x->dim[2], w = x->dim[3], o = x[1].dim[0], ci = x[1].dim[1], kh = x[1].dim[2],
        kw = x[1].dim[3];
    int oh = x[2].dim[2], ow = x[2].dim[3], k, j, y, z, u, v, a;
    nd out = nd_new4(o, ci, kh, kw);
    for (j = 0; j < o; ++j)
        for (a = 0; a < ci; ++a)
            for (u = 0; u < kh; ++u)
                for (v = 0; v < kw; ++v) {
                    double s = 0;
                    for (k = 0; k < n; ++k)
                        for (y = 0; y < oh; ++y)
                            for (z = 0; z < ow; ++z) {
                                int yy = y * c.sh - c.ph + u * c.dh, zz = z * c.sw - c.pw + v * c.dw,
                                    channel = j / (o / c.g) * ci + a;
                                if (yy < 0 || yy >= h || zz < 0 || zz >= w) continue;
                                s += x->v[((k * x->dim[1] + channel) * h + yy) * w + zz] *
                                     x[2].v[((k * o + j) * oh + y) * ow + z];
                            }
                    out.v[((j * ci + a) * kh + u) * kw + v] = s;
                }
    return out;
}

typedef struct conv_case {
    const char *line;
    int i[9];
} conv_case;
static const conv_case conv_cases[] = {
    {"2,2,5,5; 3,2,3,3; 3", {0}},
    {"1,1,3,3; 1,1,1,1; 1", {0}},
    {"1,1,1,1; 1,1,1,1", {0}},
    {"2,3,4,5; 2,3,1,1; 2", {0}},
    {"1,2,5,6; 2,2,3,2", {0}},
    {"1,2,6,5; 2,2,2,3; 2", {2}},
    {"2,1,7,7; 2,1,3,3; 2", {3}},
    {"1,2,7,8; 2,2,4,4; 2", {2, 0, 1}},
    {"1,2,5,5; 2,2,5,5", {1, 0, 2}},
    {"1,1,4,6; 2,1,3,3; 2", {2, 3, 1, 2}},
    {"1,2,7,6; 2,2,3,2; 2", {1, 0, 1, 0, 2, 3}},
    {"1,1,8,8; 1,1,3,3", {2, 0, 2, 0, 2}},
    {"1,1,9,7; 1,1,2,3", {3, 2, 1, 3, 3, 2}},
    {"2,4,5,4; 4,2,3,3; 4", {1, 0, 1, 0, 0, 0, 0, 0, 2}},
    {"1,3,4,5; 3,1,3,3; 3", {1, 0, 1, 0, 0, 0, 0, 0, 3}},
    {"1,2,5,5; 6,1,3,2", {2, 1, 1, 0, 0, 0, 0, 0, 2}},
    {"1,1,2,2; 2,1,3,3", {1, 0, 1}},
    {"1,1,3,3; 1,1,2,2", {3, 0, 2}},
    {"1,1,1,1; 2,1,3,3; 2", {2, 0, 3}},
    {"2,2,1,9; 2,2,1,4; 2", {1, 2, 0, 3}},
};
static const conv_case transpose_cases[] = {
    {"2,2,3,3; 2,3,3,3; 3", {0}},
    {"1,1,1,1; 1,1,1,1; 1", {0}},
    {"1,2,3,4; 2,2,4,4; 2", {2, 0, 1}},
    {"1,2,3,2; 2,1,3,2", {3}},
    {"1,2,2,3; 2,2,2,2; 2", {2}},
    {"1,1,3,3; 1,2,1,1; 2", {2}},
    {"1,1,3,4; 1,2,3,3; 2", {2, 3, 1, 2, 0, 0, 1, 2}},
    {"1,2,3,3; 2,2,3,3; 2", {2, 0, 1, 0, 0, 0, 1}},
    {"1,1,4,3; 1,1,2,3", {3, 2, 1, 0, 2, 3, 2, 1}},
    {"1,2,4,3; 2,1,3,3; 1", {1, 0, 1, 0, 2}},
    {"1,4,3,2; 4,2,3,3; 4", {2, 0, 1, 0, 0, 0, 0, 0, 2}},
    {"2,3,2,3; 3,1,4,2; 3", {2, 1, 1, 0, 0, 0, 0, 0, 3}},
    {"1,2,2,2; 2,3,3,2; 6", {2, 0, 0, 0, 0, 0, 1, 0, 2}},
    {"1,1,2,2; 1,1,5,5; 1", {1, 0, 2}},
    {"1,1,1,3; 1,1,2,2", {3, 0, 0, 0, 0, 0, 2}},
};
// The same with the shape of the output's gradient as third input.
static const conv_case weight_cases[] = {
    {"2,2,5,5; 3,2,3,3; 2,3,3,3", {0}},
    {"1,1,1,1; 1,1,1,1; 1,1,1,1", {0}},
    {"1,2,6,5; 2,2,2,3; 1,2,3,2", {2}},
    {"1,2,7,8; 2,2,4,4; 1,2,3,4", {2, 0, 1}},
    {"1,1,4,6; 2,1,3,3; 1,2,2,3", {2, 3, 1, 2}},
    {"1,2,7,6; 2,2,3,2; 1,2,5,5", {1, 0, 1, 0, 2, 3}},
    {"2,4,5,4; 4,2,3,3; 2,4,5,4", {1, 0, 1, 0, 0, 0, 0, 0, 2}},
    {"1,3,4,5; 3,1,3,3; 1,3,4,5", {1, 0, 1, 0, 0, 0, 0, 0, 3}},
};
#define OVER_CONV(cases, name)                                                                               \
    do {                                                                                                     \
        size_t over_i, over_j;                                                                               \
        for (over_i = 0; over_i < COUNT(cases); ++over_i) {                                                  \
            params over_p = NONE;                                                                            \
            for (over_j = 0; over_j < 9; ++over_j) over_p.i[over_j] = cases[over_i].i[over_j];               \
            over_p.seeds = 1;                                                                                \
            over_p.tol = 4;                                                                                  \
            op_sample(#name, f_##name, r_##name, cases[over_i].line, over_p);                                \
        }                                                                                                    \
    } while (0)

static void test_conv2d(void)
{
    OVER_CONV(conv_cases, conv2d);
    LARGE(conv2d, "9,3,28,28; 32,3,5,5; 32", P(.tol = 20));
    LARGE(conv2d, "8,32,12,12; 64,32,5,5; 64", P(.tol = 100));
    LARGE(conv2d, "5,17,15,13; 33,17,4,4; 33", P(.i = {2, 0, 1}, .tol = 40));
    LARGE(conv2d, "3,16,17,17; 16,1,3,3; 16", P(.i = {1, 0, 1, 0, 0, 0, 0, 0, 16}, .tol = 10));
}
static void test_conv_transpose2d(void)
{
    OVER_CONV(transpose_cases, conv_transpose2d);
    LARGE(conv_transpose2d, "8,32,7,7; 32,16,4,4; 16", P(.i = {2, 0, 1}, .tol = 40));
    LARGE(conv_transpose2d, "16,16,14,14; 16,1,4,4; 1", P(.i = {2, 0, 1}, .tol = 40));
    LARGE(conv_transpose2d, "3,8,9,7; 8,5,5,3; 5", P(.i = {3, 2, 1, 0, 0, 0, 1, 1}, .tol = 20));
}
static void test_conv2d_weight(void)
{
    OVER_CONV(weight_cases, conv2d_weight);
    LARGE(conv2d_weight, "16,8,15,15; 16,8,3,3; 16,16,15,15", P(.i = {1, 0, 1}, .tol = 200));
    LARGE(conv2d_weight, "24,1,28,28; 32,1,5,5; 24,32,24,24", P(.tol = 400));
}

// ---- pools and upsampling; i: kernel, stride

CALL(max_pool2d, gan_max_pool2d(x[0], q->i[0], q->i[1]))
CALL(avg_pool2d, gan_avg_pool2d(x[0], q->i[0], q->i[1]))
static nd pool(const params *q, const nd *x, int maximum)
{
    int k = q->i[0], s = q->i[1] ? q->i[1] : k, h = x->dim[2], w = x->dim[3], oh = (h - k) / s + 1,
        ow = (w - k) / s + 1;
    nd y = nd_new4(x->dim[0], x->dim[1], oh, ow);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4], u, v;
        double m = -HUGE_VAL, sum = 0;
        unravel(e, 4, y.dim, at);
        for (u = 0; u < k; ++u)
            for (v = 0; v < k; ++v) {
                double t = x->v[((at[0] * x->dim[1] + at[1]) * h + at[2] * s + u) * w + at[3] * s + v];
                if (t > m) m = t;
                sum += t;
            }
        y.v[e] = maximum ? m : sum / (k * k);
    }
    return y;
}
static nd r_max_pool2d(const params *q, const nd *x) { return pool(q, x, 1); }
// x[0] the input of max_pool2d; the first of equal maxima of the window of entry e stands here.
static size_t pool_place(const params *q, const nd *x, const int *ydim, size_t e)
{
    int k = q->i[0], s = q->i[1] ? q->i[1] : k, h = x->dim[2], w = x->dim[3], at[4], u;
    size_t best = 0;
    double top = -HUGE_VAL;
    unravel(e, 4, ydim, at);
    for (u = 0; u < k * k; ++u) {
        size_t place =
            (size_t)(((at[0] * x->dim[1] + at[1]) * h + at[2] * s + u / k) * w + at[3] * s + u % k);
        if (x->v[place] > top) top = x->v[place], best = place;
    }
    return best;
}
CALL(max_unpool2d, pull(gan_max_pool2d(x[0], q->i[0], q->i[1]), x[1], x[0]))
static nd r_max_unpool2d(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim);
    for (size_t e = 0; e < x[1].n; ++e) y.v[pool_place(q, x, x[1].dim, e)] += x[1].v[e];
    return y;
}
// The gradient of sum(x[2] max_unpool2d(x[1])) by x[1].
CALL(max_repool2d, pull(pull(gan_max_pool2d(x[0], q->i[0], q->i[1]), x[1], x[0]), x[2], x[1]))
static nd r_max_repool2d(const params *q, const nd *x)
{
    nd y = nd_new(4, x[1].dim);
    for (size_t e = 0; e < y.n; ++e) y.v[e] = x[2].v[pool_place(q, x, y.dim, e)];
    return y;
}
static nd r_avg_pool2d(const params *q, const nd *x) { return pool(q, x, 0); }
CALL(avg_pool2d_backward, pull(gan_avg_pool2d(x[0], q->i[0], q->i[1]), x[1], x[0]))
static nd r_avg_pool2d_backward(const params *q, const nd *x)
{
    int k = q->i[0], s = q->i[1] ? q->i[1] : k, h = x->dim[2], w = x->dim[3];
    nd y = nd_new(4, x->dim);
    for (size_t e = 0; e < x[1].n; ++e) {
        int at[4], u, v;
        unravel(e, 4, x[1].dim, at);
        for (u = 0; u < k; ++u)
            for (v = 0; v < k; ++v)
                y.v[((at[0] * x->dim[1] + at[1]) * h + at[2] * s + u) * w + at[3] * s + v] +=
                    x[1].v[e] / (k * k);
    }
    return y;
}
static const conv_case pool_cases[] = {
    {"2,3,4,4", {2, 2}}, {"1,2,5,7", {2, 0}}, {"1,2,5,7", {3, 1}},
    {"1,1,7,5", {3, 2}}, {"1,1,6,6", {2, 3}}, {"1,3,3,3", {1, 1}},
    {"1,1,1,1", {1, 0}}, {"2,1,4,3", {3, 3}}, {"1,1,13,14", {12, 1}},
};
static const conv_case pool_backward_cases[] = {
    {"2,2,4,4; 2,2,2,2", {2, 2}},
    {"1,2,5,7; 1,2,3,5", {3, 1}},
    {"1,1,7,5; 1,1,3,2", {3, 2}},
    {"1,1,1,1; 1,1,1,1", {1, 0}},
};
static void test_max_pool2d(void)
{
    OVER_CONV(pool_cases, max_pool2d);
    LARGE(max_pool2d, "16,33,24,24", P(.i = {2, 2}));
    LARGE(max_pool2d, "4,33,24,25", P(.i = {3, 2}));
}
static void test_max_unpool2d(void)
{
    OVER_CONV(pool_backward_cases, max_unpool2d);
    op_sample("max_unpool2d of a wide window", f_max_unpool2d, r_max_unpool2d, "1,1,13,14; 1,1,2,3",
              P(.i = {12, 1}, .seeds = 1));
    LARGE(max_unpool2d, "16,33,24,24; 16,33,12,12", P(.i = {2, 2}));
    LARGE(max_unpool2d, "4,33,25,37; 4,33,12,18", P(.i = {2, 2}));
    LARGE(max_unpool2d, "4,33,24,25; 4,33,11,12", P(.i = {3, 2}));
}
static void test_max_repool2d(void)
{
    op_sample("max_repool2d", f_max_repool2d, r_max_repool2d, "1,2,5,7; 1,2,2,3; 1,2,5,7", P(.i = {2, 2}));
    op_sample("max_repool2d, overlapping", f_max_repool2d, r_max_repool2d, "1,2,5,7; 1,2,3,5; 1,2,5,7",
              P(.i = {3, 1}));
    LARGE(max_repool2d, "4,33,24,24; 4,33,12,12; 4,33,24,24", P(.i = {2, 2}));
}
static void test_avg_pool2d(void)
{
    OVER_CONV(pool_cases, avg_pool2d);
    LARGE(avg_pool2d, "16,33,24,24", P(.i = {2, 2}));
    LARGE(avg_pool2d, "4,33,24,25", P(.i = {3, 2}));
}
static void test_avg_pool2d_backward(void)
{
    OVER_CONV(pool_backward_cases, avg_pool2d_backward);
    LARGE(avg_pool2d_backward, "16,33,24,24; 16,33,12,12", P(.i = {2, 2}));
}

// i: factor, mode. The weights of output row or column o on the inputs.
static void upsample_taps(int o, int f, int n, int mode, int *at, double *weight)
{
    double s = (o + .5) / f - .5;
    if (mode == GAN_NEAREST) {
        at[0] = at[1] = o / f;
        weight[0] = 1, weight[1] = 0;
        return;
    }
    if (s < 0) s = 0;
    at[0] = (int)floor(s);
    at[1] = at[0] + 1 < n ? at[0] + 1 : n - 1;
    weight[1] = s - at[0];
    weight[0] = 1 - weight[1];
}
static void upsample_walk(const params *q, const int *xdim, const double *in, double *out, int backward)
{
    int f = q->i[0], h = xdim[2], w = xdim[3], planes = xdim[0] * xdim[1], p, y, z, i, j;
    for (p = 0; p < planes; ++p)
        for (y = 0; y < h * f; ++y)
            for (z = 0; z < w * f; ++z) {
                int ay[2], az[2], o = (p * h * f + y) * w * f + z;
                double wy[2], wz[2];
                upsample_taps(y, f, h, q->i[1], ay, wy);
                upsample_taps(z, f, w, q->i[1], az, wz);
                for (i = 0; i < 2; ++i)
                    for (j = 0; j < 2; ++j) {
                        int e = (p * h + ay[i]) * w + az[j];
                        if (backward) out[e] += wy[i] * wz[j] * in[o];
                        else out[o] += wy[i] * wz[j] * in[e];
                    }
            }
}
CALL(upsample, gan_upsample(x[0], q->i[0], (gan_upsample_mode)q->i[1]))
static nd r_upsample(const params *q, const nd *x)
{
    nd y = nd_new4(x->dim[0], x->dim[1], x->dim[2] * q->i[0], x->dim[3] * q->i[0]);
    upsample_walk(q, x->dim, x->v, y.v, 0);
    return y;
}
CALL(upsample_backward, pull(gan_upsample(x[0], q->i[0], (gan_upsample_mode)q->i[1]), x[1], x[0]))
static nd r_upsample_backward(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim);
    upsample_walk(q, x->dim, x[1].v, y.v, 1);
    return y;
}
static const conv_case upsample_cases[] = {
    {"2,2,3,4", {2, GAN_NEAREST}},  {"1,1,3,2", {3, GAN_NEAREST}},  {"1,1,1,1", {2, GAN_NEAREST}},
    {"1,2,3,3", {1, GAN_NEAREST}},  {"2,2,3,4", {2, GAN_BILINEAR}}, {"1,1,3,2", {3, GAN_BILINEAR}},
    {"1,1,1,1", {4, GAN_BILINEAR}}, {"1,1,1,3", {5, GAN_BILINEAR}}, {"1,2,3,3", {1, GAN_BILINEAR}},
};
static const conv_case upsample_backward_cases[] = {
    {"1,2,3,2; 1,2,6,4", {2, GAN_NEAREST}},
    {"1,2,3,2; 1,2,6,4", {2, GAN_BILINEAR}},
    {"1,1,2,3; 1,1,6,9", {3, GAN_BILINEAR}},
};
static void test_upsample(void)
{
    OVER_CONV(upsample_cases, upsample);
    LARGE(upsample, "8,33,13,11", P(.i = {2, GAN_BILINEAR}));
    LARGE(upsample, "8,33,13,11", P(.i = {2, GAN_NEAREST}));
}
static void test_upsample_backward(void) { OVER_CONV(upsample_backward_cases, upsample_backward); }

// i: A, C, B; r: eps
CALL(normalize, gan_normalize(x[0], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]))
CALL(normalize_backward, pull(gan_normalize(x[0], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]), x[1], x[0]))
// Per channel c, over the n = A B entries: mean and 1 / sqrt(var + eps).
static void channel_moments(const params *q, const double *x, int c, double *mean, double *scale)
{
    int A = q->i[0], C = q->i[1], B = q->i[2], a, b;
    double m = 0, s = 0;
    for (a = 0; a < A; ++a)
        for (b = 0; b < B; ++b) m += x[(a * C + c) * B + b];
    m /= A * B;
    for (a = 0; a < A; ++a)
        for (b = 0; b < B; ++b) s += (x[(a * C + c) * B + b] - m) * (x[(a * C + c) * B + b] - m);
    *mean = m;
    *scale = 1 / sqrt(s / (A * B) + (double)(gan_real)q->r[0]);
}
static nd r_normalize(const params *q, const nd *x)
{
    nd y = nd_new(x->ndim, x->dim);
    int A = q->i[0], C = q->i[1], B = q->i[2], a, b, c;
    for (c = 0; c < C; ++c) {
        double m, s;
        channel_moments(q, x->v, c, &m, &s);
        for (a = 0; a < A; ++a)
            for (b = 0; b < B; ++b) y.v[(a * C + c) * B + b] = (x->v[(a * C + c) * B + b] - m) * s;
    }
    return y;
}
// s (g - mean g - h mean(g h)), h the normalised x: Ioffe 2015 with the chain rule worked out.
static nd r_normalize_backward(const params *q, const nd *x)
{
    nd y = nd_new(x->ndim, x->dim);
    int A = q->i[0], C = q->i[1], B = q->i[2], a, b, c;
    for (c = 0; c < C; ++c) {
        double m, s, mg = 0, mgh = 0;
        channel_moments(q, x->v, c, &m, &s);
        for (a = 0; a < A; ++a)
            for (b = 0; b < B; ++b) {
                int e = (a * C + c) * B + b;
                mg += x[1].v[e] / (A * B);
                mgh += x[1].v[e] * (x->v[e] - m) * s / (A * B);
            }
        for (a = 0; a < A; ++a)
            for (b = 0; b < B; ++b) {
                int e = (a * C + c) * B + b;
                y.v[e] = s * (x[1].v[e] - mg - (x->v[e] - m) * s * mgh);
            }
    }
    return y;
}
// With a weight x[1] and a bias x[2] by channel, as batch norm has them.
CALL(normalize_affine, gan__normalize(x[0], x[1], x[2], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0], NULL))
static nd r_normalize_affine(const params *q, const nd *x)
{
    nd y = r_normalize(q, x);
    for (size_t e = 0; e < y.n; ++e) {
        const size_t c = e / (size_t)q->i[2] % (size_t)q->i[1];
        y.v[e] = y.v[e] * x[1].v[c] + x[2].v[c];
    }
    return y;
}
// How far the gradients of two passes are from `scale` times those of recorded operations.
static gan_tensor *two_ways(const params *q, gan_tensor **x, gan_real scale)
{
    gan_tensor *y = f_normalize_affine(gan_context_of(x[0]), x, (void *)(uintptr_t)q), *fast[3], *slow[3], *s;
    gan_tensor *loss = gan_sum_all(gan_mul(y, gan_sin(gan_mul_scalar(y, 3)))), *all = NULL;
    int i;
    gan_grads(loss, 3, x, fast, 0);
    gan_grads(loss, 3, x, slow, GAN_CREATE_GRAPH);
    for (i = 0; i < 3; ++i) {
        s = gan_sum_all(gan_abs(gan_sub(gan_detach(fast[i]), gan_mul_scalar(gan_detach(slow[i]), scale))));
        all = all ? gan_add(all, s) : s;
    }
    return all;
}
static void both_ways(gan_real scale)
{
    static const params q[] = {{.i = {4, 3, 6}, .r = {1e-5}}, {.i = {9, 5, 1}, .r = {.1}}};
    for (size_t i = 0; i < COUNT(q); ++i) {
        gan_context *ctx = gan_create(NULL);
        const int c = q[i].i[1];
        gan_tensor *x[3] = {gan_rand_normal(ctx, 3, q[i].i[0], c, q[i].i[2]), gan_rand_normal(ctx, 1, c),
                            gan_rand_normal(ctx, 1, c)};
        const double off = (double)gan_item(two_ways(&q[i], x, scale));
        CHECK(off < 1e3 * REAL_TOL, "they differ by %g", off);
        CHECK(gan_error(ctx) == 0, "error: %s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}
static void test_normalize(void)
{
    op_sample("normalize with weight and bias", f_normalize_affine, r_normalize_affine, "4,3,2,2; 3; 3",
              P(.i = {4, 3, 4}, .r = {1e-5}, .tol = 8));
    op_sample("normalize of (N, C) with weight and bias", f_normalize_affine, r_normalize_affine, "7,3; 3; 3",
              P(.i = {7, 3, 1}, .r = {1e-5}, .tol = 8));
    LARGE(normalize_affine, "65,33,7,7; 33; 33", P(.i = {65, 33, 49}, .r = {1e-5}, .tol = 40));
    LARGE(normalize_affine, "65,1001; 1001; 1001", P(.i = {65, 1001, 1}, .r = {1e-5}, .tol = 40));
    LARGE(normalize_affine, "3,70,50,50; 70; 70", P(.i = {3, 70, 2500}, .r = {1e-5}, .tol = 40));
    TEST ("the gradients of normalize in two passes equal the recorded ones") { both_ways(1); }
    TEST_MUST_FAIL ("gradients that are a thousandth too large are caught") { both_ways((gan_real)1.001); }
    TEST ("normalize far from 0: mean 1000, deviation 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_add_scalar(gan_rand_normal(ctx, 3, 50, 3, 20), 1000);
        gan_tensor *y = gan_normalize(x, 50, 3, 20, 0);
        double mean = 0, square = 0;
        for (int a = 0; a < 50; ++a)
            for (int b = 0; b < 20; ++b) {
                const double v = (double)gan_data(y)[(a * 3 + 1) * 20 + b];
                mean += v / 1000, square += v * v / 1000;
            }
        CHECK(fabs(mean) < 1e-4 && fabs(square - 1) < 1e-4, "mean %g, mean square %g", mean, square);
        gan_destroy(ctx);
    }
    op_sample("normalize, batch norm's axes", f_normalize, r_normalize, "4,3,2,2",
              P(.i = {4, 3, 4}, .r = {1e-5}, .tol = 4));
    op_sample("normalize, batch norm of (N, C)", f_normalize, r_normalize, "7,3",
              P(.i = {7, 3, 1}, .r = {1e-5}, .tol = 4));
    op_sample("normalize, layer norm's axes", f_normalize, r_normalize, "3,2,3",
              P(.i = {1, 3, 6}, .r = {1e-5}, .tol = 4));
    op_sample("normalize, instance norm's axes", f_normalize, r_normalize, "2,3,2,3",
              P(.i = {1, 6, 6}, .r = {.1}, .tol = 4));
    op_sample("normalize of size 1 is 0", f_normalize, r_normalize, "1,1", P(.i = {1, 1, 1}, .r = {1e-5}));
    op_sample("normalize of one channel", f_normalize, r_normalize, "17",
              P(.i = {17, 1, 1}, .r = {1e-3}, .tol = 4));
    LARGE(normalize, "65,33,7,7", P(.i = {65, 33, 49}, .r = {1e-5}, .tol = 20));
    LARGE(normalize, "65,1001", P(.i = {65, 1001, 1}, .r = {1e-5}, .tol = 20));
}
static void test_normalize_backward(void)
{
    op_sample("normalize_backward", f_normalize_backward, r_normalize_backward, "4,3,2,2; 4,3,2,2",
              P(.i = {4, 3, 4}, .r = {1e-5}, .tol = 10));
    op_sample("normalize_backward of (N, C)", f_normalize_backward, r_normalize_backward, "7,3; 7,3",
              P(.i = {7, 3, 1}, .r = {1e-5}, .tol = 10));
    op_sample("normalize_backward of rows", f_normalize_backward, r_normalize_backward, "3,6; 3,6",
              P(.i = {1, 3, 6}, .r = {.1}, .tol = 10));
    LARGE(normalize_backward, "65,33,7,7; 65,33,7,7", P(.i = {65, 33, 49}, .r = {1e-5}, .tol = 40));
    LARGE(normalize_backward, "65,1001; 65,1001", P(.i = {65, 1001, 1}, .r = {1e-5}, .tol = 40));
}

// ---- composed functions

#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_SCALE 1.0507009873554804934193349852946
MAP(selu, gan_selu(x[0]), SELU_SCALE *(v[0] > 0 ? v[0] : SELU_ALPHA * expm1(v[0])))
MAP(neg, gan_neg(x[0]), -v[0])
MAP(add_scalar, gan_add_scalar(x[0], (gan_real)q->r[0]), v[0] + (double)(gan_real)q->r[0])
MAP(mul_scalar, gan_mul_scalar(x[0], (gan_real)q->r[0]), v[0] * (double)(gan_real)q->r[0])
MAP(pow_scalar, gan_pow_scalar(x[0], (gan_real)q->r[0]), pow(v[0], (double)(gan_real)q->r[0]))
MAP(lerp, gan_lerp(x[0], x[1], x[2]), v[0] + v[2] * (v[1] - v[0]))
CALL(expand_as, gan_expand_as(x[0], x[1]))
static nd r_expand_as(const params *q, const nd *x)
{
    params p;
    (void)q;
    memset(&p, 0, sizeof p);
    p.i[0] = x[1].ndim;
    memcpy(p.i + 1, x[1].dim, (size_t)x[1].ndim * sizeof *p.i);
    return r_expand(&p, x);
}
static nd softmax_of(const params *q, const nd *x, int take_log)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0];
    nd y = nd_new(x->ndim, x->dim);
    for (size_t k = 0; k < x->n; ++k) {
        int at[8], own;
        double m = -HUGE_VAL, s = 0;
        unravel(k, x->ndim, x->dim, at);
        own = at[axis];
        for (at[axis] = 0; at[axis] < x->dim[axis]; ++at[axis]) {
            double t = x->v[ravel(x->ndim, x->dim, at)];
            if (t > m) m = t;
        }
        for (at[axis] = 0; at[axis] < x->dim[axis]; ++at[axis])
            s += exp(x->v[ravel(x->ndim, x->dim, at)] - m);
        at[axis] = own;
        y.v[k] = take_log ? x->v[k] - m - log(s) : exp(x->v[k] - m) / s;
    }
    return y;
}
CALL(softmax, gan_softmax(x[0], q->i[0]))
CALL(log_softmax, gan_log_softmax(x[0], q->i[0]))
static nd r_softmax(const params *q, const nd *x) { return softmax_of(q, x, 0); }
static nd r_log_softmax(const params *q, const nd *x) { return softmax_of(q, x, 1); }
static nd mean_of(const params *q, const nd *x, double (*e)(const double *v, const params *q))
{
    nd all = each(q, x, e), y = nd_new(0, NULL);
    y.v[0] = fold_mean(all.v, all.n, 1);
    return y;
}
static double e_mse(const double *v, const params *q)
{
    (void)q;
    return (v[0] - v[1]) * (v[0] - v[1]);
}
static double e_bce(const double *v, const params *q)
{
    (void)q;
    return splus(v[0]) - v[1] * v[0];
}
CALL(mse_loss, gan_mse_loss(x[0], x[1]))
CALL(bce_with_logits, gan_bce_with_logits(x[0], x[1]))
static nd r_mse_loss(const params *q, const nd *x) { return mean_of(q, x, e_mse); }
static nd r_bce_with_logits(const params *q, const nd *x) { return mean_of(q, x, e_bce); }
// detach cuts one of two paths: x detach(x) has the gradient of x c.
CALL(detach, gan_detach(x[0]))
EACH(detach, v[0])
MAP(detach_path, pull(gan_mul(x[0], gan_detach(x[0])), x[1], x[0]), v[0] * v[1])

static void test_selu(void) { OVER(unary_shapes, selu, NONE); }
static void test_gt_ge_lt_le_eq_ne(void) { OVER(binary_shapes, lt_path, NONE); }
static void test_flatten(void)
{
    op_sample("flatten", f_flatten, r_reshape, "3,1,2", P(.i = {2, [8] = 3, 2}));
}
static void test_expand_as(void)
{
    op_sample("expand_as", f_expand_as, r_expand_as, "3,1; b:2,3,4", NONE);
    op_sample("expand_as of a scalar", f_expand_as, r_expand_as, "(); b:2,3", NONE);
}
static void test_transpose(void) { op_sample("transpose", f_transpose, r_transpose, "3,4", P(.i = {0, 1})); }
static void test_stack(void) { op_sample("stack", f_stack, r_stack, "2,3; 2,3", P(.i = {1})); }
static void test_gather(void) { op_sample("gather", f_gather, r_gather, "2,4; i4:2,3", NONE); }
static void test_pixel_shuffle(void)
{
    op_sample("pixel_shuffle", f_pixel_shuffle, r_pixel_shuffle, "2,8,2,3", P(.i = {2}));
    op_sample("pixel_shuffle by 3", f_pixel_shuffle, r_pixel_shuffle, "1,9,1,2", P(.i = {3}));
    op_sample("pixel_shuffle by 1", f_pixel_shuffle, r_pixel_shuffle, "1,2,2,2", P(.i = {1}));
    op_sample("pixel_unshuffle", f_pixel_unshuffle, r_pixel_unshuffle, "2,2,4,6", P(.i = {2}));
    op_sample("pixel_unshuffle by 3", f_pixel_unshuffle, r_pixel_unshuffle, "1,1,3,6", P(.i = {3}));
}
static void test_mean(void) { EVERY_AXES(mean); }
static void test_var(void)
{
    EVERY_AXES(var);
    LARGE(var, "65,33,7,7", P(.i = {13, 0}, .tol = 20));
}
static void test_argmax(void) { EVERY_AXIS(argmax, 1); }
static void test_norm(void) { EVERY_AXES(norm); }
static void test_logsumexp(void)
{
    EVERY_AXIS(logsumexp, 0);
    op_sample("logsumexp of large numbers", f_logsumexp, r_logsumexp, "3,5",
              P(.i = {1, 0}, .lo = 900, .hi = 905));
}
static void test_all(void)
{
    op_sample("sum_all", f_sum_all, r_sum_all, "2,3,4", NONE);
    op_sample("mean_all", f_mean_all, r_mean_all, "2,3,4", NONE);
    op_sample("sum_all of a scalar", f_sum_all, r_sum_all, "()", NONE);
    op_sample("mean_all of size 1", f_mean_all, r_mean_all, "1,1", NONE);
}
static void test_norm_per_sample(void)
{
    op_sample("norm_per_sample", f_norm_per_sample, r_norm_per_sample, "3,2,2,2", NONE);
    op_sample("norm_per_sample", f_norm_per_sample, r_norm_per_sample, "4,5", NONE);
    op_sample("norm_per_sample of (N)", f_norm_per_sample, r_norm_per_sample, "4", NONE);
}
static void test_scalars(void)
{
    OVER(unary_shapes, neg, NONE);
    OVER(unary_shapes, add_scalar, P(.r = {1.5}));
    OVER(unary_shapes, mul_scalar, P(.r = {-.7}));
    OVER(unary_positive, pow_scalar, P(.r = {2.5}));
    OVER(unary_positive, pow_scalar, P(.r = {-1}));
    OVER(unary_positive, pow_scalar, P(.r = {.5}));
    OVER(unary_shapes, pow_scalar, P(.r = {2}));
    OVER(unary_shapes, pow_scalar, P(.r = {3}));
    OVER(unary_shapes, pow_scalar, P(.r = {1}));
}
static void test_lerp(void)
{
    op_sample("lerp", f_lerp, r_lerp, "3,4; 3,4; 3,4", NONE);
    op_sample("lerp per sample", f_lerp, r_lerp, "3,2,2; 3,2,2; 3,1,1", NONE);
    op_sample("lerp by a scalar", f_lerp, r_lerp, "4; 4; ()", NONE);
}
static void test_softmax(void)
{
    int axis;
    for (axis = -2; axis < 2; ++axis) {
        op_sample("softmax", f_softmax, r_softmax, "3,5", P(.i = {axis}));
        op_sample("log_softmax", f_log_softmax, r_log_softmax, "3,5", P(.i = {axis}));
    }
    op_sample("softmax of the middle axis", f_softmax, r_softmax, "2,3,2", P(.i = {1}));
    op_sample("softmax of size 1", f_softmax, r_softmax, "1", P(.i = {0}));
    op_sample("softmax of large numbers", f_softmax, r_softmax, "2,5",
              P(.i = {1}, .lo = 900, .hi = 904, .tol = 4));
    op_sample("log_softmax of large numbers", f_log_softmax, r_log_softmax, "2,5",
              P(.i = {1}, .lo = -904, .hi = -900, .tol = 40));
}
static void test_simple_losses(void)
{
    op_sample("mse_loss", f_mse_loss, r_mse_loss, "3,4; 3,4", NONE);
    op_sample("mse_loss of size 1", f_mse_loss, r_mse_loss, "1; 1", NONE);
    op_sample("bce_with_logits", f_bce_with_logits, r_bce_with_logits, "3,4; p:3,4", NONE);
    op_sample("bce_with_logits, far out", f_bce_with_logits, r_bce_with_logits, "9; b:9",
              P(.lo = -60, .hi = 60));
}
static void test_detach(void)
{
    op_sample("detach", f_detach, r_detach, "3,4", P(.no_grad = 1));
    op_sample("detach cuts its path only", f_detach_path, r_detach_path, "5; 5", P(.no_grad = 1));
}

// ---- special values, ties, closed forms

static void test_special(void)
{
    gan_context *ctx = gan_create(NULL);
    TEST ("where equal, maximum and minimum share the gradient half and half") {
        const gan_real two[2] = {1, 3};
        gan_tensor *a = gan_from(ctx, two, 1, 2), *b = gan_from(ctx, two, 1, 2);
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_maximum(a, b)), a, 0))[0], .5, 0, "maximum by a");
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_maximum(a, b)), b, 0))[1], .5, 0, "maximum by b");
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_minimum(a, b)), a, 0))[0], .5, 0, "minimum by a");
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_minimum(a, b)), b, 0))[1], .5, 0, "minimum by b");
    }
    TEST ("of equal maxima amax's gradient goes to the first") {
        const gan_real v[4] = {1, 7, 7, 0};
        gan_tensor *x = gan_from(ctx, v, 1, 4);
        gan_real *g = gan_data(gan_grad(gan_amax(x, 0, 0), x, 0));
        CHECK(g && g[0] == 0 && g[1] == 1 && g[2] == 0 && g[3] == 0, "%g %g %g %g", (double)g[0],
              (double)g[1], (double)g[2], (double)g[3]);
        CHECK_NEAR(gan_item(gan_argmax(x, 0, 0)), 1, 0, "argmax");
    }
    TEST ("the norm's gradient is x / |x|, and 0 at 0") {
        const gan_real v[3] = {2, -1, 2};
        gan_tensor *x = gan_from(ctx, v, 1, 3), *zero = gan_zeros(ctx, 1, 3);
        gan_real *g = gan_data(gan_grad(gan_norm(x, GAN_ALL, 0), x, 0)),
                 *z = gan_data(gan_grad(gan_norm(zero, GAN_ALL, 0), zero, 0));
        int i;
        for (i = 0; i < 3; ++i) {
            CHECK_NEAR(g[i], (double)v[i] / 3, 1e-6, "x / |x|");
            CHECK(z[i] == 0, "gradient %g at 0", (double)z[i]);
        }
    }
    TEST ("the gradient at a kink: relu'(0) = 0, |x|'(0) = 0, leaky_relu'(0) = slope (PyTorch's)") {
        gan_tensor *x = gan_zeros(ctx, 1, 1);
        CHECK_NEAR(gan_item(gan_grad(gan_sum_all(gan_relu(x)), x, 0)), 0, 0, "relu");
        CHECK_NEAR(gan_item(gan_grad(gan_sum_all(gan_abs(x)), x, 0)), 0, 0, "abs");
        CHECK_NEAR(gan_item(gan_grad(gan_sum_all(gan_leaky_relu(x, (gan_real).25)), x, 0)), .25, 0,
                   "leaky_relu");
    }
    TEST ("clamp with its bounds the wrong way round gives the upper one, as PyTorch's") {
        gan_real *v = gan_data(gan_clamp(gan_linspace(ctx, -2, 2, 5), 1, -1));
        int i;
        for (i = 0; i < 5; ++i) CHECK_NEAR(v[i], -1, 0, "clamp(x, 1, -1)");
    }
    TEST ("NaN and infinity pass through") {
        const gan_real v[4] = {(gan_real)NAN, (gan_real)HUGE_VAL, (gan_real)-HUGE_VAL, 0};
        gan_tensor *x = gan_from(ctx, v, 1, 4);
        gan_real *r;
        CHECK(isnan((double)gan_data(gan_relu(x))[0]), "relu(NaN)");
        CHECK(isnan((double)gan_data(gan_leaky_relu(x, (gan_real).1))[0]), "leaky_relu(NaN)");
        CHECK(isnan((double)gan_data(gan_clamp(x, -1, 1))[0]), "clamp(NaN)");
        CHECK(isnan((double)gan_item(gan_sum_all(x))), "sum with NaN");
        CHECK(isnan((double)gan_item(gan_amax(x, 0, 0))), "amax with NaN");
        CHECK(isnan((double)gan_data(gan_maximum(x, gan_scalar(ctx, 0)))[0]), "maximum(NaN, 0)");
        CHECK(isnan((double)gan_data(gan_minimum(gan_scalar(ctx, 0), x))[0]), "minimum(0, NaN)");
        r = gan_data(gan_softplus(x));
        CHECK(isnan((double)r[0]) && isinf((double)r[1]) && r[2] == 0, "softplus: %g %g %g", (double)r[0],
              (double)r[1], (double)r[2]);
        r = gan_data(gan_sigmoid(x));
        CHECK(isnan((double)r[0]) && r[1] == 1 && r[2] == 0, "sigmoid: %g %g %g", (double)r[0], (double)r[1],
              (double)r[2]);
        r = gan_data(gan_tanh(x));
        CHECK(isnan((double)r[0]) && r[1] == 1 && r[2] == -1, "tanh: %g %g %g", (double)r[0], (double)r[1],
              (double)r[2]);
        r = gan_data(gan_exp(x));
        CHECK(isnan((double)r[0]) && isinf((double)r[1]) && r[2] == 0 && r[3] == 1, "exp");
        r = gan_data(gan_log(x));
        CHECK(isnan((double)r[0]) && isinf((double)r[1]) && isnan((double)r[2]) && isinf((double)r[3]),
              "log");
    }
    TEST ("losses of logits stay finite, with their gradients, at 0, +-88 and +-1e4") {
        const gan_real v[5] = {0, 88, -88, 10000, -10000};
        gan_tensor *x = gan_from(ctx, v, 1, 5);
        gan_real *g = gan_data(gan_grad(gan_sum_all(gan_softplus(x)), x, 0)), *y = gan_data(gan_softplus(x));
        int i;
        for (i = 0; i < 5; ++i)
            CHECK(isfinite((double)g[i]) && isfinite((double)y[i]), "softplus(%g) = %g, gradient %g",
                  (double)v[i], (double)y[i], (double)g[i]);
        g = gan_data(gan_grad(gan_bce_with_logits(x, gan_full(ctx, 1, 1, 5)), x, 0));
        for (i = 0; i < 5; ++i) CHECK(isfinite((double)g[i]), "bce gradient at %g", (double)v[i]);
    }
    TEST ("a tensor used several times gets the sum of its gradients") {
        gan_tensor *x = gan_scalar(ctx, 3);
        CHECK_NEAR(gan_item(gan_grad(gan_mul(x, gan_mul(x, x)), x, 0)), 27, 1e-5, "d x^3");
        CHECK_NEAR(gan_item(gan_grad(gan_add(x, x), x, 0)), 2, 0, "d (x + x)");
        CHECK_NEAR(gan_item(gan_grad(gan_div(x, x), x, 0)), 0, 1e-6, "d (x / x)");
        CHECK_NEAR(gan_item(gan_grad(gan_sub(x, x), x, 0)), 0, 0, "d (x - x)");
    }
    TEST ("no error came up among the special values") {
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    }
    gan_destroy(ctx);
}

// ---- negative controls

static nd r_wrong_conv(const params *q,
                       const nd *x) // drops the kernel's last row, as KANN's padded convolution did
{
    nd w = nd_copy(&x[1]), in[3];
    int kh = w.dim[2], kw = w.dim[3];
    for (size_t k = 0; k < w.n; ++k)
        if ((int)(k / (size_t)kw) % kh == kh - 1) w.v[k] = 0;
    in[0] = x[0], in[1] = w, in[2] = x[2];
    return r_conv2d(q, in);
}
static nd r_wrong_gelu(const params *q, const nd *x) // the tanh approximation is not the exact one
{
    nd y = nd_copy(x);
    (void)q;
    for (size_t k = 0; k < y.n; ++k) {
        double t = x->v[k];
        y.v[k] = .5 * t * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (t + .044715 * t * t * t)));
    }
    return y;
}
static nd r_wrong_bilinear(const params *q, const nd *x) // align_corners true
{
    int f = q->i[0], h = x->dim[2], w = x->dim[3];
    nd y = nd_new4(x->dim[0], x->dim[1], h * f, w * f);
    for (size_t k = 0; k < y.n; ++k) {
        int at[4], a, b;
        double s, t, fs, ft;
        const double *p;
        unravel(k, 4, y.dim, at);
        s = at[2] * (h - 1.) / (h * f - 1), t = at[3] * (w - 1.) / (w * f - 1);
        a = (int)s, b = (int)t;
        if (a > h - 2) a = h - 2;
        if (b > w - 2) b = w - 2;
        fs = s - a, ft = t - b;
        p = x->v + (size_t)(at[0] * x->dim[1] + at[1]) * (size_t)(h * w);
        y.v[k] = (1 - fs) * ((1 - ft) * p[a * w + b] + ft * p[a * w + b + 1]) +
                 fs * ((1 - ft) * p[(a + 1) * w + b] + ft * p[(a + 1) * w + b + 1]);
    }
    return y;
}
static nd r_wrong_transpose(const params *q, const nd *x)
{
    params p = *q;
    p.i[0] = !p.i[0];
    return r_matmul_t(&p, x);
}
static void control_forward(const char *what, gan_function *f, reference *wrong, const char *line, params p)
{
    TESTF_MUST_FAIL ("%s: a wrong reference is caught", what) {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        nd x[MAX_IN], want;
        gan_tensor *in[MAX_IN];
        int has_grad[MAX_IN], i;
        nd_used = 0;
        check_seed(1);
        p.n = make_inputs(line, &p, x, has_grad);
        want = wrong(&p, x);
        for (i = 0; i < p.n; ++i) in[i] = to_tensor(ctx, &x[i]);
        check_tensor(f(ctx, in, &p), &want, REAL_TOL * (p.tol > 0 ? p.tol : 1), what);
        gan_destroy(ctx);
    }
}

#ifdef GAN_DOUBLE
// Each hides part of its dependence from the tape.
CALL(hidden_part, gan_mul(x[0], gan_detach(gan_tanh(x[0]))))
CALL(hidden_second, gan_mul(x[0], gan_detach(x[1])))
CALL(hidden_entry, gan_concat(0, 2, gan_slice(x[0], 0, 0, 4), gan_detach(gan_slice(x[0], 0, 4, 5))))
// Value sin(x), derivative -cos(x): sin(detach) + (sin(detach) - sin(x)).
CALL(wrong_sign, gan_sub(gan_mul_scalar(gan_sin(gan_detach(x[0])), 2), gan_sin(x[0])))
// Value x^2 and derivative 1.01 * 2 x.
CALL(one_percent,
     gan_add(gan_square(x[0]),
             gan_mul_scalar(gan_sub(gan_square(x[0]), gan_square(gan_detach(x[0]))), (gan_real).01)))
// First derivative right (2 x as a constant times x), second wrong: d(x 2c) with c = detach(x) is 2 c, whose
// own derivative is lost.
CALL(wrong_second, gan_sub(gan_mul_scalar(gan_mul(x[0], gan_detach(x[0])), 2), gan_square(gan_detach(x[0]))))

static void control_gradient(const char *what, gan_function *f, const char *line, int order, int own)
{
    TESTF_MUST_FAIL ("%s is caught by %s, order %d", what,
                     own ? "the finite differences of the tests" : "gan_gradcheck", order) {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        params p = NONE;
        nd x[MAX_IN];
        gan_tensor *in[MAX_IN];
        int has_grad[MAX_IN], i, ok;
        nd_used = 0;
        check_seed(1);
        p.n = make_inputs(line, &p, x, has_grad);
        for (i = 0; i < p.n; ++i) in[i] = to_tensor(ctx, &x[i]);
        ok = own ? fd_check(ctx, f, &p, p.n, in, order, NULL)
                 : gan_gradcheck(ctx, f, &p, p.n, in, order, NULL);
        if (gan_error(ctx)) ok = 1; // an error would be the wrong reason
        CHECK(ok, "caught");
        gan_destroy(ctx);
    }
}
#endif

static void negative_controls(void)
{
    control_forward("a padded convolution without its last kernel row", f_conv2d, r_wrong_conv,
                    "1,2,5,5; 2,2,3,3; 2", P(.i = {1, 0, 1}));
    control_forward("gelu by tanh", f_gelu, r_wrong_gelu, "64", NONE);
    control_forward("bilinear with aligned corners", f_upsample, r_wrong_bilinear, "1,1,3,3",
                    P(.i = {2, GAN_BILINEAR}));
    control_forward("a - b for b - a", f_sub, r_add, "3; 3", NONE);
    control_forward("the other transpose", f_matmul_t, r_wrong_transpose, "3,3; 3,3", NONE);
    control_forward("the sum over the other axis", f_sum, r_mean, "3,3", P(.i = {1, 0}));
#ifdef GAN_DOUBLE
    {
        int own;
        for (own = 0; own < 2; ++own) {
            control_gradient("a hidden factor", f_hidden_part, "5", 1, own);
            control_gradient("a hidden second input", f_hidden_second, "5; 5", 1, own);
            control_gradient("one hidden entry", f_hidden_entry, "5", 1, own);
            control_gradient("a wrong sign", f_wrong_sign, "5", 1, own);
            control_gradient("an error of one percent", f_one_percent, "5", 1, own);
            control_gradient("a wrong second derivative", f_wrong_second, "5", 2, own);
        }
        TEST ("the wrong second derivative has a right first one") {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            const gan_real v[2] = {1.5, -.5};
            gan_tensor *x = gan_from(ctx, v, 1, 2);
            gan_gradcheck_report r;
            CHECK(gan_item(gan_grad(gan_sum_all(gan_slice(f_wrong_second(ctx, &x, NULL), 0, 0, 1)), x, 0)) ==
                      3,
                  "2 x at 1.5");
            (void)gan_gradcheck(ctx, f_hidden_entry, NULL, 1, (gan_tensor *[]){gan_linspace(ctx, 1, 2, 5)}, 1,
                                &r);
            CHECK(r.input == 0 && r.entry == 4 && r.analytic == 0 && r.worst > 1,
                  "report: input %d entry %d worst %g", r.input, r.entry, r.worst);
            (void)gan_gradcheck(ctx, f_hidden_second, NULL, 2,
                                (gan_tensor *[]){gan_linspace(ctx, 1, 2, 5), gan_linspace(ctx, 2, 3, 5)}, 1,
                                &r);
            CHECK(r.input == 1, "report: input %d", r.input);
            gan_destroy(ctx);
        }
    }
#endif
}

// ---- the tables: an operation, or a composed function, without a test function does not compile

static const struct {
    const char *name;
    void (*run)(void);
} operations[] = {
#define ROW(id, name) {#name, test_##name},
    GAN_OPERATIONS(ROW)
#undef ROW
};

#define COMPOSED(X)                                                                                          \
    X(selu)                                                                                                  \
    X(gt_ge_lt_le_eq_ne)                                                                                     \
    X(flatten)                                                                                               \
    X(expand_as)                                                                                             \
    X(transpose)                                                                                             \
    X(stack)                                                                                                 \
    X(gather) X(pixel_shuffle) X(mean) X(var) X(argmax) X(norm) X(logsumexp) X(all) X(norm_per_sample)       \
        X(scalars) X(lerp) X(softmax) X(simple_losses) X(detach)
static const struct {
    const char *name;
    void (*run)(void);
} composed[] = {
#define ROW(name) {#name, test_##name},
    COMPOSED(ROW)
#undef ROW
};

int main(void)
{
    size_t i;
    int isa, isas = 0;
    for (i = 0; i < COUNT(operations); ++i) operations[i].run();
    for (i = 0; i < COUNT(composed); ++i) composed[i].run();
    test_special();
    negative_controls();
    TEST ("every operation has a test") {
        CHECK(COUNT(operations) == GAN_OP_COUNT - 1, "%d tests for %d operations", (int)COUNT(operations),
              GAN_OP_COUNT - 1);
    }
    for (isa = 0; isa < GAN_ISA_COUNT; ++isa) isas += (isas_seen >> isa) & 1;
    printf("%d operations and the composed functions, %d samples, %d instruction sets forced\n",
           (int)COUNT(operations), samples_run, isas);
#ifdef GAN_DOUBLE
    printf("%d gradient checks of order 1 and 2: worst error %.3g, at most %.3g of the tolerance (atol 1e-5, "
           "rtol 1e-3)\n",
           gradchecks, worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
