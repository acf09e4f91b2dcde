// The kernels of every instruction set of this machine against double and libm: maps, their specials and
// largest errors in ulps (printed), reductions, optimizers, packing, folding, micro tiles. GAN_TEST_SLOW=1
// tries every float there is.
#include "test.h"
#define GAN__TABLES // all maps in the table, also in a static scalar build
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "kernels.h"

// Every map by name and number of inputs. One that is missing here does not compile.
// (clang-format would move this table at every run.)
// clang-format off
#define MAPS(X)                                                                                              \
    X(affine, 1) X(abs, 1) X(exp, 1) X(log, 1) X(sqrt, 1) X(square, 1) X(reciprocal, 1) X(sin, 1)            \
    X(cos, 1) X(tanh, 1) X(sigmoid, 1) X(softplus, 1) X(erf, 1) X(relu, 1) X(leaky_relu, 1) X(elu, 1)        \
    X(gelu, 1) X(silu, 1) X(clamp, 1) X(add, 2) X(sub, 2) X(mul, 2) X(div, 2) X(maximum, 2) X(minimum, 2)    \
    X(pow, 2) X(lt, 2) X(le, 2) X(eq, 2) X(ne, 2) X(axpy, 2) X(where, 3) X(fma, 3) X(lerp, 3)                \
    X(sign, 1) X(tanh_backward, 2) X(sigmoid_backward, 2) X(relu_backward, 2) X(leaky_relu_backward, 2)      \
    X(elu_backward, 2) X(flush, 1)
// clang-format on
#define ROW(name, inputs) {#name, inputs, GAN__MAP_##name},
static const struct {
    const char *name;
    int inputs, map;
} rows[] = {MAPS(ROW)};
#undef ROW
#define ONE(name, inputs) +1
typedef char every_map_has_a_row[(0 MAPS(ONE)) == GAN__MAP_COUNT ? 1 : -1];
#undef ONE

#define LEAST_NORMAL (sizeof(gan_real) == 4 ? (double)FLT_MIN : DBL_MIN)

// ---- the definitions, in double

static double want_sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

static double want_pick(double a, double b, int a_wins)
{
    if (a != a || b != b) return a != a ? a : b;
    return a_wins ? a : b;
}

static double want(int map, double a, double b, double c, double p, double q)
{
    switch (map) {
    case GAN__MAP_affine: return a * p + q;
    case GAN__MAP_abs: return fabs(a);
    case GAN__MAP_sign: return a > 0 ? 1 : a < 0 ? -1 : a;
    case GAN__MAP_exp: return exp(a);
    case GAN__MAP_log: return log(a);
    case GAN__MAP_sqrt: return sqrt(a);
    case GAN__MAP_square: return a * a;
    case GAN__MAP_reciprocal: return 1 / a;
    case GAN__MAP_sin: return sin(a);
    case GAN__MAP_cos: return cos(a);
    case GAN__MAP_tanh: return tanh(a);
    case GAN__MAP_sigmoid: return want_sigmoid(a);
    case GAN__MAP_softplus: return (a != a || a > 0 ? a : 0) + log1p(exp(-fabs(a)));
    case GAN__MAP_erf: return erf(a);
    case GAN__MAP_relu: return a > 0 || a != a ? a : 0;
    case GAN__MAP_leaky_relu: return a > 0 ? a : p * a;
    case GAN__MAP_elu: return q * (a > 0 ? a : p * expm1(a));
    case GAN__MAP_gelu: return a * .5 * (1 + erf(a / sqrt(2.)));
    case GAN__MAP_silu: return a * want_sigmoid(a);
    case GAN__MAP_clamp: return a < p ? p : a > q ? q : a;
    case GAN__MAP_add: return a + b;
    case GAN__MAP_sub: return a - b;
    case GAN__MAP_mul: return a * b;
    case GAN__MAP_div: return a / b;
    case GAN__MAP_maximum: return want_pick(a, b, a > b);
    case GAN__MAP_minimum: return want_pick(a, b, a < b);
    case GAN__MAP_pow: return pow(a, b);
    case GAN__MAP_lt: return a < b;
    case GAN__MAP_le: return a <= b;
    case GAN__MAP_eq: return a == b;
    case GAN__MAP_ne: return a != b;
    case GAN__MAP_tanh_backward: return a * (1 - b * b);
    case GAN__MAP_sigmoid_backward: return a * b * (1 - b);
    case GAN__MAP_relu_backward: return b > 0 ? a : 0;
    case GAN__MAP_leaky_relu_backward: return b > 0 ? a : p * a;
    case GAN__MAP_elu_backward: return a * (b > 0 ? q : b + p * q);
    case GAN__MAP_flush: return fabs(a) < LEAST_NORMAL ? 0 : a;
    case GAN__MAP_axpy: return a + p * b;
    case GAN__MAP_where: return a != 0 ? b : c;
    case GAN__MAP_fma: return a * b + c;
    case GAN__MAP_lerp: return a + c * (b - a);
    default: return HUGE_VAL - HUGE_VAL;
    }
}

// ---- maps

typedef struct map_case {
    const gan__cpu_kernels *k;
    int row, n;
    size_t sa, sb, sc; // strides, 0 or 1
    int alias;         // y is 1: a, 2: b, 3: c
    int as;            // the map that the result is compared with; -1: the same
} map_case;

enum { MAP_MOST = 80 };

