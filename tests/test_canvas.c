// Section canvas: color maps, letters, strokes by the pixel, clipping, pictures in boxes.
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include "picture.h"

enum { W = 80, H = 64, FENCE = 4096 };

// A canvas between two fences that nothing may touch.
typedef struct field {
    gan_context *ctx;
    gan__canvas c;
    picture p;
    unsigned char bytes[FENCE + 4 * W * H + FENCE];
} field;
static field f;

static void begin(int unit)
{
    if (!f.ctx) f.ctx = gan_create(NULL);
    memset(f.bytes, 0xA5, sizeof f.bytes);
    gan__canvas_over(&f.c, f.ctx, f.bytes + FENCE, W, H, unit);
    f.p.rgb = f.c.rgb, f.p.w = W, f.p.h = H;
}

static int fences_stand(void)
{
    int i, n = 0;
    for (i = 0; i < FENCE; ++i) n += f.bytes[i] != 0xA5 || f.bytes[sizeof f.bytes - 1 - (size_t)i] != 0xA5;
    return n == 0;
}

static int mask_clear(void)
{
    int i;
    for (i = 0; i < W * H; ++i)
        if (f.c.mask[i]) return 0;
    return 1;
}

// Ink on white, in pixels: the sum of what is covered by black.
static double ink(void)
{
    double sum = 0;
    int x, y;
    for (y = 0; y < H; ++y)
        for (x = 0; x < W; ++x) sum += 1 - (pixel(&f.p, x, y) & 255) / 255.;
    return sum;
}

// CIE L* of 0xRRGGBB (D65), worked out here on its own.
static double lightness(int rgb)
{
    static const double weight[3] = {.2126, .7152, .0722};
    double y = 0;
    int i;
    for (i = 0; i < 3; ++i) {
        const double s = (rgb >> (16 - 8 * i) & 255) / 255.;
        y += weight[i] * (s <= .04045 ? s / 12.92 : pow((s + .055) / 1.055, 2.4));
    }
    return y > .008856 ? 116 * cbrt(y) - 16 : 903.3 * y;
}

static int rainbow(double t) // the negative control: hue alone
{
    const int k = (int)(6 * t) % 6, r = (int)(255 * (6 * t - (int)(6 * t)));
    static const int from[6] = {0xFF0000, 0xFFFF00, 0x00FF00, 0x00FFFF, 0x0000FF, 0xFF00FF};
    static const int sign[6] = {0x100, -0x10000, 1, -0x100, 0x10000, -1};
    return from[k] + sign[k] * r;
}

// Steps of lightness: all upwards and much alike.
static void check_ordered(int (*at)(double t))
{
    double least = 1e9, most = -1e9, last = lightness(at(0));
    int i;
    for (i = 1; i <= 20; ++i) {
        const double now = lightness(at(i / 20.));
        least = fmin(least, now - last);
        most = fmax(most, now - last);
        last = now;
    }
    CHECK(least > 0 && most < 2 * least, "steps of lightness from %.2f to %.2f", least, most);
}

static int sequential(double t) { return gan_colormap_at(GAN_COLORMAP_SEQUENTIAL, t); }

// What is left for an eye without L or M cones: brightness and blue against yellow.
static double apart_for_dichromats(int a, int b)
{
    const double blue = ((a & 255) - (b & 255)) / 2.55, light = lightness(a) - lightness(b);
    return sqrt(light * light + blue * blue / 4);
}

