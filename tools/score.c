// How good are generated digits? A small classifier, trained on MNIST with gan.h itself, judges files of
// images.
//
//     build/score [--data data/mnist] [--threads T] [--classifier FILE] [FILE ...]
//
// A FILE holds 28 x 28 images as IDX u8, like MNIST: `build/thesis --samples 10000 FILE` writes one, and so
// does tools/peer_thesis.py. For each the program prints
//
//     sure        mean over the images of the largest class probability
//     classes     e^H of the mean class distribution: 10 when all digits come up alike, 1 when only one does
//     least       share of the rarest digit
//     score       exp(mean KL(p(y|x) || p(y))): the inception score (Salimans 2016) with this classifier
//     distance    Frechet distance (Heusel 2017) between the classifier's 64 features of these images and of
//                 MNIST's 10,000 test images: |m - n|^2 + tr(C + D - 2 (C D)^(1/2))
//
// and the same for real training images and for noise, so that the figures have a floor and a ceiling. Only
// files with the same number of images compare: the distance falls as the number grows.
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, FEATURES = 64, BATCH = 250, EPOCHS = 3 };

typedef struct images {
    int n;
    unsigned char *pixel;
} images;

static int usage(void)
{
    fputs("score [--data data/mnist] [--threads T] [--classifier FILE] [FILE ...]\n", stderr);
    return 2;
}

static int big_endian(const unsigned char *p)
{
    return (int)((unsigned)p[0] << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3]);
}

// The bytes of an IDX u8 file whose samples have `each` bytes; n 0 when it is not that.
static images read_idx(const char *path, int each)
{
    images x = {0, NULL};
    unsigned char head[16];
    const size_t words = each > 1 ? 4 : 2;
    FILE *f = fopen(path, "rb");
    int n;
    if (!f) {
        fprintf(stderr, "%s cannot be opened\n", path);
        return x;
    }
    if (fread(head, 4, words, f) == words && head[2] == 8 && head[3] == (each > 1 ? 3 : 1) &&
        (each == 1 || big_endian(head + 8) * big_endian(head + 12) == each) &&
        (n = big_endian(head + 4)) > 0) {
        x.pixel = (unsigned char *)malloc((size_t)n * (size_t)each);
        if (x.pixel && fread(x.pixel, (size_t)each, (size_t)n, f) == (size_t)n) x.n = n;
    }
    if (!x.n)
        fprintf(stderr, "%s is not an IDX file of unsigned bytes, %d a sample, or it is short\n", path, each);
    fclose(f);
    return x;
}

// 64 features: conv 16 and conv 32, both 5 x 5 with stride 2, then a linear layer.
static gan_tensor *features(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(m, "conv1", x, 16, 5, 2, 2), .1f);
    (void)label;
    h = gan_leaky_relu(gan_conv2d(m, "conv2", h, 32, 5, 2, 2), .1f);
    return gan_leaky_relu(gan_linear(m, "fc1", gan_flatten(h), FEATURES), .1f);
}

static gan_tensor *logits(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    return gan_linear(m, "fc2", features(m, x, label), CLASSES);
}

// Images begin .. begin + n - 1 as a tensor (n, 1, 28, 28) of values -1 .. 1.
static gan_tensor *batch(gan_context *ctx, const images *x, int begin, int n)
{
    gan_tensor *t = gan_zeros(ctx, 4, n, 1, SIDE, SIDE);
    gan_real *p = gan_data(t);
    const unsigned char *pixel = x->pixel + (size_t)begin * PIXELS;
    size_t i;
    if (p)
        for (i = 0; i < (size_t)n * PIXELS; ++i) p[i] = (gan_real)pixel[i] / (gan_real)127.5 - 1;
    return t;
}

static void train(gan_context *ctx, gan_model *m, const char *data)
{
    gan_optimizer *o = gan_optimizer_create(m, gan_adam(1e-3f, .9f, .999f));
    gan_dataset *d = gan_dataset_idx(ctx, data);
    const int64_t steps = gan_dataset_size(d) * EPOCHS / BATCH;
    int64_t i;
    for (i = 0; i < steps && !gan_error(ctx); ++i) {
        gan_tensor *label, *x = gan_dataset_batch(d, BATCH, &label), *p;
        gan_optimizer_lr(o, (gan_real)(2e-3 * (1 - (double)i / (double)steps)));
        p = gan_gather(gan_log_softmax(gan_forward(m, x, NULL), 1), gan_reshape(label, 2, BATCH, 1));
        gan_minimize(o, gan_neg(gan_mean_all(p)));
    }
}

// What is known of a set of images: class probabilities (n, 10) and features (n, 64), kept until the end.
typedef struct facts {
    int n;
    gan_tensor *probability, *feature;
    unsigned char *guess;
} facts;

