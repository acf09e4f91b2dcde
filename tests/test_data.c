// Room data: IDX files whole and damaged, shuffled epochs, resuming, the toy distributions.
#include "files.h"

#include "inside.h"

// How far the first dataset has been drawn, as checkpoints hold it.
static int64_t *position(const gan_context *ctx)
{
    inside_state s;
    int i;
    for (i = 0; inside_state_at(ctx, i, &s); ++i)
        if (!strcmp(s.name, "data.0.position")) return (int64_t *)s.data;
    return NULL;
}

enum { IMAGES = 23, HIGH = 3, WIDE = 4, PIXELS = HIGH * WIDE, HEAD = 16 };

static unsigned char images[HEAD + IMAGES * PIXELS], labels[8 + IMAGES];

static void put32(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char)(v >> 24);
    p[1] = (unsigned char)(v >> 16 & 255);
    p[2] = (unsigned char)(v >> 8 & 255);
    p[3] = (unsigned char)(v & 255);
}

// Image i has the pixels 10 i + k mod 256, label i.
static void make_idx(void)
{
    int i, k;
    put32(images, 0x803);
    put32(images + 4, IMAGES);
    put32(images + 8, HIGH);
    put32(images + 12, WIDE);
    put32(labels, 0x801);
    put32(labels + 4, IMAGES);
    for (i = 0; i < IMAGES; ++i) {
        labels[8 + i] = (unsigned char)i;
        for (k = 0; k < PIXELS; ++k) images[HEAD + i * PIXELS + k] = (unsigned char)(10 * i + k);
    }
}

static gan_context *context(uint64_t seed)
{
    gan_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.seed = seed;
    return gan_create(&desc);
}

// What opening such a file says; "" when it opens.
static const char *opening(const char *name, const void *bytes, size_t n, int code)
{
    static char text[600];
    gan_context *ctx = gan_create(NULL);
    gan_dataset *d = gan_dataset_idx(ctx, put_file(name, bytes, n));
    snprintf(text, sizeof text, "%s", gan_error_message(ctx));
    CHECK(gan_error(ctx) == code, "error %d, expected %d: %s", gan_error(ctx), code, text);
    CHECK((d == NULL) == (code != 0), "dataset %p with error %d", (void *)d, code);
    gan_destroy(ctx);
    return code ? text : "";
}

// The next n samples' numbers: each sample of the memory dataset is its own number.
static void draw(gan_dataset *d, int n, int *out)
{
    gan_tensor *x = gan_dataset_batch(d, n, NULL);
    const gan_real *v = gan_data(x);
    int i;
    for (i = 0; i < n; ++i) out[i] = v ? (int)v[i] : -1;
}

static gan_dataset *numbers(gan_context *ctx, int n)
{
    static gan_real v[1024];
    int i;
    for (i = 0; i < n; ++i) v[i] = (gan_real)i;
    return gan_dataset_memory_n(ctx, v, NULL, n, 0, NULL);
}

// Every number from 0 to n - 1 stands once in v.
static void check_permutation(const int *v, int n)
{
    int seen[1024] = {0}, i, wrong = 0;
    for (i = 0; i < n; ++i)
        if (v[i] >= 0 && v[i] < n) seen[v[i]]++;
    for (i = 0; i < n; ++i) wrong += seen[i] != 1;
    CHECK(wrong == 0, "%d of %d samples do not come exactly once", wrong, n);
}

