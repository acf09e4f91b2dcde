// Measures by nearest samples: against double loops to the last bit, sets whose answer is known, theory.
#define GAN_IMPLEMENTATION
#include "samples.h"

// ---- the screen

// Sets on which screening has to pass on much: equal points, lattices, offsets, huge and tiny numbers.
static gan_tensor *awkward(gan_context *ctx, int kind, int n, int f)
{
    gan_tensor *x = normals(ctx, n, f, 0, 1);
    for (size_t i = 0; i < gan_numel(x); ++i) {
        gan_real *v = &gan_data(x)[i];
        if (kind == 1) *v = (gan_real)floor((double)*v * 1.5);
        if (kind == 2) *v = (gan_real)((double)*v * 1e-3 + 1000);
        if (kind == 3) *v = (gan_real)((double)*v * 1e30);
        if (kind == 4) *v = (gan_real)((double)*v * 1e-30);
        if (kind == 5 && i / (size_t)f % 3) *v = gan_data(x)[i % (size_t)f];
    }
    return x;
}
enum { KINDS = 6 };

// The same order of additions as the library's, so that equal means equal.
static double exact(gan_tensor *x, int i, gan_tensor *y, int j)
{
    return gan__density_square_distance(each(x), gan_data(x) + i * each(x), gan_data(y) + j * each(y));
}

// The k-th smallest squared distance of x_i to the y (but itself, where y is x), k from 1.
static double kth(gan_tensor *x, int i, gan_tensor *y, int k, int *index)
{
    const int m = gan_dim(y, 0);
    double below = -1, best = 0;
    int last = -1, found = -1;
    for (; k > 0; --k) {
        best = HUGE_VAL;
        found = -1;
        for (int j = 0; j < m; ++j) {
            const double d = exact(x, i, y, j);
            if (x == y && i == j) continue;
            if ((d > below || (d >= below && j > last)) && d < best) best = d, found = j;
        }
        below = best;
        last = found;
    }
    if (index) *index = found;
    return best;
}

PROBE(nearest, x, y, 2, gan_tensor *d; OUT_TENSOR(gan_nearest(x, y, 3, &d)); OUT_TENSOR(d))

static void test_nearest(void)
{
    TEST ("the nearest are those of double loops, index for index, ties by the lower index") {
        gan_context *ctx = gan_create(NULL);
        for (int kind = 0; kind < KINDS; ++kind)
            for (int own = 0; own < 2; ++own) {
                gan_tensor *x = awkward(ctx, kind, 40, 7), *y = own ? x : awkward(ctx, kind, 50, 7), *d, *at_;
                at_ = gan_nearest(x, own ? NULL : y, 4, &d);
                CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
                for (int i = 0; i < 40 && gan_data(at_); ++i)
                    for (int k = 0; k < 4; ++k) {
                        int j = -1;
                        const double want = kth(x, i, y, k + 1, &j);
                        CHECK((int)at(at_, i, k) == j, "kind %d: sample %d, neighbor %d: %d, not %d", kind, i,
                              k, (int)at(at_, i, k), j);
                        CHECK(at(d, i, k) == (double)(gan_real)sqrt(want), "distance %g, not %g", at(d, i, k),
                              sqrt(want));
                    }
            }
        gan_destroy(ctx);
    }
    TEST ("more samples than a tile has rows and columns") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 1100, 3, 0, 1), *y = normals(ctx, 2100, 3, 0, 1),
                   *got = gan_nearest(x, y, 1, NULL);
        for (int i = 0; i < 1100; i += 37) {
            int j;
            kth(x, i, y, 1, &j);
            CHECK((int)at(got, i, 0) == j, "sample %d", i);
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("distances by products in float alone are caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = awkward(ctx, 2, 40, 7), *got = gan_nearest(x, NULL, 1, NULL);
        for (int i = 0; i < 40; ++i) {
            float best = 1e30f;
            int found = -1;
            for (int j = 0; j < 40; ++j) {
                float d = 0;
                for (int k = 0; k < 7; ++k) {
                    const float a = (float)at(x, i, k), b = (float)at(x, j, k);
                    d += a * a + b * b - 2 * a * b;
                }
                if (i != j && d < best) best = d, found = j;
            }
            CHECK((int)at(got, i, 0) == found, "sample %d", i);
        }
        gan_destroy(ctx);
    }
    TEST (
        "more neighbors than there are others, none, different widths are refused; poison fills distances") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 5, 3), *d = x;
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "5 nearest of 4", gan_nearest(x, NULL, 5, &d));
        CHECK(!gan_data(d), "distances");
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "6 nearest of 5", gan_nearest(x, copy_of(x), 6, NULL));
        REFUSED_TENSOR(ctx, GAN_ERROR_ARGUMENT, "0 nearest", gan_nearest(x, NULL, 0, NULL));
        REFUSED_TENSOR(ctx, GAN_ERROR_SHAPE, "as many numbers",
                       gan_nearest(x, gan_zeros(ctx, 5, 4), 1, NULL));
        gan_destroy(ctx);
    }
}

