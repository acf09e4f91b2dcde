// Pooling, upsampling, affine sampling.
#include "ops.h"

// i: kernel, stride

CALL(max_pool2d, gan_max_pool2d(x[0], q->i[0], q->i[1]))
CALL(avg_pool2d, gan_avg_pool2d(x[0], q->i[0], q->i[1]))
static nd pool(const params *q, const nd *x, int maximum)
{
    int k = q->i[0], s = q->i[1] ? q->i[1] : k, h = x->dim[2], w = x->dim[3], oh = (h - k) / s + 1,
        ow = (w - k) / s + 1;
    nd y = nd_new4(x->dim[0], x->dim[1], oh, ow);
    for (size_t e = 0; e < y.n; ++e) {
        int at[4], u, v;
        double m = -HUGE_VAL, sum = 0;
        unravel(e, 4, y.dim, at);
        for (u = 0; u < k; ++u)
            for (v = 0; v < k; ++v) {
                double t = x->v[((at[0] * x->dim[1] + at[1]) * h + at[2] * s + u) * w + at[3] * s + v];
                if (t > m) m = t;
                sum += t;
            }
        y.v[e] = maximum ? m : sum / (k * k);
    }
    return y;
}
static nd r_max_pool2d(const params *q, const nd *x) { return pool(q, x, 1); }
// x[0] the input of max_pool2d; the first of equal maxima of the window of entry e stands here.
static size_t pool_place(const params *q, const nd *x, const int *ydim, size_t e)
{
    int k = q->i[0], s = q->i[1] ? q->i[1] : k, h = x->dim[2], w = x->dim[3], at[4], u;
    size_t best = 0;
    double top = -HUGE_VAL;
    unravel(e, 4, ydim, at);
    for (u = 0; u < k * k; ++u) {
        size_t place =
            (size_t)(((at[0] * x->dim[1] + at[1]) * h + at[2] * s + u / k) * w + at[3] * s + u % k);
        if (x->v[place] > top) top = x->v[place], best = place;
    }
    return best;
}
CALL(max_unpool2d, pull(gan_max_pool2d(x[0], q->i[0], q->i[1]), x[1], x[0]))
static nd r_max_unpool2d(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim);
    for (size_t e = 0; e < x[1].n; ++e) y.v[pool_place(q, x, x[1].dim, e)] += x[1].v[e];
    return y;
}
// The gradient of sum(x[2] max_unpool2d(x[1])) by x[1].
CALL(max_repool2d, pull(pull(gan_max_pool2d(x[0], q->i[0], q->i[1]), x[1], x[0]), x[2], x[1]))
static nd r_max_repool2d(const params *q, const nd *x)
{
    nd y = nd_new(4, x[1].dim);
    for (size_t e = 0; e < y.n; ++e) y.v[e] = x[2].v[pool_place(q, x, y.dim, e)];
    return y;
}
static nd r_avg_pool2d(const params *q, const nd *x) { return pool(q, x, 0); }
CALL(avg_pool2d_backward, pull(gan_avg_pool2d(x[0], q->i[0], q->i[1]), x[1], x[0]))
static nd r_avg_pool2d_backward(const params *q, const nd *x)
{
    int k = q->i[0], s = q->i[1] ? q->i[1] : k, h = x->dim[2], w = x->dim[3];
    nd y = nd_new(4, x->dim);
    for (size_t e = 0; e < x[1].n; ++e) {
        int at[4], u, v;
        unravel(e, 4, x[1].dim, at);
        for (u = 0; u < k; ++u)
            for (v = 0; v < k; ++v)
                y.v[((at[0] * x->dim[1] + at[1]) * h + at[2] * s + u) * w + at[3] * s + v] +=
                    x[1].v[e] / (k * k);
    }
    return y;
}
static const op_case pool_cases[] = {
    {"2,3,4,4", {2, 2}}, {"1,2,5,7", {2, 0}}, {"1,2,5,7", {3, 1}},
    {"1,1,7,5", {3, 2}}, {"1,1,6,6", {2, 3}}, {"1,3,3,3", {1, 1}},
    {"1,1,1,1", {1, 0}}, {"2,1,4,3", {3, 3}}, {"1,1,13,14", {12, 1}},
};
static const op_case pool_backward_cases[] = {
    {"2,2,4,4; 2,2,2,2", {2, 2}},
    {"1,2,5,7; 1,2,3,5", {3, 1}},
    {"1,1,7,5; 1,1,3,2", {3, 2}},
    {"1,1,1,1; 1,1,1,1", {1, 0}},
};
static void test_max_pool2d(void)
{
    OVER_CASES(pool_cases, max_pool2d);
    LARGE(max_pool2d, "16,33,24,24", P(.i = {2, 2}));
    LARGE(max_pool2d, "4,33,24,25", P(.i = {3, 2}));
}
static void test_max_unpool2d(void)
{
    OVER_CASES(pool_backward_cases, max_unpool2d);
    op_sample("max_unpool2d of a wide window", f_max_unpool2d, r_max_unpool2d, "1,1,13,14; 1,1,2,3",
              P(.i = {12, 1}, .seeds = 1));
    LARGE(max_unpool2d, "16,33,24,24; 16,33,12,12", P(.i = {2, 2}));
    LARGE(max_unpool2d, "4,33,25,37; 4,33,12,18", P(.i = {2, 2}));
    LARGE(max_unpool2d, "4,33,24,25; 4,33,11,12", P(.i = {3, 2}));
}
static void test_max_repool2d(void)
{
    op_sample("max_repool2d", f_max_repool2d, r_max_repool2d, "1,2,5,7; 1,2,2,3; 1,2,5,7", P(.i = {2, 2}));
    op_sample("max_repool2d, overlapping", f_max_repool2d, r_max_repool2d, "1,2,5,7; 1,2,3,5; 1,2,5,7",
              P(.i = {3, 1}));
    LARGE(max_repool2d, "4,33,24,24; 4,33,12,12; 4,33,24,24", P(.i = {2, 2}));
}
static void test_avg_pool2d(void)
{
    OVER_CASES(pool_cases, avg_pool2d);
    LARGE(avg_pool2d, "16,33,24,24", P(.i = {2, 2}));
    LARGE(avg_pool2d, "4,33,24,25", P(.i = {3, 2}));
}
static void test_avg_pool2d_backward(void)
{
    OVER_CASES(pool_backward_cases, avg_pool2d_backward);
    LARGE(avg_pool2d_backward, "16,33,24,24; 16,33,12,12", P(.i = {2, 2}));
}

