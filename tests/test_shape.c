// Views and values in another place: expand, reshape, permute, slice, pad, concat, take, put.
#include "ops.h"

CALL(expand, q->i[0] == 0   ? gan_expand_n(x[0], 0, NULL)
             : q->i[0] == 1 ? gan_expand(x[0], q->i[1])
             : q->i[0] == 2 ? gan_expand(x[0], q->i[1], q->i[2])
             : q->i[0] == 3 ? gan_expand(x[0], q->i[1], q->i[2], q->i[3])
                            : gan_expand(x[0], q->i[1], q->i[2], q->i[3], q->i[4]))
static nd r_expand(const params *q, const nd *x)
{
    nd y = nd_new(q->i[0], q->i + 1);
    for (size_t k = 0; k < y.n; ++k) {
        int index[8];
        unravel(k, y.ndim, y.dim, index);
        y.v[k] = nd_at(x, y.ndim, index);
    }
    return y;
}
static void test_expand(void)
{
    op_sample("expand", f_expand, r_expand, "3,1", P(.i = {2, 3, 4}));
    op_sample("expand to more axes", f_expand, r_expand, "3", P(.i = {3, 2, 5, 3}));
    op_sample("expand of a scalar", f_expand, r_expand, "()", P(.i = {2, 2, 3}));
    op_sample("expand to itself", f_expand, r_expand, "2,3", P(.i = {2, 2, 3}));
    op_sample("expand of inner and outer axes", f_expand, r_expand, "1,3,1,2", P(.i = {4, 2, 3, 5, 2}));
    op_sample("expand of size 1", f_expand, r_expand, "1", P(.i = {1, 1}));
    op_sample("expand to a scalar", f_expand, r_expand, "()", P(.i = {0}));
    LARGE(expand, "37,1", P(.i = {2, 37, 4099}));
}

// i: ndim, then the new sizes, one of them -1 perhaps; i[8..]: the sizes that must come out.
CALL(reshape, q->i[0] == 0   ? gan_reshape_n(x[0], 0, NULL)
              : q->i[0] == 1 ? gan_reshape(x[0], q->i[1])
              : q->i[0] == 2 ? gan_reshape(x[0], q->i[1], q->i[2])
              : q->i[0] == 3 ? gan_reshape(x[0], q->i[1], q->i[2], q->i[3])
                             : gan_reshape(x[0], q->i[1], q->i[2], q->i[3], q->i[4]))
static nd r_reshape(const params *q, const nd *x)
{
    nd y = nd_new(q->i[0], q->i + 8);
    memcpy(y.v, x->v, x->n * sizeof *y.v);
    return y;
}
CALL(flatten, gan_flatten(x[0]))
static void test_reshape(void)
{
    op_sample("reshape", f_reshape, r_reshape, "2,3,4", P(.i = {2, 6, 4, [8] = 6, 4}));
    op_sample("reshape with -1", f_reshape, r_reshape, "2,3,4", P(.i = {3, 4, -1, 2, [8] = 4, 3, 2}));
    op_sample("reshape with -1 first", f_reshape, r_reshape, "2,8",
              P(.i = {4, -1, 2, 2, 2, [8] = 2, 2, 2, 2}));
    op_sample("reshape to a vector", f_reshape, r_reshape, "2,3", P(.i = {1, -1, [8] = 6}));
    op_sample("reshape to a scalar", f_reshape, r_reshape, "1,1", P(.i = {0}));
    op_sample("reshape of a scalar", f_reshape, r_reshape, "()", P(.i = {2, 1, 1, [8] = 1, 1}));
    op_sample("flatten", f_flatten, r_reshape, "2,3,2,2", P(.i = {2, [8] = 2, 12}));
    op_sample("flatten of (3)", f_flatten, r_reshape, "3", P(.i = {2, [8] = 3, 1}));
}

CALL(permute, q->i[0] == 1   ? gan_permute(x[0], q->i[1])
              : q->i[0] == 2 ? gan_permute(x[0], q->i[1], q->i[2])
              : q->i[0] == 3 ? gan_permute(x[0], q->i[1], q->i[2], q->i[3])
              : q->i[0] == 4 ? gan_permute(x[0], q->i[1], q->i[2], q->i[3], q->i[4])
                             : gan_permute(x[0], q->i[1], q->i[2], q->i[3], q->i[4], q->i[5]))
