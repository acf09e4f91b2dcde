// Section sheet: D over the plane, densities, tables of samples, read back from their pixels.
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
#include "picture.h"

static gan_context *ctx;

static gan_tensor *digits(int n, int c, int h, int w)
{
    return gan_affine(gan_rand_uniform(ctx, n, c, h, w), 2, -1);
}

static void test_density(void)
{
    TEST ("a density integrates to the share of points inside; its mean is theirs") {
        gan_tensor *x = gan_mul_scalar(gan_rand_normal(ctx, 500, 2), (gan_real).3), *d;
        double sum, mean;
        int i, k;
        for (k = 0; k < 2; ++k) {
            d = gan_density(x, 40, 50, -2, 2, -2, 2, k ? .15 : 0);
            CHECK(gan_ndim(d) == 2 && gan_dim(d, 0) == 40 && gan_dim(d, 1) == 50, "%s",
                  gan_error_message(ctx));
            for (sum = mean = 0, i = 0; i < 2000; ++i) {
                sum += (double)gan_data(d)[i] * .08 * .1;
                mean += (double)gan_data(d)[i] * .08 * .1 * (-2 + (i % 50 + .5) * .08);
            }
            CHECK_NEAR(sum, 1, 1e-3, "the integral");
            CHECK_NEAR(mean, gan_item(gan_mean_all(gan_slice(x, 1, 0, 1))), .02, "the mean of x");
        }
    }
}

// D whose logit is 3 x: 1/2 at x = 0, its gradient to the right; with a batch norm and dropout, which a
// picture must leave alone.
static gan_tensor *d_plane(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *s = gan_slice(x, 1, 0, 1);
    (void)label;
    s = gan_add(s, gan_mul_scalar(gan_batch_norm(m, "bn", s), 0));
    return gan_mul_scalar(gan_dropout(m, s, (gan_real).5), 3);
}
static gan_tensor *d_wide(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", x, 3);
}

static int draw(gan_plot *p, const gan_axes *axes, gan_model *d, const gan_loss_desc *loss, gan_tensor *real,
                gan_tensor *fake)
{
    const gan_gan2d of = {d, loss, real, fake};
    return gan_plot_gan2d(p, 0, 1, 0, 1, axes, &of);
}

