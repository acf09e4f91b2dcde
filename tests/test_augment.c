// Augmentation against loops that do one transform after the other, pixel by pixel, with the same random
// numbers; what is drawn against its statistics; gradients of orders 1 and 2; ADA's controller; the pool. A
// row of GAN_AUGMENTS without a reference does not compile.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 3e-5
#endif
#define PI 3.14159265358979323846

// ---- the reference: one sample

typedef enum fault {
    NO_FAULT,
    MAP_NOT_INVERTED,    // geometry along the forward map
    CONTRAST_ABOUT_ZERO, // instead of the sample's mean
    POWER_NOT_KEPT,      // bands without normalization
    SHARED_NUMBERS,      // the whole batch gets what the first sample draws
    ORDER                // the noise last: cutouts are filled with it
} fault;
static fault wrong;

typedef struct ref {
    int c, h, w;
    double *v; // (c, h, w)
    double p, forward[3][3], turn, move[2], gain[4], sigma;
    const double *noise;
} ref;

typedef gan__core_rng gan_rng_start;
typedef void ref_row(ref *r, double s, const double *u);

static double *ref_at(ref *r, int c, int y, int x) { return r->v + (c * r->h + y) * r->w + x; }

static double normal_of(double u, double v) { return sqrt(-2 * log(1 - u)) * cos(2 * PI * v); }

// forward := m forward
static void ref_then(ref *r, double a, double b, double x, double c, double d, double y)
{
    double m[3][3] = {{a, b, x}, {c, d, y}, {0, 0, 1}}, old[3][3];
    int i, j, k;
    memcpy(old, r->forward, sizeof old);
    for (i = 0; i < 3; ++i)
        for (j = 0; j < 3; ++j)
            for (r->forward[i][j] = 0, k = 0; k < 3; ++k) r->forward[i][j] += m[i][k] * old[k][j];
}
static void ref_turn(ref *r, double a) { ref_then(r, cos(a), sin(a), 0, -sin(a), cos(a), 0); }

static void ref_flip(ref *r, double s, const double *u)
{
    (void)s;
    if (u[1] < .5) ref_then(r, -1, 0, 0, 0, 1, 0);
}
static void ref_rotate90(ref *r, double s, const double *u)
{
    int k;
    (void)s;
    for (k = 0; k < (int)(4 * u[1]); ++k) ref_then(r, 0, 1, 0, -1, 0, 0);
}
static void ref_shift(ref *r, double s, const double *u)
{
    ref_then(r, 1, 0, floor((2 * u[1] - 1) * s * r->w + .5), 0, 1, floor((2 * u[2] - 1) * s * r->h + .5));
}
static void ref_scale(ref *r, double s, const double *u)
{
    double z = pow(2, s * normal_of(u[1], u[2]));
    ref_then(r, z, 0, 0, 0, z, 0);
}
static void ref_rotate(ref *r, double s, const double *u)
{
    double q = 1 - sqrt(1 - r->p);
    if (u[0] < q) ref_turn(r, s * PI * (2 * u[1] - 1));
    if (u[0] >= q - q * q) r->turn = s * PI * (2 * u[2] - 1);
}
static void ref_aniso(ref *r, double s, const double *u)
{
    double z = pow(2, s * normal_of(u[1], u[2]));
    ref_then(r, z, 0, 0, 0, 1 / z, 0);
}
static void ref_fraction(ref *r, double s, const double *u)
{
    r->move[0] = s * normal_of(u[1], u[2]) * r->w;
    r->move[1] = s * sqrt(-2 * log(1 - u[1])) * sin(2 * PI * u[2]) * r->h;
}

// Every pixel's channels in turn.
typedef void ref_pixel(int c, double *x, double s);
static void ref_each(ref *r, ref_pixel *f, double s)
{
    double x[8];
    int i, k;
    for (i = 0; i < r->h * r->w; ++i) {
        for (k = 0; k < r->c; ++k) x[k] = r->v[k * r->h * r->w + i];
        f(r->c, x, s);
        for (k = 0; k < r->c; ++k) r->v[k * r->h * r->w + i] = x[k];
    }
}
static double gray_of(int c, const double *x)
{
    double m = 0;
    int k;
    for (k = 0; k < c; ++k) m += x[k] / c;
    return m;
}
static void pixel_add(int c, double *x, double s)
{
    while (c--) x[c] += s;
}
static void pixel_times(int c, double *x, double s)
{
    while (c--) x[c] *= s;
}
static void pixel_luma(int c, double *x, double s) // Householder: x - 2 v (v . x), v = 1 / sqrt(c)
{
    double dot = gray_of(c, x);
    (void)s;
    while (c--) x[c] -= 2 * dot;
}
static void pixel_saturation(int c, double *x, double s)
{
    double m = gray_of(c, x);
    while (c--) x[c] = m + s * (x[c] - m);
}
static void pixel_hue(int c, double *x, double s) // Rodrigues: x cos + v cross x sin + v (v . x) (1 - cos)
{
    double v = 1 / sqrt(3.), y[3], m = gray_of(3, x);
    int k;
    if (c != 3) return;
    for (k = 0; k < 3; ++k)
        y[k] = x[k] * cos(s) + v * (x[(k + 2) % 3] - x[(k + 1) % 3]) * sin(s) + m * (1 - cos(s));
    memcpy(x, y, sizeof y);
}

static void ref_brightness(ref *r, double s, const double *u)
{
    ref_each(r, pixel_add, s * normal_of(u[1], u[2]));
}
static void ref_contrast(ref *r, double s, const double *u)
{
    ref_each(r, pixel_times, pow(2, s * normal_of(u[1], u[2])));
}
static void ref_luma_flip(ref *r, double s, const double *u)
{
    if (u[1] < .5) ref_each(r, pixel_luma, s);
}
static void ref_hue(ref *r, double s, const double *u) { ref_each(r, pixel_hue, -s * PI * (1 - 2 * u[1])); }
static void ref_saturation(ref *r, double s, const double *u)
{
    ref_each(r, pixel_saturation, pow(2, s * normal_of(u[1], u[2])));
}
static void ref_diff_brightness(ref *r, double s, const double *u)
{
    ref_each(r, pixel_add, s * (2 * u[1] - 1));
}
static void ref_diff_saturation(ref *r, double s, const double *u)
{
    ref_each(r, pixel_saturation, 1 - s + 2 * s * u[1]);
}
static void ref_diff_contrast(ref *r, double s, const double *u)
{
    double m = wrong == CONTRAST_ABOUT_ZERO ? 0 : gray_of(r->c * r->h * r->w, r->v);
    ref_each(r, pixel_add, -m);
    ref_each(r, pixel_times, 1 - s + 2 * s * u[1]);
    ref_each(r, pixel_add, m);
}

static void ref_band(ref *r, int band, double s, const double *u)
{
    double t[4] = {1, 1, 1, 1}, power = 0;
    int k;
    t[band] = pow(2, s * normal_of(u[1], u[2]));
    for (k = 0; k < 4; ++k) power += (k ? 1 : 10) * t[k] * t[k] / 13;
    if (wrong == POWER_NOT_KEPT) power = 1;
    for (k = 0; k < 4; ++k) r->gain[k] *= t[k] / sqrt(power);
}
static void ref_band0(ref *r, double s, const double *u) { ref_band(r, 0, s, u); }
static void ref_band1(ref *r, double s, const double *u) { ref_band(r, 1, s, u); }
static void ref_band2(ref *r, double s, const double *u) { ref_band(r, 2, s, u); }
static void ref_band3(ref *r, double s, const double *u) { ref_band(r, 3, s, u); }
static void ref_noise(ref *r, double s, const double *u) { r->sigma = s * fabs(normal_of(u[1], u[2])); }

