// Optimisers: trajectories of 20 steps against loops written here in double from the formulas of PyTorch's
// documentation; gan_minimize: what it returns, what it leaves alone, NaN and infinity. An optimiser without
// a test does not compile.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 1e-4
#endif

enum { N = 37, STEPS = 20 }; // an odd size, so that vector loops have a tail

static gan_tensor *one_parameter(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), 1, N));
}

// The loss is sum(a w^2 / 2 + b_t w): its gradient is a w + b_t.
static double coefficient(int k) { return (double)(gan_real)(.1 + .02 * k); }
static double slope(int k, int t) { return (double)(gan_real)(sin(1.7 * k + .9 * t) * (1 + .1 * k)); }
static double start(int k) { return (double)(gan_real)(cos(.3 * k) * 2); }

static gan_tensor *quadratic(gan_context *ctx, gan_tensor *w, int t)
{
    gan_tensor *a = gan_zeros(ctx, 1, N), *b = gan_zeros(ctx, 1, N);
    int k;
    for (k = 0; k < N; ++k) gan_data(a)[k] = (gan_real)coefficient(k), gan_data(b)[k] = (gan_real)slope(k, t);
    return gan_sum_all(gan_add(gan_mul_scalar(gan_mul(a, gan_square(w)), (gan_real).5), gan_mul(b, w)));
}

// Flaws of the reference that a control asks for.
enum { NO_BIAS_CORRECTION = 1, EPS_INSIDE = 2, NO_DECAY = 4, FIRST_DAMPED = 8, PLAIN_MOMENTUM = 16 };

// One parameter's 20 steps. Formulas: pytorch.org/docs, torch.optim.SGD, RMSprop, Adam.
static double reference(const gan_optimizer_desc *d, int k, int flaws, int steps)
{
    double w = start(k), buf = 0, v = 0, m = 0;
    double lr = (double)d->lr, wd = flaws & NO_DECAY ? 0 : (double)d->weight_decay, mu = (double)d->momentum,
           tau = (double)d->dampening;
    double b1 = (double)d->beta1, b2 = (double)d->beta2, al = (double)d->alpha, eps = (double)d->eps;
    int t;
    for (t = 1; t <= steps; ++t) {
        double g = coefficient(k) * w + slope(k, t) + wd * w;
        switch (d->kind) {
        case GAN_OPTIMIZER_SGD:
            if (mu != 0) {
                buf = t == 1 && !(flaws & FIRST_DAMPED) ? g : mu * buf + (1 - tau) * g;
                g = d->nesterov && !(flaws & PLAIN_MOMENTUM) ? g + mu * buf : buf;
            }
            w -= lr * g;
            break;
        case GAN_OPTIMIZER_RMSPROP: {
            double avg;
            v = al * v + (1 - al) * g * g;
            avg = flaws & EPS_INSIDE ? sqrt(v + eps) : sqrt(v) + eps;
            if (mu > 0) {
                buf = mu * buf + g / avg;
                w -= lr * buf;
            } else {
                w -= lr * g / avg;
            }
            break;
        }
        default: {
            double mh, vh;
            m = b1 * m + (1 - b1) * g;
            v = b2 * v + (1 - b2) * g * g;
            mh = flaws & NO_BIAS_CORRECTION ? m : m / (1 - pow(b1, t));
            vh = flaws & NO_BIAS_CORRECTION ? v : v / (1 - pow(b2, t));
            w -= lr * mh / (flaws & EPS_INSIDE ? sqrt(vh + eps) : sqrt(vh) + eps);
        }
        }
    }
    return w;
}

