// The health of a run: every problem is provoked and named, healthy runs raise no alarm, a resumed run says
// the same.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

enum { SEEDS = 10, LOOK = 256 };

static gan_trainer_stats stats_of(int64_t step, double d_loss, double d_real, double d_fake, double gradient)
{
    gan_trainer_stats s;
    memset(&s, 0, sizeof s);
    s.step = step;
    s.d_loss = (gan_real)d_loss;
    s.g_loss = (gan_real).7;
    s.d_real = (gan_real)d_real;
    s.d_fake = (gan_real)d_fake;
    s.d_grad_norm = s.g_grad_norm = (gan_real)gradient;
    return s;
}

typedef struct bench {
    gan_context *ctx;
    gan_health *h;
} bench;

static bench loop(gan_loss kind, const gan_health_desc *desc)
{
    bench b;
    gan_loss_desc loss;
    memset(&loss, 0, sizeof loss);
    loss.kind = kind;
    b.ctx = gan_create(NULL);
    b.h = gan_health_create_loop(b.ctx, "run", &loss, 64, desc);
    CHECK(b.h != NULL, "no health: %s", gan_error_message(b.ctx));
    return b;
}

static void is(const gan_health *h, gan_diagnosis_kind kind)
{
    char text[600];
    const gan_diagnosis d = gan_health_diagnose(h);
    gan_health_text(h, text, sizeof text);
    CHECK(d.kind == kind, "wanted %s: %s", gan_diagnosis_name(kind), text);
}

// n steps alike
static void feed(gan_health *h, int n, double d_loss, double d_real, double d_fake, double gradient)
{
    int i;
    for (i = 0; i < n; ++i) {
        const gan_trainer_stats s =
            stats_of(gan_health_diagnose(h).step + 1, d_loss, d_real, d_fake, gradient);
        gan_health_step(h, &s);
    }
}

// ---- the advantage

static void leads(void)
{
    static const struct {
        gan_loss kind;
        gan_pairing pairing;
        double tie, range; // range 0: the loss has no least
    } known[] = {
        {GAN_LOSS_NON_SATURATING, GAN_PLAIN, 1.3862944, 1.3862944},
        {GAN_LOSS_MINIMAX, GAN_PLAIN, 1.3862944, 1.3862944},
        {GAN_LOSS_NON_SATURATING, GAN_RELATIVISTIC, .6931472, .6931472},
        {GAN_LOSS_NON_SATURATING, GAN_RELATIVISTIC_AVERAGE, 1.3862944, 1.3862944},
        {GAN_LOSS_LEAST_SQUARES, GAN_PLAIN, .25, .25},
        {GAN_LOSS_LEAST_SQUARES_PEARSON, GAN_PLAIN, 1, 1},
        {GAN_LOSS_HINGE, GAN_PLAIN, 2, 2},
        {GAN_LOSS_WASSERSTEIN, GAN_PLAIN, 0, 0},
        {GAN_LOSS_WASSERSTEIN, GAN_RELATIVISTIC_AVERAGE, 0, 0},
        {GAN_LOSS_F_TOTAL_VARIATION, GAN_PLAIN, 0, 1},
        {GAN_LOSS_F_JENSEN_SHANNON, GAN_PLAIN, 0, 1.3862944},
        {GAN_LOSS_F_SQUARED_HELLINGER, GAN_PLAIN, 0, 2},
        {GAN_LOSS_F_KL, GAN_PLAIN, 0, 0},
        {GAN_LOSS_F_PEARSON, GAN_PLAIN, 0, 0},
        {GAN_LOSS_EBGAN, GAN_PLAIN, 10, 10},
        {GAN_LOSS_DUAL_CONTRASTIVE, GAN_PLAIN, 2 * 4.1743873, 2 * 4.1743873}, // log(1 + 64)
        {GAN_LOSS_MMD_RBF, GAN_PLAIN, 0, 0},
    };
    size_t i;
    for (i = 0; i < COUNT(known); ++i) {
        gan_loss_desc loss;
        gan_context *ctx = gan_create(NULL);
        gan_health *h;
        memset(&loss, 0, sizeof loss);
        loss.kind = known[i].kind;
        loss.pairing = known[i].pairing;
        h = gan_health_create_loop(ctx, "run", &loss, 64, NULL);
        TESTF ("D's advantage by %s, pairing %d, from guessing to knowing", gan_loss_name(loss.kind),
               (int)loss.pairing) {
            CHECK(h != NULL, "%s", gan_error_message(ctx));
            if (!h) break;
            CHECK_NEAR(h->tie, known[i].tie, 1e-4, "the loss of guessing");
            CHECK_NEAR(h->range, known[i].range, 2e-3 * (1 + known[i].range), "how much less it can be");
        }
        gan_destroy(ctx);
    }
    TEST ("with labels smoothed by .1 the least loss is the entropy of .9, and guessing is right by .45") {
        gan_loss_desc loss;
        gan_context *ctx = gan_create(NULL);
        gan_health *h;
        memset(&loss, 0, sizeof loss);
        loss.smoothing = (gan_real).1;
        h = gan_health_create_loop(ctx, "run", &loss, 8, NULL);
        CHECK_NEAR(h->tie, -.9 * log(.45) - 1.1 * log(.55), 5e-3, "guessing");
        CHECK_NEAR(h->tie - h->range, -.9 * log(.9) - .1 * log(.1), 5e-3, "knowing");
        gan_destroy(ctx);
    }
    TEST ("half of log 4 is half an advantage; with no least loss the advantage has its units") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL), w = loop(GAN_LOSS_WASSERSTEIN, NULL);
        gan_diagnosis d;
        feed(b.h, 50, log(2.), .75, .25, 1);
        feed(w.h, 50, -3, 2, -1, 1);
        d = gan_health_diagnose(b.h);
        CHECK_NEAR(d.value[GAN_INDICATOR_ADVANTAGE], .5, 1e-5, "advantage");
        CHECK(!(d.known >> GAN_INDICATOR_MARGIN & 1), "a margin is known too");
        d = gan_health_diagnose(w.h);
        CHECK_NEAR(d.value[GAN_INDICATOR_MARGIN], 3, 1e-5, "margin");
        CHECK(!(d.known >> GAN_INDICATOR_ADVANTAGE & 1), "an advantage is known too");
        gan_destroy(b.ctx);
        gan_destroy(w.ctx);
    }
    TEST_MUST_FAIL ("an advantage counted from 0 instead of log 4") {
        CHECK_NEAR(0 - log(2.), .5, 1e-3, "advantage");
    }
}

// ---- series made by hand

static void persistence(void)
{
    TEST ("nothing but overflow is said in the first 300 steps") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 299, .01, .99, .01, 1);
        is(b.h, GAN_DIAGNOSIS_WARMING_UP);
        feed(b.h, 1, .01, .99, .01, 1);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        gan_destroy(b.ctx);
    }
    TEST ("a sign counts after 200 steps, with the step at which it began, and not before") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_diagnosis d;
        feed(b.h, 1000, 1.0, .6, .4, 1);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        feed(b.h, 200, .01, .99, .01, 1);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        feed(b.h, 200, .01, .99, .01, 1);
        is(b.h, GAN_DIAGNOSIS_DISCRIMINATOR_WON);
        d = gan_health_diagnose(b.h);
        CHECK(d.since > 1000 && d.since < 1200 && d.step == 1400, "since %ld", (long)d.since);
        CHECK(d.is_problem, "no problem");
        feed(b.h, 250, 1.0, .6, .4, 1);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        gan_destroy(b.ctx);
    }
    TEST ("one wild step in twenty raises no alarm") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        int i;
        for (i = 0; i < 100; ++i) {
            const int before = test_int(0, 19);
            feed(b.h, before, 1.2, .55, .45, 1);
            feed(b.h, 1, i % 2 ? 1e-3 : 5, i % 2 ? .99 : .1, i % 2 ? .01 : .9, 50);
            feed(b.h, 19 - before, 1.2, .55, .45, 1);
            if (i > 16) CHECK(!gan_health_diagnose(b.h).is_problem, "a problem after %d steps", 20 * (i + 1));
        }
        gan_destroy(b.ctx);
    }
    TEST ("the same step again, or an older one, is not counted") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_trainer_stats s = stats_of(5, 1, .5, .5, 1);
        int i;
        for (i = 0; i < 1000; ++i) gan_health_step(b.h, &s);
        s.step = 3;
        gan_health_step(b.h, &s);
        CHECK(b.h->c.seen == 1, "%ld steps", (long)b.h->c.seen);
        gan_destroy(b.ctx);
    }
}