// The largest error of a map in eps of the size of its terms.
static double map_error(const map_case *m)
{
    const int map = rows[m->row].map, inputs = rows[m->row].inputs, n = m->n;
    const gan_real p = (gan_real)-.3, q = (gan_real).45;
    gan_real a[MAP_MOST], b[MAP_MOST], c[MAP_MOST], y[MAP_MOST], *out = y;
    double w[MAP_MOST], s[MAP_MOST];
    int i, terms = inputs > 1 || map == GAN__MAP_affine || map == GAN__MAP_gelu;
    fill(a, n + 1);
    fill(b, n + 1);
    fill(c, n + 1);
    if (n > 4 && m->sb) b[1] = a[1]; // a tie
    for (i = 0; i <= n; ++i) {
        if (map == GAN__MAP_log || map == GAN__MAP_sqrt || map == GAN__MAP_pow)
            a[i] = (gan_real)(fabs((double)a[i]) + .01);
        if (map == GAN__MAP_where && i % 3 == 0) a[i] = 0;
    }
    for (i = 0; i < n; ++i) {
        const size_t j = (size_t)i;
        w[i] = want(m->as < 0 ? map : m->as, (double)a[j * m->sa], (double)b[j * m->sb], (double)c[j * m->sc],
                    (double)p, (double)q);
        s[i] = fabs(w[i]) + (terms ? 2 : 1e-30);
    }
    if (m->alias == 1 && m->sa) out = a;
    if (m->alias == 2 && m->sb && inputs > 1) out = b;
    if (m->alias == 3 && m->sc && inputs > 2) out = c;
    out[n] = 77;
    const gan__cpu_map one = {(size_t)n, out, a, inputs > 1 ? b : NULL, inputs > 2 ? c : NULL, m->sa, m->sb,
                              m->sc,     p,   q};
    gan__isa_map(m->k, map, &one);
    CHECK(out[n] == 77, "%s n %d: wrote beyond its end", rows[m->row].name, n);
    return worst(n, out, w, s);
}

static void test_maps(const gan__cpu_kernels *k)
{
    TESTF ("%s: every map equals its formula at any length, stride and alias", k->name) {
        map_case m = {k, 0, 0, 0, 0, 0, 0, -1};
        for (m.row = 0; m.row < (int)COUNT(rows); ++m.row)
            for (m.n = 0; m.n < 70; m.n += m.n < 18 ? 1 : 17)
                for (int s = 0; s < 8; ++s)
                    for (m.alias = 0; m.alias < 4; ++m.alias) {
                        double e;
                        m.sa = s & 1, m.sb = s >> 1 & 1, m.sc = s >> 2 & 1;
                        e = map_error(&m);
                        CHECK(e < 8, "%s n %d strides %d alias %d: %g eps", rows[m.row].name, m.n, s, m.alias,
                              e);
                    }
    }
    TESTF ("%s: tails equal vectors bit for bit", k->name) {
        gan_real a[64], b[64], c[64], y[64], z[64];
        fill(a, 64);
        fill(b, 64);
        fill(c, 64);
        for (int r = 0; r < (int)COUNT(rows); ++r) {
            const int map = rows[r].map;
            const gan__cpu_map one = {64, y, a, b, c, 1, 1, 1, (gan_real).2, (gan_real)1.5};
            gan__isa_map(k, map, &one);
            for (int i = 0; i < 64; ++i) {
                const gan__cpu_map single = {1, z + i, a + i, b + i, c + i, 1, 1, 1, one.p, one.q};
                gan__isa_map(k, map, &single);
            }
            CHECK_BYTES(y, z, sizeof y, rows[r].name);
        }
    }
}

// ---- elementary functions

// The largest error in ulps of a map of one input over the floats of lo .. hi, `step` bit patterns apart.
static double sweep(const gan__cpu_kernels *k, int map, uint32_t step, double lo, double hi, double *at)
{
    enum { N = 1024 };
    gan_real x[N], y[N];
    double most = 0;
    uint32_t bits = 1;
    int n = 0, i, end = 0;
    while (!end) {
        for (n = 0; n < N && !end;) {
            float f;
            memcpy(&f, &bits, sizeof f);
            end = bits + step < bits;
            bits += step;
            if ((double)f >= lo && (double)f <= hi) x[n++] = (gan_real)f;
        }
        gan__isa_map1(k, map, (size_t)n, y, x, 1, 1);
        for (i = 0; i < n; ++i) {
            const double u = ulps(y[i], want(map, (double)x[i], 0, 0, 1, 1));
            if (u > most) most = u, *at = (double)x[i];
        }
    }
    return most;
}

static void test_ulps(const gan__cpu_kernels *k)
{
#define F(name, lo, hi)                                                                                      \
    {                                                                                                        \
#name, GAN__MAP_##name, lo, hi                                                                       \
    }
    const double inf = HUGE_VAL;
    const struct {
        const char *name;
        int map;
        double lo, hi;
    } f[] = {F(exp, -200, 200),      F(log, 0, inf),    F(tanh, -inf, inf),        F(sigmoid, -inf, inf),
             F(softplus, -inf, inf), F(erf, -inf, inf), F(sin, -1e9, 1e9),         F(cos, -1e9, 1e9),
             F(elu, -inf, inf),      F(sqrt, 0, inf),   F(reciprocal, -1e38, 1e38)};
#undef F
    const char *slow = getenv("GAN_TEST_SLOW");
    TESTF ("%s: the elementary functions are within 4 ulp of libm everywhere", k->name) {
        for (size_t i = 0; i < COUNT(f); ++i) {
            double at = 0, u = sweep(k, f[i].map, slow && *slow ? 1 : 4099, f[i].lo, f[i].hi, &at);
            printf("    %-7s %-10s %.3f ulp at %.9g\n", k->name, f[i].name, u, at);
            CHECK(u <= 4, "%s: %g ulp at %.9g", f[i].name, u, at);
        }
    }
}

#define SPECIAL(map, x, expected) special(k, #map, GAN__MAP_##map, x, expected)
static void special(const gan__cpu_kernels *k, const char *name, int map, double x, double expected)
{
    gan_real a[3], y[3]; // among others
    int i;
    a[0] = a[2] = 1;
    a[1] = (gan_real)x;
    gan__isa_map1(k, map, 3, y, a, 1, 1);
    i = ulps(y[1], expected) <= 4;
    CHECK(i, "%s(%g) = %g, not %g", name, x, (double)y[1], expected);
}