static void ref_cutout(ref *r, double s, const double *u)
{
    int c, y, x;
    for (c = 0; c < r->c; ++c)
        for (y = 0; y < r->h; ++y)
            for (x = 0; x < r->w; ++x)
                if (fabs((x + .5) / r->w - u[1]) < s / 2 && fabs((y + .5) / r->h - u[2]) < s / 2)
                    *ref_at(r, c, y, x) = 0;
}
static void ref_diff_translation(ref *r, double s, const double *u)
{
    int mx = (int)(r->w * s + .5), my = (int)(r->h * s + .5), c, y, x;
    int dx = (int)(u[1] * (2 * mx + 1)) - mx, dy = (int)(u[2] * (2 * my + 1)) - my;
    int dim[3] = {r->c, r->h, r->w};
    nd old = nd_new(3, dim);
    memcpy(old.v, r->v, old.n * sizeof *old.v);
    for (c = 0; c < r->c; ++c)
        for (y = 0; y < r->h; ++y)
            for (x = 0; x < r->w; ++x) {
                int inside = x + dx >= 0 && x + dx < r->w && y + dy >= 0 && y + dy < r->h;
                *ref_at(r, c, y, x) = inside ? old.v[(c * r->h + y + dy) * r->w + x + dx] : 0;
            }
}
// As Zhao 2020: the indices of the rectangle are clamped to the image.
static void ref_diff_cutout(ref *r, double s, const double *u)
{
    int sx = (int)(r->w * s + .5), sy = (int)(r->h * s + .5), c, i, j;
    int ox = (int)(u[1] * (r->w + 1 - sx % 2)), oy = (int)(u[2] * (r->h + 1 - sy % 2));
    for (c = 0; c < r->c; ++c)
        for (i = 0; i < sy; ++i)
            for (j = 0; j < sx; ++j) {
                int y = i + oy - sy / 2, x = j + ox - sx / 2;
                y = y < 0 ? 0 : y > r->h - 1 ? r->h - 1 : y;
                x = x < 0 ? 0 : x > r->w - 1 ? r->w - 1 : x;
                *ref_at(r, c, y, x) = 0;
            }
}

// The end of the geometry: each pixel is looked up along the inverse, by a tent of width 2 over the mirror
// images.
static double tent_axis(double at, int k, int n)
{
    double sum = 0, d;
    int m, side;
    for (m = -60; m <= 60; ++m)
        for (side = 0; side < 2; ++side) {
            d = fabs(at - (side ? -1 - k : k) - 2. * n * m);
            if (d < 1) sum += 1 - d;
        }
    return sum;
}
static void end_geometry(ref *r)
{
    double f[3][3], det, cx = (r->w - 1) / 2., cy = (r->h - 1) / 2., *row, *column;
    int dim[3] = {r->c, r->h, r->w}, one[1], c, y, x, i, j;
    nd old = nd_new(3, dim);
    memcpy(old.v, r->v, old.n * sizeof *old.v);
    ref_turn(r, r->turn);
    ref_then(r, 1, 0, r->move[0], 0, 1, r->move[1]);
    memcpy(f, r->forward, sizeof f);
    det = f[0][0] * f[1][1] - f[0][1] * f[1][0];
    one[0] = r->h, row = nd_new(1, one).v;
    one[0] = r->w, column = nd_new(1, one).v;
    for (y = 0; y < r->h; ++y)
        for (x = 0; x < r->w; ++x) {
            double a = x - cx - f[0][2], b = y - cy - f[1][2];
            double u = (f[1][1] * a - f[0][1] * b) / det + cx, v = (f[0][0] * b - f[1][0] * a) / det + cy;
            if (wrong == MAP_NOT_INVERTED) {
                u = f[0][0] * (x - cx) + f[0][1] * (y - cy) + f[0][2] + cx;
                v = f[1][0] * (x - cx) + f[1][1] * (y - cy) + f[1][2] + cy;
            }
            for (i = 0; i < r->h; ++i) row[i] = tent_axis(v, i, r->h);
            for (j = 0; j < r->w; ++j) column[j] = tent_axis(u, j, r->w);
            for (c = 0; c < r->c; ++c) {
                double sum = 0;
                for (i = 0; i < r->h; ++i)
                    for (j = 0; j < r->w; ++j) sum += row[i] * column[j] * old.v[(c * r->h + i) * r->w + j];
                *ref_at(r, c, y, x) = sum;
            }
        }
}

// n numbers, `step` apart, through the bank of sym2 (Daubechies): the signal and its mirror image, periodic.
static void filter_line(double *x, int n, int step, const double *gain)
{
    const double a = sqrt(3.),
                 h[4] = {(1 + a) / sqrt(32.), (3 + a) / sqrt(32.), (3 - a) / sqrt(32.), (1 - a) / sqrt(32.)};
    double low[7], s[128], next[128], out[128];
    int i, k, level, far = 1;
    for (k = -3; k <= 3; ++k)
        for (low[k + 3] = 0, i = 0; i < 4; ++i)
            if (i + k >= 0 && i + k < 4) low[k + 3] += h[i] * h[i + k] / 2;
    for (i = 0; i < 2 * n; ++i) s[i] = x[(i < n ? i : 2 * n - 1 - i) * step], out[i] = 0;
    for (level = 3; level > 0; --level, far *= 2) {
        for (i = 0; i < 2 * n; ++i)
            for (next[i] = 0, k = -3; k <= 3; ++k)
                next[i] += low[k + 3] * s[((i + k * far) % (2 * n) + 2 * n) % (2 * n)];
        for (i = 0; i < 2 * n; ++i) out[i] += gain[level] * (s[i] - next[i]);
        memcpy(s, next, sizeof s);
    }
    for (i = 0; i < n; ++i) x[i * step] = out[i] + gain[0] * s[i];
}
static void end_filter(ref *r)
{
    int c, i;
    for (c = 0; c < r->c; ++c) {
        for (i = 0; i < r->h; ++i) filter_line(ref_at(r, c, i, 0), r->w, 1, r->gain);
        for (i = 0; i < r->w; ++i) filter_line(ref_at(r, c, 0, i), r->h, r->w, r->gain);
    }
}
static void end_noise(ref *r)
{
    int i;
    for (i = 0; i < r->c * r->h * r->w; ++i) r->v[i] += r->sigma * r->noise[i];
}
static void end_nothing(ref *r) { (void)r; }

static const struct phase {
    unsigned rows;
    void (*end)(ref *r);
} phases[] = {
    {GAN_AUGMENT_BLIT | GAN_AUGMENT_GEOMETRY, end_geometry},
    {GAN_AUGMENT_COLOR | GAN_AUGMENT_DIFF_BRIGHTNESS | GAN_AUGMENT_DIFF_SATURATION |
         GAN_AUGMENT_DIFF_CONTRAST,
     end_nothing},
    {GAN_AUGMENT_FILTER, end_filter},
    {GAN_AUGMENT_NOISE, end_noise},
    {GAN_AUGMENT_DIFF_TRANSLATION, end_nothing},
    {GAN_AUGMENT_CUTOUT | GAN_AUGMENT_DIFF_CUTOUT, end_nothing},
};

static const struct row {
    const char *name;
    double strength;
    ref_row *f;
} rows[] = {
#define ROW(id, name, strength) {#name, strength, ref_##name},
    GAN_AUGMENTS(ROW)
#undef ROW
};

// What gan_augment makes of x (N, C, H, W) in a context whose random numbers are `from`.
static nd ref_augment(gan_rng_start from, const nd *x, const gan_augment_desc *d)
{
    nd y = nd_copy(x);
    gan_context *ctx = gan_create(NULL);
    int n = x->dim[0], size = (int)x->n / n, sample, row, k;
    double *u = nd_new4(1, n, GAN_AUGMENT_COUNT, 4).v, *noise = nd_copy(x).v;
    gan_tensor *t;
    ctx->rng = from;
    for (sample = 0; sample < n; ++sample)
        for (row = 0; row < GAN_AUGMENT_COUNT; ++row) {
            uint32_t word[4];
            if (!(d->policy >> row & 1)) continue;
            gan__rng_block(&ctx->rng, word);
            for (k = 0; k < 4; ++k) u[(sample * GAN_AUGMENT_COUNT + row) * 4 + k] = word[k] / 4294967296.;
        }
    t = gan_rand_normal(ctx, (int)x->n);
    for (k = 0; k < (int)x->n; ++k) noise[k] = (double)gan_data(t)[k];
    gan_destroy(ctx);
    for (sample = 0; sample < n; ++sample) {
        ref r;
        size_t at;
        memset(&r, 0, sizeof r);
        r.c = x->dim[1], r.h = x->dim[2], r.w = x->dim[3], r.p = (double)d->p;
        r.v = y.v + sample * size;
        r.noise = noise + sample * size;
        for (k = 0; k < 3; ++k) r.forward[k][k] = 1;
        for (k = 0; k < 4; ++k) r.gain[k] = 1;
        for (at = 0; at < COUNT(phases); ++at) {
            const struct phase *phase = &phases[wrong == ORDER && at > 2 ? (at - 2) % 3 + 3 : at];
            for (row = 0; row < GAN_AUGMENT_COUNT; ++row) {
                const double *mine =
                    u + ((wrong == SHARED_NUMBERS ? 0 : sample) * GAN_AUGMENT_COUNT + row) * 4;
                int always = d->p == 0 && ((unsigned)GAN_AUGMENT_DIFF >> row & 1);
                if ((d->policy & phase->rows) >> row & 1 && (always || mine[0] < r.p))
                    rows[row].f(&r, rows[row].strength * (d->strength != 0 ? (double)d->strength : 1), mine);
            }
            phase->end(&r);
        }
    }
    return y;
}

