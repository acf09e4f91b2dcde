// The theory of GANs against what is learned from samples: examples/theory.h and divergence.h held to
// tolerances, with negative controls.
#include "../gan.h"
#include "test.h"

#include "../examples/divergence.h"

enum { STEPS = 1500, FEWER = 600 };

static double logits[3][TH_GRID];
static th_density p[3], q[3];

static const int p_points[TH_POINTS] = {3, 2, 4, 1}, q_points[TH_POINTS] = {2, 5, 1, 2};

// The kind's critic is learned once, for p = N(0, 1) and q = N(.5, 1.1^2).
static double learned[GAN_LOSS_COUNT], critic[GAN_LOSS_COUNT][TH_GRID];

// Hinge, EBGAN and total variation have a best D that jumps where p = q.
static int jumps(gan_loss loss) { return strcmp(th_rows[loss]->measures, "TV") == 0; }

static void closed_forms(const th_density *one, const th_density *other)
{
    int i, closed = 0;
    TEST ("what a loss measures in closed form, between N(0, 1) and N(.5, 1.1^2), is its integral") {
        for (i = 0; i < GAN_LOSS_COUNT; ++i) {
            const double by_form = th_rows[i]->closed(.5, 1.1);
            if (by_form == 0) continue;
            CHECK_NEAR(th_by_quadrature((gan_loss)i, one, other), by_form, 1e-6, gan_loss_name((gan_loss)i));
            ++closed;
        }
        CHECK(closed >= 9, "%d closed forms", closed);
    }
    TEST_MUST_FAIL ("a wrong density is caught: q moved to .6")
        CHECK_NEAR(th_by_quadrature(GAN_LOSS_F_KL, one, other), th_kl(.6, 1.1), 1e-3, "KL");
    TEST_MUST_FAIL ("KL the other way around is caught")
        CHECK_NEAR(th_by_quadrature(GAN_LOSS_F_KL, one, other), th_kl(.5 / 1.1, 1 / 1.1), 1e-3, "KL");
    TEST ("2 JSD is JSD twice, and is what section 1 calls JSD")
        CHECK_NEAR(th_by_quadrature(GAN_LOSS_F_JENSEN_SHANNON, one, other), 2 * th_jsd(one, other), 1e-9,
                   "JSD");
}

// How far the D of one loss is at most from the best D of another, where most samples are.
static double off_best(gan_loss d, gan_loss loss, const th_density *one, const th_density *other)
{
    double off = 0;
    int k;
    for (k = 0; k < TH_GRID; ++k) {
        const double x = th_cell(k), best = th_rows[loss]->best(th_pdf(one, x) / th_pdf(other, x));
        if (fabs(x) < 1.5 && !(fabs(critic[d][k] - best) <= off)) off = fabs(critic[d][k] - best);
    }
    return off;
}

