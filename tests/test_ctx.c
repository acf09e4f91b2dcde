// The roof: contexts, the programs of the facade and of the north star, two units with one implementation, C
// names only.
#define GAN_IMPLEMENTATION
#include "../gan.h"

// Once more, in any order: nothing is defined twice.
#include "../gan.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

// No private macro outlives the header.
#if defined(GAN__ALIGN) || defined(GAN__INLINE) || defined(GAN__RESTRICT) || defined(GAN__ROW) ||            \
    defined(GAN__PASS) || defined(GAN__MAPS) || defined(GAN__LEAST) || defined(GAN__MOST) ||                 \
    defined(GAN__GRAIN) || defined(GAN__LOAD) || defined(GAN__ADD) || defined(GAN__FMA) || defined(GAN__VF)
#error "a private macro of gan.h is still defined"
#endif

// ---- the program of the facade's first page

static gan_tensor *shift(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_add(z, gan_param(g, "theta", gan_init_constant(0), 1));
}

static gan_tensor *logistic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc", x, 1);
}

static void first_page(void)
{
    TEST ("the program on the facade's first page finds theta = 4") {
        gan_context *ctx = gan_create(NULL);
        gan_model *g = gan_model_create(ctx, "generator", shift, NULL);
        gan_model *d = gan_model_create(ctx, "discriminator", logistic, NULL);
        gan_optimizer *og = gan_optimizer_create(g, gan_sgd((gan_real).1, 0)),
                      *od = gan_optimizer_create(d, gan_sgd((gan_real).1, 0));
        double mean = 0;
        int i;
        for (i = 0; i < 1000; ++i) {
            gan_tensor *x = gan_add_scalar(gan_rand_normal(ctx, 256, 1), 4);
            gan_tensor *fake = gan_forward(g, gan_rand_normal(ctx, 256, 1), NULL);
            gan_minimize(od, gan_loss_d(GAN_LOSS_NON_SATURATING, gan_forward(d, x, NULL),
                                        gan_forward(d, gan_detach(fake), NULL), 0));
            fake = gan_forward(g, gan_rand_normal(ctx, 256, 1), NULL);
            gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, gan_forward(d, fake, NULL)));
            if (i >= 800) mean += (double)gan_item(gan_model_find(g, "theta")) / 200;
        }
        CHECK_NEAR(mean, 4, .25, "theta");
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

// ---- northstar/penalty.c

static gan_tensor *critic_loss(gan_model *critic, gan_tensor *real, gan_tensor *fake)
{
    gan_tensor *eps = gan_rand_uniform(gan_context_of(real), gan_dim(real, 0), 1, 1, 1);
    gan_tensor *x = gan_lerp(fake, real, eps);
    gan_tensor *g = gan_grad(gan_sum_all(gan_forward(critic, x, NULL)), x, GAN_CREATE_GRAPH);
    gan_tensor *gp = gan_mean_all(gan_square(gan_add_scalar(gan_norm_per_sample(g), -1)));
    gan_tensor *w =
        gan_sub(gan_mean_all(gan_forward(critic, fake, NULL)), gan_mean_all(gan_forward(critic, real, NULL)));
    return gan_add(w, gan_mul_scalar(gp, 10));
}
static gan_tensor *picture_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc",
                      gan_flatten(gan_leaky_relu(gan_conv2d(d, "conv", x, 4, 3, 2, 1), (gan_real).2)), 1);
}

static void by_hand(void)
{
    TEST ("the gradient penalty by hand (northstar/penalty.c) is the library's: same interpolates, same "
          "value, same update") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_model *p = gan_model_create(a, "critic", picture_critic, NULL),
                  *q = gan_model_create(b, "critic", picture_critic, NULL);
        gan_optimizer *o = gan_optimizer_create(p, gan_adam((gan_real)1e-3, 0, (gan_real).9)),
                      *u = gan_optimizer_create(q, gan_adam((gan_real)1e-3, 0, (gan_real).9));
        int i, j;
        for (i = 0; i < 5; ++i) {
            gan_tensor *real = gan_rand_normal(a, 6, 1, 8, 8), *fake = gan_rand_normal(a, 6, 1, 8, 8), *r, *f,
                       *penalty;
            double x = (double)gan_minimize(o, critic_loss(p, real, gan_detach(fake))), y;
            r = gan_rand_normal(b, 6, 1, 8, 8), f = gan_rand_normal(b, 6, 1, 8, 8);
            penalty = gan_penalty(GAN_PENALTY_WGAN_GP, 10, q, r, f, NULL);
            y = (double)gan_minimize(u, gan_add(gan_loss_d(GAN_LOSS_WASSERSTEIN, gan_forward(q, r, NULL),
                                                           gan_forward(q, f, NULL), 0),
                                                penalty));
            CHECK_NEAR(x, y, 1e-4 * (1 + fabs(y)), "loss");
        }
        for (i = 0; i < gan_model_count(p); ++i)
            for (j = 0; j < (int)gan_numel(gan_model_tensor(p, i)); ++j)
                CHECK_NEAR(gan_data(gan_model_tensor(p, i))[j], gan_data(gan_model_tensor(q, i))[j], 1e-4,
                           gan_model_name(p, i));
        CHECK(gan_error(a) == 0 && gan_error(b) == 0, "%s %s", gan_error_message(a), gan_error_message(b));
        gan_destroy(a);
        gan_destroy(b);
    }
}

// ---- northstar/embedded.c: draw from weights in memory, one fixed block, no heap