static void test_gan2d(void)
{
    TEST ("D in the plane: blue and orange left and right of its contour at 1/2; arrows go up D") {
        const gan_real point[] = {(gan_real)-.5, 0};
        gan_model *d = gan_model_create(ctx, "plane", d_plane, NULL);
        gan_tensor *mean;
        gan_tensor *fake = gan_from(ctx, point, 1, 2);
        gan_plot *p = gan_plot_create(ctx, 500, 460, 1);
        picture q = picture_of(p);
        gan_axes a = axes_of(NULL, 0);
        uint64_t counter;
        gan_real was;
        int x, y, right = 0, left = 0, k;
        a.x0 = a.y0 = -1, a.x1 = a.y1 = 1, a.title = "D(x)";
        gan_forward(d, gan_rand_normal(ctx, 8, 2), NULL);
        mean = gan_model_find(d, "bn.running_mean");
        was = gan_item(mean);
        counter = ctx->rng.counter;
        CHECK(draw(p, &a, d, NULL, NULL, fake) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(ctx->rng.counter == counter && gan_item(mean) == was && d->mode == GAN_TRAIN &&
                  ctx->tape.is_recording,
              "%s", "the training was disturbed");
        x = p->left + 4, y = p->top + 40;
        CHECK((pixel(&q, x, y) & 255) > (pixel(&q, x, y) >> 16) + 60, "left: %06X", pixel(&q, x, y));
        x = p->right - 4;
        CHECK((pixel(&q, x, y) & 255) + 60 < (pixel(&q, x, y) >> 16), "right: %06X", pixel(&q, x, y));
        x = (int)(p->x.from + (0 - p->x.lo) / (p->x.hi - p->x.lo) * (p->x.to - p->x.from) + .5);
        for (k = -1; k < 2; ++k) left += (pixel(&q, x + k, y) & 255) < 170;
        CHECK(left > 0, "no contour at %d: %06X", x, pixel(&q, x, y));
        CHECK(has_text(&q, "D(x)", 1) && has_text(&q, "1.0", 1), "%s", "title and numbers");
        x = (int)(p->x.from + (-.5 - p->x.lo) / (p->x.hi - p->x.lo) * (p->x.to - p->x.from) + .5);
        y = (int)(p->y.from + (0 - p->y.lo) / (p->y.hi - p->y.lo) * (p->y.to - p->y.from) + .5);
        for (left = 0, k = 6; k < 20; ++k) {
            right += (pixel(&q, x + k, y) >> 8 & 255) < 100;
            left += (pixel(&q, x - k, y) >> 8 & 255) < 100;
        }
        CHECK(right > 10 && left == 0, "%d pixels of the arrow to the right, %d to the left", right, left);
    }
    TEST ("scores, losses that need real data, no samples, no data") {
        gan_model *d = gan_model_create(ctx, "plane2", d_plane, NULL);
        gan_plot *p = gan_plot_create(ctx, 400, 300, 1);
        gan_loss_desc loss;
        memset(&loss, 0, sizeof loss);
        loss.kind = GAN_LOSS_WASSERSTEIN;
        CHECK(draw(p, NULL, d, &loss, gan_rand_normal(ctx, 9, 2), gan_rand_normal(ctx, 300, 2)) == GAN_OK,
              "%s", gan_error_message(ctx));
        loss.pairing = GAN_RELATIVISTIC_AVERAGE;
        CHECK(draw(p, NULL, d, &loss, gan_rand_normal(ctx, 9, 2), gan_rand_normal(ctx, 30, 2)) == GAN_OK,
              "%s", gan_error_message(ctx));
        CHECK(draw(p, NULL, d, NULL, NULL, NULL) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(draw(p, NULL, d, NULL, gan_zeros(ctx, 0, 2), gan_zeros(ctx, 0, 2)) == GAN_OK, "%s",
              gan_error_message(ctx));
    }
}

static void test_tables(void)
{
    TEST ("a table: every picture in its cell, sources above and to the left, names read back") {
        static const char *const columns[] = {"a", NULL, "a - b"}, *const rows[] = {"coarse", "fine"};
        gan_sheet s;
        gan__canvas c;
        picture q;
        unsigned char *pixels;
        int i, x = 0, y = 0, dx, dy, k, wrong = 0;
        gan__sheet_table t;
        memset(&s, 0, sizeof s);
        memset(&t, 0, sizeof t);
        s.images = gan_keep(ctx, "images", digits(6, 3, 5, 4)), s.columns = 3;
        s.top = digits(3, 1, 5, 4), s.left = digits(2, 3, 5, 4);
        s.column_names = columns, s.row_names = rows, s.title = "Mixing", s.zoom = 10;
        pixels = gan__sheet_render(&c, &s);
        CHECK(pixels != NULL, "%s", gan_error_message(ctx));
        if (!pixels) continue;
        q.rgb = c.rgb, q.w = c.w, q.h = c.h;
        CHECK(has_text(&q, "Mixing", 1) && has_text(&q, "a - b", 1) && has_text(&q, "coarse", 1), "%s",
              "names");
        CHECK(find_text(&q, "fine", 1, GAN_BLACK, 0, &x, &y) && x < 60, "row name at %d", x);
        gan__sheet_table_layout(&t, &s, 1);
        dx = t.cw + t.gap, dy = t.ch + t.gap;
        CHECK(t.cw == 40 && t.ch == 50, "cells of %d x %d", t.cw, t.ch);
        for (i = 0; i < 6; ++i)
            for (k = 0; k < 20; ++k)
                wrong +=
                    pixel(&q, t.left + i % 3 * dx + k % 4 * 10 + 5, t.top + i / 3 * dy + k / 4 * 10 + 5) !=
                    gan__canvas_picture_cell(s.images, i, k % 4, 4, k / 4, 5);
        CHECK(wrong == 0, "%d of 120 pixels", wrong);
        CHECK(pixel(&q, t.left + 5, t.top - t.ch - 8 + 5) == gan__canvas_picture_cell(s.top, 0, 0, 4, 0, 5),
              "%s", "above");
        CHECK(pixel(&q, t.left - t.cw - 8 + 5, t.top + 5) == gan__canvas_picture_cell(s.left, 0, 0, 4, 0, 5),
              "%s", "left");
        CHECK(t.left + 3 * dx <= q.w + t.gap && t.top + 2 * dy <= q.h + t.gap, "%s", "cells outside");
        gan__err_scratch_free(ctx, pixels);
        CHECK(gan_sheet_write(&s, test_path("sheet.png")) == GAN_OK, "%s", gan_error_message(ctx));
    }
    TEST ("tables that do not fit are errors") {
        gan_sheet s;
        memset(&s, 0, sizeof s);
        CHECK(gan_sheet_write(NULL, "x.png") != 0 && gan_sheet_write(&s, "x.png") != 0, "%s", "NULL");
        s.images = digits(2, 1, 4, 4);
        REFUSED(gan_sheet_write(&s, NULL), GAN_ERROR_ARGUMENT, "NULL");
        s.columns = -1;
        REFUSED(gan_sheet_write(&s, test_path("s.png")), GAN_ERROR_ARGUMENT, "columns");
        s.columns = 0, s.left = digits(2, 1, 4, 5);
        REFUSED(gan_sheet_write(&s, test_path("s.png")), GAN_ERROR_SHAPE, "sources");
        s.left = gan_zeros(ctx, 3, 4);
        REFUSED(gan_sheet_write(&s, test_path("s.png")), GAN_ERROR_SHAPE, "left");
        s.left = NULL, s.columns = INT_MAX;
        REFUSED(gan_sheet_write(&s, test_path("s.png")), GAN_ERROR_SHAPE, "too large");
    }
}

static void test_errors(void)
{
    gan_plot *p = gan_plot_create(ctx, 300, 200, 1);
    TEST ("NULL, other shapes and another D are errors that say so") {
        gan_model *wide = gan_model_create(ctx, "wide", d_wide, NULL);
        CHECK(draw(NULL, NULL, NULL, NULL, NULL, NULL) != 0, "%s", "a NULL plot");
        CHECK(gan_density(NULL, 1, 1, 0, 1, 0, 1, 0) == NULL, "%s", "density");
        REFUSED(draw(p, NULL, NULL, NULL, NULL, NULL), GAN_ERROR_ARGUMENT, "NULL");
        REFUSED(gan_plot_gan2d(p, 0, 1, 0, 1, NULL, NULL), GAN_ERROR_ARGUMENT, "gan_gan2d.d is NULL");
        REFUSED(draw(p, NULL, wide, NULL, gan_zeros(ctx, 5, 2), NULL), GAN_ERROR_SHAPE, "one number");
        REFUSED(draw(p, NULL, wide, NULL, gan_zeros(ctx, 5, 1), NULL), GAN_ERROR_SHAPE, "(5, 1)");
        gan_density(gan_zeros(ctx, 5, 3), 2, 2, 0, 1, 0, 1, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        gan_density(gan_zeros(ctx, 5, 2), 2, 2, 0, 0, 0, 1, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
    }
    TEST ("where memory runs out there is an error and no crash, at every size") {
        static double block[600000];
        size_t bytes;
        int good = 0, bad = 0;
        for (bytes = 20000; bytes < sizeof block; bytes += 30011) {
            gan_desc desc;
            gan_context *tight;
            gan_plot *q;
            gan_axes a = axes_of(NULL, 0);
            gan_sheet sheet;
            memset(&desc, 0, sizeof desc);
            desc.memory = block, desc.memory_size = bytes;
            tight = gan_create(&desc);
            if (!tight) continue;
            q = gan_plot_create(tight, 300, 200, 1);
            a.heat = gan_density(gan_rand_normal(tight, 50, 2), 20, 20, -2, 2, -2, 2, .2);
            gan_plot_panel(q, 0, 1, 0, 1, &a);
            draw(q, NULL, gan_model_create(tight, "d", d_plane, NULL), NULL, NULL,
                 gan_rand_normal(tight, 5, 2));
            memset(&sheet, 0, sizeof sheet);
            sheet.images = gan_zeros(tight, 4, 1, 8, 8);
            gan_sheet_write(&sheet, test_path("memory.ppm"));
            if (gan_error(tight) == GAN_ERROR_MEMORY) ++bad;
            else good += gan_error(tight) == GAN_OK;
            CHECK(gan_error(tight) == GAN_OK || gan_error(tight) == GAN_ERROR_MEMORY, "%s",
                  gan_error_message(tight));
            gan_destroy(tight);
        }
        CHECK(good > 5 && bad > 5, "%d went well, %d ran out", good, bad);
    }
}

int main(void)
{
    ctx = gan_create(NULL);
    test_density();
    test_gan2d();
    test_tables();
    test_errors();
    gan_destroy(ctx);
    return test_done();
}