// ---- manifolds

PROBE(precision_recall, x, y, 0, gan_fidelity r = gan_precision_recall(x, y, 0); OUT(r.precision);
      OUT(r.recall))
PROBE(density_coverage, x, y, 0, gan_coverage r = gan_density_coverage(x, y, 0); OUT(r.density);
      OUT(r.coverage))

// Of x those in a ball about some y that reaches to its k-th neighbor.
static double naive_share(gan_tensor *x, gan_tensor *y, int k)
{
    double n = 0;
    for (int i = 0; i < gan_dim(x, 0); ++i) {
        int in = 0;
        for (int j = 0; j < gan_dim(y, 0) && !in; ++j) in = exact(x, i, y, j) <= kth(y, j, y, k, NULL);
        n += in;
    }
    return n / gan_dim(x, 0);
}

static gan_coverage naive_coverage(gan_tensor *real, gan_tensor *fake, int k)
{
    gan_coverage r = {0, 0};
    for (int i = 0; i < gan_dim(real, 0); ++i) {
        const double radius = kth(real, i, real, k, NULL);
        int met = 0;
        for (int j = 0; j < gan_dim(fake, 0); ++j) {
            const int in = exact(real, i, fake, j) < radius;
            r.density += (double)in / (k * gan_dim(fake, 0));
            met |= in;
        }
        r.coverage += (double)met / gan_dim(real, 0);
    }
    return r;
}

static void test_precision_recall(void)
{
    TEST ("precision and recall are those of double loops, on awkward sets too") {
        gan_context *ctx = gan_create(NULL);
        for (int kind = 0; kind < KINDS; ++kind) {
            gan_tensor *x = awkward(ctx, kind, 30, 4), *y = awkward(ctx, kind, 40, 4);
            const gan_fidelity r = gan_precision_recall(x, y, 2);
            CHECK_NEAR(r.precision, naive_share(y, x, 2), 1e-15, "precision");
            CHECK_NEAR(r.recall, naive_share(x, y, 2), 1e-15, "recall");
        }
        gan_destroy(ctx);
    }
    TEST ("the same set: 1 and 1; sets apart: 0 and 0; k 0 is 3; exchanged, they exchange") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 200, 5, 0, 1), *y = normals(ctx, 150, 5, .5, 1.5);
        gan_fidelity r = gan_precision_recall(x, copy_of(x), 0), q;
        CHECK_NEAR(r.precision, 1, 0, "precision");
        CHECK_NEAR(r.recall, 1, 0, "recall");
        r = gan_precision_recall(x, shifted(x, 100), 0);
        CHECK_NEAR(r.precision, 0, 0, "precision");
        CHECK_NEAR(r.recall, 0, 0, "recall");
        r = gan_precision_recall(x, y, 0);
        q = gan_precision_recall(y, x, 3);
        CHECK(r.precision == q.recall && r.recall == q.precision, "exchanged");
        gan_destroy(ctx);
    }
    TEST (
        "one mode of two: precision stays, recall halves; twice the spread: precision falls, recall stays") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *a = normals(ctx, 200, 2, 0, 1), *b = normals(ctx, 200, 2, 50, 1);
        gan_fidelity r = gan_precision_recall(gan_concat(0, a, b), normals(ctx, 400, 2, 0, 1), 3);
        CHECK(r.precision > .85 && r.recall > .4 && r.recall < .55, "%g, %g", r.precision, r.recall);
        r = gan_precision_recall(normals(ctx, 400, 2, 0, 1), normals(ctx, 400, 2, 0, 4), 3);
        CHECK(r.precision < .5 && r.recall > .85, "%g, %g", r.precision, r.recall);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a sample that counts as its own neighbor is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 60, 3, 0, 1), *y = normals(ctx, 60, 3, 0, 1);
        CHECK_NEAR(gan_precision_recall(x, y, 3).precision, naive_share(y, x, 2), 1e-9, "precision");
        gan_destroy(ctx);
    }
    TEST ("fewer samples than k + 1 are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 3), *y = gan_rand_normal(ctx, 9, 3);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "3 nearest of 2", gan_precision_recall(x, y, 0).precision);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "3 nearest of 2", gan_precision_recall(y, x, 0).precision);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "-1 nearest", gan_precision_recall(y, y, -1).precision);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "5 nearest of 2", gan_density_coverage(x, y, 0).density);
        gan_destroy(ctx);
    }
}