static gan_tensor *digit_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = gan_relu(gan_batch_norm(g, "bn", gan_linear(g, "fc", z, 8 * 7 * 7)));
    (void)label;
    return gan_tanh(gan_conv_transpose2d(g, "up", gan_reshape(h, -1, 8, 7, 7), 1, 4, 2, 1));
}

static void embedded(void)
{
    TEST ("a generator on a device (northstar/embedded.c): weights in read-only memory, a fixed block, the "
          "picture that the host draws") {
        static unsigned char memory[192 * 1024 * sizeof(gan_real) / sizeof(float)];
        const char *path = test_path("public_digits.safetensors");
        gan_context *host = gan_create(NULL), *device;
        gan_model *g = gan_model_create(host, "generator", digit_generator, NULL), *h;
        gan_real want[14 * 14], got[14 * 14];
        unsigned char *weights;
        size_t size = 0;
        gan_desc desc;
        FILE *f;
        (void)gan_forward(g, gan_rand_uniform(host, 4, 96), NULL); // running statistics of its own
        CHECK(gan_save(host, path) == 0, "save: %s", gan_error_message(host));
        gan_seed(host, 7);
        gan_model_mode(g, GAN_EVAL);
        gan_read(gan_forward(g, gan_rand_uniform(host, 1, 96), NULL), want, 14 * 14);
        size = (size_t)test_file_size(path);
        weights = (unsigned char *)malloc(size);
        f = fopen(path, "rb");
        CHECK(f && fread(weights, 1, size, f) == size, "read");
        if (f) fclose(f);

        memset(&desc, 0, sizeof desc);
        desc.memory = memory;
        desc.memory_size = sizeof memory;
        device = gan_create(&desc);
        h = gan_model_create(device, "generator", digit_generator, NULL);
        CHECK(gan_load_memory(device, weights, size) == 0, "load: %s", gan_error_message(device));
        gan_seed(device, 7);
        gan_model_mode(h, GAN_EVAL);
        gan_read(gan_forward(h, gan_rand_uniform(device, 1, 96), NULL), got, 14 * 14);
        CHECK(gan_error(device) == 0, "%s", gan_error_message(device));
        CHECK_BYTES(want, got, sizeof want, "pixels");
        {
            const unsigned char *w = (const unsigned char *)gan_data(gan_model_find(h, "fc.weight"));
            CHECK(w > weights && w < weights + size,
                  "the weight was copied, it does not point into the bytes");
        }
        CHECK(gan_memory(device).heap_calls == 0, "%d heap calls", (int)gan_memory(device).heap_calls);
        CHECK(gan_memory(device).peak < sizeof memory, "peak %lu", (unsigned long)gan_memory(device).peak);
        printf("%lu bytes for the device's generator; the weights in place are %lu\n",
               (unsigned long)gan_memory(device).peak, (unsigned long)size);
        gan_destroy(device);
        gan_destroy(host);
        free(weights);
    }
}

static void contexts(void)
{
    TEST ("defaults: seed 0, the best instruction set, no error, an empty message") {
        gan_context *a = gan_create(NULL), *b;
        gan_desc d;
        memset(&d, 0, sizeof d);
        b = gan_create(&d);
        CHECK(a && b, "created");
        CHECK(gan_error(a) == 0 && gan_error_message(a) && gan_error_message(a)[0] == 0, "fresh: %s",
              gan_error_message(a));
        CHECK(strcmp(gan_isa_name(a), gan_isa_name(b)) == 0, "isa");
        CHECK(same_bits(gan_rand_normal(a, 9), gan_rand_normal(b, 9)), "a zero desc is the default");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("AUTO takes an instruction set that can also be forced, and the result is the same bits") {
        gan_context *a = gan_create(NULL), *b;
        int isa, found = 0;
        for (isa = 1; isa < GAN_ISA_COUNT; ++isa) {
            b = context_with((gan_isa)isa, 1);
            if (b && strcmp(gan_isa_name(a), gan_isa_name(b)) == 0) {
                gan_tensor *x = gan_rand_normal(a, 33, 65), *y = gan_rand_normal(b, 33, 65);
                ++found;
                CHECK(same_bits(gan_matmul_t(x, 0, x, 1), gan_matmul_t(y, 0, y, 1)), "bits");
            }
            gan_destroy(b);
        }
        CHECK(found == 1, "%d sets of that name", found);
        gan_destroy(a);
    }
    TEST ("a hundred contexts come and go") {
        int i;
        for (i = 0; i < 100; ++i) {
            gan_context *ctx = gan_create(NULL);
            CHECK(ctx && gan_item(gan_sum_all(gan_full(ctx, 1, 10))) == 10, "context %d", i);
            gan_destroy(ctx);
        }
    }
    TEST ("the names of losses, penalties and operations are those of the tables") {
        CHECK(strcmp(gan_loss_name(GAN_LOSS_LEAST_SQUARES), "least_squares") == 0, "%s",
              gan_loss_name(GAN_LOSS_LEAST_SQUARES));
        CHECK(strcmp(gan_penalty_name(GAN_PENALTY_R1), "r1") == 0, "%s", gan_penalty_name(GAN_PENALTY_R1));
        CHECK(GAN_LOSS_NON_SATURATING == 0 && GAN_PENALTY_NONE == 0 && GAN_PRIOR_NORMAL == 0 &&
                  GAN_TRAIN == 0,
              "zero is the default");
    }
}

int main(void)
{
    contexts();
    first_page();
    by_hand();
    embedded();
    return test_done();
}
