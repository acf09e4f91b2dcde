// Memory refused: every allocation of every function that reads, writes, opens, loads, draws or reports fails
// in turn, once and for ever. An error or success, nothing left open or lost, the old file stands, and after
// gan_error_clear the same call does what it does without a failure. Files that fail: test_fault.
#include "files.h"

#ifdef FILES_POSIX
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

static int maps, folders, no_map; // mapped and open now; mapping is impossible

static void *count_map(size_t n, int file)
{
    void *p = no_map ? MAP_FAILED : mmap(NULL, n, PROT_READ, MAP_PRIVATE, file, 0);
    maps += p != MAP_FAILED;
    return p;
}
static int count_unmap(void *p, size_t n) { return --maps, munmap(p, n); }
static DIR *count_opendir(const char *path)
{
    DIR *d = opendir(path);
    folders += d != NULL;
    return d;
}
static int count_closedir(DIR *d) { return --folders, closedir(d); }
#define mmap(at, n, how, kind, file, from) count_map(n, file)
#define munmap(p, n) count_unmap(p, n)
#define opendir(path) count_opendir(path)
#define closedir(d) count_closedir(d)
#endif

// Every allocation within a context's chunks rounds the size up by gan__mem_round_up(bytes ? bytes : 1):
// there the size becomes one that no allocator has when the site is to be refused. The macro puts SITE_
// before the argument's first letter; the function's own definition and other arguments stay as they are.
static struct site {
    int on, calls, fail_at, for_ever, failures;
} site;

static int site_refuses(void)
{
    if (!site.on) return 0;
    ++site.calls;
    if (!site.fail_at || (site.for_ever ? site.calls < site.fail_at : site.calls != site.fail_at)) return 0;
    return ++site.failures;
}
#define SITE_size_t size_t
#define SITE_sizeof sizeof
#define SITE_bytes site_refuses() ? (size_t)-1 >> 2 : bytes
#define gan__mem_round_up(n) gan__mem_round_up(SITE_##n)

#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "check.h"

#include "counter.h"

#include "trainers.h"

static void *scarce_alloc(size_t bytes, void *user)
{
    return bytes > (size_t)-1 >> 3 ? NULL : count_alloc(bytes, user);
}

// ---- what a call is made in, and what it leaves

typedef struct scene {
    counter c;
    gan_context *ctx;
    gan_model *g, *d;
    gan_trainer *t;
    gan_dataset *data;
    gan_logger *log;
    uint64_t digest; // of what the call gave
} scene;

typedef struct job {
    const char *name;
    void (*prepare)(scene *s);
    int (*run)(scene *s);    // the error code; what it gave goes into the digest when it is 0
    const char *file;        // that it writes, or NULL
    void (*after)(scene *s); // more for the digest, when no failure is on; or NULL
    int keeps_weights;       // after an error they are what they were
} job;

static void mix(scene *s, const void *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    while (n--) s->digest = (s->digest ^ *p++) * UINT64_C(0x100000001b3);
}
static void mix_tensor(scene *s, gan_tensor *t)
{
    if (gan_data(t)) mix(s, gan_data(t), gan_numel(t) * sizeof(gan_real));
    else mix(s, "none", 4);
}
static void mix_models(scene *s) // in whatever order the parameters were made
{
    const uint64_t was = s->digest;
    uint64_t sum = 0;
    int i, k;
    for (k = 0; k < 2; ++k) {
        gan_model *m = k ? s->d : s->g;
        for (i = 0; i < gan_model_count(m); ++i) {
            s->digest = 1;
            mix(s, gan_model_name(m, i), strlen(gan_model_name(m, i)));
            mix_tensor(s, gan_model_tensor(m, i));
            sum += s->digest;
        }
    }
    s->digest = was;
    mix(s, &sum, sizeof sum);
}
static void mix_file(scene *s, const char *path)
{
    FILE *in = fopen(path, "rb");
    int c;
    if (!in) return;
    while ((c = fgetc(in)) != EOF) {
        const unsigned char b = (unsigned char)c;
        mix(s, &b, 1);
    }
    fclose(in);
}

static int files_open(void)
{
    int n = 0;
#ifdef FILES_POSIX
    int i;
    for (i = 0; i < 64; ++i) n += fcntl(i, F_GETFD) != -1;
    n += folders;
#endif
    return n;
}

static int temporaries(void)
{
    int n = 0;
#ifdef FILES_POSIX
    DIR *d = opendir(test_path(""));
    const struct dirent *e;
    while (d && (e = readdir(d)) != NULL)
        n += strstr(e->d_name, "refuse") == e->d_name && strstr(e->d_name, ".tmp") != NULL;
    if (d) closedir(d);
#endif
    return n;
}

