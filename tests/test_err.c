// Errors: the first one sticks, poison passes through every call, messages name the operation and the shapes,
// NULL is tolerated everywhere; a table of bad calls for every family of public functions.
#include "../gan.h"

#include "test.h"

#include "check.h"
#include "printable.h"

#include <limits.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static gan_tensor *identity(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m, (void)label;
    return x;
}
static gan_tensor *returns_null(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m, (void)x, (void)label;
    return NULL;
}

// Z2(a, b): zeros of shape (a, b) of the context at hand; likewise of one, three and four axes.
#define Z1(a) gan_zeros(ctx, a)
#define Z2(a, b) gan_zeros(ctx, a, b)
#define Z3(a, b, c) gan_zeros(ctx, a, b, c)
#define Z4(a, b, c, d) gan_zeros(ctx, a, b, c, d)
#define MODEL gan_model_create(ctx, "m", identity, NULL)

static gan_conv2d_desc conv_groups(int g)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.groups = g;
    return d;
}
static gan_conv2d_desc conv_stride(int s)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.stride[0] = s;
    return d;
}
static gan_conv2d_desc conv_outpad(int s, int o)
{
    gan_conv2d_desc d = conv_stride(s);
    d.output_padding_h = d.output_padding_w = o;
    return d;
}

// X(name, code or -1 for any, words that the message must have, apart by '&', the call).
// clang-format off
#define BAD_CALLS(X)                                                                                         \
    X(add, GAN_ERROR_SHAPE, "add&(2, 3)&(2, 4)", gan_add(Z2(2, 3), Z2(2, 4)))                                \
    X(sub, GAN_ERROR_SHAPE, "sub&(5)&(4)", gan_sub(Z1(5), Z1(4)))                                            \
    X(mul, GAN_ERROR_SHAPE, "mul&(2, 3)&(3, 2)", gan_mul(Z2(2, 3), Z2(3, 2)))                                \
    X(div, GAN_ERROR_SHAPE, "div&(2, 3)&(2)", gan_div(Z2(2, 3), Z1(2)))                                      \
    X(pow, GAN_ERROR_SHAPE, "pow&(2)&(3)", gan_pow(Z1(2), Z1(3)))                                            \
    X(maximum, GAN_ERROR_SHAPE, "maximum&(2)&(3)", gan_maximum(Z1(2), Z1(3)))                                \
    X(minimum, GAN_ERROR_SHAPE, "minimum&(2)&(3)", gan_minimum(Z1(2), Z1(3)))                                \
    X(lt, GAN_ERROR_SHAPE, "compare&(2)&(3)", gan_lt(Z1(2), Z1(3)))                                          \
    X(ge, GAN_ERROR_SHAPE, "compare&(2)&(3)", gan_ge(Z1(2), Z1(3)))                                          \
    X(eq, GAN_ERROR_SHAPE, "compare&(2)&(3)", gan_eq(Z1(2), Z1(3)))                                          \
    X(where, GAN_ERROR_SHAPE, "where&(2)&(3)", gan_where(Z1(2), Z1(3), Z1(3)))                               \
    X(addcmul, GAN_ERROR_SHAPE, "addcmul&(2)&(3)", gan_addcmul(Z1(2), Z1(3), Z1(3)))                         \
    X(lerp, GAN_ERROR_SHAPE, "sub&(2)&(3)", gan_lerp(Z1(2), Z1(3), Z1(3)))                                   \
    X(reshape_size, GAN_ERROR_SHAPE, "reshape&(2, 3)&4", gan_reshape(Z2(2, 3), 4, 2))                        \
    X(reshape_minus, GAN_ERROR_SHAPE, "reshape&(2, 3)", gan_reshape(Z2(2, 3), 4, -1))                        \
    X(reshape_two, -1, "reshape", gan_reshape(Z2(2, 3), -1, -1))                                             \
    X(reshape_negative, -1, "reshape", gan_reshape(Z2(2, 3), -2, -3))                                        \
    X(reshape_many, -1, "reshape", gan_reshape(Z2(2, 3), 1, 1, 1, 1, 1, 1, 1, 2, 3))                         \
    X(flatten, -1, "", gan_add(gan_flatten(Z2(2, 3)), Z2(2, 2)))                                             \
    X(expand, GAN_ERROR_SHAPE, "expand&(2, 3)&4", gan_expand(Z2(2, 3), 4, 3))                                \
    X(expand_fewer, GAN_ERROR_SHAPE, "expand&(2, 3)", gan_expand(Z2(2, 3), 3))                               \
    X(expand_as, GAN_ERROR_SHAPE, "expand&(2, 3)&(4, 3)", gan_expand_as(Z2(2, 3), Z2(4, 3)))                 \
    X(permute_twice, GAN_ERROR_ARGUMENT, "permute", gan_permute(Z2(2, 3), 0, 0))                             \
    X(permute_range, GAN_ERROR_ARGUMENT, "permute", gan_permute(Z2(2, 3), 0, 2))                             \
    X(permute_count, -1, "permute&(2, 3)", gan_permute(Z2(2, 3), 0, 1, 2))                                   \
    X(transpose, GAN_ERROR_ARGUMENT, "permute&2&(2, 3)", gan_transpose(Z2(2, 3), 0, 2))                      \
    X(slice_axis, GAN_ERROR_ARGUMENT, "slice&(2, 3)", gan_slice(Z2(2, 3), 2, 0, 1))                          \
    X(slice_stop, GAN_ERROR_ARGUMENT, "slice&(2, 3)", gan_slice(Z2(2, 3), 1, 0, 4))                          \
    X(slice_order, GAN_ERROR_ARGUMENT, "slice", gan_slice(Z2(2, 3), 1, 2, 1))                                \
    X(slice_start, GAN_ERROR_ARGUMENT, "slice", gan_slice(Z2(2, 3), 1, -4, 2))                               \
    X(pad_axis, GAN_ERROR_ARGUMENT, "pad", gan_pad(Z2(2, 3), 2, 0, 1, 0))                                    \
    X(pad_negative, GAN_ERROR_ARGUMENT, "pad", gan_pad(Z2(2, 3), 1, -1, 0, 0))                               \
    X(concat, GAN_ERROR_SHAPE, "concat&(2, 3)&(3, 2)", gan_concat(0, Z2(2, 3), Z2(3, 2)))                    \
    X(concat_ndim, GAN_ERROR_SHAPE, "concat&(2, 3)&(3)", gan_concat(0, Z2(2, 3), Z1(3)))                     \
    X(concat_axis, GAN_ERROR_ARGUMENT, "concat", gan_concat(2, Z2(2, 3), Z2(2, 3)))                          \
    X(stack, GAN_ERROR_SHAPE, "concat&2, 3)&2, 4)", gan_stack(0, Z2(2, 3), Z2(2, 4)))                        \
    X(take_range, GAN_ERROR_ARGUMENT, "take&5", gan_take(Z2(4, 3), gan_full(ctx, 5, 2)))                     \
    X(take_negative, GAN_ERROR_ARGUMENT, "take", gan_take(Z2(4, 3), gan_full(ctx, -1, 2)))                   \
    X(take_fraction, GAN_ERROR_ARGUMENT, "take", gan_take(Z2(4, 3), gan_full(ctx, (gan_real)1.5, 2)))        \
    X(take_nan, GAN_ERROR_ARGUMENT, "take", gan_take(Z2(4, 3), gan_full(ctx, (gan_real)NAN, 2)))             \
    X(take_shape, GAN_ERROR_SHAPE, "take&(4, 3)", gan_take(Z2(4, 3), Z2(2, 2)))                              \
    X(put_range, GAN_ERROR_ARGUMENT, "put", gan_put(Z2(4, 3), gan_full(ctx, 7, 4), 7))                       \
    X(put_rows, GAN_ERROR_ARGUMENT, "put", gan_put(Z2(4, 3), Z1(4), 0))                                      \
    X(put_shape, GAN_ERROR_SHAPE, "put&(4, 3)", gan_put(Z2(4, 3), Z1(5), 9))                                 \
    X(gather_range, GAN_ERROR_ARGUMENT, "take&3", gan_gather(Z2(2, 3), gan_full(ctx, 3, 2, 1)))              \
    X(gather_shape, GAN_ERROR_SHAPE, "take&(2, 3", gan_gather(Z2(2, 3), Z2(3, 1)))                           \
    X(one_hot, GAN_ERROR_ARGUMENT, "one_hot&4&3", gan_one_hot(gan_full(ctx, 4, 2), 4))                       \
    X(one_hot_classes, GAN_ERROR_ARGUMENT, "one_hot&(2)", gan_one_hot(Z1(2), 0))                             \
    X(sort_axis, GAN_ERROR_ARGUMENT, "sort&axis 2&(2, 3)", gan_sort(Z2(2, 3), 2, 0, NULL))                   \
    X(topk_many, GAN_ERROR_ARGUMENT, "topk&4&(2, 3)", gan_topk(Z2(2, 3), 4, 1, NULL))                        \
    X(topk_negative, GAN_ERROR_ARGUMENT, "topk&-1&(2, 3)", gan_topk(Z2(2, 3), -1, 1, NULL))                  \
    X(randint, GAN_ERROR_ARGUMENT, "gan_randint&3", gan_randint(ctx, 3, 3, 2))                               \
    X(pixel_shuffle, GAN_ERROR_SHAPE, "pixel_shuffle&(1, 3, 2, 2)", gan_pixel_shuffle(Z4(1, 3, 2, 2), 2))    \
    X(pixel_shuffle_ndim, GAN_ERROR_SHAPE, "pixel_shuffle", gan_pixel_shuffle(Z2(4, 4), 2))                  \
    X(pixel_shuffle_factor, -1, "pixel_shuffle", gan_pixel_shuffle(Z4(1, 4, 2, 2), 0))                       \
    X(pixel_unshuffle, GAN_ERROR_SHAPE, "pixel_unshuffle&(1, 3, 3, 2)",                                      \
      gan_pixel_unshuffle(Z4(1, 3, 3, 2), 2))                                                                \
    X(sum_axis, GAN_ERROR_ARGUMENT, "sum&(2, 3)", gan_sum(Z2(2, 3), GAN_AXES(2), 0))                         \
    X(mean_axis, GAN_ERROR_ARGUMENT, "mean&(2, 3)", gan_mean(Z2(2, 3), GAN_AXES(5), 0))                      \
    X(var_axis, GAN_ERROR_ARGUMENT, "var&(2, 3)", gan_var(Z2(2, 3), GAN_AXES(3), 0))                         \
    X(norm_axis, GAN_ERROR_ARGUMENT, "norm&(2, 3)", gan_norm(Z2(2, 3), GAN_AXES(3), 0))                      \
    X(amax_axis, GAN_ERROR_ARGUMENT, "amax&(2, 3)", gan_amax(Z2(2, 3), 2, 0))                                \
    X(argmax_axis, GAN_ERROR_ARGUMENT, "max&(2, 3)", gan_argmax(Z2(2, 3), -3, 0))                            \
    X(logsumexp_axis, GAN_ERROR_ARGUMENT, "sum&axis 2", gan_logsumexp(Z2(2, 3), 2, 0))                       \
    X(softmax_axis, GAN_ERROR_ARGUMENT, "softmax&axis 2", gan_softmax(Z2(2, 3), 2))                          \
    X(log_softmax_axis, GAN_ERROR_ARGUMENT, "log_softmax&axis -4", gan_log_softmax(Z2(2, 3), -4))            \
    X(matmul, GAN_ERROR_SHAPE, "matmul&(2, 3)&(4, 2)", gan_matmul(Z2(2, 3), Z2(4, 2)))                       \
    X(matmul_batch, GAN_ERROR_SHAPE, "matmul&(2, 2, 3)&(3, 3, 2)", gan_matmul(Z3(2, 2, 3), Z3(3, 3, 2)))     \
    X(matmul_vector, GAN_ERROR_SHAPE, "matmul&(3)&(3, 2)", gan_matmul(Z1(3), Z2(3, 2)))                      \
    X(matmul_t, GAN_ERROR_SHAPE, "matmul&(2, 3)&(3, 2)", gan_matmul_t(Z2(2, 3), 1, Z2(3, 2), 0))             \
    X(f_linear, GAN_ERROR_SHAPE, "linear&(4, 3)&(5, 2)", gan_f_linear(Z2(4, 3), Z2(5, 2), NULL))             \
    X(f_linear_bias, GAN_ERROR_SHAPE, "linear&(4)", gan_f_linear(Z2(4, 3), Z2(5, 3), Z1(4)))                 \
    X(f_conv_channels, GAN_ERROR_SHAPE, "conv2d&(1, 2, 5, 5)&(3, 4, 3, 3)",                                  \
      gan_f_conv2d(Z4(1, 2, 5, 5), Z4(3, 4, 3, 3), NULL, NULL))                                              \
    X(f_conv_ndim, GAN_ERROR_SHAPE, "conv2d&(2, 5)", gan_f_conv2d(Z2(2, 5), Z4(3, 4, 3, 3), NULL, NULL))     \
    X(f_conv_large, GAN_ERROR_SHAPE, "conv2d&(1, 1, 3, 3)&4",                                                \
      gan_f_conv2d(Z4(1, 1, 3, 3), Z4(1, 1, 4, 4), NULL, NULL))                                              \
    X(f_conv_bias, GAN_ERROR_SHAPE, "conv2d&bias",                                                           \
      gan_f_conv2d(Z4(1, 1, 5, 5), Z4(3, 1, 3, 3), Z1(2), NULL))                                             \
    X(f_conv_groups, -1, "conv2d",                                                                           \
      (conv = conv_groups(2), gan_f_conv2d(Z4(1, 3, 5, 5), Z4(2, 1, 3, 3), NULL, &conv)))                    \
    X(f_conv_groups_negative, -1, "conv2d",                                                                  \
      (conv = conv_groups(-1), gan_f_conv2d(Z4(1, 3, 5, 5), Z4(2, 3, 3, 3), NULL, &conv)))                   \
    X(f_conv_stride, GAN_ERROR_ARGUMENT, "conv2d",                                                           \
      (conv = conv_stride(-1), gan_f_conv2d(Z4(1, 1, 5, 5), Z4(2, 1, 3, 3), NULL, &conv)))                   \
    X(f_convt_channels, GAN_ERROR_SHAPE, "conv_transpose2d&(1, 2, 5, 5)&(3, 4, 3, 3)",                       \
      gan_f_conv_transpose2d(Z4(1, 2, 5, 5), Z4(3, 4, 3, 3), NULL, NULL))                                    \
    X(f_convt_outpad, GAN_ERROR_ARGUMENT, "conv_transpose2d",                                                \
      (conv = conv_outpad(2, 2), gan_f_conv_transpose2d(Z4(1, 2, 5, 5), Z4(2, 4, 3, 3), NULL, &conv)))       \
    X(max_pool, -1, "max_pool2d&(1, 1, 3, 3)", gan_max_pool2d(Z4(1, 1, 3, 3), 4, 1))                         \
    X(max_pool_zero, -1, "max_pool2d", gan_max_pool2d(Z4(1, 1, 3, 3), 0, 1))                                 \
    X(max_pool_ndim, GAN_ERROR_SHAPE, "max_pool2d&(3, 3)", gan_max_pool2d(Z2(3, 3), 2, 1))                   \
    X(avg_pool, -1, "avg_pool2d&(1, 1, 3, 3)", gan_avg_pool2d(Z4(1, 1, 3, 3), 4, 1))                         \
    X(avg_pool_stride, -1, "avg_pool2d", gan_avg_pool2d(Z4(1, 1, 3, 3), 2, -1))                              \
    X(upsample, GAN_ERROR_ARGUMENT, "upsample", gan_upsample(Z4(1, 1, 3, 3), 0, GAN_NEAREST))                \
    X(upsample_mode, GAN_ERROR_ARGUMENT, "upsample", gan_upsample(Z4(1, 1, 3, 3), 2, (gan_upsample_mode)7))  \
    X(upsample_ndim, -1, "upsample&(3)", gan_upsample(Z1(3), 2, GAN_NEAREST))                                \
    X(normalize, -1, "normalize&(2, 3)", gan_normalize(Z2(2, 3), 2, 4, 1, (gan_real)1e-5))                   \
    X(mse, GAN_ERROR_SHAPE, "(2)&(3)", gan_mse_loss(Z1(2), Z1(3)))                                           \
    X(bce, GAN_ERROR_SHAPE, "(2)&(3)", gan_bce_with_logits(Z1(2), Z1(3)))                                    \
    X(grad_y, -1, "grad&(2)", (keep = Z1(2), gan_grad(gan_square(keep), keep, 0)))                           \
    X(zeros_many, -1, "", gan_zeros(ctx, 1, 1, 1, 1, 1, 1, 1, 1, 1))                                         \
    X(zeros_negative, -1, "shape (3, -2)", gan_zeros(ctx, 3, -2))                                            \
    X(zeros_ndim, -1, "", gan_zeros_n(ctx, -1, NULL))                                                        \
    X(from_null, GAN_ERROR_ARGUMENT, "", gan_from(ctx, NULL, 3))                                             \
    X(linspace, -1, "shape (-1)", gan_linspace(ctx, 0, 1, -1))                                               \
    X(keep_name, -1, "name ", gan_keep(ctx, "", Z1(2)))                                                      \
    X(keep_null, -1, "", gan_keep(ctx, NULL, Z1(2)))                                                         \
    X(linear_out, GAN_ERROR_ARGUMENT, "fc", gan_linear(MODEL, "fc", Z2(2, 3), 0))                            \
    X(linear_scalar, -1, "fc", gan_linear(MODEL, "fc", gan_scalar(ctx, 1), 3))                               \
    X(layer_name, GAN_ERROR_NAME, "", gan_linear(MODEL, NULL, Z2(2, 3), 4))                                  \
    X(layer_name_empty, GAN_ERROR_NAME, "", gan_linear(MODEL, "", Z2(2, 3), 4))                              \
    X(conv_layer, -1, "c1&(2, 3)", gan_conv2d(MODEL, "c1", Z2(2, 3), 4, 3, 1, 0))                            \
    X(conv_layer_kernel, GAN_ERROR_ARGUMENT, "c1", gan_conv2d(MODEL, "c1", Z4(1, 1, 5, 5), 4, 0, 1, 0))      \
    X(conv_layer_stride, GAN_ERROR_ARGUMENT, "c1", gan_conv2d(MODEL, "c1", Z4(1, 1, 5, 5), 4, 3, -1, 0))     \
    X(conv_layer_groups, -1, "c1",                                                                           \
      (conv = conv_groups(2), conv.kernel[0] = 3, conv.out_channels = 3, gan_conv2d_ex(MODEL, "c1",          \
        Z4(1, 2, 5, 5), &conv)))                                                                             \
    X(conv_layer_desc, GAN_ERROR_ARGUMENT, "c1", gan_conv2d_ex(MODEL, "c1", Z4(1, 2, 5, 5), NULL))           \
    X(convt_layer, -1, "up", gan_conv_transpose2d(MODEL, "up", Z2(2, 3), 4, 3, 1, 0))                        \
    X(batch_norm, -1, "bn", gan_batch_norm(MODEL, "bn", Z1(4)))                                              \
    X(layer_norm, -1, "ln", gan_layer_norm(MODEL, "ln", gan_scalar(ctx, 1)))                                 \
    X(instance_norm, -1, "in", gan_instance_norm(MODEL, "in", Z2(2, 3)))                                     \
    X(group_norm, -1, "gn", gan_group_norm(MODEL, "gn", Z4(1, 3, 2, 2), 2))                                  \
    X(group_norm_zero, -1, "gn", gan_group_norm(MODEL, "gn", Z4(1, 3, 2, 2), 0))                             \
    X(embedding, GAN_ERROR_ARGUMENT, "emb&9", gan_embedding(MODEL, "emb", gan_full(ctx, 9, 1), 4, 3))        \
    X(embedding_rows, GAN_ERROR_ARGUMENT, "emb", gan_embedding(MODEL, "emb", Z1(1), 0, 3))                   \
    X(gru, GAN_ERROR_ARGUMENT, "rnn&desc", gan_gru(MODEL, "rnn", Z3(2, 3, 4), NULL, NULL))                   \
    X(gru_shape, GAN_ERROR_SHAPE, "rnn&(2, 3)", gan_gru(MODEL, "rnn", Z2(2, 3), NULL, NULL))                 \
    X(lstm, GAN_ERROR_ARGUMENT, "rnn&desc", gan_lstm(MODEL, "rnn", Z3(2, 3, 4), NULL, NULL, NULL))           \
    X(dropout, GAN_ERROR_ARGUMENT, "dropout", gan_dropout(MODEL, Z1(4), (gan_real)1.5))                      \
    X(param_name, GAN_ERROR_NAME, "", gan_param(MODEL, NULL, gan_init_zeros(), 3))                           \
    X(param_shape, -1, "m.w&(3, -1)", gan_param(MODEL, "w", gan_init_zeros(), 3, -1))                        \
    X(param_twice, GAN_ERROR_SHAPE, "m.w&(3)&(4)",                                                           \
      (model = MODEL, gan_param(model, "w", gan_init_zeros(), 3), gan_param(model, "w",                      \
        gan_init_zeros(), 4)))                                                                               \
    X(param_init, GAN_ERROR_ARGUMENT, "m.w&99",                                                              \
      (init.kind = (gan_init_kind)99, gan_param(MODEL, "w", init, 3)))                                       \
    X(buffer_shape, -1, "m.b&(-3)", gan_buffer(MODEL, "b", 0, -3))                                           \
    X(forward_null, -1, "m", gan_forward(gan_model_create(ctx, "m", returns_null, NULL), Z1(3), NULL))       \
    X(loss_d, GAN_ERROR_ARGUMENT, "loss", gan_loss_d((gan_loss)99, Z2(3, 1), Z2(3, 1), 0))                   \
    X(loss_g, GAN_ERROR_ARGUMENT, "loss", gan_loss_g((gan_loss)-1, Z2(3, 1)))                                \
    X(penalty, GAN_ERROR_ARGUMENT, "penalty",                                                                \
      gan_penalty((gan_penalty_kind)99, 1, MODEL, Z2(3, 1), Z2(3, 1), NULL))                                 \
    X(penalty_shapes, -1, "wgan_gp&(3, 1)&(4, 1)",                                                           \
      gan_penalty(GAN_PENALTY_WGAN_GP, 1, MODEL, Z2(3, 1), Z2(4, 1), NULL))                                  \
    X(penalty_fake, GAN_ERROR_ARGUMENT, "wgan_gp&fake",                                                      \
      gan_penalty(GAN_PENALTY_WGAN_GP, 1, MODEL, Z2(3, 1), NULL, NULL))
