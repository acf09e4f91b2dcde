// The theory of GANs against what is learned from samples: examples/theory.h held to tolerances, with
// negative controls.
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include "test.h"

#include "../examples/theory.h"

enum { STEPS = 1500 };

static double logits[3][TH_GRID];
static th_density p[3], q[3];

int main(void)
{
    gan_context *ctx = gan_create(NULL);
    static const char *const names[3] = {"overlapping", "equal", "disjoint"};
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

    game = th_play(ctx, "shift", "logistic", STEPS, 1);
    reached = th_normal(game.theta, 1);
    best = th_best_value(ctx, "judge", &data, &reached, STEPS);
    TEST ("a generator that reaches its data: theta = 3, D(x) = D(G(z)) = 1/2, C(G) = -log 4") {
        CHECK_NEAR(game.theta, 3, .05, "theta");
        CHECK_NEAR(game.d_fake, .5, .01, "D(G(z))");
        CHECK_NEAR(game.d_real, .5, .01, "D(x)");
        CHECK_NEAR(best, -TH_LOG4, .002, "C(G)");
    }
    idle = th_play(ctx, "idle_shift", "idle_logistic", STEPS, 0);
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
    TEST ("nothing went wrong on the way") CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return test_done();
}
