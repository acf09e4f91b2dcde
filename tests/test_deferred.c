// Deferred results: the states waiting, skipped and stored, and every way from one to another.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

typedef enum what { RELU, ADD, READ, SCOPE, LAST, TWICE } what;
typedef struct plan {
    what then; // what the model does after its layer
    gan_tensor *layer;
    const char *state; // of the layer's result, when its call returned
} plan;

static const char *state_of(const gan_tensor *t)
{
    return t == t->ctx->deferred.waiting ? "waiting" : !t->data && t->compute ? "skipped" : "stored";
}

static int is_state(const gan_tensor *t, const char *state) { return !strcmp(state_of(t), state); }

static gan_tensor *model(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    plan *p = (plan *)gan_model_user(m);
    gan_context *ctx = gan_model_context(m);
    gan_tensor *h = gan_linear(m, "l", x, 5), *y = h;
    (void)label;
    p->layer = h;
    p->state = state_of(h);
    switch (p->then) {
    case RELU: y = gan_relu(h); break;
    case ADD: y = gan_relu(gan_add(h, h)); break;
    case READ:
        (void)gan_data(h);
        y = gan_relu(h);
        break;
    case SCOPE:
        gan_scope_open(ctx);
        gan_scope_close(ctx);
        y = gan_relu(h);
        break;
    case LAST: break;
    case TWICE: y = gan_add(gan_relu(h), gan_tanh(h)); break;
    }
    return y;
}

typedef struct run {
    plan p;
    gan_context *ctx;
    gan_model *m;
    gan_tensor *x, *y;
} run;

// A model that has been built, and called once more.
static void start(run *r, what then)
{
    memset(r, 0, sizeof *r);
    r->p.then = then;
    r->ctx = gan_create(NULL);
    r->m = gan_model_create(r->ctx, "m", model, &r->p);
    r->x = gan_rand_normal(r->ctx, 4, 3);
    (void)gan_forward(r->m, r->x, NULL);
    r->y = gan_forward(r->m, r->x, NULL);
}

static void stop(run *r)
{
    CHECK(gan_error(r->ctx) == 0, "%s", gan_error_message(r->ctx));
    CHECK(!r->ctx->deferred.open_forwards && !r->ctx->deferred.borrowers, "%d forwards, %d borrowers",
          r->ctx->deferred.open_forwards, r->ctx->deferred.borrowers);
    gan_destroy(r->ctx);
}

