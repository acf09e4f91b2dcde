// Section fit: elements of every type and order; resampling against its formula, summed naively in double.
#include "files.h"

#define GAN_IMPLEMENTATION
#include "../gan.h"

enum { MOST = 40 };
static unsigned char picture[4 * MOST * MOST];
static gan_real got[3 * MOST * MOST];

static gan__fit_place place_of(int c, int h, int w, int last)
{
    gan__fit_place v;
    memset(&v, 0, sizeof v);
    v.name = "picture";
    v.bytes = picture;
    v.type = GAN__ELEMENT_U8;
    v.ndim = 3;
    v.dim[0] = c;
    v.dim[1] = h;
    v.dim[2] = w;
    v.stride[0] = last ? 1 : (size_t)(h * w);
    v.stride[1] = (size_t)(last ? w * c : w);
    v.stride[2] = (size_t)(last ? c : 1);
    return v;
}

static double pixel_at(const gan__fit_place *v, int c, int y, int x)
{
    return picture[(size_t)c * v->stride[0] + (size_t)y * v->stride[1] + (size_t)x * v->stride[2]];
}

static double triangle(double d, double reach) { return fabs(d) < reach ? 1 - fabs(d) / reach : 0; }

// Pixel (y, x) of channel c of the result, over all pixels of the source.
static double naive(const gan__fit_place *v, int how, int channels, int h, int w, int c, int y, int x)
{
    const int H = v->dim[1], W = v->dim[2];
    double high = H, wide = W, top, left, sum = 0, weights = 0, cy, cx;
    int i, j;
    if (how == GAN_FIT_COVER) { // the largest window of the result's proportions
        if ((double)W / H > (double)w / h) wide = (double)H * w / h;
        else high = (double)W * h / w;
    }
    if (how == GAN_FIT_CROP) high = h, wide = w;
    top = (H - high) / 2;
    left = (W - wide) / 2;
    if (how == GAN_FIT_CROP) top = floor(top), left = floor(left);
    cy = top + (y + .5) * high / h;
    cx = left + (x + .5) * wide / w;
    for (i = 0; i < H; ++i)
        for (j = 0; j < W; ++j) {
            const double weight = triangle(i + .5 - cy, high > h ? high / h : 1) *
                                  triangle(j + .5 - cx, wide > w ? wide / w : 1);
            double value;
            if (channels == 1 && v->dim[0] >= 3)
                value =
                    .299 * pixel_at(v, 0, i, j) + .587 * pixel_at(v, 1, i, j) + .114 * pixel_at(v, 2, i, j);
            else value = pixel_at(v, channels > v->dim[0] ? 0 : c, i, j);
            sum += weight * value;
            weights += weight;
        }
    return sum / weights;
}

static void check_fit(gan_context *ctx, const gan__fit_place *v, int how, int c, int h, int w)
{
    const int shape[3] = {c, h, w};
    double worst = 0;
    int k, y, x;
    CHECK(!gan__fit(ctx, v, (gan_fit)how, shape, got), "%s", gan_error_message(ctx));
    for (k = 0; k < c; ++k)
        for (y = 0; y < h; ++y)
            for (x = 0; x < w; ++x) {
                const double off = fabs(got[(k * h + y) * w + x] - naive(v, how, c, h, w, k, y, x));
                worst = off > worst ? off : worst;
            }
    CHECK(worst < 1e-4, "%dx%dx%d to %dx%dx%d, fit %d: off by %g of 255", v->dim[0], v->dim[1], v->dim[2], c,
          h, w, how, worst);
}

