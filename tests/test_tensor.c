// Tensors: making, reading, shapes, broadcasting, what shares memory and what does not.
#include <limits.h>

#include "../gan.h"

#include "test.h"

#include "check.h"

static void is_shape(const gan_tensor *t, int ndim, ...)
{
    va_list list;
    size_t n = 1;
    int i;
    CHECK(gan_ndim(t) == ndim, "%d dimensions, not %d", gan_ndim(t), ndim);
    va_start(list, ndim);
    for (i = 0; i < ndim; ++i) {
        int want = va_arg(list, int);
        CHECK(gan_dim(t, i) == want && gan_dim(t, i - ndim) == want,
              "axis %d: %d and from the end %d, not %d", i, gan_dim(t, i), gan_dim(t, i - ndim), want);
        n *= (size_t)want;
    }
    va_end(list);
    CHECK(gan_numel(t) == n, "%d values, not %d", (int)gan_numel(t), (int)n);
}

static void makers(gan_context *ctx)
{
    TEST ("zeros, full, scalar, linspace, from, tensor_create: shapes and values") {
        const gan_real v[6] = {1, 2, 3, 4, 5, 6};
        const int dims[3] = {2, 1, 3};
        gan_tensor *t;
        int i;
        t = gan_zeros(ctx, 2, 3, 4);
        is_shape(t, 3, 2, 3, 4);
        for (i = 0; i < 24; ++i) CHECK(gan_data(t)[i] == 0, "zeros");
        t = gan_full(ctx, (gan_real)1.5, 3, 5);
        is_shape(t, 2, 3, 5);
        for (i = 0; i < 15; ++i) CHECK(gan_data(t)[i] == (gan_real)1.5, "full");
        t = gan_scalar(ctx, -7);
        is_shape(t, 0);
        CHECK(gan_item(t) == -7, "scalar");
        t = gan_linspace(ctx, -1, 1, 5);
        is_shape(t, 1, 5);
        for (i = 0; i < 5; ++i) CHECK_NEAR(gan_data(t)[i], -1 + .5 * i, 1e-7, "linspace");
        CHECK(gan_data(t)[4] == 1, "linspace ends exactly");
        CHECK(gan_item(gan_linspace(ctx, 3, 9, 1)) == 3, "linspace of one is its first");
        t = gan_from(ctx, v, 2, 3);
        is_shape(t, 2, 2, 3);
        for (i = 0; i < 6; ++i) CHECK(gan_data(t)[i] == v[i], "from");
        CHECK(gan_data(t) != v, "from copies");
        is_shape(gan_zeros_n(ctx, 3, dims), 3, 2, 1, 3);
        is_shape(gan_zeros_n(ctx, 0, NULL), 0);
        is_shape(gan_zeros(ctx, 1, 2, 1, 2, 1, 2, 1, 2), 8, 1, 2, 1, 2, 1, 2, 1, 2);
        is_shape(gan_rand_uniform(ctx, 3, 5), 2, 3, 5);
        is_shape(gan_rand_normal_n(ctx, 0, NULL), 0);
        CHECK(gan_context_of(t) == ctx, "context");
    }
    TEST ("reading: item, read, dim out of range") {
        const gan_real v[3] = {3, 2, 1};
        gan_tensor *t = gan_from(ctx, v, 3);
        gan_real out[4] = {9, 9, 9, 9};
        CHECK(gan_item(t) == 3, "item is the first value");
        CHECK(gan_read(t, out, 3) == 0 && out[0] == 3 && out[2] == 1 && out[3] == 9, "read");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_dim(t, 1) == 0 && gan_dim(t, -2) == 0 && gan_dim(t, 100) == 0, "out of range: %d %d",
              gan_dim(t, 1), gan_dim(t, -2));
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "an axis that is not there: code %d", gan_error(ctx));
        gan_error_clear(ctx);
    }
    TEST ("data can be filled: what is written is what is computed with") {
        gan_tensor *t = gan_zeros(ctx, 4);
        int i;
        for (i = 0; i < 4; ++i) gan_data(t)[i] = (gan_real)i;
        CHECK_NEAR(gan_item(gan_sum_all(t)), 6, 0, "sum");
    }
    TEST ("no error so far") { CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx)); }
}