static void run(gan_context *ctx, gan_optimizer_desc d, int steps, double *out)
{
    gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
    gan_optimizer *o;
    gan_tensor *w;
    int k, t;
    gan_scope_open(ctx);
    (void)gan_forward(m, gan_zeros(ctx, 1, N), NULL);
    gan_scope_close(ctx);
    w = gan_model_find(m, "w");
    for (k = 0; k < N; ++k) gan_data(w)[k] = (gan_real)start(k);
    o = gan_optimizer_create(m, d);
    for (t = 1; t <= steps; ++t) (void)gan_minimize(o, quadratic(ctx, w, t));
    for (k = 0; k < N; ++k) out[k] = (double)gan_data(w)[k];
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
}

static void trajectory(const char *what, gan_optimizer_desc d, int flaws, double tol)
{
    static const int steps[] = {1, 2, STEPS};
    gan_context *ctx;
    double got[N], want[N];
    size_t s;
    int k;
    for (s = 0; s < COUNT(steps); ++s) {
        ctx = gan_create(NULL);
        run(ctx, d, steps[s], got);
        for (k = 0; k < N; ++k) want[k] = reference(&d, k, flaws, steps[s]);
        CHECK_ARRAY(N, got, want, tol, tol, what);
        gan_destroy(ctx);
    }
}

static gan_optimizer_desc with(gan_optimizer_desc d, double momentum, double dampening, int nesterov,
                               double decay)
{
    d.momentum = (gan_real)momentum;
    d.dampening = (gan_real)dampening;
    d.nesterov = nesterov;
    d.weight_decay = (gan_real)decay;
    return d;
}

static void test_sgd(void)
{
    gan_optimizer_desc d = gan_sgd((gan_real).05, 0);
    TEST ("sgd") trajectory("plain", d, 0, TOL);
    TEST ("sgd with weight decay") trajectory("decay", with(d, 0, 0, 0, .3), 0, TOL);
    TEST ("sgd with momentum") trajectory("momentum", gan_sgd((gan_real).05, (gan_real).9), 0, TOL);
    TEST ("sgd with momentum and dampening: the first step is not damped")
        trajectory("dampening", with(d, .9, .4, 0, 0), 0, TOL);
    TEST ("sgd with Nesterov momentum and weight decay")
        trajectory("nesterov", with(d, .8, 0, 1, .1), 0, TOL);
    TEST_MUST_FAIL ("a first step that is damped is caught")
        trajectory("dampening", with(d, .9, .4, 0, 0), FIRST_DAMPED, TOL);
    TEST_MUST_FAIL ("plain momentum for Nesterov's is caught")
        trajectory("nesterov", with(d, .8, 0, 1, .1), PLAIN_MOMENTUM, TOL);
    TEST_MUST_FAIL ("a missing weight decay is caught")
        trajectory("decay", with(d, 0, 0, 0, .3), NO_DECAY, TOL);
}

