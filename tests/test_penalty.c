// Every penalty: values against closed forms, gradients against finite differences. A penalty without a test
// function does not compile.
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
    gan_tensor *a = gan_param_n(m, "a", gan_init_constant(1), 0, NULL);
    (void)label;
    return gan_mul(
        a, gan_mul_scalar(gan_sum(gan_square(gan_flatten(x)), GAN_AXES(1), GAN_KEEPDIM), (gan_real).5));
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
    return gan_mul(gan_expand_as(gan_reshape(label, -1, 1), gan_sum(x, GAN_AXES(1), GAN_KEEPDIM)),
                   gan_linear(m, "w", x, 1));
}

static double norm_of(gan_tensor *t)
{
    double s = 0;
    for (size_t k = 0; k < gan_numel(t); ++k) s += (double)gan_data(t)[k] * (double)gan_data(t)[k];
    return sqrt(s);
}

// Generators: s z or A z; one that remembers its z; one for derivatives; one that asks for a label.
static gan_tensor *scale_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_mul(z, gan_param_n(m, "s", gan_init_constant(3), 0, NULL));
}
static gan_tensor *image_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    return gan_reshape(scale_generator(m, z, label), -1, 1, 2, 2);
}
static gan_tensor *linear_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear_no_bias(m, "g", z, 3);
}
static gan_tensor *memory_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    remembered_size = gan_numel(z);
    if (remembered_size <= COUNT(remembered)) gan_read(z, remembered, remembered_size);
    return linear_generator(m, z, label);
}
static gan_tensor *smooth_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_tanh(gan_linear(m, "b", gan_softplus(gan_linear(m, "a", z, 4)), 2));
}
static gan_tensor *label_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    if (!label) return gan_forward(m, NULL, NULL);
    return gan_mul(gan_reshape(label, -1, 1), linear_generator(m, z, label));
}

// A pair of models and samples of them, all that a penalty may look at.
typedef struct setup {
    gan_context *ctx;
    gan_model *d, *g;
    gan_penalty_desc desc;
    gan_penalty_in in;
} setup;

static gan_tensor *filled(gan_context *ctx, int ndim, const int *dims, double lo, double hi)
{
    gan_tensor *t = gan_zeros_n(ctx, ndim, dims);
    for (size_t k = 0; k < gan_numel(t); ++k) gan_data(t)[k] = (gan_real)check_uniform(lo, hi);
    return t;
}

static gan_penalty_in made_in(setup *s, int ndim, const int *dims)
{
    gan_penalty_in in;
    int z[2];
    memset(&in, 0, sizeof in);
    z[0] = dims[0], z[1] = ndim == 2 ? dims[1] : 3;
    in.d = s->d, in.g = s->g;
    in.real = filled(s->ctx, ndim, dims, -1, 1), in.fake = filled(s->ctx, ndim, dims, -1, 1);
    in.real_aug = filled(s->ctx, ndim, dims, -1, 1), in.fake_aug = filled(s->ctx, ndim, dims, -1, 1);
    in.z = filled(s->ctx, 2, z, -1, 1);
    in.step = 2000;
    return in;
}

// The models have their parameters; nothing is lost of it when a step ends inside a scope.
static setup setup_of(gan_penalty_kind kind, gan_model_function *critic, gan_model_function *generator,
                      int ndim, const int *dims)
{
    setup s;
    memset(&s, 0, sizeof s);
    s.ctx = gan_create(NULL);
    s.desc.kind = kind;
    check_seed(9);
    s.d = gan_model_create(s.ctx, "d", critic, NULL);
    s.g = gan_model_create(s.ctx, "g", generator, NULL);
    s.in = made_in(&s, ndim, dims);
    s.in.label = gan_linspace(s.ctx, 1, 2, dims[0]);
    (void)gan_forward(s.d, s.in.real, s.in.label);
    (void)gan_forward(s.g, s.in.z, s.in.label);
    return s;
}
static double value_of(setup *s) { return (double)gan_item(gan_penalty_ex(&s->desc, &s->in)); }
static void done(setup *s)
{
    CHECK(gan_error(s->ctx) == 0, "%s", gan_error_message(s->ctx));
    gan_destroy(s->ctx);
}
static gan_real *state_of(gan_model *m, const char *name)
{
    gan_tensor *t = gan_model_find(m, name);
    CHECK(t != NULL, "%s is not there", name);
    return t ? gan_data(t) : NULL;
}

#ifdef GAN_DOUBLE
static gan_tensor *penalty_f(gan_context *ctx, gan_tensor **x, void *user)
{
    setup *s = (setup *)user;
    (void)x;
    gan_seed(ctx, 3); // the same interpolates every time
    return gan_penalty_ex(&s->desc, &s->in);
}
#endif

// The penalty's gradient by every parameter of its player against finite differences: it must flow through
// the gradient of D, or of G. What the penalty keeps is held still (GAN_EVAL), away from 0.
static void penalty_gradients(gan_penalty_kind kind, gan_model_function *player, int ndim, const int *dims,
                              const char *what)
{
#ifdef GAN_DOUBLE
    TESTF ("%s: the gradient by the parameters of a %s, orders 1 and 2", gan_penalty_name(kind), what) {
        const int of_g = gan_penalty_player(kind) == GAN_PLAYER_GENERATOR;
        setup s = setup_of(kind, of_g ? smooth_critic : player, of_g ? player : smooth_generator, ndim, dims);
        gan_model *m = of_g ? s.g : s.d;
        gan_tensor *all[16];
        double at;
        int i, n = 0;
        if (of_g) s.in.fake = NULL;
        gan_penalty_after(GAN_PENALTY_HISTORICAL_AVERAGE, 1, m);
        (void)value_of(&s); // its buffers are made
        gan_model_mode(s.d, GAN_EVAL), gan_model_mode(s.g, GAN_EVAL);
        for (i = 0; i < gan_model_count(m); ++i) {
            gan_tensor *t = gan_model_tensor(m, i);
            if (strstr(gan_model_name(m, i), ".0._")) continue; // u and v of a spectral norm
            if (strncmp(gan_model_name(m, i), "penalty.", 8)) all[n++] = t;
            else
                for (size_t k = 0; k < gan_numel(t); ++k) gan_data(t)[k] += (gan_real)check_uniform(.1, .4);
        }
        s.desc.weight = (gan_real)2.5;
        if (gan_penalty_needs(kind) & GAN_NEEDS_PAIR && s.desc.target == 0) s.desc.target = (gan_real).2;
        at = value_of(&s);
        CHECK(fabs(at) > 1e-6, "the term is %g: nothing would be seen", at);
        check_gradient(s.ctx, penalty_f, &s, n, all, 1, what);
        check_gradient(s.ctx, penalty_f, &s, n, all, 2, what);
        done(&s);
    }
#else
    (void)kind, (void)player, (void)ndim, (void)dims, (void)what;
#endif
}

static gan_tensor *spectral_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    if (!gan_model_count(m)) gan_model_parametrize(m, NULL, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    return smooth_critic(m, x, label);
}

static void critic_gradients(gan_penalty_kind kind)
{
    penalty_gradients(kind, spectral_critic, 2, (int[]){3, 2}, "smooth critic with spectral norm");
    penalty_gradients(kind, smooth_critic, 2, (int[]){3, 2}, "smooth critic");
    penalty_gradients(kind, conv_critic, 4, (int[]){2, 1, 5, 4}, "convolutional critic with layer norm");
}

// A critic w x + b on x (N, 3), in double.
static double linear_score(gan_model *d, gan_tensor *x, int i)
{
    const gan_real *w = gan_data(gan_model_find(d, "w.weight")), *v = gan_data(x) + i * 3;
    double s = (double)gan_item(gan_model_find(d, "w.bias"));
    for (int k = 0; k < 3; ++k) s += (double)w[k] * (double)v[k];
    return s;
}
static double mean_square_score(gan_model *d, gan_tensor *x, double less)
{
    double s = 0;
    int n = gan_dim(x, 0);
    for (int i = 0; i < n; ++i) s += pow(linear_score(d, x, i) - less, 2) / n;
    return s;
}
static double row_square(gan_tensor *x, int i)
{
    double s = 0;
    size_t n = gan_numel(x) / (size_t)gan_dim(x, 0);
    for (size_t k = 0; k < n; ++k) s += pow((double)gan_data(x)[(size_t)i * n + k], 2);
    return s;
}
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void test_none(void)
{
    TEST ("the penalty none is 0 and changes nothing") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 4, 3), *p;
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
    critic_gradients(GAN_PENALTY_WGAN_GP);
    penalty_gradients(GAN_PENALTY_WGAN_GP, smooth_critic, 2, (int[]){1, 1}, "smooth critic of one number");
    TEST ("on a linear critic WGAN-GP is weight (|w| - 1)^2 with gradient 2 weight (|w| - 1) w / |w|, and "
          "none for the bias") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *real = gan_rand_normal(ctx, 5, 1, 2, 3), *fake = gan_rand_normal(ctx, 5, 1, 2, 3), *in[2],
                   *g[2], *p;
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
        gan_tensor *x = gan_rand_normal(ctx, 6, 2, 1, 2);
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
        gan_tensor *x = gan_rand_normal(ctx, 6, 2, 1, 2);
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
        real = gan_full(ctx, 1, 1000, 3), fake = gan_full(ctx, -1, 1000, 3);
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
        gan_tensor *x = gan_rand_normal(ctx, 4, 3), *label = gan_linspace(ctx, 1, 4, 4), *p;
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
        gan_tensor *x = gan_zeros(ctx, 3, 2), *p, *g;
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
        gan_tensor *x = gan_rand_normal(ctx, 5, 3), *g, *w;
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
    critic_gradients(GAN_PENALTY_R1);
    TEST ("on a linear critic R1 is weight / 2 |w|^2 with gradient weight w") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 5, 3), *w, *g, *p;
        double n;
        int k;
        (void)gan_forward(d, x, NULL);
        w = gan_model_find(d, "w.weight");
        n = norm_of(w);
        p = gan_penalty(GAN_PENALTY_R1, 7, d, x, gan_rand_normal(ctx, 5, 3), NULL);
        g = gan_grad(p, w, 0);
        CHECK_NEAR(gan_item(p), 3.5 * n * n, TOL * 10, "value");
        for (k = 0; k < 3; ++k) CHECK_NEAR(gan_data(g)[k], 7 * (double)gan_data(w)[k], TOL * 10, "by w");
        gan_destroy(ctx);
    }
    TEST ("R1 looks at real data: with D = |x|^2 / 2 it is weight / 2 mean |x_i|^2, whatever the fakes") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", square_critic, NULL);
        gan_tensor *x = gan_rand_normal(ctx, 6, 4), *fake = gan_full(ctx, 100, 6, 4);
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
        gan_tensor *x = gan_rand_normal(ctx, 6, 4);
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
        gan_tensor *x = gan_rand_normal(ctx, 6, 4), *p, *w;
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
        (void)gan_forward(d, gan_rand_normal(ctx, 6, 4), NULL);
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
        (void)gan_forward(d, gan_rand_normal(ctx, 6, 4), NULL);
        gan_data(gan_model_find(d, "w.weight"))[0] = 5;
        gan_penalty_after(GAN_PENALTY_WGAN_GP, (gan_real).1, d);
        gan_penalty_after(GAN_PENALTY_R1, (gan_real).1, d);
        w = gan_item(gan_model_find(d, "w.weight"));
        CHECK(w == 5, "%g", (double)w);
        gan_destroy(ctx);
    }
}

