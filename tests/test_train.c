// The trainer: algorithm 1, its statistics, EMA, smoothing, resuming, canceling, NaN, threads, every
// combination.
#include <limits.h>

#include "../gan.h"

#include "test.h"

#include "check.h"

#include "trainers.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-9
#else
#define TOL 1e-4
#endif

static gan_tensor *point_generator(gan_model *g, gan_tensor *z, gan_tensor *label) // theta, whatever z is
{
    return shift_generator(g, gan_mul_scalar(z, 0), label);
}
static gan_tensor *conv_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_relu(gan_batch_norm(g, "bn1", gan_linear(g, "fc", z, 16 * 4 * 4)));
    (void)label;
    h = gan_relu(
        gan_batch_norm(g, "bn2", gan_conv_transpose2d(g, "up1", gan_reshape(h, -1, 16, 4, 4), 8, 4, 2, 1)));
    return gan_tanh(gan_conv_transpose2d(g, "up2", h, 1, 4, 2, 1));
}
static gan_tensor *conv_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv1", x, 8, 5, 1, 2), (gan_real).1), 2, 2);
    (void)label;
    h = gan_leaky_relu(gan_conv2d(d, "conv2", h, 16, 3, 2, 1), (gan_real).1);
    return gan_linear(d, "fc", gan_flatten(h), 1);
}

// All of a model's tensors, one after another, to compare later.
typedef struct copy {
    gan_real v[8192];
    size_t n;
} copy;
static void take_copy(copy *c, gan_model *m, int parameters_only)
{
    int i;
    c->n = 0;
    for (i = 0; i < gan_model_count(m); ++i) {
        gan_tensor *t = gan_model_tensor(m, i);
        if (parameters_only && strstr(gan_model_name(m, i), "running")) continue;
        if (c->n + gan_numel(t) > COUNT(c->v)) break;
        memcpy(c->v + c->n, gan_data(t), gan_numel(t) * sizeof *c->v);
        c->n += gan_numel(t);
    }
}

// ---- algorithm 1

static int order[64], order_size;
static gan_tensor *noting_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    if (order_size < 64) order[order_size++] = 'g';
    return shift_generator(g, z, label);
}
static gan_tensor *noting_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    if (order_size < 64) order[order_size++] = 'd';
    return linear_critic(d, x, label);
}

static gan_real spy[16000];
static size_t spied;
static gan_tensor *spying_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    if (spied + gan_numel(z) <= COUNT(spy)) {
        gan_read(z, spy + spied, gan_numel(z));
        spied += gan_numel(z);
    }
    return shift_generator(g, z, label);
}

