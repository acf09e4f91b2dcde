// Hostile use: every public function with NULL, poison, wrong ranks, absurd counts, NaN, unknown enum values,
// tensors of another context and of an ended scope; and pseudo-random sequences of training, saving, loading
// and sabotage. An error, never a crash, a leak or undefined behavior, and the context works on afterwards.
// Meant for -fsanitize=address,undefined as much as for plain builds.
#include "../gan.h"

#include "test.h"

#include "check.h"

// ---- an allocator with little memory, so that absurd sizes are refused, and what must come back to it

enum { MOST = 64 << 20 };
typedef struct counter {
    size_t bytes;
    int live, wrong;
} counter;

static void *count_alloc(size_t bytes, void *user)
{
    counter *c = (counter *)user;
    void *p = bytes <= MOST && c->bytes + bytes <= MOST ? malloc(bytes) : NULL;
    if (p) c->bytes += bytes, c->live++;
    return p;
}
static void count_release(void *p, size_t bytes, void *user)
{
    counter *c = (counter *)user;
    if (p && c->bytes >= bytes) c->bytes -= bytes, c->live--;
    else c->wrong++;
    free(p);
}
static gan_context *create(counter *c, uint64_t seed)
{
    gan_desc d;
    gan_context *ctx;
    memset(&d, 0, sizeof d);
    memset(c, 0, sizeof *c);
    d.allocator.alloc = count_alloc;
    d.allocator.release = count_release;
    d.allocator.user = c;
    d.threads = 1;
    d.seed = seed;
    ctx = gan_create(&d);
    inside_start_threads(ctx);
    return ctx;
}
static void destroy(gan_context *ctx, const counter *c)
{
    gan_destroy(ctx);
    CHECK(c->live == 0 && c->wrong == 0 && c->bytes == 0, "%d blocks left, %d wrong", c->live, c->wrong);
}

// An error has a message of printable letters; once it is forgotten the context works.
static int settle(gan_context *ctx, const char *after)
{
    const int code = gan_error(ctx);
    const char *text = gan_error_message(ctx);
    size_t i;
    if (code) {
        if (getenv("HOSTILE_TRACE")) fprintf(stderr, "%s: %s\n", after, gan_error_message(ctx));
        CHECK(code > 0 && code <= GAN_ERROR_UNSUPPORTED && *text, "%s: error %d without a message", after,
              code);
        for (i = 0; text[i]; ++i)
            if (text[i] < 32 || text[i] > 126) CHECK(0, "%s: character %d in the message", after, text[i]);
        gan_error_clear(ctx);
    }
    gan_scope_open(ctx);
    CHECK(gan_item(gan_add(gan_full(ctx, 1, 2), gan_full(ctx, 2, 2))) == 3 && !gan_error(ctx),
          "%s: not usable afterwards: %s", after, gan_error_message(ctx));
    gan_scope_close(ctx);
    gan_error_clear(ctx);
    return code;
}

// ---- hostile arguments

#include "calls.h"

static int made;

static void begin(counter *a, counter *b, uint64_t seed)
{
    gan_context *first = create(a, seed);
    calls_begin(first, create(b, 1));
    CHECK(!gan_error(first), "what the calls are made with: %s", gan_error_message(first));
}

static int seeds(void) // of every_call: HOSTILE_SEEDS, or 3
{
    const char *count = getenv("HOSTILE_SEEDS");
    return count && atoi(count) > 0 ? atoi(count) : 3;
}