// i: factor, mode. The weights of output row or column o on the inputs.
static void upsample_taps(int o, int f, int n, int mode, int *at, double *weight)
{
    double s = (o + .5) / f - .5;
    if (mode == GAN_NEAREST) {
        at[0] = at[1] = o / f;
        weight[0] = 1, weight[1] = 0;
        return;
    }
    if (s < 0) s = 0;
    at[0] = (int)floor(s);
    at[1] = at[0] + 1 < n ? at[0] + 1 : n - 1;
    weight[1] = s - at[0];
    weight[0] = 1 - weight[1];
}
static void upsample_walk(const params *q, const int *xdim, const double *in, double *out, int backward)
{
    int f = q->i[0], h = xdim[2], w = xdim[3], planes = xdim[0] * xdim[1], p, y, z, i, j;
    for (p = 0; p < planes; ++p)
        for (y = 0; y < h * f; ++y)
            for (z = 0; z < w * f; ++z) {
                int ay[2], az[2], o = (p * h * f + y) * w * f + z;
                double wy[2], wz[2];
                upsample_taps(y, f, h, q->i[1], ay, wy);
                upsample_taps(z, f, w, q->i[1], az, wz);
                for (i = 0; i < 2; ++i)
                    for (j = 0; j < 2; ++j) {
                        int e = (p * h + ay[i]) * w + az[j];
                        if (backward) out[e] += wy[i] * wz[j] * in[o];
                        else out[o] += wy[i] * wz[j] * in[e];
                    }
            }
}
CALL(upsample, gan_upsample(x[0], q->i[0], (gan_upsample_mode)q->i[1]))
static nd r_upsample(const params *q, const nd *x)
{
    nd y = nd_new4(x->dim[0], x->dim[1], x->dim[2] * q->i[0], x->dim[3] * q->i[0]);
    upsample_walk(q, x->dim, x->v, y.v, 0);
    return y;
}
CALL(upsample_backward, pull(gan_upsample(x[0], q->i[0], (gan_upsample_mode)q->i[1]), x[1], x[0]))
static nd r_upsample_backward(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim);
    upsample_walk(q, x->dim, x[1].v, y.v, 1);
    return y;
}
static const op_case upsample_cases[] = {
    {"2,2,3,4", {2, GAN_NEAREST}},  {"1,1,3,2", {3, GAN_NEAREST}},  {"1,1,1,1", {2, GAN_NEAREST}},
    {"1,2,3,3", {1, GAN_NEAREST}},  {"2,2,3,4", {2, GAN_BILINEAR}}, {"1,1,3,2", {3, GAN_BILINEAR}},
    {"1,1,1,1", {4, GAN_BILINEAR}}, {"1,1,1,3", {5, GAN_BILINEAR}}, {"1,2,3,3", {1, GAN_BILINEAR}},
};
static const op_case upsample_backward_cases[] = {
    {"1,2,3,2; 1,2,6,4", {2, GAN_NEAREST}},
    {"1,2,3,2; 1,2,6,4", {2, GAN_BILINEAR}},
    {"1,1,2,3; 1,1,6,9", {3, GAN_BILINEAR}},
};
static void test_upsample(void)
{
    OVER_CASES(upsample_cases, upsample);
    LARGE(upsample, "8,33,13,11", P(.i = {2, GAN_BILINEAR}));
    LARGE(upsample, "8,33,13,11", P(.i = {2, GAN_NEAREST}));
}
static void test_upsample_backward(void) { OVER_CASES(upsample_backward_cases, upsample_backward); }