static const int five_by_three[2] = {5, 3};

static void test_wgan_lp(void)
{
    critic_gradients(GAN_PENALTY_WGAN_LP);
    for (int below = 0; below < 2; ++below)
        for (int two_sided = 0; two_sided < 2; ++two_sided)
            TESTF ("a target t: a linear critic %s it has weight / t^2 (|w| - t)^2, %s-sided",
                   below ? "below" : "above", two_sided ? "two" : "one") {
                setup s = setup_of(two_sided ? GAN_PENALTY_WGAN_GP : GAN_PENALTY_WGAN_LP, linear_critic,
                                   linear_generator, 2, five_by_three);
                const double n = norm_of(gan_model_find(s.d, "w.weight")), t = below ? 2 * n : n / 2;
                s.desc.weight = 7;
                s.desc.target = (gan_real)t;
                CHECK_NEAR(value_of(&s), below && !two_sided ? 0 : 7 / (t * t) * (n - t) * (n - t), TOL * 50,
                           "value");
                done(&s);
            }
    TEST_MUST_FAIL ("a one-sided penalty on slopes below 1 is caught as the two-sided one") {
        setup s = setup_of(GAN_PENALTY_WGAN_LP, square_critic, linear_generator, 2, five_by_three);
        s.in.real = s.in.fake = gan_full(s.ctx, (gan_real).1, 5, 3);
        CHECK_NEAR(value_of(&s), 10 * pow(sqrt(.03) - 1, 2), 1e-3, "value");
        done(&s);
    }
    TEST_MUST_FAIL ("a weight that is not divided by target^2 is caught") {
        setup s = setup_of(GAN_PENALTY_WGAN_GP, linear_critic, linear_generator, 2, five_by_three);
        const double n = norm_of(gan_model_find(s.d, "w.weight"));
        s.desc.target = 750;
        CHECK_NEAR(value_of(&s), 10 * (n - 750) * (n - 750), 1, "value");
        done(&s);
    }
}

static void dragan_noise(int must_fail)
{
    setup s = setup_of(GAN_PENALTY_DRAGAN, memory_critic, linear_generator, 2, (int[]){1000, 3});
    gan_real *x = gan_data(s.in.real);
    double mean = 0, square = 0, most = 0, n;
    int i, outside = 0, alike = 0;
    for (i = 0; i < 3000; ++i) x[i] = i % 2 ? 4 : -4; // std 4
    s.in.fake = NULL;
    s.desc.parameter = must_fail ? (gan_real).5 : (gan_real).25; // noise e u in [0, 1) e and u uniform
    n = norm_of(gan_model_find(s.d, "w.weight"));
    CHECK_NEAR(value_of(&s), 10 * (n - 1) * (n - 1), TOL * 100, "value on a linear critic");
    CHECK(remembered_size == 3000, "%d numbers reached the critic", (int)remembered_size);
    for (i = 0; i < 3000; ++i) {
        double e = (double)remembered[i] - (double)x[i];
        outside += e < 0 || e > 1;
        most = fmax(most, e);
        mean += e / 3000;
        square += e * e / 3000;
        if (i % 3) alike += fabs((double)remembered[i - 1] - (double)x[i - 1] - e) < 1e-7;
    }
    CHECK(outside == 0 && alike < 3 && most > .9, "%d outside, %d alike, at most %g", outside, alike, most);
    CHECK_NEAR(mean, .25, .02, "the mean of e u");
    CHECK_NEAR(square, 1 / 9., .02, "the mean of (e u)^2");
    done(&s);
}

static void test_dragan(void)
{
    critic_gradients(GAN_PENALTY_DRAGAN);
    TEST ("DRAGAN looks around the data: noise e p std u, e per sample, u per number, both uniform") {
        dragan_noise(0);
    }
    TEST_MUST_FAIL ("noise of another size is caught") { dragan_noise(1); }
}

static void test_r2(void)
{
    critic_gradients(GAN_PENALTY_R2);
    TEST ("R2 looks at fakes: with D = |x|^2 / 2 it is weight / 2 mean |x_i|^2, whatever the data") {
        setup s = setup_of(GAN_PENALTY_R2, square_critic, linear_generator, 2, five_by_three);
        const double n = norm_of(s.in.fake);
        CHECK_NEAR(value_of(&s), 5 * n * n / 5, TOL * 10 * (1 + n * n), "value");
        s.in.real = NULL;
        CHECK_NEAR(value_of(&s), 5 * n * n / 5, TOL * 10 * (1 + n * n), "without data");
        done(&s);
    }
    TEST_MUST_FAIL ("R1 in its place is caught") {
        setup s = setup_of(GAN_PENALTY_R1, square_critic, linear_generator, 2, five_by_three);
        const double n = norm_of(s.in.fake);
        CHECK_NEAR(value_of(&s), 5 * n * n / 5, 1e-3, "value");
        done(&s);
    }
}

static void test_zero_centered(void)
{
    critic_gradients(GAN_PENALTY_ZERO_CENTERED);
    TEST ("zero_centered: with D = |x|^2 / 2 and real = fake it is weight mean |x_i|^2, no half") {
        setup s = setup_of(GAN_PENALTY_ZERO_CENTERED, square_critic, linear_generator, 2, five_by_three);
        const double n = norm_of(s.in.fake);
        s.in.real = s.in.fake;
        CHECK_NEAR(value_of(&s), 10 * n * n / 5, TOL * 10 * (1 + n * n), "value");
        done(&s);
    }
    TEST ("zero_centered is on the interpolates: between x and -x it is below weight |x|^2 by E (2e - 1)^2 = "
          "1/3") {
        setup s = setup_of(GAN_PENALTY_ZERO_CENTERED, square_critic, linear_generator, 2, (int[]){4000, 1});
        s.in.real = gan_full(s.ctx, 2, 4000, 1), s.in.fake = gan_full(s.ctx, -2, 4000, 1);
        CHECK_NEAR(value_of(&s), 10 * 4 / 3., .8, "value");
        done(&s);
    }
}

static void test_max_gp(void)
{
    critic_gradients(GAN_PENALTY_MAX_GP);
    TEST ("max_gp: with D = |x|^2 / 2 and real = fake it is weight max |x_i|^2") {
        setup s = setup_of(GAN_PENALTY_MAX_GP, square_critic, linear_generator, 2, five_by_three);
        double most = 0;
        s.in.real = s.in.fake;
        for (int i = 0; i < 5; ++i) most = fmax(most, row_square(s.in.fake, i));
        CHECK_NEAR(value_of(&s), 10 * most, TOL * 100, "value");
        done(&s);
    }
    TEST_MUST_FAIL ("the mean in place of the maximum is caught") {
        setup s = setup_of(GAN_PENALTY_MAX_GP, square_critic, linear_generator, 2, five_by_three);
        s.in.real = s.in.fake;
        CHECK_NEAR(value_of(&s), 10 * pow(norm_of(s.in.fake), 2) / 5, 1e-3, "value");
        done(&s);
    }
}

