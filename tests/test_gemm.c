// Blocked products of every size, transposed or not, with biases and activations, on every instruction set,
// against three loops in double; their bits for any number of threads; and what happens without memory.
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "kernels.h"

typedef struct product {
    int ta, tb, m, n, d;
    int add;  // to what stands in C
    int bias; // a value each column
    int act, pad;
    int wrong; // the reference is off by 1e-3 in one element
} product;

static double want_act(int act, double x, double slope)
{
    switch (act) {
    case GAN__ACT_RELU: return x > 0 ? x : 0;
    case GAN__ACT_LEAKY_RELU: return x > 0 ? x : slope * x;
    case GAN__ACT_TANH: return tanh(x);
    case GAN__ACT_SIGMOID: return 1 / (1 + exp(-x));
    default: return x;
    }
}

// The largest error of a product in eps of the sum of absolute terms; -1 when it ran out of memory.
static double product_error(gan_context *ctx, const product *p)
{
    const int m = p->m, n = p->n, d = p->d;
    const int lda = (p->ta ? m : d) + p->pad, ldb = (p->tb ? d : n) + p->pad, ldc = n + p->pad;
    gan_real *a = filled((p->ta ? d : m) * lda), *b = filled((p->tb ? n : d) * ldb), *c = filled(m * ldc);
    gan_real *col = filled(n);
    double *w = doubles(m * ldc), *s = doubles(m * ldc), e;
    const size_t before = gan_memory(ctx).current;
    gan__gemm_epilogue ends;
    int i, j, k, code;
    for (i = 0; i < m * ldc; ++i) w[i] = (double)c[i], s[i] = 1e-30;
    for (i = 0; i < m; ++i)
        for (j = 0; j < n; ++j) {
            double x = 0, size = 1e-3;
            for (k = 0; k < d; ++k) {
                const double u = (double)a[p->ta ? k * lda + i : i * lda + k] *
                                 (double)b[p->tb ? j * ldb + k : k * ldb + j];
                x += u;
                size += fabs(u);
            }
            if (p->add) x += w[i * ldc + j];
            if (p->bias) x += (double)col[j];
            if (p->wrong && i == m / 2 && j == n / 2) x += 1e-3;
            w[i * ldc + j] = want_act(p->act, x, (double)(gan_real).1);
            s[i * ldc + j] = size * 2 + 4;
            if (!p->add) c[i * ldc + j] = not_a_number(); // it must not be read
        }
    c[m * ldc] = 9;
    ends.bias = p->bias ? col : NULL;
    ends.act = p->act;
    ends.slope = (gan_real).1;
    {
        const gan__gemm_product of = {
            m, n, d, {a, lda, !p->ta}, {b, ldb, p->tb}, c, ldc, p->add, p->bias || p->act ? &ends : NULL};
        code = gan__gemm(ctx, &of);
    }
    CHECK(code == 0 || gan_error(ctx) == GAN_ERROR_MEMORY, "failed without an error");
    CHECK(gan_memory(ctx).current == before, "work space was not given back");
    CHECK(c[m * ldc] == 9, "wrote beyond its end");
    e = code ? -1 : worst(m * ldc, c, w, s);
    free(a);
    free(b);
    free(c);
    free(col);
    free(w);
    free(s);
    return e;
}