static void begin(scene *s)
{
    gan_desc d;
    memset(s, 0, sizeof *s);
    d = counting(&s->c);
    d.allocator.alloc = scarce_alloc;
    d.threads = 1;
    d.seed = 11;
    s->ctx = gan_create(&d);
    s->ctx->par.work_before_threads = 0;
}
static void models(scene *s)
{
    s->g = gan_model_create(s->ctx, "g", mlp_generator, NULL);
    s->d = gan_model_create(s->ctx, "d", mlp_critic, NULL);
}
// Two steps of a trainer with an average and a pool.
static void trained(scene *s, int steps)
{
    gan_trainer_desc t;
    models(s);
    memset(&t, 0, sizeof t);
    t.generator = s->g, t.discriminator = s->d;
    t.data = gan_dataset_toy(s->ctx, GAN_TOY_RING);
    t.batch = 16, t.latent = 3, t.pool = 8;
    t.ema = (gan_real).9;
    s->t = gan_trainer_create(s->ctx, &t);
    while (steps--) (void)gan_trainer_step(s->t);
}

// ---- the calls

static const char *const saved = "refuse.safetensors";

static void save_two(scene *s) // an old file and its forerunner, then one step more
{
    trained(s, 2);
    gan_save_rolling(s->ctx, test_path(saved), 3);
    (void)gan_trainer_step(s->t);
    gan_save_rolling(s->ctx, test_path(saved), 3);
    gan_model_save(s->g, test_path("refuse_g.safetensors"));
    (void)gan_trainer_step(s->t);
}
static int run_save(scene *s) { return gan_save(s->ctx, test_path(saved)); }
static int run_rolling(scene *s) { return gan_save_rolling(s->ctx, test_path(saved), 3); }
static int run_model_save(scene *s) { return gan_model_save(s->g, test_path("refuse_g.safetensors")); }
static int run_trainer_save(scene *s) { return gan_trainer_save(s->t, test_path("refuse_g.safetensors")); }

static void other_run(scene *s) // another run, that is to become the saved one
{
    scene first;
    begin(&first);
    save_two(&first);
    gan_destroy(first.ctx);
    trained(s, 1);
}
static void fresh_run(scene *s) // models that have not run yet
{
    other_run(s);
    gan_destroy(s->ctx);
    begin(s);
    models(s);
}
static void damaged(scene *s)
{
    other_run(s);
    put_file(saved, "{", 1);
}
static int run_load(scene *s) { return gan_load(s->ctx, test_path(saved)); }
static int run_resume(scene *s)
{
    const int copy = gan_resume(s->ctx, test_path(saved));
    mix(s, &copy, sizeof copy);
    return gan_error(s->ctx);
}
static int run_inspect(scene *s)
{
    gan_checkpoint says;
    const int code = gan_inspect(s->ctx, test_path(saved), &says);
    mix(s, &says, sizeof says);
    return code;
}
static int run_model_load(scene *s) { return gan_model_load(s->g, test_path("refuse_g.safetensors"), 0); }
static int run_partial(scene *s)
{
    return gan_model_load(s->g, test_path("refuse_g.safetensors"), GAN_LOAD_PARTIAL);
}
static int run_whole_partial(scene *s) // this model's part of a checkpoint
{
    return gan_model_load(s->d, test_path(saved), GAN_LOAD_PARTIAL);
}
static union {
    double align;
    unsigned char b[1 << 15];
} image;
static size_t image_size;
static void read_image(const char *path)
{
    FILE *in = fopen(path, "rb");
    image_size = in ? fread(image.b, 1, sizeof image.b, in) : 0;
    if (in) fclose(in);
}
static void image_of_g(scene *s)
{
    other_run(s);
    read_image(test_path("refuse_g.safetensors"));
}
static void image_fresh(scene *s)
{
    fresh_run(s);
    read_image(test_path("refuse_g.safetensors"));
}
static void image_of_all(scene *s)
{
    other_run(s);
    read_image(test_path(saved));
}
static void borrowed(scene *s) // its parameters lie in the file's memory
{
    image_of_all(s);
    gan_load_memory(s->ctx, image.b, image_size);
}
static int run_model_memory(scene *s) { return gan_model_load_memory(s->g, image.b, image_size, 0); }
static int run_memory(scene *s) { return gan_load_memory(s->ctx, image.b, image_size); }
static int forward(scene *s)
{
    gan_model_mode(s->g, GAN_EVAL); // running statistics would count a second time
    gan_scope_open(s->ctx);
    mix_tensor(s, gan_forward(s->g, gan_full(s->ctx, (gan_real).5, 4, 3), NULL));
    gan_scope_close(s->ctx);
    return gan_error(s->ctx);
}
static void after_load(scene *s)
{
    const int unclaimed = gan_unclaimed(s->ctx, NULL);
    mix(s, &unclaimed, sizeof unclaimed);
    forward(s);
    CHECK(gan_error(s->ctx) == 0, "after the loading: %s", gan_error_message(s->ctx));
    mix_models(s);
}
static void loaded_fresh(scene *s)
{
    fresh_run(s);
    gan_load(s->ctx, test_path(saved));
}
static void trained_two(scene *s) { trained(s, 2); }
static int run_sample(scene *s)
{
    gan_scope_open(s->ctx);
    mix_tensor(s, gan_trainer_sample(s->t, 7));
    gan_scope_close(s->ctx);
    return gan_error(s->ctx);
}
static int run_sample_ex(scene *s)
{
    gan_sampling how;
    memset(&how, 0, sizeof how);
    how.truncation = (gan_real).7;
    how.rejection = 4;
    gan_scope_open(s->ctx);
    mix_tensor(s, gan_trainer_sample_ex(s->t, 7, &how));
    gan_scope_close(s->ctx);
    return gan_error(s->ctx);
}

