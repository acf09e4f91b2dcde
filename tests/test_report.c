// Section report: one HTML file that asks for nothing else, its pictures decoded from base64 and read.
#if !defined(TEST_NO_STB) && defined(__has_include)
#if __has_include(<stb/stb_image_write.h>)
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#endif
#endif
#include "test.h"
#include "page.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"
#include "picture.h"

static gan_context *ctx;
static char html[1 << 24];
static unsigned char bytes[1 << 23];

static size_t get_html(const char *path) { return read_page(path, html, sizeof html); }

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
        if (text[-1] == '/') continue; // <path ... />
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
        CHECK_TEXT(html, "<th scope=\"row\">&lt;lr&gt;</th><td>2e-4 &amp; &quot;less&quot;</td>");
        CHECK_TEXT(html, "<tr><th scope=\"row\">FID</th><td>12.5</td></tr>");
        CHECK_TEXT(html, "<th scope=\"row\">cut off</th></tr>");
        CHECK_TEXT(html, "<li>D wins &lt;&lt;</li>");
        CHECK_TEXT(html, "alt=\"a &quot;plot&quot;\"");
        CHECK(count(html, "http") == 0 && count(html, "<script") == 0 && count(html, "<link") == 0 &&
                  count(html, "url(") == 0 && count(html, "@import") == 0,
              "%s", "something outside is referred to");
        CHECK(count(html, "src=") == count(html, "src=\"data:image/"), "%s", "a picture is elsewhere");
        CHECK(count(html, "<img") == 1 + 1 + 1 && count(html, "<svg") == 2, "%d pictures, %d panels",
              count(html, "<img"), count(html, "<svg"));
        for (at = html; (at = strstr(at, ";base64,")) != NULL; ++pictures) {
            const long n = decode(at + 8);
            at += 8;
#ifdef INCLUDE_STB_IMAGE_WRITE_H
            CHECK(n > 100 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) && !memcmp(bytes + n - 8, "IEND", 4),
                  "picture %d", pictures);
            if (pictures == 1)
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

// ---- the panels

static gan_logger *new_log(const char *columns)
{
    gan_logger_desc d;
    memset(&d, 0, sizeof d);
    d.columns = columns;
    return gan_logger_create(ctx, &d);
}

static void write_log(gan_logger *log, const gan_report_panel *panels, int n)
{
    gan_report r;
    memset(&r, 0, sizeof r);
    r.log = log, r.panels = panels, r.panels_count = n;
    CHECK(gan_report_write(ctx, &r, test_path("panels.html")) == GAN_OK, "%s", gan_error_message(ctx));
    get_html(test_path("panels.html"));
    CHECK(well_formed(html) > 10, "%s", "not well formed");
}

// The points of the which-th path of that class, absolute; their number. -1: no such path.
static int points(const char *kind, int which, int (*to)[2], int most)
{
    const char *at = html;
    char begin[64];
    int n = 0, x = 0, y = 0, length;
    snprintf(begin, sizeof begin, "<path class=\"%s\" d=\"", kind);
    for (at = strstr(at, begin); at && which > 0; --which) at = strstr(at + 1, begin);
    if (!at) return -1;
    for (at += strlen(begin); *at != '"';) {
        int a, b;
        const int moves = *at == 'M';
        at += moves;
        if (sscanf(at, "%d %d%n", &a, &b, &length) < 2 && sscanf(at, "%d%d%n", &a, &b, &length) < 2)
            return -2;
        at += length;
        x = moves ? a : x + a, y = moves ? b : y + b;
        if (moves && !strncmp(at, "l0 0", 4)) at += 4;
        if (n < most) to[n][0] = x, to[n][1] = y;
        ++n;
    }
    return n;
}

