// Distances by means, covariances and kernels: eigenvalues of known matrices, closed forms of normals, loops.
#define GAN_IMPLEMENTATION
#include "samples.h"

// ---- the solver

static void check_values(int n, double *a, const double *want, double tol, const char *what)
{
    gan_context *ctx = gan_create(NULL);
    double *d = (double *)malloc((size_t)n * sizeof *d);
    CHECK(!gan__moment_eigenvalues(ctx, n, a, d), "memory");
    for (int i = 1; i < n; ++i) // ascending
        for (int k = i; k > 0 && d[k - 1] > d[k]; --k) {
            const double t = d[k];
            d[k] = d[k - 1];
            d[k - 1] = t;
        }
    CHECK_ARRAY(n, d, want, tol, tol, what);
    free(d);
    gan_destroy(ctx);
}

// Q diag(values) Q' of a random rotation Q, made of reflections.
static void conceal(int n, const double *values, double *a)
{
    double *v = (double *)malloc((size_t)n * sizeof *v), *w = (double *)malloc((size_t)n * sizeof *w);
    for (int i = 0; i < n * n; ++i) a[i] = i % (n + 1) ? 0 : values[i / n];
    for (int round = 0; round < 4; ++round) {
        double norm = 0, half = 0;
        for (int i = 0; i < n; ++i) v[i] = test_normal(), norm += v[i] * v[i];
        for (int i = 0; i < n; ++i) {
            w[i] = 0;
            for (int k = 0; k < n; ++k) w[i] += a[i * n + k] * v[k] * 2 / norm;
            half += w[i] * v[i] / norm;
        }
        for (int i = 0; i < n; ++i) w[i] -= half * v[i];
        for (int i = 0; i < n; ++i)
            for (int k = 0; k < n; ++k) a[i * n + k] -= v[i] * w[k] + w[i] * v[k];
    }
    free(v);
    free(w);
}

static void solver(void)
{
    enum { MOST = 120 };
    static double a[MOST * MOST], want[MOST];
    TEST ("eigenvalues of the second difference: 2 - 2 cos(k pi / (n + 1))") {
        for (int n = 1; n <= MOST; n += 17) {
            for (int i = 0; i < n * n; ++i) a[i] = i / n == i % n ? 2 : abs(i / n - i % n) == 1 ? -1 : 0;
            for (int k = 0; k < n; ++k) want[k] = 2 - 2 * cos((k + 1) * 3.14159265358979 / (n + 1));
            check_values(n, a, want, 1e-13, "second difference");
        }
    }
    TEST ("eigenvalues of c + d I: d, n - 1 times, and n c + d") {
        for (int n = 2; n <= 40; n += 19) {
            for (int i = 0; i < n * n; ++i) a[i] = 3 + (i / n == i % n);
            for (int k = 0; k < n; ++k) want[k] = k + 1 < n ? 1 : 3 * n + 1;
            check_values(n, a, want, 1e-12, "c + d I");
        }
    }
    TEST ("a known spectrum behind a random rotation: spread, repeated, zero, of both signs") {
        for (int kind = 0; kind < 4; ++kind) {
            const int n = 60;
            for (int i = 0; i < n; ++i)
                want[i] = kind == 0   ? i - 30
                          : kind == 1 ? i / 20
                          : kind == 2 ? pow(1.5, i - 40)
                          : i < 30    ? 0
                                      : 5;
            conceal(n, want, a);
            check_values(n, a, want, 1e-9, "rotated");
        }
    }
    TEST ("diagonal, zero and single matrices") {
        static double d[9] = {1, 0, 0, 0, 3, 0, 0, 0, 2}, z[9] = {0}, one[1] = {7};
        static const double sorted[3] = {1, 2, 3}, zeros[3] = {0}, seven[1] = {7};
        check_values(3, d, sorted, 0, "diagonal");
        check_values(3, z, zeros, 0, "zero");
        check_values(1, one, seven, 0, "single");
    }
    TEST ("numbers of 1e-150 and 1e120") {
        for (int k = 0; k < 2; ++k) {
            const double scale = k ? 1e120 : 1e-150;
            static double b[4], v[2];
            b[0] = b[3] = 2 * scale;
            b[1] = b[2] = scale;
            v[0] = scale;
            v[1] = 3 * scale;
            check_values(2, b, v, 1e-12 * scale, "scaled");
        }
    }
    TEST_MUST_FAIL ("a wrong spectrum is caught") {
        static double b[4] = {2, 1, 1, 2};
        static const double v[2] = {1, 2.9};
        check_values(2, b, v, 1e-9, "2 x 2");
    }
}

