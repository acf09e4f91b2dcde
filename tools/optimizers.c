// What compare_optimizers.py retraces in PyTorch: a line for each optimizer (its name, 37 weights after 20
// steps on sum(a w^2 / 2 + b_t w)) and for each schedule (its name, 60 values). Built with -DGAN_DOUBLE.
#include <stdio.h>
#define GAN_IMPLEMENTATION
#include "gan.h"

enum { N = 37, STEPS = 20, VALUES = 60 };

static gan_tensor *weights(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), N));
}

static void optimizer(const char *name, gan_optimizer_desc d)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *m = gan_model_create(ctx, "m", weights, NULL);
    gan_optimizer *o = gan_optimizer_create(m, d);
    gan_tensor *w;
    int k, t;
    gan_scope_open(ctx);
    gan_forward(m, gan_zeros(ctx, N), NULL);
    gan_scope_close(ctx);
    w = gan_model_find(m, "w");
    for (k = 0; k < N; ++k) gan_data(w)[k] = (gan_real)(2 * cos(.3 * k));
    for (t = 1; t <= STEPS; ++t) {
        gan_tensor *a = gan_zeros(ctx, N), *b = gan_zeros(ctx, N);
        for (k = 0; k < N; ++k) {
            gan_data(a)[k] = (gan_real)((.1 + .02 * k) / 2);
            gan_data(b)[k] = (gan_real)(sin(1.7 * k + .9 * t) * (1 + .1 * k));
        }
        gan_minimize(o, gan_sum_all(gan_add(gan_mul(a, gan_square(w)), gan_mul(b, w))));
    }
    printf("%s", name);
    for (k = 0; k < N; ++k) printf(" %.17g", (double)gan_data(w)[k]);
    printf("\n");
    if (gan_error(ctx)) fprintf(stderr, "%s: %s\n", name, gan_error_message(ctx));
    gan_destroy(ctx);
}

static void schedule(const char *name, gan_schedule s)
{
    int t;
    printf("%s", name);
    for (t = 0; t < VALUES; ++t) printf(" %.17g", (double)gan_schedule_at(&s, 2, t));
    printf("\n");
}

static gan_optimizer_desc with(gan_optimizer_desc d, double momentum, double decay)
{
    d.momentum = (gan_real)momentum, d.weight_decay = (gan_real)decay;
    return d;
}

int main(void)
{
    gan_optimizer_desc d;
    gan_schedule s;
    gan_plateau p;
    int t;
    optimizer("sgd", gan_sgd(.05, 0));
    optimizer("momentum", with(gan_sgd(.05, 0), .9, .1));
    d = with(gan_sgd(.05, 0), .8, .1), d.nesterov = 1;
    optimizer("nesterov", d);
    d = with(gan_sgd(.05, 0), .8, 0), d.dampening = .4;
    optimizer("dampening", d);
    optimizer("rmsprop", with(gan_rmsprop(.01), .7, .1));
    optimizer("adam", with(gan_adam(.02, .5, .9), 0, .1));
    optimizer("adamw", gan_adamw(.02, .5, .9, .1));
    optimizer("amsgrad", with(gan_amsgrad(.02, .5, .6), 0, .1));
    d = with(gan_adagrad(.1), 0, .1), d.lr_decay = .1, d.initial = .5;
    optimizer("adagrad", d);
    optimizer("adadelta", with(gan_adadelta(.5), 0, .1));
    optimizer("adamax", with(gan_adamax(.02, .5, .9), 0, .1));
    optimizer("nadam", with(gan_nadam(.02, .9, .999), 0, .1));
    optimizer("radam", with(gan_radam(.02, .9, .999), 0, .1));
    d = gan_adam(.02, .5, .9), d.clip_norm = 2;
    optimizer("clip_norm", d);
    d = gan_adam(.02, .5, .9), d.clip_value = .7;
    optimizer("clip_value", d);

    schedule("linear", gan_schedule_linear(0, 40, .5));
    schedule("step", gan_schedule_step(9, .75));
    schedule("exponential", gan_schedule_exponential(.9));
    schedule("cosine", gan_schedule_cosine(0, 59, .125));
    s = gan_schedule_cosine(0, 0, .125), s.every = 13;
    schedule("restarts", s);
    s = gan_schedule_warm_up(30), s.factor = .25;
    schedule("warm_up", s);
    s = gan_schedule_plateau(.2, 5);
    memset(&p, 0, sizeof p);
    printf("plateau");
    for (t = 0; t < VALUES; ++t)
        printf(" %.17g", (double)gan_schedule_at(
                             &s, 2, gan_plateau_step(&p, &s, (gan_real)(exp(-.05 * t) + .3 * sin(2.7 * t)))));
    printf("\n");
    return 0;
}