static void test_rmsprop(void)
{
    gan_optimizer_desc d = gan_rmsprop((gan_real).01);
    gan_optimizer_desc e = d;
    e.eps = (gan_real).1;
    TEST ("rmsprop, with alpha .99 and eps 1e-8 by default") {
        CHECK_NEAR(d.alpha, .99, 1e-7, "alpha");
        CHECK_NEAR(d.eps, 1e-8, 1e-14, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("rmsprop with momentum and weight decay") trajectory("momentum", with(d, .7, 0, 0, .2), 0, TOL);
    TEST ("rmsprop with a large eps: it is added to the root") trajectory("eps", e, 0, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", e, EPS_INSIDE, TOL);
}

static void test_adam(void)
{
    gan_optimizer_desc d = gan_adam((gan_real).02, (gan_real).9, (gan_real).999);
    gan_optimizer_desc e = d;
    e.eps = (gan_real).1;
    TEST ("adam, with eps 1e-8 by default") {
        CHECK_NEAR(d.eps, 1e-8, 1e-14, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adam with the betas of GANs: .5 and .999")
        trajectory("gan", gan_adam((gan_real).02, (gan_real).5, (gan_real).999), 0, TOL);
    TEST ("adam with beta1 0") trajectory("beta1 0", gan_adam((gan_real).02, 0, (gan_real).9), 0, TOL);
    TEST ("adam with weight decay in the gradient") trajectory("decay", with(d, 0, 0, 0, .3), 0, TOL);
    TEST ("adam with a large eps: it is added to the root of the corrected moment")
        trajectory("eps", e, 0, TOL);
    TEST_MUST_FAIL ("adam without bias correction is caught") trajectory("plain", d, NO_BIAS_CORRECTION, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", e, EPS_INSIDE, TOL);
    TEST ("adam's first step is lr times the sign of the gradient") {
        gan_context *ctx = gan_create(NULL);
        double got[N];
        int k;
        run(ctx, d, 1, got);
        for (k = 0; k < N; ++k) {
            double g = coefficient(k) * start(k) + slope(k, 1);
            CHECK_NEAR(got[k], start(k) - (g > 0 ? .02 : -.02), 1e-5, "w");
        }
        gan_destroy(ctx);
    }
}

static gan_tensor *two_parameters(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(gan_mul(x, gan_param(m, "used", gan_init_constant(1), 1, N)),
                   gan_mul_scalar(gan_sum_all(gan_buffer(m, "kept", 2, 1, 3)), 0));
}
static gan_tensor *poisonous(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *w = gan_param(m, "w", gan_init_constant(1), 1, 4);
    (void)label;
    return gan_log(gan_mul(w, x));
}

static void minimize(void)
{
    TEST ("gan_minimize returns the loss; the norm is that of the gradient; a new learning rate holds at "
          "once") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o;
        gan_tensor *w;
        double norm = 0, before;
        int k;
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, 1, N), NULL);
        gan_scope_close(ctx);
        w = gan_model_find(m, "w");
        for (k = 0; k < N; ++k)
            gan_data(w)[k] = (gan_real)start(k), norm += pow(coefficient(k) * start(k) + slope(k, 1), 2);
        o = gan_optimizer_create(m, gan_sgd(0, 0));
        {
            double want = 0;
            for (k = 0; k < N; ++k) want += coefficient(k) * start(k) * start(k) / 2 + slope(k, 1) * start(k);
            CHECK_NEAR(gan_minimize(o, quadratic(ctx, w, 1)), want, 1e-4, "loss");
        }
        CHECK_NEAR(gan_optimizer_norm(o), sqrt(norm), 1e-4, "norm");
        CHECK_NEAR(gan_data(w)[3], start(3), 0, "lr 0 moves nothing");
        before = (double)gan_data(w)[3];
        gan_optimizer_lr(o, (gan_real).5);
        (void)gan_minimize(o, quadratic(ctx, w, 1));
        CHECK_NEAR(gan_data(w)[3], before - .5 * (coefficient(3) * before + slope(3, 1)), 1e-5, "lr .5");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("buffers are not trained; a parameter of which the loss does not depend has gradient 0") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", two_parameters, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_full(ctx, 1, 1, N), NULL)));
        CHECK_NEAR(gan_item(gan_model_find(m, "kept")), 2, 0, "buffer");
        CHECK_NEAR(gan_item(gan_model_find(m, "used")), .9, 1e-6, "used");
        (void)gan_minimize(o, gan_mul_scalar(gan_sum_all(gan_rand_normal(ctx, 1, 3)), 2));
        CHECK_NEAR(gan_item(gan_model_find(m, "used")), .9, 1e-6, "not in the loss");
        gan_destroy(ctx);
    }
    TEST ("an optimiser made before the first forward trains what appears later") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).1, (gan_real).9, (gan_real).999));
        (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_zeros(ctx, 1, N), NULL)));
        CHECK_NEAR(gan_item(gan_model_find(m, "w")), -.1, 1e-5, "w");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("a NaN in the loss stops the update before any weight changes and names the operation where it "
          "began") {
        static const gan_real bad[] = {-1, 0}; // log(-1) = NaN, log(0) = -inf
        size_t i;
        for (i = 0; i < COUNT(bad); ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", poisonous, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).1, (gan_real).9, (gan_real).999));
            gan_real before[4];
            (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_full(ctx, 2, 1, 4), NULL)));
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            memcpy(before, gan_data(gan_model_find(m, "w")), sizeof before);
            (void)gan_minimize(o,
                               gan_square(gan_mean_all(gan_forward(m, gan_full(ctx, bad[i], 1, 4), NULL))));
            CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "log");
            CHECK_BYTES(before, gan_data(gan_model_find(m, "w")), sizeof before, "weights");
            gan_error_clear(ctx);
            (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_full(ctx, 2, 1, 4), NULL)));
            CHECK(gan_error(ctx) == 0, "usable again: %s", gan_error_message(ctx));
            CHECK(memcmp(before, gan_data(gan_model_find(m, "w")), sizeof before) != 0, "it trains again");
            gan_destroy(ctx);
        }
    }
    TEST ("an infinity in a gradient alone (sqrt at 0) stops the update, too") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_tensor *w;
        int k, moved = 0;
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, 1, N), NULL);
        gan_scope_close(ctx);
        w = gan_model_find(m, "w");
        (void)gan_minimize(o, gan_sum_all(gan_sqrt(gan_forward(m, gan_zeros(ctx, 1, N), NULL))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        for (k = 0; k < N; ++k) moved += gan_data(w)[k] != 0;
        CHECK(moved == 0, "%d weights moved", moved);
        gan_destroy(ctx);
    }
    TEST ("a poison loss leaves the weights alone and the first error stands") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_tensor *y;
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, 1, N), NULL);
        gan_scope_close(ctx);
        y = gan_sum_all(gan_add(gan_forward(m, gan_zeros(ctx, 1, N), NULL), gan_zeros(ctx, 1, 2)));
        (void)gan_minimize(o, y);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "code %d", gan_error(ctx));
        CHECK(gan_item(gan_model_find(m, "w")) == 0, "moved");
        gan_destroy(ctx);
    }
    TEST ("large gradients whose squares overflow are no infinity: their norm is right") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real)1e-25, 0));
        (void)gan_minimize(
            o, gan_mul_scalar(gan_sum_all(gan_forward(m, gan_zeros(ctx, 1, N), NULL)), (gan_real)1e25));
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK_NEAR((double)gan_optimizer_norm(o) / 1e25, sqrt((double)N), 1e-5, "norm / 1e25");
        CHECK_NEAR(gan_item(gan_model_find(m, "w")), -1, 1e-5, "w");
        gan_destroy(ctx);
    }
    TEST ("the same bits after 20 steps with 1, 2, 3 and 7 threads") {
        static const int counts[] = {1, 2, 3, 7};
        double first[N] = {0}, got[N];
        size_t i;
        for (i = 0; i < COUNT(counts); ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, counts[i]);
            run(ctx, gan_adam((gan_real).02, (gan_real).5, (gan_real).999), STEPS, got);
            if (i == 0) memcpy(first, got, sizeof first);
            CHECK_BYTES(first, got, sizeof first, "weights");
            gan_destroy(ctx);
        }
    }