static void by_hand(void)
{
    TEST ("D(x) = D(G(z)) = 1/2 and log 4 is balance") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 600, log(4.), .5, .5, .1);
        is(b.h, GAN_DIAGNOSIS_BALANCED);
        CHECK(!gan_health_diagnose(b.h).is_problem, "balance is a problem");
        gan_destroy(b.ctx);
    }
    TEST ("a critic's margin that falls to a hundredth of its greatest is balance") {
        bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
        int i;
        for (i = 0; i < 4000; ++i) feed(b.h, 1, -exp(-i / 400.), exp(-i / 400.), 0, 1);
        is(b.h, GAN_DIAGNOSIS_BALANCED);
        gan_destroy(b.ctx);
    }
    TEST ("a D that has won by minimax, and one of a critic's kind that leaves G without gradient") {
        bench b = loop(GAN_LOSS_MINIMAX, NULL), w = loop(GAN_LOSS_WASSERSTEIN, NULL);
        feed(b.h, 600, .02, .99, .01, 1e-4);
        is(b.h, GAN_DIAGNOSIS_DISCRIMINATOR_WON);
        feed(w.h, 500, -1, 1, 0, 1);
        is(w.h, GAN_DIAGNOSIS_HEALTHY);
        feed(w.h, 600, -1, 1, 0, 1e-5);
        is(w.h, GAN_DIAGNOSIS_DISCRIMINATOR_WON);
        gan_destroy(b.ctx);
        gan_destroy(w.ctx);
    }
    TEST ("a G that has won") {
        bench b = loop(GAN_LOSS_HINGE, NULL);
        feed(b.h, 600, 3.5, -.5, 2, 1);
        is(b.h, GAN_DIAGNOSIS_GENERATOR_WON);
        gan_destroy(b.ctx);
    }
    TEST ("a critic whose gradient doubles every 100 steps diverges") {
        bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
        int i;
        for (i = 0; i < 1500; ++i) feed(b.h, 1, -pow(2, i / 100.), pow(2, i / 100.), 0, pow(2, i / 100.));
        is(b.h, GAN_DIAGNOSIS_DIVERGENCE);
        gan_destroy(b.ctx);
    }
    TEST (
        "so does one that tells millions apart, though its gradient is small; thousands are its own units") {
        int k;
        for (k = 0; k < 2; ++k) {
            bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
            const double tells = k ? 1e4 : 1e8, early = k ? 1e4 : 1;
            feed(b.h, 600, -early, early, 0, 1);
            feed(b.h, 1500, -tells, tells, 0, 1);
            CHECK((gan_health_diagnose(b.h).kind == GAN_DIAGNOSIS_DIVERGENCE) == !k, "%s",
                  gan_diagnosis_name(gan_health_diagnose(b.h).kind));
            gan_destroy(b.ctx);
        }
    }
    TEST ("a drifting D(x) without a limit is not divergence, if nothing else grows") {
        bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
        int i;
        for (i = 0; i < 3000; ++i) feed(b.h, 1, -1, i + 1, i, 1);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        gan_destroy(b.ctx);
    }
    TEST ("NaN is divergence at once, even in the first step, and ends the run") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_trainer_stats s = stats_of(1, 1, .5, .5, 1);
        s.d_loss = (gan_real)sqrt(-1.);
        gan_health_step(b.h, &s);
        is(b.h, GAN_DIAGNOSIS_DIVERGENCE);
        CHECK(gan_health_should_stop(b.h) == 2, "goes on");
        gan_destroy(b.ctx);
    }
    TEST ("three roll-backs in a thousand steps are divergence, two are not, nor three in three thousand") {
        static const int at[3][3] = {{400, 500, 600}, {400, 500, 100000}, {900, 1900, 2900}};
        int i, k;
        for (i = 0; i < 3; ++i) {
            bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
            gan_trainer_stats s;
            int alarms = 0;
            for (k = 1; k < 3000; ++k) {
                s = stats_of(k, 1.2, .55, .45, 1);
                s.rollbacks = (k >= at[i][0]) + (k >= at[i][1]) + (k >= at[i][2]);
                gan_health_step(b.h, &s);
                alarms += gan_health_diagnose(b.h).kind == GAN_DIAGNOSIS_DIVERGENCE;
            }
            CHECK((alarms > 0) == (i == 0), "row %d: %d steps of divergence", i, alarms);
            gan_destroy(b.ctx);
        }
    }
    TEST ("BEGAN and MAGAN have no advantage: no winner is named") {
        bench b = loop(GAN_LOSS_BEGAN, NULL), m = loop(GAN_LOSS_MAGAN, NULL);
        feed(b.h, 1000, .3, .3, .1, 1);
        feed(m.h, 1000, 3, .3, .1, 1);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        is(m.h, GAN_DIAGNOSIS_HEALTHY);
        gan_destroy(b.ctx);
        gan_destroy(m.ctx);
    }
}

// ---- swings

typedef double series(int i, double period);

static double brown, red;
static double sine(int i, double period) { return .1 * sin(6.283185307 * i / period); }
static double square(int i, double period) { return fmod(i, period) < period / 2 ? .1 : -.1; }
static double noisy_sine(int i, double period) { return sine(i, period) + .05 * test_normal(); }
static double small_sine(int i, double period) { return sine(i, period) / 4; }
static double damped_sine(int i, double period) { return sine(i, period) * 3 * exp(-i / (5 * period)); }
static double white(int i, double period) { return .1 * test_normal() + 0 * i * period; }
static double walk(int i, double period)
{
    if (!i) brown = 0;
    (void)period;
    return brown += .01 * test_normal();
}
static double wandering(int i, double period) // returns to 0 within about a period
{
    if (!i) red = 0;
    red += -red / period + .2 / sqrt(period) * test_normal();
    return red;
}

// How many of n runs of so many steps were called oscillating at any step; in *share, of the steps after the
// first.
static int swinging(series *x, double period, int n, int steps)
{
    int i, k, alarms = 0;
    for (k = 0; k < n; ++k) {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        int alarm = 0;
        for (i = 0; i < steps; ++i) {
            const double v = x(i, period);
            const gan_trainer_stats s = stats_of(i + 1, log(4.) * (1 - .3 - v), .6 + v / 2, .4 - v / 2, 1);
            gan_health_step(b.h, &s);
            alarm |= *b.h->on[GAN_DIAGNOSIS_OSCILLATION] != 0;
        }
        alarms += alarm;
        gan_destroy(b.ctx);
    }
    return alarms;
}

static void swings(void)
{
    static const double periods[] = {8, 13, 20, 33, 50, 90, 150, 333, 700, 1500};
    size_t i;
    for (i = 0; i < COUNT(periods); ++i) {
        const double p = periods[i];
        const int steps = 1000 + (int)(20 * p);
        TESTF ("a swing every %g steps is seen, in noise too", p) {
            CHECK(swinging(sine, p, 1, steps) == 1, "not a sine");
            CHECK(swinging(square, p, 1, steps) == 1, "not a square wave");
            CHECK(swinging(noisy_sine, p, 1, steps) == 1, "not in noise");
        }
        TESTF ("a swing every %g steps that is small, or dies away, is none", p) {
            CHECK(swinging(small_sine, p, 1, steps) == 0, "a small one");
            CHECK(swinging(damped_sine, p, 1, steps) == 0, "a damped one");
        }
    }
    TEST ("its size and period are told") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_diagnosis d;
        int k;
        for (k = 0; k < 3000; ++k) {
            const gan_trainer_stats s = stats_of(k + 1, .9, .6, .4 + .2 * sin(6.283185307 * k / 90), 1);
            gan_health_step(b.h, &s);
        }
        is(b.h, GAN_DIAGNOSIS_OSCILLATION);
        d = gan_health_diagnose(b.h);
        CHECK_NEAR(d.value[GAN_INDICATOR_PERIOD], 90, 6, "steps");
        CHECK_NEAR(d.value[GAN_INDICATOR_SWING], .4, .03, "from top to bottom");
        gan_destroy(b.ctx);
    }
    TEST ("noise has no rhythm: white, a walk, and what wanders for 10, 100, 1000 steps") {
        enum { RUNS = 60, STEPS = 5000 };
        const int w = swinging(white, 0, RUNS, STEPS), b = swinging(walk, 0, RUNS, STEPS);
        const int r10 = swinging(wandering, 10, RUNS, STEPS), r100 = swinging(wandering, 100, RUNS, STEPS);
        const int r1000 = swinging(wandering, 1000, RUNS, STEPS);
        printf("noise called oscillation: white %d, walk %d, wandering %d %d %d of %d runs each\n", w, b, r10,
               r100, r1000, (int)RUNS);
        CHECK(w + b + r10 + r100 + r1000 == 0, "%d alarms", w + b + r10 + r100 + r1000);
    }
    TEST_MUST_FAIL ("white noise does not pass for a swing") {
        CHECK(swinging(white, 0, 1, 3000) == 1, "it has no rhythm");
    }
}

// ---- samples

static gan_tensor *cloud(gan_context *ctx, int n, int dim, double spread, double shift)
{
    gan_tensor *x = gan_zeros(ctx, n, dim);
    size_t i;
    for (i = 0; i < gan_numel(x); ++i) gan_data(x)[i] = (gan_real)(spread * test_normal() + shift);
    return x;
}

