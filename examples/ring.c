// Eight modes on a ring, where plain GANs lose some: WGAN-GP, its gradient penalty written out by hand.
//     cc -O2 -I. examples/ring.c -lm -o ring && ./ring
// The critic's score must not change faster than 1 per unit of length (Gulrajani 2017): penalty (|grad_x
// D(x)| - 1)^2. That is a gradient inside a loss, so training it takes the gradient of a gradient. Official
// toy settings are 4 layers of 512 and 1e-4; here 3 of 128 and a falling 1e-3, for seconds on one core.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "modes.h"

static gan_tensor *layers(gan_model *m, gan_tensor *x, int outputs)
{
    gan_tensor *h;
    h = gan_relu(gan_linear(m, "fc1", x, 128));
    h = gan_relu(gan_linear(m, "fc2", h, 128));
    h = gan_relu(gan_linear(m, "fc3", h, 128));
    return gan_linear(m, "fc4", h, outputs);
}

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return layers(g, z, 2);
}
static gan_tensor *critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return layers(d, x, 1);
}

static gan_tensor *critic_loss(gan_model *d, gan_tensor *real, gan_tensor *fake, gan_real weight)
{
    gan_tensor *eps = gan_rand_uniform(gan_context_of(real), gan_dim(real, 0), 1);
    gan_tensor *x = gan_lerp(fake, real, eps);
    gan_tensor *g = gan_grad(gan_sum_all(gan_forward(d, x, NULL)), x, GAN_CREATE_GRAPH);
    gan_tensor *gp = gan_mean_all(gan_square(gan_add_scalar(gan_norm_per_sample(g), -1)));
    gan_tensor *w = gan_mean_all(gan_sub(gan_forward(d, fake, NULL), gan_forward(d, real, NULL)));
    return gan_add(w, gan_mul_scalar(gp, weight));
}

static void row(const char *name, gan_modes s)
{
    printf("%-26s %5d of 8           %4.1f %%\n", name, s.modes, 100 * s.quality);
}

int main(int argc, char **argv)
{
    enum { BATCH = 128, CRITIC_STEPS = 5, SAMPLES = 2500 };
    const ex_options o = ex_start(argc, argv, "ring", "WGAN-GP finds eight modes", 2000, "out/ring", "");
    gan_context *ctx = ex_context(&o);
    gan_model *g = gan_model_create(ctx, "generator", generator, NULL);
    gan_model *d = gan_model_create(ctx, "critic", critic, NULL);
    gan_optimizer *og = gan_optimizer_create(g, gan_adam(1e-3f, .5f, .9f));
    gan_optimizer *od = gan_optimizer_create(d, gan_adam(1e-3f, .5f, .9f));
    gan_dataset *ring = gan_dataset_toy(ctx, GAN_TOY_RING);
    gan_tensor *real, *fake;
    const md_mixture m = md_ring();
    double loss = 0;
    gan_plot *p = gan_plot_create(ctx, 800, 700, 1);
    gan_loss_desc wasserstein;
    gan_axes axes;
    gan_gan2d plane;
    int i, k;

    for (i = 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        const gan_real lr = (gan_real)(1e-3 * (1 - (i - 1.) / o.steps));
        gan_optimizer_lr(og, lr);
        gan_optimizer_lr(od, lr);
        for (k = 0; k < CRITIC_STEPS; ++k) {
            real = gan_dataset_batch(ring, BATCH, NULL);
            fake = gan_detach(gan_forward(g, gan_rand_normal(ctx, BATCH, 2), NULL));
            loss = (double)gan_minimize(od, critic_loss(d, real, fake, .1f));
        }
        fake = gan_forward(g, gan_rand_normal(ctx, BATCH, 2), NULL);
        gan_minimize(og, gan_neg(gan_mean_all(gan_forward(d, fake, NULL))));
        ex_progress(i, o.steps, "critic loss %.4f", loss);
    }
    gan_record(ctx, 0); // no gradients from here on
    real = gan_dataset_batch(ring, SAMPLES, NULL);
    fake = gan_forward(g, gan_rand_normal(ctx, SAMPLES, 2), NULL);
    printf("\nof %d points               modes covered   within 3 sigma\n", SAMPLES);
    row("this generator", gan_mode_report(fake, md_centers(ctx, &m), m.sigma));
    row("its data; 1 - e^-4.5", gan_mode_report(real, md_centers(ctx, &m), m.sigma));
    printf("a plain GAN, published       6.3 of 8           98.2 %%   PacGAN, table 1\n");

    memset(&axes, 0, sizeof axes);
    memset(&wasserstein, 0, sizeof wasserstein);
    wasserstein.kind = GAN_LOSS_WASSERSTEIN;
    axes.title = "The critic's score, its data, G(z)", axes.contours = 12;
    axes.x0 = axes.y0 = -1.5, axes.x1 = axes.y1 = 1.5;
    plane.d = d, plane.loss = &wasserstein, plane.real = real, plane.fake = gan_slice(fake, 0, 0, 500);
    gan_plot_gan2d(p, 0, 1, 0, 1, &axes, &plane);
    gan_plot_write(p, ex_path(&o, "ring.png"));
    printf("the picture is in %s\n", o.out);
    return ex_finish(ctx);
}
