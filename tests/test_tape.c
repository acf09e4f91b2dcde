// Recording, gradients, gradients of gradients to any order, what gradients flow to, and gan_gradcheck
// itself.
#include "../gan.h"

#include "test.h"

#include "check.h"

#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif

static gan_tensor *vector(gan_context *ctx, int n, ...)
{
    gan_tensor *t = gan_zeros(ctx, n);
    va_list list;
    int i;
    va_start(list, n);
    for (i = 0; i < n; ++i) gan_data(t)[i] = (gan_real)va_arg(list, double);
    va_end(list);
    return t;
}

static gan_tensor *sum(gan_tensor *x) { return gan_sum_all(x); }

static void no_error(gan_context *ctx) { CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx)); }

static void orders(void)
{
    TEST ("x^5 to its fifth derivative: 5x^4, 20x^3, 60x^2, 120x, 120, then 0") {
        gan_context *ctx = gan_create(NULL);
        static const double want[] = {
            5 * 1.5 * 1.5 * 1.5 * 1.5, 20 * 1.5 * 1.5 * 1.5, 60 * 1.5 * 1.5, 120 * 1.5, 120, 0};
        gan_tensor *x = gan_scalar(ctx, (gan_real)1.5),
                   *y = gan_mul(x, gan_mul(x, gan_mul(x, gan_mul(x, x))));
        int i;
        for (i = 0; i < 6; ++i) {
            y = gan_grad(y, x, GAN_CREATE_GRAPH);
            CHECK_NEAR(gan_item(y), want[i], TOL * (1 + want[i]), "derivative of x^5");
        }
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("the derivatives of sin go round: cos, -sin, -cos, sin, cos, -sin") {
        gan_context *ctx = gan_create(NULL);
        const double want[] = {cos(.7), -sin(.7), -cos(.7), sin(.7), cos(.7), -sin(.7)};
        gan_tensor *x = gan_scalar(ctx, (gan_real).7), *y = gan_sin(x);
        int i;
        for (i = 0; i < 6; ++i) {
            y = gan_grad(y, x, GAN_CREATE_GRAPH);
            CHECK_NEAR(gan_item(y), want[i], TOL, "derivative of sin");
        }
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("every derivative of exp is exp") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, (gan_real)-.3), *y = gan_exp(x);
        int i;
        for (i = 0; i < 5; ++i) {
            y = gan_grad(y, x, GAN_CREATE_GRAPH);
            CHECK_NEAR(gan_item(y), exp(-.3), TOL, "derivative of exp");
        }
        gan_destroy(ctx);
    }
    TEST ("tanh to its third derivative") {
        gan_context *ctx = gan_create(NULL);
        double t = tanh(.4), s = 1 - t * t, want[3];
        gan_tensor *x = gan_scalar(ctx, (gan_real).4), *y = gan_tanh(x);
        int i;
        want[0] = s, want[1] = -2 * t * s, want[2] = -2 * s * s + 4 * t * t * s;
        for (i = 0; i < 3; ++i) {
            y = gan_grad(y, x, GAN_CREATE_GRAPH);
            CHECK_NEAR(gan_item(y), want[i], TOL, "derivative of tanh");
        }
        gan_destroy(ctx);
    }
    TEST ("a mixed derivative: d/dy d/dx of x^2 y^3 is 6 x y^2") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 2), *y = gan_scalar(ctx, 3);
        gan_tensor *f = gan_mul(gan_square(x), gan_mul(y, gan_square(y)));
        gan_tensor *fx = gan_grad(f, x, GAN_CREATE_GRAPH);
        CHECK_NEAR(gan_item(fx), 2 * 2 * 27, TOL * 100, "df/dx");
        CHECK_NEAR(gan_item(gan_grad(fx, y, 0)), 6 * 2 * 9, TOL * 100, "d2f/dxdy");
        gan_destroy(ctx);
    }
    TEST ("a Hessian by rows: of (x'Ax)/2 it is (A + A')/2") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *a = gan_rand_normal(ctx, 3, 3), *x = gan_rand_normal(ctx, 3), *c = gan_reshape(x, 3, 1);
        gan_tensor *q = gan_mul_scalar(sum(gan_mul(c, gan_matmul(a, c))), (gan_real).5),
                   *g = gan_grad(q, x, GAN_CREATE_GRAPH);
        int i, j;
        for (i = 0; i < 3; ++i) {
            gan_real *row = gan_data(gan_grad(sum(gan_slice(g, 0, i, i + 1)), x, 0));
            for (j = 0; j < 3; ++j)
                CHECK_NEAR(row[j], ((double)gan_data(a)[i * 3 + j] + (double)gan_data(a)[j * 3 + i]) / 2,
                           TOL * 10, "entry of the Hessian");
        }
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("without GAN_CREATE_GRAPH the gradient is a constant: its own gradient is 0") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 2), *g = gan_grad(gan_mul(x, gan_square(x)), x, 0);
        CHECK_NEAR(gan_item(g), 12, TOL * 10, "3 x^2");
        CHECK_NEAR(gan_item(gan_grad(g, x, 0)), 0, 0, "its gradient");
        gan_destroy(ctx);
    }
}

