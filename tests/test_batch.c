// Batches: rows and slices, order, epochs, parts, pairs, samples from a function, transformations, images
// that cannot be read.
#include "files.h"

#include "inside.h"
#include "check.h"
#include "trainers.h"

enum { N = 20, H = 6, W = 8, PIXELS = H * W };

// Sample i of a set of n numbers is its own number.
static gan_dataset *numbers(gan_context *ctx, int n)
{
    static gan_real v[256], y[256];
    int i;
    for (i = 0; i < n; ++i) v[i] = (gan_real)i, y[i] = (gan_real)(i % 3);
    return gan_dataset_memory_n(ctx, v, y, n, 0, NULL);
}

// Pixel (c, y, x) of image i; every pixel of every image is another.
static gan_real pixel(int i, int c, int y, int x)
{
    return (gan_real)((i * 3 + c) * PIXELS + y * W + x) / (3 * N * PIXELS);
}

static gan_dataset *images(gan_context *ctx, int channels)
{
    static gan_real v[N * 3 * PIXELS];
    gan_real *to = v;
    int i, c, y, x;
    for (i = 0; i < N; ++i)
        for (c = 0; c < channels; ++c)
            for (y = 0; y < H; ++y)
                for (x = 0; x < W; ++x) *to++ = pixel(i, c, y, x);
    return gan_dataset_memory(ctx, v, NULL, N, channels, H, W);
}

static void values(gan_dataset *d, int n, int *out)
{
    gan_tensor *x = gan_dataset_batch(d, n, NULL);
    int i;
    for (i = 0; i < n; ++i) out[i] = gan_data(x) ? (int)gan_data(x)[i] : -1;
}

static void test_rows(void)
{
    TEST ("rows have the samples and labels of their indices, and the next batch is not touched by them") {
        const int64_t index[5] = {7, 0, 19, 7, 3};
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_dataset *d = numbers(a, N), *e = numbers(b, N);
        gan_tensor *x, *y = NULL;
        int i, v[N], w[N];
        values(d, 8, v);
        values(e, 8, w);
        x = gan_dataset_rows(d, index, 5, &y);
        for (i = 0; i < 5; ++i) {
            CHECK_NEAR(gan_data(x)[i], index[i], 0, "sample");
            CHECK_NEAR(gan_data(y)[i], index[i] % 3, 0, "label");
        }
        values(d, 8, v);
        values(e, 8, w);
        CHECK_BYTES(v, w, 8 * sizeof *v, "the next batch");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("slices go once through the data in order; the last is shorter, then comes NULL without an error") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = numbers(ctx, N);
        gan_tensor *x, *y;
        int64_t i;
        int k, n = 0, slices = 0;
        for (i = 0; (x = gan_dataset_slice(d, i, 6, &y)) != NULL; i += 6, ++slices)
            for (k = 0; k < gan_dim(x, 0); ++k, ++n) CHECK_NEAR(gan_data(x)[k], n, 0, "sample");
        CHECK(n == N && slices == 4 && !gan_error(ctx), "%d samples, %d slices", n, slices);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a row of another index is seen") {
        const int64_t index[1] = {7};
        gan_context *ctx = gan_create(NULL);
        CHECK_NEAR(gan_item(gan_dataset_rows(numbers(ctx, N), index, 1, NULL)), 8, 0, "sample");
        gan_destroy(ctx);
    }
    TEST (
        "epochs count the samples drawn; without shuffling each is in the data's order, and resumes there") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_dataset *d = numbers(a, N), *e;
        int i, k, v[N];
        gan_dataset_shuffle(d, 0);
        for (i = 0; i < 7; ++i) {
            values(d, 9, v);
            for (k = 0; k < 9; ++k) CHECK(v[k] == (9 * i + k) % N, "%d at %d", v[k], 9 * i + k);
        }
        CHECK_NEAR(gan_dataset_epochs(d), 63. / N, 1e-12, "epochs");
        CHECK(gan_save(a, test_path("order.safetensors")) == 0, "%s", gan_error_message(a));
        gan_load(b, test_path("order.safetensors"));
        e = numbers(b, N);
        gan_dataset_shuffle(e, 0);
        values(e, 2, v);
        CHECK(v[0] == 3 && v[1] == 4, "resumed at %d", v[0]);
        CHECK(gan_dataset_epochs(gan_dataset_toy(b, GAN_TOY_RING)) == 0 && gan_dataset_epochs(NULL) == 0,
              "endless");
        gan_dataset_shuffle(gan_dataset_toy(b, GAN_TOY_RING), 0);
        CHECK_TEXT(gan_warning_message(b), "gan_dataset_shuffle has no effect");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("wrong indices, sizes and endless data are errors that say so") {
        static const char *const says[] = {
            "index 20 of a dataset of 20", "index -1", "0 indices", "endless", "-1", "endless"};
        int k;
        for (k = 0; k < 6; ++k) {
            const int64_t index[1] = {k == 1 ? -1 : 20};
            gan_context *ctx = gan_create(NULL);
            gan_dataset *d = k == 3 || k == 5 ? gan_dataset_toy(ctx, GAN_TOY_RING) : numbers(ctx, N);
            if (k < 4) gan_dataset_rows(d, index, k == 2 ? 0 : 1, NULL);
            else gan_dataset_slice(d, k == 4 ? -1 : 0, 3, NULL);
            CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "no error");
            CHECK_TEXT(gan_error_message(ctx), says[k]);
            gan_destroy(ctx);
        }
    }
}

