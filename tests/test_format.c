// Section format: what hostile files do (cut, flipped, huge, wrapped), numbers as text, files told apart.
#include "files.h"
#include "printable.h"

#define GAN_IMPLEMENTATION
#include "../gan.h"

static file_bytes f, bad;
static char said[600];
static size_t reserved; // bytes that the last context took

// Opens the file, draws two batches; the error code, the message in `said`.
static int opening(const file_bytes *b, gan_format format)
{
    unsigned char *exact = (unsigned char *)malloc(b->n + 1); // so that a sanitizer sees a byte too many
    gan_context *ctx = gan_create(NULL);
    gan_dataset_desc desc;
    gan_dataset *d;
    int code;
    if (!exact) exit(1);
    memcpy(exact + 1, b->p, b->n);
    memset(&desc, 0, sizeof desc);
    desc.bytes = exact + 1;
    desc.size = b->n;
    desc.format = format;
    d = gan_dataset_open(ctx, &desc);
    CHECK((d == NULL) == (gan_error(ctx) != 0), "dataset %p with error %d", (void *)d, gan_error(ctx));
    if (d) gan_dataset_batch(d, 1, NULL);
    code = gan_error(ctx);
    snprintf(said, sizeof said, "%s", gan_error_message(ctx));
    reserved = gan_memory(ctx).reserved;
    gan_destroy(ctx);
    free(exact);
    return code;
}

static void refused(const char *what, const char *word)
{
    const int code = opening(&f, GAN_FORMAT_AUTO);
    CHECK(code == GAN_ERROR_FORMAT, "%s: error %d: %s", what, code, said);
    CHECK(reserved <= 1 << 18, "%s: %ld bytes were taken", what, (long)reserved);
    CHECK_TEXT(said, word);
}

// One well-formed file of each format that has no picture decoder.
enum { KINDS = 9 };
static const char *const kinds[] = {"idx", "npy", "npy2", "pgm", "ppm16", "csv", "cifar", "pam", "pam16"};
static const gan_format formats[] = {GAN_FORMAT_IDX,   GAN_FORMAT_NPY, GAN_FORMAT_NPY,
                                     GAN_FORMAT_PNM,   GAN_FORMAT_PNM, GAN_FORMAT_CSV,
                                     GAN_FORMAT_CIFAR, GAN_FORMAT_PNM, GAN_FORMAT_PNM};

static void whole(int kind)
{
    int i;
    f.n = 0;
    switch (kind) {
    case 0:
        add(&f, "\0\0\x08\3", 4);
        for (i = 2; i < 5; ++i) add_be32(&f, (uint32_t)i);
        for (i = 0; i < 24; ++i) add_number(&f, 'u', 1, 0, 9 * i);
        break;
    case 1:
    case 2:
        npy_of(&f, kind, kind == 1 ? "<f4" : ">i4", kind == 2, "(4, 3)");
        for (i = 0; i < 12; ++i) add_number(&f, kind == 1 ? 'f' : 'i', 4, kind == 2, i);
        break;
    case 3:
        add_text(&f, "P5 # a comment\n4 3 255\n");
        for (i = 0; i < 12; ++i) add_number(&f, 'u', 1, 0, 20 * i);
        break;
    case 4:
        add_text(&f, "P6 2 2 4095\n");
        for (i = 0; i < 12; ++i) add_number(&f, 'u', 2, 1, 300 * i);
        break;
    case 5: add_text(&f, "x,y,class\n1,2.5,0\n-3e-1,4,1\n\"5\",.5,2\n"); break;
    case 6:
        for (i = 0; i < 2 * 3073; ++i) add_number(&f, 'u', 1, 0, i % 3073 ? i % 251 : i > 0);
        break;
    case 7:
        add_text(&f, "P7\nWIDTH 2\n#x\nHEIGHT 3\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n");
        for (i = 0; i < 12; ++i) add_number(&f, 'u', 1, 0, 20 * i);
        break;
    case 8:
        add_text(&f, "P7\nMAXVAL 4095\nDEPTH 3\nWIDTH 2\nHEIGHT 2\nENDHDR\n");
        for (i = 0; i < 12; ++i) add_number(&f, 'u', 2, 1, 300 * i);
        break;
    }
}

