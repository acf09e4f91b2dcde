// The main of a fuzz target without libFuzzer: for replay, for AFL++, for `make test`.
//
//     TARGET [--mutate N] [--seed S] [--keep FILE] PATH...
//
// runs the files, and the files in the folders, then N inputs mutated from them: bits, bytes, lengths, pieces
// cut out, doubled, taken from another file. The same arguments run the same inputs. --keep writes each input
// to FILE before it runs, to have it when it ends badly. Without a PATH standard input is one input. The last
// line is `N passed, N failed`: a file, and a thousand mutations, count as one.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
typedef int target(const uint8_t *bytes, size_t size);

typedef struct input {
    uint8_t *bytes;
    size_t size;
} input;

enum { MOST_FILES = 4096, MOST_BYTES = 1 << 16 };
static input corpus[MOST_FILES];
static size_t files;
static const char *keep;
static target *one;

static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = (uint8_t *)malloc(size ? size : 1); // of its exact size, for the sanitizer
    if (!copy) exit(3);
    if (size) memcpy(copy, bytes, size);
    if (keep) {
        FILE *f = fopen(keep, "wb");
        if (f) (void)fwrite(copy, 1, size, f), fclose(f);
    }
    (void)one(copy, size);
    free(copy);
}

static void add(FILE *f)
{
    static uint8_t buffer[MOST_BYTES];
    input *in = corpus + files;
    if (files == MOST_FILES) return;
    in->size = fread(buffer, 1, sizeof buffer, f);
    in->bytes = (uint8_t *)malloc(in->size ? in->size : 1);
    if (!in->bytes) exit(3);
    memcpy(in->bytes, buffer, in->size);
    ++files;
}

static int text_order(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int add_path(const char *path)
{
    struct stat about;
    FILE *f;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) { // its files by name: the same everywhere
        static char *names[MOST_FILES];
        size_t n = 0, i;
        struct dirent *e;
        DIR *folder = opendir(path);
        if (!folder) return 0;
        while ((e = readdir(folder)) != NULL && n < MOST_FILES) {
            const size_t length = strlen(path) + strlen(e->d_name) + 2;
            if (e->d_name[0] == '.') continue;
            names[n] = (char *)malloc(length);
            if (!names[n]) exit(3);
            snprintf(names[n++], length, "%s/%s", path, e->d_name);
        }
        closedir(folder);
        qsort(names, n, sizeof names[0], text_order);
        for (i = 0; i < n; ++i) {
            f = fopen(names[i], "rb");
            if (f) add(f), fclose(f);
            free(names[i]);
        }
        return n > 0;
    }
    f = fopen(path, "rb");
    if (!f) return 0;
    add(f);
    fclose(f);
    return 1;
}

