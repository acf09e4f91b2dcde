// What a trained generator draws: always the same, without a trace, and how D may choose.
#include "../gan.h"

#include "test.h"

#include "check.h"

#include "trainers.h"

static gan_real spied[40000];
static size_t spied_size;
static gan_real asked[8];
static gan_tensor *asking_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    int i;
    for (i = 0; i < 8; ++i) asked[i] = label && i < gan_dim(label, 0) ? gan_data(label)[i] : -99;
    return shift_generator(g, z, label);
}

static gan_tensor *spying_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    spied_size = gan_numel(z);
    if (spied_size <= sizeof spied / sizeof *spied) gan_read(z, spied, spied_size);
    return shift_generator(g, z, label);
}

static void plain(void)
{
    TEST ("sampling is always from the same z, in GAN_EVAL, and does not disturb the training") {
        rig a = make(1, mlp_generator, mlp_critic, 3), b = make(1, mlp_generator, mlp_critic, 3);
        gan_tensor *x, *y;
        int i;
        a.desc.ema = b.desc.ema = (gan_real).9;
        go(&a);
        go(&b);
        for (i = 0; i < 4; ++i) {
            (void)gan_trainer_step(a.t);
            (void)gan_trainer_step(b.t);
            gan_scope_open(a.ctx);
            x = gan_trainer_sample(a.t, 9);
            y = gan_trainer_sample(a.t, 9);
            CHECK(gan_dim(x, 0) == 9 && gan_dim(x, 1) == 2, "shape");
            CHECK(same_bits(x, y), "two samples in a row differ");
            gan_scope_close(a.ctx);
        }
        same_weights(a.g, b.g);
        same_weights(a.d, b.d);
        fine(&a);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("samples taken between steps are released by the next step: memory does not grow") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_memory_stats a, b;
        int i;
        go(&r);
        for (i = 0; i < 3; ++i) {
            (void)gan_trainer_step(r.t);
            (void)gan_trainer_sample(r.t, 1000);
        }
        a = gan_memory(r.ctx);
        for (i = 0; i < 20; ++i) {
            gan_tensor *x;
            (void)gan_trainer_step(r.t);
            x = gan_trainer_sample(r.t, 1000);
            CHECK(gan_data(x) && isfinite((double)gan_item(gan_sum_all(x))),
                  "a sample is good until the next step");
        }
        b = gan_memory(r.ctx);
        CHECK(b.current <= a.current + 4096 && b.heap_calls == a.heap_calls,
              "current %lu -> %lu, %d heap calls", (unsigned long)a.current, (unsigned long)b.current,
              (int)(b.heap_calls - a.heap_calls));
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("a sample before the first step works and takes the generator as it is") {
        rig r = make(1, shift_generator, linear_critic, 2);
        gan_tensor *y;
        r.desc.ema = (gan_real).9;
        go(&r);
        y = gan_trainer_generate(r.t, gan_zeros(r.ctx, 1, 2), NULL);
        CHECK_NEAR(gan_item(y), .5, 1e-6, "theta at the start");
        fine(&r);
        gan_destroy(r.ctx);
    }
}

// The mean first number of n samples, of a D that likes it large with the slope w.
static double mean_sample(gan_real w, int n, const gan_sampling *how, double *variance)
{
    rig r = make(1, shift_generator, linear_critic, 2);
    gan_tensor *x;
    double mean = 0;
    int i;
    go(&r);
    gan_scope_open(r.ctx);
    (void)gan_forward(r.g, gan_zeros(r.ctx, 1, 2), NULL);
    (void)gan_forward(r.d, gan_zeros(r.ctx, 1, 2), NULL);
    gan_scope_close(r.ctx);
    gan_data(gan_model_find(r.g, "theta"))[0] = 0;
    gan_data(gan_model_find(r.d, "fc.weight"))[0] = w;
    gan_data(gan_model_find(r.d, "fc.weight"))[1] = 0;
    x = gan_trainer_sample_ex(r.t, n, how);
    CHECK(gan_error(r.ctx) == 0 && gan_dim(x, 0) == n && gan_dim(x, 1) == 2, "%s", gan_error_message(r.ctx));
    for (i = 0; i < n && gan_data(x); ++i) mean += (double)gan_data(x)[2 * i] / n;
    for (*variance = 0, i = 0; i < n && gan_data(x); ++i)
        *variance += pow((double)gan_data(x)[2 * i] - mean, 2) / n;
    gan_destroy(r.ctx);
    return mean;
}

static void chosen(void)
{
    gan_sampling how;
    double plain_mean, mean, variance;
    memset(&how, 0, sizeof how);
    TEST ("truncation: no number of z beyond the bound, and none heaped upon it; off without it") {
        rig r = make(1, spying_generator, linear_critic, 3);
        int i, at = 0, beyond = 0;
        go(&r);
        how.truncation = (gan_real).7;
        r.desc.latent = 3;
        gan_scope_open(r.ctx);
        (void)gan_forward(r.g, gan_zeros(r.ctx, 1, 2), NULL);
        gan_scope_close(r.ctx);
        inside_trainer_desc(r.t)->latent = 2;
        (void)gan_trainer_sample_ex(r.t, 2000, &how);
        CHECK(spied_size == 4000, "%d numbers", (int)spied_size);
        for (i = 0; i < 4000; ++i)
            beyond += fabs((double)spied[i]) > .7, at += fabs(fabs((double)spied[i]) - .7) < 1e-7;
        CHECK(beyond == 0 && at == 0, "%d beyond, %d at the bound", beyond, at);
        (void)gan_trainer_sample(r.t, 2000);
        for (i = 0; i < 4000; ++i) beyond += fabs((double)spied[i]) > .7;
        CHECK_NEAR(beyond / 4000., .484, .03, "the share beyond .7 of a normal z");
        fine(&r);
        gan_destroy(r.ctx);
    }
    memset(&how, 0, sizeof how);
    plain_mean = 0;
    TEST ("Langevin sampling moves samples toward what D likes: the mean of N(0, 1) to D's slope") {
        plain_mean = mean_sample(1, 3000, NULL, &variance);
        how.langevin_steps = 60, how.langevin_rate = (gan_real).2;
        mean = mean_sample((gan_real).8, 3000, &how, &variance);
        CHECK_NEAR(plain_mean, 0, .06, "mean without it");
        CHECK_NEAR(mean, .8, .08, "mean");
        CHECK_NEAR(variance, 1 / (1 - .05), .1, "variance");
    }
    memset(&how, 0, sizeof how);
    TEST ("rejection sampling prefers what D prefers: for logits w x of x ~ N(0, 1) the density is tilted by "
          "e^(w x)") {
        // Accepted with probability sigmoid(F): below the quantile nearly e^(l - gamma), so that with a
        // high quantile the accepted are N(w, 1) but for the flattened top.
        how.rejection = 200, how.rejection_quantile = (gan_real).995;
        mean = mean_sample(1, 3000, &how, &variance);
        CHECK(mean > .8 && mean < 1.1, "mean %g; the tilted density has 1", mean);
        CHECK(variance > .7 && variance < 1.1, "variance %g", variance);
        mean = mean_sample(0, 3000, &how, &variance);
        CHECK_NEAR(mean, 0, .06, "a D without preference leaves the mean");
    }
    TEST_MUST_FAIL ("samples that D did not choose are caught") {
        how.rejection = 0;
        mean = mean_sample(1, 3000, &how, &variance);
        CHECK(mean > .8 && mean < 1.1, "mean %g", mean);
    }
    TEST ("rounds that run out leave every row a sample; the same call gives the same bits") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_tensor *a, *b;
        go(&r);
        (void)gan_trainer_run(r.t, 2);
        how.rejection = 1, how.langevin_steps = 2, how.truncation = 1;
        a = gan_trainer_sample_ex(r.t, 50, &how);
        b = gan_trainer_sample_ex(r.t, 50, &how);
        CHECK(same_bits(a, b) && isfinite((double)gan_item(gan_sum_all(a))), "%s", gan_error_message(r.ctx));
        (void)gan_trainer_sample_ex(r.t, 0, &how);
        CHECK_TEXT(gan_error_message(r.ctx), "0 samples");
        CHECK(gan_trainer_sample_ex(NULL, 3, &how) == NULL, "not NULL");
        gan_destroy(r.ctx);
    }
}

