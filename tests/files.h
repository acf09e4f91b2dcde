// Files made by hand for tests of sections that read them: bytes appended to a buffer, never by gan.h itself.
#ifndef FILES_H
#define FILES_H

#include "test.h"

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))
#define FILES_FOLDERS 1
#define FILES_POSIX 1
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#if !defined(__cplusplus) && defined(__STRICT_ANSI__)
extern int symlink(const char *, const char *); // -std=c99 hides it
#endif
#elif defined(_WIN32)
#define FILES_FOLDERS 1
#include <direct.h>
#endif

typedef struct file_bytes {
    unsigned char p[40000];
    size_t n;
} file_bytes;

static inline void add(file_bytes *f, const void *bytes, size_t n)
{
    if (f->n + n > sizeof f->p) {
        printf("a test file of more than %d bytes\n", (int)sizeof f->p);
        exit(1);
    }
    memcpy(f->p + f->n, bytes, n);
    f->n += n;
}

static inline void add_text(file_bytes *f, const char *text) { add(f, text, strlen(text)); }

// An element of an IDX or .npy type: u1 u2 u4 u8 i1 i2 i4 i8 f4 f8, from a double.
static inline void add_number(file_bytes *f, char kind, int width, int big, double v)
{
    unsigned char b[8];
    uint64_t u = 0;
    float single = (float)v;
    uint32_t bits;
    int i;
    if (kind == 'f' && width == 4) {
        memcpy(&bits, &single, 4);
        u = bits;
    } else if (kind == 'f') memcpy(&u, &v, 8);
    else u = v >= 9223372036854775808. ? (uint64_t)v : (uint64_t)(int64_t)v;
    for (i = 0; i < width; ++i) b[big ? width - 1 - i : i] = (unsigned char)(u >> 8 * i & 255);
    add(f, b, (size_t)width);
}

static inline void add_be32(file_bytes *f, uint32_t v) { add_number(f, 'u', 4, 1, (double)v); }

// The start of a .npy file with this dictionary, padded as NumPy does.
static inline void npy_start(file_bytes *f, int version, const char *dictionary)
{
    const size_t head = version == 1 ? 10 : 12, n = strlen(dictionary) + 1;
    size_t pad = (64 - (head + n) % 64) % 64;
    f->n = 0;
    add(f, "\x93NUMPY", 6);
    add_number(f, 'u', 1, 0, version);
    add_number(f, 'u', 1, 0, 0);
    add_number(f, 'u', version == 1 ? 2 : 4, 0, (double)(n + pad));
    add_text(f, dictionary);
    while (pad--) add_text(f, " ");
    add_text(f, "\n");
}

static inline void npy_of(file_bytes *f, int version, const char *descr, int fortran, const char *shape)
{
    char text[300];
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr,
             fortran ? "True" : "False", shape);
    npy_start(f, version, text);
}

static inline const char *put_file(const char *name, const void *bytes, size_t n)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n) printf("%s cannot be written\n", path);
    if (f) fclose(f);
    return path;
}

#ifdef FILES_FOLDERS
static inline const char *put_folder(const char *name)
{
    const char *path = test_path(name);
#ifdef FILES_POSIX
    mkdir(path, 0777);
#else
    _mkdir(path);
#endif
    return path;
}
#endif

#endif // FILES_H