static nd r_permute(const params *q, const nd *x)
{
    int dim[8], i;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[q->i[1 + i]];
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int to[8], from[8];
        unravel(k, y.ndim, y.dim, to);
        for (i = 0; i < x->ndim; ++i) from[q->i[1 + i]] = to[i];
        y.v[k] = x->v[ravel(x->ndim, x->dim, from)];
    }
    return y;
}
CALL(transpose, gan_transpose(x[0], q->i[0], q->i[1]))
static nd r_transpose(const params *q, const nd *x)
{
    params p;
    int i, a = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], b = q->i[1] < 0 ? q->i[1] + x->ndim : q->i[1];
    memset(&p, 0, sizeof p);
    p.i[0] = x->ndim;
    for (i = 0; i < x->ndim; ++i) p.i[1 + i] = i == a ? b : i == b ? a : i;
    return r_permute(&p, x);
}
static void test_permute(void)
{
    int a, b, c;
    for (a = 0; a < 3; ++a)
        for (b = 0; b < 3; ++b)
            for (c = 0; c < 3; ++c)
                if (a != b && b != c && a != c)
                    op_sample("permute", f_permute, r_permute, "2,3,5", P(.i = {3, a, b, c}, .seeds = 1));
    op_sample("permute", f_permute, r_permute, "4", P(.i = {1, 0}));
    op_sample("permute", f_permute, r_permute, "3,7", P(.i = {2, 1, 0}));
    op_sample("permute to NHWC", f_permute, r_permute, "2,3,2,5", P(.i = {4, 0, 2, 3, 1}));
    op_sample("permute", f_permute, r_permute, "2,1,3,2,2", P(.i = {5, 3, 1, 4, 0, 2}));
    op_sample("permute of size 1", f_permute, r_permute, "1,1", P(.i = {2, 1, 0}));
    op_sample("transpose", f_transpose, r_transpose, "2,3,5", P(.i = {0, 2}));
    op_sample("transpose", f_transpose, r_transpose, "2,3,5", P(.i = {-1, 1}));
    op_sample("transpose of an axis with itself", f_transpose, r_transpose, "2,3", P(.i = {1, 1}));
    LARGE(permute, "129,65,33", P(.i = {3, 2, 1, 0}));
    LARGE(permute, "129,65,33", P(.i = {3, 1, 0, 2}));
}

CALL(slice, gan_slice(x[0], q->i[0], q->i[1], q->i[2]))
static nd r_slice(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], dim[8], i;
    int start = q->i[1] < 0 ? q->i[1] + x->dim[axis] : q->i[1],
        stop = q->i[2] < 0 ? q->i[2] + x->dim[axis] : q->i[2];
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[axis] = stop - start;
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int at[8];
        unravel(k, y.ndim, y.dim, at);
        at[axis] += start;
        y.v[k] = x->v[ravel(x->ndim, x->dim, at)];
    }
    return y;
}
static void test_slice(void)
{
    op_sample("slice", f_slice, r_slice, "4,5,3", P(.i = {0, 1, 3}));
    op_sample("slice", f_slice, r_slice, "4,5,3", P(.i = {1, 0, 2}));
    op_sample("slice", f_slice, r_slice, "4,5,3", P(.i = {2, 2, 3}));
    op_sample("slice, negative axis and ends", f_slice, r_slice, "4,5", P(.i = {-1, -4, -1}));
    op_sample("slice of the whole", f_slice, r_slice, "4,5", P(.i = {1, 0, 5}));
    op_sample("slice of size 1", f_slice, r_slice, "1", P(.i = {0, 0, 1}));
    LARGE(slice, "37,4099", P(.i = {1, 5, 4001}));
}

CALL(pad, gan_pad(x[0], q->i[0], q->i[1], q->i[2], (gan_real)q->r[0]))
static nd r_pad(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], dim[8] = {0}, i;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[axis] += q->i[1] + q->i[2];
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int at[8] = {0};
        unravel(k, y.ndim, y.dim, at);
        at[axis] -= q->i[1];
        y.v[k] = at[axis] < 0 || at[axis] >= x->dim[axis] ? (double)(gan_real)q->r[0]
                                                          : x->v[ravel(x->ndim, x->dim, at)];
    }
    return y;
}
static void test_pad(void)
{
    op_sample("pad", f_pad, r_pad, "3,4", P(.i = {0, 1, 2}));
    op_sample("pad with 1.5", f_pad, r_pad, "3,4", P(.i = {1, 2, 1}, .r = {1.5}));
    op_sample("pad before only", f_pad, r_pad, "2,3,2", P(.i = {-2, 2, 0}));
    op_sample("pad after only", f_pad, r_pad, "2,3,2", P(.i = {2, 0, 3}));
    op_sample("pad by nothing", f_pad, r_pad, "2,3", P(.i = {1, 0, 0}));
    op_sample("pad of size 1", f_pad, r_pad, "1", P(.i = {0, 1, 1}, .r = {-1}));
}