static int run_trainer(scene *s)
{
    gan_trainer_desc t;
    memset(&t, 0, sizeof t);
    t.generator = s->g, t.discriminator = s->d, t.data = s->data;
    t.batch = 16, t.latent = 3, t.pool = 8;
    t.ema = (gan_real).9;
    s->t = gan_trainer_create(s->ctx, &t);
    CHECK((s->t == NULL) == (gan_error(s->ctx) != 0), "trainer %p, error %d", (void *)s->t,
          gan_error(s->ctx));
    return gan_error(s->ctx);
}
static void toy(scene *s)
{
    models(s);
    s->data = gan_dataset_toy(s->ctx, GAN_TOY_RING);
}
static void toy_loaded(scene *s)
{
    loaded_fresh(s);
    s->data = gan_dataset_toy(s->ctx, GAN_TOY_RING);
}
static void after_trainer(scene *s) // names and values: the checkpoint of the next step
{
    (void)gan_trainer_step(s->t);
    CHECK(gan_save(s->ctx, test_path("refuse_next.safetensors")) == 0, "%s", gan_error_message(s->ctx));
    mix_file(s, test_path("refuse_next.safetensors"));
}
static int run_optimizer(scene *s)
{
    gan_optimizer_desc d = gan_sgd((gan_real).1, 0);
    gan_optimizer *o;
    d.kind = GAN_OPTIMIZER_SUBGRADIENT;
    o = gan_optimizer_create(s->g, d);
    CHECK((o == NULL) == (gan_error(s->ctx) != 0), "optimizer %p, error %d", (void *)o, gan_error(s->ctx));
    return gan_error(s->ctx);
}
static void after_optimizer(scene *s)
{
    CHECK(gan_save(s->ctx, test_path("refuse_next.safetensors")) == 0, "%s", gan_error_message(s->ctx));
    mix_file(s, test_path("refuse_next.safetensors"));
}
static int run_keep(scene *s)
{
    gan_scope_open(s->ctx);
    mix_tensor(s, gan_keep(s->ctx, "kept", gan_full(s->ctx, 3, 100)));
    gan_scope_close(s->ctx);
    return gan_error(s->ctx);
}
static int run_data_memory(scene *s)
{
    static const gan_real v[] = {1, 2, 3, 4, 5, 6}, y[] = {0, 1, 2};
    s->data = gan_dataset_memory(s->ctx, v, y, 3, 2);
    CHECK((s->data == NULL) == (gan_error(s->ctx) != 0), "dataset %p, error %d", (void *)s->data,
          gan_error(s->ctx));
    return gan_error(s->ctx);
}

// pictures, logs and reports

