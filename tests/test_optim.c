// Optimizers: clipping, accumulation, extrapolation, lookahead for every rule; checkpoints at every step;
// gan_minimize: what it returns, what it leaves alone, NaN and infinity.
#include "../gan.h"

#include "test.h"

#include "check.h"

#include "optimizers.h"

// ---- what every optimizer can do

static double ref_from[LARGE];

// Clipping by value, by norm, by both.
static void clipping(const char *name, gan_optimizer_desc d)
{
    gan_optimizer_desc value = d, norm = d, both = d, none = d;
    value.clip_value = (gan_real).7;
    norm.clip_norm = 2;
    both.clip_value = (gan_real)1.5, both.clip_norm = 4;
    none.clip_value = 1000, none.clip_norm = 100000;
    TESTF ("%s, gradients clipped by value", name) trajectory(name, value, 0, TOL);
    TESTF ("%s, gradients clipped by norm", name) trajectory(name, norm, 0, TOL);
    TESTF ("%s, gradients clipped by value, then by norm", name) trajectory(name, both, 0, TOL);
    TESTF ("%s: bounds that are not reached change no bit", name) {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        double one[N], two[N];
        run(a, d, STEPS, one);
        run(b, none, STEPS, two);
        CHECK_BYTES(one, two, sizeof one, "weights");
        gan_destroy(a);
        gan_destroy(b);
    }
}

static gan_tensor *line(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", x, 1);
}

// How far the bias goes whose gradient is 1, beside weights with the gradient (1, 2, 3), clipped to norm .25.
static double clipped_bias(void)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", line, NULL);
    gan_optimizer_desc d = gan_sgd(1, 0);
    static const gan_real x[3] = {1, 2, 3};
    gan_optimizer *o;
    double moved;
    d.clip_norm = (gan_real).25;
    o = gan_optimizer_create(m, d);
    gan_model_init(m, gan_init_zeros());
    (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_from(ctx, x, 1, 3), NULL)));
    moved = (double)gan_item(gan_model_find(m, "fc.bias"));
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return moved;
}

static void clipping_facts(void)
{
    TEST ("a gradient clipped by norm has that norm times n / (n + 1e-6); the norm told is the one before") {
        gan_optimizer_desc d = gan_sgd(1, 0);
        gan_context *ctx = gan_create(NULL);
        subject s;
        double moved = 0, norm = 0;
        int k;
        d.clip_norm = (gan_real).25;
        s = begin(ctx, d);
        (void)gan_minimize(s.o, quadratic(ctx, s.w, 1));
        for (k = 0; k < N; ++k) {
            moved += pow((double)gan_data(s.w)[k] - start(k), 2);
            norm += pow(coefficient(k) * start(k) + slope(k, 1), 2);
        }
        CHECK_NEAR(sqrt(moved), .25 * sqrt(norm) / (sqrt(norm) + 1e-6), 1e-6, "the step's length");
        CHECK_NEAR(gan_optimizer_norm(s.o), sqrt(norm), 1e-4, "the norm told");
        gan_destroy(ctx);
    }
    TEST ("an infinite gradient is an error, not clipped to a number") {
        gan_optimizer_desc d = gan_sgd(1, 0);
        gan_context *ctx = gan_create(NULL);
        subject s;
        d.clip_value = (gan_real).5, d.clip_norm = 1;
        s = begin(ctx, d);
        (void)gan_minimize(s.o, gan_sum_all(gan_sqrt(gan_mul_scalar(gan_square(s.w), 0))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        CHECK_NEAR(gan_data(s.w)[0], start(0), 0, "w");
        gan_destroy(ctx);
    }
    TEST ("the norm of clipping is that of all parameters together")
        CHECK_NEAR(clipped_bias(), -.25 / sqrt(1. + 4 + 9 + 1), 1e-6, "bias");
    TEST_MUST_FAIL ("a norm of each parameter is caught") CHECK_NEAR(clipped_bias(), -.25, 1e-6, "bias");
}

// Three losses accumulated into each step against the gradient of their sum.
static void accumulation(const char *name, gan_optimizer_desc d, int forget)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    ref r;
    double got[N];
    int t, k, i;
    for (t = 1; t <= STEPS; ++t)
        for (k = 0; k < 3; ++k) {
            const gan_real before = gan_data(s.w)[3];
            if (k < 2) (void)gan_accumulate(s.o, quadratic(ctx, s.w, 3 * t + k));
            else (void)gan_minimize(s.o, quadratic(ctx, s.w, 3 * t + k));
            if (k < 2) CHECK(gan_data(s.w)[3] == before, "gan_accumulate moved a weight");
        }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < N; ++i) got[i] = (double)gan_data(s.w)[i];
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (t = 1; t <= STEPS; ++t) {
        for (i = 0; i < N; ++i) {
            ref_raw[i] = 0;
            for (k = forget; k < 3; ++k) ref_raw[i] += coefficient(i) * ref_w[i] + slope(i, 3 * t + k);
        }
        ref_clip(&r);
        ref_update(&r, t);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, name);
}

static void accumulation_facts(void)
{
    TEST ("four batches of 8, their losses a quarter each, step like one batch of 32") {
        gan_real after[2][4];
        int way, i, k;
        for (way = 0; way < 2; ++way) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", line, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).1, (gan_real).5, (gan_real).9));
            static gan_real data[32][3];
            for (i = 0; i < 32 * 3; ++i) data[i / 3][i % 3] = (gan_real)sin(i * 1.3);
            for (k = 0; k < 5; ++k) {
                if (!way)
                    (void)gan_minimize(
                        o, gan_mean_all(gan_square(gan_forward(m, gan_from(ctx, data[0], 32, 3), NULL))));
                for (i = 0; i < 4 && way; ++i) {
                    gan_tensor *loss = gan_mul_scalar(
                        gan_mean_all(gan_square(gan_forward(m, gan_from(ctx, data[8 * i], 8, 3), NULL))),
                        (gan_real).25);
                    (void)(i < 3 ? gan_accumulate(o, loss) : gan_minimize(o, loss));
                }
            }
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_read(gan_model_find(m, "fc.weight"), after[way], 3);
            after[way][3] = gan_item(gan_model_find(m, "fc.bias"));
            gan_destroy(ctx);
        }
        CHECK_ARRAY(4, after[0], after[1], TOL * .1, TOL * .1, "weights");
    }
    TEST_MUST_FAIL ("an accumulation that forgets its first loss is caught")
        accumulation("sgd", gan_sgd((gan_real).01, 0), 1);
    TEST ("a NaN in an accumulated loss changes neither weights nor what was accumulated") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_sgd((gan_real).01, 0));
        (void)gan_accumulate(s.o, quadratic(ctx, s.w, 1));
        (void)gan_accumulate(s.o, gan_sum_all(gan_log(gan_mul_scalar(gan_square(s.w), -1))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_minimize(s.o, quadratic(ctx, s.w, 2));
        CHECK_NEAR(gan_data(s.w)[5],
                   start(5) - .01 * (2 * coefficient(5) * start(5) + slope(5, 1) + slope(5, 2)), 1e-5, "w");
        gan_destroy(ctx);
    }
}

// Extrapolation, then an update from where it began. Both count as steps of the rule (Gidel 2019, algorithm
// 4). stay: a flawed reference that does not go back.
static void extrapolation(const char *name, gan_optimizer_desc d, int stay)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    ref r;
    double got[N];
    int t, i;
    for (t = 1; t <= STEPS; t += 2) {
        (void)gan_extrapolate(s.o, quadratic(ctx, s.w, t));
        (void)gan_minimize(s.o, quadratic(ctx, s.w, t + 1));
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < N; ++i) got[i] = (double)gan_data(s.w)[i];
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (t = 1; t <= STEPS; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        if (t % 2) memcpy(ref_from, ref_w, sizeof ref_from);
        else if (!stay) memcpy(ref_w, ref_from, sizeof ref_from);
        ref_update(&r, t);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, name);
}