// i[0]: border. x[1] / 1024 - 2 is a map (N, 2, 3) with entries -2 .. 2. The reference weighs every pixel of
// the image and of its mirror images by a tent of width 2 about the place that is looked at.
static double tent(double d) { return fabs(d) < 1 ? 1 - fabs(d) : 0; }
static double tent_axis(double at, int k, int n, int border)
{
    double sum = 0;
    int m;
    if (border == GAN_BORDER_ZEROS) return tent(at - k);
    for (m = -20; m <= 20; ++m) sum += tent(at - k - 2 * n * m) + tent(at + 1 + k - 2 * n * m);
    return sum;
}
static void affine_walk(const params *q, const nd *x, const double *in, double *out, int adjoint)
{
    int c = x->dim[1], h = x->dim[2], w = x->dim[3], e, k, y, z;
    for (e = 0; e < x->dim[0] * h * w; ++e) { // sample e / (h w), pixel (j, i)
        const int n = e / (h * w), i = e / w % h, j = e % w;
        double m[6];
        for (k = 0; k < 6; ++k) m[k] = x[1].v[6 * n + k] / 1024 - 2;
        for (y = 0; y < h; ++y) {
            double row = tent_axis(m[3] * j + m[4] * i + m[5], y, h, q->i[0]);
            for (z = 0; z < w && row != 0; ++z) {
                double weight = row * tent_axis(m[0] * j + m[1] * i + m[2], z, w, q->i[0]);
                for (k = 0; k < c; ++k) {
                    int from = ((n * c + k) * h + y) * w + z, to = ((n * c + k) * h + i) * w + j;
                    if (adjoint) out[from] += weight * in[to];
                    else out[to] += weight * in[from];
                }
            }
        }
    }
}
CALL(affine_sample, gan_affine_sample(x[0], gan_affine(x[1], (gan_real)(1 / 1024.), -2), (gan_border)q->i[0]))
static nd r_affine_sample(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim);
    affine_walk(q, x, x->v, y.v, 0);
    return y;
}
CALL(affine_sample_backward,
     pull(gan_affine_sample(x[0], gan_affine(x[1], (gan_real)(1 / 1024.), -2), (gan_border)q->i[0]), x[2],
          x[0]))
