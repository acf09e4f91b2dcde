// pictures.h - a folder of pictures as the data of a program; samples as files;
// their score beside held-out pictures. For pictures.c; include common.h before
// it and the implementation of gan.h after it.
#ifndef GAN_EXAMPLES_PICTURES_H
#define GAN_EXAMPLES_PICTURES_H

#ifdef __has_include
#if __has_include(<stb/stb_image.h>)
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#elif __has_include("data/include/stb/stb_image.h")
#define STB_IMAGE_IMPLEMENTATION
#include "data/include/stb/stb_image.h"
#endif
#endif

#include "gan.h"

typedef struct pic_settings {
    int size, channels,
        classes; // of a sample; channels and classes 0: as in the data
    int batch, width, latent, preview, flip, hold;
    double lr, ema;
    const char *data, *background, *augment;
} pic_settings;

// Width, height and channels of a picture's file; 0 when they cannot be told.
static inline int pic_measure(const char *path, int *w, int *h, int *c)
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

// The data with these settings; ends the program with a message when they
// cannot be opened.
static inline gan_dataset *pic_open(gan_context *ctx, const pic_settings *s, int stream)
{
    gan_dataset_desc from;
    gan_dataset *d;
    memset(&from, 0, sizeof from);
    from.path = s->data, from.label_index = s->classes > 1 && !stream;
    from.channels = s->channels, from.height = from.width = s->size;
    from.background = !strcmp(s->background, "white") ? 0xffffff : (unsigned)strtoul(s->background, NULL, 16);
    from.stream = stream, from.memory = (size_t)1 << 30;
    d = gan_dataset_open(ctx, &from);
    if (d && !gan_error(ctx)) return d;
    fprintf(stderr, "%s\n", gan_error_message(ctx));
#ifndef STBI_INCLUDE_STB_IMAGE_H
    fprintf(stderr, "this program reads PGM and PPM only: sh tools/fetch_stb.sh, "
                    "then make pictures\n");
#endif
    exit(1);
}

// Settles what the flags leave to the data, and says what is unusual about
// them.
static inline void pic_look(pic_settings *s)
{
    gan_context *ctx = gan_create(NULL);
    gan_dataset *d = pic_open(ctx, s, 1);
    const int n = (int)gan_dataset_size(d), classes = gan_dataset_classes(d);
    const char *small = "", *rare = "";
    char names[700] = "";
    int i, w, h, c, most = 0, smaller = 0, few = 0, few_size = 0;
    for (i = 0; i < n && *gan_dataset_path(d, i); ++i) {
        if (!pic_measure(gan_dataset_path(d, i), &w, &h, &c)) continue;
        most = c > most ? c : most;
        if ((w < h ? w : h) < s->size && !smaller++) small = gan_dataset_path(d, i);
    }
    if (!most) most = gan_dim(gan_dataset_batch(d, 1, NULL), 1); // a file of many pictures
    if (!s->channels) s->channels = most < 3 ? 1 : 3;
    if (!s->classes) s->classes = classes > 1 ? classes : 1;
    for (i = 0; i < classes && s->classes > 1; ++i)
        if (gan_dataset_class_size(d, i) < 10 && !few++)
            rare = gan_dataset_class_name(d, i), few_size = (int)gan_dataset_class_size(d, i);
    if (n * s->hold < 100) s->hold = 0;
    printf("%d pictures in %s", n, s->data);
    if (classes > 1) printf(", %d classes%s", classes, s->classes > 1 ? "" : " (not used)");
    printf("; %d x %d, %s\n", s->size, s->size,
           s->channels == 1   ? "gray"
           : s->channels == 3 ? "color"
                              : "with alpha");
    for (i = 0; i < classes && s->classes > 1 && classes <= 16; ++i) {
        const size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%.40s", at ? ", " : "", gan_dataset_class_name(d, i));
    }
    if (*names) ex_say("classes:", names);
    if (s->classes > 1 && s->classes != classes) {
        fprintf(stderr, "--classes %d, and the data have %d\n", s->classes, classes);
        exit(1);
    }
    if (smaller)
        printf("warning: %d are smaller than %d x %d and are enlarged, the "
               "first:\n  %s\n",
               smaller, s->size, s->size, small);
    if (few) printf("warning: classes with fewer than 10 pictures: %d; %s has %d\n", few, rare, few_size);
    if (s->hold) printf("%d %% of them are held out for --score\n", s->hold);
    if (n < 100) printf("warning: these are few, the generator may learn them by heart\n");
    gan_destroy(ctx);
}

