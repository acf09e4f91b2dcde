// Earth mover's distances: against all permutations, sums over merged quantiles written anew, shifts, bounds.
#define GAN_IMPLEMENTATION
#include "samples.h"

// W_p^p of numbers by brute force: both lists repeated to one length, sorted, paired.
static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double naive_line(const double *x, int n, const double *y, int m, double p)
{
    double *a = (double *)malloc((size_t)(n * m) * sizeof *a),
           *b = (double *)malloc((size_t)(n * m) * sizeof *b);
    double sum = 0;
    for (int i = 0; i < n * m; ++i) a[i] = x[i / m], b[i] = y[i / n];
    qsort(a, (size_t)(n * m), sizeof *a, ascending);
    qsort(b, (size_t)(n * m), sizeof *b, ascending);
    for (int i = 0; i < n * m; ++i) sum += pow(fabs(a[i] - b[i]), p) / (n * m);
    free(a);
    free(b);
    return sum;
}

static double *doubles(gan_tensor *x)
{
    double *v = (double *)malloc(gan_numel(x) * sizeof *v);
    for (size_t i = 0; i < gan_numel(x); ++i) v[i] = (double)gan_data(x)[i];
    return v;
}

static double naive_1d(gan_tensor *x, gan_tensor *y, double p)
{
    double *a = doubles(x), *b = doubles(y), w = naive_line(a, (int)gan_numel(x), b, (int)gan_numel(y), p);
    free(a);
    free(b);
    return pow(w, 1 / p);
}

// ---- on a line

PROBE(wasserstein_1d, x, y, 0, OUT(gan_wasserstein_1d(x, y, 1)); OUT(gan_wasserstein_1d(x, y, 2)))

static void test_wasserstein_1d(void)
{
    TEST ("W_p of numbers is that of all quantiles: sizes 1 .. 40, p 1, 1.5, 2, 3") {
        gan_context *ctx = gan_create(NULL);
        static const double powers[] = {1, 1.5, 2, 3};
        for (int k = 0; k < 60; ++k) {
            gan_tensor *x = normals(ctx, test_int(1, 40), 1, 0, 1),
                       *y = normals(ctx, test_int(1, 40), 1, 1, 2);
            const double p = powers[k % 4], want = naive_1d(x, y, p);
            CHECK_NEAR(gan_wasserstein_1d(x, y, (gan_real)p), want, 1e-12 * (1 + want), "W_p");
            CHECK_NEAR(gan_wasserstein_1d(y, x, (gan_real)p), want, 1e-12 * (1 + want), "W_p of y, x");
        }
        gan_destroy(ctx);
    }
    TEST ("sorting: negative numbers, zeros of both signs, equal ones, the largest and the least") {
        gan_context *ctx = gan_create(NULL);
        static const double v[] = {3, -0., 0, -1e30, 1e30, 5, 5, -2, 1e-38, -1e-38, 3, -7};
        double *sorted;
        gan_tensor *x = of(ctx, v, 12, 0), *y = copy_of(x);
        gan__transport_key scratch[24];
        gan__transport_sort(12, gan_data(y), scratch);
        sorted = doubles(x);
        qsort(sorted, 12, sizeof *sorted, ascending);
        CHECK_ARRAY(12, gan_data(y), sorted, 0, 0, "sorted");
        CHECK_NEAR(gan_wasserstein_1d(x, y, 1), 0, 0, "the same numbers in another order");
        free(sorted);
        gan_destroy(ctx);
    }
    TEST ("a shift by t costs t for every p; scaling by s scales W by s") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_affine(normals(ctx, 400, 1, 0, 1), 1, 0), *y = normals(ctx, 300, 1, 0, 2);
        CHECK_NEAR(gan_wasserstein_1d(x, shifted(x, 4), 1), 4, 1e-6, "W_1");
        CHECK_NEAR(gan_wasserstein_1d(x, shifted(x, -4), 3), 4, 1e-6, "W_3");
        CHECK_NEAR(gan_wasserstein_1d(gan_affine(x, 4, 0), gan_affine(y, 4, 0), 1),
                   4 * gan_wasserstein_1d(x, y, 1), 1e-12, "scaled");
        gan_destroy(ctx);
    }
    TEST ("W_2 of many normals is that of the distributions: sqrt(dm^2 + ds^2)") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 40000, 1, 0, 1), *y = normals(ctx, 30000, 1, 2, 1.5);
        CHECK_NEAR(gan_wasserstein_1d(x, y, 2), sqrt(4.25), .03, "W_2");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("W_2 without its root is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 9, 1, 0, 1), *y = normals(ctx, 7, 1, 1, 2);
        CHECK_NEAR(gan_wasserstein_1d(x, y, 2) * gan_wasserstein_1d(x, y, 2), naive_1d(x, y, 2), 1e-6, "W_2");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("pairs cut off at the shorter list are caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 9, 1, 0, 1), *y = normals(ctx, 7, 1, 1, 2);
        CHECK_NEAR(gan_wasserstein_1d(x, y, 1), naive_1d(part(x, 0, 7), y, 1), 1e-6, "W_1");
        gan_destroy(ctx);
    }
    TEST ("powers below 1 are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 3);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "power", gan_wasserstein_1d(x, x, (gan_real).5));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "power", gan_wasserstein_1d(x, x, (gan_real)NAN));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "power", gan_wasserstein_sliced(x, x, 1, 0));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "power", gan_wasserstein_exact(x, x, 0));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "take a smaller power",
                gan_wasserstein_exact(gan_full(ctx, 9, 4, 3), gan_zeros(ctx, 4, 3), (gan_real)1e30));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "directions", gan_wasserstein_sliced(x, x, -1, 1));
        gan_destroy(ctx);
    }
}

