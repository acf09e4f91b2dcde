// divergence.h - what the loss of each D measures, and where each loss ends when p = q: a row for every loss
// of GAN_LOSSES; a loss without one does not compile. Used by theory.c, which prints it, and by
// tests/test_theory.c, which holds it to tolerances. Include gan.h first.
//
//     Nowozin 2016     minus D's loss is at most the f-divergence of p and q, and that at the best D
//     Mao 2017         least squares: half of Pearson's chi2 of p + q and 2 q, the sum of (p - q)^2 / (p + q)
//     Lim and Ye 2017  the hinge: 2 - 2 TV at D = sign(p - q); Zhao 2016: EBGAN m - m TV, m its margin
//     Gulrajani 2017   WGAN-GP: the earth mover's distance W, by a critic of slope 1
#ifndef GAN_EXAMPLES_DIVERGENCE_H
#define GAN_EXAMPLES_DIVERGENCE_H

#include <stdio.h>

#include "theory.h"

// The integrand of 2 JSD.
static inline double th_jensen(double p, double q)
{
    return p * log(2 * p / (p + q)) + q * log(2 * q / (p + q));
}
static inline double th_square(double x) { return x * x; }

// Closed forms between N(0, 1) and N(m, s^2), s > 1: the sum of sqrt(p q)
static inline double th_affinity(double m, double s)
{
    return sqrt(2 * s / (1 + s * s)) * exp(-m * m / (4 + 4 * s * s));
}
// of (p - q)^2 / q
static inline double th_chi2(double m, double s)
{
    return s * s / sqrt(2 * s * s - 1) * exp(m * m / (2 * s * s - 1)) - 1;
}
// of |p - q| / 2; p > q between the roots of x^2 - ((x - m) / s)^2 = 2 log s
static inline double th_tv(double m, double s)
{
    const double k = s * s - 1, far = s * sqrt(m * m + 2 * k * log(s)), r = sqrt(2);
    const double a = (-m - far) / k, b = (-m + far) / k;
    return (erf(b / r) - erf(a / r) - erf((b - m) / s / r) + erf((a - m) / s / r)) / 2;
}
static inline double th_kl(double m, double s) { return log(s) + (1 + m * m) / (2 * s * s) - .5; }

// X(loss, what it measures: its name, computed from D's loss L, its integrand, its closed form or 0,
//   the best D where u = p / q,
//   and for p = q: D's loss, G's). There batches are of ten, v is what D returns, m the margin of MAGAN.
#define TH_ROWS(X)                                                                                           \
    X(non_saturating, "JSD", log(2) - L / 2, th_jensen(p, q) / 2, 0, log(u), log(4), log(2))                 \
    X(minimax, "JSD", log(2) - L / 2, th_jensen(p, q) / 2, 0, log(u), log(4), -log(2))                       \
    X(least_squares, "chi2 / 2", 1 - 4 * L, th_square(p - q) / (p + q) / 2, 0, u / (1 + u), .25, .125)       \
    X(wasserstein, NULL, 0, 0, 0, 0, 0, -v)                                                                  \
    X(hinge, "TV", 1 - L / 2, fabs(p - q) / 2, th_tv(m, s), u > 1 ? 1 : -1, 2, -v)                           \
    X(least_squares_pearson, "chi2 / 2", 1 - L, th_square(p - q) / (p + q) / 2, 0, (u - 1) / (u + 1), 1, 0)  \
    X(maximum_likelihood, "JSD", log(2) - L / 2, th_jensen(p, q) / 2, 0, log(u), log(4), -1)                 \
    X(boundary_seeking, "JSD", log(2) - L / 2, th_jensen(p, q) / 2, 0, log(u), log(4), 0)                    \
    X(softmax, NULL, 0, 0, 0, 0, log(20), log(20))                                                           \
    X(dual_contrastive, NULL, 0, 0, 0, 0, 2 * log(11), 2 * log(11))                                          \
    X(ebgan, "TV", 1 - L / 10, fabs(p - q) / 2, th_tv(m, s), u > 1 ? 0 : 10, 10, v)                          \
    X(began, NULL, 0, 0, 0, 0, 0, 0)                                                                         \
    X(magan, NULL, 0, 0, 0, 0, m, v)                                                                         \
    X(f_kl, "KL(p, q)", -L, log(p / q) * p, th_kl(m, s), 1 + log(u), 0, -1)                                  \
    X(f_reverse_kl, "KL(q, p)", -L, log(q / p) * q, th_kl(m / s, 1 / s), log(u), 0, 1)                       \
    X(f_pearson, "chi2(p, q)", -L, th_square(p - q) / q, th_chi2(m, s), 2 * (u - 1), 0, 0)                   \
    X(f_neyman, "chi2(q, p)", -L, th_square(p - q) / p, th_chi2(m / s, 1 / s), 2 * log(u), 0, 0)             \
    X(f_squared_hellinger, "Hellinger^2", -L, th_square(sqrt(p) - sqrt(q)), 2 - 2 * th_affinity(m, s),       \
      log(u) / 2, 0, 0)                                                                                      \
    X(f_jensen_shannon, "2 JSD", -L, th_jensen(p, q), 0, log(u), 0, 0)                                       \
    X(f_gan, "2 JSD - log 4", -L, th_jensen(p, q) - log(2) * (p + q), 0, log(u), log(4), log(2))             \
    X(f_total_variation, "TV", -L, fabs(p - q) / 2, th_tv(m, s), u > 1 ? HUGE_VAL : -HUGE_VAL, 0,            \
      -tanh(v) / 2)                                                                                          \
    X(f_alpha, "alpha 1/2", -L, 2 * th_square(sqrt(p) - sqrt(q)), 4 - 4 * th_affinity(m, s),                 \
      -log(expm1(2 / sqrt(u))), 0, 0)                                                                        \
    X(mmd_rbf, NULL, 0, 0, 0, 0, 0, 0)                                                                       \
    X(mmd_rational_quadratic, NULL, 0, 0, 0, 0, 0, 0)                                                        \
    X(energy, NULL, 0, 0, 0, 0, 0, 0)                                                                        \
    X(cramer, NULL, 0, 0, 0, 0, 0, 0)                                                                        \
    X(sinkhorn, NULL, 0, 0, 0, 0, 0, 0)

