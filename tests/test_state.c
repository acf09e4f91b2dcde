// Named state: everything that a checkpoint holds, what meets it before and after it is created, and
// resuming.
#include "../gan.h"

#include "test.h"

#include "check.h"

static gan_tensor *net(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    int wide = gan_model_user(m) ? *(int *)gan_model_user(m) : 5;
    (void)label;
    return gan_linear(m, "b", gan_batch_norm(m, "n", gan_linear(m, "a", x, wide)), 2);
}

typedef struct run {
    gan_context *ctx;
    gan_model *m;
    gan_optimizer *o;
} run;

static run begin(uint64_t seed, int kind)
{
    run r;
    gan_desc d;
    gan_optimizer_desc o = kind == 0   ? gan_sgd((gan_real).1, (gan_real).9)
                           : kind == 1 ? gan_rmsprop((gan_real).01)
                                       : gan_adam((gan_real).01, (gan_real).5, (gan_real).99);
    memset(&d, 0, sizeof d);
    d.seed = seed;
    r.ctx = gan_create(&d);
    r.m = gan_model_create(r.ctx, "net", net, NULL);
    if (kind == 1) o.momentum = (gan_real).5;
    r.o = gan_optimizer_create(r.m, o);
    return r;
}
static void steps(run r, int n)
{
    while (n--)
        (void)gan_minimize(
            r.o, gan_mean_all(gan_square(gan_sub(gan_forward(r.m, gan_rand_normal(r.ctx, 8, 3), NULL),
                                                 gan_rand_normal(r.ctx, 8, 2)))));
}
static void same_model(gan_model *a, gan_model *b)
{
    int i;
    CHECK(gan_model_count(a) == gan_model_count(b) && gan_model_count(a) > 0, "%d and %d tensors",
          gan_model_count(a), gan_model_count(b));
    for (i = 0; i < gan_model_count(a); ++i) {
        gan_tensor *t = gan_model_find(b, gan_model_name(a, i));
        CHECK(t && same_bits(gan_model_tensor(a, i), t), "%s differs", gan_model_name(a, i));
    }
}

static unsigned char *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    long n = test_file_size(path);
    unsigned char *p = n > 0 ? (unsigned char *)malloc((size_t)n) : NULL;
    *size = p && f ? fread(p, 1, (size_t)n, f) : 0;
    if (f) fclose(f);
    return p;
}

