// Hostile use: every public function with NULL, poison, wrong ranks, absurd counts, NaN, unknown enum values,
// tensors of another context and of an ended scope; and pseudo-random sequences of training, saving, loading
// and sabotage. An error, never a crash, a leak or undefined behaviour, and the context works on afterwards.
// Meant for -fsanitize=address,undefined as much as for plain builds.
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "test.h"

#include "check.h"

#include <limits.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

// ---- an allocator with little memory, so that absurd sizes are refused, and what must come back to it

enum { MOST = 64 << 20 };
typedef struct counter {
    size_t bytes;
    int live, wrong;
} counter;

static void *count_alloc(size_t bytes, void *user)
{
    counter *c = (counter *)user;
    void *p = bytes <= MOST && c->bytes + bytes <= MOST ? malloc(bytes) : NULL;
    if (p) c->bytes += bytes, c->live++;
    return p;
}
static void count_release(void *p, size_t bytes, void *user)
{
    counter *c = (counter *)user;
    if (p && c->bytes >= bytes) c->bytes -= bytes, c->live--;
    else c->wrong++;
    free(p);
}
static gan_context *create(counter *c, uint64_t seed)
{
    gan_desc d;
    gan_context *ctx;
    memset(&d, 0, sizeof d);
    memset(c, 0, sizeof *c);
    d.allocator.alloc = count_alloc;
    d.allocator.release = count_release;
    d.allocator.user = c;
    d.threads = 1;
    d.seed = seed;
    ctx = gan_create(&d);
    if (ctx) ctx->patience = 0;
    return ctx;
}
static void destroy(gan_context *ctx, const counter *c)
{
    gan_destroy(ctx);
    CHECK(c->live == 0 && c->wrong == 0 && c->bytes == 0, "%d blocks left, %d wrong", c->live, c->wrong);
}

// An error has a message of printable letters; once it is forgotten the context works.
static int settle(gan_context *ctx, const char *after)
{
    const int code = gan_error(ctx);
    const char *text = gan_error_message(ctx);
    size_t i;
    if (code) {
        if (getenv("HOSTILE_TRACE")) fprintf(stderr, "%s: %s\n", after, gan_error_message(ctx));
        CHECK(code > 0 && code <= GAN_ERROR_UNSUPPORTED && *text, "%s: error %d without a message", after,
              code);
        for (i = 0; text[i]; ++i)
            if (text[i] < 32 || text[i] > 126) CHECK(0, "%s: character %d in the message", after, text[i]);
        gan_error_clear(ctx);
    }
    gan_scope_open(ctx);
    CHECK(gan_item(gan_add(gan_full(ctx, 1, 1, 2), gan_full(ctx, 2, 1, 2))) == 3 && !gan_error(ctx),
          "%s: not usable afterwards: %s", after, gan_error_message(ctx));
    gan_scope_close(ctx);
    gan_error_clear(ctx);
    return code;
}

// ---- hostile arguments

static gan_tensor *identity(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m, (void)label;
    return x;
}
static gan_tensor *dense(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", gan_flatten(x), 3);
}
static gan_tensor *returns_null(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m, (void)x, (void)label;
    return NULL;
}
static gan_tensor *calls_itself(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    int *depth = (int *)gan_model_user(m);
    return ++*depth < 3 ? gan_forward(m, x, label) : x;
}

static gan_context *ctx, *other;
static gan_tensor *dead;     // when set, every tensor argument is this one, which has ended
static gan_tensor *pool[40]; // tensors of every kind
static gan_model *models[6];
static gan_optimizer *optimizers[4];
static gan_dataset *datasets[4];
static gan_pool *pools[2];
static int depth, made, names;

#define PICK(array) array[test_int(0, (int)COUNT(array) - 1)]