static void algorithm_one(void)
{
    TEST ("a step is k updates of D, then one of G: sgd on linear models follows the formulas") {
        static const int ks[] = {1, 3};
        size_t q;
        for (q = 0; q < COUNT(ks); ++q) {
            // The data are one point x and the fakes another, theta: Wasserstein's d/dw of f - r is theta -
            // x, d/dtheta of -f is -w.
            const gan_real x[2] = {3, -1};
            rig r = make(1, point_generator, linear_critic, 2);
            double theta[2] = {.5, .5}, w[2], b;
            int step, i, k;
            r.desc.data = gan_dataset_memory(r.ctx, x, NULL, 1, 2);
            r.desc.batch = 1;
            r.desc.loss = GAN_LOSS_WASSERSTEIN;
            r.desc.d_steps = ks[q];
            r.desc.g_optimizer = gan_sgd((gan_real).25, 0);
            r.desc.d_optimizer = gan_sgd((gan_real).125, 0);
            gan_scope_open(r.ctx);
            (void)gan_forward(r.g, gan_zeros(r.ctx, 1, 2), NULL);
            (void)gan_forward(r.d, gan_zeros(r.ctx, 1, 2), NULL);
            gan_scope_close(r.ctx);
            for (i = 0; i < 2; ++i) w[i] = (double)gan_data(gan_model_find(r.d, "fc.weight"))[i];
            b = (double)gan_item(gan_model_find(r.d, "fc.bias"));
            go(&r);
            for (step = 1; step <= 4; ++step) {
                gan_trainer_stats s = gan_trainer_step(r.t);
                double fake = b, real = b, norm = 0;
                for (k = 0; k < ks[q]; ++k) {
                    for (i = 0, fake = real = b; i < 2; ++i)
                        fake += w[i] * theta[i], real += w[i] * (double)x[i];
                    for (i = 0; i < 2; ++i) w[i] -= .125 * (theta[i] - (double)x[i]);
                }
                for (i = 0; i < 2; ++i) norm += (theta[i] - (double)x[i]) * (theta[i] - (double)x[i]);
                CHECK_NEAR(s.d_loss, fake - real, TOL, "d_loss of the last of the k updates");
                CHECK_NEAR(s.d_real, real, TOL, "D(x)");
                CHECK_NEAR(s.d_fake, fake, TOL, "D(G(z))");
                CHECK_NEAR(s.d_grad_norm, sqrt(norm), TOL, "D's gradient norm is |theta - x|");
                CHECK_NEAR(s.g_loss, -(w[0] * theta[0] + w[1] * theta[1] + b), TOL,
                           "g_loss, by the updated D");
                CHECK_NEAR(s.g_grad_norm, sqrt(w[0] * w[0] + w[1] * w[1]), TOL, "G's gradient norm is |w|");
                for (i = 0; i < 2; ++i) {
                    theta[i] += .25 * w[i];
                    CHECK_NEAR(gan_data(gan_model_find(r.d, "fc.weight"))[i], w[i], TOL, "w");
                    CHECK_NEAR(gan_data(gan_model_find(r.g, "theta"))[i], theta[i], TOL, "theta");
                }
                CHECK_NEAR(gan_item(gan_model_find(r.d, "fc.bias")), b, TOL,
                           "the bias has no gradient: f - r");
                CHECK(s.step == step && gan_trainer_steps(r.t) == step, "step %d", (int)s.step);
            }
            fine(&r);
            gan_destroy(r.ctx);
        }
    }
    TEST ("the penalty's gradient is added to D's: WGAN-GP and R1 on a linear critic, by hand") {
        int gp;
        for (gp = 0; gp < 2; ++gp) {
            const gan_real x[2] = {3, -1};
            rig r = make(1, point_generator, linear_critic, 2);
            double theta[2] = {.5, .5}, w[2];
            int step, i;
            r.desc.data = gan_dataset_memory(r.ctx, x, NULL, 1, 2);
            r.desc.batch = 1;
            r.desc.loss = GAN_LOSS_WASSERSTEIN;
            r.desc.penalty[0].kind = gp ? GAN_PENALTY_WGAN_GP : GAN_PENALTY_R1;
            r.desc.penalty[0].weight = 2;
            r.desc.g_optimizer = r.desc.d_optimizer = gan_sgd((gan_real).0625, 0);
            gan_scope_open(r.ctx);
            (void)gan_forward(r.d, gan_zeros(r.ctx, 1, 2), NULL);
            gan_scope_close(r.ctx);
            for (i = 0; i < 2; ++i) w[i] = (double)gan_data(gan_model_find(r.d, "fc.weight"))[i];
            go(&r);
            for (step = 1; step <= 4; ++step) {
                gan_trainer_stats s = gan_trainer_step(r.t);
                double n = sqrt(w[0] * w[0] + w[1] * w[1]), g[2];
                // WGAN-GP: 2 (|w| - 1)^2 with gradient 4 (|w| - 1) w / |w|; R1: |w|^2 with gradient 2 w.
                CHECK_NEAR(s.penalty, gp ? 2 * (n - 1) * (n - 1) : n * n, TOL, "penalty");
                for (i = 0; i < 2; ++i) {
                    g[i] = theta[i] - (double)x[i] + (gp ? 4 * (n - 1) * w[i] / n : 2 * w[i]);
                    w[i] -= .0625 * g[i];
                }
                CHECK_NEAR(s.d_grad_norm, sqrt(g[0] * g[0] + g[1] * g[1]), TOL, "D's gradient norm");
                for (i = 0; i < 2; ++i) {
                    theta[i] += .0625 * w[i];
                    CHECK_NEAR(gan_data(gan_model_find(r.d, "fc.weight"))[i], w[i], TOL, "w");
                    CHECK_NEAR(gan_data(gan_model_find(r.g, "theta"))[i], theta[i], TOL, "theta");
                }
            }
            fine(&r);
            gan_destroy(r.ctx);
        }
    }
    TEST ("the prior: N(0, 1) or U(-1, 1), fresh in every update of either player") {
        int uniform;
        for (uniform = 0; uniform < 2; ++uniform) {
            rig r = make(1, spying_generator, linear_critic, 2);
            double mean = 0, square = 0, most = 0;
            size_t i, same = 0;
            r.desc.prior = uniform ? GAN_PRIOR_UNIFORM : GAN_PRIOR_NORMAL;
            r.desc.batch = 500;
            go(&r);
            spied = 0;
            (void)gan_trainer_run(r.t, 4); // two latent batches a step of 1000 numbers
            CHECK(spied == 8000, "%d numbers", (int)spied);
            for (i = 0; i < 8000; ++i) {
                double v = (double)spy[i];
                mean += v / 8000;
                square += v * v / 8000;
                most = fabs(v) > most ? fabs(v) : most;
                same += i >= 1000 && spy[i] == spy[i - 1000];
            }
            CHECK_NEAR(mean, 0, .06, "mean");
            CHECK_NEAR(square, uniform ? 1 / 3. : 1, uniform ? .02 : .08, "variance");
            CHECK(uniform ? most <= 1 && most > .99 : most > 3, "largest %g", most);
            CHECK(same < 10, "%d numbers came again in the next batch", (int)same);
            fine(&r);
            gan_destroy(r.ctx);
        }
    }
    TEST ("the order of calls with k = 2: twice (G makes fakes, D sees real and fake), then G through D") {
        rig r = make(1, noting_generator, noting_critic, 2);
        char text[65];
        int i;
        r.desc.d_steps = 2;
        go(&r);
        (void)gan_trainer_step(r.t);
        order_size = 0;
        (void)gan_trainer_step(r.t);
        for (i = 0; i < order_size; ++i) text[i] = (char)order[i];
        text[order_size] = 0;
        CHECK(strcmp(text, "gddgddgd") == 0, "%s", text);
        gan_destroy(r.ctx);
    }
    TEST (
        "G = z + theta against logistic regression: theta finds the mean of the data and D(x) goes to 1/2") {
        rig r = make(1, shift_generator, linear_critic, 2);
        double d_real = 0, d_fake = 0, mean[2] = {0, 0};
        gan_real data[512];
        int i;
        for (i = 0; i < 512; ++i)
            data[i] = (gan_real)(test_normal() + (i % 2 ? -1 : 2)), mean[i % 2] += (double)data[i] / 256;
        r.desc.data = gan_dataset_memory(r.ctx, data, NULL, 256, 2);
        r.desc.batch = 64;
        r.desc.g_optimizer = r.desc.d_optimizer = gan_sgd((gan_real).2, 0);
        go(&r);
        for (i = 0; i < 600; ++i) {
            gan_trainer_stats s = gan_trainer_step(r.t);
            if (i >= 400) d_real += (double)s.d_real / 200, d_fake += (double)s.d_fake / 200;
        }
        for (i = 0; i < 2; ++i) CHECK_NEAR(gan_data(gan_model_find(r.g, "theta"))[i], mean[i], .35, "theta");
        CHECK_NEAR(d_real, .5, .05, "D(x)");
        CHECK_NEAR(d_fake, .5, .05, "D(G(z))");
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("defaults: batch 64, latent 100, Adam 2e-4 (.5, .999)") {
        rig r = make(1, shift_generator, linear_critic, 0);
        gan_tensor *before;
        double moved;
        r.desc.batch = 0;
        r.desc.generator = gan_model_create(r.ctx, "g2", mlp_generator, NULL);
        go(&r);
        (void)gan_trainer_step(r.t);
        before = gan_model_find(r.desc.generator, "in.weight");
        CHECK(gan_dim(before, 1) == 100, "latent %d", gan_dim(before, 1));
        moved = (double)gan_item(gan_model_find(r.d, "fc.bias"));
        (void)moved;
        gan_data(before)[0] = 1;
        (void)gan_trainer_step(r.t);
        CHECK(fabs((double)gan_data(before)[0] - 1) < 5e-4 && gan_data(before)[0] != 1,
              "a step of Adam with lr 2e-4 moved it to %g", (double)gan_data(before)[0]);
        fine(&r);
        gan_destroy(r.ctx);
    }
}

// ---- statistics

static int calls;
static gan_trainer_stats last_stats;
static int note_progress(const gan_trainer_stats *s, void *user)
{
    ++calls;
    last_stats = *s;
    return user && s->step >= *(int64_t *)user;
}

static void statistics(void)
{
    TEST ("losses and D(x), D(G(z)) are those of the formulas for every loss (a critic that does not move)") {
        int loss;
        for (loss = 0; loss < GAN_LOSS_COUNT; ++loss) {
            const gan_real point[4] = {3, -1, 2, 2};
            rig r = make(1, shift_generator, linear_critic, 2);
            gan_trainer_stats s;
            double f = 0, w[2], b, x0, x1;
            int i;
            (void)f;
            r.desc.data = gan_dataset_memory(r.ctx, point, NULL, 2, 2);
            r.desc.batch = 2;
            r.desc.loss = (gan_loss)loss;
            r.desc.g_optimizer = r.desc.d_optimizer = gan_sgd((gan_real)1e-14, 0);
            go(&r);
            s = gan_trainer_step(r.t);
            for (i = 0; i < 2; ++i) w[i] = (double)gan_data(gan_model_find(r.d, "fc.weight"))[i];
            b = (double)gan_item(gan_model_find(r.d, "fc.bias"));
            x0 = w[0] * 3 - w[1] + b, x1 = w[0] * 2 + w[1] * 2 + b;
            if (gan_loss_is_probability((gan_loss)loss))
                CHECK_NEAR(s.d_real, (1 / (1 + exp(-x0)) + 1 / (1 + exp(-x1))) / 2, TOL,
                           "D(x) is a probability");
            else CHECK_NEAR(s.d_real, (x0 + x1) / 2, TOL, "D(x) is the raw output");
            if (loss == GAN_LOSS_WASSERSTEIN)
                CHECK_NEAR(s.d_loss, s.d_fake - s.d_real, TOL, "d_loss is f - r");
            CHECK(isfinite((double)s.d_loss) && isfinite((double)s.g_loss) && s.penalty == 0, "%g %g %g",
                  (double)s.d_loss, (double)s.g_loss, (double)s.penalty);
            CHECK(s.d_grad_norm > 0 && s.g_grad_norm > 0, "norms %g %g", (double)s.d_grad_norm,
                  (double)s.g_grad_norm);
            fine(&r);
            gan_destroy(r.ctx);
        }
    }
    TEST ("the penalty is reported apart, weighted, with its own default weight: (|w| - 1)^2 times 10 on a "
          "linear critic") {
        static const double weights[] = {0, 3};
        size_t i;
        for (i = 0; i < 2; ++i) {
            rig r = make(1, shift_generator, linear_critic, 2);
            gan_trainer_stats s;
            double n;
            gan_tensor *w;
            r.desc.penalty[0].kind = GAN_PENALTY_WGAN_GP;
            r.desc.penalty[0].weight = (gan_real)weights[i];
            r.desc.loss = GAN_LOSS_WASSERSTEIN;
            r.desc.g_optimizer = r.desc.d_optimizer = gan_sgd((gan_real)1e-14, 0);
            go(&r);
            s = gan_trainer_step(r.t);
            w = gan_model_find(r.d, "fc.weight");
            n = sqrt((double)gan_data(w)[0] * (double)gan_data(w)[0] +
                     (double)gan_data(w)[1] * (double)gan_data(w)[1]);
            CHECK_NEAR(s.penalty, (i ? 3 : 10) * (n - 1) * (n - 1), TOL * 10, "penalty");
            CHECK_NEAR(s.d_loss, s.d_fake - s.d_real, TOL, "d_loss is without it");
            gan_destroy(r.ctx);
        }
    }
    TEST ("the weight clip holds D's parameters in [-.01, .01] by default") {
        rig r = make(1, shift_generator, mlp_critic, 2);
        copy c;
        size_t i;
        double most = 0;
        r.desc.penalty[0].kind = GAN_PENALTY_WEIGHT_CLIP;
        r.desc.loss = GAN_LOSS_WASSERSTEIN;
        go(&r);
        (void)gan_trainer_run(r.t, 3);
        take_copy(&c, r.d, 1);
        for (i = 0; i < c.n; ++i) most = fabs((double)c.v[i]) > most ? fabs((double)c.v[i]) : most;
        CHECK_NEAR(most, .01, 1e-7, "largest weight");
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("label smoothing changes D's loss on real data: at logits 0 not, else by s (sp(r) - sp(-r))") {
        gan_trainer_stats a, b;
        rig r = make(1, shift_generator, linear_critic, 2), q = make(1, shift_generator, linear_critic, 2);
        const gan_real point[2] = {3, -1};
        double logit;
        r.desc.data = gan_dataset_memory(r.ctx, point, NULL, 1, 2);
        q.desc.data = gan_dataset_memory(q.ctx, point, NULL, 1, 2);
        r.desc.batch = q.desc.batch = 1;
        q.desc.label_smoothing = (gan_real).3;
        r.desc.g_optimizer = r.desc.d_optimizer = q.desc.g_optimizer = q.desc.d_optimizer =
            gan_sgd((gan_real)1e-14, 0);
        go(&r);
        go(&q);
        a = gan_trainer_step(r.t);
        b = gan_trainer_step(q.t);
        logit = 3 * (double)gan_data(gan_model_find(r.d, "fc.weight"))[0] -
                (double)gan_data(gan_model_find(r.d, "fc.weight"))[1] +
                (double)gan_item(gan_model_find(r.d, "fc.bias"));
        CHECK_NEAR((double)b.d_loss - (double)a.d_loss, .3 * (log1p(exp(logit)) - log1p(exp(-logit))), TOL,
                   "difference");
        CHECK_NEAR(b.g_loss, a.g_loss, TOL, "the generator's loss knows nothing of it");
        gan_destroy(r.ctx);
        gan_destroy(q.ctx);
    }
    TEST ("progress is called after each step with its statistics; a non-zero return cancels the run, and it "
          "can go on") {
        int64_t stop = 4;
        rig r = make(1, shift_generator, linear_critic, 2);
        gan_trainer_stats s;
        r.desc.progress = note_progress;
        r.desc.user = &stop;
        go(&r);
        calls = 0;
        s = gan_trainer_run(r.t, 100);
        CHECK(calls == 4 && s.step == 4 && s.canceled, "%d calls, step %d, canceled %d", calls, (int)s.step,
              s.canceled);
        CHECK(last_stats.step == 4 && last_stats.d_loss == s.d_loss, "the statistics that the callback saw");
        stop = 1000;
        s = gan_trainer_run(r.t, 3);
        CHECK(calls == 7 && s.step == 7 && !s.canceled, "%d calls, step %d, canceled %d", calls, (int)s.step,
              s.canceled);
        CHECK(gan_error(r.ctx) == 0, "canceling is no error: %s", gan_error_message(r.ctx));
        gan_destroy(r.ctx);
    }
}

// ---- EMA, sampling

static void averaging(void)
{
    // The average starts as a copy after the first step; G(0) of the averaged generator is its theta.
    TEST ("the averaged generator is the hand-computed average: e = ema e + (1 - ema) theta") {
        rig r = make(1, shift_generator, linear_critic, 2);
        double e[2] = {0, 0};
        int step, i;
        r.desc.ema = (gan_real).75;
        r.desc.g_optimizer = r.desc.d_optimizer = gan_sgd((gan_real).3, 0);
        go(&r);
        for (step = 1; step <= 10; ++step) {
            gan_tensor *y, *theta;
            (void)gan_trainer_step(r.t);
            theta = gan_model_find(r.g, "theta");
            for (i = 0; i < 2; ++i)
                e[i] = step == 1 ? (double)gan_data(theta)[i] : .75 * e[i] + .25 * (double)gan_data(theta)[i];
            gan_scope_open(r.ctx);
            y = gan_trainer_generate(r.t, gan_zeros(r.ctx, 1, 2), NULL);
            for (i = 0; i < 2; ++i) CHECK_NEAR(gan_data(y)[i], e[i], TOL, "average");
            gan_scope_close(r.ctx);
        }
        CHECK(fabs(e[0] - (double)gan_item(gan_model_find(r.g, "theta"))) > 1e-4,
              "the average and theta are apart");
        fine(&r);
        gan_destroy(r.ctx);
    }
}

// ---- resuming

static unsigned char *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    long n = test_file_size(path);
    unsigned char *p = n > 0 ? (unsigned char *)malloc((size_t)n) : NULL;
    *size = p && f ? fread(p, 1, (size_t)n, f) : 0;
    if (f) fclose(f);
    return p;
}
// Everything that has state or randomness, at once.
static gan_real falling_metric(gan_trainer *t, void *user)
{
    (void)user;
    return 1 / (gan_real)(1 + gan_trainer_steps(t) % 3);
}
static gan_tensor *normed_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_model_parametrize(d, "in", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    return mlp_critic(d, x, label);
}
static void everything(gan_trainer_desc *d)
{
    d->loss = GAN_LOSS_NON_SATURATING, d->pairing = GAN_RELATIVISTIC_AVERAGE;
    d->penalty[0].kind = GAN_PENALTY_R1, d->penalty[0].every = 2;
    d->penalty[1].kind = GAN_PENALTY_LECAM;
    d->penalty[2].kind = GAN_PENALTY_HISTORICAL_AVERAGE;
    d->penalty[3].kind = GAN_PENALTY_PATH_LENGTH;
    d->g_optimizer = gan_adabelief((gan_real)1e-3, (gan_real).5, (gan_real).9);
    d->d_optimizer = gan_amsgrad((gan_real)1e-3, (gan_real).5, (gan_real).9);
    d->g_optimizer.clip_norm = 1;
    d->accumulate = 2, d->extragradient = 1, d->lookahead = 2;
    d->schedule[0].what = GAN_SCHEDULED_LR, d->schedule[0].schedule = gan_schedule_cosine(0, 10, 0);
    d->schedule[1].what = GAN_SCHEDULED_G_LR, d->schedule[1].schedule = gan_schedule_plateau((gan_real).5, 1);
    d->ema_half_life = 40;
    d->label_flip = (gan_real).1, d->instance_noise = (gan_real).1, d->pack = 2, d->pool = 12;
    d->augment.policy = GAN_AUGMENT_NOISE, d->ada_target = (gan_real).3, d->ada_kimg = (gan_real).2;
    d->top_k = (gan_real).75, d->optimize.steps = 1;
    d->metric = falling_metric, d->metric_every = 1;
}

static gan_real resumable_data[20 * 2];
static rig resumable(int kind)
{
    gan_real *data = resumable_data;
    rig r = make(1, mlp_generator, kind == 2 ? normed_critic : mlp_critic, 3);
    int i;
    for (i = 0; i < 40; ++i) data[i] = (gan_real)sin(1.7 * i);
    r.desc.data = kind ? gan_dataset_memory(r.ctx, data, NULL, 20, 2) : r.desc.data;
    r.desc.ema = (gan_real).8;
    r.desc.penalty[0].kind = kind ? GAN_PENALTY_WGAN_GP : GAN_PENALTY_R1;
    r.desc.d_steps = 2;
    r.desc.batch = 8;
    if (kind == 2) everything(&r.desc);
    else if (kind == 3) // whose running mean is met again steps after the resuming
        r.desc.penalty[1].kind = GAN_PENALTY_PATH_LENGTH, r.desc.penalty[1].every = 3;
    else if (kind)
        r.desc.g_optimizer = gan_rmsprop((gan_real)1e-3),
        r.desc.d_optimizer = gan_sgd((gan_real)1e-2, (gan_real).9);
    go(&r);
    return r;
}
static void resuming(void)
{
    static const char *const kinds[] = {"toy data, R1, adam", "samples in memory, WGAN-GP, rmsprop and sgd",
                                        "everything on at once", "a lazy penalty of G, averages"};
    int kind;
    for (kind = 0; kind < 4; ++kind)
        TESTF ("saved at each step of 5 and resumed, the checkpoints after step 5 are the same byte for byte "
               "(%s)",
               kinds[kind]) {
            const char *half = test_path("train_half.safetensors"), *p = test_path("train_a.safetensors"),
                       *q = test_path("train_b.safetensors");
            int k;
            for (k = 0; k <= 5; ++k) {
                rig a = resumable(kind), b;
                size_t n, m;
                unsigned char *x, *y;
                (void)gan_trainer_run(a.t, k);
                CHECK(gan_save(a.ctx, half) == 0, "save: %s", gan_error_message(a.ctx));
                (void)gan_trainer_run(a.t, 5 - k);
                CHECK(gan_save(a.ctx, p) == 0, "save: %s", gan_error_message(a.ctx));
                b = resumable(kind);
                gan_seed(b.ctx, 999);
                CHECK(gan_load(b.ctx, half) == 0, "load: %s", gan_error_message(b.ctx));
                CHECK(gan_trainer_steps(b.t) == k, "%d steps after loading, not %d",
                      (int)gan_trainer_steps(b.t), k);
                (void)gan_trainer_run(b.t, 5 - k);
                CHECK(gan_save(b.ctx, q) == 0, "save: %s", gan_error_message(b.ctx));
                x = read_all(p, &n);
                y = read_all(q, &m);
                CHECK(n > 0 && n == m, "after %d: %d and %d bytes", k, (int)n, (int)m);
                if (n == m && n) CHECK_BYTES(x, y, n, "checkpoints");
                if (k < 5 && kind != 3) { // what is lazy waits in the file
                    same_weights(a.g, b.g);
                    same_weights(a.d, b.d);
                }
                free(x);
                free(y);
                gan_destroy(a.ctx);
                gan_destroy(b.ctx);
            }
        }
    TEST ("loaded before the trainer is created: the same") {
        const char *half = test_path("train_half2.safetensors");
        rig a = resumable(0), b;
        (void)gan_trainer_run(a.t, 3);
        CHECK(gan_save(a.ctx, half) == 0, "save");
        (void)gan_trainer_run(a.t, 2);
        b = make(1, mlp_generator, mlp_critic, 3);
        CHECK(gan_load(b.ctx, half) == 0, "load: %s", gan_error_message(b.ctx));
        b.desc.ema = (gan_real).8;
        b.desc.penalty[0].kind = GAN_PENALTY_R1;
        b.desc.d_steps = 2;
        b.desc.batch = 8;
        go(&b);
        CHECK(gan_trainer_steps(b.t) == 3, "%d steps", (int)gan_trainer_steps(b.t));
        (void)gan_trainer_run(b.t, 2);
        same_weights(a.g, b.g);
        same_weights(a.d, b.d);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("loaded from read-only memory before the trainer is created: the same, everything on") {
        const char *half = test_path("train_half5.safetensors");
        rig a = resumable(2), b;
        unsigned char *memory;
        size_t n;
        (void)gan_trainer_run(a.t, 3);
        CHECK(gan_save(a.ctx, half) == 0, "save");
        (void)gan_trainer_run(a.t, 3);
        b = make(1, mlp_generator, normed_critic, 3);
        memory = read_all(half, &n);
        CHECK(gan_load_memory(b.ctx, memory, n) == 0, "load: %s", gan_error_message(b.ctx));
        b.desc = a.desc;
        b.desc.generator = b.g, b.desc.discriminator = b.d;
        b.desc.data = gan_dataset_memory(b.ctx, resumable_data, NULL, 20, 2);
        go(&b);
        (void)gan_trainer_run(b.t, 3);
        fine(&b);
        same_weights(a.g, b.g);
        same_weights(a.d, b.d);
        CHECK(inside_trainer_ada(a.t)[0] == inside_trainer_ada(b.t)[0] &&
                  inside_trainer_best(a.t)[0] == inside_trainer_best(b.t)[0] &&
                  inside_trainer_best(a.t)[1] == inside_trainer_best(b.t)[1],
              "p %g and %g", (double)inside_trainer_ada(a.t)[0], (double)inside_trainer_ada(b.t)[0]);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
        free(memory);
    }
    TEST ("right after a load, without a step, the sample is that of the saved run: from the averaged "
          "generator") {
        const char *half = test_path("train_half3.safetensors");
        rig a = resumable(0), b = resumable(0);
        gan_tensor *x, *y;
        (void)gan_trainer_run(a.t, 4);
        CHECK(gan_save(a.ctx, half) == 0, "save");
        CHECK(gan_load(b.ctx, half) == 0, "load: %s", gan_error_message(b.ctx));
        x = gan_trainer_sample(a.t, 5);
        y = gan_trainer_sample(b.t, 5);
        CHECK(same_bits(x, y), "first value %g, not %g", (double)gan_item(y), (double)gan_item(x));
        fine(&b);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST_MUST_FAIL ("a resumed run that begins again at augmentation p 0 (StyleGAN2-ADA) is caught") {
        const char *half = test_path("train_half4.safetensors");
        rig a = resumable(2), b = resumable(2);
        (void)gan_trainer_run(a.t, 4);
        CHECK(gan_save(a.ctx, half) == 0 && gan_load(b.ctx, half) == 0, "never mind");
        if (inside_trainer_ada(b.t)[0] > 0) {
            inside_trainer_ada(b.t)[0] = 0;
            (void)gan_trainer_run(a.t, 2);
            (void)gan_trainer_run(b.t, 2);
            same_weights(a.d, b.d);
        }
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST_MUST_FAIL ("a run of another seed is not the same: the comparison sees it") {
        rig a = resumable(0), b = resumable(0);
        gan_seed(b.ctx, 5);
        (void)gan_trainer_run(a.t, 2);
        (void)gan_trainer_run(b.t, 2);
        same_weights(a.g, b.g);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
}

// ---- NaN

static gan_real poison_factor;
static gan_tensor *logging_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *y = mlp_generator(g, z, label);
    return poison_factor != 0 ? gan_add(y, gan_log(gan_mul_scalar(gan_square(y), poison_factor))) : y;
}

static void nonfinite(void)
{
    TEST ("a NaN, or an infinity, in the data stops the update: weights bit-identical, GAN_ERROR_NONFINITE") {
        static const double bad[] = {(double)NAN, HUGE_VAL};
        size_t q;
        for (q = 0; q < COUNT(bad); ++q) {
            gan_real data[64];
            rig r = make(1, mlp_generator, mlp_critic, 3);
            copy g, d, g2, d2;
            int i;
            gan_trainer_stats s;
            for (i = 0; i < 64; ++i) data[i] = (gan_real)cos(i);
            data[37] = (gan_real)bad[q];
            r.desc.data = gan_dataset_memory(r.ctx, data, NULL, 32, 2);
            r.desc.batch = 32; // the whole set: the NaN is in the first batch
            gan_scope_open(r.ctx);
            (void)gan_forward(r.g, gan_zeros(r.ctx, 2, 3), NULL);
            (void)gan_forward(r.d, gan_zeros(r.ctx, 2, 2), NULL);
            gan_scope_close(r.ctx);
            go(&r);
            take_copy(&g, r.g, 1);
            take_copy(&d, r.d, 1);
            s = gan_trainer_step(r.t);
            CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "code %d: %s", gan_error(r.ctx),
                  gan_error_message(r.ctx));
            take_copy(&g2, r.g, 1);
            take_copy(&d2, r.d, 1);
            CHECK_BYTES(g.v, g2.v, g.n * sizeof(gan_real), "G's weights");
            CHECK_BYTES(d.v, d2.v, d.n * sizeof(gan_real), "D's weights");
            CHECK(s.step == 0 && gan_trainer_steps(r.t) == INT64_MAX, "step %d", (int)s.step);
            s = gan_trainer_run(r.t, 10);
            take_copy(&d2, r.d, 1);
            CHECK_BYTES(d.v, d2.v, d.n * sizeof(gan_real), "D's weights after a run with the error standing");
            gan_destroy(r.ctx);
        }
    }
    TEST ("a NaN made in the generator names its operation (log) and leaves all weights; after clearing the "
          "training goes on") {
        rig r = make(1, logging_generator, mlp_critic, 3);
        copy g, d, g2, d2;
        int k;
        poison_factor = 0;
        go(&r);
        (void)gan_trainer_run(r.t, 2);
        fine(&r);
        take_copy(&g, r.g, 1);
        take_copy(&d, r.d, 1);
        poison_factor = -1;
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "log");
        take_copy(&g2, r.g, 1);
        take_copy(&d2, r.d, 1);
        CHECK_BYTES(g.v, g2.v, g.n * sizeof(gan_real), "G's weights");
        CHECK_BYTES(d.v, d2.v, d.n * sizeof(gan_real), "D's weights");
        for (k = 0; k < 9 && gan_trainer_steps(r.t) < 3; ++k) (void)gan_trainer_step(r.t);
        CHECK(k == 0, "a loop that counts steps went on %d times with an error standing", k);
        poison_factor = 0;
        gan_error_clear(r.ctx);
        CHECK(gan_trainer_steps(r.t) == 2, "%d steps", (int)gan_trainer_steps(r.t));
        (void)gan_trainer_run(r.t, 2);
        fine(&r);
        CHECK(gan_trainer_steps(r.t) == 4, "%d steps", (int)gan_trainer_steps(r.t));
        gan_destroy(r.ctx);
    }
    TEST ("a NaN in the data does not stay behind in batch norm's running statistics of a discriminator") {
        gan_real data[64];
        rig r = make(1, shift_generator, mlp_generator, 2); // the network with batch norm as D
        gan_tensor *mean;
        int i, bad = 0;
        for (i = 0; i < 64; ++i) data[i] = (gan_real)cos(i);
        data[37] = (gan_real)NAN;
        r.desc.data = gan_dataset_memory(r.ctx, data, NULL, 32, 2);
        r.desc.batch = 32;
        go(&r);
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(r.ctx));
        mean = gan_model_find(r.d, "bn.running_mean");
        for (i = 0; mean && i < (int)gan_numel(mean); ++i) bad += !isfinite((double)gan_data(mean)[i]);
        CHECK(bad == 0, "%d running means are not finite", bad);
        gan_destroy(r.ctx);
    }
    TEST ("NaN in a weight is seen within one step") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        go(&r);
        (void)gan_trainer_step(r.t);
        gan_data(gan_model_find(r.d, "in.weight"))[3] = (gan_real)NAN;
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(r.ctx));
        gan_destroy(r.ctx);
    }
}

