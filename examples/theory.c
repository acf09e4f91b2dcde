// The theory of GANs: what it says in closed form beside what came out of samples (theory.h, divergence.h,
// games.h; tests/test_theory.c and tests/test_game.c hold it to tolerances).
//     cc -O2 -I. examples/theory.c -lm -o theory && ./theory
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "theory.h"
#include "divergence.h"
#include "games.h"

static void best_discriminator(gan_context *ctx, gan_plot *plot, int steps)
{
    const th_density one = th_normal(0, 1), two = th_normals(.5, -2, .7, 2, .7);
    const th_density left = th_uniform(-2, 0), right = th_uniform(1, 3);
    const th_density *p[3] = {&two, &one, &left}, *q[3] = {&one, &one, &right};
    static const char *const names[3] = {"overlapping", "equal", "disjoint"};
    static double x[TH_GRID], logits[TH_GRID], learned[TH_GRID], best[TH_GRID];
    gan_series s[2];
    gan_axes a;
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
    s[0] = ex_series("p/(p+q)", GAN_MARK_LINE, x, best, TH_GRID, 5, GAN_ORANGE);
    s[1] = ex_series("D, learned", GAN_MARK_LINE, x, learned, TH_GRID, 2, GAN_BLUE);
    a = ex_axes("D between two densities p and q", -4, 4, 0, 1.2, s, 2);
    gan_plot_panel(plot, 0, 2, 0, 2, &a);
}

static void generator_arrives(gan_context *ctx, gan_plot *plot, int steps)
{
    const th_density data = th_normal(3, 1);
    const th_game game = th_train(ctx, "shift", "logistic", steps, 1);
    const th_density reached = th_normal(game.theta, 1);
    const double least = -TH_LOG4;
    double theta[61], c[61], at[7], learned[7];
    gan_series s[3];
    gan_axes a;
    int i;
    printf("\n2. A generator that reaches its data: G(z) = z + theta, data N(3, 1)\n");
    printf("                  came out   theory\n   theta         %9.3f   3\n   D(G(z))       %9.3f   .5\n",
           game.theta, game.d_fake);
    printf("   C(G)          %9.4f   -log 4 = %.4f\n", th_best_value(ctx, "judge", &data, &reached, steps),
           -TH_LOG4);
    for (i = 0; i <= 60; ++i) {
        const th_density g = th_normal(theta[i] = -1 + i * 8 / 60., 1);
        c[i] = 2 * th_jsd(&data, &g) - TH_LOG4;
    }
    for (i = 0; i < 7 && !ex_stop; ++i) {
        const th_density g = th_normal(i, 1);
        char name[16];
        snprintf(name, sizeof name, "at%d", i);
        at[i] = i, learned[i] = th_best_value(ctx, name, &data, &g, steps / 4);
    }
    s[0] = ex_series("-log 4", GAN_MARK_LEVELS, NULL, &least, 1, 0, GAN_VERMILION);
    s[1] = ex_series("-log 4 + 2 JSD", GAN_MARK_LINE, theta, c, 61, 2, GAN_ORANGE);
    s[2] = ex_series("max V, learned", GAN_MARK_POINTS, at, learned, i, 9, GAN_BLUE);
    a = ex_axes("C(G) for G(z) = z + theta, data N(3, 1)", -1, 7, -1.6, .2, s, 3);
    gan_plot_panel(plot, 1, 2, 0, 2, &a);
}