// ---- slices

PROBE(wasserstein_sliced, x, y, 0, OUT(gan_wasserstein_sliced(x, y, 0, 1));
      OUT(gan_wasserstein_sliced(x, y, 30, 2)))

// By the same directions, projected and measured in double here.
static double naive_sliced(gan_tensor *x, gan_tensor *y, int directions, double p)
{
    gan_context *ctx = gan_context_of(x);
    const int f = each(x), n = gan_dim(x, 0), m = gan_dim(y, 0);
    double sum = 0, *a = (double *)malloc((size_t)n * sizeof *a),
           *b = (double *)malloc((size_t)m * sizeof *b);
    gan_real *d;
    gan_scope_open(ctx);
    d = gan__transport_directions(ctx, "wasserstein_sliced", directions, f);
    for (int i = 0; i < directions; ++i) {
        for (int j = 0; j < n; ++j)
            for (int k = a[j] = 0; k < f; ++k) a[j] += (double)d[i * f + k] * at(x, j, k);
        for (int j = 0; j < m; ++j)
            for (int k = b[j] = 0; k < f; ++k) b[j] += (double)d[i * f + k] * at(y, j, k);
        sum += naive_line(a, n, b, m, p) / directions;
    }
    gan_scope_close(ctx);
    free(a);
    free(b);
    return pow(sum, 1 / p);
}

