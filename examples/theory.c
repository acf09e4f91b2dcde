// The theory of GANs: what it says in closed form beside what came out of samples (theory.h;
// tests/test_theory.c holds it to tolerances).
//     cc -O2 -I. examples/theory.c -lm -o theory && ./theory
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "theory.h"

static void best_discriminator(gan_context *ctx, ex_plot *plot, int steps)
{
    const th_density one = th_normal(0, 1), two = th_normals(.5, -2, .7, 2, .7);
    const th_density left = th_uniform(-2, 0), right = th_uniform(1, 3);
    const th_density *p[3] = {&two, &one, &left}, *q[3] = {&one, &one, &right};
    static const char *const names[3] = {"overlapping", "equal", "disjoint"};
    static double x[TH_GRID], logits[TH_GRID], learned[TH_GRID], best[TH_GRID];
    int i, k;
    printf("\n1. For a fixed G the best D is p / (p + q), and then V = -log 4 + 2 JSD(p, q)\n");
    printf("   p and q       max |D - p/(p+q)|          V   -log 4 + 2 JSD\n");
    for (i = 2; i >= 0 && !ex_stop; --i) {
        th_logits(th_discriminator(ctx, names[i], p[i], q[i], steps), logits);
        printf("   %-12s %18.4f %10.4f %16.4f\n", names[i], th_error(logits, p[i], q[i]),
               th_value(logits, p[i], q[i]), 2 * th_jsd(p[i], q[i]) - TH_LOG4);
    }
    for (k = 0; k < TH_GRID; ++k) {
        x[k] = th_cell(k);
        learned[k] = th_sigmoid(logits[k]);
        best[k] = th_optimal(p[0], q[0], x[k]);
    }
    ex_plot_panel(plot, 0, 2, 0, 2, "D between two densities p and q", -4, 4, 0, 1.2);
    ex_plot_curve(plot, x, best, 1, TH_GRID, 5, EX_ORANGE);
    ex_plot_curve(plot, x, learned, 1, TH_GRID, 2, EX_BLUE);
    ex_plot_legend(plot, "D, learned", EX_BLUE);
    ex_plot_legend(plot, "p/(p+q)", EX_ORANGE);
}

static void generator_arrives(gan_context *ctx, ex_plot *plot, int steps)
{
    const th_density data = th_normal(3, 1);
    const th_game game = th_play(ctx, "shift", "logistic", steps, 1);
    const th_density reached = th_normal(game.theta, 1);
    double theta[61], c[61];
    int i;
    printf("\n2. A generator that reaches its data: G(z) = z + theta, data N(3, 1)\n");
    printf("                  came out   theory\n   theta         %9.3f   3\n   D(G(z))       %9.3f   .5\n",
           game.theta, game.d_fake);
    printf("   C(G)          %9.4f   -log 4 = %.4f\n", th_best_value(ctx, "judge", &data, &reached, steps),
           -TH_LOG4);
    ex_plot_panel(plot, 1, 2, 0, 2, "C(G) for G(z) = z + theta, data N(3, 1)", -1, 7, -1.6, .2);
    for (i = 0; i <= 60; ++i) {
        const th_density g = th_normal(theta[i] = -1 + i * 8 / 60., 1);
        c[i] = 2 * th_jsd(&data, &g) - TH_LOG4;
    }
    ex_plot_line(plot, -TH_LOG4, EX_RED);
    ex_plot_curve(plot, theta, c, 1, 61, 2, EX_ORANGE);
    for (i = 0; i < 7 && !ex_stop; ++i) {
        const th_density g = th_normal(i, 1);
        char name[16];
        snprintf(name, sizeof name, "at%d", i);
        ex_plot_point(plot, i, th_best_value(ctx, name, &data, &g, steps / 4), 9, EX_BLUE);
    }
    ex_plot_legend(plot, "max V, learned", EX_BLUE);
    ex_plot_legend(plot, "-log 4 + 2 JSD", EX_ORANGE);
    ex_plot_legend(plot, "-log 4", EX_RED);
}

static void parallel_lines(gan_context *ctx, ex_plot *plot)
{
    const double corner[3] = {-1, 0, 1}, w[3] = {1, 0, 1};
    th_lines r[5];
    char name[2][16];
    int i, k;
    printf("\n3. Two parallel lines, theta apart (Arjovsky 2017); beside each the theory\n");
    printf("   theta       W         JSD of D       TV of D   KL after 8, 64, 512 steps of D\n");
    for (i = 0; i < 5; ++i) {
        const int apart = i != 2;
        snprintf(name[0], sizeof name[0], "d%d", i);
        snprintf(name[1], sizeof name[1], "critic%d", i);
        r[i] = th_parallel(ctx, name[0], name[1], (i - 2) * .5);
        printf("   %5.1f  %6.3f %3.1f   %6.3f %5.3f   %6.3f %d  %7.1f %5.1f %5.1f %5s\n", r[i].theta, r[i].w,
               fabs(r[i].theta), r[i].jsd, apart * TH_LOG2, r[i].tv, apart, r[i].kl[3], r[i].kl[6],
               r[i].kl[9], apart ? "inf" : "0");
    }
    printf("   The gradient that G gets at theta = .5 after n steps of D, of the critic:\n");
    printf("        n   minimax (JSD)   Wasserstein\n");
    for (k = 0; k < TH_DOUBLINGS; ++k)
        printf("   %6d %15.5f %13.5f\n", 1 << k, r[3].grad_d[k], r[3].grad_critic[k]);
    printf("   theory               0             1\n");

    ex_plot_panel(plot, 0, 2, 1, 2, "parallel lines: distances against theta", -1.2, 1.2, -.1, 1.3);
    ex_plot_curve(plot, corner, w, 1, 3, 2, EX_GREEN);
    ex_plot_line(plot, TH_LOG2, EX_ORANGE);
    for (i = 0; i < 5; ++i) {
        ex_plot_point(plot, r[i].theta, r[i].w, 10, EX_GREEN);
        ex_plot_point(plot, r[i].theta, r[i].jsd, 10, EX_ORANGE);
    }
    ex_plot_legend(plot, "W", EX_GREEN);
    ex_plot_legend(plot, "JSD (0 at 0)", EX_ORANGE);
    ex_plot_panel(plot, 1, 2, 1, 2, "G's gradient against steps of D (both log2)", 0, TH_DOUBLINGS - 1, -12,
                  4);
    for (k = 1; k < TH_DOUBLINGS; ++k) {
        ex_plot_segment(plot, k - 1, log2(r[3].grad_d[k - 1]), k, log2(r[3].grad_d[k]), 2, EX_ORANGE);
        ex_plot_segment(plot, k - 1, log2(r[3].grad_critic[k - 1]), k, log2(r[3].grad_critic[k]), 2,
                        EX_GREEN);
    }
    ex_plot_line(plot, 0, EX_RED);
    ex_plot_legend(plot, "Wasserstein", EX_GREEN);
    ex_plot_legend(plot, "minimax (JSD)", EX_ORANGE);
}

int main(int argc, char **argv)
{
    const ex_options o =
        ex_start(argc, argv, "theory", "what the theory says beside what came out", 2000, "out/theory", "");
    gan_context *ctx = ex_context(&o);
    ex_plot plot = ex_plot_new(1200, 900);
    best_discriminator(ctx, &plot, o.steps);
    generator_arrives(ctx, &plot, o.steps);
    parallel_lines(ctx, &plot);
    ex_plot_write(&plot, ctx, ex_path(&o, "theory.png"));
    printf("\nthe picture is in %s\n", o.out);
    return ex_finish(ctx);
}