static void parallel_lines(gan_context *ctx, gan_plot *plot)
{
    const double corner[3] = {-1, 0, 1}, distance[3] = {1, 0, 1}, log_2 = TH_LOG2, slope = 1;
    double theta[5], w[5], jsd[5], taken[TH_DOUBLINGS];
    gan_series s[4];
    gan_axes a;
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
        theta[i] = r[i].theta, w[i] = r[i].w, jsd[i] = r[i].jsd;
    }
    printf("   The gradient that G gets at theta = .5 after n steps of D, of the critic:\n");
    printf("        n   minimax (JSD)   Wasserstein\n");
    for (k = 0; k < TH_DOUBLINGS; ++k) {
        taken[k] = 1 << k;
        printf("   %6d %15.5f %13.5f\n", 1 << k, r[3].grad_d[k], r[3].grad_critic[k]);
    }
    printf("   theory               0             1\n");

    s[0] = ex_series("W", GAN_MARK_LINE, corner, distance, 3, 2, GAN_GREEN);
    s[1] = ex_series("JSD (0 at 0)", GAN_MARK_LEVELS, NULL, &log_2, 1, 2, GAN_ORANGE);
    s[2] = ex_series(NULL, GAN_MARK_POINTS, theta, w, 5, 10, GAN_GREEN);
    s[3] = ex_series(NULL, GAN_MARK_POINTS, theta, jsd, 5, 10, GAN_ORANGE);
    a = ex_axes("Parallel lines: distances against theta", -1.2, 1.2, -.1, 1.3, s, 4);
    gan_plot_panel(plot, 0, 2, 1, 2, &a);
    s[0] = ex_series("Wasserstein", GAN_MARK_LINE, taken, r[3].grad_critic, TH_DOUBLINGS, 2, GAN_GREEN);
    s[1] = ex_series("minimax (JSD)", GAN_MARK_LINE, taken, r[3].grad_d, TH_DOUBLINGS, 2, GAN_ORANGE);
    s[2] = ex_series("1, Wasserstein in theory", GAN_MARK_LEVELS, NULL, &slope, 1, 0, GAN_VERMILION);
    a = ex_axes("G's gradient against steps of D", 1, taken[TH_DOUBLINGS - 1], 1e-4, 20, s, 3);
    a.x_log = a.y_log = 1;
    gan_plot_panel(plot, 1, 2, 1, 2, &a);
}

static const int p_points[TH_POINTS] = {3, 2, 4, 1}, q_points[TH_POINTS] = {2, 5, 1, 2};

static void every_divergence(gan_context *ctx, gan_plot *plot, int steps)
{
    static const gan_loss drawn[] = {GAN_LOSS_F_PEARSON, GAN_LOSS_F_KL, GAN_LOSS_HINGE,
                                     GAN_LOSS_LEAST_SQUARES};
    static const int colors[] = {GAN_GREEN, GAN_BLUE, GAN_VERMILION, GAN_GRAY};
    const th_density p = th_normal(0, 1), q = th_normal(.5, 1.1);
    static double x[TH_GRID], logits[GAN_LOSS_COUNT][TH_GRID], best[4][TH_GRID];
    gan_series s[8];
    gan_axes a;
    int i, k;
    printf("\n4. The best D's loss gives a divergence of p and q, any other D's less\n");
    printf("   N(0, 1), N(.5, 1.1^2) by samples; (3 2 4 1)/10, (2 5 1 2)/10 a number a point\n");
    printf("                                          two normals            four points\n");
    printf("   loss                  measures       theory  learned   error  theory  error\n");
    for (i = 0; i < GAN_LOSS_COUNT && !ex_stop; ++i) {
        const gan_loss loss = (gan_loss)i;
        double normals, learned, points;
        if (!th_rows[i]->measures) continue;
        normals = th_between_normals(loss, .5, 1.1);
        learned = th_learn_normals(ctx, "normals", loss, .5, 1.1, steps, logits[i]);
        points = th_between_points(loss, p_points, q_points);
        printf("   %-21s %-13s%8.4f%9.4f%8.0e%8.4f%7.0e\n", gan_loss_name(loss), th_rows[i]->measures,
               normals, learned, learned - normals, points,
               th_learn_points(ctx, "points", loss, p_points, q_points, steps).measured - points);
    }
    for (i = 0; i < 4; ++i) {
        for (k = 0; k < TH_GRID; ++k) {
            x[k] = th_cell(k);
            best[i][k] = th_rows[drawn[i]]->best(th_pdf(&p, x[k]) / th_pdf(&q, x[k]));
        }
        s[i] = ex_wide(x, best[i], TH_GRID, colors[i]);
        s[4 + i] =
            ex_series(gan_loss_name(drawn[i]), GAN_MARK_LINE, x, logits[drawn[i]], TH_GRID, 2, colors[i]);
    }
    a = ex_axes("D, learned, over g(p/q) (wide)", -3, 3, -2.5, 4, s, 8);
    gan_plot_panel(plot, 0, 2, 0, 2, &a);
}

