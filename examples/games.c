// The game f(x, y) = x y: x goes down, y goes up, both by gradients, and nobody arrives. What mends it, with
// the factor that theory gives for |(x, y)| (games.h); then a function without a gradient, by the subgradient
// method. tests/test_game.c holds all of it to tolerances.
//     cc -O2 -I. examples/games.c -lm -o games && ./games
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "games.h"

static const int colors[GM_COUNT] = {GAN_VERMILION, GAN_GRAY,   GAN_BLUE, GAN_GREEN,
                                     GAN_ORANGE,    GAN_PURPLE, GAN_SKY,  GAN_BLACK};

static void update(gan_context *ctx, gan_plot *plot, int steps)
{
    const double rate = .1, one = 1;
    static double x[2][1001], away[GM_COUNT][1001];
    gan_series s[GM_COUNT], path[2];
    gan_axes a;
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
            away[k][t] = gm_distance(&g);
            if (t < n) gm_methods[k].step(&g, t);
        }
        printf("%-24s %11.4g  %11.4g   %9.6f   %s\n", gm_methods[k].label, gm_distance(&g),
               1.41421356 * pow(factor, n), factor, gm_methods[k].source);
        path[0] = ex_series(NULL, GAN_MARK_LINE, x[0], x[1], n < 300 ? n + 1 : 300, 2, colors[k]);
        path[1] = ex_series(NULL, GAN_MARK_POINTS, &one, &one, 1, 9, GAN_BLACK);
        a = ex_axes(gm_methods[k].label, -2, 2, -2, 2, path, 2);
        gan_plot_panel(plot, k % 4, 4, k / 4, 3, &a);
        s[k] = ex_series(gm_methods[k].label, GAN_MARK_LINE, NULL, away[k], n + 1, 2, colors[k]);
    }
    a = ex_axes("|(x, y)| by step", 0, n < 300 ? n : 300, 1e-4, 100, s, k);
    a.y_log = 1;
    gan_plot_panel(plot, 0, 2, 2, 3, &a);
}

static void descend(gan_context *ctx, gan_plot *plot, int steps)
{
    static const double rates[3] = {.2, .05, .01};
    static const int shades[3] = {GAN_ORANGE, GAN_BLUE, GAN_GREEN};
    static const char *const labels[3] = {"a = .2", "a = .05", "a = .01"};
    static double least[3][1001], bound[3][1001];
    gan_series s[6];
    gan_axes a;
    int i, k, n = steps > 1000 ? 1000 : steps > 0 ? steps : 1;
    printf("\nsum |x_k - q_k| / (k + 1) by subgradients: best f - min f, %d constant steps a\n", n);
    printf("        a     came out   at most (theorem 6)\n");
    for (i = 0; i < 3 && !ex_stop; ++i) {
        char name[16];
        gan_model *m =
            gan_model_create(ctx, (snprintf(name, sizeof name, "convex%d", i), name), gm_vector, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_subgradient((gan_real)rates[i], GAN_STEP_CONSTANT));
        double f, best = HUGE_VAL;
        for (k = 1; k <= n; ++k) {
            f = (double)gan_minimize(o, gm_nonsmooth(ctx, gan_forward(m, gan_zeros(ctx, GM_SIZE), NULL)));
            best = fmin(best, f);
            least[i][k] = best, bound[i][k] = gm_bound(rates[i], k); // k = 0: 0, a gap
        }
        printf("   %6.2f %12.5f %12.5f\n", rates[i], (double)gan_optimizer_best(o), gm_bound(rates[i], n));
        s[2 * i] = ex_series(labels[i], GAN_MARK_LINE, NULL, least[i], n + 1, 3, shades[i]);
        s[2 * i + 1] = ex_series(NULL, GAN_MARK_LINE, NULL, bound[i], n + 1, 1, shades[i]);
    }
    a = ex_axes("best f - min f by step, thin: its bound", 0, n, 1e-3, 30, s, 2 * i);
    a.y_log = 1;
    gan_plot_panel(plot, 1, 2, 2, 3, &a);
}

int main(int argc, char **argv)
{
    const ex_options o = ex_start(argc, argv, "games", "update rules for x y", 300, "out/games", "");
    gan_context *ctx = ex_context(&o);
    gan_plot *plot = gan_plot_create(ctx, 1200, 960, 1);
    update(ctx, plot, o.steps);
    descend(ctx, plot, o.steps);
    gan_plot_write(plot, ex_path(&o, "games.png"));
    printf("\nthe picture is in %s\n", o.out);
    return ex_finish(ctx);
}
