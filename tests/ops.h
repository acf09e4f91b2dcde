// The walker of the tests of operations. A sample is an operation, a reference (loops written in double) and
// a line of input shapes: its forward is held against the reference, and in the GAN_DOUBLE build its gradient
// and the gradient of its gradient against finite differences; in the float build each instruction set is
// forced in turn, and 1, 2, 3 and 7 threads must give the same bits. The test of a section walks that
// section's part of GAN__OPERATIONS, with a function test_NAME for each operation: one that has none does not
// compile.
#ifndef OPS_H
#define OPS_H

#define GAN__TABLES
#include "../gan.h"

#include "test.h"

#include "check.h"

// The sections that have a test: where an operation of the table is in none of them, nothing compiles.
#define OPS_ONE(id, name, backward) +1
enum {
    OPS_TESTED = 0 GAN__OPERATIONS_ARITH(OPS_ONE) GAN__OPERATIONS_SHAPE(OPS_ONE) GAN__OPERATIONS_REDUCE(
        OPS_ONE) GAN__OPERATIONS_PRODUCT(OPS_ONE) GAN__OPERATIONS_PLANE(OPS_ONE) GAN__OPERATIONS_NORM(OPS_ONE)
};
enum { OPS_ALL = 0 GAN__OPERATIONS(OPS_ONE) };
typedef char ops_every_operation_is_tested[(int)OPS_TESTED == (int)OPS_ALL ? 1 : -1];

// The call of an operation's test; GAN__OPERATIONS_SHAPE(OPS_TEST) are those of the section shape.
#define OPS_TEST(id, name, backward) test_##name();

typedef nd reference(const params *p, const nd *x);

typedef struct sample {
    const params *p;
    gan_function *f;
    gan_tensor *all[MAX_IN + 1]; // inputs without a gradient stand here
    int has_grad[MAX_IN + 1];
    int n;
} sample;

#ifdef GAN_DOUBLE
// f of the inputs, those with a gradient taken from x in turn.
static inline gan_tensor *sample_f(gan_context *ctx, gan_tensor **x, void *user)
{
    sample *s = (sample *)user;
    gan_tensor *in[MAX_IN + 1];
    int i, k = 0;
    for (i = 0; i < s->n; ++i) in[i] = s->has_grad[i] ? x[k++] : s->all[i];
    return s->f(ctx, in, (void *)(uintptr_t)s->p);
}

// g f(x), g one more input: with it the gradient of the gradient reaches the second use of every backward,
// and a bilinear operation has one that is not zero.
static inline gan_tensor *sample_fg(gan_context *ctx, gan_tensor **x, void *user)
{
    sample *s = (sample *)user;
    int i, k = 0;
    for (i = 0; i < s->n; ++i) k += s->has_grad[i];
    return gan_mul(x[k], sample_f(ctx, x, user));
}
#else
// The gradients of sum(w f) by every input that has one, joined with the output into one flat array.
static inline gan_tensor *forward_and_backward(gan_context *ctx, sample *s, const nd *x, const params *p)
{
    gan_tensor *in[MAX_IN], *grad_in[MAX_IN], *dx[MAX_IN], *y, *all;
    int i, k = 0;
    for (i = 0; i < s->n; ++i) {
        in[i] = s->all[i] = to_tensor(ctx, &x[i]);
        if (s->has_grad[i]) grad_in[k++] = in[i];
    }
    y = s->f(ctx, in, (void *)(uintptr_t)p);
    all = gan_reshape(y, -1);
    if (k && !p->no_grad && !gan_grads(weighted_sum(ctx, y, 0), k, grad_in, dx, 0))
        for (i = 0; i < k; ++i) all = gan_concat(0, all, gan_reshape(dx[i], -1));
    return all;
}
#endif

static int samples_run, isas_seen;

