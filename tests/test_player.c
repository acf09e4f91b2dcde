// One update of each player and everything that may be switched on for it: on models so simple that the
// next weights are a formula. D(x) = w x + b, G(z) = theta, one data point: all batches are alike and
// nothing is random.
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif

static const double X[2] = {3, -1}, THETA[2] = {.5, .25}, W[2] = {.75, -.5};
static const double LR = .125;

static gan_tensor *point(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *zero = gan_mul_scalar(gan_slice(z, 1, 0, 1), 0);
    (void)label;
    return gan_add(zero, gan_param(g, "theta", gan_init_zeros(), 2));
}
static gan_tensor *shift(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(z, gan_param(g, "theta", gan_init_zeros(), 2));
}

// What D was given last time it was called.
static gan_real seen[16384];
static int seen_ndim, seen_dim[GAN_MAX_DIMS], seen_label[2], calls;
static gan_tensor *linear(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    int i;
    seen_ndim = gan_ndim(x);
    for (i = 0; i < seen_ndim; ++i) seen_dim[i] = gan_dim(x, i);
    for (i = 0; i < 2; ++i) seen_label[i] = label && i < gan_ndim(label) ? gan_dim(label, i) : 0;
    if (gan_numel(x) <= COUNT(seen)) gan_read(x, seen, gan_numel(x));
    ++calls;
    return gan_linear(d, "fc", gan_flatten(x), 1);
}
// Two outputs: the logit, and the first number of x times a second weight.
static gan_tensor *two_heads(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *own = gan_mul(gan_slice(x, 1, 0, 1), gan_param(d, "head", gan_init_constant(1), 1));
    return gan_concat(1, linear(d, x, label), own);
}

typedef struct rig {
    gan_context *ctx;
    gan_model *g, *d;
    gan_trainer_desc desc;
    gan_trainer *t;
} rig;

static rig make(gan_model_function *g, gan_model_function *d)
{
    const gan_real x[2] = {(gan_real)X[0], (gan_real)X[1]};
    rig r;
    memset(&r, 0, sizeof r);
    calls = 0;
    r.ctx = context_with(GAN_ISA_AUTO, 1);
    r.desc.generator = r.g = gan_model_create(r.ctx, "g", g, NULL);
    r.desc.discriminator = r.d = gan_model_create(r.ctx, "d", d, NULL);
    r.desc.data = gan_dataset_memory(r.ctx, x, NULL, 1, 2);
    r.desc.batch = 4;
    r.desc.latent = 2;
    r.desc.loss = GAN_LOSS_WASSERSTEIN;
    r.desc.g_optimizer = r.desc.d_optimizer = gan_sgd((gan_real)LR, 0);
    return r;
}

static gan_real *param(gan_model *m, const char *name) { return gan_data(gan_model_find(m, name)); }

// Creates the trainer and sets the weights; pack > 1 repeats w for every sample of the pack.
static void start(rig *r)
{
    const int pack = r->desc.pack ? r->desc.pack : 1;
    int i;
    gan_scope_open(r->ctx);
    (void)gan_forward(r->g, gan_zeros(r->ctx, 1, 2), NULL);
    (void)gan_forward(r->d, gan_zeros(r->ctx, 1, 2 * pack), NULL);
    gan_scope_close(r->ctx);
    for (i = 0; i < 2 * pack; ++i) param(r->d, "fc.weight")[i] = (gan_real)W[i % 2];
    for (i = 0; i < 2; ++i) param(r->g, "theta")[i] = (gan_real)THETA[i];
    param(r->d, "fc.bias")[0] = 0;
    r->t = gan_trainer_create(r->ctx, &r->desc);
    CHECK(r->t != NULL, "no trainer: %s", gan_error_message(r->ctx));
}

static gan_trainer_stats step(rig *r)
{
    gan_trainer_stats s = gan_trainer_step(r->t);
    CHECK(gan_error(r->ctx) == 0, "%s", gan_error_message(r->ctx));
    return s;
}

