// Every objective against loops in double written here, its gradient and the gradient of its gradient against
// finite differences, what theory says of it, what it refuses. A row of the table without a test function
// here does not compile.
#include "ops.h"

// ---- the walk of one objective

// Each input in turn NULL, then all of them, then a poison: an error or nothing, never a crash.
static void refuses(const char *what, gan_function *f, const char *line, params p)
{
    TESTF ("%s tolerates NULL and passes poison on", what) {
        gan_context *ctx = gan_create(NULL);
        nd x[MAX_IN];
        gan_tensor *in[MAX_IN], *y;
        int has_grad[MAX_IN], i;
        nd_used = 0;
        p.n = make_inputs(line, &p, x, has_grad);
        for (i = 0; i < p.n; ++i) in[i] = to_tensor(ctx, &x[i]);
        for (i = 0; i < p.n; ++i) {
            gan_tensor *was = in[i], *poison;
            in[i] = NULL;
            y = f(ctx, in, &p);
            CHECK(!y || !gan_data(y), "input %d NULL: a result", i);
            CHECK(p.n == 1 || gan_error(ctx) == GAN_ERROR_ARGUMENT, "input %d NULL: error %d", i,
                  gan_error(ctx));
            gan_error_clear(ctx);
            poison = in[i] = gan_zeros_n(ctx, 9, NULL);
            y = f(ctx, in, &p);
            CHECK(y && !gan_data(y), "input %d poison: a result", i);
            CHECK_TEXT(gan_error_message(ctx), "9 dimensions");
            gan_error_clear(ctx);
            CHECK(poison && !gan_data(poison), "no poison to try with");
            in[i] = was;
        }
        for (i = 0; i < p.n; ++i) in[i] = NULL;
        y = f(ctx, in, &p);
        CHECK(!y, "all NULL: a result");
        gan_destroy(ctx);
    }
}

#define OBJECTIVE(name, line, p)                                                                             \
    do {                                                                                                     \
        op_sample(#name, f_##name, r_##name, line, p);                                                       \
        refuses(#name, f_##name, line, p);                                                                   \
    } while (0)

// These inputs are an error whose message says these words.
static void wrong(const char *what, gan_function *f, const char *line, params p, const char *word)
{
    TESTF ("%s refuses (%s): %s", what, line, word) {
        gan_context *ctx = gan_create(NULL);
        nd x[MAX_IN];
        gan_tensor *in[MAX_IN], *y;
        int has_grad[MAX_IN], i;
        nd_used = 0;
        check_seed(3);
        p.n = make_inputs(line, &p, x, has_grad);
        for (i = 0; i < p.n; ++i) in[i] = to_tensor(ctx, &x[i]);
        y = f(ctx, in, &p);
        CHECK(!gan_data(y), "a result");
        CHECK_TEXT(gan_error_message(ctx), word);
        gan_destroy(ctx);
    }
}

static nd scalar(double v)
{
    nd y = nd_new(0, NULL);
    y.v[0] = v;
    return y;
}

static double rel(double v) { return v > 0 ? v : 0; }

// -log softmax of one row
static double row_xent(const double *l, int k, int y)
{
    double m = l[0], s = 0;
    int j;
    for (j = 1; j < k; ++j) m = l[j] > m ? l[j] : m;
    for (j = 0; j < k; ++j) s += exp(l[j] - m);
    return log(s) - (l[y] - m);
}

// The mean over rows of (N, K) of -log softmax at label + shift.
static double xent(const nd *l, const nd *labels, int shift)
{
    double s = 0;
    int i, n = l->dim[0], k = l->dim[1];
    for (i = 0; i < n; ++i) s += row_xent(l->v + i * k, k, (int)labels->v[i] + shift) / n;
    return s;
}

static double product(const double *a, const double *b, int d)
{
    double s = 0;
    for (int i = 0; i < d; ++i) s += a[i] * b[i];
    return s;
}

static double cosine(const double *a, const double *b, int d)
{
    return product(a, b, d) / sqrt(product(a, a, d) * product(b, b, d));
}

static double abs_mean(const nd *a, const nd *b)
{
    double s = 0;
    for (size_t i = 0; i < a->n; ++i) s += fabs(a->v[i] - b->v[b->n == 1 ? 0 : i]) / (double)a->n;
    return s;
}

#ifdef GAN_DOUBLE
#define TOL 1e-12
#define HUGEST DBL_MAX
#else
#define TOL 2e-6
#define HUGEST ((double)FLT_MAX)
#endif

static gan_tensor *of(gan_context *ctx, const double *v, int n, int k)
{
    gan_tensor *t = k ? gan_zeros(ctx, n, k) : gan_zeros(ctx, n);
    for (int i = 0; i < n * (k ? k : 1); ++i) gan_data(t)[i] = (gan_real)v[i];
    return t;
}

static int all_finite(gan_tensor *t)
{
    for (size_t i = 0; i < gan_numel(t); ++i)
        if (!isfinite((double)gan_data(t)[i])) return 0;
    return gan_data(t) != NULL;
}

// ---- supervised

CALL(cross_entropy, gan_cross_entropy(x[0], x[1]))
static nd r_cross_entropy(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[1], 0));
}
static nd sum_xent(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[1], 0) * x[0].dim[0]);
}
static nd minus_xent(const params *q, const nd *x)
{
    (void)q;
    return scalar(-xent(&x[0], &x[1], 0));
}