static void test_wgan_div(void)
{
    critic_gradients(GAN_PENALTY_WGAN_DIV);
    TEST ("wgan_div: with D = |x|^2 / 2 and real = fake it is k mean |x_i|^p, k 2 and p 6, or 3 and 4") {
        setup s = setup_of(GAN_PENALTY_WGAN_DIV, square_critic, linear_generator, 2, five_by_three);
        double want[2] = {0, 0};
        s.in.real = s.in.fake;
        for (int i = 0; i < 5; ++i) {
            want[0] += 2 * pow(row_square(s.in.fake, i), 3) / 5;
            want[1] += 3 * pow(row_square(s.in.fake, i), 2) / 5;
        }
        CHECK_NEAR(value_of(&s), want[0], TOL * (1 + want[0]), "k 2, p 6");
        s.desc.weight = 3, s.desc.parameter = 4;
        CHECK_NEAR(value_of(&s), want[1], TOL * (1 + want[1]), "k 3, p 4");
        done(&s);
    }
    TEST ("wgan_div where the gradient is 0 makes no NaN, with p 6, 2 and 1") {
        setup s = setup_of(GAN_PENALTY_WGAN_DIV, square_critic, linear_generator, 2, five_by_three);
        gan_tensor *p, *g;
        const gan_real power[3] = {0, 2, 1};
        s.in.real = s.in.fake = gan_zeros(s.ctx, 5, 3);
        for (int i = 0; i < 3; ++i) {
            s.desc.parameter = power[i];
            p = gan_penalty_ex(&s.desc, &s.in);
            g = gan_grad(p, gan_model_find(s.d, "a"), 0);
            CHECK(gan_item(p) == 0 && gan_item(g) == 0, "%g, gradient %g", (double)gan_item(p),
                  (double)gan_item(g));
        }
        done(&s);
    }
}

static double qp_reference(setup *s, double lambda)
{
    double want = 0;
    for (int i = 0; i < 5; ++i) {
        double d = 0, off = linear_score(s->d, s->in.real, i) - linear_score(s->d, s->in.fake, i);
        for (int k = 0; k < 3; ++k)
            d += fabs((double)gan_data(s->in.real)[i * 3 + k] - (double)gan_data(s->in.fake)[i * 3 + k]) / 3;
        want += off * off / (2 * lambda * d) / 5;
    }
    return want;
}

static void test_gan_qp(void)
{
    critic_gradients(GAN_PENALTY_GAN_QP);
    TEST ("gan_qp: mean (r - f)^2 / (2 lambda d), d the mean distance by numbers, lambda 10 or 3") {
        setup s = setup_of(GAN_PENALTY_GAN_QP, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), qp_reference(&s, 10), TOL, "lambda 10");
        s.desc.parameter = 3, s.desc.weight = 2;
        CHECK_NEAR(value_of(&s), 2 * qp_reference(&s, 3), TOL * 10, "lambda 3");
        done(&s);
    }
    TEST ("gan_qp with fakes that are the data is 0, with a finite gradient") {
        setup s = setup_of(GAN_PENALTY_GAN_QP, linear_critic, linear_generator, 2, five_by_three);
        gan_tensor *p, *g;
        s.in.real = s.in.fake;
        p = gan_penalty_ex(&s.desc, &s.in);
        g = gan_grad(p, gan_model_find(s.d, "w.weight"), 0);
        CHECK(gan_item(p) == 0 && isfinite(norm_of(g)), "%g, %g", (double)gan_item(p), norm_of(g));
        done(&s);
    }
    TEST ("theory: f - r + gan_qp is least where r - f = lambda d, with the value -lambda d / 2") {
        setup s = setup_of(GAN_PENALTY_GAN_QP, linear_critic, linear_generator, 2, five_by_three);
        gan_tensor *loss, *w = gan_model_find(s.d, "w.weight");
        int i;
        for (i = 0; i < 15; ++i) gan_data(s.in.fake)[i] = gan_data(s.in.real)[i];
        for (i = 0; i < 5; ++i) gan_data(s.in.real)[i * 3] += (gan_real)1.5; // d = 1.5 / 3
        gan_data(w)[0] = (gan_real)(10 / 3.);
        loss = gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, gan_forward(s.d, s.in.real, NULL),
                                  gan_forward(s.d, s.in.fake, NULL), 0),
                       gan_penalty_ex(&s.desc, &s.in));
        CHECK_NEAR(gan_item(loss), -10 * .5 / 2, 1e-4, "value");
        CHECK_NEAR(norm_of(gan_grad(loss, w, 0)), 0, 1e-4, "slope");
        done(&s);
    }
    TEST_MUST_FAIL ("a distance by sums instead of means is caught") {
        setup s = setup_of(GAN_PENALTY_GAN_QP, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), qp_reference(&s, 10) / 3, 1e-6, "value");
        done(&s);
    }
}

// A multiplier l: the term l (O - 1) + rho / 2 (O - 1)^2, then l += rho (O - 1).
static void lagrangian(gan_penalty_kind kind, const char *name, double (*omega)(setup *s))
{
    TESTF ("%s: l (O - 1) + rho / 2 (O - 1)^2, then l += rho (O - 1) in GAN_TRAIN", gan_penalty_name(kind)) {
        setup s = setup_of(kind, linear_critic, linear_generator, 2, five_by_three);
        const double off = omega(&s) - 1;
        s.desc.weight = (gan_real).5;
        CHECK_NEAR(value_of(&s), .25 * off * off, TOL, "first: l is 0");
        CHECK_NEAR(*state_of(s.d, name), .5 * off, TOL, "l");
        CHECK_NEAR(value_of(&s), .5 * off * off + .25 * off * off, TOL, "second");
        CHECK_NEAR(*state_of(s.d, name), off, TOL, "l");
        gan_model_mode(s.d, GAN_EVAL);
        CHECK_NEAR(value_of(&s), off * off + .25 * off * off, TOL, "third");
        CHECK_NEAR(*state_of(s.d, name), off, TOL, "l in GAN_EVAL");
        done(&s);
    }
}
static double fisher_omega(setup *s)
{
    return .5 * mean_square_score(s->d, s->in.real, 0) + .5 * mean_square_score(s->d, s->in.fake, 0);
}
static double sobolev_omega(setup *s) { return pow(norm_of(gan_model_find(s->d, "w.weight")), 2); }

static gan_tensor *table_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_embedding(m, "f", gan_flatten(x), 4, 1);
}

static void test_fisher(void)
{
    critic_gradients(GAN_PENALTY_FISHER);
    lagrangian(GAN_PENALTY_FISHER, "penalty.fisher.multiplier", fisher_omega);
    TEST_MUST_FAIL ("a multiplier that goes the wrong way is caught") {
        setup s = setup_of(GAN_PENALTY_FISHER, linear_critic, linear_generator, 2, five_by_three);
        s.desc.weight = (gan_real).5;
        (void)value_of(&s);
        CHECK_NEAR(*state_of(s.d, "penalty.fisher.multiplier"), -.5 * (fisher_omega(&s) - 1), 1e-3, "l");
        done(&s);
    }
    TEST ("theory: the best critic between two discrete distributions has O = 1 and the value "
          "sqrt(sum (P - Q)^2 / ((P + Q) / 2))") {
        static const double p[4] = {4, 2, 1, 1}, q[4] = {1, 1, 2, 4};
        setup s = setup_of(GAN_PENALTY_FISHER, table_critic, linear_generator, 2, (int[]){8, 1});
        gan_optimizer *o = gan_optimizer_create(s.d, gan_sgd((gan_real).1, 0));
        double want = 0, value = 0, omega = 0;
        int i, k, a = 0, b = 0;
        gan_error_clear(s.ctx); // the samples were no rows of the table yet
        for (k = 0; k < 4; ++k) {
            want += pow(p[k] / 8 - q[k] / 8, 2) / ((p[k] + q[k]) / 16);
            for (i = 0; i < (int)p[k]; ++i) gan_data(s.in.real)[a++] = (gan_real)k;
            for (i = 0; i < (int)q[k]; ++i) gan_data(s.in.fake)[b++] = (gan_real)k;
        }
        s.desc.weight = (gan_real).2;
        gan_scope_open(s.ctx);
        for (i = 0; i < 600; ++i) {
            gan_tensor *r, *f;
            gan_scope_open(s.ctx);
            r = s.in.real_out = gan_forward(s.d, s.in.real, NULL);
            f = s.in.fake_out = gan_forward(s.d, s.in.fake, NULL);
            value = (double)gan_item(gan_mean_all(r)) - (double)gan_item(gan_mean_all(f));
            omega = (pow(norm_of(r), 2) + pow(norm_of(f), 2)) / 16;
            gan_minimize(o,
                         gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, r, f, 0), gan_penalty_ex(&s.desc, &s.in)));
            gan_scope_close(s.ctx);
        }
        gan_scope_close(s.ctx);
        printf("fisher: O %.5f (1), value %.5f (%.5f exact)\n", omega, value, sqrt(want));
        CHECK_NEAR(omega, 1, .002, "O");
        CHECK_NEAR(value, sqrt(want), .002, "value");
        done(&s);
    }
}