static gan_tensor *T(void) { return dead ? dead : PICK(pool); }
static gan_model *M(void) { return PICK(models); }
static gan_optimizer *O(void) { return PICK(optimizers); }
static gan_dataset *S(void) { return PICK(datasets); }
static int I(void)
{
    static const int v[] = {0, -1, 1, 1, 2, 2, 3, 4, 7, 300, INT_MAX, INT_MIN, -INT_MAX, INT_MAX / 2, -4};
    return PICK(v);
}
static int C(void) // counts of work: absurd ones would be honest work without end
{
    static const int v[] = {0, -1, 1, 2, 3, INT_MIN};
    return PICK(v);
}
static gan_real R(void)
{
    static const double v[] = {0, -1, 1, .5, 2, 1e-30, 1e30, -1e30, .1, .9, 1e-7, 5, 0, 0, 0};
    const int special = test_int(0, 5);
    return (gan_real)(special > 1 ? PICK(v) : special ? NAN : test_int(0, 1) ? INFINITY : -INFINITY);
}
static const char *N(void) // names: mostly new ones, so that layers get made
{
    static char name[40];
    static const char *const odd[] = {NULL, "", "fc", "a.b", "..", "/\\\"\n", "fc.weight", "x"};
    if (test_int(0, 2) == 0) return PICK(odd);
    snprintf(name, sizeof name, "n%d", names++ % 4000);
    return name;
}
// Bytes of a description: zeros with a few hostile numbers in their places.
static void spoil_ints(int *v, size_t n)
{
    size_t i;
    for (i = 0; i < n; ++i)
        if (test_int(0, 2) == 0) v[i] = I();
}
static gan_conv2d_desc *CONV(void)
{
    static gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = test_int(0, 4), d.kernel[0] = test_int(0, 3);
    if (test_int(0, 1)) spoil_ints((int *)(void *)&d, sizeof d / sizeof(int));
    return test_int(0, 9) ? &d : NULL;
}
static gan_upfirdn2d_desc *FIR(void)
{
    static gan_upfirdn2d_desc d;
    memset(&d, 0, sizeof d);
    spoil_ints(d.up, 2), spoil_ints(d.down, 2), spoil_ints(d.padding, 4);
    d.gain = R();
    return test_int(0, 9) ? &d : NULL;
}
static gan_modulated_conv2d_desc *MOD(void)
{
    static gan_modulated_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = 2, d.kernel = 3, d.demodulate = 1;
    if (test_int(0, 1)) spoil_ints((int *)(void *)&d, sizeof d / sizeof(int));
    return test_int(0, 9) ? &d : NULL;
}
static gan_residual_desc *RES(void)
{
    static gan_residual_desc d;
    static gan_norm_layer *const norms[] = {NULL, gan_batch_norm, gan_instance_norm, gan_layer_norm};
    memset(&d, 0, sizeof d);
    d.out_channels = I(), d.up = I(), d.down = I(), d.norm = PICK(norms), d.classes = I(), d.slope = R();
    if (test_int(0, 1)) d.out_channels = d.up = d.down = 0;
    if (test_int(0, 1)) d.condition = T();
    d.raw = test_int(0, 1);
    return test_int(0, 9) ? &d : NULL;
}
static gan_loss_desc *LOSS(void)
{
    static gan_loss_desc d;
    int i;
    memset(&d, 0, sizeof d);
    d.kind = (gan_loss)(test_int(0, 9) ? test_int(0, GAN_LOSS_COUNT) : I());
    d.pairing = (gan_pairing)(test_int(0, 9) ? test_int(0, 2) : I());
    d.saturating = test_int(0, 1);
    if (test_int(0, 2) == 0) d.smoothing = R(), d.fake_smoothing = R();
    if (test_int(0, 2) == 0) d.parameter = R();
    for (i = 0; i < 4 && test_int(0, 3) == 0; ++i) d.state[i] = R();
    return test_int(0, 19) ? &d : NULL;
}
static gan_penalty_desc PENALTY(void)
{
    gan_penalty_desc d;
    memset(&d, 0, sizeof d);
    d.kind = (gan_penalty_kind)(test_int(0, 9) ? test_int(0, GAN_PENALTY_COUNT) : I());
    if (test_int(0, 2) == 0) d.weight = R();
    if (test_int(0, 2) == 0) d.target = R();
    if (test_int(0, 2) == 0) d.parameter = R();
    if (test_int(0, 2) == 0) d.every = I();
    return d;
}
static gan_tensor *penalty_ex(void)
{
    gan_penalty_desc d = PENALTY();
    gan_penalty_in in;
    memset(&in, 0, sizeof in);
    in.d = M(), in.g = M(), in.real = T(), in.fake = T(), in.label = T(), in.real_out = T();
    in.fake_out = T(), in.real_aug = T(), in.fake_aug = T(), in.z = T(), in.step = I();
    return gan_penalty_ex(test_int(0, 19) ? &d : NULL, test_int(0, 19) ? &in : NULL);
}
static gan_augment_desc *AUG(void)
{
    static gan_augment_desc d;
    memset(&d, 0, sizeof d);
    d.policy =
        test_int(0, 3) ? (unsigned)test_int(0, 1 << 30) & ((1u << GAN_AUGMENT_COUNT) - 1) : (unsigned)I();
    d.p = test_int(0, 2) ? (gan_real).5 : R();
    if (test_int(0, 2) == 0) d.strength = R();
    return test_int(0, 9) ? &d : NULL;
}
static gan_latent_desc *LAT(void)
{
    static gan_latent_desc d;
    memset(&d, 0, sizeof d);
    d.steps = C();
    if (test_int(0, 1)) d.alpha = R(), d.beta = R(), d.share = R(), d.bound = R();
    return test_int(0, 9) ? &d : NULL;
}
static gan_optimizer_desc OPT(void)
{
    gan_optimizer_desc d = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9);
    int i;
    gan_real *const field[] = {
        &d.lr,  &d.weight_decay, &d.momentum, &d.dampening,      &d.beta1,      &d.beta2,    &d.alpha,
        &d.eps, &d.lr_decay,     &d.initial,  &d.momentum_decay, &d.clip_value, &d.clip_norm};
    d.kind = (gan_optimizer_kind)(test_int(0, 9) ? test_int(0, GAN_OPTIMIZER_COUNT) : I());
    d.step_rule = (gan_step_rule)(test_int(0, 9) ? 0 : I());
    for (i = 0; i < (int)COUNT(field); ++i)
        if (test_int(0, 9) == 0) *field[i] = R();
    return d;
}
static gan_schedule SCHED(void)
{
    static const int64_t v[] = {0, 1, -1, 5, INT64_MAX, INT64_MIN, 1000};
    gan_schedule s;
    s.kind = (gan_schedule_kind)(test_int(0, 9) ? test_int(0, GAN_SCHEDULE_COUNT) : I());
    s.start = PICK(v), s.steps = PICK(v), s.every = PICK(v), s.end = R(), s.factor = R();
    return s;
}
static void schedules(void)
{
    static const int64_t v[] = {0, 1, -1, 5, INT64_MAX, INT64_MIN, 1000};
    gan_schedule s = SCHED();
    gan_plateau p;
    memset(&p, 0, sizeof p);
    p.seen = test_int(-1, 3), p.bad = I(), p.drops = I(), p.best = R();
    (void)gan_schedule_at(&s, R(), PICK(v));
    (void)gan_schedule_at(NULL, R(), PICK(v));
    (void)gan_plateau_step(test_int(0, 9) ? &p : NULL, test_int(0, 9) ? &s : NULL, R());
    s = gan_schedule_linear(PICK(v), PICK(v), R());
    (void)gan_schedule_at(&s, R(), PICK(v));
    s = gan_schedule_step(PICK(v), R());
    (void)gan_schedule_at(&s, R(), PICK(v));
    s = gan_schedule_warm_up(PICK(v));
    (void)gan_schedule_at(&s, R(), PICK(v));
}
static gan_tensor *lists(void)
{
    gan_tensor *a[2], *b[2], *none[2] = {NULL, NULL};
    a[0] = T(), a[1] = T(), b[0] = T(), b[1] = T();
    (void)gan_grads(T(), test_int(-1, 2), a, none, test_int(0, 1));
    (void)gan_grads(T(), 1, NULL, none, 0);
    (void)gan_grads(T(), 1, a, NULL, 0);
    (void)gan_feature_matching_layers(C() > 2 ? 2 : test_int(-1, 2), NULL, b);
    return gan_feature_matching_layers(test_int(-1, 2), a, b);
}
static void games(void)
{
    gan_optimizer *o[2];
    gan_tensor *l[2];
    gan_game kind = (gan_game)(test_int(0, 9) ? test_int(0, GAN_GAME_COUNT) : I());
    o[0] = O(), o[1] = O();
    l[0] = test_int(0, 2) ? gan_mean_all(gan_square(gan_forward(models[1], T(), NULL))) : T();
    l[1] = test_int(0, 2) ? gan_mean_all(gan_forward(models[1], T(), NULL)) : T();
    if (test_int(0, 1))
        gan_minimize_game(kind, R(), test_int(-1, 2), test_int(0, 9) ? o : NULL, test_int(0, 9) ? l : NULL);
    else gan_extrapolate_game(kind, R(), test_int(-1, 2), o, l);
}
static gan_tensor *good_loss(void)
{
    return test_int(0, 1) ? gan_mean_all(gan_square(gan_forward(models[1], pool[8], NULL))) : T();
}
static void losses_control(void)
{
    gan_loss_desc *d = LOSS();
    int i;
    for (i = 0; i < 5; ++i) gan_loss_control(d, R(), R());
    (void)gan_loss_needs_real(d);
    (void)gan_loss_d_ex(d, T(), T());
}
static void spare(gan_optimizer *o) { optimizers[test_int(1, 3)] = o; }
static gan_real sigma[3] = {1, 2, (gan_real)NAN};

