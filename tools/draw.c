// A program that only draws samples: the core alone, weights from memory, one fixed block, no malloc, no
// files. bench/program_size prints its size, tools/check_parts builds and runs it. Returns 0 when an image
// came out.
#ifndef DRAW_MEMORY
#define DRAW_MEMORY (1 << 20)
#endif
#define GAN_NO_MALLOC
#define GAN_IMPLEMENTATION
#include "gan.h"

static unsigned char memory[DRAW_MEMORY];
static const unsigned char weights[64] = {0}; // a safetensors file in a real program
static volatile size_t weights_size = sizeof weights; // so that the compiler keeps what reads it

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    z = gan_leaky_relu(gan_linear(g, "fc1", z, 128), (gan_real).2);
    return gan_tanh(gan_linear(g, "fc2", z, 784));
}

int main(int count, char **argument)
{
    static gan_real pixels[784];
    gan_desc desc = {0};
    gan_context *ctx;
    gan_model *g;
    (void)argument;
    desc.memory = memory, desc.memory_size = sizeof memory;
    ctx = gan_create(&desc);
    g = gan_model_create(ctx, "generator", generator, NULL);
    if (count > 1) gan_load_memory(ctx, weights, weights_size);
    gan_model_mode(g, GAN_EVAL);
    gan_read(gan_forward(g, gan_rand_uniform(ctx, 1, 96), NULL), pixels, 784);
    return gan_error(ctx) || !(pixels[0] > -1 && pixels[0] < 1);
}
