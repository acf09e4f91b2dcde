// Memory: the user's allocator, a fixed block, scopes, kept tensors, the steady state, and every allocation
// failing in turn.
#include <stdlib.h>

// Whoever calls malloc in this file is counted.
static int malloc_calls;
static void *counted_malloc(size_t bytes)
{
    ++malloc_calls;
    return malloc(bytes);
}
#include <stdio.h>
#include <string.h>
#define malloc counted_malloc
#define GAN_IMPLEMENTATION
#include "../gan.h"
#undef malloc

#include "test.h"

#include "check.h"

#include "counter.h"

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h =
        gan_reshape(gan_relu(gan_batch_norm(g, "bn", gan_linear(g, "fc", z, 4 * 3 * 3))), -1, 4, 3, 3);
    (void)label;
    return gan_tanh(gan_conv_transpose2d(g, "up", h, 1, 4, 2, 1));
}
static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(d, "conv", x, 4, 3, 1, 1), (gan_real).2);
    (void)label;
    return gan_linear(d, "fc", gan_flatten(gan_max_pool2d(h, 2, 2)), 1);
}
typedef struct pair {
    gan_model *g, *d;
    gan_optimizer *og, *od;
} pair;
static pair make_pair(gan_context *ctx)
{
    pair p;
    p.g = gan_model_create(ctx, "g", generator, NULL);
    p.d = gan_model_create(ctx, "d", discriminator, NULL);
    p.og = gan_optimizer_create(p.g, gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).999));
    p.od = gan_optimizer_create(p.d, gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).999));
    return p;
}
// One step with a gradient penalty, so that gradients of gradients are among what allocates.
static void train_step(gan_context *ctx, pair p)
{
    gan_tensor *real = gan_rand_normal(ctx, 8, 1, 6, 6),
               *fake = gan_detach(gan_forward(p.g, gan_rand_normal(ctx, 8, 5), NULL));
    gan_tensor *loss =
        gan_loss_d(GAN_LOSS_NON_SATURATING, gan_forward(p.d, real, NULL), gan_forward(p.d, fake, NULL), 0);
    (void)gan_minimize(p.od, gan_add(loss, gan_penalty(GAN_PENALTY_WGAN_GP, 1, p.d, real, fake, NULL)));
    fake = gan_forward(p.g, gan_rand_normal(ctx, 8, 5), NULL);
    (void)gan_minimize(p.og, gan_loss_g(GAN_LOSS_NON_SATURATING, gan_forward(p.d, fake, NULL)));
}