CALL(concat, q->n == 1   ? gan_concat(q->i[0], x[0])
             : q->n == 2 ? gan_concat(q->i[0], x[0], x[1])
                         : gan_concat(q->i[0], x[0], x[1], x[2]))
static nd r_concat(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim : q->i[0], dim[8], i, begin = 0;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[axis] = 0;
    for (i = 0; i < q->n; ++i) dim[axis] += x[i].dim[axis];
    y = nd_new(x->ndim, dim);
    for (i = 0; i < q->n; ++i) {
        for (size_t k = 0; k < x[i].n; ++k) {
            int at[8];
            unravel(k, x[i].ndim, x[i].dim, at);
            at[axis] += begin;
            y.v[ravel(y.ndim, y.dim, at)] = x[i].v[k];
        }
        begin += x[i].dim[axis];
    }
    return y;
}
CALL(stack, q->n == 1   ? gan_stack(q->i[0], x[0])
            : q->n == 2 ? gan_stack(q->i[0], x[0], x[1])
                        : gan_stack(q->i[0], x[0], x[1], x[2]))
static nd r_stack(const params *q, const nd *x)
{
    int axis = q->i[0] < 0 ? q->i[0] + x->ndim + 1 : q->i[0], dim[8], i, j;
    nd y;
    for (i = j = 0; i <= x->ndim; ++i) dim[i] = i == axis ? q->n : x->dim[j++];
    y = nd_new(x->ndim + 1, dim);
    for (size_t k = 0; k < y.n; ++k) {
        int at[8] = {0}, from[8];
        unravel(k, y.ndim, y.dim, at);
        for (i = j = 0; i < y.ndim; ++i)
            if (i != axis) from[j++] = at[i];
        y.v[k] = x[at[axis]].v[ravel(x->ndim, x->dim, from)];
    }
    return y;
}
CALL(concat_self, gan_concat(0, x[0], gan_square(x[0]), x[0]))
static nd r_concat_self(const params *q, const nd *x)
{
    nd y = nd_new(1, (int[]){3 * x->dim[0]});
    (void)q;
    for (int i = 0; i < x->dim[0]; ++i) {
        y.v[i] = y.v[2 * x->dim[0] + i] = x->v[i];
        y.v[x->dim[0] + i] = x->v[i] * x->v[i];
    }
    return y;
}
static void test_concat(void)
{
    op_sample("concat of one", f_concat, r_concat, "3,4", P(.i = {1}));
    op_sample("concat of two", f_concat, r_concat, "3,4; 2,4", P(.i = {0}));
    op_sample("concat of two", f_concat, r_concat, "2,1,3; 2,4,3", P(.i = {1}));
    op_sample("concat of three", f_concat, r_concat, "2,3; 2,1; 2,2", P(.i = {-1}));
    op_sample("concat of three", f_concat, r_concat, "2,1,2; 2,3,2; 2,2,2", P(.i = {1}));
    op_sample("concat of size 1", f_concat, r_concat, "1; 1", P(.i = {0}));
    op_sample("concat of the same tensor twice", f_concat_self, r_concat_self, "5", NONE);
    op_sample("stack of one", f_stack, r_stack, "3,4", P(.i = {1}));
    op_sample("stack of two", f_stack, r_stack, "3,4; 3,4", P(.i = {0}));
    op_sample("stack of three along the last", f_stack, r_stack, "2,3; 2,3; 2,3", P(.i = {-1}));
    op_sample("stack of scalars", f_stack, r_stack, "(); ()", P(.i = {0}));
    LARGE(concat, "37,1001; 37,3; 37,2050", P(.i = {1}));
}

