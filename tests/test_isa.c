// The choice among the tables: AUTO, the forced ones, those that are not there; and that no table has a hole.
#include "test.h"
#define GAN__TABLES // all maps in the table, also in a static scalar build
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "kernels.h"

// The largest panel that gan__conv_job_pack makes room for.
enum { MOST_PANEL = 48 };

static void complete(const gan__cpu_kernels *k)
{
    int i;
    for (i = 0; i < GAN__MAP_COUNT; ++i) CHECK(k->map_whole[i] != NULL, "%s: map %d", k->name, i);
    for (i = 0; i < 3; ++i) CHECK(k->gemm[i] != NULL, "%s: gemm %d", k->name, i);
    CHECK(k->sum && k->sumsq && k->is_finite && k->sum_columns, "%s: reductions", k->name);
    CHECK(k->norm_sums && k->norm_apply && k->max_pool && k->max_unpool, "%s: norms, pools", k->name);
    CHECK(k->sgd && k->rmsprop && k->adam && k->ema, "%s: updates", k->name);
    CHECK(k->row && k->inner, "%s: skinny products", k->name);
    CHECK(k->pack && k->turn && k->fold && k->pick && k->dots[0] && k->dots[1], "%s: pack to dots", k->name);
    CHECK(k->dots_cols <= GAN__DOTS_COLS, "%s: %d columns of dots", k->name, (int)k->dots_cols);
    CHECK(k->lanes >= 1 && k->tile_n == 3 * k->lanes && k->tile_m <= GAN__TILE_ROWS &&
              k->tile_n <= MOST_PANEL,
          "%s: %d lanes, tile %d x %d", k->name, k->lanes, k->tile_m, k->tile_n);
}

int main(void)
{
#define ROW(id, name) #name,
    static const char *const names[] = {"auto", GAN_ISAS(ROW)};
#undef ROW
    const gan__cpu_kernels *best = gan__isa_choose(GAN_ISA_AUTO), *k;
    const uint32_t runs = gan__cpu_isas();
    TEST ("AUTO gives a table that this machine runs, and there is always the scalar one") {
        CHECK(best && (runs >> best->isa & 1u), "AUTO");
        CHECK(gan__isa_choose(GAN_ISA_SCALAR) != NULL, "scalar");
        printf("    best: %s\n", best ? best->name : "none");
    }
    TEST ("AUTO gives the best that can be forced") {
        for (k = next_isa(NULL); k; k = next_isa(k))
            CHECK(best && k->lanes <= best->lanes, "%s has %d lanes, the best %s %d", k->name, k->lanes,
                  best ? best->name : "none", best ? best->lanes : 0);
    }
    TEST ("a forced table is itself, with its name; one that the machine lacks is NULL") {
        for (int i = 1; i < (int)GAN_ISA_COUNT; ++i) {
            k = gan__isa_choose((gan_isa)i);
            if (k) {
                CHECK(k->isa == (gan_isa)i && !strcmp(k->name, names[i]), "%s says %s", names[i], k->name);
                CHECK(runs >> i & 1u, "%s on a machine without it", names[i]);
            }
        }
        CHECK(!gan__isa_choose(GAN_ISA_NEON) || !gan__isa_choose(GAN_ISA_SSE2), "two architectures at once");
        CHECK(!gan__isa_choose(GAN_ISA_COUNT), "one beyond the last");
    }
    TEST ("a context computes with the table that gan_desc.isa names, or does not exist") {
        for (int i = 0; i <= (int)GAN_ISA_COUNT; ++i) {
            gan_desc d;
            gan_context *ctx;
            memset(&d, 0, sizeof d);
            d.isa = (gan_isa)i;
            ctx = gan_create(&d);
            k = gan__isa_choose((gan_isa)i);
            CHECK((ctx != NULL) == (k != NULL), "isa %d", i);
            if (ctx && k)
                CHECK(ctx->kernels == k && !strcmp(gan_isa_name(ctx), k->name), "%s", gan_isa_name(ctx));
            gan_destroy(ctx);
        }
    }
    for (k = next_isa(NULL); k; k = next_isa(k))
        TESTF ("%s: no kernel is missing from the table", k->name) { complete(k); }
    TEST_MUST_FAIL ("a hole in a table is caught") {
        gan__cpu_kernels broken = *gan__isa_choose(GAN_ISA_SCALAR);
        broken.map_whole[GAN__MAP_COUNT - 1] = NULL;
        complete(&broken);
    }
    TEST_MUST_FAIL ("a tile whose columns are not three vectors is caught") {
        gan__cpu_kernels broken = *gan__isa_choose(GAN_ISA_SCALAR);
        broken.tile_n = 2 * broken.lanes;
        complete(&broken);
    }
    return test_done();
}