static void judge(gan_context *ctx, gan_model *m, const images *x, facts *f)
{
    int begin, n, i, k;
    f->n = x->n;
    f->probability = gan_zeros(ctx, 2, x->n, CLASSES);
    f->feature = gan_zeros(ctx, 2, x->n, FEATURES);
    f->guess = (unsigned char *)calloc((size_t)x->n + 1, 1);
    if (!gan_data(f->probability) || !gan_data(f->feature) || !f->guess) return;
    for (begin = 0; begin < x->n; begin += n) {
        gan_tensor *h, *p;
        gan_real *prob = gan_data(f->probability) + (size_t)begin * CLASSES;
        n = x->n - begin < BATCH ? x->n - begin : BATCH;
        gan_scope_open(ctx);
        h = features(m, batch(ctx, x, begin, n), NULL);
        p = gan_softmax(gan_linear(m, "fc2", h, CLASSES), 1);
        gan_read(h, gan_data(f->feature) + (size_t)begin * FEATURES, (size_t)n * FEATURES);
        gan_read(p, prob, (size_t)n * CLASSES);
        gan_scope_close(ctx);
        for (i = 0; i < n; ++i, prob += CLASSES) {
            int best = 0;
            for (k = 0; k < CLASSES; ++k)
                if (prob[k] > prob[best]) best = k;
            f->guess[begin + i] = (unsigned char)best;
        }
    }
}

static void print(const char *name, const facts *x, const facts *test)
{
    const gan_real *prob = gan_data(x->probability);
    double share[CLASSES] = {0}, sure = 0, entropy = 0, least = 1;
    int i, k;
    for (i = 0; i < x->n && prob; ++i, prob += CLASSES) {
        sure += (double)prob[x->guess[i]] / x->n;
        for (k = 0; k < CLASSES; ++k) share[k] += (double)prob[k] / x->n;
    }
    for (k = 0; k < CLASSES; ++k) {
        if (share[k] > 0) entropy -= share[k] * log(share[k]);
        if (share[k] < least) least = share[k];
    }
    printf("%-32s %7d %7.3f %8.2f %6.1f%% %7.2f %9.2f\n", name, x->n, sure, exp(entropy), 100 * least,
           gan_inception_score(x->probability, 0).mean, gan_frechet_distance(x->feature, test->feature));
    fflush(stdout);
}

static images slice(const images *x, int n)
{
    images y = *x;
    if (y.n > n) y.n = n;
    return y;
}

int main(int argc, char **argv)
{
    const char *data = "data/mnist", *classifier = NULL;
    char path[1024];
    static facts test, other;
    gan_desc desc;
    gan_context *ctx;
    gan_model *m;
    images x, label, real, noise;
    int i, right = 0, first, code = 0, n = 10000;
    size_t k;

    memset(&desc, 0, sizeof desc);
    for (i = 1; i < argc && argv[i][0] == '-'; i += 2) {
        if (i + 1 == argc) return usage();
        if (!strcmp(argv[i], "--data")) data = argv[i + 1];
        else if (!strcmp(argv[i], "--threads")) desc.threads = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--classifier")) classifier = argv[i + 1];
        else return usage();
    }
    first = i;
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", data);
    x = read_idx(path, PIXELS);
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte", data);
    label = read_idx(path, 1);
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", data);
    real = read_idx(path, PIXELS);
    if (!x.n || label.n != x.n || !real.n) {
        fprintf(stderr, "MNIST is needed in %s; tools/fetch_mnist.sh brings it\n", data);
        return 1;
    }
    ctx = gan_create(&desc);
    m = gan_model_create(ctx, "classifier", logits, NULL);
    if (!classifier || gan_load(ctx, classifier) != GAN_OK) {
        gan_error_clear(ctx);
        train(ctx, m, data);
        if (classifier) gan_save(ctx, classifier);
    }
    gan_model_mode(m, GAN_EVAL);
    gan_record(ctx, 0);
    judge(ctx, m, &x, &test);
    for (i = 0; i < x.n && test.guess; ++i) right += test.guess[i] == label.pixel[i];
    printf("classifier: %.2f %% of the test digits right, after %d epochs\n", 100. * right / x.n, EPOCHS);
    printf("%-32s %7s %7s %8s %7s %7s %9s\n", "images", "number", "sure", "classes", "least", "score",
           "distance");
    for (i = first; i < argc; ++i) {
        const images y = read_idx(argv[i], PIXELS);
        if (!y.n) {
            code = 1;
            continue;
        }
        n = y.n;
        judge(ctx, m, &y, &other);
        print(argv[i], &other, &test);
        free(other.guess);
        free(y.pixel);
    }
    real = slice(&real, n);
    judge(ctx, m, &real, &other);
    print("MNIST, training images", &other, &test);
    free(other.guess);
    noise.n = real.n;
    noise.pixel = real.pixel;
    for (k = 0, i = 1; k < (size_t)noise.n * PIXELS; ++k) {
        const unsigned u = (unsigned)i * 1664525u + 1013904223u; // Knuth's quick generator
        i = (int)(u & 0x7fffffffu);
        noise.pixel[k] = (unsigned char)(u >> 16);
    }
    judge(ctx, m, &noise, &other);
    print("noise", &other, &test);
    if (gan_error(ctx)) {
        fprintf(stderr, "%s\n", gan_error_message(ctx));
        code = 1;
    }
    gan_destroy(ctx);
    free(other.guess);
    free(test.guess);
    free(x.pixel);
    free(label.pixel);
    free(real.pixel);
    return code;
}
