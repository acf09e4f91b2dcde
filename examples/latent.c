// What a trained generator's z knows: paths, directions between classes; and are samples copies of its data?
//     cc -O2 -I. examples/latent.c -lm -o latent && ./latent --data data/mnist
// G sees no labels: a classifier trained on them here judges its samples. A class's centroid is the mean z of
// the samples judged so: by Stein's identity where, on average, the class gains most. z 32 ~ N(0, I).
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
enum { LATENT = 32, Z = 3000, DATA = 20000, HELD = 1000, PAIRS = 5, MOVES = 5 };

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_batch_norm(g, "bn1", gan_relu(gan_linear(g, "fc1", z, 256)));
    (void)label;
    h = gan_batch_norm(g, "bn2", gan_relu(gan_linear(g, "fc2", h, 7 * 7 * 64)));
    h = gan_conv_transpose2d(g, "up1", gan_reshape(h, -1, 64, 7, 7), 32, 4, 2, 1);
    return gan_tanh(gan_conv_transpose2d(g, "up2", gan_batch_norm(g, "bn3", gan_relu(h)), 1, 4, 2, 1));
}
static gan_tensor *network(gan_model *m, gan_tensor *x, gan_tensor *label) // D: 1 output; the judge: 10
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(m, "conv1", x, 32, 4, 2, 1), .2f);
    (void)label;
    h = gan_flatten(gan_leaky_relu(gan_conv2d(m, "conv2", h, 64, 4, 2, 1), .2f));
    return gan_linear(m, "fc2", gan_leaky_relu(gan_linear(m, "fc1", h, 256), .2f), *(int *)gan_model_user(m));
}

static void sheet(const char *path, const char *title, int columns, const char *const *names,
                  gan_tensor *images)
{
    gan_sheet s;
    memset(&s, 0, sizeof s);
    s.images = images, s.columns = columns, s.column_names = names, s.title = title;
    gan_sheet_write(&s, path);
}

// (1) |z| half way between samples; pictures of four paths, each straight, then on the sphere
static void paths(const ex_options *o, gan_trainer *t, gan_tensor *a, gan_tensor *b)
{
    static const char *const names[2] = {"straight (lerp)", "on the sphere (slerp)"};
    gan_tensor *p[2], *n;
    int i;
    printf("\n(1) |z| half way between samples, over |z| at the ends   measured   expected\n");
    for (i = 0; i < 2; ++i) {
        p[i] = gan_reshape(gan_latent_path(a, b, 11, i), Z, 11, LATENT);
        n = gan_mean(gan_norm(p[i], GAN_AXES(2), 0), GAN_AXES(0), 0);
        n = gan_div(gan_slice(n, 0, 5, 6), gan_slice(n, 0, 0, 1));
        printf("%-56s %8.3f      %5.3f\n", names[i], (double)gan_item(n), i ? 1 : sqrt(.5));
    }
    a = gan_reshape(gan_slice(gan_stack(1, p[0], p[1]), 0, 0, 4), 88, LATENT);
    sheet(ex_path(o, "paths.png"), "Paths: straight, below it on the sphere", 11, NULL,
          gan_trainer_generate(t, a, NULL));
}

// (n, 10): 1 at the digit that the judge sees in each sample, else 0
static gan_tensor *seen(gan_trainer *t, gan_model *judge, gan_tensor *z)
{
    gan_tensor *logits = gan_forward(judge, gan_trainer_generate(t, z, NULL), NULL);
    return gan_eq(logits, gan_amax(logits, 1, GAN_KEEPDIM));
}

// (2) z of samples judged one digit, moved toward another and back to |z| = sqrt(32), as the prior has it
static void arithmetic(const ex_options *o, gan_trainer *t, gan_model *judge, gan_tensor *z,
                       gan_tensor *fresh)
{
    static const int from[PAIRS] = {1, 4, 3, 0, 7}, to[PAIRS] = {7, 9, 8, 6, 2};
    static const char *const names[MOVES] = {"sample", "s = 1", "s = 2", "s = 3", "random"};
    gan_tensor *was = gan_transpose(seen(t, judge, z), 0, 1), *now = seen(t, judge, fresh), *rows = NULL;
    gan_tensor *c = gan_div(gan_matmul(was, z), gan_add_scalar(gan_sum(was, GAN_AXES(1), 1), 1e-6f)), *of,
               *by, *y;
    int i, k;
    printf("\n(2) Samples moved by s (centroid - own centroid); how many are judged the target\n");
    printf("     samples      before   s = 1   s = 2   s = 3   random, as long as 3\n");
    for (i = 0; i < PAIRS; ++i) {
        const int p = from[i], q = to[i];
        const double n = (double)gan_item(gan_sum_all(of = gan_slice(now, 1, p, p + 1)));
        printf("%d to %d %5.0f", p, q, n);
        for (k = 0; k < MOVES; ++k) {
            by = gan_sub(gan_slice(c, 0, q, q + 1), gan_slice(c, 0, p, p + 1));
            y = gan_pixel_norm(gan_rand_normal(gan_context_of(z), Z, LATENT));
            y = gan_mul(y, gan_div(gan_norm(by, GAN_ALL, 0), gan_norm(gan_slice(y, 0, 0, 1), GAN_ALL, 0)));
            y = gan_pixel_norm(gan_add(fresh, gan_mul_scalar(k < 4 ? by : y, (gan_real)(k < 4 ? k : 3))));
            by = gan_sum_all(gan_mul(of, gan_slice(seen(t, judge, y), 1, q, q + 1))); // who became q
            printf("%*.0f %%", k == 4 ? 13 : k ? 6 : 11, 100 * (double)gan_item(by) / fmax(n, 1));
            y = gan_take(y, gan_reshape(gan_argmax(of, 0, 0), 1)); // the first of its class
            rows = rows ? gan_concat(0, rows, y) : y;
        }
        printf("\n");
    }
    printf("expected: s = 1 above before and above random; about the rest theory is silent\n");
    y = gan_trainer_generate(t, rows, NULL);
    sheet(ex_path(o, "arithmetic.png"), "1 to 7, 4 to 9, 3 to 8, 0 to 6, 7 to 2", MOVES, names, y);
}