// Rows with one logit of +-s and zeros elsewhere: the mean and every gradient stay finite and right.
static void stable_cross_entropy(double s)
{
    TESTF ("cross_entropy of logits +-%g: value and gradient", s) {
        gan_context *ctx = gan_create(NULL);
        const double v[] = {s, 0, 0, s, 0, 0, -s, 0, 0, -s, 0, 0}, labels[] = {0, 1, 0, 1};
        gan_tensor *l = of(ctx, v, 4, 3), *t = of(ctx, labels, 4, 0), *y = gan_cross_entropy(l, t);
        gan_tensor *g = gan_grad(y, l, 0);
        double want = 0;
        int i, k;
        for (i = 0; i < 4; ++i) want += row_xent(v + 3 * i, 3, (int)labels[i]) / 4;
        CHECK_NEAR(gan_item(y), want, TOL * (1 + want), "loss");
        for (i = 0; i < 4; ++i)
            for (k = 0; k < 3; ++k)
                CHECK_NEAR(gan_data(g)[3 * i + k],
                           (exp(-row_xent(v + 3 * i, 3, k)) - (k == (int)labels[i])) / 4, TOL,
                           "softmax - one hot");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static void test_cross_entropy(void)
{
    static const double scales[] = {0, 88, 1e4, HUGEST};
    size_t i;
    OBJECTIVE(cross_entropy, "6,5; i5:6", NONE);
    op_sample("cross_entropy of one row", f_cross_entropy, r_cross_entropy, "1,3; i3:1", NONE);
    op_sample("cross_entropy of one class", f_cross_entropy, r_cross_entropy, "4,1; i1:4", NONE);
    wrong("cross_entropy", f_cross_entropy, "6,5; i5:7", NONE, "labels (7) for 6 rows");
    wrong("cross_entropy", f_cross_entropy, "6,5; i5:6,1", NONE, "give one each, shape (6)");
    wrong("cross_entropy", f_cross_entropy, "6,5; i50:6", NONE, "is not a whole number from 0 to 4");
    wrong("cross_entropy", f_cross_entropy, "6,5; 6", NONE, "is not a whole number from 0 to 4");
    wrong("cross_entropy", f_cross_entropy, "6; i5:6", NONE, "logits (6); want (N, K)");
    wrong("cross_entropy", f_cross_entropy, "0,5; i5:0", NONE, "logits (0, 5); want (N, K)");
    control_forward("cross_entropy summed over the batch", f_cross_entropy, sum_xent, "6,5; i5:6", NONE);
    control_forward("cross_entropy with the other sign", f_cross_entropy, minus_xent, "6,5; i5:6", NONE);
    for (i = 0; i < COUNT(scales); ++i) stable_cross_entropy(scales[i]);
    TEST ("cross_entropy names the label that is out of range, its position and the range") {
        gan_context *ctx = gan_create(NULL);
        const double labels[] = {0, 1, 12, 2};
        gan_cross_entropy(gan_zeros(ctx, 4, 10), of(ctx, labels, 4, 0));
        CHECK_TEXT(gan_error_message(ctx), "cross_entropy: label 12 at position 2");
        CHECK_TEXT(gan_error_message(ctx), "from 0 to 9");
        gan_error_clear(ctx);
        gan_cross_entropy(gan_zeros(ctx, 1, 10), gan_full(ctx, (gan_real)NAN, 1));
        CHECK_TEXT(gan_error_message(ctx), "label nan at position 0");
        gan_error_clear(ctx);
        gan_cross_entropy(gan_zeros(ctx, 1, 10), gan_full(ctx, (gan_real)1.5, 1));
        CHECK_TEXT(gan_error_message(ctx), "label 1.5 at position 0");
        gan_error_clear(ctx);
        gan_cross_entropy(gan_zeros(ctx, 1, 10), gan_full(ctx, -1, 1));
        CHECK_TEXT(gan_error_message(ctx), "label -1 at position 0");
        gan_destroy(ctx);
    }
    TEST ("cross_entropy of the uniform prediction is log K, wherever its logits stand") {
        gan_context *ctx = gan_create(NULL);
        int k;
        for (k = 1; k <= 1000; k *= 10) {
            gan_tensor *labels = gan_full(ctx, (gan_real)(k - 1), 3);
            CHECK_NEAR(gan_item(gan_cross_entropy(gan_zeros(ctx, 3, k), labels)), log(k), TOL * 10, "at 0");
            CHECK_NEAR(gan_item(gan_cross_entropy(gan_full(ctx, (gan_real)1e30, 3, k), labels)), log(k),
                       TOL * 10, "at 1e30");
        }
        gan_destroy(ctx);
    }
    TEST ("cross_entropy of logits apart by twice the largest number: the gradient is finite") {
        gan_context *ctx = gan_create(NULL);
        const double v[] = {HUGEST, -HUGEST, 0}, label = 1;
        gan_tensor *l = of(ctx, v, 1, 3), *g = gan_grad(gan_cross_entropy(l, of(ctx, &label, 1, 0)), l, 0);
        CHECK(all_finite(g), "%g %g %g", (double)gan_data(g)[0], (double)gan_data(g)[1],
              (double)gan_data(g)[2]);
        CHECK_NEAR(gan_data(g)[0], 1, 0, "the wrong one is pushed down");
        CHECK_NEAR(gan_data(g)[1], -1, 0, "the right one up");
        gan_destroy(ctx);
    }
    TEST ("cross_entropy passes NaN and infinity on") {
        gan_context *ctx = gan_create(NULL);
        const double v[] = {0, NAN, 0, 0, INFINITY, 1}, label = 0;
        CHECK(isnan((double)gan_item(gan_cross_entropy(of(ctx, v, 1, 3), of(ctx, &label, 1, 0)))), "NaN");
        CHECK(!isfinite((double)gan_item(gan_cross_entropy(of(ctx, v + 3, 1, 3), of(ctx, &label, 1, 0)))),
              "infinity");
        gan_destroy(ctx);
    }
}

CALL(cross_entropy_smooth, gan_cross_entropy_smooth(x[0], x[1], (gan_real)q->r[0]))
static nd r_cross_entropy_smooth(const params *q, const nd *x)
{
    double y = 0, s = (double)(gan_real)q->r[0];
    int i, k, n = x->dim[0], K = x->dim[1];
    for (i = 0; i < n; ++i)
        for (k = 0; k < K; ++k) // the target is (1 - s) one hot + s / K
            y += ((k == (int)x[1].v[i]) * (1 - s) + s / K) * row_xent(x->v + i * K, K, k) / n;
    return scalar(y);
}
static void test_cross_entropy_smooth(void)
{
    OBJECTIVE(cross_entropy_smooth, "6,5; i5:6", P(.r = {.1}));
    OBJECTIVE(cross_entropy_smooth, "3,4; i4:3", P(.r = {1}));
    op_sample("cross_entropy_smooth of 0 is cross_entropy", f_cross_entropy_smooth, r_cross_entropy,
              "6,5; i5:6", NONE);
    wrong("cross_entropy_smooth", f_cross_entropy_smooth, "6,5; i5:6", P(.r = {1.5}), "smoothing 1.5");
    wrong("cross_entropy_smooth", f_cross_entropy_smooth, "6,5; i5:6", P(.r = {NAN}), "smoothing nan");
    control_forward("cross_entropy_smooth without its smoothing", f_cross_entropy_smooth, r_cross_entropy,
                    "6,5; i5:6", P(.r = {.1}));
}

CALL(nll_loss, gan_nll_loss(x[0], x[1]))
static nd r_nll_loss(const params *q, const nd *x)
{
    double y = 0;
    (void)q;
    for (int i = 0; i < x->dim[0]; ++i) y -= x->v[i * x->dim[1] + (int)x[1].v[i]] / x->dim[0];
    return scalar(y);
}
CALL(nll_of_log_softmax, gan_nll_loss(gan_log_softmax(x[0], 1), x[1]))
static void test_nll_loss(void)
{
    OBJECTIVE(nll_loss, "6,5; i5:6", NONE);
    op_sample("nll_loss of log_softmax is cross_entropy", f_nll_of_log_softmax, r_cross_entropy, "6,5; i5:6",
              NONE);
    wrong("nll_loss", f_nll_loss, "6,5; i9:6", NONE, "from 0 to 4");
}

CALL(l1_loss, gan_l1_loss(x[0], x[1]))
static nd r_l1_loss(const params *q, const nd *x)
{
    (void)q;
    return scalar(abs_mean(&x[0], &x[1]));
}
static void test_l1_loss(void)
{
    OBJECTIVE(l1_loss, "3,4; 3,4", NONE);
    OBJECTIVE(l1_loss, "2,3,2,2; ()", NONE);
    wrong("l1_loss", f_l1_loss, "3,1; 3", NONE, "must have one shape");
}

CALL(smooth_l1_loss, gan_smooth_l1_loss(x[0], x[1], (gan_real)q->r[0]))
static double smooth_l1(double d, double beta)
{
    return fabs(d) < beta ? d * d / (2 * beta) : fabs(d) - beta / 2;
}
static nd r_smooth_l1_loss(const params *q, const nd *x)
{
    double y = 0;
    for (size_t i = 0; i < x->n; ++i)
        y += smooth_l1(x->v[i] - x[1].v[x[1].n == 1 ? 0 : i], (double)(gan_real)q->r[0]) / (double)x->n;
    return scalar(y);
}
static void test_smooth_l1_loss(void)
{
    OBJECTIVE(smooth_l1_loss, "3,4; 3,4", P(.r = {1}));
    OBJECTIVE(smooth_l1_loss, "5; ()", P(.r = {.3}));
    op_sample("smooth_l1_loss of beta 0 is l1_loss", f_smooth_l1_loss, r_l1_loss, "3,4; 3,4", NONE);
    wrong("smooth_l1_loss", f_smooth_l1_loss, "3; 3", P(.r = {-1}), "beta -1");
    wrong("smooth_l1_loss", f_smooth_l1_loss, "3,1; 3", P(.r = {1}), "must have one shape");
    control_forward("smooth_l1_loss that forgets its half beta", f_smooth_l1_loss, r_l1_loss, "3,4; 3,4",
                    P(.r = {1}));
    TEST ("smooth_l1_loss of the largest number is finite and its slope is 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_full(ctx, (gan_real)HUGEST, 1);
        gan_tensor *y = gan_smooth_l1_loss(x, gan_scalar(ctx, 0), 10);
        CHECK_NEAR(gan_item(y) / (gan_real)HUGEST, 1, TOL, "value");
        CHECK_NEAR(gan_item(gan_grad(y, x, 0)), 1, 0, "slope");
        gan_destroy(ctx);
    }
}

CALL(huber_loss, gan_huber_loss(x[0], x[1], (gan_real)q->r[0]))
static nd r_huber_loss(const params *q, const nd *x)
{
    double y = 0, delta = (double)(gan_real)q->r[0];
    for (size_t i = 0; i < x->n; ++i) {
        double d = fabs(x->v[i] - x[1].v[i]);
        y += (d < delta ? d * d / 2 : delta * (d - delta / 2)) / (double)x->n;
    }
    return scalar(y);
}
static void test_huber_loss(void)
{
    OBJECTIVE(huber_loss, "3,4; 3,4", P(.r = {1}));
    OBJECTIVE(huber_loss, "3,4; 3,4", P(.r = {.7}));
    wrong("huber_loss", f_huber_loss, "3; 3", P(.r = {0}), "delta 0");
    control_forward("huber_loss as smooth_l1_loss", f_huber_loss, r_smooth_l1_loss, "3,4; 3,4", P(.r = {.7}));
}

CALL(multi_margin_loss, gan_multi_margin_loss(x[0], x[1], (gan_real)q->r[0]))
static nd r_multi_margin_loss(const params *q, const nd *x)
{
    double y = 0;
    int i, k, n = x->dim[0], K = x->dim[1];
    for (i = 0; i < n; ++i)
        for (k = 0; k < K; ++k)
            if (k != (int)x[1].v[i])
                y += rel((double)(gan_real)q->r[0] - x->v[i * K + (int)x[1].v[i]] + x->v[i * K + k]) / K / n;
    return scalar(y);
}
CALL(crammer_singer, gan_crammer_singer(x[0], x[1]))
static double crammer(const nd *l, const nd *labels, int label)
{
    double s = 0;
    int i, k, n = l->dim[0], K = l->dim[1];
    for (i = 0; i < n; ++i) {
        int y = labels ? (int)labels->v[i] : label;
        double worst = -1e300;
        for (k = 0; k < K; ++k)
            if (k != y && l->v[i * K + k] > worst) worst = l->v[i * K + k];
        s += rel(1 + worst - l->v[i * K + y]) / n;
    }
    return s;
}
static nd r_crammer_singer(const params *q, const nd *x)
{
    (void)q;
    return scalar(crammer(&x[0], &x[1], 0));
}
static void test_multi_margin_loss(void)
{
    OBJECTIVE(multi_margin_loss, "6,5; i5:6", P(.r = {1}));
    OBJECTIVE(multi_margin_loss, "2,3; i3:2", P(.r = {.4}));
    wrong("multi_margin_loss", f_multi_margin_loss, "6,5; i9:6", P(.r = {1}), "from 0 to 4");
    control_forward("multi_margin_loss with the maximum for the sum", f_multi_margin_loss, r_crammer_singer,
                    "6,5; i5:6", P(.r = {1}));
}
static void test_crammer_singer(void)
{
    static const double scales[] = {88, 1e4, HUGEST};
    size_t i;
    OBJECTIVE(crammer_singer, "6,5; i5:6", NONE);
    op_sample("crammer_singer of one class", f_crammer_singer, r_crammer_singer, "4,1; i1:4", NONE);
    wrong("crammer_singer", f_crammer_singer, "6,5; i9:6", NONE, "from 0 to 4");
    control_forward("crammer_singer with the sum for the maximum", f_crammer_singer, r_multi_margin_loss,
                    "6,5; i5:6", P(.r = {1}));
    TEST ("crammer_singer is 0 from a margin of 1 on, and 1 for equal logits") {
        gan_context *ctx = gan_create(NULL);
        const double v[] = {1, 0, 0, -3, 2, 1}, labels[] = {0, 1};
        CHECK_NEAR(gan_item(gan_crammer_singer(of(ctx, v, 2, 3), of(ctx, labels, 2, 0))), 0, 0, "margin 1");
        CHECK_NEAR(gan_item(gan_crammer_singer(gan_zeros(ctx, 2, 3), of(ctx, labels, 2, 0))), 1, 0, "equal");
        gan_destroy(ctx);
    }
    for (i = 0; i < COUNT(scales); ++i)
        TESTF ("crammer_singer of logits +-%g: value and gradient", scales[i]) {
            gan_context *ctx = gan_create(NULL);
            const double s = scales[i], v[] = {s, 0, 0, s, 0, 0, -s, 0, 0, -s, 0, 0}, at[] = {0, 1, 0, 1};
            gan_tensor *l = of(ctx, v, 4, 3), *y = gan_crammer_singer(l, of(ctx, at, 4, 0));
            double want = (0 + s / 4) + (s / 4 + .25) + .5;
            CHECK_NEAR(gan_item(y) / (gan_real)want, 1, TOL, "value");
            CHECK(all_finite(gan_grad(y, l, 0)), "gradient");
            gan_destroy(ctx);
        }
}

// ---- class-conditional heads

CALL(ac_gan_d, gan_ac_gan_d(x[0], x[1], x[2], x[3]))
static nd r_ac_gan_d(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[1], 0) + xent(&x[2], &x[3], 0));
}
static nd real_only(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[1], 0));
}
static void test_ac_gan_d(void)
{
    OBJECTIVE(ac_gan_d, "4,3; i3:4; 5,3; i3:5", NONE);
    wrong("ac_gan_d", f_ac_gan_d, "4,3; i3:4; 5,3; i3:4", NONE, "ac_gan_d: labels (4) for 5 rows");
    control_forward("ac_gan_d without the fakes", f_ac_gan_d, real_only, "4,3; i3:4; 5,3; i3:5", NONE);
    TEST ("ac_gan_d of equal logits is 2 log K, 2 log 2 for two classes") {
        gan_context *ctx = gan_create(NULL);
        int k;
        for (k = 2; k < 6; ++k) {
            gan_tensor *l = gan_full(ctx, 3, 4, k), *t = gan_zeros(ctx, 4);
            CHECK_NEAR(gan_item(gan_ac_gan_d(l, t, l, t)), 2 * log(k), TOL * 4, "loss");
        }
        gan_destroy(ctx);
    }
}
CALL(ac_gan_g, gan_ac_gan_g(x[0], x[1]))
static nd r_ac_gan_g(const params *q, const nd *x) { return r_cross_entropy(q, x); }
static void test_ac_gan_g(void)
{
    OBJECTIVE(ac_gan_g, "4,3; i3:4", NONE);
    wrong("ac_gan_g", f_ac_gan_g, "4,3; i9:4", NONE, "ac_gan_g: label");
}

CALL(tac_gan_d, gan_tac_gan_d(x[0], x[1], x[2], x[3]))
static nd r_tac_gan_d(const params *q, const nd *x) { return r_ac_gan_d(q, x); }
static void test_tac_gan_d(void)
{
    OBJECTIVE(tac_gan_d, "4,3; i3:4; 5,3; i3:5", NONE);
    wrong("tac_gan_d", f_tac_gan_d, "4,3; i3:4; 5,3; i9:5", NONE, "tac_gan_d: label");
}
CALL(tac_gan_g, gan_tac_gan_g(x[0], x[1], x[2]))
static nd r_tac_gan_g(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[2], 0) - xent(&x[1], &x[2], 0));
}
static nd twin_added(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[2], 0) + xent(&x[1], &x[2], 0));
}
static void test_tac_gan_g(void)
{
    OBJECTIVE(tac_gan_g, "4,3; 4,3; i3:4", NONE);
    wrong("tac_gan_g", f_tac_gan_g, "4,3; 4,2; i3:4", NONE, "tac_gan_g: label 2");
    control_forward("tac_gan_g with the twin's sign turned", f_tac_gan_g, twin_added, "4,3; 4,3; i3:4", NONE);
    TEST ("tac_gan_g: two heads that agree give the generator nothing") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *l = gan_rand_normal(ctx, 4, 3);
        CHECK_NEAR(gan_item(gan_tac_gan_g(l, l, gan_zeros(ctx, 4))), 0, 0, "loss");
        gan_destroy(ctx);
    }
}

CALL(adc_gan_d, gan_adc_gan_d(x[0], x[1], x[2], x[3]))
static nd r_adc_gan_d(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[1], 0) + xent(&x[2], &x[3], x->dim[1] / 2));
}
static void test_adc_gan_d(void)
{
    OBJECTIVE(adc_gan_d, "4,6; i3:4; 5,6; i3:5", NONE);
    wrong("adc_gan_d", f_adc_gan_d, "4,5; i2:4; 5,5; i2:5", NONE, "logits (4, 5); want (N, 2 K)");
    wrong("adc_gan_d", f_adc_gan_d, "9,6; i6:9; 5,6; i3:5", NONE, "from 0 to 2");
    control_forward("adc_gan_d with fakes in the columns of the real", f_adc_gan_d, r_ac_gan_d,
                    "4,6; i3:4; 5,6; i3:5", NONE);
    TEST ("adc_gan: equal logits are 2 log 2K for D and nothing for G") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *l = gan_zeros(ctx, 4, 6), *t = gan_full(ctx, 2, 4);
        CHECK_NEAR(gan_item(gan_adc_gan_d(l, t, l, t)), 2 * log(6.), TOL * 4, "D");
        CHECK_NEAR(gan_item(gan_adc_gan_g(l, t)), 0, 0, "G");
        gan_destroy(ctx);
    }
}
CALL(adc_gan_g, gan_adc_gan_g(x[0], x[1]))
static nd r_adc_gan_g(const params *q, const nd *x)
{
    (void)q;
    return scalar(xent(&x[0], &x[1], 0) - xent(&x[0], &x[1], x->dim[1] / 2));
}
static void test_adc_gan_g(void)
{
    OBJECTIVE(adc_gan_g, "4,6; i3:4", NONE);
    control_forward("adc_gan_g of the real half alone", f_adc_gan_g, r_cross_entropy, "4,6; i3:4", NONE);
}