static void flow(void)
{
    TEST ("gan_grads gives the right gradient for each and zeros for what y does not depend on") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[4], *dx[4];
        int code;
        x[0] = vector(ctx, 2, 1., 2.), x[1] = vector(ctx, 2, 3., 4.), x[2] = gan_zeros(ctx, 2, 3),
        x[3] = x[0];
        code = gan_grads(sum(gan_mul(x[0], gan_square(x[1]))), 4, x, dx, 0);
        CHECK(code == 0, "code %d", code);
        CHECK_NEAR(gan_data(dx[0])[1], 16, TOL * 10, "by the first");
        CHECK_NEAR(gan_data(dx[1])[0], 6, TOL * 10, "by the second");
        CHECK(gan_ndim(dx[2]) == 2 && gan_dim(dx[2], 1) == 3, "zeros of the shape of x");
        CHECK(gan_data(dx[2])[0] == 0 && gan_data(dx[2])[5] == 0, "zeros");
        CHECK_NEAR(gan_data(dx[3])[1], 16, TOL * 10, "the same tensor asked for twice");
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("dy/dy is 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 2), *y = gan_square(x);
        CHECK_NEAR(gan_item(gan_grad(y, y, 0)), 1, 0, "dy/dy");
        CHECK_NEAR(gan_item(gan_grad(x, x, 0)), 1, 0, "dx/dx");
        gan_destroy(ctx);
    }
    TEST ("the gradient of an inner tensor: y = sin(u), u = x^2") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, (gan_real)1.2), *u = gan_square(x), *y = gan_sin(u), *in[2], *d[2];
        in[0] = u, in[1] = x;
        CHECK(gan_grads(y, 2, in, d, 0) == 0, "%s", gan_error_message(ctx));
        CHECK_NEAR(gan_item(d[0]), cos(1.44), TOL, "by u");
        CHECK_NEAR(gan_item(d[1]), cos(1.44) * 2.4, TOL, "by x");
        gan_destroy(ctx);
    }
    TEST ("detach stops the gradient and shares the values") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 3), *d = gan_detach(gan_square(x));
        CHECK_NEAR(gan_item(d), 9, 0, "value");
        CHECK_NEAR(gan_item(gan_grad(gan_mul(x, d), x, 0)), 9, 0, "only the open path");
        CHECK_NEAR(gan_item(gan_grad(d, x, 0)), 0, 0, "nothing through detach");
        CHECK_NEAR(gan_item(gan_grad(gan_square(d), d, 0)), 18, 0, "but it can be asked for itself");
        CHECK(gan_data(gan_detach(x)) == gan_data(x), "no copy");
        gan_destroy(ctx);
    }
    TEST ("with recording off there is no gradient; gan_record returns what it was") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 3), *y;
        CHECK(gan_record(ctx, 0) == 1, "it was on");
        y = gan_square(x);
        CHECK(gan_record(ctx, 1) == 0, "it was off");
        CHECK_NEAR(gan_item(y), 9, 0, "value");
        CHECK_NEAR(gan_item(gan_grad(gan_mul(y, x), x, 0)), 9, 0, "y is a constant");
        CHECK_NEAR(gan_item(gan_grad(gan_mul(gan_square(x), x), x, 0)), 27, TOL * 10, "on again");
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("the gradient can be taken twice from one graph and of two losses that share a part") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 2), *u = gan_exp(x), *a = gan_square(u), *b = gan_mul_scalar(u, 3);
        CHECK_NEAR(gan_item(gan_grad(a, x, 0)), 2 * exp(4.), TOL * 200, "first");
        CHECK_NEAR(gan_item(gan_grad(b, x, 0)), 3 * exp(2.), TOL * 40, "the other");
        CHECK_NEAR(gan_item(gan_grad(a, x, 0)), 2 * exp(4.), TOL * 200, "again");
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("changed inputs do not change what was recorded: a graph of depth 2000") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 1), *y = x;
        int i;
        for (i = 0; i < 2000; ++i) y = gan_affine(y, (gan_real)1.001, 0);
        CHECK_NEAR(gan_item(gan_grad(y, x, 0)), pow(1.001, 2000), 2e-2, "1.001^2000");
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("a diamond of 40 floors costs 40 floors, not 2^40") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 1), *y = x;
        int i;
        for (i = 0; i < 40; ++i) y = gan_mul_scalar(gan_add(y, y), (gan_real).5);
        CHECK_NEAR(gan_item(gan_grad(y, x, 0)), 1, 1e-5, "1");
        gan_destroy(ctx);
    }
    TEST ("a y that is not one value is an error with its shape") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 3);
        gan_tensor *g = gan_grad(gan_square(x), x, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE || gan_error(ctx) == GAN_ERROR_ARGUMENT, "code %d",
              gan_error(ctx));
        CHECK(gan_data(g) == NULL, "poison");
        CHECK_TEXT(gan_error_message(ctx), "grad");
        gan_destroy(ctx);
    }
}

// ---- only what is asked for

enum { WIDE = 1024, TALL = 4096 };

