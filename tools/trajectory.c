// The thesis's network from given batches and given z: prints both losses of every iteration and leaves the
// weights it began with, so that tools/peer_trajectory.py can retrace it in PyTorch (compare_trajectory.sh).
//     trajectory INPUT STEPS WEIGHTS
// INPUT holds, for each iteration, float32: images (128, 1, 28, 28), z (128, 96) for D, z (128, 96) for G.
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 128, PIXELS = 28 * 28, LATENT = 96 };

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_batch_norm(g, "bn1", gan_relu(gan_linear(g, "fc1", z, 1024)));
    h = gan_batch_norm(g, "bn2", gan_relu(gan_linear(g, "fc2", h, 7 * 7 * 128)));
    h = gan_reshape(h, -1, 128, 7, 7);
    h = gan_batch_norm(g, "bn3", gan_relu(gan_conv_transpose2d(g, "up1", h, 64, 4, 2, 1)));
    return gan_tanh(gan_conv_transpose2d(g, "up2", h, 1, 4, 2, 1));
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv1", x, 32, 5, 1, 0), .01f), 2, 2);
    h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv2", h, 64, 5, 1, 0), .01f), 2, 2);
    h = gan_leaky_relu(gan_linear(d, "fc1", gan_flatten(h), 1024), .01f);
    return gan_linear(d, "fc2", h, 1);
}

int main(int argc, char **argv)
{
    static float images[BATCH * PIXELS], z[2][BATCH * LATENT];
    gan_context *ctx = gan_create(NULL);
    gan_model *g = gan_model_create(ctx, "g", generator, NULL);
    gan_model *d = gan_model_create(ctx, "d", discriminator, NULL);
    gan_optimizer *og = gan_optimizer_create(g, gan_adam(1e-3f, .5f, .999f));
    gan_optimizer *od = gan_optimizer_create(d, gan_adam(1e-3f, .5f, .999f));
    FILE *in = argc > 3 ? fopen(argv[1], "rb") : NULL;
    int i, steps = argc > 3 ? atoi(argv[2]) : 0;

    if (!in) {
        fprintf(stderr, "usage: trajectory INPUT STEPS WEIGHTS\n");
        return 2;
    }
    for (i = 0; i <= steps; ++i) {
        gan_tensor *x, *fake, *loss;
        double d_loss;
        if (i && (fread(images, sizeof images, 1, in) != 1 || fread(z, sizeof z, 1, in) != 1)) break;
        gan_scope_open(ctx);
        x = gan_from(ctx, images, BATCH, 1, 28, 28);
        fake = gan_forward(g, gan_from(ctx, z[0], BATCH, LATENT), NULL);
        loss = gan_loss_d(GAN_LOSS_NON_SATURATING, gan_forward(d, x, NULL),
                          gan_forward(d, gan_detach(fake), NULL), 0);
        if (i) { // iteration 0 only makes the parameters
            d_loss = (double)gan_minimize(od, loss);
            loss = gan_forward(d, gan_forward(g, gan_from(ctx, z[1], BATCH, LATENT), NULL), NULL);
            printf("%d %.6f %.6f\n", i, d_loss,
                   (double)gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, loss)));
        } else {
            gan_save(ctx, argv[3]);
        }
        gan_scope_close(ctx);
    }
    fclose(in);
    if (gan_error(ctx)) fprintf(stderr, "%s\n", gan_error_message(ctx));
    i = gan_error(ctx);
    gan_destroy(ctx);
    return i;
}