static void test_damage(void)
{
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    int kind;
    size_t i, k, cuts;
    TEST ("the whole files open, by content and by name of their format") {
        for (kind = 0; kind < KINDS; ++kind) {
            whole(kind);
            CHECK(opening(&f, GAN_FORMAT_AUTO) == 0, "%s: %s", kinds[kind], said);
            CHECK(opening(&f, formats[kind]) == 0, "%s: %s", kinds[kind], said);
            CHECK(gan__format_of(f.p, f.n, f.n) == formats[kind], "%s taken for %d", kinds[kind],
                  (int)gan__format_of(f.p, f.n, f.n));
        }
    }
    TEST ("cut at every length: refused with a message, but where the format has no length of its own") {
        for (kind = 0; kind < KINDS; ++kind) {
            whole(kind);
            bad = f;
            for (cuts = 0, i = 0; i < f.n; i += kind == 6 && i > 20 ? 97 : 1) {
                int code;
                bad.n = i;
                code = opening(&bad, formats[kind]);
                cuts += code == 0;
                CHECK(code == 0 || (code == GAN_ERROR_FORMAT && said[0]), "%s of %d bytes: %d %s",
                      kinds[kind], (int)i, code, said);
                (void)opening(&bad, GAN_FORMAT_AUTO);
            }
            CHECK(kind == 5 || cuts == 0, "%s: %d cut files opened", kinds[kind], (int)cuts);
        }
    }
    TEST ("every byte flipped by 01, 80 and ff: opens or is refused with a message, never more") {
        for (kind = 0; kind < KINDS; ++kind) {
            whole(kind);
            for (i = 0; i < f.n; i += kind == 6 && i > 20 ? 41 : 1)
                for (k = 0; k < 3; ++k) {
                    int code;
                    bad = f;
                    bad.p[i] ^= flips[k];
                    code = opening(&bad, k ? formats[kind] : GAN_FORMAT_AUTO);
                    CHECK(code == 0 || code == GAN_ERROR_FORMAT, "%s, byte %d: %d %s", kinds[kind], (int)i,
                          code, said);
                    CHECK((code == 0) == !said[0], "%s, byte %d: %d %s", kinds[kind], (int)i, code, said);
                    CHECK(is_printable(said), "%s", said);
                }
        }
    }
    TEST ("a byte too many is seen where the format tells its length") {
        for (kind = 0; kind < KINDS; ++kind) {
            whole(kind);
            add_text(&f, "\1");
            if (kind != 5) CHECK(opening(&f, formats[kind]) == GAN_ERROR_FORMAT, "%s: %s", kinds[kind], said);
        }
    }
    TEST ("compressed files and archives are named, with the way out") {
        f.n = 0;
        add(&f, "\x1f\x8b\x08 and so on", 12);
        refused("gzip", "gunzip");
        f.n = 0;
        add(&f, "PK\3\4 and so on", 13);
        refused("zip", "unzip");
        f.n = 0;
        refused("nothing", "0 bytes");
        add(&f, "\x7f\x45LF\1\2\3", 7);
        refused("something else", "neither IDX");
    }
}

static void idx_of(unsigned char type, int rank, const uint32_t *dim, int values)
{
    unsigned char magic[4] = {0, 0, 0, 0};
    int i;
    f.n = 0;
    magic[2] = type;
    magic[3] = (unsigned char)rank;
    add(&f, magic, 4);
    for (i = 0; i < rank; ++i) add_be32(&f, dim[i]);
    for (i = 0; i < values; ++i) add_text(&f, "v");
}

static void npy_text(const char *dictionary, const char *word)
{
    npy_start(&f, 1, dictionary);
    add_text(&f, "v");
    refused(dictionary, word);
}