// Batch norm right after z (mean 2, spread 3), so that its statistics are those of the z of each pass, which
// are kept here.
enum { PASSES = 7, PER = 16, WIDE = 2 };
static gan_real fed[PASSES + 8][PER * WIDE];
static int passes;
static gan_tensor *scaled_z(gan_context *ctx, int n, gan_tensor *label, void *user)
{
    (void)label;
    (void)user;
    return gan_affine(gan_rand_normal(ctx, n, (int)WIDE), 3, 2);
}
static gan_tensor *normed_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    if (gan_dim(z, 0) == PER && passes < PASSES + 8) gan_read(z, fed[passes++], PER * WIDE);
    return gan_add(gan_batch_norm(g, "bn", gan_mul(z, gan_param(g, "a", gan_init_constant(1), (int)WIDE))),
                   gan_param(g, "theta", gan_init_constant((gan_real).5), (int)WIDE));
}

// The averages over the last PASSES passes of the batches' means and unbiased variances.
static void statistics(double *mean, double *var, double scale)
{
    int p, i, c;
    for (c = 0; c < WIDE; ++c) {
        mean[c] = var[c] = 0;
        for (p = passes - PASSES; p < passes; ++p) {
            double m = 0, v = 0;
            for (i = 0; i < PER; ++i) m += scale * (double)fed[p][i * WIDE + c] / PER;
            for (i = 0; i < PER; ++i) v += pow(scale * (double)fed[p][i * WIDE + c] - m, 2) / (PER - 1);
            mean[c] += m / PASSES, var[c] += v / PASSES;
        }
    }
}

