// Section file: reading whole and by pieces, mapping, folders, names in UTF-8, positions beyond 2 GiB.
// Durable writing is in test_data and test_ckpt.
#include "files.h"

#define GAN_IMPLEMENTATION
#include "../gan.h"

static unsigned char bytes[10000];

static void test_sources(void)
{
    TEST ("a file mapped, read whole or by pieces has the same bytes") {
        gan_context *ctx = gan_create(NULL);
        const char *path;
        unsigned char got[10000];
        size_t i;
        int way;
        for (i = 0; i < sizeof bytes; ++i) bytes[i] = (unsigned char)test_int(0, 255);
        path = put_file("source", bytes, sizeof bytes);
        for (way = 0; way < 2; ++way) {
            gan__file_source s;
            CHECK(!gan__file_source_open(ctx, &s, path) && s.size == sizeof bytes, "%s",
                  gan_error_message(ctx));
            if (way)
                CHECK(!gan__file_source_hold(ctx, &s, sizeof bytes) && s.bytes, "%s", gan_error_message(ctx));
            for (i = 0; i < sizeof bytes; i += 100)
                CHECK(!gan__file_source_read(ctx, &s, 9900 - i, got + 9900 - i, 100), "%s",
                      gan_error_message(ctx));
            CHECK_BYTES(got, bytes, sizeof bytes, "the file");
            CHECK(gan__file_source_read(ctx, &s, 9901, got, 100) && gan_error(ctx) == GAN_ERROR_FORMAT,
                  "beyond the end");
            gan_error_clear(ctx);
            CHECK(gan__file_source_read(ctx, &s, (size_t)-1, got, 2) && gan_error(ctx),
                  "a position that wraps");
            gan_error_clear(ctx);
            gan__file_source_close(&s);
            CHECK(!s.open && !s.mapped, "still open");
        }
        gan_destroy(ctx);
    }
    TEST ("no file, a folder and an empty file are told apart") {
        gan_context *ctx = gan_create(NULL);
        gan__file_source s;
        CHECK(gan__file_source_open(ctx, &s, test_path("nowhere")) && gan_error(ctx) == GAN_ERROR_FILE,
              "nowhere");
        CHECK_TEXT(gan_error_message(ctx), "nowhere");
        gan_error_clear(ctx);
        CHECK(gan__file_source_open(ctx, &s, "tests") && gan_error(ctx) == GAN_ERROR_FILE, "a folder");
        gan_error_clear(ctx);
        CHECK(!gan__file_source_open(ctx, &s, put_file("nothing", "", 0)) && s.size == 0, "an empty file");
        CHECK(!gan__file_source_hold(ctx, &s, 100) && !gan_error(ctx), "%s", gan_error_message(ctx));
        gan__file_source_close(&s);
        gan_destroy(ctx);
    }
#ifdef FILES_POSIX
    TEST ("a file that becomes shorter while it is read by pieces is an error that says where") {
        gan_context *ctx = gan_create(NULL);
        const char *path = put_file("shrinks", bytes, 1000);
        unsigned char got[1000];
        gan__file_source s;
        CHECK(!gan__file_source_open(ctx, &s, path), "%s", gan_error_message(ctx));
        CHECK(truncate(path, 600) == 0, "truncate");
        CHECK(gan__file_source_read(ctx, &s, 500, got, 500) && gan_error(ctx) == GAN_ERROR_FILE,
              "it was read");
        CHECK_TEXT(gan_error_message(ctx), "byte 600");
        gan__file_source_close(&s);
        gan_destroy(ctx);
    }
#endif
}