// X(call): every public function that takes what may be wrong.
// clang-format off
#define CALLS_TENSOR(X)                                                                                      \
    X(gan_add(T(), T())) X(gan_sub(T(), T())) X(gan_mul(T(), T())) X(gan_div(T(), T())) X(gan_pow(T(), T())) \
    X(gan_maximum(T(), T())) X(gan_minimum(T(), T())) X(gan_affine(T(), R(), R())) X(gan_exp(T()))           \
    X(gan_elu(T(), R())) X(gan_selu(T())) X(gan_gelu(T())) X(gan_clamp(T(), R(), R()))                       \
    X(gan_leaky_relu(T(), R())) X(gan_where(T(), T(), T())) X(gan_addcmul(T(), T(), T()))                    \
    X(gan_lt(T(), T())) X(gan_ne(T(), T())) X(gan_reshape(T(), test_int(-1, 9), I(), I(), I(), I(), I(),     \
        I(), I(), I(), I())) X(gan_flatten(T()))                                                             \
    X(gan_expand(T(), test_int(-1, 9), C(), C(), C(), C(), C(), C(), C(), C(), C()))                         \
    X(gan_expand_as(T(), T())) X(gan_permute(T(), test_int(-1, 9), I(), I(), I(), I(), I(), I(), I(), I(),   \
        I())) X(gan_transpose(T(), I(), I())) X(gan_slice(T(), I(), I(), I()))                               \
    X(gan_pad(T(), I(), I(), I(), R())) X(gan_concat(I() & 3, 2, T(), T())) X(gan_stack(C(), 2, T(), T()))   \
    X(gan_concat(I(), 0)) X(gan_take(T(), T())) X(gan_put(T(), T(), I())) X(gan_gather(T(), T()))            \
    X(gan_pixel_shuffle(T(), I())) X(gan_pixel_unshuffle(T(), I())) X(gan_sum(T(), (unsigned)I(), I()))      \
    X(gan_mean(T(), (unsigned)I(), I())) X(gan_var(T(), (unsigned)I(), I())) X(gan_amax(T(), I(), I()))      \
    X(gan_argmax(T(), I(), I())) X(gan_norm(T(), (unsigned)I(), I())) X(gan_logsumexp(T(), I(), I()))        \
    X(gan_norm_per_sample(T())) X(gan_matmul(T(), T())) X(gan_matmul_t(T(), I(), T(), I()))                  \
    X(gan_f_linear(T(), T(), T())) X(gan_f_conv2d(T(), T(), T(), CONV()))                                    \
    X(gan_f_conv_transpose2d(T(), T(), T(), CONV())) X(gan_max_pool2d(T(), I(), I()))                        \
    X(gan_avg_pool2d(T(), I(), I())) X(gan_upsample(T(), I(), (gan_upsample_mode)I()))                       \
    X(gan_affine_sample(T(), T(), (gan_border)I())) X(gan_normalize(T(), I(), I(), I(), R()))                \
    X(gan_pow_scalar(T(), R())) X(gan_lerp(T(), T(), T())) X(gan_softmax(T(), I()))                          \
    X(gan_log_softmax(T(), I())) X(gan_mse_loss(T(), T())) X(gan_bce_with_logits(T(), T()))                  \
    X(gan_grad(T(), T(), test_int(0, 1))) X(gan_grad(gan_sum_all(T()), T(), 1)) X(gan_keep(ctx, N(), T()))   \
    X(gan_forward(M(), T(), T())) X(gan_linear(M(), N(), T(), I()))                                          \
    X(gan_linear_no_bias(M(), N(), T(), I()))                                                                \
    X(gan_weight(M(), N(), gan_init_orthogonal(R()), test_int(-1, 3), C(), C(), C()))                        \
    X(gan_param(M(), N(), gan_init_uniform(R(), R()), test_int(-1, 3), I(), C(), C()))                       \
    X(gan_buffer(M(), N(), R(), test_int(-1, 3), I(), C(), C()))                                             \
    X(gan_conv2d(M(), N(), T(), I(), I(), I(), I())) X(gan_conv2d_ex(M(), N(), T(), CONV()))                 \
    X(gan_conv_transpose2d(M(), N(), T(), I(), I(), I(), I()))                                               \
    X(gan_conv_transpose2d_ex(M(), N(), T(), CONV())) X(gan_batch_norm(M(), N(), T()))                       \
    X(gan_layer_norm(M(), N(), T())) X(gan_instance_norm(M(), N(), T()))                                     \
    X(gan_group_norm(M(), N(), T(), I()))                                                                    \
    X(gan_embedding(M(), N(), T(), I(), I())) X(gan_dropout(M(), T(), R()))                                  \
    X(gan_dropout_always(M(), T(), R())) X(gan_local_response_norm(T(), I(), R(), R(), R()))                 \
    X(gan_pixel_norm(T())) X(gan_reference_batch(M(), N(), T(), I()))                                        \
    X(gan_virtual_batch_norm(M(), N(), T(), I())) X(gan_conditional_batch_norm(M(), N(), T(), T(), I()))     \
    X(gan_adain(M(), N(), T(), T())) X(gan_adain_features(T(), T())) X(gan_spade(M(), N(), T(), T(), I()))   \
    X(gan_reflection_pad2d(T(), I(), I(), I(), I())) X(gan_replication_pad2d(T(), I(), I(), I(), I()))       \
    X(gan_reflection_pad2d(T(), 1, 0, 1, 2)) X(gan_replication_pad2d(T(), 1, 2, 0, 1))                       \
    X(gan_depth_to_space(T(), I())) X(gan_space_to_depth(T(), I())) X(gan_binomial_filter(ctx, I()))         \
    X(gan_upfirdn2d(T(), T(), FIR())) X(gan_upfirdn2d(T(), gan_binomial_filter(ctx, 3), FIR()))              \
    X(gan_fir_upsample2d(T(), I(), I())) X(gan_fir_downsample2d(T(), I(), I())) X(gan_blur(T(), I()))        \
    X(gan_blur_pool2d(T(), I(), I())) X(gan_modulated_conv2d(M(), N(), T(), T(), MOD()))                     \
    X(gan_noise_injection(M(), N(), T(), I())) X(gan_constant_input(M(), N(), T(), I(), I(), I()))           \
    X(gan_basis_input(M(), N(), T(), I(), I(), I())) X(gan_mapping_network(M(), N(), T(), I(), C(), R()))    \
    X(gan_style_mixing(M(), T(), T(), I(), R())) X(gan_layer_style(T(), I()))                                \
    X(gan_truncation(M(), N(), T(), R(), I())) X(gan_self_attention(M(), N(), T()))                          \
    X(gan_squeeze_excitation(M(), N(), T(), I())) X(gan_gated_conv2d(M(), N(), T(), CONV(), NULL))           \
    X(gan_gated_conv_transpose2d(M(), N(), T(), CONV(), gan_relu)) X(gan_maxout(M(), N(), T(), I(), I()))    \
    X(gan_prelu(M(), N(), T(), I())) X(gan_residual_block(M(), N(), T(), RES()))                             \
    X(gan_residual_bottleneck(M(), N(), T(), I(), I(), I())) X(gan_unet(M(), N(), T(), I(), I(), I()))       \
    X(gan_unet(M(), N(), T(), 1, 2, 1)) X(gan_minibatch_stddev(T(), I()))                                    \
    X(gan_minibatch_discrimination(M(), N(), T(), I(), I()))                                                 \
    X(gan_minibatch_discrimination(M(), N(), T(), 2, 2))                                                     \
    X(gan_loss_d((gan_loss)test_int(-1, GAN_LOSS_COUNT), T(), T(), R()))                                     \
    X(gan_loss_g((gan_loss)test_int(-1, GAN_LOSS_COUNT), T())) X(gan_loss_d_ex(LOSS(), T(), T()))            \
    X(gan_loss_g_ex(LOSS(), T(), T())) X(gan_mmd_rbf(T(), T(), test_int(-1, 3), sigma))                      \
    X(gan_mmd_rbf(T(), T(), I(), NULL)) X(gan_mmd_rational_quadratic(T(), T(), test_int(-1, 3), sigma))      \
    X(gan_energy_distance(T(), T())) X(gan_sinkhorn(T(), T(), R(), C()))                                     \
    X(gan_reconstruction_error(T(), T()))                                                                    \
    X(gan_pull_away(T())) X(gan_cross_entropy(T(), T())) X(gan_cross_entropy_smooth(T(), T(), R()))          \
    X(gan_nll_loss(T(), T())) X(gan_l1_loss(T(), T())) X(gan_smooth_l1_loss(T(), T(), R()))                  \
    X(gan_huber_loss(T(), T(), R())) X(gan_multi_margin_loss(T(), T(), R())) X(gan_crammer_singer(T(), T())) \
    X(gan_ac_gan_d(T(), T(), T(), T())) X(gan_ac_gan_g(T(), T())) X(gan_tac_gan_d(T(), T(), T(), T()))       \
    X(gan_tac_gan_g(T(), T(), T())) X(gan_adc_gan_d(T(), T(), T(), T())) X(gan_adc_gan_g(T(), T()))          \
    X(gan_multi_hinge_d(T(), T(), T())) X(gan_multi_hinge_g(T(), T()))                                       \
    X(gan_semi_supervised(T(), T(), T(), T())) X(gan_semi_supervised_logit(T()))                             \
    X(gan_projection(M(), N(), T(), T(), I())) X(gan_contrastive_2c(T(), T(), T(), R()))                     \
    X(gan_d2d_ce(T(), T(), T(), R(), R())) X(gan_gaussian_nll(T(), T(), T()))                                \
    X(gan_info_gan(T(), T(), T(), T(), T())) X(gan_rotations(T())) X(gan_rotation_loss(T()))                 \
    X(gan_info_nce(T(), T(), R())) X(gan_n_pair(T(), T(), R())) X(gan_nt_xent(T(), T(), R()))                \
    X(gan_feature_matching(T(), T())) X(gan_feature_matching_l1(T(), T())) X(lists())                        \
    X(gan_cycle_loss(T(), T(), T(), T())) X(gan_identity_loss(T(), T(), T(), T()))                           \
    X(gan_total_variation(T()))                                                                              \
    X(gan_total_variation_squared(T())) X(gan_gram_matrix(T())) X(gan_style_loss(T(), T()))                  \
    X(gan_content_loss(T(), T())) X(gan_ssim(T(), T(), R())) X(gan_dssim(T(), T(), R()))                     \
    X(gan_kl_normal(T(), T())) X(gan_gradient_reversal(T(), R())) X(penalty_ex())                            \
    X(gan_penalty((gan_penalty_kind)test_int(-1, GAN_PENALTY_COUNT), R(), M(), T(), T(), T()))               \
    X(gan_augment(T(), AUG())) X(gan_instance_noise(T(), R())) X(gan_pool_query(PICK(pools), T(), R()))      \
    X(gan_latent_optimize(M(), M(), T(), T(), LAT())) X(gan_latent_langevin(M(), M(), T(), T(), C(), R()))
