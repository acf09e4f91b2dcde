// The report of a run fills itself: what stands in it, that the run is not affected, that it repeats.
#include "../gan.h"

#include "test.h"

#include "check.h"

#include "trainers.h"
#include "page.h"

static char html[1 << 22], other[1 << 22];

// Pictures of 8 x 8 in three classes.
static gan_dataset *pictures(gan_context *ctx)
{
    static gan_real x[30 * 64], label[30];
    int i;
    for (i = 0; i < 30 * 64; ++i) x[i] = (gan_real)(i % 7) / 3 - 1;
    for (i = 0; i < 30; ++i) label[i] = (gan_real)(i < 5 ? 0 : i < 15 ? 1 : 2);
    return gan_dataset_memory(ctx, x, label, 30, 1, 8, 8);
}
static gan_tensor *picture_generator(gan_model *g, gan_tensor *z, gan_tensor *label)
{
    (void)label;
    return gan_reshape(gan_tanh(gan_linear(g, "out", z, 64)), -1, 1, 8, 8);
}
static gan_tensor *picture_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(d, "fc", gan_flatten(x), 1);
}

static gan_logger *log_of(gan_context *ctx)
{
    gan_logger_desc d;
    memset(&d, 0, sizeof d);
    d.columns = "d_loss,g_loss,d_real,d_fake,mine";
    return gan_logger_create(ctx, &d);
}

// Trains to that step, with a row of the log for each.
static void train(rig *r, gan_health *h, gan_logger *log, int until)
{
    while (gan_trainer_steps(r->t) < until) {
        const gan_trainer_stats s = gan_trainer_step(r->t);
        gan_health_step(h, &s);
        if (log)
            gan_logger_row(log, s.step, (double)s.d_loss, (double)s.g_loss, (double)s.d_real,
                           (double)s.d_fake, 1. / (double)s.step);
    }
}

static const char *report(rig *r, gan_health *h, gan_logger *log, const char *name)
{
    gan_report more;
    memset(&more, 0, sizeof more);
    more.title = "A run", more.log = log;
    CHECK(gan_trainer_report(r->t, h, &more, test_path(name)) == GAN_OK, "%s", gan_error_message(r->ctx));
    read_page(test_path(name), html, sizeof html);
    return html;
}

#define ROW(name, value) "<th scope=\"row\">" name "</th><td>" value

