// Mode collapse, measured as the PacGAN paper measures it (Lin 2018, table 1): a ring of 8 and a grid of 25
// modes, z of 2 numbers, 2,500 points judged (modes.h).
//     cc -O2 -I. examples/modes.c -lm -o modes && ./modes
//     cc -O2 -fopenmp -I. examples/modes.c -lm -o modes && ./modes --table
// --table trains every row of `recipes` on both with five seeds, then every loss of the library once.
//
// The paper takes 400,000 steps: G 4 x 400 ReLU with batch norm, D 3 x 200 maxout, Adam 1e-4 (.8, .999),
// batch 100. For seconds on one core, here:
//     steps   12,000 for the table's grid, half for its ring, and again half when there is no --table
//     G       4 x 128 tanh, each layer's sums times a gain that rises from 3 to 9: a staircase whose edges
//             sharpen, so that ever fewer points fall between two modes (ReLU needs far longer for that)
//     D       3 x 128 leaky ReLU, each layer's sums times 3
//     Adam    1e-3 (0, .99), falling to 1e-4; batch 256; z ~ U(-1, 1)^2; samples from an average of G
//     R1, R2  gradient penalties centered at 0, with which the game converges (Mescheder 2018; R3GAN: Huang
//             2024); WGAN-GP's, centered at 1, left the grid at 87 % after 6,000 steps, where R1 gave 95 %
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "modes.h"

enum { WIDTH = 128, BATCH = 256, SAMPLES = 2500, SEEDS = 5, FEATURES = 4 };

typedef struct recipe {
    const char *name;
    gan_loss loss;
    gan_pairing pairing;
    gan_penalty_kind penalty[2];
    gan_real weight[2];
    int pack; // samples that D judges together (PacGAN)
} recipe;

static const recipe recipes[] = {
    {"NS + R1", GAN_LOSS_NON_SATURATING, GAN_PLAIN, {GAN_PENALTY_R1, GAN_PENALTY_NONE}, {.02f, 0}, 1},
    {"R3GAN", GAN_LOSS_NON_SATURATING, GAN_RELATIVISTIC, {GAN_PENALTY_R1, GAN_PENALTY_R2}, {.01f, .01f}, 1},
    {"RaLSGAN + R1",
     GAN_LOSS_LEAST_SQUARES,
     GAN_RELATIVISTIC_AVERAGE,
     {GAN_PENALTY_R1, GAN_PENALTY_NONE},
     {.02f, 0},
     1},
    {"PacGAN2 + R1", GAN_LOSS_NON_SATURATING, GAN_PLAIN, {GAN_PENALTY_R1, GAN_PENALTY_NONE}, {.02f, 0}, 2},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

typedef struct run {
    recipe how;
    md_mixture data;
    uint64_t seed;
    int steps;
    gan_real gain; // of G's layers, now
    struct progress *progress;
    gan_real xy[2 * SAMPLES];
    gan_modes score;
    double seconds;
    int error;
} run;

// Layers of WIDTH; the first and last multiplications bring the grid to the ring's size.
static gan_tensor *layers(gan_model *m, gan_tensor *h, int count, gan_real gain, int is_g, int outputs)
{
    char name[8];
    int i;
    for (i = 1; i <= count; ++i) {
        snprintf(name, sizeof name, "fc%d", i);
        h = gan_mul_scalar(gan_linear(m, name, h, WIDTH), gain);
        h = is_g ? gan_tanh(h) : gan_leaky_relu(h, (gan_real).2);
    }
    return gan_linear(m, "out", h, outputs);
}

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    const run *r = (const run *)gan_model_user(g);
    (void)label;
    return gan_mul_scalar(layers(g, z, 4, r->gain, 1, 2), (gan_real)r->data.extent);
}

// What the loss wants of it: a number, features, or the error with which x is rebuilt.
static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    const run *r = (const run *)gan_model_user(d);
    const gan_critic kind = gan_loss_critic(r->how.loss);
    gan_tensor *h = gan_mul_scalar(x, (gan_real)(1 / r->data.extent));
    (void)label;
    if (kind == GAN_CRITIC_ERROR) return gan_reconstruction_error(h, layers(d, h, 3, 3, 0, gan_dim(x, 1)));
    return layers(d, h, 3, 3, 0, kind == GAN_CRITIC_FEATURES ? FEATURES : 1);
}

typedef struct progress {
    int64_t done, all;
} progress;

static void advance(run *r, int64_t steps)
{
    progress *p = r->progress;
#ifdef _OPENMP
#pragma omp critical
#endif
    ex_progress((int)(p->done += steps), (int)p->all, "%s, %s, seed %d", r->how.name, r->data.name,
                (int)r->seed);
}