static void test_panels(void)
{
    static int p[4000][2];
    TEST ("every value stands where it belongs: 0 below, 1 on top, the first step left, the last right") {
        gan_logger *log = new_log("d_real,d_fake,other");
        gan_report_panel panel;
        memset(&panel, 0, sizeof panel);
        panel.columns = "d_real,d_fake", panel.y1 = 1;
        gan_logger_row(log, 10, 0., 1., 3.);
        gan_logger_row(log, 15, 1., .25, 4.);
        gan_logger_row(log, 20, .5, .75, 5.);
        write_log(log, &panel, 1);
        CHECK(points("raw c0", 0, p, 10) == 3, "%d points", points("raw c0", 0, p, 10));
        CHECK(p[0][0] == 0 && p[0][1] == 1000 && p[1][0] == 500 && p[1][1] == 0 && p[2][0] == 1000 &&
                  p[2][1] == 500,
              "%d %d, %d %d, %d %d", p[0][0], p[0][1], p[1][0], p[1][1], p[2][0], p[2][1]);
        CHECK(points("raw c1", 0, p, 10) == 3 && p[1][1] == 750 && p[2][1] == 250, "%d", p[1][1]);
        CHECK(count(html, "<svg") == 2, "%d panels", count(html, "<svg"));
        CHECK_TEXT(html, "<figcaption>d_real, d_fake</figcaption>");
        CHECK_TEXT(html, "<title>d_real, d_fake, steps 10 to 20</title>");
        CHECK_TEXT(html, "<figcaption>other</figcaption>");
    }
    TEST_MUST_FAIL ("a value that is not there is not found") {
        gan_logger *log = new_log("d_real");
        gan_logger_row(log, 1, 0.);
        gan_logger_row(log, 2, 1.);
        write_log(log, NULL, 0);
        CHECK(points("raw c0", 0, p, 10) == 2 && p[1][1] > p[0][1], "%d", p[1][1]);
    }
    TEST ("of many values each part of the axis keeps the least and the greatest, and the file stays small") {
        gan_logger *log = new_log("x");
        int i, n, top = 0, down = 0;
        for (i = 0; i < 50000; ++i)
            gan_logger_row(log, i, i == 31234 ? 1.9 : i == 777 ? -1.9 : test_int(-1000, 1000) / 1000.);
        write_log(log, NULL, 0);
        n = points("raw c0", 0, p, 4000);
        CHECK(n > 900 && n <= 1004, "%d points", n);
        for (i = 0; i < n; ++i) top += p[i][1]<60, down += p[i][1]> 940;
        CHECK(top == 1 && down == 1, "%d and %d outliers", top, down);
        n = points("mean c0", 0, p, 4000);
        CHECK(n > 200 && n <= 252, "%d points", n);
        CHECK(strlen(html) < 30000, "%d bytes", (int)strlen(html));
    }
    TEST ("the smoothed curve is the bias-corrected average: a constant from the first row on") {
        gan_logger *log = new_log("flat,ramp");
        double sum = 0, weight = 0, want = 0;
        const double past = 1 - 40. / 1000;
        char text[64];
        int i, n, level;
        for (i = 0; i < 1000; ++i) {
            gan_logger_row(log, i, 5., i / 999.);
            sum = past * sum + (1 - past) * (i / 999.), weight = past * weight + 1 - past,
            want = sum / weight;
        }
        write_log(log, NULL, 0);
        n = points("mean c0", 0, p, 4000);
        level = p[0][1];
        for (i = 0; i < n; ++i) CHECK(p[i][1] == level, "%d at %d", p[i][1], i);
        snprintf(text, sizeof text, "ramp</th><td>%.3g</td><td>0</td><td>1</td>", want);
        CHECK_TEXT(html, text);
    }
    TEST_MUST_FAIL ("the smoothed curve is not the values themselves") {
        gan_logger *log = new_log("ramp");
        int i;
        for (i = 0; i < 1000; ++i) gan_logger_row(log, i, i / 999.);
        write_log(log, NULL, 0);
        CHECK_TEXT(html, "ramp</th><td>1</td>");
    }
    TEST ("levels stand at their values, with name and note") {
        static const gan_report_level level[] = {{"log 4 <", 1.5}, {NULL, .5}};
        gan_logger *log = new_log("a");
        gan_report_panel panel;
        memset(&panel, 0, sizeof panel);
        panel.columns = "a", panel.title = "A & B", panel.note = "dashed <i>", panel.y1 = 2;
        panel.levels = level, panel.levels_count = 2;
        gan_logger_row(log, 1, 1.);
        write_log(log, &panel, 1);
        CHECK_TEXT(html, "<path class=\"theory\" d=\"M0 250h1000\"/>");
        CHECK_TEXT(html, "<path class=\"theory\" d=\"M0 750h1000\"/>");
        CHECK_TEXT(html, "style=\"top:25%\">log 4 &lt;</span>");
        CHECK_TEXT(html, "<figcaption>A &amp; B</figcaption>");
        CHECK_TEXT(html, "<p class=\"note\">dashed &lt;i&gt;</p>");
    }
    TEST ("NaN leaves a gap, infinity too; columns and logs without a number have empty panels") {
        gan_logger *log = new_log("gap,none");
        const char *at;
        gan_logger_row(log, 1, 1., NAN);
        gan_logger_row(log, 2, 2., NAN);
        gan_logger_row(log, 3, NAN, INFINITY);
        gan_logger_row(log, 4, HUGE_VAL, -INFINITY);
        gan_logger_row(log, 5, 1.5, NAN);
        write_log(log, NULL, 0);
        CHECK(points("raw c0", 0, p, 10) == 3 && points("raw c0", 1, p, 10) == 0, "%d points",
              points("raw c0", 0, p, 10));
        at = strstr(html, "<path class=\"raw c0\" d=\"M");
        CHECK(at && strchr(at + 24, 'M') && strchr(at + 24, 'M') < strchr(at + 24, '/'), "%s", "no gap");
        write_log(new_log("a"), NULL, 0);
        CHECK(points("raw c0", 0, p, 10) == 0, "%s", "points of an empty log");
        log = new_log("huge");
        gan_logger_row(log, 1, 1e308);
        gan_logger_row(log, 2, -1e308);
        write_log(log, NULL, 0);
        CHECK(points("raw c0", 0, p, 10) == 2, "%s", "huge values");
    }
    TEST ("a panel of more than 6 columns, levels without their array: errors that say so") {
        gan_report r;
        gan_report_panel panel;
        memset(&r, 0, sizeof r), memset(&panel, 0, sizeof panel);
        r.panels = &panel, r.panels_count = 1;
        panel.columns = "a,b,c,d,e,f,g";
        CHECK(gan_report_write(ctx, &r, test_path("r.html")) == GAN_ERROR_ARGUMENT, "%s", "7 columns");
        CHECK_TEXT(gan_error_message(ctx), "6 columns");
        gan_error_clear(ctx);
        panel.columns = NULL, panel.levels_count = 1;
        CHECK(gan_report_write(ctx, &r, test_path("r.html")) == GAN_ERROR_ARGUMENT, "%s", "no levels");
        gan_error_clear(ctx);
    }
}