static void right(gan_context *ctx, const product *p)
{
    const double e = product_error(ctx, p);
    CHECK(e >= 0 && e < 8, "%d x %d x %d, %c%c, add %d bias %d act %d: %g eps", p->m, p->n, p->d,
          p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', p->add, p->bias, p->act, e);
}

static product plain(int ta, int tb, int m, int n, int d)
{
    product p;
    memset(&p, 0, sizeof p);
    p.ta = ta, p.tb = tb;
    p.m = m, p.n = n, p.d = d;
    return p;
}

static void test_products(const gan__cpu_kernels *k)
{
    static const int sizes[] = {0, 1, 2, 3, 5, 8, 15, 17, 33, 49, 97};
    TESTF ("%s: products of any size, transposed or not, equal three loops", k->name) {
        gan_context *ctx = context_on(k, 1, 0);
        for (size_t i = 0; i < COUNT(sizes); ++i)
            for (size_t j = 0; j < COUNT(sizes); ++j)
                for (size_t l = 0; l < COUNT(sizes); ++l)
                    for (int t = 0; t < 4; ++t) {
                        product p = plain(t & 1, t >> 1, sizes[i], sizes[j], sizes[l]);
                        p.pad = (int)(i + j) % 3;
                        right(ctx, &p);
                    }
        gan_destroy(ctx);
    }
    TESTF ("%s: sums, biases and activations", k->name) {
        static const int m[] = {7, 1, 50, 3, 130, 5}, n[] = {50, 61, 1, 5, 11, 7},
                         d[] = {20, 9, 300, 0, 600, 4000};
        gan_context *ctx = context_on(k, 1, 0);
        for (int bias = 0; bias < 3; ++bias) // 2: added to C
            for (int act = 0; act <= GAN__ACT_SIGMOID; ++act)
                for (int q = 0; q < 6; ++q) {
                    product p = plain(q & 1, q >> 1 & 1, m[q], n[q], d[q]);
                    p.add = bias == 2;
                    p.bias = bias == 1;
                    p.act = p.add ? GAN__ACT_NONE : act;
                    p.pad = 2;
                    right(ctx, &p);
                }
        gan_destroy(ctx);
    }
    TESTF ("%s: shapes beyond every block size", k->name) {
        static const int m[] = {201, 400, 5, 1030, 33, 1}, n[] = {500, 70, 1100, 3, 25, 700},
                         d[] = {300, 520, 257, 270, 9000, 1100};
        gan_context *ctx = context_on(k, 2, 0);
        for (int q = 0; q < 6; ++q) {
            product p = plain(q & 1, q % 3 == 0, m[q], n[q], d[q]);
            p.add = q % 2;
            p.bias = !p.add;
            p.pad = 1;
            right(ctx, &p);
        }
        gan_destroy(ctx);
    }
    TESTF ("%s: the bits are the same for 1, 2, 3 and 7 threads, whichever task is the first", k->name) {
        static const int64_t m[] = {130, 32, 301, 1, 64}, n[] = {200, 40, 120, 3000, 16},
                             d[] = {300, 9000, 100, 1000, 5000};
        static const int threads[] = {1, 2, 3, 7};
        for (int q = 0; q < 5; ++q) {
            gan_real *a = filled(m[q] * d[q]), *b = filled(n[q] * d[q]);
            gan_real *one = reals(m[q] * n[q]), *c = reals(m[q] * n[q]);
            for (int t = 0; t < 8; ++t) {
                gan_context *ctx = context_on(k, threads[t % 4], t / 4);
                gan_real *out = t ? c : one;
                const gan__gemm_product of = {m[q], n[q], d[q], {a, d[q], 1}, {b, d[q], 1},
                                              out,  n[q], 0,    NULL};
                const int code = gan__gemm(ctx, &of);
                CHECK(code == 0, "shape %d: no memory", q);
                CHECK_BYTES(out, one, (size_t)(m[q] * n[q]) * sizeof *c, "a product");
                gan_destroy(ctx);
            }
            free(a);
            free(b);
            free(one);
            free(c);
        }
    }
}

// Products in a fixed block that grows from nothing: each fails with an error, or is right.
static void test_memory(const product *p, int threads, size_t step)
{
    size_t size;
    int made = 0, failed = 0, done = 0;
    for (size = 0; size < (size_t)1 << 25 && done < 3; size += step) {
        void *block = malloc(size + 1);
        gan_context *ctx;
        gan_desc desc;
        double e;
        memset(&desc, 0, sizeof desc);
        desc.memory = block;
        desc.memory_size = size;
        desc.threads = threads;
        desc.parallel_for = forwards;
        ctx = block ? gan_create(&desc) : NULL;
        if (ctx) {
            ++made;
            e = product_error(ctx, p);
            if (e < 0) ++failed;
            else ++done;
            CHECK(e < 8, "%lu bytes: %g eps", (unsigned long)size, e);
            CHECK(e >= 0 || gan_error(ctx) == GAN_ERROR_MEMORY, "no error");
            gan_error_clear(ctx);
            gan_destroy(ctx);
        }
        free(block);
    }
    CHECK(made > 3 && failed > 0 && done == 3, "%d contexts, %d failed, %d done", made, failed, done);
}

static void *none(size_t bytes, void *user)
{
    int *left = (int *)user;
    return (*left)-- > 0 ? malloc(bytes) : NULL;
}

static void release(void *p, size_t bytes, void *user)
{
    (void)bytes;
    (void)user;
    free(p);
}

int main(void)
{
    const gan__cpu_kernels *k;
    for (k = next_isa(NULL); k; k = next_isa(k)) test_products(k);
    TEST ("without work space a product is an error, not a crash; with just enough it is right") {
        product p = plain(0, 0, 8, 8, 8);
        test_memory(&p, 1, 256);
        p = plain(1, 1, 61, 33, 700);
        test_memory(&p, 1, 8192);
        test_memory(&p, 3, 8192);
    }
    TEST ("a single row or column needs none") {
        gan_context *ctx = context_on(gan__isa_choose(GAN_ISA_AUTO), 1, 0);
        const uint64_t calls = gan_memory(ctx).heap_calls;
        product p = plain(0, 1, 1, 30, 900);
        p.bias = 1;
        right(ctx, &p);
        p.m = 30, p.n = 1;
        right(ctx, &p);
        CHECK(gan_memory(ctx).heap_calls == calls, "asked for memory");
        gan_destroy(ctx);
    }
    TEST ("an allocator that has no more is an error, and the context goes on") {
        int left = 1;
        gan_desc desc;
        gan_context *ctx;
        product p = plain(0, 0, 300, 300, 600);
        memset(&desc, 0, sizeof desc);
        desc.threads = 1;
        desc.allocator.alloc = none;
        desc.allocator.release = release;
        desc.allocator.user = &left;
        ctx = gan_create(&desc);
        CHECK(ctx != NULL, "no context");
        CHECK(product_error(ctx, &p) < 0, "succeeded with nothing");
        CHECK(gan_error(ctx) == GAN_ERROR_MEMORY, "%s", gan_error_message(ctx));
        gan_error_clear(ctx);
        left = 1;
        right(ctx, &p);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a reference that is wrong by 1e-3 in one element is caught") {
        gan_context *ctx = context_on(gan__isa_choose(GAN_ISA_AUTO), 1, 0);
        product p = plain(0, 1, 60, 70, 80);
        p.wrong = 1;
        right(ctx, &p);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a product of another operand's transpose is caught") {
        gan_context *ctx = context_on(gan__isa_choose(GAN_ISA_AUTO), 1, 0);
        gan_real *a = filled(16 * 16), *c = reals(16 * 16), *turned = reals(16 * 16);
        const gan__gemm_product plain_of = {16, 16, 16, {a, 16, 1}, {a, 16, 0}, c, 16, 0, NULL};
        const gan__gemm_product turned_of = {16, 16, 16, {a, 16, 1}, {a, 16, 1}, turned, 16, 0, NULL};
        if (!gan__gemm(ctx, &plain_of) && !gan__gemm(ctx, &turned_of))
            CHECK_BYTES(c, turned, 16 * 16 * sizeof *c, "A A and A A'");
        free(a);
        free(c);
        free(turned);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a product that ran out of memory does not pass for a right one") {
        static char block[1 << 15];
        gan_desc desc;
        gan_context *ctx;
        product p = plain(0, 0, 100, 100, 100);
        memset(&desc, 0, sizeof desc);
        desc.memory = block;
        desc.memory_size = sizeof block;
        ctx = gan_create(&desc);
        right(ctx, &p);
        gan_destroy(ctx);
    }
    return test_done();
}
