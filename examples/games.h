// games.h - the bilinear game f(x, y) = x y, x minimizes, y maximizes, only (0, 0) is an equilibrium: the
// update rules for it that gan.h has, each with the factor by which theory lets |(x, y)| change per step.
// Used by games.c, which prints and plots it, and by tests/test_game.c, which holds it to tolerances. Include
// gan.h first.
//
// The gradients are xi = (y, -x) = J (x, y), J a turn by a right angle: J^2 = -1. So with rate e a
// simultaneous step multiplies x + i y by 1 + i e, and every other method by something that can be worked
// out, too.
#ifndef GAN_EXAMPLES_GAMES_H
#define GAN_EXAMPLES_GAMES_H

#include <math.h>
#include <string.h>

// X(name, label, source, optimizer by rate e, factor per step by rate e)
#define GM_METHODS(X)                                                                                        \
    X(simultaneous, "simultaneous descent", "sqrt(1 + e^2)", gan_sgd(e, 0), sqrt(1 + r * r))                 \
    X(alternating, "alternating descent", "1: bounded orbit", gan_sgd(e, 0), 1)                              \
    X(extragradient, "extragradient", "Korpelevich 1976", gan_sgd(e, 0), sqrt(1 - r * r + r * r * r * r))    \
    X(optimistic, "optimistic descent", "Daskalakis 2018", gan_optimistic_sgd(e),                            \
      sqrt((1 + sqrt(1 - 4 * r * r)) / 2))                                                                   \
    X(consensus, "consensus", "Mescheder 2017", gan_sgd(e, 0), hypot(1 - r * GM_STRENGTH, r))                \
    X(symplectic, "symplectic adjustment", "Balduzzi 2018", gan_sgd(e, 0), hypot(1 - r * GM_STRENGTH, r))    \
    X(negative, "momentum -1/2, in turn", "Gidel 2019b", gan_sgd(e, -GM_HALF), gm_negative(r))               \
    X(lookahead, "lookahead, every 5", "Chavdarova 2021", gan_sgd(e, 0), gm_lookahead(r))

#define GM_STRENGTH .5
#define GM_HALF ((gan_real)0.5)
enum { GM_EVERY = 5 };

typedef struct gm_game {
    gan_context *ctx;
    gan_optimizer *o[2];
    gan_tensor *w[2];
} gm_game;

static inline gan_tensor *gm_player(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_mul(x, gan_param(m, "w", gan_init_constant(1), 1));
}

// Two players at (1, 1).
static inline gm_game gm_start(gan_context *ctx, const char *x, const char *y, gan_optimizer_desc desc)
{
    gm_game g;
    int i;
    g.ctx = ctx;
    gan_scope_open(ctx);
    for (i = 0; i < 2; ++i) {
        gan_model *m = gan_model_create(ctx, i ? y : x, gm_player, NULL);
        gan_forward(m, gan_full(ctx, 1, 1), NULL);
        g.w[i] = gan_model_find(m, "w");
        g.o[i] = gan_optimizer_create(m, desc);
    }
    gan_scope_close(ctx);
    return g;
}

// What player 0 and player 1 minimize.
static inline gan_tensor *gm_loss(gm_game *g, int player)
{
    gan_tensor *f = gan_mul(g->w[0], g->w[1]);
    return player ? gan_neg(f) : f;
}

static inline void gm_together(gm_game *g, gan_game kind, double strength)
{
    gan_tensor *loss[2];
    loss[0] = gm_loss(g, 0), loss[1] = gm_loss(g, 1);
    gan_minimize_game(kind, (gan_real)strength, 2, g->o, loss);
}
static inline void gm_in_turn(gm_game *g)
{
    gan_minimize(g->o[0], gm_loss(g, 0));
    gan_minimize(g->o[1], gm_loss(g, 1));
}

// One step of each method; t counts from 0.
static inline void gm_step_simultaneous(gm_game *g, int t)
{
    (void)t;
    gm_together(g, GAN_GAME_SIMULTANEOUS, 0);
}
static inline void gm_step_alternating(gm_game *g, int t)
{
    (void)t;
    gm_in_turn(g);
}
static inline void gm_step_extragradient(gm_game *g, int t)
{
    gan_tensor *loss[2];
    loss[0] = gm_loss(g, 0), loss[1] = gm_loss(g, 1);
    gan_extrapolate_game(GAN_GAME_SIMULTANEOUS, 0, 2, g->o, loss);
    gm_step_simultaneous(g, t);
}
static inline void gm_step_optimistic(gm_game *g, int t) { gm_step_simultaneous(g, t); }
static inline void gm_step_consensus(gm_game *g, int t)
{
    (void)t;
    gm_together(g, GAN_GAME_CONSENSUS, GM_STRENGTH);
}
static inline void gm_step_symplectic(gm_game *g, int t)
{
    (void)t;
    gm_together(g, GAN_GAME_SYMPLECTIC, GM_STRENGTH);
}
static inline void gm_step_negative(gm_game *g, int t) { gm_step_alternating(g, t); }
static inline void gm_step_lookahead(gm_game *g, int t)
{
    int i;
    if (t == 0)
        for (i = 0; i < 2; ++i) gan_lookahead(g->o[i], GM_HALF);
    gm_step_simultaneous(g, t);
    for (i = 0; i < 2 && (t + 1) % GM_EVERY == 0; ++i) gan_lookahead(g->o[i], GM_HALF);
}