static void test_folders(void)
{
    TEST ("names are in natural order: runs of digits by their number, the rest by bytes") {
        static const char *const order[] = {"",
                                            "0",
                                            "00",
                                            "01",
                                            "1",
                                            "2",
                                            "10",
                                            "A2",
                                            "A3",
                                            "A10",
                                            "a",
                                            "a-1",
                                            "a0b",
                                            "a1b2",
                                            "a1b10",
                                            "a01b11",
                                            "ab",
                                            "b",
                                            "b18446744073709551616",
                                            "b18446744073709551617"};
        const int n = (int)(sizeof order / sizeof *order);
        int i, j;
        for (i = 0; i < n; ++i)
            for (j = 0; j < n; ++j) {
                const int got = gan__file_names_order(order[i], order[j]);
                CHECK((got > 0) - (got < 0) == (i > j) - (i < j), "%s and %s: %d", order[i], order[j], got);
            }
    }
    TEST ("names are sorted, whatever their number and order") {
        char text[200][8], *name[200];
        int n, i;
        for (n = 0; n <= 200; n += n < 10 ? 1 : 19) {
            for (i = 0; i < n; ++i) {
                snprintf(text[i], sizeof text[i], "%d", test_int(0, 99999));
                name[i] = text[i];
            }
            gan__file_names_sort(name, (size_t)n);
            for (i = 1; i < n; ++i)
                CHECK(atoi(name[i - 1]) <= atoi(name[i]), "%s before %s", name[i - 1], name[i]);
            CHECK(1, "none");
        }
    }
    TEST_MUST_FAIL ("names out of order are seen") {
        CHECK(gan__file_names_order("10", "2") < 0, "10 before 2");
    }
#ifdef FILES_FOLDERS
    TEST ("a folder is listed without the names that begin with a dot") {
        gan_context *ctx = gan_create(NULL);
        size_t n;
        char **names;
        put_folder("names");
        put_file("names/b", "", 0);
        put_file("names/.a", "", 0);
        put_file("names/a", "", 0);
        put_file("names/Z", "", 0);
        names = gan__file_folder_names(ctx, test_path("names"), &n);
        CHECK(names && n == 3, "%d names: %s", (int)n, gan_error_message(ctx));
        if (names && n == 3)
            CHECK(!strcmp(names[0], "Z") && !strcmp(names[1], "a") && !strcmp(names[2], "b"), "%s %s %s",
                  names[0], names[1], names[2]);
        CHECK(!gan__file_folder_names(ctx, test_path("no such folder"), &n) &&
                  gan_error(ctx) == GAN_ERROR_FILE,
              "listed");
        gan_destroy(ctx);
    }
#endif
}

#ifdef FILES_FOLDERS
// Writes the text under that name by way of a temporary one, keeping the file before as path.1.
static void write_text(gan_context *ctx, const char *path, const char *text)
{
    gan__file_out o;
    CHECK(gan__file_out_open(&o, ctx, path) == GAN_OK, "%s", gan_error_message(ctx));
    if (gan_error(ctx)) return;
    o.keep = 2;
    gan__file_out_write(&o, text, strlen(text));
    CHECK(gan__file_out_close(&o, 1) == GAN_OK, "%s", gan_error_message(ctx));
}

static void read_text(gan_context *ctx, const char *path, const char *text)
{
    char got[16] = "";
    gan__file_source s;
    size_t n = 0;
    FILE *f = gan__file_open(path, &n);
    CHECK(f && n == strlen(text) && fread(got, 1, sizeof got, f) == n && !memcmp(got, text, n),
          "%d bytes: %.15s", (int)n, got);
    if (f) fclose(f);
    CHECK(!gan__file_source_open(ctx, &s, path) && !gan__file_source_read(ctx, &s, 0, got, s.size) &&
              s.size == strlen(text) && !memcmp(got, text, s.size),
          "%s", gan_error_message(ctx));
    gan__file_source_close(&s);
    gan_error_clear(ctx);
}

// u umlaut, s sharp, two ideographs, a cat of two UTF-16 units, in UTF-8
#define NAME "gr\xC3\xBC\xC3\x9F \xE7\x94\xBB\xE5\x83\x8F \xF0\x9F\x90\xB1.x"