// ---- the timeline, classes, pictures

// The sum of the widths of the timeline's intervals, in percent.
static double widths(void)
{
    const char *at = strstr(html, "<div class=\"band\"");
    const char *end = at ? strstr(at, "<ol") : NULL;
    double sum = 0;
    for (; at && (at = strstr(at, ";width:")) != NULL && at < end; ++at) sum += atof(at + 7);
    return sum;
}

static void test_timeline(void)
{
    static const gan_report_interval v[] = {
        {"warming_up", "too early to say", NULL, 1, 300, GAN_REPORT_NEUTRAL},
        {"healthy", "well", NULL, 301, 1500, GAN_REPORT_GOOD},
        {"mode_<collapse>", "few \"samples\"", "pack & R1", 1501, 2000, GAN_REPORT_BAD}};
    gan_report r;
    memset(&r, 0, sizeof r);
    r.timeline = v, r.timeline_count = 3;
    TEST ("the timeline has a band as wide as the run, the words of each interval, and the verdict on top") {
        CHECK(gan_report_write(ctx, &r, test_path("timeline.html")) == GAN_OK, "%s", gan_error_message(ctx));
        get_html(test_path("timeline.html"));
        CHECK(well_formed(html) > 10, "%s", "not well formed");
        CHECK_NEAR(widths(), 100, .03, "the widths");
        CHECK_TEXT(html,
                   "<div class=\"good\" style=\"left:15%;width:60%\"><i></i><span>healthy</span></div>");
        CHECK_TEXT(html, "<div class=\"bad\" style=\"left:75%;width:25%\">");
        CHECK_TEXT(html,
                   "<li><b class=\"tag neutral\">warming up</b> steps 1 to 300: too early to say.</li>");
        CHECK_TEXT(html, "<b class=\"tag bad\">mode &lt;collapse&gt;</b> steps 1,501 to 2,000: few "
                         "&quot;samples&quot;. Try: pack &amp; R1.</li>");
        CHECK_TEXT(html, "<p class=\"verdict bad\"><b>mode &lt;collapse&gt;</b>, steps 1,501 to 2,000:");
    }
    TEST_MUST_FAIL ("an interval that is left out is missing in the width") {
        r.timeline_count = 2;
        gan_report_write(ctx, &r, test_path("timeline.html"));
        get_html(test_path("timeline.html"));
        CHECK_TEXT(html, "width:60%");
    }
    TEST ("intervals of impossible steps harm nothing") {
        static const gan_report_interval odd[] = {{NULL, NULL, NULL, 0, 0, (gan_report_tone)77},
                                                  {"b", "", "", INT64_MAX, INT64_MIN, GAN_REPORT_BAD}};
        r.timeline = odd, r.timeline_count = 2;
        CHECK(gan_report_write(ctx, &r, test_path("timeline.html")) == GAN_OK, "%s", gan_error_message(ctx));
        get_html(test_path("timeline.html"));
        CHECK(well_formed(html) > 10 && !count(html, "nan") && !count(html, "inf"), "%s", "not a number");
    }
}