#ifndef GAN_DOUBLE
    TEST ("every instruction set gives the trajectory of the formulas") {
        int isa;
        for (isa = GAN_ISA_AUTO + 1; isa < GAN_ISA_COUNT; ++isa) {
            gan_optimizer_desc d = gan_adam((gan_real).02, (gan_real).9, (gan_real).999);
            gan_context *ctx = context_with((gan_isa)isa, 1);
            double got[N], want[N];
            int k;
            if (!ctx) continue;
            for (k = 0; k < N; ++k) want[k] = reference(&d, k, 0, STEPS);
            run(ctx, d, STEPS, got);
            CHECK_ARRAY(N, got, want, TOL, TOL, gan_isa_name(ctx));
            gan_destroy(ctx);
        }
    }
#endif
}

// A tape that is spent: twelve layers on a batch whose activations outweigh all else.
enum { DEEP = 12, WIDTH = 16, BATCH = 512 };

static gan_tensor *deep(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    char name[8];
    int i;
    (void)label;
    for (i = 0; i < DEEP; ++i) {
        snprintf(name, sizeof name, "fc%d", i);
        x = gan_add(gan_tanh(gan_linear(m, name, x, WIDTH)), gan_mul_scalar(x, (gan_real).5));
    }
    return x;
}

// Three steps, at the top (where gan_minimize spends the tape) or in scopes; returns the peak of memory.
static size_t deep_steps(int scoped, int unused, gan_real *weights)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", deep, NULL);
    gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).01, (gan_real).5, (gan_real).999));
    size_t peak;
    int i, k;
    for (i = 0; i < 3; ++i) {
        gan_tensor *x, *y, *loss;
        if (scoped) gan_scope_open(ctx);
        x = gan_rand_normal(ctx, 2, BATCH, WIDTH);
        y = gan_forward(m, x, NULL);
        loss = gan_mean_all(gan_square(y));
        for (k = 0; k < unused; ++k) (void)gan_exp(x);
        (void)gan_minimize(o, loss);
        if (!scoped) continue;
        CHECK(gan_numel(y) == BATCH * WIDTH && gan_item(y) == gan_item(y), "alive in its scope");
        gan_scope_close(ctx);
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    peak = gan_memory(ctx).peak;
    for (i = 0; i < gan_model_count(m); ++i) {
        gan_tensor *t = gan_model_tensor(m, i);
        memcpy(weights, gan_data(t), gan_numel(t) * sizeof *weights);
        weights += gan_numel(t);
    }
    gan_destroy(ctx);
    return peak;
}