static void test_density_coverage(void)
{
    TEST ("density and coverage are those of double loops, on awkward sets too") {
        gan_context *ctx = gan_create(NULL);
        for (int kind = 0; kind < KINDS; ++kind) {
            gan_tensor *x = awkward(ctx, kind, 30, 4), *y = awkward(ctx, kind, 40, 4);
            const gan_coverage r = gan_density_coverage(x, y, 3), want = naive_coverage(x, y, 3);
            CHECK_NEAR(r.density, want.density, 1e-12, "density");
            CHECK_NEAR(r.coverage, want.coverage, 1e-12, "coverage");
        }
        gan_destroy(ctx);
    }
    TEST ("the same set: density 1, coverage 1; sets apart: 0, 0; k 0 is 5") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 200, 5, 0, 1);
        gan_coverage r = gan_density_coverage(x, copy_of(x), 0);
        CHECK_NEAR(r.density, 1, 1e-12, "density");
        CHECK_NEAR(r.coverage, 1, 1e-12, "coverage");
        r = gan_density_coverage(x, shifted(x, 100), 5);
        CHECK_NEAR(r.density, 0, 0, "density");
        CHECK_NEAR(r.coverage, 0, 0, "coverage");
        gan_destroy(ctx);
    }
    TEST ("fresh samples of one distribution: density 1, coverage 1 - (N-1)..(N-k) / ((2N-1)..(2N-k)), Naeem "
          "2020") {
        gan_context *ctx = gan_create(NULL);
        const int n = 1500, k = 5;
        const gan_coverage r = gan_density_coverage(normals(ctx, n, 8, 0, 1), normals(ctx, n, 8, 0, 1), k);
        double miss = 1;
        for (int i = 1; i <= k; ++i) miss *= (double)(n - i) / (2 * n - i);
        CHECK_NEAR(r.coverage, 1 - miss, .02, "coverage");
        CHECK_NEAR(r.density, 1, .08, "density");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a density that forgets k is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 60, 3, 0, 1), *y = normals(ctx, 60, 3, 0, 1);
        CHECK_NEAR(gan_density_coverage(x, y, 3).density, naive_coverage(x, y, 3).density * 3, 1e-3,
                   "density");
        gan_destroy(ctx);
    }
}

// ---- tests

PROBE(neighbor_test, x, y, 0, gan_two_sample r = gan_neighbor_test(x, y); OUT(r.accuracy); OUT(r.real);
      OUT(r.fake); OUT(r.z))

static double naive_home(gan_tensor *a, gan_tensor *b)
{
    double n = 0;
    for (int i = 0; i < gan_dim(a, 0); ++i) {
        const double own = kth(a, i, a, 1, NULL), other = kth(a, i, b, 1, NULL);
        n += own < other ? 1 : own > other ? 0 : .5;
    }
    return n / gan_dim(a, 0);
}