static gan_tensor *tiny_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(z, gan_param(m, "theta", gan_init_constant(0), WIDE));
}
static gan_tensor *wide_discriminator(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_mean(gan_linear_no_bias(m, "fc", x, TALL), GAN_AXES(1), 0);
}

static void only_what_is_asked(void)
{
    TEST ("a backward pass without GAN_CREATE_GRAPH frees its temporaries as it goes: a chain of 60 needs a "
          "few, not 60") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 100000), *y = x, *g;
        const size_t one = 100000 * sizeof(gan_real);
        size_t before, plain, graph;
        int i;
        for (i = 0; i < 20; ++i) y = gan_add(gan_mul(gan_tanh(y), x), y);
        y = gan_sum_all(y);
        before = gan_memory(ctx).current;
        gan_scope_open(ctx);
        g = gan_grad(y, x, 0);
        CHECK(gan_data(g) != NULL, "%s", gan_error_message(ctx));
        plain = gan_memory(ctx).peak - before;
        gan_scope_close(ctx);
        gan_scope_open(ctx);
        (void)gan_grad(y, x, GAN_CREATE_GRAPH);
        graph = gan_memory(ctx).peak - before;
        gan_scope_close(ctx);
        CHECK(plain < 10 * one, "%.1f tensors", (double)plain / (double)one);
        CHECK(graph > 30 * one, "with a graph only %.1f tensors: the measure does not measure",
              (double)graph / (double)one);
        gan_destroy(ctx);
    }
    TEST ("a generator step leaves the discriminator's weights alone and computes no gradient of them") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", tiny_generator, NULL),
                  *d = gan_model_create(ctx, "d", wide_discriminator, NULL);
        gan_optimizer *o;
        size_t before, weight = (size_t)WIDE * TALL * sizeof(gan_real), i, changed = 0;
        gan_real *copy = (gan_real *)malloc(weight);
        gan_tensor *w;
        gan_record(ctx, 0);
        gan_scope_open(ctx);
        (void)gan_forward(d, gan_forward(g, gan_zeros(ctx, 1, WIDE), NULL), NULL);
        gan_scope_close(ctx);
        gan_record(ctx, 1);
        o = gan_optimizer_create(g, gan_sgd((gan_real).1, 0));
        w = gan_model_find(d, "fc.weight");
        CHECK(w != NULL && gan_numel(w) == (size_t)WIDE * TALL, "the weight is fc.weight");
        memcpy(copy, gan_data(w), weight);
        before = gan_memory(ctx).current;
        (void)gan_minimize(
            o, gan_sum_all(gan_forward(d, gan_forward(g, gan_rand_normal(ctx, 1, WIDE), NULL), NULL)));
        CHECK(gan_memory(ctx).peak - before < weight / 2,
              "the step took %lu bytes; the weight's gradient alone has %lu",
              (unsigned long)(gan_memory(ctx).peak - before), (unsigned long)weight);
        CHECK(memcmp(copy, gan_data(w), weight) == 0, "D's weight changed");
        for (i = 0; i < WIDE; ++i) changed += gan_data(gan_model_find(g, "theta"))[i] != 0;
        CHECK(changed > WIDE / 2, "G moved in %lu places", (unsigned long)changed);
        no_error(ctx);
        free(copy);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("the same measure sees a discriminator step, which does compute that gradient") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", wide_discriminator, NULL);
        gan_optimizer *o;
        size_t before, weight = (size_t)WIDE * TALL * sizeof(gan_real);
        gan_scope_open(ctx);
        (void)gan_forward(d, gan_zeros(ctx, 1, WIDE), NULL);
        gan_scope_close(ctx);
        o = gan_optimizer_create(d, gan_sgd((gan_real).1, 0));
        before = gan_memory(ctx).current;
        (void)gan_minimize(o, gan_sum_all(gan_forward(d, gan_rand_normal(ctx, 1, WIDE), NULL)));
        CHECK(gan_memory(ctx).peak - before < weight / 2, "seen");
        gan_destroy(ctx);
    }
    TEST (
        "the same with backward through a convolution: conv2d's input gradient alone, without its weight's") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *w = gan_rand_normal(ctx, 512, 512, 3, 3), *x = gan_rand_normal(ctx, 1, 512, 3, 3), *y,
                   *dx;
        size_t before, weight = gan_numel(w) * sizeof(gan_real);
        y = gan_sum_all(gan_f_conv2d(x, w, NULL, NULL));
        before = gan_memory(ctx).current;
        dx = gan_grad(y, x, 0);
        CHECK(gan_data(dx) != NULL, "%s", gan_error_message(ctx));
        CHECK(gan_memory(ctx).peak < before + weight / 2 || gan_memory(ctx).peak <= before,
              "%lu bytes for dx; dw has %lu", (unsigned long)(gan_memory(ctx).peak - before),
              (unsigned long)weight);
        gan_destroy(ctx);
    }
}

// ---- closed forms

