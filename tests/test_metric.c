// Scores of modes, classes, pictures, paths and critics: by hand, against loops, on models with a closed
// form.
#define GAN_IMPLEMENTATION
#include "samples.h"

// ---- modes

// x are the centers here: they have to be finite, the samples need not.
PROBE(mode_report, x, y, 0, gan_modes r = gan_mode_report(y, x, 12); OUT(r.quality); OUT(r.kl);
      OUT(r.log_likelihood); OUT(r.modes))

// sigma^n: 2 where the variance is meant; PacGAN's likelihood gave sigma itself.
static double naive_likelihood(gan_tensor *x, gan_tensor *c, double sigma, int power)
{
    const int n = gan_dim(x, 0), modes = gan_dim(c, 0), d = each(x);
    const double v = pow(sigma, power);
    double sum = 0;
    for (int i = 0; i < n; ++i) {
        double density = 0;
        for (int k = 0; k < modes; ++k) density += exp(-apart(x, i, c, k) / (2 * v)) / modes;
        sum += log(density / pow(2 * 3.14159265358979 * v, d / 2.)) / n;
    }
    return sum;
}

static gan_tensor *ring(gan_context *ctx)
{
    gan_tensor *c = gan_zeros(ctx, 8, 2);
    for (int k = 0; k < 8; ++k) {
        gan_data(c)[2 * k] = (gan_real)cos(k * atan(1.));
        gan_data(c)[2 * k + 1] = (gan_real)sin(k * atan(1.));
    }
    return c;
}

// Two samples on mode 0, one on mode 2, one 4 sigma beside mode 4, and `bad` that start with `value`.
static gan_modes some_bad(gan_context *ctx, int bad, double value)
{
    gan_tensor *x = gan_take(ring(ctx), gan_zeros(ctx, 4 + bad));
    gan_data(x)[4] = 0, gan_data(x)[5] = 1;
    gan_data(x)[6] = (gan_real)-1.04, gan_data(x)[7] = 0;
    for (int i = 0; i < bad; ++i) gan_data(x)[8 + 2 * i + i % 2] = (gan_real)value;
    return gan_mode_report(x, ring(ctx), (gan_real).01);
}

static void check_some_bad(const gan_modes *r, int bad)
{
    CHECK(r->modes == 2, "%d modes", r->modes);
    CHECK_NEAR(r->quality, 3. / (4 + bad), 1e-12, "quality: a share of all");
    CHECK_NEAR(r->kl, .5 * log(4.) + .5 * log(2.), 1e-12, "KL: (1/2, 1/4, 1/4) against 1/8 each");
    // on a mode -log(8 2 pi sigma^2), 4 sigma beside it 8 less
    CHECK_NEAR(r->log_likelihood, -log(8 * 2 * 3.14159265358979 * 1e-4) - 2, 1e-3, "likelihood");
}

static void test_mode_report_bad(void)
{
    const double values[] = {(double)NAN, HUGE_VAL, -HUGE_VAL, sizeof(gan_real) == 8 ? 1e101 : HUGE_VAL};
    gan_context *ctx = gan_create(NULL);
    TEST ("samples that are not finite: of no mode, no quality, in the share of all; KL without them")
        for (size_t v = 0; v < COUNT(values); ++v)
            for (int bad = 0; bad < 5; bad += 2) {
                const gan_modes r = some_bad(ctx, bad, values[v]);
                check_some_bad(&r, bad);
            }
    TEST_MUST_FAIL ("as mode 0's, as they once were counted, they would change the KL") {
        gan_modes r = some_bad(ctx, 2, (double)NAN);
        r.kl = (4 * log(8 * 4 / 6.) + 2 * log(8 / 6.)) / 6;
        check_some_bad(&r, 2);
    }
    TEST_MUST_FAIL ("samples left out of the share, so that half of them lost looks like none, are caught") {
        const gan_modes r = some_bad(ctx, 0, 0);
        check_some_bad(&r, 4);
    }
    TEST ("no finite sample: 0 modes, share 0, KL log 8 as after collapse, likelihood -infinity, no error") {
        const gan_modes r = gan_mode_report(gan_full(ctx, (gan_real)NAN, 5, 2), ring(ctx), (gan_real).01);
        CHECK(r.modes == 0, "%d modes", r.modes);
        CHECK_NEAR(r.quality, 0, 1e-12, "quality");
        CHECK_NEAR(r.kl, log(8.), 1e-12, "KL");
        CHECK(r.log_likelihood < 0 && isinf(r.log_likelihood), "likelihood %g", r.log_likelihood);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    }
    TEST ("centers that are not finite, and no samples at all, are refused") {
        gan_tensor *c = ring(ctx);
        gan_data(c)[3] = (gan_real)NAN;
        REFUSED(ctx, GAN_ERROR_NONFINITE, "input 2", gan_mode_report(ring(ctx), c, 1).kl);
        REFUSED(ctx, GAN_ERROR_SHAPE, "input 1", gan_mode_report(gan_zeros(ctx, 0, 2), ring(ctx), 1).kl);
    }
    gan_destroy(ctx);
}