// What each says of two normals that move apart; only W goes on telling how far.
static void against_distance(gan_context *ctx, gan_plot *plot, int steps)
{
    static const gan_loss drawn[] = {GAN_LOSS_F_KL, GAN_LOSS_F_SQUARED_HELLINGER, GAN_LOSS_F_TOTAL_VARIATION,
                                     GAN_LOSS_MINIMAX};
    static const int colors[] = {GAN_BLUE, GAN_ORANGE, GAN_VERMILION, GAN_GRAY};
    static double m[61], theory[4][61], at[5], learned[4][5], logits[TH_GRID];
    gan_series s[8];
    gan_axes a;
    const double sd = 1.0001; // the closed form of TV wants sd > 1
    int i, k;
    for (i = 0; i < 4; ++i) {
        for (k = 0; k <= 60; ++k) m[k] = k / 20., theory[i][k] = th_between_normals(drawn[i], m[k], sd);
        for (k = 0; k < 5 && !ex_stop; ++k) {
            char name[16];
            snprintf(name, sizeof name, "apart%d", k + 1);
            at[k] = (k + 1) / 2.;
            learned[i][k] = th_learn_normals(ctx, name, drawn[i], at[k], sd, steps / 2, logits);
        }
        s[i] = ex_series(th_rows[drawn[i]]->measures, GAN_MARK_LINE, m, theory[i], 61, 2, colors[i]);
        s[4 + i] = ex_series(NULL, GAN_MARK_POINTS, at, learned[i], k, 9, colors[i]);
    }
    a = ex_axes("N(0, 1) against N(m, 1), by m", 0, 3, 0, 3, s, 8);
    gan_plot_panel(plot, 1, 2, 0, 2, &a);
}

// A constant is free in a critic: f through (0, at).
static void pass_through(double *f, double at)
{
    const double was = f[(int)(-th_lo / (th_hi - th_lo) * TH_GRID)];
    int k;
    for (k = 0; k < TH_GRID; ++k) f[k] += at - was;
}

// f learned over the best f, whose slope is 1 where Q > P and -1 where P > Q (their distribution functions).
static void earth_movers(gan_context *ctx, gan_plot *plot, int steps)
{
    const th_density p[3] = {th_uniform(1, 3), th_normal(0, 1), th_normals(.5, -2, .7, 2, .7)};
    const th_density q[3] = {th_uniform(-2, 0), th_normal(.5, 1.1), th_normal(0, 1)};
    static const char *const names[3] = {"U(1, 3), U(-2, 0)", "N(0, 1), N(.5, 1.1^2)",
                                         "N(+-2, .7^2), N(0, 1)"};
    static const int colors[3] = {GAN_GREEN, GAN_BLUE, GAN_ORANGE};
    static double x[TH_GRID], f[3][TH_GRID], best[3][TH_GRID];
    gan_series s[6];
    gan_axes a;
    double lambda;
    int i, k;
    printf("\n   Wasserstein with WGAN_GP of weight lambda. W is the area between the two\n");
    printf("   distribution functions, s, the slope on interpolates, 1 + W / (2 lambda)\n");
    printf("   p, q                   lambda       s  theory  E_p f - E_q f     / s       W\n");
    for (k = 0; k < TH_GRID; ++k) x[k] = th_cell(k);
    for (i = 0; i < 3 && !ex_stop; ++i) {
        const double w = th_earth_mover(&p[i], &q[i], best[i]);
        for (lambda = 1; lambda < 101; lambda *= 10) {
            th_lipschitz r;
            char name[32];
            snprintf(name, sizeof name, "critic%d.%g", i, lambda);
            r = th_learn_lipschitz(ctx, name, &p[i], &q[i], lambda, steps / 2, f[i]);
            printf("   %-22s %6g%8.4f%8.4f %14.4f%8.4f%8.4f\n", names[i], lambda, r.slope,
                   1 + w / (2 * lambda), r.value, r.value / r.slope, w);
        }
        pass_through(best[i], i - 1);
        pass_through(f[i], i - 1);
        s[2 * i] = ex_wide(x, best[i], TH_GRID, colors[i]);
        s[2 * i + 1] = ex_series(names[i], GAN_MARK_LINE, x, f[i], TH_GRID, 2, colors[i]);
    }
    a = ex_axes("Critics of WGAN-GP over the best (wide)", -4, 4, -4, 7, s, 2 * i);
    gan_plot_panel(plot, 0, 2, 1, 2, &a);
    printf("   A critic w x that begins at w = -1, the first pair, lambda 100\n");
    printf("   WGAN_GP  w = %7.4f   theory: -1 + W / (2 lambda) = -.985, it never leaves\n",
           th_learn_wrong(ctx, "wrong_gp", GAN_PENALTY_WGAN_GP, steps));
    printf("   WGAN_LP  w = %7.4f   theory: 1 + W / (2 lambda) = 1.015\n",
           th_learn_wrong(ctx, "wrong_lp", GAN_PENALTY_WGAN_LP, steps));
}

