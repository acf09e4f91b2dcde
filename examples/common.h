// common.h - what the examples share, so that each of them is about its GAN alone. Include it first: it
// brings stb_image_write.h where that is installed, which makes gan.h write PNG; without it pictures are PGM
// and PPM.
//
//     >>options    the command line    >>flags      an example's own ones    >>plot     series and axes
//     >>terminal   progress            >>digits     MNIST, or drawn digits   >>samples  IDX of generated
#ifndef GAN_EXAMPLES_COMMON_H
#define GAN_EXAMPLES_COMMON_H

#if !defined(_WIN32) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _WIN32
#include <direct.h>
#include <io.h>
#else
#include <sys/stat.h>
#include <unistd.h>
#endif
#ifdef __has_include
#if __has_include(<stb/stb_image_write.h>)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#elif __has_include("data/include/stb/stb_image_write.h")
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include "data/include/stb/stb_image_write.h"
#endif
#endif
#ifdef INCLUDE_STB_IMAGE_WRITE_H
#define EX_PICTURES "pictures are PNG"
#else
#define EX_PICTURES "pictures are PGM and PPM (no stb_image_write.h here)"
#endif
#include "gan.h"

// >>flags

// A flag that one example alone has. Its value goes to one of number, real and text, which hold the default.
typedef struct ex_flag {
    const char *name, *value, *help; // "--size", "N", what it does
    int *number;
    double *real;
    const char **text;
    const char *choices; // "16 32 64": the values allowed; NULL: any
    int of_run;          // 1: ex_flags_load refuses another value than the run's
    int given;           // set by the command line
} ex_flag;

static inline ex_flag *ex_flag_find(ex_flag *flags, int count, const char *name)
{
    int i;
    for (i = 0; i < count; ++i)
        if (!strcmp(flags[i].name, name)) return &flags[i];
    return NULL;
}

static inline int ex_is_choice(const char *choices, const char *value)
{
    const size_t n = strlen(value);
    const char *at = choices;
    for (; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == n && !memcmp(at, value, n)) return 1;
    return !choices;
}

static inline void ex_flag_set(ex_flag *f, const char *value)
{
    char *end = NULL;
    double number;
    if (!value) fprintf(stderr, "%s wants %s\n", f->name, f->value), exit(2);
    if (!ex_is_choice(f->choices, value))
        fprintf(stderr, "%s is one of %s, not '%s'\n", f->name, f->choices, value), exit(2);
    if (f->text) {
        *f->text = value;
        return;
    }
    number = f->number ? (double)strtol(value, &end, 10) : strtod(value, &end);
    if (f->number && number >= 0 && number < 1e9) *f->number = (int)number;
    if (f->real) *f->real = number;
    if (end != value && !*end && number >= 0 && number < 1e9) return;
    fprintf(stderr, "%s wants %s of 0 or more, not '%s'\n", f->name,
            f->number ? "a whole number" : "a number", value);
    exit(2);
}

static inline void ex_flag_write(const ex_flag *f, char *to, size_t size)
{
    if (f->text) snprintf(to, size, "%s", *f->text);
    else if (f->number) snprintf(to, size, "%d", *f->number);
    else snprintf(to, size, "%.9g", *f->real);
}

// The flags as lines `--name value`; 0 on success.
static inline int ex_flags_save(const ex_flag *flags, int count, const char *path)
{
    char value[600];
    FILE *f = fopen(path, "wb");
    int i;
    if (!f) return 1;
    for (i = 0; i < count; ++i) {
        ex_flag_write(&flags[i], value, sizeof value);
        fprintf(f, "%s %s\n", flags[i].name, value);
    }
    return fclose(f);
}

// Takes the flags that the command line did not give from such a file; 0 when there is none.
static inline int ex_flags_load(ex_flag *flags, int count, const char *path)
{
    static char text[8192]; // texts point into it
    FILE *f = fopen(path, "rb");
    char *line = text;
    if (!f) return 0;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    while (*line) {
        char *end = line + strcspn(line, "\n"), *value = line + strcspn(line, " \n"), mine[600];
        ex_flag *flag;
        if (*end) *end++ = 0;
        if (*value) *value++ = 0;
        flag = ex_flag_find(flags, count, line);
        line = end;
        if (!flag) continue;
        if (!flag->given) {
            ex_flag_set(flag, value);
            continue;
        }
        ex_flag_write(flag, mine, sizeof mine);
        if (!flag->of_run || !strcmp(mine, value)) continue;
        fprintf(stderr,
                "%s says that this run has %s %s, not %s: leave the flag out, or take another --out\n", path,
                flag->name, value, mine);
        exit(2);
    }
    return 1;
}