static void shapes(gan_context *ctx)
{
    TEST ("reshape and flatten make no copy; expand and permute give what NumPy gives") {
        gan_tensor *x = gan_linspace(ctx, 0, 23, 24), *r = gan_reshape(x, 2, -1, 4), *p;
        is_shape(r, 3, 2, 3, 4);
        CHECK(gan_data(r) == gan_data(x), "reshape copied");
        CHECK(gan_data(gan_flatten(r)) == gan_data(x), "flatten copied");
        is_shape(gan_flatten(r), 2, 2, 12);
        p = gan_permute(r, 2, 0, 1);
        is_shape(p, 3, 4, 2, 3);
        CHECK(gan_data(p)[(1 * 2 + 1) * 3 + 2] == 12 + 8 + 1,
              "entry (1, 1, 2) of the permuted is (1, 2, 1) of the first: %g", (double)gan_data(p)[11]);
        is_shape(gan_transpose(r, 0, -1), 3, 4, 3, 2);
        is_shape(gan_sum(r, GAN_AXES(1), 0), 2, 2, 4);
        is_shape(gan_sum(r, GAN_AXES(1), GAN_KEEPDIM), 3, 2, 1, 4);
        is_shape(gan_sum(r, GAN_ALL, 0), 0);
        is_shape(gan_sum(r, GAN_ALL, GAN_KEEPDIM), 3, 1, 1, 1);
        is_shape(gan_stack(1, r, r), 4, 2, 2, 3, 4);
        is_shape(gan_norm_per_sample(r), 1, 2);
    }
    TEST ("every pair of shapes of up to three axes of 1 and 2 broadcasts as NumPy does, or is an error when "
          "it does not") {
        int da[3], db[3], na, nb, a, b, i;
        int good = 0;
        for (na = 0; na <= 3; ++na)
            for (a = 0; a < 1 << (2 * na); ++a) // two bits an axis: sizes 1, 2, 3, 1
                for (nb = 0; nb <= 3; ++nb)
                    for (b = 0; b < 1 << (2 * nb); ++b) {
                        gan_tensor *x, *y, *z;
                        int n = na > nb ? na : nb, fits = 1;
                        if ((a * 7 + b * 13 + na + nb) % 5) continue; // a fifth of them
                        for (i = 0; i < na; ++i) da[i] = ((a >> (2 * i)) & 3) % 3 + 1;
                        for (i = 0; i < nb; ++i) db[i] = ((b >> (2 * i)) & 3) % 3 + 1;
                        for (i = 1; i <= na && i <= nb; ++i)
                            fits = fits && (da[na - i] == db[nb - i] || da[na - i] == 1 || db[nb - i] == 1);
                        gan_scope_open(ctx);
                        x = gan_zeros_n(ctx, na, da);
                        y = gan_zeros_n(ctx, nb, db);
                        z = gan_add(x, y);
                        if ((gan_error(ctx) == 0) != fits)
                            CHECK(0, "%d and %d axes, cases %d %d: %s", na, nb, a, b, gan_error_message(ctx));
                        for (i = 1; fits && i <= n; ++i) {
                            int u = i <= na ? da[na - i] : 1, v = i <= nb ? db[nb - i] : 1,
                                want = u > v ? u : v;
                            if (gan_dim(z, -i) != want)
                                CHECK(0, "axis %d from the end: %d, not %d", i, gan_dim(z, -i), want);
                        }
                        if (fits && gan_ndim(z) != n) CHECK(0, "%d axes, not %d", gan_ndim(z), n);
                        good += fits;
                        gan_error_clear(ctx);
                        gan_scope_close(ctx);
                    }
        CHECK(good > 100, "%d pairs fit", good);
    }
    TEST ("values of a broadcast in eight axes") {
        gan_tensor *a = gan_linspace(ctx, 0, 3, 4), *b = gan_linspace(ctx, 0, 5, 6), *c;
        int i, j, k, l, wrong = 0;
        a = gan_reshape(a, 1, 2, 1, 1, 1, 2, 1, 1);
        b = gan_reshape(b, 1, 1, 3, 1, 1, 1, 2, 1);
        c = gan_add(gan_mul_scalar(a, 100), b);
        is_shape(c, 8, 1, 2, 3, 1, 1, 2, 2, 1);
        for (i = 0; i < 2; ++i)
            for (j = 0; j < 3; ++j)
                for (k = 0; k < 2; ++k)
                    for (l = 0; l < 2; ++l)
                        wrong += gan_data(c)[((i * 3 + j) * 2 + k) * 2 + l] !=
                                 (gan_real)(100 * (i * 2 + k) + j * 2 + l);
        CHECK(wrong == 0, "%d entries", wrong);
    }
    TEST ("operations do not change their inputs") {
        gan_tensor *x = gan_rand_normal(ctx, 3, 4), *y = gan_from(ctx, gan_data(x), 3, 4);
        (void)gan_relu(x);
        (void)gan_add(x, x);
        (void)gan_softmax(x, 1);
        (void)gan_grad(gan_sum_all(gan_square(gan_tanh(x))), x, GAN_CREATE_GRAPH);
        (void)gan_clamp(x, 0, 1);
        CHECK(same_bits(x, y), "x changed");
    }
    TEST ("detach shares its values with x; a reshape does, too: writing into x shows") {
        gan_tensor *x = gan_zeros(ctx, 3), *d = gan_detach(x);
        gan_data(x)[1] = 5;
        CHECK(gan_data(d)[1] == 5, "detach");
    }
    TEST ("empty tensors are either right or an error, never a crash") {
        gan_tensor *x = gan_zeros(ctx, 0, 3), *s;
        if (!gan_error(ctx)) {
            CHECK(gan_numel(x) == 0, "%d", (int)gan_numel(x));
            s = gan_sum_all(gan_mul(x, x));
            if (!gan_error(ctx)) CHECK(gan_item(s) == 0, "the sum of nothing is %g", (double)gan_item(s));
            (void)gan_matmul(x, gan_zeros(ctx, 3, 2));
            (void)gan_matmul(gan_zeros(ctx, 3, 0), x);
            (void)gan_amax(x, 0, 0);
            (void)gan_softmax(x, 1);
            (void)gan_concat(0, x, x);
            (void)gan_f_linear(x, gan_zeros(ctx, 4, 3), NULL);
            (void)gan_f_conv2d(gan_zeros(ctx, 0, 1, 5, 5), gan_zeros(ctx, 2, 1, 3, 3), NULL, NULL);
            (void)gan_normalize(gan_zeros(ctx, 0, 3), 0, 3, 1, 1);
            (void)gan_mean_all(x);
        } else {
            CHECK(gan_data(x) == NULL, "poison");
        }
        gan_error_clear(ctx);
    }
    TEST_MUST_FAIL ("a wrong shape is caught") { is_shape(gan_zeros(ctx, 3, 4), 2, 4, 3); }
}