// without a tensor to give back; those in the first part take one
#define CALLS_OTHER(X)                                                                                       \
    X(losses_control()) X(schedules())                                                                       \
    X((void)gan_pool_create(ctx, N(), I())) X((void)gan_penalty_player((gan_penalty_kind)I()))               \
    X((void)gan_penalty_needs((gan_penalty_kind)I())) X((void)gan_penalty_name((gan_penalty_kind)I()))       \
    X(gan_penalty_after((gan_penalty_kind)test_int(-1, GAN_PENALTY_COUNT), R(), M()))                        \
    X((void)gan_augment_name((unsigned)I())) X((void)gan_loss_name((gan_loss)I()))                           \
    X((void)gan_loss_critic((gan_loss)I())) X((void)gan_loss_is_probability((gan_loss)I()))                  \
    X((void)gan_objective_name((gan_objective)I())) X((void)gan_optimizer_name((gan_optimizer_kind)I()))     \
    X((void)gan_schedule_name((gan_schedule_kind)I())) X((void)gan_game_name((gan_game)I()))                 \
    X((void)gan_parametrization_name((gan_parametrization)I())) X((void)gan_gradient_reversal_alpha(R()))    \
    X((void)gan_augment_adapt(R(), R(), R(), I(), I(), R())) X(spare(gan_optimizer_create(M(), OPT())))      \
    X((void)gan_minimize(O(), good_loss())) X((void)gan_accumulate(O(), good_loss()))                        \
    X((void)gan_extrapolate(O(), good_loss())) X(gan_lookahead(O(), R())) X((void)gan_optimizer_best(O()))   \
    X((void)gan_optimizer_norm(O()))                                                                         \
    X(gan_optimizer_set(O(), (gan_hyper)test_int(-1, GAN_HYPER_COUNT), R()))                                 \
    X((void)gan_optimizer_get(O(), (gan_hyper)I())) X(gan_optimizer_lr(O(), R())) X(games())                 \
    X(gan_model_freeze(M(), N(), I())) X(gan_model_mode(M(), (gan_mode)I()))                                 \
    X(gan_model_parametrize(M(), N(), (gan_parametrization)test_int(-1, GAN_PARAMETRIZATION_COUNT),          \
                            R(), R()))                                                                       \
    X((void)gan_model_name(M(), I())) X((void)gan_model_tensor(M(), I())) X((void)gan_model_find(M(), N()))  \
    X((void)gan_dataset_batch(S(), I(), NULL)) X((void)gan_dim(T(), I())) X((void)gan_read(T(), NULL, 3))    \
    X((void)gan_image_write_bytes(ctx, NULL, I(), I(), I(), "nowhere/at/all.ppm"))                           \
    X((void)gan_image_write(T(), I(), "nowhere/at/all.pgm")) X((void)gan_idx_write(T(), NULL))               \
    X((void)gan_load_memory(ctx, "0123456789abcdef", (size_t)test_int(0, 16))) X((void)gan_load(ctx, NULL))  \
    X((void)gan_save(ctx, NULL)) X((void)gan_zeros(ctx, test_int(-1, 9), I(), I(), I(), I(), I(), I(), I(),  \
        I(), I())) X((void)gan_linspace(ctx, R(), R(), I())) X((void)gan_tensor_create(ctx, I(), NULL))      \
    X((void)gan_dataset_memory(ctx, sigma, NULL, test_int(-1, 3), test_int(-1, 1), 1, 1))                    \
    X((void)gan_dataset_toy(ctx, (gan_toy)I()))
