// Every penalty: values against closed forms, gradients against finite differences. A penalty without a test
// function does not compile.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif

// Critics: linear (w in the parameter), half the square (gradient x), a smooth two-layer network, and one
// that also remembers its x.
static gan_tensor *linear_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "w", gan_flatten(x), 1);
}
static gan_tensor *square_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *a = gan_param(m, "a", gan_init_constant(1), 0);
    (void)label;
    return gan_mul(
        a, gan_mul_scalar(gan_sum(gan_square(gan_flatten(x)), GAN_AXIS(1), GAN_KEEPDIM), (gan_real).5));
}
static gan_tensor *smooth_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "b", gan_tanh(gan_linear(m, "a", gan_flatten(x), 4)), 1);
}
static gan_tensor *conv_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_softplus(gan_conv2d(m, "a", x, 2, 3, 2, 1));
    (void)label;
    return gan_linear(m, "b", gan_flatten(gan_leaky_relu(gan_layer_norm(m, "n", h), (gan_real).2)), 1);
}
static gan_real remembered[4096];
static size_t remembered_size;
static gan_tensor *memory_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    remembered_size = gan_numel(x);
    if (remembered_size <= COUNT(remembered)) gan_read(x, remembered, remembered_size);
    return linear_critic(m, x, label);
}
static gan_tensor *label_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    if (!label) return gan_forward(m, NULL, NULL); // an error: the label must arrive
    return gan_mul(gan_expand_as(gan_reshape(label, 2, -1, 1), gan_sum(x, GAN_AXIS(1), GAN_KEEPDIM)),
                   gan_linear(m, "w", x, 1));
}

static double norm_of(gan_tensor *t)
{
    double s = 0;
    for (size_t k = 0; k < gan_numel(t); ++k) s += (double)gan_data(t)[k] * (double)gan_data(t)[k];
    return sqrt(s);
}

#ifdef GAN_DOUBLE
typedef struct penalty_args {
    gan_penalty_kind kind;
    gan_model *d;
    gan_tensor *real, *fake;
} penalty_args;
static gan_tensor *penalty_f(gan_context *ctx, gan_tensor **x, void *user)
{
    penalty_args *a = (penalty_args *)user;
    (void)x;
    gan_seed(ctx, 3); // the same interpolates every time
    return gan_penalty(a->kind, (gan_real)2.5, a->d, a->real, a->fake, NULL);
}

#endif