// Points about the first `modes` of `all` on a ring.
static gan_tensor *ring(gan_context *ctx, int n, int modes, int all, double sigma)
{
    gan_tensor *x = cloud(ctx, n, 2, sigma, 0);
    int i;
    for (i = 0; i < n; ++i) {
        gan_data(x)[2 * i] += (gan_real)cos(6.283185307 * (i % modes) / all);
        gan_data(x)[2 * i + 1] += (gan_real)sin(6.283185307 * (i % modes) / all);
    }
    return x;
}

static void two_looks(bench *b, gan_tensor *samples, gan_tensor *real)
{
    gan_health_compare(b->h, samples, real);
    gan_health_compare(b->h, samples, real);
}

static void looks(void)
{
    static const int modes[] = {1, 2, 4, 6, 7, 8};
    size_t i;
    for (i = 0; i < COUNT(modes); ++i)
        TESTF ("%d of 8 modes on a ring are counted without being told where they are", modes[i]) {
            bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
            gan_diagnosis d;
            feed(b.h, 600, 1.2, .55, .45, 1);
            two_looks(&b, ring(b.ctx, 256, modes[i], 8, .01), ring(b.ctx, 256, 8, 8, .01));
            is(b.h, modes[i] < 7 ? GAN_DIAGNOSIS_COLLAPSE : GAN_DIAGNOSIS_HEALTHY);
            d = gan_health_diagnose(b.h);
            CHECK(d.known >> GAN_INDICATOR_MODES & 1, "no modes were found");
            CHECK_NEAR(d.value[GAN_INDICATOR_MODES], modes[i] / 8., 1e-6, "share of modes");
            gan_destroy(b.ctx);
        }
    TEST ("samples too wide for their modes cover all the same; the centers may be given") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL), c;
        gan_health_desc desc;
        gan_context *keeper = gan_create(NULL);
        gan_diagnosis d;
        memset(&desc, 0, sizeof desc);
        feed(b.h, 600, 1.2, .55, .45, 1);
        two_looks(&b, ring(b.ctx, 256, 8, 8, .1), ring(b.ctx, 256, 8, 8, .01));
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        desc.centers = ring(keeper, 4, 4, 4, 0);
        c = loop(GAN_LOSS_NON_SATURATING, &desc);
        feed(c.h, 600, 1.2, .55, .45, 1);
        two_looks(&c, ring(c.ctx, 256, 2, 4, .5), ring(c.ctx, 256, 4, 4, .5));
        d = gan_health_diagnose(c.h);
        CHECK(d.known >> GAN_INDICATOR_MODES & 1 && c.h->c.modes == 4, "%d modes", (int)c.h->c.modes);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
        gan_destroy(keeper);
    }
    TEST ("a normal distribution falls into no clusters, in 1, 2 and 20 dimensions") {
        static const int dims[] = {1, 2, 20};
        int k, found = 0;
        for (k = 0; k < 60; ++k) {
            bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
            gan_health_compare(b.h, cloud(b.ctx, 256, dims[k % 3], 1, 0),
                               cloud(b.ctx, 256, dims[k % 3], 1, 0));
            found += b.h->c.modes > 0;
            gan_destroy(b.ctx);
        }
        CHECK(found == 0, "in %d of 60", found);
    }
    TEST ("equal clouds: diversity 1, distance 0, no duplicates, no copies") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_health_compare(b.h, cloud(b.ctx, 256, 4, 1, 0), cloud(b.ctx, 256, 4, 1, 0));
        CHECK_NEAR(b.h->v.diversity, 1, .08, "diversity");
        CHECK_NEAR(b.h->v.distance, 0, .02, "distance");
        CHECK_NEAR(b.h->v.duplicates, 0, .02, "duplicates");
        CHECK_NEAR(b.h->v.copies, 0, .02, "copies");
        gan_destroy(b.ctx);
    }
    TEST ("energy distance and diversity are the formulas, computed here from all pairs") {
        enum { N = 9, M = 12, F = 3 };
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_tensor *f = cloud(b.ctx, N, F, 1.5, .5), *r = cloud(b.ctx, M, F, 1, 0);
        double ff = 0, rr = 0, fr = 0;
        int i1, j;
        for (i1 = 0; i1 < N + M; ++i1)
            for (j = 0; j < N + M; ++j) {
                const gan_real *x = i1 < N ? gan_data(f) + i1 * F : gan_data(r) + (i1 - N) * F;
                const gan_real *y = j < N ? gan_data(f) + j * F : gan_data(r) + (j - N) * F;
                const double d =
                    sqrt(pow((double)x[0] - (double)y[0], 2) + pow((double)x[1] - (double)y[1], 2) +
                         pow((double)x[2] - (double)y[2], 2));
                if (i1 < N && j < N) ff += d / (N * (N - 1.));
                else if (i1 >= N && j >= N) rr += d / (M * (M - 1.));
                else fr += d / (2. * N * M);
            }
        gan_health_compare(b.h, f, r);
        CHECK_NEAR(b.h->v.diversity, ff / rr, 1e-5, "diversity");
        CHECK_NEAR(b.h->v.distance, (2 * fr - ff - rr) / (2 * fr), 1e-5, "distance");
        gan_destroy(b.ctx);
    }
    TEST ("samples at three tenths of the data's spread, and copies of a few, are collapse") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL), c = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_tensor *few = cloud(c.ctx, 8, 4, 1, 0), *many = gan_zeros(c.ctx, 256, 4);
        int k;
        for (k = 0; k < 1024; ++k) gan_data(many)[k] = gan_data(few)[k % 32];
        feed(b.h, 600, 1.2, .55, .45, 1);
        feed(c.h, 600, 1.2, .55, .45, 1);
        two_looks(&b, cloud(b.ctx, 256, 4, .3, 0), cloud(b.ctx, 256, 4, 1, 0));
        two_looks(&c, many, cloud(c.ctx, 256, 4, 1, 0));
        is(b.h, GAN_DIAGNOSIS_COLLAPSE);
        is(c.h, GAN_DIAGNOSIS_COLLAPSE);
        CHECK_NEAR(c.h->v.duplicates, 1, 0, "duplicates");
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("one look is no collapse, and samples that still spread are none") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        int k;
        feed(b.h, 600, 1.2, .55, .45, 1);
        gan_health_compare(b.h, cloud(b.ctx, 256, 4, .1, 0), cloud(b.ctx, 256, 4, 1, 0));
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        for (k = 1; k < 6; ++k) {
            gan_health_compare(b.h, cloud(b.ctx, 256, 4, .1 * pow(1.3, k), 0), cloud(b.ctx, 256, 4, 1, 0));
            is(b.h, GAN_DIAGNOSIS_HEALTHY);
        }
        gan_destroy(b.ctx);
    }
    TEST ("data given back with a little noise are memory; new ones are not") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_tensor *real = cloud(b.ctx, 256, 4, 1, 0), *noise = cloud(b.ctx, 256, 4, .005, 0);
        feed(b.h, 600, 1.2, .55, .45, 1);
        two_looks(&b, cloud(b.ctx, 256, 4, 1, 0), real);
        is(b.h, GAN_DIAGNOSIS_HEALTHY);
        two_looks(&b, gan_add(real, noise), real);
        is(b.h, GAN_DIAGNOSIS_MEMORIZING);
        gan_destroy(b.ctx);
    }
    TEST ("samples far away while D guesses: D is weak; while D leads: it is not") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL), c = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 1000, log(4.), .5, .5, 1);
        feed(c.h, 1000, .7, .7, .3, 1);
        two_looks(&b, cloud(b.ctx, 256, 4, 1, 2), cloud(b.ctx, 256, 4, 1, 0));
        two_looks(&c, cloud(c.ctx, 256, 4, 1, 2), cloud(c.ctx, 256, 4, 1, 0));
        is(b.h, GAN_DIAGNOSIS_DISCRIMINATOR_WEAK);
        is(c.h, GAN_DIAGNOSIS_HEALTHY);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST_MUST_FAIL ("a ring with all its modes does not pass for a collapsed one") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 600, 1.2, .55, .45, 1);
        two_looks(&b, ring(b.ctx, 256, 8, 8, .01), ring(b.ctx, 256, 8, 8, .01));
        is(b.h, GAN_DIAGNOSIS_COLLAPSE);
        gan_destroy(b.ctx);
    }
}

// ---- real runs

typedef enum nets { PLAIN, STAIRS, POINT, LINEAR, TABLE, CONSTANT } nets; // what G and D are

typedef struct run {
    const char *name;
    gan_diagnosis_kind expected;
    int steps;
    gan_toy toy;
    nets nets;
    int width;
    gan_loss loss;
    gan_penalty_kind penalty;
    double weight, g_lr, d_lr; // lr of Adam (.5, .99), or, where at once, of SGD
    int d_steps, at_once, falling;
    int by; // lost runs: the step by which each seed is named
} run;