// ---- Frechet

PROBE(frechet_distance, gan_reshape(x, -1, 40), gan_reshape(y, -1, 40), 0, OUT(gan_frechet_distance(x, y)))

// Samples whose mean and covariance (over n - 1) are exactly these: +-sqrt((n - 1) / 2) times the columns
// of a factor of the covariance about the mean; n = 2 f.
static gan_tensor *exactly(gan_context *ctx, int f, const double *mean, const double *factor)
{
    gan_tensor *x = gan_zeros(ctx, 2 * f, f);
    for (int i = 0; i < 2 * f; ++i)
        for (int k = 0; k < f; ++k)
            gan_data(x)[i * f + k] =
                (gan_real)(mean[k] + (i % 2 ? -1 : 1) * sqrt((2 * f - 1) / 2.) * factor[k * f + i / 2]);
    return x;
}

// The trace of the root of a 2 x 2 matrix with positive eigenvalues a, b: sqrt(a) + sqrt(b)
static double trace_root_2(const double *m)
{
    return sqrt(m[0] + m[3] + 2 * sqrt(m[0] * m[3] - m[1] * m[2]));
}

static void test_frechet_distance(void)
{
    TEST ("on a line: (m - n)^2 + (s - t)^2") {
        gan_context *ctx = gan_create(NULL);
        for (int i = 0; i < 20; ++i) {
            const double m = test_uniform(-3, 3), n = test_uniform(-3, 3);
            const double s = test_uniform(.1, 3), t = test_uniform(.1, 3);
            const double want = (m - n) * (m - n) + (s - t) * (s - t);
            CHECK_NEAR(gan_frechet_distance(exactly(ctx, 1, &m, &s), exactly(ctx, 1, &n, &t)), want, TOL * 20,
                       "distance");
        }
        gan_destroy(ctx);
    }
    TEST ("axes of their own: the sum over axes; the mean alone; the same set 0") {
        gan_context *ctx = gan_create(NULL);
        enum { F = 30 };
        double m[F], n[F], s[F * F] = {0}, t[F * F] = {0}, want = 0, means = 0;
        gan_tensor *x, *y;
        for (int i = 0; i < F; ++i) {
            m[i] = test_uniform(-1, 1), n[i] = test_uniform(-1, 1);
            s[i * F + i] = test_uniform(.01, 2), t[i * F + i] = test_uniform(.01, 2);
            want += (m[i] - n[i]) * (m[i] - n[i]) + pow(s[i * F + i] - t[i * F + i], 2);
            means += (m[i] - n[i]) * (m[i] - n[i]);
        }
        x = exactly(ctx, F, m, s);
        y = exactly(ctx, F, n, t);
        CHECK_NEAR(gan_frechet_distance(x, y), want, TOL * 20 * want, "distance");
        CHECK_NEAR(gan_frechet_distance(y, x), want, TOL * 20 * want, "symmetric");
        CHECK_NEAR(gan_frechet_distance(x, exactly(ctx, F, n, s)), means, TOL * 20 * means, "means");
        CHECK_NEAR(gan_frechet_distance(x, copy_of(x)), 0, 1e-10, "itself");
        gan_destroy(ctx);
    }
    TEST ("two correlated axes by the closed form of 2 x 2 roots") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 20; ++k) {
            double s[4], t[4], m[2] = {0}, c[4], d[4], cd[4], want = 0;
            TEST_FILL(s, 4, -1, 1);
            TEST_FILL(t, 4, -1, 1);
            for (int i = 0; i < 4; ++i) {
                c[i] = s[i / 2 * 2] * s[i % 2 * 2] + s[i / 2 * 2 + 1] * s[i % 2 * 2 + 1];
                d[i] = t[i / 2 * 2] * t[i % 2 * 2] + t[i / 2 * 2 + 1] * t[i % 2 * 2 + 1];
            }
            for (int i = 0; i < 4; ++i) cd[i] = c[i / 2 * 2] * d[i % 2] + c[i / 2 * 2 + 1] * d[2 + i % 2];
            want = c[0] + c[3] + d[0] + d[3] - 2 * trace_root_2(cd);
            CHECK_NEAR(gan_frechet_distance(exactly(ctx, 2, m, s), exactly(ctx, 2, m, t)), want, TOL * 20,
                       "distance");
        }
        gan_destroy(ctx);
    }
    TEST ("it does not turn with the axes, moves with neither set's offset, scales with the square") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 200, 5, 0, 1), *y = normals(ctx, 300, 5, .5, 2);
        const double d = gan_frechet_distance(x, y);
        gan_tensor *q = gan_zeros(ctx, 5, 5);
        double v[5], norm = 0;
        for (int i = 0; i < 5; ++i) v[i] = test_normal(), norm += v[i] * v[i];
        for (int i = 0; i < 25; ++i)
            gan_data(q)[i] = (gan_real)((i % 6 == 0) - 2 * v[i / 5] * v[i % 5] / norm);
        CHECK_NEAR(gan_frechet_distance(gan_matmul(x, q), gan_matmul(y, q)), d, TOL * 20 * d, "turned");
        CHECK_NEAR(gan_frechet_distance(shifted(x, 2), shifted(y, 2)), d, TOL * 40 * d, "moved");
        CHECK_NEAR(gan_frechet_distance(gan_affine(x, 4, 0), gan_affine(y, 4, 0)), 16 * d, 1e-9 * d,
                   "scaled");
        gan_destroy(ctx);
    }
    TEST ("fewer samples than numbers: the same set is 0, a moved one |t|^2, two sets symmetric") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 12, 40, 0, 1), *y = normals(ctx, 15, 40, 0, 1);
        CHECK_NEAR(gan_frechet_distance(x, copy_of(x)), 0, 1e-9, "itself");
        CHECK_NEAR(gan_frechet_distance(x, shifted(x, 1)), 40, 1e-4, "moved");
        CHECK_NEAR(gan_frechet_distance(x, y), gan_frechet_distance(y, x), 1e-5, "symmetric");
        CHECK_NEAR(gan_frechet_distance(gan_zeros(ctx, 3, 4), gan_full(ctx, 1, 5, 4)), 4, 1e-12, "points");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a standard deviation used where a variance is meant (PacGAN) is caught") {
        gan_context *ctx = gan_create(NULL);
        const double m = 0, s = 2, t = 1, ss = 4;
        CHECK_NEAR(gan_frechet_distance(exactly(ctx, 1, &m, &ss), exactly(ctx, 1, &m, &t)), (s - t) * (s - t),
                   1e-3, "distance");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("tr C + tr D - 2 tr (C D) without the root is caught") {
        gan_context *ctx = gan_create(NULL);
        const double m = 0, s = 2, t = 1.5;
        CHECK_NEAR(gan_frechet_distance(exactly(ctx, 1, &m, &s), exactly(ctx, 1, &m, &t)),
                   s * s + t * t - 2 * s * s * t * t, 1e-3, "distance");
        gan_destroy(ctx);
    }
    TEST ("one sample has no covariance: refused") {
        gan_context *ctx = gan_create(NULL);
        REFUSED(ctx, GAN_ERROR_SHAPE, "N from 2",
                gan_frechet_distance(gan_zeros(ctx, 1, 3), gan_zeros(ctx, 4, 3)));
        gan_destroy(ctx);
    }
}