static void test_names(void)
{
    TEST ("a name in UTF-8 is written, replaced, read, listed and removed") {
        gan_context *ctx = gan_create(NULL);
        gan__file_source none;
        const char *folder = put_folder("utf8"), *path = test_path("utf8/" NAME);
        char copy[200], **names;
        size_t n = 0;
        FILE *f;
        snprintf(copy, sizeof copy, "%s.1", path);
        gan__file_remove(path);
        gan__file_remove(copy);
        write_text(ctx, path, "one");
        write_text(ctx, path, "second");
        read_text(ctx, path, "second");
        read_text(ctx, copy, "one");
        CHECK(gan__file_path_kind(path) == GAN__PATH_FILE, "%d", gan__file_path_kind(path));
        names = gan__file_folder_names(ctx, folder, &n);
        CHECK(names && n == 2 && !strcmp(names[0], NAME) && !strcmp(names[1], NAME ".1"), "%d names: %s",
              (int)n, n ? names[0] : gan_error_message(ctx));
#ifdef _WIN32 // as the system calls it
        f = _wfopen(L"out/test/utf8/gr\u00FC\u00DF \u753B\u50CF \xD83D\xDC31.x", L"rb");
#else
        f = fopen(path, "rb");
#endif
        CHECK(f != NULL, "the file has another name");
        if (f) fclose(f);
        gan__file_remove(path);
        gan__file_remove(copy);
        CHECK(gan__file_path_kind(path) == GAN__PATH_NOTHING && gan__file_source_open(ctx, &none, path),
              "it is still there");
        CHECK_TEXT(gan_error_message(ctx), "cannot be read");
        gan_destroy(ctx);
    }
#ifdef _WIN32
    TEST ("a path that is not UTF-8 is in the system's code page, as the arguments of main are") {
        gan_context *ctx = gan_create(NULL);
        read_text(ctx, put_file("gr\xFC", "ansi", 4), "ansi");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a name that the code page's functions wrote is another one") {
        wchar_t wide[4];
        gan_context *ctx;
        if (MultiByteToWideChar(0, 0, "\xC3\xBC", -1, wide, 4) == 2)
            TEST_SKIP("the system's code page is UTF-8");
        ctx = gan_create(NULL);
        read_text(ctx, put_file("kr\xC3\xBC", "ansi", 4), "ansi");
        gan_destroy(ctx);
    }
#endif
}
#endif

#ifdef FILES_POSIX
// A file of zeros, with the text "far" at 5 GiB. It takes no space on most disks. 0: not possible here.
static int put_large(const char *path)
{
    const uint64_t at = (uint64_t)5 << 30;
    FILE *f = sizeof(off_t) > 4 && sizeof(size_t) > 4 ? fopen(path, "wb") : NULL;
    int good;
    if (!f) return 0;
    good = lseek(fileno(f), (off_t)at, SEEK_SET) >= 0 && write(fileno(f), "far", 3) == 3;
    fclose(f);
    return good;
}

static void test_large(void)
{
    const char *path = test_path("large");
    const int good = put_large(path);
    TEST ("a file of 5 GiB: its size, and bytes behind 4 GiB") {
        gan_context *ctx = gan_create(NULL);
        const size_t at = (size_t)((uint64_t)5 << 30);
        gan__file_source s;
        char got[4] = "";
        size_t n = 0;
        FILE *f;
        if (!good) TEST_SKIP("no file of 5 GiB can be made");
        f = gan__file_open(path, &n);
        CHECK(f && n == at + 3, "%.0f bytes", (double)n);
        CHECK(f && !gan__file_seek(f, at) && fread(got, 1, 3, f) == 3 && !strcmp(got, "far"), "\"%s\"", got);
        CHECK(f && !gan__file_seek(f, 1) && fread(got, 1, 3, f) == 3 && !*got, "the start is not 0");
        if (f) fclose(f);
        CHECK(!gan__file_source_open(ctx, &s, path) && s.size == at + 3 &&
                  !gan__file_source_read(ctx, &s, at, got, 3) && !strcmp(got, "far"),
              "%s", gan_error_message(ctx));
        gan__file_source_close(&s);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a position cut to 32 bits is another one") {
        const uint64_t at = (uint64_t)5 << 30 & 0xFFFFFFFFu;
        char got[4] = "";
        FILE *f = good ? fopen(path, "rb") : NULL;
        CHECK(f && !gan__file_seek(f, at) && fread(got, 1, 3, f) == 3 && !strcmp(got, "far"), "\"%s\"", got);
        if (f) fclose(f);
    }
    remove(path);
}
#endif

int main(void)
{
#ifdef FILES_FOLDERS
    test_names();
#endif
#ifdef FILES_POSIX
    test_large();
#endif
    test_sources();
    test_folders();
    return test_done();
}