static void every_divergence(gan_context *ctx, const th_density *one, const th_density *other)
{
    double by_theory[GAN_LOSS_COUNT];
    int i, k;
    for (i = 0; i < GAN_LOSS_COUNT; ++i) {
        const gan_loss loss = (gan_loss)i;
        if (!th_rows[i]->measures) continue;
        by_theory[i] = th_between_normals(loss, .5, 1.1);
        learned[i] = th_learn_normals(ctx, "normals", loss, .5, 1.1, FEWER, critic[i]);
        TESTF ("%s: the best D's loss is %s between two normals, a learned D comes to it from below",
               gan_loss_name(loss), th_rows[i]->measures) {
            CHECK_NEAR(learned[i], by_theory[i], loss == GAN_LOSS_F_NEYMAN ? .03 : .003, "learned");
            CHECK(learned[i] < by_theory[i] + 1e-6, "learned %g, more than %g", learned[i], by_theory[i]);
        }
        if (jumps(loss)) continue;
        TESTF ("%s: where the samples are, D is the best one, a function of p / q", gan_loss_name(loss))
            CHECK(off_best(loss, loss, one, other) < .2, "off by %g", off_best(loss, loss, one, other));
    }
    TEST_MUST_FAIL ("the best D of reverse KL is not that of KL") {
        const double off = off_best(GAN_LOSS_F_KL, GAN_LOSS_F_REVERSE_KL, one, other);
        CHECK(off < .2, "off by %g", off);
    }
    TEST_MUST_FAIL ("a wrong conjugate is caught: the D of KL in the loss of reverse KL")
        CHECK_NEAR(-th_expected_loss(ctx, GAN_LOSS_F_REVERSE_KL, critic[GAN_LOSS_F_KL], one, other),
                   by_theory[GAN_LOSS_F_REVERSE_KL], .01, "reverse KL");
    TEST_MUST_FAIL ("a wrong sign is caught: D's loss in the place of minus it")
        CHECK_NEAR(-learned[GAN_LOSS_F_KL], by_theory[GAN_LOSS_F_KL], .01, "KL");
    TEST_MUST_FAIL ("a wrong density is caught: p and q exchanged") {
        const gan_loss loss = GAN_LOSS_F_KL;
        CHECK_NEAR(-th_expected_loss(ctx, loss, critic[loss], other, one), by_theory[loss], .01, "KL");
    }
    TEST_MUST_FAIL ("a D that has not learned is caught") {
        static double unlearned[TH_GRID];
        CHECK_NEAR(th_learn_normals(ctx, "idle", GAN_LOSS_F_KL, .5, 1.1, 1, unlearned),
                   by_theory[GAN_LOSS_F_KL], .01, "KL");
    }
    TEST ("the mean of D's loss by the midpoint rule: that of constants, any row that is a sum of terms") {
        static double constant[TH_GRID];
        for (k = 0; k < TH_GRID; ++k) constant[k] = .7;
        for (i = 0; i < GAN_LOSS_COUNT; ++i) {
            const gan_loss_desc loss = th_loss((gan_loss)i);
            gan_tensor *v;
            if (!th_rows[i]->measures) continue;
            gan_scope_open(ctx);
            v = gan_full(ctx, TH_REAL(.7), 1, 1);
            CHECK_NEAR(th_expected_loss(ctx, (gan_loss)i, constant, one, other),
                       gan_item(gan_loss_d_ex(&loss, v, v)), 2e-6, gan_loss_name((gan_loss)i));
            gan_scope_close(ctx);
        }
    }
}

static void four_points(gan_context *ctx)
{
    int i;
    for (i = 0; i < GAN_LOSS_COUNT; ++i) {
        const gan_loss loss = (gan_loss)i;
        double got, want;
        if (!th_rows[i]->measures) continue;
        got = th_learn_points(ctx, "points", loss, p_points, q_points, STEPS).measured;
        want = th_between_points(loss, p_points, q_points);
        TESTF ("%s: %s of two distributions on four points", gan_loss_name(loss), th_rows[i]->measures) {
            CHECK_NEAR(got, want, loss == GAN_LOSS_F_TOTAL_VARIATION ? 1e-3 : 1e-4, "learned");
            CHECK(got < want + 1e-6, "learned %g, more than %g", got, want);
        }
    }
    TEST_MUST_FAIL ("on points, too, KL the other way around is caught")
        CHECK_NEAR(th_between_points(GAN_LOSS_F_KL, p_points, q_points),
                   th_between_points(GAN_LOSS_F_REVERSE_KL, p_points, q_points), 1e-2, "KL");
}

static void equal_distributions(gan_context *ctx)
{
    th_outcome e;
    int i, moved = 0;
    for (i = 0; i < GAN_LOSS_COUNT; ++i) {
        e = th_learn_points(ctx, "equal", (gan_loss)i, p_points, p_points, STEPS);
        TESTF ("%s: where p = q D's loss ends at %s, G's at %s", gan_loss_name((gan_loss)i),
               th_rows[i]->d_text, th_rows[i]->g_text) {
            CHECK_NEAR(e.at.d, e.d, 1e-4, "D's");
            CHECK_NEAR(e.at.g, e.g, 1e-4, "G's");
        }
        moved += e.at.first > e.at.d + .01;
    }
    TEST ("most of them had to learn that") CHECK(moved >= 17, "%d of %d", moved, (int)GAN_LOSS_COUNT);
    e = th_learn_points(ctx, "unequal", GAN_LOSS_F_KL, p_points, q_points, STEPS);
    TEST_MUST_FAIL ("distributions that differ are caught by D's loss") CHECK_NEAR(e.at.d, e.d, 1e-2, "D's");
    TEST_MUST_FAIL ("and by G's") CHECK_NEAR(e.at.g, e.g, 1e-2, "G's");
    e = th_learn_points(ctx, "idle", GAN_LOSS_MINIMAX, p_points, p_points, 0);
    TEST_MUST_FAIL ("a D that has not learned is caught") CHECK_NEAR(e.at.d, e.d, 1e-2, "D's");
}

