// A GAN trains on a folder of your pictures: a program for people who do not write C.
//     make pictures && build/pictures --data FOLDER
// Sub-folders are classes; the GAN is then conditional. A DCGAN (Radford 2016) whose depth follows --size,
// with spectral norm and the hinge loss (Miyato 2018), DiffAugment (Zhao 2020) or ADA (Karras 2020), and an
// averaged generator. examples/README.md says what it writes; --resume goes on, --samples and --score need no
// training.
#include "common.h"
#ifdef __has_include
#if __has_include(<stb/stb_image.h>)
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#elif __has_include("data/include/stb/stb_image.h")
#define STB_IMAGE_IMPLEMENTATION
#include "data/include/stb/stb_image.h"
#endif
#endif
#define GAN_IMPLEMENTATION
#include "gan.h"

typedef struct settings {
    int size, channels, classes, labeled, batch, width, latent, preview, flip;
    double lr, ema;
    const char *data, *background, *augment;
} settings;

// Channels at a side: width at half of the size, twice as many at each halving, at most 8 width.
static int channels_at(const settings *s, int side)
{
    const int times = s->size / 2 / side;
    return s->width * (times < 8 ? times : 8);
}

static gan_tensor *generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    const settings *s = (const settings *)gan_model_user(g);
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
    const settings *s = (const settings *)gan_model_user(d);
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

// Width, height and channels of a picture's file; 0 when they cannot be told.
static int measure(const char *path, int *w, int *h, int *c)
{
#ifdef STBI_INCLUDE_STB_IMAGE_H
    return stbi_info(path, w, h, c);
#else
    FILE *f = fopen(path, "rb");
    char kind = 0;
    int ok = f && fscanf(f, "P%c %d %d", &kind, w, h) == 3;
    if (f) fclose(f);
    *c = kind == '6' ? 3 : 1;
    return ok;
#endif
}

// The data with these settings; ends the program with a message when they cannot be opened.
static gan_dataset *open_data(gan_context *ctx, const settings *s, int stream)
{
    gan_dataset_desc from;
    gan_dataset *d;
    memset(&from, 0, sizeof from);
    from.path = s->data, from.label_index = s->labeled, from.flip = s->flip;
    from.channels = s->channels, from.height = from.width = s->size;
    from.background = !strcmp(s->background, "white") ? 0xffffff : (unsigned)strtoul(s->background, NULL, 16);
    from.stream = stream, from.memory = (size_t)1 << 30;
    d = gan_dataset_open(ctx, &from);
    if (d && !gan_error(ctx)) return d;
    fprintf(stderr, "%s\n", gan_error_message(ctx));
#ifndef STBI_INCLUDE_STB_IMAGE_H
    fprintf(stderr, "this program reads PGM and PPM only: sh tools/fetch_stb.sh, then make pictures\n");
#endif
    exit(1);
}

// Settles what the flags leave to the data, and says what is unusual about them.
static void look(settings *s)
{
    gan_context *ctx = gan_create(NULL);
    gan_dataset *d = open_data(ctx, s, 1);
    const int n = (int)gan_dataset_size(d), classes = gan_dataset_classes(d);
    const char *small = "", *rare = "";
    int i, w, h, c, most = 0, smaller = 0, few = 0, few_size = 0;
    for (i = 0; i < n && *gan_dataset_path(d, i); ++i) {
        if (!measure(gan_dataset_path(d, i), &w, &h, &c)) continue;
        most = c > most ? c : most;
        if ((w < h ? w : h) < s->size && !smaller++) small = gan_dataset_path(d, i);
    }
    if (!most) most = gan_dim(gan_dataset_batch(d, 1, NULL), 1); // a file of many pictures
    if (!s->channels) s->channels = most < 3 ? 1 : 3;
    if (!s->classes) s->classes = classes > 1 ? classes : 1;
    s->labeled = classes > 0;
    for (i = 0; i < classes && s->classes > 1; ++i)
        if (gan_dataset_class_size(d, i) < 10 && !few++)
            rare = gan_dataset_class_name(d, i), few_size = (int)gan_dataset_class_size(d, i);
    printf("%d pictures in %s", n, s->data);
    if (classes > 1) printf(", %d classes%s", classes, s->classes > 1 ? "" : " (not used)");
    printf("; %d x %d, %s\n", s->size, s->size,
           s->channels == 1   ? "gray"
           : s->channels == 3 ? "color"
                              : "with alpha");
    if (s->classes > 1 && s->classes != classes) {
        fprintf(stderr, "--classes %d, and the data have %d\n", s->classes, classes);
        exit(1);
    }
    if (smaller)
        printf("warning: %d are smaller than %d x %d and are enlarged, the first:\n  %s\n", smaller, s->size,
               s->size, small);
    if (few) printf("warning: %d classes have fewer than 10 pictures; %s has %d\n", few, rare, few_size);
    if (n < 100) printf("warning: these are few, the generator may learn them by heart\n");
    gan_destroy(ctx);
}