typedef struct th_row {
    const char *measures; // NULL: nothing that does not depend on batches or on a penalty
    double (*measured)(double L), (*integrand)(double p, double q), (*closed)(double m, double s);
    double (*best)(double u);
    const char *d_text, *g_text;
    double (*d)(double v, double m), (*g)(double v, double m);
} th_row;

#define TH_ROW(name, what, value, integrand, closed, best, at_d, at_g)                                       \
    static inline double th_measured_##name(double L) { return (void)L, value; }                             \
    static inline double th_integrand_##name(double p, double q) { return (void)p, (void)q, integrand; }     \
    static inline double th_closed_##name(double m, double s) { return (void)m, (void)s, closed; }           \
    static inline double th_best_##name(double u) { return (void)u, best; }                                  \
    static inline double th_d_##name(double v, double m) { return (void)v, (void)m, at_d; }                  \
    static inline double th_g_##name(double v, double m) { return (void)v, (void)m, at_g; }                  \
    static const th_row th_row_##name = {                                                                    \
        what,  th_measured_##name, th_integrand_##name, th_closed_##name, th_best_##name, #at_d,             \
        #at_g, th_d_##name,        th_g_##name};
TH_ROWS(TH_ROW)
#undef TH_ROW

// By gan_loss.
static const th_row *const th_rows[] = {
#define TH_ROW(id, name, ...) &th_row_##name,
    GAN_LOSSES(TH_ROW)
#undef TH_ROW
};

// The theory: by the midpoint rule; between p = N(0, 1) and q = N(m, s^2), in closed form where there is one;
// between points.
static inline double th_by_quadrature(gan_loss loss, const th_density *p, const th_density *q)
{
    double sum = 0;
    int i;
    for (i = 0; i < TH_GRID; ++i)
        sum += th_rows[loss]->integrand(th_pdf(p, th_cell(i)), th_pdf(q, th_cell(i)));
    return sum * (th_hi - th_lo) / TH_GRID;
}
static inline double th_between_normals(gan_loss loss, double m, double s)
{
    const th_density p = th_normal(0, 1), q = th_normal(m, s);
    const double closed = th_rows[loss]->closed(m, s);
    return closed != 0 ? closed : th_by_quadrature(loss, &p, &q);
}
static inline double th_between_points(gan_loss loss, const int *p, const int *q)
{
    double sum = 0;
    int k;
    for (k = 0; k < TH_POINTS; ++k)
        sum += th_rows[loss]->integrand((double)p[k] / TH_TEN, (double)q[k] / TH_TEN);
    return sum;
}