static const run healthy[] = {
    {"a normal distribution, R1", GAN_DIAGNOSIS_BALANCED, 1500, GAN_TOY_NORMAL, PLAIN, 32,
     GAN_LOSS_NON_SATURATING, GAN_PENALTY_R1, 1, 1e-3, 2e-3, 1, 0, 0, 0},
    {"a ring, WGAN-GP", GAN_DIAGNOSIS_HEALTHY, 1000, GAN_TOY_RING, PLAIN, 32, GAN_LOSS_WASSERSTEIN,
     GAN_PENALTY_WGAN_GP, .1, 2e-3, 2e-3, 2, 0, 1, 0},
    {"a normal distribution, hinge, R1", GAN_DIAGNOSIS_HEALTHY, 1500, GAN_TOY_NORMAL, PLAIN, 32,
     GAN_LOSS_HINGE, GAN_PENALTY_R1, 1, 1e-3, 2e-3, 1, 0, 0, 0},
    {"a ring, least squares, R1", GAN_DIAGNOSIS_HEALTHY, 1500, GAN_TOY_RING, PLAIN, 32,
     GAN_LOSS_LEAST_SQUARES, GAN_PENALTY_R1, .1, 1e-3, 2e-3, 2, 0, 1, 0},
    {"a normal distribution, minimax, R1", GAN_DIAGNOSIS_HEALTHY, 1500, GAN_TOY_NORMAL, PLAIN, 32,
     GAN_LOSS_MINIMAX, GAN_PENALTY_R1, 1, 1e-3, 2e-3, 1, 0, 0, 0},
};
static const run problems[] = {
    {"minimax, D a thousand times as fast", GAN_DIAGNOSIS_DISCRIMINATOR_WON, 700, GAN_TOY_NORMAL, PLAIN, 32,
     GAN_LOSS_MINIMAX, GAN_PENALTY_NONE, 0, 1e-5, 1e-2, 1, 0, 0, 600},
    {"D stands still", GAN_DIAGNOSIS_GENERATOR_WON, 800, GAN_TOY_NORMAL, LINEAR, 4, GAN_LOSS_NON_SATURATING,
     GAN_PENALTY_NONE, 0, .1, 1e-12, 1, 0, 0, 600},
    {"a critic stands still", GAN_DIAGNOSIS_GENERATOR_WON, 800, GAN_TOY_NORMAL, LINEAR, 4,
     GAN_LOSS_WASSERSTEIN, GAN_PENALTY_NONE, 0, .1, 1e-12, 1, 0, 0, 600},
    {"G ten times as fast on the ring", GAN_DIAGNOSIS_COLLAPSE, 1500, GAN_TOY_RING, PLAIN, 64,
     GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0, 3e-3, 3e-4, 1, 0, 0, 500},
    {"Dirac-GAN, both at once", GAN_DIAGNOSIS_OSCILLATION, 1500, GAN_TOY_RING, POINT, 0,
     GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0, .5, .5, 1, 1, 0, 400},
    {"the bilinear game, both at once", GAN_DIAGNOSIS_OSCILLATION, 1500, GAN_TOY_RING, POINT, 0,
     GAN_LOSS_WASSERSTEIN, GAN_PENALTY_NONE, 0, .03, .03, 1, 1, 0, 1200},
    {"a critic without a constraint", GAN_DIAGNOSIS_DIVERGENCE, 1000, GAN_TOY_NORMAL, PLAIN, 32,
     GAN_LOSS_WASSERSTEIN, GAN_PENALTY_NONE, 0, 1e-5, 1e-3, 1, 0, 0, 800},
    {"a learning rate of 100", GAN_DIAGNOSIS_DIVERGENCE, 1000, GAN_TOY_NORMAL, PLAIN, 32,
     GAN_LOSS_LEAST_SQUARES, GAN_PENALTY_NONE, 0, 100, 100, 1, 1, 0, 50},
    {"a linear D and a ring", GAN_DIAGNOSIS_DISCRIMINATOR_WEAK, 2000, GAN_TOY_RING, LINEAR, 10,
     GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0, 1e-3, 1e-3, 1, 0, 0, 2000},
    {"a G that has a row for each sample", GAN_DIAGNOSIS_MEMORIZING, 450, GAN_TOY_COUNT, TABLE, 0,
     GAN_LOSS_ENERGY, GAN_PENALTY_NONE, 0, 3e-2, 1e-12, 1, 0, 1, 450},
    {"a D whose output is constant", GAN_DIAGNOSIS_GENERATOR_STALLED, 600, GAN_TOY_NORMAL, CONSTANT, 8,
     GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0, 1e-3, 1e-3, 1, 0, 0, 600},
};

enum { ROWS = 32, FEATURES = 8 };

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    const run *r = (const run *)gan_model_user(g);
    const int dim = r->toy == GAN_TOY_NORMAL ? 1 : 2;
    (void)label;
    if (r->nets == TABLE) {
        gan_tensor *rows = gan_param(g, "rows", gan_init_normal(0, (gan_real).1), (int)ROWS, (int)FEATURES);
        return gan_take(rows, z);
    }
    if (r->nets == POINT)
        return gan_add(gan_mul_scalar(z, 0), gan_param(g, "theta", gan_init_constant(1), 2));
    if (r->nets == LINEAR)
        return gan_add(gan_mul_scalar(gan_slice(z, 1, 0, dim), (gan_real)r->width),
                       gan_param(g, "theta", gan_init_constant(0), dim));
    z = gan_relu(gan_linear(g, "fc1", z, r->width));
    z = gan_relu(gan_linear(g, "fc2", z, r->width));
    return gan_linear(g, "fc3", z, dim);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    const run *r = (const run *)gan_model_user(d);
    (void)label;
    if (r->nets == TABLE) return gan_add(x, gan_param(d, "offset", gan_init_constant(0), (int)FEATURES));
    if (r->nets == POINT) return gan_matmul(x, gan_param(d, "psi", gan_init_constant(1), 2, 1));
    if (r->nets == LINEAR) return gan_linear(d, "fc", x, 1);
    if (r->nets == CONSTANT)
        return gan_add(gan_mul_scalar(x, 0), gan_param(d, "offset", gan_init_constant(0), 1));
    x = gan_leaky_relu(gan_linear(d, "fc1", x, r->width), (gan_real).2);
    x = gan_leaky_relu(gan_linear(d, "fc2", x, r->width), (gan_real).2);
    return gan_linear(d, "fc3", x, 1);
}

static gan_tensor *row_numbers(gan_context *ctx, int n, gan_tensor *label, void *user)
{
    gan_tensor *z = gan_zeros(ctx, n);
    int i;
    (void)label;
    (void)user;
    for (i = 0; i < n; ++i) gan_data(z)[i] = (gan_real)(i % ROWS);
    return z;
}

typedef struct trial {
    const run *how;
    gan_context *ctx;
    gan_trainer_desc desc;
    gan_trainer *t;
    gan_health *h;
    gan_dataset *others; // of the same kind as the trainer's, so that looking leaves the training as it is
    int64_t named;       // the first step with the diagnosis that is expected, 0: none
} trial;

static gan_dataset *data_of(gan_context *ctx, const run *how)
{
    gan_real v[ROWS * FEATURES] = {0};
    if (how->nets == POINT) return gan_dataset_memory(ctx, v, NULL, ROWS, 2);
    if (how->nets != TABLE) return gan_dataset_toy(ctx, how->toy);
    test.random = 7; // the same for trainer and looks
    TEST_FILL(v, ROWS * FEATURES, -1, 1);
    return gan_dataset_memory(ctx, v, NULL, ROWS, (int)FEATURES);
}

static trial trial_of(const run *how, int seed, const gan_health_desc *desc)
{
    trial p;
    gan_desc c;
    const gan_optimizer_desc sgd = gan_sgd((gan_real)how->g_lr, 0);
    memset(&p, 0, sizeof p);
    memset(&c, 0, sizeof c);
    c.seed = (uint64_t)seed;
    c.threads = 1;
    p.how = how;
    p.ctx = gan_create(&c);
    p.desc.generator = gan_model_create(p.ctx, "g", generator, (void *)(uintptr_t)how);
    p.desc.discriminator = gan_model_create(p.ctx, "d", discriminator, (void *)(uintptr_t)how);
    p.desc.data = data_of(p.ctx, how);
    p.others = data_of(p.ctx, how);
    p.desc.batch = how->nets == TABLE ? ROWS : 64;
    p.desc.latent = 2;
    if (how->nets == TABLE) p.desc.latents = row_numbers;
    p.desc.loss = how->loss;
    p.desc.penalty[0].kind = how->penalty;
    p.desc.penalty[0].weight = (gan_real)how->weight;
    p.desc.g_optimizer = how->at_once ? sgd : gan_adam((gan_real)how->g_lr, (gan_real).5, (gan_real).99);
    p.desc.d_optimizer = how->at_once ? sgd : gan_adam((gan_real)how->d_lr, (gan_real).5, (gan_real).99);
    p.desc.simultaneous = how->at_once;
    p.desc.d_steps = how->d_steps;
    if (how->falling) {
        p.desc.schedule[0].what = GAN_SCHEDULED_LR;
        p.desc.schedule[0].schedule = gan_schedule_linear(0, how->steps, 0);
    }
    p.t = gan_trainer_create(p.ctx, &p.desc);
    p.h = gan_health_create(p.t, desc);
    CHECK(p.h != NULL, "no health: %s", gan_error_message(p.ctx));
    return p;
}

