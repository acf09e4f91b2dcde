// Arithmetic, activations, comparisons and what is composed of them, element by element.
#include "ops.h"

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
MAP(floor, gan_floor(x[0]), floor(v[0]))
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
// The fraction x - floor(x) has slope 1.
MAP(fraction, gan_sub(x[0], gan_floor(x[0])), v[0] - floor(v[0]))
static void test_floor(void)
{
    OVER(unary_shapes, floor, P(.lo = -9, .hi = 9));
    OVER(unary_shapes, fraction, NONE);
    LARGE(floor, "100003", P(.lo = -1e9, .hi = 1e9));
    TEST ("floor of whole numbers, -0, NaN, infinities; its gradient is 0, not an error") {
        static const gan_real v[8] = {-2,
                                      3,
                                      (gan_real)-1e-20,
                                      (gan_real)NAN,
                                      (gan_real)HUGE_VAL,
                                      (gan_real)-HUGE_VAL,
                                      (gan_real)1e30,
                                      (gan_real)2.75};
        static const double want[8] = {-2, 3, -1, 0, HUGE_VAL, -HUGE_VAL, 0, 2};
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_from(ctx, v, 8), *y = gan_floor(x), *g = gan_grad(gan_sum_all(y), x, 0);
        int i;
        for (i = 0; i < 8; ++i) {
            if (i == 3) CHECK(isnan((double)gan_data(y)[i]), "%g", (double)gan_data(y)[i]);
            else CHECK(gan_data(y)[i] == (i == 6 ? v[i] : (gan_real)want[i]), "%g", (double)gan_data(y)[i]);
            CHECK(gan_data(g)[i] == 0, "gradient %g", (double)gan_data(g)[i]);
        }
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
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

// ---- composed functions

#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_SCALE 1.0507009873554804934193349852946
MAP(selu, gan_selu(x[0]), SELU_SCALE *(v[0] > 0 ? v[0] : SELU_ALPHA * expm1(v[0])))
MAP(neg, gan_neg(x[0]), -v[0])
MAP(add_scalar, gan_add_scalar(x[0], (gan_real)q->r[0]), v[0] + (double)(gan_real)q->r[0])
MAP(mul_scalar, gan_mul_scalar(x[0], (gan_real)q->r[0]), v[0] * (double)(gan_real)q->r[0])
MAP(pow_scalar, gan_pow_scalar(x[0], (gan_real)q->r[0]), pow(v[0], (double)(gan_real)q->r[0]))
MAP(lerp, gan_lerp(x[0], x[1], x[2]), v[0] + v[2] * (v[1] - v[0]))

static void test_selu(void) { OVER(unary_shapes, selu, NONE); }
static void test_gt_ge_lt_le_eq_ne(void) { OVER(binary_shapes, lt_path, NONE); }
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

// ---- special values, ties, closed forms

static void test_special(void)
{
    gan_context *ctx = gan_create(NULL);
    TEST ("where equal, maximum and minimum share the gradient half and half") {
        const gan_real two[2] = {1, 3};
        gan_tensor *a = gan_from(ctx, two, 2), *b = gan_from(ctx, two, 2);
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_maximum(a, b)), a, 0))[0], .5, 0, "maximum by a");
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_maximum(a, b)), b, 0))[1], .5, 0, "maximum by b");
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_minimum(a, b)), a, 0))[0], .5, 0, "minimum by a");
        CHECK_NEAR(gan_data(gan_grad(gan_sum_all(gan_minimum(a, b)), b, 0))[1], .5, 0, "minimum by b");
    }
    TEST ("the gradient at a kink: relu'(0) = 0, |x|'(0) = 0, leaky_relu'(0) = slope (PyTorch's)") {
        gan_tensor *x = gan_zeros(ctx, 1);
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
        gan_tensor *x = gan_from(ctx, v, 4);
        gan_real *r;
        CHECK(isnan((double)gan_data(gan_relu(x))[0]), "relu(NaN)");
        CHECK(isnan((double)gan_data(gan_leaky_relu(x, (gan_real).1))[0]), "leaky_relu(NaN)");
        CHECK(isnan((double)gan_data(gan_clamp(x, -1, 1))[0]), "clamp(NaN)");
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
    TEST ("no error came up among the special values") {
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    }
    gan_destroy(ctx);
}

// ---- derivatives at exactly 0, where ReLU, padding and put leave most of their values

static gan_tensor *zero_like(gan_tensor *x) { return gan_zeros(gan_context_of(x), 1); }
#define AT_ZERO(name, expression)                                                                            \
    static gan_tensor *at_zero_##name(gan_tensor *x) { return expression; }