static gan_augment_desc desc_of(unsigned policy, double p, double strength)
{
    gan_augment_desc d;
    memset(&d, 0, sizeof d);
    d.policy = policy;
    d.p = (gan_real)p;
    d.strength = (gan_real)strength;
    return d;
}

static nd random_image(int n, int c, int h, int w)
{
    nd x = nd_new4(n, c, h, w);
    for (size_t k = 0; k < x.n; ++k) x.v[k] = (double)(gan_real)check_uniform(-1, 1);
    return x;
}

// gan_augment of an image of that size against the reference.
static void against_reference(gan_augment_desc d, int n, int c, int h, int w)
{
    gan_context *ctx = gan_create(NULL);
    nd x, want;
    gan_rng_start from;
    gan_tensor *y;
    nd_used = 0;
    check_seed((uint64_t)(n * 1000 + c * 100 + h * 10 + w) + d.policy);
    x = random_image(n, c, h, w);
    gan_seed(ctx, d.policy + 5u);
    from = ctx->rng;
    y = gan_augment(to_tensor(ctx, &x), &d);
    want = ref_augment(from, &x, &d);
    check_tensor(y, &want, TOL, "pixels");
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static const int sizes[][4] = {{5, 3, 6, 6}, {4, 1, 5, 7}, {3, 4, 8, 3}, {4, 2, 1, 6}, {3, 3, 1, 1}};
static const unsigned everything = (1u << GAN_AUGMENT_COUNT) - 1;

static void test_forward(void)
{
    size_t k;
    int row;
    for (row = 0; row < GAN_AUGMENT_COUNT; ++row)
        for (k = 0; k < COUNT(sizes); ++k)
            TESTF ("%s of %d images (%d, %d, %d) is what loops make of the same random numbers",
                   rows[row].name, sizes[k][0], sizes[k][1], sizes[k][2], sizes[k][3]) {
                const int *s = sizes[k];
                against_reference(desc_of(1u << row, 1, 0), s[0], s[1], s[2], s[3]);
                against_reference(desc_of(1u << row, .5, .7), 2 * s[0], s[1], s[2], s[3]);
                if ((unsigned)GAN_AUGMENT_DIFF >> row & 1)
                    against_reference(desc_of(1u << row, 0, 2), s[0], s[1], s[2], s[3]);
            }
    for (k = 0; k < COUNT(sizes); ++k)
        TESTF ("whole policies in their order on images (%d, %d, %d)", sizes[k][1], sizes[k][2],
               sizes[k][3]) {
            const int *s = sizes[k];
            const unsigned policies[] = {GAN_AUGMENT_ADA, GAN_AUGMENT_DIFF, everything};
            size_t i;
            for (i = 0; i < COUNT(policies); ++i) {
                against_reference(desc_of(policies[i], .7, 1), s[0], s[1], s[2], s[3]);
                against_reference(desc_of(policies[i], 1, 0), s[0], s[1], s[2], s[3]);
                against_reference(desc_of(policies[i], 0, 0), s[0], s[1], s[2], s[3]);
            }
        }
}

static const struct control {
    fault fault;
    unsigned policy;
    const char *what;
} controls[] = {
    {MAP_NOT_INVERTED, GAN_AUGMENT_GEOMETRY, "geometry along the forward map"},
    {CONTRAST_ABOUT_ZERO, GAN_AUGMENT_DIFF_CONTRAST, "DiffAugment's contrast about 0"},
    {POWER_NOT_KEPT, GAN_AUGMENT_FILTER, "a filter that does not keep the expected power"},
    {SHARED_NUMBERS, GAN_AUGMENT_BRIGHTNESS, "one random number for the whole batch"},
    {SHARED_NUMBERS, GAN_AUGMENT_DIFF_CUTOUT, "one cutout for the whole batch"},
    {ORDER, GAN_AUGMENT_NOISE | GAN_AUGMENT_DIFF, "noise behind the cutouts"},
};
static void test_controls(void)
{
    size_t k;
    for (k = 0; k < COUNT(controls); ++k)
        TESTF_MUST_FAIL ("%s is caught", controls[k].what) {
            wrong = controls[k].fault;
            against_reference(desc_of(controls[k].policy, 1, 1), 6, 3, 6, 7);
            wrong = NO_FAULT;
        }
}

// ---- identity, shares, statistics

// How many of the samples of y are not the same bits as those of x.
static int touched(gan_tensor *x, gan_tensor *y)
{
    size_t n = (size_t)gan_dim(x, 0), size = gan_numel(x) / n, k;
    int count = 0;
    for (k = 0; k < n; ++k)
        count += memcmp(gan_data(x) + k * size, gan_data(y) + k * size, size * sizeof(gan_real)) != 0;
    return count;
}

// |count - n p| within 4.5 standard deviations of the binomial distribution.
static void check_share(int count, int n, double p, const char *what)
{
    CHECK_NEAR(count, n * p, 4.5 * sqrt(n * p * (1 - p)) + 1e-9, what);
}

// Of the samples (3, 9, 9) on which a transform is done, the share that it changes.
static double share_of(int row)
{
    switch (1u << row) {
    case GAN_AUGMENT_FLIP:
    case GAN_AUGMENT_LUMA_FLIP: return .5;
    case GAN_AUGMENT_ROTATE90: return .75;
    case GAN_AUGMENT_SHIFT: return 1 - 16. / 81;      // up to 9 / 8 of a pixel on each axis, rounded
    case GAN_AUGMENT_DIFF_TRANSLATION: return 8. / 9; // -1, 0 or 1 on each axis
    default: return 1;
    }
}

static void test_identity(void)
{
    int row;
    TEST ("nothing is done without a policy, and at p = 0 with any policy of ADA: the result is x") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 4, 3, 5, 6), *y;
        gan_augment_desc d = desc_of(everything & ~(unsigned)GAN_AUGMENT_DIFF, 0, 0);
        gan_data(x)[7] = -(gan_real)0;
        y = gan_augment(x, &d);
        CHECK(same_bits(x, y) && touched(x, y) == 0, "other bits");
        d = desc_of(0, 1, 1);
        CHECK(same_bits(x, gan_augment(x, &d)), "other bits");
        CHECK(gan_augment(x, NULL) == x, "another tensor");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    for (row = 0; row < GAN_AUGMENT_COUNT; ++row)
        TESTF ("%s touches a share p of the samples and leaves the bits of the others", rows[row].name) {
            gan_context *ctx = gan_create(NULL);
            enum { N = 2000 };
            double p;
            for (p = .3; p < 1.1; p += .7) {
                gan_augment_desc d = desc_of(1u << row, p, 0);
                gan_tensor *x = gan_rand_uniform(ctx, N, 3, 9, 9);
                check_share(touched(x, gan_augment(x, &d)), N, (double)d.p * share_of(row), rows[row].name);
            }
            CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("a transform that is done at half of p is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_augment_desc d = desc_of(GAN_AUGMENT_BRIGHTNESS, .15, 0);
        gan_tensor *x = gan_rand_uniform(ctx, 2000, 3, 9, 9);
        check_share(touched(x, gan_augment(x, &d)), 2000, .3, "brightness");
        gan_destroy(ctx);
    }
}

typedef struct moments {
    double n, sum, square, cross, last;
} moments;
static void add_moment(moments *m, double x)
{
    m->cross += m->n > 0 ? x * m->last : 0;
    m->n += 1, m->sum += x, m->square += x * x, m->last = x;
}
// Mean, standard deviation and the correlation of neighbors, within 4.5 of their own (normal) deviations.
static void check_moments(const moments *m, double mean, double sd, const char *what)
{
    double got = m->sum / m->n, var = m->square / m->n - got * got;
    CHECK_NEAR(got, mean, 4.5 * sd / sqrt(m->n), what);
    CHECK_NEAR(var, sd * sd, 4.5 * sd * sd * sqrt(2 / m->n), what);
    CHECK_NEAR((m->cross / m->n - got * got) / var, 0, 4.5 / sqrt(m->n), what);
}

// The plans of n samples (3, h, w), as gan_augment draws them.
static gan__augment_plan *plans_of(gan_context *ctx, gan_augment_desc d, int n, int h, int w)
{
    gan__augment_plan *a = (gan__augment_plan *)malloc((size_t)n * sizeof *a);
    int i;
    for (i = 0; i < n; ++i) {
        a[i] = gan__augment_plan_none(h, w, (double)d.p);
        gan__augment_plan_draw(&ctx->rng, &d, &a[i]);
    }
    return a;
}

static void test_statistics(void)
{
    enum { N = 20000 };
    gan_context *ctx = gan_create(NULL);
    gan__augment_plan *a;
    int i, k;
    TEST ("what is normal has its standard deviation and mean 0: the paper's table of strengths") {
        moments m[12];
        memset(m, 0, sizeof m);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_SCALE, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m[0], -log2(a[i].map[0][0]));
        free(a);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_ANISO, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) {
            add_moment(&m[1], -log2(a[i].map[0][0]));
            CHECK_NEAR(a[i].map[0][0] * a[i].map[1][1], 1, 1e-12, "the area");
        }
        free(a);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_FRACTION, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m[2], a[i].move[0] / 16), add_moment(&m[3], a[i].move[1] / 8);
        free(a);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_BRIGHTNESS, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m[4], a[i].offset);
        free(a);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_CONTRAST, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m[5], log2(a[i].gray));
        free(a);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_SATURATION, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m[6], log2(a[i].chroma));
        free(a);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_BAND2, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m[7], log2(a[i].gain[2] / a[i].gain[0]));
        free(a);
        check_moments(&m[0], 0, .2, "log2 of the scale");
        check_moments(&m[1], 0, .2, "log2 of the stretch");
        check_moments(&m[2], 0, .125, "translation along the width");
        check_moments(&m[3], 0, .125, "translation along the height");
        check_moments(&m[4], 0, .2, "brightness");
        check_moments(&m[5], 0, .5, "log2 of the contrast");
        check_moments(&m[6], 0, 1, "log2 of the saturation");
        check_moments(&m[7], 0, 1, "log2 of the gain of a band against another");
    }
    TEST ("noise has a sigma of |N(0, .1^2)|: its mean square is .01, its mean .1 sqrt(2 / pi)") {
        moments m;
        memset(&m, 0, sizeof m);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_NOISE, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) add_moment(&m, a[i].sigma);
        free(a);
        check_moments(&m, .1 * sqrt(2 / PI), .1 * sqrt(1 - 2 / PI), "sigma");
    }
    TEST ("angles are uniform in (-pi, pi); rotation before and behind are independent, either with p") {
        moments hue;
        int before = 0, behind = 0, both = 0, any = 0;
        double p = (double)(gan_real).6, q = 1 - sqrt(1 - p);
        memset(&hue, 0, sizeof hue);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_HUE, 1, 0), N, 8, 16);
        for (i = 0; i < N; ++i) {
            add_moment(&hue, a[i].hue);
            CHECK(fabs(a[i].hue) <= PI, "%g", a[i].hue);
        }
        free(a);
        check_moments(&hue, 0, PI / sqrt(3.), "hue");
        a = plans_of(ctx, desc_of(GAN_AUGMENT_ROTATE, .6, 0), N, 8, 16);
        for (i = 0; i < N; ++i) {
            int x = a[i].map[0][1] != 0, y = a[i].turn != 0;
            before += x, behind += y, both += x && y, any += x || y;
        }
        free(a);
        check_share(before, N, q, "before");
        check_share(behind, N, q, "behind");
        check_share(both, N, q * q, "both");
        check_share(any, N, p, "either");
    }
    TEST ("flips are balanced, quarter turns too, and one does not tell the other") {
        int flips = 0, turns[4] = {0, 0, 0, 0}, both = 0;
        a = plans_of(ctx, desc_of(GAN_AUGMENT_FLIP | GAN_AUGMENT_ROTATE90, 1, 0), N, 8, 8);
        for (i = 0; i < N; ++i) {
            const double *x = a[i].map[0], *y = a[i].map[1];
            int flip = x[0] * y[1] - x[1] * y[0]<0, turn = y[1]> .5 ? 0 : y[1] < -.5 ? 2 : y[0] > 0 ? 1 : 3;
            flips += flip, turns[turn]++, both += flip && turn == 2;
        }
        free(a);
        check_share(flips, N, .5, "flips");
        for (k = 0; k < 4; ++k) check_share(turns[k], N, .25, "a quarter turn");
        check_share(both, N, .125, "a flip with half a turn");
    }
    TEST ("translations reach an eighth of each side and no further, whole pixels, all alike") {
        int x[33], y[33], sx[33], sy[33], odd = 0;
        memset(x, 0, sizeof x), memset(y, 0, sizeof y), memset(sx, 0, sizeof sx), memset(sy, 0, sizeof sy);
        a = plans_of(ctx, desc_of(GAN_AUGMENT_DIFF_TRANSLATION | GAN_AUGMENT_SHIFT, 1, 0), N, 8, 24);
        for (i = 0; i < N; ++i) {
            double mx = a[i].map[0][2], my = a[i].map[1][2];
            odd += mx != floor(mx) || my != floor(my);
            if (abs(a[i].step[0]) <= 16 && abs(a[i].step[1]) <= 16)
                x[16 + a[i].step[0]]++, y[16 + a[i].step[1]]++;
            if (fabs(mx) <= 16 && fabs(my) <= 16) sx[16 + (int)mx]++, sy[16 + (int)my]++;
        }
        free(a);
        CHECK(odd == 0, "%d shifts are no whole pixels", odd);
        for (k = -3; k <= 3; ++k) {
            check_share(x[16 + k], N, 1. / 7, "DIFF_TRANSLATION along the width");
            check_share(sx[16 + k], N, k == -3 || k == 3 ? 1. / 12 : 1. / 6, "SHIFT along the width");
        }
        for (k = -1; k <= 1; ++k) {
            check_share(y[16 + k], N, 1. / 3, "DIFF_TRANSLATION along the height");
            check_share(sy[16 + k], N, k ? .25 : .5, "SHIFT along the height");
        }
    }
    TEST ("each call draws anew, and the same seed draws the same") {
        gan_tensor *x = gan_rand_normal(ctx, 8, 3, 6, 6), *y, *z;
        gan_augment_desc d = desc_of(everything, 1, 0);
        gan_seed(ctx, 4);
        y = gan_augment(x, &d), z = gan_augment(x, &d);
        CHECK(touched(y, z) == 8, "%d of 8 samples differ", touched(y, z));
        gan_seed(ctx, 4);
        CHECK(same_bits(y, gan_augment(x, &d)), "other bits");
        CHECK(same_bits(z, gan_augment(x, &d)), "other bits");
    }
    TEST ("no error came up on the way") { CHECK(!gan_error(ctx), "%s", gan_error_message(ctx)); }
    gan_destroy(ctx);
}

