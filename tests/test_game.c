// Games: the updates of several players against matrices written here (a quadratic game, whose Jacobian is
// known, and a curved one, whose Jacobian comes from finite differences); the guard; and the theory of the
// bilinear game (examples/games.h). A kind without a reference does not compile.
#include "../gan.h"

#include "test.h"

#include "check.h"

#include "../examples/games.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#ifdef GAN_DOUBLE
#define TOL 1e-10
#else
#define TOL 2e-5
#endif

// Three players with 3, 2 + 2 and 1 weights.
enum { PLAYERS = 3, SIZE = 8 };
static const int player_of[SIZE] = {0, 0, 0, 1, 1, 1, 1, 2};

// What a control asks for.
enum { TRANSPOSED = 1, NEGATED = 2, IN_TURN = 4, OWN_ONLY = 8 };

static gan_tensor *player(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    const char which = gan_model_user(m) ? *(const char *)gan_model_user(m) : '0';
    (void)label;
    if (which == '0') return gan_add(x, gan_param(m, "w", gan_init_zeros(), 3));
    if (which == '1')
        return gan_concat(0, gan_add(gan_slice(x, 0, 0, 2), gan_param(m, "u", gan_init_zeros(), 2)),
                          gan_add(gan_slice(x, 0, 2, 4), gan_param(m, "v", gan_init_zeros(), 2)));
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), 1));
}

typedef struct table {
    gan_context *ctx;
    gan_model *m[PLAYERS];
    gan_optimizer *o[PLAYERS];
} table;

static double start(int k) { return (double)(gan_real)cos(1.3 * k); }

static double *weight_at(table *g, int k, gan_real **at)
{
    static const char *const name[SIZE] = {"w", "w", "w", "u", "u", "v", "v", "w"};
    static const int index[SIZE] = {0, 1, 2, 0, 1, 0, 1, 0};
    *at = gan_data(gan_model_find(g->m[player_of[k]], name[k])) + index[k];
    return NULL;
}
static void get(table *g, double *w)
{
    gan_real *at;
    int k;
    for (k = 0; k < SIZE; ++k) weight_at(g, k, &at), w[k] = (double)*at;
}

static table sit(gan_context *ctx, gan_optimizer_desc d)
{
    static char which[PLAYERS] = {'0', '1', '2'};
    static const char *const names[PLAYERS] = {"a", "b", "c"};
    static const int size[PLAYERS] = {3, 4, 1};
    table g;
    gan_real *at;
    int i;
    g.ctx = ctx;
    gan_scope_open(ctx);
    for (i = 0; i < PLAYERS; ++i) {
        g.m[i] = gan_model_create(ctx, names[i], player, &which[i]);
        gan_forward(g.m[i], gan_zeros(ctx, size[i]), NULL);
        g.o[i] = gan_optimizer_create(g.m[i], d);
    }
    gan_scope_close(ctx);
    for (i = 0; i < SIZE; ++i) weight_at(&g, i, &at), *at = (gan_real)start(i);
    return g;
}

static gan_tensor *all_weights(table *g)
{
    return gan_concat(0, gan_model_find(g->m[0], "w"), gan_model_find(g->m[1], "u"),
                      gan_model_find(g->m[1], "v"), gan_model_find(g->m[2], "w"));
}

// Player i's loss: w^T Q_i w / 2 + b_i w, and where `curved` the sum of sin(p_i w) with rows p_i of its own.
static double q_of(int i, int a, int b) { return (double)(gan_real)(.5 * sin(1 + 7 * i + 3 * a + 5 * b)); }
static double b_of(int i, int a) { return (double)(gan_real)(.3 * cos(2 + 5 * i + a)); }
static double p_of(int i, int a, int b) { return (double)(gan_real)(.6 * sin(2 + 3 * i + 11 * a + 2 * b)); }

static gan_tensor *matrix(gan_context *ctx, int i, double (*of)(int i, int a, int b))
{
    gan_tensor *t = gan_zeros(ctx, SIZE, SIZE);
    int a, b;
    for (a = 0; a < SIZE; ++a)
        for (b = 0; b < SIZE; ++b) gan_data(t)[a * SIZE + b] = (gan_real)of(i, a, b);
    return t;
}

