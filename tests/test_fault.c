// Files under failure: every call to the C library's files failed in turn, a disk that fills, power that goes
// at any call (tests/disk.h). A checkpoint is the old one or the new one. Killed processes: test_ckpt.
#include "test.h"

#include "disk.h"

#define GAN_NO_MMAP
#define GAN_IMPLEMENTATION
#include "../gan.h"

static gan_tensor *identity(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m;
    (void)label;
    return x;
}

// A context in memory of its own, so that one that dies leaks nothing; the model "g" with w (4) = first.
typedef struct world {
    gan_context *ctx;
    gan_model *g;
    gan_tensor *w;
} world;

static world make(double first)
{
    static union {
        double align;
        unsigned char bytes[4][1 << 18];
    } block;
    static int next;
    gan_desc desc;
    world o;
    memset(&desc, 0, sizeof desc);
    desc.memory = block.bytes[next++ % 4];
    desc.memory_size = sizeof block.bytes[0];
    desc.threads = 1;
    o.ctx = gan_create(&desc);
    o.g = gan_model_create(o.ctx, "g", identity, NULL);
    o.w = gan_param(o.g, "w", gan_init_constant((gan_real)first), 4);
    return o;
}

static double first_of(const world *o) { return gan_data(o->w) ? (double)gan_data(o->w)[0] : -1; }

// What stands on the disk, by gan_resume with no failure: its first weight; -1: an error; -2: nothing there.
static double stands(const char *path)
{
    world o = make(77);
    const int fail_at = disk.fail_at, cut_at = disk.cut_at;
    double v;
    disk.fail_at = disk.cut_at = 0;
    v = gan_resume(o.ctx, path) < 0 ? (gan_error(o.ctx) ? -1 : -2) : first_of(&o);
    gan_destroy(o.ctx);
    disk.fail_at = fail_at;
    disk.cut_at = cut_at;
    return v;
}

// the calls that are failed: each returns the context's error code

enum { SAVE, ROLL, WEIGHTS, LOAD, RESUME, INSPECT, MODEL_LOAD, IDX_WRITE, IDX_READ, IMAGE, CALLS };
static const char *const call_name[CALLS] = {
    "gan_save",    "gan_save_rolling", "gan_model_save", "gan_load",        "gan_resume",
    "gan_inspect", "gan_model_load",   "gan_idx_write",  "gan_dataset_idx", "gan_image_write"};

static int call(int which, world *o)
{
    gan_checkpoint says;
    gan_tensor *x;
    switch (which) {
    case SAVE: return gan_save(o->ctx, "run");
    case ROLL: return gan_save_rolling(o->ctx, "run", 3);
    case WEIGHTS: return gan_model_save(o->g, "run");
    case LOAD: return gan_load(o->ctx, "run");
    case RESUME: gan_resume(o->ctx, "run"); return gan_error(o->ctx);
    case INSPECT: return gan_inspect(o->ctx, "run", &says);
    case MODEL_LOAD: return gan_model_load(o->g, "run", 0);
    case IDX_WRITE: return gan_idx_write(gan_zeros(o->ctx, 2, 1, 3, 3), "digits");
    case IDX_READ: gan_dataset_idx(o->ctx, "digits"); return gan_error(o->ctx);
    default: x = gan_zeros(o->ctx, 2, 1, 3, 3); return gan_image_write(x, 1, "grid.pgm");
    }
}

static int writes(int which) { return which <= WEIGHTS; }

// A disk with three saves (1, 2, 3) and digits.
static void prepare(void)
{
    int i;
    disk_format();
    for (i = 1; i <= 3; ++i) {
        world o = make(i);
        gan_save_rolling(o.ctx, "run", 3);
        if (i == 3) gan_idx_write(gan_zeros(o.ctx, 2, 1, 3, 3), "digits");
        gan_destroy(o.ctx);
    }
    disk.calls = 0;
}