static void test_mode_report(void)
{
    test_mode_report_bad();
    TEST ("points placed by hand: modes, quality, reverse KL") {
        gan_context *ctx = gan_create(NULL);
        // four at mode 0, two at mode 2 of which one is 2.9 sigma off, one nearest to mode 3 and 3.1 sigma
        // off
        static const double v[] = {1, 0, 1, 0, 1.01, 0, 1, .01, 0, 1, 0, 1.029, -.7071068 + .031, .7071068};
        const gan_modes r = gan_mode_report(of(ctx, v, 7, 2), ring(ctx), (gan_real).01);
        const double q[] = {4 / 7., 2 / 7., 1 / 7.};
        double kl = 0;
        for (int i = 0; i < 3; ++i) kl += q[i] * log(q[i] * 8);
        CHECK(r.modes == 2, "%d modes", r.modes);
        CHECK_NEAR(r.quality, 6 / 7., 1e-12, "quality");
        CHECK_NEAR(r.kl, kl, 1e-12, "KL");
        gan_destroy(ctx);
    }
    TEST ("the mixture itself: all modes, quality 1 - e^-4.5, KL about 0, the likelihood its entropy") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = gan_dataset_toy(ctx, GAN_TOY_RING);
        gan_tensor *x = gan_dataset_batch(d, 8000, NULL);
        const gan_modes r = gan_mode_report(x, ring(ctx), (gan_real).01);
        CHECK(r.modes == 8, "%d modes", r.modes);
        CHECK_NEAR(r.quality, 1 - exp(-4.5), .004, "quality");
        CHECK(r.kl < .003, "KL %g", r.kl);
        CHECK_NEAR(r.log_likelihood, -log(8.) - 1 - log(2 * 3.14159265 * 1e-4), .05, "likelihood");
        gan_destroy(ctx);
    }
    TEST ("collapse to one of eight modes: 1 mode, KL log 8") {
        gan_context *ctx = gan_create(NULL);
        gan_modes r = gan_mode_report(shifted(normals(ctx, 100, 2, 0, .003), 0), ring(ctx), (gan_real).01);
        CHECK(r.modes == 0, "%d: the middle is no mode", r.modes);
        r = gan_mode_report(gan_take(ring(ctx), gan_full(ctx, 5, 100)), ring(ctx), (gan_real).01);
        CHECK(r.modes == 1 && r.quality >= 1, "%d modes", r.modes);
        CHECK_NEAR(r.kl, log(8.), 1e-12, "KL");
        gan_destroy(ctx);
    }
    TEST ("the log likelihood against loops; far away it is finite where the density is not above 0") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 50, 3, 0, 1), *c = normals(ctx, 6, 3, 0, 1),
                   *far = gan_full(ctx, 1000, 1, 3);
        CHECK_NEAR(gan_mode_report(x, c, (gan_real).75).log_likelihood, naive_likelihood(x, c, .75, 2), 1e-9,
                   "likelihood");
        CHECK(gan_mode_report(far, c, (gan_real).01).log_likelihood < -1e8 &&
                  isfinite(gan_mode_report(far, c, (gan_real).01).log_likelihood),
              "far");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a standard deviation used where a variance is meant (PacGAN) is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 50, 3, 0, 1), *c = normals(ctx, 6, 3, 0, 1);
        CHECK_NEAR(gan_mode_report(x, c, (gan_real).75).log_likelihood, naive_likelihood(x, c, .75, 1), 1e-3,
                   "likelihood");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a ring of 8 made with both ends, 7 modes and one twice (unrolled GAN), is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *c = gan_zeros(ctx, 8, 2);
        for (int k = 0; k < 8; ++k) {
            gan_data(c)[2 * k] = (gan_real)cos(k * 8 * atan(1.) / 7);
            gan_data(c)[2 * k + 1] = (gan_real)sin(k * 8 * atan(1.) / 7);
        }
        CHECK(gan_mode_report(c, ring(ctx), (gan_real).01).modes == 8, "modes");
        gan_destroy(ctx);
    }
    TEST ("sigma 0, negative and NaN, and centers of another width are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 4, 2);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "sigma", gan_mode_report(x, x, 0).kl);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "sigma", gan_mode_report(x, x, -1).kl);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "sigma", gan_mode_report(x, x, (gan_real)NAN).kl);
        REFUSED(ctx, GAN_ERROR_SHAPE, "as many numbers", gan_mode_report(x, gan_zeros(ctx, 4, 3), 1).kl);
        gan_destroy(ctx);
    }
}

// ---- inception score

PROBE(inception_score, gan_div(gan_abs(x), gan_sum(gan_abs(x), GAN_AXES(1), GAN_KEEPDIM)), y, 0,
      gan_estimate e = gan_inception_score(x, 4);
      OUT(e.mean); OUT(e.deviation))

