// What examples/modes.c counts: gan_mode_report on the mixtures of examples/modes.h, on points placed by
// hand, with negative controls.
#include "../gan.h"
#include "test.h"

#include "../examples/modes.h"

enum { EACH = 40, POINTS = MD_MAX * EACH };

static gan_real xy[4 * POINTS];

// `each` points for every mode from `first` on, `off` sigma from it in a direction of their own; how many
static int place(const md_mixture *m, int first, int each, double off)
{
    int i, k, n = 0;
    for (k = first; k < m->modes; ++k)
        for (i = 0; i < each; ++i, ++n) {
            xy[2 * n] = (gan_real)((double)m->mode[k][0] + off * (double)m->sigma * cos(i));
            xy[2 * n + 1] = (gan_real)((double)m->mode[k][1] + off * (double)m->sigma * sin(i));
        }
    return n;
}

// of the first n points
static gan_modes score(const md_mixture *m, int n)
{
    gan_context *ctx = gan_create(NULL);
    const gan_modes s = gan_mode_report(gan_from(ctx, xy, n, 2), md_centers(ctx, m), m->sigma);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return s;
}

static void check_score(gan_modes s, int modes, double quality, double kl)
{
    CHECK(s.modes == modes, "%d modes, not %d", s.modes, modes);
    CHECK_NEAR(s.quality, quality, 1e-12, "share of high quality");
    CHECK_NEAR(s.kl, kl, 1e-12, "reverse KL");
}

static void test_mixture(md_mixture m)
{
    int i, k, n;
    TESTF ("%s: points at 2.9 sigma around every mode cover all, quality 1, reverse KL 0", m.name) {
        n = place(&m, 0, EACH, 2.9);
        check_score(score(&m, n), m.modes, 1, 0);
    }
    TESTF ("%s: at 3.1 sigma no point is of high quality, so no mode is covered; reverse KL stays 0",
           m.name) {
        n = place(&m, 0, EACH, 3.1);
        check_score(score(&m, n), 0, 0, 0);
    }
    TESTF ("%s: modes dropped, reverse KL = log(all / covered)", m.name)
        for (k = 1; k < m.modes; ++k) {
            n = place(&m, k, EACH, 1);
            check_score(score(&m, n), m.modes - k, 1, log((double)m.modes / (m.modes - k)));
        }
    TESTF_MUST_FAIL ("%s: a mixture that has lost one mode does not pass for the whole", m.name) {
        n = place(&m, 1, EACH, 1);
        check_score(score(&m, n), m.modes, 1, 0);
    }
    TESTF_MUST_FAIL ("%s: nor does the other divergence, KL(uniform || points), which is infinite", m.name) {
        n = place(&m, 1, EACH, 1);
        CHECK_NEAR(score(&m, n).kl, HUGE_VAL, 1e-12, "KL");
    }
    TESTF ("%s: one point of high quality covers a mode; the others there may be anywhere near", m.name) {
        n = place(&m, 0, EACH, 4);
        for (k = 0; k < m.modes; ++k) xy[2 * k * EACH] = m.mode[k][0];
        for (k = 0; k < m.modes; ++k) xy[2 * k * EACH + 1] = m.mode[k][1];
        check_score(score(&m, n), m.modes, 1. / EACH, 0);
    }
    TESTF ("%s: half of all points on mode 0, q = 1/2 and the rest even: a closed form", m.name) {
        const double rest = .5 / (m.modes - 1);
        n = place(&m, 1, EACH, 0);
        for (i = 0; i < n; ++i) xy[2 * (n + i)] = m.mode[0][0];
        for (i = 0; i < n; ++i) xy[2 * (n + i) + 1] = m.mode[0][1];
        check_score(score(&m, 2 * n), m.modes, 1, .5 * log(.5 * m.modes) + .5 * log(rest * m.modes));
    }
    TESTF ("%s: points of its own distribution: all modes, 98.9 %%, reverse KL as of chance", m.name) {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_dataset_batch(gan_dataset_toy(ctx, m.toy), 10000, NULL);
        const gan_modes s = gan_mode_report(x, md_centers(ctx, &m), m.sigma);
        CHECK(s.modes == m.modes, "%d modes", s.modes);
        CHECK_NEAR(s.quality, 1 - exp(-4.5), .004, "share of high quality"); // 4 deviations
        // 2 n KL is chi-square with modes - 1 degrees of freedom: mean and 4.5 deviations of it
        CHECK(20000 * s.kl < m.modes - 1 + 4.5 * sqrt(2. * (m.modes - 1)), "2 n KL = %g", 20000 * s.kl);
        gan_destroy(ctx);
    }
    TESTF ("%s: NaN and infinity beside a whole mixture halve its quality, not its reverse KL", m.name) {
        n = place(&m, 0, EACH, 1);
        for (i = 0; i < n; ++i) xy[2 * (n + i)] = i % 2 ? (gan_real)NAN : 0;
        for (i = 0; i < n; ++i) xy[2 * (n + i) + 1] = i % 2 ? 0 : (gan_real)INFINITY;
        check_score(score(&m, 2 * n), m.modes, .5, 0);
    }
}

int main(void)
{
    TEST_MUST_FAIL ("a ring taken for a grid is caught") {
        const md_mixture ring = md_ring(), grid = md_grid();
        const int n = place(&ring, 0, EACH, 1);
        check_score(score(&grid, n), 8, 1, log(25. / 8));
    }
    test_mixture(md_ring());
    test_mixture(md_grid());
    return test_done();
}
