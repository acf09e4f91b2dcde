// A GAN trains on a folder of your pictures: a program for people who do not write C.
//     make pictures && build/pictures --data FOLDER
// Sub-folders are classes; the GAN is then conditional. A DCGAN (Radford 2016) whose depth follows --size,
// with spectral norm and the hinge loss (Miyato 2018), DiffAugment (Zhao 2020) or ADA (Karras 2020), and an
// averaged generator. examples/README.md says what it writes; --resume goes on, --samples and --score need no
// training.
#include "common.h"
#include "pictures.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

// Channels at a side: width at half of the size, twice as many at each halving, at most 8 width.
static int channels_at(const pic_settings *s, int side)
{
    const int times = s->size / 2 / side;
    return s->width * (times < 8 ? times : 8);
}

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    const pic_settings *s = (const pic_settings *)gan_model_user(g);
    char name[24];
    int side = 4;
    if (s->classes > 1) z = gan_concat(1, z, gan_embedding(g, "class", label, s->classes, 32));
    gan_model_init(g, gan_init_normal(0, .02f));
    z = gan_reshape(gan_linear(g, "fc", z, 16 * channels_at(s, 4)), -1, channels_at(s, 4), 4, 4);
    for (; side < s->size; side *= 2) {
        snprintf(name, sizeof name, "bn%d", side);
        z = gan_relu(gan_batch_norm(g, name, z));
        snprintf(name, sizeof name, "up%d", 2 * side);
        z = gan_conv_transpose2d(g, name, z, 2 * side < s->size ? channels_at(s, 2 * side) : s->channels, 4,
                                 2, 1);
    }
    return gan_tanh(z);
}

