// Images a second of a dataset: 4,096 color images of 64 x 64 pixels in batches of 64.
//
//     build/bench_data [--seconds S] [NAME ...]
//
// A line is name, images a second, MB/s of pixels, median and fastest round. memory: one array of bytes.
// memory_moved: with flip, crop of 56 x 56 and color jitter. folder: each image a PPM file of its own that is
// read for each batch (stream), from the system's cache. folder_fitted: scaled to 32 x 32 as well.
// folder_png: the files are PNG; it needs stb_image.h and stb_image_write.h (tools/fetch_stb.sh).
#include <stdint.h>
#if defined(__has_include)
#if __has_include("../data/include/stb/stb_image.h") && __has_include("../data/include/stb/stb_image_write.h")
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include "../data/include/stb/stb_image.h"
#include "../data/include/stb/stb_image_write.h"
#define WITH_PNG 1
#endif
#endif
#include "bench.h"
#include <sys/stat.h>

enum { IMAGES = 4096, SIDE = 64, BATCH = 64, ROUNDS = 5 };

static const char *const names[] = {"memory", "memory_moved", "folder", "folder_fitted", "folder_png"};

// Writes smooth images with a little noise, as pictures of a camera have, once.
static void write_images(const char *folder, const char *extension)
{
    gan_context *ctx = gan_create(NULL);
    char path[200];
    int i, k;
    mkdir("out", 0777);
    mkdir("out/bench", 0777);
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/%d.%s", folder, IMAGES - 1, extension);
    if (fopen(path, "rb")) return;
    for (i = 0; i < IMAGES; ++i) {
        gan_tensor *x;
        gan_scope_open(ctx);
        x = gan_rand_uniform(ctx, 1, 3, SIDE, SIDE);
        for (k = 0; k < 3 * SIDE * SIDE; ++k)
            gan_data(x)[k] =
                (gan_real)(.8 * sin((i + k % SIDE) / 9.) * cos((i + k / SIDE) / 7.)) + gan_data(x)[k] / 32;
        snprintf(path, sizeof path, "%s/%d.%s", folder, i, extension);
        gan_image_write(x, 1, path);
        gan_scope_close(ctx);
    }
    gan_destroy(ctx);
}

static gan_dataset *open_dataset(gan_context *ctx, const char *name)
{
    static unsigned char npy[128 + IMAGES * 3 * SIDE * SIDE];
    const int folder = !strncmp(name, "folder", 6), png = !strcmp(name, "folder_png");
    gan_dataset_desc desc;
    gan_transform how;
    gan_dataset *d;
    size_t i;
    memset(&desc, 0, sizeof desc);
    memset(&how, 0, sizeof how);
    if (folder) {
        desc.path = png ? "out/bench/png" : "out/bench/ppm";
        desc.stream = 1;
        write_images(desc.path, png ? "png" : "ppm");
        if (!strcmp(name, "folder_fitted")) desc.height = desc.width = SIDE / 2;
    } else {
        memset(npy, ' ', 128);
        memcpy(npy, "\x93NUMPY\x01\x00\x76\x00", 10);
        i = (size_t)snprintf((char *)npy + 10, 117,
                             "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 3, %d, %d), }", IMAGES,
                             SIDE, SIDE);
        npy[10 + i] = ' ';
        npy[127] = '\n';
        for (i = 128; i < sizeof npy; ++i) npy[i] = (unsigned char)(i * 2654435761u >> 24 & 255);
        desc.bytes = npy;
        desc.size = sizeof npy;
    }
    d = gan_dataset_open(ctx, &desc);
    if (strcmp(name, "memory_moved")) return d;
    how.flip = 1, how.crop_height = 56;
    how.brightness = how.contrast = how.saturation = (gan_real).2;
    gan_dataset_transform(d, &how);
    return d;
}

static int run(const bench_options *o, const char *name)
{
    gan_context *ctx = gan_create(&o->desc);
    gan_dataset *d = open_dataset(ctx, name);
    double speed[ROUNDS], fastest = 0, middle;
    int r;
    for (r = 0; r < ROUNDS && !gan_error(ctx); ++r) {
        const double start = now();
        double took = 0;
        int64_t n = 0;
        while (took < o->seconds / ROUNDS && !gan_error(ctx)) {
            gan_scope_open(ctx);
            gan_dataset_batch(d, BATCH, NULL);
            gan_scope_close(ctx);
            n += BATCH;
            took = now() - start;
        }
        speed[r] = (double)n / took;
        if (speed[r] > fastest) fastest = speed[r];
    }
    if (gan_error(ctx)) printf("%-14s %s\n", name, gan_error_message(ctx));
    else {
        middle = median(speed, ROUNDS);
        printf("%-14s median %9.0f images/s %7.0f MB/s   fastest %9.0f\n", name, middle,
               middle * 3 * SIDE * SIDE / 1e6, fastest);
    }
    r = gan_error(ctx);
    gan_destroy(ctx);
    return r;
}

int main(int argc, char **argv)
{
    bench_options o;
    int i, bad = read_options(&o, argc, argv, 2, "memory memory_moved folder folder_fitted folder_png");
    for (i = 0; i < (int)(sizeof names / sizeof *names) && !bad; ++i) {
#ifndef WITH_PNG
        if (!strcmp(names[i], "folder_png")) continue;
#endif
        if (wanted(&o, argc, argv, names[i])) bad = run(&o, names[i]);
    }
    return bad;
}
