// The smallest GAN: G(z) = z + theta with z ~ N(0, 1) against logistic regression, D(x) = sigmoid(w x + b);
// data N(4, 1).
//     cc -O2 -I. examples/toy_shift.c -lm -o toy_shift && ./toy_shift
// Between N(4, 1) and N(theta, 1) the optimal D is p / (p + q) = sigmoid((4 - theta) x - (16 - theta^2) / 2):
// logistic regression can be exactly that. At the optimum theta = 4, so w = b = 0, D = 1/2 everywhere and V =
// -log 4.
#include "common.h"
#define GAN_IMPLEMENTATION
#include "gan.h"

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

int main(int argc, char **argv)
{
    const ex_options o = ex_start(argc, argv, "toy_shift", "G(z) = z + theta learns where its data are", 2000,
                                  "out/toy_shift", "");
    gan_context *ctx = ex_context(&o);
    gan_model *g = gan_model_create(ctx, "generator", shift, NULL);
    gan_model *d = gan_model_create(ctx, "discriminator", logistic, NULL);
    gan_optimizer *og = gan_optimizer_create(g, gan_sgd(.1f, 0));
    gan_optimizer *od = gan_optimizer_create(d, gan_sgd(.1f, 0));
    gan_plot *p = gan_plot_create(ctx, 900, 600, 1);
    const double theory[2] = {4, .5};
    gan_logger_desc columns;
    gan_logger *log;
    double mean = 0, half = 0;
    int i, last;

    memset(&columns, 0, sizeof columns);
    columns.columns = "theta,w,b,d_fake,value", columns.csv = ex_path(&o, "log.csv");
    log = gan_logger_create(ctx, &columns);
    printf("\n                            D as trained       optimal D for this theta\n");
    printf("  step    theta   D(G(z))       w       b           w       b\n");
    for (i = 1; i <= o.steps && !ex_stop && !gan_error(ctx); ++i) {
        gan_tensor *x = gan_add_scalar(gan_rand_normal(ctx, 256, 1), 4), *fake, *d_fake;
        double theta, w, b, value, mean_fake;

        fake = gan_forward(g, gan_rand_normal(ctx, 256, 1), NULL);
        d_fake = gan_forward(d, gan_detach(fake), NULL);
        value = -(double)gan_minimize(
            od, gan_loss_d(GAN_LOSS_NON_SATURATING, gan_forward(d, x, NULL), d_fake, 0));

        fake = gan_forward(g, gan_rand_normal(ctx, 256, 1), NULL);
        d_fake = gan_forward(d, fake, NULL);
        mean_fake = (double)gan_item(gan_mean_all(gan_sigmoid(d_fake)));
        gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, d_fake));

        theta = (double)gan_item(gan_model_find(g, "theta"));
        w = (double)gan_item(gan_model_find(d, "fc.weight"));
        b = (double)gan_item(gan_model_find(d, "fc.bias"));
        gan_logger_row(log, i, theta, w, b, mean_fake, value);
        if (i == 1 || i == 3 || i == 10 || i == 30 || i == 100 || i == 300 || i % 1000 == 0 || i == o.steps)
            printf("%6d %8.3f %9.3f %7.2f %7.2f     %7.2f %7.2f\n", i, theta, mean_fake, w, b, 4 - theta,
                   (theta * theta - 16) / 2);
    }
    last = gan_logger_rows(log) < 500 ? gan_logger_rows(log) : 500;
    for (i = gan_logger_rows(log) - last; i < gan_logger_rows(log); ++i) {
        mean += gan_logger_value(log, i, 1) / last;
        half += gan_logger_value(log, i, 4) / last;
    }
    printf("\nmeans of the last %d steps: theta %.3f, theory 4; D(G(z)) %.3f, theory .5\n", last, mean, half);

    for (i = 0; i < 2; ++i) {
        gan_series s[2];
        gan_axes axes;
        memset(s, 0, sizeof s);
        memset(&axes, 0, sizeof axes);
        s[0].name = "theory", s[0].mark = GAN_MARK_LEVELS, s[0].y = &theory[i], s[0].n = 1,
        s[0].color = GAN_BLACK;
        s[1] = gan_logger_series(log, i ? "d_fake" : "theta");
        axes.title = i ? "D(G(z))" : "theta, the mean of G(z)";
        axes.series = s, axes.count = 2, axes.y1 = i ? 1 : 6;
        gan_plot_panel(p, 0, 1, i, 2, &axes);
    }
    gan_plot_write(p, ex_path(&o, "toy_shift.png"));
    printf("the picture is in %s\n", o.out);
    return ex_finish(ctx);
}
