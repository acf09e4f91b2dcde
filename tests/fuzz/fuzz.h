// Shared by the fuzz targets: fast worlds, requirements, numbers from the input. A target defines
// LLVMFuzzerTestOneInput (libFuzzer's and AFL++'s entry); standalone.c replays and mutates without either.
// Include before gan.h's implementation is needed anywhere else: it is compiled here, scalar.
#ifndef FUZZ_H
#define FUZZ_H

#ifndef GAN_NO_SIMD
#define GAN_NO_SIMD
#endif
#define GAN_IMPLEMENTATION
#include "../../gan.h"
#include "../printable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif

#ifdef __cplusplus
extern "C"
#endif
    int
    LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline void fuzz_require(int condition, const char *what, const gan_context *ctx)
{
    if (condition) return;
    fprintf(stderr, "fuzz: %s; error %d: %s\n", what, gan_error(ctx), gan_error_message(ctx));
    abort();
}

// An error has a code of the list and a printable message.
static inline void fuzz_require_sane(const gan_context *ctx, const char *after)
{
    const char *text = gan_error_message(ctx);
    const int code = gan_error(ctx);
    fuzz_require(code >= 0 && code <= GAN_ERROR_UNSUPPORTED, after, ctx);
    if (!code) return;
    fuzz_require(*text != 0, after, ctx);
    fuzz_require(is_printable(text), after, ctx);
}

// ---- numbers from an input; zeros when it has ended

typedef struct fuzz_in {
    const uint8_t *at, *end;
} fuzz_in;

static inline unsigned fuzz_byte(fuzz_in *in) { return in->at < in->end ? *in->at++ : 0; }
static inline int fuzz_left(const fuzz_in *in) { return in->at < in->end; }

// ---- worlds: a context in a fixed block, built once; what an input did to it is undone by copying back

typedef struct fuzz_world {
    gan_context *ctx;
    gan_model *g, *d;
    gan_optimizer *o;
    gan_trainer *t;
    char *block, *copy;
    size_t size, head; // of the block; of what the copy holds
} fuzz_world;

static gan_tensor *fuzz_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_noise_injection(m, "noise", gan_reshape(gan_linear(m, "in", z, 4), -1, 1, 2, 2), 1);
    (void)label;
    return gan_linear(m, "out", gan_relu(gan_batch_norm(m, "bn", gan_flatten(h))), 2);
}
static gan_tensor *fuzz_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "out", gan_leaky_relu(gan_linear(m, "in", x, 3), (gan_real).2), 1);
}
static gan_tensor *fuzz_small(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_mul(x, gan_param(m, "w", gan_init_normal(0, 1), 3));
}
static gan_real fuzz_metric(gan_trainer *t, void *user)
{
    (void)user;
    return gan_item(gan_mean_all(gan_square(gan_trainer_sample(t, 2))));
}

// In a scope of its own. kind 0: nothing; 1: the model "s" with w (3) and an optimizer;
// 2: a trainer with everything that has state
static inline void fuzz_world_fill(fuzz_world *w, int kind)
{
    gan_trainer_desc d;
    if (kind == 1) {
        w->g = gan_model_create(w->ctx, "s", fuzz_small, NULL);
        w->o = gan_optimizer_create(w->g, gan_adam((gan_real).01, (gan_real).5, (gan_real).9));
        gan_scope_open(w->ctx);
        (void)gan_minimize(w->o, gan_mean_all(gan_square(gan_forward(w->g, gan_full(w->ctx, 1, 3), NULL))));
        gan_scope_close(w->ctx);
    }
    if (kind != 2) return;
    memset(&d, 0, sizeof d);
    w->g = d.generator = gan_model_create(w->ctx, "g", fuzz_generator, NULL);
    w->d = d.discriminator = gan_model_create(w->ctx, "d", fuzz_critic, NULL);
    gan_model_parametrize(d.discriminator, "in", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    d.data = gan_dataset_toy(w->ctx, GAN_TOY_RING);
    d.batch = 2, d.latent = 2;
    d.ema = (gan_real).9;
    d.pool = 2, d.lookahead = 2;
    d.augment.policy = GAN_AUGMENT_NOISE, d.augment.p = (gan_real).2, d.ada_target = (gan_real).6;
    d.metric = fuzz_metric, d.metric_every = 2;
    d.schedule[0].what = GAN_SCHEDULED_LR;
    d.schedule[0].schedule = gan_schedule_plateau((gan_real).5, 1);
    w->t = gan_trainer_create(w->ctx, &d);
    (void)gan_trainer_run(w->t, 2);
    (void)gan_trainer_sample(w->t, 2);
}

static inline void fuzz_world_open(fuzz_world *w, size_t size)
{
    gan_desc d;
    memset(w, 0, sizeof *w);
    memset(&d, 0, sizeof d);
    w->size = size;
    w->block = (char *)malloc(size);
    d.memory = w->block, d.memory_size = size, d.threads = 1;
    w->ctx = w->block ? gan_create(&d) : NULL;
    if (!w->ctx) {
        puts("fuzz: no memory");
        exit(3);
    }
}

// The block as bytes, for copying; afterwards what is not given out is poisoned again.
static inline void fuzz_world_bare(fuzz_world *w, int bare)
{
#ifdef FUZZ_ASAN
    const gan__core_chunk *c = w->ctx->mem.chunks;
    if (bare) ASAN_UNPOISON_MEMORY_REGION(w->block, w->size);
    else ASAN_POISON_MEMORY_REGION(c->lo, (size_t)(c->hi - c->lo));
#else
    (void)w, (void)bare;
#endif
}

// What there is now is what an input begins with; no scope may be open.
static inline void fuzz_world_ready(fuzz_world *w)
{
    fuzz_require(!gan_error(w->ctx), "the world cannot be made", w->ctx);
    w->head = (size_t)(w->ctx->mem.chunks->lo - w->block);
    w->copy = (char *)malloc(w->head);
    fuzz_world_bare(w, 1);
    if (w->copy) memcpy(w->copy, w->block, w->head);
    fuzz_world_bare(w, 0);
    fuzz_require(w->copy && w->ctx->mem.chunks->hi == w->ctx->mem.chunks->end, "the world leaves step memory",
                 w->ctx);
}

static inline void fuzz_world_reset(fuzz_world *w)
{
    fuzz_world_bare(w, 1);
    memcpy(w->block, w->copy, w->head);
    fuzz_world_bare(w, 0);
}

// Only what calls that fail change: the chunk's header and the context, which begin the block.
static inline void fuzz_world_forgive(fuzz_world *w)
{
    memcpy(w->block, w->copy, (size_t)((char *)(w->ctx + 1) - w->block));
}

// The same, from the context on.
static inline int fuzz_world_same(const fuzz_world *w)
{
    const size_t from = (size_t)((char *)(w->ctx + 1) - w->block);
    return !memcmp(w->block + from, w->copy + from, w->head - from);
}

#endif // FUZZ_H