// ---- determinism and memory

static void determinism(void)
{
    int all;
    for (all = 0; all < 2; ++all)
        TESTF ("a convolutional pair has the same bits after 5 steps with 1, 2, 3 and 7 threads%s",
               all ? ", everything on" : "") {
            static const int counts[] = {1, 2, 3, 7};
            rig first;
            gan_real data[40 * 256];
            size_t i;
            memset(&first, 0, sizeof first);
            for (i = 0; i < COUNT(data); ++i) data[i] = (gan_real)sin(.01 * (double)i * (double)(i % 17));
            for (i = 0; i < COUNT(counts); ++i) {
                rig r = make(counts[i], conv_generator, conv_critic, 8);
                r.desc.data = gan_dataset_memory(r.ctx, data, NULL, 40, 1, 16, 16);
                r.desc.batch = 32;
                r.desc.penalty[0].kind = GAN_PENALTY_R1;
                r.desc.ema = (gan_real).9;
                if (all) everything(&r.desc), r.desc.augment.policy = GAN_AUGMENT_ADA, r.desc.batch = 16;
                go(&r);
                (void)gan_trainer_run(r.t, 5);
                fine(&r);
                if (i == 0) first = r;
                else {
                    same_weights(first.g, r.g);
                    same_weights(first.d, r.d);
                    gan_destroy(r.ctx);
                }
            }
            gan_destroy(first.ctx);
        }
    for (all = 0; all < 2; ++all)
        TESTF ("a step in its steady state makes no heap call and its memory does not grow%s",
               all ? ", everything on" : "") {
            rig r = make(1, conv_generator, conv_critic, 8);
            gan_real data[20 * 256] = {0};
            gan_memory_stats a, b;
            r.desc.data = gan_dataset_memory(r.ctx, data, NULL, 20, 1, 16, 16);
            r.desc.penalty[0].kind = GAN_PENALTY_WGAN_GP;
            r.desc.ema = (gan_real).9;
            if (all)
                everything(&r.desc), r.desc.augment.policy = GAN_AUGMENT_ADA | GAN_AUGMENT_DIFF,
                                     r.desc.batch = 8;
            go(&r);
            (void)gan_trainer_run(r.t, all ? 12 : 3);
            a = gan_memory(r.ctx);
            (void)gan_trainer_run(r.t, 12);
            b = gan_memory(r.ctx);
            CHECK(a.heap_calls == b.heap_calls, "%d heap calls in 10 steps",
                  (int)(b.heap_calls - a.heap_calls));
            CHECK(a.current == b.current && a.peak == b.peak, "current %lu -> %lu, peak %lu -> %lu",
                  (unsigned long)a.current, (unsigned long)b.current, (unsigned long)a.peak,
                  (unsigned long)b.peak);
            fine(&r);
            gan_destroy(r.ctx);
        }
}