static void losses(table *g, int curved, gan_tensor **loss)
{
    int i, a;
    for (i = 0; i < PLAYERS; ++i) {
        gan_tensor *w = gan_reshape(all_weights(g), SIZE, 1), *b = gan_zeros(g->ctx, 1, SIZE);
        for (a = 0; a < SIZE; ++a) gan_data(b)[a] = (gan_real)b_of(i, a);
        loss[i] =
            gan_add(gan_mul_scalar(gan_sum_all(gan_mul(w, gan_matmul(matrix(g->ctx, i, q_of), w))), .5f),
                    gan_sum_all(gan_matmul(b, w)));
        if (curved) loss[i] = gan_add(loss[i], gan_sum_all(gan_sin(gan_matmul(matrix(g->ctx, i, p_of), w))));
    }
}

static void ref_xi(const double *w, int curved, double *xi)
{
    int a, b, c;
    for (a = 0; a < SIZE; ++a) {
        const int i = player_of[a];
        xi[a] = b_of(i, a);
        for (b = 0; b < SIZE; ++b) xi[a] += (q_of(i, a, b) + q_of(i, b, a)) / 2 * w[b];
        for (c = 0; c < SIZE && curved; ++c) {
            double s = 0;
            for (b = 0; b < SIZE; ++b) s += p_of(i, c, b) * w[b];
            xi[a] += p_of(i, c, a) * cos(s);
        }
    }
}

// J by central differences of xi with a fourth order formula; exact for the quadratic game.
static void ref_jacobian(const double *w, int curved, double j[SIZE][SIZE])
{
    static const double at[4] = {-2, -1, 1, 2}, by[4] = {1, -8, 8, -1}, h = 1e-3;
    double moved[SIZE], xi[SIZE];
    int a, b, s;
    memset(j, 0, sizeof(double) * SIZE * SIZE);
    for (b = 0; b < SIZE; ++b)
        for (s = 0; s < 4; ++s) {
            memcpy(moved, w, sizeof moved);
            moved[b] += at[s] * h;
            ref_xi(moved, curved, xi);
            for (a = 0; a < SIZE; ++a) j[a][b] += by[s] * xi[a] / (12 * h);
        }
}

static void times(double j[SIZE][SIZE], const double *v, int transposed, double *to)
{
    int a, b;
    for (a = 0; a < SIZE; ++a) {
        to[a] = 0;
        for (b = 0; b < SIZE; ++b) to[a] += (transposed ? j[b][a] : j[a][b]) * v[b];
    }
}

// The term of each kind, for strength 1.
static void ref_simultaneous(double j[SIZE][SIZE], const double *xi, int flaws, double *to)
{
    (void)j, (void)xi, (void)flaws;
    memset(to, 0, sizeof(double) * SIZE);
}
static void ref_consensus(double j[SIZE][SIZE], const double *xi, int flaws, double *to)
{
    times(j, xi, !(flaws & TRANSPOSED), to);
}
static void ref_symplectic(double j[SIZE][SIZE], const double *xi, int flaws, double *to)
{
    double jx[SIZE], jt[SIZE];
    int a;
    times(j, xi, flaws & TRANSPOSED, jx);
    times(j, xi, !(flaws & TRANSPOSED), jt);
    for (a = 0; a < SIZE; ++a) to[a] = (jt[a] - jx[a]) / 2;
}
static int signs[2];
static void ref_symplectic_aligned(double j[SIZE][SIZE], const double *xi, int flaws, double *to)
{
    double jt[SIZE], slope = 0, turn = 0, sign;
    int a;
    ref_symplectic(j, xi, flaws, to);
    times(j, xi, 1, jt);
    for (a = 0; a < SIZE; ++a) slope += xi[a] * jt[a], turn += to[a] * jt[a];
    sign = slope * turn / SIZE + .1 < 0 ? -1 : 1;
    signs[sign > 0]++;
    for (a = 0; a < SIZE; ++a) to[a] *= sign;
}

static const struct {
    const char *name;
    void (*term)(double j[SIZE][SIZE], const double *xi, int flaws, double *to);
} games[] = {
#define ROW(id, name) {#name, ref_##name},
    GAN_GAMES(ROW)
#undef ROW
};

