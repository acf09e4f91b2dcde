// The C side of tools/check_exchange: a DCGAN generator and a discriminator with spectral norm, whose weights
// come from PyTorch or go there.
//
//     exchange load|save generator|discriminator|encoder WEIGHTS INPUT OUTPUT
//
// INPUT and OUTPUT are raw floats. `load` reads WEIGHTS; `save` initializes, runs the model twice in training
// (so that running statistics and singular vectors have moved) and writes them. OUTPUT is made in GAN_EVAL.
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <stdio.h>
#include <string.h>

enum { LATENT = 20, NGF = 8, BATCH = 5, MOST = BATCH * 3 * 32 * 32 };

static gan_tensor *up(gan_model *g, const char *conv, const char *norm, gan_tensor *x, int channels,
                      int stride, int padding)
{
    gan_conv2d_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.out_channels = channels;
    desc.kernel[0] = desc.kernel[1] = 4;
    desc.stride[0] = desc.stride[1] = stride;
    desc.padding_h = desc.padding_w = padding;
    desc.no_bias = 1;
    x = gan_conv_transpose2d_ex(g, conv, x, &desc);
    return norm ? gan_relu(gan_batch_norm(g, norm, x)) : gan_tanh(x);
}

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_reshape(z, -1, (int)LATENT, 1, 1);
    (void)label;
    h = up(g, "0", "1", h, 4 * NGF, 1, 0);
    h = up(g, "3", "4", h, 2 * NGF, 2, 1);
    h = up(g, "6", "7", h, NGF, 2, 1);
    return up(g, "9", NULL, h, 3, 2, 1);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_leaky_relu(gan_conv2d(d, "conv1", x, NGF, 4, 2, 1), (gan_real).2);
    h = gan_leaky_relu(gan_conv2d(d, "conv2", h, 2 * NGF, 4, 2, 1), (gan_real).2);
    return gan_linear(d, "fc", gan_flatten(h), 1);
}

// every norm, an embedding and a slope
static gan_tensor *encoder(gan_model *e, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_group_norm(e, "group", gan_conv2d(e, "conv", x, 8, 3, 2, 1), 4);
    (void)label;
    h = gan_prelu(e, "slope", gan_instance_norm(e, "instance", h), 1);
    h = gan_layer_norm(e, "layer", gan_linear(e, "fc", gan_flatten(h), 6));
    return gan_add(h, gan_embedding(e, "embedding", gan_argmax(h, 1, 0), 6, 6));
}

static size_t read_floats(const char *path, float *to, size_t most)
{
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(to, sizeof *to, most, f) : 0;
    if (f) fclose(f);
    return n;
}

int main(int argc, char **argv)
{
    static float in[MOST], out[MOST];
    gan_context *ctx = gan_create(NULL);
    gan_model *m;
    gan_tensor *x, *y;
    FILE *f;
    size_t n, made;
    int load, is_g, code = 2;
    if (argc != 6) {
        fputs("exchange load|save generator|discriminator|encoder WEIGHTS INPUT OUTPUT\n", stderr);
        return 2;
    }
    load = !strcmp(argv[1], "load");
    is_g = !strcmp(argv[2], "generator");
    m = gan_model_create(ctx, argv[2], is_g ? generator : argv[2][0] == 'd' ? discriminator : encoder, NULL);
    if (argv[2][0] == 'd') gan_model_parametrize(m, NULL, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    n = read_floats(argv[4], in, MOST);
    x = is_g ? gan_from(ctx, in, (int)(n / LATENT), (int)LATENT)
             : gan_from(ctx, in, (int)(n / (3 * 32 * 32)), 3, 32, 32);
    if (load) gan_model_load(m, argv[3], 0);
    else {
        gan_forward(m, x, NULL);
        gan_forward(m, x, NULL);
        gan_model_save(m, argv[3]);
    }
    gan_model_mode(m, GAN_EVAL);
    y = gan_forward(m, x, NULL);
    made = gan_numel(y);
    gan_read(y, out, made);
    f = fopen(argv[5], "wb");
    if (f && fwrite(out, sizeof *out, made, f) == made && !gan_error(ctx)) code = gan_unclaimed(ctx, NULL);
    if (f) fclose(f);
    if (gan_error(ctx)) fprintf(stderr, "%s\n", gan_error_message(ctx));
    gan_destroy(ctx);
    return code;
}
