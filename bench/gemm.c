// Matrix products C (M x N) = op(A) op(B), depth K, beside OpenBLAS, BLIS and oneDNN where they are
// installed.
//
//     build/bench_gemm [--threads T] [--seconds S] [--isa scalar|sse2|avx2|avx512|neon] [--alone] [NAME ...]
//
// A line is `M N K transposes`, GFLOP/s, per cent of what the cores' multiply-adds can do, each peer's
// GFLOP/s and our rate divided by the best peer's. All take turns, the peak among them, for S (0.2) seconds a
// product; the figures are medians of the rounds. The products are the usual sizes of GANs (NAME `usual`,
// transposed in every way) and those of every linear layer of the workloads (their names): forward NT, the
// gradient of the input NN, of the weight TN. --alone leaves the peers out.
#include "bench.h"
#include "peer.h"

typedef struct product {
    const char *name; // the first workload that calls it
    int m, n, k;
    const char *turned; // N or T for A, for B
} product;

enum { OURS, CONTENDERS = PEERS + 1, ROUNDS = 400, PRODUCTS = 256 };

static const int usual[][3] = {
    {64, 64, 64},       {128, 128, 128}, {256, 256, 256}, {512, 512, 512},  {1024, 1024, 1024},
    {2048, 2048, 2048}, {64, 256, 784},  {64, 1024, 96},  {64, 6272, 1024}, {64, 12544, 800},
};

