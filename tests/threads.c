// A trainer on threads by gan_desc.parallel_for, and two contexts at once in threads of their own: for
// ThreadSanitizer (tools/check_sanitizers). The numbers must be those of one thread. With --race the tasks
// share a counter, which the tool must see.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 3 };
static int race, counter, shared; // counter: tasks of a race; shared: loops that were shared out

typedef struct share {
    gan_task *task;
    void *arg;
    int64_t first, n;
} share;

static void *run_share(void *p)
{
    const share *s = (const share *)p;
    int64_t i;
    for (i = s->first; i < s->n; i += THREADS) {
        s->task(s->arg, i);
        if (race) ++counter;
    }
    return NULL;
}

static void parallel(int64_t n, gan_task *task, void *arg, void *user)
{
    pthread_t thread[THREADS];
    share s[THREADS];
    int i, made[THREADS];
    (void)user;
    shared += n > 1;
    for (i = 0; i < THREADS; ++i) {
        s[i].task = task, s[i].arg = arg, s[i].first = i, s[i].n = n;
        made[i] = i && !pthread_create(&thread[i], NULL, run_share, &s[i]);
    }
    for (i = 0; i < THREADS; ++i)
        if (!made[i]) (void)run_share(&s[i]);
    for (i = 0; i < THREADS; ++i)
        if (made[i]) pthread_join(thread[i], NULL);
}

static gan_tensor *generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_reshape(gan_linear(m, "in", z, 8 * 16), -1, 8, 4, 4);
    (void)label;
    h = gan_relu(gan_batch_norm(m, "bn", gan_conv2d(m, "conv", h, 8, 3, 1, 1)));
    return gan_linear(m, "out", gan_flatten(h), 2);
}
static gan_tensor *critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "out", gan_leaky_relu(gan_linear(m, "in", x, 64), (gan_real).2), 1);
}

typedef struct job {
    int threads;
    double sum;
    int error;
} job;

static void *train(void *p)
{
    job *j = (job *)p;
    gan_trainer_desc d;
    gan_desc c;
    gan_context *ctx;
    gan_trainer *t;
    memset(&c, 0, sizeof c);
    memset(&d, 0, sizeof d);
    c.threads = j->threads;
    if (j->threads > 1) c.parallel_for = parallel;
    ctx = gan_create(&c);
    if (!ctx) return NULL;
    ctx->par.work_before_threads = 0;
    d.generator = gan_model_create(ctx, "g", generator, NULL);
    d.discriminator = gan_model_create(ctx, "d", critic, NULL);
    d.data = gan_dataset_toy(ctx, GAN_TOY_RING);
    d.batch = 32, d.latent = 8, d.ema = (gan_real).9;
    d.penalty[0].kind = GAN_PENALTY_R1;
    t = gan_trainer_create(ctx, &d);
    (void)gan_trainer_run(t, 3);
    j->sum = (double)gan_item(gan_sum_all(gan_square(gan_trainer_sample(t, 16))));
    j->error = gan_error(ctx);
    gan_destroy(ctx);
    return NULL;
}

int main(int count, char **argument)
{
    job one, many, side;
    pthread_t thread;
    int good;
    memset(&one, 0, sizeof one);
    one.error = -1;
    many = side = one;
    one.threads = side.threads = 1, many.threads = THREADS;
    race = count > 1 && !strcmp(argument[1], "--race");
    (void)train(&one);
    good = !pthread_create(&thread, NULL, train, &side);
    (void)train(&many);
    if (good) pthread_join(thread, NULL);
    good = good && !one.error && !many.error && !side.error && one.sum == many.sum && one.sum == side.sum &&
           shared;
    printf("one thread %.9g, %d threads %.9g, at the same time %.9g; %d loops, %d: %s\n", one.sum, THREADS,
           many.sum, side.sum, shared, counter, good ? "the same" : "FAILED");
    return !good;
}
