// theory.h - what is known about GANs in closed form, beside the same thing learned from samples. Used by
// theory.c, which prints and plots it, and by tests/test_theory.c, which holds it to tolerances. Include
// gan.h first.
//
//     Goodfellow 2014   for a fixed G the best D is p / (p + q), proposition 1; then V = -log 4 + 2 JSD(p, q)
//     Arjovsky 2017     two parallel lines theta apart: W = |theta|, but JSD = log 2, TV = 1, KL infinite
#ifndef GAN_EXAMPLES_THEORY_H
#define GAN_EXAMPLES_THEORY_H

#include <math.h>
#include <string.h>

#define TH_REAL(x) ((gan_real)(x))
#define TH_LOG2 0.69314718055994531
#define TH_LOG4 1.38629436111989062

// A density on the line: w N(m1, s1^2) + (1 - w) N(m2, s2^2), or, where s1 = 0, uniform over (m1, m2). Or, by
// `points`, how many of ten samples are 0, 1, 2 and 3.
typedef struct th_density {
    double w, m1, s1, m2, s2;
    const int *points;
} th_density;

static inline th_density th_normal(double mean, double deviation)
{
    th_density d = {1, 0, 1, 0, 1, NULL};
    d.m1 = mean, d.s1 = deviation;
    return d;
}

static inline th_density th_normals(double w, double m1, double s1, double m2, double s2)
{
    th_density d = {0, 0, 0, 0, 0, NULL};
    d.w = w, d.m1 = m1, d.s1 = s1, d.m2 = m2, d.s2 = s2;
    return d;
}

static inline th_density th_uniform(double lo, double hi) { return th_normals(1, lo, 0, hi, 1); }

static inline double th_bell(double x, double m, double s)
{
    return exp(-(x - m) * (x - m) / (2 * s * s)) / (s * 2.50662827463);
}

static inline double th_pdf(const th_density *d, double x)
{
    if (d->s1 <= 0) return x > d->m1 && x < d->m2 ? 1 / (d->m2 - d->m1) : 0;
    return d->w * th_bell(x, d->m1, d->s1) + (1 - d->w) * th_bell(x, d->m2, d->s2);
}

enum { TH_POINTS = 4, TH_TEN = 10 };

static inline th_density th_discrete(const int *points)
{
    th_density d = {0, 0, 0, 0, 0, NULL};
    d.points = points;
    return d;
}

static inline gan_tensor *th_all_points(gan_context *ctx, const int *points)
{
    gan_real x[TH_TEN];
    int i, k, n = 0;
    for (k = 0; k < TH_POINTS; ++k)
        for (i = 0; i < points[k]; ++i) x[n++] = (gan_real)k;
    return gan_from(ctx, x, TH_TEN, 1);
}

// (n, 1); of points (10, 1), always the same
static inline gan_tensor *th_sample(gan_context *ctx, const th_density *d, int n)
{
    gan_tensor *z, *first;
    if (d->points) return th_all_points(ctx, d->points);
    if (d->s1 <= 0) return gan_affine(gan_rand_uniform(ctx, n, 1), TH_REAL(d->m2 - d->m1), TH_REAL(d->m1));
    z = gan_rand_normal(ctx, n, 1);
    first = gan_affine(z, TH_REAL(d->s1), TH_REAL(d->m1));
    if (d->w >= 1) return first;
    z = gan_affine(z, TH_REAL(d->s2), TH_REAL(d->m2));
    return gan_where(gan_lt(gan_rand_uniform(ctx, n, 1), gan_scalar(ctx, TH_REAL(d->w))), first, z);
}

// What the theory says.

static inline double th_optimal(const th_density *p, const th_density *q, double x)
{
    return th_pdf(p, x) / (th_pdf(p, x) + th_pdf(q, x));
}

enum { TH_GRID = 4000 };
static const double th_lo = -8, th_hi = 12; // nearly all of each density here; uniform edges between cells
static inline double th_cell(int i) { return th_lo + (th_hi - th_lo) * (i + .5) / TH_GRID; }