static void test_wasserstein_sliced(void)
{
    TEST ("sliced W_p against projections in double; sizes differ; numbers far from 0") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 6; ++k) {
            const double p = k % 2 + 1, offset = k < 3 ? 0 : 100;
            gan_tensor *x = normals(ctx, 20 + k, 5 + k, offset, 1),
                       *y = normals(ctx, 31, 5 + k, offset + .5, 2);
            const double want = naive_sliced(x, y, 17, p);
            CHECK_NEAR(gan_wasserstein_sliced(x, y, 17, (gan_real)p), want, TOL * 5 * (1 + want), "sliced");
        }
        gan_destroy(ctx);
    }
    TEST ("of one number a sample it is W_p itself; directions 0 are 128") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 50, 1, 0, 1), *y = normals(ctx, 60, 1, 1, 2),
                   *z = normals(ctx, 60, 3, 0, 1);
        CHECK_NEAR(gan_wasserstein_sliced(x, y, 3, 1), gan_wasserstein_1d(x, y, 1), TOL * 5, "W_1");
        CHECK_NEAR(gan_wasserstein_sliced(z, shifted(z, 1), 0, 2),
                   gan_wasserstein_sliced(z, shifted(z, 1), 128, 2), 0, "128");
        gan_destroy(ctx);
    }
    TEST ("a shift by t in F dimensions: sliced W_2 is |t| / sqrt(F) in the mean; the directions are even") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 40, 8, 0, 1);
        CHECK_NEAR(gan_wasserstein_sliced(x, shifted(x, 3), 20000, 2), 3, .03, "t");
        gan_destroy(ctx);
    }
    TEST ("symmetric; 0 to itself; at most W_p") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 60, 6, 0, 1), *y = normals(ctx, 60, 6, .5, 1.5);
        const double w = gan_wasserstein_sliced(x, y, 64, 2);
        CHECK_NEAR(gan_wasserstein_sliced(y, x, 64, 2), w, TOL * 5, "symmetric");
        CHECK_NEAR(gan_wasserstein_sliced(x, copy_of(x), 64, 2), 0, TOL, "itself");
        CHECK(w <= gan_wasserstein_exact(x, y, 2), "%g", w);
        gan_destroy(ctx);
    }
    TEST ("numbers of 1e30 and of 1e-30 neither overflow nor vanish") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 40, 8, 0, 1), *y = normals(ctx, 40, 8, 1, 1);
        const double w = gan_wasserstein_sliced(x, y, 16, 1);
        CHECK_NEAR(gan_wasserstein_sliced(gan_affine(x, (gan_real)1e30, 0), gan_affine(y, (gan_real)1e30, 0),
                                          16, 1) /
                       1e30,
                   w, TOL * 5, "1e30");
        CHECK_NEAR(gan_wasserstein_sliced(gan_affine(x, (gan_real)1e-30, 0),
                                          gan_affine(y, (gan_real)1e-30, 0), 16, 1) *
                       1e30,
                   w, TOL * 5, "1e-30");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("directions that are not of length 1 are caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 40, 8, 0, 1);
        CHECK_NEAR(gan_wasserstein_sliced(gan_affine(x, 1.5, 0), gan_affine(shifted(x, 3), 1.5, 0), 20000, 2),
                   3, .03, "t");
        gan_destroy(ctx);
    }
    TEST ("samples of different width are refused") {
        gan_context *ctx = gan_create(NULL);
        REFUSED(ctx, GAN_ERROR_SHAPE, "as many numbers each",
                gan_wasserstein_sliced(gan_zeros(ctx, 4, 3), gan_zeros(ctx, 4, 2), 4, 1));
        gan_destroy(ctx);
    }
}

// ---- pyramids

static gan_tensor *pictures(gan_tensor *x, int c, int side) { return gan_reshape(x, -1, c, side, side); }

PROBE(wasserstein_pyramid, pictures(x, 1, 16), pictures(y, 1, 16), 1,
      OUT_TENSOR(gan_wasserstein_pyramid(x, y, 2, 8, 20)))

static double mirrored(const double *x, int h, int w, int y, int k)
{
    y = y < 0 ? -y : y >= h ? 2 * h - 2 - y : y;
    k = k < 0 ? -k : k >= w ? 2 * w - 2 - k : k;
    return x[y * w + k];
}

// The published code in its own terms: convolve, take every second; put zeros between, convolve with four
// times the filter.
static void naive_blur(const double *x, int h, int w, double scale, double *out)
{
    static const double g[5] = {1, 4, 6, 4, 1};
    for (int i = 0; i < h; ++i)
        for (int j = 0; j < w; ++j) {
            out[i * w + j] = 0;
            for (int a = 0; a < 5; ++a)
                for (int b = 0; b < 5; ++b)
                    out[i * w + j] += scale * g[a] * g[b] / 256 * mirrored(x, h, w, i + a - 2, j + b - 2);
        }
}

static void naive_laplacian(double *x, int h, int w, double *next)
{
    double full[32 * 32], up[32 * 32] = {0}, smooth[32 * 32];
    naive_blur(x, h, w, 1, full);
    for (int i = 0; i < h / 2; ++i)
        for (int j = 0; j < w / 2; ++j)
            up[2 * i * w + 2 * j] = next[i * (w / 2) + j] = full[2 * i * w + 2 * j];
    naive_blur(up, h, w, 4, smooth);
    for (int i = 0; i < h * w; ++i) x[i] -= smooth[i];
}

enum { DESCRIPTORS = 60 * 12, WIDE = 2 * 49 };

