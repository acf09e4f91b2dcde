// common.h - what the examples share, so that each of them is about its GAN alone. Include it first: it
// brings stb_image_write.h where that is installed, which makes gan.h write PNG; without it pictures are PGM
// and PPM.
//
//     >>options    the command line    >>terminal   progress                 >>plot     a small canvas
//     >>digits     MNIST, or drawn digits            >>samples  IDX of generated
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

// >>options

typedef struct ex_options {
    const char *name, *about, *extra;
    int steps, threads, samples, resume, freeze_generator, table;
    uint64_t seed;
    const char *out, *data, *samples_file;
} ex_options;

static inline void ex_usage(const ex_options *o)
{
    printf("%s: %s\n\n", o->name, o->about);
    printf("  --steps N           iterations (%d)\n", o->steps);
    printf("  --seed N            of every random number (0)\n");
    printf("  --threads N         0: all; more than one needs a build with -fopenmp (0)\n");
    printf("  --out FOLDER        where the pictures go (%s)\n", o->out);
    printf("  --data FOLDER       holds train-images-idx3-ubyte (%s); toys draw their own\n", o->data);
    if (strstr(o->extra, "samples")) printf("  --samples N FILE    N generated images, as IDX u8\n");
    if (strstr(o->extra, "resume")) printf("  --resume            go on from the checkpoint there\n");
    if (strstr(o->extra, "freeze")) printf("  --freeze-generator  train the discriminator alone\n");
    if (strstr(o->extra, "table")) printf("  --table             the whole proof, in minutes\n");
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

// extra: which of "samples resume freeze table" this example has.
static inline ex_options ex_start(int argc, char **argv, const char *name, const char *about, int steps,
                                  const char *out, const char *extra)
{
    ex_options o;
    int i;
    memset(&o, 0, sizeof o);
    o.name = name, o.about = about, o.extra = extra, o.steps = steps, o.out = out, o.data = "data/mnist";
    for (i = 1; i < argc; ++i) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(a, "--help") || !strcmp(a, "-h")) ex_usage(&o);
        else if (!strcmp(a, "--steps")) o.steps = (int)ex_number(a, value), ++i;
        else if (!strcmp(a, "--seed")) o.seed = (uint64_t)ex_number(a, value), ++i;
        else if (!strcmp(a, "--threads")) o.threads = (int)ex_number(a, value), ++i;
        else if (!strcmp(a, "--out") && value) o.out = value, ++i;
        else if (!strcmp(a, "--data") && value) o.data = value, ++i;
        else if (!strcmp(a, "--resume") && strstr(extra, "resume")) o.resume = 1;
        else if (!strcmp(a, "--freeze-generator") && strstr(extra, "freeze")) o.freeze_generator = 1;
        else if (!strcmp(a, "--table") && strstr(extra, "table")) o.table = 1;
        else if (!strcmp(a, "--samples") && strstr(extra, "samples") && i + 2 < argc)
            o.samples = (int)ex_number(a, value), o.samples_file = argv[i + 2], i += 2;
        else fprintf(stderr, "what is '%s'? See %s --help\n", a, name), exit(2);
    }
    ex_folder(o.out);
    signal(SIGINT, ex_interrupted);
    return o;
}