static void earth_movers(gan_context *ctx)
{
    static double best[TH_GRID], f[TH_GRID];
    const th_density one = th_normal(0, 1), moved = th_normal(3, 1), left = th_uniform(-2, 0);
    const th_density right = th_uniform(1, 3), middle = th_normals(.5, -2, .7, 2, .7);
    const th_density *from[2] = {&right, &middle}, *to[2] = {&left, &one};
    static const char *const names[2] = {"apart", "mixed"};
    const double tol[2] = {.01, .03};
    th_lipschitz r;
    double w, reached;
    int i, k;
    TEST ("the earth mover's distance by distribution functions: how far one was moved; 0 when it was not") {
        CHECK_NEAR(th_earth_mover(&moved, &one, best), 3, 1e-3, "normals");
        CHECK_NEAR(th_earth_mover(&one, &moved, best), 3, 1e-3, "normals, back");
        CHECK_NEAR(th_earth_mover(&right, &left, best), 3, 1e-3, "uniform ones");
        CHECK_NEAR(th_earth_mover(&one, &one, best), 0, 1e-12, "the same");
    }
    for (i = 0; i < 2; ++i) {
        w = th_earth_mover(from[i], to[i], best);
        for (reached = 0, k = 0; k < TH_GRID; ++k)
            reached += (th_pdf(from[i], th_cell(k)) - th_pdf(to[i], th_cell(k))) * best[k] * (th_hi - th_lo) /
                       TH_GRID;
        TESTF ("%s: the best critic has slope 1 and E_p f - E_q f = W", names[i])
            CHECK_NEAR(reached, w, .005, "W");
        r = th_learn_lipschitz(ctx, names[i], from[i], to[i], 100, FEWER, f);
        TESTF ("%s: WGAN-GP's critic reaches W, its slope on the interpolates 1", names[i]) {
            CHECK_NEAR(r.slope, 1 + w / 200, .02, "slope");
            CHECK_NEAR(r.value / r.slope, w, tol[i], "value over slope");
            CHECK_NEAR(r.value, w, .05, "value");
        }
    }
    w = th_earth_mover(&right, &left, best);
    r = th_learn_lipschitz(ctx, "weak", &right, &left, 1, FEWER, f);
    TEST ("with a weak penalty, lambda 1, the slope is 1 + W / 2, the value over it still W") {
        CHECK_NEAR(r.slope, 1 + w / 2, .03, "slope");
        CHECK_NEAR(r.value / r.slope, w, .05, "value over slope");
    }
    TEST_MUST_FAIL ("and that slope does not pass for 1") CHECK_NEAR(r.slope, 1, .05, "slope");
    TEST_MUST_FAIL ("nor its value for W") CHECK_NEAR(r.value, w, .05, "value");
    r = th_learn_lipschitz(ctx, "reversed", &left, &right, 100, FEWER, f);
    TEST_MUST_FAIL ("a critic of q and p is caught by its sign") {
        for (reached = 0, k = 0; k < TH_GRID; ++k)
            reached +=
                (th_pdf(&right, th_cell(k)) - th_pdf(&left, th_cell(k))) * f[k] * (th_hi - th_lo) / TH_GRID;
        CHECK_NEAR(reached, w, .05, "value");
    }
    reached = th_learn_wrong(ctx, "wrong_gp", GAN_PENALTY_WGAN_GP, STEPS);
    TEST ("a critic of slope -1 stays near it under the two-sided penalty, and turns under the one-sided") {
        CHECK_NEAR(reached, -1 + w / 200, .002, "WGAN-GP");
        CHECK_NEAR(th_learn_wrong(ctx, "wrong_lp", GAN_PENALTY_WGAN_LP, STEPS), 1 + w / 200, .002, "WGAN-LP");
    }
    TEST_MUST_FAIL ("that it stays is caught") CHECK_NEAR(reached, 1 + w / 200, .05, "slope");
}

