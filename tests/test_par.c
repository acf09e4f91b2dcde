// Parallel for: the user's callback runs every task once, in any order, with the same bits; OpenMP's thread
// counts.
#include "../gan.h"

#include "test.h"

#include "check.h"

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

int main(void)
{
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