static void test_idx(void)
{
    TEST ("an IDX folder gives every image with its own label, pixels 0 .. 255 as -1 .. 1") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x, *y = NULL;
        gan_dataset *d;
        int i, k, seen[IMAGES] = {0};
        put_file("train-images-idx3-ubyte", images, sizeof images);
        put_file("train-labels-idx1-ubyte", labels, sizeof labels);
        d = gan_dataset_idx(ctx, test_path(""));
        CHECK(d && !gan_error(ctx), "%s", gan_error_message(ctx));
        CHECK(gan_dataset_size(d) == IMAGES, "size %d", (int)gan_dataset_size(d));
        x = gan_dataset_batch(d, IMAGES, &y);
        CHECK(gan_ndim(x) == 4 && gan_dim(x, 0) == IMAGES && gan_dim(x, 1) == 1 && gan_dim(x, 2) == HIGH &&
                  gan_dim(x, 3) == WIDE,
              "(%d, %d, %d, %d)", gan_dim(x, 0), gan_dim(x, 1), gan_dim(x, 2), gan_dim(x, 3));
        CHECK(gan_ndim(y) == 1 && gan_dim(y, 0) == IMAGES, "labels of %d dimensions", gan_ndim(y));
        for (i = 0; y && i < IMAGES; ++i) {
            const int id = (int)gan_data(y)[i];
            if (id >= 0 && id < IMAGES) seen[id]++;
            for (k = 0; k < PIXELS; ++k) {
                const double want = (10 * id + k) % 256 / 127.5 - 1;
                CHECK_NEAR(gan_data(x)[i * PIXELS + k], want, 1e-6, "pixel");
            }
        }
        for (i = 0; i < IMAGES; ++i) CHECK(seen[i] == 1, "image %d came %d times", i, seen[i]);
        gan_destroy(ctx);
    }
    TEST ("black is exactly -1 and white exactly 1") {
        unsigned char file[HEAD + 256];
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x;
        double lo = 9, hi = -9;
        int i;
        memcpy(file, images, HEAD);
        put32(file + 4, 1);
        put32(file + 8, 16);
        put32(file + 12, 16);
        for (i = 0; i < 256; ++i) file[HEAD + i] = (unsigned char)i;
        x = gan_dataset_batch(gan_dataset_idx(ctx, put_file("ramp", file, sizeof file)), 1, NULL);
        for (i = 0; gan_data(x) && i < 256; ++i) {
            lo = gan_data(x)[i] < lo ? (double)gan_data(x)[i] : lo;
            hi = gan_data(x)[i] > hi ? (double)gan_data(x)[i] : hi;
        }
        CHECK(lo == -1 && hi == 1, "from %.9g to %.9g", lo, hi);
        gan_destroy(ctx);
    }
    TEST ("an images file by its own name finds its labels, and does without them") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *y = NULL;
        gan_dataset *d;
        put_file("t10k-labels-idx1-ubyte", labels, sizeof labels);
        d = gan_dataset_idx(ctx, put_file("t10k-images-idx3-ubyte", images, sizeof images));
        gan_dataset_batch(d, 2, &y);
        CHECK(y != NULL, "no labels: %s", gan_error_message(ctx));
        d = gan_dataset_idx(ctx, put_file("alone-idx3-ubyte", images, sizeof images));
        y = (gan_tensor *)1;
        gan_dataset_batch(d, 2, &y);
        CHECK(y == NULL && !gan_error(ctx), "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
#ifdef FILES_FOLDERS
    TEST ("other names of IDX files: with a point, of EMNIST, of one set alone; each with its labels") {
        static const char *const name[][2] = {
            {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
            {"train-images.idx3-ubyte", "train-labels-idx1-ubyte"},
            {"train-images-idx3-ubyte", "train-labels.idx1-ubyte"},
            {"emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"},
            {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
            {"qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int"},
            {"images.idx3", "labels.idx1"},
        };
        static unsigned char eight[12 + 32 * IMAGES];
        int i, k, way;
        put32(eight, 0x0c02);
        put32(eight + 4, IMAGES);
        put32(eight + 8, 8);
        for (i = 0; i < IMAGES; ++i)
            for (k = 0; k < 8; ++k) put32(eight + 12 + 32 * i + 4 * k, (uint32_t)(k ? 1000 : i));
        for (i = 0; i < (int)(sizeof name / sizeof *name); ++i) {
            char path[2][100];
            snprintf(path[0], sizeof path[0], "idx%d", i);
            put_folder(path[0]);
            for (k = 0; k < 2; ++k) snprintf(path[k], sizeof path[k], "idx%d/%s", i, name[i][k]);
            put_file(path[0], images, sizeof images);
            if (strstr(name[i][1], "idx2")) put_file(path[1], eight, sizeof eight);
            else put_file(path[1], labels, sizeof labels);
            for (way = 0; way < 2; ++way) {
                gan_context *ctx = gan_create(NULL);
                gan_dataset *d;
                if (way) snprintf(path[0], sizeof path[0], "idx%d", i);
                d = gan_dataset_idx(ctx, test_path(path[0]));
                CHECK(gan_warnings(ctx) == !strncmp(name[i][0], "emnist", 6), "%s: %s", path[0],
                      gan_warning_message(ctx));
                CHECK(gan_dataset_size(d) == IMAGES && gan_dataset_classes(d) == IMAGES &&
                          gan_dataset_label(d, 3) == 3,
                      "%s: %d images, %d classes, label %g: %s", path[0], (int)gan_dataset_size(d),
                      gan_dataset_classes(d), (double)gan_dataset_label(d, 3), gan_error_message(ctx));
                gan_destroy(ctx);
            }
        }
    }
    TEST ("several sets in a folder, images or labels compressed: each is told") {
        gan_context *ctx = gan_create(NULL);
        put_file("idx3/emnist-digits-train-images-idx3-ubyte", images, sizeof images);
        CHECK(!gan_dataset_idx(ctx, test_path("idx3")), "one of two");
        CHECK_TEXT(gan_error_message(ctx), "holds 2 files of IDX images");
        remove(test_path("idx3/emnist-digits-train-images-idx3-ubyte"));
        gan_destroy(ctx);
        ctx = gan_create(NULL);
        remove(test_path("idx3/emnist-letters-train-labels-idx1-ubyte"));
        put_file("idx3/emnist-letters-train-labels-idx1-ubyte.gz", "\x1f\x8b\x08", 3);
        CHECK(!gan_dataset_idx(ctx, test_path("idx3")), "labels left out");
        CHECK_TEXT(gan_error_message(ctx), "labels-idx1-ubyte.gz is gzip-compressed: gunzip it");
        remove(test_path("idx3/emnist-letters-train-labels-idx1-ubyte.gz"));
        gan_destroy(ctx);
        ctx = gan_create(NULL);
        put_folder("idxgz");
        put_file("idxgz/emnist-letters-train-images-idx3-ubyte.gz", "\x1f\x8b\x08", 3);
        CHECK(!gan_dataset_idx(ctx, test_path("idxgz")), "read");
        CHECK_TEXT(gan_error_message(ctx), "ubyte.gz is gzip-compressed: gunzip it");
        gan_destroy(ctx);
    }
#endif
    TEST ("what gan_idx_write writes is read back, to the bit") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 5, 1, 2, 3), *y;
        const char *path = test_path("written-idx3-ubyte");
        double sum = 0;
        int i;
        for (i = 0; i < 30; ++i) gan_data(x)[i] = (gan_real)(2 * (8 * i) - 255) / 255;
        CHECK(gan_idx_write(x, path) == 0, "%s", gan_error_message(ctx));
        CHECK(test_file_size(path) == HEAD + 30, "%ld bytes", test_file_size(path));
        y = gan_dataset_batch(gan_dataset_idx(ctx, path), 5, NULL);
        CHECK(gan_numel(y) == 30, "%s", gan_error_message(ctx));
        for (i = 0; i < 5 && gan_data(y); ++i) {
            const int id = (int)((gan_data(y)[6 * i] + 1) * (gan_real)127.5 / 48 + (gan_real).5);
            sum += id;
            CHECK_BYTES(gan_data(x) + 6 * id, gan_data(y) + 6 * i, 6 * sizeof(gan_real), "picture");
        }
        CHECK(sum == 10, "the numbers 0 .. 4 sum to %g", sum);
        CHECK(gan_idx_write(gan_zeros(ctx, 1, 3, 2, 2), path) == GAN_ERROR_SHAPE, "%s",
              gan_error_message(ctx));
        CHECK(gan_idx_write(NULL, path) != 0 && gan_idx_write(x, NULL) == GAN_ERROR_ARGUMENT,
              "NULL is no error");
        gan_destroy(ctx);
    }
}