static double naive_score(gan_tensor *p, int from, int to)
{
    const int K = gan_dim(p, 1);
    double kl = 0;
    for (int k = 0; k < K; ++k) {
        double mean = 0;
        for (int i = from; i < to; ++i) mean += at(p, i, k) / (to - from);
        for (int i = from; i < to; ++i)
            if (at(p, i, k) > 0) kl += at(p, i, k) * log(at(p, i, k) / mean) / (to - from);
    }
    return exp(kl);
}

static void test_inception_score(void)
{
    TEST ("the score against loops: one part and five; deviation over parts") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *p = gan_softmax(normals(ctx, 53, 7, 0, 2), 1);
        double v[5], mean = 0, square = 0;
        gan_estimate e = gan_inception_score(p, 0);
        CHECK_NEAR(e.mean, naive_score(p, 0, 53), TOL * 5, "one part");
        for (int i = 0; i < 5; ++i) mean += (v[i] = naive_score(p, i * 53 / 5, (i + 1) * 53 / 5)) / 5;
        for (int i = 0; i < 5; ++i) square += (v[i] - mean) * (v[i] - mean) / 5;
        e = gan_inception_score(p, 5);
        CHECK_NEAR(e.mean, mean, TOL * 5, "mean");
        CHECK_NEAR(e.deviation, sqrt(square), TOL * 5, "deviation");
        CHECK(e.count == 5, "%d parts", e.count);
        gan_destroy(ctx);
    }
    TEST ("bounds: sure and even over K classes K; all alike, or all unsure, 1; between otherwise") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *sure = gan_zeros(ctx, 40, 8), *alike = gan_zeros(ctx, 40, 8);
        for (int i = 0; i < 40; ++i) gan_data(sure)[i * 8 + i % 8] = 1, gan_data(alike)[i * 8 + 3] = 1;
        CHECK_NEAR(gan_inception_score(sure, 0).mean, 8, 1e-9, "K");
        CHECK_NEAR(gan_inception_score(alike, 0).mean, 1, 1e-12, "alike");
        CHECK_NEAR(gan_inception_score(gan_full(ctx, (gan_real).125, 40, 8), 0).mean, 1, 1e-9, "unsure");
        for (int i = 0; i < 20; ++i) {
            const double s = gan_inception_score(gan_softmax(normals(ctx, 30, 8, 0, i), 1), 0).mean;
            CHECK(s >= 1 && s <= 8, "%g", s);
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a score without its exponential is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *p = gan_softmax(normals(ctx, 53, 7, 0, 2), 1);
        CHECK_NEAR(gan_inception_score(p, 0).mean, log(naive_score(p, 0, 53)), 1e-3, "score");
        gan_destroy(ctx);
    }
    TEST ("logits, negative shares, more parts than rows and lists are refused") {
        gan_context *ctx = gan_create(NULL);
        static const double minus[] = {1.5, -.5};
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "gan_softmax", gan_inception_score(gan_full(ctx, 1, 3, 4), 0).mean);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "row 0", gan_inception_score(of(ctx, minus, 1, 2), 0).mean);
        REFUSED(ctx, GAN_ERROR_SHAPE, "4 parts", gan_inception_score(gan_full(ctx, .5, 3, 2), 4).mean);
        REFUSED(ctx, GAN_ERROR_SHAPE, "-1 parts", gan_inception_score(gan_full(ctx, .5, 3, 2), -1).mean);
        REFUSED(ctx, GAN_ERROR_SHAPE, "(3)", gan_inception_score(gan_full(ctx, 1, 3), 1).mean);
        gan_destroy(ctx);
    }
}

// ---- structural similarity

static gan_tensor *pictures(gan_tensor *x) { return gan_reshape(x, -1, 1, 16, 16); }

PROBE(ms_ssim, pictures(x), pictures(y), 0, OUT(gan_ms_ssim(x, y, 2)))
PROBE(ms_ssim_diversity, pictures(x), y, 0, OUT(gan_ms_ssim_diversity(x, 50, 2)))

