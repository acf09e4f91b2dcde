// Fuzz target: the reader of checkpoints. An input is one byte of ways and a file.
//
//     bits 0-1  the world it is loaded into: 0, 3 empty, 1 one small model, 2 a trainer
//     bit 2     the bytes are no multiple of 4 away from where values can be pointed to
//     bit 3     what follows is the JSON, one byte 00, values: N is put before it, the values are cut or
//               continued with zeros to where the greatest data_offsets end
//     bit 4     it is loaded a second time
//     bit 5     no use is made of what was loaded
//     bit 6     in worlds 1 and 2: the file is for the model alone; bit 7: in part
//
// Required: an error changes nothing; scratch memory comes back; what was loaded can be used.
#include "fuzz.h"

enum { CKPT_MOST = 1 << 16 };

static void ckpt_use(fuzz_world *w, int kind)
{
    gan_context *c = w->ctx;
    gan_scope_open(c);
    switch (kind) {
    case 1:
        (void)gan_minimize(w->o, gan_mean_all(gan_square(gan_forward(w->g, gan_full(c, 1, 3), NULL))));
        break;
    case 2:
        (void)gan_trainer_step(w->t);
        (void)gan_item(gan_sum_all(gan_trainer_sample(w->t, 2)));
        break;
    default: // models that are made after their file was loaded
        if (gan__state_has_pending(c, "optimizer.", "s.", NULL)) fuzz_world_fill(w, 1);
        else if (gan__state_has_pending(c, "trainer", "", NULL)) fuzz_world_fill(w, 2);
        else {
            w->g = gan_model_create(c, "s", fuzz_small, NULL);
            (void)gan_item(gan_sum_all(gan_forward(w->g, gan_full(c, 1, 3), NULL)));
        }
    }
    gan_scope_close(c);
    fuzz_require_sane(c, "an error without a message after using what was loaded");
}

// The greatest END among the texts "data_offsets":[BEGIN,END].
static size_t ckpt_values(const uint8_t *json, size_t n)
{
    static const char key[] = "\"data_offsets\":[";
    size_t i, most = 0;
    for (i = 0; i + sizeof key < n; ++i) {
        size_t k, v = 0;
        if (json[i] != '"' || json[i + 1] != 'd' || memcmp(json + i, key, sizeof key - 1)) continue;
        for (k = i + sizeof key - 1; k < n && json[k] != ','; ++k) {}
        for (++k; k < n && json[k] >= '0' && json[k] <= '9' && v < CKPT_MOST; ++k) v = 10 * v + json[k] - '0';
        if (v > most) most = v;
    }
    return most;
}

static int ckpt_load(fuzz_world *w, unsigned ways, const uint8_t *file, size_t size)
{
    if (!(ways & 64) || !w->g) return gan_load_memory(w->ctx, file, size);
    return gan_model_load_memory(w->g, file, size, ways & 128 ? GAN_LOAD_PARTIAL : 0);
}

static size_t ckpt_build(const uint8_t *bytes, size_t size, uint8_t *to)
{
    const uint8_t *zero = (const uint8_t *)memchr(bytes, 0, size);
    const size_t n = zero ? (size_t)(zero - bytes) : size;
    size_t rest = zero ? size - n - 1 : 0, want = ckpt_values(bytes, n), i;
    if (want > CKPT_MOST - 8 - n) want = CKPT_MOST - 8 - n;
    if (rest > want) rest = want;
    for (i = 0; i < 8; ++i) to[i] = (uint8_t)((uint64_t)n >> 8 * i);
    memcpy(to + 8, bytes, n);
    if (rest) memcpy(to + 8 + n, zero + 1, rest);
    memset(to + 8 + n + rest, 0, want - rest);
    return 8 + n + want;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static fuzz_world worlds[3];
    static unsigned turn;
    static uint8_t built[CKPT_MOST];
    const unsigned ways = size ? bytes[0] : 0;
    const int kind = (int)(ways & 3) % 3;
    fuzz_world was, *const w = worlds + kind;
    uint8_t *copy, *file;
    size_t used;
    int code;
    if (size < 1 || size > CKPT_MOST / 2) return 0;
    if (!w->ctx) {
        fuzz_world_open(w, kind == 2 ? 1 << 19 : 1 << 18);
        gan_scope_open(w->ctx);
        fuzz_world_fill(w, kind);
        gan_scope_close(w->ctx);
        fuzz_world_ready(w);
    }
    ++bytes, --size;
    if (ways & 8) {
        size = ckpt_build(bytes, size, built);
        bytes = built;
    }
    copy = (uint8_t *)malloc(size + 4); // a block of its own, so that a byte too far is seen
    if (!copy) return 0;
    file = copy + (ways & 4 ? 3 : 4); // ends where the block does, or a byte before it
    memcpy(file, bytes, size);
    was = *w;
    used = w->ctx->mem.step_bytes;
    code = ckpt_load(w, ways, file, size);
    fuzz_require(code == gan_error(w->ctx), "another code than gan_error's", w->ctx);
    fuzz_require_sane(w->ctx, "an error without a message");
    fuzz_require(w->ctx->mem.step_bytes == used, "scratch memory did not come back", w->ctx);
    if (code) {
        if (++turn % 16 == 0)
            fuzz_require(fuzz_world_same(w), "a refused file has changed something", w->ctx);
        fuzz_world_forgive(w);
    } else {
        if (ways & 16) (void)ckpt_load(w, ways, file, size);
        fuzz_require(gan_error(w->ctx) == 0, "what was loaded is not loaded again", w->ctx);
        if (!(ways & 32)) ckpt_use(w, kind);
        *w = was;
        fuzz_world_reset(w);
    }
    free(copy);
    return 0;
}
