// Convolutions and their two gradients on every instruction set against one loop nest in double; their bits
// for any number of threads; and what happens without memory.
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "kernels.h"

enum { FORWARD, INPUT, WEIGHT, PASSES };
static const char *const passes[] = {"forward", "input gradient", "weight gradient"};

typedef struct lengths {
    int64_t x, w, y, out;
} lengths;

static lengths lengths_of(const gan__cpu_conv *v, int pass)
{
    lengths l;
    l.x = v->n * v->ci * v->h * v->w;
    l.w = v->co * v->ci / v->groups * v->kh * v->kw;
    l.y = v->n * v->co * v->oh * v->ow;
    l.out = pass == FORWARD ? l.y : pass == INPUT ? l.x : l.w;
    return l;
}

// y[n][o][oy][ox] += x[n][c][oy s - p + ky d][..] w[o][c][ky][kx]: one nest serves the three passes.
static void nest(int pass, const gan__cpu_conv *v, const double *x, const double *w, const double *y,
                 double *out)
{
    const int64_t ci = v->ci / v->groups, co = v->co / v->groups;
    int64_t n, o, c, oy, ox, ky, kx;
    for (n = 0; n < v->n; ++n)
        for (o = 0; o < v->co; ++o)
            for (c = 0; c < ci; ++c)
                for (oy = 0; oy < v->oh; ++oy)
                    for (ky = 0; ky < v->kh; ++ky) {
                        const int64_t iy = oy * v->sh - v->ph + ky * v->dh;
                        if (iy < 0 || iy >= v->h) continue;
                        for (ox = 0; ox < v->ow; ++ox)
                            for (kx = 0; kx < v->kw; ++kx) {
                                const int64_t ix = ox * v->sw - v->pw + kx * v->dw;
                                const int64_t xi = ((n * v->ci + o / co * ci + c) * v->h + iy) * v->w + ix;
                                const int64_t wi = ((o * ci + c) * v->kh + ky) * v->kw + kx;
                                const int64_t yi = ((n * v->co + o) * v->oh + oy) * v->ow + ox;
                                if (ix < 0 || ix >= v->w) continue;
                                if (pass == FORWARD) out[yi] += x[xi] * w[wi];
                                else if (pass == INPUT) out[xi] += y[yi] * w[wi];
                                else out[wi] += x[xi] * y[yi];
                            }
                    }
}

static int run(gan_context *ctx, int pass, const gan__cpu_conv *v, const gan_real *x, const gan_real *w,
               const gan_real *y, const gan_real *bias, gan_real *out)
{
    gan__gemm_epilogue e;
    memset(&e, 0, sizeof e);
    e.bias = bias;
    e.act = bias ? GAN__ACT_LEAKY_RELU : GAN__ACT_NONE;
    e.slope = (gan_real).25;
    if (pass == FORWARD) return gan__conv_forward(ctx, v, x, w, &e, out);
    return pass == INPUT ? gan__conv_input(ctx, v, y, w, &e, out) : gan__conv_weight(ctx, v, x, y, out);
}

static double *as_doubles(const gan_real *a, int64_t n)
{
    double *d = doubles(n);
    int64_t i;
    for (i = 0; i < n; ++i) d[i] = (double)a[i];
    return d;
}

static void absolute(double *a, int64_t n)
{
    int64_t i;
    for (i = 0; i < n; ++i) a[i] = fabs(a[i]);
}