static void spending(void)
{
    enum { ALL = DEEP * (WIDTH + 1) * WIDTH };
    const size_t tensor = (size_t)BATCH * WIDTH * sizeof(gan_real);
    static gan_real top[ALL], inside[ALL];
    TEST (
        "the tape is spent at the top: less memory than in a scope, which leaves all alive; the same bits") {
        const size_t a = deep_steps(0, 0, top), b = deep_steps(1, 0, inside);
        CHECK_BYTES(top, inside, sizeof top, "weights");
        CHECK(a + tensor < b, "a peak of %lu, in scopes %lu; a tensor has %lu", (unsigned long)a,
              (unsigned long)b, (unsigned long)tensor);
    }
    TEST ("what the loss does not depend on is freed before the backward pass") {
        const size_t a = deep_steps(0, 0, top), b = deep_steps(0, 2, inside);
        CHECK_BYTES(top, inside, sizeof top, "weights");
        CHECK(b < a + tensor, "a peak of %lu, with two tensors of %lu more before it %lu", (unsigned long)a,
              (unsigned long)tensor, (unsigned long)b);
    }
    TEST_MUST_FAIL ("in a scope it is not") {
        CHECK(deep_steps(1, 2, inside) < deep_steps(1, 0, top) + tensor, "freed");
    }
}

