// Fuzz target: the readers of data, from memory. An input is what a description says and a file:
//
//     format (one beyond the last: told by content), ways (1 flip, 2 channels last, 4 stream, 8 and 16 fit,
//     32 a small limit of memory, 64 labels numbered, 128 a range of the data and a background), channels,
//     height, width (0: as the data are), the column of labels, n, n bytes of a labels' file (0: there is
//     none), the data's file
//
// Required: a dataset or an error; scratch memory comes back; batches can be read to their last value.
#include <stdio.h>

#include "fuzz.h"

// How many inputs went to the reader of each format, told at the end.
static unsigned long data_count[GAN_FORMAT_COUNT + 1];
#define ROW(id, name) , #name
static const char *const data_name[] = {"none" GAN_FORMATS(ROW)};
#undef ROW
static gan_format data_only; // FUZZ_FORMAT=npy: every input is taken for one
static int data_only_names;  // FUZZ_FORMAT=names: for a file of labels by name
static void data_tell(void)
{
    int i;
    for (i = 0; i < GAN_FORMAT_COUNT; ++i)
        fprintf(stderr, "fuzz: %-9s %lu inputs\n", data_name[i], data_count[i]);
}

static gan_dataset_desc data_describe(fuzz_in *in)
{
    gan_dataset_desc d;
    unsigned ways;
    int k;
    memset(&d, 0, sizeof d);
    d.format = (gan_format)(fuzz_byte(in) % (GAN_FORMAT_COUNT + 1));
    if (d.format == GAN_FORMAT_COUNT) d.format = GAN_FORMAT_AUTO;
    if (data_only) d.format = data_only;
    ways = fuzz_byte(in);
    d.channels_last = ways >> 1 & 1;
    d.stream = ways >> 2 & 1;
    d.fit = (gan_fit)((ways >> 3 & 3) % GAN_FIT_COUNT);
    d.memory = ways >> 5 & 1 ? 64 : 0;
    d.label_index = (int)(ways >> 6 & 1);
    if (ways >> 7) d.data_low = -1, d.data_high = 3, d.background = 0x102030;
    d.channels = (int)fuzz_byte(in) % 5;
    d.height = (int)fuzz_byte(in) % 33;
    d.width = (int)fuzz_byte(in) % 33;
    d.header = d.height > 30 ? 1 : 0;
    d.standardize = d.height == 2;
    d.transpose = d.width % 5 == 3;
    if (d.channels == 4 && d.height > 16) d.categories = d.height & 1 ? "y,2" : "1"; // of CSV
    if (d.width > 30) d.columns = d.header ? "x, 1" : "2,1";                         // of CSV
    d.label_column = (int)(signed char)fuzz_byte(in);
    d.label_size = fuzz_byte(in);
    if (d.label_size > (size_t)(in->end - in->at)) d.label_size = 0;
    if (d.label_size) d.label_bytes = in->at;
    d.bytes = in->at + d.label_size;
    d.size = (size_t)(in->end - (const uint8_t *)d.bytes);
    if (d.size) { // the heads of pictures that stb_image would decode
        gan__format_jpeg_head jpeg;
        gan__format_jpeg((const unsigned char *)d.bytes, d.size, &jpeg);
        fuzz_require(jpeg.orientation >= 1 && jpeg.orientation <= 8, "an orientation", NULL);
        k = gan__format_png_orientation((const unsigned char *)d.bytes, d.size);
        fuzz_require(k >= 1 && k <= 8, "an orientation of a PNG", NULL);
        (void)gan__format_is_cut((const unsigned char *)d.bytes, d.size);
        (void)gan__format_is_deep((const unsigned char *)d.bytes, d.size);
    }
    ++data_count[d.format ? d.format : gan__format_of((const unsigned char *)d.bytes, d.size, d.size)];
    return d;
}

// Labels by name, from the labels' bytes, or the whole file without them, for three pictures.
static void data_names(gan_context *ctx, const gan_dataset_desc *d)
{
    static char path[3][12] = {"a/1.png", "b/1.png", "b/2.jpg"};
    char *picture[3];
    gan_dataset_desc desc = *d;
    gan_dataset set;
    gan__reader_opening o;
    int named = 0, i;
    memset(&set, 0, sizeof set);
    memset(&o, 0, sizeof o);
    for (i = 0; i < 3; ++i) picture[i] = path[i];
    set.ctx = ctx, set.n = 3, set.picture = picture;
    if (!desc.label_size) desc.label_bytes = desc.bytes, desc.label_size = desc.size;
    o.ctx = ctx, o.desc = &desc, o.most = (size_t)-1;
    if (!desc.label_size || gan__reader_named(&o, &set, 0, NULL, &named)) return;
    fuzz_require(!named || set.label, "labels by name without labels", ctx);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static fuzz_world w;
    gan_dataset *set;
    gan_dataset_desc d;
    fuzz_in in;
    size_t used, i;
    double sum = 0;
    int k;
    in.at = bytes, in.end = bytes + size;
    if (!size) return 0;
    if (!w.ctx) {
        fuzz_world_open(&w, 1 << 18);
        fuzz_world_ready(&w);
        for (k = 1; k < GAN_FORMAT_COUNT; ++k)
            if (getenv("FUZZ_FORMAT") && !strcmp(getenv("FUZZ_FORMAT"), "names")) data_only_names = 1;
            else if (getenv("FUZZ_FORMAT") && !strcmp(getenv("FUZZ_FORMAT"), data_name[k]))
                data_only = (gan_format)k;
        (void)atexit(data_tell);
    }
    used = w.ctx->mem.step_bytes;
    d = data_describe(&in);
    data_names(w.ctx, &d);
    fuzz_require(w.ctx->mem.step_bytes == used, "scratch memory of labels did not come back", w.ctx);
    fuzz_require_sane(w.ctx, "an error without a message");
    fuzz_world_reset(&w);
    if (data_only_names) return 0;
    set = gan_dataset_open(w.ctx, &d);
    fuzz_require_sane(w.ctx, "an error without a message");
    fuzz_require((set != NULL) == !gan_error(w.ctx), "neither a dataset nor an error, or both", w.ctx);
    fuzz_require(w.ctx->mem.step_bytes == used, "scratch memory did not come back", w.ctx);
    for (k = 0; set && k < 2000 && gan_dataset_column_name(set, k)[0]; ++k) {}
    for (k = 0; set && k < 2; ++k) {
        gan_tensor *label, *x;
        fuzz_require(gan_dataset_size(set) > 0, "an empty dataset", w.ctx);
        gan_scope_open(w.ctx);
        x = gan_dataset_batch(set, 3, &label);
        for (i = 0; gan_data(x) && i < gan_numel(x); ++i) sum += (double)gan_data(x)[i];
        if (label) sum += (double)gan_item(gan_sum_all(label));
        gan_scope_close(w.ctx);
    }
    fuzz_require(sum != 1e308, "a sum that cannot be", w.ctx);
    fuzz_world_reset(&w);
    return 0;
}