static void test_colors(void)
{
    TEST ("the sequential map climbs evenly in lightness, from dark to bright") {
        check_ordered(sequential);
        CHECK(lightness(sequential(0)) < 20 && lightness(sequential(1)) > 85, "%g to %g",
              lightness(sequential(0)), lightness(sequential(1)));
    }
    TEST_MUST_FAIL ("a rainbow is not ordered") { check_ordered(rainbow); }
    TEST ("the diverging map is brightest in the middle and falls alike to blue and to orange") {
        int i;
        for (i = 1; i <= 10; ++i) {
            const int a = gan_colormap_at(GAN_COLORMAP_DIVERGING, .5 - i / 20.);
            const int b = gan_colormap_at(GAN_COLORMAP_DIVERGING, .5 + i / 20.);
            CHECK((a & 255) > (a >> 16) && (b & 255) < (b >> 16), "%06X and %06X", a, b);
            CHECK_NEAR(lightness(a), lightness(b), 6, "the lightness of both arms");
            CHECK(lightness(a) < lightness(gan_colormap_at(GAN_COLORMAP_DIVERGING, .5 - (i - 1) / 20.)),
                  "at %d", i);
        }
    }
    TEST ("gray is gray, the ends are clamped, NaN has its own color, maps have names") {
        const int g = gan_colormap_at(GAN_COLORMAP_GRAY, .5);
        CHECK((g & 255) == (g >> 8 & 255) && (g & 255) == g >> 16, "%06X", g);
        CHECK(gan_colormap_at(GAN_COLORMAP_GRAY, -3) == 0 &&
                  gan_colormap_at(GAN_COLORMAP_GRAY, HUGE_VAL) == 0xFFFFFF,
              "%06X", gan_colormap_at(GAN_COLORMAP_GRAY, 9));
        CHECK(sequential(-1) == sequential(0) && sequential(2) == sequential(1), "%06X", sequential(2));
        CHECK(sequential(gan__text_from_bits(UINT64_C(0x7ff8) << 48)) == GAN_GRAY, "%s", "NaN");
        CHECK(gan_colormap_at((gan_colormap)99, .5) == GAN_GRAY, "%s", "no such map");
        CHECK_TEXT(gan_colormap_name(GAN_COLORMAP_DIVERGING), "diverging");
        CHECK_TEXT(gan_colormap_name((gan_colormap)-1), "unknown");
    }
    TEST ("colors of the palette differ, also without red or green cones, and all stand out from white") {
        const int n = (int)(sizeof gan__plot_palette / sizeof gan__plot_palette[0]);
        int i, k;
        for (i = 0; i < n; ++i) {
            CHECK(lightness(gan__plot_palette[i]) < 80, "%06X is too bright", gan__plot_palette[i]);
            for (k = 0; k < i; ++k)
                CHECK(apart_for_dichromats(gan__plot_palette[i], gan__plot_palette[k]) > 8,
                      "%06X and %06X: %.1f", gan__plot_palette[i], gan__plot_palette[k],
                      apart_for_dichromats(gan__plot_palette[i], gan__plot_palette[k]));
        }
    }
}

static void test_letters(void)
{
    TEST ("95 letters, all different, the blank alone empty, none outside its five columns") {
        int a, b, row;
        CHECK(strlen(gan__canvas_font) == 95 * GAN__LETTER_ROWS, "%d digits", (int)strlen(gan__canvas_font));
        for (a = 32; a < 127; ++a) {
            int bits = 0;
            for (row = 0; row < GAN__LETTER_ROWS; ++row) {
                CHECK(gan__canvas_font_row((char)a, row) >= 0 && gan__canvas_font_row((char)a, row) < 32,
                      "letter %d", a);
                bits += gan__canvas_font_row((char)a, row);
            }
            CHECK((bits == 0) == (a == ' '), "letter %c", a);
            for (b = 32; b < a; ++b) {
                int alike = 1;
                for (row = 0; row < GAN__LETTER_ROWS; ++row)
                    alike &= gan__canvas_font_row((char)a, row) == gan__canvas_font_row((char)b, row);
                CHECK(!alike, "%c and %c look alike", a, b);
            }
        }
    }
    TEST ("text is read back from its pixels, at 1x and 2x, level and turned") {
        int unit, turned, x = 0, y = 0;
        for (unit = 1; unit < 3; ++unit)
            for (turned = 0; turned < 2; ++turned) {
                begin(unit);
                gan__canvas_text(&f.c, 7, turned ? 55 : 9, "Dg8}", 4, GAN_BLUE, unit, turned);
                CHECK(find_text(&f.p, "Dg8}", unit, GAN_BLUE, turned, &x, &y), "unit %d, turned %d", unit,
                      turned);
                CHECK(x == 7 && y == (turned ? 55 : 9), "at %d, %d", x, y);
                CHECK(!find_text(&f.p, "Dg8{", unit, GAN_BLUE, turned, NULL, NULL), "unit %d: another text",
                      unit);
            }
    }
    TEST_MUST_FAIL ("a text with one pixel more is not read") {
        begin(1);
        gan__canvas_text(&f.c, 7, 9, "D", 1, GAN_BLUE, 1, 0);
        gan__canvas_fill(&f.c, 9, 12, 10, 13, GAN_BLUE, 1);
        CHECK(find_text(&f.p, "D", 1, GAN_BLUE, 0, NULL, NULL), "%s", "D");
    }
    TEST ("letters outside ASCII become question marks; texts are cut to a width") {
        begin(1);
        gan__canvas_text(&f.c, 3, 3, "\xC3\xA9\t", 3, GAN_BLACK, 1, 0);
        CHECK(has_text(&f.p, "???", 1), "%s", "UTF-8");
        CHECK(gan__canvas_text_fit("abcdef", 17, 1) == 3 && gan__canvas_text_fit("abcdef", 16, 1) == 2,
              "%d letters", gan__canvas_text_fit("abcdef", 17, 1));
        CHECK(gan__canvas_text_fit("abc", -5, 1) == 0 && gan__canvas_text_fit(NULL, 90, 1) == 0, "%s",
              "nothing");
    }
}

