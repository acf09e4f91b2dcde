// Every convolution of the workloads, each with its two gradients, beside oneDNN's where it is installed.
//
//     build/bench_conv [--threads T] [--seconds S] [--isa scalar|sse2|avx2|avx512|neon] [--alone] [NAME ...]
//
// A line is workload, layer, pass; our milliseconds, GFLOP/s of the definition's multiply-adds (whatever way
// the pass goes) and per cent of the peak; oneDNN's milliseconds from NCHW to NCHW, that is with the reorders
// to and from the formats that it likes best, the ratio; its milliseconds without those reorders, the ratio.
// All take turns, the peak among them, for S (0.2) seconds a pass; the figures are medians of the rounds. A
// ratio above 1: we are faster. NAMEs are workloads; --alone leaves oneDNN out, as does a build without its
// header (2.x).
#include "bench.h"
#include "peer.h"

#if defined(HAVE_PEERS) && defined(__GNUC__) && defined(__has_include) && !defined(GAN_DOUBLE)
#if __has_include(<dnnl.h>)
#include <dnnl.h>
#if DNNL_VERSION_MAJOR == 2
#define HAVE_ONEDNN 1
#endif
#endif
#endif

enum pass { FORWARD, INPUT, WEIGHT, PASSES };
enum { OURS, BETWEEN_PLAIN, BARE, CONTENDERS, ROUNDS = 400 };

static gan_context *ctx;

// A transposed convolution is the input gradient of the convolution that stands here, and the other way
// round.
static gan__cpu_conv view(const layer *l)
{
    const int t = l->kind == CONV_TRANSPOSE, ci = t ? l->out : l->in, co = t ? l->in : l->out;
    const int x = t ? l->to : l->from, y = t ? l->from : l->to;
    const gan__cpu_conv v = {l->batch, ci,        x,         x,          co,         l->kernel, l->kernel, y,
                             y,        l->stride, l->stride, l->padding, l->padding, 1,         1,         1};
    return v;
}

typedef struct problem {
    gan__cpu_conv v;
    enum pass pass;
    gan_real *x, *w, *y;
} problem;

static int ours(const problem *p)
{
    if (p->pass == FORWARD) return gan__conv_forward(ctx, &p->v, p->x, p->w, NULL, p->y);
    if (p->pass == INPUT) return gan__conv_input(ctx, &p->v, p->y, p->w, NULL, p->x);
    return gan__conv_weight(ctx, &p->v, p->x, p->y, p->w);
}

#ifdef HAVE_ONEDNN
#define FUNCTIONS(X)                                                                                         \
    X(engine_create)                                                                                         \
    X(stream_create)                                                                                         \
    X(stream_wait)                                                                                           \
    X(memory_desc_init_by_tag)                                                                               \
    X(memory_desc_equal)                                                                                     \
    X(memory_create)                                                                                         \
    X(memory_destroy)                                                                                        \
    X(convolution_forward_desc_init)                                                                         \
    X(convolution_backward_data_desc_init)                                                                   \
    X(convolution_backward_weights_desc_init)                                                                \
    X(primitive_desc_create)                                                                                 \
    X(primitive_desc_query_md)                                                                               \
    X(primitive_desc_destroy)                                                                                \
    X(reorder_primitive_desc_create)                                                                         \
    X(primitive_create)                                                                                      \
    X(primitive_execute)                                                                                     \
    X(primitive_destroy)

static struct onednn {
#define ROW(name) __typeof__(dnnl_##name) *name;
    FUNCTIONS(ROW)
#undef ROW
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} dnnl;

// x, w, y of a convolution: plain as our arrays are, and in the format that the primitive chose; where the
// two differ a reorder stands before the primitive, behind it for its result.
typedef struct peer {
    dnnl_primitive_t primitive, reorder[3];
    dnnl_memory_t plain[3], chosen[3];
    dnnl_exec_arg_t args[3];
    int result; // which of the three
} peer;

static int peer_ready(int threads)
{
    void *library = peer_open(ONEDNN);
    int all = 1;
#define ROW(name) all &= peer_find(library, "dnnl_" #name, &dnnl.name);
    FUNCTIONS(ROW)
#undef ROW
    if (!all) return 0;
    peer_threads(ONEDNN, library, threads);
    return dnnl.engine_create(&dnnl.engine, dnnl_cpu, 0) == dnnl_success &&
           dnnl.stream_create(&dnnl.stream, dnnl.engine, dnnl_stream_default_flags) == dnnl_success;
}