// ---- labels

static gan_tensor *label_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    return gan_linear(g, "out", gan_concat(1, z, gan_embedding(g, "class", label, 3, 4)), 2);
}
static gan_tensor *label_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    return gan_linear(
        d, "out",
        gan_leaky_relu(gan_linear(d, "in", gan_concat(1, x, gan_embedding(d, "class", label, 3, 4)), 8),
                       (gan_real).2),
        1);
}
static void labels(void)
{
    TEST ("labels of the data reach both players, and sampling goes through the classes") {
        gan_real data[24], label[12];
        rig r = make(1, label_generator, label_critic, 3);
        gan_tensor *y;
        int i;
        for (i = 0; i < 12; ++i)
            label[i] = (gan_real)(i % 3), data[2 * i] = (gan_real)(i % 3), data[2 * i + 1] = (gan_real).1;
        r.desc.data = gan_dataset_memory(r.ctx, data, label, 12, 2);
        r.desc.batch = 6;
        r.desc.penalty[0].kind = GAN_PENALTY_WGAN_GP;
        go(&r);
        (void)gan_trainer_run(r.t, 5);
        y = gan_trainer_sample(r.t, 6);
        CHECK(gan_dim(y, 0) == 6, "sample: %s", gan_error_message(r.ctx));
        fine(&r);
        gan_destroy(r.ctx);
    }
}

// Three steps of one combination; what is reported belongs to the penalty's player alone.
static void combine(gan_loss loss, gan_penalty_kind penalty, gan_optimizer_kind optimizer,
                    gan_pairing pairing)
{
    rig r = make(1, mlp_generator, mlp_critic, 3);
    const gan_player player = gan_penalty_player(penalty);
    const char *names = gan_penalty_name(penalty);
    gan_trainer_stats s;
    copy a, b;
    gan_optimizer_desc o = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).999);
    o.kind = optimizer;
    if (optimizer == GAN_OPTIMIZER_RMSPROP || optimizer == GAN_OPTIMIZER_ADADELTA) o.alpha = (gan_real).9;
    r.desc.loss = loss;
    r.desc.pairing = pairing;
    r.desc.penalty[0].kind = penalty;
    r.desc.g_optimizer = r.desc.d_optimizer = o;
    r.desc.ema = (gan_real)(loss % 2 ? .9 : 0);
    r.desc.label_smoothing = (gan_real)(penalty % 2 ? .1 : 0);
    r.desc.prior = optimizer % 2 ? GAN_PRIOR_UNIFORM : GAN_PRIOR_NORMAL;
    // images, so that consistency's augmentation has something to do
    r.desc.consistency.policy = GAN_AUGMENT_NOISE;
    go(&r);
    s = gan_trainer_step(r.t);
    take_copy(&a, r.g, 1);
    s = gan_trainer_run(r.t, 2);
    take_copy(&b, r.g, 1);
    CHECK(gan_error(r.ctx) == 0 && s.step == 3, "%s, %s, %s: %s", gan_loss_name(loss), names,
          gan_optimizer_name(optimizer), gan_error_message(r.ctx));
    CHECK(isfinite((double)s.d_loss) && isfinite((double)s.g_loss) && isfinite((double)s.penalty) &&
              isfinite((double)s.g_penalty) && s.d_grad_norm > 0 && s.g_grad_norm > 0,
          "%s, %s: %g %g %g", gan_loss_name(loss), names, (double)s.d_loss, (double)s.g_loss,
          (double)s.penalty);
    if (player == GAN_PLAYER_GENERATOR)
        CHECK(s.penalty == 0 && s.g_penalty != 0, "%s: D pays %g", names, (double)s.penalty);
    if (player == GAN_PLAYER_DISCRIMINATOR)
        CHECK(s.g_penalty == 0, "%s: G pays %g", names, (double)s.g_penalty);
    if (penalty == GAN_PENALTY_NONE || penalty == GAN_PENALTY_WEIGHT_CLIP) CHECK(s.penalty == 0, "%s", names);
    CHECK(memcmp(a.v, b.v, a.n * sizeof *a.v) != 0, "%s, %s, %s: G stands still", gan_loss_name(loss), names,
          gan_optimizer_name(optimizer));
    gan_destroy(r.ctx);
}

static void combinations(void)
{
    int loss, penalty, k, done = 0;
    TEST ("every loss with every penalty runs 3 steps, the optimizers, pairings, EMA, smoothing and priors "
          "in turn")
        for (loss = 0; loss < GAN_LOSS_COUNT; ++loss)
            for (penalty = 0; penalty < GAN_PENALTY_COUNT; ++penalty, ++done)
                combine((gan_loss)loss, (gan_penalty_kind)penalty,
                        (gan_optimizer_kind)((5 * loss + penalty) % GAN_OPTIMIZER_COUNT),
                        gan_loss_critic((gan_loss)loss) == GAN_CRITIC_FEATURES ? GAN_PLAIN
                                                                               : (gan_pairing)(done % 3));
    TEST ("every optimizer with every game, with and without looking ahead, runs 3 steps")
        for (k = 0; k < GAN_OPTIMIZER_COUNT * GAN_GAME_COUNT * 2; ++k, ++done) {
            rig r = make(1, mlp_generator, mlp_critic, 3);
            gan_trainer_stats s;
            r.desc.d_optimizer = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).999);
            r.desc.d_optimizer.alpha = (gan_real).9;
            r.desc.d_optimizer.kind = (gan_optimizer_kind)(k % GAN_OPTIMIZER_COUNT);
            r.desc.g_optimizer = r.desc.d_optimizer;
            r.desc.simultaneous = 1;
            r.desc.game = (gan_game)(k / GAN_OPTIMIZER_COUNT % GAN_GAME_COUNT);
            r.desc.extragradient = k / GAN_OPTIMIZER_COUNT / GAN_GAME_COUNT;
            go(&r);
            s = gan_trainer_run(r.t, 3);
            CHECK(gan_error(r.ctx) == 0 && s.step == 3 && s.d_grad_norm > 0 && s.g_grad_norm > 0,
                  "%s, %s: %s", gan_optimizer_name(r.desc.g_optimizer.kind), gan_game_name(r.desc.game),
                  gan_error_message(r.ctx));
            gan_destroy(r.ctx);
        }
    printf("%d combinations of loss, penalty, optimizer and game\n", done);
    TEST ("a generator whose samples have another shape than the data is an error with both shapes") {
        rig r = make(1, shift_generator, linear_critic, 2);
        r.desc.data = gan_dataset_toy(r.ctx, GAN_TOY_NORMAL);
        go(&r);
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == GAN_ERROR_SHAPE, "code %d", gan_error(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "(16, 2)");
        CHECK_TEXT(gan_error_message(r.ctx), "(16, 1)");
        gan_destroy(r.ctx);
    }
}

// ---- schedules, averages, safety