// The pictures to train on, and those held out.
static inline void pic_parts(gan_context *ctx, const pic_settings *s, gan_dataset **train, gan_dataset **held)
{
    gan_dataset *d = pic_open(ctx, s, 0);
    gan_transform how;
    memset(&how, 0, sizeof how);
    how.flip = s->flip;
    *train = d, *held = NULL;
    if (s->hold) gan_dataset_split(d, s->hold / 100., train, held);
    gan_dataset_transform(*train, &how);
}

// The generator of a finished run.
static inline gan_model *pic_trained(gan_context *ctx, const ex_options *o, pic_settings *s,
                                     gan_model_function *generator)
{
    gan_model *g = gan_model_create(ctx, "generator", generator, s);
    gan_model_load(g, ex_path(o, "generator.safetensors"), 0);
    gan_model_mode(g, GAN_EVAL);
    gan_record(ctx, 0);
    return g;
}

// n samples for these labels; NULL: the classes in turn, beginning with number
// `from`.
static inline gan_tensor *pic_draw(gan_model *g, int from, int n, const gan_real *labels)
{
    const pic_settings *s = (const pic_settings *)gan_model_user(g);
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
            gan_data(label)[k] = labels ? labels[i + k] : (gan_real)((from + i + k) % s->classes);
        gan_read(gan_forward(g, gan_rand_normal(ctx, m, s->latent), label), gan_data(all) + one * (size_t)i,
                 one * (size_t)m);
        gan_scope_close(ctx);
    }
    return all;
}

static inline int pic_columns(const pic_settings *s)
{
    return s->classes > 1 && s->classes <= 16 ? s->classes : 0;
}