// clang-format on

// The same for calls that return no tensor. They return non-zero when they report the error themselves.
// clang-format off
#define OTHER_BAD_CALLS(X)                                                                                   \
    X(model_name, GAN_ERROR_NAME, "a name is NULL", gan_model_create(ctx, NULL, identity, NULL) == NULL)     \
    X(model_name_empty, GAN_ERROR_NAME, "name ", gan_model_create(ctx, "", identity, NULL) == NULL)          \
    X(model_twice, GAN_ERROR_NAME, "gan_model_create&m ", (MODEL, MODEL == NULL))                            \
    X(model_function, GAN_ERROR_ARGUMENT, "gan_forward&store",                                               \
      gan_data(gan_forward(gan_model_create(ctx, "store", NULL, NULL), gan_zeros(ctx, 1), NULL)) == NULL)    \
    X(optimizer_model, GAN_ERROR_ARGUMENT, "",                                                               \
      (trainer = trainer_of(ctx, 0), gan_trainer_create(ctx, &trainer) == NULL))                             \
    X(optimizer_kind, GAN_ERROR_ARGUMENT, "optimizer of m&99",                                               \
      (optimizer.kind = (gan_optimizer_kind)99, gan_optimizer_create(MODEL, optimizer) == NULL))             \
    X(minimize_shape, -1, "(2)", (gan_minimize(gan_optimizer_create(MODEL, gan_sgd(1, 0)), Z1(2)), 1))       \
    X(minimize_null, -1, "", (gan_minimize(gan_optimizer_create(MODEL, gan_sgd(1, 0)), NULL), 1))            \
    X(minimize_all_none, GAN_ERROR_ARGUMENT, "gan_minimize_all&no optimizer",                                \
      (gan_minimize_all(0, NULL, Z1(1)), 1))                                                                 \
    X(minimize_all_null, GAN_ERROR_ARGUMENT, "gan_minimize_all&optimizer 2 is NULL",                         \
      (two[0] = gan_optimizer_create(MODEL, optimizer), gan_minimize_all(2, two, Z1(1)), 1))                 \
    X(minimize_all_twice, GAN_ERROR_ARGUMENT, "gan_minimize_all&m is two players",                           \
      (two[0] = two[1] = gan_optimizer_create(MODEL, optimizer), gan_minimize_all(2, two, Z1(1)), 1))        \
    X(rate_factor, GAN_ERROR_ARGUMENT, "gan_optimizer_rate&of m is -1",                                      \
      (gan_optimizer_rate(gan_optimizer_create(MODEL, optimizer), "fc", -1), 1))                             \
    X(rate_name, GAN_ERROR_NAME, "printable",                                                                \
      (gan_optimizer_rate(gan_optimizer_create(MODEL, optimizer), "\n", 1), 1))                              \
    X(reset_part, GAN_ERROR_ARGUMENT, "gan_optimizer_reset&m",                                               \
      (gan_optimizer_reset(gan_optimizer_create(MODEL, gan_subgradient(1, GAN_STEP_ROOT)), "fc"), 1))        \
    X(read_size, -1, "(2, 3)", gan_read(Z2(2, 3), buffer, 5) != 0)                                           \
    X(grads_shape, -1, "(2)", (keep = Z1(2), gan_grads(gan_square(keep), 1, &keep, &keep2, 0) != 0))         \
    X(gradcheck_order, -1, "gradcheck",                                                                      \
      (keep = Z1(2), !gan_gradcheck(ctx, square_of, NULL, 1, &keep, 7, NULL)))                               \
    X(trainer_null, GAN_ERROR_ARGUMENT, "", gan_trainer_create(ctx, NULL) == NULL)                           \
    X(trainer_batch, GAN_ERROR_ARGUMENT, "",                                                                 \
      (trainer = trainer_of(ctx, 1), trainer.batch = -1, gan_trainer_create(ctx, &trainer) == NULL))         \
    X(trainer_ema, GAN_ERROR_ARGUMENT, "",                                                                   \
      (trainer = trainer_of(ctx, 1), trainer.ema = 2, gan_trainer_create(ctx, &trainer) == NULL))            \
    X(trainer_loss, GAN_ERROR_ARGUMENT, "",                                                                  \
      (trainer = trainer_of(ctx, 1), trainer.loss = (gan_loss)77, gan_trainer_create(ctx,                    \
        &trainer) == NULL))                                                                                  \
    X(trainer_penalty, GAN_ERROR_ARGUMENT, "",                                                               \
      (trainer = trainer_of(ctx, 1), trainer.penalty[0].kind = (gan_penalty_kind)77,                         \
       gan_trainer_create(ctx, &trainer) == NULL))                                                           \
    X(toy, GAN_ERROR_ARGUMENT, "", gan_dataset_toy(ctx, (gan_toy)99) == NULL)                                \
    X(dataset_null, GAN_ERROR_ARGUMENT, "", gan_dataset_memory(ctx, NULL, NULL, 3, 2) == NULL)               \
    X(dataset_empty, GAN_ERROR_ARGUMENT, "", gan_dataset_memory(ctx, buffer, NULL, 0, 2) == NULL)            \
    X(dataset_file, GAN_ERROR_FILE, "nowhere/at/all", gan_dataset_idx(ctx, "nowhere/at/all") == NULL)        \
    X(load_file, GAN_ERROR_FILE, "nowhere/at/all", gan_load(ctx, "nowhere/at/all") != 0)                     \
    X(save_file, GAN_ERROR_FILE, "nowhere/at/all", gan_save(ctx, "nowhere/at/all") != 0)                     \
    X(save_empty, GAN_ERROR_ARGUMENT, "gan_save:&empty", gan_save(ctx, "") != 0)                             \
    X(rolling_empty, GAN_ERROR_ARGUMENT, "gan_save_rolling&empty", gan_save_rolling(ctx, "", 3) != 0)        \
    X(load_empty, GAN_ERROR_ARGUMENT, "gan_load&empty", gan_load(ctx, "") != 0)                              \
    X(resume_empty, GAN_ERROR_ARGUMENT, "gan_resume&empty", gan_resume(ctx, "") < 0)                         \
    X(model_save_empty, GAN_ERROR_ARGUMENT, "gan_model_save&empty", gan_model_save(MODEL, "") != 0)          \
    X(trainer_save_empty, GAN_ERROR_ARGUMENT, "gan_trainer_save&empty",                                      \
      gan_trainer_save(trainer_with_parameter(ctx), "") != 0)                                                \
    X(image_empty, GAN_ERROR_ARGUMENT, "gan_image_write&empty", gan_image_write(Z4(1, 1, 2, 2), 0, "") != 0) \
    X(idx_empty, GAN_ERROR_ARGUMENT, "gan_idx_write&empty", gan_idx_write(Z3(1, 2, 2), "") != 0)             \
    X(report_empty, GAN_ERROR_ARGUMENT, "gan_report_write&empty", gan_report_write(ctx, &report, "") != 0)   \
    X(log_empty, GAN_ERROR_ARGUMENT, "gan_logger_create&empty",                                              \
      (logger.csv = "", gan_logger_create(ctx, &logger) == NULL))                                            \
    X(log_events_empty, GAN_ERROR_ARGUMENT, "gan_logger_create&empty",                                       \
      (logger.tensorboard = "", gan_logger_create(ctx, &logger) == NULL))                                    \
    X(load_garbage, GAN_ERROR_FORMAT, "", gan_load_memory(ctx, "this is not a checkpoint", 24) != 0)         \
    X(load_short, GAN_ERROR_FORMAT, "", gan_load_memory(ctx, "abc", 3) != 0)                                 \
    X(load_null, GAN_ERROR_ARGUMENT, "gan_load&NULL", gan_load(ctx, NULL) != 0)                              \
    X(load_bytes_null, GAN_ERROR_ARGUMENT, "gan_load_memory&NULL", gan_load_memory(ctx, NULL, 8) != 0)       \
    X(save_null, GAN_ERROR_ARGUMENT, "gan_save&NULL", gan_save(ctx, NULL) != 0)                              \
    X(rolling_null, GAN_ERROR_ARGUMENT, "gan_save_rolling&NULL", gan_save_rolling(ctx, NULL, 3) != 0)        \
    X(rolling_none, GAN_ERROR_ARGUMENT, "0 files", gan_save_rolling(ctx, "nowhere/at/all", 0) != 0)          \
    X(rolling_many, GAN_ERROR_ARGUMENT, "2147483647", gan_save_rolling(ctx, "nowhere/at/all", INT_MAX) != 0) \
    X(rolling_file, GAN_ERROR_FILE, "nowhere/at/all", gan_save_rolling(ctx, "nowhere/at/all", 3) != 0)       \
    X(resume_null, GAN_ERROR_ARGUMENT, "gan_resume&NULL", gan_resume(ctx, NULL) < 0)                         \
    X(resume_folder, GAN_ERROR_FILE, "tests", gan_resume(ctx, "tests") < 0)                                  \
    X(inspect_null, GAN_ERROR_ARGUMENT, "gan_inspect&NULL", gan_inspect(ctx, NULL, &says) != 0)              \
    X(inspect_file, GAN_ERROR_FILE, "nowhere/at/all", gan_inspect(ctx, "nowhere/at/all", &says) != 0)        \
    X(model_save_null, GAN_ERROR_ARGUMENT, "gan_model_save&NULL", gan_model_save(MODEL, NULL) != 0)          \
    X(model_save_early, GAN_ERROR_STATE, "m has no", gan_model_save(MODEL, "nowhere/at/all") != 0)           \
    X(model_save_file, GAN_ERROR_FILE, "nowhere/at/all",                                                     \
      (model = MODEL, gan_param(model, "w", init, 3), gan_model_save(model, "nowhere/at/all") != 0))         \
    X(model_load_null, GAN_ERROR_ARGUMENT, "gan_model_load&NULL", gan_model_load(MODEL, NULL, 0) != 0)       \
    X(model_load_file, GAN_ERROR_FILE, "nowhere/at/all", gan_model_load(MODEL, "nowhere/at/all", 1) != 0)    \
    X(model_load_bytes, GAN_ERROR_ARGUMENT, "NULL", gan_model_load_memory(MODEL, NULL, 8, 0) != 0)           \
    X(model_load_garbage, GAN_ERROR_FORMAT, "", gan_model_load_memory(MODEL, "no checkpoint", 13, 1) != 0)   \
    X(trainer_save_null, GAN_ERROR_ARGUMENT, "gan_trainer_save&NULL",                                        \
      gan_trainer_save(trainer_with_parameter(ctx), NULL) != 0)                                              \
    X(trainer_save_file, GAN_ERROR_FILE, "nowhere/at/all",                                                   \
      gan_trainer_save(trainer_with_parameter(ctx), "nowhere/at/all") != 0)                                  \
    X(trainer_save_standing, GAN_ERROR_ARGUMENT, "gan_trainer_save_standing&batches",                        \
      gan_trainer_save_standing(trainer_with_parameter(ctx), "a", -1) != 0)                                  \
    X(open_null, GAN_ERROR_ARGUMENT, "gan_dataset_open&NULL", gan_dataset_open(ctx, NULL) == NULL)           \
    X(open_nothing, GAN_ERROR_ARGUMENT, "path or bytes", gan_dataset_open(ctx, &data) == NULL)               \
    X(open_both, GAN_ERROR_ARGUMENT, "either", BYTES(csv, data.path = "nowhere"))                            \
    X(open_file, GAN_ERROR_FILE, "nowhere/at/all", PATH("nowhere/at/all"))                                   \
    X(open_empty_path, GAN_ERROR_ARGUMENT, "gan_dataset_open&empty", PATH(""))                               \
    X(open_folder, GAN_ERROR_FILE, "tools", PATH("tools"))                                                   \
    X(open_no_bytes, GAN_ERROR_FORMAT, "0 bytes", BYTES(csv, data.size = 0))                                 \
    X(open_labels, GAN_ERROR_ARGUMENT, "label_bytes",                                                        \
      BYTES(csv, (data.labels = "a", data.label_bytes = csv, data.label_size = 5)))                          \
    X(open_labels_file, GAN_ERROR_FILE, "nowhere/at/all", BYTES(csv, data.labels = "nowhere/at/all"))        \
    X(open_label_rows, GAN_ERROR_FORMAT, "labels",                                                           \
      BYTES(csv, (data.label_bytes = csv, data.label_size = sizeof csv - 1)))                                \
    X(open_format, GAN_ERROR_ARGUMENT, "format", BYTES(csv, data.format = (gan_format)99))                   \
    X(open_format_low, GAN_ERROR_ARGUMENT, "format", BYTES(csv, data.format = (gan_format)-1))               \
    X(open_other_format, GAN_ERROR_FORMAT, "the file in memory&IDX",                                         \
      BYTES(csv, data.format = GAN_FORMAT_IDX))                                                              \
    X(open_fit, GAN_ERROR_ARGUMENT, "fit", BYTES(csv, data.fit = (gan_fit)99))                               \
    X(open_negative, GAN_ERROR_ARGUMENT, "height", BYTES(csv, data.height = INT_MIN))                        \
    X(open_channels, GAN_ERROR_SHAPE, "the file in memory&2147483647", BYTES(pgm, data.channels = INT_MAX))  \
    X(open_rows, GAN_ERROR_SHAPE, "the file in memory&(2)", BYTES(csv, data.height = 1))                     \
    X(open_crop, GAN_ERROR_SHAPE, "cropped", BYTES(pgm, (data.fit = GAN_FIT_CROP, data.height = 9)))         \
    X(open_range, GAN_ERROR_ARGUMENT, "low", BYTES(csv, (data.low = 2, data.high = 1)))                      \
    X(open_nan, GAN_ERROR_ARGUMENT, "finite", BYTES(csv, data.high = (gan_real)NAN))                         \
    X(open_column, GAN_ERROR_ARGUMENT, "label_column 3", BYTES(csv, data.label_column = 3))                  \
    X(open_column_low, GAN_ERROR_ARGUMENT, "the file in memory&-2147483648",                                 \
      BYTES(csv, data.label_column = INT_MIN))                                                               \
    X(open_column_pgm, GAN_ERROR_ARGUMENT, "no CSV", BYTES(pgm, data.label_column = 1))                      \
    X(open_short, GAN_ERROR_FORMAT, "the file in memory&14 bytes", BYTES(pgm, --data.size))                  \
    X(image_shape, -1, "(2, 3)", gan_image_write(Z2(2, 3), 0, "out/test/never.ppm") != 0)                    \
    X(image_path, -1, "nowhere/at/all.pgm", gan_image_write(Z4(1, 1, 2, 2), 0, "nowhere/at/all.pgm") != 0)   \
    X(idx_shape, -1, "(3)", gan_idx_write(Z1(3), "out/test/never.idx") != 0)