static void test_specials(const gan__cpu_kernels *k)
{
    const double inf = HUGE_VAL, nan = inf - inf, tiny = (double)(gan_real)REAL_TINY;
    static const int pass[] = {GAN__MAP_exp,      GAN__MAP_log,        GAN__MAP_tanh, GAN__MAP_sigmoid,
                               GAN__MAP_softplus, GAN__MAP_erf,        GAN__MAP_sin,  GAN__MAP_cos,
                               GAN__MAP_relu,     GAN__MAP_leaky_relu, GAN__MAP_elu,  GAN__MAP_gelu,
                               GAN__MAP_silu,     GAN__MAP_clamp,      GAN__MAP_abs,  GAN__MAP_sqrt,
                               GAN__MAP_square,   GAN__MAP_sign,       GAN__MAP_flush};
    TESTF ("%s: NaN passes through every function", k->name) {
        for (size_t i = 0; i < COUNT(pass); ++i) special(k, rows[pass[i]].name, pass[i], nan, nan);
        for (int m = GAN__MAP_maximum; m <= GAN__MAP_minimum; ++m)
            for (int side = 0; side < 2; ++side) {
                gan_real v[2], y;
                v[0] = 1;
                v[1] = not_a_number();
                gan__isa_map2(k, m, 1, &y, v + side, v + 1 - side, 0, 0);
                CHECK(y != y, "%s loses a NaN on side %d", rows[m].name, side);
            }
    }
    TESTF ("%s: infinities, zeros and subnormals", k->name) {
        SPECIAL(flush, tiny, 0);
        SPECIAL(flush, -tiny, 0);
        SPECIAL(flush, LEAST_NORMAL, LEAST_NORMAL);
        SPECIAL(flush, -LEAST_NORMAL, -LEAST_NORMAL);
        SPECIAL(flush, LEAST_NORMAL / 2, 0);
        SPECIAL(flush, -inf, -inf);
        SPECIAL(exp, inf, inf);
        SPECIAL(exp, -inf, 0);
        SPECIAL(exp, 1000, inf);
        SPECIAL(exp, 0, 1);
        SPECIAL(log, 0, -inf);
        SPECIAL(log, -1, nan);
        SPECIAL(log, inf, inf);
        SPECIAL(log, -inf, nan);
        SPECIAL(log, tiny, log(tiny));
        SPECIAL(log, 1, 0);
        SPECIAL(tanh, inf, 1);
        SPECIAL(tanh, -inf, -1);
        SPECIAL(tanh, tiny, tiny);
        SPECIAL(sigmoid, inf, 1);
        SPECIAL(sigmoid, -inf, 0);
        SPECIAL(softplus, inf, inf);
        SPECIAL(softplus, -inf, 0);
        SPECIAL(erf, inf, 1);
        SPECIAL(erf, -inf, -1);
        SPECIAL(sin, inf, nan);
        SPECIAL(cos, -inf, nan);
        SPECIAL(sin, tiny, tiny);
        SPECIAL(relu, -inf, 0);
        SPECIAL(relu, inf, inf);
        SPECIAL(elu, -inf, -1);
    }
}

// ---- reductions

static void test_reductions(const gan__cpu_kernels *k)
{
    const double limit = sizeof(gan_real) == 4 ? 4 : 200; // the reference is no better than double
    TESTF ("%s: reductions equal sums in double, wherever the array begins", k->name) {
        for (int64_t n = 0; n < 5000; n = n < 40 ? n + 1 : n * 3) {
            gan_real *a = filled(n), *c = reals(n + 3), got[2];
            double w[2] = {0, 0}, scale[2], size = 1e-30, e;
            for (int64_t i = 0; i < n; ++i) {
                const double x = (double)a[i];
                w[0] += x;
                w[1] += x * x;
                size += fabs(x) + 1;
            }
            for (int i = 0; i < 2; ++i) scale[i] = size;
            for (int moved = 0; moved < 3; ++moved) {
                gan_real *p = moved ? c + moved : a;
                const gan_real first = k->sum((size_t)n, a);
                if (moved) memcpy(p, a, (size_t)n * sizeof *a);
                got[0] = k->sum((size_t)n, p);
                got[1] = k->sumsq((size_t)n, p);
                e = worst(2, got, w, scale);
                CHECK(e < limit, "n %d: %g eps", (int)n, e);
                CHECK(got[0] == first, "the sum depends on the alignment");
                CHECK(k->is_finite((size_t)n, p), "%d are finite", (int)n);
            }
            free(a);
            free(c);
        }
    }
    TESTF ("%s: finite finds one NaN or infinity anywhere", k->name) {
        for (int64_t n = 0; n < 5000; n = n < 40 ? n + 1 : n * 3) {
            gan_real *a = filled(n);
            for (int64_t i = 0; i < n; i += 1 + n / 50) {
                const gan_real keep = a[i];
                a[i] = not_a_number();
                CHECK(!k->is_finite((size_t)n, a), "finite with NaN at %d of %d", (int)i, (int)n);
                a[i] = (gan_real)-HUGE_VAL;
                CHECK(!k->is_finite((size_t)n, a), "finite with -inf at %d of %d", (int)i, (int)n);
                a[i] = (gan_real)(sizeof(gan_real) == 4 ? 3.4028234e38 : 1e308);
                CHECK(k->is_finite((size_t)n, a), "the largest number is finite");
                a[i] = keep;
            }
            CHECK(k->is_finite((size_t)n, a), "restored");
            free(a);
        }
    }
}

static void test_columns(const gan__cpu_kernels *k, int wrong)
{
    for (int n = 1; n < 200; n += n < 20 ? 1 : 15)
        for (int rows = 1; rows < 40; rows += rows < 3 ? 1 : 12) {
            const int ld = n + 3;
            gan_real *x = filled(rows * ld), *y = reals(n);
            double *w = doubles(n), *size = doubles(n), e;
            y[n] = 9;
            for (int i = 0; i < rows * ld; ++i)
                if (i % ld < n) {
                    w[i % ld] += (double)x[i] * (wrong && i % ld == n / 2 ? 1.001 : 1);
                    size[i % ld] += 1;
                }
            k->sum_columns(rows, ld, n, x, y);
            e = worst(n, y, w, size);
            CHECK(y[n] == 9, "%d columns: wrote beyond its end", n);
            CHECK(e < rows, "%d rows, %d columns: %g eps", rows, n, e);
            free(x);
            free(y);
            free(w);
            free(size);
        }
}