// The primitive of that pass over the formats in md; hint is the forward one's for the gradients.
static int describe(const gan__cpu_conv *v, enum pass pass, const dnnl_memory_desc_t *md,
                    dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out)
{
    const dnnl_dims_t stride = {v->sh, v->sw}, left = {v->ph, v->pw};
    const dnnl_dims_t right = {(v->oh - 1) * v->sh + v->kh - v->h - v->ph,
                               (v->ow - 1) * v->sw + v->kw - v->w - v->pw};
    const dnnl_alg_kind_t way = dnnl_convolution_auto;
    dnnl_convolution_desc_t d;
    dnnl_status_t bad;
    if (pass == FORWARD)
        bad = dnnl.convolution_forward_desc_init(&d, dnnl_forward_training, way, &md[0], &md[1], NULL, &md[2],
                                                 stride, left, right);
    else if (pass == INPUT)
        bad = dnnl.convolution_backward_data_desc_init(&d, way, &md[0], &md[1], &md[2], stride, left, right);
    else
        bad = dnnl.convolution_backward_weights_desc_init(&d, way, &md[0], &md[1], NULL, &md[2], stride, left,
                                                          right);
    return bad != dnnl_success ||
           dnnl.primitive_desc_create(out, &d, NULL, dnnl.engine, hint) != dnnl_success;
}