// Patches of all pictures at a level, normalized by channel.
static void naive_descriptors(double (*image)[2][32 * 32], int n, int c, int w, const int *places,
                              int patches, double (*out)[WIDE])
{
    for (int k = 0; k < c; ++k) {
        double mean = 0, square = 0;
        for (int i = 0; i < n * patches; ++i)
            for (int q = 0; q < 49; ++q) {
                const double v = image[i / patches][k][places[i] + q / 7 * w + q % 7];
                out[i][k * 49 + q] = v;
                mean += v / (n * patches * 49.);
            }
        for (int i = 0; i < n * patches; ++i)
            for (int q = 0; q < 49; ++q)
                square += (out[i][k * 49 + q] - mean) * (out[i][k * 49 + q] - mean) / (n * patches * 49.);
        for (int i = 0; i < n * patches; ++i)
            for (int q = 0; q < 49; ++q) out[i][k * 49 + q] = (out[i][k * 49 + q] - mean) / sqrt(square);
    }
}

static void check_pyramid(int n, int m, int c, int h, int w, int levels, int patches, int directions)
{
    static double image[2][60][2][32 * 32], next[2][60][2][32 * 32], descriptor[2][DESCRIPTORS][WIDE];
    static double line[2][DESCRIPTORS];
    static int places[DESCRIPTORS];
    gan_context *ctx = gan_create(NULL);
    gan_tensor *x[2], *got;
    gan__core_rng rng;
    gan_real *d;
    const int count[2] = {n, m};
    x[0] = gan_reshape(normals(ctx, n, c * h * w, 0, 1), n, c, h, w);
    x[1] = gan_reshape(normals(ctx, m, c * h * w, .3, 1.4), m, c, h, w);
    // smooth the second a little, so that levels differ
    x[1] = copy_of(gan_lerp(x[1], gan_upsample(gan_avg_pool2d(x[1], 2, 2), 2, GAN_NEAREST),
                            gan_full_n(ctx, .5, 0, NULL)));
    got = gan_wasserstein_pyramid(x[0], x[1], levels, patches, directions);
    CHECK(gan_error(ctx) == 0 && gan_ndim(got) == 1 && gan_dim(got, 0) == levels, "%s",
          gan_error_message(ctx));
    for (int s = 0; s < 2; ++s)
        for (int i = 0; i < count[s] * c * h * w; ++i)
            image[s][i / (c * h * w)][i / (h * w) % c][i % (h * w)] = (double)gan_data(x[s])[i];
    rng = gan__rng_stream(ctx, "wasserstein_pyramid.places");
    d = gan__transport_directions(ctx, "wasserstein_pyramid", directions, c * 49);
    for (int level = 0; level < levels; ++level, h /= 2, w /= 2) {
        double sum = 0;
        gan__transport_patch_places(&rng, (n > m ? n : m) * patches, h, w, places);
        for (int s = 0; s < 2; ++s) {
            for (int i = 0; i < count[s] && level + 1 < levels; ++i)
                for (int k = 0; k < c; ++k) naive_laplacian(image[s][i][k], h, w, next[s][i][k]);
            naive_descriptors(image[s], count[s], c, w, places, patches, descriptor[s]);
        }
        for (int i = 0; i < directions; ++i) {
            for (int s = 0; s < 2; ++s)
                for (int j = 0; j < count[s] * patches; ++j) {
                    line[s][j] = 0;
                    for (int k = 0; k < c * 49; ++k)
                        line[s][j] += (double)d[i * c * 49 + k] * descriptor[s][j][k];
                }
            sum += naive_line(line[0], n * patches, line[1], m * patches, 1) / directions;
        }
        if (gan_data(got)) CHECK_NEAR(gan_data(got)[level], sum, TOL * 10, "level");
        memcpy(image, next, sizeof next);
    }
    gan_destroy(ctx);
}