// One scale with a square window and its moments about the window's own mean.
static void naive_scale(const double *x, const double *y, int h, int w, double range, double *cs, double *all)
{
    const int size = h < w ? (h < 11 ? h : 11) : (w < 11 ? w : 11), oh = h - size + 1, ow = w - size + 1;
    const double c1 = pow(.01 * range, 2), c2 = pow(.03 * range, 2), sigma = 1.5 * size / 11;
    *cs = *all = 0;
    for (int i = 0; i < oh; ++i)
        for (int j = 0; j < ow; ++j) {
            double m[2] = {0}, v[3] = {0}, sum = 0, g[121], c;
            for (int k = 0; k < size * size; ++k) {
                const double a = k / size - (size - 1) / 2., b = k % size - (size - 1) / 2.;
                sum += g[k] = exp(-(a * a + b * b) / (2 * sigma * sigma));
            }
            for (int k = 0; k < size * size; ++k) {
                const int at_ = (i + k / size) * w + j + k % size;
                m[0] += g[k] / sum * x[at_];
                m[1] += g[k] / sum * y[at_];
            }
            for (int k = 0; k < size * size; ++k) {
                const int at_ = (i + k / size) * w + j + k % size;
                const double a = x[at_] - m[0], b = y[at_] - m[1];
                v[0] += g[k] / sum * a * a;
                v[1] += g[k] / sum * b * b;
                v[2] += g[k] / sum * a * b;
            }
            c = (2 * v[2] + c2) / (v[0] + v[1] + c2);
            *cs += c / (oh * ow);
            *all += c * (2 * m[0] * m[1] + c1) / (m[0] * m[0] + m[1] * m[1] + c1) / (oh * ow);
        }
}

static double naive_ms_ssim(gan_tensor *x, int i, gan_tensor *y, int j, double range, int scales)
{
    static const double weight[5] = {.0448, .2856, .3001, .2363, .1333};
    const int c = gan_dim(x, 1);
    double mean = 0, a[64 * 64], b[64 * 64];
    for (int k = 0; k < c; ++k) {
        int h = gan_dim(x, 2), w = gan_dim(x, 3);
        double product = 1, cs, all;
        for (int q = 0; q < h * w; ++q) a[q] = at(x, i, k * h * w + q), b[q] = at(y, j, k * h * w + q);
        for (int s = 0; s < scales; ++s) {
            naive_scale(a, b, h, w, range, &cs, &all);
            product *= pow(fmax(s + 1 == scales ? all : cs, 0), scales == 1 ? 1 : weight[s]);
            for (int q = 0; q < h / 2 * (w / 2); ++q) {
                const int at_ = q / (w / 2) * 2 * w + q % (w / 2) * 2;
                a[q] = (a[at_] + a[at_ + 1] + a[at_ + w] + a[at_ + w + 1]) / 4;
                b[q] = (b[at_] + b[at_ + 1] + b[at_ + w] + b[at_ + w + 1]) / 4;
            }
            h /= 2;
            w /= 2;
        }
        mean += product / c;
    }
    return mean;
}

// Blurred noise, so that neighbors are alike; y is x and some noise.
static void textures(gan_context *ctx, int n, int c, int h, int w, double noise, gan_tensor **x,
                     gan_tensor **y)
{
    gan_tensor *coarse = gan_reshape(normals(ctx, n, c * h / 4 * (w / 4), 0, .5), n, c, h / 4, w / 4);
    *x = copy_of(gan_upsample(coarse, 4, GAN_BILINEAR));
    *y = gan_add(*x, gan_reshape(normals(ctx, n, c * h * w, 0, noise), n, c, h, w));
}

static void test_ms_ssim(void)
{
    TEST ("five scales against square windows in double: 16 to 64 pixels, one and three channels") {
        gan_context *ctx = gan_create(NULL);
        static const int size[][4] = {{3, 1, 16, 16}, {2, 3, 28, 28}, {2, 1, 32, 48}, {1, 1, 64, 64}};
        for (size_t s = 0; s < COUNT(size); ++s) {
            const int *d = size[s];
            gan_tensor *x, *y;
            double want = 0;
            textures(ctx, d[0], d[1], d[2], d[3], .2, &x, &y);
            for (int i = 0; i < d[0]; ++i) want += naive_ms_ssim(x, i, y, i, 2, 5) / d[0];
            CHECK_NEAR(gan_ms_ssim(x, y, 2), want, 1e-9, "MS-SSIM");
            CHECK_NEAR(gan_ms_ssim(y, x, 2), want, 1e-9, "symmetric");
        }
        gan_destroy(ctx);
    }
    TEST ("the loops' one scale is gan_ssim") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y;
        textures(ctx, 1, 1, 28, 28, .2, &x, &y);
        CHECK_NEAR(gan_item(gan_ssim(x, y, 2)), naive_ms_ssim(x, 0, y, 0, 2, 1), TOL * 20, "SSIM");
        gan_destroy(ctx);
    }
    TEST ("equal pictures 1; the more noise the less; range scales with the pictures") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y, *z;
        textures(ctx, 3, 1, 32, 32, .1, &x, &y);
        z = gan_affine(gan_sub(y, x), 4, 0);
        CHECK_NEAR(gan_ms_ssim(x, copy_of(x), 2), 1, 1e-12, "equal");
        CHECK(gan_ms_ssim(x, y, 2) > gan_ms_ssim(x, gan_add(x, z), 2) + .05, "noise");
        CHECK_NEAR(gan_ms_ssim(gan_affine(x, 64, 0), gan_affine(y, 64, 0), 128), gan_ms_ssim(x, y, 2), 1e-9,
                   "range");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("one scale does not pass for five") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y;
        textures(ctx, 1, 1, 32, 32, .2, &x, &y);
        CHECK_NEAR(gan_ms_ssim(x, y, 2), naive_ms_ssim(x, 0, y, 0, 2, 1), 1e-3, "MS-SSIM");
        gan_destroy(ctx);
    }
    TEST ("small pictures, other shapes, range 0 are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 1, 16, 15), *y = gan_zeros(ctx, 2, 1, 16, 16);
        REFUSED(ctx, GAN_ERROR_SHAPE, "16 x 16", gan_ms_ssim(x, x, 2));
        REFUSED(ctx, GAN_ERROR_SHAPE, "one shape", gan_ms_ssim(y, x, 2));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "range", gan_ms_ssim(y, y, 0));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "range", gan_ms_ssim_diversity(y, 1, -1));
        REFUSED(ctx, GAN_ERROR_SHAPE, "(2, 16)", gan_ms_ssim(gan_zeros(ctx, 2, 16), y, 2));
        gan_destroy(ctx);
    }
}