// How far the samples are from (scale z - mean) / sqrt(var + eps) by these statistics, weight 1, bias 0.
static double off_standing(const rig *r, const gan_sampling *how, double scale)
{
    double mean[WIDE], var[WIDE], most = 0;
    gan_tensor *x, *plain;
    int i, n = 5;
    gan_sampling none;
    memset(&none, 0, sizeof none);
    passes = 0;
    x = gan_trainer_sample_ex(r->t, n, how);
    if (passes < PASSES) return 1e9;
    if (passes > PASSES) passes = PASSES; // Langevin and rejection come later
    statistics(mean, var, scale);
    plain = gan_trainer_sample_ex(r->t, n, &none); // the same z, by running statistics
    for (i = 0; i < n * WIDE && gan_data(x) && gan_data(plain); ++i) {
        const int c = i % WIDE;
        const double theta = (double)gan_data(gan_model_find(r->g, "theta"))[c];
        const double w = (double)gan_data(gan_model_find(r->g, "bn.weight"))[c];
        const double b = (double)gan_data(gan_model_find(r->g, "bn.bias"))[c] + theta;
        const double m0 = (double)gan_data(gan_model_find(r->g, "bn.running_mean"))[c];
        const double v0 = (double)gan_data(gan_model_find(r->g, "bn.running_var"))[c];
        const double u = ((double)gan_data(plain)[i] - b) / w * sqrt(v0 + 1e-5) + m0; // scale z
        const double off = (double)gan_data(x)[i] - (w * (u - mean[c]) / sqrt(var[c] + 1e-5) + b);
        most = fmax(most, fabs(off));
    }
    return gan_error(r->ctx) ? 1e9 : most;
}

static int same_files(const char *a, const char *b)
{
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    int x = 0, y = f && g ? 0 : 1;
    while (f && g && x == y && x != EOF) x = fgetc(f), y = fgetc(g);
    if (f) fclose(f);
    if (g) fclose(g);
    return x == y;
}

static rig standing_rig(void)
{
    rig r = make(1, normed_generator, linear_critic, WIDE);
    r.desc.batch = PER;
    r.desc.latents = scaled_z;
    go(&r);
    return r;
}