static void contents(void)
{
    TEST ("a report has configuration, seed, machine, version, data, models, curves, samples, diagnosis") {
        rig r = make(1, picture_generator, picture_critic, 3);
        gan_health *h;
        gan_logger *log;
        char text[128];
        r.desc.data = pictures(r.ctx);
        r.desc.ema = (gan_real).5, r.desc.batch = 64;
        r.desc.d_optimizer = gan_sgd((gan_real).01, 0);
        r.desc.penalty[0].kind = GAN_PENALTY_R1, r.desc.penalty[0].every = 2;
        r.desc.schedule[0].schedule = gan_schedule_linear(0, 100, 0);
        r.desc.schedule[0].what = GAN_SCHEDULED_G_LR;
        r.desc.augment.policy = GAN_AUGMENT_FLIP, r.desc.augment.p = (gan_real).25;
        go(&r);
        h = gan_health_create(r.t, NULL);
        log = log_of(r.ctx);
        train(&r, h, log, 30);
        report(&r, h, log, "run.html");
        CHECK_TEXT(html, "<h1>A run</h1>");
        CHECK_TEXT(
            html,
            "<p>30 steps of batch 64 with the loss non_saturating on 30 samples of shape (1, 8, 8)</p>");
        CHECK_TEXT(html, ROW("loss", "non_saturating<"));
        CHECK_TEXT(html, ROW("pairing", "plain (default)<"));
        CHECK_TEXT(html, ROW("g_optimizer", "adam, lr 0.0002, beta1 0.5, beta2 0.999, eps 1e-8 (default)<"));
        CHECK_TEXT(html, ROW("d_optimizer", "sgd, lr 0.00666666"));
        CHECK_TEXT(html, ROW("prior", "normal, N(0, 1) (default)<"));
        CHECK_TEXT(html, ROW("batch", "64 (default)<"));
        CHECK_TEXT(html, ROW("latent", "3<"));
        CHECK_TEXT(html, ROW("d_steps", "1 (default)<"));
        CHECK_TEXT(html, ROW("ema", "0.5<"));
        CHECK_TEXT(html, ROW("penalty", "r1, weight "));
        CHECK_TEXT(html, ROW("augment", "flip; p 0.25<"));
        CHECK_TEXT(html, ROW("schedule", "g_lr: linear<"));
        CHECK_TEXT(html, ROW("steps", "30<"));
        CHECK_TEXT(html, ROW("seed", "11<"));
        snprintf(text, sizeof text, ROW("instruction set", "%s<"), gan_isa_name(r.ctx));
        CHECK_TEXT(html, text);
        CHECK_TEXT(html, ROW("threads", "1<"));
        CHECK_TEXT(html, ROW("gan.h", GAN_VERSION));
        CHECK_TEXT(html, ROW("generator", "256 parameters<"));
        CHECK_TEXT(html, ROW("discriminator", "65 parameters<"));
        CHECK_TEXT(html, ROW("samples", "30<"));
        CHECK_TEXT(html, ROW("shape", "(1, 8, 8)<"));
        CHECK_TEXT(html, ROW("classes", "3<"));
        CHECK_TEXT(html, ROW("epochs seen", "64<"));
        CHECK_TEXT(html, "<th scope=\"row\">1</th><td>10</td><td><i style=\"width:66.67%\"></i></td>");
        CHECK_TEXT(html, "<figcaption>Losses of D and G</figcaption>");
        CHECK_TEXT(html, "top:50%\">1/2</span>");
        CHECK_TEXT(html, "<figcaption>mine</figcaption>");
        CHECK(count(html, "<svg") == 3, "%d panels", count(html, "<svg"));
        CHECK_TEXT(html, "<figcaption>Data: 64</figcaption>");
        CHECK_TEXT(html, "<figcaption>Generated: 64</figcaption>");
        CHECK_TEXT(html, "<b class=\"tag neutral\">warming up</b> steps 1 to 30");
        CHECK_TEXT(html, "<summary>g</summary>");
        CHECK_TEXT(html, "fc.weight");
        fine(&r);
        gan_destroy(r.ctx);
    }
    TEST ("as many data as the caller's images stand beside them; the shape is that of transformed samples") {
        static const gan_transform crop = {0, 6, 0, 0, 0, 0, 0, NULL, NULL};
        rig r = make(1, picture_generator, picture_critic, 3);
        gan_report more;
        r.desc.data = pictures(r.ctx);
        gan_dataset_transform(r.desc.data, &crop);
        go(&r);
        memset(&more, 0, sizeof more);
        gan_forward(r.g, gan_zeros(r.ctx, 1, 3), NULL);
        more.images = gan_zeros(r.ctx, 9, 1, 6, 6);
        CHECK(gan_trainer_report(r.t, NULL, &more, test_path("nine.html")) == 0, "%s",
              gan_error_message(r.ctx));
        read_page(test_path("nine.html"), html, sizeof html);
        CHECK_TEXT(html, ROW("shape", "(1, 6, 6)<"));
        CHECK_TEXT(html, "<figcaption>Data: 9</figcaption>");
        gan_destroy(r.ctx);
    }
    TEST_MUST_FAIL ("what is off is not in the configuration") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        go(&r);
        train(&r, NULL, NULL, 2);
        report(&r, NULL, NULL, "run.html");
        CHECK_TEXT(html, ROW("ema", ""));
        gan_destroy(r.ctx);
    }
    TEST ("points of the plane are shown in one plot, other samples of rows not at all; an endless toy") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        go(&r);
        train(&r, NULL, NULL, 2);
        report(&r, NULL, NULL, "run.html");
        CHECK(count(html, "<img") == 1 && count(html, "alt=\"Data and samples of the generator\"") == 1,
              "%d pictures", count(html, "<img"));
        CHECK_TEXT(html, ROW("samples", "drawn without end<"));
        CHECK_TEXT(html, ROW("classes", "none<"));
        CHECK(!count(html, "epochs") && !count(html, "<h2>Classes"), "%s", "epochs of an endless toy");
        gan_destroy(r.ctx);
    }
    TEST ("what is set in more is taken from there; before the first step there is a report too") {
        static const char *const mine[] = {"my lr", "7"};
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_report more;
        memset(&more, 0, sizeof more);
        more.configuration = mine, more.configuration_count = 2, more.summary = "My summary";
        more.date = "2014-06-10";
        go(&r);
        CHECK(gan_trainer_report(r.t, NULL, &more, test_path("run.html")) == GAN_OK, "%s",
              gan_error_message(r.ctx));
        read_page(test_path("run.html"), html, sizeof html);
        CHECK_TEXT(html, "<h1>A GAN in training</h1>\n<p>My summary</p>\n<p class=\"note\">2014-06-10</p>");
        CHECK_TEXT(html, ROW("my lr", "7<"));
        CHECK(!count(html, ROW("batch", "")) && count(html, ROW("seed", "")) == 1, "%s", "replaced");
        CHECK(gan_trainer_report(r.t, NULL, NULL, test_path("run.html")) == GAN_OK, "%s",
              gan_error_message(r.ctx));
        read_page(test_path("run.html"), html, sizeof html);
        CHECK_TEXT(html, ROW("batch", "16<"));
        gan_destroy(r.ctx);
    }
}