static void test_split(void)
{
    TEST ("a split has each sample in one part, with its label, the same ones for every seed") {
        gan_context *ctx[2];
        gan_desc seed;
        gan_dataset *part[2][2];
        int64_t s, i;
        int k, seen[200] = {0}, held[2][50], early = 0;
        memset(&seed, 0, sizeof seed);
        for (k = 0; k < 2; ++k) {
            gan_dataset *d;
            seed.seed = (uint64_t)k + 1;
            ctx[k] = gan_create(&seed);
            d = numbers(ctx[k], 200);
            CHECK(gan_dataset_split(d, .25, &part[k][0], &part[k][1]) == 0, "%s", gan_error_message(ctx[k]));
            CHECK(gan_dataset_size(part[k][0]) == 150 && gan_dataset_size(part[k][1]) == 50 &&
                      gan_dataset_size(d) == 200,
                  "sizes");
        }
        for (s = 0; s < 2; ++s)
            for (i = 0; i < gan_dataset_size(part[0][s]); ++i) {
                gan_tensor *y, *x = gan_dataset_slice(part[0][s], i, 1, &y);
                const int v = (int)gan_item(x);
                seen[v]++;
                early += s && v < 100;
                CHECK_NEAR(gan_item(y), v % 3, 0, "label");
                CHECK_NEAR(gan_dataset_label(part[0][s], i), v % 3, 0, "label by index");
                if (s) held[0][i] = v, held[1][i] = (int)gan_item(gan_dataset_slice(part[1][1], i, 1, NULL));
            }
        for (i = 0; i < 200; ++i) CHECK(seen[i] == 1, "sample %d in %d parts", (int)i, seen[i]);
        CHECK_BYTES(held[0], held[1], sizeof held[0], "another seed");
        CHECK(early > 10 && early < 40, "%d of 50 from the first half", early);
        gan_destroy(ctx[0]);
        gan_destroy(ctx[1]);
    }
    TEST ("classes of a part keep their names and labels and count its samples; parts of parts, parts' "
          "epochs") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *train, *held, *more, *rest;
        int c, v[150], seen[200] = {0}, i;
        int64_t n = 0, all = 0;
        gan_dataset_split(numbers(ctx, 200), .25, &train, &held);
        gan_dataset_split(train, .2, &rest, &more);
        CHECK(gan_dataset_size(more) == 30 && gan_dataset_size(rest) == 120, "sizes of parts of a part");
        for (c = 0; c < 3; ++c) {
            n += gan_dataset_class_size(held, c), all += gan_dataset_class_size(more, c);
            for (i = 0; i < 50; ++i) v[c] = i ? v[c] : 0, v[c] += gan_dataset_label(held, i) == (gan_real)c;
            CHECK(gan_dataset_class_size(held, c) == v[c], "class %d: %d of %d", c,
                  (int)gan_dataset_class_size(held, c), v[c]);
        }
        CHECK(gan_dataset_classes(held) == 3 && n == 50 && all == 30, "%d classes of %d",
              gan_dataset_classes(held), (int)n);
        CHECK_TEXT(gan_dataset_class_name(more, 2), "2");
        values(rest, 120, v);
        for (i = 0; i < 120; ++i) seen[v[i]]++;
        values(more, 30, v);
        for (i = 0; i < 30; ++i) seen[v[i]]++;
        values(held, 50, v);
        for (i = 0; i < 50; ++i) seen[v[i]]++;
        for (i = 0; i < 200; ++i) CHECK(seen[i] == 1, "sample %d came %d times", i, seen[i]);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a part that shares a sample with the other is seen") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = numbers(ctx, N), *train, *held;
        int v[N], k, twice = 0;
        gan_dataset_split(d, .5, &train, &held);
        values(train, 10, v);
        values(d, 10, v + 10); // of the whole instead of held
        for (k = 0; k < 100; ++k) twice += v[k % 10] == v[10 + k / 10];
        CHECK(twice == 0, "%d samples in both", twice);
        gan_destroy(ctx);
    }
    TEST ("a share that leaves a part empty, endless data, a part without a place: errors") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *a, *b, *d = numbers(ctx, N);
        const double share[] = {0, 1, -1, .01, .99, (double)NAN};
        int k;
        for (k = 0; k < 6; ++k) {
            CHECK(gan_dataset_split(d, share[k], &a, &b) == GAN_ERROR_ARGUMENT && !a && !b, "%g", share[k]);
            CHECK_TEXT(gan_error_message(ctx), "of 20 samples leaves one of the parts empty");
            gan_error_clear(ctx);
        }
        CHECK(gan_dataset_split(d, .5, &a, NULL) == GAN_ERROR_ARGUMENT && !a, "NULL");
        gan_error_clear(ctx);
        CHECK(gan_dataset_split(gan_dataset_toy(ctx, GAN_TOY_RING), .5, &a, &b) == GAN_ERROR_ARGUMENT, "toy");
        CHECK_TEXT(gan_error_message(ctx), "endless");
        gan_destroy(ctx);
    }
}

