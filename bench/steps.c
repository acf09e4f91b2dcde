// Times one whole training iteration of seven GANs: the discriminator's update(s), then the generator's.
//
//     make bench                                      all seven, every core
//     build/bench_steps --threads 1 thesis mlp        two of them on one core
//
// Options: --threads T, --seconds S (6 a workload), --isa scalar|sse2|avx2|avx512|neon. One line a workload:
// median and least milliseconds an iteration, peak resident memory of the process so far, calls to the
// allocator an iteration once it runs steadily. tools/compare_torch.sh sets them beside PyTorch's.
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/resource.h>
#endif

// One GAN: networks, batch, size of z, critic steps an iteration (0: the usual GAN with logits), Adam's lr.
typedef struct workload {
    const char *name;
    gan_model_function *generator, *discriminator;
    int batch, latent, critic_steps;
    gan_real lr;
    int x[3];        // shape of one sample; 0 ends it
    gan_real lo, hi; // its values are uniform in lo .. hi; equal: N(0, 1)
    int features;    // of the DCGAN
} workload;

typedef struct run {
    const workload *w;
    gan_context *ctx;
    gan_model *g, *d;
    gan_optimizer *og, *od;
    gan_tensor *x;
} run;

// z -> 64 -> 64 -> 2 with SELU; 2 -> 64 -> 64 -> 1 with ELU
static gan_tensor *toy_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_selu(gan_linear(g, "fc1", z, 64));
    (void)label;
    return gan_linear(g, "fc3", gan_selu(gan_linear(g, "fc2", h, 64)), 2);
}

static gan_tensor *toy_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_elu(gan_linear(d, "fc1", x, 64), 1);
    (void)label;
    return gan_linear(d, "fc3", gan_elu(gan_linear(d, "fc2", h, 64), 1), 1);
}

// The first GAN most people write for MNIST.
static gan_tensor *mlp_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_linear(g, "fc1", z, 256), .2f);
    (void)label;
    h = gan_leaky_relu(gan_linear(g, "fc2", h, 256), .2f);
    return gan_tanh(gan_linear(g, "fc3", h, 784));
}

static gan_tensor *mlp_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_linear(d, "fc1", x, 256), .2f);
    (void)label;
    h = gan_leaky_relu(gan_linear(d, "fc2", h, 256), .2f);
    return gan_linear(d, "fc3", h, 1);
}

// The thesis's network for MNIST, its tables 2.2 and 2.3.
static gan_tensor *thesis_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_batch_norm(g, "bn1", gan_relu(gan_linear(g, "fc1", z, 1024)));
    (void)label;
    h = gan_batch_norm(g, "bn2", gan_relu(gan_linear(g, "fc2", h, 7 * 7 * 128)));
    h = gan_conv_transpose2d(g, "up1", gan_reshape(h, 4, -1, 128, 7, 7), 64, 4, 2, 1);
    h = gan_batch_norm(g, "bn3", gan_relu(h));
    return gan_tanh(gan_conv_transpose2d(g, "up2", h, 1, 4, 2, 1));
}

static gan_tensor *thesis_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv1", x, 32, 5, 1, 0), .01f), 2, 2);
    (void)label;
    h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv2", h, 64, 5, 1, 0), .01f), 2, 2);
    h = gan_leaky_relu(gan_linear(d, "fc1", gan_flatten(h), 1024), .01f);
    return gan_linear(d, "fc2", h, 1);
}

// DCGAN (Radford 2015): convolutions of 4 x 4 without bias, from 4 x 4 pixels up and down again.
static gan_conv2d_desc dcgan_layer(int channels, int stride, int padding)
{
    gan_conv2d_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.out_channels = channels;
    desc.kernel[0] = 4;
    desc.stride[0] = stride;
    desc.padding[0] = padding;
    desc.no_bias = 1;
    return desc;
}

static const char *numbered(char name[16], const char *what, int i)
{
    snprintf(name, 16, "%s%d", what, i);
    return name;
}

