// How long one generated sample takes: batch 1, batch norm with its running statistics, nothing recorded.
//
//     build/bench_small [--threads T] [--seconds S] [--isa scalar|sse2|avx2|avx512|neon] [NAME ...]
//
// A line is generator, microseconds from drawing z to the sample (median and least of S (1) seconds), then
// milliseconds from starting a process to its first sample, weights initialized anew (median and least of 11
// processes), and that process's resident memory. NAMEs: mlp, thesis, dcgan32. tools/peer_small.py is the
// same in PyTorch.
#include "networks.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#define HAVE_PROCESSES 1
#endif

enum { MOST = 20000, STARTS = 11 };

typedef struct sampler {
    const workload *w;
    gan_context *ctx;
    gan_model *g;
    double sum; // of the samples, so that they are made
} sampler;

static void sample(sampler *s)
{
    gan_tensor *made;
    int was;
    gan_scope_open(s->ctx);
    was = gan_record(s->ctx, 0);
    made = gan_forward(s->g, gan_rand_normal(s->ctx, 1, s->w->latent), NULL);
    if (gan_data(made)) s->sum += (double)gan_data(made)[0];
    gan_record(s->ctx, was);
    gan_scope_close(s->ctx);
}

// Its first sample included; 0, or 1 when there is none.
static int start(sampler *s, const workload *w, const gan_desc *desc)
{
    memset(s, 0, sizeof *s);
    s->w = w;
    s->ctx = gan_create(desc);
    if (!s->ctx) return fputs("no memory, or no such instruction set here\n", stderr), 1;
    s->g = gan_model_create(s->ctx, "generator", w->generator, (void *)w);
    gan_model_mode(s->g, GAN_EVAL);
    sample(s);
    if (gan_error(s->ctx)) fprintf(stderr, "%s: %s\n", w->name, gan_error_message(s->ctx));
    return gan_error(s->ctx);
}

// A process of its own: what it answers when it has its first sample is its resident memory. Milliseconds
// from before it exists until the answer, 0 when there is none.
static double first_sample(char **argv, long *mib)
{
    double t = 0;
#ifdef HAVE_PROCESSES
    int ends[2], status = 1;
    pid_t child;
    if (pipe(ends)) return 0;
    t = now();
    child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], mib, sizeof *mib) != (ssize_t)sizeof *mib) t = 0;
    else t = (now() - t) * 1e3;
    close(ends[0]);
    if (child > 0) waitpid(child, &status, 0);
#else
    (void)argv, (void)mib;
#endif
    return t;
}

static int measure(const workload *w, const bench_options *o, char *program)
{
    static double took[MOST], starts[STARTS];
    char flag[] = "--first", which[16], threads[32], isa[32];
    char *child[] = {program, flag, which, threads, isa, NULL};
    sampler s;
    double begun, middle, least, first_after;
    long mib = 0;
    int n, code;
    if (start(&s, w, &o->desc)) return 1;
    for (n = 0, begun = now(); n < 5 || (n < MOST && now() - begun < o->seconds);) {
        const double t = now();
        sample(&s);
        took[n++] = (now() - t) * 1e6;
    }
    middle = median(took, n);
    least = took[0];
    snprintf(which, sizeof which, "%s", w->name);
    snprintf(threads, sizeof threads, "%d", gan_threads(s.ctx));
    snprintf(isa, sizeof isa, "%d", (int)o->desc.isa);
    for (n = 0; n < STARTS; ++n) starts[n] = first_sample(child, &mib);
    first_after = median(starts, n);
    printf("%-8s threads %d  sample %9.1f us  min %9.1f us  first after %8.2f ms  min %8.2f ms  rss %ld MiB  "
           "%s\n",
           w->name, gan_threads(s.ctx), middle, least, first_after, starts[0], mib, gan_isa_name(s.ctx));
    fflush(stdout);
    code = gan_error(s.ctx) || s.sum - s.sum != 0;
    gan_destroy(s.ctx);
    return code;
}

// The process that first_sample starts: program --first NAME THREADS ISA.
static int answer(char **argv)
{
    gan_desc desc;
    sampler s;
    long mib;
    int k;
    memset(&desc, 0, sizeof desc);
    desc.threads = atoi(argv[3]);
    desc.isa = (gan_isa)atoi(argv[4]);
    for (k = 0; k < (int)WORKLOADS - 1 && strcmp(workloads[k].name, argv[2]); ++k) {}
    if (start(&s, &workloads[k], &desc)) return 1;
    mib = resident();
    return fwrite(&mib, sizeof mib, 1, stdout) != 1;
}

int main(int argc, char **argv)
{
    bench_options o;
    int k, code = 0;
    if (argc == 5 && !strcmp(argv[1], "--first")) return answer(argv);
    if (read_options(&o, argc, argv, 1, "mlp thesis dcgan32")) return 2;
    for (k = 0; k < (int)WORKLOADS; ++k)
        if (strstr("mlp thesis dcgan32", workloads[k].name) && wanted(&o, argc, argv, workloads[k].name))
            code |= measure(&workloads[k], &o, argv[0]);
    return code;
}
