// Parallel for: the user's callback runs every task once, in any order, with the same bits; OpenMP's thread
// counts; a forked child.
#include "../gan.h"

#include "test.h"

#include "check.h"
#include "trainers.h"

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))
#define PAR_FORKS 1
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

typedef struct runner {
    int order, loops, most;
    int64_t tasks, missed, twice;
} runner;
static int seen[100000];
typedef struct spy {
    gan_task *task;
    void *arg;
} spy;

static void spy_run(spy *s, int64_t i)
{
    if (i < 100000) ++seen[i];
    s->task(s->arg, i);
}

// Orders: 0 forwards, 1 backwards, 2 odd ones first, 3 by a stride that is prime to n.
static void user_for(int64_t n, gan_task *task, void *arg, void *user)
{
    runner *r = (runner *)user;
    spy s;
    int64_t i, k;
    s.task = task;
    s.arg = arg;
    ++r->loops;
    r->tasks += n;
    if (n > r->most) r->most = (int)n;
    memset(seen, 0, sizeof seen);
    switch (r->order) {
    case 1:
        for (i = n - 1; i >= 0; --i) spy_run(&s, i);
        break;
    case 2:
        for (i = 1; i < n; i += 2) spy_run(&s, i);
        for (i = 0; i < n; i += 2) spy_run(&s, i);
        break;
    case 3:
        for (k = 7919; n % k == 0 && k > 1; --k) {}
        if (n % 7919 == 0) k = 1;
        for (i = 0; i < n; ++i) spy_run(&s, i * k % n);
        break;
    default:
        for (i = 0; i < n; ++i) spy_run(&s, i);
    }
    for (i = 0; i < n && i < 100000; ++i) r->missed += seen[i] == 0, r->twice += seen[i] > 1;
}

static gan_tensor *work(gan_context *ctx)
{
    gan_tensor *x = gan_rand_normal(ctx, 16, 8, 20, 20), *w = gan_rand_normal(ctx, 16, 8, 3, 3), *y, *in[2],
               *g[2];
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.padding_h = d.padding_w = 1;
    y = gan_normalize(gan_leaky_relu(gan_f_conv2d(x, w, NULL, &d), (gan_real).1), 16, 16, 400,
                      (gan_real)1e-5);
    y = gan_max_pool2d(y, 2, 2);
    in[0] = x, in[1] = w;
    if (gan_grads(gan_sum_all(gan_mul(y, gan_tanh(y))), 2, in, g, 0)) return NULL;
    return gan_concat(0, gan_reshape(y, -1), gan_reshape(g[0], -1), gan_reshape(g[1], -1));
}

#ifdef PAR_FORKS
// Layers of work that is shared between threads.
static gan_tensor *wide_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "out", gan_relu(gan_linear(m, "mid", gan_relu(gan_linear(m, "in", z, 300)), 300)),
                      2);
}
static gan_tensor *wide_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(
        m, "out",
        gan_leaky_relu(gan_linear(m, "mid", gan_relu(gan_linear(m, "in", x, 300)), 300), (gan_real).2), 1);
}

static uint64_t bits_of(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (; n; --n, ++p) h = (h ^ *p) * 0x100000001b3u;
    return h;
}

// One step, and the bits of all weights and of its losses.
static uint64_t step_bits(const rig *r)
{
    const gan_trainer_stats stats = gan_trainer_step(r->t);
    uint64_t h = 0xcbf29ce484222325u;
    int k, i;
    for (k = 0; k < 2; ++k) {
        gan_model *m = k ? r->d : r->g;
        for (i = 0; i < gan_model_count(m); ++i) {
            gan_tensor *t = gan_model_tensor(m, i);
            h = bits_of(h, gan_data(t), (size_t)gan_numel(t) * sizeof(gan_real));
        }
    }
    h = bits_of(h, &stats.d_loss, sizeof stats.d_loss);
    return gan_error(r->ctx) ? 0 : bits_of(h, &stats.g_loss, sizeof stats.g_loss);
}

// A test of two samples trains a classifier in a context of its own.
static uint64_t classifier_bits(gan_context *ctx)
{
    gan_tensor *a = gan_rand_normal(ctx, 600, 20), *b = gan_rand_normal(ctx, 600, 20);
    const gan_two_sample t = gan_classifier_test(a, b, 1024, 3);
    return gan_error(ctx) ? 0 : bits_of(0xcbf29ce484222325u, &t.z, sizeof t.z);
}

