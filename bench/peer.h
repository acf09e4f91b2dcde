// The libraries that a user would pick instead, found when the program runs: none is needed to build or to
// run.
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#include <glob.h>
#define HAVE_PEERS 1
#endif

// Debian's OpenMP builds, wherever the architecture keeps them, before whatever the loader finds.
enum { OPENBLAS, BLIS, ONEDNN, PEERS };
static const struct {
    const char *name, *path, *file;
    const char *threads; // its function that sets their number, beside OpenMP's own
} peer_libraries[PEERS] = {
    {"openblas", "/usr/lib/*/openblas-openmp/libopenblas.so.0", "libopenblas.so.0",
     "openblas_set_num_threads"},
    {"blis", "/usr/lib/*/blis-openmp/libblis.so.4", "libblis.so.4", "bli_thread_set_num_threads"},
    {"onednn", "/usr/lib/*/libdnnl.so.2", "libdnnl.so.2", NULL},
};

// NULL: not installed. OpenBLAS 0.3.21 takes processors that came after it for the oldest (SSE2 alone, a
// third of its speed), so that it is told when there is AVX-512; OPENBLAS_CORETYPE in the environment goes
// before that.
static inline void *peer_open(int which)
{
#ifdef HAVE_PEERS
    void *library = NULL;
    glob_t found;
    if (which == OPENBLAS && gan__isa_choose(GAN_ISA_AVX512)) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
    if (!glob(peer_libraries[which].path, 0, NULL, &found)) {
        library = dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_LOCAL);
        globfree(&found);
    }
    return library ? library : dlopen(peer_libraries[which].file, RTLD_NOW | RTLD_LOCAL);
#else
    (void)which;
    return NULL;
#endif
}

// The function of that name into *function, which is a pointer to a function. 0 when there is none.
static inline int peer_find(void *library, const char *name, void *function)
{
#ifdef HAVE_PEERS
    void *p = library ? dlsym(library, name) : NULL;
    memcpy(function, &p, sizeof p);
    return p != NULL;
#else
    (void)library, (void)name, (void)function;
    return 0;
#endif
}

static inline void peer_threads(int which, void *library, int threads)
{
    void (*set)(int) = NULL;
    void (*set_long)(int64_t) = NULL; // BLIS counts in its dim_t
    if (peer_find(library, "omp_set_num_threads", &set)) set(threads);
    if (!peer_libraries[which].threads) return;
    if (which == BLIS && peer_find(library, peer_libraries[which].threads, &set_long)) set_long(threads);
    else if (which != BLIS && peer_find(library, peer_libraries[which].threads, &set)) set(threads);
}

#endif