// The largest error of one pass in eps of the sum of absolute terms; -1 when it ran out of memory.
static double conv_error(gan_context *ctx, int pass, const gan__cpu_conv *v, int bias, int wrong)
{
    const lengths l = lengths_of(v, pass);
    const int64_t plane = pass == FORWARD ? v->oh * v->ow : v->h * v->w,
                  channels = pass == FORWARD ? v->co : v->ci;
    gan_real *x = filled(l.x), *w = filled(l.w), *y = filled(l.y), *b = filled(v->ci + v->co),
             *out = reals(l.out);
    double *dx = as_doubles(x, l.x), *dw = as_doubles(w, l.w), *dy = as_doubles(y, l.y);
    double *exact = doubles(l.out), *size = doubles(l.out), e;
    const size_t before = gan_memory(ctx).current;
    int64_t i;
    int code;
    for (i = 0; i < l.out; ++i) out[i] = not_a_number();
    out[l.out] = 7;
    nest(pass, v, dx, dw, dy, exact);
    absolute(dx, l.x);
    absolute(dw, l.w);
    absolute(dy, l.y);
    nest(pass, v, dx, dw, dy, size);
    for (i = 0; i < l.out; ++i) {
        if (bias && pass != WEIGHT) {
            exact[i] += (double)b[i / plane % channels];
            if (exact[i] < 0) exact[i] *= .25;
        }
        size[i] += 2;
    }
    if (wrong) exact[l.out / 2] += 1e-3;
    code = run(ctx, pass, v, x, w, y, bias ? b : NULL, out);
    CHECK(code == 0 || gan_error(ctx) == GAN_ERROR_MEMORY, "failed without an error");
    CHECK(gan_memory(ctx).current == before, "work space was not given back");
    CHECK(out[l.out] == 7, "wrote beyond its end");
    e = code ? -1 : worst(l.out, out, exact, size);
    free(x);
    free(w);
    free(y);
    free(b);
    free(out);
    free(dx);
    free(dw);
    free(dy);
    free(exact);
    free(size);
    return e;
}

static void right(gan_context *ctx, int pass, const gan__cpu_conv *v, int bias, int wrong)
{
    const double e = conv_error(ctx, pass, v, bias, wrong);
    CHECK(e >= 0 && e < 6, "%s of (%d %d %d %d) to %d, k %d %d s %d %d p %d %d d %d %d g %d: %g eps",
          passes[pass], (int)v->n, (int)v->ci, (int)v->h, (int)v->w, (int)v->co, (int)v->kh, (int)v->kw,
          (int)v->sh, (int)v->sw, (int)v->ph, (int)v->pw, (int)v->dh, (int)v->dw, (int)v->groups, e);
}

// The output size; 0 when the kernel does not fit.
static int fit(gan__cpu_conv *v)
{
    if (v->h + 2 * v->ph < v->dh * (v->kh - 1) + 1 || v->w + 2 * v->pw < v->dw * (v->kw - 1) + 1) return 0;
    v->oh = (v->h + 2 * v->ph - v->dh * (v->kh - 1) - 1) / v->sh + 1;
    v->ow = (v->w + 2 * v->pw - v->dw * (v->kw - 1) - 1) / v->sw + 1;
    return 1;
}

// Square: n images of ci channels, size x size, to co channels.
static gan__cpu_conv layer(int n, int ci, int size, int co, int kernel, int stride, int padding)
{
    gan__cpu_conv v;
    memset(&v, 0, sizeof v);
    v.n = n, v.ci = ci, v.co = co;
    v.h = v.w = size;
    v.kh = v.kw = kernel;
    v.sh = v.sw = stride;
    v.ph = v.pw = padding;
    v.dh = v.dw = v.groups = 1;
    (void)fit(&v);
    return v;
}

static int random_geometry(gan__cpu_conv *v, int trial)
{
    memset(v, 0, sizeof *v);
    v->groups = trial % 5 ? 1 : test_int(1, 3);
    v->n = test_int(1, 3);
    v->ci = v->groups * test_int(1, trial % 3 ? 4 : 20);
    v->co = v->groups * test_int(1, trial % 4 ? 9 : 70);
    v->h = test_int(1, 12);
    v->w = test_int(1, 14);
    v->kh = test_int(1, 5);
    v->kw = test_int(1, 5);
    v->sh = test_int(1, 3);
    v->sw = test_int(1, 3);
    v->ph = test_int(0, 3);
    v->pw = test_int(0, 3);
    v->dh = test_int(1, 3);
    v->dw = test_int(1, 2);
    return fit(v);
}

