// Every measure of samples on 10,000 pictures of 28 x 28 pixels, and what they take together.
//
//     build/bench_metric [--threads T] [--isa scalar|sse2|avx2|avx512|neon] [NAME ...]
//
// A line is measure, seconds, value, on how many of what. The pictures are MNIST's where data/mnist is:
// 10,000 and 10,000 of its training digits, and as fake its test digits, which differ from them by little;
// else strokes of a soft pen, those called fake a little thicker. Features are 64 numbers of a fixed random
// layer. What needs a matrix of all pairs in memory (assignment, wasserstein_exact, sinkhorn_divergence)
// takes the first 1,000. The aim: below 60 s in all on two cores. NAMEs are those of the functions.
#define GAN__TABLES
#include "bench.h"

enum { N = 10000, FEW = 1000, SIDE = 28, PIXELS = SIDE * SIDE, FEATURES = 64, CLASSES = 10, LATENT = 64 };

typedef struct scene {
    gan_context *ctx;
    gan_tensor *train, *real, *fake;                            // (N, 1, 28, 28)
    gan_tensor *train_features, *real_features, *fake_features; // (N, 64)
    gan_tensor *few_real, *few_fake;                            // features of the first 1,000
    gan_tensor *cost;                                           // (1000, 1000)
    gan_tensor *real_bins, *fake_bins;                          // histograms of pixels
    gan_tensor *probabilities, *centers, *z0, *z1;
    gan_model *g, *d;
    int mnist; // the pictures are MNIST's
} scene;

// A stroke between two points, bent by a third, of a pen that thick.
static void draw(gan_real *out, const gan_real *u, double pen)
{
    double x, y;
    int s, i, j;
    for (i = 0; i < PIXELS; ++i) out[i] = -1;
    for (s = 0; s <= 40; ++s) {
        const double t = s / 40., a = (1 - t) * (1 - t), b = 2 * t * (1 - t), c = t * t;
        x = 4 + 20 * (a * (double)u[0] + b * (double)u[1] + c * (double)u[2]);
        y = 4 + 20 * (a * (double)u[3] + b * (double)u[4] + c * (double)u[5]);
        for (i = (int)y - 2; i <= (int)y + 3; ++i)
            for (j = (int)x - 2; j <= (int)x + 3; ++j) {
                const double r = ((i - y) * (i - y) + (j - x) * (j - x)) / (pen * pen);
                const gan_real v = (gan_real)(2 * exp(-r) - 1);
                if (v > out[i * SIDE + j]) out[i * SIDE + j] = v;
            }
    }
}

static gan_tensor *strokes(gan_context *ctx, double pen)
{
    gan_tensor *u = gan_rand_uniform(ctx, N, 6), *x = gan_zeros(ctx, N, 1, SIDE, SIDE);
    int i;
    for (i = 0; i < N && gan_data(x) && gan_data(u); ++i)
        draw(gan_data(x) + (size_t)i * PIXELS, gan_data(u) + 6 * i, pen);
    return x;
}

// 1 where data/mnist has given all pictures; else nothing has happened.
static int digits(scene *s)
{
    gan_dataset *train = gan_dataset_idx(s->ctx, "data/mnist");
    gan_dataset *test = gan_dataset_idx(s->ctx, "data/mnist/t10k-images-idx3-ubyte");
    s->train = gan_dataset_batch(train, N, NULL);
    s->real = gan_dataset_batch(train, N, NULL);
    s->fake = gan_dataset_batch(test, N, NULL);
    if (!gan_error(s->ctx)) return 1;
    gan_error_clear(s->ctx);
    return 0;
}

static gan_tensor *layer_of(gan_tensor *x, gan_tensor *w)
{
    return gan_leaky_relu(gan_matmul(gan_flatten(x), w), (gan_real).1);
}

static gan_tensor *generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_tanh(gan_linear(m, "out", gan_relu(gan_linear(m, "hidden", z, 128)), PIXELS));
}

