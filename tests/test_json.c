// Section json: texts, escapes, numbers and values passed over; what is no JSON is told with its place.
#include "test.h"

#define GAN_IMPLEMENTATION
#include "../gan.h"

static unsigned char *copy; // of the exact size, so that a sanitizer sees a byte too many

static gan__json scan(const char *text, size_t n)
{
    gan__json j;
    free(copy);
    copy = (unsigned char *)malloc(n + 1);
    if (!copy) exit(1);
    memcpy(copy + 1, text, n);
    memset(&j, 0, sizeof j);
    j.start = j.at = copy + 1;
    j.end = j.start + n;
    return j;
}

static void text_is(const char *json, const char *want)
{
    gan__json j = scan(json, strlen(json));
    char got[60] = "", whole[60] = "";
    size_t n = 0;
    const int bad = gan__json_string(&j, got, sizeof got, &n);
    const unsigned char *from = (const unsigned char *)strchr((const char *)copy + 1, '"') + 1;
    CHECK(!bad, "%s: %s", json, bad ? j.problem : "");
    if (bad) return;
    *gan__json_unescape(from, j.at - 1, whole) = 0;
    CHECK(!strcmp(whole, want), "%s: %s", json, whole);
    for (n = 0; want[n] && !(want[n] & 0x80); ++n) {}
    CHECK(!memcmp(got, want, n) && (want[n] || !got[n]), "%s: %s, up to what is not ASCII", json, got);
}

static void no_text(const char *json, const char *word, int at)
{
    gan__json j = scan(json, strlen(json));
    char got[40];
    size_t n;
    CHECK(gan__json_string(&j, got, sizeof got, &n), "%s is a text", json);
    CHECK_TEXT(j.problem ? j.problem : "", word);
    CHECK(j.at - j.start == at, "%s: byte %d, %d expected", json, (int)(j.at - j.start), at);
}

static void test_texts(void)
{
    TEST ("texts: escapes, UTF-8 of 1 to 4 bytes as it stands and escaped, pairs of surrogates") {
        text_is("\"\"", "");
        text_is(" \t\r\n\"a b\"", "a b");
        text_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
        text_is("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
        text_is("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
        text_is("\"\\u07ff\\u0800\\uffff\\udbff\\udfff\"",
                "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf");
        text_is("\"a\\u0000b\"", "a\xff"
                                 "b"); // no text that ends at its 0
    }
    TEST ("a text that is longer than its space is cut, and its length is told") {
        gan__json j = scan("\"ab\\ncdef\"", 10);
        char got[4];
        size_t n;
        CHECK(!gan__json_string(&j, got, sizeof got, &n) && n == 7, "%d bytes", (int)n);
        CHECK(!strcmp(got, "ab\n"), "%s", got);
    }
    TEST ("what is no text: without quotes or end, control characters, wrong escapes, no UTF-8") {
        no_text("", "missing", 0);
        no_text("a", "missing", 0);
        no_text("\"abc", "does not end", 4);
        no_text("\"a\nb\"", "control", 2);
        no_text("\"\\x\"", "escape", 3);
        no_text("\"\\", "escape", 2);
        no_text("\"\\u12", "escape", 3);
        no_text("\"\\u12g4\"", "escape", 6);
        no_text("\"\\ud83d\"", "escape", 7);
        no_text("\"\\ud83d\\n\"", "escape", 7);
        no_text("\"\\ud83d\\u0041\"", "escape", 13);
        no_text("\"\\ude00\"", "escape", 7);
        no_text("\"\xff\"", "UTF-8", 1);
        no_text("\"\xc0\x80\"", "UTF-8", 1);
        no_text("\"\xe0\x80\x80\"", "UTF-8", 1);
        no_text("\"\xed\xa0\x80\"", "UTF-8", 1);
        no_text("\"\xf4\x90\x80\x80\"", "UTF-8", 1);
        no_text("\"\xe2\x82", "UTF-8", 1);
    }
    TEST_MUST_FAIL ("another text is seen") text_is("\"\\u00e9\"", "e");
}

static void test_values(void)
{
    static const struct {
        const char *json;
        int at; // where it ends, -1: it is none
    } rows[] = {{"1,", 1},
                {"-1.5e3]", 6},
                {"null}", 4},
                {" true ", 6},
                {"\"a,]\",", 5},
                {"[1,[2]],", 7},
                {"{\"]\": [{}]} ,", 12},
                {"[\"\\\"]\"],", 7},
                {"", -1},
                {",", -1},
                {" ]", -1},
                {"[1", -1},
                {"[\"a]", -1},
                {"{\"a\":\"\x01\"}", -1},
                {"[[[[[[", -1}};
    static char deep[100001];
    size_t i;
    TEST ("values of every kind are passed over, with what is in them") {
        for (i = 0; i < sizeof rows / sizeof *rows; ++i) {
            gan__json j = scan(rows[i].json, strlen(rows[i].json));
            const int bad = gan__json_skip(&j), end = (int)(j.at - j.start);
            CHECK(bad ? rows[i].at < 0 && j.problem : end == rows[i].at, "%s: %d, byte %d", rows[i].json, bad,
                  end);
        }
    }
    TEST ("nesting is no recursion") {
        gan__json j;
        memset(deep, '[', 50000);
        memset(deep + 50000, ']', 50000);
        j = scan(deep, 100000);
        CHECK(!gan__json_skip(&j) && j.at == j.end, "byte %d", (int)(j.at - j.start));
        j = scan(deep, 99999);
        CHECK(gan__json_skip(&j), "one ] is missing");
    }
    TEST ("numbers: whole ones to 2^64 - 1, and what is none") {
        static const char *const no[] = {"-1", "01", "1.0", "1e3", "18446744073709551616", "", "a"};
        gan__json j = scan(" 18446744073709551615,", 22);
        uint64_t v;
        CHECK(!gan__json_number(&j, &v) && v == UINT64_MAX && *j.at == ',', "%s", j.problem);
        j = scan("0", 1);
        CHECK(!gan__json_number(&j, &v) && v == 0, "%s", j.problem);
        for (i = 0; i < sizeof no / sizeof *no; ++i) {
            j = scan(no[i], strlen(no[i]));
            CHECK(gan__json_number(&j, &v) && j.problem, "%s is a number", no[i]);
        }
    }
}

int main(void)
{
    test_texts();
    test_values();
    free(copy);
    return test_done();
}