// clang-format on

static gan_tensor *square_of(gan_context *ctx, gan_tensor **x, void *user)
{
    (void)ctx, (void)user;
    return gan_square(x[0]);
}
static gan_trainer_desc trainer_of(gan_context *ctx, int with_models)
{
    gan_trainer_desc d;
    memset(&d, 0, sizeof d);
    d.data = gan_dataset_toy(ctx, GAN_TOY_RING);
    if (with_models) {
        d.generator = gan_model_create(ctx, "g", identity, NULL);
        d.discriminator = gan_model_create(ctx, "d", identity, NULL);
    }
    return d;
}

static const char csv[] = "1,2\n3,4\n", pgm[] = "P5 2 2 255\n\1\2\3\4";
#define PATH(p) (data.path = (p), gan_dataset_open(ctx, &data) == NULL)
#define BYTES(array, change)                                                                                 \
    (data.bytes = array, data.size = sizeof array - 1, (void)(change), gan_dataset_open(ctx, &data) == NULL)
static gan_tensor *shift(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)label;
    return gan_add(x, gan_param(m, "w", gan_init_zeros(), 2));
}
static gan_trainer *trainer_with_parameter(gan_context *ctx)
{
    gan_trainer_desc d = trainer_of(ctx, 0);
    d.generator = gan_model_create(ctx, "g", shift, NULL);
    d.discriminator = gan_model_create(ctx, "d", shift, NULL);
    d.latent = 2;
    return gan_trainer_create(ctx, &d);
}