static gan_tensor *dcgan_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    const workload *w = ((run *)gan_model_user(g))->w;
    int channels = w->features * w->x[1] / 8, size, i = 1;
    gan_conv2d_desc desc = dcgan_layer(channels, 1, 0);
    char name[16];
    gan_tensor *h = gan_conv_transpose2d_ex(g, "up0", gan_reshape(z, 4, -1, w->latent, 1, 1), &desc);
    (void)label;
    h = gan_relu(gan_batch_norm(g, "bn0", h));
    for (size = 4; size < w->x[1] / 2; size *= 2, ++i) {
        desc = dcgan_layer(channels /= 2, 2, 1);
        h = gan_conv_transpose2d_ex(g, numbered(name, "up", i), h, &desc);
        h = gan_relu(gan_batch_norm(g, numbered(name, "bn", i), h));
    }
    desc = dcgan_layer(w->x[0], 2, 1);
    return gan_tanh(gan_conv_transpose2d_ex(g, "out", h, &desc));
}

static gan_tensor *dcgan_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    const workload *w = ((run *)gan_model_user(d))->w;
    int channels = w->features, size, i = 1;
    gan_conv2d_desc desc = dcgan_layer(channels, 2, 1);
    char name[16];
    gan_tensor *h = gan_leaky_relu(gan_conv2d_ex(d, "down0", x, &desc), .2f);
    (void)label;
    for (size = w->x[1] / 2; size > 4; size /= 2, ++i) {
        desc = dcgan_layer(channels *= 2, 2, 1);
        h = gan_conv2d_ex(d, numbered(name, "down", i), h, &desc);
        h = gan_leaky_relu(gan_batch_norm(d, numbered(name, "bn", i), h), .2f);
    }
    desc = dcgan_layer(1, 1, 0);
    return gan_conv2d_ex(d, "out", h, &desc);
}

// WGAN-GP's networks (Gulrajani 2017): for the toys in two dimensions, and for MNIST with DIM 64.
static gan_tensor *wgangp_mlp(gan_model *m, gan_tensor *x, int out)
{
    x = gan_relu(gan_linear(m, "fc1", x, 512));
    x = gan_relu(gan_linear(m, "fc2", x, 512));
    return gan_linear(m, "fc4", gan_relu(gan_linear(m, "fc3", x, 512)), out);
}

static gan_tensor *wgangp_mlp_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return wgangp_mlp(g, z, 2);
}

static gan_tensor *wgangp_mlp_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return wgangp_mlp(d, x, 1);
}

static gan_tensor *wgangp_up(gan_model *g, const char *name, gan_tensor *x, int channels, int output_padding)
{
    gan_conv2d_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.out_channels = channels;
    desc.kernel[0] = 5;
    desc.stride[0] = 2;
    desc.padding[0] = 2;
    desc.output_padding[0] = desc.output_padding[1] = output_padding;
    return gan_conv_transpose2d_ex(g, name, x, &desc);
}

static gan_tensor *wgangp_mnist_g(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_reshape(gan_relu(gan_linear(g, "fc", z, 4096)), 4, -1, 256, 4, 4);
    (void)label;
    h = gan_relu(wgangp_up(g, "up1", h, 128, 0));
    h = gan_relu(wgangp_up(g, "up2", h, 64, 1));
    return gan_sigmoid(wgangp_up(g, "up3", h, 1, 1));
}

static gan_tensor *wgangp_mnist_d(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(d, "conv1", x, 64, 5, 2, 2), .2f);
    (void)label;
    h = gan_leaky_relu(gan_conv2d(d, "conv2", h, 128, 5, 2, 2), .2f);
    h = gan_leaky_relu(gan_conv2d(d, "conv3", h, 256, 5, 2, 2), .2f);
    return gan_linear(d, "fc", gan_flatten(h), 1);
}

