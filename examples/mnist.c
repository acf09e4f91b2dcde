// The MLP GAN on MNIST: three layers each, the trainer does the rest.
//     cc -O2 -I. examples/mnist.c -lm -o mnist && ./mnist --data data/mnist
// z 100, batch 64, Adam 2e-4 (.5, .999), non-saturating loss (Goodfellow 2014); layers 100-256-256-784 and
// 784-256-256-1.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_leaky_relu(gan_linear(g, "fc1", z, 256), .2f);
    h = gan_leaky_relu(gan_linear(g, "fc2", h, 256), .2f);
    return gan_reshape(gan_tanh(gan_linear(g, "fc3", h, 784)), -1, 1, 28, 28);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_leaky_relu(gan_linear(d, "fc1", gan_flatten(x), 256), .2f);
    h = gan_leaky_relu(gan_linear(d, "fc2", h, 256), .2f);
    return gan_linear(d, "fc3", h, 1); // a logit
}

int main(int argc, char **argv)
{
    const ex_options o =
        ex_start(argc, argv, "mnist", "an MLP draws digits", 20000, "out/mnist", "samples resume");
    gan_context *ctx = ex_context(&o);
    gan_trainer_desc desc;
    gan_trainer_stats s;
    gan_trainer *t;
    int i;

    memset(&desc, 0, sizeof desc); // zero means the default: just the settings above
    desc.generator = gan_model_create(ctx, "generator", generator, NULL);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, NULL);
    desc.data = ex_digits(ctx, &o);
    desc.latent = 100;
    t = gan_trainer_create(ctx, &desc);
    if (o.resume) gan_resume(ctx, ex_path(&o, "mnist.safetensors"));

    for (i = (int)gan_trainer_steps(t) + 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        s = gan_trainer_step(t);
        ex_progress_gan(&s, o.steps);
        if (i % 1000 == 0 || i == 100)
            gan_image_write(gan_trainer_sample(t, 64), 8, ex_path(&o, "%05d.png", i));
    }
    gan_image_write(gan_trainer_sample(t, 64), 8, ex_path(&o, "mnist.png"));
    gan_save(ctx, ex_path(&o, "mnist.safetensors")); // PyTorch opens it; --resume goes on from it
    ex_samples(ctx, &o, &desc, t);
    if (!gan_error(ctx)) printf("the digits and the weights are in %s\n", o.out);
    return ex_finish(ctx);
}
