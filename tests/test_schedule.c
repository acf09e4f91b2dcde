// Schedules against closed forms and against the recurrences by which PyTorch's schedulers are defined; the
// plateau against a watch written here. A kind without a reference does not compile.
#include "../gan.h"

#include "test.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-12
#else
#define TOL 1e-6
#endif

enum { WRONG = 1 }; // the flaw that a control asks for

static double pi(void) { return acos(-1.); }

// Each kind by another way than the library's: recurrences, or the wave as a table of angles. t is the step.
static double ref_constant(const gan_schedule *s, double base, int64_t t, int flaw)
{
    (void)s, (void)t;
    return flaw ? base + 1 : base;
}
// LinearLR's recurrence: the same difference every step.
static double ref_linear(const gan_schedule *s, double base, int64_t t, int flaw)
{
    double v = base;
    int64_t k;
    for (k = s->start; k < t && k < s->start + s->steps - (flaw ? 1 : 0); ++k)
        v += ((double)s->end - base) / (double)s->steps;
    return v;
}
// StepLR: multiplied where the step is a multiple.
static double ref_step(const gan_schedule *s, double base, int64_t t, int flaw)
{
    int64_t k;
    for (k = 1; k <= t - s->start; ++k)
        if ((k + flaw) % s->every == 0) base *= (double)s->factor;
    return base;
}
// ExponentialLR: multiplied at every step (by the root where `every` is more).
static double ref_exponential(const gan_schedule *s, double base, int64_t t, int flaw)
{
    int64_t k;
    for (k = flaw; k < t - s->start; ++k)
        base *= exp(log((double)s->factor) / (double)(s->every ? s->every : 1));
    return base;
}
// CosineAnnealingLR, by a turn of the angle each step; with `every` it begins anew.
static double ref_cosine(const gan_schedule *s, double base, int64_t t, int flaw)
{
    const int64_t period = s->every ? s->every : s->steps;
    const double turn = pi() / (double)period * (flaw ? 2 : 1);
    double c = 1, d = 0; // cos, sin
    int64_t k, n = t - s->start;
    if (s->every && n > 0) n %= period;
    for (k = 0; k < n && k < period; ++k) {
        const double e = c * cos(turn) - d * sin(turn);
        d = d * cos(turn) + c * sin(turn);
        c = e;
    }
    return (double)s->end + (base - (double)s->end) * (1 + c) / 2;
}
static double ref_warm_up(const gan_schedule *s, double base, int64_t t, int flaw)
{
    double v = base * (double)s->factor;
    int64_t k;
    for (k = s->start + flaw; k < t && k < s->start + s->steps; ++k)
        v += base * (1 - (double)s->factor) / (double)s->steps;
    return v;
}
static double ref_plateau(const gan_schedule *s, double base, int64_t t, int flaw)
{
    int64_t k;
    for (k = flaw; k < t - s->start; ++k) base *= (double)s->factor;
    return base > (double)s->end ? base : (double)s->end;
}
// 2 / (1 + e^-x) - 1 = tanh(x / 2)
static double ref_ramp(const gan_schedule *s, double base, int64_t t, int flaw)
{
    double p = (double)(t - s->start) / (double)s->steps;
    p = p < 0 ? 0 : p > 1 ? 1 : p;
    return base * tanh((double)(s->factor != 0 ? s->factor : 10) * p / (flaw ? 1 : 2));
}

static const struct {
    const char *name;
    double (*ref)(const gan_schedule *s, double base, int64_t t, int flaw);
} kinds[] = {
#define ROW(id, name, of) {#name, ref_##name},
    GAN_SCHEDULES(ROW)
#undef ROW
};

static gan_schedule sample(gan_schedule_kind kind)
{
    gan_schedule s;
    memset(&s, 0, sizeof s);
    s.kind = kind;
    s.start = 7;
    s.steps = 40;
    s.every = kind == GAN_SCHEDULE_COSINE ? 0 : 9;
    s.end = (gan_real).125;
    s.factor = (gan_real).75;
    return s;
}

static void walk(const char *name, gan_schedule s, int flaw)
{
    static const double bases[] = {2, .5, .0625};
    size_t b;
    int64_t t;
    for (b = 0; b < COUNT(bases); ++b)
        for (t = 0; t < 120; ++t) {
            const double want = kinds[s.kind].ref(&s, bases[b], t, flaw);
            CHECK_NEAR(gan_schedule_at(&s, (gan_real)bases[b], t), want, TOL * (1 + fabs(want)), name);
        }
}