static int peer_create(peer *q, const problem *p)
{
    static const int args[PASSES][3] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                                        {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                                        {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
    static const dnnl_query_t queries[PASSES][3] = {
        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
        {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
        {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md}};
    const gan__cpu_conv *v = &p->v;
    const dnnl_dims_t dims[3] = {
        {v->n, v->ci, v->h, v->w}, {v->co, v->ci, v->kh, v->kw}, {v->n, v->co, v->oh, v->ow}};
    gan_real *const data[3] = {p->x, p->w, p->y};
    dnnl_primitive_desc_t hint = NULL, pd = NULL, rpd = NULL;
    dnnl_memory_desc_t any[3], plain;
    int i, bad = 0;
    memset(q, 0, sizeof *q);
    q->result = p->pass == FORWARD ? 2 : p->pass == INPUT ? 0 : 1;
    for (i = 0; i < 3; ++i)
        bad |= dnnl.memory_desc_init_by_tag(&any[i], 4, dims[i], dnnl_f32, dnnl_format_tag_any) != 0;
    if (!bad && p->pass != FORWARD) bad = describe(v, FORWARD, any, NULL, &hint);
    if (!bad) bad = describe(v, p->pass, any, hint, &pd);
    if (!bad) bad = dnnl.primitive_create(&q->primitive, pd) != dnnl_success;
    for (i = 0; i < 3 && !bad; ++i) {
        const dnnl_memory_desc_t *chosen = dnnl.primitive_desc_query_md(pd, queries[p->pass][i], 0);
        dnnl.memory_desc_init_by_tag(&plain, 4, dims[i], dnnl_f32, dnnl_abcd);
        bad |= dnnl.memory_create(&q->plain[i], &plain, dnnl.engine, data[i]) != dnnl_success;
        q->args[i].arg = args[p->pass][i];
        q->args[i].memory = q->plain[i];
        if (bad || dnnl.memory_desc_equal(chosen, &plain)) continue;
        bad |= dnnl.memory_create(&q->chosen[i], chosen, dnnl.engine, DNNL_MEMORY_ALLOCATE) != dnnl_success;
        q->args[i].memory = q->chosen[i];
        bad |= dnnl.reorder_primitive_desc_create(&rpd, i == q->result ? chosen : &plain, dnnl.engine,
                                                  i == q->result ? &plain : chosen, dnnl.engine,
                                                  NULL) != dnnl_success;
        if (bad) break;
        bad |= dnnl.primitive_create(&q->reorder[i], rpd) != dnnl_success;
        dnnl.primitive_desc_destroy(rpd);
    }
    if (hint) dnnl.primitive_desc_destroy(hint);
    if (pd) dnnl.primitive_desc_destroy(pd);
    return bad;
}

static void peer_destroy(peer *q)
{
    int i;
    for (i = 0; i < 3; ++i) {
        if (q->reorder[i]) dnnl.primitive_destroy(q->reorder[i]);
        if (q->chosen[i]) dnnl.memory_destroy(q->chosen[i]);
        if (q->plain[i]) dnnl.memory_destroy(q->plain[i]);
    }
    if (q->primitive) dnnl.primitive_destroy(q->primitive);
}

static void peer_reorder(const peer *q, int i)
{
    dnnl_exec_arg_t from = {DNNL_ARG_FROM, NULL}, to = {DNNL_ARG_TO, NULL}, both[2];
    if (!q->reorder[i]) return;
    from.memory = i == q->result ? q->chosen[i] : q->plain[i];
    to.memory = i == q->result ? q->plain[i] : q->chosen[i];
    both[0] = from;
    both[1] = to;
    dnnl.primitive_execute(q->reorder[i], dnnl.stream, 2, both);
}

static void peer_run(const peer *q, int between_plain)
{
    int i;
    for (i = 0; between_plain && i < 3; ++i)
        if (i != q->result) peer_reorder(q, i);
    dnnl.primitive_execute(q->primitive, dnnl.stream, 3, q->args);
    if (between_plain) peer_reorder(q, q->result);
    dnnl.stream_wait(dnnl.stream);
}
#else
typedef int peer;
static int peer_ready(int threads) { return (void)threads, 0; }
static int peer_create(peer *q, const problem *p) { return (void)q, (void)p, 1; }
static void peer_destroy(peer *q) { (void)q; }
static void peer_run(const peer *q, int between_plain) { (void)q, (void)between_plain; }
#endif

static void call(int who, const problem *p, const peer *q)
{
    if (who == OURS) ours(p);
    else peer_run(q, who == BETWEEN_PLAIN);
}

// Whether both have the same result, of n numbers whose sums have `depth` terms.
static int agree(const problem *p, const peer *q, gan_real *result, size_t n, double depth)
{
    gan_real *mine = (gan_real *)malloc(n * sizeof *mine);
    double worst = 0;
    size_t i;
    if (!mine) return 0;
    ours(p);
    memcpy(mine, result, n * sizeof *mine);
    memset(result, 255, n * sizeof *result);
    peer_run(q, 1);
    for (i = 0; i < n; ++i) {
        const double apart = fabs((double)mine[i] - (double)result[i]);
        if (!(apart <= worst)) worst = apart; // NaN too
    }
    free(mine);
    return worst <= 3e-5 * sqrt(depth);
}

// Medians of the seconds of a call, 0 where there is none, and of the peak.
static void measure(const problem *p, const peer *q, double seconds, double *took, double *top)
{
    static double samples[CONTENDERS][ROUNDS], peaks[ROUNDS];
    const int contenders = q ? CONTENDERS : 1;
    int calls[CONTENDERS], who, i, r;
    double begun, t;
    for (who = 0; who < contenders; ++who) {
        call(who, p, q);
        t = now();
        call(who, p, q);
        t = now() - t;
        calls[who] = t < 5e-4 ? (int)(5e-4 / (t + 1e-8)) + 1 : 1; // no less than half a millisecond a turn
    }
    for (r = 0, begun = now(); r < 3 || (r < ROUNDS && now() - begun < seconds); ++r) {
        for (who = 0; who < contenders; ++who) {
            t = now();
            for (i = 0; i < calls[who]; ++i) call(who, p, q);
            samples[who][r] = (now() - t) / calls[who];
        }
        peaks[r] = peak(ctx);
    }
    for (who = 0; who < CONTENDERS; ++who) took[who] = who < contenders ? median(samples[who], r) : 0;
    *top = median(peaks, r);
}

static void fill(gan_real *a, size_t n, uint64_t seed)
{
    size_t i;
    for (i = 0; i < n; ++i) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        a[i] = (gan_real)((double)(seed >> 40) / (double)(1 << 23) - 1);
    }
}

int main(int argc, char **argv)
{
    static const char *const passes[PASSES] = {"forward", "input", "weight"};
    bench_options o;
    double sum[CONTENDERS] = {0}, logs[CONTENDERS] = {0}, lo = 1e30, hi = 0;
    int i, k, who, have_peer, compared = 0, code = 0;
    if (read_options(&o, argc, argv, .2, WORKLOAD_NAMES)) return 2;
    ctx = gan_create(&o.desc);
    if (!ctx) return fputs("no memory, or no such instruction set here\n", stderr), 1;
    have_peer = !o.alone && peer_ready(gan_threads(ctx));
    printf("convolutions, %s, threads %d%s\n%-13s %-24s %-7s %9s %8s %6s %9s %6s %9s %6s\n",
           gan_isa_name(ctx), gan_threads(ctx), have_peer ? "" : ", oneDNN is not here", "workload", "layer",
           "pass", "gan.h ms", "GFLOP/s", "%peak", "onednn ms", "ratio", "bare ms", "ratio");
    for (i = 0; i < (int)LAYERS; ++i) {
        const layer *l = &layers[i];
        const int t = l->kind == CONV_TRANSPOSE;
        size_t n[3];
        problem p;
        char name[64];
        if (l->kind == LINEAR || !wanted(&o, argc, argv, l->workload)) continue;
        snprintf(name, sizeof name, "%s %d->%d k%ds%d %d->%d", t ? "up" : "conv", l->in, l->out, l->kernel,
                 l->stride, l->from, l->to);
        p.v = view(l);
        n[0] = (size_t)(p.v.n * p.v.ci * p.v.h * p.v.w);
        n[1] = (size_t)(p.v.co * p.v.ci * p.v.kh * p.v.kw);
        n[2] = (size_t)(p.v.n * p.v.co * p.v.oh * p.v.ow);
        p.x = (gan_real *)malloc(n[0] * sizeof *p.x);
        p.w = (gan_real *)malloc(n[1] * sizeof *p.w);
        p.y = (gan_real *)malloc(n[2] * sizeof *p.y);
        if (!p.x || !p.w || !p.y) return fputs("no memory\n", stderr), 1;
        for (k = 0; k < PASSES && !code; ++k) {
            double took[CONTENDERS], top = 0;
            peer q;
            if (k == INPUT && l->net == 'G' && layer_first(l)) continue;
            p.pass = k == WEIGHT ? WEIGHT : (t == (k == FORWARD)) ? INPUT : FORWARD;
            fill(p.x, n[0], 1); // a pass overwrites one of them
            fill(p.w, n[1], 2);
            fill(p.y, n[2], 3);
            if (have_peer && peer_create(&q, &p)) code = 1;
            if (have_peer && !code) {
                const int result = p.pass == FORWARD ? 2 : p.pass == INPUT ? 0 : 1;
                gan_real *const data[3] = {p.x, p.w, p.y};
                code = !agree(&p, &q, data[result], n[result], layer_flops(l) / 2 / (double)n[result] + 1);
            }
            if (code) {
                fprintf(stderr, "%s %s %s: oneDNN fails or has another result\n", l->workload, name,
                        passes[k]);
                break;
            }
            measure(&p, have_peer ? &q : NULL, o.seconds, took, &top);
            printf("%-13s %-24s %-7s %9.3f %8.1f %6.1f", l->workload, name, passes[k], took[OURS] * 1e3,
                   layer_flops(l) / took[OURS] * 1e-9, layer_flops(l) / took[OURS] / top * 1e-7);
            for (who = 1; who < CONTENDERS && have_peer; ++who) {
                printf(" %9.3f %6.2f", took[who] * 1e3, took[who] / took[OURS]);
                logs[who] += log(took[who] / took[OURS]);
            }
            puts("");
            fflush(stdout);
            for (who = 0; who < CONTENDERS; ++who) sum[who] += took[who];
            if (top < lo) lo = top;
            if (top > hi) hi = top;
            ++compared;
            if (have_peer) peer_destroy(&q);
        }
        free(p.x);
        free(p.w);
        free(p.y);
    }
    if (compared)
        printf("%d passes, %.3f ms; the peak was %.1f to %.1f GFLOP/s\n", compared, sum[OURS] * 1e3, lo, hi);
    if (compared && have_peer)
        printf("against oneDNN: geometric mean %.3f; without its reorders %.3f\n",
               exp(logs[BETWEEN_PLAIN] / compared), exp(logs[BARE] / compared));
    if (gan_error(ctx)) fprintf(stderr, "%s\n", gan_error_message(ctx)), code = 1;
    gan_destroy(ctx);
    return code;
}
