// Section archive: what a damaged or hostile file does, which is nothing but an error; the classes of faults
// that other loaders had.
#include "test.h"

#include "../gan.h"

#include "checkpoints.h"
#include "printable.h"

// Nothing may change when a file is refused.
static void refused(const unsigned char *bytes, size_t n, int code, const char *word, const char *what)
{
    world o = make(NULL, 1);
    const int got = gan_load_memory(o.ctx, bytes, n);
    CHECK(got == code && gan_error(o.ctx) == code, "%s: %d, expected %d: %s", what, got, code,
          gan_error_message(o.ctx));
    if (word) CHECK_TEXT(gan_error_message(o.ctx), word);
    CHECK(is_printable(gan_error_message(o.ctx)), "%s: %s", what, gan_error_message(o.ctx));
    CHECK(holds(&o, 1), "%s: values changed", what);
    gan_error_clear(o.ctx);
    CHECK(gan_param(o.g, "later", gan_init_constant(2), 1) && gan_item(gan_model_find(o.g, "later")) == 2,
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
        {"an unknown type", "{\"a\":{\"dtype\":\"F8_E4M4\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
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
    TEST ("a hundred thousand brackets, and thirty thousand tensors, are read without recursion") {
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
        printf("figure: 30000 tensors are read in %.2f s\n", (double)(clock() - begun) / CLOCKS_PER_SEC);
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

int main(void)
{
    test_faults();
    test_damage();
    return test_done();
}
