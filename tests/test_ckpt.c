// Section ckpt: what is saved is what is loaded, weights go to other programs and come back, copies roll, a
// save is all or nothing. What a damaged or hostile file does: test_archive.
#include "test.h"

#include "../gan.h"

#include "checkpoints.h"

#if defined(__unix__) && !defined(__STRICT_ANSI__)
#define POSIX 1
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>
#endif

// A reader of our own files that shares nothing with gan.h's, for files that are right.
typedef struct entry {
    char name[64], dtype[8], shape[32];
    unsigned long begin, end;
} entry;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static int entries(const unsigned char *bytes, entry *e)
{
    const char *p = strstr((const char *)bytes + 8, "\"}") + 2;
    int n = 0, used = 0;
    for (; *p == ','; ++n, p += used) {
        memset(e + n, 0, sizeof e[n]);
        if (sscanf(p, ",\"%63[^\"]\":{\"dtype\":\"%7[^\"]\",\"shape\":[%n", e[n].name, e[n].dtype, &used) !=
            2)
            return -1;
        p += used;
        used = (int)strcspn(p, "]");
        memcpy(e[n].shape, p, (size_t)used < sizeof e[n].shape ? (size_t)used : 0);
        p += used;
        if (sscanf(p, "],\"data_offsets\":[%lu,%lu]}%n", &e[n].begin, &e[n].end, &used) != 2) return -1;
    }
    return *p == '}' ? n : -1;
}

static uint64_t fnv(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    while (n--) h = (h ^ *p++) * UINT64_C(1099511628211);
    return h;
}

static uint64_t digest(const unsigned char *data, entry *e, int n)
{
    uint64_t h = UINT64_C(14695981039346656037);
    unsigned char number[8];
    int i;
    qsort(e, (size_t)n, sizeof *e, by_name);
    for (i = 0; i < n; ++i) {
        char *p = e[i].shape;
        unsigned char ndim = (unsigned char)(*p != 0);
        h = fnv(fnv(h, e[i].name, strlen(e[i].name) + 1), e[i].dtype, strlen(e[i].dtype) + 1);
        while (*p) ndim = (unsigned char)(ndim + (*p++ == ','));
        h = fnv(h, &ndim, 1);
        for (p = e[i].shape; ndim--; p += *p == ',') {
            put64(number, strtoul(p, &p, 10));
            h = fnv(h, number, 8);
        }
        h = fnv(h, data + e[i].begin, e[i].end - e[i].begin);
    }
    return h;
}

static const char *real_name(void) { return sizeof(gan_real) == 8 ? "F64" : "F32"; }