// Sums and the affine map by channel, with a gradient and without; `wrong`: of the next channel.
static void test_norms(const gan__cpu_kernels *k, int wrong)
{
    static const int channels[] = {1, 3, 16, 37, 64}, lengths[] = {1, 2, 7, 16, 49, 100};
    for (size_t u = 0; u < COUNT(channels); ++u)
        for (size_t v = 0; v < COUNT(lengths); ++v)
            for (int with_g = 0; with_g < 2; ++with_g) {
                const int c = channels[u], b = lengths[v], images = 3, gap = 5, image = c * b + gap;
                gan_real *x = filled(images * image), *g = filled(images * image),
                         *y = filled(images * image);
                gan_real *m = filled(c), *p = filled(c), *q = filled(c), *s = filled(c), *sum = reals(2 * c);
                double *w = doubles(images * image), *size = doubles(images * image);
                double *ws = doubles(2 * c), *sizes = doubles(2 * c), e;
                sum[2 * c] = 9;
                for (int i = 0; i < images * image; ++i) {
                    const int n = i % image, ch = (n / b + (wrong && n % b == 0)) % c;
                    const double d = (double)x[i] - (double)m[ch], t = with_g ? (double)g[i] : d;
                    w[i] = (double)y[i];
                    size[i] = 1e-30;
                    if (n >= c * b) continue;
                    ws[ch] += t;
                    ws[c + ch] += t * d;
                    sizes[ch] += 2;
                    sizes[c + ch] += 4;
                    w[i] = (double)p[ch] * d + (double)q[ch] + (with_g ? (double)s[ch] * t : 0);
                    size[i] = 6;
                }
                const gan__cpu_norm of = {
                    images, image, c, b, x, with_g ? g : NULL, m, p, q, with_g ? s : NULL, y, sum, sum + c};
                k->norm_sums(&of);
                k->norm_apply(&of);
                CHECK(sum[2 * c] == 9, "%d channels of %d: wrote beyond its end", c, b);
                e = worst(2 * c, sum, ws, sizes);
                CHECK(e < 8 || (sizeof(gan_real) == 8 && e < 200), "sums of %d channels of %d: %g eps", c, b,
                      e);
                e = worst(images * image, y, w, size);
                CHECK(e < 4, "%d channels of %d: %g eps", c, b, e);
                free(x);
                free(g);
                free(y);
                free(m);
                free(p);
                free(q);
                free(s);
                free(sum);
                free(w);
                free(size);
                free(ws);
                free(sizes);
            }
}

// Windows of 2 x 2 against their definition, with ties and, in some, a NaN; `wrong`: the last of equals.
static void test_pools(const gan__cpu_kernels *k, int wrong)
{
    for (int oh = 1; oh < 4; ++oh)
        for (int ow = 1; ow < 40; ow += ow < 20 ? 1 : 19)
            for (int kind = 0; kind < 4; ++kind) {
                const int h = 2 * oh + (kind & 1), w = 2 * ow + (kind & 1), n = oh * ow;
                gan_real *x = filled(h * w), *y = reals(n), *g = filled(n), *back = filled(h * w);
                unsigned char *at = (unsigned char *)zeros(n, 1);
                int off = 0, gone = 0;
                for (int i = 0; i < h * w; ++i) x[i] = (gan_real)((int)(x[i] * 4)); // many ties
                if (kind & 2) x[test_int(0, h * w - 1)] = not_a_number();
                y[n] = back[h * w] = 9;
                at[n] = 9;
                k->max_pool(oh, ow, w, x, y, at);
                k->max_unpool(oh, ow, h, w, g, at, back);
                CHECK(y[n] == 9 && at[n] == 9 && back[h * w] == 9, "%d x %d: wrote beyond its end", oh, ow);
                for (int i = 0; i < n; ++i) {
                    const gan_real *from = x + i / ow * 2 * w + i % ow * 2;
                    gan_real *to = back + i / ow * 2 * w + i % ow * 2;
                    int best = 0;
                    for (int u = 1; u < 4; ++u) {
                        const gan_real v = from[u / 2 * w + u % 2], top = from[best / 2 * w + best % 2];
                        if (v > top || v != v || (wrong && v >= top)) best = u;
                    }
                    off += at[i] != best || memcmp(&y[i], &from[best / 2 * w + best % 2], sizeof *y);
                    gone += to[at[i] / 2 * w + at[i] % 2] != g[i];
                    to[at[i] / 2 * w + at[i] % 2] = 0;
                }
                for (int i = 0; i < h * w; ++i) gone += back[i] != 0;
                CHECK(!off, "max_pool %d x %d of rows of %d: %d differ", oh, ow, w, off);
                CHECK(!gone, "max_unpool %d x %d of rows of %d: %d differ", oh, ow, w, gone);
                free(x);
                free(y);
                free(g);
                free(back);
                free(at);
            }
}

// ---- optimizers

enum {
    SGD,
    SGD_DAMPENED_DECAY,
    SGD_NESTEROV,
    SGD_PLAIN_DECAY,
    RMSPROP,
    RMSPROP_MOMENTUM_DECAY,
    ADAM,
    ADAMW,
    RULES
};
enum { WEIGHTS = 40 };
static const char *const rule_names[] = {
    "sgd with momentum", "sgd, dampening, decay",    "nesterov", "plain sgd, decay",
    "rmsprop",           "rmsprop, momentum, decay", "adam",     "adamw"};

typedef struct exact {
    double p[WEIGHTS], u[WEIGHTS], v[WEIGHTS], average[WEIGHTS];
} exact;