static void test_ms_ssim_diversity(void)
{
    TEST ("all pairs against loops; random pairs come near; equal pictures 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y;
        double want = 0;
        textures(ctx, 7, 1, 16, 16, .1, &x, &y);
        for (int i = 0; i < 7; ++i)
            for (int j = 0; j < i; ++j) want += naive_ms_ssim(x, i, x, j, 2, 5) / 21;
        CHECK_NEAR(gan_ms_ssim_diversity(x, 0, 2), want, 1e-9, "all pairs");
        CHECK_NEAR(gan_ms_ssim_diversity(x, 4000, 2), want, .02, "random pairs");
        CHECK_NEAR(gan_ms_ssim_diversity(gan_full(ctx, .5, 5, 1, 16, 16), 0, 2), 1, 1e-12, "equal");
        gan_destroy(ctx);
    }
    TEST ("random pairs are of two different pictures, each pair as likely as another") {
        gan_context *ctx = gan_create(NULL);
        static int pair[2 * 6000];
        int seen[4][4] = {{0}};
        gan__metric_pairs(ctx, 4, 6000, 0, pair);
        for (int i = 0; i < 6000; ++i) seen[pair[2 * i]][pair[2 * i + 1]]++;
        for (int i = 0; i < 16; ++i)
            CHECK(i % 5 == 0 ? seen[i / 4][i % 4] == 0 : abs(seen[i / 4][i % 4] - 500) < 100, "(%d, %d): %d",
                  i / 4, i % 4, seen[i / 4][i % 4]);
        gan__metric_pairs(ctx, 4, 6, 1, pair);
        CHECK(pair[0] == 0 && pair[1] == 1 && pair[10] == 2 && pair[11] == 3, "all pairs in order");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("pairs of a picture with itself, counted too, are caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y;
        double want = 0;
        textures(ctx, 5, 1, 16, 16, .1, &x, &y);
        for (int i = 0; i < 25; ++i) want += naive_ms_ssim(x, i / 5, x, i % 5, 2, 5) / 25;
        CHECK_NEAR(gan_ms_ssim_diversity(x, 0, 2), want, 1e-3, "all pairs");
        gan_destroy(ctx);
    }
    TEST ("one picture and a negative number of pairs are refused") {
        gan_context *ctx = gan_create(NULL);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "two images",
                gan_ms_ssim_diversity(gan_zeros(ctx, 1, 1, 16, 16), 0, 2));
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "-1 pairs",
                gan_ms_ssim_diversity(gan_zeros(ctx, 3, 1, 16, 16), -1, 2));
        gan_destroy(ctx);
    }
}

// ---- path length

static gan_tensor *same(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)m;
    return label ? gan_mul(z, gan_reshape(label, -1, 1)) : gan_affine(z, 1, 0);
}
static gan_tensor *linear(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_linear_no_bias(m, "a", z, 5);
}
static gan_tensor *dropped(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_dropout(m, z, .5);
}
static gan_tensor *one_row(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    (void)m;
    (void)label;
    return gan_mean(z, GAN_AXES(0), 1);
}

static gan_model *probe_model(gan_context *ctx)
{
    return ctx->layer.models ? ctx->layer.models : gan_model_create(ctx, "g", same, NULL);
}
PROBE(perceptual_path_length, x, y, 0,
      gan_estimate e = gan_perceptual_path_length(ctx ? probe_model(ctx) : NULL, NULL, x, y, NULL, NULL);
      OUT(e.mean); OUT(e.error))

static gan_path_desc path(double epsilon, int straight, double trim, int batch)
{
    gan_path_desc p;
    memset(&p, 0, sizeof p);
    p.epsilon = (gan_real)epsilon;
    p.linear = straight;
    p.trim = (gan_real)trim;
    p.batch = batch;
    return p;
}

#ifdef GAN_DOUBLE
#define PATH_TOL 1e-6
#else
#define PATH_TOL 2e-3
#endif