// Lookahead every 4 steps, alpha .5; the call before the first step remembers the weights.
static void lookahead(const char *name, gan_optimizer_desc d, double alpha)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    ref r;
    double got[N];
    int t, i;
    for (t = 1; t <= STEPS; ++t) {
        if (t % 4 == 1) gan_lookahead(s.o, (gan_real).5);
        (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    }
    gan_lookahead(s.o, (gan_real).5);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < N; ++i) got[i] = (double)gan_data(s.w)[i];
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (t = 1; t <= STEPS; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        ref_update(&r, t);
        for (i = 0; i < N && t % 4 == 0; ++i) ref_w[i] = ref_slow[i] += alpha * (ref_w[i] - ref_slow[i]);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, name);
}

// ---- checkpoints. A run of everything that has state: accumulation, extrapolation, lookahead.
enum { CALLS = 14 };

static void one_call(subject *s, int k)
{
    if (k % 7 == 0 || k % 7 == 5) gan_lookahead(s->o, (gan_real).5);
    else if (k % 7 == 1 || k % 7 == 2) (void)gan_accumulate(s->o, quadratic(s->ctx, s->w, k));
    else if (k % 7 == 4) (void)gan_extrapolate(s->o, quadratic(s->ctx, s->w, k));
    else (void)gan_minimize(s->o, quadratic(s->ctx, s->w, k));
}
// lookahead must not fall between extrapolation and update: the order is L A A M E M L
static void every_call(subject *s, int from, int to)
{
    static const int order[7] = {0, 1, 2, 3, 4, 6, 5};
    int k;
    for (k = from; k < to; ++k) one_call(s, k / 7 * 7 + order[k % 7]);
}

// The ways to go on from call k: into a new context, now and then by way of a second file, of what was not
// claimed yet; back, in a run that went elsewhere; from read-only memory; with the weights alone (fault 6).
enum { ANEW, BACK, MEMORY, WEIGHTS };

static subject go_on(gan_context *ctx, gan_optimizer_desc d, int way, int k, const char *path,
                     const gan_real *weights, const void *bytes, size_t size)
{
    subject s;
    if (way == BACK || way == WEIGHTS) {
        s = begin(ctx, d);
        if (way == WEIGHTS) memcpy(gan_data(s.w), weights, N * sizeof *weights);
        if (way == BACK) every_call(&s, 0, (k + 3) % CALLS);
        if (way == BACK) CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
        return s;
    }
    if (way == ANEW) CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
    else CHECK(gan_load_memory(ctx, bytes, size) == 0, "%s", gan_error_message(ctx));
    if (way == ANEW && k % 4 == 3) CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
    s.ctx = ctx;
    s.m = gan_model_create(ctx, "m", one_parameter, NULL);
    gan_scope_open(ctx);
    (void)gan_forward(s.m, gan_zeros(ctx, N), NULL);
    gan_scope_close(ctx);
    s.w = gan_model_find(s.m, "w");
    s.o = gan_optimizer_create(s.m, d);
    return s;
}

static void resumed(const char *name, gan_optimizer_desc d, int from, int to)
{
    static int64_t file[2][2048];
    const char *path = test_path("optim.safetensors");
    gan_real whole[N], at[N], got[N];
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    int k, way;
    every_call(&s, 0, CALLS);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_read(s.w, whole, N);
    gan_destroy(ctx);
    for (k = 0; k < CALLS; ++k) {
        size_t size = 0;
        FILE *f;
        ctx = gan_create(NULL);
        s = begin(ctx, d);
        every_call(&s, 0, k);
        gan_read(s.w, at, N);
        if (from < WEIGHTS) {
            CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
            f = fopen(path, "rb");
            size = f ? fread(file[0], 1, sizeof file[0], f) : 0;
            if (f) fclose(f);
            memcpy(file[1], file[0], sizeof file[0]);
            CHECK(size > 0 && size < sizeof file[0], "a file of %lu bytes", (unsigned long)size);
        }
        gan_destroy(ctx);
        for (way = from; way <= to; ++way) {
            ctx = gan_create(NULL);
            s = go_on(ctx, d, way, k, path, at, file[0], size);
            every_call(&s, k, CALLS);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_read(s.w, got, N);
            CHECK_BYTES(whole, got, sizeof got, name);
            gan_destroy(ctx);
        }
        if (from < WEIGHTS) CHECK_BYTES(file[0], file[1], sizeof file[0], "the read-only memory");
    }
}

// ---- the guard

static int all_finite(gan_tensor *t)
{
    size_t i;
    for (i = 0; i < gan_numel(t) && isfinite((double)gan_data(t)[i]); ++i) {}
    return gan_data(t) && i == gan_numel(t);
}

static void guarded(const char *name, gan_optimizer_desc d)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    inside_state state;
    int way;
    every_call(&s, 0, 5); // an accumulated gradient applied, the weights extrapolated
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (way = 0; way < 3; ++way) {
        static unsigned char before[16][N * sizeof(gan_real)];
        gan_tensor *bad = gan_sum_all(gan_sqrt(gan_mul_scalar(gan_square(s.w), 0))); // 0; gradient 0 / 0
        int i;
        for (i = 0; i < 16 && inside_state_at(ctx, i, &state); ++i)
            memcpy(before[i], state.data, state.bytes);
        if (way == 0) (void)gan_minimize(s.o, bad);
        if (way == 1) (void)gan_extrapolate(s.o, gan_sum_all(gan_log(gan_mul_scalar(gan_square(s.w), -1))));
        if (way == 2) (void)gan_accumulate(s.o, bad);
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        for (i = 0; i < 16 && inside_state_at(ctx, i, &state); ++i)
            CHECK_BYTES(before[i], state.data, state.bytes, state.name);
        CHECK(!inside_state_at(ctx, i, &state), "more than 16 states");
        gan_error_clear(ctx);
    }
    every_call(&s, 5, CALLS);
    CHECK(gan_error(ctx) == 0, "it goes on: %s", gan_error_message(ctx));
    CHECK(all_finite(s.w), "%s: weights that are not finite", name);
    gan_destroy(ctx);
}

static gan_tensor *two_parameters(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(gan_mul(x, gan_param(m, "used", gan_init_constant(1), N)),
                   gan_mul_scalar(gan_sum_all(gan_buffer(m, "kept", 2, 3)), 0));
}
static gan_tensor *poisonous(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *w = gan_param(m, "w", gan_init_constant(1), 4);
    (void)label;
    return gan_log(gan_mul(w, x));
}