static const workload workloads[] = {
    {"toy", toy_g, toy_d, 256, 2, 0, 2e-4f, {2, 0, 0}, 0, 0, 0},
    {"mlp", mlp_g, mlp_d, 64, 100, 0, 2e-4f, {784, 0, 0}, -1, 1, 0},
    {"thesis", thesis_g, thesis_d, 128, 96, 0, 1e-3f, {1, 28, 28}, -1, 1, 0},
    {"dcgan32", dcgan_g, dcgan_d, 64, 100, 0, 2e-4f, {3, 32, 32}, -1, 1, 32},
    {"dcgan64", dcgan_g, dcgan_d, 16, 100, 0, 2e-4f, {3, 64, 64}, -1, 1, 64},
    {"wgangp_mlp", wgangp_mlp_g, wgangp_mlp_d, 256, 2, 5, 1e-4f, {2, 0, 0}, 0, 0, 0},
    {"wgangp_mnist", wgangp_mnist_g, wgangp_mnist_d, 50, 128, 5, 1e-4f, {1, 28, 28}, 0, 1, 0},
};
enum { WORKLOADS = sizeof workloads / sizeof workloads[0], MOST = 2000 };

static gan_tensor *noise(const run *r) { return gan_rand_normal(r->ctx, 2, r->w->batch, r->w->latent); }

// D on real samples and on detached fakes, then G through D, each from z of its own.
static void usual_step(const run *r)
{
    gan_tensor *fake = gan_detach(gan_forward(r->g, noise(r), NULL));
    gan_tensor *real = gan_forward(r->d, r->x, NULL);
    gan_minimize(r->od, gan_loss_d(GAN_LOSS_NON_SATURATING, real, gan_forward(r->d, fake, NULL), 0));
    fake = gan_forward(r->g, noise(r), NULL);
    gan_minimize(r->og, gan_loss_g(GAN_LOSS_NON_SATURATING, gan_forward(r->d, fake, NULL)));
}

// D(f) - D(x) + 10 (|grad_h D(h)| - 1)^2, h = e x + (1 - e) f
static gan_tensor *critic_loss(const run *r, gan_tensor *fake)
{
    const int images = gan_ndim(r->x) == 4, n = r->w->batch;
    gan_tensor *e = images ? gan_rand_uniform(r->ctx, 4, n, 1, 1, 1) : gan_rand_uniform(r->ctx, 2, n, 1);
    gan_tensor *h = gan_lerp(fake, r->x, e);
    gan_tensor *gradient = gan_grad(gan_sum_all(gan_forward(r->d, h, NULL)), h, GAN_CREATE_GRAPH);
    gan_tensor *gp = gan_mean_all(gan_square(gan_add_scalar(gan_norm_per_sample(gradient), -1)));
    gan_tensor *w = gan_mean_all(gan_forward(r->d, fake, NULL));
    w = gan_sub(w, gan_mean_all(gan_forward(r->d, r->x, NULL)));
    return gan_add(w, gan_mul_scalar(gp, 10));
}

static void wgangp_step(const run *r)
{
    gan_tensor *fake;
    int i;
    for (i = 0; i < r->w->critic_steps; ++i) {
        const int was = gan_record(r->ctx, 0);
        fake = gan_forward(r->g, noise(r), NULL);
        gan_record(r->ctx, was);
        gan_minimize(r->od, critic_loss(r, gan_detach(fake)));
    }
    fake = gan_forward(r->g, noise(r), NULL);
    gan_minimize(r->og, gan_loss_g(GAN_LOSS_WASSERSTEIN, gan_forward(r->d, fake, NULL)));
}