static void test_written(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s", test_path("written.safetensors"));
    TEST ("the file is safetensors to the letter: header, order, offsets, little-endian values, digest") {
        world o = make(NULL, 3);
        entry e[32];
        unsigned long at = 0, header;
        char text[40];
        size_t size;
        int i, n, k, seen = 0;
        CHECK(gan_save(o.ctx, path) == 0, "%s", gan_error_message(o.ctx));
        size = get_file(path);
        header = (unsigned long)(file[0] | file[1] << 8 | file[2] << 16);
        CHECK(size > 8 && header % 8 == 0 && file[8] == '{' && !file[3] && !file[7], "header of %lu bytes",
              header);
        n = entries(file, e);
        CHECK(n >= 3, "%d entries", n);
        for (i = 0; i < n; ++i) {
            CHECK(e[i].begin == at, "%s begins at %lu, not %lu", e[i].name, e[i].begin, at);
            at = e[i].end;
            if (i) {
                const char *a = strcmp(e[i - 1].dtype, "F32") ? "8" : "4",
                           *b = strcmp(e[i].dtype, "F32") ? "8" : "4";
                CHECK(*a > *b || (*a == *b && strcmp(e[i - 1].name, e[i].name) < 0), "%s before %s",
                      e[i - 1].name, e[i].name);
            }
            if (!strcmp(e[i].name, "g.w")) {
                CHECK(!strcmp(e[i].dtype, real_name()) && !strcmp(e[i].shape, "2,3"), "%s [%s]", e[i].dtype,
                      e[i].shape);
                for (k = 0; k < 6; ++k) {
                    const unsigned char *p = file + 8 + header + e[i].begin + (size_t)k * sizeof(gan_real);
                    const gan_real want = (gan_real)(3 + k);
                    uint64_t bits = 0, have = 0;
                    size_t b;
                    for (b = sizeof(gan_real); b-- > 0;) have = have << 8 | p[b];
                    if (sizeof(gan_real) == 8) memcpy(&bits, &want, 8 < sizeof want ? 8 : sizeof want);
                    else {
                        uint32_t small;
                        memcpy(&small, &want, sizeof small);
                        bits = small;
                    }
                    CHECK(bits == have, "value %d", k);
                }
                ++seen;
            }
            if (!strcmp(e[i].name, "rng")) CHECK(!strcmp(e[i].dtype, "I64"), "rng is %s", e[i].dtype);
            if (!strcmp(e[i].name, "g.b")) ++seen;
        }
        CHECK(seen == 2, "%d of 2 parameters", seen);
        CHECK(size == 8 + header + at, "%lu bytes", (unsigned long)size);
        snprintf(text, sizeof text, "\"digest\":\"%08lx%08lx\"",
                 (unsigned long)(digest(file + 8 + header, e, n) >> 32),
                 (unsigned long)(digest(file + 8 + header, e, n) & 0xffffffffu));
        CHECK_TEXT((const char *)file + 8, text);
        CHECK_TEXT((const char *)file + 8, "\"format\":\"gan.h\",\"schema\":\"1\"");
        gan_destroy(o.ctx);
    }
    TEST ("the same values give the same bytes, in whatever order they were made") {
        static unsigned char other[1 << 12];
        world a = make(NULL, 3), b = make(NULL, 0);
        size_t n, m;
        int i;
        b.b = gan_param(b.g, "b", gan_init_constant(0), 3);
        b.w = gan_param(b.g, "w", gan_init_constant(0), 2, 3);
        for (i = 0; i < 6; ++i) gan_data(b.w)[i] = (gan_real)(3 + i);
        for (i = 0; i < 3; ++i) gan_data(b.b)[i] = (gan_real)(-3 - i);
        gan_save(a.ctx, path);
        n = get_file(path);
        memcpy(other, file, n);
        gan_save(b.ctx, path);
        m = get_file(path);
        CHECK(n == m && n > 0, "%lu and %lu bytes", (unsigned long)n, (unsigned long)m);
        CHECK_BYTES(file, other, n, "files");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
}

static void test_read(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s", test_path("read.safetensors"));
    TEST ("values come back to the bit, into parameters that exist and into those made later") {
        world a = make(NULL, .1), b = make(NULL, 9), c = make(NULL, 0);
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        CHECK(gan_load(b.ctx, path) == 0 && holds(&b, .1), "%s", gan_error_message(b.ctx));
        CHECK(gan_load(c.ctx, path) == 0, "%s", gan_error_message(c.ctx));
        parameters(&c);
        CHECK(holds(&c, .1), "%s", gan_error_message(c.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST_MUST_FAIL ("a value that did not come back is caught") {
        world a = make(NULL, .1);
        gan_save(a.ctx, path);
        gan_load(a.ctx, path);
        gan_data(a.b)[2] *= (gan_real)1.000001;
        CHECK(holds(&a, .1), "%s", "changed");
        gan_destroy(a.ctx);
    }
    TEST ("the random numbers go on where the saved ones would have") {
        world a = make(NULL, 1), b = make(NULL, 1);
        gan_real x[5], y[5];
        gan_seed(a.ctx, 77);
        gan_rand_normal(a.ctx, 11);
        CHECK(gan_save(a.ctx, path) == 0 && gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        gan_read(gan_rand_normal(a.ctx, 5), x, 5);
        gan_read(gan_rand_normal(b.ctx, 5), y, 5);
        CHECK_BYTES(x, y, sizeof x, "normals");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("what was loaded and not yet claimed is not lost by a save, and a second load overrules it") {
        world a = make(NULL, 1), b = make(NULL, 0), c = make(NULL, 0), d = make(NULL, 2);
        const char *second = test_path("second.safetensors");
        gan_save(a.ctx, path);
        gan_load(b.ctx, path);
        CHECK(gan_save(b.ctx, second) == 0, "%s", gan_error_message(b.ctx));
        gan_load(c.ctx, second);
        parameters(&c);
        CHECK(holds(&c, 1), "%s", gan_error_message(c.ctx));
        gan_save(d.ctx, second);
        CHECK(gan_load(b.ctx, second) == 0, "%s", gan_error_message(b.ctx));
        parameters(&b);
        CHECK(holds(&b, 2), "%s", gan_error_message(b.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
        gan_destroy(d.ctx);
    }
    TEST ("a missing file, a folder and NULL are errors that say so") {
        world a = make(NULL, 1);
        CHECK(gan_load(a.ctx, test_path("nowhere.safetensors")) == GAN_ERROR_FILE, "error %d",
              gan_error(a.ctx));
        CHECK_TEXT(gan_error_message(a.ctx), "nowhere.safetensors");
        gan_error_clear(a.ctx);
        CHECK(gan_load(a.ctx, test_path("")) == GAN_ERROR_FILE, "error %d", gan_error(a.ctx));
        gan_error_clear(a.ctx);
        CHECK(gan_load(a.ctx, NULL) == GAN_ERROR_ARGUMENT, "error %d", gan_error(a.ctx));
        gan_error_clear(a.ctx);
        CHECK(gan_load_memory(a.ctx, NULL, 8) == GAN_ERROR_ARGUMENT, "error %d", gan_error(a.ctx));
        gan_error_clear(a.ctx);
        CHECK(gan_save(a.ctx, NULL) == GAN_ERROR_ARGUMENT, "error %d", gan_error(a.ctx));
        CHECK(gan_save(NULL, path) && gan_load(NULL, path) && gan_load_memory(NULL, file, 8), "%s",
              "NULL contexts");
        CHECK(holds(&a, 1), "%s", "values changed");
        gan_destroy(a.ctx);
    }
    TEST ("a tensor of another shape: the message has both, and nothing of the file was loaded") {
        world a = make(NULL, 1), b = make(NULL, 0);
        gan_param(b.g, "b", gan_init_constant(5), 3);
        b.w = gan_param(b.g, "w", gan_init_constant(7), 3, 2);
        gan_save(a.ctx, path);
        CHECK(gan_load(b.ctx, path) == GAN_ERROR_SHAPE, "error %d", gan_error(b.ctx));
        CHECK_TEXT(gan_error_message(b.ctx), "g.w");
        CHECK_TEXT(gan_error_message(b.ctx), "(2, 3)");
        CHECK_TEXT(gan_error_message(b.ctx), "(3, 2)");
        CHECK(gan_item(gan_model_find(b.g, "b")) == 5 && gan_item(b.w) == 7, "%s", "something was loaded");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
}

static void test_memory(void)
{
    static union {
        double align[256];
        unsigned char bytes[2048];
    } block;
    static const int one = 1;
    char path[512];
    snprintf(path, sizeof path, "%s", test_path("memory.safetensors"));
    TEST ("parameters point into aligned memory, and are copied out of crooked memory") {
        world a = make(NULL, 4);
        size_t n, shift;
        gan_save(a.ctx, path);
        n = get_file(path);
        for (shift = 0; shift < 9; ++shift) {
            world b = make(NULL, 0);
            uintptr_t p, from = (uintptr_t)block.bytes;
            memset(block.bytes, 0xff, sizeof block.bytes);
            memcpy(block.bytes + shift, file, n);
            CHECK(gan_load_memory(b.ctx, block.bytes + shift, n) == 0, "%s", gan_error_message(b.ctx));
            parameters(&b);
            CHECK(holds(&b, 4), "shifted by %d: %s", (int)shift, gan_error_message(b.ctx));
            p = (uintptr_t)gan_data(b.w);
            CHECK((p >= from && p < from + sizeof block.bytes) ==
                      (*(const char *)&one == 1 && shift % sizeof(gan_real) == 0),
                  "shifted by %d", (int)shift);
            gan_destroy(b.ctx);
        }
        gan_destroy(a.ctx);
    }
    TEST ("training and later loads write to memory of their own, not to that which was borrowed") {
        static unsigned char before[2048];
        world a = make(NULL, 4), b = make(NULL, 0), c = make(NULL, 8);
        const char *second = test_path("second.safetensors");
        gan_optimizer *o;
        size_t n;
        gan_save(a.ctx, path);
        gan_save(c.ctx, second);
        n = get_file(path);
        memcpy(block.bytes, file, n);
        memcpy(before, block.bytes, sizeof before);
        CHECK(gan_load_memory(b.ctx, block.bytes, n) == 0, "%s", gan_error_message(b.ctx));
        parameters(&b);
        o = gan_optimizer_create(b.g, gan_sgd(1, 0));
        gan_minimize(o, gan_add(gan_sum_all(b.w), gan_sum_all(b.b)));
        b.w = gan_model_find(b.g, "w");
        CHECK(!gan_error(b.ctx) && gan_item(b.w) == 3, "w[0] is %g: %s", (double)gan_item(b.w),
              gan_error_message(b.ctx));
        CHECK_BYTES(block.bytes, before, sizeof before, "borrowed memory, after a step");
        gan_destroy(b.ctx);
        b = make(NULL, 0);
        gan_load_memory(b.ctx, block.bytes, n);
        parameters(&b);
        CHECK(gan_load(b.ctx, second) == 0, "%s", gan_error_message(b.ctx));
        CHECK_BYTES(block.bytes, before, sizeof before, "borrowed memory, after a second load");
        b.w = gan_model_find(b.g, "w");
        b.b = gan_model_find(b.g, "b");
        CHECK(holds(&b, 8), "w[0] is %g, expected 8", (double)gan_item(b.w));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
}

static void test_types(void)
{
    unsigned char values_of[24];
    static const unsigned char values[] = {
        0,    0,    0,    0,    0,    0,    0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 4, 0xc0, // F64 1.5 -2.5
        0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0, 0, 0, 0,    // I64 -2 7
        0,    0,    0xc0, 0x3f, 0,    0,    0x20, 0xc0,                            // F32 1.5 -2.5
        0xff, 0xff, 0xff, 0xff, 0,    0,    1,    0,                               // I32 -1 65536
        0,    0x3e, 0,    0xc1,                                                    // F16 1.5 -2.5
        0xc0, 0x3f, 0x20, 0xc0,                                                    // BF16 1.5 -2.5
        3,    255                                                                  // U8
    };
    static const char json[] = "{\"g.u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[56,58]},\"g.d\":{"
                               "\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
                               "\"g.l\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[16,32]},\"g.f\":{"
                               "\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]},"
                               "\"g.i\":{\"shape\":[2],\"data_offsets\":[40,48],\"dtype\":\"I32\"},\"g.h\":{"
                               "\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[48,52]},"
                               "\"g.b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[52,56]},\"__"
                               "metadata__\":{\"format\":\"pt\",\"x\":\"\\u00e9\"}}  \n";
    static const struct {
        const char *name;
        double a, b;
    } want[] = {{"d", 1.5, -2.5}, {"l", -2, 7},     {"f", 1.5, -2.5}, {"i", -1, 65536},
                {"h", 1.5, -2.5}, {"b", 1.5, -2.5}, {"u", 3, 255}};
    TEST ("another program's file, of every type and in any order, is converted") {
        world o = make(NULL, 0);
        size_t i, n = build(file, json, values, sizeof values);
        CHECK(gan_load_memory(o.ctx, file, n) == 0, "%s", gan_error_message(o.ctx));
        for (i = 0; i < sizeof want / sizeof want[0]; ++i) {
            gan_real *v = gan_data(gan_param(o.g, want[i].name, gan_init_constant(0), 2));
            CHECK(v && (double)v[0] == want[i].a && (double)v[1] == want[i].b, "%s: %g %g, expected %g %g",
                  want[i].name, v ? (double)v[0] : 0, v ? (double)v[1] : 0, want[i].a, want[i].b);
        }
        gan_destroy(o.ctx);
    }
    TEST ("an F64 that no float holds is an error, before and after the model has run; an infinity is the "
          "file's own") {
        static const unsigned char big[24] = {
            [6] = 0xf0, [7] = 0x7f, [14] = 0xf0, [15] = 0xff, [16] = 0x9c, 0x75,
            0x00,       0x88,       0x3c,        0xe4,        0x37,        0x7e}; // 1e300
        int late, k;
        for (late = 0; late < 2; ++late)
            for (k = 2; k <= 3 && sizeof(gan_real) == 4; ++k) {
                world o = make(NULL, late);
                char head[100];
                size_t n;
                gan_tensor *t;
                snprintf(head, sizeof head,
                         "{\"g.%s\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}",
                         late ? "b" : "x");
                memcpy(values_of, big, 24);
                if (k == 2) memset(values_of + 16, 0, 8);
                n = build(file, head, values_of, 24);
                (void)gan_load_memory(o.ctx, file, n);
                t = late ? o.b : gan_param(o.g, "x", gan_init_constant(0), 3);
                CHECK(gan_error(o.ctx) == (k == 2 ? 0 : GAN_ERROR_FORMAT), "error %d: %s", gan_error(o.ctx),
                      gan_error_message(o.ctx));
                if (k == 3) CHECK_TEXT(gan_error_message(o.ctx), "more than a float can hold");
                else CHECK(isinf((double)gan_data(t)[0]) && gan_data(t)[2] == 0, "values");
                gan_destroy(o.ctx);
            }
    }
    TEST ("values of the model's own type come back to the bit where they are copied, signaling NaNs too") {
        static const unsigned char bits[13] = {0, 1, 0, 128, 127, 1, 0, 160, 255, 0, 0, 0, 128};
        world o = make(NULL, 1);
        size_t n =
            build(file, "{\"g.b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", bits + 1, 12);
        uint32_t got[3];
        memmove(file + 1, file, n); // crooked: nothing can be pointed to
        CHECK(gan_load_memory(o.ctx, file + 1, n) == 0, "%s", gan_error_message(o.ctx));
        if (sizeof(gan_real) == sizeof got[0]) {
            memcpy(got, gan_data(o.b), sizeof got);
            CHECK(got[0] == 0x7f800001u && got[1] == 0xffa00001u && got[2] == 0x80000000u, "%lx %lx %lx",
                  (unsigned long)got[0], (unsigned long)got[1], (unsigned long)got[2]);
        }
        gan_destroy(o.ctx);
    }
    TEST ("whole-number states take whole numbers only") {
        world o = make(NULL, 1);
        size_t n =
            build(file, "{\"rng\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", values, 12);
        CHECK(gan_load_memory(o.ctx, file, n) == GAN_ERROR_FORMAT, "error %d", gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "rng");
        gan_destroy(o.ctx);
    }
    {
        static const unsigned char counts[][9] = {{0, 0, 0, 0, 0, 0, 32, 0, GAN_OK}, // 2^53
                                                  {1, 0, 0, 0, 0, 0, 32, 0, GAN_ERROR_FORMAT},
                                                  {255, 255, 255, 255, 255, 255, 255, 127, GAN_ERROR_FORMAT},
                                                  {255, 255, 255, 255, 255, 255, 255, 255, GAN_ERROR_FORMAT},
                                                  {0, 0, 0, 0, 0, 0, 0, 128, GAN_ERROR_FORMAT}};
        int i;
        for (i = 0; i < 10; ++i)
            TESTF ("a step of an optimizer is 0 to 2^53, whoever wrote the file: case %d", i) {
                const unsigned char *const c = counts[i / 2];
                world o = make(NULL, 1);
                const size_t n = build(
                    file, "{\"optimizer.g.step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}", c,
                    8);
                if (i % 2) (void)gan_load_memory(o.ctx, file, n); // before the optimizer is there, or after
                (void)gan_optimizer_create(o.g, gan_sgd((gan_real).1, 0));
                if (i % 2 == 0) (void)gan_load_memory(o.ctx, file, n);
                CHECK(gan_error(o.ctx) == c[8], "error %d, not %d: %s", gan_error(o.ctx), c[8],
                      gan_error_message(o.ctx));
                if (c[8]) CHECK_TEXT(gan_error_message(o.ctx), "optimizer.g.step");
                gan_destroy(o.ctx);
            }
    }
    {
        // the letters of "adam" in two numbers, a byte each
        static const unsigned char adam[16] = {'a', 'd', 'a', 'm'}, odd[16] = {'a', 27, '[', '2', 'J'};
        int i;
        for (i = 0; i < 6; ++i)
            TESTF ("what one optimizer remembers is refused by another: case %d", i) {
                world o = make(NULL, 1);
                const int late = i % 2, own = i / 2 == 1;
                const size_t n = build(
                    file, "{\"optimizer.g.rule\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[0,16]}}",
                    i / 2 == 2 ? odd : adam, 16);
                gan_optimizer *made = NULL;
                const gan_optimizer_desc desc =
                    own ? gan_adam((gan_real).1, (gan_real).5, (gan_real).9) : gan_rmsprop((gan_real).1);
                if (!late) (void)gan_load_memory(o.ctx, file, n);
                made = gan_optimizer_create(o.g, desc);
                if (late) (void)gan_load_memory(o.ctx, file, n);
                CHECK((gan_error(o.ctx) == 0) == own, "error %d: %s", gan_error(o.ctx),
                      gan_error_message(o.ctx));
                CHECK(late || (made != NULL) == own, "an optimizer of another's state");
                if (!own) {
                    CHECK(gan_error(o.ctx) == GAN_ERROR_STATE, "error %d", gan_error(o.ctx));
                    CHECK_TEXT(gan_error_message(o.ctx),
                               i / 2 ? "\"a\" in the file" : "\"adam\" in the file");
                    CHECK_TEXT(gan_error_message(o.ctx), "\"rmsprop\" here");
                    gan_error_clear(o.ctx);
                    CHECK(late ||
                              gan_optimizer_create(o.g, gan_adam((gan_real).1, (gan_real).5, (gan_real).9)) ||
                              i / 2 == 2,
                          "the file's own optimizer afterwards: %s", gan_error_message(o.ctx));
                }
                gan_destroy(o.ctx);
            }
    }
}

// Files in out/test whose name begins so and ends in .tmp
static int temporaries(const char *name)
{
    int n = 0;
#ifdef POSIX
    DIR *d = opendir(test_path(""));
    struct dirent *e;
    while (d && (e = readdir(d)) != NULL) {
        const size_t length = strlen(e->d_name);
        n += length > 4 && !strncmp(e->d_name, name, strlen(name)) && !strcmp(e->d_name + length - 4, ".tmp");
    }
    if (d) closedir(d);
#else
    (void)name;
#endif
    return n;
}

static void test_save_fails(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s", test_path("fails.safetensors"));
    TEST ("a save into no folder, or over a folder, is an error that names the path") {
        world o = make(NULL, 1);
        CHECK(gan_save(o.ctx, test_path("no such folder/x.safetensors")) == GAN_ERROR_FILE, "error %d",
              gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "no such folder/x.safetensors");
        gan_error_clear(o.ctx);
        CHECK(gan_save(o.ctx, test_path(".")) == GAN_ERROR_FILE, "error %d", gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "it is a folder");
        CHECK(temporaries("") == 0, "%d temporary files left", temporaries(""));
        gan_destroy(o.ctx);
    }
#ifdef POSIX
    TEST ("over a pipe nothing is saved, and copies do not move a folder out of the way") {
        world o = make(NULL, 1);
        struct stat s;
        char pipe[512], folder[512];
        snprintf(pipe, sizeof pipe, "%s", test_path("pipe"));
        snprintf(folder, sizeof folder, "%s", test_path("folder"));
        remove(pipe);
        CHECK(mkfifo(pipe, 0600) == 0 && (mkdir(folder, 0700) == 0 || errno == EEXIST), "%s",
              strerror(errno));
        CHECK(gan_save(o.ctx, pipe) == GAN_ERROR_FILE, "error %d", gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "a pipe");
        CHECK(stat(pipe, &s) == 0 && S_ISFIFO(s.st_mode), "the pipe is gone");
        gan_error_clear(o.ctx);
        CHECK(gan_save_rolling(o.ctx, folder, 3) == GAN_ERROR_FILE, "error %d", gan_error(o.ctx));
        CHECK(stat(folder, &s) == 0 && S_ISDIR(s.st_mode), "the folder is gone");
        gan_destroy(o.ctx);
        remove(pipe);
        rmdir(folder);
    }
    TEST ("what a killed save left goes with the next gan_resume, when an hour old; nothing else does") {
        static const char *const tail[] = {".00112233445566aa.tmp",
                                           ".00112233445566ab.tmp",
                                           ".00112233445566AB.tmp",
                                           ".0123.tmp",
                                           ".tmp",
                                           ".1"};
        world o = make(NULL, 1);
        char name[6][540];
        struct stat s;
        struct utimbuf old;
        int i;
        old.actime = old.modtime = time(NULL) - 3700;
        for (i = 0; i < 6; ++i) {
            FILE *f;
            snprintf(name[i], sizeof name[i], "%s%s", path, tail[i]);
            f = fopen(name[i], "w");
            if (f) fclose(f);
            if (i != 1) CHECK(utime(name[i], &old) == 0, "%s", strerror(errno));
        }
        CHECK(gan_save(o.ctx, path) == 0 && gan_resume(o.ctx, path) == 0, "%s", gan_error_message(o.ctx));
        for (i = 0; i < 6; ++i) {
            CHECK((stat(name[i], &s) == 0) == (i > 0), "%s", name[i]);
            remove(name[i]);
        }
        gan_destroy(o.ctx);
    }
    TEST ("a name too long for a file is a run that has not begun; a trainer without the folder says so at "
          "once") {
        world o = make(NULL, 1);
        gan_trainer_desc d;
        char name[300];
        memset(name, 'x', sizeof name);
        name[299] = 0;
        CHECK(gan_resume(o.ctx, name) == -1 && !gan_error(o.ctx), "%s", gan_error_message(o.ctx));
        memset(&d, 0, sizeof d);
        d.generator = o.g, d.discriminator = gan_model_create(o.ctx, "d", identity, NULL);
        d.data = gan_dataset_toy(o.ctx, GAN_TOY_RING);
        d.checkpoint = "no such folder/run.safetensors";
        CHECK(!gan_trainer_create(o.ctx, &d) && gan_error(o.ctx) == GAN_ERROR_FILE, "error %d",
              gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "there is no folder no such folder");
        gan_destroy(o.ctx);
    }
#endif
    TEST ("after an error nothing is saved: the good file of the last run stays") {
        world a = make(NULL, 1), b = make(NULL, 2);
        gan_save(a.ctx, path);
        gan_reshape(gan_zeros(b.ctx, 4), 5);
        CHECK(gan_error(b.ctx) && gan_save(b.ctx, path) == gan_error(b.ctx), "error %d", gan_error(b.ctx));
        CHECK(gan_load(b.ctx, path) == gan_error(b.ctx) && holds(&b, 2), "error %d", gan_error(b.ctx));
        gan_error_clear(b.ctx);
        CHECK(gan_load(b.ctx, path) == 0 && holds(&b, 1), "%s", gan_error_message(b.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
#ifdef POSIX
    TEST ("a disk that is full at any byte: an error, the old file whole, no temporary, and the next save "
          "works") {
        world a = make(NULL, 1), b = make(NULL, 2), c = make(NULL, 0);
        struct rlimit old, limit;
        size_t n, at, m;
        static unsigned char before[1 << 12];
        void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        n = get_file(path);
        memcpy(before, file, n);
        getrlimit(RLIMIT_FSIZE, &old);
        for (at = 0; at < n; at += 29) {
            int code;
            limit = old;
            limit.rlim_cur = (rlim_t)at;
            setrlimit(RLIMIT_FSIZE, &limit);
            code = gan_save(b.ctx, path);
            setrlimit(RLIMIT_FSIZE, &old);
            CHECK(code == GAN_ERROR_FILE, "full at %lu: %d", (unsigned long)at, code);
            gan_error_clear(b.ctx);
            m = get_file(path);
            CHECK(m == n && !memcmp(file, before, n), "full at %lu: the old file changed", (unsigned long)at);
        }
        signal(SIGXFSZ, handler);
        CHECK(temporaries("fails") == 0, "%d temporary files left", temporaries("fails"));
        CHECK(gan_save(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        gan_load(c.ctx, path);
        parameters(&c);
        CHECK(holds(&c, 2), "%s", gan_error_message(c.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
#endif
    TEST ("memory that ends anywhere: saving and loading give an error, change nothing, and lose nothing") {
        static unsigned char before[1 << 12];
        static union {
            double align;
            unsigned char bytes[1 << 16];
        } block;
        world a = make(NULL, 1);
        size_t n, space;
        int done = 0, failed = 0;
        gan_save(a.ctx, path);
        n = get_file(path);
        memcpy(before, file, n);
        for (space = 2048; space < sizeof block.bytes && done < 8; space += 192) {
            gan_desc desc;
            world o;
            int loaded, saved;
            memset(&desc, 0, sizeof desc);
            desc.memory = block.bytes;
            desc.memory_size = space;
            o = make(&desc, 2);
            if (!o.ctx || gan_error(o.ctx)) {
                gan_destroy(o.ctx);
                continue;
            }
            saved = gan_save(o.ctx, test_path("other.safetensors"));
            CHECK(saved == 0 || saved == GAN_ERROR_MEMORY, "save: %d", saved);
            gan_error_clear(o.ctx);
            loaded = gan_load(o.ctx, path);
            CHECK(loaded == 0 || loaded == GAN_ERROR_MEMORY, "load: %d: %s", loaded,
                  gan_error_message(o.ctx));
            CHECK(holds(&o, loaded ? 2 : 1), "in %lu bytes: load %d", (unsigned long)space, loaded);
            gan_error_clear(o.ctx);
            loaded = gan_load_memory(o.ctx, before, n);
            CHECK(loaded == 0 || loaded == GAN_ERROR_MEMORY, "load from memory: %d", loaded);
            failed += loaded != 0 || saved != 0;
            done += loaded == 0 && saved == 0;
            gan_destroy(o.ctx);
        }
        CHECK(done == 8 && failed > 0, "%d sizes failed, %d did", failed, done);
        CHECK(get_file(path) == n && !memcmp(file, before, n), "%s", "the file changed");
        gan_destroy(a.ctx);
    }
}

// copies

static int loaded_from(const char *path, double *first)
{
    world o = make(NULL, 100);
    const int copy = gan_resume(o.ctx, path);
    *first = (double)gan_data(o.w)[0];
    gan_destroy(o.ctx);
    return copy;
}

static void spoil(const char *path)
{
    const size_t n = get_file(path);
    if (n) file[n - 1] ^= 1;
    put_file(path, file, n);
}

static void test_copies(void)
{
    static const char *const tails[] = {"", ".1", ".2", ".3"};
    char path[512], copy[520];
    double first;
    int i;
    snprintf(path, sizeof path, "%s", test_path("roll.safetensors"));
    for (i = 0; i < 4; ++i) {
        snprintf(copy, sizeof copy, "%s%s", path, tails[i]);
        remove(copy);
    }
    TEST ("nothing to resume from is no error") {
        world o = make(NULL, 1);
        CHECK(gan_resume(o.ctx, path) == -1 && !gan_error(o.ctx) && holds(&o, 1), "%s",
              gan_error_message(o.ctx));
        gan_destroy(o.ctx);
    }
    TEST ("five saves that keep three files: the newest three, no other, no temporary") {
        for (i = 1; i <= 5; ++i) {
            world o = make(NULL, i);
            CHECK(gan_save_rolling(o.ctx, path, 3) == 0, "%s", gan_error_message(o.ctx));
            gan_destroy(o.ctx);
        }
        for (i = 0; i < 4; ++i) {
            world o = make(NULL, 100);
            int code;
            snprintf(copy, sizeof copy, "%s%s", path, tails[i]);
            code = gan_load(o.ctx, copy);
            CHECK(i < 3 ? code == 0 && holds(&o, 5 - i) : code == GAN_ERROR_FILE, "copy %d: error %d", i,
                  code);
            gan_destroy(o.ctx);
        }
        CHECK(temporaries("roll") == 0, "%d temporary files", temporaries("roll"));
    }
    TEST ("resume takes the newest that is whole") {
        int from = loaded_from(path, &first);
        CHECK(from == 0 && first == 5, "copy %d: %g", from, first);
        spoil(path);
        from = loaded_from(path, &first);
        CHECK(from == 1 && first == 4, "copy %d: %g", from, first);
        remove(path);
        from = loaded_from(path, &first);
        CHECK(from == 1 && first == 4, "copy %d: %g", from, first);
        snprintf(copy, sizeof copy, "%s.1", path);
        put_file(copy, "", 0);
        from = loaded_from(path, &first);
        CHECK(from == 2 && first == 3, "copy %d: %g", from, first);
    }
    TEST ("when all are damaged that is an error, which names the newest") {
        world o = make(NULL, 1);
        snprintf(copy, sizeof copy, "%s.2", path);
        spoil(copy);
        CHECK(gan_resume(o.ctx, path) == -1 && gan_error(o.ctx) == GAN_ERROR_FORMAT && holds(&o, 1),
              "error %d", gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "roll.safetensors.1 is short");
        gan_destroy(o.ctx);
    }
    TEST ("a file of another model is not passed over for an older one") {
        world a = make(NULL, 1), b;
        b = make(NULL, 0);
        gan_save_rolling(a.ctx, path, 3);
        gan_param(b.g, "w", gan_init_constant(7), 3, 2);
        CHECK(gan_resume(b.ctx, path) == -1 && gan_error(b.ctx) == GAN_ERROR_SHAPE, "error %d",
              gan_error(b.ctx));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("a number of files below 1 or above 1000 is an error") {
        world o = make(NULL, 1);
        CHECK(gan_save_rolling(o.ctx, path, 0) == GAN_ERROR_ARGUMENT, "error %d", gan_error(o.ctx));
        gan_error_clear(o.ctx);
        CHECK(gan_save_rolling(o.ctx, path, 1001) == GAN_ERROR_ARGUMENT, "error %d", gan_error(o.ctx));
        gan_destroy(o.ctx);
    }
}

// what a file says of itself

static gan_tensor *shift(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(z, gan_param(g, "theta", gan_init_constant(0), 1));
}

static gan_tensor *logistic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc", x, 1);
}

typedef struct run {
    gan_context *ctx;
    gan_model *g, *d;
    gan_trainer *t;
} run;

static run train(const char *checkpoint, int every)
{
    gan_trainer_desc desc;
    run r;
    memset(&desc, 0, sizeof desc);
    r.ctx = gan_create(NULL);
    r.g = desc.generator = gan_model_create(r.ctx, "generator", shift, NULL);
    r.d = desc.discriminator = gan_model_create(r.ctx, "discriminator", logistic, NULL);
    desc.data = gan_dataset_toy(r.ctx, GAN_TOY_NORMAL);
    desc.batch = 16;
    desc.latent = 1;
    desc.ema = (gan_real).9;
    desc.g_optimizer = desc.d_optimizer = gan_sgd((gan_real).1, 0);
    desc.penalty[0].kind = GAN_PENALTY_R1;
    desc.penalty[0].weight = (gan_real).125;
    desc.checkpoint = checkpoint;
    desc.checkpoint_every = every;
    r.t = gan_trainer_create(r.ctx, &desc);
    return r;
}

static void test_says(void)
{
    char path[512], *at;
    gan_checkpoint says;
    size_t n;
    run r;
    snprintf(path, sizeof path, "%s", test_path("says.safetensors"));
    r = train(NULL, 0);
    gan_trainer_run(r.t, 7);
    gan_save(r.ctx, path);
    TEST ("a checkpoint says its step and what made it; the digest covers both") {
        CHECK(gan_inspect(r.ctx, path, &says) == 0, "%s", gan_error_message(r.ctx));
        CHECK(says.step == 7 && says.tensors > 8 && says.bytes == get_file(path), "step %d, %d tensors",
              (int)says.step, says.tensors);
        CHECK(!strcmp(says.format, "gan.h") && !says.model[0] && strlen(says.digest) == 16, "%s",
              says.format);
        CHECK_TEXT(says.configuration, "generator=generator discriminator=discriminator loss=non_saturating");
        CHECK_TEXT(says.configuration, " g_optimizer=sgd g_lr=0.1 ");
        CHECK_TEXT(says.configuration, " ema=0.9 ");
        CHECK_TEXT(says.configuration, " penalty=r1 weight=0.125 batch=16 latent=1 ");
        n = get_file(path);
        file[n] = 0;
        at = strstr((char *)file + 8, "\"step\":\"7\"");
        CHECK(at != NULL, "%s", "no step");
        if (at) at[8] = '8';
        CHECK(gan_load_memory(r.ctx, file, n) == GAN_ERROR_FORMAT, "error %d", gan_error(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "digest");
        gan_error_clear(r.ctx);
        if (at) at[8] = '7';
        at = strstr((char *)file + 8, "=non_sat");
        if (at) at[1] = 'm';
        CHECK(gan_load_memory(r.ctx, file, n) == GAN_ERROR_FORMAT, "error %d", gan_error(r.ctx));
        gan_error_clear(r.ctx);
        if (at) at[1] = 'n';
        CHECK(gan_load_memory(r.ctx, file, n) == 0, "%s", gan_error_message(r.ctx));
    }
    TEST ("inspecting loads nothing, and what is damaged or missing is an error") {
        world o = make(NULL, 1);
        CHECK(gan_inspect(o.ctx, path, &says) == 0 && says.step == 7 && holds(&o, 1) &&
                  gan_unclaimed(o.ctx, NULL) == 0,
              "%s", gan_error_message(o.ctx));
        spoil(path);
        CHECK(gan_inspect(o.ctx, path, &says) == GAN_ERROR_FORMAT && says.step == -1, "step %d",
              (int)says.step);
        gan_error_clear(o.ctx);
        CHECK(gan_inspect(o.ctx, test_path("nowhere"), &says) == GAN_ERROR_FILE, "error %d",
              gan_error(o.ctx));
        gan_error_clear(o.ctx);
        CHECK(gan_inspect(o.ctx, path, NULL) == GAN_ERROR_ARGUMENT, "%s", "accepted");
        gan_destroy(o.ctx);
    }
    gan_destroy(r.ctx);
}

// weights

static void names_of(const char *path, char *names, size_t size)
{
    entry e[32];
    const size_t n = get_file(path);
    int i, count;
    file[n] = 0;
    count = entries(file, e);
    qsort(e, (size_t)(count > 0 ? count : 0), sizeof *e, by_name);
    for (i = 0, *names = 0; i < count; ++i) {
        strncat(names, e[i].name, size - strlen(names) - 1);
        strncat(names, " ", size - strlen(names) - 1);
    }
}

static void test_weights(void)
{
    char path[512], whole[512], names[512];
    const char *first = NULL;
    size_t n;
    world a;
    snprintf(path, sizeof path, "%s", test_path("weights.safetensors"));
    snprintf(whole, sizeof whole, "%s", test_path("whole.safetensors"));
    a = make(NULL, 3);
    gan_buffer(a.g, "bn.running_mean", 5, 2);
    gan_param(gan_model_create(a.ctx, "g2", identity, NULL), "w", gan_init_constant(9), 1);
    gan_save(a.ctx, whole);
    TEST ("a model's weights stand in a file of their own, under their names in the model") {
        gan_checkpoint says;
        CHECK(gan_model_save(a.g, path) == 0, "%s", gan_error_message(a.ctx));
        names_of(path, names, sizeof names);
        CHECK(!strcmp(names, "b bn.running_mean w "), "%s", names);
        CHECK(gan_inspect(a.ctx, path, &says) == 0 && !strcmp(says.model, "g") && says.tensors == 3,
              "%s of %s", names, says.model);
    }
    TEST ("they load into a model of any name, before it has run and after, from disk and from memory") {
        int how;
        for (how = 0; how < 4; ++how) {
            world b = make(NULL, 0);
            b.g = gan_model_create(b.ctx, "other", identity, NULL);
            n = get_file(path);
            if (how & 1) {
                parameters(&b);
                gan_buffer(b.g, "bn.running_mean", 0, 2);
            }
            CHECK((how & 2 ? gan_model_load_memory(b.g, file, n, 0) : gan_model_load(b.g, path, 0)) == 0,
                  "%s", gan_error_message(b.ctx));
            parameters(&b);
            CHECK(holds(&b, 3) && (double)gan_data(gan_buffer(b.g, "bn.running_mean", 0, 2))[1] == 5,
                  "%d: %s", how, gan_error_message(b.ctx));
            CHECK(gan_unclaimed(b.ctx, &first) == 0 && !first, "%s is left", first);
            gan_destroy(b.ctx);
        }
    }
    TEST ("gan_load knows whose they are; a model takes its own part of a whole checkpoint") {
        world b = make(NULL, 0), c = make(NULL, 0);
        CHECK(gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        parameters(&b);
        CHECK(holds(&b, 3) && gan_unclaimed(b.ctx, &first) == 1, "%s", gan_error_message(b.ctx));
        CHECK(first && !strcmp(first, "g.bn.running_mean"), "%s is left", first);
        CHECK(gan_model_load(c.g, whole, 0) == 0 && gan_unclaimed(c.ctx, NULL) == 3, "%d: %s",
              gan_unclaimed(c.ctx, NULL), gan_error_message(c.ctx));
        parameters(&c);
        CHECK(holds(&c, 3), "%s", gan_error_message(c.ctx));
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("what waits to be claimed is saved with its model") {
        world b = make(NULL, 0);
        gan_model_load(b.g, path, 0);
        CHECK(gan_model_save(b.g, test_path("again.safetensors")) == 0, "%s", gan_error_message(b.ctx));
        n = get_file(path);
        memcpy(names, file, n < sizeof names ? n : sizeof names);
        CHECK(get_file(test_path("again.safetensors")) == n && !memcmp(names, file, n), "%s", "other bytes");
        gan_destroy(b.ctx);
    }
    TEST ("a name that only one side has is an error, at once or when it is asked for; partial lets it be") {
        world b = make(NULL, 1), c = make(NULL, 0);
        CHECK(gan_model_load(b.g, path, 0) == GAN_ERROR_NAME && holds(&b, 1), "error %d", gan_error(b.ctx));
        CHECK_TEXT(gan_error_message(b.ctx), "bn.running_mean");
        gan_error_clear(b.ctx);
        CHECK(gan_model_load(b.g, path, GAN_LOAD_PARTIAL) == 0 && holds(&b, 3), "%s",
              gan_error_message(b.ctx));
        gan_param(b.g, "more", gan_init_constant(0), 1);
        CHECK(!gan_error(b.ctx), "%s", gan_error_message(b.ctx));
        gan_buffer(b.g, "bn.running_mean", 0, 2);
        CHECK(gan_model_load(b.g, path, 0) == GAN_ERROR_NAME, "error %d", gan_error(b.ctx));
        CHECK_TEXT(gan_error_message(b.ctx), "has no more, which g has");
        CHECK(gan_model_load(c.g, path, 0) == 0, "%s", gan_error_message(c.ctx));
        gan_param(c.g, "more", gan_init_constant(0), 1);
        CHECK(gan_error(c.ctx) == GAN_ERROR_NAME, "error %d", gan_error(c.ctx));
        CHECK_TEXT(gan_error_message(c.ctx), "without more");
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("PyTorch's count of batches is passed over; a file of nothing is an error; so is a model that has "
          "not "
          "run") {
        static const float values[] = {0, 0, 1, 2, 3};
        world b = make(NULL, 0), c = make(NULL, 0);
        n = build(file,
                  "{\"bn.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                  "\"b\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,20]}}",
                  values, sizeof values);
        CHECK(gan_model_load_memory(b.g, file, n, 0) == 0, "%s", gan_error_message(b.ctx));
        CHECK(gan_unclaimed(b.ctx, &first) == 1 && !strcmp(first, "g.b"), "%s", gan_error_message(b.ctx));
        n = build(file, "{}", NULL, 0);
        gan_scope_open(b.ctx);
        (void)gan_full(b.ctx, 3, 20000); // what the call will find in its memory
        gan_scope_close(b.ctx);
        CHECK(gan_model_load_memory(b.g, file, n, 0) == GAN_ERROR_NAME, "error %d", gan_error(b.ctx));
        CHECK_TEXT(gan_error_message(b.ctx), "its first tensor is none");
        CHECK(gan_model_save(c.g, path) == GAN_ERROR_STATE, "error %d", gan_error(c.ctx));
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    gan_destroy(a.ctx);
}

// weights of other programs

// A file as PyTorch's, into `file`: b (3) = -first - 0 .. 2 and w (2, 3) = first + 0 .. 5 under those names,
// and what `more` says in JSON, a comma first, of tensors with 8 bytes.
static size_t outside(const char *b, const char *w, double first, const char *more)
{
    char json[2048];
    float v[11] = {0};
    int i;
    for (i = 0; i < 3; ++i) v[i] = (float)(-first - i);
    for (i = 0; i < 6; ++i) v[3 + i] = (float)(first + i);
    snprintf(json, sizeof json,
             "{\"__metadata__\":{\"format\":\"pt\"},"
             "\"%s\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
             "\"%s\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[12,36]}%s}",
             b, w, more);
    return build(file, json, v, *more ? 44 : 36);
}

static void test_prefixes(void)
{
    static const char *const prefixes[] = {"module.", "model.", "generator.", "netG.", "module.model."};
    size_t i, n;
    for (i = 0; i < sizeof prefixes / sizeof prefixes[0]; ++i)
        TESTF ("a file whose names all begin with %s loads, before the model runs and after", prefixes[i]) {
            int ran, flags;
            for (ran = 0; ran < 2; ++ran)
                for (flags = 0; flags < 2; ++flags) {
                    world o = make(NULL, ran ? 1 : 0);
                    char b[64], w[64];
                    snprintf(b, sizeof b, "%sb", prefixes[i]);
                    snprintf(w, sizeof w, "%sw", prefixes[i]);
                    n = outside(b, w, 7, "");
                    CHECK(gan_model_load_memory(o.g, file, n, flags ? GAN_LOAD_PARTIAL : 0) == 0, "%s",
                          gan_error_message(o.ctx));
                    if (!ran) parameters(&o);
                    CHECK(holds(&o, 7) && gan_unclaimed(o.ctx, NULL) == 0, "%d %d: %s", ran, flags,
                          gan_error_message(o.ctx));
                    CHECK_TEXT(gan_warning_message(o.ctx), prefixes[i]);
                    gan_destroy(o.ctx);
                }
        }
    TEST ("a model that has the prefix in its own names loads without a warning") {
        world o = make(NULL, 0);
        gan_tensor *w, *b;
        n = outside("model.b", "model.w", 7, "");
        CHECK(gan_model_load_memory(o.g, file, n, 0) == 0, "%s", gan_error_message(o.ctx));
        w = gan_param(o.g, "model.w", gan_init_constant(0), 2, 3);
        b = gan_param(o.g, "model.b", gan_init_constant(0), 3);
        CHECK(gan_data(w)[5] == 12 && gan_data(b)[2] == -9, "%s", gan_error_message(o.ctx));
        CHECK(!*gan_warning_message(o.ctx), "%s", gan_warning_message(o.ctx));
        gan_destroy(o.ctx);
    }
    TEST ("a prefix that not all names have is not taken away") {
        world o = make(NULL, 1), c = make(NULL, 0);
        n = outside("module.b", "w", 7, "");
        CHECK(gan_model_load_memory(o.g, file, n, 0) == GAN_ERROR_NAME && holds(&o, 1), "error %d",
              gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "has no b, which g has");
        CHECK(gan_model_load_memory(c.g, file, n, 0) == 0, "%s", gan_error_message(c.ctx));
        parameters(&c);
        CHECK(gan_error(c.ctx) == GAN_ERROR_NAME, "error %d", gan_error(c.ctx));
        CHECK_TEXT(gan_error_message(c.ctx), "without b");
        gan_destroy(o.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("a file that shares no name with the model is an error that lists both, partial or not") {
        unsigned flags;
        for (flags = 0; flags < 2; ++flags) {
            world o = make(NULL, 1);
            n = outside("net.0.bias", "net.0.weight", 7, "");
            CHECK(gan_model_load_memory(o.g, file, n, flags) == GAN_ERROR_NAME && holds(&o, 1), "error %d",
                  gan_error(o.ctx));
            CHECK_TEXT(gan_error_message(o.ctx),
                       "2 names there: net.0.bias, net.0.weight; 2 here: w, b. All");
            CHECK_TEXT(gan_error_message(o.ctx), "All there begin with net.0.: ");
            gan_destroy(o.ctx);
        }
    }
    TEST ("one shared name is enough for GAN_LOAD_PARTIAL (the control)") {
        world o = make(NULL, 1);
        n = outside("b", "net.0.weight", 7, "");
        CHECK(gan_model_load_memory(o.g, file, n, GAN_LOAD_PARTIAL) == 0, "%s", gan_error_message(o.ctx));
        CHECK(gan_data(o.b)[2] == -9 && gan_data(o.w)[5] == 6, "%s", gan_error_message(o.ctx));
        gan_destroy(o.ctx);
    }
    TEST ("a file of gan.h keeps its names") {
        world a = make(NULL, 0), o = make(NULL, 1);
        const char *path = test_path("prefix.safetensors");
        gan_param(a.g, "model.w", gan_init_constant(0), 2, 3);
        CHECK(gan_model_save(a.g, path) == 0, "%s", gan_error_message(a.ctx));
        CHECK(gan_model_load(o.g, path, GAN_LOAD_PARTIAL) == GAN_ERROR_NAME && holds(&o, 1), "error %d",
              gan_error(o.ctx));
        gan_destroy(a.ctx);
        gan_destroy(o.ctx);
    }
    TEST_MUST_FAIL ("a prefix that is not known is not taken away") {
        world o = make(NULL, 1);
        n = outside("backbone.b", "backbone.w", 7, "");
        CHECK(gan_model_load_memory(o.g, file, n, 0) == 0, "%s", gan_error_message(o.ctx));
        gan_destroy(o.ctx);
    }
}

static void test_foreign_types(void)
{
    static const struct {
        const char *name;
        int n; // elements in 8 bytes
    } types[] = {{"BOOL", 8}, {"I8", 8},      {"U8", 8},      {"I16", 4}, {"U16", 4},
                 {"I32", 2},  {"U32", 2},     {"I64", 1},     {"U64", 1}, {"F8_E4M3", 8},
                 {"C64", 1},  {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F16", 4}};
    char more[200];
    size_t i, n;
    for (i = 0; i < sizeof types / sizeof types[0]; ++i) {
        TESTF ("a tensor of type %s that nobody wants is passed over, and saved again as it is",
               types[i].name) {
            const char *path = test_path("types.safetensors"), *first = "";
            world o = make(NULL, 0), c = make(NULL, 0);
            gan_checkpoint says;
            snprintf(more, sizeof more, ",\"x\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[36,44]}",
                     types[i].name, types[i].n);
            n = outside("b", "w", 7, more);
            memcpy(file + n - 8, "\1\2\3\4\5\6\7\10", 8);
            CHECK(gan_model_load_memory(o.g, file, n, 0) == 0, "%s", gan_error_message(o.ctx));
            parameters(&o);
            CHECK(holds(&o, 7) && gan_unclaimed(o.ctx, &first) == 1 && !strcmp(first, "g.x"), "%s, %s",
                  gan_error_message(o.ctx), first);
            CHECK(gan_model_save(o.g, path) == 0 && gan_inspect(o.ctx, path, &says) == 0 && says.tensors == 3,
                  "%s", gan_error_message(o.ctx));
            get_file(path);
            CHECK_TEXT((const char *)file + 8, types[i].name);
            CHECK(gan_model_load(c.g, path, 0) == 0, "%s", gan_error_message(c.ctx));
            parameters(&c);
            CHECK(holds(&c, 7) && gan_unclaimed(c.ctx, NULL) == 1, "%s", gan_error_message(c.ctx));
            gan_destroy(o.ctx);
            gan_destroy(c.ctx);
        }
        TESTF ("%s as weights", types[i].name) {
            const char *type = types[i].name;
            const int is_read =
                !strcmp(type, "U8") || !strcmp(type, "I32") || !strcmp(type, "I64") || !strcmp(type, "F16");
            int ran;
            for (ran = 0; ran < 2; ++ran) {
                world o = make(NULL, 0);
                snprintf(more, sizeof more,
                         "{\"b\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,8]}}", type,
                         types[i].n);
                n = build(file, more, "\0\0\0\0\0\0\0\0", 8);
                if (ran) gan_param(o.g, "b", gan_init_constant(3), types[i].n);
                (void)gan_model_load_memory(o.g, file, n, 0);
                CHECK(ran || !gan_error(o.ctx), "%s", gan_error_message(o.ctx));
                (void)gan_param(o.g, "b", gan_init_constant(3), types[i].n);
                CHECK(gan_error(o.ctx) == (is_read ? GAN_OK : GAN_ERROR_FORMAT), "%d: %s", ran,
                      gan_error_message(o.ctx));
                if (!is_read) CHECK_TEXT(gan_error_message(o.ctx), "g.b has the type ");
                if (!is_read) CHECK_TEXT(gan_error_message(o.ctx), type);
                if (is_read)
                    CHECK(gan_item(gan_sum_all(gan_model_find(o.g, "b"))) == 0, "%s", "values left alone");
                gan_destroy(o.ctx);
            }
        }
    }
    TEST_MUST_FAIL ("a type that does not exist is refused") {
        world o = make(NULL, 1);
        n = outside("b", "w", 7, ",\"x\":{\"dtype\":\"I24\",\"shape\":[1],\"data_offsets\":[36,44]}");
        CHECK(gan_model_load_memory(o.g, file, n, 0) == 0, "%s", gan_error_message(o.ctx));
        gan_destroy(o.ctx);
    }
}

static gan_tensor *one_linear(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    gan_model_parametrize(m, NULL, *(const gan_parametrization *)gan_model_user(m), 0, 0);
    return gan_linear(m, "fc", x, 2);
}

// fc of 2 outputs for 2 inputs, weight (3 0, 0 4), as the parts of `kind` under PyTorch's old names or
// new ones, behind `prefix`, and the bias (10, 20): y of x = (1, 1). For spectral_norm u = v = (0, 1), so
// that sigma is 4; for weight_norm the rows of V are (3 0), (0 4) and g = (6, 2).
static void old_names(gan_parametrization kind, const char *prefix, int old, int ran, int flags,
                      gan_context **ctx, gan_real y[2])
{
    static const float spectral[] = {3, 0, 0, 4, 0, 1, 0, 1, 10, 20}, norm[] = {3, 0, 0, 4, 6, 2, 10, 20};
    static const gan_real ones[] = {1, 1};
    gan_parametrization how = kind;
    char json[1024];
    gan_model *m;
    gan_tensor *x, *out;
    const int sn = kind == GAN_PARAMETRIZATION_SPECTRAL_NORM;
    size_t n;
    if (sn)
        snprintf(json, sizeof json,
                 "{\"%s%s\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
                 "\"%s%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
                 "\"%s%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]},"
                 "\"%sfc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}}",
                 prefix, old ? "fc.weight_orig" : "fc.parametrizations.weight.original", prefix,
                 old ? "fc.weight_u" : "fc.parametrizations.weight.0._u", prefix,
                 old ? "fc.weight_v" : "fc.parametrizations.weight.0._v", prefix);
    else
        snprintf(json, sizeof json,
                 "{\"%s%s\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
                 "\"%s%s\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[16,24]},"
                 "\"%sfc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}}",
                 prefix, old ? "fc.weight_v" : "fc.parametrizations.weight.original1", prefix,
                 old ? "fc.weight_g" : "fc.parametrizations.weight.original0", prefix);
    n = build(file, json, sn ? spectral : norm, sn ? sizeof spectral : sizeof norm);
    *ctx = gan_create(NULL);
    m = gan_model_create(*ctx, "d", one_linear, &how);
    x = gan_from(*ctx, ones, 1, 2);
    gan_model_mode(m, GAN_EVAL);
    if (ran) (void)gan_forward(m, x, NULL);
    (void)gan_model_load_memory(m, file, n, flags ? GAN_LOAD_PARTIAL : 0);
    out = gan_forward(m, x, NULL);
    y[0] = y[1] = -1;
    if (!gan_error(*ctx)) gan_read(out, y, 2);
}

static void test_old_names(void)
{
    static const char *const prefixes[] = {"", "module."};
    static const double want[2][2] = {{10.75, 21}, {16, 22}};
    int kind, prefix, old, ran, flags;
    for (kind = 0; kind < 2; ++kind)
        for (prefix = 0; prefix < 2; ++prefix)
            TESTF ("%s by its old names and its new ones%s%s", kind ? "weight_norm" : "spectral_norm",
                   prefix ? " behind " : "", prefixes[prefix])
                for (old = 0; old < 2; ++old)
                    for (ran = 0; ran < 2; ++ran)
                        for (flags = 0; flags < 2; ++flags) {
                            gan_context *ctx;
                            gan_real y[2];
                            old_names(kind ? GAN_PARAMETRIZATION_WEIGHT_NORM
                                           : GAN_PARAMETRIZATION_SPECTRAL_NORM,
                                      prefixes[prefix], old, ran, flags, &ctx, y);
                            CHECK((double)y[0] == want[kind][0] && (double)y[1] == want[kind][1] &&
                                      !gan_unclaimed(ctx, NULL),
                                  "%d %d %d: %g %g: %s", old, ran, flags, (double)y[0], (double)y[1],
                                  gan_error_message(ctx));
                            CHECK(gan_warnings(ctx) == prefix, "%d warnings: %s", gan_warnings(ctx),
                                  gan_warning_message(ctx));
                            gan_destroy(ctx);
                        }
    TEST ("a model without the parametrization does not take them") {
        for (ran = 0; ran < 2; ++ran) {
            gan_context *ctx;
            gan_real y[2];
            old_names(GAN_PARAMETRIZATION_NONE, "", 1, ran, 0, &ctx, y);
            CHECK(gan_error(ctx) == GAN_ERROR_NAME, "error %d", gan_error(ctx));
            CHECK_TEXT(gan_error_message(ctx), "fc.weight");
            gan_destroy(ctx);
        }
    }
    TEST ("parameters that are named so themselves keep their names") {
        world o = make(NULL, 0);
        gan_tensor *g, *v;
        size_t n = outside("fc.weight_g", "fc.weight_v", 7, "");
        CHECK(gan_model_load_memory(o.g, file, n, 0) == 0, "%s", gan_error_message(o.ctx));
        g = gan_param(o.g, "fc.weight_g", gan_init_constant(0), 3);
        v = gan_param(o.g, "fc.weight_v", gan_init_constant(0), 2, 3);
        CHECK(gan_data(g)[2] == -9 && gan_data(v)[5] == 12, "%s", gan_error_message(o.ctx));
        gan_destroy(o.ctx);
    }
    TEST_MUST_FAIL ("a g that was not read would be seen") {
        gan_context *ctx;
        gan_real y[2];
        old_names(GAN_PARAMETRIZATION_WEIGHT_NORM, "", 1, 1, 0, &ctx, y);
        CHECK((double)y[0] == 13 && (double)y[1] == 24, "%g %g", (double)y[0], (double)y[1]);
        gan_destroy(ctx);
    }
}

// Values and the bits that they are rounded to, by hand.
typedef struct half_row {
    double value;
    unsigned bits;
} half_row;

static const half_row f16_rows[] = {{0, 0},
                                    {-0.0, 0x8000},
                                    {1, 0x3c00},
                                    {-2, 0xc000},
                                    {0.1f, 0x2e66},
                                    {65504, 0x7bff},
                                    {65519, 0x7bff},
                                    {2049, 0x6800},
                                    {2051, 0x6802},
                                    {-2051, 0xe802}, // ties, to even
                                    {1 + 1. / 2048, 0x3c00},
                                    {1 + 3. / 2048, 0x3c02},
                                    {1 + 1. / 2048 + 1. / 8388608, 0x3c01},
                                    {1. / 16777216, 1},
                                    {.5 / 16777216, 0},
                                    {.75 / 16777216, 1},
                                    {1.5 / 16777216, 2}, // subnormal
                                    {-1e-30f, 0x8000},
                                    {1. / 16384, 0x400},
                                    {1. / 16384 - .5 / 16777216, 0x400}}; // a carry

static const half_row bf16_rows[] = {{0, 0},
                                     {-0.0, 0x8000},
                                     {1, 0x3f80},
                                     {-2, 0xc000},
                                     {0.1f, 0x3dcd},
                                     {65520, 0x4780},
                                     {-70000, 0xc789},
                                     {1 + 1. / 256, 0x3f80},
                                     {1 + 3. / 256, 0x3f82},
                                     {1 + 1. / 256 + 1. / 8388608, 0x3f81},
                                     {0x1.fep127, 0x7f7f},
                                     {0x1p-126, 0x80},
                                     {0x1p-133, 1},
                                     {0x1p-134, 0},
                                     {0x1.8p-133, 2}};

static double half_of(unsigned bits, int type) // by the definition of the format
{
    const int wide = type == GAN_SAVE_BF16, mantissa = wide ? 7 : 10, bias = wide ? 127 : 15;
    const int e = (int)(bits & 0x7fff) >> mantissa, m = (int)bits & ((1 << mantissa) - 1);
    const double v = e ? ldexp((1 << mantissa) + m, e - bias - mantissa) : ldexp(m, 1 - bias - mantissa);
    return bits & 0x8000 ? -v : v;
}

// The file of `rows` written as `type` has those bits, and reads back as what they stand for.
static void half_bits(const half_row *rows, int n, int type, int wrong)
{
    const char *path = test_path("half.safetensors");
    world o = make(NULL, 0), c = make(NULL, 0);
    gan_tensor *v = gan_param(o.g, "v", gan_init_zeros(), n), *back;
    unsigned long header;
    size_t size;
    int i;
    for (i = 0; i < n; ++i) gan_data(v)[i] = (gan_real)rows[i].value;
    CHECK(gan_model_save_as(o.g, path, (gan_save_type)type) == 0, "%s", gan_error_message(o.ctx));
    size = get_file(path);
    header = (unsigned long)(file[0] | file[1] << 8);
    CHECK(size == 8 + header + 2 * (size_t)n, "%lu bytes", (unsigned long)size);
    CHECK_TEXT((const char *)file + 8, type == GAN_SAVE_BF16 ? "\"BF16\"" : "\"F16\"");
    for (i = 0; i < n; ++i) {
        const unsigned bits =
            (unsigned)(file[8 + header + 2 * (size_t)i] | file[9 + header + 2 * (size_t)i] << 8);
        CHECK(bits == rows[i].bits + (unsigned)(wrong && i == 4), "%.17g is %04x, not %04x", rows[i].value,
              bits, rows[i].bits);
    }
    CHECK(gan_model_load(c.g, path, 0) == 0, "%s", gan_error_message(c.ctx));
    back = gan_param(c.g, "v", gan_init_constant(5), n);
    for (i = 0; i < n; ++i)
        CHECK((double)gan_data(back)[i] == half_of(rows[i].bits, type), "%.17g comes back as %.17g",
              rows[i].value, (double)gan_data(back)[i]);
    gan_destroy(o.ctx);
    gan_destroy(c.ctx);
}

static void test_half(void)
{
    const char *path = test_path("half.safetensors");
    int type;
    TEST ("F16 is rounded to the nearest, ties to even: bits, size, reading back")
        half_bits(f16_rows, (int)(sizeof f16_rows / sizeof f16_rows[0]), GAN_SAVE_F16, 0);
    TEST ("BF16 is rounded to the nearest, ties to even: bits, size, reading back")
        half_bits(bf16_rows, (int)(sizeof bf16_rows / sizeof bf16_rows[0]), GAN_SAVE_BF16, 0);
    TEST_MUST_FAIL ("one unit in the last place is seen")
        half_bits(f16_rows, (int)(sizeof f16_rows / sizeof f16_rows[0]), GAN_SAVE_F16, 1);
    TEST (
        "NaN and the infinities are kept; a finite value that is too large is an error and writes nothing") {
        for (type = GAN_SAVE_F16; type <= GAN_SAVE_BF16; ++type) {
            const double large = type == GAN_SAVE_F16 ? 65520 : 0x1.ffp127;
            world o = make(NULL, 0), c = make(NULL, 0);
            gan_tensor *v = gan_param(o.g, "v", gan_init_zeros(), 4);
            size_t n;
            gan_data(v)[0] = (gan_real)NAN;
            gan_data(v)[1] = (gan_real)INFINITY;
            gan_data(v)[2] = -(gan_real)INFINITY;
            CHECK(gan_model_save_as(o.g, path, (gan_save_type)type) == 0 && gan_model_load(c.g, path, 0) == 0,
                  "%s %s", gan_error_message(o.ctx), gan_error_message(c.ctx));
            v = gan_param(c.g, "v", gan_init_constant(1), 4);
            CHECK(isnan((double)gan_data(v)[0]) && isinf((double)gan_data(v)[1]) && gan_data(v)[1] > 0 &&
                      isinf((double)gan_data(v)[2]) && gan_data(v)[2] < 0 && gan_data(v)[3] == 0,
                  "%g %g %g", (double)gan_data(v)[0], (double)gan_data(v)[1], (double)gan_data(v)[2]);
            gan_data(v)[3] = (gan_real)-large;
            n = get_file(path);
            put_file(path, "as it was", 9);
            CHECK(gan_model_save_as(c.g, path, (gan_save_type)type) == GAN_ERROR_ARGUMENT, "error %d",
                  gan_error(c.ctx));
            CHECK_TEXT(gan_error_message(c.ctx), "g.v holds ");
            CHECK(n > 9 && get_file(path) == 9, "%s", "written");
            gan_destroy(o.ctx);
            gan_destroy(c.ctx);
        }
    }
    TEST ("what waits to be claimed is narrowed too, whole numbers keep their type") {
        world o = make(NULL, 0), c = make(NULL, 0);
        const char *first = "";
        size_t n = outside("b", "w", 7, ",\"x\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[36,44]}");
        CHECK(gan_model_load_memory(o.g, file, n, 0) == 0, "%s", gan_error_message(o.ctx));
        CHECK(gan_model_save_as(o.g, path, GAN_SAVE_BF16) == 0, "%s", gan_error_message(o.ctx));
        n = get_file(path);
        CHECK(n == 8 + (size_t)(file[0] | file[1] << 8) + 9 * 2 + 8, "%lu bytes", (unsigned long)n);
        CHECK(gan_model_load(c.g, path, 0) == 0, "%s", gan_error_message(c.ctx));
        parameters(&c);
        CHECK(holds(&c, 7) && gan_unclaimed(c.ctx, &first) == 1, "%s", gan_error_message(c.ctx));
        gan_destroy(o.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("GAN_SAVE_REAL is gan_model_save; the model is left alone; another type is an error") {
        static unsigned char other[1 << 12];
        world o = make(NULL, .1);
        size_t n;
        CHECK(gan_model_save_as(o.g, path, GAN_SAVE_F16) == 0 && holds(&o, .1), "%s", "changed");
        CHECK(gan_model_save(o.g, path) == 0, "%s", gan_error_message(o.ctx));
        n = get_file(path);
        memcpy(other, file, n < sizeof other ? n : 0);
        CHECK(gan_model_save_as(o.g, path, GAN_SAVE_REAL) == 0 && get_file(path) == n, "%s",
              gan_error_message(o.ctx));
        CHECK_BYTES(file, other, n, "files");
        CHECK(gan_model_save_as(o.g, path, (gan_save_type)3) == GAN_ERROR_ARGUMENT, "error %d",
              gan_error(o.ctx));
        CHECK_TEXT(gan_error_message(o.ctx), "type 3 is none of gan_save_type");
        gan_destroy(o.ctx);
    }
}

// a run that saves itself

static void test_run(void)
{
    char path[512], one[520];
    int i;
    snprintf(path, sizeof path, "%s", test_path("run.safetensors"));
    snprintf(one, sizeof one, "%s.1", path);
    remove(path);
    remove(one);
    TEST ("a trainer saves every 4 steps and at its end, and keeps two files; one call goes on from there") {
        run a = train(path, 4), b, c;
        gan_checkpoint says;
        CHECK(gan_resume(a.ctx, path) == -1 && !gan_error(a.ctx), "%s", gan_error_message(a.ctx));
        gan_trainer_run(a.t, 10);
        CHECK(gan_inspect(a.ctx, path, &says) == 0 && says.step == 10, "step %d", (int)says.step);
        CHECK(gan_inspect(a.ctx, one, &says) == 0 && says.step == 8, "step %d", (int)says.step);
        spoil(path);
        b = train(path, 4);
        CHECK(gan_resume(b.ctx, path) == 1 && gan_trainer_steps(b.t) == 8, "step %d",
              (int)gan_trainer_steps(b.t));
        gan_trainer_run(b.t, 4);
        c = train(NULL, 0);
        for (i = 0; i < 12; ++i) gan_trainer_step(c.t);
        CHECK(gan_item(gan_model_find(b.g, "theta")) == gan_item(gan_model_find(c.g, "theta")), "%g, not %g",
              (double)gan_item(gan_model_find(b.g, "theta")), (double)gan_item(gan_model_find(c.g, "theta")));
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
        gan_destroy(c.ctx);
    }
    TEST ("a trainer's generator leaves with its averages; its own weights stay") {
        run a = train(NULL, 0), b;
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "shipped", shift, NULL);
        double before, shipped, drawn, z = .25;
        const gan_real zero = (gan_real)z;
        gan_trainer_run(a.t, 5);
        before = (double)gan_item(gan_model_find(a.g, "theta"));
        CHECK(gan_trainer_save(a.t, path) == 0, "%s", gan_error_message(a.ctx));
        CHECK((double)gan_item(gan_model_find(a.g, "theta")) == before, "%s", "changed");
        CHECK(gan_model_load(g, path, 0) == 0, "%s", gan_error_message(ctx));
        shipped = (double)gan_item(gan_forward(g, gan_from(ctx, &zero, 1, 1), NULL));
        drawn = (double)gan_item(gan_trainer_generate(a.t, gan_from(a.ctx, &zero, 1, 1), NULL));
        CHECK(shipped == drawn && shipped != z + before, "shipped %g, drawn %g, own %g", shipped, drawn,
              z + before);
        gan_save(a.ctx, path); // and so it is right after a load
        b = train(NULL, 0);
        CHECK(gan_load(b.ctx, path) == 0 && gan_trainer_save(b.t, one) == 0, "%s", gan_error_message(b.ctx));
        CHECK(gan_model_load(g, one, 0) == 0, "%s", gan_error_message(ctx));
        drawn = (double)gan_item(gan_forward(g, gan_from(ctx, &zero, 1, 1), NULL));
        CHECK(shipped == drawn, "shipped %g, after a load %g", shipped, drawn);
        gan_destroy(b.ctx);
        gan_destroy(a.ctx);
        gan_destroy(ctx);
    }
}

// A process saves 1, 2, 1, 2 ... or 2, 1 ... into path until it is killed.
#ifdef POSIX
static void saves(const char *path, int begins)
{
    world o = make(NULL, begins), p = make(NULL, 3 - begins);
    while (!gan_save_rolling(o.ctx, path, 2) && !gan_save(p.ctx, path)) {}
    _exit(1);
}

static void test_killed(void)
{
    const char *wanted = getenv("TEST_KILLS");
    const int kills = wanted ? atoi(wanted) : 100;
    int i, whole = 0, ones = 0, left = 0;
    char path[512], name[600];
    DIR *d;
    struct dirent *e;
    uint32_t random = 1;
    snprintf(path, sizeof path, "%s", test_path("killed.safetensors"));
    TESTF ("%d processes killed while they save: each time the old file or the new one loads", kills) {
        world a = make(NULL, 1);
        CHECK(gan_save(a.ctx, path) == 0, "%s", gan_error_message(a.ctx));
        gan_destroy(a.ctx);
        // beyond `kills` until both files, and a kill within a save, were met: a busy machine meets them late
        for (i = 0; i < kills || (i < 100 * kills && (!ones || ones == i || !left)); ++i) {
            const pid_t child = fork();
            world o;
            if (!child) saves(path, 1 + i % 2);
            random = random * 1664525u + 1013904223u;
            usleep(500 + (random >> 8) % 10000);
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            o = make(NULL, 7);
            if (!gan_load(o.ctx, path) && (holds(&o, 1) || holds(&o, 2))) ++whole;
            ones += holds(&o, 1);
            gan_destroy(o.ctx);
            left = temporaries("killed");
        }
        printf("%d of %d kills survived; %d times the one file, %d temporaries of the dead\n", whole, i, ones,
               left);
        CHECK(whole == i, "%d of %d", whole, i);
        CHECK(ones > 0 && ones < i, "%d of %d times the one file", ones, i);
        CHECK(left > 0, "%s", "no process was killed within a save");
    }
    d = opendir(test_path("")); // what the dead left behind
    while (d && (e = readdir(d)) != NULL)
        if (!strncmp(e->d_name, "killed.", 7)) {
            snprintf(name, sizeof name, "%s", test_path(e->d_name));
            remove(name);
        }
    if (d) closedir(d);
}
#endif

// What a context takes from its allocator, now and at most.
typedef struct taken {
    size_t now, most;
} taken;
static void *take(size_t bytes, void *user)
{
    taken *t = (taken *)user;
    t->now += bytes;
    if (t->now > t->most) t->most = t->now;
    return malloc(bytes);
}
static void take_back(void *p, size_t bytes, void *user)
{
    ((taken *)user)->now -= bytes;
    free(p);
}

enum { LARGE = 1 << 20, LARGE_BYTES = LARGE * (int)sizeof(gan_real) };
static gan_real large_at(int i) { return (gan_real)(i % 1001) - 500; }

static void large_file(const char *path)
{
    gan_context *ctx = gan_create(NULL);
    gan_model *g = gan_model_create(ctx, "g", identity, NULL);
    gan_tensor *w = gan_param(g, "w", gan_init_zeros(), LARGE);
    int i;
    for (i = 0; i < LARGE; ++i) gan_data(w)[i] = large_at(i);
    CHECK(gan_save(ctx, path) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

enum { BY_LOAD, BY_RESUME, BY_MODEL, BY_BYTES, WAYS };

// The most memory that a context takes, in units of the weights: loaded before the model has them, or (ran)
// over those that it has.
static double most_of(int way, int ran, const char *path)
{
    taken t = {0, 0};
    gan_desc desc;
    gan_context *ctx;
    gan_model *g;
    gan_tensor *w;
    unsigned char *bytes = NULL;
    size_t n = 0;
    int i, wrong = 0;
    memset(&desc, 0, sizeof desc);
    desc.threads = 1;
    desc.allocator.alloc = take, desc.allocator.release = take_back, desc.allocator.user = &t;
    ctx = gan_create(&desc);
    g = gan_model_create(ctx, "g", identity, NULL);
    if (ran) (void)gan_param(g, "w", gan_init_constant(7), LARGE);
    if (way == BY_LOAD) gan_load(ctx, path);
    if (way == BY_RESUME) gan_resume(ctx, path);
    if (way == BY_MODEL) gan_model_load(g, path, 0);
    if (way == BY_BYTES) { // the whole file in memory, from where nothing can be pointed to
        FILE *f = fopen(path, "rb");
        n = (size_t)test_file_size(path) + 1;
        bytes = (unsigned char *)take(n, &t);
        if (f && bytes) n = fread(bytes + 1, 1, n - 1, f);
        if (f) fclose(f);
        gan_load_memory(ctx, bytes + 1, n++);
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    w = ran ? gan_model_find(g, "w") : gan_param(g, "w", gan_init_zeros(), LARGE);
    for (i = 0; i < LARGE && gan_data(w); ++i) wrong += gan_data(w)[i] != large_at(i);
    CHECK(gan_data(w) && !wrong, "%d values are wrong", wrong);
    gan_data(w)[0] = 3; // it is the model's own
    gan_destroy(ctx);
    if (bytes) take_back(bytes, n, &t);
    CHECK(t.now == 0, "%d bytes were not given back", (int)t.now);
    return (double)t.most / LARGE_BYTES;
}

static void test_peak(void)
{
    static const char *const name[] = {"gan_load", "gan_resume", "gan_model_load"};
    const char *path = test_path("large.safetensors");
    int way;
    for (way = BY_LOAD; way <= BY_MODEL; ++way) {
        TESTF ("%s before the model has weights takes less than 1.3 times the weights", name[way]) {
            double most;
            large_file(path);
            most = most_of(way, 0, path);
            CHECK(most < 1.3, "%g times", most);
        }
        TESTF ("%s over weights takes no more than them and the file", name[way]) {
            const double most = most_of(way, 1, path);
            CHECK(most < 2.3, "%g times", most);
        }
    }
    TEST_MUST_FAIL ("a file that is held beside the weights is caught") {
        CHECK(most_of(BY_BYTES, 0, path) < 1.3, "more");
    }
    TEST ("a damaged file is refused before memory is taken for its values") {
        taken t = {0, 0};
        gan_desc desc;
        gan_context *ctx;
        FILE *f = fopen(path, "r+b");
        if (f) {
            fseek(f, -5, SEEK_END);
            fputc(99, f);
            fclose(f);
        }
        memset(&desc, 0, sizeof desc);
        desc.threads = 1;
        desc.allocator.alloc = take, desc.allocator.release = take_back, desc.allocator.user = &t;
        ctx = gan_create(&desc);
        CHECK(gan_load(ctx, path) == GAN_ERROR_FORMAT, "%s", gan_error_message(ctx));
        CHECK_TEXT(gan_error_message(ctx), "digest does not fit");
        CHECK(gan_unclaimed(ctx, NULL) == 0 && t.most < LARGE_BYTES / 4, "%d bytes", (int)t.most);
        gan_destroy(ctx);
    }
    remove(path);
}

int main(void)
{
    test_written();
    test_read();
    test_memory();
    test_peak();
    test_types();
    test_save_fails();
    test_copies();
    test_says();
    test_weights();
    test_prefixes();
    test_foreign_types();
    test_old_names();
    test_half();
    test_run();
#ifdef POSIX
    test_killed();
#endif
    return test_done();
}
