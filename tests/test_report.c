// Section report: one HTML file that asks for nothing else, its pictures decoded from base64 and read.
#if !defined(TEST_NO_STB) && defined(__has_include)
#if __has_include(<stb/stb_image_write.h>)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#endif
#endif
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include "picture.h"

static gan_context *ctx;
static char html[1 << 24];
static unsigned char bytes[1 << 23];

static size_t get_html(const char *path)
{
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(html, 1, sizeof html - 1, f) : 0;
    html[n] = 0;
    if (f) fclose(f);
    return n;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)) != NULL; ++text) ++n;
    return n;
}

// Base64 of our own, up to the first other letter; -1 when it is broken.
static long decode(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned v = 0;
    long n = 0;
    int bits = 0, pad = 0;
    for (; *text && *text != '"'; ++text) {
        const char *at = strchr(letters, *text);
        if (*text == '=') {
            ++pad;
            continue;
        }
        if (!at || pad || n >= (long)sizeof bytes) return -1;
        v = v << 6 | (unsigned)(at - letters);
        bits += 6;
        if (bits >= 8) bytes[n++] = (unsigned char)(v >> (bits -= 8) & 255);
    }
    return pad < 3 ? n : -1;
}

static unsigned number(const unsigned char *p, int n, int big)
{
    unsigned v = 0;
    int i;
    for (i = 0; i < n; ++i) v = v << 8 | p[big ? i : n - 1 - i];
    return v;
}

// Tags that are opened are closed, in order; the number of elements, or -1.
static int well_formed(const char *text)
{
    static const char *const empty[] = {"meta", "img", "!DOCTYPE"};
    char open[32][16];
    int depth = 0, n = 0;
    while ((text = strchr(text, '<')) != NULL) {
        char name[16] = {0};
        const int closes = text[1] == '/';
        int i;
        sscanf(text + 1 + closes, "%15[A-Za-z0-9!]", name);
        text = strchr(text, '>');
        if (!text) return -1;
        for (i = 0; i < 3; ++i)
            if (!strcmp(name, empty[i])) break;
        if (i < 3) continue;
        if (closes) {
            if (!depth || strcmp(open[--depth], name)) return -1;
            ++n;
        } else {
            if (depth == 32) return -1;
            memcpy(open[depth++], name, sizeof name);
        }
    }
    return depth ? -1 : n;
}

static void test_whole(void)
{
    TEST ("a report has its texts, is well formed and asks for no other file") {
        static const char *const configuration[] = {"loss", "hinge", "<lr>", "2e-4 & \"less\""};
        static const char *const metrics[] = {"metric", "value", "FID", "12.5", "cut off"};
        static const char *const diagnosis[] = {"D wins <<", "no mode is missing"};
        static const double y[] = {3, 1, 2};
        gan_series s;
        gan_axes a;
        gan_report r;
        gan_logger_desc d;
        gan_logger *log;
        const char *at;
        int i, pictures = 0;
        memset(&s, 0, sizeof s), memset(&a, 0, sizeof a), memset(&r, 0, sizeof r), memset(&d, 0, sizeof d);
        s.y = y, s.n = 3, a.title = "a \"plot\"", a.series = &s, a.count = 1;
        d.columns = "d_loss,g_loss";
        log = gan_logger_create(ctx, &d);
        for (i = 0; i < 40; ++i) {
            gan_logger_row(log, i, 1. / (i + 1), pow(10, -i / 5.));
            if (i % 10 == 0) gan_logger_images(log, i, gan_rand_normal(ctx, 4, 1, 8, 8));
        }
        r.title = "Run <1>", r.summary = "What \xC3\xA9 says & means", r.configuration = configuration,
        r.configuration_count = 4;
        r.metrics = metrics, r.metrics_count = 5, r.metrics_columns = 2, r.diagnosis = diagnosis,
        r.diagnosis_count = 2;
        r.plots = &a, r.plots_count = 1, r.log = log, r.images = gan_rand_normal(ctx, 6, 3, 8, 8),
        r.images_columns = 3;
        CHECK(gan_report_write(ctx, &r, test_path("report.html")) == GAN_OK, "%s", gan_error_message(ctx));
        CHECK(get_html(test_path("report.html")) > 1000, "%s", "no file");
        CHECK(!strncmp(html, "<!DOCTYPE html>", 15) && well_formed(html) > 20, "%d elements",
              well_formed(html));
        CHECK_TEXT(html, "<h1>Run &lt;1&gt;</h1>");
        CHECK_TEXT(html, "What \xC3\xA9 says &amp; means");
        CHECK_TEXT(html, "<th>&lt;lr&gt;</th><td>2e-4 &amp; &quot;less&quot;</td>");
        CHECK_TEXT(html, "<tr><td>FID</td><td>12.5</td></tr>");
        CHECK_TEXT(html, "<td>cut off</td></tr>");
        CHECK_TEXT(html, "<li>D wins &lt;&lt;</li>");
        CHECK_TEXT(html, "alt=\"a &quot;plot&quot;\"");
        CHECK(count(html, "http") == 0 && count(html, "<script") == 0 && count(html, "<link") == 0 &&
                  count(html, "url(") == 0 && count(html, "@import") == 0,
              "%s", "something outside is referred to");
        CHECK(count(html, "src=") == count(html, "src=\"data:image/"), "%s", "a picture is elsewhere");
        CHECK(count(html, "<img") == 1 + 2 + 1 + 1, "%d pictures", count(html, "<img"));
        for (at = html; (at = strstr(at, ";base64,")) != NULL; ++pictures) {
            const long n = decode(at + 8);
            at += 8;
#ifdef INCLUDE_STB_IMAGE_WRITE_H
            CHECK(n > 100 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) && !memcmp(bytes + n - 8, "IEND", 4),
                  "picture %d", pictures);
            if (!pictures)
                CHECK(number(bytes + 16, 4, 1) == 1240 && number(bytes + 20, 4, 1) == 800, "%u wide",
                      number(bytes + 16, 4, 1));
#else
            CHECK(n > 54 && bytes[0] == 'B' && bytes[1] == 'M' && number(bytes + 2, 4, 0) == (unsigned)n,
                  "picture %d of %ld", pictures, n);
            CHECK(number(bytes + 10, 4, 0) == 54 && number(bytes + 28, 2, 0) == 24 &&
                      (long)(54 + (number(bytes + 18, 4, 0) * 3 + 3) / 4 * 4 * number(bytes + 22, 4, 0)) == n,
                  "picture %d", pictures);
#endif
        }
    }
    TEST_MUST_FAIL ("a tag that stays open is noticed") {
        CHECK(well_formed("<p><b>x</p></b>") >= 0, "%s", "open");
    }
    TEST ("an empty report is a page") {
        gan_report r;
        memset(&r, 0, sizeof r);
        CHECK(gan_report_write(ctx, &r, test_path("empty.html")) == GAN_OK, "%s", gan_error_message(ctx));
        get_html(test_path("empty.html"));
        CHECK(well_formed(html) > 5 && count(html, "<img") == 0 && count(html, "<h2") == 0, "%s", html);
    }
}