// clang-format on

static const char *const call_names[] = {
#define X(call) #call,
    CALLS_TENSOR(X) CALLS_OTHER(X)
#undef X
};

// Call number `which`; its tensor, or NULL.
static gan_tensor *call(int which)
{
    int i = 0;
#define X(expression)                                                                                        \
    if (which == i++) return expression;
    CALLS_TENSOR(X)
#undef X
#define X(expression)                                                                                        \
    if (which == i++) {                                                                                      \
        expression;                                                                                          \
        return NULL;                                                                                         \
    }
    CALLS_OTHER(X)
#undef X
    return NULL;
}

static void fill(gan_tensor *t, double lo, double hi)
{
    size_t i;
    for (i = 0; i < gan_numel(t) && gan_data(t); ++i) gan_data(t)[i] = (gan_real)test_uniform(lo, hi);
}

// A fresh set of tensors, in a scope that is open.
static void tensors(void)
{
    static const int shape[][5] = {{0},
                                   {1, 1},
                                   {1, 4},
                                   {2, 4, 3},
                                   {2, 1, 1},
                                   {2, 4, 4},
                                   {3, 2, 3, 4},
                                   {3, 4, 2, 3},
                                   {2, 4, 6},
                                   {4, 4, 2, 4, 4},
                                   {4, 1, 3, 2, 2},
                                   {4, 4, 4, 6, 6},
                                   {4, 2, 4, 8, 8},
                                   {4, 4, 1, 16, 16},
                                   {2, 4, 2},
                                   {2, 4, 1}};
    size_t i, n = COUNT(shape);
    for (i = 0; i < COUNT(pool); ++i) pool[i] = NULL;
    for (i = 0; i < n; ++i) {
        pool[i] = gan_tensor_create(ctx, shape[i][0], shape[i] + 1);
        fill(pool[i], -2, 2);
    }
    for (i = 0; i < 4; ++i) { // labels
        gan_tensor *t = pool[n + i] = gan_zeros(ctx, 1, 4);
        int k;
        for (k = 0; k < 4 && gan_data(t); ++k)
            gan_data(t)[k] = (gan_real)(i == 0 ? k % 2 : i == 1 ? k % 3 : i == 2 ? k + 5 : k - 1);
    }
    n += 4;
    pool[n++] = gan_full(ctx, (gan_real)NAN, 2, 4, 3);
    pool[n++] = gan_full(ctx, (gan_real)INFINITY, 1, 4);
    pool[n++] = gan_full(ctx, (gan_real)1e30, 4, 4, 2, 4, 4);
    pool[n++] = gan_full(ctx, (gan_real)-1e30, 2, 4, 3);
    pool[n++] = gan_full(other, 1, 2, 4, 3);
    pool[n++] = gan_full(other, 1, 1, 4);
    pool[n++] = gan_full(other, 1, 4, 4, 2, 4, 4);
    pool[n++] = ctx->poison;
    pool[n++] = other->poison;
    pool[n++] = NULL;
    while (n < COUNT(pool)) pool[n] = pool[test_int(0, 15)], n++;
}

static void begin(counter *a, counter *b, uint64_t seed)
{
    gan_real data[24];
    int i;
    ctx = create(a, seed);
    other = create(b, 1);
    depth = names = 0;
    dead = NULL;
    memset(models, 0, sizeof models);
    memset(optimizers, 0, sizeof optimizers);
    memset(datasets, 0, sizeof datasets);
    models[0] = gan_model_create(ctx, "identity", identity, NULL);
    models[1] = gan_model_create(ctx, "dense", dense, NULL);
    models[2] = gan_model_create(ctx, "null", returns_null, NULL);
    models[3] = gan_model_create(ctx, "self", calls_itself, &depth);
    models[4] = gan_model_create(other, "other", dense, NULL);
    optimizers[0] = gan_optimizer_create(models[1], gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9));
    for (i = 0; i < 24; ++i) data[i] = (gan_real)i;
    datasets[0] = gan_dataset_toy(ctx, GAN_TOY_RING);
    datasets[1] = gan_dataset_memory(ctx, data, data, 4, 1, 3);
    datasets[2] = gan_dataset_toy(other, GAN_TOY_GRID);
    pools[0] = gan_pool_create(ctx, "p", 3);
    pools[1] = NULL;
}

