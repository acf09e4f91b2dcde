// A small test harness in plain C99 (C++ too). A test program is
//
//     #include "test.h"
//     #include "../gan.h"
//
//     int main(void)
//     {
//         TEST("two and two are four") {
//             CHECK(2 + 2 == 4, "got %d", 2 + 2);
//             CHECK_NEAR(sqrt(2.), 1.41421356, 1e-8, "the square root of 2");
//         }
//         TESTF("sin is odd at %g", .5) { CHECK_NEAR(sin(-.5), -sin(.5), 0, "sin(-x) + sin(x)"); }
//         TEST_MUST_FAIL("a wrong sum is caught") { CHECK(2 + 2 == 5, "got %d", 2 + 2); }
//         return test_done();
//     }
//
// A TEST counts as one. It passes when all of its CHECKs hold and there was at least one; a TEST_MUST_FAIL
// (a negative control) passes, silently, when at least one of its CHECKs does not hold. Failures print
// file:line: fact: numbers. CHECKs may stand in functions that the TEST calls, on the thread that runs the
// TEST. `continue` or `break` end a TEST early; do not return out of one.
// The environment: TEST_ONLY=word runs only the TESTs whose fact has that word in it, TEST_VERBOSE=1 names
// each with its time, TEST_OUT is the folder of test_path (default out/test; the Makefile makes it).
#ifndef TEST_H
#define TEST_H

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__GNUC__)
#define TEST_PRINTF(text, first) __attribute__((format(printf, text, first), unused))
#else
#define TEST_PRINTF(text, first)
#endif

enum { TEST_SHOWN = 8 }; // failures of one TEST that are printed

typedef struct test_state {
    int passed, failed, skipped;
    int open, must_fail, skip, checks, wrong;
    const char *file;
    int line;
    char fact[256], why[256];
    clock_t begun;
    uint64_t random;
} test_state;
static test_state test;

#define TEST(fact) for (test_begin(__FILE__, __LINE__, 0, "%s", (fact)); test.open; test_end())
#define TESTF(...) for (test_begin(__FILE__, __LINE__, 0, __VA_ARGS__); test.open; test_end())
#define TEST_MUST_FAIL(fact) for (test_begin(__FILE__, __LINE__, 1, "%s", (fact)); test.open; test_end())
#define TESTF_MUST_FAIL(...) for (test_begin(__FILE__, __LINE__, 1, __VA_ARGS__); test.open; test_end())
// Leaves the TEST in whose outermost braces it stands, for a reason of the machine (an instruction set, a
// file); counted neither way.
#define TEST_SKIP(reason)                                                                                    \
    {                                                                                                        \
        test_skip(reason);                                                                                   \
        continue;                                                                                            \
    }

// The condition, then a printf text with the numbers (always given).
#define CHECK(condition, ...)                                                                                \
    do {                                                                                                     \
        if (test_count((condition) ? 1 : 0)) test_report(__FILE__, __LINE__, __VA_ARGS__);                   \
    } while (0)
// |got - want| <= tol; equal infinities are near, NaN is near to nothing.
#define CHECK_NEAR(got, want, tol, what)                                                                     \
    test_near(__FILE__, __LINE__, (double)(got), (double)(want), (double)(tol), (what))
// |got[i] - want[i]| <= atol + rtol |want[i]| for i < n; any two number types. Reports the worst element.
#define CHECK_ARRAY(n, got, want, atol, rtol, what)                                                          \
    do {                                                                                                     \
        test_array test_worst = {0, 0, 0, 0, 0};                                                             \
        for (size_t test_i = 0; test_i < (size_t)(n); ++test_i)                                              \
            test_array_next(&test_worst, test_i, (double)(got)[test_i], (double)(want)[test_i],              \
                            (double)(atol), (double)(rtol));                                                 \
        test_array_check(__FILE__, __LINE__, &test_worst, (what));                                           \
    } while (0)
// The same bytes.
#define CHECK_BYTES(a, b, bytes, what) test_bytes(__FILE__, __LINE__, (a), (b), (size_t)(bytes), (what))
// The text has the word in it.
#define CHECK_TEXT(text, word) test_text(__FILE__, __LINE__, (text), (word))

static inline void test_end(void)
{
    int good = test.must_fail ? test.wrong > 0 : test.checks > 0 && test.wrong == 0;
    const char *verbose = getenv("TEST_VERBOSE");
    if (!test.open) return;
    test.open = 0;
    if (test.skip) {
        printf("%s:%d: skipped: %s: %s\n", test.file, test.line, test.fact, test.why);
        ++test.skipped;
        return;
    }
    if (!good && (test.must_fail || !test.checks))
        printf("%s:%d: FAILED: %s: %s\n", test.file, test.line, test.fact,
               test.must_fail ? "it was not caught" : "nothing was checked");
    else if (test.wrong > TEST_SHOWN && !test.must_fail)
        printf("    ... and %d more\n", test.wrong - TEST_SHOWN);
    if (verbose && *verbose && good)
        printf("ok %6.2f s  %s\n", (double)(clock() - test.begun) / CLOCKS_PER_SEC, test.fact);
    if (good) ++test.passed;
    else ++test.failed;
    fflush(stdout);
}

