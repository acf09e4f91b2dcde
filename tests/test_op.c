// What operations share: gradients that add up, detach; that finite differences see what is hidden from the
// tape; and that the whole table of operations is tested.
#include "ops.h"

// detach cuts one of two paths: x detach(x) has the gradient of x c.
CALL(detach, gan_detach(x[0]))
EACH(detach, v[0])
MAP(detach_path, pull(gan_mul(x[0], gan_detach(x[0])), x[1], x[0]), v[0] * v[1])

static void test_detach(void)
{
    op_sample("detach", f_detach, r_detach, "3,4", P(.no_grad = 1));
    op_sample("detach cuts its path only", f_detach_path, r_detach_path, "5; 5", P(.no_grad = 1));
}

static void test_facts(void)
{
    gan_context *ctx = gan_create(NULL);
    TEST ("a tensor used several times gets the sum of its gradients") {
        gan_tensor *x = gan_scalar(ctx, 3);
        CHECK_NEAR(gan_item(gan_grad(gan_mul(x, gan_mul(x, x)), x, 0)), 27, 1e-5, "d x^3");
        CHECK_NEAR(gan_item(gan_grad(gan_add(x, x), x, 0)), 2, 0, "d (x + x)");
        CHECK_NEAR(gan_item(gan_grad(gan_div(x, x), x, 0)), 0, 1e-6, "d (x / x)");
        CHECK_NEAR(gan_item(gan_grad(gan_sub(x, x), x, 0)), 0, 0, "d (x - x)");
    }
    TEST ("a tensor that was broadcast gets its gradient in its own shape, summed over what it met") {
        gan_tensor *a = gan_linspace(ctx, 1, 24, 24), *x = gan_reshape(gan_linspace(ctx, 1, 3, 3), 3, 1);
        gan_tensor *dx = gan_grad(gan_sum_all(gan_mul(gan_reshape(a, 2, 3, 4), x)), x, 0);
        int i;
        CHECK(gan_ndim(dx) == 2 && gan_dim(dx, 0) == 3 && gan_dim(dx, 1) == 1, "%d axes", gan_ndim(dx));
        // rows i and i + 3 of four numbers from 4 i + 1
        for (i = 0; i < 3; ++i) CHECK_NEAR(gan_data(dx)[i], 32 * i + 68, 0, "the sum of two rows");
    }
    TEST ("an operation of more inputs than a tensor has places for gives each its gradient") {
        gan_tensor *x[7], *dx[7], *w = gan_linspace(ctx, 1, 14, 14);
        int i;
        for (i = 0; i < 7; ++i) x[i] = gan_full(ctx, (gan_real)i, 2);
        gan_grads(gan_sum_all(gan_mul(w, gan_concat(0, x[0], x[1], x[2], x[3], x[4], x[5], x[6]))), 7, x, dx,
                  0);
        for (i = 0; i < 7; ++i) {
            CHECK_NEAR(gan_data(dx[i])[0], 2 * i + 1, 1e-6, "its first entry");
            CHECK_NEAR(gan_data(dx[i])[1], 2 * i + 2, 1e-6, "its second entry");
        }
    }
    TEST ("detach copies nothing and has no gradient") {
        gan_tensor *x = gan_linspace(ctx, 1, 3, 3), *y = gan_detach(x), *dx;
        CHECK(gan_data(y) == gan_data(x), "another place");
        dx = gan_grad(gan_sum_all(gan_square(y)), x, 0);
        CHECK(gan_data(dx)[0] == 0 && gan_data(dx)[2] == 0, "%g %g", (double)gan_data(dx)[0],
              (double)gan_data(dx)[2]);
    }
    TEST ("no error came up on the way") { CHECK(gan_error(ctx) == 0, "%s", gan_error_message(ctx)); }
    gan_destroy(ctx);
}

// ---- negative controls of the gradient checks

#ifdef GAN_DOUBLE
// Each hides part of its dependence from the tape.
CALL(hidden_part, gan_mul(x[0], gan_detach(gan_tanh(x[0]))))
CALL(hidden_second, gan_mul(x[0], gan_detach(x[1])))
CALL(hidden_entry, gan_concat(0, gan_slice(x[0], 0, 0, 4), gan_detach(gan_slice(x[0], 0, 4, 5))))
// Value sin(x), derivative -cos(x): sin(detach) + (sin(detach) - sin(x)).
CALL(wrong_sign, gan_sub(gan_mul_scalar(gan_sin(gan_detach(x[0])), 2), gan_sin(x[0])))
// Value x^2 and derivative 1.01 * 2 x.
CALL(one_percent,
     gan_add(gan_square(x[0]),
             gan_mul_scalar(gan_sub(gan_square(x[0]), gan_square(gan_detach(x[0]))), (gan_real).01)))
// First derivative right (2 x as a constant times x), second wrong: d(x 2c) with c = detach(x) is 2 c, whose
// own derivative is lost.
CALL(wrong_second, gan_sub(gan_mul_scalar(gan_mul(x[0], gan_detach(x[0])), 2), gan_square(gan_detach(x[0]))))

static void negative_controls(void)
{
    int own;
    for (own = 0; own < 2; ++own) {
        control_gradient("a hidden factor", f_hidden_part, "5", 1, own);
        control_gradient("a hidden second input", f_hidden_second, "5; 5", 1, own);
        control_gradient("one hidden entry", f_hidden_entry, "5", 1, own);
        control_gradient("a wrong sign", f_wrong_sign, "5", 1, own);
        control_gradient("an error of one percent", f_one_percent, "5", 1, own);
        control_gradient("a wrong second derivative", f_wrong_second, "5", 2, own);
    }
    TEST ("the wrong second derivative has a right first one") {
        gan_context *ctx = context_with(GAN_ISA_AUTO, 1);
        const gan_real v[2] = {1.5, -.5};
        gan_tensor *x = gan_from(ctx, v, 2);
        gan_gradcheck_report r;
        CHECK(gan_item(gan_grad(gan_sum_all(gan_slice(f_wrong_second(ctx, &x, NULL), 0, 0, 1)), x, 0)) == 3,
              "2 x at 1.5");
        (void)gan_gradcheck(ctx, f_hidden_entry, NULL, 1, (gan_tensor *[]){gan_linspace(ctx, 1, 2, 5)}, 1,
                            &r);
        CHECK(r.input == 0 && r.entry == 4 && r.analytic == 0 && r.worst > 1,
              "report: input %d entry %d worst %g", r.input, r.entry, r.worst);
        (void)gan_gradcheck(ctx, f_hidden_second, NULL, 2,
                            (gan_tensor *[]){gan_linspace(ctx, 1, 2, 5), gan_linspace(ctx, 2, 3, 5)}, 1, &r);
        CHECK(r.input == 1, "report: input %d", r.input);
        gan_destroy(ctx);
    }
}
#endif

int main(void)
{
    test_detach();
    test_facts();
#ifdef GAN_DOUBLE
    negative_controls();
#endif
    TEST ("every operation has a test") {
        CHECK((int)OPS_TESTED == (int)OPS_ALL, "%d tests for %d operations", OPS_TESTED, OPS_ALL);
    }
    return ops_done();
}