CALL(multi_hinge_d, gan_multi_hinge_d(x[0], x[1], x[2]))
static nd r_multi_hinge_d(const params *q, const nd *x)
{
    (void)q;
    return scalar(crammer(&x[0], &x[1], 0) + crammer(&x[2], NULL, x[2].dim[1] - 1));
}
static nd hinge_fake_first(const params *q, const nd *x)
{
    (void)q;
    return scalar(crammer(&x[0], &x[1], 0) + crammer(&x[2], NULL, 0));
}
static void test_multi_hinge_d(void)
{
    OBJECTIVE(multi_hinge_d, "4,4; i3:4; 5,4", NONE);
    wrong("multi_hinge_d", f_multi_hinge_d, "9,4; i4:9; 5,4", NONE, "from 0 to 2");
    wrong("multi_hinge_d", f_multi_hinge_d, "4,4; i3:4; 5,3", NONE, "must both be (N, K + 1)");
    wrong("multi_hinge_d", f_multi_hinge_d, "4,1; i1:4; 5,1", NONE, "want (N, K + 1)");
    control_forward("multi_hinge_d with another column for the fakes", f_multi_hinge_d, hinge_fake_first,
                    "4,4; i3:4; 5,4", NONE);
    TEST ("multi_hinge of equal logits: 2 for D, 1 for G; at a margin of 1 nothing is left") {
        gan_context *ctx = gan_create(NULL);
        const double v[] = {1, 0, 0, 0, 1, 0}, f[] = {0, 0, 1}, labels[] = {0, 1};
        gan_tensor *l = gan_zeros(ctx, 2, 3), *t = of(ctx, labels, 2, 0);
        CHECK_NEAR(gan_item(gan_multi_hinge_d(l, t, l)), 2, 0, "D");
        CHECK_NEAR(gan_item(gan_multi_hinge_g(l, t)), 1, 0, "G");
        CHECK_NEAR(gan_item(gan_multi_hinge_d(of(ctx, v, 2, 3), t, of(ctx, f, 1, 3))), 0, 0, "a margin of 1");
        gan_destroy(ctx);
    }
}
CALL(multi_hinge_g, gan_multi_hinge_g(x[0], x[1]))
static nd r_multi_hinge_g(const params *q, const nd *x) { return r_crammer_singer(q, x); }
static void test_multi_hinge_g(void) { OBJECTIVE(multi_hinge_g, "4,4; i3:4", NONE); }

CALL(semi_supervised_logit, gan_semi_supervised_logit(x[0]))
static double row_lse(const double *l, int k)
{
    double m = l[0], s = 0;
    int j;
    for (j = 1; j < k; ++j) m = l[j] > m ? l[j] : m;
    for (j = 0; j < k; ++j) s += exp(l[j] - m);
    return m + log(s);
}
static nd r_semi_supervised_logit(const params *q, const nd *x)
{
    int dim[2], i;
    nd y;
    (void)q;
    dim[0] = x->dim[0], dim[1] = 1;
    y = nd_new(2, dim);
    for (i = 0; i < dim[0]; ++i) y.v[i] = row_lse(x->v + i * x->dim[1], x->dim[1]);
    return y;
}
static void test_semi_supervised_logit(void)
{
    OBJECTIVE(semi_supervised_logit, "4,3", NONE);
    wrong("semi_supervised_logit", f_semi_supervised_logit, "4", NONE, "logits (4); want (N, K)");
    TEST ("semi_supervised_logit of K equal logits l is l + log K") {
        gan_context *ctx = gan_create(NULL);
        CHECK_NEAR(gan_item(gan_semi_supervised_logit(gan_full(ctx, -2, 1, 7))), log(7.) - 2, TOL, "Z");
        gan_destroy(ctx);
    }
}

// By K + 1 classes, the last of logit 0: the softmax's own probabilities, nothing of log-sum-exp.
CALL(semi_supervised, gan_semi_supervised(x[0], x[1], x[2], x[3]))
static double fake_probability(const double *l, int k)
{
    double s = 1;
    for (int j = 0; j < k; ++j) s += exp(l[j]);
    return 1 / s;
}
static nd r_semi_supervised(const params *q, const nd *x)
{
    double y = xent(&x[0], &x[1], 0);
    int i, k = x->dim[1];
    (void)q;
    for (i = 0; i < x[2].dim[0]; ++i) y -= .5 * log(1 - fake_probability(x[2].v + i * k, k)) / x[2].dim[0];
    for (i = 0; i < x[3].dim[0]; ++i) y -= .5 * log(fake_probability(x[3].v + i * k, k)) / x[3].dim[0];
    return scalar(y);
}
static void test_semi_supervised(void)
{
    static const double scales[] = {88, 1e4, HUGEST};
    size_t i;
    OBJECTIVE(semi_supervised, "4,3; i3:4; 5,3; 2,3", NONE);
    wrong("semi_supervised", f_semi_supervised, "4,3; i3:4; 5; 2,3", NONE, "semi_supervised: logits (5)");
    control_forward("semi_supervised without the unlabeled", f_semi_supervised, r_cross_entropy,
                    "4,3; i3:4; 5,3; 2,3", NONE);
    TEST ("semi_supervised of one class is half the non-saturating discriminator's loss") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *r = gan_rand_normal(ctx, 5, 1), *f = gan_rand_normal(ctx, 5, 1);
        CHECK_NEAR(gan_item(gan_semi_supervised(r, gan_zeros(ctx, 5), r, f)),
                   (double)gan_item(gan_loss_d(GAN_LOSS_NON_SATURATING, r, f, 0)) / 2, TOL * 4, "loss");
        gan_destroy(ctx);
    }
    for (i = 0; i < COUNT(scales); ++i)
        TESTF ("semi_supervised of logits +-%g: value and gradient are finite", scales[i]) {
            gan_context *ctx = gan_create(NULL);
            const double s = scales[i], v[] = {s, 0, -s, 0}, w[] = {s, s, -s, -s}, at[] = {0, 1};
            gan_tensor *l = of(ctx, v, 2, 2), *u = of(ctx, w, 2, 2), *y;
            gan_tensor *dx[2], *in[2];
            in[0] = l, in[1] = u;
            y = gan_semi_supervised(l, of(ctx, at, 2, 0), u, u);
            CHECK(all_finite(y), "value %g", (double)gan_item(y));
            CHECK(!gan_grads(y, 2, in, dx, 0) && all_finite(dx[0]) && all_finite(dx[1]), "gradient");
            gan_destroy(ctx);
        }
}

static gan_tensor *projection_d(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    return gan_projection(m, "head", x, label, 4);
}
#ifdef GAN_DOUBLE
static gan_tensor *projection_f(gan_context *ctx, gan_tensor **x, void *user)
{
    void **u = (void **)user;
    (void)ctx;
    return gan_square(gan_forward((gan_model *)u[0], x[0], (gan_tensor *)u[1]));
}
#endif
static void test_projection(void){
    TEST ("projection: psi h + b + <embedding of the label, h>; its gradient is psi + that row"){
        gan_context *ctx = gan_create(NULL);
gan_model *m = gan_model_create(ctx, "d", projection_d, NULL);
const double at[] = {2, 0, 3, 3, 1};
gan_tensor *h = gan_rand_normal(ctx, 5, 3), *t = of(ctx, at, 5, 0), *y = gan_forward(m, h, t), *g;
const gan_real *w = gan_data(gan_model_find(m, "head.weight"));
const gan_real *b = gan_data(gan_model_find(m, "head.bias"));
const gan_real *e = gan_data(gan_model_find(m, "head.embedding"));
int i, d;
CHECK(gan_ndim(y) == 2 && gan_dim(y, 0) == 5 && gan_dim(y, 1) == 1, "%s", gan_error_message(ctx));
CHECK(w &&b &&e &&gan_model_parameters(m) == 3 + 1 + 12, "%d parameters", (int)gan_model_parameters(m));
if (!w || !b || !e) continue;
g = gan_grad(gan_sum_all(y), h, 0);
for (i = 0; i < 5; ++i) {
    double want = (double)b[0];
    for (d = 0; d < 3; ++d) {
        double slope = (double)w[d] + (double)e[3 * (int)at[i] + d];
        want += slope * (double)gan_data(h)[3 * i + d];
        CHECK_NEAR(gan_data(g)[3 * i + d], slope, TOL, "gradient");
    }
    CHECK_NEAR(gan_data(y)[i], want, 4 * TOL, "value");
}
g = gan_grad(gan_sum_all(y), gan_model_find(m, "head.embedding"), 0);
for (d = 0; d < 3; ++d) {
    CHECK_NEAR(gan_data(g)[6 + d], gan_data(h)[d], 0, "the embedding's gradient, a label met once");
    CHECK_NEAR(gan_data(g)[9 + d], (double)gan_data(h)[6 + d] + (double)gan_data(h)[9 + d], TOL, "and twice");
}
gan_destroy(ctx);
}
TEST ("projection names its layer, the label and the range; NULL is an error") {
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "d", projection_d, NULL);
    CHECK(!gan_data(gan_forward(m, gan_zeros(ctx, 2, 3), gan_full(ctx, 4, 2))), "a result");
    CHECK_TEXT(gan_error_message(ctx), "d.head: projection: label 4 at position 0");
    CHECK_TEXT(gan_error_message(ctx), "from 0 to 3");
    gan_error_clear(ctx);
    CHECK(!gan_data(gan_forward(m, gan_zeros(ctx, 2, 3), NULL)), "no labels");
    CHECK_TEXT(gan_error_message(ctx), "labels are NULL");
    gan_error_clear(ctx);
    CHECK(!gan_data(gan_projection(m, "head", NULL, NULL, 4)), "no features");
    CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
    gan_error_clear(ctx);
    CHECK(!gan_data(gan_projection(m, "new", gan_zeros(ctx, 2, 3, 1), gan_zeros(ctx, 2), 4)), "3 axes");
    CHECK_TEXT(gan_error_message(ctx), "want (N, D)");
    gan_error_clear(ctx);
    CHECK(!gan_projection(NULL, "head", NULL, NULL, 4), "all NULL");
    gan_destroy(ctx);
}
#ifdef GAN_DOUBLE
TEST ("projection: gradients by features and parameters, order 1 and 2") {
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "d", projection_d, NULL);
    gan_tensor *x[4], *t = gan_linspace(ctx, 0, 3, 4);
    int order;
    x[0] = gan_keep(ctx, "h", gan_rand_normal(ctx, 4, 3));
    t = gan_keep(ctx, "t", t);
    gan_forward(m, x[0], t);
    x[1] = gan_model_find(m, "head.weight");
    x[2] = gan_model_find(m, "head.bias");
    x[3] = gan_model_find(m, "head.embedding");
    for (order = 1; order < 3; ++order) {
        void *user[2];
        user[0] = m, user[1] = t;
        check_gradient(ctx, projection_f, user, 4, x, order, "projection");
    }
    gan_destroy(ctx);
}
#endif
}

