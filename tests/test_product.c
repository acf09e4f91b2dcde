// Matrix products, linear, and the convolution trio.
#include "ops.h"

#include <limits.h>

// i[0], i[1]: transpose a, b; batch axes broadcast.
CALL(matmul, gan_matmul(x[0], x[1]))
CALL(matmul_t, gan_matmul_t(x[0], q->i[0], x[1], q->i[1]))
static nd r_matmul_t(const params *q, const nd *x)
{
    int na = x[0].ndim, nb = x[1].ndim, dim[8], i, ndim = na > nb ? na : nb;
    int m = x[0].dim[na - (q->i[0] ? 1 : 2)], k = x[0].dim[na - (q->i[0] ? 2 : 1)],
        n = x[1].dim[nb - (q->i[1] ? 2 : 1)];
    nd y;
    for (i = 0; i < ndim - 2; ++i) {
        int a = i - (ndim - na), b = i - (ndim - nb), da = a < 0 ? 1 : x[0].dim[a],
            db = b < 0 ? 1 : x[1].dim[b];
        dim[i] = da == 1 ? db : da;
    }
    dim[ndim - 2] = m;
    dim[ndim - 1] = n;
    y = nd_new(ndim, dim);
    for (size_t e = 0; e < y.n; ++e) {
        int at[8], row, col, l;
        double s = 0;
        unravel(e, ndim, dim, at);
        row = at[ndim - 2];
        col = at[ndim - 1];
        for (l = 0; l < k; ++l) {
            double a, b;
            at[ndim - 2] = q->i[0] ? l : row;
            at[ndim - 1] = q->i[0] ? row : l;
            a = nd_at(&x[0], ndim, at);
            at[ndim - 2] = q->i[1] ? col : l;
            at[ndim - 1] = q->i[1] ? l : col;
            b = nd_at(&x[1], ndim, at);
            s += a * b;
        }
        y.v[e] = s;
    }
    return y;
}
#define r_matmul r_matmul_t
static void test_matmul(void)
{
    static const char *const shapes[] = {"3,5; 5,4",   "1,1; 1,1",         "1,7; 7,1",
                                         "7,1; 1,3",   "2,3,4; 2,4,2",     "2,3,4; 4,3",
                                         "3,4; 2,4,3", "2,1,2,3; 1,3,3,2", "5,3,1; 1,1,2"};
    static const char *const t10[] = {"5,3; 5,4", "2,4,3; 2,4,2", "4,3; 3,4,2"};
    static const char *const t01[] = {"3,5; 4,5", "2,3,4; 2,2,4", "2,3,4; 2,4"};
    static const char *const t11[] = {"5,3; 4,5", "2,4,3; 2,2,4", "1,4,3; 2,2,4"};
    OVER(shapes, matmul, NONE);
    OVER(shapes, matmul_t, NONE);
    OVER(t10, matmul_t, P(.i = {1, 0}));
    OVER(t01, matmul_t, P(.i = {0, 1}));
    OVER(t11, matmul_t, P(.i = {1, 1}));
    LARGE(matmul, "133,257; 257,131", P(.tol = 10));
    LARGE(matmul_t, "257,133; 131,257", P(.i = {1, 1}, .tol = 10));
    LARGE(matmul, "3,65,67; 3,67,71", P(.tol = 10));
    LARGE(matmul_t, "65,5001; 33,5001", P(.i = {0, 1}, .tol = 40));
}

CALL(linear, gan_f_linear(x[0], x[1], q->n > 2 ? x[2] : NULL))
static nd r_linear(const params *q, const nd *x)
{
    int in = x[1].dim[1], out = x[1].dim[0], dim[8], i, rows = (int)(x->n / (size_t)in);
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 1] = out;
    y = nd_new(x->ndim, dim);
    for (int r = 0; r < rows; ++r)
        for (int o = 0; o < out; ++o) {
            double s = q->n > 2 ? x[2].v[o] : 0;
            for (i = 0; i < in; ++i) s += x->v[r * in + i] * x[1].v[o * in + i];
            y.v[r * out + o] = s;
        }
    return y;
}
static void test_linear(void)
{
    op_sample("linear", f_linear, r_linear, "4,3; 5,3; 5", NONE);
    op_sample("linear without bias", f_linear, r_linear, "4,3; 5,3", NONE);
    op_sample("linear of size 1", f_linear, r_linear, "1,1; 1,1; 1", NONE);
    op_sample("linear of a vector", f_linear, r_linear, "3; 2,3; 2", NONE);
    op_sample("linear over leading axes", f_linear, r_linear, "2,3,4; 5,4; 5", NONE);
    op_sample("linear to one", f_linear, r_linear, "7,5; 1,5; 1", NONE);
    LARGE(linear, "129,257; 65,257; 65", P(.tol = 10));
    LARGE(linear, "64,1024; 1,1024; 1", P(.tol = 20));
}

