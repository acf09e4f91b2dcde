// gan.h - v0.1.0 - generative adversarial networks in one C99 header. MIT or public domain, your choice (end
// of file).
//
// Trains and runs GANs with a C compiler and libm, nothing else. In ONE source file of your project write
//
//     #define GAN_IMPLEMENTATION
//     #include "gan.h"
//
// and include gan.h plainly everywhere else. Compile with -O2 and link with -lm; add -fopenmp to use every
// core.
//
// A whole program: G(z) = z + theta learns to move a normal distribution onto its data, N(4, 1).
//
//     #define GAN_IMPLEMENTATION
//     #include "gan.h"
//     #include <stdio.h>
//
//     static gan_tensor *shift(gan_model *g, gan_tensor *z, gan_tensor *label)
//     { (void)label; return gan_add(z, gan_param(g, "theta", gan_init_constant(0), 1, 1)); }
//
//     static gan_tensor *logistic(gan_model *d, gan_tensor *x, gan_tensor *label)
//     { (void)label; return gan_linear(d, "fc", x, 1); }
//
//     int main(void)
//     {
//         gan_context *ctx = gan_create(NULL);
//         gan_model *g = gan_model_create(ctx, "generator", shift, NULL);
//         gan_model *d = gan_model_create(ctx, "discriminator", logistic, NULL);
//         gan_optimizer *og = gan_optimizer_create(g, gan_sgd(.1f, 0));
//         gan_optimizer *od = gan_optimizer_create(d, gan_sgd(.1f, 0));
//         int i;
//         for (i = 0; i < 1000; ++i) {
//             gan_tensor *x = gan_add_scalar(gan_rand_normal(ctx, 2, 256, 1), 4);
//             gan_tensor *fake = gan_forward(g, gan_rand_normal(ctx, 2, 256, 1), NULL);
//             gan_tensor *r = gan_forward(d, x, NULL), *f = gan_forward(d, gan_detach(fake), NULL);
//             gan_minimize(od, gan_loss_d(GAN_LOSS_NON_SATURATING, r, f, 0));
//             fake = gan_forward(g, gan_rand_normal(ctx, 2, 256, 1), NULL);
//             gan_minimize(og, gan_loss_g(GAN_LOSS_NON_SATURATING, gan_forward(d, fake, NULL)));
//         }
//         printf("theta = %.2f, the data's mean is 4\n", (double)gan_item(gan_model_find(g, "theta")));
//         if (gan_error(ctx)) puts(gan_error_message(ctx));
//         gan_destroy(ctx);
//         return 0;
//     }
//
// CONTENTS (search for the marker, for example ">>tape")
//
//     The facade            >>configuration  >>context  >>tensors  >>operations  >>gradients  >>layers
//                           >>losses  >>objectives  >>penalties  >>augmentation  >>optimizers  >>schedules  >>games
//                           >>datasets  >>images  >>checkpoints  >>metrics  >>latents  >>trainer
//     0  ground             >>base  >>mem  >>err  >>rng  >>par  >>cpu
//     1  once per ISA       >>vec  >>kern
//     2  the choice         >>isa
//     3  blocking           >>gemm  >>conv
//     4  shapes             >>tensor  >>state
//     5  differentiation    >>op  >>arith  >>shape  >>reduce  >>product  >>plane  >>norm
//     6                     >>tape
//     7  learning           >>layer  >>loss  >>objective  >>penalty  >>augment  >>optim  >>schedule
//                           >>game
//     8  the world          >>data  >>image  >>ckpt  >>density  >>transport  >>moment  >>neighbor  >>metric
//     9  the adversary      >>latent  >>play  >>train  >>sample
//     roof                  >>public
//
// CONVENTIONS
//
//     Layout       Tensors are dense, row-major, of gan_real (float). Images are NCHW. Weights have PyTorch's
//                  shapes: linear (out, in), conv2d (out, in / groups, kh, kw), conv_transpose2d (in, out /
//                  groups, kh, kw).
//     Sizes        Dimensions are int, 1 to 8 of them or none (a scalar); variadic shapes are `int ndim`
//                  followed by ndim ints.
//     Ownership    A context owns everything. Models, parameters, optimisers, datasets and trainers live
//                  until gan_destroy. Tensors live until their step ends: outside any scope gan_minimize
//                  when it is done, and gan_trainer_step when it begins, release all that was recorded;
//                  inside gan_scope_open ... gan_scope_close, the closing does. gan_keep keeps one by name.
//                  There is no free function to forget. A step in its steady state makes no heap call.
//     Errors       Sticky. A failed call returns a "poison" tensor that later calls pass on; ask
//                  gan_error(ctx) once, when it suits you; gan_error_message(ctx) names the operation, the
//                  shapes and the fix. Nothing aborts or prints. While an error stands no weight changes and
//                  no checkpoint is written over; gan_error_clear goes on. NULL tensors, models and contexts
//                  are tolerated everywhere and lead to errors, not crashes.
//     Threads      One context is used by one thread at a time; different contexts are independent. Inside,
//                  work is spread by OpenMP when compiled with it, by gan_desc.parallel_for when given, else
//                  not at all.
//     Determinism  Same seed, same build, same instruction set: the same bits, whatever the number of
//     threads.
//     Precision    float; GAN_DOUBLE makes everything double (scalar code), for checking derivatives.

// clang-format off
#ifndef GAN_H
#define GAN_H

#include <stddef.h>
#include <stdint.h>

#define GAN_VERSION_MAJOR 0
#define GAN_VERSION_MINOR 1
#define GAN_VERSION_PATCH 0
#define GAN_VERSION "0.1.0"

// >>configuration: define these before including gan.h, all of them alike in every file
//
//     macro                  effect
//     GAN_IMPLEMENTATION     in one file: compile the library here
//     GAN_STATIC             everything static: the library is private to that one file
//     GAN_DOUBLE             gan_real is double; scalar kernels
//     GAN_NO_SIMD            scalar kernels only
//     GAN_NO_STDIO           no files: nothing of <stdio.h>; loading from memory stays
//     GAN_NO_MALLOC          no malloc: gan_desc.memory or gan_desc.allocator must be given
//     GAN_HEADER_FILENAME    the name by which gan.h can include itself; default "gan.h"
//     GAN_IDE                for code browsers: parse the kernels once, without self-inclusion

#ifdef GAN_STATIC
#define GAN_API static
#elif defined(__cplusplus)
#define GAN_API extern "C"
#else
#define GAN_API extern
#endif

#ifdef GAN_DOUBLE
typedef double gan_real;
#else
typedef float gan_real;
#endif

enum { GAN_MAX_DIMS = 8, GAN_MAX_NAME = 128 };

// >>context: create, errors, memory, random numbers

typedef struct gan_context gan_context;
typedef struct gan_tensor gan_tensor;
typedef struct gan_model gan_model;
typedef struct gan_optimizer gan_optimizer;
typedef struct gan_dataset gan_dataset;
typedef struct gan_trainer gan_trainer;

#define GAN_ERRORS(X)                                                                                        \
    X(MEMORY, "out of memory")                                                                               \
    X(ARGUMENT, "bad argument")                                                                              \
    X(SHAPE, "shapes do not fit")                                                                            \
    X(NAME, "bad or unknown name")                                                                           \
    X(STATE, "call out of order")                                                                            \
    X(NONFINITE, "NaN or infinity")                                                                          \
    X(FILE, "file cannot be read or written")                                                                \
    X(FORMAT, "file has the wrong format")                                                                   \
    X(UNSUPPORTED, "not available in this build or on this machine")

typedef enum gan_error_code {
    GAN_OK = 0,
#define GAN__ROW(id, text) GAN_ERROR_##id,
    GAN_ERRORS(GAN__ROW)
#undef GAN__ROW
} gan_error_code;

// Instruction sets, worst first; AUTO takes the best that the machine runs.
#define GAN_ISAS(X) X(SCALAR, scalar) X(SSE2, sse2) X(AVX2, avx2) X(AVX512, avx512) X(NEON, neon)

typedef enum gan_isa {
    GAN_ISA_AUTO = 0,
#define GAN__ROW(id, name) GAN_ISA_##id,
    GAN_ISAS(GAN__ROW)
#undef GAN__ROW
    GAN_ISA_COUNT
} gan_isa;

typedef struct gan_allocator {
    void *(*alloc)(size_t bytes, void *user);           // any alignment; NULL when there is none
    void (*release)(void *p, size_t bytes, void *user); // NULL: nothing is given back
    void *user;
} gan_allocator;

typedef void gan_task(void *arg, int64_t index);

typedef struct gan_desc {                               // zero everywhere means the default
    uint64_t seed;                                      // of every random number of this context
    int threads;                             // 0: all of OpenMP's; needed with parallel_for: how many it runs
    gan_isa isa;                                        // GAN_ISA_AUTO
    void *memory;                                       // a fixed block: malloc is never called
    size_t memory_size;                                 // its bytes
    gan_allocator allocator;                            // malloc and free
    // runs task(arg, 0 .. n-1), returns when all are done
    void (*parallel_for)(int64_t n, gan_task *task, void *arg, void *user);
    void *parallel_user;
} gan_desc;

// A new context; desc may be NULL. Returns NULL when there is no memory for it, or when desc.isa names an
// instruction set that this machine lacks (gan_error(NULL) is then GAN_ERROR_MEMORY; the context never half
// exists).
GAN_API gan_context *gan_create(const gan_desc *desc);
GAN_API void gan_destroy(gan_context *ctx);

// The first error since creation or gan_error_clear: a gan_error_code, 0 for none, and its message.
GAN_API int gan_error(const gan_context *ctx);
GAN_API const char *gan_error_message(const gan_context *ctx);
GAN_API void gan_error_clear(gan_context *ctx);

typedef struct gan_memory_stats {
    size_t current, peak;                        // bytes in use now and at most: parameters and step together
    // bytes taken from the allocator or given as the fixed block; a fixed block needs more than peak, some 20
    // %
    size_t reserved;
    uint64_t heap_calls;                                // calls to the allocator so far
} gan_memory_stats;
GAN_API gan_memory_stats gan_memory(const gan_context *ctx);

// Tensors made between open and close are released by close; scopes nest, up to 31 deep.
GAN_API void gan_scope_open(gan_context *ctx);
GAN_API void gan_scope_close(gan_context *ctx);
// A copy of t that lives until gan_destroy, off the tape. The same name again overwrites it (the shape must
// be the same).
GAN_API gan_tensor *gan_keep(gan_context *ctx, const char *name, gan_tensor *t);

GAN_API const char *gan_isa_name(const gan_context *ctx);
GAN_API int gan_threads(const gan_context *ctx);
// Restart the random numbers (Philox4x32-10, Salmon et al. 2011, counter-based).
GAN_API void gan_seed(gan_context *ctx, uint64_t seed);

// >>tensors: making and reading them. A shape is `int ndim` followed by that many ints.

GAN_API gan_tensor *gan_zeros(gan_context *ctx, int ndim, ...);
GAN_API gan_tensor *gan_full(gan_context *ctx, gan_real value, int ndim, ...);
GAN_API gan_tensor *gan_scalar(gan_context *ctx, gan_real value);                              // shape ()
GAN_API gan_tensor *gan_linspace(gan_context *ctx, gan_real first, gan_real last, int n);      // (n)
GAN_API gan_tensor *gan_from(gan_context *ctx, const gan_real *data, int ndim, ...);           // copies data
GAN_API gan_tensor *gan_rand_uniform(gan_context *ctx, int ndim, ...);                         // [0, 1)
GAN_API gan_tensor *gan_rand_normal(gan_context *ctx, int ndim, ...);                          // N(0, 1)
GAN_API gan_tensor *gan_tensor_create(gan_context *ctx, int ndim, const int *dims); // zeros; a computed shape

GAN_API gan_context *gan_context_of(const gan_tensor *t);
GAN_API int gan_ndim(const gan_tensor *t);
GAN_API int gan_dim(const gan_tensor *t, int i);                    // i < 0 counts from the end
GAN_API size_t gan_numel(const gan_tensor *t);
GAN_API gan_real *gan_data(gan_tensor *t);                  // its values, to read or to fill; NULL for poison
GAN_API gan_real gan_item(const gan_tensor *t);                     // the first value; 0 for poison
// copies n = numel values; returns the error code
GAN_API int gan_read(const gan_tensor *t, gan_real *out, size_t n);

// >>operations: differentiable to any order; shapes broadcast as in NumPy. Names and meanings are PyTorch's.
//
// Every operation is recorded. What the tape knows is this table, one row an operation, by the rooms in which
// they stand with their backwards beside them; the functions under "composed" below are made of these.
#define GAN_OPERATIONS_ARITH(X)                                                                              \
    X(ADD, add) X(SUB, sub) X(MUL, mul) X(DIV, div) X(POW, pow) X(MAXIMUM, maximum) X(MINIMUM, minimum)      \
    X(AFFINE, affine) X(ABS, abs) X(EXP, exp) X(LOG, log) X(SQRT, sqrt) X(SQUARE, square)                    \
    X(RECIPROCAL, reciprocal) X(SIN, sin) X(COS, cos) X(TANH, tanh) X(TANH_BACKWARD, tanh_backward)          \
    X(SIGMOID, sigmoid) X(SIGMOID_BACKWARD, sigmoid_backward) X(SOFTPLUS, softplus) X(ERF, erf)              \
    X(RELU, relu) X(LEAKY_RELU, leaky_relu) X(LEAKY_RELU_BACKWARD, leaky_relu_backward) X(ELU, elu)          \
    X(ELU_BACKWARD, elu_backward) X(GELU, gelu) X(SILU, silu) X(CLAMP, clamp) X(COMPARE, compare)            \
    X(WHERE, where) X(ADDCMUL, addcmul)
#define GAN_OPERATIONS_SHAPE(X)                                                                              \
    X(EXPAND, expand) X(RESHAPE, reshape) X(PERMUTE, permute) X(SLICE, slice) X(PAD, pad)                    \
    X(CONCAT, concat) X(TAKE, take) X(PUT, put)
#define GAN_OPERATIONS_REDUCE(X) X(SUM, sum) X(AMAX, amax)
#define GAN_OPERATIONS_PRODUCT(X)                                                                            \
    X(MATMUL, matmul) X(LINEAR, linear) X(CONV2D, conv2d) X(CONV_TRANSPOSE2D, conv_transpose2d)              \
    X(CONV2D_WEIGHT, conv2d_weight)
#define GAN_OPERATIONS_PLANE(X)                                                                              \
    X(MAX_POOL2D, max_pool2d) X(MAX_UNPOOL2D, max_unpool2d) X(MAX_REPOOL2D, max_repool2d)                    \
    X(AVG_POOL2D, avg_pool2d) X(AVG_POOL2D_BACKWARD, avg_pool2d_backward) X(UPSAMPLE, upsample)              \
    X(UPSAMPLE_BACKWARD, upsample_backward) X(AFFINE_SAMPLE, affine_sample)                                  \
    X(AFFINE_SAMPLE_BACKWARD, affine_sample_backward)
#define GAN_OPERATIONS_NORM(X) X(NORMALIZE, normalize) X(NORMALIZE_BACKWARD, normalize_backward)
#define GAN_OPERATIONS(X)                                                                                    \
    GAN_OPERATIONS_ARITH(X) GAN_OPERATIONS_SHAPE(X) GAN_OPERATIONS_REDUCE(X)                                 \
    GAN_OPERATIONS_PRODUCT(X) GAN_OPERATIONS_PLANE(X) GAN_OPERATIONS_NORM(X)

typedef enum gan_op {
    GAN_OP_NONE = 0,
#define GAN__ROW(id, name) GAN_OP_##id,
    GAN_OPERATIONS(GAN__ROW)
#undef GAN__ROW
    GAN_OP_COUNT
} gan_op;

// arithmetic, element by element, broadcasting
GAN_API gan_tensor *gan_add(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_sub(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_mul(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_div(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_pow(gan_tensor *a, gan_tensor *b);              // a^b, a > 0 for the gradient of b
// where equal, the gradient is shared half and half
GAN_API gan_tensor *gan_maximum(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_minimum(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_affine(gan_tensor *x, gan_real scale, gan_real shift);      // scale x + shift
GAN_API gan_tensor *gan_abs(gan_tensor *x);
GAN_API gan_tensor *gan_exp(gan_tensor *x);
GAN_API gan_tensor *gan_log(gan_tensor *x);
GAN_API gan_tensor *gan_sqrt(gan_tensor *x);
GAN_API gan_tensor *gan_square(gan_tensor *x);
GAN_API gan_tensor *gan_reciprocal(gan_tensor *x);
GAN_API gan_tensor *gan_sin(gan_tensor *x);
GAN_API gan_tensor *gan_cos(gan_tensor *x);
GAN_API gan_tensor *gan_tanh(gan_tensor *x);
GAN_API gan_tensor *gan_sigmoid(gan_tensor *x);
GAN_API gan_tensor *gan_softplus(gan_tensor *x);                        // log(1 + e^x), stable
GAN_API gan_tensor *gan_erf(gan_tensor *x);
GAN_API gan_tensor *gan_relu(gan_tensor *x);
GAN_API gan_tensor *gan_leaky_relu(gan_tensor *x, gan_real slope);
GAN_API gan_tensor *gan_elu(gan_tensor *x, gan_real alpha);
GAN_API gan_tensor *gan_selu(gan_tensor *x);                            // Klambauer 2017
GAN_API gan_tensor *gan_gelu(gan_tensor *x);                            // x Phi(x), exact
GAN_API gan_tensor *gan_silu(gan_tensor *x);                            // x sigmoid(x)
GAN_API gan_tensor *gan_clamp(gan_tensor *x, gan_real lo, gan_real hi);
GAN_API gan_tensor *gan_where(gan_tensor *condition, gan_tensor *a, gan_tensor *b);  // condition != 0 ? a : b
GAN_API gan_tensor *gan_addcmul(gan_tensor *a, gan_tensor *b, gan_tensor *c);           // a b + c in one pass
// comparisons give 1 or 0, without gradient
GAN_API gan_tensor *gan_lt(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_le(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_gt(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_ge(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_eq(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_ne(gan_tensor *a, gan_tensor *b);

// shape
GAN_API gan_tensor *gan_reshape(gan_tensor *x, int ndim, ...);          // one dimension may be -1; no copy
GAN_API gan_tensor *gan_flatten(gan_tensor *x);                         // (N, ...) -> (N, rest); no copy
GAN_API gan_tensor *gan_expand(gan_tensor *x, int ndim, ...);           // broadcast to this shape
GAN_API gan_tensor *gan_expand_as(gan_tensor *x, const gan_tensor *like);
GAN_API gan_tensor *gan_permute(gan_tensor *x, int ndim, ...);          // output axis i is input axis p[i]
GAN_API gan_tensor *gan_transpose(gan_tensor *x, int i, int j);
// [start, stop); negative counts from the end
GAN_API gan_tensor *gan_slice(gan_tensor *x, int axis, int start, int stop);
GAN_API gan_tensor *gan_pad(gan_tensor *x, int axis, int before, int after, gan_real value);
GAN_API gan_tensor *gan_concat(int axis, int count, ...);               // `count` tensors
GAN_API gan_tensor *gan_stack(int axis, int count, ...);                // along a new axis
// x (B.., R, D), index (B.., n) of whole numbers 0 .. R-1 -> (B.., n, D): out[b][i][:] = x[b][index[b][i]][:]
GAN_API gan_tensor *gan_take(gan_tensor *x, gan_tensor *index);
// the adjoint of take: rows are summed
GAN_API gan_tensor *gan_put(gan_tensor *g, gan_tensor *index, int rows);
// along the last axis; x (B.., R), index (B.., n)
GAN_API gan_tensor *gan_gather(gan_tensor *x, gan_tensor *index);
GAN_API gan_tensor *gan_pixel_shuffle(gan_tensor *x, int factor);      // (N, C f f, H, W) -> (N, C, H f, W f)
GAN_API gan_tensor *gan_pixel_unshuffle(gan_tensor *x, int factor);

// reductions; axes is a bit mask made with GAN_AXIS(i) | GAN_AXIS(j), or GAN_ALL
#define GAN_AXIS(i) (1u << (i))
#define GAN_ALL 0xffffffffu
enum { GAN_KEEPDIM = 1 };                                 // keep: reduced axes stay with size 1, else they go
GAN_API gan_tensor *gan_sum(gan_tensor *x, unsigned axes, int keep);
GAN_API gan_tensor *gan_mean(gan_tensor *x, unsigned axes, int keep);
GAN_API gan_tensor *gan_var(gan_tensor *x, unsigned axes, int keep);    // biased (divides by n)
GAN_API gan_tensor *gan_amax(gan_tensor *x, int axis, int keep);     // the gradient goes to the first maximum
GAN_API gan_tensor *gan_argmax(gan_tensor *x, int axis, int keep);      // index as a number; no gradient
GAN_API gan_tensor *gan_norm(gan_tensor *x, unsigned axes, int keep);   // Euclidean; gradient 0 at 0
GAN_API gan_tensor *gan_logsumexp(gan_tensor *x, int axis, int keep);
GAN_API gan_tensor *gan_sum_all(gan_tensor *x);                         // to a scalar
GAN_API gan_tensor *gan_mean_all(gan_tensor *x);
GAN_API gan_tensor *gan_norm_per_sample(gan_tensor *x);                 // (N, ...) -> (N)

// products and images
// (.., m, k) (.., k, n) -> (.., m, n), batch broadcasts
GAN_API gan_tensor *gan_matmul(gan_tensor *a, gan_tensor *b);
GAN_API gan_tensor *gan_matmul_t(gan_tensor *a, int transpose_a, gan_tensor *b, int transpose_b);
// x (.., in) -> (.., out); bias may be NULL
GAN_API gan_tensor *gan_f_linear(gan_tensor *x, gan_tensor *weight, gan_tensor *bias);

typedef struct gan_conv2d_desc {                        // zero means the default
    int out_channels;                                 // for the layers; the operations read it off the weight
    int kernel[2];                                      // height, width; width 0: the height
    // stride, dilation default 1, padding 0; a second 0 means "as the first", so padding {1, -1} is 1 and 0
    int stride[2], padding[2], dilation[2];
    int output_padding[2];                              // conv_transpose2d only
    int groups;                                         // default 1
    int no_bias;
} gan_conv2d_desc;
// x (N, C, H, W), weight (O, C / groups, kh, kw), bias (O) or NULL -> (N, O, H', W'),
// H' = (H + 2 p - d (kh - 1) - 1) / s + 1
GAN_API gan_tensor *gan_f_conv2d(gan_tensor *x, gan_tensor *weight, gan_tensor *bias,
                                 const gan_conv2d_desc *desc);
// x (N, C, H, W), weight (C, O / groups, kh, kw), bias (O) or NULL -> (N, O, H', W'),
// H' = (H - 1) s - 2 p + d (kh - 1) + output_padding + 1
GAN_API gan_tensor *gan_f_conv_transpose2d(gan_tensor *x, gan_tensor *weight, gan_tensor *bias,
                                           const gan_conv2d_desc *desc);
GAN_API gan_tensor *gan_max_pool2d(gan_tensor *x, int kernel, int stride); // no padding; stride 0: the kernel
GAN_API gan_tensor *gan_avg_pool2d(gan_tensor *x, int kernel, int stride);
// bilinear: align_corners false
typedef enum gan_upsample_mode { GAN_NEAREST = 0, GAN_BILINEAR = 1 } gan_upsample_mode;
GAN_API gan_tensor *gan_upsample(gan_tensor *x, int factor, gan_upsample_mode mode);
// What lies beyond an image: zeros, or its mirror image with the border pixel repeated (.. b a | a b ..).
typedef enum gan_border { GAN_BORDER_ZEROS = 0, GAN_BORDER_REFLECT = 1 } gan_border;
// x (N, C, H, W) sampled bilinearly along an affine map for each sample: map (N, 2, 3), y[i][j] = x[v][u]
// with (u, v) = map (j, i, 1) in pixels, whole numbers at their centres. Linear in x; map gets no gradient.
GAN_API gan_tensor *gan_affine_sample(gan_tensor *x, gan_tensor *map, gan_border border);
// x seen as (A, C, B): to mean 0 and variance 1 per channel c over A and B, (x - mean) / sqrt(var + eps) with
// the biased variance. What batch, instance, layer and group norm are made of.
GAN_API gan_tensor *gan_normalize(gan_tensor *x, int a, int c, int b, gan_real eps);

// composed of the above
GAN_API gan_tensor *gan_neg(gan_tensor *x);
GAN_API gan_tensor *gan_add_scalar(gan_tensor *x, gan_real s);
GAN_API gan_tensor *gan_mul_scalar(gan_tensor *x, gan_real s);
GAN_API gan_tensor *gan_pow_scalar(gan_tensor *x, gan_real p);
GAN_API gan_tensor *gan_lerp(gan_tensor *a, gan_tensor *b, gan_tensor *w);         // a + w (b - a)
GAN_API gan_tensor *gan_softmax(gan_tensor *x, int axis);
GAN_API gan_tensor *gan_log_softmax(gan_tensor *x, int axis);
GAN_API gan_tensor *gan_mse_loss(gan_tensor *x, gan_tensor *target);               // mean
GAN_API gan_tensor *gan_bce_with_logits(gan_tensor *logits, gan_tensor *target);   // mean; softplus(l) - t l
GAN_API gan_tensor *gan_detach(gan_tensor *x);                       // the same values, off the tape; no copy

// >>gradients: y must be a scalar (one value)

enum { GAN_CREATE_GRAPH = 1 };       // record the backward pass too, so that its result can be differentiated
// dy/dx, of x's shape; zeros when y does not depend on x. Read it, do not write to it: two gradients may
// share their values.
GAN_API gan_tensor *gan_grad(gan_tensor *y, gan_tensor *x, int flags);
// fills dx[0 .. n-1]; error code
GAN_API int gan_grads(gan_tensor *y, int n, gan_tensor **x, gan_tensor **dx, int flags);
// Recording on (1, the start) or off (0); returns what it was. Off saves memory where no gradient is wanted:
// of all that a model makes, gan_forward then leaves its result alone alive (and what was given to gan_keep).
GAN_API int gan_record(gan_context *ctx, int on);

typedef gan_tensor *gan_function(gan_context *ctx, gan_tensor **x, void *user);
typedef struct gan_gradcheck_report {
    double worst;        // max over entries of |analytic - numeric| / (atol + rtol |numeric|): passes below 1
    double error;                       // the largest |analytic - numeric| itself
    int input, entry;                   // where
    double analytic, numeric;           // what stood there
} gan_gradcheck_report;
// Central differences of sum(w f(x)) with fixed random weights w against the tape. order 1 checks gradients,
// order 2 gradients of gradients (of the sum of first gradients with random weights). Returns 1 when worst <
// 1. Meant for the GAN_DOUBLE build: eps 1e-6, atol 1e-5, rtol 1e-3.
GAN_API int gan_gradcheck(gan_context *ctx, gan_function *f, void *user, int n, gan_tensor **x, int order,
                          gan_gradcheck_report *report);

// >>layers: a model is a C function; its parameters are named, created and initialised when first met

typedef gan_tensor *gan_model_function(gan_model *m, gan_tensor *x, gan_tensor *label);
typedef enum gan_mode { GAN_TRAIN = 0, GAN_EVAL = 1 } gan_mode;

GAN_API gan_model *gan_model_create(gan_context *ctx, const char *name, gan_model_function *forward,
                                    void *user);
// The model's output; label may be NULL. Inside it a layer and the activation that follows at once (relu,
// leaky_relu, tanh, sigmoid) are made in one pass: what is between them is not stored, and made again if it
// is read.
GAN_API gan_tensor *gan_forward(gan_model *m, gan_tensor *x, gan_tensor *label);
GAN_API void *gan_model_user(const gan_model *m);
GAN_API gan_context *gan_model_context(const gan_model *m);
GAN_API void gan_model_mode(gan_model *m, gan_mode mode);
GAN_API int gan_model_count(const gan_model *m);                        // parameters and buffers so far
GAN_API const char *gan_model_name(const gan_model *m, int i);          // "fc1.weight"
GAN_API gan_tensor *gan_model_tensor(const gan_model *m, int i);
GAN_API gan_tensor *gan_model_find(const gan_model *m, const char *name);           // NULL when there is none
GAN_API size_t gan_model_parameters(const gan_model *m);                // trainable numbers so far
// Frozen parameters are left alone by optimisers. prefix NULL means all; "conv1" covers "conv1.weight" and
// "conv1.bias". It holds for parameters that do not exist yet too; the last call about a name counts.
GAN_API void gan_model_freeze(gan_model *m, const char *prefix, int frozen);

// Initialisers. Fans as in PyTorch. Values depend on the seed and the parameter's full name, not on the order
// of creation.
#define GAN_INITS(X)                                                                                         \
    X(DEFAULT, default) X(ZEROS, zeros) X(CONSTANT, constant) X(NORMAL, normal) X(UNIFORM, uniform)          \
    X(XAVIER_UNIFORM, xavier_uniform) X(XAVIER_NORMAL, xavier_normal) X(HE_UNIFORM, he_uniform)              \
    X(HE_NORMAL, he_normal) X(ORTHOGONAL, orthogonal)
typedef enum gan_init_kind {
#define GAN__ROW(id, name) GAN_INIT_##id,
    GAN_INITS(GAN__ROW)
#undef GAN__ROW
    GAN_INIT_COUNT
} gan_init_kind;
typedef struct gan_init { gan_init_kind kind; gan_real a, b; } gan_init;
GAN_API gan_init gan_init_default(void);      // U(-1/sqrt(fan_in), 1/sqrt(fan_in)): PyTorch's linear and conv
GAN_API gan_init gan_init_zeros(void);
GAN_API gan_init gan_init_constant(gan_real value);
GAN_API gan_init gan_init_normal(gan_real mean, gan_real std);
GAN_API gan_init gan_init_uniform(gan_real lo, gan_real hi);
GAN_API gan_init gan_init_xavier_uniform(gan_real gain);                // Glorot 2010
GAN_API gan_init gan_init_xavier_normal(gan_real gain);
GAN_API gan_init gan_init_he_uniform(gan_real slope);       // He 2015, for leaky ReLU of that slope (0: ReLU)
GAN_API gan_init gan_init_he_normal(gan_real slope);
GAN_API gan_init gan_init_orthogonal(gan_real gain);                    // Saxe 2014
// The weight initialiser of the layers that this model creates from now on (biases: zeros unless it is the
// default one).
GAN_API void gan_model_init(gan_model *m, gan_init weights);

// Reparametrised weights: what a layer uses is computed in each forward from what is trained.
//
//     SPECTRAL_NORM   W / sigma, sigma = u' W v with W as (out, rest); one power iteration for u and v in
//                     each forward in GAN_TRAIN (15 at the start), then they are constants; eps 1e-12; a
//                     vector by its norm; a zero weight stays zero                   Miyato 2018, algorithm 1
//     WEIGHT_NORM     g V / |V|, one norm for each index of dimension 0       Salimans and Kingma 2016, eq. 2
//     EQUALIZED_LR    gain lr / sqrt(fan_in) W, W drawn from N(0, 1 / lr^2) unless the initialiser is zeros;
//                     biases lr b, 0 at first: the effective steps are lr times as large
//                                                                   Karras 2018, 4.1; Karras 2019, appendix C
//
// Parameters have PyTorch's names (torch.nn.utils.parametrizations): for "fc.weight"
// "fc.parametrizations.weight.original" with the buffers "fc.parametrizations.weight.0._u" and "...0._v", or
// "fc.parametrizations.weight.original0" (g) and "...original1" (V); equalised weights keep theirs, as in
// StyleGAN2-ADA. gan_model_freeze goes by these names: "fc" covers them all.
#define GAN_PARAMETRIZATIONS(X)                                                                              \
    X(NONE, none) X(SPECTRAL_NORM, spectral_norm) X(WEIGHT_NORM, weight_norm) X(EQUALIZED_LR, equalized_lr)
typedef enum gan_parametrization {
#define GAN__ROW(id, name) GAN_PARAMETRIZATION_##id,
    GAN_PARAMETRIZATIONS(GAN__ROW)
#undef GAN__ROW
    GAN_PARAMETRIZATION_COUNT
} gan_parametrization;
GAN_API const char *gan_parametrization_name(gan_parametrization kind);
// For weights of linear, conv2d, conv_transpose2d, embedding and gan_weight that are yet to be made: prefix
// NULL means all, "conv1" covers "conv1.weight"; the last call about a weight counts. An error for a weight
// that is there with another parametrisation. gain (0: sqrt(2), He's for ReLU) and lr (0: 1) are
// EQUALIZED_LR's, whose fan_in is that of an output: for conv_transpose2d in / groups kh kw, for an embedding
// 1.
GAN_API void gan_model_parametrize(gan_model *m, const char *prefix, gan_parametrization kind, gan_real gain,
                                   gan_real lr);
// For layers of your own: gan_param, and then the parametrisation that was asked for. Dimension 0 is that of
// the outputs.
GAN_API gan_tensor *gan_weight(gan_model *m, const char *name, gan_init init, int ndim, ...);

// Your own parameter, and a buffer (saved, not trained).
GAN_API gan_tensor *gan_param(gan_model *m, const char *name, gan_init init, int ndim, ...);
GAN_API gan_tensor *gan_buffer(gan_model *m, const char *name, gan_real value, int ndim, ...);

#define GAN_LAYERS(X)                                                                                        \
    X(LINEAR, linear) X(CONV2D, conv2d) X(CONV_TRANSPOSE2D, conv_transpose2d) X(BATCH_NORM, batch_norm)      \
    X(LAYER_NORM, layer_norm) X(INSTANCE_NORM, instance_norm) X(GROUP_NORM, group_norm)                      \
    X(EMBEDDING, embedding)                                                                                  \
    X(DROPOUT, dropout)
// (.., in) -> (.., out)
GAN_API gan_tensor *gan_linear(gan_model *m, const char *name, gan_tensor *x, int out);
GAN_API gan_tensor *gan_linear_no_bias(gan_model *m, const char *name, gan_tensor *x, int out);
GAN_API gan_tensor *gan_conv2d(gan_model *m, const char *name, gan_tensor *x, int out_channels, int kernel,
                               int stride, int padding);
GAN_API gan_tensor *gan_conv2d_ex(gan_model *m, const char *name, gan_tensor *x, const gan_conv2d_desc *desc);
GAN_API gan_tensor *gan_conv_transpose2d(gan_model *m, const char *name, gan_tensor *x, int out_channels,
                                         int kernel, int stride, int padding);
GAN_API gan_tensor *gan_conv_transpose2d_ex(gan_model *m, const char *name, gan_tensor *x,
                                            const gan_conv2d_desc *desc);
// x (N, C) or (N, C, ...): per channel over the rest; eps 1e-5, momentum .1, running statistics for GAN_EVAL
// (Ioffe 2015).
GAN_API gan_tensor *gan_batch_norm(gan_model *m, const char *name, gan_tensor *x);
// over all axes but the first
GAN_API gan_tensor *gan_layer_norm(gan_model *m, const char *name, gan_tensor *x);
// (N, C, H, W), with affine
GAN_API gan_tensor *gan_instance_norm(gan_model *m, const char *name, gan_tensor *x);
GAN_API gan_tensor *gan_group_norm(gan_model *m, const char *name, gan_tensor *x, int groups);
// (..) -> (.., dim)
GAN_API gan_tensor *gan_embedding(gan_model *m, const char *name, gan_tensor *index, int rows, int dim);
GAN_API gan_tensor *gan_dropout(gan_model *m, gan_tensor *x, gan_real p);                 // only in GAN_TRAIN

// >>losses: r = D(x), f = D(G(z)) are D's outputs, before any sigmoid; each row is minimised by its player
//
// High is real; only EBGAN, BEGAN and MAGAN take errors of reconstruction, one per sample (an autoencoder is
// their D), where low is real, and the last five take features (N, F), (M, F) of whole batches. Means over
// the batch, sums where it says so; sp(t) = log(1 + e^t); p is the parameter, with the value that 0 stands
// for. Batches may differ in size.
//
//                             discriminator              generator      p
//     NON_SATURATING          sp(-r) + sp(f)             sp(-f)              Goodfellow 2014, section 3
//     MINIMAX                 sp(-r) + sp(f)             -sp(f)              Goodfellow 2014, eq. 1
//     LEAST_SQUARES           ((r-1)^2 + f^2) / 2        (f-1)^2 / 2         Mao 2017, (a, b, c) = (0, 1, 1)
//     WASSERSTEIN             f - r                      -f                  Arjovsky 2017
//     HINGE                   relu(1-r) + relu(1+f)      -f                  Lim and Ye 2017
//     LEAST_SQUARES_PEARSON   ((r-1)^2 + (f+1)^2) / 2    f^2 / 2             Mao 2017, (a, b, c) = (-1, 1, 0)
//     MAXIMUM_LIKELIHOOD      sp(-r) + sp(f)             -e^f                Goodfellow 2014, criteria
//     BOUNDARY_SEEKING        sp(-r) + sp(f)             f^2 / 2             Hjelm 2017: (log D/(1-D))^2 / 2
//     SOFTMAX                 log Z - r                  log Z - mean(r, f)  Lin 2017, its mu is -logit; the
//                             Z = sum e^r + sum e^f                          mean is over both batches
//     DUAL_CONTRASTIVE        log(1 + sum_j e^(f_j - r)) the same with r     Yu 2021
//                             + log(1 + sum_i e^(f-r_i)) and f exchanged
//     EBGAN                   r + relu(p - f)            f              10   Zhao 2016, p the margin
//     BEGAN                   r - k f                    f              .75  Berthelot 2017, p its gamma
//     MAGAN                   r + relu(m - f)            f              .01  Wang 2017
//     F_KL ... F_ALPHA        -T(r) + f*(T(f))           -T(f)               Nowozin 2016: T = g_f(v),
//       F_KL                  T v           f*(T) e^(v-1)                    increasing; minus D's loss is a
//       F_REVERSE_KL          -e^-v         v - 1                            variational bound, at the best D
//       F_PEARSON             v             v^2/4 + v                        the divergence itself
//       F_NEYMAN              1 - e^-v      2 - 2 e^(-v/2)
//       F_SQUARED_HELLINGER   1 - e^-v      e^v - 1
//       F_JENSEN_SHANNON      log 2 - sp(-v)  sp(v) - log 2                  twice the usual JSD
//       F_GAN                 -sp(-v)       sp(v)                            2 JSD - log 4
//       F_TOTAL_VARIATION     tanh(v)/2     tanh(v)/2
//       F_ALPHA               1/(1-p) - sp(-v), where p > 1: v         .5   f*(T) = (b^(p/(p-1)) - 1) / p,
//                                                                           b = relu(1 + (p-1) T); p is not 1
//     MMD_RBF                 -MMD^2                     MMD^2          1    Li 2017: gan_mmd_rbf(r/p, f/p)
//     MMD_RATIONAL_QUADRATIC  -MMD^2                     MMD^2          1    Binkowski 2018; likewise
//     ENERGY                  -distance                  distance            gan_energy_distance
//     CRAMER                  h(f) - h(r)                2 |r-f| - |f-f'|    Bellemare 2017, algorithm 1; f'
//                             h(y) = |y-f'| - |y|                            are the fakes other than y
//     SINKHORN                -divergence                divergence     .1   Genevay 2018; gan_sinkhorn of
//                                                                            epsilon p, 20 iterations
// Far out everything stays finite: finite logits beyond +-1e15 count as +-1e15, and the exponentials of the
// rows that have one go on linearly above the exponent 30. NaN and infinity are passed on.
//
// Columns: parameter; what D returns; whether the generator's loss needs the real batch too.
#define GAN_LOSSES(X)                                                                                        \
    X(NON_SATURATING, non_saturating, 0, PROBABILITY, 0) X(MINIMAX, minimax, 0, PROBABILITY, 0)              \
    X(LEAST_SQUARES, least_squares, 0, SCORE, 0) X(WASSERSTEIN, wasserstein, 0, SCORE, 0)                    \
    X(HINGE, hinge, 0, SCORE, 0) X(LEAST_SQUARES_PEARSON, least_squares_pearson, 0, SCORE, 0)                \
    X(MAXIMUM_LIKELIHOOD, maximum_likelihood, 0, PROBABILITY, 0)                                             \
    X(BOUNDARY_SEEKING, boundary_seeking, 0, PROBABILITY, 0) X(SOFTMAX, softmax, 0, SCORE, 1)                \
    X(DUAL_CONTRASTIVE, dual_contrastive, 0, SCORE, 1) X(EBGAN, ebgan, 10, ERROR, 0)                         \
    X(BEGAN, began, 0.75, ERROR, 0) X(MAGAN, magan, 0.01, ERROR, 0) X(F_KL, f_kl, 0, SCORE, 0)               \
    X(F_REVERSE_KL, f_reverse_kl, 0, SCORE, 0) X(F_PEARSON, f_pearson, 0, SCORE, 0)                          \
    X(F_NEYMAN, f_neyman, 0, SCORE, 0) X(F_SQUARED_HELLINGER, f_squared_hellinger, 0, SCORE, 0)              \
    X(F_JENSEN_SHANNON, f_jensen_shannon, 0, PROBABILITY, 0) X(F_GAN, f_gan, 0, PROBABILITY, 0)              \
    X(F_TOTAL_VARIATION, f_total_variation, 0, SCORE, 0) X(F_ALPHA, f_alpha, 0.5, SCORE, 0)                  \
    X(MMD_RBF, mmd_rbf, 1, FEATURES, 1) X(MMD_RATIONAL_QUADRATIC, mmd_rational_quadratic, 1, FEATURES, 1)    \
    X(ENERGY, energy, 0, FEATURES, 1) X(CRAMER, cramer, 0, FEATURES, 1)                                      \
    X(SINKHORN, sinkhorn, 0.1, FEATURES, 1)
typedef enum gan_loss {
#define GAN__ROW(id, name, parameter, critic, joint) GAN_LOSS_##id,
    GAN_LOSSES(GAN__ROW)
#undef GAN__ROW
    GAN_LOSS_COUNT
} gan_loss;
// What D returns: a logit of which sigmoid is D(x), a probability; any number, high for real; an error per
// sample, low for real; features per sample.
typedef enum gan_critic {
    GAN_CRITIC_PROBABILITY, GAN_CRITIC_SCORE, GAN_CRITIC_ERROR, GAN_CRITIC_FEATURES
} gan_critic;
// Which logits meet, whatever the loss (Jolicoeur-Martineau 2018; not for features). D's loss on r', f':
//     RELATIVISTIC           r' = r - f, f' = f - r in pairs, and half the loss, so that a loss with
//                            F(-t) = R(t), such as sp(-r) + sp(f), is R(r - f); batches of one shape
//     RELATIVISTIC_AVERAGE   r' = r - mean f, f' = f - mean r
// The generator's is the same with the roles of r' and f' exchanged; for MINIMAX, and where `saturating` is
// set, it is minus D's.
typedef enum gan_pairing { GAN_PLAIN = 0, GAN_RELATIVISTIC = 1, GAN_RELATIVISTIC_AVERAGE = 2 } gan_pairing;
typedef struct gan_loss_desc {      // zero means the default
    gan_loss kind;
    gan_pairing pairing;
    int saturating;                 // the generator minimises minus D's loss (its part): the game's value
    // Only in D's loss, of those with targets (BCE, least squares): 1 - s for real, s' for fakes, on a scale
    // from the target of fakes to that of real data (Salimans 2016; s' alone 0 is one-sided).
    gan_real smoothing, fake_smoothing;
    gan_real parameter;             // p of the table; 0: its default
    // What gan_loss_control remembers; begins at zero. BEGAN: k, the convergence M. MAGAN: the margin m, -,
    // the running means of real and fake errors.
    gan_real state[4];
} gan_loss_desc;
// Batch means, scalars. smoothing s: the target of real data is 1 - s (one-sided label smoothing, Salimans
// 2016); losses with a target use it. gan_loss_g is for the losses whose generator needs no real batch.
GAN_API gan_tensor *gan_loss_d(gan_loss loss, gan_tensor *real, gan_tensor *fake, gan_real smoothing);
GAN_API gan_tensor *gan_loss_g(gan_loss loss, gan_tensor *fake);
// The same with everything; desc NULL means all defaults. real may be NULL for the generator unless
// gan_loss_needs_real.
GAN_API gan_tensor *gan_loss_d_ex(const gan_loss_desc *desc, gan_tensor *real, gan_tensor *fake);
GAN_API gan_tensor *gan_loss_g_ex(const gan_loss_desc *desc, gan_tensor *real, gan_tensor *fake);
GAN_API int gan_loss_needs_real(const gan_loss_desc *desc);
// After each update of D, with the means of r and f that it saw; nothing but for these two.
//     BEGAN   k += .001 (p r - f), within 0 .. 1; M = r + |p r - f|                         Berthelot 2017
//     MAGAN   running means of weight p of both errors, in the place of the paper's means over epochs; m is
//             first that of real data, and becomes it again whenever it is lower than m and than that of
//             fakes, while that of fakes does not fall                          Wang 2017, algorithm 1
GAN_API void gan_loss_control(gan_loss_desc *desc, gan_real real_mean, gan_real fake_mean);
GAN_API const char *gan_loss_name(gan_loss loss);
GAN_API gan_critic gan_loss_critic(gan_loss loss);
GAN_API int gan_loss_is_probability(gan_loss loss);     // GAN_CRITIC_PROBABILITY

// Distances between two batches x (N, ...), y (M, ...), each sample flattened: scalars, 0 for equal batches,
// losses of a generator without a discriminator too. Memory N M F for F numbers a sample.
//
// The squared maximum mean discrepancy (Gretton 2012), mean k(x, x') + mean k(y, y') - 2 mean k(x, y) over
// all pairs, a sample with itself too, of a sum of `count` kernels:
//     rbf                  exp(-|x - y|^2 / (2 sigma^2))        sigma NULL: 1, 2, 4, 8, 16    Li 2017
//     rational quadratic   (1 + |x - y|^2 / (2 alpha))^-alpha   alpha NULL: .2, .5, 1, 2, 5   Binkowski 2018
GAN_API gan_tensor *gan_mmd_rbf(gan_tensor *x, gan_tensor *y, int count, const gan_real *sigma);
GAN_API gan_tensor *gan_mmd_rational_quadratic(gan_tensor *x, gan_tensor *y, int count,
                                               const gan_real *alpha);
// 2 mean |x - y| - mean |x - x'| - mean |y - y'| over all pairs (Szekely 2013)
GAN_API gan_tensor *gan_energy_distance(gan_tensor *x, gan_tensor *y);
// W(x, y) - W(x, x) / 2 - W(y, y) / 2 (Genevay 2018) with the entropic optimal transport W of cost |x - y|^2,
// in its dual form (Feydy 2019): never negative once converged. epsilon in units of the cost (0: .1),
// iterations of Sinkhorn's algorithm in the log domain (0: 20); small epsilon wants many.
GAN_API gan_tensor *gan_sinkhorn(gan_tensor *x, gan_tensor *y, gan_real epsilon, int iterations);
// For a D that is an autoencoder: |x - y| of each sample, (N), of batches of one shape (Zhao 2016).
GAN_API gan_tensor *gan_reconstruction_error(gan_tensor *x, gan_tensor *y);
// EBGAN's repelling term for its generator, weight .1 there: the mean over pairs i != j of the squared cosine
// between codes s_i, s_j; code (N, ...), N from 2 (Zhao 2016, section 2.4).
GAN_API gan_tensor *gan_pull_away(gan_tensor *code);

// >>objectives: every other loss; scalars, means over the batch, minimised; weight them with gan_mul_scalar
//
// Logits are (N, K), labels (N) whole numbers 0 .. K-1, embeddings (N, D); mean is over the N rows. What the
// field multiplies a term with is its last column. A batch is never empty; where a shape, a label or a number
// does not fit the message names it.
//
//     cross_entropy           mean -log softmax(l)_y                                                      1
//     cross_entropy_smooth    (1-s) cross_entropy + s/K mean sum_k -log softmax(l)_k      Szegedy 2016    .1
//     nll_loss                mean -p_y of log-probabilities p                                            1
//     l1_loss                 mean |x - t| over all values; the pixel loss of pix2pix     Isola 2017      100
//     smooth_l1_loss          d^2 / (2 beta) where |d| < beta, else |d| - beta/2          Girshick 2015   1
//     huber_loss              delta smooth_l1(delta)                                      Huber 1964      1
//     multi_margin_loss       mean 1/K sum_{k != y} relu(m - l_y + l_k)                   Weston 1999     1
//     crammer_singer          mean relu(1 + max_{k != y} l_k - l_y)                       Crammer 2001    1
//     ac_gan_d, _g            CE(r, y) + CE(f, y);  CE(f, y)                              Odena 2017      1
//     tac_gan_d, _g           CE(r, y) + CE(twin(f), y);  CE(f, y) - CE(twin(f), y)       Gong 2019       1
//     adc_gan_d, _g           CE(r, y) + CE(f, K + y);  CE(f, y) - CE(f, K + y)           Hou 2022        1
//     multi_hinge_d, _g       CS(r, y) + CS(f, K);  CS(f, y), CS crammer_singer           Kavalerov 2021  .05
//     semi_supervised         CE(l, y) + (sp(-Z(u)) + sp(Z(f))) / 2                       Salimans 2016   1
//     semi_supervised_logit   Z = log sum_k exp(l_k), the logit of D = Z' / (Z' + 1), Z' = exp(Z)
//     projection              psi(h) + <embedding of y, h>                                Miyato 2018
//     contrastive_2c          -log (e(p_i) + sum_same e(s_ij)) / (e(p_i) + sum_j e(s_ij)) Kang 2020       1
//     d2d_ce                  -log e(a_i) / (e(a_i) + sum_other e(b_ij))                  Kang 2021       .5
//     gaussian_nll            mean sum ((c - mu)/sigma)^2 / 2 + log sigma + log(2 pi) / 2 Chen 2016       1
//     info_gan                cross_entropy + gaussian_nll of the codes                   Chen 2016       1
//     rotations               0, 1, 2, 3 quarter turns of a batch                         Chen 2019
//     rotation_loss           cross_entropy of the turns; .2 for G, 1 for D               Chen 2019       1
//     info_nce                -log e(q_i k_i) / sum_j e(q_i k_j)                          Oord 2018       .2
//     n_pair                  info_nce of temperature 1 + l2 mean(|a|^2 + |p|^2)          Sohn 2016       1
//     nt_xent                 info_nce of cosines, both views against all 2N              Chen T. 2020    1
//     feature_matching        mean over features of (mean real - mean fake)^2             Salimans 2016   1
//     feature_matching_l1     mean over features of |mean real - mean fake|               Kavalerov 2021  1
//     feature_matching_layers sum over layers of l1_loss                                  Wang 2018       10
//     cycle_loss              |a' - a| + |b' - b|, means                                  Zhu 2017        10
//     identity_loss           |a' - a| + |b' - b|, means                                  Zhu 2017        5
//     total_variation         sum |dx| + |dy|, over the number of values                  Rudin 1992      .1
//     total_variation_squared sum dx^2 + dy^2, over the number of values                  Mahendran 2015
//     gram_matrix             F F^T / (C H W) of the C x (H W) features                   Gatys 2016
//     style_loss              mean 1/4 sum (gram - gram of target)^2                      Gatys 2016      120
//     content_loss            mean 1/2 sum (features - target)^2                          Gatys 2016      1
//     ssim                    structural similarity, 1 for equal pictures                 Wang 2004
//     dssim                   (1 - ssim) / 2                                              Loza 2006       10
//     kl_normal               mean 1/2 sum mu^2 + e^v - v - 1: KL(N(mu, e^v) | N(0, 1))   Kingma 2014     .05
//     gradient_reversal       x; its gradient times -alpha                                Ganin 2016
//     gradient_reversal_alpha 2 / (1 + e^(-10 p)) - 1, p the progress 0 .. 1              Ganin 2016
#define GAN_OBJECTIVES(X)                                                                                    \
    X(CROSS_ENTROPY, cross_entropy) X(CROSS_ENTROPY_SMOOTH, cross_entropy_smooth) X(NLL_LOSS, nll_loss)      \
    X(L1_LOSS, l1_loss) X(SMOOTH_L1_LOSS, smooth_l1_loss) X(HUBER_LOSS, huber_loss)                          \
    X(MULTI_MARGIN_LOSS, multi_margin_loss) X(CRAMMER_SINGER, crammer_singer)                                \
    X(AC_GAN_D, ac_gan_d) X(AC_GAN_G, ac_gan_g) X(TAC_GAN_D, tac_gan_d) X(TAC_GAN_G, tac_gan_g)              \
    X(ADC_GAN_D, adc_gan_d) X(ADC_GAN_G, adc_gan_g) X(MULTI_HINGE_D, multi_hinge_d)                          \
    X(MULTI_HINGE_G, multi_hinge_g) X(SEMI_SUPERVISED, semi_supervised)                                      \
    X(SEMI_SUPERVISED_LOGIT, semi_supervised_logit) X(PROJECTION, projection)                                \
    X(CONTRASTIVE_2C, contrastive_2c) X(D2D_CE, d2d_ce) X(GAUSSIAN_NLL, gaussian_nll)                        \
    X(INFO_GAN, info_gan) X(ROTATIONS, rotations) X(ROTATION_LOSS, rotation_loss) X(INFO_NCE, info_nce)      \
    X(N_PAIR, n_pair) X(NT_XENT, nt_xent) X(FEATURE_MATCHING, feature_matching)                              \
    X(FEATURE_MATCHING_L1, feature_matching_l1) X(FEATURE_MATCHING_LAYERS, feature_matching_layers)          \
    X(CYCLE_LOSS, cycle_loss) X(IDENTITY_LOSS, identity_loss) X(TOTAL_VARIATION, total_variation)            \
    X(TOTAL_VARIATION_SQUARED, total_variation_squared) X(GRAM_MATRIX, gram_matrix)                          \
    X(STYLE_LOSS, style_loss) X(CONTENT_LOSS, content_loss) X(SSIM, ssim) X(DSSIM, dssim)                    \
    X(KL_NORMAL, kl_normal) X(GRADIENT_REVERSAL, gradient_reversal)                                          \
    X(GRADIENT_REVERSAL_ALPHA, gradient_reversal_alpha)
typedef enum gan_objective { // each names its function: gan_cross_entropy ...
#define GAN__ROW(id, name) GAN_OBJECTIVE_##id,
    GAN_OBJECTIVES(GAN__ROW)
#undef GAN__ROW
    GAN_OBJECTIVE_COUNT
} gan_objective;
GAN_API const char *gan_objective_name(gan_objective objective);

// supervised. Values and targets of the regressions have one shape, or the target one value.
GAN_API gan_tensor *gan_cross_entropy(gan_tensor *logits, gan_tensor *labels);
GAN_API gan_tensor *gan_cross_entropy_smooth(gan_tensor *logits, gan_tensor *labels, gan_real smoothing);
GAN_API gan_tensor *gan_nll_loss(gan_tensor *log_probs, gan_tensor *labels);
GAN_API gan_tensor *gan_l1_loss(gan_tensor *x, gan_tensor *target);
GAN_API gan_tensor *gan_smooth_l1_loss(gan_tensor *x, gan_tensor *target, gan_real beta);  // beta 0: l1_loss
GAN_API gan_tensor *gan_huber_loss(gan_tensor *x, gan_tensor *target, gan_real delta);
GAN_API gan_tensor *gan_multi_margin_loss(gan_tensor *logits, gan_tensor *labels, gan_real margin);
GAN_API gan_tensor *gan_crammer_singer(gan_tensor *logits, gan_tensor *labels);

// class-conditional heads of a discriminator: the class logits of real and fake pictures, and the labels that
// the real ones have and the fake ones were made for
GAN_API gan_tensor *gan_ac_gan_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake,
                                 gan_tensor *fake_labels);
GAN_API gan_tensor *gan_ac_gan_g(gan_tensor *fake, gan_tensor *labels);
// twin: the logits of a second head, which sees fake pictures only
GAN_API gan_tensor *gan_tac_gan_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake_twin,
                                  gan_tensor *fake_labels);
GAN_API gan_tensor *gan_tac_gan_g(gan_tensor *fake, gan_tensor *fake_twin, gan_tensor *labels);
// logits (N, 2K): column y says "real and y", column K + y "fake and y"
GAN_API gan_tensor *gan_adc_gan_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake,
                                  gan_tensor *fake_labels);
GAN_API gan_tensor *gan_adc_gan_g(gan_tensor *fake, gan_tensor *labels);
// logits (N, K + 1): the last column says "fake"
GAN_API gan_tensor *gan_multi_hinge_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake);
GAN_API gan_tensor *gan_multi_hinge_g(gan_tensor *fake, gan_tensor *labels);
// K + 1 classes of which "fake" has logit 0: logits (., K) of labelled, unlabelled and fake pictures, for the
// discriminator. The generator's part is gan_feature_matching, or any gan_loss of the logit.
GAN_API gan_tensor *gan_semi_supervised(gan_tensor *labelled, gan_tensor *labels, gan_tensor *unlabelled,
                                        gan_tensor *fake);
GAN_API gan_tensor *gan_semi_supervised_logit(gan_tensor *logits);                     // (N, K) -> (N, 1)
// The last layer of a projection discriminator: h (N, D) -> (N, 1). Parameters name.weight (1, D), name.bias
// (1) and name.embedding (classes, D).
GAN_API gan_tensor *gan_projection(gan_model *m, const char *name, gan_tensor *h, gan_tensor *labels,
                                   int classes);
// embed (N, D); proxy (N, D): gan_embedding(m, name, labels, classes, D). With cosines e(s) = exp(s /
// temperature), s_ij between embeddings i != j, p_i between an embedding and its proxy; "same" means the same
// label. Temperature 1.
GAN_API gan_tensor *gan_contrastive_2c(gan_tensor *embed, gan_tensor *proxy, gan_tensor *labels,
                                       gan_real temperature);
// a_i = min(p_i - margin, 0), b_ij = max(s_ij - (1 - margin), 0), "other" means another label. Margin .98,
// temperature .5.
GAN_API gan_tensor *gan_d2d_ce(gan_tensor *embed, gan_tensor *proxy, gan_tensor *labels, gan_real margin,
                               gan_real temperature);

// InfoGAN: what Q says of the codes that a picture was made from; both players minimise it. mean (N, D),
// log_std broadcasts to it (a scalar is a fixed one, NULL is 0), code (N, D); a category is a label of
// logits.
GAN_API gan_tensor *gan_gaussian_nll(gan_tensor *mean, gan_tensor *log_std, gan_tensor *code);
GAN_API gan_tensor *gan_info_gan(gan_tensor *logits, gan_tensor *category, gan_tensor *mean,
                                 gan_tensor *log_std, gan_tensor *code);

// self-supervised
// (N, C, H, H) -> (4N, C, H, H): as it is, then turned left once, twice, three times.
GAN_API gan_tensor *gan_rotations(gan_tensor *x);
GAN_API gan_tensor *gan_rotation_loss(gan_tensor *logits);              // (4N, 4), of gan_rotations' rows
// query (N, D), N at least 2; key (N, D), or (N, L, D): L local features each, every one of them the positive
// in turn, against those of the other samples (InfoMax-GAN). e(s) = exp(s / temperature) of inner products.
// log N - info_nce is a lower bound of the mutual information of query and key.
GAN_API gan_tensor *gan_info_nce(gan_tensor *query, gan_tensor *key, gan_real temperature);
GAN_API gan_tensor *gan_n_pair(gan_tensor *anchor, gan_tensor *positive, gan_real l2);
GAN_API gan_tensor *gan_nt_xent(gan_tensor *a, gan_tensor *b, gan_real temperature);        // SimCLR's: .5

// feature matching: features (N, ...) of a discriminator's layer
GAN_API gan_tensor *gan_feature_matching(gan_tensor *real, gan_tensor *fake);   // the batches may differ in N
GAN_API gan_tensor *gan_feature_matching_l1(gan_tensor *real, gan_tensor *fake);
// n layers, pairs of one shape
GAN_API gan_tensor *gan_feature_matching_layers(int n, gan_tensor **real, gan_tensor **fake);

// translation and restoration of pictures (N, C, H, W)
// a again after the way to the other domain and back, and b
GAN_API gan_tensor *gan_cycle_loss(gan_tensor *a, gan_tensor *a_again, gan_tensor *b, gan_tensor *b_again);
// a through the generator that makes such as a, and b
GAN_API gan_tensor *gan_identity_loss(gan_tensor *a, gan_tensor *a_same, gan_tensor *b, gan_tensor *b_same);
GAN_API gan_tensor *gan_total_variation(gan_tensor *x);
GAN_API gan_tensor *gan_total_variation_squared(gan_tensor *x);
GAN_API gan_tensor *gan_gram_matrix(gan_tensor *features);              // (N, C, H, W) -> (N, C, C)
// Target: features of N styles or of one; its H and W are free.
GAN_API gan_tensor *gan_style_loss(gan_tensor *features, gan_tensor *target);
// gan_mse_loss is the same per value (Johnson 2016)
GAN_API gan_tensor *gan_content_loss(gan_tensor *features, gan_tensor *target);
// Mean over the batch, channels and positions of a Gaussian window, 11 wide, sigma 1.5, inside the picture;
// constants (.01 range)^2 and (.03 range)^2. range: highest minus lowest value, 2 for pictures in -1 .. 1.
GAN_API gan_tensor *gan_ssim(gan_tensor *x, gan_tensor *y, gan_real range);
GAN_API gan_tensor *gan_dssim(gan_tensor *x, gan_tensor *y, gan_real range);
GAN_API gan_tensor *gan_kl_normal(gan_tensor *mean, gan_tensor *log_var);       // of one shape (N, ...)

// domain adversarial: the same values, bit for bit and without a copy
GAN_API gan_tensor *gan_gradient_reversal(gan_tensor *x, gan_real alpha);
GAN_API gan_real gan_gradient_reversal_alpha(gan_real p);

// >>penalties: terms added to a player's loss, and constraints applied after its update
//
// r = D(x), f = D(G(z)); x^ = e x + (1 - e) G(z) with e ~ U(0, 1) for each sample; grad D(x_i) is a sample's
// own gradient, by all its numbers, |.| Euclidean; w weight, t target, p parameter.
//
//     WGAN_GP         w / t^2 mean (|grad D(x^)| - t)^2                      Gulrajani 2017; t: Karras 2018
//     R1              w / 2 mean |grad D(x)|^2                               Mescheder 2018
//     WEIGHT_CLIP     every parameter into [-w, w] after each update         Arjovsky 2017
//     WGAN_LP         w / t^2 mean relu(|grad D(x^)| - t)^2, one-sided       Petzka 2018
//     DRAGAN          WGAN_GP around data: at x + e p std(x) u, each number
//                     of u ~ U(0, 1)                                         Kodali 2017
//     R2              w / 2 mean |grad D(G(z))|^2                            Mescheder 2018
//     ZERO_CENTERED   w mean |grad D(x^)|^2                                  Thanh-Tung 2019
//     MAX_GP          w max |grad D(x^)|^2                                   Zhou 2019
//     WGAN_DIV        w mean |grad D(x^)|^p                                  Wu 2018 (k is w)
//     GAN_QP          w mean (r - f)^2 / (2 p d), d the mean of |x - G(z)|
//                     over the pair's numbers                                Su 2018 (lambda is p)
//     FISHER          l (O - 1) + w / 2 (O - 1)^2, then l += w (O - 1), with
//                     O = mean (r^2 + f^2) / 2                               Mroueh 2017 (rho is w)
//     SOBOLEV         the same with
//                     O = mean (|grad D(x)|^2 + |grad D(G(z))|^2) / 2        Mroueh 2018
//     DRIFT           w mean r^2                                             Karras 2018
//     JSD_REGULARIZER w / 2 (mean s(-r)^2 |grad D(x)|^2 +
//                     mean s(f)^2 |grad D(G(z))|^2), s the sigmoid           Roth 2017
//     LECAM           w (mean (r - mf)^2 + mean (f - mr)^2) from step 1000
//                     on; mr, mf moving averages of r, f with decay p, before
//                     that step the last means                               Tseng 2021
//     CR              w mean (D(x) - D(T(x)))^2, T the augmentation          Zhang 2020
//     BCR             CR + p mean (D(G(z)) - D(T(G(z))))^2                   Zhao 2021
//     ZCR             w mean (D(G(z)) - D(G(z + n)))^2, n ~ N(0, p^2)        Zhao 2021
//     ZCR_GENERATOR   -w mean (G(z) - G(z + n))^2                            Zhao 2021
//     PATH_LENGTH     w mean (|J' y| - a)^2, J = dG/dz, y ~ N(0, 1 / (H W)),
//                     a += .01 (mean |J' y| - a); on the first 1 / p of z    Karras 2020
//     MODE_SEEKING    w / (q + 1e-5), q = mean |G(z) - G(z')| / mean |z - z'|,
//                     z' the batch moved on by one                           Mao 2019
//     ORTHOGONAL      w sum of |W W' - diag(W W')|^2, W as (out, rest)       Brock 2019
//     L2              w / 2 sum of |W|^2
//     HISTORICAL_AVERAGE  w |theta - mean of past thetas|^2                  Salimans 2016
//
// ORTHOGONAL and L2 take the weights of layers and of gan_weight (no biases, no gains of norms); they and
// HISTORICAL_AVERAGE leave out what is frozen. What a row keeps (l, mr, mf, a, past means) are buffers of the
// model, "penalty.lecam.real" ...: saved with it, updated by finite numbers alone, and in GAN_TRAIN alone.
//
// A row: name, whose loss, what 0 stands for (weight, target, parameter), what it needs.
enum { // by gan_penalty_in's fields
    GAN_NEEDS_REAL = 1, GAN_NEEDS_FAKE = 2, GAN_NEEDS_REAL_AUG = 4, GAN_NEEDS_FAKE_AUG = 8,
    GAN_NEEDS_Z = 16,                                   // and g
    GAN_NEEDS_REAL_OUT = 32, GAN_NEEDS_FAKE_OUT = 64,   // or else real, fake
    GAN_NEEDS_PAIR = 3 | 128                            // real and fake of one shape
};
#define GAN_PENALTIES(X)                                                                                     \
    X(NONE, none, EITHER, 0, 0, 0, 0)                                                                        \
    X(WGAN_GP, wgan_gp, DISCRIMINATOR, 10, 1, 0, GAN_NEEDS_PAIR)                                             \
    X(R1, r1, DISCRIMINATOR, 10, 0, 0, GAN_NEEDS_REAL)                                                       \
    X(WEIGHT_CLIP, weight_clip, DISCRIMINATOR, .01, 0, 0, 0)                                                 \
    X(WGAN_LP, wgan_lp, DISCRIMINATOR, 10, 1, 0, GAN_NEEDS_PAIR)                                             \
    X(DRAGAN, dragan, DISCRIMINATOR, 10, 1, .5, GAN_NEEDS_REAL)                                              \
    X(R2, r2, DISCRIMINATOR, 10, 0, 0, GAN_NEEDS_FAKE)                                                       \
    X(ZERO_CENTERED, zero_centered, DISCRIMINATOR, 10, 0, 0, GAN_NEEDS_PAIR)                                 \
    X(MAX_GP, max_gp, DISCRIMINATOR, 10, 0, 0, GAN_NEEDS_PAIR)                                               \
    X(WGAN_DIV, wgan_div, DISCRIMINATOR, 2, 0, 6, GAN_NEEDS_PAIR)                                            \
    X(GAN_QP, gan_qp, DISCRIMINATOR, 1, 0, 10, GAN_NEEDS_PAIR)                                               \
    X(FISHER, fisher, DISCRIMINATOR, 1e-6, 0, 0, GAN_NEEDS_REAL_OUT | GAN_NEEDS_FAKE_OUT)                    \
    X(SOBOLEV, sobolev, DISCRIMINATOR, 1e-5, 0, 0, GAN_NEEDS_REAL | GAN_NEEDS_FAKE)                          \
    X(DRIFT, drift, DISCRIMINATOR, .001, 0, 0, GAN_NEEDS_REAL_OUT)                                           \
    X(JSD_REGULARIZER, jsd_regularizer, DISCRIMINATOR, .1, 0, 0, GAN_NEEDS_REAL | GAN_NEEDS_FAKE)            \
    X(LECAM, lecam, DISCRIMINATOR, .3, 0, .99, GAN_NEEDS_REAL_OUT | GAN_NEEDS_FAKE_OUT)                      \
    X(CR, cr, DISCRIMINATOR, 10, 0, 0, GAN_NEEDS_REAL_OUT | GAN_NEEDS_REAL_AUG)                              \
    X(BCR, bcr, DISCRIMINATOR, 10, 0, 10,                                                                    \
      GAN_NEEDS_REAL_OUT | GAN_NEEDS_REAL_AUG | GAN_NEEDS_FAKE_OUT | GAN_NEEDS_FAKE_AUG)                     \
    X(ZCR, zcr, DISCRIMINATOR, 20, 0, .05, GAN_NEEDS_FAKE_OUT | GAN_NEEDS_Z)                                 \
    X(ZCR_GENERATOR, zcr_generator, GENERATOR, .5, 0, .05, GAN_NEEDS_Z)                                      \
    X(PATH_LENGTH, path_length, GENERATOR, 2, 0, 2, GAN_NEEDS_Z)                                             \
    X(MODE_SEEKING, mode_seeking, GENERATOR, 1, 0, 0, GAN_NEEDS_Z)                                           \
    X(ORTHOGONAL, orthogonal, EITHER, 1e-4, 0, 0, 0)                                                         \
    X(L2, l2, EITHER, 2.5e-5, 0, 0, 0)                                                                       \
    X(HISTORICAL_AVERAGE, historical_average, EITHER, 1, 0, 0, 0)
typedef enum gan_penalty_kind {
#define GAN__ROW(id, name, player, weight, target, parameter, needs) GAN_PENALTY_##id,
    GAN_PENALTIES(GAN__ROW)
#undef GAN__ROW
    GAN_PENALTY_COUNT
} gan_penalty_kind;
typedef enum gan_player { GAN_PLAYER_EITHER, GAN_PLAYER_DISCRIMINATOR, GAN_PLAYER_GENERATOR } gan_player;

typedef struct gan_penalty_desc {       // zero means the row's default
    gan_penalty_kind kind;
    gan_real weight, target, parameter;
    // lazy (Karras 2020): the trainer applies it each that many steps, `every` times as strong; 0: each step.
    // gan_penalty_ex does not multiply by it.
    int every;
} gan_penalty_desc;
typedef struct gan_penalty_in {         // what a penalty may look at
    gan_model *d, *g;                   // a row of either player is about d, or g where d is NULL
    gan_tensor *real, *fake, *label;    // samples; for rows of the generator fake = G(z) on the tape, or NULL
    gan_tensor *real_out, *fake_out;    // D(real), D(fake) where they are there; NULL: made when needed
    gan_tensor *real_aug, *fake_aug;    // augmented copies
    gan_tensor *z;                      // what fake was made from
    int64_t step;
} gan_penalty_in;
// The weighted term, a scalar (0 for constraints), to be differentiated by the parameters of its player. What
// is needed and NULL is an error that names it.
GAN_API gan_tensor *gan_penalty_ex(const gan_penalty_desc *desc, const gan_penalty_in *in);
// The same with the defaults of everything else.
GAN_API gan_tensor *gan_penalty(gan_penalty_kind kind, gan_real weight, gan_model *d, gan_tensor *real,
                                gan_tensor *fake, gan_tensor *label);
// After each update of m: WEIGHT_CLIP clips, HISTORICAL_AVERAGE takes m's parameters into its means.
GAN_API void gan_penalty_after(gan_penalty_kind kind, gan_real weight, gan_model *m);
GAN_API gan_player gan_penalty_player(gan_penalty_kind kind);
GAN_API unsigned gan_penalty_needs(gan_penalty_kind kind);              // GAN_NEEDS_...
GAN_API const char *gan_penalty_name(gan_penalty_kind kind);

// >>augmentation: differentiable changes to what the discriminator sees, drawn anew for each sample
//
// Shown to D, real and generated samples are augmented alike; gradients flow through to the generator. Two
// families, a bit for each transform, s its strength, for pixels of -1 .. 1. ADA (Karras 2020, "Training GANs
// with limited data", appendix B), each with probability p; well below 1 none leaks into what is generated:
//
//     FLIP, ROTATE90, SHIFT      left-right; quarter turns; whole pixels, up to s of the size
//     SCALE, ROTATE              2^N(0, s^2); up to s half turns, before and behind ANISO
//     ANISO, FRACTION            width by 2^N(0, s^2), height by its inverse; N(0, s^2) of the size
//     BRIGHTNESS, CONTRAST       + N(0, s^2); times 2^N(0, s^2)
//     LUMA_FLIP, HUE             the grey axis mirrored; turned about it by up to s half turns
//     SATURATION                 the distance to the grey axis times 2^N(0, s^2)
//     BAND0 .. BAND3             an octave, the lowest first, times 2^N(0, s^2), the expected power kept
//     NOISE, CUTOUT              white, of sigma |N(0, s^2)|; 0 in a rectangle of s of each side
//
// DiffAugment (Zhao 2020):
//
//     DIFF_BRIGHTNESS            + U(-s, s)
//     DIFF_SATURATION            the distance to the mean of the channels times U(1 - s, 1 + s)
//     DIFF_CONTRAST              the distance to the mean of the sample times U(1 - s, 1 + s)
//     DIFF_TRANSLATION           whole pixels, up to s of the size; zeros come in
//     DIFF_CUTOUT                0 in a rectangle of s of each side
//
// Whatever the bits the order is: blit and geometry (in one bilinear sampling with reflecting borders,
// without the paper's twofold upsampling), color with DIFF's behind ADA's, filter, noise, DIFF_TRANSLATION,
// cutouts. Any number C of channels: the grey axis is that of equal channels; HUE turns three of them and
// leaves other numbers alone. x (N, ...) that is no image can have NOISE alone.
#define GAN_AUGMENTS_BLIT(X) X(FLIP, flip, 1) X(ROTATE90, rotate90, 1) X(SHIFT, shift, .125)
#define GAN_AUGMENTS_GEOMETRY(X)                                                                             \
    X(SCALE, scale, .2) X(ROTATE, rotate, 1) X(ANISO, aniso, .2) X(FRACTION, fraction, .125)
#define GAN_AUGMENTS_COLOR(X)                                                                                \
    X(BRIGHTNESS, brightness, .2) X(CONTRAST, contrast, .5) X(LUMA_FLIP, luma_flip, 1) X(HUE, hue, 1)        \
    X(SATURATION, saturation, 1)
#define GAN_AUGMENTS_FILTER(X)                                                                               \
    X(BAND0, band0, 1) X(BAND1, band1, 1) X(BAND2, band2, 1) X(BAND3, band3, 1)
#define GAN_AUGMENTS_DIFF(X)                                                                                 \
    X(DIFF_BRIGHTNESS, diff_brightness, .5) X(DIFF_SATURATION, diff_saturation, 1)                           \
    X(DIFF_CONTRAST, diff_contrast, .5) X(DIFF_TRANSLATION, diff_translation, .125)                          \
    X(DIFF_CUTOUT, diff_cutout, .5)
// A row: name, default strength (1 where it has none).
#define GAN_AUGMENTS(X)                                                                                      \
    GAN_AUGMENTS_BLIT(X) GAN_AUGMENTS_GEOMETRY(X) GAN_AUGMENTS_COLOR(X) GAN_AUGMENTS_FILTER(X)               \
    X(NOISE, noise, .1) X(CUTOUT, cutout, .5) GAN_AUGMENTS_DIFF(X)
enum {
#define GAN__ROW(id, name, strength) GAN_AUGMENT_AT_##id,
    GAN_AUGMENTS(GAN__ROW)
#undef GAN__ROW
    GAN_AUGMENT_COUNT
};
typedef enum gan_augmentation {
    GAN_AUGMENT_NONE = 0,
#define GAN__ROW(id, name, strength) GAN_AUGMENT_##id = 1 << GAN_AUGMENT_AT_##id,
    GAN_AUGMENTS(GAN__ROW)
#undef GAN__ROW
#define GAN__ROW(id, name, strength) | GAN_AUGMENT_##id
    GAN_AUGMENT_BLIT = 0 GAN_AUGMENTS_BLIT(GAN__ROW),
    GAN_AUGMENT_GEOMETRY = 0 GAN_AUGMENTS_GEOMETRY(GAN__ROW),
    GAN_AUGMENT_COLOR = 0 GAN_AUGMENTS_COLOR(GAN__ROW),
    GAN_AUGMENT_FILTER = 0 GAN_AUGMENTS_FILTER(GAN__ROW),
    GAN_AUGMENT_DIFF = 0 GAN_AUGMENTS_DIFF(GAN__ROW),   // Zhao's "color, translation, cutout"
#undef GAN__ROW
    GAN_AUGMENT_ADA = GAN_AUGMENT_BLIT | GAN_AUGMENT_GEOMETRY | GAN_AUGMENT_COLOR       // the paper's "bgc"
} gan_augmentation;
typedef struct gan_augment_desc {       // zero everywhere: nothing is done
    unsigned policy;                    // GAN_AUGMENT_FLIP | GAN_AUGMENT_COLOR ...
    // of each transform on each sample, 0 .. 1. At 0, where ADA begins, ADA's are never done and the result
    // is x itself; DIFF's are then always done, as published.
    gan_real p;
    gan_real strength;                  // multiplies every default strength; 0: 1
} gan_augment_desc;
// x changed at random, of the same shape; each call draws anew. desc may be NULL: nothing is done.
GAN_API gan_tensor *gan_augment(gan_tensor *x, const gan_augment_desc *desc);
GAN_API const char *gan_augment_name(unsigned transform);       // of one bit
// ADA's controller, called every `every` steps: the next p, by batch every / (1000 kimg) towards whichever
// side brings sign_mean, the mean over those steps of sign(D(x)) of real x, to the target; within 0 .. 1.
// 0 means the paper's target .6, every 4, kimg 500 (real images in which p can go from 0 to 1).
GAN_API gan_real gan_augment_adapt(gan_real p, gan_real sign_mean, gan_real target, int batch, int every,
                                   gan_real kimg);
// x + sigma N(0, 1), fresh for every number (Sonderby 2017, Arjovsky and Bottou 2017); sigma 0: x itself
GAN_API gan_tensor *gan_instance_noise(gan_tensor *x, gan_real sigma);

// Past generated samples for D (Shrivastava 2017, CycleGAN): up to capacity of them (0: 50).
typedef struct gan_pool gan_pool;
GAN_API gan_pool *gan_pool_create(gan_context *ctx, const char *name, int capacity);
// x (N, ...) sample by sample: until the pool is full each is stored and given back; then, with probability
// p (Zhu 2017: .5), it takes the place of a random one, which is given back instead of it. The result is off
// the tape. What is stored is state "pool.name" of checkpoints; its shape is that of the first x.
GAN_API gan_tensor *gan_pool_query(gan_pool *pool, gan_tensor *x, gan_real p);

// >>optimizers: PyTorch's formulas and defaults; what PyTorch lacks, the paper's
//
// w weights, g gradient, d = g + weight_decay w; m, v running means of d and d^2 by beta1 and beta2, m^ and
// v^ with Adam's bias correction; e is eps. Rows with a * shrink w by lr weight_decay instead (decoupled).
//
//     SGD              u = momentum u + (1 - dampening) d; w -= lr u              Polyak 1964; Nesterov 1983
//     RMSPROP          s = alpha s + (1 - alpha) d^2; w -= lr d / (sqrt s + e)    Tieleman and Hinton 2012
//     ADAM             w -= lr m^ / (sqrt v^ + e)                                 Kingma and Ba 2014
//     ADAMW *          Adam                                                       Loshchilov and Hutter 2017
//     ADAGRAD          s += d^2; w -= lr / (1 + t lr_decay) d / (sqrt s + e)      Duchi 2011
//     ADADELTA         x = d sqrt((a + e) / (s + e)), a mean x^2; w -= lr x       Zeiler 2012
//     AMSGRAD          Adam with the largest v so far                             Reddi 2018
//     ADAMAX           u = max(beta2 u, |d| + e); w -= lr m^ / u                  Kingma and Ba 2014
//     NADAM            Adam with Nesterov's look ahead in m^                      Dozat 2016
//     RADAM            Adam, its rate rectified by the variance of v^             Liu 2019
//     ADABELIEF        Adam with v the mean of (d - m)^2, + e each time           Zhuang 2020
//     YOGI             Adam with v -= (1 - beta2) sign(v - d^2) d^2               Zaheer 2018
//     LION *           w -= lr sign(beta1 m + (1 - beta1) g), then m by beta2     Chen 2023
//     LAMB *           w -= lr |w| / |u| u, u = m^ / (sqrt v^ + e) + decay w      You 2019; per parameter
//     OPTIMISTIC_SGD   w -= lr (2 d_t - d_t-1)                                    Daskalakis 2018, OMD
//     OPTIMISTIC_ADAM  w -= lr (2 u_t - u_t-1), u = m^ / (sqrt v^ + e)            Daskalakis 2018, algorithm 1
//     SUBGRADIENT      w -= a_k g_k, a_k by step_rule; the best w is kept         Shor 1962; Boyd 2003
// ExtraAdam (Gidel 2019) is Adam with gan_extrapolate. Negative momentum (Gidel 2019b) is momentum or beta1
// below 0.

// A row: name, state arrays per parameter.
#define GAN_OPTIMIZERS(X)                                                                                    \
    X(SGD, sgd, 1) X(RMSPROP, rmsprop, 2) X(ADAM, adam, 2) X(ADAMW, adamw, 2) X(ADAGRAD, adagrad, 1)         \
    X(ADADELTA, adadelta, 2) X(AMSGRAD, amsgrad, 3) X(ADAMAX, adamax, 2) X(NADAM, nadam, 2)                  \
    X(RADAM, radam, 2) X(ADABELIEF, adabelief, 2) X(YOGI, yogi, 2) X(LION, lion, 1) X(LAMB, lamb, 2)         \
    X(OPTIMISTIC_SGD, optimistic_sgd, 1) X(OPTIMISTIC_ADAM, optimistic_adam, 3)                              \
    X(SUBGRADIENT, subgradient, 1)
typedef enum gan_optimizer_kind {
#define GAN__ROW(id, name, states) GAN_OPTIMIZER_##id,
    GAN_OPTIMIZERS(GAN__ROW)
#undef GAN__ROW
    GAN_OPTIMIZER_COUNT
} gan_optimizer_kind;
// The step sizes of the subgradient method: lr, lr / |g_k|, lr / sqrt(k). For a convex f of |g| <= G, R from
// its minimum at the start, best f - min f <= (R^2 + G^2 sum a_k^2) / (2 sum a_k).
#define GAN_STEP_RULES(X) X(CONSTANT, constant) X(LENGTH, length) X(ROOT, root)
typedef enum gan_step_rule {
#define GAN__ROW(id, name) GAN_STEP_##id,
    GAN_STEP_RULES(GAN__ROW)
#undef GAN__ROW
    GAN_STEP_COUNT
} gan_step_rule;
typedef struct gan_optimizer_desc {     // start from a function below and change fields
    gan_optimizer_kind kind;
    gan_real lr, weight_decay;          // weight decay is L2, added to the gradient, but for rows with a *
    gan_real momentum, dampening;       // SGD, RMSProp; momentum may be negative
    int nesterov;                       // SGD
    gan_real beta1, beta2, alpha, eps;  // beta1 may be negative; alpha is RMSProp's and Adadelta's (rho)
    gan_real lr_decay, initial;         // Adagrad's; the first sum of squares: Adagrad's, Yogi's
    gan_real momentum_decay;            // NAdam's psi
    gan_step_rule step_rule;            // the subgradient method's
    // Gradients are clipped, 0: not: each number to -clip_value .. clip_value, then all of a model's together
    // to Euclidean norm clip_norm (by clip_norm / (norm + 1e-6) where that is below 1).
    gan_real clip_value, clip_norm;
} gan_optimizer_desc;
GAN_API gan_optimizer_desc gan_sgd(gan_real lr, gan_real momentum);
GAN_API gan_optimizer_desc gan_rmsprop(gan_real lr);                    // alpha .99, eps 1e-8
GAN_API gan_optimizer_desc gan_adam(gan_real lr, gan_real beta1, gan_real beta2);     // eps 1e-8
GAN_API gan_optimizer_desc gan_adamw(gan_real lr, gan_real beta1, gan_real beta2, gan_real decay);
GAN_API gan_optimizer_desc gan_adagrad(gan_real lr);                    // eps 1e-10
GAN_API gan_optimizer_desc gan_adadelta(gan_real lr);                   // alpha .9, eps 1e-6; lr 1 is usual
GAN_API gan_optimizer_desc gan_amsgrad(gan_real lr, gan_real beta1, gan_real beta2);
GAN_API gan_optimizer_desc gan_adamax(gan_real lr, gan_real beta1, gan_real beta2);
GAN_API gan_optimizer_desc gan_nadam(gan_real lr, gan_real beta1, gan_real beta2);    // momentum_decay .004
GAN_API gan_optimizer_desc gan_radam(gan_real lr, gan_real beta1, gan_real beta2);
GAN_API gan_optimizer_desc gan_adabelief(gan_real lr, gan_real beta1, gan_real beta2);      // eps 1e-16
GAN_API gan_optimizer_desc gan_yogi(gan_real lr, gan_real beta1, gan_real beta2);  // eps 1e-3, initial 1e-6
GAN_API gan_optimizer_desc gan_lion(gan_real lr, gan_real beta1, gan_real beta2, gan_real decay);  // .9, .99
GAN_API gan_optimizer_desc gan_lamb(gan_real lr, gan_real beta1, gan_real beta2, gan_real decay);  // eps 1e-6
GAN_API gan_optimizer_desc gan_optimistic_sgd(gan_real lr);
GAN_API gan_optimizer_desc gan_optimistic_adam(gan_real lr, gan_real beta1, gan_real beta2);
GAN_API gan_optimizer_desc gan_subgradient(gan_real lr, gan_step_rule rule);
GAN_API const char *gan_optimizer_name(gan_optimizer_kind kind);

GAN_API gan_optimizer *gan_optimizer_create(gan_model *m, gan_optimizer_desc desc);
// One update of the model's parameters that are not frozen; gradients are computed for these alone. Returns
// the loss. A NaN or infinity in the loss or a gradient stops it before any weight or state changes
// (GAN_ERROR_NONFINITE names the operation where it began). Outside any scope this ends the step: every
// tensor recorded since the last step is released.
// Build each loss after the update before it: activations made with the old weights give no gradient of the
// new.
GAN_API gan_real gan_minimize(gan_optimizer *o, gan_tensor *loss);
// Adds the loss's gradient to the one that the next gan_minimize applies (the sum: divide the losses by their
// number for a mean). Returns the loss; a step ends as by gan_minimize.
GAN_API gan_real gan_accumulate(gan_optimizer *o, gan_tensor *loss);
// A step like gan_minimize's, but the next gan_minimize goes back to where it began and applies there the
// gradient found here (Korpelevich 1976, extragradient; Gidel 2019, whose ExtraAdam counts both as steps).
GAN_API gan_real gan_extrapolate(gan_optimizer *o, gan_tensor *loss);
// slow += alpha (fast - slow), fast = slow: call it every k steps (Zhang 2019, Lookahead), for both players
// together (Chavdarova 2021, Lookahead-minmax). The first call only remembers the weights.
GAN_API void gan_lookahead(gan_optimizer *o, gan_real alpha);
// SUBGRADIENT: the weights become the best that a gan_minimize has seen; returns the loss there.
GAN_API gan_real gan_optimizer_best(gan_optimizer *o);
// Euclidean norm of the last gradient, before clipping
GAN_API gan_real gan_optimizer_norm(const gan_optimizer *o);

// What may be changed while it trains: name, field, its values: [least, below).
#define GAN_HYPERS(X)                                                                                        \
    X(LR, lr, 0, 1e30) X(WEIGHT_DECAY, weight_decay, 0, 1e30) X(MOMENTUM, momentum, -1e30, 1e30)             \
    X(DAMPENING, dampening, 0, 1) X(BETA1, beta1, -.9999, 1) X(BETA2, beta2, 0, 1) X(ALPHA, alpha, 0, 1)     \
    X(EPS, eps, 0, 1e30) X(LR_DECAY, lr_decay, 0, 1e30) X(INITIAL, initial, 0, 1e30)                         \
    X(MOMENTUM_DECAY, momentum_decay, 0, 1e30) X(CLIP_VALUE, clip_value, 0, 1e30)                            \
    X(CLIP_NORM, clip_norm, 0, 1e30)
typedef enum gan_hyper {
#define GAN__ROW(id, name, least, below) GAN_HYPER_##id,
    GAN_HYPERS(GAN__ROW)
#undef GAN__ROW
    GAN_HYPER_COUNT
} gan_hyper;
GAN_API void gan_optimizer_set(gan_optimizer *o, gan_hyper what, gan_real value);
GAN_API gan_real gan_optimizer_get(const gan_optimizer *o, gan_hyper what);
GAN_API void gan_optimizer_lr(gan_optimizer *o, gan_real lr);           // gan_optimizer_set of GAN_HYPER_LR

// >>schedules: a number that changes with the step: a learning rate, beta2, a penalty's weight, a probability
//
// base is the number itself, t = step - start (0 before), p = t / steps up to 1.
//
//     CONSTANT      base
//     LINEAR        from base to end over steps
//     STEP          base factor^floor(t / every)                                factor .1, every 1
//     EXPONENTIAL   base factor^(t / every)                                     factor .1, every 1
//     COSINE        from base to end over half a wave; every: anew each time    Loshchilov and Hutter 2016
//     WARM_UP       from base factor to base over steps
//     PLATEAU       base factor^drops, not below end; see gan_plateau           factor .2, every (patience) 5
//     RAMP          base (2 / (1 + e^(-factor p)) - 1)                          Ganin 2016; factor 10
// The numbers on the right stand for 0. Schedules combine: what one gives can be the base of another.
#define GAN_SCHEDULES(X)                                                                                     \
    X(CONSTANT, constant) X(LINEAR, linear) X(STEP, step) X(EXPONENTIAL, exponential) X(COSINE, cosine)      \
    X(WARM_UP, warm_up) X(PLATEAU, plateau) X(RAMP, ramp)
typedef enum gan_schedule_kind {
#define GAN__ROW(id, name) GAN_SCHEDULE_##id,
    GAN_SCHEDULES(GAN__ROW)
#undef GAN__ROW
    GAN_SCHEDULE_COUNT
} gan_schedule_kind;
typedef struct gan_schedule {           // all zero: constant
    gan_schedule_kind kind;
    int64_t start, steps, every;
    gan_real end, factor;
} gan_schedule;
GAN_API gan_schedule gan_schedule_linear(int64_t start, int64_t steps, gan_real end);
GAN_API gan_schedule gan_schedule_step(int64_t every, gan_real factor);
GAN_API gan_schedule gan_schedule_exponential(gan_real factor);
GAN_API gan_schedule gan_schedule_cosine(int64_t start, int64_t steps, gan_real end);
GAN_API gan_schedule gan_schedule_warm_up(int64_t steps);
GAN_API gan_schedule gan_schedule_plateau(gan_real factor, int64_t patience);
GAN_API gan_schedule gan_schedule_ramp(int64_t steps);
GAN_API gan_real gan_schedule_at(const gan_schedule *s, gan_real base, int64_t step);   // s NULL: base
GAN_API const char *gan_schedule_name(gan_schedule_kind kind);
// A metric that should fall, watched: after more than `every` values in a row that are not below the best one
// comes a drop. Returns the drops so far; with them as the step gan_schedule_at gives a PLATEAU's value.
typedef struct gan_plateau {            // starts all zero
    int64_t seen, bad, drops;           // values, bad ones in a row, drops
    gan_real best;
} gan_plateau;
GAN_API int64_t gan_plateau_step(gan_plateau *p, const gan_schedule *s, gan_real metric);

// >>games: players that move at once, each loss a function of all weights
//
// xi is the gradient of each loss by its own player's weights, J its Jacobian by all, H = |xi|^2 / 2, A =
// (J - J^T) / 2. The optimisers are given, instead of xi:
//
//     SIMULTANEOUS         xi
//     CONSENSUS            xi + strength grad H                            Mescheder 2017; 10
//     SYMPLECTIC           xi + strength A^T xi                            Balduzzi 2018, SGA; 1
//     SYMPLECTIC_ALIGNED   the same, its sign that of <xi, grad H> <A^T xi, grad H> / size + .1  there; 1
// The last column is the strength that 0 stands for.
#define GAN_GAMES(X)                                                                                         \
    X(SIMULTANEOUS, simultaneous) X(CONSENSUS, consensus) X(SYMPLECTIC, symplectic)                          \
    X(SYMPLECTIC_ALIGNED, symplectic_aligned)
typedef enum gan_game {
#define GAN__ROW(id, name) GAN_GAME_##id,
    GAN_GAMES(GAN__ROW)
#undef GAN__ROW
    GAN_GAME_COUNT
} gan_game;
// gan_minimize and gan_extrapolate of n players, loss[i] that of o[i]: all gradients are known before a weight
// moves, and nothing moves when one is not finite.
GAN_API void gan_minimize_game(gan_game kind, gan_real strength, int n, gan_optimizer **o, gan_tensor **loss);
GAN_API void gan_extrapolate_game(gan_game kind, gan_real strength, int n, gan_optimizer **o,
                                  gan_tensor **loss);
GAN_API const char *gan_game_name(gan_game kind);

// >>datasets: batches in shuffled epochs

// n samples of the given shape, copied; labels (n numbers) may be NULL.
GAN_API gan_dataset *gan_dataset_memory(gan_context *ctx, const gan_real *data, const gan_real *labels, int n,
                                        int ndim, ...);
// Endless samples (dim) from a toy distribution:
//     NORMAL (1) N(4, 1.25^2) - LINE (2) y = 2 x + 1, x ~ U(-1, 1), noise .05 - RING (2) 8 modes on the unit
//     circle, sigma .01 - GRID (2) 25 modes on {-4, -2, 0, 2, 4}^2, sigma .05 - MOONS (2) two half circles,
//     noise .05 - SWISS_ROLL (2) noise .05, scaled to about 1
#define GAN_TOYS(X)                                                                                          \
    X(NORMAL, normal, 1) X(LINE, line, 2) X(RING, ring, 2) X(GRID, grid, 2) X(MOONS, moons, 2)               \
    X(SWISS_ROLL, swiss_roll, 2)
typedef enum gan_toy {
#define GAN__ROW(id, name, dim) GAN_TOY_##id,
    GAN_TOYS(GAN__ROW)
#undef GAN__ROW
    GAN_TOY_COUNT
} gan_toy;
GAN_API gan_dataset *gan_dataset_toy(gan_context *ctx, gan_toy kind);
// (n, ...); labels (n) or NULL
GAN_API gan_tensor *gan_dataset_batch(gan_dataset *d, int n, gan_tensor **labels);
GAN_API int64_t gan_dataset_size(const gan_dataset *d);                 // 0: endless
#ifndef GAN_NO_STDIO
// IDX files (MNIST, Fashion-MNIST). path: an images file, or a folder with train-images-idx3-ubyte (and, when
// present, its labels). Pixels 0 .. 255 become -1 .. 1, shape (1, H, W).
GAN_API gan_dataset *gan_dataset_idx(gan_context *ctx, const char *path);
// (N, C, H, W) or (N, H, W) with values -1 .. 1 as IDX u8, C = 1. Returns the error code.
GAN_API int gan_idx_write(gan_tensor *x, const char *path);

// >>images: x (N, C, H, W), C 1 or 3, values -1 .. 1 (clamped), as a grid with that many columns (0: square)

// By extension: .png (when stb_image_write.h was included before the implementation; else the picture is
// written as .pgm or .ppm beside that name), .pgm, .ppm. Returns the error code.
GAN_API int gan_image_write(gan_tensor *x, int columns, const char *path);
// gan_image_write under its familiar name
GAN_API int gan_image_write_png(gan_tensor *x, int columns, const char *path);
// width x height pixels of 1 or 3 bytes.
GAN_API int gan_image_write_bytes(gan_context *ctx, const unsigned char *pixels, int width, int height,
                                  int channels, const char *path);

// >>checkpoints: safetensors; PyTorch reads them

// Every parameter and buffer as "model.name", the state of optimisers ("optimizer.model.name.0"), averages
// ("ema.model.name"), steps, data position and random numbers (I64), with a digest in __metadata__. The old
// file survives any failure (written beside it, then renamed). Returns the error code.
GAN_API int gan_save(gan_context *ctx, const char *path);
// Everything that the file holds: into what exists, and into what will be created later under the same name.
GAN_API int gan_load(gan_context *ctx, const char *path);
#endif
// The same from memory, which must outlive the context: where aligned, parameters point into it instead of
// being copied (so it may be read-only; training copies a parameter before it first writes to it).
GAN_API int gan_load_memory(gan_context *ctx, const void *bytes, size_t size);

// >>metrics: how good samples are; nothing is recorded, and the context's random numbers stay as they were
//
// A sample is what axis 0 counts, seen as F numbers: x (N, ...) with (M, ...) of as many numbers each;
// features are a network's output for each sample. real are data, fake are generated. Sums, decisions and
// solutions are in double. A NaN or an infinity in a sample is an error; after an error numbers are NaN,
// counts 0 and tensors poison. What is random draws from a stream of its own: the same call, the same number.
//
//     histogram               counts in equal bins
//     kl_divergence           sum p log(p / q), nats; infinite where q alone is 0         Kullback 1951
//     js_divergence           (KL(p, m) + KL(q, m)) / 2, m = (p + q) / 2: 0 .. log 2      Lin 1991
//     tv_distance             sum |p - q| / 2: 0 .. 1
//     wasserstein_histogram   width sum |P - Q| with cumulated P, Q: the earth mover's
//     wasserstein_1d          W_p of numbers, exact: by their quantiles
//     wasserstein_sliced      (mean over directions of W_p^p)^(1/p)                       Rabin 2011
//     wasserstein_pyramid     sliced W_1 of 7 x 7 patches of Laplacian pyramids           Karras 2018
//     assignment              the least sum of costs, one column for each row             Jonker 1987
//     wasserstein_exact       (min over pairings of mean |x - y|^p)^(1/p)
//     sinkhorn_divergence     gan_sinkhorn in double, until it has converged              Genevay 2018
//     frechet_distance        |m - n|^2 + tr(C + D - 2 (C D)^(1/2)): FID of features      Heusel 2017
//     kernel_distance         KID: unbiased MMD^2, kernel (x y / F + 1)^3                 Binkowski 2018
//     mmd_unbiased            unbiased MMD^2, kernel exp(-|x - y|^2 / (2 sigma^2))        Gretton 2012
//     nearest                 the k nearest samples
//     precision_recall        share of fake in the real manifold, and the other way       Kynkaanniemi 2019
//     density_coverage        real balls about a fake over k; share of real balls met     Naeem 2020
//     neighbor_test           1-nearest-neighbour two-sample test                         Lopez-Paz 2017
//     birthday                pairs of equal samples, and the support that they tell of   Arora 2018
//     memorization            nearer to the training data than fresh data are?            Meehan 2020
//     authenticity            share of fakes that are no copies                           Alaa 2022
//     bin_difference          NDB: statistically different bins of a k-means partition    Richardson 2018
//     mode_report             modes found, high-quality share, reverse KL                 Lin 2018, PacGAN
//     inception_score         exp(mean KL(p(y | x), p(y))): 1 .. K                        Salimans 2016
//     ms_ssim                 structural similarity at five scales                        Wang 2003
//     ms_ssim_diversity       its mean over pairs of a batch: low is diverse              Odena 2017
//     perceptual_path_length  mean d(G(z(t)), G(z(t + e))) / e^2                          Karras 2019
//     classifier_test         held-out accuracy of a critic: .5 when nothing differs      Lopez-Paz 2017
//     confusion               a discriminator's counts, accuracy, precision, recall
#define GAN_METRICS_DENSITY(X)                                                                               \
    X(HISTOGRAM, histogram) X(KL_DIVERGENCE, kl_divergence) X(JS_DIVERGENCE, js_divergence)                  \
    X(TV_DISTANCE, tv_distance) X(WASSERSTEIN_HISTOGRAM, wasserstein_histogram)
#define GAN_METRICS_TRANSPORT(X)                                                                             \
    X(WASSERSTEIN_1D, wasserstein_1d) X(WASSERSTEIN_SLICED, wasserstein_sliced)                              \
    X(WASSERSTEIN_PYRAMID, wasserstein_pyramid) X(ASSIGNMENT, assignment)                                    \
    X(WASSERSTEIN_EXACT, wasserstein_exact) X(SINKHORN_DIVERGENCE, sinkhorn_divergence)
#define GAN_METRICS_MOMENT(X)                                                                                \
    X(FRECHET_DISTANCE, frechet_distance) X(KERNEL_DISTANCE, kernel_distance) X(MMD_UNBIASED, mmd_unbiased)
#define GAN_METRICS_NEIGHBOR(X)                                                                              \
    X(NEAREST, nearest) X(PRECISION_RECALL, precision_recall) X(DENSITY_COVERAGE, density_coverage)          \
    X(NEIGHBOR_TEST, neighbor_test) X(BIRTHDAY, birthday) X(MEMORIZATION, memorization)                      \
    X(AUTHENTICITY, authenticity) X(BIN_DIFFERENCE, bin_difference)
#define GAN_METRICS_SCORE(X)                                                                                 \
    X(MODE_REPORT, mode_report) X(INCEPTION_SCORE, inception_score) X(MS_SSIM, ms_ssim)                      \
    X(MS_SSIM_DIVERSITY, ms_ssim_diversity) X(PERCEPTUAL_PATH_LENGTH, perceptual_path_length)                \
    X(CLASSIFIER_TEST, classifier_test) X(CONFUSION, confusion)
#define GAN_METRICS(X)                                                                                       \
    GAN_METRICS_DENSITY(X) GAN_METRICS_TRANSPORT(X) GAN_METRICS_MOMENT(X) GAN_METRICS_NEIGHBOR(X)            \
    GAN_METRICS_SCORE(X)
typedef enum gan_metric { // each names its function: gan_histogram ...
#define GAN__ROW(id, name) GAN_METRIC_##id,
    GAN_METRICS(GAN__ROW)
#undef GAN__ROW
    GAN_METRIC_COUNT
} gan_metric;
GAN_API const char *gan_metric_name(gan_metric metric);

// x (N) or (N, D), D to 3 -> (bins), (bins, bins) ...: how many lie in each of `bins` equal parts of lo .. hi
// on every axis, hi itself in the last; what lies outside is not counted. As NumPy's histogramdd.
GAN_API gan_tensor *gan_histogram(gan_tensor *x, gan_real lo, gan_real hi, int bins);
// p and q are weights, as many of each, none negative; they are divided by their sums here.
GAN_API double gan_kl_divergence(gan_tensor *p, gan_tensor *q);
GAN_API double gan_js_divergence(gan_tensor *p, gan_tensor *q);
GAN_API double gan_tv_distance(gan_tensor *p, gan_tensor *q);
GAN_API double gan_wasserstein_histogram(gan_tensor *p, gan_tensor *q, gan_real width);        // of a bin

// power is the p of W_p, from 1. Every value of x and of y is one number; their counts may differ.
GAN_API double gan_wasserstein_1d(gan_tensor *x, gan_tensor *y, gan_real power);
// directions 0: 128
GAN_API double gan_wasserstein_sliced(gan_tensor *x, gan_tensor *y, int directions, gan_real power);
// Pictures (N, C, H, W), H and W divisible by 2^(levels-1), the coarsest at least 7 -> (levels), the finest
// first; published tables show 1000 times as much. levels 0: while a side is at least 16; patches of each
// picture 0: 128; directions 0: 512.
GAN_API gan_tensor *gan_wasserstein_pyramid(gan_tensor *real, gan_tensor *fake, int levels, int patches,
                                            int directions);
// cost (N, M), N <= M -> (N): the column of each row, no column twice. Time N^2 M at worst.
GAN_API gan_tensor *gan_assignment(gan_tensor *cost);
GAN_API double gan_wasserstein_exact(gan_tensor *x, gan_tensor *y, gan_real power);  // N = M; memory 8 N^2
// gan_sinkhorn is recorded, in gan_real, and stops after a fixed number of iterations; this stops when the
// plan's margins are within 1e-7, or after `iterations` (0: 500). epsilon 0: a twentieth of the mean cost
// |x - y|^2. Memory 8 N M.
GAN_API double gan_sinkhorn_divergence(gan_tensor *x, gan_tensor *y, gan_real epsilon, int iterations);

typedef struct gan_estimate { // of `count` parts: mean, standard deviation (over count), that of the mean
    double mean, deviation, error;
    int count;
} gan_estimate;
// Covariances divide by N - 1; N, M from 2.
GAN_API double gan_frechet_distance(gan_tensor *x, gan_tensor *y);
// Over consecutive blocks of so many of each (0: 1000, or all there are), or, where subsets is not 0, over so
// many random ones (as published: 1000, 100). error is deviation / sqrt(count - 1).
GAN_API gan_estimate gan_kernel_distance(gan_tensor *real, gan_tensor *fake, int block, int subsets);
// sigma 0: the median distance among the first 500 of both. gan_mmd_rbf is biased, and recorded.
GAN_API double gan_mmd_unbiased(gan_tensor *x, gan_tensor *y, gan_real sigma);

// Of each of x the k nearest of y -> (N, k), the nearest first, the lower index where equal; distances,
// unless NULL, gets (N, k) too. y NULL: among the other samples of x.
GAN_API gan_tensor *gan_nearest(gan_tensor *x, gan_tensor *y, int k, gan_tensor **distances);
typedef struct gan_fidelity { double precision, recall; } gan_fidelity;
// A manifold is the balls about its samples that reach to the k-th neighbour (k 0: 3), borders included.
GAN_API gan_fidelity gan_precision_recall(gan_tensor *real, gan_tensor *fake, int k);
typedef struct gan_coverage { double density, coverage; } gan_coverage;
GAN_API gan_coverage gan_density_coverage(gan_tensor *real, gan_tensor *fake, int k); // 0: 5; without borders
// real and fake: the shares of each that were told right; accuracy: of both. z: (accuracy - 1/2) in standard
// deviations of that many coin tosses.
typedef struct gan_two_sample { double accuracy, real, fake, z; } gan_two_sample;
// Each sample is given the label of its nearest other; ties count half. Of samples of one distribution .5, of
// distant ones 1, of exact copies 0. Take as many of both.
GAN_API gan_two_sample gan_neighbor_test(gan_tensor *real, gan_tensor *fake);
typedef struct gan_duplicates {
    int64_t pairs;                      // i < j at most `within` apart
    double support;                     // N (N - 1) / 2 over pairs; infinite when there are none
    double distance;                    // of the closest pair
    int first, second;                  // that pair
} gan_duplicates;
GAN_API gan_duplicates gan_birthday(gan_tensor *x, gan_real within);
typedef struct gan_copying {
    double fake, held;                  // mean distance to the nearest training sample
    double ratio;                       // fake / held: below 1 means copying
    double z;                           // Mann and Whitney's: below -2 or so means copying
} gan_copying;
// held: data from the same source that was not trained on
GAN_API gan_copying gan_memorization(gan_tensor *train, gan_tensor *held, gan_tensor *fake);
// A fake is no copy when the training sample nearest to it has a nearer training sample than it.
GAN_API double gan_authenticity(gan_tensor *train, gan_tensor *fake);
typedef struct gan_bins {
    int different, bins;                // NDB, and among how many
    double share;                       // different / bins
    double js;                          // between both proportions
} gan_bins;
// k-means of real into bins (0: 100), then a two-proportion z test of each at level .05.
GAN_API gan_bins gan_bin_difference(gan_tensor *real, gan_tensor *fake, int bins);

typedef struct gan_modes {
    int modes;                          // those that a sample of high quality is nearest to
    double quality;                     // share of samples within 3 sigma of their nearest mode
    double kl;                          // KL(shares of the nearest modes, equal shares)
    double log_likelihood;              // mean log density of the mixture; sigma^2 is its variance
} gan_modes;
// x (N, D), centers (K, D) of K equal normal distributions, standard deviation sigma on every axis.
GAN_API gan_modes gan_mode_report(gan_tensor *x, gan_tensor *centers, gan_real sigma);
// Class probabilities (N, K), in `splits` consecutive parts (0: 1; as published 10).
GAN_API gan_estimate gan_inception_score(gan_tensor *probabilities, int splits);
// Pictures (N, C, H, W) of at least 16 x 16; range as for gan_ssim. Window 11, or the whole picture where a
// scale is smaller than that, sigma in proportion; weights of Wang 2003; per picture and channel, their mean.
GAN_API double gan_ms_ssim(gan_tensor *x, gan_tensor *y, gan_real range);
GAN_API double gan_ms_ssim_diversity(gan_tensor *x, int pairs, gan_real range);    // 0: all pairs
typedef struct gan_path_desc {          // zero, or NULL: the default
    gan_real epsilon;                   // 1e-4
    int linear;                         // 0: on the sphere (slerp), for z; 1: straight, for StyleGAN's w
    gan_real trim;                      // share left out at either end; published code: .01
    int batch;                          // 64
} gan_path_desc;
// Between z0 and z1 (N, L) at random t; d is the squared distance of features' outputs for both pictures,
// NULL: of the pictures. label (N, ...) or NULL. Both models run in GAN_EVAL.
GAN_API gan_estimate gan_perceptual_path_length(gan_model *g, gan_model *features, gan_tensor *z0,
                                                gan_tensor *z1, gan_tensor *label, const gan_path_desc *desc);
// Trains F - hidden - 1 (0: 64; below 0: F - 1, logistic regression) on half of as many of both, for `steps`
// (0: 500) of Adam on batches of 128, its rate .01 falling to 0, and tests it on the other half. At least
// 4 of each.
GAN_API gan_two_sample gan_classifier_test(gan_tensor *real, gan_tensor *fake, int hidden, int steps);
typedef struct gan_confusion_report {
    int64_t real_as_real, real_as_fake, fake_as_real, fake_as_fake;     // a logit above 0 says "real"
    double accuracy, precision, recall;                 // of "real"; 0 where nothing was called real
} gan_confusion_report;
GAN_API gan_confusion_report gan_confusion(gan_tensor *real_logits, gan_tensor *fake_logits);

// >>latents: z after a look at D; g and d are generator and discriminator, z (N, L), label (N) or NULL

// LOGAN (Wu 2019): `steps` times z += alpha g / (beta + |g|^2) for a share of the samples, g the gradient of D(G(z))
// by z, per sample. Recorded: gradients flow through all of it. Zeros mean the defaults; steps 0 is z itself.
typedef struct gan_latent_desc {
    int steps;                          // 0: off
    gan_real alpha, beta, share;        // .9, .1, .8
    gan_real bound;                     // z stays within +- bound; 0: free
} gan_latent_desc;
GAN_API gan_tensor *gan_latent_optimize(gan_model *g, gan_model *d, gan_tensor *z, gan_tensor *label,
                                        const gan_latent_desc *desc);
// Discriminator-driven Langevin dynamics (Che 2020): `steps` times z -= rate / 2 grad E(z) - sqrt(rate) noise,
// E(z) = |z|^2 / 2 - D(G(z)), so that z moves from the normal prior towards what D takes for real. Not recorded.
GAN_API gan_tensor *gan_latent_langevin(gan_model *g, gan_model *d, gan_tensor *z, gan_tensor *label, int steps,
                                        gan_real rate);

// >>trainer: Goodfellow 2014, algorithm 1, and what has been found since to make it work

typedef enum gan_prior { GAN_PRIOR_NORMAL = 0, GAN_PRIOR_UNIFORM = 1 } gan_prior;         // N(0, 1), U(-1, 1)

typedef struct gan_trainer_stats {
    int64_t step;                       // 1 after the first
    gan_real d_loss, g_loss;            // as minimised, without penalties
    gan_real penalty, g_penalty;        // the weighted values of D's and of G's
    // mean D(x), D(G(z)): probabilities where the loss has them (gan_loss_is_probability), raw outputs elsewhere
    gan_real d_real, d_fake;
    gan_real d_grad_norm, g_grad_norm;
    gan_real augment_p;                 // ADA's probability now
    gan_real metric, best;              // the metric's last value and its least, at step best_step
    int64_t best_step;
    int rollbacks;                      // NaNs survived so far
    int cancelled;                      // the callback asked to stop
} gan_trainer_stats;

// What a schedule can drive: fields of the description, one for each player where both have it.
#define GAN_SCHEDULED(X)                                                                                     \
    X(LR, g_optimizer.lr, d_optimizer.lr)                                                                    \
    X(G_LR, g_optimizer.lr, g_optimizer.lr)                                                                  \
    X(D_LR, d_optimizer.lr, d_optimizer.lr)                                                                  \
    X(BETA1, g_optimizer.beta1, d_optimizer.beta1)                                                           \
    X(BETA2, g_optimizer.beta2, d_optimizer.beta2)                                                           \
    X(WEIGHT_DECAY, g_optimizer.weight_decay, d_optimizer.weight_decay)                                      \
    X(PENALTY, penalty[0].weight, penalty[1].weight)                                                         \
    X(EMA, ema, ema)                                                                                         \
    X(LABEL_SMOOTHING, label_smoothing, label_smoothing)                                                     \
    X(LABEL_FLIP, label_flip, label_flip)                                                                    \
    X(INSTANCE_NOISE, instance_noise, instance_noise)                                                        \
    X(AUGMENT, augment.p, augment.p)                                                                         \
    X(TOP_K, top_k, top_k)
typedef enum gan_scheduled {
#define GAN__ROW(id, g, d) GAN_SCHEDULED_##id,
    GAN_SCHEDULED(GAN__ROW)
#undef GAN__ROW
    GAN_SCHEDULED_COUNT
} gan_scheduled;
typedef struct gan_trainer_schedule { gan_scheduled what; gan_schedule schedule; } gan_trainer_schedule;

// A term of your own for a player's loss, a scalar: class heads, codes, feature matching, cycles. in->real_out and
// in->fake_out are D's whole outputs; in G's term in->fake is recorded and in->real_out NULL unless the loss needs it.
typedef gan_tensor *gan_trainer_term(const gan_penalty_in *in, void *user);

enum { GAN_MAX_PENALTIES = 4, GAN_MAX_SCHEDULES = 8 };

typedef struct gan_trainer_desc {       // zero means the default, and off
    gan_model *generator, *discriminator;
    gan_dataset *data;
    int batch;                          // 64
    int latent;                         // size of z; 100
    gan_prior prior;
    // z of your own, (n, ...), for these labels (or NULL)
    gan_tensor *(*latents)(gan_context *ctx, int n, gan_tensor *label, void *user);
    // the game
    gan_loss loss;
    gan_pairing pairing;
    int saturating;                     // G minimises minus D's loss
    gan_real loss_parameter;            // the loss's own number; its default
    gan_real label_smoothing, fake_smoothing;
    gan_penalty_desc penalty[GAN_MAX_PENALTIES];        // of either player
    gan_trainer_term *d_term, *g_term;
    int d_logits;                       // of D's outputs (N, C), the first so many are the loss's; 0: all
    int d_steps;                        // k of algorithm 1; 1
    // the updates
    gan_optimizer_desc g_optimizer, d_optimizer;        // Adam 2e-4 (.5, .999); two learning rates are TTUR (Heusel 2017)
    int accumulate;                     // batches per update; 1
    int simultaneous;                   // both gradients before either update, of one batch, by the rule of `game`
    gan_game game;
    gan_real game_strength;             // its gamma or lambda
    int extragradient;                  // both players look ahead first (Gidel 2019)
    int lookahead;                      // every so many steps both return part of the way (Chavdarova 2021)
    gan_real lookahead_alpha;           // .5
    gan_trainer_schedule schedule[GAN_MAX_SCHEDULES];
    // the averaged generator, used for sampling
    gan_real ema;                       // decay a step; 0: none
    gan_real ema_half_life;             // instead: in samples seen, and no longer than
    gan_real ema_ramp;                  // this share of all samples seen so far (Karras 2020; .05)
    int64_t ema_start;                  // until this step the average is a copy
    // what D sees
    int pack;                           // PacGAN: D judges so many samples together, along axis 1; batch counts packs
    gan_real label_flip;                // share of pairs whose real and fake change places in D's loss
    gan_real instance_noise;            // deviation of N(0, .) on all that D sees (Sonderby 2017)
    gan_augment_desc augment;           // real and fake alike, before D (Zhao 2020, Karras 2020)
    gan_real ada_target;                // adapts augment.p so that E sign(D(x)) is this: .6
    gan_real ada_kimg;                  // in how many thousand samples p can go from 0 to 1; 500
    gan_augment_desc consistency;       // of the CR and BCR penalties; DiffAugment's translation and flips
    int pool;                           // past fakes kept and mixed in at 1/2 (Shrivastava 2017; CycleGAN 50)
    // G's update
    gan_real top_k;                     // the share of G's samples, D's favourites, that count (Sinha 2020)
    int unroll;                         // D's next so many steps, by SGD at its rate, are part of G's loss (Metz 2017)
    gan_latent_desc optimize;           // z looks at D first, for both players (LOGAN)
    // safety
    int rollback;                       // every so many steps all state is copied; a NaN goes back there
    gan_real (*metric)(gan_trainer *t, void *user);     // less is better
    int metric_every;                   // steps; 1000
    const char *best_path;              // a checkpoint is saved here whenever the metric has a new least
    // after each step; non-zero cancels gan_trainer_run
    int (*progress)(const gan_trainer_stats *stats, void *user);
    void *user;
} gan_trainer_desc;

// Lazy penalties (penalty[i].every) scale their player's learning rate by n / (n + 1) and take its betas to that power
// (Karras 2020).
GAN_API gan_trainer *gan_trainer_create(gan_context *ctx, const gan_trainer_desc *desc);
GAN_API gan_trainer_stats gan_trainer_step(gan_trainer *t);             // d_steps updates of D, then one of G
GAN_API gan_trainer_stats gan_trainer_run(gan_trainer *t, int64_t steps);   // until done, cancelled or failed
// n samples of the (averaged) generator in GAN_EVAL, always from the same z for the same n; with labelled
// data for the labels 0, 1, 2 ... in turn. The training is not disturbed.
GAN_API gan_tensor *gan_trainer_sample(gan_trainer *t, int n);
GAN_API gan_tensor *gan_trainer_generate(gan_trainer *t, gan_tensor *z, gan_tensor *label); // from your own z
typedef struct gan_sampling {           // zero: off
    gan_real truncation;                // numbers of z beyond +- this are drawn again (Brock 2019)
    int langevin_steps;                 // of gan_latent_langevin
    gan_real langevin_rate;             // .01
    int rejection;                      // rounds of rejection sampling by D at most (Azadi 2019)
    gan_real rejection_quantile;        // of D's logits, where half is accepted; .8
} gan_sampling;
GAN_API gan_tensor *gan_trainer_sample_ex(gan_trainer *t, int n, const gan_sampling *how);
GAN_API gan_optimizer *gan_trainer_g_optimizer(gan_trainer *t);        // for schedules of your own
GAN_API gan_optimizer *gan_trainer_d_optimizer(gan_trainer *t);
GAN_API int64_t gan_trainer_steps(const gan_trainer *t);    // done so far, those before a checkpoint included

#endif // GAN_H
// clang-format on

#if defined(GAN_IMPLEMENTATION) && !defined(GAN_H_IMPLEMENTED)
#ifndef GAN__PASS

// >>base: compilers, checked sizes, bits; uses libc only; tests/test_base.c

#include <math.h>
#include <stdarg.h>
#include <string.h>
#ifndef GAN_NO_MALLOC
#include <stdlib.h>
#endif
#ifndef GAN_NO_STDIO
#include <stdio.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#ifndef GAN_HEADER_FILENAME
#define GAN_HEADER_FILENAME "gan.h"
#endif

// GAN__APART: called from so many places that its copies would be 3 % of the library.
#if defined(_MSC_VER)
#define GAN__INLINE static __forceinline
#define GAN__APART static __declspec(noinline)
#define GAN__RESTRICT __restrict
#elif defined(__GNUC__)
#define GAN__INLINE static inline __attribute__((always_inline))
#define GAN__APART static __attribute__((noinline))
#define GAN__RESTRICT __restrict__
#else
#define GAN__INLINE static inline
#define GAN__APART static
#define GAN__RESTRICT
#endif

#define GAN__LEAST(a, b) ((a) < (b) ? (a) : (b))
#define GAN__MOST(a, b) ((a) > (b) ? (a) : (b))

// The one checked product and sum of sizes: 0 and *out set, or 1 when the result does not fit.
static int gan__mul_size(size_t a, size_t b, size_t *out)
{
    if (a && b > (size_t)-1 / a) return 1;
    *out = a * b;
    return 0;
}

static int gan__add_size(size_t a, size_t b, size_t *out)
{
    if (b > (size_t)-1 - a) return 1;
    *out = a + b;
    return 0;
}

// The number of elements of a shape; 1 on overflow or a negative dimension.
static int gan__count(int ndim, const int *dim, size_t *out)
{
    size_t n = 1, zeros = 0;
    int i;
    for (i = 0; i < ndim; ++i) {
        if (dim[i] < 0) return 1;
        if (dim[i] == 0) zeros = 1; // the others must not overflow either: strides are made of them
        else if (gan__mul_size(n, (size_t)dim[i], &n) || n > (size_t)-1 >> 1) return 1;
    }
    *out = zeros ? 0 : n;
    return 0;
}

// By the exponent's bits, so that -ffast-math cannot argue it away.
static int gan__is_finite(gan_real x)
{
#ifdef GAN_DOUBLE
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return ((u >> 52) & 0x7ff) != 0x7ff;
#else
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return ((u >> 23) & 0xff) != 0xff;
#endif
}

// >>mem: the context; memory for ever, for a step, freed early; uses base; tests/test_mem.c
//
// Chunks come from the allocator (or are the fixed block). What lives for ever is taken from a chunk's low
// end, what a step makes from its high end, so one block serves both without a division chosen beforehand.
// Step memory is a stack of blocks with scopes marked in it; a block that is freed early joins its neighbours
// and is given out again within its scope.

#define GAN__ALIGN 64
#define GAN__SCOPES 32

typedef struct gan__block {
    size_t size;                      // payload bytes, a multiple of GAN__ALIGN
    struct gan__block *newer;         // the neighbour below, NULL for the newest of its scope
    struct gan__block *next, *before; // in the list of free blocks
    struct gan__chunk *chunk;
    int refs; // tensors that look at it
    int free;
} gan__block;

typedef struct gan__chunk {
    struct gan__chunk *next;
    char *lo, *hi, *end; // free between lo and hi; step blocks in [hi, end)
    gan__block *newest;
    size_t bytes;
    void *base;
} gan__chunk;

// How a tensor that is not stored is computed: into `out`, with an activation (GAN__ACT_*) over it. 1 on
// error.
typedef int gan__make_fn(gan_tensor *t, gan_real *out, int act, gan_real slope);

typedef struct gan__mark {
    gan__chunk *chunk;
    char *hi;
    gan__block *newest, *free;
    gan_tensor *last;
    size_t used;
} gan__mark;

typedef struct gan__rng {
    uint64_t seed, stream, counter;
} gan__rng;

// A tensor is its values and the record of how they came about. Step tensors are linked in order of creation:
// that is the tape.
struct gan_tensor {
    gan_context *ctx;
    gan_real *data;
    size_t size;
    int ndim, dim[GAN_MAX_DIMS];
    gan_op op;
    int nin; // 0: a leaf, nothing was recorded
    gan_tensor **in, *inline_in[5];
    int i[12];         // the operation's whole-number attributes
    gan_real p, q;     // and its real ones
    gan__block *block; // step memory that the values are in; NULL: they live for ever
    gan_tensor *older, *newer;
    gan_tensor *grad; // during a backward pass: the gradient so far
    // Epochs of backward passes: the one that wants its gradient, that wants one of its inputs', that it is
    // part of, that made it as a temporary (or 0).
    uint64_t wanted, through, reached, born;
    int holds; // backward pass: places that keep it
    int alive; // 0 after its step ended
    // Of one that is not stored until it is looked at (data NULL): how it is made, the depth of its scope,
    // the deeper one that its values are in, the state of the weights that it was defined with.
    gan__make_fn *make;
    int depth, lent;
    uint64_t weights;
};

struct gan_context {
    const struct gan__kernels *k;
    int threads;
    int64_t patience; // work to be done by one thread before OpenMP's are started
    int recording;
    int error;
    char message[512];
    uint64_t failures;         // calls that failed, the first and the later ones
    const char *model, *layer; // the layer that is being built, for the message; NULL outside
    gan_allocator allocator;
    void (*parallel_for)(int64_t n, gan_task *task, void *arg, void *user);
    void *parallel_user;
    int fixed;                 // no more chunks: a fixed block was given
    gan__chunk *chunks, *step; // all of them in order; the last one that holds step memory
    gan__block *free;          // of the innermost scope
    gan__mark scope[GAN__SCOPES];
    int depth;   // innermost scope; 0 is the step itself
    int skipped; // scopes opened beyond the limit
    size_t persistent, used, peak, reserved;
    uint64_t heap_calls;
    gan__rng rng;
    gan_tensor *last;            // the newest step tensor
    gan_tensor *pool, *pool_end; // dead tensor structs, first out is the oldest
    gan_tensor *poison;
    uint64_t epoch;      // of backward passes
    uint64_t born;       // the epoch of the pass that is making temporaries now, or 0
    gan_tensor *mark;    // backward pass: the newest tensor from before the node that is at work
    gan_tensor *waiting; // a result that is not made yet: an activation that comes next is made with it
    int forwards;        // calls of gan_forward that are open
    int lent;            // tensors whose values are in a deeper scope than they
    uint64_t weights;    // goes up whenever a weight may have changed
    struct gan__state *states, *states_end;
    struct gan__entry *pending;
    gan_model *models;
    struct gan__kept *kept;
    int datasets;
};

static size_t gan__round_up(size_t n) { return (n + (GAN__ALIGN - 1)) & ~(size_t)(GAN__ALIGN - 1); }

static char *gan__align_up(char *p)
{
    size_t k = (size_t)((uintptr_t)p & (GAN__ALIGN - 1));
    return k ? p + (GAN__ALIGN - k) : p;
}

static void gan__note_peak(gan_context *ctx)
{
    if (ctx->persistent + ctx->used > ctx->peak) ctx->peak = ctx->persistent + ctx->used;
}

// A chunk header at the start of `bytes` at `base`; NULL when they are too few.
static gan__chunk *gan__chunk_at(void *base, size_t bytes)
{
    char *p = gan__align_up((char *)base), *end = (char *)base + bytes;
    gan__chunk *c = (gan__chunk *)(void *)p;
    if (bytes < 4 * GAN__ALIGN + sizeof *c) return NULL;
    c->next = NULL;
    c->base = base;
    c->bytes = bytes;
    c->newest = NULL;
    c->lo = p + gan__round_up(sizeof *c);
    c->hi = end - ((uintptr_t)end & (GAN__ALIGN - 1));
    c->end = c->hi;
    return c;
}

// Room for at least `bytes`: grows with what is there already, so that the number of chunks stays small.
static gan__chunk *gan__chunk_new(gan_context *ctx, size_t bytes)
{
    size_t want = GAN__MOST((size_t)1 << 18, GAN__LEAST(ctx->reserved, (size_t)1 << 26)), exact;
    gan__chunk *c, **link;
    void *base = NULL;
    if (ctx->fixed || gan__add_size(bytes, 8 * GAN__ALIGN, &exact)) return NULL;
    if (want > exact) base = ctx->allocator.alloc(want, ctx->allocator.user);
    ctx->heap_calls += want > exact;
    if (!base) {
        want = exact;
        base = ctx->allocator.alloc(want, ctx->allocator.user);
        ctx->heap_calls++;
    }
    if (!base) return NULL;
    c = gan__chunk_at(base, want);
    ctx->reserved += want;
    for (link = &ctx->chunks; *link; link = &(*link)->next) {}
    *link = c;
    return c;
}

// Memory that lives as long as the context, its contents anything; NULL when there is none (the caller
// reports it).
static void *gan__persist_raw(gan_context *ctx, size_t bytes)
{
    gan__chunk *c;
    void *p;
    if (bytes > (size_t)-1 - GAN__ALIGN) return NULL;
    bytes = gan__round_up(bytes ? bytes : 1);
    for (c = ctx->chunks; c; c = c->next)
        if ((size_t)(c->hi - c->lo) >= bytes) break;
    if (!c) c = gan__chunk_new(ctx, bytes);
    if (!c) return NULL;
    p = c->lo;
    c->lo += bytes;
    ctx->persistent += bytes;
    gan__note_peak(ctx);
    return p;
}

static void *gan__persist_quiet(gan_context *ctx, size_t bytes) // zeroed
{
    void *p = gan__persist_raw(ctx, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

static void gan__free_list_remove(gan_context *ctx, gan__block *b)
{
    if (b->before) b->before->next = b->next;
    else ctx->free = b->next;
    if (b->next) b->next->before = b->before;
    b->free = 0;
}

static void gan__free_list_add(gan_context *ctx, gan__block *b)
{
    b->free = 1;
    b->before = NULL;
    b->next = ctx->free;
    if (b->next) b->next->before = b;
    ctx->free = b;
}

static gan__block *gan__block_above(gan__block *b)
{
    return (gan__block *)(void *)((char *)b + gan__round_up(sizeof *b) + b->size);
}

// The end of the innermost scope's blocks in a chunk: where its mark stands, or the chunk's end.
static char *gan__scope_end(const gan_context *ctx, const gan__chunk *c)
{
    const gan__mark *m = &ctx->scope[ctx->depth];
    return m->chunk == c ? m->hi : c->end;
}

// Step memory of at least `bytes`, GAN__ALIGNed; NULL when there is none.
static gan__block *gan__block_new(gan_context *ctx, size_t bytes)
{
    const size_t head = gan__round_up(sizeof(gan__block));
    gan__block *b, *best = NULL;
    gan__chunk *c;
    size_t need;
    int behind = 0;
    if (bytes > (size_t)-1 - 2 * GAN__ALIGN - head) return NULL;
    bytes = gan__round_up(bytes ? bytes : 1);
    for (b = ctx->free; b; b = b->next)
        if (b->size >= bytes && (!best || b->size < best->size)) best = b;
    if (best) {
        gan__free_list_remove(ctx, best);
        if (best->size >=
            bytes + head + GAN__ALIGN) { // split: the upper part is given out, the lower stays free
            size_t rest = best->size - bytes - head;
            b = best;
            b->size = rest;
            best = gan__block_above(b);
            best->size = bytes;
            best->newer = b;
            best->chunk = b->chunk;
            best->free = 0;
            if ((char *)gan__block_above(best) < gan__scope_end(ctx, b->chunk))
                gan__block_above(best)->newer = best;
            gan__free_list_add(ctx, b);
        }
    } else {
        need = bytes + head;
        // the first of this scope's chunks with room; ctx->step stays the last one in use
        for (c = ctx->scope[ctx->depth].chunk; c && (size_t)(c->hi - c->lo) < need; c = c->next)
            behind |= c == ctx->step;
        if (!c) c = gan__chunk_new(ctx, need);
        if (!c) return NULL;
        if (behind) ctx->step = c;
        c->hi -= need;
        best = (gan__block *)(void *)c->hi;
        best->size = bytes;
        best->chunk = c;
        best->newer = NULL;
        best->free = 0;
        if (c->newest) c->newest->newer = best;
        c->newest = best;
    }
    best->refs = 1;
    ctx->used += best->size + head;
    gan__note_peak(ctx);
    return best;
}

static void *gan__block_data(gan__block *b) { return (char *)b + gan__round_up(sizeof *b); }

// Gives a block back before its scope ends. One of an outer scope stays until that scope closes.
static void gan__block_free(gan_context *ctx, gan__block *b)
{
    const size_t head = gan__round_up(sizeof *b);
    const gan__mark *m = &ctx->scope[ctx->depth];
    gan__chunk *c = b->chunk, *k;
    gan__block *above, *below;
    char *end = gan__scope_end(ctx, c);
    if ((char *)b >= end) return;
    for (k = m->chunk->next; c != m->chunk && k && k != c; k = k->next) {}
    if (c != m->chunk && !k) return; // in a chunk before the mark's
    ctx->used -= b->size + head;
    above = gan__block_above(b);
    if ((char *)above < end && above->free) {
        gan__free_list_remove(ctx, above);
        b->size += head + above->size;
    }
    below = b->newer;
    if (below && below->free) {
        gan__free_list_remove(ctx, below);
        below->size += head + b->size;
        b = below;
    }
    above = gan__block_above(b);
    if (b->newer) {
        if ((char *)above < end) above->newer = b;
        gan__free_list_add(ctx, b);
    } else { // the newest: back to the stack
        c->hi = (char *)above;
        c->newest = (char *)above < end ? above : NULL;
        if (c->newest) c->newest->newer = NULL;
    }
}

static void gan__mark_set(gan_context *ctx, gan__mark *m)
{
    m->chunk = ctx->step;
    m->hi = ctx->step->hi;
    m->newest = ctx->step->newest;
    m->free = ctx->free;
    m->last = ctx->last;
    m->used = ctx->used;
    ctx->step->newest = NULL;
    ctx->free = NULL;
}

static void gan__mark_release(gan_context *ctx, const gan__mark *m)
{
    gan__chunk *c;
    for (c = m->chunk->next; c; c = c->next) {
        c->hi = c->end;
        c->newest = NULL;
    }
    m->chunk->hi = m->hi;
    m->chunk->newest = NULL;
    ctx->step = m->chunk;
    ctx->free = NULL;
    ctx->used = m->used;
}

// >>err: the sticky error and its message; uses base, mem; tests/test_err.c

// Appends text at *at, never past the message's end.
static void gan__say(gan_context *ctx, size_t *at, const char *text)
{
    while (*text && *at + 1 < sizeof ctx->message) {
        const char c = *text++;
        ctx->message[(*at)++] = c >= ' ' && c <= '~' ? c : '?';
    }
    ctx->message[*at] = 0;
}

static void gan__say_int(gan_context *ctx, size_t *at, int64_t v)
{
    char digits[24];
    int i = (int)sizeof digits - 1;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    digits[i] = 0;
    do {
        digits[--i] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u);
    if (v < 0) digits[--i] = '-';
    gan__say(ctx, at, digits + i);
}

// Six digits after the point are enough for a message.
static void gan__say_real(gan_context *ctx, size_t *at, double v)
{
    int i;
    if (!(v < 1e15 && v > -1e15)) {
        gan__say(ctx, at, v > 0 ? "very large" : v < 0 ? "very negative" : "nan");
        return;
    }
    if (v < 0) {
        gan__say(ctx, at, "-");
        v = -v;
    }
    gan__say_int(ctx, at, (int64_t)v);
    v -= (double)(int64_t)v;
    if (v > 0) {
        gan__say(ctx, at, ".");
        for (i = 0; i < 6 && v > 0; ++i) {
            v *= 10;
            gan__say_int(ctx, at, (int64_t)v);
            v -= (double)(int64_t)v;
        }
    }
}

static void gan__say_shape(gan_context *ctx, size_t *at, int ndim, const int *dim)
{
    int i;
    gan__say(ctx, at, "(");
    for (i = 0; i < ndim; ++i) {
        if (i) gan__say(ctx, at, ", ");
        gan__say_int(ctx, at, dim[i]);
    }
    gan__say(ctx, at, ")");
}

// clang-format off
static const char *const gan__op_names[] = {
    "this call",
#define GAN__ROW(id, name) #name,
    GAN_OPERATIONS(GAN__ROW)
#undef GAN__ROW
};
// clang-format on

// Sets the sticky error (the first one stays) and returns the poison tensor. %s text, %d int, %l int64_t, %f
// double, %t const gan_tensor * (its shape), %h int, const int * (a shape), %o gan_op (its name). Inside a
// layer its name comes first.
static gan_tensor *gan__fail(gan_context *ctx, gan_error_code code, const char *format, ...)
{
    va_list args;
    size_t at = 0;
    char letter[2] = {0, 0};
    ctx->failures++;
    if (ctx->error) return ctx->poison;
    ctx->error = (int)code;
    if (ctx->layer) {
        gan__say(ctx, &at, ctx->model);
        gan__say(ctx, &at, ".");
        gan__say(ctx, &at, ctx->layer);
        gan__say(ctx, &at, ": ");
    }
    va_start(args, format);
    for (; *format; ++format) {
        if (*format != '%') {
            letter[0] = *format;
            gan__say(ctx, &at, letter);
            continue;
        }
        switch (*++format) {
        case 's': gan__say(ctx, &at, va_arg(args, const char *)); break;
        case 'd': gan__say_int(ctx, &at, va_arg(args, int)); break;
        case 'l': gan__say_int(ctx, &at, va_arg(args, int64_t)); break;
        case 'f': gan__say_real(ctx, &at, va_arg(args, double)); break;
        case 'o': gan__say(ctx, &at, gan__op_names[va_arg(args, int)]); break;
        case 't': {
            const gan_tensor *t = va_arg(args, const gan_tensor *);
            gan__say_shape(ctx, &at, t->ndim, t->dim);
            break;
        }
        case 'h': {
            const int n = va_arg(args, int);
            gan__say_shape(ctx, &at, n, va_arg(args, const int *));
            break;
        }
        default: gan__say(ctx, &at, "%"); break;
        }
    }
    va_end(args);
    return ctx->poison;
}

static gan_tensor *gan__fail_memory(gan_context *ctx, size_t bytes)
{
    bytes = GAN__LEAST(bytes, (size_t)-1 >> 1);
    if (ctx->fixed)
        return gan__fail(ctx, GAN_ERROR_MEMORY,
                         "out of memory: %l more bytes do not fit into the fixed block of %l; give "
                         "gan_desc.memory_size more",
                         (int64_t)bytes, (int64_t)ctx->reserved);
    return gan__fail(ctx, GAN_ERROR_MEMORY,
                     "out of memory: the allocator refused %l bytes; take a smaller batch or model",
                     (int64_t)bytes);
}

static void *gan__persist(gan_context *ctx, size_t bytes)
{
    void *p = gan__persist_quiet(ctx, bytes);
    if (!p) gan__fail_memory(ctx, bytes);
    return p;
}

// Working memory of a kernel: step memory that is given back before the call returns.
static void *gan__scratch(gan_context *ctx, size_t bytes)
{
    gan__block *b = gan__block_new(ctx, bytes);
    if (b) return gan__block_data(b);
    gan__fail_memory(ctx, bytes);
    return NULL;
}

static void gan__scratch_free(gan_context *ctx, void *p)
{
    if (p) gan__block_free(ctx, (gan__block *)(void *)((char *)p - gan__round_up(sizeof(gan__block))));
}

// >>rng: Philox4x32-10 and what is drawn from it; uses base, mem; tests/test_rng.c
//
// Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3". Draw i of a stream is
// lane i mod 4 of the block at counter i / 4: any number can be had without those before it.

static void gan__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    int i;
    for (i = 0; i < 10; ++i) {
        const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static uint64_t gan__hash(const char *text) // FNV-1a, 64 bits
{
    uint64_t h = 0xcbf29ce484222325u;
    while (*text) h = (h ^ (unsigned char)*text++) * 0x100000001b3u;
    return h;
}

// A stream of its own for each name: the name's hash is the upper half of the counter.
static gan__rng gan__rng_stream(const gan_context *ctx, const char *name)
{
    gan__rng r;
    r.seed = ctx->rng.seed;
    r.stream = gan__hash(name);
    r.counter = 0;
    return r;
}

static void gan__rng_block(gan__rng *r, uint32_t out[4])
{
    uint32_t c[4], k[2];
    c[0] = (uint32_t)r->counter;
    c[1] = (uint32_t)(r->counter >> 32);
    c[2] = (uint32_t)r->stream;
    c[3] = (uint32_t)(r->stream >> 32);
    k[0] = (uint32_t)r->seed;
    k[1] = (uint32_t)(r->seed >> 32);
    r->counter++;
    gan__philox(c, k, out);
}

// 0 .. n-1 without bias: draws from the last, incomplete run of n are thrown away.
static uint32_t gan__rng_below(gan__rng *r, uint32_t n)
{
    const uint32_t limit = n ? 0xffffffffu - (0xffffffffu % n + 1) % n : 0;
    uint32_t u[4];
    int i;
    if (n < 2) return 0;
    for (;;) {
        gan__rng_block(r, u);
        for (i = 0; i < 4; ++i)
            if (u[i] <= limit) return u[i] % n;
    }
}

// >>par: parallel for; uses mem; tests/test_par.c

// Element-wise work is cut into grains for tasks; fewer elements than GAN__ALONE are not worth waking a
// thread for (some 5 microseconds when the machine is idle, a scheduler's slice when it is not).
#define GAN__GRAIN ((int64_t)16384)
#define GAN__ALONE (4 * GAN__GRAIN)

// OpenMP's threads are started only after so much work that they could have shared, some 10 ms of it: their
// start costs up to as much where the scheduler is slow to move them (a virtual machine of two processors,
// Linux 6.18: the first loop of an otherwise empty program took 0.1 to 11 ms), so a process that only draws a
// sample does without: the mlp's median went from 14 ms to 2. One that trains loses that much once.
#define GAN__PATIENCE ((int64_t)1 << 25)

// fn(arg, 0 .. tasks-1) in any order on any threads; work is about how many elements that is in all. What a
// task computes must not depend on how many threads there are.
GAN__APART void gan__par(gan_context *ctx, int64_t tasks, int64_t work, gan_task *fn, void *arg)
{
    const int alone = tasks < 2 || work < GAN__ALONE;
    int64_t i;
    if (!alone && ctx->parallel_for) {
        ctx->parallel_for(tasks, fn, arg, ctx->parallel_user);
        return;
    }
#ifdef _OPENMP
    if (!alone && ctx->threads > 1 && ctx->patience > 0) {
        ctx->patience -= GAN__LEAST(work, ctx->patience);
    } else if (!alone && ctx->threads > 1) {
        const int n = ctx->threads, piece = (int)GAN__LEAST(tasks / (8 * n) + 1, 1 << 20);
#pragma omp parallel for schedule(dynamic, piece) num_threads(n)
        for (i = 0; i < tasks; ++i) fn(arg, i);
        return;
    }
#endif
    for (i = 0; i < tasks; ++i) fn(arg, i);
}
// >>cpu: the instruction sets of this build and machine; the table of kernels; may use base; tests/test_cpu.c

#if !defined(GAN_NO_SIMD) && !defined(GAN_DOUBLE) && !defined(GAN_IDE)
#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64)
#define GAN__X86 1
#elif defined(__aarch64__) && (defined(__ARM_NEON) || defined(__ARM_NEON__)) && !defined(__AARCH64EB__)
#define GAN__ARM64 1
#endif
#endif

// Which passes this build contains. GCC and clang compile every one whatever the flags (target regions); MSVC
// those that /arch allows. Where the base flags already promise an ISA, the vector passes below it could
// never be chosen. GAN__EMULATED names a header that stands in for <immintrin.h>: then every pass compiles
// for the base flags and runs on machines without that ISA (tools/check_isa proves AVX-512 so).
#if defined(GAN__X86)
#if defined(GAN__EMULATED)
#include GAN__EMULATED
#else
#include <immintrin.h>
#if defined(__GNUC__) || defined(__clang__)
#define GAN__REGIONS 1
#endif
#endif
#if defined(GAN__REGIONS) || defined(GAN__EMULATED) || defined(__AVX512F__)
#define GAN__HAVE_AVX512 1
#endif
#if !defined(__AVX512F__) && (defined(GAN__REGIONS) || defined(GAN__EMULATED) || defined(__AVX2__))
#define GAN__HAVE_AVX2 1
#endif
#if !defined(__AVX512F__) && !(defined(__AVX2__) && defined(__FMA__))
#define GAN__HAVE_SSE2 1
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif
#endif
#if defined(GAN__ARM64)
#include <arm_neon.h>
#define GAN__HAVE_NEON 1
#endif

#if defined(GAN__X86)
// out: eax ebx ecx edx
static void gan__cpu_id(uint32_t leaf, uint32_t out[4])
{
#if defined(_MSC_VER) && !defined(__clang__)
    int r[4];
    __cpuidex(r, (int)leaf, 0);
    for (int i = 0; i < 4; i++) out[i] = (uint32_t)r[i];
#else
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
#endif
}

// The register state that the operating system saves: bit 1 xmm, 2 ymm, 5..7 zmm and masks.
static uint32_t gan__cpu_xcr0(void)
{
#if defined(_MSC_VER) && !defined(__clang__)
    return (uint32_t)_xgetbv(0);
#else
    uint32_t lo, hi;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo;
#endif
}
#endif

// Bit i is set when this machine, and its operating system, run gan_isa i.
static uint32_t gan__cpu_isas(void)
{
    uint32_t set = 1u << GAN_ISA_SCALAR;
#if defined(GAN__EMULATED)
    set |= 1u << GAN_ISA_SSE2 | 1u << GAN_ISA_AVX2 | 1u << GAN_ISA_AVX512;
#elif defined(GAN__X86)
    uint32_t r[4];
    gan__cpu_id(0, r);
    const uint32_t top = r[0];
    gan__cpu_id(1, r);
    const uint32_t c1 = r[2], d1 = r[3];
    if (d1 >> 26 & 1u) set |= 1u << GAN_ISA_SSE2;
    if (top < 7 || !(c1 >> 27 & 1u)) return set; // osxsave
    const uint32_t state = gan__cpu_xcr0();
    gan__cpu_id(7, r);
    const uint32_t b7 = r[1];
    if ((state & 0x06u) == 0x06u && (c1 >> 28 & 1u) && (c1 >> 12 & 1u) && (b7 >> 5 & 1u))
        set |= 1u << GAN_ISA_AVX2;
    if ((state & 0xe6u) == 0xe6u && (set >> GAN_ISA_AVX2 & 1u) && (b7 >> 16 & 1u))
        set |= 1u << GAN_ISA_AVX512;
#elif defined(GAN__ARM64)
    set |= 1u << GAN_ISA_NEON;
#endif
    return set;
}

#define GAN__MAX_LANES 16 // of any ISA

#if defined(__GNUC__) || defined(__clang__)
#define GAN__PREFETCH(p) __builtin_prefetch(p)
#else
#define GAN__PREFETCH(p) ((void)(p))
#endif

// Whole vectors: n is a multiple of the lanes, and a step is 1, or 0 to read the same vector again and again.
// Unused inputs are NULL; y may be exactly a, b or c. gan__isa_map is for any n and single values.
typedef void gan__map_fn(size_t n, gan_real *y, const gan_real *a, size_t sa, const gan_real *b, size_t sb,
                         const gan_real *c, size_t sc, gan_real p, gan_real q);

// X(name, inputs, vector expression in a, b, c, p, q). The expressions mean something only inside a pass of
// floor 1. MIN and MAX return their second argument when one is NaN: that is how NaN passes through relu and
// clamp.
#define GAN__MAPS(X)                                                                                         \
    X(affine, 1, GAN__FMA(a, p, q))                                                                          \
    X(abs, 1, GAN__ABS(a))                                                                                   \
    X(sign, 1, GAN__SEL(GAN__LT(GAN__ZERO, a), GAN__ONE, GAN__SEL(GAN__LT(a, GAN__ZERO), GAN__SET1(-1), a))) \
    X(exp, 1, GAN__NAME(exp)(a))                                                                             \
    X(log, 1, GAN__NAME(log)(a))                                                                             \
    X(sqrt, 1, GAN__SQRT(a))                                                                                 \
    X(square, 1, GAN__MUL(a, a))                                                                             \
    X(reciprocal, 1, GAN__DIV(GAN__ONE, a))                                                                  \
    X(sin, 1, GAN__NAME(sin)(a))                                                                             \
    X(cos, 1, GAN__NAME(cos)(a))                                                                             \
    X(tanh, 1, GAN__NAME(tanh)(a))                                                                           \
    X(sigmoid, 1, GAN__NAME(sigmoid)(a))                                                                     \
    X(softplus, 1, GAN__NAME(softplus)(a))                                                                   \
    X(erf, 1, GAN__NAME(erf)(a))                                                                             \
    X(relu, 1, GAN__MAX(GAN__ZERO, a))                                                                       \
    X(leaky_relu, 1, GAN__SEL(GAN__LT(GAN__ZERO, a), a, GAN__MUL(p, a)))                                     \
    X(elu, 1, GAN__MUL(q, GAN__SEL(GAN__LT(GAN__ZERO, a), a, GAN__MUL(p, GAN__NAME(expm1)(a)))))             \
    X(gelu, 1, GAN__NAME(gelu)(a))                                                                           \
    X(silu, 1, GAN__NAME(silu)(a))                                                                           \
    X(clamp, 1, GAN__MIN(q, GAN__MAX(p, a)))                                                                 \
    X(add, 2, GAN__ADD(a, b))                                                                                \
    X(sub, 2, GAN__SUB(a, b))                                                                                \
    X(mul, 2, GAN__MUL(a, b))                                                                                \
    X(div, 2, GAN__DIV(a, b))                                                                                \
    X(maximum, 2, GAN__SEL(GAN__NE(a, a), a, GAN__MAX(a, b)))                                                \
    X(minimum, 2, GAN__SEL(GAN__NE(a, a), a, GAN__MIN(a, b)))                                                \
    X(pow, 2, GAN__NAME(pow)(a, b))                                                                          \
    X(lt, 2, GAN__SEL(GAN__LT(a, b), GAN__ONE, GAN__ZERO))                                                   \
    X(le, 2, GAN__SEL(GAN__LE(a, b), GAN__ONE, GAN__ZERO))                                                   \
    X(eq, 2, GAN__SEL(GAN__EQ(a, b), GAN__ONE, GAN__ZERO))                                                   \
    X(ne, 2, GAN__SEL(GAN__NE(a, b), GAN__ONE, GAN__ZERO))                                                   \
    X(tanh_backward, 2, GAN__MUL(a, GAN__FNMA(b, b, GAN__ONE)))                                              \
    X(sigmoid_backward, 2, GAN__MUL(a, GAN__MUL(b, GAN__SUB(GAN__ONE, b))))                                  \
    X(leaky_relu_backward, 2, GAN__SEL(GAN__LT(GAN__ZERO, b), a, GAN__MUL(p, a)))                            \
    X(elu_backward, 2, GAN__MUL(a, GAN__SEL(GAN__LT(GAN__ZERO, b), q, GAN__FMA(p, q, b))))                   \
    X(axpy, 2, GAN__FMA(p, b, a))                                                                            \
    X(where, 3, GAN__SEL(GAN__NE(a, GAN__ZERO), b, c))                                                       \
    X(fma, 3, GAN__FMA(a, b, c))                                                                             \
    X(lerp, 3, GAN__FMA(c, GAN__SUB(b, a), a))

#define GAN__X(name, inputs, expression) GAN__MAP_##name,
enum { GAN__MAPS(GAN__X) GAN__MAP_COUNT };
#undef GAN__X

// Optimisers: gradient = scale * g, then PyTorch's formulas. bias1 = 1 - beta1^t, bias2 = 1 - beta2^t; step
// counts from 1.
typedef struct {
    gan_real lr, momentum, dampening, weight_decay, nesterov, beta1, beta2, eps, alpha, bias1, bias2, scale;
    gan_real decoupled; // 1: the weight decay of AdamW
    int64_t step;
} gan__opt_args;

// A convolution: x (n, ci, h, w), weight (co, ci / groups, kh, kw), y (n, co, oh, ow); stride s, padding p,
// dilation d.
typedef struct {
    int64_t n, ci, h, w, co, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw, groups;
} gan__conv;

// A tile of C: c[i][j] = plus[i][j] + the sum over runs r and d < len of a[i][a_run[r] + d a_step] *
// b[b_run[r] + d b_step + j]; plus[0] NULL: nothing is added. A row of C and of plus may be the same.
enum { GAN__TILE_ROWS = 8 };
typedef struct {
    const gan_real *a[GAN__TILE_ROWS], *plus[GAN__TILE_ROWS];
    gan_real *c[GAN__TILE_ROWS];
    const gan_real *b;
    int64_t a_step, b_step, len, runs;
    const int64_t *a_run, *b_run;
} gan__strip;

// Sums of products along lines: sums[i * next + j * lanes ..], one a lane, plus the sum over r < runs and d <
// depth of a[i][r a_run + d] * b[j][r b_run + d]; b is readable up to whole vectors, with finite numbers.
enum { GAN__DOTS_ROWS = 4, GAN__DOTS_COLS = 6 };
typedef struct {
    const gan_real *a[GAN__DOTS_ROWS], *b[GAN__DOTS_COLS];
    int64_t depth, runs, a_run, b_run, next;
    gan_real *sums;
} gan__dots;

// The width in elements of the next panel where `count` columns are left: three vectors, but two and two
// rather than three and one.
static int64_t gan__panel(int64_t count, int64_t lanes)
{
    const int64_t vectors = (count + lanes - 1) / lanes;
    return (vectors == 4 ? 2 : vectors < 3 ? vectors : 3) * lanes;
}

// One table per ISA. tile_m x tile_n is the largest micro tile; gemm[v - 1] computes tile_m x (v * lanes), v
// = 1..3.
typedef struct gan__kernels {
    const char *name;
    gan_isa isa;
    int lanes, tile_m, tile_n;
    gan__map_fn *map_whole[GAN__MAP_COUNT];

    // Draws 0 .. n - 1 from r's counter on, whose lower half must not overflow on the way (gan__draw sees to
    // it): scale (the upper 24 bits - offset), the same bits on every ISA; and N(mean, std^2).
    void (*uniform)(size_t n, gan_real *y, const gan__rng *r, int32_t offset, gan_real scale);
    void (*normal)(size_t n, gan_real *y, const gan__rng *r, gan_real mean, gan_real std);

    gan_real (*sum)(size_t n, const gan_real *a);
    gan_real (*sumsq)(size_t n, const gan_real *a);
    gan_real (*max)(size_t n, const gan_real *a); // NaN if there is one; -inf for n = 0
    int (*finite)(size_t n, const gan_real *a);
    // y[i] = the sum of x[r * ld + i] over r = 0 .. rows - 1, one after another; rows >= 1
    void (*sum_columns)(int64_t rows, int64_t ld, int64_t n, const gan_real *x, gan_real *y);

    // Normalisation of `images`, `image` elements apart, of c channels of b elements. With v = x - m:
    // s0 = sum v and s1 = sum v^2, or, where g is given, s0 = sum g and s1 = sum g v, by channel; c is at
    // most 64 unless b is 1. Then y = p v + q, or p v + s g + q, every one of m, p, q, s by channel.
    void (*norm_sums)(int64_t images, int64_t image, int c, int64_t b, const gan_real *x, const gan_real *g,
                      const gan_real *m, gan_real *s0, gan_real *s1);
    void (*norm_apply)(int64_t images, int64_t image, int64_t c, int64_t b, const gan_real *x,
                       const gan_real *g, const gan_real *m, const gan_real *p, const gan_real *q,
                       const gan_real *s, gan_real *y);
    // Windows of 2 x 2, two apart, of one plane of rows of w: y (oh, ow) and where in its window each maximum
    // stands, row by row. max_unpool writes a plane of h rows: g at those places, zeros elsewhere.
    void (*max_pool)(int oh, int ow, int w, const gan_real *x, gan_real *y, unsigned char *at);
    void (*max_unpool)(int oh, int ow, int h, int w, const gan_real *g, const unsigned char *at, gan_real *x);
    void (*sgd)(size_t n, gan_real *p, const gan_real *g, gan_real *buf, const gan__opt_args *o);
    void (*rmsprop)(size_t n, gan_real *p, const gan_real *g, gan_real *sq, gan_real *buf,
                    const gan__opt_args *o);
    void (*adam)(size_t n, gan_real *p, const gan_real *g, gan_real *m, gan_real *v, const gan__opt_args *o);
    void (*ema)(size_t n, gan_real *avg, const gan_real *p, gan_real decay);

    void (*gemm[3])(const gan__strip *s); // tile_m x (v * lanes)
    // y[j] = from[j] + the sum over d < depth (at least 1) of a[d a_step] b[d ld + j], j < n; from NULL or y
    void (*row)(int64_t depth, int64_t n, const gan_real *a, int64_t a_step, const gan_real *b, int64_t ld,
                const gan_real *from, gan_real *y);
    // out[i] = the sum over d of a[i][d] b[d], i < 8
    void (*inner)(int64_t depth, const gan_real *const *a, const gan_real *b, gan_real *out);
    // Columns 0 .. count - 1 of src (depth x ld) as panels: panel j .. of some width begins at dst + j *
    // depth, its row d is src[d * ld + j ..]. The last is filled up with zeros.
    void (*pack)(int64_t depth, int64_t count, const gan_real *src, int64_t ld, gan_real *dst);
    // dst[j * ldd + i] = src[i * ld + j], i < rows, j < cols
    void (*turn)(int64_t rows, int64_t cols, const gan_real *src, int64_t ld, gan_real *dst, int64_t ldd);
    // One channel of one image of an input gradient: dx[y][x] = start + the sum over taps (ky, kx) and
    // positions (oy, ox) with oy sh - ph + ky dh = y and ox sw - pw + kx dw = x of cols[(ky kw + kx) ld + oy
    // ow + ox].
    void (*fold)(const gan__conv *v, gan_real start, const gan_real *cols, int64_t ld, gan_real *dx);
    // dst[i * ldd + j] = src[i * ld + j * step], i < rows, j < n
    void (*pick)(int64_t rows, int64_t n, const gan_real *src, int64_t ld, int64_t step, gan_real *dst,
                 int64_t ldd);
    int dots_cols; // of dots[1]; dots[0] has one less
    void (*dots[2])(const gan__dots *s);
} gan__kernels;

#endif // GAN__PASS

// clang-format off
// >>vec: one vector of gan_real on one instruction set, as macros; may use base, cpu; tests/test_vec.c

#if defined(GAN_IDE) && !defined(GAN__PASS)
#define GAN__PASS 1
#endif
#ifdef GAN__PASS   // floor 1: included once per instruction set by room isa

#define GAN__CAT_(a, b) a##b
#define GAN__CAT(a, b) GAN__CAT_(a, b)
#define GAN__NAME(x) GAN__CAT(gan__##x##_, GAN__ISA)

// GAN__VF a vector of reals, GAN__VI of integers as wide, GAN__VM a mask. Multiply-add is written FMA(a, b,
// c) = a b + c and FNMA(a, b, c) = c - a b (two roundings where the ISA has no such instruction). A compiler
// in GNU mode may fuse other products with sums; that cannot part tails from bodies, because both pass
// through the very same instructions. RANGE(p, lo, hi) reads p[i], EVEN(p, lo, hi) p[2 i], for the lanes lo
// <= i < hi and nothing else; the other lanes are 0. STORE_FIRST(p, v, r) writes r lanes and nothing else.
// ZIP_LO(a, b), ZIP_HI(a, b): a0 b0 a1 b1 ... as two vectors. Of 32-bit lanes in twos and fours: IMUL_EVEN(i,
// j) the 64-bit products of the even lanes, low word first; IODD(i) the odd lanes in the even places and 0 in
// theirs, IEVEN(i) the even ones in the odd places; ITURN(i) i3 i2 i1 i0 of every four.
// MIN(a, b) = a < b ? a : b and MAX(a, b) = a > b ? a : b, so b when one is NaN. CVT_I rounds to nearest; NaN
// gives anything.

#if GAN__PASS == 1   // scalar: one lane; the oracle of the others

#define GAN__ISA scalar
#define GAN__ISA_ID GAN_ISA_SCALAR
#define GAN__LANES 1
#define GAN__ROWS(X) X(0) X(1) X(2) X(3)
#define GAN__VF gan_real
#define GAN__VM int
#define GAN__SET1(x) ((gan_real)(x))
#define GAN__LOAD(p) (*(p))
#define GAN__STORE(p, v) ((void)(*(p) = (v)))
#define GAN__ADD(a, b) ((a) + (b))
#define GAN__SUB(a, b) ((a) - (b))
#define GAN__MUL(a, b) ((a) * (b))
#define GAN__DIV(a, b) ((a) / (b))
#define GAN__FMA(a, b, c) ((a) * (b) + (c))
#define GAN__FNMA(a, b, c) ((c) - (a) * (b))
#define GAN__MIN(a, b) ((a) < (b) ? (a) : (b))
#define GAN__MAX(a, b) ((a) > (b) ? (a) : (b))
#define GAN__LT(a, b) ((a) < (b))
#define GAN__LE(a, b) ((a) <= (b))
#define GAN__EQ(a, b) (!((a) < (b)) && (a) <= (b))
#define GAN__NE(a, b) (!GAN__EQ(a, b))
#define GAN__SEL(m, a, b) ((m) ? (a) : (b))
#define GAN__ANY(m) (m)
#ifdef GAN_DOUBLE
#define GAN__VI int64_t
#define GAN__VU uint64_t
#define GAN__SQRT(a) sqrt(a)
#define GAN__ABS(a) fabs(a)
#else
#define GAN__VI int32_t
#define GAN__VU uint32_t
#define GAN__SQRT(a) sqrtf(a)
#define GAN__ABS(a) fabsf(a)
#endif
#define GAN__STORE_FIRST(p, v, r) GAN__STORE(p, v)
#define GAN__RANGE(p, lo, hi) ((lo) <= 0 && (hi) > 0 ? *(p) : 0)
#define GAN__EVEN(p, lo, hi) GAN__RANGE(p, lo, hi)
#define GAN__ZIP_LO(a, b) (a)
#define GAN__ZIP_HI(a, b) (b)
#define GAN__AS_I(v) GAN__NAME(bits)(v)
#define GAN__AS_F(i) GAN__NAME(real)(i)
#define GAN__CVT_I(v) GAN__NAME(nearest)(v)
#define GAN__CVT_F(i) ((gan_real)(i))
#define GAN__ISET1(x) ((GAN__VI)(x))
#define GAN__ILOAD(p) GAN__NAME(bits)(*(p))
#define GAN__ISTORE(p, i) memcpy((p), &(i), sizeof(GAN__VI))
#define GAN__IADD(i, j) ((GAN__VI)((GAN__VU)(i) + (GAN__VU)(j)))
#define GAN__ISUB(i, j) ((GAN__VI)((GAN__VU)(i) - (GAN__VU)(j)))
#define GAN__IAND(i, j) ((i) & (j))
#define GAN__IOR(i, j) ((i) | (j))
#define GAN__IXOR(i, j) ((i) ^ (j))
#define GAN__ISHL(i, s) ((GAN__VI)((GAN__VU)(i) << (s)))
#define GAN__ISRA(i, s) ((GAN__VI)((i) < 0 ? ~(~(i) >> (s)) : (i) >> (s)))

GAN__INLINE GAN__VI gan__bits_scalar(gan_real v)
{
    GAN__VI i;
    memcpy(&i, &v, sizeof i);
    return i;
}

GAN__INLINE gan_real gan__real_scalar(GAN__VI i)
{
    gan_real v;
    memcpy(&v, &i, sizeof v);
    return v;
}

// Ties go away from zero here; every reduction that uses it allows either neighbour.
GAN__INLINE GAN__VI gan__nearest_scalar(gan_real v)
{
    if (!(v > (gan_real)-1e9) || !(v < (gan_real)1e9)) return 0;
    return (GAN__VI)(v < 0 ? v - (gan_real)0.5 : v + (gan_real)0.5);
}

#elif GAN__PASS == 2   // SSE2

#define GAN__ISA sse2
#define GAN__ISA_ID GAN_ISA_SSE2
#define GAN__LANES 4
#define GAN__ROWS(X) X(0) X(1) X(2)
#define GAN__VF __m128
#define GAN__VI __m128i
#define GAN__VM __m128
#define GAN__SET1(x) _mm_set1_ps((float)(x))
#define GAN__LOAD(p) _mm_loadu_ps(p)
#define GAN__STORE(p, v) _mm_storeu_ps((p), (v))
#define GAN__ADD(a, b) _mm_add_ps((a), (b))
#define GAN__SUB(a, b) _mm_sub_ps((a), (b))
#define GAN__MUL(a, b) _mm_mul_ps((a), (b))
#define GAN__DIV(a, b) _mm_div_ps((a), (b))
#define GAN__SQRT(a) _mm_sqrt_ps(a)
#define GAN__FMA(a, b, c) _mm_add_ps(_mm_mul_ps((a), (b)), (c))
#define GAN__FNMA(a, b, c) _mm_sub_ps((c), _mm_mul_ps((a), (b)))
#define GAN__MIN(a, b) _mm_min_ps((a), (b))
#define GAN__MAX(a, b) _mm_max_ps((a), (b))
#define GAN__ABS(a) _mm_and_ps((a), _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff)))
#define GAN__LT(a, b) _mm_cmplt_ps((a), (b))
#define GAN__LE(a, b) _mm_cmple_ps((a), (b))
#define GAN__EQ(a, b) _mm_cmpeq_ps((a), (b))
#define GAN__NE(a, b) _mm_cmpneq_ps((a), (b))
#define GAN__SEL(m, a, b) GAN__NAME(select)((m), (a), (b))
#define GAN__ANY(m) (_mm_movemask_ps(m) != 0)
#define GAN__STORE_FIRST(p, v, r) GAN__NAME(store_part)((p), (size_t)(r), (v))
#define GAN__RANGE(p, lo, hi) GAN__NAME(range)((p), (lo), (hi))
#define GAN__EVEN(p, lo, hi) GAN__NAME(even)((p), (lo), (hi))
#define GAN__ZIP_LO(a, b) _mm_unpacklo_ps((a), (b))
#define GAN__ZIP_HI(a, b) _mm_unpackhi_ps((a), (b))
#define GAN__AS_I(v) _mm_castps_si128(v)
#define GAN__AS_F(i) _mm_castsi128_ps(i)
#define GAN__CVT_I(v) _mm_cvtps_epi32(v)
#define GAN__CVT_F(i) _mm_cvtepi32_ps(i)
#define GAN__ISET1(x) _mm_set1_epi32((int)(x))
#define GAN__ILOAD(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define GAN__ISTORE(p, i) _mm_storeu_si128((__m128i *)(void *)(p), (i))
#define GAN__IADD(i, j) _mm_add_epi32((i), (j))
#define GAN__ISUB(i, j) _mm_sub_epi32((i), (j))
#define GAN__IAND(i, j) _mm_and_si128((i), (j))
#define GAN__IOR(i, j) _mm_or_si128((i), (j))
#define GAN__IXOR(i, j) _mm_xor_si128((i), (j))
#define GAN__ISHL(i, s) _mm_slli_epi32((i), (s))
#define GAN__ISRA(i, s) _mm_srai_epi32((i), (s))
#define GAN__IMUL_EVEN(i, j) _mm_mul_epu32((i), (j))
#define GAN__IODD(i) _mm_srli_epi64((i), 32)
#define GAN__IEVEN(i) _mm_slli_epi64((i), 32)
#define GAN__ITURN(i) _mm_shuffle_epi32((i), 0x1b)

#define GAN__BLOCK 4
#define GAN__SMALL_BLOCK 4
#define GAN__TRANSPOSE gan__transpose4_sse2
#define GAN__SMALL_TRANSPOSE gan__transpose4_sse2

GAN__INLINE __m128 gan__select_sse2(__m128 m, __m128 a, __m128 b)
{
    return _mm_or_ps(_mm_and_ps(m, a), _mm_andnot_ps(m, b));
}

#elif GAN__PASS == 3   // AVX2 + FMA

#define GAN__ISA avx2
#define GAN__ISA_ID GAN_ISA_AVX2
#define GAN__LANES 8
#define GAN__ROWS(X) X(0) X(1) X(2) X(3)
#define GAN__VF __m256
#define GAN__VI __m256i
#define GAN__VM __m256
#define GAN__SET1(x) _mm256_set1_ps((float)(x))
#define GAN__LOAD(p) _mm256_loadu_ps(p)
#define GAN__STORE(p, v) _mm256_storeu_ps((p), (v))
#define GAN__ADD(a, b) _mm256_add_ps((a), (b))
#define GAN__SUB(a, b) _mm256_sub_ps((a), (b))
#define GAN__MUL(a, b) _mm256_mul_ps((a), (b))
#define GAN__DIV(a, b) _mm256_div_ps((a), (b))
#define GAN__SQRT(a) _mm256_sqrt_ps(a)
#define GAN__FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define GAN__FNMA(a, b, c) _mm256_fnmadd_ps((a), (b), (c))
#define GAN__MIN(a, b) _mm256_min_ps((a), (b))
#define GAN__MAX(a, b) _mm256_max_ps((a), (b))
#define GAN__ABS(a) _mm256_and_ps((a), _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)))
#define GAN__LT(a, b) _mm256_cmp_ps((a), (b), _CMP_LT_OQ)
#define GAN__LE(a, b) _mm256_cmp_ps((a), (b), _CMP_LE_OQ)
#define GAN__EQ(a, b) _mm256_cmp_ps((a), (b), _CMP_EQ_OQ)
#define GAN__NE(a, b) _mm256_cmp_ps((a), (b), _CMP_NEQ_UQ)
#define GAN__SEL(m, a, b) _mm256_blendv_ps((b), (a), (m))
#define GAN__ANY(m) (_mm256_movemask_ps(m) != 0)
#define GAN__STORE_FIRST(p, v, r) _mm256_maskstore_ps((p), gan__lanes_avx2(0, (int)(r)), (v))
#define GAN__RANGE(p, lo, hi) GAN__NAME(range)((p), (lo), (hi))
#define GAN__EVEN(p, lo, hi) GAN__NAME(even)((p), (lo), (hi))
#define GAN__ZIP_LO(a, b) _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20)
#define GAN__ZIP_HI(a, b) _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31)
#define GAN__AS_I(v) _mm256_castps_si256(v)
#define GAN__AS_F(i) _mm256_castsi256_ps(i)
#define GAN__CVT_I(v) _mm256_cvtps_epi32(v)
#define GAN__CVT_F(i) _mm256_cvtepi32_ps(i)
#define GAN__ISET1(x) _mm256_set1_epi32((int)(x))
#define GAN__ILOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define GAN__ISTORE(p, i) _mm256_storeu_si256((__m256i *)(void *)(p), (i))
#define GAN__IADD(i, j) _mm256_add_epi32((i), (j))
#define GAN__ISUB(i, j) _mm256_sub_epi32((i), (j))
#define GAN__IAND(i, j) _mm256_and_si256((i), (j))
#define GAN__IOR(i, j) _mm256_or_si256((i), (j))
#define GAN__IXOR(i, j) _mm256_xor_si256((i), (j))
#define GAN__ISHL(i, s) _mm256_slli_epi32((i), (s))
#define GAN__ISRA(i, s) _mm256_srai_epi32((i), (s))
#define GAN__IMUL_EVEN(i, j) _mm256_mul_epu32((i), (j))
#define GAN__IODD(i) _mm256_srli_epi64((i), 32)
#define GAN__IEVEN(i) _mm256_slli_epi64((i), 32)
#define GAN__ITURN(i) _mm256_shuffle_epi32((i), 0x1b)

#define GAN__BLOCK 8
#define GAN__SMALL_BLOCK 4
#define GAN__TRANSPOSE gan__transpose8_avx2
#define GAN__SMALL_TRANSPOSE gan__transpose4_avx2

// The mask of the lanes lo <= i < hi.
GAN__INLINE __m256i gan__lanes_avx2(int lo, int hi)
{
    const __m256i i = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(lo), i),
                               _mm256_cmpgt_epi32(_mm256_set1_epi32(hi), i));
}

GAN__INLINE __m256 gan__range_avx2(const float *p, int lo, int hi)
{
    return _mm256_maskload_ps(p, gan__lanes_avx2(lo, hi));
}

GAN__INLINE __m256 gan__even_avx2(const float *p, int lo, int hi)
{
    const __m256 a = _mm256_maskload_ps(p, gan__lanes_avx2(2 * lo, 2 * hi - 1));
    const __m256 b = _mm256_maskload_ps(p + 8, gan__lanes_avx2(2 * lo - 8, 2 * hi - 9));
    const __m256 t = _mm256_shuffle_ps(a, b, 0x88);   // a 0 2, b 0 2, a 4 6, b 4 6
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(t), 0xd8));
}

#elif GAN__PASS == 4   // AVX-512F

#define GAN__ISA avx512
#define GAN__ISA_ID GAN_ISA_AVX512
#define GAN__LANES 16
#define GAN__ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define GAN__VF __m512
#define GAN__VI __m512i
#define GAN__VM __mmask16
#define GAN__SET1(x) _mm512_set1_ps((float)(x))
#define GAN__LOAD(p) _mm512_loadu_ps(p)
#define GAN__STORE(p, v) _mm512_storeu_ps((p), (v))
#define GAN__ADD(a, b) _mm512_add_ps((a), (b))
#define GAN__SUB(a, b) _mm512_sub_ps((a), (b))
#define GAN__MUL(a, b) _mm512_mul_ps((a), (b))
#define GAN__DIV(a, b) _mm512_div_ps((a), (b))
#define GAN__SQRT(a) _mm512_maskz_sqrt_ps((__mmask16)0xffff, (a))
#define GAN__FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define GAN__FNMA(a, b, c) _mm512_fnmadd_ps((a), (b), (c))
#define GAN__MIN(a, b) _mm512_maskz_min_ps((__mmask16)0xffff, (a), (b))
#define GAN__MAX(a, b) _mm512_maskz_max_ps((__mmask16)0xffff, (a), (b))
#define GAN__ABS(a) GAN__AS_F(_mm512_and_si512(GAN__AS_I(a), _mm512_set1_epi32(0x7fffffff)))
#define GAN__LT(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_LT_OQ)
#define GAN__LE(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_LE_OQ)
#define GAN__EQ(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_EQ_OQ)
#define GAN__NE(a, b) _mm512_cmp_ps_mask((a), (b), _CMP_NEQ_UQ)
#define GAN__SEL(m, a, b) _mm512_mask_blend_ps((m), (b), (a))
#define GAN__ANY(m) ((m) != 0)
#define GAN__STORE_FIRST(p, v, r) _mm512_mask_storeu_ps((p), (__mmask16)((1u << (r)) - 1u), (v))
#define GAN__RANGE(p, lo, hi) GAN__NAME(range)((p), (lo), (hi))
#define GAN__EVEN(p, lo, hi) GAN__NAME(even)((p), (lo), (hi))
#define GAN__ZIP_LO(a, b) gan__zip_avx512((a), 0, (b))
#define GAN__ZIP_HI(a, b) gan__zip_avx512((a), 8, (b))
#define GAN__AS_I(v) _mm512_castps_si512(v)
#define GAN__AS_F(i) _mm512_castsi512_ps(i)
#define GAN__CVT_I(v) _mm512_maskz_cvtps_epi32((__mmask16)0xffff, (v))
#define GAN__CVT_F(i) _mm512_maskz_cvtepi32_ps((__mmask16)0xffff, (i))
#define GAN__ISET1(x) _mm512_set1_epi32((int)(x))
#define GAN__ILOAD(p) _mm512_loadu_si512((const void *)(p))
#define GAN__ISTORE(p, i) _mm512_storeu_si512((void *)(p), (i))
#define GAN__IADD(i, j) _mm512_add_epi32((i), (j))
#define GAN__ISUB(i, j) _mm512_sub_epi32((i), (j))
#define GAN__IAND(i, j) _mm512_and_si512((i), (j))
#define GAN__IOR(i, j) _mm512_or_si512((i), (j))
#define GAN__IXOR(i, j) _mm512_xor_si512((i), (j))
#define GAN__ISHL(i, s) _mm512_maskz_slli_epi32((__mmask16)0xffff, (i), (s))
#define GAN__ISRA(i, s) _mm512_maskz_srai_epi32((__mmask16)0xffff, (i), (s))
#define GAN__IMUL_EVEN(i, j) _mm512_maskz_mul_epu32((__mmask8)0xff, (i), (j))
#define GAN__IODD(i) _mm512_maskz_srli_epi64((__mmask8)0xff, (i), 32)
#define GAN__IEVEN(i) _mm512_maskz_slli_epi64((__mmask8)0xff, (i), 32)
#define GAN__ITURN(i) _mm512_maskz_shuffle_epi32((__mmask16)0xffff, (i), _MM_PERM_ABCD)

#define GAN__BLOCK 16
#define GAN__SMALL_BLOCK 8
#define GAN__TRANSPOSE gan__transpose16_avx512
#define GAN__SMALL_TRANSPOSE gan__transpose8_avx512

GAN__INLINE __m512 gan__range_avx512(const float *p, int lo, int hi)
{
    return _mm512_maskz_loadu_ps((__mmask16)(((1u << hi) - 1u) & ~((1u << lo) - 1u)), p);
}

GAN__INLINE __m512 gan__even_avx512(const float *p, int lo, int hi)
{
    const uint64_t wanted = ((UINT64_C(1) << 2 * hi) - 1) & ~((UINT64_C(1) << 2 * lo) - 1) & 0x55555555u;
    const __m512 a = _mm512_maskz_loadu_ps((__mmask16)(wanted & 0xffffu), p);
    const __m512 b = _mm512_maskz_loadu_ps((__mmask16)(wanted >> 16), p + 16);
    return _mm512_permutex2var_ps(
        a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}

// Half of a and half of b, from lane `at` on, interleaved.
GAN__INLINE __m512 gan__zip_avx512(__m512 a, int at, __m512 b)
{
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(at)), b);
}

#elif GAN__PASS == 5   // NEON (AArch64)

#define GAN__ISA neon
#define GAN__ISA_ID GAN_ISA_NEON
#define GAN__LANES 4
#define GAN__ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define GAN__VF float32x4_t
#define GAN__VI int32x4_t
#define GAN__VM uint32x4_t
#define GAN__SET1(x) vdupq_n_f32((float)(x))
#define GAN__LOAD(p) vld1q_f32(p)
#define GAN__STORE(p, v) vst1q_f32((p), (v))
#define GAN__ADD(a, b) vaddq_f32((a), (b))
#define GAN__SUB(a, b) vsubq_f32((a), (b))
#define GAN__MUL(a, b) vmulq_f32((a), (b))
#define GAN__DIV(a, b) vdivq_f32((a), (b))
#define GAN__SQRT(a) vsqrtq_f32(a)
#define GAN__FMA(a, b, c) vfmaq_f32((c), (a), (b))
#define GAN__FNMA(a, b, c) vfmsq_f32((c), (a), (b))
#define GAN__MIN(a, b) GAN__NAME(min2)((a), (b))
#define GAN__MAX(a, b) GAN__NAME(max2)((a), (b))
#define GAN__ABS(a) vabsq_f32(a)
#define GAN__LT(a, b) vcltq_f32((a), (b))
#define GAN__LE(a, b) vcleq_f32((a), (b))
#define GAN__EQ(a, b) vceqq_f32((a), (b))
#define GAN__NE(a, b) vmvnq_u32(vceqq_f32((a), (b)))
#define GAN__SEL(m, a, b) vbslq_f32((m), (a), (b))
#define GAN__ANY(m) (vmaxvq_u32(m) != 0)
#define GAN__STORE_FIRST(p, v, r) GAN__NAME(store_part)((p), (size_t)(r), (v))
#define GAN__RANGE(p, lo, hi) GAN__NAME(range)((p), (lo), (hi))
#define GAN__EVEN(p, lo, hi) GAN__NAME(even)((p), (lo), (hi))
#define GAN__ZIP_LO(a, b) vzip1q_f32((a), (b))
#define GAN__ZIP_HI(a, b) vzip2q_f32((a), (b))
#define GAN__AS_I(v) vreinterpretq_s32_f32(v)
#define GAN__AS_F(i) vreinterpretq_f32_s32(i)
#define GAN__CVT_I(v) vcvtnq_s32_f32(v)
#define GAN__CVT_F(i) vcvtq_f32_s32(i)
#define GAN__ISET1(x) vdupq_n_s32((int32_t)(x))
#define GAN__ILOAD(p) vreinterpretq_s32_f32(vld1q_f32(p))
#define GAN__ISTORE(p, i) vst1q_s32((p), (i))
#define GAN__IADD(i, j) vaddq_s32((i), (j))
#define GAN__ISUB(i, j) vsubq_s32((i), (j))
#define GAN__IAND(i, j) vandq_s32((i), (j))
#define GAN__IOR(i, j) vorrq_s32((i), (j))
#define GAN__IXOR(i, j) veorq_s32((i), (j))
#define GAN__ISHL(i, s) vshlq_n_s32((i), (s))
#define GAN__ISRA(i, s) vshrq_n_s32((i), (s))
#define GAN__IMUL_EVEN(i, j)                                                                                 \
    vreinterpretq_s32_u64(vmull_u32(vmovn_u64(vreinterpretq_u64_s32(i)), vmovn_u64(vreinterpretq_u64_s32(j))))
#define GAN__IODD(i) vreinterpretq_s32_u64(vshrq_n_u64(vreinterpretq_u64_s32(i), 32))
#define GAN__IEVEN(i) vreinterpretq_s32_u64(vshlq_n_u64(vreinterpretq_u64_s32(i), 32))
#define GAN__ITURN(i) vrev64q_s32(vextq_s32((i), (i), 2))

#define GAN__BLOCK 4
#define GAN__SMALL_BLOCK 4
#define GAN__TRANSPOSE gan__transpose4_neon
#define GAN__SMALL_TRANSPOSE gan__transpose4_neon

GAN__INLINE float32x4_t gan__min2_neon(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
GAN__INLINE float32x4_t gan__max2_neon(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

#endif   // a WASM SIMD128 block (wasm_f32x4_*, 4 lanes, GAN__PASS == 6) goes here

#define GAN__ZERO GAN__SET1(0)
#define GAN__ONE GAN__SET1(1)

// Transposes in registers: dst[j * ldd + i] = src[i * ld + j] for i, j < the block; rows i >= count read as
// 0.
#if GAN__PASS == 2 || GAN__PASS == 3
GAN__INLINE void GAN__NAME(transpose4)(int count, const float *src, int64_t ld, float *dst, int64_t ldd)
{
    const __m128 none = _mm_setzero_ps();
    const __m128 r0 = count > 0 ? _mm_loadu_ps(src) : none, r1 = count > 1 ? _mm_loadu_ps(src + ld) : none;
    const __m128 r2 = count > 2 ? _mm_loadu_ps(src + 2 * ld) : none,
                 r3 = count > 3 ? _mm_loadu_ps(src + 3 * ld) : none;
    const __m128 t0 = _mm_unpacklo_ps(r0, r1), t1 = _mm_unpackhi_ps(r0, r1);
    const __m128 t2 = _mm_unpacklo_ps(r2, r3), t3 = _mm_unpackhi_ps(r2, r3);
    _mm_storeu_ps(dst, _mm_movelh_ps(t0, t2));
    _mm_storeu_ps(dst + ldd, _mm_movehl_ps(t2, t0));
    _mm_storeu_ps(dst + 2 * ldd, _mm_movelh_ps(t1, t3));
    _mm_storeu_ps(dst + 3 * ldd, _mm_movehl_ps(t3, t1));
}
#endif

#if GAN__PASS == 3 || GAN__PASS == 4
// The rows in pairs, the pairs in fours (lane l of u_c then holds column 4 l + c of four rows), the halves in
// eights.
GAN__INLINE void GAN__NAME(transpose8)(int count, const float *src, int64_t ld, float *dst, int64_t ldd)
{
    const __m256 none = _mm256_setzero_ps();
#define GAN__ROW(i) const __m256 r##i = count > i ? _mm256_loadu_ps(src + i * ld) : none;
#define GAN__PAIR(a, b)                                                                                      \
    const __m256 l##a = _mm256_unpacklo_ps(r##a, r##b), h##a = _mm256_unpackhi_ps(r##a, r##b);
#define GAN__FOUR(a, b)                                                                                      \
    const __m256 u##a##0 = _mm256_shuffle_ps(l##a, l##b, 0x44);                                              \
    const __m256 u##a##1 = _mm256_shuffle_ps(l##a, l##b, 0xee);                                              \
    const __m256 u##a##2 = _mm256_shuffle_ps(h##a, h##b, 0x44), u##a##3 = _mm256_shuffle_ps(h##a, h##b, 0xee);
#define GAN__OUT(c)                                                                                          \
    _mm256_storeu_ps(dst + c * ldd, _mm256_permute2f128_ps(u0##c, u4##c, 0x20));                             \
    _mm256_storeu_ps(dst + (4 + c) * ldd, _mm256_permute2f128_ps(u0##c, u4##c, 0x31));
    GAN__ROW(0) GAN__ROW(1) GAN__ROW(2) GAN__ROW(3) GAN__ROW(4) GAN__ROW(5) GAN__ROW(6) GAN__ROW(7)
    GAN__PAIR(0, 1) GAN__PAIR(2, 3) GAN__PAIR(4, 5) GAN__PAIR(6, 7)
    GAN__FOUR(0, 2) GAN__FOUR(4, 6)
    GAN__OUT(0) GAN__OUT(1) GAN__OUT(2) GAN__OUT(3)
#undef GAN__ROW
#undef GAN__PAIR
#undef GAN__FOUR
#undef GAN__OUT
}
#endif

#if GAN__PASS == 4
GAN__INLINE void gan__transpose16_avx512(int count, const float *src, int64_t ld, float *dst, int64_t ldd)
{
    const __mmask16 all = (__mmask16)0xffff;
#define GAN__ROW(i)                                                                                          \
    const __m512 r##i = _mm512_maskz_loadu_ps(count > i ? all : (__mmask16)0, src + (count > i ? i * ld : 0));
#define GAN__PAIR(a, b)                                                                                      \
    const __m512 l##a = _mm512_maskz_unpacklo_ps(all, r##a, r##b),                                           \
                 h##a = _mm512_maskz_unpackhi_ps(all, r##a, r##b);
#define GAN__FOUR(a, b)                                                                                      \
    const __m512 u##a##_0 = _mm512_maskz_shuffle_ps(all, l##a, l##b, 0x44);                                  \
    const __m512 u##a##_1 = _mm512_maskz_shuffle_ps(all, l##a, l##b, 0xee);                                  \
    const __m512 u##a##_2 = _mm512_maskz_shuffle_ps(all, h##a, h##b, 0x44);                                  \
    const __m512 u##a##_3 = _mm512_maskz_shuffle_ps(all, h##a, h##b, 0xee);
#define GAN__MIX(a, b, lanes) _mm512_maskz_shuffle_f32x4(all, a, b, lanes)
#define GAN__OUT(c)                                                                                          \
    const __m512 v##c = GAN__MIX(u0_##c, u4_##c, 0x88), w##c = GAN__MIX(u0_##c, u4_##c, 0xdd);               \
    const __m512 x##c = GAN__MIX(u8_##c, u12_##c, 0x88), y##c = GAN__MIX(u8_##c, u12_##c, 0xdd);             \
    _mm512_storeu_ps(dst + c * ldd, GAN__MIX(v##c, x##c, 0x88));                                             \
    _mm512_storeu_ps(dst + (4 + c) * ldd, GAN__MIX(w##c, y##c, 0x88));                                       \
    _mm512_storeu_ps(dst + (8 + c) * ldd, GAN__MIX(v##c, x##c, 0xdd));                                       \
    _mm512_storeu_ps(dst + (12 + c) * ldd, GAN__MIX(w##c, y##c, 0xdd));
    GAN__ROW(0) GAN__ROW(1) GAN__ROW(2) GAN__ROW(3) GAN__ROW(4) GAN__ROW(5) GAN__ROW(6) GAN__ROW(7)
    GAN__ROW(8) GAN__ROW(9) GAN__ROW(10) GAN__ROW(11) GAN__ROW(12) GAN__ROW(13) GAN__ROW(14) GAN__ROW(15)
    GAN__PAIR(0, 1) GAN__PAIR(2, 3) GAN__PAIR(4, 5) GAN__PAIR(6, 7)
    GAN__PAIR(8, 9) GAN__PAIR(10, 11) GAN__PAIR(12, 13) GAN__PAIR(14, 15)
    GAN__FOUR(0, 2) GAN__FOUR(4, 6) GAN__FOUR(8, 10) GAN__FOUR(12, 14)
    GAN__OUT(0) GAN__OUT(1) GAN__OUT(2) GAN__OUT(3)
#undef GAN__ROW
#undef GAN__PAIR
#undef GAN__FOUR
#undef GAN__MIX
#undef GAN__OUT
}
#endif

#if GAN__PASS == 5
GAN__INLINE void gan__transpose4_neon(int count, const float *src, int64_t ld, float *dst, int64_t ldd)
{
    const float32x4_t none = vdupq_n_f32(0);
    const float32x4_t r0 = count > 0 ? vld1q_f32(src) : none, r1 = count > 1 ? vld1q_f32(src + ld) : none;
    const float32x4_t r2 = count > 2 ? vld1q_f32(src + 2 * ld) : none,
                      r3 = count > 3 ? vld1q_f32(src + 3 * ld) : none;
    const float64x2_t t0 = vreinterpretq_f64_f32(vtrn1q_f32(r0, r1)),
                      t1 = vreinterpretq_f64_f32(vtrn2q_f32(r0, r1));
    const float64x2_t t2 = vreinterpretq_f64_f32(vtrn1q_f32(r2, r3)),
                      t3 = vreinterpretq_f64_f32(vtrn2q_f32(r2, r3));
    vst1q_f32(dst, vreinterpretq_f32_f64(vtrn1q_f64(t0, t2)));
    vst1q_f32(dst + ldd, vreinterpretq_f32_f64(vtrn1q_f64(t1, t3)));
    vst1q_f32(dst + 2 * ldd, vreinterpretq_f32_f64(vtrn2q_f64(t0, t2)));
    vst1q_f32(dst + 3 * ldd, vreinterpretq_f32_f64(vtrn2q_f64(t1, t3)));
}
#endif

// All lanes added in a fixed order: a tree over pairs (i, i + half).
GAN__INLINE gan_real GAN__NAME(hsum)(GAN__VF v)
{
    gan_real t[GAN__LANES];
    GAN__STORE(t, v);
    for (int half = GAN__LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) t[i] = t[i] + t[i + half];
    return t[0];
}

// Partial vectors pass through a buffer of one vector, so that an element of a tail meets the very same
// instructions as an element of the body. The lanes beyond r are filled with `fill`.
GAN__INLINE GAN__VF GAN__NAME(load_part)(const gan_real *a, size_t r, gan_real fill)
{
    gan_real t[GAN__LANES];
    for (size_t i = 0; i < GAN__LANES; i++) t[i] = i < r ? a[i] : fill;
    return GAN__LOAD(t);
}

GAN__INLINE void GAN__NAME(store_part)(gan_real *y, size_t r, GAN__VF v)
{
    gan_real t[GAN__LANES];
    GAN__STORE(t, v);
    for (size_t i = 0; i < r && i < GAN__LANES; i++) y[i] = t[i];
}

#if GAN__LANES == 4
GAN__INLINE GAN__VF GAN__NAME(range)(const float *p, int lo, int hi)
{
    float t[4];
    if (lo <= 0 && hi >= 4) return GAN__LOAD(p);
    for (int i = 0; i < 4; i++) t[i] = i >= lo && i < hi ? p[i] : 0;
    return GAN__LOAD(t);
}

GAN__INLINE GAN__VF GAN__NAME(even)(const float *p, int lo, int hi)
{
    float t[4];
    for (int i = 0; i < 4; i++) t[i] = i >= lo && i < hi ? p[2 * i] : 0;
    return GAN__LOAD(t);
}
#endif
// >>kern: one ISA's maps, reductions, optimisers, micro tiles, packing; may use vec; tests/test_kern.c

// Elementary functions. Polynomials were fitted by minimax (Lawson's iteration in double); the error given is
// the largest relative one of the whole formula in exact arithmetic with the coefficients as written. With
// rounding: at most 4 ulp.
#ifdef GAN_DOUBLE

GAN__INLINE double gan__exp_scalar(double x) { return exp(x); }
GAN__INLINE double gan__expm1_scalar(double x) { return expm1(x); }
GAN__INLINE double gan__log_scalar(double x) { return log(x); }
GAN__INLINE double gan__sin_scalar(double x) { return sin(x); }
GAN__INLINE double gan__cos_scalar(double x) { return cos(x); }
GAN__INLINE double gan__tanh_scalar(double x) { return tanh(x); }
GAN__INLINE double gan__erf_scalar(double x) { return erf(x); }
GAN__INLINE double gan__pow_scalar(double x, double y) { return pow(x, y); }
GAN__INLINE double gan__softplus_scalar(double x) { return (x < 0 ? 0 : x) + log1p(exp(-fabs(x))); }

#else

// 2^n for -126 <= n <= 127
#define GAN__POW2(n) GAN__AS_F(GAN__ISHL(GAN__IADD((n), GAN__ISET1(127)), 23))
#define GAN__INF GAN__AS_F(GAN__ISET1(0x7f800000))
#define GAN__NAN GAN__AS_F(GAN__ISET1(0x7fc00000))

// x = n log 2 + r, |r| <= log(2) / 2; returns e^r - 1 = r + r^2 P(r), error 1.8e-8 on |r| <= 0.3469. log 2 =
// 0.693145752 + 1.42860677e-6; the first part has 15 bits, so its product with n is exact.
GAN__INLINE GAN__VF GAN__NAME(exp_reduced)(GAN__VF x, GAN__VI *n)
{
    *n = GAN__CVT_I(GAN__MUL(x, GAN__SET1(1.44269504f)));
    const GAN__VF f = GAN__CVT_F(*n);
    const GAN__VF r = GAN__FNMA(f, GAN__SET1(1.42860677e-6f), GAN__FNMA(f, GAN__SET1(0.693145752f), x));
    GAN__VF s = GAN__SET1(0.00138825097f);
    s = GAN__FMA(s, r, GAN__SET1(0.00836658012f));
    s = GAN__FMA(s, r, GAN__SET1(0.0416672006f));
    s = GAN__FMA(s, r, GAN__SET1(0.166665435f));
    s = GAN__FMA(s, r, GAN__SET1(0.49999997f));
    return GAN__FMA(GAN__MUL(r, r), s, r);
}

// 2^n in two factors: overflow to infinity and one rounding into the subnormals come by themselves.
GAN__INLINE GAN__VF GAN__NAME(exp)(GAN__VF x)
{
    GAN__VI n;
    const GAN__VF e = GAN__NAME(exp_reduced)(GAN__MIN(GAN__SET1(89), GAN__MAX(GAN__SET1(-104), x)), &n);
    const GAN__VI h = GAN__ISRA(n, 1);
    return GAN__MUL(GAN__MUL(GAN__ADD(GAN__ONE, e), GAN__POW2(h)), GAN__POW2(GAN__ISUB(n, h)));
}

// e^x for |x| <= 87
GAN__INLINE GAN__VF GAN__NAME(exp_normal)(GAN__VF x)
{
    GAN__VI n;
    const GAN__VF e = GAN__NAME(exp_reduced)(x, &n);
    return GAN__MUL(GAN__ADD(GAN__ONE, e), GAN__POW2(n));
}

// e^x - 1 = s e + (s - 1), s = 2^n; right to the last bits near 0; for x <= 88 (cut there)
GAN__INLINE GAN__VF GAN__NAME(expm1)(GAN__VF x)
{
    GAN__VI n;
    const GAN__VF e = GAN__NAME(exp_reduced)(GAN__MIN(GAN__SET1(88), GAN__MAX(GAN__SET1(-40), x)), &n);
    const GAN__VF s = GAN__POW2(n);
    return GAN__FMA(s, e, GAN__SUB(s, GAN__ONE));
}

// x = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1: log x = k log 2 + f - f^2/2 + f^3 P(f), error 6.5e-9.
GAN__INLINE GAN__VF GAN__NAME(log)(GAN__VF x0)
{
    const GAN__VM tiny = GAN__LT(x0, GAN__SET1(1.17549435e-38f));
    const GAN__VF x = GAN__SEL(tiny, GAN__MUL(x0, GAN__SET1(8388608.0f)), x0);
    const GAN__VI i = GAN__AS_I(x);
    const GAN__VI k = GAN__ISRA(GAN__ISUB(i, GAN__ISET1(0x3f3504f3)), 23);
    const GAN__VF e = GAN__SUB(GAN__CVT_F(k), GAN__SEL(tiny, GAN__SET1(23), GAN__ZERO));
    const GAN__VF f = GAN__SUB(GAN__AS_F(GAN__ISUB(i, GAN__ISHL(k, 23))), GAN__ONE);
    const GAN__VF z = GAN__MUL(f, f);
    GAN__VF s = GAN__SET1(-0.0763449743f);
    s = GAN__FMA(s, f, GAN__SET1(0.12761578f));
    s = GAN__FMA(s, f, GAN__SET1(-0.131601825f));
    s = GAN__FMA(s, f, GAN__SET1(0.142017573f));
    s = GAN__FMA(s, f, GAN__SET1(-0.166233569f));
    s = GAN__FMA(s, f, GAN__SET1(0.200012267f));
    s = GAN__FMA(s, f, GAN__SET1(-0.250008196f));
    s = GAN__FMA(s, f, GAN__SET1(0.333333313f));
    s = GAN__FMA(GAN__MUL(f, z), s, GAN__MUL(e, GAN__SET1(1.42860677e-6f)));
    s = GAN__ADD(f, GAN__FNMA(z, GAN__SET1(0.5f), s));
    s = GAN__FMA(e, GAN__SET1(0.693145752f), s);
    s = GAN__SEL(GAN__LT(x0, GAN__INF), s, x0);                                   // +inf and NaN
    s = GAN__SEL(GAN__LT(x0, GAN__ZERO), GAN__NAN, s);
    return GAN__SEL(GAN__EQ(x0, GAN__ZERO), GAN__SUB(GAN__ZERO, GAN__INF), s);
}

GAN__INLINE GAN__VF GAN__NAME(with_sign)(GAN__VF magnitude, GAN__VF sign)
{
    return GAN__AS_F(GAN__IOR(GAN__AS_I(magnitude), GAN__IAND(GAN__AS_I(sign), GAN__ISET1(INT32_MIN))));
}

// tanh |x| = e / (e + 2), e = e^(2|x|) - 1
GAN__INLINE GAN__VF GAN__NAME(tanh)(GAN__VF x)
{
    const GAN__VF a = GAN__ABS(x);
    const GAN__VF e = GAN__NAME(expm1)(GAN__MIN(GAN__SET1(20), GAN__ADD(a, a)));
    return GAN__NAME(with_sign)(GAN__DIV(e, GAN__ADD(e, GAN__SET1(2))), x);
}

// max(x, 0) + log(1 + u), u = e^-|x|; log(1 + u) = 2 atanh(s), s = u / (2 + u) <= 1/3: 2s + s^3 P(s^2), error
// 5e-9
GAN__INLINE GAN__VF GAN__NAME(softplus)(GAN__VF x)
{
    const GAN__VF u = GAN__NAME(exp)(GAN__SUB(GAN__ZERO, GAN__ABS(x)));
    const GAN__VF s = GAN__DIV(u, GAN__ADD(u, GAN__SET1(2)));
    const GAN__VF z = GAN__MUL(s, s);
    GAN__VF t = GAN__SET1(0.280244589f);
    t = GAN__FMA(t, z, GAN__SET1(0.279991418f));
    t = GAN__FMA(t, z, GAN__SET1(0.400216997f));
    t = GAN__FMA(t, z, GAN__SET1(0.666664124f));
    t = GAN__FMA(GAN__MUL(s, z), t, GAN__ADD(s, s));
    return GAN__ADD(GAN__MAX(GAN__ZERO, x), t);
}

// |x| < 0.96: x + x P(x^2), error 1.2e-8. Beyond: 1 - e^-H(|x|), H = -log erfc, error 6.2e-9; erf(4) rounds
// to 1.
GAN__INLINE GAN__VF GAN__NAME(erf)(GAN__VF x)
{
    const GAN__VF a = GAN__ABS(x);
    const GAN__VF z = GAN__MUL(a, a);
    GAN__VF s = GAN__SET1(8.11905338e-05f);
    s = GAN__FMA(s, z, GAN__SET1(-0.00080809748f));
    s = GAN__FMA(s, z, GAN__SET1(0.00519537274f));
    s = GAN__FMA(s, z, GAN__SET1(-0.0268570222f));
    s = GAN__FMA(s, z, GAN__SET1(0.11283651f));
    s = GAN__FMA(s, z, GAN__SET1(-0.376126319f));
    s = GAN__FMA(s, z, GAN__SET1(0.128379166f));
    s = GAN__FMA(s, a, a);
    const GAN__VF t = GAN__MIN(GAN__SET1(4), a);
    GAN__VF h = GAN__SET1(-0.000191233485f);
    h = GAN__FMA(h, t, GAN__SET1(0.00299664587f));
    h = GAN__FMA(h, t, GAN__SET1(-0.0220393948f));
    h = GAN__FMA(h, t, GAN__SET1(0.103538319f));
    h = GAN__FMA(h, t, GAN__SET1(0.637635589f));
    h = GAN__FMA(h, t, GAN__SET1(1.12740302f));
    h = GAN__FMA(h, t, GAN__SET1(0.000262530521f));
    h = GAN__SUB(GAN__ONE, GAN__NAME(exp_normal)(GAN__SUB(GAN__ZERO, h)));
    return GAN__NAME(with_sign)(GAN__SEL(GAN__LT(a, GAN__SET1(0.96f)), s, h), x);
}

// sin(n pi/2 + r), |r| <= pi/4: sin r = r + r^3 P(r^2), error 8.9e-9, or cos r = 1 - r^2/2 + r^4 Q(r^2),
// error 1.4e-10, and a sign.
GAN__INLINE GAN__VF GAN__NAME(sine_reduced)(GAN__VI n, GAN__VF r)
{
    const GAN__VF z = GAN__MUL(r, r);
    GAN__VF s = GAN__SET1(-0.00019514632f);
    s = GAN__FMA(s, z, GAN__SET1(0.00833215564f));
    s = GAN__FMA(s, z, GAN__SET1(-0.166666552f));
    s = GAN__FMA(GAN__MUL(r, z), s, r);
    GAN__VF c = GAN__SET1(2.44324128e-05f);
    c = GAN__FMA(c, z, GAN__SET1(-0.00138873095f));
    c = GAN__FMA(c, z, GAN__SET1(0.0416666456f));
    c = GAN__FMA(GAN__MUL(z, z), c, GAN__FNMA(z, GAN__SET1(0.5f), GAN__ONE));
    const GAN__VM odd = GAN__LT(GAN__AS_F(GAN__IOR(GAN__ISHL(n, 31), GAN__ISET1(0x3f800000))), GAN__ZERO);
    const GAN__VI sign = GAN__ISHL(GAN__IAND(n, GAN__ISET1(2)), 30);
    return GAN__AS_F(GAN__IXOR(GAN__AS_I(GAN__SEL(odd, c, s)), sign));
}

// x = n pi/2 + r (n up to 5216: pi/2 stands in four parts of 11 bits, whose products with n are exact, and a
// rest). `quarter` 1 gives the cosine. Lanes beyond 8192 go to libm.
GAN__INLINE GAN__VF GAN__NAME(sine)(GAN__VF x, int quarter)
{
    const GAN__VI n = GAN__CVT_I(GAN__MUL(x, GAN__SET1(0.636619772f)));
    const GAN__VF f = GAN__CVT_F(n);
    GAN__VF r = GAN__FNMA(f, GAN__SET1(1.5703125f), x);
    r = GAN__FNMA(f, GAN__SET1(0.000483512878f), r);
    r = GAN__FNMA(f, GAN__SET1(3.13855708e-07f), r);
    r = GAN__FNMA(f, GAN__SET1(6.07087713e-11f), r);
    r = GAN__FNMA(f, GAN__SET1(6.22337197e-14f), r);
    GAN__VF y = GAN__NAME(sine_reduced)(GAN__IADD(n, GAN__ISET1(quarter)), r);
    if (GAN__ANY(GAN__LT(GAN__SET1(8192), GAN__ABS(x)))) {
        float in[GAN__LANES], out[GAN__LANES];
        GAN__STORE(in, x);
        GAN__STORE(out, y);
        for (int i = 0; i < GAN__LANES; i++)
            if (fabsf(in[i]) > 8192) out[i] = (float)(quarter ? cos((double)in[i]) : sin((double)in[i]));
        y = GAN__LOAD(out);
    }
    return y;
}

GAN__INLINE GAN__VF GAN__NAME(sin)(GAN__VF x) { return GAN__NAME(sine)(x, 0); }
GAN__INLINE GAN__VF GAN__NAME(cos)(GAN__VF x) { return GAN__NAME(sine)(x, 1); }

GAN__INLINE GAN__VF GAN__NAME(pow)(GAN__VF x, GAN__VF y)
{
    float s[GAN__LANES], t[GAN__LANES];
    GAN__STORE(s, x);
    GAN__STORE(t, y);
    for (int i = 0; i < GAN__LANES; i++) s[i] = powf(s[i], t[i]);
    return GAN__LOAD(s);
}

#endif

// 1 / (1 + e^-x) = e / (1 + e), e = e^-|x| standing above for x < 0
GAN__INLINE GAN__VF GAN__NAME(sigmoid)(GAN__VF x)
{
    const GAN__VF e = GAN__NAME(exp)(GAN__SUB(GAN__ZERO, GAN__ABS(x)));
    return GAN__DIV(GAN__SEL(GAN__LT(x, GAN__ZERO), e, GAN__ONE), GAN__ADD(GAN__ONE, e));
}

// x Phi(x) = x/2 (1 + erf(x / sqrt(2)))
GAN__INLINE GAN__VF GAN__NAME(gelu)(GAN__VF x)
{
    const GAN__VF e = GAN__NAME(erf)(GAN__MUL(x, GAN__SET1(0.70710678118654752440)));
    return GAN__MUL(GAN__MUL(x, GAN__SET1(0.5)), GAN__ADD(GAN__ONE, e));
}

GAN__INLINE GAN__VF GAN__NAME(silu)(GAN__VF x) { return GAN__MUL(x, GAN__NAME(sigmoid)(x)); }

// Two numbers of N(0, 1) from two words u, v of 32 bits, by Box and Muller 1958: with a radius of sqrt(-2 log
// ((2^32 - u) / 2^32)) and an angle of 2 pi v / 2^32. The logarithm's argument is rounded once, and the
// angle's quarter of the circle is in v's upper bits: no reduction.
GAN__INLINE void GAN__NAME(box_muller)(GAN__VI u, GAN__VI v, GAN__VF *x, GAN__VF *y)
{
#ifdef GAN_DOUBLE
    const double turns = (double)(uint32_t)v / 4294967296.0;
    const double radius = sqrt(-2 * log((4294967296.0 - (double)(uint32_t)u) / 4294967296.0));
    *x = radius * cos(6.283185307179586 * turns);
    *y = radius * sin(6.283185307179586 * turns);
#else
    const GAN__VI low = GAN__ISET1(0xffff), left = GAN__IXOR(u, GAN__ISET1(-1)); // 2^32 - 1 - u
    const GAN__VF hi = GAN__CVT_F(GAN__IAND(GAN__ISRA(left, 16), low));
    const GAN__VF lo = GAN__CVT_F(GAN__IADD(GAN__IAND(left, low), GAN__ISET1(1)));
    const GAN__VF p = GAN__MUL(GAN__FMA(hi, GAN__SET1(65536), lo), GAN__SET1(2.32830644e-10f));
    const GAN__VF radius = GAN__SQRT(GAN__MUL(GAN__SET1(-2), GAN__NAME(log)(p)));
    const GAN__VI n = GAN__ISRA(GAN__IADD(v, GAN__ISET1(1 << 29)), 30);
    const GAN__VF r = GAN__MUL(GAN__CVT_F(GAN__ISUB(v, GAN__ISHL(n, 30))), GAN__SET1(1.46291808e-9f));
    *x = GAN__MUL(radius, GAN__NAME(sine_reduced)(GAN__IADD(n, GAN__ISET1(1)), r));
    *y = GAN__MUL(radius, GAN__NAME(sine_reduced)(n, r));
#endif
}

#if GAN__LANES == 1

static void gan__uniform_scalar(size_t n, gan_real *y, const gan__rng *from, int32_t offset, gan_real scale)
{
    gan__rng r = *from;
    uint32_t u[4];
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0) gan__rng_block(&r, u);
        y[i] = scale * (gan_real)((int32_t)(u[i % 4] >> 8) - offset);
    }
}

static void gan__normal_scalar(size_t n, gan_real *y, const gan__rng *from, gan_real mean, gan_real std)
{
    gan__rng r = *from;
    uint32_t u[4];
    for (size_t i = 0; i < n; i += 2) {
        gan_real x0, x1;
        if (i % 4 == 0) gan__rng_block(&r, u);
        gan__box_muller_scalar((GAN__VI)u[i % 4], (GAN__VI)u[i % 4 + 1], &x0, &x1);
        y[i] = mean + std * x0;
        if (i + 1 < n) y[i + 1] = mean + std * x1;
    }
}

#else

// a b c d a b c d ...
GAN__INLINE GAN__VI GAN__NAME(fours)(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t t[GAN__LANES];
    GAN__VI v;
    for (int i = 0; i < GAN__LANES; i += 4) t[i] = a, t[i + 1] = b, t[i + 2] = c, t[i + 3] = d;
    memcpy(&v, t, sizeof v);
    return v;
}

// Philox with a block in every four lanes, c0 c1 c2 c3 as they lie: one product of the even lanes gives both
// of a round, so a vector costs five instructions a round, and the words come in the order of the draws.
struct GAN__NAME(philox) {
    GAN__VI at, step, many, key[10]; // the next vector's counters; what a vector and what four of them add
};

GAN__INLINE void GAN__NAME(philox_open)(struct GAN__NAME(philox) *p, const gan__rng *r)
{
    const GAN__VI bump = GAN__NAME(fours)(0x9E3779B9u, 0, 0xBB67AE85u, 0);
    uint32_t block[GAN__LANES] = {0};
    for (uint32_t i = 0; i < GAN__LANES; i += 4) block[i] = i / 4;
    memcpy(&p->at, block, sizeof p->at);
    p->at = GAN__IADD(p->at, GAN__NAME(fours)((uint32_t)r->counter, (uint32_t)(r->counter >> 32),
                                              (uint32_t)r->stream, (uint32_t)(r->stream >> 32)));
    p->step = GAN__NAME(fours)(GAN__LANES / 4, 0, 0, 0);
    p->many = GAN__NAME(fours)(GAN__LANES, 0, 0, 0);
    p->key[0] = GAN__NAME(fours)((uint32_t)r->seed, 0, (uint32_t)(r->seed >> 32), 0);
    for (int i = 1; i < 10; i++) p->key[i] = GAN__IADD(p->key[i - 1], bump);
}

// The next 4 LANES words; four vectors at once hide the products' latency.
GAN__INLINE void GAN__NAME(philox_next)(struct GAN__NAME(philox) *p, GAN__VI *out)
{
    const GAN__VI m = GAN__NAME(fours)(0xD2511F53u, 0, 0xCD9E8D57u, 0);
    GAN__VI a = p->at, b = GAN__IADD(a, p->step), c = GAN__IADD(b, p->step), d = GAN__IADD(c, p->step);
#define GAN__ROUND(v) v = GAN__IXOR(GAN__IXOR(GAN__ITURN(GAN__IMUL_EVEN(v, m)), GAN__IODD(v)), k)
    for (int i = 0; i < 10; i++) {
        const GAN__VI k = p->key[i];
        GAN__ROUND(a);
        GAN__ROUND(b);
        GAN__ROUND(c);
        GAN__ROUND(d);
    }
#undef GAN__ROUND
    p->at = GAN__IADD(p->at, p->many);
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

static void GAN__NAME(uniform)(size_t n, gan_real *y, const gan__rng *r, int32_t offset, gan_real scale)
{
    const GAN__VI from = GAN__ISET1(offset), bits = GAN__ISET1(0xffffff);
    const GAN__VF by = GAN__SET1(scale);
    gan_real rest[4 * GAN__LANES];
    struct GAN__NAME(philox) p;
    GAN__NAME(philox_open)(&p, r);
    for (size_t i = 0; i < n; i += 4 * GAN__LANES) {
        gan_real *const to = n - i < 4 * GAN__LANES ? rest : y + i;
        GAN__VI w[4];
        GAN__NAME(philox_next)(&p, w);
#define GAN__PUT(j)                                                                                          \
    GAN__STORE(to + j * GAN__LANES,                                                                          \
               GAN__MUL(by, GAN__CVT_F(GAN__ISUB(GAN__IAND(GAN__ISRA(w[j], 8), bits), from))));
        GAN__PUT(0) GAN__PUT(1) GAN__PUT(2) GAN__PUT(3)
#undef GAN__PUT
        if (to == rest) memcpy(y + i, rest, (n - i) * sizeof *y);
    }
}

// Two vectors of words, u v u v ..., become one of u and one of v, and their numbers go back into the words'
// places.
static void GAN__NAME(normal)(size_t n, gan_real *y, const gan__rng *r, gan_real mean, gan_real std)
{
    const GAN__VI even = GAN__IODD(GAN__ISET1(-1)), odd = GAN__IEVEN(GAN__ISET1(-1));
    const GAN__VF m = GAN__SET1(mean), s = GAN__SET1(std);
    gan_real rest[4 * GAN__LANES];
    struct GAN__NAME(philox) p;
    GAN__NAME(philox_open)(&p, r);
    for (size_t i = 0; i < n; i += 4 * GAN__LANES) {
        gan_real *const to = n - i < 4 * GAN__LANES ? rest : y + i;
        GAN__VI w[4];
        GAN__NAME(philox_next)(&p, w);
        for (int j = 0; j < 4; j += 2) {
            GAN__VF a, b;
            GAN__NAME(box_muller)(GAN__IOR(GAN__IAND(w[j], even), GAN__IEVEN(w[j + 1])),
                                  GAN__IOR(GAN__IODD(w[j]), GAN__IAND(w[j + 1], odd)), &a, &b);
            const GAN__VI x = GAN__AS_I(GAN__FMA(a, s, m)), z = GAN__AS_I(GAN__FMA(b, s, m));
            GAN__STORE(to + j * GAN__LANES, GAN__AS_F(GAN__IOR(GAN__IAND(x, even), GAN__IEVEN(z))));
            GAN__STORE(to + (j + 1) * GAN__LANES, GAN__AS_F(GAN__IOR(GAN__IODD(x), GAN__IAND(z, odd))));
        }
        if (to == rest) memcpy(y + i, rest, (n - i) * sizeof *y);
    }
}

#endif

// Maps: the plainest of loops, because there are forty for each ISA; gan__isa_map does the rest for all.
#define GAN__X(map, inputs, expression)                                                                      \
    GAN__INLINE GAN__VF GAN__NAME(op_##map)(GAN__VF a, GAN__VF b, GAN__VF c, GAN__VF p, GAN__VF q) {         \
        (void)a; (void)b; (void)c; (void)p; (void)q;                                                         \
        return expression;                                                                                   \
    }                                                                                                        \
    static void GAN__NAME(map_##map)(size_t n, gan_real *y, const gan_real *a, size_t sa, const gan_real *b, \
                                     size_t sb, const gan_real *c, size_t sc, gan_real p, gan_real q) {      \
        const GAN__VF vp = GAN__SET1(p), vq = GAN__SET1(q);                                                  \
        const gan_real *const end = y + n;                                                                   \
        (void)b; (void)sb; (void)c; (void)sc;                                                                \
        for (; y < end; y += GAN__LANES) {                                                                   \
            const GAN__VF va = GAN__LOAD(a), vb = inputs > 1 ? GAN__LOAD(b) : va;                            \
            GAN__STORE(y, GAN__NAME(op_##map)(va, vb, inputs > 2 ? GAN__LOAD(c) : va, vp, vq));              \
            a += sa * GAN__LANES;                                                                            \
            if (inputs > 1) b += sb * GAN__LANES;                                                            \
            if (inputs > 2) c += sc * GAN__LANES;                                                            \
        }                                                                                                    \
    }

GAN__MAPS(GAN__X)
#undef GAN__X

// t[i] = a[stride i] for i < left, a[0] beyond
GAN__INLINE void GAN__NAME(fill)(gan_real *t, const gan_real *a, size_t stride, size_t left)
{
    for (size_t i = 0; i < GAN__LANES; i++) t[i] = a[i < left ? i * stride : 0];
}

// Reductions: blocks of 1024 elements, each in four vectors of partial sums, added up in double. The order
// depends on n and the ISA alone. STEP gives the new partial sum from s and the vector a.
#define GAN__REDUCTION(STEP)                                                                                 \
    double total = 0;                                                                                        \
    for (size_t at = 0; at < n; at += 1024) {                                                                \
        const size_t end = n - at < 1024 ? n : at + 1024;                                                    \
        GAN__VF s0 = GAN__ZERO, s1 = s0, s2 = s0, s3 = s0;                                                   \
        size_t i = at;                                                                                       \
        for (; i + 4 * GAN__LANES <= end; i += 4 * GAN__LANES) {                                             \
            s0 = STEP(s0, GAN__LOAD(a + i));                                                                 \
            s1 = STEP(s1, GAN__LOAD(a + i + GAN__LANES));                                                    \
            s2 = STEP(s2, GAN__LOAD(a + i + 2 * GAN__LANES));                                                \
            s3 = STEP(s3, GAN__LOAD(a + i + 3 * GAN__LANES));                                                \
        }                                                                                                    \
        for (; i + GAN__LANES <= end; i += GAN__LANES) s0 = STEP(s0, GAN__LOAD(a + i));                      \
        if (i < end) s1 = STEP(s1, GAN__NAME(load_part)(a + i, end - i, 0));                                 \
        total += (double)GAN__NAME(hsum)(GAN__ADD(GAN__ADD(s0, s1), GAN__ADD(s2, s3)));                      \
    }                                                                                                        \
    return (gan_real)total

#define GAN__STEP_SUM(s, a) GAN__ADD(s, a)

GAN__INLINE GAN__VF GAN__NAME(add_square)(GAN__VF s, GAN__VF d) { return GAN__FMA(d, d, s); }

static gan_real GAN__NAME(sum)(size_t n, const gan_real *a)
{
    GAN__REDUCTION(GAN__STEP_SUM);
}

static gan_real GAN__NAME(sumsq)(size_t n, const gan_real *a)
{
    GAN__REDUCTION(GAN__NAME(add_square));
}

#undef GAN__STEP_SUM
#undef GAN__REDUCTION

static gan_real GAN__NAME(max)(size_t n, const gan_real *a)
{
    const gan_real lowest = -(gan_real)HUGE_VAL;
    GAN__VF m = GAN__SET1(lowest), odd = GAN__ZERO;   // odd keeps any NaN
    for (size_t i = 0; i < n; i += GAN__LANES) {
        const GAN__VF v = n - i < GAN__LANES ? GAN__NAME(load_part)(a + i, n - i, lowest) : GAN__LOAD(a + i);
        m = GAN__MAX(m, v);
        odd = GAN__SEL(GAN__NE(v, v), v, odd);
    }
    gan_real t[GAN__LANES], u[GAN__LANES];
    GAN__STORE(t, m);
    GAN__STORE(u, odd);
    gan_real r = t[0];
    for (int i = 1; i < GAN__LANES; i++) r = t[i] > r ? t[i] : r;
    for (int i = 0; i < GAN__LANES; i++)
        if (u[i] != u[i]) r = u[i];
    return r;
}

// 1 when no exponent is all ones: adding one at the exponent's lowest place carries into the sign bit only
// then. Integers throughout, so that -ffast-math cannot fold it away.
static int GAN__NAME(finite)(size_t n, const gan_real *a)
{
#ifdef GAN_DOUBLE
    const int64_t exponent = (int64_t)0x7ff0000000000000, lowest = (int64_t)0x0010000000000000;
#else
    const int32_t exponent = 0x7f800000, lowest = 0x00800000;
#endif
    const GAN__VI e = GAN__ISET1(exponent), one = GAN__ISET1(lowest);
    GAN__VI odd = GAN__ISET1(0);
    size_t i = 0;
    for (; i + GAN__LANES <= n; i += GAN__LANES)
        odd = GAN__IOR(odd, GAN__IADD(GAN__IAND(GAN__ILOAD(a + i), e), one));
    if (i < n) {
        gan_real t[GAN__LANES];
        GAN__NAME(fill)(t, a + i, 1, n - i);
        odd = GAN__IOR(odd, GAN__IADD(GAN__IAND(GAN__ILOAD(t), e), one));
    }
#ifdef GAN_DOUBLE
    int64_t bits[GAN__LANES];
#else
    int32_t bits[GAN__LANES];
#endif
    GAN__ISTORE(bits, odd);
    for (i = 0; i < GAN__LANES; i++)
        if (bits[i] < 0) return 0;
    return 1;
}

// Normalisation over planes: images `image` elements apart, each of c channels of b elements. Vectors run
// along a channel, or across channels where b is 1.

// The first r lanes at p; the others are 0.
GAN__INLINE GAN__VF GAN__NAME(first)(const gan_real *p, int r)
{
    return r == GAN__LANES ? GAN__LOAD(p) : GAN__RANGE(p, 0, r);
}

GAN__INLINE void GAN__NAME(set_first)(gan_real *p, GAN__VF v, int r)
{
    if (r == GAN__LANES) GAN__STORE(p, v);
    else GAN__STORE_FIRST(p, v, r);
}

// Four vectors of columns at a time stay in registers while the rows go by.
static void GAN__NAME(sum_columns)(int64_t rows, int64_t ld, int64_t n, const gan_real *x, gan_real *y)
{
    int64_t i = 0;
    for (; i + 4 * GAN__LANES <= n; i += 4 * GAN__LANES) {
        const gan_real *p = x + i;
        GAN__VF s0 = GAN__LOAD(p), s1 = GAN__LOAD(p + GAN__LANES);
        GAN__VF s2 = GAN__LOAD(p + 2 * GAN__LANES), s3 = GAN__LOAD(p + 3 * GAN__LANES);
        for (int64_t r = 1; r < rows; r++) {
            p += ld;
            s0 = GAN__ADD(s0, GAN__LOAD(p));
            s1 = GAN__ADD(s1, GAN__LOAD(p + GAN__LANES));
            s2 = GAN__ADD(s2, GAN__LOAD(p + 2 * GAN__LANES));
            s3 = GAN__ADD(s3, GAN__LOAD(p + 3 * GAN__LANES));
        }
        GAN__STORE(y + i, s0);
        GAN__STORE(y + i + GAN__LANES, s1);
        GAN__STORE(y + i + 2 * GAN__LANES, s2);
        GAN__STORE(y + i + 3 * GAN__LANES, s3);
    }
    for (; i < n; i += GAN__LANES) {
        const int left = n - i < GAN__LANES ? (int)(n - i) : GAN__LANES;
        const gan_real *p = x + i;
        GAN__VF s = GAN__NAME(first)(p, left);
        for (int64_t r = 1; r < rows; r++) {
            p += ld;
            s = GAN__ADD(s, GAN__NAME(first)(p, left));
        }
        GAN__NAME(set_first)(y + i, s, left);
    }
}

static void GAN__NAME(norm_sums)(int64_t images, int64_t image, int c, int64_t b, const gan_real *x,
                                 const gan_real *g, const gan_real *m, gan_real *s0, gan_real *s1)
{
    gan_real ones[GAN__LANES], t0[64 * GAN__LANES], t1[64 * GAN__LANES];   // a vector of sums a channel
    gan_real *const a0 = b == 1 ? s0 : t0, *const a1 = b == 1 ? s1 : t1;
    const int n = b == 1 ? c : c * GAN__LANES;
    for (int i = 0; i < GAN__LANES; i++) ones[i] = 1;
    for (int i = 0; i < n; i++) a0[i] = a1[i] = 0;
    for (; images > 0; images--, x += image, g = g ? g + image : NULL) {
        if (b == 1) {
            for (int i = 0; i < c; i += GAN__LANES) {
                const int r = c - i < GAN__LANES ? c - i : GAN__LANES;
                const GAN__VF v = GAN__SUB(GAN__NAME(first)(x + i, r), GAN__NAME(first)(m + i, r));
                const GAN__VF w = g ? GAN__NAME(first)(g + i, r) : v;
                GAN__NAME(set_first)(s0 + i, GAN__ADD(GAN__NAME(first)(s0 + i, r), w), r);
                GAN__NAME(set_first)(s1 + i, GAN__FMA(w, v, GAN__NAME(first)(s1 + i, r)), r);
            }
            continue;
        }
        for (int k = 0; k < c; k++) {
            const gan_real *const px = x + k * b, *const pg = g ? g + k * b : NULL;
            const GAN__VF mean = GAN__SET1(m[k]);
            GAN__VF u0 = GAN__LOAD(t0 + k * GAN__LANES), u1 = GAN__LOAD(t1 + k * GAN__LANES);
            int64_t i = 0;
            for (; i + GAN__LANES <= b; i += GAN__LANES) {
                const GAN__VF v = GAN__SUB(GAN__LOAD(px + i), mean), w = pg ? GAN__LOAD(pg + i) : v;
                u0 = GAN__ADD(u0, w);
                u1 = GAN__FMA(w, v, u1);
            }
            if (i < b) {
                const int r = (int)(b - i);
                const GAN__VF v = GAN__SUB(GAN__RANGE(px + i, 0, r), GAN__MUL(mean, GAN__RANGE(ones, 0, r)));
                const GAN__VF w = pg ? GAN__RANGE(pg + i, 0, r) : v;
                u0 = GAN__ADD(u0, w);
                u1 = GAN__FMA(w, v, u1);
            }
            GAN__STORE(t0 + k * GAN__LANES, u0);
            GAN__STORE(t1 + k * GAN__LANES, u1);
        }
    }
    for (int k = 0; k < c && b != 1; k++) {
        s0[k] = GAN__NAME(hsum)(GAN__LOAD(t0 + k * GAN__LANES));
        s1[k] = GAN__NAME(hsum)(GAN__LOAD(t1 + k * GAN__LANES));
    }
}

static void GAN__NAME(norm_apply)(int64_t images, int64_t image, int64_t c, int64_t b, const gan_real *x,
                                  const gan_real *g, const gan_real *m, const gan_real *p, const gan_real *q,
                                  const gan_real *s, gan_real *y)
{
    for (; images > 0; images--, x += image, y += image, g = g ? g + image : NULL)
        for (int64_t k = 0; k < (b == 1 ? 1 : c); k++) {
            const int64_t n = b == 1 ? c : b, at = k * b;
            GAN__VF vm = GAN__SET1(m[k]), vp = GAN__SET1(p[k]), vq = GAN__SET1(q[k]);
            GAN__VF vs = g ? GAN__SET1(s[k]) : vq;
            for (int64_t i = 0; i < n; i += GAN__LANES) {
                const int r = n - i < GAN__LANES ? (int)(n - i) : GAN__LANES;
                if (b == 1) {
                    vm = GAN__NAME(first)(m + i, r);
                    vp = GAN__NAME(first)(p + i, r);
                    vq = GAN__NAME(first)(q + i, r);
                    if (g) vs = GAN__NAME(first)(s + i, r);
                }
                const GAN__VF d = GAN__SUB(GAN__NAME(first)(x + at + i, r), vm);
                const GAN__VF t = g ? GAN__FMA(vs, GAN__NAME(first)(g + at + i, r), vq) : vq;
                GAN__NAME(set_first)(y + at + i, GAN__FMA(vp, d, t), r);
            }
        }
}

// The larger of a and b, a when they are equal, b when it is NaN; *i becomes j where b won.
GAN__INLINE GAN__VF GAN__NAME(larger)(GAN__VF a, GAN__VF b, GAN__VF *i, GAN__VF j)
{
    const GAN__VM more = GAN__LT(a, b), odd = GAN__NE(b, b);
    *i = GAN__SEL(odd, j, GAN__SEL(more, j, *i));
    return GAN__SEL(odd, b, GAN__SEL(more, b, a));
}

// Windows of 2 x 2, two apart, of a plane of rows of w: the maxima and which of its window's four each is.
// Their numbers 0 .. 3 travel as the bits of reals, which nothing here computes with.
static void GAN__NAME(max_pool)(int oh, int ow, int w, const gan_real *x, gan_real *y, unsigned char *at)
{
    const GAN__VF one = GAN__AS_F(GAN__ISET1(1)), two = GAN__AS_F(GAN__ISET1(2));
    const GAN__VF three = GAN__AS_F(GAN__ISET1(3));
#ifdef GAN_DOUBLE
    int64_t which[GAN__LANES];
#else
    int32_t which[GAN__LANES];
#endif
    unsigned char *const end = at + oh * (ptrdiff_t)ow;
    for (int t = 0; t < oh; t++, x += 2 * (ptrdiff_t)w, y += ow, at += ow)
        for (int u = 0; u < ow; u += GAN__LANES) {
            const gan_real *const p = x + 2 * u, *const q = p + w;
            const int r = ow - u < GAN__LANES ? ow - u : GAN__LANES;
            GAN__VF i = GAN__ZERO, j = two;
            const GAN__VF a = GAN__NAME(larger)(GAN__EVEN(p, 0, r), GAN__EVEN(p + 1, 0, r), &i, one);
            const GAN__VF b = GAN__NAME(larger)(GAN__EVEN(q, 0, r), GAN__EVEN(q + 1, 0, r), &j, three);
            GAN__STORE_FIRST(y + u, GAN__NAME(larger)(a, b, &i, j), r);
            const GAN__VI bits = GAN__AS_I(i);
            GAN__ISTORE(which, bits);
            if (end - at - u < GAN__LANES)
                for (int k = 0; k < r; k++) at[u + k] = (unsigned char)which[k];
            else   // a fixed length, of which -O2 makes vectors; the next row writes over what is too much
                for (int k = 0; k < GAN__LANES; k++) at[u + k] = (unsigned char)which[k];
        }
}

// Its adjoint: every value of g goes to its place in the plane x (h rows of w), zeros to all others.
static void GAN__NAME(max_unpool)(int oh, int ow, int h, int w, const gan_real *g, const unsigned char *at,
                                  gan_real *x)
{
    gan_real which[GAN__LANES];
    const unsigned char *const end = at + oh * (ptrdiff_t)ow;
    for (int t = 0; t < oh; t++, x += 2 * (ptrdiff_t)w, g += ow, at += ow) {
        for (int u = 0; u < ow; u += GAN__LANES) {
            const int r = ow - u < GAN__LANES ? ow - u : GAN__LANES;
            if (end - at - u < GAN__LANES)
                for (int k = 0; k < r; k++) which[k] = (gan_real)at[u + k];
            else
                for (int k = 0; k < GAN__LANES; k++) which[k] = (gan_real)at[u + k];
            const GAN__VF v = GAN__RANGE(g + u, 0, r), i = GAN__RANGE(which, 0, r);
            for (int row = 0; row < 2; row++) {
                const GAN__VF a = GAN__SEL(GAN__EQ(i, GAN__SET1(2 * row)), v, GAN__ZERO);
                const GAN__VF b = GAN__SEL(GAN__EQ(i, GAN__SET1(2 * row + 1)), v, GAN__ZERO);
                gan_real *const p = x + row * (ptrdiff_t)w + 2 * u;
                GAN__STORE_FIRST(p, GAN__ZIP_LO(a, b), 2 * r < GAN__LANES ? 2 * r : GAN__LANES);
                if (2 * r > GAN__LANES)
                    GAN__STORE_FIRST(p + GAN__LANES, GAN__ZIP_HI(a, b), 2 * r - GAN__LANES);
            }
        }
        for (int u = 2 * ow; u < w; u++) x[u] = x[u + w] = 0;
    }
    for (ptrdiff_t k = 0; k < (h - 2 * oh) * (ptrdiff_t)w; k++) x[k] = 0;
}

// Optimisers (torch.optim, single tensor). Each walks its arrays once; the tail passes through buffers of one
// vector. The arrays' names are fixed: p parameters, g gradient, u and v the state (either may be NULL).
#define GAN__OPTIMISER(BODY)                                                                                 \
    for (size_t i = 0; i < n; i += GAN__LANES) {                                                             \
        const size_t left = n - i;                                                                           \
        const int part = left < GAN__LANES;                                                                  \
        const GAN__VF grad = part ? GAN__NAME(load_part)(g + i, left, 0) : GAN__LOAD(g + i);                 \
        GAN__VF w = part ? GAN__NAME(load_part)(p + i, left, 0) : GAN__LOAD(p + i);                          \
        GAN__VF s = !u ? GAN__ZERO : part ? GAN__NAME(load_part)(u + i, left, 0) : GAN__LOAD(u + i);         \
        GAN__VF t = !v ? GAN__ZERO : part ? GAN__NAME(load_part)(v + i, left, 0) : GAN__LOAD(v + i);         \
        GAN__VF d = GAN__MUL(grad, scale);                                                                   \
        BODY                                                                                                 \
        if (part) {                                                                                          \
            GAN__NAME(store_part)(p + i, left, w);                                                           \
            if (u) GAN__NAME(store_part)(u + i, left, s);                                                    \
            if (v) GAN__NAME(store_part)(v + i, left, t);                                                    \
            return;                                                                                          \
        }                                                                                                    \
        GAN__STORE(p + i, w);                                                                                \
        if (u) GAN__STORE(u + i, s);                                                                         \
        if (v) GAN__STORE(v + i, t);                                                                         \
    }

// d = g + wd p; buf = first step ? d : momentum buf + (1 - dampening) d; d = nesterov ? d + momentum buf :
// buf; p -= lr d
static void GAN__NAME(sgd)(size_t n, gan_real *p, const gan_real *g, gan_real *u, const gan__opt_args *o)
{
    gan_real *const v = NULL;
    const GAN__VF scale = GAN__SET1(o->scale), decay = GAN__SET1(o->weight_decay), lr = GAN__SET1(o->lr);
    const GAN__VF momentum = GAN__SET1(o->momentum), fresh = GAN__SET1(1 - o->dampening);
    const int first = o->step <= 1, nesterov = o->nesterov > 0;
    GAN__OPTIMISER(
        d = GAN__FMA(decay, w, d);
        if (u) {
            s = first ? d : GAN__FMA(fresh, d, GAN__MUL(momentum, s));
            d = nesterov ? GAN__FMA(momentum, s, d) : s;
        }
        w = GAN__FNMA(lr, d, w);
    )
}

// d = g + wd p; sq = alpha sq + (1 - alpha) d^2; d = d / (sqrt(sq) + eps); buf = momentum buf + d; p -= lr
// (buf or d)
static void GAN__NAME(rmsprop)(size_t n, gan_real *p, const gan_real *g, gan_real *u, gan_real *v,
                               const gan__opt_args *o)
{
    const GAN__VF scale = GAN__SET1(o->scale), decay = GAN__SET1(o->weight_decay), lr = GAN__SET1(o->lr);
    const GAN__VF alpha = GAN__SET1(o->alpha), fresh = GAN__SET1(1 - o->alpha), eps = GAN__SET1(o->eps);
    const GAN__VF momentum = GAN__SET1(o->momentum);
    GAN__OPTIMISER(
        d = GAN__FMA(decay, w, d);
        s = GAN__FMA(fresh, GAN__MUL(d, d), GAN__MUL(alpha, s));
        d = GAN__DIV(d, GAN__ADD(GAN__SQRT(s), eps));
        if (v) {
            t = GAN__FMA(momentum, t, d);
            d = t;
        }
        w = GAN__FNMA(lr, d, w);
    )
}

// d = g + wd p (Adam) or p *= 1 - lr wd (AdamW); m = beta1 m + (1 - beta1) d; v = beta2 v + (1 - beta2) d^2;
// p -= lr / bias1 * m / (sqrt(v) / sqrt(bias2) + eps); by 1 / sqrt(bias2), since a second division made it
// slower by half.
static void GAN__NAME(adam)(size_t n, gan_real *p, const gan_real *g, gan_real *u, gan_real *v,
                            const gan__opt_args *o)
{
    const int decoupled = o->decoupled > 0;
    const GAN__VF scale = GAN__SET1(o->scale), decay = GAN__SET1(decoupled ? 0 : o->weight_decay);
    const GAN__VF shrink = GAN__SET1(decoupled ? 1 - o->lr * o->weight_decay : 1);
    const GAN__VF beta1 = GAN__SET1(o->beta1), fresh1 = GAN__SET1(1 - o->beta1);
    const GAN__VF beta2 = GAN__SET1(o->beta2), fresh2 = GAN__SET1(1 - o->beta2);
    const GAN__VF rate = GAN__SET1(o->lr / o->bias1), eps = GAN__SET1(o->eps);
    const GAN__VF root2 = GAN__SET1(1 / sqrt((double)o->bias2));
    GAN__OPTIMISER(
        d = GAN__FMA(decay, w, d);
        w = GAN__MUL(w, shrink);
        s = GAN__FMA(fresh1, d, GAN__MUL(beta1, s));
        t = GAN__FMA(fresh2, GAN__MUL(d, d), GAN__MUL(beta2, t));
        w = GAN__FNMA(rate, GAN__DIV(s, GAN__FMA(GAN__SQRT(t), root2, eps)), w);
    )
}

#undef GAN__OPTIMISER

// avg = decay avg + (1 - decay) p
static void GAN__NAME(ema)(size_t n, gan_real *avg, const gan_real *p, gan_real decay)
{
    const GAN__VF keep = GAN__SET1(decay), fresh = GAN__SET1(1 - decay);
    size_t i = 0;
    for (; i + GAN__LANES <= n; i += GAN__LANES)
        GAN__STORE(avg + i, GAN__FMA(fresh, GAN__LOAD(p + i), GAN__MUL(keep, GAN__LOAD(avg + i))));
    if (i == n) return;
    const GAN__VF s = GAN__NAME(load_part)(avg + i, n - i, 0), w = GAN__NAME(load_part)(p + i, n - i, 0);
    GAN__NAME(store_part)(avg + i, n - i, GAN__FMA(fresh, w, GAN__MUL(keep, s)));
}

// Micro tiles, see gan__strip. The accumulators are named variables, one row of them per entry of GAN__ROWS,
// so that -O2 keeps all of them in registers.
#define GAN__OPEN1(i) GAN__VF c##i##0 = GAN__ZERO; const gan_real *const p##i = s->a[i];
#define GAN__OPEN2(i) GAN__OPEN1(i) GAN__VF c##i##1 = GAN__ZERO;
#define GAN__OPEN3(i) GAN__OPEN2(i) GAN__VF c##i##2 = GAN__ZERO;
#define GAN__ACC1(i) const GAN__VF a##i = GAN__SET1(p##i[d]); c##i##0 = GAN__FMA(a##i, b0, c##i##0);
#define GAN__ACC2(i) GAN__ACC1(i) c##i##1 = GAN__FMA(a##i, b1, c##i##1);
#define GAN__ACC3(i) GAN__ACC2(i) c##i##2 = GAN__FMA(a##i, b2, c##i##2);
#define GAN__PLUS(i, v) c##i##v = GAN__ADD(c##i##v, GAN__LOAD(s->plus[i] + v * GAN__LANES));
#define GAN__PLUS1(i) GAN__PLUS(i, 0)
#define GAN__PLUS2(i) GAN__PLUS(i, 0) GAN__PLUS(i, 1)
#define GAN__PLUS3(i) GAN__PLUS(i, 0) GAN__PLUS(i, 1) GAN__PLUS(i, 2)
#define GAN__OUT1(i) GAN__STORE(s->c[i], c##i##0);
#define GAN__OUT2(i) GAN__OUT1(i) GAN__STORE(s->c[i] + GAN__LANES, c##i##1);
#define GAN__OUT3(i) GAN__OUT2(i) GAN__STORE(s->c[i] + 2 * GAN__LANES, c##i##2);
#define GAN__NEAR(i) GAN__PREFETCH(s->plus[i]);
#define GAN__RUNS(loads, accumulate)                                                                         \
    const int64_t a_step = s->a_step, b_step = s->b_step;                                                    \
    if (s->plus[0]) { GAN__ROWS(GAN__NEAR) }                                                                 \
    for (int64_t r = 0; r < s->runs; r++) {                                                                  \
        const gan_real *b = s->b + s->b_run[r];                                                              \
        int64_t d = s->a_run[r];                                                                             \
        for (int64_t n = s->len; n > 0; n--, d += a_step, b += b_step) {                                     \
            const GAN__VF loads;                                                                             \
            GAN__ROWS(accumulate)                                                                            \
        }                                                                                                    \
    }

static void GAN__NAME(gemm1)(const gan__strip *s)
{
    GAN__ROWS(GAN__OPEN1)
    GAN__RUNS(b0 = GAN__LOAD(b), GAN__ACC1)
    if (s->plus[0]) { GAN__ROWS(GAN__PLUS1) }
    GAN__ROWS(GAN__OUT1)
}

#define GAN__LOADS2 b0 = GAN__LOAD(b), b1 = GAN__LOAD(b + GAN__LANES)
static void GAN__NAME(gemm2)(const gan__strip *s)
{
    GAN__ROWS(GAN__OPEN2)
    GAN__RUNS(GAN__LOADS2, GAN__ACC2)
    if (s->plus[0]) { GAN__ROWS(GAN__PLUS2) }
    GAN__ROWS(GAN__OUT2)
}

#define GAN__LOADS3 GAN__LOADS2, b2 = GAN__LOAD(b + 2 * GAN__LANES)
static void GAN__NAME(gemm3)(const gan__strip *s)
{
    GAN__ROWS(GAN__OPEN3)
    GAN__RUNS(GAN__LOADS3, GAN__ACC3)
    if (s->plus[0]) { GAN__ROWS(GAN__PLUS3) }
    GAN__ROWS(GAN__OUT3)
}

// Row by row through all panels, so that memory is read along its rows.
static void GAN__NAME(pack)(int64_t depth, int64_t count, const gan_real *src, int64_t ld, gan_real *dst)
{
    for (int64_t d = 0; d < depth; d++, src += ld)
        for (int64_t j = 0, width; j < count; j += width) {
            width = gan__panel(count - j, GAN__LANES);
            gan_real *const out = dst + j * depth + d * width;
            int64_t i = 0;
            for (; i < width && j + i + GAN__LANES <= count; i += GAN__LANES)
                GAN__STORE(out + i, GAN__LOAD(src + j + i));
            if (i < width) GAN__STORE(out + i, GAN__NAME(load_part)(src + j + i, (size_t)(count - j - i), 0));
        }
}

// Blocks are turned in registers; the last of a row or column reaches back over its neighbour.
static void GAN__NAME(turn)(int64_t rows, int64_t cols, const gan_real *src, int64_t ld, gan_real *dst,
                            int64_t ldd)
{
#ifdef GAN__BLOCK
#define GAN__BLOCKS(size, transpose)                                                                         \
    for (int64_t i = 0; i < rows; i = i + size < rows && i + 2 * size > rows ? rows - size : i + size)       \
        for (int64_t j = 0; j < cols; j = j + size < cols && j + 2 * size > cols ? cols - size : j + size)   \
            transpose(size, src + i * ld + j, ld, dst + j * ldd + i, ldd)
    if (rows >= GAN__BLOCK && cols >= GAN__BLOCK) {
        GAN__BLOCKS(GAN__BLOCK, GAN__TRANSPOSE);
        return;
    }
    if (rows >= GAN__SMALL_BLOCK && cols >= GAN__SMALL_BLOCK) {
        GAN__BLOCKS(GAN__SMALL_BLOCK, GAN__SMALL_TRANSPOSE);
        return;
    }
#undef GAN__BLOCKS
#endif
    if (rows == 1 && ldd == 1) memcpy(dst, src, (size_t)cols * sizeof *dst);
    else if (cols == 1 && ld == 1) memcpy(dst, src, (size_t)rows * sizeof *dst);
    else
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < cols; j++) dst[j * ldd + i] = src[i * ld + j];
}

// A row of a product whose B lies row by row: eight rows of B at a time, read as they lie. (Tiles down the
// columns read 384 bytes a row: about half the speed, because nothing foresees the next row.)
#define GAN__EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define GAN__ROW_A(i) const GAN__VF x##i = GAN__SET1(a[i * a_step]);
#define GAN__ROW_ACC(i) v = GAN__FMA(x##i, GAN__LOAD(b + i * ld + j), v);
#define GAN__ROW_REST(i) v = GAN__FMA(x##i, GAN__NAME(load_part)(b + i * ld + j, rest, 0), v);
#define GAN__ROW_PASS(rows, from)                                                                            \
    {                                                                                                        \
        const gan_real *const y0 = from;                                                                     \
        int64_t j = 0;                                                                                       \
        rows(GAN__ROW_A)                                                                                     \
        for (; j + GAN__LANES <= n; j += GAN__LANES) {                                                       \
            GAN__VF v = y0 ? GAN__LOAD(y0 + j) : GAN__ZERO;                                                  \
            rows(GAN__ROW_ACC)                                                                               \
            GAN__STORE(y + j, v);                                                                            \
        }                                                                                                    \
        if (j < n) {                                                                                         \
            const size_t rest = (size_t)(n - j);                                                             \
            GAN__VF v = y0 ? GAN__NAME(load_part)(y0 + j, rest, 0) : GAN__ZERO;                              \
            rows(GAN__ROW_REST)                                                                              \
            GAN__NAME(store_part)(y + j, rest, v);                                                           \
        }                                                                                                    \
    }
#define GAN__ONE_ROW(X) X(0)
static void GAN__NAME(row)(int64_t depth, int64_t n, const gan_real *a, int64_t a_step, const gan_real *b,
                           int64_t ld, const gan_real *from, gan_real *y)
{
    for (; depth >= 8; depth -= 8, a += 8 * a_step, b += 8 * ld, from = y) GAN__ROW_PASS(GAN__EIGHT, from)
    for (; depth > 0; depth--, a += a_step, b += ld, from = y) GAN__ROW_PASS(GAN__ONE_ROW, from)
}

// Inner products of eight lines with one: the lanes' sums are turned, so that all eight are added at once.
#define GAN__INNER_OPEN(i) GAN__VF s##i = GAN__ZERO; const gan_real *const p##i = a[i];
#define GAN__INNER_ACC(i) s##i = GAN__FMA(GAN__LOAD(p##i + d), x, s##i);
#define GAN__INNER_REST(i) s##i = GAN__FMA(GAN__NAME(load_part)(p##i + d, rest, 0), x, s##i);
#define GAN__INNER_OUT(i) GAN__STORE(t + i * GAN__LANES, s##i);
#define GAN__INNER_SUM(i) u = GAN__ADD(u, GAN__LOAD(turned + i * GAN__LANES));
static void GAN__NAME(inner)(int64_t depth, const gan_real *const *a, const gan_real *b, gan_real *out)
{
    gan_real t[8 * GAN__LANES], turned[8 * GAN__LANES];
    int64_t d = 0;
    GAN__EIGHT(GAN__INNER_OPEN)
    for (; d + GAN__LANES <= depth; d += GAN__LANES) {
        const GAN__VF x = GAN__LOAD(b + d);
        GAN__EIGHT(GAN__INNER_ACC)
    }
    if (d < depth) {
        const size_t rest = (size_t)(depth - d);
        const GAN__VF x = GAN__NAME(load_part)(b + d, rest, 0);
        GAN__EIGHT(GAN__INNER_REST)
    }
    GAN__EIGHT(GAN__INNER_OUT)
    GAN__NAME(turn)(8, GAN__LANES, t, GAN__LANES, turned, 8);
#if GAN__LANES >= 8
    GAN__VF u = GAN__ZERO;
    GAN__EIGHT(GAN__INNER_SUM)
    GAN__STORE(t, u);
    for (int i = 0; i < 8; i++) out[i] = t[i];
    for (int i = 8; i < GAN__LANES; i++) out[i % 8] += t[i];
#else
    for (int i = 0; i < 8; i++) out[i] = turned[i];
    for (int i = 8; i < 8 * GAN__LANES; i++) out[i % 8] += turned[i];
#endif
}

// The pixels i of a piece (x + i, i < count) that lie in 0 .. w: from <= i < to.
GAN__INLINE void GAN__NAME(piece_range)(int64_t x, int64_t w, int64_t count, int *from, int *to)
{
    const int64_t lo = x < 0 ? -x : 0, hi = x < w ? w - x : 0;
    *from = (int)(lo < count ? lo : count);
    *to = (int)(hi < count ? hi : count);
}

// With columns one apart, a vector of dx gathers its taps in a register: adding tap after tap to memory
// stalled on stores that the next load overlapped (2.5 times slower).
static void GAN__NAME(fold)(const gan__conv *v, gan_real start, const gan_real *cols, int64_t ld,
                            gan_real *dx)
{
    enum { NEAR = 16 };
    int from[NEAR], to[NEAR];
    if (v->sw == 1 && v->kw <= NEAR) {
        for (int64_t x = 0; x < v->w; x += GAN__LANES) {
            const int count = (int)(v->w - x < GAN__LANES ? v->w - x : GAN__LANES);
            for (int64_t kx = 0; kx < v->kw; kx++)
                GAN__NAME(piece_range)(x + v->pw - kx * v->dw, v->ow, count, &from[kx], &to[kx]);
            for (int64_t y = 0; y < v->h; y++) {
                GAN__VF s = GAN__SET1(start);
                for (int64_t ky = 0; ky < v->kh; ky++) {
                    const int64_t t = y + v->ph - ky * v->dh;
                    if (t < 0 || t >= v->oh * v->sh || (v->sh > 1 && t % v->sh != 0)) continue;
                    const gan_real *row = cols + ky * v->kw * ld + t / v->sh * v->ow;
                    for (int64_t kx = 0; kx < v->kw; kx++, row += ld)
                        if (from[kx] < to[kx])
                            s = GAN__ADD(s, GAN__RANGE(row + (x + v->pw - kx * v->dw), from[kx], to[kx]));
                }
                if (count == GAN__LANES) GAN__STORE(dx + y * v->w + x, s);
                else GAN__STORE_FIRST(dx + y * v->w + x, s, count);
            }
        }
        return;
    }
    for (int64_t i = 0; i < v->h * v->w; i++) dx[i] = start;
    for (int64_t ky = 0; ky < v->kh; ky++)
        for (int64_t kx = 0; kx < v->kw; kx++, cols += ld) {
            const int64_t x = kx * v->dw - v->pw;
            const int64_t lo = x < 0 ? (v->sw - 1 - x) / v->sw : 0;
            const int64_t hi = x >= v->w                                ? 0
                               : (v->w - x + v->sw - 1) / v->sw < v->ow ? (v->w - x + v->sw - 1) / v->sw
                                                                        : v->ow;
            for (int64_t oy = 0; oy < v->oh; oy++) {
                const int64_t y = oy * v->sh + ky * v->dh - v->ph;
                if (y < 0 || y >= v->h) continue;
                gan_real *const row = dx + y * v->w + x;
                for (int64_t ox = lo; ox < hi; ox++) row[ox * v->sw] += cols[oy * v->ow + ox];
            }
        }
}

// A row's last vector reaches back over its neighbour.
static void GAN__NAME(pick)(int64_t rows, int64_t n, const gan_real *src, int64_t ld, int64_t step,
                            gan_real *dst, int64_t ldd)
{
    const int64_t last = n - GAN__LANES;
    const int count = (int)n;
    for (int64_t i = 0; i < rows; i++, src += ld, dst += ldd)
        if (step > 2)
            for (int64_t j = 0; j < n; j++) dst[j] = src[j * step];
        else if (last < 0)
            GAN__STORE_FIRST(dst, step == 1 ? GAN__RANGE(src, 0, count) : GAN__EVEN(src, 0, count), count);
        else
            for (int64_t j = 0; j < n; j = j < last && j + GAN__LANES > last ? last : j + GAN__LANES)
                GAN__STORE(dst + j, step == 1 ? GAN__LOAD(src + j) : GAN__EVEN(src + 2 * j, 0, GAN__LANES));
}

// Four lines times as many as there are registers for, see gan__dots.
#if GAN__PASS == 4 || GAN__PASS == 5
#define GAN__DOTS_WIDE 6
#define GAN__DOTS_0(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3) X(i, 4)
#define GAN__DOTS_1(X, i) GAN__DOTS_0(X, i) X(i, 5)
#else
#define GAN__DOTS_WIDE 3
#define GAN__DOTS_0(X, i) X(i, 0) X(i, 1)
#define GAN__DOTS_1(X, i) GAN__DOTS_0(X, i) X(i, 2)
#endif
#define GAN__DOTS_FOUR(COLS, X) COLS(X, 0) COLS(X, 1) COLS(X, 2) COLS(X, 3)
#define GAN__DOTS_OPEN(i, j) GAN__VF c##i##j = GAN__LOAD(s->sums + i * s->next + j * GAN__LANES);
#define GAN__DOTS_LINE(i, j) const gan_real *const q##j = s->b[j] + r * s->b_run;
#define GAN__DOTS_LOAD(i, j) const GAN__VF b##j = GAN__LOAD(q##j + d);
#define GAN__DOTS_ACC(i, j) c##i##j = GAN__FMA(a##i, b##j, c##i##j);
#define GAN__DOTS_OUT(i, j) GAN__STORE(s->sums + i * s->next + j * GAN__LANES, c##i##j);
#define GAN__DOTS_ROW(COLS, i) const GAN__VF a##i = GAN__LOAD(p##i + d); COLS(GAN__DOTS_ACC, i)
#define GAN__DOTS_END(COLS, i)                                                                               \
    const GAN__VF a##i = GAN__RANGE(p##i + d, 0, (int)(s->depth - d)); COLS(GAN__DOTS_ACC, i)
#define GAN__DOTS(COLS)                                                                                      \
    GAN__DOTS_FOUR(COLS, GAN__DOTS_OPEN)                                                                     \
    for (int64_t r = 0; r < s->runs; r++) {                                                                  \
        const int64_t at = r * s->a_run;                                                                     \
        const gan_real *const p0 = s->a[0] + at, *const p1 = s->a[1] + at;                                   \
        const gan_real *const p2 = s->a[2] + at, *const p3 = s->a[3] + at;                                   \
        COLS(GAN__DOTS_LINE, 0)                                                                              \
        int64_t d = 0;                                                                                       \
        for (; d + GAN__LANES <= s->depth; d += GAN__LANES) {                                                \
            COLS(GAN__DOTS_LOAD, 0)                                                                          \
            GAN__DOTS_ROW(COLS, 0) GAN__DOTS_ROW(COLS, 1) GAN__DOTS_ROW(COLS, 2) GAN__DOTS_ROW(COLS, 3)      \
        }                                                                                                    \
        if (d < s->depth) {                                                                                  \
            COLS(GAN__DOTS_LOAD, 0)                                                                          \
            GAN__DOTS_END(COLS, 0) GAN__DOTS_END(COLS, 1) GAN__DOTS_END(COLS, 2) GAN__DOTS_END(COLS, 3)      \
        }                                                                                                    \
    }                                                                                                        \
    GAN__DOTS_FOUR(COLS, GAN__DOTS_OUT)
static void GAN__NAME(dots_less)(const gan__dots *s) { GAN__DOTS(GAN__DOTS_0) }
static void GAN__NAME(dots)(const gan__dots *s) { GAN__DOTS(GAN__DOTS_1) }

#define GAN__COUNT(i) +1
#define GAN__STR_(x) #x
#define GAN__STR(x) GAN__STR_(x)
#define GAN__X(map, inputs, expression) GAN__NAME(map_##map),

static const gan__kernels GAN__NAME(kernels) = {
    GAN__STR(GAN__ISA),
    GAN__ISA_ID,
    GAN__LANES,
    0 GAN__ROWS(GAN__COUNT),
    3 * GAN__LANES,
    {GAN__MAPS(GAN__X)},
    GAN__NAME(uniform),
    GAN__NAME(normal),
    GAN__NAME(sum),
    GAN__NAME(sumsq),
    GAN__NAME(max),
    GAN__NAME(finite),
    GAN__NAME(sum_columns),
    GAN__NAME(norm_sums),
    GAN__NAME(norm_apply),
    GAN__NAME(max_pool),
    GAN__NAME(max_unpool),
    GAN__NAME(sgd),
    GAN__NAME(rmsprop),
    GAN__NAME(adam),
    GAN__NAME(ema),
    {GAN__NAME(gemm1), GAN__NAME(gemm2), GAN__NAME(gemm3)},
    GAN__NAME(row),
    GAN__NAME(inner),
    GAN__NAME(pack),
    GAN__NAME(turn),
    GAN__NAME(fold),
    GAN__NAME(pick),
    GAN__DOTS_WIDE,
    {GAN__NAME(dots_less), GAN__NAME(dots)},
};

#undef GAN__X
#undef GAN__STR
#undef GAN__STR_
#undef GAN__COUNT
#undef GAN__OPEN1
#undef GAN__OPEN2
#undef GAN__OPEN3
#undef GAN__ACC1
#undef GAN__ACC2
#undef GAN__ACC3
#undef GAN__OUT1
#undef GAN__OUT2
#undef GAN__OUT3
#undef GAN__PLUS
#undef GAN__PLUS1
#undef GAN__PLUS2
#undef GAN__PLUS3
#undef GAN__NEAR
#undef GAN__RUNS
#undef GAN__LOADS2
#undef GAN__LOADS3
#undef GAN__EIGHT
#undef GAN__ROW_A
#undef GAN__ROW_ACC
#undef GAN__ROW_REST
#undef GAN__ROW_PASS
#undef GAN__ONE_ROW
#undef GAN__INNER_OPEN
#undef GAN__INNER_ACC
#undef GAN__INNER_REST
#undef GAN__INNER_OUT
#undef GAN__INNER_SUM
#undef GAN__DOTS
#undef GAN__DOTS_0
#undef GAN__DOTS_1
#undef GAN__DOTS_ACC
#undef GAN__DOTS_END
#undef GAN__DOTS_FOUR
#undef GAN__DOTS_LINE
#undef GAN__DOTS_LOAD
#undef GAN__DOTS_OPEN
#undef GAN__DOTS_OUT
#undef GAN__DOTS_ROW
#undef GAN__DOTS_WIDE
#undef GAN__POW2
#undef GAN__INF
#undef GAN__NAN
#undef GAN__CAT
#undef GAN__CAT_
#undef GAN__NAME
#undef GAN__ABS
#undef GAN__ADD
#undef GAN__ANY
#undef GAN__AS_F
#undef GAN__AS_I
#undef GAN__BLOCK
#undef GAN__CVT_F
#undef GAN__CVT_I
#undef GAN__DIV
#undef GAN__EQ
#undef GAN__EVEN
#undef GAN__FMA
#undef GAN__FNMA
#undef GAN__IADD
#undef GAN__IAND
#undef GAN__IEVEN
#undef GAN__ILOAD
#undef GAN__IMUL_EVEN
#undef GAN__IODD
#undef GAN__IOR
#undef GAN__ISA
#undef GAN__ISA_ID
#undef GAN__ISET1
#undef GAN__ISHL
#undef GAN__ISRA
#undef GAN__ISTORE
#undef GAN__ISUB
#undef GAN__ITURN
#undef GAN__IXOR
#undef GAN__LANES
#undef GAN__LE
#undef GAN__LOAD
#undef GAN__RANGE
#undef GAN__LT
#undef GAN__MAX
#undef GAN__MIN
#undef GAN__MUL
#undef GAN__NE
#undef GAN__ONE
#undef GAN__ROWS
#undef GAN__SEL
#undef GAN__SET1
#undef GAN__SMALL_BLOCK
#undef GAN__SMALL_TRANSPOSE
#undef GAN__SQRT
#undef GAN__STORE
#undef GAN__STORE_FIRST
#undef GAN__SUB
#undef GAN__TRANSPOSE
#undef GAN__VF
#undef GAN__VI
#undef GAN__VM
#undef GAN__VU
#undef GAN__ZERO
#undef GAN__ZIP_HI
#undef GAN__ZIP_LO

#endif   // GAN__PASS
#ifdef GAN_IDE
#undef GAN__PASS
#endif
// clang-format on

// >>isa: compiles floor 1 once per ISA and chooses among the tables; may use floors 0-1; tests/test_isa.c

#ifndef GAN__PASS

#ifndef GAN_IDE // an editor parses floor 1 once, scalar, and never sees the header include itself


#define GAN__PASS 1
#include GAN_HEADER_FILENAME
#undef GAN__PASS

#ifdef GAN__HAVE_SSE2
#if defined(__clang__) && defined(GAN__REGIONS)
#pragma clang attribute push(__attribute__((target("sse2"))), apply_to = function)
#elif defined(GAN__REGIONS)
#pragma GCC push_options
#pragma GCC target("sse2")
#endif
#define GAN__PASS 2
#include GAN_HEADER_FILENAME
#undef GAN__PASS
#if defined(__clang__) && defined(GAN__REGIONS)
#pragma clang attribute pop
#elif defined(GAN__REGIONS)
#pragma GCC pop_options
#endif
#endif

#ifdef GAN__HAVE_AVX2
#if defined(__clang__) && defined(GAN__REGIONS)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#elif defined(GAN__REGIONS)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define GAN__PASS 3
#include GAN_HEADER_FILENAME
#undef GAN__PASS
#if defined(__clang__) && defined(GAN__REGIONS)
#pragma clang attribute pop
#elif defined(GAN__REGIONS)
#pragma GCC pop_options
#endif
#endif

#ifdef GAN__HAVE_AVX512
#if defined(__clang__) && defined(GAN__REGIONS)
#pragma clang attribute push(__attribute__((target("avx512f,avx2,fma"))), apply_to = function)
#elif defined(GAN__REGIONS)
#pragma GCC push_options
#pragma GCC target("avx512f,avx2,fma")
#endif
#define GAN__PASS 4
#include GAN_HEADER_FILENAME
#undef GAN__PASS
#if defined(__clang__) && defined(GAN__REGIONS)
#pragma clang attribute pop
#elif defined(GAN__REGIONS)
#pragma GCC pop_options
#endif
#endif

#ifdef GAN__HAVE_NEON
#define GAN__PASS 5
#include GAN_HEADER_FILENAME
#undef GAN__PASS
#endif

#endif // GAN_IDE

// The table of one ISA, or the best of all (GAN_ISA_AUTO). NULL when this build or this machine lacks the one
// asked for.
static const gan__kernels *gan__isa_choose(gan_isa wanted)
{
    static const gan__kernels *const built[] = {
    // best first
#ifdef GAN__HAVE_AVX512
        &gan__kernels_avx512,
#endif
#ifdef GAN__HAVE_AVX2
        &gan__kernels_avx2,
#endif
#ifdef GAN__HAVE_SSE2
        &gan__kernels_sse2,
#endif
#ifdef GAN__HAVE_NEON
        &gan__kernels_neon,
#endif
        &gan__kernels_scalar,
    };
    const uint32_t runs = gan__cpu_isas();
    for (size_t i = 0; i < sizeof built / sizeof built[0]; i++) {
        const gan_isa isa = built[i]->isa;
        if ((runs >> isa & 1u) && (wanted == GAN_ISA_AUTO || wanted == isa)) return built[i];
    }
    return NULL;
}

// A vector for the map of one table: x's first `count` elements, then the first of them again.
GAN__APART const gan_real *gan__isa_vector(const gan__kernels *k, const gan_real *x, size_t count,
                                           gan_real *t)
{
    for (size_t i = 0; i < (size_t)k->lanes; i++) t[i] = x[i < count ? i : 0];
    return t;
}

// y = map(a, b, c, p, q): one value for all (stride 0) or one each (stride 1). A single value and what is
// left after the whole vectors pass through buffers of one vector, so that an element of a tail meets the
// very same instructions as one of the body. Written into every map of every ISA this made the header compile
// in 8.1 s instead of 5.9, and no map faster.
static void gan__isa_map(const gan__kernels *k, int map, size_t n, gan_real *y, const gan_real *a, size_t sa,
                         const gan_real *b, size_t sb, const gan_real *c, size_t sc, gan_real p, gan_real q)
{
    gan__map_fn *const fn = k->map_whole[map];
    gan_real ta[GAN__MAX_LANES], tb[GAN__MAX_LANES], tc[GAN__MAX_LANES], ty[GAN__MAX_LANES];
    const size_t lanes = (size_t)k->lanes, rest = n % lanes, whole = n - rest;
    if (n == 0) return;
    if (a && !sa) a = gan__isa_vector(k, a, 1, ta);
    if (b && !sb) b = gan__isa_vector(k, b, 1, tb);
    if (c && !sc) c = gan__isa_vector(k, c, 1, tc);
    if (whole) fn(whole, y, a, sa, b, sb, c, sc, p, q);
    if (rest == 0) return;
    if (a && sa) a = gan__isa_vector(k, a + whole, rest, ta);
    if (b && sb) b = gan__isa_vector(k, b + whole, rest, tb);
    if (c && sc) c = gan__isa_vector(k, c + whole, rest, tc);
    fn(lanes, ty, a, 0, b, 0, c, 0, p, q);
    memcpy(y + whole, ty, rest * sizeof *y);
}

// >>gemm: blocked matrix products, operands used where they lie; may use floors 0-2; tests/test_gemm.c

// C (m x n) = A (m x depth) B (depth x n). The micro tile takes rows of A through one pointer each, so A is
// never packed, and vectors along the columns of C from B, which is packed into panels only where that pays.
// A line is a row of A or a column of B: element (line, d) is p[line * ld + d] (along = 1) or p[d * ld +
// line] (along = 0).
typedef struct {
    const gan_real *p;
    int64_t ld;
    int along;
} gan__matrix;

enum { GAN__ACT_NONE, GAN__ACT_RELU, GAN__ACT_LEAKY_RELU, GAN__ACT_TANH, GAN__ACT_SIGMOID };
static const int gan__act_maps[] = {0, GAN__MAP_relu, GAN__MAP_leaky_relu, GAN__MAP_tanh, GAN__MAP_sigmoid};

// What is done to C as soon as it is complete: act(C + bias[column]).
typedef struct {
    const gan_real *bias; // n values, or NULL
    int act;              // GAN__ACT_*
    gan_real slope;       // of leaky_relu
} gan__epilogue;

static void gan__gemm_act(const gan__kernels *k, const gan__epilogue *e, int64_t n, gan_real *c)
{
    if (e->act) gan__isa_map(k, gan__act_maps[e->act], (size_t)n, c, c, 1, NULL, 0, NULL, 0, e->slope, 0);
}

// Block sizes in elements: a panel of B (depth_block x tile_n) streams from the second-level cache while
// eight rows of A stay in the first. Measured: a tile of 8 x 48 runs at 93-97 % of the multiply-adds' peak
// with its panel in either cache.
#define GAN__DEPTH_BLOCK 512
#define GAN__ROWS_BLOCK 192
#define GAN__COLS_BLOCK 528
#define GAN__SMALL 8192 // a B of so many elements stays in the first-level cache where it lies

typedef struct {
    const gan__kernels *k;
    gan__matrix a, b;
    int64_t m, n, depth;
    gan_real *c;
    int64_t ldc;
    int add;     // to what stands in C
    int swapped; // A and B have changed places: tiles are turned on their way to C
    int turn;    // blocks of A, so that its lines lie along the depth
    int pack;    // all of B; otherwise only the panel that ends within a vector
    gan__epilogue e;
    int64_t depth_block, cols_block, packed_size;
    int64_t grid_m, grid_n, workers; // C is cut for the threads; worker w takes blocks w, w + workers, ...
    gan_real *room;                  // of each worker
    int64_t room_size;
} gan__gemm_plan;

static int64_t gan__gemm_min(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t gan__gemm_round(int64_t a, int64_t unit) { return (a + unit - 1) / unit * unit; }

// Where piece i of `pieces` of `count` units begins.
static int64_t gan__gemm_cut(int64_t count, int64_t pieces, int64_t i)
{
    return count / pieces * i + gan__gemm_min(i, count % pieces);
}

// Columns j0 .. j0 + count - 1 of B, depths d0 .. d0 + depth - 1, as panels; what pads the last is zero.
static void gan__gemm_pack(const gan__kernels *k, const gan__matrix *b, int64_t j0, int64_t count, int64_t d0,
                           int64_t depth, gan_real *dst)
{
    int64_t j = 0;
    if (!b->along) {
        k->pack(depth, count, b->p + d0 * b->ld + j0, b->ld, dst);
        return;
    }
    while (j < count) {
        const int64_t width = gan__panel(count - j, k->lanes), some = gan__gemm_min(width, count - j);
        if (some < width) memset(dst, 0, (size_t)(depth * width) * sizeof(gan_real));
        k->turn(some, depth, b->p + (j0 + j) * b->ld + d0, b->ld, dst, width);
        dst += depth * width;
        j += width;
    }
}

// A tile that ends within a vector, or lies across C, is made in `t`.
static void gan__gemm_aside(const gan__gemm_plan *g, gan__strip *s, int64_t i0, int m, int64_t j0, int n,
                            int width, gan_real *t, int fresh, int last)
{
    const gan__kernels *const k = g->k;
    gan_real *const c = g->swapped ? g->c + j0 * g->ldc + i0 : g->c + i0 * g->ldc + j0;
    int i, j;
    if (!fresh) {
        if (g->swapped) k->turn(n, m, c, g->ldc, t, width);
        for (i = 0; i < m; ++i) {
            for (j = 0; !g->swapped && j < n; ++j) t[i * width + j] = c[i * g->ldc + j];
            for (j = n; j < width; ++j) t[i * width + j] = 0;
        }
        memset(t + m * width, 0, (size_t)((k->tile_m - m) * width) * sizeof(gan_real));
    }
    for (i = 0; i < k->tile_m; ++i) {
        s->c[i] = t + i * width;
        s->plus[i] = fresh ? NULL : t + i * width;
    }
    k->gemm[width / k->lanes - 1](s);
    // where a tile without a detour adds it, too: the cut for the threads must not show
    for (i = 0; i < m && fresh && g->e.bias; ++i) {
        gan_real *const row = t + i * width;
        if (g->swapped)
            gan__isa_map(k, GAN__MAP_affine, (size_t)n, row, row, 1, NULL, 0, NULL, 0, 1, g->e.bias[i0 + i]);
        else gan__isa_map(k, GAN__MAP_add, (size_t)n, row, row, 1, g->e.bias + j0, 1, NULL, 0, 0, 0);
    }
    for (i = 0; i < m && last; ++i) gan__gemm_act(k, &g->e, n, t + i * width);
    if (g->swapped) k->turn(m, n, t, width, c, g->ldc);
    else
        for (i = 0; i < m; ++i) memcpy(c + i * g->ldc, t + i * width, (size_t)n * sizeof(gan_real));
}

// A block of C: rows i_lo .. i_hi - 1 of a panel of `width` columns, n of them in C, from j on; s has the
// panel and the depth. Whole tiles only move their pointers on.
static void gan__gemm_block(const gan__gemm_plan *g, gan__strip *s, gan__matrix a, int64_t i_lo, int64_t i_hi,
                            int64_t j, int n, int width, gan_real *tile, gan_real *dump, int fresh, int last)
{
    const gan__kernels *const k = g->k;
    const int step = k->tile_m;
    const int aside = g->swapped || n < width;
    const int64_t line = a.along ? a.ld : 1;
    const gan_real *const bias = fresh && g->e.bias ? g->e.bias + j : NULL;
    s->a_step = a.along ? 1 : a.ld;
    for (int64_t i = i_lo; i < i_hi; i += step) {
        const int m = (int)gan__gemm_min(step, i_hi - i);
        if (i > i_lo && m == step) {
            for (int q = 0; q < step; ++q) s->a[q] += step * line;
            for (int q = 0; q < step && !aside; ++q) s->c[q] += step * g->ldc;
        } else {
            gan_real *const c = g->c + i * g->ldc + j;
            for (int q = 0; q < step; ++q) s->a[q] = a.p + (i - i_lo + (q < m ? q : m - 1)) * line;
            for (int q = 0; q < step && !aside; ++q) {
                s->c[q] = q < m ? c + q * g->ldc : dump;
                s->plus[q] = bias;
            }
        }
        if (aside) {
            gan__gemm_aside(g, s, i, m, j, n, width, tile, fresh, last);
            continue;
        }
        for (int q = 0; q < step && !fresh; ++q) s->plus[q] = s->c[q < m ? q : 0];
        k->gemm[width / k->lanes - 1](s);
        if (last && g->e.act)
            for (int q = 0; q < m; ++q) gan__gemm_act(k, &g->e, n, s->c[q]);
    }
}

// Rows i_lo .. i_hi - 1 and columns j_lo .. j_hi - 1 of C by one thread.
static void gan__gemm_region(const gan__gemm_plan *g, gan_real *room, int64_t i_lo, int64_t i_hi,
                             int64_t j_lo, int64_t j_hi)
{
    static const int64_t start[1] = {0};
    const gan__kernels *const k = g->k;
    gan_real *const tile = room, *const dump = tile + GAN__TILE_ROWS * k->tile_n;
    gan_real *const packed = dump + k->tile_n, *const turned = packed + g->packed_size;
    gan__strip s;
    s.runs = 1;
    s.a_run = s.b_run = start;
    for (int64_t jc = j_lo; jc < j_hi; jc += g->cols_block) {
        const int64_t nc = gan__gemm_min(g->cols_block, j_hi - jc);
        for (int64_t dc = 0; dc == 0 || dc < g->depth; dc += g->depth_block) {
            const int64_t depth = gan__gemm_min(g->depth_block, g->depth - dc);
            const int fresh = dc == 0 && !g->add, last = dc + depth >= g->depth;
            if (g->pack) gan__gemm_pack(k, &g->b, jc, nc, dc, depth, packed);
            s.len = depth;
            for (int64_t ic = i_lo; ic < i_hi; ic += GAN__ROWS_BLOCK) {
                const int64_t i_end = gan__gemm_min(ic + GAN__ROWS_BLOCK, i_hi);
                gan__matrix a = {g->a.p + (g->a.along ? ic * g->a.ld + dc : dc * g->a.ld + ic), g->a.ld,
                                 g->a.along};
                if (g->turn) {
                    k->turn(depth, i_end - ic, a.p, a.ld, turned, g->depth_block + 16);
                    a.p = turned;
                    a.ld = g->depth_block + 16;
                    a.along = 1;
                }
                for (int64_t j = 0, width; j < nc; j += width) {
                    width = gan__panel(nc - j, k->lanes);
                    const int n = (int)gan__gemm_min(width, nc - j);
                    s.b = g->b.p + dc * g->b.ld + jc + j;
                    s.b_step = g->b.ld;
                    if (g->pack || n < width) {
                        if (!g->pack && ic == i_lo) gan__gemm_pack(k, &g->b, jc + j, n, dc, depth, packed);
                        s.b = packed + (g->pack ? j * depth : 0);
                        s.b_step = width;
                    }
                    gan__gemm_block(g, &s, a, ic, i_end, jc + j, n, (int)width, tile, dump, fresh, last);
                }
            }
        }
    }
}

static void gan__gemm_task(void *arg, int64_t worker)
{
    const gan__gemm_plan *const g = (const gan__gemm_plan *)arg;
    const int64_t mr = g->k->tile_m, nr = g->k->lanes;
    const int64_t rows = (g->m + mr - 1) / mr, cols = (g->n + nr - 1) / nr;
    for (int64_t b = worker; b < g->grid_m * g->grid_n; b += g->workers) {
        const int64_t bm = b / g->grid_n, bn = b % g->grid_n;
        gan__gemm_region(g, g->room + worker * g->room_size, gan__gemm_cut(rows, g->grid_m, bm) * mr,
                         gan__gemm_min(g->m, gan__gemm_cut(rows, g->grid_m, bm + 1) * mr),
                         gan__gemm_cut(cols, g->grid_n, bn) * nr,
                         gan__gemm_min(g->n, gan__gemm_cut(cols, g->grid_n, bn + 1) * nr));
    }
}

// The split of C over t threads that costs least: each multiplies rows x cols and packs cols (a packed
// element costs about as much as 24 multiply-adds).
static void gan__gemm_grid(gan__gemm_plan *g, int64_t t)
{
    const int64_t mr = g->k->tile_m, nr = g->k->lanes;
    const int64_t rows = (g->m + mr - 1) / mr, cols = (g->n + nr - 1) / nr;
    int64_t best = -1;
    for (int64_t gm = 1; gm <= t && gm <= rows; gm++) {
        const int64_t gn = gan__gemm_min(t / gm, cols);
        const int64_t r = (rows + gm - 1) / gm * mr, c = (cols + gn - 1) / gn * nr,
                      cost = r * c + (g->pack ? 24 * c : 0);
        if (best >= 0 && cost >= best) continue;
        best = cost;
        g->grid_m = gm;
        g->grid_n = gn;
    }
}

// Cycles, roughly, of a product whose vectors run along the n columns of B.
static double gan__gemm_cost(const gan__kernels *k, int64_t m, int64_t n, int64_t depth, const gan__matrix *a,
                             const gan__matrix *b, int swapped)
{
    const double tiles = (double)gan__gemm_round(m, k->tile_m) * (double)gan__gemm_round(n, k->lanes);
    const double ma = (double)m * (double)depth, nb = (double)n * (double)depth;
    return tiles * (double)(depth + 16) / (2 * k->lanes) + (a->along ? 0 : ma * .5) +
           (b->along            ? nb
            : m > 4 * k->tile_m ? nb * .25
                                : 0) +
           (swapped ? (double)m * (double)n * 1.5 : 0);
}

// The product of a (m lines) and b (n lines), without the threads.
static gan__gemm_plan gan__gemm_shape(const gan__kernels *k, const gan__matrix *a, const gan__matrix *b,
                                      int64_t m, int64_t n, int64_t depth, gan_real *c, int64_t ldc)
{
    gan__gemm_plan g;
    memset(&g, 0, sizeof g);
    g.k = k;
    g.swapped = gan__gemm_cost(k, n, m, depth, b, a, 1) < gan__gemm_cost(k, m, n, depth, a, b, 0);
    g.a = g.swapped ? *b : *a;
    g.b = g.swapped ? *a : *b;
    g.m = g.swapped ? n : m;
    g.n = g.swapped ? m : n;
    g.depth = depth;
    g.c = c;
    g.ldc = ldc;
    g.pack = g.b.along || (g.m > 4 * k->tile_m && (g.n * depth > GAN__SMALL || g.b.ld > 512));
    g.turn = !g.a.along && g.n > 2 * k->tile_n;
    // equal depth blocks
    const int64_t steps = (depth + GAN__DEPTH_BLOCK - 1) / GAN__DEPTH_BLOCK;
    g.depth_block = steps ? gan__gemm_round((depth + steps - 1) / steps, 8) : 8;
    const int64_t blocks = g.n / gan__gemm_round(GAN__COLS_BLOCK, k->tile_n) + 1;
    g.cols_block = gan__gemm_round((g.n + blocks - 1) / blocks, k->tile_n);
    g.packed_size = g.depth_block * (g.pack ? g.cols_block : k->tile_n);
    g.room_size = GAN__TILE_ROWS * k->tile_n + k->tile_n + g.packed_size;
    if (g.turn) g.room_size += (g.depth_block + 16) * gan__gemm_min(GAN__ROWS_BLOCK, g.m);
    g.room_size = gan__gemm_round(g.room_size, 16);
    return g;
}

// Few columns (or rows) of C as inner products along the depth: eight of the many lines with one of the few.
typedef struct {
    const gan__kernels *k;
    gan__matrix many, few;
    int64_t lines, fews, depth;
    gan_real *c;
    int64_t many_step, few_step; // in C
    int add;
    gan__epilogue e;
} gan__gemm_inner;

enum { GAN__INNER_LINES = 64, GAN__INNER_FEW = 4 };

static void gan__gemm_inner_task(void *arg, int64_t task)
{
    const gan__gemm_inner *const o = (const gan__gemm_inner *)arg;
    const int64_t end = gan__gemm_min(o->lines, (task + 1) * GAN__INNER_LINES);
    const gan_real *a[8];
    gan_real out[8];
    for (int64_t i = task * GAN__INNER_LINES; i < end; i += 8) {
        const int64_t count = gan__gemm_min(8, end - i);
        for (int64_t q = 0; q < 8; q++) a[q] = o->many.p + (i + gan__gemm_min(q, count - 1)) * o->many.ld;
        for (int64_t f = 0; f < o->fews; f++) {
            o->k->inner(o->depth, a, o->few.p + f * o->few.ld, out);
            for (int64_t q = 0; q < count; q++) {
                gan_real *const c = o->c + (i + q) * o->many_step + f * o->few_step;
                if (o->e.bias) out[q] += o->e.bias[o->few_step == 1 ? f : i + q];
                *c = o->add ? *c + out[q] : out[q];
                gan__gemm_act(o->k, &o->e, 1, c);
            }
        }
    }
}

static int gan__gemm_inner_run(gan_context *ctx, gan__gemm_inner *o)
{
    gan_real *turned = NULL;
    if (!o->few.along && o->depth > 0) {
        turned = (gan_real *)gan__scratch(ctx, (size_t)(o->fews * o->depth) * sizeof(gan_real));
        if (!turned) return 1;
        o->k->turn(o->depth, o->fews, o->few.p, o->few.ld, turned, o->depth);
        o->few.p = turned;
        o->few.ld = o->depth;
    }
    gan__par(ctx, (o->lines + GAN__INNER_LINES - 1) / GAN__INNER_LINES, o->lines * o->fews * o->depth,
             gan__gemm_inner_task, o);
    gan__scratch_free(ctx, turned);
    return 0;
}

// Few rows, or little depth: C row by row over a B that lies row by row. With `across` these are C's columns.
typedef struct {
    const gan__kernels *k;
    gan__matrix a, b;
    int64_t rows, cols, depth, per_row, per_col; // of a task
    gan_real *c, *room;                          // room: rows x cols, for `across`
    int64_t ldc;
    int add, across;
    gan__epilogue e;
} gan__gemm_rows;

enum { GAN__ROWS_FEW = 2, GAN__ROWS_DEPTH = 4, GAN__ROWS_COLS = 2048 };

static void gan__gemm_rows_task(void *arg, int64_t task)
{
    const gan__gemm_rows *const o = (const gan__gemm_rows *)arg;
    const int64_t across = (o->cols + o->per_col - 1) / o->per_col, j = task % across * o->per_col;
    const int64_t n = gan__gemm_min(o->per_col, o->cols - j), first = task / across * o->per_row;
    for (int64_t i = first; i < gan__gemm_min(o->rows, first + o->per_row); i++) {
        const gan_real *const a = o->a.p + i * (o->a.along ? o->a.ld : 1);
        gan_real *const y = o->across ? o->room + i * o->cols + j : o->c + i * o->ldc + j;
        const gan_real *const from = o->across ? NULL : o->add ? y : o->e.bias ? o->e.bias + j : NULL;
        o->k->row(o->depth, n, a, o->a.along ? 1 : o->a.ld, o->b.p + j, o->b.ld, from, y);
        if (!o->across) {
            gan__gemm_act(o->k, &o->e, n, y);
            continue;
        }
        for (int64_t q = 0; q < n; q++) {
            gan_real *const c = o->c + (j + q) * o->ldc + i;
            *c = (o->add ? *c : o->e.bias ? o->e.bias[i] : 0) + y[q];
            gan__gemm_act(o->k, &o->e, 1, c);
        }
    }
}

static int gan__gemm_rows_run(gan_context *ctx, gan__gemm_rows *o)
{
    const int64_t turned = o->b.along ? o->cols * o->depth : 0;
    gan_real *room = NULL;
    if (turned || o->across) {
        room = (gan_real *)gan__scratch(ctx, (size_t)(turned + o->rows * o->cols) * sizeof(gan_real));
        if (!room) return 1;
        o->room = room + turned;
        if (turned) {
            o->k->turn(o->cols, o->depth, o->b.p, o->b.ld, room, o->cols);
            o->b.p = room;
            o->b.ld = o->cols;
        }
    }
    o->per_row = 1 + GAN__GRAIN / o->cols;
    o->per_col = o->cols;
    if (o->rows <= GAN__ROWS_FEW) o->per_col = GAN__ROWS_COLS;
    gan__par(ctx, (o->rows + o->per_row - 1) / o->per_row * ((o->cols + o->per_col - 1) / o->per_col),
             o->rows * o->cols * (o->depth < 4 ? 1 : o->depth / 4), gan__gemm_rows_task, o);
    gan__scratch_free(ctx, room);
    return 0;
}

// C = act(op(A) op(B) + bias[column]), row-major; op is the transpose where ta, tb are set. With `add` C +=
// op(A) op(B), and no epilogue. e may be NULL. 0, or 1 when the scratch memory ran out.
static int gan__gemm(gan_context *ctx, int ta, int tb, int64_t m, int64_t n, int64_t depth, const gan_real *a,
                     int64_t lda, const gan_real *b, int64_t ldb, int add, gan_real *c, int64_t ldc,
                     const gan__epilogue *e)
{
    const gan__matrix ma = {a, lda, !ta}, mb = {b, ldb, tb != 0};
    if (m <= 0 || n <= 0) return 0;
    if ((n <= GAN__INNER_FEW && ma.along) || (m <= GAN__INNER_FEW && mb.along)) {
        const int few_columns = n <= GAN__INNER_FEW && ma.along;
        gan__gemm_inner o = {ctx->k,
                             few_columns ? ma : mb,
                             few_columns ? mb : ma,
                             few_columns ? m : n,
                             few_columns ? n : m,
                             depth,
                             c,
                             few_columns ? ldc : 1,
                             few_columns ? 1 : ldc,
                             add,
                             {NULL, GAN__ACT_NONE, 0}};
        if (e) o.e = *e;
        return gan__gemm_inner_run(ctx, &o);
    }
    if (depth > 0 && (depth <= GAN__ROWS_DEPTH || (m <= GAN__ROWS_FEW && !mb.along) ||
                      (n <= GAN__ROWS_FEW && !ma.along))) {
        const int across = depth > GAN__ROWS_DEPTH && !(m <= GAN__ROWS_FEW && !mb.along);
        gan__gemm_rows o;
        memset(&o, 0, sizeof o);
        o.k = ctx->k;
        o.a = across ? mb : ma;
        o.b = across ? ma : mb;
        o.rows = across ? n : m;
        o.cols = across ? m : n;
        o.depth = depth;
        o.c = c;
        o.ldc = ldc;
        o.add = add;
        o.across = across;
        if (e) o.e = *e;
        return gan__gemm_rows_run(ctx, &o);
    }
    gan__gemm_plan g = gan__gemm_shape(ctx->k, &ma, &mb, m, n, depth, c, ldc);
    g.add = add;
    if (e) g.e = *e;
    // a thread for each 2.5 million products, 20 microseconds or so; an element written counts as 16
    const int64_t threads =
        gan__gemm_min(ctx->threads < 1 ? 1 : ctx->threads, 1 + m * n / 1000 * (depth + 16) / 2500);
    gan__gemm_grid(&g, threads);
    g.workers = gan__gemm_min(threads, g.grid_m * g.grid_n);
    g.room = (gan_real *)gan__scratch(ctx, (size_t)(g.workers * g.room_size) * sizeof(gan_real));
    if (!g.room) return 1;
    gan__par(ctx, g.workers, GAN__MOST(GAN__ALONE, m * n * depth), gan__gemm_task, &g);
    gan__scratch_free(ctx, g.room);
    return 0;
}

// >>conv: 2-D convolution and its two gradients; may use floors 0-3; tests/test_conv.c

// Images are turned to channels-last, a group at a time, into scratch memory. There a window is a few runs of
// consecutive channels, so the micro tile reads pixels where they stand (nothing like im2col is ever made),
// and a gradient of stride s is s x s plain correlations, one a phase, whose results stand side by side.
// Pixels whose windows are cut by the border in the same way share their tiles: no product with a padding
// zero is ever made.

// One axis of a correlation: tap i of position t stands at base + t * stride + i * step, inside when that is
// in 0 .. size - 1. The result goes to out + t * out_step. step is positive.
typedef struct {
    int64_t count, base, stride, taps, step, size, out, out_step;
} gan__conv_axis;

// Position t meets the taps lo <= i < hi.
static void gan__conv_taps(const gan__conv_axis *a, int64_t t, int64_t *lo, int64_t *hi)
{
    const int64_t at = a->base + t * a->stride;
    *hi = at < a->size ? gan__gemm_min(a->taps, (a->size - at + a->step - 1) / a->step) : 0;
    *lo = at < 0 ? gan__gemm_min(*hi, (-at + a->step - 1) / a->step) : 0;
}

// How many positions from t on meet the same taps.
static int64_t gan__conv_alike(const gan__conv_axis *a, int64_t t)
{
    int64_t lo, hi, lo2, hi2, end = t + 1;
    gan__conv_taps(a, t, &lo, &hi);
    for (; end < a->count; end++) {
        gan__conv_taps(a, end, &lo2, &hi2);
        if (lo2 != lo || hi2 != hi) break;
    }
    return end - t;
}

// The positions lo <= t < hi that meet tap i.
static void gan__conv_positions(const gan__conv_axis *a, int64_t i, int64_t *lo, int64_t *hi)
{
    const int64_t at = a->base + i * a->step;
    *hi = at < a->size ? gan__gemm_min(a->count, (a->size - at + a->stride - 1) / a->stride) : 0;
    *lo = at < 0 ? gan__gemm_min(*hi, (-at + a->stride - 1) / a->stride) : 0;
}

// The phase `a` of the input gradient along one axis: the pixels a + stride * t of x, and the taps first,
// first + gap, ... that meet them, in descending order so that they ascend in y.
typedef struct {
    gan__conv_axis axis;
    int64_t first, gap;
} gan__conv_phase;

static gan__conv_phase gan__conv_find_phase(int64_t a, int64_t length, int64_t pad, int64_t kernel,
                                            int64_t stride, int64_t dilation, int64_t out_length)
{
    gan__conv_phase f;
    int64_t back;
    memset(&f, 0, sizeof f);
    f.axis.count = (length - a + stride - 1) / stride;
    f.axis.stride = f.axis.step = f.gap = 1;
    f.axis.size = out_length;
    f.axis.out = a;
    f.axis.out_step = stride;
    while (f.first < kernel && f.first < stride && (a + pad - f.first * dilation) % stride != 0) f.first++;
    if (f.first >= kernel || (a + pad - f.first * dilation) % stride != 0) return f;
    while (f.gap * dilation % stride != 0) f.gap++;
    back = f.gap * dilation / stride;
    f.axis.taps = (kernel - f.first + f.gap - 1) / f.gap;
    f.axis.step = back;
    f.axis.base = (a + pad - f.first * dilation) / stride - (f.axis.taps - 1) * back;
    return f;
}

// Elements of scratch memory: least and most of a group of images there and back, which is to stay in the
// second-level cache, though large weights want many images; and of the images whose sums one weight gradient
// is made of at a time.
#define GAN__CONV_LEAST 131072
#define GAN__CONV_MOST 393216
#define GAN__CONV_IMAGES 4194304
// Elements of both operands that all taps of a weight gradient pass over at a time, so that they stay in the
// first-level cache.
#define GAN__CONV_STEP 8192

// Channels-last images, and the NCHW planes that they come from or go to.
typedef struct {
    const gan__kernels *k;
    const gan__conv *v;
    const gan_real *x, *w;
    gan_real *y;
    gan__epilogue e;
    int64_t from_image, from_h, from_w, from_channels; // x: elements to the next image; the group's channels
    int64_t to_image, to_h, to_w, to_channels, to_pad; // y; to_pad: channels rounded up to whole vectors
    int64_t images, workers;                           // at a time
    gan_real *packed, *room;
    int64_t room_size;
    // one correlation for each phase (forward: a single one)
    int64_t phases_y, phases_x;
    gan__conv_phase *y_phase, *x_phase;
    int forward;
    gan_real *bias; // padded
} gan__conv_job;

// The axis of y along which windows of x are taken.
static gan__conv_axis gan__conv_windows(const gan__conv *v, int down)
{
    gan__conv_axis a;
    a.count = down ? v->oh : v->ow;
    a.base = down ? -v->ph : -v->pw;
    a.stride = down ? v->sh : v->sw;
    a.taps = down ? v->kh : v->kw;
    a.step = down ? v->dh : v->dw;
    a.size = down ? v->h : v->w;
    a.out = 0;
    a.out_step = 1;
    return a;
}

static gan__conv_phase gan__conv_job_axis(const gan__conv_job *o, int down, int64_t a)
{
    const gan__conv *const v = o->v;
    gan__conv_phase f;
    if (!o->forward)
        return down ? gan__conv_find_phase(a, v->h, v->ph, v->kh, v->sh, v->dh, v->oh)
                    : gan__conv_find_phase(a, v->w, v->pw, v->kw, v->sw, v->dw, v->ow);
    f.axis = gan__conv_windows(v, down);
    f.first = 0;
    f.gap = 1;
    return f;
}

// Tap i of the axis in the kernel.
static int64_t gan__conv_tap(const gan__conv_job *o, const gan__conv_phase *f, int64_t i)
{
    return o->forward ? i : f->first + (f->axis.taps - 1 - i) * f->gap;
}

// The weights of all phases as panels: rows (tap, channel of x), columns channels of y. Each task packs a few
// channels of x, so that the cache lines of the weights are read whole.
enum { GAN__CONV_CHANNELS = 8 };
static void gan__conv_job_pack(void *arg, int64_t task)
{
    enum { LANES = 16, TAPS = 64 };
    const gan__conv_job *const o = (const gan__conv_job *)arg;
    const gan__kernels *const k = o->k;
    const int64_t taps = o->v->kh * o->v->kw, ci = o->v->ci / o->v->groups, lanes = k->lanes;
    const int64_t line = o->forward ? ci * taps : taps, step = o->forward ? taps : ci * taps;
    const int64_t end = gan__gemm_min(o->from_channels, (task + 1) * GAN__CONV_CHANNELS);
    gan_real turned[TAPS * LANES];
    for (int64_t j = 0, width; j < o->to_pad; j += width) {
        width = gan__panel(o->to_pad - j, lanes);
        for (int64_t l = 0; l < width; l += lanes) {
            const int64_t count = gan__gemm_min(lanes, o->to_channels - j - l);
            for (int64_t channel = task * GAN__CONV_CHANNELS; channel < end; channel++) {
                const gan_real *const w = o->w + (j + l) * line + channel * step;
                gan_real *panels = o->packed;
                if (o->forward && count == lanes) {
                    k->turn(lanes, taps, w, line, panels + j * taps * o->from_channels + channel * width + l,
                            o->from_channels * width);
                    continue;
                }
                if (taps <= TAPS) k->turn(count, taps, w, line, turned, lanes);
                for (int64_t a = 0; a < o->phases_y; a++)
                    for (int64_t b = 0; b < o->phases_x; b++) {
                        const gan__conv_phase y = gan__conv_job_axis(o, 1, a),
                                              x = gan__conv_job_axis(o, 0, b);
                        const int64_t rows = y.axis.taps * x.axis.taps * o->from_channels;
                        gan_real *dst = panels + j * rows + channel * width + l;
                        for (int64_t i = 0; i < y.axis.taps; i++)
                            for (int64_t q = 0; q < x.axis.taps; q++, dst += o->from_channels * width) {
                                const int64_t tap =
                                    gan__conv_tap(o, &y, i) * o->v->kw + gan__conv_tap(o, &x, q);
                                for (int64_t c = 0; c < lanes; c++)
                                    dst[c] = c >= count     ? 0
                                             : taps <= TAPS ? turned[tap * lanes + c]
                                                            : w[c * line + tap];
                            }
                        panels += rows * o->to_pad;
                    }
            }
        }
    }
}

// The pixels t0 .. t0 + down - 1, u0 .. u0 + across - 1 of all images, all of which meet the same taps, times
// one panel of weights (columns j .., v vectors).
static void gan__conv_job_tiles(const gan__conv_job *o, const gan__conv_axis *y, const gan__conv_axis *x,
                                int64_t t0, int64_t down, int64_t u0, int64_t across, const gan_real *panel,
                                int64_t j, int vectors, const gan_real *from, gan_real *to, int64_t images,
                                gan_real *dump, int64_t *runs)
{
    const gan__kernels *const k = o->k;
    const int64_t c = o->from_channels, width = (int64_t)vectors * k->lanes;
    int64_t ylo, yhi, xlo, xhi, t = t0, u = u0, image = 0, left = images * down * across;
    gan__strip s;
    gan__conv_taps(y, t0, &ylo, &yhi);
    gan__conv_taps(x, u0, &xlo, &xhi);
    const int joined = x->step == 1; // neighbouring taps are neighbours in memory
    s.len = joined ? (xhi - xlo) * c : c;
    s.a_step = 1;
    s.b = panel;
    s.b_step = width;
    s.a_run = runs;
    s.b_run = runs + y->taps * x->taps;
    s.runs = 0;
    for (int64_t i = ylo; i < yhi; i++)
        for (int64_t q = xlo; q < xhi; q += joined ? xhi - xlo : 1) {
            runs[s.runs] = ((i - ylo) * y->step * o->from_w + (q - xlo) * x->step) * c;
            runs[y->taps * x->taps + s.runs++] = (i * x->taps + q) * c * width;
        }
    while (left > 0) {
        for (int q = 0; q < k->tile_m; q++) {
            s.plus[q] = o->bias ? o->bias + j : NULL;
            if (left <= 0) { // the tile has rows to spare
                s.a[q] = s.a[q - 1];
                s.c[q] = dump;
                continue;
            }
            const int64_t row = y->base + t * y->stride + ylo * y->step,
                          col = x->base + u * x->stride + xlo * x->step;
            s.a[q] = s.runs ? from + ((image * o->from_h + row) * o->from_w + col) * c : from;
            s.c[q] = to +
                     ((image * o->to_h + y->out + t * y->out_step) * o->to_w + x->out + u * x->out_step) *
                         o->to_pad +
                     j;
            left--;
            if (++u < u0 + across) continue;
            u = u0;
            if (++t < t0 + down) continue;
            t = t0;
            image++;
        }
        k->gemm[vectors - 1](&s);
    }
}

// A few images: turned, correlated, finished, turned back.
static void gan__conv_job_images(const gan__conv_job *o, int64_t first, int64_t images, gan_real *room)
{
    const gan__kernels *const k = o->k;
    const int64_t pixels = o->from_h * o->from_w, out = o->to_h * o->to_w, c = o->from_channels;
    const int64_t taps = o->v->kh * o->v->kw;
    int64_t *const runs = (int64_t *)(void *)room; // 2 a tap
    gan_real *const dump = room + gan__gemm_round(2 * taps * (int64_t)(sizeof *runs / sizeof *room), 16);
    gan_real *const from = dump + k->tile_n, *const to = from + o->images * pixels * c;
    const gan_real *panels = o->packed;
    for (int64_t i = 0; i < images; i++)
        k->turn(c, pixels, o->x + (first + i) * o->from_image, pixels, from + i * pixels * c, c);
    for (int64_t a = 0; a < o->phases_y; a++)
        for (int64_t b = 0; b < o->phases_x; b++) {
            const gan__conv_phase y = o->y_phase[a], x = o->x_phase[b];
            const int64_t rows = y.axis.taps * x.axis.taps * c;
            for (int64_t j = 0, width; j < o->to_pad; j += width) {
                width = gan__panel(o->to_pad - j, k->lanes);
                for (int64_t t = 0, down; t < y.axis.count; t += down) {
                    down = gan__conv_alike(&y.axis, t);
                    for (int64_t u = 0, across; u < x.axis.count; u += across) {
                        across = gan__conv_alike(&x.axis, u);
                        gan__conv_job_tiles(o, &y.axis, &x.axis, t, down, u, across, panels + j * rows, j,
                                            (int)(width / k->lanes), from, to, images, dump, runs);
                    }
                }
            }
            panels += rows * o->to_pad;
        }
    for (int64_t i = 0; i < images; i++) {
        gan_real *const y = o->y + (first + i) * o->to_image;
        k->turn(out, o->to_channels, to + i * out * o->to_pad, o->to_pad, y, out);
        gan__gemm_act(k, &o->e, out * o->to_channels, y);
    }
}

static void gan__conv_job_task(void *arg, int64_t worker)
{
    const gan__conv_job *const o = (const gan__conv_job *)arg;
    for (int64_t i = worker * o->images; i < o->v->n; i += o->workers * o->images)
        gan__conv_job_images(o, i, gan__gemm_min(o->images, o->v->n - i), o->room + worker * o->room_size);
}

// Everything of o but room, packed and bias is set.
static int gan__conv_job_run(gan_context *ctx, gan__conv_job *o)
{
    const int64_t taps = o->v->kh * o->v->kw;
    const int64_t each = o->from_h * o->from_w * o->from_channels + o->to_h * o->to_w * o->to_pad;
    const int64_t threads = ctx->threads < 1 ? 1 : ctx->threads;
    const int64_t weights = taps * o->from_channels * o->to_pad;
    int64_t room = gan__gemm_min(weights, GAN__CONV_MOST);
    if (room < GAN__CONV_LEAST) room = GAN__CONV_LEAST;
    const int64_t groups = gan__gemm_round((o->v->n + room / each) / (room / each + 1), threads);
    o->images = (o->v->n + groups - 1) / groups; // as many groups for each thread
    o->workers = gan__gemm_min(threads, (o->v->n + o->images - 1) / o->images);
    o->room_size = gan__gemm_round(2 * taps * (int64_t)(sizeof(int64_t) / sizeof(gan_real)), 16) +
                   o->k->tile_n + o->images * each;
    o->room_size = gan__gemm_round(o->room_size, 16);
    const size_t phases = (size_t)(o->phases_y + o->phases_x) * sizeof(gan__conv_phase);
    o->y_phase = (gan__conv_phase *)gan__scratch(
        ctx, phases + (size_t)(weights + o->to_pad + o->workers * o->room_size + 32) * sizeof(gan_real));
    if (!o->y_phase) return 1;
    o->x_phase = o->y_phase + o->phases_y;
    for (int64_t a = 0; a < o->phases_y; a++) o->y_phase[a] = gan__conv_job_axis(o, 1, a);
    for (int64_t b = 0; b < o->phases_x; b++) o->x_phase[b] = gan__conv_job_axis(o, 0, b);
    o->room = (gan_real *)(void *)((char *)o->y_phase + gan__gemm_round((int64_t)phases, 64));
    o->packed = o->room + o->workers * o->room_size;
    o->bias = NULL;
    if (o->e.bias) {
        o->bias = o->packed + weights;
        for (int64_t i = 0; i < o->to_pad; i++) o->bias[i] = i < o->to_channels ? o->e.bias[i] : 0;
    }
    gan__par(ctx, (o->from_channels + GAN__CONV_CHANNELS - 1) / GAN__CONV_CHANNELS, weights * 2,
             gan__conv_job_pack, o);
    gan__par(ctx, o->workers, GAN__MOST(GAN__ALONE, o->v->n * o->v->oh * o->v->ow * weights),
             gan__conv_job_task, o);
    gan__scratch_free(ctx, o->y_phase);
    return 0;
}

// The kernel covers x: y is one pixel, and everything is a plain product.
static int gan__conv_covers(const gan__conv *v)
{
    return v->groups == 1 && v->oh == 1 && v->ow == 1 && !v->ph && !v->pw && v->kh == v->h && v->kw == v->w &&
           (v->dh == 1 || v->kh == 1) && (v->dw == 1 || v->kw == 1);
}

// Few channels of x. The windows as a matrix: lines (channel, tap) of the pixels of a band of rows of y,
// picked from an image with its padding, whose columns stand apart by their place in the stride. Then y = w
// windows comes out in planes and the weight gradient reads g in planes: nothing is turned, and no tile is
// narrow (1.3 to 2 times as fast as channels-last).
typedef struct {
    const gan__kernels *k;
    const gan__conv *v;
    const gan_real *x, *g, *w;
    gan_real *y, *parts;
    gan__epilogue e;
    int64_t ci, co, lines;
    int64_t h, part;           // of the padded image: rows; columns of one place in the stride
    int64_t band, line, image; // rows of y at a time; elements to the next line, to the next image in it
    int64_t images, tasks, workers, cols; // images at a time; of a tile of the weight gradient
    gan_real *room;
    int64_t room_size;
} gan__conv_few;

static int64_t gan__conv_few_padded(const gan__conv_few *o)
{
    return gan__gemm_round(o->ci * o->h * o->v->sw * o->part, 16);
}

// Pixels of the windows at a time: the lines of a tile of the weight gradient stay in the first-level cache.
#define GAN__CONV_WINDOWS 1024

// Everything of o but its pointers to results and its rooms is set here; `images`: at a time, at most.
static void gan__conv_few_open(gan_context *ctx, gan__conv_few *o, const gan__conv *v, int64_t images)
{
    memset(o, 0, sizeof *o);
    o->k = ctx->k;
    o->v = v;
    o->ci = v->ci / v->groups;
    o->co = v->co / v->groups;
    o->lines = o->ci * v->kh * v->kw;
    o->h = (v->oh - 1) * v->sh + (v->kh - 1) * v->dh + 1;
    o->part = v->ow + (v->kw - 1) * v->dw / v->sw;
    const int64_t bands = (v->oh * v->ow + GAN__CONV_WINDOWS - 1) / GAN__CONV_WINDOWS;
    o->band = (v->oh + bands - 1) / bands;
    o->image = gan__gemm_round(o->band * v->ow, 16);
    o->images = gan__gemm_min(images, GAN__CONV_WINDOWS / o->image);
    if (o->images < 1) o->images = 1;
    o->line = (o->images * o->image) | 16; // an odd number of cache lines: no two lines in the same sets
}

// Image i with its padding; what is padding is zero already.
static void gan__conv_few_pad(const gan__conv_few *o, int64_t i, gan_real *padded)
{
    const gan__conv *const v = o->v;
    const int64_t rows = gan__gemm_min(v->h, o->h - v->ph);
    for (int64_t f = 0; f < v->sw; f++) {
        const int64_t lo = f < v->pw ? (v->pw - f + v->sw - 1) / v->sw : 0;
        const int64_t hi = gan__gemm_min(o->part, (v->w + v->pw - f + v->sw - 1) / v->sw);
        for (int64_t c = 0; c < o->ci && lo < hi; c++)
            o->k->pick(rows, hi - lo, o->x + (i * v->ci + c) * v->h * v->w + lo * v->sw + f - v->pw, v->w,
                       v->sw, padded + ((c * o->h + v->ph) * v->sw + f) * o->part + lo, v->sw * o->part);
    }
}

// The windows of rows t .. t + rows - 1, every line filled up with zeros to whole vectors.
static void gan__conv_few_windows(const gan__conv_few *o, const gan_real *padded, int64_t t, int64_t rows,
                                  gan_real *dst)
{
    const gan__conv *const v = o->v;
    const int64_t n = rows * v->ow, end = gan__gemm_round(n, 16);
    for (int64_t c = 0; c < o->ci; c++)
        for (int64_t ky = 0; ky < v->kh; ky++)
            for (int64_t kx = 0; kx < v->kw; kx++, dst += o->line) {
                const int64_t row = c * o->h + t * v->sh + ky * v->dh, col = kx * v->dw;
                o->k->pick(rows, v->ow, padded + (row * v->sw + col % v->sw) * o->part + col / v->sw,
                           v->sh * v->sw * o->part, 1, dst, v->ow);
                for (int64_t i = n; i < end; i++) dst[i] = 0;
            }
}

static void gan__conv_few_task(void *arg, int64_t worker)
{
    const gan__conv_few *const o = (const gan__conv_few *)arg;
    const gan__conv *const v = o->v;
    const gan__kernels *const k = o->k;
    const int64_t plane = v->oh * v->ow, mr = k->tile_m, depth = o->lines + (o->e.bias ? 1 : 0), zero = 0;
    gan_real *const dump = o->room + worker * o->room_size, *const padded = dump + mr * k->tile_n;
    gan_real *const windows = padded + gan__conv_few_padded(o);
    gan__strip s;
    s.a_step = s.runs = 1;
    s.a_run = s.b_run = &zero;
    s.len = depth;
    s.b_step = o->line;
    s.plus[0] = NULL;
    memset(padded, 0, (size_t)(windows - padded) * sizeof *padded);
    for (int64_t i = 0; i < o->line; i++) windows[o->lines * o->line + i] = 1; // the bias' line
    for (int64_t image = worker; image < v->n; image += o->workers) {
        gan_real *const y = o->y + image * v->co * plane;
        gan__conv_few_pad(o, image, padded);
        for (int64_t t = 0; t < v->oh; t += o->band) {
            const int64_t rows = gan__gemm_min(o->band, v->oh - t), n = rows * v->ow;
            gan__conv_few_windows(o, padded, t, rows, windows);
            for (int64_t c = 0; c < o->co; c += mr)
                for (int64_t j = 0, width; j < n; j += width) {
                    width = gan__panel(n - j, k->lanes);
                    const int part = width > n - j; // whole vectors go to dump, and from there
                    s.b = windows + j;
                    gan_real *const to = y + c * plane + t * v->ow + j;
                    const int64_t count = gan__gemm_min(mr, o->co - c);
                    for (int64_t q = 0; q < mr; q++) {
                        s.a[q] = o->w + (q < count ? c + q : c) * depth;
                        s.c[q] = part || q >= count ? dump + q * k->tile_n : to + q * plane;
                    }
                    k->gemm[width / k->lanes - 1](&s);
                    if (part) k->pick(count, n - j, dump, k->tile_n, 1, to, plane);
                }
        }
        gan__gemm_act(k, &o->e, o->co * plane, y);
    }
}

static int gan__conv_few_forward(gan_context *ctx, const gan__conv *v, const gan_real *x, const gan_real *w,
                                 const gan__epilogue *e, gan_real *y)
{
    gan__conv_few o;
    gan__conv_few_open(ctx, &o, v, 1);
    const int64_t depth = o.lines + 1;
    o.workers = gan__gemm_min(v->n, ctx->threads < 1 ? 1 : ctx->threads);
    o.room_size = gan__gemm_round(o.k->tile_m * o.k->tile_n, 16) + gan__conv_few_padded(&o) + depth * o.line;
    o.room =
        (gan_real *)gan__scratch(ctx, (size_t)(o.workers * o.room_size + o.co * depth) * sizeof(gan_real));
    if (!o.room) return 1;
    for (int64_t group = 0; group < v->groups; group++) {
        const gan_real *const from = w + group * o.co * o.lines;
        o.x = x + group * o.ci * v->h * v->w;
        o.y = y + group * o.co * v->oh * v->ow;
        o.w = from;
        if (e) o.e = *e;
        if (e && e->bias) {
            gan_real *const to = o.room + o.workers * o.room_size;
            o.e.bias = e->bias + group * o.co;
            o.k->pick(o.co, o.lines, from, o.lines, 1, to, depth);
            for (int64_t c = 0; c < o.co; c++) to[c * depth + o.lines] = o.e.bias[c];
            o.w = to;
        }
        gan__par(ctx, o.workers, v->n * o.co * v->oh * v->ow * o.lines, gan__conv_few_task, &o);
    }
    gan__scratch_free(ctx, o.room);
    return 0;
}

// The weight gradient's sums over the images of a task, in lanes, then in one number each.
static void gan__conv_few_sums(void *arg, int64_t worker)
{
    const gan__conv_few *const o = (const gan__conv_few *)arg;
    const gan__conv *const v = o->v;
    const gan__kernels *const k = o->k;
    const int64_t plane = v->oh * v->ow, each = (v->n + o->tasks - 1) / o->tasks, lanes = k->lanes;
    const int64_t lines = (o->lines + o->cols - 1) / o->cols * o->cols;
    const int64_t channels = gan__gemm_round(o->co, GAN__DOTS_ROWS);
    gan_real *const padded = o->room + worker * o->room_size;
    gan_real *const windows = padded + gan__conv_few_padded(o);
    gan_real *const sums = windows + o->lines * o->line, *const turned = sums + channels * lines * lanes;
    gan__dots s;
    s.next = lines * lanes;
    s.a_run = v->co * plane;
    s.b_run = o->image;
    memset(padded, 0, (size_t)(windows - padded) * sizeof *padded);
    for (int64_t task = worker; task < o->tasks; task += o->workers) {
        const int64_t end = gan__gemm_min(v->n, (task + 1) * each);
        memset(sums, 0, (size_t)(channels * lines * lanes) * sizeof *sums);
        for (int64_t image = task * each; image < end; image += o->images)
            for (int64_t t = 0; t < v->oh; t += o->band) {
                const int64_t rows = gan__gemm_min(o->band, v->oh - t);
                s.runs = gan__gemm_min(o->images, end - image);
                s.depth = rows * v->ow;
                for (int64_t i = 0; i < s.runs; i++) {
                    if (t == 0) gan__conv_few_pad(o, image + i, padded);
                    gan__conv_few_windows(o, padded, t, rows, windows + i * o->image);
                }
                for (int64_t l = 0; l < lines; l += o->cols) {
                    for (int64_t j = 0; j < o->cols; j++)
                        s.b[j] = windows + gan__gemm_min(l + j, o->lines - 1) * o->line;
                    for (int64_t c = 0; c < channels; c += GAN__DOTS_ROWS) {
                        for (int64_t i = 0; i < GAN__DOTS_ROWS; i++)
                            s.a[i] =
                                o->g + (image * v->co + gan__gemm_min(c + i, o->co - 1)) * plane + t * v->ow;
                        s.sums = sums + (c * lines + l) * lanes;
                        k->dots[o->cols == k->dots_cols](&s);
                    }
                }
            }
        for (int64_t c = 0; c < o->co; c++) {
            k->turn(lines, lanes, sums + c * lines * lanes, lanes, turned, lines);
            k->sum_columns(lanes, lines, o->lines, turned, o->parts + (task * o->co + c) * o->lines);
        }
    }
}

// The images in eight parts for any number of threads, so that the sums are always the same.
static int gan__conv_few_weight(gan_context *ctx, const gan__conv *v, const gan_real *x, const gan_real *g,
                                gan_real *dw)
{
    enum { PARTS = 8 };
    const int64_t threads = ctx->threads < 1 ? 1 : ctx->threads;
    gan__conv_few o;
    const int64_t each = (v->n + PARTS - 1) / PARTS;
    gan__conv_few_open(ctx, &o, v, each);
    o.tasks = (v->n + each - 1) / each;
    o.workers = gan__gemm_min(threads, o.tasks);
    const int64_t most = o.k->dots_cols, less = most - 1;
    o.cols = (o.lines + less - 1) / less * less < (o.lines + most - 1) / most * most ? less : most;
    const int64_t lines = (o.lines + o.cols - 1) / o.cols * o.cols * o.k->lanes;
    o.room_size = gan__conv_few_padded(&o) + o.lines * o.line + lines +
                  gan__gemm_round(gan__gemm_round(o.co, GAN__DOTS_ROWS) * lines, 16);
    o.room_size = gan__gemm_round(o.room_size, 16);
    o.room = (gan_real *)gan__scratch(ctx, (size_t)(o.workers * o.room_size + o.tasks * o.co * o.lines) *
                                               sizeof(gan_real));
    if (!o.room) return 1;
    o.parts = o.room + o.workers * o.room_size;
    for (int64_t group = 0; group < v->groups; group++) {
        o.x = x + group * o.ci * v->h * v->w;
        o.g = g + group * o.co * v->oh * v->ow;
        gan__par(ctx, o.workers, v->n * o.co * v->oh * v->ow * o.lines, gan__conv_few_sums, &o);
        const int64_t n = o.co * o.lines;
        o.k->sum_columns(o.tasks, n, n, o.parts, dw + group * n);
    }
    gan__scratch_free(ctx, o.room);
    return 0;
}

// y = act(x * w + bias), a bias per channel; e may be NULL. Every function of this room: 0, or 1 when the
// scratch memory ran out.
static int gan__conv_forward(gan_context *ctx, const gan__conv *v, const gan_real *x, const gan_real *w,
                             const gan__epilogue *e, gan_real *y)
{
    const int64_t ci = v->ci / v->groups, co = v->co / v->groups, taps = v->kh * v->kw;
    if (v->n <= 0 || v->co <= 0) return 0;
    if (gan__conv_covers(v)) {
        const int64_t depth = ci * taps;
        return gan__gemm(ctx, 0, 1, v->n, co, depth, x, depth, w, depth, 0, y, co, e);
    }
    if (ci < ctx->k->tile_m) return gan__conv_few_forward(ctx, v, x, w, e, y);
    for (int64_t g = 0; g < v->groups; g++) {
        gan__conv_job o;
        memset(&o, 0, sizeof o);
        o.k = ctx->k;
        o.v = v;
        o.forward = 1;
        o.phases_y = o.phases_x = 1;
        o.x = x + g * ci * v->h * v->w;
        o.w = w + g * co * ci * taps;
        o.y = y + g * co * v->oh * v->ow;
        if (e) o.e = *e;
        if (e && e->bias) o.e.bias = e->bias + g * co;
        o.from_image = v->ci * v->h * v->w;
        o.from_h = v->h;
        o.from_w = v->w;
        o.from_channels = ci;
        o.to_image = v->co * v->oh * v->ow;
        o.to_h = v->oh;
        o.to_w = v->ow;
        o.to_channels = co;
        o.to_pad = gan__gemm_round(co, ctx->k->lanes);
        if (gan__conv_job_run(ctx, &o)) return 1;
    }
    return 0;
}

// The other way to the input gradient, for few channels: (taps of a pixel of g) = w^T g as a plain product an
// image, added up where the taps meet dx.
typedef struct {
    const gan__conv *v;
    gan__gemm_plan plan; // of one image
    const gan_real *g;
    gan__epilogue e;
    gan_real *dx, *room;
    int64_t room_size, cols, workers; // a worker's room holds the product's, then the columns
} gan__conv_fold;

static void gan__conv_fold_task(void *arg, int64_t worker)
{
    const gan__conv_fold *const f = (const gan__conv_fold *)arg;
    const gan__conv *const v = f->v;
    const gan__kernels *const k = f->plan.k;
    const int64_t ci = v->ci / v->groups, plane = v->h * v->w, gplane = v->oh * v->ow, taps = v->kh * v->kw;
    gan__gemm_plan plan = f->plan;
    gan_real *const room = f->room + worker * f->room_size, *const cols = room + plan.room_size;
    plan.c = cols;
    for (int64_t n = worker; n < v->n; n += f->workers) {
        gan_real *const dx = f->dx + n * v->ci * plane;
        (plan.swapped ? &plan.a : &plan.b)->p = f->g + n * v->co * gplane;
        gan__gemm_region(&plan, room, 0, plan.m, 0, plan.n);
        for (int64_t c = 0; c < ci; c++)
            k->fold(v, f->e.bias ? f->e.bias[c] : 0, cols + c * taps * gplane, gplane, dx + c * plane);
        gan__gemm_act(k, &f->e, ci * plane, dx);
    }
}

static int gan__conv_input_columns(gan_context *ctx, const gan__conv *v, const gan_real *g, const gan_real *w,
                                   const gan__epilogue *e, gan_real *dx)
{
    const int64_t ci = v->ci / v->groups, co = v->co / v->groups, taps = ci * v->kh * v->kw;
    const int64_t gplane = v->oh * v->ow;
    gan__conv_fold f;
    memset(&f, 0, sizeof f);
    f.v = v;
    f.workers = gan__gemm_min(v->n, ctx->threads < 1 ? 1 : ctx->threads);
    for (int64_t group = 0; group < v->groups; group++) {
        const gan__matrix weight = {w + group * co * taps, taps, 0};
        const gan__matrix grad = {g + group * co * gplane, gplane, 0};
        f.plan = gan__gemm_shape(ctx->k, &weight, &grad, taps, gplane, co, NULL, gplane);
        f.g = grad.p;
        f.dx = dx + group * ci * v->h * v->w;
        if (e) f.e = *e;
        if (e && e->bias) f.e.bias = e->bias + group * ci;
        f.cols = taps * gplane;
        f.room_size = gan__gemm_round(f.plan.room_size + f.cols + 64, 16);
        f.room = (gan_real *)gan__scratch(ctx, (size_t)(f.workers * f.room_size) * sizeof(gan_real));
        if (!f.room) return 1;
        gan__par(ctx, f.workers, v->n * f.cols * co, gan__conv_fold_task, &f);
        gan__scratch_free(ctx, f.room);
    }
    return 0;
}

// dx by phases: for each phase (a, b) of the stride the pixels (a + sh t, b + sw u) of dx are a correlation
// of g, of stride 1, with the taps that meet them.
static int gan__conv_input_phases(gan_context *ctx, const gan__conv *v, const gan_real *g, const gan_real *w,
                                  const gan__epilogue *e, gan_real *dx)
{
    const int64_t ci = v->ci / v->groups, co = v->co / v->groups, taps = v->kh * v->kw, plane = v->h * v->w;
    for (int64_t group = 0; group < v->groups; group++) {
        gan__conv_job o;
        memset(&o, 0, sizeof o);
        o.k = ctx->k;
        o.v = v;
        o.phases_y = gan__gemm_min(v->sh, v->h);
        o.phases_x = gan__gemm_min(v->sw, v->w);
        o.x = g + group * co * v->oh * v->ow;
        o.w = w + group * co * ci * taps;
        o.y = dx + group * ci * plane;
        if (e) o.e = *e;
        if (e && e->bias) o.e.bias = e->bias + group * ci;
        o.from_image = v->co * v->oh * v->ow;
        o.from_h = v->oh;
        o.from_w = v->ow;
        o.from_channels = co;
        o.to_image = v->ci * plane;
        o.to_h = v->h;
        o.to_w = v->w;
        o.to_channels = ci;
        o.to_pad = gan__gemm_round(ci, ctx->k->lanes);
        if (gan__conv_job_run(ctx, &o)) return 1;
    }
    return 0;
}

// dx = act(the gradient of x for the gradient g of y + bias), which is conv_transpose2d. The way is chosen by
// the shape alone, by estimated cycles: phases multiply whole vectors of channels, columns fold each product.
static int gan__conv_input(gan_context *ctx, const gan__conv *v, const gan_real *g, const gan_real *w,
                           const gan__epilogue *e, gan_real *dx)
{
    if (v->n <= 0 || v->ci <= 0 || v->groups <= 0) return 0;
    const int64_t ci = v->ci / v->groups, co = v->co / v->groups, taps = v->kh * v->kw, plane = v->h * v->w;
    const int64_t lanes = ctx->k->lanes;
    if (gan__conv_covers(v)) {
        if (gan__gemm(ctx, 0, 0, v->n, ci * taps, co, g, co, w, ci * taps, 0, dx, ci * taps, NULL)) return 1;
        for (int64_t i = 0; e && i < v->n * ci; i++) {
            gan_real *const y = dx + i * plane;
            if (e->bias)
                gan__isa_map(ctx->k, GAN__MAP_affine, (size_t)plane, y, y, 1, NULL, 0, NULL, 0, 1,
                             e->bias[i % ci]);
            gan__gemm_act(ctx->k, e, plane, y);
        }
        return 0;
    }
    const double products = (double)(v->oh * v->ow) * (double)taps * (double)co / (2. * (double)lanes);
    const double phases = products * (double)gan__gemm_round(ci, lanes);
    const double columns = products * (double)ci + 2. * (double)(v->oh * v->ow) * (double)(taps * ci);
    if (columns < phases) return gan__conv_input_columns(ctx, v, g, w, e, dx);
    return gan__conv_input_phases(ctx, v, g, w, e, dx);
}

// dw: rows (tap, channel of x), columns channels of y, the depth runs over the pixels of y; both operands lie
// ready: x in blocks of tile_m channels, g in panels of channels, both with a pixel's channels side by side.
// (With all channels of a pixel side by side, strides of 2 kB met in the same cache sets: half the speed.) A
// task makes all taps of a block of channels for one panel of columns.
typedef struct {
    const gan__kernels *k;
    const gan__conv *v;
    const gan_real *x, *g;
    gan_real *dw;
    int64_t ci, co, pad; // channels of the group; co rounded up to whole vectors
    gan__conv_axis y, across;
    gan_real *from, *grad, *room; // blocks, panels; of each worker
    int64_t first, images;
    int64_t block, panel, panels, tasks, workers, room_size, chunk, band, runs; // band: rows of y a piece
} gan__conv_dw;

static void gan__conv_dw_turn(void *arg, int64_t i)
{
    const gan__conv_dw *const o = (const gan__conv_dw *)arg;
    const gan__conv *const v = o->v;
    const int64_t pixels = v->h * v->w, plane = v->oh * v->ow, image = o->first + i;
    const gan_real *const x = o->x + image * v->ci * pixels;
    for (int64_t j = 0; j < o->pad; j += o->panel) {
        const int64_t width = gan__gemm_min(o->panel, o->pad - j), count = gan__gemm_min(width, o->co - j);
        gan_real *const grad = o->grad + o->images * plane * j + i * plane * width;
        if (count < width) memset(grad, 0, (size_t)(plane * width) * sizeof *grad);
        o->k->turn(count, plane, o->g + (image * v->co + j) * plane, plane, grad, width);
    }
    for (int64_t c = 0; c < o->ci; c += o->block)
        o->k->turn(gan__gemm_min(o->block, o->ci - c), pixels, x + c * pixels, pixels,
                   o->from + (o->images * c + i * o->block) * pixels, o->block);
}

// All taps of channels c0 .. c0 + block - 1, columns j .. j + width - 1, into sums (tap, channel, column),
// for a few images at a time, or a band of rows of one.
static void gan__conv_dw_sums(const gan__conv_dw *o, int64_t c0, int64_t j, int64_t width, gan_real *sums,
                              int64_t *runs)
{
    const gan__kernels *const k = o->k;
    const gan__conv *const v = o->v;
    const int64_t taps = v->kh * v->kw, most = o->chunk * v->oh, mr = k->tile_m, plane = v->oh * v->ow;
    int64_t tlo, thi, ulo, uhi;
    gan__strip s;
    s.a_step = v->sw * mr;
    s.b_step = width;
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t *a_run = runs + 2 * most * tap, *b_run = a_run + most;
        gan__conv_positions(&o->y, tap / v->kw, &tlo, &thi);
        gan__conv_positions(&o->across, tap % v->kw, &ulo, &uhi);
        const int64_t row = tap / v->kw * v->dh - v->ph, col = tap % v->kw * v->dw - v->pw + ulo * v->sw;
        for (int64_t image = 0; image < o->chunk; image++)
            for (int64_t t = tlo; t < thi; t++) {
                *a_run++ = ((image * v->h + row + t * v->sh) * v->w + col) * mr;
                *b_run++ = (image * plane + t * v->ow + ulo) * width;
            }
    }
    for (int64_t image = 0; image < o->images; image += o->chunk)
        for (int64_t t0 = 0; t0 < v->oh; t0 += o->band) {
            const int64_t now = gan__gemm_min(o->chunk, o->images - image);
            const gan_real *const from = o->from + (o->images * c0 + image * mr) * v->h * v->w;
            s.b = o->grad + (o->images * j + image * width) * plane;
            for (int64_t tap = 0; tap < taps; tap++) {
                gan__conv_positions(&o->y, tap / v->kw, &tlo, &thi);
                gan__conv_positions(&o->across, tap % v->kw, &ulo, &uhi);
                const int64_t skip = t0 > tlo ? gan__gemm_min(t0, thi) - tlo : 0; // rows of earlier bands
                s.a_run = runs + 2 * most * tap + skip;
                s.b_run = s.a_run + most;
                s.len = uhi > ulo ? uhi - ulo : 0;
                s.runs = now * (gan__gemm_min(thi, t0 + o->band) - tlo - skip);
                for (int64_t q = 0; q < mr; q++) {
                    s.a[q] = from + gan__gemm_min(q, o->ci - c0 - 1);
                    s.c[q] = sums + (tap * mr + q) * width;
                    s.plus[q] = image || t0 ? s.c[q] : NULL;
                }
                k->gemm[width / k->lanes - 1](&s);
            }
        }
}

static void gan__conv_dw_task(void *arg, int64_t worker)
{
    const gan__conv_dw *const o = (const gan__conv_dw *)arg;
    const gan__kernels *const k = o->k;
    const int64_t taps = o->v->kh * o->v->kw, filter = o->ci * taps;
    gan_real *const room = o->room + worker * o->room_size;
    int64_t *const runs = (int64_t *)(void *)room;
    gan_real *const sums = room + gan__gemm_round(o->runs * (int64_t)(sizeof *runs / sizeof *room), 16);
    gan_real *const turned = sums + taps * o->block * o->panel;
    for (int64_t task = worker; task < o->tasks; task += o->workers) {
        const int64_t c0 = task / o->panels * o->block, j = task % o->panels * o->panel;
        const int64_t width = gan__gemm_min(o->panel, o->pad - j), count = gan__gemm_min(width, o->co - j);
        gan__conv_dw_sums(o, c0, j, width, sums, runs);
        for (int64_t c = c0; c < gan__gemm_min(c0 + o->block, o->ci); c++) {
            gan_real *const dw = o->dw + j * filter + c * taps;
            const gan_real *const of = sums + (c - c0) * width;
            if (o->first == 0) {
                k->turn(taps, count, of, o->block * width, dw, filter);
                continue;
            }
            k->turn(taps, count, of, o->block * width, turned, taps);
            for (int64_t q = 0; q < count; q++)
                for (int64_t i = 0; i < taps; i++) dw[q * filter + i] += turned[q * taps + i];
        }
    }
}

// dw = the gradient of w for the gradient g of y.
static int gan__conv_weight(gan_context *ctx, const gan__conv *v, const gan_real *x, const gan_real *g,
                            gan_real *dw)
{
    const int64_t ci = v->ci / v->groups, co = v->co / v->groups, taps = v->kh * v->kw, plane = v->oh * v->ow;
    const int64_t threads = ctx->threads < 1 ? 1 : ctx->threads, mr = ctx->k->tile_m, lanes = ctx->k->lanes;
    if (v->n > 0 && gan__conv_covers(v))
        return gan__gemm(ctx, 1, 0, co, ci * taps, v->n, g, co, x, ci * taps, 0, dw, ci * taps, NULL);
    if (v->n <= 0) memset(dw, 0, (size_t)(v->co * ci * taps) * sizeof *dw);
    else if (ci < mr) return gan__conv_few_weight(ctx, v, x, g, dw);
    for (int64_t group = 0; group < v->groups && v->n > 0; group++) {
        gan__conv_dw o;
        memset(&o, 0, sizeof o);
        o.k = ctx->k;
        o.v = v;
        o.x = x + group * ci * v->h * v->w;
        o.g = g + group * co * plane;
        o.dw = dw + group * co * ci * taps;
        o.ci = ci;
        o.co = co;
        o.pad = gan__gemm_round(co, lanes);
        o.y = gan__conv_windows(v, 1);
        o.across = gan__conv_windows(v, 0);
        o.block = mr;
        const int64_t each = v->h * v->w * gan__gemm_round(ci, o.block) + plane * o.pad,
                      most = GAN__CONV_IMAGES / each + 1;
        o.panel = gan__panel(o.pad, lanes);
        o.panels = (o.pad + o.panel - 1) / o.panel;
        o.tasks = (ci + o.block - 1) / o.block * o.panels;
        o.workers = gan__gemm_min(threads, o.tasks);
        o.images = gan__gemm_min(most, v->n);
        const int64_t piece = v->h * v->w * o.block + plane * o.panel;
        o.chunk = gan__gemm_min(o.images, GAN__CONV_STEP / piece + 1);
        o.band = o.chunk > 1 ? v->oh : (v->oh * GAN__CONV_STEP + piece - 1) / piece;
        o.runs = taps * 2 * o.chunk * v->oh;
        o.room_size = gan__gemm_round(o.runs * (int64_t)(sizeof(int64_t) / sizeof(gan_real)), 16) +
                      taps * (mr + 1) * o.panel;
        o.room_size = gan__gemm_round(o.room_size, 16);
        o.room = (gan_real *)gan__scratch(ctx, (size_t)(o.images * each + o.workers * o.room_size) *
                                                   sizeof(gan_real));
        if (!o.room) return 1;
        o.from = o.room + o.workers * o.room_size;
        o.grad = o.from + o.images * v->h * v->w * gan__gemm_round(ci, o.block);
        for (; o.first < v->n; o.first += most) {
            o.images = gan__gemm_min(most, v->n - o.first);
            gan__par(ctx, o.images, o.images * each, gan__conv_dw_turn, &o);
            gan__par(ctx, o.workers, GAN__MOST(GAN__ALONE, o.images * plane * co * ci * taps),
                     gan__conv_dw_task, &o);
        }
        gan__scratch_free(ctx, o.room);
    }
    return 0;
}

// >>tensor: shapes, broadcasting, strided copies, reading; may use floors 0-3; tests/test_tensor.c

static int gan__is_poison(const gan_tensor *t) { return !t || t == t->ctx->poison; }

// Tensor structs come from slabs that are never used for anything else and are reused oldest first: a handle
// that is kept past its step is mostly recognised (gan__inputs, gan__readable) and never leads outside these
// slabs.
static gan_tensor *gan__struct_new(gan_context *ctx)
{
    enum { SLAB = 16 };
    gan_tensor *t = ctx->pool;
    int i;
    if (!t) {
        t = (gan_tensor *)gan__persist(ctx, SLAB * sizeof *t);
        if (!t) return NULL;
        for (i = 0; i < SLAB; ++i) {
            t[i].ctx = ctx;
            t[i].older = i + 1 < SLAB ? &t[i + 1] : NULL;
        }
        ctx->pool = t;
        ctx->pool_end = &t[SLAB - 1];
    }
    ctx->pool = t->older;
    if (!ctx->pool) ctx->pool_end = NULL;
    memset(t, 0, sizeof *t);
    t->ctx = ctx;
    t->alive = 1;
    return t;
}

static void gan__struct_free(gan_context *ctx, gan_tensor *t)
{
    t->alive = 0;
    t->older = t->newer = NULL;
    if (ctx->pool_end) ctx->pool_end->older = t;
    else ctx->pool = t;
    ctx->pool_end = t;
}

static void gan__list_add(gan_context *ctx, gan_tensor *t)
{
    t->older = ctx->last;
    t->newer = NULL;
    t->born = ctx->born;
    if (ctx->last) ctx->last->newer = t;
    ctx->last = t;
}

// A step tensor with a shape and no values yet.
static gan_tensor *gan__shaped(gan_context *ctx, int ndim, const int *dim)
{
    gan_tensor *t;
    size_t n;
    int i;
    if (ndim < 0 || ndim > GAN_MAX_DIMS)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "a tensor of %d dimensions: 0 to %d are possible", ndim,
                         (int)GAN_MAX_DIMS);
    if (gan__count(ndim, dim, &n) || n > (size_t)-1 / sizeof(gan_real))
        return gan__fail(ctx, GAN_ERROR_SHAPE, "shape %h has a negative dimension or too many elements", ndim,
                         dim);
    t = gan__struct_new(ctx);
    if (!t) return ctx->poison;
    t->size = n;
    t->ndim = ndim;
    for (i = 0; i < ndim; ++i) t->dim[i] = dim[i];
    return t;
}

static gan_tensor *gan__tensor_new(gan_context *ctx, int ndim, const int *dim)
{
    gan_tensor *t = gan__shaped(ctx, ndim, dim);
    if (t == ctx->poison) return t;
    t->block = gan__block_new(ctx, t->size * sizeof(gan_real));
    if (!t->block) {
        gan__struct_free(ctx, t);
        return gan__fail_memory(ctx, t->size * sizeof(gan_real));
    }
    t->data = (gan_real *)gan__block_data(t->block);
    gan__list_add(ctx, t);
    return t;
}

// Another shape for the same values.
static gan_tensor *gan__view(gan_tensor *x, int ndim, const int *dim)
{
    gan_tensor *t = gan__shaped(x->ctx, ndim, dim);
    if (t == x->ctx->poison) return t;
    t->data = x->data;
    t->block = x->block;
    if (t->block) t->block->refs++;
    gan__list_add(x->ctx, t);
    return t;
}

// A tensor struct over values that live for ever.
static gan_tensor *gan__tensor_over(gan_context *ctx, gan_real *data, int ndim, const int *dim)
{
    gan_tensor *t = gan__shaped(ctx, ndim, dim);
    if (t != ctx->poison) t->data = data;
    return t;
}

// Gives a step tensor back before its scope ends.
static void gan__tensor_free(gan_tensor *t)
{
    gan_context *ctx = t->ctx;
    if (t == ctx->waiting) ctx->waiting = NULL;
    ctx->lent -= t->lent != 0;
    if (t == ctx->mark) ctx->mark = t->older;
    if (t->newer) t->newer->older = t->older;
    else ctx->last = t->older;
    if (t->older) t->older->newer = t->newer;
    if (t->block && --t->block->refs == 0) gan__block_free(ctx, t->block);
    if (t->in && t->in != t->inline_in) gan__scratch_free(ctx, t->in);
    gan__struct_free(ctx, t);
}

// Gives back the step tensors newer than `mark`, but for one.
static void gan__free_newer(gan_context *ctx, const gan_tensor *mark, const gan_tensor *but)
{
    gan_tensor *t, *older;
    for (t = ctx->last; t && t != mark; t = older) {
        older = t->older;
        if (t != but) gan__tensor_free(t);
    }
}

// All step tensors newer than `mark` die; their memory is released by the scope.
static void gan__list_release(gan_context *ctx, gan_tensor *mark)
{
    gan_tensor *t = ctx->last, *older;
    ctx->waiting = NULL;
    for (; t != mark; t = older) {
        older = t->older;
        ctx->lent -= t->lent != 0;
        gan__struct_free(ctx, t);
    }
    ctx->last = mark;
    if (mark) mark->newer = NULL;
}

static void gan__step_release(gan_context *ctx)
{
    gan__list_release(ctx, ctx->scope[0].last);
    gan__mark_release(ctx, &ctx->scope[0]);
}

// Fusion. Inside gan_forward linear, the convolutions and the scaling after a norm define their result
// (gan__later) and leave it waiting. If the next call is an activation of it (gan__activate), both are made
// in one pass and what came before the activation is never stored; any other call makes it first. Should it
// be looked at after all it is made again from its inputs. There is one door to values: gan__inputs for
// operations, gan__readable for the user; both make what is not stored.

// A step tensor whose values are made by `make` when they are needed.
static gan_tensor *gan__unmade(gan_context *ctx, int ndim, const int *dim, gan__make_fn *make)
{
    gan_tensor *t = gan__shaped(ctx, ndim, dim);
    if (t == ctx->poison) return t;
    gan__list_add(ctx, t);
    t->make = make;
    t->depth = ctx->depth;
    t->weights = ctx->weights;
    return t;
}

// The values of t, if they are not there. 1 on error.
static int gan__made(gan_tensor *t)
{
    gan_context *ctx = t->ctx;
    if (t->data || !t->make) return 0;
    if (t == ctx->waiting) ctx->waiting = NULL;
    if (t->weights != ctx->weights) {
        gan__fail(ctx, GAN_ERROR_STATE,
                  "%o, %t: its values were used by the activation alone and not stored, and weights changed "
                  "since; read them before the update, or gan_keep them",
                  t->op, t);
        return 1;
    }
    t->block = gan__block_new(ctx, t->size * sizeof(gan_real));
    if (!t->block) {
        gan__fail_memory(ctx, t->size * sizeof(gan_real));
        return 1;
    }
    t->data = (gan_real *)gan__block_data(t->block);
    t->lent = ctx->depth > t->depth ? ctx->depth : 0;
    ctx->lent += t->lent != 0;
    return t->make(t, t->data, GAN__ACT_NONE, 0);
}

static int gan__settle(gan_context *ctx) { return ctx->waiting ? gan__made(ctx->waiting) : 0; }

// Values that were made in the innermost scope for tensors of outer ones end with it.
static void gan__take_back(gan_context *ctx)
{
    gan_tensor *t;
    if (!ctx->lent) return;
    for (t = ctx->last; t; t = t->older)
        if (t->lent == ctx->depth) {
            t->data = NULL;
            t->block = NULL;
            t->lent = 0;
            ctx->lent--;
        }
}

// Whether every input can be used. If so their context is returned, and their values are there; else NULL,
// with what the caller shall return in *out.
static gan_context *gan__inputs(gan_op op, int n, gan_tensor *const *in, gan_tensor **out)
{
    gan_context *ctx = NULL;
    int i;
    for (i = 0; i < n && !ctx; ++i) ctx = in[i] ? in[i]->ctx : NULL;
    *out = ctx ? ctx->poison : NULL;
    if (!ctx) return NULL;
    for (i = 0; i < n; ++i) {
        if (!in[i]) {
            gan__fail(ctx, GAN_ERROR_ARGUMENT, "%o: input %d is NULL", op, i + 1);
            return NULL;
        }
        if (in[i]->ctx != ctx) {
            gan__fail(ctx, GAN_ERROR_ARGUMENT, "%o: inputs of two contexts cannot be mixed", op);
            return NULL;
        }
    }
    for (i = 0; i < n; ++i) {
        if (in[i] == ctx->poison) { // a no-op, unless the error was cleared in between
            gan__fail(ctx, GAN_ERROR_STATE, "%o: input %d comes from a call that failed", op, i + 1);
            return NULL;
        }
        if (!in[i]->alive) {
            gan__fail(ctx, GAN_ERROR_STATE,
                      "%o: input %d was released with its step; keep it with gan_keep, or open a scope "
                      "around its use",
                      op, i + 1);
            return NULL;
        }
    }
    if (gan__settle(ctx)) return NULL;
    for (i = 0; i < n; ++i)
        if (gan__made(in[i])) return NULL;
    return ctx;
}

// The shape that a, b (and c) broadcast to, as in NumPy; 1 and an error when they do not.
static int gan__broadcast(gan_op op, int n, gan_tensor *const *in, int *ndim, int *dim)
{
    int i, k;
    *ndim = 0;
    for (k = 0; k < n; ++k) *ndim = GAN__MOST(*ndim, in[k]->ndim);
    for (i = 0; i < *ndim; ++i) dim[i] = 1;
    for (k = 0; k < n; ++k) {
        for (i = 0; i < in[k]->ndim; ++i) {
            int *d = &dim[*ndim - in[k]->ndim + i];
            const int e = in[k]->dim[i];
            if (*d == e || e == 1) continue;
            if (*d != 1) {
                gan__fail(
                    in[0]->ctx, GAN_ERROR_SHAPE,
                    "%o: shapes %t and %t do not broadcast; counted from the right, sizes must be equal or 1",
                    op, in[0], in[k]);
                return 1;
            }
            *d = e;
        }
    }
    return 0;
}

// Up to three inputs walked together with an output: dimensions joined wherever all of them allow it, sizes
// of 1 dropped.
typedef struct gan__walk {
    int ndim;
    int64_t dim[GAN_MAX_DIMS], stride[3][GAN_MAX_DIMS]; // in elements; 0 where broadcast
} gan__walk;

static void gan__walk_make(gan__walk *w, int ndim, const int *dim, int n, gan_tensor *const *in)
{
    int i, k, joined;
    int64_t step[3] = {1, 1, 1}, stride[3];
    w->ndim = 0;
    for (i = ndim - 1; i >= 0; --i) { // innermost first; reversed below
        for (k = 0; k < 3; ++k) {
            const int at = k < n ? i - (ndim - in[k]->ndim) : -1;
            const int64_t d = at >= 0 ? in[k]->dim[at] : 1;
            stride[k] = d == 1 ? 0 : step[k];
            step[k] *= d;
        }
        if (dim[i] == 1) continue;
        joined = w->ndim > 0;
        for (k = 0; k < n && joined; ++k)
            joined = stride[k] == w->stride[k][w->ndim - 1] * w->dim[w->ndim - 1];
        if (joined) {
            w->dim[w->ndim - 1] *= dim[i];
            continue;
        }
        w->dim[w->ndim] = dim[i];
        for (k = 0; k < 3; ++k) w->stride[k][w->ndim] = stride[k];
        w->ndim++;
    }
    if (!w->ndim) {
        w->ndim = 1;
        w->dim[0] = 1;
        for (k = 0; k < 3; ++k) w->stride[k][0] = 0;
    }
}

typedef struct gan__map_job {
    const gan__kernels *kernels;
    int map;
    gan__walk w; // dimension 0 is the innermost
    gan_real *y;
    const gan_real *x[3];
    gan_real p, q;
    int64_t rows,
        per; // rows of the innermost dimension, and how many a task does; or, with one row, its piece
} gan__map_job;

static void gan__map_task(void *arg, int64_t index)
{
    const gan__map_job *j = (const gan__map_job *)arg;
    const int64_t n = j->w.dim[0];
    int64_t row, at[3] = {0, 0, 0}, r;
    size_t s[3];
    int k, d;
    for (k = 0; k < 3; ++k) s[k] = (size_t)j->w.stride[k][0];
    if (j->rows == 1) {
        const int64_t from = index * j->per, count = GAN__LEAST(j->per, n - from);
        const gan_real *x[3];
        for (k = 0; k < 3; ++k) x[k] = j->x[k] ? j->x[k] + from * (int64_t)s[k] : NULL;
        gan__isa_map(j->kernels, j->map, (size_t)count, j->y + from, x[0], s[0], x[1], s[1], x[2], s[2], j->p,
                     j->q);
        return;
    }
    for (row = index * j->per; row < GAN__LEAST(j->rows, (index + 1) * j->per); ++row) {
        at[0] = at[1] = at[2] = 0;
        for (r = row, d = 1; d < j->w.ndim; ++d) {
            const int64_t c = r % j->w.dim[d];
            r /= j->w.dim[d];
            for (k = 0; k < 3; ++k) at[k] += c * j->w.stride[k][d];
        }
        gan__isa_map(j->kernels, j->map, (size_t)n, j->y + row * n, j->x[0] + at[0], s[0],
                     j->x[1] ? j->x[1] + at[1] : NULL, s[1], j->x[2] ? j->x[2] + at[2] : NULL, s[2], j->p,
                     j->q);
    }
}

// y = fn(in...) over the broadcast shape of y.
static void gan__map(gan_context *ctx, int map, gan_tensor *y, int n, gan_tensor *const *in, gan_real p,
                     gan_real q)
{
    gan__map_job j;
    int64_t tasks, total = (int64_t)y->size;
    int k;
    if (!total) return;
    j.kernels = ctx->k;
    j.map = map;
    j.y = y->data;
    j.p = p;
    j.q = q;
    for (k = 0; k < 3; ++k) j.x[k] = k < n ? in[k]->data : NULL;
    gan__walk_make(&j.w, y->ndim, y->dim, n, in);
    j.rows = total / j.w.dim[0];
    if (j.rows == 1) {
        j.per = GAN__GRAIN;
        tasks = (total + j.per - 1) / j.per;
    } else {
        j.per = GAN__MOST(1, GAN__GRAIN / j.w.dim[0]);
        tasks = (j.rows + j.per - 1) / j.per;
    }
    gan__par(ctx, tasks, total, gan__map_task, &j);
}

typedef struct gan__copy_job {
    int ndim; // dimension 0 is the innermost
    int64_t dim[GAN_MAX_DIMS], from[GAN_MAX_DIMS], to[GAN_MAX_DIMS], rows, per;
    const gan_real *x;
    gan_real *y;
} gan__copy_job;

static void gan__copy_task(void *arg, int64_t index)
{
    const gan__copy_job *j = (const gan__copy_job *)arg;
    const int64_t n = j->dim[0], sx = j->from[0], sy = j->to[0];
    int64_t row, r, i;
    int d;
    for (row = index * j->per; row < GAN__LEAST(j->rows, (index + 1) * j->per); ++row) {
        const gan_real *x = j->x;
        gan_real *y = j->y;
        for (r = row, d = 1; d < j->ndim; ++d) {
            const int64_t c = r % j->dim[d];
            r /= j->dim[d];
            x += c * j->from[d];
            y += c * j->to[d];
        }
        if (sx == 1 && sy == 1) memcpy(y, x, (size_t)n * sizeof *y);
        else
            for (i = 0; i < n; ++i) y[i * sy] = x[i * sx];
    }
}

// Copies a box of the given shape (outermost first) between two strided places. What permute, slice, pad,
// concat and expand are.
static void gan__copy(gan_context *ctx, int ndim, const int *dim, const gan_real *x, const int64_t *from,
                      gan_real *y, const int64_t *to)
{
    gan__copy_job j;
    int64_t total = 1;
    int i;
    j.ndim = 0;
    j.x = x;
    j.y = y;
    for (i = ndim - 1; i >= 0; --i) {
        const int last = j.ndim - 1;
        total *= dim[i];
        if (dim[i] == 1) continue;
        if (j.ndim && from[i] == j.from[last] * j.dim[last] && to[i] == j.to[last] * j.dim[last]) {
            j.dim[last] *= dim[i];
            continue;
        }
        j.dim[j.ndim] = dim[i];
        j.from[j.ndim] = from[i];
        j.to[j.ndim] = to[i];
        j.ndim++;
    }
    if (!total) return;
    if (!j.ndim) {
        j.ndim = 1;
        j.dim[0] = 1;
        j.from[0] = j.to[0] = 0;
    }
    j.rows = total / j.dim[0];
    j.per = GAN__MOST(1, GAN__GRAIN / j.dim[0]);
    gan__par(ctx, (j.rows + j.per - 1) / j.per, total, gan__copy_task, &j);
}

static void gan__strides(int ndim, const int *dim, int64_t *stride)
{
    uint64_t s = 1; // may wrap in an empty tensor, where no stride is used
    int i;
    for (i = ndim - 1; i >= 0; --i) {
        stride[i] = (int64_t)s;
        s *= (uint64_t)dim[i];
    }
}

typedef struct gan__sum_job {
    const struct gan__kernels *k;
    const gan_real *x;
    gan_real *y;
    int64_t a, r, b, pieces, per, columns;
} gan__sum_job;

// Pieces of the reduced axis: y[a][piece][b] = sum over the piece of x[a][r][b].
static void gan__sum_rows(void *arg, int64_t index)
{
    const gan__sum_job *j = (const gan__sum_job *)arg;
    int64_t i;
    for (i = index * j->columns; i < GAN__LEAST(j->a * j->pieces, (index + 1) * j->columns); ++i) {
        const int64_t a = i / j->pieces, from = i % j->pieces * j->per;
        j->y[i] = j->k->sum((size_t)GAN__LEAST(j->per, j->r - from), j->x + a * j->r + from);
    }
}

static void gan__sum_columns(void *arg, int64_t index)
{
    const gan__sum_job *j = (const gan__sum_job *)arg;
    const int64_t blocks = (j->b + j->columns - 1) / j->columns;
    const int64_t at = index % blocks * j->columns, row = index / blocks;
    const int64_t a = row / j->pieces, from = row % j->pieces * j->per, n = GAN__LEAST(j->columns, j->b - at);
    const int64_t end = GAN__LEAST(j->r, from + j->per);
    j->k->sum_columns(end - from, j->b, n, j->x + (a * j->r + from) * j->b + at, j->y + row * j->b + at);
}

// y[a][b] = sum_r x[a][r][b], in pieces whose number depends on the shape only, the partial sums then summed
// alike. 1: no memory.
static int gan__reduce(gan_context *ctx, int64_t a, int64_t r, int64_t b, const gan_real *x, gan_real *y)
{
    gan__sum_job j;
    gan_real *partial = NULL, *old = NULL;
    int64_t i;
    if (!r) {
        for (i = 0; i < a * b; ++i) y[i] = 0;
        return 0;
    }
    if (a == 0 || b == 0) return 0;
    j.k = ctx->k;
    j.a = a;
    j.b = b;
    j.x = x;
    j.r = r;
    for (;;) {
        j.per = b == 1 ? GAN__GRAIN : GAN__MOST(32, GAN__GRAIN / b);
        j.pieces = (j.r + j.per - 1) / j.per;
        j.y = y;
        if (j.pieces > 1) {
            partial = (gan_real *)gan__scratch(ctx, (size_t)(a * j.pieces * b) * sizeof *y);
            if (!partial) {
                gan__scratch_free(ctx, old);
                return 1;
            }
            j.y = partial;
        }
        if (b == 1) {
            j.columns = GAN__MOST(1, GAN__GRAIN / GAN__LEAST(j.per, j.r));
            gan__par(ctx, (a * j.pieces + j.columns - 1) / j.columns, a * j.r, gan__sum_rows, &j);
        } else {
            j.columns = GAN__GRAIN / 8;
            gan__par(ctx, a * j.pieces * ((b + j.columns - 1) / j.columns), a * j.r * b, gan__sum_columns,
                     &j);
        }
        gan__scratch_free(ctx, old);
        if (j.pieces == 1) return 0;
        old = partial;
        j.x = partial;
        j.r = j.pieces;
    }
}

static gan_context *gan__live_context(gan_context *ctx, const char *name, int ndim)
{
    if (!ctx) return NULL;
    if (ndim < 0 || ndim > GAN_MAX_DIMS) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: %d dimensions; 0 to %d are possible", name, ndim,
                  (int)GAN_MAX_DIMS);
        return NULL;
    }
    return ctx;
}

// Reads a variadic shape into dim.
#define GAN__SHAPE(ndim, dim)                                                                                \
    do {                                                                                                     \
        va_list args;                                                                                        \
        int at;                                                                                              \
        va_start(args, ndim);                                                                                \
        for (at = 0; at < (ndim); ++at) (dim)[at] = va_arg(args, int);                                       \
        va_end(args);                                                                                        \
    } while (0)

GAN_API gan_tensor *gan_tensor_create(gan_context *ctx, int ndim, const int *dims)
{
    gan_tensor *t;
    if (!gan__live_context(ctx, "gan_tensor_create", ndim)) return ctx ? ctx->poison : NULL;
    if (ndim && !dims) return gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_tensor_create: dims is NULL");
    t = gan__tensor_new(ctx, ndim, dims);
    if (!gan__is_poison(t) && t->size) memset(t->data, 0, t->size * sizeof *t->data);
    return t;
}

GAN_API gan_tensor *gan_zeros(gan_context *ctx, int ndim, ...)
{
    int dim[GAN_MAX_DIMS];
    if (!gan__live_context(ctx, "gan_zeros", ndim)) return ctx ? ctx->poison : NULL;
    GAN__SHAPE(ndim, dim);
    return gan_tensor_create(ctx, ndim, dim);
}

static gan_tensor *gan__full(gan_context *ctx, gan_real value, int ndim, const int *dim)
{
    gan_tensor *t = gan__tensor_new(ctx, ndim, dim);
    size_t i;
    if (!gan__is_poison(t))
        for (i = 0; i < t->size; ++i) t->data[i] = value;
    return t;
}

GAN_API gan_tensor *gan_full(gan_context *ctx, gan_real value, int ndim, ...)
{
    int dim[GAN_MAX_DIMS];
    if (!gan__live_context(ctx, "gan_full", ndim)) return ctx ? ctx->poison : NULL;
    GAN__SHAPE(ndim, dim);
    return gan__full(ctx, value, ndim, dim);
}

GAN_API gan_tensor *gan_scalar(gan_context *ctx, gan_real value)
{
    return ctx ? gan__full(ctx, value, 0, NULL) : NULL;
}

GAN_API gan_tensor *gan_linspace(gan_context *ctx, gan_real first, gan_real last, int n)
{
    gan_tensor *t;
    int i;
    if (!ctx) return NULL;
    t = gan__tensor_new(ctx, 1, &n);
    if (!gan__is_poison(t))
        for (i = 0; i < n; ++i)
            t->data[i] =
                n == 1 ? first : (gan_real)(first + (last - first) * ((gan_real)i / (gan_real)(n - 1)));
    return t;
}

GAN_API gan_tensor *gan_from(gan_context *ctx, const gan_real *data, int ndim, ...)
{
    gan_tensor *t;
    int dim[GAN_MAX_DIMS];
    if (!gan__live_context(ctx, "gan_from", ndim)) return ctx ? ctx->poison : NULL;
    GAN__SHAPE(ndim, dim);
    if (!data) return gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_from: data is NULL");
    t = gan__tensor_new(ctx, ndim, dim);
    if (!gan__is_poison(t)) memcpy(t->data, data, t->size * sizeof *data);
    return t;
}

typedef struct gan__draw_job {
    const gan__kernels *k;
    gan__rng rng;
    gan_real *out, p, q;
    size_t n;
    int normal;
} gan__draw_job;

// A grain. A kernel counts in 32 bits, so it is called twice where these overflow.
static void gan__draw_task(void *arg, int64_t i)
{
    const gan__draw_job *j = (const gan__draw_job *)arg;
    const size_t grain = (size_t)GAN__GRAIN;
    size_t at = (size_t)i * grain, end = GAN__LEAST(j->n, at + grain), n;
    gan__rng r = j->rng;
    for (r.counter += at / 4; at < end; at += n, r.counter += n / 4) {
        const uint64_t blocks = (UINT64_C(1) << 32) - (uint32_t)r.counter;
        n = blocks < grain ? GAN__LEAST(end - at, (size_t)blocks * 4) : end - at;
        if (j->normal) j->k->normal(n, j->out + at, &r, j->p, j->q);
        else j->k->uniform(n, j->out + at, &r, (int32_t)j->p, j->q);
    }
}

// The next n draws of r, which any number of threads share by their counters. Uniform: q (u - p), where u is
// 0 .. 2^24 - 1, all of it exact but the product. Normal: mean p, standard deviation q.
static void gan__draw(gan_context *ctx, gan__rng *r, int normal, gan_real *out, size_t n, gan_real p,
                      gan_real q)
{
    gan__draw_job j;
    j.k = ctx->k;
    j.rng = *r;
    j.out = out;
    j.p = p;
    j.q = q;
    j.n = n;
    j.normal = normal;
    gan__par(ctx, ((int64_t)n + GAN__GRAIN - 1) / GAN__GRAIN, (int64_t)n, gan__draw_task, &j);
    r->counter += n / 4 + (n % 4 > 0);
}

static void gan__draw_normal(gan_context *ctx, gan__rng *r, gan_real *out, size_t n)
{
    gan__draw(ctx, r, 1, out, n, 0, 1);
}

static void gan__draw_uniform(gan_context *ctx, gan__rng *r, gan_real *out, size_t n) // [0, 1)
{
    gan__draw(ctx, r, 0, out, n, 0, (gan_real)(1.0 / 16777216));
}

static void gan__draw_between(gan_context *ctx, gan__rng *r, gan_real *out, size_t n, double lo, double hi)
{
    const gan_real middle = (gan_real)((lo + hi) / 2);
    size_t i;
    gan__draw(ctx, r, 0, out, n, 8388608, (gan_real)((hi - lo) / 16777216));
    for (i = 0; middle != 0 && i < n; ++i) out[i] += middle;
}

GAN_API gan_tensor *gan_rand_uniform(gan_context *ctx, int ndim, ...)
{
    gan_tensor *t;
    int dim[GAN_MAX_DIMS];
    if (!gan__live_context(ctx, "gan_rand_uniform", ndim)) return ctx ? ctx->poison : NULL;
    GAN__SHAPE(ndim, dim);
    t = gan__tensor_new(ctx, ndim, dim);
    if (!gan__is_poison(t)) gan__draw_uniform(ctx, &ctx->rng, t->data, t->size);
    return t;
}

GAN_API gan_tensor *gan_rand_normal(gan_context *ctx, int ndim, ...)
{
    gan_tensor *t;
    int dim[GAN_MAX_DIMS];
    if (!gan__live_context(ctx, "gan_rand_normal", ndim)) return ctx ? ctx->poison : NULL;
    GAN__SHAPE(ndim, dim);
    t = gan__tensor_new(ctx, ndim, dim);
    if (!gan__is_poison(t)) gan__draw_normal(ctx, &ctx->rng, t->data, t->size);
    return t;
}

GAN_API gan_context *gan_context_of(const gan_tensor *t) { return t ? t->ctx : NULL; }

// Whether t holds values; a tensor that died with its step is an error that names the caller.
static int gan__readable(const gan_tensor *t, const char *who)
{
    if (gan__is_poison(t)) return 0;
    if (!t->alive)
        gan__fail(t->ctx, GAN_ERROR_STATE,
                  "%s: the tensor was released with its step; read it before, or gan_keep it", who);
    return t->alive;
}

GAN_API int gan_ndim(const gan_tensor *t) { return gan__readable(t, "gan_ndim") ? t->ndim : 0; }

GAN_API int gan_dim(const gan_tensor *t, int i)
{
    if (!gan__readable(t, "gan_dim")) return 0;
    if (i < -t->ndim || i >= t->ndim) {
        gan__fail(t->ctx, GAN_ERROR_ARGUMENT, "gan_dim: axis %d of a tensor of shape %t", i, t);
        return 0;
    }
    return t->dim[i < 0 ? i + t->ndim : i];
}

GAN_API size_t gan_numel(const gan_tensor *t) { return gan__readable(t, "gan_numel") ? t->size : 0; }
GAN_API gan_real *gan_data(gan_tensor *t)
{
    if (!gan__readable(t, "gan_data") || gan__settle(t->ctx) || gan__made(t)) return NULL;
    return t->data;
}
GAN_API gan_real gan_item(const gan_tensor *t)
{
    const gan_real *data = t && t->size ? gan_data((gan_tensor *)(uintptr_t)t) : NULL;
    return data ? *data : 0;
}

GAN_API int gan_read(const gan_tensor *t, gan_real *out, size_t n)
{
    gan_tensor *in[1], *bad;
    gan_context *ctx;
    in[0] = (gan_tensor *)(uintptr_t)t;
    ctx = gan__inputs(GAN_OP_NONE, 1, in, &bad);
    if (!ctx) return t ? t->ctx->error : (int)GAN_ERROR_ARGUMENT;
    if (!out || n != t->size)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_read: room for %l values was given, the tensor %t has %l",
                  out ? (int64_t)n : (int64_t)0, t, (int64_t)t->size);
    else memcpy(out, t->data, n * sizeof *out);
    return ctx->error;
}

GAN_API void gan_scope_open(gan_context *ctx)
{
    if (!ctx) return;
    if (ctx->depth + 1 == GAN__SCOPES) {
        ctx->skipped++;
        gan__fail(ctx, GAN_ERROR_STATE, "gan_scope_open: %d scopes are open already; close some",
                  GAN__SCOPES - 1);
        return;
    }
    gan__settle(ctx);
    gan__mark_set(ctx, &ctx->scope[ctx->depth + 1]);
    ctx->depth++;
}

GAN_API void gan_scope_close(gan_context *ctx)
{
    gan__mark *m;
    if (!ctx) return;
    if (ctx->skipped) {
        ctx->skipped--;
        return;
    }
    if (!ctx->depth) {
        gan__fail(ctx, GAN_ERROR_STATE, "gan_scope_close: no scope is open");
        return;
    }
    m = &ctx->scope[ctx->depth];
    gan__list_release(ctx, m->last);
    gan__take_back(ctx);
    gan__mark_release(ctx, m);
    ctx->depth--;
    m->chunk->newest = m->newest;
    ctx->free = m->free;
}

// >>state: everything that a checkpoint holds, by name; uses tensor; tests/test_state.c

typedef enum gan__state_kind { GAN__STATE_REAL, GAN__STATE_I64 } gan__state_kind;

typedef struct gan__state {
    struct gan__state *next;
    const char *name;
    gan__state_kind kind;
    void *data; // gan_real or int64_t
    int ndim, dim[GAN_MAX_DIMS];
    size_t count;
    gan_tensor *tensor; // the parameter over data, which follows it when it moves
    int borrowed;       // data is read-only memory of gan_load_memory
    int loaded;         // came from a checkpoint
} gan__state;

typedef enum gan__dtype { GAN__F32, GAN__F64, GAN__F16, GAN__BF16, GAN__I64, GAN__I32, GAN__U8 } gan__dtype;

// A tensor read from a checkpoint that nothing has claimed yet.
typedef struct gan__entry {
    struct gan__entry *next;
    const char *name;
    gan__dtype dtype;
    int ndim, dim[GAN_MAX_DIMS];
    size_t count;
    const unsigned char *bytes; // little endian
    int borrowable;             // may be pointed to for ever
} gan__entry;

static uint64_t gan__little(const unsigned char *p, int n)
{
    uint64_t u = 0;
    while (n--) u = u << 8 | p[n];
    return u;
}

static double gan__half(uint32_t h) // IEEE 754 binary16
{
    const double sign = h & 0x8000 ? -1 : 1;
    const int e = (int)(h >> 10 & 31), m = (int)(h & 1023);
    if (e == 31) return m ? sqrt(-1.0) : sign * HUGE_VAL;
    return sign * (e ? ldexp(1024 + m, e - 25) : ldexp(m, -24));
}

// Element i of an entry; whole numbers exactly in *whole.
static double gan__entry_value(const gan__entry *e, size_t i, int64_t *whole)
{
    static const unsigned char width[] = {4, 8, 2, 2, 8, 4, 1};
    const uint64_t u = gan__little(e->bytes + i * width[e->dtype], width[e->dtype]);
    const uint32_t w = (uint32_t)(e->dtype == GAN__BF16 ? u << 16 : u);
    double d = 0;
    float f;
    *whole = 0;
    switch (e->dtype) {
    case GAN__F64: memcpy(&d, &u, sizeof d); return d;
    case GAN__F16: return gan__half(w);
    case GAN__F32:
    case GAN__BF16: memcpy(&f, &w, sizeof f); return (double)f;
    case GAN__I64: *whole = (int64_t)u; return (double)*whole;
    case GAN__I32: *whole = (int64_t)(int32_t)w; return (double)*whole;
    case GAN__U8: *whole = (int64_t)u; return (double)u;
    }
    return d;
}

static int gan__little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

static void gan__state_move(gan__state *s, void *data, int borrowed)
{
    s->data = data;
    s->borrowed = borrowed;
    if (s->tensor) s->tensor->data = (gan_real *)data;
}

// The entry's values into the state, converted, or (where that is allowed) the state made to point at them. 1
// on error.
static int gan__state_apply(gan_context *ctx, gan__state *s, const gan__entry *e)
{
    const gan__dtype own = s->kind == GAN__STATE_I64 ? GAN__I64 : sizeof(gan_real) == 4 ? GAN__F32 : GAN__F64;
    size_t i;
    int64_t whole;
    if (s->ndim != e->ndim || memcmp(s->dim, e->dim, (size_t)s->ndim * sizeof *s->dim)) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "checkpoint: %s is %h in the file and %h in the model", e->name,
                  e->ndim, e->dim, s->ndim, s->dim);
        return 1;
    }
    if ((s->kind == GAN__STATE_I64) != (e->dtype == GAN__I64) && s->kind == GAN__STATE_I64) {
        gan__fail(ctx, GAN_ERROR_FORMAT, "checkpoint: %s must hold I64 numbers", e->name);
        return 1;
    }
    s->loaded = 1;
    ctx->weights++;
    if (e->borrowable && e->dtype == own && s->kind == GAN__STATE_REAL && gan__little_endian() &&
        (uintptr_t)e->bytes % sizeof(gan_real) == 0) {
        gan__state_move(s, (void *)(uintptr_t)e->bytes, 1);
        return 0;
    }
    if (s->borrowed || !s->data) {
        const size_t width = s->kind == GAN__STATE_I64 ? sizeof(int64_t) : sizeof(gan_real);
        void *p = gan__persist(ctx, s->count * width);
        if (!p) return 1;
        gan__state_move(s, p, 0);
    }
    for (i = 0; i < s->count; ++i) {
        const double v = gan__entry_value(e, i, &whole);
        if (s->kind == GAN__STATE_I64) ((int64_t *)s->data)[i] = whole;
        else ((gan_real *)s->data)[i] = (gan_real)v;
    }
    return 0;
}

// Before it is written to, a borrowed state gets memory of its own. 1: there is none.
static int gan__state_own(gan_context *ctx, gan__state *s)
{
    void *p;
    if (!s->borrowed) return 0;
    p = gan__persist(ctx, s->count * sizeof(gan_real));
    if (!p) return 1;
    memcpy(p, s->data, s->count * sizeof(gan_real));
    gan__state_move(s, p, 0);
    return 0;
}

static gan__state *gan__state_find(gan_context *ctx, const char *name)
{
    gan__state *s = ctx->states;
    while (s && strcmp(s->name, name)) s = s->next;
    return s;
}

// A text that lives for ever, put together from parts; NULL on error. Names go into files: printable ASCII,
// no quotes.
static const char *gan__name(gan_context *ctx, const char *a, const char *b, const char *c)
{
    const char *part[3];
    char *text;
    size_t n = 0, len;
    int i;
    part[0] = a;
    part[1] = b;
    part[2] = c;
    for (i = 0; i < 3; ++i) {
        const char *p = part[i];
        if (!p) {
            gan__fail(ctx, GAN_ERROR_NAME, "a name is NULL");
            return NULL;
        }
        for (; *p; ++p, ++n)
            if (*p < ' ' || *p > '~' || *p == '"' || *p == '\\') {
                gan__fail(ctx, GAN_ERROR_NAME, "name %s: only printable ASCII without quotes and backslashes",
                          part[i]);
                return NULL;
            }
    }
    if (!n || n > GAN_MAX_NAME) {
        gan__fail(ctx, GAN_ERROR_NAME, "name %s%s%s: names have 1 to %d characters", a, b, c,
                  (int)GAN_MAX_NAME);
        return NULL;
    }
    text = (char *)gan__persist(ctx, n + 1);
    if (!text) return NULL;
    for (i = 0, n = 0; i < 3; ++i, n += len) {
        len = strlen(part[i]);
        memcpy(text + n, part[i], len);
    }
    return text;
}

// Registers a state over `data`, or (NULL) over memory of its own, which the caller fills; with what a
// checkpoint holds under its name, if it does (then ->loaded). name must live for ever. NULL on error.
static gan__state *gan__state_over(gan_context *ctx, const char *name, gan__state_kind kind, int ndim,
                                   const int *dim, void *data)
{
    const size_t width = kind == GAN__STATE_I64 ? sizeof(int64_t) : sizeof(gan_real);
    gan__state *s;
    gan__entry **e;
    size_t bytes;
    if (!name) return NULL;
    if (gan__state_find(ctx, name)) {
        gan__fail(ctx, GAN_ERROR_NAME, "the name %s is taken already", name);
        return NULL;
    }
    s = (gan__state *)gan__persist(ctx, sizeof *s);
    if (!s) return NULL;
    s->name = name;
    s->kind = kind;
    s->ndim = ndim;
    s->data = data;
    if (ndim) memcpy(s->dim, dim, (size_t)ndim * sizeof *dim);
    if (gan__count(ndim, dim, &s->count) || gan__mul_size(s->count, width, &bytes)) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: shape %h is not possible", name, ndim, dim);
        return NULL;
    }
    for (e = &ctx->pending; *e; e = &(*e)->next)
        if (!strcmp((*e)->name, name)) break;
    if (*e) {
        if (gan__state_apply(ctx, s, *e)) return NULL;
        *e = (*e)->next;
    } else if (!data) {
        s->data = gan__persist_raw(ctx, bytes);
        if (!s->data) {
            gan__fail_memory(ctx, bytes);
            return NULL;
        }
    }
    if (ctx->states_end) ctx->states_end->next = s;
    else ctx->states = s;
    ctx->states_end = s;
    return s;
}

// Over zeroed memory of its own.
static gan__state *gan__state_add(gan_context *ctx, const char *name, gan__state_kind kind, int ndim,
                                  const int *dim)
{
    const size_t width = kind == GAN__STATE_I64 ? sizeof(int64_t) : sizeof(gan_real);
    gan__state *s = gan__state_over(ctx, name, kind, ndim, dim, NULL);
    if (s && !s->loaded) memset(s->data, 0, s->count * width);
    return s;
}

// Whether a checkpoint holds something, not claimed yet, of which the name begins with a and then b.
static int gan__awaits(const gan_context *ctx, const char *a, const char *b)
{
    const size_t n = strlen(a);
    const gan__entry *e = ctx->pending;
    while (e && (strncmp(e->name, a, n) || strncmp(e->name + n, b, strlen(b)))) e = e->next;
    return e != NULL;
}

typedef struct gan__kept {
    gan_tensor tensor;
    struct gan__kept *next;
    const char *name;
} gan__kept;

GAN_API gan_tensor *gan_keep(gan_context *ctx, const char *name, gan_tensor *t)
{
    gan__kept *k;
    gan_tensor *in[1], *bad;
    if (!ctx) return NULL;
    in[0] = t;
    if (!gan__inputs(GAN_OP_NONE, 1, in, &bad)) {
        if (!t) gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_keep: the tensor is NULL");
        return ctx->poison;
    }
    if (!name) return gan__fail(ctx, GAN_ERROR_NAME, "gan_keep: the name is NULL");
    for (k = ctx->kept; k && strcmp(k->name, name); k = k->next) {}
    if (k) {
        if (k->tensor.ndim != t->ndim || memcmp(k->tensor.dim, t->dim, (size_t)t->ndim * sizeof *t->dim))
            return gan__fail(ctx, GAN_ERROR_SHAPE, "gan_keep: %s was kept as %t and is %t now", name,
                             &k->tensor, t);
        memmove(k->tensor.data, t->data, t->size * sizeof *t->data);
        return &k->tensor;
    }
    name = gan__name(ctx, name, "", "");
    k = name ? (gan__kept *)gan__persist(ctx, sizeof *k) : NULL;
    if (!k) return ctx->poison;
    k->tensor.ctx = ctx;
    k->tensor.data = (gan_real *)gan__persist(ctx, t->size * sizeof *t->data);
    if (!k->tensor.data) return ctx->poison;
    k->tensor.alive = 1;
    k->tensor.size = t->size;
    k->tensor.ndim = t->ndim;
    memcpy(k->tensor.dim, t->dim, sizeof t->dim);
    memcpy(k->tensor.data, t->data, t->size * sizeof *t->data);
    k->name = name;
    k->next = ctx->kept;
    ctx->kept = k;
    return &k->tensor;
}

// >>op: what operations are made of: results, recording, broadcasts; may use floors 0-4; tests/test_op.c
//
// The rooms of this floor hold the operations, each with its backward beside it. Every backward is written in
// the library's own operations, called by their public names, so that a backward pass can be recorded and
// differentiated in turn. b->gin[i] is set where b->in[i] wants a gradient; left NULL it means zero.

typedef struct gan__back {
    gan_tensor *y, *g; // the node, and the gradient that arrived
    gan_tensor **in, **gin;
    uint64_t epoch;
} gan__back;

#define GAN__WANT(n) (b->in[n]->wanted == b->epoch)

// Records in t that it is op applied to in[0 .. n-1].
static void gan__link(gan_tensor *t, gan_op op, int n, gan_tensor *const *in)
{
    int i;
    t->op = op;
    if (!t->ctx->recording) return;
    t->in = t->inline_in;
    if (n > (int)(sizeof t->inline_in / sizeof *t->inline_in)) {
        t->in = (gan_tensor **)gan__scratch(t->ctx, (size_t)n * sizeof *t->in);
        if (!t->in) {
            t->in = t->inline_in;
            return;
        }
    }
    t->nin = n;
    for (i = 0; i < n; ++i) t->in[i] = in[i];
}

// A result to be filled: op applied to in[0 .. n-1], of the given shape.
static gan_tensor *gan__result(gan_op op, int ndim, const int *dim, int n, gan_tensor *const *in)
{
    gan_context *ctx = in[0]->ctx;
    gan_tensor *t = gan__tensor_new(ctx, ndim, dim);
    if (t != ctx->poison) gan__link(t, op, n, in);
    return t;
}

static gan_tensor *gan__result_view(gan_op op, int ndim, const int *dim, gan_tensor *x)
{
    gan_tensor *t = gan__view(x, ndim, dim);
    if (t != x->ctx->poison) gan__link(t, op, 1, &x);
    return t;
}

// A result that is made later: op applied to in[0 .. n-1], at most five of them.
static gan_tensor *gan__later(gan_op op, int ndim, const int *dim, int n, gan_tensor *const *in,
                              gan__make_fn *make)
{
    gan_tensor *t = gan__unmade(in[0]->ctx, ndim, dim, make);
    int i;
    if (t == in[0]->ctx->poison) return t;
    gan__link(t, op, n, in);
    for (i = 0; i < n; ++i) t->inline_in[i] = in[i];
    return t;
}

// The end of the call that defined t: where nothing can come in between it waits for an activation.
static gan_tensor *gan__wait(gan_tensor *t)
{
    gan_context *ctx = t->ctx;
    if (ctx->forwards && !ctx->born) ctx->waiting = t;
    else if (gan__made(t)) return ctx->poison;
    return t;
}

// The result of a backward's last use of the gradient that arrived, of that one's shape: in its memory when
// nobody else looks there. in[0] is the gradient.
static gan_tensor *gan__result_over(gan__back *b, gan_op op, int n, gan_tensor *const *in)
{
    gan_tensor *const g = b->g, *t;
    int i, taken = in[0] != g || !g->born || g->born != g->ctx->born || g->holds != 1 || g->block->refs != 1;
    for (i = 0; i < b->y->nin && !taken; ++i) taken = b->gin[i] == g;
    if (taken) return gan__result(op, in[0]->ndim, in[0]->dim, n, in);
    t = gan__view(g, g->ndim, g->dim);
    if (t != g->ctx->poison) gan__link(t, op, n, in);
    return t;
}

// map(g, x) with x that broadcasts to g or is NULL, the last use of g = b->g.
static gan_tensor *gan__map_gradient(gan__back *b, gan_op op, int map, gan_tensor *x, gan_real p, gan_real q)
{
    gan_tensor *in[2], *y;
    const int n = x ? 2 : 1;
    in[0] = b->g;
    in[1] = x;
    if (!gan__inputs(op, n, in, &y)) return y;
    y = gan__result_over(b, op, n, in);
    if (gan__is_poison(y)) return y;
    y->p = p;
    y->q = q;
    gan__map(y->ctx, map, y, n, in, p, q);
    return y;
}

// An element-wise operation of n broadcasting inputs.
static gan_tensor *gan__elementwise(gan_op op, int map, int n, gan_tensor *const *in, gan_real p, gan_real q)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(op, n, in, &y);
    int ndim, dim[GAN_MAX_DIMS];
    if (!ctx || gan__broadcast(op, n, in, &ndim, dim)) return ctx ? ctx->poison : y;
    y = gan__result(op, ndim, dim, n, in);
    if (y == ctx->poison) return y;
    y->p = p;
    y->q = q;
    gan__map(ctx, map, y, n, in, p, q);
    return y;
}

GAN__APART gan_tensor *gan__map1(gan_op op, int map, gan_tensor *x, gan_real p, gan_real q)
{
    return gan__elementwise(op, map, 1, &x, p, q);
}

GAN__APART gan_tensor *gan__map2(gan_op op, int map, gan_tensor *a, gan_tensor *b, gan_real p, gan_real q)
{
    gan_tensor *in[2];
    in[0] = a;
    in[1] = b;
    return gan__elementwise(op, map, 2, in, p, q);
}

GAN__APART gan_tensor *gan__map3(gan_op op, int map, gan_tensor *a, gan_tensor *b, gan_tensor *c)
{
    gan_tensor *in[3];
    in[0] = a;
    in[1] = b;
    in[2] = c;
    return gan__elementwise(op, map, 3, in, 0, 0);
}

static gan_tensor *gan__reshape_to(gan_tensor *x, int ndim, const int *dim)
{
    gan_tensor *bad;
    gan_context *ctx = gan__inputs(GAN_OP_RESHAPE, 1, &x, &bad);
    size_t n;
    if (!ctx) return bad;
    if (gan__count(ndim, dim, &n) || n != x->size)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "reshape: %t cannot become %h: %l values must stay that many",
                         x, ndim, dim, (int64_t)x->size);
    return gan__result_view(GAN_OP_RESHAPE, ndim, dim, x);
}

static gan_tensor *gan__expand_to(gan_tensor *x, int ndim, const int *dim)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_EXPAND, 1, &x, &y);
    int64_t from[GAN_MAX_DIMS], to[GAN_MAX_DIMS], step = 1;
    int i, at;
    if (!ctx) return y;
    for (i = 0; i < x->ndim; ++i) {
        at = ndim - x->ndim + i;
        if (at < 0 || (x->dim[i] != 1 && x->dim[i] != dim[at]))
            return gan__fail(ctx, GAN_ERROR_SHAPE, "expand: %t cannot be broadcast to %h", x, ndim, dim);
    }
    y = gan__result(GAN_OP_EXPAND, ndim, dim, 1, &x);
    if (y == ctx->poison) return y;
    for (i = ndim - 1; i >= 0; --i) {
        at = i - (ndim - x->ndim);
        from[i] = at < 0 || x->dim[at] == 1 ? 0 : step;
        if (at >= 0) step *= x->dim[at];
    }
    gan__strides(ndim, dim, to);
    gan__copy(ctx, ndim, dim, x->data, from, y->data, to);
    return y;
}

// The gradient of a broadcast: g summed over what was broadcast, back in the shape of x.
static gan_tensor *gan__sum_to(gan_tensor *g, const gan_tensor *x)
{
    unsigned axes = 0;
    int i, at;
    if (gan__is_poison(g)) return g;
    for (i = 0; i < g->ndim; ++i) {
        at = i - (g->ndim - x->ndim);
        if (at < 0 || (x->dim[at] == 1 && g->dim[i] != 1)) axes |= GAN_AXIS(i);
    }
    if (axes) g = gan_sum(g, axes, GAN_KEEPDIM);
    if (gan__is_poison(g)) return g;
    return g->ndim == x->ndim ? g : gan__reshape_to(g, x->ndim, x->dim);
}

// An axis counted from either end as one counted from the start; -1 and an error when there is none such.
static int gan__axis(gan_op op, const gan_tensor *x, int axis)
{
    if (axis >= -x->ndim && axis < x->ndim) return axis < 0 ? axis + x->ndim : axis;
    gan__fail(x->ctx, GAN_ERROR_ARGUMENT, "%o: axis %d of a tensor of shape %t", op, axis, x);
    return -1;
}

GAN_API gan_tensor *gan_detach(gan_tensor *x)
{
    gan_tensor *bad;
    return gan__inputs(GAN_OP_NONE, 1, &x, &bad) ? gan__view(x, x->ndim, x->dim) : bad;
}

// >>arith: arithmetic, activations, comparisons, by element; may use floors 0-4, op; tests/test_arith.c

GAN_API gan_tensor *gan_add(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_ADD, GAN__MAP_add, a, b, 0, 0);
}
static void gan__op_add_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(b->g, b->in[0]);
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(b->g, b->in[1]);
}

GAN_API gan_tensor *gan_sub(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_SUB, GAN__MAP_sub, a, b, 0, 0);
}
static void gan__op_sub_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(b->g, b->in[0]);
    if (GAN__WANT(1)) b->gin[1] = gan_neg(gan__sum_to(b->g, b->in[1]));
}

GAN_API gan_tensor *gan_mul(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_MUL, GAN__MAP_mul, a, b, 0, 0);
}
// g x, the last use of g = b->g; x broadcasts to it.
static gan_tensor *gan__times_gradient(gan__back *b, gan_tensor *x)
{
    return gan__map_gradient(b, GAN_OP_MUL, GAN__MAP_mul, x, 0, 0);
}
static void gan__op_mul_backward(gan__back *b)
{
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(gan_mul(b->g, b->in[0]), b->in[1]);
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(gan__times_gradient(b, b->in[1]), b->in[0]);
}

GAN_API gan_tensor *gan_div(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_DIV, GAN__MAP_div, a, b, 0, 0);
}
static void gan__op_div_backward(gan__back *b)
{
    gan_tensor *g = gan_div(b->g, b->in[1]);
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(g, b->in[0]);
    if (GAN__WANT(1)) b->gin[1] = gan_neg(gan__sum_to(gan_mul(g, b->y), b->in[1]));
}

// d(a^c)/da = c a^(c-1), d/dc = a^c log a
GAN_API gan_tensor *gan_pow(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_POW, GAN__MAP_pow, a, b, 0, 0);
}
static void gan__op_pow_backward(gan__back *b)
{
    gan_tensor *a = b->in[0], *c = b->in[1], *zero = gan_scalar(a->ctx, 0), *slope;
    if (GAN__WANT(0)) { // a^0 is flat, at a = 0 too
        slope = gan_where(gan_eq(c, zero), zero, gan_mul(c, gan_pow(a, gan_add_scalar(c, -1))));
        b->gin[0] = gan__sum_to(gan_mul(b->g, slope), a);
    }
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(gan_mul(gan_mul(b->g, b->y), gan_log(a)), c);
}

// The share of the gradient that a gets where it wins (1), ties (1/2) or loses (0).
static gan_tensor *gan__share(gan_tensor *win, gan_tensor *tie)
{
    return gan_add(win, gan_mul_scalar(tie, (gan_real)0.5));
}

GAN_API gan_tensor *gan_maximum(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_MAXIMUM, GAN__MAP_maximum, a, b, 0, 0);
}
static void gan__op_maximum_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *z = b->in[1], *tie = gan_eq(x, z);
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(gan_mul(b->g, gan__share(gan_gt(x, z), tie)), x);
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(gan_mul(b->g, gan__share(gan_lt(x, z), tie)), z);
}

GAN_API gan_tensor *gan_minimum(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_MINIMUM, GAN__MAP_minimum, a, b, 0, 0);
}
static void gan__op_minimum_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *z = b->in[1], *tie = gan_eq(x, z);
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(gan_mul(b->g, gan__share(gan_lt(x, z), tie)), x);
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(gan_mul(b->g, gan__share(gan_gt(x, z), tie)), z);
}

GAN_API gan_tensor *gan_affine(gan_tensor *x, gan_real scale, gan_real shift)
{
    return gan__map1(GAN_OP_AFFINE, GAN__MAP_affine, x, scale, shift);
}
static void gan__op_affine_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__map_gradient(b, GAN_OP_AFFINE, GAN__MAP_affine, NULL, b->y->p, 0);
}

GAN_API gan_tensor *gan_addcmul(gan_tensor *a, gan_tensor *b, gan_tensor *c)
{
    return gan__map3(GAN_OP_ADDCMUL, GAN__MAP_fma, a, b, c);
}
static void gan__op_addcmul_backward(gan__back *b)
{
    if (GAN__WANT(2)) b->gin[2] = gan__sum_to(b->g, b->in[2]);
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(gan_mul(b->g, b->in[0]), b->in[1]);
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(gan__times_gradient(b, b->in[1]), b->in[0]);
}

// y = act(y), n values
static void gan__act_over(gan_context *ctx, gan_real *y, size_t n, int act, gan_real slope)
{
    gan__map_job j;
    if (act == GAN__ACT_NONE) return;
    memset(&j, 0, sizeof j);
    j.kernels = ctx->k;
    j.map = gan__act_maps[act];
    j.w.ndim = 1;
    j.w.dim[0] = (int64_t)n;
    j.w.stride[0][0] = 1;
    j.x[0] = j.y = y;
    j.p = slope;
    j.rows = 1;
    j.per = GAN__GRAIN;
    gan__par(ctx, (j.w.dim[0] + j.per - 1) / j.per, j.w.dim[0], gan__map_task, &j);
}

static int gan__make_scaled(gan_tensor *t, gan_real *out, int act, gan_real slope)
{
    gan_tensor y = *t;
    y.data = out;
    gan__map(t->ctx, GAN__MAP_fma, &y, 3, t->inline_in, 0, 0);
    gan__act_over(t->ctx, out, t->size, act, slope);
    return 0;
}

// addcmul of h and what broadcasts to it, the end of a norm: one pass with an activation that comes next.
static gan_tensor *gan__scaled(gan_tensor *h, gan_tensor *w, gan_tensor *b)
{
    gan_tensor *in[3], *y;
    in[0] = h;
    in[1] = w;
    in[2] = b;
    if (!gan__inputs(GAN_OP_ADDCMUL, 3, in, &y)) return y;
    y = gan__later(GAN_OP_ADDCMUL, h->ndim, h->dim, 3, in, gan__make_scaled);
    return gan__is_poison(y) ? y : gan__wait(y);
}

GAN_API gan_tensor *gan_abs(gan_tensor *x) { return gan__map1(GAN_OP_ABS, GAN__MAP_abs, x, 0, 0); }
static void gan__op_abs_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *zero = gan_scalar(x->ctx, 0);
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, gan_sub(gan_gt(x, zero), gan_lt(x, zero)));
}

GAN_API gan_tensor *gan_exp(gan_tensor *x) { return gan__map1(GAN_OP_EXP, GAN__MAP_exp, x, 0, 0); }
static void gan__op_exp_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, b->y);
}

GAN_API gan_tensor *gan_log(gan_tensor *x) { return gan__map1(GAN_OP_LOG, GAN__MAP_log, x, 0, 0); }
static void gan__op_log_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_div(b->g, b->in[0]);
}

GAN_API gan_tensor *gan_sqrt(gan_tensor *x) { return gan__map1(GAN_OP_SQRT, GAN__MAP_sqrt, x, 0, 0); }
static void gan__op_sqrt_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_div(gan_mul_scalar(b->g, (gan_real)0.5), b->y);
}

GAN_API gan_tensor *gan_square(gan_tensor *x) { return gan__map1(GAN_OP_SQUARE, GAN__MAP_square, x, 0, 0); }
static void gan__op_square_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, gan_mul_scalar(b->in[0], 2));
}

GAN_API gan_tensor *gan_reciprocal(gan_tensor *x)
{
    return gan__map1(GAN_OP_RECIPROCAL, GAN__MAP_reciprocal, x, 0, 0);
}
static void gan__op_reciprocal_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_neg(gan_mul(b->g, gan_square(b->y)));
}

GAN_API gan_tensor *gan_sin(gan_tensor *x) { return gan__map1(GAN_OP_SIN, GAN__MAP_sin, x, 0, 0); }
static void gan__op_sin_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, gan_cos(b->in[0]));
}

GAN_API gan_tensor *gan_cos(gan_tensor *x) { return gan__map1(GAN_OP_COS, GAN__MAP_cos, x, 0, 0); }
static void gan__op_cos_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_neg(gan_mul(b->g, gan_sin(b->in[0])));
}

// activations; those of the hot paths have a fused backward that is an operation itself

// act(x), with x in one pass if it is waiting. Its backward looks at y alone.
static gan_tensor *gan__activate(gan_op op, int act, gan_tensor *x, gan_real slope)
{
    gan_tensor *y;
    if (gan__is_poison(x) || x != x->ctx->waiting) return gan__map1(op, gan__act_maps[act], x, slope, 0);
    x->ctx->waiting = NULL;
    y = gan__result(op, x->ndim, x->dim, 1, &x);
    if (gan__is_poison(y)) return y;
    y->p = slope;
    y->inline_in[0] = x;
    return x->make(x, y->data, act, slope) ? y->ctx->poison : y;
}

// g (1 - y^2); its derivative by y is -2 g y
static gan_tensor *gan__tanh_backward(gan__back *b, gan_tensor *y)
{
    return gan__map_gradient(b, GAN_OP_TANH_BACKWARD, GAN__MAP_tanh_backward, y, 0, 0);
}
GAN_API gan_tensor *gan_tanh(gan_tensor *x) { return gan__activate(GAN_OP_TANH, GAN__ACT_TANH, x, 0); }
static void gan__op_tanh_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__tanh_backward(b, b->y);
}
static void gan__op_tanh_backward_backward(gan__back *b)
{
    if (GAN__WANT(1)) b->gin[1] = gan_mul_scalar(gan_mul(gan_mul(b->g, b->in[0]), b->in[1]), -2);
    if (GAN__WANT(0)) b->gin[0] = gan__tanh_backward(b, b->in[1]);
}

// g y (1 - y); its derivative by y is g (1 - 2 y)
static gan_tensor *gan__sigmoid_backward(gan__back *b, gan_tensor *y)
{
    return gan__map_gradient(b, GAN_OP_SIGMOID_BACKWARD, GAN__MAP_sigmoid_backward, y, 0, 0);
}
GAN_API gan_tensor *gan_sigmoid(gan_tensor *x)
{
    return gan__activate(GAN_OP_SIGMOID, GAN__ACT_SIGMOID, x, 0);
}
static void gan__op_sigmoid_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__sigmoid_backward(b, b->y);
}
static void gan__op_sigmoid_backward_backward(gan__back *b)
{
    if (GAN__WANT(1)) b->gin[1] = gan_mul(gan_mul(b->g, b->in[0]), gan_affine(b->in[1], -2, 1));
    if (GAN__WANT(0)) b->gin[0] = gan__sigmoid_backward(b, b->in[1]);
}

GAN_API gan_tensor *gan_softplus(gan_tensor *x)
{
    return gan__map1(GAN_OP_SOFTPLUS, GAN__MAP_softplus, x, 0, 0);
}
static void gan__op_softplus_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, gan_sigmoid(b->in[0]));
}

// d erf(x)/dx = 2 / sqrt(pi) exp(-x^2)
GAN_API gan_tensor *gan_erf(gan_tensor *x) { return gan__map1(GAN_OP_ERF, GAN__MAP_erf, x, 0, 0); }
static void gan__op_erf_backward(gan__back *b)
{
    gan_tensor *slope = gan_mul_scalar(gan_exp(gan_neg(gan_square(b->in[0]))), (gan_real)1.1283791670955126);
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, slope);
}

// x > 0 ? g : slope g: linear in g, constant in x
static gan_tensor *gan__leaky_relu_backward(gan__back *b, gan_tensor *x, gan_real slope)
{
    return gan__map_gradient(b, GAN_OP_LEAKY_RELU_BACKWARD, GAN__MAP_leaky_relu_backward, x, slope, 0);
}
static void gan__op_leaky_relu_backward_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__leaky_relu_backward(b, b->in[1], b->y->p);
}

// y > 0 where x > 0, for slopes from 0: the backward has no need of x.
GAN_API gan_tensor *gan_relu(gan_tensor *x) { return gan__activate(GAN_OP_RELU, GAN__ACT_RELU, x, 0); }
static void gan__op_relu_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__leaky_relu_backward(b, b->y, 0);
}

GAN_API gan_tensor *gan_leaky_relu(gan_tensor *x, gan_real slope)
{
    if (slope >= 0) return gan__activate(GAN_OP_LEAKY_RELU, GAN__ACT_LEAKY_RELU, x, slope);
    return gan__map1(GAN_OP_LEAKY_RELU, GAN__MAP_leaky_relu, x, slope, 0);
}
static void gan__op_leaky_relu_backward(gan__back *b)
{
    const gan_real slope = b->y->p;
    if (GAN__WANT(0)) b->gin[0] = gan__leaky_relu_backward(b, slope >= 0 ? b->y : b->in[0], slope);
}

// From the result y, without an exponential: y > 0 ? scale g : (y + scale alpha) g, for alpha from 0; its
// derivative by y is y > 0 ? 0 : g.
static gan_tensor *gan__elu_backward(gan__back *b, gan_tensor *y, gan_real alpha, gan_real scale)
{
    return gan__map_gradient(b, GAN_OP_ELU_BACKWARD, GAN__MAP_elu_backward, y, alpha, scale);
}
static void gan__op_elu_backward_backward(gan__back *b)
{
    gan_tensor *y = b->in[1];
    if (GAN__WANT(1)) b->gin[1] = gan_mul(gan_mul(b->g, b->in[0]), gan_le(y, gan_scalar(y->ctx, 0)));
    if (GAN__WANT(0)) b->gin[0] = gan__elu_backward(b, y, b->y->p, b->y->q);
}

GAN_API gan_tensor *gan_elu(gan_tensor *x, gan_real alpha)
{
    return gan__map1(GAN_OP_ELU, GAN__MAP_elu, x, alpha, 1);
}
static void gan__op_elu_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *zero = gan_scalar(x->ctx, 0), *slope;
    if (!GAN__WANT(0)) return;
    if (b->y->p >= 0) {
        b->gin[0] = gan__elu_backward(b, b->y, b->y->p, b->y->q);
        return;
    }
    slope = gan_mul_scalar(gan_exp(gan_minimum(x, zero)), b->y->p * b->y->q); // y does not tell the sign of x
    b->gin[0] = gan_mul(b->g, gan_where(gan_gt(x, zero), gan_scalar(x->ctx, b->y->q), slope));
}

GAN_API gan_tensor *gan_selu(gan_tensor *x)
{
    return gan__map1(GAN_OP_ELU, GAN__MAP_elu, x, (gan_real)1.6732632423543772, (gan_real)1.0507009873554805);
}

// d x Phi(x) = Phi(x) + x phi(x)
GAN_API gan_tensor *gan_gelu(gan_tensor *x) { return gan__map1(GAN_OP_GELU, GAN__MAP_gelu, x, 0, 0); }
static void gan__op_gelu_backward(gan__back *b)
{
    gan_tensor *x = b->in[0];
    gan_tensor *cdf =
        gan_affine(gan_erf(gan_mul_scalar(x, (gan_real)0.7071067811865476)), (gan_real)0.5, (gan_real)0.5);
    gan_tensor *pdf =
        gan_mul_scalar(gan_exp(gan_mul_scalar(gan_square(x), (gan_real)-0.5)), (gan_real)0.3989422804014327);
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, gan_addcmul(x, pdf, cdf));
}

// d x s = s (1 + x (1 - s)), s = sigmoid(x)
GAN_API gan_tensor *gan_silu(gan_tensor *x) { return gan__map1(GAN_OP_SILU, GAN__MAP_silu, x, 0, 0); }
static void gan__op_silu_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *s = gan_sigmoid(x);
    if (GAN__WANT(0))
        b->gin[0] = gan_mul(b->g, gan_mul(s, gan_add_scalar(gan_mul(x, gan_affine(s, -1, 1)), 1)));
}

GAN_API gan_tensor *gan_clamp(gan_tensor *x, gan_real lo, gan_real hi)
{
    return gan__map1(GAN_OP_CLAMP, GAN__MAP_clamp, x, lo, hi);
}
static void gan__op_clamp_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *lo = gan_scalar(x->ctx, b->y->p), *hi = gan_scalar(x->ctx, b->y->q);
    if (GAN__WANT(0)) b->gin[0] = gan_mul(b->g, gan_mul(gan_le(lo, x), gan_le(x, hi)));
}

// comparisons and selection

GAN_API gan_tensor *gan_lt(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_COMPARE, GAN__MAP_lt, a, b, 0, 0);
}
GAN_API gan_tensor *gan_le(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_COMPARE, GAN__MAP_le, a, b, 0, 0);
}
GAN_API gan_tensor *gan_gt(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_COMPARE, GAN__MAP_lt, b, a, 0, 0);
}
GAN_API gan_tensor *gan_ge(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_COMPARE, GAN__MAP_le, b, a, 0, 0);
}
GAN_API gan_tensor *gan_eq(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_COMPARE, GAN__MAP_eq, a, b, 0, 0);
}
GAN_API gan_tensor *gan_ne(gan_tensor *a, gan_tensor *b)
{
    return gan__map2(GAN_OP_COMPARE, GAN__MAP_ne, a, b, 0, 0);
}
static void gan__op_compare_backward(gan__back *b) { (void)b; }

GAN_API gan_tensor *gan_where(gan_tensor *condition, gan_tensor *a, gan_tensor *b)
{
    return gan__map3(GAN_OP_WHERE, GAN__MAP_where, condition, a, b);
}
static void gan__op_where_backward(gan__back *b)
{
    gan_tensor *zero = gan_scalar(b->g->ctx, 0);
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(gan_where(b->in[0], b->g, zero), b->in[1]);
    if (GAN__WANT(2)) b->gin[2] = gan__sum_to(gan_where(b->in[0], zero, b->g), b->in[2]);
}

// composed

GAN_API gan_tensor *gan_neg(gan_tensor *x) { return gan_affine(x, -1, 0); }
GAN_API gan_tensor *gan_add_scalar(gan_tensor *x, gan_real s) { return gan_affine(x, 1, s); }
GAN_API gan_tensor *gan_mul_scalar(gan_tensor *x, gan_real s) { return gan_affine(x, s, 0); }
GAN_API gan_tensor *gan_pow_scalar(gan_tensor *x, gan_real p)
{
    return x ? gan_pow(x, gan_scalar(x->ctx, p)) : NULL;
}
GAN_API gan_tensor *gan_lerp(gan_tensor *a, gan_tensor *b, gan_tensor *w)
{
    return gan_addcmul(w, gan_sub(b, a), a);
}

// >>shape: the same values seen or placed otherwise; may use floors 0-4, op; tests/test_shape.c

GAN_API gan_tensor *gan_reshape(gan_tensor *x, int ndim, ...)
{
    int dim[GAN_MAX_DIMS], i, hole = -1;
    size_t n = 1;
    if (!x) return NULL;
    if (!gan__live_context(x->ctx, "gan_reshape", ndim)) return x->ctx->poison;
    GAN__SHAPE(ndim, dim);
    if (gan__is_poison(x)) return x;
    for (i = 0; i < ndim; ++i) {
        if (dim[i] == -1 && hole < 0) hole = i;
        else if (dim[i] < 0 || gan__mul_size(n, (size_t)dim[i], &n)) n = 0, hole = -2;
        if (hole == -2) break;
    }
    if (hole >= 0 && n && x->size % n == 0 && x->size / n <= 0x7fffffff) {
        dim[hole] = (int)(x->size / n);
        n = x->size;
    }
    if (hole == -2 || n != x->size || (hole >= 0 && dim[hole] < 0))
        return gan__fail(x->ctx, GAN_ERROR_SHAPE,
                         "reshape: %t cannot become %h: %l values must stay that many", x, ndim, dim,
                         (int64_t)x->size);
    return gan__reshape_to(x, ndim, dim);
}
static void gan__op_reshape_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__reshape_to(b->g, b->in[0]->ndim, b->in[0]->dim);
}

GAN_API gan_tensor *gan_flatten(gan_tensor *x)
{
    int dim[2], i;
    if (gan__is_poison(x)) return x;
    dim[0] = x->ndim ? x->dim[0] : 1;
    for (dim[1] = 1, i = 1; i < x->ndim; ++i) dim[1] *= x->dim[i];
    return gan__reshape_to(x, 2, dim);
}

GAN_API gan_tensor *gan_expand(gan_tensor *x, int ndim, ...)
{
    int dim[GAN_MAX_DIMS];
    if (!x) return NULL;
    if (!gan__live_context(x->ctx, "gan_expand", ndim)) return x->ctx->poison;
    GAN__SHAPE(ndim, dim);
    return gan__expand_to(x, ndim, dim);
}
static void gan__op_expand_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(b->g, b->in[0]);
}

GAN_API gan_tensor *gan_expand_as(gan_tensor *x, const gan_tensor *like)
{
    gan_tensor *in[2], *bad;
    in[0] = x;
    in[1] = (gan_tensor *)(uintptr_t)like;
    return gan__inputs(GAN_OP_EXPAND, 2, in, &bad) ? gan__expand_to(x, like->ndim, like->dim) : bad;
}

// Axis i of y is axis axis[i] of x.
static gan_tensor *gan__permute(gan_tensor *x, int ndim, const int *axis)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_PERMUTE, 1, &x, &y);
    int dim[GAN_MAX_DIMS], i, ok;
    unsigned seen = 0;
    int64_t stride[GAN_MAX_DIMS], from[GAN_MAX_DIMS], to[GAN_MAX_DIMS];
    if (!ctx) return y;
    ok = ndim == x->ndim;
    for (i = 0; i < ndim && ok; ++i) {
        ok = axis[i] >= 0 && axis[i] < ndim && !(seen & GAN_AXIS(axis[i]));
        if (ok) seen |= GAN_AXIS(axis[i]);
    }
    if (!ok)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "permute: %h is not an order of the %d axes of %t", ndim,
                         axis, x->ndim, x);
    gan__strides(ndim, x->dim, stride);
    for (i = 0; i < ndim; ++i) {
        dim[i] = x->dim[axis[i]];
        from[i] = stride[axis[i]];
    }
    y = gan__result(GAN_OP_PERMUTE, ndim, dim, 1, &x);
    if (y == ctx->poison) return y;
    for (i = 0; i < ndim; ++i) y->i[i] = axis[i];
    gan__strides(ndim, dim, to);
    gan__copy(ctx, ndim, dim, x->data, from, y->data, to);
    return y;
}
static void gan__op_permute_backward(gan__back *b)
{
    int back[GAN_MAX_DIMS], i;
    for (i = 0; i < b->y->ndim; ++i) back[b->y->i[i]] = i;
    if (GAN__WANT(0)) b->gin[0] = gan__permute(b->g, b->y->ndim, back);
}

GAN_API gan_tensor *gan_permute(gan_tensor *x, int ndim, ...)
{
    int axis[GAN_MAX_DIMS];
    if (!x) return NULL;
    if (!gan__live_context(x->ctx, "gan_permute", ndim)) return x->ctx->poison;
    GAN__SHAPE(ndim, axis);
    return gan__permute(x, ndim, axis);
}

GAN_API gan_tensor *gan_transpose(gan_tensor *x, int i, int j)
{
    int axis[GAN_MAX_DIMS], k;
    if (gan__is_poison(x)) return x;
    i = gan__axis(GAN_OP_PERMUTE, x, i);
    j = gan__axis(GAN_OP_PERMUTE, x, j);
    if (i < 0 || j < 0) return x->ctx->poison;
    for (k = 0; k < x->ndim; ++k) axis[k] = k == i ? j : k == j ? i : k;
    return gan__permute(x, x->ndim, axis);
}

GAN_API gan_tensor *gan_slice(gan_tensor *x, int axis, int start, int stop)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_SLICE, 1, &x, &y);
    int dim[GAN_MAX_DIMS], n;
    int64_t from[GAN_MAX_DIMS], to[GAN_MAX_DIMS];
    if (!ctx) return y;
    axis = gan__axis(GAN_OP_SLICE, x, axis);
    if (axis < 0) return ctx->poison;
    n = x->dim[axis];
    if (start < 0) start += n;
    if (stop < 0) stop += n;
    if (start < 0 || start > stop || stop > n)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "slice: [%d, %d) of axis %d of %t", start, stop, axis, x);
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] = stop - start;
    y = gan__result(GAN_OP_SLICE, x->ndim, dim, 1, &x);
    if (y == ctx->poison) return y;
    y->i[0] = axis;
    y->i[1] = start;
    y->i[2] = n - stop;
    gan__strides(x->ndim, x->dim, from);
    gan__strides(x->ndim, dim, to);
    gan__copy(ctx, x->ndim, dim, x->data + start * from[axis], from, y->data, to);
    return y;
}
static void gan__op_slice_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_pad(b->g, b->y->i[0], b->y->i[1], b->y->i[2], 0);
}

GAN_API gan_tensor *gan_pad(gan_tensor *x, int axis, int before, int after, gan_real value)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_PAD, 1, &x, &y);
    int dim[GAN_MAX_DIMS];
    int64_t from[GAN_MAX_DIMS], to[GAN_MAX_DIMS];
    size_t i;
    if (!ctx) return y;
    axis = gan__axis(GAN_OP_PAD, x, axis);
    if (axis < 0) return ctx->poison;
    if (before < 0 || after < 0 || before > 0x3fffffff || after > 0x3fffffff ||
        x->dim[axis] > 0x7fffffff - before - after)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "pad: %d before and %d after axis %d of %t", before, after,
                         axis, x);
    memcpy(dim, x->dim, sizeof dim);
    dim[axis] += before + after;
    y = gan__result(GAN_OP_PAD, x->ndim, dim, 1, &x);
    if (y == ctx->poison) return y;
    y->i[0] = axis;
    y->i[1] = before;
    y->i[2] = before + x->dim[axis];
    for (i = 0; i < y->size; ++i) y->data[i] = value;
    gan__strides(x->ndim, x->dim, from);
    gan__strides(x->ndim, dim, to);
    gan__copy(ctx, x->ndim, x->dim, x->data, from, y->data + before * to[axis], to);
    return y;
}
static void gan__op_pad_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_slice(b->g, b->y->i[0], b->y->i[1], b->y->i[2]);
}

static gan_tensor *gan__concat(int axis, int n, gan_tensor **in)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_CONCAT, n, in, &y);
    int dim[GAN_MAX_DIMS], i, k;
    int64_t from[GAN_MAX_DIMS], to[GAN_MAX_DIMS], at = 0;
    if (!ctx) return y;
    axis = gan__axis(GAN_OP_CONCAT, in[0], axis);
    if (axis < 0) return ctx->poison;
    memcpy(dim, in[0]->dim, sizeof dim);
    for (k = 1; k < n; ++k) {
        int fits = in[k]->ndim == in[0]->ndim;
        for (i = 0; i < in[0]->ndim && fits; ++i) fits = i == axis || in[k]->dim[i] == dim[i];
        if (!fits || in[k]->dim[axis] > 0x7fffffff - dim[axis])
            return gan__fail(ctx, GAN_ERROR_SHAPE, "concat: %t and %t may differ along axis %d only", in[0],
                             in[k], axis);
        dim[axis] += in[k]->dim[axis];
    }
    y = gan__result(GAN_OP_CONCAT, in[0]->ndim, dim, n, in);
    if (y == ctx->poison) return y;
    y->i[0] = axis;
    gan__strides(y->ndim, dim, to);
    for (k = 0; k < n; ++k) {
        gan__strides(y->ndim, in[k]->dim, from);
        gan__copy(ctx, y->ndim, in[k]->dim, in[k]->data, from, y->data + at * to[axis], to);
        at += in[k]->dim[axis];
    }
    return y;
}
static void gan__op_concat_backward(gan__back *b)
{
    const int axis = b->y->i[0];
    int k, at = 0;
    for (k = 0; k < b->y->nin; ++k) {
        const int n = b->in[k]->dim[axis];
        if (GAN__WANT(k)) b->gin[k] = gan_slice(b->g, axis, at, at + n);
        at += n;
    }
}

enum { GAN__CONCAT_MAX = 64 };

GAN_API gan_tensor *gan_concat(int axis, int count, ...)
{
    gan_tensor *in[GAN__CONCAT_MAX], *first = NULL;
    va_list args;
    int i;
    va_start(args, count);
    for (i = 0; i < count && i < GAN__CONCAT_MAX; ++i) {
        in[i] = va_arg(args, gan_tensor *);
        if (!first) first = in[i];
    }
    va_end(args);
    if (!first) return NULL;
    if (count > GAN__CONCAT_MAX)
        return gan__fail(first->ctx, GAN_ERROR_ARGUMENT, "concat: %d tensors; at most %d at once", count,
                         (int)GAN__CONCAT_MAX);
    return gan__concat(axis, count, in);
}

GAN_API gan_tensor *gan_stack(int axis, int count, ...)
{
    gan_tensor *in[GAN__CONCAT_MAX], *bad;
    va_list args;
    int i, k, dim[GAN_MAX_DIMS + 1];
    if (count < 1) return NULL;
    va_start(args, count);
    for (i = 0; i < count && i < GAN__CONCAT_MAX; ++i) in[i] = va_arg(args, gan_tensor *);
    va_end(args);
    if (!gan__inputs(GAN_OP_CONCAT, GAN__LEAST(count, (int)GAN__CONCAT_MAX), in, &bad)) return bad;
    if (axis < 0) axis += in[0]->ndim + 1;
    if (count > GAN__CONCAT_MAX || axis < 0 || axis > in[0]->ndim || in[0]->ndim == GAN_MAX_DIMS)
        return gan__fail(in[0]->ctx, GAN_ERROR_ARGUMENT,
                         "stack: %d tensors of shape %t along new axis %d; at most %d", count, in[0], axis,
                         (int)GAN__CONCAT_MAX);
    for (k = 0; k < count; ++k) {
        for (i = 0; i < in[k]->ndim; ++i) dim[i + (i >= axis)] = in[k]->dim[i];
        dim[axis] = 1;
        in[k] = gan__reshape_to(in[k], in[k]->ndim + 1, dim);
        if (gan__is_poison(in[k])) return in[k];
    }
    return gan__concat(axis, count, in);
}

// x (B, R, D), index (B, n): what take and put walk over, D trailing numbers at a time.
typedef struct gan__take_job {
    const gan_real *x, *index;
    gan_real *y;
    int64_t r, n, d;
} gan__take_job;

static void gan__take_task(void *arg, int64_t b)
{
    const gan__take_job *j = (const gan__take_job *)arg;
    int64_t i;
    for (i = 0; i < j->n; ++i) {
        const gan_real *x = j->x + (b * j->r + (int64_t)j->index[b * j->n + i]) * j->d;
        gan_real *y = j->y + (b * j->n + i) * j->d;
        if (j->d == 1) *y = *x;
        else memcpy(y, x, (size_t)j->d * sizeof *y);
    }
}

static void gan__put_task(void *arg, int64_t b)
{
    const gan__take_job *j = (const gan__take_job *)arg;
    int64_t i, k;
    memset(j->y + b * j->r * j->d, 0, (size_t)(j->r * j->d) * sizeof *j->y);
    for (i = 0; i < j->n; ++i) {
        const gan_real *x = j->x + (b * j->n + i) * j->d;
        gan_real *y = j->y + (b * j->r + (int64_t)j->index[b * j->n + i]) * j->d;
        for (k = 0; k < j->d; ++k) y[k] += x[k];
    }
}

// Whether an index (B.., n) of whole numbers below `rows` fits x: (B.., rows, D) to take from, (B.., n, D) to
// put. 1 and an error when it does not.
static int gan__take_check(gan_op op, const gan_tensor *x, const gan_tensor *index, int rows)
{
    int fits = x->ndim >= 2 && index->ndim == x->ndim - 1 && rows >= 0, i;
    size_t k;
    for (i = 0; i < index->ndim - 1 && fits; ++i) fits = index->dim[i] == x->dim[i];
    if (!fits || (op == GAN_OP_PUT && index->dim[index->ndim - 1] != x->dim[x->ndim - 2])) {
        gan__fail(x->ctx, GAN_ERROR_SHAPE, "%o: values %t and index %t: want (B.., rows, D) and (B.., n)", op,
                  x, index);
        return 1;
    }
    for (k = 0; k < index->size; ++k) {
        const gan_real v = index->data[k];
        if (!(v >= 0 && v < (gan_real)rows) || v != (gan_real)(int)v) {
            gan__fail(x->ctx, GAN_ERROR_ARGUMENT,
                      "%o: index %f at position %l is not a whole number from 0 to %d", op, (double)v,
                      (int64_t)k, rows - 1);
            return 1;
        }
    }
    return 0;
}

static gan_tensor *gan__take_or_put(gan_op op, gan_tensor *x, gan_tensor *index, int rows)
{
    gan_tensor *in[2], *y;
    gan_context *ctx;
    gan__take_job j;
    int dim[GAN_MAX_DIMS], n;
    int64_t groups = 1;
    in[0] = x;
    in[1] = index;
    ctx = gan__inputs(op, 2, in, &y);
    if (!ctx) return y;
    n = x->ndim;
    if (op == GAN_OP_TAKE && n >= 2) rows = x->dim[n - 2];
    if (gan__take_check(op, x, index, rows)) return ctx->poison;
    memcpy(dim, x->dim, sizeof dim);
    dim[n - 2] = op == GAN_OP_TAKE ? index->dim[n - 2] : rows;
    y = gan__result(op, n, dim, 2, in);
    if (y == ctx->poison) return y;
    j.x = x->data;
    j.y = y->data;
    j.index = index->data;
    j.r = rows;
    j.n = index->dim[n - 2];
    j.d = x->dim[n - 1];
    for (n = 0; n < x->ndim - 2; ++n) groups *= x->dim[n];
    gan__par(ctx, groups, (int64_t)GAN__MOST(x->size, y->size),
             op == GAN_OP_TAKE ? gan__take_task : gan__put_task, &j);
    return y;
}

GAN_API gan_tensor *gan_take(gan_tensor *x, gan_tensor *index)
{
    return gan__take_or_put(GAN_OP_TAKE, x, index, 0);
}
static void gan__op_take_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_put(b->g, b->in[1], b->in[0]->dim[b->in[0]->ndim - 2]);
}

GAN_API gan_tensor *gan_put(gan_tensor *g, gan_tensor *index, int rows)
{
    return gan__take_or_put(GAN_OP_PUT, g, index, rows);
}
static void gan__op_put_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_take(b->g, b->in[1]);
}

// (B.., R) as (B.., R, 1), and back
static gan_tensor *gan__with_unit(gan_tensor *x)
{
    int dim[GAN_MAX_DIMS + 1];
    if (gan__is_poison(x)) return x;
    memcpy(dim, x->dim, sizeof x->dim);
    dim[x->ndim] = 1;
    return gan__reshape_to(x, x->ndim + 1, dim);
}
static gan_tensor *gan__without_unit(gan_tensor *x)
{
    return gan__is_poison(x) ? x : gan__reshape_to(x, x->ndim - 1, x->dim);
}

GAN_API gan_tensor *gan_gather(gan_tensor *x, gan_tensor *index)
{
    return gan__without_unit(gan_take(gan__with_unit(x), index));
}

// (N, C f f, H, W) as (N, C, f, f, H, W), to (N, C, H, f, W, f)
static gan_tensor *gan__shuffle(gan_tensor *x, int f, int up)
{
    int dim[6], c, h, w;
    if (gan__is_poison(x)) return x;
    if (x->ndim != 4 || f < 1 || f > 32768 || (up ? x->dim[1] % (f * f) : x->dim[2] % f || x->dim[3] % f))
        return gan__fail(x->ctx, GAN_ERROR_SHAPE, "pixel_%s: factor %d does not divide %t",
                         up ? "shuffle" : "unshuffle", f, x);
    c = up ? x->dim[1] / (f * f) : x->dim[1];
    h = up ? x->dim[2] : x->dim[2] / f;
    w = up ? x->dim[3] : x->dim[3] / f;
    dim[0] = x->dim[0];
    dim[1] = c;
    if (up) {
        dim[2] = dim[3] = f;
        dim[4] = h;
        dim[5] = w;
        x = gan_permute(gan__reshape_to(x, 6, dim), 6, 0, 1, 4, 2, 5, 3);
        return gan_reshape(x, 4, dim[0], c, h * f, w * f);
    }
    dim[2] = h;
    dim[3] = f;
    dim[4] = w;
    dim[5] = f;
    x = gan_permute(gan__reshape_to(x, 6, dim), 6, 0, 1, 3, 5, 2, 4);
    return gan_reshape(x, 4, dim[0], c * f * f, h, w);
}
GAN_API gan_tensor *gan_pixel_shuffle(gan_tensor *x, int factor) { return gan__shuffle(x, factor, 1); }
GAN_API gan_tensor *gan_pixel_unshuffle(gan_tensor *x, int factor) { return gan__shuffle(x, factor, 0); }

// >>reduce: sums, maxima and what is made of them; may use floors 0-4, op; tests/test_reduce.c

GAN_API gan_tensor *gan_sum(gan_tensor *x, unsigned axes, int keep)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_SUM, 1, &x, &y);
    int dim[GAN_MAX_DIMS], i, j, n = 0, failed = 0;
    const gan_real *from;
    gan_real *old = NULL, *to;
    int64_t a, r, size[GAN_MAX_DIMS];
    if (!ctx) return y;
    if (axes != GAN_ALL && axes >> x->ndim)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "sum: an axis beyond those of %t", x);
    for (i = 0; i < x->ndim; ++i) {
        size[i] = x->dim[i];
        if (!(axes & GAN_AXIS(i))) dim[n++] = x->dim[i];
        else if (keep) dim[n++] = 1;
    }
    y = gan__result(GAN_OP_SUM, n, dim, 1, &x);
    if (y == ctx->poison) return y;
    y->i[0] = (int)(axes & ((1u << x->ndim) - 1));
    from = x->data;
    for (i = x->ndim - 1; i >= 0 && !failed; i = j) { // one run of neighbouring axes after the other
        int64_t inner = 1;
        if (!(axes & GAN_AXIS(i))) {
            j = i - 1;
            continue;
        }
        for (r = 1, j = i; j >= 0 && (axes & GAN_AXIS(j)); --j) {
            r *= size[j];
            size[j] = 1;
        }
        for (a = 1, n = 0; n <= j; ++n) a *= size[n];
        for (n = i + 1; n < x->ndim; ++n) inner *= size[n];
        for (n = 0; n <= j && !(axes & GAN_AXIS(n)); ++n) {}
        to = n <= j ? (gan_real *)gan__scratch(ctx, (size_t)(a * inner) * sizeof *to) : y->data;
        failed = !to || gan__reduce(ctx, a, r, inner, from, to);
        gan__scratch_free(ctx, old);
        old = to == y->data ? NULL : to;
        from = to;
    }
    gan__scratch_free(ctx, old);
    if (failed) return ctx->poison;
    if (from == x->data && x->size) memcpy(y->data, x->data, x->size * sizeof *y->data);
    return y;
}
static void gan__op_sum_backward(gan__back *b)
{
    const gan_tensor *x = b->in[0];
    int dim[GAN_MAX_DIMS], i;
    for (i = 0; i < x->ndim; ++i) dim[i] = (unsigned)b->y->i[0] & GAN_AXIS(i) ? 1 : x->dim[i];
    if (GAN__WANT(0)) b->gin[0] = gan__expand_to(gan__reshape_to(b->g, x->ndim, dim), x->ndim, x->dim);
}

// Indices are kept as numbers: float holds whole ones exactly up to 2^24.
static int gan__too_long(size_t n) { return sizeof(gan_real) == 4 && n > (size_t)1 << 24; }

// The maxima of the rows of x (A.., R) -> (A.., 1) and where they stand, the first of equals; NaN wins.
static gan_tensor *gan__row_argmax(gan_tensor *x)
{
    gan_tensor *t;
    int dim[GAN_MAX_DIMS];
    size_t a, r, best, n;
    memcpy(dim, x->dim, sizeof dim);
    n = (size_t)dim[x->ndim - 1];
    dim[x->ndim - 1] = 1;
    if (!n || gan__too_long(n))
        return gan__fail(x->ctx, GAN_ERROR_SHAPE, "amax: an axis of %l in %t; from 1 to 2^24 can be indexed",
                         (int64_t)n, x);
    t = gan__tensor_new(x->ctx, x->ndim, dim);
    if (t == x->ctx->poison) return t;
    for (a = 0; a < t->size; ++a) {
        const gan_real *row = x->data + a * n;
        for (r = 1, best = 0; r < n && row[best] == row[best]; ++r)
            if (row[r] > row[best] || row[r] != row[r]) best = r;
        t->data[a] = (gan_real)best;
    }
    return t;
}

static gan_tensor *gan__amax_last(gan_tensor *x)
{
    gan_tensor *in[2], *y, *index = gan__row_argmax(x);
    size_t a, n = (size_t)x->dim[x->ndim - 1];
    if (gan__is_poison(index)) return index;
    in[0] = x;
    in[1] = index;
    y = gan__result(GAN_OP_AMAX, index->ndim, index->dim, 2, in);
    if (!gan__is_poison(y))
        for (a = 0; a < y->size; ++a) y->data[a] = x->data[a * n + (size_t)index->data[a]];
    return y;
}
static void gan__op_amax_backward(gan__back *b)
{
    const gan_tensor *x = b->in[0];
    int dim[3];
    dim[0] = (int)b->y->size;
    dim[1] = dim[2] = 1;
    if (!GAN__WANT(0)) return;
    b->gin[0] =
        gan_put(gan__reshape_to(b->g, 3, dim), gan__reshape_to(b->in[1], 2, dim), x->dim[x->ndim - 1]);
    b->gin[0] = gan__reshape_to(b->gin[0], x->ndim, x->dim);
}

// f over the last axis, applied to any axis.
static gan_tensor *gan__along(gan_tensor *x, int axis, int keep, gan_tensor *(*f)(gan_tensor *))
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_AMAX, 1, &x, &y);
    int dim[GAN_MAX_DIMS], i, n = 0;
    if (!ctx) return y;
    axis = gan__axis(GAN_OP_AMAX, x, axis);
    if (axis < 0) return ctx->poison;
    for (i = 0; i < x->ndim; ++i)
        if (i != axis) dim[n++] = x->dim[i];
        else if (keep) dim[n++] = 1;
    y = f(axis == x->ndim - 1 ? x : gan_transpose(x, axis, -1));
    if (gan__is_poison(y)) return y;
    return gan__reshape_to(axis == x->ndim - 1 ? y : gan_transpose(y, axis, -1), n, dim);
}

GAN_API gan_tensor *gan_amax(gan_tensor *x, int axis, int keep)
{
    return gan__along(x, axis, keep, gan__amax_last);
}
GAN_API gan_tensor *gan_argmax(gan_tensor *x, int axis, int keep)
{
    return gan__along(x, axis, keep, gan__row_argmax);
}

// composed

static size_t gan__reduced(const gan_tensor *x, unsigned axes)
{
    size_t n = 1;
    int i;
    for (i = 0; i < x->ndim; ++i)
        if (axes & GAN_AXIS(i)) n *= (size_t)x->dim[i];
    return n;
}

GAN_API gan_tensor *gan_mean(gan_tensor *x, unsigned axes, int keep)
{
    if (gan__is_poison(x)) return x;
    return gan_mul_scalar(gan_sum(x, axes, keep), (gan_real)(1.0 / (double)gan__reduced(x, axes)));
}

GAN_API gan_tensor *gan_sum_all(gan_tensor *x) { return gan_sum(x, GAN_ALL, 0); }
GAN_API gan_tensor *gan_mean_all(gan_tensor *x) { return gan_mean(x, GAN_ALL, 0); }

GAN_API gan_tensor *gan_var(gan_tensor *x, unsigned axes, int keep)
{
    return gan_mean(gan_square(gan_sub(x, gan_mean(x, axes, GAN_KEEPDIM))), axes, keep);
}

// sqrt(s + [s = 0]) - [s = 0]: the root of the sum of squares s, with slope 0 instead of infinity at 0.
GAN_API gan_tensor *gan_norm(gan_tensor *x, unsigned axes, int keep)
{
    gan_tensor *s = gan_sum(gan_square(x), axes, keep), *zero;
    if (gan__is_poison(s)) return s;
    zero = gan_eq(s, gan_scalar(s->ctx, 0));
    return gan_sub(gan_sqrt(gan_add(s, zero)), zero);
}

GAN_API gan_tensor *gan_norm_per_sample(gan_tensor *x) { return gan_norm(gan_flatten(x), GAN_AXIS(1), 0); }

// m + log sum exp(x - m) with m the maximum, a constant as far as the derivative goes
GAN_API gan_tensor *gan_logsumexp(gan_tensor *x, int axis, int keep)
{
    gan_tensor *m, *s, *zero;
    if (gan__is_poison(x)) return x;
    axis = gan__axis(GAN_OP_SUM, x, axis);
    if (axis < 0) return x->ctx->poison;
    m = gan_detach(gan_amax(x, axis, GAN_KEEPDIM));
    zero = gan_scalar(x->ctx, 0);
    m = gan_where(gan_lt(gan_abs(m), gan_scalar(x->ctx, (gan_real)HUGE_VAL)), m, zero); // inf - inf is NaN
    s = gan_add(m, gan_log(gan_sum(gan_exp(gan_sub(x, m)), GAN_AXIS(axis), GAN_KEEPDIM)));
    if (keep || gan__is_poison(s)) return s;
    return gan_sum(s, GAN_AXIS(axis), 0);
}

GAN_API gan_tensor *gan_log_softmax(gan_tensor *x, int axis)
{
    return gan_sub(x, gan_logsumexp(x, axis, GAN_KEEPDIM));
}
GAN_API gan_tensor *gan_softmax(gan_tensor *x, int axis) { return gan_exp(gan_log_softmax(x, axis)); }

// Whether a target fits: of the same shape, or one number for all. (n) with (n, 1) would broadcast to (n, n).
static int gan__target_fits(gan_tensor *x, gan_tensor *target, gan_tensor **bad)
{
    gan_tensor *in[2];
    in[0] = x;
    in[1] = target;
    if (!gan__inputs(GAN_OP_NONE, 2, in, bad)) return 0;
    if (target->size == 1 ||
        (x->ndim == target->ndim && !memcmp(x->dim, target->dim, (size_t)x->ndim * sizeof *x->dim)))
        return 1;
    gan__fail(x->ctx, GAN_ERROR_SHAPE,
              "loss: values %t and target %t must have one shape, or the target one value", x, target);
    return 0;
}

GAN_API gan_tensor *gan_mse_loss(gan_tensor *x, gan_tensor *target)
{
    gan_tensor *bad;
    return gan__target_fits(x, target, &bad) ? gan_mean_all(gan_square(gan_sub(x, target))) : bad;
}

GAN_API gan_tensor *gan_bce_with_logits(gan_tensor *logits, gan_tensor *target)
{
    gan_tensor *bad;
    if (!gan__target_fits(logits, target, &bad)) return bad;
    return gan_mean_all(gan_sub(gan_softplus(logits), gan_mul(target, logits)));
}

// >>product: matmul, linear, the convolution trio; may use floors 0-4, op; tests/test_product.c

// C (.., m, n) = op(A) op(B); the batch axes broadcast; one GEMM where B is a single matrix.
GAN_API gan_tensor *gan_matmul_t(gan_tensor *a, int ta, gan_tensor *b, int tb)
{
    gan_tensor *in[2], *y;
    gan_context *ctx;
    int dim[GAN_MAX_DIMS], ndim, i, m, n, k;
    int64_t batch = 1, at, off[2];
    in[0] = a;
    in[1] = b;
    ctx = gan__inputs(GAN_OP_MATMUL, 2, in, &y);
    if (!ctx) return y;
    if (a->ndim < 2 || b->ndim < 2)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "matmul: %t and %t must have two dimensions or more", a, b);
    m = a->dim[a->ndim - (ta ? 1 : 2)];
    k = a->dim[a->ndim - (ta ? 2 : 1)];
    n = b->dim[b->ndim - (tb ? 2 : 1)];
    if (b->dim[b->ndim - (tb ? 1 : 2)] != k)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "matmul: %t%s and %t%s: the inner sizes %d and %d differ", a,
                         ta ? " transposed" : "", b, tb ? " transposed" : "", k,
                         b->dim[b->ndim - (tb ? 1 : 2)]);
    ndim = GAN__MOST(a->ndim, b->ndim);
    for (i = 0; i < ndim - 2; ++i) {
        const int p = i - (ndim - a->ndim), q = i - (ndim - b->ndim), da = p < 0 ? 1 : a->dim[p],
                  db = q < 0 ? 1 : b->dim[q];
        if (da != db && da != 1 && db != 1)
            return gan__fail(ctx, GAN_ERROR_SHAPE, "matmul: the batch axes of %t and %t do not broadcast", a,
                             b);
        dim[i] = da == 1 ? db : da;
        batch *= dim[i];
    }
    dim[ndim - 2] = m;
    dim[ndim - 1] = n;
    y = gan__result(GAN_OP_MATMUL, ndim, dim, 2, in);
    if (y == ctx->poison) return y;
    y->i[0] = ta;
    y->i[1] = tb;
    if (b->ndim == 2 && !ta) { // one tall product
        if (gan__gemm(ctx, 0, tb, batch * m, n, k, a->data, k, b->data, tb ? k : n, 0, y->data, n, NULL))
            return ctx->poison;
        return y;
    }
    for (at = 0; at < batch; ++at) {
        int64_t rest = at, step[2] = {(int64_t)m * k, (int64_t)k * n};
        off[0] = off[1] = 0;
        for (i = ndim - 3; i >= 0; --i) {
            const int p = i - (ndim - a->ndim), q = i - (ndim - b->ndim);
            const int64_t c = rest % dim[i];
            rest /= dim[i];
            if (p >= 0 && a->dim[p] != 1) off[0] += c * step[0];
            if (q >= 0 && b->dim[q] != 1) off[1] += c * step[1];
            if (p >= 0) step[0] *= a->dim[p];
            if (q >= 0) step[1] *= b->dim[q];
        }
        if (gan__gemm(ctx, ta, tb, m, n, k, a->data + off[0], ta ? m : k, b->data + off[1], tb ? k : n, 0,
                      y->data + at * m * n, n, NULL))
            return ctx->poison;
    }
    return y;
}
GAN_API gan_tensor *gan_matmul(gan_tensor *a, gan_tensor *b) { return gan_matmul_t(a, 0, b, 0); }
// C = A B: dA = G B^T, dB = A^T G; of an operand that is transposed, the transpose of that.
static void gan__op_matmul_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *z = b->in[1], *g = b->g;
    const int ta = b->y->i[0], tb = b->y->i[1];
    if (GAN__WANT(0)) b->gin[0] = gan__sum_to(ta ? gan_matmul_t(z, tb, g, 1) : gan_matmul_t(g, 0, z, !tb), x);
    if (GAN__WANT(1)) b->gin[1] = gan__sum_to(tb ? gan_matmul_t(g, 1, x, ta) : gan_matmul_t(x, !ta, g, 0), z);
}

// (.., n) as (rows, n)
static gan_tensor *gan__rows(gan_tensor *x)
{
    int dim[2], i;
    if (gan__is_poison(x)) return x;
    for (dim[0] = 1, i = 0; i + 1 < x->ndim; ++i) dim[0] *= x->dim[i];
    dim[1] = x->ndim ? x->dim[x->ndim - 1] : 1;
    return gan__reshape_to(x, 2, dim);
}

static int gan__make_linear(gan_tensor *y, gan_real *out, int act, gan_real slope)
{
    gan_tensor *const *in = y->inline_in;
    const int64_t n = in[1]->dim[0], k = in[1]->dim[1];
    gan__epilogue e;
    memset(&e, 0, sizeof e);
    e.bias = in[2] ? in[2]->data : NULL;
    e.act = act;
    e.slope = slope;
    return gan__gemm(y->ctx, 0, 1, n ? (int64_t)y->size / n : 0, n, k, in[0]->data, k, in[1]->data, k, 0, out,
                     n, &e);
}

GAN_API gan_tensor *gan_f_linear(gan_tensor *x, gan_tensor *weight, gan_tensor *bias)
{
    gan_tensor *in[3], *y;
    gan_context *ctx;
    int dim[GAN_MAX_DIMS];
    in[0] = x;
    in[1] = weight;
    in[2] = bias;
    ctx = gan__inputs(GAN_OP_LINEAR, bias ? 3 : 2, in, &y);
    if (!ctx) return y;
    if (x->ndim < 1 || weight->ndim != 2 || x->dim[x->ndim - 1] != weight->dim[1] ||
        (bias && (bias->ndim != 1 || bias->dim[0] != weight->dim[0])))
        return bias ? gan__fail(ctx, GAN_ERROR_SHAPE,
                                "linear: x %t, weight %t, bias %t: want (.., in), (out, in), (out)", x,
                                weight, bias)
                    : gan__fail(ctx, GAN_ERROR_SHAPE, "linear: x %t, weight %t: want (.., in), (out, in)", x,
                                weight);
    memcpy(dim, x->dim, sizeof dim);
    dim[x->ndim - 1] = weight->dim[0];
    y = gan__later(GAN_OP_LINEAR, x->ndim, dim, bias ? 3 : 2, in, gan__make_linear);
    return y == ctx->poison ? y : gan__wait(y);
}
static void gan__op_linear_backward(gan__back *b)
{
    gan_tensor *x = b->in[0], *w = b->in[1];
    if (GAN__WANT(0)) b->gin[0] = gan__reshape_to(gan_matmul_t(gan__rows(b->g), 0, w, 0), x->ndim, x->dim);
    if (GAN__WANT(1)) b->gin[1] = gan_matmul_t(gan__rows(b->g), 1, gan__rows(x), 0);
    if (b->y->nin > 2 && GAN__WANT(2)) b->gin[2] = gan_sum(gan__rows(b->g), GAN_AXIS(0), 0);
}

// The convolution trio. A geometry g links x (n, ci, h, w), weight (co, ci / groups, kh, kw) and y (n, co,
// oh, ow); each of y(x, w), x(y, w) and w(x, y) is bilinear, and each one's gradients are the other two.

// What a node keeps of its geometry: all but the sizes that its tensors tell.
static void gan__conv_keep(gan_tensor *t, const gan__conv *g)
{
    t->i[0] = (int)g->sh;
    t->i[1] = (int)g->sw;
    t->i[2] = (int)g->ph;
    t->i[3] = (int)g->pw;
    t->i[4] = (int)g->dh;
    t->i[5] = (int)g->dw;
    t->i[6] = (int)g->groups;
    t->i[7] = (int)g->h;
    t->i[8] = (int)g->w;
    t->i[9] = (int)g->kh;
    t->i[10] = (int)g->kw;
}

static gan__conv gan__conv_kept(const gan_tensor *t)
{
    gan__conv g;
    memset(&g, 0, sizeof g);
    g.sh = t->i[0];
    g.sw = t->i[1];
    g.ph = t->i[2];
    g.pw = t->i[3];
    g.dh = t->i[4];
    g.dw = t->i[5];
    g.groups = t->i[6];
    g.h = t->i[7];
    g.w = t->i[8];
    g.kh = t->i[9];
    g.kw = t->i[10];
    return g;
}

static gan__conv gan__conv_from(const gan_conv2d_desc *d)
{
    gan__conv g;
    memset(&g, 0, sizeof g);
    g.sh = d->stride[0] ? d->stride[0] : 1;
    g.sw = d->stride[1] ? d->stride[1] : g.sh;
    g.ph = d->padding[0];
    g.pw = d->padding[1] ? GAN__MOST(d->padding[1], 0) : d->padding[0];
    g.dh = d->dilation[0] ? d->dilation[0] : 1;
    g.dw = d->dilation[1] ? d->dilation[1] : g.dh;
    g.groups = d->groups ? d->groups : 1;
    return g;
}

// The whole geometry of a conv2d node (x, w, bias) or a conv_transpose2d node (y, w, bias).
static gan__conv gan__conv_of(const gan_tensor *t)
{
    gan__conv g = gan__conv_kept(t);
    const int transpose = t->op == GAN_OP_CONV_TRANSPOSE2D;
    const gan_tensor *x = transpose ? t : t->inline_in[0], *y = transpose ? t->inline_in[0] : t;
    g.n = x->dim[0];
    g.ci = x->dim[1];
    g.h = x->dim[2];
    g.w = x->dim[3];
    g.co = y->dim[1];
    g.oh = y->dim[2];
    g.ow = y->dim[3];
    return g;
}

static int gan__make_conv(gan_tensor *t, gan_real *out, int act, gan_real slope)
{
    gan_tensor *const *in = t->inline_in;
    const gan__conv g = gan__conv_of(t);
    gan__epilogue e;
    memset(&e, 0, sizeof e);
    e.bias = in[2] ? in[2]->data : NULL;
    e.act = act;
    e.slope = slope;
    return (t->op == GAN_OP_CONV2D ? gan__conv_forward : gan__conv_input)(t->ctx, &g, in[0]->data,
                                                                          in[1]->data, &e, out);
}

static int64_t gan__conv_length(int64_t h, int64_t k, int64_t s, int64_t p, int64_t d)
{
    const int64_t reach = h + 2 * p - d * (k - 1) - 1;
    return reach < 0 ? 0 : reach / s + 1;
}

// y = conv(x, w) + bias with the stride, padding, dilation and groups of g, of height and width g.oh, g.ow;
// where g.oh is 0, as large as these make it.
static gan_tensor *gan__conv2d(gan_tensor *x, gan_tensor *w, gan_tensor *bias, gan__conv g)
{
    gan_tensor *in[3], *y;
    gan_context *ctx;
    int dim[4];
    in[0] = x;
    in[1] = w;
    in[2] = bias;
    ctx = gan__inputs(GAN_OP_CONV2D, bias ? 3 : 2, in, &y);
    if (!ctx) return y;
    if (x->ndim != 4 || w->ndim != 4)
        return gan__fail(ctx, GAN_ERROR_SHAPE,
                         "conv2d: x %t, weight %t: want (N, C, H, W) and (O, C / groups, kh, kw)", x, w);
    g.n = x->dim[0];
    g.ci = x->dim[1];
    g.h = x->dim[2];
    g.w = x->dim[3];
    g.co = w->dim[0];
    g.kh = w->dim[2];
    g.kw = w->dim[3];
    if (g.groups < 1 || g.co % g.groups || g.ci != w->dim[1] * g.groups ||
        (bias && (bias->ndim != 1 || bias->dim[0] != g.co)))
        return gan__fail(
            ctx, GAN_ERROR_SHAPE,
            "conv2d: x %t, weight %t, %d groups, bias of %d: want (N, C, H, W), (O, C / groups, kh, kw), (O)",
            x, w, (int)g.groups, bias ? bias->dim[0] : 0);
    if (g.sh < 1 || g.sw < 1 || g.ph < 0 || g.pw < 0 || g.dh < 1 || g.dw < 1 || g.kh < 1 || g.kw < 1)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT,
                         "conv2d: kernel, stride and dilation must be at least 1, padding at least 0");
    if (!g.oh) {
        g.oh = gan__conv_length(g.h, g.kh, g.sh, g.ph, g.dh);
        g.ow = gan__conv_length(g.w, g.kw, g.sw, g.pw, g.dw);
    }
    if (g.oh > 0x7fffffff || g.ow > 0x7fffffff)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "conv2d: padding %dx%d on x %t is too much", (int)g.ph,
                         (int)g.pw, x);
    if (!g.oh || !g.ow)
        return gan__fail(ctx, GAN_ERROR_SHAPE,
                         "conv2d: x %t is smaller than the kernel %dx%d with padding %dx%d", x, (int)g.kh,
                         (int)g.kw, (int)g.ph, (int)g.pw);
    dim[0] = (int)g.n;
    dim[1] = (int)g.co;
    dim[2] = (int)g.oh;
    dim[3] = (int)g.ow;
    y = gan__later(GAN_OP_CONV2D, 4, dim, bias ? 3 : 2, in, gan__make_conv);
    if (y == ctx->poison) return y;
    gan__conv_keep(y, &g);
    return gan__wait(y);
}

// x from y (n, co, oh, ow) and w (co, ci / groups, kh, kw), of height and width g.h, g.w; conv2d's adjoint.
static gan_tensor *gan__conv_transpose2d(gan_tensor *y, gan_tensor *w, gan_tensor *bias, gan__conv g)
{
    gan_tensor *in[3], *x;
    gan_context *ctx;
    int dim[4];
    in[0] = y;
    in[1] = w;
    in[2] = bias;
    ctx = gan__inputs(GAN_OP_CONV_TRANSPOSE2D, bias ? 3 : 2, in, &x);
    if (!ctx) return x;
    if (y->ndim != 4 || w->ndim != 4 || g.groups < 1 || y->dim[1] != w->dim[0] || y->dim[1] % g.groups ||
        (bias && (bias->ndim != 1 || bias->dim[0] != w->dim[1] * g.groups)))
        return gan__fail(ctx, GAN_ERROR_SHAPE,
                         "conv_transpose2d: x %t, weight %t, %d groups, bias of %d: want (N, C, H, W), (C, O "
                         "/ groups, kh, kw), (O)",
                         y, w, (int)g.groups, bias && bias->ndim ? bias->dim[0] : 0);
    g.n = y->dim[0];
    g.co = y->dim[1];
    g.oh = y->dim[2];
    g.ow = y->dim[3];
    g.ci = w->dim[1] * g.groups;
    g.kh = w->dim[2];
    g.kw = w->dim[3];
    dim[0] = (int)g.n;
    dim[1] = (int)g.ci;
    dim[2] = (int)g.h;
    dim[3] = (int)g.w;
    x = gan__later(GAN_OP_CONV_TRANSPOSE2D, 4, dim, bias ? 3 : 2, in, gan__make_conv);
    if (x == ctx->poison) return x;
    gan__conv_keep(x, &g);
    return gan__wait(x);
}

// w (co, ci / groups, kh, kw) from x (n, ci, h, w) and y (n, co, oh, ow), of the kernel size g.kh, g.kw.
static gan_tensor *gan__conv2d_weight(gan_tensor *x, gan_tensor *y, gan__conv g)
{
    gan_tensor *in[2], *w;
    gan_context *ctx;
    int dim[4];
    in[0] = x;
    in[1] = y;
    ctx = gan__inputs(GAN_OP_CONV2D_WEIGHT, 2, in, &w);
    if (!ctx) return w;
    g.n = x->dim[0];
    g.ci = x->dim[1];
    g.h = x->dim[2];
    g.w = x->dim[3];
    g.co = y->dim[1];
    g.oh = y->dim[2];
    g.ow = y->dim[3];
    dim[0] = (int)g.co;
    dim[1] = (int)(g.ci / g.groups);
    dim[2] = (int)g.kh;
    dim[3] = (int)g.kw;
    w = gan__result(GAN_OP_CONV2D_WEIGHT, 4, dim, 2, in);
    if (w == ctx->poison) return w;
    gan__conv_keep(w, &g);
    return gan__conv_weight(ctx, &g, x->data, y->data, w->data) ? ctx->poison : w;
}

static gan_tensor *gan__sum_channels(gan_tensor *g)
{
    return gan_sum(g, GAN_AXIS(0) | GAN_AXIS(2) | GAN_AXIS(3), 0);
}

static void gan__op_conv2d_backward(gan__back *b)
{
    const gan__conv g = gan__conv_kept(b->y);
    if (GAN__WANT(0)) b->gin[0] = gan__conv_transpose2d(b->g, b->in[1], NULL, g);
    if (GAN__WANT(1)) b->gin[1] = gan__conv2d_weight(b->in[0], b->g, g);
    if (b->y->nin > 2 && GAN__WANT(2)) b->gin[2] = gan__sum_channels(b->g);
}

static void gan__op_conv_transpose2d_backward(gan__back *b)
{
    gan__conv g = gan__conv_kept(b->y);
    g.oh = b->in[0]->dim[2]; // output_padding at or above the stride leaves room for more than x has
    g.ow = b->in[0]->dim[3];
    if (GAN__WANT(0)) b->gin[0] = gan__conv2d(b->g, b->in[1], NULL, g);
    if (GAN__WANT(1)) b->gin[1] = gan__conv2d_weight(b->g, b->in[0], g);
    if (b->y->nin > 2 && GAN__WANT(2)) b->gin[2] = gan__sum_channels(b->g);
}

static void gan__op_conv2d_weight_backward(gan__back *b)
{
    gan__conv g = gan__conv_kept(b->y);
    g.oh = b->in[1]->dim[2];
    g.ow = b->in[1]->dim[3];
    if (GAN__WANT(0)) b->gin[0] = gan__conv_transpose2d(b->in[1], b->g, NULL, g);
    if (GAN__WANT(1)) b->gin[1] = gan__conv2d(b->in[0], b->g, NULL, g);
}

GAN_API gan_tensor *gan_f_conv2d(gan_tensor *x, gan_tensor *weight, gan_tensor *bias,
                                 const gan_conv2d_desc *desc)
{
    gan_conv2d_desc none;
    memset(&none, 0, sizeof none);
    return gan__conv2d(x, weight, bias, gan__conv_from(desc ? desc : &none));
}

GAN_API gan_tensor *gan_f_conv_transpose2d(gan_tensor *x, gan_tensor *weight, gan_tensor *bias,
                                           const gan_conv2d_desc *desc)
{
    gan_tensor *in[2], *bad;
    gan_conv2d_desc none;
    gan__conv g;
    int64_t eh, ew;
    memset(&none, 0, sizeof none);
    if (!desc) desc = &none;
    g = gan__conv_from(desc);
    in[0] = x;
    in[1] = weight;
    if (!gan__inputs(GAN_OP_CONV_TRANSPOSE2D, 2, in, &bad)) return bad;
    if (x->ndim != 4 || weight->ndim != 4)
        return gan__fail(x->ctx, GAN_ERROR_SHAPE,
                         "conv_transpose2d: x %t, weight %t: want (N, C, H, W) and (C, O / groups, kh, kw)",
                         x, weight);
    if (x->dim[2] < 1 || x->dim[3] < 1 || weight->dim[2] < 1 || weight->dim[3] < 1)
        return gan__fail(x->ctx, GAN_ERROR_SHAPE,
                         "conv_transpose2d: x %t, weight %t: heights and widths must be at least 1", x,
                         weight);
    eh = desc->output_padding[0];
    ew = desc->output_padding[1] ? GAN__MOST(desc->output_padding[1], 0) : eh;
    if (g.sh < 1 || g.sw < 1 || g.ph < 0 || g.pw < 0 || g.dh < 1 || g.dw < 1 || eh < 0 || ew < 0 ||
        eh >= GAN__MOST(g.sh, g.dh) || ew >= GAN__MOST(g.sw, g.dw))
        return gan__fail(x->ctx, GAN_ERROR_ARGUMENT,
                         "conv_transpose2d: stride and dilation must be at least 1, padding at least 0, "
                         "output_padding below stride or dilation");
    g.h = (x->dim[2] - 1) * g.sh - 2 * g.ph + g.dh * (weight->dim[2] - 1) + eh + 1;
    g.w = (x->dim[3] - 1) * g.sw - 2 * g.pw + g.dw * (weight->dim[3] - 1) + ew + 1;
    if (g.h < 1 || g.w < 1 || g.h > 0x7fffffff || g.w > 0x7fffffff)
        return gan__fail(x->ctx, GAN_ERROR_SHAPE,
                         "conv_transpose2d: x %t, weight %t and padding %dx%d leave no output", x, weight,
                         (int)g.ph, (int)g.pw);
    return gan__conv_transpose2d(x, weight, bias, g);
}

// >>plane: pooling, upsampling, affine sampling of planes; may use floors 0-4, op, reduce; tests/test_plane.c

// What a task does to plane number `index`: from x (h, w) to y (oh, ow).
typedef struct gan__plane_job {
    const gan_real *x;
    gan_real *y;
    int h, w, oh, ow, k, s, mode;
} gan__plane_job;

static void gan__plane(gan__plane_job *j, const gan_tensor *x, gan_tensor *y, int k, int s)
{
    j->x = x->data;
    j->y = y->data;
    j->h = x->dim[2];
    j->w = x->dim[3];
    j->oh = y->dim[2];
    j->ow = y->dim[3];
    j->k = k;
    j->s = s;
    j->mode = 0;
}

// Checks (N, C, H, W) and a window that fits, and gives the output's shape.
static int gan__pool_shape(gan_op op, const gan_tensor *x, int k, int s, int *dim)
{
    if (x->ndim != 4 || k < 1 || s < 1 || k > x->dim[2] || k > x->dim[3]) {
        gan__fail(x->ctx, GAN_ERROR_SHAPE,
                  "%o: a window of %d with stride %d on %t: want (N, C, H, W) no smaller than the window", op,
                  k, s, x);
        return 1;
    }
    if (gan__too_long((size_t)x->dim[2] * (size_t)x->dim[3])) {
        gan__fail(x->ctx, GAN_ERROR_SHAPE, "%o: planes of more than 2^24 pixels in %t", op, x);
        return 1;
    }
    dim[0] = x->dim[0];
    dim[1] = x->dim[1];
    dim[2] = (x->dim[2] - k) / s + 1;
    dim[3] = (x->dim[3] - k) / s + 1;
    return 0;
}

// Beside its maxima max_pool2d keeps where in its window each one stands: in a byte (windows beyond 11 x 11:
// in four), so that the way back reads a sixteenth of what the input is. Bytes up to 120 never look like a
// NaN to whoever reads them as reals. Windows of 2 x 2, two apart, have kernels: there and back they take
// 3.1 % of a step of the thesis's network; loops over an index of reals take 8.2 %.
typedef struct gan__pool_job {
    const struct gan__kernels *k;
    gan_real *big, *little; // planes (h, w) and (oh, ow)
    void *at;
    int window, stride, h, w, oh, ow;
} gan__pool_job;

enum { GAN__BYTE_WINDOW = 11 };

// Where in its big plane the maximum stands that is number o of all little planes, (oy, ox) in its own.
static int gan__pool_at(const gan__pool_job *j, int64_t o, int oy, int ox)
{
    const int k = j->window,
              at = k <= GAN__BYTE_WINDOW ? ((const unsigned char *)j->at)[o] : ((const int32_t *)j->at)[o];
    return (oy * j->stride + at / k) * j->w + ox * j->stride + at % k;
}

static void gan__max_pool_task(void *arg, int64_t plane)
{
    const gan__pool_job *j = (const gan__pool_job *)arg;
    const gan_real *x = j->big + plane * j->h * j->w;
    int64_t o = plane * j->oh * j->ow;
    int oy, ox, ky, kx;
    if (j->window == 2 && j->stride == 2) {
        j->k->max_pool(j->oh, j->ow, j->w, x, j->little + o, (unsigned char *)j->at + o);
        return;
    }
    for (oy = 0; oy < j->oh; ++oy)
        for (ox = 0; ox < j->ow; ++ox, ++o) {
            const gan_real *from = x + oy * j->stride * j->w + ox * j->stride;
            gan_real top = *from;
            int best = 0;
            for (ky = 0; ky < j->window; ++ky)
                for (kx = 0; kx < j->window; ++kx) {
                    const gan_real v = from[ky * j->w + kx];
                    const int wins = (v > top) | (v != v); // in integers: a branch here is a coin toss
                    best += (ky * j->window + kx - best) & -wins;
                    top = wins ? v : top;
                }
            j->little[o] = top;
            if (j->window <= GAN__BYTE_WINDOW) ((unsigned char *)j->at)[o] = (unsigned char)best;
            else ((int32_t *)j->at)[o] = best;
        }
}

static void gan__max_unpool_task(void *arg, int64_t plane)
{
    const gan__pool_job *j = (const gan__pool_job *)arg;
    gan_real *x = j->big + plane * j->h * j->w;
    int64_t o = plane * j->oh * j->ow;
    int oy, ox;
    if (j->window == 2 && j->stride == 2) {
        j->k->max_unpool(j->oh, j->ow, j->h, j->w, j->little + o, (const unsigned char *)j->at + o, x);
        return;
    }
    memset(x, 0, (size_t)j->h * (size_t)j->w * sizeof *x);
    for (oy = 0; oy < j->oh; ++oy)
        for (ox = 0; ox < j->ow; ++ox, ++o) x[gan__pool_at(j, o, oy, ox)] += j->little[o];
}

static void gan__max_repool_task(void *arg, int64_t plane)
{
    const gan__pool_job *j = (const gan__pool_job *)arg;
    const gan_real *x = j->big + plane * j->h * j->w;
    int64_t o = plane * j->oh * j->ow;
    int oy, ox;
    for (oy = 0; oy < j->oh; ++oy)
        for (ox = 0; ox < j->ow; ++ox, ++o) j->little[o] = x[gan__pool_at(j, o, oy, ox)];
}

// i: window, stride, h, w, oh, ow, kept in the three operations of max pooling.
static void gan__pool_run(gan_tensor *big, gan_tensor *little, gan_tensor *at, const int *i, gan_task *task)
{
    gan__pool_job j;
    j.k = big->ctx->k;
    j.big = big->data;
    j.little = little->data;
    j.at = at->data;
    j.window = i[0];
    j.stride = i[1];
    j.h = i[2];
    j.w = i[3];
    j.oh = i[4];
    j.ow = i[5];
    gan__par(big->ctx, (int64_t)big->dim[0] * big->dim[1], (int64_t)GAN__MOST(big->size, little->size), task,
             &j);
}

GAN_API gan_tensor *gan_max_pool2d(gan_tensor *x, int kernel, int stride)
{
    gan_tensor *in[2], *y;
    gan_context *ctx = gan__inputs(GAN_OP_MAX_POOL2D, 1, &x, &y);
    int dim[4], cells, i;
    size_t n;
    if (!ctx) return y;
    if (!stride) stride = kernel;
    if (gan__pool_shape(GAN_OP_MAX_POOL2D, x, kernel, stride, dim)) return ctx->poison;
    n = (size_t)dim[0] * (size_t)dim[1] * (size_t)dim[2] * (size_t)dim[3]; // no more than x has
    n *= kernel <= GAN__BYTE_WINDOW ? 1 : sizeof(int32_t);
    n = (n + sizeof *x->data - 1) / sizeof *x->data;
    if (n > 0x7fffffff) return gan__fail(ctx, GAN_ERROR_SHAPE, "max_pool2d: %t is too large", x);
    cells = (int)n;
    in[0] = x;
    in[1] = gan__tensor_new(ctx, 1, &cells);
    if (gan__is_poison(in[1])) return ctx->poison;
    y = gan__result(GAN_OP_MAX_POOL2D, 4, dim, 2, in);
    if (y == ctx->poison) return y;
    y->i[0] = kernel;
    y->i[1] = stride;
    for (i = 0; i < 2; ++i) {
        y->i[2 + i] = x->dim[2 + i];
        y->i[4 + i] = dim[2 + i];
    }
    if (cells) in[1]->data[cells - 1] = 0; // what is left over
    gan__pool_run(x, y, in[1], y->i, gan__max_pool_task);
    return y;
}

// Values g of the little planes put where the maxima stood (those that fall together are added); and, its
// adjoint, values of the big planes taken from there.
static gan_tensor *gan__max_move2d(gan_op op, gan_tensor *x, gan_tensor *at, const int *i)
{
    const int up = op == GAN_OP_MAX_UNPOOL2D;
    gan_tensor *in[2], *y;
    gan_context *ctx;
    int dim[4];
    in[0] = x;
    in[1] = at;
    ctx = gan__inputs(op, 2, in, &y);
    if (!ctx) return y;
    dim[0] = x->dim[0];
    dim[1] = x->dim[1];
    dim[2] = i[up ? 2 : 4];
    dim[3] = i[up ? 3 : 5];
    y = gan__result(op, 4, dim, 2, in);
    if (y == ctx->poison) return y;
    memcpy(y->i, i, 6 * sizeof *i);
    gan__pool_run(up ? y : x, up ? x : y, at, i, up ? gan__max_unpool_task : gan__max_repool_task);
    return y;
}
static void gan__op_max_pool2d_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__max_move2d(GAN_OP_MAX_UNPOOL2D, b->g, b->in[1], b->y->i);
}
static void gan__op_max_unpool2d_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__max_move2d(GAN_OP_MAX_REPOOL2D, b->g, b->in[1], b->y->i);
}
static void gan__op_max_repool2d_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__max_move2d(GAN_OP_MAX_UNPOOL2D, b->g, b->in[1], b->y->i);
}

static void gan__avg_pool_task(void *arg, int64_t plane)
{
    const gan__plane_job *j = (const gan__plane_job *)arg;
    const gan_real *x = j->x + plane * j->h * j->w, scale = (gan_real)1 / (gan_real)(j->k * j->k);
    gan_real *y = j->y + plane * j->oh * j->ow;
    int oy, ox, ky, kx;
    for (oy = 0; oy < j->oh; ++oy)
        for (ox = 0; ox < j->ow; ++ox) {
            gan_real sum = 0;
            for (ky = 0; ky < j->k; ++ky)
                for (kx = 0; kx < j->k; ++kx) sum += x[(oy * j->s + ky) * j->w + ox * j->s + kx];
            *y++ = sum * scale;
        }
}

static void gan__avg_unpool_task(void *arg, int64_t plane)
{
    const gan__plane_job *j = (const gan__plane_job *)arg;
    const gan_real *g = j->x + plane * j->h * j->w, scale = (gan_real)1 / (gan_real)(j->k * j->k);
    gan_real *y = j->y + plane * j->oh * j->ow;
    int iy, ix, ky, kx;
    memset(y, 0, (size_t)(j->oh * j->ow) * sizeof *y);
    for (iy = 0; iy < j->h; ++iy)
        for (ix = 0; ix < j->w; ++ix) {
            const gan_real v = *g++ * scale;
            for (ky = 0; ky < j->k; ++ky)
                for (kx = 0; kx < j->k; ++kx) y[(iy * j->s + ky) * j->ow + ix * j->s + kx] += v;
        }
}

GAN_API gan_tensor *gan_avg_pool2d(gan_tensor *x, int kernel, int stride)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_AVG_POOL2D, 1, &x, &y);
    gan__plane_job j;
    int dim[4];
    if (!ctx) return y;
    if (!stride) stride = kernel;
    if (gan__pool_shape(GAN_OP_AVG_POOL2D, x, kernel, stride, dim)) return ctx->poison;
    y = gan__result(GAN_OP_AVG_POOL2D, 4, dim, 1, &x);
    if (y == ctx->poison) return y;
    y->i[0] = kernel;
    y->i[1] = stride;
    gan__plane(&j, x, y, kernel, stride);
    gan__par(ctx, (int64_t)dim[0] * dim[1], (int64_t)GAN__MOST(x->size, y->size), gan__avg_pool_task, &j);
    return y;
}
// The adjoint of avg_pool2d: g (N, C, oh, ow) spread over windows of an h x w plane.
static gan_tensor *gan__avg_pool2d_backward(gan_tensor *g, int h, int w, int kernel, int stride)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_AVG_POOL2D_BACKWARD, 1, &g, &y);
    gan__plane_job j;
    int dim[4];
    if (!ctx) return y;
    dim[0] = g->dim[0];
    dim[1] = g->dim[1];
    dim[2] = h;
    dim[3] = w;
    y = gan__result(GAN_OP_AVG_POOL2D_BACKWARD, 4, dim, 1, &g);
    if (y == ctx->poison) return y;
    y->i[0] = kernel;
    y->i[1] = stride;
    gan__plane(&j, g, y, kernel, stride);
    gan__par(ctx, (int64_t)dim[0] * dim[1], (int64_t)GAN__MOST(g->size, y->size), gan__avg_unpool_task, &j);
    return y;
}
static void gan__op_avg_pool2d_backward(gan__back *b)
{
    const gan_tensor *x = b->in[0];
    if (GAN__WANT(0))
        b->gin[0] = gan__avg_pool2d_backward(b->g, x->dim[2], x->dim[3], b->y->i[0], b->y->i[1]);
}
static void gan__op_avg_pool2d_backward_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan_avg_pool2d(b->g, b->y->i[0], b->y->i[1]);
}

// Bilinear as PyTorch with align_corners false: output row i looks at (i + 1/2) / factor - 1/2, clamped at
// the border.
static void gan__tap(int i, int factor, int n, int *lo, int *hi, gan_real *share)
{
    gan_real at = ((gan_real)i + (gan_real)0.5) / (gan_real)factor - (gan_real)0.5;
    if (at < 0) at = 0;
    *lo = (int)at;
    *hi = *lo + 1 < n ? *lo + 1 : *lo;
    *share = at - (gan_real)*lo;
}

// y += x through the taps (forward), or x += y (adjoint): one walk for both.
static void gan__upsample_task(void *arg, int64_t plane)
{
    const gan__plane_job *j = (const gan__plane_job *)arg;
    const int adjoint = j->s, h = adjoint ? j->oh : j->h, w = adjoint ? j->ow : j->w, oh = h * j->k,
              ow = w * j->k;
    const gan_real *in = j->x + plane * j->h * j->w;
    gan_real *out = j->y + plane * j->oh * j->ow, a, b;
    int y, x, y0, y1, x0, x1;
    if (adjoint) memset(out, 0, (size_t)(h * w) * sizeof *out);
    for (y = 0; y < oh; ++y) {
        if (j->mode == GAN_NEAREST) y0 = y1 = y / j->k, a = 0;
        else gan__tap(y, j->k, h, &y0, &y1, &a);
        for (x = 0; x < ow; ++x) {
            if (j->mode == GAN_NEAREST) x0 = x1 = x / j->k, b = 0;
            else gan__tap(x, j->k, w, &x0, &x1, &b);
            if (!adjoint) {
                const gan_real top = in[y0 * w + x0] * (1 - b) + in[y0 * w + x1] * b;
                const gan_real low = in[y1 * w + x0] * (1 - b) + in[y1 * w + x1] * b;
                out[y * ow + x] = top * (1 - a) + low * a;
            } else {
                const gan_real g = in[y * ow + x];
                out[y0 * w + x0] += g * (1 - a) * (1 - b);
                out[y0 * w + x1] += g * (1 - a) * b;
                out[y1 * w + x0] += g * a * (1 - b);
                out[y1 * w + x1] += g * a * b;
            }
        }
    }
}

static gan_tensor *gan__upsample(gan_op op, gan_tensor *x, int factor, int mode)
{
    const int adjoint = op == GAN_OP_UPSAMPLE_BACKWARD;
    gan_tensor *y;
    gan_context *ctx = gan__inputs(op, 1, &x, &y);
    gan__plane_job j;
    int dim[4], i;
    if (!ctx) return y;
    if (x->ndim != 4 || factor < 1 || (mode != GAN_NEAREST && mode != GAN_BILINEAR) ||
        (!adjoint && (x->dim[2] > 0x7fffffff / factor || x->dim[3] > 0x7fffffff / factor)))
        return gan__fail(ctx, GAN_ERROR_ARGUMENT,
                         "upsample: factor %d, mode %d on %t: want (N, C, H, W), factor >= 1, a known mode",
                         factor, mode, x);
    for (i = 0; i < 4; ++i) dim[i] = i < 2 ? x->dim[i] : adjoint ? x->dim[i] / factor : x->dim[i] * factor;
    y = gan__result(op, 4, dim, 1, &x);
    if (y == ctx->poison) return y;
    y->i[0] = factor;
    y->i[1] = mode;
    gan__plane(&j, x, y, factor, adjoint);
    j.mode = mode;
    gan__par(ctx, (int64_t)dim[0] * dim[1], (int64_t)GAN__MOST(x->size, y->size), gan__upsample_task, &j);
    return y;
}
GAN_API gan_tensor *gan_upsample(gan_tensor *x, int factor, gan_upsample_mode mode)
{
    return gan__upsample(GAN_OP_UPSAMPLE, x, factor, (int)mode);
}
static void gan__op_upsample_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__upsample(GAN_OP_UPSAMPLE_BACKWARD, b->g, b->y->i[0], b->y->i[1]);
}
static void gan__op_upsample_backward_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__upsample(GAN_OP_UPSAMPLE, b->g, b->y->i[0], b->y->i[1]);
}

// Affine sampling. A sample is a task: its channels share their taps, which are made for a piece of a row at
// a time, and the adjoint writes to its own planes alone.
enum { GAN__TAPS = 64 };

typedef struct gan__affine_job {
    const gan_real *x, *map;
    gan_real *y;
    int channels, h, w, border, adjoint;
} gan__affine_job;

typedef struct gan__taps { // four pixels and their weights for each of up to GAN__TAPS places
    int at[4][GAN__TAPS];
    gan_real share[4][GAN__TAPS];
} gan__taps;

// The pixel of 0 .. n-1 that stands at place i, or -1 for none.
static int gan__border_at(int i, int n, int border)
{
    const int64_t turn = 2 * (int64_t)n;
    int64_t k;
    if (i >= 0 && i < n) return i;
    if (border == GAN_BORDER_ZEROS) return -1;
    k = ((int64_t)i % turn + turn) % turn;
    return (int)(k < n ? k : turn - 1 - k);
}

// The whole part, downwards, of a place that may be anything, and what remains.
static int gan__border_floor(double *at)
{
    const double most = 1 << 30;
    int i;
    if (!(*at > -most)) *at = -most;
    if (*at > most) *at = most;
    i = (int)*at;
    i -= *at < i;
    *at -= i;
    return i;
}

// Row `row` of the output, places `from` .. `from + n - 1`.
static void gan__affine_taps(const gan__affine_job *j, const gan_real *map, int row, int from, int n,
                             gan__taps *t)
{
    const double u0 = (double)map[1] * row + (double)map[2], v0 = (double)map[4] * row + (double)map[5];
    const int h = j->h, w = j->w;
    int k, q;
    for (k = 0; k < n; ++k) {
        double u = (double)map[0] * (from + k) + u0, v = (double)map[3] * (from + k) + v0;
        const int left = gan__border_floor(&u), top = gan__border_floor(&v);
        t->share[0][k] = (gan_real)((1 - v) * (1 - u));
        t->share[1][k] = (gan_real)((1 - v) * u);
        t->share[2][k] = (gan_real)(v * (1 - u));
        t->share[3][k] = (gan_real)(v * u);
        if (left >= 0 && left < w - 1 && top >= 0 && top < h - 1) {
            t->at[0][k] = top * w + left;
            t->at[1][k] = top * w + left + 1;
            t->at[2][k] = (top + 1) * w + left;
            t->at[3][k] = (top + 1) * w + left + 1;
            continue;
        }
        for (q = 0; q < 4; ++q) {
            const int x = gan__border_at(left + (q & 1), w, j->border);
            const int y = gan__border_at(top + (q >> 1), h, j->border);
            t->at[q][k] = x < 0 || y < 0 ? 0 : y * w + x;
            if (x < 0 || y < 0) t->share[q][k] = 0;
        }
    }
}

static void gan__affine_gather(const gan__taps *t, int n, const gan_real *x, gan_real *y)
{
    int k;
    for (k = 0; k < n; ++k)
        y[k] = t->share[0][k] * x[t->at[0][k]] + t->share[1][k] * x[t->at[1][k]] +
               (t->share[2][k] * x[t->at[2][k]] + t->share[3][k] * x[t->at[3][k]]);
}

static void gan__affine_scatter(const gan__taps *t, int n, const gan_real *g, gan_real *x)
{
    int k, q;
    for (k = 0; k < n; ++k)
        for (q = 0; q < 4; ++q) x[t->at[q][k]] += t->share[q][k] * g[k];
}

static void gan__affine_task(void *arg, int64_t sample)
{
    const gan__affine_job *j = (const gan__affine_job *)arg;
    const int64_t plane = (int64_t)j->h * j->w, all = plane * j->channels;
    const gan_real *map = j->map + sample * 6, *x = j->x + sample * all;
    gan_real *y = j->y + sample * all;
    gan__taps t;
    int row, from, c;
    if (map[0] == 1 && map[1] == 0 && map[2] == 0 && map[3] == 0 && map[4] == 1 && map[5] == 0) {
        memcpy(y, x, (size_t)all * sizeof *y);
        return;
    }
    if (j->adjoint) memset(y, 0, (size_t)all * sizeof *y);
    for (row = 0; row < j->h; ++row)
        for (from = 0; from < j->w; from += GAN__TAPS) {
            const int n = GAN__LEAST(j->w - from, (int)GAN__TAPS);
            const int64_t at = (int64_t)row * j->w + from;
            gan__affine_taps(j, map, row, from, n, &t);
            for (c = 0; c < j->channels; ++c) {
                if (j->adjoint) gan__affine_scatter(&t, n, x + c * plane + at, y + c * plane);
                else gan__affine_gather(&t, n, x + c * plane, y + c * plane + at);
            }
        }
}

static gan_tensor *gan__affine_sample(gan_op op, gan_tensor *x, gan_tensor *map, int border)
{
    gan_tensor *in[2], *y;
    gan_context *ctx;
    gan__affine_job j;
    in[0] = x;
    in[1] = map;
    ctx = gan__inputs(op, 2, in, &y);
    if (!ctx) return y;
    if (x->ndim != 4 || map->ndim != 3 || map->dim[0] != x->dim[0] || map->dim[1] != 2 || map->dim[2] != 3)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "%o: x %t with map %t: want (N, C, H, W) and (N, 2, 3)", op, x,
                         map);
    if (x->dim[2] && x->dim[3] > 0x7fffffff / x->dim[2])
        return gan__fail(ctx, GAN_ERROR_SHAPE, "%o: planes of more than 2^31 pixels in %t", op, x);
    if (border != GAN_BORDER_ZEROS && border != GAN_BORDER_REFLECT)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "%o: border %d is unknown; take one of gan_border", op,
                         border);
    y = gan__result(op, 4, x->dim, 2, in);
    if (y == ctx->poison) return y;
    y->i[0] = border;
    j.x = x->data;
    j.map = map->data;
    j.y = y->data;
    j.channels = x->dim[1];
    j.h = x->dim[2];
    j.w = x->dim[3];
    j.border = border;
    j.adjoint = op == GAN_OP_AFFINE_SAMPLE_BACKWARD;
    if (x->size) gan__par(ctx, x->dim[0], (int64_t)x->size, gan__affine_task, &j);
    return y;
}
GAN_API gan_tensor *gan_affine_sample(gan_tensor *x, gan_tensor *map, gan_border border)
{
    return gan__affine_sample(GAN_OP_AFFINE_SAMPLE, x, map, (int)border);
}
static void gan__op_affine_sample_backward(gan__back *b)
{
    if (GAN__WANT(0))
        b->gin[0] = gan__affine_sample(GAN_OP_AFFINE_SAMPLE_BACKWARD, b->g, b->in[1], b->y->i[0]);
}
static void gan__op_affine_sample_backward_backward(gan__back *b)
{
    if (GAN__WANT(0)) b->gin[0] = gan__affine_sample(GAN_OP_AFFINE_SAMPLE, b->g, b->in[1], b->y->i[0]);
}

// >>norm: normalize, of which all norm layers are made; may use floors 0-4, op; tests/test_norm.c
//
// x seen as (A, C, B), h = (x - mean_c) s_c with s_c = 1 / sqrt(var_c + eps), y = h w_c + b_c.
// x is read twice and nothing but mean and s is kept; the way back reads g and x twice, too. Of a step of
// DCGAN (32 x 32) that is 3.4 %; a pass each for sums, squares, scaling, weight and bias makes it 11 %.

// One of two passes over blocks of images and channels: sums of each block into part[block of images][2][C],
// or y.
typedef struct gan__norm_job {
    const struct gan__kernels *k;
    const gan_real *x, *g, *m, *p, *q, *s;
    gan_real *part, *y;
    int64_t a, c, b, images, channels; // of a block
    gan__epilogue e;                   // the activation of y
} gan__norm_job;

static void gan__norm_task(void *arg, int64_t index)
{
    const gan__norm_job *j = (const gan__norm_job *)arg;
    const int64_t across = (j->c + j->channels - 1) / j->channels, first = index / across * j->images;
    const int64_t from = index % across * j->channels, c = GAN__LEAST(j->channels, j->c - from);
    const int64_t image = j->c * j->b, at = first * image + from * j->b,
                  n = GAN__LEAST(j->images, j->a - first);
    const gan_real *x = j->x + at, *g = j->g ? j->g + at : NULL;
    int64_t i;
    if (j->part) {
        gan_real *sum = j->part + index / across * 2 * j->c + from;
        j->k->norm_sums(n, image, (int)c, j->b, x, g, j->m + from, sum, sum + j->c);
    } else {
        j->k->norm_apply(n, image, c, j->b, x, g, j->m + from, j->p + from, j->q + from,
                         j->s ? j->s + from : NULL, j->y + at);
        for (i = 0; i < n; ++i) gan__gemm_act(j->k, &j->e, c * j->b, j->y + at + i * image);
    }
}

static void gan__norm_run(gan_context *ctx, gan__norm_job *j)
{
    const int64_t blocks = (j->a + j->images - 1) / j->images;
    gan__par(ctx, blocks * ((j->c + j->channels - 1) / j->channels), j->a * j->c * j->b, gan__norm_task, j);
}

// sum[c] and sum[C + c]: what norm_sums gives, over all of A. Floats are added up to some 128 a lane, then
// doubles. 1: no memory.
static int gan__norm_sums(gan_context *ctx, const gan_real *x, const gan_real *g, const gan_real *m, int a,
                          int c, int b, double *sum)
{
    gan__norm_job j;
    int64_t i, k, blocks;
    memset(&j, 0, sizeof j);
    j.k = ctx->k;
    j.x = x;
    j.g = g;
    j.m = m;
    j.a = a;
    j.c = c;
    j.b = b;
    j.channels = b == 1 ? 512 : GAN__LEAST(64, GAN__MOST(1, GAN__GRAIN / b));
    j.images = b == 1 ? 64 : GAN__MOST(1, 2048 / b);
    blocks = (j.a + j.images - 1) / j.images;
    j.part = (gan_real *)gan__scratch(ctx, (size_t)(blocks * 2 * c) * sizeof *j.part);
    if (!j.part) return 1;
    gan__norm_run(ctx, &j);
    for (k = 0; k < 2 * (int64_t)c; ++k) sum[k] = 0;
    for (i = 0; i < blocks; ++i)
        for (k = 0; k < 2 * (int64_t)c; ++k) sum[k] += (double)j.part[i * 2 * c + k];
    gan__scratch_free(ctx, j.part);
    return 0;
}

// y = act(p (x - m) + q), or p (x - m) + s g + q, which may be g
static void gan__norm_apply(gan_context *ctx, const gan_real *x, const gan_real *g, const gan_real *m,
                            const gan_real *p, const gan_real *q, const gan_real *s, int a, int c, int b,
                            gan_real *y, int act, gan_real slope)
{
    gan__norm_job j;
    memset(&j, 0, sizeof j);
    j.e.act = act;
    j.e.slope = slope;
    j.k = ctx->k;
    j.x = x;
    j.g = g;
    j.m = m;
    j.p = p;
    j.q = q;
    j.s = s;
    j.a = a;
    j.c = c;
    j.b = b;
    j.y = y;
    j.channels = GAN__LEAST(j.c, GAN__MOST(1, GAN__GRAIN / j.b));
    j.images = j.channels < j.c ? 1 : GAN__MOST(1, GAN__GRAIN / (j.c * j.b));
    gan__norm_run(ctx, &j);
}

// mean and s = 1 / sqrt(var + eps) of the channels, in one pass: var = M(v^2) - M(v)^2, v = x - k, with k the
// mean of the first image. Since (k - mean)^2 <= A var, a factor 1 + A of accuracy is lost at most, and that
// hardly ever. 1: no memory.
static int gan__norm_moments(gan_context *ctx, const gan_real *x, int a, int c, int b, gan_real eps,
                             gan_real *mean, gan_real *s)
{
    const double n = (double)a * b;
    double *sum = (double *)gan__scratch(ctx, 2 * (size_t)c * sizeof *sum);
    int i;
    if (!sum) return 1;
    for (i = 0; i < c; ++i)
        mean[i] = b == 1 ? x[i] : ctx->k->sum((size_t)b, x + (int64_t)i * b) / (gan_real)b;
    if (gan__norm_sums(ctx, x, NULL, mean, a, c, b, sum)) {
        gan__scratch_free(ctx, sum);
        return 1;
    }
    for (i = 0; i < c; ++i) {
        const double d = sum[i] / n, var = sum[c + i] / n - d * d;
        mean[i] = (gan_real)((double)mean[i] + d);
        s[i] = (gan_real)(1 / sqrt((var < 0 ? 0 : var) + (double)eps)); // a NaN stays one
    }
    gan__scratch_free(ctx, sum);
    return 0;
}

static int gan__make_normalize(gan_tensor *t, gan_real *out, int act, gan_real slope)
{
    gan_tensor *const *in = t->inline_in;
    const int c = t->i[1];
    gan_real *p = (gan_real *)gan__scratch(t->ctx, 2 * (size_t)c * sizeof *p), *q;
    int i;
    if (!p) return 1;
    q = p + c;
    for (i = 0; i < c; ++i) {
        p[i] = in[2]->data[i] * (in[3] ? in[3]->data[i] : 1);
        q[i] = in[4] ? in[4]->data[i] : 0;
    }
    gan__norm_apply(t->ctx, in[0]->data, NULL, in[1]->data, p, q, NULL, t->i[0], c, t->i[2], out, act, slope);
    gan__scratch_free(t->ctx, p);
    return 0;
}

// in = {x, mean (C), s (C)} or, with w and bias (C), {x, mean, s, w, bias}. mean and s are by-products
// without gradients of their own, handed out where `stats` is given.
static gan_tensor *gan__normalize(gan_tensor *x, gan_tensor *w, gan_tensor *bias, int a, int c, int b,
                                  gan_real eps, gan_tensor **stats)
{
    gan_tensor *in[5], *y;
    gan_context *ctx = gan__inputs(GAN_OP_NORMALIZE, 1, &x, &y);
    size_t n;
    if (!ctx) return y;
    if (a < 1 || c < 1 || b < 1 || gan__mul_size((size_t)a * (size_t)c, (size_t)b, &n) || n != x->size)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "normalize: %t cannot be seen as (%d, %d, %d)", x, a, c, b);
    in[0] = x;
    in[1] = gan__tensor_new(ctx, 1, &c);
    in[2] = gan__tensor_new(ctx, 1, &c);
    in[3] = w;
    in[4] = bias;
    if (gan__is_poison(in[1]) || gan__is_poison(in[2])) return ctx->poison;
    if (gan__norm_moments(ctx, x->data, a, c, b, eps, in[1]->data, in[2]->data)) return ctx->poison;
    y = gan__later(GAN_OP_NORMALIZE, x->ndim, x->dim, w ? 5 : 3, in, gan__make_normalize);
    if (y == ctx->poison) return y;
    y->i[0] = a;
    y->i[1] = c;
    y->i[2] = b;
    y->p = eps;
    if (stats) {
        stats[0] = in[1];
        stats[1] = in[2];
    }
    return gan__wait(y);
}
GAN_API gan_tensor *gan_normalize(gan_tensor *x, int a, int c, int b, gan_real eps)
{
    return gan__normalize(x, NULL, NULL, a, c, b, eps, NULL);
}

// y = w s (g - M(g) - h M(g h)), M the mean over a channel, and with w also dw = sum g h, db = sum g (where
// given): two passes. 1: no memory.
static int gan__norm_back(const gan_tensor *g, const gan_tensor *x, const gan_tensor *mean,
                          const gan_tensor *s, const gan_tensor *w, const int *acb, gan_tensor *y,
                          gan_tensor *dw, gan_tensor *db)
{
    gan_context *ctx = x->ctx;
    const int a = acb[0], c = acb[1], b = acb[2];
    const double n = (double)a * b;
    double *sum = (double *)gan__scratch(ctx, 2 * (size_t)c * sizeof *sum);
    gan_real *p = sum ? (gan_real *)gan__scratch(ctx, 3 * (size_t)c * sizeof *p) : NULL;
    const int failed = !p || gan__norm_sums(ctx, x->data, g->data, mean->data, a, c, b, sum);
    int i;
    for (i = 0; i < c && !failed; ++i) {
        const double si = (double)s->data[i], k = w ? si * (double)w->data[i] : si;
        p[i] = (gan_real)(-k * si * si * sum[c + i] / n);
        p[c + i] = (gan_real)(-k * sum[i] / n);
        p[2 * c + i] = (gan_real)k;
        if (dw) dw->data[i] = (gan_real)(si * sum[c + i]);
        if (db) db->data[i] = (gan_real)sum[i];
    }
    if (!failed && y)
        gan__norm_apply(ctx, x->data, g->data, mean->data, p, p + c, p + 2 * c, a, c, b, y->data,
                        GAN__ACT_NONE, 0);
    gan__scratch_free(ctx, p);
    gan__scratch_free(ctx, sum);
    return failed;
}

// The derivative of h by x, self-adjoint in g. in = {g, x, mean, s}; g and x have gradients.
static gan_tensor *gan__normalize_backward(gan_tensor *g, gan_tensor *x, gan_tensor *mean, gan_tensor *s,
                                           const int *acb, gan_real eps)
{
    gan_tensor *in[4], *y;
    gan_context *ctx;
    in[0] = g;
    in[1] = x;
    in[2] = mean;
    in[3] = s;
    ctx = gan__inputs(GAN_OP_NORMALIZE_BACKWARD, 4, in, &y);
    if (!ctx) return y;
    y = gan__result(GAN_OP_NORMALIZE_BACKWARD, x->ndim, x->dim, 4, in);
    if (y == ctx->poison) return y;
    y->i[0] = acb[0];
    y->i[1] = acb[1];
    y->i[2] = acb[2];
    y->p = eps;
    return gan__norm_back(g, x, mean, s, NULL, acb, y, NULL, NULL) ? ctx->poison : y;
}

// With w and bias three gradients come out of two passes. A pass that is recorded takes the same apart into
// operations, so that it can be differentiated.
static void gan__op_normalize_backward(gan__back *b)
{
    const unsigned axes = GAN_AXIS(0) | GAN_AXIS(2);
    const int *acb = b->y->i, affine = b->y->nin > 3;
    gan_tensor *x = b->in[0], *g = b->g, *w = affine ? b->in[3] : NULL;
    int unit[3], c = acb[1], i;
    if (affine && !x->ctx->recording) {
        for (i = 0; i < 5; ++i)
            if (i > 2 && GAN__WANT(i)) b->gin[i] = gan__tensor_new(x->ctx, b->in[i]->ndim, b->in[i]->dim);
        if (GAN__WANT(0)) b->gin[0] = gan__result_over(b, GAN_OP_NORMALIZE_BACKWARD, 1, &g);
        for (i = 0; i < 5; ++i)
            if (b->gin[i] == x->ctx->poison) return;
        gan__norm_back(g, x, b->in[1], b->in[2], w, acb, b->gin[0], b->gin[3], b->gin[4]);
        return;
    }
    if (affine && (GAN__WANT(3) || GAN__WANT(4))) {
        gan_tensor *rows = gan__reshape_to(g, 3, acb);
        gan_tensor *h = gan__reshape_to(gan_normalize(x, acb[0], c, acb[2], b->y->p), 3, acb);
        if (GAN__WANT(3)) b->gin[3] = gan_sum(gan_mul(rows, h), axes, 0);
        if (GAN__WANT(4)) b->gin[4] = gan_sum(rows, axes, 0);
    }
    if (!GAN__WANT(0)) return;
    if (affine) {
        unit[0] = unit[2] = 1;
        unit[1] = c;
        g = gan_mul(gan__reshape_to(g, 3, acb), gan__reshape_to(w, 3, unit));
        g = gan__reshape_to(g, x->ndim, x->dim);
    }
    b->gin[0] = gan__normalize_backward(g, x, b->in[1], b->in[2], acb, b->y->p);
}

// With M the mean over a channel, NB(g, x) this operation and v the gradient that arrives:
//     by g: NB(v, x)
//     by x: NB(q, x) - s^2 K h,  q = -s (v M(g h) + g M(v h)),  K = M(v g) - M(v) M(g) - M(v h) M(g h)
// (from dh = NB(dx) and ds = -s^2 M(h dx)).
static void gan__op_normalize_backward_backward(gan__back *b)
{
    const unsigned axes = GAN_AXIS(0) | GAN_AXIS(2);
    const int *acb = b->y->i;
    const gan_real eps = b->y->p;
    gan_tensor *x = b->in[1], *v, *g, *h, *s, *vg, *vh, *gh, *k, *q, *y, *centred;
    if (GAN__WANT(0)) b->gin[0] = gan__normalize_backward(b->g, x, b->in[2], b->in[3], acb, eps);
    if (!GAN__WANT(1)) return;
    v = gan__reshape_to(b->g, 3, acb);
    g = gan__reshape_to(b->in[0], 3, acb);
    y = gan__reshape_to(x, 3, acb);
    centred = gan_sub(y, gan_mean(y, axes, GAN_KEEPDIM));
    s = gan_reciprocal(gan_sqrt(gan_add_scalar(gan_mean(gan_square(centred), axes, GAN_KEEPDIM), eps)));
    h = gan_mul(centred, s);
    vg = gan_mean(gan_mul(v, g), axes, GAN_KEEPDIM);
    vh = gan_mean(gan_mul(v, h), axes, GAN_KEEPDIM);
    gh = gan_mean(gan_mul(g, h), axes, GAN_KEEPDIM);
    k = gan_sub(gan_sub(vg, gan_mul(gan_mean(v, axes, GAN_KEEPDIM), gan_mean(g, axes, GAN_KEEPDIM))),
                gan_mul(vh, gh));
    q = gan_neg(gan_mul(s, gan_addcmul(v, gh, gan_mul(g, vh))));
    q = gan__normalize_backward(gan__reshape_to(q, x->ndim, x->dim), x, b->in[2], b->in[3], acb, eps);
    b->gin[1] = gan_sub(q, gan__reshape_to(gan_mul(gan_mul(gan_square(s), k), h), x->ndim, x->dim));
}

// >>tape: backward passes, gradients of gradients, gradcheck; may use floors 0-5; tests/test_tape.c
//
// The step's tensors stand in the order of their creation, so a walk from y to older ones meets every node
// after all that use it. Three walks: mark what y depends on, find what leads to a wanted tensor, and
// propagate along that alone. Without GAN_CREATE_GRAPH nothing is recorded, gradients are added up in place,
// and every temporary is freed when it has been used. Where nobody reads the tape afterwards the pass spends
// it: what y does not depend on is freed before it begins, and each node behind it, since only newer ones
// ever look at a tensor.

typedef void gan__backward_fn(gan__back *b);

// clang-format off
static gan__backward_fn *const gan__backward_of[] = {
    NULL,
#define GAN__ROW(id, name) gan__op_##name##_backward,
    GAN_OPERATIONS(GAN__ROW)
#undef GAN__ROW
};
// clang-format on

static void gan__add_task(void *arg, int64_t index)
{
    const gan__map_job *j = (const gan__map_job *)arg;
    const int64_t from = index * GAN__GRAIN;
    gan__isa_map(j->kernels, GAN__MAP_add, (size_t)GAN__LEAST(GAN__GRAIN, j->rows - from), j->y + from,
                 j->y + from, 1, j->x[0] + from, 1, NULL, 0, 0, 0);
}

static void gan__release_gradient(gan_context *ctx, gan_tensor *g)
{
    if (--g->holds == 0 && g->born && g->born == ctx->born) gan__tensor_free(g);
}

// in->grad += g
static void gan__accumulate(gan_tensor *in, gan_tensor *g)
{
    gan_context *ctx = in->ctx;
    gan_tensor *old = in->grad;
    gan__map_job j;
    if (g->size != in->size) {
        gan__fail(ctx, GAN_ERROR_STATE, "a backward made a gradient of shape %t for a tensor of shape %t", g,
                  in);
        return;
    }
    if (!old) {
        in->grad = g;
        g->holds++;
        return;
    }
    if (ctx->born && old->born == ctx->born && old->holds == 1 && old->block && old->block->refs == 1 &&
        old->size == g->size) {
        j.kernels = ctx->k;
        j.y = old->data;
        j.x[0] = g->data;
        j.rows = (int64_t)old->size;
        gan__par(ctx, (j.rows + GAN__GRAIN - 1) / GAN__GRAIN, j.rows, gan__add_task, &j);
        return;
    }
    g = gan_add(old, g);
    if (gan__is_poison(g)) return;
    g->holds++;
    in->grad = g;
    gan__release_gradient(ctx, old);
}

// Temporaries newer than the mark that nothing holds are freed. (The mark may itself be freed meanwhile: a
// gradient that was replaced by a sum. It then moves on, in gan__tensor_free.)
static void gan__sweep(gan_context *ctx)
{
    gan_tensor *t, *older;
    for (t = ctx->last; t != ctx->mark; t = older) {
        older = t->older;
        if (!t->holds) gan__tensor_free(t);
    }
}

// For the error message: the operation in whose backward a non-finite number first appears (NONE: in no one),
// and the oldest tensor with one at that moment, if `made`: as much of it as says operation and shape.
typedef struct gan__trace {
    gan_op op;
    int made;
    gan_tensor tensor;
} gan__trace;

enum { GAN__FINITE_TASKS = 32 };
typedef struct gan__finite_job {
    const struct gan__kernels *k;
    const gan_real *x;
    size_t n, per;
    int good[GAN__FINITE_TASKS];
} gan__finite_job;

static void gan__finite_task(void *arg, int64_t i)
{
    gan__finite_job *j = (gan__finite_job *)arg;
    const size_t from = GAN__LEAST(j->n, (size_t)i * j->per);
    j->good[i] = j->k->finite(GAN__LEAST(j->per, j->n - from), j->x + from);
}

static int gan__all_finite(const gan_tensor *t)
{
    gan__finite_job j;
    int i, good = 1;
    if (!t->data) return 1;
    j.k = t->ctx->k;
    j.x = t->data;
    j.n = t->size;
    j.per = t->size / GAN__FINITE_TASKS + 1;
    gan__par(t->ctx, GAN__FINITE_TASKS, (int64_t)t->size, gan__finite_task, &j);
    for (i = 0; i < (int)GAN__FINITE_TASKS; ++i) good &= j.good[i];
    return good;
}

// The oldest tensor of the step, up to `newest`, that holds a NaN or infinity; NULL when there is none.
static const gan_tensor *gan__first_bad(const gan_tensor *newest)
{
    const gan_tensor *t, *first = NULL;
    for (t = newest; t; t = t->older)
        if (!gan__all_finite(t)) first = t;
    if (first && first->inline_in[0] && !first->inline_in[0]->data)
        return first->inline_in[0]; // made with it
    return first;
}

// What comes out of node t's backward for its input i is looked at once, while it is in the cache, and only
// where it can be worse than what went in: moved or shrunk numbers stay finite, and those of a weight, which
// meet the others in the norm, can only overflow.
static void gan__trace_node(gan__trace *trace, const gan_tensor *t, int i, const gan_tensor *gin)
{
    const gan_tensor *first;
    if (trace->op != GAN_OP_NONE) return;
    switch (t->op) {
    case GAN_OP_RESHAPE:
    case GAN_OP_PERMUTE:
    case GAN_OP_SLICE:
    case GAN_OP_PAD:
    case GAN_OP_CONCAT:
    case GAN_OP_RELU:
    case GAN_OP_TANH:
    case GAN_OP_SIGMOID:
    case GAN_OP_MAX_POOL2D: return;
    case GAN_OP_LEAKY_RELU:
        if (t->p >= -1 && t->p <= 1) return;
        break;
    case GAN_OP_MATMUL:
    case GAN_OP_LINEAR:
    case GAN_OP_CONV2D:
    case GAN_OP_CONV_TRANSPOSE2D:
        if (i && !t->in[i]->nin) return;
        break;
    default: break;
    }
    if (gan__all_finite(gin)) return;
    trace->op = t->op;
    first = gan__first_bad(t);
    trace->made = first != NULL;
    if (first) trace->tensor = *first;
}

static void gan__backward_node(gan_tensor *t, uint64_t epoch, int create, gan__trace *trace)
{
    gan_context *ctx = t->ctx;
    gan_tensor *few[8], **gin = few;
    gan__back b;
    int i;
    void *many = NULL;
    if (t->nin > 8) {
        many = gan__scratch(ctx, (size_t)t->nin * sizeof *gin);
        if (!many) return;
        gin = (gan_tensor **)many;
    }
    memset(gin, 0, (size_t)t->nin * sizeof *gin);
    ctx->mark = ctx->last;
    b.y = t;
    b.g = t->grad;
    b.in = t->in;
    b.gin = gin;
    b.epoch = epoch;
    gan__backward_of[t->op](&b);
    for (i = 0; i < t->nin; ++i) {
        if (gan__is_poison(gin[i]) || t->in[i]->wanted != epoch) continue;
        if (trace) gan__trace_node(trace, t, i, gin[i]);
        gan__accumulate(t->in[i], gin[i]);
    }
    if (!create) gan__sweep(ctx);
    ctx->mark = NULL;
    gan__scratch_free(ctx, many);
}

typedef enum gan__pass { GAN__PASS_PLAIN, GAN__PASS_CREATE, GAN__PASS_SPEND } gan__pass;

// The gradients of scalar y by x[0 .. n-1] into x[i]->grad (NULL: y does not depend on it). To spend the tape
// frees it down to where the innermost scope began, x and their gradients excepted. 1 on error.
static int gan__backward(gan_tensor *y, int n, gan_tensor *const *x, gan__pass pass, gan__trace *trace)
{
    const int create = pass == GAN__PASS_CREATE;
    gan_context *ctx = y->ctx;
    const uint64_t epoch = ++ctx->epoch;
    const uint64_t failures = ctx->failures;
    const int was_recording = ctx->recording;
    gan_tensor *t, *older, *oldest = y, *seed;
    const gan_tensor *const begin = ctx->scope[ctx->depth].last;
    int i, spend = pass == GAN__PASS_SPEND;
    if (y->size != 1) {
        gan__fail(
            ctx, GAN_ERROR_SHAPE,
            "gradient of a tensor of shape %t: reduce it to one value first (gan_mean_all, gan_sum_all)", y);
        return 1;
    }
    for (i = 0; i < n; ++i) {
        x[i]->wanted = epoch;
        x[i]->grad = NULL;
    }
    y->reached = epoch;
    for (t = y; t; t = t->older) {
        if (t->reached != epoch) continue;
        oldest = t;
        for (i = 0; i < t->nin; ++i) t->in[i]->reached = epoch;
    }
    for (t = oldest; t; t = t == y ? NULL : t->newer) {
        if (t->reached != epoch) continue;
        for (i = 0; i < t->nin; ++i)
            if (t->in[i]->wanted == epoch) t->through = t->wanted = epoch;
        if (t->wanted == epoch) t->grad = NULL;
    }
    if (y->wanted != epoch) return 0;
    for (t = ctx->last; spend && t != begin; t = older) {
        older = t->older;
        if (t->reached != epoch && t->wanted != epoch) gan__tensor_free(t);
    }
    ctx->recording = create;
    ctx->born = create ? 0 : epoch;
    seed = gan__full(ctx, 1, y->ndim, y->dim);
    if (!gan__is_poison(seed)) {
        seed->holds++;
        y->grad = seed;
    }
    for (t = y; t; t = older) {
        int target = 0;
        older = t == oldest ? NULL : t->older;
        spend = spend && t != begin;
        if (t->wanted == epoch && t->grad) {
            for (i = 0; i < n && !target; ++i) target = x[i] == t;
            t->grad->holds += target; // it is not to be written over
            if (t->through == epoch && ctx->failures == failures) gan__backward_node(t, epoch, create, trace);
            t->grad->holds -= target;
            if (target) continue;
            gan__release_gradient(ctx, t->grad);
            t->grad = NULL;
        }
        if (spend) gan__tensor_free(t);
    }
    ctx->recording = was_recording;
    ctx->born = 0;
    return ctx->failures != failures;
}

GAN_API int gan_record(gan_context *ctx, int on)
{
    int was;
    if (!ctx) return 0;
    was = ctx->recording;
    ctx->recording = on != 0;
    return was;
}

GAN_API int gan_grads(gan_tensor *y, int n, gan_tensor **x, gan_tensor **dx, int flags)
{
    gan_context *ctx;
    gan_tensor *bad;
    int i, failed;
    if (!x || !dx) {
        if (y)
            gan__fail(y->ctx, GAN_ERROR_ARGUMENT, "gan_grads: the list of %s is NULL",
                      x ? "results" : "inputs");
        return (int)GAN_ERROR_ARGUMENT;
    }
    for (i = 0; i < n; ++i) dx[i] = y ? y->ctx->poison : NULL;
    for (i = 0; i < n && !y; ++i) // no y: complain in the context of an x
        if (x[i]) {
            gan__fail(x[i]->ctx, GAN_ERROR_ARGUMENT, "gradient of a NULL tensor");
            dx[i] = x[i]->ctx->poison;
        }
    ctx = gan__inputs(GAN_OP_NONE, 1, &y, &bad);
    if (!ctx) return y ? y->ctx->error : (int)GAN_ERROR_ARGUMENT;
    for (i = 0; i < n; ++i)
        if (!x[i]) gan__fail(ctx, GAN_ERROR_ARGUMENT, "gradient by a NULL tensor (number %d)", i + 1);
    if (n < 1 || !gan__inputs(GAN_OP_NONE, n, x, &bad)) return ctx->error;
    if (x[0]->ctx != ctx) gan__fail(ctx, GAN_ERROR_ARGUMENT, "gradient by a tensor of another context");
    if (x[0]->ctx != ctx) return ctx->error;
    failed = gan__backward(y, n, x, flags & GAN_CREATE_GRAPH ? GAN__PASS_CREATE : GAN__PASS_PLAIN, NULL);
    for (i = 0; i < n; ++i) {
        gan_tensor *g = x[i]->grad;
        if (failed) continue;
        dx[i] = g ? g : gan_tensor_create(ctx, x[i]->ndim, x[i]->dim);
    }
    for (i = 0; i < n; ++i) {
        if (x[i]->grad) x[i]->grad->holds = 0;
        x[i]->grad = NULL;
    }
    return failed ? ctx->error : (int)GAN_OK;
}

GAN_API gan_tensor *gan_grad(gan_tensor *y, gan_tensor *x, int flags)
{
    gan_tensor *dx = NULL;
    gan_grads(y, 1, &x, &dx, flags);
    return dx;
}

// Fixed weights w in (-1, 1), so that sum(w t) sees every entry of t.
static gan_tensor *gan__weigh(gan_tensor *t, uint64_t stream)
{
    gan_tensor *w;
    gan__rng r;
    if (gan__is_poison(t)) return t;
    r.seed = 20140610;
    r.stream = stream;
    r.counter = 0;
    w = gan__tensor_new(t->ctx, t->ndim, t->dim);
    if (gan__is_poison(w)) return w;
    gan__draw_between(t->ctx, &r, w->data, w->size, -1, 1);
    return gan_sum_all(gan_mul(t, w));
}

// What gradcheck differentiates: order 1, sum(w f(x)); order 2, the weighted sum of its gradients.
static gan_tensor *gan__checked(gan_context *ctx, gan_function *f, void *user, int n, gan_tensor **x,
                                int order)
{
    gan_tensor *s = gan__weigh(f(ctx, x, user), 1), *sum = NULL, *dx[16];
    int i;
    if (order < 2 || gan__is_poison(s)) return s;
    if (gan_grads(s, n, x, dx, GAN_CREATE_GRAPH)) return ctx->poison;
    for (i = 0; i < n; ++i) {
        s = gan__weigh(dx[i], (uint64_t)i + 2);
        sum = sum ? gan_add(sum, s) : s;
    }
    return sum;
}

GAN_API int gan_gradcheck(gan_context *ctx, gan_function *f, void *user, int n, gan_tensor **x, int order,
                          gan_gradcheck_report *report)
{
    const int real_double = sizeof(gan_real) == sizeof(double);
    const double eps = real_double ? 1e-6 : 1e-2, atol = real_double ? 1e-5 : 1e-2,
                 rtol = real_double ? 1e-3 : 2e-2;
    gan_gradcheck_report r;
    gan_tensor *y, *dx[16], *bad;
    uint64_t failures;
    int i, recording;
    size_t k;
    memset(&r, 0, sizeof r);
    r.worst = HUGE_VAL;
    if (report) *report = r;
    if (!ctx || !f || !x) return 0;
    if (n < 1 || n > 16 || order < 1 || order > 2) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "gradcheck: %d inputs and order %d; 1 to 16 and 1 or 2 are possible", n, order);
        return 0;
    }
    if (!gan__inputs(GAN_OP_NONE, n, x, &bad)) return 0;
    r.worst = 0;
    failures = ctx->failures;
    recording = gan_record(ctx, 1);
    gan_scope_open(ctx);
    y = gan__checked(ctx, f, user, n, x, order);
    if (!gan__is_poison(y) && !gan_grads(y, n, x, dx, 0)) {
        for (i = 0; i < n; ++i)
            for (k = 0; k < x[i]->size; ++k) {
                const gan_real old = x[i]->data[k], up = (gan_real)((double)old + eps),
                               down = (gan_real)((double)old - eps);
                double value[2], numeric, analytic = (double)dx[i]->data[k], error, ratio;
                int side;
                for (side = 0; side < 2; ++side) {
                    gan_scope_open(ctx);
                    x[i]->data[k] = side ? up : down;
                    value[side] = (double)gan_item(gan__checked(ctx, f, user, n, x, order));
                    gan_scope_close(ctx);
                }
                x[i]->data[k] = old;
                numeric = (value[1] - value[0]) / ((double)up - (double)down);
                error = fabs(analytic - numeric);
                if (!gan__is_finite((gan_real)error))
                    error = HUGE_VAL; // a NaN must not be overtaken by a later entry
                ratio = error < HUGE_VAL ? error / (atol + rtol * fabs(numeric)) : HUGE_VAL;
                if (error > r.error) r.error = error;
                if (ratio > r.worst) {
                    r.worst = ratio;
                    r.input = i;
                    r.entry = (int)k;
                    r.analytic = analytic;
                    r.numeric = numeric;
                }
            }
    } else {
        r.worst = HUGE_VAL;
    }
    gan_scope_close(ctx);
    gan_record(ctx, recording);
    if (ctx->failures != failures) r.worst = HUGE_VAL;
    if (report) *report = r;
    return r.worst < 1;
}

// >>layer: models, named parameters, initialisers, layers; may use floors 0-6; tests/test_layer.c

typedef struct gan__param {
    struct gan__param *next;
    const char *name; // within the model
    gan_tensor *tensor;
    gan__state *state;
    int trainable, frozen;
    const char *weight; // the name of the weight that it is, or that is made of it; NULL: of none
    int how;            // its gan_parametrization
} gan__param;

// What gan_model_freeze or gan_model_parametrize said, in order; the last word on a name counts, for
// parameters that are yet to come too.
typedef struct gan__rule {
    struct gan__rule *next;
    const char *prefix; // "" is everything
    int what;           // frozen, or a gan_parametrization
    gan_real gain, lr;
} gan__rule;

struct gan_model {
    gan_context *ctx;
    gan_model *next;
    const char *name;
    gan_model_function *forward;
    void *user;
    gan_mode mode;
    gan_init init;
    gan__param *params, *params_end, *hint; // hint: where the next look-up will most likely succeed
    gan__rule *freezes, *rules;             // rules: parametrisations
    int count, optimizers;
};

GAN_API gan_model *gan_model_create(gan_context *ctx, const char *name, gan_model_function *forward,
                                    void *user)
{
    gan_model *m, **link;
    if (!ctx) return NULL;
    if (!forward) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_model_create: %s has no forward function",
                  name ? name : "the model");
        return NULL;
    }
    name = gan__name(ctx, name, "", "");
    if (!name) return NULL;
    for (link = &ctx->models; *link; link = &(*link)->next)
        if (!strcmp((*link)->name, name)) {
            gan__fail(ctx, GAN_ERROR_NAME, "gan_model_create: there is a model %s already", name);
            return NULL;
        }
    m = (gan_model *)gan__persist(ctx, sizeof *m);
    if (!m) return NULL;
    m->ctx = ctx;
    m->name = name;
    m->forward = forward;
    m->user = user;
    *link = m;
    return m;
}

// gan_forward that leaves alive what the model made on its way, recorded or not.
static gan_tensor *gan__forward(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    gan_tensor *bad, *y;
    if (!m) return x ? gan__fail(x->ctx, GAN_ERROR_ARGUMENT, "gan_forward: the model is NULL") : NULL;
    if (!gan__inputs(GAN_OP_NONE, 1, &x, &bad)) {
        if (!x) gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "gan_forward: the input of %s is NULL", m->name);
        return m->ctx->poison;
    }
    if (x->ctx != m->ctx)
        return gan__fail(m->ctx, GAN_ERROR_ARGUMENT,
                         "gan_forward: the input of %s belongs to another context", m->name);
    m->ctx->forwards++;
    y = m->forward(m, x, label);
    m->ctx->forwards--;
    if (gan__settle(m->ctx)) return m->ctx->poison;
    if (!y) return gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "gan_forward: %s returned NULL", m->name);
    return y;
}

GAN_API gan_tensor *gan_forward(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    const gan_tensor *before = m ? m->ctx->last : NULL;
    const int depth = m ? m->ctx->depth : 0;
    gan_tensor *y = gan__forward(m, x, label);
    if (m && !m->ctx->recording && m->ctx->depth == depth) gan__free_newer(m->ctx, before, y);
    return y;
}

GAN_API void *gan_model_user(const gan_model *m) { return m ? m->user : NULL; }
GAN_API gan_context *gan_model_context(const gan_model *m) { return m ? m->ctx : NULL; }
GAN_API int gan_model_count(const gan_model *m) { return m ? m->count : 0; }

GAN_API void gan_model_mode(gan_model *m, gan_mode mode)
{
    if (m) m->mode = mode;
}

static gan__param *gan__param_at(const gan_model *m, int i)
{
    gan__param *p = m && i >= 0 ? m->params : NULL;
    while (p && i--) p = p->next;
    return p;
}

GAN_API const char *gan_model_name(const gan_model *m, int i)
{
    const gan__param *p = gan__param_at(m, i);
    return p ? p->name : NULL;
}

GAN_API gan_tensor *gan_model_tensor(const gan_model *m, int i)
{
    const gan__param *p = gan__param_at(m, i);
    return p ? p->tensor : NULL;
}

static gan__param *gan__param_find(const gan_model *m, const char *name)
{
    gan__param *p = m->params;
    while (p && strcmp(p->name, name)) p = p->next;
    return p;
}

GAN_API gan_tensor *gan_model_find(const gan_model *m, const char *name)
{
    const gan__param *p = m && name ? gan__param_find(m, name) : NULL;
    return p ? p->tensor : NULL;
}

GAN_API size_t gan_model_parameters(const gan_model *m)
{
    const gan__param *p;
    size_t n = 0;
    for (p = m ? m->params : NULL; p; p = p->next) n += p->trainable ? p->tensor->size : 0;
    return n;
}

// Whether prefix covers the parameter layer.part, or layer when part is "".
static int gan__covers(const char *prefix, const char *layer, const char *part)
{
    const size_t n = strlen(prefix), k = strlen(layer);
    if (n <= k) return !n || (!strncmp(layer, prefix, n) && (!layer[n] || layer[n] == '.'));
    return *part && !strncmp(layer, prefix, k) && prefix[k] == '.' && gan__covers(prefix + k + 1, part, "");
}

// The last word on layer.part; NULL when nothing was said.
static const gan__rule *gan__rule_for(const gan__rule *r, const char *layer, const char *part)
{
    const gan__rule *last = NULL;
    for (; r; r = r->next)
        if (gan__covers(r->prefix, layer, part)) last = r;
    return last;
}

// The rule about a prefix (NULL: everything), new or said before, at the end of the list. NULL: no memory.
static gan__rule *gan__rule_say(gan_context *ctx, gan__rule **list, const char *prefix)
{
    gan__rule *r = NULL, **link;
    if (!prefix) prefix = "";
    for (link = list; *link; link = &(*link)->next)
        if (!strcmp((*link)->prefix, prefix)) {
            r = *link;
            *link = r->next;
            break;
        }
    if (!r) {
        r = (gan__rule *)gan__persist(ctx, sizeof *r);
        if (!r) return NULL;
        r->prefix = *prefix ? gan__name(ctx, prefix, "", "") : "";
        if (!r->prefix) return NULL;
    }
    r->next = NULL;
    for (link = list; *link; link = &(*link)->next) {}
    *link = r;
    return r;
}

GAN_API void gan_model_freeze(gan_model *m, const char *prefix, int frozen)
{
    gan__rule *r = m ? gan__rule_say(m->ctx, &m->freezes, prefix) : NULL;
    gan__param *p;
    if (!r) return;
    r->what = frozen != 0;
    for (p = m->params; p; p = p->next)
        if (gan__covers(r->prefix, p->name, "")) p->frozen = r->what;
}

// initialisers

static gan_init gan__init(gan_init_kind kind, gan_real a, gan_real b)
{
    gan_init i;
    i.kind = kind;
    i.a = a;
    i.b = b;
    return i;
}

GAN_API gan_init gan_init_default(void) { return gan__init(GAN_INIT_DEFAULT, 0, 0); }
GAN_API gan_init gan_init_zeros(void) { return gan__init(GAN_INIT_ZEROS, 0, 0); }
GAN_API gan_init gan_init_constant(gan_real value) { return gan__init(GAN_INIT_CONSTANT, value, 0); }
GAN_API gan_init gan_init_normal(gan_real mean, gan_real std)
{
    return gan__init(GAN_INIT_NORMAL, mean, std);
}
GAN_API gan_init gan_init_uniform(gan_real lo, gan_real hi) { return gan__init(GAN_INIT_UNIFORM, lo, hi); }
GAN_API gan_init gan_init_xavier_uniform(gan_real gain)
{
    return gan__init(GAN_INIT_XAVIER_UNIFORM, gain, 0);
}
GAN_API gan_init gan_init_xavier_normal(gan_real gain) { return gan__init(GAN_INIT_XAVIER_NORMAL, gain, 0); }
GAN_API gan_init gan_init_he_uniform(gan_real slope) { return gan__init(GAN_INIT_HE_UNIFORM, slope, 0); }
GAN_API gan_init gan_init_he_normal(gan_real slope) { return gan__init(GAN_INIT_HE_NORMAL, slope, 0); }
GAN_API gan_init gan_init_orthogonal(gan_real gain) { return gan__init(GAN_INIT_ORTHOGONAL, gain, 0); }

GAN_API void gan_model_init(gan_model *m, gan_init weights)
{
    if (m) m->init = weights;
}

typedef struct gan__fill {
    gan_context *ctx;
    gan_real *data;
    size_t n;
    int rows, columns; // of the parameter as a matrix (dim 0, the rest)
    double fan_in, fan_out, a, b;
    gan__rng rng;
} gan__fill;

static void gan__fill_uniform(gan__fill *f, double lo, double hi)
{
    gan__draw_between(f->ctx, &f->rng, f->data, f->n, lo, hi);
}

static void gan__fill_normal(gan__fill *f, double mean, double std)
{
    gan__draw(f->ctx, &f->rng, 1, f->data, f->n, (gan_real)mean, (gan_real)std);
}

static void gan__init_default(gan__fill *f)
{
    gan__fill_uniform(f, -1 / sqrt(f->fan_in), 1 / sqrt(f->fan_in));
}
static void gan__init_zeros(gan__fill *f) { memset(f->data, 0, f->n * sizeof *f->data); }
static void gan__init_constant(gan__fill *f)
{
    size_t i;
    for (i = 0; i < f->n; ++i) f->data[i] = (gan_real)f->a;
}
static void gan__init_normal(gan__fill *f) { gan__fill_normal(f, f->a, f->b); }
static void gan__init_uniform(gan__fill *f) { gan__fill_uniform(f, f->a, f->b); }
static void gan__init_xavier_uniform(gan__fill *f)
{
    const double limit = f->a * sqrt(6 / (f->fan_in + f->fan_out));
    gan__fill_uniform(f, -limit, limit);
}
static void gan__init_xavier_normal(gan__fill *f)
{
    gan__fill_normal(f, 0, f->a * sqrt(2 / (f->fan_in + f->fan_out)));
}
static void gan__init_he_uniform(gan__fill *f)
{
    const double limit = sqrt(6 / ((1 + f->a * f->a) * f->fan_in));
    gan__fill_uniform(f, -limit, limit);
}
static void gan__init_he_normal(gan__fill *f)
{
    gan__fill_normal(f, 0, sqrt(2 / ((1 + f->a * f->a) * f->fan_in)));
}

// Gram and Schmidt, twice over for accuracy, on the rows or the columns, whichever are fewer.
static void gan__init_orthogonal(gan__fill *f)
{
    const size_t across = (size_t)f->columns, n = f->rows <= f->columns ? (size_t)f->rows : across;
    const size_t len = f->rows <= f->columns ? across : (size_t)f->rows;
    const size_t next = f->rows <= f->columns ? across : 1, step = f->rows <= f->columns ? 1 : across;
    size_t i, j, k;
    int pass;
    gan__fill_normal(f, 0, 1);
    for (i = 0; i < n; ++i) {
        gan_real *v = f->data + i * next;
        double s;
        for (pass = 0; pass < 2; ++pass)
            for (j = 0; j < i; ++j) {
                const gan_real *u = f->data + j * next;
                for (s = 0, k = 0; k < len; ++k) s += (double)u[k * step] * (double)v[k * step];
                for (k = 0; k < len; ++k)
                    v[k * step] = (gan_real)((double)v[k * step] - s * (double)u[k * step]);
            }
        for (s = 0, k = 0; k < len; ++k) s += (double)v[k * step] * (double)v[k * step];
        s = 1 / sqrt(s);
        for (k = 0; k < len; ++k) v[k * step] = (gan_real)((double)v[k * step] * s);
    }
    for (i = 0; i < f->n; ++i) f->data[i] = (gan_real)(f->a * (double)f->data[i]);
}

// Fans as PyTorch counts them: (out, in, k...) has fan_in in k and fan_out out k; one dimension counts as its
// own fan.
static void gan__initialise(gan_context *ctx, const char *name, gan_init init, double fan_in,
                            const gan_tensor *t)
{
    static void (*const fill[])(gan__fill *) = {
#define GAN__ROW(id, name) gan__init_##name,
        GAN_INITS(GAN__ROW)
#undef GAN__ROW
    };
    gan__fill f;
    if (!t->size) return;
    f.ctx = ctx;
    f.data = t->data;
    f.n = t->size;
    f.rows = t->ndim ? t->dim[0] : 1;
    f.columns = (int)(t->size / (size_t)f.rows);
    f.fan_in = fan_in > 0 ? fan_in : t->ndim > 1 ? f.columns : f.rows;
    f.fan_out = t->ndim > 1 ? (double)t->size / t->dim[1] : f.rows;
    f.a = (double)init.a;
    f.b = (double)init.b;
    f.rng = gan__rng_stream(ctx, name);
    fill[init.kind](&f);
}

// The parameter of that name: found, or made (its values drawn, or a checkpoint's). fan_in 0: from the shape.
static gan_tensor *gan__parameter(gan_model *m, const char *layer, const char *part, int trainable,
                                  gan_init init, double fan_in, int ndim, const int *dim)
{
    gan_context *ctx = m->ctx;
    gan__param *p = m->hint;
    const gan__rule *f;
    const size_t n = layer ? strlen(layer) : 0;
    size_t size;
    int again;
    if (!n) return gan__fail(ctx, GAN_ERROR_NAME, "%s: a parameter needs a name", m->name);
    if (gan__count(ndim, dim, &size))
        return gan__fail(ctx, GAN_ERROR_SHAPE, "%s.%s: shape %h is not possible", m->name, layer, ndim, dim);
    if ((int)init.kind < 0 || init.kind >= GAN_INIT_COUNT)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT,
                         "%s.%s: initialiser %d is unknown; take one of gan_init_...", m->name, layer,
                         (int)init.kind);
    for (again = 0; again < 2; ++again) { // from the hint first, then from the start
        for (; p; p = p->next)
            if (!strncmp(p->name, layer, n) &&
                (*part ? p->name[n] == '.' && !strcmp(p->name + n + 1, part) : !p->name[n]))
                break;
        if (p) break;
        p = again ? NULL : m->params;
    }
    if (p) {
        m->hint = p;
        if (p->trainable != trainable)
            return gan__fail(ctx, GAN_ERROR_NAME, "%s.%s is a parameter and a buffer: take two names",
                             m->name, p->name);
        if (p->tensor->ndim != ndim || memcmp(p->tensor->dim, dim, (size_t)ndim * sizeof *dim))
            return gan__fail(ctx, GAN_ERROR_SHAPE, "%s.%s has shape %t; this input would need %h", m->name,
                             p->name, p->tensor, ndim, dim);
        return p->tensor;
    }
    p = (gan__param *)gan__persist(ctx, sizeof *p);
    if (!p) return ctx->poison;
    p->name = gan__name(ctx, layer, *part ? "." : "", part);
    if (!p->name) return ctx->poison;
    p->tensor = gan__tensor_over(ctx, NULL, ndim, dim);
    if (gan__is_poison(p->tensor)) return ctx->poison;
    p->state = gan__state_over(ctx, gan__name(ctx, m->name, ".", p->name), GAN__STATE_REAL, ndim, dim, NULL);
    if (!p->state) return ctx->poison;
    p->tensor->data = (gan_real *)p->state->data;
    p->state->tensor = p->tensor;
    p->trainable = trainable;
    f = gan__rule_for(m->freezes, p->name, "");
    p->frozen = f && f->what;
    if (!p->state->loaded) gan__initialise(ctx, p->state->name, init, fan_in, p->tensor);
    if (m->params_end) m->params_end->next = p;
    else m->params = p;
    m->params_end = m->hint = p;
    m->count++;
    return p->tensor;
}

GAN_API gan_tensor *gan_param(gan_model *m, const char *name, gan_init init, int ndim, ...)
{
    int dim[GAN_MAX_DIMS];
    if (!m) return NULL;
    if (!gan__live_context(m->ctx, "gan_param", ndim)) return m->ctx->poison;
    GAN__SHAPE(ndim, dim);
    return gan__parameter(m, name, "", 1, init, 0, ndim, dim);
}

GAN_API gan_tensor *gan_buffer(gan_model *m, const char *name, gan_real value, int ndim, ...)
{
    int dim[GAN_MAX_DIMS];
    if (!m) return NULL;
    if (!gan__live_context(m->ctx, "gan_buffer", ndim)) return m->ctx->poison;
    GAN__SHAPE(ndim, dim);
    return gan__parameter(m, name, "", 0, gan_init_constant(value), 0, ndim, dim);
}

// The record of gan__parameter(..., fan_in 0, ...), NULL on error. *fresh: its values were set just now,
// neither found nor loaded.
static gan__param *gan__param_of(gan_model *m, const char *layer, const char *part, int trainable,
                                 gan_init init, int ndim, const int *dim, int *fresh)
{
    const int count = m->count;
    if (gan__is_poison(gan__parameter(m, layer, part, trainable, init, 0, ndim, dim))) return NULL;
    *fresh = m->count > count && !m->hint->state->loaded;
    return m->hint;
}

// reparametrised weights: a row NAME is gan__weight_NAME, which makes the weight that is used

typedef struct gan__weight_args {
    gan_model *m;
    const char *layer, *part; // its name; part may be ""
    gan_init init;
    int axis;      // of the outputs
    double fan_in; // numbers that an output is made of
    int ndim;
    const int *dim;
    gan_real gain, lr;
} gan__weight_args;

// What stands behind the weight: "fc.weight" with tail ".original" is "fc.parametrizations.weight.original".
static gan__param *gan__weight_part(const gan__weight_args *w, const char *tail, int trainable, gan_init init,
                                    int ndim, const int *dim, int *fresh)
{
    const char *const dot = *w->part ? NULL : strrchr(w->layer, '.'), *piece[4];
    char name[GAN_MAX_NAME + 1];
    size_t length[4], n = 0;
    int i;
    piece[0] = w->layer;
    piece[1] = "parametrizations.";
    piece[2] = *w->part ? w->part : dot ? dot + 1 : w->layer;
    piece[3] = tail;
    for (i = 0; i < 4; ++i) length[i] = strlen(piece[i]);
    if (!*w->part) length[0] = dot ? (size_t)(dot - w->layer) : 0;
    if (length[0] + length[1] + length[2] + length[3] + 1 > GAN_MAX_NAME) {
        gan__fail(w->m->ctx, GAN_ERROR_NAME, "name %s%s%s: too long for a parametrised weight", w->layer,
                  *w->part ? "." : "", w->part);
        return NULL;
    }
    for (i = 0; i < 4; n += length[i++]) {
        if (i == 1 && n) name[n++] = '.';
        memcpy(name + n, piece[i], length[i]);
    }
    name[n] = 0;
    return gan__param_of(w->m, name, "", trainable, init, ndim, dim, fresh);
}

// The trained tensor of the weight: it remembers whose it is.
static gan_tensor *gan__weight_trained(const gan__weight_args *w, const char *tail, gan_init init,
                                       gan_parametrization how)
{
    int fresh;
    gan__param *p = *tail ? gan__weight_part(w, tail, 1, init, w->ndim, w->dim, &fresh) : NULL;
    if (!*tail && !gan__is_poison(gan__parameter(w->m, w->layer, w->part, 1, init, 0, w->ndim, w->dim)))
        p = w->m->hint;
    if (!p) return w->m->ctx->poison;
    if (!p->weight) {
        p->weight = *tail ? gan__name(w->m->ctx, w->layer, *w->part ? "." : "", w->part) : p->name;
        if (!p->weight) return w->m->ctx->poison;
        p->how = (int)how;
    }
    return p->tensor;
}

static gan_tensor *gan__weight_none(const gan__weight_args *w)
{
    return gan__weight_trained(w, "", w->init, GAN_PARAMETRIZATION_NONE);
}

// to = mat from / |mat from|, or of mat's transpose; left alone when that is 0 or not finite.
static void gan__power_step(gan_tensor *mat, int transpose, gan_tensor *from, gan__param *to)
{
    gan_context *ctx = mat->ctx;
    gan_tensor *y;
    double norm = 0;
    size_t i;
    gan_scope_open(ctx);
    y = gan_matmul_t(mat, transpose, gan_reshape(from, 2, -1, 1), 0);
    if (!gan__is_poison(y) && !gan__state_own(ctx, to->state)) {
        for (i = 0; i < y->size; ++i) norm += (double)y->data[i] * (double)y->data[i];
        norm = sqrt(norm);
        if (norm > 0 && gan__is_finite((gan_real)norm))
            for (i = 0; i < y->size; ++i)
                to->tensor->data[i] = (gan_real)((double)y->data[i] / GAN__MOST(norm, 1e-12));
    }
    gan_scope_close(ctx);
}

static void gan__power_iterate(gan_tensor *mat, gan__param *u, gan__param *v, int times)
{
    const int recording = gan_record(mat->ctx, 0);
    for (; times > 0; --times) {
        gan__power_step(mat, 0, v->tensor, u);
        gan__power_step(mat, 1, u->tensor, v);
    }
    gan_record(mat->ctx, recording);
}

// The values of t now, as a column off the tape: t itself moves on.
static gan_tensor *gan__column_of(const gan_tensor *t)
{
    gan_tensor *y;
    int dim[2];
    dim[0] = (int)t->size;
    dim[1] = 1;
    y = gan__tensor_new(t->ctx, 2, dim);
    if (!gan__is_poison(y)) memcpy(y->data, t->data, t->size * sizeof *t->data);
    return y;
}

static gan_tensor *gan__weight_spectral_norm(const gan__weight_args *w)
{
    gan_tensor *x = gan__weight_trained(w, ".original", w->init, GAN_PARAMETRIZATION_SPECTRAL_NORM), *mat, *s;
    gan_context *ctx = w->m->ctx;
    gan__param *u, *v;
    int fresh[2], size[2];
    if (gan__is_poison(x)) return x;
    if (!x->ndim || !x->size)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "%s: a weight of shape %t has no spectral norm", w->layer, x);
    if (x->ndim == 1)
        return gan_div(x, gan_maximum(gan_norm(x, GAN_ALL, 0), gan_scalar(ctx, (gan_real)1e-12)));
    size[0] = x->dim[w->axis];
    size[1] = (int)(x->size / (size_t)size[0]);
    mat = gan__reshape_to(w->axis ? gan_transpose(x, 0, w->axis) : x, 2, size);
    u = gan__weight_part(w, ".0._u", 0, gan_init_normal(0, 1), 1, &size[0], &fresh[0]);
    v = gan__weight_part(w, ".0._v", 0, gan_init_normal(0, 1), 1, &size[1], &fresh[1]);
    if (gan__is_poison(mat) || !u || !v) return ctx->poison;
    gan__power_iterate(mat, u, v, (fresh[0] || fresh[1] ? 15 : 0) + (w->m->mode == GAN_TRAIN));
    s = gan_sum_all(gan_mul(gan__column_of(u->tensor), gan_matmul(mat, gan__column_of(v->tensor))));
    return gan_item(s) == 0 ? x : gan_div(x, s);
}

static gan_tensor *gan__weight_weight_norm(const gan__weight_args *w)
{
    const unsigned rest = w->ndim ? ((1u << w->ndim) - 1) & ~GAN_AXIS(0) : 0;
    gan_tensor *x, *n;
    gan__param *g;
    int dim[GAN_MAX_DIMS], fresh, i;
    for (i = 0; i < w->ndim; ++i) dim[i] = i ? 1 : w->dim[0];
    g = gan__weight_part(w, ".original0", 1, gan_init_constant(1), w->ndim, dim, &fresh);
    x = gan__weight_trained(w, ".original1", w->init, GAN_PARAMETRIZATION_WEIGHT_NORM);
    n = gan_norm(x, rest, GAN_KEEPDIM);
    if (!g || gan__is_poison(n)) return w->m->ctx->poison;
    if (fresh) memcpy(g->tensor->data, n->data, n->size * sizeof *n->data); // what is used is what was drawn
    return gan_mul(x, gan_div(g->tensor, gan_add(n, gan_eq(n, gan_scalar(n->ctx, 0)))));
}

static gan_tensor *gan__weight_equalized_lr(const gan__weight_args *w)
{
    const gan_init init = w->init.kind == GAN_INIT_ZEROS ? w->init : gan_init_normal(0, 1 / w->lr);
    gan_tensor *x = gan__weight_trained(w, "", init, GAN_PARAMETRIZATION_EQUALIZED_LR);
    return gan_mul_scalar(x, (gan_real)((double)w->gain * (double)w->lr / sqrt(w->fan_in)));
}

typedef struct gan__parametrization_row {
    const char *name;
    gan_tensor *(*make)(const gan__weight_args *w);
} gan__parametrization_row;

static const gan__parametrization_row gan__parametrizations[] = {
#define GAN__ROW(id, name) {#name, gan__weight_##name},
    GAN_PARAMETRIZATIONS(GAN__ROW)
#undef GAN__ROW
};

GAN_API const char *gan_parametrization_name(gan_parametrization kind)
{
    return (int)kind >= 0 && kind < GAN_PARAMETRIZATION_COUNT ? gan__parametrizations[kind].name : "unknown";
}

GAN_API void gan_model_parametrize(gan_model *m, const char *prefix, gan_parametrization kind, gan_real gain,
                                   gan_real lr)
{
    const gan__param *p;
    gan__rule *r;
    if (!m) return;
    if ((int)kind < 0 || kind >= GAN_PARAMETRIZATION_COUNT || !(gain >= 0) || !(lr >= 0) ||
        !gan__is_finite(gain) || !gan__is_finite(lr)) {
        gan__fail(m->ctx, GAN_ERROR_ARGUMENT,
                  "gan_model_parametrize: kind %d of the gan_parametrization enumeration, gain %f and lr %f, "
                  "which must not be negative",
                  (int)kind, (double)gain, (double)lr);
        return;
    }
    for (p = m->params; p; p = p->next)
        if (p->weight && p->how != (int)kind && gan__covers(prefix ? prefix : "", p->weight, "")) {
            gan__fail(m->ctx, GAN_ERROR_STATE,
                      "gan_model_parametrize: %s.%s is there already, with the parametrisation %s; say it "
                      "before the first gan_forward",
                      m->name, p->weight, gan_parametrization_name((gan_parametrization)p->how));
            return;
        }
    r = gan__rule_say(m->ctx, &m->rules, prefix);
    if (!r) return;
    r->what = (int)kind;
    r->gain = gain > 0 ? gain : (gan_real)sqrt(2.0);
    r->lr = lr > 0 ? lr : 1;
}

// The weight layer.part under the parametrisation that was asked for. axis is that of the outputs, fan_in 0
// the numbers in one of them.
static gan_tensor *gan__weight(gan_model *m, const char *layer, const char *part, gan_init init, int axis,
                               double fan_in, int ndim, const int *dim)
{
    const gan__rule *r = m->rules && layer ? gan__rule_for(m->rules, layer, part) : NULL;
    gan__weight_args w;
    size_t size;
    w.m = m;
    w.layer = layer;
    w.part = part;
    w.init = init;
    w.axis = axis;
    w.fan_in = fan_in;
    w.ndim = ndim;
    w.dim = dim;
    if (!r) return gan__weight_none(&w);
    if (fan_in <= 0) w.fan_in = ndim && !gan__count(ndim - 1, dim + 1, &size) && size ? (double)size : 1;
    w.gain = r->gain;
    w.lr = r->lr;
    return gan__parametrizations[r->what].make(&w);
}

GAN_API gan_tensor *gan_weight(gan_model *m, const char *name, gan_init init, int ndim, ...)
{
    int dim[GAN_MAX_DIMS];
    if (!m) return NULL;
    if (!gan__live_context(m->ctx, "gan_weight", ndim)) return m->ctx->poison;
    GAN__SHAPE(ndim, dim);
    return gan__weight(m, name, "", init, 0, 0, ndim, dim);
}

// layers

// The bias of n numbers of a layer whose outputs are made of fan_in each.
static gan_tensor *gan__bias(gan_model *m, const char *name, double fan_in, int n)
{
    const gan__rule *r = gan__rule_for(m->rules, name, "bias");
    const int equalized = r && r->what == (int)GAN_PARAMETRIZATION_EQUALIZED_LR;
    gan_tensor *b = gan__parameter(
        m, name, "bias", 1, m->init.kind == GAN_INIT_DEFAULT && !equalized ? m->init : gan_init_zeros(),
        fan_in, 1, &n);
    return equalized && r->lr != 1 ? gan_mul_scalar(b, r->lr) : b;
}

// Opens a layer: whether it can go on with this input; *out is what it returns otherwise. Errors name it
// until gan__leave.
static int gan__enter(gan_model *m, const char *name, gan_tensor *x, int ndim, gan_tensor **out)
{
    gan_tensor *bad;
    int fits = 0;
    *out = m ? m->ctx->poison : x ? x->ctx->poison : NULL;
    if (!m) {
        if (x) gan__fail(x->ctx, GAN_ERROR_ARGUMENT, "%s: the model is NULL", name ? name : "a layer");
        return 0;
    }
    m->ctx->model = m->name;
    m->ctx->layer = name ? name : "(no name)";
    if (!x) gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "the input is NULL");
    else if (!name || !*name) gan__fail(m->ctx, GAN_ERROR_NAME, "a layer needs a name");
    else if (gan__inputs(GAN_OP_NONE, 1, &x, &bad)) {
        fits = x->ndim >= ndim;
        if (!fits)
            gan__fail(m->ctx, GAN_ERROR_SHAPE, "the input has shape %t; at least %d dimensions are needed", x,
                      ndim);
    }
    if (!fits) m->ctx->layer = NULL;
    return fits;
}

static gan_tensor *gan__leave(gan_model *m, gan_tensor *y)
{
    m->ctx->layer = NULL;
    return y;
}

static gan_tensor *gan__linear(gan_model *m, const char *name, gan_tensor *x, int out, int with_bias)
{
    gan_tensor *w, *b = NULL, *bad;
    int dim[2];
    if (!gan__enter(m, name, x, 1, &bad)) return bad;
    dim[0] = out;
    dim[1] = x->dim[x->ndim - 1];
    if (out < 1)
        return gan__leave(m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "%d outputs; at least 1 is needed", out));
    w = gan__weight(m, name, "weight", m->init, 0, 0, 2, dim);
    if (with_bias) b = gan__bias(m, name, dim[1], out);
    return gan__leave(m, gan_f_linear(x, w, b));
}

GAN_API gan_tensor *gan_linear(gan_model *m, const char *name, gan_tensor *x, int out)
{
    return gan__linear(m, name, x, out, 1);
}
GAN_API gan_tensor *gan_linear_no_bias(gan_model *m, const char *name, gan_tensor *x, int out)
{
    return gan__linear(m, name, x, out, 0);
}

static gan_tensor *gan__conv_layer(gan_model *m, const char *name, gan_tensor *x, const gan_conv2d_desc *desc,
                                   int transpose)
{
    gan_tensor *w, *b = NULL, *bad;
    int dim[4], groups, in;
    double fan_in;
    if (!gan__enter(m, name, x, 4, &bad)) return bad;
    if (!desc) return gan__leave(m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "desc is NULL"));
    groups = desc->groups ? desc->groups : 1;
    in = x->dim[1];
    if (groups < 1 || desc->out_channels < 1 || desc->kernel[0] < 1 || desc->kernel[1] < 0 || in % groups ||
        desc->out_channels % groups)
        return gan__leave(m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT,
                                       "%d channels to %d in %d groups with a kernel of %d: groups must "
                                       "divide both, all be positive",
                                       in, desc->out_channels, groups, desc->kernel[0]));
    dim[0] = transpose ? in : desc->out_channels;
    dim[1] = (transpose ? desc->out_channels : in) / groups;
    dim[2] = desc->kernel[0];
    dim[3] = desc->kernel[1] ? desc->kernel[1] : desc->kernel[0];
    fan_in = (double)dim[1] * dim[2] * dim[3]; // PyTorch takes dimension 1, for the transposed one too
    w = gan__weight(m, name, "weight", m->init, transpose, (double)(in / groups) * dim[2] * dim[3], 4, dim);
    if (!desc->no_bias) b = gan__bias(m, name, fan_in, desc->out_channels);
    return gan__leave(m, transpose ? gan_f_conv_transpose2d(x, w, b, desc) : gan_f_conv2d(x, w, b, desc));
}

static gan_conv2d_desc gan__conv_desc(int out_channels, int kernel, int stride, int padding)
{
    gan_conv2d_desc d;
    memset(&d, 0, sizeof d);
    d.out_channels = out_channels;
    d.kernel[0] = kernel;
    d.stride[0] = stride;
    d.padding[0] = padding;
    return d;
}

GAN_API gan_tensor *gan_conv2d_ex(gan_model *m, const char *name, gan_tensor *x, const gan_conv2d_desc *desc)
{
    return gan__conv_layer(m, name, x, desc, 0);
}

GAN_API gan_tensor *gan_conv_transpose2d_ex(gan_model *m, const char *name, gan_tensor *x,
                                            const gan_conv2d_desc *desc)
{
    return gan__conv_layer(m, name, x, desc, 1);
}

GAN_API gan_tensor *gan_conv2d(gan_model *m, const char *name, gan_tensor *x, int out_channels, int kernel,
                               int stride, int padding)
{
    const gan_conv2d_desc d = gan__conv_desc(out_channels, kernel, stride, padding);
    return gan__conv_layer(m, name, x, &d, 0);
}

GAN_API gan_tensor *gan_conv_transpose2d(gan_model *m, const char *name, gan_tensor *x, int out_channels,
                                         int kernel, int stride, int padding)
{
    const gan_conv2d_desc d = gan__conv_desc(out_channels, kernel, stride, padding);
    return gan__conv_layer(m, name, x, &d, 1);
}

// h w + b with w and b (C) along axis 1 of h
static gan_tensor *gan__scale_shift(gan_tensor *h, gan_tensor *w, gan_tensor *b)
{
    int dim[GAN_MAX_DIMS], i;
    if (gan__is_poison(h) || gan__is_poison(w) || gan__is_poison(b)) return h ? h->ctx->poison : NULL;
    for (i = 0; i < h->ndim; ++i) dim[i] = i == 1 ? h->dim[1] : 1;
    return gan__scaled(h, gan__reshape_to(w, h->ndim, dim), gan__reshape_to(b, h->ndim, dim));
}

static gan_real gan__norm_eps(void) { return (gan_real)1e-5; } // everywhere, as in PyTorch

GAN_API gan_tensor *gan_batch_norm(gan_model *m, const char *name, gan_tensor *x)
{
    const gan_real momentum = (gan_real)0.1;
    gan_tensor *w, *b, *mean, *var, *h, *of_batch[2], *bad;
    gan__param *p;
    int c, i, n = 1;
    double count;
    if (!gan__enter(m, name, x, 2, &bad)) return bad;
    c = x->dim[1];
    for (i = 2; i < x->ndim; ++i) n *= x->dim[i];
    w = gan__parameter(m, name, "weight", 1, gan_init_constant(1), 0, 1, &c);
    b = gan__parameter(m, name, "bias", 1, gan_init_zeros(), 0, 1, &c);
    mean = gan__parameter(m, name, "running_mean", 0, gan_init_zeros(), 0, 1, &c);
    var = gan__parameter(m, name, "running_var", 0, gan_init_constant(1), 0, 1, &c);
    if (gan__is_poison(w) || gan__is_poison(b) || gan__is_poison(mean) || gan__is_poison(var))
        return gan__leave(m, m->ctx->poison);
    if (m->mode == GAN_EVAL) {
        gan_tensor *s = gan_mul(w, gan_reciprocal(gan_sqrt(gan_add_scalar(var, gan__norm_eps()))));
        return gan__leave(m, gan__scale_shift(x, s, gan_sub(b, gan_mul(mean, s)))); // one pass over x
    }
    if ((int64_t)x->dim[0] * n < 2)
        return gan__leave(
            m,
            gan__fail(m->ctx, GAN_ERROR_SHAPE,
                      "batch norm in GAN_TRAIN needs more than one value per channel; the input is %t", x));
    h = gan__normalize(x, w, b, x->dim[0], c, n, gan__norm_eps(), of_batch);
    if (gan__is_poison(h)) return gan__leave(m, h);
    for (p = m->params; p; p = p->next)
        if ((p->tensor == mean || p->tensor == var) && gan__state_own(m->ctx, p->state))
            return gan__leave(m, m->ctx->poison);
    count = (double)x->dim[0] * n; // a batch with a NaN leaves no trace in what is kept
    if (!gan__all_finite(of_batch[0]) || !gan__all_finite(of_batch[1])) c = 0;
    for (i = 0; i < c; ++i) { // the running variance is the unbiased one
        const double s = (double)of_batch[1]->data[i], biased = 1 / (s * s) - (double)gan__norm_eps();
        mean->data[i] += momentum * (of_batch[0]->data[i] - mean->data[i]);
        var->data[i] += momentum * ((gan_real)(biased * count / (count - 1)) - var->data[i]);
    }
    return gan__leave(m, h);
}

GAN_API gan_tensor *gan_layer_norm(gan_model *m, const char *name, gan_tensor *x)
{
    gan_tensor *w, *b, *h, *bad;
    int n;
    if (!gan__enter(m, name, x, 2, &bad)) return bad;
    n = x->dim[0] ? (int)(x->size / (size_t)x->dim[0]) : 0;
    w = gan__parameter(m, name, "weight", 1, gan_init_constant(1), 0, x->ndim - 1, x->dim + 1);
    b = gan__parameter(m, name, "bias", 1, gan_init_zeros(), 0, x->ndim - 1, x->dim + 1);
    h = gan_normalize(x, 1, x->dim[0], n, gan__norm_eps());
    return gan__leave(m, gan__scaled(h, w, b));
}

GAN_API gan_tensor *gan_group_norm(gan_model *m, const char *name, gan_tensor *x, int groups)
{
    gan_tensor *w, *b, *bad;
    int c;
    if (!gan__enter(m, name, x, 2, &bad)) return bad;
    c = x->dim[1];
    if (groups < 1 || c % groups || !x->size)
        return gan__leave(
            m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "%d groups do not divide the %d channels", groups, c));
    w = gan__parameter(m, name, "weight", 1, gan_init_constant(1), 0, 1, &c);
    b = gan__parameter(m, name, "bias", 1, gan_init_zeros(), 0, 1, &c);
    return gan__leave(
        m, gan__scale_shift(gan_normalize(x, 1, x->dim[0] * groups,
                                          (int)(x->size / (size_t)x->dim[0]) / groups, gan__norm_eps()),
                            w, b));
}

GAN_API gan_tensor *gan_instance_norm(gan_model *m, const char *name, gan_tensor *x)
{
    gan_tensor *bad;
    if (!gan__enter(m, name, x, 3, &bad)) return bad;
    return gan_group_norm(m, name, x, x->dim[1]);
}

GAN_API gan_tensor *gan_embedding(gan_model *m, const char *name, gan_tensor *index, int rows, int dim)
{
    gan_tensor *w, *y, *bad;
    int shape[GAN_MAX_DIMS + 1], table[2], flat;
    if (!gan__enter(m, name, index, 0, &bad)) return bad;
    if (rows < 1 || dim < 1)
        return gan__leave(
            m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "%d rows of %d; at least 1 of each", rows, dim));
    table[0] = rows;
    table[1] = dim;
    w = gan__weight(m, name, "weight", m->init.kind == GAN_INIT_DEFAULT ? gan_init_normal(0, 1) : m->init, 0,
                    1, 2, table);
    flat = (int)index->size;
    y = gan_take(w, gan__reshape_to(index, 1, &flat));
    memcpy(shape, index->dim, sizeof index->dim);
    shape[index->ndim] = dim;
    return gan__leave(m, gan__is_poison(y) ? y : gan__reshape_to(y, index->ndim + 1, shape));
}

GAN_API gan_tensor *gan_dropout(gan_model *m, gan_tensor *x, gan_real p)
{
    gan_tensor *mask, *bad;
    size_t i;
    if (!gan__enter(m, "dropout", x, 0, &bad)) return bad;
    if (!(p >= 0 && p < 1))
        return gan__leave(
            m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "probability %f; from 0 to below 1", (double)p));
    if (m->mode == GAN_EVAL || p == 0) return gan__leave(m, x);
    mask = gan__tensor_new(m->ctx, x->ndim, x->dim);
    if (gan__is_poison(mask)) return gan__leave(m, mask);
    gan__draw_uniform(m->ctx, &m->ctx->rng, mask->data, mask->size);
    for (i = 0; i < mask->size; ++i) mask->data[i] = mask->data[i] < p ? 0 : 1 / (1 - p);
    return gan__leave(m, gan_mul(x, mask));
}

// >>loss: adversarial losses, a table row each; distances of batches; uses layer; tests/test_loss.c
//
// A loss row NAME is gan__loss_NAME_d(in) and gan__loss_NAME_g(in). Where it is not joint, D's loss is
// a sum of a term of r and one of f: r is NULL where the latter alone is wanted, and NULL goes through
// operations.

typedef struct gan__loss_in {
    gan_tensor *r, *f; // D(x), D(G(z)), or what pairing made of them
    gan_real p, s, t;  // the parameter; the smoothings of the real and of the fake target
    const gan_real *state;
} gan__loss_in;

// ---- what rows are made of

// x with finite values beyond +-1e15 brought there, so that squares and sums stay finite; x itself when there
// are none, or when it holds a NaN or infinity, which the guarded update shall see.
static gan_tensor *gan__loss_bounded(gan_tensor *x)
{
    const gan_real bound = (gan_real)1e15;
    size_t i;
    int far = 0;
    if (gan__is_poison(x)) return x;
    for (i = 0; i < x->size; ++i) far |= !(x->data[i] <= bound && x->data[i] >= -bound);
    return far && gan__all_finite(x) ? gan_clamp(x, -bound, bound) : x;
}

// e^x, above 30 its tangent there: e^30 (x - 29). Value and slope are continuous, and finite for |x| to 1e15.
static gan_tensor *gan__loss_exp(gan_tensor *x)
{
    gan_tensor *c = gan_clamp(x, (gan_real)-HUGE_VAL, 30);
    return gan_mul(gan_exp(c), gan_add_scalar(gan_sub(x, c), 1));
}

// -mean x
static gan_tensor *gan__minus_mean(gan_tensor *x)
{
    if (gan__is_poison(x)) return x;
    return gan_mul_scalar(gan_sum_all(x), -(gan_real)(1.0 / (double)x->size));
}

// R + F, or F alone
static gan_tensor *gan__loss_terms(gan_tensor *r, gan_tensor *f) { return r ? gan_add(r, f) : f; }

static gan_tensor *gan__half_square(gan_tensor *x, gan_real target)
{
    return gan_mul_scalar(gan_mean_all(gan_square(gan_add_scalar(x, -target))), (gan_real)0.5);
}

// Cross-entropy with targets 1 - s and t: sp(-r) (1 - s) + sp(r) s = sp(-r) + s r, and likewise sp(f) - t f.
static gan_tensor *gan__loss_bce(const gan__loss_in *a)
{
    gan_tensor *real = gan_mean_all(gan_softplus(gan_neg(a->r))), *fake;
    if (a->s != 0) real = gan_add(real, gan_mul_scalar(gan_mean_all(a->r), a->s));
    fake = gan_mean_all(gan_softplus(a->f));
    if (a->t != 0) fake = gan_sub(fake, gan_mul_scalar(gan_mean_all(a->f), a->t));
    return gan__loss_terms(real, fake);
}

// ---- rows: a term of r and one of f

static gan_tensor *gan__loss_non_saturating_d(const gan__loss_in *a) { return gan__loss_bce(a); }
static gan_tensor *gan__loss_non_saturating_g(const gan__loss_in *a)
{
    return gan_mean_all(gan_softplus(gan_neg(a->f)));
}

static gan_tensor *gan__loss_minimax_d(const gan__loss_in *a) { return gan__loss_bce(a); }
static gan_tensor *gan__loss_minimax_g(const gan__loss_in *a)
{
    return gan_neg(gan_mean_all(gan_softplus(a->f)));
}

static gan_tensor *gan__loss_least_squares_d(const gan__loss_in *a)
{
    return gan__loss_terms(gan__half_square(a->r, 1 - a->s), gan__half_square(a->f, a->t));
}
static gan_tensor *gan__loss_least_squares_g(const gan__loss_in *a) { return gan__half_square(a->f, 1); }

static gan_tensor *gan__loss_wasserstein_d(const gan__loss_in *a)
{
    return gan__loss_terms(gan__minus_mean(a->r), gan_mean_all(a->f));
}
static gan_tensor *gan__loss_wasserstein_g(const gan__loss_in *a) { return gan__minus_mean(a->f); }

static gan_tensor *gan__loss_hinge_d(const gan__loss_in *a)
{
    return gan__loss_terms(gan_mean_all(gan_relu(gan_affine(a->r, -1, 1))),
                           gan_mean_all(gan_relu(gan_add_scalar(a->f, 1))));
}
static gan_tensor *gan__loss_hinge_g(const gan__loss_in *a) { return gan__minus_mean(a->f); }

static gan_tensor *gan__loss_least_squares_pearson_d(const gan__loss_in *a)
{
    return gan__loss_terms(gan__half_square(a->r, 1 - 2 * a->s), gan__half_square(a->f, 2 * a->t - 1));
}
static gan_tensor *gan__loss_least_squares_pearson_g(const gan__loss_in *a)
{
    return gan__half_square(a->f, 0);
}

static gan_tensor *gan__loss_maximum_likelihood_d(const gan__loss_in *a) { return gan__loss_bce(a); }
static gan_tensor *gan__loss_maximum_likelihood_g(const gan__loss_in *a)
{
    return gan__minus_mean(gan__loss_exp(a->f));
}

static gan_tensor *gan__loss_boundary_seeking_d(const gan__loss_in *a) { return gan__loss_bce(a); }
static gan_tensor *gan__loss_boundary_seeking_g(const gan__loss_in *a) { return gan__half_square(a->f, 0); }

static gan_tensor *gan__loss_margin(const gan__loss_in *a, gan_real margin)
{
    return gan__loss_terms(gan_mean_all(a->r), gan_mean_all(gan_relu(gan_affine(a->f, -1, margin))));
}
static gan_tensor *gan__loss_ebgan_d(const gan__loss_in *a) { return gan__loss_margin(a, a->p); }
static gan_tensor *gan__loss_ebgan_g(const gan__loss_in *a) { return gan_mean_all(a->f); }

static gan_tensor *gan__loss_magan_d(const gan__loss_in *a) { return gan__loss_margin(a, a->state[0]); }
static gan_tensor *gan__loss_magan_g(const gan__loss_in *a) { return gan_mean_all(a->f); }

static gan_tensor *gan__loss_began_d(const gan__loss_in *a)
{
    return gan__loss_terms(gan_mean_all(a->r), gan_mul_scalar(gan_mean_all(a->f), -a->state[0]));
}
static gan_tensor *gan__loss_began_g(const gan__loss_in *a) { return gan_mean_all(a->f); }

// ---- rows: f-divergences. NAME_t(v, p) is T = g_f(v), NAME_c(v, p) is f*(T).

static gan_tensor *gan__f_kl_t(gan_tensor *v, gan_real p) { return (void)p, v; }
static gan_tensor *gan__f_kl_c(gan_tensor *v, gan_real p)
{
    return (void)p, gan__loss_exp(gan_add_scalar(v, -1));
}

static gan_tensor *gan__f_reverse_kl_t(gan_tensor *v, gan_real p)
{
    return (void)p, gan_neg(gan__loss_exp(gan_neg(v)));
}
static gan_tensor *gan__f_reverse_kl_c(gan_tensor *v, gan_real p) { return (void)p, gan_add_scalar(v, -1); }

static gan_tensor *gan__f_pearson_t(gan_tensor *v, gan_real p) { return (void)p, v; }
static gan_tensor *gan__f_pearson_c(gan_tensor *v, gan_real p)
{
    return (void)p, gan_mul(v, gan_affine(v, (gan_real)0.25, 1));
}

// 1 - e^-v
static gan_tensor *gan__f_neyman_t(gan_tensor *v, gan_real p)
{
    return (void)p, gan_affine(gan__loss_exp(gan_neg(v)), -1, 1);
}
static gan_tensor *gan__f_neyman_c(gan_tensor *v, gan_real p)
{
    return (void)p, gan_affine(gan__loss_exp(gan_mul_scalar(v, (gan_real)-0.5)), -2, 2);
}

static gan_tensor *gan__f_squared_hellinger_t(gan_tensor *v, gan_real p) { return gan__f_neyman_t(v, p); }
static gan_tensor *gan__f_squared_hellinger_c(gan_tensor *v, gan_real p)
{
    return (void)p, gan_add_scalar(gan__loss_exp(v), -1);
}

static gan_tensor *gan__f_jensen_shannon_t(gan_tensor *v, gan_real p)
{
    return (void)p, gan_affine(gan_softplus(gan_neg(v)), -1, (gan_real)0.6931471805599453);
}
static gan_tensor *gan__f_jensen_shannon_c(gan_tensor *v, gan_real p)
{
    return (void)p, gan_add_scalar(gan_softplus(v), (gan_real)-0.6931471805599453);
}

static gan_tensor *gan__f_gan_t(gan_tensor *v, gan_real p)
{
    return (void)p, gan_neg(gan_softplus(gan_neg(v)));
}
static gan_tensor *gan__f_gan_c(gan_tensor *v, gan_real p) { return (void)p, gan_softplus(v); }

static gan_tensor *gan__f_total_variation_t(gan_tensor *v, gan_real p)
{
    return (void)p, gan_mul_scalar(gan_tanh(v), (gan_real)0.5);
}
static gan_tensor *gan__f_total_variation_c(gan_tensor *v, gan_real p)
{
    return gan__f_total_variation_t(v, p);
}

// log sp(-v), which is -v to 7e-12 above 25, where sp(-v) would vanish
static gan_tensor *gan__log_softplus_neg(gan_tensor *v)
{
    gan_tensor *c = gan_clamp(v, (gan_real)-HUGE_VAL, 25);
    return gan_sub(gan_log(gan_softplus(gan_neg(c))), gan_sub(v, c));
}

// max(b, 1e-12)^q, q > 1, above B, where it is e^30, its tangent there
static gan_tensor *gan__loss_pow(gan_tensor *b, gan_real q)
{
    const gan_real top = (gan_real)exp(30 / (double)q);
    gan_tensor *more = gan_relu(gan_add_scalar(b, -top));
    return gan_mul(gan_pow_scalar(gan_clamp(b, (gan_real)1e-12, top), q), gan_affine(more, q / top, 1));
}

static gan_tensor *gan__f_alpha_t(gan_tensor *v, gan_real p)
{
    return p > 1 ? v : gan_affine(gan_softplus(gan_neg(v)), -1, 1 / (1 - p));
}
// b = 1 + (p - 1) T is (1 - p) sp(-v) where p < 1
static gan_tensor *gan__f_alpha_c(gan_tensor *v, gan_real p)
{
    const gan_real q = p / (p - 1);
    gan_tensor *y;
    if (p > 1) y = gan__loss_pow(gan_affine(v, p - 1, 1), q);
    else y = gan__loss_exp(gan_affine(gan__log_softplus_neg(v), q, q * (gan_real)log(1 - (double)p)));
    return gan_affine(y, 1 / p, -1 / p);
}

#define GAN__F_GAN(name)                                                                                     \
    static gan_tensor *gan__loss_##name##_d(const gan__loss_in *a)                                           \
    {                                                                                                        \
        return gan__loss_terms(gan__minus_mean(gan__##name##_t(a->r, a->p)),                                 \
                               gan_mean_all(gan__##name##_c(a->f, a->p)));                                   \
    }                                                                                                        \
    static gan_tensor *gan__loss_##name##_g(const gan__loss_in *a)                                           \
    {                                                                                                        \
        return gan__minus_mean(gan__##name##_t(a->f, a->p));                                                 \
    }
GAN__F_GAN(f_kl)
GAN__F_GAN(f_reverse_kl)
GAN__F_GAN(f_pearson)
GAN__F_GAN(f_neyman)
GAN__F_GAN(f_squared_hellinger)
GAN__F_GAN(f_jensen_shannon)
GAN__F_GAN(f_gan)
GAN__F_GAN(f_total_variation)
GAN__F_GAN(f_alpha)

// ---- rows: both batches in one term

static gan_tensor *gan__loss_softmax_d(const gan__loss_in *a)
{
    gan_tensor *all = gan_concat(0, 2, gan_reshape(a->r, 1, -1), gan_reshape(a->f, 1, -1));
    return gan_sub(gan_logsumexp(all, 0, 0), gan_mean_all(a->r));
}
static gan_tensor *gan__loss_softmax_g(const gan__loss_in *a)
{
    gan_tensor *all = gan_concat(0, 2, gan_reshape(a->r, 1, -1), gan_reshape(a->f, 1, -1));
    return gan_sub(gan_logsumexp(all, 0, 0), gan_mean_all(all));
}

// log(1 + sum e^t) = sp(log sum e^t)
static gan_tensor *gan__loss_contrast(gan_tensor *t, int axis)
{
    return gan_mean_all(gan_softplus(gan_logsumexp(t, axis, 0)));
}
static gan_tensor *gan__loss_dual_contrastive(gan_tensor *r, gan_tensor *f)
{
    gan_tensor *t = gan_sub(gan_reshape(f, 2, 1, -1), gan_reshape(r, 2, -1, 1)); // f_j - r_i at (i, j)
    return gan_add(gan__loss_contrast(t, 1), gan__loss_contrast(t, 0));
}
static gan_tensor *gan__loss_dual_contrastive_d(const gan__loss_in *a)
{
    return gan__loss_dual_contrastive(a->r, a->f);
}
static gan_tensor *gan__loss_dual_contrastive_g(const gan__loss_in *a)
{
    return gan__loss_dual_contrastive(a->f, a->r);
}

// ---- distances between batches, and their rows

// x (N, ...) and y (M, ...) as bounded features (N, F), (M, F). Where they are none: NULL, and xy[0] is what
// the caller shall return.
static gan_context *gan__features(const char *name, gan_tensor *x, gan_tensor *y, gan_tensor **xy)
{
    gan_context *ctx;
    xy[0] = x;
    xy[1] = y;
    ctx = gan__inputs(GAN_OP_NONE, 2, xy, &x);
    if (ctx && xy[0]->ndim && y->ndim) {
        xy[0] = gan__loss_bounded(gan_flatten(xy[0]));
        xy[1] = gan__loss_bounded(gan_flatten(y));
        if (gan__is_poison(xy[0]) || gan__is_poison(xy[1])) x = ctx->poison;
        else if (xy[0]->dim[1] == xy[1]->dim[1] && xy[0]->size && xy[1]->size) return ctx;
    }
    if (ctx && !ctx->error)
        x = gan__fail(ctx, GAN_ERROR_SHAPE,
                      "%s: batches %t and %t; (N, ...) and (M, ...) with as many numbers a sample", name,
                      xy[0], y);
    xy[0] = x;
    return NULL;
}

// x_i - y_j at (i, j) of (N, M, F)
static gan_tensor *gan__differences(gan_tensor *x, gan_tensor *y)
{
    if (gan__is_poison(x) || gan__is_poison(y)) return gan__is_poison(x) ? x : y;
    return gan_sub(gan_reshape(x, 3, x->dim[0], 1, x->dim[1]), gan_reshape(y, 3, 1, y->dim[0], y->dim[1]));
}
static gan_tensor *gan__square_distances(gan_tensor *x, gan_tensor *y)
{
    return gan_sum(gan_square(gan__differences(x, y)), GAN_AXIS(2), 0);
}
static gan_tensor *gan__mean_distance(gan_tensor *x, gan_tensor *y)
{
    return gan_mean_all(gan_norm(gan__differences(x, y), GAN_AXIS(2), 0));
}

// A likeness of two batches, or a cost, with what it is computed by.
typedef struct gan__likeness {
    gan_tensor *(*between)(const struct gan__likeness *k, gan_tensor *x, gan_tensor *y);
    gan_tensor *(*kernel)(gan_tensor *square_distance, gan_real width);
    int count; // of widths; iterations
    const gan_real *widths;
    gan_real epsilon;
} gan__likeness;

// K(x, x) + K(y, y) - 2 K(x, y)
static gan_tensor *gan__unlike(const gan__likeness *k, gan_tensor *x, gan_tensor *y)
{
    gan_tensor *own = gan_add(k->between(k, x, x), k->between(k, y, y));
    return gan_sub(own, gan_mul_scalar(k->between(k, x, y), 2));
}

static gan_tensor *gan__mean_kernel(const gan__likeness *k, gan_tensor *x, gan_tensor *y)
{
    gan_tensor *d = gan__square_distances(x, y), *sum = k->kernel(d, k->widths[0]);
    int i;
    for (i = 1; i < k->count; ++i) sum = gan_add(sum, k->kernel(d, k->widths[i]));
    return gan_mean_all(sum);
}

static gan_tensor *gan__rbf(gan_tensor *d, gan_real sigma)
{
    return gan_exp(gan_mul_scalar(d, (gan_real)(-0.5 / ((double)sigma * (double)sigma))));
}
static gan_tensor *gan__rational_quadratic(gan_tensor *d, gan_real alpha)
{
    return gan_pow_scalar(gan_affine(d, (gan_real)(0.5 / (double)alpha), 1), -alpha);
}

static gan_tensor *gan__mmd(const char *name, gan_tensor *x, gan_tensor *y, int count, const gan_real *widths,
                            gan_tensor *(*kernel)(gan_tensor *, gan_real))
{
    gan_tensor *xy[2];
    gan__likeness k;
    gan_context *ctx = gan__features(name, x, y, xy);
    int i;
    if (!ctx) return xy[0];
    for (i = 0; i < count && widths[i] > 0; ++i) {}
    if (i < count || count < 1)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: kernel %d of %d; widths must be given and positive",
                         name, i + 1, count);
    memset(&k, 0, sizeof k);
    k.between = gan__mean_kernel;
    k.kernel = kernel;
    k.count = count;
    k.widths = widths;
    return gan__unlike(&k, xy[0], xy[1]);
}

GAN_API gan_tensor *gan_mmd_rbf(gan_tensor *x, gan_tensor *y, int count, const gan_real *sigma)
{
    static const gan_real sigmas[] = {1, 2, 4, 8, 16};
    return gan__mmd("mmd_rbf", x, y, sigma ? count : 5, sigma ? sigma : sigmas, gan__rbf);
}
GAN_API gan_tensor *gan_mmd_rational_quadratic(gan_tensor *x, gan_tensor *y, int count, const gan_real *alpha)
{
    static const gan_real alphas[] = {(gan_real)0.2, (gan_real)0.5, 1, 2, 5};
    return gan__mmd("mmd_rational_quadratic", x, y, alpha ? count : 5, alpha ? alpha : alphas,
                    gan__rational_quadratic);
}

static gan_tensor *gan__between_distance(const gan__likeness *k, gan_tensor *x, gan_tensor *y)
{
    return (void)k, gan__mean_distance(x, y);
}

GAN_API gan_tensor *gan_energy_distance(gan_tensor *x, gan_tensor *y)
{
    gan_tensor *xy[2];
    gan__likeness k;
    if (!gan__features("energy_distance", x, y, xy)) return xy[0];
    memset(&k, 0, sizeof k);
    k.between = gan__between_distance;
    return gan_neg(gan__unlike(&k, xy[0], xy[1]));
}

// With A = -|x_i - y_j|^2 / epsilon, (N, M), and the potentials u (N, 1), w (1, M) in units of epsilon:
// u = log M - lse_j(w + A), w = log N - lse_i(u + A), W = epsilon (mean u + mean w). After an update of w the
// plan has mass 1, so that this is the dual's value and never more than W.
static gan_tensor *gan__transport(const gan__likeness *k, gan_tensor *x, gan_tensor *y)
{
    gan_tensor *a = gan_mul_scalar(gan__square_distances(x, y), -1 / k->epsilon), *u = NULL, *w = NULL;
    int i;
    if (gan__is_poison(a)) return a;
    for (i = 0; i < k->count; ++i) {
        u = gan_logsumexp(w ? gan_add(w, a) : a, 1, GAN_KEEPDIM);
        u = gan_affine(u, -1, (gan_real)log((double)y->dim[0]));
        w = gan_affine(gan_logsumexp(gan_add(u, a), 0, GAN_KEEPDIM), -1, (gan_real)log((double)x->dim[0]));
    }
    return gan_mul_scalar(gan_add(gan_mean_all(u), gan_mean_all(w)), k->epsilon);
}

GAN_API gan_tensor *gan_sinkhorn(gan_tensor *x, gan_tensor *y, gan_real epsilon, int iterations)
{
    gan_tensor *xy[2];
    gan__likeness k;
    gan_context *ctx = gan__features("sinkhorn", x, y, xy);
    if (!ctx) return xy[0];
    if (!(epsilon >= 0) || iterations < 0)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "sinkhorn: epsilon %f, iterations %d must not be negative",
                         (double)epsilon, iterations);
    memset(&k, 0, sizeof k);
    k.between = gan__transport;
    k.count = iterations ? iterations : 20;
    k.epsilon = epsilon > 0 ? epsilon : (gan_real)0.1;
    return gan_mul_scalar(gan__unlike(&k, xy[0], xy[1]), (gan_real)-0.5);
}

// The features in units of p; distances of batches do not tell who is real, so D's loss is minus G's.
static gan_tensor *gan__loss_mmd_rbf_g(const gan__loss_in *a)
{
    return gan_mmd_rbf(gan_mul_scalar(a->r, 1 / a->p), gan_mul_scalar(a->f, 1 / a->p), 0, NULL);
}
static gan_tensor *gan__loss_mmd_rbf_d(const gan__loss_in *a) { return gan_neg(gan__loss_mmd_rbf_g(a)); }

static gan_tensor *gan__loss_mmd_rational_quadratic_g(const gan__loss_in *a)
{
    return gan_mmd_rational_quadratic(gan_mul_scalar(a->r, 1 / a->p), gan_mul_scalar(a->f, 1 / a->p), 0,
                                      NULL);
}
static gan_tensor *gan__loss_mmd_rational_quadratic_d(const gan__loss_in *a)
{
    return gan_neg(gan__loss_mmd_rational_quadratic_g(a));
}

static gan_tensor *gan__loss_energy_g(const gan__loss_in *a) { return gan_energy_distance(a->r, a->f); }
static gan_tensor *gan__loss_energy_d(const gan__loss_in *a) { return gan_neg(gan__loss_energy_g(a)); }

static gan_tensor *gan__loss_sinkhorn_g(const gan__loss_in *a) { return gan_sinkhorn(a->r, a->f, a->p, 0); }
static gan_tensor *gan__loss_sinkhorn_d(const gan__loss_in *a) { return gan_neg(gan__loss_sinkhorn_g(a)); }

// mean |r - f| and the mean of |f - f'| over pairs of different fakes, an unbiased estimate. 0 on error.
static int gan__cramer(const gan__loss_in *a, gan_tensor **rf, gan_tensor **apart, gan_tensor **ff)
{
    gan_context *ctx = gan__features("cramer", a->r, a->f, rf);
    double m;
    if (!ctx) return 0;
    m = (double)rf[1]->dim[0];
    if (m < 2) {
        rf[0] = gan__fail(ctx, GAN_ERROR_SHAPE,
                          "cramer: fakes %t; a batch of at least 2 is needed, since each "
                          "is compared with others",
                          a->f);
        return 0;
    }
    *apart = gan__mean_distance(rf[0], rf[1]);
    *ff = gan_mul_scalar(gan__mean_distance(rf[1], rf[1]), (gan_real)(m / (m - 1)));
    return 1;
}
static gan_tensor *gan__loss_cramer_d(const gan__loss_in *a)
{
    gan_tensor *rf[2], *apart, *ff;
    if (!gan__cramer(a, rf, &apart, &ff)) return rf[0];
    rf[0] = gan_mean_all(gan_norm_per_sample(rf[0]));
    rf[1] = gan_mean_all(gan_norm_per_sample(rf[1]));
    return gan_sub(gan_sub(ff, rf[1]), gan_sub(apart, rf[0]));
}
static gan_tensor *gan__loss_cramer_g(const gan__loss_in *a)
{
    gan_tensor *rf[2], *apart, *ff;
    if (!gan__cramer(a, rf, &apart, &ff)) return rf[0];
    return gan_sub(gan_mul_scalar(apart, 2), ff);
}

// ---- the table and what calls it

typedef struct gan__loss_row {
    const char *name;
    gan_real parameter;
    gan_critic critic;
    int joint;
    gan_tensor *(*d)(const gan__loss_in *a);
    gan_tensor *(*g)(const gan__loss_in *a);
} gan__loss_row;

static const gan__loss_row gan__losses[] = {
#define GAN__ROW(id, name, parameter, critic, joint)                                                         \
    {#name, (gan_real)parameter, GAN_CRITIC_##critic, joint, gan__loss_##name##_d, gan__loss_##name##_g},
    GAN_LOSSES(GAN__ROW)
#undef GAN__ROW
};

static int gan__loss_known(gan_context *ctx, gan_loss loss)
{
    if ((int)loss >= 0 && loss < GAN_LOSS_COUNT) return 1;
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "loss %d is unknown; take one of the gan_loss enumeration", (int)loss);
    return 0;
}

// Whether the description is one that can be computed.
static int gan__loss_fits(gan_context *ctx, const gan_loss_desc *desc)
{
    const gan__loss_row *row = &gan__losses[0];
    if (!gan__loss_known(ctx, desc->kind)) return 0;
    row += desc->kind;
    if ((int)desc->pairing < 0 || desc->pairing > GAN_RELATIVISTIC_AVERAGE)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "loss %s: pairing %d is unknown; take one of gan_pairing",
                  row->name, (int)desc->pairing);
    else if (desc->pairing != GAN_PLAIN && row->critic == GAN_CRITIC_FEATURES)
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "loss %s compares whole batches of features, which cannot be paired; use GAN_PLAIN",
                  row->name);
    else if (desc->kind == GAN_LOSS_F_ALPHA && desc->parameter == 1)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "loss f_alpha: alpha 1 is GAN_LOSS_F_KL");
    else if (row->critic == GAN_CRITIC_FEATURES && !(desc->parameter >= 0))
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "loss %s: parameter %f must be positive, or 0 for its default",
                  row->name, (double)desc->parameter);
    else return 1;
    return 0;
}

// What a row is given: bounded logits, the parameter, the state; no smoothing.
static gan__loss_in gan__loss_open(const gan_loss_desc *desc, gan_tensor *real, gan_tensor *fake)
{
    gan__loss_in a;
    memset(&a, 0, sizeof a);
    a.r = gan__loss_bounded(real);
    a.f = gan__loss_bounded(fake);
    a.p = desc->parameter != 0 ? desc->parameter : gan__losses[desc->kind].parameter;
    a.state = desc->state;
    return a;
}

// D's loss of paired logits, those of a changed to that; the roles exchanged for the generator.
static gan_tensor *gan__loss_paired(const gan_loss_desc *desc, gan__loss_in *a, int exchanged)
{
    gan_tensor *r = a->r, *f = a->f, *loss;
    const int pairs = desc->pairing == GAN_RELATIVISTIC;
    if (gan__is_poison(r) || gan__is_poison(f)) return gan__is_poison(r) ? r : f;
    if (pairs && (r->ndim != f->ndim || memcmp(r->dim, f->dim, (size_t)r->ndim * sizeof *r->dim)))
        return gan__fail(r->ctx, GAN_ERROR_SHAPE,
                         "loss %s: relativistic pairs need outputs of one shape, not %t and %t; "
                         "GAN_RELATIVISTIC_AVERAGE takes any",
                         gan__losses[desc->kind].name, r, f);
    if (desc->pairing != GAN_PLAIN) {
        a->r = gan_sub(r, pairs ? f : gan_mean_all(f));
        a->f = gan_sub(f, pairs ? r : gan_mean_all(r));
    }
    if (exchanged) {
        r = a->r;
        a->r = a->f;
        a->f = r;
    }
    loss = gan__losses[desc->kind].d(a);
    return pairs ? gan_mul_scalar(loss, (gan_real)0.5) : loss;
}

GAN_API gan_tensor *gan_loss_d_ex(const gan_loss_desc *desc, gan_tensor *real, gan_tensor *fake)
{
    gan_tensor *in[2], *bad;
    gan_loss_desc plain;
    gan__loss_in a;
    gan_context *ctx;
    memset(&plain, 0, sizeof plain);
    if (!desc) desc = &plain;
    in[0] = real;
    in[1] = fake;
    ctx = gan__inputs(GAN_OP_NONE, 2, in, &bad);
    if (!ctx) return bad;
    if (!gan__loss_fits(ctx, desc)) return ctx->poison;
    a = gan__loss_open(desc, real, fake);
    a.s = desc->smoothing;
    a.t = desc->fake_smoothing;
    return gan__loss_paired(desc, &a, 0);
}

GAN_API gan_tensor *gan_loss_g_ex(const gan_loss_desc *desc, gan_tensor *real, gan_tensor *fake)
{
    gan_tensor *in[2], *bad;
    gan_loss_desc plain;
    gan__loss_in a;
    gan_context *ctx;
    int minus;
    memset(&plain, 0, sizeof plain);
    if (!desc) desc = &plain;
    in[0] = fake;
    in[1] = real;
    ctx = gan__inputs(GAN_OP_NONE, real ? 2 : 1, in, &bad);
    if (!ctx) return bad;
    if (!gan__loss_fits(ctx, desc)) return ctx->poison;
    if (!real && gan_loss_needs_real(desc))
        return gan__fail(ctx, GAN_ERROR_ARGUMENT,
                         "loss %s: the generator's loss needs D's output on real data too, unless plain and "
                         "not joint: call gan_loss_g_ex with it",
                         gan__losses[desc->kind].name);
    a = gan__loss_open(desc, real, fake);
    minus = desc->saturating || (desc->kind == GAN_LOSS_MINIMAX && desc->pairing != GAN_PLAIN);
    if (desc->pairing == GAN_PLAIN && !minus) return gan__losses[desc->kind].g(&a);
    if (gan_loss_needs_real(desc)) bad = gan__loss_paired(desc, &a, !minus);
    else {
        a.r = NULL;
        bad = gan__losses[desc->kind].d(&a);
    }
    return minus ? gan_neg(bad) : bad;
}

GAN_API gan_tensor *gan_loss_d(gan_loss loss, gan_tensor *real, gan_tensor *fake, gan_real smoothing)
{
    gan_loss_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.kind = loss;
    desc.smoothing = smoothing;
    return gan_loss_d_ex(&desc, real, fake);
}

GAN_API gan_tensor *gan_loss_g(gan_loss loss, gan_tensor *fake)
{
    gan_loss_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.kind = loss;
    return gan_loss_g_ex(&desc, NULL, fake);
}

GAN_API int gan_loss_needs_real(const gan_loss_desc *desc)
{
    if (!desc || (int)desc->kind < 0 || desc->kind >= GAN_LOSS_COUNT) return 0;
    return desc->pairing != GAN_PLAIN || gan__losses[desc->kind].joint;
}

// Berthelot 2017, section 3.3 and 3.4.1
static void gan__began_control(gan_real *state, gan_real gamma, gan_real r, gan_real f)
{
    const gan_real lambda = (gan_real)0.001, more = gamma * r - f, k = state[0] + lambda * more;
    state[0] = k < 0 ? 0 : k > 1 ? 1 : k;
    state[1] = r + (more < 0 ? -more : more);
}

static void gan__magan_control(gan_real *state, gan_real rate, gan_real r, gan_real f)
{
    const gan_real before = state[3];
    if (state[0] == 0) {
        state[0] = state[2] = r;
        state[3] = f;
        return;
    }
    state[2] += rate * (r - state[2]);
    state[3] += rate * (f - state[3]);
    if (state[2] < state[0] && state[2] < state[3] && state[3] >= before) state[0] = state[2];
}

GAN_API void gan_loss_control(gan_loss_desc *desc, gan_real real_mean, gan_real fake_mean)
{
    gan_real p;
    if (!desc || !gan__is_finite(real_mean) || !gan__is_finite(fake_mean)) return;
    if (desc->kind != GAN_LOSS_BEGAN && desc->kind != GAN_LOSS_MAGAN) return;
    p = desc->parameter != 0 ? desc->parameter : gan__losses[desc->kind].parameter;
    if (desc->kind == GAN_LOSS_BEGAN) gan__began_control(desc->state, p, real_mean, fake_mean);
    else gan__magan_control(desc->state, p, real_mean, fake_mean);
}

GAN_API const char *gan_loss_name(gan_loss loss)
{
    return (int)loss >= 0 && loss < GAN_LOSS_COUNT ? gan__losses[loss].name : "unknown";
}

GAN_API gan_critic gan_loss_critic(gan_loss loss)
{
    return (int)loss >= 0 && loss < GAN_LOSS_COUNT ? gan__losses[loss].critic : GAN_CRITIC_SCORE;
}

GAN_API int gan_loss_is_probability(gan_loss loss) { return gan_loss_critic(loss) == GAN_CRITIC_PROBABILITY; }

GAN_API gan_tensor *gan_reconstruction_error(gan_tensor *x, gan_tensor *y)
{
    gan_tensor *in[2], *bad;
    in[0] = x;
    in[1] = y;
    if (!gan__inputs(GAN_OP_NONE, 2, in, &bad)) return bad;
    if (x->ndim < 1 || x->ndim != y->ndim || memcmp(x->dim, y->dim, (size_t)x->ndim * sizeof *x->dim))
        return gan__fail(x->ctx, GAN_ERROR_SHAPE,
                         "reconstruction_error: %t and %t; two batches of one shape (N, ...) are needed", x,
                         y);
    return gan_norm_per_sample(gan_sub(gan__loss_bounded(x), gan__loss_bounded(y)));
}

// The sum over all pairs of the squared cosine, less that of each code with itself.
GAN_API gan_tensor *gan_pull_away(gan_tensor *code)
{
    gan_tensor *bad, *own;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &code, &bad);
    double n;
    if (!ctx) return bad;
    if (code->ndim < 1 || code->dim[0] < 2)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "pull_away: codes %t; (N, ...) with N from 2 is needed", code);
    n = (double)code->dim[0];
    code = gan__loss_bounded(gan_flatten(code));
    own = gan_norm(code, GAN_AXIS(1), GAN_KEEPDIM);
    code = gan_div(code, gan_maximum(own, gan_scalar(ctx, (gan_real)1e-12)));
    own = gan_sum_all(gan_square(gan_sum(gan_square(code), GAN_AXIS(1), 0)));
    return gan_mul_scalar(gan_sub(gan_sum_all(gan_square(gan_matmul_t(code, 0, code, 1))), own),
                          (gan_real)(1 / (n * (n - 1))));
}

// >>objective: supervised, conditional, contrastive, perceptual losses; uses layer; tests/test_objective.c
//
// A row NAME of the table is the public function gan_NAME. Rows (N, ...) are samples; log-probabilities are
// taken of logits minus their largest one, so that they keep all digits whatever the logits' size.

// Whether the labels give each of n rows one whole number below `classes`; an error when they do not.
static int gan__labels_fit(const char *who, const gan_tensor *labels, int n, int classes)
{
    size_t i;
    if (labels->ndim != 1 || labels->dim[0] != n) {
        gan__fail(labels->ctx, GAN_ERROR_SHAPE, "%s: labels %t for %d rows; give one each, shape (%d)", who,
                  labels, n, n);
        return 0;
    }
    for (i = 0; i < labels->size; ++i) {
        const gan_real v = labels->data[i];
        if ((v >= 0 && v < (gan_real)classes) && v == (gan_real)(int)v) continue;
        gan__fail(labels->ctx, GAN_ERROR_ARGUMENT,
                  "%s: label %f at position %l is not a whole number from 0 to %d", who, (double)v,
                  (int64_t)i, classes - 1);
        return 0;
    }
    return 1;
}

// The context of logits (N, each classes + extra) and labels (N) of these classes; NULL and what to return
// when they do not fit.
static gan_context *gan__classified(const char *who, gan_tensor *logits, gan_tensor *labels, int each,
                                    int extra, gan_tensor **out)
{
    gan_tensor *in[2];
    gan_context *ctx;
    in[0] = logits;
    in[1] = labels;
    ctx = gan__inputs(GAN_OP_NONE, 2, in, out);
    if (!ctx) return NULL;
    *out = ctx->poison;
    if (logits->ndim != 2 || !logits->size || logits->dim[1] - extra < each ||
        (logits->dim[1] - extra) % each) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: logits %t; want (N, %s), N and K at least 1", who, logits,
                  each > 1 ? "2 K"
                  : extra  ? "K + 1"
                           : "K");
        return NULL;
    }
    return gan__labels_fit(who, labels, logits->dim[0], (logits->dim[1] - extra) / each) ? ctx : NULL;
}

// The context of two tensors of one shape, not empty, of `ndim` axes (0: at least one); NULL and what to
// return when they are not that.
static gan_context *gan__alike(const char *who, gan_tensor *a, gan_tensor *b, int ndim, gan_tensor **out)
{
    gan_tensor *in[2];
    gan_context *ctx;
    in[0] = a;
    in[1] = b;
    ctx = gan__inputs(GAN_OP_NONE, 2, in, out);
    if (!ctx) return NULL;
    *out = ctx->poison;
    if (a->size && (ndim ? a->ndim == ndim : a->ndim > 0) && a->ndim == b->ndim &&
        !memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof *a->dim))
        return ctx;
    gan__fail(ctx, GAN_ERROR_SHAPE, "%s: %t and %t must have one shape %s, not empty", who, a, b,
              ndim == 2   ? "(N, D)"
              : ndim == 4 ? "(N, C, H, W)"
                          : "(N, ...)");
    return NULL;
}

static int gan__positive(gan_context *ctx, const char *who, const char *what, gan_real v)
{
    if (v > 0 && v < (gan_real)HUGE_VAL) return 1;
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: %s %f; give a positive number", who, what, (double)v);
    return 0;
}

// sum x / N of (N, ...): each value is divided first, so that a sum of large ones stays finite
static gan_tensor *gan__batch_mean(gan_tensor *x)
{
    if (gan__is_poison(x)) return x;
    return gan_sum_all(gan_mul_scalar(x, (gan_real)(1.0 / (x->ndim ? x->dim[0] : 1))));
}

// log softmax of the rows of (N, K)
static gan_tensor *gan__log_probs(gan_tensor *x)
{
    x = gan_sub(x, gan_detach(gan_amax(x, 1, GAN_KEEPDIM))); // moving a row changes nothing: no gradient
    return gan_sub(x, gan_log(gan_sum(gan_exp(x), GAN_AXIS(1), GAN_KEEPDIM)));
}

// x[i][index[i]] of (N, K) and (N) -> (N)
static gan_tensor *gan__pick(gan_tensor *x, gan_tensor *index)
{
    return gan_reshape(gan_gather(x, gan_reshape(index, 2, -1, 1)), 1, -1);
}

static gan_tensor *gan__cross_entropy(gan_tensor *logits, gan_tensor *labels)
{
    return gan_neg(gan__batch_mean(gan__pick(gan__log_probs(logits), labels)));
}

// 0, 1 .. n-1, beginning with `first` and going round
static gan_tensor *gan__counting(gan_context *ctx, int n, int first)
{
    gan_tensor *t = gan__tensor_new(ctx, 1, &n);
    int i;
    if (!gan__is_poison(t))
        for (i = 0; i < n; ++i) t->data[i] = (gan_real)(i < n - first ? i + first : i + first - n);
    return t;
}

// (N) and (M) -> (N, M): 1 where they are equal, else 0
static gan_tensor *gan__equal(gan_tensor *a, gan_tensor *b)
{
    return gan_eq(gan_reshape(a, 2, -1, 1), gan_reshape(b, 2, 1, -1));
}

static gan_tensor *gan__label_mask(gan_tensor *logits, gan_tensor *labels)
{
    return gan__equal(labels, gan__counting(logits->ctx, logits->dim[1], 0));
}

// x where the mask is not 0, elsewhere the lowest number: no exponential nor maximum sees it
static gan_tensor *gan__only(gan_tensor *mask, gan_tensor *x)
{
#ifdef GAN_DOUBLE
    const gan_real lowest = -1.7976931348623157e308;
#else
    const gan_real lowest = -3.402823466e38f;
#endif
    return gan__is_poison(x) ? x : gan_where(mask, x, gan_scalar(x->ctx, lowest));
}

// The rows of (N, D) at length 1, a row of zeros as it is. They are brought to a largest value of 1 before,
// since squares of very large or small ones are not numbers any more.
static gan_tensor *gan__unit_rows(gan_tensor *x)
{
    gan_tensor *one, *n;
    if (gan__is_poison(x)) return x;
    one = gan_scalar(x->ctx, 1);
    n = gan_detach(gan_amax(gan_abs(x), 1, GAN_KEEPDIM));
    x = gan_div(x, gan_where(n, n, one));
    n = gan_norm(x, GAN_AXIS(1), GAN_KEEPDIM);
    return gan_div(x, gan_where(n, n, one));
}

// <a_i, b_j> / temperature of (N, D) and (M, D) -> (N, M)
static gan_tensor *gan__products(gan_tensor *a, gan_tensor *b, gan_real temperature)
{
    return gan_mul_scalar(gan_matmul_t(a, 0, b, 1), 1 / temperature);
}

// supervised

GAN_API gan_tensor *gan_cross_entropy(gan_tensor *logits, gan_tensor *labels)
{
    gan_tensor *bad;
    return gan__classified("cross_entropy", logits, labels, 1, 0, &bad) ? gan__cross_entropy(logits, labels)
                                                                        : bad;
}

GAN_API gan_tensor *gan_cross_entropy_smooth(gan_tensor *logits, gan_tensor *labels, gan_real smoothing)
{
    gan_tensor *p, *all, *bad;
    gan_context *ctx = gan__classified("cross_entropy_smooth", logits, labels, 1, 0, &bad);
    if (!ctx) return bad;
    if (!(smoothing >= 0 && smoothing <= 1))
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "cross_entropy_smooth: smoothing %f; from 0 to 1",
                         (double)smoothing);
    p = gan__log_probs(logits);
    all = gan__batch_mean(gan_mul_scalar(p, -smoothing / (gan_real)logits->dim[1]));
    return gan_add(all, gan__batch_mean(gan_mul_scalar(gan__pick(p, labels), smoothing - 1)));
}

GAN_API gan_tensor *gan_nll_loss(gan_tensor *log_probs, gan_tensor *labels)
{
    gan_tensor *bad;
    if (!gan__classified("nll_loss", log_probs, labels, 1, 0, &bad)) return bad;
    return gan_neg(gan__batch_mean(gan__pick(log_probs, labels)));
}

GAN_API gan_tensor *gan_l1_loss(gan_tensor *x, gan_tensor *target)
{
    gan_tensor *bad;
    return gan__target_fits(x, target, &bad) ? gan_mean_all(gan_abs(gan_sub(x, target))) : bad;
}

// With c = d clamped to -beta .. beta: c / beta (d - c / 2) is both branches at once.
static gan_tensor *gan__smooth_l1(gan_tensor *x, gan_tensor *target, gan_real beta)
{
    gan_tensor *d = gan_sub(x, target), *c = gan_clamp(d, -beta, beta);
    return gan_mul(gan_mul_scalar(c, 1 / beta), gan_sub(d, gan_mul_scalar(c, (gan_real)0.5)));
}

GAN_API gan_tensor *gan_smooth_l1_loss(gan_tensor *x, gan_tensor *target, gan_real beta)
{
    gan_tensor *bad;
    if (beta == 0) return gan_l1_loss(x, target);
    if (!gan__target_fits(x, target, &bad)) return bad;
    if (!gan__positive(x->ctx, "smooth_l1_loss", "beta", beta)) return x->ctx->poison;
    return gan_mean_all(gan__smooth_l1(x, target, beta));
}

GAN_API gan_tensor *gan_huber_loss(gan_tensor *x, gan_tensor *target, gan_real delta)
{
    gan_tensor *bad;
    if (!gan__target_fits(x, target, &bad)) return bad;
    if (!gan__positive(x->ctx, "huber_loss", "delta", delta)) return x->ctx->poison;
    return gan_mean_all(gan_mul_scalar(gan__smooth_l1(x, target, delta), delta));
}

GAN_API gan_tensor *gan_multi_margin_loss(gan_tensor *logits, gan_tensor *labels, gan_real margin)
{
    gan_tensor *x, *bad;
    gan_context *ctx = gan__classified("multi_margin_loss", logits, labels, 1, 0, &bad);
    if (!ctx) return bad;
    x = gan_sub(logits, gan_reshape(gan__pick(logits, labels), 2, -1, 1));
    x = gan_relu(gan_add_scalar(x, margin));
    x = gan_where(gan__label_mask(logits, labels), gan_scalar(ctx, 0), x);
    return gan__batch_mean(gan_mul_scalar(x, 1 / (gan_real)logits->dim[1]));
}

static gan_tensor *gan__crammer_singer(gan_tensor *logits, gan_tensor *labels)
{
    gan_tensor *own, *wrong;
    if (gan__is_poison(logits) || gan__is_poison(labels)) return logits ? logits->ctx->poison : NULL;
    own = gan__label_mask(logits, labels);
    wrong = gan_amax(gan__only(gan_affine(own, -1, 1), logits), 1, 0);
    return gan__batch_mean(gan_relu(gan_add_scalar(gan_sub(wrong, gan__pick(logits, labels)), 1)));
}

GAN_API gan_tensor *gan_crammer_singer(gan_tensor *logits, gan_tensor *labels)
{
    gan_tensor *bad;
    return gan__classified("crammer_singer", logits, labels, 1, 0, &bad) ? gan__crammer_singer(logits, labels)
                                                                         : bad;
}

// class-conditional heads

// CE(a, la) + sign CE(b, lb), both heads of one kind
static gan_tensor *gan__two_heads(const char *who, gan_tensor *a, gan_tensor *la, gan_real sign,
                                  gan_tensor *b, gan_tensor *lb)
{
    gan_tensor *bad;
    if (!gan__classified(who, a, la, 1, 0, &bad) || !gan__classified(who, b, lb, 1, 0, &bad)) return bad;
    return gan_add(gan__cross_entropy(a, la), gan_mul_scalar(gan__cross_entropy(b, lb), sign));
}

GAN_API gan_tensor *gan_ac_gan_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake,
                                 gan_tensor *fake_labels)
{
    return gan__two_heads("ac_gan_d", real, real_labels, 1, fake, fake_labels);
}
GAN_API gan_tensor *gan_ac_gan_g(gan_tensor *fake, gan_tensor *labels)
{
    gan_tensor *bad;
    return gan__classified("ac_gan_g", fake, labels, 1, 0, &bad) ? gan__cross_entropy(fake, labels) : bad;
}

GAN_API gan_tensor *gan_tac_gan_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake_twin,
                                  gan_tensor *fake_labels)
{
    return gan__two_heads("tac_gan_d", real, real_labels, 1, fake_twin, fake_labels);
}
GAN_API gan_tensor *gan_tac_gan_g(gan_tensor *fake, gan_tensor *fake_twin, gan_tensor *labels)
{
    return gan__two_heads("tac_gan_g", fake, labels, -1, fake_twin, labels);
}

// The labels of the fake half of 2K columns.
static gan_tensor *gan__fake_half(gan_tensor *logits, gan_tensor *labels)
{
    return gan_add_scalar(labels, (gan_real)(logits->dim[1] / 2));
}

GAN_API gan_tensor *gan_adc_gan_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake,
                                  gan_tensor *fake_labels)
{
    gan_tensor *bad;
    if (!gan__classified("adc_gan_d", real, real_labels, 2, 0, &bad) ||
        !gan__classified("adc_gan_d", fake, fake_labels, 2, 0, &bad))
        return bad;
    return gan_add(gan__cross_entropy(real, real_labels),
                   gan__cross_entropy(fake, gan__fake_half(fake, fake_labels)));
}
GAN_API gan_tensor *gan_adc_gan_g(gan_tensor *fake, gan_tensor *labels)
{
    gan_tensor *bad;
    if (!gan__classified("adc_gan_g", fake, labels, 2, 0, &bad)) return bad;
    return gan_sub(gan__cross_entropy(fake, labels), gan__cross_entropy(fake, gan__fake_half(fake, labels)));
}

GAN_API gan_tensor *gan_multi_hinge_d(gan_tensor *real, gan_tensor *real_labels, gan_tensor *fake)
{
    gan_tensor *in[2], *bad;
    gan_context *ctx = gan__classified("multi_hinge_d", real, real_labels, 1, 1, &bad);
    if (!ctx) return bad;
    in[0] = real;
    in[1] = fake;
    if (!gan__inputs(GAN_OP_NONE, 2, in, &bad)) return bad;
    if (fake->ndim != 2 || fake->dim[0] < 1 || fake->dim[1] != real->dim[1])
        return gan__fail(ctx, GAN_ERROR_SHAPE, "multi_hinge_d: real %t and fake %t must both be (N, K + 1)",
                         real, fake);
    bad = gan__full(ctx, (gan_real)(fake->dim[1] - 1), 1, fake->dim);
    return gan_add(gan__crammer_singer(real, real_labels), gan__crammer_singer(fake, bad));
}
GAN_API gan_tensor *gan_multi_hinge_g(gan_tensor *fake, gan_tensor *labels)
{
    gan_tensor *bad;
    return gan__classified("multi_hinge_g", fake, labels, 1, 1, &bad) ? gan__crammer_singer(fake, labels)
                                                                      : bad;
}

static gan_tensor *gan__class_logit(const char *who, gan_tensor *logits)
{
    gan_tensor *bad;
    if (!gan__inputs(GAN_OP_NONE, 1, &logits, &bad)) return bad;
    if (logits->ndim != 2 || !logits->size)
        return gan__fail(logits->ctx, GAN_ERROR_SHAPE, "%s: logits %t; want (N, K), N and K at least 1", who,
                         logits);
    return gan_logsumexp(logits, 1, GAN_KEEPDIM);
}

GAN_API gan_tensor *gan_semi_supervised_logit(gan_tensor *logits)
{
    return gan__class_logit("semi_supervised_logit", logits);
}

GAN_API gan_tensor *gan_semi_supervised(gan_tensor *labelled, gan_tensor *labels, gan_tensor *unlabelled,
                                        gan_tensor *fake)
{
    gan_tensor *in[2], *real, *bad;
    gan_context *ctx = gan__classified("semi_supervised", labelled, labels, 1, 0, &bad);
    if (!ctx) return bad;
    in[0] = unlabelled;
    in[1] = fake;
    if (!gan__inputs(GAN_OP_NONE, 2, in, &bad)) return ctx->poison;
    real = gan__batch_mean(gan_softplus(gan_neg(gan__class_logit("semi_supervised", unlabelled))));
    fake = gan__batch_mean(gan_softplus(gan__class_logit("semi_supervised", fake)));
    return gan_add(gan__cross_entropy(labelled, labels),
                   gan_add(gan_mul_scalar(real, (gan_real)0.5), gan_mul_scalar(fake, (gan_real)0.5)));
}

GAN_API gan_tensor *gan_projection(gan_model *m, const char *name, gan_tensor *h, gan_tensor *labels,
                                   int classes)
{
    gan_tensor *psi, *w, *b, *bad;
    int dim[2];
    if (!gan__enter(m, name, h, 2, &bad)) return bad;
    if (!labels)
        return gan__leave(m, gan__fail(m->ctx, GAN_ERROR_ARGUMENT, "projection: the labels are NULL"));
    if (!gan__inputs(GAN_OP_NONE, 1, &labels, &bad)) return gan__leave(m, bad);
    if (h->ndim != 2 || classes < 1)
        return gan__leave(m, gan__fail(m->ctx, GAN_ERROR_SHAPE,
                                       "projection: features %t and %d classes; want (N, D) and at least 1",
                                       h, classes));
    if (!gan__labels_fit("projection", labels, h->dim[0], classes)) return gan__leave(m, m->ctx->poison);
    dim[0] = 1;
    dim[1] = h->dim[1];
    w = gan__weight(m, name, "weight", m->init, 0, 0, 2, dim);
    b = gan__bias(m, name, dim[1], 1);
    psi = gan_f_linear(h, w, b);
    dim[0] = classes;
    w = gan__weight(m, name, "embedding", m->init.kind == GAN_INIT_DEFAULT ? gan_init_normal(0, 1) : m->init,
                    0, 0, 2, dim);
    return gan__leave(m, gan_add(psi, gan_sum(gan_mul(gan_take(w, labels), h), GAN_AXIS(1), GAN_KEEPDIM)));
}

// What the contrasts of classes share: embeddings and proxies at length 1, who has whose label.
typedef struct gan__contrast {
    gan_context *ctx;
    gan_tensor *proxy, *pairs; // cosines (N, 1) and (N, N)
    gan_tensor *same, *self;   // (N, N), ones and zeros
} gan__contrast;

static int gan__contrast_open(gan__contrast *c, const char *who, gan_tensor *embed, gan_tensor *proxy,
                              gan_tensor *labels, gan_real temperature, gan_tensor **bad)
{
    const int most = 1 << 24; // any whole number that every gan_real holds
    gan_tensor *unit, *in[2], *count;
    c->ctx = gan__alike(who, embed, proxy, 2, bad);
    if (!c->ctx) return 0;
    in[0] = embed;
    in[1] = labels;
    if (!gan__inputs(GAN_OP_NONE, 2, in, bad)) return 0;
    *bad = c->ctx->poison;
    if (!gan__labels_fit(who, labels, embed->dim[0], most) ||
        !gan__positive(c->ctx, who, "temperature", temperature))
        return 0;
    unit = gan__unit_rows(embed);
    c->proxy = gan_sum(gan_mul(unit, gan__unit_rows(proxy)), GAN_AXIS(1), GAN_KEEPDIM);
    c->pairs = gan_matmul_t(unit, 0, unit, 1);
    c->same = gan__equal(labels, labels);
    count = gan__counting(c->ctx, embed->dim[0], 0);
    c->self = gan__equal(count, count);
    return 1;
}

// log (e(p_i) + sum_j e(s_ij)) over the j of the mask -> (N)
static gan_tensor *gan__contrast_sum(gan_tensor *p, gan_tensor *mask, gan_tensor *s)
{
    return gan_logsumexp(gan_concat(1, 2, p, gan__only(mask, s)), 1, 0);
}

GAN_API gan_tensor *gan_contrastive_2c(gan_tensor *embed, gan_tensor *proxy, gan_tensor *labels,
                                       gan_real temperature)
{
    gan__contrast c;
    gan_tensor *p, *s, *bad;
    if (!gan__contrast_open(&c, "contrastive_2c", embed, proxy, labels, temperature, &bad)) return bad;
    p = gan_mul_scalar(c.proxy, 1 / temperature);
    s = gan_mul_scalar(c.pairs, 1 / temperature);
    return gan__batch_mean(gan_sub(gan__contrast_sum(p, gan_affine(c.self, -1, 1), s),
                                   gan__contrast_sum(p, gan_sub(c.same, c.self), s)));
}

GAN_API gan_tensor *gan_d2d_ce(gan_tensor *embed, gan_tensor *proxy, gan_tensor *labels, gan_real margin,
                               gan_real temperature)
{
    gan__contrast c;
    gan_tensor *a, *b, *bad;
    if (!gan__contrast_open(&c, "d2d_ce", embed, proxy, labels, temperature, &bad)) return bad;
    if (!(margin >= -1 && margin <= 1))
        return gan__fail(c.ctx, GAN_ERROR_ARGUMENT, "d2d_ce: margin %f; from -1 to 1, it is a cosine",
                         (double)margin);
    a = gan_mul_scalar(gan_relu(gan_affine(c.proxy, -1, margin)), -1 / temperature);
    b = gan_mul_scalar(gan_relu(gan_add_scalar(c.pairs, margin - 1)), 1 / temperature);
    b = gan__contrast_sum(a, gan_affine(c.same, -1, 1), b);
    return gan__batch_mean(gan_sub(b, gan_reshape(a, 1, -1)));
}

// InfoGAN

GAN_API gan_tensor *gan_gaussian_nll(gan_tensor *mean, gan_tensor *log_std, gan_tensor *code)
{
    const gan_real half_log_2pi = (gan_real)0.91893853320467274;
    gan_tensor *in[2], *z, *s, *bad;
    gan_context *ctx = gan__alike("gaussian_nll", mean, code, 0, &bad);
    if (!ctx) return bad;
    in[0] = mean;
    in[1] = s = log_std ? log_std : gan_scalar(ctx, 0);
    if (!gan__inputs(GAN_OP_NONE, 2, in, &bad)) return bad;
    z = gan_mul(gan_sub(code, mean), gan_exp(gan_neg(s)));
    z = gan_addcmul(gan_mul_scalar(z, (gan_real)0.5), z, gan_add_scalar(s, half_log_2pi));
    if (gan__is_poison(z)) return z;
    if (z->size != mean->size || z->ndim != mean->ndim)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "gaussian_nll: log_std %t does not broadcast to the mean's %t",
                         s, mean);
    return gan__batch_mean(z);
}

GAN_API gan_tensor *gan_info_gan(gan_tensor *logits, gan_tensor *category, gan_tensor *mean,
                                 gan_tensor *log_std, gan_tensor *code)
{
    gan_tensor *bad;
    if (!gan__classified("info_gan", logits, category, 1, 0, &bad)) return bad;
    return gan_add(gan__cross_entropy(logits, category), gan_gaussian_nll(mean, log_std, code));
}

// self-supervised

// Entry (i, j) of the picture turned left k times is entry (.., ..) of the picture: its number i h + j.
static void gan__turned(int k, int h, gan_real *index)
{
    int i, j;
    for (i = 0; i < h; ++i)
        for (j = 0; j < h; ++j) {
            const int back = k == 0 ? i : k == 1 ? j : k == 2 ? h - 1 - i : h - 1 - j;
            const int over = k == 0 ? j : k == 1 ? h - 1 - i : k == 2 ? h - 1 - j : i;
            index[i * h + j] = (gan_real)(back * h + over);
        }
}

GAN_API gan_tensor *gan_rotations(gan_tensor *x)
{
    gan_tensor *index, *bad;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &x, &bad);
    int n, c, h, k, size;
    if (!ctx) return bad;
    if (x->ndim != 4 || !x->size || x->dim[2] != x->dim[3] || x->dim[2] > 4096)
        return gan__fail(ctx, GAN_ERROR_SHAPE,
                         "rotations: pictures %t; want square ones (N, C, H, H), H from 1 to 4096", x);
    n = x->dim[0];
    c = x->dim[1];
    h = x->dim[2];
    size = 4 * h * h;
    index = gan__tensor_new(ctx, 1, &size);
    if (gan__is_poison(index)) return index;
    for (k = 0; k < 4; ++k) gan__turned(k, h, index->data + k * h * h);
    x = gan_take(gan_transpose(gan_reshape(x, 2, -1, h * h), 0, 1), index); // (4 H H, N C)
    x = gan_transpose(gan_reshape(x, 3, 4, h * h, -1), 1, 2);
    return gan_reshape(x, 4, 4 * n, c, h, h);
}

GAN_API gan_tensor *gan_rotation_loss(gan_tensor *logits)
{
    gan_tensor *turns, *bad;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &logits, &bad);
    int n, i;
    if (!ctx) return bad;
    n = logits->ndim == 2 ? logits->dim[0] : 0;
    if (!n || n % 4 || logits->dim[1] != 4)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "rotation_loss: logits %t; want (4 N, 4), a column a turn",
                         logits);
    turns = gan__tensor_new(ctx, 1, &n);
    if (gan__is_poison(turns)) return turns;
    for (i = 0; i < n; ++i) turns->data[i] = (gan_real)(i / (n / 4));
    return gan__cross_entropy(logits, turns);
}

// With u the scores of the positives (N, L) and v those of the negatives (N, all others' L):
// -log e(u) / (e(u) + sum e(v)) = sp(log sum e(v) - u)
GAN_API gan_tensor *gan_info_nce(gan_tensor *query, gan_tensor *key, gan_real temperature)
{
    gan_tensor *in[2], *count, *others, *u, *v, *bad;
    gan_context *ctx;
    int n, l, d;
    in[0] = query;
    in[1] = key;
    ctx = gan__inputs(GAN_OP_NONE, 2, in, &bad);
    if (!ctx) return bad;
    n = query->ndim == 2 ? query->dim[0] : 0;
    l = key->ndim == 3 ? key->dim[1] : 1;
    d = query->ndim == 2 ? query->dim[1] : 0;
    if (n < 2 || d < 1 || l < 1 || key->ndim < 2 || key->ndim > 3 || key->dim[0] != n ||
        key->dim[key->ndim - 1] != d)
        return gan__fail(ctx, GAN_ERROR_SHAPE,
                         "info_nce: query %t and key %t; want (N, D) and (N, D) or (N, L, D), N at least 2, "
                         "since the others are the negatives",
                         query, key);
    if (!gan__positive(ctx, "info_nce", "temperature", temperature)) return ctx->poison;
    count = gan__counting(ctx, n, 0);
    others = gan_reshape(gan_affine(gan__equal(count, count), -1, 1), 3, n, n, 1);
    v = gan_reshape(gan__products(query, gan_reshape(key, 2, n * l, d), temperature), 3, n, n, l);
    v = gan_logsumexp(gan_reshape(gan__only(others, v), 2, n, n * l), 1, GAN_KEEPDIM);
    u = gan_matmul(gan_reshape(key, 3, n, l, d), gan_reshape(query, 3, n, d, 1));
    u = gan_mul_scalar(gan_reshape(u, 2, n, l), 1 / temperature);
    return gan__batch_mean(gan_mul_scalar(gan_softplus(gan_sub(v, u)), 1 / (gan_real)l));
}

GAN_API gan_tensor *gan_n_pair(gan_tensor *anchor, gan_tensor *positive, gan_real l2)
{
    gan_tensor *lengths, *bad;
    if (!gan__alike("n_pair", anchor, positive, 2, &bad)) return bad;
    lengths = gan_add(gan__batch_mean(gan_square(anchor)), gan__batch_mean(gan_square(positive)));
    return gan_add(gan_info_nce(anchor, positive, 1), gan_mul_scalar(lengths, l2));
}

GAN_API gan_tensor *gan_nt_xent(gan_tensor *a, gan_tensor *b, gan_real temperature)
{
    gan_tensor *unit, *count, *s, *bad;
    gan_context *ctx = gan__alike("nt_xent", a, b, 2, &bad);
    int n;
    if (!ctx) return bad;
    if (!gan__positive(ctx, "nt_xent", "temperature", temperature)) return ctx->poison;
    n = a->dim[0];
    unit = gan__unit_rows(gan_concat(0, 2, a, b));
    count = gan__counting(ctx, 2 * n, 0);
    s = gan__only(gan_affine(gan__equal(count, count), -1, 1), gan__products(unit, unit, temperature));
    return gan__cross_entropy(s, gan__counting(ctx, 2 * n, n)); // row i's partner is row i + n
}

// feature matching

// The difference of the mean features -> (F); NULL and what to return when they do not fit.
static gan_tensor *gan__mean_difference(const char *who, gan_tensor *real, gan_tensor *fake, gan_tensor **bad)
{
    gan_tensor *in[2];
    gan_context *ctx;
    in[0] = real;
    in[1] = fake;
    ctx = gan__inputs(GAN_OP_NONE, 2, in, bad);
    if (!ctx) return NULL;
    *bad = ctx->poison;
    if (!real->size || !fake->size || !real->ndim || real->ndim != fake->ndim ||
        memcmp(real->dim + 1, fake->dim + 1, (size_t)(real->ndim - 1) * sizeof *real->dim)) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: real %t and fake %t may differ in their first axis only", who,
                  real, fake);
        return NULL;
    }
    return gan_sub(gan_mean(gan_flatten(real), GAN_AXIS(0), 0), gan_mean(gan_flatten(fake), GAN_AXIS(0), 0));
}

GAN_API gan_tensor *gan_feature_matching(gan_tensor *real, gan_tensor *fake)
{
    gan_tensor *bad, *d = gan__mean_difference("feature_matching", real, fake, &bad);
    return d ? gan_mean_all(gan_square(d)) : bad;
}

GAN_API gan_tensor *gan_feature_matching_l1(gan_tensor *real, gan_tensor *fake)
{
    gan_tensor *bad, *d = gan__mean_difference("feature_matching_l1", real, fake, &bad);
    return d ? gan_mean_all(gan_abs(d)) : bad;
}

static gan_tensor *gan__l1_alike(const char *who, gan_tensor *a, gan_tensor *b)
{
    gan_tensor *bad;
    return gan__alike(who, a, b, 0, &bad) ? gan_mean_all(gan_abs(gan_sub(a, b))) : bad;
}

GAN_API gan_tensor *gan_feature_matching_layers(int n, gan_tensor **real, gan_tensor **fake)
{
    gan_tensor *sum = NULL, *some = real && n > 0 ? real[0] : fake && n > 0 ? fake[0] : NULL;
    int i;
    if (!real || !fake || n < 1)
        return some ? gan__fail(some->ctx, GAN_ERROR_ARGUMENT,
                                "feature_matching_layers: a list of features is NULL")
                    : NULL;
    for (i = 0; i < n; ++i) {
        some = gan__l1_alike("feature_matching_layers", real[i], fake[i]);
        sum = i ? gan_add(sum, some) : some;
    }
    return sum;
}

// translation and restoration

static gan_tensor *gan__two_l1(const char *who, gan_tensor *a, gan_tensor *a2, gan_tensor *b, gan_tensor *b2)
{
    return gan_add(gan__l1_alike(who, a, a2), gan__l1_alike(who, b, b2));
}

GAN_API gan_tensor *gan_cycle_loss(gan_tensor *a, gan_tensor *a_again, gan_tensor *b, gan_tensor *b_again)
{
    return gan__two_l1("cycle_loss", a, a_again, b, b_again);
}

GAN_API gan_tensor *gan_identity_loss(gan_tensor *a, gan_tensor *a_same, gan_tensor *b, gan_tensor *b_same)
{
    return gan__two_l1("identity_loss", a, a_same, b, b_same);
}

// The context of pictures (N, C, H, W); NULL and what to return when it is something else.
static gan_context *gan__pictures(const char *who, gan_tensor *x, gan_tensor **out)
{
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &x, out);
    if (!ctx) return NULL;
    *out = ctx->poison;
    if (x->ndim == 4 && x->size) return ctx;
    gan__fail(ctx, GAN_ERROR_SHAPE, "%s: %t; want (N, C, H, W), not empty", who, x);
    return NULL;
}

static gan_tensor *gan__variation(const char *who, gan_tensor *x, gan_tensor *(*of)(gan_tensor *))
{
    gan_tensor *step, *sum, *bad;
    int axis;
    if (!gan__pictures(who, x, &bad)) return bad;
    sum = gan_scalar(x->ctx, 0);
    for (axis = 2; axis < 4; ++axis) {
        step = gan_sub(gan_slice(x, axis, 1, x->dim[axis]), gan_slice(x, axis, 0, x->dim[axis] - 1));
        sum = gan_add(sum, gan_sum_all(of(step)));
    }
    return gan_mul_scalar(sum, (gan_real)(1.0 / (double)x->size));
}

GAN_API gan_tensor *gan_total_variation(gan_tensor *x)
{
    return gan__variation("total_variation", x, gan_abs);
}
GAN_API gan_tensor *gan_total_variation_squared(gan_tensor *x)
{
    return gan__variation("total_variation_squared", x, gan_square);
}

static gan_tensor *gan__gram(gan_tensor *x)
{
    const double values = (double)x->size / x->dim[0];
    x = gan_reshape(x, 3, x->dim[0], x->dim[1], -1);
    return gan_mul_scalar(gan_matmul_t(x, 0, x, 1), (gan_real)(1 / values));
}

GAN_API gan_tensor *gan_gram_matrix(gan_tensor *features)
{
    gan_tensor *bad;
    return gan__pictures("gram_matrix", features, &bad) ? gan__gram(features) : bad;
}

GAN_API gan_tensor *gan_style_loss(gan_tensor *features, gan_tensor *target)
{
    gan_tensor *in[2], *d, *bad;
    in[0] = features;
    in[1] = target;
    if (!gan__inputs(GAN_OP_NONE, 2, in, &bad) || !gan__pictures("style_loss", features, &bad) ||
        !gan__pictures("style_loss", target, &bad))
        return bad;
    if (features->dim[1] != target->dim[1] || (target->dim[0] != 1 && target->dim[0] != features->dim[0]))
        return gan__fail(features->ctx, GAN_ERROR_SHAPE,
                         "style_loss: features %t and target %t; want as many channels, and as many styles "
                         "or one",
                         features, target);
    d = gan_sub(gan__gram(features), gan__gram(target));
    return gan__batch_mean(gan_mul_scalar(gan_square(d), (gan_real)0.25));
}

GAN_API gan_tensor *gan_content_loss(gan_tensor *features, gan_tensor *target)
{
    gan_tensor *bad;
    if (!gan__alike("content_loss", features, target, 0, &bad)) return bad;
    return gan__batch_mean(gan_mul_scalar(gan_square(gan_sub(features, target)), (gan_real)0.5));
}

enum { GAN__SSIM_WINDOW = 11 };

// Means under the window, (M, 1, H, W) -> (M, 1, H - 10, W - 10): columns, then rows.
static gan_tensor *gan__ssim_blur(gan_tensor *x)
{
    gan_tensor *w;
    double sum = 0, g[GAN__SSIM_WINDOW];
    int i, n = (int)GAN__SSIM_WINDOW;
    gan_conv2d_desc desc;
    if (gan__is_poison(x)) return x;
    w = gan__tensor_new(x->ctx, 1, &n);
    if (gan__is_poison(w)) return w;
    for (i = 0; i < n; ++i) sum += g[i] = exp(-(i - n / 2) * (i - n / 2) / (2 * 1.5 * 1.5));
    for (i = 0; i < n; ++i) w->data[i] = (gan_real)(g[i] / sum);
    memset(&desc, 0, sizeof desc);
    x = gan_f_conv2d(x, gan_reshape(w, 4, 1, 1, n, 1), NULL, &desc);
    return gan_f_conv2d(x, gan_reshape(w, 4, 1, 1, 1, n), NULL, &desc);
}

// (2 mx my + c1) (2 sxy + c2) / ((mx^2 + my^2 + c1) (sx^2 + sy^2 + c2)), Wang 2004, equation 13
static gan_tensor *gan__ssim(const char *who, gan_tensor *x, gan_tensor *y, gan_real range)
{
    const double l = (double)range;
    const gan_real c1 = (gan_real)(1e-4 * l * l), c2 = (gan_real)(9e-4 * l * l);
    gan_tensor *mean[5], *both, *mxx_myy, *mxy, *sxx_syy, *sxy, *bad;
    gan_context *ctx = gan__alike(who, x, y, 4, &bad);
    int i, m, h, w;
    if (!ctx) return bad;
    h = x->dim[2];
    w = x->dim[3];
    if (h < (int)GAN__SSIM_WINDOW || w < (int)GAN__SSIM_WINDOW)
        return gan__fail(ctx, GAN_ERROR_SHAPE,
                         "%s: pictures %t; the window needs at least 11 x 11: gan_upsample them", who, x);
    if (!gan__positive(ctx, who, "range", range)) return ctx->poison;
    m = x->dim[0] * x->dim[1];
    both = gan_concat(0, 5, x, y, gan_square(x), gan_square(y), gan_mul(x, y));
    both = gan__ssim_blur(gan_reshape(both, 4, 5 * m, 1, h, w));
    for (i = 0; i < 5; ++i) mean[i] = gan_slice(both, 0, i * m, (i + 1) * m);
    mxy = gan_mul(mean[0], mean[1]);
    mxx_myy = gan_add(gan_square(mean[0]), gan_square(mean[1])); // of equal pictures exactly 2 mxy
    sxy = gan_sub(mean[4], mxy);
    sxx_syy = gan_sub(gan_add(mean[2], mean[3]), mxx_myy);
    return gan_mean_all(gan_div(gan_mul(gan_affine(mxy, 2, c1), gan_affine(sxy, 2, c2)),
                                gan_mul(gan_add_scalar(mxx_myy, c1), gan_add_scalar(sxx_syy, c2))));
}

GAN_API gan_tensor *gan_ssim(gan_tensor *x, gan_tensor *y, gan_real range)
{
    return gan__ssim("ssim", x, y, range);
}
GAN_API gan_tensor *gan_dssim(gan_tensor *x, gan_tensor *y, gan_real range)
{
    return gan_affine(gan__ssim("dssim", x, y, range), (gan_real)-0.5, (gan_real)0.5);
}

GAN_API gan_tensor *gan_kl_normal(gan_tensor *mean, gan_tensor *log_var)
{
    gan_tensor *bad, *v;
    if (!gan__alike("kl_normal", mean, log_var, 0, &bad)) return bad;
    v = gan_add_scalar(gan_sub(gan_exp(log_var), log_var), -1);
    return gan__batch_mean(gan_mul_scalar(gan_addcmul(mean, mean, v), (gan_real)0.5));
}

// domain adversarial

// A view of x that the tape holds for -alpha x.
GAN_API gan_tensor *gan_gradient_reversal(gan_tensor *x, gan_real alpha)
{
    gan_tensor *y, *bad;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &x, &bad);
    if (!ctx) return bad;
    y = gan__result_view(GAN_OP_AFFINE, x->ndim, x->dim, x);
    if (!gan__is_poison(y)) y->p = -alpha;
    return y;
}

GAN_API gan_real gan_gradient_reversal_alpha(gan_real p)
{
    return (gan_real)(2 / (1 + exp(-10 * (double)p)) - 1);
}

GAN_API const char *gan_objective_name(gan_objective objective)
{
    static const char *const names[] = {
#define GAN__ROW(id, name) #name,
        GAN_OBJECTIVES(GAN__ROW)
#undef GAN__ROW
    };
    return (int)objective >= 0 && objective < GAN_OBJECTIVE_COUNT ? names[objective] : "unknown";
}

// >>penalty: terms on gradients, outputs and weights, a row each; uses layer; tests/test_penalty.c
//
// A row NAME is gan__penalty_NAME, a term or NULL for none.

typedef struct gan__penalty_args {
    const gan_penalty_in *in;
    gan_model *m; // that it is about
    gan_real weight, target, parameter;
} gan__penalty_args;

static gan_tensor *gan__penalty_none(const gan__penalty_args *p)
{
    (void)p;
    return NULL;
}

// what D makes of samples

static gan_tensor *gan__score(const gan__penalty_args *p, gan_tensor *x)
{
    return gan_forward(p->in->d, x, p->in->label);
}
static gan_tensor *gan__score_real(const gan__penalty_args *p)
{
    return p->in->real_out ? p->in->real_out : gan__score(p, p->in->real);
}
static gan_tensor *gan__score_fake(const gan__penalty_args *p)
{
    return p->in->fake_out ? p->in->fake_out : gan__score(p, gan_detach(p->in->fake));
}

// (N, ...) -> (N): one number of each sample
static gan_tensor *gan__per_sample(gan_tensor *out) { return gan_mean(gan_flatten(out), GAN_AXIS(1), 0); }

static gan_tensor *gan__mean_square(gan_tensor *x) { return gan_mean_all(gan_square(x)); }

// gradients by samples

// The gradient of sum D(x) by x, recorded: one row per sample, since samples do not see each other.
static gan_tensor *gan__input_gradient(const gan__penalty_args *p, gan_tensor *x)
{
    return gan_grad(gan_sum_all(gan__score(p, x)), x, GAN_CREATE_GRAPH);
}

// (N): |grad D(x_i)|^2
static gan_tensor *gan__square_norms(const gan__penalty_args *p, gan_tensor *x)
{
    return gan_sum(gan_square(gan_flatten(gan__input_gradient(p, x))), GAN_AXIS(1), 0);
}

// One number of U(0, 1) per sample of x.
static gan_tensor *gan__uniform_per_sample(const gan_tensor *x)
{
    gan_tensor *e;
    int dim[GAN_MAX_DIMS], i;
    for (i = 0; i < x->ndim; ++i) dim[i] = i ? 1 : x->dim[0];
    e = gan__tensor_new(x->ctx, x->ndim, dim);
    if (!gan__is_poison(e)) gan__draw_uniform(e->ctx, &e->ctx->rng, e->data, e->size);
    return e;
}

// Algorithm 1 of Gulrajani 2017: x^ = e x + (1 - e) x~.
static gan_tensor *gan__interpolate(const gan__penalty_args *p)
{
    return gan_detach(gan_lerp(p->in->fake, p->in->real, gan__uniform_per_sample(p->in->real)));
}

static gan_tensor *gan__norm_term(const gan__penalty_args *p, gan_tensor *x, int one_sided)
{
    gan_tensor *off = gan_add_scalar(gan_norm_per_sample(gan__input_gradient(p, x)), -p->target);
    if (one_sided) off = gan_relu(off);
    return gan_mul_scalar(gan__mean_square(off), p->weight / (p->target * p->target));
}

static gan_tensor *gan__penalty_wgan_gp(const gan__penalty_args *p)
{
    return gan__norm_term(p, gan__interpolate(p), 0);
}
static gan_tensor *gan__penalty_wgan_lp(const gan__penalty_args *p)
{
    return gan__norm_term(p, gan__interpolate(p), 1);
}

// std is one number, of the whole batch, as in the authors' code.
static gan_tensor *gan__penalty_dragan(const gan__penalty_args *p)
{
    gan_tensor *x = gan_detach(p->in->real), *std = gan_sqrt(gan_var(x, GAN_ALL, 0));
    gan_tensor *u = gan__tensor_new(x->ctx, x->ndim, x->dim);
    if (gan__is_poison(u)) return u;
    gan__draw_uniform(u->ctx, &u->ctx->rng, u->data, u->size);
    u = gan_mul(gan_mul(u, gan_mul_scalar(std, p->parameter)), gan__uniform_per_sample(x));
    return gan__norm_term(p, gan_detach(gan_add(x, u)), 0);
}

static gan_tensor *gan__mean_square_norm(const gan__penalty_args *p, gan_tensor *x, gan_real scale)
{
    return gan_mul_scalar(gan_mean_all(gan__square_norms(p, gan_detach(x))), scale);
}

static gan_tensor *gan__penalty_r1(const gan__penalty_args *p)
{
    return gan__mean_square_norm(p, p->in->real, p->weight / 2);
}
static gan_tensor *gan__penalty_r2(const gan__penalty_args *p)
{
    return gan__mean_square_norm(p, p->in->fake, p->weight / 2);
}
static gan_tensor *gan__penalty_zero_centered(const gan__penalty_args *p)
{
    return gan__mean_square_norm(p, gan__interpolate(p), p->weight);
}

static gan_tensor *gan__penalty_max_gp(const gan__penalty_args *p)
{
    return gan_mul_scalar(gan_amax(gan__square_norms(p, gan__interpolate(p)), 0, 0), p->weight);
}

static gan_tensor *gan__penalty_wgan_div(const gan__penalty_args *p)
{
    gan_tensor *n = gan__square_norms(p, gan__interpolate(p));
    return gan_mul_scalar(gan_mean_all(gan_pow_scalar(n, p->parameter / 2)), p->weight);
}

// s(sign D(x))^2 |grad D(x)|^2, in the mean
static gan_tensor *gan__jsd_side(const gan__penalty_args *p, gan_tensor *x, gan_real sign)
{
    gan_tensor *phi, *g;
    x = gan_detach(x);
    phi = gan__per_sample(gan__score(p, x));
    g = gan_flatten(gan_grad(gan_sum_all(phi), x, GAN_CREATE_GRAPH));
    phi = gan_square(gan_sigmoid(gan_mul_scalar(phi, sign)));
    return gan_mean_all(gan_mul(phi, gan_sum(gan_square(g), GAN_AXIS(1), 0)));
}
static gan_tensor *gan__penalty_jsd_regularizer(const gan__penalty_args *p)
{
    return gan_mul_scalar(gan_add(gan__jsd_side(p, p->in->real, -1), gan__jsd_side(p, p->in->fake, 1)),
                          p->weight / 2);
}

// outputs

static gan_tensor *gan__penalty_gan_qp(const gan__penalty_args *p)
{
    const gan_real tiny = (gan_real)1e-8; // where a fake is the real one
    gan_tensor *d = gan__per_sample(gan_abs(gan_sub(gan_detach(p->in->real), gan_detach(p->in->fake))));
    gan_tensor *off = gan_sub(gan__per_sample(gan__score_real(p)), gan__per_sample(gan__score_fake(p)));
    d = gan_affine(d, 2 * p->parameter, tiny);
    return gan_mul_scalar(gan_mean_all(gan_div(gan_square(off), d)), p->weight);
}

static gan_tensor *gan__penalty_drift(const gan__penalty_args *p)
{
    return gan_mul_scalar(gan__mean_square(gan__score_real(p)), p->weight);
}

// What a penalty keeps in its model, layer.part: 0 at first. NULL on error.
static gan__param *gan__penalty_state(gan_model *m, const char *layer, const char *part, int ndim,
                                      const int *dim, int *fresh)
{
    static const int scalar[1] = {0}; // no dimensions, but not NULL
    gan__param *s = gan__param_of(m, layer, part, 0, gan_init_zeros(), ndim, dim ? dim : scalar, fresh);
    return s && !gan__state_own(m->ctx, s->state) ? s : NULL;
}

// The augmented Lagrangian of omega = 1 (Mroueh 2017, eq. 9) as D minimises it; its multiplier makes a step.
static gan_tensor *gan__constrain(const gan__penalty_args *p, const char *layer, gan_tensor *omega)
{
    int fresh;
    gan__param *l = gan__penalty_state(p->m, layer, "multiplier", 0, NULL, &fresh);
    gan_tensor *off = gan_add_scalar(omega, -1), *term;
    if (!l || gan__is_poison(off)) return p->m->ctx->poison;
    term = gan_add(gan_mul_scalar(off, l->tensor->data[0]), gan_mul_scalar(gan_square(off), p->weight / 2));
    if (p->m->mode == GAN_TRAIN && gan__is_finite(gan_item(term)))
        l->tensor->data[0] += p->weight * gan_item(off);
    return term;
}

static gan_tensor *gan__half_sum(gan_tensor *a, gan_tensor *b)
{
    return gan_mul_scalar(gan_add(a, b), (gan_real)0.5);
}

static gan_tensor *gan__penalty_fisher(const gan__penalty_args *p)
{
    return gan__constrain(
        p, "penalty.fisher",
        gan__half_sum(gan__mean_square(gan__score_real(p)), gan__mean_square(gan__score_fake(p))));
}
static gan_tensor *gan__penalty_sobolev(const gan__penalty_args *p)
{
    return gan__constrain(
        p, "penalty.sobolev",
        gan__half_sum(gan__mean_square_norm(p, p->in->real, 1), gan__mean_square_norm(p, p->in->fake, 1)));
}

// a = decay a + (1 - decay) x in GAN_TRAIN
static void gan__follow(const gan_model *m, gan__param *a, gan_real decay, gan_real x)
{
    if (m->mode == GAN_TRAIN && gan__is_finite(x))
        a->tensor->data[0] += (1 - decay) * (x - a->tensor->data[0]);
}

static gan_tensor *gan__penalty_lecam(const gan__penalty_args *p)
{
    enum { START = 1000 };
    gan_tensor *r = gan__score_real(p), *f = gan__score_fake(p);
    const gan_real mean_r = gan_item(gan_mean_all(r)), mean_f = gan_item(gan_mean_all(f));
    int fresh[2];
    gan__param *mr = gan__penalty_state(p->m, "penalty.lecam", "real", 0, NULL, &fresh[0]);
    gan__param *mf = gan__penalty_state(p->m, "penalty.lecam", "fake", 0, NULL, &fresh[1]);
    if (!mr || !mf) return p->m->ctx->poison;
    if (gan__is_finite(mean_r) && gan__is_finite(mean_f)) { // both or none
        const gan_real decay = p->in->step < START || fresh[0] || fresh[1] ? 0 : p->parameter;
        gan__follow(p->m, mr, decay, mean_r);
        gan__follow(p->m, mf, decay, mean_f);
    }
    if (p->in->step < START) return NULL;
    return gan_mul_scalar(gan_add(gan__mean_square(gan_add_scalar(r, -mf->tensor->data[0])),
                                  gan__mean_square(gan_add_scalar(f, -mr->tensor->data[0]))),
                          p->weight);
}

// consistency

static gan_tensor *gan__penalty_cr(const gan__penalty_args *p)
{
    return gan_mul_scalar(gan_mse_loss(gan__score(p, p->in->real_aug), gan__score_real(p)), p->weight);
}
static gan_tensor *gan__penalty_bcr(const gan__penalty_args *p)
{
    gan_tensor *f = gan_mse_loss(gan__score(p, gan_detach(p->in->fake_aug)), gan__score_fake(p));
    return gan_add(gan__penalty_cr(p), gan_mul_scalar(f, p->parameter));
}

// G(z + n)
static gan_tensor *gan__generate_near(const gan__penalty_args *p)
{
    gan_tensor *z = gan_detach(p->in->z), *n = gan__tensor_new(z->ctx, z->ndim, z->dim);
    if (gan__is_poison(n)) return n;
    gan__draw(n->ctx, &n->ctx->rng, 1, n->data, n->size, 0, p->parameter);
    return gan_forward(p->in->g, gan_add(z, n), p->in->label);
}
static gan_tensor *gan__generated(const gan__penalty_args *p)
{
    return p->in->fake ? p->in->fake : gan_forward(p->in->g, gan_detach(p->in->z), p->in->label);
}

static gan_tensor *gan__penalty_zcr(const gan__penalty_args *p)
{
    const int recording = gan_record(p->m->ctx, 0);
    gan_tensor *near_fake = gan__generate_near(p);
    gan_record(p->m->ctx, recording);
    return gan_mul_scalar(gan_mse_loss(gan__score(p, near_fake), gan__score_fake(p)), p->weight);
}
static gan_tensor *gan__penalty_zcr_generator(const gan__penalty_args *p)
{
    return gan_mul_scalar(gan_mse_loss(gan__generate_near(p), gan__generated(p)), -p->weight);
}

// the generator's

static gan_tensor *gan__penalty_path_length(const gan__penalty_args *p)
{
    const gan_real decay = (gan_real)0.99;
    gan_tensor *label = p->in->label, *z = gan_detach(p->in->z), *x, *y, *length;
    const int n = z->ndim ? GAN__MOST(1, (int)((double)z->dim[0] / (double)p->parameter)) : 1;
    gan__param *a;
    double plane = 1;
    int fresh, i;
    z = gan_detach(gan_slice(z, 0, 0, n));
    if (label) label = gan_slice(label, 0, 0, n);
    x = gan_forward(p->in->g, z, label);
    a = gan__penalty_state(p->m, "penalty.path_length", "mean", 0, NULL, &fresh);
    if (gan__is_poison(x) || !a) return p->m->ctx->poison;
    for (i = 2; i < x->ndim; ++i) plane *= x->dim[i];
    y = gan__tensor_new(x->ctx, x->ndim, x->dim);
    if (gan__is_poison(y)) return y;
    gan__draw(y->ctx, &y->ctx->rng, 1, y->data, y->size, 0, (gan_real)(1 / sqrt(plane)));
    length = gan_norm_per_sample(gan_grad(gan_sum_all(gan_mul(x, y)), z, GAN_CREATE_GRAPH));
    gan__follow(p->m, a, decay, gan_item(gan_mean_all(length)));
    return gan_mul_scalar(gan__mean_square(gan_add_scalar(length, -a->tensor->data[0])), p->weight);
}

// The authors' ratio, of means over the batch; z' of a sample is the next one's z, under its own label.
static gan_tensor *gan__penalty_mode_seeking(const gan__penalty_args *p)
{
    gan_tensor *z = gan_detach(p->in->z), *x = gan__generated(p), *other, *far, *apart;
    const int n = z->ndim ? z->dim[0] : 0;
    if (n < 2)
        return gan__fail(z->ctx, GAN_ERROR_SHAPE,
                         "mode_seeking: z has shape %t; it compares two rows and more", z);
    other = gan_concat(0, 2, gan_slice(z, 0, 1, n), gan_slice(z, 0, 0, 1));
    far = gan_mean_all(gan_abs(gan_sub(gan_forward(p->in->g, other, p->in->label), x)));
    apart = gan_maximum(gan_mean_all(gan_abs(gan_sub(other, z))), gan_scalar(z->ctx, (gan_real)1e-8));
    return gan_mul_scalar(gan_reciprocal(gan_add_scalar(gan_div(far, apart), (gan_real)1e-5)), p->weight);
}

// parameters

static gan_tensor *gan__sum_up(gan_tensor *sum, gan_tensor *more) { return sum ? gan_add(sum, more) : more; }

static int gan__learns(const gan__param *p) { return p->trainable && !p->frozen; }

// Sum of f over the weights; NULL when there is none.
static gan_tensor *gan__over_weights(const gan__penalty_args *p, gan_tensor *(*f)(gan_tensor *))
{
    gan_tensor *sum = NULL;
    const gan__param *w;
    for (w = p->m->params; w; w = w->next)
        if (w->weight && gan__learns(w)) sum = gan__sum_up(sum, f(w->tensor));
    return sum ? gan_mul_scalar(sum, p->weight) : NULL;
}

static gan_tensor *gan__off_diagonal(gan_tensor *w)
{
    gan_tensor *mask, *rows = gan_flatten(w);
    const int n = w->ndim ? w->dim[0] : 1;
    int i;
    mask = gan_full(w->ctx, 1, 2, n, n);
    if (gan__is_poison(mask)) return mask;
    for (i = 0; i < n; ++i) mask->data[(size_t)i * (size_t)n + (size_t)i] = 0;
    return gan_sum_all(gan_square(gan_mul(gan_matmul_t(rows, 0, rows, 1), mask)));
}
static gan_tensor *gan__half_squares(gan_tensor *w)
{
    return gan_mul_scalar(gan_sum_all(gan_square(w)), (gan_real)0.5);
}

static gan_tensor *gan__penalty_orthogonal(const gan__penalty_args *p)
{
    return gan__over_weights(p, gan__off_diagonal);
}
static gan_tensor *gan__penalty_l2(const gan__penalty_args *p)
{
    return gan__over_weights(p, gan__half_squares);
}

// The mean of the past of one parameter; *fresh says that it begins now.
static gan__param *gan__penalty_past(gan_model *m, const gan__param *p, int *fresh)
{
    return gan__penalty_state(m, "penalty.historical_average", p->name, p->tensor->ndim, p->tensor->dim,
                              fresh);
}

// The means that a checkpoint holds are claimed.
static void gan__penalty_past_claim(gan_model *m)
{
    gan__param *const last = m->params_end, *p = m->params;
    int fresh;
    if (!gan__awaits(m->ctx, m->name, ".penalty.historical_average.")) return;
    for (; p; p = p == last ? NULL : p->next)
        if (p->trainable && !gan__penalty_past(m, p, &fresh)) return;
}

static gan_tensor *gan__penalty_historical_average(const gan__penalty_args *p)
{
    static const char prefix[] = "penalty.historical_average.";
    gan_tensor *sum = NULL;
    const gan__param *past, *w;
    gan__penalty_past_claim(p->m);
    for (past = p->m->params; past; past = past->next) {
        if (strncmp(past->name, prefix, sizeof prefix - 1)) continue;
        w = gan__param_find(p->m, past->name + sizeof prefix - 1);
        if (!w || !gan__learns(w)) continue;
        sum = gan__sum_up(sum, gan_sum_all(gan_square(gan_sub(w->tensor, past->tensor))));
    }
    return sum ? gan_mul_scalar(sum, p->weight) : NULL;
}

// mean += (theta - mean) / n
static void gan__penalty_remember(gan_model *m, gan_real weight)
{
    gan__param *const last = m->params_end, *p = m->params, *mean, *n;
    int fresh;
    size_t i;
    (void)weight;
    for (; p; p = p == last ? NULL : p->next)
        if (p->trainable && !gan__all_finite(p->tensor)) return;
    n = gan__penalty_state(m, "penalty.historical_steps", "", 0, NULL, &fresh);
    if (!n) return;
    n->tensor->data[0] += 1;
    for (p = m->params; p; p = p == last ? NULL : p->next) {
        gan_real own;
        if (!p->trainable) continue;
        mean = gan__penalty_past(m, p, &fresh);
        if (!mean) return;
        own = fresh ? 1 : 1 / n->tensor->data[0]; // a parameter that came later starts from itself
        for (i = 0; i < p->tensor->size; ++i)
            mean->tensor->data[i] += own * (p->tensor->data[i] - mean->tensor->data[i]);
    }
}

static gan_tensor *gan__penalty_weight_clip(const gan__penalty_args *p) { return gan__penalty_none(p); }

static void gan__penalty_clip(gan_model *m, gan_real weight)
{
    gan__param *p;
    m->ctx->weights++;
    for (p = m->params; p; p = p->next)
        if (gan__learns(p) && !p->state->borrowed)
            gan__isa_map(m->ctx->k, GAN__MAP_clamp, p->tensor->size, p->tensor->data, p->tensor->data, 1,
                         NULL, 0, NULL, 0, -weight, weight);
}

typedef struct gan__penalty_row {
    const char *name;
    gan_tensor *(*term)(const gan__penalty_args *p);
    gan_player player;
    double weight, target, parameter;
    unsigned needs;
} gan__penalty_row;

static const gan__penalty_row gan__penalties[] = {
#define GAN__ROW(id, name, player, weight, target, parameter, needs)                                         \
    {#name, gan__penalty_##name, GAN_PLAYER_##player, weight, target, parameter, needs},
    GAN_PENALTIES(GAN__ROW)
#undef GAN__ROW
};

// What follows the update.
static const struct {
    gan_penalty_kind kind;
    void (*after)(gan_model *m, gan_real weight);
} gan__penalties_after[] = {
    {GAN_PENALTY_WEIGHT_CLIP, gan__penalty_clip},
    {GAN_PENALTY_HISTORICAL_AVERAGE, gan__penalty_remember},
};

static gan_real gan__or_default(gan_real x, double otherwise) { return x != 0 ? x : (gan_real)otherwise; }

static int gan__penalty_known(gan_context *ctx, gan_penalty_kind kind)
{
    if ((int)kind >= 0 && kind < GAN_PENALTY_COUNT) return 1;
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "penalty %d is unknown; take one of the gan_penalty_kind enumeration",
              (int)kind);
    return 0;
}

// Whether everything is there that the row needs, alive and of fitting shape.
static int gan__penalty_ready(gan_context *ctx, const gan__penalty_row *row, const gan_penalty_in *in)
{
    static const char *const names[] = {"real", "fake", "real_aug", "fake_aug", "z", "real", "fake"};
    gan_tensor *given[10], *bad;
    const uint64_t failures = ctx->failures;
    unsigned needs = row->needs;
    int i, n = 0;
    if (needs & GAN_NEEDS_Z && !in->g)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: the model g is NULL", row->name);
    if (row->player == GAN_PLAYER_DISCRIMINATOR && !in->d)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: the model d is NULL", row->name);
    if (in->d && in->g && in->d->ctx != in->g->ctx)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: d and g belong to two contexts", row->name);
    if (in->real_out) needs &= ~(unsigned)GAN_NEEDS_REAL_OUT;
    if (in->fake_out) needs &= ~(unsigned)GAN_NEEDS_FAKE_OUT;
    given[0] = given[5] = in->real;
    given[1] = given[6] = in->fake;
    given[2] = in->real_aug;
    given[3] = in->fake_aug;
    given[4] = in->z;
    for (i = 0; i < 7; ++i)
        if (needs >> i & 1 && !given[i])
            gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: %s is NULL", row->name, names[i]);
    given[5] = in->real_out;
    given[6] = in->fake_out;
    given[7] = in->label;
    for (i = 0; i < 8; ++i)
        if (given[i]) given[n++] = given[i];
    if (ctx->failures != failures || (n && !gan__inputs(GAN_OP_NONE, n, given, &bad))) return 0;
    if (n && given[0]->ctx != ctx)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: the samples belong to another context", row->name);
    if ((row->needs & GAN_NEEDS_PAIR) == GAN_NEEDS_PAIR &&
        (in->fake->ndim != in->real->ndim ||
         memcmp(in->fake->dim, in->real->dim, (size_t)in->real->ndim * sizeof *in->real->dim)))
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: real %t and fake %t must have the same shape", row->name,
                  in->real, in->fake);
    return ctx->failures == failures;
}

GAN_API gan_tensor *gan_penalty_ex(const gan_penalty_desc *desc, const gan_penalty_in *in)
{
    const gan__penalty_row *row;
    gan__penalty_args p;
    gan_context *ctx;
    gan_tensor *term;
    if (!in) return NULL;
    p.in = in;
    p.m = in->d ? in->d : in->g;
    if (!p.m)
        return in->real ? gan__fail(in->real->ctx, GAN_ERROR_ARGUMENT, "gan_penalty: the model is NULL")
                        : NULL;
    ctx = p.m->ctx;
    if (!desc) return gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_penalty_ex: desc is NULL");
    if (!gan__penalty_known(ctx, desc->kind)) return ctx->poison;
    row = &gan__penalties[desc->kind];
    if (!gan__is_finite(desc->weight) || !gan__is_finite(desc->target) || !gan__is_finite(desc->parameter) ||
        desc->every < 0)
        return gan__fail(ctx, GAN_ERROR_ARGUMENT,
                         "%s: weight, target and parameter must be finite, every (%d) not negative",
                         row->name, desc->every);
    if (!gan__penalty_ready(ctx, row, in)) return ctx->poison;
    if (row->player == GAN_PLAYER_GENERATOR) p.m = in->g;
    p.weight = gan__or_default(desc->weight, row->weight);
    p.target = gan__or_default(desc->target, row->target);
    p.parameter = gan__or_default(desc->parameter, row->parameter);
    term = row->term(&p);
    return term ? term : gan_scalar(ctx, 0);
}

GAN_API gan_tensor *gan_penalty(gan_penalty_kind kind, gan_real weight, gan_model *d, gan_tensor *real,
                                gan_tensor *fake, gan_tensor *label)
{
    gan_penalty_desc desc;
    gan_penalty_in in;
    memset(&desc, 0, sizeof desc);
    memset(&in, 0, sizeof in);
    desc.kind = kind;
    desc.weight = weight;
    in.d = d;
    in.real = real;
    in.fake = fake;
    in.label = label;
    return gan_penalty_ex(&desc, &in);
}

GAN_API void gan_penalty_after(gan_penalty_kind kind, gan_real weight, gan_model *m)
{
    size_t i;
    if (!m || !gan__penalty_known(m->ctx, kind)) return;
    for (i = 0; i < sizeof gan__penalties_after / sizeof *gan__penalties_after; ++i)
        if (gan__penalties_after[i].kind == kind)
            gan__penalties_after[i].after(m, gan__or_default(weight, gan__penalties[kind].weight));
}

static const gan__penalty_row *gan__penalty_of(gan_penalty_kind kind)
{
    return (int)kind >= 0 && kind < GAN_PENALTY_COUNT ? &gan__penalties[kind] : NULL;
}

GAN_API gan_player gan_penalty_player(gan_penalty_kind kind)
{
    const gan__penalty_row *row = gan__penalty_of(kind);
    return row ? row->player : GAN_PLAYER_EITHER;
}

GAN_API unsigned gan_penalty_needs(gan_penalty_kind kind)
{
    const gan__penalty_row *row = gan__penalty_of(kind);
    return row ? row->needs : 0;
}

GAN_API const char *gan_penalty_name(gan_penalty_kind kind)
{
    const gan__penalty_row *row = gan__penalty_of(kind);
    return row ? row->name : "unknown";
}

// >>augment: differentiable augmentation, the image pool; may use floors 0-6; tests/test_augment.c
//
// A row NAME of GAN_AUGMENTS is gan__augment_NAME(a, s, u): what it adds, with strength s, to the plan `a` of
// one sample. u[0] < p let it happen; u[1 .. 3] are uniform in [0, 1). Plans are then carried out for the
// whole batch in few operations: what all rows of a group do to a sample is one map, one matrix, one filter.

enum { GAN__BANDS = 4 };

typedef struct gan__plan {
    double p;
    int size[2]; // width, height
    // From output to input about the centre: the map so far, behind which stand a turn and a move.
    double map[2][3], turn, move[2];
    // x becomes grey P x + chroma R (1 - P) x + offset + mean m(x): P projects on the grey axis, R turns
    // about it by hue, m is the mean of the sample. All of these commute.
    double grey, chroma, hue, offset, mean;
    double gain[GAN__BANDS], sigma;
    int step[2];    // whole pixels, zeros come in
    int hole[2][4]; // left, right, top, bottom of what becomes 0, right and bottom excluded
} gan__plan;

static gan__plan gan__plan_none(int h, int w, double p)
{
    gan__plan a;
    int i;
    memset(&a, 0, sizeof a);
    a.p = p;
    a.size[0] = w;
    a.size[1] = h;
    a.map[0][0] = a.map[1][1] = a.grey = a.chroma = 1;
    for (i = 0; i < GAN__BANDS; ++i) a.gain[i] = 1;
    return a;
}

// map := map m, where m is xx xy x1, yx yy y1
static void gan__plan_map(gan__plan *a, double xx, double xy, double x1, double yx, double yy, double y1)
{
    int r;
    for (r = 0; r < 2; ++r) {
        double *m = a->map[r];
        const double x = m[0], y = m[1];
        m[0] = x * xx + y * yx;
        m[1] = x * xy + y * yy;
        m[2] += x * x1 + y * y1;
    }
}

static void gan__plan_rotate(gan__plan *a, double angle)
{
    const double c = cos(angle), s = sin(angle);
    if (angle != 0) gan__plan_map(a, c, -s, 0, s, c, 0);
}

static double gan__plan_normal(const double *u) // N(0, 1) from two uniform numbers, Box and Muller
{
    return sqrt(-2 * log(1 - u[0])) * cos(6.283185307179586 * u[1]);
}

// exp2 of N(0, s^2)
static double gan__plan_factor(double s, const double *u) { return exp2(s * gan__plan_normal(u)); }

static double gan__plan_angle(double s, double u) { return s * (2 * u - 1) * 3.141592653589793; }

static void gan__augment_flip(gan__plan *a, double s, const double *u)
{
    (void)s;
    if (u[1] < .5) gan__plan_map(a, -1, 0, 0, 0, 1, 0);
}

static void gan__augment_rotate90(gan__plan *a, double s, const double *u)
{
    static const double cosine[] = {1, 0, -1, 0};
    const int quarter = (int)(4 * u[1]) & 3;
    const double c = cosine[quarter], sine = cosine[(quarter + 3) & 3];
    (void)s;
    gan__plan_map(a, c, -sine, 0, sine, c, 0);
}

static void gan__augment_shift(gan__plan *a, double s, const double *u)
{
    gan__plan_map(a, 1, 0, -floor((2 * u[1] - 1) * s * a->size[0] + .5), 0, 1,
                  -floor((2 * u[2] - 1) * s * a->size[1] + .5));
}

static void gan__augment_scale(gan__plan *a, double s, const double *u)
{
    const double zoom = 1 / gan__plan_factor(s, u + 1);
    gan__plan_map(a, zoom, 0, 0, 0, zoom, 0);
}

// Before and behind the anisotropic scale with probability q each, 1 - (1 - q)^2 = p: the first where
// u[0] < q, the second where p - q <= u[0] < p, which are independent.
static void gan__augment_rotate(gan__plan *a, double s, const double *u)
{
    const double q = 1 - sqrt(1 - a->p);
    if (u[0] < q) gan__plan_rotate(a, gan__plan_angle(s, u[1]));
    if (u[0] >= a->p - q) a->turn = gan__plan_angle(s, u[2]);
}

static void gan__augment_aniso(gan__plan *a, double s, const double *u)
{
    const double stretch = gan__plan_factor(s, u + 1);
    gan__plan_map(a, 1 / stretch, 0, 0, 0, stretch, 0);
}

// Both numbers of Box and Muller: one for each axis.
static void gan__augment_fraction(gan__plan *a, double s, const double *u)
{
    const double radius = s * sqrt(-2 * log(1 - u[1])), angle = 6.283185307179586 * u[2];
    a->move[0] = radius * cos(angle) * a->size[0];
    a->move[1] = radius * sin(angle) * a->size[1];
}

static void gan__augment_brightness(gan__plan *a, double s, const double *u)
{
    a->offset += s * gan__plan_normal(u + 1);
}

static void gan__augment_contrast(gan__plan *a, double s, const double *u)
{
    const double c = gan__plan_factor(s, u + 1);
    a->grey *= c;
    a->chroma *= c;
    a->offset *= c;
}

static void gan__augment_luma_flip(gan__plan *a, double s, const double *u)
{
    (void)s;
    if (u[1] >= .5) return;
    a->grey = -a->grey;
    a->offset = -a->offset;
}

static void gan__augment_hue(gan__plan *a, double s, const double *u) { a->hue = gan__plan_angle(s, u[1]); }

static void gan__augment_saturation(gan__plan *a, double s, const double *u)
{
    a->chroma *= gan__plan_factor(s, u + 1);
}

// The expected power of natural images, 10 : 1 : 1 : 1 over the octaves, stays what it was.
static void gan__plan_band(gan__plan *a, int band, double s, const double *u)
{
    static const double power[GAN__BANDS] = {10. / 13, 1. / 13, 1. / 13, 1. / 13};
    const double t = gan__plan_factor(s, u + 1), all = sqrt(1 + power[band] * (t * t - 1));
    int i;
    for (i = 0; i < GAN__BANDS; ++i) a->gain[i] *= (i == band ? t : 1) / all;
}
static void gan__augment_band0(gan__plan *a, double s, const double *u) { gan__plan_band(a, 0, s, u); }
static void gan__augment_band1(gan__plan *a, double s, const double *u) { gan__plan_band(a, 1, s, u); }
static void gan__augment_band2(gan__plan *a, double s, const double *u) { gan__plan_band(a, 2, s, u); }
static void gan__augment_band3(gan__plan *a, double s, const double *u) { gan__plan_band(a, 3, s, u); }

static void gan__augment_noise(gan__plan *a, double s, const double *u)
{
    a->sigma = s * fabs(gan__plan_normal(u + 1));
}

// Pixels whose centres are nearer to u of the side than s / 2 of it.
static void gan__augment_cutout(gan__plan *a, double s, const double *u)
{
    int axis, i;
    for (axis = 0; axis < 2; ++axis) {
        int *span = a->hole[0] + 2 * axis;
        for (i = 0; i < a->size[axis]; ++i) {
            if (fabs((i + .5) / a->size[axis] - u[1 + axis]) >= s / 2) continue;
            if (!span[1]) span[0] = i;
            span[1] = i + 1;
        }
    }
}

static void gan__augment_diff_brightness(gan__plan *a, double s, const double *u)
{
    a->offset += s * (2 * u[1] - 1);
}

static void gan__augment_diff_saturation(gan__plan *a, double s, const double *u)
{
    a->chroma *= 1 + s * (2 * u[1] - 1);
}

// c (y - m(y)) + m(y) with m(y) = (grey + mean) m(x) + offset
static void gan__augment_diff_contrast(gan__plan *a, double s, const double *u)
{
    const double c = 1 + s * (2 * u[1] - 1);
    a->mean = c * a->mean + (1 - c) * (a->grey + a->mean);
    a->grey *= c;
    a->chroma *= c;
}

// That share of n pixels, rounded, at most all of them.
static int gan__plan_pixels(double share, int n)
{
    const double pixels = share * n + .5;
    return pixels < n ? (int)pixels : n;
}

static void gan__augment_diff_translation(gan__plan *a, double s, const double *u)
{
    int axis;
    for (axis = 0; axis < 2; ++axis) {
        const double most = gan__plan_pixels(s, a->size[axis]);
        a->step[axis] = (int)(floor(u[1 + axis] * (2 * most + 1)) - most);
    }
}

static void gan__augment_diff_cutout(gan__plan *a, double s, const double *u)
{
    int axis;
    for (axis = 0; axis < 2; ++axis) {
        const int n = a->size[axis], size = gan__plan_pixels(s, n);
        const int from = (int)(u[1 + axis] * (n + 1. - size % 2)) - size / 2;
        a->hole[1][2 * axis] = GAN__MOST(from, 0);
        a->hole[1][2 * axis + 1] = GAN__LEAST(from + size, n);
    }
}

typedef struct gan__augment_row {
    const char *name;
    double strength;
    void (*change)(gan__plan *a, double s, const double *u);
} gan__augment_row;

static const gan__augment_row gan__augments[] = {
#define GAN__ROW(id, name, strength) {#name, strength, gan__augment_##name},
    GAN_AUGMENTS(GAN__ROW)
#undef GAN__ROW
};

// A block of four random numbers for each transform of each sample, done or not.
static void gan__plan_draw(gan__rng *r, const gan_augment_desc *desc, gan__plan *a)
{
    const double strength = desc->strength != 0 ? (double)desc->strength : 1;
    uint32_t word[4];
    double u[4];
    int row, i;
    for (row = 0; row < GAN_AUGMENT_COUNT; ++row) {
        const int always = ((unsigned)GAN_AUGMENT_DIFF >> row & 1) && desc->p == 0;
        if (!(desc->policy >> row & 1)) continue;
        gan__rng_block(r, word);
        for (i = 0; i < 4; ++i) u[i] = word[i] / 4294967296.;
        if (always || u[0] < a->p) gan__augments[row].change(a, strength * gan__augments[row].strength, u);
    }
}

// One number for each sample of x, at `field` of its plan, as (N, 1, ...); NULL where all are `neutral`.
static gan_tensor *gan__plan_column(const gan_tensor *x, const gan__plan *a, size_t field, double neutral)
{
    int dim[GAN_MAX_DIMS], i, same = 1;
    gan_tensor *t;
    for (i = 0; i < x->ndim; ++i) dim[i] = i ? 1 : x->dim[0];
    t = gan__tensor_new(x->ctx, x->ndim, dim);
    for (i = 0; i < dim[0] && !gan__is_poison(t); ++i) {
        double v;
        memcpy(&v, (const char *)(a + i) + field, sizeof v);
        t->data[i] = (gan_real)v;
        same &= v == neutral;
    }
    if (gan__is_poison(t) || !same) return t;
    gan__tensor_free(t);
    return NULL;
}

// A plan's map from output to input pixels: DIFF's translation, or blit and geometry. 1 where nothing moves.
static int gan__plan_write(const gan__plan *a, int translation, gan_real *out)
{
    gan__plan b = *a;
    int r, still = 1;
    if (translation) {
        b = gan__plan_none(a->size[1], a->size[0], 0);
        gan__plan_map(&b, 1, 0, a->step[0], 0, 1, a->step[1]);
    }
    gan__plan_rotate(&b, b.turn);
    gan__plan_map(&b, 1, 0, -b.move[0], 0, 1, -b.move[1]);
    for (r = 0; r < 2; ++r, out += 3) {
        const double *m = b.map[r], cx = (a->size[0] - 1) / 2., cy = (a->size[1] - 1) / 2.;
        out[0] = (gan_real)m[0];
        out[1] = (gan_real)m[1];
        out[2] = (gan_real)(m[2] + (r ? cy : cx) - m[0] * cx - m[1] * cy);
        still &= out[r] == 1 && out[1 - r] == 0 && out[2] == 0;
    }
    return still;
}

// x itself where no sample moves.
static gan_tensor *gan__augment_move(gan_tensor *x, const gan__plan *a, int translation)
{
    gan_tensor *map;
    int dim[3], i, still = 1;
    dim[0] = x->dim[0];
    dim[1] = 2;
    dim[2] = 3;
    map = gan__tensor_new(x->ctx, 3, dim);
    if (gan__is_poison(map)) return map;
    for (i = 0; i < dim[0]; ++i) still &= gan__plan_write(a + i, translation, map->data + 6 * i);
    if (!still) return gan_affine_sample(x, map, translation ? GAN_BORDER_ZEROS : GAN_BORDER_REFLECT);
    gan__tensor_free(map);
    return x;
}

// A plan's matrix (c, c), with P = 1 / c in every place. Of three channels, v = (1, 1, 1) / sqrt(3),
// R (1 - P) is cos(hue) (1 - P) + sin(hue) [v]x. Returns 1 for the unit matrix.
static int gan__plan_mix(const gan__plan *a, int c, gan_real *out)
{
    const double hue = c == 3 ? a->hue : 0, cosine = a->chroma * cos(hue), sine = a->chroma * sin(hue);
    int i, k, still = 1;
    for (i = 0; i < c; ++i)
        for (k = 0; k < c; ++k, ++out) {
            const double cross = c == 3 && i != k ? ((i + 1) % 3 == k ? -1 : 1) / sqrt(3.) : 0;
            *out = (gan_real)((i == k) * cosine + (a->grey - cosine) / c + cross * sine);
            still &= *out == (i == k);
        }
    return still;
}

static gan_tensor *gan__augment_mix(gan_tensor *x, const gan__plan *a)
{
    gan_tensor *mix, *y;
    int dim[3], i, still = 1;
    dim[0] = x->dim[0];
    dim[1] = dim[2] = x->dim[1];
    mix = gan__tensor_new(x->ctx, 3, dim);
    if (gan__is_poison(mix)) return mix;
    for (i = 0; i < dim[0]; ++i)
        still &= gan__plan_mix(a + i, dim[1], mix->data + (size_t)i * (size_t)dim[1] * (size_t)dim[1]);
    if (still) {
        gan__tensor_free(mix);
        return x;
    }
    if (dim[1] == 1) return gan_mul(x, gan_reshape(mix, 4, dim[0], 1, 1, 1));
    y = gan_matmul(mix, gan_reshape(x, 3, dim[0], dim[1], -1));
    return gan__is_poison(y) ? y : gan__reshape_to(y, 4, x->dim);
}

static gan_tensor *gan__augment_color(gan_tensor *x, const gan__plan *a)
{
    gan_tensor *offset = gan__plan_column(x, a, offsetof(gan__plan, offset), 0);
    gan_tensor *mean = gan__plan_column(x, a, offsetof(gan__plan, mean), 0), *y = gan__augment_mix(x, a);
    if (mean) mean = gan_mul(mean, gan_mean(x, GAN_AXIS(1) | GAN_AXIS(2) | GAN_AXIS(3), GAN_KEEPDIM));
    if (mean) offset = offset ? gan_add(offset, mean) : mean;
    return offset ? gan_add(y, offset) : y;
}

// The bands are those of Karras 2020: with the half-band filter L = (-1 0 9 16 9 0 -1) / 32, which is the
// autocorrelation of the wavelet sym2, L1 = L(z), L2 = L(z^2) L1 and L3 = L(z^4) L2 keep the lower half,
// quarter and eighth; the bands are L3, L2 - L3, L1 - L2, 1 - L1 and add up to 1.
enum { GAN__REACH = 21 }; // of L3, to either side

typedef struct gan__bands {
    double lower[GAN__BANDS][2 * GAN__REACH + 1]; // L3, L2, L1, 1
} gan__bands;

static gan__bands gan__bands_make(void)
{
    static const double half[] = {16. / 32, 9. / 32, 0, -1. / 32};
    gan__bands b;
    int level, i, k;
    memset(&b, 0, sizeof b);
    b.lower[GAN__BANDS - 1][GAN__REACH] = 1;
    for (level = GAN__BANDS - 1; level > 0; --level)
        for (i = 0; i <= 2 * GAN__REACH; ++i)
            for (k = -3; k <= 3; ++k) {
                const int from = i - k * (1 << (GAN__BANDS - 1 - level));
                if (from >= 0 && from <= 2 * GAN__REACH)
                    b.lower[level - 1][i] += half[k < 0 ? -k : k] * b.lower[level][from];
            }
    return b;
}

// The filters of all samples along an axis of n pixels as matrices (N, 1, n, n). Borders reflect, so they are
// symmetric: a filter is its own adjoint. Every row of a matrix adds up to the filter's gain of a constant.
static gan_tensor *gan__augment_filters(const gan_tensor *x, const gan__plan *a, int n)
{
    const gan__bands b = gan__bands_make();
    gan_tensor *t;
    int dim[4], sample, band, i, k;
    dim[0] = x->dim[0];
    dim[1] = 1;
    dim[2] = dim[3] = n;
    t = gan__tensor_new(x->ctx, 4, dim);
    if (gan__is_poison(t)) return t;
    memset(t->data, 0, t->size * sizeof *t->data);
    for (sample = 0; sample < dim[0]; ++sample) {
        double tap[2 * GAN__REACH + 1];
        for (k = 0; k <= 2 * GAN__REACH; ++k)
            for (tap[k] = 0, band = 0; band < GAN__BANDS; ++band)
                tap[k] += a[sample].gain[band] * (b.lower[band][k] - (band ? b.lower[band - 1][k] : 0));
        for (i = 0; i < n; ++i) {
            gan_real *row = t->data + ((size_t)sample * (size_t)n + (size_t)i) * (size_t)n;
            for (k = 0; k <= 2 * GAN__REACH; ++k)
                row[gan__border_at(i + k - GAN__REACH, n, GAN_BORDER_REFLECT)] += (gan_real)tap[k];
        }
    }
    return t;
}

static gan_tensor *gan__augment_filter(gan_tensor *x, const gan__plan *a)
{
    gan_tensor *across, *down;
    int i, k, still = 1;
    for (i = 0; i < x->dim[0]; ++i)
        for (k = 0; k < GAN__BANDS; ++k) still &= a[i].gain[k] == 1;
    if (still) return x;
    across = down = gan__augment_filters(x, a, x->dim[3]);
    if (x->dim[2] != x->dim[3]) down = gan__augment_filters(x, a, x->dim[2]);
    return gan_matmul(down, gan_matmul(x, across));
}

// x + sigma N(0, 1) with a sigma for each sample, or (NULL) none.
static gan_tensor *gan__augment_grain(gan_tensor *x, gan_tensor *sigma)
{
    gan_tensor *noise;
    if (!sigma || gan__is_poison(sigma)) return sigma ? sigma : x;
    noise = gan__tensor_new(x->ctx, x->ndim, x->dim);
    if (gan__is_poison(noise)) return noise;
    gan__draw_normal(x->ctx, &x->ctx->rng, noise->data, noise->size);
    return gan_addcmul(noise, sigma, x);
}

static gan_tensor *gan__augment_cut(gan_tensor *x, const gan__plan *a)
{
    const int h = x->dim[2], w = x->dim[3];
    gan_tensor *mask;
    int dim[4], i, k, row, column, still = 1;
    dim[0] = x->dim[0];
    dim[1] = 1;
    dim[2] = h;
    dim[3] = w;
    for (i = 0; i < 2 * dim[0]; ++i) still &= a[i / 2].hole[i % 2][1] <= a[i / 2].hole[i % 2][0];
    if (still) return x;
    mask = gan__full(x->ctx, 1, 4, dim);
    for (i = 0; i < dim[0] && !gan__is_poison(mask); ++i)
        for (k = 0; k < 2; ++k) {
            const int *hole = a[i].hole[k];
            for (row = hole[2]; row < hole[3]; ++row)
                for (column = hole[0]; column < hole[1]; ++column)
                    mask->data[((size_t)i * (size_t)h + (size_t)row) * (size_t)w + (size_t)column] = 0;
        }
    return gan_mul(x, mask);
}

// What the plans of all samples say, done to x (N, C, H, W), or, to any other x, their noise.
static gan_tensor *gan__augment_apply(gan_tensor *x, const gan__plan *a)
{
    const int image = x->ndim == 4;
    gan_tensor *y = x;
    if (image) y = gan__augment_move(y, a, 0);
    if (image && !gan__is_poison(y)) y = gan__augment_color(y, a);
    if (image && !gan__is_poison(y)) y = gan__augment_filter(y, a);
    if (!gan__is_poison(y)) y = gan__augment_grain(y, gan__plan_column(y, a, offsetof(gan__plan, sigma), 0));
    if (image && !gan__is_poison(y)) y = gan__augment_move(y, a, 1);
    if (image && !gan__is_poison(y)) y = gan__augment_cut(y, a);
    return y;
}

// Whether a description can be carried out on x; an error where it cannot.
static int gan__augment_fits(const gan_tensor *x, const gan_augment_desc *desc)
{
    gan_context *ctx = x->ctx;
    const unsigned image = desc->policy & ~(unsigned)GAN_AUGMENT_NOISE;
    if (desc->policy >> GAN_AUGMENT_COUNT)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "augment: policy %l has unknown bits; take those of GAN_AUGMENTS",
                  (int64_t)desc->policy);
    else if (!(desc->p >= 0 && desc->p <= 1) || !gan__is_finite(desc->p))
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "augment: p %f is no probability; want 0 to 1", (double)desc->p);
    else if (!(desc->strength >= 0) || !gan__is_finite(desc->strength))
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "augment: strength %f; want a number of 0 (for 1) or more",
                  (double)desc->strength);
    else if (x->ndim < 1 || (image && x->ndim != 4))
        gan__fail(ctx, GAN_ERROR_SHAPE,
                  "augment: x %t; want images (N, C, H, W), or GAN_AUGMENT_NOISE alone for (N, ...)", x);
    else return 1;
    return 0;
}

GAN_API gan_tensor *gan_augment(gan_tensor *x, const gan_augment_desc *desc)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &x, &y);
    gan__plan *a;
    size_t bytes;
    int i;
    if (!ctx) return y;
    if (!desc || !desc->policy) return x;
    if (!gan__augment_fits(x, desc)) return ctx->poison;
    if (!x->size || (desc->p == 0 && !(desc->policy & GAN_AUGMENT_DIFF))) return x;
    if (gan__mul_size((size_t)x->dim[0], sizeof *a, &bytes)) return gan__fail_memory(ctx, (size_t)-1);
    a = (gan__plan *)gan__scratch(ctx, bytes);
    if (!a) return ctx->poison;
    for (i = 0; i < x->dim[0]; ++i) {
        a[i] = gan__plan_none(x->ndim == 4 ? x->dim[2] : 1, x->ndim == 4 ? x->dim[3] : 1, (double)desc->p);
        gan__plan_draw(&ctx->rng, desc, a + i);
    }
    y = gan__augment_apply(x, a);
    gan__scratch_free(ctx, a);
    return y;
}

GAN_API const char *gan_augment_name(unsigned transform)
{
    int i;
    for (i = 0; i < GAN_AUGMENT_COUNT; ++i)
        if (transform == 1u << i) return gan__augments[i].name;
    return "unknown";
}

GAN_API gan_real gan_augment_adapt(gan_real p, gan_real sign_mean, gan_real target, int batch, int every,
                                   gan_real kimg)
{
    const double aim = target != 0 ? (double)target : .6, images = 1000 * (kimg > 0 ? (double)kimg : 500);
    const double step = (double)GAN__MOST(batch, 0) * (every > 0 ? every : 4) / images;
    const double next = (double)p + step * (((double)sign_mean > aim) - ((double)sign_mean < aim));
    return (gan_real)(next > 0 ? GAN__LEAST(next, 1) : 0);
}

GAN_API gan_tensor *gan_instance_noise(gan_tensor *x, gan_real sigma)
{
    gan_tensor *bad;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &x, &bad);
    if (!ctx) return bad;
    if (!(sigma >= 0) || !gan__is_finite(sigma))
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "instance_noise: sigma %f; want a number of 0 or more",
                         (double)sigma);
    return sigma == 0 ? x : gan__augment_grain(x, gan_scalar(ctx, sigma));
}

struct gan_pool {
    gan_context *ctx;
    const char *name;
    int capacity;
    int64_t count;
    gan__state *store; // (capacity, ...), from the first query on
};

GAN_API gan_pool *gan_pool_create(gan_context *ctx, const char *name, int capacity)
{
    gan_pool *pool;
    if (!ctx) return NULL;
    if (capacity < 0) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "pool: a capacity of %d; want 1 or more, or 0 for 50", capacity);
        return NULL;
    }
    name = gan__name(ctx, "pool.", name, "");
    pool = name ? (gan_pool *)gan__persist(ctx, sizeof *pool) : NULL;
    if (!pool) return NULL;
    pool->ctx = ctx;
    pool->name = name;
    pool->capacity = capacity ? capacity : 50;
    return gan__state_over(ctx, gan__name(ctx, name, ".count", ""), GAN__STATE_I64, 0, NULL, &pool->count)
               ? pool
               : NULL;
}

// The pool has room for samples of x, and holds as many as it says. 1 on error.
static int gan__pool_ready(gan_pool *pool, const gan_tensor *x)
{
    gan_context *ctx = pool->ctx;
    const gan__state *s = pool->store;
    int dim[GAN_MAX_DIMS];
    if (x->ctx != ctx) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: x belongs to another context", pool->name);
        return 1;
    }
    if (x->ndim < 1) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: x %t; want (N, ...)", pool->name, x);
        return 1;
    }
    memcpy(dim, x->dim, sizeof dim);
    dim[0] = pool->capacity;
    if (!s) {
        s = pool->store = gan__state_add(ctx, pool->name, GAN__STATE_REAL, x->ndim, dim);
        if (!s) return 1;
        if (!s->loaded) pool->count = 0;
    }
    if (s->ndim != x->ndim || memcmp(s->dim, dim, (size_t)x->ndim * sizeof *dim)) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: x %t in a pool of %h; samples must keep the shape of the first",
                  pool->name, x, s->ndim, s->dim);
        return 1;
    }
    if (pool->count < 0 || pool->count > pool->capacity) {
        gan__fail(ctx, GAN_ERROR_FORMAT, "%s: %l samples in a pool of %d; the checkpoint does not fit",
                  pool->name, pool->count, pool->capacity);
        return 1;
    }
    return gan__state_own(ctx, pool->store);
}

GAN_API gan_tensor *gan_pool_query(gan_pool *pool, gan_tensor *x, gan_real p)
{
    gan_tensor *y;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, 1, &x, &y);
    int i;
    if (!pool) return x ? gan__fail(x->ctx, GAN_ERROR_ARGUMENT, "gan_pool_query: the pool is NULL") : NULL;
    if (!x) gan__fail(pool->ctx, GAN_ERROR_ARGUMENT, "%s: x is NULL", pool->name);
    if (!ctx || gan__pool_ready(pool, x)) return pool->ctx->poison;
    if (!(p >= 0 && p <= 1) || !gan__is_finite(p))
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: p %f is no probability; want 0 to 1", pool->name,
                         (double)p);
    y = gan__tensor_new(ctx, x->ndim, x->dim);
    if (y == ctx->poison) return y;
    for (i = 0; i < x->dim[0]; ++i) {
        const size_t n = x->size / (size_t)x->dim[0], bytes = n * sizeof *x->data;
        const gan_real *from = x->data + (size_t)i * n;
        gan_real *out = y->data + (size_t)i * n, *old = (gan_real *)pool->store->data;
        uint32_t word[4];
        gan__rng_block(&ctx->rng, word);
        memcpy(out, from, bytes);
        if (pool->count < pool->capacity) old += (size_t)pool->count++ * n;
        else if (word[0] / 4294967296. < (double)p) {
            old += gan__rng_below(&ctx->rng, (uint32_t)pool->capacity) * n;
            memcpy(out, old, bytes);
        } else continue;
        memcpy(old, from, bytes);
    }
    return y;
}

// >>optim: optimisers and the guarded update; uses layer; tests/test_optim.c
//
// A row (NAME, states) of GAN_OPTIMIZERS is gan__optim_NAME, which updates n numbers with that many state
// arrays. The first four have kernels for each instruction set; the others work through gan__piece.

// What a parameter carries beside the state arrays of its rule.
enum { GAN__SLOT_SUM = 3, GAN__SLOT_FROM, GAN__SLOT_SLOW, GAN__SLOT_STATES };

typedef struct gan__slot { // one parameter
    struct gan__slot *next;
    gan__param *param;
    gan__state *state[GAN__SLOT_STATES];
    gan_tensor *grad; // of the update that is being made
} gan__slot;

struct gan_optimizer {
    gan_model *model;
    gan_optimizer_desc desc;
    char prefix[24]; // "optimizer." or, for a model's second, "optimizer2." ...
    gan__slot *slots, *slots_end;
    int count;
    gan_tensor **want; // room for the trainable parameters
    double *room;      // and for two sums of every grain of the largest
    gan_real norm;
    // Of the update that is being made: the factor of its gradients, their norm with it, the L2 decay that is
    // still to be added.
    gan_real scale, length, decay;
    int64_t step;
    // Losses accumulated; whether the weights are extrapolated; whether slow weights are known.
    int64_t open[GAN__SLOT_STATES - GAN__SLOT_SUM];
    gan__state *best; // SUBGRADIENT: the best loss, the accumulated losses
};

#define GAN__OPEN(o, what) (o)->open[GAN__SLOT_##what - GAN__SLOT_SUM]

typedef struct gan__update {
    const gan_context *ctx;
    const gan_optimizer_desc *desc;
    gan_real *p, *state[GAN__SLOT_SUM];
    const gan_real *g;
    int64_t n;
    double *room;
    gan__opt_args args;
} gan__update;

static void gan__optim_sgd(const gan__update *u, int64_t at, size_t n)
{
    u->ctx->k->sgd(n, u->p + at, u->g + at, u->args.momentum != 0 ? u->state[0] + at : NULL, &u->args);
}

static void gan__optim_rmsprop(const gan__update *u, int64_t at, size_t n)
{
    u->ctx->k->rmsprop(n, u->p + at, u->g + at, u->state[0] + at,
                       u->args.momentum != 0 ? u->state[1] + at : NULL, &u->args);
}

static void gan__optim_adam(const gan__update *u, int64_t at, size_t n)
{
    u->ctx->k->adam(n, u->p + at, u->g + at, u->state[0] + at, u->state[1] + at, &u->args);
}

static void gan__optim_adamw(const gan__update *u, int64_t at, size_t n) { gan__optim_adam(u, at, n); }

// Numbers on their way through a rule, in arrays of one length, so that compilers make vectors of its loops:
// the weights w (already shrunk), the gradient d (with its L2 decay), the state arrays x, y, z, and r, for
// roots, which the kernels take.
enum { GAN__PIECE = 256 };
typedef struct gan__piece {
    const gan__update *u;
    int64_t at;
    size_t n, left; // of this piece, behind it
    gan_real w[GAN__PIECE], d[GAN__PIECE], r[GAN__PIECE], x[GAN__PIECE], y[GAN__PIECE], z[GAN__PIECE];
} gan__piece;

static void gan__piece_load(gan__piece *q)
{
    const gan__update *u = q->u;
    const gan__opt_args *o = &u->args;
    const gan_real decay = o->decoupled > 0 ? 0 : o->weight_decay, scale = o->scale;
    const gan_real shrink = o->decoupled > 0 ? 1 - o->lr * o->weight_decay : 1;
    gan_real *const part[GAN__SLOT_SUM] = {q->x, q->y, q->z};
    size_t i;
    q->n = GAN__LEAST((size_t)GAN__PIECE, q->left);
    q->left -= q->n;
    memcpy(q->w, u->p + q->at, q->n * sizeof *q->w);
    memcpy(q->d, u->g + q->at, q->n * sizeof *q->d);
    for (i = 0; i < GAN__SLOT_SUM; ++i)
        if (u->state[i]) memcpy(part[i], u->state[i] + q->at, q->n * sizeof *q->w);
    for (i = 0; i < GAN__PIECE; ++i) {
        q->d[i] = scale * q->d[i] + decay * q->w[i];
        q->w[i] *= shrink;
    }
}

static void gan__piece_begin(gan__piece *q, const gan__update *u, int64_t at, size_t n)
{
    memset(q, 0, sizeof *q);
    q->u = u;
    q->at = at;
    q->left = n;
    gan__piece_load(q);
}

static void gan__piece_next(gan__piece *q)
{
    const gan__update *u = q->u;
    const gan_real *const part[GAN__SLOT_SUM] = {q->x, q->y, q->z};
    int i;
    memcpy(u->p + q->at, q->w, q->n * sizeof *q->w);
    for (i = 0; i < GAN__SLOT_SUM; ++i)
        if (u->state[i]) memcpy(u->state[i] + q->at, part[i], q->n * sizeof *q->w);
    q->at += (int64_t)q->n;
    gan__piece_load(q);
}

static void gan__piece_root(gan__piece *q) // r = sqrt(r)
{
    gan__isa_map(q->u->ctx->k, GAN__MAP_sqrt, q->n, q->r, q->r, 1, NULL, 0, NULL, 0, 0, 0);
}

// m into x and v into y (and r), as Adam has them.
static void gan__piece_moments(gan__piece *q)
{
    const gan_real b1 = q->u->args.beta1, f1 = 1 - b1, b2 = q->u->args.beta2, f2 = 1 - b2;
    size_t i;
    for (i = 0; i < GAN__PIECE; ++i) {
        const gan_real d = q->d[i];
        q->x[i] = b1 * q->x[i] + f1 * d;
        q->r[i] = q->y[i] = b2 * q->y[i] + f2 * d * d;
    }
}

// w -= rate x / (sqrt(r / bias2) + eps), the end of Adam
static void gan__piece_adam(gan__piece *q)
{
    const gan__opt_args *o = &q->u->args;
    const gan_real rate = o->lr / o->bias1, root = (gan_real)(1 / sqrt((double)o->bias2)), eps = o->eps;
    size_t i;
    gan__piece_root(q);
    for (i = 0; i < GAN__PIECE; ++i) q->w[i] -= rate * q->x[i] / (q->r[i] * root + eps);
}

static void gan__optim_adagrad(const gan__update *u, int64_t at, size_t n)
{
    const gan_real eps = u->args.eps, initial = u->desc->initial;
    const gan_real rate =
        (gan_real)((double)u->args.lr / (1 + (double)(u->args.step - 1) * (double)u->desc->lr_decay));
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        for (i = 0; i < GAN__PIECE; ++i) {
            q.x[i] += q.d[i] * q.d[i];
            q.r[i] = q.x[i] + initial;
        }
        gan__piece_root(&q);
        for (i = 0; i < GAN__PIECE; ++i) q.w[i] -= rate * q.d[i] / (q.r[i] + eps);
    }
}

static void gan__optim_adadelta(const gan__update *u, int64_t at, size_t n)
{
    const gan_real eps = u->args.eps, lr = u->args.lr, keep = u->args.alpha, fresh = 1 - keep;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        for (i = 0; i < GAN__PIECE; ++i) {
            q.x[i] = keep * q.x[i] + fresh * q.d[i] * q.d[i];
            q.r[i] = (q.y[i] + eps) / (q.x[i] + eps);
        }
        gan__piece_root(&q);
        for (i = 0; i < GAN__PIECE; ++i) {
            const gan_real move = q.r[i] * q.d[i];
            q.y[i] = keep * q.y[i] + fresh * move * move;
            q.w[i] -= lr * move;
        }
    }
}

static void gan__optim_amsgrad(const gan__update *u, int64_t at, size_t n)
{
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        gan__piece_moments(&q);
        for (i = 0; i < GAN__PIECE; ++i) q.r[i] = q.z[i] = q.z[i] > q.y[i] ? q.z[i] : q.y[i];
        gan__piece_adam(&q);
    }
}

static void gan__optim_adamax(const gan__update *u, int64_t at, size_t n)
{
    const gan_real b1 = u->args.beta1, f1 = 1 - b1, b2 = u->args.beta2, eps = u->args.eps;
    const gan_real rate = u->args.lr / u->args.bias1;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q))
        for (i = 0; i < GAN__PIECE; ++i) {
            const gan_real d = q.d[i], size = (d < 0 ? -d : d) + eps, old = b2 * q.y[i];
            q.x[i] = b1 * q.x[i] + f1 * d;
            q.y[i] = old > size ? old : size;
            q.w[i] -= rate * q.x[i] / q.y[i];
        }
}

// mu_t = beta1 (1 - .96^(t psi) / 2); w -= lr (mu_t+1 m / (1 - prod_1..t+1 mu) + (1 - mu_t) d / (1 -
// prod_1..t mu)) / (sqrt(v^) + eps). The product ends where it is nothing beside 1.
static void gan__optim_nadam(const gan__update *u, int64_t at, size_t n)
{
    const double b1 = (double)u->args.beta1, psi = (double)u->desc->momentum_decay, t = (double)u->args.step;
    const double mu = b1 * (1 - .5 * pow(.96, t * psi)), next = b1 * (1 - .5 * pow(.96, (t + 1) * psi));
    const double fall = pow(.96, psi), root2 = 1 / sqrt((double)u->args.bias2);
    const gan_real eps = u->args.eps, root = (gan_real)root2;
    gan_real of_d, of_m;
    double product = 1, power = 1;
    int64_t k;
    gan__piece q;
    size_t i;
    for (k = 1; k <= u->args.step && fabs(product) > 1e-20; ++k) {
        power *= fall;
        product *= b1 * (1 - .5 * power);
    }
    of_d = (gan_real)((double)u->args.lr * (1 - mu) / (1 - product));
    of_m = (gan_real)((double)u->args.lr * next / (1 - product * next));
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        gan__piece_moments(&q);
        gan__piece_root(&q);
        for (i = 0; i < GAN__PIECE; ++i) q.w[i] -= (of_d * q.d[i] + of_m * q.x[i]) / (q.r[i] * root + eps);
    }
}

// rho_t = rho - 2 t beta2^t / (1 - beta2^t), rho = 2 / (1 - beta2) - 1; up to 5 the variance of v^ is not
// tractable and the step is lr m^.
static void gan__optim_radam(const gan__update *u, int64_t at, size_t n)
{
    const double rho = 2 / (1 - (double)u->args.beta2) - 1, bias2 = (double)u->args.bias2;
    const double now = rho - 2 * (double)u->args.step * (1 - bias2) / bias2;
    const double rate = (double)u->args.lr / (double)u->args.bias1;
    const gan_real eps = u->args.eps, plain = (gan_real)rate;
    gan_real rectified = 0;
    gan__piece q;
    size_t i;
    if (now > 5)
        rectified =
            (gan_real)(rate * sqrt(bias2 * (now - 4) * (now - 2) * rho / ((rho - 4) * (rho - 2) * now)));
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        gan__piece_moments(&q);
        gan__piece_root(&q);
        if (now > 5)
            for (i = 0; i < GAN__PIECE; ++i) q.w[i] -= rectified * q.x[i] / (q.r[i] + eps);
        else
            for (i = 0; i < GAN__PIECE; ++i) q.w[i] -= plain * q.x[i];
    }
}

static void gan__optim_adabelief(const gan__update *u, int64_t at, size_t n)
{
    const gan_real b1 = u->args.beta1, f1 = 1 - b1, b2 = u->args.beta2, f2 = 1 - b2, eps = u->args.eps;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        for (i = 0; i < GAN__PIECE; ++i) {
            const gan_real m = b1 * q.x[i] + f1 * q.d[i], off = q.d[i] - m;
            q.x[i] = m;
            q.r[i] = q.y[i] = b2 * q.y[i] + f2 * off * off + eps;
        }
        gan__piece_adam(&q);
    }
}

static void gan__optim_yogi(const gan__update *u, int64_t at, size_t n)
{
    const gan_real b1 = u->args.beta1, f1 = 1 - b1, f2 = 1 - u->args.beta2;
    const gan_real initial = u->args.step == 1 ? u->desc->initial : 0;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        for (i = 0; i < GAN__PIECE; ++i) {
            const gan_real d = q.d[i], square = d * d, v = q.y[i] + initial;
            q.x[i] = b1 * q.x[i] + f1 * d;
            q.r[i] = q.y[i] = v > square ? v - f2 * square : v < square ? v + f2 * square : v;
        }
        gan__piece_adam(&q);
    }
}

static void gan__optim_lion(const gan__update *u, int64_t at, size_t n)
{
    const gan_real b1 = u->args.beta1, f1 = 1 - b1, b2 = u->args.beta2, f2 = 1 - b2, lr = u->args.lr;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q))
        for (i = 0; i < GAN__PIECE; ++i) {
            const gan_real c = b1 * q.x[i] + f1 * q.d[i];
            q.x[i] = b2 * q.x[i] + f2 * q.d[i];
            q.w[i] -= c > 0 ? lr : c < 0 ? -lr : 0;
        }
}

// u = m^ / (sqrt(v^) + eps) + decay w, of what has its moments, into r
static void gan__lamb_direction(gan__piece *q)
{
    const gan__opt_args *o = &q->u->args;
    const gan_real root = (gan_real)(1 / sqrt((double)o->bias2)), bias1 = o->bias1, eps = o->eps;
    const gan_real decay = q->u->desc->weight_decay;
    size_t i;
    memcpy(q->r, q->y, sizeof q->r);
    gan__piece_root(q);
    for (i = 0; i < GAN__PIECE; ++i) q->r[i] = q->x[i] / bias1 / (q->r[i] * root + eps) + decay * q->w[i];
}

// The first of two passes: the moments, and the squares of w and u summed up for their norms. (LAMB's decay
// is part of its direction: w is not shrunk.)
static void gan__optim_lamb(const gan__update *u, int64_t at, size_t n)
{
    double *const sum = u->room + 2 * (at / GAN__GRAIN);
    gan__piece q;
    sum[0] = sum[1] = 0;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        gan__piece_moments(&q);
        gan__lamb_direction(&q);
        sum[0] += (double)u->ctx->k->sumsq(q.n, q.w);
        sum[1] += (double)u->ctx->k->sumsq(q.n, q.r);
    }
}

// The second: w -= lr u; lr holds the ratio of the norms.
static void gan__lamb_task(void *arg, int64_t index)
{
    const gan__update *u = (const gan__update *)arg;
    const int64_t at = index * GAN__GRAIN;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, (size_t)GAN__LEAST(GAN__GRAIN, u->n - at)); q.n; gan__piece_next(&q)) {
        gan__lamb_direction(&q);
        for (i = 0; i < GAN__PIECE; ++i) q.w[i] -= u->args.lr * q.r[i];
    }
}

static void gan__optim_optimistic_sgd(const gan__update *u, int64_t at, size_t n)
{
    const gan_real lr = u->args.lr;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q))
        for (i = 0; i < GAN__PIECE; ++i) {
            q.w[i] -= lr * (2 * q.d[i] - q.x[i]);
            q.x[i] = q.d[i];
        }
}

static void gan__optim_optimistic_adam(const gan__update *u, int64_t at, size_t n)
{
    const gan_real root = (gan_real)(1 / sqrt((double)u->args.bias2)), bias1 = u->args.bias1;
    const gan_real lr = u->args.lr, eps = u->args.eps;
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q)) {
        gan__piece_moments(&q);
        gan__piece_root(&q);
        for (i = 0; i < GAN__PIECE; ++i) {
            const gan_real move = q.x[i] / bias1 / (q.r[i] * root + eps);
            q.w[i] -= lr * (2 * move - q.z[i]);
            q.z[i] = move;
        }
    }
}

// lr is a_k, x the best weights, which were put there before.
static void gan__optim_subgradient(const gan__update *u, int64_t at, size_t n)
{
    gan__piece q;
    size_t i;
    for (gan__piece_begin(&q, u, at, n); q.n; gan__piece_next(&q))
        for (i = 0; i < GAN__PIECE; ++i) q.w[i] -= u->args.lr * q.d[i];
}

typedef struct gan__optim_row {
    const char *name;
    int states;
    void (*update)(const gan__update *u, int64_t at, size_t n);
} gan__optim_row;

static const gan__optim_row gan__optimizers[] = {
#define GAN__ROW(id, name, states) {#name, states, gan__optim_##name},
    GAN_OPTIMIZERS(GAN__ROW)
#undef GAN__ROW
};

GAN_API const char *gan_optimizer_name(gan_optimizer_kind kind)
{
    return (int)kind >= 0 && kind < GAN_OPTIMIZER_COUNT ? gan__optimizers[kind].name : "unknown";
}

// The constructors

static gan_optimizer_desc gan__optimizer(gan_optimizer_kind kind, gan_real lr)
{
    gan_optimizer_desc d;
    memset(&d, 0, sizeof d);
    d.kind = kind;
    d.lr = lr;
    d.eps = (gan_real)1e-8;
    return d;
}

static gan_optimizer_desc gan__optimizer_betas(gan_optimizer_kind kind, gan_real lr, gan_real beta1,
                                               gan_real beta2)
{
    gan_optimizer_desc d = gan__optimizer(kind, lr);
    d.beta1 = beta1;
    d.beta2 = beta2;
    return d;
}

GAN_API gan_optimizer_desc gan_sgd(gan_real lr, gan_real momentum)
{
    gan_optimizer_desc d = gan__optimizer(GAN_OPTIMIZER_SGD, lr);
    d.momentum = momentum;
    return d;
}

GAN_API gan_optimizer_desc gan_rmsprop(gan_real lr)
{
    gan_optimizer_desc d = gan__optimizer(GAN_OPTIMIZER_RMSPROP, lr);
    d.alpha = (gan_real)0.99;
    return d;
}

GAN_API gan_optimizer_desc gan_adam(gan_real lr, gan_real beta1, gan_real beta2)
{
    return gan__optimizer_betas(GAN_OPTIMIZER_ADAM, lr, beta1, beta2);
}

GAN_API gan_optimizer_desc gan_adamw(gan_real lr, gan_real beta1, gan_real beta2, gan_real decay)
{
    gan_optimizer_desc d = gan__optimizer_betas(GAN_OPTIMIZER_ADAMW, lr, beta1, beta2);
    d.weight_decay = decay;
    return d;
}

GAN_API gan_optimizer_desc gan_adagrad(gan_real lr)
{
    gan_optimizer_desc d = gan__optimizer(GAN_OPTIMIZER_ADAGRAD, lr);
    d.eps = (gan_real)1e-10;
    return d;
}

GAN_API gan_optimizer_desc gan_adadelta(gan_real lr)
{
    gan_optimizer_desc d = gan__optimizer(GAN_OPTIMIZER_ADADELTA, lr);
    d.alpha = (gan_real)0.9;
    d.eps = (gan_real)1e-6;
    return d;
}

GAN_API gan_optimizer_desc gan_amsgrad(gan_real lr, gan_real beta1, gan_real beta2)
{
    return gan__optimizer_betas(GAN_OPTIMIZER_AMSGRAD, lr, beta1, beta2);
}

GAN_API gan_optimizer_desc gan_adamax(gan_real lr, gan_real beta1, gan_real beta2)
{
    return gan__optimizer_betas(GAN_OPTIMIZER_ADAMAX, lr, beta1, beta2);
}

GAN_API gan_optimizer_desc gan_nadam(gan_real lr, gan_real beta1, gan_real beta2)
{
    gan_optimizer_desc d = gan__optimizer_betas(GAN_OPTIMIZER_NADAM, lr, beta1, beta2);
    d.momentum_decay = (gan_real)0.004;
    return d;
}

GAN_API gan_optimizer_desc gan_radam(gan_real lr, gan_real beta1, gan_real beta2)
{
    return gan__optimizer_betas(GAN_OPTIMIZER_RADAM, lr, beta1, beta2);
}

GAN_API gan_optimizer_desc gan_adabelief(gan_real lr, gan_real beta1, gan_real beta2)
{
    gan_optimizer_desc d = gan__optimizer_betas(GAN_OPTIMIZER_ADABELIEF, lr, beta1, beta2);
    d.eps = (gan_real)1e-16;
    return d;
}

GAN_API gan_optimizer_desc gan_yogi(gan_real lr, gan_real beta1, gan_real beta2)
{
    gan_optimizer_desc d = gan__optimizer_betas(GAN_OPTIMIZER_YOGI, lr, beta1, beta2);
    d.eps = (gan_real)1e-3;
    d.initial = (gan_real)1e-6;
    return d;
}

GAN_API gan_optimizer_desc gan_lion(gan_real lr, gan_real beta1, gan_real beta2, gan_real decay)
{
    gan_optimizer_desc d = gan__optimizer_betas(GAN_OPTIMIZER_LION, lr, beta1, beta2);
    d.weight_decay = decay;
    return d;
}

GAN_API gan_optimizer_desc gan_lamb(gan_real lr, gan_real beta1, gan_real beta2, gan_real decay)
{
    gan_optimizer_desc d = gan__optimizer_betas(GAN_OPTIMIZER_LAMB, lr, beta1, beta2);
    d.weight_decay = decay;
    d.eps = (gan_real)1e-6;
    return d;
}

GAN_API gan_optimizer_desc gan_optimistic_sgd(gan_real lr)
{
    return gan__optimizer(GAN_OPTIMIZER_OPTIMISTIC_SGD, lr);
}

GAN_API gan_optimizer_desc gan_optimistic_adam(gan_real lr, gan_real beta1, gan_real beta2)
{
    return gan__optimizer_betas(GAN_OPTIMIZER_OPTIMISTIC_ADAM, lr, beta1, beta2);
}

GAN_API gan_optimizer_desc gan_subgradient(gan_real lr, gan_step_rule rule)
{
    gan_optimizer_desc d = gan__optimizer(GAN_OPTIMIZER_SUBGRADIENT, lr);
    d.step_rule = rule;
    return d;
}

// Hyperparameters

typedef struct gan__hyper_row {
    const char *name;
    size_t at;
    double least, below;
} gan__hyper_row;

static const gan__hyper_row gan__hypers[] = {
#define GAN__ROW(id, name, least, below) {#name, offsetof(gan_optimizer_desc, name), least, below},
    GAN_HYPERS(GAN__ROW)
#undef GAN__ROW
};

static gan_real gan__hyper_value(const gan_optimizer_desc *d, int what)
{
    gan_real v;
    memcpy(&v, (const char *)d + gan__hypers[what].at, sizeof v);
    return v;
}

// Says what is wrong with a description, if anything is. 1 on error.
static int gan__optimizer_check(const gan_model *m, const gan_optimizer_desc *d)
{
    int i;
    if ((int)d->kind < 0 || d->kind >= GAN_OPTIMIZER_COUNT || (int)d->step_rule < 0 ||
        d->step_rule >= GAN_STEP_COUNT) {
        gan__fail(m->ctx, GAN_ERROR_ARGUMENT,
                  "optimizer of %s: kind %d, step rule %d; start from gan_adam, gan_sgd or another of these",
                  m->name, (int)d->kind, (int)d->step_rule);
        return 1;
    }
    for (i = 0; i < (int)GAN_HYPER_COUNT; ++i) {
        const gan__hyper_row *h = &gan__hypers[i];
        const double v = (double)gan__hyper_value(d, i);
        if (v >= h->least && v < h->below) continue;
        gan__fail(m->ctx, GAN_ERROR_ARGUMENT,
                  "optimizer of %s: %s is %f; rates must not be negative, decays lie in [0, 1)", m->name,
                  h->name, v);
        return 1;
    }
    if (d->kind != GAN_OPTIMIZER_SUBGRADIENT || d->weight_decay == 0) return 0;
    gan__fail(m->ctx, GAN_ERROR_ARGUMENT,
              "optimizer of %s: the subgradient method has no weight decay; add the term to the loss",
              m->name);
    return 1;
}

// "word." for the first, "word2." and so on for the others.
static void gan__numbered(char *to, const char *word, int number)
{
    char digits[12];
    int n = 0;
    while (*word) *to++ = *word++;
    for (; number > 0; number /= 10) digits[n++] = (char)('0' + number % 10);
    if (n > 1 || digits[0] != '1')
        while (n) *to++ = digits[--n];
    *to++ = '.';
    *to = 0;
}

GAN_API gan_optimizer *gan_optimizer_create(gan_model *m, gan_optimizer_desc desc)
{
    static const int opens = GAN__SLOT_STATES - GAN__SLOT_SUM, losses = 2;
    gan_optimizer *o;
    if (!m || gan__optimizer_check(m, &desc)) return NULL;
    o = (gan_optimizer *)gan__persist(m->ctx, sizeof *o);
    if (!o) return NULL;
    o->model = m;
    o->desc = desc;
    gan__numbered(o->prefix, "optimizer", ++m->optimizers);
    if (!gan__state_over(m->ctx, gan__name(m->ctx, o->prefix, m->name, ".step"), GAN__STATE_I64, 0, NULL,
                         &o->step) ||
        !gan__state_over(m->ctx, gan__name(m->ctx, o->prefix, m->name, ".open"), GAN__STATE_I64, 1, &opens,
                         o->open))
        return NULL;
    if (desc.kind != GAN_OPTIMIZER_SUBGRADIENT) return o;
    o->best =
        gan__state_add(m->ctx, gan__name(m->ctx, o->prefix, m->name, ".best"), GAN__STATE_REAL, 1, &losses);
    return o->best ? o : NULL;
}

GAN_API void gan_optimizer_set(gan_optimizer *o, gan_hyper what, gan_real value)
{
    gan_optimizer_desc d;
    if (!o) return;
    if ((int)what < 0 || what >= GAN_HYPER_COUNT) {
        gan__fail(o->model->ctx, GAN_ERROR_ARGUMENT,
                  "gan_optimizer_set: hyperparameter %d is unknown; take one of the gan_hyper enumeration",
                  (int)what);
        return;
    }
    d = o->desc;
    memcpy((char *)&d + gan__hypers[what].at, &value, sizeof value);
    if (!gan__optimizer_check(o->model, &d)) o->desc = d;
}

GAN_API gan_real gan_optimizer_get(const gan_optimizer *o, gan_hyper what)
{
    return o && (int)what >= 0 && what < GAN_HYPER_COUNT ? gan__hyper_value(&o->desc, (int)what) : 0;
}

GAN_API void gan_optimizer_lr(gan_optimizer *o, gan_real lr) { gan_optimizer_set(o, GAN_HYPER_LR, lr); }

GAN_API gan_real gan_optimizer_norm(const gan_optimizer *o) { return o ? o->norm : 0; }

// Slots

static int gan__slot_active(const gan__slot *s) { return s->param->trainable && !s->param->frozen; }

// State array i of a slot, made where it is not there: the weights where it remembers such, else zeros. 1: no
// memory.
static int gan__slot_state(const gan_optimizer *o, gan__slot *s, int i)
{
    static const char *const part[GAN__SLOT_STATES] = {".0", ".1", ".2", ".sum", ".from", ".slow"};
    const int weights = i > GAN__SLOT_SUM || (i == 0 && o->desc.kind == GAN_OPTIMIZER_SUBGRADIENT);
    gan_context *ctx = o->model->ctx;
    const gan_tensor *p = s->param->tensor;
    const char *name;
    if (s->state[i]) return 0;
    name = gan__name(ctx, o->prefix, s->param->state->name, part[i]);
    s->state[i] = name ? gan__state_find(ctx, name) : NULL; // there after a failure half way
    if (s->state[i]) return 0;
    s->state[i] = gan__state_add(ctx, name, GAN__STATE_REAL, p->ndim, p->dim);
    if (!s->state[i]) return 1;
    if (weights && !s->state[i]->loaded) memcpy(s->state[i]->data, p->data, p->size * sizeof *p->data);
    return 0;
}

// Slots for the parameters that appeared since last time, with their state arrays. 1: no memory.
static int gan__optimizer_catch_up(gan_optimizer *o)
{
    gan_context *ctx = o->model->ctx;
    gan__param *p = o->slots_end ? o->slots_end->param->next : o->model->params;
    const gan__slot *t;
    size_t largest = 0;
    int i, old = o->count;
    for (; p; p = p->next) {
        gan__slot *s = (gan__slot *)gan__persist(ctx, sizeof *s);
        if (!s) return 1;
        s->param = p;
        for (i = 0; i < gan__optimizers[o->desc.kind].states && p->trainable; ++i)
            if (gan__slot_state(o, s, i)) return 1;
        if (o->slots_end) o->slots_end->next = s;
        else o->slots = s;
        o->slots_end = s;
        o->count++;
    }
    if (o->count == old && o->want) return 0;
    o->want = (gan_tensor **)gan__persist(ctx, (size_t)o->count * sizeof *o->want);
    if (!o->want || o->desc.kind != GAN_OPTIMIZER_LAMB) return !o->want;
    for (t = o->slots; t; t = t->next) largest = GAN__MOST(largest, t->param->tensor->size);
    o->room = (double *)gan__persist(ctx, 2 * (largest / (size_t)GAN__GRAIN + 1) * sizeof *o->room);
    return !o->room;
}

// Makes ready what an update writes to, state array `also` (or 0) included, and fills o->want; how many that
// are, or -1 on an error.
static int gan__gather(gan_optimizer *o, int also)
{
    gan_context *ctx = o->model->ctx;
    gan__slot *s;
    int i, n = 0;
    if (gan__optimizer_catch_up(o) || (o->best && gan__state_own(ctx, o->best))) return -1;
    for (s = o->slots; s; s = s->next) {
        if (!gan__slot_active(s)) continue;
        for (i = GAN__SLOT_SUM; i < GAN__SLOT_STATES; ++i)
            if ((o->open[i - GAN__SLOT_SUM] || i == also) && gan__slot_state(o, s, i)) return -1;
        for (i = 0; i < GAN__SLOT_STATES; ++i)
            if (s->state[i] && gan__state_own(ctx, s->state[i])) return -1;
        if (gan__state_own(ctx, s->param->state)) return -1;
        o->want[n++] = s->param->tensor;
    }
    return n;
}

static void gan__slot_release(gan__slot *s)
{
    if (s->grad && --s->grad->holds == 0) gan__tensor_free(s->grad);
    s->grad = NULL;
}

// y = map(a, b, p, q) of n numbers each, b may be NULL
typedef struct gan__whole {
    const struct gan__kernels *k;
    int map;
    int64_t n;
    gan_real *y;
    const gan_real *a, *b;
    gan_real p, q;
} gan__whole;

static void gan__whole_task(void *arg, int64_t index)
{
    const gan__whole *w = (const gan__whole *)arg;
    const int64_t at = index * GAN__GRAIN;
    gan__isa_map(w->k, w->map, (size_t)GAN__LEAST(GAN__GRAIN, w->n - at), w->y + at, w->a + at, 1,
                 w->b ? w->b + at : NULL, w->b ? 1 : 0, NULL, 0, w->p, w->q);
}

static void gan__whole_map(gan_context *ctx, int map, size_t n, gan_real *y, const gan_real *a,
                           const gan_real *b, gan_real p, gan_real q)
{
    gan__whole w;
    w.k = ctx->k;
    w.map = map;
    w.n = (int64_t)n;
    w.y = y;
    w.a = a;
    w.b = b;
    w.p = p;
    w.q = q;
    gan__par(ctx, (w.n + GAN__GRAIN - 1) / GAN__GRAIN, w.n, gan__whole_task, &w);
}

// The slot's gradient becomes map(it, b, p, q), in memory of its own. 1: there is none.
static int gan__slot_map(gan__slot *s, int map, const gan_real *b, gan_real p, gan_real q)
{
    const gan_tensor *g = s->grad;
    gan_tensor *t = gan__tensor_new(g->ctx, g->ndim, g->dim);
    if (gan__is_poison(t)) return 1;
    gan__whole_map(t->ctx, map, t->size, t->data, g->data, b, p, q);
    gan__slot_release(s);
    s->grad = t;
    t->holds = 1;
    return 0;
}

// The slot's gradient with what was accumulated before. 1: no memory.
static int gan__slot_total(gan__slot *s)
{
    const gan_tensor *p = s->param->tensor;
    const gan_real *sum = (const gan_real *)s->state[GAN__SLOT_SUM]->data;
    if (s->grad) return gan__slot_map(s, GAN__MAP_add, sum, 0, 0);
    s->grad = gan__tensor_new(p->ctx, p->ndim, p->dim);
    if (gan__is_poison(s->grad)) {
        s->grad = NULL;
        return 1;
    }
    memcpy(s->grad->data, sum, p->size * sizeof *sum);
    s->grad->holds = 1;
    return 0;
}

static void gan__update_task(void *arg, int64_t index)
{
    const gan__update *u = (const gan__update *)arg;
    const int64_t at = index * GAN__GRAIN;
    gan__optimizers[u->desc->kind].update(u, at, (size_t)GAN__LEAST(GAN__GRAIN, u->n - at));
}

typedef struct gan__norm_squares {
    const struct gan__kernels *k;
    const gan_real *g;
    gan_real *sum;
    int64_t n;
} gan__norm_squares;

static void gan__squares_task(void *arg, int64_t index)
{
    const gan__norm_squares *s = (const gan__norm_squares *)arg;
    const int64_t at = index * GAN__GRAIN;
    s->sum[index] = s->k->sumsq((size_t)GAN__LEAST(GAN__GRAIN, s->n - at), s->g + at);
}

// The sum of squares of t, in double where float overflows; a NaN or infinity only when t holds one.
// Negative: no memory.
static double gan__sum_of_squares(const gan_tensor *t)
{
    gan__norm_squares s;
    const int64_t tasks = ((int64_t)t->size + GAN__GRAIN - 1) / GAN__GRAIN;
    double sum = 0;
    int64_t i;
    s.k = t->ctx->k;
    s.g = t->data;
    s.n = (int64_t)t->size;
    s.sum = (gan_real *)gan__scratch(t->ctx, (size_t)tasks * sizeof *s.sum);
    if (!s.sum) return -1;
    gan__par(t->ctx, tasks, s.n, gan__squares_task, &s);
    for (i = 0; i < tasks; ++i) sum += (double)s.sum[i];
    gan__scratch_free(t->ctx, s.sum);
    if (gan__is_finite((gan_real)sum)) return sum;
    for (sum = 0, i = 0; i < (int64_t)t->size; ++i) sum += (double)t->data[i] * (double)t->data[i];
    return sum;
}

// Names the first tensor of the step that held a NaN or infinity.
static void gan__blame_tensor(gan_context *ctx, const gan_tensor *first, const char *model)
{
    if (first->op == GAN_OP_NONE)
        gan__fail(ctx, GAN_ERROR_NONFINITE,
                  "NaN or infinity in an input of shape %t of the step of %s: no weight was changed; check "
                  "the data",
                  first, model);
    else
        gan__fail(ctx, GAN_ERROR_NONFINITE,
                  "NaN or infinity first made by %o, shape %t, in the step of %s: no weight was changed; "
                  "lower the learning rate",
                  first->op, first, model);
}

// Names where it began: a parameter, the tape, else the first backward that made one.
static void gan__blame(const gan_optimizer *o, int n, const gan__trace *trace)
{
    gan_context *ctx = o->model->ctx;
    int i;
    for (i = 0; i < n; ++i)
        if (!gan__all_finite(o->want[i])) {
            gan__fail(ctx, GAN_ERROR_NONFINITE,
                      "NaN or infinity in a parameter of %s, shape %t: no update was made; load a checkpoint",
                      o->model->name, o->want[i]);
            return;
        }
    if (trace->made) {
        gan__blame_tensor(ctx, &trace->tensor, o->model->name);
        return;
    }
    gan__fail(ctx, GAN_ERROR_NONFINITE,
              "NaN or infinity first made by %s%o, in the step of %s: no weight was changed; lower the "
              "learning rate",
              trace->op != GAN_OP_NONE ? "the backward of " : "the sum of gradients in ", trace->op,
              o->model->name);
}

// a_k of the subgradient method, the k-th step
static double gan__step_size(const gan_optimizer *o)
{
    const double lr = (double)o->desc.lr;
    if (o->desc.step_rule == GAN_STEP_ROOT) return lr / sqrt((double)o->step);
    if (o->desc.step_rule == GAN_STEP_LENGTH) return o->length > 0 ? lr / (double)o->length : 0;
    return lr;
}

static void gan__update_slot(gan_optimizer *o, const gan__slot *s)
{
    gan_context *ctx = o->model->ctx;
    const gan_optimizer_desc *d = &o->desc;
    gan__update u;
    int64_t i, tasks;
    double w = 0, move = 0;
    memset(&u, 0, sizeof u);
    u.ctx = ctx;
    u.desc = d;
    u.p = s->param->tensor->data;
    u.g = s->grad->data;
    for (i = 0; i < gan__optimizers[d->kind].states; ++i) u.state[i] = (gan_real *)s->state[i]->data;
    u.n = (int64_t)s->grad->size;
    u.room = o->room;
    u.args.lr = d->kind == GAN_OPTIMIZER_SUBGRADIENT ? (gan_real)gan__step_size(o) : d->lr;
    u.args.momentum = d->momentum;
    u.args.dampening = d->dampening;
    u.args.weight_decay = o->decay;
    u.args.decoupled = d->kind == GAN_OPTIMIZER_ADAMW || d->kind == GAN_OPTIMIZER_LION;
    u.args.nesterov = d->nesterov ? 1 : 0;
    u.args.beta1 = d->beta1;
    u.args.beta2 = d->beta2;
    u.args.eps = d->eps;
    u.args.alpha = d->alpha;
    u.args.scale = o->scale;
    u.args.step = o->step;
    u.args.bias1 = (gan_real)(1 - pow((double)d->beta1, (double)o->step));
    u.args.bias2 = (gan_real)(1 - pow((double)d->beta2, (double)o->step));
    tasks = (u.n + GAN__GRAIN - 1) / GAN__GRAIN;
    gan__par(ctx, tasks, u.n, gan__update_task, &u);
    if (d->kind != GAN_OPTIMIZER_LAMB) return;
    for (i = 0; i < tasks; ++i) w += u.room[2 * i], move += u.room[2 * i + 1];
    if (w > 0 && move > 0 && gan__is_finite((gan_real)sqrt(w / move))) u.args.lr *= (gan_real)sqrt(w / move);
    gan__par(ctx, tasks, u.n, gan__lamb_task, &u);
}

typedef enum gan__move { GAN__MINIMIZE, GAN__ACCUMULATE, GAN__EXTRAPOLATE } gan__move;
static const char *const gan__move_names[] = {"gan_minimize", "gan_accumulate", "gan_extrapolate"};
static const int gan__move_opens[] = {0, GAN__SLOT_SUM, GAN__SLOT_FROM}; // the state arrays that they fill

// The gradients of the loss by the n tensors of o->want, into the slots. 1 on error.
static int gan__gradients(gan_optimizer *o, gan_tensor *loss, int n, gan__pass pass, gan__move move,
                          gan__trace *trace)
{
    const gan_tensor *first;
    gan__slot *s;
    int found = GAN__OPEN(o, SUM) != 0;
    memset(trace, 0, sizeof *trace);
    if (!gan__is_finite(loss->data[0])) {
        first = gan__first_bad(loss);
        trace->made = first != NULL;
        if (first) trace->tensor = *first;
        gan__blame(o, n, trace);
        return 1;
    }
    if (gan__backward(loss, n, o->want, pass, trace)) return 1;
    for (s = o->slots; s; s = s->next) {
        s->grad = s->param->tensor->grad;
        s->param->tensor->grad = NULL;
        found |= s->grad != NULL;
    }
    if (!found)
        gan__fail(o->model->ctx, GAN_ERROR_STATE,
                  "%s: the loss does not depend on any parameter of %s that is not frozen; is recording off "
                  "(gan_record), the input detached, or the optimizer another model's?",
                  gan__move_names[move], o->model->name);
    return !found;
}

// The Euclidean norm of all gradients, by which they are checked. Negative: an error, said here.
static double gan__gradients_norm(const gan_optimizer *o, int n, const gan__trace *trace)
{
    const gan__slot *s;
    double squares = 0, part;
    for (s = o->slots; s; s = s->next) {
        part = s->grad ? gan__sum_of_squares(s->grad) : 0;
        if (part < 0) return -1;
        squares += part;
    }
    squares = sqrt(squares);
    if (gan__is_finite((gan_real)squares)) return squares;
    gan__blame(o, n, trace);
    return -1;
}

// What was accumulated is added, the norm taken and checked, the clipping made ready: then an update may
// follow. 1 on error.
static int gan__gradients_finish(gan_optimizer *o, int n, const gan__trace *trace, gan__move move)
{
    const gan_optimizer_desc *d = &o->desc;
    const int coupled =
        d->kind != GAN_OPTIMIZER_ADAMW && d->kind != GAN_OPTIMIZER_LION && d->kind != GAN_OPTIMIZER_LAMB;
    gan__slot *s;
    double norm;
    norm = gan__gradients_norm(o, n, trace);
    if (norm >= 0 && move != GAN__ACCUMULATE && GAN__OPEN(o, SUM)) {
        for (s = o->slots; s; s = s->next)
            if (gan__slot_active(s) && gan__slot_total(s)) return 1;
        norm = gan__gradients_norm(o, n, trace);
    }
    if (norm < 0) return 1;
    o->norm = (gan_real)norm;
    if (move == GAN__ACCUMULATE) return 0;
    if (d->clip_value > 0) {
        for (s = o->slots; s; s = s->next)
            if (s->grad && gan__slot_map(s, GAN__MAP_clamp, NULL, -d->clip_value, d->clip_value)) return 1;
        norm = gan__gradients_norm(o, n, trace);
    }
    o->scale = 1;
    if (d->clip_norm > 0 && norm + 1e-6 > (double)d->clip_norm)
        o->scale = (gan_real)((double)d->clip_norm / (norm + 1e-6));
    o->length = (gan_real)(norm * (double)o->scale);
    o->decay = d->kind == GAN_OPTIMIZER_LAMB ? 0 : d->weight_decay;
    if (move == GAN__EXTRAPOLATE || !GAN__OPEN(o, FROM) || !coupled || o->decay == 0) return 0;
    for (s = o->slots; s;
         s = s->next) // L2 decay is part of the gradient: of the weights where that was found
        if (s->grad && (gan__slot_map(s, GAN__MAP_affine, NULL, o->scale, 0) ||
                        gan__slot_map(s, GAN__MAP_axpy, s->param->tensor->data, o->decay, 0)))
            return 1;
    o->scale = 1;
    o->decay = 0;
    return 0;
}

// A loss at the weights as they are: they are the best of the subgradient method, or they are not.
static void gan__keep_best(gan_optimizer *o, gan_real value)
{
    gan_real *best = o->best ? (gan_real *)o->best->data : NULL;
    gan__slot *s;
    if (!best) return;
    value += best[1];
    best[1] = 0;
    if (o->step && !(value < best[0])) return;
    best[0] = value;
    for (s = o->slots; s; s = s->next)
        if (gan__slot_active(s))
            memcpy(s->state[0]->data, s->param->tensor->data, s->param->tensor->size * sizeof(gan_real));
}

// The update by the gradients in the slots.
static void gan__update_all(gan_optimizer *o, gan_real value, int extrapolate)
{
    const int back = GAN__OPEN(o, FROM) && !extrapolate, begin = extrapolate && !GAN__OPEN(o, FROM);
    gan__slot *s;
    gan__keep_best(o, value);
    o->step++;
    o->model->ctx->weights++;
    for (s = o->slots; s; s = s->next) {
        gan_tensor *p = s->param->tensor;
        if (!gan__slot_active(s)) continue;
        if (begin) memcpy(s->state[GAN__SLOT_FROM]->data, p->data, p->size * sizeof *p->data);
        if (back) memcpy(p->data, s->state[GAN__SLOT_FROM]->data, p->size * sizeof *p->data);
        if (s->grad) gan__update_slot(o, s);
        gan__slot_release(s);
    }
    GAN__OPEN(o, SUM) = 0;
    GAN__OPEN(o, FROM) = extrapolate;
}

// The gradients in the slots are added to what was accumulated.
static void gan__accumulate_all(gan_optimizer *o, gan_real value)
{
    const int first = !GAN__OPEN(o, SUM);
    gan__slot *s;
    for (s = o->slots; s; s = s->next) {
        const size_t n = s->param->tensor->size;
        gan_real *sum;
        if (!gan__slot_active(s)) continue;
        sum = (gan_real *)s->state[GAN__SLOT_SUM]->data;
        if (first && s->grad) memcpy(sum, s->grad->data, n * sizeof *sum);
        else if (first) memset(sum, 0, n * sizeof *sum);
        else if (s->grad) gan__whole_map(o->model->ctx, GAN__MAP_add, n, sum, sum, s->grad->data, 0, 0);
        gan__slot_release(s);
    }
    if (o->best) ((gan_real *)o->best->data)[1] += value;
    GAN__OPEN(o, SUM)++;
}

// Gradients, their check, the update: everything but the end of the step. The tape is spent where nobody can
// look at it any more.
static void gan__minimize(gan_optimizer *o, gan_tensor *loss, gan__move move, int spend)
{
    const gan_real value = loss->data[0];
    const int n = gan__gather(o, gan__move_opens[move]);
    gan__trace trace;
    if (n < 0) return;
    if (!o->count)
        gan__fail(o->model->ctx, GAN_ERROR_STATE, "%s: %s has no parameters yet; run gan_forward on it first",
                  gan__move_names[move], o->model->name);
    if (!n) return; // all are frozen: nothing to do
    if (gan__gradients(o, loss, n, spend ? GAN__PASS_SPEND : GAN__PASS_PLAIN, move, &trace)) return;
    if (gan__gradients_finish(o, n, &trace, move)) return;
    if (move == GAN__ACCUMULATE) gan__accumulate_all(o, value);
    else gan__update_all(o, value, move == GAN__EXTRAPOLATE);
}

// Whether the loss is one number; if not, says so.
static int gan__loss_good(gan_context *ctx, gan_tensor *loss, gan__move move)
{
    gan_tensor *bad;
    if (!loss) gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: the loss is NULL", gan__move_names[move]);
    else if (loss->ctx != ctx)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: the loss belongs to another context", gan__move_names[move]);
    if (!loss || loss->ctx != ctx || !gan__inputs(GAN_OP_NONE, 1, &loss, &bad)) return 0;
    if (loss->size == 1) return 1;
    gan__fail(ctx, GAN_ERROR_SHAPE, "%s: the loss has shape %t; reduce it to one value (gan_mean_all)",
              gan__move_names[move], loss);
    return 0;
}

// The value of the loss, after the update (or what `move` asks for) where that is possible.
static gan_real gan__move_checked(gan_optimizer *o, gan_tensor *loss, gan__move move, int spend)
{
    gan_context *ctx = o->model->ctx;
    gan_real value;
    if (!gan__loss_good(ctx, loss, move)) return 0;
    value = loss->data[0];
    if (!ctx->error) gan__minimize(o, loss, move, spend);
    return value;
}

static gan_real gan__minimize_checked(gan_optimizer *o, gan_tensor *loss, int spend)
{
    return gan__move_checked(o, loss, GAN__MINIMIZE, spend);
}

static gan_real gan__move_step(gan_optimizer *o, gan_tensor *loss, gan__move move)
{
    gan_context *ctx;
    gan_real value;
    if (!o) return 0;
    ctx = o->model->ctx;
    value = gan__move_checked(o, loss, move, !ctx->depth);
    if (!ctx->depth) gan__step_release(ctx);
    return value;
}

GAN_API gan_real gan_minimize(gan_optimizer *o, gan_tensor *loss)
{
    return gan__move_step(o, loss, GAN__MINIMIZE);
}

GAN_API gan_real gan_accumulate(gan_optimizer *o, gan_tensor *loss)
{
    return gan__move_step(o, loss, GAN__ACCUMULATE);
}

GAN_API gan_real gan_extrapolate(gan_optimizer *o, gan_tensor *loss)
{
    return gan__move_step(o, loss, GAN__EXTRAPOLATE);
}

GAN_API void gan_lookahead(gan_optimizer *o, gan_real alpha)
{
    gan_context *ctx = o ? o->model->ctx : NULL;
    gan__slot *s;
    int known;
    if (!o || ctx->error) return;
    if (!(alpha >= 0 && alpha <= 1)) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_lookahead: alpha is %f; it lies in [0, 1]", (double)alpha);
        return;
    }
    if (GAN__OPEN(o, FROM)) {
        gan__fail(ctx, GAN_ERROR_STATE,
                  "gan_lookahead: the weights of %s are extrapolated; call gan_minimize before",
                  o->model->name);
        return;
    }
    if (gan__gather(o, GAN__SLOT_SLOW) < 0) return;
    known = GAN__OPEN(o, SLOW) != 0;
    ctx->weights++;
    for (s = o->slots; s; s = s->next) {
        gan_tensor *p = s->param->tensor;
        gan_real *slow;
        if (!gan__slot_active(s)) continue;
        slow = (gan_real *)s->state[GAN__SLOT_SLOW]->data;
        if (known) {
            ctx->k->ema(p->size, slow, p->data, 1 - alpha);
            memcpy(p->data, slow, p->size * sizeof *slow);
        } else {
            memcpy(slow, p->data, p->size * sizeof *slow);
        }
    }
    GAN__OPEN(o, SLOW) = o->count > 0;
}

GAN_API gan_real gan_optimizer_best(gan_optimizer *o)
{
    gan_context *ctx = o ? o->model->ctx : NULL;
    gan__slot *s;
    if (!o || ctx->error) return 0;
    if (!o->best || !o->step) {
        gan__fail(ctx, GAN_ERROR_STATE, "gan_optimizer_best: %s",
                  o->best ? "no step was made yet" : "only the subgradient method keeps the best weights");
        return 0;
    }
    if (gan__gather(o, 0) < 0) return 0;
    ctx->weights++;
    for (s = o->slots; s; s = s->next)
        if (gan__slot_active(s))
            memcpy(s->param->tensor->data, s->state[0]->data, s->param->tensor->size * sizeof(gan_real));
    return ((const gan_real *)o->best->data)[0];
}

// >>schedule: numbers that change with the step; uses base; tests/test_schedule.c
//
// A row NAME is gan__schedule_NAME(s, base, t, part): t steps after its start, part of its steps done, 0 .. 1.

static double gan__schedule_or(gan_real value, double otherwise)
{
    return value != 0 ? (double)value : otherwise;
}

static double gan__schedule_every(const gan_schedule *s) { return s->every > 0 ? (double)s->every : 1; }

static double gan__schedule_constant(const gan_schedule *s, double base, double t, double part)
{
    (void)s;
    (void)t;
    (void)part;
    return base;
}

static double gan__schedule_linear(const gan_schedule *s, double base, double t, double part)
{
    (void)t;
    return base + ((double)s->end - base) * part;
}

static double gan__schedule_step(const gan_schedule *s, double base, double t, double part)
{
    (void)part;
    return base * pow(gan__schedule_or(s->factor, .1), floor(t / gan__schedule_every(s)));
}

static double gan__schedule_exponential(const gan_schedule *s, double base, double t, double part)
{
    (void)part;
    return base * pow(gan__schedule_or(s->factor, .1), t / gan__schedule_every(s));
}

static double gan__schedule_cosine(const gan_schedule *s, double base, double t, double part)
{
    const double pi = 3.14159265358979323846, every = (double)s->every;
    if (every > 0) part = fmod(t, every) / every;
    return (double)s->end + (base - (double)s->end) * (1 + cos(pi * part)) / 2;
}

static double gan__schedule_warm_up(const gan_schedule *s, double base, double t, double part)
{
    (void)t;
    const double from = (double)s->factor;
    return base * (from + (1 - from) * part);
}

static double gan__schedule_plateau(const gan_schedule *s, double base, double t, double part)
{
    (void)part;
    const double v = base * pow(gan__schedule_or(s->factor, .2), t), end = (double)s->end;
    return end > 0 && v < end ? end : v;
}

static double gan__schedule_ramp(const gan_schedule *s, double base, double t, double part)
{
    (void)t;
    return base * (2 / (1 + exp(-gan__schedule_or(s->factor, 10) * part)) - 1);
}

typedef struct gan__schedule_row {
    const char *name;
    double (*at)(const gan_schedule *s, double base, double t, double part);
} gan__schedule_row;

static const gan__schedule_row gan__schedules[] = {
#define GAN__ROW(id, name) {#name, gan__schedule_##name},
    GAN_SCHEDULES(GAN__ROW)
#undef GAN__ROW
};

static gan_schedule gan__schedule_new(gan_schedule_kind kind, int64_t start, int64_t steps, int64_t every,
                                      gan_real end, gan_real factor)
{
    gan_schedule s;
    s.kind = kind;
    s.start = start;
    s.steps = steps;
    s.every = every;
    s.end = end;
    s.factor = factor;
    return s;
}

GAN_API gan_schedule gan_schedule_linear(int64_t start, int64_t steps, gan_real end)
{
    return gan__schedule_new(GAN_SCHEDULE_LINEAR, start, steps, 0, end, 0);
}

GAN_API gan_schedule gan_schedule_step(int64_t every, gan_real factor)
{
    return gan__schedule_new(GAN_SCHEDULE_STEP, 0, 0, every, 0, factor);
}

GAN_API gan_schedule gan_schedule_exponential(gan_real factor)
{
    return gan__schedule_new(GAN_SCHEDULE_EXPONENTIAL, 0, 0, 0, 0, factor);
}

GAN_API gan_schedule gan_schedule_cosine(int64_t start, int64_t steps, gan_real end)
{
    return gan__schedule_new(GAN_SCHEDULE_COSINE, start, steps, 0, end, 0);
}

GAN_API gan_schedule gan_schedule_warm_up(int64_t steps)
{
    return gan__schedule_new(GAN_SCHEDULE_WARM_UP, 0, steps, 0, 0, 0);
}

GAN_API gan_schedule gan_schedule_plateau(gan_real factor, int64_t patience)
{
    return gan__schedule_new(GAN_SCHEDULE_PLATEAU, 0, 0, patience, 0, factor);
}

GAN_API gan_schedule gan_schedule_ramp(int64_t steps)
{
    return gan__schedule_new(GAN_SCHEDULE_RAMP, 0, steps, 0, 0, 0);
}

GAN_API gan_real gan_schedule_at(const gan_schedule *s, gan_real base, int64_t step)
{
    double t, part;
    if (!s || (int)s->kind <= 0 || s->kind >= GAN_SCHEDULE_COUNT) return base;
    t = step > s->start ? (double)step - (double)s->start : 0;
    part = s->steps <= 0 ? step >= s->start : t < (double)s->steps ? t / (double)s->steps : 1;
    return (gan_real)gan__schedules[s->kind].at(s, (double)base, t, part);
}

GAN_API const char *gan_schedule_name(gan_schedule_kind kind)
{
    return (int)kind >= 0 && kind < GAN_SCHEDULE_COUNT ? gan__schedules[kind].name : "unknown";
}

GAN_API int64_t gan_plateau_step(gan_plateau *p, const gan_schedule *s, gan_real metric)
{
    const int64_t patience = s && s->every > 0 ? s->every : 5;
    if (!p) return 0;
    if (p->seen++ == 0 || metric < p->best) {
        p->best = metric;
        p->bad = 0;
    } else if (++p->bad > patience) {
        p->bad = 0;
        p->drops++;
    }
    return p->drops;
}

// >>game: updates of several players at once; uses layer, optim; tests/test_game.c
//
// A row NAME is gan__game_NAME, which adds its term to the gradients that stand in the players' slots.

typedef struct gan__game {
    gan_context *ctx;
    double strength;
    int count;         // weights of all players
    gan_tensor **w;    // these
    gan_tensor **xi;   // each one's gradient of its own player's loss, on the tape
    gan_tensor **part; // room for three times as many
    gan_tensor **term; // to be filled: what xi is changed by
} gan__game;

// sum_k <a_k, b_k>
static gan_tensor *gan__game_inner(const gan__game *q, gan_tensor **a, gan_tensor **b)
{
    gan_tensor *sum = NULL;
    int k;
    for (k = 0; k < q->count; ++k) {
        gan_tensor *one = gan_sum_all(gan_mul(a[k], b[k]));
        sum = sum ? gan_add(sum, one) : one;
    }
    return sum;
}

static void gan__game_simultaneous(gan__game *q) { q->count = 0; }

static void gan__game_consensus(gan__game *q)
{
    int k;
    if (gan_grads(gan_mul_scalar(gan__game_inner(q, q->xi, q->xi), (gan_real)0.5), q->count, q->w, q->term,
                  0))
        return;
    for (k = 0; k < q->count; ++k) q->term[k] = gan_mul_scalar(q->term[k], (gan_real)q->strength);
}

// strength A^T xi = strength / 2 (J^T xi - J xi). J^T u is the gradient of <xi, u> by the weights, for any
// constant u; it is linear in u, so J v is that of <J^T u, v> by u. Both with the values of xi for u and v.
// aligned: Balduzzi 2018, algorithm 1.
static void gan__game_adjust(gan__game *q, int aligned)
{
    gan_tensor **const u = q->part, **const v = u + q->count, **const jt = v + q->count;
    double sign = 1;
    int k, was;
    for (k = 0; k < q->count; ++k) {
        u[k] = gan_detach(q->xi[k]);
        v[k] = gan_detach(q->xi[k]);
    }
    if (gan_grads(gan__game_inner(q, q->xi, u), q->count, q->w, jt, GAN_CREATE_GRAPH) ||
        gan_grads(gan__game_inner(q, jt, v), q->count, u, q->term, 0))
        return;
    was = gan_record(q->ctx, 0);
    for (k = 0; k < q->count; ++k) q->term[k] = gan_sub(jt[k], q->term[k]);
    if (aligned) {
        const double slope = (double)gan_item(gan__game_inner(q, v, jt)),
                     turn = (double)gan_item(gan__game_inner(q, q->term, jt)) / 2;
        double size = 0;
        for (k = 0; k < q->count; ++k) size += (double)q->w[k]->size;
        if (slope * turn / size + .1 < 0) sign = -1;
    }
    for (k = 0; k < q->count; ++k)
        q->term[k] = gan_mul_scalar(q->term[k], (gan_real)(sign * q->strength / 2));
    gan_record(q->ctx, was);
}

static void gan__game_symplectic(gan__game *q) { gan__game_adjust(q, 0); }
static void gan__game_symplectic_aligned(gan__game *q) { gan__game_adjust(q, 1); }

typedef struct gan__game_row {
    const char *name;
    void (*term)(gan__game *q);
} gan__game_row;

static const gan__game_row gan__games[] = {
#define GAN__ROW(id, name) {#name, gan__game_##name},
    GAN_GAMES(GAN__ROW)
#undef GAN__ROW
};

GAN_API const char *gan_game_name(gan_game kind)
{
    return (int)kind >= 0 && kind < GAN_GAME_COUNT ? gan__games[kind].name : "unknown";
}

// Whether n players with these optimisers and losses can play; if not, says why.
static int gan__game_good(gan_context *ctx, gan_game kind, gan_real strength, int n, gan_optimizer **o,
                          gan_tensor **loss, gan__move move)
{
    int i, k;
    if ((int)kind < 0 || kind >= GAN_GAME_COUNT || !gan__is_finite(strength)) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "%s_game: kind %d, strength %f; take one of the gan_game enumeration",
                  gan__move_names[move], (int)kind, (double)strength);
        return 0;
    }
    for (i = 0; i < n; ++i) {
        if (!o[i] || o[i]->model->ctx != ctx) {
            gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s_game: optimizer %d is %s", gan__move_names[move], i + 1,
                      o[i] ? "another context's" : "NULL");
            return 0;
        }
        for (k = 0; k < i; ++k)
            if (o[k]->model == o[i]->model) {
                gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s_game: %s is two players", gan__move_names[move],
                          o[i]->model->name);
                return 0;
            }
        if (!gan__loss_good(ctx, loss[i], move)) return 0;
    }
    return !ctx->error;
}

// The gradients with their term, into the slots. n[i] weights of player i. 1 on error.
static int gan__game_gradients(gan__game *q, gan_game kind, int players, const int *n, gan_optimizer **o,
                               gan_tensor **loss, gan__move move, gan__trace *trace)
{
    const gan__pass pass = kind == GAN_GAME_SIMULTANEOUS ? GAN__PASS_PLAIN : GAN__PASS_CREATE;
    const uint64_t failures = q->ctx->failures;
    gan__slot *s;
    int i, k = 0;
    for (i = 0; i < players; ++i) {
        if (n[i] && gan__gradients(o[i], loss[i], n[i], pass, move, &trace[i])) return 1;
        if (pass == GAN__PASS_CREATE && gan__gradients_norm(o[i], n[i], &trace[i]) < 0) return 1;
        for (s = o[i]->slots; s; s = s->next) {
            if (pass == GAN__PASS_PLAIN || !gan__slot_active(s)) continue;
            q->w[k] = s->param->tensor;
            q->xi[k] = s->grad ? s->grad : gan_tensor_create(q->ctx, q->w[k]->ndim, q->w[k]->dim);
            k++;
        }
    }
    gan__games[kind].term(q);
    if (q->ctx->failures != failures) return 1;
    for (i = k = 0; i < players && q->count; ++i)
        for (s = o[i]->slots; s; s = s->next) {
            if (!gan__slot_active(s)) continue;
            if (!s->grad) {
                s->grad = q->xi[k];
                s->grad->holds++;
            }
            if (gan__slot_map(s, GAN__MAP_add, q->term[k++]->data, 0, 0)) return 1;
        }
    return 0;
}

static void gan__game_play(gan_context *ctx, gan_game kind, gan_real strength, int players, gan_optimizer **o,
                           gan_tensor **loss, gan__move move)
{
    const double usual = kind == GAN_GAME_CONSENSUS ? 10 : 1;
    gan_real *value = (gan_real *)gan__scratch(ctx, (size_t)players * sizeof *value);
    gan__trace *trace = (gan__trace *)gan__scratch(ctx, (size_t)players * sizeof *trace);
    int *n = (int *)gan__scratch(ctx, (size_t)players * sizeof *n);
    gan__game q;
    int i, good = value && trace && n;
    memset(&q, 0, sizeof q);
    q.ctx = ctx;
    q.strength = strength != 0 ? (double)strength : usual;
    for (i = 0; i < players && good; ++i) {
        n[i] = gan__gather(o[i], gan__move_opens[move]);
        value[i] = loss[i]->data[0];
        good = n[i] >= 0;
        q.count += n[i];
        if (good && !o[i]->count)
            gan__fail(ctx, GAN_ERROR_STATE, "%s_game: %s has no parameters yet; run gan_forward on it first",
                      gan__move_names[move], o[i]->model->name);
    }
    good = good && !ctx->error && q.count;
    if (good) q.w = (gan_tensor **)gan__scratch(ctx, 6 * (size_t)q.count * sizeof *q.w);
    good = good && q.w;
    if (good) {
        q.xi = q.w + q.count;
        q.term = q.xi + q.count;
        q.part = q.term + q.count;
        good = !gan__game_gradients(&q, kind, players, n, o, loss, move, trace);
    }
    for (i = 0; i < players && good; ++i)
        if (n[i]) good = !gan__gradients_finish(o[i], n[i], &trace[i], move);
    for (i = 0; i < players && good; ++i)
        if (n[i]) gan__update_all(o[i], value[i], move == GAN__EXTRAPOLATE);
}

static void gan__game_step(gan_game kind, gan_real strength, int n, gan_optimizer **o, gan_tensor **loss,
                           gan__move move)
{
    gan_context *ctx = NULL;
    int i, recording;
    for (i = 0; o && i < n && !ctx; ++i) ctx = o[i] ? o[i]->model->ctx : NULL;
    if (!ctx) return;
    if (!loss) gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s_game: the losses are NULL", gan__move_names[move]);
    else if (gan__game_good(ctx, kind, strength, n, o, loss, move)) {
        recording = gan_record(ctx, 1);
        gan_scope_open(ctx);
        gan__game_play(ctx, kind, strength, n, o, loss, move);
        gan_scope_close(ctx);
        gan_record(ctx, recording);
    }
    if (!ctx->depth) gan__step_release(ctx);
}

GAN_API void gan_minimize_game(gan_game kind, gan_real strength, int n, gan_optimizer **o, gan_tensor **loss)
{
    gan__game_step(kind, strength, n, o, loss, GAN__MINIMIZE);
}

GAN_API void gan_extrapolate_game(gan_game kind, gan_real strength, int n, gan_optimizer **o,
                                  gan_tensor **loss)
{
    gan__game_step(kind, strength, n, o, loss, GAN__EXTRAPOLATE);
}

// >>data: files, shuffled datasets, IDX, toy distributions; may use floors 0 to 7; tests/test_data.c

#include <limits.h>
#ifndef GAN_NO_STDIO
#include <errno.h>

// Files. What is written has a temporary name until it is whole; a reader sees the old file or the new one.

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))
#define GAN__DATA_POSIX 1
#include <fcntl.h>
#include <unistd.h>
#if !defined(__cplusplus) && defined(__STRICT_ANSI__)
#ifndef fileno
extern int fileno(FILE *); // -std=c99 hides these two
#endif
#ifndef fsync
extern int fsync(int);
#endif
#endif
#elif defined(_WIN32)
#include <io.h>
#ifdef __cplusplus
extern "C" __declspec(dllimport) int __stdcall MoveFileExA(const char *, const char *, unsigned long);
#else
extern __declspec(dllimport) int __stdcall MoveFileExA(const char *, const char *, unsigned long);
#endif
#endif

typedef struct gan__data_out {
    gan_context *ctx;
    const char *path;
    char *temp;
    FILE *file;
    int failed;
} gan__data_out;

// The file at path, from its start, and its size; NULL when it is missing, a folder or no regular file.
static FILE *gan__data_open(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    long end;
    *size = 0;
    if (!f) return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (end = ftell(f)) >= 0 && end != LONG_MAX &&
        fseek(f, 0, SEEK_SET) == 0) {
        *size = (size_t)end;
        if (end == 0 || (fgetc(f) != EOF && fseek(f, 0, SEEK_SET) == 0)) return f;
    }
    fclose(f);
    return NULL;
}

// path + tail in scratch memory
static char *gan__data_join(gan_context *ctx, const char *path, const char *tail)
{
    size_t a = strlen(path), b = strlen(tail);
    char *s = (char *)gan__scratch(ctx, a + b + 1);
    if (!s) return NULL;
    memcpy(s, path, a);
    memcpy(s + a, tail, b + 1);
    return s;
}

static int gan__data_out_open(gan__data_out *o, gan_context *ctx, const char *path)
{
    char tail[] = ".0123456789abcdef.tmp";
    uint64_t id = (uint64_t)(uintptr_t)ctx;
    int i;
    memset(o, 0, sizeof *o);
    o->ctx = ctx;
    o->path = path;
#ifdef GAN__DATA_POSIX
    id ^= (uint64_t)getpid() << 40;
#endif
    id *= 0x9e3779b97f4a7c15u; // processes and contexts that write the same path keep apart
    for (i = 0; i < 16; ++i) tail[1 + i] = "0123456789abcdef"[id >> (60 - 4 * i) & 15];
    o->temp = gan__data_join(ctx, path, tail);
    if (!o->temp) return GAN_ERROR_MEMORY;
    o->file = fopen(o->temp, "wb");
    if (o->file) return GAN_OK;
    gan__fail(ctx, GAN_ERROR_FILE, "cannot write %s: %s", path, strerror(errno));
    gan__scratch_free(ctx, o->temp);
    return GAN_ERROR_FILE;
}

static void gan__data_out_write(gan__data_out *o, const void *bytes, size_t n)
{
    if (n && !o->failed && fwrite(bytes, 1, n, o->file) != n) o->failed = errno ? errno : -1;
}

#ifdef GAN__DATA_POSIX
static void gan__data_sync_folder(char *path) // cut to its folder
{
    char *slash = strrchr(path, '/');
    int folder;
    if (slash) slash[slash == path] = 0;
    folder = open(slash ? path : ".", O_RDONLY);
    if (folder < 0) return;
    (void)fsync(folder); // some file systems refuse; the rename is done either way
    close(folder);
}
#endif

// Gives the file its name; durable: only when the disk holds it, so that a power cut leaves old or new.
static int gan__data_out_close(gan__data_out *o, int durable)
{
    errno = 0;
    if (fflush(o->file) != 0 && !o->failed) o->failed = errno ? errno : -1;
#if defined(GAN__DATA_POSIX)
    if (durable && !o->failed && fsync(fileno(o->file)) != 0 && errno != EINVAL && errno != EROFS)
        o->failed = errno;
#elif defined(_WIN32)
    if (durable && !o->failed && _commit(_fileno(o->file)) != 0) o->failed = errno ? errno : -1;
#else
    (void)durable;
#endif
    if (fclose(o->file) != 0 && !o->failed) o->failed = errno ? errno : -1;
#ifdef _WIN32
    if (!o->failed && !MoveFileExA(o->temp, o->path, 1 | 8)) o->failed = -1; // replace, write through
#else
    if (!o->failed && rename(o->temp, o->path) != 0) o->failed = errno ? errno : -1;
#endif
    if (o->failed) {
        remove(o->temp);
        gan__fail(o->ctx, GAN_ERROR_FILE, "cannot write %s: %s; what was there is untouched", o->path,
                  o->failed > 0 ? strerror(o->failed) : "writing failed");
    }
#ifdef GAN__DATA_POSIX
    else if (durable)
        gan__data_sync_folder(o->temp);
#endif
    gan__scratch_free(o->ctx, o->temp);
    return o->failed ? GAN_ERROR_FILE : GAN_OK;
}

// -1 .. 1 to 0 .. 255; NaN, found by its bits because -ffast-math hides it, becomes 0
static unsigned char gan__data_pixel(gan_real v)
{
    const double value = (double)v;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u) return 0;
    return (unsigned char)(value <= -1 ? 0 : value >= 1 ? 255 : (int)((value + 1) * 127.5 + .5));
}

static void gan__data_be32(unsigned char *to, uint32_t v)
{
    to[0] = (unsigned char)(v >> 24);
    to[1] = (unsigned char)(v >> 16 & 255);
    to[2] = (unsigned char)(v >> 8 & 255);
    to[3] = (unsigned char)(v & 255);
}

GAN_API int gan_idx_write(gan_tensor *x, const char *path)
{
    gan__data_out out;
    unsigned char head[16], chunk[1024];
    size_t i, n = 0;
    gan_tensor *bad;
    int code;
    if (!gan__inputs(GAN_OP_NONE, 1, &x, &bad)) return gan_error(bad ? bad->ctx : NULL);
    if (!path) {
        gan__fail(x->ctx, GAN_ERROR_ARGUMENT, "gan_idx_write: the path is NULL");
        return GAN_ERROR_ARGUMENT;
    }
    if (x->ndim != 3 && !(x->ndim == 4 && x->dim[1] == 1)) {
        gan__fail(x->ctx, GAN_ERROR_SHAPE, "gan_idx_write takes (N, 1, H, W) or (N, H, W), not %t", x);
        return GAN_ERROR_SHAPE;
    }
    gan__data_be32(head, 0x803);
    gan__data_be32(head + 4, (uint32_t)x->dim[0]);
    gan__data_be32(head + 8, (uint32_t)x->dim[x->ndim - 2]);
    gan__data_be32(head + 12, (uint32_t)x->dim[x->ndim - 1]);
    code = gan__data_out_open(&out, x->ctx, path);
    if (code) return code;
    gan__data_out_write(&out, head, sizeof head);
    for (i = 0; i < x->size; ++i) {
        chunk[n++] = gan__data_pixel(x->data[i]);
        if (n == sizeof chunk || i + 1 == x->size) {
            gan__data_out_write(&out, chunk, n);
            n = 0;
        }
    }
    return gan__data_out_close(&out, 0);
}

#endif // GAN_NO_STDIO

// Datasets. Which samples come next is a function of three numbers that checkpoints hold, so that a resumed
// run is the run. A toy's position is its random counter.

typedef enum gan__data_kind { GAN__DATA_BYTES, GAN__DATA_REALS, GAN__DATA_TOY } gan__data_kind;
enum { GAN__DATA_SEED, GAN__DATA_EPOCH, GAN__DATA_POSITION, GAN__DATA_STATES };

struct gan_dataset {
    gan_context *ctx;
    gan__data_kind kind;
    gan_toy toy;
    int ndim, dim[GAN_MAX_DIMS];              // of a batch; dim[0] is filled in by each
    size_t n, per;                            // samples (0: endless), values of one
    const unsigned char *bytes, *byte_labels; // labels are NULL, or of the same kind as the data
    const gan_real *reals, *real_labels;
    gan_real *level; // of the bytes 0 .. 255: a table is twice as fast as dividing
    gan__state *state;
    char name[32];       // "data.0.position"
    uint32_t *order;     // the samples of the epoch that `shuffled` names
    int64_t shuffled[2]; // seed, epoch
};

static char *gan__data_decimal(char *to, uint64_t v)
{
    char digits[20];
    int n = 0;
    do digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    while (n) *to++ = digits[--n];
    return to;
}

// A dataset of n samples of shape (dim[0], .. dim[ndim - 1]); NULL on an error, which is set.
static gan_dataset *gan__data_new(gan_context *ctx, gan__data_kind kind, int n, int ndim, const int *dim)
{
    gan_dataset *d = (gan_dataset *)gan__persist(ctx, sizeof *d);
    int i;
    if (!d) return NULL;
    d->ctx = ctx;
    d->kind = kind;
    d->n = (size_t)n;
    d->ndim = ndim + 1;
    d->per = 1;
    for (i = 0; i < ndim; ++i) {
        d->dim[i + 1] = dim[i];
        if (dim[i] < 1 || gan__mul_size(d->per, (size_t)dim[i], &d->per)) {
            gan__fail(ctx, GAN_ERROR_SHAPE, "dataset: dimension %d of a sample is %d", i, dim[i]);
            return NULL;
        }
    }
    d->shuffled[GAN__DATA_EPOCH] = -1;
    if (n) {
        d->order = (uint32_t *)gan__persist(ctx, d->n * sizeof *d->order);
        if (!d->order) return NULL;
    }
    return d;
}

// Datasets are numbered in the order of their creation.
static gan_dataset *gan__data_ready(gan_dataset *d)
{
    const int dim = GAN__DATA_STATES;
    memcpy(d->name, "data.", 5);
    memcpy(gan__data_decimal(d->name + 5, (uint64_t)d->ctx->datasets), ".position", 10);
    d->state = gan__state_add(d->ctx, d->name, GAN__STATE_I64, 1, &dim);
    if (!d->state) return NULL;
    d->ctx->datasets++;
    return d;
}

GAN_API gan_dataset *gan_dataset_memory(gan_context *ctx, const gan_real *data, const gan_real *labels, int n,
                                        int ndim, ...)
{
    int i, dim[GAN_MAX_DIMS];
    size_t count, bytes;
    gan_dataset *d;
    gan_real *copy;
    va_list args;
    if (!ctx) return NULL;
    if (!data) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_dataset_memory: the data is NULL");
        return NULL;
    }
    if (n < 1 || ndim < 0 || ndim >= GAN_MAX_DIMS) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "gan_dataset_memory: %d samples (1 or more) of %d dimensions (0 to 7)", n, ndim);
        return NULL;
    }
    va_start(args, ndim);
    for (i = 0; i < ndim; ++i) dim[i] = va_arg(args, int);
    va_end(args);
    d = gan__data_new(ctx, GAN__DATA_REALS, n, ndim, dim);
    if (!d) return NULL;
    if (gan__mul_size(d->per, d->n, &count) || gan__mul_size(count, sizeof *copy, &bytes)) {
        gan__fail(ctx, GAN_ERROR_MEMORY, "gan_dataset_memory: %d samples of %l values are too many", n,
                  (int64_t)d->per);
        return NULL;
    }
    copy = (gan_real *)gan__persist(ctx, bytes);
    if (!copy) return NULL;
    memcpy(copy, data, bytes);
    d->reals = copy;
    if (labels) {
        copy = (gan_real *)gan__persist(ctx, d->n * sizeof *copy);
        if (!copy) return NULL;
        memcpy(copy, labels, d->n * sizeof *copy);
        d->real_labels = copy;
    }
    return gan__data_ready(d);
}

#ifndef GAN_NO_STDIO

static uint32_t gan__data_get_be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// Why a file of `size` bytes that begins so is no IDX file of u8 of that rank; NULL when it is one.
static const char *gan__data_idx_problem(const unsigned char *head, size_t size, int ndim)
{
    if (size >= 2 && head[0] == 0x1f && head[1] == 0x8b) return "is gzip-compressed: gunzip it first";
    if (size >= 2 && head[0] == 'P' && head[1] == 'K') return "is a zip archive: unzip it first";
    if (size == 0) return "is empty: 0 bytes; fetch it again";
    if (size < 4) return "is too short for an IDX file; fetch it again";
    if (head[0] || head[1]) return "is no IDX file: it does not begin with two zero bytes";
    if (head[2] != 8)
        return head[2] >= 9 && head[2] <= 14 && head[2] != 10
                   ? "is an IDX file of another type than unsigned bytes (08): convert it"
                   : "is no IDX file: its element type does not exist";
    if (head[3] == ndim) return NULL;
    if (ndim == 3 && head[3] == 1) return "holds labels (IDX magic 0x801): give the images (0x803)";
    if (ndim == 1 && head[3] == 3) return "holds images (IDX magic 0x803) where labels (0x801) belong";
    return ndim == 3 ? "has the wrong rank: images are 3-dimensional (IDX magic 0x803)"
                     : "has the wrong rank: labels are 1-dimensional (IDX magic 0x801)";
}

// The values of an IDX file of ndim dimensions, in persistent memory. All is checked before it is allocated.
static const unsigned char *gan__data_idx_values(gan_context *ctx, FILE *f, size_t size, const char *path,
                                                 int ndim, int *dim)
{
    unsigned char head[16], *values;
    const size_t header = 4 + 4 * (size_t)ndim, have = size < header ? size : header;
    const char *problem;
    size_t count = 1, need = (size_t)-1;
    int i;
    if (fread(head, 1, have, f) != have) {
        gan__fail(ctx, GAN_ERROR_FILE, "%s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    problem = gan__data_idx_problem(head, size, ndim);
    if (problem) {
        gan__fail(ctx, GAN_ERROR_FORMAT, "%s %s", path, problem);
        return NULL;
    }
    for (i = 0; i < ndim && have == header; ++i) {
        const uint32_t v = gan__data_get_be32(head + 4 + 4 * i);
        if (v == 0) {
            gan__fail(ctx, GAN_ERROR_FORMAT, "%s is empty: its dimension %d is 0", path, i);
            return NULL;
        }
        if (v > (uint32_t)INT_MAX || gan__mul_size(count, v, &count)) {
            gan__fail(ctx, GAN_ERROR_FORMAT, "%s is damaged: its dimension %d, %l, is too large", path, i,
                      (int64_t)v);
            return NULL;
        }
        dim[i] = (int)v;
    }
    if (gan__add_size(header, have == header ? count : 1, &need) || size != need) {
        gan__fail(ctx, GAN_ERROR_FORMAT, "%s is %s: %l bytes found, %l needed; fetch it again", path,
                  size < need ? "short" : "too long", (int64_t)size, (int64_t)need);
        return NULL;
    }
    values = (unsigned char *)gan__persist(ctx, count);
    if (values && fread(values, 1, count, f) != count) {
        gan__fail(ctx, GAN_ERROR_FILE, "%s cannot be read to its end: %s", path, strerror(errno));
        return NULL;
    }
    return values;
}

// The labels beside the images: the same path with labels-idx1 for images-idx3. No such file is no error.
static int gan__data_idx_labels(gan_dataset *d, char *path)
{
    char *at = NULL, *next = path;
    size_t size;
    FILE *f;
    int n = 0;
    while ((next = strstr(next, "images-idx3")) != NULL) at = next++;
    if (!at) return 1;
    memcpy(at, "labels-idx1", 11);
    f = gan__data_open(path, &size);
    if (!f) return 1;
    d->byte_labels = gan__data_idx_values(d->ctx, f, size, path, 1, &n);
    fclose(f);
    if (!d->byte_labels) return 0;
    if ((size_t)n == d->n) return 1;
    gan__fail(d->ctx, GAN_ERROR_FORMAT,
              "%s holds %d labels for %d images: the two files belong to different sets", path, n, (int)d->n);
    return 0;
}

// path: the images, or their folder; file: scratch text with the images' full name
static gan_dataset *gan__data_idx(gan_context *ctx, const char *path, char *file)
{
    int dim[3], chw[3], i;
    const unsigned char *values;
    gan_dataset *d;
    size_t size;
    FILE *f = gan__data_open(file, &size);
    if (!f) { // no folder with images: path itself
        strcpy(file, path);
        f = gan__data_open(file, &size);
    }
    if (!f) {
        strcat(file, "/train-images-idx3-ubyte.gz");
        f = gan__data_open(file, &size);
    }
    if (!f) {
        gan__fail(ctx, GAN_ERROR_FILE,
                  "%s: no IDX images there, and no folder that holds train-images-idx3-ubyte", path);
        return NULL;
    }
    values = gan__data_idx_values(ctx, f, size, file, 3, dim);
    fclose(f);
    if (!values) return NULL;
    chw[0] = 1;
    chw[1] = dim[1];
    chw[2] = dim[2];
    d = gan__data_new(ctx, GAN__DATA_BYTES, dim[0], 3, chw);
    if (!d) return NULL;
    d->bytes = values;
    d->level = (gan_real *)gan__persist(ctx, 256 * sizeof *d->level);
    if (!d->level) return NULL;
    for (i = 0; i < 256; ++i) d->level[i] = (gan_real)(2 * i - 255) / 255;
    return gan__data_idx_labels(d, file) ? gan__data_ready(d) : NULL;
}

GAN_API gan_dataset *gan_dataset_idx(gan_context *ctx, const char *path)
{
    gan_dataset *d;
    char *file;
    if (!ctx) return NULL;
    if (!path) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_dataset_idx: the path is NULL");
        return NULL;
    }
    file = gan__data_join(ctx, path, "/train-images-idx3-ubyte.gz");
    if (!file) return NULL;
    file[strlen(file) - 3] = 0; // .gz is looked for last, for its message
    d = gan__data_idx(ctx, path, file);
    gan__scratch_free(ctx, file);
    return d;
}

#endif // GAN_NO_STDIO

GAN_API gan_dataset *gan_dataset_toy(gan_context *ctx, gan_toy kind)
{
#define GAN__ROW(id, name, dim) dim,
    static const int dims[] = {GAN_TOYS(GAN__ROW) 0};
#undef GAN__ROW
    gan_dataset *d;
    if (!ctx) return NULL;
    if ((int)kind < 0 || kind >= GAN_TOY_COUNT) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_dataset_toy: there is no toy distribution %d", (int)kind);
        return NULL;
    }
    d = gan__data_new(ctx, GAN__DATA_TOY, 0, 1, &dims[kind]);
    if (!d) return NULL;
    d->toy = kind;
    return gan__data_ready(d);
}

// One sample from u ~ U[0, 1) and normals z.
static void gan__data_toy(gan_toy toy, double u, const gan_real *z, gan_real *x)
{
    const double pi = 3.14159265358979323846;
    double a = 0, b = 0, noise = .05, t;
    switch (toy) {
    case GAN_TOY_NORMAL: x[0] = (gan_real)(4 + 1.25 * (double)z[0]); return;
    case GAN_TOY_LINE:
        a = 2 * u - 1;
        x[0] = (gan_real)a;
        x[1] = (gan_real)(2 * a + 1 + noise * (double)z[1]);
        return;
    case GAN_TOY_RING:
        t = pi / 4 * (int)(8 * u);
        a = cos(t);
        b = sin(t);
        noise = .01;
        break;
    case GAN_TOY_GRID:
        a = (int)(25 * u) / 5 * 2 - 4;
        b = (int)(25 * u) % 5 * 2 - 4;
        break;
    case GAN_TOY_MOONS: // the upper half of the circle at (0, 0), the lower half of that at (1, 1/2)
        t = 2 * pi * u;
        a = u < .5 ? cos(t) : 1 + cos(t);
        b = u < .5 ? sin(t) : .5 + sin(t);
        break;
    case GAN_TOY_SWISS_ROLL: // t (cos t, sin t), t from 1.5 pi to 4.5 pi, scaled by the last t
        t = 1.5 * pi * (1 + 2 * u);
        a = t * cos(t) / (4.5 * pi);
        b = t * sin(t) / (4.5 * pi);
        break;
    case GAN_TOY_COUNT: break;
    }
    x[0] = (gan_real)(a + noise * (double)z[0]);
    x[1] = (gan_real)(b + noise * (double)z[1]);
}

static void gan__data_draw(gan_dataset *d, int64_t *s, size_t n, gan_real *x)
{
    enum { CHUNK = 64 };
    gan_real u[CHUNK], z[2 * CHUNK];
    gan__rng rng = gan__rng_stream(d->ctx, d->name);
    size_t i, m;
    rng.counter = (uint64_t)s[GAN__DATA_POSITION];
    for (; n; n -= m) {
        m = n < (size_t)CHUNK ? n : (size_t)CHUNK;
        gan__draw_uniform(d->ctx, &rng, u, m);
        gan__draw_normal(d->ctx, &rng, z, m * d->per);
        for (i = 0; i < m; ++i, x += d->per) gan__data_toy(d->toy, (double)u[i], z + i * d->per, x);
    }
    s[GAN__DATA_POSITION] = (int64_t)rng.counter;
}

// Fisher and Yates; each epoch has a stream of its own.
static void gan__data_shuffle(gan_dataset *d, int64_t seed, int64_t epoch)
{
    gan__rng rng = gan__rng_stream(d->ctx, d->name);
    uint32_t i, j, v;
    rng.stream += (uint64_t)(epoch + 1) * 0x9e3779b97f4a7c15u;
    for (i = 0; i < d->n; ++i) d->order[i] = i;
    for (i = (uint32_t)d->n - 1; i > 0; --i) {
        j = gan__rng_below(&rng, i + 1);
        v = d->order[i];
        d->order[i] = d->order[j];
        d->order[j] = v;
    }
    d->shuffled[GAN__DATA_SEED] = seed;
    d->shuffled[GAN__DATA_EPOCH] = epoch;
}

// The next sample; a batch goes on in the next epoch where one ends. A position out of range, from a strange
// file, ends it too.
static size_t gan__data_next(gan_dataset *d, int64_t *s)
{
    if ((uint64_t)s[GAN__DATA_POSITION] >= d->n || s[GAN__DATA_EPOCH] < 0) {
        s[GAN__DATA_EPOCH] = (int64_t)(((uint64_t)s[GAN__DATA_EPOCH] + 1) & INT64_MAX);
        s[GAN__DATA_POSITION] = 0;
    }
    if (d->shuffled[GAN__DATA_EPOCH] != s[GAN__DATA_EPOCH] ||
        d->shuffled[GAN__DATA_SEED] != s[GAN__DATA_SEED])
        gan__data_shuffle(d, s[GAN__DATA_SEED], s[GAN__DATA_EPOCH]);
    return d->order[s[GAN__DATA_POSITION]++];
}

static void gan__data_gather(gan_dataset *d, int64_t *s, size_t n, gan_real *x, gan_real *y)
{
    size_t i, k, at;
    for (i = 0; i < n; ++i, x += d->per) {
        at = gan__data_next(d, s);
        if (d->kind == GAN__DATA_BYTES) {
            const unsigned char *p = d->bytes + at * d->per;
            for (k = 0; k < d->per; ++k) x[k] = d->level[p[k]];
            if (y) y[i] = (gan_real)d->byte_labels[at];
        } else {
            memcpy(x, d->reals + at * d->per, d->per * sizeof *x);
            if (y) y[i] = d->real_labels[at];
        }
    }
}

GAN_API gan_tensor *gan_dataset_batch(gan_dataset *d, int n, gan_tensor **labels)
{
    gan_tensor *x, *y = NULL;
    int64_t *s, seed;
    if (labels) *labels = NULL;
    if (!d) return NULL;
    if (n < 1) return gan__fail(d->ctx, GAN_ERROR_ARGUMENT, "gan_dataset_batch: a batch of %d", n);
    d->dim[0] = n;
    x = gan__tensor_new(d->ctx, d->ndim, d->dim);
    if (labels && (d->byte_labels || d->real_labels)) *labels = y = gan__tensor_new(d->ctx, 1, &n);
    if (gan__is_poison(x) || (y && gan__is_poison(y))) return gan__is_poison(x) ? x : y;
    s = (int64_t *)d->state->data;
    seed = (int64_t)gan__rng_stream(d->ctx, d->name).seed;
    if (s[GAN__DATA_SEED] != seed) { // gan_seed starts the data anew
        s[GAN__DATA_SEED] = seed;
        s[GAN__DATA_EPOCH] = s[GAN__DATA_POSITION] = 0;
    }
    if (d->kind == GAN__DATA_TOY) gan__data_draw(d, s, (size_t)n, x->data);
    else gan__data_gather(d, s, (size_t)n, x->data, y ? y->data : NULL);
    return x;
}

GAN_API int64_t gan_dataset_size(const gan_dataset *d) { return d ? (int64_t)d->n : 0; }
// >>image: grids of pictures, PNM, PNG by stb_image_write; may use floors 0 to 7, data; tests/test_image.c

#ifndef GAN_NO_STDIO

enum { GAN__IMAGE_BORDER = 2, GAN__IMAGE_GREY = 128 };

typedef enum gan__image_kind { GAN__IMAGE_UNKNOWN, GAN__IMAGE_PNM, GAN__IMAGE_PNG } gan__image_kind;

static gan__image_kind gan__image_kind_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    char ext[4] = {0};
    int i;
    if (!dot || strlen(dot) != 4) return GAN__IMAGE_UNKNOWN;
    for (i = 0; i < 3; ++i)
        ext[i] = (char)(dot[i + 1] >= 'A' && dot[i + 1] <= 'Z' ? dot[i + 1] + 32 : dot[i + 1]);
    if (!strcmp(ext, "png")) return GAN__IMAGE_PNG;
    return !strcmp(ext, "pgm") || !strcmp(ext, "ppm") ? GAN__IMAGE_PNM : GAN__IMAGE_UNKNOWN;
}

// P5 or P6 W H 255, one newline, the raster
static void gan__image_pnm(gan__data_out *out, const unsigned char *pixels, int w, int h, int c)
{
    char head[48], *to = head;
    *to++ = 'P';
    *to++ = c == 1 ? '5' : '6';
    *to++ = '\n';
    to = gan__data_decimal(to, (uint64_t)w);
    *to++ = ' ';
    to = gan__data_decimal(to, (uint64_t)h);
    memcpy(to, "\n255\n", 5);
    gan__data_out_write(out, head, (size_t)(to + 5 - head));
    gan__data_out_write(out, pixels, (size_t)w * (size_t)h * (size_t)c);
}

#ifdef INCLUDE_STB_IMAGE_WRITE_H
static void gan__image_stb(void *out, void *bytes, int n)
{
    gan__data_out_write((gan__data_out *)out, bytes, n > 0 ? (size_t)n : 0);
}
#endif

static int gan__image_save(gan_context *ctx, const unsigned char *pixels, int w, int h, int c,
                           const char *path, int png)
{
    gan__data_out out;
    const int code = gan__data_out_open(&out, ctx, path);
    if (code) return code;
#ifdef INCLUDE_STB_IMAGE_WRITE_H
    if (png) {
        if (!stbi_write_png_to_func(gan__image_stb, &out, w, h, c, pixels, w * c) && !out.failed)
            out.failed = -1;
        return gan__data_out_close(&out, 0);
    }
#endif
    (void)png;
    gan__image_pnm(&out, pixels, w, h, c);
    return gan__data_out_close(&out, 0);
}

GAN_API int gan_image_write_bytes(gan_context *ctx, const unsigned char *pixels, int width, int height,
                                  int channels, const char *path)
{
    gan__image_kind kind;
    int code, png = 0;
    size_t bytes;
    char *other;
    if (!ctx) return gan_error(ctx);
    if (!pixels || !path) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_image_write: %s NULL",
                  path ? "the pixels are" : "the path is");
        return GAN_ERROR_ARGUMENT;
    }
    if (width < 1 || height < 1 || (channels != 1 && channels != 3)) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "image %s: %d x %d pixels of %d channels; 1 or 3 are possible",
                  path, width, height, channels);
        return GAN_ERROR_ARGUMENT;
    }
    // stb_image_write counts in int, and its buffers grow to more than twice the picture
    if (gan__mul_size((size_t)width, (size_t)channels, &bytes) || gan__add_size(bytes, 1, &bytes) ||
        gan__mul_size(bytes, (size_t)height, &bytes) || bytes > (size_t)INT_MAX / 4) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "image %s: %d x %d pixels are too many for one picture", path, width,
                  height);
        return GAN_ERROR_SHAPE;
    }
    kind = gan__image_kind_of(path);
    if (kind == GAN__IMAGE_UNKNOWN) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "image %s: the name must end in .png, .pgm or .ppm", path);
        return GAN_ERROR_ARGUMENT;
    }
#ifdef INCLUDE_STB_IMAGE_WRITE_H
    png = kind == GAN__IMAGE_PNG;
#endif
    if (kind == GAN__IMAGE_PNM || png)
        return gan__image_save(ctx, pixels, width, height, channels, path, png);
    other = gan__data_join(ctx, path, "");
    if (!other) return GAN_ERROR_MEMORY;
    memcpy(strrchr(other, '.'), channels == 1 ? ".pgm" : ".ppm", 4);
    code = gan__image_save(ctx, pixels, width, height, channels, other, 0);
    gan__scratch_free(ctx, other);
    return code;
}

// Picture i of x (N, C, H, W) into its cell: planes become interleaved pixels.
static void gan__image_cell(unsigned char *cell, size_t row, const gan_tensor *x, int i)
{
    const size_t c = (size_t)x->dim[1], h = (size_t)x->dim[2], w = (size_t)x->dim[3];
    const gan_real *v = x->data + (size_t)i * c * h * w;
    size_t k, r, j;
    for (k = 0; k < c; ++k)
        for (r = 0; r < h; ++r)
            for (j = 0; j < w; ++j) cell[r * row + j * c + k] = gan__data_pixel(*v++);
}

// The size of `count` cells of `size` pixels with a border between them; nonzero when it is no int.
static int gan__image_extent(int count, int size, int *out)
{
    size_t a;
    if (gan__mul_size((size_t)count, (size_t)size + GAN__IMAGE_BORDER, &a) || a > (size_t)INT_MAX) return 1;
    *out = (int)a - GAN__IMAGE_BORDER;
    return 0;
}

GAN_API int gan_image_write(gan_tensor *x, int columns, const char *path)
{
    int i, w, h, cols, rows, code;
    unsigned char *pixels;
    size_t bytes, row;
    gan_tensor *bad;
    gan_context *ctx;
    ctx = gan__inputs(GAN_OP_NONE, 1, &x, &bad);
    if (!ctx) return gan_error(bad ? bad->ctx : NULL);
    if (x->ndim != 4 || (x->dim[1] != 1 && x->dim[1] != 3) || x->size == 0) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "gan_image_write takes (N, C, H, W) with 1 or 3 channels, not %t", x);
        return GAN_ERROR_SHAPE;
    }
    if (!path) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_image_write: the path is NULL");
        return GAN_ERROR_ARGUMENT;
    }
    if (columns < 0) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "image %s: %d columns; 0 makes a square", path, columns);
        return GAN_ERROR_ARGUMENT;
    }
    cols = columns;
    if (!cols)
        while ((int64_t)cols * cols < x->dim[0]) ++cols;
    if (cols > x->dim[0]) cols = x->dim[0];
    rows = (x->dim[0] - 1) / cols + 1;
    if (gan__image_extent(cols, x->dim[3], &w) || gan__image_extent(rows, x->dim[2], &h) ||
        gan__mul_size((size_t)w, (size_t)x->dim[1], &row) || gan__mul_size(row, (size_t)h, &bytes) ||
        bytes > (size_t)INT_MAX) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "image %s: %t in %d columns is too large for one picture", path, x,
                  cols);
        return GAN_ERROR_SHAPE;
    }
    pixels = (unsigned char *)gan__scratch(ctx, bytes);
    if (!pixels) return GAN_ERROR_MEMORY;
    memset(pixels, GAN__IMAGE_GREY, bytes);
    for (i = 0; i < x->dim[0]; ++i) {
        const size_t left = (size_t)(i % cols) * ((size_t)x->dim[3] + GAN__IMAGE_BORDER) * (size_t)x->dim[1];
        gan__image_cell(pixels + (size_t)(i / cols) * ((size_t)x->dim[2] + GAN__IMAGE_BORDER) * row + left,
                        row, x, i);
    }
    code = gan_image_write_bytes(ctx, pixels, w, h, x->dim[1], path);
    gan__scratch_free(ctx, pixels);
    return code;
}

GAN_API int gan_image_write_png(gan_tensor *x, int columns, const char *path)
{
    return gan_image_write(x, columns, path);
}

#endif // GAN_NO_STDIO
// >>ckpt: safetensors, written and read; may use floors 0 to 7, data; tests/test_ckpt.c
//
//     [0, 8)      u64 N, little endian
//     [8, 8+N)    JSON {"name":{"dtype":"F32","shape":[..],"data_offsets":[begin,end]}, "__metadata__":{..}}
//     [8+N, ..)   values, little endian, in the order of begin, without holes
//
// Files of ours: tensors by falling size of element, then by name; the header ends in spaces so that values
// begin at a multiple of 8; in the metadata stand format "gan.h", schema "1" and digest: FNV-1a, 64 bits, of
// the tensors by name, each as name 00 dtype 00 ndim(1 byte) dims(u64 each) values.

enum { GAN__CKPT_HEADER_MAX = 100000000 }; // the reference reader's limit

// in the order of gan__dtype
static const struct gan__ckpt_type {
    const char *name;
    size_t bytes;
} gan__ckpt_types[] = {{"F32", 4}, {"F64", 8}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"U8", 1}};
enum { GAN__CKPT_TYPES = sizeof gan__ckpt_types / sizeof gan__ckpt_types[0] };

// A tensor of a file, or one on its way into a file.
typedef struct gan__ckpt_record {
    gan__entry e;
    uint64_t begin, end;
    gan__state *state; // that it fills; when writing: that it is, values in host order
} gan__ckpt_record;

typedef struct gan__ckpt_meta {
    int seen;
    char format[16], schema[16], digest[24]; // "" when absent; cut when longer, which no right value is
} gan__ckpt_meta;

typedef int gan__ckpt_order(const gan__ckpt_record *a, const gan__ckpt_record *b); // < 0: a comes first

static int gan__ckpt_by_name(const gan__ckpt_record *a, const gan__ckpt_record *b)
{
    return strcmp(a->e.name, b->e.name);
}

static int gan__ckpt_by_offset(const gan__ckpt_record *a, const gan__ckpt_record *b)
{
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return a->end == b->end ? 0 : a->end < b->end ? -1 : 1;
}

// Heapsort: in place, n log n for any input, no recursion.
static void gan__ckpt_sort(gan__ckpt_record **v, size_t n, gan__ckpt_order *order)
{
    size_t root = n / 2, end = n, parent, child;
    gan__ckpt_record *x;
    while (end > 1) {
        if (root > 0) x = v[--root];
        else {
            x = v[--end];
            v[end] = v[0];
        }
        for (parent = root; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && order(v[child], v[child + 1]) < 0) ++child;
            if (order(x, v[child]) >= 0) break;
            v[parent] = v[child];
        }
        v[parent] = x;
    }
}

static gan__ckpt_record *gan__ckpt_find(gan__ckpt_record **by_name, size_t n, const char *name)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        const int c = strcmp(by_name[mid]->e.name, name);
        if (c == 0) return by_name[mid];
        if (c < 0) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

static void gan__ckpt_put64(unsigned char *p, uint64_t v)
{
    int i;
    for (i = 0; i < 8; ++i) p[i] = (unsigned char)(v >> 8 * i & 255);
}

static size_t gan__ckpt_bytes(const gan__ckpt_record *r)
{
    return r->e.count * gan__ckpt_types[r->e.dtype].bytes;
}

enum { GAN__CKPT_CHUNK = 4096 };

// The values of r from byte `at` on, little endian, in as long a piece as stands ready: *n bytes.
static const unsigned char *gan__ckpt_piece(const gan__ckpt_record *r, size_t at,
                                            unsigned char chunk[GAN__CKPT_CHUNK], size_t *n)
{
    const unsigned char *from = r->e.bytes + at;
    const size_t width = gan__ckpt_types[r->e.dtype].bytes;
    size_t i, k;
    *n = gan__ckpt_bytes(r) - at;
    if (!r->state || gan__little_endian()) return from;
    if (*n > GAN__CKPT_CHUNK) *n = GAN__CKPT_CHUNK;
    for (i = 0; i < *n; i += width)
        for (k = 0; k < width; ++k) chunk[i + k] = from[i + width - 1 - k];
    return chunk;
}

static uint64_t gan__ckpt_fnv(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t i;
    for (i = 0; i < n; ++i) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void gan__ckpt_digest(gan__ckpt_record *const *by_name, size_t n, char hex[17])
{
    uint64_t h = 0xcbf29ce484222325u;
    unsigned char chunk[GAN__CKPT_CHUNK], number[8];
    const unsigned char *piece;
    size_t i, at, m;
    int k;
    for (i = 0; i < n; ++i) {
        const gan__ckpt_record *r = by_name[i];
        const char *type = gan__ckpt_types[r->e.dtype].name;
        h = gan__ckpt_fnv(h, r->e.name, strlen(r->e.name) + 1);
        h = gan__ckpt_fnv(h, type, strlen(type) + 1);
        number[0] = (unsigned char)r->e.ndim;
        h = gan__ckpt_fnv(h, number, 1);
        for (k = 0; k < r->e.ndim; ++k) {
            gan__ckpt_put64(number, (uint64_t)r->e.dim[k]);
            h = gan__ckpt_fnv(h, number, 8);
        }
        for (at = 0; at < gan__ckpt_bytes(r); at += m) {
            piece = gan__ckpt_piece(r, at, chunk, &m);
            h = gan__ckpt_fnv(h, piece, m);
        }
    }
    for (k = 0; k < 16; ++k) hex[k] = "0123456789abcdef"[h >> (60 - 4 * k) & 15];
    hex[16] = 0;
}

static int gan__ckpt_name_ok(const char *name, size_t length)
{
    size_t i;
    for (i = 0; i < length; ++i)
        if (name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\') return 0;
    return length >= 1 && length <= GAN_MAX_NAME;
}

#ifndef GAN_NO_STDIO

static int gan__ckpt_by_layout(const gan__ckpt_record *a, const gan__ckpt_record *b)
{
    const size_t x = gan__ckpt_types[a->e.dtype].bytes, y = gan__ckpt_types[b->e.dtype].bytes;
    return x != y ? (x > y ? -1 : 1) : strcmp(a->e.name, b->e.name);
}

// What a file must hold: every state, and what was loaded for states that do not exist yet. NULL on an error.
static gan__ckpt_record *gan__ckpt_collect(gan_context *ctx, size_t *count)
{
    gan__ckpt_record *all, *r;
    const gan__entry *e;
    gan__state *s;
    size_t n = 0;
    int i;
    for (s = ctx->states; s; s = s->next) ++n;
    for (e = ctx->pending; e; e = e->next) ++n;
    *count = n;
    all = r = (gan__ckpt_record *)gan__scratch(ctx, (n + 1) * sizeof *all);
    if (!all) return NULL;
    for (s = ctx->states; s; s = s->next, ++r) {
        memset(r, 0, sizeof *r);
        r->state = s;
        r->e.name = s->name;
        r->e.dtype = s->kind == GAN__STATE_I64 ? GAN__I64 : sizeof(gan_real) == 8 ? GAN__F64 : GAN__F32;
        r->e.ndim = s->ndim;
        for (i = 0; i < s->ndim; ++i) r->e.dim[i] = s->dim[i];
        r->e.count = s->count;
        r->e.bytes = (const unsigned char *)s->data;
    }
    for (e = ctx->pending; e; e = e->next, ++r) {
        memset(r, 0, sizeof *r);
        r->e = *e;
    }
    for (r = all; r < all + n; ++r)
        if (!gan__ckpt_name_ok(r->e.name, strlen(r->e.name))) {
            gan__fail(ctx, GAN_ERROR_NAME,
                      "gan_save: a name must be 1 to %d printable ASCII characters, no quotes",
                      (int)GAN_MAX_NAME);
            gan__scratch_free(ctx, all);
            return NULL;
        }
    return all;
}

static char *gan__ckpt_text(char *to, const char *text)
{
    const size_t n = strlen(text);
    memcpy(to, text, n);
    return to + n;
}

// {"__metadata__":{..},"name":{..},..} and spaces; the records stand in the order of the file
static size_t gan__ckpt_header(char *to, gan__ckpt_record *const *v, size_t n, const char *digest)
{
    const char *start = to;
    size_t i;
    int k;
    to = gan__ckpt_text(to, "{\"__metadata__\":{\"digest\":\"");
    to = gan__ckpt_text(to, digest);
    to = gan__ckpt_text(to, "\",\"format\":\"gan.h\",\"schema\":\"1\"}");
    for (i = 0; i < n; ++i) {
        const gan__ckpt_record *r = v[i];
        to = gan__ckpt_text(to, ",\"");
        to = gan__ckpt_text(to, r->e.name);
        to = gan__ckpt_text(to, "\":{\"dtype\":\"");
        to = gan__ckpt_text(to, gan__ckpt_types[r->e.dtype].name);
        to = gan__ckpt_text(to, "\",\"shape\":[");
        for (k = 0; k < r->e.ndim; ++k) {
            if (k) *to++ = ',';
            to = gan__data_decimal(to, (uint64_t)r->e.dim[k]);
        }
        to = gan__ckpt_text(to, "],\"data_offsets\":[");
        to = gan__data_decimal(to, r->begin);
        *to++ = ',';
        to = gan__data_decimal(to, r->end);
        to = gan__ckpt_text(to, "]}");
    }
    *to++ = '}';
    while ((to - start) % 8) *to++ = ' ';
    return (size_t)(to - start);
}

static int gan__ckpt_write(gan_context *ctx, const char *path, gan__ckpt_record *const *v, size_t n,
                           const char *head, size_t header)
{
    unsigned char chunk[GAN__CKPT_CHUNK];
    const unsigned char *piece;
    gan__data_out out;
    size_t i, at, m;
    const int code = gan__data_out_open(&out, ctx, path);
    if (code) return code;
    gan__ckpt_put64(chunk, header);
    gan__data_out_write(&out, chunk, 8);
    gan__data_out_write(&out, head, header);
    for (i = 0; i < n; ++i)
        for (at = 0; at < gan__ckpt_bytes(v[i]); at += m) {
            piece = gan__ckpt_piece(v[i], at, chunk, &m);
            gan__data_out_write(&out, piece, m);
        }
    return gan__data_out_close(&out, 1);
}

// After an error nothing is written: what stands at path may be better than what is left in the context.
GAN_API int gan_save(gan_context *ctx, const char *path)
{
    enum { FIXED = 160, EACH = GAN_MAX_NAME + 12 * GAN_MAX_DIMS + 100 };
    gan__ckpt_record *all, **v = NULL;
    char digest[17], *head = NULL;
    size_t i, n;
    uint64_t at = 0;
    int code = GAN_ERROR_MEMORY;
    if (!ctx || ctx->error) return gan_error(ctx);
    if (!path) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_save: the path is NULL");
        return GAN_ERROR_ARGUMENT;
    }
    all = gan__ckpt_collect(ctx, &n);
    if (!all) return gan_error(ctx);
    v = (gan__ckpt_record **)gan__scratch(ctx, (n + 1) * sizeof *v);
    head = (char *)gan__scratch(ctx, FIXED + n * EACH);
    if (v && head) {
        for (i = 0; i < n; ++i) v[i] = all + i;
        gan__ckpt_sort(v, n, gan__ckpt_by_name);
        gan__ckpt_digest(v, n, digest);
        gan__ckpt_sort(v, n, gan__ckpt_by_layout);
        for (i = 0; i < n; ++i) {
            v[i]->begin = at;
            v[i]->end = at += gan__ckpt_bytes(v[i]);
        }
        code = gan__ckpt_write(ctx, path, v, n, head, gan__ckpt_header(head, v, n, digest));
    }
    gan__scratch_free(ctx, head);
    gan__scratch_free(ctx, v);
    gan__scratch_free(ctx, all);
    return code;
}

#endif // GAN_NO_STDIO

// Reading JSON, of the one form that the header has: no recursion, nothing read twice, no byte believed.

typedef struct gan__ckpt_json {
    const unsigned char *start, *at, *end;
    const char *problem; // what is wrong at `at`; NULL while nothing is
} gan__ckpt_json;

static int gan__ckpt_wrong(gan__ckpt_json *j, const char *problem)
{
    if (!j->problem) j->problem = problem;
    return 0;
}

static int gan__ckpt_peek(gan__ckpt_json *j) // the next byte that is no space; -1 at the end
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t')) ++j->at;
    return j->at < j->end ? *j->at : -1;
}

static int gan__ckpt_take(gan__ckpt_json *j, int c)
{
    if (gan__ckpt_peek(j) != c) return 0;
    ++j->at;
    return 1;
}

static int gan__ckpt_need(gan__ckpt_json *j, int c, const char *problem)
{
    return gan__ckpt_take(j, c) || gan__ckpt_wrong(j, problem);
}

// Four hexadecimal digits of a \u escape; -1 when they are not.
static int gan__ckpt_hex4(gan__ckpt_json *j)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    int i, v = 0;
    if (j->end - j->at < 4) return -1;
    for (i = 0; i < 4; ++i) {
        const char *at = *j->at ? strchr(digits, *j->at++) : NULL;
        if (!at) return -1;
        v = v * 16 + (int)((at - digits) % 16);
    }
    return v;
}

// The bytes of the UTF-8 character that begins at p, before end; 0 when it is none.
static int gan__ckpt_utf8(const unsigned char *p, const unsigned char *end)
{
    const int n = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    int i;
    if (n == 0 || end - p < n) return 0;
    for (i = 1; i < n; ++i)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if (*p == 0xe0 && p[1] < 0xa0) return 0; // longer than needed
    if (*p == 0xed && p[1] > 0x9f) return 0; // surrogates
    if (*p == 0xf0 && p[1] < 0x90) return 0;
    if (*p == 0xf4 && p[1] > 0x8f) return 0; // above U+10FFFF
    return n;
}

// The character of an escape whose backslash was read. What is not ASCII, and 0, counts as a byte FF: no text
// that is looked for has it.
static int gan__ckpt_escape(gan__ckpt_json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const int c = j->at < j->end ? *j->at++ : 0;
    const char *p = c ? strchr(from, c) : NULL;
    int v;
    if (p) return to[p - from];
    v = c == 'u' ? gan__ckpt_hex4(j) : -1;
    if (v >= 0xd800 && v < 0xdc00) { // the first of a pair
        if (j->end - j->at < 2 || j->at[0] != '\\' || j->at[1] != 'u') return -1;
        j->at += 2;
        v = gan__ckpt_hex4(j);
        return v >= 0xdc00 && v < 0xe000 ? 0xff : -1;
    }
    if (v >= 0xdc00 && v < 0xe000) return -1;
    return v != 0 && v < 0x80 ? v : 0xff;
}

// A string, without its escapes, into out of `size` bytes, cut where it is longer; *length: all of it.
static int gan__ckpt_string(gan__ckpt_json *j, char *out, size_t size, size_t *length)
{
    size_t n = 0;
    int c, i, bytes;
    if (!gan__ckpt_need(j, '"', "a text in quotes is missing")) return 0;
    for (;;) {
        if (j->at >= j->end) return gan__ckpt_wrong(j, "a text does not end");
        if (*j->at == '"') break;
        if (*j->at < 0x20) return gan__ckpt_wrong(j, "a text holds a control character");
        if (*j->at == '\\') {
            ++j->at;
            c = gan__ckpt_escape(j);
            if (c < 0) return gan__ckpt_wrong(j, "a text holds a wrong escape");
            if (n + 1 < size) out[n] = (char)c;
            ++n;
            continue;
        }
        bytes = gan__ckpt_utf8(j->at, j->end);
        if (!bytes) return gan__ckpt_wrong(j, "a text is not UTF-8");
        for (i = 0; i < bytes; ++i, ++n, ++j->at)
            if (n + 1 < size) out[n] = (char)*j->at;
    }
    ++j->at;
    out[n < size ? n : size - 1] = 0;
    *length = n;
    return 1;
}

static int gan__ckpt_number(gan__ckpt_json *j, uint64_t *v)
{
    const int first = gan__ckpt_peek(j);
    unsigned digit;
    *v = 0;
    if (first < '0' || first > '9') return gan__ckpt_wrong(j, "a whole number from 0 on is missing");
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9') {
        digit = (unsigned)(*j->at - '0');
        if (*v > (UINT64_MAX - digit) / 10) return gan__ckpt_wrong(j, "a number is too large");
        if (first == '0' && *v == 0 && j->at[-1] == '0') return gan__ckpt_wrong(j, "a number begins with 0");
        *v = *v * 10 + digit;
        ++j->at;
    }
    if (j->at < j->end && (*j->at == '.' || *j->at == 'e' || *j->at == 'E'))
        return gan__ckpt_wrong(j, "a number is not whole");
    return 1;
}

static int gan__ckpt_dtype(gan__ckpt_json *j, gan__ckpt_record *r)
{
    char text[8];
    size_t length;
    int i;
    if (!gan__ckpt_string(j, text, sizeof text, &length)) return 0;
    for (i = 0; i < GAN__CKPT_TYPES; ++i)
        if (length < sizeof text && !strcmp(text, gan__ckpt_types[i].name)) {
            r->e.dtype = (gan__dtype)i;
            return 1;
        }
    return gan__ckpt_wrong(j, "its dtype is none of F32 F64 F16 BF16 I64 I32 U8: convert it");
}

static int gan__ckpt_shape(gan__ckpt_json *j, gan__ckpt_record *r)
{
    uint64_t v;
    if (!gan__ckpt_need(j, '[', "a shape is missing")) return 0;
    if (gan__ckpt_take(j, ']')) return 1;
    do {
        if (!gan__ckpt_number(j, &v)) return 0;
        if (r->e.ndim == GAN_MAX_DIMS) return gan__ckpt_wrong(j, "it has more than 8 dimensions");
        if (v > (uint64_t)INT_MAX) return gan__ckpt_wrong(j, "a dimension is too large");
        r->e.dim[r->e.ndim++] = (int)v;
    } while (gan__ckpt_take(j, ','));
    return gan__ckpt_need(j, ']', "a shape does not end");
}

static int gan__ckpt_offsets(gan__ckpt_json *j, gan__ckpt_record *r)
{
    return gan__ckpt_need(j, '[', "data_offsets are missing") && gan__ckpt_number(j, &r->begin) &&
           gan__ckpt_need(j, ',', "data_offsets are not two numbers") && gan__ckpt_number(j, &r->end) &&
           gan__ckpt_need(j, ']', "data_offsets are not two numbers");
}

static int gan__ckpt_tensor(gan__ckpt_json *j, gan__ckpt_record *r)
{
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4 };
    size_t count = 1, length;
    int i, key, seen = 0;
    char name[16];
    if (!gan__ckpt_need(j, '{', "a tensor's {...} is missing")) return 0;
    do {
        if (!gan__ckpt_string(j, name, sizeof name, &length) || !gan__ckpt_need(j, ':', "a colon is missing"))
            return 0;
        key = 0;
        if (!strcmp(name, "dtype")) key = DTYPE;
        if (!strcmp(name, "shape")) key = SHAPE;
        if (!strcmp(name, "data_offsets")) key = OFFSETS;
        if (!key || length >= sizeof name)
            return gan__ckpt_wrong(j, "a key is none of dtype, shape, data_offsets");
        if (seen & key) return gan__ckpt_wrong(j, "a key stands twice");
        seen |= key;
        if (!(key == DTYPE   ? gan__ckpt_dtype(j, r)
              : key == SHAPE ? gan__ckpt_shape(j, r)
                             : gan__ckpt_offsets(j, r)))
            return 0;
    } while (gan__ckpt_take(j, ','));
    if (!gan__ckpt_need(j, '}', "a tensor's {...} does not end")) return 0;
    if (seen != (DTYPE | SHAPE | OFFSETS))
        return gan__ckpt_wrong(j, "dtype, shape or data_offsets is missing");
    for (i = 0; i < r->e.ndim; ++i)
        if (gan__mul_size(count, (size_t)r->e.dim[i], &count))
            return gan__ckpt_wrong(j, "its shape is too large");
    r->e.count = count;
    if (gan__mul_size(count, gan__ckpt_types[r->e.dtype].bytes, &count))
        return gan__ckpt_wrong(j, "its shape is too large");
    if (r->end < r->begin || r->end - r->begin != count)
        return gan__ckpt_wrong(j, "its data_offsets do not fit its dtype and shape");
    return 1;
}

static int gan__ckpt_metadata(gan__ckpt_json *j, gan__ckpt_meta *meta)
{
    char name[16], other[8];
    size_t length, size;
    if (meta->seen++) return gan__ckpt_wrong(j, "__metadata__ stands twice");
    if (!gan__ckpt_need(j, '{', "__metadata__ is no {...}")) return 0;
    if (gan__ckpt_take(j, '}')) return 1;
    do {
        char *out = other;
        size = sizeof other;
        if (!gan__ckpt_string(j, name, sizeof name, &length) || !gan__ckpt_need(j, ':', "a colon is missing"))
            return 0;
        if (!strcmp(name, "format")) out = meta->format, size = sizeof meta->format;
        if (!strcmp(name, "schema")) out = meta->schema, size = sizeof meta->schema;
        if (!strcmp(name, "digest")) out = meta->digest, size = sizeof meta->digest;
        if (out != other && *out) return gan__ckpt_wrong(j, "a key stands twice");
        if (!gan__ckpt_string(j, out, size, &length)) return 0;
    } while (gan__ckpt_take(j, ','));
    return gan__ckpt_need(j, '}', "__metadata__ does not end");
}

// The header's entries into r and their names into `names`; with r NULL they are only checked and counted.
// name: the entry that is being read.
static int gan__ckpt_parse(gan__ckpt_json *j, gan__ckpt_record *r, char *names, size_t *count,
                           gan__ckpt_meta *meta, char *name)
{
    gan__ckpt_record one;
    size_t length;
    *count = 0;
    memset(meta, 0, sizeof *meta);
    if (j->at == j->end || *j->at != '{') return gan__ckpt_wrong(j, "it does not begin with {");
    ++j->at;
    if (!gan__ckpt_take(j, '}')) {
        do {
            name[0] = 0;
            if (!gan__ckpt_string(j, name, GAN_MAX_NAME + 1, &length)) return 0;
            if (!gan__ckpt_name_ok(name, length)) {
                name[0] = 0;
                return gan__ckpt_wrong(j, "a name is not 1 to 128 printable ASCII characters without quotes");
            }
            if (!gan__ckpt_need(j, ':', "a colon is missing")) return 0;
            if (!strcmp(name, "__metadata__")) {
                if (!gan__ckpt_metadata(j, meta)) return 0;
                continue;
            }
            memset(&one, 0, sizeof one);
            if (!gan__ckpt_tensor(j, &one)) return 0;
            if (r) {
                one.e.name = (const char *)memcpy(names, name, length + 1);
                names += length + 1;
                r[*count] = one;
            }
            ++*count;
        } while (gan__ckpt_take(j, ','));
        name[0] = 0;
        if (!gan__ckpt_need(j, '}', "its {...} does not end")) return 0;
    }
    return gan__ckpt_peek(j) == -1 || gan__ckpt_wrong(j, "something follows its {...}");
}

// A file in memory, being read. Everything but `bytes` is scratch.
typedef struct gan__ckpt_file {
    gan_context *ctx;
    const char *path; // as errors call it
    const unsigned char *bytes;
    size_t size, header, data; // of the JSON; where the values begin
    gan__ckpt_record *records, **by_name;
    size_t count;
    char *names;
    gan__ckpt_meta meta;
} gan__ckpt_file;

static int gan__ckpt_bad(gan__ckpt_file *f, const char *what)
{
    gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s %s", f->path, what);
    return GAN_ERROR_FORMAT;
}

static int gan__ckpt_open(gan__ckpt_file *f)
{
    const unsigned char *p = f->bytes;
    uint64_t n;
    if (f->size >= 2 && p[0] == 0x1f && p[1] == 0x8b)
        return gan__ckpt_bad(f, "is gzip-compressed: gunzip it first");
    if (f->size >= 4 && !memcmp(p, "PK\3\4", 4))
        return gan__ckpt_bad(
            f, "is a zip archive, as torch.save writes it: write it with safetensors.torch.save_file");
    if (f->size >= 6 && !memcmp(p, "\x93NUMPY", 6))
        return gan__ckpt_bad(f, "is a NumPy file, not safetensors");
    if (f->size < 8) {
        gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s is short: %l bytes found, 8 needed to begin", f->path,
                  (int64_t)f->size);
        return GAN_ERROR_FORMAT;
    }
    n = gan__little(p, 8);
    if (n > GAN__CKPT_HEADER_MAX || (f->size > 8 && n > 0 && p[8] != '{'))
        return gan__ckpt_bad(f, "is no safetensors file: it does not begin with a header's length and {");
    if (n > f->size - 8) {
        gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s is short: %l bytes found, %l needed for the header alone",
                  f->path, (int64_t)f->size, (int64_t)n + 8);
        return GAN_ERROR_FORMAT;
    }
    f->header = (size_t)n;
    f->data = 8 + f->header;
    return GAN_OK;
}

// Twice over the header: once to check and count, once to keep.
static int gan__ckpt_read_header(gan__ckpt_file *f)
{
    char name[GAN_MAX_NAME + 1] = "";
    gan__ckpt_json j;
    size_t i;
    int pass;
    for (pass = 0; pass < 2; ++pass) {
        memset(&j, 0, sizeof j);
        j.start = j.at = f->bytes + 8;
        j.end = j.start + f->header;
        if (!gan__ckpt_parse(&j, f->records, f->names, &f->count, &f->meta, name)) {
            gan__fail(f->ctx, GAN_ERROR_FORMAT,
                      "%s is no valid safetensors file: byte %l of its header: %s%s%s", f->path,
                      (int64_t)(j.at - j.start), *name ? name : "", *name ? ": " : "", j.problem);
            return GAN_ERROR_FORMAT;
        }
        if (pass) break;
        f->records = (gan__ckpt_record *)gan__scratch(f->ctx, (f->count + 1) * sizeof *f->records);
        f->by_name = (gan__ckpt_record **)gan__scratch(f->ctx, (f->count + 1) * sizeof *f->by_name);
        f->names = (char *)gan__scratch(f->ctx, f->header + 1);
        if (!f->records || !f->by_name || !f->names) return GAN_ERROR_MEMORY;
    }
    for (i = 0; i < f->count; ++i) f->by_name[i] = f->records + i;
    return GAN_OK;
}

// The values lie one behind the other, from the header to the end of the file.
static int gan__ckpt_check_layout(gan__ckpt_file *f)
{
    const uint64_t have = f->size - f->data;
    uint64_t at = 0;
    size_t i;
    gan__ckpt_sort(f->by_name, f->count, gan__ckpt_by_offset);
    for (i = 0; i < f->count; ++i) {
        gan__ckpt_record *r = f->by_name[i];
        if (r->begin != at) {
            gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s is no valid safetensors file: %s before the values of %s",
                      f->path, r->begin > at ? "a hole" : "an overlap", r->e.name);
            return GAN_ERROR_FORMAT;
        }
        at = r->end;
        if (at > have) break;
        r->e.bytes = f->bytes + f->data + (size_t)r->begin;
    }
    if (at == have) return GAN_OK;
    gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s is %s: %l bytes found, %l needed", f->path,
              at > have ? "short" : "too long", (int64_t)f->size,
              at > (uint64_t)INT64_MAX - f->data ? INT64_MAX : (int64_t)(at + f->data));
    return GAN_ERROR_FORMAT;
}

static int gan__ckpt_check_digest(gan__ckpt_file *f)
{
    const int ours = !strcmp(f->meta.format, "gan.h");
    char digest[17];
    if (ours && strcmp(f->meta.schema, "1") != 0) {
        gan__fail(f->ctx, GAN_ERROR_UNSUPPORTED,
                  "%s was written by another version of gan.h: schema 1 is read here", f->path);
        return GAN_ERROR_UNSUPPORTED;
    }
    if (!f->meta.digest[0]) return ours ? gan__ckpt_bad(f, "is damaged: its digest is missing") : GAN_OK;
    gan__ckpt_digest(f->by_name, f->count, digest);
    if (!strcmp(digest, f->meta.digest)) return GAN_OK;
    return gan__ckpt_bad(
        f, "is damaged: its digest does not fit (a program that changes values must drop __metadata__)");
}

// Finds the state of each record; shapes and kinds must fit. States that borrowed their memory get their own.
static int gan__ckpt_check_states(gan__ckpt_file *f)
{
    gan__state *s;
    for (s = f->ctx->states; s; s = s->next) {
        gan__ckpt_record *r = gan__ckpt_find(f->by_name, f->count, s->name);
        if (!r) continue;
        if (r->e.ndim != s->ndim || memcmp(r->e.dim, s->dim, (size_t)s->ndim * sizeof s->dim[0]) != 0) {
            gan__fail(f->ctx, GAN_ERROR_SHAPE,
                      "%s: %s has the shape %h in the file, %h here; nothing was loaded", f->path, s->name,
                      r->e.ndim, r->e.dim, s->ndim, s->dim);
            return GAN_ERROR_SHAPE;
        }
        if (s->kind == GAN__STATE_I64 && r->e.dtype != GAN__I64) {
            gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s: %s is %s in the file, I64 here; nothing was loaded",
                      f->path, s->name, gan__ckpt_types[r->e.dtype].name);
            return GAN_ERROR_FORMAT;
        }
        if (gan__state_own(f->ctx, s)) return GAN_ERROR_MEMORY;
        r->state = s;
    }
    return GAN_OK;
}

// A chain, in persistent memory, of what has no state yet. keep: the bytes live for ever and are not copied.
static int gan__ckpt_pend(gan__ckpt_file *f, int keep, gan__entry **first)
{
    const gan__dtype real = sizeof(gan_real) == 8 ? GAN__F64 : GAN__F32;
    size_t i;
    for (i = f->count; i-- > 0;) {
        const gan__ckpt_record *r = f->by_name[i];
        const size_t length = strlen(r->e.name) + 1, bytes = gan__ckpt_bytes(r), copy = keep ? 0 : bytes;
        gan__entry *e;
        char *tail;
        if (r->state) continue;
        e = (gan__entry *)gan__persist(f->ctx, sizeof *e);
        tail = (char *)gan__persist(f->ctx, length);
        if (!e || !tail) return GAN_ERROR_MEMORY;
        *e = r->e;
        e->name = (const char *)memcpy(tail, r->e.name, length);
        e->borrowable = keep && r->e.dtype == real && gan__little_endian() &&
                        (uintptr_t)r->e.bytes % sizeof(gan_real) == 0;
        if (copy) {
            unsigned char *own = (unsigned char *)gan__persist(f->ctx, copy);
            if (!own) return GAN_ERROR_MEMORY;
            e->bytes = (const unsigned char *)memcpy(own, r->e.bytes, copy);
        }
        e->next = *first;
        *first = e;
    }
    return GAN_OK;
}

// Nothing that the file holds fails here: states are filled, older pending entries of the same names dropped.
static int gan__ckpt_apply(gan__ckpt_file *f, gan__entry *pending)
{
    gan__entry **p = &f->ctx->pending;
    size_t i;
    while (*p) {
        if (gan__ckpt_find(f->by_name, f->count, (*p)->name)) *p = (*p)->next;
        else p = &(*p)->next;
    }
    *p = pending;
    for (i = 0; i < f->count; ++i)
        if (f->by_name[i]->state && gan__state_apply(f->ctx, f->by_name[i]->state, &f->by_name[i]->e))
            return gan_error(f->ctx);
    return GAN_OK;
}

static int gan__ckpt_check(gan__ckpt_file *f)
{
    size_t i;
    int code = gan__ckpt_open(f);
    if (!code) code = gan__ckpt_read_header(f);
    if (!code) code = gan__ckpt_check_layout(f);
    if (code) return code;
    gan__ckpt_sort(f->by_name, f->count, gan__ckpt_by_name);
    for (i = 1; i < f->count; ++i)
        if (!strcmp(f->by_name[i - 1]->e.name, f->by_name[i]->e.name)) {
            gan__fail(f->ctx, GAN_ERROR_FORMAT, "%s is no valid safetensors file: it holds %s twice", f->path,
                      f->by_name[i]->e.name);
            return GAN_ERROR_FORMAT;
        }
    code = gan__ckpt_check_digest(f);
    return code ? code : gan__ckpt_check_states(f);
}

static int gan__ckpt_load(gan_context *ctx, const char *path, const unsigned char *bytes, size_t size,
                          int keep)
{
    gan__entry *pending = NULL;
    gan__ckpt_file f;
    int code;
    memset(&f, 0, sizeof f);
    f.ctx = ctx;
    f.path = path;
    f.bytes = bytes;
    f.size = size;
    code = gan__ckpt_check(&f);
    if (!code) code = gan__ckpt_pend(&f, keep, &pending);
    if (!code) code = gan__ckpt_apply(&f, pending);
    gan__scratch_free(ctx, f.names);
    gan__scratch_free(ctx, f.by_name);
    gan__scratch_free(ctx, f.records);
    return code;
}

GAN_API int gan_load_memory(gan_context *ctx, const void *bytes, size_t size)
{
    if (!ctx || ctx->error) return gan_error(ctx);
    if (bytes) return gan__ckpt_load(ctx, "gan_load_memory: the file", (const unsigned char *)bytes, size, 1);
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_load_memory: the bytes are NULL");
    return GAN_ERROR_ARGUMENT;
}

#ifndef GAN_NO_STDIO

GAN_API int gan_load(gan_context *ctx, const char *path)
{
    unsigned char *bytes;
    size_t size;
    int code;
    FILE *file;
    if (!ctx || ctx->error) return gan_error(ctx);
    if (!path) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_load: the path is NULL");
        return GAN_ERROR_ARGUMENT;
    }
    errno = 0;
    file = gan__data_open(path, &size);
    if (!file) {
        gan__fail(ctx, GAN_ERROR_FILE, "%s cannot be read: %s", path,
                  errno ? strerror(errno) : "it is no file");
        return GAN_ERROR_FILE;
    }
    bytes = (unsigned char *)gan__scratch(ctx, size + 1);
    if (!bytes) code = GAN_ERROR_MEMORY;
    else if (fread(bytes, 1, size, file) == size) code = gan__ckpt_load(ctx, path, bytes, size, 0);
    else {
        gan__fail(ctx, GAN_ERROR_FILE, "%s cannot be read to its end: %s", path, strerror(errno));
        code = GAN_ERROR_FILE;
    }
    fclose(file);
    gan__scratch_free(ctx, bytes);
    return code;
}

#endif // GAN_NO_STDIO

// >>density: samples made ready to be measured; histograms; may use floors 0 to 7; tests/test_density.c
//
// A measure leaves no trace: it works in a scope of its own, so that all its memory goes at once, draws
// from a stream of its own, and records nothing. Inner products of samples are made in gan_real by
// gan__gemm, a tile at a time; what is decided, summed or solved is in double, in an order that no number
// of threads changes.

static double gan__nan(void) { return (double)NAN; }

// n x m elements of working memory; NULL and an error when there is none.
static void *gan__work(gan_context *ctx, int64_t n, int64_t m, size_t each)
{
    size_t bytes;
    if (gan__mul_size((size_t)n, (size_t)m, &bytes) || gan__mul_size(bytes, each, &bytes))
        bytes = (size_t)-1 >> 1;
    return gan__scratch(ctx, bytes);
}

// What every measure asks of its inputs: values that are there, and finite with finite squares. NULL
// otherwise.
static gan_context *gan__measurable(const char *who, int count, gan_tensor *const *x)
{
    gan_tensor *bad;
    gan_context *ctx = gan__inputs(GAN_OP_NONE, count, x, &bad);
    int i, far;
    size_t k;
    for (i = 0; ctx && i < count; ++i) {
        const double most = 1e100;
        if (!x[i]->size) {
            gan__fail(ctx, GAN_ERROR_SHAPE, "%s: input %d, %t, is empty", who, i + 1, x[i]);
            return NULL;
        }
        for (far = 0, k = 0; k < x[i]->size; ++k)
            far |= (double)x[i]->data[k] > most || (double)x[i]->data[k] < -most;
        if (far || !gan__all_finite(x[i])) {
            gan__fail(
                ctx, GAN_ERROR_NONFINITE,
                "%s: input %d, %t, holds a NaN, an infinity or a number beyond 1e100; it cannot be measured",
                who, i + 1, x[i]);
            return NULL;
        }
    }
    return ctx;
}

static int64_t gan__each(const gan_tensor *x) { return (int64_t)x->size / x->dim[0]; } // numbers a sample

// Samples (N, ...), (M, ...) with as many numbers each, at least so many of them.
static gan_context *gan__samples(const char *who, int count, gan_tensor *const *x, int least)
{
    gan_context *ctx = gan__measurable(who, count, x);
    int i;
    for (i = 0; ctx && i < count; ++i)
        if (x[i]->ndim < 1 || x[i]->dim[0] < least || gan__each(x[i]) != gan__each(x[0])) {
            gan__fail(ctx, GAN_ERROR_SHAPE,
                      "%s: input %d is %t, the first %t; want samples (N, ...), N from %d, with as many "
                      "numbers each",
                      who, i + 1, x[i], x[0], least);
            return NULL;
        }
    return ctx;
}

static int gan__at_least(gan_context *ctx, const char *who, const char *what, double value, double least)
{
    if (value >= least) return 1;
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: %s is %f; it must be at least %f", who, what, value, least);
    return 0;
}

// |x - y|^2, the same for (y, x) to the bit; four sums, so that additions need not wait for each other.
static double gan__square_distance(int64_t f, const gan_real *x, const gan_real *y)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t i;
    for (i = 0; i + 3 < f; i += 4) {
        const double a = (double)x[i] - (double)y[i], b = (double)x[i + 1] - (double)y[i + 1];
        const double c = (double)x[i + 2] - (double)y[i + 2], d = (double)x[i + 3] - (double)y[i + 3];
        s0 += a * a;
        s1 += b * b;
        s2 += c * c;
        s3 += d * d;
    }
    for (; i < f; ++i) s0 += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return (s0 + s1) + (s2 + s3);
}

// ---- samples made ready for products

// c = (x - mean) scale, so that products lose nothing to an offset that all samples share, nor overflow.
typedef struct gan__frame {
    int64_t f;
    double *mean, scale; // a power of 2
} gan__frame;

typedef struct gan__set {
    int64_t n, f;
    const gan_real *x; // as they are
    gan_real *c;       // made ready
    double *norm;      // |c|^2
} gan__set;

typedef struct gan__ready {
    const gan__frame *frame;
    const gan__set *set;
} gan__ready;

enum { GAN__MEAN_COLUMNS = 64 };

static void gan__mean_task(void *arg, int64_t task)
{
    const gan__ready *r = (const gan__ready *)arg;
    const int64_t f = r->set->f, from = task * GAN__MEAN_COLUMNS,
                  to = GAN__LEAST(f, from + GAN__MEAN_COLUMNS);
    double *mean = r->frame->mean;
    int64_t i, j;
    for (j = from; j < to; ++j) mean[j] = 0;
    for (i = 0; i < r->set->n; ++i)
        for (j = from; j < to; ++j) mean[j] += (double)r->set->x[i * f + j];
    for (j = from; j < to; ++j) mean[j] /= (double)r->set->n;
}

static int gan__set_mean(gan_context *ctx, const gan__set *s, gan__frame *frame)
{
    gan__ready r;
    r.frame = frame;
    r.set = s;
    frame->f = s->f;
    frame->scale = 1;
    frame->mean = (double *)gan__work(ctx, s->f, 1, sizeof *frame->mean);
    if (!frame->mean) return 1;
    gan__par(ctx, (s->f + GAN__MEAN_COLUMNS - 1) / GAN__MEAN_COLUMNS, s->n * s->f, gan__mean_task, &r);
    return 0;
}

static gan__set gan__set_over(const gan_tensor *x)
{
    gan__set s;
    s.n = x->dim[0];
    s.f = gan__each(x);
    s.x = x->data;
    s.c = NULL;
    s.norm = NULL;
    return s;
}

static void gan__set_task(void *arg, int64_t i)
{
    const gan__ready *r = (const gan__ready *)arg;
    const int64_t f = r->set->f;
    const double scale = r->frame->scale, *mean = r->frame->mean;
    const gan_real *x = r->set->x + i * f;
    gan_real *c = r->set->c + i * f;
    double norm = 0;
    int64_t j;
    for (j = 0; j < f; ++j) {
        c[j] = (gan_real)(((double)x[j] - mean[j]) * scale);
        norm += (double)c[j] * (double)c[j];
    }
    r->set->norm[i] = norm;
}

static void gan__set_fill(gan_context *ctx, const gan__frame *frame, gan__set *s)
{
    gan__ready r;
    r.frame = frame;
    r.set = s;
    gan__par(ctx, s->n, s->n * s->f, gan__set_task, &r);
}

static int gan__set_make(gan_context *ctx, const gan__frame *frame, gan__set *s)
{
    s->c = (gan_real *)gan__work(ctx, s->n, s->f, sizeof *s->c);
    s->norm = (double *)gan__work(ctx, s->n, 1, sizeof *s->norm);
    if (!s->c || !s->norm) return 1;
    gan__set_fill(ctx, frame, s);
    return 0;
}

// All of them in the frame of the first one's mean and the largest number of any.
static int gan__sets(gan_context *ctx, int count, gan_tensor *const *x, gan__frame *frame, gan__set *s)
{
    double most = 0;
    int i, e;
    for (i = 0; i < count; ++i) s[i] = gan__set_over(x[i]);
    if (gan__set_mean(ctx, &s[0], frame)) return 1;
    for (i = 0; i < count; ++i) {
        int64_t k, j;
        for (k = 0; k < s[i].n; ++k)
            for (j = 0; j < s[i].f; ++j)
                most = GAN__MOST(most, fabs((double)s[i].x[k * s[i].f + j] - frame->mean[j]));
    }
    (void)frexp(most, &e);
    frame->scale = most > 0 ? ldexp(1, -e) : 1;
    for (i = 0; i < count; ++i)
        if (gan__set_make(ctx, frame, &s[i])) return 1;
    return 0;
}

// All inner products of n rows of a with m rows of b, a tile at a time, so that memory is a tile's.
typedef struct gan__tiles {
    int64_t n, m, f;
    const gan_real *a, *b;
    int upper; // only pairs i < j of a = b are of interest
    // product[j - j0] = <a_i, b_j> for j0 <= j < j0 + count; each i by itself, its j in order
    void (*row)(const struct gan__tiles *s, int64_t i, int64_t j0, int64_t count, gan_real *product);
    void *user;
    gan_real *tile;
    int64_t i0, j0, count;
} gan__tiles;

enum { GAN__TILES_ROWS = 1024, GAN__TILES_COLS = 2048 };

static void gan__tiles_task(void *arg, int64_t i)
{
    const gan__tiles *s = (const gan__tiles *)arg;
    s->row(s, s->i0 + i, s->j0, s->count, s->tile + i * s->count);
}

static int gan__tiles_run(gan_context *ctx, gan__tiles *s)
{
    const int64_t rows = GAN__LEAST(s->n, (int64_t)GAN__TILES_ROWS),
                  cols = GAN__LEAST(s->m, (int64_t)GAN__TILES_COLS);
    int error = 0;
    s->tile = (gan_real *)gan__work(ctx, rows, cols, sizeof *s->tile);
    for (s->i0 = 0; s->tile && !error && s->i0 < s->n; s->i0 += rows)
        for (s->j0 = 0; !error && s->j0 < s->m; s->j0 += cols) {
            const int64_t n = GAN__LEAST(rows, s->n - s->i0);
            s->count = GAN__LEAST(cols, s->m - s->j0);
            if (s->upper && s->j0 + s->count <= s->i0) continue;
            error = gan__gemm(ctx, 0, 1, n, s->count, s->f, s->a + s->i0 * s->f, s->f, s->b + s->j0 * s->f,
                              s->f, 0, s->tile, s->count, NULL);
            if (!error) gan__par(ctx, n, n * s->count * 4, gan__tiles_task, s);
        }
    if (s->tile) gan__scratch_free(ctx, s->tile);
    return error || !s->tile;
}

// ---- histograms

// The bin of x among n equal ones of lo .. hi, -1 outside; by the same edges as NumPy: lo + k (hi - lo) / n.
static int gan__bin(double x, double lo, double hi, int n)
{
    const double width = (hi - lo) / n;
    int k;
    if (!(x >= lo && x <= hi)) return -1;
    k = (int)GAN__LEAST((x - lo) / width, (double)(n - 1));
    if (k > 0 && x < lo + k * width) --k;
    if (k < n - 1 && x >= lo + (k + 1) * width) ++k;
    return k;
}

GAN_API gan_tensor *gan_histogram(gan_tensor *x, gan_real lo, gan_real hi, int bins)
{
    enum { AXES = 3 };
    gan_context *ctx = gan__samples("histogram", 1, &x, 1);
    gan_tensor *y;
    int dim[AXES], d, axes;
    int64_t i;
    size_t cells;
    if (!ctx) return x ? x->ctx->poison : NULL;
    axes = (int)GAN__LEAST(gan__each(x), AXES + 1);
    for (d = 0; d < AXES; ++d) dim[d] = bins;
    if (axes > AXES)
        return gan__fail(ctx, GAN_ERROR_SHAPE, "histogram: samples %t; want 1 to 3 numbers each", x);
    if (bins < 1 || gan__count(axes, dim, &cells) || !(hi > lo) || !gan__is_finite(hi - lo))
        return gan__fail(ctx, GAN_ERROR_ARGUMENT, "histogram: %d bins from %f to %f", bins, (double)lo,
                         (double)hi);
    y = gan_tensor_create(ctx, axes, dim);
    if (gan__is_poison(y)) return y;
    for (i = 0; i < x->dim[0]; ++i) {
        int64_t at = 0;
        for (d = 0; d < axes && at >= 0; ++d) {
            const int k = gan__bin((double)x->data[i * axes + d], (double)lo, (double)hi, bins);
            at = k < 0 ? -1 : at * bins + k;
        }
        if (at >= 0) y->data[at] += 1; // in float exact up to 2^24
    }
    return y;
}

// Two lists of weights as they are compared: their sums.
typedef struct gan__weights {
    const gan_real *p, *q;
    int64_t n;
    double p_sum, q_sum;
} gan__weights;

static gan_context *gan__weights_of(const char *who, gan_tensor *p, gan_tensor *q, gan__weights *w)
{
    gan_tensor *in[2];
    gan_context *ctx;
    int64_t i;
    int negative = 0;
    in[0] = p;
    in[1] = q;
    memset(w, 0, sizeof *w);
    ctx = gan__measurable(who, 2, in);
    if (!ctx) return NULL;
    if (p->size != q->size) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "%s: weights %t and %t; want as many of each", who, p, q);
        return NULL;
    }
    w->p = p->data;
    w->q = q->data;
    w->n = (int64_t)p->size;
    for (i = 0; i < w->n; ++i) {
        negative |= w->p[i] < 0 || w->q[i] < 0;
        w->p_sum += (double)w->p[i];
        w->q_sum += (double)w->q[i];
    }
    if (!negative && w->p_sum > 0 && w->q_sum > 0) return ctx;
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: weights must not be negative, nor all be zero", who);
    return NULL;
}

// p log(p / q), the term of a Kullback-Leibler divergence
static double gan__kl_term(double p, double q)
{
    if (p <= 0) return 0;
    return q > 0 ? p * log(p / q) : HUGE_VAL;
}

GAN_API double gan_kl_divergence(gan_tensor *p, gan_tensor *q)
{
    gan__weights w;
    double sum = 0;
    int64_t i;
    if (!gan__weights_of("kl_divergence", p, q, &w)) return gan__nan();
    for (i = 0; i < w.n; ++i) sum += gan__kl_term((double)w.p[i] / w.p_sum, (double)w.q[i] / w.q_sum);
    return GAN__MOST(sum, 0);
}

GAN_API double gan_js_divergence(gan_tensor *p, gan_tensor *q)
{
    gan__weights w;
    double sum = 0;
    int64_t i;
    if (!gan__weights_of("js_divergence", p, q, &w)) return gan__nan();
    for (i = 0; i < w.n; ++i) {
        const double a = (double)w.p[i] / w.p_sum, b = (double)w.q[i] / w.q_sum;
        sum += (gan__kl_term(a, (a + b) / 2) + gan__kl_term(b, (a + b) / 2)) / 2;
    }
    return GAN__MOST(sum, 0);
}

GAN_API double gan_tv_distance(gan_tensor *p, gan_tensor *q)
{
    gan__weights w;
    double sum = 0;
    int64_t i;
    if (!gan__weights_of("tv_distance", p, q, &w)) return gan__nan();
    for (i = 0; i < w.n; ++i) sum += fabs((double)w.p[i] / w.p_sum - (double)w.q[i] / w.q_sum) / 2;
    return sum;
}

GAN_API double gan_wasserstein_histogram(gan_tensor *p, gan_tensor *q, gan_real width)
{
    gan__weights w;
    gan_context *ctx = gan__weights_of("wasserstein_histogram", p, q, &w);
    double sum = 0, above = 0; // what p has more than q so far
    int64_t i;
    if (!ctx || !gan__at_least(ctx, "wasserstein_histogram", "width", (double)width, 0)) return gan__nan();
    for (i = 0; i < w.n; ++i) {
        above += (double)w.p[i] / w.p_sum - (double)w.q[i] / w.q_sum;
        sum += fabs(above);
    }
    return sum * (double)width;
}

// >>transport: earth mover's distances; may use floors 0 to 7, density; tests/test_transport.c

// ---- on a line

#ifdef GAN_DOUBLE
typedef uint64_t gan__key;
#else
typedef uint32_t gan__key;
#endif

// Sorts v (fewer than 2^32 numbers), by a radix sort of 11 bits at a time over the order of the bits;
// room for 2 n keys.
static void gan__sort(int64_t n, gan_real *v, gan__key *room)
{
    enum { BITS = 11, BINS = 1 << BITS, TOP = 8 * sizeof(gan__key) - 1, PASSES = TOP / BITS + 1 };
    const gan__key sign = (gan__key)1 << TOP, digit = BINS - 1;
    gan__key *from = room, *to = room + n, *other;
    uint32_t start[PASSES][BINS];
    int64_t i;
    int p, k;
    memset(start, 0, sizeof start);
    for (i = 0; i < n; ++i) {
        gan__key u;
        memcpy(&u, &v[i], sizeof u);
        u = from[i] = u & sign ? ~u : u | sign;
        for (p = 0; p < (int)PASSES; ++p) start[p][u >> p * (int)BITS & digit]++;
    }
    for (p = 0; p < (int)PASSES; ++p) {
        uint32_t at = 0;
        for (k = 0; k < (int)BINS; ++k) {
            const uint32_t here = start[p][k];
            start[p][k] = at;
            at += here;
        }
        for (i = 0; i < n; ++i) to[start[p][from[i] >> p * (int)BITS & digit]++] = from[i];
        other = from;
        from = to;
        to = other;
    }
    for (i = 0; i < n; ++i) {
        const gan__key u = from[i] & sign ? from[i] ^ sign : ~from[i];
        memcpy(&v[i], &u, sizeof u);
    }
}

static double gan__power(double x, double p) { return p == 1 ? x : p == 2 ? x * x : pow(x, p); }

// The integral over t in 0 .. 1 of |x(t) - y(t)|^p of the quantiles of n sorted x and m sorted y; in units of
// 1 / (n m) x_i reaches to (i + 1) m and y_j to (j + 1) n.
static double gan__quantiles(int64_t n, const gan_real *x, int64_t m, const gan_real *y, double p)
{
    int64_t i = 0, j = 0, at = 0;
    double sum = 0;
    while (i < n && j < m) {
        const int64_t x_end = (i + 1) * m, y_end = (j + 1) * n, end = GAN__LEAST(x_end, y_end);
        sum += (double)(end - at) * gan__power(fabs((double)x[i] - (double)y[j]), p);
        at = end;
        i += end == x_end;
        j += end == y_end;
    }
    return sum / ((double)n * (double)m);
}

// W_p^p of `lines` pairs of n and m numbers, each pair a task; they are sorted on the way.
typedef struct gan__lines {
    int64_t n, m;
    gan_real *x, *y;
    gan__key *room; // 2 max(n, m) each
    double power, *out;
} gan__lines;

static void gan__lines_task(void *arg, int64_t i)
{
    const gan__lines *l = (const gan__lines *)arg;
    gan_real *x = l->x + i * l->n, *y = l->y + i * l->m;
    gan__key *room = l->room + i * 2 * GAN__MOST(l->n, l->m);
    gan__sort(l->n, x, room);
    gan__sort(l->m, y, room);
    l->out[i] = gan__quantiles(l->n, x, l->m, y, l->power);
}

static int gan__lines_make(gan_context *ctx, int64_t count, int64_t n, int64_t m, double power, gan__lines *l)
{
    l->n = n;
    l->m = m;
    l->power = power;
    l->x = (gan_real *)gan__work(ctx, count, n, sizeof *l->x);
    l->y = (gan_real *)gan__work(ctx, count, m, sizeof *l->y);
    l->room = (gan__key *)gan__work(ctx, 2 * count, GAN__MOST(n, m), sizeof *l->room);
    l->out = (double *)gan__work(ctx, count, 1, sizeof *l->out);
    return !l->x || !l->y || !l->room || !l->out;
}

static double gan__lines_sum(gan_context *ctx, gan__lines *l, int64_t count)
{
    double sum = 0;
    int64_t i;
    gan__par(ctx, count, count * (l->n + l->m) * 16, gan__lines_task, l);
    for (i = 0; i < count; ++i) sum += l->out[i];
    return sum;
}

GAN_API double gan_wasserstein_1d(gan_tensor *x, gan_tensor *y, gan_real power)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__lines l;
    double w = gan__nan();
    in[0] = x;
    in[1] = y;
    ctx = gan__measurable("wasserstein_1d", 2, in);
    if (!ctx || !gan__at_least(ctx, "wasserstein_1d", "power", (double)power, 1)) return w;
    gan_scope_open(ctx);
    if (!gan__lines_make(ctx, 1, (int64_t)x->size, (int64_t)y->size, (double)power, &l)) {
        memcpy(l.x, x->data, x->size * sizeof *l.x);
        memcpy(l.y, y->data, y->size * sizeof *l.y);
        w = pow(gan__lines_sum(ctx, &l, 1), 1 / (double)power);
    }
    gan_scope_close(ctx);
    return w;
}

// `count` unit vectors of f numbers, even on the sphere
static gan_real *gan__directions(gan_context *ctx, const char *stream, int64_t count, int64_t f)
{
    gan_real *d = (gan_real *)gan__work(ctx, count, f, sizeof *d);
    gan__rng rng = gan__rng_stream(ctx, stream);
    int64_t i, j;
    if (!d) return NULL;
    gan__draw_normal(ctx, &rng, d, (size_t)(count * f));
    for (i = 0; i < count; ++i) {
        double norm = 0;
        for (j = 0; j < f; ++j) norm += (double)d[i * f + j] * (double)d[i * f + j];
        norm = norm > 0 ? 1 / sqrt(norm) : 0;
        for (j = 0; j < f; ++j) d[i * f + j] = (gan_real)((double)d[i * f + j] * norm);
    }
    return d;
}

// So many directions are worked at once as fit into this many projections.
static int64_t gan__directions_at_once(int64_t directions, int64_t n, int64_t m)
{
    const int64_t most = ((int64_t)1 << 25) / (n + m);
    return GAN__LEAST(directions, GAN__MOST(most, 4));
}

GAN_API double gan_wasserstein_sliced(gan_tensor *x, gan_tensor *y, int directions, gan_real power)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan__lines l;
    gan_real *d;
    double sum = 0;
    int64_t i, step;
    int error;
    in[0] = x;
    in[1] = y;
    ctx = gan__samples("wasserstein_sliced", 2, in, 1);
    if (!ctx || !gan__at_least(ctx, "wasserstein_sliced", "power", (double)power, 1) ||
        !gan__at_least(ctx, "wasserstein_sliced", "directions", directions, 0))
        return gan__nan();
    if (!directions) directions = 128;
    gan_scope_open(ctx);
    step = gan__directions_at_once(directions, x->dim[0], y->dim[0]);
    d = gan__directions(ctx, "wasserstein_sliced", directions, gan__each(x));
    error = !d || gan__sets(ctx, 2, in, &frame, s) ||
            gan__lines_make(ctx, step, s[0].n, s[1].n, (double)power, &l);
    for (i = 0; !error && i < directions; i += step) {
        const int64_t count = GAN__LEAST(step, directions - i), f = s[0].f;
        error = gan__gemm(ctx, 0, 1, count, l.n, f, d + i * f, f, s[0].c, f, 0, l.x, l.n, NULL) ||
                gan__gemm(ctx, 0, 1, count, l.m, f, d + i * f, f, s[1].c, f, 0, l.y, l.m, NULL);
        if (!error) sum += gan__lines_sum(ctx, &l, count);
    }
    gan_scope_close(ctx);
    return error ? gan__nan() : pow(sum / directions, 1 / (double)power) / frame.scale;
}

// ---- patches of Laplacian pyramids (Karras 2018, section 5)

enum { GAN__PATCH = 7 };

// One set's pictures at one level.
typedef struct gan__level {
    int64_t n, patches; // pictures, patches of each
    int c, h, w;
    gan_real *image, *next; // (n, c, h, w); the next level, (n, c, h / 2, w / 2)
    const int *at;          // where patch p of picture i begins, in pixels of a plane
    double *mean, *scale;   // of all patches, by channel: 1 / standard deviation
    gan_real *patch;        // of `block` pictures, normalised
    int64_t first, block;
} gan__level;

static int gan__mirror(int i, int n) { return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i; }

// At (y, x) of a plane the mean under 1 4 6 4 1 in both directions; the plane goes on as its mirror
// image. every 2: x holds the even pixels alone, the others are zeros.
static double gan__binomial(const gan_real *x, int h, int w, int every, int row, int column)
{
    static const double weight[5] = {1. / 16, 4. / 16, 6. / 16, 4. / 16, 1. / 16};
    double sum = 0;
    int i, j;
    for (i = 0; i < 5; ++i) {
        const int y = gan__mirror(row + i - 2, h);
        if (y % every) continue;
        for (j = 0; j < 5; ++j) {
            const int k = gan__mirror(column + j - 2, w);
            if (k % every == 0) sum += weight[i] * weight[j] * (double)x[y / every * (w / every) + k / every];
        }
    }
    return sum;
}

// A plane: the next level, and what it leaves of this one.
static void gan__laplacian_task(void *arg, int64_t plane)
{
    const gan__level *l = (const gan__level *)arg;
    const int h = l->h, w = l->w;
    gan_real *x = l->image + plane * h * w, *next = l->next + plane * (h / 2) * (w / 2);
    int i, j;
    for (i = 0; i < h / 2; ++i)
        for (j = 0; j < w / 2; ++j) next[i * (w / 2) + j] = (gan_real)gan__binomial(x, h, w, 1, 2 * i, 2 * j);
    for (i = 0; i < h; ++i)
        for (j = 0; j < w; ++j)
            x[i * w + j] = (gan_real)((double)x[i * w + j] - 4 * gan__binomial(next, h, w, 2, i, j));
}

static void gan__patch_task(void *arg, int64_t i)
{
    const gan__level *l = (const gan__level *)arg;
    const int *at = l->at + (l->first + i) * l->patches;
    gan_real *out = l->patch + i * l->patches * l->c * GAN__PATCH * GAN__PATCH;
    int64_t p;
    int c, row, k;
    for (p = 0; p < l->patches; ++p)
        for (c = 0; c < l->c; ++c)
            for (row = 0; row < GAN__PATCH; ++row, out += GAN__PATCH) {
                const gan_real *x = l->image + (((l->first + i) * l->c + c) * l->h + row) * l->w + at[p];
                for (k = 0; k < GAN__PATCH; ++k)
                    out[k] = (gan_real)(((double)x[k] - l->mean[c]) * l->scale[c]);
            }
}

// Mean and deviation of channel c over all patches.
static void gan__patch_moments(void *arg, int64_t c)
{
    const gan__level *l = (const gan__level *)arg;
    const double count = (double)l->n * (double)l->patches * GAN__PATCH * GAN__PATCH;
    double mean = 0, square = 0;
    int64_t i, p;
    int pass, row, k;
    for (pass = 0; pass < 2; ++pass) {
        double sum = 0;
        for (i = 0; i < l->n; ++i)
            for (p = 0; p < l->patches; ++p)
                for (row = 0; row < GAN__PATCH; ++row) {
                    const gan_real *x =
                        l->image + ((i * l->c + c) * l->h + row) * l->w + l->at[i * l->patches + p];
                    for (k = 0; k < GAN__PATCH; ++k) {
                        const double d = (double)x[k] - mean;
                        sum += pass ? d * d : d;
                    }
                }
        if (pass) square = sum / count;
        else mean = sum / count;
    }
    l->mean[c] = mean;
    l->scale[c] = square > 0 ? 1 / sqrt(square) : 0;
}

// The projections of all patches of l on `count` directions d: out (count, n patches).
static int gan__patch_project(gan_context *ctx, gan__level *l, int64_t count, const gan_real *d,
                              gan_real *out)
{
    const int64_t f = (int64_t)l->c * GAN__PATCH * GAN__PATCH, all = l->n * l->patches;
    for (l->first = 0; l->first < l->n; l->first += l->block) {
        const int64_t n = GAN__LEAST(l->block, l->n - l->first);
        gan__par(ctx, n, n * l->patches * f, gan__patch_task, l);
        if (gan__gemm(ctx, 0, 1, count, n * l->patches, f, d, f, l->patch, f, 0, out + l->first * l->patches,
                      all, NULL))
            return 1;
    }
    return 0;
}

// What a set needs for all levels; its pictures are copied.
static int gan__level_make(gan_context *ctx, const gan_tensor *x, int patches, const int *at, gan__level *l)
{
    const int64_t f = (int64_t)x->dim[1] * GAN__PATCH * GAN__PATCH;
    l->n = x->dim[0];
    l->c = x->dim[1];
    l->h = x->dim[2];
    l->w = x->dim[3];
    l->patches = patches;
    l->at = at;
    l->block = GAN__LEAST(l->n, 1 + 65536 / patches);
    l->image = (gan_real *)gan__work(ctx, (int64_t)x->size, 1, sizeof *l->image);
    l->mean = (double *)gan__work(ctx, 2, l->c, sizeof *l->mean);
    l->patch = (gan_real *)gan__work(ctx, l->block * patches, f, sizeof *l->patch);
    if (!l->image || !l->mean || !l->patch) return 1;
    l->scale = l->mean + l->c;
    memcpy(l->image, x->data, x->size * sizeof *l->image);
    return 0;
}

// Sliced W_1 of the patches of both sets at this level.
static int gan__level_distance(gan_context *ctx, gan__level *l, gan__lines *lines, int64_t step,
                               int64_t directions, const gan_real *d, double *out)
{
    const int64_t f = (int64_t)l[0].c * GAN__PATCH * GAN__PATCH;
    int64_t i;
    int k;
    double sum = 0;
    for (k = 0; k < 2; ++k) gan__par(ctx, l[k].c, l[k].n * l[k].patches * f, gan__patch_moments, &l[k]);
    for (i = 0; i < directions; i += step) {
        const int64_t count = GAN__LEAST(step, directions - i);
        if (gan__patch_project(ctx, &l[0], count, d + i * f, lines->x) ||
            gan__patch_project(ctx, &l[1], count, d + i * f, lines->y))
            return 1;
        sum += gan__lines_sum(ctx, lines, count);
    }
    *out = sum / (double)directions;
    return 0;
}

// Where patches begin: drawn anew for each level, the same for both sets.
static void gan__patch_places(gan__rng *rng, int64_t count, int h, int w, int *at)
{
    int64_t i;
    for (i = 0; i < count; ++i) {
        const int y = (int)gan__rng_below(rng, (uint32_t)(h - GAN__PATCH + 1));
        at[i] = y * w + (int)gan__rng_below(rng, (uint32_t)(w - GAN__PATCH + 1));
    }
}

static int gan__pyramid(gan_context *ctx, gan_tensor *const *x, int levels, int patches, int directions,
                        gan_real *out)
{
    const int64_t most = GAN__MOST(x[0]->dim[0], x[1]->dim[0]);
    const int64_t n = (int64_t)x[0]->dim[0] * patches, m = (int64_t)x[1]->dim[0] * patches;
    const int64_t step = gan__directions_at_once(directions, n, m);
    int *at = (int *)gan__work(ctx, most, patches, sizeof *at), level, k;
    gan_real *d = gan__directions(ctx, "wasserstein_pyramid", directions,
                                  (int64_t)x[0]->dim[1] * GAN__PATCH * GAN__PATCH);
    gan__rng rng = gan__rng_stream(ctx, "wasserstein_pyramid.places");
    gan__level l[2];
    gan__lines lines;
    double w;
    if (!at || !d || gan__level_make(ctx, x[0], patches, at, &l[0]) ||
        gan__level_make(ctx, x[1], patches, at, &l[1]) || gan__lines_make(ctx, step, n, m, 1, &lines))
        return 1;
    for (level = 0; level < levels; ++level) {
        gan__patch_places(&rng, most * patches, l[0].h, l[0].w, at);
        for (k = 0; k < 2 && level + 1 < levels; ++k) {
            l[k].next =
                (gan_real *)gan__work(ctx, l[k].n * l[k].c, (l[k].h / 2) * (l[k].w / 2), sizeof(gan_real));
            if (!l[k].next) return 1;
            gan__par(ctx, l[k].n * l[k].c, l[k].n * l[k].c * l[k].h * l[k].w * 16, gan__laplacian_task,
                     &l[k]);
        }
        if (gan__level_distance(ctx, l, &lines, step, directions, d, &w)) return 1;
        out[level] = (gan_real)w;
        for (k = 0; k < 2; ++k) {
            l[k].image = l[k].next;
            l[k].h /= 2;
            l[k].w /= 2;
        }
    }
    return 0;
}

GAN_API gan_tensor *gan_wasserstein_pyramid(gan_tensor *real, gan_tensor *fake, int levels, int patches,
                                            int directions)
{
    gan_tensor *in[2], *y;
    gan_context *ctx;
    int side, error, i, fits = 1;
    in[0] = real;
    in[1] = fake;
    ctx = gan__measurable("wasserstein_pyramid", 2, in);
    if (!ctx) return real ? real->ctx->poison : fake ? fake->ctx->poison : NULL;
    for (i = 0; i < 2; ++i)
        fits &= in[i]->ndim == 4 && !memcmp(in[i]->dim + 1, real->dim + 1, 3 * sizeof(int));
    side = fits ? GAN__LEAST(real->dim[2], real->dim[3]) : 0;
    if (!levels)
        for (levels = 1; levels < 16 && side >> levels >= 16; ++levels) {}
    if (!fits || levels < 1 || levels > 16 || (real->dim[2] | real->dim[3]) % (1 << (levels - 1)) ||
        side >> (levels - 1) < GAN__PATCH)
        return gan__fail(
            ctx, GAN_ERROR_SHAPE,
            "wasserstein_pyramid: pictures %t and %t, %d levels; want (N, C, H, W), H and W divisible "
            "by 2^(levels-1), the coarsest at least 7",
            real, fake, levels);
    if (!gan__at_least(ctx, "wasserstein_pyramid", "patches", patches, 0) ||
        !gan__at_least(ctx, "wasserstein_pyramid", "directions", directions, 0))
        return ctx->poison;
    y = gan_tensor_create(ctx, 1, &levels);
    if (gan__is_poison(y)) return y;
    gan_scope_open(ctx);
    error = gan__pyramid(ctx, in, levels, patches ? patches : 128, directions ? directions : 512, y->data);
    gan_scope_close(ctx);
    return error ? ctx->poison : y;
}

// ---- between points

// cost[i][j] = |x_i - y_j|^p
typedef struct gan__costs {
    int64_t m, f;
    const gan_real *x, *y;
    double power, *cost;
} gan__costs;

static void gan__costs_task(void *arg, int64_t i)
{
    const gan__costs *c = (const gan__costs *)arg;
    int64_t j;
    for (j = 0; j < c->m; ++j) {
        const double d = gan__square_distance(c->f, c->x + i * c->f, c->y + j * c->f);
        c->cost[i * c->m + j] = c->power == 1 ? sqrt(d) : gan__power(d, c->power / 2);
    }
}

static double *gan__costs_make(gan_context *ctx, const gan_tensor *x, const gan_tensor *y, double power)
{
    gan__costs c;
    const int64_t n = x->dim[0];
    c.m = y->dim[0];
    c.f = gan__each(x);
    c.x = x->data;
    c.y = y->data;
    c.power = power;
    c.cost = (double *)gan__work(ctx, n, c.m, sizeof *c.cost);
    if (c.cost) gan__par(ctx, n, n * c.m * c.f, gan__costs_task, &c);
    return c.cost;
}

// The assignment problem by shortest augmenting paths (Jonker and Volgenant 1987; Crouse 2016): rows are
// added one at a time along a path of least reduced cost cost[i][j] - u[i] - v[j], which stays 0 on pairs
// and never becomes negative.
typedef struct gan__assign {
    int64_t n, m;
    const double *cost;
    double *u, *v, *length; // potentials; of the shortest path to each column
    int *column, *row;      // partner of each row, of each column; -1
    int *before, *open;     // the row before a column on its path; columns not reached for good
    char *row_done, *column_done;
} gan__assign;

static int gan__assign_make(gan_context *ctx, int64_t n, int64_t m, const double *cost, gan__assign *a)
{
    int64_t i;
    a->n = n;
    a->m = m;
    a->cost = cost;
    a->u = (double *)gan__work(ctx, n + 2 * m, 1, sizeof *a->u);
    a->column = (int *)gan__work(ctx, n + 3 * m, 1, sizeof *a->column);
    a->row_done = (char *)gan__work(ctx, n + m, 1, 1);
    if (!a->u || !a->column || !a->row_done) return 1;
    a->v = a->u + n;
    a->length = a->v + m;
    a->row = a->column + n;
    a->before = a->row + m;
    a->open = a->before + m;
    a->column_done = a->row_done + n;
    for (i = 0; i < n + m; ++i) a->u[i] = 0;
    for (i = 0; i < n + m; ++i) a->column[i] = -1;
    return 0;
}

// Paths from row `start` to the first column without a partner, which is returned; *reach is its length.
static int64_t gan__assign_path(gan__assign *a, int64_t start, double *reach)
{
    int64_t i = start, j, k, left = a->m, best;
    double least = 0;
    memset(a->row_done, 0, (size_t)(a->n + a->m));
    for (j = 0; j < a->m; ++j) {
        a->length[j] = HUGE_VAL;
        a->open[j] = (int)(a->m - 1 - j);
    }
    for (;;) {
        const double *cost = a->cost + i * a->m, base = least - a->u[i];
        a->row_done[i] = 1;
        least = HUGE_VAL;
        for (best = 0, k = 0; k < left; ++k) {
            double r;
            j = a->open[k];
            r = base + cost[j] - a->v[j];
            if (r < a->length[j]) {
                a->length[j] = r;
                a->before[j] = (int)i;
            }
            if (a->length[j] < least || (a->length[j] <= least && a->row[j] < 0)) {
                least = a->length[j];
                best = k;
            }
        }
        j = a->open[best];
        a->open[best] = a->open[--left];
        a->column_done[j] = 1;
        if (a->row[j] < 0) break;
        i = a->row[j];
    }
    *reach = least;
    return j;
}

static void gan__assign_row(gan__assign *a, int64_t start)
{
    double reach;
    int64_t i, j, end = gan__assign_path(a, start, &reach);
    a->u[start] += reach;
    for (i = 0; i < a->n; ++i)
        if (a->row_done[i] && i != start) a->u[i] += reach - a->length[a->column[i]];
    for (j = 0; j < a->m; ++j)
        if (a->column_done[j]) a->v[j] -= reach - a->length[j];
    for (j = end, i = -1; i != start; j = end) {
        i = a->before[j];
        a->row[j] = (int)i;
        end = a->column[i];
        a->column[i] = (int)j;
    }
}

static int gan__assignment(gan_context *ctx, int64_t n, int64_t m, const double *cost, gan__assign *a)
{
    int64_t i;
    if (gan__assign_make(ctx, n, m, cost, a)) return 1;
    for (i = 0; i < n; ++i) gan__assign_row(a, i);
    return 0;
}

GAN_API gan_tensor *gan_assignment(gan_tensor *cost)
{
    gan_context *ctx = gan__measurable("assignment", 1, &cost);
    gan_tensor *y;
    gan__assign a;
    double *c;
    size_t i;
    int error, k;
    if (!ctx) return cost ? cost->ctx->poison : NULL;
    if (cost->ndim != 2 || cost->dim[0] > cost->dim[1])
        return gan__fail(ctx, GAN_ERROR_SHAPE, "assignment: costs %t; want (N, M), N at most M", cost);
    y = gan_tensor_create(ctx, 1, cost->dim);
    if (gan__is_poison(y)) return y;
    gan_scope_open(ctx);
    c = (double *)gan__work(ctx, (int64_t)cost->size, 1, sizeof *c);
    for (i = 0; c && i < cost->size; ++i) c[i] = (double)cost->data[i];
    error = !c || gan__assignment(ctx, cost->dim[0], cost->dim[1], c, &a);
    for (k = 0; !error && k < cost->dim[0]; ++k) y->data[k] = (gan_real)a.column[k];
    gan_scope_close(ctx);
    return error ? ctx->poison : y;
}

GAN_API double gan_wasserstein_exact(gan_tensor *x, gan_tensor *y, gan_real power)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__assign a;
    double *cost, sum = 0;
    int64_t i;
    int error;
    in[0] = x;
    in[1] = y;
    ctx = gan__samples("wasserstein_exact", 2, in, 1);
    if (!ctx || !gan__at_least(ctx, "wasserstein_exact", "power", (double)power, 1)) return gan__nan();
    if (x->dim[0] != y->dim[0]) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "wasserstein_exact: %t and %t; take as many samples of both", x, y);
        return gan__nan();
    }
    gan_scope_open(ctx);
    cost = gan__costs_make(ctx, x, y, (double)power);
    error = !cost || gan__assignment(ctx, x->dim[0], x->dim[0], cost, &a);
    for (i = 0; !error && i < x->dim[0]; ++i) sum += cost[i * x->dim[0] + a.column[i]];
    sum = error ? gan__nan() : pow(sum / x->dim[0], 1 / (double)power);
    gan_scope_close(ctx);
    return sum;
}

// to[i] = log n_j - log sum_j exp(from[j] - cost[i si + j sj] / epsilon)
typedef struct gan__soften {
    int64_t n, m, si, sj;
    const double *cost, *from;
    double *to, each; // 1 / epsilon
} gan__soften;

enum { GAN__SOFTEN_ROWS = 16 };

static void gan__soften_task(void *arg, int64_t task)
{
    const gan__soften *s = (const gan__soften *)arg;
    int64_t i, j;
    for (i = task * GAN__SOFTEN_ROWS; i < GAN__LEAST(s->n, (task + 1) * GAN__SOFTEN_ROWS); ++i) {
        const double *cost = s->cost + i * s->si;
        double most = -HUGE_VAL, sum = 0;
        for (j = 0; j < s->m; ++j) most = GAN__MOST(most, s->from[j] - cost[j * s->sj] * s->each);
        for (j = 0; j < s->m; ++j) sum += exp(s->from[j] - cost[j * s->sj] * s->each - most);
        s->to[i] = log((double)s->m) - most - log(sum);
    }
}

static void gan__soften_run(gan_context *ctx, gan__soften *s)
{
    gan__par(ctx, (s->n + GAN__SOFTEN_ROWS - 1) / GAN__SOFTEN_ROWS, s->n * s->m * 16, gan__soften_task, s);
}

// The entropic transport cost of gan_sinkhorn (gan__transport has its letters), until converged. Within
// one set (cost symmetric, `same`) both potentials are one, and the mean of old and new converges far
// sooner (Feydy 2019, section 3.1). The dual's value is as good as the square of the margins' error.
static int gan__sinkhorn_cost(gan_context *ctx, int64_t n, int64_t m, const double *cost, int same,
                              double epsilon, int iterations, double *out)
{
    double *u = (double *)gan__work(ctx, 2 * n + m, 1, sizeof *u), *next, *w, off = 1, sum = 0;
    gan__soften row, column;
    int64_t i;
    int k;
    if (!u) return 1;
    next = u + n;
    w = next + n;
    for (i = 0; i < 2 * n + m; ++i) u[i] = 0;
    row.n = column.m = n;
    row.m = column.n = m;
    row.si = column.sj = m;
    row.sj = column.si = 1;
    row.cost = column.cost = cost;
    row.each = column.each = 1 / epsilon;
    row.from = same ? u : w;
    column.to = w;
    row.to = next;
    column.from = u;
    for (k = 0; k < iterations && off > 1e-7; ++k) {
        gan__soften_run(ctx, &row);
        for (off = 0, i = 0; i < n; ++i) { // the plan's rows have mass e^(u - next) / n
            off += fabs(exp(u[i] - next[i]) - 1) / (double)n;
            u[i] = same ? (u[i] + next[i]) / 2 : next[i];
        }
        if (!same) gan__soften_run(ctx, &column);
    }
    if (same) gan__soften_run(ctx, &column);
    for (i = 0; i < n; ++i) sum += u[i] / (double)n;
    for (i = 0; i < m; ++i) sum += w[i] / (double)m;
    *out = sum * epsilon;
    return 0;
}

GAN_API double gan_sinkhorn_divergence(gan_tensor *x, gan_tensor *y, gan_real epsilon, int iterations)
{
    gan_tensor *in[2];
    gan_context *ctx;
    double *cost, w[3], e = (double)epsilon;
    int64_t n, m, i;
    int k, error = 0;
    in[0] = x;
    in[1] = y;
    ctx = gan__samples("sinkhorn_divergence", 2, in, 1);
    if (!ctx || !gan__at_least(ctx, "sinkhorn_divergence", "epsilon", e, 0) ||
        !gan__at_least(ctx, "sinkhorn_divergence", "iterations", iterations, 0))
        return gan__nan();
    for (k = 0; k < 3 && !error; ++k) { // (x, y), (x, x), (y, y)
        const gan_tensor *a = k < 2 ? x : y, *b = k == 1 ? x : y;
        n = a->dim[0];
        m = b->dim[0];
        gan_scope_open(ctx);
        cost = gan__costs_make(ctx, a, b, 2);
        if (cost && !(e > 0)) {
            for (e = 0, i = 0; i < n * m; ++i) e += cost[i];
            e = e > 0 ? e / (20. * (double)n * (double)m) : 1;
        }
        error = !cost || gan__sinkhorn_cost(ctx, n, m, cost, k > 0, e, iterations ? iterations : 500, &w[k]);
        gan_scope_close(ctx);
    }
    return error ? gan__nan() : w[0] - (w[1] + w[2]) / 2;
}

// >>moment: distances by means, covariances, kernels; may use floors 0 to 7, density; tests/test_moment.c

// ---- symmetric matrices in double

enum { GAN__MATRIX_ROWS = 16 }; // of a task

// One step of a matrix product by rows: the rows first .. n - 1 of what `step` makes.
typedef struct gan__matrix_job {
    int64_t n, f, first, rank;
    double *a, *b, *c, *v, *w;
    double scale;
    void (*row)(const struct gan__matrix_job *j, int64_t i);
} gan__matrix_job;

static void gan__matrix_task(void *arg, int64_t task)
{
    const gan__matrix_job *j = (const gan__matrix_job *)arg;
    int64_t i = j->first + task * GAN__MATRIX_ROWS;
    const int64_t end = GAN__LEAST(j->n, i + GAN__MATRIX_ROWS);
    for (; i < end; ++i) j->row(j, i);
}

static void gan__matrix_run(gan_context *ctx, gan__matrix_job *j, int64_t work,
                            void (*row)(const gan__matrix_job *j, int64_t i))
{
    j->row = row;
    gan__par(ctx, (j->n - j->first + GAN__MATRIX_ROWS - 1) / GAN__MATRIX_ROWS, (j->n - j->first) * work,
             gan__matrix_task, j);
}

static double gan__dot(int64_t n, const double *x, const double *y)
{
    double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    int64_t i;
    for (i = 0; i + 3 < n; i += 4) {
        s0 += x[i] * y[i];
        s1 += x[i + 1] * y[i + 1];
        s2 += x[i + 2] * y[i + 2];
        s3 += x[i + 3] * y[i + 3];
    }
    for (; i < n; ++i) s0 += x[i] * y[i];
    return (s0 + s1) + (s2 + s3);
}

// w = scale A v, from row `first` on
static void gan__times_row(const gan__matrix_job *j, int64_t i)
{
    j->w[i] = j->scale * gan__dot(j->n - j->first, j->a + i * j->n + j->first, j->v + j->first);
}

// A -= v w' + w v'
static void gan__rank_two_row(const gan__matrix_job *j, int64_t i)
{
    double *a = j->a + i * j->n;
    const double vi = j->v[i], wi = j->w[i];
    int64_t k;
    for (k = j->first; k < j->n; ++k) a[k] -= vi * j->w[k] + wi * j->v[k];
}

// The symmetric a (n, n), overwritten, as a tridiagonal matrix with its eigenvalues, by Householder's
// reflections I - scale v v': d its diagonal, e[i] between i and i + 1. v and w are n numbers of working
// memory.
static void gan__tridiagonal(gan_context *ctx, int64_t n, double *a, double *d, double *e, double *v,
                             double *w)
{
    gan__matrix_job job;
    int64_t k, i;
    memset(&job, 0, sizeof job);
    job.n = n;
    job.a = a;
    job.v = v;
    job.w = w;
    for (k = 0; k + 2 < n; ++k) {
        const double *column = a + k * n; // symmetric: the row
        double norm, half;
        norm = sqrt(gan__dot(n - k - 1, column + k + 1, column + k + 1));
        d[k] = column[k];
        e[k] = column[k + 1] > 0 ? -norm : norm;
        if (!(norm > 0)) continue;
        for (i = k + 1; i < n; ++i) v[i] = column[i];
        v[k + 1] -= e[k];
        job.first = k + 1;
        job.scale = 2 / gan__dot(n - k - 1, v + k + 1, v + k + 1);
        gan__matrix_run(ctx, &job, n - k, gan__times_row);
        half = job.scale / 2 * gan__dot(n - k - 1, w + k + 1, v + k + 1);
        for (i = k + 1; i < n; ++i) w[i] -= half * v[i];
        gan__matrix_run(ctx, &job, n - k, gan__rank_two_row);
    }
    for (; k < n; ++k) {
        d[k] = a[k * n + k];
        e[k] = k + 1 < n ? a[k * n + k + 1] : 0;
    }
}

// One implicit QR sweep over lo .. hi with Wilkinson's shift (Golub and Van Loan, 8.3).
static void gan__qr_sweep(int64_t lo, int64_t hi, double *d, double *e)
{
    const double t = (d[hi - 1] - d[hi]) / 2, last = e[hi - 1];
    const double r = hypot(t, last), shift = d[hi] - last * last / (t + (t < 0 ? -r : r));
    double x = d[lo] - shift, z = e[lo];
    int64_t k;
    for (k = lo; k < hi; ++k) {
        const double norm = hypot(x, z), c = norm > 0 ? x / norm : 1, s = norm > 0 ? z / norm : 0;
        const double a = d[k], b = e[k], g = d[k + 1];
        if (k > lo) e[k - 1] = norm;
        d[k] = c * c * a + 2 * c * s * b + s * s * g;
        d[k + 1] = s * s * a - 2 * c * s * b + c * c * g;
        e[k] = c * s * (g - a) + (c * c - s * s) * b;
        if (k + 1 == hi) break;
        x = e[k];
        z = s * e[k + 1];
        e[k + 1] = c * e[k + 1];
    }
}

// d becomes the eigenvalues, in no order.
static void gan__tridiagonal_values(int64_t n, double *d, double *e)
{
    const double tiny = 2.220446049250313e-16;
    int64_t hi = n - 1, lo, sweeps = 60 * n;
    while (hi > 0 && sweeps > 0) {
        for (lo = hi; lo > 0; --lo)
            if (fabs(e[lo - 1]) <= tiny * (fabs(d[lo - 1]) + fabs(d[lo]))) break;
        if (lo == hi) {
            --hi;
            continue;
        }
        gan__qr_sweep(lo, hi, d, e);
        --sweeps;
    }
}

// The eigenvalues d of the symmetric a (n, n), which is overwritten. 1: no memory.
static int gan__eigenvalues(gan_context *ctx, int64_t n, double *a, double *d)
{
    double *room = (double *)gan__work(ctx, n, 3, sizeof *room);
    if (!room) return 1;
    gan__tridiagonal(ctx, n, a, d, room, room + n, room + 2 * n);
    gan__tridiagonal_values(n, d, room);
    return 0;
}

// ---- covariances

typedef struct gan__covariance {
    const gan__set *set;
    const double *mean;
    double *block, *c; // `rows` centred samples; the sums so far, (f, f), j >= i
    int64_t first, rows;
} gan__covariance;

enum { GAN__COVARIANCE_ROWS = 256 };

static void gan__centre_task(void *arg, int64_t i)
{
    const gan__covariance *v = (const gan__covariance *)arg;
    const int64_t f = v->set->f;
    const gan_real *x = v->set->x + (v->first + i) * f;
    int64_t j;
    for (j = 0; j < f; ++j) v->block[i * f + j] = (double)x[j] - v->mean[j];
}

static void gan__covariance_task(void *arg, int64_t i)
{
    const gan__covariance *v = (const gan__covariance *)arg;
    const int64_t f = v->set->f;
    double *c = v->c + i * f;
    int64_t s, j;
    for (s = 0; s < v->rows; ++s) {
        const double *x = v->block + s * f, xi = x[i];
        for (j = i; j < f; ++j) c[j] += xi * x[j];
    }
}

// Mean (f) and covariance (f, f) of a set, in working memory; over n - 1. 1: no memory.
static int gan__moments(gan_context *ctx, const gan_tensor *x, double **mean, double **covariance)
{
    const gan__set set = gan__set_over(x);
    const int64_t f = set.f;
    gan__covariance v;
    gan__frame frame;
    int64_t i, j;
    v.set = &set;
    v.c = (double *)gan__work(ctx, f, f, sizeof *v.c);
    v.block = (double *)gan__work(ctx, GAN__COVARIANCE_ROWS, f, sizeof *v.block);
    if (!v.c || !v.block || gan__set_mean(ctx, &set, &frame)) return 1;
    v.mean = frame.mean;
    for (i = 0; i < f * f; ++i) v.c[i] = 0;
    for (v.first = 0; v.first < set.n; v.first += v.rows) {
        v.rows = GAN__LEAST((int64_t)GAN__COVARIANCE_ROWS, set.n - v.first);
        gan__par(ctx, v.rows, v.rows * f, gan__centre_task, &v);
        gan__par(ctx, f, v.rows * f * f / 2, gan__covariance_task, &v);
    }
    for (i = 0; i < f; ++i)
        for (j = i; j < f; ++j) v.c[i * f + j] = v.c[j * f + i] = v.c[i * f + j] / (double)(set.n - 1);
    gan__scratch_free(ctx, v.block);
    *mean = frame.mean;
    *covariance = v.c;
    return 0;
}

// ---- the Frechet distance

// C = G G' for a covariance, by pivoted Cholesky: g (rank, f) holds G'; `left` is what is not
// explained yet of C's diagonal. Stops where that is rounding. A column at a time: its part i is (C[p][i] - sum
// g[t][p] g[t][i]) / root of the pivot.
static void gan__factor_row(const gan__matrix_job *j, int64_t task)
{
    const int64_t f = j->f, p = j->first, from = task * f / j->n, to = (task + 1) * f / j->n;
    double *out = j->b + j->rank * f;
    int64_t t, i;
    for (i = from; i < to; ++i) out[i] = j->a[p * f + i];
    for (t = 0; t < j->rank; ++t) {
        const double *g = j->b + t * f, gp = g[p];
        for (i = from; i < to; ++i) out[i] -= gp * g[i];
    }
    for (i = from; i < to; ++i) out[i] *= j->scale;
}

static void gan__factor_task(void *arg, int64_t task) { gan__factor_row((const gan__matrix_job *)arg, task); }

static int64_t gan__factor(gan_context *ctx, int64_t f, double *c, double *g, double *left)
{
    const double tiny = 2.220446049250313e-16;
    gan__matrix_job j;
    double most = 0;
    int64_t i;
    memset(&j, 0, sizeof j);
    j.f = f;
    j.a = c;
    j.b = g;
    j.n = f / 64 + 1; // tasks
    for (i = 0; i < f; ++i) {
        left[i] = c[i * f + i];
        most = GAN__MOST(most, left[i]);
    }
    for (; j.rank < f; ++j.rank) {
        for (j.first = 0, i = 1; i < f; ++i)
            if (left[i] > left[j.first]) j.first = i;
        if (!(left[j.first] > (double)f * tiny * most)) break;
        j.scale = 1 / sqrt(left[j.first]);
        gan__par(ctx, j.n, f * (j.rank + 1), gan__factor_task, &j);
        for (i = 0; i < f; ++i) left[i] -= g[j.rank * f + i] * g[j.rank * f + i];
        left[j.first] = 0;
    }
    return j.rank;
}

// c = b a of rows of length f: c (n, f), b (n, f), a (f, f)
static void gan__product_row(const gan__matrix_job *j, int64_t i)
{
    double *c = j->c + i * j->f;
    int64_t k, t;
    for (k = 0; k < j->f; ++k) c[k] = 0;
    for (t = 0; t < j->f; ++t) {
        const double *a = j->a + t * j->f, x = j->b[i * j->f + t];
        for (k = 0; k < j->f; ++k) c[k] += x * a[k];
    }
}

// a = c b': a (n, n)
static void gan__inner_row(const gan__matrix_job *j, int64_t i)
{
    int64_t k;
    for (k = 0; k < j->n; ++k) j->a[i * j->n + k] = gan__dot(j->f, j->c + i * j->f, j->b + k * j->f);
}

// tr((C D)^(1/2)) of covariances: with C = G G' the eigenvalues of C D are those of the symmetric G' D G (and
// zeros). c is overwritten. 1: no memory.
static int gan__trace_root(gan_context *ctx, int64_t f, double *c, double *d, double *out)
{
    const double tiny = 2.220446049250313e-16;
    double *g = (double *)gan__work(ctx, f, f, sizeof *g), *h = (double *)gan__work(ctx, f, f, sizeof *h);
    double *values = (double *)gan__work(ctx, f, 1, sizeof *values), most = 0;
    gan__matrix_job j;
    int64_t i, k;
    *out = 0;
    if (!g || !h || !values) return 1;
    memset(&j, 0, sizeof j);
    j.f = f;
    j.n = gan__factor(ctx, f, c, g, values);
    if (!j.n) return 0;
    j.b = g;
    j.a = d;
    j.c = h;
    gan__matrix_run(ctx, &j, f * f, gan__product_row);
    j.a = c;
    gan__matrix_run(ctx, &j, j.n * f, gan__inner_row);
    for (i = 0; i < j.n; ++i)
        for (k = 0; k < i; ++k) c[i * j.n + k] = c[k * j.n + i] = (c[i * j.n + k] + c[k * j.n + i]) / 2;
    if (gan__eigenvalues(ctx, j.n, c, values)) return 1;
    for (i = 0; i < j.n; ++i) most = GAN__MOST(most, values[i]);
    for (i = 0; i < j.n; ++i) // below that is rounding, whose root would not be small
        if (values[i] > (double)f * tiny * most) *out += sqrt(values[i]);
    return 0;
}

GAN_API double gan_frechet_distance(gan_tensor *x, gan_tensor *y)
{
    gan_tensor *in[2];
    gan_context *ctx;
    double *m, *n, *c, *d, root, distance = 0;
    int64_t f, i;
    int error;
    in[0] = x;
    in[1] = y;
    ctx = gan__samples("frechet_distance", 2, in, 2);
    if (!ctx) return gan__nan();
    f = gan__each(x);
    gan_scope_open(ctx);
    error = gan__moments(ctx, x, &m, &c) || gan__moments(ctx, y, &n, &d);
    for (i = 0; !error && i < f; ++i) distance += (m[i] - n[i]) * (m[i] - n[i]) + c[i * f + i] + d[i * f + i];
    error = error || gan__trace_root(ctx, f, c, d, &root);
    gan_scope_close(ctx);
    return error ? gan__nan() : GAN__MOST(distance - 2 * root, 0);
}

// ---- kernels

// Sums of a kernel over pairs, by row: (<a, b> gamma + 1)^3, or exp(-gamma |a - b|^2) where norms are given.
typedef struct gan__kernel {
    double gamma, *sum;
    const double *a_norm, *b_norm;
} gan__kernel;

static void gan__kernel_row(const gan__tiles *s, int64_t i, int64_t j0, int64_t count, gan_real *product)
{
    const gan__kernel *k = (const gan__kernel *)s->user;
    double sum = 0;
    int64_t j;
    for (j = s->upper && i >= j0 ? i + 1 - j0 : 0; j < count; ++j) {
        const double p = (double)product[j];
        if (k->a_norm) {
            const double d = k->a_norm[i] + k->b_norm[j0 + j] - 2 * p;
            sum += exp(-k->gamma * GAN__MOST(d, 0));
        } else {
            const double t = p * k->gamma + 1;
            sum += t * t * t;
        }
    }
    k->sum[i] += sum;
}

// The mean over all pairs of different samples: within a where b is NULL, else one of each.
static int gan__kernel_mean(gan_context *ctx, const gan__set *a, const gan__set *b, double gamma,
                            double *mean)
{
    gan__kernel k;
    gan__tiles s;
    double sum = 0;
    int64_t i;
    int error;
    memset(&s, 0, sizeof s);
    s.upper = !b;
    if (!b) b = a;
    k.gamma = gamma;
    k.a_norm = a->norm;
    k.b_norm = b->norm;
    k.sum = (double *)gan__work(ctx, a->n, 1, sizeof *k.sum);
    if (!k.sum) return 1;
    for (i = 0; i < a->n; ++i) k.sum[i] = 0;
    s.n = a->n;
    s.m = b->n;
    s.f = a->f;
    s.a = a->c;
    s.b = b->c;
    s.row = gan__kernel_row;
    s.user = &k;
    error = gan__tiles_run(ctx, &s);
    for (i = 0; i < a->n; ++i) sum += k.sum[i];
    *mean = s.upper ? 2 * sum / ((double)a->n * (double)(a->n - 1)) : sum / ((double)a->n * (double)b->n);
    gan__scratch_free(ctx, k.sum);
    return error;
}

// The unbiased MMD^2 (Gretton 2012, lemma 6)
static int gan__kernel_distance(gan_context *ctx, const gan__set *x, const gan__set *y, double gamma,
                                double *out)
{
    double xx, yy, xy;
    if (gan__kernel_mean(ctx, x, NULL, gamma, &xx) || gan__kernel_mean(ctx, y, NULL, gamma, &yy) ||
        gan__kernel_mean(ctx, x, y, gamma, &xy))
        return 1;
    *out = xx + yy - 2 * xy;
    return 0;
}

static gan_estimate gan__estimate(int64_t n, const double *x)
{
    gan_estimate e;
    int64_t i;
    memset(&e, 0, sizeof e);
    e.count = (int)n;
    for (i = 0; i < n; ++i) e.mean += x[i] / (double)n;
    for (i = 0; i < n; ++i) e.deviation += (x[i] - e.mean) * (x[i] - e.mean) / (double)n;
    e.deviation = sqrt(e.deviation);
    e.error = n > 1 ? e.deviation / sqrt((double)(n - 1)) : 0;
    return e;
}

static gan_estimate gan__no_estimate(void)
{
    gan_estimate e;
    e.mean = e.deviation = e.error = gan__nan();
    e.count = 0;
    return e;
}

// `block` different samples of s at random, into c: the first places of a shuffled order.
static void gan__subset(gan__rng *rng, const gan__set *s, int64_t block, int *order, gan_real *c)
{
    int64_t i;
    for (i = 0; i < s->n; ++i) order[i] = (int)i;
    for (i = 0; i < block; ++i) {
        const int64_t k = i + gan__rng_below(rng, (uint32_t)(s->n - i));
        const int at = order[k];
        order[k] = order[i];
        memcpy(c + i * s->f, s->x + at * s->f, (size_t)s->f * sizeof *c);
    }
}

// Part `part` of both sets: the block at its place, or a random subset.
typedef struct gan__parts {
    gan__set all[2];
    int64_t block;
    int *order; // NULL: consecutive blocks
    gan_real *room;
    gan__rng rng;
} gan__parts;

static void gan__parts_take(gan__parts *p, int64_t part, gan__set *s)
{
    int k;
    for (k = 0; k < 2; ++k) {
        s[k] = p->all[k];
        s[k].n = p->block;
        s[k].c = p->room + k * p->block * s[k].f;
        if (p->order) gan__subset(&p->rng, &p->all[k], p->block, p->order, s[k].c);
        else memcpy(s[k].c, s[k].x + part * p->block * s[k].f, (size_t)(p->block * s[k].f) * sizeof *s[k].c);
    }
}

GAN_API gan_estimate gan_kernel_distance(gan_tensor *real, gan_tensor *fake, int block, int subsets)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan_estimate e = gan__no_estimate();
    gan__parts p;
    gan__set s[2];
    double *values;
    int64_t least, count, i;
    int error = 0;
    in[0] = real;
    in[1] = fake;
    ctx = gan__samples("kernel_distance", 2, in, 2);
    if (!ctx) return e;
    least = GAN__LEAST(real->dim[0], fake->dim[0]);
    if (!block) block = (int)GAN__LEAST(least, 1000);
    if (block < 2 || block > least || subsets < 0) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "kernel_distance: %d subsets, blocks of %d; 2 to %d are possible here", subsets, block,
                  (int)least);
        return e;
    }
    gan_scope_open(ctx);
    count = subsets ? subsets : least / block;
    memset(&p, 0, sizeof p);
    p.all[0] = gan__set_over(real);
    p.all[1] = gan__set_over(fake);
    p.block = block;
    p.rng = gan__rng_stream(ctx, "kernel_distance");
    p.room = (gan_real *)gan__work(ctx, 2 * p.block, p.all[0].f, sizeof *p.room);
    values = (double *)gan__work(ctx, count, 1, sizeof *values);
    error = !p.room || !values;
    if (subsets && !error) {
        p.order = (int *)gan__work(ctx, GAN__MOST(real->dim[0], fake->dim[0]), 1, sizeof *p.order);
        error = !p.order;
    }
    for (i = 0; i < count && !error; ++i) {
        gan__parts_take(&p, i, s);
        error = gan__kernel_distance(ctx, &s[0], &s[1], 1 / (double)s[0].f, &values[i]);
    }
    if (!error) e = gan__estimate(count, values);
    gan_scope_close(ctx);
    return e;
}

// The median distance of pairs among the first 500 of both sets; 1 where that is 0, 0 when there is no
// memory.
static double gan__median_distance(gan_context *ctx, const gan__set *s)
{
    enum { MOST = 500 };
    const int64_t n = GAN__LEAST(s[0].n, (int64_t)MOST), all = n + GAN__LEAST(s[1].n, (int64_t)MOST),
                  pairs = all * (all - 1) / 2;
    gan_real *d = (gan_real *)gan__work(ctx, pairs, 1, sizeof *d);
    gan__key *room = (gan__key *)gan__work(ctx, 2, pairs, sizeof *room);
    int64_t i, j, at = 0;
    double median;
    if (!d || !room) return 0;
    for (i = 0; i < all; ++i)
        for (j = 0; j < i; ++j) {
            const gan_real *x = i < n ? s[0].c + i * s[0].f : s[1].c + (i - n) * s[0].f;
            const gan_real *y = j < n ? s[0].c + j * s[0].f : s[1].c + (j - n) * s[0].f;
            d[at++] = (gan_real)sqrt(gan__square_distance(s[0].f, x, y));
        }
    gan__sort(pairs, d, room);
    median = ((double)d[pairs / 2] + (double)d[(pairs - 1) / 2]) / 2;
    return median > 0 ? median : 1;
}

GAN_API double gan_mmd_unbiased(gan_tensor *x, gan_tensor *y, gan_real sigma)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    double width, mmd = 0;
    int error;
    in[0] = x;
    in[1] = y;
    ctx = gan__samples("mmd_unbiased", 2, in, 2);
    if (!ctx || !gan__at_least(ctx, "mmd_unbiased", "sigma", (double)sigma, 0)) return gan__nan();
    gan_scope_open(ctx);
    error = gan__sets(ctx, 2, in, &frame, s);
    if (!error) {
        width = sigma > 0 ? (double)sigma * frame.scale : gan__median_distance(ctx, s);
        error = !(width > 0) || gan__kernel_distance(ctx, &s[0], &s[1], 1 / (2 * width * width), &mmd);
    }
    gan_scope_close(ctx);
    return error ? gan__nan() : mmd;
}

// >>neighbor: measures by nearest samples; may use floors 0 to 7, density, moment; tests/test_neighbor.c
//
// Distances are screened and decided. |a - b|^2 = |a|^2 + |b|^2 - 2 <a, b> of products in gan_real is
// wrong by at most (3 F + 16) u (|a|^2 + |b|^2), u the unit of rounding: where that settles a comparison
// it is done; else the distance is made anew from the samples in double. So every answer is that of
// double throughout.

static double gan__screen_slack(int64_t f)
{
    return (3 * (double)f + 16) * (sizeof(gan_real) == 4 ? 6e-8 : 1.2e-16);
}

static double gan__pair(const gan__set *a, int64_t i, const gan__set *b, int64_t j)
{
    return gan__square_distance(a->f, a->x + i * a->f, b->x + j * b->f);
}

static gan__tiles gan__tiles_of(const gan__set *a, const gan__set *b, void *user)
{
    gan__tiles s;
    memset(&s, 0, sizeof s);
    s.n = a->n;
    s.m = b->n;
    s.f = a->f;
    s.a = a->c;
    s.b = b->c;
    s.user = user;
    return s;
}

// The k nearest in b of each of a, by (distance, index).
typedef struct gan__near {
    const gan__set *a, *b;
    int k, same;        // same: a is b, and no sample is its own neighbour
    double slack, unit; // unit: squared distances in the frame over true ones
    double *square;     // (n, k) ascending
    int *at;            // (n, k)
} gan__near;

static void gan__near_row(const gan__tiles *s, int64_t i, int64_t j0, int64_t count, gan_real *product)
{
    const gan__near *q = (const gan__near *)s->user;
    double *square = q->square + i * q->k, *last = square + q->k - 1;
    int *at = q->at + i * q->k, p;
    const double keep = 1 - q->slack, a = q->a->norm[i] * keep, *norm = q->b->norm + j0;
    double limit = *last * q->unit;
    int64_t j;
    for (j = 0; j < count; ++j) {
        double d;
        if (a + norm[j] * keep - 2 * (double)product[j] > limit) continue;
        if (q->same && j0 + j == i) continue;
        d = gan__pair(q->a, i, q->b, j0 + j);
        if (!(d < *last)) continue;
        for (p = q->k - 1; p > 0 && square[p - 1] > d; --p) {
            square[p] = square[p - 1];
            at[p] = at[p - 1];
        }
        square[p] = d;
        at[p] = (int)(j0 + j);
        limit = *last * q->unit;
    }
}

// Fills q->square and q->at in working memory. 1: no memory.
static int gan__near_make(gan_context *ctx, const gan__frame *frame, const gan__set *a, const gan__set *b,
                          int k, gan__near *q)
{
    gan__tiles s = gan__tiles_of(a, b, q);
    int64_t i;
    q->a = a;
    q->b = b;
    q->k = k;
    q->same = a == b;
    q->slack = gan__screen_slack(a->f);
    q->unit = frame->scale * frame->scale;
    q->square = (double *)gan__work(ctx, a->n, k, sizeof *q->square);
    q->at = (int *)gan__work(ctx, a->n, k, sizeof *q->at);
    if (!q->square || !q->at) return 1;
    for (i = 0; i < a->n * k; ++i) {
        q->square[i] = HUGE_VAL;
        q->at[i] = 0;
    }
    s.row = gan__near_row;
    return gan__tiles_run(ctx, &s);
}

static int gan__near_free(gan_context *ctx, gan__near *q)
{
    gan__scratch_free(ctx, q->square);
    gan__scratch_free(ctx, q->at);
    return 0;
}

static int gan__enough(gan_context *ctx, const char *who, int k, int64_t others)
{
    if (k >= 1 && k <= others) return 1;
    gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: %d nearest of %d other samples; take more samples, or a lower k",
              who, k, (int)others);
    return 0;
}

GAN_API gan_tensor *gan_nearest(gan_tensor *x, gan_tensor *y, int k, gan_tensor **distances)
{
    gan_tensor *in[2], *index, *d;
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan__near q;
    int dim[2], error;
    size_t i;
    in[0] = x;
    in[1] = y ? y : x;
    ctx = gan__samples("nearest", 2, in, 1);
    if (distances) *distances = x ? x->ctx->poison : NULL;
    if (!ctx) return x ? x->ctx->poison : y ? y->ctx->poison : NULL;
    if (!gan__enough(ctx, "nearest", k, in[1]->dim[0] - !y)) return ctx->poison;
    dim[0] = x->dim[0];
    dim[1] = k;
    index = gan_tensor_create(ctx, 2, dim);
    d = distances ? gan_tensor_create(ctx, 2, dim) : index;
    if (gan__is_poison(index) || gan__is_poison(d)) return ctx->poison;
    gan_scope_open(ctx);
    error =
        gan__sets(ctx, y ? 2 : 1, in, &frame, s) || gan__near_make(ctx, &frame, s, s + (y != NULL), k, &q);
    for (i = 0; !error && i < index->size; ++i) {
        if (distances) d->data[i] = (gan_real)sqrt(q.square[i]);
        index->data[i] = (gan_real)q.at[i];
    }
    gan_scope_close(ctx);
    if (error) return ctx->poison;
    if (distances) *distances = d;
    return index;
}

// ---- balls about samples

// For each of a: about how many of b it lies nearer than (or, with `border`, not farther than) that one's
// squared radius.
typedef struct gan__balls {
    const gan__set *a, *b;
    const double *square;
    int border;
    double slack, unit;
    int *inside;
} gan__balls;

static void gan__balls_row(const gan__tiles *s, int64_t i, int64_t j0, int64_t count, gan_real *product)
{
    const gan__balls *q = (const gan__balls *)s->user;
    const double a = q->a->norm[i];
    int64_t j;
    int inside = 0;
    for (j = 0; j < count; ++j) {
        const double norms = a + q->b->norm[j0 + j], d = norms - 2 * (double)product[j],
                     slack = norms * q->slack;
        const double radius = q->square[j0 + j], limit = radius * q->unit;
        if (d - slack > limit) continue;
        if (d + slack < limit) {
            ++inside;
        } else {
            const double exact = gan__pair(q->a, i, q->b, j0 + j);
            inside += q->border ? exact <= radius : exact < radius;
        }
    }
    q->inside[i] += inside;
}

// radius: (m, k) of gan__near_make on b; the last of each counts.
static int *gan__balls_make(gan_context *ctx, const gan__frame *frame, const gan__set *a, const gan__set *b,
                            const gan__near *radius, int border)
{
    gan__balls q;
    gan__tiles s = gan__tiles_of(a, b, &q);
    double *square = (double *)gan__work(ctx, b->n, 1, sizeof *square);
    int64_t i;
    q.inside = (int *)gan__work(ctx, a->n, 1, sizeof *q.inside);
    if (!square || !q.inside) return NULL;
    for (i = 0; i < b->n; ++i) square[i] = radius->square[i * radius->k + radius->k - 1];
    for (i = 0; i < a->n; ++i) q.inside[i] = 0;
    q.a = a;
    q.b = b;
    q.square = square;
    q.border = border;
    q.slack = gan__screen_slack(a->f);
    q.unit = frame->scale * frame->scale;
    s.row = gan__balls_row;
    return gan__tiles_run(ctx, &s) ? NULL : q.inside;
}

// The share of a that lies in b's manifold; negative when there is no memory.
static double gan__manifold_share(gan_context *ctx, const gan__frame *frame, const gan__set *a,
                                  const gan__set *b, int k)
{
    gan__near radius;
    const int *inside;
    int64_t i, n = 0;
    if (gan__near_make(ctx, frame, b, b, k, &radius)) return -1;
    inside = gan__balls_make(ctx, frame, a, b, &radius, 1);
    if (!inside) return -1;
    for (i = 0; i < a->n; ++i) n += inside[i] > 0;
    return (double)n / (double)a->n;
}

GAN_API gan_fidelity gan_precision_recall(gan_tensor *real, gan_tensor *fake, int k)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan_fidelity r;
    double precision, recall = -1;
    r.precision = r.recall = gan__nan();
    in[0] = real;
    in[1] = fake;
    ctx = gan__samples("precision_recall", 2, in, 2);
    if (!k) k = 3;
    if (!ctx || !gan__enough(ctx, "precision_recall", k, GAN__LEAST(real->dim[0], fake->dim[0]) - 1))
        return r;
    gan_scope_open(ctx);
    if (!gan__sets(ctx, 2, in, &frame, s)) {
        precision = gan__manifold_share(ctx, &frame, &s[1], &s[0], k);
        if (precision >= 0) recall = gan__manifold_share(ctx, &frame, &s[0], &s[1], k);
        if (recall >= 0) {
            r.precision = precision;
            r.recall = recall;
        }
    }
    gan_scope_close(ctx);
    return r;
}

GAN_API gan_coverage gan_density_coverage(gan_tensor *real, gan_tensor *fake, int k)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan__near radius, near;
    gan_coverage r;
    const int *inside = NULL;
    double balls = 0, met = 0;
    int64_t i;
    r.density = r.coverage = gan__nan();
    in[0] = real;
    in[1] = fake;
    ctx = gan__samples("density_coverage", 2, in, 1);
    if (!k) k = 5;
    if (!ctx || !gan__enough(ctx, "density_coverage", k, real->dim[0] - 1)) return r;
    gan_scope_open(ctx);
    if (!gan__sets(ctx, 2, in, &frame, s) && !gan__near_make(ctx, &frame, &s[0], &s[0], k, &radius) &&
        !gan__near_make(ctx, &frame, &s[0], &s[1], 1, &near))
        inside = gan__balls_make(ctx, &frame, &s[1], &s[0], &radius, 0);
    if (inside) {
        for (i = 0; i < s[1].n; ++i) balls += inside[i];
        for (i = 0; i < s[0].n; ++i) met += near.square[i] < radius.square[i * k + k - 1];
        r.density = balls / ((double)k * (double)s[1].n);
        r.coverage = met / (double)s[0].n;
    }
    gan_scope_close(ctx);
    return r;
}

// ---- tests

static gan_two_sample gan__no_two_sample(void)
{
    gan_two_sample t;
    t.accuracy = t.real = t.fake = t.z = gan__nan();
    return t;
}

// Of n real and m fake ones the right ones.
static gan_two_sample gan__two_sample(double real, int64_t n, double fake, int64_t m)
{
    gan_two_sample t;
    t.real = real / (double)n;
    t.fake = fake / (double)m;
    t.accuracy = (real + fake) / (double)(n + m);
    t.z = (t.accuracy - 0.5) * 2 * sqrt((double)(n + m));
    return t;
}

// How many of a have their nearest neighbour in a rather than in b; negative when there is no memory.
static double gan__at_home(gan_context *ctx, const gan__frame *frame, const gan__set *a, const gan__set *b)
{
    gan__near own, other;
    double n = 0;
    int64_t i;
    if (gan__near_make(ctx, frame, a, a, 1, &own) || gan__near_make(ctx, frame, a, b, 1, &other)) return -1;
    for (i = 0; i < a->n; ++i)
        n += own.square[i] < other.square[i] ? 1 : own.square[i] > other.square[i] ? 0 : 0.5;
    return n;
}

GAN_API gan_two_sample gan_neighbor_test(gan_tensor *real, gan_tensor *fake)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan_two_sample t = gan__no_two_sample();
    double r = -1, f = -1;
    in[0] = real;
    in[1] = fake;
    ctx = gan__samples("neighbor_test", 2, in, 2);
    if (!ctx) return t;
    gan_scope_open(ctx);
    if (!gan__sets(ctx, 2, in, &frame, s)) {
        r = gan__at_home(ctx, &frame, &s[0], &s[1]);
        if (r >= 0) f = gan__at_home(ctx, &frame, &s[1], &s[0]);
        if (f >= 0) t = gan__two_sample(r, s[0].n, f, s[1].n);
    }
    gan_scope_close(ctx);
    return t;
}

// Pairs i < j: how many are within, and the closest of each i.
typedef struct gan__twins {
    const gan__set *a;
    double within, slack, unit; // squared
    double *square;
    int *at;
    int64_t *pairs;
} gan__twins;

static void gan__twins_row(const gan__tiles *s, int64_t i, int64_t j0, int64_t count, gan_real *product)
{
    const gan__twins *q = (const gan__twins *)s->user;
    const double a = q->a->norm[i], within = q->within * q->unit;
    int64_t j;
    for (j = i >= j0 ? i + 1 - j0 : 0; j < count; ++j) {
        const double norms = a + q->a->norm[j0 + j], d = norms - 2 * (double)product[j],
                     slack = norms * q->slack;
        double exact;
        if (d - slack > within && d - slack > q->square[i] * q->unit) continue;
        exact = gan__pair(q->a, i, q->a, j0 + j);
        q->pairs[i] += exact <= q->within;
        if (exact < q->square[i]) {
            q->square[i] = exact;
            q->at[i] = (int)(j0 + j);
        }
    }
}

GAN_API gan_duplicates gan_birthday(gan_tensor *x, gan_real within)
{
    gan_context *ctx = gan__samples("birthday", 1, &x, 2);
    gan_duplicates r;
    gan__set set;
    gan__frame frame;
    gan__twins q;
    gan__tiles s;
    int64_t i, n, best = 0;
    memset(&r, 0, sizeof r);
    r.support = r.distance = gan__nan();
    if (!ctx || !gan__at_least(ctx, "birthday", "within", (double)within, 0)) return r;
    gan_scope_open(ctx);
    n = x->dim[0];
    q.square = (double *)gan__work(ctx, n, 1, sizeof *q.square);
    q.at = (int *)gan__work(ctx, n, 1, sizeof *q.at);
    q.pairs = (int64_t *)gan__work(ctx, n, 1, sizeof *q.pairs);
    if (q.square && q.at && q.pairs && !gan__sets(ctx, 1, &x, &frame, &set)) {
        for (i = 0; i < n; ++i) {
            q.square[i] = HUGE_VAL;
            q.pairs[i] = q.at[i] = 0;
        }
        q.a = &set;
        q.within = (double)within * (double)within;
        q.slack = gan__screen_slack(set.f);
        q.unit = frame.scale * frame.scale;
        s = gan__tiles_of(&set, &set, &q);
        s.upper = 1;
        s.row = gan__twins_row;
        if (!gan__tiles_run(ctx, &s)) {
            for (i = 0; i < n; ++i) {
                r.pairs += q.pairs[i];
                if (q.square[i] < q.square[best]) best = i;
            }
            r.support = r.pairs ? (double)n * (double)(n - 1) / 2 / (double)r.pairs : HUGE_VAL;
            r.distance = sqrt(q.square[best]);
            r.first = (int)best;
            r.second = q.at[best];
        }
    }
    gan_scope_close(ctx);
    return r;
}

// Mann and Whitney's U of x over y in standard deviations: pairs with x > y, and half of the equal ones.
static double gan__rank_sum(int64_t n, const double *x, int64_t m, const double *y)
{
    const double pairs = (double)n * (double)m;
    double u = 0;
    int64_t i, j;
    for (i = 0; i < n; ++i) {
        int64_t twice = 0;
        for (j = 0; j < m; ++j) twice += (x[i] > y[j]) + (x[i] >= y[j]);
        u += (double)twice / 2;
    }
    return (u - pairs / 2) / sqrt(pairs * (double)(n + m + 1) / 12);
}

static double gan__mean_root(int64_t n, const double *x)
{
    double sum = 0;
    int64_t i;
    for (i = 0; i < n; ++i) sum += sqrt(x[i]);
    return sum / (double)n;
}

GAN_API gan_copying gan_memorization(gan_tensor *train, gan_tensor *held, gan_tensor *fake)
{
    gan_tensor *in[3];
    gan_context *ctx;
    gan__set s[3];
    gan__frame frame;
    gan__near h, f;
    gan_copying r;
    r.fake = r.held = r.ratio = r.z = gan__nan();
    in[0] = train;
    in[1] = held;
    in[2] = fake;
    ctx = gan__samples("memorization", 3, in, 1);
    if (!ctx) return r;
    gan_scope_open(ctx);
    if (!gan__sets(ctx, 3, in, &frame, s) && !gan__near_make(ctx, &frame, &s[1], &s[0], 1, &h) &&
        !gan__near_make(ctx, &frame, &s[2], &s[0], 1, &f)) {
        r.held = gan__mean_root(s[1].n, h.square);
        r.fake = gan__mean_root(s[2].n, f.square);
        r.ratio = r.held > 0 ? r.fake / r.held : r.fake > 0 ? HUGE_VAL : 1;
        r.z = gan__rank_sum(s[2].n, f.square, s[1].n, h.square);
    }
    gan_scope_close(ctx);
    return r;
}

GAN_API double gan_authenticity(gan_tensor *train, gan_tensor *fake)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan__near t, f;
    double share = gan__nan(), n = 0;
    int64_t i;
    in[0] = train;
    in[1] = fake;
    ctx = gan__samples("authenticity", 2, in, 1);
    if (!ctx || !gan__enough(ctx, "authenticity", 1, train->dim[0] - 1)) return share;
    gan_scope_open(ctx);
    if (!gan__sets(ctx, 2, in, &frame, s) && !gan__near_make(ctx, &frame, &s[0], &s[0], 1, &t) &&
        !gan__near_make(ctx, &frame, &s[1], &s[0], 1, &f)) {
        for (i = 0; i < s[1].n; ++i) n += t.square[f.at[i]] < f.square[i];
        share = n / (double)s[1].n;
    }
    gan_scope_close(ctx);
    return share;
}

// ---- bins of k-means

// Cluster centres of a set, and where each sample belongs.
typedef struct gan__means {
    const gan__set *s;
    gan__set centre;
    double *square, *sum; // of each sample, to the nearest centre so far; of each bin's samples
    int *at, *count;
    int64_t chosen;
} gan__means;

static void gan__seed_task(void *arg, int64_t i)
{
    const gan__means *m = (const gan__means *)arg;
    const double d = gan__pair(m->s, i, &m->centre, m->chosen);
    if (d < m->square[i]) m->square[i] = d;
}

// k-means++ (Arthur 2007): the next centre is a sample, likely in proportion to its squared distance.
static void gan__means_seed(gan_context *ctx, gan__means *m)
{
    const gan__set *s = m->s;
    gan__rng rng = gan__rng_stream(ctx, "bin_difference");
    int64_t i = gan__rng_below(&rng, (uint32_t)s->n), k;
    gan_real *x = (gan_real *)(uintptr_t)m->centre.x;
    for (k = 0; k < s->n; ++k) m->square[k] = HUGE_VAL;
    for (m->chosen = 0; m->chosen < m->centre.n; ++m->chosen) {
        double sum = 0, u;
        memcpy(x + m->chosen * s->f, s->x + i * s->f, (size_t)s->f * sizeof *x);
        gan__par(ctx, s->n, s->n * s->f, gan__seed_task, m);
        for (k = 0; k < s->n; ++k) sum += m->square[k];
        u = ((double)gan__rng_below(&rng, 0x7fffffffu) + 0.5) / 2147483647. * sum;
        for (i = 0; i < s->n - 1 && u >= m->square[i]; ++i) u -= m->square[i];
    }
}

static void gan__means_task(void *arg, int64_t task)
{
    const gan__means *m = (const gan__means *)arg;
    const int64_t f = m->s->f, from = task * GAN__MEAN_COLUMNS, to = GAN__LEAST(f, from + GAN__MEAN_COLUMNS);
    gan_real *centre = (gan_real *)(uintptr_t)m->centre.x;
    int64_t c, i, j;
    for (c = 0; c < m->centre.n; ++c)
        for (j = from; j < to; ++j) m->sum[c * f + j] = 0;
    for (i = 0; i < m->s->n; ++i) {
        const gan_real *x = m->s->x + i * f;
        double *sum = m->sum + m->at[i] * f;
        for (j = from; j < to; ++j) sum[j] += (double)x[j];
    }
    for (c = 0; c < m->centre.n; ++c) // an empty bin stays where it is
        for (j = from; m->count[c] && j < to; ++j)
            centre[c * f + j] = (gan_real)(m->sum[c * f + j] / m->count[c]);
}

static void gan__tally(int64_t n, const int *at, int64_t bins, int *count)
{
    int64_t i;
    for (i = 0; i < bins; ++i) count[i] = 0;
    for (i = 0; i < n; ++i) count[at[i]]++;
}

// Lloyd's iterations until nothing moves, or 50.
static int gan__means_make(gan_context *ctx, const gan__frame *frame, const gan__set *s, int64_t bins,
                           gan__means *m)
{
    gan__near near;
    int64_t i, moved;
    int round;
    m->s = s;
    m->centre.n = bins;
    m->centre.f = s->f;
    m->centre.x = (gan_real *)gan__work(ctx, bins, s->f, sizeof(gan_real));
    m->square = (double *)gan__work(ctx, s->n, 1, sizeof *m->square);
    m->sum = (double *)gan__work(ctx, bins, s->f, sizeof *m->sum);
    m->at = (int *)gan__work(ctx, s->n, 1, sizeof *m->at);
    m->count = (int *)gan__work(ctx, bins, 1, sizeof *m->count);
    if (!m->centre.x || !m->square || !m->sum || !m->at || !m->count) return 1;
    gan__means_seed(ctx, m);
    if (gan__set_make(ctx, frame, &m->centre)) return 1;
    for (i = 0; i < s->n; ++i) m->at[i] = -1;
    for (round = 0;; ++round) {
        if (gan__near_make(ctx, frame, s, &m->centre, 1, &near)) return 1;
        for (moved = 0, i = 0; i < s->n; ++i) {
            moved += m->at[i] != near.at[i];
            m->at[i] = near.at[i];
        }
        gan__near_free(ctx, &near);
        gan__tally(s->n, m->at, bins, m->count);
        if (!moved || round == 50) return 0;
        gan__par(ctx, (s->f + GAN__MEAN_COLUMNS - 1) / GAN__MEAN_COLUMNS, s->n * s->f, gan__means_task, m);
        gan__set_fill(ctx, frame, &m->centre);
    }
}

// |p - q| is at least 1.96 of its standard deviations, the shares pooled.
static int gan__differ(double p, int64_t n, double q, int64_t m)
{
    const double pooled = (p * (double)n + q * (double)m) / (double)(n + m);
    const double variance = pooled * (1 - pooled) * (1 / (double)n + 1 / (double)m);
    return variance > 0 && fabs(p - q) > 1.959963984540054 * sqrt(variance);
}

// p and q: the shares of n and m samples in each bin
static gan_bins gan__bins_compare(int64_t bins, const int *real, int64_t n, const int *fake, int64_t m)
{
    gan_bins r;
    int64_t i;
    memset(&r, 0, sizeof r);
    r.bins = (int)bins;
    for (i = 0; i < bins; ++i) {
        const double p = real[i] / (double)n, q = fake[i] / (double)m;
        r.different += gan__differ(p, n, q, m);
        r.js += (gan__kl_term(p, (p + q) / 2) + gan__kl_term(q, (p + q) / 2)) / 2;
    }
    r.share = r.different / (double)bins;
    return r;
}

GAN_API gan_bins gan_bin_difference(gan_tensor *real, gan_tensor *fake, int bins)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__set s[2];
    gan__frame frame;
    gan__means m;
    gan__near near;
    gan_bins r;
    int *fakes;
    memset(&r, 0, sizeof r);
    r.share = r.js = gan__nan();
    in[0] = real;
    in[1] = fake;
    ctx = gan__samples("bin_difference", 2, in, 1);
    if (!ctx) return r;
    if (!bins) bins = 100;
    if (bins < 1 || bins > real->dim[0]) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "bin_difference: %d bins of %d real samples", bins, real->dim[0]);
        return r;
    }
    gan_scope_open(ctx);
    fakes = (int *)gan__work(ctx, bins, 1, sizeof *fakes);
    if (fakes && !gan__sets(ctx, 2, in, &frame, s) && !gan__means_make(ctx, &frame, &s[0], bins, &m) &&
        !gan__near_make(ctx, &frame, &s[1], &m.centre, 1, &near)) {
        gan__tally(s[1].n, near.at, bins, fakes);
        r = gan__bins_compare(bins, m.count, s[0].n, fakes, s[1].n);
    }
    gan_scope_close(ctx);
    return r;
}

// >>metric: scores of modes, classes, pictures, paths, critics; uses layer, moment; tests/test_metric.c

GAN_API const char *gan_metric_name(gan_metric metric)
{
    static const char *const names[] = {
#define GAN__ROW(id, name) #name,
        GAN_METRICS(GAN__ROW)
#undef GAN__ROW
    };
    return (int)metric >= 0 && metric < GAN_METRIC_COUNT ? names[metric] : "unknown";
}

// ---- modes (Lin 2018, PacGAN, section 4.1)

typedef struct gan__mode_job {
    const gan_real *x, *centre;
    int64_t d, modes;
    double variance;
    int *at;
    double *square, *density; // of each sample: to its mode; the log of the mixture there
} gan__mode_job;

static void gan__mode_task(void *arg, int64_t i)
{
    const gan__mode_job *j = (const gan__mode_job *)arg;
    double best = HUGE_VAL, sum = 0;
    int64_t k;
    for (k = 0; k < j->modes; ++k) {
        const double d = gan__square_distance(j->d, j->x + i * j->d, j->centre + k * j->d);
        if (d < best) {
            sum = sum * exp((d - best) / (2 * j->variance)) + 1;
            best = d;
            j->at[i] = (int)k;
        } else sum += exp((best - d) / (2 * j->variance));
    }
    j->square[i] = best;
    j->density[i] = log(sum / (double)j->modes) - best / (2 * j->variance) -
                    (double)j->d / 2 * log(6.283185307179586 * j->variance);
}

static gan_modes gan__mode_summary(const gan__mode_job *j, int64_t n, int *nearest, int *good)
{
    const double high = 9 * j->variance; // (3 sigma)^2
    gan_modes r;
    int64_t i, k;
    memset(&r, 0, sizeof r);
    for (k = 0; k < j->modes; ++k) nearest[k] = good[k] = 0;
    for (i = 0; i < n; ++i) {
        nearest[j->at[i]]++;
        good[j->at[i]] += j->square[i] < high;
        r.log_likelihood += j->density[i] / (double)n;
    }
    for (k = 0; k < j->modes; ++k) {
        r.modes += good[k] > 0;
        r.quality += good[k] / (double)n;
        r.kl += gan__kl_term(nearest[k] / (double)n, 1 / (double)j->modes);
    }
    r.kl = GAN__MOST(r.kl, 0);
    return r;
}

GAN_API gan_modes gan_mode_report(gan_tensor *x, gan_tensor *centers, gan_real sigma)
{
    gan_tensor *in[2];
    gan_context *ctx;
    gan__mode_job j;
    gan_modes r;
    int64_t n;
    int *counts;
    memset(&r, 0, sizeof r);
    r.quality = r.kl = r.log_likelihood = gan__nan();
    in[0] = x;
    in[1] = centers;
    ctx = gan__samples("mode_report", 2, in, 1);
    if (!ctx) return r;
    j.variance = (double)sigma * (double)sigma;
    if (!(sigma > 0) || !(j.variance > 0)) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "mode_report: sigma %f must be positive", (double)sigma);
        return r;
    }
    gan_scope_open(ctx);
    n = x->dim[0];
    j.modes = centers->dim[0];
    j.d = gan__each(x);
    j.x = x->data;
    j.centre = centers->data;
    j.at = (int *)gan__work(ctx, n, 1, sizeof *j.at);
    j.square = (double *)gan__work(ctx, n, 1, sizeof *j.square);
    j.density = (double *)gan__work(ctx, n, 1, sizeof *j.density);
    counts = (int *)gan__work(ctx, j.modes, 2, sizeof *counts);
    if (j.at && j.square && j.density && counts) {
        gan__par(ctx, n, n * j.modes * (j.d + 16), gan__mode_task, &j);
        r = gan__mode_summary(&j, n, counts, counts + j.modes);
    }
    gan_scope_close(ctx);
    return r;
}

// ---- class probabilities

// exp of the mean KL between the rows first .. end - 1 and their mean; rows are divided by their sums.
static double gan__inception(const gan_real *p, int64_t first, int64_t end, int64_t classes, double *mean)
{
    double kl = 0;
    int64_t i, k;
    for (k = 0; k < classes; ++k) mean[k] = 0;
    for (i = first; i < end; ++i) {
        double sum = 0;
        for (k = 0; k < classes; ++k) sum += (double)p[i * classes + k];
        for (k = 0; k < classes; ++k) {
            const double q = (double)p[i * classes + k] / sum;
            mean[k] += q / (double)(end - first);
            if (q > 0) kl += q * log(q) / (double)(end - first);
        }
    }
    for (k = 0; k < classes; ++k)
        if (mean[k] > 0) kl -= mean[k] * log(mean[k]);
    return exp(GAN__MOST(kl, 0));
}

static int gan__are_probabilities(gan_context *ctx, const gan_tensor *p)
{
    const int64_t classes = p->dim[1];
    int64_t i, k;
    for (i = 0; i < p->dim[0]; ++i) {
        double sum = 0;
        int negative = 0;
        for (k = 0; k < classes; ++k) {
            sum += (double)p->data[i * classes + k];
            negative |= p->data[i * classes + k] < 0;
        }
        if (!negative && fabs(sum - 1) < 1e-3) continue;
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "inception_score: row %d is no distribution, its sum is %f; give gan_softmax of the logits",
                  (int)i, sum);
        return 0;
    }
    return 1;
}

GAN_API gan_estimate gan_inception_score(gan_tensor *probabilities, int splits)
{
    gan_tensor *const p = probabilities;
    gan_context *ctx = gan__samples("inception_score", 1, &probabilities, 1);
    gan_estimate e = gan__no_estimate();
    double *mean, *score;
    int64_t i, n;
    if (!ctx) return e;
    if (!splits) splits = 1;
    if (p->ndim != 2 || splits < 1 || splits > p->dim[0]) {
        gan__fail(ctx, GAN_ERROR_SHAPE,
                  "inception_score: probabilities %t in %d parts; want (N, K), N from that many", p, splits);
        return e;
    }
    if (!gan__are_probabilities(ctx, p)) return e;
    gan_scope_open(ctx);
    n = p->dim[0];
    mean = (double *)gan__work(ctx, p->dim[1], 1, sizeof *mean);
    score = (double *)gan__work(ctx, splits, 1, sizeof *score);
    if (mean && score) {
        for (i = 0; i < splits; ++i)
            score[i] = gan__inception(p->data, i * n / splits, (i + 1) * n / splits, p->dim[1], mean);
        e = gan__estimate(splits, score);
    }
    gan_scope_close(ctx);
    return e;
}

// ---- structural similarity at several scales (Wang 2003)

enum { GAN__SCALES = 5 };

// A pair of planes to be compared, and room for it: 8 h w numbers.
typedef struct gan__similar {
    const gan_real *x, *y;
    const int *pair; // of pictures; NULL: picture i with picture i
    int64_t c, h, w;
    double c1, c2;
    int64_t first;
    double *room, *out;
} gan__similar;

// The mean under a Gaussian of `size` pixels, rows first: x (h, w) -> out (h - size + 1, w - size + 1).
static void gan__blur(int h, int w, int size, const double *g, const double *x, double *rows, double *out)
{
    const int oh = h - size + 1, ow = w - size + 1;
    int i, j, k;
    for (i = 0; i < h; ++i)
        for (j = 0; j < ow; ++j) {
            double sum = 0;
            for (k = 0; k < size; ++k) sum += g[k] * x[i * w + j + k];
            rows[i * ow + j] = sum;
        }
    for (i = 0; i < oh; ++i)
        for (j = 0; j < ow; ++j) {
            double sum = 0;
            for (k = 0; k < size; ++k) sum += g[k] * rows[(i + k) * ow + j];
            out[i * ow + j] = sum;
        }
}

// Means over a plane of the contrast and structure terms, and of these times the luminance term.
static void gan__similarity(const gan__similar *s, int h, int w, const double *x, const double *y,
                            double *room, double *contrast, double *all)
{
    const int size = GAN__LEAST((int)GAN__SSIM_WINDOW, GAN__LEAST(h, w)), n = (h - size + 1) * (w - size + 1);
    const double sigma = 1.5 * size / GAN__SSIM_WINDOW;
    double g[GAN__SSIM_WINDOW], sum = 0, *rows = room, *product = room + h * w, *mean[4];
    int i, k;
    for (i = 0; i < size; ++i) {
        const double at = i - (size - 1) / 2.;
        sum += g[i] = exp(-at * at / (2 * sigma * sigma));
    }
    for (i = 0; i < size; ++i) g[i] /= sum;
    for (k = 0; k < 4; ++k) { // x, y, x^2 + y^2, x y
        const double *of = k == 0 ? x : k == 1 ? y : product;
        mean[k] = room + (2 + k) * h * w;
        for (i = 0; k > 1 && i < h * w; ++i) product[i] = k == 2 ? x[i] * x[i] + y[i] * y[i] : x[i] * y[i];
        gan__blur(h, w, size, g, of, rows, mean[k]);
    }
    for (*contrast = *all = 0, i = 0; i < n; ++i) {
        const double mxy = mean[0][i] * mean[1][i], mxx = mean[0][i] * mean[0][i] + mean[1][i] * mean[1][i];
        const double cs = (2 * (mean[3][i] - mxy) + s->c2) / (mean[2][i] - mxx + s->c2);
        *contrast += cs / n;
        *all += cs * (2 * mxy + s->c1) / (mxx + s->c1) / n;
    }
}

static void gan__halve(int h, int w, double *x)
{
    int i, j;
    for (i = 0; i < h / 2; ++i)
        for (j = 0; j < w / 2; ++j) {
            const double *p = x + 2 * i * w + 2 * j;
            x[i * (w / 2) + j] = (p[0] + p[1] + p[w] + p[w + 1]) / 4;
        }
}

static void gan__similar_task(void *arg, int64_t task)
{
    static const double weight[GAN__SCALES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
    const gan__similar *s = (const gan__similar *)arg;
    const int64_t plane = s->first + task, picture = plane / s->c, size = s->h * s->w;
    const int64_t a = s->pair ? s->pair[2 * picture] : picture,
                  b = s->pair ? s->pair[2 * picture + 1] : picture;
    double *x = s->room + task * 8 * size, *y = x + size, similar = 1, contrast, all;
    int h = (int)s->h, w = (int)s->w, scale;
    int64_t i;
    for (i = 0; i < size; ++i) {
        x[i] = (double)s->x[(a * s->c + plane % s->c) * size + i];
        y[i] = (double)s->y[(b * s->c + plane % s->c) * size + i];
    }
    for (scale = 0; scale < GAN__SCALES; ++scale) {
        gan__similarity(s, h, w, x, y, y + size, &contrast, &all);
        if (scale + 1 == GAN__SCALES) contrast = all;
        similar *= contrast > 0 ? pow(contrast, weight[scale]) : 0;
        gan__halve(h, w, x);
        gan__halve(h, w, y);
        h /= 2;
        w /= 2;
    }
    s->out[task] = similar;
}

// The mean of `pairs` pairs of pictures of x and y.
static double gan__similar_mean(gan_context *ctx, const gan_tensor *x, const gan_tensor *y, int64_t pairs,
                                const int *pair, double range)
{
    gan__similar s;
    const int64_t planes = pairs * x->dim[1], plane = (int64_t)x->dim[2] * x->dim[3];
    const int64_t wave = GAN__LEAST(planes, GAN__MOST(16, GAN__LEAST(256, ((int64_t)1 << 20) / plane)));
    double sum = 0;
    int64_t i;
    s.x = x->data;
    s.y = y->data;
    s.pair = pair;
    s.c = x->dim[1];
    s.h = x->dim[2];
    s.w = x->dim[3];
    s.c1 = 1e-4 * range * range;
    s.c2 = 9e-4 * range * range;
    s.room = (double *)gan__work(ctx, wave * 8, plane, sizeof *s.room);
    s.out = (double *)gan__work(ctx, wave, 1, sizeof *s.out);
    if (!s.room || !s.out) return gan__nan();
    for (s.first = 0; s.first < planes; s.first += wave) {
        const int64_t n = GAN__LEAST(wave, planes - s.first);
        gan__par(ctx, n, n * plane * 128, gan__similar_task, &s);
        for (i = 0; i < n; ++i) sum += s.out[i];
    }
    return sum / (double)planes;
}

static gan_context *gan__comparable(const char *who, gan_tensor *x, gan_tensor *y, gan_real range)
{
    gan_tensor *in[2];
    gan_context *ctx;
    in[0] = x;
    in[1] = y;
    ctx = gan__measurable(who, 2, in);
    if (!ctx) return NULL;
    if (x->ndim != 4 || y->ndim != 4 || memcmp(x->dim, y->dim, 4 * sizeof *x->dim) || x->dim[2] < 16 ||
        x->dim[3] < 16)
        gan__fail(ctx, GAN_ERROR_SHAPE,
                  "%s: pictures %t and %t; five scales need (N, C, H, W) of one shape, at least 16 x 16", who,
                  x, y);
    else if (!(range > 0))
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "%s: range %f must be positive", who, (double)range);
    else return ctx;
    return NULL;
}

GAN_API double gan_ms_ssim(gan_tensor *x, gan_tensor *y, gan_real range)
{
    gan_context *ctx = gan__comparable("ms_ssim", x, y, range);
    double mean;
    if (!ctx) return gan__nan();
    gan_scope_open(ctx);
    mean = gan__similar_mean(ctx, x, y, x->dim[0], NULL, (double)range);
    gan_scope_close(ctx);
    return mean;
}

// Pairs of different pictures of n: all of them, or `count` at random.
static void gan__pairs(gan_context *ctx, int n, int64_t count, int all, int *pair)
{
    gan__rng rng = gan__rng_stream(ctx, "ms_ssim_diversity");
    int64_t k;
    int i = 0, j = 1;
    for (k = 0; k < count; ++k, ++j) {
        if (j == n) {
            ++i;
            j = i + 1;
        }
        pair[2 * k] = all ? i : (int)gan__rng_below(&rng, (uint32_t)n);
        pair[2 * k + 1] = all ? j : (pair[2 * k] + 1 + (int)gan__rng_below(&rng, (uint32_t)n - 1)) % n;
    }
}

GAN_API double gan_ms_ssim_diversity(gan_tensor *x, int pairs, gan_real range)
{
    gan_context *ctx = gan__comparable("ms_ssim_diversity", x, x, range);
    double mean = gan__nan();
    int64_t count;
    int *pair;
    if (!ctx) return mean;
    if (x->dim[0] < 2 || pairs < 0) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "ms_ssim_diversity: %d pairs of %t; two pictures are needed",
                  pairs, x);
        return mean;
    }
    count = pairs ? pairs : (int64_t)x->dim[0] * (x->dim[0] - 1) / 2;
    gan_scope_open(ctx);
    pair = (int *)gan__work(ctx, 2, count, sizeof *pair);
    if (pair) {
        gan__pairs(ctx, x->dim[0], count, !pairs, pair);
        mean = gan__similar_mean(ctx, x, x, count, pair, (double)range);
    }
    gan_scope_close(ctx);
    return mean;
}

// ---- perceptual path length (Karras 2019, section 4.1)

// out = the point at t between a and b: straight, or along the arc of their directions (Shoemake 1985).
static void gan__between(int64_t n, const gan_real *a, const gan_real *b, double t, int linear, gan_real *out)
{
    double aa = 0, bb = 0, ab = 0, angle, p = 1 - t, q = t;
    int64_t i;
    for (i = 0; i < n; ++i) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        ab += (double)a[i] * (double)b[i];
    }
    ab = aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 1;
    angle = acos(ab < -1 ? -1 : ab > 1 ? 1 : ab);
    if (!linear && sin(angle) > 1e-6) {
        p = sin((1 - t) * angle) / sin(angle);
        q = sin(t * angle) / sin(angle);
    }
    for (i = 0; i < n; ++i) out[i] = (gan_real)(p * (double)a[i] + q * (double)b[i]);
}

// Rows first .. first + n - 1 of x as a tensor of their own; NULL stays NULL.
static gan_tensor *gan__rows_of(gan_tensor *x, int first, int n)
{
    int dim[GAN_MAX_DIMS];
    gan_tensor *y;
    if (!x) return NULL;
    memcpy(dim, x->dim, sizeof dim);
    dim[0] = n;
    y = gan_tensor_create(x->ctx, x->ndim, dim);
    if (!gan__is_poison(y)) memcpy(y->data, x->data + first * gan__each(x), y->size * sizeof *y->data);
    return y;
}

typedef struct gan__path {
    gan_model *g, *features;
    gan_tensor *z0, *z1, *label;
    gan_path_desc how;
    gan__rng rng;
    gan_real *square; // of each pair: the squared distance over epsilon^2
} gan__path;

// What the pictures of both ends are judged by.
static gan_tensor *gan__path_end(const gan__path *p, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *y = gan_forward(p->g, z, label);
    return p->features ? gan_forward(p->features, y, NULL) : y;
}

static void gan__path_batch(gan_context *ctx, gan__path *p, int first, int n)
{
    const double epsilon = (double)p->how.epsilon;
    gan_tensor *z[2], *y[2], *label = gan__rows_of(p->label, first, n);
    const int64_t width = gan__each(p->z0);
    int i, k;
    for (k = 0; k < 2; ++k) z[k] = gan__rows_of(p->z0, first, n);
    if (gan__is_poison(z[0]) || gan__is_poison(z[1])) return;
    for (i = 0; i < n; ++i) {
        const double t = ((double)gan__rng_below(&p->rng, 1u << 30) + 0.5) / (double)(1u << 30);
        for (k = 0; k < 2; ++k)
            gan__between(width, p->z0->data + (first + i) * width, p->z1->data + (first + i) * width,
                         t + k * epsilon, p->how.linear, z[k]->data + i * width);
    }
    for (k = 0; k < 2; ++k) y[k] = gan__path_end(p, z[k], label);
    if (!gan_data(y[0]) || !gan_data(y[1]) || ctx->error) return;
    if (y[0]->ndim < 1 || y[0]->dim[0] != n || y[0]->size != y[1]->size) {
        gan__fail(ctx, GAN_ERROR_SHAPE, "perceptual_path_length: %d latents gave %t; want one row each", n,
                  y[0]);
        return;
    }
    for (i = 0; i < n; ++i)
        p->square[first + i] =
            (gan_real)(gan__square_distance(gan__each(y[0]), y[0]->data + i * gan__each(y[0]),
                                            y[1]->data + i * gan__each(y[0])) /
                       (epsilon * epsilon));
}

// Of the sorted lengths those between the trimmed ends.
static gan_estimate gan__path_summary(gan_context *ctx, const gan__path *p, int64_t n)
{
    gan__key *room = (gan__key *)gan__work(ctx, 2, n, sizeof *room);
    double *kept = (double *)gan__work(ctx, n, 1, sizeof *kept);
    const int64_t out = (int64_t)((double)p->how.trim * (double)n), left = n - 2 * out;
    int64_t i;
    if (!room || !kept) return gan__no_estimate();
    gan__sort(n, p->square, room);
    for (i = 0; i < left; ++i) kept[i] = (double)p->square[out + i];
    return gan__estimate(left, kept);
}

static int gan__path_fits(gan_context *ctx, const gan__path *p)
{
    const gan_path_desc *h = &p->how;
    if (!p->g || p->g->ctx != ctx || (p->features && p->features->ctx != ctx))
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "perceptual_path_length: a generator of this context is needed");
    else if (p->z0->dim[0] != p->z1->dim[0] || (p->label && p->label->dim[0] != p->z0->dim[0]))
        gan__fail(ctx, GAN_ERROR_SHAPE,
                  "perceptual_path_length: ends %t and %t; want pairs, and a label for each", p->z0, p->z1);
    else if (!(h->epsilon > 0) || !(h->trim >= 0) || !((double)h->trim < 0.5) || h->batch < 1)
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "perceptual_path_length: epsilon %f, trim %f, batches of %d",
                  (double)h->epsilon, (double)h->trim, h->batch);
    else return 1;
    return 0;
}

GAN_API gan_estimate gan_perceptual_path_length(gan_model *g, gan_model *features, gan_tensor *z0,
                                                gan_tensor *z1, gan_tensor *label, const gan_path_desc *desc)
{
    gan_estimate e = gan__no_estimate();
    gan_tensor *in[3];
    gan_context *ctx;
    gan__path p;
    gan_mode modes[2];
    gan__rng rng;
    int first, n, was;
    memset(&p, 0, sizeof p);
    if (desc) p.how = *desc;
    if (p.how.epsilon == 0) p.how.epsilon = (gan_real)1e-4;
    if (p.how.batch == 0) p.how.batch = 64;
    p.g = g;
    p.features = features;
    in[0] = p.z0 = z0;
    in[1] = p.z1 = z1;
    in[2] = p.label = label;
    ctx = gan__samples("perceptual_path_length", 2, in, 1);
    if (ctx && label && !gan__samples("perceptual_path_length", 1, in + 2, 1)) return e;
    if (!ctx || !gan__path_fits(ctx, &p)) return e;
    gan_scope_open(ctx);
    p.rng = gan__rng_stream(ctx, "perceptual_path_length");
    p.square = (gan_real *)gan__work(ctx, z0->dim[0], 1, sizeof *p.square);
    modes[0] = g->mode;
    modes[1] = features ? features->mode : GAN_EVAL;
    g->mode = GAN_EVAL;
    if (features) features->mode = GAN_EVAL;
    was = gan_record(ctx, 0);
    rng = ctx->rng;
    for (first = 0; p.square && !ctx->error && first < z0->dim[0]; first += n) {
        n = GAN__LEAST(p.how.batch, z0->dim[0] - first);
        gan_scope_open(ctx);
        gan__path_batch(ctx, &p, first, n);
        gan_scope_close(ctx);
    }
    ctx->rng = rng;
    gan_record(ctx, was);
    g->mode = modes[0];
    if (features) features->mode = modes[1];
    if (p.square && !ctx->error) e = gan__path_summary(ctx, &p, z0->dim[0]);
    gan_scope_close(ctx);
    return e;
}

// ---- classifier two-sample test (Lopez-Paz 2017)

// Both sets in one order, standardised; the first `train` of each are learned from, the rest tested on. The
// critic lives in a context of its own, in working memory.
typedef struct gan__critic_test {
    gan_context *inner;
    gan_model *model;
    const gan_tensor *x[2];
    int *order[2], n, train, hidden;
    int64_t f;
    double *mean, *scale;
} gan__critic_test;

static gan_tensor *gan__critic_forward(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    const gan__critic_test *t = (const gan__critic_test *)gan_model_user(m);
    (void)label;
    if (t->hidden > 0) x = gan_relu(gan_linear(m, "hidden", x, t->hidden));
    return gan_linear(m, "logit", x, 1);
}

static void gan__critic_standard(gan__critic_test *t)
{
    const double count = 2. * t->train;
    int64_t j;
    int k, i, pass;
    for (j = 0; j < t->f; ++j) t->mean[j] = t->scale[j] = 0;
    for (pass = 0; pass < 2; ++pass)
        for (k = 0; k < 2; ++k)
            for (i = 0; i < t->train; ++i) {
                const gan_real *x = t->x[k]->data + t->order[k][i] * t->f;
                for (j = 0; j < t->f; ++j) {
                    const double d = (double)x[j] - t->mean[j];
                    if (pass) t->scale[j] += d * d / count;
                    else t->scale[j] += d / count;
                }
                if (!pass && k == 1 && i == t->train - 1)
                    for (j = 0; j < t->f; ++j) {
                        t->mean[j] = t->scale[j];
                        t->scale[j] = 0;
                    }
            }
    for (j = 0; j < t->f; ++j) t->scale[j] = t->scale[j] > 0 ? 1 / sqrt(t->scale[j]) : 0;
}

// Sample i of set k, in the shuffled order.
static void gan__critic_take(const gan__critic_test *t, int k, int i, gan_real *out)
{
    const gan_real *x = t->x[k]->data + t->order[k][i] * t->f;
    int64_t j;
    for (j = 0; j < t->f; ++j) out[j] = (gan_real)(((double)x[j] - t->mean[j]) * t->scale[j]);
}

static void gan__critic_train(gan__critic_test *t, int steps, int half)
{
    gan_optimizer *o =
        gan_optimizer_create(t->model, gan_adam((gan_real)0.01, (gan_real)0.9, (gan_real)0.999));
    gan__rng rng = gan__rng_stream(t->inner, "classifier_test.batches");
    int step, i, k;
    for (step = 0; step < steps && !t->inner->error; ++step) {
        gan_tensor *x = gan_zeros(t->inner, 2, 2 * half, (int)t->f), *y = gan_zeros(t->inner, 2, 2 * half, 1);
        if (gan__is_poison(x) || gan__is_poison(y)) return;
        for (i = 0; i < half; ++i)
            for (k = 0; k < 2; ++k) {
                gan__critic_take(t, k, (int)gan__rng_below(&rng, (uint32_t)t->train),
                                 x->data + (2 * i + k) * t->f);
                y->data[2 * i + k] = (gan_real)(1 - k);
            }
        gan_optimizer_lr(o, (gan_real)(0.01 * (1 - step / (double)steps)));
        gan_minimize(o, gan_bce_with_logits(gan_forward(t->model, x, NULL), y));
    }
}

// How many of set k's test samples get the right sign; a logit of 0 counts half.
static double gan__critic_right(gan__critic_test *t, int k)
{
    enum { BATCH = 256 };
    double right = 0;
    int i, j, n;
    for (i = t->train; i < t->n && !t->inner->error; i += n) {
        gan_tensor *x, *y;
        n = GAN__LEAST((int)BATCH, t->n - i);
        gan_scope_open(t->inner);
        x = gan_zeros(t->inner, 2, n, (int)t->f);
        for (j = 0; j < n && !gan__is_poison(x); ++j) gan__critic_take(t, k, i + j, x->data + j * t->f);
        y = gan_forward(t->model, x, NULL);
        for (j = 0; j < n && gan_data(y); ++j) {
            const gan_real l = y->data[j];
            right += l > 0 || l < 0 ? (l > 0) == (k == 0) : 0.5;
        }
        gan_scope_close(t->inner);
    }
    return right;
}

static void gan__shuffled(gan__rng *rng, int n, int *order)
{
    int i;
    for (i = 0; i < n; ++i) order[i] = i;
    for (i = n - 1; i > 0; --i) {
        const int k = (int)gan__rng_below(rng, (uint32_t)i + 1), at = order[k];
        order[k] = order[i];
        order[i] = at;
    }
}

static int gan__critic_begin(gan_context *ctx, gan__critic_test *t)
{
    gan__rng rng = gan__rng_stream(ctx, "classifier_test.order");
    const size_t row = (size_t)GAN__MOST(t->f, 1) + 4 * (size_t)GAN__MOST(t->hidden, 1);
    const size_t weights = (size_t)(t->f + 2) * (size_t)GAN__MOST(t->hidden, 1) + (size_t)t->f;
    gan_desc desc;
    int k;
    memset(&desc, 0, sizeof desc);
    desc.seed = ctx->rng.seed;
    desc.threads = ctx->threads;
    desc.isa = ctx->k->isa;
    desc.parallel_for = ctx->parallel_for;
    desc.parallel_user = ctx->parallel_user;
    desc.memory_size = ((size_t)1 << 20) + (8 * weights + 8 * 256 * row) * sizeof(gan_real) +
                       (size_t)ctx->threads * ((size_t)1 << 22);
    desc.memory = gan__scratch(ctx, desc.memory_size);
    t->mean = (double *)gan__work(ctx, 2, t->f, sizeof *t->mean);
    for (k = 0; k < 2; ++k) t->order[k] = (int *)gan__work(ctx, t->x[k]->dim[0], 1, sizeof(int));
    if (!desc.memory || !t->mean || !t->order[0] || !t->order[1]) return 1;
    t->scale = t->mean + t->f;
    for (k = 0; k < 2; ++k) gan__shuffled(&rng, t->x[k]->dim[0], t->order[k]);
    gan__critic_standard(t);
    t->inner = gan_create(&desc);
    if (!t->inner) return 1;
    t->inner->patience = ctx->patience;
    t->model = gan_model_create(t->inner, "critic", gan__critic_forward, t);
    return 0;
}

GAN_API gan_two_sample gan_classifier_test(gan_tensor *real, gan_tensor *fake, int hidden, int steps)
{
    gan_two_sample r = gan__no_two_sample();
    gan_tensor *in[2];
    gan_context *ctx;
    gan__critic_test t;
    in[0] = real;
    in[1] = fake;
    ctx = gan__samples("classifier_test", 2, in, 4);
    if (!ctx || !gan__at_least(ctx, "classifier_test", "steps", steps, 0)) return r;
    memset(&t, 0, sizeof t);
    t.x[0] = real;
    t.x[1] = fake;
    t.f = gan__each(real);
    t.n = GAN__LEAST(real->dim[0], fake->dim[0]);
    t.train = t.n / 2;
    t.hidden = hidden ? hidden : 64;
    gan_scope_open(ctx);
    if (!gan__critic_begin(ctx, &t)) {
        double right[2];
        gan__critic_train(&t, steps ? steps : 500, GAN__LEAST(64, t.train));
        gan_model_mode(t.model, GAN_EVAL);
        gan_record(t.inner, 0);
        right[0] = gan__critic_right(&t, 0);
        right[1] = gan__critic_right(&t, 1);
        if (t.inner->error)
            gan__fail(ctx, (gan_error_code)t.inner->error, "classifier_test: %s", t.inner->message);
        else r = gan__two_sample(right[0], t.n - t.train, right[1], t.n - t.train);
        gan_destroy(t.inner);
    }
    gan_scope_close(ctx);
    return r;
}

// ---- the discriminator

GAN_API gan_confusion_report gan_confusion(gan_tensor *real_logits, gan_tensor *fake_logits)
{
    gan_confusion_report r;
    gan_tensor *in[2];
    size_t i;
    double called;
    memset(&r, 0, sizeof r);
    r.accuracy = r.precision = r.recall = gan__nan();
    in[0] = real_logits;
    in[1] = fake_logits;
    if (!gan__measurable("confusion", 2, in)) return r;
    for (i = 0; i < real_logits->size; ++i) r.real_as_real += real_logits->data[i] > 0;
    for (i = 0; i < fake_logits->size; ++i) r.fake_as_real += fake_logits->data[i] > 0;
    r.real_as_fake = (int64_t)real_logits->size - r.real_as_real;
    r.fake_as_fake = (int64_t)fake_logits->size - r.fake_as_real;
    called = (double)(r.real_as_real + r.fake_as_real);
    r.accuracy =
        (double)(r.real_as_real + r.fake_as_fake) / ((double)real_logits->size + (double)fake_logits->size);
    r.precision = called > 0 ? (double)r.real_as_real / called : 0;
    r.recall = (double)r.real_as_real / (double)real_logits->size;
    return r;
}

// >>latent: z moved by what D says of G(z); may use floors 0 to 8; tests/test_latent.c

// All axes but the first, those of a sample.
static unsigned gan__within(const gan_tensor *x) { return ((1u << x->ndim) - 1) & ~1u; }

static int gan__latent_fits(gan_model *g, gan_model *d, gan_tensor *z, const char *who, gan_tensor **out)
{
    gan_tensor *bad;
    *out = z ? z->ctx->poison : g ? g->ctx->poison : d ? d->ctx->poison : NULL;
    if (!g || !d) {
        if (*out) gan__fail((*out)->ctx, GAN_ERROR_ARGUMENT, "%s: a model is NULL", who);
        return 0;
    }
    if (!gan__inputs(GAN_OP_NONE, 1, &z, &bad)) {
        if (!z) gan__fail(g->ctx, GAN_ERROR_ARGUMENT, "%s: z is NULL", who);
        return 0;
    }
    if (z->ndim > 0 && z->size) return 1;
    gan__fail(z->ctx, GAN_ERROR_SHAPE, "%s: z has shape %t; (N, ...) is needed", who, z);
    return 0;
}

// What D says of z's samples, whatever lies between.
typedef struct gan__judge {
    gan_tensor *(*score)(const struct gan__judge *j, gan_tensor *z);
    gan_model *g, *d;
    gan_tensor *label;
    void *user;
} gan__judge;

static gan_tensor *gan__judge_plain(const gan__judge *j, gan_tensor *z)
{
    return gan_forward(j->d, gan_forward(j->g, z, j->label), j->label);
}

static gan__judge gan__judge_of(gan_model *g, gan_model *d, gan_tensor *label)
{
    gan__judge j;
    j.score = gan__judge_plain;
    j.g = g;
    j.d = d;
    j.label = label;
    j.user = NULL;
    return j;
}

// The gradient of D(G(z)) by z, per sample: samples do not see each other.
static gan_tensor *gan__latent_gradient(const gan__judge *j, gan_tensor *z, int flags)
{
    return gan_grad(gan_sum_all(j->score(j, z)), z, flags);
}

// 1 or 0 for each sample, (N, 1 ...), ones with probability share
static gan_tensor *gan__latent_share(const gan_tensor *z, gan_real share)
{
    gan_tensor *mask;
    int dim[GAN_MAX_DIMS], i;
    for (i = 0; i < z->ndim; ++i) dim[i] = i ? 1 : z->dim[0];
    mask = gan__tensor_new(z->ctx, z->ndim, dim);
    if (gan__is_poison(mask)) return mask;
    gan__draw_uniform(z->ctx, &z->ctx->rng, mask->data, mask->size);
    for (i = 0; i < z->dim[0]; ++i) mask->data[i] = mask->data[i] < share ? 1 : 0;
    return mask;
}

static gan_tensor *gan__latent_optimize(const gan__judge *j, gan_tensor *z, gan_latent_desc how)
{
    gan_tensor *share;
    int i, recording;
    how.alpha = gan__or_default(how.alpha, 0.9);
    how.beta = gan__or_default(how.beta, 0.1);
    how.share = gan__or_default(how.share, 0.8);
    recording =
        gan_record(z->ctx, 1); // its gradients are needed even where nobody asks for those of the result
    share = gan__latent_share(z, how.share);
    for (i = 0; i < how.steps; ++i) {
        gan_tensor *by = gan__latent_gradient(j, z, recording ? GAN_CREATE_GRAPH : 0);
        gan_tensor *norm = gan_sum(gan_square(by), gan__within(z), GAN_KEEPDIM);
        by = gan_div(gan_mul_scalar(by, how.alpha), gan_add_scalar(norm, how.beta));
        z = gan_addcmul(by, share, z);
        if (how.bound > 0) z = gan_clamp(z, -how.bound, how.bound);
    }
    gan_record(z->ctx, recording);
    return z;
}

GAN_API gan_tensor *gan_latent_optimize(gan_model *g, gan_model *d, gan_tensor *z, gan_tensor *label,
                                        const gan_latent_desc *desc)
{
    const gan__judge j = gan__judge_of(g, d, label);
    gan_tensor *out;
    if (!gan__latent_fits(g, d, z, "gan_latent_optimize", &out)) return out;
    return desc && desc->steps > 0 ? gan__latent_optimize(&j, z, *desc) : z;
}

GAN_API gan_tensor *gan_latent_langevin(gan_model *g, gan_model *d, gan_tensor *z, gan_tensor *label,
                                        int steps, gan_real rate)
{
    const gan__judge j = gan__judge_of(g, d, label);
    gan_tensor *out, *noise;
    int i, recording;
    if (!gan__latent_fits(g, d, z, "gan_latent_langevin", &out)) return out;
    if (steps < 0 || !(rate >= 0) || !gan__is_finite(rate))
        return gan__fail(z->ctx, GAN_ERROR_ARGUMENT,
                         "gan_latent_langevin: %d steps of %f; neither may be negative", steps, (double)rate);
    out = gan_tensor_create(z->ctx, z->ndim, z->dim);
    if (gan__is_poison(out)) return out;
    memcpy(out->data, z->data, z->size * sizeof *z->data);
    recording = gan_record(z->ctx, 1);
    for (i = 0; i < steps; ++i) { // E = |z|^2 / 2 - D(G(z)): its gradient is z minus that of D(G(z))
        gan_tensor *step;
        gan_scope_open(z->ctx);
        step = gan_sub(gan_detach(out), gan__latent_gradient(&j, gan_detach(out), 0));
        noise = gan__tensor_new(z->ctx, z->ndim, z->dim);
        if (!gan__is_poison(noise)) gan__draw_normal(z->ctx, &z->ctx->rng, noise->data, noise->size);
        step = gan_sub(gan_mul_scalar(noise, (gan_real)sqrt((double)rate)), gan_mul_scalar(step, rate / 2));
        step = gan_add(out, step);
        if (gan_data(step)) memcpy(out->data, step->data, out->size * sizeof *out->data);
        gan_scope_close(z->ctx);
    }
    gan_record(z->ctx, recording);
    return z->ctx->error ? z->ctx->poison : out;
}

// >>play: the trainer's description, what each player sees, its loss, its update; uses latent; tests/test_play.c

typedef struct gan__average { // one parameter of the averaged generator
    struct gan__average *next;
    gan__param *param;
    gan__state *state;
    gan_real *own; // the parameter's own values while the average stands in for them
} gan__average;

typedef struct gan__saved { // a state as it was when all was well
    struct gan__saved *next;
    gan__state *state;
    void *data;
} gan__saved;

struct gan_trainer {
    gan_context *ctx;
    gan_trainer_desc desc; // as given, with the defaults in
    gan_trainer_desc now;  // with what the schedules say for this step
    gan_optimizer *g, *d;
    gan_loss_desc loss;
    gan__average *averages, *averages_end;
    gan__saved *copies, *copies_end;
    int64_t steps, copied; // copied: the step at which the copies were made, or -1
    int setbacks;          // since then
    int classes;           // of the data's labels, 0 without labels
    gan_real *labels;      // of the last batch: the generator is asked for the same ones
    const char *real_name;
    gan_tensor *real; // the last batch, kept under that name where G's loss needs it
    gan_pool *pool;
    gan_real ada[3]; // p, the sum of signs, how many
    gan_plateau plateau[GAN_MAX_SCHEDULES];
    gan_real best[2];
    gan_trainer_stats stats;
};

// One more than the largest label; 0 without labels.
static int gan__data_classes(const gan_dataset *d)
{
    int most = -1;
    size_t i;
    for (i = 0; i < d->n && d->byte_labels; ++i) most = GAN__MOST(most, (int)d->byte_labels[i]);
    for (i = 0; i < d->n && d->real_labels; ++i)
        if (d->real_labels[i] >= 0 && d->real_labels[i] < 65536)
            most = GAN__MOST(most, (int)d->real_labels[i]);
    return most + 1;
}

// The fields of the description that are numbers, each with the range it must lie in.
#define GAN__TRAINER_RANGES(X)                                                                               \
    X(batch, 0, 1e9)                                                                                         \
    X(latent, 0, 1e9)                                                                                        \
    X(d_steps, 0, 1e9)                                                                                       \
    X(accumulate, 0, 1e9)                                                                                    \
    X(lookahead, 0, 1e9)                                                                                     \
    X(pack, 0, 1e6)                                                                                          \
    X(pool, 0, 1e9) X(unroll, 0, 1e6) X(rollback, 0, 1e9) X(metric_every, 0, 1e9) X(d_logits, 0, 1e9)        \
        X(label_smoothing, 0, .9999999) X(fake_smoothing, 0, .9999999) X(label_flip, 0, 1)                   \
            X(ema, 0, .9999999) X(ema_half_life, 0, 1e30) X(ema_ramp, 0, 1e30) X(instance_noise, 0, 1e30)    \
                X(top_k, 0, 1) X(lookahead_alpha, 0, 1) X(ada_target, 0, 1) X(ada_kimg, 0, 1e30)             \
                    X(game_strength, -1e30, 1e30) X(loss_parameter, -1e30, 1e30)

// 1 and an error when a number of the description is out of its range.
static int gan__trainer_ranges(gan_context *ctx, const gan_trainer_desc *desc)
{
    static const struct {
        const char *name;
        double lo, hi;
    } range[] = {
#define GAN__ROW(name, lo, hi) {#name, lo, hi},
        GAN__TRAINER_RANGES(GAN__ROW)
#undef GAN__ROW
    };
    double value[sizeof range / sizeof *range];
    int i = 0;
#define GAN__ROW(name, lo, hi) value[i++] = (double)desc->name;
    GAN__TRAINER_RANGES(GAN__ROW)
#undef GAN__ROW
    for (i = 0; i < (int)(sizeof range / sizeof *range); ++i)
        if (!(value[i] >= range[i].lo && value[i] <= range[i].hi)) {
            gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_trainer_create: %s is %f; it must lie in [%f, %f]",
                      range[i].name, value[i], range[i].lo, range[i].hi);
            return 1;
        }
    return 0;
}

// 1 and an error when the description cannot be trained by.
static int gan__trainer_refuses(gan_context *ctx, const gan_trainer_desc *desc)
{
    int i;
    if (!desc || !desc->generator || !desc->discriminator || !desc->data) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT,
                  "gan_trainer_create: generator, discriminator and data must be given%s",
                  desc && desc->generator && desc->discriminator ? "; data is NULL" : "");
        return 1;
    }
    if (desc->generator->ctx != ctx || desc->discriminator->ctx != ctx) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_trainer_create: the models belong to another context");
        return 1;
    }
    if (desc->data->ctx != ctx || desc->generator == desc->discriminator) {
        gan__fail(ctx, GAN_ERROR_ARGUMENT, "gan_trainer_create: %s",
                  desc->data->ctx != ctx ? "the data belong to another context"
                                         : "generator and discriminator are one model");
        return 1;
    }
    if (!gan__loss_known(ctx, desc->loss)) return 1;
    for (i = 0; i < (int)GAN_MAX_PENALTIES; ++i)
        if (!gan__penalty_known(ctx, desc->penalty[i].kind)) return 1;
    for (i = 0; i < (int)GAN_MAX_SCHEDULES; ++i)
        if ((int)desc->schedule[i].what < 0 || desc->schedule[i].what >= GAN_SCHEDULED_COUNT) {
            gan__fail(ctx, GAN_ERROR_ARGUMENT,
                      "gan_trainer_create: schedule %d drives %d; take one of the gan_scheduled enumeration",
                      i, (int)desc->schedule[i].what);
            return 1;
        }
    return gan__trainer_ranges(ctx, desc);
}

// Karras 2020: a player with a term every n steps takes n + 1 gradients where others take n.
static void gan__lazy(gan_optimizer_desc *o, int every)
{
    const double c = every / (every + 1.);
    o->lr *= (gan_real)c;
    o->beta1 = (gan_real)pow((double)o->beta1, c);
    o->beta2 = (gan_real)pow((double)o->beta2, c);
}

static void gan__trainer_defaults(gan_trainer_desc *desc)
{
    const gan_optimizer_desc adam = gan_adam((gan_real)2e-4, (gan_real)0.5, (gan_real)0.999);
    int i, lazy[2] = {0, 0};
    if (!desc->batch) desc->batch = 64;
    if (!desc->latent) desc->latent = 100;
    if (!desc->d_steps) desc->d_steps = 1;
    if (!desc->accumulate) desc->accumulate = 1;
    if (!desc->pack) desc->pack = 1;
    if (!desc->metric_every) desc->metric_every = 1000;
    if (desc->lookahead_alpha == 0) desc->lookahead_alpha = (gan_real)0.5;
    if (desc->ema_ramp == 0) desc->ema_ramp = (gan_real)0.05;
    if (desc->ada_kimg == 0) desc->ada_kimg = 500;
    if (desc->g_optimizer.lr == 0) desc->g_optimizer = adam;
    if (desc->d_optimizer.lr == 0) desc->d_optimizer = adam;
    for (i = 0; i < (int)GAN_MAX_PENALTIES; ++i) {
        gan_penalty_desc *p = &desc->penalty[i];
        const int player = gan_penalty_player(p->kind) == GAN_PLAYER_GENERATOR;
        p->weight = gan__or_default(p->weight, gan__penalties[p->kind].weight);
        if (p->every > lazy[player]) lazy[player] = p->every;
    }
    if (lazy[0] > 1) gan__lazy(&desc->d_optimizer, lazy[0]);
    if (lazy[1] > 1) gan__lazy(&desc->g_optimizer, lazy[1]);
}

static const char *gan__trainer_name(const gan_trainer *t, const char *part)
{
    return gan__name(t->ctx, "trainer.", t->desc.generator->name, part);
}

// What of the trainer belongs into a checkpoint. 1 on error.
static int gan__trainer_states(gan_trainer *t)
{
    gan_context *ctx = t->ctx;
    int n = 4, three = 3, two = 2, i;
    if (!gan__state_over(ctx, gan__trainer_name(t, ".steps"), GAN__STATE_I64, 0, NULL, &t->steps)) return 1;
    if ((t->desc.loss == GAN_LOSS_BEGAN || t->desc.loss == GAN_LOSS_MAGAN) &&
        !gan__state_over(ctx, gan__trainer_name(t, ".loss"), GAN__STATE_REAL, 1, &n, t->loss.state))
        return 1;
    if (t->desc.ada_target > 0 &&
        !gan__state_over(ctx, gan__trainer_name(t, ".augment"), GAN__STATE_REAL, 1, &three, t->ada))
        return 1;
    if (t->desc.metric &&
        !gan__state_over(ctx, gan__trainer_name(t, ".best"), GAN__STATE_REAL, 1, &two, t->best))
        return 1;
    for (i = 0; i < (int)GAN_MAX_SCHEDULES; ++i) { // a plateau is three counts and its best value
        char part[] = ".plateau0", best[] = ".plateau0.best";
        part[8] = best[8] = (char)('0' + i);
        if (t->desc.schedule[i].schedule.kind != GAN_SCHEDULE_PLATEAU) continue;
        if (!gan__state_over(ctx, gan__trainer_name(t, part), GAN__STATE_I64, 1, &three,
                             &t->plateau[i].seen) ||
            !gan__state_over(ctx, gan__trainer_name(t, best), GAN__STATE_REAL, 0, NULL, &t->plateau[i].best))
            return 1;
    }
    t->real_name = gan__trainer_name(t, ".real");
    if (t->desc.pool) t->pool = gan_pool_create(ctx, gan__trainer_name(t, ".pool"), t->desc.pool);
    return ctx->error;
}

GAN_API gan_trainer *gan_trainer_create(gan_context *ctx, const gan_trainer_desc *desc)
{
    gan_trainer *t;
    if (!ctx || gan__trainer_refuses(ctx, desc)) return NULL;
    t = (gan_trainer *)gan__persist(ctx, sizeof *t);
    if (!t) return NULL;
    t->ctx = ctx;
    t->desc = *desc;
    t->copied = -1;
    gan__trainer_defaults(&t->desc);
    t->now = t->desc;
    t->loss.kind = t->desc.loss;
    t->loss.pairing = t->desc.pairing;
    t->loss.saturating = t->desc.saturating;
    t->loss.parameter = t->desc.loss_parameter;
    t->loss.fake_smoothing = t->desc.fake_smoothing;
    t->g = gan_optimizer_create(desc->generator, t->desc.g_optimizer);
    t->d = t->g ? gan_optimizer_create(desc->discriminator, t->desc.d_optimizer) : NULL;
    if (!t->d || gan__trainer_states(t)) return NULL;
    t->stats.step = t->steps;
    t->classes = gan__data_classes(desc->data);
    if (t->classes)
        t->labels =
            (gan_real *)gan__persist(ctx, (size_t)t->desc.batch * (size_t)t->desc.pack * sizeof *t->labels);
    return ctx->error ? NULL : t;
}

GAN_API int64_t gan_trainer_steps(const gan_trainer *t) { return t ? t->steps : 0; }
GAN_API gan_optimizer *gan_trainer_g_optimizer(gan_trainer *t) { return t ? t->g : NULL; }
GAN_API gan_optimizer *gan_trainer_d_optimizer(gan_trainer *t) { return t ? t->d : NULL; }

static gan_tensor *gan__latent(gan_trainer *t, gan__rng *r, int n, gan_tensor *label)
{
    gan_tensor *z;
    int dim[2];
    if (t->desc.latents) {
        z = t->desc.latents(t->ctx, n, label, t->desc.user);
        if (z && z->ctx == t->ctx && !gan__is_poison(z) && z->ndim && z->dim[0] == n) return z;
        return gan__fail(t->ctx, GAN_ERROR_SHAPE, "trainer: latents must return a tensor (%d, ...)", n);
    }
    dim[0] = n;
    dim[1] = t->desc.latent;
    z = gan__tensor_new(t->ctx, 2, dim);
    if (gan__is_poison(z)) return z;
    if (t->desc.prior == GAN_PRIOR_NORMAL) gan__draw_normal(t->ctx, r, z->data, z->size);
    else gan__draw_between(t->ctx, r, z->data, z->size, -1, 1);
    return z;
}

// what the players see

// As D sees samples: noise, augmentation, packs of m along axis 1.
static gan_tensor *gan__seen(gan_trainer *t, gan_tensor *x)
{
    gan_augment_desc a = t->now.augment;
    int dim[GAN_MAX_DIMS], i;
    if (gan__is_poison(x)) return x;
    if (t->desc.ada_target > 0) a.p = t->ada[0];
    if (t->now.instance_noise > 0) x = gan_instance_noise(x, t->now.instance_noise);
    if (a.policy && (a.p > 0 || t->desc.ada_target <= 0)) x = gan_augment(x, &a);
    if (t->desc.pack == 1 || gan__is_poison(x)) return x;
    if (x->ndim < 2)
        return gan__fail(t->ctx, GAN_ERROR_SHAPE,
                         "trainer: samples of shape %t cannot be packed along axis 1", x);
    for (i = 0; i < x->ndim; ++i) dim[i] = x->dim[i];
    dim[0] /= t->desc.pack;
    dim[1] *= t->desc.pack;
    return gan__reshape_to(x, x->ndim, dim);
}

// (N) labels, or (N / m, m) for packs of m
static gan_tensor *gan__seen_labels(const gan_trainer *t, gan_tensor *label)
{
    int dim[2];
    if (!label || t->desc.pack == 1) return label;
    dim[0] = t->desc.batch;
    dim[1] = t->desc.pack;
    return gan__reshape_to(label, 2, dim);
}

static gan_tensor *gan__logits(const gan_trainer *t, gan_tensor *out)
{
    return t->desc.d_logits ? gan_slice(out, 1, 0, t->desc.d_logits) : out;
}

static gan_real gan__mean_output(const gan_trainer *t, gan_tensor *out)
{
    return gan_item(gan_mean_all(gan_loss_is_probability(t->desc.loss) ? gan_sigmoid(out) : out));
}

// The real batch and its labels. 1 on error.
static int gan__trainer_real(gan_trainer *t, gan_penalty_in *in)
{
    in->real = gan_dataset_batch(t->desc.data, t->desc.batch * t->desc.pack, &in->label);
    if (gan__is_poison(in->real)) return 1;
    if (t->labels) memcpy(t->labels, in->label->data, in->label->size * sizeof *t->labels);
    return 0;
}

// Augmented copies for the penalties that compare D's answers to them.
static void gan__trainer_consistency(gan_trainer *t, gan_penalty_in *in)
{
    gan_augment_desc how = t->desc.consistency;
    unsigned needs = 0;
    int i;
    for (i = 0; i < (int)GAN_MAX_PENALTIES; ++i) needs |= gan_penalty_needs(t->now.penalty[i].kind);
    if (!how.policy) how.policy = GAN_AUGMENT_DIFF_TRANSLATION | GAN_AUGMENT_FLIP;
    if (needs & GAN_NEEDS_REAL_AUG) in->real_aug = gan__seen(t, gan_augment(in->real, &how));
    if (needs & GAN_NEEDS_FAKE_AUG) in->fake_aug = gan__seen(t, gan_augment(in->fake, &how));
}

// D's answer as the trainer asks for it.
static gan_tensor *gan__judge_seen(const gan__judge *j, gan_tensor *z)
{
    gan_trainer *t = (gan_trainer *)j->user;
    gan_tensor *x = gan__seen(t, gan_forward(j->g, z, j->label));
    return gan__logits(t, gan_forward(j->d, x, gan__seen_labels(t, j->label)));
}

// z for a batch; where LOGAN is on it has looked at D.
static gan_tensor *gan__trainer_z(gan_trainer *t, gan_tensor *label)
{
    gan_latent_desc how = t->desc.optimize;
    gan_tensor *z = gan__latent(t, &t->ctx->rng, t->desc.batch * t->desc.pack, label);
    gan__judge j = gan__judge_of(t->desc.generator, t->desc.discriminator, label);
    if (how.steps < 1 || gan__is_poison(z)) return z;
    j.score = gan__judge_seen;
    j.user = t;
    if (t->desc.prior == GAN_PRIOR_UNIFORM) how.bound = gan__or_default(how.bound, 1);
    return gan__latent_optimize(&j, z, how);
}

// Fresh fakes of the shape of the data, made without a tape in a scope of their own. 1 on error.
static int gan__trainer_fakes(gan_trainer *t, gan_penalty_in *in)
{
    gan_context *ctx = t->ctx;
    const gan_tensor *real = in->real;
    gan_tensor *made;
    int recording;
    in->fake = gan_tensor_create(ctx, real->ndim, real->dim);
    in->z = gan_detach(gan__trainer_z(t, in->label));
    if (gan__is_poison(in->fake) || gan__is_poison(in->z)) return 1;
    gan_scope_open(ctx);
    recording = gan_record(ctx, 0);
    made = gan__forward(t->desc.generator, in->z, in->label);
    gan_record(ctx, recording);
    if (!gan__is_poison(made)) {
        if (made->size != real->size || made->ndim != real->ndim ||
            memcmp(made->dim, real->dim, (size_t)real->ndim * sizeof *real->dim))
            gan__fail(ctx, GAN_ERROR_SHAPE, "trainer: the generator makes %t, the data are %t", made, real);
        else if (!gan__all_finite(made))
            gan__blame_tensor(ctx, gan__first_bad(made), t->desc.generator->name);
        else memcpy(in->fake->data, made->data, made->size * sizeof *made->data);
    }
    gan_scope_close(ctx);
    if (t->pool && !ctx->error) in->fake = gan_pool_query(t->pool, in->fake, (gan_real)0.5);
    return ctx->error;
}

// the losses

// A share of the pairs has real and fake change places (noisy labels).
static void gan__flip_labels(gan_trainer *t, gan_tensor **r, gan_tensor **f)
{
    gan_tensor *flip, *was = *r;
    if (t->now.label_flip <= 0 || gan__is_poison(*r) || gan__is_poison(*f)) return;
    flip = gan__latent_share(*r, t->now.label_flip);
    *r = gan_where(flip, *f, *r);
    *f = gan_where(flip, was, *f);
}

static int gan__concerns(const gan_penalty_desc *p, gan_player player)
{
    const gan_player of = gan_penalty_player(p->kind);
    return of == player || of == GAN_PLAYER_EITHER;
}

// The penalties that belong to a player, weighted, each in its interval, and the term of the user's own; NULL when
// there is none.
static gan_tensor *gan__trainer_terms(gan_trainer *t, gan_player player, gan_penalty_in *in, gan_real *value)
{
    gan_trainer_term *const own = player == GAN_PLAYER_GENERATOR ? t->desc.g_term : t->desc.d_term;
    gan_tensor *sum = NULL, *term;
    int i;
    *value = 0;
    for (i = 0; i < (int)GAN_MAX_PENALTIES; ++i) {
        const gan_penalty_desc *p = &t->now.penalty[i];
        gan_penalty_in about = *in;
        if (p->kind == GAN_PENALTY_NONE || !gan__concerns(p, player)) continue;
        if (p->every > 1 && t->steps % p->every) continue;
        if (player == GAN_PLAYER_GENERATOR && gan_penalty_player(p->kind) == GAN_PLAYER_EITHER)
            about.d = NULL;
        term = gan_penalty_ex(p, &about);
        if (p->every > 1) term = gan_mul_scalar(term, (gan_real)p->every);
        *value += gan_item(term);
        sum = sum ? gan_add(sum, term) : term;
    }
    if (!own) return sum;
    term = own(in, t->desc.user);
    if (!term) return (gan_tensor *)gan__fail(t->ctx, GAN_ERROR_ARGUMENT, "trainer: a term returned NULL");
    return sum ? gan_add(sum, term) : term;
}

static void gan__trainer_after(gan_trainer *t, gan_model *m, gan_player player)
{
    int i;
    for (i = 0; i < (int)GAN_MAX_PENALTIES && !t->ctx->error; ++i) {
        const gan_penalty_desc *p = &t->now.penalty[i];
        if (gan__concerns(p, player)) gan_penalty_after(p->kind, p->weight, m);
    }
}

static gan_tensor *gan__trainer_d_loss(gan_trainer *t, gan_penalty_in *in)
{
    gan_tensor *r, *f, *loss, *terms;
    in->real_out = gan_forward(in->d, in->real, in->label);
    in->fake_out = gan_forward(in->d, in->fake, in->label);
    r = gan__logits(t, in->real_out);
    f = gan__logits(t, in->fake_out);
    t->stats.d_real = gan__mean_output(t, r);
    t->stats.d_fake = gan__mean_output(t, f);
    if (t->desc.ada_target > 0 && gan_data(r)) {
        size_t i;
        for (i = 0; i < r->size; ++i) t->ada[1] += r->data[i] > 0 ? 1 : r->data[i] < 0 ? -1 : 0;
        t->ada[2] += (gan_real)r->size;
    }
    gan__flip_labels(t, &r, &f);
    loss = gan_loss_d_ex(&t->loss, r, f);
    t->stats.d_loss = gan_item(loss);
    terms = gan__trainer_terms(t, GAN_PLAYER_DISCRIMINATOR, in, &t->stats.penalty);
    return terms ? gan_add(loss, terms) : loss;
}

// How many of v[0 .. n-1] come before v[i], the largest first; where equal, the earlier one.
static int gan__rank(const gan_real *v, int n, int i)
{
    int j, rank = 0;
    for (j = 0; j < n; ++j) rank += v[j] > v[i] || (!(v[j] < v[i]) && j < i);
    return rank;
}

// The largest share of G's logits (Sinha 2020).
static gan_tensor *gan__top_k(gan_trainer *t, gan_tensor *f)
{
    gan_tensor *index;
    const gan_real *v = gan_data(f);
    int i, n, keep, to = 0;
    if (t->now.top_k <= 0 || t->now.top_k >= 1 || !v || f->ndim != 2 || f->dim[1] != 1) return f;
    n = f->dim[0];
    keep = GAN__MOST(1, (int)((double)t->now.top_k * n + 0.5));
    index = gan__tensor_new(t->ctx, 1, &keep);
    if (gan__is_poison(index)) return index;
    for (i = 0; i < n; ++i)
        if (to < keep && gan__rank(v, n, i) < keep) index->data[to++] = (gan_real)i;
    while (to < keep) index->data[to++] = 0; // NaNs have no rank: the guard will see them
    return gan_take(f, index);
}

// Whether G's loss looks at real data: then D judges the last batch once more.
static int gan__trainer_needs_real(const gan_trainer *t)
{
    return gan_loss_needs_real(&t->loss) || t->desc.unroll || t->desc.g_term;
}

// in->fake is G(z), recorded, as G's penalties see it; D sees it noisy, augmented and packed.
static gan_tensor *gan__trainer_g_loss(gan_trainer *t, gan_penalty_in *in)
{
    gan_tensor *r = NULL, *f, *loss, *terms, *label = gan__seen_labels(t, in->label);
    in->fake_out = gan_forward(in->d, gan__seen(t, in->fake), label);
    if (in->real) in->real_out = gan_forward(in->d, gan__seen(t, in->real), label);
    if (in->real_out) r = gan__logits(t, in->real_out);
    f = gan__top_k(t, gan__logits(t, in->fake_out));
    if (r && !gan__is_poison(f) && !gan__is_poison(r) && f->dim[0] < r->dim[0])
        r = gan_slice(r, 0, 0, f->dim[0]);
    loss = gan_loss_g_ex(&t->loss, r, f);
    t->stats.g_loss = gan_item(loss);
    terms = gan__trainer_terms(t, GAN_PLAYER_GENERATOR, in, &t->stats.g_penalty);
    return terms ? gan_add(loss, terms) : loss;
}

// Metz 2017: D's parameters become what `unroll` steps of gradient descent make of them, as functions on the tape, so
// that G's gradient flows through D's answers. D's running statistics do move.
static gan_tensor *gan__unrolled_g_loss(gan_trainer *t, gan_penalty_in *in)
{
    gan_context *ctx = t->ctx;
    gan_tensor **own, **at, **by, *loss, *label = gan__seen_labels(t, in->label);
    gan__param *p;
    int n = 0, i, k;
    for (p = in->d->params; p; p = p->next) n += p->trainable && !p->frozen;
    own = (gan_tensor **)gan__scratch(ctx, 3 * ((size_t)n + 1) * sizeof *own);
    if (!own) return ctx->poison;
    at = own + n;
    by = at + n;
    for (i = 0, p = in->d->params; p; p = p->next)
        if (p->trainable && !p->frozen) own[i++] = p->tensor;
    for (k = 0; k < t->desc.unroll && !ctx->error; ++k) {
        gan_tensor *r = gan__logits(t, gan_forward(in->d, gan__seen(t, in->real), label));
        gan_tensor *f = gan__logits(t, gan_forward(in->d, gan__seen(t, in->fake), label));
        for (i = 0, p = in->d->params; p; p = p->next)
            if (p->trainable && !p->frozen) at[i++] = p->tensor;
        if (gan_grads(gan_loss_d_ex(&t->loss, r, f), n, at, by, GAN_CREATE_GRAPH)) break;
        for (i = 0, p = in->d->params; p; p = p->next)
            if (p->trainable && !p->frozen) {
                p->tensor = gan_sub(at[i], gan_mul_scalar(by[i], t->d->desc.lr));
                ++i;
            }
    }
    loss = gan__trainer_g_loss(t, in);
    if (gan__settle(ctx)) loss = ctx->poison;
    for (i = 0, p = in->d->params; p; p = p->next)
        if (p->trainable && !p->frozen) p->tensor = own[i++];
    gan__scratch_free(ctx, own);
    return loss;
}

// the updates

// ahead: not the update itself but extragradient's look ahead.
static void gan__trainer_minimize(gan_trainer *t, gan_optimizer *o, gan_tensor *loss, int last, int ahead)
{
    if (t->desc.accumulate > 1) loss = gan_mul_scalar(loss, 1 / (gan_real)t->desc.accumulate);
    if (!last) gan_accumulate(o, loss);
    else if (ahead) gan_extrapolate(o, loss);
    else gan__minimize_checked(o, loss, 1); // in a scope of the trainer's own
}

static gan_penalty_in gan__trainer_in(const gan_trainer *t)
{
    gan_penalty_in in;
    memset(&in, 0, sizeof in);
    in.d = t->desc.discriminator;
    in.g = t->desc.generator;
    in.step = t->steps;
    return in;
}

// G's next loss may want what D just saw.
static void gan__trainer_remember(gan_trainer *t, const gan_penalty_in *in)
{
    if (!gan__trainer_needs_real(t) || gan__is_poison(in->real)) return;
    t->real = gan_keep(t->ctx, t->real_name, in->real);
}

// One update of D on fresh batches and fresh fakes.
static void gan__trainer_d_step(gan_trainer *t, int ahead)
{
    int i;
    for (i = 0; i < t->desc.accumulate && !t->ctx->error; ++i) {
        gan_penalty_in in = gan__trainer_in(t);
        gan_scope_open(t->ctx);
        if (!gan__trainer_real(t, &in) && !gan__trainer_fakes(t, &in)) {
            gan__trainer_remember(t, &in);
            gan__trainer_consistency(t, &in);
            in.real = gan__seen(t, in.real);
            in.fake = gan__seen(t, in.fake);
            in.label = gan__seen_labels(t, in.label);
            gan__trainer_minimize(t, t->d, gan__trainer_d_loss(t, &in), i + 1 == t->desc.accumulate, ahead);
        }
        gan_scope_close(t->ctx);
    }
    t->stats.d_grad_norm = gan_optimizer_norm(t->d);
    if (t->ctx->error || ahead) return;
    gan__trainer_after(t, t->desc.discriminator, GAN_PLAYER_DISCRIMINATOR);
    gan_loss_control(&t->loss, t->stats.d_real, t->stats.d_fake);
}

static void gan__trainer_g_step(gan_trainer *t, int ahead)
{
    gan_context *ctx = t->ctx;
    const int n = t->desc.batch * t->desc.pack;
    int i;
    for (i = 0; i < t->desc.accumulate && !ctx->error; ++i) {
        gan_penalty_in in = gan__trainer_in(t);
        gan_tensor *loss;
        gan_scope_open(ctx);
        if (t->labels) {
            in.label = gan__tensor_new(ctx, 1, &n);
            if (!gan__is_poison(in.label))
                memcpy(in.label->data, t->labels, in.label->size * sizeof *t->labels);
        }
        if (t->real && gan__trainer_needs_real(t)) in.real = gan_detach(t->real);
        in.z = gan__trainer_z(t, in.label);
        in.fake = gan_forward(in.g, in.z, in.label);
        loss = t->desc.unroll ? gan__unrolled_g_loss(t, &in) : gan__trainer_g_loss(t, &in);
        gan__trainer_minimize(t, t->g, loss, i + 1 == t->desc.accumulate, ahead);
        gan_scope_close(ctx);
    }
    t->stats.g_grad_norm = gan_optimizer_norm(t->g);
    if (!ctx->error && !ahead) gan__trainer_after(t, t->desc.generator, GAN_PLAYER_GENERATOR);
}

// Both players on one batch and one tape; their gradients are taken before either moves.
static void gan__trainer_both(gan_trainer *t, int ahead)
{
    gan_penalty_in in = gan__trainer_in(t), of_g;
    gan_optimizer *o[2];
    gan_tensor *loss[2];
    o[0] = t->d;
    o[1] = t->g;
    gan_scope_open(t->ctx);
    if (!gan__trainer_real(t, &in)) {
        in.z = gan__trainer_z(t, in.label);
        in.fake = gan_forward(in.g, in.z, in.label);
        of_g = in;
        gan__trainer_consistency(t, &in);
        in.real = gan__seen(t, in.real);
        in.fake = gan__seen(t, in.fake);
        in.label = gan__seen_labels(t, in.label);
        loss[0] = gan__trainer_d_loss(t, &in);
        loss[1] = gan__trainer_g_loss(t, &of_g);
        if (ahead) gan_extrapolate_game(t->desc.game, t->desc.game_strength, 2, o, loss);
        else gan_minimize_game(t->desc.game, t->desc.game_strength, 2, o, loss);
    }
    gan_scope_close(t->ctx);
    t->stats.d_grad_norm = gan_optimizer_norm(t->d);
    t->stats.g_grad_norm = gan_optimizer_norm(t->g);
    if (t->ctx->error || ahead) return;
    gan__trainer_after(t, t->desc.discriminator, GAN_PLAYER_DISCRIMINATOR);
    gan__trainer_after(t, t->desc.generator, GAN_PLAYER_GENERATOR);
    gan_loss_control(&t->loss, t->stats.d_real, t->stats.d_fake);
}

static void gan__trainer_round(gan_trainer *t, int ahead)
{
    int i;
    const int d_steps = ahead ? 1 : t->desc.d_steps;
    if (t->desc.simultaneous) {
        gan__trainer_both(t, ahead);
        return;
    }
    for (i = 0; i < d_steps && !t->ctx->error; ++i) gan__trainer_d_step(t, ahead);
    if (!t->ctx->error) gan__trainer_g_step(t, ahead);
}

static void gan__trainer_play(gan_trainer *t)
{
    if (t->desc.extragradient) gan__trainer_round(t, 1);
    if (!t->ctx->error) gan__trainer_round(t, 0);
}

// >>train: a step: schedules, both players, averages, what keeps a run safe; uses play; tests/test_train.c

// The two places of the description that a schedule drives.
static const size_t gan__scheduled[][2] = {
#define GAN__ROW(id, g, d) {offsetof(gan_trainer_desc, g), offsetof(gan_trainer_desc, d)},
    GAN_SCHEDULED(GAN__ROW)
#undef GAN__ROW
};

// A scheduled field of an optimizer holds for the optimizer itself; what no schedule drives is the user's.
static void gan__schedule_optimizer(gan_optimizer *o, size_t field, size_t of, gan_real value)
{
    if (field >= of && field < of + sizeof o->desc)
        *(gan_real *)(void *)((char *)&o->desc + (field - of)) = value;
}

static void gan__trainer_schedules(gan_trainer *t)
{
    int i, k;
    t->now = t->desc;
    for (i = 0; i < (int)GAN_MAX_SCHEDULES; ++i) {
        const gan_trainer_schedule *s = &t->desc.schedule[i];
        const int drops = s->schedule.kind == GAN_SCHEDULE_PLATEAU;
        if (s->schedule.kind == GAN_SCHEDULE_CONSTANT) continue;
        for (k = 0; k < 2 && (!k || gan__scheduled[s->what][0] != gan__scheduled[s->what][1]); ++k) {
            const size_t at = gan__scheduled[s->what][k];
            gan_real *field = (gan_real *)(void *)((char *)&t->now + at);
            const gan_real value =
                gan_schedule_at(&s->schedule, *field, drops ? t->plateau[i].drops : t->steps);
            *field = value;
            gan__schedule_optimizer(t->g, at, offsetof(gan_trainer_desc, g_optimizer), value);
            gan__schedule_optimizer(t->d, at, offsetof(gan_trainer_desc, d_optimizer), value);
        }
    }
}

// the averaged generator

// Averages for the parameters that have none yet: a checkpoint's, or copies. 1: no memory.
static int gan__average_catch_up(gan_trainer *t)
{
    gan_context *ctx = t->ctx;
    gan__param *p = t->averages_end ? t->averages_end->param->next : t->desc.generator->params;
    for (; p; p = p->next) {
        gan__average *a = (gan__average *)gan__persist(ctx, sizeof *a);
        if (!a) return 1;
        a->param = p;
        a->state = gan__state_add(ctx, gan__name(ctx, "ema.", p->state->name, ""), GAN__STATE_REAL,
                                  p->tensor->ndim, p->tensor->dim);
        if (!a->state || gan__state_own(ctx, a->state)) return 1;
        if (!a->state->loaded) memcpy(a->state->data, p->tensor->data, p->tensor->size * sizeof(gan_real));
        if (t->averages_end) t->averages_end->next = a;
        else t->averages = a;
        t->averages_end = a;
    }
    return 0;
}

static int gan__averages(const gan_trainer *t) { return t->desc.ema != 0 || t->desc.ema_half_life > 0; }

// A checkpoint that holds averages was loaded and no step made since: they are claimed, after a forward pass
// that makes the parameters where there are none.
static void gan__average_claim(gan_trainer *t, gan_tensor *z, gan_tensor *label)
{
    if (!gan__averages(t) || t->averages || !gan__awaits(t->ctx, "ema.", "")) return;
    gan_scope_open(t->ctx);
    if (!t->desc.generator->params) gan_forward(t->desc.generator, z, label);
    gan_scope_close(t->ctx);
    gan__average_catch_up(t);
}

// The decay of this step; with a half-life in samples, no longer than a share of those seen (Karras 2020).
static gan_real gan__average_decay(const gan_trainer *t)
{
    const double batch = (double)t->desc.batch * t->desc.pack, seen = batch * (double)(t->steps + 1);
    const double half = (double)t->desc.ema_half_life, most = (double)t->desc.ema_ramp * seen;
    if (t->steps < t->desc.ema_start) return 0;
    return half > 0 ? (gan_real)pow(0.5, batch / GAN__LEAST(half, most)) : t->now.ema;
}

// avg = ema avg + (1 - ema) p, the first time a copy; buffers (running statistics) are used as they are.
static void gan__average_update(gan_trainer *t)
{
    gan__average *a;
    if (!gan__averages(t) || gan__average_catch_up(t)) return;
    for (a = t->averages; a; a = a->next)
        t->ctx->k->ema(a->param->tensor->size, (gan_real *)a->state->data, a->param->tensor->data,
                       gan__average_decay(t));
}

static void gan__average_swap(gan_trainer *t, int in)
{
    gan__average *a;
    t->ctx->weights++;
    for (a = t->averages; a; a = a->next) {
        if (!a->param->trainable) continue;
        if (in) {
            a->own = a->param->tensor->data;
            a->param->tensor->data = (gan_real *)a->state->data;
        } else {
            a->param->tensor->data = a->own;
        }
    }
}

// safety

static size_t gan__state_bytes(const gan__state *s)
{
    return s->count * (s->kind == GAN__STATE_I64 ? sizeof(int64_t) : sizeof(gan_real));
}

// The random numbers and the place in the data go on, so that what made the NaN is not met again.
static int gan__stays(const gan__state *s)
{
    return !strcmp(s->name, "rng") || !strncmp(s->name, "data.", 5);
}

// All state as it is now, to come back to. Memory is taken once for each.
static void gan__trainer_copy(gan_trainer *t)
{
    gan__state *s = t->copies_end ? t->copies_end->state->next : t->ctx->states;
    gan__saved *c;
    for (; s; s = s->next) {
        c = (gan__saved *)gan__persist(t->ctx, sizeof *c);
        if (!c) return;
        c->state = s;
        c->data = gan__persist_raw(t->ctx, gan__state_bytes(s));
        if (!c->data) {
            gan__fail_memory(t->ctx, gan__state_bytes(s));
            return;
        }
        if (t->copies_end) t->copies_end->next = c;
        else t->copies = c;
        t->copies_end = c;
    }
    for (c = t->copies; c; c = c->next) memcpy(c->data, c->state->data, gan__state_bytes(c->state));
    t->copied = t->steps;
    t->setbacks = 0;
}

// After a NaN: back to the copies, the error forgotten; ten times at most from the same ones. 1 when that is what was
// done. States that are younger than the copies begin at zero.
static int gan__trainer_back(gan_trainer *t)
{
    enum { PATIENCE = 10 };
    gan__state *s;
    gan__saved *c;
    if (t->ctx->error != GAN_ERROR_NONFINITE || t->copied < 0 || t->setbacks >= PATIENCE) return 0;
    for (c = t->copies; c; c = c->next)
        if (!gan__stays(c->state) && !c->state->borrowed)
            memcpy(c->state->data, c->data, gan__state_bytes(c->state));
    for (s = t->copies_end->state->next; s; s = s->next)
        if (!gan__stays(s) && !s->borrowed) memset(s->data, 0, gan__state_bytes(s));
    gan_error_clear(t->ctx);
    t->ctx->weights++;
    t->setbacks++;
    t->stats.rollbacks++;
    return 1;
}

static void gan__trainer_adapt(gan_trainer *t)
{
    enum { EVERY = 4 }; // Karras 2020
    if (t->desc.ada_target <= 0 || t->steps % EVERY || t->ada[2] <= 0) return;
    t->ada[0] = gan_augment_adapt(t->ada[0], t->ada[1] / t->ada[2], t->desc.ada_target,
                                  t->desc.batch * t->desc.pack, EVERY, t->desc.ada_kimg);
    t->ada[1] = t->ada[2] = 0;
    t->stats.augment_p = t->ada[0];
}

static void gan__trainer_judge(gan_trainer *t)
{
    int i;
    if (!t->desc.metric || t->steps % t->desc.metric_every) return;
    t->stats.metric = t->desc.metric(t, t->desc.user);
    if (t->ctx->error || !gan__is_finite(t->stats.metric)) return;
    for (i = 0; i < (int)GAN_MAX_SCHEDULES; ++i)
        if (t->desc.schedule[i].schedule.kind == GAN_SCHEDULE_PLATEAU)
            gan_plateau_step(&t->plateau[i], &t->desc.schedule[i].schedule, t->stats.metric);
    if (t->best[1] > 0 && t->stats.metric >= t->best[0]) return;
    t->best[0] = t->stats.metric;
    t->best[1] = (gan_real)t->steps;
#ifndef GAN_NO_STDIO
    if (t->desc.best_path) gan_save(t->ctx, t->desc.best_path);
#endif
}

GAN_API gan_trainer_stats gan_trainer_step(gan_trainer *t)
{
    gan_trainer_stats none;
    gan_context *ctx;
    memset(&none, 0, sizeof none);
    if (!t) return none;
    ctx = t->ctx;
    if (!ctx->depth)
        gan__step_release(ctx); // at the start: what was sampled after the last step lived until now
    if (t->desc.rollback && !ctx->error && t->steps % t->desc.rollback == 0 && t->steps != t->copied)
        gan__trainer_copy(t);
    gan__trainer_schedules(t);
    t->loss.smoothing = t->now.label_smoothing;
    if (!ctx->error) gan__trainer_play(t);
    if (ctx->error) {
        if (gan__trainer_back(t)) t->stats.step = t->steps;
        return t->stats;
    }
    if (t->desc.lookahead && (t->steps + 1) % t->desc.lookahead == 0) {
        gan_lookahead(t->d, t->desc.lookahead_alpha);
        gan_lookahead(t->g, t->desc.lookahead_alpha);
    }
    gan__average_update(t);
    t->stats.step = ++t->steps;
    gan__trainer_adapt(t);
    gan__trainer_judge(t);
    t->stats.best = t->best[0];
    t->stats.best_step = (int64_t)t->best[1];
    t->stats.cancelled = t->desc.progress ? t->desc.progress(&t->stats, t->desc.user) != 0 : 0;
    return t->stats;
}

GAN_API gan_trainer_stats gan_trainer_run(gan_trainer *t, int64_t steps)
{
    gan_trainer_stats s;
    memset(&s, 0, sizeof s);
    while (t && steps-- > 0 && !t->ctx->error) {
        s = gan_trainer_step(t);
        if (s.cancelled) break;
    }
    return s;
}

// >>sample: what a trained generator draws, and how D may choose; uses play, train; tests/test_sample.c

// Sampling leaves no trace: random numbers, modes and recording are as before, the average stands in for G meanwhile.
typedef struct gan__quiet {
    gan__rng rng;
    gan_mode g, d;
    int recording;
} gan__quiet;

static gan__quiet gan__quiet_begin(gan_trainer *t)
{
    gan__quiet q;
    q.rng = t->ctx->rng;
    q.g = t->desc.generator->mode;
    q.d = t->desc.discriminator->mode;
    q.recording = gan_record(t->ctx, 0);
    t->desc.generator->mode = t->desc.discriminator->mode = GAN_EVAL;
    return q;
}

static void gan__quiet_end(gan_trainer *t, gan__quiet q)
{
    t->desc.generator->mode = q.g;
    t->desc.discriminator->mode = q.d;
    gan_record(t->ctx, q.recording);
    t->ctx->rng = q.rng;
}

// The averaged G on z.
static gan_tensor *gan__generate(gan_trainer *t, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *x;
    gan__average_claim(t, z, label);
    gan__average_swap(t, 1);
    x = gan_forward(t->desc.generator, z, label);
    gan__average_swap(t, 0);
    return x;
}

GAN_API gan_tensor *gan_trainer_generate(gan_trainer *t, gan_tensor *z, gan_tensor *label)
{
    gan_tensor *x;
    gan__quiet q;
    if (!t) return z ? z->ctx->poison : NULL;
    q = gan__quiet_begin(t);
    x = gan__generate(t, z, label);
    gan__quiet_end(t, q);
    return x;
}

// The labels 0, 1, 2 ... of the data in turn; NULL without labels.
static gan_tensor *gan__sample_labels(gan_trainer *t, int n)
{
    gan_tensor *label;
    int i;
    if (!t->classes) return NULL;
    label = gan__tensor_new(t->ctx, 1, &n);
    if (gan__is_poison(label)) return label;
    for (i = 0; i < n; ++i) label->data[i] = (gan_real)(i % t->classes);
    return label;
}

// z with numbers beyond +- bound drawn again; a hundred times at most, then cut.
static void gan__truncate(gan_trainer *t, gan_tensor *z, gan_real bound)
{
    size_t i;
    int again;
    for (i = 0; i < z->size; ++i) {
        gan_real *v = &z->data[i];
        for (again = 0; again < 100 && (*v > bound || *v < -bound); ++again)
            gan__draw_normal(t->ctx, &t->ctx->rng, v, 1);
        *v = GAN__LEAST(bound, GAN__MOST(-bound, *v));
    }
}

// n samples for these labels; z may be truncated, and moved by D.
static gan_tensor *gan__sample_round(gan_trainer *t, gan_tensor *label, int n, const gan_sampling *how)
{
    gan_tensor *z = gan__latent(t, &t->ctx->rng, n, label);
    const gan_real rate = how->langevin_rate > 0 ? how->langevin_rate : (gan_real)0.01;
    if (how->truncation > 0 && gan_data(z)) gan__truncate(t, z, how->truncation);
    if (how->langevin_steps > 0) {
        gan__average_claim(t, z, label);
        gan__average_swap(t, 1);
        z = gan_latent_langevin(t->desc.generator, t->desc.discriminator, z, label, how->langevin_steps,
                                rate);
        gan__average_swap(t, 0);
    }
    return gan__generate(t, z, label);
}

// Azadi 2019: which of x (n, ...) D lets pass (1 or 0, into pass): with probability sigmoid(F - gamma), F = l - m - log(1 -
// e^(l - m)), l its logit, m the largest so far, gamma the quantile of F where half passes. 1 on error.
static int gan__rejection_pass(gan_trainer *t, gan_tensor *x, gan_tensor *label, double quantile,
                               gan_real *most, gan_tensor *pass)
{
    const int n = pass->dim[0];
    const int at = n - 1 - (int)(quantile * (n - 1));
    gan_tensor *f = gan__logits(t, gan_forward(t->desc.discriminator, x, label));
    double gamma = 0;
    int i;
    if (!gan_data(f) || !f->ndim || f->dim[0] != n) return 1;
    f = gan_mean(f, gan__within(f), 0);
    if (!gan_data(f)) return 1;
    for (i = 0; i < n; ++i) *most = GAN__MOST(*most, f->data[i]);
    for (i = 0; i < n; ++i) {
        const double below = GAN__LEAST((double)f->data[i] - (double)*most, -1e-6);
        f->data[i] = (gan_real)(below - log(1 - exp(below)));
    }
    for (i = 0; i < n; ++i)
        if (gan__rank(f->data, n, i) == at) gamma = (double)f->data[i];
    gan__draw_uniform(t->ctx, &t->ctx->rng, pass->data, pass->size);
    for (i = 0; i < n; ++i)
        pass->data[i] = (double)pass->data[i] < 1 / (1 + exp(gamma - (double)f->data[i])) ? 1 : 0;
    return 0;
}

// Rounds of n samples: each row is the first of its row that D lets pass, or the last round's.
static gan_tensor *gan__rejection(gan_trainer *t, gan_tensor *label, int n, const gan_sampling *how)
{
    const double quantile = how->rejection_quantile > 0 ? (double)how->rejection_quantile : 0.8;
    gan_tensor *out = gan__sample_round(t, label, n, how), *x = out;
    gan_tensor *pass = gan__tensor_new(t->ctx, 1, &n), *open = gan_full(t->ctx, 1, 1, n);
    gan_real most = (gan_real)-1e30;
    size_t width;
    int i, round;
    if (!gan_data(out) || gan__is_poison(pass) || gan__is_poison(open)) return t->ctx->poison;
    width = out->size / (size_t)n * sizeof *out->data;
    for (round = 0; round < how->rejection && !t->ctx->error; ++round) {
        gan_scope_open(t->ctx);
        if (round) x = gan__sample_round(t, label, n, how);
        if (gan_data(x) && !gan__rejection_pass(t, x, label, quantile, &most, pass))
            for (i = 0; i < n; ++i) {
                if (open->data[i] == 0) continue;
                if (round)
                    memcpy((char *)out->data + (size_t)i * width, (char *)x->data + (size_t)i * width, width);
                if (pass->data[i] != 0) open->data[i] = 0;
            }
        gan_scope_close(t->ctx);
    }
    return t->ctx->error ? t->ctx->poison : out;
}

GAN_API gan_tensor *gan_trainer_sample_ex(gan_trainer *t, int n, const gan_sampling *how)
{
    gan_sampling plain;
    gan__quiet q;
    gan_tensor *label, *x;
    if (!t) return NULL;
    memset(&plain, 0, sizeof plain);
    if (!how) how = &plain;
    if (n < 1) return gan__fail(t->ctx, GAN_ERROR_ARGUMENT, "gan_trainer_sample: %d samples", n);
    label = gan__sample_labels(t, n);
    q = gan__quiet_begin(t);
    t->ctx->rng = gan__rng_stream(t->ctx, "sample"); // for z, and for noise that the generator itself draws
    x = how->rejection > 0 ? gan__rejection(t, label, n, how) : gan__sample_round(t, label, n, how);
    gan__quiet_end(t, q);
    return x;
}

GAN_API gan_tensor *gan_trainer_sample(gan_trainer *t, int n) { return gan_trainer_sample_ex(t, n, NULL); }

// >>public: contexts are made and destroyed here; the private macros end; tests/test_public.c

#ifndef GAN_NO_MALLOC
#ifdef __linux__
#include <sys/mman.h>
#if !defined(MADV_HUGEPAGE) && !defined(__cplusplus)
extern int madvise(void *, size_t, int); // -std=c99 hides it
#endif
#endif

// Linux is asked for huge pages where whole ones fit: one fault instead of 512, and fewer translations. The
// thesis's generator drew its first sample after 11 ms instead of 18, for 3 MiB more resident memory.
static void *gan__malloc(size_t bytes, void *user)
{
    void *p = malloc(bytes);
    (void)user;
#ifdef __linux__
    const uintptr_t page = (uintptr_t)1 << 21;
    enum { HUGE_PAGES = 14 }; // MADV_HUGEPAGE
    if (p && bytes >= 2 * page) {
        const uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1);
        const uintptr_t to = ((uintptr_t)p + bytes) & ~(page - 1);
        (void)madvise((void *)from, to - from, HUGE_PAGES); // a refusal costs nothing
    }
#endif
    return p;
}

static void gan__free(void *p, size_t bytes, void *user)
{
    (void)bytes;
    (void)user;
    free(p);
}
#endif

static int gan__thread_count(const gan_desc *desc)
{
    int most = desc->threads > 0 ? desc->threads : 1;
#ifdef _OPENMP
    if (desc->threads <= 0 && !desc->parallel_for) most = omp_get_max_threads();
#else
    if (!desc->parallel_for) most = 1;
#endif
    return most;
}

GAN_API gan_context *gan_create(const gan_desc *desc)
{
    gan_desc none;
    gan_context start, *ctx;
    gan__state *s;
    const int rng_dim = (int)(sizeof(gan__rng) / sizeof(int64_t));
    memset(&none, 0, sizeof none);
    memset(&start, 0, sizeof start);
    if (!desc) desc = &none;
    start.allocator = desc->allocator;
#ifndef GAN_NO_MALLOC
    if (!start.allocator.alloc) {
        start.allocator.alloc = gan__malloc;
        start.allocator.release = gan__free;
    }
#endif
    if (desc->memory) {
        start.fixed = 1;
        start.reserved = desc->memory_size;
        start.chunks = gan__chunk_at(desc->memory, desc->memory_size);
    } else if (start.allocator.alloc) {
        gan__chunk_new(&start, 0);
    }
    start.k = gan__isa_choose(desc->isa);
    ctx = start.chunks ? (gan_context *)gan__persist_quiet(&start, sizeof *ctx) : NULL;
    if (!ctx || !start.k) {
        if (start.chunks && !start.fixed)
            start.allocator.release(start.chunks->base, start.chunks->bytes, start.allocator.user);
        return NULL;
    }
    *ctx = start;
    ctx->step = ctx->chunks;
    ctx->threads = gan__thread_count(desc);
    ctx->patience = GAN__PATIENCE;
    ctx->recording = 1;
    ctx->parallel_for = desc->parallel_for;
    ctx->parallel_user = desc->parallel_user;
    ctx->rng.seed = desc->seed;
    ctx->poison = (gan_tensor *)gan__persist_quiet(ctx, sizeof *ctx->poison);
    s = ctx->poison ? gan__state_over(ctx, "rng", GAN__STATE_I64, 1, &rng_dim, &ctx->rng) : NULL;
    if (!s) {
        gan_destroy(ctx);
        return NULL;
    }
    ctx->poison->ctx = ctx;
    ctx->poison->alive = 1;
    gan__mark_set(ctx, &ctx->scope[0]);
    return ctx;
}

GAN_API void gan_destroy(gan_context *ctx)
{
    gan__chunk *c, *next;
    gan_allocator a;
    if (!ctx || ctx->fixed || !ctx->allocator.release) return;
    a = ctx->allocator;
    for (c = ctx->chunks; c; c = next) { // the context itself lies in one of them
        next = c->next;
        a.release(c->base, c->bytes, a.user);
    }
}

GAN_API int gan_error(const gan_context *ctx) { return ctx ? ctx->error : (int)GAN_ERROR_MEMORY; }

GAN_API const char *gan_error_message(const gan_context *ctx)
{
    return ctx ? ctx->message
               : "there is no context: gan_create found no memory, or not the instruction set that was asked "
                 "for";
}

GAN_API void gan_error_clear(gan_context *ctx)
{
    if (!ctx) return;
    ctx->error = GAN_OK;
    ctx->message[0] = 0;
}

GAN_API gan_memory_stats gan_memory(const gan_context *ctx)
{
    gan_memory_stats s;
    memset(&s, 0, sizeof s);
    if (!ctx) return s;
    s.current = ctx->persistent + ctx->used;
    s.peak = ctx->peak;
    s.reserved = ctx->reserved;
    s.heap_calls = ctx->heap_calls;
    return s;
}

GAN_API const char *gan_isa_name(const gan_context *ctx) { return ctx ? ctx->k->name : "none"; }
GAN_API int gan_threads(const gan_context *ctx) { return ctx ? ctx->threads : 0; }

GAN_API void gan_seed(gan_context *ctx, uint64_t seed)
{
    if (!ctx) return;
    ctx->rng.seed = seed;
    ctx->rng.counter = 0;
}

#undef GAN__ALIGN
#undef GAN__APART
#undef GAN__ALONE
#undef GAN__ARM64
#undef GAN__COLS_BLOCK
#undef GAN__SMALL
#undef GAN__CONV_IMAGES
#undef GAN__CONV_LEAST
#undef GAN__CONV_MOST
#undef GAN__CONV_STEP
#undef GAN__CONV_WINDOWS
#undef GAN__DATA_POSIX
#undef GAN__DEPTH_BLOCK
#undef GAN__F_GAN
#undef GAN__GRAIN
#undef GAN__HAVE_AVX2
#undef GAN__HAVE_AVX512
#undef GAN__HAVE_NEON
#undef GAN__HAVE_SSE2
#undef GAN__INLINE
#undef GAN__LEAST
#undef GAN__MAPS
#undef GAN__MAX_LANES
#undef GAN__MOMENT_COLUMNS
#undef GAN__MOST
#undef GAN__OPEN
#undef GAN__PATIENCE
#undef GAN__PREFETCH
#undef GAN__REGIONS
#undef GAN__RESTRICT
#undef GAN__ROWS_BLOCK
#undef GAN__SCOPES
#undef GAN__SHAPE
#undef GAN__TRAINER_RANGES
#undef GAN__WANT
#undef GAN__X86

#define GAN_H_IMPLEMENTED
#endif // GAN__PASS
#endif // GAN_IMPLEMENTATION
