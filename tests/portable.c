// One small GAN on every machine (tools/check_platforms): scalar kernels, one thread, a trainer with all that
// has state, values that conversions lose (signaling NaN, subnormal, -0).
//
//     portable train OUT        trains 6 steps and writes a checkpoint; it must be that of 3 steps, saved,
//                               loaded and 3 steps more
//     portable again IN OUT     loads IN and writes what it loaded: twice, with the trainer there and
//                               without; both must be IN byte for byte
//
// Prints `values X`, a number made of all values whatever the machine's byte order; ends with 1 on a failure.
#define GAN_NO_SIMD
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gan_tensor *generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_reshape(gan_linear(m, "in", z, 32), -1, 2, 4, 4);
    (void)label;
    h = gan_relu(gan_batch_norm(m, "bn", gan_conv2d(m, "conv", h, 3, 3, 1, 1)));
    return gan_linear(m, "out", gan_flatten(h), 2);
}
static gan_tensor *critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "out", gan_leaky_relu(gan_linear(m, "in", x, 16), (gan_real).2), 1);
}
static gan_tensor *special(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    (void)gan_buffer(m, "values", 0, 8);
    return x;
}

static uint32_t hash = 2166136261u;
static void mix(const gan_real *v, size_t n)
{
    size_t i;
    for (i = 0; i < n; ++i) {
        uint32_t bits;
        memcpy(&bits, v + i, sizeof bits);
        hash = (hash ^ bits) * 16777619u;
    }
}

typedef struct machine {
    gan_context *ctx;
    gan_model *g, *d, *s;
    gan_trainer *t;
} machine;

static machine start(uint64_t seed, int trainer)
{
    static const uint32_t bits[8] = {0x7f800001u, 0xffa00000u, 1u,          0x80000000u,
                                     0x7f800000u, 0x00400000u, 0x7fc12345u, 0x807fffffu};
    machine m;
    gan_desc c;
    gan_trainer_desc d;
    memset(&m, 0, sizeof m);
    memset(&c, 0, sizeof c);
    memset(&d, 0, sizeof d);
    c.seed = seed, c.threads = 1;
    m.ctx = gan_create(&c);
    if (!m.ctx) exit(1);
    if (!trainer) return m;
    m.s = gan_model_create(m.ctx, "s", special, NULL);
    (void)gan_forward(m.s, gan_scalar(m.ctx, 0), NULL);
    if (gan_data(gan_model_find(m.s, "values"))) memcpy(gan_data(gan_model_find(m.s, "values")), bits, 32);
    m.g = d.generator = gan_model_create(m.ctx, "g", generator, NULL);
    m.d = d.discriminator = gan_model_create(m.ctx, "d", critic, NULL);
    gan_model_parametrize(m.d, "in", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    d.data = gan_dataset_toy(m.ctx, GAN_TOY_SWISS_ROLL);
    d.batch = 8, d.latent = 4, d.ema = (gan_real).9, d.pool = 8, d.lookahead = 4;
    d.penalty[0].kind = GAN_PENALTY_R1;
    m.t = gan_trainer_create(m.ctx, &d);
    return m;
}

static int fine(const char *what, int good, gan_context *ctx)
{
    if (good && !gan_error(ctx)) return 1;
    printf("FAILED: %s: %s\n", what, gan_error_message(ctx));
    return 0;
}

static int same(const char *a, const char *b)
{
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    int c = EOF, e = EOF, n = 0;
    if (f && g) do
            c = fgetc(f), e = fgetc(g), ++n;
        while (c == e && c != EOF);
    if (f) fclose(f);
    if (g) fclose(g);
    return c == e && n > 1;
}

static void values(const machine *m)
{
    gan_model *const models[3] = {m->g, m->d, m->s};
    int i, k;
    for (k = 0; k < 3; ++k)
        for (i = 0; i < gan_model_count(models[k]); ++i) {
            gan_tensor *t = gan_model_tensor(models[k], i);
            if (gan_data(t)) mix(gan_data(t), gan_numel(t));
        }
    printf("values %08lx\n", (unsigned long)hash);
}

static int train(const char *out)
{
    machine a = start(7, 1), b = start(8, 1);
    int good;
    (void)gan_trainer_run(a.t, 3);
    good = fine("saving", gan_save(a.ctx, out) == 0, a.ctx);
    (void)gan_trainer_run(a.t, 3);
    good = good && fine("loading", gan_load(b.ctx, out) == 0, b.ctx);
    (void)gan_trainer_run(b.t, 3);
    good = good && fine("saving", gan_save(b.ctx, out) == 0, b.ctx);
    good = good && fine("saving", gan_save(a.ctx, "portable.tmp") == 0, a.ctx);
    good = good && fine("a resumed run is another run", same(out, "portable.tmp"), a.ctx);
    (void)remove("portable.tmp");
    values(&a);
    return good;
}

static int again(const char *in, const char *out)
{
    machine a = start(9, 1), b = start(9, 0);
    int good;
    (void)gan_trainer_step(a.t); // everything is there
    good = fine("loading", gan_load(a.ctx, in) == 0, a.ctx);
    good = good && fine("saving", gan_save(a.ctx, out) == 0, a.ctx);
    good = good && fine("what was loaded into a trainer is saved as it was", same(in, out), a.ctx);
    good = good && fine("loading", gan_load(b.ctx, in) == 0, b.ctx);
    good = good && fine("saving", gan_save(b.ctx, out) == 0, b.ctx);
    good = good && fine("what was loaded for later is saved as it was", same(in, out), b.ctx);
    values(&a);
    return good;
}

int main(int count, char **argument)
{
    if (count == 3 && !strcmp(argument[1], "train")) return !train(argument[2]);
    if (count == 4 && !strcmp(argument[1], "again")) return !again(argument[2], argument[3]);
    puts("portable train OUT, portable again IN OUT");
    return 1;
}