// ---- convolutions; i: sh sw ph pw dh dw oph opw groups; zero: the default, or as the first of its pair

static gan_conv2d_desc conv_desc(const params *q)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.stride[0] = q->i[0], d.stride[1] = q->i[1];
    d.padding_h = q->i[2], d.padding_w = q->i[3] ? q->i[3] : q->i[2];
    d.dilation[0] = q->i[4], d.dilation[1] = q->i[5];
    d.output_padding_h = q->i[6], d.output_padding_w = q->i[7] ? q->i[7] : q->i[6];
    d.groups = q->i[8];
    return d;
}
typedef struct geometry {
    int sh, sw, ph, pw, dh, dw, oph, opw, g;
} geometry;
static geometry conv_geometry(const params *q)
{
    geometry c;
    c.sh = q->i[0] ? q->i[0] : 1;
    c.sw = q->i[1] ? q->i[1] : c.sh;
    c.ph = q->i[2];
    c.pw = q->i[3] ? q->i[3] : c.ph;
    c.dh = q->i[4] ? q->i[4] : 1;
    c.dw = q->i[5] ? q->i[5] : c.dh;
    c.oph = q->i[6];
    c.opw = q->i[7] ? q->i[7] : c.oph;
    c.g = q->i[8] ? q->i[8] : 1;
    return c;
}
static gan_tensor *call_conv(gan_tensor **x, const params *q, int bias)
{
    gan_conv2d_desc d = conv_desc(q);
    return gan_f_conv2d(x[0], x[1], bias ? x[2] : NULL, &d);
}
static gan_tensor *call_conv_transpose(gan_tensor **x, const params *q, int bias)
{
    gan_conv2d_desc d = conv_desc(q);
    return gan_f_conv_transpose2d(x[0], x[1], bias ? x[2] : NULL, &d);
}
CALL(conv2d, call_conv(x, q, q->n > 2))
CALL(conv_transpose2d, call_conv_transpose(x, q, q->n > 2))
static nd r_conv2d(const params *q, const nd *x)
{
    geometry c = conv_geometry(q);
    int n = x->dim[0], h = x->dim[2], w = x->dim[3], o = x[1].dim[0], ci = x[1].dim[1], kh = x[1].dim[2],
        kw = x[1].dim[3];
    int oh = (h + 2 * c.ph - c.dh * (kh - 1) - 1) / c.sh + 1,
        ow = (w + 2 * c.pw - c.dw * (kw - 1) - 1) / c.sw + 1, k, j, y, z, u, v, a;
    nd out = nd_new4(n, o, oh, ow);
    for (k = 0; k < n; ++k)
        for (j = 0; j < o; ++j)
            for (y = 0; y < oh; ++y)
                for (z = 0; z < ow; ++z) {
                    double s = q->n > 2 ? x[2].v[j] : 0;
                    for (a = 0; a < ci; ++a)
                        for (u = 0; u < kh; ++u)
                            for (v = 0; v < kw; ++v) {
                                int yy = y * c.sh - c.ph + u * c.dh, zz = z * c.sw - c.pw + v * c.dw,
                                    channel = j / (o / c.g) * ci + a;
                                if (yy < 0 || yy >= h || zz < 0 || zz >= w) continue;
                                s += x->v[((k * x->dim[1] + channel) * h + yy) * w + zz] *
                                     x[1].v[((j * ci + a) * kh + u) * kw + v];
                            }
                    out.v[((k * o + j) * oh + y) * ow + z] = s;
                }
    return out;
}
// Scatter: each input pixel adds its kernel to the output.
static nd r_conv_transpose2d(const params *q, const nd *x)
{
    geometry c = conv_geometry(q);
    int n = x->dim[0], ci = x->dim[1], h = x->dim[2], w = x->dim[3], og = x[1].dim[1], kh = x[1].dim[2],
        kw = x[1].dim[3], o = og * c.g;
    int oh = (h - 1) * c.sh - 2 * c.ph + c.dh * (kh - 1) + c.oph + 1,
        ow = (w - 1) * c.sw - 2 * c.pw + c.dw * (kw - 1) + c.opw + 1;
    int k, a, j, y, z, u, v;
    nd out = nd_new4(n, o, oh, ow);
    for (k = 0; k < n; ++k)
        for (a = 0; a < ci; ++a)
            for (y = 0; y < h; ++y)
                for (z = 0; z < w; ++z)
                    for (j = 0; j < og; ++j)
                        for (u = 0; u < kh; ++u)
                            for (v = 0; v < kw; ++v) {
                                int yy = y * c.sh - c.ph + u * c.dh, zz = z * c.sw - c.pw + v * c.dw,
                                    channel = a / (ci / c.g) * og + j;
                                if (yy < 0 || yy >= oh || zz < 0 || zz >= ow) continue;
                                out.v[((k * o + channel) * oh + yy) * ow + zz] +=
                                    x->v[((k * ci + a) * h + y) * w + z] *
                                    x[1].v[((a * og + j) * kh + u) * kw + v];
                            }
    if (q->n > 2)
        for (size_t e = 0; e < out.n; ++e) out.v[e] += x[2].v[e / (size_t)(oh * ow) % (size_t)o];
    return out;
}
// The gradient of conv2d by its weight: x[0] the input, x[1] the weight (of which the result does not
// depend), x[2] the gradient.
CALL(conv2d_weight, pull(call_conv(x, q, 0), x[2], x[1]))
static nd r_conv2d_weight(const params *q, const nd *x)
{
    geometry c = conv_geometry(q);
    int n = x->dim[0], h = x->dim[2], w = x->dim[3], o = x[1].dim[0], ci = x[1].dim[1], kh = x[1].dim[2],
        kw = x[1].dim[3];
    int oh = x[2].dim[2], ow = x[2].dim[3], k, j, y, z, u, v, a;
    nd out = nd_new4(o, ci, kh, kw);
    for (j = 0; j < o; ++j)
        for (a = 0; a < ci; ++a)
            for (u = 0; u < kh; ++u)
                for (v = 0; v < kw; ++v) {
                    double s = 0;
                    for (k = 0; k < n; ++k)
                        for (y = 0; y < oh; ++y)
                            for (z = 0; z < ow; ++z) {
                                int yy = y * c.sh - c.ph + u * c.dh, zz = z * c.sw - c.pw + v * c.dw,
                                    channel = j / (o / c.g) * ci + a;
                                if (yy < 0 || yy >= h || zz < 0 || zz >= w) continue;
                                s += x->v[((k * x->dim[1] + channel) * h + yy) * w + zz] *
                                     x[2].v[((k * o + j) * oh + y) * ow + z];
                            }
                    out.v[((j * ci + a) * kh + u) * kw + v] = s;
                }
    return out;
}

