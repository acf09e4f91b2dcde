// Fuzz target: random sequences of public calls with hostile arguments (tests/calls.h), and of a trainer with
// everything that has state: steps, samples, sabotage, checkpoints cut out of the input, scopes. Bytes of the
// input choose calls and arguments.
//
// Required: errors with messages, a context that works after each, and no more than a block of memory.
#include "fuzz.h"

static fuzz_in calls_in;
static int test_int(int lo, int hi)
{
    unsigned v = fuzz_byte(&calls_in);
    if (hi - lo > 255) v = v << 8 | fuzz_byte(&calls_in);
    if (hi - lo > 65535) v = v << 16 | fuzz_byte(&calls_in) << 8;
    return lo + (int)(v % ((unsigned)(hi - lo) + 1));
}
static double test_uniform(double lo, double hi)
{
    static uint32_t state;
    state = state * 1664525u + 1013904223u;
    return lo + (hi - lo) * (state >> 8) / 16777216.;
}
#include "../calls.h"

static fuzz_world calls_one, calls_two;

static void calls_sabotage(void)
{
    gan_model *m = test_int(0, 1) ? calls_one.g : calls_one.d;
    gan_tensor *t = gan_model_tensor(m, test_int(0, 9));
    if (gan_data(t)) gan_data(t)[0] = R();
}
static void calls_load(void)
{
    size_t n = (size_t)test_int(0, 400);
    if (n > (size_t)(calls_in.end - calls_in.at)) n = (size_t)(calls_in.end - calls_in.at);
    if (n) (void)gan_load_memory(ctx, calls_in.at, n);
    calls_in.at += n;
}
static gan_tensor *calls_sample(void)
{
    gan_sampling how;
    memset(&how, 0, sizeof how);
    how.truncation = R(), how.langevin_steps = C(), how.langevin_rate = R(), how.rejection = C();
    how.rejection_quantile = R();
    return gan_trainer_sample_ex(calls_one.t, test_int(-1, 4), test_int(0, 4) ? &how : NULL);
}

static gan_tensor *calls_trainer(int which)
{
    gan_trainer *t = calls_one.t;
    switch (which) {
    case 0: (void)gan_trainer_step(t); break;
    case 1: (void)gan_trainer_run(t, test_int(-1, 3)); break;
    case 2: return gan_trainer_sample(t, C());
    case 3: return calls_sample();
    case 4: return gan_trainer_generate(t, T(), T());
    case 5: calls_sabotage(); break;
    case 6: calls_load(); break;
    case 7:
        gan_optimizer_set(test_int(0, 1) ? gan_trainer_g_optimizer(t) : gan_trainer_d_optimizer(t),
                          (gan_hyper)test_int(-1, GAN_HYPER_COUNT), R());
        break;
    case 8: gan_scope_open(ctx); break;
    case 9: gan_scope_close(ctx); break;
    case 10: gan_seed(ctx, (uint64_t)I()); break;
    case 11: tensors(); break;
    default: (void)gan_model_mode(test_int(0, 1) ? calls_one.g : calls_one.d, (gan_mode)I());
    }
    return NULL;
}
enum { CALLS_TRAINER = 13 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const int n = (int)COUNT(call_names);
    int i;
    calls_in.at = calls_in.end = bytes;
    if (!calls_one.ctx) {
        fuzz_world_open(&calls_one, 1 << 20);
        fuzz_world_open(&calls_two, 1 << 18);
        gan_scope_open(calls_one.ctx);
        fuzz_world_fill(&calls_one, 2);
        calls_begin(calls_one.ctx, calls_two.ctx);
        gan_scope_close(calls_one.ctx);
        fuzz_world_ready(&calls_one);
        fuzz_world_ready(&calls_two);
    }
    calls_forget();
    depth = names = 0;
    gan_scope_open(ctx);
    gan_scope_open(other);
    tensors();
    calls_in.end = bytes + size;
    for (i = 0; i < 32 && fuzz_left(&calls_in); ++i) {
        const int which = test_int(0, n + 4 * CALLS_TRAINER - 1);
        gan_tensor *t;
        if (getenv("FUZZ_TRACE")) fprintf(stderr, "%s\n", which < n ? call_names[which] : "trainer");
        depth = 0;
        t = which < n ? call(which) : calls_trainer((which - n) % CALLS_TRAINER);
        if (t && gan_numel(t) < 1000) pool[test_int(0, (int)COUNT(pool) - 1)] = t;
        fuzz_require_sane(ctx, "an error without a message");
        gan_error_clear(ctx);
        gan_error_clear(other);
        t = gan_add(gan_scalar(ctx, 1), gan_scalar(ctx, 2));
        fuzz_require(gan_error(ctx) == GAN_ERROR_MEMORY || gan_item(t) == 3, "it works no more", ctx);
        gan_error_clear(ctx);
    }
    fuzz_world_reset(&calls_one);
    fuzz_world_reset(&calls_two);
    return 0;
}