static void test_sobolev(void)
{
    critic_gradients(GAN_PENALTY_SOBOLEV);
    lagrangian(GAN_PENALTY_SOBOLEV, "penalty.sobolev.multiplier", sobolev_omega);
    TEST ("sobolev takes data and fakes half and half: with D = |x|^2 / 2 O = (mean |x|^2 + mean |G(z)|^2) / "
          "2") {
        setup s = setup_of(GAN_PENALTY_SOBOLEV, square_critic, linear_generator, 2, five_by_three);
        const double off = (pow(norm_of(s.in.real), 2) + pow(norm_of(s.in.fake), 2)) / 10 - 1;
        s.desc.weight = 1;
        CHECK_NEAR(value_of(&s), .5 * off * off, TOL * 10, "value");
        done(&s);
    }
    TEST ("theory: of the linear critics between points at distance 3 the best has slope 1 and the value 3") {
        setup s = setup_of(GAN_PENALTY_SOBOLEV, linear_critic, linear_generator, 2, (int[]){4, 1});
        gan_optimizer *o = gan_optimizer_create(s.d, gan_sgd((gan_real).1, 0));
        double slope;
        s.in.real = gan_keep(s.ctx, "r", gan_full(s.ctx, 1, 4, 1));
        s.in.fake = gan_keep(s.ctx, "f", gan_full(s.ctx, -2, 4, 1));
        s.in.label = s.in.real_aug = s.in.fake_aug = s.in.z = NULL;
        s.desc.weight = (gan_real).3;
        for (int i = 0; i < 300; ++i)
            gan_minimize(o, gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, gan_forward(s.d, s.in.real, NULL),
                                               gan_forward(s.d, s.in.fake, NULL), 0),
                                    gan_penalty_ex(&s.desc, &s.in)));
        slope = (double)gan_item(gan_model_find(s.d, "w.weight"));
        printf("sobolev: O %.5f (1), value %.5f (3)\n", slope * slope, 3 * slope);
        CHECK_NEAR(slope * slope, 1, .002, "O");
        CHECK_NEAR(3 * slope, 3, .005, "value");
        done(&s);
    }
}

static void test_drift(void)
{
    critic_gradients(GAN_PENALTY_DRIFT);
    TEST ("drift is .001 mean r^2, of outputs that are there or of its own") {
        setup s = setup_of(GAN_PENALTY_DRIFT, linear_critic, linear_generator, 2, five_by_three);
        const double want = .001 * mean_square_score(s.d, s.in.real, 0);
        CHECK_NEAR(value_of(&s), want, TOL * .01, "from the data");
        s.in.real_out = gan_forward(s.d, s.in.real, NULL), s.in.real = NULL;
        CHECK_NEAR(value_of(&s), want, TOL * .01, "from D(x)");
        done(&s);
    }
    TEST_MUST_FAIL ("drift of the fakes is caught") {
        setup s = setup_of(GAN_PENALTY_DRIFT, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), .001 * mean_square_score(s.d, s.in.fake, 0), 1e-7, "value");
        done(&s);
    }
}

static double jsd_reference(setup *s, double sign)
{
    double want = 0, n = norm_of(gan_model_find(s->d, "w.weight"));
    for (int i = 0; i < 5; ++i)
        want += (pow(sigmoid(-sign * linear_score(s->d, s->in.real, i)), 2) +
                 pow(sigmoid(sign * linear_score(s->d, s->in.fake, i)), 2)) *
                n * n / 5;
    return want;
}
// Four outputs a sample: their mean is the sample's.
static gan_tensor *patch_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *y = gan_reshape(linear_critic(m, x, label), -1, 1, 1, 1);
    return gan_add(y, gan_reshape(gan_linspace(gan_context_of(x), -1, 1, 4), 1, 1, 2, 2));
}

static void test_jsd_regularizer(void)
{
    critic_gradients(GAN_PENALTY_JSD_REGULARIZER);
    TEST ("jsd_regularizer: gamma / 2 (mean (1 - D(x))^2 |grad|^2 + mean D(G(z))^2 |grad|^2), gamma .1") {
        setup s = setup_of(GAN_PENALTY_JSD_REGULARIZER, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), .05 * jsd_reference(&s, 1), TOL, "value");
        done(&s);
    }
    TEST ("a critic of patches: their mean is the sample's logit") {
        setup s = setup_of(GAN_PENALTY_JSD_REGULARIZER, patch_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), .05 * jsd_reference(&s, 1), TOL, "value");
        s.desc.kind = GAN_PENALTY_GAN_QP;
        CHECK_NEAR(value_of(&s), qp_reference(&s, 10), TOL, "gan_qp");
        done(&s);
    }
    TEST_MUST_FAIL ("the roles of data and fakes swapped are caught") {
        setup s = setup_of(GAN_PENALTY_JSD_REGULARIZER, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), .05 * jsd_reference(&s, -1), 1e-6, "value");
        done(&s);
    }
}

static double mean_score(gan_model *d, gan_tensor *x)
{
    double s = 0;
    for (int i = 0; i < gan_dim(x, 0); ++i) s += linear_score(d, x, i) / gan_dim(x, 0);
    return s;
}

static void lecam(int swapped)
{
    setup s = setup_of(GAN_PENALTY_LECAM, linear_critic, linear_generator, 2, five_by_three);
    gan_tensor *real = s.in.real, *fake = s.in.fake;
    double mr = mean_score(s.d, real), mf = mean_score(s.d, fake), decay = .99;
    s.in.step = 998;
    CHECK_NEAR(value_of(&s), 0, 0, "before step 1000");
    s.in.real = fake, s.in.fake = real;
    s.in.step = 999;
    CHECK_NEAR(value_of(&s), 0, 0, "before step 1000");
    CHECK_NEAR(*state_of(s.d, "penalty.lecam.real"), mf, TOL, "the last mean of D(x)");
    CHECK_NEAR(*state_of(s.d, "penalty.lecam.fake"), mr, TOL, "the last mean of D(G(z))");
    for (int i = 0; i < 3; ++i) {
        const double r = mean_score(s.d, real), f = mean_score(s.d, fake);
        if (i == 2) s.desc.parameter = (gan_real)(decay = .5);
        mf = decay * mf + (1 - decay) * r; // mf follows D(x) and mr D(G(z)): they were swapped above
        mr = decay * mr + (1 - decay) * f;
        s.in.real = real, s.in.fake = fake;
        s.in.step = 1000 + i;
        CHECK_NEAR(value_of(&s),
                   .3 * (mean_square_score(s.d, real, swapped ? mf : mr) +
                         mean_square_score(s.d, fake, swapped ? mr : mf)),
                   TOL, "value");
        CHECK_NEAR(*state_of(s.d, "penalty.lecam.real"), mf, TOL, "moving average of D(x)");
        CHECK_NEAR(*state_of(s.d, "penalty.lecam.fake"), mr, TOL, "moving average of D(G(z))");
    }
    done(&s);
}

static void test_lecam(void)
{
    critic_gradients(GAN_PENALTY_LECAM);
    TEST (
        "lecam: .3 (mean (r - mf)^2 + mean (f - mr)^2) from step 1000 on, decay .99, the last means before") {
        lecam(0);
    }
    TEST_MUST_FAIL ("lecam against the own averages instead of the other ones is caught") { lecam(1); }
    TEST ("lecam that begins late begins with the first means, not with 0") {
        setup s = setup_of(GAN_PENALTY_LECAM, linear_critic, linear_generator, 2, five_by_three);
        (void)value_of(&s);
        CHECK_NEAR(*state_of(s.d, "penalty.lecam.real"), mean_score(s.d, s.in.real), TOL, "mr");
        done(&s);
    }
}

static double mean_square_apart(gan_model *d, gan_tensor *x, gan_tensor *y)
{
    double s = 0;
    for (int i = 0; i < 5; ++i) s += pow(linear_score(d, x, i) - linear_score(d, y, i), 2) / 5;
    return s;
}

static void test_cr(void)
{
    critic_gradients(GAN_PENALTY_CR);
    TEST ("cr is 10 mean (D(x) - D(T(x)))^2; no augmentation, no term") {
        setup s = setup_of(GAN_PENALTY_CR, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), 10 * mean_square_apart(s.d, s.in.real, s.in.real_aug), TOL * 10, "value");
        s.in.real_out = gan_forward(s.d, s.in.real, NULL);
        CHECK_NEAR(value_of(&s), 10 * mean_square_apart(s.d, s.in.real, s.in.real_aug), TOL * 10,
                   "D(x) given");
        s.in.real_aug = s.in.real;
        CHECK_NEAR(value_of(&s), 0, 0, "without");
        done(&s);
    }
    TEST_MUST_FAIL ("cr of the fakes is caught") {
        setup s = setup_of(GAN_PENALTY_CR, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(value_of(&s), 10 * mean_square_apart(s.d, s.in.fake, s.in.fake_aug), 1e-3, "value");
        done(&s);
    }
}

static void test_bcr(void)
{
    critic_gradients(GAN_PENALTY_BCR);
    TEST ("bcr is 10 mean (D(x) - D(T(x)))^2 + 10 mean (D(G(z)) - D(T(G(z))))^2, or 3 and 4 times") {
        setup s = setup_of(GAN_PENALTY_BCR, linear_critic, linear_generator, 2, five_by_three);
        const double r = mean_square_apart(s.d, s.in.real, s.in.real_aug),
                     f = mean_square_apart(s.d, s.in.fake, s.in.fake_aug);
        CHECK_NEAR(value_of(&s), 10 * r + 10 * f, TOL * 20, "value");
        s.desc.weight = 3, s.desc.parameter = 4;
        CHECK_NEAR(value_of(&s), 3 * r + 4 * f, TOL * 20, "other weights");
        done(&s);
    }
}

// A linear critic on A z: w A n for each row of the noise that the generator met.
static double near_square(setup *s, double *noise)
{
    const gan_real *a = gan_data(gan_model_find(s->g, "g.weight")),
                   *w = gan_data(gan_model_find(s->d, "w.weight"));
    const int n = gan_dim(s->in.z, 0);
    double apart = 0, square = 0;
    for (int i = 0; i < n; ++i) {
        double off = 0;
        for (int k = 0; k < 3; ++k) {
            double e = (double)remembered[i * 3 + k] - (double)gan_data(s->in.z)[i * 3 + k];
            square += e * e / (3 * n);
            for (int j = 0; j < 3; ++j) off += (double)w[j] * (double)a[j * 3 + k] * e;
        }
        apart += off * off / n;
    }
    *noise = sqrt(square);
    return apart;
}