// >>options

typedef struct ex_options {
    const char *name, *about, *extra;
    ex_flag *flags;
    int flags_count;
    int steps, threads, samples, resume, freeze_generator, table, score;
    uint64_t seed;
    const char *out, *data, *samples_file;
} ex_options;

static inline void ex_usage(const ex_options *o)
{
    int i;
    printf("%s: %s\n\n", o->name, o->about);
    printf("  --steps N           iterations (%d)\n", o->steps);
    printf("  --seed N            of every random number (0)\n");
    printf("  --threads N         0: all; more than one needs a build with -fopenmp (0)\n");
    printf("  --out FOLDER        where the pictures go (%s)\n", o->out);
    if (o->data)
        printf("  --data FOLDER       holds train-images-idx3-ubyte (%s); toys draw their own\n", o->data);
    if (strstr(o->extra, "samples"))
        printf("  --samples N FILE    N generated images: %s\n",
               o->data ? "IDX u8" : "one NAME.png, or a folder of pictures");
    if (strstr(o->extra, "resume")) printf("  --resume            go on from the checkpoint there\n");
    if (strstr(o->extra, "freeze")) printf("  --freeze-generator  train the discriminator alone\n");
    if (strstr(o->extra, "table")) printf("  --table             the whole proof, in minutes\n");
    if (strstr(o->extra, "score")) printf("  --score             measures samples against held-out data\n");
    for (i = 0; i < o->flags_count; ++i) {
        char name[64], value[600];
        snprintf(name, sizeof name, "%s %s", o->flags[i].name, o->flags[i].value);
        ex_flag_write(&o->flags[i], value, sizeof value);
        printf("  %-18s  %s%s%s%s\n", name, o->flags[i].help, *value ? " (" : "", value, *value ? ")" : "");
    }
    exit(0);
}

static inline long long ex_number(const char *option, const char *text)
{
    char *end;
    long long n = text ? strtoll(text, &end, 10) : -1;
    if (text && *text && !*end && n >= 0) return n;
    fprintf(stderr, "%s wants a whole number, not '%s'\n", option, text ? text : "");
    exit(2);
}

// mkdir -p
static inline void ex_folder(const char *path)
{
    char part[512];
    size_t i, n = strlen(path);
    if (n >= sizeof part) return;
    for (i = 1; i <= n; ++i) {
        if (path[i] && path[i] != '/') continue;
        memcpy(part, path, i);
        part[i] = 0;
#ifdef _WIN32
        _mkdir(part);
#else
        mkdir(part, 0777);
#endif
    }
}

static volatile sig_atomic_t ex_stop; // set by Ctrl-C; a second Ctrl-C kills
static inline void ex_interrupted(int number)
{
    ex_stop = 1;
    signal(number, SIG_DFL);
}

// extra: which of "samples resume freeze table score" this example has; flags: those that it alone has, which
// are looked for first. With --data among them data is NULL.
static inline ex_options ex_start_with(int argc, char **argv, const char *name, const char *about, int steps,
                                       const char *out, const char *extra, ex_flag *flags, int count)
{
    ex_options o;
    int i;
    memset(&o, 0, sizeof o);
    o.name = name, o.about = about, o.extra = extra, o.steps = steps, o.out = out;
    o.flags = flags, o.flags_count = count;
    o.data = ex_flag_find(flags, count, "--data") ? NULL : "data/mnist";
    for (i = 1; i < argc; ++i) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        ex_flag *flag = ex_flag_find(flags, count, a);
        if (flag) ex_flag_set(flag, value), flag->given = 1, ++i;
        else if (!strcmp(a, "--help") || !strcmp(a, "-h")) ex_usage(&o);
        else if (!strcmp(a, "--steps")) o.steps = (int)ex_number(a, value), ++i;
        else if (!strcmp(a, "--seed")) o.seed = (uint64_t)ex_number(a, value), ++i;
        else if (!strcmp(a, "--threads")) o.threads = (int)ex_number(a, value), ++i;
        else if (!strcmp(a, "--out") && value) o.out = value, ++i;
        else if (!strcmp(a, "--data") && value) o.data = value, ++i;
        else if (!strcmp(a, "--resume") && strstr(extra, "resume")) o.resume = 1;
        else if (!strcmp(a, "--freeze-generator") && strstr(extra, "freeze")) o.freeze_generator = 1;
        else if (!strcmp(a, "--table") && strstr(extra, "table")) o.table = 1;
        else if (!strcmp(a, "--score") && strstr(extra, "score")) o.score = 1;
        else if (!strcmp(a, "--samples") && strstr(extra, "samples") && i + 2 < argc)
            o.samples = (int)ex_number(a, value), o.samples_file = argv[i + 2], i += 2;
        else fprintf(stderr, "what is '%s'? See %s --help\n", a, name), exit(2);
    }
    ex_folder(o.out);
    signal(SIGINT, ex_interrupted);
    return o;
}