static nd r_affine_sample_backward(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim);
    affine_walk(q, x, x[2].v, y.v, 1);
    return y;
}
static const op_case affine_cases[] = {
    {"2,3,4,5; i4096:2,2,3", {GAN_BORDER_REFLECT}}, {"2,3,4,5; i4096:2,2,3", {GAN_BORDER_ZEROS}},
    {"3,1,5,3; i4096:3,2,3", {GAN_BORDER_REFLECT}}, {"1,4,1,1; i4096:1,2,3", {GAN_BORDER_REFLECT}},
    {"1,1,1,1; i4096:1,2,3", {GAN_BORDER_ZEROS}},   {"1,2,1,6; i4096:1,2,3", {GAN_BORDER_REFLECT}},
};
static const op_case affine_backward_cases[] = {
    {"2,3,4,5; i4096:2,2,3; 2,3,4,5", {GAN_BORDER_REFLECT}},
    {"2,3,4,5; i4096:2,2,3; 2,3,4,5", {GAN_BORDER_ZEROS}},
    {"1,1,1,1; i4096:1,2,3; 1,1,1,1", {GAN_BORDER_REFLECT}},
    {"1,2,1,6; i4096:1,2,3; 1,2,1,6", {GAN_BORDER_REFLECT}},
};

// With a map that is given: every sample's, from the row of table `i[1]`.
static const double affine_maps[][6] = {
    {1, 0, 0, 0, 1, 0},     {-1, 0, 6, 0, 1, 0},     {1, 0, -2, 0, 1, 3},
    {0, -1, 5, 1, 0, -1.5}, {.3, .4, 2, -.4, .3, 1}, {0, 0, -7.25, 0, 0, 40},
};
static gan_tensor *affine_map(gan_context *ctx, int n, int row)
{
    gan_tensor *t = gan_zeros(ctx, n, 2, 3);
    int k;
    for (k = 0; k < 6 * n; ++k) gan_data(t)[k] = (gan_real)affine_maps[row][k % 6];
    return t;
}
CALL(affine_given, gan_affine_sample(x[0], affine_map(ctx, gan_dim(x[0], 0), q->i[1]), (gan_border)q->i[0]))
static nd r_affine_given(const params *q, const nd *x)
{
    nd y = nd_new(4, x->dim), in[2];
    int dim[3], k;
    dim[0] = x->dim[0], dim[1] = 2, dim[2] = 3;
    in[0] = x[0];
    in[1] = nd_new(3, dim);
    for (k = 0; k < 6 * dim[0]; ++k) in[1].v[k] = ((double)(gan_real)affine_maps[q->i[1]][k % 6] + 2) * 1024;
    affine_walk(q, in, x->v, y.v, 0);
    return y;
}
static const op_case affine_given_cases[] = {
    {"2,2,4,7", {GAN_BORDER_REFLECT, 0}}, {"2,2,4,7", {GAN_BORDER_REFLECT, 1}},
    {"2,2,4,7", {GAN_BORDER_REFLECT, 2}}, {"2,2,4,7", {GAN_BORDER_REFLECT, 3}},
    {"2,2,4,7", {GAN_BORDER_REFLECT, 4}}, {"2,2,4,7", {GAN_BORDER_REFLECT, 5}},
    {"2,2,4,7", {GAN_BORDER_ZEROS, 2}},   {"2,2,4,7", {GAN_BORDER_ZEROS, 3}},
    {"2,2,4,7", {GAN_BORDER_ZEROS, 4}},   {"2,2,4,7", {GAN_BORDER_ZEROS, 5}},
};
static double dot(gan_tensor *a, gan_tensor *b)
{
    double s = 0;
    for (size_t k = 0; k < gan_numel(a); ++k) s += (double)gan_data(a)[k] * (double)gan_data(b)[k];
    return s;
}
static void test_affine_sample(void)
{
    OVER_CASES(affine_cases, affine_sample);
    OVER_CASES(affine_given_cases, affine_given);
    LARGE(affine_sample, "9,3,24,70; i4096:9,2,3", P(.i = {GAN_BORDER_REFLECT}, .tol = 40));
    TEST ("whole-pixel maps move bits: the unit map, a flip, a step") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 3, 5, 7), *flip, *step, *map;
        int k, wrong = 0;
        gan_data(x)[3] = -(gan_real)0;
        CHECK(same_bits(gan_affine_sample(x, affine_map(ctx, 2, 0), GAN_BORDER_REFLECT), x), "the unit map");
        flip = gan_affine_sample(x, affine_map(ctx, 2, 1), GAN_BORDER_REFLECT);
        map = affine_map(ctx, 2, 0);
        gan_data(map)[2] = gan_data(map)[8] = 2;
        step = gan_affine_sample(x, map, GAN_BORDER_ZEROS);
        for (k = 0; k < 210; ++k) {
            wrong += gan_data(flip)[k] != gan_data(x)[k / 7 * 7 + 6 - k % 7];
            wrong += gan_data(step)[k] != (k % 7 < 5 ? gan_data(x)[k + 2] : 0);
        }
        CHECK(wrong == 0, "%d pixels", wrong);
        gan_destroy(ctx);
    }
    TEST ("numbers that are no places, however far, sample the border and never crash") {
        gan_context *ctx = gan_create(NULL);
        gan_real far[] = {(gan_real)1e30,      (gan_real)-1e30, (gan_real)HUGE_VAL,
                          (gan_real)-HUGE_VAL, 2147483648.f,    -2147483649.f};
        size_t k;
        for (k = 0; k <= COUNT(far); ++k) {
            gan_tensor *x = gan_full(ctx, 3, 1, 1, 2, 3), *map = affine_map(ctx, 1, 0), *y;
            gan_data(map)[k % 6] = k < COUNT(far) ? far[k] : (gan_real)NAN;
            y = gan_affine_sample(x, map, GAN_BORDER_REFLECT);
            CHECK_NEAR(gan_data(y)[5], 3, 1e-5, "a constant image, reflected");
            (void)gan_grad(gan_sum_all(gan_affine_sample(x, map, GAN_BORDER_ZEROS)), x, 0);
            CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        }
        gan_destroy(ctx);
    }
    TEST ("what does not fit is an error that says what was wanted") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 2, 1, 3, 3), *map = affine_map(ctx, 2, 0);
        (void)gan_affine_sample(gan_zeros(ctx, 2, 3, 3), map, GAN_BORDER_ZEROS);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "(N, C, H, W) and (N, 2, 3)");
        gan_error_clear(ctx);
        (void)gan_affine_sample(x, affine_map(ctx, 1, 0), GAN_BORDER_ZEROS);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%d", gan_error(ctx));
        gan_error_clear(ctx);
        (void)gan_affine_sample(x, map, (gan_border)7);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "border 7");
        gan_error_clear(ctx);
        CHECK(gan_affine_sample(NULL, NULL, GAN_BORDER_ZEROS) == NULL, "no context to fail in");
        (void)gan_affine_sample(x, NULL, GAN_BORDER_ZEROS);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
        gan_destroy(ctx);
    }
}
static void test_affine_sample_backward(void)
{
    int border;
    OVER_CASES(affine_backward_cases, affine_sample_backward);
    LARGE(affine_sample_backward, "9,3,24,70; i4096:9,2,3; 9,3,24,70",
          P(.i = {GAN_BORDER_REFLECT}, .tol = 200));
    for (border = 0; border < 2; ++border)
        TESTF ("<A x, y> = <x, A^T y> for affine sampling, border %d", border) {
            gan_context *ctx = gan_create(NULL);
            int row;
            for (row = 0; row < (int)COUNT(affine_maps); ++row) {
                gan_tensor *x = gan_rand_normal(ctx, 2, 3, 5, 7), *y = gan_rand_normal(ctx, 2, 3, 5, 7);
                gan_tensor *ax = gan_affine_sample(x, affine_map(ctx, 2, row), (gan_border)border);
                gan_tensor *aty = gan_grad(gan_sum_all(gan_mul(ax, y)), x, 0);
                CHECK_NEAR(dot(ax, y), dot(x, aty), 400 * REAL_TOL, "the two products");
                CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
            }
            gan_destroy(ctx);
        }
}