static void closed_forms(void)
{
    gan_schedule s;
    TEST ("nothing but zeros is constant, and NULL too") {
        memset(&s, 0, sizeof s);
        CHECK_NEAR(gan_schedule_at(&s, 3, 1000), 3, 0, "constant");
        CHECK_NEAR(gan_schedule_at(NULL, 3, 1000), 3, 0, "NULL");
        s.kind = (gan_schedule_kind)77;
        CHECK_NEAR(gan_schedule_at(&s, 3, 1000), 3, 0, "an unknown kind");
        CHECK_TEXT(gan_schedule_name((gan_schedule_kind)77), "unknown");
        CHECK_TEXT(gan_schedule_name(GAN_SCHEDULE_WARM_UP), "warm_up");
    }
    TEST ("linear: the middle at half, the end from the end on") {
        s = gan_schedule_linear(100, 200, 0);
        CHECK_NEAR(gan_schedule_at(&s, 4, 0), 4, 0, "before");
        CHECK_NEAR(gan_schedule_at(&s, 4, 100), 4, 0, "at its start");
        CHECK_NEAR(gan_schedule_at(&s, 4, 200), 2, 0, "middle");
        CHECK_NEAR(gan_schedule_at(&s, 4, 300), 0, 0, "end");
        CHECK_NEAR(gan_schedule_at(&s, 4, INT64_MAX), 0, 0, "far behind");
        CHECK_NEAR(gan_schedule_at(&s, 4, INT64_MIN), 4, 0, "far before");
    }
    TEST ("cosine: 3/4 of the way at a third less, the mean in the middle; up as well as down") {
        s = gan_schedule_cosine(0, 60, 1);
        CHECK_NEAR(gan_schedule_at(&s, 3, 20), 2.5, 1e-6, "1/3");
        CHECK_NEAR(gan_schedule_at(&s, 3, 30), 2, 1e-6, "1/2");
        CHECK_NEAR(gan_schedule_at(&s, 3, 60), 1, 1e-6, "1");
        CHECK_NEAR(gan_schedule_at(&s, 0, 30), .5, 1e-6, "up");
    }
    TEST ("step and exponential meet at multiples of every") {
        gan_schedule e;
        int64_t t;
        s = gan_schedule_step(30, (gan_real).1);
        e = s;
        e.kind = GAN_SCHEDULE_EXPONENTIAL;
        CHECK_NEAR(gan_schedule_at(&s, 1, 29), 1, 0, "29");
        CHECK_NEAR(gan_schedule_at(&s, 1, 30), .1, 1e-7, "30");
        CHECK_NEAR(gan_schedule_at(&s, 1, 89), .01, 1e-8, "89");
        for (t = 0; t < 300; t += 30)
            CHECK_NEAR(gan_schedule_at(&s, 1, t), gan_schedule_at(&e, 1, t), 1e-7, "multiples");
    }
    TEST ("the ramp of domain adversarial training: 0 at 0, .9866 at half, .9999 at 1") {
        s = gan_schedule_ramp(100);
        CHECK_NEAR(gan_schedule_at(&s, 1, 0), 0, 0, "0");
        CHECK_NEAR(gan_schedule_at(&s, 1, 50), 2 / (1 + exp(-5.)) - 1, 1e-6, "1/2");
        CHECK_NEAR(gan_schedule_at(&s, 1, 100), 2 / (1 + exp(-10.)) - 1, 1e-6, "1");
    }
    TEST ("defaults: factor .1 for step and exponential, .2 for plateau") {
        s = gan_schedule_step(0, 0);
        CHECK_NEAR(gan_schedule_at(&s, 1, 1), .1, 1e-7, "step");
        s = gan_schedule_exponential(0);
        CHECK_NEAR(gan_schedule_at(&s, 1, 2), .01, 1e-8, "exponential");
        s = gan_schedule_plateau(0, 0);
        CHECK_NEAR(gan_schedule_at(&s, 1, 2), .04, 1e-7, "plateau");
    }
    TEST ("a schedule of no length is a jump at its start") {
        s = gan_schedule_linear(10, 0, 5);
        CHECK_NEAR(gan_schedule_at(&s, 1, 9), 1, 0, "before");
        CHECK_NEAR(gan_schedule_at(&s, 1, 10), 5, 0, "from there on");
        s = gan_schedule_cosine(10, 0, 5);
        CHECK_NEAR(gan_schedule_at(&s, 1, 9), 1, 0, "before, cosine");
        CHECK_NEAR(gan_schedule_at(&s, 1, 10), 5, 0, "from there on, cosine");
    }
    TEST ("before its start, with steps or without, every kind is at its first value") {
        int k;
        for (k = 0; k < (int)GAN_SCHEDULE_COUNT; ++k) {
            s = sample((gan_schedule_kind)k);
            CHECK_NEAR(gan_schedule_at(&s, 2, 3), gan_schedule_at(&s, 2, 7), 0, kinds[k].name);
            s.steps = 0;
            if (s.kind == GAN_SCHEDULE_STEP || s.kind == GAN_SCHEDULE_EXPONENTIAL)
                CHECK_NEAR(gan_schedule_at(&s, 2, 3), 2, 0, kinds[k].name);
        }
    }
    TEST ("they combine: a warm-up of 10 steps, then a cosine to 0 from step 10 to 110") {
        gan_schedule up = gan_schedule_warm_up(10), down = gan_schedule_cosine(10, 100, 0);
        int64_t t;
        for (t = 0; t < 120; ++t) {
            const double want = t < 10    ? .1 * (double)t
                                : t > 110 ? 0
                                          : (1 + cos(pi() * (double)(t - 10) / 100)) / 2;
            CHECK_NEAR(gan_schedule_at(&down, gan_schedule_at(&up, 1, t), t), want, 1e-6, "both");
        }
    }
}