static gan_tensor *pictures(scene *s) { return gan_full(s->ctx, (gan_real).25, 4, 1, 5, 6); }
static gan_logger_desc log_desc(void)
{
    gan_logger_desc d;
    memset(&d, 0, sizeof d);
    d.columns = "d_loss,g_loss";
    d.csv = test_path("refuse.csv");
    d.sheet = test_path("refuse_sheet.ppm");
#ifdef FILES_FOLDERS
    d.tensorboard = test_path("refuse_board");
#endif
    return d;
}
static void board(scene *s)
{
    (void)s;
#ifdef FILES_FOLDERS
    put_folder("refuse_board");
#endif
    put_file("refuse.csv", "step,d_loss,g_loss\n1,.5,2\n2,.25,3\n9,1,1\n", 40);
}
static int run_log_create(scene *s)
{
    gan_logger_desc d = log_desc();
    int i;
    d.resume = 5;
    s->log = gan_logger_create(s->ctx, &d);
    CHECK((s->log == NULL) == (gan_error(s->ctx) != 0), "logger %p, error %d", (void *)s->log,
          gan_error(s->ctx));
    for (i = 0; i < gan_logger_rows(s->log); ++i) {
        const double v = gan_logger_value(s->log, i, 2);
        mix(s, &v, sizeof v);
    }
    return gan_error(s->ctx);
}
static void logging(scene *s)
{
    gan_logger_desc d = log_desc();
    int i;
    board(s);
    s->log = gan_logger_create(s->ctx, &d);
    for (i = 0; i < 256; ++i) gan_logger_row(s->log, i, 1. / (i + 1), 2.); // the next row takes memory
    gan_logger_images(s->log, 1, pictures(s));
}
static void mix_log(scene *s)
{
    int i, k;
    for (i = 0; i < gan_logger_rows(s->log); ++i)
        for (k = 0; k < 3; ++k) {
            const double v = gan_logger_value(s->log, i, k);
            mix(s, &v, sizeof v);
        }
    mix_file(s, test_path("refuse.csv"));
    mix(s, s->log->c.rgb, 3 * (size_t)s->log->c.w * (size_t)(s->log->c_row * s->log->c_shown));
}
static int run_row(scene *s) { return gan_logger_row(s->log, 300, .125, 8.); }
static int run_images(scene *s)
{
    int code;
    gan_scope_open(s->ctx);
    code = gan_logger_images(s->log, 300, pictures(s));
    gan_scope_close(s->ctx);
    return code ? code : gan_error(s->ctx);
}
static int run_idx(scene *s)
{
    int code;
    gan_scope_open(s->ctx);
    code = gan_idx_write(pictures(s), test_path("refuse_written.idx"));
    gan_scope_close(s->ctx);
    return code ? code : gan_error(s->ctx);
}
static int run_image(scene *s)
{
    int code;
    gan_scope_open(s->ctx);
    code = gan_image_write(pictures(s), 2, test_path("refuse_written.pgm"));
    gan_scope_close(s->ctx);
    return code ? code : gan_error(s->ctx);
}
static int run_sheet(scene *s)
{
    gan_sheet sheet;
    int code;
    memset(&sheet, 0, sizeof sheet);
    gan_scope_open(s->ctx);
    sheet.images = pictures(s), sheet.title = "sheet";
    code = gan_sheet_write(&sheet, test_path("refuse_written.ppm"));
    gan_scope_close(s->ctx);
    return code ? code : gan_error(s->ctx);
}
static int run_report(scene *s)
{
    static const char *const text[] = {"batch", "64", "loss", "hinge"};
    static const double y[] = {1, 3, 2};
    gan_series line;
    gan_axes axes;
    gan_report r;
    int code;
    memset(&line, 0, sizeof line);
    memset(&axes, 0, sizeof axes);
    memset(&r, 0, sizeof r);
    line.y = y, line.n = 3, line.name = "y";
    axes.series = &line, axes.count = 1, axes.title = "curve";
    gan_scope_open(s->ctx);
    r.title = "refused", r.summary = "memory", r.configuration = text, r.configuration_count = 4;
    r.metrics = text, r.metrics_count = 4, r.metrics_columns = 2;
    r.diagnosis = text, r.diagnosis_count = 2, r.plots = &axes, r.plots_count = 1;
    r.log = s->log, r.images = pictures(s);
    code = gan_report_write(s->ctx, &r, test_path("refuse.html"));
    gan_scope_close(s->ctx);
    return code ? code : gan_error(s->ctx);
}

static void watched(scene *s)
{
    gan_logger_desc d;
    memset(&d, 0, sizeof d);
    d.columns = "d_loss,g_loss";
    trained(s, 2);
    s->log = gan_logger_create(s->ctx, &d);
    gan_logger_row(s->log, 1, 1., .5);
}
static int run_trainer_report(scene *s)
{
    gan_report r;
    memset(&r, 0, sizeof r);
    r.log = s->log;
    return gan_trainer_report(s->t, NULL, &r, test_path("refuse.html"));
}