// ---- images with a closed form

static void test_constant(void)
{
    gan_context *ctx = gan_create(NULL);
    enum { N = 40 };
    int i, k;
    TEST ("a constant gray image stays under blit, geometry, hue, saturation and DiffAugment's color but "
          "brightness") {
        unsigned policy = GAN_AUGMENT_BLIT | GAN_AUGMENT_GEOMETRY | GAN_AUGMENT_HUE | GAN_AUGMENT_SATURATION |
                          GAN_AUGMENT_DIFF_SATURATION | GAN_AUGMENT_DIFF_CONTRAST;
        gan_augment_desc d = desc_of(policy, 1, 0);
        gan_tensor *y = gan_augment(gan_full(ctx, (gan_real).75, N, 3, 5, 9), &d);
        for (k = 0; k < N * 135; ++k) CHECK_NEAR(gan_data(y)[k], .75, 1e-5, "a pixel");
    }
    TEST ("black becomes its brightness, one number a sample; contrast alone leaves black black") {
        gan_augment_desc d = desc_of(GAN_AUGMENT_BRIGHTNESS, 1, 0);
        gan_tensor *y = gan_augment(gan_zeros(ctx, N, 3, 5, 4), &d);
        int same = 0;
        for (i = 0; i < N; ++i) {
            for (k = 1; k < 60; ++k) CHECK_NEAR(gan_data(y)[60 * i + k], gan_data(y)[60 * i], 0, "a pixel");
            same += i && gan_data(y)[60 * i] == gan_data(y)[0];
        }
        CHECK(same == 0, "%d samples like the first", same);
        d = desc_of(GAN_AUGMENT_CONTRAST | GAN_AUGMENT_LUMA_FLIP, 1, 0);
        y = gan_augment(gan_zeros(ctx, N, 3, 5, 4), &d);
        for (k = 0; k < N * 60; ++k) CHECK_NEAR(gan_data(y)[k], 0, 0, "a pixel");
    }
    TEST ("the filter multiplies a constant by the square of the lowest gain, and equal gains anything") {
        gan_augment_desc d = desc_of(GAN_AUGMENT_FILTER, 1, 0);
        gan__augment_plan *a = plans_of(ctx, d, N, 6, 9);
        gan_tensor *x = gan_full(ctx, 2, N, 3, 6, 9), *y = gan__augment_apply(x, a);
        for (i = 0; i < N; ++i) {
            double want = 2 * a[i].gain[0] * a[i].gain[0];
            for (k = 0; k < 162; ++k) CHECK_NEAR(gan_data(y)[162 * i + k], want, TOL * (1 + want), "a pixel");
            for (k = 0; k < 4; ++k) a[i].gain[k] = .5;
        }
        x = gan_rand_normal(ctx, N, 3, 6, 9);
        y = gan__augment_apply(x, a);
        for (k = 0; k < N * 162; ++k) CHECK_NEAR(gan_data(y)[k], (double)gan_data(x)[k] / 4, TOL, "a pixel");
        free(a);
    }
    TEST ("of ones a cutout leaves all but its rectangle, at most half of each side, the same on all "
          "channels") {
        const unsigned both[] = {GAN_AUGMENT_CUTOUT, GAN_AUGMENT_DIFF_CUTOUT};
        size_t which;
        for (which = 0; which < 2; ++which) {
            gan_augment_desc d = desc_of(both[which], 1, 0);
            gan_tensor *y = gan_augment(gan_full(ctx, 1, N, 2, 8, 12), &d);
            int full = 0;
            for (i = 0; i < N; ++i) {
                const gan_real *p = gan_data(y) + 192 * i;
                int zeros = 0, other = 0;
                for (k = 0; k < 96; ++k)
                    zeros += p[k] == 0, other += p[k] != p[k + 96] || p[k] * (1 - p[k]) != 0;
                CHECK(zeros > 0 && zeros <= 24 && other == 0, "%d zeros, %d other", zeros, other);
                full += zeros == 24;
            }
            CHECK(full > 0, "no whole rectangle in %d", N);
        }
    }
    TEST ("of ones a translation leaves H - |dy| rows of W - |dx|") {
        gan_augment_desc d = desc_of(GAN_AUGMENT_DIFF_TRANSLATION, 1, 0);
        gan__augment_plan *a = plans_of(ctx, d, N, 8, 16);
        gan_tensor *y = gan__augment_apply(gan_full(ctx, 1, N, 1, 8, 16), a);
        for (i = 0; i < N; ++i) {
            double sum = 0;
            for (k = 0; k < 128; ++k) sum += (double)gan_data(y)[128 * i + k];
            CHECK_NEAR(sum, (16 - abs(a[i].step[0])) * (8 - abs(a[i].step[1])), 0, "ones");
        }
        free(a);
    }
    TEST ("no error came up on the way") { CHECK(!gan_error(ctx), "%s", gan_error_message(ctx)); }
    gan_destroy(ctx);
}