static void schedules(void)
{
    static const struct {
        const char *name;
        gan_scheduled what;
        size_t at[2];
    } rows[] = {
#define ROW(id, g, d)                                                                                        \
    {#id, GAN_SCHEDULED_##id, {offsetof(gan_trainer_desc, g), offsetof(gan_trainer_desc, d)}},
        GAN_SCHEDULED(ROW)
#undef ROW
    };
    size_t i;
    int k, n;
    for (i = 0; i < COUNT(rows); ++i)
        TESTF ("the schedule of %s: linear from .5 to .1 over 4 steps, in the fields it names and no others",
               rows[i].name) {
            rig r = make(1, mlp_generator, mlp_critic, 3);
            gan_trainer_desc begun;
            r.desc.d_optimizer = r.desc.g_optimizer = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9);
            r.desc.ema = (gan_real).5, r.desc.augment.policy = GAN_AUGMENT_NOISE;
            for (k = 0; k < 2; ++k) *(gan_real *)(void *)((char *)&r.desc + rows[i].at[k]) = (gan_real).5;
            r.desc.schedule[3].what = rows[i].what;
            r.desc.schedule[3].schedule = gan_schedule_linear(0, 4, (gan_real).1);
            go(&r);
            begun = *inside_trainer_desc(r.t);
            for (n = 0; n < 7; ++n) {
                gan_trainer_desc want = begun;
                const gan_real value = (gan_real)(.5 - .4 * (n < 4 ? n / 4. : 1));
                (void)gan_trainer_step(r.t);
                for (k = 0; k < 2; ++k) {
                    gan_real *field = (gan_real *)(void *)((char *)&want + rows[i].at[k]);
                    CHECK_NEAR(*(gan_real *)(void *)((char *)inside_trainer_now(r.t) + rows[i].at[k]), value,
                               1e-6, "now");
                    *field = *(gan_real *)(void *)((char *)inside_trainer_now(r.t) + rows[i].at[k]);
                }
                CHECK(memcmp(&want, inside_trainer_now(r.t), sizeof want) == 0, "another field moved");
            }
            fine(&r);
            gan_destroy(r.ctx);
        }
    TEST ("a schedule of the learning rate reaches the optimizers; what none drives is the user's") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        r.desc.d_optimizer = r.desc.g_optimizer = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9);
        r.desc.schedule[0].what = GAN_SCHEDULED_G_LR,
        r.desc.schedule[0].schedule = gan_schedule_linear(0, 10, 0);
        r.desc.schedule[1].what = GAN_SCHEDULED_BETA2,
        r.desc.schedule[1].schedule = gan_schedule_linear(0, 2, (gan_real).99);
        go(&r);
        gan_optimizer_lr(gan_trainer_d_optimizer(r.t), (gan_real).25e-3);
        (void)gan_trainer_run(r.t, 6);
        CHECK_NEAR(gan_optimizer_get(gan_trainer_g_optimizer(r.t), GAN_HYPER_LR), .5e-3, 1e-9,
                   "G's rate at step 5 of 10");
        CHECK_NEAR(gan_optimizer_get(gan_trainer_d_optimizer(r.t), GAN_HYPER_LR), .25e-3, 1e-9,
                   "D's, set by hand");
        for (k = 0; k < 2; ++k)
            CHECK_NEAR(gan_optimizer_get(k ? gan_trainer_g_optimizer(r.t) : gan_trainer_d_optimizer(r.t),
                                         GAN_HYPER_BETA2),
                       .99, 1e-6, "beta2 of both");
        gan_destroy(r.ctx);
    }
    TEST ("two schedules of one field combine: warm-up, then cosine") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        r.desc.schedule[0].what = r.desc.schedule[1].what = GAN_SCHEDULED_LR;
        r.desc.schedule[0].schedule = gan_schedule_warm_up(4),
        r.desc.schedule[1].schedule = gan_schedule_cosine(0, 8, 0);
        go(&r);
        (void)gan_trainer_run(r.t, 3);
        CHECK_NEAR(gan_optimizer_get(gan_trainer_g_optimizer(r.t), GAN_HYPER_LR),
                   2e-4 * .5 * (.5 + .5 * cos(3.14159265 * 2 / 8)), 1e-9, "at step 2");
        gan_destroy(r.ctx);
    }
}

static void averages(void)
{
    TEST (
        "the half-life in samples: decay .5^(batch / min(half life, ramp x seen)), a copy until ema_start") {
        rig r = make(1, shift_generator, linear_critic, 2);
        double want = 0, decay;
        int k;
        r.desc.ema_half_life = 40, r.desc.ema_ramp = (gan_real).5, r.desc.ema_start = 2, r.desc.batch = 8;
        r.desc.g_optimizer = gan_sgd((gan_real).5, 0);
        go(&r);
        for (k = 0; k < 14; ++k) {
            const double seen = 8. * (k + 1), half = .5 * seen < 40 ? .5 * seen : 40;
            gan_tensor *y;
            (void)gan_trainer_step(r.t);
            decay = k < 2 ? 0 : pow(.5, 8 / half);
            want = decay * want + (1 - decay) * (double)gan_item(gan_model_find(r.g, "theta"));
            y = gan_trainer_generate(r.t, gan_zeros(r.ctx, 1, 2), NULL);
            CHECK_NEAR(gan_item(y), want, TOL, "the averaged theta");
        }
        gan_destroy(r.ctx);
    }
}

static gan_real metric_values[8] = {5, 3, 4, 1, 2, 6, (gan_real).5, 9};
static gan_real scripted(gan_trainer *t, void *user)
{
    (void)user;
    return metric_values[gan_trainer_steps(t) / 2 - 1];
}

static void safety(void)
{
    TEST (
        "the metric is asked every second step; the checkpoint of its least value is the one that is kept") {
        const char *path = test_path("train_best.safetensors");
        rig a = make(1, mlp_generator, mlp_critic, 3), b = make(1, mlp_generator, mlp_critic, 3);
        gan_trainer_stats s;
        copy best, loaded;
        int k;
        a.desc.metric = scripted, a.desc.metric_every = 2, a.desc.best_path = path;
        go(&a);
        for (k = 1; k <= 16; ++k) {
            s = gan_trainer_step(a.t);
            if (k == 14) take_copy(&best, a.g, 0);
            if (k % 2 == 0) CHECK_NEAR(s.metric, metric_values[k / 2 - 1], 0, "metric");
        }
        CHECK(s.best_step == 14 && s.best == (gan_real).5, "best %g at %d", (double)s.best, (int)s.best_step);
        go(&b);
        CHECK(gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        CHECK(gan_trainer_steps(b.t) == 14, "%d steps", (int)gan_trainer_steps(b.t));
        gan_scope_open(b.ctx);
        (void)gan_forward(b.g, gan_zeros(b.ctx, 4, 3), NULL);
        gan_scope_close(b.ctx);
        CHECK(gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        take_copy(&loaded, b.g, 0);
        CHECK_BYTES(best.v, loaded.v, best.n * sizeof *best.v, "G of step 14");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("a NaN in the data: the run goes back to the last copy, past it, and ends with finite weights") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_real data[40];
        gan_trainer_stats s;
        int i;
        memset(&s, 0, sizeof s);
        for (i = 0; i < 40; ++i) data[i] = (gan_real)sin(1.7 * i);
        data[21] = (gan_real)NAN;
        r.desc.data = gan_dataset_memory(r.ctx, data, NULL, 20, 2);
        r.desc.batch = 4, r.desc.rollback = 3;
        go(&r);
        for (i = 0; i < 60; ++i) s = gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == 0 && s.rollbacks >= 10, "%d rollbacks: %s", s.rollbacks,
              gan_error_message(r.ctx));
        CHECK(gan_trainer_steps(r.t) > 20 && gan_trainer_steps(r.t) < 60, "%d steps",
              (int)gan_trainer_steps(r.t));
        for (i = 0; i < gan_model_count(r.g); ++i)
            CHECK(isfinite((double)gan_item(gan_sum_all(gan_model_tensor(r.g, i)))), "%s",
                  gan_model_name(r.g, i));
        gan_destroy(r.ctx);
    }
    TEST ("going back restores weights, optimizers and averages bit for bit; random numbers go on") {
        rig r = make(1, logging_generator, mlp_critic, 3);
        copy before, after;
        poison_factor = 0;
        r.desc.rollback = 2, r.desc.ema = (gan_real).9;
        go(&r);
        (void)gan_trainer_run(r.t, 2);
        take_copy(&before, r.g, 0);
        (void)gan_trainer_step(r.t);
        poison_factor = -1;
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == 0 && gan_trainer_steps(r.t) == 2, "at %d: %s", (int)gan_trainer_steps(r.t),
              gan_error_message(r.ctx));
        take_copy(&after, r.g, 0);
        CHECK_BYTES(before.v, after.v, before.n * sizeof *before.v, "G");
        poison_factor = 0;
        (void)gan_trainer_run(r.t, 3);
        CHECK(gan_error(r.ctx) == 0 && gan_trainer_steps(r.t) == 5, "%s", gan_error_message(r.ctx));
        gan_destroy(r.ctx);
    }
    TEST ("with everything on, too: what was extrapolated or accumulated when the NaN came is undone") {
        rig r = make(1, logging_generator, mlp_critic, 3);
        copy before, after;
        int k;
        everything(&r.desc);
        r.desc.rollback = 1, r.desc.optimize.steps = 0;
        poison_factor = 0;
        go(&r);
        for (k = 0; k < 4; ++k) {
            (void)gan_trainer_run(r.t, 2);
            take_copy(&before, r.g, 0);
            poison_factor = -1;
            (void)gan_trainer_step(r.t);
            poison_factor = 0;
            CHECK(gan_error(r.ctx) == 0 && gan_trainer_steps(r.t) == 2 * k + 2, "at %d: %s",
                  (int)gan_trainer_steps(r.t), gan_error_message(r.ctx));
            take_copy(&after, r.g, 0);
            CHECK_BYTES(before.v, after.v, before.n * sizeof *before.v, "G");
        }
        gan_destroy(r.ctx);
    }
    TEST ("a NaN that comes again and again is an error after ten returns to the same copy") {
        rig r = make(1, logging_generator, mlp_critic, 3);
        int i;
        poison_factor = 0;
        r.desc.rollback = 5;
        go(&r);
        (void)gan_trainer_run(r.t, 2);
        poison_factor = -1;
        for (i = 0; i < 10; ++i) {
            (void)gan_trainer_step(r.t);
            CHECK(gan_error(r.ctx) == 0, "the %dth: %s", i, gan_error_message(r.ctx));
        }
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "log");
        poison_factor = 0;
        gan_destroy(r.ctx);
    }
    TEST ("ADA: p follows gan_augment_adapt on the signs of D(x), every 4 steps, and D sees augmented "
          "samples") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_trainer_stats s;
        gan_real p = 0;
        int k;
        r.desc.augment.policy = GAN_AUGMENT_NOISE, r.desc.ada_target = (gan_real).6,
        r.desc.ada_kimg = (gan_real).5;
        go(&r);
        for (k = 1; k <= 24; ++k) {
            const gan_real sum = inside_trainer_ada(r.t)[1], count = inside_trainer_ada(r.t)[2];
            s = gan_trainer_step(r.t);
            CHECK(k % 4 == 0 || (inside_trainer_ada(r.t)[2] == count + 16 &&
                                 fabs((double)(inside_trainer_ada(r.t)[1] - sum)) <= 16),
                  "counts");
            if (k % 4 == 0) {
                CHECK(fabs((double)(s.augment_p - p)) <= 4 * 16 / 500. + 1e-6, "p from %g to %g", (double)p,
                      (double)s.augment_p);
                p = s.augment_p;
            }
        }
        CHECK(gan_error(r.ctx) == 0, "%s", gan_error_message(r.ctx));
        gan_destroy(r.ctx);
    }
}