static inline void op_sample(const char *what, gan_function *f, reference *ref, const char *line, params p)
{
    int seed, seeds = p.seeds ? p.seeds : 2;
#ifdef GAN_DOUBLE
    seeds *= 10;
#endif
    double tol = REAL_TOL * (p.tol > 0 ? p.tol : 1);
    TESTF ("%s (%s)", what, line) {
        for (seed = 0; seed < seeds; ++seed) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            nd x[MAX_IN], want;
            gan_tensor *in[MAX_IN];
            sample s;
            int i;
            nd_used = 0;
            check_seed((uint64_t)seed + 1);
            memset(&s, 0, sizeof s);
            s.n = p.n = make_inputs(line, &p, x, s.has_grad);
            s.p = &p;
            s.f = f;
            want = ref(&p, x);
            for (i = 0; i < s.n; ++i) in[i] = to_tensor(ctx, &x[i]);
            check_tensor(f(ctx, in, &p), &want, tol, "forward");
#ifdef GAN_DOUBLE
            if (!p.no_grad && !test.wrong) {
                gan_tensor *gx[MAX_IN + 1];
                nd g = nd_new(want.ndim, want.dim);
                int k = 0;
                size_t j;
                for (i = 0; i < s.n; ++i) {
                    s.all[i] = in[i];
                    if (s.has_grad[i]) gx[k++] = in[i];
                }
                check_gradient(ctx, sample_f, &s, k, gx, 1, what);
                for (j = 0; j < g.n; ++j) g.v[j] = check_uniform(-1.5, 1.5);
                gx[k] = to_tensor(ctx, &g);
                if (!p.no_order2) check_gradient(ctx, sample_fg, &s, k + 1, gx, 2, what);
            }
#else
            if (seed == 0) {
                int isa, t;
                gan_context *one = context_with(GAN_ISA_AUTO, 1);
                gan_tensor *bits = forward_and_backward(one, &s, x, &p);
                CHECK(gan_error(one) == 0, "backward: %s", gan_error_message(one));
                static const int threads[] = {2, 3, 7};
                for (isa = GAN_ISA_AUTO + 1; isa < GAN_ISA_COUNT; ++isa) {
                    gan_context *c = context_with((gan_isa)isa, 1);
                    char name[64];
                    if (!c) continue;
                    isas_seen |= 1 << isa;
                    snprintf(name, sizeof name, "forward on %s", gan_isa_name(c));
                    for (i = 0; i < s.n; ++i) in[i] = to_tensor(c, &x[i]);
                    check_tensor(f(c, in, &p), &want, tol, name);
                    gan_destroy(c);
                }
                for (t = 0; t < 3; ++t) {
                    gan_context *c = context_with(GAN_ISA_AUTO, threads[t]);
                    CHECK(same_bits(bits, forward_and_backward(c, &s, x, &p)),
                          "%d threads: other bits than one (%s)", threads[t], gan_error_message(c));
                    gan_destroy(c);
                }
                gan_destroy(one);
            }
#endif
            CHECK(gan_error(ctx) == 0, "error: %s", gan_error_message(ctx));
            gan_destroy(ctx);
            ++samples_run;
        }
    }
}

#define P(...) ((params){__VA_ARGS__})
#define NONE P(.seeds = 0)

// f_NAME(ctx, x, user): the call under test, with q its parameters; r_NAME: an expression in v[0], v[1], ..
// with q.
#define CALL(name, call)                                                                                     \
    static gan_tensor *f_##name(gan_context *ctx, gan_tensor **x, void *user)                                \
    {                                                                                                        \
        const params *q = (const params *)user;                                                              \
        (void)ctx, (void)q;                                                                                  \
        return call;                                                                                         \
    }
#define EACH(name, expression)                                                                               \
    static double e_##name(const double *v, const params *q)                                                 \
    {                                                                                                        \
        (void)q;                                                                                             \
        return expression;                                                                                   \
    }                                                                                                        \
    static nd r_##name(const params *q, const nd *x) { return each(q, x, e_##name); }
#define MAP(name, call, expression) CALL(name, call) EACH(name, expression)

static inline nd each(const params *p, const nd *x, double (*e)(const double *v, const params *p))
{
    nd y = nd_broadcast(p->n, x);
    size_t k;
    for (k = 0; k < y.n; ++k) {
        int index[8], i;
        double v[MAX_IN];
        unravel(k, y.ndim, y.dim, index);
        for (i = 0; i < p->n; ++i) v[i] = nd_at(&x[i], y.ndim, index);
        y.v[k] = e(v, p);
    }
    return y;
}