// ---- vectors, noise

static void test_noise(void)
{
    TEST ("vectors (N, F) can have noise: sigma a sample's own, with probability p") {
        gan_context *ctx = gan_create(NULL);
        gan_augment_desc d = desc_of(GAN_AUGMENT_NOISE, .4, 2);
        gan_tensor *x = gan_rand_normal(ctx, 2000, 50), *y = gan_augment(x, &d);
        double sum = 0;
        size_t k;
        check_share(touched(x, y), 2000, .4, "noise");
        for (k = 0; k < gan_numel(x); ++k)
            sum += ((double)gan_data(y)[k] - (double)gan_data(x)[k]) *
                   ((double)gan_data(y)[k] - (double)gan_data(x)[k]);
        CHECK_NEAR(sum / 1e5, .4 * .04, .4 * .04 * .3, "mean square: p (2 .1)^2");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("instance noise is N(0, sigma^2), fresh for every number, of any shape; sigma 0 is x itself") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_uniform(ctx, 40, 50, 10), *y = gan_instance_noise(x, (gan_real).3), *g;
        moments m;
        size_t k;
        memset(&m, 0, sizeof m);
        for (k = 0; k < gan_numel(x); ++k) add_moment(&m, (double)gan_data(y)[k] - (double)gan_data(x)[k]);
        check_moments(&m, 0, .3, "noise");
        CHECK(gan_instance_noise(x, 0) == x, "another tensor");
        g = gan_grad(gan_sum_all(y), x, 0);
        CHECK(gan_data(g)[0] == 1 && gan_data(g)[19999] == 1, "the gradient passes as it is");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        (void)gan_instance_noise(x, -1);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "sigma -1");
        gan_destroy(ctx);
    }
}

// ---- gradients

typedef struct graph {
    gan_augment_desc d;
    gan_model *m;
    gan_tensor *image;
} graph;

#ifdef GAN_DOUBLE
static gan_tensor *augment_f(gan_context *ctx, gan_tensor **x, void *user)
{
    gan_seed(ctx, 11);
    return gan_augment(x[0], &((graph *)user)->d);
}
static gan_tensor *augment_fg(gan_context *ctx, gan_tensor **x, void *user) // x[1] once more, for order 2
{
    return gan_mul(x[1], augment_f(ctx, x, user));
}
static gan_tensor *cut_f(gan_context *ctx, gan_tensor **x, void *user)
{
    return gan_add(gan_mul_scalar(x[0], (gan_real)1e-9), gan_detach(augment_f(ctx, x, user)));
}
#endif

static gan_tensor *critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "b", gan_flatten(gan_tanh(gan_conv2d(m, "a", x, 2, 3, 2, 1))), 1);
}

#ifdef GAN_DOUBLE
// R1 on the discriminator of what it is shown, by the weights and by the images before augmentation: the
// gradient of D T(x) by x, with T as it was drawn.
static gan_tensor *r1_f(gan_context *ctx, gan_tensor **x, void *user)
{
    graph *g = (graph *)user;
    gan_tensor *dx;
    gan_seed(ctx, 11);
    dx = gan_grad(gan_sum_all(gan_forward(g->m, gan_augment(x[0], &g->d), NULL)), x[0], GAN_CREATE_GRAPH);
    return gan_mean_all(gan_sum(gan_square(gan_flatten(dx)), GAN_AXES(1), 0));
}
// R1 as the trainer asks for it: at the augmented images.
static gan_tensor *penalty_f(gan_context *ctx, gan_tensor **x, void *user)
{
    graph *g = (graph *)user;
    (void)x;
    gan_seed(ctx, 11);
    return gan_penalty(GAN_PENALTY_R1, 2, g->m, gan_augment(g->image, &g->d), NULL, NULL);
}
#endif

