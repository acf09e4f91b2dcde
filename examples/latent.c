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
    h = gan_conv_transpose2d(g, "up1", gan_reshape(h, 4, -1, 64, 7, 7), 32, 4, 2, 1);
    return gan_tanh(gan_conv_transpose2d(g, "up2", gan_batch_norm(g, "bn3", gan_relu(h)), 1, 4, 2, 1));
}
static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(d, "conv1", x, 32, 4, 2, 1), .2f);
    (void)label;
    h = gan_flatten(gan_leaky_relu(gan_conv2d(d, "conv2", h, 64, 4, 2, 1), .2f));
    return gan_linear(d, "fc2", gan_leaky_relu(gan_linear(d, "fc1", h, 256), .2f), 1);
}
static gan_tensor *classifier(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc2", gan_relu(gan_linear(m, "fc1", gan_flatten(x), 256)), 10);
}

static void sheet(const ex_options *o, gan_tensor *x, int columns, const char *const *names,
                  const char *title, const char *file)
{
    gan_sheet s;
    memset(&s, 0, sizeof s);
    s.images = x, s.columns = columns, s.column_names = names, s.title = title;
    gan_sheet_write(&s, ex_path(o, "%s", file));
}

// (1) |z| half way between samples; and rows of pictures, each straight, then on the sphere
static void paths(const ex_options *o, gan_trainer *t, gan_tensor *a, gan_tensor *b)
{
    gan_tensor *p[2], *n;
    int i;
    printf("\n(1) |z| half way between samples, over |z| at the ends   measured   expected\n");
    for (i = 0; i < 2; ++i) {
        n = gan_mean(gan_reshape(gan_norm(gan_latent_path(a, b, 3, i), GAN_AXIS(1), 0), 2, -1, 3),
                     GAN_AXIS(0), 0);
        p[i] = gan_latent_path(gan_slice(a, 0, 0, 4), gan_slice(b, 0, 0, 4), 10, i);
        if (gan_data(n))
            printf("%-56s %8.3f   %8.3f\n", i ? "on the sphere (slerp)" : "straight (lerp)",
                   (double)(gan_data(n)[1] / gan_data(n)[0]), i ? 1 : sqrt(.5));
    }
    p[0] = gan_stack(1, 2, gan_reshape(p[0], 3, 4, 10, LATENT), gan_reshape(p[1], 3, 4, 10, LATENT));
    sheet(o, gan_trainer_generate(t, gan_reshape(p[0], 2, 80, LATENT), NULL), 10, NULL,
          "Paths: straight, below it on the sphere", "paths.png");
}

// the digit that the judge sees in each sample
static gan_tensor *digits(gan_trainer *t, gan_model *judge, gan_tensor *z)
{
    return gan_argmax(gan_forward(judge, gan_trainer_generate(t, z, NULL), NULL), 1, 0);
}
static gan_tensor *share(gan_tensor *of, gan_tensor *among) // both (n) of 0 and 1
{
    return gan_div(gan_sum_all(gan_mul(of, among)), gan_add_scalar(gan_sum_all(among), 1e-6f));
}

// (2) z of samples judged `from`, moved towards `to` and back to their own |z|, where the prior has its mass
static void arithmetic(const ex_options *o, gan_trainer *t, gan_model *judge, gan_tensor *z,
                       gan_tensor *fresh)
{
    static const int from[PAIRS] = {1, 4, 3, 0, 7}, to[PAIRS] = {7, 9, 8, 6, 2};
    static const char *const names[MOVES] = {"sample", "s = 1", "s = 2", "s = 3", "random"};
    gan_context *ctx = gan_context_of(z);
    gan_tensor *was = digits(t, judge, z), *is = digits(t, judge, fresh), *row = NULL, *c[2], *a, *y, *by;
    int i, k;
    printf("\n(2) Samples moved by s (centroid - own centroid); how many are judged the target\n");
    printf("     samples      before   s = 1   s = 2   s = 3   random, as long as 3\n");
    for (i = 0; i < PAIRS && !gan_error(ctx); ++i) {
        for (k = 0; k < 2; ++k) {
            a = gan_eq(was, gan_scalar(ctx, (gan_real)(k ? to : from)[i]));
            c[k] = gan_matmul(gan_reshape(a, 2, 1, Z), z);
            c[k] = gan_div(c[k], gan_add_scalar(gan_sum_all(a), 1e-6f));
        }
        a = gan_eq(is, gan_scalar(ctx, (gan_real)from[i]));
        printf("%d to %d %5.0f", from[i], to[i], (double)gan_item(gan_sum_all(a)));
        for (k = 0; k < MOVES; ++k) {
            by = gan_mul_scalar(gan_sub(c[1], c[0]), (gan_real)(k < 4 ? k : 3));
            y = gan_rand_normal(ctx, 2, Z, LATENT);
            y = gan_mul(gan_div(y, gan_norm(y, GAN_AXIS(1), 1)), gan_norm(by, GAN_AXIS(1), 1));
            y = gan_add(fresh, k < 4 ? by : y);
            y = gan_mul(y, gan_div(gan_norm(fresh, GAN_AXIS(1), 1), gan_norm(y, GAN_AXIS(1), 1)));
            by = gan_eq(digits(t, judge, y), gan_scalar(ctx, (gan_real)to[i]));
            printf("%*.0f %%", k == 4 ? 13 : k ? 6 : 11, 100 * (double)gan_item(share(by, a)));
            y = gan_take(y, gan_reshape(gan_argmax(a, 0, 0), 1, 1)); // the first of its class
            row = row ? gan_concat(0, 2, row, y) : y;
        }
        printf("\n");
    }
    printf("expected: s = 1 above before and above random; about the rest theory is silent\n");
    if (row)
        sheet(o, gan_trainer_generate(t, row, NULL), MOVES, names, "1 to 7, 4 to 9, 3 to 8, 0 to 6, 7 to 2",
              "arithmetic.png");
}

