// What gan.h reads, for tools/check_formats to compare. Takes lines from stdin; PATH is the rest of the line:
//
//     open WAY CHANNELS_LAST CHANNELS HEIGHT WIDTH PATH      WAY: m mapped, s streamed, b bytes in memory
//     jpeg QUALITY WIDTH HEIGHT CHANNELS RAW PATH            RAW, bytes, becomes a JPEG (stb_image_write)
//
// and answers each with a line: "ok SIZE_OF_A_VALUE SAMPLES DIMENSION ..", the values by sample being in
// FOLDER/values, then the labels (-1: none); or "error CODE MESSAGE".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_STB
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#endif

#define GAN_IMPLEMENTATION
#include "gan.h"

static void *file_bytes(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    long n;
    void *p;
    *size = 0;
    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) return NULL;
    p = malloc((size_t)n + 1);
    if (p) *size = fread(p, 1, (size_t)n, f);
    fclose(f);
    return p;
}

// One batch of everything, put back into the order of the file.
static int give(gan_dataset *d, const char *folder)
{
    const int n = (int)gan_dataset_size(d);
    gan_tensor *y = NULL, *x = gan_dataset_batch(d, n, &y);
    const size_t per = gan_numel(x) / (size_t)n;
    gan_real none = -1;
    char path[600];
    FILE *f;
    int i;
    if (gan_error(gan_context_of(x))) return 1;
    snprintf(path, sizeof path, "%s/values", folder);
    f = fopen(path, "wb");
    if (!f) return 1;
    for (i = 0; i < n; ++i) {
        fseek(f, (long)((size_t)d->order[i] * per * sizeof none), SEEK_SET);
        fwrite(gan_data(x) + (size_t)i * per, sizeof none, per, f);
    }
    for (i = 0; i < n; ++i) {
        fseek(f, (long)(((size_t)n * per + d->order[i]) * sizeof none), SEEK_SET);
        fwrite(y ? gan_data(y) + i : &none, sizeof none, 1, f);
    }
    printf("ok %d %d", (int)sizeof none, n);
    for (i = 1; i < gan_ndim(x); ++i) printf(" %d", gan_dim(x, i));
    puts("");
    return fclose(f) != 0;
}

static void open_one(char way, const int *how, const char *path, const char *folder)
{
    gan_context *ctx = gan_create(NULL);
    gan_dataset_desc desc;
    gan_dataset *d;
    void *bytes = NULL;
    memset(&desc, 0, sizeof desc);
    desc.path = path;
    desc.channels_last = how[0];
    desc.channels = how[1], desc.height = how[2], desc.width = how[3];
    desc.stream = way == 's';
    if (way == 'b') {
        desc.bytes = bytes = file_bytes(path, &desc.size);
        desc.path = NULL;
    }
    d = gan_dataset_open(ctx, &desc);
    if (!d || give(d, folder)) printf("error %d %s\n", gan_error(ctx), gan_error_message(ctx));
    gan_destroy(ctx);
    free(bytes);
}

int main(int argc, char **argv)
{
    char line[2000], raw[1000], way;
    int v[4], at;
    while (argc == 2 && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "open %c %d %d %d %d %n", &way, v, v + 1, v + 2, v + 3, &at) == 5)
            open_one(way, v, line + at, argv[1]);
        else if (sscanf(line, "jpeg %d %d %d %d %999s %n", v, v + 1, v + 2, v + 3, raw, &at) == 5) {
#ifdef WITH_STB
            size_t size;
            void *p = file_bytes(raw, &size);
            puts(p && stbi_write_jpg(line + at, v[1], v[2], v[3], p, v[0]) ? "ok"
                                                                           : "error 0 no JPEG written");
            free(p);
#else
            puts("error 0 built without stb");
#endif
        } else puts("error 0 what is that?");
        fflush(stdout);
    }
    return 0;
}