static void test_data(void)
{
    static gan_report_class many[100];
    int i;
    for (i = 0; i < 100; ++i) many[i].name = i ? "c" : "<img src=x>", many[i].count = 10000 + i;
    TEST ("classes have bars by their counts; of a hundred, 19 are shown and the others summed") {
        gan_report r;
        int64_t rest = 0;
        char text[80];
        memset(&r, 0, sizeof r);
        r.classes = many, r.classes_count = 20;
        gan_report_write(ctx, &r, test_path("classes.html"));
        get_html(test_path("classes.html"));
        CHECK(count(html, "<i style=\"width:") == 20 && !count(html, " more<"), "%d bars",
              count(html, "<i style=\"width:"));
        CHECK_TEXT(html, "<th scope=\"row\">&lt;img src=x&gt;</th><td>10,000</td>");
        CHECK_TEXT(html, "10,019</td><td><i style=\"width:100%\">");
        r.classes_count = 100;
        gan_report_write(ctx, &r, test_path("classes.html"));
        get_html(test_path("classes.html"));
        for (i = 19; i < 100; ++i) rest += many[i].count;
        CHECK(count(html, "<i style=\"width:") == 19, "%d bars", count(html, "<i style=\"width:"));
        snprintf(text, sizeof text, "81 more</th><td>%d,%03d</td>", (int)(rest / 1000), (int)(rest % 1000));
        CHECK_TEXT(html, text);
    }
    TEST ("data and samples are pictures of one size, with their number and a text for who cannot see them") {
        gan_report r;
        int w[2] = {0, 0}, h[2] = {0, 1};
        const char *at;
        memset(&r, 0, sizeof r);
        r.images = gan_rand_normal(ctx, 12, 1, 8, 8), r.real = gan_rand_normal(ctx, 12, 1, 8, 8);
        CHECK(gan_report_write(ctx, &r, test_path("pair.html")) == GAN_OK, "%s", gan_error_message(ctx));
        get_html(test_path("pair.html"));
        CHECK_TEXT(html, "<figcaption>Data: 12</figcaption>");
        CHECK_TEXT(html, "<figcaption>Generated: 12</figcaption>");
        CHECK(count(html, "alt=\"Data\"") == 1 && count(html, "alt=\"Generated\"") == 1, "%s", "no alt");
        for (i = 0, at = html; i < 2 && (at = strstr(at, "\" width=\"")) != NULL; ++i, ++at)
            CHECK(sscanf(at, "\" width=\"%d\" height=\"%d\"", &w[i], &h[i]) == 2, "%s", "no size");
        CHECK(w[0] == w[1] && h[0] == h[1] && w[0] > 30, "%d x %d, %d x %d", w[0], h[0], w[1], h[1]);
    }
}