static gan__cpu_opt_args options(int rule)
{
    gan__cpu_opt_args o;
    memset(&o, 0, sizeof o);
    o.lr = (gan_real).125;
    o.weight_decay = (gan_real)(rule & 1 ? .0625 : 0);
    o.beta1 = (gan_real).5;
    o.beta2 = (gan_real).75;
    o.eps = (gan_real).0009765625;
    o.alpha = (gan_real).875;
    o.momentum = (gan_real).5;
    o.dampening = (gan_real)(rule == SGD_DAMPENED_DECAY ? .25 : 0);
    o.nesterov = rule == SGD_NESTEROV;
    o.scale = (gan_real).5;
    o.decoupled = rule == ADAMW;
    return o;
}

// One step of one weight: torch.optim's formulas with the options above.
static void exact_step(exact *x, int i, int rule, int t, double g)
{
    const double lr = .125, decay = rule & 1 ? .0625 : 0, eps = .0009765625;
    double d = .5 * g, *p = &x->p[i], *u = &x->u[i], *v = &x->v[i];
    if (rule == ADAMW) *p -= lr * decay * *p;
    else d += decay * *p;
    switch (rule) {
    case SGD_PLAIN_DECAY: *p -= lr * d; break;
    case RMSPROP:
    case RMSPROP_MOMENTUM_DECAY:
        *u = .875 * *u + .125 * d * d;
        d /= sqrt(*u) + eps;
        *v = .5 * *v + d;
        *p -= lr * (rule == RMSPROP ? d : *v);
        break;
    case ADAM:
    case ADAMW:
        *u = .5 * *u + .5 * d;
        *v = .75 * *v + .25 * d * d;
        *p -= lr / (1 - pow(.5, t)) * *u / (sqrt(*v) / sqrt(1 - pow(.75, t)) + eps);
        break;
    default:
        *u = t == 1 ? d : .5 * *u + (rule == SGD_DAMPENED_DECAY ? .75 : 1) * d;
        *p -= lr * (rule == SGD_NESTEROV ? d + .5 * *u : *u);
    }
    x->average[i] = .75 * x->average[i] + .25 * *p;
}

// Five steps of a kernel beside five exact ones; `as` is the rule of the latter.
static void five_steps(const gan__cpu_kernels *k, int rule, int as, int n)
{
    gan_real p[WEIGHTS + 1], g[WEIGHTS], u[WEIGHTS] = {0}, v[WEIGHTS] = {0}, average[WEIGHTS] = {0};
    gan__cpu_opt_args o = options(rule);
    double scale[WEIGHTS], e;
    exact x;
    int i, t;
    memset(&x, 0, sizeof x);
    fill(p, WEIGHTS);
    p[n] = 7;
    for (i = 0; i < WEIGHTS; ++i) x.p[i] = (double)p[i], scale[i] = 8;
    for (t = 1; t <= 5; ++t) {
        fill(g, WEIGHTS);
        o.step = t;
        o.bias1 = (gan_real)(1 - pow(.5, t));
        o.bias2 = (gan_real)(1 - pow(.75, t));
        if (rule < RMSPROP) k->sgd((size_t)n, p, g, rule == SGD_PLAIN_DECAY ? NULL : u, &o);
        else if (rule < ADAM) k->rmsprop((size_t)n, p, g, u, rule == RMSPROP ? NULL : v, &o);
        else k->adam((size_t)n, p, g, u, v, &o);
        k->ema((size_t)n, average, p, (gan_real).75);
        for (i = 0; i < n; ++i) exact_step(&x, i, as, t, (double)g[i]);
        e = worst(n, p, x.p, scale);
        CHECK(e < 30, "%s, step %d of %d weights: %g eps", rule_names[rule], t, n, e);
        e = worst(n, average, x.average, scale);
        CHECK(e < 30, "%s, the average at step %d: %g eps", rule_names[rule], t, e);
    }
    CHECK(p[n] == 7, "%s: wrote beyond its end", rule_names[rule]);
}

// ---- packing and tiles

// Panel by panel: row d of the panel that begins at column j.
static void test_pack(const gan__cpu_kernels *k, int wrong)
{
    const int most = 7 * k->lanes + 1;
    for (int depth = 0; depth < 20; depth += depth < 3 ? 1 : 8)
        for (int count = 1; count <= most; ++count) {
            const int ld = count + 3, room = (count + k->lanes - 1) / k->lanes * k->lanes * depth;
            gan_real *src = filled(depth * ld + count), *dst = reals(room);
            int off = 0;
            dst[room] = 9;
            k->pack(depth, count, src, ld, dst);
            CHECK(dst[room] == 9, "pack wrote beyond its end");
            for (int j = 0, width; j < count; j += width) {
                width = (int)gan__cpu_panel(count - j, k->lanes);
                for (int d = 0; d < depth; ++d)
                    for (int i = 0; i < width; ++i)
                        off += dst[j * depth + d * width + i] !=
                               (j + i < count ? src[(d + wrong) % depth * ld + j + i] : 0);
            }
            CHECK(!off, "pack of %d columns, depth %d: %d differ", count, depth, off);
            free(src);
            free(dst);
        }
}

// Nothing but the turned elements changes.
static void test_turn(const gan__cpu_kernels *k, int wrong)
{
    for (int rows = 1; rows < 3 * k->lanes + 2; ++rows)
        for (int cols = 1; cols < 3 * k->lanes + 2; cols += cols < 20 ? 1 : 3) {
            const int ld = cols + rows % 3, ldd = rows + cols % 3;
            gan_real *src = filled(rows * ld), *dst = reals(cols * ldd);
            int off = 0;
            for (int i = 0; i < cols * ldd + 1; ++i) dst[i] = 9;
            k->turn(rows, cols, src, ld, dst, ldd);
            for (int j = 0; j < cols; ++j)
                for (int i = 0; i < ldd; ++i)
                    off += dst[j * ldd + i] !=
                           (i < rows ? src[i * ld + (wrong && j + 1 < cols ? j + 1 : j)] : 9);
            CHECK(!off && dst[cols * ldd] == 9, "%d x %d turned: %d differ", rows, cols, off);
            free(src);
            free(dst);
        }
}