static void every_call(void)
{
    const int n = (int)COUNT(call_names), rounds = 40;
    int seed, i, j, failed = 0;
    for (seed = 1; seed <= 3; ++seed)
        TESTF ("every function with hostile arguments, in any order, seed %d", seed) {
            counter a, b;
            test.random += (uint64_t)seed * 77;
            begin(&a, &b, (uint64_t)seed);
            for (i = 0; i < rounds; ++i) {
                gan_scope_open(ctx);
                gan_scope_open(other);
                tensors();
                (void)gan_record(ctx, test_int(0, 9) > 0);
                for (j = 0; j < n; ++j, ++made) {
                    const int which = test_int(0, n - 1);
                    const clock_t from = clock();
                    gan_tensor *t;
                    if (getenv("HOSTILE_TRACE")) fprintf(stderr, "%d %d %s\n", i, j, call_names[which]);
                    depth = 0;
                    t = call(which);
                    if (t && gan_numel(t) < 5000) pool[test_int(0, (int)COUNT(pool) - 1)] = t;
                    if (getenv("HOSTILE_TRACE") && clock() - from > CLOCKS_PER_SEC / 20)
                        fprintf(stderr, "%.2f s %s\n", (double)(clock() - from) / CLOCKS_PER_SEC,
                                call_names[which]);
                    CHECK((double)(clock() - from) / CLOCKS_PER_SEC < 2, "%s takes long", call_names[which]);
                    failed += settle(ctx, call_names[which]) != 0;
                    gan_error_clear(other);
                }
                (void)gan_record(ctx, 1);
                gan_scope_close(other);
                gan_scope_close(ctx);
                settle(ctx, "a closed scope");
            }
            destroy(ctx, &a);
            destroy(other, &b);
        }
    printf("%d hostile calls, %d errors\n", made, failed);
}

static void ended(void)
{
    TEST ("every function with a tensor whose scope has ended: an error, no crash") {
        const int n = (int)COUNT(call_names);
        counter a, b;
        int i, k, refused = 0;
        begin(&a, &b, 5);
        for (k = 0; k < 6; ++k)
            for (i = 0; i < n; ++i) {
                gan_scope_open(ctx);
                gan_scope_open(other);
                tensors();
                dead = pool[3 + k * 2];
                gan_scope_close(other);
                gan_scope_close(ctx);
                if (getenv("HOSTILE_TRACE")) fprintf(stderr, "dead %d %s\n", k, call_names[i]);
                depth = 0;
                (void)call(i);
                refused += settle(ctx, call_names[i]) != 0;
                gan_error_clear(other);
            }
        CHECK(refused > 4 * n, "only %d of %d were refused", refused, 6 * n);
        dead = NULL;
        destroy(ctx, &a);
        destroy(other, &b);
    }
}

// ---- sequences: training, sampling, saving, loading and sabotage in any order

static gan_tensor *small_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *h = label ? gan_concat(1, 2, z, gan_embedding(m, "class", label, 3, 2)) : z;
    h = gan_relu(gan_batch_norm(m, "bn", gan_linear(m, "in", h, 32)));
    h = gan_noise_injection(m, "noise", gan_reshape(h, 4, -1, 2, 4, 4), 0);
    return gan_tanh(gan_conv2d(m, "out", h, 1, 3, 1, 1));
}
static gan_tensor *small_critic(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *h = gan_leaky_relu(gan_conv2d(m, "in", x, 3, 3, 2, 1), (gan_real).2);
    (void)label;
    h = gan_minibatch_discrimination(m, "mb", gan_dropout(m, gan_flatten(h), (gan_real).1), 2, 2);
    return gan_linear(m, "out", h, 2);
}
static gan_real hostile_metric(gan_trainer *t, void *user)
{
    (void)user;
    if (test_int(0, 9) == 0) return R();
    return gan_item(gan_mean_all(gan_square(gan_trainer_sample(t, 3))));
}
static int hostile_progress(const gan_trainer_stats *stats, void *user)
{
    (void)stats, (void)user;
    return test_int(0, 5) == 0;
}
static gan_tensor *hostile_term(const gan_penalty_in *in, void *user)
{
    (void)user;
    if (test_int(0, 7) == 0) return test_int(0, 1) ? NULL : in->fake;
    return gan_mean_all(gan_square(in->fake_out));
}
static gan_tensor *hostile_latents(gan_context *c, int n, gan_tensor *label, void *user)
{
    (void)label, (void)user;
    if (test_int(0, 9) == 0) return test_int(0, 1) ? NULL : gan_zeros(c, 2, n + 1, 6);
    return gan_rand_normal(c, 2, n, 6);
}

