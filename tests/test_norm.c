// normalize and its backward, plain and with a weight and a bias.
#include "ops.h"

// i: A, C, B; r: eps
CALL(normalize, gan_normalize(x[0], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]))
CALL(normalize_backward, pull(gan_normalize(x[0], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]), x[1], x[0]))
// Per channel c, over the n = A B entries: mean and 1 / sqrt(var + eps).
static void channel_moments(const params *q, const double *x, int c, double *mean, double *scale)
{
    int A = q->i[0], C = q->i[1], B = q->i[2], a, b;
    double m = 0, s = 0;
    for (a = 0; a < A; ++a)
        for (b = 0; b < B; ++b) m += x[(a * C + c) * B + b];
    m /= A * B;
    for (a = 0; a < A; ++a)
        for (b = 0; b < B; ++b) s += (x[(a * C + c) * B + b] - m) * (x[(a * C + c) * B + b] - m);
    *mean = m;
    *scale = 1 / sqrt(s / (A * B) + (double)(gan_real)q->r[0]);
}
static nd r_normalize(const params *q, const nd *x)
{
    nd y = nd_new(x->ndim, x->dim);
    int A = q->i[0], C = q->i[1], B = q->i[2], a, b, c;
    for (c = 0; c < C; ++c) {
        double m, s;
        channel_moments(q, x->v, c, &m, &s);
        for (a = 0; a < A; ++a)
            for (b = 0; b < B; ++b) y.v[(a * C + c) * B + b] = (x->v[(a * C + c) * B + b] - m) * s;
    }
    return y;
}
// s (g - mean g - h mean(g h)), h the normalized x: Ioffe 2015 with the chain rule worked out.
static nd r_normalize_backward(const params *q, const nd *x)
{
    nd y = nd_new(x->ndim, x->dim);
    int A = q->i[0], C = q->i[1], B = q->i[2], a, b, c;
    for (c = 0; c < C; ++c) {
        double m, s, mg = 0, mgh = 0;
        channel_moments(q, x->v, c, &m, &s);
        for (a = 0; a < A; ++a)
            for (b = 0; b < B; ++b) {
                int e = (a * C + c) * B + b;
                mg += x[1].v[e] / (A * B);
                mgh += x[1].v[e] * (x->v[e] - m) * s / (A * B);
            }
        for (a = 0; a < A; ++a)
            for (b = 0; b < B; ++b) {
                int e = (a * C + c) * B + b;
                y.v[e] = s * (x[1].v[e] - mg - (x->v[e] - m) * s * mgh);
            }
    }
    return y;
}
// With a weight x[1] and a bias x[2] by channel, as batch norm has them.
CALL(normalize_affine, inside_normalize(x[0], x[1], x[2], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]))
static nd r_normalize_affine(const params *q, const nd *x)
{
    nd y = r_normalize(q, x);
    for (size_t e = 0; e < y.n; ++e) {
        const size_t c = e / (size_t)q->i[2] % (size_t)q->i[1];
        y.v[e] = y.v[e] * x[1].v[c] + x[2].v[c];
    }
    return y;
}
// How far the gradients of two passes are from `scale` times those of recorded operations.
static gan_tensor *two_ways(const params *q, gan_tensor **x, gan_real scale)
{
    gan_tensor *y = f_normalize_affine(gan_context_of(x[0]), x, (void *)(uintptr_t)q), *fast[3], *slow[3], *s;
    gan_tensor *loss = gan_sum_all(gan_mul(y, gan_sin(gan_mul_scalar(y, 3)))), *all = NULL;
    int i;
    gan_grads(loss, 3, x, fast, 0);
    gan_grads(loss, 3, x, slow, GAN_CREATE_GRAPH);
    for (i = 0; i < 3; ++i) {
        s = gan_sum_all(gan_abs(gan_sub(gan_detach(fast[i]), gan_mul_scalar(gan_detach(slow[i]), scale))));
        all = all ? gan_add(all, s) : s;
    }
    return all;
}
static void both_ways(gan_real scale)
{
    static const params q[] = {{.i = {4, 3, 6}, .r = {1e-5}}, {.i = {9, 5, 1}, .r = {.1}}};
    for (size_t i = 0; i < COUNT(q); ++i) {
        gan_context *ctx = gan_create(NULL);
        const int c = q[i].i[1];
        gan_tensor *x[3] = {gan_rand_normal(ctx, q[i].i[0], c, q[i].i[2]), gan_rand_normal(ctx, c),
                            gan_rand_normal(ctx, c)};
        const double off = (double)gan_item(two_ways(&q[i], x, scale));
        CHECK(off < 1e3 * REAL_TOL, "they differ by %g", off);
        CHECK(gan_error(ctx) == 0, "error: %s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}
static void test_normalize(void)
{
    op_sample("normalize with weight and bias", f_normalize_affine, r_normalize_affine, "4,3,2,2; 3; 3",
              P(.i = {4, 3, 4}, .r = {1e-5}, .tol = 8));
    op_sample("normalize of (N, C) with weight and bias", f_normalize_affine, r_normalize_affine, "7,3; 3; 3",
              P(.i = {7, 3, 1}, .r = {1e-5}, .tol = 8));
    LARGE(normalize_affine, "65,33,7,7; 33; 33", P(.i = {65, 33, 49}, .r = {1e-5}, .tol = 40));
    LARGE(normalize_affine, "65,1001; 1001; 1001", P(.i = {65, 1001, 1}, .r = {1e-5}, .tol = 40));
    LARGE(normalize_affine, "3,70,50,50; 70; 70", P(.i = {3, 70, 2500}, .r = {1e-5}, .tol = 40));
    TEST ("the gradients of normalize in two passes equal the recorded ones") { both_ways(1); }
    TEST ("normalize far from 0: mean 1000, deviation 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_add_scalar(gan_rand_normal(ctx, 50, 3, 20), 1000);
        gan_tensor *y = gan_normalize(x, 50, 3, 20, 0);
        double mean = 0, square = 0;
        for (int a = 0; a < 50; ++a)
            for (int b = 0; b < 20; ++b) {
                const double v = (double)gan_data(y)[(a * 3 + 1) * 20 + b];
                mean += v / 1000, square += v * v / 1000;
            }
        CHECK(fabs(mean) < 1e-4 && fabs(square - 1) < 1e-4, "mean %g, mean square %g", mean, square);
        gan_destroy(ctx);
    }
    op_sample("normalize, batch norm's axes", f_normalize, r_normalize, "4,3,2,2",
              P(.i = {4, 3, 4}, .r = {1e-5}, .tol = 4));
    op_sample("normalize, batch norm of (N, C)", f_normalize, r_normalize, "7,3",
              P(.i = {7, 3, 1}, .r = {1e-5}, .tol = 4));
    op_sample("normalize, layer norm's axes", f_normalize, r_normalize, "3,2,3",
              P(.i = {1, 3, 6}, .r = {1e-5}, .tol = 4));
    op_sample("normalize, instance norm's axes", f_normalize, r_normalize, "2,3,2,3",
              P(.i = {1, 6, 6}, .r = {.1}, .tol = 4));
    op_sample("normalize of size 1 is 0", f_normalize, r_normalize, "1,1", P(.i = {1, 1, 1}, .r = {1e-5}));
    op_sample("normalize of one channel", f_normalize, r_normalize, "17",
              P(.i = {17, 1, 1}, .r = {1e-3}, .tol = 4));
    LARGE(normalize, "65,33,7,7", P(.i = {65, 33, 49}, .r = {1e-5}, .tol = 20));
    LARGE(normalize, "65,1001", P(.i = {65, 1001, 1}, .r = {1e-5}, .tol = 20));
}
static void test_normalize_backward(void)
{
    op_sample("normalize_backward", f_normalize_backward, r_normalize_backward, "4,3,2,2; 4,3,2,2",
              P(.i = {4, 3, 4}, .r = {1e-5}, .tol = 10));
    op_sample("normalize_backward of (N, C)", f_normalize_backward, r_normalize_backward, "7,3; 7,3",
              P(.i = {7, 3, 1}, .r = {1e-5}, .tol = 10));
    op_sample("normalize_backward of rows", f_normalize_backward, r_normalize_backward, "3,6; 3,6",
              P(.i = {1, 3, 6}, .r = {.1}, .tol = 10));
    LARGE(normalize_backward, "65,33,7,7; 65,33,7,7", P(.i = {65, 33, 49}, .r = {1e-5}, .tol = 40));
    LARGE(normalize_backward, "65,1001; 65,1001", P(.i = {65, 1001, 1}, .r = {1e-5}, .tol = 40));
}

// ---- negative controls

// With the unbiased variance, which divides by n - 1.
static nd r_wrong_variance(const params *q, const nd *x)
{
    nd y = r_normalize(q, x);
    const double n = q->i[0] * q->i[2];
    for (size_t k = 0; k < y.n; ++k) y.v[k] *= sqrt((n - 1) / n);
    return y;
}
static nd r_wrong_axes(const params *q, const nd *x) // the moments of rows for those of columns
{
    params p = *q;
    p.i[0] = 1, p.i[1] = q->i[0], p.i[2] = q->i[1];
    return r_normalize(&p, x);
}

static void negative_controls(void)
{
    TEST_MUST_FAIL ("gradients that are a thousandth too large are caught") { both_ways((gan_real)1.001); }
    control_forward("the unbiased variance", f_normalize, r_wrong_variance, "7,3", P(.i = {7, 3, 1}));
    control_forward("rows for columns", f_normalize, r_wrong_axes, "7,3", P(.i = {7, 3, 1}, .r = {1e-5}));
}

int main(void)
{
    GAN__OPERATIONS_NORM(OPS_TEST)
    negative_controls();
    return ops_done();
}