// The generator of a finished run.
static gan_model *trained(gan_context *ctx, const ex_options *o, settings *s)
{
    gan_model *g = gan_model_create(ctx, "generator", generator, s);
    gan_model_load(g, ex_path(o, "generator.safetensors"), 0);
    gan_model_mode(g, GAN_EVAL);
    gan_record(ctx, 0);
    return g;
}

// n samples, the classes in turn; the first is number `from`.
static gan_tensor *draw(gan_model *g, int from, int n)
{
    const settings *s = (const settings *)gan_model_user(g);
    gan_context *ctx = gan_model_context(g);
    gan_tensor *all = gan_zeros(ctx, n, s->channels, s->size, s->size);
    const size_t one = (size_t)s->channels * (size_t)s->size * (size_t)s->size;
    int i, k, m;
    for (i = 0; i < n && !gan_error(ctx); i += m) {
        gan_tensor *label;
        m = n - i < 100 ? n - i : 100;
        gan_scope_open(ctx);
        label = gan_zeros(ctx, m);
        for (k = 0; k < m && gan_data(label); ++k)
            gan_data(label)[k] = (gan_real)((from + i + k) % s->classes);
        gan_read(gan_forward(g, gan_rand_normal(ctx, m, s->latent), label), gan_data(all) + one * (size_t)i,
                 one * (size_t)m);
        gan_scope_close(ctx);
    }
    return all;
}

static int columns_of(const settings *s) { return s->classes > 1 && s->classes <= 16 ? s->classes : 0; }

// --samples: one picture of all, or a folder with a file each.
static int samples(const ex_options *o, settings *s)
{
    gan_desc desc;
    gan_context *ctx;
    gan_model *g;
    const char *dot = strrchr(o->samples_file, '.');
    int i, m;
    memset(&desc, 0, sizeof desc);
    desc.seed = o->seed, desc.threads = o->threads;
    ctx = gan_create(&desc);
    g = trained(ctx, o, s);
    if (dot && ex_is_choice(".png .ppm .pgm .pam", dot)) {
        gan_image_write(draw(g, 0, o->samples), columns_of(s), o->samples_file);
    } else {
        ex_folder(o->samples_file);
        for (i = 0; i < o->samples && !gan_error(ctx); i += m) {
            int k;
            gan_tensor *x;
            m = o->samples - i < 100 ? o->samples - i : 100;
            gan_scope_open(ctx);
            x = draw(g, i, m);
            for (k = 0; k < m; ++k) {
                char path[700];
                snprintf(path, sizeof path, "%.600s/%05d.png", o->samples_file, i + k);
                gan_image_write(gan_slice(x, 0, k, k + 1), 1, path);
            }
            gan_scope_close(ctx);
        }
    }
    if (!gan_error(ctx)) printf("%d generated pictures: %s\n", o->samples, o->samples_file);
    return ex_finish(ctx);
}

// The description of the trainer; augment is settled by the number of pictures.
static gan_trainer_desc describe(gan_context *ctx, settings *s, gan_dataset *data)
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

