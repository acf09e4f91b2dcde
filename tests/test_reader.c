// Room reader: files and folders of every format, from disk, mapped, streamed and from memory; damaged files.
#include "files.h"

// A stand-in for stb_image, so that what gan.h does with it is tested everywhere: a picture is "\x89PNG..",
// width, height, channels in a byte each, a byte of what it does wrong, then pixels.
#define STBI_INCLUDE_STB_IMAGE_H
typedef unsigned char stbi_uc;
enum { STB_GOOD, STB_REFUSES, STB_HUGE, STB_ZERO, STB_LIES, STB_FAILS };
static int stb_living;

static int stbi_info_from_memory(const stbi_uc *p, int n, int *w, int *h, int *c)
{
    if (n < 12 || p[11] == STB_REFUSES) return 0;
    *w = p[11] == STB_HUGE ? 30000 : p[11] == STB_ZERO ? 0 : p[8];
    *h = p[11] == STB_HUGE ? 30000 : p[9];
    *c = p[10];
    return 1;
}

static stbi_uc *stbi_load_from_memory(const stbi_uc *p, int n, int *w, int *h, int *c, int wanted)
{
    const int bytes = p[8] * p[9] * p[10];
    stbi_uc *out;
    *w = p[8];
    *h = p[9] + (p[11] == STB_LIES);
    *c = p[10];
    if (p[11] == STB_FAILS || n != 12 + bytes || wanted != p[10]) return NULL;
    out = (stbi_uc *)malloc((size_t)bytes + 1);
    if (out) memcpy(out, p + 12, (size_t)bytes);
    stb_living += out != NULL;
    return out;
}

static void stbi_image_free(void *p)
{
    stb_living -= p != NULL;
    free(p);
}

#define GAN_IMPLEMENTATION
#include "../gan.h"

static file_bytes f, g;

static gan_dataset_desc in_memory(const file_bytes *b)
{
    gan_dataset_desc d;
    memset(&d, 0, sizeof d);
    d.bytes = b->p;
    d.size = b->n;
    return d;
}

static gan_dataset_desc at_path(const char *path)
{
    gan_dataset_desc d;
    memset(&d, 0, sizeof d);
    d.path = path;
    return d;
}

// All samples of a dataset in the order of the file, as each was drawn once; and labels.
static double all[20000], all_labels[2000];

static int in_order(gan_context *ctx, gan_dataset *d)
{
    const int n = (int)gan_dataset_size(d);
    gan_tensor *y = NULL, *x;
    size_t i, k, per;
    CHECK(d && !gan_error(ctx), "%s", gan_error_message(ctx));
    if (!d || gan_error(ctx)) return 0;
    x = gan_dataset_batch(d, n, &y);
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    if (gan_error(ctx)) return 0;
    per = gan_numel(x) / (size_t)n;
    if (gan_numel(x) > 20000 || n > 2000) return 0;
    for (i = 0; i < (size_t)n; ++i) {
        for (k = 0; k < per; ++k) all[d->order[i] * per + k] = (double)gan_data(x)[i * per + k];
        all_labels[d->order[i]] = y ? (double)gan_data(y)[i] : -1;
    }
    return (int)per;
}

static void check_shape(gan_dataset *d, const char *want)
{
    char got[100];
    int at = 0, i;
    got[0] = 0;
    for (i = 1; d && i < d->ndim; ++i)
        at += snprintf(got + at, sizeof got - (size_t)at, "%s%d", i > 1 ? "x" : "", d->dim[i]);
    CHECK(!strcmp(got, want), "samples of %s, %s expected", got, want);
}

static char said[600];