CALL(take, gan_take(x[0], x[1]))
static nd r_take(const params *q, const nd *x)
{
    int r = x->dim[x->ndim - 2], d = x->dim[x->ndim - 1], n = x[1].dim[x[1].ndim - 1], dim[8], i;
    int batch = (int)(x->n / ((size_t)r * (size_t)d));
    nd y;
    (void)q;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 2] = n;
    y = nd_new(x->ndim, dim);
    for (int b = 0; b < batch; ++b)
        for (i = 0; i < n; ++i)
            for (int j = 0; j < d; ++j)
                y.v[(b * n + i) * d + j] = x->v[(b * r + (int)x[1].v[b * n + i]) * d + j];
    return y;
}
CALL(put, gan_put(x[0], x[1], q->i[0]))
static nd r_put(const params *q, const nd *x)
{
    int n = x->dim[x->ndim - 2], d = x->dim[x->ndim - 1], r = q->i[0], dim[8], i;
    int batch = (int)(x->n / ((size_t)n * (size_t)d));
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 2] = r;
    y = nd_new(x->ndim, dim);
    for (int b = 0; b < batch; ++b)
        for (i = 0; i < n; ++i)
            for (int j = 0; j < d; ++j)
                y.v[(b * r + (int)x[1].v[b * n + i]) * d + j] += x->v[(b * n + i) * d + j];
    return y;
}
CALL(gather, gan_gather(x[0], x[1]))
static nd r_gather(const params *q, const nd *x)
{
    int r = x->dim[x->ndim - 1], n = x[1].dim[x[1].ndim - 1], dim[8], i;
    nd y;
    (void)q;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim - 1] = n;
    y = nd_new(x->ndim, dim);
    for (size_t k = 0; k < y.n; ++k) y.v[k] = x->v[k / (size_t)n * (size_t)r + (size_t)x[1].v[k]];
    return y;
}
static void test_take(void)
{
    op_sample("take, rows repeated", f_take, r_take, "4,3; i4:7", NONE);
    op_sample("take in batches", f_take, r_take, "2,4,3; i4:2,5", NONE);
    op_sample("take in batches of batches", f_take, r_take, "2,2,3,1; i3:2,2,4", NONE);
    op_sample("take of size 1", f_take, r_take, "1,1; i1:1", NONE);
    op_sample("gather", f_gather, r_gather, "5; i5:7", NONE);
    op_sample("gather in batches", f_gather, r_gather, "3,5; i5:3,2", NONE);
    op_sample("gather in batches of batches", f_gather, r_gather, "2,3,4; i4:2,3,1", NONE);
    LARGE(take, "1000,33; i1000:2003", NONE);
}
static void test_put(void)
{
    op_sample("put sums rows", f_put, r_put, "7,3; i4:7", P(.i = {4}));
    op_sample("put in batches", f_put, r_put, "2,5,3; i4:2,5", P(.i = {4}));
    op_sample("put leaves rows that nothing names at 0", f_put, r_put, "2,3; i2:2", P(.i = {9}));
    op_sample("put of size 1", f_put, r_put, "1,1; i1:1", P(.i = {1}));
    LARGE(put, "2003,33; i100:2003", P(.i = {100}, .tol = 10));
}

CALL(pixel_shuffle, gan_pixel_shuffle(x[0], q->i[0]))
static nd r_pixel_shuffle(const params *q, const nd *x)
{
    int f = q->i[0], c = x->dim[1] / (f * f), h = x->dim[2], w = x->dim[3];
    nd y = nd_new4(x->dim[0], c, h * f, w * f);
    for (size_t k = 0; k < y.n; ++k) {
        int at[4], from[4];
        unravel(k, 4, y.dim, at);
        from[0] = at[0];
        from[1] = at[1] * f * f + at[2] % f * f + at[3] % f;
        from[2] = at[2] / f;
        from[3] = at[3] / f;
        y.v[k] = x->v[ravel(4, x->dim, from)];
    }
    return y;
}
CALL(pixel_unshuffle, gan_pixel_unshuffle(x[0], q->i[0]))
static nd r_pixel_unshuffle(const params *q, const nd *x)
{
    int f = q->i[0], h = x->dim[2] / f, w = x->dim[3] / f;
    nd y = nd_new4(x->dim[0], x->dim[1] * f * f, h, w);
    for (size_t k = 0; k < x->n; ++k) {
        int at[4], to[4];
        unravel(k, 4, x->dim, at);
        to[0] = at[0];
        to[1] = at[1] * f * f + at[2] % f * f + at[3] % f;
        to[2] = at[2] / f;
        to[3] = at[3] / f;
        y.v[ravel(4, y.dim, to)] = x->v[k];
    }
    return y;
}

// ---- composed functions

CALL(expand_as, gan_expand_as(x[0], x[1]))
static nd r_expand_as(const params *q, const nd *x)
{
    params p;
    (void)q;
    memset(&p, 0, sizeof p);
    p.i[0] = x[1].ndim;
    memcpy(p.i + 1, x[1].dim, (size_t)x[1].ndim * sizeof *p.i);
    return r_expand(&p, x);
}

