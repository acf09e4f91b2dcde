// The rules of the optimizers: trajectories of 20 steps against the references of optimizers.h, each with
// flaws that must be caught. A rule without a test does not compile.
#include "../gan.h"

#include "test.h"

#include "check.h"

#include "optimizers.h"

// ---- each optimizer: what its constructor gives, its rule, its flaws

static void test_sgd(void)
{
    gan_optimizer_desc d = gan_sgd((gan_real).05, 0);
    TEST ("sgd") trajectory("plain", d, 0, TOL);
    TEST ("sgd with weight decay") trajectory("decay", with(d, 0, 0, 0, .3), 0, TOL);
    TEST ("sgd with momentum") trajectory("momentum", gan_sgd((gan_real).05, (gan_real).9), 0, TOL);
    TEST ("sgd with negative momentum (Gidel 2019b)")
        trajectory("negative", gan_sgd((gan_real).05, (gan_real)-.5), 0, TOL);
    TEST ("sgd with momentum and dampening: the first step is not damped")
        trajectory("dampening", with(d, .9, .4, 0, 0), 0, TOL);
    TEST ("sgd with Nesterov momentum and weight decay")
        trajectory("nesterov", with(d, .8, 0, 1, .1), 0, TOL);
    TEST_MUST_FAIL ("a first step that is damped is caught")
        trajectory("dampening", with(d, .9, .4, 0, 0), FIRST_DAMPED, TOL);
    TEST_MUST_FAIL ("plain momentum for Nesterov's is caught")
        trajectory("nesterov", with(d, .8, 0, 1, .1), PLAIN_MOMENTUM, TOL);
    TEST_MUST_FAIL ("a missing weight decay is caught")
        trajectory("decay", with(d, 0, 0, 0, .3), NO_DECAY, TOL);
}

