// Room ckpt: safetensors written and read, what a damaged or hostile file does (nothing), and that a save is
// all or nothing.
#include "test.h"

#define GAN_IMPLEMENTATION
#include "../gan.h"

#if defined(__unix__) && !defined(__STRICT_ANSI__)
#define POSIX 1
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#endif

static gan_tensor *identity(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m;
    (void)label;
    return x;
}

// A context with the model "g" and, unless first is 0, its parameters w (2, 3) = first + 0 .. 5 and
// b (3) = -first - 0 .. 2.
typedef struct world {
    gan_context *ctx;
    gan_model *g;
    gan_tensor *w, *b;
} world;

static void parameters(world *o)
{
    o->w = gan_param(o->g, "w", gan_init_constant(0), 2, 2, 3);
    o->b = gan_param(o->g, "b", gan_init_constant(0), 1, 3);
}

static world make(const gan_desc *desc, double first)
{
    world o;
    int i;
    memset(&o, 0, sizeof o);
    o.ctx = gan_create(desc);
    o.g = gan_model_create(o.ctx, "g", identity, NULL);
    if (first == 0) return o;
    parameters(&o);
    for (i = 0; i < 6 && gan_data(o.w); ++i) gan_data(o.w)[i] = (gan_real)(first + i);
    for (i = 0; i < 3 && gan_data(o.b); ++i) gan_data(o.b)[i] = (gan_real)(-first - i);
    return o;
}

static int holds(const world *o, double first)
{
    int i, same = gan_data(o->w) && gan_data(o->b);
    for (i = 0; same && i < 6; ++i) same &= gan_data(o->w)[i] == (gan_real)(first + i);
    for (i = 0; same && i < 3; ++i) same &= gan_data(o->b)[i] == (gan_real)(-first - i);
    return same;
}

static unsigned char file[1 << 16];

static size_t get_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(file, 1, sizeof file, f) : 0;
    if (f) fclose(f);
    return n;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n) printf("%s cannot be written\n", path);
    if (f) fclose(f);
}

static void put64(unsigned char *p, uint64_t v)
{
    int i;
    for (i = 0; i < 8; ++i) p[i] = (unsigned char)(v >> 8 * i & 255);
}

static size_t build(unsigned char *to, const char *json, const void *values, size_t n)
{
    const size_t header = strlen(json);
    put64(to, header);
    memcpy(to + 8, json, header);
    if (n) memcpy(to + 8 + header, values, n);
    return 8 + header + n;
}

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
        b.b = gan_param(b.g, "b", gan_init_constant(0), 1, 3);
        b.w = gan_param(b.g, "w", gan_init_constant(0), 2, 2, 3);
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
        gan_rand_normal(a.ctx, 1, 11);
        CHECK(gan_save(a.ctx, path) == 0 && gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        gan_read(gan_rand_normal(a.ctx, 1, 5), x, 5);
        gan_read(gan_rand_normal(b.ctx, 1, 5), y, 5);
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
        gan_param(b.g, "b", gan_init_constant(5), 1, 3);
        b.w = gan_param(b.g, "w", gan_init_constant(7), 2, 3, 2);
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
                      (gan__little_endian() && shift % sizeof(gan_real) == 0),
                  "shifted by %d", (int)shift);
            gan_destroy(b.ctx);
        }
        gan_destroy(a.ctx);
    }
    TEST ("training and later loads write to memory of their own, not to that which was lent") {
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
        CHECK_BYTES(block.bytes, before, sizeof before, "lent memory, after a step");
        gan_destroy(b.ctx);
        b = make(NULL, 0);
        gan_load_memory(b.ctx, block.bytes, n);
        parameters(&b);
        CHECK(gan_load(b.ctx, second) == 0, "%s", gan_error_message(b.ctx));
        CHECK_BYTES(block.bytes, before, sizeof before, "lent memory, after a second load");
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
            gan_real *v = gan_data(gan_param(o.g, want[i].name, gan_init_constant(0), 1, 2));
            CHECK(v && (double)v[0] == want[i].a && (double)v[1] == want[i].b, "%s: %g %g, expected %g %g",
                  want[i].name, v ? (double)v[0] : 0, v ? (double)v[1] : 0, want[i].a, want[i].b);
        }
        gan_destroy(o.ctx);
    }
    TEST ("values of the model's own type come back to the bit where they are copied, signalling NaNs too") {
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
            TESTF ("a step of an optimiser is 0 to 2^53, whoever wrote the file: case %d", i) {
                const unsigned char *const c = counts[i / 2];
                world o = make(NULL, 1);
                const size_t n = build(
                    file, "{\"optimizer.g.step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}", c,
                    8);
                if (i % 2) (void)gan_load_memory(o.ctx, file, n); // before the optimiser is there, or after
                (void)gan_optimizer_create(o.g, gan_sgd((gan_real).1, 0));
                if (i % 2 == 0) (void)gan_load_memory(o.ctx, file, n);
                CHECK(gan_error(o.ctx) == c[8], "error %d, not %d: %s", gan_error(o.ctx), c[8],
                      gan_error_message(o.ctx));
                if (c[8]) CHECK_TEXT(gan_error_message(o.ctx), "optimizer.g.step");
                gan_destroy(o.ctx);
            }
    }
}