static void minimize(void)
{
    TEST ("gan_minimize returns the loss; the norm is that of the gradient; a new learning rate holds at "
          "once") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o;
        gan_tensor *w;
        double norm = 0, before;
        int k;
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, N), NULL);
        gan_scope_close(ctx);
        w = gan_model_find(m, "w");
        for (k = 0; k < N; ++k)
            gan_data(w)[k] = (gan_real)start(k), norm += pow(coefficient(k) * start(k) + slope(k, 1), 2);
        o = gan_optimizer_create(m, gan_sgd(0, 0));
        {
            double want = 0;
            for (k = 0; k < N; ++k) want += coefficient(k) * start(k) * start(k) / 2 + slope(k, 1) * start(k);
            CHECK_NEAR(gan_minimize(o, quadratic(ctx, w, 1)), want, 1e-4, "loss");
        }
        CHECK_NEAR(gan_optimizer_norm(o), sqrt(norm), 1e-4, "norm");
        CHECK_NEAR(gan_data(w)[3], start(3), 0, "lr 0 moves nothing");
        before = (double)gan_data(w)[3];
        gan_optimizer_lr(o, (gan_real).5);
        (void)gan_minimize(o, quadratic(ctx, w, 1));
        CHECK_NEAR(gan_data(w)[3], before - .5 * (coefficient(3) * before + slope(3, 1)), 1e-5, "lr .5");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("buffers are not trained; a parameter of which the loss does not depend has gradient 0") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", two_parameters, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_full(ctx, 1, N), NULL)));
        CHECK_NEAR(gan_item(gan_model_find(m, "kept")), 2, 0, "buffer");
        CHECK_NEAR(gan_item(gan_model_find(m, "used")), .9, 1e-6, "used");
        (void)gan_minimize(o, gan_mul_scalar(gan_sum_all(gan_rand_normal(ctx, 3)), 2));
        CHECK_NEAR(gan_item(gan_model_find(m, "used")), .9, 1e-6, "not in the loss");
        gan_destroy(ctx);
    }
    TEST ("an optimizer made before the first forward trains what appears later") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).1, (gan_real).9, (gan_real).999));
        (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_zeros(ctx, N), NULL)));
        CHECK_NEAR(gan_item(gan_model_find(m, "w")), -.1, 1e-5, "w");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("a NaN in the loss stops the update before any weight changes and names the operation where it "
          "began") {
        static const gan_real bad[] = {-1, 0}; // log(-1) = NaN, log(0) = -inf
        size_t i;
        for (i = 0; i < COUNT(bad); ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", poisonous, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).1, (gan_real).9, (gan_real).999));
            gan_real before[4];
            (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_full(ctx, 2, 4), NULL)));
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            memcpy(before, gan_data(gan_model_find(m, "w")), sizeof before);
            (void)gan_minimize(o, gan_square(gan_mean_all(gan_forward(m, gan_full(ctx, bad[i], 4), NULL))));
            CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "log");
            CHECK_BYTES(before, gan_data(gan_model_find(m, "w")), sizeof before, "weights");
            gan_error_clear(ctx);
            (void)gan_minimize(o, gan_sum_all(gan_forward(m, gan_full(ctx, 2, 4), NULL)));
            CHECK(gan_error(ctx) == 0, "usable again: %s", gan_error_message(ctx));
            CHECK(memcmp(before, gan_data(gan_model_find(m, "w")), sizeof before) != 0, "it trains again");
            gan_destroy(ctx);
        }
    }
    TEST ("an infinity in a gradient alone (sqrt at 0) stops the update, too") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_tensor *w;
        int k, moved = 0;
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, N), NULL);
        gan_scope_close(ctx);
        w = gan_model_find(m, "w");
        (void)gan_minimize(o, gan_sum_all(gan_sqrt(gan_forward(m, gan_zeros(ctx, N), NULL))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        for (k = 0; k < N; ++k) moved += gan_data(w)[k] != 0;
        CHECK(moved == 0, "%d weights moved", moved);
        gan_destroy(ctx);
    }
    TEST ("a poison loss leaves the weights alone and the first error stands") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        gan_tensor *y;
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, N), NULL);
        gan_scope_close(ctx);
        y = gan_sum_all(gan_add(gan_forward(m, gan_zeros(ctx, N), NULL), gan_zeros(ctx, 2)));
        (void)gan_minimize(o, y);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "code %d", gan_error(ctx));
        CHECK(gan_item(gan_model_find(m, "w")) == 0, "moved");
        gan_destroy(ctx);
    }
    TEST ("large gradients whose squares overflow are no infinity: their norm is right") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real)1e-25, 0));
        (void)gan_minimize(
            o, gan_mul_scalar(gan_sum_all(gan_forward(m, gan_zeros(ctx, N), NULL)), (gan_real)1e25));
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK_NEAR((double)gan_optimizer_norm(o) / 1e25, sqrt((double)N), 1e-5, "norm / 1e25");
        CHECK_NEAR(gan_item(gan_model_find(m, "w")), -1, 1e-5, "w");
        gan_destroy(ctx);
    }
    TEST ("the same bits after 20 steps with 1, 2, 3 and 7 threads") {
        static const int counts[] = {1, 2, 3, 7};
        double first[N] = {0}, got[N];
        size_t i;
        for (i = 0; i < COUNT(counts); ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, counts[i]);
            run(ctx, gan_adam((gan_real).02, (gan_real).5, (gan_real).999), STEPS, got);
            if (i == 0) memcpy(first, got, sizeof first);
            CHECK_BYTES(first, got, sizeof first, "weights");
            gan_destroy(ctx);
        }
    }
#ifndef GAN_DOUBLE
    TEST ("every instruction set gives the trajectory of the formulas") {
        int isa;
        for (isa = GAN_ISA_AUTO + 1; isa < GAN_ISA_COUNT; ++isa) {
            gan_optimizer_desc d = gan_adam((gan_real).02, (gan_real).9, (gan_real).999);
            gan_context *ctx = context_with((gan_isa)isa, 1);
            double got[N];
            if (!ctx) continue;
            reference(&d, N, 0, STEPS);
            run(ctx, d, STEPS, got);
            CHECK_ARRAY(N, got, ref_w, TOL, TOL, gan_isa_name(ctx));
            gan_destroy(ctx);
        }
    }
#endif
}

// A tape that is freed: twelve layers on a batch whose activations outweigh all else.
enum { DEEP = 12, WIDTH = 16, BATCH = 512 };

static gan_tensor *deep(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    char name[8];
    int i;
    (void)label;
    for (i = 0; i < DEEP; ++i) {
        snprintf(name, sizeof name, "fc%d", i);
        x = gan_add(gan_tanh(gan_linear(m, name, x, WIDTH)), gan_mul_scalar(x, (gan_real).5));
    }
    return x;
}

// Three steps, at the top (where gan_minimize frees the tape) or in scopes; returns the peak of memory.
static size_t deep_steps(int scoped, int unused, gan_real *weights)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", deep, NULL);
    gan_optimizer *o = gan_optimizer_create(m, gan_adam((gan_real).01, (gan_real).5, (gan_real).999));
    size_t peak;
    int i, k;
    for (i = 0; i < 3; ++i) {
        gan_tensor *x, *y, *loss;
        if (scoped) gan_scope_open(ctx);
        x = gan_rand_normal(ctx, BATCH, WIDTH);
        y = gan_forward(m, x, NULL);
        loss = gan_mean_all(gan_square(y));
        for (k = 0; k < unused; ++k) (void)gan_exp(x);
        (void)gan_minimize(o, loss);
        if (!scoped) continue;
        CHECK(gan_numel(y) == BATCH * WIDTH && gan_item(y) == gan_item(y), "alive in its scope");
        gan_scope_close(ctx);
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    peak = gan_memory(ctx).peak;
    for (i = 0; i < gan_model_count(m); ++i) {
        gan_tensor *t = gan_model_tensor(m, i);
        memcpy(weights, gan_data(t), gan_numel(t) * sizeof *weights);
        weights += gan_numel(t);
    }
    gan_destroy(ctx);
    return peak;
}

static void spending(void)
{
    enum { ALL = DEEP * (WIDTH + 1) * WIDTH };
    const size_t tensor = (size_t)BATCH * WIDTH * sizeof(gan_real);
    static gan_real top[ALL], inside[ALL];
    TEST (
        "the tape is freed at the top: less memory than in a scope, which leaves all alive; the same bits") {
        const size_t a = deep_steps(0, 0, top), b = deep_steps(1, 0, inside);
        CHECK_BYTES(top, inside, sizeof top, "weights");
        CHECK(a + tensor < b, "a peak of %lu, in scopes %lu; a tensor has %lu", (unsigned long)a,
              (unsigned long)b, (unsigned long)tensor);
    }
    TEST ("what the loss does not depend on is freed before the backward pass") {
        const size_t a = deep_steps(0, 0, top), b = deep_steps(0, 2, inside);
        CHECK_BYTES(top, inside, sizeof top, "weights");
        CHECK(b < a + tensor, "a peak of %lu, with two tensors of %lu more before it %lu", (unsigned long)a,
              (unsigned long)tensor, (unsigned long)b);
    }
    TEST_MUST_FAIL ("in a scope it is not") {
        CHECK(deep_steps(1, 2, inside) < deep_steps(1, 0, top) + tensor, "freed");
    }
}