static void theory(void)
{
    static const struct {
        gan_loss loss;
        int saturating;
        const char *d, *g; // the names of the levels; NULL: no line
    } known[] = {{GAN_LOSS_NON_SATURATING, 0, "log 4", "log 2"},
                 {GAN_LOSS_MINIMAX, 0, "log 4", "-log 2"},
                 {GAN_LOSS_NON_SATURATING, 1, "log 4", "-log 2"},
                 {GAN_LOSS_LEAST_SQUARES, 0, "0.25", "0.125"},
                 {GAN_LOSS_LEAST_SQUARES_PEARSON, 0, "1", "0"},
                 {GAN_LOSS_HINGE, 0, "2", NULL},
                 {GAN_LOSS_WASSERSTEIN, 0, "0", NULL},
                 {GAN_LOSS_F_GAN, 0, "log 4", "log 2"},
                 {GAN_LOSS_BEGAN, 0, NULL, NULL}};
    size_t i;
    for (i = 0; i < sizeof known / sizeof *known; ++i)
        TESTF ("%s%s: the lines of D = 1/2 are those of theory", gan_loss_name(known[i].loss),
               known[i].saturating ? ", saturating" : "") {
            rig r = make(1, shift_generator, linear_critic, 2);
            gan_logger *log;
            char text[64];
            r.desc.loss = known[i].loss, r.desc.saturating = known[i].saturating;
            go(&r);
            log = log_of(r.ctx);
            train(&r, NULL, log, 3);
            report(&r, NULL, log, "theory.html");
            snprintf(text, sizeof text, "D's loss is %s", known[i].d ? known[i].d : "");
            CHECK((count(html, text) == 1) == (known[i].d != NULL), "%s: %d", text, count(html, text));
            snprintf(text, sizeof text, "and G's %s", known[i].g ? known[i].g : "");
            CHECK((count(html, text) == 1) == (known[i].g != NULL), "%s: %d", text, count(html, text));
            if (known[i].d) {
                snprintf(text, sizeof text, "%%\">%s</span>", known[i].d);
                CHECK_TEXT(html, text);
            }
            CHECK((count(html, ">1/2</span>") == 1) == (gan_loss_is_probability(known[i].loss) != 0), "%s",
                  "1/2");
            gan_destroy(r.ctx);
        }
    TEST_MUST_FAIL ("log 4 is not the line of the hinge loss") {
        rig r = make(1, shift_generator, linear_critic, 2);
        gan_logger *log;
        r.desc.loss = GAN_LOSS_HINGE;
        go(&r);
        log = log_of(r.ctx);
        train(&r, NULL, log, 3);
        report(&r, NULL, log, "theory.html");
        CHECK_TEXT(html, "log 4");
        gan_destroy(r.ctx);
    }
}

// The report without the two rows that a clock has written.
static void forget_time(char *text)
{
    static const char *const row[] = {ROW("time", ""), ROW("speed", "")};
    int i;
    for (i = 0; i < 2; ++i) {
        char *at = strstr(text, row[i]), *end = at ? strstr(at, "</tr>") : NULL;
        if (end) memmove(at, end, strlen(end) + 1);
    }
}

static rig seen(int threads, int looks, gan_health **h, gan_logger **log)
{
    rig r = make(threads, picture_generator, picture_critic, 3);
    r.desc.data = pictures(r.ctx);
    go(&r);
    *h = gan_health_create(r.t, NULL);
    *log = log_of(r.ctx);
    train(&r, *h, *log, 10);
    if (looks) report(&r, *h, *log, "look.html");
    train(&r, *h, *log, 20);
    return r;
}

