// Shared by the tests of the trainer: small models, a trainer with its context, comparison of weights.
// Include after gan.h, test.h and check.h.
#ifndef TRAINERS_H
#define TRAINERS_H

// G(z) = a z + theta, D(x) = w x + b.
static inline gan_tensor *shift_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(z, gan_param(g, "theta", gan_init_constant((gan_real).5), 2));
}
static inline gan_tensor *linear_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc", x, 1);
}
// Small networks with everything that has state or randomness: batch norm, dropout.
static inline gan_tensor *mlp_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear(g, "out", gan_relu(gan_batch_norm(g, "bn", gan_linear(g, "in", z, 16))), 2);
}
static inline gan_tensor *mlp_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(
        d, "out", gan_dropout(d, gan_leaky_relu(gan_linear(d, "in", x, 16), (gan_real).2), (gan_real).25), 1);
}
typedef struct rig {
    gan_context *ctx;
    gan_model *g, *d;
    gan_trainer_desc desc;
    gan_trainer *t;
} rig;

static inline rig make(int threads, gan_model_function *g, gan_model_function *d, int latent)
{
    rig r;
    gan_desc c;
    memset(&r, 0, sizeof r);
    memset(&c, 0, sizeof c);
    c.threads = threads;
    c.seed = 11;
    r.ctx = gan_create(&c);
    inside_start_threads(r.ctx);
    r.g = r.desc.generator = gan_model_create(r.ctx, "g", g, NULL);
    r.d = r.desc.discriminator = gan_model_create(r.ctx, "d", d, NULL);
    r.desc.latent = latent;
    r.desc.batch = 16;
    r.desc.data = gan_dataset_toy(r.ctx, GAN_TOY_RING);
    return r;
}
static inline void go(rig *r)
{
    r->t = gan_trainer_create(r->ctx, &r->desc);
    CHECK(r->t != NULL, "no trainer: %s", gan_error_message(r->ctx));
}
static inline void fine(const rig *r) { CHECK(gan_error(r->ctx) == 0, "%s", gan_error_message(r->ctx)); }

static inline void same_weights(gan_model *a, gan_model *b)
{
    int i;
    CHECK(gan_model_count(a) == gan_model_count(b) && gan_model_count(a) > 0, "%d and %d tensors",
          gan_model_count(a), gan_model_count(b));
    for (i = 0; i < gan_model_count(a); ++i) {
        gan_tensor *t = gan_model_find(b, gan_model_name(a, i));
        CHECK(t && same_bits(gan_model_tensor(a, i), t), "%s differs", gan_model_name(a, i));
    }
}

#endif // TRAINERS_H