static void closed_forms(void)
{
    TEST ("d softplus = sigmoid, d log = 1/x, d sqrt = 1/(2 sqrt x), d erf = 2/sqrt(pi) exp(-x^2)") {
        gan_context *ctx = gan_create(NULL);
        double v;
        for (v = .1; v < 3; v += .37) {
            gan_tensor *x = gan_scalar(ctx, (gan_real)v);
            double t = (double)gan_item(x);
            CHECK_NEAR(gan_item(gan_grad(gan_softplus(x), x, 0)), 1 / (1 + exp(-t)), TOL, "softplus'");
            CHECK_NEAR(gan_item(gan_grad(gan_log(x), x, 0)), 1 / t, TOL * 10, "log'");
            CHECK_NEAR(gan_item(gan_grad(gan_sqrt(x), x, 0)), .5 / sqrt(t), TOL * 10, "sqrt'");
            CHECK_NEAR(gan_item(gan_grad(gan_erf(x), x, 0)), 2 / sqrt(acos(-1.)) * exp(-t * t), TOL, "erf'");
            CHECK_NEAR(gan_item(gan_grad(gan_gelu(x), x, 0)),
                       .5 * (1 + erf(t / sqrt(2.))) + t * exp(-t * t / 2) / sqrt(2 * acos(-1.)), TOL,
                       "gelu'");
        }
        gan_destroy(ctx);
    }
    TEST ("the gradient of log-sum-exp is the softmax, its Hessian diag(p) - p p'") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = vector(ctx, 4, .1, -1., 2., .7),
                   *g = gan_grad(gan_logsumexp(x, 0, 0), x, GAN_CREATE_GRAPH);
        double p[4], s = 0;
        int i, j;
        for (i = 0; i < 4; ++i) s += p[i] = exp((double)gan_data(x)[i]);
        for (i = 0; i < 4; ++i) p[i] /= s;
        for (i = 0; i < 4; ++i) {
            gan_real *h = gan_data(gan_grad(gan_sum_all(gan_slice(g, 0, i, i + 1)), x, 0));
            CHECK_NEAR(gan_data(g)[i], p[i], TOL, "softmax");
            for (j = 0; j < 4; ++j) CHECK_NEAR(h[j], (i == j ? p[i] : 0) - p[i] * p[j], TOL, "Hessian");
        }
        gan_destroy(ctx);
    }
    TEST ("the gradient of sum(A B) is ones B' and A' ones") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *in[2], *d[2];
        int i, j;
        in[0] = gan_rand_normal(ctx, 3, 4), in[1] = gan_rand_normal(ctx, 4, 2);
        CHECK(gan_grads(gan_sum_all(gan_matmul(in[0], in[1])), 2, in, d, 0) == 0, "%s",
              gan_error_message(ctx));
        for (i = 0; i < 3; ++i)
            for (j = 0; j < 4; ++j)
                CHECK_NEAR(gan_data(d[0])[i * 4 + j],
                           (double)gan_data(in[1])[j * 2] + (double)gan_data(in[1])[j * 2 + 1], TOL, "dA");
        for (j = 0; j < 4; ++j) {
            double s = 0;
            for (i = 0; i < 3; ++i) s += (double)gan_data(in[0])[i * 4 + j];
            CHECK_NEAR(gan_data(d[1])[j * 2 + 1], s, TOL, "dB");
        }
        gan_destroy(ctx);
    }
    TEST ("the gradient of |grad|^2 of a quadratic: f = x'Sx/2 has |Sx|^2 and 2 S'S x") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = vector(ctx, 2, 1., -2.), *s = vector(ctx, 2, 3., 5.); // S diagonal
        gan_tensor *f = gan_mul_scalar(sum(gan_mul(s, gan_square(x))), (gan_real).5),
                   *g = gan_grad(f, x, GAN_CREATE_GRAPH);
        gan_tensor *n = sum(gan_square(g)), *h = gan_grad(n, x, 0);
        CHECK_NEAR(gan_item(n), 9 + 100, TOL * 100, "|Sx|^2");
        CHECK_NEAR(gan_data(h)[0], 2 * 9 * 1, TOL * 100, "2 S'S x");
        CHECK_NEAR(gan_data(h)[1], 2 * 25 * -2, TOL * 100, "2 S'S x");
        gan_destroy(ctx);
    }
}

#ifdef GAN_DOUBLE
// ---- gan_gradcheck against the finite differences of check.h, and against functions that lie

static gan_tensor *mixture(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx, (void)user;
    return gan_mul(gan_tanh(gan_matmul(x[0], x[1])),
                   gan_sigmoid(gan_add(x[2], gan_exp(gan_mul_scalar(x[2], (gan_real)-.5)))));
}
static gan_tensor *double_first(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx, (void)user;
    return gan_mul(gan_detach(x[0]), gan_mul(x[1], x[0])); // the dependence of the first factor is hidden
}
static gan_tensor *needs_order_two(gan_context *ctx, gan_tensor **x, void *user)
{
    gan_tensor *g;
    (void)user;
    // the gradient of x^3 taken without a graph: its own gradient is lost (fault 2 of the GAN libraries)
    g = gan_grad(gan_sum_all(gan_mul(x[0], gan_square(x[0]))), x[0], 0);
    (void)ctx;
    return gan_add(gan_square(x[0]), g);
}