static void test_damage(void)
{
    unsigned char bad[sizeof images + 1];
    TEST ("a missing file names what was looked for") {
        gan_context *ctx = gan_create(NULL);
        CHECK(gan_dataset_idx(ctx, test_path("nowhere")) == NULL, "a dataset from nothing");
        CHECK(gan_error(ctx) == GAN_ERROR_FILE, "error %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "nowhere");
        CHECK_TEXT(gan_error_message(ctx), "train-images-idx3-ubyte");
        gan_destroy(ctx);
    }
    TEST ("gzip and zip are recognized, with the way out") {
        CHECK_TEXT(
            opening("images-idx3-ubyte.gz", "\x1f\x8b\x08 and more than sixteen bytes", 30, GAN_ERROR_FORMAT),
            "gunzip");
        CHECK_TEXT(opening("images.zip", "PK\3\4 and more than sixteen bytes", 30, GAN_ERROR_FORMAT),
                   "unzip");
        CHECK_TEXT(opening("two", "\x1f\x8b", 2, GAN_ERROR_FORMAT), "gunzip");
    }
    TEST ("a folder with nothing but train-images-idx3-ubyte.gz says gunzip too") {
        gan_context *ctx = gan_create(NULL);
        const char *folder = test_path("");
        remove(test_path("train-images-idx3-ubyte"));
        put_file("train-images-idx3-ubyte.gz", "\x1f\x8b\x08", 3);
        CHECK(gan_dataset_idx(ctx, folder) == NULL, "a dataset from gzip");
        CHECK_TEXT(gan_error_message(ctx), "train-images-idx3-ubyte.gz is gzip");
        remove(test_path("train-images-idx3-ubyte.gz"));
        gan_destroy(ctx);
    }
    TEST ("an empty file, labels for images, another type, another rank: each is told apart") {
        CHECK_TEXT(opening("empty", "", 0, GAN_ERROR_FORMAT), "0 bytes");
        CHECK_TEXT(opening("l", labels, sizeof labels, GAN_ERROR_FORMAT), "labels");
        CHECK_TEXT(opening("text", "P5 3 4 255 and some pixels here", 31, GAN_ERROR_FORMAT), "no IDX");
        memcpy(bad, images, sizeof images);
        bad[2] = 0x0d; // f32: four times as many bytes
        CHECK_TEXT(opening("float", bad, sizeof images, GAN_ERROR_FORMAT), "1120 needed");
        bad[2] = 0x0a;
        CHECK_TEXT(opening("type", bad, sizeof images, GAN_ERROR_FORMAT), "type");
        bad[2] = 8;
        bad[3] = 0;
        CHECK_TEXT(opening("rank", bad, sizeof images, GAN_ERROR_FORMAT), "rank");
        bad[3] = 255;
        CHECK_TEXT(opening("rank", bad, sizeof images, GAN_ERROR_FORMAT), "rank");
    }
    TEST ("the file cut at every length is refused, and so is one byte too many") {
        char want[40];
        size_t n;
        for (n = 0; n < sizeof images; ++n) {
            const char *text = opening("cut", images, n, GAN_ERROR_FORMAT);
            snprintf(want, sizeof want, "%d bytes found", (int)n);
            if (n >= 4) CHECK_TEXT(text, want);
        }
        memcpy(bad, images, sizeof images);
        bad[sizeof images] = 0;
        CHECK_TEXT(opening("long", bad, sizeof bad, GAN_ERROR_FORMAT), "too long");
        opening("whole", images, sizeof images, 0);
    }
    TEST ("dimensions of 0, above INT_MAX and with products that wrap are refused before memory is taken") {
        static const uint32_t dims[][3] = {{0, 3, 4},
                                           {23, 0, 4},
                                           {23, 3, 0},
                                           {0, 0, 0},
                                           {0xffffffffu, 3, 4},
                                           {0x80000000u, 3, 4},
                                           {23, 0xffffffffu, 4},
                                           {0x7fffffffu, 0x7fffffffu, 0x7fffffffu},
                                           {0x10000, 0x10000, 0x10000},
                                           {0x40000000, 4, 4},
                                           {0x7fffffff, 2, 1},
                                           {1, 0x55555556, 12}};
        size_t i;
        int k;
        for (i = 0; i < sizeof dims / sizeof dims[0]; ++i) {
            memcpy(bad, images, sizeof images);
            for (k = 0; k < 3; ++k) put32(bad + 4 + 4 * k, dims[i][k]);
            opening("dims", bad, sizeof images, GAN_ERROR_FORMAT);
        }
    }
    TEST ("every bit of the header flipped is refused, but for the one that makes u8 i8") {
        int bit;
        for (bit = 0; bit < 8 * HEAD; ++bit) {
            memcpy(bad, images, sizeof images);
            bad[bit / 8] ^= (unsigned char)(1 << bit % 8);
            opening("bit", bad, sizeof images, bit == 16 ? 0 : GAN_ERROR_FORMAT);
        }
    }
    TEST ("labels that belong to other images are refused, and so are damaged ones") {
        unsigned char other[sizeof labels];
        memcpy(other, labels, sizeof labels);
        put32(other + 4, IMAGES - 1);
        put_file("m-labels-idx1-ubyte", other, sizeof other - 1);
        CHECK_TEXT(opening("m-images-idx3-ubyte", images, sizeof images, GAN_ERROR_FORMAT),
                   "22 labels for 23 images");
        put_file("m-labels-idx1-ubyte", labels, sizeof labels - 1);
        CHECK_TEXT(opening("m-images-idx3-ubyte", images, sizeof images, GAN_ERROR_FORMAT), "short");
        put_file("m-labels-idx1-ubyte", images, sizeof images);
        CHECK_TEXT(opening("m-images-idx3-ubyte", images, sizeof images, GAN_ERROR_FORMAT), "images");
        put_file("m-labels-idx1-ubyte", labels, sizeof labels);
        opening("m-images-idx3-ubyte", images, sizeof images, 0);
    }
    TEST ("a path that is a folder, and NULL, are errors") {
        gan_context *ctx = gan_create(NULL);
        CHECK(!gan_dataset_idx(ctx, "tests") && gan_error(ctx) == GAN_ERROR_FILE, "%s",
              gan_error_message(ctx));
        gan_error_clear(ctx);
        CHECK(!gan_dataset_idx(ctx, NULL) && gan_error(ctx) == GAN_ERROR_ARGUMENT, "%s",
              gan_error_message(ctx));
        CHECK(!gan_dataset_idx(NULL, "x") && !gan_dataset_batch(NULL, 1, NULL) && !gan_dataset_size(NULL),
              "NULL context");
        gan_destroy(ctx);
    }
    TEST ("a write that cannot be finished leaves what was there, and no temporary file") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *x = gan_zeros(ctx, 1, 2, 2);
        CHECK(gan_idx_write(x, test_path("no such folder/x")) == GAN_ERROR_FILE, "%s",
              gan_error_message(ctx));
        CHECK_TEXT(gan_error_message(ctx), "no such folder/x");
        gan_error_clear(ctx);
        CHECK(gan_idx_write(x, test_path(".")) == GAN_ERROR_FILE, "%s", gan_error_message(ctx));
        CHECK_TEXT(gan_error_message(ctx), "it is a folder");
        gan_destroy(ctx);
    }
}