// Steps by SGD of rate .1; flaws are the reference's.
static void game_steps(gan_game kind, double strength, int curved, int flaws)
{
    gan_context *ctx = gan_create(NULL);
    table g = sit(ctx, gan_sgd((gan_real).1, 0));
    double w[SIZE], xi[SIZE], j[SIZE][SIZE], term[SIZE], got[SIZE];
    gan_tensor *loss[PLAYERS];
    int t, a;
    for (a = 0; a < SIZE; ++a) w[a] = start(a);
    for (t = 0; t < 10; ++t) {
        losses(&g, curved, loss);
        gan_minimize_game(kind, (gan_real)strength, PLAYERS, g.o, loss);
        ref_xi(w, curved, xi);
        ref_jacobian(w, curved, j);
        for (a = 0; a < SIZE * SIZE && flaws & OWN_ONLY; ++a)
            if (player_of[a / SIZE] != player_of[a % SIZE]) j[a / SIZE][a % SIZE] = 0;
        games[kind].term(j, xi, flaws, term);
        for (a = 0; a < SIZE; ++a) {
            if (flaws & IN_TURN) ref_xi(w, curved, xi);
            w[a] -= (double)(gan_real).1 * (xi[a] + (flaws & NEGATED ? -1 : 1) * strength * term[a]);
        }
        get(&g, got);
        CHECK_ARRAY(SIZE, got, w, TOL * 10, TOL * 10, games[kind].name);
    }
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
}

static void kinds(void)
{
    int k, curved;
    for (k = 0; k < (int)COUNT(games); ++k)
        for (curved = 0; curved < 2; ++curved) {
            const char *what = curved ? "curved" : "quadratic";
            TESTF ("%s, three players, a %s game", games[k].name, what)
                game_steps((gan_game)k, .4, curved, 0);
            TESTF_MUST_FAIL ("%s, %s: players in turn are caught", games[k].name, what)
                game_steps((gan_game)k, .4, curved, IN_TURN);
            if (k == GAN_GAME_SIMULTANEOUS) continue;
            TESTF_MUST_FAIL ("%s, %s: J for its transpose is caught", games[k].name, what)
                game_steps((gan_game)k, .4, curved, TRANSPOSED);
            TESTF_MUST_FAIL ("%s, %s: a wrong sign is caught", games[k].name, what)
                game_steps((gan_game)k, .4, curved, NEGATED);
            TESTF_MUST_FAIL ("%s, %s: a Jacobian without the other players is caught", games[k].name, what)
                game_steps((gan_game)k, .4, curved, OWN_ONLY);
        }
    TEST ("the alignment turned the adjustment and left it, both, in what was tested")
        CHECK(signs[0] > 0 && signs[1] > 0, "%d times turned, %d not", signs[0], signs[1]);
}

static gan_tensor *layers(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    x = gan_tanh(gan_linear(m, "fc1", x, 16));
    return gan_linear(m, "fc2", x, *(const int *)gan_model_user(m));
}

// A small GAN updated with everything: the bits of its weights; its calls to the heap.
static uint64_t small_gan(gan_game kind, int threads, gan_real *weights)
{
    static int one = 1, two = 2;
    gan_context *ctx = context_with(GAN_ISA_AUTO, threads);
    gan_model *d = gan_model_create(ctx, "d", layers, &one), *g = gan_model_create(ctx, "g", layers, &two);
    gan_optimizer *o[2];
    uint64_t before = 0;
    int t, i;
    o[0] = gan_optimizer_create(d, gan_adam((gan_real).01, (gan_real).5, (gan_real).9));
    o[1] = gan_optimizer_create(g, gan_rmsprop((gan_real).01));
    for (t = 0; t < 6; ++t) {
        gan_tensor *fake = gan_forward(g, gan_rand_normal(ctx, 1500, 2), NULL), *loss[2];
        gan_tensor *r = gan_forward(d, gan_rand_normal(ctx, 1500, 2), NULL), *f = gan_forward(d, fake, NULL);
        loss[0] = gan_loss_d(GAN_LOSS_NON_SATURATING, r, f, 0);
        loss[1] = gan_loss_g(GAN_LOSS_NON_SATURATING, f);
        if (t % 3 == 2) gan_extrapolate_game(kind, (gan_real).3, 2, o, loss);
        else gan_minimize_game(kind, (gan_real).3, 2, o, loss);
        if (t == 4) before = gan_memory(ctx).heap_calls;
    }
    before = gan_memory(ctx).heap_calls - before;
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    for (i = 0; i < gan_model_count(g); ++i) {
        gan_read(gan_model_tensor(g, i), weights, gan_numel(gan_model_tensor(g, i)));
        weights += gan_numel(gan_model_tensor(g, i));
    }
    gan_destroy(ctx);
    return before;
}

