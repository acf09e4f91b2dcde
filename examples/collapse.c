// Mode collapse, provoked, diagnosed while it happens, and removed, one change at a time.
//     cc -O2 -I. examples/collapse.c -lm -o collapse && ./collapse
// A ring of 8 modes; G learns ten times as fast as D and runs from mode to mode before D can object. D's loss
// wanders about log 4, its value at the optimum, and so says little: a look at samples tells (gan_health).
// The changes touch one thing each: what D sees of a batch, or who is faster; then a penalty on top. Nets as
// in modes.c, smaller; 5,000 steps of 128 samples, learning rates that fall to 0, an average of G.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"
#include "modes.h"

enum { WIDTH = 96, BATCH = 128, SAMPLES = 2500, LOOK = 256 };

typedef struct recipe {
    const char *name;
    gan_real g_lr, d_lr;
    int pack, stddev;
    gan_loss loss;
    gan_penalty_kind penalty;
    gan_real weight;
} recipe;

static const recipe recipes[] = {
    {"G too fast", 3e-3f, 3e-4f, 1, 0, GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0},
    {"packs of 4", 3e-3f, 3e-4f, 4, 0, GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0},
    {"minibatch stddev", 3e-3f, 3e-4f, 1, 1, GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0},
    {"D fast", 3e-4f, 3e-3f, 1, 0, GAN_LOSS_NON_SATURATING, GAN_PENALTY_NONE, 0},
    {"D fast, R1", 3e-4f, 3e-3f, 1, 0, GAN_LOSS_NON_SATURATING, GAN_PENALTY_R1, .02f},
    {"D fast, WGAN-GP", 3e-4f, 3e-3f, 1, 0, GAN_LOSS_WASSERSTEIN, GAN_PENALTY_WGAN_GP, .1f},
};
enum { RECIPES = sizeof recipes / sizeof *recipes };

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    z = gan_tanh(gan_mul_scalar(gan_linear(g, "fc1", z, WIDTH), 6)); // nearly a staircase
    z = gan_tanh(gan_mul_scalar(gan_linear(g, "fc2", z, WIDTH), 6));
    z = gan_tanh(gan_mul_scalar(gan_linear(g, "fc3", z, WIDTH), 6));
    return gan_linear(g, "out", z, 2);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    const recipe *r = (const recipe *)gan_model_user(d);
    (void)label;
    x = gan_leaky_relu(gan_mul_scalar(gan_linear(d, "fc1", x, WIDTH), 3), .2f);
    if (r->stddev) x = gan_minibatch_stddev(x, 4);
    x = gan_leaky_relu(gan_mul_scalar(gan_linear(d, "fc2", x, WIDTH), 3), .2f);
    return gan_linear(d, "out", x, 1);
}

// Trains one recipe and says aloud when a problem begins; then its row of the table and its panel.
static void train(gan_context *ctx, const ex_options *o, int i, gan_plot *p, char *row, size_t size)
{
    const recipe *r = &recipes[i];
    const md_mixture ring = md_ring();
    gan_dataset *others = gan_dataset_toy(ctx, GAN_TOY_RING); // to look at, so that training stays as it is
    gan_trainer_desc desc;
    gan_trainer *t;
    gan_health *h;
    gan_diagnosis now;
    gan_diagnosis_kind said = GAN_DIAGNOSIS_HEALTHY;
    gan_modes score;
    gan_tensor *x;
    char text[600];

    memset(&desc, 0, sizeof desc);
    snprintf(text, sizeof text, "generator %d", i);
    desc.generator = gan_model_create(ctx, text, generator, NULL);
    snprintf(text, sizeof text, "discriminator %d", i);
    desc.discriminator = gan_model_create(ctx, text, discriminator, (void *)&recipes[i]);
    desc.data = gan_dataset_toy(ctx, GAN_TOY_RING);
    desc.batch = BATCH;
    desc.latent = 2;
    desc.prior = GAN_PRIOR_UNIFORM;
    desc.loss = r->loss;
    desc.pack = r->pack;
    desc.penalty[0].kind = r->penalty;
    desc.penalty[0].weight = r->weight;
    desc.g_optimizer = gan_adam(r->g_lr, .5f, .99f);
    desc.d_optimizer = gan_adam(r->d_lr, .5f, .99f);
    desc.schedule[0].what = GAN_SCHEDULED_LR;
    desc.schedule[0].schedule = gan_schedule_linear(0, o->steps, 0);
    desc.ema = .99f;
    t = gan_trainer_create(ctx, &desc);
    h = gan_health_create(t, NULL);
    while (t && gan_trainer_steps(t) < o->steps && !ex_stop && !gan_error(ctx)) {
        const gan_trainer_stats s = gan_trainer_step(t);
        gan_health_step(h, &s);
        if (s.step % 100 == 0)
            gan_health_compare(h, gan_trainer_sample(t, LOOK), gan_dataset_batch(others, LOOK, NULL));
        ex_progress((int)s.step + i * o->steps, RECIPES * o->steps, "%s", r->name);
        now = gan_health_diagnose(h);
        if (now.is_problem && now.kind != said && gan_health_text(h, text, sizeof text))
            printf("\n%s,\n", r->name), ex_say("", text);
        said = now.kind;
    }
    x = gan_trainer_sample(t, SAMPLES);
    score = gan_mode_report(x, md_centers(ctx, &ring), ring.sigma);
    now = gan_health_diagnose(h);
    snprintf(row, size, "%-18s %d of %d  %6.1f %%  %8.3f %8.3f   %s", r->name, score.modes, ring.modes,
             100 * score.quality, (double)now.value[GAN_INDICATOR_D_LOSS],
             (double)now.value[GAN_INDICATOR_D_FAKE], now.name);
    snprintf(text, sizeof text, "%s: %s", r->name, now.name);
    md_panel(p, i % 3, 3, i / 3, 2, text, NULL, &ring, x);
}

int main(int argc, char **argv)
{
    const ex_options o =
        ex_start(argc, argv, "collapse", "mode collapse, diagnosed and removed", 5000, "out/collapse", "");
    gan_context *ctx = ex_context(&o);
    gan_plot *p = gan_plot_create(ctx, 1200, 840, 1);
    char rows[RECIPES][200];
    int i;
    for (i = 0; i < RECIPES; ++i) train(ctx, &o, i, p, rows[i], sizeof rows[i]);
    printf("\nof %d points       modes   3 sigma   D's loss  D(G(z))   diagnosis\n", (int)SAMPLES);
    for (i = 0; i < RECIPES; ++i) puts(rows[i]);
    printf("%-18s 8 of 8    98.9 %%     1.386     .500   1 - e^-4.5, log 4, 1/2\n", "in theory");
    gan_plot_write(p, ex_path(&o, "collapse.png"));
    printf("the picture is in %s\n", o.out);
    return ex_finish(ctx);
}
