// What a context and a tensor are made of: their sizes, each field after gan_create.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

enum { UNIT = 64 }; // GAN__ALIGN, which ends with the header

static int is_zero(const void *p, size_t bytes)
{
    const unsigned char *b = (const unsigned char *)p;
    size_t i;
    for (i = 0; i < bytes; ++i)
        if (b[i]) return 0;
    return 1;
}

static void on_error(gan_error_code code, const char *message, void *user)
{
    (void)code, (void)message;
    ++*(int *)user;
}
static void on_warning(const char *message, void *user)
{
    (void)message;
    ++*(int *)user;
}
static void one_by_one(int64_t n, gan_task *task, void *arg, void *user)
{
    int64_t i;
    (void)user;
    for (i = 0; i < n; ++i) task(arg, i);
}

// Nothing has happened yet in what belongs to these sections.
static void check_untouched(const gan_context *ctx)
{
    CHECK(!ctx->err.code && !ctx->err.message[0] && !ctx->err.failed_calls, "an error: %s", ctx->err.message);
    CHECK(!ctx->err.warning[0] && !ctx->err.warning_count && is_zero(ctx->err.warned, sizeof ctx->err.warned),
          "a warning: %s", ctx->err.warning);
    CHECK(is_zero(&ctx->tensor, sizeof ctx->tensor), "there are tensors");
    CHECK(is_zero(&ctx->deferred, sizeof ctx->deferred), "there are deferred results");
    CHECK(is_zero(&ctx->layer, sizeof ctx->layer), "there are models");
    CHECK(is_zero(&ctx->data, sizeof ctx->data), "there are datasets");
    CHECK(is_zero(&ctx->file, sizeof ctx->file), "there are files");
    CHECK(ctx->tape.is_recording == 1 && !ctx->tape.epoch && !ctx->tape.temporary_of &&
              !ctx->tape.newest_before,
          "the tape: recording %d, epoch %d", ctx->tape.is_recording, (int)ctx->tape.epoch);
    CHECK(!ctx->mem.depth && !ctx->mem.refused_scopes && !ctx->mem.free_blocks && !ctx->mem.step_bytes,
          "step memory: depth %d, %lu bytes", ctx->mem.depth, (unsigned long)ctx->mem.step_bytes);
}

static void test_sizes(void)
{
    TEST ("a context takes less than 16 KB, a tensor less than 512 bytes") {
        CHECK(sizeof(gan_context) < 16384, "%lu", (unsigned long)sizeof(gan_context));
        CHECK(sizeof(gan_tensor) < 512, "%lu", (unsigned long)sizeof(gan_tensor));
    }
    TEST ("the headers before memory fit into one unit of alignment each, and a power of two is that unit") {
        CHECK(sizeof(gan__core_block) <= UNIT, "%lu", (unsigned long)sizeof(gan__core_block));
        CHECK(sizeof(gan__core_chunk) <= UNIT, "%lu", (unsigned long)sizeof(gan__core_chunk));
        CHECK((UNIT & (UNIT - 1)) == 0, "%d", UNIT);
    }
    TEST ("the random numbers' place is three words, as checkpoints hold it") {
        CHECK(sizeof(gan__core_rng) == 3 * sizeof(int64_t), "%lu", (unsigned long)sizeof(gan__core_rng));
    }
    TEST ("a tensor holds every dimension that is possible") {
        const gan_tensor *t = NULL;
        CHECK(sizeof t->dim == GAN_MAX_DIMS * sizeof(int), "%lu", (unsigned long)sizeof t->dim);
    }
}

