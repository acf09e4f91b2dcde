// Section image: grids, pixels, PNM, and PNG where stb_image_write.h is to be had (else the picture beside
// that name). Built with -DTEST_NO_STB it goes without.
#if !defined(TEST_NO_STB) && defined(__has_include)
#if __has_include(<stb/stb_image_write.h>)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#endif
#endif

#include "test.h"

#define GAN_IMPLEMENTATION
#include "../gan.h"

static unsigned char file[1 << 16];
static size_t size;

static void get_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size = f ? fread(file, 1, sizeof file, f) : 0;
    if (f) fclose(f);
}

typedef struct picture {
    int magic, w, h, c, most;
    const unsigned char *pixels;
    size_t bytes;
} picture;

// A PNM file, read by the letter: one white space after the maximum.
static picture get_pnm(const char *path)
{
    picture p = {0, 0, 0, 0, 0, file, 0};
    int used = 0;
    get_file(path);
    if (size < 8 || file[0] != 'P' || (file[1] != '5' && file[1] != '6')) return p;
    file[size < sizeof file ? size : sizeof file - 1] = 0;
    p.magic = file[1] - '0';
    p.c = p.magic == 5 ? 1 : 3;
    if (sscanf((const char *)file + 2, "%d %d %d%n", &p.w, &p.h, &p.most, &used) != 3) return p;
    p.pixels = file + 2 + used + 1;
    p.bytes = size - (size_t)(p.pixels - file);
    return p;
}

static double gray(int byte) { return byte / 127.5 - 1; }

// Picture i of N of C channels of H x W has the bytes 60 c + 12 i + W r + j.
static gan_tensor *numbered(gan_context *ctx, int n, int c, int h, int w)
{
    gan_tensor *x = gan_zeros(ctx, n, c, h, w);
    gan_real *v = gan_data(x);
    int i, k, r, j;
    for (i = 0; i < n; ++i)
        for (k = 0; k < c; ++k)
            for (r = 0; r < h; ++r)
                for (j = 0; j < w; ++j) *v++ = (gan_real)gray(60 * k + 12 * i + w * r + j);
    return x;
}

// The grid of such pictures, worked out pixel by pixel from the other end.
static void check_grid(const picture *p, int n, int c, int h, int w, int columns)
{
    const int rows = (n + columns - 1) / columns, wide = columns * w + 2 * (columns - 1),
              high = rows * h + 2 * (rows - 1);
    int x, y, k, wrong = 0;
    CHECK(p->c == c && p->w == wide && p->h == high && p->most == 255, "P%d %d x %d, expected %d x %d",
          p->magic, p->w, p->h, wide, high);
    CHECK(p->bytes == (size_t)(wide * high * c), "%lu bytes of pixels", (unsigned long)p->bytes);
    for (y = 0; y < high && p->bytes == (size_t)(wide * high * c); ++y)
        for (x = 0; x < wide; ++x)
            for (k = 0; k < c; ++k) {
                const int i = y / (h + 2) * columns + x / (w + 2), r = y % (h + 2), j = x % (w + 2);
                const int want = r < h && j < w && i < n ? 60 * k + 12 * i + w * r + j : 128;
                wrong += p->pixels[(y * wide + x) * c + k] != want;
            }
    CHECK(wrong == 0, "%d of %d bytes differ", wrong, wide * high * c);
}