AT_ZERO(relu, gan_relu(x))
AT_ZERO(leaky_relu, gan_leaky_relu(x, (gan_real).25))
AT_ZERO(leaky_relu_flat, gan_leaky_relu(x, 0))
AT_ZERO(leaky_relu_down, gan_leaky_relu(x, -2))
AT_ZERO(elu, gan_elu(x, (gan_real)1.5))
AT_ZERO(elu_down, gan_elu(x, (gan_real)-1.5))
AT_ZERO(selu, gan_selu(x))
AT_ZERO(abs, gan_abs(x))
AT_ZERO(square, gan_square(x))
AT_ZERO(pow0, gan_pow_scalar(x, 0))
AT_ZERO(pow1, gan_pow_scalar(x, 1))
AT_ZERO(pow2, gan_pow_scalar(x, 2))
AT_ZERO(pow3, gan_pow_scalar(x, 3))
AT_ZERO(pow7, gan_pow_scalar(x, 7))
AT_ZERO(pow_of_tensor, gan_pow(x, gan_full(gan_context_of(x), 1, 1)))
AT_ZERO(cube, gan_mul(x, gan_mul(x, x)))
AT_ZERO(tanh, gan_tanh(x))
AT_ZERO(sigmoid, gan_sigmoid(x))
AT_ZERO(softplus, gan_softplus(x))
AT_ZERO(erf, gan_erf(x))
AT_ZERO(gelu, gan_gelu(x))
AT_ZERO(silu, gan_silu(x))
AT_ZERO(exp, gan_exp(x))
AT_ZERO(sin, gan_sin(x))
AT_ZERO(cos, gan_cos(x))
AT_ZERO(clamp_low, gan_clamp(x, 0, 1))
AT_ZERO(floor, gan_floor(x))
AT_ZERO(clamp_high, gan_clamp(x, -1, 0))
AT_ZERO(maximum, gan_maximum(x, zero_like(x)))
AT_ZERO(minimum, gan_minimum(zero_like(x), x))
AT_ZERO(addcmul, gan_addcmul(x, x, x))
AT_ZERO(lerp, gan_lerp(x, gan_square(x), gan_add_scalar(x, 1)))
AT_ZERO(where, gan_where(gan_gt(x, zero_like(x)), gan_square(x), gan_sin(x)))
AT_ZERO(norm, gan_norm(x, GAN_ALL, 0))
AT_ZERO(norm_per_sample, gan_norm_per_sample(gan_mul_scalar(gan_reshape(x, 1, 1), 3)))
AT_ZERO(mean_of_norms, gan_mean_all(gan_norm(gan_concat(0, x, gan_square(x)), GAN_AXES(0), 0)))
AT_ZERO(amax, gan_amax(gan_concat(0, gan_sin(x), gan_square(x)), 0, 0))
AT_ZERO(var, gan_var(gan_concat(0, x, gan_neg(x)), GAN_ALL, 0))
// where sqrt's infinite slope meets a gradient that does not pass
AT_ZERO(sqrt_of_relu, gan_sqrt(gan_relu(gan_add_scalar(x, -1))))
AT_ZERO(sqrt_of_clamp, gan_sqrt(gan_clamp(gan_add_scalar(x, -1), 0, 1)))
AT_ZERO(sqrt_of_maximum, gan_sqrt(gan_maximum(gan_add_scalar(x, -1), zero_like(x))))
// x^1's slope as c x^(c - 1) with a mask behind it, and |x| as sqrt(x^2)
AT_ZERO(masked_pow,
        gan_where(zero_like(x), x, gan_mul_scalar(gan_mul(zero_like(x), gan_pow_scalar(x, -1)), 0)))
AT_ZERO(root_of_square, gan_sqrt(gan_square(x)))

// PyTorch's derivatives at 0, order 1, 2 and 3
#define ROW(name, first, second, third)                                                                      \
    {                                                                                                        \
#name, at_zero_##name, { first, second, third }                                                      \
    }