static void every_call(void)
{
    const int n = (int)COUNT(call_names), rounds = 40;
    int seed, i, j, failed = 0;
    for (seed = 1; seed <= seeds(); ++seed)
        TESTF ("every function with hostile arguments, in any order, seed %d", seed) {
            counter a, b;
            test.random += (uint64_t)seed * 77;
            begin(&a, &b, (uint64_t)seed);
            for (i = 0; i < rounds; ++i) {
                gan_scope_open(ctx);
                gan_scope_open(other);
                tensors();
                (void)gan_record(ctx, test_int(0, 9) > 0);
                for (j = 0; j < n; ++j, ++made) {
                    const int which = test_int(0, n - 1);
                    const clock_t from = clock();
                    gan_tensor *t;
                    if (getenv("HOSTILE_TRACE")) fprintf(stderr, "%d %d %s\n", i, j, call_names[which]);
                    depth = 0;
                    t = call(which);
                    // few of those that failed, else soon all are poison
                    if (gan_data(t) ? gan_numel(t) < 5000 : test_int(0, 19) == 0) PICK(pool) = t;
                    if (getenv("HOSTILE_TRACE") && clock() - from > CLOCKS_PER_SEC / 20)
                        fprintf(stderr, "%.2f s %s\n", (double)(clock() - from) / CLOCKS_PER_SEC,
                                call_names[which]);
                    failed += settle(ctx, call_names[which]) != 0;
                    gan_error_clear(other);
                }
                (void)gan_record(ctx, 1);
                gan_scope_close(other);
                gan_scope_close(ctx);
                settle(ctx, "a closed scope");
            }
            destroy(ctx, &a);
            destroy(other, &b);
        }
    printf("%d hostile calls, %d errors\n", made, failed);
}

static void ended(void)
{
    TEST ("every function with a tensor whose scope has ended: an error, no crash") {
        const int n = (int)COUNT(call_names);
        counter a, b;
        int i, k, refused = 0;
        begin(&a, &b, 5);
        for (k = 0; k < 6; ++k)
            for (i = 0; i < n; ++i) {
                gan_scope_open(ctx);
                gan_scope_open(other);
                tensors();
                dead = pool[3 + k * 2];
                gan_scope_close(other);
                gan_scope_close(ctx);
                if (getenv("HOSTILE_TRACE")) fprintf(stderr, "dead %d %s\n", k, call_names[i]);
                depth = 0;
                (void)call(i);
                refused += settle(ctx, call_names[i]) != 0;
                gan_error_clear(other);
            }
        CHECK(refused > 4 * n, "only %d of %d were refused", refused, 6 * n);
        dead = NULL;
        destroy(ctx, &a);
        destroy(other, &b);
    }
}

// ---- sequences: training, sampling, saving, loading and sabotage in any order

static gan_tensor *small_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = label ? gan_concat(1, z, gan_embedding(m, "class", label, 3, 2)) : z;
    h = gan_relu(gan_batch_norm(m, "bn", gan_linear(m, "in", h, 32)));
    h = gan_noise_injection(m, "noise", gan_reshape(h, -1, 2, 4, 4), 0);
    return gan_tanh(gan_conv2d(m, "out", h, 1, 3, 1, 1));
}
static gan_tensor *small_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(m, "in", x, 3, 3, 2, 1), (gan_real).2);
    (void)label;
    h = gan_minibatch_discrimination(m, "mb", gan_dropout(m, gan_flatten(h), (gan_real).1), 2, 2);
    return gan_linear(m, "out", h, 2);
}
static gan_real hostile_metric(gan_trainer *t, void *user)
{
    (void)user;
    if (test_int(0, 9) == 0) return R();
    return gan_item(gan_mean_all(gan_square(gan_trainer_sample(t, 3))));
}
static int hostile_progress(const gan_trainer_stats *stats, void *user)
{
    (void)stats, (void)user;
    return test_int(0, 5) == 0;
}
static gan_tensor *hostile_term(const gan_penalty_in *in, void *user)
{
    (void)user;
    if (test_int(0, 7) == 0) return test_int(0, 1) ? NULL : in->fake;
    return gan_mean_all(gan_square(in->fake_out));
}
static gan_tensor *hostile_latents(gan_context *c, int n, gan_tensor *label, void *user)
{
    (void)label, (void)user;
    if (test_int(0, 9) == 0) return test_int(0, 1) ? NULL : gan_zeros(c, n + 1, 6);
    return gan_rand_normal(c, n, 6);
}