// (KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2, by the midpoint rule
static inline double th_jsd(const th_density *p, const th_density *q)
{
    double sum = 0;
    int i;
    for (i = 0; i < TH_GRID; ++i) {
        const double a = th_pdf(p, th_cell(i)), b = th_pdf(q, th_cell(i)), m = (a + b) / 2;
        if (a > 0) sum += a * log(a / m) / 2;
        if (b > 0) sum += b * log(b / m) / 2;
    }
    return sum * (th_hi - th_lo) / TH_GRID;
}

// What is learned from samples.

// (n, any) -> (n, 1), a logit
static gan_tensor *th_network(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_tanh(gan_linear(d, "fc1", x, 32));
    h = gan_tanh(gan_linear(d, "fc2", h, 32));
    return gan_linear(d, "fc3", h, 1);
}

static inline gan_loss_desc th_loss(gan_loss kind)
{
    gan_loss_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.kind = kind;
    return desc;
}

// D's loss on the first batches; on the last ones that and G's.
typedef struct th_end {
    double first, d, g;
} th_end;

// D trained between p and q. The falling rate averages the noise of the samples away.
static inline th_end th_fit(gan_model *d, gan_loss_desc *loss, const th_density *p, const th_density *q,
                            double rate, int steps)
{
    enum { N = 256 };
    gan_context *ctx = gan_model_context(d);
    gan_optimizer *o = gan_optimizer_create(d, gan_adam(TH_REAL(rate), TH_REAL(.9), TH_REAL(.999)));
    th_end end = {0, 0, 0};
    int i;
    for (i = 0; i <= steps && !gan_error(ctx); ++i) {
        gan_tensor *real = gan_forward(d, th_sample(ctx, p, N), NULL);
        gan_tensor *fake = gan_forward(d, th_sample(ctx, q, N), NULL);
        gan_tensor *loss_d = gan_loss_d_ex(loss, real, fake);
        end.d = (double)gan_item(loss_d);
        if (i == 0) end.first = end.d;
        if (i == steps) end.g = (double)gan_item(gan_loss_g_ex(loss, real, fake));
        gan_optimizer_lr(o, TH_REAL(rate * pow(1 - i / (steps + 1.), 2)));
        gan_loss_control(loss, gan_item(gan_mean_all(real)), gan_item(gan_mean_all(fake)));
        gan_minimize(o, loss_d);
    }
    return end;
}

// Every name once per context.
static inline gan_model *th_discriminator(gan_context *ctx, const char *name, const th_density *p,
                                          const th_density *q, int steps)
{
    gan_loss_desc loss = th_loss(GAN_LOSS_NON_SATURATING);
    gan_model *d = gan_model_create(ctx, name, th_network, NULL);
    th_fit(d, &loss, p, q, .01, steps);
    return d;
}

// D's logits at the cells of the grid.
static inline void th_logits(gan_model *d, double *logits)
{
    gan_context *ctx = gan_model_context(d);
    const int record = gan_record(ctx, 0);
    const gan_real *v;
    gan_tensor *x;
    int i;
    gan_scope_open(ctx);
    x = gan_linspace(ctx, TH_REAL(th_cell(0)), TH_REAL(th_cell(TH_GRID - 1)), TH_GRID);
    v = gan_data(gan_forward(d, gan_reshape(x, TH_GRID, 1), NULL));
    for (i = 0; i < TH_GRID; ++i) logits[i] = v ? (double)v[i] : (double)NAN;
    gan_scope_close(ctx);
    gan_record(ctx, record);
}

static inline double th_sigmoid(double t) { return 1 / (1 + exp(-t)); }
static inline double th_softplus(double t) { return (t > 0 ? t : 0) + log1p(exp(-fabs(t))); }

