// Shared by the tests of optimizers: references written here in double from the formulas of PyTorch's
// documentation and the papers, each with flaws that a control asks for, and the same run by gan.h. An
// optimizer without a reference does not compile. Include after gan.h and check.h.
#ifndef OPTIMIZERS_H
#define OPTIMIZERS_H

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 1e-4
#endif

enum { N = 37, STEPS = 20, LARGE = 50021 }; // odd sizes, so that vector loops have a tail

static inline gan_tensor *one_parameter(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), N));
}

// The loss is sum(a w^2 / 2 + b_t w): its gradient is a w + b_t.
static inline double coefficient(int k) { return (double)(gan_real)(.1 + .02 * k); }
static inline double slope(int k, int t) { return (double)(gan_real)(sin(1.7 * k + .9 * t) * (1 + .1 * k)); }
static inline double start(int k) { return (double)(gan_real)(cos(.3 * k) * 2); }

static inline gan_tensor *quadratic(gan_context *ctx, gan_tensor *w, int t)
{
    const int n = (int)gan_numel(w);
    gan_tensor *a = gan_zeros(ctx, n), *b = gan_zeros(ctx, n);
    int k;
    for (k = 0; k < n; ++k) {
        gan_data(a)[k] = (gan_real)coefficient(k % N);
        gan_data(b)[k] = (gan_real)slope(k % N, t);
    }
    return gan_sum_all(gan_add(gan_mul_scalar(gan_mul(a, gan_square(w)), (gan_real).5), gan_mul(b, w)));
}

// ---- references: one step of each optimizer on n numbers. Formulas: pytorch.org/docs, torch.optim; the
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
    FORGETS = 256  // known fault 6: resumed without the optimizer's state
};

typedef struct ref {
    int n, flaws;
    double lr, mu, tau, b1, b2, al, eps, wd;
    const gan_optimizer_desc *d;
    double best;
} ref;
static double ref_w[LARGE], ref_g[LARGE], ref_raw[LARGE], ref_s[3][LARGE], ref_slow[LARGE];
#define EACH for (int i = 0; i < r->n; ++i)
#define W ref_w[i]
#define G ref_g[i]
#define S0 ref_s[0][i]
#define S1 ref_s[1][i]
#define S2 ref_s[2][i]

static inline double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

static inline void moments(ref *r)
{
    EACH S0 = r->b1 * S0 + (1 - r->b1) * G, S1 = r->b2 * S1 + (1 - r->b2) * G * G;
}
static inline double corrected(const ref *r, double m, double beta, int t)
{
    return r->flaws & NO_BIAS_CORRECTION ? m : m / (1 - pow(beta, t));
}
static inline double adam_of(const ref *r, double m, double v, int t)
{
    const double mh = corrected(r, m, r->b1, t), vh = corrected(r, v, r->b2, t);
    return mh / (r->flaws & EPS_INSIDE ? sqrt(vh + r->eps) : sqrt(vh) + r->eps);
}