static void test_flatten(void)
{
    op_sample("flatten", f_flatten, r_reshape, "3,1,2", P(.i = {2, [8] = 3, 2}));
}
static void test_expand_as(void)
{
    op_sample("expand_as", f_expand_as, r_expand_as, "3,1; b:2,3,4", NONE);
    op_sample("expand_as of a scalar", f_expand_as, r_expand_as, "(); b:2,3", NONE);
}
static void test_transpose(void) { op_sample("transpose", f_transpose, r_transpose, "3,4", P(.i = {0, 1})); }
static void test_stack(void) { op_sample("stack", f_stack, r_stack, "2,3; 2,3", P(.i = {1})); }
static void test_gather(void) { op_sample("gather", f_gather, r_gather, "2,4; i4:2,3", NONE); }
CALL(one_hot, gan_one_hot(x[0], q->i[0]))
static nd r_one_hot(const params *q, const nd *x)
{
    int dim[8], i;
    nd y;
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[x->ndim] = q->i[0];
    y = nd_new(x->ndim + 1, dim);
    for (size_t k = 0; k < y.n; ++k) y.v[k] = (int)x->v[k / (size_t)q->i[0]] == (int)(k % (size_t)q->i[0]);
    return y;
}
static nd r_one_hot_from_one(const params *q, const nd *x) // classes counted from 1
{
    nd y = nd_copy(x);
    for (size_t k = 0; k < y.n; ++k) y.v[k] = x->v[k] > 0 ? x->v[k] - 1 : 0;
    return r_one_hot(q, &y);
}
static void test_one_hot(void)
{
    op_sample("one_hot", f_one_hot, r_one_hot, "i5:7", P(.i = {5}, .no_grad = 1));
    op_sample("one_hot of (2, 3)", f_one_hot, r_one_hot, "i4:2,3", P(.i = {6}, .no_grad = 1));
    op_sample("one_hot of a scalar, one class", f_one_hot, r_one_hot, "i1:()", P(.i = {1}, .no_grad = 1));
    op_sample("one_hot of nothing", f_one_hot, r_one_hot, "i1:0", P(.i = {3}, .no_grad = 1));
}
static void test_pixel_shuffle(void)
{
    op_sample("pixel_shuffle", f_pixel_shuffle, r_pixel_shuffle, "2,8,2,3", P(.i = {2}));
    op_sample("pixel_shuffle by 3", f_pixel_shuffle, r_pixel_shuffle, "1,9,1,2", P(.i = {3}));
    op_sample("pixel_shuffle by 1", f_pixel_shuffle, r_pixel_shuffle, "1,2,2,2", P(.i = {1}));
    op_sample("pixel_unshuffle", f_pixel_unshuffle, r_pixel_unshuffle, "2,2,4,6", P(.i = {2}));
    op_sample("pixel_unshuffle by 3", f_pixel_unshuffle, r_pixel_unshuffle, "1,1,3,6", P(.i = {3}));
}

// ---- negative controls

static nd r_wrong_permute(const params *q, const nd *x) // the inverse order
{
    params p = *q;
    for (int i = 0; i < q->i[0]; ++i) p.i[1 + q->i[1 + i]] = i;
    return r_permute(&p, x);
}
static nd r_wrong_put(const params *q, const nd *x) // of rows that fall together the last stays
{
    nd y = r_put(q, x);
    for (int i = 0; i < x->dim[0]; ++i)
        for (int j = 0; j < x->dim[1]; ++j) y.v[(int)x[1].v[i] * x->dim[1] + j] = x->v[i * x->dim[1] + j];
    return y;
}
static void negative_controls(void)
{
    control_forward("permute by the inverse order", f_permute, r_wrong_permute, "3,3,3",
                    P(.i = {3, 1, 2, 0}));
    control_forward("one_hot from 1", f_one_hot, r_one_hot_from_one, "i5:7", P(.i = {5}));
    control_forward("put that overwrites", f_put, r_wrong_put, "7,3; i4:7", P(.i = {4}));
}

int main(void)
{
    GAN__OPERATIONS_SHAPE(OPS_TEST)
    test_flatten();
    test_expand_as();
    test_transpose();
    test_stack();
    test_gather();
    test_one_hot();
    test_pixel_shuffle();
    negative_controls();
    return ops_done();
}