typedef void blas_gemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                       const float *b, int ldb, float beta, float *c, int ldc);
typedef int dnnl_gemm(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
                      int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

static gan_context *ctx;
static gan_real *a, *b, *c, *expected;
static void *library[PEERS];
static blas_gemm *blas[PEERS];
static dnnl_gemm *dnnl;

static int add(product *all, int count, const char *name, int m, int n, int k, const char *turned)
{
    int i;
    for (i = 0; i < count; ++i)
        if (all[i].m == m && all[i].n == n && all[i].k == k && !strcmp(all[i].turned, turned)) return count;
    all[count].name = name;
    all[count].m = m;
    all[count].n = n;
    all[count].k = k;
    all[count].turned = turned;
    return count + 1;
}

static int list(product *all)
{
    static const char *const ways[] = {"NN", "NT", "TN"};
    int i, k, count = 0;
    for (i = 0; i < (int)(sizeof usual / sizeof usual[0]); ++i)
        for (k = 0; k < 3; ++k)
            count = add(all, count, "usual", usual[i][0], usual[i][1], usual[i][2], ways[k]);
    for (i = 0; i < (int)LAYERS; ++i) {
        const layer *l = &layers[i];
        if (l->kind != LINEAR) continue;
        count = add(all, count, l->workload, l->batch, l->out, l->in, "NT");
        if (l->net == 'D' || !layer_first(l))
            count = add(all, count, l->workload, l->batch, l->in, l->out, "NN");
        count = add(all, count, l->workload, l->out, l->in, l->batch, "TN");
    }
    return count;
}

static int has(int who) { return who == OURS || (who - 1 == ONEDNN ? dnnl != NULL : blas[who - 1] != NULL); }

// 0, or 1 when it failed.
static int multiply(int who, const product *p)
{
    const int ta = p->turned[0] == 'T', tb = p->turned[1] == 'T';
    const int lda = ta ? p->m : p->k, ldb = tb ? p->k : p->n;
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
    const gan__gemm_product of = {p->m, p->n, p->k, {a, lda, !ta}, {b, ldb, tb}, c, p->n, 0, NULL};
    if (who == OURS) return gan__gemm(ctx, &of);
    if (who - 1 == ONEDNN)
        return dnnl(p->turned[0], p->turned[1], p->m, p->n, p->k, 1, (const float *)(const void *)a, lda,
                    (const float *)(const void *)b, ldb, 0, (float *)(void *)c, p->n);
    blas[who - 1](ROW_MAJOR, ta ? TRANSPOSED : PLAIN, tb ? TRANSPOSED : PLAIN, p->m, p->n, p->k, 1,
                  (const float *)(const void *)a, lda, (const float *)(const void *)b, ldb, 0,
                  (float *)(void *)c, p->n);
    return 0;
}

// Medians of the seconds of a call, 0 where there is none, and of the peak. 1 when somebody's product is
// wrong: the factors are small integers, so that all sums are exact in any order.
static int measure(const product *p, double seconds, double *took, double *top)
{
    static double samples[CONTENDERS][ROUNDS], peaks[ROUNDS];
    const size_t bytes = (size_t)p->m * (size_t)p->n * sizeof *c;
    int calls[CONTENDERS], who, i, r;
    double begun = 0, t;
    for (who = 0; who < CONTENDERS; ++who) {
        took[who] = 0;
        if (!has(who)) continue;
        memset(c, 255, bytes);
        if (multiply(who, p)) return 1;
        if (who == OURS) memcpy(expected, c, bytes);
        else if (memcmp(expected, c, bytes)) {
            fprintf(stderr, "%s has another product\n", peer_libraries[who - 1].name);
            return 1;
        }
        t = now();
        multiply(who, p);
        t = now() - t;
        calls[who] = t < 5e-4 ? (int)(5e-4 / (t + 1e-8)) + 1 : 1; // no less than half a millisecond a turn
    }
    for (r = 0, begun = now(); r < 3 || (r < ROUNDS && now() - begun < seconds); ++r) {
        for (who = 0; who < CONTENDERS; ++who) {
            if (!has(who)) continue;
            t = now();
            for (i = 0; i < calls[who]; ++i) multiply(who, p);
            samples[who][r] = (now() - t) / calls[who];
        }
        peaks[r] = peak(ctx);
    }
    for (who = 0; who < CONTENDERS; ++who)
        if (has(who)) took[who] = median(samples[who], r);
    *top = median(peaks, r);
    return 0;
}

int main(int argc, char **argv)
{
    static product all[PRODUCTS];
    const size_t most = (size_t)12544 * 1024;
    const product *worst = NULL;
    bench_options o;
    double lo = 1e30, hi = 0, logs = 0, least = 1e30;
    size_t q;
    const char *(*core)(void) = NULL;
    int i, k, count, compared = 0, below = 0, code = 0;
    if (read_options(&o, argc, argv, .2, "usual " WORKLOAD_NAMES)) return 2;
    ctx = gan_create(&o.desc);
    a = (gan_real *)malloc(most * sizeof *a);
    b = (gan_real *)malloc(most * sizeof *b);
    c = (gan_real *)malloc(most * sizeof *c);
    expected = (gan_real *)malloc(most * sizeof *c);
    if (!ctx || !a || !b || !c || !expected)
        return fputs("no memory, or no such instruction set here\n", stderr), 1;
    for (q = 0; q < most; ++q) {
        a[q] = (gan_real)((int)(q % 7) - 3);
        b[q] = (gan_real)((int)(q % 5) - 2);
        c[q] = 0;
    }
    for (i = 0; i < PEERS && !o.alone && sizeof(gan_real) == sizeof(float); ++i) {
        library[i] = peer_open(i);
        if (i == ONEDNN) peer_find(library[i], "dnnl_sgemm", &dnnl);
        else peer_find(library[i], "cblas_sgemm", &blas[i]);
        if (library[i]) peer_threads(i, library[i], gan_threads(ctx));
    }
    peer_find(library[OPENBLAS], "openblas_get_corename", &core);
    printf("matrix products, GFLOP/s, %s, threads %d%s%s\n%-13s %5s %5s %5s    %7s %6s", gan_isa_name(ctx),
           gan_threads(ctx), core ? ", OpenBLAS for " : "", core ? core() : "", "workload", "M", "N", "K",
           "gan.h", "%peak");
    for (i = 0; i < PEERS; ++i) printf(" %8s", peer_libraries[i].name);
    printf(" %6s\n", "ratio");
    count = list(all);
    for (i = 0; i < count; ++i) {
        const product *p = &all[i];
        const double work = 2e-9 * p->m * p->n * p->k;
        double took[CONTENDERS], best = 0, top = 0, ratio;
        if (!wanted(&o, argc, argv, p->name)) continue;
        if (measure(p, o.seconds, took, &top)) {
            code = 1;
            break;
        }
        printf("%-13s %5d %5d %5d %s %7.1f %6.1f", p->name, p->m, p->n, p->k, p->turned, work / took[OURS],
               100 * work / took[OURS] / top);
        for (k = 1; k < CONTENDERS; ++k) {
            if (took[k] > 0) printf(" %8.1f", work / took[k]);
            else printf(" %8s", "-");
            if (took[k] > 0 && (best <= 0 || took[k] < best)) best = took[k];
        }
        if (best > 0) {
            ratio = best / took[OURS];
            printf(" %6.2f", ratio);
            logs += log(ratio);
            below += ratio < .9;
            if (ratio < least) least = ratio, worst = p;
            ++compared;
        }
        puts("");
        fflush(stdout);
        if (top < lo) lo = top;
        if (top > hi) hi = top;
    }
    if (hi > 0) printf("the peak was %.1f to %.1f GFLOP/s\n", lo, hi);
    if (worst)
        printf("against the best peer: geometric mean %.3f, least %.2f (%d %d %d %s), %d of %d below 0.9\n",
               exp(logs / compared), least, worst->m, worst->n, worst->k, worst->turned, below, compared);
    if (gan_error(ctx)) fprintf(stderr, "%s\n", gan_error_message(ctx));
    free(a);
    free(b);
    free(c);
    free(expected);
    gan_destroy(ctx);
    return code;
}
