// The thesis's GAN on MNIST (its tables 2.1 to 2.3): the program behind `make demo`.
//     cc -O2 -I. examples/thesis.c -lm -o thesis && ./thesis --data data/mnist
// z 96 ~ U(-1, 1), batch 128, k 1, Adam 1e-3 (.5, .999). A picture every 100 iterations from the same z, a
// plot of D(G(z)) and the losses against the iteration (its figures 2.2 and 2.3), a CSV, a checkpoint; Ctrl-C
// saves, --resume goes on.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    gan_model_init(g, gan_init_xavier_uniform(1)); // as the guide of the thesis, CS231n's notebook of GANs
    h = gan_batch_norm(g, "bn1", gan_relu(gan_linear(g, "fc1", z, 1024)));
    h = gan_batch_norm(g, "bn2", gan_relu(gan_linear(g, "fc2", h, 7 * 7 * 128)));
    h = gan_reshape(h, -1, 128, 7, 7);
    h = gan_batch_norm(g, "bn3", gan_relu(gan_conv_transpose2d(g, "up1", h, 64, 4, 2, 1)));
    return gan_tanh(gan_conv_transpose2d(g, "up2", h, 1, 4, 2, 1));
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv1", x, 32, 5, 1, 0), .01f), 2, 2);
    h = gan_max_pool2d(gan_leaky_relu(gan_conv2d(d, "conv2", h, 64, 5, 1, 0), .01f), 2, 2);
    gan_model_init(d, gan_init_xavier_uniform(1)); // of what is made from here on
    h = gan_leaky_relu(gan_linear(d, "fc1", gan_flatten(h), 1024), .01f);
    return gan_linear(d, "fc2", h, 1); // a logit
}

static void plot(gan_plot *p, const ex_options *o, const gan_logger *log)
{
    static const double half[] = {.5}, logs[] = {1.386294, .693147};
    gan_series s[3];
    gan_axes a;
    memset(s, 0, sizeof s);
    memset(&a, 0, sizeof a);
    s[0] = gan_logger_series(log, "d_fake");
    s[1].name = "theory", s[1].mark = GAN_MARK_LEVELS, s[1].y = half, s[1].n = 1, s[1].color = GAN_BLACK;
    a.title = "D(G(z)) against the iteration", a.series = s, a.count = 2, a.y1 = 1;
    gan_plot_panel(p, 0, 1, 0, 2, &a);
    s[0] = gan_logger_series(log, "d_loss"), s[1] = gan_logger_series(log, "g_loss");
    s[2].name = "log 4, log 2: D = 1/2", s[2].mark = GAN_MARK_LEVELS, s[2].y = logs, s[2].n = 2;
    s[2].color = GAN_BLACK;
    a.title = "The losses", a.count = 3, a.y1 = 4, a.x_label = "iteration";
    gan_plot_panel(p, 0, 1, 1, 2, &a);
    gan_plot_write(p, ex_path(o, "plot.png"));
}

int main(int argc, char **argv)
{
    const ex_options o = ex_start(argc, argv, "thesis", "a convolutional GAN draws digits", 1000,
                                  "out/thesis", "samples resume");
    gan_context *ctx = ex_context(&o);
    gan_plot *p = gan_plot_create(ctx, 1000, 800, 1);
    gan_logger_desc columns;
    gan_logger *log;
    gan_trainer_desc desc;
    gan_trainer *t;
    gan_health *h;
    char says[512] = "";
    double mean = 0;
    int i, last, rows, inside = 0;

    memset(&desc, 0, sizeof desc);
    desc.generator = gan_model_create(ctx, "generator", generator, NULL);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, NULL);
    desc.data = ex_digits(ctx, &o);
    desc.batch = 128;
    desc.latent = 96;
    desc.prior = GAN_PRIOR_UNIFORM;
    desc.loss = GAN_LOSS_NON_SATURATING;
    desc.g_optimizer = desc.d_optimizer = gan_adam(1e-3f, .5f, .999f);
    t = gan_trainer_create(ctx, &desc);
    h = gan_health_create(t, NULL);
    if (o.resume) gan_resume(ctx, ex_path(&o, "thesis.safetensors"));
    memset(&columns, 0, sizeof columns);
    columns.columns = "d_loss,g_loss,d_real,d_fake", columns.csv = ex_path(&o, "log.csv");
    columns.sheet = ex_path(&o, "progress.png"), columns.resume = gan_trainer_steps(t);
    log = gan_logger_create(ctx, &columns);
    for (i = (int)gan_trainer_steps(t) + 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        const gan_trainer_stats s = gan_trainer_step(t);
        gan_health_step(h, &s);
        gan_logger_row(log, i, (double)s.d_loss, (double)s.g_loss, (double)s.d_real, (double)s.d_fake);
        ex_progress_gan(&s, o.steps);
        if (i % 100 && i != 10 && i != 50 && i != o.steps && !ex_stop) continue;
        gan_image_write(gan_trainer_sample(t, 64), 8, ex_path(&o, "%05d.png", i));
        gan_logger_images(log, i, gan_trainer_sample(t, 16));
        plot(p, &o, log);
    }
    gan_save(ctx, ex_path(&o, "thesis.safetensors")); // PyTorch opens it
    plot(p, &o, log);
    gan_trainer_report(t, h, &(gan_report){.title = "The thesis's GAN on digits", .log = log},
                       ex_path(&o, "report.html"));
    ex_samples(ctx, &o, &desc, t);

    if (gan_error(ctx)) return ex_finish(ctx);
    rows = gan_logger_rows(log);
    last = rows < 1000 ? rows / 2 : 500;
    for (i = rows - last; i < rows; ++i) {
        inside += fabs(gan_logger_value(log, i, 4) - .5) <= .05;
        mean += gan_logger_value(log, i, 4);
    }
    printf("\nThe thesis: D(G(z)) settles between .45 and .55 after 500 iterations. Here it\n");
    printf("was there in %d of the last %d, with mean %.3f.\n", inside, last, last ? mean / last : 0);
    gan_health_text(h, says, sizeof says);
    ex_say("The diagnosis:", says);
    snprintf(
        says, sizeof says,
        "%s: report.html shows the whole run; NNNNN.png are samples of the same 64 z, progress.png has them "
        "in rows; plot.png and log.csv have D(G(z)) and the losses; thesis.safetensors the weights (--resume "
        "continues from there).",
        o.out);
    ex_say("In", says);
    return ex_finish(ctx);
}