static void test_states(void)
{
    static const struct {
        what then;
        const char *fact, *state; // the layer's result after gan_forward
    } cases[] = {
        {RELU, "an activation follows: the layer's result is skipped", "skipped"},
        {ADD, "another operation follows: it is stored", "stored"},
        {READ, "the user reads it: it is stored", "stored"},
        {SCOPE, "a scope opens: it is stored", "stored"},
        {LAST, "gan_forward returns: it is stored", "stored"},
        {TWICE, "a second activation looks at it: it is stored", "stored"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof *cases; ++i)
        TEST (cases[i].fact) {
            run r;
            start(&r, cases[i].then);
            CHECK(!strcmp(r.p.state, "waiting"), "%s when its call returned", r.p.state);
            CHECK(is_state(r.p.layer, cases[i].state), "%s", state_of(r.p.layer));
            CHECK(is_state(r.y, "stored") && !r.ctx->deferred.waiting, "y is %s", state_of(r.y));
            stop(&r);
        }
    TEST ("outside gan_forward nothing waits") {
        gan_context *ctx = gan_create(NULL);
        const gan_tensor *y = gan_f_linear(gan_rand_normal(ctx, 4, 3), gan_rand_normal(ctx, 5, 3), NULL);
        CHECK(is_state(y, "stored") && y->compute && !ctx->deferred.waiting, "%s", state_of(y));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("what an activation used is not stored") {
        run r;
        start(&r, RELU);
        CHECK(is_state(r.p.layer, "stored"), "%s", state_of(r.p.layer));
        stop(&r);
    }
}

static void test_values(void)
{
    TEST ("one pass has the bits of two, and what was skipped is computed to the same bits") {
        run a, b;
        start(&a, RELU), start(&b, READ);
        CHECK(is_state(a.p.layer, "skipped") && is_state(b.p.layer, "stored"), "%s, %s", state_of(a.p.layer),
              state_of(b.p.layer));
        CHECK(!memcmp(gan_data(a.y), gan_data(b.y), gan_numel(a.y) * sizeof(gan_real)), "y");
        CHECK(!memcmp(gan_data(a.p.layer), gan_data(b.p.layer), gan_numel(a.p.layer) * sizeof(gan_real)),
              "the layer's result");
        CHECK(is_state(a.p.layer, "stored"), "read, and %s", state_of(a.p.layer));
        stop(&a), stop(&b);
    }
}

static void test_scopes(void)
{
    TEST ("computed in a deeper scope, the values end with it and can be computed again") {
        run r;
        gan_real first;
        start(&r, RELU);
        gan_scope_open(r.ctx);
        gan_scope_open(r.ctx);
        first = gan_data(r.p.layer)[0];
        CHECK(r.p.layer->borrowed_depth == 2 && r.ctx->deferred.borrowers == 1, "depth %d, %d borrowers",
              r.p.layer->borrowed_depth, r.ctx->deferred.borrowers);
        gan_scope_close(r.ctx);
        CHECK(is_state(r.p.layer, "skipped") && !r.p.layer->block && !r.ctx->deferred.borrowers, "%s",
              state_of(r.p.layer));
        CHECK(gan_data(r.p.layer)[0] == first && r.p.layer->borrowed_depth == 1, "depth %d",
              r.p.layer->borrowed_depth);
        gan_scope_close(r.ctx);
        CHECK(gan_data(r.p.layer)[0] == first && !r.p.layer->borrowed_depth, "in its own scope: depth %d",
              r.p.layer->borrowed_depth);
        stop(&r);
    }
    TEST ("a released tensor is forgotten: as what waits, and among the borrowers") {
        run r;
        start(&r, RELU);
        gan_scope_open(r.ctx);
        (void)gan_data(r.p.layer);
        CHECK(r.ctx->deferred.borrowers == 1, "%d borrowers", r.ctx->deferred.borrowers);
        r.ctx->deferred.waiting = r.p.layer;
        gan__deferred_forget(r.p.layer);
        CHECK(!r.ctx->deferred.borrowers && !r.ctx->deferred.waiting, "it is not forgotten");
        r.ctx->deferred.borrowers = 1;
        gan_scope_close(r.ctx);
        r.ctx->deferred.waiting = r.y;
        gan__tensor_step_release(r.ctx);
        CHECK(!r.ctx->deferred.waiting && !r.ctx->tensor.newest, "something is left");
        stop(&r);
    }
}

static void test_weights(void)
{
    TEST (
        "after weights changed what is skipped is an error that names the operation; what is stored stays") {
        run a, b;
        start(&a, RELU), start(&b, READ);
        gan__deferred_weights_changed(a.ctx), gan__deferred_weights_changed(b.ctx);
        CHECK(gan_data(b.p.layer) != NULL, "%s", gan_error_message(b.ctx));
        CHECK(gan_data(a.y) != NULL && !gan_error(a.ctx), "%s", gan_error_message(a.ctx));
        CHECK(!gan_data(a.p.layer) && gan_error(a.ctx) == GAN_ERROR_STATE &&
                  strstr(gan_error_message(a.ctx), "linear"),
              "%s", gan_error_message(a.ctx));
        gan_error_clear(a.ctx);
        stop(&a), stop(&b);
    }
    TEST ("whatever writes weights says so: an update") {
        run r;
        gan_optimizer *o;
        uint64_t before;
        start(&r, RELU);
        o = gan_optimizer_create(r.m, gan_sgd((gan_real).1, 0));
        before = r.ctx->deferred.weight_version;
        (void)gan_minimize(o, gan_mean_all(gan_square(r.y)));
        CHECK(r.ctx->deferred.weight_version > before, "an update");
        stop(&r);
    }
}

static void test_memory(void)
{
    TEST ("no memory for a skipped result: an error, and it can be read once there is some") {
        run r;
        int fixed;
        gan__core_chunk *c, *next;
        char *lo[8];
        int i = 0;
        start(&r, RELU);
        fixed = r.ctx->mem.is_fixed;
        r.ctx->mem.is_fixed = 1; // no more chunks, and no space in those that are there
        for (c = r.ctx->mem.chunks; c && i < 8; c = c->next) lo[i++] = c->lo, c->lo = c->hi;
        CHECK(!gan_data(r.p.layer) && gan_error(r.ctx) == GAN_ERROR_MEMORY, "code %d", gan_error(r.ctx));
        for (i = 0, c = r.ctx->mem.chunks; c && i < 8; c = next) next = c->next, c->lo = lo[i++];
        r.ctx->mem.is_fixed = fixed;
        gan_error_clear(r.ctx);
        CHECK(gan_data(r.p.layer) != NULL, "%s", gan_error_message(r.ctx));
        stop(&r);
    }
}

int main(void)
{
    test_states();
    test_values();
    test_scopes();
    test_weights();
    test_memory();
    return test_done();
}