static void look(trial *p)
{
    const int n = p->how->nets == TABLE ? ROWS : LOOK;
    if (p->how->nets == POINT || gan_error(p->ctx)) return;
    gan_health_compare(p->h, gan_trainer_sample(p->t, n), gan_dataset_batch(p->others, n, NULL));
}

// Trains up to a step, looking every 100; returns the number of steps at which the run had a problem.
static int train_to(trial *p, int until)
{
    int alarms = 0;
    while (gan_trainer_steps(p->t) < until && !gan_error(p->ctx)) {
        const gan_trainer_stats s = gan_trainer_step(p->t);
        gan_health_step(p->h, &s);
        if (s.step % 100 == 0) look(p);
        alarms += gan_health_diagnose(p->h).is_problem;
        if (!p->named && gan_health_diagnose(p->h).kind == p->how->expected) p->named = s.step ? s.step : 1;
    }
    return alarms;
}

static void stalled(void)
{
    TEST ("balance with a gradient of G that is exactly 0 is a stalled G; a small gradient is none") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL), c = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 600, log(4.), .5, .5, .1);
        feed(c.h, 600, log(4.), .5, .5, .1);
        is(b.h, GAN_DIAGNOSIS_BALANCED);
        feed(b.h, 500, log(4.), .5, .5, 0);
        feed(c.h, 500, log(4.), .5, .5, 1e-20);
        is(b.h, GAN_DIAGNOSIS_GENERATOR_STALLED);
        is(c.h, GAN_DIAGNOSIS_BALANCED);
        CHECK(gan_health_diagnose(b.h).is_problem, "no problem");
        feed(b.h, 400, log(4.), .5, .5, .1);
        is(b.h, GAN_DIAGNOSIS_BALANCED);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("a loop that never gives a gradient has no stalled G, nor has a frozen G") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        trial p = trial_of(&healthy[0], 1, NULL);
        int i;
        feed(b.h, 1100, log(4.), .5, .5, 0);
        is(b.h, GAN_DIAGNOSIS_BALANCED);
        gan_model_freeze(p.desc.generator, NULL, 1);
        for (i = 0; i < 600; ++i) {
            const gan_trainer_stats s = gan_trainer_step(p.t);
            gan_health_step(p.h, &s);
        }
        CHECK(!(gan_health_diagnose(p.h).signs >> GAN_DIAGNOSIS_GENERATOR_STALLED & 1), "called stalled");
        CHECK(p.h->v.g_log[0] < -60, "the frozen G has a gradient");
        gan_destroy(p.ctx);
        gan_destroy(b.ctx);
    }
}

static void provoked(void)
{
    enum { TRIED = 3 };
    char text[600];
    size_t i;
    int seed;
    for (i = 0; i < COUNT(problems); ++i) {
        TESTF ("provoked: %s is called %s by step %d", problems[i].name,
               gan_diagnosis_name(problems[i].expected), problems[i].by) {
            int64_t latest = 0;
            for (seed = 1; seed <= TRIED; ++seed) {
                trial p = trial_of(&problems[i], seed, NULL);
                train_to(&p, problems[i].steps);
                is(p.h, problems[i].expected);
                CHECK(p.named > 0 && p.named <= problems[i].by, "seed %d: named at %ld", seed, (long)p.named);
                latest = p.named > latest ? p.named : latest;
                gan_health_text(p.h, text, sizeof text);
                if (seed == 1) printf("%s: %s\n", problems[i].name, text);
                gan_destroy(p.ctx);
            }
            printf("%s: named by step %ld\n", problems[i].name, (long)latest);
        }
        TESTF_MUST_FAIL ("%s does not pass for a healthy run", problems[i].name) {
            trial p = trial_of(&problems[i], 1, NULL);
            CHECK(p.h != NULL, "no health");
            CHECK(!train_to(&p, problems[i].steps), "alarms");
            gan_destroy(p.ctx);
        }
    }
}

typedef struct course {
    int64_t named; // the first step at which the run had a problem, 0: never
    int64_t well;  // the first later step at which it was called healthy, balanced or warming up, 0: none
    gan_diagnosis_kind first;
} course;

static course course_of(const run *how, int seed)
{
    trial p = trial_of(how, seed, NULL);
    course c;
    memset(&c, 0, sizeof c);
    while (gan_trainer_steps(p.t) < how->steps) {
        const gan_trainer_stats s = gan_trainer_step(p.t);
        gan_diagnosis d;
        gan_health_step(p.h, &s);
        if (s.step % 100 == 0) look(&p);
        d = gan_health_diagnose(p.h);
        if (d.is_problem && !c.named) c.named = s.step ? s.step : 1, c.first = d.kind;
        if (!d.is_problem && c.named && !c.well) c.well = s.step;
    }
    gan_destroy(p.ctx);
    return c;
}

// Rates that are far too high: the run is lost for good, though its losses fall back for hundreds of steps
// and its gradients become exactly 0.
static void exploding_rates(void)
{
    static const gan_loss kinds[] = {GAN_LOSS_NON_SATURATING, GAN_LOSS_MINIMAX, GAN_LOSS_HINGE,
                                     GAN_LOSS_LEAST_SQUARES, GAN_LOSS_WASSERSTEIN};
    static const struct {
        const char *name;
        double g_lr, d_lr;
        int sgd, by;
    } rates[] = {{"D alone by Adam with a rate of 1", 1e-3, 1, 0, 600},
                 {"G alone by Adam with a rate of 1", 1, 1e-3, 0, 1000},
                 {"both by Adam with a rate of 1", 1, 1, 0, 500},
                 {"both by SGD with a rate of 100", 100, 100, 1, 50}};
    enum { TRIED = 3, STEPS = 1500 };
    size_t i, k;
    int seed, toy;
    for (k = 0; k < COUNT(rates); ++k)
        for (i = 0; i < COUNT(kinds); ++i)
            TESTF ("%s, %s: has a problem by step %d, and never well again", gan_loss_name(kinds[i]),
                   rates[k].name, rates[k].by) {
                int64_t latest = 0;
                const char *first = "";
                for (seed = 1; seed <= TRIED; ++seed)
                    for (toy = 0; toy < 2; ++toy) {
                        run r = healthy[toy];
                        course c;
                        r.loss = kinds[i], r.penalty = GAN_PENALTY_NONE, r.falling = 0, r.d_steps = 1;
                        r.g_lr = rates[k].g_lr, r.d_lr = rates[k].d_lr, r.at_once = rates[k].sgd;
                        r.steps = STEPS;
                        c = course_of(&r, seed);
                        CHECK(c.named > 0 && c.named <= rates[k].by, "seed %d: named at %ld", seed,
                              (long)c.named);
                        CHECK(!c.well, "seed %d: called well at %ld", seed, (long)c.well);
                        if (c.named > latest) latest = c.named, first = gan_diagnosis_name(c.first);
                    }
                printf("%s, %s: named by step %ld (%s)\n", gan_loss_name(kinds[i]), rates[k].name,
                       (long)latest, first);
            }
    TEST_MUST_FAIL ("a healthy run is not told of a problem") {
        CHECK(course_of(&healthy[1], 1).named > 0, "not named");
    }
}

// One step with these losses and logits near 0, n times.
static void losses(gan_health *h, int n, double d_loss, double g_loss)
{
    int i;
    for (i = 0; i < n; ++i) {
        gan_trainer_stats s = stats_of(gan_health_diagnose(h).step + 1, d_loss, .1, .1, 1);
        s.g_loss = (gan_real)g_loss;
        gan_health_step(h, &s);
    }
}