static void traces(void)
{
    TEST ("a report does not affect the run, bit for bit; the same run writes the same bytes but for its "
          "times") {
        gan_health *h[2];
        gan_logger *log[2];
        rig a = seen(1, 1, &h[0], &log[0]), b = seen(1, 0, &h[1], &log[1]);
        same_weights(a.g, b.g);
        same_weights(a.d, b.d);
        report(&b, h[1], log[1], "b.html");
        strcpy(other, html);
        report(&a, h[0], log[0], "a.html");
        forget_time(html), forget_time(other);
        CHECK(!count(html, "samples/s") && strlen(html) > 5000, "%s", "the times are still there");
        CHECK(!strcmp(html, other), "%s", "the reports differ");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST_MUST_FAIL ("a batch that is drawn does affect the run") {
        gan_health *h[2];
        gan_logger *log[2];
        rig a = seen(1, 0, &h[0], &log[0]), b = seen(1, 0, &h[1], &log[1]);
        gan_dataset_batch(a.desc.data, 7, NULL);
        train(&a, h[0], log[0], 22);
        train(&b, h[1], log[1], 22);
        same_weights(a.d, b.d);
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
    TEST ("a resumed run has the timeline of the uninterrupted one") {
        gan_health *h[2];
        gan_logger *log[2];
        rig a = seen(1, 0, &h[0], &log[0]), b = seen(1, 0, &h[1], &log[1]);
        train(&a, h[0], NULL, 400);
        CHECK(gan_save(a.ctx, test_path("run.safetensors")) == GAN_OK, "%s", gan_error_message(a.ctx));
        CHECK(gan_load(b.ctx, test_path("run.safetensors")) == GAN_OK, "%s", gan_error_message(b.ctx));
        train(&a, h[0], NULL, 450);
        train(&b, h[1], NULL, 450);
        strcpy(other, report(&a, h[0], NULL, "a.html"));
        report(&b, h[1], NULL, "b.html");
        forget_time(html), forget_time(other);
        CHECK(count(html, "<b class=\"tag") > 1, "%d intervals", count(html, "<b class=\"tag"));
        CHECK(!strcmp(html, other), "%s", "the reports differ");
        gan_destroy(a.ctx);
        gan_destroy(b.ctx);
    }
}

static void errors(void)
{
    TEST ("the report of a run that a NaN has stopped says so, without samples") {
        gan_health *h;
        gan_logger *log;
        rig r = seen(1, 0, &h, &log);
        gan_trainer_stats s;
        gan_report more;
        memset(&more, 0, sizeof more);
        more.log = log;
        gan_data(gan_model_tensor(r.d, 0))[0] = (gan_real)sqrt(-1.);
        s = gan_trainer_step(r.t);
        gan_health_step(h, &s);
        CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "%s", gan_error_message(r.ctx));
        CHECK(gan_trainer_report(r.t, h, &more, test_path("nan.html")) == GAN_OK, "%s", "not written");
        CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE, "%s", gan_error_message(r.ctx));
        read_page(test_path("nan.html"), html, sizeof html);
        CHECK_TEXT(html, "<p class=\"verdict bad\"><b>divergence</b>");
        CHECK(count(html, "<svg") == 3 && !count(html, "<img"), "%d panels", count(html, "<svg"));
        CHECK_TEXT(html, "</html>");
        gan_destroy(r.ctx);
    }
    TEST ("no trainer, no path, a folder that is not there, a log of another context: errors") {
        rig r = make(1, mlp_generator, mlp_critic, 3);
        gan_context *other_ctx = gan_create(NULL);
        gan_report more;
        memset(&more, 0, sizeof more);
        go(&r);
        CHECK(gan_trainer_report(NULL, NULL, NULL, "x") == GAN_ERROR_ARGUMENT, "%s", "no trainer");
        CHECK(gan_trainer_report(r.t, NULL, NULL, NULL) == GAN_ERROR_ARGUMENT, "%s",
              gan_error_message(r.ctx));
        gan_error_clear(r.ctx);
        CHECK(gan_trainer_report(r.t, NULL, NULL, test_path("nowhere/x.html")) == GAN_ERROR_FILE, "%s",
              gan_error_message(r.ctx));
        gan_error_clear(r.ctx);
        more.log = log_of(other_ctx);
        CHECK(gan_trainer_report(r.t, NULL, &more, test_path("x.html")) == GAN_ERROR_ARGUMENT, "%s",
              gan_error_message(r.ctx));
        gan_error_clear(r.ctx);
        gan_destroy(other_ctx);
        gan_destroy(r.ctx);
    }
}

int main(void)
{
    contents();
    theory();
    traces();
    errors();
    return test_done();
}