// max |D - p / (p + q)| where the densities are not negligible
static inline double th_error(const double *logits, const th_density *p, const th_density *q)
{
    double worst = 0;
    int i;
    for (i = 0; i < TH_GRID; ++i) {
        const double x = th_cell(i), error = fabs(th_sigmoid(logits[i]) - th_optimal(p, q, x));
        if (th_pdf(p, x) + th_pdf(q, x) > .05 && !(error <= worst)) worst = error;
    }
    return worst;
}

// V(D) = E_p log D + E_q log (1 - D), the learned D against the known densities
static inline double th_value(const double *logits, const th_density *p, const th_density *q)
{
    double sum = 0;
    int i;
    for (i = 0; i < TH_GRID; ++i)
        sum -=
            th_pdf(p, th_cell(i)) * th_softplus(-logits[i]) + th_pdf(q, th_cell(i)) * th_softplus(logits[i]);
    return sum * (th_hi - th_lo) / TH_GRID;
}

// V of the best D found for this p and q.
static inline double th_best_value(gan_context *ctx, const char *name, const th_density *p,
                                   const th_density *q, int steps)
{
    double logits[TH_GRID];
    th_logits(th_discriminator(ctx, name, p, q, steps), logits);
    return th_value(logits, p, q);
}

// Algorithm 1 on G(z) = z + theta, data N(3, 1), D logistic regression, which holds p / (p + q) for that
// pair.

// means over the last quarter of the steps
typedef struct th_game {
    double theta, d_real, d_fake;
} th_game;

static gan_tensor *th_shift(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(z, gan_param(g, "theta", gan_init_zeros(), 1));
}

static gan_tensor *th_logistic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc", x, 1);
}

// learning 0 leaves theta at 0
static inline th_game th_train(gan_context *ctx, const char *g_name, const char *d_name, int steps,
                               int learning)
{
    const th_density data = th_normal(3, 1);
    const gan_optimizer_desc sgd = gan_sgd(TH_REAL(.1), 0);
    gan_model *g = gan_model_create(ctx, g_name, th_shift, NULL),
              *d = gan_model_create(ctx, d_name, th_logistic, NULL);
    gan_optimizer *og = gan_optimizer_create(g, sgd), *od = gan_optimizer_create(d, sgd);
    const int last = steps / 4;
    th_game game = {0, 0, 0};
    int i;
    for (i = 0; i < steps && !gan_error(ctx); ++i) {
        gan_tensor *real = gan_forward(d, th_sample(ctx, &data, 256), NULL), *fake;
        if (i >= steps - last) game.d_real += (double)gan_item(gan_mean_all(gan_sigmoid(real))) / last;
        fake = gan_forward(d, gan_detach(gan_forward(g, gan_rand_normal(ctx, 256, 1), NULL)), NULL);
        gan_minimize(od, gan_loss_d(GAN_LOSS_NON_SATURATING, real, fake, 0));
        fake = gan_forward(d, gan_forward(g, gan_rand_normal(ctx, 256, 1), NULL), NULL);
        if (i >= steps - last) game.d_fake += (double)gan_item(gan_mean_all(gan_sigmoid(fake))) / last;
        if (learning) gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, fake));
        if (i >= steps - last) game.theta += (double)gan_item(gan_model_find(g, "theta")) / last;
    }
    return game;
}

// Parallel lines (Arjovsky 2017, example 1): P = (0, u), Q = (theta, u), u ~ U(0, 1).

enum { TH_DOUBLINGS = 10 }; // looks at D after 1, 2, 4 ... 512 steps

typedef struct th_lines {
    double theta;
    double jsd, tv;                   // from D: (V + log 4) / 2; P(D > 1/2) - Q(D > 1/2)
    double w;                         // from the critic: (E_P f - E_Q f) / its steepest slope
    double kl[TH_DOUBLINGS];          // from D: E_P log(p / q) = E_P logit
    double grad_d[TH_DOUBLINGS];      // |d loss_G / d theta|, minimax, as D approaches its best
    double grad_critic[TH_DOUBLINGS]; // the same, Wasserstein
} th_lines;