static void test_neighbor_test(void)
{
    TEST ("the 1-nearest-neighbor test is that of double loops, on awkward sets too") {
        gan_context *ctx = gan_create(NULL);
        for (int kind = 0; kind < KINDS; ++kind) {
            gan_tensor *x = awkward(ctx, kind, 30, 4), *y = awkward(ctx, kind, 40, 4);
            const gan_two_sample r = gan_neighbor_test(x, y);
            CHECK_NEAR(r.real, naive_home(x, y), 1e-15, "real");
            CHECK_NEAR(r.fake, naive_home(y, x), 1e-15, "fake");
            CHECK_NEAR(r.accuracy, (30 * r.real + 40 * r.fake) / 70, 1e-12, "accuracy");
        }
        gan_destroy(ctx);
    }
    TEST ("one distribution: about 1/2; far apart: 1; copies: 0; twice each sample: ties count half") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 1000, 4, 0, 1), *twice = gan_concat(0, x, x);
        gan_two_sample r = gan_neighbor_test(x, normals(ctx, 1000, 4, 0, 1));
        CHECK(fabs(r.accuracy - .5) < .05 && fabs(r.z) < 4.5, "%g, z %g", r.accuracy, r.z);
        CHECK_NEAR(r.z, (r.accuracy - .5) * 2 * sqrt(2000), 1e-12, "z");
        CHECK_NEAR(gan_neighbor_test(x, shifted(x, 50)).accuracy, 1, 0, "far");
        CHECK_NEAR(gan_neighbor_test(x, copy_of(x)).accuracy, 0, 0, "copies");
        CHECK_NEAR(gan_neighbor_test(twice, copy_of(twice)).accuracy, .5, 0, "ties");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("ties that all count as right are caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 50, 4, 0, 1), *twice = gan_concat(0, x, x);
        CHECK_NEAR(gan_neighbor_test(twice, copy_of(twice)).accuracy, 1, 1e-3, "ties");
        gan_destroy(ctx);
    }
}

PROBE(birthday, x, y, 0, gan_duplicates r = gan_birthday(x, 20);
      OUT(r.support == r.support ? r.distance : r.support); OUT((double)r.pairs); OUT(r.first); OUT(r.second))

static void test_birthday(void)
{
    TEST ("pairs within a distance and the closest one, against double loops, on awkward sets too") {
        gan_context *ctx = gan_create(NULL);
        for (int kind = 0; kind < KINDS; ++kind) {
            gan_tensor *x = awkward(ctx, kind, 60, 3);
            const double within = sqrt(exact(x, 3, x, 41));
            const gan_real bound = (gan_real)within;
            const gan_duplicates r = gan_birthday(x, bound);
            double best = HUGE_VAL;
            int pairs = 0;
            for (int i = 0; i < 60; ++i)
                for (int j = i + 1; j < 60; ++j) {
                    const double d = exact(x, i, x, j);
                    pairs += d <= (double)bound * (double)bound;
                    if (d < best) best = d;
                }
            CHECK(r.pairs == pairs, "kind %d: %d pairs, not %d", kind, (int)r.pairs, pairs);
            CHECK_NEAR(r.distance, sqrt(best), 0, "closest");
            CHECK_NEAR(exact(x, r.first, x, r.second), best, 0, "the pair");
            CHECK(r.first < r.second, "%d, %d", r.first, r.second);
            if (pairs) CHECK_NEAR(r.support, 60 * 59 / 2. / pairs, 1e-12, "support");
        }
        gan_destroy(ctx);
    }
    TEST ("a uniform support of known size is found: 500 things, 1,200 samples") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *things = normals(ctx, 500, 6, 0, 1), *index = gan_zeros(ctx, 1200);
        gan_duplicates r;
        for (int i = 0; i < 1200; ++i) gan_data(index)[i] = (gan_real)test_int(0, 499);
        r = gan_birthday(gan_take(things, index), 0);
        CHECK(r.pairs > 1200, "%d", (int)r.pairs); // 1439 are expected, deviation 38
        CHECK_NEAR(r.support, 500, 60, "support");
        gan_destroy(ctx);
    }
    TEST ("no two alike: an infinite support") {
        gan_context *ctx = gan_create(NULL);
        const gan_duplicates r = gan_birthday(normals(ctx, 300, 3, 0, 1), 0);
        CHECK(r.pairs == 0 && r.support == HUGE_VAL && r.distance > 0, "%d, %g", (int)r.pairs, r.support);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("counting ordered pairs is caught: half the support") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *things = normals(ctx, 500, 6, 0, 1), *index = gan_zeros(ctx, 1200);
        for (int i = 0; i < 1200; ++i) gan_data(index)[i] = (gan_real)test_int(0, 499);
        CHECK_NEAR(gan_birthday(gan_take(things, index), 0).support, 250, 60, "support");
        gan_destroy(ctx);
    }
    TEST ("a negative distance and a single sample are refused") {
        gan_context *ctx = gan_create(NULL);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "within", gan_birthday(gan_zeros(ctx, 3, 3), -1).support);
        REFUSED(ctx, GAN_ERROR_SHAPE, "N from 2", gan_birthday(gan_zeros(ctx, 1, 3), 0).support);
        gan_destroy(ctx);
    }
}