#define LOCALS                                                                                               \
    gan_conv2d_desc conv;                                                                                    \
    gan_tensor *keep = NULL, *keep2 = NULL;                                                                  \
    gan_model *model = NULL;                                                                                 \
    gan_init init = gan_init_zeros();                                                                        \
    gan_optimizer_desc optimizer = gan_sgd(1, 0);                                                            \
    gan_optimizer *two[2] = {NULL, NULL};                                                                    \
    gan_trainer_desc trainer;                                                                                \
    gan_dataset_desc data;                                                                                   \
    gan_checkpoint says;                                                                                     \
    gan_report report;                                                                                       \
    gan_logger_desc logger;                                                                                  \
    gan_real buffer[8] = {0};                                                                                \
    memset(&conv, 0, sizeof conv);                                                                           \
    memset(&trainer, 0, sizeof trainer);                                                                     \
    memset(&data, 0, sizeof data);                                                                           \
    memset(&says, 0, sizeof says);                                                                           \
    memset(&report, 0, sizeof report);                                                                       \
    memset(&logger, 0, sizeof logger);                                                                       \
    (void)report, (void)logger, (void)data, (void)says, (void)conv, (void)keep, (void)keep2, (void)model,    \
        (void)init, (void)optimizer, (void)trainer, (void)buffer, (void)two

#define X(name, code, words, call)                                                                           \
    static gan_tensor *bad_##name(gan_context *ctx)                                                          \
    {                                                                                                        \
        LOCALS;                                                                                              \
        return call;                                                                                         \
    }
BAD_CALLS(X)
#undef X
#define X(name, code, words, call)                                                                           \
    static int other_##name(gan_context *ctx)                                                                \
    {                                                                                                        \
        LOCALS;                                                                                              \
        return call;                                                                                         \
    }
OTHER_BAD_CALLS(X)
#undef X

static void has_words(const char *message, const char *words)
{
    while (*words) {
        char word[64];
        size_t n = 0;
        while (*words && *words != '&' && n + 1 < sizeof word) word[n++] = *words++;
        word[n] = 0;
        if (*words) ++words;
        CHECK(strstr(message, word) != NULL, "the message \"%s\" lacks \"%s\"", message, word);
    }
}

// Whether a message says what it is about: one of the functions of the call, or the first of the words (an
// operation behind it, a layer, a file). Functions are told without gan_, f_ and _ex.
static int says_who(const char *message, const char *call, const char *words)
{
    char word[64];
    const char *at = call;
    size_t n = strcspn(words, "&");
    if (strstr(message, "this call")) return 0;
    while ((at = strstr(at, "gan_")) != NULL) {
        at += strncmp(at, "gan_f_", 6) ? 4 : 6;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(at, "( ,)"), at);
        if (strlen(word) > 3 && !strcmp(word + strlen(word) - 3, "_ex")) word[strlen(word) - 3] = 0;
        if (strlen(word) > 2 && !strcmp(word + strlen(word) - 2, "_n")) word[strlen(word) - 2] = 0;
        if (*word && strstr(message, word)) return 1;
    }
    snprintf(word, sizeof word, "%.*s", (int)n, words);
    return n > 1 && strpbrk(word, "abcdefghijklmnopqrstuvwxyz") && strstr(message, word);
}

static void bad_calls(void)
{
    static const struct {
        const char *name;
        int code;
        const char *words, *text;
        gan_tensor *(*call)(gan_context *);
    } bad[] = {
#define X(name, code, words, call) {#name, code, words, #call, bad_##name},
        BAD_CALLS(X)
#undef X
    };
    static const struct {
        const char *name;
        int code;
        const char *words, *text;
        int (*call)(gan_context *);
    } other[] = {
#define X(name, code, words, call) {#name, code, words, #call, other_##name},
        OTHER_BAD_CALLS(X)
#undef X
    };
    size_t i;
    for (i = 0; i < COUNT(bad); ++i)
        TESTF ("a bad call: %s", bad[i].name) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            gan_tensor *t = bad[i].call(ctx);
            char first[600];
            CHECK(gan_error(ctx) != 0, "no error");
            CHECK(bad[i].code < 0 || gan_error(ctx) == bad[i].code, "code %d, not %d: %s", gan_error(ctx),
                  bad[i].code, gan_error_message(ctx));
            CHECK(gan_data(t) == NULL, "it returned a good tensor");
            CHECK(strlen(gan_error_message(ctx)) > 10, "the message is \"%s\"", gan_error_message(ctx));
            has_words(gan_error_message(ctx), bad[i].words);
            CHECK(says_who(gan_error_message(ctx), bad[i].text, bad[i].words), "\"%s\" does not say who",
                  gan_error_message(ctx));
            snprintf(first, sizeof first, "%s", gan_error_message(ctx));
            (void)gan_add(gan_zeros(ctx, 2), gan_zeros(ctx, 3));
            CHECK(strcmp(first, gan_error_message(ctx)) == 0, "the first error did not stick");
            gan_error_clear(ctx);
            CHECK(gan_error(ctx) == 0 && gan_error_message(ctx)[0] == 0, "cleared");
            CHECK(gan_data(gan_add(gan_full(ctx, 1, 2), gan_full(ctx, 2, 2))) && gan_error(ctx) == 0,
                  "not usable afterwards: %s", gan_error_message(ctx));
            gan_destroy(ctx);
        }
    for (i = 0; i < COUNT(other); ++i)
        TESTF ("a bad call: %s", other[i].name) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            int refused = other[i].call(ctx);
            CHECK(refused, "it returned success");
            CHECK(gan_error(ctx) != 0, "no error");
            CHECK(other[i].code < 0 || gan_error(ctx) == other[i].code, "code %d, not %d: %s", gan_error(ctx),
                  other[i].code, gan_error_message(ctx));
            has_words(gan_error_message(ctx), other[i].words);
            CHECK(says_who(gan_error_message(ctx), other[i].text, other[i].words), "\"%s\" does not say who",
                  gan_error_message(ctx));
            gan_error_clear(ctx);
            CHECK(gan_data(gan_add(gan_full(ctx, 1, 2), gan_full(ctx, 2, 2))) && gan_error(ctx) == 0,
                  "not usable afterwards");
            gan_destroy(ctx);
        }
    printf("%d bad calls\n", (int)(COUNT(bad) + COUNT(other)));
    TEST_MUST_FAIL ("a message that does not say who is caught") {
        CHECK(says_who("this call: input 1 is NULL", "gan_call(t)", "this call"), "who?");
    }
    TEST_MUST_FAIL ("a message about another function is caught") {
        CHECK(says_who("mul: input 1 is NULL", "gan_add(t, z)", "add"), "who?");
    }
}