// Embedding, proxy, labels.
CALL(contrastive_2c, gan_contrastive_2c(x[0], x[1], x[2], (gan_real)q->r[0]))
static nd r_contrastive_2c(const params *q, const nd *x)
{
    double y = 0, t = (double)(gan_real)q->r[0];
    int i, j, n = x->dim[0], d = x->dim[1];
    for (i = 0; i < n; ++i) {
        double over = exp(cosine(x->v + i * d, x[1].v + i * d, d) / t), under = over;
        for (j = 0; j < n; ++j) {
            double s = exp(cosine(x->v + i * d, x->v + j * d, d) / t);
            if (j == i) continue;
            under += s;
            if (x[2].v[i] == x[2].v[j]) over += s;
        }
        y -= log(over / under) / n;
    }
    return scalar(y);
}
static nd cold_2c(const params *q, const nd *x)
{
    params p = *q;
    p.r[0] = 1;
    return r_contrastive_2c(&p, x);
}
static void test_contrastive_2c(void)
{
    OBJECTIVE(contrastive_2c, "5,3; 5,3; i3:5", P(.r = {1}));
    OBJECTIVE(contrastive_2c, "6,4; 6,4; i2:6", P(.r = {.2}, .tol = 4));
    wrong("contrastive_2c", f_contrastive_2c, "5,3; 5,2; i3:5", P(.r = {1}), "must have one shape (N, D)");
    wrong("contrastive_2c", f_contrastive_2c, "5,3; 5,3; i3:4", P(.r = {1}), "labels (4) for 5 rows");
    wrong("contrastive_2c", f_contrastive_2c, "5,3; 5,3; i3:5", NONE, "temperature 0");
    control_forward("contrastive_2c without its temperature", f_contrastive_2c, cold_2c, "5,3; 5,3; i3:5",
                    P(.r = {.2}));
    TEST ("contrastive_2c is 0 when all have one label; length does not matter, to 1e30 and 1e-30") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *e = gan_rand_normal(ctx, 6, 4), *p = gan_rand_normal(ctx, 6, 4);
        const double at[] = {0, 1, 0, 2, 1, 0};
        gan_tensor *t = of(ctx, at, 6, 0);
        double y = (double)gan_item(gan_contrastive_2c(e, p, t, 1));
        CHECK_NEAR(gan_item(gan_contrastive_2c(e, p, gan_zeros(ctx, 6), 1)), 0, 4 * TOL, "one label");
        CHECK_NEAR(gan_item(gan_contrastive_2c(gan_mul_scalar(e, (gan_real)1e30),
                                               gan_mul_scalar(p, (gan_real)1e-30), t, 1)),
                   y, 8 * TOL, "long and short");
        gan_destroy(ctx);
    }
    TEST ("contrastive_2c of a row of zeros is finite, its gradient too") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *e = gan_zeros(ctx, 3, 4), *y = gan_contrastive_2c(e, e, gan_linspace(ctx, 0, 2, 3), 1);
        CHECK_NEAR(gan_item(y), log(3.), 4 * TOL, "all cosines 0");
        CHECK(all_finite(gan_grad(y, e, 0)), "gradient");
        gan_destroy(ctx);
    }
}

CALL(d2d_ce, gan_d2d_ce(x[0], x[1], x[2], (gan_real)q->r[0], (gan_real)q->r[1]))
static nd r_d2d_ce(const params *q, const nd *x)
{
    double y = 0, m = (double)(gan_real)q->r[0], t = (double)(gan_real)q->r[1];
    int i, j, n = x->dim[0], d = x->dim[1];
    for (i = 0; i < n; ++i) {
        double a = cosine(x->v + i * d, x[1].v + i * d, d) - m, under;
        if (a > 0) a = 0;
        under = exp(a / t);
        for (j = 0; j < n; ++j)
            if (x[2].v[i] != x[2].v[j])
                under += exp(rel(cosine(x->v + i * d, x->v + j * d, d) - (1 - m)) / t);
        y += (log(under) - a / t) / n;
    }
    return scalar(y);
}
static nd d2d_no_margin(const params *q, const nd *x)
{
    params p = *q;
    p.r[0] = 1;
    return r_d2d_ce(&p, x);
}
// As StudioGAN moves exponents for stability: the negatives by their largest, the positive not.
static nd d2d_half_moved(const params *q, const nd *x)
{
    double y = 0, m = (double)(gan_real)q->r[0], t = (double)(gan_real)q->r[1];
    int i, j, n = x->dim[0], d = x->dim[1];
    for (i = 0; i < n; ++i) {
        double a = cosine(x->v + i * d, x[1].v + i * d, d) - m, under, top = -1e300;
        if (a > 0) a = 0;
        under = exp(a / t);
        for (j = 0; j < n; ++j)
            if (j != i) top = fmax(top, (cosine(x->v + i * d, x->v + j * d, d) - (1 - m)) / t);
        for (j = 0; j < n; ++j)
            if (x[2].v[i] != x[2].v[j])
                under += exp(rel(cosine(x->v + i * d, x->v + j * d, d) - (1 - m)) / t - top);
        y += (log(under) - a / t) / n;
    }
    return scalar(y);
}
static void test_d2d_ce(void)
{
    OBJECTIVE(d2d_ce, "5,3; 5,3; i3:5", P(.r = {.98, .5}));
    OBJECTIVE(d2d_ce, "7,2; 7,2; i2:7", P(.r = {.6, .25}));
    wrong("d2d_ce", f_d2d_ce, "5,3; 5,3; i3:5", P(.r = {1.5, 1}), "margin 1.5");
    wrong("d2d_ce", f_d2d_ce, "5,3; 5,3; i3:5", P(.r = {.98, -1}), "temperature -1");
    control_forward("d2d_ce without its margins", f_d2d_ce, d2d_no_margin, "7,3; 7,3; i3:7",
                    P(.r = {.6, .5}));
    control_forward("d2d_ce whose negatives alone are moved (StudioGAN)", f_d2d_ce, d2d_half_moved,
                    "7,3; 7,3; i3:7", P(.r = {.98, .5}));
    TEST ("d2d_ce and contrastive_2c at temperature .001 are finite, their gradients too") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *e = gan_rand_normal(ctx, 6, 3), *p = gan_rand_normal(ctx, 6, 3), *y;
        gan_tensor *t = gan_linspace(ctx, 0, 5, 6);
        y = gan_add(gan_d2d_ce(e, p, t, (gan_real).98, (gan_real).001),
                    gan_contrastive_2c(e, p, t, (gan_real).001));
        CHECK(all_finite(y) && all_finite(gan_grad(y, e, 0)), "%g", (double)gan_item(y));
        gan_destroy(ctx);
    }
    TEST ("d2d_ce on its proxies, other classes orthogonal: log(1 + others), and no gradient is left") {
        gan_context *ctx = gan_create(NULL);
        const double e[] = {1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1}, at[] = {0, 0, 1, 2};
        gan_tensor *x = of(ctx, e, 4, 3);
        gan_tensor *y = gan_d2d_ce(x, x, of(ctx, at, 4, 0), (gan_real).98, (gan_real).5), *g;
        CHECK_NEAR(gan_item(y), (log(3.) + log(3.) + log(4.) + log(4.)) / 4, 4 * TOL, "loss");
        g = gan_grad(y, x, 0);
        for (int i = 0; i < 12; ++i) CHECK_NEAR(gan_data(g)[i], 0, 0, "gradient");
        gan_destroy(ctx);
    }
}

// Embeddings on their proxies, two classes of one each with a cosine of .6: a small loss, and of it a part of
// what is right is asked for. (That of d2d_ce is log 2 or more.)
static gan_tensor *swallowing_2c(gan_tensor *e, gan_tensor *p, gan_tensor *labels, gan_real t)
{
    const gan_real others[4] = {0, 1, 1, 0};
    gan_tensor *s = gan_mul_scalar(gan_matmul_t(e, 0, e, 1), 1 / t), *own;
    (void)labels;
    own = gan_mul_scalar(gan_sum(gan_mul(e, p), GAN_AXES(1), GAN_KEEPDIM), 1 / t);
    s = gan_where(gan_from(gan_context_of(e), others, 2, 2), s, gan_full(gan_context_of(e), -1000, 2, 2));
    return gan_mean_all(gan_sub(gan_logsumexp(gan_concat(1, own, s), 1, 0), gan_reshape(own, -1)));
}
static void sure_contrast(gan_tensor *(*loss)(gan_tensor *, gan_tensor *, gan_tensor *, gan_real))
{
    gan_context *ctx = gan_create(NULL);
    const double e[] = {1, 0, .6, .8}, at[] = {0, 1};
    const double t = sizeof(gan_real) == 4 ? 1. / 64 : 1. / 128; // exact in gan_real
    gan_tensor *x = of(ctx, e, 2, 2), *y = loss(x, x, of(ctx, at, 2, 0), (gan_real)t);
    CHECK_NEAR((double)gan_item(y) / log1p(exp((.6 - 1) / t)), 1, 100 * TOL, "as a part of what is right");
    gan_destroy(ctx);
}
static void test_sure_contrast(void)
{
    TEST ("contrastive_2c of classes well apart at a low temperature is small, not 0")
        sure_contrast(gan_contrastive_2c);
    TEST_MUST_FAIL ("the difference of two logarithms of sums is caught") sure_contrast(swallowing_2c);
}

// ---- InfoGAN

CALL(gaussian_nll, gan_gaussian_nll(x[0], x[1], x[2]))
CALL(gaussian_nll_fixed, gan_gaussian_nll(x[0], NULL, x[1]))
static double normal_nll(double c, double mu, double s) // by the density itself
{
    return -log(exp(-(c - mu) * (c - mu) / (2 * exp(2 * s))) / sqrt(2 * 3.14159265358979323846 * exp(2 * s)));
}
static nd r_gaussian_nll(const params *q, const nd *x)
{
    double y = 0;
    (void)q;
    for (size_t i = 0; i < x->n; ++i) {
        int index[8];
        unravel(i, x->ndim, x->dim, index);
        y += normal_nll(x[2].v[i], x->v[i], nd_at(&x[1], x->ndim, index)) / x->dim[0];
    }
    return scalar(y);
}
static nd r_gaussian_nll_fixed(const params *q, const nd *x)
{
    double y = 0;
    (void)q;
    for (size_t i = 0; i < x->n; ++i) y += normal_nll(x[1].v[i], x->v[i], 0) / x->dim[0];
    return scalar(y);
}
static nd nll_of_variance(const params *q, const nd *x) // takes log sigma for log sigma^2
{
    double y = 0;
    (void)q;
    for (size_t i = 0; i < x->n; ++i) y += normal_nll(x[2].v[i], x->v[i], x[1].v[i] / 2) / x->dim[0];
    return scalar(y);
}
static void test_gaussian_nll(void)
{
    const params p = P(.lo = -1, .hi = 1);
    op_sample("gaussian_nll", f_gaussian_nll, r_gaussian_nll, "4,3; 4,3; 4,3", p);
    op_sample("gaussian_nll, one log_std", f_gaussian_nll, r_gaussian_nll, "4,3; (); 4,3", p);
    op_sample("gaussian_nll, a log_std each code", f_gaussian_nll, r_gaussian_nll, "4,3; 3; 4,3", p);
    op_sample("gaussian_nll, fixed", f_gaussian_nll_fixed, r_gaussian_nll_fixed, "4,3; 4,3", p);
    refuses("gaussian_nll, fixed", f_gaussian_nll_fixed, "4,3; 4,3", p);
    wrong("gaussian_nll", f_gaussian_nll, "4,3; 4,3; 4,2", p, "gaussian_nll: (4, 3) and (4, 2)");
    wrong("gaussian_nll", f_gaussian_nll, "4,1; 3; 4,1", p, "log_std (3) does not broadcast");
    control_forward("gaussian_nll with a deviation for a variance", f_gaussian_nll, nll_of_variance,
                    "4,3; 4,3; 4,3", p);
    TEST ("gaussian_nll at the code itself is D/2 log 2 pi; log_std rests where sigma is the error's root "
          "mean square") {
        gan_context *ctx = gan_create(NULL);
        const double c[] = {1, -2, .5, 3};
        gan_tensor *code = of(ctx, c, 4, 1), *zero = gan_zeros(ctx, 4, 1), *s;
        CHECK_NEAR(gan_item(gan_gaussian_nll(code, NULL, code)), .5 * log(2 * 3.14159265358979323846), TOL,
                   "at the code");
        s = gan_scalar(ctx, (gan_real)(.5 * log((1 + 4 + .25 + 9) / 4)));
        CHECK_NEAR(gan_item(gan_grad(gan_gaussian_nll(zero, s, code), s, 0)), 0, 4 * TOL, "slope");
        gan_destroy(ctx);
    }
}

CALL(info_gan, gan_info_gan(x[0], x[1], x[2], x[3], x[4]))
static nd r_info_gan(const params *q, const nd *x)
{
    return scalar(xent(&x[0], &x[1], 0) + r_gaussian_nll(q, x + 2).v[0]);
}
CALL(nll_wrapped, gan_scalar(ctx, gan_item(gan_gaussian_nll(x[0], x[1], x[2]))))

