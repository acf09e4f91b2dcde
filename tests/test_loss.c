// Every adversarial loss with every pairing: values and gradients against formulas written here in double,
// finite differences of both orders, the extremes, and what the theory says each one is at its best. A loss
// without a row of formulas does not compile.
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif
enum { MOST = 64 }; // values of one batch

static double sp(double t) { return (t > 0 ? t : 0) + log1p(exp(-fabs(t))); }
static double sg(double t) { return 1 / (1 + exp(-t)); }
static double relu(double t) { return t > 0 ? t : 0; }

// ---- formulas: value and derivative by one logit

typedef struct vd {
    double v, d;
} vd;

static vd pair_of(double v, double d)
{
    vd y;
    y.v = v, y.d = d;
    return y;
}

// e^t, above 30 its tangent
static vd ex(double t)
{
    if (t <= 30) return pair_of(exp(t), exp(t));
    return pair_of(exp(30.) * (t - 29), exp(30.));
}

typedef struct arg {
    double s, t, p, state; // smoothings, parameter, k of BEGAN or margin of MAGAN
} arg;

typedef struct formula {
    vd (*real)(double r, const arg *a), (*fake)(double f, const arg *a), (*gen)(double f, const arg *a);
    // rows that are not sums of terms: the loss of D (player 0) or G on whole batches of `width` numbers each
    double (*joint)(int player, int n, const double *r, int m, const double *f, int width, const arg *a);
    int smooths;
    double p, other_p, state; // default parameter, another one to test
    double at, at_d, at_g;    // the logit of equal distributions, and the losses there, of batches of 8
} formula;

#define FORMULA(name, expression_v, expression_d)                                                            \
    static vd name(double x, const arg *a)                                                                   \
    {                                                                                                        \
        (void)a, (void)x;                                                                                    \
        return pair_of(expression_v, expression_d);                                                          \
    }
FORMULA(bce_real, (1 - a->s) * sp(-x) + a->s * sp(x), sg(x) - (1 - a->s))
FORMULA(bce_fake, (1 - a->t) * sp(x) + a->t * sp(-x), sg(x) - a->t)
FORMULA(ns_gen, sp(-x), -sg(-x))
FORMULA(mm_gen, -sp(x), -sg(x))
FORMULA(ls_real, (x - 1 + a->s) * (x - 1 + a->s) / 2, x - 1 + a->s)
FORMULA(ls_fake, (x - a->t) * (x - a->t) / 2, x - a->t)
FORMULA(ls_gen, (x - 1) * (x - 1) / 2, x - 1)
FORMULA(lsp_real, (x - 1 + 2 * a->s) * (x - 1 + 2 * a->s) / 2, x - 1 + 2 * a->s)
FORMULA(lsp_fake, (x + 1 - 2 * a->t) * (x + 1 - 2 * a->t) / 2, x + 1 - 2 * a->t)
FORMULA(half_square, x *x / 2, x)
FORMULA(plus, x, 1)
FORMULA(minus, -x, -1)
FORMULA(hinge_real, relu(1 - x), x < 1 ? -1 : 0)
FORMULA(hinge_fake, relu(1 + x), x > -1 ? 1 : 0)
FORMULA(ml_gen, -ex(x).v, -ex(x).d)
FORMULA(eb_fake, relu(a->p - x), x < a->p ? -1 : 0)
FORMULA(ma_fake, relu(a->state - x), x < a->state ? -1 : 0)
FORMULA(be_fake, -a->state *x, -a->state)
FORMULA(kl_fake, ex(x - 1).v, ex(x - 1).d)
FORMULA(rkl_real, ex(-x).v, -ex(-x).d)
FORMULA(rkl_fake, x - 1, 1)
FORMULA(pearson_fake, x *x / 4 + x, x / 2 + 1)
FORMULA(neyman_real, ex(-x).v - 1, -ex(-x).d)
FORMULA(neyman_fake, 2 - 2 * ex(-x / 2).v, ex(-x / 2).d)
FORMULA(hellinger_fake, ex(x).v - 1, ex(x).d)
FORMULA(js_real, sp(-x) - log(2.), -sg(-x))
FORMULA(js_fake, sp(x) - log(2.), sg(x))
FORMULA(gan_fake, sp(x), sg(x))
FORMULA(tv_real, -tanh(x) / 2, -.5 / cosh(x) / cosh(x))
FORMULA(tv_fake, tanh(x) / 2, .5 / cosh(x) / cosh(x))

// T and f*(T) of the alpha divergence; its power goes on as a tangent once it is e^30, by b or by log b
static vd alpha_real(double x, const arg *a)
{
    return a->p > 1 ? pair_of(-x, -1) : pair_of(sp(-x) - 1 / (1 - a->p), -sg(-x));
}
static vd alpha_fake(double x, const arg *a)
{
    const double q = a->p / (a->p - 1), log_sp = x > 500 ? -x : log(sp(-x));
    double b, top;
    vd y;
    if (a->p < 1) {
        y = ex(q * (log(1 - a->p) + log_sp));
        return pair_of((y.v - 1) / a->p, y.d * q / a->p * (x > 500 ? -1 : -sg(-x) / sp(-x)));
    }
    b = relu(1 + (a->p - 1) * x);
    top = exp(30 / q);
    y = b < top ? pair_of(pow(b, q), q * pow(b, q - 1))
                : pair_of(exp(30.) * (1 + q * (b - top) / top), exp(30.) * q / top);
    return pair_of((y.v - 1) / a->p, b > 0 ? y.d * (a->p - 1) / a->p : 0);
}

static double lse_two(int n, const double *r, int m, const double *f)
{
    double most = r[0], sum = 0;
    int i;
    for (i = 0; i < n; ++i) most = fmax(most, r[i]);
    for (i = 0; i < m; ++i) most = fmax(most, f[i]);
    for (i = 0; i < n; ++i) sum += exp(r[i] - most);
    for (i = 0; i < m; ++i) sum += exp(f[i] - most);
    return most + log(sum);
}

static double softmax_joint(int player, int n, const double *r, int m, const double *f, int width,
                            const arg *a)
{
    double sum_r = 0, sum_f = 0;
    int i;
    (void)a, (void)width;
    for (i = 0; i < n; ++i) sum_r += r[i];
    for (i = 0; i < m; ++i) sum_f += f[i];
    return lse_two(n, r, m, f) - (player ? (sum_r + sum_f) / (n + m) : sum_r / n);
}

// -log(e^x / (e^x + sum e^y)), the mean over x
static double contrast(int n, const double *x, int m, const double *y, double sign)
{
    double sum = 0;
    int i, j;
    for (i = 0; i < n; ++i) {
        double most = sign * x[i], z;
        for (j = 0; j < m; ++j) most = fmax(most, sign * y[j]);
        z = exp(sign * x[i] - most);
        for (j = 0; j < m; ++j) z += exp(sign * y[j] - most);
        sum += (most + log(z) - sign * x[i]) / n;
    }
    return sum;
}
static double dual_joint(int player, int n, const double *r, int m, const double *f, int width, const arg *a)
{
    (void)a, (void)width;
    return player ? contrast(m, f, n, r, 1) + contrast(n, r, m, f, -1)
                  : contrast(n, r, m, f, 1) + contrast(m, f, n, r, -1);
}

static double square_distance(const double *x, const double *y, int width)
{
    double d = 0;
    int k;
    for (k = 0; k < width; ++k) d += (x[k] - y[k]) * (x[k] - y[k]);
    return d;
}

typedef double pair_function(double square_distance, double p);
static double rbf_mixture(double d, double p)
{
    double sum = 0, sigma;
    for (sigma = 1; sigma < 17; sigma *= 2) sum += exp(-d / (p * p) / (2 * sigma * sigma));
    return sum;
}
static double rq_mixture(double d, double p)
{
    static const double alpha[] = {.2, .5, 1, 2, 5};
    double sum = 0;
    size_t i;
    for (i = 0; i < COUNT(alpha); ++i) sum += pow(1 + d / (p * p) / (2 * alpha[i]), -alpha[i]);
    return sum;
}
static double root(double d, double p) { return (void)p, sqrt(d); }

static double mean_over_pairs(pair_function *k, int n, const double *x, int m, const double *y, int width,
                              double p)
{
    double sum = 0;
    int i, j;
    for (i = 0; i < n; ++i)
        for (j = 0; j < m; ++j) sum += k(square_distance(x + i * width, y + j * width, width), p);
    return sum / n / m;
}
static double quadratic(pair_function *k, int n, const double *x, int m, const double *y, int width, double p)
{
    return mean_over_pairs(k, n, x, n, x, width, p) + mean_over_pairs(k, m, y, m, y, width, p) -
           2 * mean_over_pairs(k, n, x, m, y, width, p);
}

static double rbf_joint(int player, int n, const double *r, int m, const double *f, int width, const arg *a)
{
    return (player ? 1 : -1) * quadratic(rbf_mixture, n, r, m, f, width, a->p);
}
static double rq_joint(int player, int n, const double *r, int m, const double *f, int width, const arg *a)
{
    return (player ? 1 : -1) * quadratic(rq_mixture, n, r, m, f, width, a->p);
}
static double energy_joint(int player, int n, const double *r, int m, const double *f, int width,
                           const arg *a)
{
    return (player ? -1 : 1) * quadratic(root, n, r, m, f, width, a->p);
}

static double cramer_joint(int player, int n, const double *r, int m, const double *f, int width,
                           const arg *a)
{
    double rf = mean_over_pairs(root, n, r, m, f, width, 0), ff = 0, r0 = 0, f0 = 0;
    int i, j;
    (void)a;
    for (i = 0; i < m; ++i)
        for (j = 0; j < m; ++j)
            if (i != j) ff += sqrt(square_distance(f + i * width, f + j * width, width)) / m / (m - 1);
    if (player) return 2 * rf - ff;
    for (i = 0; i < n * width; i += width) {
        double d = 0;
        for (j = 0; j < width; ++j) d += r[i + j] * r[i + j];
        r0 += sqrt(d) / n;
    }
    for (i = 0; i < m * width; i += width) {
        double d = 0;
        for (j = 0; j < width; ++j) d += f[i + j] * f[i + j];
        f0 += sqrt(d) / m;
    }
    return (ff - f0) - (rf - r0); // h(f) - h(r)
}

// Sinkhorn's scalings u, v of K = e^(-c / epsilon) themselves, not their logarithms
static double transport(int n, const double *x, int m, const double *y, int width, double epsilon, int steps)
{
    static double u[MOST], v[MOST];
    double w = 0;
    int i, j, step;
    for (j = 0; j < m; ++j) v[j] = 1;
    for (step = 0; step < steps; ++step) {
        for (i = 0; i < n; ++i) {
            double sum = 0;
            for (j = 0; j < m; ++j)
                sum += exp(-square_distance(x + i * width, y + j * width, width) / epsilon) * v[j] / m;
            u[i] = 1 / sum;
        }
        for (j = 0; j < m; ++j) {
            double sum = 0;
            for (i = 0; i < n; ++i)
                sum += exp(-square_distance(x + i * width, y + j * width, width) / epsilon) * u[i] / n;
            v[j] = 1 / sum;
        }
    }
    for (i = 0; i < n; ++i) w += epsilon * log(u[i]) / n;
    for (j = 0; j < m; ++j) w += epsilon * log(v[j]) / m;
    return w;
}
static double sinkhorn(int n, const double *x, int m, const double *y, int width, double epsilon, int steps)
{
    return transport(n, x, m, y, width, epsilon, steps) - transport(n, x, n, x, width, epsilon, steps) / 2 -
           transport(m, y, m, y, width, epsilon, steps) / 2;
}
static double sinkhorn_joint(int player, int n, const double *r, int m, const double *f, int width,
                             const arg *a)
{
    return (player ? 1 : -1) * sinkhorn(n, r, m, f, width, a->p, 20);
}

#define LOG2 0.69314718055994531
#define LOG9 2.1972245773362196
#define ALPHA_AT -1.8545865421311409 // sp(-v) = 2
static const formula formula_non_saturating = {bce_real, bce_fake, ns_gen, NULL,     1,   0,
                                               0,        0,        0,      2 * LOG2, LOG2};