// A description with every field on now and then; hostile: some are absurd.
static gan_trainer_desc description(int hostile)
{
    gan_trainer_desc d;
    int i;
    memset(&d, 0, sizeof d);
#define SOMETIMES (test_int(0, 3) == 0)
#define ABSURD (hostile && test_int(0, 14) == 0)
#define REAL(field, value)                                                                                   \
    if (SOMETIMES) d.field = ABSURD ? R() : (gan_real)(value)
#define WHOLE(field, value)                                                                                  \
    if (SOMETIMES) d.field = ABSURD ? I() : (value)
    d.batch = 6, d.latent = 6, d.d_logits = ABSURD ? I() : test_int(0, 2);
    d.loss = (gan_loss)test_int(0, GAN_LOSS_COUNT - !hostile);
    d.pairing = (gan_pairing)test_int(0, 2 + hostile);
    WHOLE(saturating, 1);
    REAL(loss_parameter, .5);
    REAL(label_smoothing, .1);
    REAL(fake_smoothing, .1);
    for (i = 0; i < GAN_MAX_PENALTIES; ++i) {
        if (SOMETIMES) d.penalty[i] = PENALTY();
        if (!hostile || test_int(0, 3)) {
            memset(&d.penalty[i], 0, sizeof d.penalty[i]);
            d.penalty[i].kind = (gan_penalty_kind)(SOMETIMES ? test_int(0, GAN_PENALTY_COUNT - 1) : 0);
            d.penalty[i].every = test_int(0, 3);
        }
    }
    if (SOMETIMES) d.d_term = hostile_term;
    if (SOMETIMES) d.g_term = hostile_term;
    if (SOMETIMES) d.latents = hostile_latents;
    if (SOMETIMES) d.metric = hostile_metric;
    if (SOMETIMES) d.progress = hostile_progress;
    if (SOMETIMES) d.best_path = "out/test/hostile_best.safetensors";
    if (test_int(0, 1)) d.g_optimizer = OPT(), d.d_optimizer = OPT();
    if (!hostile) {
        d.g_optimizer = d.d_optimizer = gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9);
        d.g_optimizer.kind = (gan_optimizer_kind)test_int(0, GAN_OPTIMIZER_COUNT - 1);
        d.d_optimizer.kind = (gan_optimizer_kind)test_int(0, GAN_OPTIMIZER_COUNT - 1);
    }
    d.prior = (gan_prior)test_int(0, 1 + hostile);
    d.game = (gan_game)test_int(0, GAN_GAME_COUNT - !hostile);
    REAL(game_strength, .1);
    d.d_steps = d.accumulate = 0;
    if (SOMETIMES) d.d_steps = C();
    if (SOMETIMES) d.accumulate = C();
    if (SOMETIMES) d.unroll = C();
    WHOLE(simultaneous, 1);
    WHOLE(extragradient, 1);
    WHOLE(lookahead, 2);
    REAL(lookahead_alpha, .5);
    for (i = 0; i < GAN_MAX_SCHEDULES; ++i)
        if (SOMETIMES) {
            d.schedule[i].what = (gan_scheduled)test_int(0, GAN_SCHEDULED_COUNT - !hostile);
            d.schedule[i].schedule = SCHED();
            if (!hostile) d.schedule[i].schedule = gan_schedule_plateau((gan_real).9, 1);
        }
    REAL(ema, .9);
    REAL(ema_half_life, 20);
    REAL(ema_ramp, .1);
    if (SOMETIMES) d.ema_start = test_int(-1, 3);
    WHOLE(pack, 1);
    REAL(label_flip, .1);
    REAL(instance_noise, .1);
    if (SOMETIMES) d.augment.policy = 0xfff, d.augment.p = ABSURD ? R() : (gan_real).3;
    REAL(ada_target, .6);
    REAL(ada_kimg, 1);
    WHOLE(pool, 10);
    REAL(top_k, .5);
    if (SOMETIMES)
        d.optimize.steps = 1, d.optimize.alpha = ABSURD ? R() : 0, d.optimize.bound = ABSURD ? R() : 0;
    WHOLE(rollback, 2);
    WHOLE(metric_every, 2);
    if (!hostile) { // what would never happen is refused
        if (!d.metric) {
            d.best_path = NULL;
            memset(d.schedule, 0, sizeof d.schedule);
        }
        if (d.game) d.simultaneous = 1;
        if (d.simultaneous) d.d_steps = d.accumulate = d.pool = d.unroll = 0;
        if (!d.augment.policy) d.ada_target = 0;
    }
    return d;
}

enum { TRAINERS = 3 };
typedef struct scene {
    gan_context *ctx;
    gan_model *g[TRAINERS], *d[TRAINERS];
    gan_trainer *t[TRAINERS];
    char *bytes; // a checkpoint in memory, aligned
    size_t size;
} scene;

static int trained, troubles;

static void load_bytes(scene *s, const char *path)
{
    const long size = test_file_size(path);
    FILE *f = size > 0 ? fopen(path, "rb") : NULL;
    if (!f || s->bytes) { // the first must outlive the context
        if (f) fclose(f);
        return;
    }
    s->bytes = (char *)malloc((size_t)size);
    if (s->bytes && fread(s->bytes, 1, (size_t)size, f) == (size_t)size) s->size = (size_t)size;
    fclose(f);
}

static void sabotage(scene *s)
{
    gan_model *m = test_int(0, 1) ? PICK(s->g) : PICK(s->d);
    const int n = gan_model_count(m);
    gan_tensor *t = n ? gan_model_tensor(m, test_int(0, n - 1)) : NULL;
    if (gan_data(t)) gan_data(t)[0] = R();
}

static void act(scene *s, const char *path)
{
    gan_context *c = s->ctx;
    gan_trainer *t = PICK(s->t);
    gan_sampling how;
    switch (test_int(0, 21)) {
    case 0: (void)gan_save(c, path); break;
    case 1: (void)gan_load(c, path); break;
    case 2:
        load_bytes(s, path);
        if (s->size) (void)gan_load_memory(c, s->bytes, s->size);
        break;
    case 3: sabotage(s); break;
    case 4:
        gan_optimizer_set(gan_trainer_g_optimizer(t), (gan_hyper)test_int(0, GAN_HYPER_COUNT), R());
        break;
    case 5: gan_model_freeze(PICK(s->d), test_int(0, 1) ? "in" : NULL, test_int(0, 1)); break;
    case 6: gan_model_mode(PICK(s->g), (gan_mode)test_int(0, 1)); break;
    case 7: (void)gan_trainer_sample(t, C()); break;
    case 8:
        memset(&how, 0, sizeof how);
        how.truncation = R(), how.langevin_steps = C(), how.langevin_rate = R(), how.rejection = C();
        how.rejection_quantile = R();
        (void)gan_trainer_sample_ex(t, test_int(-1, 4), &how);
        break;
    case 9: (void)gan_trainer_generate(t, gan_rand_normal(c, 2, 3, test_int(5, 6)), NULL); break;
    case 10: gan_seed(c, 3); break;
    case 11: gan_model_parametrize(PICK(s->d), "in", (gan_parametrization)test_int(0, 3), R(), R()); break;
    case 12: {
        gan_tensor *x = gan_forward(PICK(s->d), gan_rand_normal(c, 4, 6, 1, 4, 4), NULL);
        (void)gan_extrapolate(gan_trainer_d_optimizer(t), gan_mean_all(x));
        break;
    }
    case 13: (void)gan_trainer_run(t, test_int(-1, 3)); break;
    case 14:
        gan_scope_open(c);
        (void)gan_trainer_step(t);
        gan_scope_close(c);
        break;
    default: (void)gan_trainer_step(t); ++trained;
    }
}

