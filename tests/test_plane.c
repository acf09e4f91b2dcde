// Pooling and upsampling.
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

static void negative_controls(void)
{
    control_forward("max_pool2d with its columns off by one", f_max_pool2d, r_wrong_stride, "2,2,6,6",
                    P(.i = {2, 2}));
    control_forward("the maximum for the mean", f_avg_pool2d, r_max_pool2d, "2,2,4,4", P(.i = {2, 2}));
    control_forward("bilinear with aligned corners", f_upsample, r_wrong_bilinear, "1,1,3,3",
                    P(.i = {2, GAN_BILINEAR}));
}

int main(void)
{
    GAN_OPERATIONS_PLANE(OPS_TEST)
    negative_controls();
    return ops_done();
}