// (3) the nearest training picture of each sample; distances beside those of data not trained on, if any
static void copies(const ex_options *o, gan_tensor *train, gan_tensor *held, gan_tensor *fake)
{
    gan_tensor *x = gan_slice(fake, 0, 0, 36), *y = gan_reshape(gan_nearest(x, train, 1, NULL), 36);
    gan_copying g, c;
    y = gan_reshape(gan_take(gan_flatten(train), y), 3, 12, 784);
    x = gan_reshape(gan_stack(1, gan_reshape(x, 3, 12, 784), y), 72, 1, 28, 28);
    sheet(ex_path(o, "nearest.png"), "Samples, below each its nearest training picture", 12, NULL, x);
    if (!held) return;
    y = gan_mul_scalar(gan_rand_normal(gan_context_of(x), HELD, 1, 28, 28), .1f);
    c = gan_memorization(train, held, gan_add(gan_slice(train, 0, 0, HELD), y));
    g = gan_memorization(train, held, fake);
    printf("\n(3) Distance to the nearest of %d training pictures\n", gan_dim(train, 0));
    printf("pictures not trained on  %6.2f\n", g.held);
    printf("samples                  %6.2f   ratio %.2f, z %.1f; near 1 or above\n", g.fake, g.ratio, g.z);
    printf("training data and noise  %6.2f   ratio %.2f, z %.1f; below 1, z below -2\n", c.fake, c.ratio,
           c.z);
}

int main(int argc, char **argv)
{
    static int outputs[2] = {1, 10};
    const ex_options o = ex_start(argc, argv, "latent", "paths and directions in z", 1500, "out/latent", "");
    gan_context *ctx = ex_context(&o);
    gan_model *judge = gan_model_create(ctx, "judge", network, &outputs[1]);
    gan_optimizer *adam = gan_optimizer_create(judge, gan_adam(1e-3f, .9f, .999f));
    gan_tensor *x, *label, *held = NULL;
    gan_dataset *test;
    gan_trainer_desc desc;
    gan_trainer *t;
    int i;
    memset(&desc, 0, sizeof desc);
    desc.generator = gan_model_create(ctx, "generator", generator, NULL);
    desc.discriminator = gan_model_create(ctx, "discriminator", network, &outputs[0]);
    desc.data = ex_digits(ctx, &o), test = ex_test_digits(ctx, &o);
    desc.latent = LATENT, desc.g_optimizer = desc.d_optimizer = gan_adam(5e-4f, .5f, .999f);
    t = gan_trainer_create(ctx, &desc);
    for (i = 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        const gan_trainer_stats s = gan_trainer_step(t);
        ex_progress_gan(&s, o.steps);
    }
    for (i = 0; i < 500 && !gan_error(ctx); ++i) {
        x = gan_dataset_batch(desc.data, 128, &label);
        gan_minimize(adam, gan_cross_entropy(gan_forward(judge, x, NULL), label));
    }
    if (gan_error(ctx)) return ex_finish(ctx);
    gan_record(ctx, 0); // no gradients from here on
    if (test) {
        held = gan_dataset_batch(test, HELD, &label);
        label = gan_eq(gan_argmax(gan_forward(judge, held, NULL), 1, 0), label);
        printf("\nThe judge is right about %.1f %% of %d digits not trained on.\n",
               100 * (double)gan_item(gan_mean(label, GAN_ALL, 0)), HELD);
    }
    paths(&o, t, gan_rand_normal(ctx, Z, LATENT), gan_rand_normal(ctx, Z, LATENT));
    x = gan_pixel_norm(gan_rand_normal(ctx, Z, LATENT));
    arithmetic(&o, t, judge, gan_rand_normal(ctx, Z, LATENT), x);
    i = (int)gan_dataset_size(desc.data);
    x = gan_trainer_generate(t, gan_rand_normal(ctx, HELD, LATENT), NULL);
    copies(&o, gan_dataset_batch(desc.data, i < DATA ? i : DATA, NULL), held, x);
    printf("paths.png, arithmetic.png and nearest.png are in %s\n", o.out);
    return ex_finish(ctx);
}