// ---- what a user gets wrong

#define IDLE(X)                                                                                              \
    X("game", "simultaneous", d.game = GAN_GAME_CONSENSUS)                                                   \
    X("game", "unknown", (d.game = (gan_game)9, d.simultaneous = 1))                                         \
    X("prior", "unknown", d.prior = (gan_prior)9)                                                            \
    X("d_steps of simultaneous updates", "share one batch", (d.simultaneous = 1, d.d_steps = 5))             \
    X("accumulation in simultaneous updates", "share one batch", (d.simultaneous = 1, d.accumulate = 2))     \
    X("a pool in simultaneous updates", "share one batch", (d.simultaneous = 1, d.pool = 5))                 \
    X("unrolling in simultaneous updates", "share one batch", (d.simultaneous = 1, d.unroll = 1))            \
    X("a plateau without a metric", "metric", d.schedule[0].schedule = gan_schedule_plateau(0, 1))           \
    X("a best path without a metric", "metric", d.best_path = "out/test/never")                              \
    X("ADA without a policy", "policy", d.ada_target = (gan_real).6)

static gan_real falls_then_rises(gan_trainer *t, void *user)
{
    (void)user;
    return (gan_real)(gan_trainer_steps(t) == 2 ? .1 : .5);
}

// Legal, and never meant: FIELD, the advice, the description.
#define UNUSED(X)                                                                                            \
    X("ema_start", "set ema", d.ema_start = 5)                                                               \
    X("ema_ramp", "set ema_half_life", (d.ema = (gan_real).9, d.ema_ramp = (gan_real).1))                    \
    X("ema of", "leave one at 0", (d.ema = (gan_real).9, d.ema_half_life = 40))                              \
    X("schedule of EMA", "set ema", scheduled(&d, GAN_SCHEDULED_EMA))                                        \
    X("lookahead_alpha", "set lookahead", d.lookahead_alpha = (gan_real).3)                                  \
    X("ada_kimg", "set ada_target", d.ada_kimg = 100)                                                        \
    X("augment.p", "set augment.policy", d.augment.p = (gan_real).5)                                         \
    X("augment.strength", "set augment.policy", d.augment.strength = 2)                                      \
    X("schedule of AUGMENT", "set augment.policy", scheduled(&d, GAN_SCHEDULED_AUGMENT))                     \
    X("schedule of AUGMENT", "leave ada_target at 0",                                                        \
      (scheduled(&d, GAN_SCHEDULED_AUGMENT), d.augment.policy = GAN_AUGMENT_NOISE,                           \
       d.ada_target = (gan_real).6))                                                                         \
    X("consistency of", "CR and BCR", d.consistency.policy = GAN_AUGMENT_NOISE)                              \
    X("consistency.p", "set consistency.policy",                                                             \
      (d.consistency.p = (gan_real).5, d.penalty[0].kind = GAN_PENALTY_CR))                                  \
    X("schedule of PENALTY", "penalty[0] and penalty[1]", scheduled(&d, GAN_SCHEDULED_PENALTY))              \
    X("metric_every", "set metric", d.metric_every = 10)                                                     \
    X("checkpoint_every", "set checkpoint", d.checkpoint_every = 10)                                         \
    X("checkpoint_keep", "set checkpoint", d.checkpoint_keep = 3)                                            \
    X("top_k", "below 1", d.top_k = 1)                                                                       \
    X("game_strength", "set game", (d.game_strength = 1, d.simultaneous = 1))                                \
    X("optimize", "set optimize.steps", d.optimize.share = (gan_real).5)                                     \
    X("label_smoothing", "no targets", (d.label_smoothing = (gan_real).1, d.loss = GAN_LOSS_WASSERSTEIN))    \
    X("fake_smoothing", "no targets", (d.fake_smoothing = (gan_real).1, d.loss = GAN_LOSS_HINGE))            \
    X("label_smoothing", "no targets",                                                                       \
      (scheduled(&d, GAN_SCHEDULED_LABEL_SMOOTHING), d.loss = GAN_LOSS_EBGAN))                               \
    X("penalty[2]", "set its kind", d.penalty[2].weight = 10)                                                \
    X("batch of 48", "3 of the data", (d.data = three(r.ctx), d.batch = 12, d.pack = 4))

static void scheduled(gan_trainer_desc *d, gan_scheduled what)
{
    d->schedule[3].what = what;
    d->schedule[3].schedule.kind = GAN_SCHEDULE_LINEAR, d->schedule[3].schedule.steps = 10;
}
static gan_dataset *three(gan_context *ctx)
{
    static const gan_real x[6] = {0, 0, 1, 1, 2, 2};
    return gan_dataset_memory(ctx, x, NULL, 3, 2);
}
// A trainer of d: one warning with these words, or none at all.
static void warned(rig *r, const gan_trainer_desc *d, const char *field, const char *advice)
{
    CHECK(gan_trainer_create(r->ctx, d) != NULL, "%s", gan_error_message(r->ctx));
    CHECK(gan_warnings(r->ctx) == 1, "%d warnings, the last: %s", gan_warnings(r->ctx),
          gan_warning_message(r->ctx));
    CHECK_TEXT(gan_warning_message(r->ctx), field);
    CHECK_TEXT(gan_warning_message(r->ctx), advice);
    fine(r);
}
// Descriptions in which every field is read.
static void healthy(gan_trainer_desc *d, int which)
{
    memset(d->penalty, 0, sizeof d->penalty);
    if (which == 1) { // each field of a warning beside the one that it needs
        d->ema = (gan_real).9, d->ema_start = 5, d->lookahead = 5, d->lookahead_alpha = (gan_real).3;
        d->ada_target = (gan_real).6, d->ada_kimg = 100, d->augment.policy = GAN_AUGMENT_NOISE;
        d->augment.p = (gan_real).5, d->augment.strength = 2;
        d->metric = falls_then_rises, d->metric_every = 10;
        d->checkpoint = test_path("warned"), d->checkpoint_every = 10, d->checkpoint_keep = 3;
        d->top_k = (gan_real).5, d->optimize.steps = 1, d->optimize.share = (gan_real).5;
        d->label_smoothing = d->fake_smoothing = (gan_real).1, d->loss = GAN_LOSS_LEAST_SQUARES_PEARSON;
        d->consistency.policy = GAN_AUGMENT_NOISE, d->consistency.p = (gan_real).5;
        d->penalty[2].kind = GAN_PENALTY_BCR, d->penalty[2].weight = 10;
        scheduled(d, GAN_SCHEDULED_EMA);
    }
    if (which == 2) {
        d->simultaneous = 1, d->game = GAN_GAME_CONSENSUS, d->game_strength = 1;
        d->ema_half_life = 40, d->ema_ramp = (gan_real).1, d->ema_start = 5;
        d->penalty[1].kind = GAN_PENALTY_L2, scheduled(d, GAN_SCHEDULED_PENALTY);
    }
    if (which == 3) // the share of top-k falls from 1
        d->top_k = 1, scheduled(d, GAN_SCHEDULED_TOP_K), d->schedule[3].schedule.end = (gan_real).5;
}

static gan_real seen_errors[64];
static size_t seen_count;
static int flat_errors;
static gan_tensor *error_critic(gan_model *d, gan_tensor *x, gan_tensor *label) // |x|^2, low is real
{
    gan_tensor *y = gan_sum(gan_square(x), GAN_AXES(1), flat_errors ? 0 : GAN_KEEPDIM);
    (void)label;
    y = gan_add(y, gan_mul_scalar(gan_reshape_n(gan_param(d, "b", gan_init_zeros(), 1), 0, NULL), 0));
    seen_count = gan_numel(y);
    (void)gan_read(y, seen_errors, seen_count);
    return y;
}
static gan_tensor *two_outputs(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc", x, 2);
}
static int by_size(const void *a, const void *b)
{
    const gan_real x = *(const gan_real *)a, y = *(const gan_real *)b;
    return (x > y) - (x < y);
}

static gan_trainer_stats numbers(int64_t step, double d, double g, double real, double fake)
{
    gan_trainer_stats s;
    memset(&s, 0, sizeof s);
    s.step = step, s.d_loss = (gan_real)d, s.g_loss = (gan_real)g;
    s.d_real = (gan_real)real, s.d_fake = (gan_real)fake;
    return s;
}
static void stats_line(const gan_trainer_stats *s, const char *want)
{
    char text[200];
    const int n = gan_trainer_stats_text(s, text, sizeof text);
    CHECK(!strcmp(text, want) && n == (int)strlen(want), "%d: %s", n, text);
}

static void progress_line(void)
{
    TEST ("the progress line has the numbers of a step") {
        gan_trainer_stats s = numbers(900, 1.386294, .693147, .5009, .04999);
        stats_line(&s, "step 900  d 1.39  g 0.693  D(x) 0.501  D(G(z)) 0.05");
        s.penalty = (gan_real).25, s.rollbacks = 2;
        stats_line(&s, "step 900  d 1.39  g 0.693  D(x) 0.501  D(G(z)) 0.05  penalty 0.25  rollbacks 2");
        s.step = 90000; // 80 columns: the last one does not fit
        stats_line(&s, "step 90000  d 1.39  g 0.693  D(x) 0.501  D(G(z)) 0.05  penalty 0.25");
        s = numbers(7, 1, 2, 3, 4);
        s.g_penalty = 5, s.d_term = (gan_real)-.25, s.g_term = 6, s.best = 7;
        stats_line(&s, "step 7  d 1  g 2  D(x) 3  D(G(z)) 4  g_penalty 5  d_term -0.25  g_term 6");
        s = numbers(1, NAN, -INFINITY, -12.345, 1e9);
        stats_line(&s, "step 1  d nan  g -inf  D(x) -12.3  D(G(z)) 1e9");
        stats_line(NULL, "");
    }
    TEST_MUST_FAIL ("another line is caught") {
        const gan_trainer_stats s = numbers(900, 1.386294, .693147, .5009, .04999);
        stats_line(&s, "step 900  d 1.39  g 0.693  D(x) 0.501  D(G(z)) 0.06");
    }
    TEST ("the progress line has at most 79 columns, all four numbers in it, whatever they are") {
        static const double huge[] = {-1.2345e-30, -1.2345e30, -123456, -.000123456, NAN, 0, -5.5555};
        int i, k, longest = 0;
        for (i = 0; i < (int)COUNT(huge); ++i)
            for (k = 0; k < 2 * (int)COUNT(huge); ++k) {
                const double other = huge[k % (int)COUNT(huge)];
                gan_trainer_stats s =
                    numbers(k < (int)COUNT(huge) ? INT64_MIN : 20000, huge[i], other, huge[i], other);
                char text[200];
                const int n = gan_trainer_stats_text(&s, text, sizeof text);
                s.penalty = s.g_penalty = s.d_term = s.g_term = s.augment_p = s.best = (gan_real)huge[i],
                s.rollbacks = INT_MAX;
                CHECK(n <= 79 && strstr(text, "D(G(z)) "), "%d columns: %s", n, text);
                longest = n > longest ? n : longest;
                CHECK(gan_trainer_stats_text(&s, text, sizeof text) <= 79, "%s", text);
            }
        CHECK(longest > 70, "the longest line has %d columns: the numbers are not huge", longest);
    }
    TEST ("the progress line is cut where there is no space, its length is not") {
        const gan_trainer_stats s = numbers(20, 1, 2, 3, 4);
        const char whole[] = "step 20  d 1  g 2  D(x) 3  D(G(z)) 4";
        char text[64];
        int size;
        for (size = 1; size < (int)sizeof text; ++size) {
            memset(text, '#', sizeof text);
            CHECK(gan_trainer_stats_text(&s, text, (size_t)size) == (int)strlen(whole), "length");
            CHECK((int)strlen(text) == (size <= (int)strlen(whole) ? size - 1 : (int)strlen(whole)) &&
                      !strncmp(text, whole, strlen(text)),
                  "size %d: %s", size, text);
        }
        CHECK(gan_trainer_stats_text(&s, NULL, 0) == (int)strlen(whole), "no space at all");
    }
}