static inline void ref_sgd(ref *r, int t)
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
static inline void ref_rmsprop(ref *r, int t)
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
static inline void ref_adam(ref *r, int t)
{
    moments(r);
    EACH W -= r->lr * adam_of(r, S0, S1, t);
}
static inline void ref_adamw(ref *r, int t) { ref_adam(r, t); }
static inline void ref_adagrad(ref *r, int t)
{
    const double rate = r->lr / (1 + (t - 1) * (r->flaws & NOT_THE ? 0 : (double)r->d->lr_decay));
    EACH
    {
        if (t == 1) S0 = (double)r->d->initial;
        S0 += G * G;
        W -= rate * G / (r->flaws & EPS_INSIDE ? sqrt(S0 + r->eps) : sqrt(S0) + r->eps);
    }
}
static inline void ref_adadelta(ref *r, int t)
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
static inline void ref_amsgrad(ref *r, int t)
{
    moments(r);
    EACH
    {
        S2 = S2 > S1 && !(r->flaws & NOT_THE) ? S2 : S1;
        W -= r->lr * adam_of(r, S0, S2, t);
    }
}
static inline void ref_adamax(ref *r, int t)
{
    EACH
    {
        const double u = fabs(G) + r->eps;
        S0 = r->b1 * S0 + (1 - r->b1) * G;
        S1 = r->b2 * S1 > u && !(r->flaws & NOT_THE) ? r->b2 * S1 : u;
        W -= r->lr * corrected(r, S0, r->b1, t) / S1;
    }
}
static inline void ref_nadam(ref *r, int t)
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
static inline void ref_radam(ref *r, int t)
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
static inline void ref_adabelief(ref *r, int t)
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
static inline void ref_yogi(ref *r, int t)
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
static inline void ref_lion(ref *r, int t)
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
static inline void ref_lamb(ref *r, int t)
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
static inline void ref_optimistic_sgd(ref *r, int t)
{
    EACH
    {
        const double past = t == 1 && r->flaws & SWAPPED ? G : S0;
        W += r->flaws & NOT_THE ? -r->lr * G : -2 * r->lr * G + r->lr * past;
        S0 = G;
    }
}
static inline void ref_optimistic_adam(ref *r, int t)
{
    moments(r);
    EACH
    {
        const double u = adam_of(r, S0, S1, t);
        W += r->flaws & NOT_THE ? -r->lr * u : -2 * r->lr * u + r->lr * S2;
        S2 = u;
    }
}
static inline void ref_subgradient(ref *r, int t)
{
    double norm = 0, step = r->lr;
    EACH norm += G * G;
    if (r->d->step_rule == GAN_STEP_LENGTH && !(r->flaws & NOT_THE)) step /= sqrt(norm);
    if (r->d->step_rule == GAN_STEP_ROOT) step /= r->flaws & SWAPPED ? t : sqrt((double)t);
    EACH W -= step * G;
}

static void (*const references[])(ref *r, int t) = {
#define ROW(id, name, states, passes, decay, traits) ref_##name,
    GAN_OPTIMIZERS(ROW)
#undef ROW
};

static inline int decoupled(gan_optimizer_kind kind)
{
    return kind == GAN_OPTIMIZER_ADAMW || kind == GAN_OPTIMIZER_LION || kind == GAN_OPTIMIZER_LAMB;
}

static inline ref ref_begin(const gan_optimizer_desc *d, int n, int flaws)
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
static inline void ref_gradient(ref *r, int t) { EACH ref_raw[i] = coefficient(i % N) * W + slope(i % N, t); }

// From ref_raw to ref_g: clipped, with L2 decay of the weights as they are.
static inline void ref_clip(ref *r)
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
static inline void ref_update(ref *r, int k)
{
    const gan_optimizer_kind kind = r->d->kind;
    if (decoupled(kind) && kind != GAN_OPTIMIZER_LAMB && !(r->flaws & COUPLED)) EACH W *= 1 - r->lr * r->wd;
    references[kind](r, k);
}

// 20 steps on the first n numbers.
static inline void reference(const gan_optimizer_desc *d, int n, int flaws, int steps)
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

static inline subject begin(gan_context *ctx, gan_optimizer_desc d)
{
    subject s;
    int k;
    s.ctx = ctx;
    s.m = gan_model_create(ctx, "m", one_parameter, NULL);
    gan_scope_open(ctx);
    (void)gan_forward(s.m, gan_zeros(ctx, N), NULL);
    gan_scope_close(ctx);
    s.w = gan_model_find(s.m, "w");
    for (k = 0; k < N; ++k) gan_data(s.w)[k] = (gan_real)start(k);
    s.o = gan_optimizer_create(s.m, d);
    return s;
}

static inline void run(gan_context *ctx, gan_optimizer_desc d, int steps, double *out)
{
    subject s = begin(ctx, d);
    int k, t;
    for (t = 1; t <= steps; ++t) (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    for (k = 0; k < N; ++k) out[k] = (double)gan_data(s.w)[k];
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
}

static inline void trajectory(const char *what, gan_optimizer_desc d, int flaws, double tol)
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

static inline gan_optimizer_desc with(gan_optimizer_desc d, double momentum, double dampening, int nesterov,
                                      double decay)
{
    d.momentum = (gan_real)momentum;
    d.dampening = (gan_real)dampening;
    d.nesterov = nesterov;
    d.weight_decay = (gan_real)decay;
    return d;
}
static inline gan_optimizer_desc with_eps(gan_optimizer_desc d, double eps)
{
    d.eps = (gan_real)eps;
    return d;
}

// A description of each optimizer for the tests that all must pass.
static inline gan_optimizer_desc sample(gan_optimizer_kind kind)
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

#endif // OPTIMIZERS_H