static void blame(void)
{
    int scoped;
    for (scoped = 0; scoped < 2; ++scoped)
        TESTF ("an infinity made in a backward names that operation%s", scoped ? ", in a scope" : "") {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
            gan_tensor *y;
            if (scoped) gan_scope_open(ctx);
            y = gan_sqrt(gan_mul_scalar(gan_forward(m, gan_zeros(ctx, N), NULL), 2));
            (void)gan_minimize(o, gan_mean_all(gan_add_scalar(gan_mul_scalar(y, 3), 1)));
            CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "the backward of sqrt,");
            if (scoped) gan_scope_close(ctx);
            gan_destroy(ctx);
        }
    for (scoped = 0; scoped < 2; ++scoped)
        TESTF ("an infinity of the forward that the loss does not show is named%s",
               scoped ? ", in a scope" : "") {
            gan_context *ctx = gan_create(NULL);
            gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
            gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
            gan_tensor *y;
            if (scoped) gan_scope_open(ctx);
            y = gan_exp(gan_add_scalar(gan_forward(m, gan_zeros(ctx, N), NULL), 1000));
            (void)gan_minimize(o, gan_mean_all(gan_reciprocal(y)));
            CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "first made by exp, shape (");
            if (scoped) gan_scope_close(ctx);
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("a finite gradient blames nobody") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd((gan_real).1, 0));
        (void)gan_minimize(o, gan_mean_all(gan_sqrt(gan_forward(m, gan_full(ctx, 1, N), NULL))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// A parameter that is worth several threads, of odd size.
static gan_tensor *large_parameter(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), LARGE));
}
static void large(const char *name, gan_optimizer_desc d)
{
    static const int counts[] = {1, 2, 3, 7};
    static gan_real first[LARGE];
    size_t i;
    TESTF ("%s on a parameter of %d: the formulas in every entry, the same bits on 1, 2, 3 and 7 threads",
           name, LARGE) {
        for (i = 0; i < COUNT(counts); ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, counts[i]);
            gan_model *m = gan_model_create(ctx, "m", large_parameter, NULL);
            gan_optimizer *o = gan_optimizer_create(m, d);
            gan_tensor *w;
            double norm = 0;
            int k, t;
            gan_scope_open(ctx);
            (void)gan_forward(m, gan_zeros(ctx, LARGE), NULL);
            gan_scope_close(ctx);
            w = gan_model_find(m, "w");
            for (k = 0; k < LARGE; ++k) {
                gan_data(w)[k] = (gan_real)start(k % N);
                norm += pow(coefficient(k % N) * start(k % N) + slope(k % N, 1), 2);
            }
            for (t = 1; t <= 3; ++t) {
                (void)gan_minimize(o, quadratic(ctx, w, t));
                if (t == 1) CHECK_NEAR(gan_optimizer_norm(o), sqrt(norm), 1e-4 * sqrt(norm), "norm");
            }
            if (i == 0) {
                reference(&d, LARGE, 0, 3);
                CHECK_ARRAY(LARGE, gan_data(w), ref_w, TOL, TOL, name);
                memcpy(first, gan_data(w), sizeof first);
            }
            CHECK_BYTES(first, gan_data(w), sizeof first, "weights");
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
}

// ---- hyperparameters, the subgradient method's best weights, names

static void hyperparameters(void)
{
    static const struct {
        const char *name;
        double bad;
    } hyper[] = {
#define ROW(id, name, least, below) {#name, least < 0 ? (below)*2 : -1},
        GAN_HYPERS(ROW)
#undef ROW
    };
    size_t i;
    TEST ("every hyperparameter can be read, set while it trains, and not set to what it must not be") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, sample(GAN_OPTIMIZER_ADAM));
        for (i = 0; i < COUNT(hyper); ++i) {
            const gan_hyper what = (gan_hyper)i;
            gan_optimizer_set(s.o, what, (gan_real).25);
            CHECK_NEAR(gan_optimizer_get(s.o, what), .25, 0, hyper[i].name);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_optimizer_set(s.o, what, (gan_real)hyper[i].bad);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s %g is no error", hyper[i].name, hyper[i].bad);
            CHECK_TEXT(gan_error_message(ctx), hyper[i].name);
            gan_error_clear(ctx);
            gan_optimizer_set(s.o, what, (gan_real)NAN);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s NaN is no error", hyper[i].name);
            gan_error_clear(ctx);
            CHECK_NEAR(gan_optimizer_get(s.o, what), .25, 0, hyper[i].name);
        }
        gan_optimizer_set(s.o, GAN_HYPER_COUNT, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "an unknown one");
        gan_destroy(ctx);
    }
    TEST ("a beta2 set at step 5 is the one of the steps that follow") {
        gan_optimizer_desc d = gan_adam((gan_real).02, (gan_real).9, (gan_real).999);
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, d);
        ref r = ref_begin(&d, N, 0);
        int t;
        for (t = 1; t <= STEPS; ++t) {
            if (t == 5) gan_optimizer_set(s.o, GAN_HYPER_BETA2, (gan_real).9), r.b2 = (double)(gan_real).9;
            (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
            ref_gradient(&r, t);
            ref_clip(&r);
            ref_update(&r, t);
        }
        CHECK_ARRAY(N, gan_data(s.w), ref_w, TOL, TOL, "weights");
        gan_destroy(ctx);
    }
    TEST ("NULL optimizers are tolerated") {
        gan_optimizer_set(NULL, GAN_HYPER_LR, 1);
        gan_lookahead(NULL, 1);
        CHECK(gan_optimizer_get(NULL, GAN_HYPER_LR) == 0 && gan_optimizer_best(NULL) == 0, "values");
        CHECK(gan_accumulate(NULL, NULL) == 0 && gan_extrapolate(NULL, NULL) == 0, "values");
        CHECK_TEXT(gan_optimizer_name((gan_optimizer_kind)-1), "unknown");
        CHECK_TEXT(gan_optimizer_name(GAN_OPTIMIZER_OPTIMISTIC_ADAM), "optimistic_adam");
    }
    TEST ("calls out of order are errors that say so") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_sgd((gan_real).1, 0));
        (void)gan_optimizer_best(s.o);
        CHECK(gan_error(ctx) == GAN_ERROR_STATE, "best of sgd: code %d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_extrapolate(s.o, quadratic(ctx, s.w, 1));
        gan_lookahead(s.o, (gan_real).5);
        CHECK(gan_error(ctx) == GAN_ERROR_STATE, "lookahead when extrapolated: code %d", gan_error(ctx));
        gan_error_clear(ctx);
        gan_lookahead(s.o, (gan_real)1.5);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "alpha 1.5: code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// f(x) = sum_k c_k |x_k - q_k|, convex, not smooth; min f = 0 at q. G^2 = sum c_k^2 bounds its subgradients.
static double weight_of(int k) { return (double)(gan_real)(.2 + .05 * (k % 7)); }
static double goal(int k) { return (double)(gan_real)sin(.9 * k); }

static gan_tensor *nonsmooth(gan_context *ctx, gan_tensor *w)
{
    gan_tensor *c = gan_zeros(ctx, N), *q = gan_zeros(ctx, N);
    int k;
    for (k = 0; k < N; ++k) gan_data(c)[k] = (gan_real)weight_of(k), gan_data(q)[k] = (gan_real)goal(k);
    return gan_sum_all(gan_mul(c, gan_abs(gan_sub(w, q))));
}

static void best_iterate(void)
{
#define ROW(id, name) #name,
    static const char *const rules[] = {GAN_STEP_RULES(ROW)};
#undef ROW
    static const double rates[] = {.05, .1, .3};
    int rule, k;
    for (rule = 0; rule < (int)GAN_STEP_COUNT; ++rule)
        TESTF (
            "the subgradient method, %s steps: the best f is within (R^2 + G^2 sum a^2) / (2 sum a) at every "
            "step (theorem 6), and its weights come back",
            rules[rule]) {
            gan_context *ctx = gan_create(NULL);
            subject s = begin(ctx, gan_subgradient((gan_real)rates[rule], (gan_step_rule)rule));
            double radius = 0, bound = 0, best = HUGE_VAL, sum = 0, squares = 0, last = 0, rose = 0;
            double at[N] = {0};
            for (k = 0; k < N; ++k) {
                radius += pow(start(k) - goal(k), 2);
                bound += weight_of(k) * weight_of(k);
            }
            for (k = 1; k <= 400; ++k) {
                double f = 0, norm, a = rates[rule];
                int i;
                for (i = 0; i < N; ++i) f += weight_of(i) * fabs((double)gan_data(s.w)[i] - goal(i));
                for (i = 0; i < N && f < best; ++i) at[i] = (double)gan_data(s.w)[i];
                if (f < best) best = f;
                rose += f > last;
                last = f;
                (void)gan_minimize(s.o, nonsmooth(ctx, s.w));
                norm = (double)gan_optimizer_norm(s.o);
                if (rule == GAN_STEP_LENGTH) a /= norm;
                if (rule == GAN_STEP_ROOT) a /= sqrt((double)k);
                sum += a, squares += a * a * norm * norm;
                CHECK(best <= (radius + squares) / (2 * sum) * (1 + 1e-5), "step %d: %g, bound %g", k, best,
                      (radius + squares) / (2 * sum));
                if (rule == GAN_STEP_CONSTANT)
                    CHECK(best <= (radius + bound * a * a * k) / (2 * a * k) * (1 + 1e-5), "step %d: %g", k,
                          best);
            }
            CHECK(rose > 5, "f rose %g times: the last is not the best", rose);
            CHECK_NEAR(gan_optimizer_best(s.o), best, 1e-4, "the best f");
            CHECK_ARRAY(N, gan_data(s.w), at, 1e-6, 1e-6, "its weights");
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("the last iterate for the best one is caught") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_subgradient((gan_real).5, GAN_STEP_CONSTANT));
        gan_real last;
        for (k = 1; k <= 100; ++k) (void)gan_minimize(s.o, nonsmooth(ctx, s.w));
        last = gan_item(nonsmooth(ctx, s.w));
        CHECK_NEAR(gan_optimizer_best(s.o), last, 1e-4, "f");
        gan_destroy(ctx);
    }
    TEST ("accumulated losses count together for the best") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_subgradient((gan_real).01, GAN_STEP_CONSTANT));
        double f = 2 * (double)gan_item(nonsmooth(ctx, s.w));
        (void)gan_accumulate(s.o, nonsmooth(ctx, s.w));
        (void)gan_minimize(s.o, nonsmooth(ctx, s.w));
        CHECK_NEAR(gan_optimizer_best(s.o), f, 1e-4, "f");
        gan_destroy(ctx);
    }
}

