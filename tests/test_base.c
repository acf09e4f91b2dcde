// Checked sizes, finiteness by bits, versions, names.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

#ifdef GAN_DOUBLE
#define REAL_SIZE sizeof(double)
#else
#define REAL_SIZE sizeof(float)
#endif

int main(void)
{
    const size_t most = (size_t)-1;
    TEST ("the checked product: what fits is exact, what does not is refused") {
        static const size_t small[] = {0, 1, 2, 3, 7, 64, 1000, 65535, 65536};
        size_t i, j, out;
        for (i = 0; i < sizeof small / sizeof *small; ++i)
            for (j = 0; j < sizeof small / sizeof *small; ++j) {
                out = 12345;
                CHECK(gan__base_mul_size(small[i], small[j], &out) == 0 && out == small[i] * small[j],
                      "%lu x %lu", (unsigned long)small[i], (unsigned long)small[j]);
            }
        CHECK(gan__base_mul_size(most, 1, &out) == 0 && out == most, "max x 1");
        CHECK(gan__base_mul_size(1, most, &out) == 0 && out == most, "1 x max");
        CHECK(gan__base_mul_size(0, most, &out) == 0 && out == 0, "0 x max");
        CHECK(gan__base_mul_size(most, 0, &out) == 0 && out == 0, "max x 0");
        CHECK(gan__base_mul_size(most, 2, &out) != 0, "max x 2");
        CHECK(gan__base_mul_size(2, most / 2 + 1, &out) != 0, "2 (max / 2 + 1)");
        CHECK(gan__base_mul_size(2, most / 2, &out) == 0 && out == most - 1, "2 (max / 2)");
        CHECK(gan__base_mul_size(most, most, &out) != 0, "max x max");
        for (i = 3; i < 1000; i += 7) {
            CHECK(gan__base_mul_size(i, most / i, &out) == 0 && out == i * (most / i), "%lu just fits",
                  (unsigned long)i);
            CHECK(gan__base_mul_size(i, most / i + 1, &out) != 0, "%lu just not", (unsigned long)i);
        }
    }
    TEST ("the checked sum") {
        size_t out;
        CHECK(gan__base_add_size(2, 3, &out) == 0 && out == 5, "2 + 3");
        CHECK(gan__base_add_size(most, 0, &out) == 0 && out == most, "max + 0");
        CHECK(gan__base_add_size(most - 1, 1, &out) == 0 && out == most, "max - 1 + 1");
        CHECK(gan__base_add_size(most, 1, &out) != 0, "max + 1");
        CHECK(gan__base_add_size(most / 2 + 1, most / 2 + 1, &out) != 0, "two halves too many");
    }
    TEST ("shapes whose size overflows are an error, not a small tensor") {
        static const int dims[][4] = {{2147483647, 2147483647, 2147483647, 4},
                                      {1 << 30, 1 << 30, 16, 1},
                                      {65536, 65536, 65536, 65536},
                                      {2147483647, 2147483647, 3, 1},
                                      {2147483647, 2147483647, 1, 1}};
        size_t i;
        for (i = 0; i < sizeof dims / sizeof *dims; ++i) {
            gan_context *ctx = gan_create(NULL);
            gan_tensor *t = gan_zeros_n(ctx, 4, dims[i]);
            CHECK(gan_error(ctx) != 0 && gan_data(t) == NULL, "%d %d %d %d passed", dims[i][0], dims[i][1],
                  dims[i][2], dims[i][3]);
            gan_error_clear(ctx);
            CHECK(gan_data(gan_zeros(ctx, 3)) != NULL, "the context is still usable");
            gan_destroy(ctx);
        }
    }
    TEST ("operations whose result overflows are an error") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 1);
        (void)gan_expand(x, 2147483647, 2147483647, 2147483647, 1);
        CHECK(gan_error(ctx) != 0, "expand");
        gan_error_clear(ctx);
        (void)gan_pad(x, 0, 2147483647, 2147483647, 0);
        CHECK(gan_error(ctx) != 0, "pad");
        gan_error_clear(ctx);
        (void)gan_upsample(gan_zeros(ctx, 1, 1, 2, 2), 2147483647, GAN_NEAREST);
        CHECK(gan_error(ctx) != 0, "upsample");
        gan_error_clear(ctx);
        (void)gan_put(gan_zeros(ctx, 1, 1 << 20), gan_zeros(ctx, 1), 2147483647);
        CHECK(gan_error(ctx) != 0, "put");
        gan_error_clear(ctx);
        (void)gan_reshape(x, 65536, 65536, -1);
        CHECK(gan_error(ctx) != 0, "reshape");
        gan_destroy(ctx);
    }
    TEST ("NaN and infinity are known by their bits, subnormals and the largest numbers are finite") {
        static const double bad[] = {(double)NAN, HUGE_VAL, -HUGE_VAL};
        static const double good[] = {0,     -0.,   1, -1, (double)FLT_MAX, -(double)FLT_MAX, (double)FLT_MIN,
                                      1e-45, -1e-45};
        size_t i;
        for (i = 0; i < 3; ++i) CHECK(!gan__base_is_finite((gan_real)bad[i]), "%g", bad[i]);
        for (i = 0; i < sizeof good / sizeof *good; ++i)
            CHECK(gan__base_is_finite((gan_real)good[i]), "%g", good[i]);
    }
    TEST ("the version's text is its numbers") {
        char text[32];
        snprintf(text, sizeof text, "%d.%d.%d", GAN_VERSION_MAJOR, GAN_VERSION_MINOR, GAN_VERSION_PATCH);
        CHECK(strcmp(text, GAN_VERSION) == 0, "%s is not %s", GAN_VERSION, text);
    }
    TEST ("gan_real is what the build says") {
        CHECK(sizeof(gan_real) == REAL_SIZE, "%d bytes", (int)sizeof(gan_real));
    }
    return test_done();
}