static void expect(rig *r, const double *w, const double *theta)
{
    CHECK_ARRAY(2, param(r->d, "fc.weight"), w, TOL, TOL, "w");
    CHECK_ARRAY(2, param(r->g, "theta"), theta, TOL, TOL, "theta");
}

// The Wasserstein game of these models in turn: w += lr k (x - theta), then theta += lr w.
static void in_turn(double *w, double *theta, double d_rate, double g_rate)
{
    int i;
    for (i = 0; i < 2; ++i) w[i] += d_rate * (X[i] - theta[i]);
    for (i = 0; i < 2; ++i) theta[i] += g_rate * w[i];
}

static void take(double *w, double *theta)
{
    memcpy(w, W, sizeof W);
    memcpy(theta, THETA, sizeof THETA);
}

// Six points in batches of one, six of them an update, an epoch: the means over `count` of the points are the
// step's numbers. D is linear, and the least squares of its answers differ from batch to batch.
static void accumulated_numbers(int count)
{
    static const double x[12] = {3, -1, 1, 2, -2, .5, 4, 4, 0, -3, -1, 1};
    double real = 0, loss = 0, fake = 0, g_loss = 0, after[2] = {W[0], W[1]}, d;
    gan_real points[12];
    gan_trainer_stats s;
    rig r = make(point, linear);
    int i, k;
    for (i = 0; i < 12; ++i) points[i] = (gan_real)x[i];
    r.desc.data = gan_dataset_memory(r.ctx, points, NULL, 6, 2);
    r.desc.batch = 1, r.desc.accumulate = 6, r.desc.loss = GAN_LOSS_LEAST_SQUARES;
    start(&r), s = step(&r);
    for (k = 0; k < 2; ++k) fake += W[k] * THETA[k];
    for (i = 6 - count; i < 6; ++i) {
        for (d = 0, k = 0; k < 2; ++k) d += W[k] * x[2 * i + k];
        real += d / count;
        loss += ((d - 1) * (d - 1) + fake * fake) / 2 / count;
    }
    for (k = 0; k < 2; ++k) after[k] = (double)param(r.d, "fc.weight")[k];
    d = (double)param(r.d, "fc.bias")[0];
    for (k = 0; k < 2; ++k) d += after[k] * THETA[k];
    g_loss = (d - 1) * (d - 1) / 2;
    CHECK_NEAR(s.d_real, real, TOL, "D(x)");
    CHECK_NEAR(s.d_fake, fake, TOL, "D(G(z))");
    CHECK_NEAR(s.d_loss, loss, TOL, "D's loss");
    CHECK_NEAR(s.g_loss, g_loss, TOL, "G's loss");
    gan_destroy(r.ctx);
}