// --samples: one picture of all, or a folder with a file each.
static inline int pic_samples(const ex_options *o, pic_settings *s, gan_model_function *generator)
{
    gan_desc desc;
    gan_context *ctx;
    gan_model *g;
    const char *dot = strrchr(o->samples_file, '.');
    int i, m;
    if (dot && ex_is_choice(".jpg .jpeg .gif .bmp .webp", dot)) {
        fprintf(stderr, "%s: pictures are written as .png, .ppm, .pgm or .pam\n", o->samples_file);
        return 2;
    }
    memset(&desc, 0, sizeof desc);
    desc.seed = o->seed, desc.threads = o->threads;
    ctx = gan_create(&desc);
    g = pic_trained(ctx, o, s, generator);
    if (dot && ex_is_choice(".png .ppm .pgm .pam", dot)) {
        gan_image_write(pic_draw(g, 0, o->samples, NULL), pic_columns(s), o->samples_file);
    } else {
        ex_folder(o->samples_file);
        for (i = 0; i < o->samples && !gan_error(ctx); i += m) {
            int k;
            gan_tensor *x;
            m = o->samples - i < 100 ? o->samples - i : 100;
            gan_scope_open(ctx);
            x = pic_draw(g, i, m, NULL);
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

// A network with random weights, always the same ones: means and sizes of its
// feature maps (n, 96).
static inline gan_tensor *pic_features(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h;
    (void)label;
    gan_model_init(m, gan_init_he_normal(.2f));
    h = gan_leaky_relu(gan_conv2d(m, "conv1", x, 32, 4, 2, 1), .2f);
    x = gan_leaky_relu(gan_conv2d(m, "conv2", h, 64, 4, 2, 1), .2f);
    h = gan_sqrt(gan_mean(gan_square(h), GAN_AXES(2, 3), 0));
    return gan_concat(1, h, gan_mean(x, GAN_AXES(2, 3), 0));
}

enum { PIC_CELLS = 15, PIC_CELL = 32 };

// --score: training pictures and samples beside held-out pictures, as a table
// of three rows.
static inline int pic_score(const ex_options *o, pic_settings *s, gan_model_function *generator,
                            char cell[PIC_CELLS][PIC_CELL])
{
    static const char *const head[5] = {"beside the held-out", "Frechet", "1000 W1", "precision", "recall"};
    gan_desc desc;
    gan_context *ctx;
    gan_dataset *train, *held;
    gan_model *g, *m;
    gan_tensor *x[3], *f[3], *label;
    gan_copying copies;
    int i, n, all;
    memset(&desc, 0, sizeof desc);
    desc.threads = o->threads;
    ctx = gan_create(&desc);
    pic_parts(ctx, s, &train, &held);
    g = pic_trained(ctx, o, s, generator);
    m = gan_model_create(ctx, "features", pic_features, NULL);
    n = (int)gan_dataset_size(held) < 2000 ? (int)gan_dataset_size(held) : 2000;
    all = (int)gan_dataset_size(train) < 5000 ? (int)gan_dataset_size(train) : 5000;
    if (n < 10) {
        fprintf(stderr,
                "--score wants at least 10 held-out pictures, not %d: train with a "
                "larger --hold\n",
                n);
        gan_destroy(ctx);
        return 1;
    }
    x[0] = gan_dataset_batch(held, n, &label), x[1] = gan_dataset_batch(train, n, NULL);
    x[2] = pic_draw(g, 0, n, s->classes > 1 ? gan_data(label) : NULL);
    for (i = 0; i < 3; ++i) f[i] = gan_forward(m, x[i], NULL);
    for (i = 0; i < 5; ++i) snprintf(cell[i], PIC_CELL, "%s", head[i]);
    for (i = 1; i < 3; ++i) {
        const gan_fidelity pr = gan_precision_recall(f[0], f[i], 0);
        const double w = gan_item(gan_mean_all(gan_wasserstein_pyramid(x[0], x[i], 0, 0, 0)));
        snprintf(cell[5 * i], PIC_CELL, "%d %s", n, i == 1 ? "training pictures" : "samples");
        snprintf(cell[5 * i + 1], PIC_CELL, "%.3g", gan_frechet_distance(f[0], f[i]));
        snprintf(cell[5 * i + 2], PIC_CELL, "%.3g", 1000 * w);
        snprintf(cell[5 * i + 3], PIC_CELL, "%.2f", pr.precision);
        snprintf(cell[5 * i + 4], PIC_CELL, "%.2f", pr.recall);
    }
    copies = gan_memorization(gan_dataset_batch(train, all, NULL), x[0], x[2]);
    if (gan_error(ctx)) return ex_finish(ctx);
    printf("\n");
    for (i = 0; i < PIC_CELLS; i += 5)
        printf("%-24s %10s %10s %10s %10s\n", cell[i], cell[i + 1], cell[i + 2], cell[i + 3], cell[i + 4]);
    ex_say("Frechet:", "of features of a random network, comparable for one "
                       "folder and size only. W1: sliced, "
                       "of the patches of Laplacian pyramids. Training pictures "
                       "show what is possible.");
    if (n < 100) ex_say("warning:", "with fewer than 100 held-out pictures these numbers are rough");
    printf("A sample is %.2f times as far from the nearest training picture as a "
           "held-out\n",
           copies.ratio);
    printf("picture is%s\n", copies.z < -2 ? ": samples are near-copies of training pictures" : "");
    return ex_finish(ctx);
}

#endif