// Two trainers, one whose description is zeros but for these, one that starts from the defaults: the same
// bits after 3 steps.
static void two_starts(int which, gan_real lr)
{
    rig a = make(1, mlp_generator, mlp_critic, 3), b = make(1, mlp_generator, mlp_critic, 3);
    gan_trainer_desc from = gan_trainer_defaults();
    a.desc.batch = a.desc.latent = 0;
    healthy(&a.desc, which);
    from.generator = b.g, from.discriminator = b.d, from.data = b.desc.data;
    healthy(&from, which);
    a.desc.checkpoint = from.checkpoint = NULL;
    if (lr > 0) from.d_optimizer.lr = lr;
    b.desc = from;
    go(&a), go(&b);
    (void)gan_trainer_run(a.t, 3), (void)gan_trainer_run(b.t, 3);
    fine(&a), fine(&b);
    same_weights(a.g, b.g), same_weights(a.d, b.d);
    gan_destroy(a.ctx), gan_destroy(b.ctx);
}

static void defaults(void)
{
    int which;
    TEST ("the defaults are those that the fields name, and give no warning") {
        const gan_trainer_desc d = gan_trainer_defaults();
        rig r = make(1, mlp_generator, mlp_critic, 3);
        CHECK(d.batch == 64 && d.latent == 100 && d.d_steps == 1 && d.accumulate == 1 && d.pack == 1, "%d %d",
              d.batch, d.latent);
        CHECK(d.metric_every == 1000 && d.checkpoint_every == 1000 && d.checkpoint_keep == 2, "%d %d %d",
              d.metric_every, d.checkpoint_every, d.checkpoint_keep);
        CHECK(d.g_optimizer.kind == GAN_OPTIMIZER_ADAM && d.d_optimizer.kind == GAN_OPTIMIZER_ADAM, "kind");
        CHECK_NEAR(d.g_optimizer.lr, 2e-4, 1e-9, "lr");
        CHECK_NEAR(d.d_optimizer.beta1, .5, 0, "beta1");
        CHECK_NEAR(d.lookahead_alpha, .5, 0, "lookahead_alpha");
        CHECK_NEAR(d.ema_ramp, .05, 1e-8, "ema_ramp");
        CHECK_NEAR(d.ada_kimg, 500, 0, "ada_kimg");
        r.desc = d, r.desc.generator = r.g, r.desc.discriminator = r.d;
        r.desc.data = gan_dataset_toy(r.ctx, GAN_TOY_RING);
        go(&r);
        CHECK(gan_warnings(r.ctx) == 0, "%s", gan_warning_message(r.ctx));
        gan_destroy(r.ctx);
    }
    for (which = 0; which < 4; ++which)
        TESTF ("zeros and the defaults train the same, bit for bit: description %d", which)
            two_starts(which, 0);
    TEST_MUST_FAIL ("another rate than the default is seen in the bits") two_starts(0, (gan_real)3e-4);
}

static void warnings(void)
{
    int which;
#define X(field, advice, set)                                                                                \
    TESTF ("a field that nothing reads is one warning: %s, %s", field, advice) {                             \
        rig r = make(1, mlp_generator, mlp_critic, 3);                                                       \
        gan_trainer_desc d = r.desc;                                                                         \
        set;                                                                                                 \
        warned(&r, &d, field, advice);                                                                       \
        gan_destroy(r.ctx);                                                                                  \
    }
    UNUSED(X)
#undef X
    for (which = 0; which < 4; ++which) {
        TESTF ("fields that are read are not warned of: description %d", which) {
            rig r = make(1, mlp_generator, mlp_critic, 3);
            healthy(&r.desc, which);
            go(&r);
            CHECK(gan_warnings(r.ctx) == 0, "%s", gan_warning_message(r.ctx));
            fine(&r);
            gan_destroy(r.ctx);
        }
        TESTF_MUST_FAIL ("the absence of a warning is caught: description %d", which) {
            rig r = make(1, mlp_generator, mlp_critic, 3);
            healthy(&r.desc, which);
            warned(&r, &r.desc, "", "");
            gan_destroy(r.ctx);
        }
    }
}

// ---- warnings of steps

static gan_tensor *sigmoid_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    return gan_sigmoid(mlp_critic(d, x, label));
}
static gan_tensor *new_critic(gan_model *d, gan_tensor *x, gan_tensor *label) // small and positive
{
    return gan_mul_scalar(sigmoid_critic(d, x, label), (gan_real).1);
}
static gan_tensor *positive_critic(gan_model *d, gan_tensor *x, gan_tensor *label) // logits above 0 and 1
{
    return gan_mul_scalar(sigmoid_critic(d, x, label), 4);
}
static gan_tensor *two_column_critic(gan_model *d, gan_tensor *x, gan_tensor *label) // a sigmoid, a class
{
    (void)label;
    return gan_concat(1, gan_sigmoid(gan_linear(d, "a", x, 1)), gan_linear(d, "b", x, 1));
}
// So many steps of a rig: the number of warnings; the last one has these words.
static int warnings_of(rig *r, int steps, const char *words)
{
    int n;
    go(r);
    (void)gan_trainer_run(r->t, steps);
    fine(r);
    n = gan_warnings(r->ctx);
    if (n && words) CHECK_TEXT(gan_warning_message(r->ctx), words);
    gan_destroy(r->ctx);
    return n;
}

static void confined(void)
{
    static const struct {
        const char *what;
        gan_model_function *d;
        gan_loss loss;
        int d_logits, at_once, warns;
    } known[] = {
        {"a sigmoid before logits", sigmoid_critic, GAN_LOSS_NON_SATURATING, 0, 0, 1},
        {"a sigmoid before logits, both players at once", sigmoid_critic, GAN_LOSS_MINIMAX, 0, 1, 1},
        {"a sigmoid in the column of the logits", two_column_critic, GAN_LOSS_NON_SATURATING, 1, 0, 1},
        {"logits of either sign", mlp_critic, GAN_LOSS_NON_SATURATING, 0, 0, 0},
        {"logits above 0 only", positive_critic, GAN_LOSS_NON_SATURATING, 0, 0, 0},
        {"a D whose outputs are small and positive", new_critic, GAN_LOSS_NON_SATURATING, 0, 0, 0},
        {"a sigmoid before least squares", sigmoid_critic, GAN_LOSS_LEAST_SQUARES, 0, 0, 0},
    };
    size_t i;
    for (i = 0; i < COUNT(known); ++i)
        TESTF ("%s: %s", known[i].what, known[i].warns ? "one warning" : "no warning") {
            rig r = make(1, mlp_generator, known[i].d, 3);
            int n;
            r.desc.loss = known[i].loss, r.desc.d_logits = known[i].d_logits;
            r.desc.simultaneous = known[i].at_once;
            n = warnings_of(&r, 450, "remove the sigmoid");
            CHECK(n == known[i].warns, "%d warnings", n);
        }
    TEST ("the warning of a sigmoid comes at batch 200") {
        rig r = make(1, mlp_generator, sigmoid_critic, 3), s = make(1, mlp_generator, sigmoid_critic, 3);
        CHECK(warnings_of(&r, 199, NULL) == 0, "before");
        CHECK(warnings_of(&s, 200, NULL) == 1, "after");
    }
    TEST_MUST_FAIL ("logits of either sign do not pass for a sigmoid's") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        CHECK(warnings_of(&r, 450, NULL) == 1, "no warning");
    }
}

static gan_tensor *plain_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "out", gan_leaky_relu(gan_linear(d, "in", x, 16), (gan_real).2), 1);
}
static gan_tensor *batch_norm_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "out", gan_relu(gan_batch_norm(d, "bn", gan_linear(d, "in", x, 16))), 1);
}
static gan_tensor *layer_norm_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "out", gan_relu(gan_layer_norm(d, "ln", gan_linear(d, "in", x, 16))), 1);
}
static gan_tensor *spectral_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_model_parametrize(d, "", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    return plain_critic(d, x, label);
}
static gan_tensor *own_term(const gan_penalty_in *in, void *user)
{
    (void)user;
    return gan_mean_all(gan_square(in->real_out));
}

static void unbounded(void)
{
    static const struct {
        gan_model_function *d;
        const char *d_name;
        gan_loss loss;
        gan_penalty_kind penalty;
        const char *words; // NULL: no warning
    } known[] = {
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_NONE, "nothing bounds the critic d"},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_DRIFT, "WGAN_GP"},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_L2, "WEIGHT_CLIP"},
        {batch_norm_critic, "batch norm", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WGAN_GP, "bn.running_mean of d"},
        {batch_norm_critic, "batch norm", GAN_LOSS_NON_SATURATING, GAN_PENALTY_R1, "the penalty r1"},
        {batch_norm_critic, "batch norm", GAN_LOSS_HINGE, GAN_PENALTY_DRAGAN, "use layer norm"},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WGAN_GP, NULL},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WGAN_LP, NULL},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_R1, NULL},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WEIGHT_CLIP, NULL},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WGAN_DIV, NULL},
        {plain_critic, "plain", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_FISHER, NULL},
        {spectral_critic, "spectral norm", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_NONE, NULL},
        {plain_critic, "plain", GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, NULL},
        {plain_critic, "plain", GAN_LOSS_HINGE, GAN_PENALTY_NONE, NULL},
        {batch_norm_critic, "batch norm", GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, NULL},
        {batch_norm_critic, "batch norm", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WEIGHT_CLIP, NULL},
        {layer_norm_critic, "layer norm", GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WGAN_GP, NULL},
    };
    size_t i;
    for (i = 0; i < COUNT(known); ++i)
        TESTF ("%s, a %s D, penalty %s: %s", gan_loss_name(known[i].loss), known[i].d_name,
               gan_penalty_name(known[i].penalty), known[i].words ? "one warning" : "no warning") {
            rig r = make(1, mlp_generator, known[i].d, 3);
            int n;
            r.desc.loss = known[i].loss, r.desc.penalty[1].kind = known[i].penalty;
            n = warnings_of(&r, 3, known[i].words);
            CHECK(n == (known[i].words != NULL), "%d warnings", n);
        }
    TEST ("a term of the user's own may be the constraint: no warning") {
        rig r = make(1, mlp_generator, plain_critic, 3);
        r.desc.loss = GAN_LOSS_WASSERSTEIN, r.desc.d_term = own_term;
        CHECK(warnings_of(&r, 3, NULL) == 0, "warned");
    }
    TEST_MUST_FAIL ("a critic with a penalty does not pass for one that nothing bounds") {
        rig r = make(1, mlp_generator, plain_critic, 3);
        r.desc.loss = GAN_LOSS_WASSERSTEIN, r.desc.penalty[0].kind = GAN_PENALTY_WGAN_GP;
        CHECK(warnings_of(&r, 3, NULL) == 1, "no warning");
    }
}