static void exploding(void)
{
    static const struct {
        const char *what;
        gan_loss kind;
        double d0, g0, d, g; // the losses of the first step, and later
        int far;             // whether this is far beyond them
        gan_indicator evidence;
    } known[] = {
        {"a dead critic at 1e15", GAN_LOSS_WASSERSTEIN, .01, .1, 0, 1e15, 1, GAN_INDICATOR_G_LOSS},
        {"G's loss at 1e15", GAN_LOSS_NON_SATURATING, 1.38, .7, 1, 1e15, 1, GAN_INDICATOR_G_LOSS},
        {"D's loss at 1e15", GAN_LOSS_HINGE, 2, 0, 1e15, 0, 1, GAN_INDICATOR_D_LOSS},
        {"a margin of 3000", GAN_LOSS_WASSERSTEIN, .01, .1, -3000, 1, 1, GAN_INDICATOR_D_LOSS},
        {"a margin of 300", GAN_LOSS_WASSERSTEIN, .01, .1, -300, 1, 0, GAN_INDICATOR_D_LOSS},
        {"a margin of 3000 that was 10 at first", GAN_LOSS_WASSERSTEIN, -10, 0, -3000, 1, 0,
         GAN_INDICATOR_D_LOSS},
        {"a critic that drifts to 3000", GAN_LOSS_WASSERSTEIN, .01, .1, -1, 3000, 0, GAN_INDICATOR_G_LOSS},
        {"G's loss of 100 by a sure D", GAN_LOSS_NON_SATURATING, 1.38, .7, .7, 100, 0, GAN_INDICATOR_G_LOSS},
        {"1e15 in the first step seen", GAN_LOSS_WASSERSTEIN, 1e15, 0, 1e15, 0, 1, GAN_INDICATOR_D_LOSS},
    };
    size_t i;
    for (i = 0; i < COUNT(known); ++i)
        TESTF ("%s is %scalled divergence in the warm-up", known[i].what, known[i].far ? "" : "not ") {
            bench b = loop(known[i].kind, NULL);
            char text[600];
            gan_diagnosis d;
            losses(b.h, 1, known[i].d0, known[i].g0);
            losses(b.h, 150, known[i].d, known[i].g);
            is(b.h, known[i].far ? GAN_DIAGNOSIS_DIVERGENCE : GAN_DIAGNOSIS_WARMING_UP);
            d = gan_health_diagnose(b.h);
            gan_health_text(b.h, text, sizeof text);
            if (known[i].far) {
                CHECK(d.evidence[0] == known[i].evidence, "the evidence is not the loss: %s", text);
                CHECK_TEXT(text, known[i].evidence == GAN_INDICATOR_D_LOSS ? "D's loss " : "G's loss ");
                CHECK_TEXT(text, "times its early size");
                CHECK_TEXT(text, "lower learning rates");
            }
            gan_destroy(b.ctx);
        }
    TEST ("a single step at 1e20 is none; a loss that comes back is no divergence 1800 steps later") {
        bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
        losses(b.h, 100, -1, 0);
        losses(b.h, 1, -1e20, 0);
        is(b.h, GAN_DIAGNOSIS_WARMING_UP);
        losses(b.h, 100, -1, 0);
        is(b.h, GAN_DIAGNOSIS_WARMING_UP);
        losses(b.h, 100, -1e8, 0);
        is(b.h, GAN_DIAGNOSIS_DIVERGENCE);
        losses(b.h, 1800, -1, 0);
        CHECK(!(gan_health_diagnose(b.h).kind == GAN_DIAGNOSIS_DIVERGENCE), "still called so");
        gan_destroy(b.ctx);
    }
    TEST ("a divergence of 1500 steps whose loss is back for 1200 is one still, after 2000 it is none") {
        bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
        losses(b.h, 100, -1, 0);
        losses(b.h, 1500, -1e8, 0);
        losses(b.h, 1200, -1, 0);
        is(b.h, GAN_DIAGNOSIS_DIVERGENCE);
        losses(b.h, 1500, -1e8, 0);
        losses(b.h, 1200, -1, 0);
        is(b.h, GAN_DIAGNOSIS_DIVERGENCE);
        CHECK(gan_health_diagnose(b.h).since < 200, "since %ld", (long)gan_health_diagnose(b.h).since);
        losses(b.h, 2100, -1, 0);
        CHECK(gan_health_diagnose(b.h).kind != GAN_DIAGNOSIS_DIVERGENCE, "still called so");
        gan_destroy(b.ctx);
    }
    TEST_MUST_FAIL ("a margin of 300 does not pass for divergence") {
        bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
        losses(b.h, 1, 0, 0);
        losses(b.h, 150, -300, 0);
        is(b.h, GAN_DIAGNOSIS_DIVERGENCE);
        gan_destroy(b.ctx);
    }
    exploding_rates();
}

static void no_false_alarms(void)
{
    size_t i;
    int seed;
    for (i = 0; i < COUNT(healthy); ++i)
        TESTF ("healthy: %s raises no alarm at any step, %d seeds", healthy[i].name,
               i < 2 ? (int)SEEDS : SEEDS / 2) {
            const int seeds = i < 2 ? SEEDS : SEEDS / 2;
            int runs = 0, steps = 0, well = 0;
            for (seed = 1; seed <= seeds; ++seed) {
                trial p = trial_of(&healthy[i], seed, NULL);
                const int alarms = train_to(&p, healthy[i].steps);
                const gan_diagnosis_kind kind = gan_health_diagnose(p.h).kind;
                CHECK(!gan_error(p.ctx), "%s", gan_error_message(p.ctx));
                runs += alarms > 0;
                steps += alarms;
                well += kind == GAN_DIAGNOSIS_HEALTHY || kind == GAN_DIAGNOSIS_BALANCED;
                if (healthy[i].expected == GAN_DIAGNOSIS_BALANCED) is(p.h, GAN_DIAGNOSIS_BALANCED);
                gan_destroy(p.ctx);
            }
            printf("%s: false alarms in %d of %d runs, %d steps; %d healthy or balanced at the end\n",
                   healthy[i].name, runs, seeds, steps, well);
            CHECK(runs == 0 && well == seeds, "%d alarms, %d well", runs, well);
        }
    for (i = 0; i < COUNT(healthy); ++i)
        TESTF_MUST_FAIL ("%s does not pass for a run with a problem", healthy[i].name) {
            trial p = trial_of(&healthy[i], 1, NULL);
            CHECK(p.h != NULL, "no health");
            CHECK(train_to(&p, healthy[i].steps) > 0, "no alarm");
            gan_destroy(p.ctx);
        }
}

static void same_diagnosis(const gan_health *a, const gan_health *b)
{
    const gan_diagnosis x = gan_health_diagnose(a), y = gan_health_diagnose(b);
    CHECK(x.kind == y.kind && x.step == y.step && x.since == y.since && x.signs == y.signs &&
              x.known == y.known,
          "%s at %ld since %ld and %s at %ld since %ld", x.name, (long)x.step, (long)x.since, y.name,
          (long)y.step, (long)y.since);
    CHECK_BYTES(x.value, y.value, sizeof x.value, "the indicators");
    CHECK_BYTES(&a->v, &b->v, sizeof a->v, "all that is measured");
    CHECK_BYTES(&a->c, &b->c, sizeof a->c, "all that is counted");
    CHECK_BYTES(&a->l, &b->l, sizeof a->l, "the sizes of the losses");
    CHECK_BYTES(&a->r, &b->r, sizeof a->r, "the timeline");
    CHECK_BYTES(&a->s, &b->s, sizeof a->s, "the course of a stalled G");
}