static void test_strokes(void)
{
    TEST ("a line from corner to corner lights the diagonal and nothing two pixels off it") {
        int x, y, on = 0, off = 0;
        begin(1);
        gan__canvas_segment(&f.c, 0, 0, H - 1, H - 1, 1);
        gan__canvas_ink(&f.c, 0, 1);
        for (y = 0; y < H; ++y)
            for (x = 0; x < W; ++x) {
                if (x == y) on += pixel(&f.p, x, y) == 0;
                else if (abs(x - y) > 1) off += pixel(&f.p, x, y) != 0xFFFFFF;
            }
        CHECK(on == H && off == 0, "%d of %d on the diagonal, %d beside it", on, H, off);
    }
    TEST ("a level line of width 1 is one row of full pixels; of width 3 three") {
        int x, width;
        for (width = 1; width < 4; width += 2) {
            begin(1);
            gan__canvas_segment(&f.c, 10, 20, 40, 20, width);
            gan__canvas_ink(&f.c, 0, 1);
            for (x = 10; x <= 40; ++x) {
                int y, n = 0;
                for (y = 0; y < H; ++y) n += pixel(&f.p, x, y) == 0;
                CHECK(n == width, "%d full pixels in column %d", n, x);
            }
            CHECK(ink() > 31 * width - .1 && ink() < 31 * width + 2 * width, "%g of ink", ink());
        }
    }
    TEST ("ink is length times width whatever the direction, a dot is a disc") {
        double angle;
        int d;
        for (angle = 0; angle < 3.1; angle += .1) {
            begin(1);
            gan__canvas_segment(&f.c, 40 - 25 * cos(angle), 32 - 25 * sin(angle), 40 + 25 * cos(angle),
                                32 + 25 * sin(angle), 2);
            gan__canvas_ink(&f.c, 0, 1);
            CHECK_NEAR(ink(), 50 * 2 + 3.1416, 5, "ink of 50 x 2 and two round ends");
        }
        for (d = 3; d < 30; d += 3) {
            begin(1);
            gan__canvas_segment(&f.c, 40.3, 31.6, 40.3, 31.6, d);
            gan__canvas_ink(&f.c, 0, 1);
            CHECK_NEAR(ink(), .7854 * d * d, .04 * d * d + .5, "ink of a disc");
        }
    }
    TEST ("where pieces of a stroke meet nothing is painted twice") {
        begin(1);
        gan__canvas_segment(&f.c, 10, 30, 40, 30, 4);
        gan__canvas_segment(&f.c, 40, 30, 70, 30, 4);
        gan__canvas_ink(&f.c, 0, .5);
        CHECK(pixel(&f.p, 40, 30) == pixel(&f.p, 20, 30), "%06X and %06X", pixel(&f.p, 40, 30),
              pixel(&f.p, 20, 30));
        CHECK(mask_clear(), "%s", "the mask is not empty");
    }
    TEST ("a box covers its area, fractions of pixels too") {
        begin(1);
        gan__canvas_box(&f.c, 10.25, 5.5, 20.75, 9.25);
        gan__canvas_ink(&f.c, 0, 1);
        CHECK_NEAR(ink(), 10.5 * 3.75, .05, "ink of 10.5 x 3.75");
    }
    TEST ("nothing is drawn outside the clip, nor beyond the canvas, however far out it is") {
        int i, x, y, outside = 0;
        begin(2);
        for (i = 0; i < 300; ++i) {
            const double far_out = i % 3 ? 200 : 1e7;
            double v[4];
            int k;
            for (k = 0; k < 4; ++k) v[k] = test_uniform(-far_out, far_out);
            if (i == 150) gan__canvas_clip(&f.c, 20, 10, 50, 40);
            if (i == 150) memset(f.c.rgb, 255, 3 * W * H);
            gan__canvas_segment(&f.c, v[0], v[1], v[2], v[3], test_uniform(0, 9));
            gan__canvas_box(&f.c, v[0], v[1], v[0] + 30, v[1] + 30);
            gan__canvas_ink(&f.c, 0, .5);
            gan__canvas_text(&f.c, (int)v[0], (int)v[1], "clip", 4, 0, 2, i & 1);
            gan__canvas_fill(&f.c, (int)v[2] - 5, (int)v[3] - 5, (int)v[2], (int)v[3], 0, 1);
        }
        for (y = 0; y < H; ++y)
            for (x = 0; x < W; ++x)
                outside += pixel(&f.p, x, y) != 0xFFFFFF && (x < 20 || x >= 50 || y < 10 || y >= 40);
        CHECK(fences_stand(), "%s", "bytes before or after the canvas changed");
        CHECK(outside == 0, "%d pixels outside the clip", outside);
        CHECK(count_color(&f.p, 20, 10, 50, 40, 0xFFFFFF) < 900, "%s", "nothing was drawn at all");
        CHECK(mask_clear(), "%s", "the mask is not empty");
    }
    TEST ("sizes that no picture has are refused") {
        CHECK(gan__canvas_bytes(0, 5) == 0 && gan__canvas_bytes(5, -1) == 0 &&
                  gan__canvas_bytes(INT_MAX, INT_MAX) == 0,
              "%d", (int)gan__canvas_bytes(0, 5));
        CHECK(gan__canvas_bytes(7, 5) == 140, "%d", (int)gan__canvas_bytes(7, 5));
    }
}