// The generator's gradient of a mutual-information term, through Q; wrap: the value made into a new constant.
static void info_reaches_generator(int wrap)
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *theta = gan_rand_normal(ctx, 2, 3), *code = gan_rand_normal(ctx, 5, 2), *picture, *y, *g;
    gan_tensor *q = gan_rand_normal(ctx, 3, 4);
    double norm = 0;
    picture = gan_tanh(gan_matmul(code, theta));
    q = gan_matmul(picture, q);
    y = gan_info_gan(gan_slice(q, 1, 0, 2), gan_zeros(ctx, 5), gan_slice(q, 1, 2, 4), NULL, code);
    if (wrap) y = gan_scalar(ctx, gan_item(y));
    g = gan_grad(y, theta, 0);
    for (int i = 0; i < 6; ++i) norm += fabs((double)gan_data(g)[i]);
    CHECK(norm > 1e-3, "the generator's gradient is %g", norm);
    gan_destroy(ctx);
}

static void test_info_gan(void)
{
    const params p = P(.lo = -1, .hi = 1);
    op_sample("info_gan", f_info_gan, r_info_gan, "4,3; i3:4; 4,2; 4,2; 4,2", p);
    wrong("info_gan", f_info_gan, "4,3; i9:4; 4,2; 4,2; 4,2", p, "info_gan: label");
    TEST ("info_gan gives the generator its gradient") { info_reaches_generator(0); }
    TEST_MUST_FAIL ("fault 2 (torchgan): a mutual-information term re-wrapped as a constant is caught") {
        info_reaches_generator(1);
    }
#ifdef GAN_DOUBLE
    control_gradient("fault 2 (torchgan): a mutual-information term re-wrapped as a constant", f_nll_wrapped,
                     "4,2; 4,2; 4,2", 1, 1);
    control_gradient("fault 2 (torchgan): a mutual-information term re-wrapped as a constant", f_nll_wrapped,
                     "4,2; 4,2; 4,2", 1, 0);
#else
    (void)f_nll_wrapped;
#endif
    TEST ("info_gan tolerates NULL") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *l = gan_zeros(ctx, 2, 3), *t = gan_zeros(ctx, 2);
        CHECK(!gan_info_gan(NULL, NULL, NULL, NULL, NULL), "all");
        CHECK(!gan_data(gan_info_gan(l, t, NULL, NULL, l)), "no mean");
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(!gan_data(gan_info_gan(NULL, t, l, NULL, l)), "no logits");
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// ---- self-supervised

CALL(rotations, gan_rotations(x[0]))
static void turn_left(const double *x, double *y, int h)
{
    for (int i = 0; i < h; ++i)
        for (int j = 0; j < h; ++j)
            y[(h - 1 - j) * h + i] = x[i * h + j]; // the right column becomes the top row
}
static nd turned(const nd *x, int step)
{
    int dim[4], h = x->dim[2], planes = x->dim[0] * x->dim[1], k, i;
    nd y;
    memcpy(dim, x->dim, sizeof dim);
    dim[0] *= 4;
    y = nd_new(4, dim);
    for (k = 0; k < 4; ++k)
        for (i = 0; i < planes; ++i) {
            double *to = y.v + (k * planes + i) * h * h, once[64];
            int turns = k * step % 4;
            memcpy(to, x->v + i * h * h, (size_t)(h * h) * sizeof *to);
            while (turns--) {
                turn_left(to, once, h);
                memcpy(to, once, (size_t)(h * h) * sizeof *to);
            }
        }
    return y;
}
static nd r_rotations(const params *q, const nd *x)
{
    (void)q;
    return turned(x, 1);
}
static nd turned_right(const params *q, const nd *x)
{
    (void)q;
    return turned(x, 3);
}
static void test_rotations(void)
{
    OBJECTIVE(rotations, "2,3,3,3", NONE);
    op_sample("rotations", f_rotations, r_rotations, "1,1,2,2", NONE);
    op_sample("rotations", f_rotations, r_rotations, "3,1,1,1", NONE);
    op_sample("rotations", f_rotations, r_rotations, "1,2,4,4", NONE);
    wrong("rotations", f_rotations, "2,3,3,4", NONE, "(2, 3, 3, 4); want square ones");
    wrong("rotations", f_rotations, "2,9", NONE, "want square ones");
    control_forward("rotations to the right", f_rotations, turned_right, "2,3,3,3", NONE);
    TEST ("rotations: the first quarter is the batch bit for bit, a turn of the last is the batch again") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 3, 5, 5), *y = gan_rotations(x);
        gan_tensor *again = gan_slice(gan_rotations(gan_slice(y, 0, 6, 8)), 0, 2, 4);
        CHECK(same_bits(gan_slice(y, 0, 0, 2), x), "the first");
        CHECK(same_bits(again, x), "three and one");
        gan_destroy(ctx);
    }
}
CALL(rotation_loss, gan_rotation_loss(x[0]))
static nd r_rotation_loss(const params *q, const nd *x)
{
    double y = 0;
    int i, n = x->dim[0];
    (void)q;
    for (i = 0; i < n; ++i) y += row_xent(x->v + 4 * i, 4, 4 * i / n) / n;
    return scalar(y);
}
static nd turns_in_turn(const params *q, const nd *x)
{
    double y = 0;
    int i, n = x->dim[0];
    (void)q;
    for (i = 0; i < n; ++i) y += row_xent(x->v + 4 * i, 4, i % 4) / n;
    return scalar(y);
}
static void test_rotation_loss(void)
{
    OBJECTIVE(rotation_loss, "12,4", NONE);
    wrong("rotation_loss", f_rotation_loss, "6,4", NONE, "want (4 N, 4)");
    wrong("rotation_loss", f_rotation_loss, "8,3", NONE, "want (4 N, 4)");
    control_forward("rotation_loss with the turns in another order", f_rotation_loss, turns_in_turn, "12,4",
                    NONE);
    TEST ("rotation_loss at chance is log 4") {
        gan_context *ctx = gan_create(NULL);
        CHECK_NEAR(gan_item(gan_rotation_loss(gan_zeros(ctx, 8, 4))), log(4.), 4 * TOL, "loss");
        gan_destroy(ctx);
    }
}

CALL(info_nce, gan_info_nce(x[0], x[1], (gan_real)q->r[0]))
static nd r_info_nce(const params *q, const nd *x)
{
    double y = 0, t = (double)(gan_real)q->r[0];
    int i, j, a, b, n = x->dim[0], d = x->dim[1], l = x[1].ndim == 3 ? x[1].dim[1] : 1;
    for (i = 0; i < n; ++i)
        for (a = 0; a < l; ++a) {
            double own = exp(product(x->v + i * d, x[1].v + (i * l + a) * d, d) / t), under = own;
            for (j = 0; j < n; ++j)
                for (b = 0; b < l; ++b)
                    if (j != i) under += exp(product(x->v + i * d, x[1].v + (j * l + b) * d, d) / t);
            y -= log(own / under) / (n * l);
        }
    return scalar(y);
}
static nd cold_info_nce(const params *q, const nd *x)
{
    params p = *q;
    p.r[0] = 1;
    return r_info_nce(&p, x);
}
static nd swapped_info_nce(const params *q, const nd *x) // the negatives of the key
{
    nd y[2];
    y[0] = x[1], y[1] = x[0];
    return r_info_nce(q, y);
}
static void test_info_nce(void)
{
    OBJECTIVE(info_nce, "5,3; 5,3", P(.r = {1}));
    OBJECTIVE(info_nce, "4,3; 4,2,3", P(.r = {.5}, .tol = 4));
    op_sample("info_nce of two", f_info_nce, r_info_nce, "2,1; 2,1", P(.r = {.5}, .tol = 4));
    wrong("info_nce", f_info_nce, "1,3; 1,3", P(.r = {1}), "N at least 2");
    wrong("info_nce", f_info_nce, "5,3; 4,3", P(.r = {1}), "query (5, 3) and key (4, 3)");
    wrong("info_nce", f_info_nce, "5,3; 5,3", P(.r = {0}), "temperature 0");
    wrong("info_nce", f_info_nce, "5,3; 5,3", P(.r = {INFINITY}), "temperature very large");
    control_forward("info_nce without its temperature", f_info_nce, cold_info_nce, "5,3; 5,3", P(.r = {.5}));
    control_forward("info_nce with query and key swapped", f_info_nce, swapped_info_nce, "5,3; 5,3",
                    P(.r = {.5}));
    TEST ("info_nce: log N at chance, log(1 + (N - 1) L) with L local features; never below 0, so that the "
          "bound log N - info_nce never passes log N") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *one = gan_full(ctx, 2, 6, 3), *eye = gan_zeros(ctx, 6, 6);
        int i;
        CHECK_NEAR(gan_item(gan_info_nce(one, one, 1)), log(6.), 4 * TOL, "at chance");
        CHECK_NEAR(gan_item(gan_info_nce(one, gan_full(ctx, 2, 6, 5, 3), 1)), log(26.), 4 * TOL, "local");
        for (i = 0; i < 20; ++i) {
            gan_tensor *q = gan_rand_normal(ctx, 6, 3), *k = gan_add(q, gan_rand_normal(ctx, 6, 3));
            double y = (double)gan_item(gan_info_nce(q, k, (gan_real).1));
            CHECK(y >= 0, "%g", y);
        }
        for (i = 0; i < 6; ++i) gan_data(eye)[7 * i] = 100;
        CHECK_NEAR(gan_item(gan_info_nce(eye, eye, 1)), 0, 0, "told apart for sure");
        gan_destroy(ctx);
    }
    TEST ("info_nce of scores to +-1e4 and +-1e30 is finite, its gradient too") {
        gan_context *ctx = gan_create(NULL);
        static const double scales[] = {1e2, 1e15};
        for (size_t i = 0; i < COUNT(scales); ++i) {
            gan_tensor *q = gan_mul_scalar(gan_rand_normal(ctx, 6, 3), (gan_real)scales[i]);
            gan_tensor *k = gan_mul_scalar(gan_rand_normal(ctx, 6, 3), (gan_real)scales[i]);
            gan_tensor *y = gan_info_nce(q, k, 1);
            CHECK(all_finite(y) && all_finite(gan_grad(y, q, 0)), "%g", (double)gan_item(y));
        }
        gan_destroy(ctx);
    }
}

CALL(n_pair, gan_n_pair(x[0], x[1], (gan_real)q->r[0]))
static nd r_n_pair(const params *q, const nd *x)
{
    double y = 0;
    int i, j, n = x->dim[0], d = x->dim[1];
    for (i = 0; i < n; ++i) { // Sohn 2016, equation 6
        double s = 1;
        for (j = 0; j < n; ++j)
            if (j != i)
                s += exp(product(x->v + i * d, x[1].v + j * d, d) - product(x->v + i * d, x[1].v + i * d, d));
        y += log(s) / n;
        y += (double)(gan_real)q->r[0] *
             (product(x->v + i * d, x->v + i * d, d) + product(x[1].v + i * d, x[1].v + i * d, d)) / n;
    }
    return scalar(y);
}
static nd n_pair_bare(const params *q, const nd *x)
{
    params p = *q;
    p.r[0] = 0;
    return r_n_pair(&p, x);
}
static void test_n_pair(void)
{
    OBJECTIVE(n_pair, "5,3; 5,3", P(.r = {0}));
    OBJECTIVE(n_pair, "4,3; 4,3", P(.r = {.05}));
    wrong("n_pair", f_n_pair, "5,3; 5,4", NONE, "n_pair: (5, 3) and (5, 4)");
    control_forward("n_pair without its lengths", f_n_pair, n_pair_bare, "4,3; 4,3", P(.r = {.05}));
}

