// Times one whole training iteration of seven GANs: the discriminator's update(s), then the generator's.
//
//     make bench                                      all seven, every core
//     build/bench_steps --threads 1 thesis mlp        two of them on one core
//
// Options: --threads T, --seconds S (6 a workload), --isa scalar|sse2|avx2|avx512|neon. One line a workload:
// median and least milliseconds an iteration, peak resident memory of the process so far, calls to the
// allocator an iteration once it runs steadily, the peak of gan_memory, and at the median the GFLOP/s of the
// least work that the iteration can be done with, as per cent of the multiply-adds' peak too, which is read
// between iterations. tools/compare_peers.sh sets them beside PyTorch's.
#include "networks.h"

enum { MOST = 2000, PEAKS = 500 };

typedef struct run {
    const workload *w;
    gan_context *ctx;
    gan_model *g, *d;
    gan_optimizer *og, *od;
    gan_tensor *x;
} run;

static gan_tensor *noise(const run *r) { return gan_rand_normal(r->ctx, r->w->batch, r->w->latent); }

// What D learns from: nobody asks for its gradient, so that it is not recorded.
static gan_tensor *detached_fake(const run *r)
{
    const int was = gan_record(r->ctx, 0);
    gan_tensor *fake = gan_forward(r->g, noise(r), NULL);
    gan_record(r->ctx, was);
    return fake;
}

// D on real samples and on detached fakes, then G through D, each from z of its own.
static void usual_step(const run *r)
{
    gan_tensor *fake = detached_fake(r);
    gan_tensor *real = gan_forward(r->d, r->x, NULL);
    gan_minimize(r->od, gan_loss_d(GAN_LOSS_NON_SATURATING, real, gan_forward(r->d, fake, NULL), 0));
    fake = gan_forward(r->g, noise(r), NULL);
    gan_minimize(r->og, gan_loss_g(GAN_LOSS_NON_SATURATING, gan_forward(r->d, fake, NULL)));
}

// D(f) - D(x) + 10 (|grad_h D(h)| - 1)^2, h = e x + (1 - e) f
static gan_tensor *critic_loss(const run *r, gan_tensor *fake)
{
    const int images = gan_ndim(r->x) == 4, n = r->w->batch;
    gan_tensor *e = images ? gan_rand_uniform(r->ctx, n, 1, 1, 1) : gan_rand_uniform(r->ctx, n, 1);
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
    for (i = 0; i < r->w->critic_steps; ++i) gan_minimize(r->od, critic_loss(r, detached_fake(r)));
    fake = gan_forward(r->g, noise(r), NULL);
    gan_minimize(r->og, gan_loss_g(GAN_LOSS_WASSERSTEIN, gan_forward(r->d, fake, NULL)));
}

static void step(const run *r) { r->w->critic_steps ? wgangp_step(r) : usual_step(r); }

// The least GFLOP of an iteration: multiply-adds of the layers alone, and no gradient that nobody needs. With
// g and d for a forward pass of G and D and g1, d1 for their first layers:
//     G's update   g + d forward, d for the gradient of G(z), then g for weights and g - g1 for inputs
//     D's update   g, then for x and for G(z): d forward, d for weights, d - d1 for inputs
//     a critic's   that and 4 d for the penalty: D(h), its gradient in h, that one's forward, the weights
static double least_work(const workload *w)
{
    double g = 0, d = 0, g1 = 0, d1 = 0, update;
    int i;
    for (i = 0; i < (int)LAYERS; ++i) {
        const double flops = layer_flops(&layers[i]);
        if (strcmp(layers[i].workload, w->name)) continue;
        if (layers[i].net == 'G') g += flops, g1 += layer_first(&layers[i]) ? flops : 0;
        else d += flops, d1 += layer_first(&layers[i]) ? flops : 0;
    }
    update = g + 2 * (d + d + (d - d1));
    if (w->critic_steps) update = w->critic_steps * (update + 4 * d);
    return (update + g + d + d + g + (g - g1)) * 1e-9;
}

static gan_tensor *samples(run *r)
{
    const workload *w = r->w;
    gan_tensor *x;
    if (w->lo == w->hi) return gan_rand_normal(r->ctx, w->batch, w->x[0]);
    if (w->x[1] == 0) x = gan_rand_uniform(r->ctx, w->batch, w->x[0]);
    else x = gan_rand_uniform(r->ctx, w->batch, w->x[0], w->x[1], w->x[2]);
    return gan_affine(x, w->hi - w->lo, w->lo);
}

// Three iterations to warm up, then at least five, for that many seconds; the peak every 20 milliseconds.
static int measure(const workload *w, const gan_desc *desc, double seconds)
{
    static double took[MOST], peaks[PEAKS];
    const gan_real beta1 = w->critic_steps ? 0 : .5f, beta2 = w->critic_steps ? .9f : .999f;
    run r;
    double begun, looked = 0, middle, rate;
    uint64_t heap;
    int i, n = 0, looks = 0, code;
    r.w = w;
    r.ctx = gan_create(desc);
    if (!r.ctx) {
        fprintf(stderr, "%s: no context: no memory, or an instruction set that this machine lacks\n",
                w->name);
        return 1;
    }
    r.g = gan_model_create(r.ctx, "generator", w->generator, (void *)w);
    r.d = gan_model_create(r.ctx, "discriminator", w->discriminator, (void *)w);
    r.og = gan_optimizer_create(r.g, gan_adam(w->lr, beta1, beta2));
    r.od = gan_optimizer_create(r.d, gan_adam(w->lr, beta1, beta2));
    r.x = gan_keep(r.ctx, "x", samples(&r));
    for (i = 0; i < 3; ++i) step(&r);
    heap = gan_memory(r.ctx).heap_calls;
    begun = now();
    while (n < 5 || (n < MOST && now() - begun < seconds)) {
        const double t = now();
        step(&r);
        took[n++] = (now() - t) * 1e3;
        if (gan_error(r.ctx)) break;
        if (looks == 0 || (looks < PEAKS && now() - looked > .02)) {
            peaks[looks++] = peak(r.ctx);
            looked = now();
        }
    }
    heap = gan_memory(r.ctx).heap_calls - heap;
    middle = median(took, n);
    rate = least_work(w) / middle * 1e3;
    code = gan_error(r.ctx);
    if (code) {
        printf("%-14s failed: %s\n", w->name, gan_error_message(r.ctx));
    } else {
        printf("%-14s threads %d  median %9.3f ms  min %9.3f ms  rss %ld MiB  heap calls %.2f  pool %.1f MiB"
               "  work %.1f GFLOP/s  %.1f %% of peak  %s\n",
               w->name, gan_threads(r.ctx), middle, took[0], resident(), (double)heap / n,
               (double)gan_memory(r.ctx).peak / (1 << 20), rate, 100 * rate / median(peaks, looks),
               gan_isa_name(r.ctx));
    }
    fflush(stdout);
    gan_destroy(r.ctx);
    return code;
}

int main(int argc, char **argv)
{
    bench_options o;
    int k, code = 0;
    if (read_options(&o, argc, argv, 6, WORKLOAD_NAMES)) return 2;
    for (k = 0; k < (int)WORKLOADS; ++k)
        if (wanted(&o, argc, argv, workloads[k].name)) code |= measure(&workloads[k], &o.desc, o.seconds);
    return code != 0;
}
