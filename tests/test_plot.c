// Section plot: what a panel shows is read back from its pixels: texts, ticks, curves, bars, surfaces,
// pictures.
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include "picture.h"

enum { W = 420, H = 300 };

static gan_context *ctx;
static double nan_value(void) { return gan__text_from_bits(UINT64_C(0x7ff8) << 48); }

static gan_series series(const double *x, const double *y, int n, gan_mark mark, int color)
{
    gan_series s;
    memset(&s, 0, sizeof s);
    s.x = x, s.y = y, s.n = n, s.mark = mark, s.color = color;
    return s;
}

static void test_texts(void)
{
    int unit;
    for (unit = 1; unit < 3; ++unit)
        TESTF ("title, labels, legend and ticks are read back from the pixels, at %dx", unit) {
            static const double y[] = {0, 1, 2, 3};
            gan_plot *p = gan_plot_create(ctx, W * unit, H * unit, unit);
            gan_series s[2];
            gan_axes a;
            picture q;
            int x = 0, at = 0;
            s[0] = series(NULL, y, 4, GAN_MARK_LINE, 0);
            s[1] = series(NULL, y + 1, 3, GAN_MARK_POINTS, 0);
            s[0].name = "the loss of D", s[1].name = "G";
            a = axes_of(s, 2);
            a.title = "Losses {of} both", a.x_label = "step", a.y_label = "loss (nats)";
            CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
            q = picture_of(p);
            CHECK(q.w == W * unit && q.h == H * unit, "%d x %d", q.w, q.h);
            CHECK(has_text(&q, "Losses {of} both", unit), "%s", "title");
            CHECK(has_text(&q, "step", unit), "%s", "x label");
            CHECK(find_text(&q, "loss (nats)", unit, GAN_BLACK, 1, &x, &at) && x < 20 * unit, "y label at %d",
                  x);
            CHECK(has_text(&q, "the loss of D", unit) && has_text(&q, "G", unit), "%s", "legend");
            CHECK(has_text(&q, "1", unit) && has_text(&q, "2", unit) && has_text(&q, "3", unit), "%s",
                  "ticks");
            CHECK(!has_text(&q, "Losses (of) both", unit), "%s", "a title that is not there");
            CHECK(count_color(&q, 0, 0, q.w, q.h, GAN_BLUE) > 20 &&
                      count_color(&q, 0, 0, q.w, q.h, GAN_VERMILION) >= 0,
                  "%d pixels of the first color", count_color(&q, 0, 0, q.w, q.h, GAN_BLUE));
        }
    TEST ("the legend stands where the curve is not") {
        double y[100];
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s;
        gan_axes a;
        int k, i, x = 0, at = 0;
        for (k = 0; k < 2; ++k) {
            for (i = 0; i < 100; ++i)
                y[i] = k ? 100 - i : i; // rising: free at the top left; falling: at the top right
            s = series(NULL, y, 100, GAN_MARK_LINE, 0);
            s.name = "curve", s.size = 12;
            a = axes_of(&s, 1);
            gan_plot_panel(p, 0, 1, 0, 1, &a);
            CHECK(find_text(&q, "curve", 1, GAN_BLACK, 0, &x, &at), "%s", "no legend");
            CHECK(at < H / 2 && (k ? x > W / 2 : x < W / 2), "curve %d: legend at %d, %d", k, x, at);
        }
    }
    TEST ("texts that are too long are cut, not written over the neighbor's panel") {
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        int i, differ = 0;
        static unsigned char before[3 * W * H];
        gan_plot_panel(p, 1, 2, 0, 1, NULL);
        memcpy(before, q.rgb, sizeof before);
        a.title = a.x_label = a.y_label =
            "a title of very many letters that no panel of two hundred pixels can hold";
        CHECK(gan_plot_panel(p, 0, 2, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        for (i = 0; i < 3 * W * H; ++i) differ += i / 3 % W >= W / 2 && before[i] != q.rgb[i];
        CHECK(differ == 0, "%d bytes of the other panel changed", differ);
        CHECK(has_text(&q, "a title of very many", 1), "%s", "the beginning");
    }
    TEST ("a label is where it belongs, and cut at the frame") {
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        int x = 0, y = 0;
        a.x1 = a.y1 = 10;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        CHECK(gan_plot_label(p, 5, 5, "-log 4", GAN_BLUE) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(find_text(&q, "-log 4", 1, GAN_BLUE, 0, &x, &y), "%s", "not found");
        CHECK(abs(x - (p->left + p->right) / 2) < 2 && abs(y + 4 - (p->top + p->bottom) / 2) < 2, "at %d, %d",
              x, y);
        CHECK(gan_plot_label(p, 9.9, 5, "cut off", 0) == GAN_OK &&
                  gan_plot_label(p, 5, nan_value(), "x", 0) == GAN_OK,
              "%s", gan_error_message(ctx));
        CHECK(!has_text(&q, "cut", 1), "%s", "beyond the frame");
    }
}

// The rows of an axis's long ticks, from below.
static int tick_rows(const gan_plot *p, const picture *q, int *row)
{
    int y, n = 0;
    for (y = p->bottom; y >= p->top && n < 64; --y)
        if (pixel(q, p->left - 5, y) == GAN_BLACK) row[n++] = y;
    return n;
}

static void test_axes(void)
{
    TEST ("a logarithmic axis places decades evenly and its line is straight") {
        double y[200];
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        int row[64], n, i, k, on = 0;
        gan_series s = series(NULL, y, 200, GAN_MARK_LINE, GAN_BLUE);
        gan_axes a = axes_of(&s, 1);
        for (i = 0; i < 200; ++i) y[i] = pow(10, 5 - 8 * i / 199.);
        a.y_log = 1, a.y0 = 1e-3, a.y1 = 1e5;
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        n = tick_rows(p, &q, row);
        CHECK(n >= 5, "%d decades", n);
        for (i = 2; i < n; ++i)
            CHECK(abs(row[i - 1] - row[i] - (row[0] - row[1])) <= 1, "from %d to %d, at first %d", row[i - 1],
                  row[i], row[0] - row[1]);
        for (k = p->left; k <= p->right; ++k) {
            const int want =
                (int)(p->top + (k - p->left) * (double)(p->bottom - p->top) / (p->right - p->left) + .5);
            on += pixel(&q, k, want) != 0xFFFFFF && pixel(&q, k, want) != GAN__PLOT_GRID;
        }
        CHECK(on > 95 * (p->right - p->left) / 100, "%d of %d columns are on the straight line", on,
              p->right - p->left);
        CHECK(has_text(&q, "10", 1) && find_text(&q, "-3", 1, GAN_BLACK, 0, NULL, NULL), "%s",
              "10 to the power of -3");
    }
    TEST_MUST_FAIL ("on a linear axis powers of ten are no straight line") {
        double y[200];
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        int i, k, on = 0;
        gan_series s = series(NULL, y, 200, GAN_MARK_LINE, GAN_BLUE);
        gan_axes a = axes_of(&s, 1);
        for (i = 0; i < 200; ++i) y[i] = pow(10, 5 - 8 * i / 199.);
        a.y0 = 1e-3, a.y1 = 1e5;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        for (k = p->left; k <= p->right; ++k) {
            const int want =
                (int)(p->top + (k - p->left) * (double)(p->bottom - p->top) / (p->right - p->left) + .5);
            on += pixel(&q, k, want) != 0xFFFFFF && pixel(&q, k, want) != GAN__PLOT_GRID;
        }
        CHECK(on > 95 * (p->right - p->left) / 100, "%d columns", on);
    }
    TEST ("ticks are at 1, 2 or 5 times a power of ten and their numbers say where they are") {
        static const double ranges[][2] = {{0, 1},        {-3, 7},        {0, 12345},    {.001, .0017},
                                           {-1e-7, 2e-7}, {1e6, 1.5e6},   {-1e12, 1e12}, {99.5, 100.5},
                                           {0, 3e-20},    {1e300, 2e300}, {-50, -20}};
        size_t k;
        for (k = 0; k < sizeof ranges / sizeof ranges[0]; ++k) {
            gan__plot_scale axis;
            gan__plot_ticks t;
            int i;
            memset(&axis, 0, sizeof axis);
            axis.lo = ranges[k][0], axis.hi = ranges[k][1], axis.from = 20, axis.to = 320;
            gan__plot_ticks_find(&t, &axis, 60);
            CHECK(t.n >= 2 && t.n <= 9, "%d ticks from %g to %g", t.n, axis.lo, axis.hi);
            for (i = 0; i < t.n; ++i) {
                const double step = t.at[1] - t.at[0], lead = step / pow(10, floor(log10(step) + 1e-9));
                CHECK_NEAR(strtod(t.text[i], NULL), t.at[i], 1e-9 * fabs(step), t.text[i]);
                CHECK(fabs(lead - 1) < 1e-6 || fabs(lead - 2) < 1e-6 || fabs(lead - 5) < 1e-6, "step %g",
                      step);
                CHECK(t.at[i] > axis.lo - 1e-6 * step && t.at[i] < axis.hi + 1e-6 * step, "%g is outside",
                      t.at[i]);
                CHECK(strlen(t.text[i]) < 10, "\"%s\"", t.text[i]);
            }
        }
    }
    TEST ("ranges that differ by less than numbers can say have no ticks, and no endless loop") {
        const double v[] = {1e17, 1e17 + 16, 5e-324, 1e-323, -DBL_MAX, DBL_MAX};
        int i;
        for (i = 0; i < 6; i += 2) {
            gan_plot *p = gan_plot_create(ctx, W, H, 1);
            gan_series s = series(NULL, v + i, 2, GAN_MARK_LINE, 0);
            gan_axes a = axes_of(&s, 1);
            CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        }
    }
    TEST ("fitted ranges hold all points; units of equal axes are equally long") {
        static const double x[] = {-3, 5, 40}, y[] = {2, -9, 4};
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        gan_series s = series(x, y, 3, GAN_MARK_POINTS, GAN_BLUE);
        gan_axes a = axes_of(&s, 1);
        double per_x, per_y;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        CHECK(p->x.lo < -3 && p->x.hi > 40 && p->y.lo < -9 && p->y.hi > 4, "%g .. %g, %g .. %g", p->x.lo,
              p->x.hi, p->y.lo, p->y.hi);
        CHECK(p->x.lo > -10 && p->x.hi < 50, "%g .. %g", p->x.lo, p->x.hi);
        a.equal = 1;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        per_x = (p->right - p->left) / (p->x.hi - p->x.lo),
        per_y = (p->bottom - p->top) / (p->y.hi - p->y.lo);
        CHECK_NEAR(per_x, per_y, 1e-9 * per_x, "pixels per unit");
        CHECK(p->x.lo < -3 && p->x.hi > 40 && p->y.lo < -9 && p->y.hi > 4, "%s", "equal axes lost points");
    }
}

static void test_marks(void)
{
    TEST ("NaN and infinity leave gaps; a point alone between gaps is a dot") {
        double y[11];
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s = series(NULL, y, 11, GAN_MARK_LINE, GAN_BLUE);
        gan_axes a = axes_of(&s, 1);
        int i, x, y0, n;
        for (i = 0; i < 11; ++i) y[i] = 1;
        y[3] = nan_value(), y[5] = HUGE_VAL, y[8] = -HUGE_VAL;
        s.size = 3;
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        y0 = (int)(p->bottom - (1 - p->y.lo) / (p->y.hi - p->y.lo) * (p->bottom - p->top) + .5);
        for (i = 0; i < 10; ++i) { // between i and i + 1
            x = (int)(p->left + (i + .5) / 10 * (p->right - p->left));
            n = count_color(&q, x, y0 - 3, x + 1, y0 + 4, GAN_BLUE);
            CHECK((n > 0) == (i < 2 || i == 6 || i == 9), "between %d and %d: %d pixels", i, i + 1, n);
        }
        x = (int)(p->left + 4 / 10. * (p->right - p->left));
        CHECK(count_color(&q, x - 1, y0 - 1, x + 2, y0 + 2, GAN_BLUE) > 0, "%s", "no dot at 4");
    }
    TEST ("no data, no finite data and one point are panels too") {
        const double none[3] = {nan_value(), HUGE_VAL, nan_value()}, one = 3;
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        int mark, k, log_axes;
        for (mark = 0; mark < GAN_MARK_COUNT; ++mark)
            for (log_axes = 0; log_axes < 2; ++log_axes)
                for (k = 0; k < 4; ++k) {
                    gan_series s = series(NULL,
                                          k == 1   ? none
                                          : k == 2 ? &one
                                                   : NULL,
                                          k == 1 ? 3 : k == 2, (gan_mark)mark, 0);
                    gan_axes a = axes_of(&s, 1);
                    if (k == 3) s.points = gan_zeros(ctx, 0, 2);
                    a.x_log = a.y_log = log_axes;
                    CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s, %d: %s",
                          gan_mark_name((gan_mark)mark), k, gan_error_message(ctx));
                }
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, NULL) == GAN_OK, "%s", gan_error_message(ctx));
    }
    TEST ("nothing is drawn outside the frame, whatever the data") {
        static unsigned char before[3 * W * H];
        double x[64], y[64];
        int mark, i, u, v, outside;
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        for (mark = 0; mark < GAN_MARK_COUNT; ++mark) {
            gan_series s = series(x, y, 64, (gan_mark)mark, GAN_BLUE);
            gan_axes a = axes_of(&s, 0);
            a.x0 = a.y0 = -1, a.x1 = a.y1 = 1;
            gan_plot_panel(p, 0, 1, 0, 1, &a);
            memcpy(before, q.rgb, sizeof before);
            for (i = 0; i < 64; ++i) {
                const double out = i % 4 == 0 ? 1e300 : i % 4 == 1 ? 100 : 2;
                x[i] = test_uniform(-out, out), y[i] = test_uniform(-out, out);
            }
            if (mark == GAN_MARK_ARROWS) {
                s.points = gan_mul_scalar(gan_rand_normal(ctx, 50, 2), 3);
                s.arrows = gan_mul_scalar(gan_rand_normal(ctx, 50, 2), 3);
            }
            s.size = mark == GAN_MARK_POINTS ? 40 : 0;
            CHECK(gan_plot_add(p, &s) == GAN_OK, "%s", gan_error_message(ctx));
            for (outside = v = 0; v < H; ++v)
                for (u = 0; u < W; ++u)
                    if (u < p->left || u > p->right || v < p->top || v > p->bottom)
                        outside += memcmp(before + 3 * (v * W + u), q.rgb + 3 * (v * W + u), 3) != 0;
            CHECK(outside == 0, "%s: %d pixels outside", gan_mark_name((gan_mark)mark), outside);
            CHECK(memcmp(before, q.rgb, sizeof before) != 0, "%s drew nothing",
                  gan_mark_name((gan_mark)mark));
        }
    }
    TEST ("points are where they belong, of their size") {
        static const double x[] = {1, 2, 3}, y[] = {10, 30, 20};
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s = series(x, y, 3, GAN_MARK_POINTS, GAN_GREEN);
        gan_axes a = axes_of(&s, 1);
        int i, n;
        a.x1 = 4, a.y1 = 40, s.size = 9, s.alpha = 1;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        for (i = 0; i < 3; ++i) {
            const int u = (int)(p->left + x[i] / 4 * (p->right - p->left) + .5);
            const int v = (int)(p->bottom - y[i] / 40 * (p->bottom - p->top) + .5);
            n = count_color(&q, u - 8, v - 8, u + 9, v + 9, GAN_GREEN);
            CHECK(pixel(&q, u, v) == GAN_GREEN && n > 40 && n < 82, "%d pixels at %d, %d", n, u, v);
        }
    }
    TEST ("bars reach from 0 to their values, down too; steps stay until the next x") {
        static const double x[] = {1, 2, 3}, y[] = {2, -1, 4};
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s = series(x, y, 3, GAN_MARK_BARS, GAN_BLACK);
        gan_axes a = axes_of(&s, 1);
        double unit;
        int i, u, v, n;
        a.x1 = 4, a.y0 = -2, a.y1 = 5, s.alpha = 1;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        unit = (p->bottom - p->top) / 7.;
        for (i = 0; i < 3; ++i) {
            u = (int)(p->left + x[i] / 4 * (p->right - p->left) + .5);
            n = count_color(&q, u, p->top, u + 1, p->bottom, GAN_BLACK);
            CHECK_NEAR(n, fabs(y[i]) * unit, 2, "the height of a bar");
            v = (int)(p->bottom - (2 + y[i] / 2) * unit);
            CHECK(pixel(&q, u, v) == GAN_BLACK, "bar %d is not at half its height", i);
        }
        s = series(x, y, 3, GAN_MARK_STEPS, GAN_BLUE);
        s.size = 3;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        u = (int)(p->left + 2.9 / 4 * (p->right - p->left));
        CHECK(pixel(&q, u, (int)(p->bottom - 1 * unit + .5)) == GAN_BLUE, "%s",
              "the step from 2 to 3 is not at -1");
    }
    TEST ("a histogram is a density: its bins integrate to the share that they hold") {
        double v[1000], density[GAN__PLOT_BINS], sum = 0;
        gan_series s = series(NULL, v, 1000, GAN_MARK_HISTOGRAM, 0);
        int i, n;
        for (i = 0; i < 1000; ++i) v[i] = i < 250 ? 77 : test_uniform(0, 2);
        v[999] = nan_value();
        s.size = 40;
        n = gan__plot_mark_bins(&s, 0, 2, density);
        for (i = 0; i < n; ++i) sum += density[i] * 2 / n;
        CHECK(n == 40, "%d bins", n);
        CHECK_NEAR(sum, 749 / 999., 1e-12, "the integral");
        CHECK_NEAR(density[7], .375, .2, "the density of 3/4 over 2");
    }
    TEST ("dashes are dashes, levels cross the panel, upright too") {
        static const double level[] = {.5};
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s = series(NULL, level, 1, GAN_MARK_LEVELS, GAN_VERMILION);
        gan_axes a = axes_of(&s, 1);
        int n, k, wide, y;
        a.x1 = a.y1 = 1.01;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        wide = p->right - p->left + 1;
        y = (int)(p->bottom - .5 / 1.01 * (p->bottom - p->top) + .5);
        for (n = k = 0; k < wide; ++k) {
            const int c = pixel(&q, p->left + k, y);
            n += (c >> 16) > (c & 255) + 40;
        }
        CHECK(n > wide / 4 && n < 7 * wide / 10, "%d of %d pixels are inked", n, wide);
        s.dash = -1, s.size = 1;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        y = (int)(p->bottom - .5 / 1.01 * (p->bottom - p->top) + .5);
        for (n = 0; n < wide; ++n)
            if (pixel(&q, p->left + n, y) == 0xFFFFFF) break;
        CHECK(n == wide, "a gap at %d", n);
        s.x = level, s.y = NULL, s.size = 3;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        n = (int)(p->left + .5 / 1.01 * (p->right - p->left) + .5);
        CHECK(count_color(&q, n, p->top, n + 1, p->bottom, GAN_VERMILION) > p->bottom - p->top - 4, "%d",
              count_color(&q, n, p->top, n + 1, p->bottom, GAN_VERMILION));
    }
    TEST ("strides, tensors of values and of points say the same as arrays") {
        static const double xy[] = {0, 5, 1, 3, 2, 8};
        const gan_real v[] = {0, 5, 1, 3, 2, 8}, w[] = {5, 3, 8};
        static unsigned char first[3 * W * H];
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s = series(xy, xy + 1, 3, GAN_MARK_LINE, 0);
        gan_axes a = axes_of(&s, 1);
        int k;
        s.stride = 2;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        memcpy(first, q.rgb, sizeof first);
        for (k = 0; k < 3; ++k) {
            s = series(NULL, NULL, 0, GAN_MARK_LINE, 0);
            s.points = k == 0   ? gan_from(ctx, v, 3, 2)
                       : k == 1 ? gan_from(ctx, w, 3)
                                : gan_from(ctx, w, 3, 1);
            CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
            CHECK_BYTES(first, q.rgb, sizeof first, "the picture");
        }
    }
    TEST ("zeros and negatives are gaps on logarithmic axes; absurd sizes and counts are drawn and end") {
        static const double y[] = {1, 0, -5, 10, 100};
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_series s = series(NULL, y, 5, GAN_MARK_LINE, GAN_BLUE);
        gan_axes a = axes_of(&s, 1);
        int mark, x;
        a.y_log = 1;
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK && p->y.lo > -.2 && p->y.hi < 2.2, "%g to %g",
              p->y.lo, p->y.hi);
        x = (p->left + p->right) / 2;
        CHECK(count_color(&q, x - 9, p->top, x + 9, p->bottom, GAN_BLUE) == 0, "%s",
              "a line through the gap");
        CHECK(count_color(&q, p->right - 60, p->top, p->right, p->bottom, GAN_BLUE) > 20, "%s",
              "no line after it");
        a.y_log = 0, a.heat = gan_rand_normal(ctx, 9, 9), a.contours = INT_MAX;
        for (mark = 0; mark < GAN_MARK_COUNT; ++mark) {
            s.mark = (gan_mark)mark, s.size = 1e300, s.alpha = 1e300, s.dash = INT_MAX;
            CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
            s.size = s.alpha = nan_value(), s.dash = INT_MIN;
            CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        }
    }
    TEST ("every mark has its row: name and function") {
        static const char *const names[] = {
#define NAME(id, name, size, alpha, dash) #name,
            GAN_MARKS(NAME)
#undef NAME
        };
        int i;
        for (i = 0; i < GAN_MARK_COUNT; ++i)
            CHECK(!strcmp(gan_mark_name((gan_mark)i), names[i]), "%s", names[i]);
        CHECK_TEXT(gan_mark_name((gan_mark)99), "unknown");
    }
}

