// Optimisers: trajectories of 20 steps against loops written here in double from the formulas of PyTorch's
// documentation and the papers, each with flaws that must be caught; clipping, accumulation, extrapolation,
// lookahead; checkpoints at every step; gan_minimize: what it returns, what it leaves alone, NaN and
// infinity. An optimiser without a reference and a test does not compile.
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

enum { N = 37, STEPS = 20, LARGE = 50021 }; // odd sizes, so that vector loops have a tail

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
    const int n = (int)gan_numel(w);
    gan_tensor *a = gan_zeros(ctx, 1, n), *b = gan_zeros(ctx, 1, n);
    int k;
    for (k = 0; k < n; ++k) {
        gan_data(a)[k] = (gan_real)coefficient(k % N);
        gan_data(b)[k] = (gan_real)slope(k % N, t);
    }
    return gan_sum_all(gan_add(gan_mul_scalar(gan_mul(a, gan_square(w)), (gan_real).5), gan_mul(b, w)));
}

// ---- references: one step of each optimiser on n numbers. Formulas: pytorch.org/docs, torch.optim; the
// papers named in the facade.

// What a control asks the reference to do wrongly.
enum {
    NO_BIAS_CORRECTION = 1, // known fault 9: Adam without bias correction
    EPS_INSIDE = 2,
    NO_DECAY = 4,
    FIRST_DAMPED = 8,
    PLAIN_MOMENTUM = 16,
    COUPLED = 32,  // L2 for decoupled decay
    NOT_THE = 64,  // the rule's own idea is left out
    SWAPPED = 128, // a wrong sign, order or constant
    FORGETS = 256  // known fault 6: resumed without the optimiser's state
};

typedef struct ref {
    int n, flaws;
    double lr, mu, tau, b1, b2, al, eps, wd;
    const gan_optimizer_desc *d;
    double best;
} ref;
static double ref_w[LARGE], ref_g[LARGE], ref_raw[LARGE], ref_s[3][LARGE], ref_from[LARGE], ref_slow[LARGE];
#define EACH for (int i = 0; i < r->n; ++i)
#define W ref_w[i]
#define G ref_g[i]
#define S0 ref_s[0][i]
#define S1 ref_s[1][i]
#define S2 ref_s[2][i]

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

static void moments(ref *r) { EACH S0 = r->b1 * S0 + (1 - r->b1) * G, S1 = r->b2 * S1 + (1 - r->b2) * G * G; }
static double corrected(const ref *r, double m, double beta, int t)
{
    return r->flaws & NO_BIAS_CORRECTION ? m : m / (1 - pow(beta, t));
}
static double adam_of(const ref *r, double m, double v, int t)
{
    const double mh = corrected(r, m, r->b1, t), vh = corrected(r, v, r->b2, t);
    return mh / (r->flaws & EPS_INSIDE ? sqrt(vh + r->eps) : sqrt(vh) + r->eps);
}

static void ref_sgd(ref *r, int t)
{
    EACH
    {
        double g = G;
        if (r->mu != 0) {
            S0 = t == 1 && !(r->flaws & FIRST_DAMPED) ? g : r->mu * S0 + (1 - r->tau) * g;
            g = r->d->nesterov && !(r->flaws & PLAIN_MOMENTUM) ? g + r->mu * S0 : S0;
        }
        W -= r->lr * g;
    }
}
static void ref_rmsprop(ref *r, int t)
{
    (void)t;
    EACH
    {
        double avg;
        S0 = r->al * S0 + (1 - r->al) * G * G;
        avg = r->flaws & EPS_INSIDE ? sqrt(S0 + r->eps) : sqrt(S0) + r->eps;
        if (r->mu != 0) S1 = r->mu * S1 + G / avg;
        W -= r->lr * (r->mu != 0 ? S1 : G / avg);
    }
}
static void ref_adam(ref *r, int t)
{
    moments(r);
    EACH W -= r->lr * adam_of(r, S0, S1, t);
}
static void ref_adamw(ref *r, int t) { ref_adam(r, t); }
static void ref_adagrad(ref *r, int t)
{
    const double rate = r->lr / (1 + (t - 1) * (r->flaws & NOT_THE ? 0 : (double)r->d->lr_decay));
    EACH
    {
        if (t == 1) S0 = (double)r->d->initial;
        S0 += G * G;
        W -= rate * G / (r->flaws & EPS_INSIDE ? sqrt(S0 + r->eps) : sqrt(S0) + r->eps);
    }
}
static void ref_adadelta(ref *r, int t)
{
    (void)t;
    EACH
    {
        double x;
        S0 = r->al * S0 + (1 - r->al) * G * G;
        x = r->flaws & EPS_INSIDE ? (sqrt(S1) + r->eps) / (sqrt(S0) + r->eps) * G // here inside is right
                                  : sqrt(S1 + r->eps) / sqrt(S0 + r->eps) * G;
        S1 = r->al * S1 + (1 - r->al) * x * x;
        W -= (r->flaws & NOT_THE ? 1 : r->lr) * x;
    }
}
static void ref_amsgrad(ref *r, int t)
{
    moments(r);
    EACH
    {
        S2 = S2 > S1 && !(r->flaws & NOT_THE) ? S2 : S1;
        W -= r->lr * adam_of(r, S0, S2, t);
    }
}
static void ref_adamax(ref *r, int t)
{
    EACH
    {
        const double u = fabs(G) + r->eps;
        S0 = r->b1 * S0 + (1 - r->b1) * G;
        S1 = r->b2 * S1 > u && !(r->flaws & NOT_THE) ? r->b2 * S1 : u;
        W -= r->lr * corrected(r, S0, r->b1, t) / S1;
    }
}
static void ref_nadam(ref *r, int t)
{
    const double psi = (double)r->d->momentum_decay;
    double product = 1, mu = 0, next = 0;
    int k;
    for (k = 1; k <= t; ++k) product *= mu = r->b1 * (1 - .5 * pow(.96, k * psi));
    next = r->b1 * (1 - .5 * pow(.96, (r->flaws & SWAPPED ? t : t + 1) * psi));
    moments(r);
    EACH
    {
        const double den = sqrt(corrected(r, S1, r->b2, t)) + r->eps;
        if (r->flaws & NOT_THE) W -= r->lr * corrected(r, S0, r->b1, t) / den;
        else W -= r->lr * ((1 - mu) / (1 - product) * G + next / (1 - product * next) * S0) / den;
    }
}
static void ref_radam(ref *r, int t)
{
    const double inf = 2 / (1 - r->b2) - 1;
    const double rho = inf - 2 * t * pow(r->b2, t) / (1 - pow(r->b2, t));
    moments(r);
    EACH
    {
        const double mh = corrected(r, S0, r->b1, t);
        if (rho <= (r->flaws & SWAPPED ? 4 : 5)) W -= r->lr * mh;
        else
            W -= r->lr * mh * sqrt(1 - pow(r->b2, t)) / (sqrt(S1) + r->eps) *
                 (r->flaws & NOT_THE ? 1 : sqrt((rho - 4) * (rho - 2) * inf / ((inf - 4) * (inf - 2) * rho)));
    }
}
static void ref_adabelief(ref *r, int t)
{
    EACH
    {
        double off;
        S0 = r->b1 * S0 + (1 - r->b1) * G;
        off = r->flaws & NOT_THE ? G : G - S0;
        S1 = r->b2 * S1 + (1 - r->b2) * off * off + (r->flaws & SWAPPED ? 0 : r->eps);
        W -= r->lr * adam_of(r, S0, S1, t);
    }
}
static void ref_yogi(ref *r, int t)
{
    EACH
    {
        if (t == 1) S1 = (double)r->d->initial;
        S0 = r->b1 * S0 + (1 - r->b1) * G;
        if (r->flaws & NOT_THE) S1 = r->b2 * S1 + (1 - r->b2) * G * G;
        else S1 -= (1 - r->b2) * sign_of(S1 - G * G) * G * G;
        W -= r->lr * adam_of(r, S0, S1, t);
    }
}
static void ref_lion(ref *r, int t)
{
    const double first = r->flaws & SWAPPED ? r->b2 : r->b1, then = r->flaws & SWAPPED ? r->b1 : r->b2;
    (void)t;
    EACH
    {
        const double c = first * S0 + (1 - first) * G;
        W -= r->lr * (r->flaws & NOT_THE ? c : sign_of(c));
        S0 = then * S0 + (1 - then) * G;
    }
}
static void ref_lamb(ref *r, int t)
{
    static double u[LARGE];
    double w = 0, m = 0, ratio;
    moments(r);
    EACH
    {
        u[i] = adam_of(r, S0, S1, t) + (r->flaws & NO_DECAY ? 0 : (double)r->d->weight_decay) * W;
        w += W * W, m += u[i] * u[i];
    }
    ratio = w > 0 && m > 0 && !(r->flaws & NOT_THE) ? sqrt(w) / sqrt(m) : 1;
    EACH W -= r->lr * ratio * u[i];
}
static void ref_optimistic_sgd(ref *r, int t)
{
    EACH
    {
        const double past = t == 1 && r->flaws & SWAPPED ? G : S0;
        W += r->flaws & NOT_THE ? -r->lr * G : -2 * r->lr * G + r->lr * past;
        S0 = G;
    }
}
static void ref_optimistic_adam(ref *r, int t)
{
    moments(r);
    EACH
    {
        const double u = adam_of(r, S0, S1, t);
        W += r->flaws & NOT_THE ? -r->lr * u : -2 * r->lr * u + r->lr * S2;
        S2 = u;
    }
}
static void ref_subgradient(ref *r, int t)
{
    double norm = 0, step = r->lr;
    EACH norm += G * G;
    if (r->d->step_rule == GAN_STEP_LENGTH && !(r->flaws & NOT_THE)) step /= sqrt(norm);
    if (r->d->step_rule == GAN_STEP_ROOT) step /= r->flaws & SWAPPED ? t : sqrt((double)t);
    EACH W -= step * G;
}