static void test_epochs(void)
{
    TEST ("each epoch visits each sample exactly once, in an order of its own") {
        gan_context *ctx = context(3);
        gan_dataset *d = numbers(ctx, 100);
        int v[4][100], e, i, same = 0;
        for (e = 0; e < 4; ++e) {
            for (i = 0; i < 100; i += 10) draw(d, 10, v[e] + i);
            check_permutation(v[e], 100);
        }
        for (i = 0; i < 100; ++i)
            same += (v[0][i] == v[1][i]) + (v[1][i] == v[2][i]) + (v[2][i] == v[3][i]) + (v[0][i] == i);
        CHECK(same < 30, "%d of 400 places agree, 4 expected", same);
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a sample that comes twice is caught") {
        int v[100], i;
        for (i = 0; i < 100; ++i) v[i] = i == 7 ? 8 : i;
        check_permutation(v, 100);
    }
    TEST ("the sequence depends on the seed alone, not on the batch size") {
        gan_context *a = context(5), *b = context(5), *c = context(6);
        gan_dataset *da = numbers(a, 37), *db = numbers(b, 37), *dc = numbers(c, 37);
        int va[210], vb[210], vc[210], i, same = 0;
        for (i = 0; i < 210; i += 3) draw(da, 3, va + i);
        for (i = 0; i < 210; i += 70) draw(db, 70, vb + i);
        draw(dc, 210, vc);
        CHECK_BYTES(va, vb, sizeof va, "batches of 3 and of 70, which is more than an epoch");
        for (i = 0; i < 210; ++i) same += va[i] == vc[i];
        CHECK(same < 30, "another seed agrees in %d of 210 places", same);
        check_permutation(va + 37, 37);
        gan_destroy(a);
        gan_destroy(b);
        gan_destroy(c);
    }
    TEST ("the shuffle is uniform: every sample is as often first, in the middle and last (chi-square)") {
        enum { N = 10, EPOCHS = 4000 };
        gan_context *ctx = context(11);
        gan_dataset *d = numbers(ctx, N);
        int count[3][N] = {{0}}, v[N], e, i, k;
        for (e = 0; e < EPOCHS; ++e) {
            draw(d, N, v);
            for (k = 0; k < 3; ++k) count[k][v[k * 4 + (k == 2)]]++;
            if (e % 100 == 0) {
                gan_scope_open(ctx);
                gan_scope_close(ctx);
            }
        }
        for (k = 0; k < 3; ++k) {
            double chi = 0;
            for (i = 0; i < N; ++i) chi += pow(count[k][i] - EPOCHS / N, 2) / (EPOCHS / N);
            CHECK(chi < 27.9, "chi-square %.1f on 9 degrees of freedom (27.9 at 0.1 %%)", chi);
        }
        gan_destroy(ctx);
    }
    TEST ("gan_seed with another seed starts the data anew; the first seed's data come back") {
        gan_context *ctx = context(1);
        gan_dataset *d = numbers(ctx, 20), *toy = gan_dataset_toy(ctx, GAN_TOY_RING);
        int v[3][12];
        gan_real x[3];
        int i;
        for (i = 0; i < 3; ++i) {
            gan_seed(ctx, i == 1 ? 2 : 1);
            draw(d, 12, v[i]);
            x[i] = gan_item(gan_dataset_batch(toy, 4, NULL));
        }
        CHECK_BYTES(v[0], v[2], sizeof v[0], "seed 1 again");
        CHECK(memcmp(v[0], v[1], sizeof v[0]) != 0, "seed 2 draws as seed 1");
        CHECK(x[0] == x[2] && x[0] != x[1], "%g %g %g", (double)x[0], (double)x[1], (double)x[2]);
        gan_destroy(ctx);
    }
    TEST ("a dataset saved after k batches goes on as if it had not been, for every k") {
        const char *path = test_path("data.safetensors");
        int k, i, v[24][5], w[5];
        gan_real x[24][8], y[8];
        gan_context *a = context(9);
        gan_dataset *da = numbers(a, 17), *ta = gan_dataset_toy(a, GAN_TOY_GRID);
        for (i = 0; i < 24; ++i) {
            draw(da, 5, v[i]);
            gan_read(gan_dataset_batch(ta, 4, NULL), x[i], 8);
        }
        for (k = 0; k < 24; ++k) {
            gan_context *b = context(9), *c = context(9);
            gan_dataset *d = numbers(b, 17), *t = gan_dataset_toy(b, GAN_TOY_GRID);
            for (i = 0; i < k; ++i) {
                draw(d, 5, w);
                gan_dataset_batch(t, 4, NULL);
            }
            CHECK(gan_save(b, path) == 0, "%s", gan_error_message(b));
            if (k % 2) { // into datasets that exist, and into those that will
                d = numbers(c, 17);
                t = gan_dataset_toy(c, GAN_TOY_GRID);
                gan_dataset_batch(t, 3, NULL);
                draw(d, 4, w);
            }
            CHECK(gan_load(c, path) == 0, "%s", gan_error_message(c));
            if (k % 2 == 0) {
                d = numbers(c, 17);
                t = gan_dataset_toy(c, GAN_TOY_GRID);
            }
            for (i = k; i < 24; ++i) {
                draw(d, 5, w);
                gan_read(gan_dataset_batch(t, 4, NULL), y, 8);
                CHECK_BYTES(w, v[i], sizeof w, "samples");
                CHECK_BYTES(y, x[i], sizeof y, "toy");
            }
            gan_destroy(b);
            gan_destroy(c);
        }
        gan_destroy(a);
    }
    TEST ("a position from a strange file is no way out of the samples") {
        static const int64_t strange[] = {-1, 17, 18, INT64_MAX, INT64_MIN};
        size_t i, k;
        for (i = 0; i < 5; ++i)
            for (k = 0; k < 5; ++k) {
                gan_context *ctx = gan_create(NULL);
                gan_dataset *d = numbers(ctx, 17);
                int64_t *s = position(ctx);
                int v[40];
                s[1] = strange[k];
                s[2] = strange[i];
                draw(d, 40, v);
                CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
                check_permutation(v, 17);
                gan_destroy(ctx);
            }
    }
}