static void standing(void)
{
    gan_sampling how;
    memset(&how, 0, sizeof how);
    TEST ("standing statistics are the averages of means and variances over the passes, by naive loops") {
        rig r = standing_rig();
        how.standing = PASSES;
        gan_trainer_run(r.t, 3);
        gan_data(gan_model_find(r.g, "a"))[0] = gan_data(gan_model_find(r.g, "a"))[1] = 1;
        CHECK_NEAR(off_standing(&r, &how, 1), 0, 1e-4, "samples");
        gan_eval_open(r.ctx);
        CHECK_NEAR(off_standing(&r, &how, 1), 0, 1e-4, "samples in an evaluation");
        gan_eval_close(r.ctx);
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST_MUST_FAIL ("running statistics after three steps are others") {
        rig r = standing_rig();
        how.standing = 0;
        gan_trainer_run(r.t, 3);
        gan_data(gan_model_find(r.g, "a"))[0] = gan_data(gan_model_find(r.g, "a"))[1] = 1;
        CHECK_NEAR(off_standing(&r, &how, 1), 0, 1e-4, "samples");
        gan_destroy(r.ctx);
    }
    TEST ("they are of the averaged G, and leave training, checkpoints and plain samples as they are") {
        rig a = make(1, mlp_generator, mlp_critic, 3), b = make(1, mlp_generator, mlp_critic, 3);
        const char *one = test_path("standing_a.safetensors"), *two = test_path("standing_b.safetensors");
        gan_tensor *x, *y, *z;
        int i;
        how.standing = 5;
        a.desc.ema = b.desc.ema = (gan_real).9;
        gan_model_parametrize(a.g, "in.weight", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        gan_model_parametrize(b.g, "in.weight", GAN_PARAMETRIZATION_SPECTRAL_NORM, 0, 0);
        go(&a);
        go(&b);
        for (i = 0; i < 4; ++i) {
            (void)gan_trainer_step(a.t);
            (void)gan_trainer_step(b.t);
            x = gan_trainer_sample_ex(a.t, 9, &how);
            y = gan_trainer_sample_ex(a.t, 9, &how);
            z = gan_trainer_sample(a.t, 9);
            CHECK(same_bits(x, y) && !same_bits(x, z), "twice the same, and not plain");
            CHECK(gan_trainer_save_standing(a.t, test_path("standing.safetensors"), 3) == 0, "saved");
            CHECK(same_bits(z, gan_trainer_sample(b.t, 9)), "plain samples differ");
        }
        CHECK(gan_save(a.ctx, one) == 0 && gan_save(b.ctx, two) == 0, "saved");
        CHECK(same_files(one, two), "the checkpoints differ");
        fine(&a);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("the saved generator in GAN_EVAL gives the standing samples; without batches the plain ones") {
        int k;
        for (k = 0; k < 2; ++k) {
            rig r = make(1, mlp_generator, mlp_critic, 3);
            const char *path = test_path("standing.safetensors");
            gan_context *ctx = gan_create(NULL);
            gan_model *g = gan_model_create(ctx, "g", mlp_generator, NULL);
            gan_real z[6] = {1, -1, (gan_real).5, 2, 0, (gan_real)-.25};
            gan_tensor *x, *y;
            r.desc.ema = (gan_real).5;
            go(&r);
            gan_trainer_run(r.t, 3);
            CHECK(gan_trainer_save_standing(r.t, path, k ? 9 : 0) == 0, "%s", gan_error_message(r.ctx));
            x = gan_trainer_generate(r.t, gan_from(r.ctx, z, 2, 3), NULL);
            CHECK(gan_model_load(g, path, 0) == 0, "%s", gan_error_message(ctx));
            gan_model_mode(g, GAN_EVAL);
            y = gan_forward(g, gan_from(ctx, z, 2, 3), NULL);
            CHECK(same_bits(x, y) == !k, "%d batches", k ? 9 : 0);
            if (k) {
                const gan_real *m = gan_data(gan_model_find(r.g, "bn.running_mean"));
                const gan_real *n = gan_data(gan_model_find(g, "bn.running_mean"));
                CHECK(m[0] != n[0] && m[0] * n[0] != 0, "running means %g %g", (double)m[0], (double)n[0]);
            }
            fine(&r);
            gan_destroy(ctx);
            gan_destroy(r.ctx);
        }
    }
    TEST ("more passes come nearer to the true statistics; before the first step they work too") {
        rig r = standing_rig();
        gan_tensor *x;
        int i;
        double mean = 0;
        how.standing = 400;
        x = gan_trainer_sample_ex(r.t, 4000, &how);
        for (i = 0; i < 4000 && gan_data(x); ++i) mean += ((double)gan_data(x)[i * WIDE] - .5) / 4000;
        CHECK_NEAR(mean, 0, .06, "mean of normalized z");
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("a G without batch norm stands as it is; a negative number is an error") {
        rig r = make(1, shift_generator, linear_critic, 2);
        go(&r);
        how.standing = 3;
        CHECK(same_bits(gan_trainer_sample_ex(r.t, 4, &how), gan_trainer_sample(r.t, 4)), "other samples");
        fine(&r);
        how.standing = -1;
        (void)gan_trainer_sample_ex(r.t, 4, &how);
        CHECK_TEXT(gan_error_message(r.ctx), "standing is -1");
        gan_error_clear(r.ctx);
        CHECK(gan_trainer_save_standing(r.t, test_path("standing.safetensors"), -2) == GAN_ERROR_ARGUMENT,
              "%s", gan_error_message(r.ctx));
        CHECK_TEXT(gan_error_message(r.ctx), "-2 batches");
        gan_destroy(r.ctx);
    }
}

static void labels(void)
{
    TEST ("the generator is asked only for labels that the data have: classes in turn, else the samples'") {
        static const gan_real label[3][3] = {{10, 20, 10}, {1, -1, -1}, {(gan_real).5, -2, (gan_real).25}},
                              want[3][3] = {{10, 20, 10}, {-1, 1, -1}, {(gan_real).5, -2, (gan_real).25}};
        static const gan_real points[6];
        const int dim[] = {2};
        int i, k;
        for (i = 0; i < 3; ++i) {
            rig r = make(1, asking_generator, linear_critic, 2);
            r.desc.data = gan_dataset_memory_n(r.ctx, points, label[i], 3, 1, dim);
            go(&r);
            (void)gan_trainer_sample(r.t, 8);
            for (k = 0; k < 8; ++k)
                CHECK(asked[k] == want[i][k % (i < 2 ? 2 : 3)], "%d: label %d is %g", i, k, (double)asked[k]);
            fine(&r);
            gan_destroy(r.ctx);
        }
    }
}

int main(void)
{
    labels();
    plain();
    chosen();
    standing();
    return test_done();
}
