// Points on a line: data y = 2 x + 1 with x ~ U(-1, 1) and noise .05 on y; G learns to put its points
// there.
//     cc -O2 -I. examples/line_2d.c -lm -o line_2d && ./line_2d && ./line_2d --freeze-generator
// With --freeze-generator only D learns. Then it wins: the first G misses the line, so the two distributions
// hardly meet and the theory says D(x) -> 1, D(G(z)) -> 0, V -> 0. When G learns too, D = 1/2 and V = -log 4.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_selu(gan_linear(g, "fc1", z, 32));
    h = gan_selu(gan_linear(g, "fc2", h, 32));
    return gan_linear(g, "fc3", h, 2);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_elu(gan_linear(d, "fc1", x, 64), 1);
    h = gan_elu(gan_linear(d, "fc2", h, 64), 1);
    return gan_linear(d, "fc3", h, 1); // a logit
}

int main(int argc, char **argv)
{
    enum { BATCH = 256, SAMPLES = 2000 };
    const ex_options o = ex_start(argc, argv, "line_2d", "points on a line", 5000, "out/line_2d", "freeze");
    const int frozen = o.freeze_generator;
    gan_context *ctx = ex_context(&o);
    gan_model *g = gan_model_create(ctx, "generator", generator, NULL);
    gan_model *d = gan_model_create(ctx, "discriminator", discriminator, NULL);
    gan_optimizer *og = gan_optimizer_create(g, gan_adam(5e-4f, .5f, .999f));
    gan_optimizer *od = gan_optimizer_create(d, gan_adam(4e-3f, .5f, .999f)); // D stays near its best
    gan_dataset *line = gan_dataset_toy(ctx, GAN_TOY_LINE);
    gan_tensor *real, *fake, *f;
    const gan_real *v;
    double value = 0, d_real = 0, d_fake = 0, off = 0;
    gan_plot *p = gan_plot_create(ctx, 800, 700, 1);
    gan_axes axes;
    int i;

    gan_model_freeze(g, NULL, frozen);
    for (i = 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        real = gan_forward(d, gan_dataset_batch(line, BATCH, NULL), NULL);
        f = gan_forward(d, gan_detach(gan_forward(g, gan_rand_normal(ctx, BATCH, 2), NULL)), NULL);
        d_real = (double)gan_item(gan_mean_all(gan_sigmoid(real)));
        d_fake = (double)gan_item(gan_mean_all(gan_sigmoid(f)));
        value = -(double)gan_minimize(od, gan_loss_d(GAN_LOSS_NON_SATURATING, real, f, 0));
        f = gan_forward(d, gan_forward(g, gan_rand_normal(ctx, BATCH, 2), NULL), NULL);
        gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, f)); // changes nothing where G is frozen
        ex_progress(i, o.steps, "V %.3f  D(x) %.2f  D(G(z)) %.2f", value, d_real, d_fake);
    }

    gan_record(ctx, 0); // no gradients from here on
    real = gan_dataset_batch(line, SAMPLES, NULL);
    fake = gan_forward(g, gan_rand_normal(ctx, SAMPLES, 2), NULL);
    for (v = gan_data(fake), i = 0; v && i < SAMPLES; ++i)
        off += fabs((double)v[2 * i + 1] - 2 * (double)v[2 * i] - 1) / SAMPLES;
    printf("\n                          came out   theory\n");
    printf("D(x)                      %8.3f   %s\n", d_real, frozen ? "1" : ".5");
    printf("D(G(z))                   %8.3f   %s\n", d_fake, frozen ? "0" : ".5");
    printf("V                         %8.3f   %s\n", value, frozen ? "0" : "-log 4 = -1.386");
    printf("mean |y - 2 x - 1| of G   %8.3f   %s\n", off,
           frozen ? "(not learned)" : ".05 sqrt(2 / pi) = .040");

    memset(&axes, 0, sizeof axes);
    axes.title = frozen ? "D(x), its data, a frozen G" : "D(x), its data, G(z), and where D sends them";
    axes.x0 = -2, axes.x1 = 2, axes.y0 = -2, axes.y1 = 4;
    const gan_gan2d plane = {d, NULL, gan_slice(real, 0, 0, 500), gan_slice(fake, 0, 0, 500)};
    gan_plot_gan2d(p, 0, 1, 0, 1, &axes, &plane);
    gan_plot_write(p, ex_path(&o, frozen ? "frozen.png" : "line_2d.png"));
    printf("the picture is in %s\n", o.out);
    return ex_finish(ctx);
}
