// Every public function with hostile arguments: NULL, poison, wrong ranks, absurd counts, NaN, unknown enum
// values, tensors of another context. Shared by tests/test_hostile.c, which draws them, and
// tests/fuzz/fuzz_calls.c, which takes them from its input. Include after gan.h and after a definition of
// test_int(lo, hi) and test_uniform(lo, hi).
//
// tools/check_calls compares this list with the declarations of gan.h: a public function must be called above
// the line "what the calls are made with", or stand in a line of its own, with the reason why it need not:
//
//     exempt: gan_name: reason
//
#ifndef CALLS_H
#define CALLS_H

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

static gan_tensor *calls_two_wide(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", x, 2);
}
static gan_tensor *calls_one_wide(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_linear(m, "fc", x, 1);
}

static gan_context *ctx, *other;
static gan_tensor *dead;     // when set, every tensor argument is this one, which has ended
static gan_tensor *pool[40]; // tensors of every kind
static gan_model *models[8];
// The first of each is made before the calls, later ones by them.
static gan_trainer *trainers[3];
static gan_health *healths[4];
static gan_logger *loggers[3];
static gan_plot *plots[3];
static gan_optimizer *optimizers[4];
static gan_dataset *datasets[4];
static gan_pool *pools[2];
static int depth, names;

#define PICK(array) array[test_int(0, (int)COUNT(array) - 1)]