static void memory_of_it(void)
{
    const run *how = &problems[3];
    TEST ("a run saved in the midst of a collapse and resumed gives the same diagnosis, bit for bit") {
        trial a = trial_of(how, 5, NULL), b = trial_of(how, 77, NULL);
        train_to(&a, 550);
        CHECK(gan_save(a.ctx, test_path("health.safetensors")) == 0, "%s", gan_error_message(a.ctx));
        train_to(&a, 900);
        CHECK(gan_load(b.ctx, test_path("health.safetensors")) == 0, "%s", gan_error_message(b.ctx));
        train_to(&b, 900);
        same_diagnosis(a.h, b.h);
        is(a.h, GAN_DIAGNOSIS_COLLAPSE);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("memory comes back too when the checkpoint is read before the health exists") {
        trial a = trial_of(how, 5, NULL);
        gan_context *ctx = gan_create(NULL);
        gan_loss_desc loss;
        gan_health *h;
        train_to(&a, 550);
        memset(&loss, 0, sizeof loss);
        CHECK(gan_save(a.ctx, test_path("health.safetensors")) == 0, "%s", gan_error_message(a.ctx));
        CHECK(gan_load(ctx, test_path("health.safetensors")) == 0, "%s", gan_error_message(ctx));
        h = gan_health_create_loop(ctx, "trainer.g.health", &loss, 64, NULL);
        CHECK(h != NULL, "%s", gan_error_message(ctx));
        if (h) same_diagnosis(a.h, h);
        gan_destroy(ctx);
        gan_destroy(a.ctx);
    }
    TEST ("watching and looking leave the training as it is, bit for bit") {
        trial a = trial_of(how, 5, NULL), b = trial_of(how, 5, NULL);
        int i;
        train_to(&a, 300);
        gan_trainer_run(b.t, 300);
        for (i = 0; i < gan_model_count(a.desc.generator); ++i)
            CHECK(same_bits(gan_model_tensor(a.desc.generator, i), gan_model_tensor(b.desc.generator, i)),
                  "%s differs", gan_model_name(a.desc.generator, i));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("a roll-back takes the memory along") {
        trial p = trial_of(&healthy[0], 1, NULL);
        gan_trainer_stats s;
        train_to(&p, 10);
        CHECK(p.h->c.step == 10, "step %ld", (long)p.h->c.step);
        p.t->desc.rollback = 5;
        train_to(&p, 13); // copies at 10
        gan_data(gan_model_tensor(p.desc.discriminator, 0))[0] = (gan_real)sqrt(-1.);
        s = gan_trainer_step(p.t);
        gan_health_step(p.h, &s);
        CHECK(s.rollbacks == 1 && s.step == 10, "%d roll-backs, step %ld", s.rollbacks, (long)s.step);
        CHECK(p.h->c.step == 10 && p.h->c.seen == 10, "health is at %ld", (long)p.h->c.step);
        train_to(&p, 20);
        CHECK(p.h->c.seen == 20 && !gan_health_diagnose(p.h).is_problem, "health is at %ld",
              (long)p.h->c.seen);
        gan_destroy(p.ctx);
    }
    TEST ("in the steady state nothing is allocated") {
        trial p = trial_of(&healthy[0], 1, NULL);
        uint64_t calls;
        train_to(&p, 400);
        calls = gan_memory(p.ctx).heap_calls;
        train_to(&p, 600);
        CHECK(gan_memory(p.ctx).heap_calls == calls, "%d heap calls",
              (int)(gan_memory(p.ctx).heap_calls - calls));
        gan_destroy(p.ctx);
    }
    TEST ("a trainer has one health; a second is an error that says so") {
        trial p = trial_of(&healthy[0], 1, NULL);
        CHECK(gan_health_create(p.t, NULL) == NULL && gan_error(p.ctx) == GAN_ERROR_NAME, "%s",
              gan_error_message(p.ctx));
        gan_destroy(p.ctx);
    }
}

// ---- the timeline

static int same_interval(const gan_report_interval *v, const char *name, int from, int to)
{
    return !strcmp(v->name, name) && v->from == from && v->to == to && v->text && *v->text &&
           (v->tone == GAN_REPORT_BAD) == (v->advice != NULL);
}

static void timeline(void)
{
    TEST (
        "the timeline has every change of the diagnosis, without gaps, from the step in which it was made") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_report_interval v[64];
        int n, i;
        CHECK(gan_health_timeline(b.h, v, 64) == 0 && gan_health_timeline(NULL, v, 64) == 0, "%s",
              "of nothing");
        feed(b.h, 350, 1, .6, .4, .1);
        feed(b.h, 400, .02, .99, .01, .1);
        feed(b.h, 600, 1, .6, .4, .1);
        n = gan_health_timeline(b.h, v, 64);
        CHECK(n == 4, "%d intervals", n);
        CHECK(same_interval(&v[0], "warming_up", 1, 298) || same_interval(&v[0], "warming_up", 1, 299),
              "%s to %d", v[0].name, (int)v[0].to);
        CHECK(!strcmp(v[1].name, "healthy") && v[1].tone == GAN_REPORT_GOOD, "%s", v[1].name);
        CHECK(!strcmp(v[2].name, "discriminator_won") && v[2].tone == GAN_REPORT_BAD, "%s", v[2].name);
        CHECK(v[2].from >= 550 && v[2].from < 750, "from %d", (int)v[2].from);
        CHECK(same_interval(&v[3], "healthy", (int)v[3].from, 1350), "%s to %d", v[3].name, (int)v[3].to);
        for (i = 1; i < n; ++i)
            CHECK(v[i].from == v[i - 1].to + 1, "%d after %d", (int)v[i].from, (int)v[i - 1].to);
        CHECK(gan_health_timeline(b.h, NULL, 0) == 4, "%s", "counting");
        gan_destroy(b.ctx);
    }
    TEST_MUST_FAIL ("a run in which nothing changes has one interval after the warm-up, not more") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 1300, 1, .6, .4, .1);
        CHECK(gan_health_timeline(b.h, NULL, 0) > 2, "%d", gan_health_timeline(b.h, NULL, 0));
        gan_destroy(b.ctx);
    }
    TEST ("of more than 64 changes the earliest become one interval; a damaged file harms nothing") {
        gan_health_desc d;
        bench b;
        gan_report_interval v[70];
        int i;
        memset(&d, 0, sizeof d);
        d.persistence = 1, d.warm_up = 20;
        b = loop(GAN_LOSS_NON_SATURATING, &d);
        for (i = 0; i < 60; ++i) {
            feed(b.h, 200, 1, .6, .4, .1);
            feed(b.h, 200, .02, .99, .01, .1);
        }
        CHECK(gan_health_timeline(b.h, v, 70) == 64, "%d", gan_health_timeline(b.h, v, 70));
        CHECK(v[0].from == 1 && !strcmp(v[0].name, "several") && b.h->r.merged > 10, "%s", v[0].name);
        CHECK(v[63].to == 24000 && v[63].tone == GAN_REPORT_BAD, "to %d", (int)v[63].to);
        for (i = 1; i < 64; ++i)
            CHECK(v[i].from == v[i - 1].to + 1 && strcmp(v[i].name, v[i - 1].name), "interval %d: %s", i,
                  v[i].name);
        b.h->r.count = INT64_MAX, b.h->r.kind[3] = -5, b.h->r.kind[4] = INT64_MAX;
        CHECK(gan_health_timeline(b.h, v, 70) == 64, "%s", "a damaged count");
        b.h->r.count = 64, b.h->r.from[62] = b.h->r.from[63] = INT64_MAX;
        feed(b.h, 1, 1, .6, .4, .1);
        CHECK(gan_health_timeline(b.h, v, 70) <= 63 && b.h->r.from[b.h->r.count - 1] <= 24001, "%s",
              "intervals after the last step");
        b.h->r.count = -1;
        feed(b.h, 1, 1, .6, .4, .1);
        CHECK(gan_health_timeline(b.h, v, 70) == 1, "%s", "a damaged count");
        gan_destroy(b.ctx);
    }
}

// ---- stopping and saying

static gan_real rising(gan_trainer *t, void *user)
{
    (void)user;
    return (gan_real)(gan_trainer_steps(t) < 200 ? -gan_trainer_steps(t) : gan_trainer_steps(t));
}