// datasets: opening in every way, and a batch over the end of an epoch

static file_bytes f, labels;

enum { WAY_PLAIN, WAY_STREAM, WAY_LITTLE, WAY_HELD, WAY_MEMORY, WAY_FIT, WAYS };
static const char *const way_name[WAYS] = {"mapped",       "streamed",  "with little memory",
                                           "read at once", "in memory", "fitted"};
enum {
    SET_IDX,
    SET_NPY,
    SET_CIFAR10,
    SET_CIFAR100,
    SET_BATCHES,
    SET_CSV,
    SET_PGM,
    SET_TREE,
    SET_MNIST,
    SETS
};
static const char *const set_name[SETS] = {"IDX",
                                           "npy",
                                           "CIFAR-10",
                                           "CIFAR-100",
                                           "data_batch_1..5",
                                           "CSV",
                                           "a 16-bit PGM",
                                           "classes of pictures",
                                           "a folder of IDX"};
static int set, way; // being tried

static void idx(file_bytes *to, int n, int h, int w)
{
    int i;
    to->n = 0;
    add_be32(to, w ? 0x803 : 0x801);
    add_be32(to, (uint32_t)n);
    if (w) add_be32(to, (uint32_t)h), add_be32(to, (uint32_t)w);
    for (i = 0; i < n * (w ? h * w : 1); ++i) add_number(to, 'u', 1, 0, i % 10);
}
static void records(file_bytes *to, int n, int of, int first)
{
    int i, k;
    to->n = 0;
    for (i = 0; i < n; ++i) {
        for (k = 0; k < of; ++k) add_number(to, 'u', 1, 0, (first + i) % 10);
        for (k = 0; k < 3072; ++k) add_number(to, 'u', 1, 0, (first * 5 + i + k) % 256);
    }
}
static void pgm(const char *name, int level)
{
    int i;
    f.n = 0;
    add_text(&f, "P5 4 3 999\n");
    for (i = 0; i < 12; ++i) add_number(&f, 'u', 2, 1, 300 + level + i);
    put_file(name, f.p, f.n);
}
static void fill(const char *path) // f into the file that is opened
{
    put_file(path, f.p, f.n);
}

static const gan_transform flip = {1, 0, 0, 0, 0, 0, 0, NULL, NULL};

static gan_dataset_desc data_desc(void)
{
    static const char *const paths[SETS] = {"refuse-images-idx3", "refuse.npy",   "refuse10.bin",
                                            "refuse100.bin",      "refuse_cifar", "refuse_data.csv",
                                            "refuse.pgm",         "refuse_tree",  "refuse_mnist"};
    gan_dataset_desc d;
    memset(&d, 0, sizeof d);
    d.path = test_path(paths[set]);
    d.stream = way == WAY_STREAM;
    if (way == WAY_LITTLE) d.memory = 1;
    if (way == WAY_FIT && set != SET_NPY && set != SET_CSV) d.height = 3, d.width = 3;
    if (way == WAY_MEMORY) d.path = NULL, d.bytes = f.p, d.size = f.n;
    if (set == SET_NPY && way == WAY_MEMORY) d.label_bytes = labels.p, d.label_size = labels.n;
    else if (set == SET_NPY) d.labels = test_path("refuse_labels.idx");
    if (set == SET_CSV) d.label_column = 3;
    if (set == SET_TREE && (way == WAY_STREAM || way == WAY_FIT))
        d.labels = test_path("refuse_tree/names.csv");
    return d;
}
static int has_memory(int kind) { return kind < SET_BATCHES || kind == SET_CSV || kind == SET_PGM; }