PROBE(memorization, x, y, 0, gan_copying r = gan_memorization(x, y, y); OUT(r.fake); OUT(r.held);
      OUT(r.ratio); OUT(r.z + 1))
PROBE(authenticity, x, y, 0, OUT(gan_authenticity(x, y)))

static void test_memorization(void)
{
    TEST ("distances and Mann and Whitney's z against loops") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *t = normals(ctx, 40, 3, 0, 1), *h = normals(ctx, 30, 3, 0, 1),
                   *f = normals(ctx, 25, 3, 0, 1.2);
        const gan_copying r = gan_memorization(t, h, f);
        double held = 0, fake = 0, u = 0;
        for (int i = 0; i < 30; ++i) held += sqrt(kth(h, i, t, 1, NULL)) / 30;
        for (int i = 0; i < 25; ++i) {
            fake += sqrt(kth(f, i, t, 1, NULL)) / 25;
            for (int j = 0; j < 30; ++j) u += kth(f, i, t, 1, NULL) > kth(h, j, t, 1, NULL);
        }
        CHECK_NEAR(r.held, held, 1e-12, "held");
        CHECK_NEAR(r.fake, fake, 1e-12, "fake");
        CHECK_NEAR(r.ratio, fake / held, 1e-12, "ratio");
        CHECK_NEAR(r.z, (u - 375) / sqrt(750 * 56 / 12.), 1e-12, "z");
        gan_destroy(ctx);
    }
    TEST ("fresh fakes: ratio about 1, |z| small; copies: 0 and far below; noise: above 1 and far above") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *t = normals(ctx, 500, 4, 0, 1), *h = normals(ctx, 300, 4, 0, 1);
        gan_copying r = gan_memorization(t, h, normals(ctx, 300, 4, 0, 1));
        CHECK(fabs(r.ratio - 1) < .15 && fabs(r.z) < 3.5, "%g, %g", r.ratio, r.z);
        r = gan_memorization(t, h, part(t, 100, 400));
        CHECK(r.ratio <= 0 && r.z < -15, "copies: %g, %g", r.ratio, r.z);
        r = gan_memorization(t, h, normals(ctx, 300, 4, 0, 4));
        CHECK(r.ratio > 1.5 && r.z > 8, "noise: %g, %g", r.ratio, r.z);
        r = gan_memorization(t, t, t);
        CHECK_NEAR(r.ratio, 1, 0, "0 / 0");
        CHECK_NEAR(r.z, 0, 0, "all ties");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("held-out data in the place of fakes and fakes in its place are caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *t = normals(ctx, 500, 4, 0, 1), *h = normals(ctx, 300, 4, 0, 1);
        CHECK(gan_memorization(t, part(t, 100, 400), h).z < 0, "copies");
        gan_destroy(ctx);
    }
}

static void test_authenticity(void)
{
    TEST ("authenticity against loops; copies 0; far away 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *t = normals(ctx, 60, 3, 0, 1), *f = normals(ctx, 50, 3, 0, 1);
        double want = 0;
        for (int i = 0; i < 50; ++i) {
            int j = 0;
            const double d = kth(f, i, t, 1, &j);
            want += (kth(t, j, t, 1, NULL) < d) / 50.;
        }
        CHECK_NEAR(gan_authenticity(t, f), want, 1e-12, "share");
        CHECK_NEAR(gan_authenticity(t, copy_of(t)), 0, 0, "copies");
        CHECK_NEAR(gan_authenticity(t, shifted(t, 100)), 1, 0, "far");
        gan_destroy(ctx);
    }
    TEST ("fresh samples of the same distribution: about 1/2 and more") {
        gan_context *ctx = gan_create(NULL);
        const double a = gan_authenticity(normals(ctx, 800, 4, 0, 1), normals(ctx, 800, 4, 0, 1));
        CHECK(a > .4 && a < .7, "%g", a);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "1 nearest of 0",
                gan_authenticity(gan_zeros(ctx, 1, 2), gan_zeros(ctx, 3, 2)));
        gan_destroy(ctx);
    }
}

// ---- bins

PROBE(bin_difference, x, y, 0, gan_bins r = gan_bin_difference(x, y, 6); OUT(r.share); OUT(r.js);
      OUT(r.different))