static void test_fold(const gan__cpu_kernels *k, int wrong)
{
    for (int trial = 0; trial < 300; ++trial) {
        gan__cpu_conv v;
        gan_real *cols, *dx;
        double *w, *s, e;
        int64_t ld;
        memset(&v, 0, sizeof v);
        v.h = test_int(1, 12);
        v.w = test_int(1, 40);
        v.kh = test_int(1, 4);
        v.kw = test_int(1, trial % 9 ? 5 : 20);
        v.sh = test_int(1, 3);
        v.sw = trial & 1 ? 1 : test_int(1, 3);
        v.ph = test_int(0, 3);
        v.pw = test_int(0, 3);
        v.dh = test_int(1, 2);
        v.dw = test_int(1, 2);
        if (v.h + 2 * v.ph < v.dh * (v.kh - 1) + 1 || v.w + 2 * v.pw < v.dw * (v.kw - 1) + 1) continue;
        v.oh = (v.h + 2 * v.ph - v.dh * (v.kh - 1) - 1) / v.sh + 1;
        v.ow = (v.w + 2 * v.pw - v.dw * (v.kw - 1) - 1) / v.sw + 1;
        ld = v.oh * v.ow + test_int(0, 5);
        cols = filled(v.kh * v.kw * ld);
        dx = reals(v.h * v.w);
        w = doubles(v.h * v.w);
        s = doubles(v.h * v.w);
        for (int64_t i = 0; i < v.h * v.w; ++i) w[i] = (double)(gan_real).7, s[i] = 2;
        for (int64_t ky = 0; ky < v.kh; ++ky)
            for (int64_t kx = 0; kx < v.kw; ++kx)
                for (int64_t oy = 0; oy < v.oh; ++oy)
                    for (int64_t ox = 0; ox < v.ow; ++ox) {
                        const int64_t y = oy * v.sh - v.ph + ky * v.dh, x = ox * v.sw - v.pw + kx * v.dw;
                        const double c = (double)cols[(ky * v.kw + kx) * ld + oy * v.ow + ox];
                        if (y < 0 || y >= v.h || x < 0 || x >= v.w) continue;
                        w[y * v.w + x] += c;
                        s[y * v.w + x] += fabs(c);
                    }
        if (wrong) w[v.h * v.w / 2] += 1e-3;
        dx[v.h * v.w] = 9;
        k->fold(&v, (gan_real).7, cols, ld, dx);
        e = worst(v.h * v.w, dx, w, s);
        CHECK(dx[v.h * v.w] == 9, "trial %d: wrote beyond its end", trial);
        CHECK(e < 20, "trial %d: %g eps", trial, e);
        free(cols);
        free(dx);
        free(w);
        free(s);
    }
}

static void test_pick(const gan__cpu_kernels *k, int wrong)
{
    for (int rows = 1; rows < 4; ++rows)
        for (int n = 1; n < 40; ++n)
            for (int step = 1; step < 4; ++step) {
                const int64_t ld = n * step + 3, ldd = n + rows % 2;
                gan_real *src = filled(rows * ld), *dst = reals(rows * ldd);
                for (int64_t i = 0; i <= rows * ldd; ++i) dst[i] = 9;
                k->pick(rows, n, src, ld, step, dst, ldd);
                if (wrong) dst[n - 1] = 9;
                for (int i = 0; i < rows; ++i)
                    for (int j = 0; j < ldd; ++j) {
                        const gan_real want = j < n ? src[i * ld + j * step] : 9;
                        CHECK_BYTES(&dst[i * ldd + j], &want, sizeof want, "one place");
                    }
                CHECK(dst[rows * ldd] == 9, "%d x %d, step %d: wrote beyond its end", rows, n, step);
                free(src);
                free(dst);
            }
}

// On top of what stands in the sums; beyond their ends the lines of a hold nothing to be read as a number.
static void test_dots(const gan__cpu_kernels *k, int wrong)
{
    enum { RUNS = 3 };
    for (int less = 0; less < 2; ++less)
        for (int depth = 1; depth < 40; ++depth) {
            const int cols = k->dots_cols - less, lanes = k->lanes, next = cols * lanes + 5;
            const int64_t a_run = depth + 1, b_run = depth + 16;
            gan_real *a = filled(4 * RUNS * a_run), *b = filled(cols * RUNS * b_run),
                     *sums = filled(4 * next);
            double *start = doubles(24), *size = doubles(24);
            gan__cpu_dots s;
            s.depth = depth;
            s.runs = depth % (RUNS + 1);
            s.a_run = a_run;
            s.b_run = b_run;
            s.next = next;
            s.sums = sums;
            for (int i = 0; i < 4 * RUNS; ++i) a[i * a_run + depth] = not_a_number();
            for (int i = 0; i < cols * RUNS; ++i)
                for (int64_t d = depth; d < b_run; ++d) b[i * b_run + d] = 0;
            for (int i = 0; i < 4; ++i) s.a[i] = a + i * RUNS * a_run;
            for (int j = 0; j < cols; ++j) s.b[j] = b + j * RUNS * b_run;
            for (int i = 0; i < 4; ++i)
                for (int j = 0; j < cols; ++j) {
                    for (int l = 0; l < lanes; ++l) {
                        start[i * 6 + j] += (double)sums[i * next + j * lanes + l];
                        size[i * 6 + j] += fabs((double)sums[i * next + j * lanes + l]);
                    }
                    for (int64_t r = 0; r < s.runs; ++r)
                        for (int d = 0; d < depth; ++d) {
                            const double c = (double)s.a[i][r * a_run + d] * (double)s.b[j][r * b_run + d];
                            start[i * 6 + j] += c;
                            size[i * 6 + j] += fabs(c);
                        }
                }
            if (wrong) start[6] += 1e-3;
            k->dots[!less](&s);
            for (int i = 0; i < 4; ++i)
                for (int j = 0; j < cols; ++j) {
                    double sum = 0;
                    for (int l = 0; l < lanes; ++l) sum += (double)sums[i * next + j * lanes + l];
                    CHECK(fabs(sum - start[i * 6 + j]) <= 20 * REAL_EPS * (size[i * 6 + j] + 1),
                          "%d x %d: %g, not %g", i, j, sum, start[i * 6 + j]);
                }
            free(a);
            free(b);
            free(sums);
            free(start);
            free(size);
        }
}