static void test_gradients(void)
{
#ifdef GAN_DOUBLE
    int row;
    size_t k;
    for (row = 0; row <= GAN_AUGMENT_COUNT; ++row)
        for (k = 0; k < COUNT(sizes); ++k)
            TESTF ("%s: gradients of orders 1 and 2 on (%d, %d, %d)",
                   row < GAN_AUGMENT_COUNT ? rows[row].name : "everything", sizes[k][1], sizes[k][2],
                   sizes[k][3]) {
                gan_context *ctx = gan_create(NULL);
                gan_tensor *x[2];
                graph g;
                nd image;
                nd_used = 0;
                check_seed((uint64_t)row + 1);
                g.d = desc_of(row < GAN_AUGMENT_COUNT ? 1u << row : everything, row % 2 ? 1 : .8, 1);
                image = random_image(2, sizes[k][1], sizes[k][2], sizes[k][3]);
                x[0] = to_tensor(ctx, &image);
                image = random_image(2, sizes[k][1], sizes[k][2], sizes[k][3]);
                x[1] = to_tensor(ctx, &image);
                check_gradient(ctx, augment_f, &g, 1, x, 1, "augment");
                check_gradient(ctx, augment_fg, &g, 2, x, 2, "augment");
                CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
                gan_destroy(ctx);
            }
    for (k = 0; k < 3; ++k)
        TESTF ("R1 through an augmented batch, policy %d: finite differences by weights and images", (int)k) {
            const unsigned policies[] = {GAN_AUGMENT_ADA, GAN_AUGMENT_DIFF, everything};
            gan_context *ctx = gan_create(NULL);
            gan_tensor *x[5];
            graph g;
            nd image;
            int i, n;
            nd_used = 0;
            check_seed(3);
            g.d = desc_of(policies[k], .9, 1);
            g.m = gan_model_create(ctx, "d", critic, NULL);
            image = random_image(2, 3, 5, 4);
            x[0] = to_tensor(ctx, &image);
            (void)gan_forward(g.m, x[0], NULL);
            n = gan_model_count(g.m);
            for (i = 0; i < n; ++i) x[1 + i] = gan_model_tensor(g.m, i);
            check_gradient(ctx, r1_f, &g, n + 1, x, 1, "R1 of D T by weights and images");
            check_gradient(ctx, r1_f, &g, n + 1, x, 2, "R1 of D T, order 2");
            g.image = x[0]; // the penalty takes it off the tape
            check_gradient(ctx, penalty_f, &g, n, x + 1, 1, "gan_penalty's R1 at T(x), by weights");
            CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("an augmentation that is cut off the tape is caught") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x[1];
        graph g;
        g.d = desc_of(GAN_AUGMENT_ADA, 1, 1);
        x[0] = gan_rand_normal(ctx, 2, 3, 4, 4);
        check_gradient(ctx, cut_f, &g, 1, x, 1, "cut");
        gan_destroy(ctx);
    }
#else
    TEST ("an update of a discriminator with R1 on an augmented batch goes through, without a heap call") {
        gan_context *ctx = gan_create(NULL);
        gan_model *d = gan_model_create(ctx, "d", critic, NULL);
        gan_optimizer *o = gan_optimizer_create(d, gan_sgd((gan_real).01, 0));
        gan_augment_desc a = desc_of(everything, 1, 0);
        uint64_t calls = 0;
        int i;
        for (i = 0; i < 12; ++i) {
            gan_tensor *x = gan_augment(gan_rand_normal(ctx, 6, 3, 8, 8), &a);
            gan_tensor *r = gan_forward(d, x, NULL);
            if (i == 6) calls = gan_memory(ctx).heap_calls;
            (void)gan_minimize(o, gan_add(gan_loss_g(GAN_LOSS_NON_SATURATING, r),
                                          gan_penalty(GAN_PENALTY_R1, 10, d, x, NULL, NULL)));
        }
        CHECK(gan_memory(ctx).heap_calls == calls, "%d heap calls",
              (int)(gan_memory(ctx).heap_calls - calls));
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
#endif
}

// ---- threads, errors, names

static void test_threads(void)
{
    TEST ("1, 2, 3 and 7 threads give the same bits, forward and backward") {
        const int threads[] = {1, 2, 3, 7};
        gan_real *first = NULL;
        size_t k, n = 40 * 3 * 31 * 33;
        for (k = 0; k < COUNT(threads); ++k) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, threads[k]);
            gan_augment_desc d = desc_of(everything, .8, 0);
            gan_tensor *x = gan_rand_normal(ctx, 40, 3, 31, 33), *y = gan_augment(x, &d);
            gan_tensor *g = gan_grad(gan_sum_all(gan_square(y)), x, 0);
            CHECK(gan_numel(y) == n && gan_data(g), "%s", gan_error_message(ctx));
            if (!first) {
                first = (gan_real *)malloc(2 * n * sizeof *first);
                gan_read(y, first, n), gan_read(g, first + n, n);
            }
            CHECK_BYTES(gan_data(y), first, n * sizeof *first, "forward");
            CHECK_BYTES(gan_data(g), first + n, n * sizeof *first, "backward");
            gan_destroy(ctx);
        }
        free(first);
    }
}

static void check_refused(gan_context *ctx, gan_tensor *x, gan_augment_desc d, int code, const char *word)
{
    gan_tensor *y;
    gan_error_clear(ctx);
    y = gan_augment(x, &d);
    CHECK(gan_error(ctx) == code, "error %d, not %d (%s)", gan_error(ctx), code, word);
    CHECK_TEXT(gan_error_message(ctx), word);
    CHECK(gan_data(y) == NULL, "a result all the same");
    gan_error_clear(ctx);
}

static void test_errors(void)
{
    gan_context *ctx = gan_create(NULL);
    gan_tensor *x = gan_zeros(ctx, 2, 3, 4, 4), *v = gan_zeros(ctx, 2, 5);
    TEST ("what cannot be done is an error that says what was wanted") {
        check_refused(ctx, v, desc_of(GAN_AUGMENT_ADA, 1, 0), GAN_ERROR_SHAPE, "want images (N, C, H, W)");
        check_refused(ctx, v, desc_of(GAN_AUGMENT_NOISE | GAN_AUGMENT_FLIP, 0, 0), GAN_ERROR_SHAPE, "(2, 5)");
        check_refused(ctx, gan_scalar(ctx, 1), desc_of(GAN_AUGMENT_NOISE, 1, 0), GAN_ERROR_SHAPE, "()");
        check_refused(ctx, x, desc_of(1u << GAN_AUGMENT_COUNT, 1, 0), GAN_ERROR_ARGUMENT, "unknown bits");
        check_refused(ctx, x, desc_of(GAN_AUGMENT_ADA, 1.5, 0), GAN_ERROR_ARGUMENT, "p 1.5");
        check_refused(ctx, x, desc_of(GAN_AUGMENT_ADA, -.5, 0), GAN_ERROR_ARGUMENT, "p -0.5");
        check_refused(ctx, x, desc_of(GAN_AUGMENT_ADA, NAN, 0), GAN_ERROR_ARGUMENT, "probability");
        check_refused(ctx, x, desc_of(GAN_AUGMENT_ADA, 1, -1), GAN_ERROR_ARGUMENT, "strength");
        check_refused(ctx, x, desc_of(GAN_AUGMENT_ADA, 1, HUGE_VAL), GAN_ERROR_ARGUMENT, "strength");
    }
    TEST ("NULL and poison are passed on") {
        gan_augment_desc d = desc_of(GAN_AUGMENT_ADA, 1, 0);
        gan_tensor *bad = gan_add(x, v);
        CHECK(gan_augment(NULL, &d) == NULL && gan_instance_noise(NULL, 1) == NULL, "from nothing");
        CHECK(gan_data(gan_augment(bad, &d)) == NULL, "from poison");
        CHECK(gan_data(gan_instance_noise(bad, 1)) == NULL, "from poison");
        gan_error_clear(ctx);
    }
    TEST ("empty batches and any strength end well") {
        const double strengths[] = {1e-30, 10, 1e4, 1e30};
        gan_augment_desc d = desc_of(everything, 1, 0);
        size_t k;
        CHECK(gan_numel(gan_augment(gan_zeros(ctx, 0, 3, 4, 4), &d)) == 0, "of nothing something");
        CHECK(gan_numel(gan_augment(gan_zeros(ctx, 2, 3, 0, 4), &d)) == 0, "of nothing something");
        for (k = 0; k < COUNT(strengths); ++k) {
            d.strength = (gan_real)strengths[k];
            CHECK(gan_data(gan_augment(x, &d)) != NULL, "%s", gan_error_message(ctx));
        }
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    }
    TEST ("in any block of memory the whole policy and the pool end with a result or with GAN_ERROR_MEMORY") {
        const size_t most = (size_t)1 << 19;
        void *block = malloc(most);
        int good = 0, bad = 0;
        size_t size;
        for (size = (size_t)1 << 13; size <= most; size += 1999) {
            gan_augment_desc d = desc_of(everything, 1, 0);
            gan_context *small;
            gan_desc desc;
            memset(&desc, 0, sizeof desc);
            desc.memory = block;
            desc.memory_size = size;
            small = gan_create(&desc);
            if (!small) continue;
            (void)gan_pool_query(gan_pool_create(small, "p", 3),
                                 gan_augment(gan_rand_normal(small, 4, 3, 7, 9), &d), (gan_real).5);
            CHECK(!gan_error(small) || gan_error(small) == GAN_ERROR_MEMORY, "%s", gan_error_message(small));
            good += !gan_error(small), bad += gan_error(small) != 0;
            gan_destroy(small);
        }
        CHECK(good > 10 && bad > 5, "%d and %d", good, bad);
        free(block);
    }
    TEST ("every bit has its name; groups share nothing and leave nothing out") {
        const unsigned groups[] = {GAN_AUGMENT_BLIT,   GAN_AUGMENT_GEOMETRY, GAN_AUGMENT_COLOR,
                                   GAN_AUGMENT_FILTER, GAN_AUGMENT_NOISE,    GAN_AUGMENT_CUTOUT,
                                   GAN_AUGMENT_DIFF};
        unsigned all = 0, in_order = 0;
        size_t k;
        for (k = 0; k < COUNT(rows); ++k)
            CHECK(!strcmp(gan_augment_name(1u << k), rows[k].name), "%s", gan_augment_name(1u << k));
        CHECK_TEXT(gan_augment_name(0), "unknown");
        CHECK_TEXT(gan_augment_name(3), "unknown");
        CHECK_TEXT(gan_augment_name(1u << GAN_AUGMENT_COUNT), "unknown");
        for (k = 0; k < COUNT(groups); ++k) {
            CHECK((all & groups[k]) == 0, "group %d", (int)k);
            all |= groups[k];
        }
        CHECK(all == everything, "%x, not %x", all, everything);
        for (k = 0; k < COUNT(phases); ++k) in_order ^= phases[k].rows;
        CHECK(in_order == everything, "the reference leaves out %x", in_order ^ everything);
        CHECK(GAN_AUGMENT_ADA == (GAN_AUGMENT_BLIT | GAN_AUGMENT_GEOMETRY | GAN_AUGMENT_COLOR), "bgc");
    }
    gan_destroy(ctx);
}