static inline ex_options ex_start(int argc, char **argv, const char *name, const char *about, int steps,
                                  const char *out, const char *extra)
{
    return ex_start_with(argc, argv, name, about, steps, out, extra, NULL, 0);
}

// Prints a text that begins with `label`, broken at blanks to lines of at most 79 columns.
static inline void ex_say(const char *label, const char *text)
{
    int column = printf("%s", label);
    while (*text) {
        const int word = (int)strcspn(text, " \n");
        if (column + 1 + word > 79) column = printf("\n") - 1;
        if (column) column += printf(" ");
        column += printf("%.*s", word, text);
        text += word;
        if (*text == '\n') column = printf("\n") - 1;
        text += *text != 0;
    }
    printf("\n");
}

static inline void ex_warned(const char *message, void *user)
{
    (void)user;
    ex_say("warning:", message);
}

static inline gan_context *ex_context(const ex_options *o)
{
    gan_desc desc;
    gan_context *ctx;
    memset(&desc, 0, sizeof desc);
    desc.seed = o->seed, desc.threads = o->threads, desc.on_warning = ex_warned;
    ctx = gan_create(&desc);
    if (!ctx) fprintf(stderr, "no memory for a context\n"), exit(1);
    printf("%s: %s\n", o->name, o->about);
    printf("seed %llu, %s, %d thread%s, %s\n", (unsigned long long)o->seed, gan_isa_name(ctx),
           gan_threads(ctx), gan_threads(ctx) == 1 ? "" : "s", EX_PICTURES);
    return ctx;
}

// Says what went wrong, if anything did; the program's exit code.
static inline int ex_finish(gan_context *ctx)
{
    int error = gan_error(ctx);
    if (error) fprintf(stderr, "%s\n", gan_error_message(ctx));
    gan_destroy(ctx);
    return error != 0;
}

// The path of a file in the out folder; good until the fourth call from here.
static inline const char *ex_path(const ex_options *o, const char *format, ...)
{
    static char paths[4][600];
    static int turn;
    char *p = paths[turn++ & 3];
    size_t n = (size_t)snprintf(p, 500, "%s/", o->out);
    va_list args;
    va_start(args, format);
    vsnprintf(p + (n < 500 ? n : 499), 100, format, args);
    va_end(args);
    return p;
}

static inline int ex_exists(const char *path)
{
    FILE *f = fopen(path, "rb");
    int there = f && fgetc(f) != EOF; // a folder opens on some systems, but does not read
    if (f) fclose(f);
    return there;
}

// >>terminal

static inline double ex_seconds(void)
{
#ifdef _WIN32
    return (double)clock() / CLOCKS_PER_SEC;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#endif
}

static inline int ex_terminal(void)
{
    const char *term = getenv("TERM");
#ifdef _WIN32
    (void)term;
    return _isatty(_fileno(stdout));
#else
    return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
#endif
}

// A bar, the time left, your numbers and the speed on a terminal, about 20 plain lines elsewhere; a line has
// at most 79 columns.
static inline void ex_progress_line(int step, int steps, const char *numbers)
{
    static double begun, drawn;
    static int first, lines;
    const double now = ex_seconds();
    const int last = step >= steps || ex_stop, every = steps > 20 ? steps / 20 : 1;
    double speed, left;
    char text[256], bar[9];
    const char *no_color = getenv("NO_COLOR");
    int i;
    if (begun <= 0) begun = now, first = step, drawn = now - 1;
    if (lines == 0) lines = ex_terminal() ? 1 : 2;
    if (lines == 1 ? now - drawn < .1 && !last : step % every && step != first && !last) return;
    drawn = now;
    speed = now > begun ? (step - first) / (now - begun) : 0;
    left = speed > 0 ? (steps - step) / speed : 0;
    if (speed > 0)
        snprintf(text, sizeof text, " %d:%02d left  %s  %.*f/s", (int)left / 60, (int)left % 60, numbers,
                 speed < 100, speed);
    else snprintf(text, sizeof text, " %s", numbers); // the first step
    for (i = 0; i < 8; ++i) bar[i] = i < 8. * step / steps ? '#' : '.';
    bar[8] = 0;
    if (lines == 2) printf("%.79s\n", text);
    else if (no_color && *no_color) printf("\r%s%-71.71s", bar, text);
    else printf("\r\033[32m%s\033[0m%-71.71s", bar, text);
    if (lines == 1 && last) printf("\n");
    fflush(stdout);
}