TEST_PRINTF(4, 5) static void test_begin(const char *file, int line, int must_fail, const char *format, ...)
{
    const char *only = getenv("TEST_ONLY");
    va_list arguments;
    if (test.open) test_end(); // a break left the TEST before
    va_start(arguments, format);
    vsnprintf(test.fact, sizeof test.fact, format, arguments);
    va_end(arguments);
    test.file = file;
    test.line = line;
    test.must_fail = must_fail;
    test.skip = test.checks = test.wrong = 0;
    test.random = UINT64_C(0x9E3779B97F4A7C15); // every TEST draws the same numbers
    test.begun = clock();
    test.open = !only || strstr(test.fact, only);
}

static inline void test_skip(const char *reason)
{
    test.skip = 1;
    snprintf(test.why, sizeof test.why, "%s", reason);
}

// Counts a check; says whether it is a failure to be shown.
static inline int test_count(int good)
{
    ++test.checks;
    if (good) return 0;
    ++test.wrong;
    return !test.must_fail && test.wrong <= TEST_SHOWN;
}

TEST_PRINTF(3, 4) static void test_report(const char *file, int line, const char *format, ...)
{
    va_list arguments;
    printf("%s:%d: FAILED: %s: ", file, line, test.fact);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static inline void test_near(const char *file, int line, double got, double want, double tol,
                             const char *what)
{
    double off = fabs(got - want);
    if (test_count(got == want || off <= tol))
        test_report(file, line, "%s: got %.9g, want %.9g, off by %.3g, allowed %.3g", what, got, want, off,
                    tol);
}

typedef struct test_array {
    size_t at;
    double got, want, allowed, ratio;
} test_array;

static inline void test_array_next(test_array *w, size_t i, double got, double want, double atol, double rtol)
{
    double allowed = atol + rtol * fabs(want), off = got == want ? 0 : fabs(got - want), ratio;
    if (got == want) ratio = 0;
    else if (off <= allowed) ratio = off / allowed;
    else ratio = off > allowed && allowed > 0 && off <= DBL_MAX ? off / allowed : DBL_MAX;
    if (i == 0 || ratio > w->ratio) {
        w->at = i;
        w->got = got;
        w->want = want;
        w->allowed = allowed;
        w->ratio = ratio;
    }
}

static inline void test_array_check(const char *file, int line, const test_array *w, const char *what)
{
    if (test_count(w->ratio <= 1))
        test_report(file, line, "%s: [%lu] got %.9g, want %.9g, allowed %.3g", what, (unsigned long)w->at,
                    w->got, w->want, w->allowed);
}

static inline void test_bytes(const char *file, int line, const void *a, const void *b, size_t bytes,
                              const char *what)
{
    const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
    size_t i = 0;
    while (p && q && i < bytes && p[i] == q[i]) ++i;
    if (test_count(p && q && i == bytes))
        test_report(file, line, "%s: byte %lu of %lu differs", what, (unsigned long)i, (unsigned long)bytes);
}

static inline void test_text(const char *file, int line, const char *text, const char *word)
{
    if (test_count(text && strstr(text, word)))
        test_report(file, line, "\"%s\" does not say \"%s\"", text ? text : "(null)", word);
}

// Deterministic numbers: xorshift64*, begun anew in every TEST.
static inline uint64_t test_random(void)
{
    uint64_t x = test.random ? test.random : 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    test.random = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

static inline double test_uniform(double lo, double hi) // [lo, hi)
{
    return lo + (hi - lo) * ((double)(test_random() >> 11) / 9007199254740992.);
}

static inline int test_int(int lo, int hi) // lo .. hi, both included
{
    return lo + (int)(test_random() >> 33) % (hi - lo + 1);
}

static inline double test_normal(void) // N(0, 1), Box and Muller
{
    double u = 1 - test_uniform(0, 1), v = test_uniform(0, 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

// n uniform numbers into an array of floats or doubles.
#define TEST_FILL(array, n, lo, hi)                                                                          \
    do {                                                                                                     \
        for (size_t test_i = 0; test_i < (size_t)(n); ++test_i) {                                            \
            double test_x = test_uniform((double)(lo), (double)(hi));                                        \
            if (sizeof((array)[0]) == sizeof(float)) test_x = (double)(float)test_x;                         \
            test_store((array) + test_i, sizeof((array)[0]), test_x);                                        \
        }                                                                                                    \
    } while (0)

static inline void test_store(void *to, size_t size, double x)
{
    if (size == sizeof(float)) *(float *)to = (float)x;
    else *(double *)to = x;
}

// out/test/NAME. The text stays for the next seven calls.
static inline const char *test_path(const char *name)
{
    static char paths[8][512];
    static int turn;
    const char *folder = getenv("TEST_OUT");
    char *path = paths[turn++ & 7];
    snprintf(path, sizeof paths[0], "%s/%s", folder && *folder ? folder : "out/test", name);
    return path;
}

static inline long test_file_size(const char *path) // -1 when it is not there
{
    FILE *f = fopen(path, "rb");
    long size = -1;
    if (!f) return -1;
    if (!fseek(f, 0, SEEK_END)) size = ftell(f);
    fclose(f);
    return size;
}

// Prints `N passed, N failed`; the value that main returns.
static inline int test_done(void)
{
    if (test.open) test_end();
    if (test.skipped) printf("%d skipped\n", test.skipped);
    printf("%d passed, %d failed\n", test.passed, test.failed);
    fflush(stdout);
    return test.failed ? 1 : 0;
}

#endif // TEST_H