static void (*const references[])(ref *r, int t) = {
#define ROW(id, name, states) ref_##name,
    GAN_OPTIMIZERS(ROW)
#undef ROW
};

static int decoupled(gan_optimizer_kind kind)
{
    return kind == GAN_OPTIMIZER_ADAMW || kind == GAN_OPTIMIZER_LION || kind == GAN_OPTIMIZER_LAMB;
}

static ref ref_begin(const gan_optimizer_desc *d, int n, int flaws)
{
    ref r;
    int i, k;
    memset(&r, 0, sizeof r);
    r.n = n, r.flaws = flaws, r.d = d;
    r.lr = (double)d->lr, r.mu = (double)d->momentum, r.tau = (double)d->dampening;
    r.b1 = (double)d->beta1, r.b2 = (double)d->beta2, r.al = (double)d->alpha, r.eps = (double)d->eps;
    r.wd = flaws & NO_DECAY ? 0 : (double)d->weight_decay;
    for (i = 0; i < n; ++i) {
        ref_w[i] = ref_slow[i] = start(i % N);
        for (k = 0; k < 3; ++k) ref_s[k][i] = 0;
    }
    return r;
}

// The gradient of step t's loss where the weights are.
static void ref_gradient(ref *r, int t) { EACH ref_raw[i] = coefficient(i % N) * W + slope(i % N, t); }

// From ref_raw to ref_g: clipped, with L2 decay of the weights as they are.
static void ref_clip(ref *r)
{
    const double value = (double)r->d->clip_value, most = (double)r->d->clip_norm;
    const int l2 = !decoupled(r->d->kind) || (r->flaws & COUPLED && r->d->kind != GAN_OPTIMIZER_LAMB);
    double norm = 0, factor = 1;
    EACH
    {
        G = ref_raw[i];
        if (value > 0) G = G > value ? value : G < -value ? -value : G;
        norm += G * G;
    }
    if (most > 0) factor = most / (sqrt(norm) + 1e-6);
    EACH G = (factor < 1 ? factor : 1) * G + (l2 ? r->wd * W : 0);
}

// The k-th update, by ref_g.
static void ref_update(ref *r, int k)
{
    const gan_optimizer_kind kind = r->d->kind;
    if (decoupled(kind) && kind != GAN_OPTIMIZER_LAMB && !(r->flaws & COUPLED)) EACH W *= 1 - r->lr * r->wd;
    references[kind](r, k);
}

// 20 steps on the first n numbers.
static void reference(const gan_optimizer_desc *d, int n, int flaws, int steps)
{
    ref r = ref_begin(d, n, flaws);
    int t;
    for (t = 1; t <= steps; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        if (flaws & FORGETS && t > 1) memset(ref_s, 0, sizeof ref_s);
        ref_update(&r, flaws & FORGETS ? 1 : t);
    }
}

// ---- the same by gan.h

typedef struct subject {
    gan_context *ctx;
    gan_model *m;
    gan_optimizer *o;
    gan_tensor *w;
} subject;