static void test_zcr(void)
{
    for (int radius = 0; radius < 2; ++radius)
        TESTF ("zcr is 20 mean (D(G(z)) - D(G(z + n)))^2, n ~ N(0, %g^2)", radius ? .2 : .05) {
            setup s = setup_of(GAN_PENALTY_ZCR, linear_critic, memory_generator, 2, (int[]){1000, 3});
            double noise, got;
            if (radius) s.desc.parameter = (gan_real).2;
            s.in.fake = gan_forward(s.g, s.in.z, NULL);
            got = value_of(&s);
            CHECK_NEAR(got, 20 * near_square(&s, &noise), 1e-3 * got + TOL, "value");
            CHECK_NEAR(noise, radius ? .2 : .05, radius ? .006 : .0015, "size of the noise");
            done(&s);
        }
    TEST ("zcr: G's side of D(G(z + n)) is off the tape") {
        setup s = setup_of(GAN_PENALTY_ZCR, linear_critic, linear_generator, 2, five_by_three);
        CHECK_NEAR(norm_of(gan_grad(gan_penalty_ex(&s.desc, &s.in), gan_model_find(s.g, "g.weight"), 0)), 0,
                   0, "the gradient by G");
        CHECK(norm_of(gan_grad(gan_penalty_ex(&s.desc, &s.in), gan_model_find(s.d, "w.weight"), 0)) > 0,
              "the gradient by D is 0");
        done(&s);
    }
    penalty_gradients(GAN_PENALTY_ZCR, smooth_critic, 2, (int[]){3, 2}, "smooth critic");
}

static void test_zcr_generator(void)
{
    penalty_gradients(GAN_PENALTY_ZCR_GENERATOR, smooth_generator, 2, (int[]){3, 2}, "smooth generator");
    TEST ("zcr_generator is -.5 mean (G(z) - G(z + n))^2: on s z it is -.5 s^2 .05^2") {
        setup s = setup_of(GAN_PENALTY_ZCR_GENERATOR, linear_critic, scale_generator, 2, (int[]){1000, 3});
        s.in.fake = NULL;
        CHECK_NEAR(value_of(&s), -.5 * 9 * .0025, .0006, "value");
        s.in.fake = gan_forward(s.g, s.in.z, NULL);
        CHECK_NEAR(value_of(&s), -.5 * 9 * .0025, .0006, "with G(z) given");
        CHECK(gan_item(gan_grad(gan_penalty_ex(&s.desc, &s.in), gan_model_find(s.g, "s"), 0)) < 0,
              "a step down must spread the samples");
        done(&s);
    }
}

// On G(z) = s z: J' y = s y, so the lengths are s |y| with the y that the same seed draws.
static void path_lengths(int image, double shrink)
{
    setup s = setup_of(GAN_PENALTY_PATH_LENGTH, linear_critic, image ? image_generator : scale_generator, 2,
                       (int[]){6, 4});
    const int n = shrink != 0 ? (int)(6 / shrink) : 3;
    double mean = 0, a = 0, want, length[6];
    s.desc.parameter = (gan_real)shrink;
    for (int step = 0; step < 3; ++step) {
        gan_tensor *y;
        gan_seed(s.ctx, 7 + (uint64_t)step);
        y = gan_rand_normal(s.ctx, n, 4);
        mean = want = 0;
        for (int i = 0; i < n; ++i) {
            length[i] = 3 * sqrt(row_square(y, i)) / (image ? 2 : 1);
            mean += length[i] / n;
        }
        a += .01 * (mean - a);
        for (int i = 0; i < n; ++i) want += 2 * pow(length[i] - a, 2) / n;
        gan_seed(s.ctx, 7 + (uint64_t)step);
        CHECK_NEAR(value_of(&s), want, TOL * (1 + want), "value");
        CHECK_NEAR(*state_of(s.g, "penalty.path_length.mean"), a, TOL, "a");
    }
    done(&s);
}

static void test_path_length(void)
{
    penalty_gradients(GAN_PENALTY_PATH_LENGTH, smooth_generator, 2, (int[]){4, 2}, "smooth generator");
    TEST ("path_length on G(z) = s z: 2 mean (s |y| - a)^2 with a += .01 (mean - a), on half the batch") {
        path_lengths(0, 0);
    }
    TEST ("path_length on all the batch") { path_lengths(0, 1); }
    TEST ("path_length on images: y is divided by sqrt(H W)") { path_lengths(1, 0); }
    TEST_MUST_FAIL ("another part of the batch is caught") {
        setup s = setup_of(GAN_PENALTY_PATH_LENGTH, linear_critic, scale_generator, 2, (int[]){6, 4});
        double whole, half;
        gan_model_mode(s.g, GAN_EVAL);
        gan_seed(s.ctx, 7), half = value_of(&s);
        s.desc.parameter = 1;
        gan_seed(s.ctx, 7), whole = value_of(&s);
        CHECK_NEAR(half, whole, 1e-3, "value");
        done(&s);
    }
}

static void test_mode_seeking(void)
{
    penalty_gradients(GAN_PENALTY_MODE_SEEKING, smooth_generator, 2, (int[]){4, 2}, "smooth generator");
    for (int given = 0; given < 2; ++given)
        TESTF ("mode_seeking is 1 / (mean |G(z) - G(z')| / mean |z - z'| + 1e-5), G(z) %s",
               given ? "given" : "made") {
            setup s = setup_of(GAN_PENALTY_MODE_SEEKING, linear_critic, linear_generator, 2, five_by_three);
            const gan_real *z = gan_data(s.in.z), *a = gan_data(gan_model_find(s.g, "g.weight"));
            double far = 0, apart = 0;
            for (int i = 0; i < 5; ++i)
                for (int j = 0; j < 3; ++j) {
                    double off = 0;
                    for (int k = 0; k < 3; ++k)
                        off += (double)a[j * 3 + k] * ((double)z[i * 3 + k] - (double)z[(i + 1) % 5 * 3 + k]);
                    far += fabs(off) / 15;
                    apart += fabs((double)z[i * 3 + j] - (double)z[(i + 1) % 5 * 3 + j]) / 15;
                }
            s.in.fake = given ? gan_forward(s.g, s.in.z, NULL) : NULL;
            CHECK_NEAR(value_of(&s), 1 / (far / apart + 1e-5), TOL * 10, "value");
            done(&s);
        }
    TEST ("mode_seeking falls when the generator spreads; one that has collapsed makes no NaN; one row is an "
          "error") {
        setup s = setup_of(GAN_PENALTY_MODE_SEEKING, linear_critic, scale_generator, 2, five_by_three);
        gan_tensor *p, *scale = gan_model_find(s.g, "s"), *g;
        s.in.fake = NULL;
        CHECK(gan_item(gan_grad(gan_penalty_ex(&s.desc, &s.in), scale, 0)) < 0, "the slope is not down");
        gan_data(scale)[0] = 0;
        p = gan_penalty_ex(&s.desc, &s.in);
        g = gan_grad(p, scale, 0);
        CHECK_NEAR(gan_item(p), 1e5, 1, "collapsed");
        CHECK(isfinite((double)gan_item(g)), "slope %g", (double)gan_item(g));
        CHECK(gan_error(s.ctx) == 0, "%s", gan_error_message(s.ctx));
        s.in.z = gan_zeros(s.ctx, 1, 3);
        (void)value_of(&s);
        CHECK_TEXT(gan_error_message(s.ctx), "mode_seeking");
        CHECK_TEXT(gan_error_message(s.ctx), "(1, 3)");
        gan_destroy(s.ctx);
    }
}

static gan_tensor *norms_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_layer_norm(m, "n", gan_conv2d(m, "a", gan_reshape(x, -1, 1, 1, 3), 3, 1, 1, 0));
    (void)label;
    return gan_linear(m, "b", gan_flatten(h), 4);
}
static double off_diagonal(gan_tensor *w, int diagonal)
{
    const int rows = gan_dim(w, 0), n = (int)gan_numel(w) / rows;
    double s = 0;
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < rows; ++j) {
            double dot = 0;
            for (int k = 0; k < n; ++k)
                dot += (double)gan_data(w)[i * n + k] * (double)gan_data(w)[j * n + k];
            if (i != j || diagonal) s += dot * dot;
        }
    return s;
}

static void orthogonal_value(int wrong)
{
    setup s = setup_of(GAN_PENALTY_ORTHOGONAL, norms_critic, linear_generator, 2, five_by_three);
    double want = off_diagonal(gan_model_find(s.d, "a.weight"), wrong) +
                  off_diagonal(gan_model_find(s.d, "b.weight"), wrong);
    CHECK_NEAR(value_of(&s), 1e-4 * want, TOL * 1e-3, "value");
    done(&s);
}