static gan_tensor *nan_first(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx, (void)user;
    return gan_log(x[0]);
}

// Inputs of 3 and 4 entries, of which one, entry `*user` of all 7, is hidden from the tape.
static gan_tensor *hides_one(gan_context *ctx, gan_tensor **x, void *user)
{
    gan_tensor *all = gan_concat(0, x[0], x[1]);
    int k = *(int *)user;
    (void)ctx;
    if (k < 0) return gan_square(all);
    return gan_square(gan_concat(0, gan_slice(all, 0, 0, k), gan_detach(gan_slice(all, 0, k, k + 1)),
                                 gan_slice(all, 0, k + 1, 7)));
}

static void gradcheck_itself(void)
{
    TEST ("gan_gradcheck looks at every entry of every input: any one that is hidden is found, and none is "
          "accused wrongly") {
        int k, order;
        for (k = -1; k < 7; ++k)
            for (order = 1; order <= 2; ++order) {
                gan_context *ctx = gan_create(NULL);
                gan_gradcheck_report r;
                fd_report q;
                gan_tensor *x[2];
                int own, library;
                x[0] = vector(ctx, 3, .5, -1., 2.), x[1] = vector(ctx, 4, 1., .3, -.7, 1.5);
                library = gan_gradcheck(ctx, hides_one, &k, 2, x, order, &r);
                own = fd_check(ctx, hides_one, &k, 2, x, order, &q);
                CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
                CHECK(own == library, "entry %d, order %d: gan_gradcheck %d, the tests %d", k, order, library,
                      own);
                if (order == 1) {
                    CHECK(library == (k < 0), "entry %d: %d", k, library);
                    CHECK(k < 0 || (r.input == (k >= 3) && r.entry == (k < 3 ? k : k - 3)),
                          "entry %d is reported as input %d entry %d", k, r.input, r.entry);
                }
                gan_destroy(ctx);
            }
    }
    TEST_MUST_FAIL (
        "a NaN in the first of two entries fails gan_gradcheck: it is not forgotten at the second") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = vector(ctx, 2, -1., 2.);
        CHECK(gan_gradcheck(ctx, nan_first, NULL, 1, &x, 1, NULL), "caught");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a NaN fails the finite differences of the tests") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = vector(ctx, 2, -1., 2.);
        CHECK(fd_check(ctx, nan_first, NULL, 1, &x, 1, NULL), "caught");
        gan_destroy(ctx);
    }
    TEST ("gan_gradcheck passes a composed function at orders 1 and 2, as do the finite differences of the "
          "tests") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[3];
        int order;
        x[0] = gan_rand_normal(ctx, 3, 4), x[1] = gan_rand_normal(ctx, 4, 2),
        x[2] = gan_rand_normal(ctx, 3, 2);
        for (order = 1; order <= 2; ++order) check_gradient(ctx, mixture, NULL, 3, x, order, "mixture");
        CHECK(fd_check(ctx, mixture, NULL, 3, x, 3, NULL), "order 3");
        no_error(ctx);
        gan_destroy(ctx);
    }
    TEST ("gan_gradcheck leaves its inputs as they were, and no memory") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[3];
        gan_real copy[12];
        size_t before;
        x[0] = gan_rand_normal(ctx, 3, 4), x[1] = gan_rand_normal(ctx, 4, 2),
        x[2] = gan_rand_normal(ctx, 3, 2);
        memcpy(copy, gan_data(x[0]), sizeof copy);
        CHECK(gan_gradcheck(ctx, mixture, NULL, 3, x, 2, NULL), "passes with a NULL report");
        before = gan_memory(ctx).current; // the first run may leave records of tensors for reuse
        CHECK(gan_gradcheck(ctx, mixture, NULL, 3, x, 2, NULL), "passes again");
        CHECK(memcmp(copy, gan_data(x[0]), sizeof copy) == 0, "inputs changed");
        CHECK(gan_memory(ctx).current == before, "%lu bytes more",
              (unsigned long)(gan_memory(ctx).current - before));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a hidden factor fails gan_gradcheck") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[2];
        x[0] = vector(ctx, 2, 1., 2.), x[1] = vector(ctx, 2, .5, -1.);
        CHECK(gan_gradcheck(ctx, double_first, NULL, 2, x, 1, NULL), "caught");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a gradient whose graph was lost fails gan_gradcheck") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = vector(ctx, 2, 1., 2.);
        CHECK(gan_gradcheck(ctx, needs_order_two, NULL, 1, &x, 1, NULL), "caught");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a gradient whose graph was lost fails the finite differences of the tests") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = vector(ctx, 2, 1., 2.);
        CHECK(fd_check(ctx, needs_order_two, NULL, 1, &x, 1, NULL), "caught");
        gan_destroy(ctx);
    }
    TEST ("the report of a failed gan_gradcheck says where and what") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[2];
        gan_gradcheck_report r;
        x[0] = vector(ctx, 2, 1., 2.), x[1] = vector(ctx, 2, .5, 40.);
        CHECK(!gan_gradcheck(ctx, double_first, NULL, 2, x, 1, &r), "fails");
        CHECK(r.input == 0, "input %d", r.input);
        CHECK(r.worst >= 1 && r.error > 0, "worst %g, error %g", r.worst, r.error);
        CHECK_NEAR(r.numeric, 2 * r.analytic, fabs(r.numeric) * 1e-4, "twice what the tape says");
        gan_destroy(ctx);
    }
}
#endif