static const op_case conv_cases[] = {
    {"2,2,5,5; 3,2,3,3; 3", {0}},
    {"1,1,3,3; 1,1,1,1; 1", {0}},
    {"1,1,1,1; 1,1,1,1", {0}},
    {"2,3,4,5; 2,3,1,1; 2", {0}},
    {"1,2,5,6; 2,2,3,2", {0}},
    {"1,2,6,5; 2,2,2,3; 2", {2}},
    {"2,1,7,7; 2,1,3,3; 2", {3}},
    {"1,2,7,8; 2,2,4,4; 2", {2, 0, 1}},
    {"1,2,5,5; 2,2,5,5", {1, 0, 2}},
    {"1,1,4,6; 2,1,3,3; 2", {2, 3, 1, 2}},
    {"1,2,7,6; 2,2,3,2; 2", {1, 0, 1, 0, 2, 3}},
    {"1,1,8,8; 1,1,3,3", {2, 0, 2, 0, 2}},
    {"1,1,9,7; 1,1,2,3", {3, 2, 1, 3, 3, 2}},
    {"2,4,5,4; 4,2,3,3; 4", {1, 0, 1, 0, 0, 0, 0, 0, 2}},
    {"1,3,4,5; 3,1,3,3; 3", {1, 0, 1, 0, 0, 0, 0, 0, 3}},
    {"1,2,5,5; 6,1,3,2", {2, 1, 1, 0, 0, 0, 0, 0, 2}},
    {"1,1,2,2; 2,1,3,3", {1, 0, 1}},
    {"1,1,3,3; 1,1,2,2", {3, 0, 2}},
    {"1,1,1,1; 2,1,3,3; 2", {2, 0, 3}},
    {"2,2,1,9; 2,2,1,4; 2", {1, 2, 0, 3}},
};
static const op_case transpose_cases[] = {
    {"2,2,3,3; 2,3,3,3; 3", {0}},
    {"1,1,1,1; 1,1,1,1; 1", {0}},
    {"1,2,3,4; 2,2,4,4; 2", {2, 0, 1}},
    {"1,2,3,2; 2,1,3,2", {3}},
    {"1,2,2,3; 2,2,2,2; 2", {2}},
    {"1,1,3,3; 1,2,1,1; 2", {2}},
    {"1,1,3,4; 1,2,3,3; 2", {2, 3, 1, 2, 0, 0, 1, 2}},
    {"1,2,3,3; 2,2,3,3; 2", {2, 0, 1, 0, 0, 0, 1}},
    {"1,1,4,3; 1,1,2,3", {3, 2, 1, 0, 2, 3, 2, 1}},
    {"1,2,4,3; 2,1,3,3; 1", {1, 0, 1, 0, 2}},
    {"1,4,3,2; 4,2,3,3; 4", {2, 0, 1, 0, 0, 0, 0, 0, 2}},
    {"2,3,2,3; 3,1,4,2; 3", {2, 1, 1, 0, 0, 0, 0, 0, 3}},
    {"1,2,2,2; 2,3,3,2; 6", {2, 0, 0, 0, 0, 0, 1, 0, 2}},
    {"1,1,2,2; 1,1,5,5; 1", {1, 0, 2}},
    {"1,1,1,3; 1,1,2,2", {3, 0, 0, 0, 0, 0, 2}},
};
// The same with the shape of the output's gradient as third input.
static const op_case weight_cases[] = {
    {"2,2,5,5; 3,2,3,3; 2,3,3,3", {0}},
    {"1,1,1,1; 1,1,1,1; 1,1,1,1", {0}},
    {"1,2,6,5; 2,2,2,3; 1,2,3,2", {2}},
    {"1,2,7,8; 2,2,4,4; 1,2,3,4", {2, 0, 1}},
    {"1,1,4,6; 2,1,3,3; 1,2,2,3", {2, 3, 1, 2}},
    {"1,2,7,6; 2,2,3,2; 1,2,5,5", {1, 0, 1, 0, 2, 3}},
    {"2,4,5,4; 4,2,3,3; 2,4,5,4", {1, 0, 1, 0, 0, 0, 0, 0, 2}},
    {"1,3,4,5; 3,1,3,3; 1,3,4,5", {1, 0, 1, 0, 0, 0, 0, 0, 3}},
};

