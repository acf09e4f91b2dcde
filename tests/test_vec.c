// One vector: NaN through MIN and MAX in every lane, rounding step by step, fused multiply-add, sums by
// halves. The macros live only inside a pass of gan.h, so they are seen here through kernels that are little
// more than one of them.
#include "test.h"
#define GAN__TABLES // all maps in the table, also in a static scalar build
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "kernels.h"

enum { N = 37, M = 64 };

// y must be NaN exactly where `at` says
static void nan_at(const gan__cpu_kernels *k, const char *what, const gan_real *y, int at)
{
    int i;
    for (i = 0; i < N; ++i)
        CHECK((y[i] != y[i]) == (i == at), "%s %s: element %d of NaN at %d", k->name, what, i, at);
}

static void map2(const gan__cpu_kernels *k, int map, gan_real *y, const gan_real *a, const gan_real *b)
{
    gan__isa_map2(k, map, M, y, a, b, 0, 0);
}

int main(void)
{
    const gan__cpu_kernels *k;
    for (k = next_isa(NULL); k; k = next_isa(k)) {
        gan_real a[M], b[M], t[M], y[M], z[M];
        TESTF ("%s: MIN and MAX give their second argument when one is NaN: relu and clamp pass it on",
               k->name) {
            for (int at = 0; at < N; ++at) {
                fill(a, N);
                a[at] = not_a_number();
                gan__isa_map1(k, GAN__MAP_relu, N, y, a, 0, 0);
                nan_at(k, "relu", y, at);
                gan__isa_map1(k, GAN__MAP_clamp, N, y, a, (gan_real)-.5, (gan_real).5);
                nan_at(k, "clamp", y, at);
            }
        }
        TESTF ("%s: products of differences are rounded step by step, as the maps they are made of",
               k->name) {
            gan_real one[M];
            fill(a, M);
            fill(b, M);
            // g (y (1 - y)): a fused y - y y would differ
            for (int i = 0; i < M; ++i) one[i] = 1;
            map2(k, GAN__MAP_sub, t, one, b);
            map2(k, GAN__MAP_mul, t, b, t);
            map2(k, GAN__MAP_mul, y, a, t);
            map2(k, GAN__MAP_sigmoid_backward, z, a, b);
            CHECK_BYTES(y, z, sizeof y, "sigmoid_backward");
        }
        TESTF ("%s: fma has one rounding where there is an instruction for it", k->name) {
            const double tiny = sizeof(gan_real) == 4 ? 3.5762787e-7 : 6.661338147750939e-16;
            const gan_real x = (gan_real)(1 + tiny), minus = -1;
            const int fused = k->isa == GAN_ISA_AVX2 || k->isa == GAN_ISA_AVX512 || k->isa == GAN_ISA_NEON;
            const double over = (double)x - 1, want = 2 * over + over * over;
            gan_real got;
            const gan__cpu_map one = {1, &got, &x, &x, &minus, 1, 1, 1, 0, 0};
            gan__isa_map(k, GAN__MAP_fma, &one);
            CHECK(got == (gan_real)want || (!fused && fabs((double)got - want) <= 2.1 * REAL_EPS),
                  "got %.9g, exact %.9g", (double)got, want);
        }
        TESTF ("%s: sums of few whole numbers are exact at every length", k->name) {
            for (int i = 0; i < M; ++i) a[i] = (gan_real)(i + 1);
            for (int n = 0; n <= M; ++n)
                CHECK_NEAR(k->sum((size_t)n, a), n * (n + 1) / 2, 0, "the sum of 1 .. n");
        }
        TESTF ("%s: the sum of one vector is a tree over halves", k->name) {
            gan_real half[M];
            fill(a, M);
            memcpy(half, a, sizeof half);
            for (int w = k->lanes / 2; w > 0; w /= 2)
                for (int i = 0; i < w; ++i) half[i] += half[i + w];
            CHECK_NEAR(k->sum((size_t)k->lanes, a), half[0], 0, "one vector");
        }
    }
    TEST_MUST_FAIL ("a NaN that moved is caught") {
        gan_real y[N] = {0};
        y[3] = not_a_number();
        nan_at(gan__isa_choose(GAN_ISA_SCALAR), "moved", y, 4);
    }
    TEST_MUST_FAIL ("a sigmoid_backward that computes y - y y is caught") {
        gan_real b[M], minus[M], one[M], y[M], z[M];
        k = gan__isa_choose(GAN_ISA_AUTO);
        fill(b, M);
        for (int i = 0; i < M; ++i) minus[i] = -b[i], one[i] = 1;
        const gan__cpu_map of = {M, y, minus, b, b, 1, 1, 1, 0, 0};
        gan__isa_map(k, GAN__MAP_fma, &of);
        map2(k, GAN__MAP_sigmoid_backward, z, one, b);
        CHECK_BYTES(y, z, sizeof y, "sigmoid_backward");
    }
    return test_done();
}