// The penalty's gradient by every parameter of D against finite differences: it must flow through the
// gradient of D.
static void penalty_gradients(gan_penalty_kind kind, gan_model_function *critic, int ndim, const int *dims,
                              const char *what)
{
#ifdef GAN_DOUBLE
    TESTF ("%s: the gradient by the parameters of a %s, orders 1 and 2", gan_penalty_name(kind), what) {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *all[16];
        penalty_args a;
        int i, n;
        a.kind = kind;
        a.d = gan_model_create(ctx, "d", critic, NULL);
        a.real = gan_tensor_create(ctx, ndim, dims), a.fake = gan_tensor_create(ctx, ndim, dims);
        check_seed(9);
        for (size_t k = 0; k < gan_numel(a.real); ++k)
            gan_data(a.real)[k] = (gan_real)check_uniform(-1, 1),
            gan_data(a.fake)[k] = (gan_real)check_uniform(-1, 1);
        (void)gan_forward(a.d, a.real, NULL);
        n = gan_model_count(a.d);
        for (i = 0; i < n; ++i) all[i] = gan_model_tensor(a.d, i);
        check_gradient(ctx, penalty_f, &a, n, all, 1, what);
        check_gradient(ctx, penalty_f, &a, n, all, 2, what);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
#else
    (void)kind, (void)critic, (void)ndim, (void)dims, (void)what;
#endif
}

static void test_none(void)
{
    TEST ("the penalty none is 0 and changes nothing") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 4, 3), *p;
        (void)gan_forward(d, x, NULL);
        p = gan_penalty(GAN_PENALTY_NONE, 1, d, x, x, NULL);
        CHECK(gan_error(ctx) == 0 && gan_numel(p) == 1 && gan_item(p) == 0, "%g %s", (double)gan_item(p),
              gan_error_message(ctx));
        gan_penalty_after(GAN_PENALTY_NONE, 1, d);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static void test_wgan_gp(void)
{
    penalty_gradients(GAN_PENALTY_WGAN_GP, smooth_critic, 2, (int[]){3, 2}, "smooth critic");
    penalty_gradients(GAN_PENALTY_WGAN_GP, smooth_critic, 2, (int[]){1, 1}, "smooth critic of one number");
    penalty_gradients(GAN_PENALTY_WGAN_GP, conv_critic, 4, (int[]){2, 1, 5, 4},
                      "convolutional critic with layer norm");
    TEST ("on a linear critic WGAN-GP is weight (|w| - 1)^2 with gradient 2 weight (|w| - 1) w / |w|, and "
          "none for the bias") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *real = gan_rand_normal(ctx, 4, 5, 1, 2, 3), *fake = gan_rand_normal(ctx, 4, 5, 1, 2, 3),
                   *in[2], *g[2], *p;
        double n;
        int k;
        (void)gan_forward(d, real, NULL);
        in[0] = gan_model_find(d, "w.weight"), in[1] = gan_model_find(d, "w.bias");
        for (k = 0; k < 6; ++k) gan_data(in[0])[k] = (gan_real)(.3 * (k + 1) - .8);
        n = norm_of(in[0]);
        p = gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, real, fake, NULL);
        CHECK_NEAR(gan_item(p), 10 * (n - 1) * (n - 1), TOL * 10, "value");
        CHECK(gan_grads(p, 2, in, g, 0) == 0, "%s", gan_error_message(ctx));
        for (k = 0; k < 6; ++k)
            CHECK_NEAR(gan_data(g[0])[k], 20 * (n - 1) * (double)gan_data(in[0])[k] / n, TOL * 20, "by w");
        CHECK_NEAR(gan_item(g[1]), 0, 0, "by the bias");
        gan_destroy(ctx);
    }
    TEST ("the norm is each sample's own: with D = |x|^2 / 2 and real = fake the penalty is weight mean "
          "(|x_i| - 1)^2") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", square_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 4, 6, 2, 1, 2);
        double want = 0;
        int i, k;
        for (i = 0; i < 6; ++i) {
            double s = 0;
            for (k = 0; k < 4; ++k) s += (double)gan_data(x)[i * 4 + k] * (double)gan_data(x)[i * 4 + k];
            want += 10 * (sqrt(s) - 1) * (sqrt(s) - 1) / 6;
        }
        CHECK_NEAR(gan_item(gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, x, x, NULL)), want, TOL * 10 * (1 + want),
                   "value");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a norm over the whole batch (torchgan) is caught by that check") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", square_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 4, 6, 2, 1, 2);
        double n = norm_of(x);
        CHECK_NEAR(gan_item(gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, x, x, NULL)), 10 * (n - 1) * (n - 1),
                   1e-3, "value");
        gan_destroy(ctx);
    }
    TEST ("the interpolates: one weight per sample, uniform in [0, 1], between fake and real") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", memory_critic, NULL);
        gan_tensor *real, *fake;
        double mean = 0, square = 0;
        int i, k, wrong = 0, outside = 0;
        real = gan_full(ctx, 1, 2, 1000, 3), fake = gan_full(ctx, -1, 2, 1000, 3);
        (void)gan_forward(d, real, NULL);
        (void)gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, real, fake, NULL);
        CHECK(remembered_size == 3000, "%d numbers reached the critic", (int)remembered_size);
        for (i = 0; i < 1000; ++i) {
            double e = ((double)remembered[i * 3] + 1) / 2;
            for (k = 1; k < 3; ++k)
                wrong += fabs((double)remembered[i * 3 + k] - (double)remembered[i * 3]) > 1e-6;
            outside += e < 0 || e > 1;
            mean += e / 1000;
            square += e * e / 1000;
        }
        CHECK(wrong == 0 && outside == 0, "%d entries off the line, %d weights outside", wrong, outside);
        CHECK_NEAR(mean, .5, .05, "mean weight");
        CHECK_NEAR(square - mean * mean, 1 / 12., .015, "variance of the weight");
        gan_destroy(ctx);
    }
    TEST ("the label reaches the discriminator") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", label_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 4, 3), *label = gan_linspace(ctx, 1, 4, 4), *p;
        double n, want = 0;
        int i;
        (void)gan_forward(d, x, label);
        n = norm_of(gan_model_find(d, "w.weight"));
        p = gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, x, x, label);
        for (i = 1; i <= 4; ++i) want += 10 * (i * n - 1) * (i * n - 1) / 4;
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK_NEAR(gan_item(p), want, TOL * 10 * (1 + want), "value");
        gan_destroy(ctx);
    }
    TEST ("a zero gradient does not make a NaN: at x = 0 of |x|^2 / 2") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", square_critic, NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 3, 2), *p, *g;
        (void)gan_forward(d, x, NULL);
        p = gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, x, x, NULL);
        g = gan_grad(p, gan_model_find(d, "a"), 0);
        CHECK_NEAR(gan_item(p), 10, TOL * 10, "weight (0 - 1)^2");
        CHECK(isfinite((double)gan_item(g)), "gradient %g", (double)gan_item(g));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL (
        "a penalty whose value is re-wrapped as a constant loses its gradient, and that is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 5, 3), *g, *w;
        double n;
        (void)gan_forward(d, x, NULL);
        w = gan_model_find(d, "w.weight");
        n = norm_of(w);
        g = gan_grad(gan_detach(gan_penalty(GAN_PENALTY_WGAN_GP, 10, d, x, x, NULL)), w, 0);
        CHECK_NEAR(gan_item(g), 20 * (n - 1) * (double)gan_item(w) / n, 1e-3, "by w");
        gan_destroy(ctx);
    }
}