// With classes it is a projection discriminator (Miyato 2018): the logit has <features, embedding> in it.
static gan_tensor *discriminator(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    const pic_settings *s = (const pic_settings *)gan_model_user(d);
    gan_tensor *logit;
    char name[24];
    int side = s->size / 2;
    gan_model_init(d, gan_init_xavier_uniform(1));
    gan_model_parametrize(d, NULL, GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
    for (; side >= 4; side /= 2) {
        snprintf(name, sizeof name, "conv%d", side);
        x = gan_leaky_relu(gan_conv2d(d, name, x, channels_at(s, side), 4, 2, 1), .2f);
    }
    x = gan_flatten(x);
    logit = gan_linear(d, "fc", x, 1);
    if (s->classes < 2) return logit;
    x = gan_mul(x, gan_embedding(d, "class", label, s->classes, gan_dim(x, 1)));
    return gan_add(logit, gan_sum(x, GAN_AXES(1), GAN_KEEPDIM));
}

// The description of the trainer; augment is settled by the number of pictures.
static gan_trainer_desc describe(gan_context *ctx, pic_settings *s, gan_dataset *data)
{
    gan_trainer_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.generator = gan_model_create(ctx, "generator", generator, s);
    desc.discriminator = gan_model_create(ctx, "discriminator", discriminator, s);
    desc.data = data, desc.batch = s->batch, desc.latent = s->latent;
    desc.loss = GAN_LOSS_HINGE;
    desc.g_optimizer = desc.d_optimizer = gan_adam((gan_real)s->lr, 0, .99f);
    desc.ema_half_life = (gan_real)(1000 * s->ema);
    desc.rollback = 500;
    if (!strcmp(s->augment, "auto")) s->augment = gan_dataset_size(data) < 20000 ? "diff" : "none";
    if (!strcmp(s->augment, "diff")) desc.augment.policy = GAN_AUGMENT_DIFF;
    if (!strcmp(s->augment, "ada"))
        desc.augment.policy = GAN_AUGMENT_ADA, desc.ada_target = .6f, desc.ada_kimg = 100;
    return desc;
}

// Samples of the same z at each step; those with alpha lie on white.
static gan_tensor *sample(gan_trainer *t, int n)
{
    gan_tensor *x = gan_trainer_sample(t, n), *a;
    if (gan_dim(x, 1) < 4) return x;
    a = gan_affine(gan_slice(x, 1, 3, 4), .5f, .5f);
    return gan_add_scalar(gan_mul(gan_add_scalar(gan_slice(x, 1, 0, 3), -1), a), 1);
}

// A picture of this step, the generator and a checkpoint.
static void keep(const ex_options *o, gan_context *ctx, gan_trainer *t, gan_logger *log, int step,
                 int columns)
{
    gan_image_write(sample(t, 8 * columns), columns, ex_path(o, "%06d.png", step));
    gan_logger_images(log, step, sample(t, 16));
    gan_trainer_save(t, ex_path(o, "generator.safetensors"));
    gan_save(ctx, ex_path(o, "pictures.safetensors"));
}

static int train(const ex_options *o, pic_settings *s)
{
    gan_context *ctx;
    gan_dataset *data, *held;
    gan_trainer_desc desc;
    gan_logger_desc columns;
    gan_logger *log;
    gan_report report;
    gan_trainer *t;
    gan_health *h;
    const char *metrics[PIC_CELLS];
    char cell[PIC_CELLS][PIC_CELL], says[512] = "";
    int i, grid, kept = -1;

    if (!o->resume && ex_exists(ex_path(o, "pictures.safetensors"))) {
        fprintf(stderr, "%s holds a run: go on with --resume, or name another --out\n", o->out);
        return 2;
    }
    ctx = ex_context(o);
    pic_look(s);
    pic_parts(ctx, s, &data, &held);
    desc = describe(ctx, s, data);
    t = gan_trainer_create(ctx, &desc);
    h = gan_health_create(t, NULL);
    if (o->resume) gan_resume(ctx, ex_path(o, "pictures.safetensors"));
    if (gan_error(ctx)) return ex_finish(ctx);
    if (ex_flags_save(o->flags, o->flags_count, ex_path(o, "settings.txt"))) {
        fprintf(stderr, "%s cannot be written\n", ex_path(o, "settings.txt"));
        return 1;
    }
    memset(&columns, 0, sizeof columns);
    columns.columns = "d_loss,g_loss,d_real,d_fake,augment_p", columns.csv = ex_path(o, "log.csv");
    columns.tensorboard = o->out, columns.resume = gan_trainer_steps(t);
    columns.sheet = ex_path(o, "progress.png");
    log = gan_logger_create(ctx, &columns);
    grid = pic_columns(s) ? pic_columns(s) : 8;
    if (gan_trainer_steps(t) >= o->steps)
        printf("%d steps are made already: --steps says how many in all\n", (int)gan_trainer_steps(t));
    for (i = (int)gan_trainer_steps(t); i < o->steps && !ex_stop && !gan_error(ctx);) {
        const gan_trainer_stats now = gan_trainer_step(t);
        gan_health_step(h, &now);
        gan_logger_row(log, ++i, (double)now.d_loss, (double)now.g_loss, (double)now.d_real,
                       (double)now.d_fake, (double)now.augment_p);
        ex_progress_gan(&now, o->steps);
        if (i % s->preview == 0 || i == s->preview / 5) keep(o, ctx, t, log, kept = i, grid);
    }
    if (kept != i) keep(o, ctx, t, log, i, grid);
    memset(&report, 0, sizeof report);
    gan_health_text(h, says, sizeof says);
    report.title = o->out, report.log = log;
    report.images = sample(t, 8 * grid), report.images_columns = grid;
    if (o->score && !gan_error(ctx) && !pic_score(o, s, generator, cell)) {
        for (i = 0; i < PIC_CELLS; ++i) metrics[i] = cell[i];
        report.metrics = metrics, report.metrics_count = PIC_CELLS, report.metrics_columns = 5;
    }
    gan_trainer_report(t, h, &report, ex_path(o, "report.html"));
    if (gan_error(ctx)) return ex_finish(ctx);
    ex_say("The diagnosis:", says);
    snprintf(
        says, sizeof says,
        "%.200s: report.html has the whole run, NNNNNN.png samples of the same z, progress.png some of them "
        "in rows, log.csv and TensorBoard's events the numbers; generator.safetensors is what --samples "
        "draws from, pictures.safetensors what --resume continues.",
        o->out);
    ex_say("In", says);
    return ex_finish(ctx);
}

int main(int argc, char **argv)
{
    pic_settings s = {32, 0, 0, 32, 32, 100, 500, 0, 10, 4e-4, 20, "", "white", "auto"};
    ex_flag flags[] = {
        {"--data", "FOLDER", "pictures; sub-folders are classes", NULL, NULL, &s.data, NULL, 0, 0},
        {"--size", "N", "16, 32, 64 or 128 pixels", &s.size, NULL, NULL, "16 32 64 128", 1, 0},
        {"--channels", "N", "1 gray, 3 color, 4 alpha, 0 auto", &s.channels, NULL, NULL, "0 1 3 4", 1, 0},
        {"--background", "C", "RRGGBB behind transparent parts", NULL, NULL, &s.background, NULL, 1, 0},
        {"--classes", "N", "1: without, 0: the sub-folders", &s.classes, NULL, NULL, NULL, 1, 0},
        {"--flip", "0|1", "mirror half of the pictures", &s.flip, NULL, NULL, "0 1", 0, 0},
        {"--hold", "N", "percent not trained on, for --score", &s.hold, NULL, NULL, NULL, 1, 0},
        {"--augment", "HOW", "none, diff, ada", NULL, NULL, &s.augment, "auto none diff ada", 0, 0},
        {"--batch", "N", "pictures a step", &s.batch, NULL, NULL, NULL, 0, 0},
        {"--width", "N", "channels; more are better, slower", &s.width, NULL, NULL, NULL, 1, 0},
        {"--latent", "N", "random numbers a picture", &s.latent, NULL, NULL, NULL, 1, 0},
        {"--lr", "X", "learning rate", NULL, &s.lr, NULL, NULL, 0, 0},
        {"--ema", "K", "half-life of the average, 1000s", NULL, &s.ema, NULL, NULL, 0, 0},
        {"--preview", "N", "steps between two pictures", &s.preview, NULL, NULL, NULL, 0, 0},
    };
    enum { COUNT = (int)(sizeof flags / sizeof *flags) };
    const ex_options o = ex_start_with(argc, argv, "pictures", "a GAN learns to draw pictures like yours",
                                       10000, "out/pictures", "samples resume score", flags, COUNT);
    char cell[PIC_CELLS][PIC_CELL];
    int code = 0;
    if ((o.resume || !flags[0].given) && !ex_flags_load(flags, COUNT, ex_path(&o, "settings.txt"))) {
        fprintf(stderr, "%s holds no run: name a folder of pictures with --data\n", o.out);
        return 2;
    }
    if (strcmp(s.background, "white") &&
        (strlen(s.background) != 6 || strspn(s.background, "0123456789abcdefABCDEF") != 6)) {
        fprintf(stderr, "--background is RRGGBB in hexadecimal, such as 000000, not '%s'\n", s.background);
        return 2;
    }
    if (!s.batch || !s.width || !s.latent || !s.preview || s.hold > 99) {
        fprintf(stderr, "--batch, --width, --latent and --preview are at least 1, --hold at most 99\n");
        return 2;
    }
    if (!o.resume && !flags[0].given && (s.channels < 1 || s.classes < 1)) {
        fprintf(stderr, "%s is not of a run that has begun\n", ex_path(&o, "settings.txt"));
        return 2;
    }
    if (!o.resume && !flags[0].given && !o.samples && !o.score) {
        fprintf(stderr, "%s holds a run: --resume, --samples N FILE or --score\n", o.out);
        return 2;
    }
    if (o.resume || flags[0].given) code = train(&o, &s);
    else if (o.score) code = pic_score(&o, &s, generator, cell);
    if (!code && o.samples) code = pic_samples(&o, &s, generator);
    return code;
}