static void test_calls(void)
{
    int which, mode, at, sites, total = 0;
    for (which = 0; which < CALLS; ++which)
        for (mode = 0; mode < 4; ++mode) {
            sites = 0;
            TESTF ("%s: every call to a file fails in turn%s%s: an error or no harm, nothing lost, nothing "
                   "left open",
                   call_name[which], mode & 1 ? ", and all after it" : "", mode & 2 ? ", half done" : "") {
                for (at = 1;; ++at) {
                    world o;
                    int code, failures;
                    double after;
                    prepare();
                    o = make(9);
                    disk.fail_at = at;
                    disk.for_ever = mode & 1;
                    disk.half = mode >> 1;
                    code = call(which, &o);
                    failures = disk.failures;
                    CHECK(disk_open_handles() == 0, "call %d: %d files left open", at, disk_open_handles());
                    CHECK(code == gan_error(o.ctx), "call %d: returned %d, the error is %d", at, code,
                          gan_error(o.ctx));
                    if (code) CHECK(strlen(gan_error_message(o.ctx)) > 10, "call %d: no message", at);
                    CHECK(mode & 1 || disk_temporaries() == 0, "call %d: a temporary is left", at);
                    after = stands("run");
                    CHECK(after == (writes(which) && !code ? 9 : 3), "call %d (error %d): %g stands", at,
                          code, after);
                    if (!writes(which) && which != IDX_WRITE && which != IMAGE)
                        CHECK(first_of(&o) == (code || which == INSPECT || which == IDX_READ ? 9
                                               : which == RESUME && failures                 ? first_of(&o)
                                                                                             : 3),
                              "call %d: weights are %g, error %d", at, first_of(&o), code);
                    // the context goes on
                    disk.fail_at = 0;
                    gan_error_clear(o.ctx);
                    CHECK(gan_save(o.ctx, "later") == 0 && stands("later") == first_of(&o), "call %d: %s", at,
                          gan_error_message(o.ctx));
                    gan_destroy(o.ctx);
                    if (!failures) break;
                    ++sites;
                }
                CHECK(sites >= 4, "only %d calls to files", sites);
            }
            total += sites;
        }
    printf("%d calls to files failed\n", total);
}

// The control: a save that writes over the old file.
static int careless(const char *path)
{
    static unsigned char whole[DISK_BYTES];
    FILE *f = fopen("new", "rb");
    const size_t n = f ? fread(whole, 1, sizeof whole, f) : 0;
    int bad;
    if (f) fclose(f);
    f = fopen(path, "wb");
    bad = !f || fwrite(whole, 1, n, f) != n;
    if (f) bad |= fclose(f) != 0;
    return bad;
}

static void test_careless(void)
{
    TEST_MUST_FAIL ("a save that writes over the old file loses it when a call fails") {
        int at, lost = 0;
        for (at = 1; at < 12; ++at) {
            world o;
            prepare();
            o = make(9);
            gan_save(o.ctx, "new");
            gan_destroy(o.ctx);
            disk.calls = 0;
            disk.fail_at = at;
            disk.half = 1;
            lost += careless("run") && stands("run") != 3;
        }
        CHECK(lost == 0, "%d lost", lost);
    }
}

static void test_full(void)
{
    TEST ("a disk that is full after any byte: an error, the old file stands, no temporary") {
        size_t space;
        int full = 0;
        for (space = 0;; ++space) {
            world o;
            int code;
            prepare();
            o = make(9);
            disk.space = space;
            code = gan_save_rolling(o.ctx, "run", 3);
            full += code != 0;
            CHECK(code == 0 || code == GAN_ERROR_FILE, "%lu bytes: %d", (unsigned long)space, code);
            CHECK(stands("run") == (code ? 3 : 9), "%lu bytes: %g stands", (unsigned long)space,
                  stands("run"));
            CHECK(disk_temporaries() == 0, "%lu bytes: a temporary is left", (unsigned long)space);
            gan_destroy(o.ctx);
            if (!code) break;
        }
        CHECK(full > 200, "only %d sizes", full);
    }
}

// The power goes at each call of a save, and after it; all that may stand on the disk is tried. Returns the
// number of cases in which it is neither the old nor the new, or not the new after the save came back.
static int cuts(int keep, int no_sync, int no_link, int *cases)
{
    int at, k, wrong = 0, code, done = 0;
    *cases = 0;
    for (at = 1; !done; ++at)
        for (k = 0;; ++k) {
            world o;
            double v;
            prepare();
            disk.no_sync = no_sync;
            disk.no_link = no_link;
            o = make(9);
            disk.cut_at = at;
            code = gan_save_rolling(o.ctx, "run", keep);
            gan_destroy(o.ctx);
            done = disk.calls < at; // the save was over before the power went
            if (!disk_after_cut(k)) break;
            v = stands("run");
            ++*cases;
            wrong += !(v == 9 || (v == 3 && (code || !done)));
        }
    return wrong;
}

static void test_power(void)
{
    int cases, wrong, keep;
    for (keep = 1; keep <= 3; ++keep) {
        TESTF ("power that goes at any call of a save that keeps %d: the old or the new, and the new once it "
               "is said",
               keep) {
            wrong = cuts(keep, 0, 0, &cases);
            CHECK(wrong == 0 && cases > 40, "%d of %d cases are neither", wrong, cases);
            printf("%d cases of a power cut, keeping %d\n", cases, keep);
        }
        TESTF ("the same on a disk without second names, keeping %d", keep) {
            wrong = cuts(keep, 0, 1, &cases);
            CHECK(wrong == 0, "%d of %d cases are neither", wrong, cases);
        }
    }
    TEST_MUST_FAIL ("a disk that forgets to flush loses a save") {
        wrong = cuts(1, 1, 0, &cases);
        CHECK(wrong == 0, "%d of %d cases", wrong, cases);
    }
}

int main(void)
{
    test_calls();
    test_careless();
    test_full();
    test_power();
    return test_done();
}