// The spelling that counts its dimensions and the one with an array make the same tensors.
static void test_counted(void)
{
    TEST ("shapes are counted: 1 to 8 dimensions, 9 are an error") {
        static const int dim[9] = {1, 2, 1, 3, 1, 1, 2, 1, 1};
        gan_context *ctx = gan_create(NULL);
        gan_tensor *t[8];
        int i, k;
        t[0] = gan_zeros(ctx, 1), t[1] = gan_zeros(ctx, 1, 2), t[2] = gan_zeros(ctx, 1, 2, 1);
        t[3] = gan_zeros(ctx, 1, 2, 1, 3), t[4] = gan_zeros(ctx, 1, 2, 1, 3, 1);
        t[5] = gan_zeros(ctx, 1, 2, 1, 3, 1, 1), t[6] = gan_zeros(ctx, 1, 2, 1, 3, 1, 1, 2);
        t[7] = gan_zeros(ctx, 1, 2, 1, 3, 1, 1, 2, 1);
        for (i = 0; i < 8; ++i) {
            CHECK(gan_ndim(t[i]) == i + 1, "%d of %d dimensions", gan_ndim(t[i]), i + 1);
            for (k = 0; k <= i; ++k)
                CHECK(gan_dim(t[i], k) == dim[k], "dimension %d: %d", k, gan_dim(t[i], k));
            CHECK(gan_numel(t[i]) == gan_numel(gan_zeros_n(ctx, i + 1, dim)), "%d", i);
        }
        CHECK(gan_ndim(gan_zeros_n(ctx, 0, NULL)) == 0 && !gan_error(ctx), "%s", gan_error_message(ctx));
        (void)gan_zeros(ctx, 1, 2, 1, 3, 1, 1, 2, 1, 1);
        CHECK_TEXT(gan_error_message(ctx), "gan_zeros: 9 dimensions; 0 to 8 are possible");
        gan_error_clear(ctx);
        (void)gan_rand_normal_n(ctx, 2, NULL);
        CHECK_TEXT(gan_error_message(ctx), "gan_rand_normal: the dimensions are NULL");
        gan_error_clear(ctx);
        CHECK(gan_ndim(gan_concat(0, t[0], t[0], t[0])) == 1 && gan_dim(gan_stack(0, t[1], t[1]), 0) == 2,
              "%s", "counted tensors");
        gan_destroy(ctx);
    }
}