// ---- a parameter's own steps, PyTorch's state["step"]: FIRST updates of `early`, STEPS of `late`, then the
// others of `early` up to STEPS

enum { FIRST = 8, UPDATES = 2 * STEPS };
enum {
    CREATED,
    THAWED,
    ABSENT,
    WAYS
}; // `late` is made after FIRST updates, is frozen or in no loss until then
static const char *const ways[WAYS] = {"made late", "frozen at first", "not in the loss at first"};

typedef struct ages {
    gan_context *ctx;
    gan_model *m;
    gan_optimizer *o;
    int both, way;
} ages;

static gan_tensor *two_ages(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    (void)gan_param(m, "early", gan_init_constant(1), N);
    if (((const ages *)gan_model_user(m))->both) (void)gan_param(m, "late", gan_init_constant(1), N);
    return x;
}

// The state of a run in which t updates were made: with a new context or with one that loads a file next.
static void ages_begin(ages *a, gan_context *ctx, gan_optimizer_desc d, int way, int t)
{
    a->ctx = ctx;
    a->way = way;
    a->both = way != CREATED || t > FIRST;
    a->m = gan_model_create(ctx, "m", two_ages, a);
    a->o = gan_optimizer_create(a->m, d);
    gan_model_freeze(a->m, "late", way == THAWED && t < FIRST);
}

static void ages_update(ages *a, int t)
{
    const int late = t > FIRST && t <= FIRST + STEPS;
    gan_tensor *loss;
    a->both = a->both || late;
    gan_scope_open(a->ctx);
    (void)gan_forward(a->m, gan_zeros(a->ctx, 1), NULL);
    gan_scope_close(a->ctx);
    if (late) gan_model_freeze(a->m, "late", 0);
    if (late) loss = quadratic(a->ctx, gan_model_find(a->m, "late"), t - FIRST);
    else loss = quadratic(a->ctx, gan_model_find(a->m, "early"), t <= FIRST ? t : t - STEPS);
    if (a->way == THAWED && t <= FIRST)
        loss = gan_add(loss, quadratic(a->ctx, gan_model_find(a->m, "late"), t));
    (void)gan_minimize(a->o, loss);
}

static void ages_read(const ages *a, gan_real *w)
{
    gan_read(gan_model_find(a->m, "early"), w, N);
    gan_read(gan_model_find(a->m, "late"), w + N, N);
}

// Both parameters against the rule's formulas in STEPS steps; `off`: the first step's number, 1 being right.
static void own_steps(gan_optimizer_desc d, int way, int off)
{
    gan_context *ctx = gan_create(NULL);
    gan_real got[2 * N];
    ages a;
    ref r;
    int t, i;
    ages_begin(&a, ctx, d, way, 0);
    for (t = 1; t <= UPDATES; ++t) ages_update(&a, t);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    ages_read(&a, got);
    CHECK(inside_optimizer_step(a.o) == UPDATES, "%d updates", (int)inside_optimizer_step(a.o));
    gan_destroy(ctx);
    r = ref_begin(&d, N, 0);
    for (i = 0; i < N; ++i) ref_w[i] = 1;
    for (t = 1; t <= STEPS; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        ref_update(&r, t - 1 + off);
    }
    CHECK_ARRAY(N, got + N, ref_w, TOL, TOL, "late");
    if (off == 1) CHECK_ARRAY(N, got, ref_w, TOL, TOL, "early");
}

// Saved after each update and resumed, in a new context (ANEW), in a run that went elsewhere (BACK), from
// memory: the same bits.
static void own_steps_resumed(gan_optimizer_desc d, int way)
{
    static int64_t file[2048];
    const char *path = test_path("ages.safetensors");
    gan_real whole[2 * N], got[2 * N];
    ages a, b;
    int k, t, how;
    ages_begin(&a, gan_create(NULL), d, way, 0);
    for (t = 1; t <= UPDATES; ++t) ages_update(&a, t);
    ages_read(&a, whole);
    gan_destroy(a.ctx);
    ages_begin(&a, gan_create(NULL), d, way, 0);
    for (k = 1; k < UPDATES; ++k) {
        size_t size = 0;
        FILE *f;
        ages_update(&a, k);
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        f = fopen(path, "rb");
        size = f ? fread(file, 1, sizeof file, f) : 0;
        if (f) fclose(f);
        for (how = ANEW; how <= MEMORY; ++how) {
            gan_context *ctx = gan_create(NULL);
            if (how == ANEW) CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
            if (how == MEMORY) CHECK(gan_load_memory(ctx, file, size) == 0, "%s", gan_error_message(ctx));
            ages_begin(&b, ctx, d, way, how == BACK ? 0 : k);
            for (t = 1; t <= (k + 5) % UPDATES && how == BACK; ++t) ages_update(&b, t);
            if (how == BACK) {
                CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
                gan_model_freeze(b.m, "late", way == THAWED && k < FIRST);
            }
            // what is younger than the file stays as it is: not to be compared
            for (t = k + 1; t <= UPDATES && (how != BACK || way != CREATED || k > FIRST); ++t)
                ages_update(&b, t);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            if (t > UPDATES) {
                ages_read(&b, got);
                CHECK_BYTES(whole, got, sizeof got, ways[way]);
            }
            gan_destroy(ctx);
        }
    }
    gan_destroy(a.ctx);
}

// The states of this name in the context's checkpoints.
static int states_called(const gan_context *ctx, const char *name)
{
    inside_state s;
    int i, n = 0;
    for (i = 0; inside_state_at(ctx, i, &s); ++i) n += !strcmp(s.name, name);
    return n;
}

