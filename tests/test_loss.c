// Every adversarial loss with every pairing: values and gradients against formulas written here in double,
// finite differences of both orders, the extremes, and what the theory says each one is at its best. A loss
// without a row of formulas does not compile.
#define GAN_IMPLEMENTATION
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
    // rows that are not sums of terms: D's loss (player 0) or G's of whole batches of `width` numbers a
    // sample
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
    gan_tensor *t = gan_zeros(ctx, 2, n, width);
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
            gan_tensor *r = gan_rand_normal(ctx, 2, 5, 2), *f = gan_rand_normal(ctx, 2, 5, 2);
            double y;
            d = desc_of(loss, q, 0, 0, 0);
            y = (double)gan_item(gan_loss_d_ex(&d, r, f));
            d.smoothing = d.fake_smoothing = (gan_real).3;
            CHECK((double)gan_item(gan_loss_d_ex(&d, r, f)) == y, "it does");
            gan_destroy(ctx);
        }
    TESTF ("%s has its name, and at equal distributions its known value", name) {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_full(ctx, (gan_real)q->at, 2, 8, 1);
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

static void check_finite(const formula *q, gan_loss_desc desc, const batches *values, const char *what)
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
    (void)q;
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
                check_finite(q, d, &b, "mixed");
                for (i = 0; i < 7 * b.width; ++i) b.f[i] = b.r[i];
                check_finite(q, d, &b, "equal");
                for (i = 0; i < 49; ++i) {
                    batches one = batches_of(features ? 2 : 1, features ? 2 : 1, b.width, 0, 1);
                    for (j = 0; j < one.n * one.width; ++j)
                        one.r[j] = extremes[i / 7], one.f[j] = extremes[i % 7];
                    check_finite(q, d, &one, "one against one");
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
        gan_tensor *r = gan_full(ctx, 1, 2, 4, 2), *f = gan_full(ctx, (gan_real).5, 2, 4, 2), *bad, *dx;
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
#define ROW(id, name, parameter, critic, joint) {GAN_LOSS_##id, &formula_##name, #name},
    GAN_LOSSES(ROW)
#undef ROW
};


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
    loss_controls();
    TEST ("every loss has a test") { CHECK(COUNT(losses) == GAN_LOSS_COUNT, "%d", (int)COUNT(losses)); }
    printf("%d losses\n", (int)COUNT(losses));
#ifdef GAN_DOUBLE
    printf("%d gradient checks: worst error %.3g, at most %.3g of the tolerance\n", gradchecks,
           worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