static void updates(void)
{
    double w[2], theta[2];
    int i, k;
    TEST ("in turn: the formulas of this file describe the plain step") {
        rig r = make(point, linear);
        start(&r), step(&r), take(w, theta), in_turn(w, theta, LR, LR), expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST_MUST_FAIL ("a wrong rate is caught") {
        rig r = make(point, linear);
        start(&r), step(&r), take(w, theta), in_turn(w, theta, LR, 2 * LR), expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST ("three batches per update are averaged: where all batches are alike they change nothing") {
        rig r = make(point, linear);
        r.desc.accumulate = 3;
        start(&r), step(&r), take(w, theta), in_turn(w, theta, LR, LR), expect(&r, w, theta);
        CHECK(calls == 1 + 3 * 3, "%d calls of D: two for each of its batches, one for each of G's", calls);
        gan_destroy(r.ctx);
    }
    TEST ("the numbers of a step are means over its accumulated batches") accumulated_numbers(6);
    TEST_MUST_FAIL ("those of the last batch are caught") accumulated_numbers(1);
    TEST ("simultaneous: theta moves by the old w, unlike in turn") {
        rig r = make(point, linear);
        r.desc.simultaneous = 1;
        start(&r), step(&r), take(w, theta);
        for (i = 0; i < 2; ++i) w[i] += LR * (X[i] - THETA[i]), theta[i] += LR * W[i];
        expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST ("consensus adds gamma times the gradient of half the squared norm of both gradients") {
        // xi_w = theta - x, xi_b = 0, xi_theta = -w: 1/2 |xi|^2 has the gradients w by w and theta - x by
        // theta
        rig r = make(point, linear);
        r.desc.simultaneous = 1, r.desc.game = GAN_GAME_CONSENSUS, r.desc.game_strength = (gan_real).5;
        start(&r), step(&r), take(w, theta);
        for (i = 0; i < 2; ++i) {
            w[i] -= LR * (THETA[i] - X[i] + .5 * W[i]);
            theta[i] -= LR * (-W[i] + .5 * (THETA[i] - X[i]));
        }
        expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST (
        "extragradient with simultaneous: both gradients at the point where both looked ahead (Gidel 2019)") {
        rig r = make(point, linear);
        r.desc.extragradient = r.desc.simultaneous = 1;
        start(&r), step(&r), take(w, theta);
        for (i = 0; i < 2; ++i) {
            w[i] += LR * (X[i] - (THETA[i] + LR * W[i]));
            theta[i] += LR * (W[i] + LR * (X[i] - THETA[i]));
        }
        expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST ("extragradient: both look ahead in turn, then move from where they were by what they found there") {
        double ahead_w[2], ahead_theta[2];
        rig r = make(point, linear);
        r.desc.extragradient = 1;
        start(&r), step(&r), take(w, theta), take(ahead_w, ahead_theta);
        in_turn(ahead_w, ahead_theta, LR, LR);
        for (i = 0; i < 2; ++i) w[i] += LR * (X[i] - ahead_theta[i]);
        for (i = 0; i < 2; ++i) theta[i] += LR * w[i];
        expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST ("lookahead: every second step both go back half of the way they came") {
        double slow_w[2], slow_theta[2];
        rig r = make(point, linear);
        r.desc.lookahead = 2;
        start(&r), take(w, theta), take(slow_w, slow_theta);
        for (k = 1; k <= 6; ++k) {
            step(&r), in_turn(w, theta, LR, LR);
            for (i = 0; i < 2 && k % 2 == 0; ++i) {
                w[i] = slow_w[i] += .5 * (w[i] - slow_w[i]);
                theta[i] = slow_theta[i] += .5 * (theta[i] - slow_theta[i]);
            }
            expect(&r, w, theta);
        }
        gan_destroy(r.ctx);
    }
    TEST ("two learning rates (TTUR)") {
        rig r = make(point, linear);
        r.desc.d_optimizer.lr = (gan_real).5;
        start(&r), step(&r), take(w, theta), in_turn(w, theta, .5, LR), expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
}

static void unrolled(int steps, int through)
{
    // D's next w are w + k lr (x - theta), a function of theta: G's loss -w_k theta has the gradient -w_k
    // + k lr theta
    double w[2], theta[2], next;
    int i;
    rig r = make(point, linear);
    r.desc.unroll = steps;
    start(&r), step(&r), take(w, theta), in_turn(w, theta, LR, 0);
    expect(&r, w,
           param(r.g, "theta") ? (double[2]){(double)param(r.g, "theta")[0], (double)param(r.g, "theta")[1]}
                               : w);
    for (i = 0; i < 2; ++i) {
        next = w[i] + steps * LR * (X[i] - THETA[i]);
        theta[i] -= LR * (-next + (through ? steps * LR * THETA[i] : 0));
    }
    expect(&r, w, theta);
    gan_destroy(r.ctx);
}

static gan_tensor *d_term(const gan_penalty_in *in, void *user)
{
    (void)user;
    return gan_add(gan_square(gan_mean_all(in->real_out)), gan_mul_scalar(gan_mean_all(in->fake_out), 2));
}
static gan_tensor *g_term(const gan_penalty_in *in, void *user)
{
    CHECK(user == (void *)X && in->real && in->real_out && in->z && in->fake, "something is missing");
    return gan_mul_scalar(gan_mean_all(gan_square(in->fake)), 3);
}

static void losses(void)
{
    double w[2], theta[2];
    int i;
    TEST ("unrolling 1 and 3 steps: G's gradient flows through D's answers") {
        unrolled(1, 1);
        unrolled(3, 1);
    }
    TEST_MUST_FAIL ("unrolling that forgets the way through D's steps is caught") unrolled(3, 0);
    TEST ("every loss in every pairing: D's and G's loss are those of gan_loss_d_ex and gan_loss_g_ex on the "
          "logits") {
        int loss, pairing;
        for (loss = 0; loss < GAN_LOSS_COUNT; ++loss)
            for (pairing = 0; pairing < 3; ++pairing) {
                rig r = make(point, linear);
                gan_trainer_stats s;
                gan_loss_desc l;
                double d_loss, g_loss;
                memset(&l, 0, sizeof l);
                l.kind = (gan_loss)loss, l.pairing = (gan_pairing)pairing;
                gan_scope_open(r.ctx);
                d_loss = (double)gan_item(
                    gan_loss_d_ex(&l, gan_full(r.ctx, (gan_real)(W[0] * X[0] + W[1] * X[1]), 4, 1),
                                  gan_full(r.ctx, (gan_real)(W[0] * THETA[0] + W[1] * THETA[1]), 4, 1)));
                gan_loss_control(&l, (gan_real)(W[0] * X[0] + W[1] * X[1]),
                                 (gan_real)(W[0] * THETA[0] + W[1] * THETA[1]));
                g_loss = (double)gan_item(
                    gan_loss_g_ex(&l, gan_full(r.ctx, (gan_real)(W[0] * X[0] + W[1] * X[1]), 4, 1),
                                  gan_full(r.ctx, (gan_real)(W[0] * THETA[0] + W[1] * THETA[1]), 4, 1)));
                gan_scope_close(r.ctx);
                if (gan_error(r.ctx)) { // a pairing that has no meaning for this loss
                    gan_destroy(r.ctx);
                    continue;
                }
                r.desc.loss = (gan_loss)loss, r.desc.pairing = (gan_pairing)pairing;
                r.desc.d_optimizer = r.desc.g_optimizer = gan_sgd((gan_real)1e-20, 0);
                start(&r), s = step(&r);
                CHECK_NEAR(s.d_loss, d_loss, TOL * 10 * (1 + fabs(d_loss)), gan_loss_name((gan_loss)loss));
                CHECK_NEAR(s.g_loss, g_loss, TOL * 10 * (1 + fabs(g_loss)), gan_loss_name((gan_loss)loss));
                gan_destroy(r.ctx);
            }
    }
    TEST ("two penalties at once, R1 and R2: each adds weight / 2 |w|^2") {
        rig r = make(point, linear);
        gan_trainer_stats s;
        r.desc.penalty[0].kind = GAN_PENALTY_R1, r.desc.penalty[0].weight = 1;
        r.desc.penalty[2].kind = GAN_PENALTY_R2, r.desc.penalty[2].weight = 3;
        start(&r), s = step(&r), take(w, theta);
        CHECK_NEAR(s.penalty, 2 * (W[0] * W[0] + W[1] * W[1]), TOL, "penalty");
        for (i = 0; i < 2; ++i) w[i] -= LR * (THETA[i] - X[i] + 4 * W[i]);
        for (i = 0; i < 2; ++i) theta[i] += LR * w[i];
        expect(&r, w, theta);
        gan_destroy(r.ctx);
    }
    TEST ("a lazy penalty comes every fourth step, four times as strong, and D's rate and betas are those of "
          "4 / 5") {
        rig r = make(point, linear);
        const gan_optimizer_desc *o;
        int k;
        r.desc.penalty[0].kind = GAN_PENALTY_R1, r.desc.penalty[0].weight = 1, r.desc.penalty[0].every = 4;
        r.desc.d_optimizer = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).99);
        start(&r);
        o = inside_optimizer_desc(gan_trainer_d_optimizer(r.t));
        CHECK_NEAR(o->lr, .8e-3, 1e-9, "rate");
        CHECK_NEAR(o->beta1, pow(.5, .8), 1e-6, "beta1");
        CHECK_NEAR(o->beta2, pow(.99, .8), 1e-6, "beta2");
        CHECK_NEAR(inside_optimizer_desc(gan_trainer_g_optimizer(r.t))->lr, LR, 1e-9, "G's rate");
        for (k = 0; k < 9; ++k) {
            const gan_real *v = param(r.d, "fc.weight");
            const double norm = (double)v[0] * (double)v[0] + (double)v[1] * (double)v[1];
            CHECK_NEAR(step(&r).penalty, k % 4 ? 0 : 2 * norm, TOL * 10, "penalty");
        }
        gan_destroy(r.ctx);
    }
    TEST ("terms of one's own are added to either loss and see D's outputs; d_logits leaves the other "
          "columns to them") {
        rig r = make(point, two_heads);
        gan_trainer_stats s;
        double real, fake;
        r.desc.d_logits = 1;
        r.desc.d_term = d_term, r.desc.g_term = g_term, r.desc.user = (void *)(uintptr_t)X;
        start(&r), s = step(&r), take(w, theta);
        real = (W[0] * X[0] + W[1] * X[1] + X[0]) / 2; // the mean over both columns
        CHECK_NEAR(s.d_term, real * real + W[0] * THETA[0] + W[1] * THETA[1] + THETA[0], TOL, "D's term");
        CHECK_NEAR(s.g_term, 3 * (THETA[0] * THETA[0] + THETA[1] * THETA[1]) / 2, TOL, "G's term");
        CHECK(s.penalty == 0 && s.g_penalty == 0, "terms are no penalties");
        fake = 1;
        for (i = 0; i < 2; ++i)
            w[i] -= LR * (THETA[i] - X[i] + 2 * real * X[i] / 2 + 2 * fake * THETA[i] / 2);
        for (i = 0; i < 2; ++i) theta[i] -= LR * (-w[i] + 3 * theta[i]);
        expect(&r, w, theta);
        CHECK_NEAR(param(r.d, "head")[0], 1 - LR * (2 * real * X[0] / 2 + THETA[0]), TOL, "the other head");
        gan_destroy(r.ctx);
    }
    TEST ("terms over accumulated batches are means; without terms, and with penalties only, they are 0") {
        rig r = make(point, two_heads), q = make(point, linear);
        gan_trainer_stats s;
        r.desc.d_logits = 1, r.desc.accumulate = 3;
        r.desc.d_term = d_term, r.desc.g_term = g_term, r.desc.user = (void *)(uintptr_t)X;
        start(&r), s = step(&r);
        CHECK_NEAR(s.g_term, 3 * (THETA[0] * THETA[0] + THETA[1] * THETA[1]) / 2, TOL, "G's term");
        q.desc.penalty[0].kind = GAN_PENALTY_R1;
        start(&q), s = step(&q);
        CHECK(s.d_term == 0 && s.g_term == 0 && s.penalty > 0, "%g and %g", (double)s.d_term,
              (double)s.g_term);
        gan_destroy(r.ctx), gan_destroy(q.ctx);
    }
    TEST ("flipped labels: all of them turn D's update around, a half leaves nothing on average") {
        rig r = make(point, linear);
        double moved = 0;
        r.desc.label_flip = 1;
        start(&r), step(&r), take(w, theta), in_turn(w, theta, -LR, LR), expect(&r, w, theta);
        gan_destroy(r.ctx);
        r = make(point, linear);
        r.desc.label_flip = (gan_real).25, r.desc.batch = 4000;
        start(&r), step(&r);
        moved = ((double)param(r.d, "fc.weight")[0] - W[0]) / (LR * (X[0] - THETA[0]));
        CHECK_NEAR(moved, 1 - 2 * .25, .03, "the share of the plain update");
        gan_destroy(r.ctx);
    }
    TEST ("top-k: G learns from D's favorites alone") {
        // D likes large z; of G(z) = z + theta with z ~ U(-1, 1) the gradient is -w for each that counts,
        // so the loss tells which: -mean of the largest quarter of D's logits.
        rig r = make(shift, linear);
        gan_trainer_stats s;
        double favorites = 0, sorted[64], change;
        int n = 64, k, j;
        r.desc.prior = GAN_PRIOR_UNIFORM, r.desc.batch = n, r.desc.top_k = (gan_real).25;
        start(&r), s = step(&r);
        for (k = 0; k < n; ++k) {
            sorted[k] = (double)param(r.d, "fc.bias")[0];
            for (i = 0; i < 2; ++i) sorted[k] += (double)param(r.d, "fc.weight")[i] * (double)seen[2 * k + i];
            for (j = k; j > 0 && sorted[j] > sorted[j - 1]; --j)
                change = sorted[j], sorted[j] = sorted[j - 1], sorted[j - 1] = change;
        }
        for (k = 0; k < n / 4; ++k) favorites += sorted[k] / (n / 4);
        CHECK_NEAR(s.g_loss, -favorites, TOL * 10, "G's loss");
        gan_destroy(r.ctx);
    }
}

static void sight(void)
{
    int i, k;
    TEST ("packs of 3: D sees (batch, 3 x 2), three samples side by side, and labels (batch, 3)") {
        const gan_real x[2] = {(gan_real)X[0], (gan_real)X[1]}, y[1] = {0};
        rig r = make(point, linear);
        r.desc.data = gan_dataset_memory(r.ctx, x, y, 1, 2);
        r.desc.pack = 3, r.desc.batch = 5;
        start(&r), step(&r);
        CHECK(seen_ndim == 2 && seen_dim[0] == 5 && seen_dim[1] == 6, "(%d, %d)", seen_dim[0], seen_dim[1]);
        CHECK(seen_label[0] == 5 && seen_label[1] == 3, "labels (%d, %d)", seen_label[0], seen_label[1]);
        for (i = 0; i < 30; ++i) CHECK_NEAR(seen[i], THETA[i % 2], TOL, "fakes before G's first step");
        gan_destroy(r.ctx);
    }
    TEST ("instance noise: what D sees of one point has that deviation around it") {
        rig r = make(point, linear);
        double mean = 0, square = 0;
        r.desc.batch = 2000, r.desc.instance_noise = (gan_real).3;
        start(&r), step(&r);
        for (i = 0; i < 2000; ++i) mean += (double)seen[2 * i] / 2000;
        for (i = 0; i < 2000; ++i) square += pow((double)seen[2 * i] - mean, 2) / 2000;
        CHECK_NEAR(mean, THETA[0], .03, "mean");
        CHECK_NEAR(sqrt(square), .3, .02, "deviation");
        gan_destroy(r.ctx);
    }
    TEST ("the pool: some of the fakes that D sees are of an earlier G") {
        rig r = make(point, linear);
        int old = 0;
        r.desc.pool = 50, r.desc.batch = 50, r.desc.g_optimizer.lr = 1;
        start(&r), step(&r), step(&r);
        // G's own step shows D fresh fakes; D's step before it is what counts
        r.desc.pool = 0;
        gan_scope_open(r.ctx);
        {
            gan_tensor *fresh = gan_full(r.ctx, 77, 50, 2),
                       *mixed = gan_pool_query(inside_trainer_pool(r.t), fresh, (gan_real).5);
            for (k = 0; k < 50; ++k) old += gan_data(mixed)[2 * k] != 77;
        }
        gan_scope_close(r.ctx);
        CHECK(old > 10 && old < 40, "%d of 50 come from the pool", old);
        gan_destroy(r.ctx);
    }
    TEST ("latent optimization in the trainer: z of both players has moved by alpha g / (beta + |g|^2)") {
        rig r = make(shift, linear);
        double norm = W[0] * W[0] + W[1] * W[1], mean = 0;
        r.desc.optimize.steps = 1, r.desc.optimize.share = 1, r.desc.batch = 4000;
        r.desc.d_optimizer.lr = (gan_real)1e-20;
        start(&r), step(&r);
        for (i = 0; i < 4000; ++i) mean += ((double)seen[2 * i] - THETA[0]) / 4000;
        CHECK_NEAR(mean, .9 * W[0] / (.1 + norm), .06, "the mean of z");
        gan_destroy(r.ctx);
    }
}

int main(void)
{
    updates();
    losses();
    sight();
    return test_done();
}