// Opens and draws from it; the error code, the message in `said`.
static int opening(const gan_dataset_desc *desc)
{
    gan_context *ctx = gan_create(NULL);
    gan_dataset *d = gan_dataset_open(ctx, desc);
    int code;
    CHECK((d == NULL) == (gan_error(ctx) != 0), "dataset %p with error %d", (void *)d, gan_error(ctx));
    if (d) gan_dataset_batch(d, 3, NULL);
    code = gan_error(ctx);
    snprintf(said, sizeof said, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return code;
}

static void refused(const file_bytes *b, const char *word)
{
    const gan_dataset_desc desc = in_memory(b);
    const int code = opening(&desc);
    CHECK(code == GAN_ERROR_FORMAT, "error %d: %s", code, said);
    CHECK_TEXT(said, word);
}

// The four ways to the same bytes: memory, a file, a file by batch, a file with little memory.
static void check_ways(const char *name, const gan_dataset_desc *how, int n, int per, const double *want,
                       const double *labels)
{
    int way, i;
    for (way = 0; way < 4; ++way) {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = *how;
        gan_dataset *d;
        int got;
        if (way) {
            desc.path = put_file(name, desc.bytes, desc.size);
            desc.bytes = NULL;
            desc.size = 0;
        }
        desc.stream = way == 2;
        desc.memory = way == 3;
        d = gan_dataset_open(ctx, &desc);
        got = in_order(ctx, d);
        CHECK(gan_dataset_size(d) == n && got == per, "way %d: %d samples of %d, expected %d of %d", way,
              (int)gan_dataset_size(d), got, n, per);
        if (got == per) CHECK_ARRAY(n * per, all, want, 1e-6, 1e-6, "values");
        for (i = 0; got == per && labels && i < n; ++i)
            CHECK(all_labels[i] == labels[i], "way %d: label %d is %g, expected %g", way, i, all_labels[i],
                  labels[i]);
        gan_destroy(ctx);
    }
}

static void test_idx(void)
{
    static const struct {
        unsigned char code;
        char kind;
        int width;
    } types[] = {{8, 'u', 1}, {9, 'i', 1}, {11, 'i', 2}, {12, 'i', 4}, {13, 'f', 4}, {14, 'f', 8}};
    size_t t;
    int i;
    double v[24];
    TEST ("IDX of every element type, big endian; bytes are scaled, others stay") {
        for (t = 0; t < 6; ++t) {
            unsigned char magic[4] = {0, 0, 0, 3};
            gan_dataset_desc desc;
            magic[2] = types[t].code;
            f.n = 0;
            add(&f, magic, 4);
            add_be32(&f, 2);
            add_be32(&f, 3);
            add_be32(&f, 4);
            for (i = 0; i < 24; ++i) {
                v[i] = types[t].kind == 'u'  ? 10 * i + 7
                       : types[t].width == 1 ? 5 * i - 60
                                             : 1111 * i - 13001.;
                if (types[t].kind == 'f') v[i] += .25;
                add_number(&f, types[t].kind, types[t].width, 1, v[i]);
                if (types[t].kind == 'u') v[i] = v[i] / 127.5 - 1;
            }
            desc = in_memory(&f);
            check_ways("types-idx3", &desc, 2, 12, v, NULL);
        }
    }
    TEST ("IDX of ranks 2 and 4: rows of numbers, and pictures of channels") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        f.n = 0;
        add(&f, "\0\0\x09\2", 4);
        add_be32(&f, 5);
        add_be32(&f, 2);
        for (i = 0; i < 10; ++i) add_number(&f, 'i', 1, 1, -i);
        desc = in_memory(&f);
        check_shape(gan_dataset_open(ctx, &desc), "2");
        f.n = 0;
        add(&f, "\0\0\x08\4", 4);
        for (i = 0; i < 4; ++i) add_be32(&f, (uint32_t)(2 + i));
        for (i = 0; i < 120; ++i) add_number(&f, 'u', 1, 1, i);
        desc = in_memory(&f);
        check_shape(gan_dataset_open(ctx, &desc), "3x4x5");
        desc.channels_last = 1;
        check_shape(gan_dataset_open(ctx, &desc), "5x3x4");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static void test_npy(void)
{
    static const char *const descr[] = {"<f4", "<f8", "<i4", "<i8", "|u1", "|i1",
                                        "|b1", ">f4", ">f8", ">i4", ">i8"};
    size_t t;
    int i, j, version;
    double v[24], labels[6];
    TEST (".npy of every element type, both byte orders, both versions, C and Fortran order") {
        for (t = 0; t < sizeof descr / sizeof *descr; ++t)
            for (version = 1; version <= 2; ++version)
                for (j = 0; j < 2; ++j) {
                    gan_dataset_desc desc;
                    const char kind = descr[t][1], scaled = kind == 'u' || kind == 'b';
                    const int width = descr[t][2] - '0';
                    npy_of(&f, version, descr[t], j, "(4, 6)");
                    CHECK(f.n % 64 == 0, "a header of %d bytes", (int)f.n);
                    for (i = 0; i < 24; ++i) {
                        const int at = j ? i % 4 * 6 + i / 4 : i; // Fortran order: rows are the fastest
                        v[at] = kind == 'b'   ? i % 3 == 0
                                : kind == 'u' ? 10 * i
                                              : 5 * i - 60 + (kind == 'f') * .5;
                        add_number(&f, kind == 'b' ? 'u' : kind, width, descr[t][0] == '>', v[at]);
                        if (scaled) v[at] = v[at] / 127.5 - 1;
                    }
                    desc = in_memory(&f);
                    if (j) { // cannot be streamed
                        gan_context *ctx = gan_create(NULL);
                        CHECK(in_order(ctx, gan_dataset_open(ctx, &desc)) == 6, "%s", gan_error_message(ctx));
                        CHECK_ARRAY(24, all, v, 1e-6, 1e-6, "values");
                        gan_destroy(ctx);
                    } else check_ways("types.npy", &desc, 4, 6, v, NULL);
                }
    }
    TEST ("int64 to the bit where a double holds it: -2^63, 2^53, -1") {
        static const double want[] = {-9223372036854775808., 9007199254740992., -1, 0};
        gan_dataset_desc desc;
        npy_of(&f, 1, "<i8", 0, "(4,)");
        for (i = 0; i < 4; ++i) add_number(&f, 'i', 8, 0, want[i]);
        desc = in_memory(&f);
        check_ways("long.npy", &desc, 4, 1, want, NULL);
    }
    TEST ("labels from a second .npy, in memory and by path, of shape (N) and (N, 1)") {
        gan_dataset_desc desc;
        for (j = 0; j < 2; ++j) {
            npy_of(&f, 1, "<f4", 0, "(6, 2)");
            npy_of(&g, 1, "<i8", 0, j ? "(6, 1)" : "(6,)");
            for (i = 0; i < 12; ++i) {
                v[i] = i / 2.;
                add_number(&f, 'f', 4, 0, v[i]);
            }
            for (i = 0; i < 6; ++i) {
                labels[i] = 9 - i;
                add_number(&g, 'i', 8, 0, labels[i]);
            }
            desc = in_memory(&f);
            desc.label_bytes = g.p;
            desc.label_size = g.n;
            check_ways("points.npy", &desc, 6, 2, v, labels);
            desc.label_bytes = NULL;
            desc.labels = put_file("labels.npy", g.p, g.n);
            check_ways("points.npy", &desc, 6, 2, v, labels);
        }
        npy_of(&g, 1, "<i8", 0, "(5,)");
        for (i = 0; i < 5; ++i) add_number(&g, 'i', 8, 0, i);
        desc.labels = NULL;
        desc.label_bytes = g.p;
        desc.label_size = g.n;
        CHECK(opening(&desc) == GAN_ERROR_FORMAT, "5 labels for 6 samples: %s", said);
        CHECK_TEXT(said, "5 labels for 6");
        desc.label_bytes = f.p;
        desc.label_size = f.n;
        CHECK(opening(&desc) == GAN_ERROR_FORMAT, "rows as labels: %s", said);
    }
    TEST ("(N, H, W, C) with channels_last, (N, D) as pictures, (N, H, W)") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        gan_dataset *d;
        npy_of(&f, 1, "<f4", 0, "(2, 2, 3, 2)");
        for (i = 0; i < 24; ++i) {
            add_number(&f, 'f', 4, 0, i);
            v[i / 12 * 12 + i % 2 * 6 + i % 12 / 2] = i;
        }
        desc = in_memory(&f);
        desc.channels_last = 1;
        d = gan_dataset_open(ctx, &desc);
        check_shape(d, "2x2x3");
        in_order(ctx, d);
        CHECK_ARRAY(24, all, v, 0, 0, "values");
        npy_of(&f, 1, "|u1", 0, "(2, 12)");
        for (i = 0; i < 24; ++i) add_number(&f, 'u', 1, 0, i);
        desc = in_memory(&f);
        desc.channels = 3;
        desc.height = desc.width = 2;
        d = gan_dataset_open(ctx, &desc);
        check_shape(d, "3x2x2");
        in_order(ctx, d);
        for (i = 0; i < 24; ++i) CHECK_NEAR(all[i], i / 127.5 - 1, 1e-6, "pixel");
        npy_of(&f, 1, "|u1", 0, "(2, 3, 4)");
        for (i = 0; i < 24; ++i) add_number(&f, 'u', 1, 0, i);
        desc = in_memory(&f);
        check_shape(gan_dataset_open(ctx, &desc), "1x3x4");
        desc.low = 0;
        desc.high = 1;
        in_order(ctx, gan_dataset_open(ctx, &desc));
        for (i = 0; i < 24; ++i) CHECK_NEAR(all[i], i / 255., 1e-7, "pixel of 0 .. 1");
        gan_destroy(ctx);
    }
}

static void cifar(file_bytes *b, int n, int first)
{
    int i, k;
    b->n = 0;
    for (i = 0; i < n; ++i) {
        add_number(b, 'u', 1, 0, (first + i) % 10);
        for (k = 0; k < 3072; ++k) add_number(b, 'u', 1, 0, (first * 5 + i + k * 7) % 256);
    }
}

static void test_cifar(void)
{
    static double v[5 * 3072], labels[5];
    int i, k;
    TEST ("CIFAR-10: planes of 32 x 32 in -1 .. 1, each record's label") {
        gan_dataset_desc desc;
        cifar(&f, 5, 3);
        for (i = 0; i < 5; ++i) {
            labels[i] = (3 + i) % 10;
            for (k = 0; k < 3072; ++k) v[i * 3072 + k] = (15 + i + k * 7) % 256 / 127.5 - 1;
        }
        desc = in_memory(&f);
        check_ways("batch.bin", &desc, 5, 3072, v, labels);
        refused((f.p[2 * 3073] = 10, &f), "CIFAR");
        CHECK_TEXT(said, "byte 6146 is 10");
    }
    TEST ("a folder of data_batch_1 .. 5.bin is one dataset; without the fourth it is none") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = at_path(test_path("cifar"));
        int way;
        mkdir(desc.path, 0777);
        for (i = 0; i < 5; ++i) {
            char name[40];
            snprintf(name, sizeof name, "cifar/data_batch_%d.bin", i + 1);
            cifar(&f, 1, i);
            put_file(name, f.p, f.n);
        }
        for (way = 0; way < 2; ++way) {
            gan_dataset *d;
            desc.stream = way;
            d = gan_dataset_open(ctx, &desc);
            check_shape(d, "3x32x32");
            CHECK(gan_dataset_size(d) == 5, "%d samples", (int)gan_dataset_size(d));
            in_order(ctx, d);
            for (i = 0; i < 5; ++i) {
                CHECK(all_labels[i] == i, "label %g of batch %d", all_labels[i], i + 1);
                CHECK_NEAR(all[i * 3072 + 100], (5 * i + 700) % 256 / 127.5 - 1, 1e-6, "pixel 100");
            }
        }
        remove(test_path("cifar/data_batch_4.bin"));
        CHECK(!gan_dataset_open(ctx, &desc), "a dataset of three batches");
        CHECK_TEXT(gan_error_message(ctx), "no data_batch_4.bin");
        gan_destroy(ctx);
    }
}