// X(how messages name it, the call): every function that no operation of the table stands behind, with t,
// which cannot be used, beside good pictures z, in the model m.
// clang-format off
#define NAMED(X)                                                                                             \
    X("gan_read", gan_read(t, NULL, 0)) X("gan_keep", gan_keep(ctx, "k", t)) X("detach", gan_detach(t))      \
    X("one_hot", gan_one_hot(t, 2)) X("sort", gan_sort(t, 0, 0, NULL)) X("topk", gan_topk(t, 1, 0, NULL))    \
    X("expand_as", gan_expand_as(z, t)) X("gan_slerp", gan_slerp(z, z, t))                                   \
    X("gan_latent_path", gan_latent_path(z, t, 3, 0)) X("mse_loss", gan_mse_loss(z, t))                      \
    X("bce_with_logits", gan_bce_with_logits(t, z)) X("l1_loss", gan_l1_loss(z, t))                          \
    X("smooth_l1_loss", gan_smooth_l1_loss(t, z, 1)) X("huber_loss", gan_huber_loss(z, t, 1))                \
    X("gan_grads", gan_grads(t, 1, &z, &y, 0)) X("gan_grads", gan_grads(gan_sum_all(z), 1, &t, &y, 0))       \
    X("gan_grads", gan_grad(t, z, 0))                                                                        \
    X("gradcheck", gan_gradcheck(ctx, square_of, NULL, 1, &t, 1, NULL))                                      \
    X("gan_forward", gan_forward(m, t, NULL)) X("linear", gan_linear(m, "n", t, 2))                          \
    X("linear_no_bias", gan_linear_no_bias(m, "n", t, 2)) X("conv2d", gan_conv2d(m, "n", t, 2, 3, 1, 0))     \
    X("conv_transpose2d", gan_conv_transpose2d(m, "n", t, 2, 3, 1, 0))                                       \
    X("batch_norm", gan_batch_norm(m, "n", t)) X("layer_norm", gan_layer_norm(m, "n", t))                    \
    X("group_norm", gan_group_norm(m, "n", t, 1)) X("instance_norm", gan_instance_norm(m, "n", t))           \
    X("embedding", gan_embedding(m, "n", t, 2, 2)) X("dropout", gan_dropout(m, t, (gan_real).5))             \
    X("gru", gan_gru(m, "n", t, NULL, NULL)) X("lstm", gan_lstm(m, "n", t, NULL, NULL, NULL))                \
    X("reference_batch", gan_reference_batch(m, "n", t, 1))                                                  \
    X("virtual_batch_norm", gan_virtual_batch_norm(m, "n", t, 1))                                            \
    X("conditional_batch_norm", gan_conditional_batch_norm(m, "n", z, t, 2))                                 \
    X("adain", gan_adain(m, "n", z, t)) X("adain_features", gan_adain_features(z, t))                        \
    X("spade", gan_spade(m, "n", z, t, 0)) X("pixel_norm", gan_pixel_norm(t))                                \
    X("local_response_norm", gan_local_response_norm(t, 1, 1, 1, 1))                                         \
    X("reflection_pad2d", gan_reflection_pad2d(t, 1, 1, 1, 1))                                               \
    X("replication_pad2d", gan_replication_pad2d(t, 1, 1, 1, 1))                                             \
    X("depth_to_space", gan_depth_to_space(t, 2)) X("space_to_depth", gan_space_to_depth(t, 2))              \
    X("upfirdn2d", gan_upfirdn2d(z, t, NULL)) X("fir_upsample2d", gan_fir_upsample2d(t, 3, 2))               \
    X("fir_downsample2d", gan_fir_downsample2d(t, 3, 2)) X("blur", gan_blur(t, 3))                           \
    X("blur_pool2d", gan_blur_pool2d(t, 3, 2))                                                               \
    X("modulated_conv2d", gan_modulated_conv2d(m, "n", z, t, NULL))                                          \
    X("noise_injection", gan_noise_injection(m, "n", t, 0))                                                  \
    X("constant_input", gan_constant_input(m, "n", t, 1, 1, 1))                                              \
    X("basis_input", gan_basis_input(m, "n", t, 1, 1, 1))                                                    \
    X("mapping_network", gan_mapping_network(m, "n", t, 2, 1, 0))                                            \
    X("style_mixing", gan_style_mixing(m, z, t, 1, 0)) X("layer_style", gan_layer_style(t, 0))               \
    X("truncation", gan_truncation(m, "n", t, 1, 0)) X("self_attention", gan_self_attention(m, "n", t))      \
    X("squeeze_excitation", gan_squeeze_excitation(m, "n", t, 1))                                            \
    X("gated_conv2d", gan_gated_conv2d(m, "n", t, NULL, NULL))                                               \
    X("gated_conv_transpose2d", gan_gated_conv_transpose2d(m, "n", t, NULL, NULL))                           \
    X("maxout", gan_maxout(m, "n", t, 1, 1)) X("prelu", gan_prelu(m, "n", t, 0))                             \
    X("residual_block", gan_residual_block(m, "n", t, NULL))                                                 \
    X("residual_bottleneck", gan_residual_bottleneck(m, "n", t, 1, 1, 1))                                    \
    X("unet", gan_unet(m, "n", t, 1, 1, 1)) X("minibatch_stddev", gan_minibatch_stddev(t, 1))                \
    X("minibatch_discrimination", gan_minibatch_discrimination(m, "n", t, 1, 1))                             \
    X("mmd_rbf", gan_mmd_rbf(z, t, 0, NULL))                                                                 \
    X("mmd_rational_quadratic", gan_mmd_rational_quadratic(t, z, 0, NULL))                                   \
    X("energy_distance", gan_energy_distance(z, t)) X("sinkhorn", gan_sinkhorn(t, z, 1, 1))                  \
    X("loss_d", gan_loss_d(GAN_LOSS_HINGE, z, t, 0)) X("loss_g", gan_loss_g(GAN_LOSS_HINGE, t))              \
    X("reconstruction_error", gan_reconstruction_error(z, t)) X("pull_away", gan_pull_away(t))               \
    X("cross_entropy", gan_cross_entropy(z, t))                                                              \
    X("cross_entropy_smooth", gan_cross_entropy_smooth(z, t, 0)) X("nll_loss", gan_nll_loss(t, z))           \
    X("multi_margin_loss", gan_multi_margin_loss(z, t, 1)) X("crammer_singer", gan_crammer_singer(t, z))     \
    X("ac_gan_d", gan_ac_gan_d(t, z, z, z)) X("ac_gan_g", gan_ac_gan_g(z, t))                                \
    X("tac_gan_d", gan_tac_gan_d(t, z, z, z)) X("tac_gan_g", gan_tac_gan_g(t, z, z))                         \
    X("adc_gan_d", gan_adc_gan_d(t, z, z, z)) X("adc_gan_g", gan_adc_gan_g(z, t))                            \
    X("multi_hinge_d", gan_multi_hinge_d(gan_reshape(z, 2, 64), gan_zeros(ctx, 2), t))                       \
    X("multi_hinge_g", gan_multi_hinge_g(t, z))                                                              \
    X("semi_supervised", gan_semi_supervised(gan_reshape(z, 2, 64), gan_zeros(ctx, 2), z, t))                \
    X("semi_supervised_logit", gan_semi_supervised_logit(t))                                                 \
    X("projection", gan_projection(m, "n", z, t, 2)) X("contrastive_2c", gan_contrastive_2c(z, t, z, 1))     \
    X("contrastive_2c", gan_contrastive_2c(gan_zeros(ctx, 2, 3), gan_zeros(ctx, 2, 3), t, 1))                \
    X("d2d_ce", gan_d2d_ce(t, z, z, 1, 0)) X("gaussian_nll", gan_gaussian_nll(z, t, z))                      \
    X("info_gan", gan_info_gan(t, z, NULL, NULL, NULL)) X("rotations", gan_rotations(t))                     \
    X("rotation_loss", gan_rotation_loss(t)) X("info_nce", gan_info_nce(z, t, 1))                            \
    X("n_pair", gan_n_pair(t, z, 1)) X("nt_xent", gan_nt_xent(z, t, 1))                                      \
    X("feature_matching", gan_feature_matching(z, t))                                                        \
    X("feature_matching_l1", gan_feature_matching_l1(t, z)) X("cycle_loss", gan_cycle_loss(t, z, t, z))      \
    X("identity_loss", gan_identity_loss(z, t, z, t)) X("total_variation", gan_total_variation(t))           \
    X("total_variation_squared", gan_total_variation_squared(t)) X("gram_matrix", gan_gram_matrix(t))        \
    X("style_loss", gan_style_loss(z, t)) X("content_loss", gan_content_loss(t, z))                          \
    X("ssim", gan_ssim(z, t, 1)) X("dssim", gan_dssim(t, z, 1)) X("kl_normal", gan_kl_normal(z, t))          \
    X("gradient_reversal", gan_gradient_reversal(t, 1))                                                      \
    X("wgan_gp", gan_penalty(GAN_PENALTY_WGAN_GP, 1, m, z, t, NULL)) X("augment", gan_augment(t, NULL))      \
    X("instance_noise", gan_instance_noise(t, 1))                                                            \
    X("gan_pool_query", gan_pool_query(gan_pool_create(ctx, "p", 2), t, 1))                                  \
    X("gan_minimize", gan_minimize(gan_optimizer_create(m, gan_sgd(1, 0)), t))                               \
    X("gan_accumulate", gan_accumulate(gan_optimizer_create(m, gan_sgd(1, 0)), t))                           \
    X("gan_idx_write", gan_idx_write(t, "nowhere/at/all"))                                                   \
    X("gan_image_write", gan_image_write(t, 0, "nowhere/at/all.pgm"))                                        \
    X("gan_plot_panel", gan_plot_panel(plot, 0, 1, 0, 1, (axes.heat = t, &axes)))                            \
    X("gan_axes.images", gan_plot_panel(plot, 0, 1, 0, 1, (axes.images = t, &axes)))                         \
    X("gan_plot_add", (gan_plot_panel(plot, 0, 1, 0, 1, NULL), gan_plot_add(plot, &series)))                 \
    X("gan_plot_gan2d", gan_plot_gan2d(plot, 0, 1, 0, 1, NULL, (plane.real = t, &plane)))                    \
    X("gan_density", gan_density(t, 2, 2, 0, 1, 0, 1, 1))                                                    \
    X("gan_terminal_series", gan_terminal_series(&series, 9, 2, GAN_TERMINAL_BRAILLE, text, sizeof text))    \
    X("gan_terminal_images", gan_terminal_images(t, 9, 2, GAN_TERMINAL_BRAILLE, text, sizeof text))          \
    X("histogram", gan_histogram(t, 0, 1, 2)) X("kl_divergence", gan_kl_divergence(z, t))                    \
    X("js_divergence", gan_js_divergence(t, z)) X("tv_distance", gan_tv_distance(z, t))                      \
    X("wasserstein_histogram", gan_wasserstein_histogram(t, z, 1))                                           \
    X("wasserstein_1d", gan_wasserstein_1d(z, t, 1))                                                         \
    X("wasserstein_sliced", gan_wasserstein_sliced(t, z, 0, 1))                                              \
    X("wasserstein_pyramid", gan_wasserstein_pyramid(z, t, 0, 0, 0)) X("assignment", gan_assignment(t))      \
    X("wasserstein_exact", gan_wasserstein_exact(t, z, 1))                                                   \
    X("sinkhorn_divergence", gan_sinkhorn_divergence(z, t, 0, 0))                                            \
    X("frechet_distance", gan_frechet_distance(t, z))                                                        \
    X("kernel_distance", gan_kernel_distance(z, t, 0, 0)) X("mmd_unbiased", gan_mmd_unbiased(t, z, 0))       \
    X("nearest", gan_nearest(z, t, 1, NULL)) X("precision_recall", gan_precision_recall(t, z, 0))            \
    X("density_coverage", gan_density_coverage(z, t, 0)) X("neighbor_test", gan_neighbor_test(t, z))         \
    X("birthday", gan_birthday(t, 1)) X("memorization", gan_memorization(z, z, t))                           \
    X("authenticity", gan_authenticity(z, t)) X("bin_difference", gan_bin_difference(z, t, 2))               \
    X("mode_report", gan_mode_report(z, t, 1)) X("inception_score", gan_inception_score(t, 0))               \
    X("ms_ssim", gan_ms_ssim(z, t, 1)) X("ms_ssim_diversity", gan_ms_ssim_diversity(t, 0, 1))                \
    X("perceptual_path_length", gan_perceptual_path_length(m, m, z, t, NULL, NULL))                          \
    X("classifier_test", gan_classifier_test(z, t, 0, 1)) X("confusion", gan_confusion(t, z))                \
    X("gan_latent_optimize", gan_latent_optimize(m, m, t, NULL, NULL))                                       \
    X("gan_latent_langevin", gan_latent_langevin(m, m, t, NULL, 1, 1))