static void put_data(scene *s)
{
    int i;
    (void)s;
    switch (set) {
    case SET_IDX:
        idx(&labels, 7, 0, 0);
        put_file("refuse-labels-idx1", labels.p, labels.n);
        idx(&f, 7, 5, 4);
        fill("refuse-images-idx3");
        break;
    case SET_NPY:
        idx(&labels, 7, 0, 0);
        put_file("refuse_labels.idx", labels.p, labels.n);
        npy_of(&f, 1, ">f8", 0, "(7, 6)");
        for (i = 0; i < 42; ++i) add_number(&f, 'f', 8, 1, i / 4.);
        fill("refuse.npy");
        break;
    case SET_CIFAR10:
    case SET_CIFAR100:
        records(&f, 7, set == SET_CIFAR10 ? 1 : 2, 1);
        fill(set == SET_CIFAR10 ? "refuse10.bin" : "refuse100.bin");
        break;
    case SET_CSV:
        f.n = 0;
        add_text(&f, "a,b,c\n1,2,0\n3,4,1\n5,6,0\n-1,.5,1\n1e3,7,2\n8,9,3\n0,0,0\n");
        fill("refuse_data.csv");
        break;
    case SET_PGM: pgm("refuse.pgm", 0); break;
#ifdef FILES_FOLDERS
    case SET_BATCHES:
        put_folder("refuse_cifar");
        for (i = 0; i < 5; ++i) {
            char name[60];
            snprintf(name, sizeof name, "refuse_cifar/data_batch_%d.bin", i + 1);
            records(&f, 1, 1, i);
            fill(name);
        }
        break;
    case SET_TREE:
        put_folder("refuse_tree");
        put_folder("refuse_tree/a");
        put_folder("refuse_tree/b");
        put_folder("refuse_tree/empty");
        pgm("refuse_tree/a/1.pgm", 1), pgm("refuse_tree/a/2.pgm", 2), pgm("refuse_tree/b/1.pgm", 3);
        put_file("refuse_tree/b/notes.txt", "no picture", 10);
        put_file("refuse_tree/names.csv", "a/1,cat\na/2,dog\nb/1,cat\n", 24);
        break;
    case SET_MNIST:
        put_folder("refuse_mnist");
        idx(&labels, 7, 0, 0);
        put_file("refuse_mnist/train-labels-idx1-ubyte", labels.p, labels.n);
        idx(&f, 7, 5, 4);
        fill("refuse_mnist/train-images-idx3-ubyte");
        break;
#endif
    default: break;
    }
#ifdef FILES_POSIX
    no_map = way == WAY_HELD || way == WAY_LITTLE;
#endif
}
static int run_open(scene *s)
{
    const gan_dataset_desc d = data_desc();
    s->data = gan_dataset_open(s->ctx, &d);
    if (s->data && d.height) gan_dataset_transform(s->data, &flip);
    CHECK((s->data == NULL) == (gan_error(s->ctx) != 0), "dataset %p, error %d", (void *)s->data,
          gan_error(s->ctx));
    return gan_error(s->ctx);
}
static int run_batch(scene *s)
{
    gan_tensor *y = NULL, *x;
    gan_scope_open(s->ctx);
    x = gan_dataset_batch(s->data, 10, &y);
    mix_tensor(s, x);
    if (y) mix_tensor(s, y);
    gan_scope_close(s->ctx);
    return gan_error(s->ctx);
}
static void after_open(scene *s) { CHECK(run_batch(s) == 0, "%s", gan_error_message(s->ctx)); }
static void opened(scene *s)
{
    put_data(s);
    CHECK(run_open(s) == 0, "%s", gan_error_message(s->ctx));
    (void)run_batch(s);
}

// ---- each site of a call in turn

static int total;

// The digest of the call without a failure; *sites: how many allocations it makes.
static uint64_t undisturbed(const job *j, int *sites)
{
    scene s;
    begin(&s);
    if (j->prepare) j->prepare(&s);
    CHECK(gan_error(s.ctx) == 0, "preparing: %s", gan_error_message(s.ctx));
    s.digest = 1;
    memset(&site, 0, sizeof site);
    site.on = 1;
    CHECK(j->run(&s) == 0, "without a failure: %s", gan_error_message(s.ctx));
    site.on = 0;
    *sites = site.calls;
    if (j->after) j->after(&s);
    if (j->file) mix_file(&s, test_path(j->file));
    gan_destroy(s.ctx);
    return s.digest;
}

static uint64_t file_digest(const char *path)
{
    scene s;
    memset(&s, 0, sizeof s);
    mix_file(&s, path);
    return s.digest;
}
static uint64_t models_digest(scene *s)
{
    const uint64_t was = s->digest;
    uint64_t now;
    s->digest = 1;
    mix_models(s);
    now = s->digest;
    s->digest = was;
    return now;
}