// chi-square of 60,000 draws of n values, in standard deviations of its distribution; 1e9 where one is
// outside. share > 1: every share-th draw is replaced by the first value.
static double chi_square(gan_context *ctx, int low, int high, int share)
{
    enum { DRAWS = 60000 };
    const int n = high - low;
    int *count = (int *)calloc((size_t)n, sizeof *count), i, outside = 0;
    const gan_real *v = gan_data(gan_randint(ctx, low, high, 60, DRAWS / 60));
    double sum = 0, want = (double)DRAWS / n;
    for (i = 0; v && i < DRAWS; ++i) {
        const int k = share && i % share == 0 ? 0 : (int)v[i] - low;
        if (k < 0 || k >= n || v[i] != (gan_real)((int)v[i])) outside = 1;
        else ++count[k];
    }
    for (i = 0; i < n; ++i) sum += (count[i] - want) * (count[i] - want) / want;
    free(count);
    return outside || !v ? 1e9 : n == 1 ? 0 : (sum - (n - 1)) / sqrt(2. * (n - 1));
}
static void test_randint(void)
{
    static const int ranges[][2] = {{0, 2}, {0, 10}, {-3, 4}, {1, 2}, {-100, 900}, {16777200, 16777216}};
    gan_context *ctx = gan_create(NULL);
    size_t i;
    for (i = 0; i < sizeof ranges / sizeof *ranges; ++i)
        TESTF ("randint %d .. %d: whole, in range, uniform by chi-square", ranges[i][0], ranges[i][1]) {
            const double z = chi_square(ctx, ranges[i][0], ranges[i][1], 0);
            CHECK(fabs(z) < 5, "%g standard deviations", z);
        }
    TEST_MUST_FAIL ("a value drawn too often is seen") CHECK(fabs(chi_square(ctx, 0, 10, 50)) < 5, "seen");
    TEST ("randint repeats by seed, differs from draw to draw, takes every shape") {
        gan_tensor *a, *b, *c;
        gan_seed(ctx, 7);
        a = gan_randint(ctx, 0, 1000, 5, 3);
        b = gan_randint(ctx, 0, 1000, 5, 3);
        gan_seed(ctx, 7);
        c = gan_randint_n(ctx, 0, 1000, 2, (const int[]){5, 3});
        CHECK(same_bits(a, c) && !same_bits(a, b), "%s", gan_error_message(ctx));
        is_shape(a, 2, 5, 3);
        is_shape(gan_randint_n(ctx, 0, 9, 0, NULL), 0);
        is_shape(gan_randint(ctx, 0, 9, 0, 4), 2, 0, 4);
        CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    }
    TEST ("randint of an empty range, or of numbers that gan_real cannot count, is an error") {
        static const int bad[][2] = {{3, 3}, {4, 3}, {INT_MAX, INT_MIN}, {INT_MIN, 0}};
        for (i = 0; i < sizeof bad / sizeof *bad; ++i) {
            CHECK(!gan_data(gan_randint(ctx, bad[i][0], bad[i][1], 4)), "%s", "made");
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "%d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "gan_randint");
            gan_error_clear(ctx);
        }
    }
    gan_destroy(ctx);
}

int main(void)
{
    test_randint();
    test_counted();
    gan_context *ctx = gan_create(NULL);
    makers(ctx);
    shapes(ctx);
    TEST ("no error at the end") { CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx)); }
    gan_destroy(ctx);
    return test_done();
}