// Call one of these after each step.
static inline void ex_progress(int step, int steps, const char *format, ...)
{
    char numbers[96];
    size_t n = (size_t)snprintf(numbers, sizeof numbers, "step %d of %d  ", step, steps);
    va_list args;
    va_start(args, format);
    vsnprintf(numbers + n, sizeof numbers - n, format, args);
    va_end(args);
    ex_progress_line(step, steps, numbers);
}

static inline void ex_progress_gan(const gan_trainer_stats *s, int steps)
{
    char numbers[80];
    gan_trainer_stats_text(s, numbers, sizeof numbers);
    ex_progress_line((int)s->step, steps, numbers);
}

// >>plot

// n values for gan_axes; size and color as in gan_series, alpha the mark's.
static inline gan_series ex_series(const char *name, gan_mark mark, const double *x, const double *y, int n,
                                   double size, int color)
{
    gan_series s;
    memset(&s, 0, sizeof s);
    s.name = name, s.mark = mark, s.x = x, s.y = y, s.n = n, s.size = size, s.color = color;
    return s;
}

// The same where two say one thing: this one wide and pale, the other goes over it.
static inline gan_series ex_wide(const double *x, const double *y, int n, int color)
{
    gan_series s = ex_series(NULL, GAN_MARK_LINE, x, y, n, 7, color);
    s.alpha = .3;
    return s;
}

static inline gan_axes ex_axes(const char *title, double x0, double x1, double y0, double y1,
                               const gan_series *series, int count)
{
    gan_axes a;
    memset(&a, 0, sizeof a);
    a.title = title, a.x0 = x0, a.x1 = x1, a.y0 = y0, a.y1 = y1, a.series = series, a.count = count;
    return a;
}

// >>digits

static inline double ex_random(uint64_t *state) // [0, 1); an LCG is enough for penmanship
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / 16777216.;
}

// One digit of 28 x 28 pixels, -1 .. 1: the strokes are points (x, y) on a 10 x 10 grid, smoothed
// (Catmull-Rom), trembling, turned, slanted, scaled and drawn with a pen of random width. A doubled point is
// a corner, a comma lifts the pen.
static inline void ex_draw_digit(gan_real *pixel, int digit, uint64_t *random)
{
    static const char *const strokes[10] = {"40 21 14 28 49 68 74 61 40 21",
                                            "32 50 50 49 49",
                                            "22 30 60 72 64 36 19 19 39 59 79",
                                            "21 40 61 62 44 44 66 67 49 27",
                                            "40 40 16 16 46 76,62 65 59",
                                            "70 40 30 30 24 24 53 75 67 39 18",
                                            "60 32 16 28 49 68 66 45 26",
                                            "20 20 70 70 54 39",
                                            "61 40 21 23 45 66 68 49 28 26 45 63 61",
                                            "63 40 22 34 63 61 65 59"};
    const double turn = .4 * ex_random(random) - .2, slant = .5 * ex_random(random) - .15;
    const double size = 1.8 + .4 * ex_random(random), narrow = .8 + .4 * ex_random(random);
    const double pen = .7 + .9 * ex_random(random);
    const double cx = 13.5 + 2 * ex_random(random) - 1, cy = 13.5 + 2 * ex_random(random) - 1;
    const char *s = strokes[digit];
    double x[32], y[32];
    int i, k, n, px, py;
    for (i = 0; i < 784; ++i) pixel[i] = -1;
    while (*s) {
        for (n = 1; s[0] && s[0] != ','; s += s[2] == ' ' ? 3 : 2, ++n) {
            const double u = s[0] - '0' - 4.75 + .5 * ex_random(random);
            const double v = s[1] - '0' - 4.75 + .5 * ex_random(random);
            const double w = narrow * (u - slant * v);
            x[n] = cx + size * (w * cos(turn) - v * sin(turn));
            y[n] = cy + size * (w * sin(turn) + v * cos(turn));
        }
        if (*s == ',') ++s;
        x[0] = x[1], y[0] = y[1], x[n] = x[n - 1], y[n] = y[n - 1];
        for (i = 1; i < n - 1; ++i)
            for (k = 0; k < 16; ++k) {
                const double t = k / 16., t2 = t * t, t3 = t2 * t;
                const double a = -t3 + 2 * t2 - t, b = 3 * t3 - 5 * t2 + 2, c = -3 * t3 + 4 * t2 + t,
                             d = t3 - t2;
                const double qx = (a * x[i - 1] + b * x[i] + c * x[i + 1] + d * x[i + 2]) / 2;
                const double qy = (a * y[i - 1] + b * y[i] + c * y[i + 1] + d * y[i + 2]) / 2;
                for (py = (int)(qy - pen - 1); py <= (int)(qy + pen + 1); ++py)
                    for (px = (int)(qx - pen - 1); px <= (int)(qx + pen + 1); ++px) {
                        const double ink = pen + .5 - hypot(px - qx, py - qy), v = ink > 1 ? 1 : 2 * ink - 1;
                        if (px >= 0 && py >= 0 && px < 28 && py < 28 && v > (double)pixel[28 * py + px])
                            pixel[28 * py + px] = (gan_real)v;
                    }
            }
    }
}