// ---- ADA's controller

static void test_adapt(void)
{
    TEST ("p goes from 0 to 1 in kimg thousand real images, the other way as fast, and stays within 0 .. 1") {
        gan_real p = 0;
        int steps = 0;
        while (p < 1 && steps < 100000) p = gan_augment_adapt(p, 1, 0, 64, 0, 0), ++steps;
        CHECK(abs(steps * 64 * 4 - 500000) <= 256 * 2, "%d images", steps * 64 * 4);
        CHECK_NEAR(gan_augment_adapt(p, 1, 0, 64, 0, 0), 1, 0, "at the top");
        for (steps = 0; p > 0 && steps < 100000; ++steps) p = gan_augment_adapt(p, -1, 0, 64, 0, 0);
        CHECK(abs(steps * 64 * 4 - 500000) <= 256 * 2, "%d images", steps * 64 * 4);
        CHECK_NEAR(gan_augment_adapt(p, -1, 0, 64, 0, 0), 0, 0, "at the bottom");
    }
    TEST ("a step is sign(sign_mean - target) batch every / (1000 kimg), as in Karras 2020") {
        const double cases[][6] = {// p, sign_mean, target, batch, every, kimg
                                   {.5, .61, .6, 32, 4, 500}, {.5, .59, .6, 32, 4, 500},
                                   {.25, .2, .1, 7, 16, 100}, {.25, .05, .1, 7, 16, 100},
                                   {.1, -.7, -.6, 10, 1, 1},  {.9, .3, .3, 10, 1, 1}};
        size_t k;
        for (k = 0; k < COUNT(cases); ++k) {
            const double *c = cases[k], sign = c[1] > c[2] ? 1 : c[1] < c[2] ? -1 : 0;
            double want = c[0] + sign * c[3] * c[4] / (c[5] * 1000);
            CHECK_NEAR(gan_augment_adapt((gan_real)c[0], (gan_real)c[1], (gan_real)c[2], (int)c[3], (int)c[4],
                                         (gan_real)c[5]),
                       want > 0 ? want : 0, 1e-7, "p");
        }
        CHECK_NEAR(gan_augment_adapt((gan_real).5, 1, 0, 32, 0, 0), .5 + 32 * 4 / 500000., 1e-7,
                   "the defaults");
        CHECK_NEAR(gan_augment_adapt((gan_real).5, (gan_real)NAN, 0, 32, 0, 0), .5, 0, "nothing known");
        CHECK_NEAR(gan_augment_adapt((gan_real).5, 1, 0, -3, 0, 0), .5, 0, "no batch");
    }
    TEST ("in closed loop p settles where the sign mean, falling with p, meets the target") {
        gan_real p = 0;
        int i;
        for (i = 0; i < 5000; ++i) p = gan_augment_adapt(p, 1 - p, 0, 64, 4, 100);
        CHECK_NEAR(p, .4, .004, "1 - p = .6");
    }
    TEST_MUST_FAIL ("a controller with its sign turned is caught") {
        gan_real p = 0;
        int i;
        for (i = 0; i < 5000; ++i) p = gan_augment_adapt(p, p - 1, 0, 64, 4, 100);
        CHECK_NEAR(p, .4, .004, "1 - p = .6");
    }
}

// ---- the pool

enum { SAMPLE = 6, BATCH = 4, CAPACITY = 10 };

// A batch of samples whose numbers tell which they are.
static gan_tensor *numbered(gan_context *ctx, int from)
{
    gan_tensor *x = gan_zeros(ctx, BATCH, 2, 3);
    int k;
    for (k = 0; k < BATCH * SAMPLE; ++k) gan_data(x)[k] = (gan_real)((from + k / SAMPLE) * 10 + k % SAMPLE);
    return x;
}
static int number_of(const gan_real *sample)
{
    int id = (int)sample[0] / 10, k;
    for (k = 0; k < SAMPLE; ++k)
        if (sample[k] != (gan_real)(id * 10 + k)) return -1;
    return id;
}