static void test_grid(void)
{
    static const int sizes[][4] = {{1, 1, 1, 1}, {5, 1, 2, 3}, {4, 3, 3, 2},
                                   {5, 3, 1, 4}, {9, 1, 1, 1}, {2, 3, 4, 3}};
    size_t s;
    for (s = 0; s < sizeof sizes / sizeof sizes[0]; ++s) {
        const int n = sizes[s][0], c = sizes[s][1], h = sizes[s][2], w = sizes[s][3];
        TESTF ("a grid of %d pictures of %d x %d x %d in 1, 2, 3 and more columns, borders of 2 gray pixels",
               n, c, h, w) {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *x = numbered(ctx, n, c, h, w);
            const char *path = test_path(c == 1 ? "grid.pgm" : "grid.ppm");
            int columns;
            for (columns = 1; columns < 7; ++columns) {
                picture p;
                CHECK(gan_image_write(x, columns, path) == 0, "%s", gan_error_message(ctx));
                p = get_pnm(path);
                check_grid(&p, n, c, h, w, columns < n ? columns : n);
            }
            gan_destroy(ctx);
        }
    }
    TEST ("0 columns make the smallest square that holds all") {
        static const int columns[][2] = {{1, 1}, {2, 2}, {4, 2}, {5, 3}, {9, 3}, {10, 4}};
        gan_context *ctx = gan_create(NULL);
        for (s = 0; s < 6; ++s) {
            const int n = columns[s][0];
            picture p;
            CHECK(gan_image_write(numbered(ctx, n, 1, 2, 2), 0, test_path("square.pgm")) == 0, "%s",
                  gan_error_message(ctx));
            p = get_pnm(test_path("square.pgm"));
            check_grid(&p, n, 1, 2, 2, columns[s][1]);
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a grid with one wrong pixel is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = numbered(ctx, 5, 1, 2, 3);
        picture p;
        gan_data(x)[17] += (gan_real)(1 / 127.5);
        gan_image_write(x, 2, test_path("grid.pgm"));
        p = get_pnm(test_path("grid.pgm"));
        check_grid(&p, 5, 1, 2, 3, 2);
        gan_destroy(ctx);
    }
}

static void test_pixels(void)
{
    TEST ("-1 .. 1 are rounded to 0 .. 255; beyond is clamped; NaN is black") {
        const double in[] = {-1,
                             1,
                             0,
                             -1.5,
                             7,
                             1e30,
                             -1e30,
                             HUGE_VAL,
                             -HUGE_VAL,
                             0. / 127.5 - 1,
                             1 / 127.5 - 1,
                             254 / 127.5 - 1,
                             .49 / 127.5 - 1,
                             .51 / 127.5 - 1,
                             254.6 / 127.5 - 1};
        const int want[] = {0, 255, 128, 0, 255, 255, 0, 255, 0, 0, 1, 254, 0, 1, 255};
        enum { N = sizeof want / sizeof want[0] };
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 1, 1, 1, N + 1);
        picture p;
        int i;
        for (i = 0; i < N; ++i) gan_data(x)[i] = (gan_real)in[i];
        memset(gan_data(x) + N, 0xff, sizeof(gan_real)); // NaN, by its bits
        CHECK(gan_image_write(x, 1, test_path("pixels.PGM")) == 0, "%s", gan_error_message(ctx));
        p = get_pnm(test_path("pixels.PGM"));
        CHECK(p.bytes == N + 1, "%lu pixels", (unsigned long)p.bytes);
        for (i = 0; i < N; ++i)
            CHECK(p.pixels[i] == want[i], "%g became %d, expected %d", in[i], p.pixels[i], want[i]);
        CHECK(p.pixels[N] == 0, "NaN became %d", p.pixels[N]);
        gan_destroy(ctx);
    }
    TEST ("every byte survives the way to -1 .. 1 and back") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 1, 1, 16, 16);
        picture p;
        int i, wrong = 0;
        for (i = 0; i < 256; ++i) gan_data(x)[i] = (gan_real)(2 * i - 255) / 255;
        gan_image_write(x, 1, test_path("bytes.pgm"));
        p = get_pnm(test_path("bytes.pgm"));
        for (i = 0; i < 256; ++i) wrong += p.pixels[i] != i;
        CHECK(p.bytes == 256 && wrong == 0, "%d bytes changed", wrong);
        gan_destroy(ctx);
    }
    TEST ("bytes are written as they are, gray and color") {
        static const unsigned char pixels[] = {0, 1, 2, 10, 13, 32, 250, 255, 35, 3, 4, 5};
        gan_context *ctx = gan_create(NULL);
        picture p;
        CHECK(gan_image_write_bytes(ctx, pixels, 2, 2, 3, test_path("b.ppm")) == 0, "%s",
              gan_error_message(ctx));
        p = get_pnm(test_path("b.ppm"));
        CHECK(p.magic == 6 && p.w == 2 && p.h == 2 && p.bytes == 12, "P%d %d x %d", p.magic, p.w, p.h);
        CHECK_BYTES(p.pixels, pixels, 12, "color");
        CHECK(gan_image_write_bytes(ctx, pixels, 4, 3, 1, test_path("b.pgm")) == 0, "%s",
              gan_error_message(ctx));
        p = get_pnm(test_path("b.pgm"));
        CHECK(p.magic == 5 && p.w == 4 && p.h == 3 && p.bytes == 12, "P%d %d x %d", p.magic, p.w, p.h);
        CHECK_BYTES(p.pixels, pixels, 12, "gray");
        gan_destroy(ctx);
    }
}