int main(void)
{
    gan_context *ctx = gan_create(NULL);
    static const char *const names[3] = {"overlapping", "equal", "disjoint"};
    const th_density other = th_normal(.5, 1.1);
    th_density data = th_normal(3, 1), at_zero = th_normal(0, 1), reached;
    th_game game, idle;
    th_lines apart, together;
    double best;
    int i, k;

    p[0] = th_normals(.5, -2, .7, 2, .7), q[0] = th_normal(0, 1);
    p[1] = q[1] = th_normal(0, 1);
    p[2] = th_uniform(-2, 0), q[2] = th_uniform(1, 3);

    TEST ("the quadrature of JSD: 0 for equal densities, log 2 for disjoint ones") {
        CHECK_NEAR(th_jsd(&p[1], &q[1]), 0, 1e-12, "equal");
        CHECK_NEAR(th_jsd(&p[2], &q[2]), TH_LOG2, 1e-9, "disjoint");
        CHECK(th_jsd(&p[0], &q[0]) > .1 && th_jsd(&p[0], &q[0]) < .5, "overlapping: %g",
              th_jsd(&p[0], &q[0]));
    }
    for (i = 0; i < 3; ++i) th_logits(th_discriminator(ctx, names[i], &p[i], &q[i], STEPS), logits[i]);
    TEST ("the best D between two known densities is p / (p + q)")
        for (i = 0; i < 3; ++i)
            CHECK(th_error(logits[i], &p[i], &q[i]) < .03, "%s: max error %g", names[i],
                  th_error(logits[i], &p[i], &q[i]));
    TEST_MUST_FAIL ("a wrong density is caught: q moved by .5") {
        const th_density moved = th_normal(.5, 1);
        CHECK(th_error(logits[0], &p[0], &moved) < .03, "max error %g", th_error(logits[0], &p[0], &moved));
    }
    TEST_MUST_FAIL ("a wrong sign is caught: q / (p + q)")
        CHECK(th_error(logits[0], &q[0], &p[0]) < .03, "max error %g", th_error(logits[0], &q[0], &p[0]));
    TEST ("V at the best D is -log 4 + 2 JSD: overlapping, equal, disjoint")
        for (i = 0; i < 3; ++i)
            CHECK_NEAR(th_value(logits[i], &p[i], &q[i]), 2 * th_jsd(&p[i], &q[i]) - TH_LOG4, .002, names[i]);
    TEST ("no D does better than the best one")
        for (i = 0; i < 3; ++i)
            CHECK(th_value(logits[i], &p[i], &q[i]) <= 2 * th_jsd(&p[i], &q[i]) - TH_LOG4 + 1e-9, "%s: %g",
                  names[i], th_value(logits[i], &p[i], &q[i]));
    TEST_MUST_FAIL ("a wrong formula is caught: -log 4 + JSD")
        CHECK_NEAR(th_value(logits[0], &p[0], &q[0]), th_jsd(&p[0], &q[0]) - TH_LOG4, .002, "V");
    TEST_MUST_FAIL ("a wrong sign is caught: -log 4 - 2 JSD")
        CHECK_NEAR(th_value(logits[0], &p[0], &q[0]), -2 * th_jsd(&p[0], &q[0]) - TH_LOG4, .002, "V");
    TEST_MUST_FAIL ("a D trained for another pair is caught by its V")
        CHECK_NEAR(th_value(logits[1], &p[0], &q[0]), 2 * th_jsd(&p[0], &q[0]) - TH_LOG4, .002, "V");

    game = th_train(ctx, "shift", "logistic", STEPS, 1);
    reached = th_normal(game.theta, 1);
    best = th_best_value(ctx, "judge", &data, &reached, STEPS);
    TEST ("a generator that reaches its data: theta = 3, D(x) = D(G(z)) = 1/2, C(G) = -log 4") {
        CHECK_NEAR(game.theta, 3, .05, "theta");
        CHECK_NEAR(game.d_fake, .5, .01, "D(G(z))");
        CHECK_NEAR(game.d_real, .5, .01, "D(x)");
        CHECK_NEAR(best, -TH_LOG4, .002, "C(G)");
    }
    idle = th_train(ctx, "idle_shift", "idle_logistic", STEPS, 0);
    TEST_MUST_FAIL ("a generator that does not learn is caught by D(G(z))")
        CHECK_NEAR(idle.d_fake, .5, .01, "D(G(z))");
    best = th_best_value(ctx, "idle_judge", &data, &at_zero, STEPS);
    TEST ("then C(G) = -log 4 + 2 JSD(data, G)")
        CHECK_NEAR(best, 2 * th_jsd(&data, &at_zero) - TH_LOG4, .002, "C(G)");
    TEST_MUST_FAIL ("and by C(G)") CHECK_NEAR(best, -TH_LOG4, .002, "C(G)");

    apart = th_parallel(ctx, "d_apart", "critic_apart", .5);
    together = th_parallel(ctx, "d_together", "critic_together", 0);
    TEST ("parallel lines: W = |theta|") {
        CHECK_NEAR(apart.w, .5, .03, "theta .5");
        CHECK_NEAR(together.w, 0, .03, "theta 0");
    }
    TEST ("parallel lines: JSD = log 2 and TV = 1, or both 0 where the lines meet") {
        CHECK_NEAR(apart.jsd, TH_LOG2, .002, "JSD at .5");
        CHECK_NEAR(apart.tv, 1, 1e-9, "TV at .5");
        CHECK_NEAR(together.jsd, 0, .002, "JSD at 0");
        CHECK_NEAR(together.tv, 0, .1, "TV at 0");
    }
    TEST ("parallel lines: KL is infinite, D's estimate of it grows as long as D learns") {
        for (k = 3; k < TH_DOUBLINGS; ++k)
            CHECK(apart.kl[k] > apart.kl[k - 1], "after %d steps %g, then %g", 1 << (k - 1), apart.kl[k - 1],
                  apart.kl[k]);
        CHECK(apart.kl[TH_DOUBLINGS - 1] > 5, "%g", apart.kl[TH_DOUBLINGS - 1]);
        CHECK_NEAR(together.kl[TH_DOUBLINGS - 1], 0, .1, "KL at 0");
    }
    TEST ("the gradient of JSD vanishes as D approaches its best, the critic's does not") {
        CHECK(apart.grad_d[TH_DOUBLINGS - 1] < .02, "minimax: %g", apart.grad_d[TH_DOUBLINGS - 1]);
        CHECK(apart.grad_d[TH_DOUBLINGS - 1] < .1 * apart.grad_d[5], "minimax: %g, earlier %g",
              apart.grad_d[TH_DOUBLINGS - 1], apart.grad_d[5]);
        CHECK_NEAR(apart.grad_critic[TH_DOUBLINGS - 1], 1, .15, "Wasserstein");
    }
    TEST_MUST_FAIL ("the critic's gradient does not pass for a vanishing one")
        CHECK(apart.grad_critic[TH_DOUBLINGS - 1] < .02, "%g", apart.grad_critic[TH_DOUBLINGS - 1]);
    TEST_MUST_FAIL ("lines that meet do not pass for lines apart: JSD")
        CHECK_NEAR(together.jsd, TH_LOG2, .002, "JSD");
    TEST_MUST_FAIL ("lines that meet do not pass for lines apart: W") CHECK_NEAR(together.w, .5, .03, "W");
    closed_forms(&p[1], &other);
    every_divergence(ctx, &p[1], &other);
    four_points(ctx);
    equal_distributions(ctx);
    earth_movers(ctx);
    TEST ("nothing went wrong on the way") CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return test_done();
}