static void test_rmsprop(void)
{
    gan_optimizer_desc d = gan_rmsprop((gan_real).01);
    gan_optimizer_desc e = with_eps(d, .1);
    TEST ("rmsprop, with alpha .99 and eps 1e-8 by default") {
        CHECK_NEAR(d.alpha, .99, 1e-7, "alpha");
        CHECK_NEAR(d.eps, 1e-8, 1e-14, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("rmsprop with momentum and weight decay") trajectory("momentum", with(d, .7, 0, 0, .2), 0, TOL);
    TEST ("rmsprop with negative momentum") trajectory("negative", with(d, -.5, 0, 0, 0), 0, TOL);
    TEST ("rmsprop with a large eps: it is added to the root") trajectory("eps", e, 0, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", e, EPS_INSIDE, TOL);
}

static void test_adam(void)
{
    gan_optimizer_desc d = gan_adam((gan_real).02, (gan_real).9, (gan_real).999);
    gan_optimizer_desc e = with_eps(d, .1);
    TEST ("adam, with eps 1e-8 by default") {
        CHECK_NEAR(d.eps, 1e-8, 1e-14, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adam with the betas of GANs: .5 and .999")
        trajectory("gan", gan_adam((gan_real).02, (gan_real).5, (gan_real).999), 0, TOL);
    TEST ("adam with beta1 0") trajectory("beta1 0", gan_adam((gan_real).02, 0, (gan_real).9), 0, TOL);
    TEST ("adam with a negative beta1: negative momentum")
        trajectory("beta1 -.5", gan_adam((gan_real).02, (gan_real)-.5, (gan_real).9), 0, TOL);
    TEST ("adam with weight decay in the gradient") trajectory("decay", with(d, 0, 0, 0, .3), 0, TOL);
    TEST ("adam with a large eps: it is added to the root of the corrected moment")
        trajectory("eps", e, 0, TOL);
    TEST_MUST_FAIL ("adam without bias correction is caught") trajectory("plain", d, NO_BIAS_CORRECTION, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", e, EPS_INSIDE, TOL);
    TEST ("adam's first step is lr times the sign of the gradient") {
        gan_context *ctx = gan_create(NULL);
        double got[N];
        int k;
        run(ctx, d, 1, got);
        for (k = 0; k < N; ++k) {
            double g = coefficient(k) * start(k) + slope(k, 1);
            CHECK_NEAR(got[k], start(k) - (g > 0 ? .02 : -.02), 1e-5, "w");
        }
        gan_destroy(ctx);
    }
}

static void test_adamw(void)
{
    gan_optimizer_desc d = gan_adamw((gan_real).02, (gan_real).9, (gan_real).999, (gan_real).3);
    TEST ("adamw: its decay shrinks the weights, apart from the gradient") trajectory("adamw", d, 0, TOL);
    TEST ("adamw without decay is adam, bit for bit") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        double one[N], two[N];
        run(a, gan_adam((gan_real).02, (gan_real).9, (gan_real).999), STEPS, one);
        run(b, gan_adamw((gan_real).02, (gan_real).9, (gan_real).999, 0), STEPS, two);
        CHECK_BYTES(one, two, sizeof one, "weights");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST_MUST_FAIL ("L2 in the gradient for AdamW's decay is caught") trajectory("adamw", d, COUPLED, TOL);
    TEST_MUST_FAIL ("a missing decay is caught") trajectory("adamw", d, NO_DECAY, TOL);
}

static void test_adagrad(void)
{
    gan_optimizer_desc d = gan_adagrad((gan_real).1), e = d, f = with_eps(d, .1);
    e.lr_decay = (gan_real).1, e.initial = (gan_real).5;
    TEST ("adagrad, with eps 1e-10 by default") {
        CHECK_NEAR(d.eps, 1e-10, 1e-16, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adagrad with a falling rate, an initial sum and weight decay")
        trajectory("lr_decay", with(e, 0, 0, 0, .2), 0, TOL);
    TEST ("adagrad with a large eps: it is added to the root") trajectory("eps", f, 0, TOL);
    TEST_MUST_FAIL ("a rate that does not fall is caught") trajectory("lr_decay", e, NOT_THE, TOL);
    TEST_MUST_FAIL ("eps under the root is caught") trajectory("eps", f, EPS_INSIDE, TOL);
}

static void test_adadelta(void)
{
    gan_optimizer_desc d = gan_adadelta((gan_real).5);
    TEST ("adadelta, with alpha .9 and eps 1e-6 by default") {
        CHECK_NEAR(d.alpha, .9, 1e-7, "alpha");
        CHECK_NEAR(d.eps, 1e-6, 1e-12, "eps");
        trajectory("plain", d, 0, TOL);
    }
    TEST ("adadelta with a large eps, which is under both roots, and decay")
        trajectory("eps", with(with_eps(d, .1), 0, 0, 0, .2), 0, TOL);
    TEST_MUST_FAIL ("eps outside the roots is caught") trajectory("eps", with_eps(d, .1), EPS_INSIDE, TOL);
    TEST_MUST_FAIL ("a rate of 1 whatever lr says is caught") trajectory("plain", d, NOT_THE, TOL);
}

// An Adam with one idea more: it, its betas for GANs, decay, and the control that leaves the idea out.
static void adam_like(const char *name, gan_optimizer_desc d, const char *flaw, int flaws, double eps)
{
    gan_optimizer_desc e = with_eps(d, eps), g = d;
    g.beta1 = (gan_real).5;
    g.beta2 = (gan_real).9;
    TESTF ("%s", name) trajectory(name, d, 0, TOL);
    TESTF ("%s with betas .5 and .9 and weight decay", name) trajectory(name, with(g, 0, 0, 0, .2), 0, TOL);
    TESTF ("%s with a negative beta1", name) {
        g.beta1 = (gan_real)-.5;
        trajectory(name, g, 0, TOL);
    }
    TESTF ("%s with a large eps", name) trajectory(name, e, 0, TOL);
    TESTF_MUST_FAIL ("%s: %s is caught", name, flaw) trajectory(name, d, flaws, TOL);
    TESTF_MUST_FAIL ("%s without bias correction is caught", name)
        trajectory(name, d, NO_BIAS_CORRECTION, TOL);
}

#define BETAS (gan_real).02, (gan_real).9, (gan_real).999

static void test_amsgrad(void)
{
    gan_optimizer_desc d = gan_amsgrad((gan_real).02, (gan_real).9, (gan_real).6);
    adam_like("amsgrad", d, "the latest v for the largest", NOT_THE, .1);
    TEST_MUST_FAIL ("amsgrad: eps under the root is caught")
        trajectory("eps", with_eps(d, .1), EPS_INSIDE, TOL);
}
static void test_adamax(void)
{
    adam_like("adamax", gan_adamax(BETAS), "|d| for its running maximum", NOT_THE, .1);
}
static void test_nadam(void)
{
    TEST ("nadam: momentum_decay is .004 by default")
        CHECK_NEAR(gan_nadam(BETAS).momentum_decay, .004, 1e-9, "psi");
    adam_like("nadam", gan_nadam(BETAS), "Adam's m", NOT_THE, .1);
    TEST_MUST_FAIL ("nadam: this step's mu for the next one's is caught") {
        gan_optimizer_desc d = gan_nadam(BETAS);
        d.momentum_decay = 1;
        trajectory("mu", d, SWAPPED, TOL);
    }
}
static void test_radam(void)
{
    adam_like("radam", gan_radam(BETAS), "no rectification", NOT_THE, .1);
    TEST ("radam: where the variance of v is never tractable (beta2 .6) it is momentum alone")
        trajectory("beta2 .6", gan_radam((gan_real).02, (gan_real).9, (gan_real).6), 0, TOL);
    TEST_MUST_FAIL ("radam: a threshold of 4 for 5 is caught")
        trajectory("4", gan_radam(BETAS), SWAPPED, TOL);
}
static void test_adabelief(void)
{
    TEST ("adabelief: eps is 1e-16 by default") CHECK_NEAR(gan_adabelief(BETAS).eps, 1e-16, 1e-22, "eps");
    adam_like("adabelief", gan_adabelief(BETAS), "d for d - m", NOT_THE, .01);
    TEST_MUST_FAIL ("adabelief: an eps that does not enter s is caught")
        trajectory("eps", with_eps(gan_adabelief(BETAS), .01), SWAPPED, TOL);
}
static void test_yogi(void)
{
    gan_optimizer_desc d = gan_yogi((gan_real).02, (gan_real).9, (gan_real).9);
    TEST ("yogi: eps is 1e-3 and the first v 1e-6 by default") {
        CHECK_NEAR(d.eps, 1e-3, 1e-9, "eps");
        CHECK_NEAR(d.initial, 1e-6, 1e-12, "initial");
    }
    adam_like("yogi", d, "Adam's v", NOT_THE, .1);
}
static void test_lion(void)
{
    gan_optimizer_desc d = gan_lion((gan_real).02, (gan_real).9, (gan_real).99, (gan_real).2);
    TEST ("lion: the sign of an interpolation, decoupled decay") trajectory("lion", d, 0, TOL);
    TEST ("lion moves every weight by exactly lr where there is no decay") {
        gan_context *ctx = gan_create(NULL);
        double got[N];
        int k;
        run(ctx, gan_lion((gan_real).25, (gan_real).9, (gan_real).99, 0), 1, got);
        for (k = 0; k < N; ++k)
            CHECK_NEAR(got[k], start(k) - .25 * sign_of(coefficient(k) * start(k) + slope(k, 1)), 1e-6, "w");
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("lion: beta1 and beta2 exchanged are caught") trajectory("betas", d, SWAPPED, TOL);
    TEST_MUST_FAIL ("lion: no sign is caught") trajectory("sign", d, NOT_THE, TOL);
    TEST_MUST_FAIL ("lion: L2 in the gradient is caught") trajectory("decay", d, COUPLED, TOL);
}
static void test_lamb(void)
{
    gan_optimizer_desc d = gan_lamb((gan_real).02, (gan_real).9, (gan_real).999, (gan_real).1);
    adam_like("lamb", d, "a ratio of norms of 1", NOT_THE, .1);
    TEST_MUST_FAIL ("lamb: a missing decay is caught") trajectory("decay", d, NO_DECAY, TOL);
    TEST ("lamb moves the weights by lr |w|, in norm") {
        gan_context *ctx = gan_create(NULL);
        double got[N], moved = 0, norm = 0;
        int k;
        run(ctx, d, 1, got);
        for (k = 0; k < N; ++k) moved += pow(got[k] - start(k), 2), norm += start(k) * start(k);
        CHECK_NEAR(sqrt(moved / norm), .02, 1e-6, "|w' - w| / |w|");
        gan_destroy(ctx);
    }
}
static void test_optimistic_sgd(void)
{
    gan_optimizer_desc d = gan_optimistic_sgd((gan_real).05);
    TEST ("optimistic sgd") trajectory("plain", d, 0, TOL);
    TEST ("optimistic sgd with weight decay") trajectory("decay", with(d, 0, 0, 0, .2), 0, TOL);
    TEST_MUST_FAIL ("gradient descent for it is caught") trajectory("plain", d, NOT_THE, TOL);
    TEST_MUST_FAIL ("a first past gradient that is not 0 is caught") trajectory("plain", d, SWAPPED, TOL);
}
static void test_optimistic_adam(void)
{
    adam_like("optimistic adam", gan_optimistic_adam(BETAS), "Adam's step", NOT_THE, .1);
    TEST ("the first step of optimistic adam is twice adam's") {
        gan_context *ctx = gan_create(NULL);
        double got[N];
        int k;
        run(ctx, gan_optimistic_adam(BETAS), 1, got);
        for (k = 0; k < N; ++k)
            CHECK_NEAR(got[k], start(k) - .04 * sign_of(coefficient(k) * start(k) + slope(k, 1)), 1e-5, "w");
        gan_destroy(ctx);
    }
}
static void test_subgradient(void)
{
    gan_optimizer_desc d = gan_subgradient((gan_real).05, GAN_STEP_CONSTANT);
    gan_optimizer_desc e = gan_subgradient((gan_real).5, GAN_STEP_LENGTH);
    gan_optimizer_desc f = gan_subgradient((gan_real).1, GAN_STEP_ROOT);
    TEST ("the subgradient method, constant steps") trajectory("constant", d, 0, TOL);
    TEST ("the subgradient method, steps of constant length") trajectory("length", e, 0, TOL);
    TEST ("the subgradient method, steps that fall with the root") trajectory("root", f, 0, TOL);
    TEST_MUST_FAIL ("steps that are not of constant length are caught") trajectory("length", e, NOT_THE, TOL);
    TEST_MUST_FAIL ("steps that fall with k are caught") trajectory("root", f, SWAPPED, TOL);
}

static const struct {
    const char *name;
    void (*run)(void);
} rules[] = {
#define ROW(id, name, states, passes, decay, traits) {#name, test_##name},
    GAN_OPTIMIZERS(ROW)
#undef ROW
};

// ---- weights without a gradient: nothing that decays stays subnormal

#define LEAST_NORMAL (sizeof(gan_real) == 4 ? (double)FLT_MIN : DBL_MIN)
enum { IDLE = sizeof(gan_real) == 4 ? 1024 : 7424 }; // of .9 a step; multiples of 64

static int subnormals(const gan_context *ctx)
{
    inside_state s;
    int i, n = 0;
    size_t k;
    for (i = 0; inside_state_at(ctx, i, &s); ++i)
        for (k = 0; s.real && k < s.count; ++k) {
            const double v = fabs((double)((const gan_real *)s.data)[k]);
            n += v > 0 && v < LEAST_NORMAL;
        }
    return n;
}

// Gradients at the first step only. `seen`: how often a number was subnormal on the way.
static void idle_weights(gan_isa isa, gan_optimizer_desc d, int *seen)
{
    gan_context *ctx = context_with(isa, 1);
    gan_model *m = gan_model_create(ctx, "m", one_parameter, NULL);
    gan_optimizer *o = gan_optimizer_create(m, d);
    int t, n;
    for (t = 1; t <= IDLE; ++t) {
        gan_tensor *w = gan_forward(m, gan_zeros(ctx, N), NULL);
        gan_minimize(o, gan_mul_scalar(quadratic(ctx, w, t), t == 1));
        n = subnormals(ctx);
        *seen += n;
        if (t % 64 == 0) CHECK(!n, "%s: %d numbers are subnormal after step %d", gan_isa_name(ctx), n, t);
    }
    CHECK(!gan_error(ctx), "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static void test_idle(void)
{
    int kind, isa, seen = 0;
    for (kind = 0; kind < GAN_OPTIMIZER_COUNT; ++kind)
        TESTF ("%s: state of weights without a gradient becomes 0, not subnormal",
               gan_optimizer_name((gan_optimizer_kind)kind)) {
            gan_optimizer_desc d = sample((gan_optimizer_kind)kind);
            d.momentum = kind == GAN_OPTIMIZER_SGD || kind == GAN_OPTIMIZER_RMSPROP ? (gan_real).9 : 0;
            d.beta1 = d.beta1 != 0 ? (gan_real).9 : 0;
            d.beta2 = d.beta2 != 0 ? (gan_real).9 : 0;
            d.alpha = d.alpha != 0 ? (gan_real).9 : 0;
            for (isa = GAN_ISA_AUTO + 1; isa < GAN_ISA_COUNT; ++isa) {
                gan_context *ctx = context_with((gan_isa)isa, 1);
                gan_destroy(ctx);
                if (ctx) idle_weights((gan_isa)isa, d, &seen);
            }
        }
    TEST ("the runs came through subnormal numbers") CHECK(seen > 1000, "%d", seen);
    TEST_MUST_FAIL ("decay by .9 alone, which stays subnormal for good, is caught") {
        volatile gan_real v = 1;
        for (int t = 0; t < 3 * IDLE; ++t) v = (gan_real).9 * v;
        CHECK(!(v > 0 && (double)v < LEAST_NORMAL), "%g", (double)v);
    }
}

int main(void)
{
    size_t i;
    test_idle();
    for (i = 0; i < COUNT(rules); ++i) {
        const gan_optimizer_desc d = sample((gan_optimizer_kind)i);
        rules[i].run();
        TESTF ("%s has its name", rules[i].name)
            CHECK(!strcmp(gan_optimizer_name((gan_optimizer_kind)i), rules[i].name), "%s",
                  gan_optimizer_name((gan_optimizer_kind)i));
        if (i != GAN_OPTIMIZER_SUBGRADIENT)
            TESTF_MUST_FAIL ("%s: a rule that forgets is caught", rules[i].name)
                trajectory(rules[i].name, d, FORGETS, TOL);
    }
    printf("%d rules\n", (int)COUNT(rules));
    return test_done();
}