static double now(void) // milliseconds
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static long peak_mib(void)
{
#if defined(__APPLE__)
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : (long)usage.ru_maxrss / (1024 * 1024);
#elif defined(__unix__)
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : (long)usage.ru_maxrss / 1024;
#else
    return 0;
#endif
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static gan_tensor *samples(run *r)
{
    const workload *w = r->w;
    gan_tensor *x;
    if (w->lo == w->hi) return gan_rand_normal(r->ctx, 2, w->batch, w->x[0]);
    if (w->x[1] == 0) x = gan_rand_uniform(r->ctx, 2, w->batch, w->x[0]);
    else x = gan_rand_uniform(r->ctx, 4, w->batch, w->x[0], w->x[1], w->x[2]);
    return gan_affine(x, w->hi - w->lo, w->lo);
}

// Three iterations to warm up, then at least five, for that many seconds.
static int measure(const workload *w, const gan_desc *desc, double seconds)
{
    static double took[MOST];
    const gan_real beta1 = w->critic_steps ? 0 : .5f, beta2 = w->critic_steps ? .9f : .999f;
    run r;
    double begun;
    uint64_t heap;
    int i, n = 0, code;
    r.w = w;
    r.ctx = gan_create(desc);
    if (!r.ctx) {
        fprintf(stderr, "%s: no context: no memory, or an instruction set that this machine lacks\n",
                w->name);
        return 1;
    }
    r.g = gan_model_create(r.ctx, "generator", w->generator, &r);
    r.d = gan_model_create(r.ctx, "discriminator", w->discriminator, &r);
    r.og = gan_optimizer_create(r.g, gan_adam(w->lr, beta1, beta2));
    r.od = gan_optimizer_create(r.d, gan_adam(w->lr, beta1, beta2));
    r.x = gan_keep(r.ctx, "x", samples(&r));
    for (i = 0; i < 3; ++i) w->critic_steps ? wgangp_step(&r) : usual_step(&r);
    heap = gan_memory(r.ctx).heap_calls;
    begun = now();
    while (n < 5 || (n < MOST && now() - begun < seconds * 1e3)) {
        const double t = now();
        w->critic_steps ? wgangp_step(&r) : usual_step(&r);
        took[n++] = now() - t;
        if (gan_error(r.ctx)) break;
    }
    heap = gan_memory(r.ctx).heap_calls - heap;
    qsort(took, (size_t)n, sizeof took[0], by_size);
    code = gan_error(r.ctx);
    if (code) {
        printf("%-14s failed: %s\n", w->name, gan_error_message(r.ctx));
    } else {
        printf("%-14s threads %d  median %9.3f ms  min %9.3f ms  rss %ld MiB  heap calls %.2f  %s\n", w->name,
               gan_threads(r.ctx), (took[n / 2] + took[(n - 1) / 2]) / 2, took[0], peak_mib(),
               (double)heap / n, gan_isa_name(r.ctx));
    }
    fflush(stdout);
    gan_destroy(r.ctx);
    return code;
}

static int usage(void)
{
    int i;
    fputs("bench_steps [--threads T] [--seconds S] [--isa NAME] [workload ...], of", stderr);
    for (i = 0; i < (int)WORKLOADS; ++i) fprintf(stderr, " %s", workloads[i].name);
    fputs("\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
#define ROW(id, name) #name,
    static const char *const isas[] = {"auto", GAN_ISAS(ROW)};
#undef ROW
    gan_desc desc;
    double seconds = 6;
    int i, k, chosen = 0, code = 0;
    memset(&desc, 0, sizeof desc);
    desc.seed = 1;
    for (i = 1; i < argc && argv[i][0] == '-'; i += 2) {
        if (i + 1 == argc) return usage();
        if (!strcmp(argv[i], "--threads")) desc.threads = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
        else if (!strcmp(argv[i], "--isa")) {
            for (k = 0; k < (int)GAN_ISA_COUNT && strcmp(argv[i + 1], isas[k]); ++k) {}
            if (k == (int)GAN_ISA_COUNT) return usage();
            desc.isa = (gan_isa)k;
        } else return usage();
    }
    chosen = i;
    for (i = chosen; i < argc; ++i) {
        for (k = 0; k < (int)WORKLOADS && strcmp(argv[i], workloads[k].name); ++k) {}
        if (k == (int)WORKLOADS) return usage();
        code |= measure(&workloads[k], &desc, seconds);
    }
    for (k = 0; chosen == argc && k < (int)WORKLOADS; ++k) code |= measure(&workloads[k], &desc, seconds);
    return code != 0;
}