static void test_wasserstein_pyramid(void)
{
    TEST ("pyramids against the published steps in double: one, two, three levels, one and two channels") {
        check_pyramid(6, 6, 1, 16, 16, 1, 5, 7);
        check_pyramid(6, 4, 1, 16, 16, 2, 5, 7);
        check_pyramid(5, 6, 2, 28, 28, 3, 4, 6);
        check_pyramid(4, 4, 2, 16, 24, 2, 3, 5);
    }
    TEST ("equal pictures: 0 at all levels; different ones: above 0; contrast does not matter, structure "
          "does") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = pictures(normals(ctx, 40, 256, 0, 1), 1, 16), *same, *other, *contrast;
        same = gan_wasserstein_pyramid(x, copy_of(x), 2, 16, 32);
        contrast = gan_wasserstein_pyramid(x, gan_affine(x, 3, 0), 2, 16, 32);
        other = gan_wasserstein_pyramid(x, gan_upsample(gan_avg_pool2d(x, 2, 2), 2, GAN_NEAREST), 2, 16, 32);
        for (int i = 0; i < 2; ++i) {
            CHECK_NEAR(gan_data(same)[i], 0, 0, "itself");
            CHECK_NEAR(gan_data(contrast)[i], 0, TOL * 10, "contrast");
        }
        CHECK(gan_data(other)[0] > (gan_real).05, "%g", (double)gan_data(other)[0]);
        gan_destroy(ctx);
    }
    TEST ("levels 0: the sides halve while at least 16") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 1, 28, 28), *y = gan_rand_normal(ctx, 3, 1, 64, 64);
        CHECK(gan_dim(gan_wasserstein_pyramid(x, x, 0, 2, 2), 0) == 1, "28");
        CHECK(gan_dim(gan_wasserstein_pyramid(y, y, 0, 2, 2), 0) == 3, "64, 32, 16");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("the mean of both levels does not pass for the finer one") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = pictures(normals(ctx, 40, 256, 0, 1), 1, 16), *w;
        w = gan_wasserstein_pyramid(x, gan_upsample(gan_avg_pool2d(x, 2, 2), 2, GAN_NEAREST), 2, 16, 32);
        CHECK_NEAR(gan_data(w)[0], gan_item(gan_mean_all(w)), 1e-3, "level");
        gan_destroy(ctx);
    }
    TEST ("pictures that do not halve, or get smaller than a patch, are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 1, 28, 28), *odd = gan_zeros(ctx, 2, 1, 28, 18);
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "4 levels", gan_wasserstein_pyramid(x, x, 4, 0, 0));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "divisible", gan_wasserstein_pyramid(odd, odd, 3, 0, 0));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "(2, 1, 28, 18)", gan_wasserstein_pyramid(x, odd, 1, 0, 0));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "-1 levels", gan_wasserstein_pyramid(x, x, -1, 0, 0));
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "patches", gan_wasserstein_pyramid(x, x, 1, -1, 0));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "(2, 28)",
                       gan_wasserstein_pyramid(gan_zeros(ctx, 2, 28), x, 1, 0, 0));
        gan_destroy(ctx);
    }
}

// ---- assignment

PROBE(assignment, x, y, 1, OUT_TENSOR(gan_assignment(x)))

// The least cost over all ways to give each of n rows a column of m.
static double naive_assignment(gan_tensor *cost, int row, unsigned used)
{
    const int n = gan_dim(cost, 0), m = gan_dim(cost, 1);
    double best = HUGE_VAL;
    if (row == n) return 0;
    for (int j = 0; j < m; ++j)
        if (!(used >> j & 1)) {
            const double c = at(cost, row, j) + naive_assignment(cost, row + 1, used | 1u << j);
            if (c < best) best = c;
        }
    return best;
}

static double cost_of(gan_tensor *cost, gan_tensor *column)
{
    double sum = 0;
    unsigned used = 0;
    for (int i = 0; i < gan_dim(cost, 0) && gan_data(column); ++i) {
        const int j = (int)gan_data(column)[i];
        CHECK(j >= 0 && j < gan_dim(cost, 1) && !(used >> j & 1), "row %d: column %d", i, j);
        used |= 1u << j;
        sum += at(cost, i, j);
    }
    return sum;
}