CALL(nt_xent, gan_nt_xent(x[0], x[1], (gan_real)q->r[0]))
static nd r_nt_xent(const params *q, const nd *x)
{
    double y = 0, t = (double)(gan_real)q->r[0];
    int i, j, n = x->dim[0], d = x->dim[1];
    for (i = 0; i < 2 * n; ++i) {
        const double *own = i < n ? x->v + i * d : x[1].v + (i - n) * d;
        double under = 0, over = 0;
        for (j = 0; j < 2 * n; ++j) {
            const double *other = j < n ? x->v + j * d : x[1].v + (j - n) * d;
            double s = exp(cosine(own, other, d) / t);
            if (j != i) under += s;
            if (j != i && j % n == i % n) over = s;
        }
        y -= log(over / under) / (2 * n);
    }
    return scalar(y);
}
static nd nt_xent_one_way(const params *q, const nd *x) // a's rows against b's alone, as InfoNCE
{
    double y = 0, t = (double)(gan_real)q->r[0];
    int i, j, n = x->dim[0], d = x->dim[1];
    for (i = 0; i < n; ++i) {
        double under = 0;
        for (j = 0; j < n; ++j) under += exp(cosine(x->v + i * d, x[1].v + j * d, d) / t);
        y += (log(under) - cosine(x->v + i * d, x[1].v + i * d, d) / t) / n;
    }
    return scalar(y);
}
static nd cold_nt_xent(const params *q, const nd *x)
{
    params p = *q;
    p.r[0] = 1;
    return r_nt_xent(&p, x);
}
static void test_nt_xent(void)
{
    OBJECTIVE(nt_xent, "4,3; 4,3", P(.r = {.5}));
    OBJECTIVE(nt_xent, "3,5; 3,5", P(.r = {.1}, .tol = 10));
    op_sample("nt_xent of one pair is 0", f_nt_xent, r_nt_xent, "1,3; 1,3", P(.r = {.5}));
    wrong("nt_xent", f_nt_xent, "4,3; 3,3", P(.r = {.5}), "nt_xent: (4, 3) and (3, 3)");
    wrong("nt_xent", f_nt_xent, "4,3; 4,3", P(.r = {0}), "temperature 0");
    control_forward("nt_xent without its temperature", f_nt_xent, cold_nt_xent, "4,3; 4,3", P(.r = {.5}));
    control_forward("nt_xent one way only", f_nt_xent, nt_xent_one_way, "4,3; 4,3", P(.r = {.5}));
    TEST ("nt_xent of aligned pairs, orthogonal to the others: log(1 + (2N - 2) e^(-1/t)); of equal rows: "
          "log(2N - 1)") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *e = gan_zeros(ctx, 4, 4), *one = gan_full(ctx, 3, 4, 4);
        static const double ts[] = {.05, .5, 1};
        size_t i;
        for (i = 0; i < 4; ++i) gan_data(e)[5 * i] = (gan_real)(1 + i);
        for (i = 0; i < COUNT(ts); ++i) {
            CHECK_NEAR(gan_item(gan_nt_xent(e, gan_mul_scalar(e, 7), (gan_real)ts[i])),
                       log(1 + 6 * exp(-1 / ts[i])), 8 * TOL, "aligned");
            CHECK_NEAR(gan_item(gan_nt_xent(one, one, (gan_real)ts[i])), log(7.), 8 * TOL, "equal");
        }
        gan_destroy(ctx);
    }
    TEST ("nt_xent of embeddings of any length is finite, its gradient too") {
        gan_context *ctx = gan_create(NULL);
        static const double scales[] = {0, 1e-30, 1e4, 1e30, HUGEST / 8};
        for (size_t i = 0; i < COUNT(scales); ++i) {
            gan_tensor *a = gan_mul_scalar(gan_rand_normal(ctx, 4, 3), (gan_real)scales[i]);
            gan_tensor *y = gan_nt_xent(a, gan_mul_scalar(a, (gan_real).5), (gan_real).5);
            CHECK(all_finite(y) && all_finite(gan_grad(y, a, 0)), "scale %g: %g", scales[i],
                  (double)gan_item(y));
        }
        gan_destroy(ctx);
    }
}

// ---- feature matching

// The differences of the mean features, whole or in size: mean of e over the features.
static double matching(const nd *r, const nd *f, int square)
{
    size_t n = (size_t)r->dim[0], m = (size_t)f->dim[0], size = r->n / n, k, i;
    double y = 0;
    for (k = 0; k < size; ++k) {
        double d = 0;
        for (i = 0; i < n; ++i) d += r->v[i * size + k] / (double)n;
        for (i = 0; i < m; ++i) d -= f->v[i * size + k] / (double)m;
        y += (square ? d * d : fabs(d)) / (double)size;
    }
    return y;
}
CALL(feature_matching, gan_feature_matching(x[0], x[1]))
static nd r_feature_matching(const params *q, const nd *x)
{
    (void)q;
    return scalar(matching(&x[0], &x[1], 1));
}
CALL(feature_matching_l1, gan_feature_matching_l1(x[0], x[1]))
static nd r_feature_matching_l1(const params *q, const nd *x)
{
    (void)q;
    return scalar(matching(&x[0], &x[1], 0));
}
static void test_feature_matching(void)
{
    OBJECTIVE(feature_matching, "4,5; 6,5", NONE);
    OBJECTIVE(feature_matching, "3,2,2,3; 3,2,2,3", NONE);
    wrong("feature_matching", f_feature_matching, "4,5; 4,6", NONE, "real (4, 5) and fake (4, 6)");
    control_forward("feature_matching by samples, not means", f_feature_matching, r_l1_loss, "4,5; 4,5",
                    NONE);
    TEST ("feature_matching sees means only: 0 for the same samples in another order") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *a = gan_rand_normal(ctx, 1, 5), *b = gan_rand_normal(ctx, 1, 5);
        CHECK_NEAR(gan_item(gan_feature_matching(gan_concat(0, a, b), gan_concat(0, b, a))), 0, TOL, "");
        gan_destroy(ctx);
    }
}
static void test_feature_matching_l1(void)
{
    OBJECTIVE(feature_matching_l1, "4,5; 6,5", NONE);
    wrong("feature_matching_l1", f_feature_matching_l1, "4,5; 4", NONE, "real (4, 5) and fake (4)");
    control_forward("feature_matching_l1 with squares", f_feature_matching_l1, r_feature_matching, "4,5; 6,5",
                    NONE);
}
static gan_tensor *f_feature_matching_layers(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx, (void)user;
    return gan_feature_matching_layers(2, x, x + 2);
}
static nd r_feature_matching_layers(const params *q, const nd *x)
{
    (void)q;
    return scalar(abs_mean(&x[0], &x[2]) + abs_mean(&x[1], &x[3]));
}
static nd last_layer(const params *q, const nd *x)
{
    (void)q;
    return scalar(abs_mean(&x[1], &x[3]));
}
static void test_feature_matching_layers(void)
{
    OBJECTIVE(feature_matching_layers, "2,3,2,2; 2,5; 2,3,2,2; 2,5", NONE);
    wrong("feature_matching_layers", f_feature_matching_layers, "2,3; 2,5; 2,3; 2,4", NONE,
          "feature_matching_layers: (2, 5) and (2, 4)");
    control_forward("feature_matching_layers of the last layer", f_feature_matching_layers, last_layer,
                    "2,3,2,2; 2,5; 2,3,2,2; 2,5", NONE);
    TEST ("feature_matching_layers tolerates NULL lists") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 2);
        CHECK(!gan_feature_matching_layers(2, NULL, NULL), "both");
        CHECK(!gan_feature_matching_layers(0, &x, &x), "none of them");
        CHECK(!gan_data(gan_feature_matching_layers(1, NULL, &x)) && gan_error(ctx), "real");
        gan_error_clear(ctx);
        CHECK(!gan_data(gan_feature_matching_layers(1, &x, NULL)) && gan_error(ctx), "fake");
        gan_destroy(ctx);
    }
}

// ---- translation and restoration

CALL(cycle_loss, gan_cycle_loss(x[0], x[1], x[2], x[3]))
static nd r_cycle_loss(const params *q, const nd *x)
{
    (void)q;
    return scalar(abs_mean(&x[0], &x[1]) + abs_mean(&x[2], &x[3]));
}
static nd crossed(const params *q, const nd *x)
{
    (void)q;
    return scalar(abs_mean(&x[0], &x[2]) + abs_mean(&x[1], &x[3]));
}
static void test_cycle_loss(void)
{
    OBJECTIVE(cycle_loss, "2,1,2,2; 2,1,2,2; 3,1,2,2; 3,1,2,2", NONE);
    wrong("cycle_loss", f_cycle_loss, "2,4; 2,3; 2,4; 2,4", NONE, "cycle_loss: (2, 4) and (2, 3)");
    control_forward("cycle_loss between the domains", f_cycle_loss, crossed, "2,4; 2,4; 2,4; 2,4", NONE);
    TEST ("cycle_loss and identity_loss are 0 when every picture comes back") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *a = gan_rand_normal(ctx, 2, 1, 2, 2), *b = gan_rand_normal(ctx, 3, 1, 2, 2);
        CHECK_NEAR(gan_item(gan_cycle_loss(a, a, b, b)), 0, 0, "cycle");
        CHECK_NEAR(gan_item(gan_identity_loss(a, a, b, b)), 0, 0, "identity");
        gan_destroy(ctx);
    }
}
CALL(identity_loss, gan_identity_loss(x[0], x[1], x[2], x[3]))
static nd r_identity_loss(const params *q, const nd *x) { return r_cycle_loss(q, x); }
static void test_identity_loss(void)
{
    OBJECTIVE(identity_loss, "2,1,2,2; 2,1,2,2; 3,1,2,2; 3,1,2,2", NONE);
    wrong("identity_loss", f_identity_loss, "2,4; 2,4; 2,4; 2,3", NONE, "identity_loss: (2, 4) and (2, 3)");
}

static double variation(const nd *x, int square, int across)
{
    double y = 0;
    int p, i, j, h = x->dim[2], w = x->dim[3];
    for (p = 0; p < x->dim[0] * x->dim[1]; ++p)
        for (i = 0; i < h; ++i)
            for (j = 0; j < w; ++j) {
                const double *v = x->v + (p * h + i) * w + j;
                double down = i + 1 < h ? v[w] - v[0] : 0, right = across && j + 1 < w ? v[1] - v[0] : 0;
                y += square ? down * down + right * right : fabs(down) + fabs(right);
            }
    return y / (double)x->n;
}
CALL(total_variation, gan_total_variation(x[0]))
static nd r_total_variation(const params *q, const nd *x)
{
    (void)q;
    return scalar(variation(x, 0, 1));
}
static nd rows_only(const params *q, const nd *x)
{
    (void)q;
    return scalar(variation(x, 0, 0));
}
CALL(total_variation_squared, gan_total_variation_squared(x[0]))
static nd r_total_variation_squared(const params *q, const nd *x)
{
    (void)q;
    return scalar(variation(x, 1, 1));
}
static void test_total_variation(void)
{
    OBJECTIVE(total_variation, "2,2,3,4", NONE);
    op_sample("total_variation of one row", f_total_variation, r_total_variation, "1,2,1,4", NONE);
    op_sample("total_variation of one pixel", f_total_variation, r_total_variation, "2,2,1,1", NONE);
    wrong("total_variation", f_total_variation, "3,4", NONE, "total_variation: (3, 4); want (N, C, H, W)");
    control_forward("total_variation of the rows alone", f_total_variation, rows_only, "2,2,3,4", NONE);
    TEST ("total_variation of a ramp of slope s along W is |s| (W - 1) / W, squared s^2 (W - 1) / W") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_expand(gan_linspace(ctx, 0, -2, 5), 2, 3, 4, 5); // slope -1/2
        CHECK_NEAR(gan_item(gan_total_variation(x)), .5 * 4 / 5, TOL, "absolute");
        CHECK_NEAR(gan_item(gan_total_variation_squared(x)), .25 * 4 / 5, TOL, "squared");
        CHECK_NEAR(gan_item(gan_total_variation(gan_full(ctx, 3, 2, 3, 4, 5))), 0, 0, "of one color");
        gan_destroy(ctx);
    }
}
static void test_total_variation_squared(void)
{
    OBJECTIVE(total_variation_squared, "2,2,3,4", NONE);
    control_forward("total_variation_squared without squares", f_total_variation_squared, r_total_variation,
                    "2,2,3,4", NONE);
}

