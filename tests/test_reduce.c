// Sums, maxima, moments, norms, softmax and the plain losses.
#include <limits.h>

#include "ops.h"

// i[0]: the mask of axes (of amax and its kin the axis), i[1]: keep

static int in_mask(int mask, int axis) { return (mask >> axis) & 1; }

// Each entry of y is the fold of those entries of x that it is made of, in their order.
static nd reduce(const nd *x, int mask, int keep, double (*fold)(const double *v, size_t n))
{
    int dim[8], kept[8], ndim = 0, i;
    nd y, all;
    double *buffer;
    size_t n = 1, k;
    for (i = 0; i < x->ndim; ++i) {
        kept[i] = in_mask(mask, i) ? 1 : x->dim[i];
        if (in_mask(mask, i)) n *= (size_t)x->dim[i];
        if (!in_mask(mask, i) || keep) dim[ndim++] = kept[i];
    }
    y = nd_new(ndim, dim);
    all = nd_new(1, (int[]){(int)(n * y.n)});
    buffer = all.v;
    {
        size_t *count = (size_t *)calloc(y.n ? y.n : 1, sizeof *count);
        for (k = 0; k < x->n; ++k) {
            int index[8];
            size_t o;
            unravel(k, x->ndim, x->dim, index);
            for (i = 0; i < x->ndim; ++i)
                if (in_mask(mask, i)) index[i] = 0;
            o = ravel(x->ndim, kept, index);
            buffer[o * n + count[o]++] = x->v[k];
        }
        free(count);
    }
    for (k = 0; k < y.n; ++k) y.v[k] = fold(buffer + k * n, n);
    return y;
}

static double fold_sum(const double *v, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; ++i) s += v[i];
    return s;
}
static double fold_mean(const double *v, size_t n) { return fold_sum(v, n) / (double)n; }
static double fold_var(const double *v, size_t n)
{
    double m = fold_mean(v, n), s = 0;
    for (size_t i = 0; i < n; ++i) s += (v[i] - m) * (v[i] - m);
    return s / (double)n;
}
static double fold_norm(const double *v, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; ++i) s += v[i] * v[i];
    return sqrt(s);
}
static double fold_max(const double *v, size_t n)
{
    double m = v[0];
    for (size_t i = 1; i < n; ++i)
        if (v[i] > m) m = v[i];
    return m;
}
static double fold_argmax(const double *v, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; ++i)
        if (v[i] > v[at]) at = i;
    return (double)at;
}
static double fold_lse(const double *v, size_t n)
{
    double m = fold_max(v, n), s = 0;
    for (size_t i = 0; i < n; ++i) s += exp(v[i] - m);
    return m + log(s);
}

static gan_axis_set axes_of(int mask)
{
    int axis[GAN_MAX_DIMS], n = 0;
    if (mask < 0) return GAN_ALL;
    for (int i = 0; i < GAN_MAX_DIMS; ++i)
        if (mask >> i & 1) axis[n++] = i;
    return gan_axis_set_n(n, axis);
}
#define AXES axes_of(q->i[0])
#define REDUCE(name, call, fold, mask)                                                                       \
    CALL(name, call)                                                                                         \
    static nd r_##name(const params *q, const nd *x) { return reduce(x, mask, q->i[1], fold); }

REDUCE(sum, gan_sum(x[0], AXES, q->i[1]), fold_sum, q->i[0])
REDUCE(mean, gan_mean(x[0], AXES, q->i[1]), fold_mean, q->i[0])
REDUCE(var, gan_var(x[0], AXES, q->i[1]), fold_var, q->i[0])
REDUCE(norm, gan_norm(x[0], AXES, q->i[1]), fold_norm, q->i[0])
REDUCE(amax, gan_amax(x[0], q->i[0], q->i[1]), fold_max, 1 << (q->i[0] < 0 ? q->i[0] + x[0].ndim : q->i[0]))
REDUCE(argmax, gan_argmax(x[0], q->i[0], q->i[1]), fold_argmax,
       1 << (q->i[0] < 0 ? q->i[0] + x[0].ndim : q->i[0]))
REDUCE(logsumexp, gan_logsumexp(x[0], q->i[0], q->i[1]), fold_lse,
       1 << (q->i[0] < 0 ? q->i[0] + x[0].ndim : q->i[0]))
