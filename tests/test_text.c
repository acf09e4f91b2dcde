// Section text: doubles as decimal text that reads back bit by bit, in as few digits as do, and rounded.
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"

static double from_bits(uint64_t u)
{
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static int same(double a, double b) { return !memcmp(&a, &b, sizeof a); }

static int digits_of(const char *text)
{
    int n = 0, zeros = 0, begun = 0;
    for (; *text && *text != 'e'; ++text) {
        if (*text < '0' || *text > '9') continue;
        begun |= *text != '0';
        zeros = *text == '0' ? zeros + 1 : 0;
        n += begun;
    }
    return n - (begun ? zeros : 0);
}

// The fewest digits with which the C library writes v so that it reads back.
static int fewest(double v)
{
    char text[64];
    int n;
    for (n = 1; n < 17; ++n) {
        snprintf(text, sizeof text, "%.*e", n - 1, v);
        if (strtod(text, NULL) == v) break;
    }
    return n;
}

static double draw(int kind)
{
    if (kind == 0) return from_bits(test_random());
    if (kind == 1) return test_uniform(-10, 10);
    if (kind == 2) return (double)(float)test_uniform(-1, 1);
    if (kind == 3) return test_int(-1000000, 1000000) / 1000.;
    return ldexp(1, test_int(-1074, 1023)); // here the neighbors are not equally near
}

static void test_shortest(void)
{
    int kind;
    for (kind = 0; kind < 5; ++kind)
        TESTF ("numbers read back bit by bit, by strtod and by ours, in the fewest digits: kind %d", kind) {
            char text[GAN__NUMBER];
            int i, back = 0, ours = 0, longer = 0, wide = 0;
            for (i = 0; i < 3000; ++i) {
                const double v = draw(kind);
                const char *at = text, *end;
                if (!gan__base_is_finite_double(v)) continue;
                end = gan__text_number(text, v, 0);
                wide += end - text >= GAN__NUMBER || *end != 0;
                back += !same(strtod(text, NULL), v);
                ours += !same(gan__text_number_read(&at), v) || *at != 0;
                longer += v != 0 && digits_of(text) > fewest(v);
            }
            CHECK(back == 0, "%d of 3000 are other numbers for strtod, such as %s", back, text);
            CHECK(ours == 0, "%d of 3000 are other numbers for gan__text_number_read", ours);
            CHECK(longer == 0, "%d of 3000 have more digits than needed", longer);
            CHECK(wide == 0, "%d of 3000 do not fit", wide);
        }
    TEST ("what a text is") {
        static const struct {
            double v;
            int most;
            const char *text;
        } rows[] = {{0, 0, "0"},
                    {1, 0, "1"},
                    {-1, 0, "-1"},
                    {.1, 0, "0.1"},
                    {100, 0, "100"},
                    {1e22, 0, "1e22"},
                    {1e14, 0, "100000000000000"},
                    {123456789.125, 0, "123456789.125"},
                    {1. / 3, 0, "0.3333333333333333"},
                    {2. / 3, 0, "0.6666666666666666"},
                    {.0001, 0, "0.0001"},
                    {.00001, 0, "1e-5"},
                    {1.5e-7, 0, "1.5e-7"},
                    {4.9406564584124654e-324, 0, "5e-324"},
                    {2.2250738585072014e-308, 0, "2.2250738585072014e-308"},
                    {1.7976931348623157e308, 0, "1.7976931348623157e308"},
                    {9007199254740993., 0, "9.007199254740992e15"},
                    {(double).1f, 0, "0.10000000149011612"},
                    {3.14159265, 3, "3.14"},
                    {9.9996, 4, "10"},
                    {-.00012345, 3, "-0.000123"},
                    {123456, 3, "123000"},
                    {1234567, 3, "1.23e6"},
                    {.5, 6, "0.5"},
                    {99.95, 3, "100"}};
        size_t i;
        char text[GAN__NUMBER];
        for (i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
            gan__text_number(text, rows[i].v, rows[i].most);
            CHECK(!strcmp(text, rows[i].text), "%.17g became %s, expected %s", rows[i].v, text, rows[i].text);
        }
    }
    TEST ("nan, inf and -0 have names, and read back") {
        static const char *const names[] = {"inf", "-inf", "-0"};
        const double v[] = {HUGE_VAL, -HUGE_VAL, -0.};
        char text[GAN__NUMBER];
        const char *at = text;
        int i;
        for (i = 0; i < 3; ++i) {
            gan__text_number(text, v[i], 0);
            at = text;
            CHECK(!strcmp(text, names[i]) && same(gan__text_number_read(&at), v[i]) && !*at, "%s", text);
        }
        gan__text_number(text, from_bits(UINT64_C(0x7ff8) << 48), 0);
        at = text;
        CHECK(!strcmp(text, "nan") && gan__base_is_nan(gan__text_number_read(&at)) && !*at, "%s", text);
    }
    TEST ("foreign texts are read to the last digit that counts, and no further than they go") {
        static const char *const texts[] = {"1e400",
                                            "1E-400",
                                            "0.1000000000000000055511151231257827",
                                            "12345678901234567890123",
                                            "1.50,7",
                                            ".5;",
                                            "5.",
                                            "+",
                                            "x",
                                            "",
                                            "1e5000",
                                            "000123"};
        size_t i;
        for (i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
            const char *at = texts[i];
            char *end;
            const double want = strtod(texts[i], &end), got = gan__text_number_read(&at);
            if (at == texts[i]) {
                CHECK(gan__base_is_nan(got), "%s gave %g", texts[i], got);
                continue;
            }
            CHECK(at == end, "of \"%s\" %d letters were read, by strtod %d", texts[i], (int)(at - texts[i]),
                  (int)(end - texts[i]));
            CHECK(got == want || fabs(got - want) < 4e-16 * want, "%s: %.17g, by strtod %.17g", texts[i], got,
                  want);
        }
    }
    TEST_MUST_FAIL ("a text that lacks a digit is another number") {
        char text[GAN__NUMBER];
        const double v = 1. / 3;
        gan__text_number(text, v, 0);
        text[strlen(text) - 1] = 0;
        CHECK(strtod(text, NULL) == v, "%s", text);
    }
}

int main(void)
{
    test_shortest();
    return test_done();
}