int main(void)
{
    int kind;
    for (kind = 0; kind < 3; ++kind)
        TESTF ("saved at each step k of 6 and resumed equals the uninterrupted run, optimizer %d: loaded "
               "before the first forward",
               kind) {
            const char *path = test_path("state.safetensors");
            int k;
            for (k = 0; k <= 6; ++k) {
                run a = begin(3, kind), b = begin(99, kind);
                steps(a, k);
                CHECK(gan_save(a.ctx, path) == 0, "save: %s", gan_error_message(a.ctx));
                steps(a, 6 - k);
                CHECK(gan_load(b.ctx, path) == 0, "load: %s", gan_error_message(b.ctx));
                steps(b, 6 - k);
                if (k < 6) same_model(a.m, b.m);
                CHECK(gan_error(a.ctx) == 0 && gan_error(b.ctx) == 0, "%s %s", gan_error_message(a.ctx),
                      gan_error_message(b.ctx));
                gan_destroy(a.ctx);
                gan_destroy(b.ctx);
            }
        }
    TEST ("the same into a run that already went its own way for some steps") {
        const char *path = test_path("state2.safetensors");
        run a = begin(3, 2), b = begin(99, 2);
        steps(a, 3);
        CHECK(gan_save(a.ctx, path) == 0, "save");
        steps(a, 2);
        steps(b, 4);
        CHECK(gan_load(b.ctx, path) == 0, "load: %s", gan_error_message(b.ctx));
        steps(b, 2);
        same_model(a.m, b.m);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("from memory the same; the bytes are left alone") {
        const char *path = test_path("state3.safetensors");
        run a = begin(3, 2), b = begin(99, 2);
        size_t n;
        unsigned char *bytes, *copy;
        steps(a, 3);
        CHECK(gan_save(a.ctx, path) == 0, "save");
        steps(a, 2);
        bytes = read_all(path, &n);
        copy = (unsigned char *)malloc(n ? n : 1);
        if (n) memcpy(copy, bytes, n);
        CHECK(n > 100 && gan_load_memory(b.ctx, bytes, n) == 0, "load: %s", gan_error_message(b.ctx));
        steps(b, 2);
        same_model(a.m, b.m);
        CHECK_BYTES(bytes, copy, n, "training changed the checkpoint's bytes");
        gan_destroy(b.ctx);
        gan_destroy(a.ctx);
        free(bytes);
        free(copy);
    }
    TEST ("saving twice gives the same bytes; saving disturbs nothing") {
        const char *p = test_path("state4.safetensors"), *q = test_path("state5.safetensors");
        run a = begin(3, 2), b = begin(3, 2);
        size_t n, m;
        unsigned char *x, *y;
        steps(a, 2);
        CHECK(gan_save(a.ctx, p) == 0 && gan_save(a.ctx, q) == 0, "save");
        x = read_all(p, &n);
        y = read_all(q, &m);
        CHECK(n == m && n > 0 && memcmp(x, y, n) == 0, "%d and %d bytes", (int)n, (int)m);
        steps(a, 2);
        steps(b, 4);
        same_model(a.m, b.m);
        free(x);
        free(y);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("a tensor of another shape is an error that names it and both shapes, and changes nothing") {
        const char *path = test_path("state6.safetensors");
        run a = begin(3, 2);
        int wide = 7;
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "net", net, &wide);
        gan_real before[21];
        steps(a, 1);
        CHECK(gan_save(a.ctx, path) == 0, "save");
        gan_scope_open(ctx);
        (void)gan_forward(m, gan_zeros(ctx, 4, 3), NULL);
        gan_scope_close(ctx);
        memcpy(before, gan_data(gan_model_find(m, "a.weight")), sizeof before);
        CHECK(gan_load(ctx, path) != 0 && gan_error(ctx) != 0, "loaded");
        CHECK_TEXT(gan_error_message(ctx), "net.a.weight");
        CHECK_TEXT(gan_error_message(ctx), "(7, 3)");
        CHECK_TEXT(gan_error_message(ctx), "(5, 3)");
        CHECK_BYTES(before, gan_data(gan_model_find(m, "a.weight")), sizeof before, "weights");
        gan_destroy(a.ctx);
        gan_destroy(ctx);
    }
    TEST ("a name in the file that nothing claims is no error; a model under another name keeps its own "
          "values") {
        const char *path = test_path("state7.safetensors");
        run a = begin(3, 2);
        gan_context *ctx = gan_create(NULL), *own = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "other", net, NULL),
                  *n = gan_model_create(own, "other", net, NULL);
        steps(a, 1);
        CHECK(gan_save(a.ctx, path) == 0, "save");
        CHECK(gan_load(ctx, path) == 0, "load: %s", gan_error_message(ctx));
        (void)gan_forward(m, gan_zeros(ctx, 4, 3), NULL);
        (void)gan_forward(n, gan_zeros(own, 4, 3), NULL);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        CHECK(!same_bits(gan_model_find(m, "a.weight"), gan_model_find(a.m, "a.weight")),
              "taken from another model");
        gan_destroy(a.ctx);
        gan_destroy(ctx);
        gan_destroy(own);
    }
    TEST_MUST_FAIL ("a resume without the optimizer's state is seen (fault 6)") {
        const char *path = test_path("state8.safetensors");
        run a = begin(3, 2), b = begin(99, 2);
        steps(a, 3);
        CHECK(gan_save(a.ctx, path) == 0, "save");
        steps(a, 2);
        b.o = gan_optimizer_create(gan_model_create(b.ctx, "elsewhere", net, NULL),
                                   gan_adam((gan_real).01, (gan_real).5, (gan_real).99));
        (void)gan_load(b.ctx, path);
        steps(b, 2);
        same_model(a.m, b.m);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("random numbers go on after a load where they stood at the save") {
        const char *path = test_path("state9.safetensors");
        run a = begin(3, 2), b = begin(4, 2);
        gan_tensor *x, *y;
        (void)gan_rand_normal(a.ctx, 100);
        CHECK(gan_save(a.ctx, path) == 0 && gan_load(b.ctx, path) == 0, "%s", gan_error_message(b.ctx));
        x = gan_rand_normal(a.ctx, 7);
        y = gan_rand_normal(b.ctx, 7);
        CHECK(same_bits(x, y), "other numbers");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    return test_done();
}
