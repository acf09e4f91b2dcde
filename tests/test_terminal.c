// Section terminal: what curves and images say as characters, decoded again.
#include "test.h"
#include "../gan.h"

static gan_series series(const double *y, int n)
{
    gan_series s;
    memset(&s, 0, sizeof s);
    s.y = y, s.n = n;
    return s;
}

// The next UTF-8 character of *text, -1 when it is broken.
static int next(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    int n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0, c, i;
    if (!n) return -1;
    c = n == 1 ? *p : *p & (0x7f >> n);
    for (i = 1; i < n; ++i) {
        if (p[i] >> 6 != 2) return -1;
        c = c << 6 | (p[i] & 63);
    }
    *text += n;
    return c;
}

static int characters(const char *text)
{
    int n = 0;
    while (*text) {
        if (next(&text) < 0) return -1;
        ++n;
    }
    return n;
}

static void test_series(void)
{
    static char text[20000];
    TEST ("blocks: the heights of a staircase, one character a value") {
        static const double y[] = {0, 1, 2, 3, 4, 5, 6, 7};
        gan_series s = series(y, 8);
        const char *at = text;
        int i;
        CHECK(gan_terminal_series(&s, 0, 0, GAN_TERMINAL_BLOCKS, text, sizeof text) == 24, "%s", text);
        for (i = 0; i < 8; ++i) CHECK(next(&at) == 0x2581 + i, "character %d of %s", i, text);
        CHECK(*at == 0, "%s", at);
    }
    TEST ("ASCII: a ramp, plain bytes only") {
        static const double y[] = {0, 1, 2, 3, 4, 5, 6, 7};
        gan_series s = series(y, 8);
        gan_terminal_series(&s, 0, 0, GAN_TERMINAL_ASCII, text, sizeof text);
        CHECK(!strcmp(text, ".:-=+*#@"), "%s", text);
    }
    TEST ("Braille: every dot of a diagonal is where it belongs") {
        double y[16];
        gan_series s = series(y, 16);
        const char *at = text;
        int row, column, i, dots = 0, wrong = 0;
        // Unicode's numbering of dots: by columns 1 2 3 7 and 4 5 6 8, dot k has bit k - 1
        static const int bit[2][4] = {{0, 1, 2, 6}, {3, 4, 5, 7}};
        for (i = 0; i < 16; ++i) y[i] = i;
        gan_terminal_series(&s, 8, 4, GAN_TERMINAL_BRAILLE, text, sizeof text);
        for (row = 0; row < 4; ++row) {
            for (column = 0; column < 8; ++column) {
                const int c = next(&at) - 0x2800;
                for (i = 0; i < 8; ++i) {
                    const int on = c >> bit[i % 2][i / 2] & 1, x = 2 * column + i % 2,
                              up = 15 - (4 * row + i / 2);
                    dots += on;
                    wrong += on && x != up;
                }
            }
            if (row < 3) CHECK(next(&at) == '\n', "row %d", row);
        }
        CHECK(*at == 0 && dots == 16 && wrong == 0, "%d dots, %d wrong", dots, wrong);
    }
    TEST ("NaN and infinity are gaps, a constant is a line, nothing is nothing") {
        double y[5] = {1, 0, 1, 0, 1};
        gan_series s = series(y, 5);
        y[1] = (double)NAN, y[3] = HUGE_VAL;
        gan_terminal_series(&s, 0, 0, GAN_TERMINAL_ASCII, text, sizeof text);
        CHECK(strlen(text) == 5 && text[1] == ' ' && text[3] == ' ' && text[0] != ' ' && text[0] == text[4],
              "\"%s\"", text);
        CHECK(gan_terminal_series(NULL, 0, 0, GAN_TERMINAL_ASCII, text, sizeof text) == 0 && !*text, "%s",
              text);
        s.n = 0;
        CHECK(gan_terminal_series(&s, 0, 0, GAN_TERMINAL_BRAILLE, text, sizeof text) == 0 && !*text, "%s",
              text);
    }
    TEST ("long series are averaged into 80 columns, or as many as asked for; Braille holds the extremes") {
        static double y[100000];
        gan_series s = series(y, 100000);
        int kind, columns;
        for (columns = 0; columns < 200; columns += 61)
            for (kind = 0; kind < GAN_TERMINAL_COUNT; ++kind) {
                const size_t n = gan_terminal_series(&s, columns, 3, (gan_terminal)kind, text, sizeof text);
                const int wide = columns ? columns : 80;
                CHECK(n == strlen(text) && characters(text) == 3 * wide + 2, "%d characters for 3 rows of %d",
                      characters(text), wide);
            }
        y[54321] = 1;
        gan_terminal_series(&s, 0, 1, GAN_TERMINAL_BRAILLE, text, sizeof text);
        {
            const char *at = text;
            int i, c, full = 0;
            for (i = 0; (c = next(&at)) > 0 && i < 80; ++i)
                full += c == 0x2800 + 0x47 || c == 0x2800 + 0xB8 || c == 0x2800 + 0xC7 || c == 0x2800 + 0xF8;
            CHECK(full == 1, "the peak is %d times in %s", full, text);
        }
    }
    TEST ("tensors and strides are series too") {
        static const double xy[] = {9, 0, 9, 7};
        const gan_real v[] = {0, 7};
        gan_context *ctx = gan_create(NULL);
        gan_series s = series(xy + 1, 2);
        char other[16];
        s.stride = 2;
        gan_terminal_series(&s, 0, 0, GAN_TERMINAL_ASCII, text, sizeof text);
        s = series(NULL, 0);
        s.points = gan_from(ctx, v, 2);
        gan_terminal_series(&s, 0, 0, GAN_TERMINAL_ASCII, other, sizeof other);
        CHECK(!strcmp(text, other) && !strcmp(text, ".@"), "%s and %s", text, other);
        s.points = gan_zeros(ctx, 2, 2, 2);
        CHECK(gan_terminal_series(&s, 0, 0, GAN_TERMINAL_ASCII, other, sizeof other) == 0 && gan_error(ctx),
              "%s", other);
        gan_destroy(ctx);
    }
}