enum { EX_DRAWN = 10000 };

static inline gan_dataset *ex_drawn(gan_context *ctx, uint64_t seed)
{
    gan_real *pixels = (gan_real *)malloc(sizeof(gan_real) * EX_DRAWN * 784);
    gan_real *labels = (gan_real *)malloc(sizeof(gan_real) * EX_DRAWN);
    gan_dataset *digits;
    uint64_t random = seed + 1;
    int i;
    if (!pixels || !labels) exit(1);
    for (i = 0; i < EX_DRAWN; ++i) {
        ex_draw_digit(pixels + 784 * (size_t)i, i % 10, &random);
        labels[i] = (gan_real)(i % 10);
    }
    digits = gan_dataset_memory(ctx, pixels, labels, EX_DRAWN, 1, 28, 28);
    free(pixels);
    free(labels);
    return digits;
}

// Whether o->data is a file, or a folder with MNIST.
static inline int ex_has_digits(const ex_options *o)
{
    char path[600];
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", o->data);
    return ex_exists(path) || ex_exists(o->data);
}

// MNIST from o->data, or digits drawn here.
static inline gan_dataset *ex_digits(gan_context *ctx, const ex_options *o)
{
    if (ex_has_digits(o)) {
        printf("training on the digits in %s\n", o->data);
        return gan_dataset_idx(ctx, o->data);
    }
    printf("no %s/train-images-idx3-ubyte: drawing %d digits instead\n", o->data, EX_DRAWN);
    return ex_drawn(ctx, o->seed);
}

// Digits not trained on: MNIST's test images from o->data, or other drawn ones. NULL, and a line that says
// so, where they are missing.
static inline gan_dataset *ex_test_digits(gan_context *ctx, const ex_options *o)
{
    char path[600];
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", o->data);
    if (!ex_has_digits(o)) return ex_drawn(ctx, o->seed + 1000);
    if (ex_exists(path)) return gan_dataset_idx(ctx, path);
    printf("--data lacks t10k-images-idx3-ubyte: not compared; tools/fetch_mnist.sh gets it\n");
    return NULL;
}

// >>samples

// o->samples images of the trained generator as IDX u8, from fresh z, a hundred at a time.
static inline void ex_samples(gan_context *ctx, const ex_options *o, const gan_trainer_desc *desc,
                              gan_trainer *t)
{
    gan_real *all = NULL;
    size_t size = 0;
    int i, n = 0, dims[4] = {0, 1, 28, 28};
    for (i = 0; i < o->samples && !gan_error(ctx); i += n) {
        gan_tensor *z, *x;
        n = o->samples - i < 100 ? o->samples - i : 100;
        gan_scope_open(ctx);
        z = desc->prior == GAN_PRIOR_UNIFORM ? gan_affine(gan_rand_uniform(ctx, n, desc->latent), 2, -1)
                                             : gan_rand_normal(ctx, n, desc->latent);
        x = gan_trainer_generate(t, z, NULL);
        if (!all) {
            size = gan_numel(x) / (size_t)n;
            dims[1] = gan_dim(x, 1), dims[2] = gan_dim(x, 2), dims[3] = gan_dim(x, 3);
            all = (gan_real *)malloc(sizeof(gan_real) * size * (size_t)o->samples);
            if (!all) exit(1);
        }
        gan_read(x, all + size * (size_t)i, size * (size_t)n);
        gan_scope_close(ctx);
    }
    if (!all || gan_error(ctx)) {
        free(all);
        return;
    }
    gan_scope_open(ctx);
    gan_idx_write(gan_from(ctx, all, o->samples, dims[1], dims[2], dims[3]), o->samples_file);
    gan_scope_close(ctx);
    free(all);
    printf("%d generated images: %s\n", o->samples, o->samples_file);
}

#endif