static void sequences(int hostile)
{
    static const char *const path = "out/test/hostile.safetensors";
    enum { SEEDS = 60, ACTS = 40 };
    int seed, i, k;
    for (seed = 1; seed <= SEEDS; ++seed)
        TESTF ("training, sampling, saving, loading and sabotage in any order%s, seed %d",
               hostile ? ", absurdly described" : "", seed) {
            counter c;
            scene s;
            gan_real data[12 * 16], label[12];
            test.random += (uint64_t)seed * 1234567;
            memset(&s, 0, sizeof s);
            s.ctx = create(&c, (uint64_t)seed);
            for (i = 0; i < 12 * 16; ++i) data[i] = (gan_real)test_uniform(-1, 1);
            for (i = 0; i < 12; ++i) label[i] = (gan_real)(i % 3);
            for (k = 0; k < TRAINERS; ++k) {
                static const char *const gs[] = {"g0", "g1", "g2"}, *const ds[] = {"d0", "d1", "d2"};
                gan_trainer_desc d = description(hostile);
                s.g[k] = d.generator = gan_model_create(s.ctx, gs[k], small_generator, NULL);
                s.d[k] = d.discriminator = gan_model_create(s.ctx, ds[k], small_critic, NULL);
                d.data = gan_dataset_memory(s.ctx, data, k ? NULL : label, 12, 3, 1, 4, 4);
                s.t[k] = gan_trainer_create(s.ctx, &d);
                CHECK(s.t[k] || gan_error(s.ctx), "neither a trainer nor an error");
                troubles += settle(s.ctx, "gan_trainer_create") != 0;
            }
            for (i = 0; i < ACTS; ++i) {
                act(&s, path);
                troubles += settle(s.ctx, "an act") != 0;
            }
            destroy(s.ctx, &c);
            free(s.bytes);
            (void)remove(path);
        }
    printf("%d training steps, %d errors\n", trained, troubles);
}

// ---- checkpoints: whatever the description, a run that was saved and resumed is the run that was not

static gan_tensor *stateful_generator(gan_model *m, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *w = gan_truncation(m, "trunc", gan_mapping_network(m, "map", z, 6, 1, 0), (gan_real).7, 0);
    gan_tensor *h = gan_reference_batch(m, "ref", w, 3);
    (void)label;
    h = gan_relu(gan_virtual_batch_norm(m, "vbn", gan_linear(m, "in", h, 16), 3));
    h = gan_batch_norm(m, "bn", gan_slice(h, 0, 3, gan_dim(h, 0)));
    h = gan_noise_injection(m, "noise", gan_reshape(gan_linear(m, "mid", h, 16), 4, -1, 1, 4, 4), 1);
    return gan_conv2d(m, "out", h, 1, 3, 1, 1);
}
static gan_real steady_metric(gan_trainer *t, void *user)
{
    (void)user;
    return gan_item(gan_mean_all(gan_square(gan_trainer_sample(t, 3))));
}
static gan_tensor *steady_term(const gan_penalty_in *in, void *user)
{
    (void)user;
    return gan_mean_all(gan_square(in->fake_out));
}

static const gan_real *resumed_data;
static gan_trainer *resumed_run(gan_context *c, gan_trainer_desc d, int kind)
{
    static const gan_parametrization ways[] = {GAN_PARAMETRIZATION_SPECTRAL_NORM,
                                               GAN_PARAMETRIZATION_WEIGHT_NORM,
                                               GAN_PARAMETRIZATION_EQUALIZED_LR, GAN_PARAMETRIZATION_NONE};
    d.generator = gan_model_create(c, "g", stateful_generator, NULL);
    d.discriminator = gan_model_create(c, "d", small_critic, NULL);
    gan_model_parametrize(d.generator, "in", ways[(kind + 1) % 4], 0, 0);
    gan_model_parametrize(d.discriminator, NULL, ways[kind % 4], 0, 0);
    d.data = gan_dataset_memory(c, resumed_data, NULL, 12, 3, 1, 4, 4);
    return gan_trainer_create(c, &d);
}

static int same_files(const char *a, const char *b)
{
    const long n = test_file_size(a);
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    long i, same = n > 0 && n == test_file_size(b) && f && g;
    for (i = 0; i < n && same; ++i) same = fgetc(f) == fgetc(g);
    if (f) fclose(f);
    if (g) fclose(g);
    return (int)same;
}

static void resuming(void)
{
    static gan_real data[12 * 16];
    const char *const half = test_path("hostile_half.safetensors"),
                      *const one = test_path("hostile_one.safetensors"),
                      *const two = test_path("hostile_two.safetensors");
    enum { SEEDS = 120, STEPS = 7 };
    int seed, i, complete = 0;
    resumed_data = data;
    for (seed = 1; seed <= SEEDS; ++seed)
        TESTF ("whatever is on, a run saved and resumed is the run that was not: seed %d", seed) {
            counter ca, cb;
            gan_trainer_desc d;
            gan_trainer *a, *b;
            gan_context *x, *y;
            int at, early;
            test.random += (uint64_t)seed * 7654321;
            for (i = 0; i < 12 * 16; ++i) data[i] = (gan_real)test_uniform(-1, 1);
            d = description(0);
            d.progress = NULL, d.latents = NULL, d.best_path = NULL;
            if (d.metric) d.metric = steady_metric;
            if (d.d_term) d.d_term = steady_term;
            if (d.g_term) d.g_term = steady_term;
            if (d.d_steps < 0) d.d_steps = 2; // and other numbers in their ranges
            if (d.accumulate < 0) d.accumulate = 2;
            if (d.unroll < 0) d.unroll = 1;
            if (gan_loss_critic(d.loss) == GAN_CRITIC_FEATURES) d.pairing = GAN_PLAIN;
            at = test_int(1, STEPS - 1);
            early = test_int(0, 2);
            x = create(&ca, (uint64_t)seed);
            a = resumed_run(x, d, seed);
            (void)gan_trainer_run(a, at);
            if (test_int(0, 1)) (void)gan_trainer_sample(a, 3);
            (void)gan_save(x, half);
            (void)gan_trainer_run(a, STEPS - at);
            (void)gan_save(x, one);
            CHECK(gan_error(x) || a, "no trainer");
            if (getenv("HOSTILE_TRACE") && gan_error(x))
                fprintf(stderr, "resuming: %s\n", gan_error_message(x));
            if (!gan_error(x) && !a->stats.rollbacks) { // where a NaN goes back to is not in checkpoints
                y = create(&cb, (uint64_t)seed + 99);
                if (early) (void)gan_load(y, half);
                b = resumed_run(y, d, seed);
                if (early == 2) (void)gan_trainer_sample(b, 3);
                if (!early) (void)gan_load(y, half);
                (void)gan_trainer_run(b, STEPS - at);
                (void)gan_save(y, two);
                CHECK(!gan_error(y), "resumed at %d, %d: %s", at, early, gan_error_message(y));
                CHECK(same_files(one, two), "resumed at %d, %d: another run: loss %s, pairing %d", at, early,
                      gan_loss_name(d.loss), (int)d.pairing);
                ++complete;
                destroy(y, &cb);
            }
            destroy(x, &ca);
        }
    printf("%d runs resumed\n", complete);
}

int main(void)
{
    every_call();
    ended();
    sequences(0);
    sequences(1);
    resuming();
    return test_done();
}