static void test_conv2d(void)
{
    OVER_CASES(conv_cases, conv2d);
    LARGE(conv2d, "9,3,28,28; 32,3,5,5; 32", P(.tol = 20));
    LARGE(conv2d, "8,32,12,12; 64,32,5,5; 64", P(.tol = 100));
    LARGE(conv2d, "5,17,15,13; 33,17,4,4; 33", P(.i = {2, 0, 1}, .tol = 40));
    LARGE(conv2d, "3,16,17,17; 16,1,3,3; 16", P(.i = {1, 0, 1, 0, 0, 0, 0, 0, 16}, .tol = 10));
}
static void test_conv_transpose2d(void)
{
    OVER_CASES(transpose_cases, conv_transpose2d);
    LARGE(conv_transpose2d, "8,32,7,7; 32,16,4,4; 16", P(.i = {2, 0, 1}, .tol = 40));
    LARGE(conv_transpose2d, "16,16,14,14; 16,1,4,4; 1", P(.i = {2, 0, 1}, .tol = 40));
    LARGE(conv_transpose2d, "3,8,9,7; 8,5,5,3; 5", P(.i = {3, 2, 1, 0, 0, 0, 1, 1}, .tol = 20));
}
static void test_conv2d_weight(void)
{
    OVER_CASES(weight_cases, conv2d_weight);
    LARGE(conv2d_weight, "16,8,15,15; 16,8,3,3; 16,16,15,15", P(.i = {1, 0, 1}, .tol = 200));
    LARGE(conv2d_weight, "24,1,28,28; 32,1,5,5; 24,32,24,24", P(.tol = 400));
}