static void test_pnm(void)
{
    int i;
    double v[12];
    TEST ("PGM and PPM of 8 and 16 bits, comments in the header, planes from pixels") {
        gan_dataset_desc desc;
        f.n = 0;
        add_text(&f, "P5 # grey\n#another\n 3\t2\n255\n");
        for (i = 0; i < 6; ++i) {
            add_number(&f, 'u', 1, 0, 40 * i);
            v[i] = 40 * i / 127.5 - 1;
        }
        desc = in_memory(&f);
        check_ways("a.pgm", &desc, 1, 6, v, NULL);
        f.n = 0;
        add_text(&f, "P6\n2 2\n1000\n"); // 16 bits, to the nearest of 256
        for (i = 0; i < 12; ++i) {
            add_number(&f, 'u', 2, 1, 90 * i);
            v[i % 3 * 4 + i / 3] = floor(90 * i * 255 / 1000. + .5) / 127.5 - 1;
        }
        desc = in_memory(&f);
        check_ways("b.ppm", &desc, 1, 12, v, NULL);
        f.n = 0;
        add_text(&f, "P5\n4 1\n3 ");
        for (i = 0; i < 4; ++i) {
            add_number(&f, 'u', 1, 0, i);
            v[i] = i * 85 / 127.5 - 1;
        }
        desc = in_memory(&f);
        check_ways("c.pgm", &desc, 1, 4, v, NULL);
    }
}

int main(void)
{
    test_idx();
    test_npy();
    test_cifar();
    test_pnm();
    return test_done();
}