static void machinery(void)
{
    static const int counts[] = {1, 2, 3, 7};
    int k;
    for (k = 0; k < (int)COUNT(games); ++k)
        TESTF ("%s: a GAN's weights have the same bits on 1, 2, 3 and 7 threads, without calls to the heap",
               games[k].name) {
            static gan_real first[256], got[256];
            size_t i;
            for (i = 0; i < COUNT(counts); ++i) {
                const uint64_t calls = small_gan((gan_game)k, counts[i], i ? got : first);
                CHECK(calls == 0, "%d calls to the heap in the last step", (int)calls);
                if (i) CHECK_BYTES(first, got, sizeof got, "weights");
            }
            CHECK(first[0] != 0, "nothing was learned");
        }
    TEST ("one player alone is gan_minimize, bit for bit") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        table one = sit(a, gan_adam((gan_real).1, (gan_real).5, (gan_real).9)),
              two = sit(b, gan_adam((gan_real).1, (gan_real).5, (gan_real).9));
        gan_tensor *loss[PLAYERS];
        double x[SIZE], y[SIZE];
        int t;
        for (t = 0; t < 5; ++t) {
            losses(&one, 1, loss);
            (void)gan_minimize(one.o[1], loss[1]);
            losses(&two, 1, loss);
            gan_minimize_game(GAN_GAME_SIMULTANEOUS, 0, 1, &two.o[1], &loss[1]);
        }
        get(&one, x);
        get(&two, y);
        CHECK_BYTES(x, y, sizeof x, "weights");
        CHECK_NEAR(gan_optimizer_norm(one.o[1]), gan_optimizer_norm(two.o[1]), 0, "norm");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("each optimizer's own rule: adam's first step is lr, whatever the game adds") {
        gan_context *ctx = gan_create(NULL);
        table g = sit(ctx, gan_adam((gan_real).01, (gan_real).5, (gan_real).9));
        gan_tensor *loss[PLAYERS];
        double w[SIZE];
        losses(&g, 1, loss);
        gan_minimize_game(GAN_GAME_CONSENSUS, 1, PLAYERS, g.o, loss);
        get(&g, w);
        for (k = 0; k < SIZE; ++k) CHECK_NEAR(fabs(w[k] - start(k)), .01, 1e-5, "step");
        gan_destroy(ctx);
    }
    TEST ("frozen weights do not move, and their part of xi does not count") {
        gan_context *ctx = gan_create(NULL);
        table g = sit(ctx, gan_sgd((gan_real).1, 0));
        gan_tensor *loss[PLAYERS];
        double w[SIZE], xi[SIZE], j[SIZE][SIZE], term[SIZE];
        int a, b;
        gan_model_freeze(g.m[1], "u", 1);
        losses(&g, 0, loss);
        gan_minimize_game(GAN_GAME_CONSENSUS, (gan_real).5, PLAYERS, g.o, loss);
        for (a = 0; a < SIZE; ++a) w[a] = start(a);
        ref_xi(w, 0, xi);
        ref_jacobian(w, 0, j);
        for (a = 0; a < SIZE; ++a)
            for (b = 3; b < 5; ++b) j[a][b] = j[b][a] = xi[b] = 0;
        ref_consensus(j, xi, 0, term);
        for (a = 0; a < SIZE; ++a) w[a] -= .1 * (xi[a] + .5 * term[a]);
        get(&g, xi);
        CHECK_ARRAY(SIZE, xi, w, TOL, TOL, "weights");
        gan_destroy(ctx);
    }
    TEST ("strength 0 stands for 10 (consensus) and 1 (symplectic)") {
        static const gan_real usual[] = {0, 10, 1, 1};
        for (k = 0; k < (int)COUNT(games); ++k) {
            double w[2][SIZE];
            int way;
            for (way = 0; way < 2; ++way) {
                gan_context *ctx = gan_create(NULL);
                table g = sit(ctx, gan_sgd((gan_real).01, 0));
                gan_tensor *loss[PLAYERS];
                losses(&g, 1, loss);
                gan_minimize_game((gan_game)k, way ? 0 : usual[k], PLAYERS, g.o, loss);
                get(&g, w[way]);
                gan_destroy(ctx);
            }
            CHECK_BYTES(w[0], w[1], sizeof w[0], games[k].name);
        }
    }
    TEST ("in a scope of the user's the tensors stay alive") {
        gan_context *ctx = gan_create(NULL);
        table g = sit(ctx, gan_sgd((gan_real).1, 0));
        gan_tensor *loss[PLAYERS];
        gan_real was;
        gan_scope_open(ctx);
        losses(&g, 1, loss);
        was = gan_item(loss[2]);
        gan_minimize_game(GAN_GAME_SYMPLECTIC, 1, PLAYERS, g.o, loss);
        CHECK(gan_item(loss[2]) == was, "the loss changed");
        CHECK(gan_record(ctx, 1) == 1, "recording was left off");
        gan_scope_close(ctx);
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
}

static void guard(void)
{
    int k, bad, i;
    for (k = 0; k < (int)COUNT(games); ++k)
        for (bad = 0; bad < PLAYERS; ++bad)
            TESTF ("%s: a NaN of player %d's moves nobody", games[k].name, bad + 1) {
                gan_context *ctx = gan_create(NULL);
                table g = sit(ctx, gan_adam((gan_real).1, (gan_real).5, (gan_real).9));
                gan_tensor *loss[PLAYERS];
                double before[SIZE], after[SIZE];
                losses(&g, 1, loss);
                gan_minimize_game((gan_game)k, 1, PLAYERS, g.o, loss);
                get(&g, before);
                losses(&g, 1, loss);
                loss[bad] = gan_add(loss[bad], gan_sum_all(gan_sqrt(gan_mul_scalar(all_weights(&g), 0))));
                gan_minimize_game((gan_game)k, 1, PLAYERS, g.o, loss);
                CHECK(gan_error(ctx) == GAN_ERROR_NONFINITE, "code %d", gan_error(ctx));
                CHECK_TEXT(gan_error_message(ctx), "sqrt");
                get(&g, after);
                CHECK_BYTES(before, after, sizeof after, "weights");
                for (i = 0; i < PLAYERS; ++i) CHECK(inside_optimizer_step(g.o[i]) == 1, "a step was counted");
                gan_error_clear(ctx);
                losses(&g, 1, loss);
                gan_minimize_game((gan_game)k, 1, PLAYERS, g.o, loss);
                CHECK(gan_error(ctx) == 0, "it goes on: %s", gan_error_message(ctx));
                // The gradients of a call that failed end with its step, also those of a player that is
                // frozen before the next one.
                losses(&g, 1, loss);
                loss[2] = gan_add(loss[2], gan_sum_all(gan_sqrt(gan_mul_scalar(all_weights(&g), 0))));
                gan_minimize_game((gan_game)k, 1, PLAYERS, g.o, loss);
                gan_error_clear(ctx);
                gan_model_freeze(g.m[0], NULL, 1);
                losses(&g, 1, loss);
                gan_minimize_game((gan_game)k, 1, PLAYERS, g.o, loss);
                CHECK(inside_gradients(g.o[0]) == 0, "%d gradients of a step that ended",
                      inside_gradients(g.o[0]));
                gan_destroy(ctx);
            }
    TEST ("bad arguments are errors, not crashes") {
        gan_context *ctx = gan_create(NULL), *other = gan_create(NULL);
        table g = sit(ctx, gan_sgd((gan_real).1, 0)), h = sit(other, gan_sgd((gan_real).1, 0));
        gan_tensor *loss[PLAYERS];
        gan_optimizer *o[PLAYERS];
        double w[SIZE];
        int way;
        for (way = 0; way < 8; ++way) {
            int code = GAN_ERROR_ARGUMENT, kind = GAN_GAME_CONSENSUS;
            gan_real strength = 1;
            losses(&g, 0, loss);
            memcpy(o, g.o, sizeof o);
            if (way == 0) o[1] = NULL;
            if (way == 1) o[1] = o[0];
            if (way == 2) o[2] = h.o[2];
            if (way == 3) loss[1] = NULL;
            if (way == 4) loss[1] = all_weights(&g), code = GAN_ERROR_SHAPE;
            if (way == 5) kind = 99;
            if (way == 6) strength = (gan_real)NAN;
            if (way == 7) loss[0] = gan_scalar(ctx, 3), code = GAN_ERROR_STATE;
            gan_minimize_game((gan_game)kind, strength, PLAYERS, o, loss);
            CHECK(gan_error(ctx) == code, "%d: code %d, %s", way, gan_error(ctx), gan_error_message(ctx));
            gan_error_clear(ctx);
        }
        gan_minimize_game(GAN_GAME_CONSENSUS, 1, PLAYERS, g.o, NULL);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "no losses: code %d", gan_error(ctx));
        gan_minimize_game(GAN_GAME_CONSENSUS, 1, PLAYERS, NULL, NULL);
        gan_minimize_game(GAN_GAME_CONSENSUS, 1, 0, g.o, loss);
        gan_extrapolate_game(GAN_GAME_CONSENSUS, 1, -1, g.o, loss);
        get(&g, w);
        for (k = 0; k < SIZE; ++k) CHECK_NEAR(w[k], start(k), 0, "moved");
        CHECK_TEXT(gan_game_name((gan_game)-1), "unknown");
        CHECK_TEXT(gan_game_name(GAN_GAME_SYMPLECTIC), "symplectic");
        gan_destroy(ctx);
        gan_destroy(other);
    }
}

