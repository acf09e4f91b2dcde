// z moved by what D says of G(z): latent optimization and Langevin dynamics against closed forms on linear
// models.
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif

enum { L = 3 };

// G(z) = z A^T, D(x) = x w: the gradient of D(G(z)) by z is A^T w, whatever z is.
static gan_tensor *linear_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear_no_bias(g, "a", z, 4);
}
static gan_tensor *linear_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear_no_bias(d, "w", x, 1);
}
static gan_tensor *smooth_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear(g, "b", gan_tanh(gan_linear(g, "a", z, 4)), 2);
}
static gan_tensor *smooth_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "b", gan_tanh(gan_linear(d, "a", x, 3)), 1);
}
static gan_tensor *flat_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    return gan_mul_scalar(linear_critic(d, x, label), 0);
}

typedef struct pair {
    gan_context *ctx;
    gan_model *g, *d;
    double by[L], norm2; // A^T w and its square
} pair;

static pair make(gan_model_function *generator, gan_model_function *critic)
{
    pair p;
    int i, k;
    memset(&p, 0, sizeof p);
    p.ctx = gan_create(NULL);
    p.g = gan_model_create(p.ctx, "g", generator, NULL);
    p.d = gan_model_create(p.ctx, "d", critic, NULL);
    gan_scope_open(p.ctx);
    (void)gan_forward(p.d, gan_forward(p.g, gan_zeros(p.ctx, 1, L), NULL), NULL);
    gan_scope_close(p.ctx);
    if (!gan_model_find(p.g, "a.weight") || !gan_model_find(p.d, "w.weight")) return p;
    for (i = 0; i < L; ++i)
        for (k = 0; k < 4; ++k)
            p.by[i] += (double)gan_data(gan_model_find(p.g, "a.weight"))[k * L + i] *
                       (double)gan_data(gan_model_find(p.d, "w.weight"))[k];
    for (i = 0; i < L; ++i) p.norm2 += p.by[i] * p.by[i];
    return p;
}

static gan_latent_desc how(int steps, double alpha, double beta, double share, double bound)
{
    gan_latent_desc h;
    h.steps = steps;
    h.alpha = (gan_real)alpha;
    h.beta = (gan_real)beta;
    h.share = (gan_real)share;
    h.bound = (gan_real)bound;
    return h;
}

// z + n alpha g / (beta + |g|^2) for every sample
static void check_steps(int steps, int counted, double share)
{
    pair p = make(linear_generator, linear_critic);
    const gan_latent_desc h = how(steps, .7, .2, share, 0);
    gan_tensor *z = gan_rand_normal(p.ctx, 5, L), *out = gan_latent_optimize(p.g, p.d, z, NULL, &h);
    int i, k;
    CHECK(gan_error(p.ctx) == 0 && gan_numel(out) == 5 * L, "%s", gan_error_message(p.ctx));
    for (i = 0; i < 5 && gan_data(out); ++i)
        for (k = 0; k < L; ++k)
            CHECK_NEAR(gan_data(out)[i * L + k],
                       (double)gan_data(z)[i * L + k] + counted * .7 * p.by[k] / (.2 + p.norm2), TOL * 10,
                       "z");
    gan_destroy(p.ctx);
}

#ifdef GAN_DOUBLE
static pair differentiated;
static gan_tensor *optimized(gan_context *ctx, gan_tensor **x, void *user)
{
    const gan_latent_desc h = how(2, .9, .1, 1, 0);
    (void)user;
    gan_seed(ctx, 3);
    return gan_latent_optimize(differentiated.g, differentiated.d, x[0], NULL, &h);
}
#endif