CALL(gram_matrix, gan_gram_matrix(x[0]))
static nd r_gram_matrix(const params *q, const nd *x)
{
    int dim[3], n, a, b, k, c = x->dim[1], m = x->dim[2] * x->dim[3];
    nd y;
    (void)q;
    dim[0] = x->dim[0], dim[1] = dim[2] = c;
    y = nd_new(3, dim);
    for (n = 0; n < dim[0]; ++n)
        for (a = 0; a < c; ++a)
            for (b = 0; b < c; ++b)
                for (k = 0; k < m; ++k)
                    y.v[(n * c + a) * c + b] +=
                        x->v[(n * c + a) * m + k] * x->v[(n * c + b) * m + k] / (c * m);
    return y;
}
static nd gram_raw(const params *q, const nd *x)
{
    nd y = r_gram_matrix(q, x);
    for (size_t i = 0; i < y.n; ++i) y.v[i] *= x->dim[1];
    return y;
}
static void test_gram_matrix(void)
{
    OBJECTIVE(gram_matrix, "2,3,2,2", NONE);
    wrong("gram_matrix", f_gram_matrix, "2,3", NONE, "gram_matrix: (2, 3); want (N, C, H, W)");
    control_forward("gram_matrix not divided by the channels", f_gram_matrix, gram_raw, "2,3,2,2", NONE);
}
CALL(style_loss, gan_style_loss(x[0], x[1]))
static nd r_style_loss(const params *q, const nd *x)
{
    nd a = r_gram_matrix(q, x), b = r_gram_matrix(q, x + 1);
    double y = 0;
    for (size_t i = 0; i < a.n; ++i) {
        double d = a.v[i] - b.v[b.n == a.n ? i : i % b.n];
        y += d * d / 4 / x->dim[0];
    }
    return scalar(y);
}
static nd style_undivided(const params *q, const nd *x) { return scalar(4 * r_style_loss(q, x).v[0]); }
static void test_style_loss(void)
{
    OBJECTIVE(style_loss, "2,3,2,2; 2,3,2,2", NONE);
    OBJECTIVE(style_loss, "2,3,2,2; 1,3,3,1", NONE);
    wrong("style_loss", f_style_loss, "2,3,2,2; 2,2,2,2", NONE, "as many channels");
    wrong("style_loss", f_style_loss, "2,3,2,2; 3,3,2,2", NONE, "as many styles or one");
    wrong("style_loss", f_style_loss, "2,3,2,2; 3", NONE, "style_loss: (3); want (N, C, H, W)");
    control_forward("style_loss without its 1/4", f_style_loss, style_undivided, "2,3,2,2; 2,3,2,2", NONE);
    TEST ("style_loss does not see where things stand: a turned picture has the same style") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 1, 3, 4, 4), *y = gan_slice(gan_rotations(x), 0, 1, 2);
        CHECK_NEAR(gan_item(gan_style_loss(x, y)), 0, TOL, "style");
        CHECK(gan_item(gan_content_loss(x, y)) > 1, "content");
        gan_destroy(ctx);
    }
}
CALL(content_loss, gan_content_loss(x[0], x[1]))
static nd r_content_loss(const params *q, const nd *x)
{
    double y = 0;
    (void)q;
    for (size_t i = 0; i < x->n; ++i) y += (x->v[i] - x[1].v[i]) * (x->v[i] - x[1].v[i]) / 2 / x->dim[0];
    return scalar(y);
}
static void test_content_loss(void)
{
    OBJECTIVE(content_loss, "2,3,2,2; 2,3,2,2", NONE);
    wrong("content_loss", f_content_loss, "2,3; 2,4", NONE, "content_loss: (2, 3) and (2, 4)");
    control_forward("content_loss by absolute values", f_content_loss, r_l1_loss, "2,3,2,2; 2,3,2,2", NONE);
}

// The window laid on the picture as it is, 121 weights; variances as weighted squares of what is left of the
// mean (the library takes the mean of squares).
static double naive_ssim(const nd *x, const nd *y, double range, double sigma)
{
    double w[121], total = 0, all = 0, c1 = pow(.01 * range, 2), c2 = pow(.03 * range, 2);
    int p, i, j, a, b, h = x->dim[2], v = x->dim[3], count = 0;
    for (a = 0; a < 121; ++a) {
        w[a] = exp(-(pow(a / 11 - 5, 2) + pow(a % 11 - 5, 2)) / (2 * sigma * sigma));
        total += w[a];
    }
    for (p = 0; p < x->dim[0] * x->dim[1]; ++p)
        for (i = 0; i + 11 <= h; ++i)
            for (j = 0; j + 11 <= v; ++j, ++count) {
                double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
                for (a = 0; a < 11; ++a)
                    for (b = 0; b < 11; ++b) {
                        mx += w[a * 11 + b] / total * x->v[(p * h + i + a) * v + j + b];
                        my += w[a * 11 + b] / total * y->v[(p * h + i + a) * v + j + b];
                    }
                for (a = 0; a < 11; ++a)
                    for (b = 0; b < 11; ++b) {
                        double dx = x->v[(p * h + i + a) * v + j + b] - mx;
                        double dy = y->v[(p * h + i + a) * v + j + b] - my;
                        xx += w[a * 11 + b] / total * dx * dx;
                        yy += w[a * 11 + b] / total * dy * dy;
                        xy += w[a * 11 + b] / total * dx * dy;
                    }
                all += (2 * mx * my + c1) * (2 * xy + c2) / ((mx * mx + my * my + c1) * (xx + yy + c2));
            }
    return all / count;
}
CALL(ssim, gan_ssim(x[0], x[1], (gan_real)q->r[0]))
static nd r_ssim(const params *q, const nd *x) { return scalar(naive_ssim(&x[0], &x[1], q->r[0], 1.5)); }
static nd ssim_wide(const params *q, const nd *x) { return scalar(naive_ssim(&x[0], &x[1], q->r[0], 5)); }
static nd ssim_of_one(const params *q, const nd *x)
{
    (void)q;
    return scalar(naive_ssim(&x[0], &x[1], 1, 1.5));
}
static void test_ssim(void)
{
    const params p = P(.lo = -1, .hi = 1, .r = {2}, .seeds = 1, .tol = 8);
    params few = p;
    few.no_grad = 1;
    op_sample("ssim", f_ssim, r_ssim, "2,2,13,12; 2,2,13,12", few);
#ifdef GAN_DOUBLE
    TEST ("ssim: gradients by both pictures, order 1 and 2") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[2];
        params q = p;
        int i;
        check_seed(5);
        for (i = 0; i < 2; ++i) {
            size_t k;
            x[i] = gan_zeros(ctx, 1, 1, 11, 12);
            for (k = 0; k < 132; ++k) gan_data(x[i])[k] = check_uniform(-1, 1);
        }
        check_gradient(ctx, f_ssim, &q, 2, x, 1, "ssim");
        check_gradient(ctx, f_ssim, &q, 2, x, 2, "ssim");
        gan_destroy(ctx);
    }
#endif
    refuses("ssim", f_ssim, "1,1,11,11; 1,1,11,11", p);
    wrong("ssim", f_ssim, "1,1,11,10; 1,1,11,10", p, "(1, 1, 11, 10); the window needs at least 11 x 11");
    wrong("ssim", f_ssim, "1,1,11,11; 1,1,11,12", p, "must have one shape (N, C, H, W)");
    wrong("ssim", f_ssim, "1,1,11,11; 1,1,11,11", P(.r = {0}), "range 0");
    control_forward("ssim with another window", f_ssim, ssim_wide, "1,1,12,12; 1,1,12,12", few);
    control_forward("ssim with constants of another range", f_ssim, ssim_of_one, "1,1,12,12; 1,1,12,12", few);
    TEST ("ssim of equal pictures is 1, of two colors (2ab + c1) / (a^2 + b^2 + c1); it is symmetric") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_tanh(gan_rand_normal(ctx, 2, 3, 14, 14));
        gan_tensor *y = gan_tanh(gan_rand_normal(ctx, 2, 3, 14, 14)), *g;
        double a = .5, b = -.25, c1 = .02 * .02;
        size_t i;
        CHECK_NEAR(gan_item(gan_ssim(x, x, 2)), 1, TOL, "equal");
        CHECK_NEAR(gan_item(gan_dssim(x, x, 2)), 0, TOL, "dssim of equal ones");
        CHECK_NEAR(gan_item(gan_ssim(x, y, 2)), gan_item(gan_ssim(y, x, 2)), TOL, "symmetric");
        CHECK_NEAR(gan_item(gan_ssim(gan_full(ctx, (gan_real)a, 1, 1, 11, 11),
                                     gan_full(ctx, (gan_real)b, 1, 1, 11, 11), 2)),
                   (2 * a * b + c1) / (a * a + b * b + c1), 1e3 * TOL, "two colors");
        g = gan_grad(gan_ssim(x, gan_detach(x), 2), x, 0);
        for (i = 0; i < gan_numel(g); ++i)
            CHECK_NEAR(gan_data(g)[i], 0, 10 * TOL, "equal pictures are a maximum: no slope");
        gan_destroy(ctx);
    }
}
// SSIM of bright pictures with little contrast: variances about c2 beside squares of means of 10^6 range^2
static void bright_ssim(gan_tensor *(*f)(gan_tensor *, gan_tensor *))
{
    gan_context *ctx = gan_create(NULL);
    const double off = sizeof(gan_real) == 4 ? 1000 : 1e7;
    int size[4] = {1, 1, 12, 13}, i;
    nd x = nd_new(4, size), y = nd_new(4, size);
    gan_tensor *a = gan_zeros_n(ctx, 4, size), *b = gan_zeros_n(ctx, 4, size);
    for (i = 0; i < 156; ++i) { // whole 64ths, exact in gan_real
        gan_data(a)[i] = (gan_real)(x.v[i] = off + (i * 37 % 11) / 64.);
        gan_data(b)[i] = (gan_real)(y.v[i] = off + (i * 37 % 11 + i * 5 % 7) / 64.);
    }
    CHECK_NEAR(gan_item(f(a, b)), naive_ssim(&x, &y, 1, 1.5), 50 * TOL, "ssim");
    gan_destroy(ctx);
}
static gan_tensor *ssim_of_range_1(gan_tensor *x, gan_tensor *y) { return gan_ssim(x, y, 1); }
// The same by E x^2 - (E x)^2, of the whole picture alone.
static gan_tensor *ssim_by_squares(gan_tensor *x, gan_tensor *y)
{
    gan_tensor *mx = gan_mean_all(x), *my = gan_mean_all(y);
    gan_tensor *xy = gan_sub(gan_mean_all(gan_mul(x, y)), gan_mul(mx, my));
    gan_tensor *v = gan_sub(gan_add(gan_mean_all(gan_square(x)), gan_mean_all(gan_square(y))),
                            gan_add(gan_square(mx), gan_square(my)));
    return gan_div(gan_affine(xy, 2, (gan_real)9e-4), gan_add_scalar(v, (gan_real)9e-4));
}
static void test_bright(void)
{
    TEST ("ssim of bright pictures: the variances are not lost beside the means")
        bright_ssim(ssim_of_range_1);
    TEST_MUST_FAIL ("variances as differences of large squares are caught") bright_ssim(ssim_by_squares);
}
CALL(dssim, gan_dssim(x[0], x[1], (gan_real)q->r[0]))
static nd r_dssim(const params *q, const nd *x) { return scalar((1 - r_ssim(q, x).v[0]) / 2); }
static nd dssim_whole(const params *q, const nd *x) { return scalar(1 - r_ssim(q, x).v[0]); }
static void test_dssim(void)
{
    const params p = P(.lo = 0, .hi = 1, .r = {1}, .no_grad = 1, .tol = 8);
    op_sample("dssim", f_dssim, r_dssim, "1,3,12,11; 1,3,12,11", p);
    refuses("dssim", f_dssim, "1,1,11,11; 1,1,11,11", p);
    wrong("dssim", f_dssim, "1,1,5,5; 1,1,5,5", p, "dssim: images (1, 1, 5, 5)");
    control_forward("dssim without its half", f_dssim, dssim_whole, "1,3,12,11; 1,3,12,11", p);
}

CALL(kl_normal, gan_kl_normal(x[0], x[1]))
static nd r_kl_normal(const params *q, const nd *x)
{
    double y = 0; // KL(N(m, s^2) | N(0, 1)) = -log s + (s^2 + m^2) / 2 - 1/2
    (void)q;
    for (size_t i = 0; i < x->n; ++i) {
        double s = sqrt(exp(x[1].v[i]));
        y += (-log(s) + (s * s + x->v[i] * x->v[i]) / 2 - .5) / x->dim[0];
    }
    return scalar(y);
}
static nd kl_of_deviation(const params *q, const nd *x) // takes the log variance for log sigma
{
    double y = 0;
    (void)q;
    for (size_t i = 0; i < x->n; ++i) {
        double s = exp(x[1].v[i]);
        y += (-log(s) + (s * s + x->v[i] * x->v[i]) / 2 - .5) / x->dim[0];
    }
    return scalar(y);
}
static void test_kl_normal(void)
{
    OBJECTIVE(kl_normal, "4,3; 4,3", NONE);
    OBJECTIVE(kl_normal, "2,3,2; 2,3,2", NONE);
    wrong("kl_normal", f_kl_normal, "4,3; 4,1", NONE, "kl_normal: (4, 3) and (4, 1)");
    control_forward("kl_normal of deviations", f_kl_normal, kl_of_deviation, "4,3; 4,3", NONE);
    TEST ("kl_normal: 0 for N(0, 1), mu^2 / 2 for N(mu, 1), never below 0") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *zero = gan_zeros(ctx, 4, 3);
        int i;
        CHECK_NEAR(gan_item(gan_kl_normal(zero, zero)), 0, 0, "N(0, 1)");
        CHECK_NEAR(gan_item(gan_kl_normal(gan_full(ctx, 2, 4, 1), gan_zeros(ctx, 4, 1))), 2, TOL, "mu 2");
        for (i = 0; i < 20; ++i)
            CHECK(gan_item(gan_kl_normal(gan_rand_normal(ctx, 4, 3), gan_rand_normal(ctx, 4, 3))) > 0,
                  "below 0");
        gan_destroy(ctx);
    }
}