static inline gan_context *ex_context(const ex_options *o)
{
    gan_desc desc;
    gan_context *ctx;
    memset(&desc, 0, sizeof desc);
    desc.seed = o->seed, desc.threads = o->threads;
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

// Call after each step: a bar with speed, time left and your numbers on a terminal, about 20 plain lines
// elsewhere.
static inline void ex_progress(int step, int steps, const char *format, ...)
{
    static double begun, drawn;
    static int first, lines;
    const double now = ex_seconds();
    const int last = step >= steps || ex_stop, every = steps > 20 ? steps / 20 : 1;
    double speed, left;
    char text[192], numbers[96], bar[11];
    const char *no_color = getenv("NO_COLOR");
    int i;
    va_list args;
    if (begun <= 0) begun = now, first = step, drawn = now - 1;
    if (lines == 0) lines = ex_terminal() ? 1 : 2;
    if (lines == 1 ? now - drawn < .1 && !last : step % every && step != first && !last) return;
    drawn = now;
    speed = now > begun ? (step - first) / (now - begun) : 0;
    left = speed > 0 ? (steps - step) / speed : 0;
    va_start(args, format);
    vsnprintf(numbers, sizeof numbers, format, args);
    va_end(args);
    snprintf(text, sizeof text, " %6d/%d %6.*f/s %2d:%02d left  %s", step, steps, speed < 100, speed,
             (int)left / 60, (int)left % 60, numbers);
    for (i = 0; i < 10; ++i) bar[i] = i < 10. * step / steps ? '#' : '.';
    bar[10] = 0;
    if (lines == 2) printf("%s\n", text);
    else if (no_color && *no_color) printf("\r%s%-69.69s", bar, text);
    else printf("\r\033[32m%s\033[0m%-69.69s", bar, text);
    if (lines == 1 && last) printf("\n");
    fflush(stdout);
}

static inline void ex_progress_gan(const gan_trainer_stats *s, int steps)
{
    ex_progress((int)s->step, steps, "d %.2f  g %.2f  D(x) %.2f  D(G(z)) %.2f", (double)s->d_loss,
                (double)s->g_loss, (double)s->d_real, (double)s->d_fake);
}

// >>plot: a canvas of RGB bytes, split into panels with axes; what gan_plot has replaced except in games.c,
// modes.c and theory.c

enum {
    EX_BLUE = 0x2060B0,
    EX_ORANGE = 0xE07010,
    EX_GREEN = 0x208040,
    EX_RED = 0xC02828,
    EX_GREY = 0x909090,
    EX_BLACK = 0x303030,
    EX_LIGHT = 0xE8E8E8
};

typedef struct ex_plot {
    int w, h, left, top, right, bottom, legend; // the panel at hand, in pixels
    double x0, x1, y0, y1;                      // and in its own units
    unsigned char *rgb;
} ex_plot;

static inline ex_plot ex_plot_new(int w, int h)
{
    ex_plot p;
    memset(&p, 0, sizeof p);
    p.w = w, p.h = h;
    p.rgb = (unsigned char *)malloc((size_t)w * (size_t)h * 3);
    if (!p.rgb) exit(1);
    memset(p.rgb, 255, (size_t)w * (size_t)h * 3);
    return p;
}

static inline void ex_plot_dot(ex_plot *p, int x, int y, int color, double cover)
{
    int c;
    unsigned char *at;
    if (x < 0 || y < 0 || x >= p->w || y >= p->h || cover <= 0) return;
    at = p->rgb + 3 * (y * p->w + x);
    if (cover > 1) cover = 1;
    for (c = 0; c < 3; ++c)
        at[c] = (unsigned char)(at[c] + cover * ((color >> (16 - 8 * c) & 255) - at[c]) + .5);
}

// from (ax, ay) to (bx, by) in pixels; a pixel is covered by its distance from the line
static inline void ex_plot_stroke(ex_plot *p, double ax, double ay, double bx, double by, double width,
                                  int color)
{
    const double dx = bx - ax, dy = by - ay, len = dx * dx + dy * dy, r = width / 2 + .5;
    int x, y;
    for (y = (int)floor(fmin(ay, by) - r); y <= (int)ceil(fmax(ay, by) + r); ++y)
        for (x = (int)floor(fmin(ax, bx) - r); x <= (int)ceil(fmax(ax, bx) + r); ++x) {
            double t = len > 0 ? ((x - ax) * dx + (y - ay) * dy) / len : 0;
            t = fmin(fmax(t, 0), 1);
            ex_plot_dot(p, x, y, color, r - hypot(x - ax - t * dx, y - ay - t * dy));
        }
}

// 5 x 7 letters, ASCII 32 .. 126; a letter is 7 rows, a row one digit in base 32 (0-9, A-V), its bits the
// pixels.
static const char ex_font[] =
    "00000004444404AAA0000AAVAVAA4FKE5U4OP248J3CIK8LID4480000248884284222480LEVEL0044V4400000C48000E000"
    "00000CC11248GGEHJLPHE4C4444EEH1248VEH161HE26AIV22VGU11HE68GUHHEV124488EHHEHHEEHHF12C0CC0CC00CC0C48"
    "248G84200V0V008421248EH12404EHNLNGE4AHHVHHUHHUHHUEHGGGHEUHHHHHUVGGUGGVVGGUGGGEHGJHHEHHHVHHHE44444E"
    "72222ICHIKOKIHGGGGGGVHRLLHHHHPPLJJHEHHHHHEUHHUGGGEHHHLIDUHHUKIHFGGE11UV444444HHHHHHEHHHHAA4HHHLLRH"
    "HHA4AHHHHA4444V1248GVE88888EGG84211E22222E4AH0000000000V842000000E1FHFGGUHHHU00EHGHE11FHHHF00EHVGE"
    "698S88800FHF1EGGUHHHH40C444E20622ICGGIKOKIC44444E00QLLLL00UHHHH00EHHHE00UHUGG00FHF1100MPGGG00FGE1U"
    "88S889600HHHJD00HHHA400HHLLA00HA4AH00HHF1E00V248V64484464444444C44244C008L200";

// align -1: x is the text's left end, 0: its middle, 1: its right end; y is its top; twice the size of the
// font
static inline void ex_plot_text(ex_plot *p, int x, int y, int align, const char *text, int color)
{
    const int n = (int)strlen(text);
    int i, row, bit;
    x -= (align + 1) * (12 * n - 2) / 2;
    for (i = 0; i < 14 * n; ++i) {
        const int letter = text[i / 14] > 31 && text[i / 14] < 127 ? text[i / 14] - 32 : 31;
        const char digit = ex_font[letter * 7 + i % 14 / 2];
        row = digit <= '9' ? digit - '0' : digit - 'A' + 10;
        for (bit = 0; bit < 10; ++bit)
            if (row >> (4 - bit / 2) & 1) ex_plot_dot(p, x + 12 * (i / 14) + bit, y + i % 14, color, 1);
    }
}

static inline double ex_plot_px(const ex_plot *p, double x)
{
    return p->left + (x - p->x0) / (p->x1 - p->x0) * (p->right - p->left);
}

static inline double ex_plot_py(const ex_plot *p, double y)
{
    return p->bottom - (y - p->y0) / (p->y1 - p->y0) * (p->bottom - p->top);
}

// ticks at 1, 2 or 5 times a power of ten
static inline void ex_plot_ticks(ex_plot *p, int vertical)
{
    const double lo = vertical ? p->y0 : p->x0, hi = vertical ? p->y1 : p->x1;
    const double rough = (hi - lo) / (vertical ? (p->bottom - p->top) / 60. : (p->right - p->left) / 100.);
    const double ten = pow(10, floor(log10(rough)));
    double v, step = 10 * ten;
    int decimals = 0;
    char text[32];
    if (rough < 5 * ten) step = 5 * ten;
    if (rough < 2 * ten) step = 2 * ten;
    if (step < .95) decimals = step < .095 ? 2 : 1;
    for (v = ceil(lo / step - 1e-9) * step; v <= hi + 1e-9 * step; v += step) {
        const int x = (int)ex_plot_px(p, v), y = (int)ex_plot_py(p, v);
        snprintf(text, sizeof text, "%.*f", decimals, fabs(v) < 1e-9 * step ? 0. : v);
        if (vertical) {
            ex_plot_stroke(p, p->left, y, p->right, y, 1, EX_LIGHT);
            ex_plot_text(p, p->left - 8, y - 7, 1, text, EX_BLACK);
        } else {
            ex_plot_stroke(p, x, p->top, x, p->bottom, 1, EX_LIGHT);
            ex_plot_text(p, x, p->bottom + 8, 0, text, EX_BLACK);
        }
    }
}

// Panel (column, row) of columns x rows; what is drawn next goes into it.
static inline void ex_plot_panel(ex_plot *p, int column, int columns, int row, int rows, const char *title,
                                 double x0, double x1, double y0, double y1)
{
    p->left = column * p->w / columns + 70, p->right = (column + 1) * p->w / columns - 24;
    p->top = row * p->h / rows + 40, p->bottom = (row + 1) * p->h / rows - 40;
    p->x0 = x0, p->x1 = x1, p->y0 = y0, p->y1 = y1, p->legend = 0;
    ex_plot_ticks(p, 0);
    ex_plot_ticks(p, 1);
    ex_plot_stroke(p, p->left, p->bottom, p->right, p->bottom, 1, EX_BLACK);
    ex_plot_stroke(p, p->left, p->bottom, p->left, p->top, 1, EX_BLACK);
    ex_plot_text(p, (p->left + p->right) / 2, p->top - 26, 0, title, EX_BLACK);
}

// Only what lies in the panel is drawn.
static inline void ex_plot_segment(ex_plot *p, double ax, double ay, double bx, double by, double width,
                                   int color)
{
    const double lo = p->y0, hi = p->y1;
    if (fmin(ax, bx) < p->x0 || fmax(ax, bx) > p->x1 || fmax(ay, by) < lo || fmin(ay, by) > hi) return;
    ay = fmin(fmax(ay, lo), hi), by = fmin(fmax(by, lo), hi);
    ex_plot_stroke(p, ex_plot_px(p, ax), ex_plot_py(p, ay), ex_plot_px(p, bx), ex_plot_py(p, by), width,
                   color);
}

static inline void ex_plot_line(ex_plot *p, double y, int color)
{
    ex_plot_segment(p, p->x0, y, p->x1, y, 1.5, color);
}

static inline void ex_plot_curve(ex_plot *p, const double *x, const double *y, int stride, int n,
                                 double width, int color)
{
    int i;
    for (i = 1; i < n; ++i)
        ex_plot_segment(p, x[(i - 1) * stride], y[(i - 1) * stride], x[i * stride], y[i * stride], width,
                        color);
}

static inline void ex_plot_point(ex_plot *p, double x, double y, double size, int color)
{
    const double px = ex_plot_px(p, x), py = ex_plot_py(p, y);
    if (x >= p->x0 && x <= p->x1 && y >= p->y0 && y <= p->y1) ex_plot_stroke(p, px, py, px, py, size, color);
}

static inline void ex_plot_legend(ex_plot *p, const char *text, int color)
{
    const int y = p->top + 8 + 20 * p->legend++, x = p->right - 40, left = x - 12 * (int)strlen(text);
    int i, k;
    for (k = y - 3; k < y + 17; ++k)
        for (i = left - 4; i < p->right; ++i) ex_plot_dot(p, i, k, 0xFFFFFF, .85);
    ex_plot_text(p, x, y, 1, text, EX_BLACK);
    ex_plot_stroke(p, x + 10, y + 7, x + 32, y + 7, 3, color);
}

static inline void ex_plot_write(ex_plot *p, gan_context *ctx, const char *path)
{
    gan_image_write_bytes(ctx, p->rgb, p->w, p->h, 3, path);
    free(p->rgb);
    p->rgb = NULL;
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

// MNIST from o->data, or 10,000 digits drawn here.
static inline gan_dataset *ex_digits(gan_context *ctx, const ex_options *o)
{
    const int n = 10000;
    char path[600];
    gan_real *pixels, *labels;
    gan_dataset *digits;
    uint64_t random = o->seed + 1;
    int i;
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte", o->data);
    if (ex_exists(path) || ex_exists(o->data)) {
        printf("training on the digits in %s\n", o->data);
        return gan_dataset_idx(ctx, o->data);
    }
    printf("no %s: training on %d digits that this program draws itself.\n", path, n);
    pixels = (gan_real *)malloc(sizeof(gan_real) * (size_t)n * 784);
    labels = (gan_real *)malloc(sizeof(gan_real) * (size_t)n);
    if (!pixels || !labels) exit(1);
    for (i = 0; i < n; ++i) {
        ex_draw_digit(pixels + 784 * (size_t)i, i % 10, &random);
        labels[i] = (gan_real)(i % 10);
    }
    digits = gan_dataset_memory(ctx, pixels, labels, n, 3, 1, 28, 28);
    free(pixels);
    free(labels);
    return digits;
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
        z = desc->prior == GAN_PRIOR_UNIFORM ? gan_affine(gan_rand_uniform(ctx, 2, n, desc->latent), 2, -1)
                                             : gan_rand_normal(ctx, 2, n, desc->latent);
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
    gan_idx_write(gan_from(ctx, all, 4, o->samples, dims[1], dims[2], dims[3]), o->samples_file);
    gan_scope_close(ctx);
    free(all);
    printf("%d generated images: %s\n", o->samples, o->samples_file);
}

#endif