// ---- kernels

typedef double kernel(gan_tensor *x, int i, gan_tensor *y, int j, double width);

static double cubic(gan_tensor *x, int i, gan_tensor *y, int j, double width)
{
    double s = 0;
    (void)width;
    for (int k = 0; k < each(x); ++k) s += at(x, i, k) * at(y, j, k);
    return pow(s / each(x) + 1, 3);
}
static double gaussian(gan_tensor *x, int i, gan_tensor *y, int j, double width)
{
    return exp(-apart(x, i, y, j) / (2 * width * width));
}

// MMD^2 by its definition; own 1: a sample meets itself too (the biased one).
static double naive_mmd(gan_tensor *x, gan_tensor *y, kernel *k, double width, int own)
{
    const int n = gan_dim(x, 0), m = gan_dim(y, 0);
    double xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) xx += own || i != j ? k(x, i, x, j, width) / (n * (n - 1. + own)) : 0;
    for (int i = 0; i < m; ++i)
        for (int j = 0; j < m; ++j) yy += own || i != j ? k(y, i, y, j, width) / (m * (m - 1. + own)) : 0;
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < m; ++j) xy += k(x, i, y, j, width) / ((double)n * m);
    return xx + yy - 2 * xy;
}

PROBE(kernel_distance, x, y, 0, gan_estimate e = gan_kernel_distance(x, y, 40, 0); OUT(e.mean);
      OUT(e.deviation); OUT(gan_kernel_distance(x, y, 30, 5).mean))