static int one(const job *j, int at, int mode, uint64_t want, int *tolerated)
{
    const int idle = files_open();
    uint64_t old, weights;
    int code, failures, before;
    size_t used;
    scene s;
    begin(&s);
    if (j->prepare) j->prepare(&s);
    before = files_open();
    used = s.ctx->mem.step_bytes;
    old = j->file ? file_digest(test_path(j->file)) : 0;
    weights = models_digest(&s);
    s.digest = 1;
    memset(&site, 0, sizeof site);
    site.on = 1;
    site.fail_at = at;
    site.for_ever = mode;
    code = j->run(&s);
    site.on = 0;
    failures = site.failures;
    CHECK(code == gan_error(s.ctx), "allocation %d: returned %d, the error is %d", at, code,
          gan_error(s.ctx));
    CHECK(code == 0 || code == GAN_ERROR_MEMORY, "allocation %d: error %d: %s", at, code,
          gan_error_message(s.ctx));
    CHECK(s.ctx->mem.step_bytes == used, "allocation %d (error %d): %ld bytes of scratch are not given back",
          at, code, (long)(s.ctx->mem.step_bytes - used));
    CHECK(temporaries() == 0, "allocation %d: a temporary is left", at);
    *tolerated += failures && !code;
    if (code) {
        CHECK_TEXT(gan_error_message(s.ctx), "out of memory");
        CHECK(files_open() == before, "allocation %d: %d files left open", at, files_open() - before);
        if (j->file) CHECK(file_digest(test_path(j->file)) == old, "allocation %d: the old file is gone", at);
        if (j->keeps_weights) CHECK(models_digest(&s) == weights, "allocation %d: weights changed", at);
        gan_error_clear(s.ctx);
        s.digest = 1;
        code = j->run(&s);
        CHECK(code == 0 && gan_error(s.ctx) == 0, "allocation %d: again: %s", at, gan_error_message(s.ctx));
        CHECK(s.ctx->mem.step_bytes == used, "allocation %d: again: scratch is not given back", at);
    }
    if (j->after) j->after(&s);
    if (j->file) mix_file(&s, test_path(j->file));
    CHECK(s.digest == want, "allocation %d: what it gives is not what it gives without a failure", at);
    gan_destroy(s.ctx);
    CHECK(s.c.live == 0 && s.c.bytes == 0 && s.c.wrong == 0, "allocation %d: %d blocks left, %d wrong", at,
          s.c.live, s.c.wrong);
    CHECK(files_open() == idle, "allocation %d: %d files left open at the end", at, files_open() - idle);
#ifdef FILES_POSIX
    CHECK(maps == 0, "allocation %d: %d maps left", at, maps);
#endif
    return failures;
}

static void refuse(const job *j)
{
    int mode, sites = 0, at, tolerated;
    uint64_t want;
    for (mode = 0; mode < 2; ++mode)
        TESTF ("%s: each allocation is refused in turn%s: an error, nothing lost, and then it works", j->name,
               mode ? ", and all after it" : "") {
            want = undisturbed(j, &sites);
            CHECK(sites > 0, "it allocates nothing");
            for (at = 1, tolerated = 0; at <= sites; ++at)
                CHECK(one(j, at, mode, want, &tolerated) > 0, "allocation %d did not come", at);
            total += sites;
            if (!mode) printf("%-40s %4d sites, %d of them done without\n", j->name, sites, tolerated);
        }
}

static void files(void)
{
    static const job jobs[] = {
        {"gan_save", save_two, run_save, "refuse.safetensors", NULL, 1},
        {"gan_save_rolling", save_two, run_rolling, "refuse.safetensors", NULL, 1},
        {"gan_model_save", save_two, run_model_save, "refuse_g.safetensors", NULL, 1},
        {"gan_trainer_save", save_two, run_trainer_save, "refuse_g.safetensors", NULL, 1},
        {"gan_trainer_save, all yet to be claimed", loaded_fresh, run_model_save, "refuse_g.safetensors",
         NULL, 1},
        {"gan_load", other_run, run_load, NULL, after_load, 1},
        {"gan_load, models to come", fresh_run, run_load, NULL, after_load, 1},
        {"gan_resume", other_run, run_resume, NULL, after_load, 1},
        {"gan_resume, the newest damaged", damaged, run_resume, NULL, after_load, 1},
        {"gan_inspect", other_run, run_inspect, NULL, NULL, 1},
        {"gan_model_load", other_run, run_model_load, NULL, after_load, 1},
        {"gan_model_load, a model to come", fresh_run, run_model_load, NULL, after_load, 1},
        {"gan_model_load, partial", other_run, run_partial, NULL, after_load, 1},
        {"gan_model_load, of a checkpoint", other_run, run_whole_partial, NULL, after_load, 1},
        {"gan_model_load_memory", image_of_g, run_model_memory, NULL, after_load, 1},
        {"gan_model_load_memory, a model to come", image_fresh, run_model_memory, NULL, after_load, 1},
        {"gan_load_memory", image_of_all, run_memory, NULL, after_load, 1},
        {"gan_load_memory, over such memory", borrowed, run_load, NULL, after_load, 1},
        {"gan_forward, parameters made", models, forward, NULL, mix_models, 0},
        {"gan_forward, parameters claimed", loaded_fresh, forward, NULL, mix_models, 0},
        {"gan_forward", trained_two, forward, NULL, NULL, 0},
        {"gan_trainer_sample", trained_two, run_sample, NULL, mix_models, 1},
        {"gan_trainer_sample_ex", trained_two, run_sample_ex, NULL, mix_models, 1},
        {"gan_optimizer_create", trained_two, run_optimizer, NULL, after_optimizer, 1},
        {"gan_trainer_create", toy, run_trainer, NULL, after_trainer, 1},
        {"gan_trainer_create, from a checkpoint", toy_loaded, run_trainer, NULL, after_trainer, 1},
        {"gan_keep", models, run_keep, NULL, NULL, 0},
        {"gan_dataset_memory", models, run_data_memory, NULL, after_open, 0},
        {"gan_idx_write", models, run_idx, "refuse_written.idx", NULL, 0},
        {"gan_image_write", models, run_image, "refuse_written.pgm", NULL, 0},
        {"gan_sheet_write", models, run_sheet, "refuse_written.ppm", NULL, 0},
        {"gan_logger_create", board, run_log_create, "refuse.csv", NULL, 0},
        {"gan_logger_row", logging, run_row, NULL, mix_log, 0},
        {"gan_logger_images", logging, run_images, NULL, mix_log, 0},
        {"gan_report_write", logging, run_report, "refuse.html", NULL, 0},
        {"gan_trainer_report", watched, run_trainer_report, NULL, mix_models, 1},
    };
    size_t i;
    for (i = 0; i < sizeof jobs / sizeof *jobs; ++i) refuse(&jobs[i]);
}