static subject begin(gan_context *ctx, gan_optimizer_desc d)
{
    subject s;
    int k;
    s.ctx = ctx;
    s.m = gan_model_create(ctx, "m", one_parameter, NULL);
    gan_scope_open(ctx);
    (void)gan_forward(s.m, gan_zeros(ctx, 1, N), NULL);
    gan_scope_close(ctx);
    s.w = gan_model_find(s.m, "w");
    for (k = 0; k < N; ++k) gan_data(s.w)[k] = (gan_real)start(k);
    s.o = gan_optimizer_create(s.m, d);
    return s;
}

static void run(gan_context *ctx, gan_optimizer_desc d, int steps, double *out)
{
    subject s = begin(ctx, d);
    int k, t;
    for (t = 1; t <= steps; ++t) (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    for (k = 0; k < N; ++k) out[k] = (double)gan_data(s.w)[k];
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
}

static void trajectory(const char *what, gan_optimizer_desc d, int flaws, double tol)
{
    static const int steps[] = {1, 2, STEPS};
    gan_context *ctx;
    double got[N];
    size_t s;
    for (s = 0; s < COUNT(steps); ++s) {
        ctx = gan_create(NULL);
        run(ctx, d, steps[s], got);
        reference(&d, N, flaws, steps[s]);
        CHECK_ARRAY(N, got, ref_w, tol, tol, what);
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
static gan_optimizer_desc with_eps(gan_optimizer_desc d, double eps)
{
    d.eps = (gan_real)eps;
    return d;
}

// ---- each optimiser: what its constructor gives, its rule, its flaws

static void test_sgd(void)
{
    gan_optimizer_desc d = gan_sgd((gan_real).05, 0);
    TEST ("sgd") trajectory("plain", d, 0, TOL);
    TEST ("sgd with weight decay") trajectory("decay", with(d, 0, 0, 0, .3), 0, TOL);
    TEST ("sgd with momentum") trajectory("momentum", gan_sgd((gan_real).05, (gan_real).9), 0, TOL);
    TEST ("sgd with negative momentum (Gidel 2019b)")
        trajectory("negative", gan_sgd((gan_real).05, (gan_real)-.5), 0, TOL);
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
    gan_optimizer_desc e = with_eps(d, .1);
    TEST ("rmsprop, with alpha .99 and eps 1e-8 by default") {
        CHECK_NEAR(d.alpha, .99, 1e-7, "alpha");
        CHECK_NEAR(d.eps, 1e-8, 1e-14, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("rmsprop with momentum and weight decay") trajectory("momentum", with(d, .7, 0, 0, .2), 0, TOL);
    TEST ("rmsprop with negative momentum") trajectory("negative", with(d, -.5, 0, 0, 0), 0, TOL);
    TEST ("rmsprop with a large eps: it is added to the root") trajectory("eps", e, 0, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", e, EPS_INSIDE, TOL);
}

static void test_adam(void)
{
    gan_optimizer_desc d = gan_adam((gan_real).02, (gan_real).9, (gan_real).999);
    gan_optimizer_desc e = with_eps(d, .1);
    TEST ("adam, with eps 1e-8 by default") {
        CHECK_NEAR(d.eps, 1e-8, 1e-14, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adam with the betas of GANs: .5 and .999")
        trajectory("gan", gan_adam((gan_real).02, (gan_real).5, (gan_real).999), 0, TOL);
    TEST ("adam with beta1 0") trajectory("beta1 0", gan_adam((gan_real).02, 0, (gan_real).9), 0, TOL);
    TEST ("adam with a negative beta1: negative momentum")
        trajectory("beta1 -.5", gan_adam((gan_real).02, (gan_real)-.5, (gan_real).9), 0, TOL);
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

static void test_adamw(void)
{
    gan_optimizer_desc d = gan_adamw((gan_real).02, (gan_real).9, (gan_real).999, (gan_real).3);
    TEST ("adamw: its decay shrinks the weights, apart from the gradient") trajectory("adamw", d, 0, TOL);
    TEST ("adamw without decay is adam, bit for bit") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        double one[N], two[N];
        run(a, gan_adam((gan_real).02, (gan_real).9, (gan_real).999), STEPS, one);
        run(b, gan_adamw((gan_real).02, (gan_real).9, (gan_real).999, 0), STEPS, two);
        CHECK_BYTES(one, two, sizeof one, "weights");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST_MUST_FAIL ("L2 in the gradient for AdamW's decay is caught") trajectory("adamw", d, COUPLED, TOL);
    TEST_MUST_FAIL ("a missing decay is caught") trajectory("adamw", d, NO_DECAY, TOL);
}

static void test_adagrad(void)
{
    gan_optimizer_desc d = gan_adagrad((gan_real).1), e = d, f = with_eps(d, .1);
    e.lr_decay = (gan_real).1, e.initial = (gan_real).5;
    TEST ("adagrad, with eps 1e-10 by default") {
        CHECK_NEAR(d.eps, 1e-10, 1e-16, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adagrad with a falling rate, an initial sum and weight decay")
        trajectory("lr_decay", with(e, 0, 0, 0, .2), 0, TOL);
    TEST ("adagrad with a large eps: it is added to the root") trajectory("eps", f, 0, TOL);
    TEST_MUST_FAIL ("a rate that does not fall is caught") trajectory("lr_decay", e, NOT_THE, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", f, EPS_INSIDE, TOL);
}

static void test_adadelta(void)
{
    gan_optimizer_desc d = gan_adadelta((gan_real).5);
    TEST ("adadelta, with alpha .9 and eps 1e-6 by default") {
        CHECK_NEAR(d.alpha, .9, 1e-7, "alpha");
        CHECK_NEAR(d.eps, 1e-6, 1e-12, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adadelta with a large eps, which is under both roots, and decay")
        trajectory("eps", with(with_eps(d, .1), 0, 0, 0, .2), 0, TOL);
    TEST_MUST_FAIL ("eps outside the roots is caught") trajectory("eps", with_eps(d, .1), EPS_INSIDE, TOL);
    TEST_MUST_FAIL ("a rate of 1 whatever lr says is caught") trajectory("plain", d, NOT_THE, TOL);
}

// An Adam with one idea more: it, its betas for GANs, decay, and the control that leaves the idea out.
static void adam_like(const char *name, gan_optimizer_desc d, const char *flaw, int flaws, double eps)
{
    gan_optimizer_desc e = with_eps(d, eps), g = d;
    g.beta1 = (gan_real).5;
    g.beta2 = (gan_real).9;
    TESTF ("%s", name) trajectory(name, d, 0, TOL);
    TESTF ("%s with betas .5 and .9 and weight decay", name) trajectory(name, with(g, 0, 0, 0, .2), 0, TOL);
    TESTF ("%s with a negative beta1", name) {
        g.beta1 = (gan_real)-.5;
        trajectory(name, g, 0, TOL);
    }
    TESTF ("%s with a large eps", name) trajectory(name, e, 0, TOL);
    TESTF_MUST_FAIL ("%s: %s is caught", name, flaw) trajectory(name, d, flaws, TOL);
    TESTF_MUST_FAIL ("%s without bias correction is caught", name)
        trajectory(name, d, NO_BIAS_CORRECTION, TOL);
}

#define BETAS (gan_real).02, (gan_real).9, (gan_real).999

static void test_amsgrad(void)
{
    gan_optimizer_desc d = gan_amsgrad((gan_real).02, (gan_real).9, (gan_real).6);
    adam_like("amsgrad", d, "the latest v for the largest", NOT_THE, .1);
    TEST_MUST_FAIL ("amsgrad: eps under the root is caught")
        trajectory("eps", with_eps(d, .1), EPS_INSIDE, TOL);
}
static void test_adamax(void)
{
    adam_like("adamax", gan_adamax(BETAS), "|d| for its running maximum", NOT_THE, .1);
}
static void test_nadam(void)
{
    TEST ("nadam: momentum_decay is .004 by default")
        CHECK_NEAR(gan_nadam(BETAS).momentum_decay, .004, 1e-9, "psi");
    adam_like("nadam", gan_nadam(BETAS), "Adam's m", NOT_THE, .1);
    TEST_MUST_FAIL ("nadam: this step's mu for the next one's is caught") {
        gan_optimizer_desc d = gan_nadam(BETAS);
        d.momentum_decay = 1;
        trajectory("mu", d, SWAPPED, TOL);
    }
}
static void test_radam(void)
{
    adam_like("radam", gan_radam(BETAS), "no rectification", NOT_THE, .1);
    TEST ("radam: where the variance of v is never tractable (beta2 .6) it is momentum alone")
        trajectory("beta2 .6", gan_radam((gan_real).02, (gan_real).9, (gan_real).6), 0, TOL);
    TEST_MUST_FAIL ("radam: a threshold of 4 for 5 is caught")
        trajectory("4", gan_radam(BETAS), SWAPPED, TOL);
}
static void test_adabelief(void)
{
    TEST ("adabelief: eps is 1e-16 by default") CHECK_NEAR(gan_adabelief(BETAS).eps, 1e-16, 1e-22, "eps");
    adam_like("adabelief", gan_adabelief(BETAS), "d for d - m", NOT_THE, .01);
    TEST_MUST_FAIL ("adabelief: an eps that does not enter s is caught")
        trajectory("eps", with_eps(gan_adabelief(BETAS), .01), SWAPPED, TOL);
}
static void test_yogi(void)
{
    gan_optimizer_desc d = gan_yogi((gan_real).02, (gan_real).9, (gan_real).9);
    TEST ("yogi: eps is 1e-3 and the first v 1e-6 by default") {
        CHECK_NEAR(d.eps, 1e-3, 1e-9, "eps");
        CHECK_NEAR(d.initial, 1e-6, 1e-12, "initial");
    }
    adam_like("yogi", d, "Adam's v", NOT_THE, .1);
}
static void test_lion(void)
{
    gan_optimizer_desc d = gan_lion((gan_real).02, (gan_real).9, (gan_real).99, (gan_real).2);
    TEST ("lion: the sign of an interpolation, decoupled decay") trajectory("lion", d, 0, TOL);
    TEST ("lion moves every weight by exactly lr where there is no decay") {
        gan_context *ctx = gan_create(NULL);
        double got[N];
        int k;
        run(ctx, gan_lion((gan_real).25, (gan_real).9, (gan_real).99, 0), 1, got);
        for (k = 0; k < N; ++k)
            CHECK_NEAR(got[k], start(k) - .25 * sign_of(coefficient(k) * start(k) + slope(k, 1)), 1e-6, "w");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("lion: beta1 and beta2 exchanged are caught") trajectory("betas", d, SWAPPED, TOL);
    TEST_MUST_FAIL ("lion: no sign is caught") trajectory("sign", d, NOT_THE, TOL);
    TEST_MUST_FAIL ("lion: L2 in the gradient is caught") trajectory("decay", d, COUPLED, TOL);
}
static void test_lamb(void)
{
    gan_optimizer_desc d = gan_lamb((gan_real).02, (gan_real).9, (gan_real).999, (gan_real).1);
    adam_like("lamb", d, "a ratio of norms of 1", NOT_THE, .1);
    TEST_MUST_FAIL ("lamb: a missing decay is caught") trajectory("decay", d, NO_DECAY, TOL);
    TEST ("lamb moves the weights by lr |w|, in norm") {
        gan_context *ctx = gan_create(NULL);
        double got[N], moved = 0, norm = 0;
        int k;
        run(ctx, d, 1, got);
        for (k = 0; k < N; ++k) moved += pow(got[k] - start(k), 2), norm += start(k) * start(k);
        CHECK_NEAR(sqrt(moved / norm), .02, 1e-6, "|w' - w| / |w|");
        gan_destroy(ctx);
    }
}
static void test_optimistic_sgd(void)
{
    gan_optimizer_desc d = gan_optimistic_sgd((gan_real).05);
    TEST ("optimistic sgd") trajectory("plain", d, 0, TOL);
    TEST ("optimistic sgd with weight decay") trajectory("decay", with(d, 0, 0, 0, .2), 0, TOL);
    TEST_MUST_FAIL ("gradient descent for it is caught") trajectory("plain", d, NOT_THE, TOL);
    TEST_MUST_FAIL ("a first past gradient that is not 0 is caught") trajectory("plain", d, SWAPPED, TOL);
}
static void test_optimistic_adam(void)
{
    adam_like("optimistic adam", gan_optimistic_adam(BETAS), "Adam's step", NOT_THE, .1);
    TEST ("the first step of optimistic adam is twice adam's") {
        gan_context *ctx = gan_create(NULL);
        double got[N];
        int k;
        run(ctx, gan_optimistic_adam(BETAS), 1, got);
        for (k = 0; k < N; ++k)
            CHECK_NEAR(got[k], start(k) - .04 * sign_of(coefficient(k) * start(k) + slope(k, 1)), 1e-5, "w");
        gan_destroy(ctx);
    }
}
static void test_subgradient(void)
{
    gan_optimizer_desc d = gan_subgradient((gan_real).05, GAN_STEP_CONSTANT);
    gan_optimizer_desc e = gan_subgradient((gan_real).5, GAN_STEP_LENGTH);
    gan_optimizer_desc f = gan_subgradient((gan_real).1, GAN_STEP_ROOT);
    TEST ("the subgradient method, constant steps") trajectory("constant", d, 0, TOL);
    TEST ("the subgradient method, steps of constant length") trajectory("length", e, 0, TOL);
    TEST ("the subgradient method, steps that fall with the root") trajectory("root", f, 0, TOL);
    TEST_MUST_FAIL ("steps that are not of constant length are caught") trajectory("length", e, NOT_THE, TOL);
    TEST_MUST_FAIL ("steps that fall with k are caught") trajectory("root", f, SWAPPED, TOL);
}

// A description of each optimiser for the tests that all must pass.
static gan_optimizer_desc sample(gan_optimizer_kind kind)
{
    gan_optimizer_desc d;
    memset(&d, 0, sizeof d);
    d.kind = kind;
    d.lr = kind == GAN_OPTIMIZER_ADADELTA ? (gan_real).5 : (gan_real).02;
    d.momentum = (gan_real).7;
    d.beta1 = (gan_real).6;
    d.beta2 = (gan_real).9;
    d.alpha = (gan_real).9;
    d.eps = (gan_real)1e-6;
    d.initial = (gan_real)1e-3;
    d.lr_decay = (gan_real).01;
    d.momentum_decay = (gan_real).01;
    d.weight_decay = kind == GAN_OPTIMIZER_SUBGRADIENT ? 0 : (gan_real).1;
    d.step_rule = GAN_STEP_LENGTH;
    return d;
}

// ---- what every optimiser can do

// Clipping by value, by norm, by both.
static void clipping(const char *name, gan_optimizer_desc d)
{
    gan_optimizer_desc value = d, norm = d, both = d, none = d;
    value.clip_value = (gan_real).7;
    norm.clip_norm = 2;
    both.clip_value = (gan_real)1.5, both.clip_norm = 4;
    none.clip_value = 1000, none.clip_norm = 100000;
    TESTF ("%s, gradients clipped by value", name) trajectory(name, value, 0, TOL);
    TESTF ("%s, gradients clipped by norm", name) trajectory(name, norm, 0, TOL);
    TESTF ("%s, gradients clipped by value, then by norm", name) trajectory(name, both, 0, TOL);
    TESTF ("%s: bounds that are not reached change no bit", name) {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        double one[N], two[N];
        run(a, d, STEPS, one);
        run(b, none, STEPS, two);
        CHECK_BYTES(one, two, sizeof one, "weights");
        gan_destroy(a);
        gan_destroy(b);
    }
}

static gan_tensor *line(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", x, 1);
}

// How far the bias goes whose gradient is 1, beside weights with the gradient (1, 2, 3), clipped to norm .25.
static double clipped_bias(void)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", line, NULL);
    gan_optimizer_desc d = gan_sgd(1, 0);
    static const gan_real x[3] = {1, 2, 3};
    gan_optimizer *o;
    double moved;
    d.clip_norm = (gan_real).25;
    o = gan_optimizer_create(m, d);
    gan_model_init(m, gan_init_zeros());
    (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_from(ctx, x, 2, 1, 3), NULL)));
    moved = (double)gan_item(gan_model_find(m, "fc.bias"));
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return moved;
}

static void clipping_facts(void)
{
    TEST ("a gradient clipped by norm has that norm times n / (n + 1e-6); the norm told is the one before") {
        gan_optimizer_desc d = gan_sgd(1, 0);
        gan_context *ctx = gan_create(NULL);
        subject s;
        double moved = 0, norm = 0;
        int k;
        d.clip_norm = (gan_real).25;
        s = begin(ctx, d);
        (void)gan_minimize(s.o, quadratic(ctx, s.w, 1));
        for (k = 0; k < N; ++k) {
            moved += pow((double)gan_data(s.w)[k] - start(k), 2);
            norm += pow(coefficient(k) * start(k) + slope(k, 1), 2);
        }
        CHECK_NEAR(sqrt(moved), .25 * sqrt(norm) / (sqrt(norm) + 1e-6), 1e-6, "the step's length");
        CHECK_NEAR(gan_optimizer_norm(s.o), sqrt(norm), 1e-4, "the norm told");
        gan_destroy(ctx);
    }
    TEST ("an infinite gradient is an error, not clipped to a number") {
        gan_optimizer_desc d = gan_sgd(1, 0);
        gan_context *ctx = gan_create(NULL);
        subject s;
        d.clip_value = (gan_real).5, d.clip_norm = 1;
        s = begin(ctx, d);
        (void)gan_minimize(s.o, gan_sum_all(gan_sqrt(gan_mul_scalar(gan_square(s.w), 0))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        CHECK_NEAR(gan_data(s.w)[0], start(0), 0, "w");
        gan_destroy(ctx);
    }
    TEST ("the norm of clipping is that of all parameters together")
        CHECK_NEAR(clipped_bias(), -.25 / sqrt(1. + 4 + 9 + 1), 1e-6, "bias");
    TEST_MUST_FAIL ("a norm of each parameter is caught") CHECK_NEAR(clipped_bias(), -.25, 1e-6, "bias");
}

// Three losses accumulated into each step against the gradient of their sum.
static void accumulation(const char *name, gan_optimizer_desc d, int forget)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    ref r;
    double got[N];
    int t, k, i;
    for (t = 1; t <= STEPS; ++t)
        for (k = 0; k < 3; ++k) {
            const gan_real before = gan_data(s.w)[3];
            if (k < 2) (void)gan_accumulate(s.o, quadratic(ctx, s.w, 3 * t + k));
            else (void)gan_minimize(s.o, quadratic(ctx, s.w, 3 * t + k));
            if (k < 2) CHECK(gan_data(s.w)[3] == before, "gan_accumulate moved a weight");
        }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < N; ++i) got[i] = (double)gan_data(s.w)[i];
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (t = 1; t <= STEPS; ++t) {
        for (i = 0; i < N; ++i) {
            ref_raw[i] = 0;
            for (k = forget; k < 3; ++k) ref_raw[i] += coefficient(i) * ref_w[i] + slope(i, 3 * t + k);
        }
        ref_clip(&r);
        ref_update(&r, t);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, name);
}

static void accumulation_facts(void)
{
    TEST ("four batches of 8, their losses a quarter each, step like one batch of 32") {
        gan_real after[2][4];
        int way, i, k;
        for (way = 0; way < 2; ++way) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", line, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).1, (gan_real).5, (gan_real).9));
            static gan_real data[32][3];
            for (i = 0; i < 32 * 3; ++i) data[i / 3][i % 3] = (gan_real)sin(i * 1.3);
            for (k = 0; k < 5; ++k) {
                if (!way)
                    (void)gan_minimize(
                        o, gan_mean_all(gan_square(gan_forward(m, gan_from(ctx, data[0], 2, 32, 3), NULL))));
                for (i = 0; i < 4 && way; ++i) {
                    gan_tensor *loss = gan_mul_scalar(
                        gan_mean_all(gan_square(gan_forward(m, gan_from(ctx, data[8 * i], 2, 8, 3), NULL))),
                        (gan_real).25);
                    (void)(i < 3 ? gan_accumulate(o, loss) : gan_minimize(o, loss));
                }
            }
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_read(gan_model_find(m, "fc.weight"), after[way], 3);
            after[way][3] = gan_item(gan_model_find(m, "fc.bias"));
            gan_destroy(ctx);
        }
        CHECK_ARRAY(4, after[0], after[1], TOL * .1, TOL * .1, "weights");
    }
    TEST_MUST_FAIL ("an accumulation that forgets its first loss is caught")
        accumulation("sgd", gan_sgd((gan_real).01, 0), 1);
    TEST ("a NaN in an accumulated loss changes neither weights nor what was accumulated") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_sgd((gan_real).01, 0));
        (void)gan_accumulate(s.o, quadratic(ctx, s.w, 1));
        (void)gan_accumulate(s.o, gan_sum_all(gan_log(gan_mul_scalar(gan_square(s.w), -1))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_minimize(s.o, quadratic(ctx, s.w, 2));
        CHECK_NEAR(gan_data(s.w)[5],
                   start(5) - .01 * (2 * coefficient(5) * start(5) + slope(5, 1) + slope(5, 2)), 1e-5, "w");
        gan_destroy(ctx);
    }
}

// Extrapolation, then an update from where it began. Both count as steps of the rule (Gidel 2019, algorithm
// 4). stay: a flawed reference that does not go back.
static void extrapolation(const char *name, gan_optimizer_desc d, int stay)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    ref r;
    double got[N];
    int t, i;
    for (t = 1; t <= STEPS; t += 2) {
        (void)gan_extrapolate(s.o, quadratic(ctx, s.w, t));
        (void)gan_minimize(s.o, quadratic(ctx, s.w, t + 1));
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < N; ++i) got[i] = (double)gan_data(s.w)[i];
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (t = 1; t <= STEPS; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        if (t % 2) memcpy(ref_from, ref_w, sizeof ref_from);
        else if (!stay) memcpy(ref_w, ref_from, sizeof ref_from);
        ref_update(&r, t);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, name);
}

// Lookahead every 4 steps, alpha .5; the call before the first step remembers the weights.
static void lookahead(const char *name, gan_optimizer_desc d, double alpha)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    ref r;
    double got[N];
    int t, i;
    for (t = 1; t <= STEPS; ++t) {
        if (t % 4 == 1) gan_lookahead(s.o, (gan_real).5);
        (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    }
    gan_lookahead(s.o, (gan_real).5);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < N; ++i) got[i] = (double)gan_data(s.w)[i];
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (t = 1; t <= STEPS; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        ref_update(&r, t);
        for (i = 0; i < N && t % 4 == 0; ++i) ref_w[i] = ref_slow[i] += alpha * (ref_w[i] - ref_slow[i]);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, name);
}

// ---- checkpoints. A run of everything that has state: accumulation, extrapolation, lookahead.
enum { CALLS = 14 };

static void one_call(subject *s, int k)
{
    if (k % 7 == 0 || k % 7 == 5) gan_lookahead(s->o, (gan_real).5);
    else if (k % 7 == 1 || k % 7 == 2) (void)gan_accumulate(s->o, quadratic(s->ctx, s->w, k));
    else if (k % 7 == 4) (void)gan_extrapolate(s->o, quadratic(s->ctx, s->w, k));
    else (void)gan_minimize(s->o, quadratic(s->ctx, s->w, k));
}
// lookahead must not fall between extrapolation and update: the order is L A A M E M L
static void every_call(subject *s, int from, int to)
{
    static const int order[7] = {0, 1, 2, 3, 4, 6, 5};
    int k;
    for (k = from; k < to; ++k) one_call(s, k / 7 * 7 + order[k % 7]);
}

// The ways to go on from call k: into a new context, now and then by way of a second file, of what was not
// claimed yet; back, in a run that went elsewhere; from read-only memory; with the weights alone (fault 6).
enum { ANEW, BACK, MEMORY, WEIGHTS };

static subject go_on(gan_context *ctx, gan_optimizer_desc d, int way, int k, const char *path,
                     const gan_real *weights, const void *bytes, size_t size)
{
    subject s;
    if (way == BACK || way == WEIGHTS) {
        s = begin(ctx, d);
        if (way == WEIGHTS) memcpy(gan_data(s.w), weights, N * sizeof *weights);
        if (way == BACK) every_call(&s, 0, (k + 3) % CALLS);
        if (way == BACK) CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
        return s;
    }
    if (way == ANEW) CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
    else CHECK(gan_load_memory(ctx, bytes, size) == 0, "%s", gan_error_message(ctx));
    if (way == ANEW && k % 4 == 3) CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
    s.ctx = ctx;
    s.m = gan_model_create(ctx, "m", one_parameter, NULL);
    gan_scope_open(ctx);
    (void)gan_forward(s.m, gan_zeros(ctx, 1, N), NULL);
    gan_scope_close(ctx);
    s.w = gan_model_find(s.m, "w");
    s.o = gan_optimizer_create(s.m, d);
    return s;
}

static void resumed(const char *name, gan_optimizer_desc d, int from, int to)
{
    static int64_t file[2][2048];
    const char *path = test_path("optim.safetensors");
    gan_real whole[N], at[N], got[N];
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    int k, way;
    every_call(&s, 0, CALLS);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_read(s.w, whole, N);
    gan_destroy(ctx);
    for (k = 0; k < CALLS; ++k) {
        size_t size = 0;
        FILE *f;
        ctx = gan_create(NULL);
        s = begin(ctx, d);
        every_call(&s, 0, k);
        gan_read(s.w, at, N);
        if (from < WEIGHTS) {
            CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
            f = fopen(path, "rb");
            size = f ? fread(file[0], 1, sizeof file[0], f) : 0;
            if (f) fclose(f);
            memcpy(file[1], file[0], sizeof file[0]);
            CHECK(size > 0 && size < sizeof file[0], "a file of %lu bytes", (unsigned long)size);
        }
        gan_destroy(ctx);
        for (way = from; way <= to; ++way) {
            ctx = gan_create(NULL);
            s = go_on(ctx, d, way, k, path, at, file[0], size);
            every_call(&s, k, CALLS);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_read(s.w, got, N);
            CHECK_BYTES(whole, got, sizeof got, name);
            gan_destroy(ctx);
        }
        if (from < WEIGHTS) CHECK_BYTES(file[0], file[1], sizeof file[0], "the read-only memory");
    }
}

// ---- the guard

static size_t bytes_of(const gan__state *s)
{
    return s->count * (s->kind == GAN__STATE_I64 ? sizeof(int64_t) : sizeof(gan_real));
}

static void guarded(const char *name, gan_optimizer_desc d)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    const gan__state *state;
    int way;
    every_call(&s, 0, 5); // an accumulated gradient applied, the weights extrapolated
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (way = 0; way < 3; ++way) {
        static unsigned char before[16][N * sizeof(gan_real)];
        gan_tensor *bad = gan_sum_all(gan_sqrt(gan_mul_scalar(gan_square(s.w), 0))); // 0; gradient 0 / 0
        int i;
        for (i = 0, state = ctx->states; state && i < 16; state = state->next, ++i)
            memcpy(before[i], state->data, bytes_of(state));
        if (way == 0) (void)gan_minimize(s.o, bad);
        if (way == 1) (void)gan_extrapolate(s.o, gan_sum_all(gan_log(gan_mul_scalar(gan_square(s.w), -1))));
        if (way == 2) (void)gan_accumulate(s.o, bad);
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        for (i = 0, state = ctx->states; state && i < 16; state = state->next, ++i)
            CHECK_BYTES(before[i], state->data, bytes_of(state), state->name);
        CHECK(!state, "more than 16 states");
        gan_error_clear(ctx);
    }
    every_call(&s, 5, CALLS);
    CHECK(gan_error(ctx) == 0, "it goes on: %s", gan_error_message(ctx));
    CHECK(gan__all_finite(s.w), "%s: weights that are not finite", name);
    gan_destroy(ctx);
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
            double got[N];
            if (!ctx) continue;
            reference(&d, N, 0, STEPS);
            run(ctx, d, STEPS, got);
            CHECK_ARRAY(N, got, ref_w, TOL, TOL, gan_isa_name(ctx));
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
            for (k = 0; k < LARGE; ++k) {
                gan_data(w)[k] = (gan_real)start(k % N);
                norm += pow(coefficient(k % N) * start(k % N) + slope(k % N, 1), 2);
            }
            for (t = 1; t <= 3; ++t) {
                (void)gan_minimize(o, quadratic(ctx, w, t));
                if (t == 1) CHECK_NEAR(gan_optimizer_norm(o), sqrt(norm), 1e-4 * sqrt(norm), "norm");
            }
            if (i == 0) {
                reference(&d, LARGE, 0, 3);
                CHECK_ARRAY(LARGE, gan_data(w), ref_w, TOL, TOL, name);
                memcpy(first, gan_data(w), sizeof first);
            }
            CHECK_BYTES(first, gan_data(w), sizeof first, "weights");
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
}

// ---- hyperparameters, the subgradient method's best weights, names

static void hyperparameters(void)
{
    static const struct {
        const char *name;
        double bad;
    } hyper[] = {
#define ROW(id, name, least, below) {#name, least < 0 ? (below)*2 : -1},
        GAN_HYPERS(ROW)
#undef ROW
    };
    size_t i;
    TEST ("every hyperparameter can be read, set while it trains, and not set to what it must not be") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, sample(GAN_OPTIMIZER_ADAM));
        for (i = 0; i < COUNT(hyper); ++i) {
            const gan_hyper what = (gan_hyper)i;
            gan_optimizer_set(s.o, what, (gan_real).25);
            CHECK_NEAR(gan_optimizer_get(s.o, what), .25, 0, hyper[i].name);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_optimizer_set(s.o, what, (gan_real)hyper[i].bad);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s %g is no error", hyper[i].name, hyper[i].bad);
            CHECK_TEXT(gan_error_message(ctx), hyper[i].name);
            gan_error_clear(ctx);
            gan_optimizer_set(s.o, what, (gan_real)NAN);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s NaN is no error", hyper[i].name);
            gan_error_clear(ctx);
            CHECK_NEAR(gan_optimizer_get(s.o, what), .25, 0, hyper[i].name);
        }
        gan_optimizer_set(s.o, GAN_HYPER_COUNT, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "an unknown one");
        gan_destroy(ctx);
    }
    TEST ("a beta2 set at step 5 is the one of the steps that follow") {
        gan_optimizer_desc d = gan_adam(BETAS);
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, d);
        ref r = ref_begin(&d, N, 0);
        int t;
        for (t = 1; t <= STEPS; ++t) {
            if (t == 5) gan_optimizer_set(s.o, GAN_HYPER_BETA2, (gan_real).9), r.b2 = (double)(gan_real).9;
            (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
            ref_gradient(&r, t);
            ref_clip(&r);
            ref_update(&r, t);
        }
        CHECK_ARRAY(N, gan_data(s.w), ref_w, TOL, TOL, "weights");
        gan_destroy(ctx);
    }
    TEST ("NULL optimisers are tolerated") {
        gan_optimizer_set(NULL, GAN_HYPER_LR, 1);
        gan_lookahead(NULL, 1);
        CHECK(gan_optimizer_get(NULL, GAN_HYPER_LR) == 0 && gan_optimizer_best(NULL) == 0, "values");
        CHECK(gan_accumulate(NULL, NULL) == 0 && gan_extrapolate(NULL, NULL) == 0, "values");
        CHECK_TEXT(gan_optimizer_name((gan_optimizer_kind)-1), "unknown");
        CHECK_TEXT(gan_optimizer_name(GAN_OPTIMIZER_OPTIMISTIC_ADAM), "optimistic_adam");
    }
    TEST ("calls out of order are errors that say so") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_sgd((gan_real).1, 0));
        (void)gan_optimizer_best(s.o);
        CHECK(gan_error(ctx) == GAN_ERROR_STATE, "best of sgd: code %d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_extrapolate(s.o, quadratic(ctx, s.w, 1));
        gan_lookahead(s.o, (gan_real).5);
        CHECK(gan_error(ctx) == GAN_ERROR_STATE, "lookahead when extrapolated: code %d", gan_error(ctx));
        gan_error_clear(ctx);
        gan_lookahead(s.o, (gan_real)1.5);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "alpha 1.5: code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// f(x) = sum_k c_k |x_k - q_k|, convex, not smooth; min f = 0 at q. G^2 = sum c_k^2 bounds its subgradients.
static double weight_of(int k) { return (double)(gan_real)(.2 + .05 * (k % 7)); }
static double goal(int k) { return (double)(gan_real)sin(.9 * k); }

static gan_tensor *nonsmooth(gan_context *ctx, gan_tensor *w)
{
    gan_tensor *c = gan_zeros(ctx, 1, N), *q = gan_zeros(ctx, 1, N);
    int k;
    for (k = 0; k < N; ++k) gan_data(c)[k] = (gan_real)weight_of(k), gan_data(q)[k] = (gan_real)goal(k);
    return gan_sum_all(gan_mul(c, gan_abs(gan_sub(w, q))));
}

static void best_iterate(void)
{
#define ROW(id, name) #name,
    static const char *const rules[] = {GAN_STEP_RULES(ROW)};
#undef ROW
    static const double rates[] = {.05, .1, .3};
    int rule, k;
    for (rule = 0; rule < (int)GAN_STEP_COUNT; ++rule)
        TESTF (
            "the subgradient method, %s steps: the best f is within (R^2 + G^2 sum a^2) / (2 sum a) at every "
            "step (theorem 6), and its weights come back",
            rules[rule]) {
            gan_context *ctx = gan_create(NULL);
            subject s = begin(ctx, gan_subgradient((gan_real)rates[rule], (gan_step_rule)rule));
            double radius = 0, bound = 0, best = HUGE_VAL, sum = 0, squares = 0, last = 0, rose = 0;
            double at[N] = {0};
            for (k = 0; k < N; ++k) {
                radius += pow(start(k) - goal(k), 2);
                bound += weight_of(k) * weight_of(k);
            }
            for (k = 1; k <= 400; ++k) {
                double f = 0, norm, a = rates[rule];
                int i;
                for (i = 0; i < N; ++i) f += weight_of(i) * fabs((double)gan_data(s.w)[i] - goal(i));
                for (i = 0; i < N && f < best; ++i) at[i] = (double)gan_data(s.w)[i];
                if (f < best) best = f;
                rose += f > last;
                last = f;
                (void)gan_minimize(s.o, nonsmooth(ctx, s.w));
                norm = (double)gan_optimizer_norm(s.o);
                if (rule == GAN_STEP_LENGTH) a /= norm;
                if (rule == GAN_STEP_ROOT) a /= sqrt((double)k);
                sum += a, squares += a * a * norm * norm;
                CHECK(best <= (radius + squares) / (2 * sum) * (1 + 1e-5), "step %d: %g, bound %g", k, best,
                      (radius + squares) / (2 * sum));
                if (rule == GAN_STEP_CONSTANT)
                    CHECK(best <= (radius + bound * a * a * k) / (2 * a * k) * (1 + 1e-5), "step %d: %g", k,
                          best);
            }
            CHECK(rose > 5, "f rose %g times: the last is not the best", rose);
            CHECK_NEAR(gan_optimizer_best(s.o), best, 1e-4, "the best f");
            CHECK_ARRAY(N, gan_data(s.w), at, 1e-6, 1e-6, "its weights");
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("the last iterate for the best one is caught") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_subgradient((gan_real).5, GAN_STEP_CONSTANT));
        gan_real last;
        for (k = 1; k <= 100; ++k) (void)gan_minimize(s.o, nonsmooth(ctx, s.w));
        last = gan_item(nonsmooth(ctx, s.w));
        CHECK_NEAR(gan_optimizer_best(s.o), last, 1e-4, "f");
        gan_destroy(ctx);
    }
    TEST ("accumulated losses count together for the best") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_subgradient((gan_real).01, GAN_STEP_CONSTANT));
        double f = 2 * (double)gan_item(nonsmooth(ctx, s.w));
        (void)gan_accumulate(s.o, nonsmooth(ctx, s.w));
        (void)gan_minimize(s.o, nonsmooth(ctx, s.w));
        CHECK_NEAR(gan_optimizer_best(s.o), f, 1e-4, "f");
        gan_destroy(ctx);
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

static void all_alike(gan_optimizer_kind kind)
{
    const char *name = optimizers[kind].name;
    const gan_optimizer_desc d = sample(kind);
    const int stateless = kind == GAN_OPTIMIZER_SUBGRADIENT;
    clipping(name, d);
    TESTF ("%s: three accumulated losses are their sum", name) accumulation(name, d, 0);
    TESTF ("%s, extrapolated: the gradient found there is applied where it began", name)
        extrapolation(name, d, 0);
    TESTF_MUST_FAIL ("%s: not going back is caught", name) extrapolation(name, d, 1);
    TESTF ("%s with lookahead", name) lookahead(name, d, .5);
    TESTF_MUST_FAIL ("%s: another alpha is caught", name) lookahead(name, d, .4);
    TESTF ("%s, saved at each step and resumed: the same bits", name) resumed(name, d, ANEW, MEMORY);
    if (!stateless) {
        TESTF_MUST_FAIL ("%s resumed without its state is caught (known fault 6)", name)
            resumed(name, d, WEIGHTS, WEIGHTS);
        TESTF_MUST_FAIL ("%s: a rule that forgets is caught", name) trajectory(name, d, FORGETS, TOL);
    }
    TESTF ("%s: a NaN changes no weight and no state", name) guarded(name, d);
    large(name, d);
}

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(optimizers); ++i) optimizers[i].run();
    for (i = 0; i < COUNT(optimizers); ++i) all_alike((gan_optimizer_kind)i);
    clipping_facts();
    accumulation_facts();
    hyperparameters();
    best_iterate();
    minimize();
    spending();
    blame();
    large("sgd", gan_sgd((gan_real).05, 0));
    large("rmsprop without momentum", gan_rmsprop((gan_real).01));
    large("adam with betas .5 and .999", gan_adam((gan_real).02, (gan_real).5, (gan_real).999));
    printf("%d optimisers\n", (int)COUNT(optimizers));
    return test_done();
}