static void test_pool(void)
{
    TEST ("until it is full a pool gives back what it gets; then new and stored samples change places") {
        gan_context *ctx = gan_create(NULL);
        gan_pool *pool = gan_pool_create(ctx, "fakes", CAPACITY);
        int stored[CAPACITY], count = 0, slots[CAPACITY], old = 0, step, i, k, late = 0;
        memset(slots, 0, sizeof slots);
        for (step = 0; step < 1000; ++step) {
            gan_tensor *y;
            gan_scope_open(ctx);
            y = gan_pool_query(pool, numbered(ctx, step * BATCH), (gan_real).5);
            CHECK(gan_ndim(y) == 3 && gan_numel(y) == BATCH * SAMPLE, "%s", gan_error_message(ctx));
            for (i = 0; i < BATCH; ++i) {
                int id = step * BATCH + i, got = number_of(gan_data(y) + i * SAMPLE);
                if (count < CAPACITY) {
                    stored[count++] = id;
                    CHECK(got == id, "%d for %d while it fills", got, id);
                    continue;
                }
                ++late;
                if (got == id) continue;
                for (k = 0; k < CAPACITY && stored[k] != got; ++k) {}
                CHECK(k < CAPACITY, "%d was not stored", got);
                if (k < CAPACITY) stored[k] = id, slots[k]++, ++old;
            }
            gan_scope_close(ctx);
        }
        for (k = 0; k < CAPACITY; ++k) {
            CHECK(number_of((gan_real *)pool->store->data + k * SAMPLE) == stored[k], "slot %d", k);
            check_share(slots[k], old, 1. / CAPACITY, "a slot");
        }
        check_share(old, late, .5, "stored samples given back");
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("with p = 0 every sample passes; with p = 1 none does, once the pool is full; 0 stands for 50") {
        gan_context *ctx = gan_create(NULL);
        gan_pool *a = gan_pool_create(ctx, "a", 0), *b = gan_pool_create(ctx, "b", 0);
        int step, i, passed = 0;
        for (step = 0; step < 30; ++step) {
            gan_tensor *x = numbered(ctx, step * BATCH), *y = gan_pool_query(b, x, 1);
            CHECK(same_bits(x, gan_pool_query(a, x, 0)), "step %d", step);
            for (i = 0; i < BATCH; ++i) passed += number_of(gan_data(y) + i * SAMPLE) == step * BATCH + i;
        }
        CHECK(passed == 50, "%d passed", passed);
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("what comes out is off the tape and a copy") {
        gan_context *ctx = gan_create(NULL);
        gan_pool *pool = gan_pool_create(ctx, "p", 3);
        gan_tensor *x = numbered(ctx, 1), *y = gan_pool_query(pool, gan_mul_scalar(x, 1), (gan_real).5), *g;
        g = gan_grad(gan_sum_all(y), x, 0);
        CHECK(gan_data(g)[0] == 0 && gan_data(y) != gan_data(x), "gradient %g", (double)gan_data(g)[0]);
        gan_data(y)[0] = 77;
        CHECK(number_of((gan_real *)pool->store->data) == 1, "the store was written to from outside");
        gan_destroy(ctx);
    }
    TEST ("errors of pools: names, shapes, numbers, NULL") {
        gan_context *ctx = gan_create(NULL), *other = gan_create(NULL);
        gan_pool *pool = gan_pool_create(ctx, "p", 3);
        gan_tensor *x = numbered(ctx, 1);
        CHECK(gan_pool_create(NULL, "p", 3) == NULL && gan_pool_query(NULL, NULL, 1) == NULL, "of NULL");
        CHECK(gan_pool_create(ctx, "p", 3) == NULL && gan_error(ctx) == GAN_ERROR_NAME, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(gan_pool_create(ctx, NULL, 3) == NULL && gan_error(ctx) == GAN_ERROR_NAME, "%d",
              gan_error(ctx));
        gan_error_clear(ctx);
        CHECK(gan_pool_create(ctx, "q", -1) == NULL && gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d",
              gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_pool_query(pool, x, (gan_real).5);
        CHECK(!gan_error(ctx) && pool->count == 3, "%s", gan_error_message(ctx));
        (void)gan_pool_query(pool, gan_zeros(ctx, 4, 3, 2), (gan_real).5);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "shape of the first");
        gan_error_clear(ctx);
        (void)gan_pool_query(pool, gan_scalar(ctx, 1), (gan_real).5);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_pool_query(pool, x, 2);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_pool_query(NULL, x, 1);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_pool_query(pool, NULL, 1);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_pool_query(pool, gan_zeros(other, 4, 2, 3), 1);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        CHECK(gan_numel(gan_pool_query(pool, gan_zeros(ctx, 0, 2, 3), 1)) == 0, "of nothing something");
        CHECK(number_of((gan_real *)pool->store->data) == 1, "an error changed the pool");
        gan_destroy(other);
        gan_destroy(ctx);
    }
}

typedef struct run {
    gan_context *ctx;
    gan_pool *pool;
} run;
static run begin(uint64_t seed)
{
    run r;
    gan_desc d;
    memset(&d, 0, sizeof d);
    d.seed = seed;
    r.ctx = gan_create(&d);
    r.pool = gan_pool_create(r.ctx, "fakes", CAPACITY);
    return r;
}
// Steps [from, to) with augmented batches; the outputs one behind the other in out.
static void steps(run r, int from, int to, gan_real *out)
{
    gan_augment_desc d = desc_of(GAN_AUGMENT_NOISE, .5, 0);
    for (; from < to; ++from) {
        gan_scope_open(r.ctx);
        gan_read(gan_pool_query(r.pool, gan_augment(numbered(r.ctx, from * BATCH), &d), (gan_real).5),
                 out + from * BATCH * SAMPLE, BATCH * SAMPLE);
        gan_scope_close(r.ctx);
    }
}

static void test_resume(void)
{
    enum { STEPS = 8, NUMBERS = STEPS * BATCH * SAMPLE };
    TEST ("saved at each step and resumed a pool gives the bits of the uninterrupted run, whenever it is "
          "loaded") {
        const char *path = test_path("pool.safetensors");
        static gan_real whole[NUMBERS], resumed[NUMBERS];
        int k, when;
        for (k = 0; k <= STEPS; ++k)
            for (when = 0; when < 4; ++when) {
                run a = begin(3), b = begin(99);
                unsigned char *bytes = NULL, *copy = NULL;
                long size = 0;
                memset(resumed, 0, sizeof resumed);
                steps(a, 0, k, whole);
                CHECK(gan_save(a.ctx, path) == 0, "save: %s", gan_error_message(a.ctx));
                steps(a, k, STEPS, whole);
                if (when == 1) steps(b, 0, 5, resumed); // it has met samples of its own
                if (when == 2) {                        // the file is there before the pool
                    gan_destroy(b.ctx);
                    b.ctx = gan_create(NULL);
                    CHECK(gan_load(b.ctx, path) == 0, "load: %s", gan_error_message(b.ctx));
                    b.pool = gan_pool_create(b.ctx, "fakes", CAPACITY);
                } else if (when == 3) { // from read-only memory
                    FILE *f = fopen(path, "rb");
                    size = test_file_size(path);
                    bytes = (unsigned char *)malloc((size_t)size),
                    copy = (unsigned char *)malloc((size_t)size);
                    CHECK(f && fread(bytes, 1, (size_t)size, f) == (size_t)size, "cannot be read");
                    if (f) fclose(f);
                    memcpy(copy, bytes, (size_t)size);
                    CHECK(gan_load_memory(b.ctx, bytes, (size_t)size) == 0, "%s", gan_error_message(b.ctx));
                } else CHECK(gan_load(b.ctx, path) == 0, "load: %s", gan_error_message(b.ctx));
                steps(b, k, STEPS, resumed);
                CHECK_BYTES(resumed + k * BATCH * SAMPLE, whole + k * BATCH * SAMPLE,
                            (STEPS - k) * BATCH * SAMPLE * sizeof *whole, "samples");
                if (bytes) CHECK_BYTES(bytes, copy, size, "memory that was to be read only");
                CHECK(b.pool->count == a.pool->count, "%d", (int)b.pool->count);
                CHECK(!gan_error(b.ctx), "%s", gan_error_message(b.ctx));
                gan_destroy(a.ctx), gan_destroy(b.ctx);
                free(bytes), free(copy);
            }
    }
    TEST_MUST_FAIL ("a run that resumes without its pool is caught") {
        const char *path = test_path("pool.safetensors");
        static gan_real whole[NUMBERS], resumed[NUMBERS];
        run a = begin(3), b = begin(99);
        steps(a, 0, 5, whole);
        (void)gan_save(a.ctx, path);
        steps(a, 5, STEPS, whole);
        b.pool = gan_pool_create(b.ctx, "another", CAPACITY);
        (void)gan_load(b.ctx, path);
        steps(b, 5, STEPS, resumed);
        CHECK_BYTES(resumed + 5 * BATCH * SAMPLE, whole + 5 * BATCH * SAMPLE,
                    3 * BATCH * SAMPLE * sizeof *whole, "samples");
        gan_destroy(a.ctx), gan_destroy(b.ctx);
    }
    TEST ("a checkpoint of a pool of another capacity, or with an impossible count, is an error") {
        const char *path = test_path("pool.safetensors");
        static gan_real out[NUMBERS];
        run a = begin(3), b = begin(4);
        gan_context *ctx = gan_create(NULL);
        gan_pool *pool;
        steps(a, 0, 5, out);
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        (void)gan_load(ctx, path);
        pool = gan_pool_create(ctx, "fakes", CAPACITY + 1);
        (void)gan_pool_query(pool, numbered(ctx, 1), 1);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
        a.pool->count = 1000;
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        (void)gan_load(b.ctx, path);
        (void)gan_pool_query(b.pool, numbered(b.ctx, 1), 1);
        CHECK(gan_error(b.ctx) == GAN_ERROR_FORMAT, "%s", gan_error_message(b.ctx));
        gan_destroy(ctx), gan_destroy(a.ctx), gan_destroy(b.ctx);
    }
}

int main(void)
{
    test_forward();
    test_controls();
    test_identity();
    test_statistics();
    test_constant();
    test_noise();
    test_gradients();
    test_threads();
    test_errors();
    test_adapt();
    test_pool();
    test_resume();
    printf("%d augmentations\n", (int)GAN_AUGMENT_COUNT);
#ifdef GAN_DOUBLE
    printf("%d gradient checks of orders 1 and 2: worst error %.3g, at most %.3g of the tolerance\n",
           gradchecks, worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}