static gan_tensor *T(void) { return dead ? dead : PICK(pool); }
static gan_model *M(void) { return PICK(models); }
static gan_optimizer *O(void) { return PICK(optimizers); }
static gan_dataset *S(void) { return PICK(datasets); }
static gan_trainer *TR(void) { return PICK(trainers); }
static gan_health *H(void) { return PICK(healths); }
static gan_logger *L(void) { return PICK(loggers); }
static gan_plot *PL(void) { return PICK(plots); }
static gan_context *K(void) { return test_int(0, 9) ? ctx : NULL; }
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
static const int *DIMS(void) // nine dimensions, or NULL
{
    static int v[9];
    for (int i = 0; i < 9; ++i) v[i] = test_int(0, 3) ? C() : I();
    return test_int(0, 9) ? v : NULL;
}
static const int *FEW(void)
{
    static int v[1];
    v[0] = test_int(-1, 3);
    return v;
}
static const int *ONES(void)
{
    static const int v[2] = {1, 1};
    return v;
}
static gan_tensor *const *TENSORS(void) // 65 of them, or NULL
{
    static gan_tensor *v[65];
    for (int i = 0; i < 65; ++i) v[i] = T();
    return test_int(0, 9) ? v : NULL;
}
static gan_tensor **INDEX(void)
{
    static gan_tensor *v;
    v = NULL;
    return test_int(0, 1) ? &v : NULL;
}
static gan_axis_set AX(void)
{
    const int few[2] = {test_int(-9, 9), I()};
    return test_int(0, 3) ? gan_axis_set_n(test_int(-1, 2), test_int(0, 9) ? few : NULL) : gan_axis_set_all();
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
static const gan_norm_desc *NORM(void)
{
    static gan_norm_desc d;
    d.eps = R();
    d.momentum = R();
    d.no_affine = I();
    return test_int(0, 9) ? &d : NULL;
}
static gan_conv2d_desc *CONV(void)
{
    static gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = test_int(0, 4), d.kernel[0] = test_int(0, 3);
    if (test_int(0, 1)) spoil_ints((int *)(void *)&d, sizeof d / sizeof(int));
    return test_int(0, 9) ? &d : NULL;
}
static gan_rnn_desc *RNN(void)
{
    static gan_rnn_desc d;
    memset(&d, 0, sizeof d);
    d.hidden = test_int(0, 4);
    d.layers = test_int(0, 2), d.bidirectional = test_int(0, 1), d.no_bias = test_int(0, 1);
    if (!test_int(0, 3)) d.hidden = I(), d.layers = C();
    if (!test_int(0, 2)) d.lengths = T();
    return test_int(0, 9) ? &d : NULL;
}
static gan_tensor **STATE(void) // in and out
{
    static gan_tensor *v;
    v = test_int(0, 1) ? T() : NULL;
    return test_int(0, 3) ? &v : NULL;
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
static gan_optimizer_desc RULE(void)
{
    const gan_real lr = R(), a = R(), b = R(), c = R();
    switch (test_int(0, 17)) {
    case 0: return gan_sgd(lr, a);
    case 1: return gan_rmsprop(lr);
    case 2: return gan_adamw(lr, a, b, c);
    case 3: return gan_adagrad(lr);
    case 4: return gan_adadelta(lr);
    case 5: return gan_amsgrad(lr, a, b);
    case 6: return gan_adamax(lr, a, b);
    case 7: return gan_nadam(lr, a, b);
    case 8: return gan_radam(lr, a, b);
    case 9: return gan_adabelief(lr, a, b);
    case 10: return gan_yogi(lr, a, b);
    case 11: return gan_lion(lr, a, b, c);
    case 12: return gan_lamb(lr, a, b, c);
    case 13: return gan_optimistic_sgd(lr);
    case 14: return gan_optimistic_adam(lr, a, b);
    case 15: return gan_subgradient(lr, (gan_step_rule)I());
    default: return gan_adam(lr, a, b);
    }
}
static gan_init INIT(void)
{
    switch (test_int(0, 9)) {
    case 0: return gan_init_zeros();
    case 1: return gan_init_constant(R());
    case 2: return gan_init_normal(R(), R());
    case 3: return gan_init_uniform(R(), R());
    case 4: return gan_init_xavier_uniform(R());
    case 5: return gan_init_xavier_normal(R());
    case 6: return gan_init_he_uniform(R());
    case 7: return gan_init_he_normal(R());
    case 8: return gan_init_orthogonal(R());
    default: return gan_init_default();
    }
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
    s = gan_schedule_ramp(PICK(v));
    (void)gan_schedule_at(&s, R(), PICK(v));
    s = gan_schedule_exponential(R());
    (void)gan_schedule_at(&s, R(), PICK(v));
    s = gan_schedule_cosine(PICK(v), PICK(v), R());
    (void)gan_schedule_at(&s, R(), PICK(v));
    s = gan_schedule_plateau(R(), PICK(v));
    (void)gan_plateau_step(&p, &s, R());
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
static void one_loss(void)
{
    gan_optimizer *o[2];
    o[0] = O(), o[1] = O();
    (void)gan_minimize_all(test_int(-1, 2), test_int(0, 9) ? o : NULL,
                           test_int(0, 2) ? gan_mean_all(gan_square(gan_forward(models[1], T(), NULL)))
                                          : T());
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
    X("1,2,0\n3,4,1\n")                                                                                      \
    X("1\n2\n3\n")                                                                                           \
    X("\x93NUMPY\1\0\x38\0{'descr': '<f4', 'fortran_order': True, 'shape': (1,2)}\n\0\0\0\0\0\0\0\0")        \
    X("\x44\0\0\0\0\0\0\0{\"dense.zz.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,"         \
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
    if (test_int(0, 3) == 0) d.background = (unsigned)I();
    if (test_int(0, 3) == 0) d.data_low = R(), d.data_high = R();
    d.max_skipped = test_int(-1, 2), d.stream = test_int(0, 1), d.channels_last = test_int(0, 1);
    if (test_int(0, 3) == 0) d.label_column = I();
    if (test_int(0, 3) == 0) d.header = I();
    if (test_int(0, 7) == 0) d.columns = test_int(0, 1) ? "1" : "2,x";
    d.standardize = test_int(0, 5) == 0;
    d.label_index = test_int(0, 3) == 0;
    if (test_int(0, 3) == 0) d.memory = (size_t)(unsigned)I();
    made = gan_dataset_open(test_int(0, 19) ? ctx : NULL, test_int(0, 19) ? &d : NULL);
    if (made) datasets[3] = made;
}
static gan_tensor *mapping(gan_context *c, gan_tensor *x, gan_tensor **labels, void *user)
{
    (void)c, (void)user;
    if (test_int(0, 5) == 0) return NULL;
    if (test_int(0, 3) == 0) *labels = T();
    return test_int(0, 3) ? gan_abs(x) : T();
}
static int reading(void *user, int64_t i, gan_real *x)
{
    (void)user;
    x[0] = (gan_real)i;
    return test_int(0, 9) == 0;
}
// Parts, pairs and transformations of datasets.
static void parts(void)
{
    static const gan_real label[3] = {0, 1, 2};
    const int64_t index[3] = {test_int(-1, 4), 0, test_int(0, 9)};
    gan_dataset *a = NULL, *b = NULL, *d = S();
    gan_transform how;
    gan_tensor *y;
    memset(&how, 0, sizeof how);
    how.flip = test_int(0, 1), how.crop_padding = I();
    if (test_int(0, 1)) how.crop_height = I(), how.crop_width = I();
    if (test_int(0, 2) == 0) how.brightness = R(), how.contrast = R(), how.saturation = R();
    if (test_int(0, 2) == 0) how.map = mapping;
    switch (test_int(0, 7)) {
    case 0: (void)gan_dataset_transform(d, test_int(0, 5) ? &how : NULL); break;
    case 1:
        (void)gan_dataset_split(d, (double)R(), test_int(0, 9) ? &a : NULL, test_int(0, 9) ? &b : NULL);
        break;
    case 2: a = gan_dataset_pair(d, S()); break;
    case 3: (void)gan_dataset_rows(d, test_int(0, 9) ? index : NULL, test_int(-1, 3), &y); break;
    case 4: (void)gan_dataset_slice(d, I(), I() % 9, test_int(0, 1) ? &y : NULL); break;
    case 5:
        a = gan_dataset_callback_n(K(), test_int(0, 9) ? reading : NULL, NULL, test_int(0, 3) ? NULL : label,
                                   test_int(-1, 3), test_int(-1, 1), ONES());
        break;
    case 6: gan_dataset_shuffle(d, test_int(0, 1)); break;
    default: (void)gan_dataset_epochs(d), (void)gan_dataset_skipped(d); break;
    }
    if (a) datasets[3] = b ? b : a;
}
static void checkpoints(void)
{
    static gan_checkpoint says;
    const char *first, *bytes;
    size_t size;
    switch (test_int(0, 9)) {
    case 0: (void)gan_save_rolling(ctx, PATH(), I()); break;
    case 1: (void)gan_resume(ctx, PATH()); break;
    case 2: (void)gan_inspect(test_int(0, 9) ? ctx : NULL, PATH(), test_int(0, 9) ? &says : NULL); break;
    case 3: (void)gan_model_save(M(), PATH()); break;
    case 9: (void)gan_model_save_as(M(), PATH(), (gan_save_type)I()); break;
    case 4: (void)gan_model_load(M(), PATH(), (unsigned)I()); break;
    case 5:
        bytes = FILE_BYTES(&size);
        (void)gan_model_load_memory(M(), bytes, size, GAN_LOAD_PARTIAL); // a strict one stops new layers
        break;
    case 6:
        bytes = FILE_BYTES(&size);
        (void)gan_load_memory(ctx, bytes, size);
        break;
    case 7: (void)gan_trainer_save(NULL, PATH()), (void)gan_trainer_save_standing(NULL, PATH(), C()); break;
    default: (void)gan_unclaimed(test_int(0, 9) ? ctx : NULL, test_int(0, 9) ? &first : NULL);
    }
}
static void spare(gan_optimizer *o) { optimizers[test_int(1, 3)] = o; }
// A context of its own, in a block that may be too small, with absurd settings.
static void contexts(void)
{
    static char block[1 << 16];
    gan_desc d;
    gan_context *c;
    memset(&d, 0, sizeof d);
    d.seed = (uint64_t)I(), d.threads = I();
    d.isa = (gan_isa)(test_int(0, 2) ? test_int(-1, GAN_ISA_COUNT) : I());
    if (test_int(0, 3)) d.memory = block, d.memory_size = (size_t)test_int(0, (int)sizeof block);
    if (test_int(0, 9) == 0) d.memory_size = 100; // of NULL
    c = gan_create(&d);
    (void)gan_item(gan_full(c, R(), C()));
    (void)gan_error(c), (void)gan_error_message(c);
    (void)gan_warnings(c), (void)gan_warning_message(c);
    gan_error_clear(c);
    gan_scope_close(c);
    gan_destroy(c);
    gan_destroy(NULL);
}
// Scopes of NULL, one too many closed, more than there may be.
static void scopes(void)
{
    int i, n = 0;
    gan_scope_open(NULL), gan_scope_close(NULL);
    if (test_int(0, 3)) return;
    gan_error_clear(other);
    for (i = 0; i < 40; ++i) {
        gan_scope_open(other);
        n += !gan_error(other);
    }
    for (i = 0; i < n + 3; ++i) gan_scope_close(other); // and the scope that was open
    gan_scope_open(other);
}
// Evaluations too many, prefixes of names, taps of any tensor.
static void evaluations(void)
{
    gan_model *m = M();
    int i, n = test_int(0, 10);
    gan_error_clear(other);
    for (i = 0; i < n; ++i) gan_eval_open(test_int(0, 9) ? other : NULL);
    for (i = 0; i < 12; ++i) gan_eval_close(other);
    gan_eval_close(NULL);
    gan_model_enter(m, N(), I());
    (void)gan_linear(m, "fc", T(), 2);
    gan_model_leave(m);
    if (test_int(0, 9) == 0) gan_model_leave(M());
    (void)gan_tap(M(), N(), T());
    (void)gan_tapped(M(), N());
}
static gan_tensor *squares(gan_context *c, gan_tensor **x, void *user)
{
    const int how = *(const int *)user;
    return how == 0 ? NULL : how == 1 ? gan_zeros(c, -1) : how == 2 ? T() : gan_square(x[0]);
}
static void gradchecks_of(void)
{
    static const int order[] = {0, 1, 1, 1, -1, 3, INT_MAX, INT_MIN};
    gan_gradcheck_report r;
    gan_tensor *x[2];
    int how = test_int(0, 6);
    x[0] = T(), x[1] = T();
    if (gan_numel(x[0]) > 64 || gan_numel(x[1]) > 64) return; // honest work
    (void)gan_gradcheck(K(), test_int(0, 9) ? squares : NULL, &how, test_int(-1, 2),
                        test_int(0, 9) ? x : NULL, PICK(order), test_int(0, 9) ? &r : NULL);
}
static const char *TEXT(void)
{
    static const char *const odd[] = {NULL,
                                      "",
                                      "a",
                                      "\n\t\x01\x7f",
                                      "\x80\xff\xc3",
                                      "%s%n%d",
                                      "<&\"'>,",
                                      "a text that is much longer than the place that there is for a text"};
    return PICK(odd);
}
static const gan_series *SERIES(void)
{
    static const double v[] = {0, 1, -1, 1e300, -1e300, (double)NAN, HUGE_VAL, -HUGE_VAL, .5, 2, 1e-300, 3};
    static gan_series s[2];
    int i;
    memset(s, 0, sizeof s);
    for (i = 0; i < 2; ++i) {
        s[i].mark = (gan_mark)(test_int(0, 9) ? test_int(0, GAN_MARK_COUNT) : I());
        s[i].name = TEXT(), s[i].n = test_int(-1, 6), s[i].stride = test_int(0, 2);
        if (test_int(0, 9) == 0) s[i].n = INT_MIN;
        if (test_int(0, 3)) s[i].y = v;
        if (test_int(0, 1)) s[i].x = v;
        if (test_int(0, 2) == 0) s[i].points = T();
        if (test_int(0, 3) == 0) s[i].arrows = T();
        if (test_int(0, 3) == 0) s[i].color = I(), s[i].dash = I();
        if (test_int(0, 3) == 0) s[i].size = (double)R(), s[i].alpha = (double)R();
    }
    return test_int(0, 19) ? s : NULL;
}
static const gan_axes *AXES(void)
{
    static gan_axes a;
    memset(&a, 0, sizeof a);
    a.title = TEXT(), a.x_label = TEXT(), a.y_label = TEXT();
    a.series = SERIES(), a.count = test_int(-1, 2);
    if (test_int(0, 1)) a.x0 = (double)R(), a.x1 = (double)R(), a.y0 = (double)R(), a.y1 = (double)R();
    a.x_log = test_int(0, 1), a.y_log = test_int(0, 1), a.equal = test_int(0, 1);
    if (test_int(0, 1)) {
        a.heat = T(), a.heat_cells = test_int(0, 1), a.heat0 = (double)R(), a.heat1 = (double)R();
        a.map = (gan_colormap)I(), a.contours = C();
    }
    if (test_int(0, 3) == 0) a.images = T(), a.columns = I();
    return test_int(0, 19) ? &a : NULL;
}
static void plotting(void)
{
    static const int side[] = {0, -1, 1, 7, 60, 90, INT_MAX, INT_MIN}, scale[] = {0, 1, 2, -1, INT_MAX};
    gan_plot *p = PL();
    const int column = test_int(-1, 2), columns = test_int(-1, 2), row = test_int(-1, 2),
              rows = test_int(-1, 2);
    gan_gan2d gan2d;
    int w, h;
    switch (test_int(0, 9)) {
    case 0: plots[2] = gan_plot_create(K(), PICK(side), PICK(side), PICK(scale)); break;
    case 1: (void)gan_plot_add(p, SERIES()); break;
    case 2: (void)gan_plot_label(p, (double)R(), (double)R(), TEXT(), I()); break;
    case 3: (void)gan_plot_pixels(p, test_int(0, 9) ? &w : NULL, test_int(0, 9) ? &h : NULL); break;
    case 4: (void)gan_plot_write(p, PATH()); break;
    case 5:
        gan2d.d = M(), gan2d.loss = LOSS(), gan2d.real = T(), gan2d.fake = T();
        (void)gan_plot_gan2d(p, column, columns, row, rows, AXES(), test_int(0, 9) ? &gan2d : NULL);
        break;
    case 6: (void)gan_plot_panel(p, I(), I(), I(), I(), AXES()); break;
    default: (void)gan_plot_panel(p, column, columns, row, rows, AXES());
    }
}
static void sheets(void)
{
    static const char *const names[] = {"a", NULL, "", "\xff"};
    gan_sheet s;
    memset(&s, 0, sizeof s);
    s.images = T(), s.columns = test_int(0, 2) ? test_int(-1, 4) : I(), s.title = TEXT();
    s.zoom = test_int(0, 2) ? 0 : I();
    if (test_int(0, 1)) s.top = T(), s.left = T();
    if (s.columns <= 4 && s.images && gan_dim(s.images, 0) <= 4) {
        if (test_int(0, 1)) s.column_names = names;
        if (test_int(0, 1)) s.row_names = names;
    }
    (void)gan_sheet_write(test_int(0, 9) ? &s : NULL, PATH());
}
static void terminals(void)
{
    char text[300];
    const gan_terminal kind = (gan_terminal)(test_int(0, 9) ? test_int(0, GAN_TERMINAL_COUNT) : I());
    const size_t size = (size_t)test_int(0, (int)sizeof text);
    char *const out = test_int(0, 9) ? text : NULL;
    if (test_int(0, 1)) (void)gan_terminal_series(SERIES(), I(), C(), kind, out, out ? size : 0);
    else (void)gan_terminal_images(T(), I(), I(), kind, out, out ? size : 0);
}
static void logging(void)
{
    static const char *const columns[] = {"a,b", "a,b,c", NULL, "", ",", "a,,b", "a,a", "step", "x\n,\"y"};
    static const double v[8] = {0, 1, -1, 1e300, HUGE_VAL, (double)NAN, 1e-320, .1};
    gan_logger_desc d;
    gan_logger *log = L();
    switch (test_int(0, 10)) {
    case 0:
        memset(&d, 0, sizeof d);
        d.columns = PICK(columns);
        if (test_int(0, 1)) d.csv = PATH();
        if (test_int(0, 1)) d.tensorboard = PATH();
        if (test_int(0, 1)) d.sheet = PATH();
        if (test_int(0, 1)) d.resume = I();
        if (test_int(0, 2) == 0) d.rows = test_int(0, 1) ? 3 : test_int(0, 1) ? INT_MAX : INT_MIN;
        log = gan_logger_create(K(), test_int(0, 9) ? &d : NULL);
        if (log) loggers[1] = log;
        break;
    case 1: (void)gan_logger_row_n(log, I(), test_int(-1, 8), v); break;
    case 2: (void)gan_logger_row_n(log, I(), test_int(0, 8), test_int(0, 9) ? v : NULL); break;
    case 3: (void)gan_logger_images(log, I(), T()); break;
    case 4: (void)gan_logger_rows(log); break;
    case 5: (void)gan_logger_columns(log); break;
    case 6: (void)gan_logger_name(log, I()); break;
    case 7: (void)gan_logger_value(log, I(), I()); break;
    default: (void)gan_logger_series(log, N());
    }
}
static void reports(void)
{
    static const char *const texts[] = {"a", NULL, "", "<b>&\"", "\xff", "x"};
    static const gan_report_class classes[] = {{"a", 5}, {NULL, -1}, {"<", INT64_MAX}};
    gan_report_interval spans[3];
    gan_report_level level;
    gan_report_panel panels[2];
    gan_report r;
    int i;
    memset(&r, 0, sizeof r);
    memset(panels, 0, sizeof panels);
    level.name = TEXT(), level.y = (double)R();
    for (i = 0; i < 3; ++i) {
        spans[i].name = TEXT(), spans[i].text = TEXT(), spans[i].advice = TEXT();
        spans[i].from = I(), spans[i].to = I(), spans[i].tone = (gan_report_tone)test_int(-1, 4);
    }
    for (i = 0; i < 2; ++i) {
        panels[i].columns = TEXT(), panels[i].title = TEXT(), panels[i].note = TEXT();
        panels[i].levels = test_int(0, 3) ? &level : NULL, panels[i].levels_count = test_int(-1, 1);
        panels[i].y0 = (double)R(), panels[i].y1 = (double)R();
    }
    r.title = TEXT(), r.summary = TEXT(), r.date = TEXT();
    if (test_int(0, 1)) r.run = texts, r.run_count = test_int(-1, 6);
    if (test_int(0, 1)) r.data = texts, r.data_count = test_int(-1, 6);
    if (test_int(0, 1)) r.models = texts, r.models_count = test_int(-1, 6);
    if (test_int(0, 1)) r.classes = classes, r.classes_count = test_int(-1, 3);
    if (test_int(0, 1)) r.timeline = spans, r.timeline_count = test_int(-1, 3);
    if (test_int(0, 1)) r.panels = panels, r.panels_count = test_int(-1, 2);
    if (test_int(0, 1)) r.configuration = texts, r.configuration_count = test_int(-1, 3);
    if (test_int(0, 1)) r.metrics = texts, r.metrics_count = test_int(-1, 6), r.metrics_columns = I();
    if (test_int(0, 1)) r.diagnosis = texts, r.diagnosis_count = test_int(-1, 6);
    if (test_int(0, 1)) r.plots = AXES(), r.plots_count = test_int(-1, 1);
    if (test_int(0, 1)) r.log = L();
    if (test_int(0, 1)) r.images = T(), r.images_columns = I();
    if (test_int(0, 3) == 0) r.real = T();
    if (test_int(0, 1)) (void)gan_report_write(K(), test_int(0, 9) ? &r : NULL, PATH());
    else (void)gan_trainer_report(TR(), H(), test_int(0, 3) ? &r : NULL, PATH());
}
static void diagnoses(void)
{
    static const char *const name[] = {"h1", "h2", "h3", NULL, "", "a.b", "\n"};
    gan_health_desc d;
    gan_trainer_stats s;
    gan_health *h = H();
    gan_report_interval span[5];
    char text[200];
    memset(&d, 0, sizeof d);
    memset(&s, 0, sizeof s);
    if (test_int(0, 1)) d.warm_up = I(), d.persistence = I(), d.patience = I(), d.problem_patience = I();
    if (test_int(0, 1)) d.won = R(), d.vanished = R(), d.lost = R(), d.weak = R(), d.distance = R();
    if (test_int(0, 1)) d.swing = R(), d.growth = R(), d.diversity = R(), d.duplicates = R(), d.modes = R();
    if (test_int(0, 3) == 0) d.copies = R(), d.centers = T();
    s.step = I(), s.d_loss = R(), s.g_loss = R(), s.d_real = R(), s.d_fake = R(), s.metric = R();
    s.d_grad_norm = R(), s.g_grad_norm = R(), s.rollbacks = test_int(0, 9) ? 0 : I(), s.best_step = I();
    switch (test_int(0, 12)) {
    case 0:
        healths[2] = gan_health_create_loop(K(), PICK(name), LOSS(), I(), test_int(0, 1) ? &d : NULL);
        break;
    case 1: healths[3] = gan_health_create(TR(), test_int(0, 1) ? &d : NULL); break;
    case 2: gan_health_compare(h, T(), T()); break;
    case 3: gan_health_metric(h, R()); break;
    case 4: (void)gan_health_diagnose(h); break;
    case 5: (void)gan_health_should_stop(h); break;
    case 6: (void)gan_health_text(h, text, (size_t)test_int(0, (int)sizeof text)); break;
    case 7: (void)gan_health_text(h, NULL, 0); break;
    case 9: (void)gan_health_timeline(h, test_int(0, 9) ? span : NULL, test_int(-1, 5)); break;
    case 8:
        s.penalty = R(), s.g_penalty = R(), s.augment_p = R(), s.best = R();
        (void)gan_trainer_stats_text(test_int(0, 9) ? &s : NULL, test_int(0, 9) ? text : NULL,
                                     (size_t)test_int(0, (int)sizeof text));
        break;
    default: gan_health_step(h, test_int(0, 9) ? &s : NULL);
    }
}
static gan_tensor *training(void)
{
    gan_trainer_desc d;
    gan_trainer *t = TR();
    gan_sampling how;
    switch (test_int(0, 11)) {
    case 0:
        memset(&d, 0, sizeof d);
        d.generator = test_int(0, 2) ? models[6] : M(), d.discriminator = test_int(0, 2) ? models[5] : M();
        d.data = S(), d.batch = test_int(0, 3) ? 4 : I(), d.latent = test_int(0, 3) ? 2 : I();
        d.loss = (gan_loss)test_int(-1, GAN_LOSS_COUNT);
        if (test_int(0, 3) == 0) d.d_optimizer = RULE(), d.g_optimizer = RULE();
        if (test_int(0, 3) == 0) d.penalty[0] = PENALTY();
        if (test_int(0, 3) == 0) d.ema = R(), d.instance_noise = R(), d.d_steps = C();
        t = gan_trainer_create(K(), test_int(0, 19) ? &d : NULL);
        if (t) trainers[1] = t;
        break;
    case 1: (void)gan_trainer_run(t, C()); break;
    case 2: return gan_trainer_sample(t, I());
    case 3:
        memset(&how, 0, sizeof how);
        how.truncation = R(), how.langevin_steps = C(), how.langevin_rate = R(), how.rejection = C();
        how.rejection_quantile = R(), how.standing = test_int(0, 3) ? 0 : test_int(-1, 3);
        return gan_trainer_sample_ex(t, test_int(-1, 4), test_int(0, 4) ? &how : NULL);
    case 4: return gan_trainer_generate(t, T(), T());
    case 5: (void)gan_trainer_steps(t), (void)gan_trainer_defaults(); break;
    case 6: spare(test_int(0, 1) ? gan_trainer_g_optimizer(t) : gan_trainer_d_optimizer(t)); break;
    default: (void)gan_trainer_step(t);
    }
    return NULL;
}
static gan_tensor *nearest(void)
{
    gan_tensor *distances = NULL, *y = gan_nearest(T(), T(), I(), test_int(0, 1) ? &distances : NULL);
    return distances && test_int(0, 1) ? distances : y;
}
static void path_length(void)
{
    gan_path_desc d;
    memset(&d, 0, sizeof d);
    if (test_int(0, 1)) d.epsilon = R(), d.linear = test_int(0, 1), d.trim = R(), d.batch = I();
    (void)gan_perceptual_path_length(M(), M(), T(), T(), T(), test_int(0, 2) ? &d : NULL);
}
static gan_real sigma[3] = {1, 2, (gan_real)NAN};

// X(call): every public function that takes what may be wrong.
// clang-format off
#define CALLS_TENSOR(X)                                                                                      \
    X(gan_abs(T())) X(gan_cos(T())) X(gan_erf(T())) X(gan_log(T())) X(gan_neg(T())) X(gan_reciprocal(T()))   \
    X(gan_relu(T())) X(gan_sigmoid(T())) X(gan_silu(T())) X(gan_sin(T())) X(gan_softplus(T()))               \
    X(gan_sqrt(T())) X(gan_tanh(T())) X(gan_detach(T())) X(gan_add_scalar(T(), R()))                         \
    X(gan_mul_scalar(T(), R())) X(gan_eq(T(), T())) X(gan_ge(T(), T())) X(gan_gt(T(), T()))                  \
    X(gan_le(T(), T())) X(gan_slerp(T(), T(), T())) X(gan_latent_path(T(), T(), I(), I()))                   \
    X(gan_density(T(), I(), I(), (double)R(), (double)R(), (double)R(), (double)R(), (double)R()))           \
    X(gan_full_n(K(), R(), test_int(-1, 9), DIMS()))                                                         \
    X(gan_scalar(K(), R()))                                                                                  \
    X(gan_from_n(K(), sigma, test_int(-1, 1), FEW())) X(gan_from_n(K(), NULL, 1, DIMS()))                    \
    X(gan_rand_uniform_n(K(), test_int(-1, 9), DIMS()))                                                      \
    X(gan_rand_normal_n(K(), test_int(-1, 9), DIMS()))                                                       \
    X(gan_randint_n(K(), I(), I(), test_int(-1, 9), DIMS())) X(gan_floor(T())) X(gan_one_hot(T(), C()))      \
    X(gan_sort(T(), I(), I(), INDEX())) X(gan_topk(T(), I(), I(), INDEX()))                                  \
    X(gan_histogram(T(), R(), R(), I())) X(gan_wasserstein_pyramid(T(), T(), C(), C(), C()))                 \
    X(gan_assignment(T())) X(nearest()) X(training()) X(training())                                          \
    X(gan_add(T(), T())) X(gan_sub(T(), T())) X(gan_mul(T(), T())) X(gan_div(T(), T())) X(gan_pow(T(), T())) \
    X(gan_maximum(T(), T())) X(gan_minimum(T(), T())) X(gan_affine(T(), R(), R())) X(gan_exp(T()))           \
    X(gan_elu(T(), R())) X(gan_selu(T())) X(gan_gelu(T())) X(gan_clamp(T(), R(), R()))                       \
    X(gan_leaky_relu(T(), R())) X(gan_where(T(), T(), T())) X(gan_addcmul(T(), T(), T()))                    \
    X(gan_lt(T(), T())) X(gan_ne(T(), T())) X(gan_reshape_n(T(), test_int(-1, 9), DIMS()))                   \
    X(gan_flatten(T()))                                                                                      \
    X(gan_expand_n(T(), test_int(-1, 9), DIMS()))                                                            \
    X(gan_expand_as(T(), T())) X(gan_permute_n(T(), test_int(-1, 9), DIMS()))                                \
    X(gan_transpose(T(), I(), I())) X(gan_slice(T(), I(), I(), I()))                                         \
    X(gan_pad(T(), I(), I(), I(), R())) X(gan_concat_n(I(), test_int(-1, 3), TENSORS()))                     \
    X(gan_stack_n(C(), test_int(-1, 3), TENSORS()))                                                          \
    X(gan_concat_n(I(), 65, TENSORS())) X(gan_take(T(), T())) X(gan_put(T(), T(), I()))                      \
    X(gan_gather(T(), T()))                                                                                  \
    X(gan_pixel_shuffle(T(), I())) X(gan_pixel_unshuffle(T(), I())) X(gan_sum(T(), AX(), I()))               \
    X(gan_mean(T(), AX(), I())) X(gan_var(T(), AX(), I())) X(gan_amax(T(), I(), I()))                        \
    X(gan_argmax(T(), I(), I())) X(gan_norm(T(), AX(), I())) X(gan_logsumexp(T(), I(), I()))                 \
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
    X(gan_weight_n(M(), N(), gan_init_orthogonal(R()), test_int(-1, 3), DIMS()))                             \
    X(gan_param_n(M(), N(), gan_init_uniform(R(), R()), test_int(-1, 3), DIMS()))                            \
    X(gan_buffer_n(M(), N(), R(), test_int(-1, 3), DIMS()))                                                  \
    X(gan_conv2d(M(), N(), T(), I(), I(), I(), I())) X(gan_conv2d_ex(M(), N(), T(), CONV()))                 \
    X(gan_conv_transpose2d(M(), N(), T(), I(), I(), I(), I()))                                               \
    X(gan_conv_transpose2d_ex(M(), N(), T(), CONV())) X(gan_batch_norm(M(), N(), T()))                       \
    X(gan_layer_norm(M(), N(), T())) X(gan_instance_norm(M(), N(), T()))                                     \
    X(gan_group_norm(M(), N(), T(), I())) X(gan_batch_norm_ex(M(), N(), T(), NORM()))                        \
    X(gan_layer_norm_ex(M(), N(), T(), NORM())) X(gan_instance_norm_ex(M(), N(), T(), NORM()))               \
    X(gan_group_norm_ex(M(), N(), T(), I(), NORM()))                                                         \
    X(gan_embedding(M(), N(), T(), I(), I())) X(gan_dropout(M(), T(), R()))                                  \
    X(gan_gru(M(), N(), T(), STATE(), RNN())) X(gan_lstm(M(), N(), T(), STATE(), INDEX(), RNN()))            \
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
    X((void)gan_context_of(T())) X((void)gan_ndim(T())) X((void)gan_numel(T())) X((void)gan_data(T()))       \
    X((void)gan_item(T())) X((void)gan_kl_divergence(T(), T())) X((void)gan_js_divergence(T(), T()))         \
    X((void)gan_tv_distance(T(), T())) X((void)gan_wasserstein_histogram(T(), T(), R()))                     \
    X((void)gan_wasserstein_1d(T(), T(), R())) X((void)gan_wasserstein_sliced(T(), T(), C(), R()))           \
    X((void)gan_wasserstein_exact(T(), T(), R()))                                                            \
    X((void)gan_sinkhorn_divergence(T(), T(), R(), C()))                                                     \
    X((void)gan_frechet_distance(T(), T())) X((void)gan_kernel_distance(T(), T(), I(), C()))                 \
    X((void)gan_mmd_unbiased(T(), T(), R())) X((void)gan_precision_recall(T(), T(), I()))                    \
    X((void)gan_density_coverage(T(), T(), I())) X((void)gan_neighbor_test(T(), T()))                        \
    X((void)gan_birthday(T(), R())) X((void)gan_memorization(T(), T(), T()))                                 \
    X((void)gan_authenticity(T(), T())) X((void)gan_bin_difference(T(), T(), I()))                           \
    X((void)gan_mode_report(T(), T(), R())) X((void)gan_inception_score(T(), I()))                           \
    X((void)gan_ms_ssim(T(), T(), R())) X((void)gan_ms_ssim_diversity(T(), C(), R()))                        \
    X((void)gan_classifier_test(T(), T(), I(), C())) X((void)gan_confusion(T(), T())) X(path_length())       \
    X((void)gan_image_write_png(T(), I(), PATH()))                                                           \
    X((void)gan_trainer_save(TR(), PATH())) X((void)gan_trainer_save_standing(TR(), PATH(), C()))            \
    X((void)gan_dataset_idx(K(), PATH()))                                                                    \
    X(losses_control()) X(schedules()) X(contexts()) X(scopes()) X(gradchecks_of()) X(plotting())            \
    X(plotting()) X(sheets()) X(terminals()) X(logging()) X(logging()) X(reports()) X(diagnoses())           \
    X(diagnoses()) X((void)gan_isa_name(K())) X((void)gan_threads(K())) X((void)gan_memory(K()))             \
    X(gan_seed(K(), (uint64_t)I())) X((void)gan_record(test_int(0, 2) ? NULL : ctx, I()))                    \
    X((void)gan_warnings(NULL)) X((void)gan_warning_message(NULL)) X((void)gan_error(NULL))                  \
    X((void)gan_error_message(NULL)) X(gan_error_clear(NULL))                                                \
    X((void)gan_colormap_at((gan_colormap)I(), (double)R())) X((void)gan_colormap_name((gan_colormap)I()))   \
    X((void)gan_mark_name((gan_mark)I()))                          \
    X((void)gan_diagnosis_name((gan_diagnosis_kind)I())) X((void)gan_indicator_name((gan_indicator)I()))     \
    X((void)gan_model_create(K(), N(), test_int(0, 9) ? dense : NULL, NULL))                                 \
    X((void)gan_model_context(M()))                                                                          \
    X((void)gan_model_count(M())) X((void)gan_model_parameters(M()))                                         \
    X((void)gan_model_summary(M(), NULL, 0)) X(gan_model_init(M(), INIT()))                                  \
    X(spare(gan_optimizer_create(M(), RULE()))) X((void)gan_dataset_size(S()))                               \
    X((void)gan_dataset_classes(S())) X((void)gan_dataset_class_label(S(), I()))                             \
    X((void)gan_dataset_class_name(S(), I())) X((void)gan_dataset_class_size(S(), I()))                      \
    X((void)gan_dataset_restore(S(), T()))                                                                   \
    X((void)gan_dataset_label(S(), I())) X((void)gan_dataset_path(S(), I()))                                 \
    X((void)gan_dataset_column_name(S(), I()))                                                               \
    X((void)gan_pool_create(ctx, N(), I())) X((void)gan_penalty_player((gan_penalty_kind)I()))               \
    X((void)gan_penalty_needs((gan_penalty_kind)I())) X((void)gan_penalty_name((gan_penalty_kind)I()))       \
    X(gan_penalty_after((gan_penalty_kind)test_int(-1, GAN_PENALTY_COUNT), R(), M()))                        \
    X((void)gan_augment_name((unsigned)I())) X((void)gan_loss_name((gan_loss)I()))                           \
    X((void)gan_loss_critic((gan_loss)I())) X((void)gan_loss_is_probability((gan_loss)I()))                  \
    X((void)gan_optimizer_name((gan_optimizer_kind)I()))     \
    X((void)gan_schedule_name((gan_schedule_kind)I())) X((void)gan_game_name((gan_game)I()))                 \
    X((void)gan_parametrization_name((gan_parametrization)I())) X((void)gan_gradient_reversal_alpha(R()))    \
    X((void)gan_augment_adapt(R(), R(), R(), I(), I(), R())) X(spare(gan_optimizer_create(M(), OPT())))      \
    X((void)gan_minimize(O(), good_loss())) X((void)gan_accumulate(O(), good_loss()))                        \
    X((void)gan_extrapolate(O(), good_loss())) X(gan_lookahead(O(), R())) X((void)gan_optimizer_best(O()))   \
    X((void)gan_optimizer_norm(O())) X((void)gan_optimizer_steps(O())) X(one_loss())                         \
    X(gan_optimizer_reset(O(), N())) X(gan_optimizer_rate(O(), N(), R()))                          \
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
    X((void)gan_save(ctx, NULL)) X((void)gan_zeros_n(ctx, test_int(-1, 9), NULL))                            \
    X((void)gan_linspace(ctx, R(), R(), I())) X((void)gan_zeros_n(ctx, test_int(-1, 9), DIMS()))             \
    X((void)gan_dataset_memory_n(ctx, sigma, NULL, test_int(-1, 3), test_int(-1, 1), ONES()))                \
    X((void)gan_dataset_toy(ctx, (gan_toy)I())) X(opening()) X(checkpoints()) X(opening()) X(checkpoints()) \
    X(parts()) X(parts()) X(parts()) X(evaluations())
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

// ---- what the calls are made with

static void fill(gan_tensor *t, double lo, double hi)
{
    size_t i;
    for (i = 0; i < gan_numel(t) && gan_data(t); ++i) gan_data(t)[i] = (gan_real)test_uniform(lo, hi);
}

// What a failed call returns.
static gan_tensor *poison(gan_context *c)
{
    gan_tensor *t = gan_zeros(c, -1);
    gan_error_clear(c);
    return t;
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
        pool[i] = gan_zeros_n(ctx, shape[i][0], shape[i] + 1);
        fill(pool[i], -2, 2);
    }
    for (i = 0; i < 4; ++i) { // labels
        gan_tensor *t = pool[n + i] = gan_zeros(ctx, 4);
        int k;
        for (k = 0; k < 4 && gan_data(t); ++k)
            gan_data(t)[k] = (gan_real)(i == 0 ? k % 2 : i == 1 ? k % 3 : i == 2 ? k + 5 : k - 1);
    }
    n += 4;
    pool[n++] = gan_full(ctx, (gan_real)NAN, 4, 3);
    pool[n++] = gan_full(ctx, (gan_real)INFINITY, 4);
    pool[n++] = gan_full(ctx, (gan_real)1e30, 4, 2, 4, 4);
    pool[n++] = gan_full(ctx, (gan_real)-1e30, 4, 3);
    pool[n++] = gan_full(other, 1, 4, 3);
    pool[n++] = gan_full(other, 1, 4);
    pool[n++] = gan_full(other, 1, 4, 2, 4, 4);
    pool[n++] = poison(ctx);
    pool[n++] = poison(other);
    pool[n++] = NULL;
    while (n < COUNT(pool)) pool[n] = pool[test_int(0, 15)], n++;
}

// What calls have made is used no more.
static void calls_forget(void)
{
    optimizers[1] = optimizers[2] = optimizers[3] = NULL;
    datasets[3] = NULL;
    trainers[1] = trainers[2] = NULL;
    healths[2] = healths[3] = NULL;
    loggers[1] = loggers[2] = NULL;
    plots[1] = plots[2] = NULL;
}

// The two contexts, and a first one of everything.
static void calls_begin(gan_context *first, gan_context *second)
{
    gan_real data[24];
    gan_trainer_desc run;
    gan_logger_desc log;
    gan_loss_desc loss;
    int i;
    ctx = first;
    other = second;
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
    models[5] = gan_model_create(ctx, "one", calls_one_wide, NULL);
    models[6] = gan_model_create(ctx, "two", calls_two_wide, NULL);
    optimizers[0] = gan_optimizer_create(models[1], gan_adam((gan_real)1e-3, (gan_real).5, (gan_real).9));
    for (i = 0; i < 24; ++i) data[i] = (gan_real)i;
    datasets[0] = gan_dataset_toy(ctx, GAN_TOY_RING);
    datasets[1] = gan_dataset_memory(ctx, data, data, 4, 3);
    datasets[2] = gan_dataset_toy(other, GAN_TOY_GRID);
    pools[0] = gan_pool_create(ctx, "p", 3);
    pools[1] = NULL;
    memset(&run, 0, sizeof run);
    run.generator = models[6], run.discriminator = models[5], run.data = datasets[0];
    run.batch = 4, run.latent = 2;
    trainers[0] = gan_trainer_create(ctx, &run);
    memset(&loss, 0, sizeof loss);
    memset(&log, 0, sizeof log);
    log.columns = "a,b";
    loggers[0] = gan_logger_create(ctx, &log);
    plots[0] = gan_plot_create(ctx, 90, 60, 1);
    healths[0] = gan_health_create_loop(ctx, "loop", &loss, 1, NULL);
    healths[1] = gan_health_create(trainers[0], NULL);
    calls_forget();
}

#endif // CALLS_H