static void test_r1(void)
{
    penalty_gradients(GAN_PENALTY_R1, smooth_critic, 2, (int[]){3, 2}, "smooth critic");
    penalty_gradients(GAN_PENALTY_R1, conv_critic, 4, (int[]){2, 1, 5, 4},
                      "convolutional critic with layer norm");
    TEST ("on a linear critic R1 is weight / 2 |w|^2 with gradient weight w") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 5, 3), *w, *g, *p;
        double n;
        int k;
        (void)gan_forward(d, x, NULL);
        w = gan_model_find(d, "w.weight");
        n = norm_of(w);
        p = gan_penalty(GAN_PENALTY_R1, 7, d, x, gan_rand_normal(ctx, 2, 5, 3), NULL);
        g = gan_grad(p, w, 0);
        CHECK_NEAR(gan_item(p), 3.5 * n * n, TOL * 10, "value");
        for (k = 0; k < 3; ++k) CHECK_NEAR(gan_data(g)[k], 7 * (double)gan_data(w)[k], TOL * 10, "by w");
        gan_destroy(ctx);
    }
    TEST ("R1 looks at real data: with D = |x|^2 / 2 it is weight / 2 mean |x_i|^2, whatever the fakes") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", square_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 6, 4), *fake = gan_full(ctx, 100, 2, 6, 4);
        double n = norm_of(x);
        CHECK_NEAR(gan_item(gan_penalty(GAN_PENALTY_R1, 10, d, x, fake, NULL)), 5 * n * n / 6,
                   TOL * 10 * (1 + n * n), "value");
        CHECK_NEAR(gan_item(gan_penalty(GAN_PENALTY_R1, 10, d, x, NULL, NULL)), 5 * n * n / 6,
                   TOL * 10 * (1 + n * n), "without fakes");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("R1 without its half is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", square_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 6, 4);
        double n = norm_of(x);
        CHECK_NEAR(gan_item(gan_penalty(GAN_PENALTY_R1, 10, d, x, x, NULL)), 10 * n * n / 6, 1e-3, "value");
        gan_destroy(ctx);
    }
}