static uint64_t state;
static uint64_t draw(void) // splitmix64
{
    uint64_t z = (state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
static size_t below(size_t n) { return n ? (size_t)(draw() % n) : 0; }

// One change of v, which has space for MOST_BYTES; its new size.
static size_t mutate(uint8_t *v, size_t n)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     127,
                                     128,
                                     255,
                                     256,
                                     32767,
                                     65535,
                                     65536,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0xfffffff,
                                     (1u << 20),
                                     100,
                                     10,
                                     (1 << 30),
                                     UINT64_MAX,
                                     (uint64_t)1 << 63,
                                     ((uint64_t)1 << 63) - 1};
    static const char *const words[] = {"0",
                                        "1",
                                        "-1",
                                        "\"",
                                        "{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\\u0",
                                        "I64",
                                        "F16",
                                        "BF16",
                                        "U8",
                                        "\n",
                                        "#c",
                                        "nan",
                                        "1e99",
                                        "9",
                                        "255 \n",
                                        "4294967296",
                                        "99999999999999999999",
                                        "18446744073709551615"};
    const size_t at = below(n), length = 1 + below(below(4) ? 8 : 64);
    size_t i, k;
    switch (below(11)) {
    case 0:
        if (n) v[at] ^= (uint8_t)(1u << below(8));
        return n;
    case 1:
        if (n) v[at] = (uint8_t)draw();
        return n;
    case 2:
        if (n) v[at] = (uint8_t)(v[at] + (below(2) ? 1 : 255));
        return n;
    case 3: return at; // cut
    case 4:            // a piece out
        k = length < n - at ? length : n - at;
        memmove(v + at, v + at + k, n - at - k);
        return n - k;
    case 5: // a piece doubled
        k = length < n - at ? length : n - at;
        if (n + k > MOST_BYTES) return n;
        memmove(v + at + k, v + at, n - at);
        return n + k;
    case 6:
    case 7: { // a number of 1, 2, 4 or 8 bytes, either end first
        const uint64_t e = edges[below(sizeof edges / sizeof edges[0])];
        const size_t width = (size_t)1 << below(4), big = below(2);
        for (i = 0; i < width && at + i < n; ++i) v[at + i] = (uint8_t)(e >> 8 * (big ? width - 1 - i : i));
        return n;
    }
    case 8: { // a word, in place or between
        const char *word = words[below(sizeof words / sizeof words[0])];
        k = strlen(word);
        if (n + k > MOST_BYTES) return n;
        if (below(2)) {
            memmove(v + at + k, v + at, n - at);
            n += k;
        }
        for (i = 0; i < k && at + i < n; ++i) v[at + i] = (uint8_t)word[i];
        return n;
    }
    case 9: // a digit
        for (i = 0, k = at; i < n; ++i, k = k + 1 < n ? k + 1 : 0)
            if (v[k] >= '0' && v[k] <= '9') {
                v[k] = (uint8_t)('0' + below(10));
                break;
            }
        return n;
    default: { // from here on as another input, or a piece of it
        const input *other = corpus + below(files);
        const size_t from = below(2) ? at : below(other->size);
        if (from >= other->size) return n;
        k = other->size - from;
        if (below(2) && k > length) k = length;
        if (k > MOST_BYTES - at) k = MOST_BYTES - at;
        memcpy(v + at, other->bytes + from, k);
        return at + k > n || below(2) ? at + k : n;
    }
    }
}

#ifdef __AFL_FUZZ_TESTCASE_LEN
__AFL_FUZZ_INIT();
#endif

static int standalone(int count, char **argument, target *what)
{
    static uint8_t buffer[MOST_BYTES];
    unsigned long mutations = 0, n = 0;
    uint64_t seed = 1;
    int i, failed = 0;
    clock_t from;
    one = what;
#ifdef __AFL_FUZZ_TESTCASE_LEN
    if (count == 1) {
        __AFL_INIT();
        while (__AFL_LOOP(100000)) run(__AFL_FUZZ_TESTCASE_BUF, (size_t)__AFL_FUZZ_TESTCASE_LEN);
        return 0;
    }
#endif
    if (count == 1) add(stdin);
    for (i = 1; i < count; ++i) {
        if (!strcmp(argument[i], "--mutate") && i + 1 < count) mutations = strtoul(argument[++i], NULL, 10);
        else if (!strcmp(argument[i], "--seed") && i + 1 < count) seed = strtoul(argument[++i], NULL, 10);
        else if (!strcmp(argument[i], "--keep") && i + 1 < count) keep = argument[++i];
        else if (!add_path(argument[i])) {
            printf("FAILED: there is nothing at %s\n", argument[i]);
            ++failed;
        }
    }
    from = clock();
    for (i = 0; i < (int)files; ++i) run(corpus[i].bytes, corpus[i].size);
    if (!files) mutations = 0;
    for (n = 0; n < mutations; ++n) {
        const input *in;
        size_t size, changes;
        state = seed * UINT64_C(0x2545F4914F6CDD1D) + n; // each input by itself
        (void)draw();
        in = corpus + below(files);
        size = in->size;
        memcpy(buffer, in->bytes, size);
        for (changes = 1 + below(below(3) ? 3 : 12); changes; --changes) size = mutate(buffer, size);
        run(buffer, size);
    }
    printf("%lu files, %lu mutations, %.2f s\n", (unsigned long)files, mutations,
           (double)(clock() - from) / CLOCKS_PER_SEC);
    printf("%lu passed, %d failed\n", (unsigned long)files + (mutations + 999) / 1000, failed);
    for (i = 0; i < (int)files; ++i) free(corpus[i].bytes);
    return failed != 0;
}

#ifndef FUZZ_REPLAY
int main(int count, char **argument) { return standalone(count, argument, LLVMFuzzerTestOneInput); }
#endif
