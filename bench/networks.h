// The networks of the seven workloads and the table of the workloads themselves.
#ifndef BENCH_NETWORKS_H
#define BENCH_NETWORKS_H

#include "bench.h"

// One GAN: networks (which find their workload in gan_model_user), batch, size of z, critic steps an
// iteration (0: the usual GAN with logits), Adam's lr.
typedef struct workload {
    const char *name;
    gan_model_function *generator, *discriminator;
    int batch, latent, critic_steps;
    gan_real lr;
    int x[3];        // shape of one sample; 0 ends it
    gan_real lo, hi; // its values are uniform in lo .. hi; equal: N(0, 1)
    int features;    // of the DCGAN
} workload;

// z -> 64 -> 64 -> 2 with SELU; 2 -> 64 -> 64 -> 1 with ELU
static inline gan_tensor *toy_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_selu(gan_linear(g, "fc1", z, 64));
    (void)label;
    return gan_linear(g, "fc3", gan_selu(gan_linear(g, "fc2", h, 64)), 2);
}

static inline gan_tensor *toy_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_elu(gan_linear(d, "fc1", x, 64), 1);
    (void)label;
    return gan_linear(d, "fc3", gan_elu(gan_linear(d, "fc2", h, 64), 1), 1);
}

// The first GAN most people write for MNIST.
static inline gan_tensor *mlp_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_linear(g, "fc1", z, 256), .2f);
    (void)label;
    h = gan_leaky_relu(gan_linear(g, "fc2", h, 256), .2f);
    return gan_tanh(gan_linear(g, "fc3", h, 784));
}

static inline gan_tensor *mlp_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_linear(d, "fc1", x, 256), .2f);
    (void)label;
    h = gan_leaky_relu(gan_linear(d, "fc2", h, 256), .2f);
    return gan_linear(d, "fc3", h, 1);
}

// The thesis's network for MNIST, its tables 2.2 and 2.3.
static inline gan_tensor *thesis_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_batch_norm(g, "bn1", gan_relu(gan_linear(g, "fc1", z, 1024)));
    (void)label;
    h = gan_batch_norm(g, "bn2", gan_relu(gan_linear(g, "fc2", h, 7 * 7 * 128)));
    h = gan_conv_transpose2d(g, "up1", gan_reshape(h, -1, 128, 7, 7), 64, 4, 2, 1);
    h = gan_batch_norm(g, "bn3", gan_relu(h));
    return gan_tanh(gan_conv_transpose2d(g, "up2", h, 1, 4, 2, 1));
}

static inline gan_tensor *thesis_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv1", x, 32, 5, 1, 0), .01f), 2, 2);
    (void)label;
    h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv2", h, 64, 5, 1, 0), .01f), 2, 2);
    h = gan_leaky_relu(gan_linear(d, "fc1", gan_flatten(h), 1024), .01f);
    return gan_linear(d, "fc2", h, 1);
}

// DCGAN (Radford 2015): convolutions of 4 x 4 without bias, from 4 x 4 pixels up and down again.
static inline gan_conv2d_desc dcgan_layer(int channels, int stride, int padding)
{
    gan_conv2d_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.out_channels = channels;
    desc.kernel[0] = 4;
    desc.stride[0] = stride;
    desc.padding_h = desc.padding_w = padding;
    desc.no_bias = 1;
    return desc;
}

static inline const char *numbered(char name[16], const char *what, int i)
{
    snprintf(name, 16, "%s%d", what, i);
    return name;
}

static inline gan_tensor *dcgan_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    const workload *w = (const workload *)gan_model_user(g);
    int channels = w->features * w->x[1] / 8, size, i = 1;
    gan_conv2d_desc desc = dcgan_layer(channels, 1, 0);
    char name[16];
    gan_tensor *h = gan_conv_transpose2d_ex(g, "up0", gan_reshape(z, -1, w->latent, 1, 1), &desc);
    (void)label;
    h = gan_relu(gan_batch_norm(g, "bn0", h));
    for (size = 4; size < w->x[1] / 2; size *= 2, ++i) {
        desc = dcgan_layer(channels /= 2, 2, 1);
        h = gan_conv_transpose2d_ex(g, numbered(name, "up", i), h, &desc);
        h = gan_relu(gan_batch_norm(g, numbered(name, "bn", i), h));
    }
    desc = dcgan_layer(w->x[0], 2, 1);
    return gan_tanh(gan_conv_transpose2d_ex(g, "out", h, &desc));
}