// ---- negative controls

static nd r_wrong_bilinear(const params *q, const nd *x) // align_corners true
{
    int f = q->i[0], h = x->dim[2], w = x->dim[3];
    nd y = nd_new4(x->dim[0], x->dim[1], h * f, w * f);
    for (size_t k = 0; k < y.n; ++k) {
        int at[4], a, b;
        double s, t, fs, ft;
        const double *p;
        unravel(k, 4, y.dim, at);
        s = at[2] * (h - 1.) / (h * f - 1), t = at[3] * (w - 1.) / (w * f - 1);
        a = (int)s, b = (int)t;
        if (a > h - 2) a = h - 2;
        if (b > w - 2) b = w - 2;
        fs = s - a, ft = t - b;
        p = x->v + (size_t)(at[0] * x->dim[1] + at[1]) * (size_t)(h * w);
        y.v[k] = (1 - fs) * ((1 - ft) * p[a * w + b] + ft * p[a * w + b + 1]) +
                 fs * ((1 - ft) * p[(a + 1) * w + b] + ft * p[(a + 1) * w + b + 1]);
    }
    return y;
}

static nd r_wrong_stride(const params *q,
                         const nd *x) // windows that begin a pixel too early, but for the first
{
    nd y = pool(q, x, 1);
    const int k = q->i[0], s = q->i[1];
    for (size_t e = 0; e < y.n; ++e) {
        int at[4];
        double top = -HUGE_VAL;
        unravel(e, 4, y.dim, at);
        for (int u = 0; u < k * k; ++u) {
            int left = at[3] ? at[3] * s - 1 : 0;
            double v = x->v[((at[0] * x->dim[1] + at[1]) * x->dim[2] + at[2] * s + u / k) * x->dim[3] + left +
                            u % k];
            if (v > top) top = v;
        }
        y.v[e] = top;
    }
    return y;
}

