// The convolutions of the thesis's network for MNIST at batch 128, each with its two gradients.
//
//     build/bench_conv [--threads T] [--seconds S] [--isa scalar|sse2|avx2|avx512|neon]
//
// A line is `layer pass milliseconds GFLOP/s`; S (0.3) is the time of one pass, the milliseconds are the
// least of its calls. The GFLOP/s count the multiply-adds of the definition, whatever way the pass goes.
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200112L
#endif
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// A transposed convolution is the input gradient of the convolution that is written here, and the other way
// round.
typedef struct layer {
    const char *name;
    int transposed;
    gan__conv v;
} layer;

static const layer layers[] = {
    {"D conv1   1->32 k5 28x28", 0, {128, 1, 28, 28, 32, 5, 5, 24, 24, 1, 1, 0, 0, 1, 1, 1}},
    {"D conv2  32->64 k5 12x12", 0, {128, 32, 12, 12, 64, 5, 5, 8, 8, 1, 1, 0, 0, 1, 1, 1}},
    {"G up1  128->64 k4s2 7x7", 1, {128, 64, 14, 14, 128, 4, 4, 7, 7, 2, 2, 1, 1, 1, 1, 1}},
    {"G up2    64->1 k4s2 14x14", 1, {128, 1, 28, 28, 64, 4, 4, 14, 14, 2, 2, 1, 1, 1, 1, 1}},
};
enum { LAYERS = sizeof layers / sizeof layers[0] };

static gan_real *numbers(size_t n, size_t period)
{
    gan_real *a = (gan_real *)malloc(n * sizeof *a);
    size_t i;
    for (i = 0; a && i < n; ++i) a[i] = (gan_real)((int)(i % period) - (int)(period / 2));
    return a;
}

// The least seconds of a call: pass 0 is y from x and w, 1 is x from y and w, 2 is w from x and y.
static double measure(gan_context *ctx, const gan__conv *v, int pass, gan_real *x, gan_real *w, gan_real *y,
                      double seconds)
{
    const double begun = now();
    double least = 1e30, t;
    int r, failed = 0;
    for (r = 0; !failed && (r < 3 || (r < 1000 && now() - begun < seconds)); ++r) {
        t = now();
        if (pass == 0) failed = gan__conv_forward(ctx, v, x, w, NULL, y);
        else if (pass == 1) failed = gan__conv_input(ctx, v, y, w, NULL, x);
        else failed = gan__conv_weight(ctx, v, x, y, w);
        t = now() - t;
        if (t < least) least = t;
    }
    return least;
}

int main(int argc, char **argv)
{
#define ROW(id, name) #name,
    static const char *const isas[] = {"auto", GAN_ISAS(ROW)};
#undef ROW
    static const char *const passes[] = {"forward", "input gradient", "weight gradient"};
    gan_desc desc;
    gan_context *ctx;
    double seconds = .3, sum = 0;
    int i, k;
    memset(&desc, 0, sizeof desc);
    for (i = 1; i < argc; i += 2) {
        for (k = 0; i + 1 < argc && k < (int)GAN_ISA_COUNT && strcmp(argv[i + 1], isas[k]); ++k) {}
        if (i + 1 < argc && !strcmp(argv[i], "--threads")) desc.threads = atoi(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
        else if (i + 1 < argc && !strcmp(argv[i], "--isa") && k < (int)GAN_ISA_COUNT) desc.isa = (gan_isa)k;
        else return fputs("bench_conv [--threads T] [--seconds S] [--isa NAME]\n", stderr), 2;
    }
    ctx = gan_create(&desc);
    if (!ctx) return fputs("no memory, or no such instruction set here\n", stderr), 1;
    printf("convolutions of batch 128, %s, threads %d\n", gan_isa_name(ctx), gan_threads(ctx));
    for (i = 0; i < (int)LAYERS; ++i) {
        const gan__conv *v = &layers[i].v;
        const size_t nx = (size_t)(v->n * v->ci * v->h * v->w), ny = (size_t)(v->n * v->co * v->oh * v->ow);
        const size_t nw = (size_t)(v->co * v->ci * v->kh * v->kw);
        const double flops = 2. * (double)ny * (double)(v->ci * v->kh * v->kw);
        gan_real *x = numbers(nx, 7), *w = numbers(nw, 5), *y = numbers(ny, 3);
        for (k = 0; x && w && y && k < 3; ++k) {
            const int pass = k == 2 ? 2 : layers[i].transposed ? 1 - k : k;
            const double t = measure(ctx, v, pass, x, w, y, seconds);
            printf("%-26s %-15s %8.3f ms %7.1f GFLOP/s\n", layers[i].name, passes[k], t * 1e3,
                   flops / t * 1e-9);
            fflush(stdout);
            sum += t;
        }
        free(x);
        free(w);
        free(y);
    }
    printf("%-42s %8.3f ms\n", "all twelve", sum * 1e3);
    k = gan_error(ctx);
    if (k) fprintf(stderr, "%s\n", gan_error_message(ctx));
    gan_destroy(ctx);
    return k != 0;
}