static void test_heat(void)
{
    TEST ("a surface has its values' colors at its nodes, and its bar their numbers") {
        gan_real v[12];
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        int i, j, k;
        for (k = 0; k < 12; ++k) v[k] = (gan_real)(7 * k % 12);
        a.heat = gan_from(ctx, v, 3, 4);
        a.x1 = a.y1 = 1;
        for (a.heat_cells = 0; a.heat_cells < 2; ++a.heat_cells) {
            CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
            for (i = 0; i < 3; ++i)
                for (j = 0; j < 4; ++j) {
                    const double u = a.heat_cells ? (j + .5) / 4 : j / 3.,
                                 w = a.heat_cells ? (i + .5) / 3 : i / 2.;
                    const int x = (int)(p->left + u * (p->right - p->left) + .5);
                    const int y = (int)(p->bottom - w * (p->bottom - p->top) + .5);
                    const int want = gan_colormap_at(GAN_COLORMAP_SEQUENTIAL, (double)v[4 * i + j] / 11);
                    const int got = pixel(&q, x, y);
                    CHECK(abs((got >> 16) - (want >> 16)) < 8 && abs((got & 255) - (want & 255)) < 8,
                          "node %d, %d: %06X, expected %06X", i, j, got, want);
                }
            CHECK(has_text(&q, "10", 1) && has_text(&q, "0", 1), "%s", "the numbers of the bar");
        }
    }
    TEST ("NaN in a surface is a hole, a constant one a surface, one value too") {
        gan_tensor *x = gan_full(ctx, 2, 8, 8);
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        a.heat = x, a.heat_cells = 1, a.contours = 3;
        memset(gan_data(x), 0xff, sizeof(gan_real));
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(pixel(&q, p->left + 3, p->bottom - 3) == 0xFFFFFF, "%06X",
              pixel(&q, p->left + 3, p->bottom - 3));
        CHECK(pixel(&q, p->right - 3, p->top + 3) != 0xFFFFFF, "%06X", pixel(&q, p->right - 3, p->top + 3));
        a.heat = gan_full(ctx, 7, 1, 1), a.heat_cells = 0;
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
    }
    TEST ("the contours of a cone are circles at their levels") {
        gan_tensor *x = gan_zeros(ctx, 61, 61);
        gan_plot *p = gan_plot_create(ctx, 400, 380, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        int i, j, k;
        for (i = 0; i < 61; ++i)
            for (j = 0; j < 61; ++j) gan_data(x)[61 * i + j] = (gan_real)(hypot(i - 30, j - 30) / 30);
        a.heat = x, a.heat1 = 1, a.contours = 1, a.x0 = a.y0 = -1, a.x1 = a.y1 = 1;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        for (k = 0; k < 24; ++k) {
            const double cx = (p->left + p->right) / 2., cy = (p->top + p->bottom) / 2., t = k * .2618;
            double darkest = 1e9, at = 0, r;
            for (r = .35; r < .65; r += .005) {
                const int c = pixel(&q, (int)(cx + r * cos(t) * (p->right - p->left) / 2 + .5),
                                    (int)(cy - r * sin(t) * (p->bottom - p->top) / 2 + .5));
                const double light = (c >> 16) + (c >> 8 & 255) + (c & 255);
                if (light < darkest) darkest = light, at = r;
            }
            CHECK_NEAR(at, .5, .03, "the radius of the contour at 1/2");
        }
    }
}

static gan_tensor *digits(int n, int c, int h, int w)
{
    return gan_affine(gan_rand_uniform(ctx, n, c, h, w), 2, -1);
}

static void test_images(void)
{
    TEST ("a panel of images, larger and smaller than their pixels") {
        gan_plot *p = gan_plot_create(ctx, W, H, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        a.images = digits(7, 1, 6, 6), a.title = "samples";
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK && has_text(&q, "samples", 1), "%s",
              gan_error_message(ctx));
        CHECK(count_color(&q, 0, 0, W, H, 0xFFFFFF) < 7 * W * H / 10, "%s", "hardly anything was drawn");
        a.images = digits(3, 3, 500, 300), a.columns = 2;
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(gan_plot_add(p, NULL) != 0, "%s", "no axes here");
        gan_error_clear(ctx);
    }
}

static void test_errors(void)
{
    gan_plot *p = gan_plot_create(ctx, W, H, 1);
    static const double v[4] = {1, 2, 3, 4};
    TEST ("a plot is written as its pixels") {
        static unsigned char file[3 * W * H + 64];
        static const char head[] = "P6\n420 300\n255\n";
        size_t n = 0;
        FILE *f;
        gan_plot_panel(p, 0, 1, 0, 1, NULL);
        CHECK(gan_plot_write(p, test_path("plot.ppm")) == GAN_OK, "%s", gan_error_message(ctx));
        f = fopen(test_path("plot.ppm"), "rb");
        if (f) n = fread(file, 1, sizeof file, f), fclose(f);
        CHECK(n == sizeof head - 1 + 3 * W * H, "%d bytes", (int)n);
        CHECK_BYTES(file, head, sizeof head - 1, "the head");
        CHECK_BYTES(file + sizeof head - 1, gan_plot_pixels(p, NULL, NULL), 3 * W * H, "the pixels");
    }
    TEST ("NULL everywhere leads to errors, not crashes") {
        gan_series s = series(NULL, v, 4, GAN_MARK_LINE, 0);
        gan_axes a = axes_of(NULL, 2);
        int w = 7;
        CHECK(gan_plot_create(NULL, 9, 9, 1) == NULL, "%s", "a plot of no context");
        CHECK(gan_plot_panel(NULL, 0, 1, 0, 1, &a) && gan_plot_add(NULL, &s) &&
                  gan_plot_label(NULL, 0, 0, "x", 0) && gan_plot_write(NULL, "x.png"),
              "%s", "a NULL plot is no error");
        CHECK(gan_plot_pixels(NULL, &w, NULL) == NULL && w == 0, "%d", w);
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "NULL");
        REFUSED(gan_plot_add(p, NULL), GAN_ERROR_ARGUMENT, "NULL");
        REFUSED(gan_plot_write(p, NULL), GAN_ERROR_ARGUMENT, "NULL");
        CHECK(gan_plot_label(gan_plot_create(ctx, W, H, 1), 0, 0, "x", 0) == GAN_ERROR_STATE, "%s",
              "no panel yet");
        gan_error_clear(ctx);
    }
    TEST ("wrong numbers and shapes are errors that say so") {
        gan_series s = series(NULL, v, 4, GAN_MARK_LINE, 0);
        gan_axes a = axes_of(&s, 1);
        gan_plot *tiny = gan_plot_create(ctx, 30, 30, 1);
        CHECK(gan_plot_create(ctx, 0, 9, 1) == NULL && gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s",
              gan_error_message(ctx));
        gan_error_clear(ctx);
        CHECK(gan_plot_create(ctx, INT_MAX, INT_MAX, 1) == NULL, "%s", "huge");
        gan_error_clear(ctx);
        REFUSED(gan_plot_panel(p, 2, 2, 0, 1, &a), GAN_ERROR_ARGUMENT, "no panel 2 of 2");
        REFUSED(gan_plot_panel(p, 0, 1, -1, 1, &a), GAN_ERROR_ARGUMENT, "no panel");
        REFUSED(gan_plot_panel(p, 0, 0, 0, 1, &a), GAN_ERROR_ARGUMENT, "no panel");
        REFUSED(gan_plot_panel(tiny, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "too small");
        s.mark = (gan_mark)77;
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "mark 77");
        s.mark = GAN_MARK_LINE, s.n = -1;
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "-1 values");
        s.n = 4, a.x0 = nan_value(), a.x1 = 1;
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "x axis");
        a.x0 = 2, a.x1 = 1;
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "x axis");
        a.x0 = 0, a.x1 = 1, a.x_log = 1;
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_ARGUMENT, "x axis");
        a = axes_of(&s, 1), a.heat = gan_zeros(ctx, 2, 2, 2);
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_SHAPE, "(2, 2, 2)");
        a = axes_of(&s, 1), a.images = gan_zeros(ctx, 2, 2, 2);
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_SHAPE, "images");
        a = axes_of(&s, 1), s.points = gan_zeros(ctx, 5, 3);
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_SHAPE, "points");
        s.points = gan_zeros(ctx, 5, 2), s.arrows = gan_zeros(ctx, 4, 2), s.mark = GAN_MARK_ARROWS;
        REFUSED(gan_plot_panel(p, 0, 1, 0, 1, &a), GAN_ERROR_SHAPE, "arrows");
    }
    TEST ("tensors of another context, poison and dead tensors are refused") {
        gan_context *other = gan_create(NULL);
        gan_tensor *poison = gan_reshape(gan_zeros(ctx, 4), 5);
        gan_series s = series(NULL, NULL, 0, GAN_MARK_POINTS, 0);
        gan_axes a = axes_of(&s, 1);
        s.points = poison;
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_ERROR_SHAPE, "%d",
              gan_error(ctx)); // the error of reshape stays
        gan_error_clear(ctx);
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_ERROR_STATE, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        s.points = gan_zeros(other, 3, 2);
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) != 0, "%s", "another context");
        gan_error_clear(ctx);
        s.points = NULL, a.heat = gan_zeros(other, 3, 3);
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) != 0, "%s", "another context");
        gan_error_clear(ctx);
        gan_scope_open(ctx);
        a.heat = gan_zeros(ctx, 3, 3);
        gan_scope_close(ctx);
        CHECK(gan_plot_panel(p, 0, 1, 0, 1, &a) == GAN_ERROR_STATE, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        gan_destroy(other);
    }
    TEST ("where memory runs out there is an error and no crash") {
        static double block[60000];
        size_t bytes;
        int good = 0, bad = 0;
        for (bytes = 20000; bytes < sizeof block; bytes += 30011) {
            gan_desc desc;
            gan_context *tight;
            gan_axes a = axes_of(NULL, 0);
            memset(&desc, 0, sizeof desc);
            desc.memory = block, desc.memory_size = bytes;
            tight = gan_create(&desc);
            if (!tight) continue;
            gan_plot_panel(gan_plot_create(tight, 300, 200, 1), 0, 1, 0, 1, &a);
            if (gan_error(tight) == GAN_ERROR_MEMORY) ++bad;
            else good += gan_error(tight) == GAN_OK;
            gan_destroy(tight);
        }
        CHECK(good > 2 && bad > 2, "%d went well, %d ran out", good, bad);
    }
    TEST ("drawing the same plot again makes no heap call") {
        gan_series s = series(NULL, v, 4, GAN_MARK_LINE, 0);
        gan_axes a = axes_of(&s, 1);
        uint64_t calls;
        int i;
        gan_plot_panel(p, 0, 1, 0, 1, &a);
        calls = gan_memory(ctx).heap_calls;
        for (i = 0; i < 20; ++i) gan_plot_panel(p, 0, 1, 0, 1, &a);
        CHECK(gan_memory(ctx).heap_calls == calls, "%d calls", (int)(gan_memory(ctx).heap_calls - calls));
    }
}

int main(void)
{
    ctx = gan_create(NULL);
    test_texts();
    test_axes();
    test_marks();
    test_heat();
    test_images();
    test_errors();
    gan_destroy(ctx);
    return test_done();
}