static void test_base64(void)
{
    TEST ("base64 of 0 to 5 bytes (RFC 4648, 10)") {
        static const char *const want[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE="};
        int n;
        for (n = 0; n < 6; ++n) {
            gan__file_out out;
            gan__report_base64 b;
            memset(&b, 0, sizeof b);
            CHECK(gan__file_out_open(&out, ctx, test_path("base64")) == GAN_OK, "%s", gan_error_message(ctx));
            b.o = &out;
            gan__report_base64_put(&b, (const unsigned char *)"fooba", (size_t)n);
            gan__report_base64_flush(&b);
            gan__file_out_close(&out, 0);
            get_html(test_path("base64"));
            CHECK(!strcmp(html, want[n]), "%d bytes: %s, expected %s", n, html, want[n]);
        }
    }
}

static void test_errors(void)
{
    TEST ("NULL, counts without arrays, paths that cannot be: errors, and the old file stays") {
        static const char *const one[] = {"x"};
        gan_report r;
        gan_axes a;
        long before;
        memset(&r, 0, sizeof r), memset(&a, 0, sizeof a);
        CHECK(gan_report_write(NULL, &r, "x.html") != 0, "%s", "no context");
#define REFUSES(call, code)                                                                                  \
    do {                                                                                                     \
        const int got = (call);                                                                              \
        CHECK(got == (int)code, "%d, expected %d: %s", got, (int)code, gan_error_message(ctx));              \
        gan_error_clear(ctx);                                                                                \
    } while (0)
        REFUSES(gan_report_write(ctx, NULL, test_path("r.html")), GAN_ERROR_ARGUMENT);
        REFUSES(gan_report_write(ctx, &r, NULL), GAN_ERROR_ARGUMENT);
        REFUSES(gan_report_write(ctx, &r, test_path("nowhere/r.html")), GAN_ERROR_FILE);
        r.metrics = one, r.metrics_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.metrics_count = 0, r.diagnosis_count = 3;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.diagnosis_count = 0, r.configuration_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.configuration_count = 0, r.plots_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.plots_count = 0;
        CHECK(gan_report_write(ctx, &r, test_path("r.html")) == GAN_OK, "%s", gan_error_message(ctx));
        before = test_file_size(test_path("r.html"));
        r.plots = &a, r.plots_count = 1, a.count = 2;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.plots_count = 0, r.images = gan_zeros(ctx, 3, 3);
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_SHAPE);
        CHECK(test_file_size(test_path("r.html")) == before, "%ld bytes",
              test_file_size(test_path("r.html")));
    }
    TEST ("where memory runs out there is an error, and no file") {
        static double block[100000];
        gan_desc desc;
        gan_context *tight;
        gan_report r;
        gan_axes a;
        memset(&desc, 0, sizeof desc), memset(&r, 0, sizeof r), memset(&a, 0, sizeof a);
        desc.memory = block, desc.memory_size = sizeof block;
        tight = gan_create(&desc);
        r.plots = &a, r.plots_count = 1;
        remove(test_path("tight.html"));
        CHECK(gan_report_write(tight, &r, test_path("tight.html")) == GAN_ERROR_MEMORY, "%s",
              gan_error_message(tight));
        CHECK(test_file_size(test_path("tight.html")) == -1, "%s", "a file was written");
        gan_destroy(tight);
    }
}

int main(void)
{
    ctx = gan_create(NULL);
    test_whole();
    test_base64();
    test_errors();
    gan_destroy(ctx);
    return test_done();
}