// A description with every field on now and then; hostile: some are absurd.
static gan_trainer_desc description(int hostile)
{
    gan_trainer_desc d;
    int i;
    memset(&d, 0, sizeof d);
#define SOMETIMES (test_int(0, 3) == 0)
#define ABSURD (hostile && test_int(0, 14) == 0)
#define REAL(field, value)                                                                                   \
    if (SOMETIMES) d.field = ABSURD ? R() : (gan_real)(value)
#define WHOLE(field, value)                                                                                  \
    if (SOMETIMES) d.field = ABSURD ? I() : (value)
    d.batch = 6, d.latent = 6, d.d_logits = ABSURD ? I() : test_int(0, 2);
    d.loss = (gan_loss)test_int(0, GAN_LOSS_COUNT - !hostile);
    d.pairing = (gan_pairing)test_int(0, 2 + hostile);
    WHOLE(saturating, 1);
    REAL(loss_parameter, .5);
    REAL(label_smoothing, .1);
    REAL(fake_smoothing, .1);
    for (i = 0; i < GAN_MAX_PENALTIES; ++i) {
        if (SOMETIMES) d.penalty[i] = PENALTY();
        if (!hostile || test_int(0, 3)) {
            memset(&d.penalty[i], 0, sizeof d.penalty[i]);
            d.penalty[i].kind = (gan_penalty_kind)(SOMETIMES ? test_int(0, GAN_PENALTY_COUNT - 1) : 0);
            d.penalty[i].every = test_int(0, 3);
        }
    }
    if (SOMETIMES) d.d_term = hostile_term;
    if (SOMETIMES) d.g_term = hostile_term;
    if (SOMETIMES) d.latents = hostile_latents;
    if (SOMETIMES) d.metric = hostile_metric;
    if (SOMETIMES) d.progress = hostile_progress;
    if (SOMETIMES) d.best_path = "out/test/hostile_best.safetensors";
    if (test_int(0, 1)) d.g_optimizer = OPT(), d.d_optimizer = OPT();
    if (!hostile) {
        d.g_optimizer = d.d_optimizer = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9);
        d.g_optimizer.kind = (gan_optimizer_kind)test_int(0, GAN_OPTIMIZER_COUNT - 1);
        d.d_optimizer.kind = (gan_optimizer_kind)test_int(0, GAN_OPTIMIZER_COUNT - 1);
    }
    d.prior = (gan_prior)test_int(0, 1 + hostile);
    d.game = (gan_game)test_int(0, GAN_GAME_COUNT - !hostile);
    REAL(game_strength, .1);
    d.d_steps = d.accumulate = 0;
    if (SOMETIMES) d.d_steps = C();
    if (SOMETIMES) d.accumulate = C();
    if (SOMETIMES) d.unroll = C();
    WHOLE(simultaneous, 1);
    WHOLE(extragradient, 1);
    WHOLE(lookahead, 2);
    REAL(lookahead_alpha, .5);
    for (i = 0; i < GAN_MAX_SCHEDULES; ++i)
        if (SOMETIMES) {
            d.schedule[i].what = (gan_scheduled)test_int(0, GAN_SCHEDULED_COUNT - !hostile);
            d.schedule[i].schedule = SCHED();
            if (!hostile) d.schedule[i].schedule = gan_schedule_plateau((gan_real).9, 1);
        }
    REAL(ema, .9);
    REAL(ema_half_life, 20);
    REAL(ema_ramp, .1);
    if (SOMETIMES) d.ema_start = test_int(-1, 3);
    WHOLE(pack, 1);
    REAL(label_flip, .1);
    REAL(instance_noise, .1);
    if (SOMETIMES) d.augment.policy = 0xfff, d.augment.p = ABSURD ? R() : (gan_real).3;
    REAL(ada_target, .6);
    REAL(ada_kimg, 1);
    WHOLE(pool, 10);
    REAL(top_k, .5);
    if (SOMETIMES)
        d.optimize.steps = 1, d.optimize.alpha = ABSURD ? R() : 0, d.optimize.bound = ABSURD ? R() : 0;
    WHOLE(rollback, 2);
    WHOLE(metric_every, 2);
    if (!hostile) { // what would never happen is refused
        if (!d.metric) {
            d.best_path = NULL;
            memset(d.schedule, 0, sizeof d.schedule);
        }
        if (d.game) d.simultaneous = 1;
        if (d.simultaneous) d.d_steps = d.accumulate = d.pool = d.unroll = 0;
        if (!d.augment.policy) d.ada_target = 0;
    }
    return d;
}