REDUCE(sum_all, gan_sum_all(x[0]), fold_sum, -1)
REDUCE(mean_all, gan_mean_all(x[0]), fold_mean, -1)
REDUCE(norm_per_sample, gan_norm_per_sample(x[0]), fold_norm, -2)

#define EVERY_AXES(name)                                                                                     \
    do {                                                                                                     \
        int mask, keep;                                                                                      \
        for (mask = 0; mask < 8; ++mask)                                                                     \
            for (keep = 0; keep < 2; ++keep)                                                                 \
                op_sample(#name, f_##name, r_##name, "2,3,5", P(.i = {mask, keep}, .seeds = 1));             \
        op_sample(#name " of all", f_##name, r_##name, "3,4", P(.i = {-1, 0}));                              \
        op_sample(#name " of all, kept", f_##name, r_##name, "3,4", P(.i = {-1, 1}));                        \
        op_sample(#name " of a scalar", f_##name, r_##name, "()", P(.i = {-1, 0}));                          \
        op_sample(#name " of size 1", f_##name, r_##name, "1,1,1", P(.i = {5, 0}));                          \
        op_sample(#name " of axes 0 2 3", f_##name, r_##name, "2,3,2,3", P(.i = {13, 1}));                   \
    } while (0)
#define EVERY_AXIS(name, none)                                                                               \
    do {                                                                                                     \
        int axis, keep;                                                                                      \
        for (axis = -3; axis < 3; ++axis)                                                                    \
            for (keep = 0; keep < 2; ++keep)                                                                 \
                op_sample(#name, f_##name, r_##name, "2,3,5",                                                \
                          P(.i = {axis, keep}, .seeds = 1, .no_grad = none));                                \
        op_sample(#name " of size 1", f_##name, r_##name, "1", P(.i = {0, 0}, .no_grad = none));             \
        op_sample(#name " of 17", f_##name, r_##name, "17,1", P(.i = {0, 1}, .no_grad = none));              \
    } while (0)

static void test_sum(void)
{
    EVERY_AXES(sum);
    LARGE(sum, "37,4099", P(.i = {1, 0}, .tol = 20));
    LARGE(sum, "37,4099", P(.i = {2, 0}, .tol = 60));
    LARGE(sum, "37,4099", P(.i = {-1, 0}, .tol = 100));
    LARGE(sum, "64,16,9,11", P(.i = {13, 0}, .tol = 100));
}
static void test_amax(void)
{
    EVERY_AXIS(amax, 0);
    LARGE(amax, "37,4099", P(.i = {1, 0}));
    LARGE(amax, "37,4099", P(.i = {0, 0}));
}

// ---- composed functions

static nd softmax_of(const params *q, const nd *x, int take_log)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0];
    nd y = nd_new(x->ndim, x->dim);
    for (size_t k = 0; k < x->n; ++k) {
        int at[8], own;
        double m = -HUGE_VAL, s = 0;
        unravel(k, x->ndim, x->dim, at);
        own = at[axis];
        for (at[axis] = 0; at[axis] < x->dim[axis]; ++at[axis]) {
            double t = x->v[ravel(x->ndim, x->dim, at)];
            if (t > m) m = t;
        }
        for (at[axis] = 0; at[axis] < x->dim[axis]; ++at[axis])
            s += exp(x->v[ravel(x->ndim, x->dim, at)] - m);
        at[axis] = own;
        y.v[k] = take_log ? x->v[k] - m - log(s) : exp(x->v[k] - m) / s;
    }
    return y;
}
CALL(softmax, gan_softmax(x[0], q->i[0]))
CALL(log_softmax, gan_log_softmax(x[0], q->i[0]))
static nd r_softmax(const params *q, const nd *x) { return softmax_of(q, x, 0); }
static nd r_log_softmax(const params *q, const nd *x) { return softmax_of(q, x, 1); }
static nd mean_of(const params *q, const nd *x, double (*e)(const double *v, const params *q))
{
    nd all = each(q, x, e), y = nd_new(0, NULL);
    y.v[0] = fold_mean(all.v, all.n);
    return y;
}
static double e_mse(const double *v, const params *q)
{
    (void)q;
    return (v[0] - v[1]) * (v[0] - v[1]);
}
static double e_bce(const double *v, const params *q)
{
    (void)q;
    return splus(v[0]) - v[1] * v[0];
}
CALL(mse_loss, gan_mse_loss(x[0], x[1]))
CALL(bce_with_logits, gan_bce_with_logits(x[0], x[1]))
static nd r_mse_loss(const params *q, const nd *x) { return mean_of(q, x, e_mse); }
static nd r_bce_with_logits(const params *q, const nd *x) { return mean_of(q, x, e_bce); }

static void test_mean(void) { EVERY_AXES(mean); }
static void test_var(void)
{
    EVERY_AXES(var);
    LARGE(var, "65,33,7,7", P(.i = {13, 0}, .tol = 20));
}
static void test_argmax(void) { EVERY_AXIS(argmax, 1); }
// ---- sort and topk against qsort: i[0] the axis, i[1] descending or k

typedef struct sort_item {
    double v;
    int at;
} sort_item;
static int sort_down, sort_ties = 1; // -1: equal values in reversed order
static int sort_order(const void *a, const void *b)
{
    const sort_item *p = (const sort_item *)a, *q = (const sort_item *)b;
    if (p->v < q->v) return sort_down ? 1 : -1;
    if (p->v > q->v) return sort_down ? -1 : 1;
    return sort_ties * (p->at - q->at);
}
static nd sorted(const nd *x, int axis, int k, int down, int want_index)
{
    int dim[8], i;
    size_t inner = 1, outer, r, j;
    sort_item *row;
    nd y;
    if (axis < 0) axis += x->ndim;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    for (i = axis + 1; i < x->ndim; ++i) inner *= (size_t)x->dim[i];
    r = (size_t)x->dim[axis];
    outer = x->n / (inner * r);
    dim[axis] = k;
    y = nd_new(x->ndim, dim);
    row = (sort_item *)malloc(r * sizeof *row);
    sort_down = down;
    for (size_t o = 0; o < outer; ++o)
        for (size_t n = 0; n < inner; ++n) {
            for (j = 0; j < r; ++j) row[j].v = x->v[(o * r + j) * inner + n], row[j].at = (int)j;
            qsort(row, r, sizeof *row, sort_order);
            for (j = 0; j < (size_t)k; ++j)
                y.v[(o * (size_t)k + j) * inner + n] = want_index ? row[j].at : row[j].v;
        }
    free(row);
    return y;
}
#define AXIS_SIZE x->dim[q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0]]
static nd r_sort(const params *q, const nd *x) { return sorted(x, q->i[0], AXIS_SIZE, q->i[1], 0); }
static nd r_sort_index(const params *q, const nd *x) { return sorted(x, q->i[0], AXIS_SIZE, q->i[1], 1); }
static nd r_topk(const params *q, const nd *x) { return sorted(x, q->i[0], q->i[1], 1, 0); }
static nd r_topk_index(const params *q, const nd *x) { return sorted(x, q->i[0], q->i[1], 1, 1); }
static nd r_sort_up(const params *q, const nd *x) { return sorted(x, q->i[0], AXIS_SIZE, 0, 0); }
static nd r_sort_unstable(const params *q, const nd *x)
{
    nd y;
    sort_ties = -1;
    y = r_sort_index(q, x);
    sort_ties = 1;
    return y;
}
static gan_tensor *sort_index(gan_tensor *x, int axis, int k, int down)
{
    gan_tensor *index = NULL;
    (void)(k < 0 ? gan_sort(x, axis, down, &index) : gan_topk(x, k, axis, &index));
    return index;
}
CALL(sort, gan_sort(x[0], q->i[0], q->i[1], NULL))
CALL(sort_square, gan_square(gan_sort(x[0], q->i[0], q->i[1], NULL)))
static nd r_sort_square(const params *q, const nd *x)
{
    nd y = r_sort(q, x);
    for (size_t k = 0; k < y.n; ++k) y.v[k] *= y.v[k];
    return y;
}
CALL(sort_index, sort_index(x[0], q->i[0], -1, q->i[1]))
CALL(topk, gan_topk(x[0], q->i[1], q->i[0], NULL))
CALL(topk_index, sort_index(x[0], q->i[0], q->i[1], 1))

static void test_sort(void)
{
    int axis, down;
    for (axis = -3; axis < 3; ++axis)
        for (down = 0; down < 2; ++down) {
            op_sample("sort", f_sort, r_sort, "2,3,5", P(.i = {axis, down}, .seeds = 1));
            op_sample("sort of equal values", f_sort, r_sort, "i3:4,5,6", P(.i = {axis, down}, .no_grad = 1));
            op_sample("sort's index is stable", f_sort_index, r_sort_index, "i3:4,5,6",
                      P(.i = {axis, down}, .no_grad = 1));
            op_sample("topk", f_topk, r_topk, "3,2,4", P(.i = {axis, down + 1}, .seeds = 1));
            op_sample("topk's index", f_topk_index, r_topk_index, "i3:4,5,6",
                      P(.i = {axis, down + 1}, .no_grad = 1));
        }
    op_sample("sort squared", f_sort_square, r_sort_square, "3,7", P(.i = {1, 1}));
    op_sample("sort of size 1", f_sort, r_sort, "1", P(.i = {0, 0}));
    op_sample("sort of 17", f_sort, r_sort, "17,1", P(.i = {0, 1}));
    op_sample("sort in eight axes", f_sort, r_sort, "1,2,1,2,1,2,3,2", P(.i = {6, 0}, .seeds = 1));
    op_sample("topk of none", f_topk, r_topk, "3,2", P(.i = {1, 0}, .no_grad = 1));
    LARGE(sort, "37,4099", P(.i = {1, 0}));
    LARGE(sort_index, "i100:37,4099", P(.i = {1, 1}, .no_grad = 1));
    control_forward("ascending for descending", f_sort, r_sort_up, "3,5", P(.i = {1, 1}));
    control_forward("an order that is not stable", f_sort_index, r_sort_unstable, "i3:5,5", P(.i = {0, 1}));
    TEST ("sort: NaN is the largest; -0 and 0 are equal; what is empty stays so") {
        static const gan_real v[6] = {1, (gan_real)NAN, (gan_real)HUGE_VAL, (gan_real)-0., 0, (gan_real)NAN};
        static const int up[6] = {3, 4, 0, 2, 1, 5}, fall[6] = {1, 5, 2, 0, 3, 4};
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_from(ctx, v, 6), *index, *y;
        int i;
        y = gan_sort(x, 0, 0, &index);
        CHECK(isnan((double)gan_data(y)[5]) && gan_data(y)[3] == v[2], "%s", gan_error_message(ctx));
        for (i = 0; i < 6; ++i)
            CHECK(gan_data(index)[i] == (gan_real)up[i], "%d: %g", i, (double)gan_data(index)[i]);
        (void)gan_sort(x, 0, 1, &index);
        for (i = 0; i < 6; ++i)
            CHECK(gan_data(index)[i] == (gan_real)fall[i], "%d: %g", i, (double)gan_data(index)[i]);
        y = gan_sort(gan_zeros(ctx, 3, 0), 1, 0, &index);
        CHECK(gan_dim(y, 0) == 3 && gan_dim(index, 1) == 0, "%s", gan_error_message(ctx));
        y = gan_sort(gan_zeros(ctx, 0, 3), 1, 0, &index);
        CHECK(gan_dim(y, 1) == 3 && gan_dim(index, 0) == 0, "%s", gan_error_message(ctx));
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
        y = gan_topk(x, 7, 0, &index);
        CHECK(gan_error(ctx) && !gan_data(y) && index && !gan_data(index), "%s", "no error, no poison");
        gan_destroy(ctx);
    }
}

static void test_norm(void) { EVERY_AXES(norm); }
static void test_logsumexp(void)
{
    EVERY_AXIS(logsumexp, 0);
    op_sample("logsumexp of large numbers", f_logsumexp, r_logsumexp, "3,5",
              P(.i = {1, 0}, .lo = 900, .hi = 905));
}
static void test_all(void)
{
    op_sample("sum_all", f_sum_all, r_sum_all, "2,3,4", NONE);
    op_sample("mean_all", f_mean_all, r_mean_all, "2,3,4", NONE);
    op_sample("sum_all of a scalar", f_sum_all, r_sum_all, "()", NONE);
    op_sample("mean_all of size 1", f_mean_all, r_mean_all, "1,1", NONE);
}
static void test_norm_per_sample(void)
{
    op_sample("norm_per_sample", f_norm_per_sample, r_norm_per_sample, "3,2,2,2", NONE);
    op_sample("norm_per_sample", f_norm_per_sample, r_norm_per_sample, "4,5", NONE);
    op_sample("norm_per_sample of (N)", f_norm_per_sample, r_norm_per_sample, "4", NONE);
}

static void test_softmax(void)
{
    int axis;
    for (axis = -2; axis < 2; ++axis) {
        op_sample("softmax", f_softmax, r_softmax, "3,5", P(.i = {axis}));
        op_sample("log_softmax", f_log_softmax, r_log_softmax, "3,5", P(.i = {axis}));
    }
    op_sample("softmax of the middle axis", f_softmax, r_softmax, "2,3,2", P(.i = {1}));
    op_sample("softmax of size 1", f_softmax, r_softmax, "1", P(.i = {0}));
    op_sample("softmax of large numbers", f_softmax, r_softmax, "2,5",
              P(.i = {1}, .lo = 900, .hi = 904, .tol = 4));
    op_sample("log_softmax of large numbers", f_log_softmax, r_log_softmax, "2,5",
              P(.i = {1}, .lo = -904, .hi = -900, .tol = 40));
}
static void test_simple_losses(void)
{
    op_sample("mse_loss", f_mse_loss, r_mse_loss, "3,4; 3,4", NONE);
    op_sample("mse_loss of size 1", f_mse_loss, r_mse_loss, "1; 1", NONE);
    op_sample("bce_with_logits", f_bce_with_logits, r_bce_with_logits, "3,4; p:3,4", NONE);
    op_sample("bce_with_logits, far out", f_bce_with_logits, r_bce_with_logits, "9; b:9",
              P(.lo = -60, .hi = 60));
}

// a, b (N, 1, L), t (n, 1) -> (N, n, L), by the angle between a and b
CALL(slerp, gan_slerp(x[0], x[1], x[2]))
CALL(slerp_straight, gan_lerp(x[0], x[1], x[2]))
static nd r_slerp(const params *q, const nd *x)
{
    const int n = x[0].dim[0], steps = x[2].dim[0], l = x[0].dim[2];
    nd y = nd_new(3, (int[]){n, steps, l});
    int i, j, k;
    (void)q;
    for (i = 0; i < n; ++i) {
        const double *a = x[0].v + i * l, *b = x[1].v + i * l;
        double aa = 0, bb = 0, ab = 0, theta;
        for (k = 0; k < l; ++k) aa += a[k] * a[k], bb += b[k] * b[k], ab += a[k] * b[k];
        theta = acos(ab / sqrt(aa * bb));
        for (j = 0; j < steps; ++j)
            for (k = 0; k < l; ++k) {
                const double t = x[2].v[j];
                y.v[(i * steps + j) * l + k] =
                    (sin((1 - t) * theta) * a[k] + sin(t * theta) * b[k]) / sin(theta);
            }
    }
    return y;
}

static void test_slerp(void)
{
    gan_context *ctx = gan_create(NULL);
    int spherical;
    op_sample("slerp", f_slerp, r_slerp, "2,1,5; 2,1,5; 4,1", P(.tol = 10));
    op_sample("slerp, one step in the plane", f_slerp, r_slerp, "3,1,2; 3,1,2; 1,1",
              P(.lo = .5, .hi = 2, .tol = 10));
    TEST ("slerp ends in a and b; unit vectors stay unit vectors, at equal angles") {
        const gan_real a[2] = {1, 0}, b[2] = {(gan_real)cos(2.), (gan_real)sin(2.)};
        gan_tensor *y = gan_latent_path(gan_from(ctx, a, 1, 2), gan_from(ctx, b, 1, 2), 5, 1);
        const gan_real *v = gan_data(y);
        int i;
        CHECK(gan_ndim(y) == 2 && gan_dim(y, 0) == 5 && gan_dim(y, 1) == 2, "%s", gan_error_message(ctx));
        for (i = 0; v && i < 5; ++i) {
            CHECK_NEAR(v[2 * i], cos(.5 * i), 1e-6, "cos");
            CHECK_NEAR(v[2 * i + 1], sin(.5 * i), 1e-6, "sin");
        }
    }
    TEST ("where vectors are parallel, opposite, zero or a thousandth of a degree apart slerp stays finite, "
          "and near lerp") {
        const gan_real a[8] = {3, 4, 3, 4, 0, 0, 1, 0}, b[8] = {6, 8, -3, -4, 2, 1, 1, (gan_real)1e-5};
        gan_tensor *x = gan_from(ctx, a, 4, 2), *y = gan_from(ctx, b, 4, 2);
        gan_tensor *s = gan_slerp(x, y, gan_full(ctx, (gan_real).25, 1, 1)),
                   *g = gan_grad(gan_sum_all(s), x, 0);
        const gan_real *v = gan_data(s), *d = gan_data(g);
        int i;
        for (i = 0; v && d && i < 8; ++i) {
            CHECK(isfinite((double)v[i]) && isfinite((double)d[i]), "%d: %g, gradient %g", i, (double)v[i],
                  (double)d[i]);
            if (i < 4 || i > 5) CHECK_NEAR(v[i], .75 * (double)a[i] + .25 * (double)b[i], 1e-6, "as lerp");
        }
    }
    for (spherical = 0; spherical < 2; ++spherical)
        TESTF ("a path between rows has n rows for each, the first and the last its ends, %s",
               spherical ? "round" : "straight") {
            gan_tensor *a = gan_rand_normal(ctx, 3, 7), *b = gan_rand_normal(ctx, 3, 7);
            gan_tensor *y = gan_latent_path(a, b, 4, spherical);
            int i;
            CHECK(gan_dim(y, 0) == 12 && gan_dim(y, 1) == 7, "%s", gan_error_message(ctx));
            for (i = 0; i < 3; ++i) {
                CHECK_ARRAY(7, gan_data(y) + 28 * i, gan_data(a) + 7 * i, 1e-5, 1e-5, "the first");
                CHECK_ARRAY(7, gan_data(y) + 28 * i + 21, gan_data(b) + 7 * i, 1e-5, 1e-5, "the last");
            }
            y = gan_latent_path(a, b, 1, spherical);
            CHECK_ARRAY(21, gan_data(y), gan_data(a), 1e-5, 1e-5, "one step");
        }
    TEST ("slerp and paths of NULL, scalars and other shapes are errors") {
        gan_tensor *a = gan_zeros(ctx, 2, 3);
        CHECK(gan_slerp(NULL, NULL, NULL) == NULL && gan_latent_path(NULL, NULL, 3, 1) == NULL, "%s", "NULL");
        gan_slerp(a, NULL, gan_scalar(ctx, 0));
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        gan_slerp(gan_scalar(ctx, 1), a, gan_scalar(ctx, 0));
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        gan_slerp(a, gan_zeros(ctx, 5, 4), gan_scalar(ctx, 0));
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        gan_latent_path(a, gan_zeros(ctx, 2, 4), 3, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        gan_latent_path(a, a, 0, 0);
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "%s", gan_error_message(ctx));
    }
    gan_destroy(ctx);
}

// ---- special values, ties, closed forms

static void test_special(void)
{
    gan_context *ctx = gan_create(NULL);
    TEST ("of equal maxima amax's gradient goes to the first") {
        const gan_real v[4] = {1, 7, 7, 0};
        gan_tensor *x = gan_from(ctx, v, 4);
        gan_real *g = gan_data(gan_grad(gan_amax(x, 0, 0), x, 0));
        CHECK(g && g[0] == 0 && g[1] == 1 && g[2] == 0 && g[3] == 0, "%g %g %g %g", (double)g[0],
              (double)g[1], (double)g[2], (double)g[3]);
        CHECK_NEAR(gan_item(gan_argmax(x, 0, 0)), 1, 0, "argmax");
    }
    TEST ("the norm's gradient is x / |x|, and 0 at 0") {
        const gan_real v[3] = {2, -1, 2};
        gan_tensor *x = gan_from(ctx, v, 3), *zero = gan_zeros(ctx, 3);
        gan_real *g = gan_data(gan_grad(gan_norm(x, GAN_ALL, 0), x, 0)),
                 *z = gan_data(gan_grad(gan_norm(zero, GAN_ALL, 0), zero, 0));
        int i;
        for (i = 0; i < 3; ++i) {
            CHECK_NEAR(g[i], (double)v[i] / 3, 1e-6, "x / |x|");
            CHECK(z[i] == 0, "gradient %g at 0", (double)z[i]);
        }
    }
    TEST ("a NaN among them is what sum and amax give") {
        const gan_real v[4] = {(gan_real)NAN, (gan_real)HUGE_VAL, (gan_real)-HUGE_VAL, 0};
        gan_tensor *x = gan_from(ctx, v, 4);
        CHECK(isnan((double)gan_item(gan_sum_all(x))), "sum with NaN");
        CHECK(isnan((double)gan_item(gan_amax(x, 0, 0))), "amax with NaN");
    }
    TEST ("losses of logits stay finite, with their gradients, at 0, +-88 and +-1e4") {
        const gan_real v[5] = {0, 88, -88, 10000, -10000};
        gan_tensor *x = gan_from(ctx, v, 5);
        gan_real *g = gan_data(gan_grad(gan_sum_all(gan_softplus(x)), x, 0)), *y = gan_data(gan_softplus(x));
        int i;
        for (i = 0; i < 5; ++i)
            CHECK(isfinite((double)g[i]) && isfinite((double)y[i]), "softplus(%g) = %g, gradient %g",
                  (double)v[i], (double)y[i], (double)g[i]);
        g = gan_data(gan_grad(gan_bce_with_logits(x, gan_full(ctx, 1, 5)), x, 0));
        for (i = 0; i < 5; ++i) CHECK(isfinite((double)g[i]), "bce gradient at %g", (double)v[i]);
    }
    TEST ("no error came up among the special values") {
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    }
    gan_destroy(ctx);
}

// ---- sums that must not swallow what they are added to

#ifdef GAN_DOUBLE
static const double far_off[] = {1e4, 1e10, -1e10, 1e15};
#else
static const double far_off[] = {1e4, 1e7, -1e7, 1.5e7};
#endif

static gan_tensor *swallowing_log_softmax(gan_tensor *x, int axis)
{
    return gan_sub(x, gan_logsumexp(x, axis, GAN_KEEPDIM));
}
// log softmax of off + 0, 1, 1, 3, its exponential and its gradient, against those of 0, 1, 1, 3 in double
static void far_softmax(double off, gan_tensor *(*log_softmax)(gan_tensor *, int))
{
    gan_context *ctx = gan_create(NULL);
    const double at[4] = {0, 1, 1, 3};
    double lse = 0, p[4], d[4];
    gan_real v[4], same[2];
    gan_tensor *x, *y;
    int i;
    for (i = 0; i < 4; ++i) v[i] = (gan_real)(off + at[i]), lse += exp(at[i]);
    for (i = 0; i < 4; ++i) p[i] = exp(at[i]) / lse, d[i] = (i == 1) - p[i];
    lse = log(lse);
    x = gan_from(ctx, v, 1, 4);
    y = log_softmax(x, 1);
    for (i = 0; i < 4; ++i) CHECK_NEAR(gan_data(y)[i], at[i] - lse, REAL_TOL, "log softmax");
    CHECK_ARRAY(4, gan_data(gan_grad(gan_sum_all(gan_slice(y, 1, 1, 2)), x, 0)), d, REAL_TOL, 0, "gradient");
    if (log_softmax == gan_log_softmax)
        CHECK_ARRAY(4, gan_data(gan_softmax(x, 1)), p, REAL_TOL, 0, "softmax");
    same[0] = same[1] = (gan_real)off;
    y = gan_exp(log_softmax(gan_from(ctx, same, 2, 1), 0));
    for (i = 0; i < 2; ++i) CHECK_NEAR(gan_data(y)[i], .5, REAL_TOL, "of two equal logits");
    gan_destroy(ctx);
}

static gan_tensor *swallowing_bce(gan_tensor *l, gan_tensor *t)
{
    return gan_mean_all(gan_sub(gan_softplus(l), gan_mul(t, l)));
}
// of a logit and a target that agree: e^-|l| and its slope, relatively
static void sure_bce(gan_tensor *(*bce)(gan_tensor *, gan_tensor *))
{
    gan_context *ctx = gan_create(NULL);
    int i;
    for (i = 0; i < 4; ++i) {
        const double l = i < 2 ? 20 : 45, right = log1p(exp(-l)), slope = 1 / (1 + exp(l));
        gan_tensor *x = gan_full(ctx, (gan_real)(i % 2 ? l : -l), 3),
                   *t = gan_full(ctx, (gan_real)(i % 2), 3);
        gan_tensor *y = bce(x, t);
        CHECK_NEAR((double)gan_item(y) / right, 1, 10 * REAL_TOL, "loss, as a part of what is right");
        CHECK_NEAR(3 * (double)gan_data(gan_grad(y, x, 0))[0] / slope, i % 2 ? -1 : 1, 10 * REAL_TOL,
                   "slope, as a part of what is right");
    }
    gan_destroy(ctx);
}

static void test_swallowed(void)
{
    size_t i;
    for (i = 0; i < sizeof far_off / sizeof *far_off; ++i)
        TESTF ("softmax and log_softmax of logits about %g are those of their differences", far_off[i])
            far_softmax(far_off[i], gan_log_softmax);
    TEST_MUST_FAIL ("the logarithm added to the maximum before it is taken off is caught")
        far_softmax(far_off[1], swallowing_log_softmax);
    TEST ("bce_with_logits keeps the loss and the slope of a prediction that is nearly sure, and right")
        sure_bce(gan_bce_with_logits);
    TEST_MUST_FAIL ("softplus(l) - t l, which loses them, is caught") sure_bce(swallowing_bce);
}

// ---- negative controls

static void negative_controls(void)
{
    control_forward("slerp for lerp", f_slerp_straight, r_slerp, "2,1,5; 2,1,5; 4,1", P(.i = {0}));
    control_forward("the sum over the other axis", f_sum, r_mean, "3,3", P(.i = {1, 0}));
}

// Sets of axes: counted, negative, out of range, twice.
static void test_axes(void)
{
    TEST ("axes of a reduction are counted from either end and checked") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 2, 3, 4, 5), *s;
        s = gan_sum(x, GAN_AXES(1, 3), 0);
        CHECK(gan_ndim(s) == 2 && gan_dim(s, 0) == 2 && gan_dim(s, 1) == 4, "%d axes", gan_ndim(s));
        CHECK_BYTES(gan_data(gan_sum(x, GAN_AXES(-3, -1), 0)), gan_data(s), 8 * sizeof(gan_real),
                    "negative axes");
        CHECK_BYTES(gan_data(gan_sum(x, GAN_AXES(1, -1), 0)), gan_data(s), 8 * sizeof(gan_real),
                    "both kinds");
        CHECK(gan_ndim(gan_sum(x, GAN_ALL, 0)) == 0, "%s", "all axes");
        (void)gan_sum(x, GAN_AXES(4), 0);
        CHECK_TEXT(gan_error_message(ctx), "an axis beyond those of (2, 3, 4, 5)");
        gan_error_clear(ctx);
        (void)gan_mean(x, GAN_AXES(-5), 0);
        CHECK_TEXT(gan_error_message(ctx), "mean: an axis beyond those of (2, 3, 4, 5)");
        gan_error_clear(ctx);
        (void)gan_norm(x, GAN_AXES(100), 0);
        CHECK_TEXT(gan_error_message(ctx), "norm: an axis beyond those");
        gan_error_clear(ctx);
        (void)gan_sum(x, GAN_AXES(INT_MIN), 0);
        CHECK_TEXT(gan_error_message(ctx), "an axis beyond those");
        gan_error_clear(ctx);
        (void)gan_sum(x, GAN_AXES(INT_MAX), 0);
        CHECK_TEXT(gan_error_message(ctx), "an axis beyond those");
        gan_error_clear(ctx);
        (void)gan_sum(x, GAN_AXES(3, -1), 0);
        CHECK_TEXT(gan_error_message(ctx), "the same axis twice");
        gan_error_clear(ctx);
        (void)gan_softmax(x, 4);
        CHECK_TEXT(gan_error_message(ctx), "softmax: axis 4 of a tensor of shape (2, 3, 4, 5)");
        gan_error_clear(ctx);
        (void)gan_argmax(x, -5, 0);
        CHECK_TEXT(gan_error_message(ctx), "argmax: axis -5");
        gan_error_clear(ctx);
        (void)gan_var(x, GAN_AXES(1, 1), 0);
        CHECK_TEXT(gan_error_message(ctx), "var: the same axis twice");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("another axis gives other sums") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_rand_normal(ctx, 3, 3);
        CHECK_BYTES(gan_data(gan_sum(x, GAN_AXES(0), 0)), gan_data(gan_sum(x, GAN_AXES(1), 0)),
                    3 * sizeof(gan_real), "axes 0 and 1");
        gan_destroy(ctx);
    }
}

int main(void)
{
    test_axes();
    GAN__OPERATIONS_REDUCE(OPS_TEST)
    test_mean();
    test_var();
    test_argmax();
    test_sort();
    test_norm();
    test_logsumexp();
    test_all();
    test_norm_per_sample();
    test_softmax();
    test_simple_losses();
    test_slerp();
    test_special();
    test_swallowed();
    negative_controls();
    return ops_done();
}