// Writes i and 2 i + 1; sample 13 cannot be read while *user is 13.
static int reading(void *user, int64_t i, gan_real *x)
{
    x[0] = (gan_real)i;
    x[1] = (gan_real)(2 * i + 1);
    return user && *(const int *)user == (int)i ? 5 : 0;
}

static void test_callback(void)
{
    TEST ("a function's samples come in shuffled epochs, with labels, by index, and in parts") {
        const int64_t index[2] = {4, 19};
        gan_context *ctx = gan_create(NULL);
        gan_real label[N];
        gan_dataset *d, *train, *held;
        gan_tensor *x, *y;
        int i, seen[N] = {0};
        for (i = 0; i < N; ++i) label[i] = (gan_real)(i % 4);
        d = gan_dataset_callback(ctx, reading, NULL, label, N, 2);
        x = gan_dataset_batch(d, N, &y);
        for (i = 0; i < N; ++i) {
            const int v = (int)gan_data(x)[2 * i];
            seen[v]++;
            CHECK_NEAR(gan_data(x)[2 * i + 1], 2 * v + 1, 0, "second value");
            CHECK_NEAR(gan_data(y)[i], v % 4, 0, "label");
        }
        for (i = 0; i < N; ++i) CHECK(seen[i] == 1, "sample %d came %d times", i, seen[i]);
        x = gan_dataset_rows(d, index, 2, NULL);
        CHECK_NEAR(gan_data(x)[2], 19, 0, "row");
        CHECK(gan_dataset_classes(d) == 4 && gan_dataset_class_size(d, 1) == 5, "classes");
        CHECK(gan_dataset_split(d, .5, &train, &held) == 0 &&
                  gan_dim(gan_dataset_batch(held, 3, NULL), 1) == 2,
              "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("an endless function counts on and resumes; its error names the sample, the next batch is behind "
          "it") {
        static int bad = 13;
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_dataset *d = gan_dataset_callback(a, reading, &bad, NULL, 0, 2);
        gan_dataset_batch(d, 5, NULL);
        gan_save(a, test_path("endless.safetensors"));
        gan_load(b, test_path("endless.safetensors"));
        CHECK_NEAR(
            gan_item(gan_slice(gan_dataset_batch(gan_dataset_callback(b, reading, NULL, NULL, 0, 2), 1, NULL),
                               1, 0, 1)),
            5, 0, "resumed");
        gan_dataset_batch(d, 16, NULL);
        CHECK(gan_error(a) == GAN_ERROR_FORMAT, "no error");
        CHECK_TEXT(gan_error_message(a), "the function returned 5 for sample 13");
        gan_error_clear(a);
        CHECK_NEAR(gan_data(gan_dataset_batch(d, 2, NULL))[0], 14, 0, "behind the sample");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("no function, labels without an end: errors") {
        const gan_real label[1] = {1};
        gan_context *ctx = gan_create(NULL);
        CHECK(!gan_dataset_callback(ctx, NULL, NULL, NULL, 3, 2), "no function");
        CHECK_TEXT(gan_error_message(ctx), "the function is NULL");
        gan_error_clear(ctx);
        CHECK(!gan_dataset_callback(ctx, reading, NULL, label, 0, 2), "labels");
        CHECK_TEXT(gan_error_message(ctx), "endless samples have no labels");
        gan_destroy(ctx);
    }
}

// How the window of an image was chosen, found by its pixels: top, left, flip.
typedef struct window {
    int image, top, left, flip;
} window;

static window find(const gan_real *x, int wide)
{
    const double scale = 3 * N * PIXELS;
    const int first = (int)((double)x[0] * scale + .5), second = (int)((double)x[1] * scale + .5);
    window w;
    w.flip = second < first;
    w.image = first / (3 * PIXELS);
    w.top = first % PIXELS / W;
    w.left = first % W - (w.flip ? wide - 1 : 0);
    return w;
}

static void test_transform(void)
{
    TEST ("a random crop takes every window, each as often; flips half of them; rows have the central one") {
        enum { HIGH = 4, WIDE = 5, ROUNDS = 100 };
        static const gan_transform how = {1, HIGH, WIDE, 0, 0, 0, 0, NULL, NULL};
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = images(ctx, 3);
        int count[3][4] = {{0}}, flips = 0, r, i, y, k, c;
        gan_tensor *x;
        CHECK(gan_dataset_transform(d, &how) == 0, "%s", gan_error_message(ctx));
        for (r = 0; r < ROUNDS; ++r) {
            gan_scope_open(ctx);
            x = gan_dataset_batch(d, N, NULL);
            for (i = 0; i < N; ++i) {
                const gan_real *v = gan_data(x) + i * 3 * HIGH * WIDE;
                const window w = find(v, WIDE);
                for (c = 0; c < 3; ++c)
                    for (y = 0; y < HIGH; ++y)
                        for (k = 0; k < WIDE; ++k)
                            CHECK_NEAR(*v++,
                                       pixel(w.image, c, w.top + y, w.left + (w.flip ? WIDE - 1 - k : k)),
                                       1e-6, "pixel");
                if (w.top >= 0 && w.top < 3 && w.left >= 0 && w.left < 4) count[w.top][w.left]++;
                flips += w.flip;
            }
            gan_scope_close(ctx);
        }
        for (y = 0; y < 3; ++y) // 2000 of 12 windows: 167, standard deviation 12.4
            for (k = 0; k < 4; ++k)
                CHECK(abs(count[y][k] - 167) < 56, "window %d, %d came %d times", y, k, count[y][k]);
        CHECK(abs(flips - 1000) < 100, "%d of 2000 flipped", flips);
        x = gan_dataset_slice(d, 0, N, NULL);
        for (i = 0; i < N; ++i) {
            const window w = find(gan_data(x) + i * 3 * HIGH * WIDE, WIDE);
            CHECK(w.image == i && w.top == 1 && w.left == 1 && !w.flip, "%d, %d of image %d", w.top, w.left,
                  w.image);
        }
        gan_destroy(ctx);
    }
    TEST ("padding is black; batches of other sizes and resumed runs draw the same windows") {
        static const gan_transform how = {1, H, W, 2, 0, 0, 0, NULL, NULL};
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_dataset *d = images(a, 1), *e;
        static gan_real v[N * PIXELS], w[N * PIXELS];
        int i, black = 0;
        gan_dataset_transform(d, &how);
        gan_read(gan_dataset_batch(d, 4, NULL), v, 4 * PIXELS);
        gan_save(a, test_path("crop.safetensors"));
        gan_load(b, test_path("crop.safetensors"));
        e = images(b, 1);
        gan_dataset_transform(e, &how);
        gan_read(gan_dataset_batch(d, 16, NULL), v, 16 * PIXELS);
        for (i = 0; i < 4; ++i) gan_read(gan_dataset_batch(e, 4, NULL), w + i * 4 * PIXELS, 4 * PIXELS);
        CHECK_BYTES(v, w, 16 * PIXELS * sizeof *v, "windows");
        for (i = 0; i < 16 * PIXELS; ++i) black += v[i] == -1;
        CHECK(black > 150 && black < 350, "%d of %d black", black, 16 * PIXELS);
        for (i = 0; i < 16 * PIXELS; ++i) CHECK(v[i] == -1 || v[i] >= 0, "%g", (double)v[i]);
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("brightness, contrast and saturation are torchvision's formulas with factors from 1 - v to 1 + v") {
        static const gan_real v[12] = {-1,
                                       (gan_real)-.5,
                                       0,
                                       (gan_real).5,
                                       (gan_real)-.8,
                                       (gan_real)-.2,
                                       (gan_real).2,
                                       (gan_real).6,
                                       (gan_real)-.6,
                                       0,
                                       (gan_real).4,
                                       1};
        int what, r, k;
        for (what = 0; what < 3; ++what) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset *d = gan_dataset_memory(ctx, v, NULL, 1, 3, 2, 2);
            gan_transform how = {0, 0, 0, 0, 0, 0, 0, NULL, NULL};
            double least = 9, most = 0;
            if (what == 0) how.brightness = (gan_real).4;
            if (what == 1) how.contrast = (gan_real).4;
            if (what == 2) how.saturation = (gan_real).4;
            gan_dataset_transform(d, &how);
            for (r = 0; r < 200; ++r) {
                const gan_real *x = gan_data(gan_dataset_batch(d, 1, NULL));
                double u[12], gray[4], mean = 0, f, from, at;
                for (k = 0; k < 12; ++k) u[k] = (v[k] + 1) / 2;
                for (k = 0; k < 4; ++k) {
                    gray[k] = .299 * u[k] + .587 * u[4 + k] + .114 * u[8 + k];
                    mean += gray[k] / 4;
                }
                // the factor from pixel 5, which is never cut, then all the others by it
                at = (x[5] + 1) / 2;
                from = what == 0 ? 0 : what == 1 ? mean : gray[1];
                f = (at - from) / (u[5] - from);
                least = f < least ? f : least;
                most = f > most ? f : most;
                for (k = 0; k < 12; ++k) {
                    from = what == 0 ? 0 : what == 1 ? mean : gray[k % 4];
                    at = from + f * (u[k] - from);
                    CHECK_NEAR(x[k], 2 * (at < 0 ? 0 : at > 1 ? 1 : at) - 1, 2e-5, "value");
                }
            }
            CHECK(least > .599 && least < .65 && most > 1.35 && most < 1.401, "factors %g .. %g", least,
                  most);
            CHECK_BYTES(gan_data(gan_dataset_slice(d, 0, 1, NULL)), v, sizeof v, "a slice keeps its colors");
            gan_destroy(ctx);
        }
    }
    TEST_MUST_FAIL ("a crop that takes another window is seen") {
        static const gan_transform how = {0, 4, 4, 0, 0, 0, 0, NULL, NULL};
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = images(ctx, 1);
        gan_dataset_transform(d, &how);
        CHECK_NEAR(gan_data(gan_dataset_slice(d, 0, 1, NULL))[0], pixel(0, 0, 1, 1), 1e-6,
                   "corner"); // is 1, 2
        gan_destroy(ctx);
    }
    TEST (
        "transformations of data that are no images, crops too large, factors beyond 1: errors that say so") {
        static const char *const says[] = {"alone, but for its map",
                                           "alone, but for its map",
                                           "larger than",
                                           "negative",
                                           "crop_height",
                                           "0 .. 1",
                                           "not 1 or 3 channels"};
        int k;
        for (k = 0; k < 7; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset *d = k == 0   ? gan_dataset_toy(ctx, GAN_TOY_RING)
                             : k == 1 ? numbers(ctx, N)
                                      : images(ctx, k == 6 ? 2 : 1);
            gan_transform how = {0, 0, 0, 0, 0, 0, 0, NULL, NULL};
            if (k < 2) how.flip = 1;
            if (k == 2) how.crop_height = H + 1;
            if (k == 3) how.crop_height = 2, how.crop_padding = -1;
            if (k == 4) how.crop_padding = 2;
            if (k == 5) how.contrast = (gan_real)1.5;
            if (k == 6) how.saturation = (gan_real).5;
            CHECK(gan_dataset_transform(d, &how) == GAN_ERROR_ARGUMENT, "case %d", k);
            CHECK_TEXT(gan_error_message(ctx), says[k]);
            gan_destroy(ctx);
        }
    }
}

// Negative images; labels become ten times theirs.
static gan_tensor *negative(gan_context *ctx, gan_tensor *x, gan_tensor **labels, void *user)
{
    (void)ctx, (void)user;
    if (*labels) *labels = gan_mul_scalar(*labels, 10);
    return gan_neg(x);
}
static gan_tensor *too_few(gan_context *ctx, gan_tensor *x, gan_tensor **labels, void *user)
{
    (void)ctx, (void)labels, (void)user;
    return gan_slice(x, 0, 0, 1);
}

static void test_pair(void)
{
    static const gan_transform move = {1, 4, 5, 0, 0, 0, 0, NULL, NULL};
    TEST ("a pair gives the samples of both at one index, moved alike; parts keep the pairs together") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = gan_dataset_pair(images(ctx, 1), images(ctx, 3)), *train, *held;
        gan_tensor *x, *y;
        int r, i, moved = 0, s;
        CHECK(d && gan_dataset_transform(d, &move) == 0, "%s", gan_error_message(ctx));
        CHECK(gan_dataset_split(d, .3, &train, &held) == 0, "%s", gan_error_message(ctx));
        for (s = 0; s < 3; ++s)
            for (r = 0; r < 10; ++r) {
                x = gan_dataset_batch(s == 0 ? d : s == 1 ? train : held, 6, &y);
                CHECK(gan_ndim(y) == 4 && gan_dim(y, 1) == 3 && gan_dim(y, 2) == 4 && gan_dim(y, 3) == 5,
                      "shape");
                for (i = 0; i < 6; ++i) {
                    const window v = find(gan_data(x) + i * 20, 5), w = find(gan_data(y) + i * 60, 5);
                    CHECK(v.image == w.image, "images %d and %d", v.image, w.image);
                    CHECK(v.top == w.top && v.left == w.left && v.flip == w.flip, "windows differ");
                    moved += v.top != 1;
                }
            }
        CHECK(moved > 30, "%d windows moved", moved);
        gan_destroy(ctx);
    }
    TEST ("vectors of attributes are labels (n, K): the trainer and its samples pass them on") {
        static gan_real v[N * 2], y[N * 3];
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d;
        gan_tensor *x, *label;
        int i, k;
        for (i = 0; i < N; ++i) {
            for (k = 0; k < 2; ++k) v[2 * i + k] = (gan_real)i;
            for (k = 0; k < 3; ++k) y[3 * i + k] = (gan_real)(i + 100 * k);
        }
        d = gan_dataset_pair(gan_dataset_memory(ctx, v, NULL, N, 2), gan_dataset_memory(ctx, y, NULL, N, 3));
        x = gan_dataset_batch(d, 7, &label);
        CHECK(gan_ndim(label) == 2 && gan_dim(label, 0) == 7 && gan_dim(label, 1) == 3,
              "shape of the labels");
        for (i = 0; i < 7; ++i)
            for (k = 0; k < 3; ++k)
                CHECK_NEAR(gan_data(label)[3 * i + k], gan_data(x)[2 * i] + (gan_real)(100 * k), 0, "label");
        CHECK(gan_dataset_classes(d) == 0 && gan_dataset_label(d, 3) == 0, "classes");
        gan_destroy(ctx);
    }
    TEST ("what a crop pads is black in the range of each dataset of a pair") {
        static const gan_transform pad = {0, 4, 4, 4, 0, 0, 0, NULL, NULL};
        static const gan_real white[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
        unsigned char pgm[11 + 16];
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        gan_dataset *d;
        int r, i, black = 0;
        memset(pgm, 255, sizeof pgm);
        memcpy(pgm, "P5 4 4 255\n", 11);
        memset(&desc, 0, sizeof desc);
        desc.bytes = pgm, desc.size = sizeof pgm, desc.low = 0, desc.high = 1;
        d = gan_dataset_pair(gan_dataset_memory(ctx, white, NULL, 1, 1, 4, 4), gan_dataset_open(ctx, &desc));
        gan_dataset_transform(d, &pad);
        for (r = 0; r < 20; ++r) {
            gan_tensor *y, *x = gan_dataset_batch(d, 1, &y);
            for (i = 0; i < 16 && gan_data(x); ++i) {
                black += gan_data(x)[i] == -1;
                CHECK_NEAR(gan_data(y)[i], gan_data(x)[i] == -1 ? 0 : 1, 0, "y");
            }
        }
        CHECK(black > 50 && black < 320, "%d of 320 black: %s", black, gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("labels of other samples are seen") {
        gan_context *ctx = gan_create(NULL);
        gan_dataset *a = numbers(ctx, N), *b = numbers(ctx, N);
        gan_tensor *y, *x = gan_dataset_batch(gan_dataset_pair(a, b), 4, &y);
        int i;
        for (i = 0; i < 4; ++i) CHECK_NEAR(gan_data(x)[i], gan_data(y)[(i + 1) % 4], 0, "label");
        gan_destroy(ctx);
    }
    TEST ("pairs of other sizes, of endless data, of pairs, of nothing: errors; a second transformation "
          "warns") {
        gan_context *ctx = gan_create(NULL), *other = gan_create(NULL);
        gan_dataset *a = numbers(ctx, N), *b = images(ctx, 1), *toy = gan_dataset_toy(ctx, GAN_TOY_RING);
        gan_dataset *x[5], *y[5];
        static const char *const says[] = {"different sizes (20 and 7", "endless", "pair itself", "NULL",
                                           "contexts"};
        int k;
        x[0] = a, y[0] = numbers(ctx, 7);
        x[1] = toy, y[1] = toy;
        x[2] = a, y[2] = gan_dataset_pair(a, b);
        x[3] = a, y[3] = NULL;
        x[4] = a, y[4] = numbers(other, N);
        for (k = 0; k < 5; ++k) {
            CHECK(!gan_dataset_pair(x[k], y[k]) && gan_error(ctx) == GAN_ERROR_ARGUMENT, "case %d", k);
            CHECK_TEXT(gan_error_message(ctx), says[k]);
            gan_error_clear(ctx);
        }
        gan_dataset_transform(b, &move);
        gan_dataset_pair(a, b);
        CHECK_TEXT(gan_warning_message(ctx), "transformation of the second dataset has no effect");
        gan_destroy(ctx);
        gan_destroy(other);
    }
    TEST ("a map changes batches and rows with their labels; a wrong one is an error") {
        gan_transform how = {0, 0, 0, 0, 0, 0, 0, negative, NULL};
        const int64_t index[2] = {4, 5};
        gan_context *ctx = gan_create(NULL);
        gan_dataset *d = numbers(ctx, N), *toy = gan_dataset_toy(ctx, GAN_TOY_NORMAL);
        gan_tensor *y, *x;
        int i;
        gan_dataset_transform(d, &how);
        x = gan_dataset_batch(d, N, &y);
        for (i = 0; i < N; ++i)
            CHECK_NEAR(gan_data(y)[i], 10 * ((int)-gan_data(x)[i] % 3), 0, "label of a batch");
        x = gan_dataset_rows(d, index, 2, &y);
        CHECK_NEAR(gan_data(x)[0], -4, 0, "row");
        CHECK_NEAR(gan_data(y)[1], 20, 0, "label of a row");
        gan_dataset_transform(toy, &how);
        CHECK(gan_item(gan_mean_all(gan_dataset_batch(toy, 50, NULL))) < -3, "toy");
        gan_dataset_transform(d, NULL);
        CHECK(gan_data(gan_dataset_rows(d, index, 1, NULL))[0] == 4, "transformations end");
        how.map = too_few;
        gan_dataset_transform(d, &how);
        gan_dataset_batch(d, 4, NULL);
        CHECK_TEXT(gan_error_message(ctx), "returned samples of (1) for a batch of 4");
        gan_destroy(ctx);
    }
}

// Its first layer sees (n, 3) labels.
static gan_tensor *asked(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    return gan_linear(g, "fc", gan_concat(1, z, label), 2);
}

static void test_trainer(void)
{
    TEST (
        "a trainer passes labels (n, K) to both models, also in packs, and samples with those of the data") {
        static gan_real v[N * 2], y[N * 3];
        int pack, k;
        for (k = 0; k < N * 3; ++k) y[k] = (gan_real)(k % 7);
        for (pack = 1; pack < 3; ++pack) {
            gan_context *ctx = gan_create(NULL);
            gan_sampling how;
            gan_trainer_desc desc;
            gan_trainer *t;
            memset(&desc, 0, sizeof desc);
            desc.data = gan_dataset_pair(gan_dataset_memory(ctx, v, NULL, N, 2),
                                         gan_dataset_memory(ctx, y, NULL, N, 3));
            desc.generator = gan_model_create(ctx, "g", asked, NULL);
            desc.discriminator = gan_model_create(ctx, "d", pack == 1 ? asked : linear_critic, NULL);
            desc.d_logits = 1, desc.batch = 4, desc.latent = 2, desc.pack = pack;
            t = gan_trainer_create(ctx, &desc);
            gan_trainer_run(t, 3);
            CHECK(!gan_error(ctx) && gan_dim(gan_trainer_sample(t, 9), 0) == 9, "%s", gan_error_message(ctx));
            memset(&how, 0, sizeof how);
            how.standing = 2; // its labels are drawn at random
            CHECK(gan_dim(gan_trainer_sample_ex(t, 9, &how), 0) == 9, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
    TEST (
        "a sample that cannot be read ends a run after it was saved; resumed, it goes on behind the sample") {
        static int bad = 13;
        const char *path = test_path("rescued.safetensors");
        int64_t steps;
        int again;
        for (again = 0; again < 2; ++again) {
            gan_context *ctx = gan_create(NULL);
            gan_trainer_desc desc;
            gan_trainer *t;
            memset(&desc, 0, sizeof desc);
            desc.data = gan_dataset_callback(ctx, reading, &bad, NULL, 0, 2);
            desc.generator = gan_model_create(ctx, "g", mlp_generator, NULL);
            desc.discriminator = gan_model_create(ctx, "d", mlp_critic, NULL);
            desc.latent = 2, desc.batch = 4, desc.checkpoint = path;
            t = gan_trainer_create(ctx, &desc);
            if (again) gan_resume(ctx, path);
            steps = gan_trainer_steps(t);
            if (again) CHECK(steps == 3, "resumed at step %d", (int)steps);
            gan_trainer_run(t, 10);
            if (again) CHECK(!gan_error(ctx) && gan_trainer_steps(t) == 13, "%s", gan_error_message(ctx));
            else CHECK_TEXT(gan_error_message(ctx), "returned 5 for sample 13; the run was saved in");
            gan_destroy(ctx);
        }
    }
}

#ifdef FILES_FOLDERS
// A folder of nine images; those with a bit in `cut` are cut off.
static void put_images(const char *folder, int cut)
{
    char name[64];
    unsigned char pgm[15 + 16];
    int i;
    put_folder(folder);
    memcpy(pgm, "P5 0004 04 255\n", 15);
    for (i = 0; i < 9; ++i) {
        memset(pgm + 15, 20 * i, 16);
        snprintf(name, sizeof name, "%s/%d.pgm", folder, i);
        put_file(name, pgm, cut >> i & 1 ? 20 : sizeof pgm);
    }
}

static void test_skipped(void)
{
    static const int levels[] = {0, 1, 2, 3, 5, 6, 7};
    TEST ("with max_skipped images that cannot be read are left out, counted and named; kept or streamed") {
        int stream, r, i, k;
        put_images("skip", 1 << 4 | 1 << 8);
        for (stream = 0; stream < 2; ++stream) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            gan_dataset *d;
            int seen[9] = {0};
            memset(&desc, 0, sizeof desc);
            desc.path = test_path("skip"), desc.max_skipped = 3, desc.stream = stream;
            d = gan_dataset_open(ctx, &desc);
            CHECK(d && !gan_error(ctx), "%s", gan_error_message(ctx));
            for (r = 0; r < 20; ++r) {
                gan_tensor *x = gan_dataset_batch(d, 7, NULL);
                CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
                for (i = 0; i < 7; ++i) seen[(int)(((double)gan_data(x)[i * 16] + 1) * 127.5 / 20 + .5)]++;
            }
            for (k = 0; k < 7; ++k)
                CHECK(seen[levels[k]] == 20, "image %d came %d times", levels[k], seen[levels[k]]);
            CHECK(!seen[4] && !seen[8] && gan_dataset_skipped(d) == 2 && gan_dataset_size(d) == 9,
                  "%d left out", (int)gan_dataset_skipped(d));
            CHECK_TEXT(gan_warning_message(ctx), "skip/");
            CHECK_TEXT(gan_warning_message(ctx), "left out, 2 of max_skipped 3");
            gan_destroy(ctx);
        }
    }
    TEST ("one more than max_skipped is an error, told once; the default is an error at the first") {
        int k, most;
        put_images("skip", 1 << 0 | 1 << 4 | 1 << 8);
        for (k = 0; k < 4; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_dataset_desc desc;
            gan_dataset *d;
            memset(&desc, 0, sizeof desc);
            most = k / 2 * 2;
            desc.path = test_path("skip"), desc.max_skipped = most, desc.stream = k & 1;
            d = gan_dataset_open(ctx, &desc);
            if (d) gan_dataset_batch(d, 9, NULL);
            CHECK(gan_error(ctx) == GAN_ERROR_FORMAT, "no error");
            CHECK_TEXT(gan_error_message(ctx),
                       most ? "2 others were left out, more than max_skipped" : "skip/");
            gan_destroy(ctx);
        }
    }
    TEST ("an index of a left-out image is an error; max_skipped of other data warns") {
        const int64_t index[1] = {4};
        gan_context *ctx = gan_create(NULL);
        gan_dataset_desc desc;
        put_images("skip", 1 << 4);
        memset(&desc, 0, sizeof desc);
        desc.path = test_path("skip"), desc.max_skipped = 1;
        gan_dataset_rows(gan_dataset_open(ctx, &desc), index, 1, NULL);
        CHECK_TEXT(gan_error_message(ctx), "sample 4 could not be read and was left out");
        gan_error_clear(ctx);
        desc.path = put_file("skip.csv", "1,2\n3,4\n", 8);
        CHECK(gan_dataset_open(ctx, &desc) != NULL, "%s", gan_error_message(ctx));
        CHECK_TEXT(gan_warning_message(ctx), "max_skipped has no effect");
        gan_destroy(ctx);
    }
}
#endif

int main(void)
{
    test_rows();
    test_split();
    test_callback();
    test_transform();
    test_pair();
    test_trainer();
#ifdef FILES_FOLDERS
    test_skipped();
#endif
    return test_done();
}