static void test_orthogonal(void)
{
    critic_gradients(GAN_PENALTY_ORTHOGONAL);
    TEST (
        "orthogonal is 1e-4 the squares of W W' off the diagonal, over the weights of layers: no biases, no "
        "gains of norms") {
        orthogonal_value(0);
    }
    TEST_MUST_FAIL ("the diagonal taken in is caught") { orthogonal_value(1); }
    TEST ("orthogonal's gradient is 4 beta (W W' off the diagonal) W; of rows that are orthogonal 0") {
        setup s = setup_of(GAN_PENALTY_ORTHOGONAL, linear_critic, linear_generator, 2, five_by_three);
        gan_tensor *w = gan_model_find(s.g, "g.weight"), *g;
        s.in.d = NULL; // the generator's turn
        g = gan_grad(gan_penalty_ex(&s.desc, &s.in), w, 0);
        for (int i = 0; i < 3; ++i)
            for (int k = 0; k < 3; ++k) {
                double want = 0;
                for (int j = 0; j < 3; ++j) {
                    double dot = 0;
                    for (int c = 0; c < 3; ++c)
                        dot += (double)gan_data(w)[i * 3 + c] * (double)gan_data(w)[j * 3 + c];
                    if (i != j) want += 4e-4 * dot * (double)gan_data(w)[j * 3 + k];
                }
                CHECK_NEAR(gan_data(g)[i * 3 + k], want, TOL * 1e-3, "gradient");
            }
        for (int k = 0; k < 9; ++k) gan_data(w)[k] = k % 4 ? 0 : 2;
        CHECK_NEAR(value_of(&s), 0, 0, "orthogonal rows");
        done(&s);
    }
    TEST ("frozen weights are left out; a model without weights has 0") {
        setup s = setup_of(GAN_PENALTY_ORTHOGONAL, norms_critic, scale_generator, 2, five_by_three);
        gan_model_freeze(s.d, "b", 1);
        CHECK_NEAR(value_of(&s), 1e-4 * off_diagonal(gan_model_find(s.d, "a.weight"), 0), TOL * 1e-3,
                   "value");
        s.in.d = NULL;
        CHECK_NEAR(value_of(&s), 0, 0, "no weights");
        done(&s);
    }
}

static void test_l2(void)
{
    critic_gradients(GAN_PENALTY_L2);
    TEST ("l2 is weight / 2 |W|^2 with gradient weight W, over the weights of layers: no biases, no gains") {
        setup s = setup_of(GAN_PENALTY_L2, norms_critic, linear_generator, 2, five_by_three);
        gan_tensor *a = gan_model_find(s.d, "a.weight"), *b = gan_model_find(s.d, "b.weight"), *g;
        CHECK_NEAR(value_of(&s), 1.25e-5 * (pow(norm_of(a), 2) + pow(norm_of(b), 2)), TOL * 1e-4, "value");
        g = gan_grad(gan_penalty_ex(&s.desc, &s.in), a, 0);
        for (int k = 0; k < 3; ++k)
            CHECK_NEAR(gan_data(g)[k], 2.5e-5 * (double)gan_data(a)[k], 1e-10, "by W");
        CHECK_NEAR(norm_of(gan_grad(gan_penalty_ex(&s.desc, &s.in), gan_model_find(s.d, "b.bias"), 0)), 0, 0,
                   "by a bias");
        done(&s);
    }
    TEST_MUST_FAIL ("l2 that takes the biases in is caught") {
        setup s = setup_of(GAN_PENALTY_L2, linear_critic, linear_generator, 2, five_by_three);
        s.desc.weight = 1;
        CHECK_NEAR(value_of(&s),
                   .5 * pow(norm_of(gan_model_find(s.d, "w.weight")), 2) +
                       .5 * pow(norm_of(gan_model_find(s.d, "w.bias")), 2),
                   1e-4, "value");
        done(&s);
    }
}

static void historical(int of_g, int wrong)
{
    setup s = setup_of(GAN_PENALTY_HISTORICAL_AVERAGE, linear_critic, linear_generator, 2, five_by_three);
    gan_model *m = of_g ? s.g : s.d;
    gan_tensor *w = gan_model_find(m, of_g ? "g.weight" : "w.weight"), *b = gan_model_find(m, "w.bias");
    double mean[10] = {0}, want;
    const int n = (int)gan_numel(w);
    if (of_g) s.in.d = NULL;
    CHECK_NEAR(value_of(&s), 0, 0, "before the first update");
    for (int step = 1; step <= 4; ++step) {
        gan_penalty_after(GAN_PENALTY_HISTORICAL_AVERAGE, 0, m);
        for (int k = 0; k < n; ++k) mean[k] += ((double)gan_data(w)[k] - mean[k]) / (wrong ? step + 1 : step);
        if (b) mean[9] += ((double)gan_item(b) - mean[9]) / step;
        for (int k = 0; k < n; ++k) gan_data(w)[k] += (gan_real)check_uniform(-1, 1);
        if (b) gan_data(b)[0] += 1;
        want = b ? pow((double)gan_item(b) - mean[9], 2) : 0;
        for (int k = 0; k < n; ++k) want += pow((double)gan_data(w)[k] - mean[k], 2);
        CHECK_NEAR(value_of(&s), want, TOL * 10, "value");
    }
    done(&s);
}

static void test_historical_average(void)
{
    critic_gradients(GAN_PENALTY_HISTORICAL_AVERAGE);
    TEST ("historical_average is |theta - mean of the thetas after each update|^2, of D") {
        historical(0, 0);
    }
    TEST ("and of G, where d is NULL") { historical(1, 0); }
    TEST_MUST_FAIL ("a mean that begins with zeros is caught") { historical(0, 1); }
}

// ---- all of them

static const struct {
    gan_penalty_kind kind;
    const char *name;
    gan_player player;
    unsigned needs;
    void (*run)(void);
} penalties[] = {
#define ROW(id, name, player, weight, target, parameter, needs, bounds, after)                               \
    {GAN_PENALTY_##id, #name, GAN_PLAYER_##player, needs, test_##name},
    GAN_PENALTIES(ROW)
#undef ROW
};

// What the literature says, once more.
static const struct {
    gan_penalty_kind kind;
    double weight, target, parameter;
} defaults[] = {
    {GAN_PENALTY_WGAN_GP, 10, 1, 0},
    {GAN_PENALTY_R1, 10, 0, 0},
    {GAN_PENALTY_WGAN_LP, 10, 1, 0},
    {GAN_PENALTY_DRAGAN, 10, 1, .5},
    {GAN_PENALTY_R2, 10, 0, 0},
    {GAN_PENALTY_ZERO_CENTERED, 10, 0, 0},
    {GAN_PENALTY_MAX_GP, 10, 0, 0},
    {GAN_PENALTY_WGAN_DIV, 2, 0, 6},
    {GAN_PENALTY_GAN_QP, 1, 0, 10},
    {GAN_PENALTY_FISHER, 1e-6, 0, 0},
    {GAN_PENALTY_SOBOLEV, 1e-5, 0, 0},
    {GAN_PENALTY_DRIFT, .001, 0, 0},
    {GAN_PENALTY_JSD_REGULARIZER, .1, 0, 0},
    {GAN_PENALTY_LECAM, .3, 0, .99},
    {GAN_PENALTY_CR, 10, 0, 0},
    {GAN_PENALTY_BCR, 10, 0, 10},
    {GAN_PENALTY_ZCR, 20, 0, .05},
    {GAN_PENALTY_ZCR_GENERATOR, .5, 0, .05},
    {GAN_PENALTY_PATH_LENGTH, 2, 0, 2},
    {GAN_PENALTY_MODE_SEEKING, 1, 0, 0},
    {GAN_PENALTY_ORTHOGONAL, 1e-4, 0, 0},
    {GAN_PENALTY_L2, 2.5e-5, 0, 0},
    {GAN_PENALTY_HISTORICAL_AVERAGE, 1, 0, 0},
};

static const struct {
    gan_penalty_kind kind;
    int of_g;
    const char *buffer[2];
} kept[] = {
    {GAN_PENALTY_FISHER, 0, {"penalty.fisher.multiplier", NULL}},
    {GAN_PENALTY_SOBOLEV, 0, {"penalty.sobolev.multiplier", NULL}},
    {GAN_PENALTY_LECAM, 0, {"penalty.lecam.real", "penalty.lecam.fake"}},
    {GAN_PENALTY_PATH_LENGTH, 1, {"penalty.path_length.mean", NULL}},
    {GAN_PENALTY_HISTORICAL_AVERAGE, 0, {"penalty.historical_average.a.weight", "penalty.historical_steps"}},
};

// The field of the need at that bit, and its name.
static gan_tensor **field_of(gan_penalty_in *in, int bit, const char **name)
{
    static const char *const names[] = {"real", "fake", "real_aug", "fake_aug", "z", "real", "fake"};
    gan_tensor **const fields[] = {&in->real, &in->fake, &in->real_aug, &in->fake_aug,
                                   &in->z,    &in->real, &in->fake};
    *name = names[bit];
    return fields[bit];
}

static gan_tensor *many_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "w", x, 4);
}

// Nothing is 0: slopes are above 1, past means are elsewhere. What is kept is held still.
static setup setup_at(gan_penalty_kind kind, const int *dims)
{
    setup s = setup_of(kind, many_critic, linear_generator, 2, dims);
    gan_penalty_after(GAN_PENALTY_HISTORICAL_AVERAGE, 0, s.d);
    gan_data(gan_model_tensor(s.d, 0))[0] += 3;
    gan_model_mode(s.d, GAN_EVAL), gan_model_mode(s.g, GAN_EVAL);
    return s;
}