static inline double sgm(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static inline double splus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

// A sample for each of an array of lines, and (OVER_CASES) for each of an array of lines with parameters.
#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define OVER(shapes, name, p)                                                                                \
    do {                                                                                                     \
        size_t over_i;                                                                                       \
        for (over_i = 0; over_i < COUNT(shapes); ++over_i)                                                   \
            op_sample(#name, f_##name, r_##name, shapes[over_i], p);                                         \
    } while (0)
// Large enough that every vector loop has a body and a tail and that work is spread over threads; float build
// only.
#ifdef GAN_DOUBLE
#define LARGE(name, line, p) ((void)0)
#else
#define LARGE(name, line, p)                                                                                 \
    do {                                                                                                     \
        params large_p = p;                                                                                  \
        large_p.seeds = 1;                                                                                   \
        op_sample(#name ", large", f_##name, r_##name, line, large_p);                                       \
    } while (0)
#endif

typedef struct op_case {
    const char *line;
    int i[9];
} op_case;
#define OVER_CASES(cases, name)                                                                              \
    do {                                                                                                     \
        size_t over_i, over_j;                                                                               \
        for (over_i = 0; over_i < COUNT(cases); ++over_i) {                                                  \
            params over_p = NONE;                                                                            \
            for (over_j = 0; over_j < 9; ++over_j) over_p.i[over_j] = cases[over_i].i[over_j];               \
            over_p.seeds = 1;                                                                                \
            over_p.tol = 4;                                                                                  \
            op_sample(#name, f_##name, r_##name, cases[over_i].line, over_p);                                \
        }                                                                                                    \
    } while (0)

// The backward operations, reached through the gradient of their forward: x[0] the input, x[1] the incoming
// gradient.
static inline gan_tensor *pull(gan_tensor *y, gan_tensor *g, gan_tensor *x)
{
    return gan_grad(gan_sum_all(gan_mul(y, g)), x, GAN_CREATE_GRAPH);
}

// ---- negative controls

// The sample's forward against a wrong reference.
static inline void control_forward(const char *what, gan_function *f, reference *wrong, const char *line,
                                   params p)
{
    TESTF_MUST_FAIL ("%s: a wrong reference is caught", what) {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        nd x[MAX_IN], want;
        gan_tensor *in[MAX_IN];
        int has_grad[MAX_IN], i;
        nd_used = 0;
        check_seed(1);
        p.n = make_inputs(line, &p, x, has_grad);
        want = wrong(&p, x);
        for (i = 0; i < p.n; ++i) in[i] = to_tensor(ctx, &x[i]);
        check_tensor(f(ctx, in, &p), &want, REAL_TOL * (p.tol > 0 ? p.tol : 1), what);
        gan_destroy(ctx);
    }
}

#ifdef GAN_DOUBLE
// A function whose tape is wrong, by fd_check (own) or gan_gradcheck.
static inline void control_gradient(const char *what, gan_function *f, const char *line, int order, int own)
{
    TESTF_MUST_FAIL ("%s is caught by %s, order %d", what,
                     own ? "the finite differences of the tests" : "gan_gradcheck", order) {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        params p = NONE;
        nd x[MAX_IN];
        gan_tensor *in[MAX_IN];
        int has_grad[MAX_IN], i, ok;
        nd_used = 0;
        check_seed(1);
        p.n = make_inputs(line, &p, x, has_grad);
        for (i = 0; i < p.n; ++i) in[i] = to_tensor(ctx, &x[i]);
        ok = own ? fd_check(ctx, f, &p, p.n, in, order, NULL)
                 : gan_gradcheck(ctx, f, &p, p.n, in, order, NULL);
        if (gan_error(ctx)) ok = 1; // an error would be the wrong reason
        CHECK(ok, "caught");
        gan_destroy(ctx);
    }
}
#endif

// Prints what was walked; the value that main returns.
static inline int ops_done(void)
{
    int isa, isas = 0;
    for (isa = 0; isa < GAN_ISA_COUNT; ++isa) isas += (isas_seen >> isa) & 1;
    printf("%d samples, %d instruction sets forced\n", samples_run, isas);
#ifdef GAN_DOUBLE
    printf("%d gradient checks of order 1 and 2: worst error %.3g, at most %.3g of the tolerance (atol 1e-5, "
           "rtol 1e-3)\n",
           gradchecks, worst_gradcheck_error, worst_gradcheck);
#endif
    return test_done();
}

#endif // OPS_H