enum { TRAINERS = 3 };
typedef struct scene {
    gan_context *ctx;
    gan_model *g[TRAINERS], *d[TRAINERS];
    gan_trainer *t[TRAINERS];
    char *bytes; // a checkpoint in memory, aligned
    size_t size;
} scene;

static int trained, troubles;

static void load_bytes(scene *s, const char *path)
{
    const long size = test_file_size(path);
    FILE *f = size > 0 ? fopen(path, "rb") : NULL;
    if (!f || s->bytes) { // the first must outlive the context
        if (f) fclose(f);
        return;
    }
    s->bytes = (char *)malloc((size_t)size);
    if (s->bytes && fread(s->bytes, 1, (size_t)size, f) == (size_t)size) s->size = (size_t)size;
    fclose(f);
}

static void sabotage(scene *s)
{
    gan_model *m = test_int(0, 1) ? PICK(s->g) : PICK(s->d);
    const int n = gan_model_count(m);
    gan_tensor *t = n ? gan_model_tensor(m, test_int(0, n - 1)) : NULL;
    if (gan_data(t)) gan_data(t)[0] = R();
}

static void act(scene *s, const char *path)
{
    gan_context *c = s->ctx;
    gan_trainer *t = PICK(s->t);
    gan_sampling how;
    switch (test_int(0, 21)) {
    case 0: (void)gan_save(c, path); break;
    case 1: (void)gan_load(c, path); break;
    case 2:
        load_bytes(s, path);
        if (s->size) (void)gan_load_memory(c, s->bytes, s->size);
        break;
    case 3: sabotage(s); break;
    case 4:
        gan_optimizer_set(gan_trainer_g_optimizer(t), (gan_hyper)test_int(0, GAN_HYPER_COUNT), R());
        break;
    case 5: gan_model_freeze(PICK(s->d), test_int(0, 1) ? "in" : NULL, test_int(0, 1)); break;
    case 6: gan_model_mode(PICK(s->g), (gan_mode)test_int(0, 1)); break;
    case 7: (void)gan_trainer_sample(t, C()); break;
    case 8:
        memset(&how, 0, sizeof how);
        how.truncation = R(), how.langevin_steps = C(), how.langevin_rate = R(), how.rejection = C();
        how.rejection_quantile = R(), how.standing = test_int(0, 3) ? 0 : test_int(-1, 3);
        (void)gan_trainer_sample_ex(t, test_int(-1, 4), &how);
        break;
    case 9: (void)gan_trainer_generate(t, gan_rand_normal(c, 3, test_int(5, 6)), NULL); break;
    case 10: gan_seed(c, 3); break;
    case 11: gan_model_parametrize(PICK(s->d), "in", (gan_parametrization)test_int(0, 3), R(), R()); break;
    case 12: {
        gan_tensor *x = gan_forward(PICK(s->d), gan_rand_normal(c, 6, 1, 4, 4), NULL);
        (void)gan_extrapolate(gan_trainer_d_optimizer(t), gan_mean_all(x));
        break;
    }
    case 13: (void)gan_trainer_run(t, test_int(-1, 3)); break;
    case 14:
        gan_scope_open(c);
        (void)gan_trainer_step(t);
        gan_scope_close(c);
        break;
    default: (void)gan_trainer_step(t); ++trained;
    }
}

