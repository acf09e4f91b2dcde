// What tests of public functions read or set inside gan.h's structs, as functions, so that such a test links
// the object of the implementation (tests/inside.c) and does not compile it. A test that compiles the
// implementation itself gets these functions with it.
#ifndef INSIDE_H
#define INSIDE_H

#include "../gan.h"

// The counters and lists of a context that a measurement must leave as they were.
typedef struct inside_trace {
    size_t used;
    uint64_t seed, counter;
    int recording, depth;
    const gan_tensor *last;
} inside_trace;

// An entry of the list of what checkpoints hold.
typedef struct inside_state {
    const char *name;
    void *data;
    size_t count, bytes; // numbers; bytes of all of them
    int real;            // gan_real, else int64_t
} inside_state;

GAN_API void
inside_start_threads(gan_context *ctx); // OpenMP's threads start with the next loop that is long enough
GAN_API void inside_forget_fork(gan_context *ctx); // as if this process had created the context
GAN_API void inside_forget_openmp(void);           // as if OpenMP had not been used yet
GAN_API void inside_settle(gan_context *ctx);      // values that were put off are computed
GAN_API inside_trace inside_trace_of(const gan_context *ctx);
GAN_API int inside_state_at(const gan_context *ctx, int i, inside_state *s); // 0 after the last one
GAN_API size_t inside_recorded(const gan_context *ctx);                      // tensors of the open step
GAN_API const char *inside_layer(const gan_context *ctx);                    // the layer being built, or NULL
GAN_API gan_tensor *inside_normalize(gan_tensor *x, gan_tensor *w, gan_tensor *bias, int a, int c, int b,
                                     gan_real eps);
GAN_API int inside_trainable(gan_model *m, int i);
GAN_API gan_init_kind inside_init(const gan_model *m);
GAN_API void inside_forget_parametrizations(gan_model *m);
GAN_API int64_t inside_optimizer_step(const gan_optimizer *o);
GAN_API int inside_gradients(const gan_optimizer *o);   // parameters that hold a gradient
GAN_API uint64_t inside_passes(const gan_context *ctx); // backward passes so far
GAN_API const gan_optimizer_desc *inside_optimizer_desc(const gan_optimizer *o);
GAN_API gan_trainer_desc *inside_trainer_desc(gan_trainer *t); // with its defaults filled in
GAN_API gan_trainer_desc *inside_trainer_now(gan_trainer *t);  // with the schedules applied
GAN_API int64_t *inside_trainer_steps(gan_trainer *t);
GAN_API gan_real *inside_trainer_ada(gan_trainer *t);  // p, the sum of the signs, their number
GAN_API gan_real *inside_trainer_best(gan_trainer *t); // the least metric, its step
GAN_API gan_pool *inside_trainer_pool(gan_trainer *t);

#ifdef GAN_IMPLEMENTATION
GAN_API void inside_start_threads(gan_context *ctx)
{
    if (ctx) ctx->par.work_before_threads = 0;
}
GAN_API void inside_forget_fork(gan_context *ctx) { ctx->par.process = gan__par_process(); }
GAN_API void inside_forget_openmp(void)
{
#ifdef _OPENMP
    const int64_t none = 0;
    gan__par_openmp_starts(&none);
#endif
}
GAN_API void inside_settle(gan_context *ctx) { gan__deferred_settle(ctx); }
GAN_API inside_trace inside_trace_of(const gan_context *ctx)
{
    inside_trace t;
    t.used = ctx->mem.step_bytes;
    t.seed = ctx->rng.seed, t.counter = ctx->rng.counter;
    t.recording = ctx->tape.is_recording, t.depth = ctx->mem.depth;
    t.last = ctx->tensor.newest;
    return t;
}
GAN_API int inside_state_at(const gan_context *ctx, int i, inside_state *s)
{
    const gan__state *at = ctx->state.first;
    while (at && i-- > 0) at = at->next;
    if (!at) return 0;
    s->name = at->name;
    s->data = at->data;
    s->count = at->count;
    s->real = at->kind == GAN__STATE_REAL;
    s->bytes = at->count * (at->kind == GAN__STATE_I64 ? sizeof(int64_t) : sizeof(gan_real));
    return 1;
}
GAN_API size_t inside_recorded(const gan_context *ctx)
{
    const gan_tensor *t;
    size_t n = 0;
    for (t = ctx->tensor.newest; t; t = t->older) ++n;
    return n;
}
GAN_API const char *inside_layer(const gan_context *ctx) { return ctx->layer.name; }
GAN_API gan_tensor *inside_normalize(gan_tensor *x, gan_tensor *w, gan_tensor *bias, int a, int c, int b,
                                     gan_real eps)
{
    return gan__norm_normalize(x, w, bias, a, c, b, eps, NULL);
}
GAN_API int inside_trainable(gan_model *m, int i) { return gan__layer_param_at(m, i)->trainable; }
GAN_API gan_init_kind inside_init(const gan_model *m) { return m->init.kind; }
GAN_API void inside_forget_parametrizations(gan_model *m) { m->parametrizations = NULL; }
GAN_API int64_t inside_optimizer_step(const gan_optimizer *o) { return o->step; }
GAN_API uint64_t inside_passes(const gan_context *ctx) { return ctx->tape.epoch; }
GAN_API int inside_gradients(const gan_optimizer *o)
{
    const gan__optim_slot *s;
    int n = 0;
    for (s = o->slots; s; s = s->next) n += s->grad != NULL;
    return n;
}
GAN_API const gan_optimizer_desc *inside_optimizer_desc(const gan_optimizer *o) { return &o->desc; }
GAN_API gan_trainer_desc *inside_trainer_desc(gan_trainer *t) { return &t->desc; }
GAN_API gan_trainer_desc *inside_trainer_now(gan_trainer *t) { return &t->now; }
GAN_API int64_t *inside_trainer_steps(gan_trainer *t) { return &t->steps; }
GAN_API gan_real *inside_trainer_ada(gan_trainer *t) { return t->ada; }
GAN_API gan_real *inside_trainer_best(gan_trainer *t) { return t->best; }
GAN_API gan_pool *inside_trainer_pool(gan_trainer *t) { return t->pool; }
#endif

#endif // INSIDE_H