static void optimize(void)
{
    TEST ("on linear models latent optimization adds n alpha g / (beta + |g|^2): 1, 2 and 5 steps") {
        check_steps(1, 1, 1);
        check_steps(2, 2, 1);
        check_steps(5, 5, 1);
    }
    TEST_MUST_FAIL ("a loop that returns after its first step (StudioGAN) is caught") check_steps(3, 1, 1);
    TEST_MUST_FAIL ("a share of the samples does not pass for all of them") check_steps(1, 1, .4);
    TEST ("no steps: z itself; zeros are the defaults alpha .9, beta .1, share .8") {
        pair p = make(linear_generator, linear_critic);
        gan_latent_desc h = how(0, 0, 0, 0, 0);
        gan_tensor *z = gan_rand_normal(p.ctx, 4000, L), *out;
        int i, moved = 0;
        CHECK(gan_latent_optimize(p.g, p.d, z, NULL, &h) == z &&
                  gan_latent_optimize(p.g, p.d, z, NULL, NULL) == z,
              "another tensor");
        h.steps = 1;
        out = gan_latent_optimize(p.g, p.d, z, NULL, &h);
        for (i = 0; i < 4000; ++i) {
            const double by = (double)gan_data(out)[i * L] - (double)gan_data(z)[i * L];
            if (fabs(by) < 1e-12) continue;
            ++moved;
            CHECK_NEAR(by, .9 * p.by[0] / (.1 + p.norm2), TOL * 10, "moved by");
        }
        CHECK(moved > 3080 && moved < 3320, "%d of 4000 moved; 3200 +- 25 are expected", moved);
        gan_destroy(p.ctx);
    }
    TEST ("z stays within its bound") {
        pair p = make(linear_generator, linear_critic);
        const gan_latent_desc h = how(3, 50, .1, 1, 1);
        gan_tensor *z = gan_affine(gan_rand_uniform(p.ctx, 20, L), 2, -1);
        gan_tensor *out = gan_latent_optimize(p.g, p.d, z, NULL, &h);
        int i, at = 0;
        for (i = 0; i < 20 * L; ++i) {
            CHECK(fabs((double)gan_data(out)[i]) <= 1, "%g", (double)gan_data(out)[i]);
            at += fabs((double)gan_data(out)[i]) == 1;
        }
        CHECK(at > 20, "only %d at the bound", at);
        gan_destroy(p.ctx);
    }
    TEST ("with recording off the values are the same and the result is a leaf") {
        pair p = make(smooth_generator, smooth_critic);
        const gan_latent_desc h = how(2, .9, .1, 1, 0);
        gan_tensor *z = gan_rand_normal(p.ctx, 4, L), *a, *b;
        a = gan_latent_optimize(p.g, p.d, z, NULL, &h);
        gan_record(p.ctx, 0);
        b = gan_latent_optimize(p.g, p.d, z, NULL, &h);
        CHECK(gan_record(p.ctx, 1) == 0, "recording was switched on");
        CHECK(gan_error(p.ctx) == 0, "%s", gan_error_message(p.ctx));
        CHECK_ARRAY(4 * L, gan_data(a), gan_data(b), TOL, TOL, "z");
        gan_destroy(p.ctx);
    }
#ifdef GAN_DOUBLE
    TEST ("gradients flow through the optimization: by z and by every weight of both, orders 1 and 2") {
        gan_tensor *x[16];
        int i, n = 1;
        differentiated = make(smooth_generator, smooth_critic);
        x[0] = gan_rand_normal(differentiated.ctx, 2, L);
        for (i = 0; i < gan_model_count(differentiated.g); ++i)
            x[n++] = gan_model_tensor(differentiated.g, i);
        for (i = 0; i < gan_model_count(differentiated.d); ++i)
            x[n++] = gan_model_tensor(differentiated.d, i);
        check_gradient(differentiated.ctx, optimized, NULL, n, x, 1, "optimized z");
        check_gradient(differentiated.ctx, optimized, NULL, n, x, 2, "optimized z");
        CHECK(gan_error(differentiated.ctx) == 0, "%s", gan_error_message(differentiated.ctx));
        gan_destroy(differentiated.ctx);
    }
#endif
}

// Mean and variance of z's first number after many steps from 3.
static void settle(gan_model_function *critic, double rate, double *mean, double *variance, double *by)
{
    pair p = make(linear_generator, critic);
    const int n = 4000;
    gan_tensor *z = gan_full(p.ctx, 3, n, L), *out;
    int i;
    out = gan_latent_langevin(p.g, p.d, z, NULL, 80, (gan_real)rate);
    CHECK(gan_error(p.ctx) == 0, "%s", gan_error_message(p.ctx));
    for (*mean = *variance = 0, i = 0; i < n; ++i) *mean += (double)gan_data(out)[i * L] / n;
    for (i = 0; i < n; ++i) *variance += pow((double)gan_data(out)[i * L] - *mean, 2) / n;
    CHECK(gan_data(z)[0] == 3, "z itself was changed");
    *by = p.by[0];
    gan_destroy(p.ctx);
}

static void langevin(void)
{
    double mean, variance, by;
    TEST ("where D says nothing Langevin dynamics settle in the prior: mean 0, variance 1 / (1 - rate / 4)") {
        settle(flat_critic, .2, &mean, &variance, &by);
        CHECK_NEAR(mean, 0, .06, "mean");
        CHECK_NEAR(variance, 1 / (1 - .05), .08, "variance");
    }
    TEST ("a linear D(G(z)) = g z moves the mean to g, toward what D likes, and leaves the variance") {
        settle(linear_critic, .2, &mean, &variance, &by);
        CHECK(fabs(by) > .1, "a gradient of %g proves nothing", by);
        CHECK_NEAR(mean, by, .06, "mean");
        CHECK_NEAR(variance, 1 / (1 - .05), .08, "variance");
    }
    TEST_MUST_FAIL ("the other direction is caught") {
        settle(linear_critic, .2, &mean, &variance, &by);
        CHECK_NEAR(mean, -by, .06, "mean");
    }
}

static void errors(void)
{
    TEST ("errors name what is missing; nothing crashes") {
        pair p = make(linear_generator, linear_critic);
        const gan_latent_desc h = how(1, 0, 0, 0, 0);
        gan_tensor *z = gan_rand_normal(p.ctx, 2, L);
        CHECK(!gan_latent_optimize(NULL, NULL, NULL, NULL, &h) &&
                  !gan_latent_langevin(NULL, NULL, NULL, NULL, 1, 1),
              "not NULL");
        (void)gan_latent_optimize(p.g, NULL, z, NULL, &h);
        CHECK_TEXT(gan_error_message(p.ctx), "model is NULL");
        gan_error_clear(p.ctx);
        (void)gan_latent_langevin(p.g, p.d, NULL, NULL, 1, 1);
        CHECK_TEXT(gan_error_message(p.ctx), "z is NULL");
        gan_error_clear(p.ctx);
        (void)gan_latent_langevin(p.g, p.d, z, NULL, 1, -1);
        CHECK_TEXT(gan_error_message(p.ctx), "negative");
        gan_error_clear(p.ctx);
        (void)gan_latent_optimize(p.g, p.d, gan_scalar(p.ctx, 1), NULL, &h);
        CHECK_TEXT(gan_error_message(p.ctx), "(N, ...)");
        gan_destroy(p.ctx);
    }
}

int main(void)
{
    optimize();
    langevin();
    errors();
    return test_done();
}