static void stopping(void)
{
    TEST ("a metric that falls until step 200 and then rises stops the run after its patience") {
        gan_health_desc desc;
        trial p;
        gan_trainer_stats s;
        memset(&desc, 0, sizeof desc);
        desc.patience = 4;
        p = trial_of(&healthy[0], 1, &desc);
        p.t->desc.metric = rising;
        p.t->desc.metric_every = 10;
        do {
            s = gan_trainer_step(p.t);
            gan_health_step(p.h, &s);
        } while (!gan_health_should_stop(p.h) && s.step < 1000);
        CHECK(s.step == 240 && gan_health_should_stop(p.h) == 1, "step %ld", (long)s.step); // best at 190
        gan_destroy(p.ctx);
    }
    TEST ("the same by hand; a metric that is not finite is not judged; without patience nothing stops") {
        gan_health_desc desc;
        bench b, c = loop(GAN_LOSS_NON_SATURATING, NULL);
        int i;
        memset(&desc, 0, sizeof desc);
        desc.patience = 2;
        b = loop(GAN_LOSS_NON_SATURATING, &desc);
        for (i = 0; i < 5; ++i) {
            gan_health_metric(b.h, (gan_real)(5 - i));
            gan_health_metric(b.h, (gan_real)sqrt(-1.));
        }
        CHECK(!gan_health_should_stop(b.h), "stopped while it fell");
        for (i = 0; i < 3; ++i) {
            CHECK(!gan_health_should_stop(b.h), "stopped after %d", i);
            gan_health_metric(b.h, 1);
            gan_health_metric(c.h, 1);
        }
        CHECK(gan_health_should_stop(b.h) == 1, "goes on");
        CHECK(!gan_health_should_stop(c.h), "stopped without patience");
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("a problem stops the run after its own patience, and recovery takes it back") {
        gan_health_desc desc;
        bench b;
        memset(&desc, 0, sizeof desc);
        desc.problem_patience = 300;
        b = loop(GAN_LOSS_NON_SATURATING, &desc);
        feed(b.h, 600, .01, .99, .01, 1); // a problem from 499 on
        is(b.h, GAN_DIAGNOSIS_DISCRIMINATOR_WON);
        CHECK(!gan_health_should_stop(b.h), "stopped too early");
        feed(b.h, 250, .01, .99, .01, 1);
        CHECK(gan_health_should_stop(b.h) == 2, "goes on");
        feed(b.h, 600, 1.2, .55, .45, 1);
        CHECK(!gan_health_should_stop(b.h), "stopped when well again");
        gan_destroy(b.ctx);
    }
}

static void saying(void)
{
    int i, k;
    TEST ("every row has a name, a sentence, an advice and evidence; names differ") {
        for (i = 0; i < GAN_DIAGNOSIS_COUNT; ++i) {
            const gan__health_row *row = &gan__health_rows[i];
            CHECK(*row->sentence && *row->advice && row->sign, "%s is not complete", row->name);
            for (k = 0; k < i; ++k)
                CHECK(strcmp(row->name, gan__health_rows[k].name) &&
                          strcmp(row->sentence, gan__health_rows[k].sentence),
                      "%s twice", row->name);
        }
        for (i = 0; i < GAN_INDICATOR_COUNT; ++i) CHECK(*gan_indicator_name((gan_indicator)i), "vital %d", i);
        CHECK_TEXT(gan_diagnosis_name((gan_diagnosis_kind)-1), "unknown");
        CHECK_TEXT(gan_diagnosis_name(GAN_DIAGNOSIS_COUNT), "unknown");
        CHECK_TEXT(gan_indicator_name(GAN_INDICATOR_COUNT), "unknown");
        CHECK_TEXT(gan_diagnosis_name(GAN_DIAGNOSIS_COLLAPSE), "collapse");
    }
    TEST ("the words: step, name, since, sentence, numbers with units, advice") {
        char text[600];
        bench b = loop(GAN_LOSS_MINIMAX, NULL);
        feed(b.h, 1000, .02, .99, .01, 1);
        CHECK(gan_health_text(b.h, text, sizeof text) == (int)strlen(text), "length");
        CHECK_TEXT(text, "step 1000, discriminator_won since 300: D dominates");
        CHECK_TEXT(text, "D's advantage 0.99 of its maximum, D(G(z)) 0.01, G's gradient 1.00 of its maximum");
        CHECK_TEXT(text, "\ntry: ");
        gan_destroy(b.ctx);
    }
    TEST ("cut to any size as snprintf cuts") {
        char whole[600], part[600];
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        feed(b.h, 1000, .02, .99, .01, 1);
        gan_health_text(b.h, whole, sizeof whole);
        for (i = 0; i <= (int)strlen(whole) + 1; ++i) {
            memset(part, '#', sizeof part);
            CHECK(gan_health_text(b.h, part, (size_t)i) == (int)strlen(whole), "length at size %d", i);
            if (i) CHECK(!memcmp(part, whole, (size_t)i - 1) && !part[i - 1], "size %d", i);
            CHECK(part[i] == '#', "size %d: written past the end", i);
        }
        gan_destroy(b.ctx);
    }
    TEST ("numbers in words") {
        static const struct {
            double v;
            const char *text;
        } known[] = {{0, "0.00"},        {.5, "0.50"},      {-.125, "-0.13"},    {99.994, "99.99"},
                     {123.4, "123"},     {1e-7, "1e-7"},    {-2e12, "-1e12"},    {.005, "0.01"},
                     {999999, "999999"}, {HUGE_VAL, "inf"}, {-HUGE_VAL, "-inf"}, {NAN, "nan"}};
        for (i = 0; i < (int)COUNT(known); ++i) {
            char text[40];
            gan__text_out w;
            gan__text_begin(&w, text, sizeof text);
            gan__health_put_real(&w, known[i].v);
            gan__text_end(&w);
            CHECK(!strcmp(text, known[i].text), "%g is %s, not %s", known[i].v, text, known[i].text);
        }
    }
}

static void nothing(void)
{
    TEST ("NULL everywhere") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_trainer_stats s = stats_of(1, 1, .5, .5, 1);
        char text[100];
        CHECK(!gan_health_create(NULL, NULL) && !gan_health_create_loop(NULL, "x", NULL, 1, NULL), "made");
        gan_health_step(NULL, &s);
        gan_health_step(NULL, NULL);
        gan_health_step(b.h, NULL);
        gan_health_compare(NULL, NULL, NULL);
        gan_health_metric(NULL, 1);
        CHECK(gan_health_diagnose(NULL).kind == GAN_DIAGNOSIS_WARMING_UP, "a diagnosis of nothing");
        CHECK(!gan_health_should_stop(NULL), "nothing stops");
        CHECK(gan_health_text(NULL, NULL, 0) > 0 && gan_health_text(NULL, NULL, 50) > 0, "no words");
        gan_health_text(NULL, text, sizeof text);
        CHECK_TEXT(text, "too early to say");
        CHECK(!gan_error(b.ctx), "%s", gan_error_message(b.ctx));
        gan_health_compare(b.h, NULL, gan_zeros(b.ctx, 16, 2));
        CHECK(gan_error(b.ctx) == GAN_ERROR_ARGUMENT, "%s", gan_error_message(b.ctx));
        gan_destroy(b.ctx);
    }
    TEST ("what does not fit is an error with its shapes") {
        bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
        gan_loss_desc loss;
        memset(&loss, 0, sizeof loss);
        gan_health_compare(b.h, gan_zeros(b.ctx, 16, 2), gan_zeros(b.ctx, 16, 3));
        CHECK(gan_error(b.ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(b.ctx));
        CHECK_TEXT(gan_error_message(b.ctx), "(16, 2)");
        gan_health_compare(b.h, gan_zeros(b.ctx, 16, 2), gan_zeros(b.ctx, 16, 2));
        CHECK(b.h->c.looks == 0, "looked while an error stands");
        gan_error_clear(b.ctx);
        gan_health_compare(b.h, gan_zeros(b.ctx, 7, 2), gan_zeros(b.ctx, 16, 2));
        CHECK(gan_error(b.ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(b.ctx));
        gan_error_clear(b.ctx);
        CHECK(!gan_health_create_loop(b.ctx, "y", NULL, 1, NULL) && gan_error(b.ctx), "no loss");
        gan_error_clear(b.ctx);
        CHECK(!gan_health_create_loop(b.ctx, NULL, &loss, 1, NULL) && gan_error(b.ctx), "no name");
        gan_error_clear(b.ctx);
        CHECK(!gan_health_create_loop(b.ctx, "y", &loss, 0, NULL) && gan_error(b.ctx), "no outputs");
        gan_error_clear(b.ctx);
        loss.kind = GAN_LOSS_COUNT;
        CHECK(!gan_health_create_loop(b.ctx, "y", &loss, 1, NULL) && gan_error(b.ctx), "no such loss");
        gan_destroy(b.ctx);
    }
    TEST ("samples that are all one point, data that are, and both") {
        static const double spread[3][2] = {{0, 1}, {1, 0}, {0, 0}};
        int i;
        for (i = 0; i < 3; ++i) {
            bench b = loop(GAN_LOSS_NON_SATURATING, NULL);
            feed(b.h, 600, 1.2, .55, .45, 1);
            two_looks(&b, cloud(b.ctx, 64, 2, spread[i][0], 0), cloud(b.ctx, 64, 2, spread[i][1], 0));
            is(b.h, i ? GAN_DIAGNOSIS_HEALTHY : GAN_DIAGNOSIS_COLLAPSE);
            CHECK(!gan_error(b.ctx), "%s", gan_error_message(b.ctx));
            gan_destroy(b.ctx);
        }
    }
    TEST ("losses at the end of the range of float leave every number finite") {
        static const double huge[] = {1e30, -1e30, FLT_MAX, -FLT_MAX, 0, 1e-38};
        size_t i;
        for (i = 0; i < COUNT(huge); ++i) {
            bench b = loop(GAN_LOSS_WASSERSTEIN, NULL);
            const gan_real *v = (const gan_real *)&b.h->v;
            gan_diagnosis d;
            size_t k, bad = 0;
            int j;
            for (j = 0; j < 40; ++j) {
                feed(b.h, 10, huge[i], .5, .5, fabs(huge[i]));
                feed(b.h, 10, -huge[i], .5, .5, 0);
            }
            for (k = 0; k < sizeof b.h->v / sizeof *v; ++k) bad += !gan__base_is_finite(v[k]);
            bad += !gan__base_is_finite(b.h->l.early) || !gan__base_is_finite(b.h->l.d_log) ||
                   !gan__base_is_finite(b.h->l.g_log) || !gan__base_is_finite(b.h->l.g_loss);
            d = gan_health_diagnose(b.h);
            for (j = 0; j < GAN_INDICATOR_COUNT; ++j) bad += !gan__base_is_finite(d.value[j]);
            CHECK(!bad, "%d numbers are not finite at %g", (int)bad, huge[i]);
            gan_destroy(b.ctx);
        }
    }
}

int main(void)
{
    leads();
    persistence();
    by_hand();
    swings();
    looks();
    stalled();
    provoked();
    exploding();
    no_false_alarms();
    memory_of_it();
    timeline();
    stopping();
    saying();
    nothing();
    return test_done();
}
