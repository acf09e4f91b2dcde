// Room file: reading whole and by pieces, mapping, folders. Durable writing is in test_data and test_ckpt.
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

int main(void)
{
    test_sources();
    test_folders();
    return test_done();
}