static void test_perceptual_path_length(void)
{
    TEST ("straight through a linear generator: mean |A (z1 - z0)|^2, whatever t and epsilon") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", linear, NULL);
        gan_tensor *a = normals(ctx, 30, 4, 0, 1), *b = normals(ctx, 30, 4, 0, 1), *d = gan_sub(b, a);
        gan_tensor *want = gan_sum_all(gan_square(gan_forward(g, d, NULL)));
        const gan_path_desc p = path(.01, 1, 0, 7), q = path(.25, 1, 0, 0);
        const double mean = (double)gan_item(want) / 30;
        const gan_estimate e = gan_perceptual_path_length(g, NULL, a, b, NULL, &p);
        CHECK_NEAR(e.mean, mean, PATH_TOL * mean, "mean");
        CHECK(e.count == 30 && e.error > 0, "%d", e.count);
        CHECK_NEAR(gan_perceptual_path_length(g, NULL, a, b, NULL, &q).mean, mean, PATH_TOL * mean,
                   "epsilon .25");
        gan_destroy(ctx);
    }
    TEST ("on the sphere: unit vectors an angle w apart move at w: chord (2 sin(w e / 2) / e)^2") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", same, NULL);
        for (int k = 1; k < 6; ++k) {
            const double w = .6 * k, e = .125, a[2] = {1, 0}, b[2] = {cos(w), sin(w)};
            const gan_path_desc p = path(e, 0, 0, 0), q = path(e, 1, 0, 0);
            const double chord = 2 * sin(w * e / 2) / e;
            CHECK_NEAR(gan_perceptual_path_length(g, NULL, of(ctx, a, 1, 2), of(ctx, b, 1, 2), NULL, &p).mean,
                       chord * chord, PATH_TOL * 10, "slerp");
            CHECK_NEAR(gan_perceptual_path_length(g, NULL, of(ctx, a, 1, 2), of(ctx, b, 1, 2), NULL, &q).mean,
                       4 * sin(w / 2) * sin(w / 2), PATH_TOL * 10, "straight");
        }
        gan_destroy(ctx);
    }
    TEST ("equal and opposite ends, zeros: finite; slerp begins and ends at its ends") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", same, NULL);
        gan_tensor *a = normals(ctx, 3, 4, 0, 1);
        static const gan_real x[2] = {3, 0}, y[2] = {0, 2};
        gan_real out[2];
        CHECK_NEAR(gan_perceptual_path_length(g, NULL, a, copy_of(a), NULL, NULL).mean, 0, 1e-3, "equal");
        CHECK(isfinite(gan_perceptual_path_length(g, NULL, a, gan_neg(a), NULL, NULL).mean), "opposite");
        CHECK(isfinite(gan_perceptual_path_length(g, NULL, a, gan_zeros(ctx, 3, 4), NULL, NULL).mean),
              "zeros");
        gan__metric_between(2, x, y, 0, 0, out);
        CHECK_ARRAY(2, out, x, 1e-6, 0, "t 0");
        gan__metric_between(2, x, y, 1, 0, out);
        CHECK_ARRAY(2, out, y, 1e-6, 0, "t 1");
        gan_destroy(ctx);
    }
    TEST ("features judge: twice the features, four times the length; labels reach the generator") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", same, NULL), *d = gan_model_create(ctx, "d", linear, NULL);
        gan_tensor *a = normals(ctx, 20, 4, 0, 1), *b = normals(ctx, 20, 4, 0, 1), *w,
                   *two = gan_full(ctx, 2, 20);
        const gan_path_desc p = path(.01, 1, 0, 6);
        const double once = gan_perceptual_path_length(g, d, a, b, NULL, &p).mean;
        CHECK_NEAR(gan_perceptual_path_length(g, d, a, b, two, &p).mean, 4 * once, PATH_TOL * 4 * once,
                   "label 2");
        w = gan_model_find(d, "a.weight");
        for (size_t i = 0; i < gan_numel(w); ++i) gan_data(w)[i] *= 2;
        CHECK_NEAR(gan_perceptual_path_length(g, d, a, b, NULL, &p).mean, 4 * once, PATH_TOL * 4 * once,
                   "weights");
        gan_destroy(ctx);
    }
    TEST ("trim leaves the shortest and longest out") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", same, NULL);
        gan_tensor *a = gan_zeros(ctx, 10, 1), *b = gan_zeros(ctx, 10, 1);
        gan_path_desc p = path(.125, 1, .1, 3);
        gan_estimate e;
        double want = 0;
        for (int i = 0; i < 10; ++i) gan_data(b)[i] = i == 3 ? 100 : (gan_real)i;
        for (int i = 1; i < 10; ++i) want += i == 3 ? 0 : i * i / 8.;
        e = gan_perceptual_path_length(g, NULL, a, b, NULL, &p);
        CHECK_NEAR(e.mean, want, PATH_TOL * want, "mean");
        CHECK(e.count == 8, "%d", e.count);
        gan_destroy(ctx);
    }
    TEST ("models run in GAN_EVAL and get their mode back") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", dropped, NULL);
        gan_tensor *a = normals(ctx, 20, 4, 0, 1);
        CHECK_NEAR(gan_perceptual_path_length(g, NULL, a, copy_of(a), NULL, NULL).mean, 0, 1e-3,
                   "no dropout");
        CHECK(g->mode == GAN_TRAIN, "mode");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a length over epsilon, not epsilon^2, is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", same, NULL);
        const double a[1] = {0}, b[1] = {1};
        const gan_path_desc p = path(.125, 1, 0, 0);
        CHECK_NEAR(gan_perceptual_path_length(g, NULL, of(ctx, a, 1, 1), of(ctx, b, 1, 1), NULL, &p).mean,
                   .125, 1e-3, "length");
        gan_destroy(ctx);
    }
    TEST ("no generator, another context's, unpaired ends, lost rows, bad numbers are refused") {
        gan_context *ctx = gan_create(NULL), *other = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "g", same, NULL),
                  *far = gan_model_create(other, "far", same, NULL);
        gan_model *row = gan_model_create(ctx, "row", one_row, NULL);
        gan_tensor *a = gan_zeros(ctx, 3, 2), *b = gan_zeros(ctx, 4, 2);
        gan_path_desc p = path(-1, 0, 0, 0);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "generator",
                gan_perceptual_path_length(NULL, NULL, a, a, NULL, NULL).mean);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "generator",
                gan_perceptual_path_length(far, NULL, a, a, NULL, NULL).mean);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "generator",
                gan_perceptual_path_length(g, far, a, a, NULL, NULL).mean);
        REFUSED(ctx, GAN_ERROR_SHAPE, "pairs", gan_perceptual_path_length(g, NULL, a, b, NULL, NULL).mean);
        REFUSED(ctx, GAN_ERROR_SHAPE, "label", gan_perceptual_path_length(g, NULL, a, a, b, NULL).mean);
        REFUSED(ctx, GAN_ERROR_SHAPE, "one row each",
                gan_perceptual_path_length(row, NULL, a, a, NULL, NULL).mean);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "epsilon", gan_perceptual_path_length(g, NULL, a, a, NULL, &p).mean);
        p = path(0, 0, .5, 0);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "trim", gan_perceptual_path_length(g, NULL, a, a, NULL, &p).mean);
        p = path(0, 0, 0, -1);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "batches", gan_perceptual_path_length(g, NULL, a, a, NULL, &p).mean);
        gan_destroy(ctx);
        gan_destroy(other);
    }
}