static void test_fits(void)
{
    static const int channels[][2] = {{1, 1}, {3, 3}, {3, 1}, {1, 3}, {4, 3}, {4, 1}, {2, 1}, {2, 3}};
    gan_context *ctx = gan_create(NULL);
    size_t i;
    int round, how;
    TEST ("every fit, growing and shrinking, channels mixed, planes and pixels: as the formula in double") {
        for (i = 0; i < sizeof picture; ++i) picture[i] = (unsigned char)test_int(0, 255);
        for (round = 0; round < 60; ++round)
            for (how = 0; how < GAN_FIT_COUNT; ++how) {
                const int *c = channels[round % 8];
                int H = test_int(1, 30), W = test_int(1, 30), h = test_int(1, 30), w = test_int(1, 30);
                gan__fit_place v;
                if (how == GAN_FIT_CROP) {
                    H += h;
                    W += w;
                    H = H > MOST ? MOST : H;
                    W = W > MOST ? MOST : W;
                }
                v = place_of(c[0], H, W, round & 1);
                check_fit(ctx, &v, how, c[1], h, w);
            }
    }
    TEST ("the same size changes nothing; a constant stays what it is, also at the edges") {
        const int shape[3] = {1, 17, 5}, other[3] = {1, 40, 3};
        gan__fit_place v = place_of(1, 17, 5, 0);
        int k;
        gan__fit(ctx, &v, GAN_FIT_STRETCH, shape, got);
        for (k = 0; k < 85; ++k) CHECK(got[k] == (gan_real)picture[k], "pixel %d: %g", k, (double)got[k]);
        memset(picture, 200, sizeof picture);
        gan__fit(ctx, &v, GAN_FIT_STRETCH, other, got);
        for (k = 0; k < 120; ++k) CHECK_NEAR(got[k], 200, 1e-4, "constant");
    }
    TEST ("halving is the mean with weights 1 3 3 1, by hand") {
        const int shape[3] = {1, 1, 4};
        gan__fit_place v = place_of(1, 1, 8, 0);
        memset(picture, 0, sizeof picture);
        picture[3] = 80;
        gan__fit(ctx, &v, GAN_FIT_STRETCH, shape, got);
        CHECK_NEAR(got[0], 0, 1e-6, "beyond reach");
        CHECK_NEAR(got[1], 30, 1e-4, "3 / 8 of 80");
        CHECK_NEAR(got[2], 10, 1e-4, "1 / 8 of 80");
        CHECK_NEAR(got[3], 0, 1e-6, "beyond reach");
    }
    TEST_MUST_FAIL ("the wrong fit is seen") {
        const int shape[3] = {1, 6, 6};
        gan__fit_place v = place_of(1, 20, 10, 0);
        for (i = 0; i < sizeof picture; ++i) picture[i] = (unsigned char)(i * i);
        gan__fit(ctx, &v, GAN_FIT_STRETCH, shape, got);
        CHECK_NEAR(got[7], naive(&v, GAN_FIT_COVER, 1, 6, 6, 0, 1, 1), 1e-4, "pixel");
    }
    TEST ("channels that cannot be had, and a crop of more than there is, are errors") {
        const int five[3] = {5, 4, 4}, tall[3] = {1, 9, 4};
        gan__fit_place v = place_of(1, 8, 8, 0);
        CHECK(gan__fit(ctx, &v, GAN_FIT_COVER, five, got) && gan_error(ctx) == GAN_ERROR_SHAPE,
              "5 channels of 1");
        gan_error_clear(ctx);
        CHECK(gan__fit(ctx, &v, GAN_FIT_CROP, tall, got) && gan_error(ctx) == GAN_ERROR_SHAPE, "9 rows of 8");
        gan_error_clear(ctx);
    }
    gan_destroy(ctx);
}

static void test_elements(void)
{
    TEST ("elements of every type and byte order, at the ends of their ranges") {
        static const struct {
            gan__format_element type;
            char kind;
            double v[3];
        } rows[] = {{GAN__ELEMENT_U8, 'u', {0, 255, 7}},
                    {GAN__ELEMENT_I8, 'i', {-128, 127, -1}},
                    {GAN__ELEMENT_I16, 'i', {-32768, 32767, -2}},
                    {GAN__ELEMENT_I32, 'i', {-2147483648., 2147483647., -3}},
                    {GAN__ELEMENT_I64, 'i', {-9223372036854775808., 4611686018427387904., -4}},
                    {GAN__ELEMENT_F32, 'f', {-1.5, 16777215, .25}},
                    {GAN__ELEMENT_F64, 'f', {-1.1, 1e300, 3e-300}}};
        size_t i;
        int k, big;
        for (i = 0; i < 7; ++i)
            for (k = 0; k < 3; ++k)
                for (big = 0; big < 2; ++big) {
                    file_bytes *b = (file_bytes *)malloc(sizeof *b);
                    double v;
                    if (!b) exit(1);
                    b->n = 0;
                    add_number(b, rows[i].kind, gan__format_element_width[rows[i].type], big, rows[i].v[k]);
                    v = gan__format_element_value(rows[i].type, big, b->p);
                    CHECK(v == rows[i].v[k], "type %d, big %d: %.17g, expected %.17g", (int)i, big, v,
                          rows[i].v[k]);
                    free(b);
                }
    }
}

int main(void)
{
    test_elements();
    test_fits();
    return test_done();
}