static gan_tensor *norm_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "w", gan_batch_norm(m, "n", x), 1);
}

static void test_weight_clip(void)
{
    TEST ("the clip adds nothing to the loss and brings every parameter into [-weight, weight]") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", smooth_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 6, 4), *p, *w;
        gan_real before[16];
        int i;
        (void)gan_forward(d, x, NULL);
        w = gan_model_find(d, "a.weight");
        for (i = 0; i < 16; ++i) before[i] = gan_data(w)[i] = (gan_real)(.02 * i - .15);
        p = gan_penalty(GAN_PENALTY_WEIGHT_CLIP, (gan_real).1, d, x, x, NULL);
        CHECK(gan_error(ctx) == 0 && gan_item(p) == 0, "%g %s", (double)gan_item(p), gan_error_message(ctx));
        gan_penalty_after(GAN_PENALTY_WEIGHT_CLIP, (gan_real).1, d);
        for (i = 0; i < 16; ++i) {
            double want = (double)before[i] < -(double)(gan_real).1  ? -.1
                          : (double)before[i] > (double)(gan_real).1 ? .1
                                                                     : (double)before[i];
            CHECK_NEAR(gan_data(w)[i], want, 1e-7, "weight");
        }
        for (i = 0; i < gan_model_count(d); ++i)
            for (size_t k = 0; k < gan_numel(gan_model_tensor(d, i)); ++k)
                CHECK(fabs((double)gan_data(gan_model_tensor(d, i))[k]) <= .1 + 1e-7, "%s",
                      gan_model_name(d, i));
        gan_destroy(ctx);
    }
    TEST ("the clip leaves buffers alone: a running variance of 1 is not a weight") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", norm_critic, NULL);
        (void)gan_forward(d, gan_rand_normal(ctx, 2, 6, 4), NULL);
        gan_data(gan_model_find(d, "n.running_var"))[0] = 5;
        gan_penalty_after(GAN_PENALTY_WEIGHT_CLIP, (gan_real).1, d);
        CHECK_NEAR(gan_item(gan_model_find(d, "n.running_var")), 5, 0, "running_var");
        CHECK_NEAR(gan_item(gan_model_find(d, "n.weight")), .1, 1e-7, "weight");
        gan_destroy(ctx);
    }
    TEST ("after changes nothing for the other penalties") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_real w;
        (void)gan_forward(d, gan_rand_normal(ctx, 2, 6, 4), NULL);
        gan_data(gan_model_find(d, "w.weight"))[0] = 5;
        gan_penalty_after(GAN_PENALTY_WGAN_GP, (gan_real).1, d);
        gan_penalty_after(GAN_PENALTY_R1, (gan_real).1, d);
        w = gan_item(gan_model_find(d, "w.weight"));
        CHECK(w == 5, "%g", (double)w);
        gan_destroy(ctx);
    }
}

static const struct {
    gan_penalty_kind kind;
    const char *name;
    void (*run)(void);
} penalties[] = {
#define ROW(id, name, player, weight, target, parameter, needs) {GAN_PENALTY_##id, #name, test_##name},
    GAN_PENALTIES(ROW)
#undef ROW
};

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(penalties); ++i) {
        penalties[i].run();
        TESTF ("the penalty %s has its name", penalties[i].name) {
            CHECK(strcmp(gan_penalty_name(penalties[i].kind), penalties[i].name) == 0, "\"%s\"",
                  gan_penalty_name(penalties[i].kind));
        }
    }
    TEST ("every penalty has a test") {
        CHECK(COUNT(penalties) == GAN_PENALTY_COUNT, "%d", (int)COUNT(penalties));
    }
    printf("%d penalties\n", (int)COUNT(penalties));
#ifdef GAN_DOUBLE
    printf("%d gradient checks: worst error %.3g, at most %.3g of the tolerance\n", gradchecks,
           worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
