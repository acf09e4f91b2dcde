// Section reader: files and folders of every format, from disk, mapped, streamed and from memory; damaged
// files.
#include "files.h"

// A stand-in for stb_image, so that what gan.h does with it is tested everywhere: a picture is "\x89PNG..",
// width, height, channels in a byte each, a byte of what it does wrong, then pixels.
#define STBI_INCLUDE_STB_IMAGE_H
typedef unsigned char stbi_uc;
// A JPEG is any head up to the scan's marker FF DA of length 8, then the same from the width on.
enum { STB_GOOD, STB_REFUSES, STB_HUGE, STB_ZERO, STB_LIES, STB_FAILS };
static int stb_living;

// To where the stand-in's bytes begin, of which the eighth is the width.
static const stbi_uc *stb_at(const stbi_uc *p, int *n)
{
    int i;
    for (i = 0; p[0] == 0xff && i + 2 < *n; ++i)
        if (p[i] == 0xff && p[i + 1] == 0xda) {
            *n -= i + 2 + 2; // the end's marker is not of it
            return p + i + 2;
        }
    return p;
}

// A PNG that is made of chunks: its IDAT holds the pixels as they are.
static int stb_has_chunks(const stbi_uc *p, int n) { return n >= 33 && !memcmp(p + 8, "\0\0\0\15IHDR", 8); }
static const stbi_uc *stb_pixels(const stbi_uc *p, int *w, int *h, int *c)
{
    const stbi_uc *at = p + 33;
    *w = p[19];
    *h = p[23];
    *c = p[25] == 0 ? 1 : p[25] == 2 ? 3 : p[25] == 4 ? 2 : 4;
    while (memcmp(at + 4, "IDAT", 4)) at += 12 + at[3];
    return at + 8;
}

static int stbi_info_from_memory(const stbi_uc *p, int n, int *w, int *h, int *c)
{
    if (stb_has_chunks(p, n)) return stb_pixels(p, w, h, c) != NULL;
    p = stb_at(p, &n);
    if (n < 12 || p[11] == STB_REFUSES) return 0;
    *w = p[11] == STB_HUGE ? 30000 : p[11] == STB_ZERO ? 0 : p[8];
    *h = p[11] == STB_HUGE ? 30000 : p[9];
    *c = p[10];
    return 1;
}

static stbi_uc *stbi_load_from_memory(const stbi_uc *p, int n, int *w, int *h, int *c, int wanted)
{
    int bytes;
    stbi_uc *out;
    if (stb_has_chunks(p, n)) {
        p = stb_pixels(p, w, h, c);
        bytes = *w * *h * *c;
    } else {
        p = stb_at(p, &n);
        bytes = p[8] * p[9] * p[10];
        *w = p[8];
        *h = p[9] + (p[11] == STB_LIES);
        *c = p[10];
        if (p[11] == STB_FAILS || n != 12 + bytes || wanted != p[10]) return NULL;
        p += 12;
    }
    out = (stbi_uc *)malloc((size_t)bytes + 1);
    if (out) memcpy(out, p, (size_t)bytes);
    stb_living += out != NULL;
    return out;
}