static void test_memory(void)
{
    TEST ("a memory dataset is copied, keeps its shape, and each sample its label") {
        gan_context *ctx = gan_create(NULL);
        gan_real v[12], l[2] = {5, 6};
        gan_tensor *x, *y;
        gan_dataset *d;
        int i, k;
        for (i = 0; i < 12; ++i) v[i] = (gan_real)i;
        d = gan_dataset_memory(ctx, v, l, 2, 2, 3);
        memset(v, 0, sizeof v);
        memset(l, 0, sizeof l);
        x = gan_dataset_batch(d, 6, &y);
        CHECK(gan_ndim(x) == 3 && gan_dim(x, 0) == 6 && gan_dim(x, 1) == 2 && gan_dim(x, 2) == 3, "%s",
              gan_error_message(ctx));
        for (i = 0; i < 6 && gan_data(x) && gan_data(y); ++i)
            for (k = 0; k < 6; ++k)
                CHECK(gan_data(x)[6 * i + k] == 6 * (gan_data(y)[i] - 5) + (gan_real)k, "sample %d", i);
        CHECK(gan_dataset_size(d) == 2, "size %d", (int)gan_dataset_size(d));
        gan_destroy(ctx);
    }
    TEST ("classes: the values of whole labels in order, their names and sizes; others have none") {
        static const gan_real label[5][4] = {
            {20, 0, 10, 10}, {1, -1, -1, 1}, {1, 0, 2, 0}, {0, 65536, 0, 0}, {(gan_real).5, 1, 2, 3}};
        static const int classes[5] = {3, 2, 3, 0, 0}, warnings[5] = {1, 1, 0, 0, 0};
        int i;
        for (i = 0; i < 5; ++i) {
            gan_context *ctx = gan_create(NULL);
            const int dim[] = {1};
            gan_dataset *d = gan_dataset_memory_n(ctx, label[i], label[i], 4, 1, dim);
            CHECK(gan_dataset_classes(d) == classes[i] && gan_warnings(ctx) == warnings[i],
                  "%d: %d classes, %d warnings", i, gan_dataset_classes(d), gan_warnings(ctx));
            CHECK(gan_dataset_label(d, 2) == label[i][2] && gan_dataset_label(d, 4) == 0 &&
                      gan_dataset_label(d, -1) == 0 && !*gan_dataset_path(d, 0),
                  "label %g", (double)gan_dataset_label(d, 2));
            CHECK(gan_dataset_class_label(d, -1) == 0 && !*gan_dataset_class_name(d, 3) &&
                      gan_dataset_class_size(d, 3) == 0,
                  "out of range");
            if (i == 0) {
                CHECK(gan_dataset_class_label(d, 1) == 10 && gan_dataset_class_size(d, 1) == 2 &&
                          gan_dataset_class_label(d, 2) == 20 && gan_dataset_class_size(d, 2) == 1,
                      "10 and 20");
                CHECK(!strcmp(gan_dataset_class_name(d, 2), "20"), "%s", gan_dataset_class_name(d, 2));
                CHECK_TEXT(gan_warning_message(ctx), "3 labels from 0 to 20, not 0 to 2");
            }
            if (i == 1)
                CHECK(!strcmp(gan_dataset_class_name(d, 0), "-1"), "%s", gan_dataset_class_name(d, 0));
            gan_destroy(ctx);
        }
    }
    TEST ("wrong arguments are errors that say so, and draw nothing") {
        gan_context *ctx = gan_create(NULL);
        gan_real v[4] = {0, 1, 2, 3};
        gan_dataset *d;
        int first[4], after[4];
#define REFUSED(call, code)                                                                                  \
    do {                                                                                                     \
        CHECK(!(call), "%s", #call);                                                                         \
        CHECK(gan_error(ctx) == code, "error %d, expected %d", gan_error(ctx), (int)code);                   \
        gan_error_clear(ctx);                                                                                \
    } while (0)
        REFUSED(gan_dataset_memory_n(ctx, NULL, NULL, 4, 0, NULL), GAN_ERROR_ARGUMENT);
        REFUSED(gan_dataset_memory_n(ctx, v, NULL, 0, 0, NULL), GAN_ERROR_ARGUMENT);
        REFUSED(gan_dataset_memory_n(ctx, v, NULL, -4, 0, NULL), GAN_ERROR_ARGUMENT);
        REFUSED(gan_dataset_memory(ctx, v, NULL, 1, 1, 1, 1, 1, 1, 1, 1, 1), GAN_ERROR_ARGUMENT);
        REFUSED(gan_dataset_memory(ctx, v, NULL, 1, 0), GAN_ERROR_SHAPE);
        REFUSED(gan_dataset_memory(ctx, v, NULL, 1, -2, -2), GAN_ERROR_SHAPE);
        REFUSED(gan_dataset_toy(ctx, GAN_TOY_COUNT), GAN_ERROR_ARGUMENT);
        REFUSED(gan_dataset_toy(ctx, (gan_toy)-1), GAN_ERROR_ARGUMENT);
#undef REFUSED
        d = numbers(ctx, 4);
        gan_dataset_batch(d, 0, NULL);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "error %d", gan_error(ctx));
        gan_error_clear(ctx);
        gan_dataset_batch(d, -1, NULL);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "error %d", gan_error(ctx));
        gan_error_clear(ctx);
        draw(d, 4, after);
        gan_seed(ctx, 8);
        gan_seed(ctx, 0);
        draw(numbers(ctx, 4), 4, first);
        check_permutation(after, 4);
        gan_destroy(ctx);
    }
}

