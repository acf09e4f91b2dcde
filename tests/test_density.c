// Histograms and what is between densities: worked by hand, against loops, against closed forms of theory.
#include "samples.h"

// ---- histogram

PROBE(histogram, gan_reshape(x, -1, 2), y, 1, OUT_TENSOR(gan_histogram(x, -3, 3, 5)))

static double total(gan_tensor *h)
{
    double s = 0;
    for (size_t i = 0; i < gan_numel(h); ++i) s += (double)gan_data(h)[i];
    return s;
}

// GAN Lab's fault: splice, which takes the values out, stands where slice, which copies them, is meant, so
// that of every so many only some are left to be counted.
static void spliced_histogram(const double *v, int n, int bins, double *count)
{
    int left = n, i, batch = 3;
    double *rest = (double *)malloc((size_t)n * sizeof *rest);
    memcpy(rest, v, (size_t)n * sizeof *rest);
    memset(count, 0, (size_t)bins * sizeof *count);
    for (i = 0; i < left; i += batch) {
        int take = left - i < batch ? left - i : batch, k;
        for (k = 0; k < take; ++k) count[(int)(rest[i + k] * bins)] += 1;
        memmove(rest + i, rest + i + take, (size_t)(left - i - take) * sizeof *rest);
        left -= take;
    }
    free(rest);
}

static void test_histogram(void)
{
    TEST ("a histogram by hand: borders belong to the bin that they begin, the last to the last bin") {
        gan_context *ctx = gan_create(NULL);
        static const double v[] = {0, .1, .25, .25, .5, .74, .75, .99, 1, -.01, 1.01}, want[] = {2, 2, 2, 3};
        gan_tensor *h = gan_histogram(of(ctx, v, 11, 0), 0, 1, 4);
        CHECK(gan_ndim(h) == 1 && gan_dim(h, 0) == 4, "shape");
        CHECK_ARRAY(4, gan_data(h), want, 0, 0, "counts");
        gan_destroy(ctx);
    }
    TEST ("every sample inside is counted once (GAN Lab's splice for slice loses some)") {
        gan_context *ctx = gan_create(NULL);
        enum { N = 3000, BINS = 10 };
        static double v[N];
        double naive[BINS] = {0};
        gan_tensor *h;
        TEST_FILL(v, N, 0, 1);
        for (int i = 0; i < N; ++i) v[i] = (double)(gan_real)v[i], naive[(int)(v[i] * BINS)] += 1;
        h = gan_histogram(of(ctx, v, N, 0), 0, 1, BINS);
        CHECK_NEAR(total(h), N, 0, "all of them");
        CHECK_ARRAY(BINS, gan_data(h), naive, 0, 0, "counts");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a histogram that splices is caught") {
        gan_context *ctx = gan_create(NULL);
        static double v[3000];
        double lost[10];
        TEST_FILL(v, 3000, 0, .999);
        spliced_histogram(v, 3000, 10, lost);
        CHECK_ARRAY(10, gan_data(gan_histogram(of(ctx, v, 3000, 0), 0, 1, 10)), lost, 0, 0, "counts");
        gan_destroy(ctx);
    }
    TEST ("two and three numbers a sample: bins on every axis, against loops") {
        gan_context *ctx = gan_create(NULL);
        for (int d = 2; d <= 3; ++d) {
            gan_tensor *x = normals(ctx, 500, d, 0, 1), *h = gan_histogram(x, -2, 2, 4);
            double naive[64] = {0}, inside = 0;
            for (int i = 0; i < 500; ++i) {
                int cell = 0, in = 1;
                for (int k = 0; k < d; ++k) {
                    double v = at(x, i, k);
                    in = in && v >= -2 && v <= 2;
                    cell = cell * 4 + (v == 2 ? 3 : (int)floor(v + 2));
                }
                if (in) naive[cell] += 1, inside += 1;
            }
            CHECK(gan_ndim(h) == d && gan_dim(h, d - 1) == 4, "shape");
            CHECK_ARRAY(d == 2 ? 16 : 64, gan_data(h), naive, 0, 0, "counts");
            CHECK_NEAR(total(h), inside, 0, "those inside");
        }
        gan_destroy(ctx);
    }
    TEST ("borders that no number meets exactly: bins of .1 agree with lo + k (hi - lo) / n") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 10; ++k) {
            const double v = 0 + k * ((double)(gan_real)1 / 10);
            gan_tensor *h = gan_histogram(gan_full(ctx, (gan_real)v, 1), 0, 1, 10);
            const int want = (double)(gan_real)v >= v ? k : k - 1;
            CHECK_NEAR(gan_data(h)[want], 1, 0, "in its bin");
        }
        gan_destroy(ctx);
    }
    TEST ("histogram refuses four numbers a sample, no bins, an empty range") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 3, 4), *v = gan_zeros(ctx, 3);
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "1 to 3 numbers", gan_histogram(x, 0, 1, 4));
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "0 bins", gan_histogram(v, 0, 1, 0));
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "-3 bins", gan_histogram(v, 0, 1, -3));
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "from 1 to 1", gan_histogram(v, 1, 1, 2));
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "bins", gan_histogram(v, (gan_real)NAN, 1, 2));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "samples", gan_histogram(gan_scalar(ctx, 1), 0, 1, 2));
        gan_destroy(ctx);
    }
}

