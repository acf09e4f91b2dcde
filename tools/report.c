// For tools/check_report: writes FOLDER/run.html, the report of a short run, and FOLDER/bare.html, the same
// report with a log that has no rows.
#ifdef __has_include
#if __has_include(<stb/stb_image_write.h>)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#endif
#endif
#define GAN_IMPLEMENTATION
#include "gan.h"
#include <stdio.h>

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_reshape(gan_tanh(gan_linear(g, "out", gan_relu(gan_linear(g, "in", z, 16)), 64)), -1, 1, 8, 8);
}

static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    x = gan_leaky_relu(gan_linear(d, "in_with_a_name_that_is_long", gan_flatten(x), 16), (gan_real).2);
    return gan_linear(d, "out", x, 1);
}

// Bars at random places, a class for each of 12 columns and rows.
static gan_dataset *bars(gan_context *ctx)
{
    enum { N = 240 };
    static gan_real x[N * 64], label[N];
    int i, k;
    for (i = 0; i < N; ++i) {
        const int at = i % 12;
        label[i] = (gan_real)at;
        for (k = 0; k < 64; ++k) x[64 * i + k] = (at < 6 ? k % 8 - 1 : k / 8 - 1) == at % 6 ? 1 : -1;
    }
    return gan_dataset_memory(ctx, x, label, N, 1, 8, 8);
}

int main(int argc, char **argv)
{
    enum { STEPS = 400 };
    static const char *const metrics[] = {"metric", "value", "a name that is quite long", "12.5"};
    gan_context *ctx = gan_create(NULL);
    gan_trainer_desc desc;
    gan_logger_desc columns;
    gan_health_desc watch;
    gan_report report;
    gan_trainer *t;
    gan_health *h;
    gan_logger *log;
    char path[512];
    int i;
    memset(&desc, 0, sizeof desc), memset(&columns, 0, sizeof columns), memset(&watch, 0, sizeof watch);
    memset(&report, 0, sizeof report);
    desc.generator = gan_model_create(ctx, "generator", generator, NULL);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, NULL);
    desc.data = bars(ctx), desc.batch = 8, desc.latent = 4;
    desc.g_optimizer = desc.d_optimizer = gan_adam((gan_real)2e-3, (gan_real).5, (gan_real).999);
    t = gan_trainer_create(ctx, &desc);
    watch.warm_up = 100, watch.persistence = 40;
    h = gan_health_create(t, &watch);
    columns.columns = "d_loss,g_loss,d_real,d_fake,another";
    log = gan_logger_create(ctx, &columns);
    for (i = 1; i <= STEPS; ++i) {
        const gan_trainer_stats s = gan_trainer_step(t);
        gan_health_step(h, &s);
        gan_logger_row(log, i, (double)s.d_loss, (double)s.g_loss, (double)s.d_real, (double)s.d_fake,
                       1. / i);
        if (i % 100) continue;
        gan_logger_images(log, i, gan_trainer_sample(t, 8));
        gan_health_compare(h, gan_trainer_sample(t, 100), gan_dataset_batch(desc.data, 100, NULL));
    }
    report.title = "A run <of> bars", report.log = log;
    report.metrics = metrics, report.metrics_count = 4, report.metrics_columns = 2;
    snprintf(path, sizeof path, "%s/run.html", argc > 1 ? argv[1] : ".");
    gan_trainer_report(t, h, &report, path);
    report.log = gan_logger_create(ctx, &columns);
    snprintf(path, sizeof path, "%s/bare.html", argc > 1 ? argv[1] : ".");
    gan_trainer_report(t, h, &report, path);
    if (gan_error(ctx)) fprintf(stderr, "%s\n", gan_error_message(ctx));
    i = gan_error(ctx);
    gan_destroy(ctx);
    return i;
}