static void test_kernel_distance(void)
{
    TEST ("KID of all samples is the unbiased MMD^2 of (x y / F + 1)^3; sizes differ") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 5; ++k) {
            gan_tensor *x = normals(ctx, 30, 4 + k, 0, 1), *y = normals(ctx, 30, 4 + k, .3, 1.2);
            const double want = naive_mmd(x, y, cubic, 0, 0);
            const gan_estimate e = gan_kernel_distance(x, y, 0, 0);
            CHECK_NEAR(e.mean, want, TOL * 20 * (1 + fabs(want)), "KID");
            CHECK(e.count == 1 && e.deviation <= 0 && e.error <= 0, "%d parts", e.count);
        }
        gan_destroy(ctx);
    }
    TEST ("blocks: mean, deviation and standard error of the blocks' own; what is left over is left out") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 75, 6, 0, 1), *y = normals(ctx, 83, 6, .3, 1.2);
        const gan_estimate e = gan_kernel_distance(x, y, 20, 0);
        double v[3], mean = 0, square = 0;
        for (int i = 0; i < 3; ++i) {
            v[i] = naive_mmd(part(x, 20 * i, 20 * i + 20), part(y, 20 * i, 20 * i + 20), cubic, 0, 0);
            mean += v[i] / 3;
        }
        for (int i = 0; i < 3; ++i) square += (v[i] - mean) * (v[i] - mean) / 3;
        CHECK(e.count == 3, "%d", e.count);
        CHECK_NEAR(e.mean, mean, TOL * 50, "mean");
        CHECK_NEAR(e.deviation, sqrt(square), TOL * 50, "deviation");
        CHECK_NEAR(e.error, sqrt(square / 2), TOL * 50, "error");
        gan_destroy(ctx);
    }
    TEST ("random subsets: so many; of everything each is the same; near the value of all") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 200, 4, 0, 1), *y = normals(ctx, 200, 4, 1, 1);
        const gan_estimate all = gan_kernel_distance(x, y, 200, 4), some = gan_kernel_distance(x, y, 50, 30);
        CHECK(all.count == 4 && some.count == 30, "%d, %d", all.count, some.count);
        CHECK_NEAR(all.mean, naive_mmd(x, y, cubic, 0, 0), TOL * 100, "all, in another order");
        CHECK(all.deviation < TOL * 100, "%g", all.deviation);
        CHECK(fabs(some.mean - all.mean) < 8 * some.error && some.error > 0, "%g +- %g", some.mean,
              some.error);
        gan_destroy(ctx);
    }
    TEST ("unbiased: 0 in the mean for one distribution, within its standard error") {
        gan_context *ctx = gan_create(NULL);
        const gan_estimate e =
            gan_kernel_distance(normals(ctx, 4000, 3, 0, 1), normals(ctx, 4000, 3, 0, 1), 40, 0);
        CHECK(fabs(e.mean) < 4 * e.error, "%g +- %g", e.mean, e.error);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a biased KID is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 30, 4, 0, 1), *y = normals(ctx, 30, 4, .3, 1.2);
        CHECK_NEAR(gan_kernel_distance(x, y, 0, 0).mean, naive_mmd(x, y, cubic, 0, 1), .01, "KID");
        gan_destroy(ctx);
    }
    TEST ("blocks that are too large or too small are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 10, 3);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "2 to 10", gan_kernel_distance(x, x, 11, 0).mean);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "blocks of 1", gan_kernel_distance(x, x, 1, 0).mean);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "-1 subsets", gan_kernel_distance(x, x, 5, -1).mean);
        gan_destroy(ctx);
    }
}