static inline gan_tensor *th_line(gan_context *ctx, gan_tensor *theta, int n)
{
    return gan_concat(1, gan_expand(theta, n, 1), gan_rand_uniform(ctx, n, 1));
}

static inline double th_slope(gan_model *d, gan_tensor *theta, gan_loss loss)
{
    gan_tensor *fake = gan_forward(d, th_line(gan_model_context(d), theta, 256), NULL);
    return fabs((double)gan_item(gan_grad(gan_loss_g(loss, fake), theta, 0)));
}

static inline th_lines th_parallel(gan_context *ctx, const char *d_name, const char *critic_name,
                                   double theta)
{
    enum { N = 256 };
    const gan_optimizer_desc adam = gan_adam(TH_REAL(.005), TH_REAL(.5), TH_REAL(.9));
    gan_model *d = gan_model_create(ctx, d_name, th_network, NULL);
    gan_model *critic = gan_model_create(ctx, critic_name, th_network, NULL);
    gan_optimizer *od = gan_optimizer_create(d, adam), *oc = gan_optimizer_create(critic, adam);
    gan_tensor *at = gan_keep(ctx, d_name, gan_full(ctx, TH_REAL(theta), 1, 1)), *zero, *p, *q, *fp, *fq;
    const gan_real *vp, *vq;
    double steepest = 0;
    th_lines r;
    int i, k = 0;
    memset(&r, 0, sizeof r);
    r.theta = theta;
    zero = gan_keep(ctx, critic_name, gan_full(ctx, 0, 1, 1));
    for (i = 1; k < TH_DOUBLINGS && !gan_error(ctx); ++i) {
        p = th_line(ctx, zero, N), q = th_line(ctx, at, N);
        fp = gan_forward(d, p, NULL), fq = gan_forward(d, q, NULL);
        gan_minimize(od, gan_loss_d(GAN_LOSS_MINIMAX, fp, fq, 0));
        p = th_line(ctx, zero, N), q = th_line(ctx, at, N);
        fp = gan_forward(critic, p, NULL), fq = gan_forward(critic, q, NULL);
        gan_minimize(oc, gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, fp, fq, 0),
                                 gan_penalty(GAN_PENALTY_WGAN_GP, 10, critic, p, q, NULL)));
        if (i != 1 << k) continue;
        gan_scope_open(ctx);
        r.grad_d[k] = th_slope(d, at, GAN_LOSS_MINIMAX);
        r.grad_critic[k] = th_slope(critic, at, GAN_LOSS_WASSERSTEIN);
        r.kl[k] = (double)gan_item(gan_mean_all(gan_forward(d, th_line(ctx, zero, N), NULL)));
        gan_scope_close(ctx);
        ++k;
    }
    gan_scope_open(ctx);
    p = th_line(ctx, zero, 1024), q = th_line(ctx, at, 1024);
    vp = gan_data(gan_forward(d, p, NULL)), vq = gan_data(gan_forward(d, q, NULL));
    for (i = 0; vp && vq && i < 1024; ++i) {
        r.jsd -= (th_softplus(-(double)vp[i]) + th_softplus((double)vq[i])) / 2048;
        r.tv += ((vp[i] > 0) - (vq[i] > 0)) / 1024.;
    }
    r.jsd += TH_LOG2;
    fp = gan_forward(critic, p, NULL), fq = gan_forward(critic, q, NULL);
    r.w = (double)gan_item(gan_mean_all(fp)) - (double)gan_item(gan_mean_all(fq));
    p = gan_lerp(p, q, gan_rand_uniform(ctx, 1024, 1));
    vp = gan_data(gan_norm_per_sample(gan_grad(gan_sum_all(gan_forward(critic, p, NULL)), p, 0)));
    for (i = 0; vp && i < 1024; ++i) steepest = fmax(steepest, (double)vp[i]);
    if (steepest > 0) r.w /= steepest;
    gan_scope_close(ctx);
    return r;
}

#endif