// 16 bits: "IHDR" behind the first 12 bytes, 8 more, the depth, pixels of two bytes, big endian.
static unsigned short *stbi_load_16_from_memory(const stbi_uc *p, int n, int *w, int *h, int *c, int wanted)
{
    const int chunks = stb_has_chunks(p, n), size = n;
    unsigned short *out;
    int i, count;
    *w = p[8];
    *h = p[9];
    *c = p[10];
    p = chunks ? stb_pixels(p, w, h, c) : p + 25;
    count = *w * *h * *c;
    if ((!chunks && size != 25 + 2 * count) || wanted != *c) return NULL;
    out = (unsigned short *)malloc(2 * (size_t)count);
    for (i = 0; out && i < count; ++i) out[i] = (unsigned short)(p[2 * i] << 8 | p[2 * i + 1]);
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

static const gan_transform flip = {1, 0, 0, 0, 0, 0, 0, NULL, NULL};

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

// Images of EMNIST's kind: h x w pixels, column by column.
static void put_columns(const char *name, int n, int h, int w, double *upright)
{
    int i, y, x;
    f.n = 0;
    add(&f, "\0\0\x08\3", 4);
    add_be32(&f, (uint32_t)n);
    add_be32(&f, (uint32_t)w);
    add_be32(&f, (uint32_t)h);
    for (i = 0; i < n; ++i)
        for (x = 0; x < w; ++x)
            for (y = 0; y < h; ++y) {
                const int v = 50 * i + 10 * y + x;
                add_number(&f, 'u', 1, 0, v);
                upright[(i * h + y) * w + x] = v / 127.5 - 1;
            }
    if (name) put_file(name, f.p, f.n);
}

static void test_transpose(void)
{
    double v[24];
    int i, way;
    TEST ("EMNIST's images are upright with transpose, whatever their shape; mapped, streamed, from memory, "
          "fitted") {
        gan_dataset_desc desc;
        put_columns(NULL, 2, 3, 4, v);
        desc = in_memory(&f);
        desc.transpose = 1;
        check_ways("transposed-idx3", &desc, 2, 12, v, NULL);
        desc.height = 3, desc.width = 4;
        check_ways("transposed-idx3", &desc, 2, 12, v, NULL);
        npy_of(&g, 1, "|u1", 0, "(2, 12)"); // rows of numbers
        add(&g, f.p + 16, 24);
        desc.bytes = g.p, desc.size = g.n;
        check_ways("transposed.npy", &desc, 2, 12, v, NULL);
    }
    TEST ("a file that is called emnist.. is a warning that names transpose, and with it there is none") {
        static const char *const name[] = {"emnist-letters-train-images-idx3-ubyte", "EMNIST-a-idx3",
                                           "a-emnist-idx3"};
        for (i = 0; i < 3; ++i)
            for (way = -1; way <= 1; ++way) {
                gan_context *ctx = gan_create(NULL);
                gan_dataset_desc desc;
                put_columns(name[i], 2, 4, 3, v);
                desc = at_path(test_path(name[i]));
                desc.transpose = way;
                check_shape(gan_dataset_open(ctx, &desc), way > 0 ? "1x4x3" : "1x3x4");
                CHECK(gan_warnings(ctx) == (i < 2 && !way), "%s: %d warnings", name[i], gan_warnings(ctx));
                if (i < 2 && !way) CHECK_TEXT(gan_warning_message(ctx), "set transpose to 1");
                gan_destroy(ctx);
                remove(test_path(name[i]));
            }
    }
    TEST ("transpose of rows and of pictures is an error") {
        gan_dataset_desc desc;
        f.n = 0;
        add_text(&f, "1,2\n3,4\n");
        desc = in_memory(&f);
        desc.transpose = 1;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        CHECK_TEXT(said, "for arrays of images");
        f.n = 0;
        add_text(&f, "P5 1 1 255 a");
        desc.size = f.n;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
    }
    TEST_MUST_FAIL ("images on their side are seen") {
        gan_dataset_desc desc;
        put_columns(NULL, 2, 3, 3, v);
        desc = in_memory(&f);
        check_ways("transposed-idx3", &desc, 2, 9, v, NULL);
    }
}

static void test_npy(void)
{
    static const char *const descr[] = {"<f4", "<f8", "<i4", "<i8", "|u1", "|i1", "|b1", ">f4", ">f8", ">i4",
                                        ">i8", "<i2", ">i2", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"};
    size_t t;
    int i, j, version;
    double v[24], labels[6];
    TEST (".npy of every element type, both byte orders, both versions, C and Fortran order") {
        for (t = 0; t < sizeof descr / sizeof *descr; ++t)
            for (version = 1; version <= 2; ++version)
                for (j = 0; j < 2; ++j) {
                    gan_dataset_desc desc;
                    const char kind = descr[t][1], scaled = !strcmp(descr[t], "|u1") || kind == 'b';
                    const int width = descr[t][2] - '0';
                    npy_of(&f, version, descr[t], j, "(4, 6)");
                    CHECK(f.n % 64 == 0, "a header of %d bytes", (int)f.n);
                    for (i = 0; i < 24; ++i) {
                        const int at = j ? i % 4 * 6 + i / 4 : i; // Fortran order: rows are the fastest
                        v[at] = kind == 'b'   ? i % 3 == 0
                                : kind == 'u' ? 10 * i
                                              : 5 * i - 60 + (kind == 'f') * .5;
                        add_number(&f, kind == 'b' ? 'u' : kind, width, descr[t][0] == '>', v[at]);
                        if (scaled) v[at] = kind == 'b' ? 2 * v[at] - 1 : v[at] / 127.5 - 1;
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
    TEST ("half precision: normal, subnormal, the largest; uint64 up to 2^64 - 2048") {
        static const unsigned half[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff, 0x3555, 0x0400, 0x8000};
        static const double want[] = {
            1, -2, 65504, 5.9604644775390625e-8, -6.097555160522461e-5, 0.333251953125, 6.103515625e-5, 0};
        static const double large[] = {18446744073709549568., 1};
        gan_dataset_desc desc;
        for (j = 0; j < 2; ++j) {
            npy_of(&f, 1, j ? ">f2" : "<f2", 0, "(8, 1)");
            for (i = 0; i < 8; ++i) add_number(&f, 'u', 2, j, half[i]);
            desc = in_memory(&f);
            check_ways("half.npy", &desc, 8, 1, want, NULL);
        }
        npy_of(&f, 1, "<u8", 0, "(2, 1)");
        for (i = 0; i < 2; ++i) add_number(&f, 'u', 8, 0, large[i]);
        desc = in_memory(&f);
        check_ways("u8.npy", &desc, 2, 1, large, NULL);
    }
    TEST ("NaN, an infinity and what is too large are found at opening, with row and column") {
        static const double odd[] = {NAN, INFINITY, 1e300};
        gan_context *ctx;
        gan_dataset_desc desc;
        for (j = 0; j < 6; ++j) {
            if (j == 2 && sizeof(gan_real) == 8) continue;
            npy_of(&f, 1, "<f8", 0, j < 3 ? "(4, 3)" : "(1, 2, 2, 3)");
            for (i = 0; i < 12; ++i) add_number(&f, 'f', 8, 0, i == 7 ? odd[j % 3] : i / 12.);
            desc = in_memory(&f);
            CHECK(opening(&desc) == GAN_ERROR_NONFINITE, "%d: %s", j, said);
            CHECK_TEXT(said, j < 3 ? "row 2, column (1) (from 0)" : "sample 0, at (1, 0, 1) (from 0)");
        }
        npy_of(&f, 1, "<f4", 0, "(4, 1)");
        for (i = 0; i < 4; ++i) add_number(&f, 'f', 4, 0, i);
        npy_of(&g, 1, "<f4", 0, "(4,)");
        for (i = 0; i < 4; ++i) add_number(&g, 'f', 4, 0, i == 2 ? NAN : i);
        desc = in_memory(&f);
        desc.label_bytes = g.p;
        desc.label_size = g.n;
        CHECK(opening(&desc) == GAN_ERROR_NONFINITE, "%s", said);
        CHECK_TEXT(said, "label 2 (from 0)");
        ctx = gan_create(NULL);
        desc.label_bytes = NULL;
        CHECK(gan_dataset_open(ctx, &desc) != NULL, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("data_low and data_high become low and high, -1 and 1; a scale that does not fit is told") {
        static const struct {
            const char *type;
            double from, step, data[2], to[2], first, last;
            int warns;
        } rows[] = {{"<f4", 0, .25, {0, 1}, {0, 0}, -1, .5, 0},
                    {"<f4", 0, .25, {0, 0}, {0, 0}, 0, .75, 0},
                    {"<f4", 0, 85, {0, 0}, {0, 0}, 0, 255, 1},
                    {"<f4", 0, 85, {0, 255}, {0, 1}, 0, 1, 0},
                    {"<f4", 0, .25, {0, 255}, {0, 0}, -1, -.9941176, 1},
                    {"<f4", 0, 1, {0, 1}, {0, 0}, -1, 5, 1},
                    {"<i2", -30, 20, {-30, 30}, {10, 20}, 10, 20, 0},
                    {"<u2", 0, 21845, {0, 65535}, {0, 0}, -1, 1, 0},
                    {"|u1", 0, 1, {0, 0}, {0, 0}, -1, -.97647059, 1},
                    {"|u1", 0, 1, {0, 3}, {0, 0}, -1, 1, 0},
                    {"|u1", 0, 85, {0, 0}, {0, 2}, 0, 2, 0},
                    {"|b1", 0, .4, {0, 1}, {0, 9}, 0, 9, 0}};
        size_t r;
        for (r = 0; r < sizeof rows / sizeof *rows; ++r) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            npy_of(&f, 1, rows[r].type, 0, "(1, 2, 2)");
            for (i = 0; i < 4; ++i)
                add_number(&f, rows[r].type[1] == 'b' ? 'u' : rows[r].type[1], rows[r].type[2] - '0', 0,
                           rows[r].from + rows[r].step * i);
            desc = in_memory(&f);
            desc.data_low = (gan_real)rows[r].data[0], desc.data_high = (gan_real)rows[r].data[1];
            desc.low = (gan_real)rows[r].to[0], desc.high = (gan_real)rows[r].to[1];
            in_order(ctx, gan_dataset_open(ctx, &desc));
            CHECK_NEAR(all[0], rows[r].first, 1e-6, rows[r].type);
            CHECK_NEAR(all[3], rows[r].last, 1e-6, rows[r].type);
            CHECK(gan_warnings(ctx) == rows[r].warns, "%d: %d warnings: %s", (int)r, gan_warnings(ctx),
                  gan_warning_message(ctx));
            gan_destroy(ctx);
        }
        npy_of(&f, 1, "<f4", 0, "(1, 2, 2)");
        for (i = 0; i < 4; ++i) add_number(&f, 'f', 4, 0, i);
        {
            gan_dataset_desc desc = in_memory(&f);
            desc.high = 1;
            CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
            CHECK_TEXT(said, "need data_low and data_high");
            desc.data_low = 2, desc.data_high = 1;
            CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        }
    }
    TEST ("(N, H, W, C) is told from (N, C, H, W), with H of 4 and less too") {
        static const struct {
            const char *shape;
            int last, channels, code, warns;
            const char *got;
        } rows[] = {
            {"(1, 28, 28, 1)", 0, 0, 0, 1, "28x28x1"},      {"(1, 8, 8, 3)", 0, 0, 0, 1, "8x8x3"},
            {"(1, 8, 8, 3)", 1, 0, 0, 0, "3x8x8"},          {"(1, 8, 8, 3)", 0, 3, GAN_ERROR_SHAPE, 0, ""},
            {"(1, 4, 4, 3)", 0, 3, GAN_ERROR_SHAPE, 0, ""}, {"(1, 4, 4, 3)", 0, 0, 0, 1, "4x4x3"},
            {"(1, 4, 4, 3)", 1, 3, 0, 0, "3x4x4"},          {"(1, 3, 8, 8)", 0, 0, 0, 0, "3x8x8"},
            {"(1, 3, 3, 3)", 0, 3, 0, 1, "3x3x3"},          {"(1, 3, 3, 3)", -1, 3, 0, 0, "3x3x3"},
            {"(1, 3, 8, 8)", 1, 0, 0, 1, "8x3x8"},          {"(1, 1, 8, 8)", 0, 1, 0, 0, "1x8x8"},
            {"(1, 2, 2, 1)", 0, 1, GAN_ERROR_SHAPE, 0, ""}};
        size_t r;
        for (r = 0; r < sizeof rows / sizeof *rows; ++r) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            gan_dataset *d;
            int n[3], count;
            sscanf(rows[r].shape, "(1, %d, %d, %d)", n, n + 1, n + 2);
            count = n[0] * n[1] * n[2];
            npy_of(&f, 1, "|u1", 0, rows[r].shape);
            for (i = 0; i < count; ++i) add_number(&f, 'u', 1, 0, 255. * i / (count - 1));
            desc = in_memory(&f);
            desc.channels_last = rows[r].last, desc.channels = rows[r].channels;
            d = gan_dataset_open(ctx, &desc);
            CHECK(gan_error(ctx) == rows[r].code, "%d: %s", (int)r, gan_error_message(ctx));
            check_shape(d, rows[r].got);
            CHECK(gan_warnings(ctx) == rows[r].warns, "%d: %d warnings: %s", (int)r, gan_warnings(ctx),
                  gan_warning_message(ctx));
            if (rows[r].warns) CHECK_TEXT(gan_warning_message(ctx), "set channels_last");
            if (rows[r].code) CHECK_TEXT(gan_error_message(ctx), "set channels_last");
            gan_destroy(ctx);
        }
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
    TEST ("label_index: labels 4 .. 9 become 0 .. 5, their names stay; real labels and none are errors") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        gan_dataset *d;
        npy_of(&f, 1, "<f4", 0, "(6, 2)");
        npy_of(&g, 1, "<f4", 0, "(6,)");
        for (i = 0; i < 12; ++i) add_number(&f, 'f', 4, 0, i);
        for (i = 0; i < 6; ++i) add_number(&g, 'f', 4, 0, 9 - i);
        desc = in_memory(&f);
        desc.label_bytes = g.p;
        desc.label_size = g.n;
        desc.label_index = 1;
        d = gan_dataset_open(ctx, &desc);
        in_order(ctx, d);
        for (i = 0; i < 6; ++i) CHECK(all_labels[i] == 5 - i, "label %d is %g", i, all_labels[i]);
        CHECK(!strcmp(gan_dataset_class_name(d, 0), "4") && gan_warnings(ctx) == 0, "%s, %d warnings",
              gan_dataset_class_name(d, 0), gan_warnings(ctx));
        desc.label_index = 0;
        in_order(ctx, gan_dataset_open(ctx, &desc));
        CHECK(all_labels[0] == 9 && gan_warnings(ctx) == 1, "label %g, %d warnings", all_labels[0],
              gan_warnings(ctx));
        desc.label_index = 1;
        g.n -= 4;
        add_number(&g, 'f', 4, 0, .5);
        CHECK(opening(&desc) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "no whole numbers");
        desc.label_bytes = NULL;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        gan_destroy(ctx);
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
#ifdef FILES_FOLDERS
    TEST ("a folder of data_batch_1 .. 5.bin is one dataset; without the fourth it is none") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = at_path(put_folder("cifar"));
        int way;
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
        gan_destroy(ctx); // Windows removes no open file
        ctx = gan_create(NULL);
        remove(test_path("cifar/data_batch_4.bin"));
        CHECK(!gan_dataset_open(ctx, &desc), "a dataset of three batches");
        CHECK_TEXT(gan_error_message(ctx), "no data_batch_4.bin");
        gan_destroy(ctx);
    }
#endif
}

static void test_pnm(void)
{
    int i;
    double v[12];
    TEST ("PGM and PPM of 8 and 16 bits, comments in the header, planes from pixels") {
        gan_dataset_desc desc;
        f.n = 0;
        add_text(&f, "P5 # gray\n#another\n 3\t2\n255\n");
        for (i = 0; i < 6; ++i) {
            add_number(&f, 'u', 1, 0, 40 * i);
            v[i] = 40 * i / 127.5 - 1;
        }
        desc = in_memory(&f);
        check_ways("a.pgm", &desc, 1, 6, v, NULL);
        f.n = 0;
        add_text(&f, "P6\n2 2\n1000\n"); // 16 bits
        for (i = 0; i < 12; ++i) {
            add_number(&f, 'u', 2, 1, 90 * i);
            v[i % 3 * 4 + i / 3] = 90 * i / 500. - 1;
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
    TEST ("PAM: gray, RGB, each with alpha, black and white, of 1, 8 and 16 bits, without a TUPLTYPE") {
        static const struct {
            const char *head;
            int channels, most;
        } rows[] = {
            {"WIDTH 3\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n", 1, 255},
            {"TUPLTYPE RGB\nHEIGHT 2\n# a comment\n\nWIDTH 3\nMAXVAL 65535\nDEPTH 3\nENDHDR\n", 3, 65535},
            {"WIDTH 3\nHEIGHT 2\nDEPTH 2\nMAXVAL 100\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n", 2, 100},
            {"WIDTH\t3 \r\n HEIGHT 2\nDEPTH 4\n  MAXVAL  4095\nTUPLTYPE RGB_ALPHA\nENDHDR\n", 4, 4095},
            {"WIDTH 3\nHEIGHT 2\nDEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n", 1, 1},
            {"WIDTH 3\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nENDHDR\n", 4, 255},
        };
        double pixel[24];
        size_t r;
        for (r = 0; r < sizeof rows / sizeof *rows; ++r) {
            const int c = rows[r].channels, most = rows[r].most;
            gan_dataset_desc desc;
            f.n = 0;
            add_text(&f, "P7\n");
            add_text(&f, rows[r].head);
            for (i = 0; i < 6 * c; ++i) {
                const int value = most == 1 ? i % 2 : most * i / 30;
                add_number(&f, 'u', most > 255 ? 2 : 1, 1, value);
                pixel[i % c * 6 + i / c] =
                    most >= 255 ? 2. * value / most - 1 : floor(value * 255. / most + .5) / 127.5 - 1;
            }
            desc = in_memory(&f);
            check_ways("d.pam", &desc, 1, 6 * c, pixel, NULL);
        }
    }
    TEST ("PAM with alpha lies on the background where alpha is not asked for") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        f.n = 0;
        add_text(&f, "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n");
        add(&f, "\x10\x20\x30\xff\x10\x20\x30\0", 8);
        desc = in_memory(&f);
        desc.channels = 3;
        desc.background = 0xff0080;
        in_order(ctx, gan_dataset_open(ctx, &desc));
        for (i = 0; i < 6; ++i) {
            static const int want[] = {0x10, 0xff, 0x20, 0, 0x30, 0x80};
            CHECK_NEAR((all[i] + 1) * 127.5, want[i], 1e-4, "pixel");
        }
        gan_destroy(ctx);
    }
#ifdef FILES_FOLDERS
    TEST ("PAM in a folder, by its extension; one of 16 bits is kept at 16 bits") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        put_folder("pam");
        f.n = 0;
        add_text(&f, "P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n\x10\x20");
        put_file("pam/1.pam", f.p, f.n);
        f.n = 0;
        add_text(&f, "P7\n#\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\nENDHDR\n\x10\x20\x30\x40");
        put_file("pam/2.PAM", f.p, f.n);
        desc = at_path(test_path("pam"));
        CHECK(in_order(ctx, gan_dataset_open(ctx, &desc)) == 2, "%s", gan_error_message(ctx));
        CHECK_NEAR(all[1], 0x20 / 127.5 - 1, 1e-6, "8 bits");
        CHECK_NEAR(all[2], 0x1020 / 32767.5 - 1, 1e-6, "16 bits");
        CHECK(gan_warnings(ctx) == 0, "%s", gan_warning_message(ctx));
        gan_destroy(ctx);
    }
#endif
    TEST_MUST_FAIL ("another value of a PAM is seen") {
        gan_dataset_desc desc;
        f.n = 0;
        add_text(&f, "P7\nWIDTH 4\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\nabcd");
        for (i = 0; i < 4; ++i) v[i] = ('a' + i + (i == 2)) / 127.5 - 1;
        desc = in_memory(&f);
        check_ways("e.pam", &desc, 1, 4, v, NULL);
    }
}

#ifdef FILES_FOLDERS
static void put_pgm(const char *name, int h, int w, int level)
{
    char head[60];
    int i;
    f.n = 0;
    snprintf(head, sizeof head, "P5 %d %d 255\n", w, h);
    add_text(&f, head);
    for (i = 0; i < h * w; ++i) add_number(&f, 'u', 1, 0, level);
    put_file(name, f.p, f.n);
}

static void put_stb(const char *name, int h, int w, int c, int wrong)
{
    int i;
    f.n = 0;
    add(&f, "\x89PNG\r\n\x1a\n", 8);
    add_number(&f, 'u', 1, 0, w);
    add_number(&f, 'u', 1, 0, h);
    add_number(&f, 'u', 1, 0, c);
    add_number(&f, 'u', 1, 0, wrong);
    for (i = 0; i < w * h * c; ++i) add_number(&f, 'u', 1, 0, 10 * i);
    put_file(name, f.p, f.n);
}

// A JPEG of pixels 10 i with EXIF's orientation (0: none) in either byte order, behind another APP1.
static void make_jpeg(int h, int w, int c, int frame, int orientation, int big)
{
    int i;
    f.n = 0;
    add(&f, "\xff\xd8\xff\xe0\0\4ab\xff\xff\xe1\0\7http:", 18);
    if (orientation) {
        add(&f, "\xff\xe1\0\56Exif\0\0", 10);
        add(&f, big ? "MM\0*" : "II*", 4);
        add_number(&f, 'u', 4, big, 8);
        add_number(&f, 'u', 2, big, 2);
        for (i = 0; i < 2; ++i) { // 256: the width; 274: the orientation
            add_number(&f, 'u', 2, big, i ? 274 : 256);
            add_number(&f, 'u', 2, big, 3);
            add_number(&f, 'u', 4, big, 1);
            add_number(&f, 'u', 2, big, i ? orientation : 5);
            add_number(&f, 'u', 2, big, 0);
        }
        add(&f, "\0\0\0\0", 4);
    }
    add(&f, "\xff\xc0\0\x11\10\0\1\0\1", 9);
    add_number(&f, 'u', 1, 0, frame);
    add(&f, "123456789", 9);
    add(&f,
        "\xff\xda\0\x8"
        "abcdef",
        10);
    add_number(&f, 'u', 1, 0, w);
    add_number(&f, 'u', 1, 0, h);
    add_number(&f, 'u', 1, 0, c);
    add_number(&f, 'u', 1, 0, STB_GOOD);
    for (i = 0; i < w * h * c; ++i) add_number(&f, 'u', 1, 0, 10 * i);
    add(&f, "\xff\xd9", 2);
}

// A PNG of one row of pixels of c bytes, or of 16 bits each.
static void make_png(const int *v, int n, int c, int deep)
{
    int i;
    f.n = 0;
    add(&f, "\x89PNG\r\n\x1a\n", 8);
    add_number(&f, 'u', 1, 0, n / c);
    add_number(&f, 'u', 1, 0, 1);
    add_number(&f, 'u', 1, 0, c);
    add_number(&f, 'u', 1, 0, STB_GOOD);
    if (deep) add(&f, "IHDR12345678\20", 13);
    for (i = 0; i < n; ++i) add_number(&f, 'u', deep ? 2 : 1, 1, v[i]);
}

static void test_png(void)
{
    int i, way;
    TEST ("16 bits of a PNG are kept: 0 and 65535 are exactly -1 and 1, a step is 2 / 65535") {
        static const int v[] = {0, 65535, 1, 32768};
        double want[4];
        gan_dataset_desc desc;
        for (i = 0; i < 4; ++i) want[i] = v[i] / 32767.5 - 1;
        make_png(v, 4, 1, 1);
        desc = in_memory(&f);
        check_ways("deep.png", &desc, 1, 4, want, NULL);
        {
            gan_context *ctx = gan_create(NULL);
            in_order(ctx, gan_dataset_open(ctx, &desc));
            CHECK(all[0] == -1 && all[1] == 1, "%.9g %.9g", all[0], all[1]);
            CHECK_NEAR(all[2] - all[0], 2 / 65535., 1e-7, "a step");
            gan_destroy(ctx);
        }
    }
    TEST ("alpha: kept with 4 and 2 channels, else over the background, of 8 and 16 bits") {
        static const int rgba[] = {200, 100, 50, 255, 200, 100, 50, 0, 200, 100, 50, 51},
                         ga[] = {200, 255, 200, 0};
        static const struct {
            int channels;
            unsigned background;
            int n;
            double want[12];
        } rows[] = {{0, 0, 12, {200, 200, 200, 100, 100, 100, 50, 50, 50, 255, 0, 51}},
                    {4, 0xffffff, 12, {200, 200, 200, 100, 100, 100, 50, 50, 50, 255, 0, 51}},
                    {3, 0, 9, {200, 0, 40, 100, 0, 20, 50, 0, 10}},
                    {3, 0xff8000, 9, {200, 255, 244, 100, 128, 122.4, 50, 0, 10}}};
        int r, deep;
        for (r = 0; r < 4; ++r)
            for (deep = 0; deep < 2; ++deep) {
                gan_context *ctx = gan_create(NULL);
                gan_dataset_desc desc;
                int v[12];
                for (i = 0; i < 12; ++i) v[i] = rgba[i] * (deep ? 257 : 1);
                make_png(v, 12, 4, deep);
                desc = in_memory(&f);
                desc.channels = rows[r].channels, desc.background = rows[r].background;
                CHECK(in_order(ctx, gan_dataset_open(ctx, &desc)) == rows[r].n, "%s", gan_error_message(ctx));
                for (i = 0; i < rows[r].n; ++i)
                    CHECK_NEAR((all[i] + 1) * 127.5, rows[r].want[i], deep ? .01 : .5001, "value");
                gan_destroy(ctx);
                CHECK(stb_living == 0, "%d pictures of stb_image are left", stb_living);
            }
        for (r = 1; r <= 4; ++r) {
            static const int want[5][8] = {{0},
                                           {200, 151},
                                           {200, 200, 255, 0},
                                           {200, 151, 200, 151, 200, 151},
                                           {200, 200, 200, 200, 200, 200, 255, 0}};
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            make_png(ga, 4, 2, 0);
            desc = in_memory(&f);
            desc.channels = r, desc.background = 0xff8000; // its gray is 151
            CHECK(in_order(ctx, gan_dataset_open(ctx, &desc)) == 2 * r, "%s", gan_error_message(ctx));
            for (i = 0; i < 2 * r; ++i) CHECK_NEAR((all[i] + 1) * 127.5, want[r][i], .5001, "gray and alpha");
            gan_destroy(ctx);
        }
    }
#ifdef FILES_FOLDERS
    TEST ("a folder of 8 and 16 bits, with and without alpha: one scale, the channels of the first, or those "
          "asked for") {
        static const int a[] = {10, 20, 30}, b[] = {257 * 40, 257 * 50, 257 * 60 + 128},
                         c[] = {100, 110, 120, 0};
        put_folder("mixed");
        make_png(a, 3, 3, 0);
        put_file("mixed/1.png", f.p, f.n);
        make_png(b, 3, 3, 1);
        put_file("mixed/2.png", f.p, f.n);
        make_png(c, 4, 4, 0);
        put_file("mixed/10.png", f.p, f.n);
        for (way = 0; way < 4; ++way) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc = at_path(test_path("mixed"));
            const int per = way < 2 ? 3 : 4;
            desc.stream = way & 1;
            desc.background = 0x0102ff;
            desc.channels = way < 2 ? 0 : 4;
            CHECK(in_order(ctx, gan_dataset_open(ctx, &desc)) == per, "%s", gan_error_message(ctx));
            for (i = 0; i < 3; ++i) {
                CHECK_NEAR((all[i] + 1) * 127.5, a[i], 1e-4, "8 bits");
                CHECK_NEAR((all[per + i] + 1) * 127.5, b[i] / 257., 1e-4, "16 bits");
                CHECK_NEAR((all[2 * per + i] + 1) * 127.5, per == 4 ? c[i] : (i < 2 ? i + 1 : 255), 1e-4,
                           "alpha");
            }
            if (per == 4)
                CHECK(all[3] == 1 && all[7] == 1 && all[11] == -1, "%g %g %g", all[3], all[7], all[11]);
            gan_destroy(ctx);
        }
    }
#endif
}

// Where the pixels 0 1 2 / 3 4 5 of a picture of 2 x 3 are to be seen, row by row.
static const int shown[9][6] = {{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3},
                                {5, 4, 3, 2, 1, 0}, {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5},
                                {3, 0, 4, 1, 5, 2}, {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};

// The one image of 6 pixels and c channels of d lies as orientation o says. Destroys the context.
static void check_turned(gan_context *ctx, gan_dataset *d, int c, int o)
{
    int i;
    in_order(ctx, d);
    for (i = 0; i < 6 * c; ++i)
        CHECK_NEAR(all[i], 10 * (shown[o % 9][i % 6] * c + i / 6) / 127.5 - 1, 1e-6, "pixel");
    gan_destroy(ctx);
    CHECK(stb_living == 0, "%d pictures of stb_image are left", stb_living);
}

static void add_chunk(const char *type, size_t n)
{
    add_be32(&f, (uint32_t)n);
    add(&f, type, 4);
}

// A PNG of chunks of 2 x 3 pixels 10 i with EXIF's orientation (0: none), in front of or behind the pixels.
static void make_exif_png(int c, int deep, int orientation, int behind)
{
    static const int color[] = {0, 0, 4, 2, 6};
    int i, pass;
    f.n = 0;
    add(&f, "\x89PNG\r\n\x1a\n", 8);
    add_chunk("IHDR", 13);
    add_be32(&f, 3);
    add_be32(&f, 2);
    add_number(&f, 'u', 1, 0, deep ? 16 : 8);
    add_number(&f, 'u', 1, 0, color[c]);
    add(&f, "\0\0\0crc.", 7);
    for (pass = 0; pass < 2; ++pass) {
        if (orientation && pass == behind) {
            add_chunk("eXIf", 26);
            add(&f, behind ? "II*" : "MM\0*", 4);
            add_number(&f, 'u', 4, !behind, 8);
            add_number(&f, 'u', 2, !behind, 1);
            add_number(&f, 'u', 2, !behind, 274);
            add_number(&f, 'u', 2, !behind, 3);
            add_number(&f, 'u', 4, !behind, 1);
            add_number(&f, 'u', 2, !behind, orientation);
            add(&f, "\0\0\0\0\0\0crc.", 10);
        }
        if (pass) break;
        add_chunk("IDAT", (size_t)(6 * c * (deep ? 2 : 1)));
        for (i = 0; i < 6 * c; ++i) add_number(&f, 'u', deep ? 2 : 1, 1, 10 * i * (deep ? 257 : 1));
        add(&f, "crc.", 4);
    }
    add_chunk("IEND", 0);
    add(&f, "crc.", 4);
}

static void test_png_exif(void)
{
    int o, i, way, c;
    TEST ("eXIf's orientation turns a PNG: all eight values, both byte orders, before and behind the pixels, "
          "of "
          "8 and 16 bits and 1 to 4 channels") {
        for (o = 0; o <= 9; ++o)
            for (way = 0; way < 4; ++way)
                for (c = 1; c <= 4; ++c) {
                    gan_context *ctx = gan_create(NULL);
                    gan_dataset_desc desc;
                    gan_dataset *d;
                    char shape[10];
                    make_exif_png(c, way & 1, o, way >> 1);
                    desc = in_memory(&f);
                    d = gan_dataset_open(ctx, &desc);
                    snprintf(shape, sizeof shape, "%dx%s", c, o >= 5 && o < 9 ? "3x2" : "2x3");
                    check_shape(d, shape);
                    check_turned(ctx, d, c, o);
                }
    }
    TEST ("a damaged eXIf, or one whose length goes beyond the file, turns nothing or is seen, never more") {
        for (i = 33; i < 83; ++i)
            for (o = 0; o < 2; ++o) {
                make_exif_png(1, 0, 6, 0);
                CHECK(gan__format_png_orientation(f.p, f.n) == 6, "before the damage");
                f.p[i] ^= (unsigned char)(o ? 0xff : 1);
                way = gan__format_png_orientation(f.p, f.n);
                CHECK(way >= 1 && way <= 8, "byte %d: %d", i, way);
                f.n = (size_t)i;
                (void)gan__format_png_orientation(f.p, f.n);
            }
    }
    TEST_MUST_FAIL ("a PNG that is not turned is seen") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        make_exif_png(1, 0, 1, 0);
        desc = in_memory(&f);
        in_order(ctx, gan_dataset_open(ctx, &desc));
        for (i = 0; i < 6; ++i) CHECK_NEAR(all[i], 10 * shown[3][i] / 127.5 - 1, 1e-6, "pixel");
        gan_destroy(ctx);
    }
}

static void test_jpeg(void)
{
    int o, i, big, c;
    TEST ("EXIF's orientation turns a JPEG: all eight values, both byte orders, gray and color") {
        for (o = 0; o <= 9; ++o)
            for (big = 0; big < 2; ++big)
                for (c = 1; c <= 3; c += 2) {
                    gan_context *ctx = gan_create(NULL);
                    gan_dataset_desc desc;
                    gan_dataset *d;
                    make_jpeg(2, 3, c, c, o, big);
                    desc = in_memory(&f);
                    d = gan_dataset_open(ctx, &desc);
                    check_shape(d, c == 1 ? (o >= 5 && o < 9 ? "1x3x2" : "1x2x3")
                                          : (o >= 5 && o < 9 ? "3x3x2" : "3x2x3"));
                    check_turned(ctx, d, c, o);
                }
    }
    TEST ("a JPEG of four inks, one without its end, with damaged EXIF") {
        make_jpeg(2, 3, 3, 4, 0, 0);
        refused(&f, "four inks (CMYK)");
        make_jpeg(2, 3, 3, 3, 6, 0);
        f.n -= 2;
        refused(&f, "is cut off");
        for (i = 18; i < 64; ++i)
            for (o = 0; o < 3; ++o) {
                gan_dataset_desc desc;
                make_jpeg(2, 3, 3, 3, 6, o & 1);
                f.p[i] ^= (unsigned char)(o ? 0xff : 1);
                desc = in_memory(&f);
                CHECK(opening(&desc) == 0 || opening(&desc) == GAN_ERROR_FORMAT, "byte %d: %s", i, said);
            }
    }
    TEST_MUST_FAIL ("a picture that is not turned is seen") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        make_jpeg(2, 3, 1, 1, 1, 0);
        desc = in_memory(&f);
        in_order(ctx, gan_dataset_open(ctx, &desc));
        for (i = 0; i < 6; ++i) CHECK_NEAR(all[i], 10 * shown[3][i] / 127.5 - 1, 1e-6, "pixel");
        gan_destroy(ctx);
    }
    TEST ("BMP and GIF that end before their pixels are an error") {
        static const unsigned char bmp[60] = {'B', 'M', 60, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40,
                                              0,   0,   0,  1, 0, 0, 0, 1, 0, 0, 0,  1, 0, 24};
        unsigned char b[60], gif[8] = {'G', 'I', 'F', '8', '9', 'a', ';', 0};
        memcpy(b, bmp, sizeof b);
        CHECK(!gan__format_is_cut(b, 58) && gan__format_is_cut(b, 57), "one pixel");
        b[22] = b[23] = b[24] = b[25] = 0xff; // a height of -1: from above
        CHECK(!gan__format_is_cut(b, 58) && gan__format_is_cut(b, 57), "one pixel from above");
        CHECK(!gan__format_is_cut(gif, 8) && gan__format_is_cut(gif, 6), "GIF");
    }
#ifdef FILES_FOLDERS
    TEST ("a file with a picture's name that is none is named at opening, streamed too") {
        static const struct {
            const char *bytes;
            int n;
            const char *word;
        } foreign[] = {{"version https://git-lfs.github.com/spec/v1\n", 43, "Git LFS"},
                       {"<!DOCTYPE html><html>404", 24, "HTML"},
                       {"\n <HTML>", 8, "HTML"},
                       {"RIFF\x10\0\0\0WEBPVP8 ", 16, "is WebP"},
                       {"II*\0\x08\0\0\0", 8, "is TIFF"},
                       {"\0\0\0\x20"
                        "ftypavif",
                        12, "AVIF"},
                       {"", 0, "0 bytes"},
                       {"some text", 9, "is no picture"}};
        put_folder("foreign");
        put_pgm("foreign/1.pgm", 2, 3, 10);
        for (i = 0; i < 16; ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc = at_path(test_path("foreign"));
            put_file("foreign/2.jpg", foreign[i / 2].bytes, (size_t)foreign[i / 2].n);
            desc = at_path(test_path("foreign"));
            desc.stream = i % 2;
            CHECK(!gan_dataset_open(ctx, &desc), "opened");
            CHECK(gan_error(ctx) == GAN_ERROR_FORMAT, "error %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "foreign/2.jpg");
            CHECK_TEXT(gan_error_message(ctx), foreign[i / 2].word);
            gan_destroy(ctx);
        }
    }
#endif
}

static void test_folder(void)
{
    int way, i;
    TEST ("sub-folders are classes by sorted name, pictures sorted within; kept, streamed, with little "
          "memory") {
        put_folder("tree");
        put_folder("tree/b");
        put_folder("tree/a");
        put_folder("tree/empty");
        put_pgm("tree/b/1.pgm", 2, 3, 40);
        put_pgm("tree/b/0.pgm", 2, 3, 30);
        put_pgm("tree/a/2.PGM", 2, 3, 20);
        put_pgm("tree/a/1.pgm", 2, 3, 10);
        put_file("tree/b/notes.txt", "not a picture", 13);
        put_file("tree/README", "x", 1);
        for (way = 0; way < 3; ++way) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc = at_path(test_path("tree"));
            gan_dataset *d;
            desc.stream = way == 1;
            desc.memory = way == 2;
            d = gan_dataset_open(ctx, &desc);
            check_shape(d, "1x2x3");
            CHECK(gan_dataset_size(d) == 4, "%d pictures", (int)gan_dataset_size(d));
            CHECK(in_order(ctx, d) == 6, "%s", gan_error_message(ctx));
            for (i = 0; i < 4; ++i) {
                CHECK_NEAR(all[6 * i + 5], (10 + 10 * i) / 127.5 - 1, 1e-6, "pixel");
                CHECK(all_labels[i] == i / 2, "label %g of picture %d", all_labels[i], i);
            }
            gan_destroy(ctx);
        }
    }
    TEST ("a folder without pictures has no label; classes and pictures in natural order; what lies deeper "
          "is of the folder's class") {
        static const int level[] = {10, 20, 30, 40, 50}, label[] = {0, 0, 0, 1, 2};
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        put_folder("deep");
        put_folder("deep/2");
        put_folder("deep/2/more");
        put_folder("deep/3");
        put_folder("deep/__MACOSX");
        put_folder("deep/.git");
        put_folder("deep/9");
        put_folder("deep/10");
        put_pgm("deep/2/2.pgm", 2, 3, 10);
        put_pgm("deep/2/10.pgm", 2, 3, 20);
        put_pgm("deep/2/more/1.pgm", 2, 3, 30);
        put_pgm("deep/9/1.pgm", 2, 3, 40);
        put_pgm("deep/10/1.pgm", 2, 3, 50);
        put_pgm("deep/.git/1.pgm", 2, 3, 60);
        put_pgm("deep/__MACOSX/1.pgm", 2, 3, 60);
        desc = at_path(test_path("deep"));
        CHECK(in_order(ctx, gan_dataset_open(ctx, &desc)) == 6, "%s", gan_error_message(ctx));
        for (i = 0; i < 5; ++i) {
            CHECK_NEAR(all[6 * i + 5], level[i] / 127.5 - 1, 1e-6, "pixel");
            CHECK(all_labels[i] == label[i], "label %g of picture %d", all_labels[i], i);
        }
        CHECK(gan_warnings(ctx) == 0, "%s", gan_warning_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("classes of folders have their names and sizes, samples their paths and labels") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = at_path(test_path("deep"));
        gan_dataset *d;
        for (way = 0; way < 2; ++way) {
            desc.stream = way;
            d = gan_dataset_open(ctx, &desc);
            CHECK(gan_dataset_classes(d) == 3, "%d classes", gan_dataset_classes(d));
            CHECK(!strcmp(gan_dataset_class_name(d, 0), "2") && !strcmp(gan_dataset_class_name(d, 1), "9") &&
                      !strcmp(gan_dataset_class_name(d, 2), "10"),
                  "%s %s %s", gan_dataset_class_name(d, 0), gan_dataset_class_name(d, 1),
                  gan_dataset_class_name(d, 2));
            CHECK(gan_dataset_class_size(d, 0) == 3 && gan_dataset_class_size(d, 2) == 1, "sizes");
            CHECK(!strcmp(gan_dataset_path(d, 3), test_path("deep/9/1.pgm")), "%s", gan_dataset_path(d, 3));
            CHECK(gan_dataset_label(d, 3) == 1 && gan_dataset_class_label(d, 1) == 1, "label of sample 3");
            CHECK(!*gan_dataset_path(d, 5) && !*gan_dataset_path(d, -1), "out of range");
        }
        gan_destroy(ctx);
    }
    TEST ("labels by name: StyleGAN's dataset.json, `file,label` with paths, last parts, without extensions; "
          "texts are classes; the file of labels is not told as left out") {
        static const struct {
            const char *text;
            int column;
            double want[4]; // of 00/img1, 00/img2, 00/img10, 01/img3
            int classes, warns;
        } rows[] = {
            {"{\"labels\": [[\"00/img1.pgm\", 6], [\"01/img3.pgm\", 0],[\"00/img10.pgm\",1],"
             "[\"00/img2.pgm\" , 2]]}",
             0,
             {6, 2, 1, 0},
             4,
             1},
            {"{ \"x\": {\"labels\": [1, {\"]\": 2}]}, \"labels\" : [ [\"img1.pgm\",0],[\"img2.pgm\",1],"
             "[\"img10.pgm\",0],[\"img3.pgm\",1] ] , \"y\": \"}\"}",
             0,
             {0, 1, 0, 1},
             2,
             0},
            {"{\"labels\": [[\"00\\/img1.pgm\", \"b\\u00e9\"], [\"01\\/img3.pgm\", \"a\"],"
             "[\"img\\u0031\\u0030\", \"a\"], [\"img2\",\"b\"]]}",
             0,
             {2, 1, 0, 0},
             3,
             0},
            {"file,label\n00/img10.pgm,0\n./00/img1.pgm,1\n01/img3.pgm,2\n00/img2.pgm,1\n",
             0,
             {1, 1, 0, 2},
             3,
             0},
            {"id;breed\r\nimg10;cat\r\nimg1;\"a dog\"\r\nimg3;cat 10\r\nimg2;cat 2\r\n",
             0,
             {0, 2, 1, 3},
             4,
             0},
            {"4\nsmile young\nimg1.pgm -1 1\nimg2.pgm 1 1\nimg10.pgm 1 -1\nimg3.pgm 1 -1\n",
             3,
             {1, 1, -1, -1},
             2,
             1},
            {"a,b,c\nimg1,x,.5\nimg2,y,1.5\nimg10,z,-2\nimg3,z,0\nimg4,z,0\n", -1, {.5, 1.5, -2, 0}, 0, 1},
        };
        size_t r;
        put_folder("named");
        put_folder("named/00");
        put_folder("named/01");
        put_pgm("named/00/img1.pgm", 2, 3, 10);
        put_pgm("named/00/img2.pgm", 2, 3, 20);
        put_pgm("named/00/img10.pgm", 2, 3, 30);
        put_pgm("named/01/img3.pgm", 2, 3, 40);
        for (r = 0; r < sizeof rows / sizeof *rows; ++r)
            for (way = 0; way < 3; ++way) {
                gan_context *ctx = gan_create(NULL);
                gan_dataset_desc desc = at_path(test_path("named"));
                gan_dataset *d;
                desc.stream = way == 1;
                desc.label_column = rows[r].column;
                if (way == 2) desc.label_bytes = rows[r].text, desc.label_size = strlen(rows[r].text);
                else {
                    const char *name = r < 3 ? "named/dataset.json" : "named/labels.csv";
                    put_file(name, rows[r].text, strlen(rows[r].text));
                    if (r >= 3) desc.labels = test_path(name);
                }
                d = gan_dataset_open(ctx, &desc);
                CHECK(in_order(ctx, d) == 6, "%d: %s", (int)r, gan_error_message(ctx));
                for (i = 0; i < 4; ++i) {
                    CHECK_NEAR(all[6 * i], (10 + 10 * i) / 127.5 - 1, 1e-6, "pixel");
                    CHECK(all_labels[i] == rows[r].want[i], "%d: label %d is %g", (int)r, i, all_labels[i]);
                }
                CHECK(gan_dataset_classes(d) == rows[r].classes && gan_warnings(ctx) == rows[r].warns,
                      "%d: %d classes, %d warnings: %s", (int)r, gan_dataset_classes(d), gan_warnings(ctx),
                      gan_warning_message(ctx));
                if (r == 2)
                    CHECK(!strcmp(gan_dataset_class_name(d, 2), "b\xc3\xa9"), "%s",
                          gan_dataset_class_name(d, 2));
                if (r == 4)
                    CHECK(!strcmp(gan_dataset_class_name(d, 2), "cat 2"), "%s", gan_dataset_class_name(d, 2));
                if (r == 4)
                    CHECK(!strcmp(gan_dataset_class_name(d, 0), "a dog"), "%s", gan_dataset_class_name(d, 0));
                if (r == 6)
                    CHECK_TEXT(gan_warning_message(ctx), "1 files that are no pictures of the folder");
                gan_destroy(ctx);
                remove(test_path("named/dataset.json"));
                remove(test_path("named/labels.csv"));
            }
    }
    TEST ("labels by name: a picture without, two, an ambiguous name, a column that is not told, damage") {
        static const struct {
            const char *text, *word;
        } rows[] = {{"img1,0\nimg2,1\nimg10,2\n", "no label for the picture"},
                    {"img1,0\nimg2,1\nimg10,2\nimg3,0\nimg1.pgm,5\n", "two labels for img1.pgm"},
                    {"img1,0\nimg2,1\nimg10,\nimg3,0\n", "empty label for img10"},
                    {"img1,0,1\nimg2,1,1\nimg10,2,1\nimg3,1,1\n", "label_column must tell"},
                    {"{\"labels\": [[\"img1.pgm\", [1, 0]]]}", "no dataset.json"},
                    {"{\"labels\": [[\"img1.pgm\", 1]", "no dataset.json"},
                    {"{\"labels\": {}}", "no dataset.json"},
                    {"{\"labels\": [[\"img1.pgm\" 1]]}", "byte 24: a file has no label"},
                    {"{\"labels\": [[\"img1.pgm\", null]]}", "neither a number nor a text"},
                    {"{\"labels\": [[\"img1\\x\", 1]]}", "wrong escape"},
                    {"{\"labels\": null} x", "something follows"},
                    {"{\"labels\": null, \"labels\": null}", "labels stand twice"},
                    {"{", "no dataset.json"}};
        gan_dataset_desc desc = at_path(test_path("named"));
        size_t r, n;
        for (r = 0; r < sizeof rows / sizeof *rows; ++r) {
            desc.label_bytes = rows[r].text;
            desc.label_size = strlen(rows[r].text);
            CHECK(opening(&desc) == GAN_ERROR_FORMAT, "%d: %s", (int)r, said);
            CHECK_TEXT(said, rows[r].word);
        }
        desc.label_bytes = "{\"labels\": null}";
        desc.label_size = strlen((const char *)desc.label_bytes);
        CHECK(opening(&desc) != 0, "labels by hand that are none: %s", said);
        put_file("named/dataset.json", desc.label_bytes, desc.label_size);
        desc = at_path(test_path("named"));
        CHECK(opening(&desc) == 0, "%s", said);
        remove(test_path("named/dataset.json"));
        for (r = 0; r < 2; ++r) { // cut at every length, and every byte changed
            static const char text[] =
                "{\"a\": [{}], \"labels\": [[\"00/img1.pgm\", 6], [\"01/img3.pgm\", 0]]}";
            for (n = 0; n < sizeof text - 1; ++n) {
                char changed[sizeof text];
                memcpy(changed, text, sizeof text);
                changed[n] ^= 32;
                desc.label_bytes = changed;
                desc.label_size = r ? sizeof text - 1 : n;
                CHECK(opening(&desc) == GAN_ERROR_FORMAT, "%d: %s", (int)n, said);
            }
        }
        put_pgm("named/01/img1.pgm", 2, 3, 50);
        desc.label_bytes = "img1,0\n";
        desc.label_size = 7;
        CHECK(opening(&desc) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "several pictures are called img1");
        remove(test_path("named/01/img1.pgm"));
    }
    TEST ("a file that is no picture by its name is told in a warning") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = at_path(test_path("tree"));
        gan_dataset_open(ctx, &desc);
        CHECK(gan_warnings(ctx) == 1, "%d warnings", gan_warnings(ctx));
        CHECK_TEXT(gan_warning_message(ctx), "tree: 2 files are left out, the first of them is ");
        CHECK_TEXT(gan_warning_message(ctx), "tree/README");
        gan_destroy(ctx);
    }
#ifdef FILES_POSIX
    TEST ("a folder is read once: links to parents, to itself and to a brother add no pictures") {
        char cycle[600];
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        gan_dataset *d;
        put_folder("links");
        put_folder("links/a");
        put_folder("links/b");
        (void)remove(test_path("links/a/up")), (void)remove(test_path("links/b/self"));
        (void)remove(test_path("links/c"));
        put_pgm("links/a/1.pgm", 2, 3, 10);
        put_pgm("links/a/2.pgm", 2, 3, 20);
        put_pgm("links/b/1.pgm", 2, 3, 30);
        snprintf(cycle, sizeof cycle, "%s", test_path("links/a/up"));
        CHECK(symlink("..", cycle) == 0, "no link %s", cycle);
        snprintf(cycle, sizeof cycle, "%s", test_path("links/b/self"));
        CHECK(symlink(".", cycle) == 0, "no link %s", cycle);
        snprintf(cycle, sizeof cycle, "%s", test_path("links/c"));
        CHECK(symlink("a", cycle) == 0, "no link %s", cycle);
        desc = at_path(test_path("links"));
        d = gan_dataset_open(ctx, &desc);
        CHECK(gan_dataset_size(d) == 3, "%d pictures: %s", (int)gan_dataset_size(d), gan_error_message(ctx));
        CHECK(gan_warnings(ctx) == 3, "%d warnings", gan_warnings(ctx));
        CHECK_TEXT(gan_warning_message(ctx), "links/c is a link to a folder that is read");
        gan_destroy(ctx);
    }
#endif
    TEST ("a picture of another size is an error that names it, and none when a size is asked for") {
        gan_dataset_desc desc = at_path(test_path("tree"));
        put_pgm("tree/b/2.pgm", 5, 7, 50);
        CHECK(opening(&desc) == GAN_ERROR_SHAPE, "%s", said);
        CHECK_TEXT(said, "b/2.pgm");
        desc.height = desc.width = 4;
        CHECK(opening(&desc) == 0, "%s", said);
        remove(test_path("tree/b/2.pgm"));
        put_pgm("tree/loose.pgm", 2, 3, 50);
        desc = at_path(test_path("tree"));
        CHECK(opening(&desc) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "1 pictures beside 2 folders");
        remove(test_path("tree/loose.pgm"));
    }
    TEST ("a folder without pictures, no folder, and one damaged picture") {
        gan_dataset_desc desc = at_path(test_path("tree/empty"));
        CHECK(opening(&desc) == GAN_ERROR_FILE, "%s", said);
        CHECK_TEXT(said, "pictures");
        desc = at_path(test_path("no such tree"));
        CHECK(opening(&desc) == GAN_ERROR_FILE, "%s", said);
        desc = at_path(test_path("tree"));
        put_file("tree/a/3.pgm", "P5 3 2 255\nxx", 13);
        CHECK(opening(&desc) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "a/3.pgm is short");
        remove(test_path("tree/a/3.pgm"));
    }
    TEST ("stb_image decodes what it knows; what it refuses, lies about or cannot do is an error, nothing "
          "leaks") {
        static const char *const word[] = {
            "", "does not know", "cannot be in", "cannot be in", "cannot decode", "cannot decode"};
        put_folder("stb");
        for (i = 0; i < 6; ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc = at_path(test_path("stb"));
            gan_dataset *d;
            put_stb("stb/a.png", 2, 2, 3, i);
            d = gan_dataset_open(ctx, &desc);
            CHECK((d != NULL) == (i == STB_GOOD), "%d: %s", i, gan_error_message(ctx));
            if (i) {
                CHECK(gan_error(ctx) == GAN_ERROR_FORMAT, "error %d", gan_error(ctx));
                CHECK_TEXT(gan_error_message(ctx), word[i]);
            } else {
                int k;
                check_shape(d, "3x2x2");
                in_order(ctx, d);
                for (k = 0; k < 12; ++k)
                    CHECK_NEAR(all[k % 3 * 4 + k / 3], 10 * k / 127.5 - 1, 1e-6, "pixel");
                for (k = 0; k < 12; ++k) all[k] = 0;
            }
            gan_destroy(ctx);
            CHECK(stb_living == 0, "%d pictures of stb_image are left", stb_living);
        }
    }
    TEST ("batches in their steady state call the heap for nothing: mapped, streamed, decoded, fitted") {
        cifar(&g, 8, 0);
        put_file("heap.bin", g.p, g.n);
        for (way = 0; way < 4; ++way) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc = at_path(test_path(way < 3 ? "heap.bin" : "tree"));
            gan_dataset *d;
            uint64_t calls = 0;
            desc.stream = way > 0;
            if (way > 1) desc.height = desc.width = 9;
            d = gan_dataset_open(ctx, &desc);
            gan_dataset_transform(d, &flip);
            for (i = 0; i < 40; ++i) {
                gan_scope_open(ctx);
                gan_dataset_batch(d, 4, NULL);
                gan_scope_close(ctx);
                if (i == 8) calls = gan_memory(ctx).heap_calls;
            }
            CHECK(!gan_error(ctx) && gan_memory(ctx).heap_calls == calls, "%d calls: %s",
                  (int)(gan_memory(ctx).heap_calls - calls), gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
    TEST ("a picture that goes away while it is streamed is an error; the next batch begins behind it") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = at_path(test_path("tree"));
        gan_dataset *d;
        int64_t *state;
        desc.stream = 1;
        d = gan_dataset_open(ctx, &desc);
        remove(test_path("tree/a/1.pgm"));
        gan_dataset_batch(d, 4, NULL);
        CHECK(gan_error(ctx) == GAN_ERROR_FILE, "%s", gan_error_message(ctx));
        state = (int64_t *)gan__state_find(ctx, "data.0.position")->data;
        CHECK(state[2] >= 1 && strstr(gan_dataset_path(d, d->order[state[2] - 1]), "a/1.pgm"), "position %d",
              (int)state[2]);
        put_pgm("tree/a/1.pgm", 2, 3, 10);
        gan_error_clear(ctx);
        CHECK(gan_dataset_batch(d, 12, NULL) && !gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}
#endif

static void test_flip(void)
{
    enum { N = 64, ROUNDS = 20 };
    int i, k;
    npy_of(&g, 1, "|u1", 0, "(64, 1, 2)");
    for (i = 0; i < N; ++i) { // (dark, light); mirrored: (light, dark)
        add_number(&g, 'u', 1, 0, i);
        add_number(&g, 'u', 1, 0, 200);
    }
    TEST ("half of the pictures are mirrored, anew in each epoch, whatever the batch; others stay whole") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_dataset_desc desc = in_memory(&g);
        gan_dataset *da, *db;
        int mirrored = 0, changed = 0, last[N];
        da = gan_dataset_open(a, &desc);
        db = gan_dataset_open(b, &desc);
        gan_dataset_transform(da, &flip);
        gan_dataset_transform(db, &flip);
        memset(last, 0, sizeof last);
        for (k = 0; k < ROUNDS; ++k) {
            gan_tensor *x = gan_dataset_batch(da, N, NULL);
            gan_real v[2 * N];
            for (i = 0; i < N; i += 4) gan_read(gan_dataset_batch(db, 4, NULL), v + 2 * i, 8);
            CHECK_BYTES(v, gan_data(x), sizeof v, "batches of 4");
            for (i = 0; i < N; ++i) {
                const int flipped = v[2 * i] > v[2 * i + 1], id = (int)da->order[i];
                CHECK_NEAR(v[2 * i + (flipped != 0)], id / 127.5 - 1, 1e-6, "dark");
                mirrored += flipped;
                changed += k > 0 && flipped != last[id];
                last[id] = flipped;
            }
        }
        CHECK(abs(mirrored - N * ROUNDS / 2) < 72, "%d of %d mirrored", mirrored, N * ROUNDS); // 4 sigma
        CHECK(abs(changed - N * (ROUNDS - 1) / 2) < 72, "%d changed", changed);
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("a run saved after any batch is mirrored as if it had not been") {
        const char *path = test_path("flip.safetensors");
        gan_context *a = gan_create(NULL);
        gan_dataset_desc desc = in_memory(&g);
        gan_dataset *da;
        gan_real v[40], w[40];
        da = gan_dataset_open(a, &desc);
        gan_dataset_transform(da, &flip);
        for (k = 0; k < 8; ++k) {
            gan_context *b = gan_create(NULL);
            gan_dataset *db;
            CHECK(gan_save(a, path) == 0 && gan_load(b, path) == 0, "%s", gan_error_message(b));
            db = gan_dataset_open(b, &desc);
            gan_dataset_transform(db, &flip);
            gan_read(gan_dataset_batch(da, 20, NULL), v, 40);
            gan_read(gan_dataset_batch(db, 20, NULL), w, 40);
            CHECK_BYTES(v, w, sizeof v, "the next batch");
            gan_destroy(b);
        }
        gan_destroy(a);
    }
}

static void test_csv(void)
{
    static const double xy[] = {1, 2, 3, 4, 5, 6}, label[] = {0, 1, 1};
    TEST ("CSV with a label column, from the front and from the back") {
        gan_dataset_desc desc;
        f.n = 0;
        add_text(&f, "x,class,y\n1,0,2\n3,1,4\n5,1,6\n");
        desc = in_memory(&f);
        desc.label_column = 2;
        check_ways("a.csv", &desc, 3, 2, xy, label);
        desc.label_column = -2;
        check_ways("a.csv", &desc, 3, 2, xy, label);
        desc.label_column = 4;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        desc.label_column = -4;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
    }
    TEST ("CSV: headers of pandas, an index, a header that is told, columns by name and number") {
        static const struct {
            const char *text;
            int header;
            const char *columns;
            int label_column, n, per;
            double v[6];
            int warns;
        } rows[] = {{"0,1,2\n.5,2,3\n4,5,6\n", 0, NULL, 0, 2, 3, {.5, 2, 3, 4, 5, 6}, 1},
                    {"0,1,2\n.5,2,3\n", -1, NULL, 0, 2, 3, {0, 1, 2, .5, 2, 3}, 0},
                    {"0,1\n5,2\n", 0, NULL, 0, 2, 2, {0, 1, 5, 2}, 0},
                    {"0,1\n5,2\n", 1, NULL, 0, 1, 2, {5, 2}, 0},
                    {",0,1\n0,5,6\n1,7,8\n", 0, NULL, 0, 2, 2, {5, 6, 7, 8}, 1},
                    {",x,y\n0,5,6\n1,7,8\n", 0, NULL, 0, 2, 2, {5, 6, 7, 8}, 1},
                    {",x\n3,5\n1,7\n", 0, NULL, 0, 2, 2, {3, 5, 1, 7}, 0},
                    {"label,0,1\n5,1,2\n", 1, NULL, 1, 1, 2, {1, 2}, 1},
                    {"x,\"y z\",w\n1,2,3\n4,5,6\n", 0, "w, y z", 0, 2, 2, {3, 2, 6, 5}, 0},
                    {"x,y,w\n1,2,3\n4,5,6\n", 0, "3,1", 0, 2, 2, {3, 1, 6, 4}, 0},
                    {"1,2,3\n4,5,6\n", 0, "2", 0, 2, 1, {2, 5}, 0},
                    {"x,y,w\n1,2,3\n4,5,6\n", 0, "w,x,y", -1, 2, 2, {3, 1, 6, 4}, 1}};
        size_t r;
        for (r = 0; r < sizeof rows / sizeof *rows; ++r) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            gan_dataset *d;
            f.n = 0;
            add_text(&f, rows[r].text);
            desc = in_memory(&f);
            desc.header = rows[r].header, desc.columns = rows[r].columns,
            desc.label_column = rows[r].label_column;
            d = gan_dataset_open(ctx, &desc);
            CHECK(in_order(ctx, d) == rows[r].per && gan_dataset_size(d) == rows[r].n, "%d: %d samples: %s",
                  (int)r, (int)gan_dataset_size(d), gan_error_message(ctx));
            CHECK_ARRAY(rows[r].n * rows[r].per, all, rows[r].v, 1e-6, 1e-6, "values");
            CHECK(gan_warnings(ctx) == rows[r].warns, "%d: %d warnings: %s", (int)r, gan_warnings(ctx),
                  gan_warning_message(ctx));
            gan_destroy(ctx);
        }
        {
            static const char *const no[] = {"z", "", "4", "0", "x,,y", "x,y,w,x", "1.5"};
            for (r = 0; r < sizeof no / sizeof *no; ++r) {
                gan_dataset_desc desc = in_memory(&f);
                desc.columns = no[r];
                CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "\"%s\": %s", no[r], said);
            }
        }
    }
    TEST ("columns and header of a file that is no CSV have no effect, and a warning says so") {
        int i;
        for (i = 0; i < 3; ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            npy_of(&f, 1, "<f8", 0, "(2, 1)");
            add_number(&f, 'f', 8, 0, 1), add_number(&f, 'f', 8, 0, 2);
            desc = in_memory(&f);
            desc.columns = i == 1 ? "2" : NULL;
            desc.header = i == 2;
            CHECK(gan_dataset_open(ctx, &desc) != NULL, "%s", gan_error_message(ctx));
            CHECK(gan_warnings(ctx) == (i > 0), "%d warnings: %s", gan_warnings(ctx),
                  gan_warning_message(ctx));
            if (i)
                CHECK_TEXT(gan_warning_message(ctx),
                           i == 1 ? "columns has no effect" : "header has no effect");
            gan_destroy(ctx);
        }
    }
    TEST ("standardize: columns of mean 0 and deviation 1; gan_dataset_restore gives the data back") {
        static const double x[] = {1, 1000, 7, 2, 3000, 7, 3, 5000, 7, 6, 7000, 7};
        const int way_stream[] = {0, 1};
        int i, k, w;
        for (w = 0; w < 4; ++w) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            gan_dataset *d;
            gan_tensor *b, *back;
            double sum[3] = {0}, square[3] = {0};
            npy_of(&f, 1, "<f8", 0, "(4, 3)");
            for (i = 0; i < 12; ++i) add_number(&f, 'f', 8, 0, x[i]);
            desc = at_path(put_file("standard.npy", f.p, f.n));
            desc.stream = way_stream[w & 1];
            desc.standardize = 1;
            if (w > 1) desc.data_low = 0, desc.data_high = 10000, desc.low = 1, desc.high = 3;
            d = gan_dataset_open(ctx, &desc);
            b = gan_dataset_batch(d, 4, NULL);
            back = gan_dataset_restore(d, b);
            CHECK(!gan_error(ctx) && gan_warnings(ctx) == 1, "%d warnings: %s", gan_warnings(ctx),
                  gan_error_message(ctx));
            CHECK_TEXT(gan_warning_message(ctx), "all values of column 3");
            if (gan_error(ctx)) break;
            for (i = 0; i < 12; ++i) {
                sum[i % 3] += (double)gan_data(b)[i];
                square[i % 3] += (double)gan_data(b)[i] * (double)gan_data(b)[i];
                CHECK_NEAR(gan_data(back)[i], x[(int)d->order[i / 3] * 3 + i % 3], w > 1 ? .01 : .001,
                           "given back");
            }
            for (k = 0; k < 3; ++k) {
                CHECK_NEAR(sum[k] / 4, 0, w > 1 ? 1e-3 : 1e-6, "mean");
                CHECK_NEAR(square[k] / 4, k<2, w> 1 ? 2e-3 : 1e-6, "variance");
            }
            CHECK(gan_dataset_restore(NULL, b) && gan_error(ctx) == GAN_ERROR_ARGUMENT, "NULL");
            gan_destroy(ctx);
        }
        {
            gan_dataset_desc desc;
            npy_of(&f, 1, "|u1", 0, "(1, 2, 2)");
            for (i = 0; i < 4; ++i) add_number(&f, 'u', 1, 0, i);
            desc = in_memory(&f);
            desc.standardize = 1;
            CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        }
        f.n = 0;
        add_text(&f, "1,0,2\n3,1,4\n5,1,6\n");
    }
    TEST ("descriptions that cannot be are errors") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = in_memory(&f);
        CHECK(!gan_dataset_open(ctx, NULL) && gan_error(ctx) == GAN_ERROR_ARGUMENT, "NULL");
        gan_destroy(ctx);
        CHECK(!gan_dataset_open(NULL, &desc), "no context");
        desc.path = "both";
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        desc = in_memory(&f);
        desc.height = -1;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        desc.height = 3;
        CHECK(opening(&desc) == GAN_ERROR_SHAPE, "%s", said);
        desc = in_memory(&f);
        desc.fit = GAN_FIT_COUNT;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        desc = in_memory(&f);
        desc.low = 2;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
    }
    TEST_MUST_FAIL ("another label column is seen") {
        gan_dataset_desc desc = in_memory(&f);
        desc.label_column = 1;
        check_ways("a.csv", &desc, 3, 2, xy, label);
    }
}

// The dataset of a text, in the three ways that keep it in memory of any size; NULL names are not checked.
static void check_table(const char *text, const gan_dataset_desc *how, int n, int per, const double *want,
                        const char *const *names)
{
    int way, i;
    for (way = 0; way < 3; ++way) {
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc = *how;
        gan_dataset *d;
        int got;
        if (way) desc.path = put_file("table.csv", text, strlen(text));
        else desc.bytes = text, desc.size = strlen(text);
        desc.stream = way == 2;
        d = gan_dataset_open(ctx, &desc);
        got = in_order(ctx, d);
        CHECK(gan_dataset_size(d) == n && got == per, "%s: %d samples of %d, expected %d of %d", text,
              (int)gan_dataset_size(d), got, n, per);
        if (got == per) CHECK_ARRAY(n * per, all, want, 1e-6, 1e-6, text);
        for (i = 0; got == per && names && i < per; ++i)
            CHECK(!strcmp(gan_dataset_column_name(d, i), names[i]), "column %d is %s, not %s", i,
                  gan_dataset_column_name(d, i), names[i]);
        CHECK(!*gan_dataset_column_name(d, per) && !*gan_dataset_column_name(d, -1), "out of range");
        gan_destroy(ctx);
    }
}

static int table_error(const char *text, const char *categories, const char *columns, int label_column)
{
    gan_dataset_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.bytes = text, desc.size = strlen(text), desc.format = GAN_FORMAT_CSV;
    desc.categories = categories, desc.columns = columns, desc.label_column = label_column;
    return opening(&desc);
}

static void test_categories(void)
{
    static const char goods[] =
        "color,size,n,kind\nred,10,1.5,b 10\nblue,2,2,a\n\"red\", 9 ,3,b 2\nred,2,4,a\n";
    static const double spread[] = {0, 1, 0, 0, 1, 1.5, 1, 0, 1, 0, 0, 2, 0, 1, 0, 1, 0, 3, 0, 1, 1, 0, 0, 4};
    static const char *const names[] = {"color=blue", "color=red", "size=2", "size=9", "size=10", "n"};
    gan_dataset_desc desc;
    int i, k;
    memset(&desc, 0, sizeof desc);
    TEST ("columns of texts and of codes become columns of 0 and 1, in natural order, with names") {
        desc.categories = "color, size", desc.label_column = 4;
        check_table(goods, &desc, 4, 6, spread, names);
        desc.categories = "2,1", desc.label_column = -1;
        check_table(goods, &desc, 4, 6, spread, names);
    }
    TEST ("a label of texts: classes by name in natural order; numbers among the texts are texts") {
        static const double labels[] = {2, 0, 1, 0};
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d;
        desc.bytes = goods, desc.size = sizeof goods - 1;
        d = gan_dataset_open(ctx, &desc);
        in_order(ctx, d);
        for (i = 0; i < 4; ++i) CHECK(all_labels[i] == labels[i], "label %d is %g", i, all_labels[i]);
        CHECK(gan_dataset_classes(d) == 3 && gan_warnings(ctx) == 0, "%d classes: %s", gan_dataset_classes(d),
              gan_warning_message(ctx));
        CHECK(!strcmp(gan_dataset_class_name(d, 0), "a") && !strcmp(gan_dataset_class_name(d, 1), "b 2") &&
                  !strcmp(gan_dataset_class_name(d, 2), "b 10"),
              "%s %s %s", gan_dataset_class_name(d, 0), gan_dataset_class_name(d, 1),
              gan_dataset_class_name(d, 2));
        CHECK(gan_dataset_class_size(d, 0) == 2, "size");
        gan_destroy(ctx);
        ctx = gan_create(NULL);
        memset(&desc, 0, sizeof desc);
        desc.bytes = "1,7\n2,x\n3,10\n", desc.size = 13, desc.label_column = 2;
        d = gan_dataset_open(ctx, &desc);
        in_order(ctx, d);
        CHECK(all_labels[0] == 0 && all_labels[1] == 2 && all_labels[2] == 1, "%g %g %g", all_labels[0],
              all_labels[1], all_labels[2]);
        gan_destroy(ctx);
    }
    TEST (
        "columns chooses and orders before categories spread; without a header columns have numbers; pandas' "
        "index goes") {
        static const double chosen[] = {1.5, 0, 1, 2, 1, 0, 3, 0, 1, 4, 0, 1}, plain[] = {5, 0, 1, 6, 1, 0},
                            one[] = {1, 7, 1, 8}, again[] = {0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1},
                            twice[] = {0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1};
        static const char *const chosen_names[] = {"n", "color=blue", "color=red"},
                                 *const plain_names[] = {"1", "2=a", "2=b"},
                                 *const one_names[] = {"c=x", "y"};
        memset(&desc, 0, sizeof desc);
        desc.columns = "kind,n,color", desc.categories = "color", desc.label_column = 1;
        check_table(goods, &desc, 4, 3, chosen, chosen_names);
        memset(&desc, 0, sizeof desc);
        desc.columns = "color,color", desc.categories = "color";
        check_table("color,x\nb,1\na,2\nc,3\n", &desc, 3, 6, twice, NULL);
        desc.columns = "x,x,color", desc.label_column = 1; // what is left of a label are its numbers
        check_table("color,x,y\nb,u,5\na,v,5\nc,u,5\n", &desc, 3, 4, again, NULL);
        memset(&desc, 0, sizeof desc);
        desc.categories = "2";
        check_table("5,b\n6,a\n", &desc, 2, 3, plain, plain_names);
        desc.categories = "c";
        desc.label_column = 3;
        check_table(",c,y,l\n0,x,7,u\n1,x,8,v\n", &desc, 2, 2, one, one_names);
        desc.label_column = -1;
        check_table(",c,y,l\n0,x,7,u\n1,x,8,v\n", &desc, 2, 2, one, one_names);
    }
    TEST ("quotes: a comma and quotes within them, and blanks around a text are not of it") {
        static const double want[] = {1, 0, 1, 0, 1, 2, 1, 0, 3};
        static const char *const want_names[] = {"t=a, \"b\", c", "t=d", "v"};
        memset(&desc, 0, sizeof desc);
        desc.categories = "t";
        check_table("t,v\n\"a, \"\"b\"\", c\",1\n d ,2\n \"a, \"\"b\"\", c\" ,3\n", &desc, 3, 3, want,
                    want_names);
    }
    TEST ("texts in UTF-8, at every place of what is looked at to tell a CSV") {
        static char text[5000];
        for (i = 4090; i < 4100; ++i) {
            memset(&desc, 0, sizeof desc);
            memset(text, ' ', sizeof text);
            memcpy(text, "t,v\n", 4);
            strcpy(text + i, "gr\xc3\xbcn \xe2\x82\xac \xf0\x9f\x98\x80,1\nrot,2\n");
            desc.bytes = text, desc.size = strlen(text), desc.categories = "t";
            CHECK(opening(&desc) == 0, "%d: %s", i, said);
            desc.path = put_file("utf8.csv", text, strlen(text));
            desc.bytes = NULL, desc.stream = 1;
            CHECK(opening(&desc) == 0, "%d: %s", i, said);
        }
        desc.path = NULL, desc.bytes = text;
        text[i - 3] = '\xff';
        CHECK(opening(&desc) == GAN_ERROR_FORMAT || i > 4096, "%s", said);
    }
    TEST ("all columns of texts: the first line is names, with a warning, or with header -1 a sample") {
        static const double want[] = {1, 0, 0, 1};
        gan_context *ctx = gan_create(NULL);
        memset(&desc, 0, sizeof desc);
        desc.categories = "1", desc.header = -1;
        check_table("red\nyellow\n", &desc, 2, 2, want, NULL);
        desc.header = 0, desc.path = NULL;
        desc.bytes = "red\nyellow\n", desc.size = 11;
        CHECK(gan_dataset_size(gan_dataset_open(ctx, &desc)) == 1, "%s", gan_error_message(ctx));
        CHECK_TEXT(gan_warning_message(ctx), "line 1 is taken for names; header = -1");
        gan_destroy(ctx);
    }
    TEST ("standardize leaves columns of 0 and 1 as they are, and gan_dataset_restore gives all back") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d;
        gan_tensor *b, *back;
        double sum = 0, square = 0;
        memset(&desc, 0, sizeof desc);
        desc.bytes = goods, desc.size = sizeof goods - 1;
        desc.categories = "color,size", desc.label_column = 4, desc.standardize = 1;
        d = gan_dataset_open(ctx, &desc);
        b = gan_dataset_batch(d, 4, NULL);
        back = gan_dataset_restore(d, b);
        CHECK(!gan_error(ctx) && gan_warnings(ctx) == 0, "%s %s", gan_error_message(ctx),
              gan_warning_message(ctx));
        for (i = 0; i < 4 && !gan_error(ctx); ++i) {
            for (k = 0; k < 6; ++k) {
                const double want = spread[(int)d->order[i] * 6 + k];
                CHECK_NEAR(gan_data(back)[6 * i + k], want, 1e-6, "given back");
                if (k < 5) CHECK(gan_data(b)[6 * i + k] == (gan_real)want, "column %d changed", k);
            }
            sum += (double)gan_data(b)[6 * i + 5];
            square += (double)gan_data(b)[6 * i + 5] * (double)gan_data(b)[6 * i + 5];
        }
        CHECK_NEAR(sum, 0, 1e-6, "mean");
        CHECK_NEAR(square / 4, 1, 1e-6, "variance");
        gan_destroy(ctx);
    }
    TEST ("a text that `categories` does not name, holes, NaN as a label, and names that are none: told with "
          "place "
          "and column") {
        static const struct {
            const char *text, *categories, *columns;
            int label, code;
            const char *word;
        } rows[] = {
            {goods, "size", NULL, 4, GAN_ERROR_FORMAT,
             "line 2, field 1 (color) is no finite number: red; gan_dataset_desc.categories takes"},
            {"1,x\n", NULL, NULL, 0, GAN_ERROR_FORMAT,
             "line 1, field 2 is no finite number: x; gan_dataset_desc"},
            {"a,b\n1,NA\n", NULL, NULL, 0, GAN_ERROR_FORMAT, "field 2 (b) is no finite number: NA"},
            {"a,b\nx,1\n,2\n", "a", NULL, 0, GAN_ERROR_FORMAT, "line 3, field 1 (a)"},
            {"a,b\nx,1\n\"\",2\n", "a", NULL, 0, GAN_ERROR_FORMAT, "line 3, field 1 (a)"},
            {"a,b\nx,1\n\x01,2\n", "a", NULL, 0, GAN_ERROR_FORMAT, "printable"},
            {"a,b\n1,1\n2,nan\n", NULL, NULL, 2, GAN_ERROR_FORMAT,
             "line 3, field 2 (b) is no finite number: nan"},
            {"a,b\n1,x\n2,\n", NULL, NULL, 2, GAN_ERROR_FORMAT, "line 3, field 2 (b)"},
            {goods, "paint", NULL, 4, GAN_ERROR_ARGUMENT, "none for paint of `categories`"},
            {goods, "color,size,kind", NULL, 4, GAN_ERROR_ARGUMENT, "the label's"},
            {goods, "color,size", "color,n", 0, GAN_ERROR_ARGUMENT, "leaves out column 2"},
            {goods, "color,size", NULL, 5, GAN_ERROR_FORMAT, "field 4 (kind)"},
        };
        size_t r;
        static char many[20000];
        int at = 0;
        for (r = 0; r < sizeof rows / sizeof *rows; ++r) {
            CHECK(table_error(rows[r].text, rows[r].categories, rows[r].columns, rows[r].label) ==
                      rows[r].code,
                  "%d: %s", (int)r, said);
            CHECK_TEXT(said, rows[r].word);
        }
        for (i = 0; i < 1025; ++i) {
            if (i == 1024) CHECK(table_error(many, "1,2", NULL, 0) == 0, "1024: %s", said);
            at += snprintf(many + at, sizeof many - (size_t)at, "%d,x%d\n", i, i);
        }
        CHECK(table_error(many, "1,2", NULL, 0) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "column 1 has more than 1024 different texts");
        memset(&desc, 0, sizeof desc);
        desc.bytes = goods, desc.size = sizeof goods - 1;
        desc.categories = "color,size", desc.label_column = 4, desc.memory = 100;
        CHECK(opening(&desc) == GAN_ERROR_MEMORY, "%s", said);
        CHECK_TEXT(said, "gan_dataset_desc.memory");
        desc.memory = 0, desc.data_high = 10;
        CHECK(opening(&desc) == GAN_ERROR_ARGUMENT, "%s", said);
        CHECK_TEXT(said, "take standardize");
    }
    TEST ("NA among other texts is one of them; a first line that does not name every column names none, "
          "which is "
          "told") {
        static const double want[] = {1, 0, 1, 0, 1, 2};
        static const char *const want_names[] = {"a=NA", "a=x", "b"}, *const none[] = {"1", "2", "3"};
        static const double numbers[] = {1, 2, 3};
        gan_context *ctx = gan_create(NULL);
        memset(&desc, 0, sizeof desc);
        desc.categories = "a";
        check_table("a,b\nNA,1\nx,2\n", &desc, 2, 3, want, want_names);
        memset(&desc, 0, sizeof desc);
        check_table("a,b\n1,2,3\n", &desc, 1, 3, numbers, none);
        desc.bytes = "a,b\n1,2,3\n", desc.size = 10;
        gan_dataset_open(ctx, &desc);
        CHECK_TEXT(gan_warning_message(ctx), "line 1 does not name the 3 columns");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("categories in another order are seen") {
        static const double other[] = {1, 0, 1, 0, 1, 2};
        memset(&desc, 0, sizeof desc);
        desc.categories = "a";
        check_table("a,b\n10,1\n9,2\n", &desc, 2, 3, other, NULL);
    }
}

int main(void)
{
#ifdef FILES_FOLDERS
    test_folder();
#endif
    test_jpeg();
    test_png();
    test_png_exif();
    test_flip();
    test_csv();
    test_categories();
    test_idx();
    test_transpose();
    test_npy();
    test_cifar();
    test_pnm();
    return test_done();
}