// A watch of our own over the whole history: a drop when more than `patience` values in a row, counted from
// the last best one or the last drop, are not below the best before them.
static int64_t watch(const double *metric, int n, int patience)
{
    double best = metric[0];
    int i, since = 0;
    int64_t drops = 0;
    for (i = 1; i < n; ++i) {
        since = metric[i] < best ? 0 : since + 1;
        best = metric[i] < best ? metric[i] : best;
        if (since == patience + 1) ++drops, since = 0;
    }
    return drops;
}

static void plateau(int off)
{
    int patience, i;
    for (patience = 1; patience < 8; ++patience) {
        const gan_schedule s = gan_schedule_plateau((gan_real).5, patience);
        gan_plateau p;
        double metric[200];
        memset(&p, 0, sizeof p);
        for (i = 0; i < 200; ++i) {
            metric[i] = (double)(gan_real)(5 * exp(-.02 * i) + test_uniform(-.5, .5));
            CHECK(gan_plateau_step(&p, &s, (gan_real)metric[i]) == watch(metric, i + 1, patience + off),
                  "patience %d, value %d: %d drops", patience, i, (int)p.drops);
        }
    }
}

static void plateau_facts(void)
{
    TEST ("a plateau drops after patience + 1 values that are no better, and again") plateau(0);
    TEST_MUST_FAIL ("a drop one value early is caught") plateau(-1);
    TEST ("the default patience is 5; its drops give the rate; a NaN is no better; NULL is tolerated") {
        const gan_schedule s = gan_schedule_plateau(0, 0);
        gan_plateau p;
        int64_t drops = 0;
        int i;
        memset(&p, 0, sizeof p);
        for (i = 0; i < 6; ++i) drops = gan_plateau_step(&p, &s, i ? (gan_real)NAN : 1);
        CHECK(drops == 0, "%d drops after five NaN", (int)drops);
        drops = gan_plateau_step(&p, &s, 2);
        CHECK(drops == 1, "%d drops after six", (int)drops);
        CHECK_NEAR(gan_schedule_at(&s, 1, drops), .2, 1e-7, "rate");
        CHECK(gan_plateau_step(NULL, &s, 1) == 0, "NULL");
        CHECK(gan_plateau_step(&p, NULL, 1) == 1, "NULL");
        memset(&p, 0, sizeof p);
        for (i = 0; i < 12; ++i) drops = gan_plateau_step(&p, &s, i ? 10 - (gan_real)i : (gan_real)NAN);
        CHECK(drops == 0, "%d drops of a metric that falls after a first NaN", (int)drops);
    }
}

int main(void)
{
    size_t k;
    for (k = 0; k < COUNT(kinds); ++k) {
        const gan_schedule s = sample((gan_schedule_kind)k);
        TESTF ("%s", kinds[k].name) walk(kinds[k].name, s, 0);
        TESTF_MUST_FAIL ("%s: a flawed reference is caught", kinds[k].name) walk(kinds[k].name, s, WRONG);
    }
    TEST ("cosine that begins anew every 9 steps (Loshchilov and Hutter 2016)") {
        gan_schedule s = sample(GAN_SCHEDULE_COSINE);
        s.every = 9;
        walk("restarts", s, 0);
    }
    closed_forms();
    plateau_facts();
    printf("%d schedules\n", (int)COUNT(kinds));
    return test_done();
}
