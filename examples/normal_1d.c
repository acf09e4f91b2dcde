// A generator learns a normal distribution it never sees written down: data N(4, 1.25^2), z ~ N(0, 1).
//     cc -O2 -I. examples/normal_1d.c -lm -o normal_1d && ./normal_1d
// The theory (Goodfellow 2014, theorem 1): at the optimum G's distribution is the data's, D(x) = 1/2 and V =
// -log 4.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_selu(gan_linear(g, "fc1", z, 32));
    h = gan_selu(gan_linear(g, "fc2", h, 32));
    return gan_linear(g, "fc3", h, 1);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_elu(gan_linear(d, "fc1", x, 32), 1);
    h = gan_elu(gan_linear(d, "fc2", h, 32), 1);
    return gan_linear(d, "fc3", h, 1); // a logit
}

static int progress(const gan_trainer_stats *s, void *user)
{
    const ex_options *o = (const ex_options *)user;
    ex_progress_gan(s, o->steps);
    return ex_stop; // Ctrl-C ends gan_trainer_run
}

int main(int argc, char **argv)
{
    enum { SAMPLES = 20000, BINS = 60 };
    ex_options o =
        ex_start(argc, argv, "normal_1d", "a generator learns N(4, 1.25^2)", 5000, "out/normal_1d", "");
    gan_context *ctx = ex_context(&o);
    gan_trainer_desc desc;
    gan_trainer *t;
    gan_tensor *x;
    gan_trainer_stats s;
    const gan_real *v;
    double bins[BINS] = {0}, mean = 0, square = 0, apart = 0, grid[BINS + 1], density[BINS + 1];
    gan_plot *p = gan_plot_create(ctx, 900, 540, 1);
    gan_series series[2];
    gan_axes axes;
    int i;

    memset(&desc, 0, sizeof desc);
    desc.generator = gan_model_create(ctx, "generator", generator, NULL);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, NULL);
    desc.data = gan_dataset_toy(ctx, GAN_TOY_NORMAL);
    desc.batch = 256;
    desc.latent = 1;
    desc.g_optimizer = gan_adam(5e-4f, .5f, .999f);
    desc.d_optimizer = gan_adam(4e-3f, .5f, .999f); // D stays near its best, as the theorem wants it
    desc.ema = .998f;                               // samples come from an average of the last thousand Gs
    desc.progress = progress;
    desc.user = &o;
    t = gan_trainer_create(ctx, &desc);
    s = gan_trainer_run(t, o.steps);

    x = gan_trainer_sample(t, SAMPLES);
    for (v = gan_data(x), i = 0; v && i < SAMPLES; ++i) {
        const int bin = (int)floor((double)v[i] / 8 * BINS);
        mean += (double)v[i] / SAMPLES, square += (double)v[i] * (double)v[i] / SAMPLES;
        if (bin >= 0 && bin < BINS) bins[bin] += BINS / 8. / SAMPLES; // a density over 0 .. 8
    }
    for (i = 0; i <= BINS; ++i) {
        grid[i] = 8. * i / BINS;
        density[i] = exp(-pow((grid[i] - 4) / 1.25, 2) / 2) / (1.25 * 2.50662827);
        if (i) apart += fabs(bins[i - 1] - (density[i - 1] + density[i]) / 2) * 4 / BINS;
    }
    printf("\n                      came out   theory\n");
    printf("mean of G(z)          %8.3f   4\n", mean);
    printf("deviation of G(z)     %8.3f   1.25\n", sqrt(square - mean * mean));
    printf("total variation       %8.3f   0, and .02 from binning %d samples\n", apart, SAMPLES);
    printf("D(x)                  %8.3f   .5\n", (double)s.d_real);
    printf("D(G(z))               %8.3f   .5\n", (double)s.d_fake);
    printf("V                     %8.3f   -log 4 = %.3f\n", -(double)s.d_loss, -log(4.));

    memset(series, 0, sizeof series);
    memset(&axes, 0, sizeof axes);
    series[0].name = "G(z)", series[0].mark = GAN_MARK_HISTOGRAM, series[0].points = x, series[0].size = BINS;
    series[1].name = "N(4, 1.25^2)", series[1].x = grid, series[1].y = density, series[1].n = BINS + 1;
    series[1].size = 2;
    axes.title = "Samples of G(z) and the data's density", axes.x_label = "x", axes.y_label = "density";
    axes.series = series, axes.count = 2, axes.x1 = 8;
    gan_plot_panel(p, 0, 1, 0, 1, &axes);
    gan_plot_write(p, ex_path(&o, "normal_1d.png"));
    printf("the picture is in %s\n", o.out);
    return ex_finish(ctx);
}