// A context of this process's own, on two threads where it may; its bits, 0 if they are not of one thread
// alone where `alone` says so.
static uint64_t context_bits(int alone)
{
    rig r = make(2, wide_generator, wide_critic, 16);
    const char *warning = gan_warning_message(r.ctx);
    uint64_t bits;
    r.desc.batch = 512;
    go(&r);
    gan_trainer_step(r.t);
    gan_trainer_step(r.t);
    bits = step_bits(&r);
#ifdef _OPENMP
    if (alone != (gan_threads(r.ctx) == 1) || alone != (strstr(warning, "forked") != NULL)) bits = 0;
#else
    (void)warning, (void)alone;
#endif
    gan_destroy(r.ctx);
    return bits;
}

enum { CHILD_STEP, CHILD_CLASSIFIER, CHILD_OTHER_STEP, CHILD_THREADS, CHILD_CONTEXT, CHILD_OPENMP };

// What a forked child computes; 0 if it fails, calls the user's callback, or has not come back after so many
// seconds.
static uint64_t child_bits(const rig *r, int what, unsigned seconds, const runner *user)
{
    const int loops = user ? user->loops : 0;
    uint64_t bits = 0;
    int ends[2], status = 0;
    pid_t child;
    if (pipe(ends)) return 0;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(seconds);
        if (what == CHILD_OTHER_STEP) gan_trainer_step(r->t);
        if (what == CHILD_THREADS) inside_forget_fork(r->ctx);
        if (what == CHILD_OPENMP) inside_forget_openmp();
        bits = what == CHILD_CLASSIFIER ? classifier_bits(r->ctx)
               : what == CHILD_CONTEXT  ? context_bits(1)
               : what == CHILD_OPENMP   ? context_bits(0)
                                        : step_bits(r);
        if (user && user->loops > loops) bits = 0;
        _exit(write(ends[1], &bits, sizeof bits) == (ssize_t)sizeof bits ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &bits, sizeof bits) != (ssize_t)sizeof bits) bits = 0;
    close(ends[0]);
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0)) bits = 0;
    return bits;
}

// A trainer whose threads have worked.
static rig forks(runner *user)
{
    rig r = make(2, wide_generator, wide_critic, 16);
    if (user) { // the same through gan_desc.parallel_for
        gan_desc c;
        memset(&c, 0, sizeof c);
        gan_destroy(r.ctx);
        c.threads = 2, c.seed = 11, c.parallel_for = user_for, c.parallel_user = user;
        r.ctx = gan_create(&c);
        r.g = r.desc.generator = gan_model_create(r.ctx, "g", wide_generator, NULL);
        r.d = r.desc.discriminator = gan_model_create(r.ctx, "d", wide_critic, NULL);
        r.desc.data = gan_dataset_toy(r.ctx, GAN_TOY_RING);
    }
    r.desc.batch = 512;
    go(&r);
    gan_trainer_step(r.t);
    gan_trainer_step(r.t);
    fine(&r);
    return r;
}

static void forked(void)
{
    TEST ("a forked child computes the parent's next step on one thread, with the same bits") {
        rig r = forks(NULL);
        const uint64_t child = child_bits(&r, CHILD_STEP, 120, NULL), parent = step_bits(&r);
        CHECK(child != 0, "the child failed or did not come back");
        CHECK(parent != 0 && child == parent, "%016llx in the child, %016llx in the parent",
              (unsigned long long)child, (unsigned long long)parent);
        gan_destroy(r.ctx);
    }
    TEST ("a measure that trains a classifier, too") {
        rig r = forks(NULL);
        const uint64_t child = child_bits(&r, CHILD_CLASSIFIER, 120, NULL), parent = classifier_bits(r.ctx);
        CHECK(child != 0 && child == parent, "%016llx in the child, %016llx in the parent",
              (unsigned long long)child, (unsigned long long)parent);
        gan_destroy(r.ctx);
    }
    TEST ("parallel_for is not called in a child, whose copy of its threads does not exist") {
        runner user;
        rig r;
        int loops;
        uint64_t child, parent;
        memset(&user, 0, sizeof user);
        r = forks(&user);
        loops = user.loops;
        child = child_bits(&r, CHILD_STEP, 120, &user);
        parent = step_bits(&r);
        CHECK(child != 0 && child == parent, "%016llx in the child, %016llx in the parent",
              (unsigned long long)child, (unsigned long long)parent);
        CHECK(loops > 0 && user.loops > loops, "%d loops, %d after the parent's step", loops, user.loops);
        gan_destroy(r.ctx);
    }
    TEST ("a context that the child creates computes on one thread, with the same bits, and warns") {
        rig r = forks(NULL);
        const uint64_t child = child_bits(&r, CHILD_CONTEXT, 120, NULL), parent = context_bits(0);
        CHECK(child != 0 && child == parent, "%016llx in the child, %016llx in the parent",
              (unsigned long long)child, (unsigned long long)parent);
        gan_destroy(r.ctx);
    }
    TEST_MUST_FAIL ("another step has other bits") {
        rig r = forks(NULL);
        CHECK(child_bits(&r, CHILD_OTHER_STEP, 120, NULL) == step_bits(&r), "%s", "other bits");
        gan_destroy(r.ctx);
    }
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)
    TEST_MUST_FAIL ("a child that takes itself for the parent waits for threads that it does not have") {
        rig r = forks(NULL);
        CHECK(child_bits(&r, CHILD_THREADS, 2, NULL) == step_bits(&r), "%s", "no bits");
        gan_destroy(r.ctx);
    }
    TEST_MUST_FAIL ("so does a child whose new context does not know that the parent used OpenMP") {
        rig r = forks(NULL);
        CHECK(child_bits(&r, CHILD_OPENMP, 2, NULL) == context_bits(0), "%s", "no bits");
        gan_destroy(r.ctx);
    }