// The classes of faults that loaders have had, by number of the list in the comment of each.
static void test_classes(void)
{
    int i;
    TEST ("1 and 3: counts, and bytes, that wrap") {
        static const uint32_t cube[3] = {0x7fffffff, 0x7fffffff, 0x7fffffff},
                              wrap[3] = {0x10000, 0x10000, 0x10000},
                              eight[8] = {256, 256, 256, 256, 256, 256, 256, 256},
                              bytes[3] = {0x40000000, 0x40000000, 2}; // 2^61 elements of 8 bytes: 2^64
        idx_of(8, 3, cube, 8);
        refused("cube", "");
        idx_of(8, 3, wrap, 8);
        refused("wrap", "short");
        idx_of(8, 8, eight, 8);
        refused("eight", "too large");
        idx_of(14, 3, bytes, 8);
        refused("bytes", "short");
        npy_text("{'descr': '<f8', 'fortran_order': False, 'shape': (1073741824, 1073741824, 2), }", "short");
    }
    TEST ("2: rank out of bounds") {
        static const uint32_t one[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
        idx_of(8, 9, one, 1);
        CHECK(opening(&f, GAN_FORMAT_IDX) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "rank");
        idx_of(8, 0, one, 9);
        CHECK(opening(&f, GAN_FORMAT_IDX) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "rank");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "more than 8");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "single number");
    }
    TEST ("4 and 5: header lengths that run beyond the file or wrap") {
        static const char *const lengths[] = {"\xff\xff\xff\xff", "\xfb\xff\xff\xff", "\xff\xff\xff\x7f",
                                              "\x11\x27\0\0"};
        for (i = 0; i < 4; ++i) {
            whole(2);
            memcpy(f.p + 8, lengths[i], 4);
            refused("length", "10000");
        }
        whole(2);
        memcpy(f.p + 8, "\x10\x27\0\0", 4); // 10000 exactly
        refused("length", "short");
    }
    TEST ("6: each dimension of zero") {
        uint32_t dim[3];
        int k;
        for (k = 0; k < 3; ++k) {
            for (i = 0; i < 3; ++i) dim[i] = i == k ? 0 : 0x7fffffff;
            idx_of(8, 3, dim, 4);
            refused("zero", k ? "" : "dimension 0");
            dim[(k + 1) % 3] = dim[(k + 2) % 3] = 2;
            idx_of(8, 3, dim, 4);
            refused("zero", "is 0");
        }
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "dimension 0");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }", "dimension 1");
        f.n = 0;
        add_text(&f, "P5 0 5 255\n");
        refused("width", "width of 0");
        f.n = 0;
        add_text(&f, "P5 5 0 255\n");
        refused("height", "height of 0");
        f.n = 0;
        add_text(&f, "P5 5 5 0\n");
        refused("maxval", "value of 0");
    }
    TEST ("7, 12 and 16: sizes that the file cannot hold take no memory; no int wraps") {
        static const uint32_t large[3] = {0x7fffffff, 1, 1};
        idx_of(8, 3, large, 4);
        refused("idx", "2147483663 needed");
        npy_text("{'descr': '<i8', 'fortran_order': False, 'shape': (2147483647, 1000), }", "short");
        npy_text("{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999999999999999, 1), }",
                 "too large");
        f.n = 0;
        add_text(&f, "P6 2147483647 2147483647 65535\nx");
        refused("ppm", "short");
        f.n = 0;
        add_text(&f, "P6 65536 65536 255\nx");
        refused("ppm", "short");
        f.n = 0;
        add_text(&f, "P6 99999999999999999999 1 255\nx");
        refused("ppm", "width of");
        f.n = 0;
        add_text(&f, "P5 1 1 65536\nx");
        refused("maxval", "1 to 65535");
    }
    TEST ("8 and 14: the right count of another type, and the wrong byte order") {
        static const uint32_t little[3] = {0x02000000, 0x03000000, 0x04000000}, dim[3] = {2, 3, 4};
        idx_of(8, 3, little, 24);
        refused("little endian", "");
        idx_of(13, 3, dim, 24);
        refused("f32 with the bytes of u8", "112 needed");
        npy_text("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "type |O");
        npy_text("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", "astype");
        npy_text("{'descr': '|f4', 'fortran_order': False, 'shape': (3,), }", "astype");
        npy_text("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", "astype");
        npy_text("{'descr': '<U3', 'fortran_order': False, 'shape': (3,), }", "astype");
        npy_text("{'descr': '', 'fortran_order': False, 'shape': (3,), }", "astype");
        npy_text("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }", "structured");
    }
    TEST ("9: negative and malformed numbers in text") {
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4), }", "no number");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (3, +4), }", "no number");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (3.0, 4), }", "no , or )");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (0x3, 4), }", "");
        f.n = 0;
        add_text(&f, "P5 -1 5 255\n");
        refused("pgm", "width");
    }
    TEST ("11: keys that stand twice, are unknown or missing") {
        npy_text("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "twice");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", "other than");
        npy_text("{'descr': '<f4', 'fortran_order': False}", "missing");
        npy_text("{'descr': '<f4', 'fortran_order': 1, 'shape': (3,), }", "neither True");
        npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } x", "after the }");
        npy_text("'descr': '<f4'", "no {");
    }
    TEST ("13: nesting is no recursion") {
        char deep[4000];
        memset(deep, '(', sizeof deep);
        memcpy(deep, "{'shape': ", 10);
        deep[sizeof deep - 1] = 0;
        npy_text(deep, "no number");
        memset(deep, '{', sizeof deep - 1);
        npy_text(deep, "no key");
    }
    TEST ("PAM: words that stand twice, are unknown, missing, or do not fit, and what is no PAM") {
        static const char *const heads[][2] = {
            {"WIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nWIDTH 1\nENDHDR\n", "twice"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nCOLOR 1\nENDHDR\n", "no PAM header has"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 1\nENDHDR\n", "missing"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 5\nMAXVAL 255\nENDHDR\n", "DEPTH of 5, 1 to 4"},
            {"WIDTH 1\nHEIGHT 0\nDEPTH 1\nMAXVAL 255\nENDHDR\n", "HEIGHT of 0"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 65536\nENDHDR\n", "1 to 65535"},
            {"WIDTH\n1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n", "no number"},
            {"WIDTH 1 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n", "more than"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR 1\n", "more than"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n", "does not fit"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE CMYK\nENDHDR\n", "TUPLTYPE other"},
            {"WIDTH 99999 \nHEIGHT 99999\nDEPTH 4\nMAXVAL 255\nENDHDR\n", "short"},
            {"WIDTH 2147483647\nHEIGHT 2147483647\nDEPTH 4\nMAXVAL 65535\nENDHDR\n", "short"},
            {"WIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255", "short"}};
        for (i = 0; i < (int)(sizeof heads / sizeof *heads); ++i) {
            f.n = 0;
            add_text(&f, "P7\n");
            add_text(&f, heads[i][0]);
            add_text(&f, "v");
            refused(heads[i][0], heads[i][1]);
        }
        f.n = 0;
        add_text(&f, "P7 332\n#IMGINFO"); // XV's thumbnails
        CHECK(opening(&f, GAN_FORMAT_PNM) == GAN_ERROR_FORMAT, "%s", said);
        CHECK_TEXT(said, "no binary PGM, PPM or PAM");
    }
    TEST ("15: unprintable bytes of a file are not echoed") {
        const char *c;
        npy_text("{'descr': '\x1b[2J\x07\xff', 'fortran_order': False, 'shape': (3,), }", "astype");
        for (c = said; *c; ++c) CHECK(*c >= ' ' && *c <= '~', "byte %d", *c);
    }
    TEST_MUST_FAIL ("a good file is not refused") {
        whole(0);
        refused("whole", "");
    }
}

static void csv(const char *text, int rows, int columns, const double *v)
{
    gan__format_layout l;
    gan__format_table table;
    const gan_real *values = NULL;
    gan_context *ctx = gan_create(NULL);
    const int code =
        gan__format_csv(ctx, "text", (const unsigned char *)text, strlen(text), NULL, &l, &values, &table);
    CHECK(!code && l.dim[0] == rows && l.dim[1] == columns, "%d x %d of \"%s\": %s", l.dim[0], l.dim[1], text,
          gan_error_message(ctx));
    if (!code && l.dim[0] == rows && l.dim[1] == columns)
        CHECK_ARRAY(rows * columns, values, v, 0, 1e-7, text);
    gan_destroy(ctx);
}

static void no_csv(const char *text, const char *word)
{
    f.n = 0;
    add_text(&f, text);
    CHECK(opening(&f, GAN_FORMAT_CSV) == GAN_ERROR_FORMAT, "%s: %s", text, said);
    CHECK_TEXT(said, word);
}

static void test_csv(void)
{
    static const double v[] = {1, 2, 3, 4};
    TEST ("CSV: separators, headers, comments, blanks, line ends") {
        csv("1,2\n3,4\n", 2, 2, v);
        csv("1;2\r\n3;4", 2, 2, v);
        csv("1\t2\n3\t4\n", 2, 2, v);
        csv("  1   2\n 3 4  \n", 2, 2, v);
        csv("\xef\xbb\xbfx,y\n1 , 2\n\n3, 4\n\n", 2, 2, v);
        csv("# numpy.savetxt\n1.0e+00 2.000E0\n3 40e-1\n", 2, 2, v);
        csv("\"a\"\n1\n2\n3\n4\n", 4, 1, v);
        csv("a,b,c,d\r1,2,3,4", 1, 4, v);
        csv("1 2\n\f\n3 4\n \v\t\n", 2, 2, v);
        csv("\"a, b\",c\n\"1\", 2\n3,\"4\"\n", 2, 2, v);
    }
    TEST ("CSV: lines of other lengths, words, holes, infinities name their line and field") {
        no_csv("1,2\n3\n", "line 2 has 1 fields");
        no_csv("1,2\n3,x\n", "line 2, field 2");
        no_csv("x,y\n1,\n", "line 2, field 2");
        no_csv("1,2\n,3\n", "line 2, field 1");
        no_csv("1,2\n3,inf\n", "line 2, field 2");
        no_csv("1,2\n3,nan\n", "line 2, field 2");
        no_csv("1,2\n3,1e999\n", "line 2, field 2");
        no_csv("1,2\n3,1e\n", "line 2, field 2");
        no_csv("1,2\n3,1-2\n", "line 2, field 2");
        no_csv("NA,NaN\n1,2\n", "line 1, field 1 is no finite number: NA"); // no names
        no_csv("x,y\n", "no lines");
        no_csv("x,y\nz,w\n", "line 2, field 1");
        no_csv("\n\n", "no lines");
        no_csv("1,NA\n3,4\n", "line 1, field 2 is no finite number: NA"); // no header: a 1 stands in it
        no_csv("1,,3\n4,5,6\n", "line 1, field 2 is no finite number: it is empty");
        no_csv("1e400,2\n3,4\n", "line 1, field 1");
        no_csv("\"1,000\",2\n3,4\n", "field 1 is no finite number: \"1,000\"");
        no_csv("1,2\n3,\x1b[2J\n", "field 2 is no finite number: ?[2J");
    }
    TEST ("numbers as text are as strtod reads them, to 4e-16") {
        int i;
        for (i = 0; i < 20000; ++i) {
            char text[60];
            double got = 0, want = test_normal() * pow(10, test_int(-300, 300));
            const int digits = test_int(1, 17);
            snprintf(text, sizeof text, "%.*g", digits, want);
            want = strtod(text, NULL);
            CHECK(!gan__format_csv_number((unsigned char *)text, (unsigned char *)text + strlen(text), &got),
                  "%s", text);
            CHECK(fabs(got - want) <= 1e-15 * fabs(want), "%s read as %.17g", text, got);
            if (digits <= 15 && fabs(log10(fabs(want))) < 7)
                CHECK(got == want, "%s read as %.17g", text, got);
        }
    }
    TEST ("numbers of zero, of long mantissas and at the ends of double") {
        static const char *const text[] = {"0",
                                           "-0.0",
                                           "000000000000000000000000000000001",
                                           "1e308",
                                           "4e-320",
                                           "0e999999999",
                                           "1e-99999",
                                           "123456789012345678901234567890",
                                           ".000000000000000000000000000001",
                                           "+5."};
        static const double want[] = {0,     0, 1, 1e308, 4e-320, 0, 0, 123456789012345678901234567890.,
                                      1e-30, 5};
        size_t i;
        for (i = 0; i < 10; ++i) {
            double got = -1;
            CHECK(!gan__format_csv_number((const unsigned char *)text[i],
                                          (const unsigned char *)text[i] + strlen(text[i]), &got),
                  "%s", text[i]);
            CHECK_NEAR(got, want[i], 1e-14 * want[i], text[i]);
        }
    }
}

int main(void)
{
    test_damage();
    test_classes();
    test_csv();
    return test_done();
}