// (3) the nearest training picture of each sample; distances beside those of data not trained on
static void copies(const ex_options *o, gan_tensor *train, gan_tensor *held, gan_tensor *fake)
{
    gan_context *ctx = gan_context_of(train);
    gan_tensor *noise = gan_mul_scalar(gan_rand_normal(ctx, 4, HELD, 1, 28, 28), .1f);
    gan_tensor *known = gan_add(gan_slice(train, 0, 0, HELD), noise);
    const gan_copying g = gan_memorization(train, held, fake), copy = gan_memorization(train, held, known);
    gan_tensor *x = gan_reshape(gan_slice(fake, 0, 0, 36), 3, 3, 12, 784), *y;
    printf("\n(3) Distance to the nearest of %d training pictures\n", gan_dim(train, 0));
    printf("pictures not trained on  %6.2f\n", g.held);
    printf("samples                  %6.2f   ratio %.2f, z %.1f; expected: ratio near 1 or above\n", g.fake,
           g.ratio, g.z);
    printf("training data and noise  %6.2f   ratio %.2f, z %.1f; expected: below 1, z below -2\n", copy.fake,
           copy.ratio, copy.z);
    y = gan_reshape(gan_nearest(gan_slice(fake, 0, 0, 36), train, 1, NULL), 1, 36);
    y = gan_reshape(gan_take(gan_flatten(train), y), 3, 3, 12, 784);
    sheet(o, gan_reshape(gan_stack(1, 2, x, y), 4, 72, 1, 28, 28), 12, NULL,
          "Samples, below each its nearest training picture", "nearest.png");
}

int main(int argc, char **argv)
{
    const ex_options o = ex_start(argc, argv, "latent", "paths and directions in z", 1500, "out/latent", "");
    gan_context *ctx = ex_context(&o);
    gan_model *judge = gan_model_create(ctx, "judge", classifier, NULL);
    gan_optimizer *adam = gan_optimizer_create(judge, gan_adam(1e-3f, .9f, .999f));
    ex_options other = o;
    gan_dataset_desc test;
    gan_dataset *held;
    gan_trainer_desc desc;
    gan_trainer_stats s;
    gan_trainer *t;
    gan_tensor *x, *label;
    char path[600];
    int i;

    memset(&desc, 0, sizeof desc);
    memset(&test, 0, sizeof test);
    desc.generator = gan_model_create(ctx, "generator", generator, NULL);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, NULL);
    desc.data = ex_digits(ctx, &o);
    desc.latent = LATENT, desc.g_optimizer = desc.d_optimizer = gan_adam(5e-4f, .5f, .999f);
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", o.data);
    test.path = path, other.seed += 1000, other.data = "";
    held = ex_exists(path) ? gan_dataset_open(ctx, &test) : ex_digits(ctx, &other);
    t = gan_trainer_create(ctx, &desc);
    for (i = 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        s = gan_trainer_step(t);
        ex_progress_gan(&s, o.steps);
    }
    for (i = 0; i < 500 && !gan_error(ctx); ++i) {
        x = gan_dataset_batch(desc.data, 128, &label);
        gan_minimize(adam, gan_cross_entropy(gan_forward(judge, x, NULL), label));
    }
    gan_record(ctx, 0); // no gradients from here on
    x = gan_dataset_batch(held, HELD, &label);
    label = gan_eq(gan_argmax(gan_forward(judge, x, NULL), 1, 0), label);
    printf("\nThe judge is right about %.1f %% of %d digits not trained on.\n",
           100 * (double)gan_item(gan_mean(label, GAN_ALL, 0)), HELD);
    paths(&o, t, gan_rand_normal(ctx, 2, Z, LATENT), gan_rand_normal(ctx, 2, Z, LATENT));
    arithmetic(&o, t, judge, gan_rand_normal(ctx, 2, Z, LATENT), gan_rand_normal(ctx, 2, Z, LATENT));
    i = (int)gan_dataset_size(desc.data);
    copies(&o, gan_dataset_batch(desc.data, i < DATA ? i : DATA, NULL), x,
           gan_trainer_generate(t, gan_rand_normal(ctx, 2, HELD, LATENT), NULL));
    if (!gan_error(ctx)) printf("paths.png, arithmetic.png and nearest.png are in %s\n", o.out);
    return ex_finish(ctx);
}