// ---- critics

PROBE(classifier_test, x, y, 0, gan_two_sample r = gan_classifier_test(x, y, 8, 20); OUT(r.accuracy);
      OUT(r.real); OUT(r.fake))

static void test_classifier_test(void)
{
    TEST ("one distribution: 1/2 within its error; far apart: 1; the Bayes rate between") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 2000, 4, 0, 1);
        gan_two_sample r = gan_classifier_test(x, normals(ctx, 2000, 4, 0, 1), 0, 300);
        CHECK(fabs(r.z) < 3.5, "%g, z %g", r.accuracy, r.z);
        CHECK_NEAR(r.z, (r.accuracy - .5) * 2 * sqrt(2000), 1e-9, "z");
        CHECK_NEAR(r.accuracy, (r.real + r.fake) / 2, 1e-9, "both");
        CHECK_NEAR(gan_classifier_test(x, shifted(x, 10), 0, 300).accuracy, 1, 0, "far");
        r = gan_classifier_test(x, normals(ctx, 2000, 4, 1, 1), -1, 300); // means 2 apart: Phi(1) = .841
        CHECK_NEAR(r.accuracy, .8413, .03, "Bayes");
        gan_destroy(ctx);
    }
    TEST ("a ring about its middle: hidden units tell them apart, logistic regression does not") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 1500, 2, 0, 1), *y = copy_of(x);
        for (int i = 0; i < 1500; ++i) {
            const double r = sqrt(at(x, i, 0) * at(x, i, 0) + at(x, i, 1) * at(x, i, 1));
            for (int k = 0; k < 2; ++k) gan_data(y)[2 * i + k] = (gan_real)(at(x, i, k) * 4 / r);
        }
        CHECK(gan_classifier_test(x, y, 32, 600).accuracy > .95, "hidden");
        CHECK(gan_classifier_test(x, y, -1, 600).accuracy < .7, "logistic");
        gan_destroy(ctx);
    }
    TEST ("it is tested on what it did not see: 10 samples of 300 numbers are learned by heart, not told "
          "apart") {
        gan_context *ctx = gan_create(NULL);
        double mean = 0;
        for (int k = 0; k < 12; ++k)
            mean += gan_classifier_test(normals(ctx, 20, 300, 0, 1), normals(ctx, 20, 300, 0, 1), 0, 60)
                        .accuracy /
                    12;
        CHECK(fabs(mean - .5) < .14, "%g", mean);
        gan_destroy(ctx);
    }
    TEST ("no model, state or checkpoint entry is left; the scale of the numbers does not matter") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = normals(ctx, 200, 3, 0, 1), *y = normals(ctx, 150, 3, 1, 1);
        const struct gan__state *last = ctx->state.last;
        const double a = gan_classifier_test(x, y, 0, 100).accuracy;
        CHECK(!ctx->layer.models && ctx->state.last == last, "something is left");
        CHECK_NEAR(gan_classifier_test(gan_affine(x, 1024, 0), gan_affine(y, 1024, 0), 0, 100).accuracy, a, 0,
                   "scaled");
        gan_destroy(ctx);
    }
    TEST ("wide and narrow critics have memory enough") {
        gan_context *ctx = gan_create(NULL);
        static const int size[][3] = {{4, 1, 1}, {300, 3000, 4}, {300, 2, 700}, {9, 500, 300}};
        for (size_t i = 0; i < COUNT(size); ++i) {
            gan_tensor *x = gan_rand_normal(ctx, size[i][0], size[i][1]);
            gan_tensor *y = gan_rand_normal(ctx, size[i][0], size[i][1]);
            const gan_two_sample r = gan_classifier_test(x, y, size[i][2], 3);
            CHECK(isfinite(r.accuracy), "%d x %d, %d: %s", size[i][0], size[i][1], size[i][2],
                  gan_error_message(ctx));
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("accuracy on what was learned does not pass") {
        gan_context *ctx = gan_create(NULL);
        CHECK(gan_classifier_test(normals(ctx, 20, 300, 0, 1), normals(ctx, 20, 300, 0, 1), 0, 60).accuracy >=
                  1,
              "by heart");
        gan_destroy(ctx);
    }
    TEST ("three samples and negative steps are refused") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 2), *y = gan_rand_normal(ctx, 8, 2);
        REFUSED(ctx, GAN_ERROR_SHAPE, "N from 4", gan_classifier_test(x, y, 0, 0).accuracy);
        REFUSED(ctx, GAN_ERROR_ARGUMENT, "steps", gan_classifier_test(y, y, 0, -1).accuracy);
        gan_destroy(ctx);
    }
}