static void allocators(void)
{
    TEST ("with an allocator malloc is never called; all that was taken is given back, with its size, and "
          "nothing written beside it") {
        counter c;
        gan_desc d = counting(&c);
        gan_context *ctx = gan_create(&d);
        pair p = make_pair(ctx);
        int i;
        malloc_calls = 0;
        for (i = 0; i < 3; ++i) train_step(ctx, p);
        (void)gan_zeros(ctx, 3000000);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(malloc_calls == 0, "malloc was called %d times", malloc_calls);
        CHECK((int)gan_memory(ctx).heap_calls == c.calls, "heap_calls %d, the allocator saw %d",
              (int)gan_memory(ctx).heap_calls, c.calls);
        CHECK(gan_memory(ctx).reserved == c.bytes, "reserved %lu, the allocator gave %lu",
              (unsigned long)gan_memory(ctx).reserved, (unsigned long)c.bytes);
        CHECK(gan_memory(ctx).peak <= gan_memory(ctx).reserved &&
                  gan_memory(ctx).current <= gan_memory(ctx).peak,
              "current, peak and reserved are out of order");
        gan_destroy(ctx);
        CHECK(c.live == 0 && c.bytes == 0, "%d blocks, %lu bytes were not given back", c.live,
              (unsigned long)c.bytes);
        CHECK(c.wrong == 0, "%d wrong sizes or overruns", c.wrong);
    }
    TEST ("the steady state of a training loop makes no heap call and its memory does not grow") {
        gan_context *ctx = gan_create(NULL);
        pair p = make_pair(ctx);
        gan_memory_stats before, after;
        int i;
        for (i = 0; i < 3; ++i) train_step(ctx, p);
        before = gan_memory(ctx);
        for (i = 0; i < 20; ++i) train_step(ctx, p);
        after = gan_memory(ctx);
        CHECK(after.heap_calls == before.heap_calls, "%d heap calls in 20 steps",
              (int)(after.heap_calls - before.heap_calls));
        CHECK(after.current == before.current && after.peak == before.peak,
              "current %lu -> %lu, peak %lu -> %lu", (unsigned long)before.current,
              (unsigned long)after.current, (unsigned long)before.peak, (unsigned long)after.peak);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("rubbish in the allocator's memory changes no bit") {
        counter c;
        gan_desc d = counting(&c);
        gan_context *a = gan_create(&d), *b = gan_create(NULL);
        pair p = make_pair(a), q = make_pair(b);
        int i;
        for (i = 0; i < 3; ++i) train_step(a, p), train_step(b, q);
        for (i = 0; i < gan_model_count(p.d); ++i)
            CHECK(same_bits(gan_model_tensor(p.d, i), gan_model_tensor(q.d, i)), "%s differs",
                  gan_model_name(p.d, i));
        gan_destroy(a);
        gan_destroy(b);
    }
}

enum { BLOCK = 1 << 20 };
static unsigned char block[BLOCK + 256];

static gan_context *in_block(size_t offset, size_t bytes)
{
    gan_desc d;
    memset(&d, 0, sizeof d);
    memset(block, 0x5a, sizeof block);
    d.memory = block + offset;
    d.memory_size = bytes;
    return gan_create(&d);
}

static void fixed_block(void)
{
    TEST ("with a fixed block, aligned or not, training never calls malloc, makes no heap call and writes "
          "nowhere else") {
        static const size_t offsets[] = {0, 1, 7, 64, 100};
        size_t i, k, wrong;
        for (i = 0; i < 5; ++i) {
            gan_context *ctx;
            pair p;
            malloc_calls = 0;
            ctx = in_block(offsets[i], BLOCK);
            CHECK(ctx != NULL, "no context at offset %d", (int)offsets[i]);
            if (!ctx) continue;
            p = make_pair(ctx);
            for (k = 0; k < 4; ++k) train_step(ctx, p);
            CHECK(((uintptr_t)gan_data(gan_model_tensor(p.d, 0)) & 63) == 0 &&
                      ((uintptr_t)gan_data(gan_zeros(ctx, 3)) & 63) == 0,
                  "values are not aligned to 64 bytes at offset %d", (int)offsets[i]);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            CHECK(malloc_calls == 0 && gan_memory(ctx).heap_calls == 0, "%d malloc, %d heap calls",
                  malloc_calls, (int)gan_memory(ctx).heap_calls);
            CHECK(gan_memory(ctx).reserved <= BLOCK && gan_memory(ctx).peak <= BLOCK,
                  "reserved %lu, peak %lu", (unsigned long)gan_memory(ctx).reserved,
                  (unsigned long)gan_memory(ctx).peak);
            gan_destroy(ctx);
            for (k = wrong = 0; k < sizeof block; ++k)
                wrong += (k < offsets[i] || k >= offsets[i] + BLOCK) && block[k] != 0x5a;
            CHECK(wrong == 0, "%d bytes written outside the block at offset %d", (int)wrong, (int)offsets[i]);
        }
    }
    TEST ("a block of any size up to too little gives no context or a context with an error, and no write "
          "outside") {
        size_t bytes, k, wrong, contexts = 0, complete = 0;
        for (bytes = 0; bytes < 300000; bytes = bytes < 1024 ? bytes + 61 : bytes + bytes / 7 + 13) {
            gan_context *ctx = in_block(64, bytes);
            if (ctx) {
                pair p = make_pair(ctx);
                ++contexts;
                train_step(ctx, p);
                complete += gan_error(ctx) == 0;
                CHECK(gan_error(ctx) == 0 || gan_error(ctx) == GAN_ERROR_MEMORY, "%lu bytes: %s",
                      (unsigned long)bytes, gan_error_message(ctx));
                if (gan_error(ctx))
                    CHECK(strstr(gan_error_message(ctx), "memory") != NULL, "message: %s",
                          gan_error_message(ctx));
                gan_destroy(ctx);
            }
            for (k = wrong = 0; k < sizeof block; ++k)
                wrong += (k < 64 || k >= 64 + bytes) && block[k] != 0x5a;
            CHECK(wrong == 0, "%lu bytes: %d written outside", (unsigned long)bytes, (int)wrong);
        }
        CHECK(contexts > 0 && complete > 0, "%d contexts, %d complete steps", (int)contexts, (int)complete);
    }
    TEST ("a fixed block trains to the same bits as malloc") {
        gan_context *a = in_block(0, BLOCK), *b = gan_create(NULL);
        pair p = make_pair(a), q = make_pair(b);
        int i;
        for (i = 0; i < 3; ++i) train_step(a, p), train_step(b, q);
        for (i = 0; i < gan_model_count(p.g); ++i)
            CHECK(same_bits(gan_model_tensor(p.g, i), gan_model_tensor(q.g, i)), "%s differs",
                  gan_model_name(p.g, i));
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("when the block is full the error says what to give, and after clearing the context still works") {
        gan_context *ctx = in_block(0, 200000);
        gan_tensor *t;
        CHECK(ctx != NULL, "no context in 200000 bytes");
        gan_scope_open(ctx);
        t = gan_zeros(ctx, 1000000);
        CHECK(gan_error(ctx) == GAN_ERROR_MEMORY && gan_data(t) == NULL, "code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "memory_size");
        gan_scope_close(ctx);
        gan_error_clear(ctx);
        CHECK_NEAR(gan_item(gan_sum_all(gan_full(ctx, 2, 100))), 200, 0, "afterwards");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static void scopes(void)
{
    TEST ("scopes nest: what an inner one made goes, what the outer one made stays") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *a, *b;
        size_t start, outer;
        int i;
        (void)gan_square(gan_zeros(ctx, 10));
        start = gan_memory(ctx).current;
        gan_scope_open(ctx);
        a = gan_full(ctx, 3, 1000);
        outer = gan_memory(ctx).current;
        for (i = 0; i < 5; ++i) {
            gan_scope_open(ctx);
            b = gan_square(gan_add(a, gan_full(ctx, 1, 1000)));
            CHECK_NEAR(gan_data(b)[999], 16, 0, "inner");
            gan_scope_close(ctx);
        }
        CHECK_NEAR(gan_data(a)[999], 3, 0, "outer");
        CHECK(gan_memory(ctx).current <= outer + 65536, "grew from %lu to %lu", (unsigned long)outer,
              (unsigned long)gan_memory(ctx).current);
        gan_scope_close(ctx);
        CHECK(gan_memory(ctx).current <= start + 65536, "grew from %lu to %lu", (unsigned long)start,
              (unsigned long)gan_memory(ctx).current);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("a gradient through tensors of an outer scope, taken in an inner one") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_scalar(ctx, 3), *y = gan_square(x);
        gan_scope_open(ctx);
        CHECK_NEAR(gan_item(gan_grad(gan_mul(y, x), x, 0)), 27, 1e-4, "inner");
        gan_scope_close(ctx);
        CHECK_NEAR(gan_item(gan_grad(y, x, 0)), 6, 1e-5, "outer, afterwards");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("gan_minimize in a scope keeps the step's tensors until the scope closes") {
        gan_context *ctx = gan_create(NULL);
        pair p = make_pair(ctx);
        gan_tensor *x, *y;
        gan_scope_open(ctx);
        x = gan_rand_normal(ctx, 8, 1, 6, 6);
        y = gan_forward(p.d, x, NULL);
        (void)gan_minimize(p.od, gan_mean_all(gan_square(y)));
        CHECK(gan_data(y) && gan_numel(y) == 8 && isfinite((double)gan_item(gan_sum_all(y))), "y is gone: %s",
              gan_error_message(ctx));
        gan_scope_close(ctx);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("a hundred open scopes, a close too many: no crash, and the context works afterwards") {
        gan_context *ctx = gan_create(NULL);
        int i;
        for (i = 0; i < 100; ++i) {
            gan_scope_open(ctx);
            (void)gan_zeros(ctx, 100);
        }
        for (i = 0; i < 103; ++i) gan_scope_close(ctx);
        gan_error_clear(ctx);
        CHECK_NEAR(gan_item(gan_sum_all(gan_full(ctx, 2, 10))), 20, 0, "afterwards");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("tensors are zeroed or fully written, also in memory that was used before") {
        gan_context *ctx = gan_create(NULL);
        int i;
        size_t k, wrong = 0;
        for (i = 0; i < 4; ++i) {
            gan_tensor *t;
            gan_scope_open(ctx);
            t = gan_zeros(ctx, 5000 + i);
            for (k = 0; k < gan_numel(t); ++k) wrong += gan_data(t)[k] != 0;
            for (k = 0; k < gan_numel(t); ++k) gan_data(t)[k] = 9;
            gan_scope_close(ctx);
        }
        CHECK(wrong == 0, "%d values are not zero", (int)wrong);
        gan_destroy(ctx);
    }
    TEST ("every tensor's values are aligned to 64 bytes") {
        gan_context *ctx = gan_create(NULL);
        int i;
        for (i = 1; i < 40; ++i) CHECK(((uintptr_t)gan_data(gan_zeros(ctx, i)) & 63) == 0, "size %d", i);
        gan_destroy(ctx);
    }
}

// Random scopes, tensors of random sizes filled with their own number, and gradients that free their
// temporaries in between: whatever lives must keep its values.
enum { LIVE = 400 };
static void random_scopes(uint64_t seed, gan_context *ctx)
{
    static gan_tensor *live[LIVE];
    static gan_real value[LIVE];
    int count = 0, depth = 0, mark[16], step, i, wrong = 0;
    check_seed(seed);
    for (step = 0; step < 600; ++step) {
        int what = (int)check_uniform(0, 10);
        if (what == 0 && depth < 12) {
            gan_scope_open(ctx);
            mark[depth++] = count;
        } else if (what == 1 && depth) {
            gan_scope_close(ctx);
            count = mark[--depth];
        } else if (what < 7 && count < LIVE) {
            int n = (int)exp(check_uniform(0, 9.5));
            value[count] = (gan_real)(step + 1);
            live[count] = gan_full(ctx, value[count], n);
            ++count;
        } else if (count) {
            gan_tensor *x = live[(int)check_uniform(0, count)], *g;
            double want = 3 * (double)gan_item(x) * (double)gan_item(x);
            gan_scope_open(ctx);
            g = gan_grad(gan_sum_all(gan_mul(x, gan_mul(x, x))), x, what == 9 ? GAN_CREATE_GRAPH : 0);
            wrong += fabs((double)gan_item(g) - want) > 1e-3 * want;
            gan_scope_close(ctx);
            if (what == 7 && count < LIVE) { // the same outside a scope: what it leaves lives on
                value[count] = gan_item(x) + 1;
                live[count] =
                    gan_detach(gan_add_scalar(gan_grad(gan_sum_all(gan_mul(x, gan_detach(x))), x, 0), 1));
                ++count;
            }
        }
        for (i = 0; i < count && step % 5 == 0; ++i) {
            gan_real *v = gan_data(live[i]);
            size_t k, n = gan_numel(live[i]);
            for (k = 0; v && k < n; k += k + 97 < n ? 97 : 1) wrong += v[k] != value[i];
            wrong += !v;
        }
    }
    while (depth--) gan_scope_close(ctx);
    CHECK(wrong == 0 && gan_error(ctx) == 0, "seed %d: %d values changed: %s", (int)seed, wrong,
          gan_error_message(ctx));
}

static void keeping(void)
{
    TEST ("random scopes and gradients: what lives keeps its values, the memory of closed scopes is used "
          "again") {
        uint64_t seed;
        for (seed = 1; seed <= 20; ++seed) {
            counter c;
            gan_desc d = counting(&c);
            gan_context *ctx = gan_create(&d);
            size_t reserved;
            random_scopes(seed, ctx);
            gan_destroy(ctx);
            CHECK(c.live == 0 && c.wrong == 0, "%d blocks left, %d wrong", c.live, c.wrong);
            d = counting(&c);
            ctx = gan_create(&d);
            gan_scope_open(ctx);
            random_scopes(seed, ctx);
            gan_scope_close(ctx);
            reserved = gan_memory(ctx).reserved;
            gan_scope_open(ctx);
            random_scopes(seed, ctx);
            gan_scope_close(ctx);
            CHECK(gan_memory(ctx).reserved == reserved, "the second time took more: %lu, then %lu",
                  (unsigned long)reserved, (unsigned long)gan_memory(ctx).reserved);
            gan_destroy(ctx);
        }
    }
    TEST ("a kept tensor survives its step; the same name overwrites it in place; it is off the tape") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *k, *k2;
        size_t after;
        int i;
        gan_scope_open(ctx);
        x = gan_scalar(ctx, 3);
        k = gan_keep(ctx, "z", gan_square(x));
        CHECK_NEAR(gan_item(gan_grad(gan_mul(k, x), x, 0)), 9, 1e-5, "k is a constant");
        gan_scope_close(ctx);
        (void)gan_full(ctx, 7, 1000);
        CHECK_NEAR(gan_item(k), 9, 0, "it survives");
        after = gan_memory(ctx).current;
        for (i = 0; i < 10; ++i) {
            gan_scope_open(ctx);
            k2 = gan_keep(ctx, "z", gan_scalar(ctx, (gan_real)i));
            gan_scope_close(ctx);
            CHECK(k2 == k && gan_item(k) == (gan_real)i, "overwritten: %g", (double)gan_item(k));
        }
        CHECK(gan_memory(ctx).current <= after + 16384, "ten keeps took %lu bytes",
              (unsigned long)(gan_memory(ctx).current - after));
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        (void)gan_keep(ctx, "z", gan_zeros(ctx, 2));
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "another shape: code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "z");
        CHECK(gan_item(k) == 9, "and its value is what it was: %g", (double)gan_item(k));
        gan_destroy(ctx);
    }
    TEST ("a tensor used after its step ended is an error, not a crash (as long as nothing took its place)") {
        gan_context *ctx = gan_create(NULL);
        pair p = make_pair(ctx);
        gan_tensor *old = gan_rand_normal(ctx, 8, 1, 6, 6), *y;
        (void)gan_minimize(p.od, gan_mean_all(gan_square(gan_forward(p.d, old, NULL))));
        y = gan_square(old);
        CHECK(gan_error(ctx) == GAN_ERROR_STATE, "code %d: %s", gan_error(ctx), gan_error_message(ctx));
        CHECK(gan_data(y) == NULL, "poison");
        CHECK_TEXT(gan_error_message(ctx), "square");
        gan_destroy(ctx);
    }
}

// Everything that allocates: models, training with a penalty, saving, loading, the trainer, sampling,
// keeping, scopes. The last error code.
static int story(const gan_desc *d, int steps)
{
    gan_context *ctx = gan_create(d);
    int code, i;
    pair p;
    if (!ctx) return GAN_ERROR_MEMORY;
    p = make_pair(ctx);
    for (i = 0; i < steps; ++i) train_step(ctx, p);
    {
        const char *path = test_path("mem.safetensors");
        gan_real data[6 * 36] = {0};
        gan_trainer_desc t;
        gan_trainer *trainer;
        memset(&t, 0, sizeof t);
        t.generator = p.g, t.discriminator = p.d;
        t.data = gan_dataset_memory(ctx, data, NULL, 6, 1, 6, 6);
        t.batch = 3, t.latent = 5;
        t.penalty[0].kind = GAN_PENALTY_R1;
        t.ema = (gan_real).9;
        (void)gan_save(ctx, path);
        (void)gan_load(ctx, path);
        t.generator = gan_model_create(ctx, "g2", generator, NULL),
        t.discriminator = gan_model_create(ctx, "d2", discriminator, NULL);
        trainer = gan_trainer_create(ctx, &t);
        (void)gan_trainer_run(trainer, 2);
        gan_scope_open(ctx);
        (void)gan_trainer_sample(trainer, 4);
        gan_scope_close(ctx);
    }
    (void)gan_keep(ctx, "kept", gan_zeros(ctx, 100, 100));
    gan_scope_open(ctx);
    (void)gan_matmul(gan_rand_normal(ctx, 300, 300), gan_rand_normal(ctx, 300, 300));
    (void)gan_zeros(ctx, 2000000);
    gan_scope_close(ctx);
    code = gan_error(ctx);
    if (code == GAN_ERROR_MEMORY) { // the context is still usable for what fits
        gan_error_clear(ctx);
        gan_scope_open(ctx);
        (void)gan_add(gan_zeros(ctx, 3), gan_zeros(ctx, 3));
        gan_scope_close(ctx);
        if (gan_error(ctx) && gan_error(ctx) != GAN_ERROR_MEMORY) code = gan_error(ctx);
    }
    gan_destroy(ctx);
    return code;
}

static gan_real story_metric(gan_trainer *t, void *user)
{
    (void)user;
    return gan_item(gan_mean_all(gan_trainer_sample(t, 2)));
}

// A trainer with everything on that takes memory: pool, ADA, lookahead, extragradient, roll-back, metric,
// plateau, lazy path length, LeCam, historical average, an averaged generator, LOGAN, unrolling,
// accumulation.
static int rich_story(const gan_desc *d, int steps)
{
    gan_context *ctx = gan_create(d);
    gan_trainer_desc t;
    gan_trainer *trainer;
    gan_real data[6 * 36] = {0};
    int code, i;
    if (!ctx) return GAN_ERROR_MEMORY;
    memset(&t, 0, sizeof t);
    t.generator = gan_model_create(ctx, "g", generator, NULL);
    t.discriminator = gan_model_create(ctx, "d", discriminator, NULL);
    t.data = gan_dataset_memory(ctx, data, NULL, 6, 1, 6, 6);
    t.batch = 3, t.latent = 5;
    t.g_optimizer = t.d_optimizer = gan_amsgrad((gan_real)1e-4, (gan_real).5, (gan_real).9);
    t.penalty[0].kind = GAN_PENALTY_LECAM;
    t.penalty[1].kind = GAN_PENALTY_PATH_LENGTH;
    t.penalty[1].every = 2, t.penalty[1].parameter = 1;
    t.penalty[2].kind = GAN_PENALTY_HISTORICAL_AVERAGE;
    t.penalty[3].kind = GAN_PENALTY_FISHER;
    t.pool = 4;
    t.augment.policy = GAN_AUGMENT_ADA;
    t.augment.p = (gan_real).5;
    t.ada_target = (gan_real).6;
    t.lookahead = t.extragradient = t.rollback = t.metric_every = t.unroll = 1;
    t.accumulate = 2;
    t.optimize.steps = 1;
    t.metric = story_metric;
    t.schedule[0].schedule = gan_schedule_plateau((gan_real).5, 1);
    t.best_path = test_path("mem_best.safetensors");
    t.ema = (gan_real).9;
    trainer = gan_trainer_create(ctx, &t);
    (void)gan_trainer_run(trainer, steps);
    code = gan_error(ctx);
    gan_error_clear(ctx); // and on, with what there is
    (void)gan_trainer_run(trainer, 1);
    if (!code) code = gan_error(ctx);
    for (i = 0; i < gan_model_count(t.discriminator); ++i) {
        gan_tensor *p = gan_model_tensor(t.discriminator, i);
        for (size_t k = 0; gan_data(p) && k < gan_numel(p); ++k)
            if (!isfinite((double)gan_data(p)[k])) code = GAN_ERROR_NONFINITE;
    }
    gan_destroy(ctx);
    return code;
}

// Memory that ends after each number of bytes in turn: chunks hide single tensors from a counting allocator.
static void rich_failures(void)
{
    int mode;
    for (mode = 0; mode < 2; ++mode)
        TESTF ("each allocation of a trainer with everything on fails in turn, %s: an error, no crash",
               mode ? "and all after it" : "once") {
            counter c;
            gan_desc d = counting(&c);
            int n, total, code = rich_story(&d, 2);
            CHECK(code == 0, "without failures: code %d", code);
            for (n = 1, total = c.calls; n <= total; ++n) {
                d = counting(&c);
                c.fail_at = n;
                c.for_ever = mode;
                code = rich_story(&d, 2);
                CHECK(code == 0 || code == GAN_ERROR_MEMORY, "allocation %d of %d: code %d", n, total, code);
                CHECK(c.live == 0 && c.wrong == 0, "allocation %d of %d: %d blocks left, %d wrong", n, total,
                      c.live, c.wrong);
            }
        }
    TEST ("memory that ends at each point of a trainer with everything on: an error, weights finite") {
        const size_t size = 1 << 20;
        char *block = (char *)malloc(size);
        size_t bytes;
        int complete = 0, failed = 0, code = GAN_ERROR_MEMORY;
        for (bytes = 40000; block && bytes < size; bytes += code ? 1408 : 99968) {
            gan_desc d;
            memset(&d, 0, sizeof d);
            d.memory = block;
            d.memory_size = bytes;
            code = rich_story(&d, 1);
            CHECK(code == 0 || code == GAN_ERROR_MEMORY, "%lu bytes: code %d", (unsigned long)bytes, code);
            complete += code == 0;
            failed += code != 0;
        }
        free(block);
        CHECK(complete > 0 && failed > 0, "%d complete, %d failed", complete, failed);
    }
}

static void failures(void)
{
    int mode;
    for (mode = 0; mode < 2; ++mode)
        TESTF ("each allocation fails in turn, %s: an error, no crash, everything given back",
               mode ? "and all after it" : "once") {
            counter c;
            int n, total, failed = 0;
            gan_desc d = counting(&c);
            CHECK(story(&d, 2) == 0, "without failures");
            total = c.calls;
            CHECK(total > 1, "%d allocations", total);
            for (n = 1; n <= total; ++n) {
                int code;
                d = counting(&c);
                c.fail_at = n;
                c.for_ever = mode;
                code = story(&d, 2);
                failed += code == GAN_ERROR_MEMORY;
                CHECK(code == 0 || code == GAN_ERROR_MEMORY, "allocation %d of %d: code %d", n, total, code);
                CHECK(c.live == 0 && c.wrong == 0, "allocation %d of %d: %d blocks left, %d wrong", n, total,
                      c.live, c.wrong);
            }
            if (mode) CHECK(failed == total, "only %d of %d failures were seen", failed, total);
        }
    // A block of every size is a failure at every site, for the chunk's user rather than its maker.
    TEST ("memory that ends at each point of a training step: an error, no crash, weights finite") {
        size_t bytes;
        int complete = 0, failed = 0;
        for (bytes = 40000; bytes < 400000; bytes += 1856) {
            gan_context *ctx = in_block(0, bytes);
            pair p;
            int i;
            if (!ctx) continue;
            p = make_pair(ctx);
            train_step(ctx, p);
            train_step(ctx, p);
            CHECK(gan_error(ctx) == 0 || gan_error(ctx) == GAN_ERROR_MEMORY, "%lu bytes: %s",
                  (unsigned long)bytes, gan_error_message(ctx));
            complete += gan_error(ctx) == 0;
            failed += gan_error(ctx) != 0;
            for (i = 0; i < gan_model_count(p.d); ++i) {
                gan_tensor *t = gan_model_tensor(p.d, i);
                for (size_t k = 0; gan_data(t) && k < gan_numel(t); ++k)
                    if (!isfinite((double)gan_data(t)[k]))
                        CHECK(0, "%lu bytes: %s is not finite", (unsigned long)bytes, gan_model_name(p.d, i));
            }
            gan_destroy(ctx);
        }
        CHECK(complete > 0 && failed > 0, "%d complete, %d failed", complete, failed);
    }
    TEST_MUST_FAIL ("an allocator that forgets a block is seen") {
        counter c;
        gan_desc d = counting(&c);
        gan_context *ctx = gan_create(&d);
        void *lost = count_alloc(10, &c);
        gan_destroy(ctx);
        CHECK(c.live == 0, "seen");
        count_release(lost, 10, &c);
    }
}

int main(void)
{
    allocators();
    fixed_block();
    scopes();
    keeping();
    failures();
    rich_failures();
    return test_done();
}