static void test_bin_difference(void)
{
    TEST ("bins of well separated modes are the modes; the z test by hand decides each") {
        gan_context *ctx = gan_create(NULL);
        // shares of three modes: 300, 300, 400 of 1,000 against 370, 270, 360
        gan_tensor *real = gan_concat(0, normals(ctx, 300, 2, 0, 1), normals(ctx, 300, 2, 60, 1),
                                      normals(ctx, 400, 2, -60, 1));
        gan_tensor *fake = gan_concat(0, normals(ctx, 370, 2, 0, 1), normals(ctx, 270, 2, 60, 1),
                                      normals(ctx, 360, 2, -60, 1));
        const gan_bins r = gan_bin_difference(real, fake, 3);
        const double p[3] = {.3, .3, .4}, q[3] = {.37, .27, .36};
        double js = 0;
        int different = 0;
        for (int i = 0; i < 3; ++i) {
            const double m = (p[i] + q[i]) / 2, z = (p[i] - q[i]) / sqrt(m * (1 - m) * 2 / 1000);
            different += fabs(z) > 1.96;
            js += (p[i] * log(p[i] / m) + q[i] * log(q[i] / m)) / 2;
        }
        CHECK(different == 1, "by hand %d", different);
        CHECK(r.different == different && r.bins == 3, "%d of %d", r.different, r.bins);
        CHECK_NEAR(r.share, 1 / 3., 1e-12, "share");
        CHECK_NEAR(r.js, js, 1e-12, "JS");
        gan_destroy(ctx);
    }
    TEST ("the same data: none; fresh data: about one in twenty; one mode left out: its bins") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 3000, 3, 0, 1), *half = normals(ctx, 3000, 3, 0, 1);
        gan_bins r = gan_bin_difference(x, copy_of(x), 0);
        CHECK(r.different == 0 && r.bins == 100 && r.js <= 0, "the same: %d, js %g", r.different, r.js);
        r = gan_bin_difference(x, normals(ctx, 3000, 3, 0, 1), 100);
        CHECK(r.different < 16, "fresh: %d of 100", r.different);
        for (int i = 0; i < 9000; ++i) gan_data(half)[i] = (gan_real)fabs((double)gan_data(half)[i]);
        r = gan_bin_difference(x, half, 100);
        CHECK(r.different > 80, "an eighth of the space: %d of 100", r.different);
        gan_destroy(ctx);
    }
    TEST ("k-means has converged: each center is its samples' mean, each sample is at its nearest center") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 400, 3, 0, 1);
        gan__density_set s;
        gan__density_frame frame;
        gan__neighbor_means m;
        gan__density_sets(ctx, 1, &x, &frame, &s);
        CHECK(!gan__neighbor_means_make(ctx, &frame, &s, 7, &m), "memory");
        for (int c = 0; c < 7; ++c) {
            double mean[3] = {0};
            for (int i = 0; i < 400; ++i)
                for (int k = 0; k < 3; ++k) mean[k] += m.at[i] == c ? at(x, i, k) / m.count[c] : 0;
            CHECK_ARRAY(3, m.center.x + 3 * c, mean, 1e-6, 1e-6, "center");
        }
        for (int i = 0; i < 400; ++i)
            for (int c = 0; c < 7; ++c)
                CHECK(gan__neighbor_pair(&s, i, &m.center, m.at[i]) <=
                          gan__neighbor_pair(&s, i, &m.center, c),
                      "sample %d", i);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a z test without pooling's two sides is caught") {
        CHECK(gan__neighbor_is_different(.3, 1000, .34, 1000) ==
                  (fabs(.3 - .34) > 1.96 * sqrt(.3 * .7 / 1000)),
              "differ");
    }
    TEST ("more bins than samples are refused; bins of equal points stay empty") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 9, 3);
        gan_bins r;
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "10 bins of 9", gan_bin_difference(x, x, 10).share);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "-1 bins", gan_bin_difference(x, x, -1).share);
        r = gan_bin_difference(x, x, 4);
        CHECK(gan_error(ctx) == 0 && r.different == 0 && r.bins == 4, "%d", r.different);
        gan_destroy(ctx);
    }
}

int main(void)
{
    SAMPLES_WALK(GAN__METRICS_NEIGHBOR);
    return test_done();
}