// A convolution, norm and nonlinearity: gradients and gradients of gradients are the same bits for any number
// of threads.
static gan_tensor *deep(gan_context *ctx)
{
    gan_tensor *x = gan_rand_normal(ctx, 7, 5, 17, 13), *w = gan_rand_normal(ctx, 9, 5, 3, 3),
               *v = gan_rand_normal(ctx, 31, 9 * 17 * 13);
    gan_conv2d_desc d;
    gan_tensor *h, *g, *in[3], *out[3];
    memset(&d, 0, sizeof d);
    d.padding_h = d.padding_w = 1;
    h = gan_leaky_relu(gan_normalize(gan_f_conv2d(x, w, NULL, &d), 7, 9, 17 * 13, (gan_real)1e-5),
                       (gan_real).2);
    h = gan_tanh(gan_mul_scalar(gan_f_linear(gan_flatten(h), v, NULL), (gan_real).02));
    g = gan_grad(gan_sum_all(h), x, GAN_CREATE_GRAPH);
    in[0] = x, in[1] = w, in[2] = v;
    if (gan_grads(gan_mean_all(gan_square(gan_norm_per_sample(g))), 3, in, out, 0)) return NULL;
    return gan_concat(0, gan_reshape(out[0], -1), gan_reshape(out[1], -1), gan_reshape(out[2], -1));
}

static void threads(void)
{
    TEST (
        "a gradient of a gradient through conv2d, normalize and linear has the same bits with 1, 2, 3 and 7 "
        "threads") {
        static const int counts[] = {2, 3, 7};
        gan_context *one = context_with(GAN_ISA_AUTO, 1);
        gan_tensor *want = deep(one);
        double s = 0;
        size_t k;
        int i;
        CHECK(want != NULL, "%s", gan_error_message(one));
        for (k = 0; want && k < gan_numel(want); ++k) s += fabs((double)gan_data(want)[k]);
        CHECK(s > 0 && isfinite(s), "sum of magnitudes %g", s);
        for (i = 0; i < 3; ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, counts[i]);
            CHECK(same_bits(want, deep(ctx)), "%d threads: other bits", counts[i]);
            gan_destroy(ctx);
        }
        gan_destroy(one);
    }
    TEST_MUST_FAIL ("bits that differ are seen: another seed") {
        gan_context *a = context_with(GAN_ISA_AUTO, 1), *b = context_with(GAN_ISA_AUTO, 1);
        gan_seed(b, 77);
        CHECK(same_bits(deep(a), deep(b)), "seen");
        gan_destroy(a);
        gan_destroy(b);
    }
}

// ---- random graphs: what is added up in place, shared and freed early must not show

enum { LEAVES = 3, NODES = 24, ROWS = 3, COLUMNS = 4 };