#define HOSTILE "<script>alert('x')</script>\"><img onerror=x>&"

static void test_escapes(void)
{
    TEST ("markup in any text of a report stays text") {
        static const char *const text[] = {HOSTILE, HOSTILE, HOSTILE, HOSTILE};
        static const gan_report_interval v = {HOSTILE, HOSTILE, HOSTILE, 1, 2, GAN_REPORT_BAD};
        static const gan_report_class c = {HOSTILE, 1};
        static const gan_report_level level = {HOSTILE, 1};
        gan_report_panel panel;
        gan_report r;
        gan_axes a;
        gan_logger *log = new_log("<script>a,b&'");
        memset(&r, 0, sizeof r), memset(&a, 0, sizeof a), memset(&panel, 0, sizeof panel);
        gan_logger_row(log, 1, 1., 1.);
        panel.columns = "b&'", panel.title = panel.note = HOSTILE;
        panel.levels = &level, panel.levels_count = 1;
        a.title = HOSTILE;
        r.title = r.summary = r.date = HOSTILE;
        r.configuration = r.run = r.data = r.models = r.metrics = r.diagnosis = text;
        r.configuration_count = r.run_count = r.data_count = r.models_count = r.metrics_count = 4;
        r.diagnosis_count = 4, r.metrics_columns = 2;
        r.timeline = &v, r.timeline_count = 1, r.classes = &c, r.classes_count = 1;
        r.panels = &panel, r.panels_count = 1, r.log = log, r.plots = &a, r.plots_count = 1;
        CHECK(gan_report_write(ctx, &r, test_path("hostile.html")) == GAN_OK, "%s", gan_error_message(ctx));
        get_html(test_path("hostile.html"));
        CHECK(!count(html, "<script") && !count(html, "<img onerror"), "%d and %d", count(html, "<script"),
              count(html, "<img onerror"));
        CHECK(count(html, "&lt;script&gt;") == 44, "%d texts", count(html, "&lt;script&gt;"));
        CHECK(well_formed(html) > 30, "%s", "not well formed");
    }
    TEST_MUST_FAIL ("markup that was let through is seen") {
        CHECK(!count("<p>" HOSTILE "</p>", "<script"), "%s", "seen");
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
        r.plots_count = 0, r.run_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.run_count = 0, r.data_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.data_count = 0, r.classes_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.classes_count = 0, r.models_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.models_count = 0, r.panels_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.panels_count = 0, r.timeline_count = 1;
        REFUSES(gan_report_write(ctx, &r, test_path("r.html")), GAN_ERROR_ARGUMENT);
        r.timeline_count = 0;
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
    test_panels();
    test_timeline();
    test_data();
    test_escapes();
    test_base64();
    test_errors();
    gan_destroy(ctx);
    return test_done();
}
