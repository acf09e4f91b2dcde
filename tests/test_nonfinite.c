// NaN and infinities put everywhere a run takes numbers from: data, labels, noise, weights, gradients. Seen
// within one step, kept out of everything that is saved; also in a build with -ffast-math, where a comparison
// does not see them (make test builds this file twice; all here asks the bits).
#include "test.h"

#include "../gan.h"

#include "check.h"
#include "trainers.h"

static gan_real of_bits(uint64_t bits) // of an IEEE double
{
    double d;
    float f;
    const uint32_t u = (uint32_t)(bits >> 32 & 0x80000000u) | 0x7f800000u |
                       (uint32_t)(bits & 0xfffffffffffffu ? 0x400000u | (bits >> 48 & 1) : 0);
    memcpy(&d, &bits, sizeof d);
    memcpy(&f, &u, sizeof f);
    return sizeof(gan_real) == 8 ? (gan_real)d : (gan_real)f;
}

static int finite_bits(gan_real v)
{
    const unsigned char *p = (const unsigned char *)&v;
    uint64_t u = 0;
    size_t i;
    for (i = 0; i < sizeof v; ++i) u |= (uint64_t)p[i] << 8 * i;
    return sizeof v == 8 ? (u >> 52 & 0x7ff) != 0x7ff : (u >> 23 & 0xff) != 0xff;
}

static const struct {
    const char *name;
    uint64_t bits;
} values[] = {{"NaN", UINT64_C(0x7ff8000000000000)},
              {"-NaN", UINT64_C(0xfff8000000000001)},
              {"inf", UINT64_C(0x7ff0000000000000)},
              {"-inf", UINT64_C(0xfff0000000000000)}};

enum { DATA, LABEL, NOISE, D_WEIGHT, G_WEIGHT, D_GRADIENT, G_GRADIENT, PLACES };
static const char *const places[PLACES] = {"the data",       "a label",       "the noise",
                                           "a weight of D",  "a weight of G", "a gradient of D",
                                           "a gradient of G"};

static gan_real bad; // what goes in; finite while all is well
static int where;

static gan_tensor *noise(gan_context *ctx, int n, gan_tensor *label, void *user)
{
    gan_tensor *z = gan_rand_normal(ctx, n, 3);
    (void)label;
    (void)user;
    if (where == NOISE && !finite_bits(bad)) gan_data(z)[4] = bad;
    return z;
}

static gan_tensor *classes_critic(gan_model *d, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_batch_norm(d, "bn", gan_linear(d, "in", x, 8)), (gan_real).2);
    if (label)
        h = gan_add(h, gan_mul(gan_param(d, "by", gan_init_constant(1), 8), gan_reshape(label, -1, 1)));
    return gan_linear(d, "out", h, 1);
}

// A term whose value is finite, or whose gradient alone is not: sqrt(w - w) has the slope 1/0.
static gan_tensor *steep(gan_model *m, int on)
{
    gan_tensor *w = gan_sum_all(gan_square(gan_model_tensor(m, 0)));
    gan_tensor *nothing = gan_sub(w, gan_detach(w));
    return on ? gan_sqrt(gan_square(nothing)) : gan_mul_scalar(nothing, 0);
}

static gan_tensor *d_term(const gan_penalty_in *in, void *user)
{
    (void)in;
    return steep(((rig *)user)->d, where == D_GRADIENT && !finite_bits(bad));
}

static gan_tensor *g_term(const gan_penalty_in *in, void *user)
{
    (void)in;
    return steep(((rig *)user)->g, where == G_GRADIENT && !finite_bits(bad));
}

// States that hold what is not finite.
static int stained(const gan_context *ctx, const char **name)
{
    inside_state s;
    int n = 0, k;
    size_t i;
    for (k = 0; inside_state_at(ctx, k, &s); ++k) {
        int any = 0;
        for (i = 0; s.real && i < s.count; ++i) any |= !finite_bits(((const gan_real *)s.data)[i]);
        if (any) *name = s.name;
        n += any;
    }
    return n;
}

static void one(int v)
{
    const int begins = where == DATA || where == LABEL; // the data are bad from the beginning on
    const gan_real value = of_bits(values[v].bits);
    gan_real data[64], labels[32], was = 0;
    const char *name = "";
    gan_tensor *weight = NULL;
    rig r = make(1, mlp_generator, classes_critic, 3);
    int i;
    bad = 0;
    for (i = 0; i < 64; ++i) data[i] = (gan_real)cos(i);
    for (i = 0; i < 32; ++i) labels[i] = (gan_real)(i % 3);
    if (where == DATA) memcpy(data + 37, &value, sizeof value);   // an assignment may be a select, which
    if (where == LABEL) memcpy(labels + 7, &value, sizeof value); // -ffast-math lets be anything
    r.desc.data = gan_dataset_memory(r.ctx, data, labels, 32, 2);
    r.desc.batch = 32; // all of them
    r.desc.latents = noise;
    r.desc.ema = (gan_real).9;
    r.desc.d_term = d_term;
    r.desc.g_term = g_term;
    r.desc.user = &r;
    go(&r);
    if (!begins) gan_trainer_run(r.t, 2);
    CHECK(gan_error(r.ctx) == 0 && stained(r.ctx, &name) == 0, "before: %s %s", gan_error_message(r.ctx),
          name);
    bad = value;
    if (where == D_WEIGHT) weight = gan_model_find(r.d, "in.weight");
    if (where == G_WEIGHT) weight = gan_model_find(r.g, "in.weight");
    if (weight) was = gan_data(weight)[3], gan_data(weight)[3] = bad;
    gan_trainer_step(r.t);
    CHECK(gan_error(r.ctx) == GAN_ERROR_NONFINITE || (where == LABEL && gan_error(r.ctx)), "code %d: %s",
          gan_error(r.ctx), gan_error_message(r.ctx));
    CHECK(stained(r.ctx, &name) == (weight != NULL), "%d states hold it, the last %s", stained(r.ctx, &name),
          name);
    CHECK(gan_save(r.ctx, test_path("nonfinite.safetensors")) != 0, "%s", "saved");
    CHECK(gan_trainer_steps(r.t) == INT64_MAX, "%d steps", (int)gan_trainer_steps(r.t));
    bad = 0; // repaired, it goes on
    if (weight) gan_data(weight)[3] = was;
    gan_error_clear(r.ctx);
    if (!begins) gan_trainer_run(r.t, 2);
    CHECK(gan_error(r.ctx) == 0 && gan_trainer_steps(r.t) == (begins ? 0 : 4) && !stained(r.ctx, &name),
          "after: %s %s", gan_error_message(r.ctx), name);
    gan_destroy(r.ctx);
}

int main(void)
{
    int v;
#ifdef __FAST_MATH__
    const int most = D_GRADIENT; // 1 / 0 is what the compiler likes it to be
#else
    const int most = PLACES;
#endif
    for (where = 0; where < most; ++where)
        for (v = 0; v < 4 && (v == 0 || where < D_GRADIENT); ++v)
            TESTF ("%s in %s: seen within one step, in no other state, not saved; repaired, the run goes on",
                   values[v].name, places[where])
                one(v);
    TEST_MUST_FAIL ("what is finite is not taken for a NaN") {
        gan_real data[2] = {1, 2};
        CHECK(!finite_bits(data[0]) || !finite_bits(data[1]), "%s", "finite");
    }
    return test_done();
}