// A tile over a few runs, with steps of its own, on top of what stands in C, of a bias, or of nothing.
static void test_tiles(const gan__cpu_kernels *k, int wrong)
{
    enum { RUNS = 3, LEN = 11 };
    for (int v = 1; v <= 3; ++v)
        for (int kind = 0; kind < 36; ++kind) {
            const int n = v * k->lanes, m = k->tile_m, runs = kind % 3 + 1,
                      len = kind / 3 % 4 ? LEN - kind % 5 : 0;
            const int64_t a_step = 1 + kind % 4, b_step = n + kind % 2, size = RUNS * LEN;
            const int64_t a_run[RUNS] = {7, 60, 31}, b_run[RUNS] = {2 * n, 0, 15 * n};
            gan_real *a = filled((int)(m * 4 * size + 100)), *b = filled((int)(size * (n + 1) + 20 * n)),
                     *c = filled(m * n), *bias = filled(n);
            double *w = doubles(m * n), *s = doubles(m * n), e;
            gan__cpu_strip strip;
            for (int i = 0; i < m; ++i) {
                strip.a[i] = a + (i * 5) % m * 4 * size; // rows in any order
                strip.c[i] = c + i * n;
                strip.plus[i] = kind / 12 == 1 ? c + i * n : kind / 12 == 2 ? bias : NULL;
                for (int j = 0; j < n; ++j) {
                    double *x = &w[i * n + j];
                    s[i * n + j] = 4;
                    *x = kind / 12 == 1 ? (double)c[i * n + j] : kind / 12 == 2 ? (double)bias[j] : 0;
                    for (int r = 0; r < runs; ++r)
                        for (int d = 0; d < len; ++d)
                            *x += (double)strip.a[i][a_run[r] + d * a_step] *
                                  (double)b[b_run[r] + d * b_step + j];
                    if (wrong && i == m / 2 && j == n / 2) *x += 1e-3;
                }
            }
            strip.b = b;
            strip.a_step = a_step;
            strip.b_step = b_step;
            strip.len = len;
            strip.runs = runs;
            strip.a_run = a_run;
            strip.b_run = b_run;
            if (kind / 12 != 1)
                for (int i = 0; i < m * n; ++i) c[i] = not_a_number(); // it must not be read
            c[m * n] = 9;
            k->gemm[v - 1](&strip);
            e = worst(m * n, c, w, s);
            CHECK(c[m * n] == 9, "tile of %d vectors: wrote beyond its end", v);
            CHECK(e < 40, "tile of %d vectors, kind %d: %g eps", v, kind, e);
            free(a);
            free(b);
            free(c);
            free(bias);
            free(w);
            free(s);
        }
}

// A row over a B that lies row by row, and eight inner products at once, of every depth up to a few vectors.
static void test_skinny(const gan__cpu_kernels *k, int wrong)
{
    for (int depth = 1; depth < 3 * k->lanes + 3; ++depth)
        for (int kind = 0; kind < 9; ++kind) {
            const int n = kind / 3 * k->lanes + (depth + kind) % (k->lanes + 1) + 1, ld = n + kind % 2;
            const int a_step = 1 + kind % 2;
            gan_real *a = filled(8 * (depth + 1)), *b = filled(depth * ld + depth), *y = filled(n);
            gan_real *from = filled(n), out[9];
            double *exact = doubles(n), *size = doubles(n), w[8], s[8], e;
            const gan_real *line[8], *start = kind % 3 == 0 ? NULL : kind % 3 == 1 ? y : from;
            for (int j = 0; j < n; ++j) {
                size[j] = 4;
                exact[j] = start ? (double)start[j] : 0;
                for (int d = 0; d < depth; ++d) exact[j] += (double)a[d * a_step] * (double)b[d * ld + j];
                if (wrong && j == n / 2) exact[j] += 1e-3;
            }
            y[n] = 9;
            k->row(depth, n, a, a_step, b, ld, start, y);
            e = worst(n, y, exact, size);
            CHECK(e < 30 && y[n] == 9, "row of %d, depth %d: %g eps", n, depth, e);
            out[8] = 9;
            for (int i = 0; i < 8; ++i) {
                line[i] = a + (7 - i) * (depth + 1);
                w[i] = wrong && i == 5 ? 1e-3 : 0;
                s[i] = 4;
                for (int d = 0; d < depth; ++d) w[i] += (double)line[i][d] * (double)b[d];
            }
            k->inner(depth, line, b, out);
            e = worst(8, out, w, s);
            CHECK(e < 30 && out[8] == 9, "inner products, depth %d: %g eps", depth, e);
            free(a);
            free(b);
            free(y);
            free(from);
            free(exact);
            free(size);
        }
}

// Draws by the scalar Philox: uniform ones bit by bit, normal ones by Box's and Muller's formula in double,
// the logarithm's argument rounded to a real.
static void test_draws(const gan__cpu_kernels *k, int wrong)
{
    static gan_real got[300];
    static const uint64_t seeds[] = {0, 1, UINT64_C(0xfedcba9876543210)};
    const gan_real scale = (gan_real)(.37 / 8388608);
    for (int n = 0; n <= 280; n += n < 8 || n > 250 ? 1 : 7) {
        gan__core_rng r = {seeds[n % 3], seeds[(n + 1) % 3], UINT64_C(0x3fffffe00) + (uint64_t)n};
        gan__core_rng at = r;
        uint32_t u[4];
        for (int normal = 0; normal < 2; ++normal) {
            for (int i = 0; i < 300; ++i) got[i] = 99;
            if (normal) k->normal((size_t)n, got, &r, (gan_real).25, 2);
            else k->uniform((size_t)n, got, &r, 8388608, scale);
            if (wrong && n == 22) got[n - 1] = got[0];
            at.counter = r.counter;
            for (int i = 0; i < n; ++i) {
                if (i % 4 == 0) gan__rng_block(&at, u);
                if (normal) {
                    const gan_real p = (gan_real)((4294967296.0 - u[i % 4 / 2 * 2]) / 4294967296.0);
                    const double angle = 6.283185307179586 / 4294967296.0 * u[i % 4 / 2 * 2 + 1];
                    const double w = sqrt(-2 * log((double)p)) * (i % 2 ? sin(angle) : cos(angle));
                    CHECK_NEAR(got[i], .25 + 2 * w, 16 * REAL_EPS * (1 + fabs(w)), "a normal number");
                } else {
                    const gan_real w = scale * (gan_real)((int32_t)(u[i % 4] >> 8) - 8388608);
                    CHECK(!memcmp(&got[i], &w, sizeof w), "%d of %d: %.9g, not %.9g", i, n, (double)got[i],
                          (double)w);
                }
            }
            for (int i = n; i < 300; ++i) CHECK(ulps(got[i], 99) <= 0, "%d written beyond %d", i, n);
        }
    }
}

