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

// What is known of a set of images: sums over it of the class probabilities and of the features.
typedef struct facts {
    int n;
    double sure, kl, share[CLASSES], mean[FEATURES], covariance[FEATURES * FEATURES];
    unsigned char *guess;
} facts;

static void judge(gan_context *ctx, gan_model *m, const images *x, facts *f)
{
    static double probability[CLASSES];
    double entropy = 0;
    int begin, n, i, j, k;
    memset(f, 0, sizeof *f);
    f->n = x->n;
    f->guess = (unsigned char *)calloc((size_t)x->n + 1, 1);
    for (begin = 0; begin < x->n && f->guess; begin += n) {
        gan_tensor *h, *p;
        const gan_real *feature, *prob;
        n = x->n - begin < BATCH ? x->n - begin : BATCH;
        gan_scope_open(ctx);
        h = features(m, batch(ctx, x, begin, n), NULL);
        p = gan_softmax(gan_linear(m, "fc2", h, CLASSES), 1);
        feature = gan_data(h);
        prob = gan_data(p);
        for (i = 0; i < n && feature && prob; ++i, feature += FEATURES, prob += CLASSES) {
            int best = 0;
            for (k = 0; k < CLASSES; ++k) {
                probability[k] = (double)prob[k];
                if (prob[k] > prob[best]) best = k;
                f->share[k] += probability[k];
                if (probability[k] > 0) entropy -= probability[k] * log(probability[k]);
            }
            f->sure += probability[best];
            f->guess[begin + i] = (unsigned char)best;
            for (j = 0; j < FEATURES; ++j) {
                f->mean[j] += (double)feature[j];
                for (k = 0; k <= j; ++k)
                    f->covariance[j * FEATURES + k] += (double)feature[j] * (double)feature[k];
            }
        }
        gan_scope_close(ctx);
    }
    f->sure /= f->n;
    f->kl = -entropy / f->n;
    for (k = 0; k < CLASSES; ++k) {
        f->share[k] /= f->n;
        if (f->share[k] > 0) f->kl -= f->share[k] * log(f->share[k]);
    }
    for (j = 0; j < FEATURES; ++j) f->mean[j] /= f->n;
    for (j = 0; j < FEATURES; ++j)
        for (k = 0; k <= j; ++k) {
            double c = f->covariance[j * FEATURES + k] / f->n - f->mean[j] * f->mean[k];
            if (f->n > 1) c *= (double)f->n / (f->n - 1);
            f->covariance[j * FEATURES + k] = f->covariance[k * FEATURES + j] = c;
        }
}

// Jacobi's method: the symmetric a becomes diagonal, its eigenvalues; v, when given, gets the eigenvectors as
// columns.
static void eigen(double *a, double *v)
{
    const int n = FEATURES;
    int sweep, p, q, i;
    for (i = 0; v && i < n * n; ++i) v[i] = i % (n + 1) == 0;
    for (sweep = 0; sweep < 60; ++sweep) {
        double off = 0, scale = 0;
        for (p = 0; p < n; ++p) {
            scale += a[p * n + p] * a[p * n + p];
            for (q = 0; q < p; ++q) off += a[p * n + q] * a[p * n + q];
        }
        if (off <= 1e-28 * scale) return;
        for (p = 0; p < n; ++p)
            for (q = p + 1; q < n; ++q) {
                double theta, t, c, s;
                if (fabs(a[p * n + q]) < 1e-300) continue;
                theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
                t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                c = 1 / sqrt(t * t + 1);
                s = t * c;
                for (i = 0; i < n; ++i) {
                    const double x = a[i * n + p], y = a[i * n + q];
                    a[i * n + p] = c * x - s * y;
                    a[i * n + q] = s * x + c * y;
                }
                for (i = 0; i < n; ++i) {
                    const double x = a[p * n + i], y = a[q * n + i];
                    a[p * n + i] = c * x - s * y;
                    a[q * n + i] = s * x + c * y;
                }
                for (i = 0; v && i < n; ++i) {
                    const double x = v[i * n + p], y = v[i * n + q];
                    v[i * n + p] = c * x - s * y;
                    v[i * n + q] = s * x + c * y;
                }
            }
    }
}

static void multiply(const double *a, const double *b, double *c)
{
    const int n = FEATURES;
    int i, j, k;
    for (i = 0; i < n; ++i)
        for (j = 0; j < n; ++j) {
            double sum = 0;
            for (k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
            c[i * n + j] = sum;
        }
}

// tr((C D)^(1/2)) = tr((S D S)^(1/2)) with S = C^(1/2): of a symmetric matrix, so real eigenvalues do.
static double frechet(const facts *x, const facts *y)
{
    static double a[FEATURES * FEATURES], v[FEATURES * FEATURES], s[FEATURES * FEATURES],
        t[FEATURES * FEATURES];
    const int n = FEATURES;
    double distance = 0;
    int i, j, k;
    for (i = 0; i < n; ++i) {
        const double d = x->mean[i] - y->mean[i];
        distance += d * d + x->covariance[i * n + i] + y->covariance[i * n + i];
    }
    memcpy(a, x->covariance, sizeof a);
    eigen(a, v);
    for (i = 0; i < n; ++i)
        for (j = 0; j < n; ++j) {
            s[i * n + j] = 0;
            for (k = 0; k < n; ++k) {
                const double root = a[k * n + k] > 0 ? sqrt(a[k * n + k]) : 0;
                s[i * n + j] += v[i * n + k] * root * v[j * n + k];
            }
        }
    multiply(s, y->covariance, t);
    multiply(t, s, a);
    for (i = 0; i < n; ++i)
        for (j = 0; j < i; ++j) a[i * n + j] = a[j * n + i] = (a[i * n + j] + a[j * n + i]) / 2;
    eigen(a, NULL);
    for (i = 0; i < n; ++i)
        if (a[i * n + i] > 0) distance -= 2 * sqrt(a[i * n + i]);
    return distance;
}

static void print(const char *name, const facts *x, const facts *test)
{
    double entropy = 0, least = 1;
    int k;
    for (k = 0; k < CLASSES; ++k) {
        if (x->share[k] > 0) entropy -= x->share[k] * log(x->share[k]);
        if (x->share[k] < least) least = x->share[k];
    }
    printf("%-32s %7d %7.3f %8.2f %6.1f%% %7.2f %9.2f\n", name, x->n, x->sure, exp(entropy), 100 * least,
           exp(x->kl), frechet(x, test));
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