static void test_errors(void)
{
    static const unsigned char pixels[3] = {1, 2, 3};
    gan_context *ctx = gan_create(NULL);
    TEST ("wrong pictures, names and numbers are errors that say so") {
#define REFUSED(call, code, word)                                                                            \
    do {                                                                                                     \
        int got = (call);                                                                                    \
        CHECK(got == (int)code && gan_error(ctx) == (int)code, "%d, error %d, expected %d", got,             \
              gan_error(ctx), (int)code);                                                                    \
        CHECK_TEXT(gan_error_message(ctx), word);                                                            \
        gan_error_clear(ctx);                                                                                \
    } while (0)
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 5, 3, 3), 0, test_path("x.pam")), GAN_ERROR_SHAPE,
                "(1, 5, 3, 3)");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 4, 3, 3), 0, test_path("x.ppm")), GAN_ERROR_ARGUMENT,
                "4 channels have alpha");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 3, 3), 0, test_path("x.pgm")), GAN_ERROR_SHAPE,
                "(1, 3, 3)");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 1, 3, 3), -1, test_path("x.pgm")), GAN_ERROR_ARGUMENT,
                "columns");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 1, 3, 3), 0, NULL), GAN_ERROR_ARGUMENT, "NULL");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 1, 3, 3), 0, test_path("x.jpg")), GAN_ERROR_ARGUMENT,
                ".png");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 1, 3, 3), 0, test_path("pgm")), GAN_ERROR_ARGUMENT, ".png");
        REFUSED(gan_image_write(gan_zeros(ctx, 1, 1, 3, 3), 0, test_path("nowhere/x.pgm")), GAN_ERROR_FILE,
                "nowhere/x.pgm");
        REFUSED(gan_image_write_bytes(ctx, NULL, 1, 1, 1, test_path("x.pgm")), GAN_ERROR_ARGUMENT, "NULL");
        REFUSED(gan_image_write_bytes(ctx, pixels, 1, 1, 1, NULL), GAN_ERROR_ARGUMENT, "NULL");
        REFUSED(gan_image_write_bytes(ctx, pixels, 0, 1, 1, test_path("x.pgm")), GAN_ERROR_ARGUMENT, "0 x 1");
        REFUSED(gan_image_write_bytes(ctx, pixels, 1, -1, 1, test_path("x.pgm")), GAN_ERROR_ARGUMENT,
                "1 x -1");
        REFUSED(gan_image_write_bytes(ctx, pixels, 1, 1, 2, test_path("x.pgm")), GAN_ERROR_ARGUMENT,
                "2 channels");
        REFUSED(gan_image_write_bytes(ctx, pixels, 1, 1, 5, test_path("x.pam")), GAN_ERROR_ARGUMENT,
                "5 channels");
    }
    TEST ("alpha is kept in PAM, to the byte, and in PNG") {
        static const char *const head[] = {"", "GRAYSCALE", "GRAYSCALE_ALPHA", "RGB", "RGB_ALPHA"};
        int c, k;
        for (c = 1; c <= 4; ++c) {
            gan_tensor *x = gan_zeros(ctx, 1, c, 2, 3);
            char want[200];
            for (k = 0; k < 6 * c; ++k) gan_data(x)[k] = (gan_real)(k * 10 / 127.5 - 1);
            snprintf(want, sizeof want, "P7\nWIDTH 3\nHEIGHT 2\nDEPTH %d\nMAXVAL 255\nTUPLTYPE %s\nENDHDR\n",
                     c, head[c]);
            CHECK(gan_image_write(x, 1, test_path("a.pam")) == 0, "%s", gan_error_message(ctx));
            get_file(test_path("a.pam"));
            CHECK(size == strlen(want) + (size_t)(6 * c) && !memcmp(file, want, strlen(want)), "header of %d",
                  c);
            for (k = 0; k < 6 * c; ++k) {
                const int got = file[strlen(want) + (size_t)k];
                CHECK(got == 10 * (k % c * 6 + k / c), "byte %d is %d", k, got);
            }
            CHECK(gan_image_write(x, 1, test_path("a.png")) == 0, "%s", gan_error_message(ctx));
#ifdef INCLUDE_STB_IMAGE_WRITE_H
            get_file(test_path("a.png"));
            CHECK(file[25] == (c == 1 ? 0 : c == 2 ? 4 : c == 3 ? 2 : 6), "type of color %d", file[25]);
#endif
        }
    }
    TEST ("sizes that overflow an int are refused, of bytes and of grids") {
        const int big = 0x7fffffff;
        REFUSED(gan_image_write_bytes(ctx, pixels, big, big, 3, test_path("x.ppm")), GAN_ERROR_SHAPE,
                "too many");
        REFUSED(gan_image_write_bytes(ctx, pixels, big, 1, 3, test_path("x.ppm")), GAN_ERROR_SHAPE,
                "too many");
        REFUSED(gan_image_write_bytes(ctx, pixels, 0x10000, 0x10000, 1, test_path("x.png")), GAN_ERROR_SHAPE,
                "too many");
        REFUSED(gan_image_write_bytes(ctx, pixels, 0x55555556, 1, 3, test_path("x.png")), GAN_ERROR_SHAPE,
                "too many");
        REFUSED(gan_image_write_bytes(ctx, pixels, 1, big, 1, test_path("x.png")), GAN_ERROR_SHAPE,
                "too many");
    }
    TEST ("NULL tensors and poison are passed on without a picture") {
        gan_tensor *poison = gan_reshape(gan_zeros(ctx, 4), 5);
        remove(test_path("none.pgm"));
        CHECK(gan_image_write(poison, 0, test_path("none.pgm")) == gan_error(ctx) && gan_error(ctx) != 0,
              "error %d", gan_error(ctx));
        CHECK(gan_image_write_png(NULL, 0, test_path("none.pgm")) != 0, "%s", "NULL tensor");
        CHECK(gan_image_write_bytes(NULL, pixels, 1, 1, 1, test_path("none.pgm")) != 0, "%s", "NULL context");
        CHECK(test_file_size(test_path("none.pgm")) == -1, "%s", "a file was written");
        gan_error_clear(ctx);
    }
    TEST ("a smaller picture replaces a larger one whole") {
        const char *path = test_path("again.pgm");
        CHECK(gan_image_write(gan_zeros(ctx, 9, 1, 9, 9), 0, path) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_image_write(gan_zeros(ctx, 1, 1, 3, 3), 0, path) == 0, "%s", gan_error_message(ctx));
        CHECK(test_file_size(path) == 11 + 9, "%ld bytes", test_file_size(path));
    }
    gan_destroy(ctx);
}