static void own_step_facts(void)
{
    const gan_optimizer_desc adam = gan_adam((gan_real).1, (gan_real).9, (gan_real).999);
    TEST ("a parameter that is made after 1,000 updates makes a first step of 1 lr with Adam") {
        gan_context *ctx = gan_create(NULL);
        ages a;
        int t, k;
        ages_begin(&a, ctx, adam, CREATED, 0);
        for (t = 1; t <= 1000; ++t) ages_update(&a, t <= FIRST ? t : FIRST + STEPS + 1 + t % 7);
        ages_update(&a, FIRST + 1);
        for (k = 0; k < N; ++k) {
            const double g = coefficient(k) + slope(k, 1);
            CHECK_NEAR(gan_data(gan_model_find(a.m, "late"))[k], 1 - .1 * sign_of(g), 1e-5, "late");
        }
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("a checkpoint holds a parameter's steps only where they are not the optimizer's") {
        gan_context *ctx = gan_create(NULL);
        ages a;
        int t;
        ages_begin(&a, ctx, adam, CREATED, 0);
        for (t = 1; t <= FIRST; ++t) ages_update(&a, t);
        CHECK(!states_called(ctx, "optimizer.m.early.steps"), "early before");
        ages_update(&a, FIRST + 1);
        CHECK(states_called(ctx, "optimizer.m.early.steps") == 1, "early, which missed one");
        CHECK(states_called(ctx, "optimizer.m.late.steps") == 1, "late");
        gan_destroy(ctx);
    }
    TEST ("a file without a parameter's steps (an older one) sets them to the optimizer's") {
        const char *path = test_path("old.safetensors");
        gan_real want[2 * N], got[2 * N];
        ages a, b;
        int t;
        ages_begin(&a, gan_create(NULL), adam, ABSENT, 0);
        ages_begin(&b, gan_create(NULL), adam, ABSENT, 0);
        for (t = 1; t <= FIRST; ++t) {
            (void)gan_forward(a.m, gan_zeros(a.ctx, 1), NULL);
            (void)gan_minimize(a.o, gan_add(quadratic(a.ctx, gan_model_find(a.m, "early"), t),
                                            quadratic(a.ctx, gan_model_find(a.m, "late"), t)));
            ages_update(&b, t % 2 ? t : FIRST + t);
        }
        CHECK(gan_save(a.ctx, path) == 0 && gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        for (t = FIRST + 1; t <= UPDATES; ++t) ages_update(&a, t), ages_update(&b, t);
        ages_read(&a, want);
        ages_read(&b, got);
        CHECK_BYTES(want, got, sizeof got, "weights");
        CHECK(!gan_error(a.ctx) && !gan_error(b.ctx), "%s", gan_error_message(b.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST_MUST_FAIL ("bias correction by the optimizer's steps is caught") own_steps(adam, CREATED, FIRST + 1);
    TEST_MUST_FAIL ("the same of a thawed parameter") own_steps(adam, THAWED, FIRST + 1);
}

// ---- gan_optimizer_reset, gan_optimizer_steps

// After 7 updates reset, or not (the control), then STEPS by the formulas.
static void reset_all(gan_optimizer_desc d, int reset)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    gan_real got[N];
    ref r;
    int t, k;
    for (t = 1; t <= 7; ++t) (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    CHECK(gan_optimizer_steps(s.o) == 7, "%d steps", (int)gan_optimizer_steps(s.o));
    if (reset) {
        gan_optimizer_reset(s.o, NULL);
        CHECK(gan_optimizer_steps(s.o) == 0, "%d steps", (int)gan_optimizer_steps(s.o));
    }
    r = ref_begin(&d, N, 0);
    for (k = 0; k < N; ++k) ref_w[k] = (double)gan_data(s.w)[k];
    for (t = 1; t <= STEPS; ++t) (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    gan_read(s.w, got, N);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    for (t = 1; t <= STEPS; ++t) {
        ref_gradient(&r, t);
        ref_clip(&r);
        ref_update(&r, t);
    }
    CHECK_ARRAY(N, got, ref_w, TOL, TOL, "weights");
}

// Both parameters updated together; after 7 updates "late" is reset to its first values and without state. It
// then repeats itself; "early" goes on as if nothing had been.
static void reset_one(const char *prefix, int file)
{
    const char *path = test_path("reset.safetensors");
    gan_context *ctx = gan_create(NULL);
    gan_real late[STEPS][N], early[STEPS][N], *w;
    ages a;
    int t, k, run;
    for (run = 0; run < 2; ++run) {
        ages_begin(&a, ctx, gan_adam((gan_real).05, (gan_real).9, (gan_real).99), ABSENT, 0);
        for (t = 0; t < STEPS; ++t) {
            gan_tensor *e, *l;
            if (run && t == 7 && file) { // into a context whose model has not run yet
                CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
                gan_destroy(ctx);
                ctx = gan_create(NULL);
                CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
                ages_begin(&a, ctx, gan_adam((gan_real).05, (gan_real).9, (gan_real).99), ABSENT, t);
            }
            if (run && t == 7) gan_optimizer_reset(a.o, prefix);
            gan_scope_open(ctx);
            (void)gan_forward(a.m, gan_zeros(ctx, 1), NULL);
            gan_scope_close(ctx);
            e = gan_model_find(a.m, "early"), l = gan_model_find(a.m, "late");
            w = gan_data(l);
            for (k = 0; k < N && run && t == 7; ++k) w[k] = 1;
            (void)gan_minimize(a.o,
                               gan_add(quadratic(ctx, e, t), quadratic(ctx, l, run && t >= 7 ? t - 7 : t)));
            if (!run) gan_read(e, early[t], N), gan_read(l, late[t], N);
            if (run) CHECK_BYTES(early[t], gan_data(e), sizeof early[t], "early");
            if (run && t >= 7) CHECK_BYTES(late[t - 7], gan_data(l), sizeof late[t], "late");
        }
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_optimizer_steps(a.o) == STEPS, "%d steps", (int)gan_optimizer_steps(a.o));
        gan_destroy(ctx);
        ctx = gan_create(NULL);
    }
    gan_destroy(ctx);
}

static void reset_facts(void)
{
    TEST ("a reset by prefix: these parameters begin again, the others do not notice") reset_one("late", 0);
    TEST ("the same after a file was loaded and before the model ran") reset_one("late", 1);
    TEST_MUST_FAIL ("a reset of another parameter is caught") reset_one("early", 0);
    TEST_MUST_FAIL ("the same from a file") reset_one("early", 1);
    TEST ("gan_optimizer_steps counts updates: extrapolations too, accumulations not; a file restores it") {
        const char *path = test_path("steps.safetensors");
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_sgd((gan_real).01, 0));
        CHECK(gan_optimizer_steps(s.o) == 0 && gan_optimizer_steps(NULL) == 0, "before");
        (void)gan_accumulate(s.o, quadratic(ctx, s.w, 1));
        CHECK(gan_optimizer_steps(s.o) == 0, "accumulated");
        (void)gan_extrapolate(s.o, quadratic(ctx, s.w, 1));
        (void)gan_minimize(s.o, quadratic(ctx, s.w, 1));
        CHECK(gan_optimizer_steps(s.o) == 2, "%d", (int)gan_optimizer_steps(s.o));
        CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
        ctx = gan_create(NULL);
        CHECK(gan_load(ctx, path) == 0, "%s", gan_error_message(ctx));
        s = begin(ctx, gan_sgd((gan_real).01, 0));
        CHECK(gan_optimizer_steps(s.o) == 2, "%d", (int)gan_optimizer_steps(s.o));
        gan_destroy(ctx);
    }
    TEST ("a prefix of no parameter is a warning; the subgradient method resets all or nothing") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_subgradient((gan_real).1, GAN_STEP_ROOT)), q;
        q.m = gan_model_create(ctx, "n", one_parameter, NULL);
        q.o = gan_optimizer_create(q.m, gan_sgd(1, 0));
        gan_optimizer_reset(q.o, "nothing");
        CHECK(gan_warnings(ctx) == 1, "%d warnings", gan_warnings(ctx));
        CHECK_TEXT(gan_warning_message(ctx), "nothing");
        gan_optimizer_reset(s.o, "w");
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
}

// ---- gan_optimizer_rate

// The trajectory with a factor against that of the formulas with the rate `times` it.
static void rated(gan_optimizer_desc d, double factor, double times)
{
    gan_context *ctx = gan_create(NULL);
    subject s = begin(ctx, d);
    gan_optimizer_desc e = d;
    int t;
    gan_optimizer_rate(s.o, "w", (gan_real)factor);
    for (t = 1; t <= STEPS; ++t) (void)gan_minimize(s.o, quadratic(ctx, s.w, t));
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    e.lr *= (gan_real)(factor * times);
    reference(&e, N, 0, STEPS);
    CHECK_ARRAY(N, gan_data(s.w), ref_w, TOL, TOL, "weights");
    gan_destroy(ctx);
}

static gan_tensor *two_layers(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc10", gan_linear(m, "fc1", x, 2), 1);
}

// How far an update by gradients of 1 moves a parameter of two_layers; SGD with lr 1, all weights 1.
static double moved(gan_model *m, gan_optimizer *o, const char *name)
{
    gan_context *ctx = gan_model_context(m);
    const gan_real before = gan_item(gan_model_find(m, name));
    gan_tensor *sum = NULL;
    int i;
    for (i = 0; i < gan_model_count(m); ++i) {
        gan_tensor *one = gan_sum_all(gan_model_tensor(m, i));
        sum = sum ? gan_add(sum, one) : one;
    }
    (void)gan_minimize(o, sum);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    return (double)(before - gan_item(gan_model_find(m, name)));
}

static void rates(void)
{
    TEST ("the longest prefix counts, whatever the order; also for parameters that come later") {
        int order, early;
        for (order = 0; order < 2; ++order)
            for (early = 0; early < 2; ++early) {
                static const char *const names[] = {"fc1.weight", "fc1.bias", "fc10.weight"};
                static const double want[] = {.25, .5, 2};
                gan_context *ctx = gan_create(NULL);
                gan_model *m = gan_model_create(ctx, "m", two_layers, NULL);
                gan_optimizer *o = gan_optimizer_create(m, gan_sgd(1, 0));
                int i;
                for (i = 0; i < 2; ++i) {
                    if (i == early) (void)gan_forward(m, gan_zeros(ctx, 1, 3), NULL);
                    if (i == early) continue;
                    gan_optimizer_rate(o, order ? NULL : "fc1.weight", (gan_real)(order ? 2 : .25));
                    gan_optimizer_rate(o, "fc1", (gan_real).125);
                    gan_optimizer_rate(o, "fc1", (gan_real).5);
                    gan_optimizer_rate(o, order ? "fc1.weight" : "", (gan_real)(order ? .25 : 2));
                }
                for (i = 0; i < 3; ++i) CHECK_NEAR(moved(m, o, names[i]), want[i], 1e-5, names[i]);
                CHECK(gan_warnings(ctx) == 0, "%s", gan_warning_message(ctx));
                gan_destroy(ctx);
            }
    }
    TEST ("factor 0: no gradient, no decay, no step; then a first step of 1 lr") {
        gan_context *ctx = gan_create(NULL);
        gan_optimizer_desc d = gan_adamw((gan_real).1, (gan_real).9, (gan_real).999, (gan_real).1);
        gan_tensor *e, *l;
        ages a;
        int t;
        ages_begin(&a, ctx, d, ABSENT, 0);
        gan_optimizer_rate(a.o, "late", 0);
        for (t = 1; t <= 50; ++t) {
            (void)gan_forward(a.m, gan_zeros(ctx, 1), NULL);
            e = gan_model_find(a.m, "early"), l = gan_model_find(a.m, "late");
            // the gradient of late is 0 / 0: it is not computed
            (void)gan_minimize(
                a.o, gan_add(quadratic(ctx, e, t), gan_sum_all(gan_sqrt(gan_mul_scalar(gan_square(l), 0)))));
        }
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_item(gan_model_find(a.m, "late")) == 1, "%g",
              (double)gan_item(gan_model_find(a.m, "late")));
        CHECK(gan_optimizer_steps(a.o) == 50, "%d", (int)gan_optimizer_steps(a.o));
        gan_optimizer_rate(a.o, "late", 1);
        (void)gan_minimize(a.o, gan_sum_all(gan_model_find(a.m, "late")));
        CHECK_NEAR(gan_item(gan_model_find(a.m, "late")), 1 - .1 * .1 - .1, 1e-5, "late");
        (void)gan_minimize(a.o,
                           gan_sum_all(gan_sqrt(gan_mul_scalar(gan_square(gan_model_find(a.m, "late")), 0))));
        CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "the control: code %d", gan_error(ctx));
        gan_destroy(ctx);
    }
    TEST ("a prefix of no parameter is a warning at the next update, once; a bad factor an error") {
        gan_context *ctx = gan_create(NULL);
        subject s = begin(ctx, gan_sgd((gan_real).01, 0));
        static const double bad[] = {-1, HUGE_VAL, NAN};
        size_t i;
        gan_optimizer_rate(s.o, "w2", 2);
        gan_optimizer_rate(s.o, "w", 2);
        gan_optimizer_rate(s.o, NULL, 2);
        CHECK(gan_warnings(ctx) == 0, "%s", gan_warning_message(ctx));
        for (i = 0; i < 3; ++i) (void)gan_minimize(s.o, quadratic(ctx, s.w, 1));
        CHECK(gan_warnings(ctx) == 1, "%d warnings", gan_warnings(ctx));
        CHECK_TEXT(gan_warning_message(ctx), "w2");
        for (i = 0; i < COUNT(bad); ++i) {
            gan_optimizer_rate(s.o, "w", (gan_real)bad[i]);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%g: code %d", bad[i], gan_error(ctx));
            gan_error_clear(ctx);
        }
        gan_optimizer_rate(NULL, "w", 1);
        gan_optimizer_reset(NULL, "w");
        gan_destroy(ctx);
    }
}

// ---- one loss of several models: y = b (a x), the loss (y - 1)^2 / 2

// The loss a + b of two parameters.
static gan_tensor *two_sums(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(gan_mul(gan_param(m, "a", gan_init_zeros(), 1), x),
                   gan_mul(gan_param(m, "b", gan_init_zeros(), 1), x));
}

static void thawed_in_a_round(void)
{
    TEST ("a parameter thawed between two batches of an accumulation has the second batch's gradient alone") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", two_sums, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_sgd(1, 0));
        gan_real before[2], moved[2];
        int round;
        for (round = 0; round < 2; ++round) {
            if (round)
                before[0] = gan_item(gan_model_find(m, "a")), before[1] = gan_item(gan_model_find(m, "b"));
            gan_model_freeze(m, "a", round);
            gan_accumulate(o, gan_forward(m, gan_full(ctx, 1, 1), NULL));
            gan_model_freeze(m, "a", 0);
            gan_minimize(o, gan_forward(m, gan_full(ctx, 3, 1), NULL));
        }
        moved[0] = before[0] - gan_item(gan_model_find(m, "a")),
        moved[1] = before[1] - gan_item(gan_model_find(m, "b"));
        CHECK(!gan_error(ctx) && moved[1] > 0, "%s", gan_error_message(ctx));
        CHECK_NEAR(moved[0] / moved[1], .75, 1e-6, "3 of 1 + 3");
        gan_destroy(ctx);
    }
}