// The toy distributions, against what the facade says of them.

enum { DRAWN = 20000 };
static gan_real points[2 * DRAWN];

static void fill(gan_toy kind, int dim)
{
    gan_context *ctx = context(21);
    gan_dataset *d = gan_dataset_toy(ctx, kind);
    int i;
    for (i = 0; i < DRAWN; i += DRAWN / 20) {
        gan_tensor *x;
        gan_scope_open(ctx);
        x = gan_dataset_batch(d, DRAWN / 20, NULL);
        CHECK(gan_ndim(x) == 2 && gan_dim(x, 1) == dim, "%d dimensions: %s", gan_ndim(x),
              gan_error_message(ctx));
        gan_read(x, points + i * dim, (size_t)(DRAWN / 20 * dim));
        gan_scope_close(ctx);
    }
    CHECK(!gan_error(ctx) && gan_dataset_size(d) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

// n modes, each drawn equally often, and around each a round normal distribution of that sigma.
static void check_modes(int n, const double (*mode)[2], double sigma)
{
    int count[32] = {0}, i, k;
    double square[2] = {0, 0}, cross = 0, worst = 0, chi = 0;
    for (i = 0; i < DRAWN; ++i) {
        double best = 1e9, dx, dy;
        int at = 0;
        for (k = 0; k < n; ++k) {
            const double r =
                hypot((double)points[2 * i] - mode[k][0], (double)points[2 * i + 1] - mode[k][1]);
            if (r < best) {
                best = r;
                at = k;
            }
        }
        count[at]++;
        worst = best > worst ? best : worst;
        dx = (double)points[2 * i] - mode[at][0];
        dy = (double)points[2 * i + 1] - mode[at][1];
        square[0] += dx * dx / DRAWN;
        square[1] += dy * dy / DRAWN;
        cross += dx * dy / DRAWN;
    }
    for (k = 0; k < n; ++k) chi += pow(count[k] - (double)DRAWN / n, 2) / ((double)DRAWN / n);
    CHECK(chi < n - 1 + 4.5 * sqrt(2. * n), "%d modes: chi-square %.1f", n, chi);
    CHECK(worst < 6 * sigma, "a sample is %.2f sigma from every mode", worst / sigma);
    CHECK_NEAR(sqrt(square[0]), sigma, .03 * sigma, "sigma of x");
    CHECK_NEAR(sqrt(square[1]), sigma, .03 * sigma, "sigma of y");
    CHECK_NEAR(cross / (sigma * sigma), 0, .04, "correlation");
}

// no two of n modes nearer than that
static void check_distinct(int n, const double (*mode)[2], double apart)
{
    int i, k;
    for (i = 0; i < n; ++i)
        for (k = 0; k < i; ++k)
            CHECK(hypot(mode[i][0] - mode[k][0], mode[i][1] - mode[k][1]) > apart, "modes %d, %d", i, k);
}

// 8 modes, `parts` to the circle
static void ring_modes(double (*mode)[2], int parts)
{
    int k;
    for (k = 0; k < 8; ++k) {
        mode[k][0] = cos(k * 8 * atan(1) / parts);
        mode[k][1] = sin(k * 8 * atan(1) / parts);
    }
}

static void grid_modes(double (*mode)[2])
{
    int k;
    for (k = 0; k < 25; ++k) {
        mode[k][0] = k / 5 * 2 - 4;
        mode[k][1] = k % 5 * 2 - 4;
    }
}

static void test_toys(void)
{
    const double pi = 4 * atan(1);
    double mode[25][2];
    int i, k;
    TEST ("NORMAL is N(4, 1.25^2): its first four moments") {
        double m[5] = {0};
        fill(GAN_TOY_NORMAL, 1);
        for (i = 0; i < DRAWN; ++i)
            for (k = 1; k < 5; ++k) m[k] += pow(((double)points[i] - 4) / 1.25, k) / DRAWN;
        CHECK_NEAR(m[1], 0, .03, "mean");
        CHECK_NEAR(m[2], 1, .04, "variance");
        CHECK_NEAR(m[3], 0, .08, "skewness");
        CHECK_NEAR(m[4], 3, .2, "kurtosis");
    }
    TEST ("LINE is y = 2 x + 1 with x ~ U(-1, 1) and noise .05") {
        double mean = 0, square = 0, off = 0, noise = 0, lo = 9, hi = -9;
        fill(GAN_TOY_LINE, 2);
        for (i = 0; i < DRAWN; ++i) {
            const double x = (double)points[2 * i], r = (double)points[2 * i + 1] - 2 * x - 1;
            mean += x / DRAWN;
            square += x * x / DRAWN;
            off += r / DRAWN;
            noise += r * r / DRAWN;
            lo = x < lo ? x : lo;
            hi = x > hi ? x : hi;
        }
        CHECK_NEAR(mean, 0, .02, "mean of x");
        CHECK_NEAR(square, 1 / 3., .01, "variance of x");
        CHECK(lo >= -1 && lo < -.99 && hi < 1 && hi > .99, "x from %g to %g", lo, hi);
        CHECK_NEAR(off, 0, .002, "mean of the noise");
        CHECK_NEAR(sqrt(noise), .05, .001, "sigma of the noise");
    }
    TEST ("RING has 8 distinct modes on the unit circle, equally often, sigma .01") {
        ring_modes(mode, 8);
        check_distinct(8, (const double(*)[2])mode, .7);
        fill(GAN_TOY_RING, 2);
        check_modes(8, (const double(*)[2])mode, .01);
    }
    TEST_MUST_FAIL ("an inclusive linspace makes 7 distinct modes, the first twice (unrolled GAN notebook)") {
        ring_modes(mode, 7);
        check_distinct(8, (const double(*)[2])mode, .7);
    }
    TEST_MUST_FAIL ("samples of such a ring are not taken for RING") {
        double seven[25][2];
        ring_modes(mode, 8);
        ring_modes(seven, 7);
        fill(GAN_TOY_RING, 2);
        for (i = 0; i < 2 * DRAWN; i += 2) {
            const int at = (int)floor(atan2((double)points[i + 1], (double)points[i]) / atan(1) + 8.5) % 8;
            points[i] += (gan_real)(seven[at][0] - mode[at][0]);
            points[i + 1] += (gan_real)(seven[at][1] - mode[at][1]);
        }
        check_modes(8, (const double(*)[2])mode, .01);
    }
    TEST_MUST_FAIL ("a ring that has lost one of its modes is caught") {
        ring_modes(mode, 8);
        fill(GAN_TOY_RING, 2);
        for (i = 0; i < DRAWN; ++i)
            if ((double)points[2 * i] < -.99) points[2 * i] = -points[2 * i];
        check_modes(8, (const double(*)[2])mode, .01);
    }
    TEST ("GRID has 25 distinct modes on {-4, -2, 0, 2, 4}^2, equally often, sigma .05") {
        grid_modes(mode);
        check_distinct(25, (const double(*)[2])mode, 1.9);
        fill(GAN_TOY_GRID, 2);
        check_modes(25, (const double(*)[2])mode, .05);
    }
    TEST_MUST_FAIL ("a grid whose last column falls on its first, 20 distinct modes, is caught") {
        grid_modes(mode);
        fill(GAN_TOY_GRID, 2);
        for (i = 0; i < DRAWN; ++i)
            if ((double)points[2 * i] > 3) points[2 * i] -= 8;
        check_modes(25, (const double(*)[2])mode, .05);
    }
    TEST ("MOONS are two half circles, equally often, noise .05") {
        int upper = 0, stray = 0;
        double noise = 0;
        fill(GAN_TOY_MOONS, 2);
        for (i = 0; i < DRAWN; ++i) {
            const double x = (double)points[2 * i], y = (double)points[2 * i + 1];
            const double up = y > 0 ? hypot(x, y) - 1 : hypot(fabs(x) - 1, y), v = .5 - y;
            const double low = v > 0 ? hypot(x - 1, v) - 1 : hypot(fabs(x - 1) - 1, v);
            const double r = fabs(up) < fabs(low) ? up : low;
            upper += fabs(up) < fabs(low);
            noise += r * r / DRAWN;
            stray += fabs(r) > .3;
        }
        CHECK_NEAR(upper, DRAWN / 2, 4 * sqrt(DRAWN / 4.), "samples of the upper moon");
        CHECK(stray == 0, "%d samples are more than 6 sigma off", stray);
        CHECK_NEAR(sqrt(noise), .05, .003, "sigma across the arc");
    }
    TEST ("SWISS_ROLL is t (cos t, sin t), t from 1.5 pi to 4.5 pi, scaled to 1, noise .05") {
        double outer = 0;
        int stray = 0, turn[2] = {0};
        fill(GAN_TOY_SWISS_ROLL, 2);
        for (i = 0; i < DRAWN; ++i) {
            const double x = (double)points[2 * i], y = (double)points[2 * i + 1], r = hypot(x, y);
            double t = atan2(y, x), best = 9;
            int outside = 0;
            while (t < .5 * pi) t += 2 * pi; // noise turns the inner end back a little
            for (k = 0; k < 3; ++k, t += 2 * pi)
                if (fabs(r - t / (4.5 * pi)) < fabs(best)) {
                    best = r - t / (4.5 * pi);
                    outside = t > 3.5 * pi;
                }
            turn[outside]++;
            stray += fabs(best) > .3;
            outer = r > outer ? r : outer;
        }
        CHECK(stray == 0, "%d samples are off the roll", stray);
        CHECK(outer > .95 && outer < 1.3, "the farthest is at %g", outer);
        // t is uniform: from 1.5 pi one turn is 2/3 of it; noise moves a few across
        CHECK_NEAR(turn[0] / (double)DRAWN, 2 / 3., .05, "share of the inner turn");
    }
    TEST ("batches follow one another without a repeat; the same seed gives the same") {
        gan_context *a = context(4), *b = context(4);
        gan_dataset *da = gan_dataset_toy(a, GAN_TOY_NORMAL), *db = gan_dataset_toy(b, GAN_TOY_NORMAL);
        gan_dataset *other = gan_dataset_toy(b, GAN_TOY_NORMAL);
        gan_real v[3][100], w[100];
        for (i = 0; i < 3; ++i) {
            gan_read(gan_dataset_batch(da, 100, NULL), v[i], 100);
            gan_read(gan_dataset_batch(db, 100, NULL), w, 100);
            CHECK_BYTES(v[i], w, sizeof w, "the same seed");
        }
        CHECK(memcmp(v[0], v[1], sizeof w) && memcmp(v[1], v[2], sizeof w), "%s", "a batch came twice");
        gan_read(gan_dataset_batch(other, 100, NULL), w, 100);
        CHECK(memcmp(v[0], w, sizeof w) != 0, "%s", "two datasets of one context draw the same");
        gan_destroy(a);
        gan_destroy(b);
    }
}

static void test_mnist(void)
{
    TEST ("MNIST, where it is: 60000 images of 28 x 28, ten digits, mean brightness .1307") {
        gan_context *ctx;
        gan_tensor *x, *y = NULL;
        int count[10] = {0}, i, n;
        double mean = 0;
        if (test_file_size("data/mnist/train-images-idx3-ubyte") < 0) TEST_SKIP("no data/mnist");
        ctx = gan_create(NULL);
        x = gan_dataset_batch(gan_dataset_idx(ctx, "data/mnist"), 6000, &y);
        CHECK(!gan_error(ctx) && y, "%s", gan_error_message(ctx));
        n = (int)gan_numel(x);
        for (i = 0; i < n; ++i) mean += ((double)gan_data(x)[i] + 1) / 2 / n;
        for (i = 0; i < 6000 && y; ++i) count[(int)gan_data(y)[i] % 10]++;
        CHECK_NEAR(mean, .1307, .002, "mean");
        for (i = 0; i < 10; ++i)
            CHECK(count[i] > 450 && count[i] < 800, "%d times the digit %d", count[i], i);
        gan_destroy(ctx);
    }
}

int main(void)
{
    make_idx();
    test_idx();
    test_damage();
    test_epochs();
    test_memory();
    test_toys();
    test_mnist();
    return test_done();
}