static const struct {
    const char *name;
    gan_tensor *(*f)(gan_tensor *x);
    double want[3];
} zeros[] = {
    ROW(relu, 0, 0, 0),
    ROW(leaky_relu, .25, 0, 0),
    ROW(leaky_relu_flat, 0, 0, 0),
    ROW(leaky_relu_down, -2, 0, 0),
    ROW(elu, 1.5, 1.5, 1.5),
    ROW(elu_down, -1.5, -1.5, -1.5),
    ROW(selu, 1.7580993408473766, 1.7580993408473766, 1.7580993408473766),
    ROW(abs, 0, 0, 0),
    ROW(square, 0, 2, 0),
    ROW(pow0, 0, 0, 0),
    ROW(pow1, 1, 0, 0),
    ROW(pow2, 0, 2, 0),
    ROW(pow3, 0, 0, 6),
    ROW(pow7, 0, 0, 0),
    ROW(pow_of_tensor, 1, 0, 0),
    ROW(cube, 0, 0, 6),
    ROW(tanh, 1, 0, -2),
    ROW(sigmoid, .25, 0, -.125),
    ROW(softplus, .5, .25, 0),
    ROW(erf, 1.1283791670955126, 0, -2.2567583341910251),
    ROW(gelu, .5, .7978845608028654, 0),
    ROW(silu, .5, .5, 0),
    ROW(exp, 1, 1, 1),
    ROW(sin, 1, 0, -1),
    ROW(cos, 0, -1, 0),
    ROW(clamp_low, 1, 0, 0),
    ROW(floor, 0, 0, 0),
    ROW(clamp_high, 1, 0, 0),
    ROW(maximum, .5, 0, 0),
    ROW(minimum, .5, 0, 0),
    ROW(addcmul, 1, 2, 0),
    ROW(lerp, 0, 0, 6),
    ROW(where, 1, 0, -1),
    ROW(norm, 0, 0, 0),
    ROW(norm_per_sample, 0, 0, 0),
    ROW(mean_of_norms, 0, 0, 0),
    ROW(amax, 1, 0, -1),
    ROW(var, 0, 2, 0),
    ROW(sqrt_of_relu, 0, 0, 0),
    ROW(sqrt_of_clamp, 0, 0, 0),
    ROW(sqrt_of_maximum, 0, 0, 0),
};
#undef ROW

static void derivatives_at_zero(gan_tensor *(*f)(gan_tensor *), const double want[3])
{
    static const char *const order[3] = {"first derivative", "second", "third"};
    int isa, i;
    for (isa = GAN_ISA_AUTO + 1; isa < GAN_ISA_COUNT; ++isa) {
        gan_context *ctx = context_with((gan_isa)isa, 1);
        gan_tensor *x, *y;
        if (!ctx) continue;
        x = gan_zeros(ctx, 1);
        for (i = 0, y = f(x); i < 3; ++i) {
            y = gan_grad(gan_sum_all(y), x, GAN_CREATE_GRAPH);
            CHECK_NEAR(gan_item(y), want[i], REAL_TOL, order[i]);
        }
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static void test_zero(void)
{
    static const double none[3] = {0, 0, 0};
    size_t i;
    for (i = 0; i < sizeof zeros / sizeof *zeros; ++i)
        TESTF ("%s at exactly 0: derivatives of order 1, 2 and 3", zeros[i].name)
            derivatives_at_zero(zeros[i].f, zeros[i].want);
    TEST_MUST_FAIL ("0 times infinity behind a mask is caught") derivatives_at_zero(at_zero_masked_pow, none);
    TEST_MUST_FAIL ("the norm as a plain root is caught") derivatives_at_zero(at_zero_root_of_square, none);
    TEST_MUST_FAIL ("another subgradient is caught") derivatives_at_zero(at_zero_relu, zeros[1].want);
    TEST ("pow at 0: sqrt's slope is infinite, a^c has slope 0 by c, and by both at c = 0 it is 1 / a") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *a = gan_zeros(ctx, 1), *c = gan_full(ctx, 2, 1), *y;
        CHECK_NEAR(gan_item(gan_grad(gan_sum_all(gan_sqrt(a)), a, 0)), HUGE_VAL, 0, "sqrt");
        CHECK_NEAR(gan_item(gan_grad(gan_sum_all(gan_pow(a, c)), c, 0)), 0, 0, "0^2 by the exponent");
        a = gan_full(ctx, 4, 1), c = gan_zeros(ctx, 1);
        y = gan_grad(gan_sum_all(gan_pow(a, c)), a, GAN_CREATE_GRAPH);
        CHECK_NEAR(gan_item(y), 0, 0, "4^0 by the base");
        CHECK_NEAR(gan_item(gan_grad(gan_sum_all(y), c, 0)), .25, REAL_TOL, "and then by the exponent");
        gan_destroy(ctx);
    }
}

// ---- negative controls

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

static nd r_wrong_floor(const params *q, const nd *x)
{
    nd y = nd_copy(x);
    (void)q;
    for (size_t k = 0; k < y.n; ++k) y.v[k] = trunc(x->v[k]);
    return y;
}

static void negative_controls(void)
{
    control_forward("gelu by tanh", f_gelu, r_wrong_gelu, "64", NONE);
    control_forward("a - b for b - a", f_sub, r_add, "3; 3", NONE);
    control_forward("floor by truncation", f_floor, r_wrong_floor, "64", NONE);
}

int main(void)
{
    GAN__OPERATIONS_ARITH(OPS_TEST)
    test_selu();
    test_gt_ge_lt_le_eq_ne();
    test_scalars();
    test_lerp();
    test_special();
    test_zero();
    negative_controls();
    return ops_done();
}