static void everywhere(void)
{
    static const int dims[2] = {4, 3};
    size_t i;
    for (i = 0; i < COUNT(penalties); ++i) {
        const gan_penalty_kind kind = penalties[i].kind;
        const char *name = penalties[i].name;
        int bit;
        TESTF ("%s needs what its row says and no more; what is missing is named", name) {
            setup s = setup_of(kind, linear_critic, linear_generator, 2, dims);
            gan_penalty_in bare;
            const char *field;
            memset(&bare, 0, sizeof bare);
            for (bit = 0; bit < 7; ++bit)
                if (penalties[i].needs >> bit & 1)
                    *field_of(&bare, bit, &field) = *field_of(&s.in, bit, &field);
            if (penalties[i].player != GAN_PLAYER_GENERATOR) bare.d = s.d;
            if (penalties[i].needs & GAN_NEEDS_Z) bare.g = s.g;
            CHECK(gan_numel(gan_penalty_ex(&s.desc, &bare)) == 1 && !gan_error(s.ctx), "bare: %s",
                  gan_error_message(s.ctx));
            for (bit = 0; bit < 7; ++bit) {
                gan_penalty_in less = bare;
                if (!(penalties[i].needs >> bit & 1)) continue;
                *field_of(&less, bit, &field) = NULL;
                (void)gan_penalty_ex(&s.desc, &less);
                CHECK(gan_error(s.ctx) == GAN_ERROR_ARGUMENT, "without %s: %d", field, gan_error(s.ctx));
                CHECK_TEXT(gan_error_message(s.ctx), name);
                CHECK_TEXT(gan_error_message(s.ctx), field);
                gan_error_clear(s.ctx);
            }
            bare.d = NULL;
            if (penalties[i].player == GAN_PLAYER_DISCRIMINATOR) {
                gan_tensor *p = gan_penalty_ex(&s.desc, &bare);
                CHECK(!p || gan_error(s.ctx) == GAN_ERROR_ARGUMENT, "without d: %d", gan_error(s.ctx));
            }
            gan_destroy(s.ctx);
        }
        TESTF ("%s: the label reaches the model", name) {
            setup s = setup_of(kind, label_critic, label_generator, 2, dims);
            CHECK(isfinite(value_of(&s)), "not finite");
            done(&s);
        }
        TESTF ("%s is proportional to its weight, and `every` does not change it", name) {
            setup s = setup_at(kind, dims);
            double one, three, lazy;
            s.desc.weight = (gan_real).5;
            s.desc.parameter = kind == GAN_PENALTY_BCR ? (gan_real).5 : 0;
            gan_seed(s.ctx, 5), one = value_of(&s);
            s.desc.every = 16;
            gan_seed(s.ctx, 5), lazy = value_of(&s);
            s.desc.weight *= 3, s.desc.parameter *= 3;
            gan_seed(s.ctx, 5), three = value_of(&s);
            CHECK_NEAR(lazy, one, 0, "lazy");
            CHECK_NEAR(three, 3 * one, TOL * (1 + fabs(one)), "three times the weight");
            CHECK((one == 0) == (kind == GAN_PENALTY_NONE || kind == GAN_PENALTY_WEIGHT_CLIP),
                  "the term is %g", one);
            done(&s);
        }
        TESTF ("%s makes no heap call in its steady state", name) {
            setup s = setup_of(kind, smooth_critic, smooth_generator, 2, (int[]){4, 2});
            uint64_t calls = 0;
            if (penalties[i].player == GAN_PLAYER_GENERATOR) s.in.fake = NULL;
            for (int k = 0; k < 8; ++k) {
                gan_model *m = penalties[i].player == GAN_PLAYER_GENERATOR ? s.g : s.d;
                gan_scope_open(s.ctx);
                (void)gan_grad(gan_penalty_ex(&s.desc, &s.in), gan_model_tensor(m, 0), 0);
                gan_penalty_after(kind, 0, m);
                gan_scope_close(s.ctx);
                if (k == 3) calls = gan_memory(s.ctx).heap_calls;
            }
            CHECK(gan_memory(s.ctx).heap_calls == calls, "%d more",
                  (int)(gan_memory(s.ctx).heap_calls - calls));
            done(&s);
        }
        TESTF ("%s passes poison on, and tolerates NULL", name) {
            setup s = setup_of(kind, linear_critic, linear_generator, 2, dims);
            gan_penalty_in in = s.in;
            memset(&in, 0, sizeof in);
            CHECK(gan_penalty_ex(&s.desc, &in) == NULL, "nothing at all");
            in = s.in;
            in.real = gan_add(s.in.real, gan_zeros(s.ctx, 7));
            CHECK(gan_data(gan_penalty_ex(&s.desc, &in)) == NULL, "a poisoned batch");
            CHECK(gan_error(s.ctx) == GAN_ERROR_SHAPE, "the first error stays");
            gan_penalty_after(kind, 1, NULL);
            gan_destroy(s.ctx);
        }
        if (penalties[i].needs & GAN_NEEDS_REAL && !(penalties[i].needs & GAN_NEEDS_Z))
            TESTF ("%s: gan_penalty is gan_penalty_ex with the defaults", name) {
                setup s = setup_of(kind, linear_critic, linear_generator, 2, dims);
                double ex, easy;
                gan_model_mode(s.d, GAN_EVAL);
                s.desc.weight = (gan_real)1.5;
                gan_seed(s.ctx, 5), ex = value_of(&s);
                gan_seed(s.ctx, 5);
                easy = (double)gan_item(gan_penalty(kind, (gan_real)1.5, s.d, s.in.real, s.in.fake, NULL));
                CHECK_NEAR(easy, ex, 0, "value");
                done(&s);
            }
    }
    for (i = 0; i < COUNT(defaults); ++i)
        TESTF ("%s: 0 stands for weight %g, target %g, parameter %g", gan_penalty_name(defaults[i].kind),
               defaults[i].weight, defaults[i].target, defaults[i].parameter) {
            setup s = setup_at(defaults[i].kind, dims);
            double zero, said, other;
            gan_seed(s.ctx, 5), zero = value_of(&s);
            s.desc.weight = (gan_real)defaults[i].weight;
            s.desc.target = (gan_real)defaults[i].target;
            s.desc.parameter = (gan_real)defaults[i].parameter;
            gan_seed(s.ctx, 5), said = value_of(&s);
            CHECK_NEAR(said, zero, 0, "value");
            s.desc.weight *= (gan_real)1.1;
            gan_seed(s.ctx, 5), other = value_of(&s);
            CHECK(other != zero, "another weight makes no difference");
            done(&s);
        }
    TEST ("every penalty with a term has its defaults checked") {
        CHECK(COUNT(defaults) == GAN_PENALTY_COUNT - 2, "%d", (int)COUNT(defaults));
    }
    TEST ("errors: a pair of two shapes, a weight that is no number, no desc, an unknown kind") {
        setup s = setup_of(GAN_PENALTY_WGAN_LP, linear_critic, linear_generator, 2, dims);
        s.in.fake = gan_zeros(s.ctx, 5, 3);
        (void)value_of(&s);
        CHECK(gan_error(s.ctx) == GAN_ERROR_SHAPE, "%d", gan_error(s.ctx));
        CHECK_TEXT(gan_error_message(s.ctx), "wgan_lp: real (4, 3) and fake (5, 3)");
        gan_error_clear(s.ctx);
        s.in.fake = s.in.real;
        s.desc.weight = (gan_real)NAN;
        (void)value_of(&s);
        CHECK(gan_error(s.ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(s.ctx));
        gan_error_clear(s.ctx);
        (void)gan_penalty_ex(NULL, &s.in);
        CHECK_TEXT(gan_error_message(s.ctx), "desc");
        gan_error_clear(s.ctx);
        CHECK(gan_penalty_ex(&s.desc, NULL) == NULL, "no in");
        s.desc.weight = 0, s.desc.every = -1;
        (void)value_of(&s);
        CHECK_TEXT(gan_error_message(s.ctx), "every");
        gan_error_clear(s.ctx);
        s.desc.kind = (gan_penalty_kind)99;
        (void)value_of(&s);
        CHECK_TEXT(gan_error_message(s.ctx), "99");
        CHECK(gan_penalty_player((gan_penalty_kind)99) == GAN_PLAYER_EITHER &&
                  gan_penalty_needs((gan_penalty_kind)-1) == 0,
              "of an unknown kind");
        gan_destroy(s.ctx);
    }
}

static void keep_step(setup *s, gan_penalty_kind kind, int k)
{
    gan_seed(s->ctx, 50 + (uint64_t)k);
    gan_data(gan_model_tensor(s->d, 0))[0] = (gan_real)(.1 * k);
    gan_data(gan_model_tensor(s->g, 0))[0] = (gan_real)(.2 * k);
    s->in.step = 998 + k;
    (void)value_of(s);
    gan_penalty_after(kind, 0, s->d);
}

static void keeps(void)
{
    static const int dims[2] = {4, 3};
    const char *path = test_path("penalty.safetensors");
    for (size_t i = 0; i < COUNT(kept); ++i) {
        const gan_penalty_kind kind = kept[i].kind;
        TESTF ("%s: what it keeps is saved, and goes on after gan_load to the bit", gan_penalty_name(kind)) {
            setup whole = setup_of(kind, smooth_critic, smooth_generator, 2, dims);
            setup half = setup_of(kind, smooth_critic, smooth_generator, 2, dims);
            setup rest = setup_of(kind, smooth_critic, smooth_generator, 2, dims);
            int k;
            whole.desc.weight = half.desc.weight = rest.desc.weight = (gan_real).3;
            for (k = 0; k < 4; ++k) keep_step(&whole, kind, k);
            for (k = 0; k < 2; ++k) keep_step(&half, kind, k);
            CHECK(gan_save(half.ctx, path) == 0, "%s", gan_error_message(half.ctx));
            CHECK(gan_load(rest.ctx, path) == 0, "%s", gan_error_message(rest.ctx));
            for (k = 2; k < 4; ++k) keep_step(&rest, kind, k);
            for (k = 0; k < 2 && kept[i].buffer[k]; ++k) {
                gan_tensor *a = gan_model_find(kept[i].of_g ? whole.g : whole.d, kept[i].buffer[k]),
                           *b = gan_model_find(kept[i].of_g ? rest.g : rest.d, kept[i].buffer[k]);
                CHECK(a && b && same_bits(a, b) && norm_of(a) > 0, "%s", kept[i].buffer[k]);
            }
            done(&half);
            done(&rest);
            done(&whole);
        }
        TESTF ("%s: a batch or a weight with a NaN leaves no trace in what it keeps",
               gan_penalty_name(kind)) {
            setup s = setup_of(kind, smooth_critic, smooth_generator, 2, dims);
            gan_model *m = kept[i].of_g ? s.g : s.d;
            gan_real was[2] = {0, 0};
            int k;
            keep_step(&s, kind, 1);
            for (k = 0; k < 2 && kept[i].buffer[k]; ++k) was[k] = *state_of(m, kept[i].buffer[k]);
            gan_data(s.in.real)[1] = gan_data(s.in.z)[1] = (gan_real)NAN; // the fakes are good
            (void)value_of(&s);
            gan_data(s.in.real)[1] = gan_data(s.in.z)[1] = 1;
            gan_data(gan_model_tensor(m, 0))[1] = (gan_real)NAN;
            (void)value_of(&s);
            gan_penalty_after(kind, 0, s.d);
            for (k = 0; k < 2 && kept[i].buffer[k]; ++k)
                CHECK(was[k] == *state_of(m, kept[i].buffer[k]), "%s: %g, was %g", kept[i].buffer[k],
                      (double)*state_of(m, kept[i].buffer[k]), (double)was[k]);
            done(&s);
        }
    }
    TEST_MUST_FAIL ("a state that is lost with the file is caught") {
        setup s = setup_of(GAN_PENALTY_FISHER, linear_critic, linear_generator, 2, dims);
        gan_real was;
        keep_step(&s, GAN_PENALTY_FISHER, 1);
        was = *state_of(s.d, "penalty.fisher.multiplier");
        *state_of(s.d, "penalty.fisher.multiplier") = 0;
        CHECK(was == *state_of(s.d, "penalty.fisher.multiplier"), "lost");
        done(&s);
    }
}

// ---- what they are for

enum { SAMPLES = 256 };

static gan_tensor *wide_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_linear(m, "a", x, 32), (gan_real).2);
    (void)label;
    return gan_linear(m, "c", gan_leaky_relu(gan_linear(m, "b", h, 32), (gan_real).2), 1);
}

