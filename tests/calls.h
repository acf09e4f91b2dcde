// Every public function with hostile arguments: NULL, poison, wrong ranks, absurd counts, NaN, unknown enum
// values, tensors of another context. Shared by tests/test_hostile.c, which draws them, and
// tests/fuzz/fuzz_calls.c, which takes them from its input. Include after gan.h and after a definition of
// test_int(lo, hi) and test_uniform(lo, hi).
#ifndef CALLS_H
#define CALLS_H

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

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
static int depth, names;

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
static const char *PATH(void) // none that can be written
{
    static char far_too_long[5000];
    static const char *const odd[] = {NULL,        "", "nowhere/at/all", "nowhere/", "nowhere/\"\n\x80%s%d",
                                      far_too_long};
    memset(far_too_long, 'x', sizeof far_too_long - 1);
    return PICK(odd);
}
#define FILES(X)                                                                                             \
    X("\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\2\1\2\3\4")                                                           \
    X("\0\0\10\1\0\0\0\2\0\1")                                                                               \
    X("P5 2 2 255\n\1\2\3\4")                                                                                \
    X("P6 1 1 65535\n\1\2\3\4\5\6")                                                                          \
    X("1,2,0\n3,4,1\n") X("1\n2\n3\n")                                                                       \
        X("\x93NUMPY\1\0\x38\0{'descr': '<f4', 'fortran_order': True, 'shape': (1,2)}\n\0\0\0\0\0\0\0\0")    \
            X("\x44\0\0\0\0\0\0\0{\"dense.zz.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0," \
              "4]}}\0\0\0\0")
// A small file of some format, as a rule whole.
static const char *FILE_BYTES(size_t *size)
{
#define X(text) text,
    static const char *const bytes[] = {FILES(X)};
#undef X
#define X(text) sizeof text - 1,
    static const size_t sizes[] = {FILES(X)};
#undef X
    const int i = test_int(0, (int)COUNT(bytes) - 1);
    *size = test_int(0, 3) ? sizes[i] : (size_t)test_int(0, (int)sizes[i]);
    return test_int(0, 19) ? bytes[i] : NULL;
}
static void opening(void)
{
    gan_dataset_desc d;
    gan_dataset *made;
    memset(&d, 0, sizeof d);
    if (test_int(0, 7)) d.bytes = FILE_BYTES(&d.size);
    else d.path = PATH();
    if (test_int(0, 3) == 0) d.label_bytes = FILE_BYTES(&d.label_size);
    if (test_int(0, 9) == 0) d.labels = PATH();
    if (test_int(0, 3) == 0) d.format = (gan_format)test_int(-1, GAN_FORMAT_COUNT);
    if (test_int(0, 2) == 0) d.channels = I(), d.height = I(), d.width = I();
    if (test_int(0, 2) == 0) d.fit = (gan_fit)test_int(-1, GAN_FIT_COUNT);
    if (test_int(0, 3) == 0) d.low = R(), d.high = R();
    d.flip = test_int(0, 1), d.stream = test_int(0, 1), d.channels_last = test_int(0, 1);
    if (test_int(0, 3) == 0) d.label_column = I();
    if (test_int(0, 3) == 0) d.memory = (size_t)(unsigned)I();
    made = gan_dataset_open(test_int(0, 19) ? ctx : NULL, test_int(0, 19) ? &d : NULL);
    if (made) datasets[3] = made;
}
static void checkpoints(void)
{
    static gan_checkpoint says;
    const char *first, *bytes;
    size_t size;
    switch (test_int(0, 8)) {
    case 0: (void)gan_save_rolling(ctx, PATH(), I()); break;
    case 1: (void)gan_resume(ctx, PATH()); break;
    case 2: (void)gan_inspect(test_int(0, 9) ? ctx : NULL, PATH(), test_int(0, 9) ? &says : NULL); break;
    case 3: (void)gan_model_save(M(), PATH()); break;
    case 4: (void)gan_model_load(M(), PATH(), (unsigned)I()); break;
    case 5:
        bytes = FILE_BYTES(&size);
        (void)gan_model_load_memory(M(), bytes, size, GAN_LOAD_PARTIAL); // a strict one stops new layers
        break;
    case 6:
        bytes = FILE_BYTES(&size);
        (void)gan_load_memory(ctx, bytes, size);
        break;
    case 7: (void)gan_trainer_save(NULL, PATH()); break;
    default: (void)gan_unclaimed(test_int(0, 9) ? ctx : NULL, test_int(0, 9) ? &first : NULL);
    }
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
    X((void)gan_dataset_toy(ctx, (gan_toy)I())) X(opening()) X(checkpoints()) X(opening()) X(checkpoints())
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

// What the calls are made with, in the two contexts.
static void calls_begin(gan_context *one, gan_context *two)
{
    gan_real data[24];
    int i;
    ctx = one;
    other = two;
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

#endif // CALLS_H