// Momentum b in turn: x' = x + b (x - x_) - r y, y' = y + b (y - y_) + r x' has the solutions c^t with
// (c - 1)^2 (c - b)^2 + r^2 c^3 = 0, that is (c - 1) (c - b) = +- i r c^(3/2). With c = s^2 that is s^4 -
// (1 + b) s^2 + b = i r s^3 for one sign and its mirror images for the other; the largest |s|^2, found by
// Newton's method from s = 1, where the largest root starts for r = 0.
static inline double gm_negative(double r)
{
    const double b = -.5;
    double u = 1, v = 0; // s = u + i v
    int i;
    for (i = 0; i < 50; ++i) {
        const double u2 = u * u - v * v, v2 = 2 * u * v;                 // s^2
        const double u3 = u2 * u - v2 * v, v3 = u2 * v + v2 * u;         // s^3
        const double fu = u2 * u2 - v2 * v2 - (1 + b) * u2 + b + r * v3; // f(s)
        const double fv = 2 * u2 * v2 - (1 + b) * v2 - r * u3;
        const double du = 4 * u3 - 2 * (1 + b) * u + 3 * r * v2; // f'(s)
        const double dv = 4 * v3 - 2 * (1 + b) * v - 3 * r * u2;
        const double d = du * du + dv * dv;
        u -= (fu * du + fv * dv) / d;
        v -= (fv * du - fu * dv) / d;
    }
    return u * u + v * v;
}

// |1/2 + (1 + i r)^k / 2| in k steps
static inline double gm_lookahead(double r)
{
    const double size = pow(1 + r * r, GM_EVERY / 2.), angle = GM_EVERY * atan(r);
    return pow(hypot((1 + size * cos(angle)) / 2, size * sin(angle) / 2), 1. / GM_EVERY);
}

typedef struct gm_method {
    const char *name, *label, *source;
    void (*step)(gm_game *g, int t);
} gm_method;

static const gm_method gm_methods[] = {
#define GM_ROW(name, label, source, optimizer, factor) {#name, label, source, gm_step_##name},
    GM_METHODS(GM_ROW)
#undef GM_ROW
};
enum { GM_COUNT = sizeof gm_methods / sizeof gm_methods[0] };

static inline gan_optimizer_desc gm_optimizer(int method, gan_real e)
{
    const gan_optimizer_desc desc[] = {
#define GM_ROW(name, label, source, optimizer, factor) optimizer,
        GM_METHODS(GM_ROW)
#undef GM_ROW
    };
    return desc[method];
}

static inline double gm_factor(int method, double r)
{
    const double factor[] = {
#define GM_ROW(name, label, source, optimizer, factor) factor,
        GM_METHODS(GM_ROW)
#undef GM_ROW
    };
    return factor[method];
}

static inline double gm_distance(const gm_game *g)
{
    return hypot((double)gan_item(g->w[0]), (double)gan_item(g->w[1]));
}

// f(x) = sum_k c_k |x_k - q_k|, c_k = 1 / (k + 1), q_k = +-sqrt(1 + k / 10): convex, not smooth, min f =
// f(q) = 0. Its subgradients are bounded by G = |c|.
enum { GM_SIZE = 10 };

static inline gan_tensor *gm_vector(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), GM_SIZE));
}

static inline gan_tensor *gm_nonsmooth(gan_context *ctx, gan_tensor *x)
{
    gan_tensor *c = gan_zeros(ctx, GM_SIZE), *q = gan_zeros(ctx, GM_SIZE);
    int k;
    for (k = 0; k < GM_SIZE; ++k) {
        gan_data(c)[k] = (gan_real)(1 / (k + 1.));
        gan_data(q)[k] = (gan_real)(sqrt(1 + .1 * k) * (k % 2 ? -1 : 1));
    }
    return gan_sum_all(gan_mul(c, gan_abs(gan_sub(x, q))));
}

// Theorem 6 of the thesis: with constant steps a, after k of them, best f - min f <= (R^2 + G^2 a^2 k) /
// (2 a k), R the distance of the start, 0, from q.
static inline double gm_bound(double a, double k)
{
    double r2 = 0, g2 = 0;
    int i;
    for (i = 0; i < GM_SIZE; ++i) r2 += 1 + .1 * i, g2 += 1 / ((i + 1.) * (i + 1.));
    return (r2 + g2 * a * a * k) / (2 * a * k);
}

#endif