// A graph of NODES operations over (ROWS, COLUMNS) tensors, drawn by the seed; every node takes earlier ones.
// With the bit WITHOUT_DETACH nothing is hidden from the tape, and finite differences see what it sees.
#define WITHOUT_DETACH (UINT64_C(1) << 40)
static gan_tensor *random_graph(gan_context *ctx, gan_tensor **x, void *user)
{
    gan_tensor *t[LEAVES + NODES], *sum = NULL;
    int i, n = LEAVES;
    check_seed(*(uint64_t *)user);
    for (i = 0; i < LEAVES; ++i) t[i] = x[i];
    for (; n < LEAVES + NODES; ++n) {
        gan_tensor *a = t[(int)check_uniform(0, n)], *b = t[(int)check_uniform(0, n)],
                   *c = t[(int)check_uniform(0, n)];
        switch ((int)check_uniform(0, 24)) {
        case 0: t[n] = gan_add(a, b); break;
        case 1: t[n] = gan_sub(a, gan_tanh(b)); break;
        case 2: t[n] = gan_mul(gan_tanh(a), b); break;
        case 3: t[n] = gan_tanh(a); break;
        case 4: t[n] = gan_sigmoid(a); break;
        case 5: t[n] = gan_reshape(gan_reshape(a, 2, 6), ROWS, COLUMNS); break;
        case 6: t[n] = gan_transpose(gan_softmax(gan_transpose(a, 0, 1), 1), 0, 1); break;
        case 7: t[n] = gan_mul(gan_sum(a, GAN_AXES(0), GAN_KEEPDIM), gan_sigmoid(b)); break;
        case 8: t[n] = gan_expand(gan_mean(gan_add(a, b), GAN_AXES(1), GAN_KEEPDIM), ROWS, COLUMNS); break;
        case 9: t[n] = gan_slice(gan_concat(0, a, b, a), 0, 2, 2 + ROWS); break;
        case 10: t[n] = gan_slice(gan_pad(a, 1, 1, 2, (gan_real).5), 1, 0, COLUMNS); break;
        case 11: t[n] = gan_tanh(gan_matmul_t(a, 0, gan_matmul_t(b, 1, c, 0), 1)); break;
        case 12:
            t[n] =
                gan_add(a, *(uint64_t *)user & WITHOUT_DETACH ? gan_sigmoid(b) : gan_detach(gan_sigmoid(b)));
            break;
        case 13: t[n] = gan_addcmul(gan_sigmoid(a), b, c); break;
        case 14: t[n] = gan_normalize(a, 1, ROWS, COLUMNS, (gan_real).1); break;
        case 15: t[n] = gan_mul(a, gan_slice(gan_sigmoid(b), 0, 1, 2)); break;
        case 16: t[n] = gan_softplus(gan_sub(a, b)); break;
        case 17: t[n] = gan_lerp(a, b, gan_sigmoid(c)); break;
        case 18: t[n] = gan_div(a, gan_add_scalar(gan_square(gan_tanh(b)), 1)); break;
        case 19: t[n] = a; break;
        case 20:
            t[n] = gan_tanh(gan_grad(gan_sum_all(gan_mul(gan_tanh(a), gan_sin(b))), a, GAN_CREATE_GRAPH));
            break;
        case 21:
            t[n] = gan_f_linear(gan_tanh(a), gan_matmul_t(b, 1, gan_sigmoid(c), 0),
                                gan_slice(gan_reshape(c, -1), 0, 3, 3 + COLUMNS));
            break;
        case 22: t[n] = gan_add(gan_permute(gan_reshape(gan_sin(a), COLUMNS, ROWS), 1, 0), a); break;
        default: t[n] = gan_elu(gan_affine(a, (gan_real)-.7, (gan_real).1), 1);
        }
    }
    for (i = 0; i < 4; ++i) {
        gan_tensor *s = gan_tanh(t[LEAVES + NODES - 1 - i * 3]);
        sum = sum ? gan_add(sum, s) : s;
    }
    (void)ctx;
    return sum;
}

static void random_graphs(void)
{
    enum { GRAPHS = 300 };
    TEST ("300 random graphs: the gradients are the same with and without GAN_CREATE_GRAPH, taken again, and "
          "in an inner scope") {
        uint64_t seed;
        int used = 0;
        for (seed = 1; seed <= GRAPHS; ++seed) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            gan_tensor *x[LEAVES + 1], *a[LEAVES + 1], *b[LEAVES + 1], *y;
            int i;
            for (i = 0; i < LEAVES; ++i) x[i] = gan_rand_normal(ctx, ROWS, COLUMNS);
            y = weighted_sum(ctx, random_graph(ctx, x, &seed), 0);
            CHECK(gan_grads(y, LEAVES, x, a, 0) == 0 && gan_grads(y, LEAVES, x, b, GAN_CREATE_GRAPH) == 0,
                  "graph %d: %s", (int)seed, gan_error_message(ctx));
            for (i = 0; i < LEAVES; ++i) {
                size_t k;
                for (k = 0; k < ROWS * COLUMNS; ++k) {
                    double u = (double)gan_data(a[i])[k], v = (double)gan_data(b[i])[k];
                    if (fabs(u - v) > TOL * (1 + fabs(v)))
                        CHECK(0, "graph %d, input %d: %g without a graph, %g with one", (int)seed, i, u, v);
                    used += u != 0;
                }
            }
            gan_scope_open(ctx);
            CHECK(gan_grads(y, LEAVES, x, b, 0) == 0, "again: %s", gan_error_message(ctx));
            for (i = 0; i < LEAVES; ++i)
                CHECK(same_bits(a[i], b[i]), "graph %d, input %d: taken again it differs", (int)seed, i);
            gan_scope_close(ctx);
            gan_destroy(ctx);
        }
        CHECK(used > GRAPHS * LEAVES * ROWS * COLUMNS / 2, "only %d gradients are not 0", used);
    }
#ifdef GAN_DOUBLE
    TEST ("60 random graphs against finite differences, orders 1 and 2") {
        uint64_t seed;
        for (seed = WITHOUT_DETACH + 1; seed <= WITHOUT_DETACH + 60; ++seed) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            gan_tensor *x[LEAVES];
            fd_report r;
            int i, order, ok;
            for (i = 0; i < LEAVES; ++i)
                x[i] = gan_mul_scalar(gan_rand_normal(ctx, ROWS, COLUMNS), (gan_real).5);
            for (i = 0; i < LEAVES; ++i) x[i] = gan_detach(x[i]);
            for (order = 1; order <= 2; ++order) {
                ok = fd_check(ctx, random_graph, &seed, LEAVES, x, order, &r);
                CHECK(ok, "graph %d, order %d: input %d entry %d: tape %.9g, finite difference %.9g %s",
                      (int)(seed & 0xffff), order, r.input, r.entry, r.analytic, r.numeric,
                      gan_error_message(ctx));
            }
            gan_destroy(ctx);
        }
    }
    TEST_MUST_FAIL ("random graphs with a detach in them are caught by finite differences") {
        uint64_t seed;
        for (seed = 1; seed <= 20; ++seed) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            gan_tensor *x[LEAVES];
            int i;
            for (i = 0; i < LEAVES; ++i) x[i] = gan_rand_normal(ctx, ROWS, COLUMNS);
            CHECK(fd_check(ctx, random_graph, &seed, LEAVES, x, 1, NULL), "graph %d", (int)seed);
            gan_destroy(ctx);
        }
    }