static void test_controls(void)
{
    const gan__cpu_kernels *k = gan__isa_choose(GAN_ISA_AUTO);
    TEST_MUST_FAIL ("a map with another map's formula is caught") {
        map_case m = {k, GAN__MAP_tanh, 33, 1, 1, 1, 0, GAN__MAP_erf};
        CHECK(map_error(&m) < 8, "tanh is not erf");
    }
    TEST_MUST_FAIL ("a relative error of 1e-5 is caught") {
        gan_real a[4] = {1, 2, 3, 4}, y[4];
        double w[4], s[4];
        gan__isa_map1(k, GAN__MAP_square, 4, y, a, 0, 0);
        for (int i = 0; i < 4; ++i) s[i] = w[i] = (double)(a[i] * a[i]) * (i == 2 ? 1.00001 : 1);
        CHECK(worst(4, y, w, s) < 8, "one of four");
    }
    TEST_MUST_FAIL ("a NaN among right numbers is caught") {
        gan_real y[4] = {1, 2, 3, 4};
        double w[4] = {1, 2, 3, 4};
        y[1] = not_a_number();
        CHECK(worst(4, y, w, w) < 8, "one of four");
    }
    TEST_MUST_FAIL ("five units in the last place are too many") {
        const gan_real y = (gan_real)(1 + 10 * 2 * REAL_EPS);
        CHECK(ulps(y, 1) <= 4, "%g ulp", ulps(y, 1));
    }
    TEST_MUST_FAIL ("a finite number for an infinity is caught") { CHECK(ulps(1, HUGE_VAL) <= 4, "inf"); }
    TEST_MUST_FAIL ("Nesterov's momentum is not the plain one") { five_steps(k, SGD, SGD_NESTEROV, 37); }
    TEST_MUST_FAIL ("decoupled decay is not the coupled one") { five_steps(k, ADAM, ADAMW, 37); }
    TEST_MUST_FAIL ("a column that is a thousandth too large is caught") { test_columns(k, 1); }
    TEST_MUST_FAIL ("a value that is taken for the next channel's is caught") { test_norms(k, 1); }
    TEST_MUST_FAIL ("the last of equal maxima instead of the first is caught") { test_pools(k, 1); }
    TEST_MUST_FAIL ("a draw that repeats the first is caught") { test_draws(k, 1); }
    TEST_MUST_FAIL ("a row that is packed for the next one is caught") { test_pack(k, 1); }
    TEST_MUST_FAIL ("a column that is turned for the next one is caught") { test_turn(k, 1); }
    TEST_MUST_FAIL ("a tile that is off by 1e-3 in one element is caught") { test_tiles(k, 1); }
    TEST_MUST_FAIL ("an inner product that is off by 1e-3 is caught") { test_skinny(k, 1); }
    TEST_MUST_FAIL ("a pick that leaves an element out is caught") { test_pick(k, 1); }
    TEST_MUST_FAIL ("sums of products that are off by 1e-3 are caught") { test_dots(k, 1); }
    TEST_MUST_FAIL ("a fold that is off by 1e-3 in one pixel is caught") { test_fold(k, 1); }
}

int main(void)
{
    const gan__cpu_kernels *k;
    TEST ("the rows of this test stand in the order of the maps") {
        for (int i = 0; i < (int)COUNT(rows); ++i) CHECK(rows[i].map == i, "%s", rows[i].name);
        CHECK(sizeof(every_map_has_a_row) == 1, "rows");
        CHECK(GAN__MAP_affine == 0, "the first is affine");
    }
    for (k = next_isa(NULL); k; k = next_isa(k)) {
        test_maps(k);
        test_ulps(k);
        test_specials(k);
        test_reductions(k);
        TESTF ("%s: sgd, rmsprop, adam and ema follow PyTorch's formulas for five steps", k->name) {
            for (int rule = 0; rule < RULES; ++rule)
                for (int n = 0; n < WEIGHTS; n = n < 3 ? n + 1 : n + 6) five_steps(k, rule, rule, n);
        }
        TESTF ("%s: uniform and normal draws, from Philox", k->name) { test_draws(k, 0); }
        TESTF ("%s: panels are packed", k->name) { test_pack(k, 0); }
        TESTF ("%s: matrices are turned", k->name) { test_turn(k, 0); }
        TESTF ("%s: sums of columns", k->name) { test_columns(k, 0); }
        TESTF ("%s: sums and affine maps by channel", k->name) { test_norms(k, 0); }
        TESTF ("%s: maxima of 2 x 2, their places, and the way back", k->name) { test_pools(k, 0); }
        TESTF ("%s: elements are picked one, two, three apart", k->name) { test_pick(k, 0); }
        TESTF ("%s: sums of products along lines", k->name) { test_dots(k, 0); }
        TESTF ("%s: columns are folded into an input gradient", k->name) { test_fold(k, 0); }
        TESTF ("%s: micro tiles of one, two and three vectors", k->name) { test_tiles(k, 0); }
        TESTF ("%s: rows and inner products of skinny matrices", k->name) { test_skinny(k, 0); }
    }
    test_controls();
    return test_done();
}