// ---- divergences

PROBE(kl_divergence, gan_abs(x), gan_abs(y), 0, OUT(gan_kl_divergence(x, y)))
PROBE(js_divergence, gan_abs(x), gan_abs(y), 0, OUT(gan_js_divergence(x, y)))
PROBE(tv_distance, gan_abs(x), gan_abs(y), 0, OUT(gan_tv_distance(x, y)))
PROBE(wasserstein_histogram, gan_abs(x), gan_abs(y), 0, OUT(gan_wasserstein_histogram(x, y, 1)))

typedef double between(gan_tensor *p, gan_tensor *q);
static double unit_bins(gan_tensor *p, gan_tensor *q) { return gan_wasserstein_histogram(p, q, 1); }

static void refuses_weights(const char *what, between *f)
{
    TESTF ("%s refuses negative weights, zeros alone, different counts", what) {
        gan_context *ctx = gan_create(NULL);
        static const double minus[] = {1, -1};
        gan_tensor *two = gan_full(ctx, 1, 2), *three = gan_full(ctx, 1, 3);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "negative", f(of(ctx, minus, 2, 0), two));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "zero", f(two, gan_zeros(ctx, 2)));
        REFUSED(ctx, GAN_ERROR_SHAPE, "(2) and (3)", f(two, three));
        gan_destroy(ctx);
    }
}

static const double half[] = {.5, .5}, quarter[] = {.25, .75}, left[] = {1, 0}, right[] = {0, 1};

static void test_kl_divergence(void)
{
    refuses_weights("kl_divergence", gan_kl_divergence);
    TEST ("KL by hand: (1/2, 1/2) to (1/4, 3/4) is log 2 / 2 + log(2/3) / 2; weights need no sum of 1") {
        gan_context *ctx = gan_create(NULL);
        static const double twice[] = {2, 2}, three[] = {1, 3};
        const double want = (log(2) + log(2. / 3)) / 2;
        CHECK_NEAR(gan_kl_divergence(of(ctx, half, 2, 0), of(ctx, quarter, 2, 0)), want, 1e-15, "KL");
        CHECK_NEAR(gan_kl_divergence(of(ctx, twice, 2, 0), of(ctx, three, 2, 0)), want, 1e-15, "of counts");
        gan_destroy(ctx);
    }
    TEST ("KL is 0 to itself, infinite where only q is 0, not where only p is") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *h = of(ctx, half, 2, 0), *l = of(ctx, left, 2, 0);
        CHECK_NEAR(gan_kl_divergence(h, h), 0, 0, "itself");
        CHECK(gan_kl_divergence(h, l) == HUGE_VAL && gan_error(ctx) == 0, "%g", gan_kl_divergence(h, l));
        CHECK_NEAR(gan_kl_divergence(l, h), log(2), 1e-15, "p 0");
        gan_destroy(ctx);
    }
    TEST ("KL of binned normals is that of the normals: (m^2 + s^2 - 1 - log s^2) / 2") {
        gan_context *ctx = gan_create(NULL);
        enum { N = 2000 };
        static double p[N], q[N];
        gan_tensor *a, *b;
        for (int i = 0; i < N; ++i) {
            const double x = -12 + 24. * (i + .5) / N, y = (x - .7) / 1.3;
            p[i] = exp(-x * x / 2), q[i] = exp(-y * y / 2) / 1.3;
        }
        a = of(ctx, q, N, 0);
        b = of(ctx, p, N, 0);
        CHECK_NEAR(gan_kl_divergence(a, b), (.49 + 1.69 - 1 - log(1.69)) / 2, 1e-6, "KL");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("KL with p and q exchanged is caught") {
        gan_context *ctx = gan_create(NULL);
        CHECK_NEAR(gan_kl_divergence(of(ctx, quarter, 2, 0), of(ctx, half, 2, 0)), (log(2) + log(2. / 3)) / 2,
                   1e-9, "KL");
        gan_destroy(ctx);
    }
}