static gan_tensor *judge(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_relu(gan_linear(m, "features", x, FEATURES));
}

static void make(scene *s)
{
    gan_context *ctx = s->ctx;
    gan_tensor *w;
    gan_record(ctx, 0);
    s->mnist = digits(s);
    if (!s->mnist) {
        s->train = strokes(ctx, 1.2);
        s->real = strokes(ctx, 1.2);
        s->fake = strokes(ctx, 1.3);
    }
    w = gan_mul_scalar(gan_rand_normal(ctx, PIXELS, FEATURES), (gan_real)(1. / SIDE));
    s->train_features = layer_of(s->train, w);
    s->real_features = layer_of(s->real, w);
    s->fake_features = layer_of(s->fake, w);
    s->few_real = gan_slice(s->real_features, 0, 0, FEW);
    s->few_fake = gan_slice(s->fake_features, 0, 0, FEW);
    s->cost = gan_matmul_t(s->few_real, 0, s->few_fake, 1);
    s->real_bins = gan_histogram(gan_reshape(s->real, -1), -1, 1, 256);
    s->fake_bins = gan_histogram(gan_reshape(s->fake, -1), -1, 1, 256);
    s->probabilities = gan_softmax(gan_slice(s->fake_features, 1, 0, CLASSES), 1);
    s->centers = gan_slice(s->train_features, 0, 0, 100);
    s->z0 = gan_rand_normal(ctx, N, LATENT);
    s->z1 = gan_rand_normal(ctx, N, LATENT);
    s->g = gan_model_create(ctx, "generator", generator, NULL);
    s->d = gan_model_create(ctx, "judge", judge, NULL);
}

static double first(gan_tensor *t) { return (double)gan_item(t); }

// X(name, what it takes, call)
#define CALLS(X)                                                                                             \
    X(histogram, "7,840,000 pixels", first(gan_histogram(gan_reshape(s->real, -1), -1, 1, 256)))             \
    X(kl_divergence, "256 bins", gan_kl_divergence(s->real_bins, s->fake_bins))                              \
    X(js_divergence, "256 bins", gan_js_divergence(s->real_bins, s->fake_bins))                              \
    X(tv_distance, "256 bins", gan_tv_distance(s->real_bins, s->fake_bins))                                  \
    X(wasserstein_histogram, "256 bins",                                                                     \
      gan_wasserstein_histogram(s->real_bins, s->fake_bins, (gan_real)(2. / 256)))                           \
    X(wasserstein_1d, "7,840,000 pixels each", gan_wasserstein_1d(s->real, s->fake, 1))                      \
    X(wasserstein_sliced, "10,000 x 784, 128 directions", gan_wasserstein_sliced(s->real, s->fake, 0, 1))    \
    X(wasserstein_pyramid, "10,000 pictures, 2 levels, 128 patches, 512 directions",                         \
      first(gan_wasserstein_pyramid(s->real, s->fake, 2, 0, 0)))                                             \
    X(assignment, "1,000 x 1,000", first(gan_assignment(s->cost)))                                           \
    X(wasserstein_exact, "1,000 x 64", gan_wasserstein_exact(s->few_real, s->few_fake, 1))                   \
    X(sinkhorn_divergence, "1,000 x 64", gan_sinkhorn_divergence(s->few_real, s->few_fake, 0, 0))            \
    X(frechet_distance, "10,000 x 64", gan_frechet_distance(s->real_features, s->fake_features))             \
    X(kernel_distance, "10,000 x 64, 100 subsets of 1,000",                                                  \
      gan_kernel_distance(s->real_features, s->fake_features, 1000, 100).mean)                               \
    X(mmd_unbiased, "10,000 x 64", gan_mmd_unbiased(s->real_features, s->fake_features, 0))                  \
    X(nearest, "10,000 x 784 in 10,000", first(gan_nearest(s->fake, s->train, 1, NULL)))                     \
    X(precision_recall, "10,000 x 64",                                                                       \
      gan_precision_recall(s->real_features, s->fake_features, 0).precision)                                 \
    X(density_coverage, "10,000 x 64", gan_density_coverage(s->real_features, s->fake_features, 0).density)  \
    X(neighbor_test, "10,000 x 64", gan_neighbor_test(s->real_features, s->fake_features).accuracy)          \
    X(birthday, "10,000 x 784", gan_birthday(s->fake, 1).distance)                                           \
    X(memorization, "10,000 x 784, three sets", gan_memorization(s->train, s->real, s->fake).ratio)          \
    X(authenticity, "10,000 x 784", gan_authenticity(s->train, s->fake))                                     \
    X(bin_difference, "10,000 x 784, 100 bins", gan_bin_difference(s->real, s->fake, 0).share)               \
    X(mode_report, "10,000 x 64, 100 modes",                                                                 \
      gan_mode_report(s->fake_features, s->centers, (gan_real).5).quality)                                   \
    X(inception_score, "10,000 x 10", gan_inception_score(s->probabilities, 10).mean)                        \
    X(ms_ssim, "10,000 pairs of pictures", gan_ms_ssim(s->real, s->fake, 2))                                 \
    X(ms_ssim_diversity, "10,000 pairs of pictures", gan_ms_ssim_diversity(s->fake, N, 2))                   \
    X(perceptual_path_length, "10,000 pairs",                                                                \
      gan_perceptual_path_length(s->g, s->d, s->z0, s->z1, NULL, NULL).mean)                                 \
    X(classifier_test, "10,000 x 784", gan_classifier_test(s->real, s->fake, 0, 0).accuracy)                 \
    X(confusion, "10,000 logits", gan_confusion(s->real_features, s->fake_features).accuracy)

