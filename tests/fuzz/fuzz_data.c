// Fuzz target: the readers of data. An input is one byte of format and what its row says. Files are served
// from the input: fopen is this target's.
//
//     0  IDX: a byte of ways (0 a folder, 1 the images' path, 2 another name), a byte n, a labels' file of n
//        bytes (0: there is none), the images' file
//
// Required: a dataset or an error; a batch of it has values in -1 .. 1.
#include <stdio.h>

static FILE *fuzz_open(const char *path, const char *mode);
#define fopen fuzz_open
#include "fuzz.h"
#undef fopen

static struct {
    const uint8_t *images, *labels;
    size_t images_size, labels_size;
    int way;
} data_files;

static FILE *fuzz_open(const char *path, const char *mode)
{
    const int labels = strstr(path, "labels-idx1") != NULL;
    const uint8_t *bytes = labels ? data_files.labels : data_files.images;
    const size_t size = labels ? data_files.labels_size : data_files.images_size;
    if (mode[0] != 'r') return fopen(path, mode);
    if ((labels && !size) || !bytes) return NULL;
    if (data_files.way == 0 && !strstr(path, "idx")) return NULL; // the folder itself
    if (data_files.way == 2 && strstr(path, "idx")) return NULL;
    return size ? fmemopen((void *)(uintptr_t)bytes, size, mode) : fopen("/dev/null", mode);
}

static gan_dataset *data_idx(gan_context *ctx, fuzz_in *in)
{
    static const char *const path[] = {"folder", "train-images-idx3-ubyte", "name"};
    data_files.way = (int)fuzz_byte(in) % 3;
    data_files.labels_size = fuzz_byte(in);
    if (data_files.labels_size > (size_t)(in->end - in->at)) data_files.labels_size = 0;
    data_files.labels = in->at;
    data_files.images = in->at + data_files.labels_size;
    data_files.images_size = (size_t)(in->end - data_files.images);
    return gan_dataset_idx(ctx, path[data_files.way]);
}

static gan_dataset *(*const data_formats[])(gan_context *ctx, fuzz_in *in) = {data_idx};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static fuzz_world w;
    gan_dataset *set;
    fuzz_in in;
    size_t used, i;
    in.at = bytes, in.end = bytes + size;
    if (!size) return 0;
    if (!w.ctx) {
        fuzz_world_open(&w, 1 << 18);
        fuzz_world_ready(&w);
    }
    used = w.ctx->used;
    set = data_formats[fuzz_byte(&in) % (sizeof data_formats / sizeof data_formats[0])](w.ctx, &in);
    fuzz_require_sane(w.ctx, "an error without a message");
    fuzz_require((set != NULL) == !gan_error(w.ctx), "neither a dataset nor an error, or both", w.ctx);
    fuzz_require(w.ctx->used == used, "scratch memory did not come back", w.ctx);
    if (set) {
        gan_tensor *label, *x;
        fuzz_require(gan_dataset_size(set) > 0, "an empty dataset", w.ctx);
        gan_scope_open(w.ctx);
        x = gan_dataset_batch(set, 3, &label);
        for (i = 0; gan_data(x) && i < gan_numel(x); ++i)
            fuzz_require(gan_data(x)[i] >= -1 && gan_data(x)[i] <= 1, "a pixel beyond -1 .. 1", w.ctx);
        if (label) (void)gan_item(gan_sum_all(label));
        gan_scope_close(w.ctx);
    }
    fuzz_world_reset(&w);
    return 0;
}