static void test_js_divergence(void)
{
    refuses_weights("js_divergence", gan_js_divergence);
    TEST ("JS by hand; 0 to itself, log 2 between what does not meet, symmetric") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *h = of(ctx, half, 2, 0), *q = of(ctx, quarter, 2, 0);
        const double m = .375, n = .625;
        const double want =
            (.5 * log(.5 / m) + .5 * log(.5 / n) + .25 * log(.25 / m) + .75 * log(.75 / n)) / 2;
        CHECK_NEAR(gan_js_divergence(h, q), want, 1e-15, "JS");
        CHECK_NEAR(gan_js_divergence(q, h), want, 1e-15, "JS of q, p");
        CHECK_NEAR(gan_js_divergence(h, h), 0, 0, "itself");
        CHECK_NEAR(gan_js_divergence(of(ctx, left, 2, 0), of(ctx, right, 2, 0)), log(2), 1e-15, "apart");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a JS in bits is caught") {
        gan_context *ctx = gan_create(NULL);
        CHECK_NEAR(gan_js_divergence(of(ctx, left, 2, 0), of(ctx, right, 2, 0)), 1, 1e-9, "JS");
        gan_destroy(ctx);
    }
}

static void test_tv_distance(void)
{
    refuses_weights("tv_distance", gan_tv_distance);
    TEST ("TV by hand: 1/4; 0 to itself, 1 between what does not meet; Pinsker: at most sqrt(KL / 2)") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *h = of(ctx, half, 2, 0), *q = of(ctx, quarter, 2, 0);
        CHECK_NEAR(gan_tv_distance(h, q), .25, 1e-15, "TV");
        CHECK_NEAR(gan_tv_distance(h, h), 0, 0, "itself");
        CHECK_NEAR(gan_tv_distance(of(ctx, left, 2, 0), of(ctx, right, 2, 0)), 1, 1e-15, "apart");
        for (int i = 0; i < 50; ++i) {
            double p[7], r[7];
            gan_tensor *a, *b;
            TEST_FILL(p, 7, 0, 1);
            TEST_FILL(r, 7, 0, 1);
            a = of(ctx, p, 7, 0);
            b = of(ctx, r, 7, 0);
            CHECK(gan_tv_distance(a, b) <= sqrt(gan_kl_divergence(a, b) / 2) + 1e-12, "Pinsker");
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a TV without its half is caught") {
        gan_context *ctx = gan_create(NULL);
        CHECK_NEAR(gan_tv_distance(of(ctx, half, 2, 0), of(ctx, quarter, 2, 0)), .5, 1e-9, "TV");
        gan_destroy(ctx);
    }
}

static void test_wasserstein_histogram(void)
{
    refuses_weights("wasserstein_histogram", unit_bins);
    TEST ("the earth mover's distance of histograms: a pile moved by k bins costs k widths") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 6; ++k) {
            double p[8] = {0, 1, 2, 0, 0, 0, 0, 0}, q[8] = {0};
            for (int i = 0; i + k < 8; ++i) q[i + k] = p[i];
            if (k < 6)
                CHECK_NEAR(gan_wasserstein_histogram(of(ctx, p, 8, 0), of(ctx, q, 8, 0), (gan_real).5),
                           .5 * k, 1e-12, "moved");
        }
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "width",
                gan_wasserstein_histogram(of(ctx, half, 2, 0), of(ctx, half, 2, 0), -1));
        gan_destroy(ctx);
    }
    TEST ("it is W_1 of samples in the middle of the bins") {
        gan_context *ctx = gan_create(NULL);
        double p[10], q[10], x[200], y[200];
        int n = 0, m = 0;
        for (int i = 0; i < 10; ++i) {
            p[i] = test_int(0, 9);
            q[i] = test_int(1, 9);
            for (int k = 0; k < (int)p[i]; ++k) x[n++] = i * .25;
            for (int k = 0; k < (int)q[i]; ++k) y[m++] = i * .25;
        }
        CHECK_NEAR(gan_wasserstein_histogram(of(ctx, p, 10, 0), of(ctx, q, 10, 0), (gan_real).25),
                   gan_wasserstein_1d(of(ctx, x, n, 0), of(ctx, y, m, 0), 1), 1e-12, "W_1");
        gan_destroy(ctx);
    }
}

// Arjovsky 2017, example 1, in bins: two lines k bins apart.
static void lines_apart(void)
{
    TEST ("two spikes k bins apart: JS stays log 2, TV 1, KL infinite; W_1 alone says how far") {
        gan_context *ctx = gan_create(NULL);
        double p[9] = {1};
        for (int k = 1; k < 9; ++k) {
            double q[9] = {0};
            gan_tensor *a, *b;
            q[k] = 1;
            a = of(ctx, p, 9, 0);
            b = of(ctx, q, 9, 0);
            CHECK_NEAR(gan_js_divergence(a, b), log(2), 1e-15, "JS");
            CHECK_NEAR(gan_tv_distance(a, b), 1, 0, "TV");
            CHECK(gan_kl_divergence(a, b) == HUGE_VAL, "KL");
            CHECK_NEAR(gan_wasserstein_histogram(a, b, 1), k, 1e-12, "W_1");
        }
        gan_destroy(ctx);
    }
}

int main(void)
{
    SAMPLES_WALK(GAN__METRICS_DENSITY);
    lines_apart();
    return test_done();
}