#ifdef INCLUDE_STB_IMAGE_WRITE_H
static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t crc(const unsigned char *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    int k;
    while (n--)
        for (c ^= *p++, k = 0; k < 8; ++k) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    return ~c;
}

static void test_png(void)
{
    TEST ("a PNG has its signature, its size and color, and chunks that check") {
        gan_context *ctx = gan_create(NULL);
        int c;
        for (c = 1; c <= 3; c += 2) {
            size_t at = 8, data = 0;
            int end = 0;
            CHECK(gan_image_write_png(numbered(ctx, 5, c, 4, 6), 2, test_path("grid.png")) == 0, "%s",
                  gan_error_message(ctx));
            get_file(test_path("grid.png"));
            CHECK(size > 60 && !memcmp(file, "\x89PNG\r\n\x1a\n", 8), "%lu bytes", (unsigned long)size);
            CHECK(get32(file + 16) == 14 && get32(file + 20) == 16, "%u x %u", get32(file + 16),
                  get32(file + 20));
            CHECK(file[24] == 8 && file[25] == (c == 1 ? 0 : 2), "depth %d, color %d", file[24], file[25]);
            while (at + 12 <= size && !end) {
                const size_t n = get32(file + at);
                if (n > size - at - 12) break;
                CHECK(crc(file + at + 4, n + 4) == get32(file + at + 8 + n), "chunk at byte %lu",
                      (unsigned long)at);
                data += memcmp(file + at + 4, "IDAT", 4) ? 0 : n;
                end = !memcmp(file + at + 4, "IEND", 4);
                at += n + 12;
            }
            CHECK(end && at == size && data > 0, "ends at %lu of %lu", (unsigned long)at,
                  (unsigned long)size);
        }
        CHECK(gan_image_write(numbered(ctx, 1, 1, 1, 1), 1, test_path("nowhere/x.png")) == GAN_ERROR_FILE,
              "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}
#else
static void test_png(void)
{
    TEST ("without stb_image_write.h a .png is written beside its name as .pgm or .ppm") {
        gan_context *ctx = gan_create(NULL);
        int c;
        for (c = 1; c <= 3; c += 2) {
            picture p;
            remove(test_path("beside.png"));
            CHECK(gan_image_write_png(numbered(ctx, 5, c, 2, 3), 2, test_path("beside.png")) == 0, "%s",
                  gan_error_message(ctx));
            CHECK(test_file_size(test_path("beside.png")) == -1, "%s", "there is a beside.png");
            p = get_pnm(test_path(c == 1 ? "beside.pgm" : "beside.ppm"));
            check_grid(&p, 5, c, 2, 3, 2);
        }
        gan_destroy(ctx);
    }
}
#endif

int main(void)
{
    test_grid();
    test_pixels();
    test_errors();
    test_png();
    return test_done();
}