static void blame(void)
{
    int scoped;
    for (scoped = 0; scoped < 2; ++scoped)
        TESTF ("an infinity born in a backward names that operation%s", scoped ? ", in a scope" : "") {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
            gan_tensor *y;
            if (scoped) gan_scope_open(ctx);
            y = gan_sqrt(gan_mul_scalar(gan_forward(m, gan_zeros(ctx, 1, N), NULL), 2));
            (void)gan_minimize(o, gan_mean_all(gan_add_scalar(gan_mul_scalar(y, 3), 1)));
            CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "the backward of sqrt,");
            if (scoped) gan_scope_close(ctx);
            gan_destroy(ctx);
        }
    for (scoped = 0; scoped < 2; ++scoped)
        TESTF ("an infinity of the forward that the loss does not show is named%s",
               scoped ? ", in a scope" : "") {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
            gan_tensor *y;
            if (scoped) gan_scope_open(ctx);
            y = gan_exp(gan_add_scalar(gan_forward(m, gan_zeros(ctx, 1, N), NULL), 1000));
            (void)gan_minimize(o, gan_mean_all(gan_reciprocal(y)));
            CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "first made by exp, shape (");
            if (scoped) gan_scope_close(ctx);
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("a finite gradient blames nobody") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        (void)gan_minimize(o, gan_mean_all(gan_sqrt(gan_forward(m, gan_full(ctx, 1, 1, N), NULL))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// A parameter that is worth several threads, of odd size.
enum { LARGE = 50021 };

static gan_tensor *large_parameter(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), 1, LARGE));
}
static void large(const char *name, gan_optimizer_desc d)
{
    static const int counts[] = {1, 2, 3, 7};
    static gan_real first[LARGE];
    size_t i;
    TESTF ("%s on a parameter of %d: the formulas in every entry, the same bits on 1, 2, 3 and 7 threads",
           name, LARGE) {
        for (i = 0; i < COUNT(counts); ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, counts[i]);
            gan_model *m = gan_model_create(ctx, "m", large_parameter, NULL);
            gan_optimizer *o = gan_optimizer_create(m, d);
            gan_tensor *w;
            double norm = 0;
            int k, t;
            gan_scope_open(ctx);
            (void)gan_forward(m, gan_zeros(ctx, 1, LARGE), NULL);
            gan_scope_close(ctx);
            w = gan_model_find(m, "w");
            for (k = 0; k < LARGE; ++k) gan_data(w)[k] = (gan_real)start(k % N);
            for (t = 1; t <= 3; ++t) {
                gan_tensor *a = gan_zeros(ctx, 1, LARGE), *b = gan_zeros(ctx, 1, LARGE);
                for (k = 0; k < LARGE; ++k) {
                    gan_data(a)[k] = (gan_real)coefficient(k % N);
                    gan_data(b)[k] = (gan_real)slope(k % N, t);
                    if (t == 1) norm += pow(coefficient(k % N) * start(k % N) + slope(k % N, 1), 2);
                }
                (void)gan_minimize(
                    o, gan_sum_all(
                           gan_add(gan_mul_scalar(gan_mul(a, gan_square(w)), (gan_real).5), gan_mul(b, w))));
                if (t == 1) CHECK_NEAR(gan_optimizer_norm(o), sqrt(norm), 1e-4 * sqrt(norm), "norm");
            }
            if (i == 0) {
                static double want[LARGE];
                double of[N];
                for (k = 0; k < N; ++k) of[k] = reference(&d, k, 0, 3);
                for (k = 0; k < LARGE; ++k) want[k] = of[k % N];
                CHECK_ARRAY(LARGE, gan_data(w), want, TOL, TOL, name);
                memcpy(first, gan_data(w), sizeof first);
            }
            CHECK_BYTES(first, gan_data(w), sizeof first, "weights");
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
}

static const struct {
    const char *name;
    int states;
    void (*run)(void);
} optimizers[] = {
#define ROW(id, name, states) {#name, states, test_##name},
    GAN_OPTIMIZERS(ROW)
#undef ROW
};

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(optimizers); ++i) optimizers[i].run();
    minimize();
    spending();
    blame();
    large("sgd with momentum", gan_sgd((gan_real).05, (gan_real).9));
    large("sgd", gan_sgd((gan_real).05, 0));
    large("rmsprop with momentum", with(gan_rmsprop((gan_real).01), .7, 0, 0, 0));
    large("adam", gan_adam((gan_real).02, (gan_real).5, (gan_real).999));
    printf("%d optimisers\n", (int)COUNT(optimizers));
    return test_done();
}
