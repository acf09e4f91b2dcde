// Every loss for both players: values against formulas written here in double, gradients against finite
// differences and closed forms. A loss without a row of formulas does not compile.
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

static double sp(double t) { return (t > 0 ? t : 0) + log1p(exp(-fabs(t))); }
static double sg(double t) { return 1 / (1 + exp(-t)); }
static double hinge(double t) { return t > 0 ? t : 0; }

// Value and derivative of each loss by one logit; s the smoothing.
typedef struct formula {
    double (*real)(double r, double s), (*fake)(double f), (*gen)(double f);
    double (*real_d)(double r, double s), (*fake_d)(double f), (*gen_d)(double f);
    int smooths;
} formula;

static double bce_real(double r, double s) { return (1 - s) * sp(-r) + s * sp(r); }
static double bce_real_d(double r, double s) { return sg(r) - (1 - s); }
static double ns_gen(double f) { return sp(-f); }
static double ns_gen_d(double f) { return -sg(-f); }
static double mm_gen(double f) { return -sp(f); }
static double mm_gen_d(double f) { return -sg(f); }
static double ls_real(double r, double s) { return (r - (1 - s)) * (r - (1 - s)) / 2; }
static double ls_real_d(double r, double s) { return r - (1 - s); }
static double ls_fake(double f) { return f * f / 2; }
static double ls_fake_d(double f) { return f; }
static double ls_gen(double f) { return (f - 1) * (f - 1) / 2; }
static double ls_gen_d(double f) { return f - 1; }
static double w_real(double r, double s)
{
    (void)s;
    return -r;
}
static double w_real_d(double r, double s)
{
    (void)r, (void)s;
    return -1;
}
static double w_fake(double f) { return f; }
static double w_fake_d(double f)
{
    (void)f;
    return 1;
}
static double w_gen(double f) { return -f; }
static double w_gen_d(double f)
{
    (void)f;
    return -1;
}
static double h_real(double r, double s)
{
    (void)s;
    return hinge(1 - r);
}
static double h_real_d(double r, double s)
{
    (void)s;
    return 1 - r > 0 ? -1 : 0;
}
static double h_fake(double f) { return hinge(1 + f); }
static double h_fake_d(double f) { return 1 + f > 0 ? 1 : 0; }

static const formula formula_non_saturating = {bce_real, sp, ns_gen, bce_real_d, sg, ns_gen_d, 1};
static const formula formula_minimax = {bce_real, sp, mm_gen, bce_real_d, sg, mm_gen_d, 1};
static const formula formula_least_squares = {ls_real, ls_fake, ls_gen, ls_real_d, ls_fake_d, ls_gen_d, 1};
static const formula formula_wasserstein = {w_real, w_fake, w_gen, w_real_d, w_fake_d, w_gen_d, 0};
static const formula formula_hinge = {h_real, h_fake, w_gen, h_real_d, h_fake_d, w_gen_d, 0};

typedef struct loss_args {
    gan_loss loss;
    gan_real smoothing;
    int player;
} loss_args;

static gan_tensor *loss_f(gan_context *ctx, gan_tensor **x, void *user)
{
    loss_args *a = (loss_args *)user;
    (void)ctx;
    return a->player ? gan_loss_g(a->loss, x[1]) : gan_loss_d(a->loss, x[0], x[1], a->smoothing);
}

