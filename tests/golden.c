// A whole run, as one number for each instruction set of this machine (tools/check_determinism): a small
// convolutional GAN with batch norm, spectral norm, dropout, Adam, an averaged generator, R1, a pool of past
// samples and augmentation trains 12 steps on pictures made of integers. Prints `ISA digest` a line, the
// digest being that of its checkpoint (gan_inspect). Threads are simulated by one: the tasks of a loop run
// backwards.
//
//     golden            with 1, 2, 3, 4, 7 and 16 threads, which must agree
//     golden --wrong    a rate differs in its last bit: the control
#ifndef GAN_IMPLEMENTATION
#define GAN_IMPLEMENTATION
#endif
#include "../gan.h"

#include <stdio.h>
#include <string.h>

enum { SIDE = 12, PICTURES = 40, STEPS = 12 };
static int wrong;
static const char *const file = "golden.st";

static void backwards(int64_t n, gan_task *task, void *arg, void *user)
{
    (void)user;
    while (n-- > 0) task(arg, n);
}

static gan_tensor *generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_reshape(gan_linear(m, "in", z, 20 * 3 * 3), -1, 20, 3, 3);
    (void)label;
    h = gan_relu(gan_batch_norm(m, "bn1", h));
    h = gan_conv_transpose2d(m, "up1", h, 11, 4, 2, 1);
    h = gan_relu(gan_batch_norm(m, "bn2", h));
    return gan_tanh(gan_conv_transpose2d(m, "up2", h, 1, 4, 2, 1));
}
static gan_tensor *critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(m, "conv1", x, 9, 4, 2, 1), (gan_real).2);
    (void)label;
    h = gan_silu(gan_conv2d(m, "conv2", h, 21, 3, 1, 1));
    return gan_linear(m, "out", gan_dropout(m, gan_flatten(h), (gan_real).25), 1);
}

static int train(gan_isa isa, int threads, char digest[24])
{
    static gan_real pixels[PICTURES * SIDE * SIDE];
    gan_desc c;
    gan_trainer_desc d;
    gan_checkpoint saved;
    gan_context *ctx;
    gan_trainer *t;
    int i, code;
    for (i = 0; i < PICTURES * SIDE * SIDE; ++i)
        pixels[i] = (gan_real)((i * 37 + i / SIDE * 11 + i / 7) % 256 - 128) / 128;
    memset(&c, 0, sizeof c);
    memset(&d, 0, sizeof d);
    c.seed = 5, c.isa = isa, c.threads = threads, c.parallel_for = backwards;
    ctx = gan_create(&c);
    if (!ctx) return -1;
    d.generator = gan_model_create(ctx, "g", generator, NULL);
    d.discriminator = gan_model_create(ctx, "d", critic, NULL);
    gan_model_parametrize(d.discriminator, "conv2", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    d.data = gan_dataset_memory(ctx, pixels, NULL, PICTURES, 1, SIDE, SIDE);
    d.batch = 12, d.latent = 10, d.ema = (gan_real).9, d.pool = 16;
    d.g_optimizer = d.d_optimizer =
        gan_adam(wrong ? (gan_real)2.0000003e-3 : (gan_real)2e-3, (gan_real).5, (gan_real).99);
    d.penalty[0].kind = GAN_PENALTY_R1;
    d.augment.policy = GAN_AUGMENT_DIFF;
    t = gan_trainer_create(ctx, &d);
    (void)gan_trainer_run(t, STEPS);
    code = gan_save(ctx, file) || gan_inspect(ctx, file, &saved);
    (void)remove(file);
    if (code) printf("FAILED: %s\n", gan_error_message(ctx));
    else strcpy(digest, saved.digest);
    gan_destroy(ctx);
    return code;
}

int main(int count, char **argument)
{
    static const char *const name[] = {"auto",
#define ROW(id, name) #name,
                                       GAN_ISAS(ROW)};
    static const int threads[] = {1, 2, 3, 4, 7, 16};
    int isa, k, bad = 0;
    wrong = count > 1 && !strcmp(argument[1], "--wrong");
    for (isa = GAN_ISA_SCALAR; isa < GAN_ISA_COUNT; ++isa) {
        char first[24], other[24];
        const int code = train((gan_isa)isa, threads[0], first);
        bad |= code > 0;
        if (code) continue; // this machine lacks it, or a failure was printed
        for (k = 1; k < (int)(sizeof threads / sizeof *threads) && !wrong; ++k)
            if (train((gan_isa)isa, threads[k], other) || strcmp(first, other))
                bad = 1, printf("FAILED: %s: %d threads give another run\n", name[isa], threads[k]);
        printf("%s %s\n", name[isa], first);
    }
    return bad;
}