static void sequences(int hostile)
{
    static const char *const path = "out/test/hostile.safetensors";
    enum { SEEDS = 60, ACTS = 40 };
    int seed, i, k;
    for (seed = 1; seed <= SEEDS; ++seed)
        TESTF ("training, sampling, saving, loading and sabotage in any order%s, seed %d",
               hostile ? ", absurdly described" : "", seed) {
            counter c;
            scene s;
            gan_real data[12 * 16], label[12];
            test.random += (uint64_t)seed * 1234567;
            memset(&s, 0, sizeof s);
            s.ctx = create(&c, (uint64_t)seed);
            for (i = 0; i < 12 * 16; ++i) data[i] = (gan_real)test_uniform(-1, 1);
            for (i = 0; i < 12; ++i) label[i] = (gan_real)(i % 3);
            for (k = 0; k < TRAINERS; ++k) {
                static const char *const gs[] = {"g0", "g1", "g2"}, *const ds[] = {"d0", "d1", "d2"};
                gan_trainer_desc d = description(hostile);
                s.g[k] = d.generator = gan_model_create(s.ctx, gs[k], small_generator, NULL);
                s.d[k] = d.discriminator = gan_model_create(s.ctx, ds[k], small_critic, NULL);
                d.data = gan_dataset_memory(s.ctx, data, k ? NULL : label, 12, 1, 4, 4);
                s.t[k] = gan_trainer_create(s.ctx, &d);
                CHECK(s.t[k] || gan_error(s.ctx), "neither a trainer nor an error");
                troubles += settle(s.ctx, "gan_trainer_create") != 0;
            }
            for (i = 0; i < ACTS; ++i) {
                act(&s, path);
                troubles += settle(s.ctx, "an act") != 0;
            }
            destroy(s.ctx, &c);
            free(s.bytes);
            (void)remove(path);
        }
    printf("%d training steps, %d errors\n", trained, troubles);
}

// ---- checkpoints: whatever the description, a run that was saved and resumed is the run that was not

static gan_tensor *stateful_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *w = gan_truncation(m, "trunc", gan_mapping_network(m, "map", z, 6, 1, 0), (gan_real).7, 0);
    gan_tensor *h = gan_reference_batch(m, "ref", w, 3);
    (void)label;
    h = gan_relu(gan_virtual_batch_norm(m, "vbn", gan_linear(m, "in", h, 16), 3));
    h = gan_batch_norm(m, "bn", gan_slice(h, 0, 3, gan_dim(h, 0)));
    h = gan_noise_injection(m, "noise", gan_reshape(gan_linear(m, "mid", h, 16), -1, 1, 4, 4), 1);
    return gan_conv2d(m, "out", h, 1, 3, 1, 1);
}
static gan_real steady_metric(gan_trainer *t, void *user)
{
    (void)user;
    return gan_item(gan_mean_all(gan_square(gan_trainer_sample(t, 3))));
}
static gan_tensor *steady_term(const gan_penalty_in *in, void *user)
{
    (void)user;
    return gan_mean_all(gan_square(in->fake_out));
}

static const gan_real *resumed_data;
static gan_trainer *resumed_run(gan_context *c, gan_trainer_desc d, int kind)
{
    static const gan_parametrization ways[] = {GAN_PARAMETRIZATION_SPECTRAL_NORM,
                                               GAN_PARAMETRIZATION_WEIGHT_NORM,
                                               GAN_PARAMETRIZATION_EQUALIZED_LR, GAN_PARAMETRIZATION_NONE};
    d.generator = gan_model_create(c, "g", stateful_generator, NULL);
    d.discriminator = gan_model_create(c, "d", small_critic, NULL);
    gan_model_parametrize(d.generator, "in", ways[(kind + 1) % 4], 0, 0);
    gan_model_parametrize(d.discriminator, NULL, ways[kind % 4], 0, 0);
    d.data = gan_dataset_memory(c, resumed_data, NULL, 12, 1, 4, 4);
    return gan_trainer_create(c, &d);
}