// What is learned. Points (n, 1) -> (n, 1), a number for each point:
static gan_tensor *th_table(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_take(gan_param(d, "v", gan_init_normal(0, 1), TH_POINTS, 1), gan_reshape(x, -1));
}
// Reconstruction errors, which EBGAN and its kin want of D, are not negative.
static gan_tensor *th_error_network(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    return gan_abs(th_network(d, x, label));
}
static gan_tensor *th_error_table(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    return gan_abs(th_table(d, x, label));
}

// A D for this loss on the line or, by `points`, on the points; `what` and the loss name it.
static inline gan_model *th_critic(gan_context *ctx, const char *what, gan_loss loss, int points)
{
    static gan_model_function *const forward[2][2] = {{th_network, th_table},
                                                      {th_error_network, th_error_table}};
    char name[GAN_MAX_NAME];
    snprintf(name, sizeof name, "%s.%s", what, gan_loss_name(loss));
    return gan_model_create(ctx, name, forward[gan_loss_critic(loss) == GAN_CRITIC_ERROR][points != 0], NULL);
}

// D's loss at these outputs of D, by the midpoint rule. It is a sum R(r) + F(f) of means, so that R(v) + F(0)
// comes of one v against a 0, R(0) + F(v) of a 0 against it, and R(0) + F(0) is once too much.
static inline double th_expected_loss(gan_context *ctx, gan_loss kind, const double *logits,
                                      const th_density *p, const th_density *q)
{
    const gan_loss_desc loss = th_loss(kind);
    const int record = gan_record(ctx, 0), every = 10;
    double sum = 0;
    int i;
    for (i = every / 2; i < TH_GRID; i += every) {
        const double a = th_pdf(p, th_cell(i)), b = th_pdf(q, th_cell(i));
        gan_tensor *zero, *v;
        gan_scope_open(ctx);
        zero = gan_zeros(ctx, 1, 1), v = gan_full(ctx, TH_REAL(logits[i]), 1, 1);
        sum += a * (double)gan_item(gan_loss_d_ex(&loss, v, zero));
        sum += b * (double)gan_item(gan_loss_d_ex(&loss, zero, v));
        sum -= (a + b) / 2 * (double)gan_item(gan_loss_d_ex(&loss, zero, zero));
        gan_scope_close(ctx);
    }
    gan_record(ctx, record);
    return sum * every * (th_hi - th_lo) / TH_GRID;
}

// What D's loss measures between N(0, 1) and N(m, s^2), learned from samples; D at the cells of the grid.
static inline double th_learn_normals(gan_context *ctx, const char *name, gan_loss kind, double m, double s,
                                      int steps, double *logits)
{
    const th_density p = th_normal(0, 1), q = th_normal(m, s);
    gan_loss_desc loss = th_loss(kind);
    gan_model *d = th_critic(ctx, name, kind, 0);
    th_fit(d, &loss, &p, &q, .01, steps);
    th_logits(d, logits);
    return th_rows[kind]->measured(th_expected_loss(ctx, kind, logits, &p, &q));
}

// On the points, where a batch has the whole distribution.
typedef struct th_outcome {
    th_end at;
    double measured, d, g; // what the loss measures; the losses of an equilibrium, at D's outputs
} th_outcome;

static inline th_outcome th_learn_points(gan_context *ctx, const char *name, gan_loss kind, const int *p,
                                         const int *q, int steps)
{
    const th_density of_p = th_discrete(p), of_q = th_discrete(q);
    const th_row *row = th_rows[kind];
    gan_loss_desc loss = th_loss(kind);
    gan_model *d = th_critic(ctx, name, kind, 1);
    th_outcome end = {{0, 0, 0}, 0, 0, 0};
    const gan_real *v;
    int k;
    end.at = th_fit(d, &loss, &of_p, &of_q, .1, steps);
    end.measured = row->measured(end.at.d);
    v = gan_data(gan_model_find(d, "v"));
    for (k = 0; v && k < TH_POINTS; ++k) {
        const double out = gan_loss_critic(kind) == GAN_CRITIC_ERROR ? fabs((double)v[k]) : (double)v[k];
        end.d += p[k] * row->d(out, (double)loss.state[0]) / TH_TEN;
        end.g += q[k] * row->g(out, (double)loss.state[0]) / TH_TEN;
    }
    return end;
}