#define CALL(name, what, call)                                                                               \
    static double call_##name(scene *s) { return call; }
CALLS(CALL)
#undef CALL

static const struct {
    const char *name, *what;
    double (*call)(scene *s);
} rows[] = {
#define ROW(name, what, call) {#name, what, call_##name},
    CALLS(ROW)
#undef ROW
};
enum { ROWS = sizeof rows / sizeof rows[0] };
// every row of the library's table is here
#define ONE(id, name) +1
typedef char every_metric_is_timed[(int)ROWS == (0 GAN__METRICS(ONE)) ? 1 : -1];
#undef ONE

int main(int argc, char **argv)
{
#define NAME(id, name) " " #name
    static const char names[] = GAN__METRICS(NAME);
#undef NAME
    bench_options o;
    scene s;
    double sum = 0;
    int i;
    if (read_options(&o, argc, argv, 0, names + 1)) return 2;
    memset(&s, 0, sizeof s);
    s.ctx = gan_create(&o.desc);
    if (!s.ctx) return fputs("no memory, or no such instruction set here\n", stderr), 1;
    make(&s);
    printf("%s, %d threads, %s\n%-24s %8s %12s\n", gan_isa_name(s.ctx), gan_threads(s.ctx),
           s.mnist ? "MNIST" : "drawn strokes", "measure", "seconds", "value");
    for (i = 0; i < (int)ROWS; ++i) {
        double t, v;
        if (!wanted(&o, argc, argv, rows[i].name)) continue;
        gan_scope_open(s.ctx);
        t = now();
        v = rows[i].call(&s);
        t = now() - t;
        gan_scope_close(s.ctx);
        sum += t;
        printf("%-24s %8.3f %12.6g   %s\n", rows[i].name, t, v, rows[i].what);
        fflush(stdout);
    }
    printf("%-24s %8.3f   %ld MiB\n", "together", sum, resident());
    if (gan_error(s.ctx)) fprintf(stderr, "%s\n", gan_error_message(s.ctx));
    i = gan_error(s.ctx) != 0;
    gan_destroy(s.ctx);
    return i;
}