static gan_tensor *factor(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_mul(x, gan_param(m, "w", gan_init_constant((gan_real).5), 1));
}

typedef struct pair {
    gan_context *ctx;
    gan_model *m[2];
    gan_optimizer *o[2];
} pair;
static pair pair_begin(gan_optimizer_desc d)
{
    pair p;
    p.ctx = gan_create(NULL);
    p.m[0] = gan_model_create(p.ctx, "a", factor, NULL);
    p.m[1] = gan_model_create(p.ctx, "b", factor, NULL);
    p.o[0] = gan_optimizer_create(p.m[0], d);
    p.o[1] = gan_optimizer_create(p.m[1], d);
    return p;
}
static gan_tensor *pair_loss(const pair *p, double x)
{
    gan_tensor *y = gan_forward(p->m[1], gan_forward(p->m[0], gan_full(p->ctx, (gan_real)x, 1), NULL), NULL);
    return gan_mul_scalar(gan_mean_all(gan_square(gan_add_scalar(y, -1))), (gan_real).5);
}
static double pair_weight(const pair *p, int i) { return (double)gan_item(gan_model_find(p->m[i], "w")); }

// way 0: gan_minimize_all; 1: one model after the other, the control
static void pair_sgd(int way)
{
    pair p = pair_begin(gan_sgd((gan_real).1, 0));
    double a = .5, b = .5, value;
    int t;
    for (t = 1; t <= STEPS; ++t) {
        const double x = 1 + .1 * t, off = a * b * x - 1, da = off * b * x, db = off * a * x;
        if (way == 0) value = (double)gan_minimize_all(2, p.o, pair_loss(&p, x));
        else {
            value = (double)gan_minimize(p.o[0], pair_loss(&p, x));
            (void)gan_minimize(p.o[1], pair_loss(&p, x));
        }
        CHECK_NEAR(value, off * off / 2, 1e-5, "loss");
        a -= .1 * da, b -= .1 * db;
        CHECK_NEAR(pair_weight(&p, 0), a, 1e-5, "a");
        CHECK_NEAR(pair_weight(&p, 1), b, 1e-5, "b");
        CHECK_NEAR(gan_optimizer_norm(p.o[0]), fabs(da), 1e-5, "the norm of a");
    }
    CHECK(gan_error(p.ctx) == 0, "%s", gan_error_message(p.ctx));
    gan_destroy(p.ctx);
}