static inline gan_tensor *dcgan_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    const workload *w = (const workload *)gan_model_user(d);
    int channels = w->features, size, i = 1;
    gan_conv2d_desc desc = dcgan_layer(channels, 2, 1);
    char name[16];
    gan_tensor *h = gan_leaky_relu(gan_conv2d_ex(d, "down0", x, &desc), .2f);
    (void)label;
    for (size = w->x[1] / 2; size > 4; size /= 2, ++i) {
        desc = dcgan_layer(channels *= 2, 2, 1);
        h = gan_conv2d_ex(d, numbered(name, "down", i), h, &desc);
        h = gan_leaky_relu(gan_batch_norm(d, numbered(name, "bn", i), h), .2f);
    }
    desc = dcgan_layer(1, 1, 0);
    return gan_conv2d_ex(d, "out", h, &desc);
}

// WGAN-GP's networks (Gulrajani 2017): for the toys in two dimensions, and for MNIST with DIM 64.
static inline gan_tensor *wgangp_mlp(gan_model *m, gan_tensor *x, int out)
{
    x = gan_relu(gan_linear(m, "fc1", x, 512));
    x = gan_relu(gan_linear(m, "fc2", x, 512));
    return gan_linear(m, "fc4", gan_relu(gan_linear(m, "fc3", x, 512)), out);
}

static inline gan_tensor *wgangp_mlp_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return wgangp_mlp(g, z, 2);
}

static inline gan_tensor *wgangp_mlp_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return wgangp_mlp(d, x, 1);
}

static inline gan_tensor *wgangp_up(gan_model *g, const char *name, gan_tensor *x, int channels,
                                    int output_padding)
{
    gan_conv2d_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.out_channels = channels;
    desc.kernel[0] = 5;
    desc.stride[0] = 2;
    desc.padding_h = desc.padding_w = 2;
    desc.output_padding_h = desc.output_padding_w = output_padding;
    return gan_conv_transpose2d_ex(g, name, x, &desc);
}

static inline gan_tensor *wgangp_mnist_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_reshape(gan_relu(gan_linear(g, "fc", z, 4096)), -1, 256, 4, 4);
    (void)label;
    h = gan_relu(wgangp_up(g, "up1", h, 128, 0));
    h = gan_relu(wgangp_up(g, "up2", h, 64, 1));
    return gan_sigmoid(wgangp_up(g, "up3", h, 1, 1));
}

static inline gan_tensor *wgangp_mnist_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(d, "conv1", x, 64, 5, 2, 2), .2f);
    (void)label;
    h = gan_leaky_relu(gan_conv2d(d, "conv2", h, 128, 5, 2, 2), .2f);
    h = gan_leaky_relu(gan_conv2d(d, "conv3", h, 256, 5, 2, 2), .2f);
    return gan_linear(d, "fc", gan_flatten(h), 1);
}

static const workload workloads[] = {
    {"toy", toy_g, toy_d, 256, 2, 0, 2e-4f, {2, 0, 0}, 0, 0, 0},
    {"mlp", mlp_g, mlp_d, 64, 100, 0, 2e-4f, {784, 0, 0}, -1, 1, 0},
    {"thesis", thesis_g, thesis_d, 128, 96, 0, 1e-3f, {1, 28, 28}, -1, 1, 0},
    {"dcgan32", dcgan_g, dcgan_d, 64, 100, 0, 2e-4f, {3, 32, 32}, -1, 1, 32},
    {"dcgan64", dcgan_g, dcgan_d, 16, 100, 0, 2e-4f, {3, 64, 64}, -1, 1, 64},
    {"wgangp_mlp", wgangp_mlp_g, wgangp_mlp_d, 256, 2, 5, 1e-4f, {2, 0, 0}, 0, 0, 0},
    {"wgangp_mnist", wgangp_mnist_g, wgangp_mnist_d, 50, 128, 5, 1e-4f, {1, 28, 28}, 0, 1, 0},
};
enum { WORKLOADS = sizeof workloads / sizeof workloads[0] };

#endif