#endif
}

// Two contributions to one gradient of which the older is a view: the sum replaces it in the midst of a pass.
static void replaced_gradients(void)
{
    const gan_real v[4] = {1, 2, 3, 4};
    int i, late;
    for (late = 0; late < 2; ++late) {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        gan_tensor *x = gan_from(ctx, v, 2, 2), *bystander = gan_exp(x), *r, *w, *dx;
        w = late ? NULL : gan_square(x);
        r = gan_reshape(x, 2, 2);
        if (late) w = gan_square(x);
        dx = gan_grad(gan_sum_all(gan_add(r, w)), x, 0);
        TESTF ("x + x^2 through a view, the square %s", late ? "after it" : "before it") {
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            for (i = 0; i < 4 && gan_data(dx); ++i)
                CHECK_NEAR((double)gan_data(dx)[i], (double)(1 + 2 * v[i]), 1e-6, "1 + 2 x");
            CHECK_NEAR((double)gan_item(bystander), 2.718281828, 1e-6,
                       "a tensor that has nothing to do with it");
        }
        gan_destroy(ctx);
    }
    TEST ("output_padding above the stride, with dilation: the gradient has x's shape") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        gan_tensor *x = gan_rand_normal(ctx, 1, 1, 4, 4), *w = gan_rand_normal(ctx, 1, 1, 3, 3), *dx;
        gan_conv2d_desc d;
        memset(&d, 0, sizeof d);
        d.dilation[0] = 2;
        d.output_padding_h = d.output_padding_w = 1;
        dx = gan_grad(gan_sum_all(gan_f_conv_transpose2d(x, w, NULL, &d)), x, 0);
        CHECK(gan_numel(dx) == 16, "%d values", (int)gan_numel(dx));
        gan_destroy(ctx);
    }
}

// Gradients that are written over where they were used last: those asked for, those that two nodes share
// and those that go on elsewhere are not.
static gan_tensor *overwriting(gan_tensor *x, gan_tensor **middle, int branch)
{
    gan_tensor *h = gan_tanh(gan_mul_scalar(x, (gan_real)1.5)), *k;
    if (middle) *middle = h;
    k = gan_leaky_relu(gan_sigmoid(gan_mul(h, x)), (gan_real).1);
    if (branch) k = gan_add(gan_elu(k, 1), gan_addcmul(gan_tanh(k), h, gan_reshape(k, -1)));
    return gan_sum_all(gan_square(k));
}

static void overwritten_gradients(void)
{
    enum { N = 40 };
    int branch;
    for (branch = 0; branch < 2; ++branch)
        TESTF ("dy/dx and dy/dh at once are those of one at a time%s", branch ? ", with branches" : "") {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *x = gan_rand_normal(ctx, N), *h, *y = overwriting(x, &h, branch), *in[2], *d[2];
            gan_tensor *dx = gan_grad(y, x, 0), *dh = gan_grad(y, h, 0), *both[2], *graph;
            in[0] = x;
            in[1] = h;
            CHECK(!gan_grads(y, 2, in, d, 0), "%s", gan_error_message(ctx));
            CHECK_BYTES(gan_data(d[0]), gan_data(dx), N * sizeof(gan_real), "dx");
            CHECK_BYTES(gan_data(d[1]), gan_data(dh), N * sizeof(gan_real), "dh");
            CHECK(!gan_grads(y, 2, in, both, GAN_CREATE_GRAPH), "%s", gan_error_message(ctx));
            CHECK_ARRAY(N, gan_data(both[0]), gan_data(dx), TOL, TOL, "dx of a recorded pass");
            CHECK_ARRAY(N, gan_data(both[1]), gan_data(dh), TOL, TOL, "dh of a recorded pass");
            graph = gan_grad(gan_sum_all(gan_square(both[0])), x, 0);
            CHECK(graph && gan_data(graph), "%s", gan_error_message(ctx));
            CHECK_BYTES(gan_data(d[0]), gan_data(dx), N * sizeof(gan_real), "dx, later");
            no_error(ctx);
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("dy/dh is not dy/dx") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, N), *h, *y = overwriting(x, &h, 1);
        CHECK_ARRAY(N, gan_data(gan_grad(y, h, 0)), gan_data(gan_grad(y, x, 0)), TOL, TOL, "dh");
        gan_destroy(ctx);
    }
}

int main(void)
{
    orders();
    replaced_gradients();
    overwritten_gradients();
    flow();
    only_what_is_asked();
    closed_forms();
#ifdef GAN_DOUBLE
    gradcheck_itself();
#endif
    threads();
    random_graphs();
    return test_done();
}