static void equal_distributions(gan_context *ctx, int steps)
{
    int i;
    printf("\n5. p = q, (3 2 4 1)/10: where each loss ends (v: any D; m: MAGAN's margin)\n");
    printf("  loss             D's: at first, at last               G's                 off\n");
    for (i = 0; i < GAN_LOSS_COUNT && !ex_stop; ++i) {
        const th_outcome e = th_learn_points(ctx, "equal", (gan_loss)i, p_points, p_points, steps);
        printf("  %-22s%7.3f%9.4f %-11s%8.4f %-12s%6.0e\n", gan_loss_name((gan_loss)i), e.at.first, e.at.d,
               th_rows[i]->d_text, e.at.g, th_rows[i]->g_text, fmax(fabs(e.at.d - e.d), fabs(e.at.g - e.g)));
    }
}

static void games(gan_context *ctx, gan_plot *plot, int steps)
{
    static const int colors[GM_COUNT] = {GAN_VERMILION, GAN_GRAY, GAN_BLUE, GAN_GREEN, GAN_ORANGE};
    static double x[GM_COUNT][301], y[GM_COUNT][301];
    const double rate = .1, a = .05;
    const int n = steps < 1 ? 1 : steps < 300 ? steps : 300;
    gan_series s[GM_COUNT];
    gan_axes axes;
    gan_model *m;
    gan_optimizer *o;
    int i, k, drawn = 0;
    printf("\n6. x y from (1, 1): x goes down, y up, %d steps of rate %g (games.c has more)\n", n, rate);
    printf("   |(x, y)|                     came out   theory, in the long run\n");
    for (k = 0; k < (int)GM_COUNT && !ex_stop; ++k) {
        char name[2][32];
        gm_game g;
        if (!strstr("simultaneous extragradient optimistic consensus", gm_methods[k].name)) continue;
        snprintf(name[0], sizeof name[0], "x.%s", gm_methods[k].name);
        snprintf(name[1], sizeof name[1], "y.%s", gm_methods[k].name);
        g = gm_start(ctx, name[0], name[1], gm_optimizer(k, (gan_real)rate));
        for (i = 0; i <= n; ++i) {
            x[k][i] = (double)gan_item(g.w[0]), y[k][i] = (double)gan_item(g.w[1]);
            if (i < n) gm_methods[k].step(&g, i);
        }
        printf("   %-24s %12.5g %12.5g\n", gm_methods[k].label, gm_distance(&g),
               sqrt(2) * pow(gm_factor(k, rate), n));
        s[drawn++] = ex_series(gm_methods[k].label, GAN_MARK_LINE, x[k], y[k], n + 1, 2, colors[k]);
    }
    axes = ex_axes("x goes down x y, y up, from (1, 1)", -3, 3, -2.4, 2.4, s, drawn);
    gan_plot_panel(plot, 1, 2, 1, 2, &axes);
    m = gan_model_create(ctx, "convex", gm_vector, NULL);
    o = gan_optimizer_create(m, gan_subgradient((gan_real)a, GAN_STEP_CONSTANT));
    for (i = 0; i < n; ++i) gan_minimize(o, gm_nonsmooth(ctx, gan_forward(m, gan_zeros(ctx, GM_SIZE), NULL)));
    printf("   f = sum |x_k - q_k| / (k + 1) by subgradients, %d steps of %g:\n", n, a);
    printf("   best f - min f %16.5f   at most %.5f (theorem 6)\n", (double)gan_optimizer_best(o),
           gm_bound(a, n));
}

int main(int argc, char **argv)
{
    const ex_options o =
        ex_start(argc, argv, "theory", "what the theory says beside what came out", 2000, "out/theory", "");
    gan_context *ctx = ex_context(&o);
    gan_plot *plot = gan_plot_create(ctx, 1200, 900, 1);
    best_discriminator(ctx, plot, o.steps);
    generator_arrives(ctx, plot, o.steps);
    parallel_lines(ctx, plot);
    gan_plot_write(plot, ex_path(&o, "theory.png"));
    every_divergence(ctx, plot, o.steps); // all four panels anew
    against_distance(ctx, plot, o.steps);
    earth_movers(ctx, plot, o.steps);
    equal_distributions(ctx, o.steps);
    games(ctx, plot, o.steps);
    gan_plot_write(plot, ex_path(&o, "divergences.png"));
    printf("\nthe pictures are in %s\n", o.out);
    return ex_finish(ctx);
}