// The earth mover's distance on the line, the area between the distribution functions, and the critic f that
// reaches it: of slope 1 or -1, whichever function is above.
static inline double th_earth_mover(const th_density *p, const th_density *q, double *f)
{
    const double cell = (th_hi - th_lo) / TH_GRID;
    double ahead = 0, w = 0, height = 0; // Q - P
    int i;
    for (i = 0; i < TH_GRID; ++i) {
        f[i] = height;
        ahead += (th_pdf(q, th_cell(i)) - th_pdf(p, th_cell(i))) * cell;
        w += fabs(ahead) * cell;
        height += ahead < -1e-9 ? -cell : cell;
    }
    return w;
}

// E_p f - E_q f of a critic, and the mean of |f'| on interpolates. Where |f'| is a slope s everywhere,
// s W - lambda (s - 1)^2 is greatest at s = 1 + W / (2 lambda).
typedef struct th_lipschitz {
    double value, slope;
} th_lipschitz;

// The penalty grows to its lambda in the first steps, `warm` of them: to WGAN-GP slope -1 is as good as 1,
// and where lambda > W / 2 a critic that has it keeps it.
static inline void th_fit_critic(gan_model *critic, gan_penalty_kind kind, const th_density *p,
                                 const th_density *q, double lambda, int warm, int steps)
{
    enum { N = 256 };
    gan_context *ctx = gan_model_context(critic);
    gan_optimizer *o = gan_optimizer_create(critic, gan_adam(TH_REAL(.01), TH_REAL(.5), TH_REAL(.9)));
    int i;
    for (i = 0; i < steps && !gan_error(ctx); ++i) {
        const double weight = lambda * (i < warm ? th_square((i + 1.) / warm) : 1);
        gan_tensor *x = th_sample(ctx, p, N), *y = th_sample(ctx, q, N);
        gan_tensor *fx = gan_forward(critic, x, NULL), *fy = gan_forward(critic, y, NULL);
        gan_optimizer_lr(o, TH_REAL(.01 * th_square(1 - (double)i / steps)));
        gan_minimize(o, gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, fx, fy, 0),
                                gan_penalty(kind, TH_REAL(weight), critic, x, y, NULL)));
    }
}

static inline th_lipschitz th_learn_lipschitz(gan_context *ctx, const char *name, const th_density *p,
                                              const th_density *q, double lambda, int steps, double *f)
{
    enum { N = 4096 };
    gan_model *critic = gan_model_create(ctx, name, th_network, NULL);
    th_lipschitz r = {0, 0};
    gan_tensor *x, *y;
    int i;
    th_fit_critic(critic, GAN_PENALTY_WGAN_GP, p, q, lambda, steps / 2, steps);
    th_logits(critic, f);
    for (i = 0; i < TH_GRID; ++i)
        r.value += (th_pdf(p, th_cell(i)) - th_pdf(q, th_cell(i))) * f[i] * (th_hi - th_lo) / TH_GRID;
    gan_scope_open(ctx);
    x = th_sample(ctx, p, N), y = th_sample(ctx, q, N);
    x = gan_lerp(x, y, gan_rand_uniform(ctx, N, 1));
    y = gan_grad(gan_sum_all(gan_forward(critic, x, NULL)), x, 0);
    r.slope = (double)gan_item(gan_mean_all(gan_norm_per_sample(y)));
    gan_scope_close(ctx);
    return r;
}

// A critic w x that begins at w = -1, lambda 100, p uniform over (1, 3), q over (-2, 0), W = 3: the w where a
// penalty leaves it.
static gan_tensor *th_wrong(gan_model *critic, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_mul(x, gan_param(critic, "w", gan_init_constant(-1), 1, 1));
}
static inline double th_learn_wrong(gan_context *ctx, const char *name, gan_penalty_kind kind, int steps)
{
    const th_density p = th_uniform(1, 3), q = th_uniform(-2, 0);
    gan_model *critic = gan_model_create(ctx, name, th_wrong, NULL);
    th_fit_critic(critic, kind, &p, &q, 100, 0, steps);
    return (double)gan_item(gan_model_find(critic, "w"));
}

#endif
