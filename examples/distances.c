// The four distances of the lecture, measured from samples beside what theory says: Kullback-Leibler,
// Jensen-Shannon, total variation, and the earth mover's (Wasserstein-1).
//     cc -O2 -I. examples/distances.c -lm -o distances && ./distances
// First (0, U), (theta, U), U ~ U(0, 1): parallel lines, which never meet; only the earth mover's distance
// says how far apart they are (Arjovsky 2017, example 1). Then N(0, 1), N(theta, 1), which overlap. KL, JS
// and TV are those of histograms; an empty cell makes KL infinite, so the normals' begin at half a sample.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

enum { KL, JS, TV, W, DISTANCES, SAMPLES = 100000, PAIRED = 400, MOST = 32 };
static const char *const names[DISTANCES] = {"KL", "JS", "TV", "W"};
static const int colors[DISTANCES] = {GAN_VERMILION, GAN_ORANGE, GAN_GREEN, GAN_BLUE};

typedef struct row {
    double theta, measured[DISTANCES], theory[DISTANCES];
} row;

static void of_histograms(row *r, gan_tensor *p, gan_tensor *q)
{
    r->measured[KL] = gan_kl_divergence(p, q);
    r->measured[JS] = gan_js_divergence(p, q);
    r->measured[TV] = gan_tv_distance(p, q);
}

// Cells 1 / n wide, theta in the middle of one.
static void lines(gan_context *ctx, row *r, int n)
{
    const gan_real theta = (gan_real)r->theta, end = (gan_real)(1 + .5 / n);
    gan_tensor *p = gan_pad(gan_rand_uniform(ctx, SAMPLES, 1), 1, 1, 0, 0);
    gan_tensor *q = gan_pad(gan_rand_uniform(ctx, SAMPLES, 1), 1, 1, 0, theta);
    const int apart = theta < 0 || theta > 0;
    of_histograms(r, gan_histogram(p, -end, end, 2 * n + 1), gan_histogram(q, -end, end, 2 * n + 1));
    r->measured[W] = gan_wasserstein_exact(gan_slice(p, 0, 0, PAIRED), gan_slice(q, 0, 0, PAIRED), 1);
    r->theory[KL] = apart ? HUGE_VAL : 0, r->theory[JS] = apart * log(2.), r->theory[TV] = apart;
    r->theory[W] = fabs(r->theta);
}

static void normals(gan_context *ctx, row *r, int n)
{
    gan_tensor *p = gan_rand_normal(ctx, SAMPLES);
    gan_tensor *q = gan_add_scalar(gan_rand_normal(ctx, SAMPLES), (gan_real)(r->theta *= 2));
    double x;
    (void)n;
    of_histograms(r, gan_add_scalar(gan_histogram(p, -8, 8, 100), .5f),
                  gan_add_scalar(gan_histogram(q, -8, 8, 100), .5f));
    r->measured[W] = gan_wasserstein_1d(p, q, 1);
    r->theory[KL] = r->theta * r->theta / 2, r->theory[TV] = erf(fabs(r->theta) / sqrt(8.));
    r->theory[W] = fabs(r->theta), r->theory[JS] = 0;
    for (x = -9.995; x < 10; x += .01) // E_p log(2 p / (p + q)), by the midpoint rule
        r->theory[JS] +=
            .01 * exp(-x * x / 2) / 2.50662827 * log(2 / (1 + exp(r->theta * (x - r->theta / 2))));
}

static void panel(gan_context *ctx, gan_plot *plot, int column, const char *title, int n,
                  void measure(gan_context *, row *, int))
{
    static row rows[2 * MOST + 1];
    gan_series s[2 * DISTANCES];
    gan_axes a;
    int i, k;
    memset(s, 0, sizeof s), memset(&a, 0, sizeof a);
    printf("\n%s: measured, theory\n  theta ", title);
    for (k = 0; k < DISTANCES; ++k) printf("%17s", names[k]);
    for (i = 0; i <= 2 * n; ++i) {
        gan_scope_open(ctx);
        rows[i].theta = (i - n) / (double)n;
        measure(ctx, &rows[i], n);
        gan_scope_close(ctx);
        if (i < n || (i - n) % ((n + 3) / 4)) continue;
        printf("\n%7.2f ", rows[i].theta);
        for (k = 0; k < DISTANCES; ++k) printf("%9.3f%8.3f", rows[i].measured[k], rows[i].theory[k]);
    }
    printf("\n");
    if (!column) rows[n].theory[JS] = rows[n].theory[TV] = NAN; // the lines have a jump there
    for (k = 0; k < 2 * DISTANCES; ++k) {
        s[k].x = &rows[0].theta, s[k].stride = sizeof(row) / sizeof(double), s[k].n = 2 * n + 1;
        s[k].y = k < DISTANCES ? &rows[0].theory[k] : &rows[0].measured[k - DISTANCES];
        s[k].color = colors[k % DISTANCES];
        if (k < DISTANCES) s[k].name = names[k], s[k].alpha = .6;
        else s[k].mark = GAN_MARK_POINTS, s[k].size = 6;
    }
    a.title = title, a.x_label = "theta; lines theory, points measured", a.series = s,
    a.count = 2 * DISTANCES;
    a.x0 = column ? -2.1 : -1.1, a.x1 = -a.x0, a.y0 = -.1, a.y1 = column ? 2.1 : 1.4;
    gan_plot_panel(plot, column, 2, 0, 1, &a);
    if (!column) gan_plot_label(plot, -.9, 1.2, "KL is infinite, but 0 at theta = 0", GAN_VERMILION);
}

int main(int argc, char **argv)
{
    const ex_options o =
        ex_start(argc, argv, "distances", "four distances, where distributions overlap and where not", 8,
                 "out/distances", "");
    gan_context *ctx = ex_context(&o);
    gan_plot *plot = gan_plot_create(ctx, 1200, 560, 1);
    const int n = o.steps < 1 ? 1 : o.steps < MOST ? o.steps : MOST; // of theta to either side
    panel(ctx, plot, 0, "Parallel lines (0, U), (theta, U)", n, lines);
    panel(ctx, plot, 1, "N(0, 1), N(theta, 1)", n, normals);
    gan_plot_write(plot, ex_path(&o, "distances.png"));
    printf("the picture is in %s\n", o.out);
    return ex_finish(ctx);
}