static void test_assignment(void)
{
    TEST ("the assignment is the best of all permutations: n 1 .. 7, more columns than rows, ties, signs") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 300; ++k) {
            const int n = test_int(1, 7), m = n + (k % 3 == 2 ? test_int(0, 2) : 0);
            gan_tensor *cost = gan_zeros(ctx, n, m), *got;
            for (int i = 0; i < n * m; ++i)
                gan_data(cost)[i] = k % 2 ? (gan_real)test_uniform(-3, 5) : (gan_real)test_int(-2, 3);
            got = gan_assignment(cost);
            CHECK_NEAR(cost_of(cost, got), naive_assignment(cost, 0, 0), 1e-12, "cost");
        }
        gan_destroy(ctx);
    }
    TEST ("a permutation hidden in a matrix of 300 is found") {
        gan_context *ctx = gan_create(NULL);
        enum { N = 300 };
        gan_tensor *cost = gan_affine(gan_rand_uniform(ctx, N, N), 1, 1), *got;
        int p[N];
        for (int i = 0; i < N; ++i) p[i] = (i * 7 + 3) % N;
        for (int i = 0; i < N; ++i) gan_data(cost)[i * N + p[i]] = (gan_real)test_uniform(0, .5);
        got = gan_assignment(cost);
        CHECK_ARRAY(N, gan_data(got), p, 0, 0, "columns");
        gan_destroy(ctx);
    }
    TEST ("the potentials prove it optimal: no reduced cost below 0, 0 on the pairs") {
        gan_context *ctx = gan_create(NULL);
        enum { N = 60, M = 70 };
        static double cost[N * M];
        gan__transport_assign a;
        TEST_FILL(cost, N * M, -1, 1);
        CHECK(!gan__transport_assignment(ctx, N, M, cost, &a), "memory");
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < M; ++j) {
                const double r = cost[i * M + j] - a.u[i] - a.v[j];
                CHECK(r > -1e-12 && (a.column[i] != j || r < 1e-12), "reduced cost (%d, %d): %g", i, j, r);
            }
        for (int j = 0; j < M; ++j) CHECK(a.v[j] <= 0 && (a.row[j] >= 0 || a.v[j] >= 0), "free column %d", j);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("giving each row its cheapest free column is caught") {
        gan_context *ctx = gan_create(NULL);
        static const double v[] = {1, 2, 1, 100};
        CHECK_NEAR(cost_of(of(ctx, v, 2, 2), gan_assignment(of(ctx, v, 2, 2))), 101, 1e-9, "cost");
        gan_destroy(ctx);
    }
    TEST ("more rows than columns, and what is no matrix, are refused") {
        gan_context *ctx = gan_create(NULL);
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "(3, 2)", gan_assignment(gan_zeros(ctx, 3, 2)));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "(3)", gan_assignment(gan_zeros(ctx, 3)));
        gan_destroy(ctx);
    }
}

// ---- between points

PROBE(wasserstein_exact, x, y, 0, OUT(gan_wasserstein_exact(x, y, 1)); OUT(gan_wasserstein_exact(x, y, 2)))

static void test_wasserstein_exact(void)
{
    TEST ("W_1, W_2 and W_3 of up to 7 points are the best of all pairings") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 60; ++k) {
            const int n = test_int(1, 7), p = k % 3 + 1;
            gan_tensor *x = normals(ctx, n, 3, 0, 1), *y = normals(ctx, n, 3, .5, 2),
                       *cost = gan_zeros(ctx, n, n);
            double want;
            for (int i = 0; i < n * n; ++i)
                gan_data(cost)[i] = (gan_real)pow(sqrt(apart(x, i / n, y, i % n)), p);
            want = pow(naive_assignment(cost, 0, 0) / n, 1. / p);
            CHECK_NEAR(gan_wasserstein_exact(x, y, (gan_real)p), want, TOL * (1 + want), "W_p");
        }
        gan_destroy(ctx);
    }
    TEST ("a set moved by t is |t| away whatever the order of its points; on a line it is wasserstein_1d") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 80, 4, 0, 1), *y = shifted(x, 2), *z;
        gan_tensor *turned = gan_concat(0, part(y, 30, 80), part(y, 0, 30));
        CHECK_NEAR(gan_wasserstein_exact(x, turned, 1), 4, 1e-5, "W_1");
        CHECK_NEAR(gan_wasserstein_exact(x, turned, 2), 4, 1e-5, "W_2");
        x = normals(ctx, 90, 1, 0, 1);
        z = normals(ctx, 90, 1, 1, 3);
        CHECK_NEAR(gan_wasserstein_exact(x, z, 1), gan_wasserstein_1d(x, z, 1), 1e-12, "W_1 on a line");
        CHECK_NEAR(gan_wasserstein_exact(x, z, 2), gan_wasserstein_1d(x, z, 2), 1e-12, "W_2 on a line");
        gan_destroy(ctx);
    }
    TEST ("W_1 is at most W_2; the triangle holds; means are no farther apart than W_1") {
        gan_context *ctx = gan_create(NULL);
        for (int k = 0; k < 5; ++k) {
            gan_tensor *x = normals(ctx, 50, 3, 0, 1), *y = normals(ctx, 50, 3, 1, 2),
                       *z = normals(ctx, 50, 3, 2, 1);
            const double xy = gan_wasserstein_exact(x, y, 1), yz = gan_wasserstein_exact(y, z, 1);
            const double xz = gan_wasserstein_exact(x, z, 1);
            CHECK(xz <= xy + yz + 1e-12, "%g, %g + %g", xz, xy, yz);
            CHECK(xy <= gan_wasserstein_exact(x, y, 2) + 1e-12, "%g", xy);
            CHECK((double)gan_item(gan_norm(gan_sub(gan_mean(x, GAN_AXES(0), 0), gan_mean(y, GAN_AXES(0), 0)),
                                            GAN_ALL, 0)) <= xy + 1e-5,
                  "means");
        }
        gan_destroy(ctx);
    }
    TEST ("sets of different size are refused") {
        gan_context *ctx = gan_create(NULL);
        REFUSED(ctx, GAN_ERROR_SHAPE, "as many samples",
                gan_wasserstein_exact(gan_zeros(ctx, 3, 2), gan_zeros(ctx, 4, 2), 1));
        gan_destroy(ctx);
    }
}