// ---- negative controls

// Drops the kernel's last row, as KANN's padded convolution did.
static nd r_wrong_conv(const params *q, const nd *x)
{
    nd w = nd_copy(&x[1]), in[3];
    int kh = w.dim[2], kw = w.dim[3];
    for (size_t k = 0; k < w.n; ++k)
        if ((int)(k / (size_t)kw) % kh == kh - 1) w.v[k] = 0;
    in[0] = x[0], in[1] = w, in[2] = x[2];
    return r_conv2d(q, in);
}
static nd r_wrong_transpose(const params *q, const nd *x)
{
    params p = *q;
    p.i[0] = !p.i[0];
    return r_matmul_t(&p, x);
}

static void negative_controls(void)
{
    control_forward("a padded convolution without its last kernel row", f_conv2d, r_wrong_conv,
                    "1,2,5,5; 2,2,3,3; 2", P(.i = {1, 0, 1}));
    control_forward("the other transpose", f_matmul_t, r_wrong_transpose, "3,3; 3,3", NONE);
}

static void test_beyond(void)
{
    TEST ("strides and paddings beyond 65535 are refused: their products could leave 64 bits") {
        static const int stride[] = {65535, 65536, INT_MAX};
        int i, k;
        for (i = 0; i < 6; ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *x = gan_full(ctx, 1, 1, 1, 5, 5), *w = gan_full(ctx, 1, 1, 1, 3, 3), *y;
            gan_conv2d_desc d;
            memset(&d, 0, sizeof d);
            for (k = 0; k < 2; ++k) d.stride[k] = i < 3 ? stride[i] : 1;
            d.padding_h = d.padding_w = i < 4 ? 0 : stride[i - 3];
            y = gan_f_conv2d(x, w, NULL, &d);
            if (i == 0 || i == 3) CHECK(gan_data(y) && gan_data(y)[0] == 9, "%s", gan_error_message(ctx));
            else CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "case %d: error %d", i, gan_error(ctx));
            gan_destroy(ctx);
        }
    }
}

static void test_padding(void)
{
    TEST ("padding is taken as given: height 1 and width 0, and the other way around") {
        int k;
        for (k = 0; k < 2; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *y;
            gan_conv2d_desc d;
            memset(&d, 0, sizeof d);
            *(k ? &d.padding_w : &d.padding_h) = 1;
            y = gan_f_conv2d(gan_full(ctx, 1, 1, 1, 5, 5), gan_full(ctx, 1, 1, 1, 3, 3), NULL, &d);
            CHECK(gan_dim(y, 2) == (k ? 3 : 5) && gan_dim(y, 3) == (k ? 5 : 3), "%d x %d", gan_dim(y, 2),
                  gan_dim(y, 3));
            CHECK(gan_warnings(ctx) == 0, "%s", gan_warning_message(ctx));
            gan_destroy(ctx);
        }
    }
    TEST ("a negative padding is an error that names the field and what to do") {
        int k;
        for (k = 0; k < 2; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_conv2d_desc d;
            memset(&d, 0, sizeof d);
            d.padding_w = -1;
            (void)(k ? gan_f_conv_transpose2d : gan_f_conv2d)(gan_full(ctx, 1, 1, 1, 5, 5),
                                                              gan_full(ctx, 1, 1, 1, 3, 3), NULL, &d);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "error %d", gan_error(ctx));
            CHECK(strstr(gan_error_message(ctx), "padding_w -1") && strstr(gan_error_message(ctx), "given"),
                  "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
    TEST ("a padding as wide as the kernel is warned of") {
        gan_context *ctx = gan_create(NULL);
        gan_conv2d_desc d;
        memset(&d, 0, sizeof d);
        d.padding_h = 3;
        (void)gan_f_conv2d(gan_full(ctx, 1, 1, 1, 5, 5), gan_full(ctx, 1, 1, 1, 3, 3), NULL, &d);
        CHECK(!gan_error(ctx) && gan_warnings(ctx) == 1, "%d warnings", gan_warnings(ctx));
        CHECK(strstr(gan_warning_message(ctx), "kernel of 3 x 3") != NULL, "%s", gan_warning_message(ctx));
        gan_destroy(ctx);
    }
}

int main(void)
{
    test_padding();
    GAN__OPERATIONS_PRODUCT(OPS_TEST)
    negative_controls();
    test_beyond();
    return ops_done();
}