static gan_tensor *kl_by_difference(gan_tensor *mean, gan_tensor *log_var)
{
    gan_tensor *v = gan_add_scalar(gan_sub(gan_exp(log_var), log_var), -1);
    return gan_mul_scalar(gan_sum_all(gan_addcmul(mean, mean, v)), (gan_real).5);
}
static void small_kl(gan_tensor *(*kl)(gan_tensor *, gan_tensor *))
{
    gan_context *ctx = gan_create(NULL);
    int i;
    for (i = -20; i <= 20; i += 4) {
        const double v = ldexp(i + .5, -15);
        CHECK_NEAR((double)gan_item(kl(gan_zeros(ctx, 1, 1), gan_full(ctx, (gan_real)v, 1, 1))) /
                       (v * v / 4 + v * v * v / 12 + v * v * v * v / 48),
                   1, 1e-2, "as a part of what is right");
    }
    gan_destroy(ctx);
}
static void test_small_kl(void)
{
    TEST ("kl_normal of a variance that is nearly 1 is log_var^2 / 4, not rounding") small_kl(gan_kl_normal);
#ifndef GAN_DOUBLE
    TEST_MUST_FAIL ("e^v - v - 1 as it stands is caught") small_kl(kl_by_difference);
#else
    (void)kl_by_difference;
#endif
    TEST ("kl_normal far out is finite, its gradient too") {
        gan_context *ctx = gan_create(NULL);
        const double v[] = {-200, -1, -.99, 0, .99, 1, 60};
        gan_tensor *x = of(ctx, v, 1, 7), *y = gan_kl_normal(gan_zeros(ctx, 1, 7), x), *g = gan_grad(y, x, 0);
        int i;
        CHECK(all_finite(y), "%g", (double)gan_item(y));
        for (i = 0; i < 7; ++i)
            CHECK_NEAR(gan_data(g)[i], (exp(v[i]) - 1) / 2, 2 * TOL * (1 + exp(v[i])), "(e^v - 1) / 2");
        gan_destroy(ctx);
    }
}

// ---- gradient reversal

CALL(gradient_reversal, gan_gradient_reversal(x[0], (gan_real)q->r[0]))
static nd r_gradient_reversal(const params *q, const nd *x)
{
    (void)q;
    return nd_copy(x);
}
static gan_tensor *reversal_of_sums(gan_tensor *x, gan_real a)
{
    return gan_sub(gan_mul_scalar(gan_detach(x), 1 + a), gan_mul_scalar(x, a));
}
static const double odd_values[] = {0., -0., 1e-40, -1e-40, .1, -1e10, INFINITY, -INFINITY, 1. / 3, HUGEST};

static gan_tensor *reversing(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_tanh(gan_gradient_reversal(gan_linear(m, "a", x, 2), (gan_real).5));
}
static void test_gradient_reversal(void)
{
    OBJECTIVE(gradient_reversal, "3,4", P(.r = {.7}, .no_grad = 1));
    TEST ("gradient_reversal leaves every bit: zeros of both signs, tiny ones, infinities, NaN; no copy") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = of(ctx, odd_values, (int)COUNT(odd_values), 0), *nan = gan_scalar(ctx, (gan_real)NAN);
        CHECK(same_bits(gan_gradient_reversal(x, (gan_real).3), x), "other bits");
        CHECK(same_bits(gan_gradient_reversal(nan, (gan_real).3), nan), "another NaN");
        CHECK(gan_data(gan_gradient_reversal(x, 1)) == gan_data(x), "a copy");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("(1 + alpha) detach(x) - alpha x, which is the identity on paper, changes bits") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = of(ctx, odd_values, (int)COUNT(odd_values), 0);
        CHECK(same_bits(reversal_of_sums(x, (gan_real).3), x), "other bits");
        gan_destroy(ctx);
    }
    TEST ("gradient_reversal: features climb the domain's loss, its head still descends; through two passes "
          "the slope is alpha^2") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *w = gan_rand_normal(ctx, 3, 2), *v = gan_rand_normal(ctx, 2, 1), *plain[2], *turned_[2];
        gan_tensor *x = gan_rand_normal(ctx, 6, 3), *in[2], *t = gan_full(ctx, 1, 6, 1), *h, *g;
        const gan_real alpha = (gan_real).25;
        int i;
        in[0] = w, in[1] = v;
        h = gan_tanh(gan_matmul(x, w));
        CHECK(!gan_grads(gan_bce_with_logits(gan_matmul(h, v), t), 2, in, plain, 0), "plain");
        h = gan_tanh(gan_matmul(x, w));
        CHECK(!gan_grads(gan_bce_with_logits(gan_matmul(gan_gradient_reversal(h, alpha), v), t), 2, in,
                         turned_, 0),
              "reversed");
        for (i = 0; i < 6; ++i)
            CHECK_NEAR(gan_data(turned_[0])[i], -.25 * (double)gan_data(plain[0])[i], TOL, "features");
        for (i = 0; i < 2; ++i) CHECK_NEAR(gan_data(turned_[1])[i], gan_data(plain[1])[i], 0, "head");
        x = gan_scalar(ctx, 3);
        g = gan_grad(gan_square(gan_gradient_reversal(x, alpha)), x, GAN_CREATE_GRAPH);
        CHECK_NEAR(gan_item(g), -.25 * 6, TOL, "d x^2");
        CHECK_NEAR(gan_item(gan_grad(g, x, 0)), .0625 * 2, TOL, "d d x^2");
        CHECK_NEAR(gan_item(gan_grad(gan_gradient_reversal(x, 0), x, 0)), 0, 0, "alpha 0");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("gradient_reversal inside a model, behind a layer that waits for its activation") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", reversing, NULL);
        gan_tensor *y = gan_forward(m, gan_rand_normal(ctx, 4, 3), NULL), *w = gan_model_find(m, "a.weight");
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd(1, 0));
        gan_real before = gan_data(w)[0], slope = gan_data(gan_grad(gan_mean_all(y), w, 0))[0];
        gan_minimize(o, gan_mean_all(y));
        CHECK_NEAR(gan_data(w)[0], before - slope, TOL, "the weight");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
#ifdef GAN_DOUBLE
    control_gradient("a gradient that is reversed, as against the function's own", f_gradient_reversal, "3,4",
                     1, 1);
#endif
}

static void test_gradient_reversal_alpha(void)
{
    TEST ("gradient_reversal_alpha is tanh(5 p): 0 at the start, .9999 at the end") {
        for (int i = 0; i <= 10; ++i)
            CHECK_NEAR(gan_gradient_reversal_alpha((gan_real)(i / 10.)), tanh(i / 2.), TOL, "alpha");
        CHECK_NEAR(gan_gradient_reversal_alpha(0), 0, 0, "start");
        CHECK_NEAR(gan_gradient_reversal_alpha(1), .9999092, 1e-6, "end");
        CHECK_NEAR(gan_gradient_reversal_alpha((gan_real)1e4), 1, 0, "beyond");
        CHECK_NEAR(gan_gradient_reversal_alpha((gan_real)-1e4), -1, 0, "before");
    }
}

// ---- several at once

static void test_together(void)
{
    TEST ("multi-task: one trunk, two heads; its gradient is the weighted sum of the tasks'") {
        gan_context *ctx = gan_create(NULL);
        const double at[] = {0, 2, 1, 2};
        gan_tensor *w = gan_rand_normal(ctx, 3, 5), *a = gan_rand_normal(ctx, 5, 3), *g[3];
        gan_tensor *b = gan_rand_normal(ctx, 5, 1), *x = gan_rand_normal(ctx, 4, 3);
        gan_tensor *t = of(ctx, at, 4, 0), *v = gan_rand_normal(ctx, 4, 1);
        int task, i;
        for (task = 0; task < 3; ++task) {
            gan_tensor *h = gan_tanh(gan_matmul(x, w)), *y;
            gan_tensor *kind = gan_cross_entropy(gan_matmul(h, a), t);
            gan_tensor *size = gan_smooth_l1_loss(gan_matmul(h, b), v, 1);
            y = task == 0   ? kind
                : task == 1 ? size
                            : gan_add(gan_mul_scalar(kind, (gan_real).3), gan_mul_scalar(size, 2));
            g[task] = gan_grad(y, w, 0);
        }
        for (i = 0; i < 15; ++i)
            CHECK_NEAR(gan_data(g[2])[i], .3 * (double)gan_data(g[0])[i] + 2 * (double)gan_data(g[1])[i],
                       4 * TOL, "trunk");
        gan_destroy(ctx);
    }
    TEST ("memory that runs out anywhere inside them is an error, not a crash") {
        static double block[1 << 16];
        size_t size, done = 0, failed = 0;
        for (size = 20000; size < sizeof block && done < 3; size += 1000) {
            gan_desc desc;
            gan_context *ctx;
            gan_tensor *e, *t, *p, *y;
            memset(&desc, 0, sizeof desc);
            desc.memory = block;
            desc.memory_size = size;
            ctx = gan_create(&desc);
            e = gan_rand_normal(ctx, 4, 4);
            t = gan_zeros(ctx, 4);
            p = gan_rand_normal(ctx, 1, 1, 11, 11);
            y = gan_add(gan_ssim(p, p, 2), gan_style_loss(gan_rotations(p), gan_gradient_reversal(p, 1)));
            y = gan_add(y, gan_add(gan_nt_xent(e, e, 1), gan_d2d_ce(e, e, t, 1, 1)));
            y = gan_add(y, gan_add(gan_contrastive_2c(e, e, t, 1), gan_info_nce(e, e, 1)));
            y = gan_add(y, gan_add(gan_info_gan(e, t, e, NULL, e), gan_multi_hinge_d(e, t, e)));
            y = gan_add(y, gan_add(gan_semi_supervised(e, t, e, e), gan_adc_gan_d(e, t, e, t)));
            y = gan_add(y, gan_add(gan_kl_normal(e, e), gan_feature_matching(e, e)));
            y = gan_add(y, gan_add(gan_total_variation(p), gan_rotation_loss(e)));
            if (gan_error(ctx) || !ctx) {
                CHECK(!ctx || gan_error(ctx) == GAN_ERROR_MEMORY, "%s", gan_error_message(ctx));
                CHECK(!y || !gan_data(y), "%lu bytes: a result", (unsigned long)size);
                ++failed;
            } else {
                ++done;
            }
            gan_destroy(ctx);
        }
        CHECK(done && failed, "%d enough, %d too small", (int)done, (int)failed);
    }
    TEST ("a training step with them makes no heap call in its steady state") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "d", projection_d, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).01, 0));
        uint64_t calls = 0;
        int i;
        for (i = 0; i < 20; ++i) {
            gan_tensor *h = gan_rand_normal(ctx, 8, 3), *t = gan_zeros(ctx, 8), *y, *e, *pic;
            if (i == 5) calls = gan_memory(ctx).heap_calls;
            pic = gan_rand_normal(ctx, 2, 1, 12, 12);
            y = gan_forward(m, h, t);
            e = gan_mul(y, h);
            y = gan_add(gan_nt_xent(e, h, (gan_real).5), gan_contrastive_2c(e, h, t, 1));
            y = gan_add(y, gan_add(gan_info_nce(e, h, 1), gan_cross_entropy(e, t)));
            y = gan_add(y, gan_add(gan_ssim(pic, gan_mul_scalar(pic, 2), 2), gan_kl_normal(e, h)));
            gan_minimize(o, y);
        }
        CHECK(gan_memory(ctx).heap_calls == calls, "%d more", (int)(gan_memory(ctx).heap_calls - calls));
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static const struct {
    const char *name;
    void (*test)(void);
    void (*function)(void); // it is public under the row's name
} rows[] = {
#define ROW(id, name) {#name, test_##name, (void (*)(void))gan_##name},
    GAN__OBJECTIVES(ROW)
#undef ROW
};

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(rows); ++i) rows[i].test();
    TEST ("every objective has its function") {
        for (i = 0; i < COUNT(rows); ++i) CHECK(rows[i].function, "%s", rows[i].name);
    }
    test_sure_contrast();
    test_bright();
    test_small_kl();
    test_together();
    printf("%d objectives\n", (int)COUNT(rows));
    return ops_done();
}