static void test_convolutions(const gan__cpu_kernels *k)
{
    TESTF ("%s: random strides, paddings, dilations, groups, output paddings", k->name) {
        gan_context *ctx[3];
        gan__cpu_conv v;
        for (int t = 0; t < 3; ++t) ctx[t] = context_on(k, 1 + t, t == 2);
        for (int trial = 0; trial < 300; ++trial)
            if (random_geometry(&v, trial))
                for (int pass = 0; pass < PASSES; ++pass) right(ctx[trial % 3], pass, &v, trial & 1, 0);
        for (int t = 0; t < 3; ++t) gan_destroy(ctx[t]);
    }
    TESTF ("%s: both ways to an input gradient, whichever is chosen", k->name) {
        gan_context *ctx = context_on(k, 2, 0);
        gan__cpu_conv v;
        for (int trial = 0; trial < 100; ++trial)
            if (random_geometry(&v, trial)) {
                const lengths l = lengths_of(&v, INPUT);
                gan_real *w = filled(l.w), *y = filled(l.y), *b = filled(v.ci), *a = reals(l.x),
                         *c = reals(l.x);
                double *exact, *size = doubles(l.x), e;
                for (int64_t i = 0; i < l.x; ++i)
                    a[i] = c[i] = not_a_number(), size[i] = (double)(v.co * v.kh * v.kw + 2);
                gan__gemm_epilogue bias;
                memset(&bias, 0, sizeof bias);
                bias.bias = b;
                CHECK(!gan__conv_input_phases(ctx, &v, y, w, &bias, a), "memory");
                CHECK(!gan__conv_input_columns(ctx, &v, y, w, &bias, c), "memory");
                exact = as_doubles(a, l.x);
                e = worst(l.x, c, exact, size);
                CHECK(e < 6, "trial %d: %g eps apart", trial, e);
                free(w);
                free(y);
                free(b);
                free(a);
                free(c);
                free(exact);
                free(size);
            }
        gan_destroy(ctx);
    }
    TESTF ("%s: the layers of real networks", k->name) {
        gan__cpu_conv v[11];
        gan_context *ctx = context_on(k, 2, 0);
        v[0] = layer(5, 1, 28, 32, 5, 1, 0);
        v[1] = layer(2, 32, 12, 64, 5, 1, 0);
        v[2] = layer(2, 64, 14, 128, 4, 2, 1);
        v[3] = layer(4, 1, 28, 64, 4, 2, 1);
        v[4] = layer(2, 3, 32, 32, 4, 2, 1);
        v[5] = layer(3, 40, 4, 100, 4, 1, 0);
        v[6] = layer(2, 64, 14, 1, 5, 2, 2);
        v[7] = layer(2, 12, 9, 12, 3, 1, 1);
        v[7].groups = 12;
        v[8] = layer(2, 50, 8, 20, 1, 1, 0);
        v[9] = layer(2, 3, 70, 5, 4, 2, 1); // in bands of rows
        v[10] = layer(2, 9, 40, 20, 3, 1, 1);
        for (int q = 0; q < 11; ++q)
            for (int pass = 0; pass < PASSES; ++pass) right(ctx, pass, &v[q], q & 1, 0);
        gan_destroy(ctx);
    }
    TESTF ("%s: no image at all, one pixel, one tap", k->name) {
        gan_context *ctx = context_on(k, 1, 0);
        gan__cpu_conv v = layer(1, 1, 1, 1, 1, 1, 0);
        for (int pass = 0; pass < PASSES; ++pass) right(ctx, pass, &v, 1, 0);
        v = layer(1, 1, 1, 1, 3, 1, 1);
        for (int pass = 0; pass < PASSES; ++pass) right(ctx, pass, &v, 1, 0);
        v = layer(0, 2, 5, 3, 3, 1, 1); // the weight gradient of nothing is 0
        for (int pass = 0; pass < PASSES; ++pass) right(ctx, pass, &v, 1, 0);
        gan_destroy(ctx);
    }
    TESTF ("%s: the bits are the same for 1, 2, 3 and 7 threads, whichever task is the first", k->name) {
        static const int threads[] = {1, 2, 3, 7};
        gan__cpu_conv v[3];
        v[0] = layer(16, 1, 28, 32, 5, 1, 0);
        v[1] = layer(6, 20, 14, 30, 4, 2, 1);
        v[2] = layer(16, 1, 28, 64, 4, 2, 1);
        for (int q = 0; q < 3; ++q)
            for (int pass = 0; pass < PASSES; ++pass) {
                const lengths l = lengths_of(&v[q], pass);
                gan_real *x = filled(l.x), *w = filled(l.w), *y = filled(l.y), *one = reals(l.out),
                         *o = reals(l.out);
                for (int t = 0; t < 8; ++t) {
                    gan_context *ctx = context_on(k, threads[t % 4], t / 4);
                    gan_real *out = t ? o : one;
                    CHECK(!run(ctx, pass, &v[q], x, w, y, NULL, out), "memory");
                    CHECK_BYTES(out, one, (size_t)l.out * sizeof *o, passes[pass]);
                    gan_destroy(ctx);
                }
                free(x);
                free(w);
                free(y);
                free(one);
                free(o);
            }
    }
}