static nd r_wrong_border(const params *q, const nd *x) // zeros for the mirror image
{
    params zeros = *q;
    nd y = nd_new(4, x->dim);
    zeros.i[0] = GAN_BORDER_ZEROS;
    affine_walk(&zeros, x, x->v, y.v, 0);
    return y;
}
static nd r_not_the_adjoint(const params *q, const nd *x) // sampled once more instead of spread
{
    nd y = nd_new(4, x->dim);
    affine_walk(q, x, x[2].v, y.v, 0);
    return y;
}

static void negative_controls(void)
{
    control_forward("affine sampling with the other border", f_affine_sample, r_wrong_border,
                    "2,3,4,5; i4096:2,2,3", P(.i = {GAN_BORDER_REFLECT}));
    control_forward("the map itself for its adjoint", f_affine_sample_backward, r_not_the_adjoint,
                    "2,3,4,5; i4096:2,2,3; 2,3,4,5", P(.i = {GAN_BORDER_REFLECT}));
    control_forward("max_pool2d with its columns off by one", f_max_pool2d, r_wrong_stride, "2,2,6,6",
                    P(.i = {2, 2}));
    control_forward("the maximum for the mean", f_avg_pool2d, r_max_pool2d, "2,2,4,4", P(.i = {2, 2}));
    control_forward("bilinear with aligned corners", f_upsample, r_wrong_bilinear, "1,1,3,3",
                    P(.i = {2, GAN_BILINEAR}));
}

int main(void)
{
    GAN__OPERATIONS_PLANE(OPS_TEST)
    negative_controls();
    return ops_done();
}
