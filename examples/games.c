// The game f(x, y) = x y: x goes down, y goes up, both by gradients, and nobody arrives. What mends it, with
// the factor that theory gives for |(x, y)| (games.h); then a function without a gradient, by the subgradient
// method. tests/test_game.c holds all of it to tolerances.
//     cc -O2 -I. examples/games.c -lm -o games && ./games
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "games.h"

static const int colors[GM_COUNT] = {EX_RED,    EX_GREY,  EX_BLUE,  EX_GREEN,
                                     EX_ORANGE, 0x7040A0, 0x109090, EX_BLACK};

static void play(gan_context *ctx, ex_plot *plot, int steps)
{
    const double rate = .1;
    static double x[2][1001], step[1001], far[GM_COUNT][1001];
    int k, t, n = steps > 1000 ? 1000 : steps > 0 ? steps : 1;
    printf("\nx y from (1, 1), rate %g: |(x, y)| after %d steps\n", rate, n);
    printf("                            came out       theory    per step, in the long run\n");
    for (k = 0; k < (int)GM_COUNT && !ex_stop; ++k) {
        const double factor = gm_factor(k, rate);
        char name[2][32];
        gm_game g;
        snprintf(name[0], sizeof name[0], "x.%s", gm_methods[k].name);
        snprintf(name[1], sizeof name[1], "y.%s", gm_methods[k].name);
        g = gm_start(ctx, name[0], name[1], gm_optimizer(k, (gan_real)rate));
        for (t = 0; t <= n; ++t) {
            x[0][t] = (double)gan_item(g.w[0]), x[1][t] = (double)gan_item(g.w[1]);
            step[t] = t, far[k][t] = log10(gm_distance(&g));
            if (t < n) gm_methods[k].step(&g, t);
        }
        printf("%-24s %11.4g  %11.4g   %9.6f   %s\n", gm_methods[k].label, gm_distance(&g),
               1.41421356 * pow(factor, n), factor, gm_methods[k].source);
        ex_plot_panel(plot, k % 4, 4, k / 4, 3, gm_methods[k].label, -2, 2, -2, 2);
        ex_plot_curve(plot, x[0], x[1], 1, n < 300 ? n + 1 : 300, 2, colors[k]);
        ex_plot_point(plot, 1, 1, 9, EX_BLACK);
    }
    ex_plot_panel(plot, 0, 2, 2, 3, "log10 |(x, y)| by step", 0, n < 300 ? n : 300, -4, 2);
    for (t = 0; t < k; ++t) ex_plot_curve(plot, step, far[t], 1, n + 1, 2, colors[t]);
}

static void descend(gan_context *ctx, ex_plot *plot, int steps)
{
    static const double rates[3] = {.2, .05, .01};
    static const int shades[3] = {EX_ORANGE, EX_BLUE, EX_GREEN};
    static double at[3][1001];
    int i, k, n = steps > 1000 ? 1000 : steps > 0 ? steps : 1;
    printf("\nsum |x_k - q_k| / (k + 1) by subgradients: best f - min f after %d constant steps a\n", n);
    ex_plot_panel(plot, 1, 2, 2, 3, "log10 (best f - min f), thin: its bound", 0, n, -3, 1.5);
    printf("        a     came out   at most (theorem 6)\n");
    for (i = 0; i < 3 && !ex_stop; ++i) {
        char name[16];
        gan_model *m =
            gan_model_create(ctx, (snprintf(name, sizeof name, "convex%d", i), name), gm_vector, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_subgradient((gan_real)rates[i], GAN_STEP_CONSTANT));
        double f, best = HUGE_VAL;
        for (k = 1; k <= n; ++k) {
            f = (double)gan_minimize(o, gm_nonsmooth(ctx, gan_forward(m, gan_zeros(ctx, 1, GM_SIZE), NULL)));
            best = fmin(best, f);
            at[0][k] = k, at[1][k] = log10(best), at[2][k] = log10(gm_bound(rates[i], k));
        }
        printf("   %6.2f %12.5f %12.5f\n", rates[i], (double)gan_optimizer_best(o), gm_bound(rates[i], n));
        ex_plot_curve(plot, at[0] + 1, at[1] + 1, 1, n, 3, shades[i]);
        ex_plot_curve(plot, at[0] + 1, at[2] + 1, 1, n, 1, shades[i]);
    }
}

int main(int argc, char **argv)
{
    const ex_options o = ex_start(argc, argv, "games", "ways to play x y", 300, "out/games", "");
    gan_context *ctx = ex_context(&o);
    ex_plot plot = ex_plot_new(1400, 1050);
    play(ctx, &plot, o.steps);
    descend(ctx, &plot, o.steps);
    ex_plot_write(&plot, ctx, ex_path(&o, "games.png"));
    printf("\nthe picture is in %s\n", o.out);
    return ex_finish(ctx);
}
