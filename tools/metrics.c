// Prints every measure of two sets of numbers, one a line: `name value`. tools/check_metrics holds them
// against NumPy, SciPy and scikit-learn.
//
//     build/metrics N F X Y PX PY
//
// X and Y are text files of N x F numbers (samples of real and fake), PX and PY of N numbers each that are no
// less than 0 (weights). With -DGAN_DOUBLE everything is in double.
#define GAN_IMPLEMENTATION
#include "gan.h"

#include <stdio.h>
#include <stdlib.h>

static gan_tensor *read_numbers(gan_context *ctx, const char *path, int n, int f)
{
    gan_tensor *t = f ? gan_zeros(ctx, n, f) : gan_zeros(ctx, n);
    gan_real *v = gan_data(t);
    FILE *file = fopen(path, "r");
    size_t i;
    double x;
    if (!file) return NULL;
    for (i = 0; v && i < gan_numel(t) && fscanf(file, "%lf", &x) == 1; ++i) v[i] = (gan_real)x;
    fclose(file);
    return v && i == gan_numel(t) ? t : NULL;
}

static void say(const char *name, double value) { printf("%s %.17g\n", name, value); }

static void say_all(const char *name, gan_tensor *t)
{
    size_t i;
    printf("%s", name);
    for (i = 0; i < gan_numel(t) && gan_data(t); ++i) printf(" %.17g", (double)gan_data(t)[i]);
    printf("\n");
}

static void densities(gan_tensor *x, gan_tensor *p, gan_tensor *q)
{
    say_all("histogram", gan_histogram(gan_reshape(x, -1), -2, 2, 37));
    say_all("histogram_2d", gan_histogram(gan_slice(x, 1, 0, 2), -2, 2, 7));
    say("kl_divergence", gan_kl_divergence(p, q));
    say("js_divergence", gan_js_divergence(p, q));
    say("tv_distance", gan_tv_distance(p, q));
    say("wasserstein_histogram", gan_wasserstein_histogram(p, q, 1));
}

static void transport(gan_tensor *x, gan_tensor *y)
{
    gan_tensor *half = gan_slice(y, 0, 0, gan_dim(y, 0) / 2);
    say("wasserstein_1d", gan_wasserstein_1d(x, half, 1));
    say("wasserstein_exact_1", gan_wasserstein_exact(x, y, 1));
    say("wasserstein_exact_2", gan_wasserstein_exact(x, y, 2));
    say("assignment",
        (double)gan_item(gan_mean_all(gan_gather(
            gan_matmul_t(x, 0, y, 1), gan_reshape(gan_assignment(gan_matmul_t(x, 0, y, 1)), -1, 1)))));
    say("sinkhorn_divergence", gan_sinkhorn_divergence(x, y, 4, 0));
}

static void samples(gan_tensor *x, gan_tensor *y)
{
    gan_tensor *distance;
    const gan_fidelity pr = gan_precision_recall(x, y, 3);
    const gan_coverage dc = gan_density_coverage(x, y, 5);
    const gan_two_sample nn = gan_neighbor_test(x, y);
    const gan_modes modes = gan_mode_report(x, gan_slice(y, 0, 0, 9), (gan_real).75);
    const gan_copying copying =
        gan_memorization(x, gan_slice(y, 0, 0, 20), gan_slice(y, 0, 20, gan_dim(y, 0)));
    say("frechet_distance", gan_frechet_distance(x, y));
    say("kernel_distance", gan_kernel_distance(x, y, gan_dim(x, 0), 0).mean);
    say("mmd_unbiased", gan_mmd_unbiased(x, y, 2));
    say_all("nearest", gan_nearest(x, y, 3, &distance));
    say_all("nearest_distance", distance);
    say("precision", pr.precision);
    say("recall", pr.recall);
    say("density", dc.density);
    say("coverage", dc.coverage);
    say("neighbor_test", nn.accuracy);
    say("birthday", (double)gan_birthday(x, 2).pairs);
    say("memorization", copying.z);
    say("mode_report", modes.log_likelihood);
    say("inception_score", gan_inception_score(gan_softmax(x, 1), 0).mean);
}

int main(int argc, char **argv)
{
    gan_context *ctx = gan_create(NULL);
    const int n = argc == 7 ? atoi(argv[1]) : 0, f = argc == 7 ? atoi(argv[2]) : 0;
    gan_tensor *x, *y, *p, *q;
    int code;
    if (!ctx || n < 21 || f < 2) return fputs("metrics N F X Y PX PY, N from 21, F from 2\n", stderr), 2;
    x = read_numbers(ctx, argv[3], n, f);
    y = read_numbers(ctx, argv[4], n, f);
    p = read_numbers(ctx, argv[5], n, 0);
    q = read_numbers(ctx, argv[6], n, 0);
    if (!x || !y || !p || !q) return fputs("a file is missing or short\n", stderr), 1;
    densities(x, p, q);
    transport(x, y);
    samples(x, y);
    code = gan_error(ctx);
    if (code) fprintf(stderr, "%s\n", gan_error_message(ctx));
    gan_destroy(ctx);
    return code != 0;
}