static int ascending(const void *a, const void *b)
{
    const gan_real x = *(const gan_real *)a, y = *(const gan_real *)b;
    return (x > y) - (x < y);
}

// The mean of |x_i - y_i| of sorted samples is their earth mover's distance in one dimension.
static double earth_mover(gan_tensor *x, gan_tensor *y)
{
    static gan_real a[SAMPLES], b[SAMPLES];
    double s = 0;
    gan_read(x, a, SAMPLES), gan_read(y, b, SAMPLES);
    qsort(a, SAMPLES, sizeof *a, ascending), qsort(b, SAMPLES, sizeof *b, ascending);
    for (int i = 0; i < SAMPLES; ++i) s += fabs((double)a[i] - (double)b[i]) / SAMPLES;
    return s;
}

// A critic with that penalty on two samples in one dimension: the mean slope on interpolates, the value found
// and the exact distance.
static void lipschitz(gan_penalty_kind kind, double weight, double *slope, double *value, double *exact)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *d = gan_model_create(ctx, "d", wide_critic, NULL);
    gan_optimizer *o = gan_optimizer_create(d, gan_adam((gan_real).005, 0, (gan_real).9));
    gan_tensor *x = gan_keep(ctx, "x", gan_add_scalar(gan_rand_normal(ctx, SAMPLES, 1), 2)), *e;
    gan_tensor *y = gan_keep(ctx, "y", gan_add_scalar(gan_rand_normal(ctx, SAMPLES, 1), -2));
    *exact = earth_mover(x, y);
    for (int i = 0; i < 500; ++i) {
        if (i == 400) gan_optimizer_lr(o, (gan_real).0005);
        gan_minimize(
            o, gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, gan_forward(d, x, NULL), gan_forward(d, y, NULL), 0),
                       gan_penalty(kind, (gan_real)weight, d, x, y, NULL)));
    }
    e = gan_detach(gan_lerp(x, y, gan_rand_uniform(ctx, SAMPLES, 1)));
    *slope = (double)gan_item(
        gan_mean_all(gan_norm_per_sample(gan_grad(gan_sum_all(gan_forward(d, e, NULL)), e, 0))));
    *value = (double)gan_item(gan_mean_all(gan_forward(d, x, NULL))) -
             (double)gan_item(gan_mean_all(gan_forward(d, y, NULL)));
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

// Mescheder 2018's smallest GAN: D(x) = psi x, the generator a number theta, the datum 0. Returns the norm of
// (theta, psi) at the end; without a penalty it does not shrink.
static double dirac(gan_penalty_kind kind, double *psi)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *d = gan_model_create(ctx, "d", linear_critic, NULL),
              *g = gan_model_create(ctx, "g", scale_generator, NULL);
    gan_optimizer *od = gan_optimizer_create(d, gan_sgd((gan_real).1, 0)),
                  *og = gan_optimizer_create(g, gan_sgd((gan_real).1, 0));
    gan_tensor *x = gan_keep(ctx, "x", gan_zeros(ctx, 1, 1)), *z = gan_keep(ctx, "z", gan_full(ctx, 1, 1, 1));
    double theta;
    (void)gan_forward(d, x, NULL), (void)gan_forward(g, z, NULL);
    gan_model_freeze(d, "w.bias", 1);
    gan_data(gan_model_find(d, "w.bias"))[0] = 0;
    gan_data(gan_model_find(d, "w.weight"))[0] = 1;
    gan_data(gan_model_find(g, "s"))[0] = 1;
    for (int i = 0; i < 1000; ++i) {
        gan_tensor *fake = gan_detach(gan_forward(g, z, NULL));
        gan_minimize(od, gan_add(gan_loss_d(GAN_LOSS_NON_SATURATING, gan_forward(d, x, NULL),
                                            gan_forward(d, fake, NULL), 0),
                                 gan_penalty(kind, 1, d, x, fake, NULL)));
        gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, gan_forward(d, gan_forward(g, z, NULL), NULL)));
    }
    theta = (double)gan_item(gan_model_find(g, "s"));
    *psi = (double)gan_item(gan_model_find(d, "w.weight"));
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return sqrt(theta * theta + *psi * *psi);
}

// Where the slope is s everywhere, s W - lambda (s - 1)^2 is greatest at s = 1 + W / (2 lambda).
static void theory(void)
{
    static const gan_penalty_kind kinds[] = {GAN_PENALTY_R1, GAN_PENALTY_R2},
                                  around_1[] = {GAN_PENALTY_WGAN_GP, GAN_PENALTY_WGAN_LP};
    double slope, value, exact, psi, end;
    for (size_t i = 0; i < COUNT(around_1); ++i)
        for (double lambda = 10; lambda < 101; lambda *= 10)
            TESTF ("theory: %s: the slope on interpolates is 1 + W / (2 lambda), lambda %g, the value over "
                   "it the "
                   "earth mover's distance W",
                   gan_penalty_name(around_1[i]), lambda) {
                lipschitz(around_1[i], lambda, &slope, &value, &exact);
                printf("%s, lambda %g: slope %.4f (%.4f), value %.4f, value / slope %.4f, earth mover's "
                       "distance "
                       "%.4f\n",
                       gan_penalty_name(around_1[i]), lambda, slope, 1 + exact / (2 * lambda), value,
                       value / slope, exact);
                CHECK_NEAR(slope, 1 + exact / (2 * lambda), .02, "slope");
                CHECK_NEAR(value / slope / exact, 1, .02, "distance");
                if (lambda > 10) CHECK_NEAR(value / exact, 1, .04, "value");
            }
    TEST_MUST_FAIL ("a critic without a penalty is caught") {
        lipschitz(GAN_PENALTY_NONE, 0, &slope, &value, &exact);
        CHECK_NEAR(value / exact, 1, .05, "value");
    }
    for (size_t i = 0; i < COUNT(kinds); ++i)
        TESTF ("theory: with %s the smallest GAN reaches its equilibrium, and D's slope at the data 0",
               gan_penalty_name(kinds[i])) {
            end = dirac(kinds[i], &psi);
            printf("%s: |(theta, psi)| %.3g, D's slope %.3g\n", gan_penalty_name(kinds[i]), end, fabs(psi));
            CHECK(end < .001, "%g from the equilibrium", end);
            CHECK_NEAR(psi, 0, .001, "slope at the data");
        }
    TEST_MUST_FAIL ("without a penalty it circles (Mescheder 2018), and that is caught") {
        end = dirac(GAN_PENALTY_NONE, &psi);
        CHECK(end < .001, "%g from the equilibrium", end);
    }
}

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(penalties); ++i) {
        penalties[i].run();
        TESTF ("the penalty %s has its name and its player", penalties[i].name) {
            CHECK(strcmp(gan_penalty_name(penalties[i].kind), penalties[i].name) == 0, "\"%s\"",
                  gan_penalty_name(penalties[i].kind));
            CHECK(gan_penalty_player(penalties[i].kind) == penalties[i].player, "player %d",
                  (int)gan_penalty_player(penalties[i].kind));
            CHECK(gan_penalty_needs(penalties[i].kind) == penalties[i].needs, "needs");
        }
    }
    everywhere();
    keeps();
    theory();
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