static void test_buffer(void)
{
    TEST ("a buffer of any size is ended by 0, cut between characters, never written beyond; the need is "
          "told") {
        static double y[40];
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 3, 5, 7);
        gan_series s = series(y, 40);
        static char whole[20000], part[20000];
        int kind, what, i;
        for (i = 0; i < 40; ++i) y[i] = sin(i);
        for (what = 0; what < 2; ++what)
            for (kind = 0; kind < GAN_TERMINAL_COUNT; ++kind) {
#define SHOW(out, size)                                                                                      \
    (what ? gan_terminal_images(x, 0, 0, (gan_terminal)kind, out, size)                                      \
          : gan_terminal_series(&s, 30, 2, (gan_terminal)kind, out, size))
                const size_t need = SHOW(NULL, 0);
                size_t size;
                CHECK(SHOW(whole, sizeof whole) == need && strlen(whole) == need, "%lu bytes",
                      (unsigned long)need);
                for (size = 1; size < need + 2; ++size) {
                    size_t n;
                    memset(part, 'x', size + 8);
                    CHECK(SHOW(part, size) == need, "size %lu", (unsigned long)size);
                    n = strlen(part);
                    if (n >= size || memcmp(part, whole, n) || (size <= need && n + 32 < size) ||
                        part[size] != 'x' || characters(part) < 0)
                        CHECK(0, "size %lu: %lu bytes", (unsigned long)size, (unsigned long)n);
                }
            }
        gan_destroy(ctx);
    }
}

// Reads "ESC[..;2;r;g;bm" into colors; 1 when it was one.
static int escape(const char **text, int *fore, int *back)
{
    int ground, r, g, b, n = 0;
    if (sscanf(*text, "\033[%d;2;%d;%d;%dm%n", &ground, &r, &g, &b, &n) != 4 || !n) return 0;
    *(ground == 38 ? fore : back) = r << 16 | g << 8 | b;
    *text += n;
    return 1;
}

static void test_images(void)
{
    static char text[60000];
    TEST ("half blocks have the colors of the pixels above and below") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 3, 4, 3);
        const char *at = text;
        int i, line, u, k, fore = -1, back = -1, wrong = 0;
        for (i = 0; i < 72; ++i) gan_data(x)[i] = (gan_real)((3 * i) / 127.5 - 1);
        gan_terminal_images(x, 2, 80, GAN_TERMINAL_BLOCKS, text, sizeof text);
        for (line = 0; line < 2; ++line) {
            for (i = 0; i < 2; ++i) {
                for (u = 0; u < 3; ++u) {
                    int want[2] = {0, 0};
                    while (escape(&at, &fore, &back)) {}
                    for (k = 0; k < 6; ++k)
                        want[k / 3] =
                            want[k / 3] << 8 | 3 * (36 * i + 12 * (k % 3) + 3 * (2 * line + k / 3) + u);
                    wrong += next(&at) != 0x2580 || fore != want[0] || back != want[1];
                }
                CHECK(!strncmp(at, "\033[0m", 4), "line %d, picture %d: no end of colors", line, i);
                at += 4;
                if (!i) CHECK(*at++ == ' ', "%s", "no gap");
            }
            CHECK(*at++ == '\n', "line %d", line);
        }
        CHECK(*at == 0 && wrong == 0, "%d of 12 characters", wrong);
        gan_destroy(ctx);
    }
    TEST ("ASCII: dark to bright; lines no longer than 80, or than asked for") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_full(ctx, -1, 1, 1, 2, 3);
        int columns;
        gan_data(x)[1] = gan_data(x)[4] = 1;
        gan_terminal_images(x, 0, 0, GAN_TERMINAL_ASCII, text, sizeof text);
        CHECK(!strcmp(text, " @ \n"), "\"%s\"", text);
        x = gan_rand_normal(ctx, 30, 1, 28, 28);
        for (columns = 0; columns < 200; columns += 33) {
            const char *line = text, *end;
            gan_terminal_images(x, 10, columns, GAN_TERMINAL_ASCII, text, sizeof text);
            for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
                CHECK(end - line <= (columns ? columns : 80), "%d columns: a line of %d", columns,
                      (int)(end - line));
        }
        gan_destroy(ctx);
    }
    TEST ("what is no image, and wrong numbers, are errors or nothing") {
        gan_context *ctx = gan_create(NULL);
        CHECK(gan_terminal_images(NULL, 0, 0, GAN_TERMINAL_ASCII, text, sizeof text) == 0 && !*text, "%s",
              text);
        CHECK(gan_terminal_images(gan_zeros(ctx, 3, 3), 0, 0, GAN_TERMINAL_ASCII, text, sizeof text) == 0,
              "%s", text);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
        CHECK(gan_terminal_images(gan_zeros(ctx, 1, 1, 3, 3), -1, 0, GAN_TERMINAL_ASCII, text, 9) == 0, "%s",
              text);
        CHECK(gan_terminal_images(gan_zeros(ctx, 1, 1, 3, 3), 0, -1, (gan_terminal)9, NULL, 0) == 0, "%s",
              text);
        gan_destroy(ctx);
    }
}

int main(void)
{
    test_series();
    test_buffer();
    test_images();
    return test_done();
}
