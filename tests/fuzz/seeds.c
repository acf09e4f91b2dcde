// Makes the seed corpora of the fuzz targets: `seeds FOLDER` writes FOLDER/ckpt,
// FOLDER/data and FOLDER/calls.
#include "fuzz.h"

#include <sys/stat.h>

static char folder[1024];
static int number;

static void put(const void *head, size_t head_size, const void *bytes, size_t size)
{
    char path[1200];
    FILE *f;
    snprintf(path, sizeof path, "%s/%03d", folder, number++);
    f = fopen(path, "wb");
    if (!f || fwrite(head, 1, head_size, f) != head_size || fwrite(bytes, 1, size, f) != size) {
        printf("%s cannot be written\n", path);
        exit(1);
    }
    fclose(f);
}

static void open_folder(const char *root, const char *name)
{
    snprintf(folder, sizeof folder, "%s/%s", root, name);
    (void)mkdir(root, 0777);
    (void)mkdir(folder, 0777);
    number = 0;
}

static void ckpt(const char *root)
{
    static const char *const headers[] = {
        "{}",
        "{\"s.w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F64\",\"shape\":[1073741824,2147483647,2],\"data_offsets\":[0,8]}}",
        "{\"__metadata__\":{}}",
        "{\"__metadata__\":{\"format\":\"pt\",\"a\":\"b\\n\\u00e9\\ud83d\\ude00\"}}",
        "{\"s.w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
        "{\"s.w\":{\"dtype\":\"F64\",\"shape\":[3],\"data_offsets\":[0,24]}}   ",
        "{\"s.w\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]}}",
        "{\"s.w\":{\"shape\":[3],\"dtype\":\"BF16\",\"data_offsets\":[0,6]}}",
        "{\"s.w\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[0,24]}}",
        "{\"s.w\":{\"dtype\":\"I32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
        "{ \"s.w\" : {\"dtype\":\"U8\",\"shape\":[ 3 ],\"data_offsets\":[0, 3]} }",
        "{\"s.w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},\"optimizer.s.step\":{\"dtype\":"
        "\"I64\","
        "\"shape\":[],\"data_offsets\":[12,20]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0,2],\"data_offsets\":[0,0]},\"b\":{\"dtype\":\"U8\",\"shape\":"
        "[1,1,1,1,1,"
        "1,1,2],\"data_offsets\":[0,2]},\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[2,6]}}",
        "{\"rng\":{\"dtype\":\"I64\",\"shape\":[3],\"data_offsets\":[0,24]},\"data.0.position\":{\"dtype\":"
        "\"I64\","
        "\"shape\":[3],\"data_offsets\":[24,48]}}",
        "{\"trainer.0.steps\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},\"optimizer.g.step\":{"
        "\"dtype\":"
        "\"I64\",\"shape\":[],\"data_offsets\":[8,16]},\"ema.g.out.weight\":{\"dtype\":\"F32\",\"shape\":[2,"
        "4],"
        "\"data_offsets\":[16,48]}}",
    };
    static const unsigned char ways[] = {8, 9, 10, 8 | 4 | 1, 8 | 16 | 1, 8 | 16 | 4 | 2};
    static unsigned char file[1 << 16], built[1 << 16];
    char path[1200], values[257];
    size_t i, k, n, header, from, at;
    open_folder(root, "ckpt");
    for (i = 0; i < sizeof values; ++i) values[i] = (char)(i ? 37 * i : 0);
    for (i = 0; i < sizeof headers / sizeof headers[0]; ++i)
        for (k = 0; k < sizeof ways; ++k) {
            char head[2048];
            n = strlen(headers[i]);
            head[0] = (char)ways[k];
            memcpy(head + 1, headers[i], n);
            put(head, n + 1, values, i % 2 ? 1 : sizeof values);
        }
    snprintf(path, sizeof path, "%s/saved", root);
    for (i = 0; i < 3; ++i) { // files of gan.h: raw, and without __metadata__
        unsigned char way[2];
        gan_context *ctx = gan_create(NULL);
        fuzz_world w;
        FILE *f;
        memset(&w, 0, sizeof w);
        w.ctx = ctx;
        fuzz_world_fill(&w, (int)i);
        if (gan_save(ctx, path)) puts(gan_error_message(ctx)), exit(1);
        f = fopen(path, "rb");
        n = f ? fread(file, 1, sizeof file, f) : 0;
        if (f) fclose(f);
        (void)remove(path);
        gan_destroy(ctx);
        for (k = 0; k < 4; ++k) {
            way[0] = (unsigned char)(k == 0 ? i : k == 1 ? 0 : k == 2 ? 16 | 4 | i : 16 | i);
            put(way, 1, file, n);
        }
        // {"__metadata__":{..},"name".. becomes {"name"..: no digest stands in the way of changed values
        header = (size_t)file[0] | (size_t)file[1] << 8;
        from = (size_t)(strchr((const char *)file + 8, '}') - (const char *)file) + 2;
        for (k = 0; k < 2; ++k) {
            built[0] = (unsigned char)(8 | (k ? 16 | 4 : 0) | i);
            built[1] = '{';
            memcpy(built + 2, file + from, 8 + header - from);
            at = 2 + 8 + header - from;
            built[at++] = 0;
            memcpy(built + at, file + 8 + header, n - 8 - header);
            put(built, at + n - 8 - header, "", 0);
        }
    }
    put("\0\x1f\x8b\0\0\0\0\0\0", 9, "", 0);
    put("\0PK\3\4\0\0\0\0\0", 10, "", 0);
    put("\0\x93NUMPY\1\0\0", 9, "", 0);
    put("", 0, "", 0);
    put("\0", 1, "", 0);
}