static void check_loss(gan_loss loss, const formula *q, double smoothing, double scale, int n, int m,
                       int check_fd)
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *x[2], *dx[2];
    double want_d = 0, want_g = 0, s = (double)(gan_real)smoothing;
    loss_args args;
    int i;
    x[0] = gan_zeros(ctx, 2, n, 1), x[1] = gan_zeros(ctx, 2, m, 1);
    for (i = 0; i < n; ++i) gan_data(x[0])[i] = (gan_real)check_uniform(-scale, scale);
    for (i = 0; i < m; ++i) gan_data(x[1])[i] = (gan_real)check_uniform(-scale, scale);
    for (i = 0; i < n; ++i) want_d += q->real((double)gan_data(x[0])[i], s) / n;
    for (i = 0; i < m; ++i)
        want_d += q->fake((double)gan_data(x[1])[i]) / m, want_g += q->gen((double)gan_data(x[1])[i]) / m;
    args.loss = loss;
    args.smoothing = (gan_real)smoothing;
    for (args.player = 0; args.player < 2; ++args.player) {
        gan_tensor *y = loss_f(ctx, x, &args);
        double want = args.player ? want_g : want_d;
        CHECK(gan_numel(y) == 1 && gan_ndim(y) == 0, "not a scalar: %s", gan_error_message(ctx));
        CHECK_NEAR(gan_item(y), want, TOL * (1 + fabs(want)),
                   args.player ? "generator's loss" : "discriminator's loss");
        if (gan_grads(y, 2, x, dx, 0)) {
            CHECK(0, "%s", gan_error_message(ctx));
            continue;
        }
        for (i = 0; i < n; ++i)
            CHECK_NEAR((double)gan_data(dx[0])[i] * n,
                       args.player ? 0 : q->real_d((double)gan_data(x[0])[i], s), TOL * (1 + scale),
                       "by a real logit");
        for (i = 0; i < m; ++i)
            CHECK_NEAR((double)gan_data(dx[1])[i] * m,
                       args.player ? q->gen_d((double)gan_data(x[1])[i])
                                   : q->fake_d((double)gan_data(x[1])[i]),
                       TOL * (1 + scale), "by a fake logit");
#ifdef GAN_DOUBLE
        if (check_fd) {
            check_gradient(ctx, loss_f, &args, 2, x, 1, gan_loss_name(loss));
            check_gradient(ctx, loss_f, &args, 2, x, 2, gan_loss_name(loss));
        }
#else
        (void)check_fd;
#endif
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static void test_loss(gan_loss loss, const formula *q, const char *name)
{
    static const double smoothings[] = {0, .1, .3};
    size_t i;
    TESTF ("%s: both players, batches of 1, 3 and 7, smoothing 0 .1 .3", name) {
        for (i = 0; i < COUNT(smoothings); ++i) {
            check_seed(i + 11);
            check_loss(loss, q, smoothings[i], 3, 7, 7, 1);
            check_loss(loss, q, smoothings[i], 3, 1, 1, 1);
            check_loss(loss, q, smoothings[i], 3, 7, 3, 1);
        }
    }
    TESTF ("%s stays finite and right far out: logits to 88 and 10000", name) {
        check_seed(5);
        check_loss(loss, q, .1, 88, 7, 7, 0);
        check_loss(loss, q, 0, 10000, 7, 7, 0);
    }
    TESTF ("%s has its name", name) {
        CHECK(strcmp(gan_loss_name(loss), name) == 0, "\"%s\"", gan_loss_name(loss));
    }
    if (!q->smooths)
        TESTF ("%s has no target: smoothing changes nothing", name) {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *r = gan_rand_normal(ctx, 2, 5, 1), *f = gan_rand_normal(ctx, 2, 5, 1);
            CHECK(gan_item(gan_loss_d(loss, r, f, 0)) == gan_item(gan_loss_d(loss, r, f, (gan_real).3)),
                  "it does");
            gan_destroy(ctx);
        }
}

static void loss_theory(void)
{
    TEST ("at D = 1/2 everywhere (logits 0) the minimax value is log 4") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *z = gan_zeros(ctx, 2, 8, 1);
        CHECK_NEAR(gan_item(gan_loss_d(GAN_LOSS_MINIMAX, z, z, 0)), log(4.), TOL, "-V");
        CHECK_NEAR(gan_item(gan_loss_g(GAN_LOSS_MINIMAX, z)), -log(2.), TOL, "generator's half");
        CHECK_NEAR(gan_item(gan_loss_g(GAN_LOSS_NON_SATURATING, z)), log(2.), TOL, "non-saturating");
        gan_destroy(ctx);
    }
    TEST ("a sure discriminator (logit -20 on fakes): minimax's generator gradient vanishes, the "
          "non-saturating one does not") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *f = gan_full(ctx, -20, 2, 1, 1);
        CHECK(fabs((double)gan_item(gan_grad(gan_loss_g(GAN_LOSS_MINIMAX, f), f, 0))) < 1e-8, "minimax");
        CHECK_NEAR(gan_item(gan_grad(gan_loss_g(GAN_LOSS_NON_SATURATING, f), f, 0)), -1, 1e-6,
                   "non-saturating");
        gan_destroy(ctx);
    }
}

static void loss_controls(void)
{
    static const formula saturating_twin = {bce_real, sp, mm_gen, bce_real_d, sg, mm_gen_d, 1};
    static const formula unhalved = {ls_real, ls_fake, w_gen, ls_real_d, ls_fake_d, w_gen_d, 1};
    TEST_MUST_FAIL ("the saturating generator in place of the other is caught") {
        check_seed(1);
        check_loss(GAN_LOSS_NON_SATURATING, &saturating_twin, 0, 3, 7, 7, 0);
    }
    TEST_MUST_FAIL ("another generator's loss is caught") {
        check_seed(1);
        check_loss(GAN_LOSS_LEAST_SQUARES, &unhalved, 0, 3, 7, 7, 0);
    }
    TEST_MUST_FAIL ("smoothing of the fakes too is caught") {
        check_seed(1);
        check_loss(GAN_LOSS_WASSERSTEIN, &formula_minimax, .1, 3, 7, 7, 0);
    }
}
static const struct {
    gan_loss loss;
    const formula *q;
    const char *name;
} losses[] = {
#define ROW(id, name) {GAN_LOSS_##id, &formula_##name, #name},
    GAN_LOSSES(ROW)
#undef ROW
};
int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(losses); ++i) test_loss(losses[i].loss, losses[i].q, losses[i].name);
    loss_theory();
    loss_controls();
    TEST ("every loss has a test") { CHECK(COUNT(losses) == GAN_LOSS_COUNT, "%d", (int)COUNT(losses)); }
    printf("%d losses\n", (int)COUNT(losses));
#ifdef GAN_DOUBLE
    printf("%d gradient checks: worst error %.3g, at most %.3g of the tolerance\n", gradchecks,
           worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