static gan_tensor *class_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    return gan_linear(g, "out", gan_concat(1, z, gan_embedding(g, "class", label, 4, 3)), 2);
}
static gan_tensor *column_critic(gan_model *d, gan_tensor *x, gan_tensor *label) // the label as a number
{
    return gan_linear(d, "out", gan_concat(1, x, label), 1);
}
static gan_tensor *null_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear(g, "out", gan_concat(1, z, NULL), 2);
}

static void unlabeled(void)
{
    static const char hint[] = "the data have no labels";
    static const gan_real x[8] = {0, 1, 2, 3, 4, 5, 6, 7}, y[4] = {0, 1, 2, 3};
    int labels;
    for (labels = 0; labels < 2; ++labels)
        TESTF ("a conditional G or D by data %s labels: %s", labels ? "with" : "without",
               labels ? "trains" : "an error says why") {
            rig g = make(1, class_generator, plain_critic, 3), d = make(1, mlp_generator, column_critic, 3);
            rig *const both[] = {&g, &d};
            int i;
            for (i = 0; i < 2; ++i) {
                rig *r = both[i];
                r->desc.batch = 4;
                r->desc.data = gan_dataset_memory(r->ctx, x, labels ? y : NULL, 4, 2);
                if (i == 1 && labels)
                    r->desc.discriminator = gan_model_create(r->ctx, "e", plain_critic, NULL);
                go(r);
                (void)gan_trainer_run(r->t, 3);
                CHECK((gan_error(r->ctx) == GAN_ERROR_ARGUMENT) == !labels, "%s", gan_error_message(r->ctx));
                if (!labels) CHECK_TEXT(gan_error_message(r->ctx), hint);
                gan_destroy(r->ctx);
            }
        }
    TEST ("an input that is NULL for another reason is not said to be a label: with labels, and outside "
          "steps") {
        rig r = make(1, null_generator, plain_critic, 3), s = make(1, null_generator, plain_critic, 3);
        r.desc.batch = 4;
        r.desc.data = gan_dataset_memory(r.ctx, x, y, 4, 2);
        go(&r);
        (void)gan_trainer_run(r.t, 3);
        CHECK(gan_error(r.ctx) && !strstr(gan_error_message(r.ctx), hint), "%s", gan_error_message(r.ctx));
        go(&s);
        (void)gan_trainer_run(s.t, 1);
        gan_error_clear(s.ctx);
        (void)gan_concat(1, gan_zeros(s.ctx, 2, 2), NULL);
        CHECK(gan_error(s.ctx) && !strstr(gan_error_message(s.ctx), hint), "%s", gan_error_message(s.ctx));
        gan_destroy(r.ctx), gan_destroy(s.ctx);
    }
    TEST_MUST_FAIL ("an error without its reason is caught") {
        rig r = make(1, null_generator, plain_critic, 3);
        r.desc.batch = 4;
        r.desc.data = gan_dataset_memory(r.ctx, x, y, 4, 2);
        go(&r);
        (void)gan_trainer_run(r.t, 1);
        CHECK_TEXT(gan_error_message(r.ctx), hint);
        gan_destroy(r.ctx);
    }
}

static void mistakes(void)
{
#define X(what, word, set)                                                                                   \
    TESTF ("what would never happen is refused: %s", what) {                                                 \
        rig r = make(1, mlp_generator, mlp_critic, 3);                                                       \
        gan_trainer_desc d = r.desc;                                                                         \
        set;                                                                                                 \
        CHECK(!gan_trainer_create(r.ctx, &d) && gan_error(r.ctx) == GAN_ERROR_ARGUMENT, "code %d",           \
              gan_error(r.ctx));                                                                             \
        CHECK_TEXT(gan_error_message(r.ctx), word);                                                          \
        gan_error_clear(r.ctx);                                                                              \
        go(&r);                                                                                              \
        (void)gan_trainer_run(r.t, 2);                                                                       \
        fine(&r);                                                                                            \
        gan_destroy(r.ctx);                                                                                  \
    }
    IDLE(X)
#undef X
    TEST ("a generator's second trainer is refused by its name, and the first goes on") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        go(&r);
        (void)gan_trainer_run(r.t, 2);
        CHECK(!gan_trainer_create(r.ctx, &r.desc) && gan_error(r.ctx) == GAN_ERROR_STATE, "code %d",
              gan_error(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "g has a trainer already");
        gan_error_clear(r.ctx);
        (void)gan_trainer_run(r.t, 2);
        CHECK(gan_trainer_steps(r.t) == 4, "%d steps", (int)gan_trainer_steps(r.t));
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("a lazy penalty takes a negative beta1 to its power with its sign") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        r.desc.d_optimizer = gan_adam((gan_real)1e-3, (gan_real)-.5, (gan_real).9);
        r.desc.penalty[0].kind = GAN_PENALTY_R1, r.desc.penalty[0].every = 4;
        go(&r);
        CHECK_NEAR(gan_optimizer_get(gan_trainer_d_optimizer(r.t), GAN_HYPER_BETA1), -pow(.5, .8), 1e-6,
                   "beta1");
        gan_destroy(r.ctx);
    }
    TEST ("ADA begins at the description's probability") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        r.desc.augment.policy = GAN_AUGMENT_NOISE, r.desc.augment.p = (gan_real).25;
        r.desc.ada_target = (gan_real).6;
        go(&r);
        CHECK_NEAR(gan_trainer_step(r.t).augment_p, .25, 1e-6, "p of the first step");
        fine(&r);
        gan_destroy(r.ctx);
    }
    for (flat_errors = 0; flat_errors < 2; ++flat_errors)
        TESTF ("top-k of a critic of errors, %s, takes the least: they are its favorites",
               flat_errors ? "(N)" : "(N, 1)") {
            rig r = make(1, shift_generator, error_critic, 2);
            gan_trainer_stats s;
            double mean = 0;
            int i;
            r.desc.loss = GAN_LOSS_EBGAN, r.desc.top_k = (gan_real).25;
            go(&r);
            s = gan_trainer_step(r.t);
            qsort(seen_errors, seen_count, sizeof *seen_errors, by_size);
            for (i = 0; i < 4; ++i) mean += (double)seen_errors[i] / 4;
            CHECK(seen_count == 16, "%d outputs", (int)seen_count);
            CHECK_NEAR(s.g_loss, mean, TOL, "G's loss is the mean of the 4 least of 16");
            fine(&r);
            gan_destroy(r.ctx);
        }
    TEST ("top-k of several outputs a sample is refused with their shape") {
        rig r = make(1, shift_generator, two_outputs, 2);
        r.desc.top_k = (gan_real).25;
        go(&r);
        (void)gan_trainer_step(r.t);
        CHECK(gan_error(r.ctx) == GAN_ERROR_SHAPE, "code %d", gan_error(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "top_k");
        CHECK_TEXT(gan_error_message(r.ctx), "(16, 2)");
        gan_destroy(r.ctx);
    }
    TEST ("the least metric outlives a roll-back: its checkpoint is not written over by a worse one") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_trainer_stats s;
        r.desc.metric = falls_then_rises, r.desc.metric_every = 1, r.desc.rollback = 1000;
        go(&r);
        (void)gan_trainer_run(r.t, 2); // copied at 1
        gan_data(gan_model_find(r.d, "in.weight"))[0] = (gan_real)NAN;
        s = gan_trainer_step(r.t);
        CHECK(s.rollbacks == 1 && gan_trainer_steps(r.t) == 1, "%d roll-backs, step %d", s.rollbacks,
              (int)gan_trainer_steps(r.t));
        *inside_trainer_steps(r.t) = 5; // the metric is .5 there
        s = gan_trainer_step(r.t);
        CHECK_NEAR(s.best, .1, 1e-6, "the best");
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("a best step that no run can have, from a damaged file, is none") {
        static const double damaged[] = {-1, 1e26, -1e26, NAN, INFINITY};
        size_t i;
        rig r = make(1, mlp_generator, mlp_critic, 3);
        r.desc.metric = falls_then_rises, r.desc.metric_every = 100;
        go(&r);
        for (i = 0; i < sizeof damaged / sizeof damaged[0]; ++i) {
            inside_trainer_best(r.t)[1] = (gan_real)damaged[i];
            CHECK(gan_trainer_step(r.t).best_step == 0, "%g", damaged[i]);
        }
        fine(&r);
        gan_destroy(r.ctx);
    }
}

static gan_tensor *resting(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(gan_mul_scalar(z, 0), gan_param(g, "theta", gan_init_zeros(), 2));
}
static gan_tensor *blind(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_sum(gan_mul(x, gan_param(d, "w", gan_init_zeros(), 2)), GAN_AXES(1), GAN_KEEPDIM);
}
// G is 0, the data are 0, D is 0: nothing moves, and an average that began at 1 falls by .9 a step.
static void idle_average(void)
{
    const int steps = sizeof(gan_real) == 4 ? 1024 : 7424; // a multiple of 64
    TEST ("the average of weights that are 0 becomes 0, not subnormal") {
        const gan_real x[2] = {0, 0};
        gan_context *ctx = gan_create(NULL);
        gan_trainer_desc desc;
        gan_trainer *t;
        inside_state s;
        gan_real *average = NULL, last = 1;
        int i, subnormal = 0;
        memset(&desc, 0, sizeof desc);
        desc.generator = gan_model_create(ctx, "g", resting, NULL);
        desc.discriminator = gan_model_create(ctx, "d", blind, NULL);
        desc.data = gan_dataset_memory(ctx, x, NULL, 1, 2);
        desc.batch = 2, desc.latent = 2, desc.loss = GAN_LOSS_WASSERSTEIN, desc.ema = (gan_real).9;
        t = gan_trainer_create(ctx, &desc);
        (void)gan_trainer_step(t);
        for (i = 0; inside_state_at(ctx, i, &s); ++i)
            if (!strcmp(s.name, "ema.g.theta")) average = (gan_real *)s.data;
        CHECK(average && !gan_error(ctx), "no average: %s", gan_error_message(ctx));
        if (average) average[0] = 1, average[1] = -1;
        for (i = 0; i < steps && average; ++i) {
            (void)gan_trainer_step(t);
            if (average[0] > 0) last = average[0];
            subnormal +=
                average[0] > 0 && (double)average[0] < (sizeof last == 4 ? (double)FLT_MIN : DBL_MIN);
        }
        CHECK(average && average[0] == 0 && average[1] == 0, "%g after %d steps", (double)last, steps);
        CHECK(subnormal > 0 && subnormal < 64, "%d steps with a subnormal one", subnormal);
        gan_destroy(ctx);
    }
}

int main(void)
{
    idle_average();
    algorithm_one();
    statistics();
    averaging();
    resuming();
    nonfinite();
    determinism();
    labels();
    schedules();
    averages();
    safety();
    warnings();
    confined();
    unbounded();
    unlabeled();
    defaults();
    progress_line();
    mistakes();
    combinations();
    return test_done();
}
