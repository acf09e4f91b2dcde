// Philox4x32-10: known answers, moments, Kolmogorov and Smirnov, streams.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// sqrt(n) times the largest distance between the empirical and the wanted distribution; above 1.95 once in a
// thousand.
static double kolmogorov(const gan_real *v, size_t n, double (*cdf)(double))
{
    double *s = (double *)malloc(n * sizeof *s), d = 0;
    size_t i;
    for (i = 0; i < n; ++i) s[i] = (double)v[i];
    qsort(s, n, sizeof *s, by_size);
    for (i = 0; i < n; ++i) {
        double c = cdf(s[i]), up = (double)(i + 1) / (double)n - c, down = c - (double)i / (double)n;
        if (up > d) d = up;
        if (down > d) d = down;
    }
    free(s);
    return d * sqrt((double)n);
}
static double uniform_cdf(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
static double normal_cdf(double x) { return .5 * erfc(-x / sqrt(2.)); }
static double wide_cdf(double x) { return normal_cdf(x / 1.03); }

static double correlation(const gan_real *a, const gan_real *b, size_t n)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    size_t i;
    for (i = 0; i < n; ++i) ma += (double)a[i] / (double)n, mb += (double)b[i] / (double)n;
    for (i = 0; i < n; ++i) {
        double x = (double)a[i] - ma, y = (double)b[i] - mb;
        ab += x * y, aa += x * x, bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

static gan_context *seeded(uint64_t seed)
{
    gan_desc d;
    memset(&d, 0, sizeof d);
    d.seed = seed;
    return gan_create(&d);
}

enum { N = 200000 };

int main(void)
{
    TEST ("Philox4x32-10 gives Random123's known answers") {
        static const uint32_t kat[3][10] = {
            {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
            {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
             0xa20bc7c6, 0x6d5451fd},
            {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
             0x5001e420, 0x24126ea1},
        };
        int i, j;
        for (i = 0; i < 3; ++i) {
            uint32_t out[4];
            gan__rng_philox(kat[i], kat[i] + 4, out);
            for (j = 0; j < 4; ++j)
                CHECK(out[j] == kat[i][6 + j], "vector %d word %d: %08lx", i, j, (unsigned long)out[j]);
        }
    }
    TEST_MUST_FAIL ("one flipped bit of the counter is seen") {
        const uint32_t counter[4] = {1, 0, 0, 0}, key[2] = {0, 0};
        uint32_t out[4];
        gan__rng_philox(counter, key, out);
        CHECK(out[0] == 0x6627e8d5, "seen");
    }
    TEST ("uniform numbers: in [0, 1), moments, Kolmogorov and Smirnov, for five seeds") {
        uint64_t seed;
        for (seed = 0; seed < 5; ++seed) {
            gan_context *ctx = seeded(seed);
            gan_real *v = gan_data(gan_rand_uniform(ctx, N));
            double mean = 0, square = 0, k;
            int outside = 0, i;
            for (i = 0; i < N; ++i) {
                outside += v[i] < 0 || v[i] >= 1;
                mean += (double)v[i] / N;
                square += (double)v[i] * (double)v[i] / N;
            }
            k = kolmogorov(v, N, uniform_cdf);
            CHECK(outside == 0, "%d outside", outside);
            CHECK_NEAR(mean, .5, 5 / sqrt(12. * N), "mean");
            CHECK_NEAR(square - mean * mean, 1 / 12., .001, "variance");
            CHECK(k < 1.95, "seed %d: Kolmogorov's statistic %g", (int)seed, k);
            CHECK(fabs(correlation(v, v + 1, N - 1)) < 5 / sqrt((double)N), "lag 1: %g",
                  correlation(v, v + 1, N - 1));
            CHECK(fabs(correlation(v, v + 4, N - 4)) < 5 / sqrt((double)N), "lag 4: %g",
                  correlation(v, v + 4, N - 4));
            gan_destroy(ctx);
        }
    }
    TEST ("normal numbers: finite, four moments, Kolmogorov and Smirnov, tails, for five seeds") {
        uint64_t seed;
        for (seed = 0; seed < 5; ++seed) {
            gan_context *ctx = seeded(seed);
            gan_real *v = gan_data(gan_rand_normal(ctx, N));
            double m[5] = {0}, k;
            int i, beyond = 0, bad = 0;
            for (i = 0; i < N; ++i) {
                double x = (double)v[i];
                bad += !isfinite(x);
                m[1] += x / N, m[2] += x * x / N, m[3] += x * x * x / N, m[4] += x * x * x * x / N;
                beyond += fabs(x) > 3;
            }
            k = kolmogorov(v, N, normal_cdf);
            CHECK(bad == 0, "%d not finite", bad);
            CHECK_NEAR(m[1], 0, 5 / sqrt((double)N), "mean");
            CHECK_NEAR(m[2], 1, 5 * sqrt(2. / N), "variance");
            CHECK_NEAR(m[3], 0, 5 * sqrt(15. / N), "third moment");
            CHECK_NEAR(m[4], 3, 5 * sqrt(96. / N), "fourth moment");
            CHECK_NEAR(beyond, .0026998 * N, 5 * sqrt(.0027 * N), "beyond three standard deviations");
            CHECK(k < 1.95, "seed %d: Kolmogorov's statistic %g", (int)seed, k);
            for (i = 1; i <= 4; ++i)
                CHECK(fabs(correlation(v, v + i, N - 4)) < 5 / sqrt((double)N), "lag %d", i);
            gan_destroy(ctx);
        }
    }
    TEST_MUST_FAIL ("a standard deviation that is 3 % wrong is caught") {
        gan_context *ctx = seeded(1);
        CHECK(kolmogorov(gan_data(gan_rand_normal(ctx, N)), N, wide_cdf) < 1.95, "caught");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("uniform numbers in place of normal ones are caught") {
        gan_context *ctx = seeded(1);
        CHECK(kolmogorov(gan_data(gan_rand_uniform(ctx, N)), N, normal_cdf) < 1.95, "caught");
        gan_destroy(ctx);
    }
    TEST ("the squares of neighboring normal numbers are independent, too") {
        gan_context *ctx = seeded(3);
        gan_tensor *v = gan_rand_normal(ctx, N), *s = gan_square(v);
        int i;
        for (i = 1; i <= 4; ++i)
            CHECK(fabs(correlation(gan_data(s), gan_data(s) + i, N - 4)) < 5 / sqrt((double)N), "lag %d: %g",
                  i, correlation(gan_data(s), gan_data(s) + i, N - 4));
        gan_destroy(ctx);
    }
    TEST ("the same seed gives the same numbers, on any number of threads; gan_seed starts them anew") {
        gan_context *a = seeded(42), *b = seeded(42), *c = context_with(GAN_ISA_AUTO, 7);
        gan_tensor *first = gan_rand_normal(a, 1003);
        CHECK(same_bits(first, gan_rand_normal(b, 1003)), "two contexts");
        gan_seed(c, 42);
        CHECK(same_bits(first, gan_rand_normal(c, 1003)), "seven threads");
        CHECK(!same_bits(first, gan_rand_normal(a, 1003)), "the second draw is another");
        gan_seed(a, 42);
        CHECK(same_bits(first, gan_rand_normal(a, 1003)), "restarted");
        gan_destroy(a);
        gan_destroy(b);
        gan_destroy(c);
    }
    TEST ("a draw is its block's word on every instruction set and thread, also where 32 bits overflow") {
        enum { DRAWS = 70003 };
        const uint64_t start = UINT64_C(0x7ffffffff) - 5000;
        int isa, threads, shift, wrong[2];
        for (isa = 0; isa < (int)GAN_ISA_COUNT; ++isa)
            for (threads = 1; threads < 4; threads += 2) {
                gan_context *ctx = context_with((gan_isa)isa, threads);
                gan_tensor *t;
                if (!ctx) continue;
                ctx->rng.counter = start;
                t = gan_rand_uniform(ctx, DRAWS);
                for (shift = 0; shift < 2; ++shift) {
                    gan__core_rng r = {ctx->rng.seed, ctx->rng.stream, start + (uint64_t)shift};
                    uint32_t u[4];
                    int i;
                    for (i = 0, wrong[shift] = 0; i < DRAWS; ++i) {
                        gan_real w;
                        if (i % 4 == 0) gan__rng_block(&r, u);
                        w = (gan_real)(u[i % 4] >> 8) / 16777216;
                        wrong[shift] += memcmp(&w, gan_data(t) + i, sizeof w) != 0;
                    }
                }
                CHECK(wrong[0] == 0, "%s, %d threads: %d wrong", gan_isa_name(ctx), threads, wrong[0]);
                CHECK(wrong[1] > DRAWS / 2, "one block further the words are others");
                CHECK(ctx->rng.counter == start + (DRAWS + 3) / 4, "the next draw is a new one");
                gan_destroy(ctx);
            }
    }
    TEST ("other seeds, also such that differ in their upper half, are other streams without correlation") {
        static const uint64_t seeds[] = {
            0, 1, 2, UINT64_C(1) << 32, UINT64_C(1) << 63, UINT64_C(0xffffffffffffffff)};
        static gan_real v[6][N / 4];
        int i, j;
        for (i = 0; i < 6; ++i) {
            gan_context *ctx = seeded(seeds[i]);
            gan_read(gan_rand_uniform(ctx, N / 4), v[i], N / 4);
            gan_destroy(ctx);
        }
        for (i = 0; i < 6; ++i)
            for (j = 0; j < i; ++j)
                CHECK(fabs(correlation(v[i], v[j], N / 4)) < 5 / sqrt(N / 4.), "seeds %d and %d: %g", i, j,
                      correlation(v[i], v[j], N / 4));
    }
    TEST ("successive draws of one context are without correlation, and never repeat a value in a row") {
        static gan_real v[8][5000];
        gan_context *ctx = seeded(9);
        int i, j;
        for (i = 0; i < 8; ++i) gan_read(gan_rand_uniform(ctx, 5000), v[i], 5000);
        for (i = 0; i < 8; ++i)
            for (j = 0; j < i; ++j)
                CHECK(fabs(correlation(v[i], v[j], 5000)) < 5 / sqrt(5000.), "draws %d and %d", i, j);
        gan_destroy(ctx);
    }
    TEST ("each place of a short draw is uniform, or normal, over many seeds: the first and the last, too") {
        enum { SEEDS = 5000, PLACES = 7 };
        static gan_real u[PLACES][SEEDS], n[PLACES][SEEDS];
        gan_context *ctx = seeded(0);
        int i, k;
        for (i = 0; i < SEEDS; ++i) {
            gan_real v[PLACES];
            gan_scope_open(ctx);
            gan_seed(ctx, (uint64_t)i);
            gan_read(gan_rand_uniform(ctx, PLACES), v, PLACES);
            for (k = 0; k < PLACES; ++k) u[k][i] = v[k];
            gan_read(gan_rand_normal(ctx, PLACES), v, PLACES);
            for (k = 0; k < PLACES; ++k) n[k][i] = v[k];
            gan_scope_close(ctx);
        }
        for (k = 0; k < PLACES; ++k) {
            CHECK(kolmogorov(u[k], SEEDS, uniform_cdf) < 2.2, "uniform, place %d: %g", k,
                  kolmogorov(u[k], SEEDS, uniform_cdf));
            CHECK(kolmogorov(n[k], SEEDS, normal_cdf) < 2.2, "normal, place %d: %g", k,
                  kolmogorov(n[k], SEEDS, normal_cdf));
        }
        gan_destroy(ctx);
    }
    TEST ("odd sizes: draws of 1, 2, 3 and 5 are finite and differ") {
        gan_context *ctx = seeded(0);
        gan_real last = -100;
        int n, i;
        for (i = 0; i < 50; ++i)
            for (n = 1; n < 6; n += n == 3 ? 2 : 1) {
                gan_tensor *t = gan_rand_normal(ctx, n);
                CHECK(isfinite((double)gan_data(t)[n - 1]) && gan_data(t)[n - 1] != last, "size %d: %g", n,
                      (double)gan_data(t)[n - 1]);
                last = gan_data(t)[n - 1];
            }
        gan_destroy(ctx);
    }
    return test_done();
}