PROBE(sinkhorn_divergence, x, y, 0, OUT(gan_sinkhorn_divergence(x, y, 0, 12)))

static void test_sinkhorn_divergence(void)
{
    TEST ("it is gan_sinkhorn after many iterations") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 20, 3, 0, 1), *y = normals(ctx, 25, 3, .5, 1.5);
        const double want = (double)gan_item(gan_sinkhorn(x, y, 3, 400));
        CHECK_NEAR(gan_sinkhorn_divergence(x, y, 3, 0), want, TOL * 100, "divergence");
        CHECK_NEAR(gan_sinkhorn_divergence(y, x, 3, 0), want, TOL * 100, "symmetric");
        gan_destroy(ctx);
    }
    TEST ("a set moved by t: |t|^2 for every epsilon; two points: their squared distance; 0 to itself") {
        gan_context *ctx = gan_create(NULL);
        static const double scales[] = {0, .5, 5, 500};
        gan_tensor *x = normals(ctx, 40, 3, 0, 1), *y = shifted(x, 1);
        for (size_t i = 0; i < COUNT(scales); ++i) {
            CHECK_NEAR(gan_sinkhorn_divergence(x, y, (gan_real)scales[i], 0), 3, 1e-5, "moved");
            CHECK_NEAR(gan_sinkhorn_divergence(x, copy_of(x), (gan_real)scales[i], 0), 0, 1e-7, "itself");
        }
        CHECK_NEAR(gan_sinkhorn_divergence(part(x, 0, 1), part(x, 1, 2), 1, 0), apart(x, 0, x, 1), 1e-12,
                   "points");
        gan_destroy(ctx);
    }
    TEST ("small epsilon: W_2^2; large epsilon: the squared distance of the means") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 30, 2, 0, 1), *y = normals(ctx, 30, 2, 1, 2);
        const double w = gan_wasserstein_exact(x, y, 2);
        gan_tensor *m = gan_sub(gan_mean(x, GAN_AXES(0), 0), gan_mean(y, GAN_AXES(0), 0));
        CHECK_NEAR(gan_sinkhorn_divergence(x, y, (gan_real).01, 20000), w * w, .05, "W_2^2");
        CHECK_NEAR(gan_sinkhorn_divergence(x, y, 100000, 0), (double)gan_item(gan_sum_all(gan_square(m))),
                   1e-3, "means");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("the cost without its own terms (not debiased) is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 40, 3, 0, 1);
        double *cost = gan__transport_costs_make(ctx, x, x, 2), w = 0;
        gan__transport_sinkhorn_cost(ctx, 40, 40, cost, 1, 5, 1000, &w);
        CHECK_NEAR(w, gan_sinkhorn_divergence(x, copy_of(x), 5, 0), 1e-3, "itself");
        gan_destroy(ctx);
    }
    TEST ("negative epsilon and iterations are refused; all points equal is 0") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_full(ctx, 2, 5, 3);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "epsilon", gan_sinkhorn_divergence(x, x, -1, 0));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "iterations", gan_sinkhorn_divergence(x, x, 1, -1));
        CHECK_NEAR(gan_sinkhorn_divergence(x, x, 0, 0), 0, 1e-12, "equal points");
        gan_destroy(ctx);
    }
}

int main(void)
{
    SAMPLES_WALK(GAN__METRICS_TRANSPORT);
    return test_done();
}