static const formula formula_minimax = {bce_real, bce_fake, mm_gen, NULL, 1, 0, 0, 0, 0, 2 * LOG2, -LOG2};
static const formula formula_least_squares = {ls_real, ls_fake, ls_gen, NULL, 1, 0, 0, 0, .5, .25, .125};
static const formula formula_wasserstein = {minus, plus, minus, NULL, 0, 0, 0, 0, .7, 0, -.7};
static const formula formula_hinge = {hinge_real, hinge_fake, minus, NULL, 0, 0, 0, 0, 0, 2, 0};
static const formula formula_least_squares_pearson = {lsp_real, lsp_fake, half_square, NULL, 1, 0,
                                                      0,        0,        0,           1,    0};
static const formula formula_maximum_likelihood = {bce_real, bce_fake, ml_gen, NULL,     1, 0,
                                                   0,        0,        0,      2 * LOG2, -1};
static const formula formula_boundary_seeking = {bce_real, bce_fake, half_square, NULL,     1, 0,
                                                 0,        0,        0,           2 * LOG2, 0};
static const formula formula_softmax = {NULL, NULL, NULL, softmax_joint, 0, 0, 0, 0, .7, 4 * LOG2, 4 * LOG2};
static const formula formula_dual_contrastive = {NULL, NULL, NULL, dual_joint, 0,       0,
                                                 0,    0,    .7,   2 * LOG9,   2 * LOG9};
static const formula formula_ebgan = {plus, eb_fake, plus, NULL, 0, 10, 1.5, 0, 4, 10, 4};
static const formula formula_began = {plus, be_fake, plus, NULL, 0, .75, .5, 1, .7, 0, .7};
static const formula formula_magan = {plus, ma_fake, plus, NULL, 0, .01, .1, 1.2, .7, 1.2, .7};
static const formula formula_f_kl = {minus, kl_fake, minus, NULL, 0, 0, 0, 0, 1, 0, -1};
static const formula formula_f_reverse_kl = {rkl_real, rkl_fake, rkl_real, NULL, 0, 0, 0, 0, 0, 0, 1};
static const formula formula_f_pearson = {minus, pearson_fake, minus, NULL, 0, 0, 0, 0, 0, 0, 0};
static const formula formula_f_neyman = {neyman_real, neyman_fake, neyman_real, NULL, 0, 0, 0, 0, 0, 0, 0};
static const formula formula_f_squared_hellinger = {
    neyman_real, hellinger_fake, neyman_real, NULL, 0, 0, 0, 0, 0, 0, 0};
static const formula formula_f_jensen_shannon = {js_real, js_fake, js_real, NULL, 0, 0, 0, 0, 0, 0, 0};
static const formula formula_f_gan = {ns_gen, gan_fake, ns_gen, NULL, 0, 0, 0, 0, 0, 2 * LOG2, LOG2};
static const formula formula_f_total_variation = {tv_real, tv_fake, tv_real, NULL, 0, 0, 0, 0, 0, 0, 0};
static const formula formula_f_alpha = {alpha_real, alpha_fake, alpha_real, NULL, 0, .5,
                                        1.5,        0,          ALPHA_AT,   0,    0};
static const formula formula_mmd_rbf = {NULL, NULL, NULL, rbf_joint, 0, 1, .4, 0, .7, 0, 0};
static const formula formula_mmd_rational_quadratic = {NULL, NULL, NULL, rq_joint, 0, 1, .4, 0, .7, 0, 0};
static const formula formula_energy = {NULL, NULL, NULL, energy_joint, 0, 0, 0, 0, .7, 0, 0};
static const formula formula_cramer = {NULL, NULL, NULL, cramer_joint, 0, 0, 0, 0, .7, 0, 0};
static const formula formula_sinkhorn = {NULL, NULL, NULL, sinkhorn_joint, 0, .1, .5, 0, .7, 0, 0};

// ---- the reference: pairing in loops, then the row's formulas

typedef struct batches {
    int n, m, width;
    double r[MOST], f[MOST], dr[MOST], df[MOST]; // gradients by them
    double scale;                                // the size of what was added up
} batches;

static double mean_of(int n, const double *x)
{
    double sum = 0;
    int i;
    for (i = 0; i < n; ++i) sum += x[i] / n;
    return sum;
}

// The mean of a term and its derivatives into d; sign 0 leaves it out.
static double mean_term(vd (*term)(double, const arg *), double sign, int n, const double *x, double *d,
                        const arg *a, double *scale)
{
    double sum = 0;
    int i;
    for (i = 0; i < n; ++i) {
        vd y = term(x[i], a);
        sum += sign * y.v / n;
        d[i] = sign * y.d / n;
        *scale += fabs(sign * y.v) / n;
    }
    return sum;
}

// Derivatives of a whole batch's formula by a difference of fourth order.
static void joint_gradient(const formula *q, int player, double sign, batches *b, const arg *a)
{
    int side, i;
    for (side = 0; side < 2; ++side)
        for (i = 0; i < (side ? b->m : b->n) * b->width; ++i) {
            double *x = (side ? b->f : b->r) + i, was = *x, y[4];
            int k;
            for (k = 0; k < 4; ++k) {
                *x = was + (k < 2 ? k - 2 : k - 1) * 1e-3;
                y[k] = q->joint(player, b->n, b->r, b->m, b->f, b->width, a);
            }
            *x = was;
            (side ? b->df : b->dr)[i] = sign * (y[0] - 8 * y[1] + 8 * y[2] - y[3]) / 12e-3;
        }
}

// D's loss times sign on the logits of b, the real term left out with half; or the generator's own.
static double base(const formula *q, int generator, double sign, int half, batches *b, const arg *a)
{
    int i;
    double y;
    if (q->joint) {
        joint_gradient(q, generator, sign, b, a);
        y = sign * q->joint(generator, b->n, b->r, b->m, b->f, b->width, a);
        b->scale = fabs(y);
        for (i = 0; i < b->n * b->width; ++i) b->scale = fmax(b->scale, fabs(b->r[i]));
        for (i = 0; i < b->m * b->width; ++i) b->scale = fmax(b->scale, fabs(b->f[i]));
        return y;
    }
    b->scale = 0;
    for (i = 0; i < b->n; ++i) b->dr[i] = 0;
    if (generator) return mean_term(q->gen, 1, b->m, b->f, b->df, a, &b->scale);
    y = mean_term(q->fake, sign, b->m, b->f, b->df, a, &b->scale);
    if (half) return y;
    return y + mean_term(q->real, sign, b->n, b->r, b->dr, a, &b->scale);
}

static void exchange(batches *b)
{
    int i, n = b->n;
    for (i = 0; i < MOST; ++i) {
        double x = b->r[i], d = b->dr[i];
        b->r[i] = b->f[i], b->dr[i] = b->df[i];
        b->f[i] = x, b->df[i] = d;
    }
    b->n = b->m;
    b->m = n;
}

static double bounded(double x)
{
    const double most = (double)(gan_real)1e15;
    return x != x || fabs(x) > 1e300 ? x : x > most ? most : x < -most ? -most : x;
}

// The loss of player 0 (D) or 1 (G) and its gradients; a with smoothings for D.
static double reference(const formula *q, const gan_loss_desc *desc, int player, batches *b, const arg *with)
{
    const int pairs = desc->pairing == GAN_RELATIVISTIC, plain = desc->pairing == GAN_PLAIN;
    const int minus_d = player && (desc->saturating || (desc->kind == GAN_LOSS_MINIMAX && !plain));
    double y, mr, mf, gr, gf;
    int i;
    batches in = *b;
    arg a = *with;
    if (player) a.s = a.t = 0;
    for (i = 0; i < b->n * b->width; ++i) in.r[i] = b->r[i] = bounded(b->r[i]);
    for (i = 0; i < b->m * b->width; ++i) in.f[i] = b->f[i] = bounded(b->f[i]);
    if (plain) return base(q, player && !minus_d, minus_d ? -1 : 1, minus_d && !q->joint, b, &a);
    mr = mean_of(b->n, in.r), mf = mean_of(b->m, in.f);
    for (i = 0; i < b->n; ++i) b->r[i] = in.r[i] - (pairs ? in.f[i] : mf);
    for (i = 0; i < b->m; ++i) b->f[i] = in.f[i] - (pairs ? in.r[i] : mr);
    if (player && !minus_d) exchange(b);
    y = base(q, 0, minus_d ? -1 : 1, 0, b, &a);
    if (player && !minus_d) exchange(b);
    gr = b->n * mean_of(b->n, b->dr), gf = b->m * mean_of(b->m, b->df);
    for (i = 0; i < (b->n > b->m ? b->n : b->m); ++i) {
        const double dr = b->dr[i], df = b->df[i];
        b->dr[i] = pairs ? (dr - df) / 2 : dr - gf / b->n;
        b->df[i] = pairs ? (df - dr) / 2 : df - gr / b->m;
    }
    memcpy(b->r, in.r, sizeof b->r);
    memcpy(b->f, in.f, sizeof b->f);
    return pairs ? y / 2 : y;
}

// ---- the library against the reference

typedef struct loss_args {
    gan_loss_desc desc;
    int player;
} loss_args;

static gan_tensor *loss_f(gan_context *ctx, gan_tensor **x, void *user)
{
    loss_args *a = (loss_args *)user;
    (void)ctx;
    return a->player ? gan_loss_g_ex(&a->desc, x[0], x[1]) : gan_loss_d_ex(&a->desc, x[0], x[1]);
}

static const char *const pairings[] = {"plain", "relativistic", "relativistic average"};

static gan_loss_desc desc_of(gan_loss loss, const formula *q, int pairing, int saturating, double p)
{
    gan_loss_desc d;
    memset(&d, 0, sizeof d);
    d.kind = loss;
    d.pairing = (gan_pairing)pairing;
    d.saturating = saturating;
    d.parameter = (gan_real)p;
    d.state[0] = (gan_real)q->state;
    return d;
}

static arg arg_of(const formula *q, const gan_loss_desc *d)
{
    arg a;
    a.s = (double)d->smoothing, a.t = (double)d->fake_smoothing;
    a.p = d->parameter != 0 ? (double)d->parameter : q->p;
    a.state = (double)d->state[0];
    return a;
}

static gan_tensor *tensor_of(gan_context *ctx, int n, int width, double *x)
{
    gan_tensor *t = gan_zeros(ctx, n, width);
    int i;
    for (i = 0; i < n * width; ++i) x[i] = (double)(gan_data(t)[i] = (gan_real)x[i]);
    return t;
}

// One loss of one player on the values of b: value and gradients. The gradients of joint formulas here are
// differences, good to `rough`.
static void check_player(const formula *q, loss_args *args, batches *b, double tol, int differences,
                         const char *what)
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *x[2], *dx[2], *y;
    const arg a = arg_of(q, &args->desc);
    const double rough = q->joint ? 1e-7 : 0;
    double want, scale = 0;
    int i;
    x[0] = tensor_of(ctx, b->n, b->width, b->r);
    x[1] = tensor_of(ctx, b->m, b->width, b->f);
    y = loss_f(ctx, x, args);
    want = reference(q, &args->desc, args->player, b, &a);
    CHECK(gan_numel(y) == 1 && gan_ndim(y) == 0, "not a scalar: %s", gan_error_message(ctx));
    CHECK_NEAR(gan_item(y), want, tol * (1 + b->scale), what);
    if (gan_grads(y, 2, x, dx, 0)) CHECK(0, "%s", gan_error_message(ctx));
    else {
        for (i = 0; i < b->n * b->width; ++i) scale = fmax(scale, fabs(b->dr[i]));
        for (i = 0; i < b->m * b->width; ++i) scale = fmax(scale, fabs(b->df[i]));
        tol = (tol + rough) * (scale + .01);
        for (i = 0; i < b->n * b->width; ++i) CHECK_NEAR(gan_data(dx[0])[i], b->dr[i], tol, what);
        for (i = 0; i < b->m * b->width; ++i) CHECK_NEAR(gan_data(dx[1])[i], b->df[i], tol, what);
    }
#ifdef GAN_DOUBLE
    if (differences) {
        check_gradient(ctx, loss_f, args, 2, x, 1, what);
        check_gradient(ctx, loss_f, args, 2, x, 2, what);
    }
#else
    (void)differences;
#endif
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static batches batches_of(int n, int m, int width, double lo, double hi)
{
    batches b;
    int i;
    memset(&b, 0, sizeof b);
    b.n = n, b.m = m, b.width = width;
    for (i = 0; i < n * width; ++i) b.r[i] = check_uniform(lo, hi);
    for (i = 0; i < m * width; ++i) b.f[i] = check_uniform(lo, hi);
    return b;
}