static void idx(int way, int rank, const unsigned *dim, size_t values, const char *labels, size_t label_bytes)
{
    unsigned char file[512];
    size_t n = 0, i;
    file[n++] = 0;                  // the format
    file[n++] = (unsigned char)way; // which folder or file
    file[n++] = (unsigned char)label_bytes;
    memcpy(file + n, labels, label_bytes);
    n += label_bytes;
    file[n++] = 0, file[n++] = 0, file[n++] = 8, file[n++] = (unsigned char)rank;
    for (i = 0; i < 4 * (size_t)rank; ++i) file[n++] = (unsigned char)(dim[i / 4] >> (24 - 8 * (i % 4)));
    for (i = 0; i < values; ++i) file[n++] = (unsigned char)(31 * i);
    put(file, n, "", 0);
}

static void data(const char *root)
{
    static const unsigned d[] = {3, 4, 5}, one[] = {1, 1, 1}, huge[] = {65536, 65536, 1}, none[] = {3, 0, 5},
                          wraps[] = {0x80000000u, 2, 4};
    static const char labels[] = "\0\0\10\1\0\0\0\3\0\1\2", few[] = "\0\0\10\1\0\0\0\2\0\1";
    int way;
    open_folder(root, "data");
    for (way = 0; way < 3; ++way) {
        idx(way, 3, d, 60, labels, 0);
        idx(way, 3, d, 60, labels, 11);
        idx(way, 3, d, 60, few, 10);
        idx(way, 3, d, 59, labels, 11);
        idx(way, 3, one, 1, labels, 0);
        idx(way, 3, huge, 10, labels, 0);
        idx(way, 3, none, 0, labels, 0);
        idx(way, 3, wraps, 9, labels, 0);
        idx(way, 1, d, 3, labels, 0);
        idx(way, 2, d, 12, labels, 0);
    }
    put("\0\1\0\x1f\x8b\10", 6, "", 0);
    put("\0\1\0PK\3\4", 7, "", 0);
    put("\0\1\0", 3, "", 0);
}

static void calls(const char *root)
{
    unsigned char bytes[400];
    uint64_t z = 1;
    size_t i, k;
    open_folder(root, "calls");
    for (k = 0; k < 48; ++k) {
        for (i = 0; i < sizeof bytes; ++i) {
            z = z * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[i] = (unsigned char)(z >> 56);
        }
        put(bytes, 20 + 8 * k, "", 0);
    }
}

static int seeds(const char *root)
{
    ckpt(root);
    data(root);
    calls(root);
    return 0;
}

#ifndef FUZZ_REPLAY
int main(int count, char **argument)
{
    if (count == 2) return seeds(argument[1]);
    puts("seeds FOLDER");
    return 1;
}
#endif