static int stepped(const gan_trainer_stats *s, void *user)
{
    run *r = (run *)user;
    const gan_schedule sharpen = gan_schedule_linear(0, r->steps, 9);
    r->gain = gan_schedule_at(&sharpen, 3, s->step);
    advance(r, 1);
    return ex_stop;
}

static void train(run *r)
{
    const double begun = ex_seconds();
    gan_desc context;
    gan_trainer_desc desc;
    gan_context *ctx;
    gan_trainer *t;
    int k;
    memset(&context, 0, sizeof context);
    memset(&desc, 0, sizeof desc);
    context.seed = r->seed, context.threads = 1;
    ctx = gan_create(&context);
    r->gain = 3;
    desc.generator = gan_model_create(ctx, "generator", generator, r);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, r);
    desc.data = gan_dataset_toy(ctx, r->data.toy);
    desc.batch = gan_loss_critic(r->how.loss) == GAN_CRITIC_FEATURES ? BATCH / 4 : BATCH; // pairs cost
    desc.latent = 2;
    desc.prior = GAN_PRIOR_UNIFORM;
    desc.loss = r->how.loss;
    desc.pairing = r->how.pairing;
    desc.pack = r->how.pack;
    for (k = 0; k < 2; ++k)
        desc.penalty[k].kind = r->how.penalty[k], desc.penalty[k].weight = r->how.weight[k];
    desc.g_optimizer = desc.d_optimizer = gan_adam(1e-3f, 0, .99f);
    desc.schedule[0].what = GAN_SCHEDULED_LR;
    desc.schedule[0].schedule = gan_schedule_linear(0, r->steps, 1e-4f);
    desc.ema = .999f;
    desc.progress = stepped;
    desc.user = r;
    t = gan_trainer_create(ctx, &desc);
    gan_trainer_run(t, r->steps);
    r->error = gan_error(ctx);
    advance(r, r->steps - gan_trainer_steps(t));
    gan_error_clear(ctx);
    gan_read(gan_trainer_sample(t, SAMPLES), r->xy, 2 * SAMPLES);
    r->score = gan_mode_report(gan_from(ctx, r->xy, SAMPLES, 2), md_centers(ctx, &r->data), r->data.sigma);
    r->seconds = ex_seconds() - begun;
    gan_destroy(ctx);
}

// Each run has a context of its own, so runs share out the cores.
static void train_all(run *runs, int n, int threads)
{
    progress p = {0, 0};
    int i;
    for (i = 0; i < n; ++i) runs[i].progress = &p, p.all += runs[i].steps;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(threads)
#else
    (void)threads;
#endif
    for (i = 0; i < n; ++i) train(&runs[i]);
}

static void line(const char *name, const char *data, double modes, const char *least, double quality,
                 const char *spread, double kl, const char *rest)
{
    printf("%-22s %-4s %6.1f %-5s %9.1f %-15s %6.3f %4s\n", name, data, modes, least, quality, spread, kl,
           rest);
}

// n runs that differ in the seed: means, +- deviation, (the least)
static void row(const run *runs, int n)
{
    double mean[4] = {0}, square[4] = {0}, least[2] = {1e9, 1e9};
    char modes[16] = "", spread[24] = "", seconds[24];
    int i, k, error = 0;
    for (i = 0; i < n; ++i) {
        const gan_modes s = runs[i].score;
        const double v[4] = {(double)s.modes, 100 * s.quality, s.kl, runs[i].seconds};
        for (k = 0; k < 4; ++k) mean[k] += v[k] / n, square[k] += v[k] * v[k] / n;
        for (k = 0; k < 2; ++k) least[k] = fmin(least[k], v[k]);
        error |= runs[i].error;
    }
    if (n > 1) {
        snprintf(modes, sizeof modes, "(%.0f)", least[0]);
        snprintf(spread, sizeof spread, "+-%4.1f (%.1f)", sqrt(fmax(0, square[1] - mean[1] * mean[1])),
                 least[1]);
    }
    snprintf(seconds, sizeof seconds, error ? "error" : "%.0f", mean[3]);
    line(runs->how.name, runs->data.name, mean[0], modes, mean[1], spread, mean[2], seconds);
}

static void head(const char *title)
{
    printf("\n%-22s %-4s %6s %-5s %9s %-15s %6s %4s\n", title, "data", "modes", "min", "HQ %",
           "deviation (min)", "KL", "s");
}