PROBE(mmd_unbiased, x, y, 0, OUT(gan_mmd_unbiased(x, y, 0)); OUT(gan_mmd_unbiased(x, y, 10)))

static void test_mmd_unbiased(void)
{
    TEST ("MMD^2 of the Gaussian kernel against loops; far from 0; sizes differ") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 6; ++k) {
            const double offset = k < 3 ? 0 : 50, sigma = .5 + k % 3;
            gan_tensor *x = normals(ctx, 25, 5, offset, 1), *y = normals(ctx, 32, 5, offset + .5, 1.3);
            CHECK_NEAR(gan_mmd_unbiased(x, y, (gan_real)sigma), naive_mmd(x, y, gaussian, sigma, 0), TOL * 10,
                       "MMD^2");
        }
        gan_destroy(ctx);
    }
    TEST ("normals on a line: the closed form 2 / sqrt(1 + 2 s^2) (1 - exp(-d^2 / (2 (1 + 2 s^2))))") {
        gan_context *ctx = gan_create(NULL); // of deviation s and means d apart, kernel of width 1
        gan_tensor *x = normals(ctx, 3000, 1, 0, .5), *y = normals(ctx, 3000, 1, 1, .5);
        const double v = 1 + 2 * .25, want = 2 / sqrt(v) * (1 - exp(-1 / (2 * v)));
        CHECK_NEAR(gan_mmd_unbiased(x, y, 1), want, .02, "MMD^2");
        gan_destroy(ctx);
    }
    TEST ("sigma 0 is the median distance of all pairs, of two sets of up to 500") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 3, 2, 0, 1), *y = normals(ctx, 2, 2, 1, 1);
        double d[10], t;
        int n = 0;
        for (int i = 0; i < 5; ++i)
            for (int j = 0; j < i; ++j)
                d[n++] = sqrt(apart(i < 3 ? x : y, i < 3 ? i : i - 3, j < 3 ? x : y, j < 3 ? j : j - 3));
        for (int i = 1; i < 10; ++i)
            for (int k = i; k > 0 && d[k - 1] > d[k]; --k) t = d[k], d[k] = d[k - 1], d[k - 1] = t;
        CHECK_NEAR(gan_mmd_unbiased(x, y, 0), naive_mmd(x, y, gaussian, (d[4] + d[5]) / 2, 0), TOL * 10,
                   "MMD^2");
        CHECK_NEAR(gan_mmd_unbiased(gan_zeros(ctx, 3, 2), gan_zeros(ctx, 4, 2), 0), 0, 1e-12, "all equal");
        gan_destroy(ctx);
    }
    TEST ("gan_mmd_rbf is the biased one of the same kernel") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 25, 3, 0, 1), *y = normals(ctx, 20, 3, .5, 1);
        const gan_real sigma = 2;
        CHECK_NEAR(gan_item(gan_mmd_rbf(x, y, 1, &sigma)), naive_mmd(x, y, gaussian, 2, 1), TOL * 10,
                   "biased");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a biased MMD^2 is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 25, 3, 0, 1), *y = normals(ctx, 20, 3, .5, 1);
        CHECK_NEAR(gan_mmd_unbiased(x, y, 2), naive_mmd(x, y, gaussian, 2, 1), 1e-3, "MMD^2");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("sigma taken for sigma^2 is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 25, 3, 0, 1), *y = normals(ctx, 20, 3, .5, 1);
        CHECK_NEAR(gan_mmd_unbiased(x, y, 2), naive_mmd(x, y, gaussian, sqrt(2), 0), 1e-3, "MMD^2");
        gan_destroy(ctx);
    }
    TEST ("a negative sigma is refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 10, 3);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "sigma", gan_mmd_unbiased(x, x, -1));
        gan_destroy(ctx);
    }
}

int main(void)
{
    solver();
    SAMPLES_WALK(GAN__METRICS_MOMENT);
    return test_done();
}