#endif
}
#endif

int main(void)
{
#ifdef PAR_FORKS
    forked();
#endif
    TEST ("gan_desc.parallel_for gets every task once, and any order gives the bits of one thread") {
        gan_context *one = context_with(GAN_ISA_AUTO, 1);
        gan_tensor *want = work(one);
        int order, threads;
        CHECK(want != NULL, "%s", gan_error_message(one));
        for (order = 0; order < 4; ++order)
            for (threads = 1; threads <= 5; threads += 2) {
                runner r;
                gan_desc d;
                gan_context *ctx;
                memset(&r, 0, sizeof r);
                memset(&d, 0, sizeof d);
                r.order = order;
                d.parallel_for = user_for;
                d.parallel_user = &r;
                d.threads = threads;
                ctx = gan_create(&d);
                CHECK(same_bits(want, work(ctx)), "order %d, %d threads: other bits: %s", order, threads,
                      gan_error_message(ctx));
                CHECK(r.loops > 0 && r.most > 1, "the callback was not used: %d loops, at most %d tasks",
                      r.loops, r.most);
                CHECK(r.missed == 0 && r.twice == 0, "%d tasks missed, %d twice", (int)r.missed,
                      (int)r.twice);
                CHECK(gan_threads(ctx) == threads, "gan_threads %d, not %d", gan_threads(ctx), threads);
                gan_destroy(ctx);
            }
        gan_destroy(one);
    }
    TEST ("the thread count is what was asked for, and at least one by default") {
        gan_context *a = gan_create(NULL), *b = context_with(GAN_ISA_AUTO, 3);
        CHECK(gan_threads(a) >= 1, "%d", gan_threads(a));
#ifdef _OPENMP
        CHECK(gan_threads(b) == 3, "%d", gan_threads(b));
#else
        CHECK(gan_threads(b) >= 1, "%d", gan_threads(b));
#endif
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("1, 2, 3, 4, 7 and 16 threads give the same bits") {
        static const int counts[] = {2, 3, 4, 7, 16};
        gan_context *one = context_with(GAN_ISA_AUTO, 1);
        gan_tensor *want = work(one);
        size_t i;
        for (i = 0; i < 5; ++i) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, counts[i]);
            CHECK(same_bits(want, work(ctx)), "%d threads", counts[i]);
            gan_destroy(ctx);
        }
        gan_destroy(one);
    }
    TEST ("a second run in the same context, too") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 3);
        gan_tensor *a = work(ctx), *b;
        gan_seed(ctx, 0);
        b = work(ctx);
        CHECK(same_bits(a, b), "other bits");
        gan_destroy(ctx);
    }
    TEST ("contexts are independent: two interleaved runs give each the bits it has alone") {
        gan_context *a = context_with(GAN_ISA_AUTO, 2), *b = context_with(GAN_ISA_AUTO, 3),
                    *c = context_with(GAN_ISA_AUTO, 1);
        gan_tensor *x = gan_rand_normal(a, 50, 50), *y, *z;
        gan_seed(b, 5);
        y = gan_rand_normal(b, 50, 50);
        x = gan_matmul(x, x);
        y = gan_matmul(y, y);
        z = gan_rand_normal(c, 50, 50);
        CHECK(same_bits(x, gan_matmul(z, z)), "first");
        gan_seed(c, 5);
        z = gan_rand_normal(c, 50, 50);
        CHECK(same_bits(y, gan_matmul(z, z)), "second");
        gan_destroy(a);
        gan_destroy(b);
        gan_destroy(c);
    }
    TEST ("tensors of two contexts do not mix: an error in the first one's context, no crash") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_tensor *t = gan_add(gan_zeros(a, 3), gan_zeros(b, 3));
        CHECK(gan_error(a) != 0 || gan_error(b) != 0, "no error");
        CHECK(gan_data(t) == NULL, "poison");
        gan_destroy(a);
        gan_destroy(b);
    }
    return test_done();
}