// Nothing may change when a file is refused.
static void refused(const unsigned char *bytes, size_t n, int code, const char *word, const char *what)
{
    world o = make(NULL, 1);
    const int got = gan_load_memory(o.ctx, bytes, n);
    const char *p;
    CHECK(got == code && gan_error(o.ctx) == code, "%s: %d, expected %d: %s", what, got, code,
          gan_error_message(o.ctx));
    if (word) CHECK_TEXT(gan_error_message(o.ctx), word);
    for (p = gan_error_message(o.ctx); *p; ++p)
        CHECK(*p >= ' ' && *p <= '~', "%s: byte %d in the message", what, *p);
    CHECK(holds(&o, 1), "%s: values changed", what);
    gan_error_clear(o.ctx);
    CHECK(gan_param(o.g, "later", gan_init_constant(2), 1, 1) && gan_item(gan_model_find(o.g, "later")) == 2,
          "%s: something of it stayed: %s", what, gan_error_message(o.ctx));
    gan_destroy(o.ctx);
}

#define T(shape, begin, end) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"
#define LATER "\"g.later\":" T("[1]", "0", "4")

static void test_faults(void)
{
    static const struct {
        const char *what, *json;
        int bytes;
        const char *word;
    } faults[] = {
        {"count x size wraps", "{\"a\":" T("[1073741824,1073741824,16]", "0", "0") "}", 0, "too large"},
        {"elements fit, bytes wrap", "{\"a\":" T("[2147483647,2147483647,2]", "0", "4") "}", 4, NULL},
        {"a dimension beyond int", "{\"a\":" T("[4294967297]", "0", "4") "}", 4, "too large"},
        {"a number beyond 64 bits", "{\"a\":" T("[1]", "0", "18446744073709551616") "}", 4, "too large"},
        {"an end that wraps the file", "{\"a\":" T("[1]", "18446744073709551612", "18446744073709551615") "}",
         4, NULL},
        {"rank above 8", "{\"a\":" T("[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "8 dimensions"},
        {"a negative dimension", "{\"a\":" T("[-1]", "0", "4") "}", 4, "whole number"},
        {"a negative offset", "{\"a\":" T("[1]", "-4", "0") "}", 4, "whole number"},
        {"a fraction", "{\"a\":" T("[1.0]", "0", "4") "}", 4, "not whole"},
        {"an exponent", "{\"a\":" T("[1e0]", "0", "4") "}", 4, "not whole"},
        {"a number with a leading zero", "{\"a\":" T("[01]", "0", "4") "}", 4, "begins with 0"},
        {"a dimension 0 beside huge ones", "{\"a\":" T("[0,2147483647,2147483647]", "0", "4") "}", 4,
         "do not fit"},
        {"end before begin", "{\"a\":" T("[1]", "4", "0") "}", 4, "do not fit"},
        {"bytes that do not fit the shape", "{\"a\":" T("[2]", "0", "4") "}", 4, "do not fit"},
        {"right count, wrong type", "{\"a\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "do not fit"},
        {"an unknown type", "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
         "dtype"},
        {"a type's beginning", "{\"a\":{\"dtype\":\"F3\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype"},
        {"a type with a zero in it",
         "{\"a\":{\"dtype\":\"F32\\u0000\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype"},
        {"a hole", "{" LATER ",\"a\":" T("[1]", "8", "12") "}", 12, "hole"},
        {"an overlap", "{" LATER ",\"a\":" T("[1]", "0", "4") "}", 4, "overlap"},
        {"a partial overlap", "{\"g.later\":" T("[2]", "0", "8") ",\"a\":" T("[1]", "4", "8") "}", 8,
         "overlap"},
        {"values that begin late", "{\"a\":" T("[1]", "4", "8") "}", 8, "hole"},
        {"a declared size beyond the file", "{" LATER ",\"a\":" T("[100]", "4", "404") "}", 8, "short"},
        {"bytes behind the last tensor", "{" LATER "}", 5, "too long"},
        {"values without tensors", "{}", 4, "too long"},
        {"the same name twice", "{" LATER ",\"g.later\":" T("[1]", "4", "8") "}", 8, "twice"},
        {"the same name twice, once escaped", "{" LATER ",\"g.l\\u0061ter\":" T("[1]", "4", "8") "}", 8,
         "twice"},
        {"a key twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         4, "twice"},
        {"__metadata__ twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice"},
        {"a key too few", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, "missing"},
        {"an unknown key", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
         "key"},
        {"an empty name", "{\"\":" T("[1]", "0", "4") "}", 4, "name"},
        {"an unprintable name", "{\"a\\u0007\":" T("[1]", "0", "4") "}", 4, "name"},
        {"a control character in a text", "{\"a\007\":" T("[1]", "0", "4") "}", 4, "control"},
        {"bytes that are no UTF-8", "{\"\xc0\xaf\":" T("[1]", "0", "4") "}", 4, "UTF-8"},
        {"a surrogate in UTF-8", "{\"\xed\xa0\x80\":" T("[1]", "0", "4") "}", 4, "UTF-8"},
        {"a name that is not ASCII", "{\"\xc3\xa9\":" T("[1]", "0", "4") "}", 4, "name"},
        {"half a surrogate pair", "{\"\\ud800\":" T("[1]", "0", "4") "}", 4, "escape"},
        {"an unknown escape", "{\"\\x41\":" T("[1]", "0", "4") "}", 4, "escape"},
        {"a text without an end", "{\"a", 0, "end"},
        {"a trailing comma", "{" LATER ",}", 4, "quotes"},
        {"no comma", "{" LATER LATER "}", 4, "end"},
        {"no end", "{" LATER, 4, NULL},
        {"a second object", "{" LATER "}{}", 4, "follows"},
        {"a space in front", " {" LATER "}", 4, "{"},
        {"an array", "[]", 0, "{"},
        {"a number for a tensor", "{\"a\":1}", 0, "{...}"},
        {"nesting for a tensor", "{\"a\":{\"dtype\":{\"dtype\":{}}}}", 0, "quotes"},
        {"nesting for a shape", "{\"a\":" T("[[1]]", "0", "4") "}", 4, "whole number"},
        {"metadata that is no text", "{\"__metadata__\":{\"format\":1}}", 0, "quotes"},
        {"our format without a digest",
         "{\"__metadata__\":{\"format\":\"gan.h\",\"schema\":\"1\"}," LATER "}", 4, "digest"},
        {"a wrong digest", "{\"__metadata__\":{\"digest\":\"0123456789abcdef\"}," LATER "}", 4, "digest"},
        {"a digest that is too long",
         "{\"__metadata__\":{\"digest\":\"0123456789abcdef0123456789abcdef\"}," LATER "}", 4, "digest"}};
    static const struct {
        const char *what, *json;
        int bytes;
    } sound[] = {
        {"no tensors", "{}", 0},
        {"spaces everywhere",
         "{ \"a\"\n:\t{ \"dtype\" : \"F32\" ,\r\"shape\" : [ 1 , 1 ] , \"data_offsets\" : [ 0 , 4 ] } }   ",
         4},
        {"a scalar", "{\"a\":" T("[]", "0", "4") "}", 4},
        {"a tensor of size 0",
         "{\"a\":" T("[0,3]", "0", "0") ",\"b\":" T("[1]", "0", "4") ",\"c\":" T("[0]", "4", "4") "}", 4},
        {"size 0 beside huge dimensions", "{\"a\":" T("[0,2147483647,2147483647]", "0", "0") "}", 0},
        {"offsets out of order", "{\"b\":" T("[1]", "4", "8") ",\"a\":" T("[1]", "0", "4") "}", 8},
        {"escapes",
         "{\"\\u0061\\/b\":" T("[1]", "0",
                               "4") ",\"__metadata__\":{\"\\ud83d\\ude00\":\"\\\"\\\\\\b\\f\\n\\r\\t\"}}",
         4},
        {"UTF-8 in the metadata", "{\"__metadata__\":{\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\":\"\"}}", 0}};
    static const unsigned char zeros[512];
    size_t i;
    for (i = 0; i < sizeof faults / sizeof faults[0]; ++i)
        TESTF ("refused, and nothing changes: %s", faults[i].what) {
            const size_t n = build(file, faults[i].json, zeros, (size_t)faults[i].bytes);
            refused(file, n, GAN_ERROR_FORMAT, faults[i].word, faults[i].what);
        }
    for (i = 0; i < sizeof sound / sizeof sound[0]; ++i)
        TESTF ("accepted: %s", sound[i].what) {
            world o = make(NULL, 1);
            const size_t n = build(file, sound[i].json, zeros, (size_t)sound[i].bytes);
            CHECK(gan_load_memory(o.ctx, file, n) == 0 && holds(&o, 1), "%s", gan_error_message(o.ctx));
            gan_destroy(o.ctx);
        }
    TEST ("a schema of the future is told apart from damage") {
        const size_t n =
            build(file, "{\"__metadata__\":{\"format\":\"gan.h\",\"schema\":\"2\"}," LATER "}", zeros, 4);
        refused(file, n, GAN_ERROR_UNSUPPORTED, "version", "schema 2");
    }
    TEST ("a header's length beyond the file, beyond 100 MB and beyond 2^63 takes no memory") {
        static const uint64_t lengths[] = {
            3, 100, 99999999, 100000001, 0x7fffffffffffffffu, 0xffffffffffffffffu, 0xfffffffffffffff8u};
        const size_t n = build(file, "{}", zeros, 0);
        for (i = 0; i < sizeof lengths / sizeof lengths[0]; ++i) {
            world o = make(NULL, 1);
            const size_t peak = gan_memory(o.ctx).peak;
            put64(file, lengths[i]);
            CHECK(gan_load_memory(o.ctx, file, n) == GAN_ERROR_FORMAT, "%s", gan_error_message(o.ctx));
            CHECK(gan_memory(o.ctx).peak < peak + 4096, "%lu more bytes",
                  (unsigned long)(gan_memory(o.ctx).peak - peak));
            gan_destroy(o.ctx);
        }
    }
    TEST ("gzip, zip and NumPy files are named as what they are") {
        refused((const unsigned char *)"\x1f\x8b\x08", 3, GAN_ERROR_FORMAT, "gunzip", "gzip");
        refused((const unsigned char *)"PK\3\4 and so on", 14, GAN_ERROR_FORMAT, "torch.save", "zip");
        refused((const unsigned char *)"\x93NUMPY\1", 8, GAN_ERROR_FORMAT, "NumPy", "npy");
        refused((const unsigned char *)"", 0, GAN_ERROR_FORMAT, "0 bytes", "empty");
        refused((const unsigned char *)"1234567", 7, GAN_ERROR_FORMAT, "7 bytes", "7 bytes");
        refused((const unsigned char *)"plain text of some length", 25, GAN_ERROR_FORMAT, "no safetensors",
                "text");
    }
    TEST ("a hundred thousand brackets, and thirty thousand tensors, are read without recursion in their "
          "time") {
        enum { DEEP = 100000, MANY = 30000 };
        unsigned char *big = (unsigned char *)malloc(MANY * 80 + 64), *p = big + 8;
        world o = make(NULL, 0);
        clock_t begun = clock();
        memset(p, '[', DEEP);
        memcpy(p, "{\"a\":", 5);
        put64(big, DEEP);
        refused(big, 8 + DEEP, GAN_ERROR_FORMAT, "{...}", "brackets");
        for (i = 0; i < MANY; ++i)
            p += sprintf((char *)p, "%c\"%lu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%lu,%lu]}",
                         i ? ',' : '{', (unsigned long)(i * 7919 % MANY), (unsigned long)i,
                         (unsigned long)i + 1);
        *p++ = '}';
        put64(big, (uint64_t)(p - big - 8));
        for (i = 0; i < MANY; ++i) *p++ = (unsigned char)i;
        CHECK(gan_load_memory(o.ctx, big, (size_t)(p - big)) == 0, "%s", gan_error_message(o.ctx));
        CHECK((double)(clock() - begun) / CLOCKS_PER_SEC < 3, "%g seconds",
              (double)(clock() - begun) / CLOCKS_PER_SEC);
        gan_destroy(o.ctx);
        free(big);
    }
}

static void test_damage(void)
{
    char path[512];
    static unsigned char bad[1 << 12];
    world a = make(NULL, 5);
    size_t n, i;
    snprintf(path, sizeof path, "%s", test_path("damage.safetensors"));
    gan_save(a.ctx, path);
    gan_destroy(a.ctx);
    n = get_file(path);
    TEST ("the whole file is accepted (the control of what follows)") {
        world o = make(NULL, 1);
        CHECK(n > 100 && n < sizeof bad, "%lu bytes", (unsigned long)n);
        CHECK(gan_load_memory(o.ctx, file, n) == 0 && holds(&o, 5), "%s", gan_error_message(o.ctx));
        gan_destroy(o.ctx);
    }
    TEST ("cut at every length it is refused, from memory and from disk") {
        for (i = 0; i < n; ++i) refused(file, i, GAN_ERROR_FORMAT, NULL, "cut");
        for (i = 0; i < n; i += 37) {
            world o = make(NULL, 1);
            put_file(test_path("cut.safetensors"), file, i);
            CHECK(gan_load(o.ctx, test_path("cut.safetensors")) == GAN_ERROR_FORMAT && holds(&o, 1),
                  "cut at %lu", (unsigned long)i);
            CHECK_TEXT(gan_error_message(o.ctx), "cut.safetensors");
            gan_destroy(o.ctx);
        }
    }
    TEST ("every byte xor 01, 80, FF: refused without a change, or the values are the same") {
        static const unsigned char masks[] = {0x01, 0x80, 0xff};
        size_t k;
        for (i = 0; i < n; ++i)
            for (k = 0; k < 3; ++k) {
                world o = make(NULL, 1);
                int code;
                memcpy(bad, file, n);
                bad[i] ^= masks[k];
                code = gan_load_memory(o.ctx, bad, n);
                CHECK(holds(&o, code ? 1 : 5), "byte %lu xor %02x: code %d", (unsigned long)i, masks[k],
                      code);
                gan_destroy(o.ctx);
            }
    }
    TEST_MUST_FAIL ("without the digest a flipped value would pass") {
        world o = make(NULL, 1);
        char *at;
        memcpy(bad, file, n);
        at = strstr((char *)bad + 8, "__metadata__");
        if (at) memcpy(at, "__metadatb__", 12);
        bad[n - 1] ^= 1;
        at = at ? strstr(at, "digest") : NULL;
        CHECK(at && gan_load_memory(o.ctx, bad, n) == 0, "%s", "refused");
        gan_destroy(o.ctx);
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
        CHECK_TEXT(gan_error_message(o.ctx), "untouched");
        CHECK(temporaries("") == 0, "%d temporary files left", temporaries(""));
        gan_destroy(o.ctx);
    }
    TEST ("after an error nothing is saved: the good file of the last run stays") {
        world a = make(NULL, 1), b = make(NULL, 2);
        gan_save(a.ctx, path);
        gan_reshape(gan_zeros(b.ctx, 1, 4), 1, 5);
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
        size_t n, room;
        int done = 0, failed = 0;
        gan_save(a.ctx, path);
        n = get_file(path);
        memcpy(before, file, n);
        for (room = 2048; room < sizeof block.bytes && done < 8; room += 192) {
            gan_desc desc;
            world o;
            int loaded, saved;
            memset(&desc, 0, sizeof desc);
            desc.memory = block.bytes;
            desc.memory_size = room;
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
            CHECK(holds(&o, loaded ? 2 : 1), "in %lu bytes: load %d", (unsigned long)room, loaded);
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

int main(void)
{
    test_written();
    test_read();
    test_memory();
    test_types();
    test_faults();
    test_damage();
    test_save_fails();
    return test_done();
}