static void published(void)
{
    head("published, 400k steps");
    line("GAN", "ring", 6.3, "+-.5", 98.2, "", .45, "");
    line("GAN", "grid", 17.3, "+-.8", 94.8, "", .70, "");
    line("PacGAN2", "ring", 7.9, "+-.1", 95.6, "", .07, "");
    line("PacGAN2", "grid", 23.8, "", 91.3, "", .13, "");
    line("PacGAN4", "ring", 7.8, "", 95.9, "", .07, "");
    line("PacGAN4", "grid", 24.8, "+-.2", 93.6, "", .04, "");
    line("the data itself", "both", 25, "or 8", 100 * (1 - exp(-4.5)), "", 0, "");
}

static void prepare(run *r, recipe how, md_mixture data, uint64_t seed, int steps)
{
    r->how = how, r->data = data, r->seed = seed, r->steps = steps;
}

// One recipe on both: what the program does unless it is asked for the table.
static void quick(gan_context *ctx, const ex_options *o)
{
    run *runs = (run *)calloc(2, sizeof *runs);
    gan_plot *p = gan_plot_create(ctx, 1200, 620, 1);
    int i;
    if (!runs) exit(1);
    prepare(&runs[0], recipes[0], md_ring(), o->seed, (o->steps + 1) / 2); // learned sooner
    prepare(&runs[1], recipes[0], md_grid(), o->seed, o->steps);
    train_all(runs, 2, gan_threads(ctx));
    head("");
    for (i = 0; i < 2; ++i) {
        row(&runs[i], 1);
        md_panel(p, i, 2, 0, 1, i ? "G(z) and the 25 modes of the grid" : "G(z) and the 8 modes of the ring",
                 NULL, &runs[i].data, gan_from(ctx, runs[i].xy, SAMPLES, 2));
    }
    gan_plot_write(p, ex_path(o, "modes.png"));
    free(runs);
}

static void proof(gan_context *ctx, const ex_options *o)
{
    enum { COLUMNS = 9, LINES = (GAN_LOSS_COUNT + COLUMNS - 1) / COLUMNS, RUNS = RECIPES * 2 * SEEDS };
    run *runs = (run *)calloc(RUNS + 2 * GAN_LOSS_COUNT, sizeof *runs), *each = runs + RUNS;
    gan_plot *p = gan_plot_create(ctx, COLUMNS * 270, LINES * 600, 1);
    char text[32];
    int i, k;
    if (!runs) exit(1);
    for (i = 0; i < RUNS; ++i)
        prepare(&runs[i], recipes[i / SEEDS / 2], i / SEEDS % 2 ? md_grid() : md_ring(),
                o->seed + (uint64_t)(i % SEEDS), i / SEEDS % 2 ? 2 * o->steps : o->steps);
    for (i = 0; i < 2 * GAN_LOSS_COUNT; ++i) {
        recipe how = {NULL, GAN_LOSS_COUNT, GAN_PLAIN, {GAN_PENALTY_R1, GAN_PENALTY_R2}, {.01f, .01f}, 1};
        how.loss = (gan_loss)(i / 2);
        how.name = gan_loss_name(how.loss);
        prepare(&each[i], how, i % 2 ? md_grid() : md_ring(), o->seed, (o->steps + 1) / 2);
    }
    train_all(runs, RUNS + 2 * GAN_LOSS_COUNT, gan_threads(ctx));

    head("five seeds");
    for (i = 0; i < RUNS; i += SEEDS) row(&runs[i], SEEDS);
    head("every loss, R1 and R2");
    for (i = 0; i < 2 * GAN_LOSS_COUNT; ++i) row(&each[i], 1);
    for (i = 0; i < GAN_LOSS_COUNT; ++i)
        for (k = 0; k < 2; ++k) {
            const run *r = &each[2 * i + k];
            snprintf(text, sizeof text, "%d of %d, %.0f %%", r->score.modes, r->data.modes,
                     100 * r->score.quality);
            md_panel(p, i % COLUMNS, COLUMNS, i / COLUMNS * 2 + k, 2 * LINES, r->how.name, text, &r->data,
                     gan_from(ctx, r->xy, SAMPLES, 2));
        }
    gan_plot_write(p, ex_path(o, "losses.png"));
    free(runs);
}

int main(int argc, char **argv)
{
    const ex_options o =
        ex_start(argc, argv, "modes", "how many modes of its data a GAN finds", 6000, "out/modes", "table");
    gan_context *ctx = ex_context(&o);
    if (o.table) proof(ctx, &o);
    else quick(ctx, &o);
    published();
    printf("\nthe picture is in %s\n", o.out);
    return ex_finish(ctx);
}