// clang-format on

enum {
    RELEASED,
    FAILED,
    WAYS
}; // why t cannot be used: its scope was closed; the error it comes from was cleared

#define X(who, call)                                                                                         \
    t = series.points = useless(ctx, way);                                                                   \
    (void)(call);                                                                                            \
    named(who, gan_error_message(ctx));                                                                      \
    ++calls;

// Whether a message about an input begins with the function's name, within a layer after the layer's.
static void named(const char *who, const char *message)
{
    const char *const layer = strncmp(message, "m.", 2) ? NULL : strstr(message, ": ");
    const char *const from = layer ? layer + 2 : message;
    CHECK(!strstr(message, "this call"), "%s: \"%s\"", who, message);
    CHECK(!strncmp(from, who, strlen(who)) && !strncmp(from + strlen(who), ": input ", 8), "%s: \"%s\"", who,
          message);
}

// A tensor that cannot be used any more.
static gan_tensor *useless(gan_context *ctx, int way)
{
    gan_tensor *t;
    gan_scope_open(ctx);
    t = way == RELEASED ? Z2(2, 3) : gan_add(Z1(2), Z1(3));
    gan_scope_close(ctx);
    gan_error_clear(ctx);
    return t;
}

static void names(void)
{
    static const char *const what[] = {"released with its scope", "of an error that was cleared"};
    int way, calls = 0;
    for (way = 0; way < WAYS; ++way)
        TESTF ("the message about a tensor %s begins with the name of the function that was called",
               what[way]) {
            gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
            gan_model *m = gan_model_create(ctx, "m", identity, NULL);
            gan_tensor *z = Z4(2, 4, 4, 4), *t, *y;
            gan_plot *plot = gan_plot_create(ctx, 300, 200, 1);
            gan_axes axes;
            gan_series series;
            const gan_gan2d of = {m, NULL, NULL, z};
            gan_gan2d plane = of;
            char text[600];
            memset(&axes, 0, sizeof axes);
            memset(&series, 0, sizeof series);
            NAMED(X)
            gan_destroy(ctx);
        }
    printf("%d calls named\n", calls);
    TEST_MUST_FAIL ("a message that names no function is caught") {
        named("ssim", "this call: input 1 is NULL");
    }
    TEST_MUST_FAIL ("a message that names another function is caught") {
        named("ssim", "ms_ssim: input 1 comes from a call that failed");
    }
}
#undef X

// Every function that takes a tensor, as an expression in t (poison or NULL) and z (a good one of shape (2,
// 3)).
// clang-format off
#define CALLS_WITH(X)                                                                                        \
    X(gan_add(t, z)) X(gan_add(z, t)) X(gan_sub(z, t)) X(gan_mul(t, z)) X(gan_div(z, t)) X(gan_pow(t, t))    \
    X(gan_maximum(t, z)) X(gan_minimum(z, t)) X(gan_affine(t, 1, 0)) X(gan_abs(t)) X(gan_exp(t))             \
    X(gan_log(t)) X(gan_sqrt(t)) X(gan_square(t)) X(gan_reciprocal(t)) X(gan_sin(t)) X(gan_cos(t))           \
    X(gan_tanh(t)) X(gan_sigmoid(t)) X(gan_softplus(t)) X(gan_erf(t)) X(gan_relu(t))                         \
    X(gan_leaky_relu(t, 1)) X(gan_elu(t, 1)) X(gan_selu(t)) X(gan_gelu(t)) X(gan_silu(t))                    \
    X(gan_clamp(t, 0, 1)) X(gan_where(t, z, z)) X(gan_where(z, t, z)) X(gan_where(z, z, t))                  \
    X(gan_addcmul(t, z, z)) X(gan_addcmul(z, z, t)) X(gan_lt(t, z)) X(gan_le(z, t)) X(gan_gt(t, z))          \
    X(gan_ge(t, z)) X(gan_eq(t, z)) X(gan_ne(z, t)) X(gan_reshape(t, -1)) X(gan_flatten(t))                  \
    X(gan_expand(t, 2, 3)) X(gan_expand_as(t, z)) X(gan_expand_as(z, t)) X(gan_permute(t, 1, 0))             \
    X(gan_transpose(t, 0, 1)) X(gan_slice(t, 0, 0, 1)) X(gan_pad(t, 0, 1, 1, 0)) X(gan_concat(0, z, t))      \
    X(gan_concat(0, t, z)) X(gan_stack(0, t, z)) X(gan_take(t, z)) X(gan_take(z, t))                         \
    X(gan_put(t, z, 3)) X(gan_gather(t, z)) X(gan_gather(z, t)) X(gan_pixel_shuffle(t, 2))                   \
    X(gan_pixel_unshuffle(t, 2)) X(gan_sum(t, GAN_ALL, 0)) X(gan_mean(t, GAN_ALL, 0))                        \
    X(gan_var(t, GAN_AXES(0), 0))                                                                            \
    X(gan_floor(t)) X(gan_one_hot(t, 2)) X(gan_sort(t, 0, 0, NULL)) X(gan_topk(t, 1, 0, NULL))               \
    X(gan_amax(t, 0, 0)) X(gan_argmax(t, 0, 0)) X(gan_norm(t, GAN_ALL, 0)) X(gan_logsumexp(t, 0, 0))         \
    X(gan_sum_all(t)) X(gan_mean_all(t)) X(gan_norm_per_sample(t)) X(gan_matmul(t, z)) X(gan_matmul(z, t))   \
    X(gan_matmul_t(z, 0, t, 1)) X(gan_f_linear(t, z, NULL)) X(gan_f_linear(z, t, NULL))                      \
    X(gan_f_conv2d(t, z, NULL, NULL)) X(gan_f_conv2d(z, t, NULL, NULL))                                      \
    X(gan_f_conv_transpose2d(t, z, NULL, NULL)) X(gan_max_pool2d(t, 2, 2)) X(gan_avg_pool2d(t, 2, 2))        \
    X(gan_upsample(t, 2, GAN_NEAREST)) X(gan_normalize(t, 1, 1, 1, 1)) X(gan_neg(t))                         \
    X(gan_affine_sample(t, z, GAN_BORDER_ZEROS)) X(gan_affine_sample(z, t, GAN_BORDER_REFLECT))              \
    X(gan_augment(t, NULL)) X(gan_instance_noise(t, 1)) X(gan_pool_query(NULL, t, 1))                        \
    X(gan_add_scalar(t, 1)) X(gan_mul_scalar(t, 1)) X(gan_pow_scalar(t, 2)) X(gan_lerp(t, z, z))             \
    X(gan_lerp(z, z, t)) X(gan_softmax(t, 0)) X(gan_log_softmax(t, 0)) X(gan_mse_loss(t, z))                 \
    X(gan_mse_loss(z, t)) X(gan_bce_with_logits(z, t)) X(gan_detach(t)) X(gan_grad(t, z, 0))                 \
    X(gan_grad(gan_sum_all(z), t, 0)) X(gan_grad(t, t, 1)) X(gan_keep(ctx, "k", t))                          \
    X(gan_forward(m, t, NULL)) X(gan_linear(m, "a", t, 2)) X(gan_linear_no_bias(m, "b", t, 2))               \
    X(gan_conv2d(m, "c", t, 2, 3, 1, 0)) X(gan_conv_transpose2d(m, "d", t, 2, 3, 1, 0))                      \
    X(gan_batch_norm(m, "e", t)) X(gan_layer_norm(m, "f", t)) X(gan_instance_norm(m, "g", t))                \
    X(gan_group_norm(m, "h", t, 1)) X(gan_embedding(m, "i", t, 2, 2)) X(gan_dropout(m, t, (gan_real).5))     \
    X(gan_gru(m, "j", t, NULL, NULL)) X(gan_lstm(m, "k", t, NULL, NULL, NULL))                               \
    X(gan_loss_d(GAN_LOSS_HINGE, t, z, 0)) X(gan_loss_d(GAN_LOSS_HINGE, z, t, 0))                            \
    X(gan_loss_g(GAN_LOSS_MINIMAX, t)) X(gan_penalty(GAN_PENALTY_WGAN_GP, 1, m, t, z, NULL))                 \
    X(gan_penalty(GAN_PENALTY_WGAN_GP, 1, m, z, t, NULL))                                                    \
    X(gan_penalty(GAN_PENALTY_R1, 1, m, t, NULL, NULL))
// clang-format on