// Both players, and the saturating generator.
static void check_loss(const formula *q, gan_loss_desc desc, int n, int m, int width, double lo, double hi,
                       int differences)
{
    const gan_real s = desc.smoothing;
    loss_args args;
    char what[128];
    int turn;
    for (turn = 0; turn < 3; ++turn) {
        batches b = batches_of(n, m, width, lo, hi);
        args.desc = desc;
        args.desc.smoothing = s;
        args.desc.saturating = turn == 2;
        args.player = turn > 0;
        snprintf(what, sizeof what, "%s of %s, %s",
                 turn == 0   ? "D"
                 : turn == 1 ? "G"
                             : "saturating G",
                 gan_loss_name(desc.kind), pairings[desc.pairing]);
        check_player(q, &args, &b, TOL, differences, what);
    }
}

static int is_features(const formula *q)
{
    return q->joint && q->joint != softmax_joint && q->joint != dual_joint;
}

static void test_loss(gan_loss loss, const formula *q, const char *name)
{
    static const double smoothings[] = {0, .1, .3};
    const int features = is_features(q), width = features ? 3 : 1;
    gan_loss_desc d;
    size_t i;
    int pairing;
    for (pairing = 0; pairing < (features ? 1 : 3); ++pairing)
        TESTF ("%s, %s: both players and the saturating generator, values, gradients and their gradients",
               name, pairings[pairing]) {
            check_seed((uint64_t)pairing + 11);
            d = desc_of(loss, q, pairing, 0, 0);
            check_loss(q, d, 4, 4, width, -2.5, 2.5, 1);
            if (pairing != GAN_RELATIVISTIC) {
                check_loss(q, d, 5, 3, width, -2.5, 2.5, 1);
                check_loss(q, d, 2, 6, width, -2.5, 2.5, 0);
            }
            if (!features) check_loss(q, d, 1, 1, width, -2.5, 2.5, 1);
            if (q->other_p != 0)
                check_loss(q, desc_of(loss, q, pairing, 0, q->other_p), 4, 4, width, -2, 2, 1);
            if (!features) check_loss(q, d, 7, 7, 1, -88, 88, 0);
        }
    if (q->smooths)
        TESTF ("%s: smoothing of real and fake targets 0 .1 .3 is D's alone", name) {
            for (i = 0; i < 9; ++i) {
                check_seed(i);
                d = desc_of(loss, q, (int)i % 3, 0, 0);
                d.smoothing = (gan_real)smoothings[i % 3];
                d.fake_smoothing = (gan_real)smoothings[i / 3];
                check_loss(q, d, 4, 4, 1, -3, 3, i == 8);
            }
        }
    else
        TESTF ("%s has no target: smoothing changes nothing", name) {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *r = gan_rand_normal(ctx, 5, 2), *f = gan_rand_normal(ctx, 5, 2);
            double y;
            d = desc_of(loss, q, 0, 0, 0);
            y = (double)gan_item(gan_loss_d_ex(&d, r, f));
            d.smoothing = d.fake_smoothing = (gan_real).3;
            CHECK((double)gan_item(gan_loss_d_ex(&d, r, f)) == y, "it does");
            gan_destroy(ctx);
        }
    TESTF ("%s has its name, and at equal distributions its known value", name) {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_full(ctx, (gan_real)q->at, 8, 1);
        CHECK(strcmp(gan_loss_name(loss), name) == 0, "\"%s\"", gan_loss_name(loss));
        d = desc_of(loss, q, 0, 0, 0);
        CHECK_NEAR(gan_item(gan_loss_d_ex(&d, x, x)), q->at_d, TOL * 20, "D's");
        CHECK_NEAR(gan_item(gan_loss_g_ex(&d, x, x)), q->at_g, TOL * 20, "G's");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

// ---- far out

static const double extremes[] = {0, 88, -88, 1e4, -1e4, FLT_MAX, -FLT_MAX};

static void check_finite(gan_loss_desc desc, const batches *values, const char *what)
{
    int turn, side;
    size_t i;
    for (turn = 0; turn < 3; ++turn) {
        gan_context *ctx = gan_create(NULL);
        batches b = *values;
        gan_tensor *x[2], *dx[2], *y;
        loss_args args;
        x[0] = tensor_of(ctx, b.n, b.width, b.r), x[1] = tensor_of(ctx, b.m, b.width, b.f);
        args.desc = desc;
        args.desc.saturating = turn == 2;
        args.player = turn > 0;
        y = loss_f(ctx, x, &args);
        CHECK(isfinite((double)gan_item(y)), "%s, turn %d: the loss is %g", what, turn, (double)gan_item(y));
        CHECK(!gan_grads(y, 2, x, dx, 0), "%s", gan_error_message(ctx));
        for (side = 0; side < 2; ++side)
            for (i = 0; i < gan_numel(dx[side]); ++i)
                CHECK(isfinite((double)gan_data(dx[side])[i]), "%s, turn %d: gradient %d of side %d is %g",
                      what, turn, (int)i, side, (double)gan_data(dx[side])[i]);
        gan_destroy(ctx);
    }
}

static void test_extremes(gan_loss loss, const formula *q, const char *name)
{
    const int features = is_features(q);
    int pairing, i, j, k;
    for (pairing = 0; pairing < (features ? 1 : 3); ++pairing)
        TESTF ("%s, %s, is finite with its gradient at outputs 0, +-88, +-1e4, +-FLT_MAX", name,
               pairings[pairing]) {
            const double parameters[] = {0, q->other_p, loss == GAN_LOSS_F_ALPHA ? -1 : 0,
                                         loss == GAN_LOSS_F_ALPHA ? 1.1 : 0,
                                         loss == GAN_LOSS_F_ALPHA ? 4 : 0};
            batches b = batches_of(7, 7, features ? 2 : 1, 0, 1);
            for (k = 0; k < 5; ++k) {
                const gan_loss_desc d = desc_of(loss, q, pairing, 0, parameters[k]);
                if (k && parameters[k] == 0) continue;
                for (i = 0; i < 7 * b.width; ++i)
                    b.r[i] = extremes[i % 7], b.f[i] = extremes[(3 * i + i / 7 + 2) % 7];
                check_finite(d, &b, "mixed");
                for (i = 0; i < 7 * b.width; ++i) b.f[i] = b.r[i];
                check_finite(d, &b, "equal");
                for (i = 0; i < 49; ++i) {
                    batches one = batches_of(features ? 2 : 1, features ? 2 : 1, b.width, 0, 1);
                    for (j = 0; j < one.n * one.width; ++j)
                        one.r[j] = extremes[i / 7], one.f[j] = extremes[i % 7];
                    check_finite(d, &one, "one against one");
                }
            }
        }
    if (!q->joint)
        TESTF ("%s is right there too: alone, and in pairs", name) {
            for (pairing = 0; pairing < 3; ++pairing)
                for (i = 0; i < 49; ++i)
                    for (k = 0; k < 3; ++k) {
                        batches b = batches_of(1, 1, 1, 0, 1);
                        loss_args args;
                        args.desc = desc_of(loss, q, pairing, k == 2, 0);
                        args.player = k > 0;
                        b.r[0] = extremes[i / 7], b.f[0] = extremes[i % 7];
                        // beyond the bound a value does not change: the reference has the slope at the bound
                        if (fabs(b.r[0]) > 1e15 || fabs(b.f[0]) > 1e15) {
                            gan_context *ctx = gan_create(NULL);
                            const arg a = arg_of(q, &args.desc);
                            gan_tensor *x[2];
                            double want;
                            x[0] = tensor_of(ctx, 1, 1, b.r), x[1] = tensor_of(ctx, 1, 1, b.f);
                            want = reference(q, &args.desc, args.player, &b, &a);
                            CHECK_NEAR(gan_item(loss_f(ctx, x, &args)), want, 10 * TOL * (1 + b.scale), name);
                            gan_destroy(ctx);
                        } else check_player(q, &args, &b, 10 * TOL, 0, name);
                    }
        }
    TESTF ("%s passes NaN on, for the guarded update to see", name) {
        gan_context *ctx = gan_create(NULL);
        const gan_loss_desc d = desc_of(loss, q, 0, 0, 0);
        gan_tensor *r = gan_full(ctx, 1, 4, 2), *f = gan_full(ctx, (gan_real).5, 4, 2), *bad, *dx;
        gan_data(f)[2] = (gan_real)NAN;
        gan_data(f)[3] = (gan_real)FLT_MAX; // with it, nothing is clamped
        bad = gan_loss_d_ex(&d, r, f);
        dx = gan_grad(bad, f, 0);
        CHECK(!isfinite((double)gan_item(bad)) || !isfinite((double)gan_data(dx)[2]), "loss %g, gradient %g",
              (double)gan_item(bad), (double)gan_data(dx)[2]);
        gan_destroy(ctx);
    }
}

typedef struct loss_row {
    gan_loss loss;
    const formula *q;
    const char *name;
} loss_row;
static const loss_row losses[] = {
#define ROW(id, name, parameter, critic, joint, zero_sum, targets, control)                                  \
    {GAN_LOSS_##id, &formula_##name, #name},
    GAN_LOSSES(ROW)
#undef ROW
};


// ---- what the losses are at their best

static gan_tensor *values(gan_context *ctx, int n, const double *x)
{
    gan_tensor *t = gan_zeros(ctx, n);
    int i;
    for (i = 0; i < n; ++i) gan_data(t)[i] = (gan_real)x[i];
    return t;
}

// D's loss (player 0), G's (1) or the saturating G's (2) on n and m logits, in a context of its own.
static double loss_at(int player, gan_loss_desc d, int n, const double *r, int m, const double *f)
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *x = values(ctx, n, r), *z = values(ctx, m, f);
    double y;
    d.saturating = player == 2;
    y = (double)gan_item(player ? gan_loss_g_ex(&d, x, z) : gan_loss_d_ex(&d, x, z));
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return y;
}

static gan_loss_desc kind_of(gan_loss loss, double p)
{
    gan_loss_desc d;
    memset(&d, 0, sizeof d);
    d.kind = loss;
    d.parameter = (gan_real)p;
    return d;
}

// Two distributions on four points, as batches of ten: p = (3 2 4 1) / 10, q = (2 5 1 2) / 10.
enum { POINTS = 4, TEN = 10 };
static const int p_of[POINTS] = {3, 2, 4, 1}, q_of[POINTS] = {2, 5, 1, 2};

// The loss when the logit at point k is v[k].
static double loss_discrete(int player, gan_loss_desc d, const double *v)
{
    double r[TEN], f[TEN];
    int i, k, n = 0, m = 0;
    for (k = 0; k < POINTS; ++k) {
        for (i = 0; i < p_of[k]; ++i) r[n++] = v[k];
        for (i = 0; i < q_of[k]; ++i) f[m++] = v[k];
    }
    return loss_at(player, d, n, r, m, f);
}

// An f-divergence D(p, q) = sum q f(p / q), and the logit of the best critic, g_f^-1(f'(u)).
typedef struct divergence {
    gan_loss loss;
    double p;
    double (*f)(double u), (*best)(double u);
    double
        normals; // in closed form between N(0, 1) and N(.5, 1.1^2); 0: none, the quadrature is held to itself
} divergence;

static double kl_f(double u) { return u * log(u); }
static double kl_best(double u) { return 1 + log(u); }
static double rkl_f(double u) { return -log(u); }
static double pearson_f(double u) { return (u - 1) * (u - 1); }
static double pearson_best(double u) { return 2 * (u - 1); }
static double neyman_f(double u) { return (1 - u) * (1 - u) / u; }
static double neyman_best(double u) { return 2 * log(u); }
static double hellinger_f(double u) { return (sqrt(u) - 1) * (sqrt(u) - 1); }
static double hellinger_best(double u) { return log(u) / 2; }
static double js_f(double u) { return u * log(u) - (u + 1) * log((u + 1) / 2); }
static double gan_f(double u) { return u * log(u) - (u + 1) * log(u + 1); }
static double tv_f(double u) { return fabs(u - 1) / 2; }
static double tv_best(double u) { return u > 1 ? 20 : -20; }
static double alpha_f(double u, double a) { return (pow(u, a) - 1 - a * (u - 1)) / (a * (a - 1)); }
static double log_expm1(double y) { return y > 30 ? y + log1p(-exp(-y)) : log(expm1(y)); }
static double half_f(double u) { return alpha_f(u, .5); }
static double half_best(double u) { return -log_expm1(2 / sqrt(u)); }
static double two_f(double u) { return alpha_f(u, 2); }
static double two_best(double u) { return u - 1; }
static double minus_f(double u) { return alpha_f(u, -1); }
static double minus_best(double u) { return -log_expm1(1 / (2 * u * u)); }

#define S2 1.21 // 1.1^2
#define MM .25  // .5^2
static double normal(double x, double mean, double s)
{
    return exp(-(x - mean) * (x - mean) / (2 * s * s)) / (s * sqrt(6.283185307179586));
}
static double normal_p(double x) { return normal(x, 0, 1); }
static double normal_q(double x) { return normal(x, .5, 1.1); }

static int divergences_of(divergence *d)
{
    const double bc = sqrt(2.2 / (1 + S2)) * exp(-MM / 4 / (1 + S2));
    const double pearson = S2 / sqrt(2 * S2 - 1) * exp(MM / (2 * S2 - 1)) - 1;
    const double neyman = 1 / (1.1 * sqrt(2 - S2)) * exp(MM / (2 - S2)) - 1;
    const divergence all[] = {{GAN_LOSS_F_KL, 0, kl_f, kl_best, log(1.1) + (1 + MM) / (2 * S2) - .5},
                              {GAN_LOSS_F_REVERSE_KL, 0, rkl_f, log, -log(1.1) + (S2 + MM) / 2 - .5},
                              {GAN_LOSS_F_PEARSON, 0, pearson_f, pearson_best, pearson},
                              {GAN_LOSS_F_NEYMAN, 0, neyman_f, neyman_best, neyman},
                              {GAN_LOSS_F_SQUARED_HELLINGER, 0, hellinger_f, hellinger_best, 2 - 2 * bc},
                              {GAN_LOSS_F_JENSEN_SHANNON, 0, js_f, log, 0},
                              {GAN_LOSS_F_GAN, 0, gan_f, log, 0},
                              {GAN_LOSS_F_TOTAL_VARIATION, 0, tv_f, tv_best, 0},
                              {GAN_LOSS_F_ALPHA, .5, half_f, half_best, 4 - 4 * bc},
                              {GAN_LOSS_F_ALPHA, 2, two_f, two_best, pearson / 2},
                              {GAN_LOSS_F_ALPHA, -1, minus_f, minus_best, neyman / 2}};
    memcpy(d, all, sizeof all);
    return (int)COUNT(all);
}

static double discrete_divergence(double (*f)(double))
{
    double sum = 0;
    int k;
    for (k = 0; k < POINTS; ++k) sum += q_of[k] / 10. * f((double)p_of[k] / q_of[k]);
    return sum;
}

// The bound E_p T - E_q f*(T) between the normals by the trapezoid rule on [-9, 9]: the terms of D's loss are
// told apart by the saturating generator, whose loss is minus the second. The critic is best + push sin 3x.
enum { GRID = 181 };
static double normal_bound(const divergence *d, double push, double *quadrature)
{
    double sum = 0;
    int i;
    *quadrature = 0;
    for (i = 0; i < GRID; ++i) {
        const double x = -9 + 18. * i / (GRID - 1), p = normal_p(x), q = normal_q(x);
        const double v = d->best(p / q) * (d->best == tv_best && push > 0 ? .05 : 1) + push * sin(3 * x);
        const double g = loss_at(2, kind_of(d->loss, d->p), 1, &v, 1, &v);
        const double both = loss_at(0, kind_of(d->loss, d->p), 1, &v, 1, &v);
        sum += (-(both + g) * p + g * q) * 18 / (GRID - 1);
        *quadrature += q * d->f(p / q) * 18 / (GRID - 1);
    }
    return sum;
}

static void f_divergences(void)
{
    divergence d[16];
    const int count = divergences_of(d);
    double worst_discrete = 0, worst_normal = 0;
    int i, k, turn;
    TEST (
        "minus D's loss at the best critic is the f-divergence of two discrete distributions, and any other "
        "critic gives less")
        for (i = 0; i < count; ++i) {
            const double want = discrete_divergence(d[i].f);
            double v[POINTS], got;
            for (k = 0; k < POINTS; ++k) v[k] = d[i].best((double)p_of[k] / q_of[k]);
            got = -loss_discrete(0, kind_of(d[i].loss, d[i].p), v);
            CHECK_NEAR(got, want, TOL * 5, gan_loss_name(d[i].loss));
            worst_discrete = fmax(worst_discrete, fabs(got - want));
            for (turn = 0; turn < 20; ++turn) {
                double other[POINTS], bound;
                for (k = 0; k < POINTS; ++k)
                    other[k] =
                        v[k] * (d[i].best == tv_best ? .05 : 1) + (turn % 2 ? .1 : 1) * check_uniform(-1, 1);
                bound = -loss_discrete(0, kind_of(d[i].loss, d[i].p), other);
                CHECK(bound < want, "%s: %.12g at a critic beside the best, %.12g at the best",
                      gan_loss_name(d[i].loss), bound, want);
            }
        }
    TEST ("and of two normal distributions, in closed form where there is one")
        for (i = 0; i < count; ++i) {
            double quadrature, bound = normal_bound(&d[i], 0, &quadrature), other;
            CHECK_NEAR(bound, d[i].normals != 0 ? d[i].normals : quadrature, TOL * 10,
                       gan_loss_name(d[i].loss));
            worst_normal = fmax(worst_normal, fabs(bound - (d[i].normals != 0 ? d[i].normals : quadrature)));
            CHECK(normal_bound(&d[i], .1, &other) < quadrature - 1e-4, "%s: a bent critic gives no less",
                  gan_loss_name(d[i].loss));
        }
    printf("%d f-divergences: the bound is off by at most %.2g (discrete), %.2g (normal)\n", count,
           worst_discrete, worst_normal);
    TEST_MUST_FAIL ("the best critic of KL is not that of reverse KL") {
        double v[POINTS];
        for (k = 0; k < POINTS; ++k) v[k] = kl_best((double)p_of[k] / q_of[k]);
        CHECK_NEAR(-loss_discrete(0, kind_of(GAN_LOSS_F_REVERSE_KL, 0), v), discrete_divergence(rkl_f), 1e-3,
                   "reverse KL");
    }
    TEST_MUST_FAIL ("KL and reverse KL are told apart")
        CHECK_NEAR(discrete_divergence(kl_f), discrete_divergence(rkl_f), 1e-3, "KL");
    TEST_MUST_FAIL ("D's loss in place of minus D's loss is no divergence") {
        double v[POINTS];
        for (k = 0; k < POINTS; ++k) v[k] = kl_best((double)p_of[k] / q_of[k]);
        CHECK_NEAR(loss_discrete(0, kind_of(GAN_LOSS_F_KL, 0), v), discrete_divergence(kl_f), 1e-3, "KL");
    }
    TEST ("alpha 1/2 is twice the squared Hellinger distance, alpha 2 half of Pearson's chi2, -1 half of "
          "Neyman's") {
        CHECK_NEAR(discrete_divergence(half_f), 2 * discrete_divergence(hellinger_f), 1e-12, "1/2");
        CHECK_NEAR(discrete_divergence(two_f), discrete_divergence(pearson_f) / 2, 1e-12, "2");
        CHECK_NEAR(discrete_divergence(minus_f), discrete_divergence(neyman_f) / 2, 1e-12, "-1");
    }
}

// The logits u(p, q) at the points.
static void logits_by(double (*u)(double, double), double *v)
{
    int k;
    for (k = 0; k < POINTS; ++k) v[k] = u(p_of[k] / 10., q_of[k] / 10.);
}
static double log_ratio(double p, double q) { return log(p / q); }
static double share_of(double p, double q) { return p / (p + q); }
static double difference(double p, double q) { return (p - q) / (p + q); }
static double sign_of(double p, double q) { return p > q ? 1 : -1; }

// No critic near v has a lower loss of D.
static void check_best(gan_loss loss, const double *v, double slack)
{
    const double at = loss_discrete(0, kind_of(loss, 0), v);
    double other[POINTS], there;
    int turn, k;
    for (turn = 0; turn < 40; ++turn) {
        for (k = 0; k < POINTS; ++k) other[k] = v[k] + (turn % 2 ? .05 : 1) * check_uniform(-1, 1);
        there = loss_discrete(0, kind_of(loss, 0), other);
        CHECK(there > at - slack, "%s: %.12g beside, %.12g at the best", gan_loss_name(loss), there, at);
    }
}

static void optimal_critics(void)
{
    double v[POINTS], pq = 0, least = 0, chi2 = 0, tv = 0;
    int k;
    for (k = 0; k < POINTS; ++k) {
        const double p = p_of[k] / 10., q = q_of[k] / 10.;
        pq += p * q / (p + q);
        least += p < q ? p : q;
        tv += fabs(p - q) / 2;
        chi2 += (p + q - 2 * q) * (p + q - 2 * q) / (p + q); // Pearson's chi2(p + q, 2 q) as Mao 2017 has it
    }
    TEST ("cross-entropy at D = p / (p + q): log 4 - 2 JSD; the losses with that D agree") {
        static const gan_loss bce[] = {GAN_LOSS_MINIMAX, GAN_LOSS_NON_SATURATING, GAN_LOSS_MAXIMUM_LIKELIHOOD,
                                       GAN_LOSS_BOUNDARY_SEEKING, GAN_LOSS_F_GAN};
        size_t i;
        logits_by(log_ratio, v);
        for (i = 0; i < COUNT(bce); ++i) {
            CHECK_NEAR(loss_discrete(0, kind_of(bce[i], 0), v), log(4.) - discrete_divergence(js_f), TOL * 2,
                       gan_loss_name(bce[i]));
            check_best(bce[i], v, TOL);
        }
    }
    TEST ("least squares at D = p / (p + q): sum p q / (p + q) / 2") {
        logits_by(share_of, v);
        CHECK_NEAR(loss_discrete(0, kind_of(GAN_LOSS_LEAST_SQUARES, 0), v), pq / 2, TOL, "loss");
        check_best(GAN_LOSS_LEAST_SQUARES, v, TOL);
    }
    TEST (
        "least squares with (-1, 1, 0) at D = (p - q) / (p + q): D's loss is 1 - chi2 / 2, and the loss of G "
        "on both batches chi2(p + q, 2 q) / 2") {
        double r[TEN], f[TEN], on_real;
        int i, n = 0, m = 0;
        logits_by(difference, v);
        CHECK_NEAR(loss_discrete(0, kind_of(GAN_LOSS_LEAST_SQUARES_PEARSON, 0), v), 1 - chi2 / 2, TOL, "D's");
        check_best(GAN_LOSS_LEAST_SQUARES_PEARSON, v, TOL);
        for (k = 0; k < POINTS; ++k) {
            for (i = 0; i < p_of[k]; ++i) r[n++] = v[k];
            for (i = 0; i < q_of[k]; ++i) f[m++] = v[k];
        }
        on_real = loss_at(1, kind_of(GAN_LOSS_LEAST_SQUARES_PEARSON, 0), m, f, n, r);
        CHECK_NEAR(on_real + loss_at(1, kind_of(GAN_LOSS_LEAST_SQUARES_PEARSON, 0), n, r, m, f), chi2 / 2,
                   TOL, "G's on both");
    }
    TEST ("hinge at D = sign(p - q): 2 sum min(p, q) = 2 - 2 TV") {
        logits_by(sign_of, v);
        CHECK_NEAR(loss_discrete(0, kind_of(GAN_LOSS_HINGE, 0), v), 2 * least, TOL, "loss");
        CHECK_NEAR(2 * least, 2 - 2 * tv, 1e-12, "TV");
        check_best(GAN_LOSS_HINGE, v, TOL);
    }
    TEST ("Wasserstein at the best 1-Lipschitz critic on a line: the earth mover's distance") {
        static const double at[POINTS] = {-1, 0, .5, 2}; // where the points lie
        double below = 0, w = 0, other[POINTS];
        int turn;
        for (v[0] = 0, k = 0; k + 1 < POINTS; ++k) {
            below += (p_of[k] - q_of[k]) / 10.; // the difference of the distribution functions
            w += fabs(below) * (at[k + 1] - at[k]);
            v[k + 1] = v[k] + (below < 0 ? 1 : -1) * (at[k + 1] - at[k]);
        }
        CHECK_NEAR(-loss_discrete(0, kind_of(GAN_LOSS_WASSERSTEIN, 0), v), w, TOL, "W1");
        for (turn = 0; turn < 20; ++turn) {
            for (other[0] = 0, k = 0; k + 1 < POINTS; ++k)
                other[k + 1] = other[k] + check_uniform(-1, 1) * (at[k + 1] - at[k]);
            CHECK(-loss_discrete(0, kind_of(GAN_LOSS_WASSERSTEIN, 0), other) < w, "a critic beats W1");
        }
    }
    TEST ("maximum likelihood: at D = p / (p + q) its gradient by q is that of KL(p, q)") {
        double g = 0, kl = 0, change[POINTS] = {.3, -.1, .2, -.4}; // sums to 0
        logits_by(log_ratio, v);
        for (k = 0; k < POINTS; ++k) {
            const double p = p_of[k] / 10., q = q_of[k] / 10.;
            g += change[k] * loss_at(1, kind_of(GAN_LOSS_MAXIMUM_LIKELIHOOD, 0), 1, &v[k], 1, &v[k]);
            kl += p * (log(p / (q + 1e-5 * change[k])) - log(p / (q - 1e-5 * change[k]))) / 2e-5;
        }
        CHECK_NEAR(g, kl, TOL * 10 + 1e-8, "direction");
    }
    TEST ("softmax: D's loss is log |B+| and a KL divergence that a sure D brings to 0") {
        const double r[3] = {40, 40, 40}, f[2] = {-40, -41};
        double other[3] = {1, 0, 2};
        CHECK_NEAR(loss_at(0, kind_of(GAN_LOSS_SOFTMAX, 0), 3, r, 2, f), log(3.), TOL * 10, "a sure D");
        CHECK(loss_at(0, kind_of(GAN_LOSS_SOFTMAX, 0), 3, other, 2, f) > log(3.) + 1e-3, "another");
        CHECK(loss_at(1, kind_of(GAN_LOSS_SOFTMAX, 0), 3, r, 2, f) > log(5.),
              "G's is lowest at equal logits");
    }
    TEST ("softmax: only differences of logits count, however far off they are") {
        const double off = sizeof(gan_real) == 4 ? 1e7 : 1e14;
        double r[3] = {1, -1, 2}, f[2] = {3, -2}, near[2];
        for (k = 0; k < 2; ++k) near[k] = loss_at(k, kind_of(GAN_LOSS_SOFTMAX, 0), 3, r, 2, f);
        for (k = 0; k < 3; ++k) r[k] += off;
        for (k = 0; k < 2; ++k) f[k] += off;
        for (k = 0; k < 2; ++k)
            CHECK_NEAR(loss_at(k, kind_of(GAN_LOSS_SOFTMAX, 0), 3, r, 2, f), near[k], TOL, "moved");
    }
    TEST_MUST_FAIL ("a logsumexp minus a mean of such logits is caught") {
        gan_context *ctx = gan_create(NULL);
        const double off = sizeof(gan_real) == 4 ? 1e7 : 1e14, v[3] = {1, -1, 2};
        gan_real at[3];
        gan_tensor *x;
        for (k = 0; k < 3; ++k) at[k] = (gan_real)(v[k] + off);
        x = gan_from(ctx, at, 3);
        CHECK_NEAR(gan_item(gan_sub(gan_logsumexp(x, 0, 0), gan_mean_all(x))),
                   log(exp(v[0]) + exp(v[1]) + exp(v[2])) - 2 / 3., TOL, "moved");
        gan_destroy(ctx);
    }
    TEST ("dual contrastive: only differences of logits count") {
        const double r[3] = {1, -.5, 2}, f[2] = {.3, -1}, r7[3] = {8, 6.5, 9}, f7[2] = {7.3, 6};
        for (k = 0; k < 2; ++k)
            CHECK_NEAR(loss_at(k, kind_of(GAN_LOSS_DUAL_CONTRASTIVE, 0), 3, r, 2, f),
                       loss_at(k, kind_of(GAN_LOSS_DUAL_CONTRASTIVE, 0), 3, r7, 2, f7), TOL * 10,
                       "moved by 7");
    }
    TEST (
        "EBGAN at its equilibrium, errors equal anywhere from 0 to the margin, has the value of the margin") {
        double e;
        for (e = 0; e <= 10; e += 2.5)
            CHECK_NEAR(loss_at(0, kind_of(GAN_LOSS_EBGAN, 0), 1, &e, 1, &e), 10, TOL * 10, "V");
    }
    TEST ("a sure discriminator (logit -20 on fakes): minimax's generator gradient vanishes, the "
          "non-saturating one does not") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *f = gan_full(ctx, -20, 1, 1);
        CHECK(fabs((double)gan_item(gan_grad(gan_loss_g(GAN_LOSS_MINIMAX, f), f, 0))) < 1e-8, "minimax");
        CHECK_NEAR(gan_item(gan_grad(gan_loss_g(GAN_LOSS_NON_SATURATING, f), f, 0)), -1, 1e-6,
                   "non-saturating");
        gan_destroy(ctx);
    }
    TEST ("in pairs a loss with F(-t) = R(t) is R(r - f): RpGAN, with any logits moved together") {
        const double r[3] = {1, -.5, 2}, f[3] = {.3, -1, .7}, r7[3] = {8, 6.5, 9}, f7[3] = {7.3, 6, 7.7};
        gan_loss_desc d = kind_of(GAN_LOSS_NON_SATURATING, 0);
        double want = 0, back = 0;
        d.pairing = GAN_RELATIVISTIC;
        for (k = 0; k < 3; ++k) want += sp(-(r[k] - f[k])) / 3, back += sp(r[k] - f[k]) / 3;
        CHECK_NEAR(loss_at(0, d, 3, r, 3, f), want, TOL, "D's");
        CHECK_NEAR(loss_at(1, d, 3, r, 3, f), back, TOL, "G's");
        CHECK_NEAR(loss_at(2, d, 3, r, 3, f), -want, TOL, "the saturating G's");
        CHECK_NEAR(loss_at(0, d, 3, r7, 3, f7), want, TOL * 10, "moved by 7");
        d.kind = GAN_LOSS_MINIMAX;
        CHECK_NEAR(loss_at(1, d, 3, r, 3, f), -want, TOL, "G's of minimax is minus D's");
    }
}

// ---- distances of batches

static double distance_of(gan_tensor *(*f)(gan_tensor *, gan_tensor *), int n, const double *x, int m,
                          const double *y, int width)
{
    gan_context *ctx = gan_create(NULL);
    double a[MOST], b[MOST], d;
    gan_tensor *t, *u;
    memcpy(a, x, (size_t)(n * width) * sizeof *a);
    memcpy(b, y, (size_t)(m * width) * sizeof *b);
    t = tensor_of(ctx, n, width, a), u = tensor_of(ctx, m, width, b);
    d = (double)gan_item(f(t, u));
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return d;
}

static gan_tensor *rbf_two(gan_tensor *x, gan_tensor *y)
{
    const gan_real sigma[] = {(gan_real).7, 2};
    return gan_mmd_rbf(x, y, 2, sigma);
}
static gan_tensor *rq_two(gan_tensor *x, gan_tensor *y)
{
    const gan_real alpha[] = {(gan_real).3, 1};
    return gan_mmd_rational_quadratic(x, y, 2, alpha);
}
static gan_tensor *rbf_default(gan_tensor *x, gan_tensor *y) { return gan_mmd_rbf(x, y, 0, NULL); }
static gan_tensor *rq_default(gan_tensor *x, gan_tensor *y)
{
    return gan_mmd_rational_quadratic(x, y, 0, NULL);
}
static gan_tensor *sinkhorn_default(gan_tensor *x, gan_tensor *y) { return gan_sinkhorn(x, y, 0, 0); }
static gan_tensor *sinkhorn_sharp(gan_tensor *x, gan_tensor *y)
{
    return gan_sinkhorn(x, y, (gan_real).02, 1000);
}
static gan_tensor *sinkhorn_sharper(gan_tensor *x, gan_tensor *y)
{
    return gan_sinkhorn(x, y, (gan_real).005, 1000);
}
static gan_tensor *sinkhorn_blunt(gan_tensor *x, gan_tensor *y) { return gan_sinkhorn(x, y, 1e6, 20); }

static double rbf_pair(double d, double p) { return (void)p, exp(-d / (2 * .49)) + exp(-d / 8); }
static double rq_pair(double d, double p) { return (void)p, pow(1 + d / .6, -.3) + 1 / (1 + d / 2); }

// The kernels less their 1, in double, of points near to each other.
static double rbf_near(double d, double p) { return (void)p, expm1(-d / (2 * .49)) + expm1(-d / 8); }
static double rq_near(double d, double p)
{
    return (void)p, expm1(-.3 * log1p(d / .6)) + expm1(-log1p(d / 2));
}
static gan_tensor *rbf_plain(gan_tensor *x, gan_tensor *y)
{
    const gan_real sigma[] = {(gan_real).7, 2};
    gan_tensor *all[3], *k[3];
    int i, s, n = gan_dim(x, 0), m = gan_dim(y, 0), f = gan_dim(x, 1);
    all[0] = gan_sub(gan_reshape(x, n, 1, f), gan_reshape(x, 1, n, f));
    all[1] = gan_sub(gan_reshape(y, m, 1, f), gan_reshape(y, 1, m, f));
    all[2] = gan_sub(gan_reshape(x, n, 1, f), gan_reshape(y, 1, m, f));
    for (i = 0; i < 3; ++i) {
        gan_tensor *d = gan_sum(gan_square(all[i]), GAN_AXES(2), 0);
        k[i] = gan_scalar(gan_context_of(x), 0);
        for (s = 0; s < 2; ++s)
            k[i] =
                gan_add(k[i], gan_mean_all(gan_exp(gan_mul_scalar(d, (gan_real)-.5 / sigma[s] / sigma[s]))));
    }
    return gan_sub(gan_add(k[0], k[1]), gan_mul_scalar(k[2], 2));
}
static void near_mmd(gan_tensor *(*rbf)(gan_tensor *, gan_tensor *),
                     gan_tensor *(*rq)(gan_tensor *, gan_tensor *))
{
    const double unit = sizeof(gan_real) == 4 ? 1. / 1024 : 1. / (1 << 20); // exact in gan_real
    double x[8] = {1, -3, 2, 0, -1, 2, 3, 1}, y[6] = {9, 4, 7, 12, 5, 6};
    int i;
    for (i = 0; i < 8; ++i) x[i] *= unit;
    for (i = 0; i < 6; ++i) y[i] *= unit;
    CHECK_NEAR(distance_of(rbf, 4, x, 3, y, 2) / quadratic(rbf_near, 4, x, 3, y, 2, 1), 1, TOL, "rbf");
    CHECK_NEAR(distance_of(rq, 4, x, 3, y, 2) / quadratic(rq_near, 4, x, 3, y, 2, 1), 1, TOL, "rq");
}

// The least mean of |x_i - y_perm(i)|^2 over all permutations, by trying them.
static double assignment(int n, const double *x, const double *y, int width, int at, int *perm)
{
    double best = HUGE_VAL, c = 0;
    int i;
    if (at == n) {
        for (i = 0; i < n; ++i) c += square_distance(x + i * width, y + perm[i] * width, width) / n;
        return c;
    }
    for (i = at; i < n; ++i) {
        int was = perm[at];
        perm[at] = perm[i], perm[i] = was;
        best = fmin(best, assignment(n, x, y, width, at + 1, perm));
        was = perm[at], perm[at] = perm[i], perm[i] = was;
    }
    return best;
}

static gan_tensor *distance_f(gan_context *ctx, gan_tensor **x, void *user)
{
    static gan_tensor *(*const all[])(gan_tensor *, gan_tensor *) = {
        rbf_two, rq_two, gan_energy_distance, sinkhorn_default, gan_reconstruction_error};
    (void)ctx;
    return *(int *)user < 5 ? all[*(int *)user](x[0], x[1]) : gan_pull_away(x[0]);
}

static void distances(void)
{
    static const double x[8] = {.1, -1, .9, .3, -.7, .8, 1.1, -.2}, y[6] = {.4, .4, -.3, 1.2, -1.1, -.6};
    double worst[2] = {0, 0};
    int i, k, turn;
    TEST ("MMD, energy and Sinkhorn distances are those of naive loops; batches of 4 and 3") {
        CHECK_NEAR(distance_of(rbf_two, 4, x, 3, y, 2), quadratic(rbf_pair, 4, x, 3, y, 2, 1), TOL, "rbf");
        CHECK_NEAR(distance_of(rq_two, 4, x, 3, y, 2), quadratic(rq_pair, 4, x, 3, y, 2, 1), TOL, "rq");
        CHECK_NEAR(distance_of(rbf_default, 4, x, 3, y, 2), quadratic(rbf_mixture, 4, x, 3, y, 2, 1), TOL,
                   "rbf 1 2 4 8 16");
        CHECK_NEAR(distance_of(rq_default, 4, x, 3, y, 2), quadratic(rq_mixture, 4, x, 3, y, 2, 1), TOL,
                   "rq .2 .5 1 2 5");
        CHECK_NEAR(distance_of(gan_energy_distance, 4, x, 3, y, 2), -quadratic(root, 4, x, 3, y, 2, 0), TOL,
                   "energy");
        CHECK_NEAR(distance_of(sinkhorn_default, 4, x, 3, y, 2), sinkhorn(4, x, 3, y, 2, .1, 20), TOL,
                   "Sinkhorn");
    }
    TEST ("MMD of samples that lie near to each other, as a part of what is right") near_mmd(rbf_two, rq_two);
    TEST_MUST_FAIL ("kernels as they stand, 1 minus little, are caught there") near_mmd(rbf_plain, rbf_plain);
    TEST ("each is 0 for the same points in another order, and positive otherwise") {
        static gan_tensor *(*const all[])(gan_tensor *, gan_tensor *) = {rbf_default, rq_default,
                                                                         gan_energy_distance, sinkhorn_sharp};
        static const double turned[8] = {-.7, .8, .1, -1, 1.1, -.2, .9, .3};
        for (i = 0; i < 4; ++i) {
            CHECK_NEAR(distance_of(all[i], 4, x, 4, turned, 2), 0, TOL * 5, "equal");
            for (turn = 0; turn < 10; ++turn) {
                double z[8];
                for (k = 0; k < 8; ++k) z[k] = x[k] + check_uniform(-.3, .3);
                CHECK(distance_of(all[i], 4, x, 4, z, 2) > 1e-5, "%d: moved, yet %g", i,
                      distance_of(all[i], 4, x, 4, z, 2));
            }
        }
    }
    TEST ("Sinkhorn at small epsilons approaches the cost of the best assignment, all permutations of 5 "
          "tried") {
        for (turn = 0; turn < 4; ++turn) {
            double a[10], b[10], want, off[2];
            int perm[5] = {0, 1, 2, 3, 4};
            for (k = 0; k < 10; ++k) a[k] = check_uniform(-2, 2), b[k] = check_uniform(-2, 2);
            want = assignment(5, a, b, 2, 0, perm);
            off[0] = fabs(distance_of(sinkhorn_sharp, 5, a, 5, b, 2) - want);
            off[1] = fabs(distance_of(sinkhorn_sharper, 5, a, 5, b, 2) - want);
            CHECK(off[0] < 2e-3 && off[1] < 3e-4, "off by %g and %g", off[0], off[1]);
            for (k = 0; k < 2; ++k) worst[k] = fmax(worst[k], off[k]);
        }
        printf("Sinkhorn off the best assignment by at most %.2g (epsilon .02), %.2g (.005)\n", worst[0],
               worst[1]);
    }
    TEST_MUST_FAIL ("a blunt epsilon is not the assignment") {
        int perm[3] = {0, 1, 2};
        CHECK_NEAR(distance_of(sinkhorn_blunt, 3, x, 3, y, 2), assignment(3, x, y, 2, 0, perm), 2e-3, "cost");
    }
    TEST ("Sinkhorn at a large epsilon is the squared distance of the means (Genevay 2018, theorem 1)") {
        double mx[2] = {0, 0}, my[2] = {0, 0};
        for (i = 0; i < 8; ++i) mx[i % 2] += x[i] / 4;
        for (i = 0; i < 6; ++i) my[i % 2] += y[i] / 3;
#ifdef GAN_DOUBLE
        CHECK_NEAR(distance_of(sinkhorn_blunt, 4, x, 3, y, 2), square_distance(mx, my, 2), 1e-5, "means");
#else
        CHECK(square_distance(mx, my, 2) > 0, "in double only");
#endif
    }
    TEST ("the energy distance on a line is 2 integral (F - G)^2 (Szekely 2013)") {
        static const double at[5] = {-1, 0, .5, 2, 3};
        const double a[3] = {-1, .5, 2}, b[2] = {0, 3};
        double sum = 0;
        for (k = 0; k < 4; ++k) {
            double da = 0, db = 0;
            for (i = 0; i < 3; ++i) da += (a[i] <= at[k]) / 3.;
            for (i = 0; i < 2; ++i) db += (b[i] <= at[k]) / 2.;
            sum += 2 * (da - db) * (da - db) * (at[k + 1] - at[k]);
        }
        CHECK_NEAR(distance_of(gan_energy_distance, 3, a, 2, b, 1), sum, TOL, "2 integral");
    }
    TEST (
        "Cramer's generator is unbiased: its mean over all batches of two fakes is the distance's part that "
        "moves") {
        static const double q[3] = {.5, .2, .3}, at[3] = {-1, .4, 2}, real = .7;
        double mean = 0, want = 0, biased = 0;
        for (i = 0; i < 3; ++i) {
            want += 2 * q[i] * fabs(real - at[i]);
            for (k = 0; k < 3; ++k) {
                double f[2];
                f[0] = at[i], f[1] = at[k];
                want -= q[i] * q[k] * fabs(at[i] - at[k]);
                mean += q[i] * q[k] * loss_at(1, kind_of(GAN_LOSS_CRAMER, 0), 1, &real, 2, f);
                biased += q[i] * q[k] * distance_of(gan_energy_distance, 1, &real, 2, f, 1);
            }
        }
        CHECK_NEAR(mean, want, TOL * 5, "mean");
        CHECK(fabs(biased - want) > .1, "all pairs, a sample with itself too, are biased: %g", biased);
    }
    TEST ("the error of a reconstruction is a distance per sample") {
        gan_context *ctx = gan_create(NULL);
        double a[8], b[8];
        gan_tensor *e;
        memcpy(a, x, sizeof a);
        for (i = 0; i < 8; ++i) b[i] = check_uniform(-1, 1);
        e = gan_reconstruction_error(gan_reshape(tensor_of(ctx, 4, 2, a), 2, 2, 2),
                                     gan_reshape(tensor_of(ctx, 4, 2, b), 2, 2, 2));
        CHECK(gan_ndim(e) == 1 && gan_dim(e, 0) == 2, "shape");
        for (i = 0; i < 2; ++i)
            CHECK_NEAR(gan_data(e)[i], sqrt(square_distance(a + 4 * i, b + 4 * i, 4)), TOL, "error");
        gan_destroy(ctx);
    }
    TEST ("pull-away is the mean squared cosine of pairs: 0 for orthogonal codes, 1 for parallel ones") {
        gan_context *ctx = gan_create(NULL);
        double a[8], eye[4] = {2, 0, 0, -3}, same[4] = {1, 2, -2, -4}, want = 0;
        memcpy(a, x, sizeof a);
        for (i = 0; i < 4; ++i)
            for (k = 0; k < 4; ++k) {
                const double *s = a + 2 * i, *t = a + 2 * k, dot = s[0] * t[0] + s[1] * t[1];
                if (i != k)
                    want += dot * dot / (s[0] * s[0] + s[1] * s[1]) / (t[0] * t[0] + t[1] * t[1]) / 12;
            }
        CHECK_NEAR(gan_item(gan_pull_away(tensor_of(ctx, 4, 2, a))), want, TOL, "naive loops");
        CHECK_NEAR(gan_item(gan_pull_away(tensor_of(ctx, 2, 2, eye))), 0, TOL, "orthogonal");
        CHECK_NEAR(gan_item(gan_pull_away(tensor_of(ctx, 2, 2, same))), 1, TOL, "parallel");
        CHECK_NEAR(gan_item(gan_pull_away(gan_zeros(ctx, 3, 2))), 0, TOL, "codes of 0");
        gan_destroy(ctx);
    }
    TEST ("far out the distances and their gradients are finite") {
        int which;
        for (which = 0; which < 6; ++which) {
            gan_context *ctx = gan_create(NULL);
            batches b = batches_of(7, 7, 2, 0, 1);
            gan_tensor *t[2], *dx[2], *sum;
            for (i = 0; i < 14; ++i) b.r[i] = extremes[i % 7], b.f[i] = extremes[(3 * i + 2) % 7];
            t[0] = tensor_of(ctx, 7, 2, b.r), t[1] = tensor_of(ctx, 7, 2, b.f);
            sum = gan_mean_all(distance_f(ctx, t, &which));
            CHECK(isfinite((double)gan_item(sum)), "%d is %g", which, (double)gan_item(sum));
            CHECK(!gan_grads(sum, 2, t, dx, 0), "%s", gan_error_message(ctx));
            for (i = 0; i < 14; ++i)
                CHECK(isfinite((double)gan_data(dx[0])[i]) && isfinite((double)gan_data(dx[1])[i]),
                      "%d: gradients %g %g", which, (double)gan_data(dx[0])[i], (double)gan_data(dx[1])[i]);
            gan_destroy(ctx);
        }
    }
#ifdef GAN_DOUBLE
    TEST ("the gradients of distances, and theirs") {
        int which;
        for (which = 0; which < 6; ++which) {
            gan_context *ctx = gan_create(NULL);
            batches b = batches_of(4, which < 4 ? 3 : 4, 3, -1, 1);
            gan_tensor *t[2];
            t[0] = tensor_of(ctx, b.n, 3, b.r), t[1] = tensor_of(ctx, b.m, 3, b.f);
            check_gradient(ctx, distance_f, &which, which < 5 ? 2 : 1, t, 1, "distance");
            check_gradient(ctx, distance_f, &which, which < 5 ? 2 : 1, t, 2, "distance");
            gan_destroy(ctx);
        }
    }
#endif
}

// The sign that all entries of t have, 0 when they differ.
static int sign_all(gan_tensor *t)
{
    const int first = gan_data(t)[0] > 0 ? 1 : -1;
    size_t i;
    for (i = 0; i < gan_numel(t); ++i)
        if ((double)gan_data(t)[i] * first <= 0) return 0;
    return first;
}

static void directions(void)
{
    size_t i;
    int pairing, turn;
    TEST ("near the equilibrium D wants real data high and fakes low (errors: the other way), and G, "
          "saturating "
          "or not, wants what D does not, with every pairing")
        for (i = 0; i < COUNT(losses); ++i)
            for (pairing = 0; pairing < 3; ++pairing)
                for (turn = 0; turn < 3; ++turn) {
                    const formula *q = losses[i].q;
                    const int high = gan_loss_critic(losses[i].loss) == GAN_CRITIC_ERROR ? -1 : 1;
                    gan_context *ctx = gan_create(NULL);
                    batches b = batches_of(5, 5, 1, q->at - .02, q->at + .02);
                    gan_tensor *x[2], *dx[2];
                    loss_args args;
                    int k;
                    if (is_features(q)) {
                        gan_destroy(ctx);
                        continue;
                    }
                    for (k = 0; k < 5; ++k) b.r[k] += .1 * high, b.f[k] -= .1 * high;
                    args.desc = desc_of(losses[i].loss, q, pairing, turn == 2, 0);
                    args.player = turn > 0;
                    x[0] = tensor_of(ctx, 5, 1, b.r), x[1] = tensor_of(ctx, 5, 1, b.f);
                    CHECK(!gan_grads(loss_f(ctx, x, &args), 2, x, dx, 0), "%s", gan_error_message(ctx));
                    if (!turn)
                        CHECK(sign_all(dx[0]) == -high, "%s, %s: D by real data", losses[i].name,
                              pairings[pairing]);
                    CHECK(sign_all(dx[1]) == (turn ? -high : high), "%s, %s, turn %d: by fakes",
                          losses[i].name, pairings[pairing], turn);
                    gan_destroy(ctx);
                }
    TEST ("G of a loss of features brings the fakes to the data, down to its least value")
        for (i = 0; i < COUNT(losses); ++i) {
            const gan_loss_desc d = kind_of(losses[i].loss, 0);
            double r[8], f[8], first = 0, last = 0;
            int step, k;
            if (!is_features(losses[i].q)) continue;
            for (k = 0; k < 8; ++k) r[k] = .5 + .2 * k, f[k] = -1 + .1 * k;
            for (step = 0; step < 400; ++step) {
                gan_context *ctx = gan_create(NULL);
                gan_tensor *x = gan_reshape(values(ctx, 8, r), 8, 1),
                           *z = gan_reshape(values(ctx, 8, f), 8, 1);
                gan_tensor *y = gan_loss_g_ex(&d, x, z), *g = gan_grad(y, z, 0);
                last = (double)gan_item(y);
                if (!step) first = last;
                for (k = 0; k < 8; ++k) f[k] -= .4 * (double)gan_data(g)[k];
                gan_destroy(ctx);
            }
            CHECK(last < first - .3 && fabs(mean_of(8, f) - mean_of(8, r)) < .25,
                  "%s: %g, then %g; means %g, %g", losses[i].name, first, last, mean_of(8, f), mean_of(8, r));
        }
}

// ---- controllers, the easy tier, errors

static void controllers(void)
{
    TEST ("BEGAN's k follows k += .001 (gamma r - f) within 0 .. 1, and M is r + |gamma r - f|") {
        gan_loss_desc d = kind_of(GAN_LOSS_BEGAN, 0);
        double k = 0, m = 0;
        int i;
        for (i = 0; i < 3000; ++i) {
            const double r = 2 + sin(i * .1), f = i < 2000 ? .5 : 5 + cos(i * .2);
            gan_loss_control(&d, (gan_real)r, (gan_real)f);
            k += .001 * (.75 * r - f);
            k = k < 0 ? 0 : k > 1 ? 1 : k;
            m = r + fabs(.75 * r - f);
            CHECK_NEAR(d.state[0], k, 1e-4, "k");
            CHECK_NEAR(d.state[1], m, 1e-5, "M");
            if (i == 1999) CHECK(k == 1, "k is held at 1, not %g", k);
        }
        CHECK(k == 0, "k is held at 0, not %g", k);
    }
    TEST ("BEGAN's balance: k rests where f = gamma r, with a gamma of one's own") {
        gan_loss_desc d = kind_of(GAN_LOSS_BEGAN, .5);
        d.state[0] = (gan_real).3;
        gan_loss_control(&d, 4, 2);
        CHECK((double)d.state[0] == (double)(gan_real).3, "k moved to %g", (double)d.state[0]);
    }
    TEST ("MAGAN's margin begins with the error of real data, and falls to it only while it is below the "
          "margin and below that of fakes, whose own does not fall") {
        gan_loss_desc d = kind_of(GAN_LOSS_MAGAN, .1);
        double margin = 0, r = 0, f = 0;
        int i, lowered = 0;
        for (i = 0; i < 400; ++i) {
            const double real = 1 + 2 * exp(-i * .01) + .2 * sin(i * .7), fake = 2.2 + sin(i * .05),
                         before = f;
            gan_loss_control(&d, (gan_real)real, (gan_real)fake);
            if (i == 0) margin = r = real, f = fake;
            else {
                r += .1 * (real - r), f += .1 * (fake - f);
                if (r < margin && r < f && before <= f) margin = r, ++lowered;
            }
            CHECK_NEAR(d.state[0], margin, 1e-4, "margin");
        }
        CHECK(lowered > 20 && lowered < 300, "lowered %d times", lowered);
    }
    TEST ("the others have nothing to control, and a mean that is not finite changes nothing") {
        size_t i;
        gan_loss_desc d;
        for (i = 0; i < COUNT(losses); ++i) {
            const gan_loss_desc none = kind_of(losses[i].loss, 0);
            d = none;
            if (losses[i].loss != GAN_LOSS_BEGAN && losses[i].loss != GAN_LOSS_MAGAN)
                gan_loss_control(&d, 1, 2);
            gan_loss_control(&d, (gan_real)NAN, 1);
            gan_loss_control(&d, 1, (gan_real)HUGE_VAL);
            CHECK(!memcmp(d.state, none.state, sizeof d.state), "%s", losses[i].name);
        }
        gan_loss_control(NULL, 1, 2);
    }
}

// The first five losses as they were before there were others, in the fewest operations.
static gan_tensor *plain_d(gan_loss loss, gan_tensor *r, gan_tensor *f, gan_real s)
{
    gan_tensor *y;
    switch (loss) {
    case GAN_LOSS_LEAST_SQUARES:
        return gan_add(gan_mul_scalar(gan_mean_all(gan_square(gan_add_scalar(r, -(1 - s)))), (gan_real).5),
                       gan_mul_scalar(gan_mean_all(gan_square(gan_add_scalar(f, 0))), (gan_real).5));
    case GAN_LOSS_WASSERSTEIN: return gan_sub(gan_mean_all(f), gan_mean_all(r));
    case GAN_LOSS_HINGE:
        return gan_add(gan_mean_all(gan_relu(gan_affine(r, -1, 1))),
                       gan_mean_all(gan_relu(gan_add_scalar(f, 1))));
    default: break;
    }
    y = gan_mean_all(gan_softplus(gan_neg(r)));
    if (s != 0) y = gan_add(y, gan_mul_scalar(gan_mean_all(r), s));
    return gan_add(y, gan_mean_all(gan_softplus(f)));
}
static gan_tensor *plain_g(gan_loss loss, gan_tensor *f)
{
    switch (loss) {
    case GAN_LOSS_NON_SATURATING: return gan_mean_all(gan_softplus(gan_neg(f)));
    case GAN_LOSS_MINIMAX: return gan_neg(gan_mean_all(gan_softplus(f)));
    case GAN_LOSS_LEAST_SQUARES:
        return gan_mul_scalar(gan_mean_all(gan_square(gan_add_scalar(f, -1))), (gan_real).5);
    default: return gan_neg(gan_mean_all(f));
    }
}

static gan_tensor *loss_inside(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_loss_g(GAN_LOSS_HINGE, gan_linear(m, "fc", x, 1)); // not yet made when the loss looks at it
}
static gan_tensor *outside(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", x, 1);
}

static void easy_tier(void)
{
    TEST (
        "the first five losses give the bits of their plain formulas, gradients too, in no more operations") {
        int loss, turn;
        for (loss = GAN_LOSS_NON_SATURATING; loss <= GAN_LOSS_HINGE; ++loss)
            for (turn = 0; turn < 3; ++turn) {
                gan_context *ctx = gan_create(NULL);
                gan_tensor *r = gan_mul_scalar(gan_rand_normal(ctx, 37, 1), 3);
                gan_tensor *f = gan_mul_scalar(gan_rand_normal(ctx, 23, 1), 3), *y, *z;
                const gan_real s = (gan_real)(turn == 1 ? .1 : 0);
                size_t begin = inside_recorded(ctx), ours, theirs;
                y = turn < 2 ? gan_loss_d((gan_loss)loss, r, f, s) : gan_loss_g((gan_loss)loss, f);
                ours = inside_recorded(ctx) - begin;
                z = turn < 2 ? plain_d((gan_loss)loss, r, f, s) : plain_g((gan_loss)loss, f);
                theirs = inside_recorded(ctx) - begin - ours;
                CHECK(ours <= theirs, "%s: %d operations, %d before", gan_loss_name((gan_loss)loss),
                      (int)ours, (int)theirs);
                CHECK(same_bits(y, z), "%s: %.9g, %.9g", gan_loss_name((gan_loss)loss), (double)gan_item(y),
                      (double)gan_item(z));
                CHECK(same_bits(gan_grad(y, f, 0), gan_grad(z, f, 0)), "by f");
                if (turn < 2) CHECK(same_bits(gan_grad(y, r, 0), gan_grad(z, r, 0)), "by r");
                gan_destroy(ctx);
            }
    }
    TEST ("the easy tier is the other with defaults, and NULL means defaults") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *r = gan_rand_normal(ctx, 9), *f = gan_rand_normal(ctx, 9);
        size_t i;
        for (i = 0; i < COUNT(losses); ++i) {
            gan_loss_desc d = kind_of(losses[i].loss, 0);
            if (is_features(losses[i].q)) r = gan_reshape(r, 9, 1);
            if (is_features(losses[i].q)) f = gan_reshape(f, 9, 1);
            CHECK(same_bits(gan_loss_d(losses[i].loss, r, f, 0), gan_loss_d_ex(&d, r, f)), "D's");
            if (!gan_loss_needs_real(&d))
                CHECK(same_bits(gan_loss_g(losses[i].loss, f), gan_loss_g_ex(&d, NULL, f)), "G's");
        }
        CHECK(same_bits(gan_loss_d_ex(NULL, r, f), gan_loss_d(GAN_LOSS_NON_SATURATING, r, f, 0)),
              "NULL, D's");
        CHECK(same_bits(gan_loss_g_ex(NULL, NULL, f), gan_loss_g(GAN_LOSS_NON_SATURATING, f)), "NULL, G's");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("logits that wait for an activation are made before they are looked at") {
        gan_context *ctx = gan_create(NULL);
        gan_model *a = gan_model_create(ctx, "m", loss_inside, NULL), *b;
        gan_tensor *x = gan_rand_normal(ctx, 5, 3);
        double inside = (double)gan_item(gan_forward(a, x, NULL)), after;
        b = gan_model_create(ctx, "n", outside, NULL);
        (void)gan_forward(b, x, NULL);
        memcpy(gan_data(gan_model_find(b, "fc.weight")), gan_data(gan_model_find(a, "fc.weight")),
               3 * sizeof(gan_real));
        memcpy(gan_data(gan_model_find(b, "fc.bias")), gan_data(gan_model_find(a, "fc.bias")),
               sizeof(gan_real));
        after = (double)gan_item(gan_loss_g(GAN_LOSS_HINGE, gan_forward(b, x, NULL)));
        CHECK(inside == after && !gan_error(ctx), "%g, %g: %s", inside, after, gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("probabilities are the losses whose sigmoid of the logit is D(x)") {
        CHECK(gan_loss_is_probability(GAN_LOSS_NON_SATURATING) && gan_loss_is_probability(GAN_LOSS_MINIMAX) &&
                  gan_loss_is_probability(GAN_LOSS_MAXIMUM_LIKELIHOOD) &&
                  gan_loss_is_probability(GAN_LOSS_BOUNDARY_SEEKING) &&
                  gan_loss_is_probability(GAN_LOSS_F_GAN) &&
                  gan_loss_is_probability(GAN_LOSS_F_JENSEN_SHANNON),
              "they are");
        CHECK(!gan_loss_is_probability(GAN_LOSS_WASSERSTEIN) && !gan_loss_is_probability(GAN_LOSS_EBGAN) &&
                  !gan_loss_is_probability((gan_loss)99) && !gan_loss_is_probability((gan_loss)-1),
              "others are not");
        CHECK(gan_loss_critic(GAN_LOSS_BEGAN) == GAN_CRITIC_ERROR &&
                  gan_loss_critic(GAN_LOSS_CRAMER) == GAN_CRITIC_FEATURES &&
                  gan_loss_critic(GAN_LOSS_HINGE) == GAN_CRITIC_SCORE,
              "what D returns");
    }
    TEST ("the gradient of cross-entropy at D = .999999 is -(1 - D), and finite however sure D is: nothing "
          "is divided by y (1 - y)") {
        gan_context *ctx = gan_create(NULL);
        const double y = .999999, far[] = {40, 1000, 1e6};
        size_t i;
        gan_tensor *r = gan_full(ctx, (gan_real)log(y / (1 - y)), 1, 1), *f = gan_zeros(ctx, 1, 1);
        double logit = (double)gan_item(r);
        CHECK_NEAR(gan_item(gan_grad(gan_loss_d(GAN_LOSS_MINIMAX, r, f, 0), r, 0)), -1 / (1 + exp(logit)),
                   1e-11, "by the logit");
        CHECK_NEAR(-1 / (1 + exp(logit)), -(1 - y), 1e-9, "-(1 - D)");
        for (i = 0; i < COUNT(far); ++i) {
            r = gan_full(ctx, (gan_real)far[i], 1, 1);
            CHECK_NEAR(gan_item(gan_grad(gan_loss_d(GAN_LOSS_MINIMAX, r, f, 0), r, 0)), 0, 1e-17, "sure");
            r = gan_neg(r);
            CHECK_NEAR(gan_item(gan_grad(gan_loss_d(GAN_LOSS_MINIMAX, r, f, 0), r, 0)), -1, 1e-7,
                       "sure, wrong");
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("the gradient that is divided by y (1 - y) is caught (catseye)") {
        const double y = .999999;
        CHECK_NEAR((y - 1) / (y * (1 - y)), -(1 - y), 1e-9, "by the logit");
    }
    TEST_MUST_FAIL ("cross-entropy by the logarithm of a probability is caught far out") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *r = gan_full(ctx, -1000, 1, 1);
        gan_tensor *g = gan_grad(gan_neg(gan_sum_all(gan_log(gan_sigmoid(r)))), r, 0);
        CHECK_NEAR(gan_item(g), -1, 1e-6, "by the logit");
        gan_destroy(ctx);
    }
}

#define BAD(code, word, call)                                                                                \
    do {                                                                                                     \
        gan_context *ctx = gan_create(NULL);                                                                 \
        gan_tensor *a = gan_zeros(ctx, 3, 1), *b = gan_zeros(ctx, 2, 1), *wide = gan_zeros(ctx, 3, 4);       \
        gan_loss_desc d;                                                                                     \
        memset(&d, 0, sizeof d);                                                                             \
        (void)a, (void)b, (void)wide;                                                                        \
        (void)(call);                                                                                        \
        CHECK(gan_error(ctx) == (code), "%s: code %d: %s", #call, gan_error(ctx), gan_error_message(ctx));   \
        CHECK_TEXT(gan_error_message(ctx), word);                                                            \
        gan_destroy(ctx);                                                                                    \
    } while (0)

static void errors(void)
{
    TEST ("what cannot be computed is an error that says why") {
        const gan_real none[] = {1, 0};
        BAD(GAN_ERROR_ARGUMENT, "loss", gan_loss_d((gan_loss)99, a, b, 0));
        BAD(GAN_ERROR_ARGUMENT, "loss", gan_loss_g((gan_loss)-1, a));
        BAD(GAN_ERROR_ARGUMENT, "pairing", (d.pairing = (gan_pairing)7, gan_loss_d_ex(&d, a, a)));
        BAD(GAN_ERROR_SHAPE, "RELATIVISTIC_AVERAGE", (d.pairing = GAN_RELATIVISTIC, gan_loss_d_ex(&d, a, b)));
        BAD(GAN_ERROR_SHAPE, "(3, 1)", (d.pairing = GAN_RELATIVISTIC, gan_loss_g_ex(&d, b, a)));
        BAD(GAN_ERROR_SHAPE, "(3)",
            (d.pairing = GAN_RELATIVISTIC, gan_loss_d_ex(&d, a, gan_reshape(a, 3)))); // would be (3, 3)
        BAD(GAN_ERROR_ARGUMENT, "real", gan_loss_g(GAN_LOSS_SOFTMAX, a));
        BAD(GAN_ERROR_ARGUMENT, "real", gan_loss_g(GAN_LOSS_SINKHORN, a));
        BAD(GAN_ERROR_ARGUMENT, "real", (d.pairing = GAN_RELATIVISTIC_AVERAGE, gan_loss_g_ex(&d, NULL, a)));
        BAD(GAN_ERROR_ARGUMENT, "GAN_PLAIN",
            (d.pairing = GAN_RELATIVISTIC, d.kind = GAN_LOSS_MMD_RBF, gan_loss_d_ex(&d, a, a)));
        BAD(GAN_ERROR_ARGUMENT, "GAN_PLAIN",
            (d.pairing = GAN_RELATIVISTIC_AVERAGE, d.kind = GAN_LOSS_CRAMER, gan_loss_g_ex(&d, a, a)));
        BAD(GAN_ERROR_ARGUMENT, "F_KL",
            (d.kind = GAN_LOSS_F_ALPHA, d.parameter = 1, gan_loss_d_ex(&d, a, a)));
        BAD(GAN_ERROR_ARGUMENT, "parameter",
            (d.kind = GAN_LOSS_SINKHORN, d.parameter = -1, gan_loss_d_ex(&d, a, a)));
        BAD(GAN_ERROR_SHAPE, "at least 2",
            (d.kind = GAN_LOSS_CRAMER, gan_loss_d_ex(&d, a, gan_zeros(ctx, 1, 1))));
        BAD(GAN_ERROR_SHAPE, "(3, 4)", (d.kind = GAN_LOSS_ENERGY, gan_loss_d_ex(&d, a, wide)));
        BAD(GAN_ERROR_SHAPE, "mmd_rbf", gan_mmd_rbf(a, wide, 0, NULL));
        BAD(GAN_ERROR_SHAPE, "sinkhorn", gan_sinkhorn(gan_scalar(ctx, 1), a, 0, 0));
        BAD(GAN_ERROR_SHAPE, "energy", gan_energy_distance(gan_zeros(ctx, 0, 1), a));
        BAD(GAN_ERROR_ARGUMENT, "kernel 2", gan_mmd_rbf(a, b, 2, none));
        BAD(GAN_ERROR_ARGUMENT, "kernel", gan_mmd_rational_quadratic(a, b, 0, none));
        BAD(GAN_ERROR_ARGUMENT, "epsilon", gan_sinkhorn(a, b, -1, 0));
        BAD(GAN_ERROR_ARGUMENT, "epsilon", gan_sinkhorn(a, b, (gan_real)NAN, 0));
        BAD(GAN_ERROR_ARGUMENT, "iterations", gan_sinkhorn(a, b, 0, -2));
        BAD(GAN_ERROR_SHAPE, "reconstruction", gan_reconstruction_error(a, wide));
        BAD(GAN_ERROR_SHAPE, "reconstruction",
            gan_reconstruction_error(gan_scalar(ctx, 1), gan_scalar(ctx, 2)));
        BAD(GAN_ERROR_SHAPE, "pull_away", gan_pull_away(gan_zeros(ctx, 1, 5)));
        BAD(GAN_ERROR_SHAPE, "pull_away", gan_pull_away(gan_scalar(ctx, 1)));
    }
    TEST ("NULL is tolerated everywhere, and what comes from a failed call is passed on") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 3, 1), *bad;
        gan_loss_desc d;
        size_t i;
        memset(&d, 0, sizeof d);
        CHECK(!gan_loss_d_ex(NULL, NULL, NULL) && !gan_loss_g_ex(NULL, NULL, NULL) &&
                  !gan_loss_d_ex(&d, NULL, NULL) && !gan_mmd_rbf(NULL, NULL, 0, NULL) &&
                  !gan_mmd_rational_quadratic(NULL, NULL, 0, NULL) && !gan_energy_distance(NULL, NULL) &&
                  !gan_sinkhorn(NULL, NULL, 0, 0) && !gan_reconstruction_error(NULL, NULL) &&
                  !gan_pull_away(NULL) && !gan_loss_needs_real(NULL),
              "NULL gives NULL");
        bad = gan_loss_d((gan_loss)99, x, x, 0);
        for (i = 0; i < COUNT(losses); ++i) {
            int turn;
            d.kind = losses[i].loss;
            for (turn = 0; turn < 2; ++turn) {
                gan_tensor *t = turn ? NULL : bad;
                gan_error_clear(ctx);
                CHECK(gan_loss_d_ex(&d, t, x) == bad && gan_error(ctx), "%s", losses[i].name);
                gan_error_clear(ctx);
                CHECK(gan_loss_d_ex(&d, x, t) == bad && gan_error(ctx), "%s", losses[i].name);
                gan_error_clear(ctx);
                CHECK((gan_loss_g_ex(&d, x, t) == bad && gan_error(ctx)), "%s", losses[i].name);
                gan_error_clear(ctx);
                if (!turn) CHECK(gan_loss_g_ex(&d, t, x) == bad && gan_error(ctx), "%s", losses[i].name);
            }
        }
        for (i = 0; i < 4; ++i) {
            gan_tensor *t = i % 2 ? NULL : bad, *a = i < 2 ? t : x, *b = i < 2 ? x : t;
            gan_error_clear(ctx);
            CHECK(gan_mmd_rbf(a, b, 0, NULL) == bad && gan_error(ctx), "mmd_rbf");
            gan_error_clear(ctx);
            CHECK(gan_mmd_rational_quadratic(a, b, 0, NULL) == bad && gan_error(ctx), "rq");
            gan_error_clear(ctx);
            CHECK(gan_energy_distance(a, b) == bad && gan_error(ctx), "energy");
            gan_error_clear(ctx);
            CHECK(gan_sinkhorn(a, b, 0, 0) == bad && gan_error(ctx), "sinkhorn");
            gan_error_clear(ctx);
            CHECK(gan_reconstruction_error(a, b) == bad && gan_error(ctx), "reconstruction");
        }
        gan_error_clear(ctx);
        CHECK(gan_pull_away(bad) == bad && gan_error(ctx), "pull-away");
        gan_destroy(ctx);
    }
}

#ifdef GAN_DOUBLE
// The loss of which the real term does not reach the tape.
static gan_tensor *detached_f(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx, (void)user;
    return gan_loss_d(GAN_LOSS_NON_SATURATING, gan_detach(x[0]), x[1], 0);
}
#endif

static void loss_controls(void)
{
    static const formula saturating_twin = {bce_real, bce_fake, mm_gen, NULL, 1, 0, 0, 0, 0, 0, 0};
    static const formula unhalved = {ls_real, ls_fake, minus, NULL, 1, 0, 0, 0, 0, 0, 0};
    static const formula decreasing = {ns_gen, kl_fake, ns_gen, NULL, 0, 0, 0, 0, 0, 0, 0};
    gan_loss_desc d;
    double value;
    TEST_MUST_FAIL ("the saturating generator in place of the other is caught") {
        check_seed(1);
        check_loss(&saturating_twin, desc_of(GAN_LOSS_NON_SATURATING, &saturating_twin, 0, 0, 0), 7, 7, 1, -3,
                   3, 0);
    }
    TEST_MUST_FAIL ("another generator's loss is caught") {
        check_seed(1);
        check_loss(&unhalved, desc_of(GAN_LOSS_LEAST_SQUARES, &unhalved, 0, 0, 0), 7, 7, 1, -3, 3, 0);
    }
    TEST_MUST_FAIL ("smoothing where there is no target is caught") {
        check_seed(1);
        d = desc_of(GAN_LOSS_F_GAN, &formula_minimax, 0, 0, 0);
        d.smoothing = (gan_real).1;
        check_loss(&formula_minimax, d, 7, 7, 1, -3, 3, 0);
    }
    TEST_MUST_FAIL ("another divergence's conjugate is caught") {
        check_seed(1);
        check_loss(&decreasing, desc_of(GAN_LOSS_F_GAN, &decreasing, 0, 0, 0), 7, 7, 1, -3, 3, 0);
    }
    TEST_MUST_FAIL ("pairs in place of means are caught") {
        gan_context *ctx = gan_create(NULL);
        const arg a = {0, 0, 0, 0};
        batches b;
        gan_tensor *x[2];
        check_seed(1);
        b = batches_of(5, 5, 1, -2, 2);
        x[0] = tensor_of(ctx, 5, 1, b.r), x[1] = tensor_of(ctx, 5, 1, b.f);
        d = desc_of(GAN_LOSS_LEAST_SQUARES, &formula_least_squares, GAN_RELATIVISTIC, 0, 0);
        value = (double)gan_item(gan_loss_d_ex(&d, x[0], x[1]));
        d.pairing = GAN_RELATIVISTIC_AVERAGE;
        CHECK_NEAR(value, reference(&formula_least_squares, &d, 0, &b, &a), TOL * 10, "average");
        gan_destroy(ctx);
    }
#ifdef GAN_DOUBLE
    TEST_MUST_FAIL ("a term that is missing in the gradient is caught by differences") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[2];
        batches b = batches_of(3, 3, 1, -1, 1);
        x[0] = tensor_of(ctx, 3, 1, b.r), x[1] = tensor_of(ctx, 3, 1, b.f);
        CHECK(fd_check(ctx, detached_f, NULL, 2, x, 1, NULL), "differences differ");
        gan_destroy(ctx);
    }
#endif
}

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(losses); ++i) test_loss(losses[i].loss, losses[i].q, losses[i].name);
    for (i = 0; i < COUNT(losses); ++i) test_extremes(losses[i].loss, losses[i].q, losses[i].name);
    f_divergences();
    optimal_critics();
    distances();
    directions();
    controllers();
    easy_tier();
    errors();
    loss_controls();
    TEST ("every loss has a test") { CHECK(COUNT(losses) == GAN_LOSS_COUNT, "%d", (int)COUNT(losses)); }
    printf("%d losses\n", (int)COUNT(losses));
#ifdef GAN_DOUBLE
    printf("%d gradient checks: worst error %.3g, at most %.3g of the tolerance\n", gradchecks,
           worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