static void one_loss(void)
{
    TEST ("gan_minimize_all: one loss, two models, both gradients at the old weights") pair_sgd(0);
    TEST_MUST_FAIL ("one model after the other is caught") pair_sgd(1);
    TEST (
        "gan_minimize_all makes one backward pass and gives the bits of gan_minimize_game, which makes two") {
        pair p = pair_begin(sample(GAN_OPTIMIZER_ADAM)), q = pair_begin(sample(GAN_OPTIMIZER_ADAM));
        uint64_t one, two;
        int t, i;
        for (t = 1; t <= STEPS; ++t) {
            gan_tensor *l[2];
            one = inside_passes(p.ctx), two = inside_passes(q.ctx);
            (void)gan_minimize_all(2, p.o, pair_loss(&p, t));
            l[0] = l[1] = pair_loss(&q, t);
            gan_minimize_game(GAN_GAME_SIMULTANEOUS, 0, 2, q.o, l);
            for (i = 0; i < 2; ++i) CHECK(pair_weight(&p, i) == pair_weight(&q, i), "weight %d", i);
            CHECK(inside_passes(p.ctx) - one == 1, "%d", (int)(inside_passes(p.ctx) - one));
            CHECK(inside_passes(q.ctx) - two == 2, "%d", (int)(inside_passes(q.ctx) - two));
        }
        CHECK(!gan_error(p.ctx) && !gan_error(q.ctx), "%s", gan_error_message(p.ctx));
        gan_destroy(p.ctx);
        gan_destroy(q.ctx);
    }
    TEST ("a loss that one of the models is not in changes neither; nor does a NaN; a frozen model waits") {
        pair p = pair_begin(gan_sgd((gan_real).1, 0));
        gan_tensor *x;
        double b;
        (void)gan_minimize_all(2, p.o, pair_loss(&p, 1));
        b = pair_weight(&p, 1);
        (void)gan_minimize_all(2, p.o, gan_mean_all(gan_forward(p.m[1], gan_full(p.ctx, 1, 1), NULL)));
        CHECK(gan_error(p.ctx) == GAN_ERROR_STATE, "code %d", gan_error(p.ctx));
        CHECK_TEXT(gan_error_message(p.ctx), "parameter of a ");
        CHECK(pair_weight(&p, 1) == b, "b moved");
        gan_error_clear(p.ctx);
        // the gradient of b is finite, that of a is not
        (void)gan_minimize_all(
            2, p.o,
            gan_sum_all(gan_add(gan_forward(p.m[1], gan_full(p.ctx, 1, 1), NULL),
                                gan_sqrt(gan_forward(p.m[0], gan_zeros(p.ctx, 1), NULL)))));
        CHECK(gan_error(p.ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(p.ctx));
        CHECK(pair_weight(&p, 1) == b && gan_optimizer_steps(p.o[1]) == 1, "b moved");
        gan_error_clear(p.ctx);
        gan_model_freeze(p.m[1], NULL, 1);
        (void)gan_minimize_all(2, p.o, pair_loss(&p, 1));
        CHECK(!gan_error(p.ctx) && pair_weight(&p, 1) == b, "%s", gan_error_message(p.ctx));
        CHECK(gan_optimizer_steps(p.o[0]) == 2 && gan_optimizer_steps(p.o[1]) == 1, "steps");
        gan_scope_open(p.ctx);
        x = pair_loss(&p, 1);
        (void)gan_minimize_all(2, p.o, x);
        CHECK(gan_item(x) == gan_item(x) && !gan_error(p.ctx), "alive in its scope");
        gan_scope_close(p.ctx);
        x = pair_loss(&p, 1);
        (void)gan_minimize_all(2, p.o, x);
        (void)gan_square(x);
        CHECK(gan_error(p.ctx) == GAN_ERROR_STATE, "a step that goes on");
        gan_destroy(p.ctx);
    }
}

static const struct {
    const char *name;
    int states;
} optimizers[] = {
#define ROW(id, name, states, passes, decay, traits) {#name, states},
    GAN_OPTIMIZERS(ROW)
#undef ROW
};

static void all_alike(gan_optimizer_kind kind)
{
    const char *name = optimizers[kind].name;
    const gan_optimizer_desc d = sample(kind);
    const int stateless = kind == GAN_OPTIMIZER_SUBGRADIENT;
    int way;
    clipping(name, d);
    TESTF ("%s: three accumulated losses are their sum", name) accumulation(name, d, 0);
    TESTF ("%s, extrapolated: the gradient found there is applied where it began", name)
        extrapolation(name, d, 0);
    TESTF_MUST_FAIL ("%s: not going back is caught", name) extrapolation(name, d, 1);
    TESTF ("%s with lookahead", name) lookahead(name, d, .5);
    TESTF_MUST_FAIL ("%s: another alpha is caught", name) lookahead(name, d, .4);
    TESTF ("%s, saved at each step and resumed: the same bits", name) resumed(name, d, ANEW, MEMORY);
    if (!stateless)
        TESTF_MUST_FAIL ("%s resumed without its state is caught (known fault 6)", name)
            resumed(name, d, WEIGHTS, WEIGHTS);
    TESTF ("%s: a NaN changes no weight and no state", name) guarded(name, d);
    TESTF ("%s, reset: as if it had just been created", name) reset_all(d, 1);
    if (!stateless)
        TESTF_MUST_FAIL ("%s, not reset, is caught", name) reset_all(d, 0);
    TESTF ("%s with a third of its rate by prefix", name) rated(d, 1 / 3., 1);
    TESTF_MUST_FAIL ("%s with the whole rate is caught", name) rated(d, 1 / 3., 3);
    for (way = 0; way < WAYS; ++way) {
        TESTF ("%s: the steps of a parameter are its own (%s)", name, ways[way]) own_steps(d, way, 1);
        TESTF ("%s: a parameter's own steps are saved and resumed (%s)", name, ways[way])
            own_steps_resumed(d, way);
    }
    large(name, d);
}

int main(void)
{
    size_t i;
    for (i = 0; i < COUNT(optimizers); ++i) all_alike((gan_optimizer_kind)i);
    clipping_facts();
    accumulation_facts();
    own_step_facts();
    reset_facts();
    rates();
    one_loss();
    hyperparameters();
    best_iterate();
    minimize();
    spending();
    blame();
    large("sgd", gan_sgd((gan_real).05, 0));
    large("rmsprop without momentum", gan_rmsprop((gan_real).01));
    large("adam with betas .5 and .999", gan_adam((gan_real).02, (gan_real).5, (gan_real).999));
    printf("%d optimizers\n", (int)COUNT(optimizers));
    thawed_in_a_round();
    return test_done();
}