static int same_files(const char *a, const char *b)
{
    const long n = test_file_size(a);
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    long i, same = n > 0 && n == test_file_size(b) && f && g;
    for (i = 0; i < n && same; ++i) same = fgetc(f) == fgetc(g);
    if (f) fclose(f);
    if (g) fclose(g);
    return (int)same;
}

static void resuming(void)
{
    static gan_real data[12 * 16];
    const char *const half = test_path("hostile_half.safetensors"),
                      *const one = test_path("hostile_one.safetensors"),
                      *const two = test_path("hostile_two.safetensors");
    enum { SEEDS = 120, STEPS = 7 };
    int seed, i, complete = 0;
    resumed_data = data;
    for (seed = 1; seed <= SEEDS; ++seed)
        TESTF ("whatever is on, a run saved and resumed is the run that was not: seed %d", seed) {
            counter ca, cb;
            gan_trainer_desc d;
            gan_trainer *a, *b;
            gan_context *x, *y;
            int at, early, rollbacks;
            test.random += (uint64_t)seed * 7654321;
            for (i = 0; i < 12 * 16; ++i) data[i] = (gan_real)test_uniform(-1, 1);
            d = description(0);
            d.progress = NULL, d.latents = NULL, d.best_path = NULL;
            if (d.metric) d.metric = steady_metric;
            if (d.d_term) d.d_term = steady_term;
            if (d.g_term) d.g_term = steady_term;
            if (d.d_steps < 0) d.d_steps = 2; // and other numbers in their ranges
            if (d.accumulate < 0) d.accumulate = 2;
            if (d.unroll < 0) d.unroll = 1;
            if (gan_loss_critic(d.loss) == GAN_CRITIC_FEATURES) d.pairing = GAN_PLAIN;
            at = test_int(1, STEPS - 1);
            early = test_int(0, 2);
            x = create(&ca, (uint64_t)seed);
            a = resumed_run(x, d, seed);
            (void)gan_trainer_run(a, at);
            if (test_int(0, 1)) (void)gan_trainer_sample(a, 3);
            (void)gan_save(x, half);
            rollbacks = gan_trainer_run(a, STEPS - at).rollbacks;
            (void)gan_save(x, one);
            CHECK(gan_error(x) || a, "no trainer");
            if (getenv("HOSTILE_TRACE") && gan_error(x))
                fprintf(stderr, "resuming: %s\n", gan_error_message(x));
            if (!gan_error(x) && !rollbacks) { // where a NaN goes back to is not in checkpoints
                y = create(&cb, (uint64_t)seed + 99);
                if (early) (void)gan_load(y, half);
                b = resumed_run(y, d, seed);
                if (early == 2) (void)gan_trainer_sample(b, 3);
                if (!early) (void)gan_load(y, half);
                (void)gan_trainer_run(b, STEPS - at);
                (void)gan_save(y, two);
                CHECK(!gan_error(y), "resumed at %d, %d: %s", at, early, gan_error_message(y));
                CHECK(same_files(one, two), "resumed at %d, %d: another run: loss %s, pairing %d", at, early,
                      gan_loss_name(d.loss), (int)d.pairing);
                ++complete;
                destroy(y, &cb);
            }
            destroy(x, &ca);
        }
    printf("%d runs resumed\n", complete);
}

int main(void)
{
    every_call();
    ended();
    sequences(0);
    sequences(1);
    resuming();
    return test_done();
}