static void poison_and_null(void)
{
    TEST ("poison passes through every call and the first error stays") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", identity, NULL);
        gan_tensor *z = gan_full(ctx, 1, 2, 3), *t = gan_add(z, gan_zeros(ctx, 5)), *r;
        char first[600];
        int calls = 0;
        snprintf(first, sizeof first, "%s", gan_error_message(ctx));
        CHECK(gan_error(ctx) == GAN_ERROR_SHAPE, "the poison");
#define X(call)                                                                                              \
    r = call;                                                                                                \
    CHECK(r != NULL && gan_data(r) == NULL && gan_numel(r) == 0 && gan_item(r) == 0,                         \
          "%s gave something good", #call);                                                                  \
    CHECK(strcmp(first, gan_error_message(ctx)) == 0, "%s changed the message to \"%s\"", #call,             \
          gan_error_message(ctx));                                                                           \
    ++calls;
        CALLS_WITH(X)
#undef X
        CHECK(calls > 100, "%d calls", calls);
        printf("%d calls with poison, as many with NULL\n", calls);
        gan_destroy(ctx);
    }
    TEST ("a cleared error does not bring poison back to life: used again it is an error again") {
        gan_context *ctx = gan_create(NULL);
        gan_tensor *t = gan_add(gan_zeros(ctx, 2), gan_zeros(ctx, 3));
        gan_error_clear(ctx);
        t = gan_square(t);
        CHECK(gan_data(t) == NULL, "a good tensor from poison");
        CHECK(gan_error(ctx) != 0, "no error from poison after gan_error_clear");
        gan_destroy(ctx);
    }
    TEST ("NULL tensors lead to errors in every call, not to crashes") {
        gan_context *ctx;
        gan_model *m;
        gan_tensor *z, *t = NULL, *r;
#define X(call)                                                                                              \
    ctx = gan_create(NULL);                                                                                  \
    m = gan_model_create(ctx, "m", identity, NULL);                                                          \
    z = gan_full(ctx, 1, 2, 3);                                                                              \
    (void)m, (void)z;                                                                                        \
    r = call;                                                                                                \
    CHECK(gan_data(r) == NULL, "%s gave a good tensor", #call);                                              \
    CHECK(r == NULL || gan_error(ctx) != 0, "%s gave poison without an error", #call);                       \
    gan_destroy(ctx);
        CALLS_WITH(X)
#undef X
    }
    TEST ("a good tensor beside a NULL one: the error is in its context and names the operation") {
        gan_context *ctx = gan_create(NULL);
        (void)gan_mul(gan_zeros(ctx, 2), NULL);
        CHECK(gan_error(ctx) == GAN_ERROR_ARGUMENT, "code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "mul");
        CHECK_TEXT(gan_error_message(ctx), "NULL");
        gan_destroy(ctx);
    }
    TEST ("NULL contexts, models, optimizers, datasets and trainers are tolerated everywhere") {
        gan_real v[4] = {0};
        int dims[1] = {2};
        gan_tensor *x = NULL, *dx = NULL;
        const char *first = "";
        gan_checkpoint says;
        gan_trainer_desc td;
        gan_conv2d_desc cd;
        memset(&td, 0, sizeof td);
        memset(&cd, 0, sizeof cd);
        gan_destroy(NULL);
        CHECK(gan_error(NULL) == GAN_ERROR_MEMORY && gan_error_message(NULL) != NULL, "gan_error(NULL)");
        gan_error_clear(NULL);
        gan_scope_open(NULL);
        gan_scope_close(NULL);
        CHECK(gan_memory(NULL).current == 0, "gan_memory");
        CHECK(gan_isa_name(NULL) != NULL && gan_threads(NULL) == 0, "gan_isa_name, gan_threads");
        gan_seed(NULL, 1);
        CHECK(!gan_zeros(NULL, 2) && !gan_full(NULL, 1, 2) && !gan_scalar(NULL, 1) &&
                  !gan_linspace(NULL, 0, 1, 2) && !gan_from(NULL, v, 2) && !gan_rand_uniform(NULL, 2) &&
                  !gan_rand_normal(NULL, 2) && !gan_randint(NULL, 0, 2, 2) && !gan_zeros_n(NULL, 1, dims) &&
                  !gan_keep(NULL, "a", NULL),
              "makers of tensors");
        CHECK(gan_context_of(NULL) == NULL && gan_ndim(NULL) == 0 && gan_dim(NULL, 0) == 0 &&
                  gan_numel(NULL) == 0 && !gan_data(NULL) && gan_item(NULL) == 0,
              "readers of tensors");
        CHECK(gan_read(NULL, v, 4) != 0, "gan_read");
        CHECK(gan_concat_n(0, 0, NULL) == NULL || gan_data(gan_concat_n(0, 0, NULL)) == NULL,
              "gan_concat of nothing");
        CHECK(gan_grads(NULL, 1, &x, &dx, 0) != 0 && gan_grad(NULL, NULL, 0) == NULL, "gan_grads");
        (void)gan_record(NULL, 1);
        CHECK(!gan_gradcheck(NULL, square_of, NULL, 1, &x, 1, NULL), "gan_gradcheck");
        CHECK(!gan_model_create(NULL, "m", identity, NULL) && !gan_forward(NULL, NULL, NULL) &&
                  !gan_model_user(NULL) && !gan_model_context(NULL),
              "models");
        gan_model_mode(NULL, GAN_EVAL);
        CHECK(gan_model_count(NULL) == 0 && !gan_model_tensor(NULL, 0) && !gan_model_find(NULL, "a") &&
                  gan_model_parameters(NULL) == 0,
              "models' lists");
        (void)gan_model_name(NULL, 0);
        gan_model_freeze(NULL, NULL, 1);
        gan_model_init(NULL, gan_init_default());
        CHECK(!gan_param(NULL, "a", gan_init_zeros(), 2) && !gan_buffer(NULL, "a", 0, 2), "parameters");
        CHECK(!gan_linear(NULL, "a", NULL, 2) && !gan_conv2d(NULL, "a", NULL, 1, 1, 1, 0) &&
                  !gan_conv2d_ex(NULL, "a", NULL, &cd) &&
                  !gan_conv_transpose2d(NULL, "a", NULL, 1, 1, 1, 0) &&
                  !gan_conv_transpose2d_ex(NULL, "a", NULL, &cd) && !gan_batch_norm(NULL, "a", NULL) &&
                  !gan_layer_norm(NULL, "a", NULL) && !gan_instance_norm(NULL, "a", NULL) &&
                  !gan_group_norm(NULL, "a", NULL, 1) && !gan_embedding(NULL, "a", NULL, 1, 1) &&
                  !gan_dropout(NULL, NULL, 0) && !gan_gru(NULL, "a", NULL, NULL, NULL) &&
                  !gan_lstm(NULL, "a", NULL, NULL, NULL, NULL),
              "layers");
        CHECK(!gan_loss_d(GAN_LOSS_HINGE, NULL, NULL, 0) && !gan_loss_g(GAN_LOSS_HINGE, NULL) &&
                  !gan_penalty(GAN_PENALTY_R1, 1, NULL, NULL, NULL, NULL),
              "losses");
        gan_penalty_after(GAN_PENALTY_WEIGHT_CLIP, 1, NULL);
        CHECK(gan_loss_name((gan_loss)99) != NULL && gan_penalty_name((gan_penalty_kind)-5) != NULL, "names");
        CHECK(!gan_optimizer_create(NULL, gan_sgd(1, 0)) && gan_minimize(NULL, NULL) == 0 &&
                  gan_optimizer_norm(NULL) == 0,
              "optimizers");
        gan_optimizer_lr(NULL, 1);
        gan_optimizer_rate(NULL, NULL, 1);
        gan_optimizer_reset(NULL, NULL);
        CHECK(gan_optimizer_steps(NULL) == 0 && gan_minimize_all(1, NULL, NULL) == 0, "optimizers");
        CHECK(!gan_dataset_idx(NULL, "a") && !gan_dataset_open(NULL, NULL) &&
                  !gan_dataset_memory(NULL, v, NULL, 2, 2) && !gan_dataset_toy(NULL, GAN_TOY_RING) &&
                  !gan_dataset_batch(NULL, 2, NULL) && gan_dataset_size(NULL) == 0,
              "datasets");
        CHECK(gan_idx_write(NULL, "a") != 0 && gan_image_write(NULL, 0, "a") != 0 &&
                  gan_image_write_png(NULL, 0, "a") != 0 &&
                  gan_image_write_bytes(NULL, NULL, 1, 1, 1, "a") != 0,
              "images");
        CHECK(gan_save(NULL, "a") != 0 && gan_load(NULL, "a") != 0 && gan_load_memory(NULL, v, 4) != 0 &&
                  gan_save_rolling(NULL, "a", 2) != 0 && gan_resume(NULL, "a") < 0 &&
                  gan_inspect(NULL, "a", &says) != 0 && gan_inspect(NULL, "a", NULL) != 0 &&
                  gan_model_save(NULL, "a") != 0 && gan_model_load(NULL, "a", 0) != 0 &&
                  gan_model_load_memory(NULL, v, 4, 0) != 0 && gan_trainer_save(NULL, "a") != 0 &&
                  gan_unclaimed(NULL, &first) == 0 && !first && gan_unclaimed(NULL, NULL) == 0,
              "checkpoints");
        CHECK(!gan_trainer_create(NULL, &td) && gan_trainer_step(NULL).step == 0 &&
                  gan_trainer_run(NULL, 3).step == 0 && !gan_trainer_sample(NULL, 1) &&
                  !gan_trainer_generate(NULL, NULL, NULL) && gan_trainer_steps(NULL) == INT64_MAX,
              "trainers");
    }
    TEST ("a model that lives in the call of a NULL tensor: a good model with NULL x puts the error into its "
          "context") {
        gan_context *ctx = gan_create(NULL);
        gan_model *m = gan_model_create(ctx, "m", identity, NULL);
        CHECK(gan_data(gan_linear(m, "fc", NULL, 3)) == NULL && gan_error(ctx) == GAN_ERROR_ARGUMENT,
              "code %d", gan_error(ctx));
        CHECK_TEXT(gan_error_message(ctx), "fc");
        gan_destroy(ctx);
    }
    TEST ("a message is of printable ASCII and ends, whatever the names in it") {
        gan_context *ctx = gan_create(NULL);
        char name[600];
        size_t i;
        const char *text;
        for (i = 0; i + 1 < sizeof name; ++i) name[i] = (char)(i % 250 + 1);
        name[sizeof name - 1] = 0;
        (void)gan_linear(gan_model_create(ctx, "m", identity, NULL), name, gan_zeros(ctx, 1, 1), 3);
        CHECK(gan_error(ctx) == GAN_ERROR_NAME, "a name of 599 odd bytes: code %d", gan_error(ctx));
        text = gan_error_message(ctx);
        CHECK(strlen(text) < 512, "%d characters", (int)strlen(text));
        for (i = 0; text[i]; ++i)
            if (text[i] < 32 || text[i] > 126) CHECK(0, "character %d", text[i]);
        gan_destroy(ctx);
    }
    TEST ("names and paths may be freed when the call is done") {
        gan_context *ctx = gan_create(NULL);
        const char *const path = test_path("freed.csv");
        char *text = (char *)malloc(600);
        gan_dataset_desc desc;
        gan_logger_desc log;
        gan_logger *rows;
        gan_dataset *d;
        gan_model *m;
        FILE *f = fopen(path, "wb");
        if (f) fputs("1,2\n3,4\n", f), fclose(f);
        memset(&desc, 0, sizeof desc);
        memset(&log, 0, sizeof log);
        snprintf(text, 600, "%s", path);
        desc.path = text;
        desc.label_column = -1;
        desc.stream = 1;
        d = gan_dataset_open(ctx, &desc);
        snprintf(text, 600, "model");
        m = gan_model_create(ctx, text, identity, NULL);
        snprintf(text, 600, "weight");
        (void)gan_param(m, text, gan_init_zeros(), 2);
        snprintf(text, 600, "kept");
        (void)gan_keep(ctx, text, gan_zeros(ctx, 2));
        snprintf(text, 600, "%s", test_path("freed_log.csv"));
        log.csv = text;
        log.columns = "a";
        rows = gan_logger_create(ctx, &log);
        snprintf(text, 600, "%s", test_path("freed.safetensors"));
        CHECK(gan_save(ctx, text) == 0 && gan_load(ctx, text) == 0 && gan_model_save(m, text) == 0, "%s",
              gan_error_message(ctx));
        memset(text, '#', 600);
        free(text);
        CHECK(gan_numel(gan_dataset_batch(d, 2, NULL)) == 2 && gan_logger_row(rows, 1, 2.) == 0, "%s",
              gan_error_message(ctx));
        CHECK(!strcmp(gan_model_name(m, 0), "weight") && gan_model_find(m, "weight"), "%s",
              gan_model_name(m, 0));
        CHECK(gan_save(ctx, test_path("freed.safetensors")) == 0 && !gan_error(ctx), "%s",
              gan_error_message(ctx));
        gan_destroy(ctx);
    }
    TEST ("what belongs to another context is refused by both") {
        gan_context *a = gan_create(NULL), *b = gan_create(NULL);
        gan_logger_desc log;
        gan_report report;
        gan_trainer_desc t = trainer_of(a, 1);
        memset(&log, 0, sizeof log);
        memset(&report, 0, sizeof report);
        t.data = gan_dataset_toy(b, GAN_TOY_RING);
        CHECK(!gan_trainer_create(a, &t) && gan_error(a) == GAN_ERROR_ARGUMENT, "data: %d", gan_error(a));
        gan_error_clear(a);
        t.data = gan_dataset_toy(a, GAN_TOY_RING);
        CHECK(!gan_trainer_create(b, &t) && gan_error(b) == GAN_ERROR_ARGUMENT, "models: %d", gan_error(b));
        gan_error_clear(b);
        report.log = gan_logger_create(a, &log);
        CHECK(gan_report_write(b, &report, "nowhere/at/all") == GAN_ERROR_ARGUMENT, "%s",
              gan_error_message(b));
        CHECK_TEXT(gan_error_message(b), "another context");
        gan_destroy(a);
        gan_destroy(b);
    }
    TEST ("an instruction set that is not there gives no context") {
        int isa, missing = 0;
        gan_desc d;
        memset(&d, 0, sizeof d);
        for (isa = 1; isa < GAN_ISA_COUNT; ++isa) {
            gan_context *ctx;
            d.isa = (gan_isa)isa;
            ctx = gan_create(&d);
            missing += ctx == NULL;
            if (ctx) CHECK(strlen(gan_isa_name(ctx)) > 2, "name %s", gan_isa_name(ctx));
            gan_destroy(ctx);
        }
        CHECK(missing >= 1, "no machine has both AVX and NEON: %d missing", missing);
        d.isa = (gan_isa)99;
        CHECK(gan_create(&d) == NULL, "isa 99");
        d.isa = GAN_ISA_SCALAR;
        {
            gan_context *ctx = gan_create(&d);
            CHECK(ctx && strcmp(gan_isa_name(ctx), "scalar") == 0, "scalar is %s", gan_isa_name(ctx));
            gan_destroy(ctx);
        }
    }
    TEST_MUST_FAIL ("a message without the second shape is caught") {
        has_words("add: (2, 3)", "add&(2, 3)&(2, 4)");
    }
}

typedef struct told {
    int errors, warnings, code;
    char text[512];
} told;
static void tell_error(gan_error_code code, const char *message, void *user)
{
    told *t = (told *)user;
    t->errors++, t->code = (int)code;
    snprintf(t->text, sizeof t->text, "%s", message);
}
static void tell_warning(const char *message, void *user)
{
    told *t = (told *)user;
    t->warnings++;
    snprintf(t->text, sizeof t->text, "%s", message);
}

// An optimizer with one field changed: warned of once, or not at all.
static void warned(gan_optimizer_desc d, const char *word)
{
    told t;
    gan_desc desc;
    gan_context *ctx;
    gan_model *m;
    memset(&t, 0, sizeof t);
    memset(&desc, 0, sizeof desc);
    desc.on_error = tell_error, desc.on_warning = tell_warning, desc.message_user = &t;
    ctx = gan_create(&desc);
    m = gan_model_create(ctx, "m", identity, NULL);
    CHECK(gan_warnings(ctx) == 0 && !*gan_warning_message(ctx), "%s", "warned before");
    CHECK(gan_optimizer_create(m, d) && gan_optimizer_create(m, d), "%s", gan_error_message(ctx));
    CHECK(gan_warnings(ctx) == 1 && t.warnings == 1 && t.errors == 0, "%d warnings, %d heard for %s",
          gan_warnings(ctx), t.warnings, word);
    CHECK_TEXT(gan_warning_message(ctx), word);
    CHECK(!strcmp(t.text, gan_warning_message(ctx)), "%s", t.text);
    CHECK(gan_error(ctx) == 0, "a warning set error %d", gan_error(ctx));
    gan_destroy(ctx);
}

static void callbacks(void)
{
    TEST ("on_error is called once, with the message of the sticky error") {
        told t;
        gan_desc desc;
        gan_context *ctx;
        memset(&t, 0, sizeof t);
        memset(&desc, 0, sizeof desc);
        desc.on_error = tell_error, desc.on_warning = tell_warning, desc.message_user = &t;
        ctx = gan_create(&desc);
        (void)gan_add(Z1(2), Z1(3));
        (void)gan_add(Z1(4), Z1(5));
        CHECK(t.errors == 1 && t.code == GAN_ERROR_SHAPE && t.warnings == 0, "%d calls", t.errors);
        CHECK(!strcmp(t.text, gan_error_message(ctx)), "%s", t.text);
        gan_error_clear(ctx);
        (void)gan_add(Z1(4), Z1(5));
        CHECK(t.errors == 2, "%d calls after clearing", t.errors);
        gan_destroy(ctx);
    }
    TEST ("optimizer fields that a kind does not read are warned of, once each") {
        const gan_real lr = (gan_real).1, half = (gan_real).5;
        gan_optimizer_desc d = gan_sgd(lr, 0);
        d.nesterov = 1, warned(d, "nesterov");
        d = gan_sgd(lr, 0), d.dampening = half, warned(d, "dampening");
        d = gan_sgd(lr, 0), d.beta1 = half, warned(d, "beta1");
        d = gan_sgd(lr, 0), d.beta2 = half, warned(d, "beta2");
        d = gan_adam(lr, half, half), d.momentum = half, warned(d, "momentum");
        d = gan_adam(lr, half, half), d.nesterov = 1, warned(d, "nesterov");
        d = gan_adam(lr, half, half), d.alpha = half, warned(d, "alpha");
        d = gan_adam(lr, half, half), d.lr_decay = half, warned(d, "lr_decay");
        d = gan_adam(lr, half, half), d.initial = half, warned(d, "initial");
        d = gan_adam(lr, half, half), d.momentum_decay = half, warned(d, "momentum_decay");
        d = gan_adam(lr, half, half), d.step_rule = GAN_STEP_ROOT, warned(d, "step_rule");
    }
    TEST ("a trainer's optimizer with fields set but lr 0 is refused; all zero is Adam") {
        int k;
        for (k = 0; k < 2; ++k) {
            gan_context *ctx = gan_create(NULL);
            gan_trainer_desc d;
            memset(&d, 0, sizeof d);
            d.generator = gan_model_create(ctx, "g", identity, NULL);
            d.discriminator = gan_model_create(ctx, "d", identity, NULL);
            d.data = gan_dataset_toy(ctx, GAN_TOY_RING);
            if (k) d.d_optimizer.beta1 = (gan_real).5;
            CHECK((gan_trainer_create(ctx, &d) == NULL) == k, "%s", gan_error_message(ctx));
            if (k) CHECK_TEXT(gan_error_message(ctx), "d_optimizer has fields set but lr 0");
            gan_destroy(ctx);
        }
    }
    TEST_MUST_FAIL ("an optimizer as its constructor made it is not warned of") {
        warned(gan_sgd((gan_real).1, (gan_real).9), "momentum");
    }
}

// The message of an error in a file of that name. The folder does not exist.
static const char *message_of(gan_context *ctx, const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "nowhere/%s", name);
    gan_error_clear(ctx);
    gan_load(ctx, path);
    return gan_error_message(ctx);
}

static void utf8(void)
{
    TEST ("a path in UTF-8 stands in a message as it was given") {
        static const char *const names[] = {"gr\xC3\xBC\xC3\x9F",
                                            "\xE7\x94\xBB\xE5\x83\x8F",
                                            "\xF0\x9F\x90\xB1",
                                            "\xC2\xA0\xDF\xBF\xE0\xA0\x80",
                                            "\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF",
                                            "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"};
        gan_context *ctx = gan_create(NULL);
        size_t i;
        for (i = 0; i < COUNT(names); ++i) {
            CHECK_TEXT(message_of(ctx, names[i]), names[i]);
            CHECK(is_printable(names[i]), "name %d", (int)i);
        }
        gan_destroy(ctx);
    }
    TEST ("other bytes and control characters are question marks") {
        static const struct {
            const char *name, *said;
        } wrong[] = {{"a\x1B[31m", "a?[31m"},
                     {"a\nb\x7F", "a?b?"},
                     {"a\xE9z", "a?z"},
                     {"a\xC2\x9Bz", "a??z"},
                     {"a\xC0\xAF", "a??"},
                     {"a\xE0\x80\xAFz", "a???z"},
                     {"a\xED\xA0\x80z", "a???z"},
                     {"a\xF4\x90\x80\x80z", "a????z"},
                     {"a\xE7\x94", "a??"},
                     {"a\xF8z", "a?z"},
                     {"a\x80\xC3\xBC", "a?\xC3\xBC"}};
        gan_context *ctx = gan_create(NULL);
        size_t i;
        char said[64];
        for (i = 0; i < COUNT(wrong); ++i) {
            snprintf(said, sizeof said, "nowhere/%s", wrong[i].said);
            CHECK(is_printable(said) && !is_printable(wrong[i].name), "%s", said);
            CHECK_TEXT(message_of(ctx, wrong[i].name), said);
        }
        gan_destroy(ctx);
    }
    TEST ("a message that is too long ends with a whole character") {
        gan_context *ctx = gan_create(NULL);
        char name[1001];
        int shift, i;
        for (shift = 0; shift < 3; ++shift) {
            const char *said, *end;
            memset(name, 'a', sizeof name);
            for (i = shift; i + 3 < 1000; i += 3) memcpy(name + i, "\xE7\x94\xBB", 3);
            name[i] = 0;
            said = message_of(ctx, name);
            for (end = strstr(said, "\xE7\x94\xBB"); end && !strncmp(end, "\xE7\x94\xBB", 3);) end += 3;
            CHECK(end && strlen(said) == 511 && strspn(end, "?") == strlen(end), "%d bytes, the end is %s",
                  (int)strlen(said), end ? end : "missing");
        }
        gan_destroy(ctx);
    }
    TEST_MUST_FAIL ("a path with a question mark for a letter is another") {
        gan_context *ctx = gan_create(NULL);
        CHECK_TEXT(message_of(ctx, "gr\xFC"), "gr\xFC");
        gan_destroy(ctx);
    }
}

int main(void)
{
    utf8();
    bad_calls();
    callbacks();
    names();
    poison_and_null();
    return test_done();
}