static void test_defaults(void)
{
    TEST ("gan_create(NULL): the defaults, and nothing has happened") {
        gan_context *ctx = gan_create(NULL);
        CHECK(ctx && ctx->kernels && ctx->kernels->name, "no kernels");
        check_untouched(ctx);
        CHECK(ctx->par.threads >= 1 && ctx->par.work_before_threads > 0 && !ctx->par.parallel_for &&
                  !ctx->par.user,
              "%d threads", ctx->par.threads);
        CHECK(!ctx->rng.seed && !ctx->rng.stream && !ctx->rng.counter, "random numbers were drawn");
        CHECK(!ctx->mem.is_fixed && ctx->mem.allocator.alloc && ctx->mem.allocator.release, "no allocator");
        CHECK(ctx->mem.chunks && ctx->mem.step_chunk == ctx->mem.chunks && !ctx->mem.chunks->next &&
                  ctx->mem.heap_calls == 1,
              "%d heap calls", (int)ctx->mem.heap_calls);
        CHECK(ctx->mem.persistent_bytes >= sizeof *ctx && ctx->mem.persistent_bytes == ctx->mem.peak_bytes &&
                  ctx->mem.reserved_bytes >= ctx->mem.peak_bytes,
              "%lu persistent, %lu at the peak, %lu reserved", (unsigned long)ctx->mem.persistent_bytes,
              (unsigned long)ctx->mem.peak_bytes, (unsigned long)ctx->mem.reserved_bytes);
        CHECK(!ctx->err.on_error && !ctx->err.on_warning && !ctx->err.user, "somebody is told of errors");
        gan_destroy(ctx);
    }
    TEST ("the poison tensor is alive, a scalar without values, and belongs to its context") {
        gan_context *ctx = gan_create(NULL);
        const gan_tensor *p = ctx->poison;
        CHECK(p && p->ctx == ctx && p->alive && !p->data && !p->size && !p->ndim && !p->nin, "the poison");
        CHECK(!p->compute && !p->depth && !p->borrowed_depth && !p->grad && !p->needs_grad,
              "its other fields");
        gan_destroy(ctx);
    }
    TEST ("checkpoints hold the random numbers' place and nothing else") {
        gan_context *ctx = gan_create(NULL);
        CHECK(ctx->state.first && ctx->state.first == ctx->state.last && !ctx->state.first->next &&
                  ctx->state.first->data == (void *)&ctx->rng,
              "the first state");
        CHECK(!ctx->state.unclaimed && !ctx->state.kept && !ctx->state.configuration &&
                  !ctx->state.loaded_configuration,
              "something was loaded or kept");
        gan_destroy(ctx);
    }
}

static void test_description(void)
{
    TEST ("every field of gan_desc goes to the struct of its owner") {
        static uint64_t block[1 << 15];
        int told = 0, parallel = 0;
        gan_context *ctx;
        gan_desc d;
        memset(&d, 0, sizeof d);
        d.seed = 7;
        d.threads = 3;
        d.parallel_for = one_by_one, d.parallel_user = &parallel;
        d.on_error = on_error, d.on_warning = on_warning, d.message_user = &told;
        d.memory = block, d.memory_size = sizeof block;
        ctx = gan_create(&d);
        CHECK(ctx != NULL, "no context");
        if (!ctx) continue;
        check_untouched(ctx);
        CHECK(ctx->rng.seed == 7, "the seed");
        CHECK(ctx->par.threads == 3 && ctx->par.parallel_for == one_by_one && ctx->par.user == &parallel,
              "%d threads", ctx->par.threads);
        CHECK(ctx->err.on_error == on_error && ctx->err.on_warning == on_warning && ctx->err.user == &told,
              "who is told");
        CHECK(ctx->mem.is_fixed && ctx->mem.reserved_bytes == sizeof block && !ctx->mem.heap_calls,
              "the fixed block");
        gan_destroy(ctx);
    }
}

static void test_tensors(void)
{
    TEST ("a new tensor: its values in a block of its own, no record, nothing deferred") {
        gan_context *ctx = gan_create(NULL);
        const gan_tensor *t = gan_zeros(ctx, 2, 3);
        CHECK(t->ctx == ctx && t->alive && t->size == 6 && t->ndim == 2 && t->block && t->block->refs == 1,
              "the tensor");
        CHECK(!t->nin && !t->in && !t->grad && !t->needs_grad && !t->in_graph && !t->temporary_of &&
                  !t->holds,
              "its record");
        CHECK(!t->compute && !t->depth && !t->borrowed_depth && !t->weight_version, "it is deferred");
        CHECK(ctx->tensor.newest == t, "it is not the end of the tape");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a context with a tensor is not untouched") {
        gan_context *ctx = gan_create(NULL);
        gan_zeros(ctx, 2);
        check_untouched(ctx);
        gan_destroy(ctx);
    }
}

int main(void)
{
    test_sizes();
    test_defaults();
    test_description();
    test_tensors();
    return test_done();
}