// ---- the bilinear game

static double rates[] = {.1, .3};

// |(x, y)| over some steps; `from` begins when what fades first has faded.
static double measured(int method, double rate, int from, int steps)
{
    gan_context *ctx = gan_create(NULL);
    gm_game g = gm_start(ctx, "x", "y", gm_optimizer(method, (gan_real)rate));
    double before = gm_distance(&g), after;
    int t;
    for (t = 0; t < from + steps; ++t) {
        gm_methods[method].step(&g, t);
        if (t == from - 1) before = gm_distance(&g);
    }
    after = gm_distance(&g);
    CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
    gan_destroy(ctx);
    return pow(after / before, 1. / steps);
}

static void bilinear(void)
{
    enum { SIMULTANEOUS, ALTERNATING, EXTRAGRADIENT, OPTIMISTIC, CONSENSUS, SYMPLECTIC, NEGATIVE, LOOKAHEAD };
    // Where the norm obeys its factor in every single step (or round of five), few steps tell; where it
    // swings, many, but not so many that floats end.
    static const int exact[] = {1, 0, 1, 0, 1, 1, 0, 1};
    size_t r;
    int k;
    for (k = 0; k < (int)GM_COUNT; ++k)
        for (r = 0; r < COUNT(rates); ++r) {
            const double want = gm_factor(k, (double)(gan_real)rates[r]);
            const double other = k == ALTERNATING ? 1.001 : gm_factor(k, rates[r] * 1.6);
            const int steps = exact[k] ? 20 : (int)fmin(3000, 25 / (1 - want));
            const double tol = exact[k] ? TOL : 1. / steps;
            TESTF ("x y by %s, rate %g: |(x, y)| changes by %.6f a step", gm_methods[k].label, rates[r], want)
                CHECK_NEAR(measured(k, rates[r], exact[k] ? 0 : 40, steps), want, tol, "factor");
            TESTF_MUST_FAIL ("the factor of another rate is caught: %s", gm_methods[k].label)
                CHECK_NEAR(measured(k, rates[r], exact[k] ? 0 : 40, steps), other, tol, "factor");
        }
    TEST ("only simultaneous descent spirals out, only alternating descent stays; the others arrive") {
        for (k = 0; k < (int)GM_COUNT; ++k) {
            const double f = gm_factor(k, .3);
            CHECK(k == SIMULTANEOUS  ? f > 1
                  : k == ALTERNATING ? f == 1
                                     : f < 1,
                  "%s: %g", gm_methods[k].label, f);
        }
    }
    TEST ("alternating descent conserves x^2 + y^2 - e x y") {
        gan_context *ctx = gan_create(NULL);
        gm_game g = gm_start(ctx, "x", "y", gm_optimizer(ALTERNATING, (gan_real).3));
        int t;
        for (t = 0; t < 200; ++t) {
            const double x = (double)gan_item(g.w[0]), y = (double)gan_item(g.w[1]);
            CHECK_NEAR(x * x + y * y - (double)(gan_real).3 * x * y, 2 - (double)(gan_real).3, TOL * 10,
                       "sum");
            gm_methods[ALTERNATING].step(&g, t);
        }
        gan_destroy(ctx);
    }
    TEST ("the root of negative momentum: every solution of its recursion shrinks so, 0 momentum does not") {
        // the recursion itself, in double, from another start
        double x = .3, y = -1, px = x, py = y, size = 0, b = -.5;
        int t;
        for (t = 0; t < 4000; ++t) {
            const double nx = x + b * (x - px) - .3 * y, ny = y + b * (y - py) + .3 * nx;
            px = x, py = y, x = nx, y = ny;
            if (t == 99) size = hypot(x, y);
        }
        CHECK_NEAR(pow(hypot(x, y) / size, 1 / 3900.), gm_negative(.3), 3e-4, "factor");
        CHECK(gm_negative(.3) < .999, "%g", gm_negative(.3));
    }
    TEST ("extragradient by turns, player after player, arrives, too") {
        gan_context *ctx = gan_create(NULL);
        gm_game g = gm_start(ctx, "x", "y", gan_sgd((gan_real).3, 0));
        int t, i;
        for (t = 0; t < 300; ++t) {
            for (i = 0; i < 2; ++i) (void)gan_extrapolate(g.o[i], gm_loss(&g, i));
            for (i = 0; i < 2; ++i) (void)gan_minimize(g.o[i], gm_loss(&g, i));
        }
        CHECK(gm_distance(&g) < 1e-2, "|(x, y)| = %g", gm_distance(&g));
        CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
        gan_destroy(ctx);
    }
    for (k = 0; k < 3; ++k) {
        static const char *const names[] = {"adam", "optimistic adam", "extra adam"};
        TESTF ("%s on x y: %s", names[k], k ? "it arrives" : "it spirals out") {
            gan_context *ctx = gan_create(NULL);
            const gan_optimizer_desc d = k == 1 ? gan_optimistic_adam((gan_real).05, 0, (gan_real).999)
                                                : gan_adam((gan_real).05, 0, (gan_real).999);
            gm_game g = gm_start(ctx, "x", "y", d);
            double most = 0, least = 2;
            int t;
            for (t = 0; t < 3000; ++t) {
                if (k == 2) gm_step_extragradient(&g, t);
                else gm_step_simultaneous(&g, t);
                if (t >= 2900) most = fmax(most, gm_distance(&g));
                least = fmin(least, gm_distance(&g));
            }
            CHECK(k ? most < .1 : most > 2 && least > 1, "|(x, y)| at most %g at the end, at least %g", most,
                  least);
            CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    }
    TEST ("theorem 6, as games.c prints it, holds at every step, and says something") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", gm_vector, NULL);
        gan_optimizer *o = gan_optimizer_create(m, gan_subgradient((gan_real).05, GAN_STEP_CONSTANT));
        double f, best = HUGE_VAL;
        int t;
        for (t = 1; t <= 3000; ++t) {
            f = (double)gan_minimize(o, gm_nonsmooth(ctx, gan_forward(m, gan_zeros(ctx, GM_SIZE), NULL)));
            best = f < best ? f : best;
            CHECK(best <= gm_bound(.05, t), "step %d: %g, bound %g", t, best, gm_bound(.05, t));
        }
        CHECK_NEAR(gan_optimizer_best(o), best, 1e-6, "the best f");
        CHECK(best > gm_bound(.05, 3000) / 100, "%g: the bound %g says nothing", best, gm_bound(.05, 3000));
        gan_destroy(ctx);
    }
}

int main(void)
{
    kinds();
    machinery();
    guard();
    bilinear();
    printf("%d kinds of games, %d update rules for x y\n", (int)COUNT(games), (int)GM_COUNT);
    return test_done();
}