// A pass in a fixed block that grows from nothing: each fails with an error, or is right.
static void test_memory(int pass, const gan__cpu_conv *v, int threads, size_t step)
{
    size_t size;
    int failed = 0, done = 0;
    for (size = 0; size < (size_t)1 << 25 && done < 2; size += step) {
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
            e = conv_error(ctx, pass, v, 1, 0);
            if (e < 0) ++failed;
            else ++done;
            CHECK(e < 6, "%s in %lu bytes: %g eps", passes[pass], (unsigned long)size, e);
            CHECK(e >= 0 || gan_error(ctx) == GAN_ERROR_MEMORY, "no error");
            gan_destroy(ctx);
        }
        free(block);
    }
    CHECK(failed > 0 && done == 2, "%s: %d failed, %d done", passes[pass], failed, done);
}

int main(void)
{
    const gan__cpu_kernels *k;
    for (k = next_isa(NULL); k; k = next_isa(k)) test_convolutions(k);
    TEST ("without work space every pass is an error, not a crash; with just enough it is right") {
        gan__cpu_conv v[3];
        v[0] = layer(1, 1, 4, 1, 3, 1, 1);
        v[1] = layer(2, 9, 12, 20, 4, 2, 1);
        v[2] = layer(3, 4, 16, 30, 5, 1, 0);
        v[2].groups = 2;
        for (int q = 0; q < 3; ++q)
            for (int pass = 0; pass < PASSES; ++pass) test_memory(pass, &v[q], 1 + q, q ? 8192 : 256);
    }
    for (int pass = 0; pass < PASSES; ++pass)
        TESTF_MUST_FAIL ("%s: a reference that is wrong by 1e-3 in one element is caught", passes[pass]) {
            gan_context *ctx = context_on(gan__isa_choose(GAN_ISA_AUTO), 1, 0);
            const gan__cpu_conv v = layer(2, 3, 9, 4, 3, 2, 1);
            right(ctx, pass, &v, 0, 1);
            gan_destroy(ctx);
        }
    TEST_MUST_FAIL ("a pass with another padding is caught") {
        gan_context *ctx = context_on(gan__isa_choose(GAN_ISA_AUTO), 1, 0);
        gan__cpu_conv v = layer(1, 2, 9, 3, 3, 1, 1), other = v;
        const lengths l = lengths_of(&v, FORWARD);
        gan_real *x = filled(l.x), *w = filled(l.w), *y = reals(l.y), *z = reals(l.y);
        other.pw = 0;
        if (!run(ctx, FORWARD, &v, x, w, NULL, NULL, y) && !run(ctx, FORWARD, &other, x, w, NULL, NULL, z))
            CHECK_BYTES(y, z, (size_t)l.y * sizeof *y, "padding 1 and 0");
        free(x);
        free(w);
        free(y);
        free(z);
        gan_destroy(ctx);
    }
    return test_done();
}