static void datasets(void)
{
    char text[100];
    job j;
    for (set = 0; set < SETS; ++set)
        for (way = 0; way < WAYS; ++way) {
            if (way == WAY_MEMORY && !has_memory(set)) continue;
            if (way == WAY_FIT && (set == SET_NPY || set == SET_CSV)) continue;
#ifndef FILES_FOLDERS
            if (set == SET_BATCHES || set >= SET_TREE) continue;
#endif
            memset(&j, 0, sizeof j);
            j.name = text;
            snprintf(text, sizeof text, "opening %s, %s", set_name[set], way_name[way]);
            j.prepare = put_data, j.run = run_open, j.after = after_open;
            refuse(&j);
            snprintf(text, sizeof text, "a batch of %s, %s", set_name[set], way_name[way]);
            j.prepare = opened, j.run = run_batch, j.after = NULL;
            refuse(&j);
        }
}

// ---- controls

static int run_ignoring(scene *s) // says that it is done whatever happens
{
    (void)gan_save(s->ctx, test_path(saved));
    gan_error_clear(s->ctx);
    return 0;
}
static int run_losing(scene *s) // does not give scratch back where it fails
{
    void *a = gan__err_scratch(s->ctx, 100), *b = a ? gan__err_scratch(s->ctx, 100) : NULL;
    if (!b) return gan_error(s->ctx);
    gan__err_scratch_free(s->ctx, b);
    gan__err_scratch_free(s->ctx, a);
    return 0;
}
static int run_half(scene *s) // weights change before the last memory is there
{
    gan_data(gan_model_tensor(s->g, 0))[0] += 1;
    gan__err_scratch_free(s->ctx, gan__err_scratch(s->ctx, 100));
    return gan_error(s->ctx);
}

static void controls(void)
{
    static const job jobs[] = {
        {"a save that ignores a failure", save_two, run_ignoring, "refuse.safetensors", NULL, 0},
        {"a call that loses scratch memory", models, run_losing, NULL, NULL, 0},
        {"a call that is half done", trained_two, run_half, NULL, NULL, 1}};
    size_t i;
    int sites, none = 0;
    for (i = 0; i < sizeof jobs / sizeof *jobs; ++i)
        TESTF_MUST_FAIL ("%s is seen", jobs[i].name) {
            const uint64_t want = undisturbed(&jobs[i], &sites);
            (void)one(&jobs[i], sites, 0, want, &none);
        }
    TEST_MUST_FAIL ("an allocator that loses a block is seen") {
        scene s;
        void *lost;
        begin(&s);
        lost = count_alloc(10, &s.c);
        gan_destroy(s.ctx);
        CHECK(s.c.live == 0, "seen");
        count_release(lost, 10, &s.c);
    }
}

int main(void)
{
    files();
    datasets();
    controls();
    printf("%d allocations refused\n", total);
    return test_done();
}