PROBE(confusion, x, y, 0, gan_confusion_report r = gan_confusion(x, y); OUT(r.accuracy); OUT(r.precision);
      OUT(r.recall); OUT((double)r.real_as_real))

static void test_confusion(void)
{
    TEST ("counts by hand; a logit of 0 says fake; sizes differ") {
        gan_context *ctx = gan_create(NULL);
        static const double real[] = {1, 2, -1, 0}, fake[] = {-1, 3, -2, -5, 0, -1};
        const gan_confusion_report r = gan_confusion(of(ctx, real, 4, 0), of(ctx, fake, 6, 1));
        CHECK(r.real_as_real == 2 && r.real_as_fake == 2 && r.fake_as_real == 1 && r.fake_as_fake == 5,
              "counts");
        CHECK_NEAR(r.accuracy, .7, 1e-15, "accuracy");
        CHECK_NEAR(r.precision, 2 / 3., 1e-15, "precision");
        CHECK_NEAR(r.recall, .5, 1e-15, "recall");
        gan_destroy(ctx);
    }
    TEST ("all called fake: precision 0, not 0 / 0; all right: 1, 1, 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *up = gan_full(ctx, 1, 3), *down = gan_full(ctx, -1, 3);
        gan_confusion_report r = gan_confusion(down, down);
        CHECK_NEAR(r.precision, 0, 0, "precision");
        CHECK_NEAR(r.accuracy, .5, 0, "accuracy");
        r = gan_confusion(up, down);
        CHECK(r.accuracy >= 1 && r.precision >= 1 && r.recall >= 1, "right");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("precision and recall exchanged are caught") {
        gan_context *ctx = gan_create(NULL);
        static const double real[] = {1, 2, -1, 0}, fake[] = {-1, 3, -2, -5, 0, -1};
        CHECK_NEAR(gan_confusion(of(ctx, real, 4, 0), of(ctx, fake, 6, 1)).precision, .5, 1e-3, "precision");
        gan_destroy(ctx);
    }
}

static void names(void)
{
    static const struct {
        const char *name;
        void (*function)(void); // it is public under the row's name
    } all[] = {
#define ROW(id, name) {#name, (void (*)(void))gan_##name},
        GAN__METRICS(ROW)
#undef ROW
    };
    TEST ("every metric has its function") {
        for (size_t i = 0; i < COUNT(all); ++i) CHECK(all[i].function, "%s", all[i].name);
    }
}

int main(void)
{
    SAMPLES_WALK(GAN__METRICS_SCORE);
    names();
    return test_done();
}