static int train(const ex_options *o, settings *s)
{
    gan_context *ctx;
    gan_trainer_desc desc;
    gan_logger_desc columns;
    gan_logger *log;
    gan_report report;
    gan_trainer *t;
    gan_health *h;
    const char *texts[64], *diagnosis[1];
    char values[32][80], says[512] = "";
    int i, grid;

    if (!o->resume && ex_exists(ex_path(o, "pictures.safetensors"))) {
        fprintf(stderr, "%s holds a run: go on with --resume, or name another --out\n", o->out);
        return 2;
    }
    ctx = ex_context(o);
    look(s);
    desc = describe(ctx, s, open_data(ctx, s, 0));
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
    grid = columns_of(s) ? columns_of(s) : 8;
    for (i = (int)gan_trainer_steps(t) + 1; i <= o->steps && !ex_stop && !gan_error(ctx); ++i) {
        const gan_trainer_stats now = gan_trainer_step(t);
        gan_health_step(h, &now);
        gan_logger_row(log, i, (double)now.d_loss, (double)now.g_loss, (double)now.d_real, (double)now.d_fake,
                       (double)now.augment_p);
        ex_progress_gan(&now, o->steps);
        if (i % s->preview && i != s->preview / 5 && i != o->steps && !ex_stop) continue;
        gan_image_write(gan_trainer_sample(t, 8 * grid), grid, ex_path(o, "%06d.png", i));
        gan_logger_images(log, i, gan_trainer_sample(t, 16));
        gan_trainer_save(t, ex_path(o, "generator.safetensors"));
        gan_save(ctx, ex_path(o, "pictures.safetensors"));
    }
    memset(&report, 0, sizeof report);
    for (i = 0; i < o->flags_count && i < 32; ++i) {
        ex_flag_write(&o->flags[i], values[i], sizeof values[i]);
        texts[2 * i] = o->flags[i].name, texts[2 * i + 1] = values[i];
    }
    gan_health_text(h, says, sizeof says);
    diagnosis[0] = says;
    report.title = o->out, report.log = log;
    report.configuration = texts, report.configuration_count = 2 * i;
    report.diagnosis = diagnosis, report.diagnosis_count = 1;
    report.images = gan_trainer_sample(t, 8 * grid), report.images_columns = grid;
    gan_report_write(ctx, &report, ex_path(o, "report.html"));
    if (gan_error(ctx)) return ex_finish(ctx);
    ex_say("The diagnosis:", says);
    printf("In %s: report.html has the whole run, NNNNNN.png are samples of the same z\n", o->out);
    return ex_finish(ctx);
}

int main(int argc, char **argv)
{
    settings s = {32, 0, 0, 0, 32, 32, 100, 500, 0, 4e-4, 20, "", "white", "auto"};
    ex_flag flags[] = {
        {"--data", "FOLDER", "pictures; sub-folders are classes", NULL, NULL, &s.data, NULL, 0, 0},
        {"--size", "N", "16, 32, 64 or 128 pixels", &s.size, NULL, NULL, "16 32 64 128", 1, 0},
        {"--channels", "N", "1 gray, 3 color, 4 alpha, 0 auto", &s.channels, NULL, NULL, "0 1 3 4", 1, 0},
        {"--background", "C", "behind transparency: RRGGBB", NULL, NULL, &s.background, NULL, 1, 0},
        {"--classes", "N", "1: without, 0: the sub-folders", &s.classes, NULL, NULL, NULL, 1, 0},
        {"--flip", "0|1", "mirror half of the pictures", &s.flip, NULL, NULL, "0 1", 0, 0},
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
    int code = 0;
    if ((o.resume || !flags[0].given) && !ex_flags_load(flags, COUNT, ex_path(&o, "settings.txt"))) {
        fprintf(stderr, "%s holds no run: name a folder of pictures with --data\n", o.out);
        return 2;
    }
    if (!s.batch || !s.width || !s.latent || !s.preview) {
        fprintf(stderr, "--batch, --width, --latent and --preview are at least 1\n");
        return 2;
    }
    if (!o.resume && !flags[0].given && !o.samples) {
        fprintf(stderr, "%s holds a run: --resume, --samples N FILE or --score\n", o.out);
        return 2;
    }
    if (o.resume || flags[0].given) code = train(&o, &s);
    if (!code && o.samples) code = samples(&o, &s);
    return code;
}