static void test_pictures(void)
{
    TEST ("a picture in a box of its size is itself, in a larger one its pixels enlarged, in a smaller one "
          "means") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 3, 4, 4);
        int i, k, wrong = 0, u, v;
        for (i = 0; i < 96; ++i) gan_data(x)[i] = (gan_real)((5 * i % 256) / 127.5 - 1);
        begin(1);
        gan__canvas_picture(&f.c, x, 1, 3, 2, 4, 4);
        gan__canvas_picture(&f.c, x, 1, 20, 10, 12, 8);
        gan__canvas_picture(&f.c, x, 1, 60, 40, 2, 2);
        for (v = 0; v < 4; ++v)
            for (u = 0; u < 4; ++u) {
                int want = 0;
                for (k = 0; k < 3; ++k) want = want << 8 | 5 * (48 + 16 * k + 4 * v + u) % 256;
                wrong += pixel(&f.p, 3 + u, 2 + v) != want || pixel(&f.p, 20 + 3 * u, 10 + 2 * v) != want ||
                         pixel(&f.p, 20 + 3 * u + 2, 10 + 2 * v + 1) != want;
            }
        CHECK(wrong == 0, "%d of 16 pixels", wrong);
        CHECK_NEAR(pixel(&f.p, 60, 40) >> 16,
                   (5 * 48 % 256 + 5 * 49 % 256 + 5 * 52 % 256 + 5 * 53 % 256) / 4., 1, "the mean of four");
        gan_destroy(ctx);
    }
    TEST ("a gray picture is gray, beyond -1 .. 1 it is clamped") {
        gan_context *ctx = gan_create(NULL);
        const gan_real v[4] = {-5, (gan_real)-.2, 0, 5};
        gan_tensor *x = gan_from(ctx, v, 1, 1, 2, 2);
        begin(1);
        gan__canvas_picture(&f.c, x, 0, 0, 0, 2, 2);
        CHECK(pixel(&f.p, 0, 0) == 0 && pixel(&f.p, 1, 1) == 0xFFFFFF && pixel(&f.p, 0, 1) == 0x808080,
              "%06X", pixel(&f.p, 0, 1));
        gan_destroy(ctx);
    }
}

int main(void)
{
    test_colors();
    test_letters();
    test_strokes();
    test_pictures();
    if (f.ctx) gan_destroy(f.ctx);
    return test_done();
}
