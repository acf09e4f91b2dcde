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
    static const unsigned char ways[] = {8,          9,          10, 8 | 4 | 1, 8 | 16 | 1, 8 | 16 | 4 | 2,
                                         64 | 8 | 1, 192 | 8 | 1};
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
        for (k = 0; k < 6; ++k) {
            static const unsigned char more[] = {0, 0, 16 | 4, 16, 64, 64 | 128};
            way[0] = (unsigned char)(k == 1 ? 0 : more[k] | i);
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

// A file of data under a description: format, ways, channels, height, width, column, and a labels' file.
static void described(const unsigned char d[6], const char *labels, size_t label_bytes, const void *bytes,
                      size_t n)
{
    static unsigned char file[1 << 13];
    memcpy(file, d, 6);
    file[6] = (unsigned char)label_bytes;
    memcpy(file + 7, labels, label_bytes);
    memcpy(file + 7 + label_bytes, bytes, n);
    put(file, 7 + label_bytes + n, "", 0);
}

static size_t idx(unsigned char *file, int type, int rank, const unsigned *dim, size_t values)
{
    size_t n = 0, i;
    file[n++] = 0, file[n++] = 0, file[n++] = (unsigned char)type, file[n++] = (unsigned char)rank;
    for (i = 0; i < 4 * (size_t)rank; ++i) file[n++] = (unsigned char)(dim[i / 4] >> (24 - 8 * (i % 4)));
    for (i = 0; i < values; ++i) file[n++] = (unsigned char)(31 * i);
    return n;
}

static size_t npy(unsigned char *file, int version, const char *dictionary, size_t values)
{
    const size_t n = strlen(dictionary), at = version == 1 ? 10 : 12;
    size_t i;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version, file[7] = 0, file[8] = (unsigned char)n, file[9] = 0;
    if (version > 1) file[10] = file[11] = 0;
    memcpy(file + at, dictionary, n);
    for (i = 0; i < values; ++i) file[at + n + i] = (unsigned char)(29 * i);
    return at + n + values;
}

static void data(const char *root)
{
    static const unsigned d[] = {3, 4, 5}, one[] = {1, 1, 1}, huge[] = {65536, 65536, 1}, none[] = {3, 0, 5},
                          wraps[] = {0x80000000u, 2, 4};
    static const char labels[] = "\0\0\10\1\0\0\0\3\0\1\2", few[] = "\0\0\10\1\0\0\0\2\0\1";
    static const char *const text[] = {
        "P5 4 3 255\n0123456789ab",
        "P6\n# a comment\n2 2\n255\n0123456789ab",
        "P5 2 2 65535\n01234567",
        "P5 0 3 255\n",
        "P5 99999999999 3 255\n",
        "P2 1 1 255 0",
        "P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n0123456789ab",
        "P7\n# a comment\nMAXVAL 4095\nDEPTH 2\nWIDTH 2\nHEIGHT 1\nENDHDR\n01234567",
        "P7\nWIDTH 4\nHEIGHT 1\nDEPTH 4\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE_ALPHA\nENDHDR\n",
        "x,y,label\n1,2,0\n3,4.5e-3,1\n-5,6,0\n",
        "a/1.png,0\nb/1.png,1\n2,2\n",
        "file,label\na/1.png,cat\nb/1.png,\"dog\"\n./b/2.jpg,cat\nother.png,dog\n",
        "{\"x\": [1], \"labels\": [[\"a/1.png\", 6], [\"b/1\", 2], [\"2.jpg\", 6]], \"y\": {\"z\": \"]\"}}",
        "{\"labels\": null}",
        "{\"labels\": [[\"a\\/1.png\", \"\\ud83d\\ude00\"], [\"b/1\", \"\\u0000\"], [\"2\\u002ejpg\", "
        "-6e2]]} ",
        "x,y,z\n1,red,a\n2,\"b\"\"l,ue\",b\n3,red,c\n",
        "1 red 5\n2 \"light blue\" 10\n3 NA 5\n",
        "1 2\n3 4\n5 6\n",
        "1;2;3\n4;5\n",
        "1e999,nan\n-inf,2\n",
    };
    static const char *const dictionaries[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4, 4), }\n",
        "{'descr': '>f8', 'fortran_order': True, 'shape': (3, 2), }\n",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (6,), }\n",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999, 99999999), }\n",
    };
    static const unsigned char as_it_is[6] = {0}, fitted[6] = {0, 1 | 8, 3, 7, 9, 0},
                               last[6] = {0, 2 | 4, 0, 8, 8, 1}, coded[6] = {0, 0, 4, 17, 0, 3},
                               limited[6] = {0, 32 | 16, 1, 2, 2, 255};
    static const unsigned char *const ways[] = {as_it_is, fitted, last, limited, coded};
    static const int types[] = {8, 9, 11, 12, 13, 14}, widths[] = {1, 1, 2, 4, 4, 8};
    unsigned char file[1 << 12];
    size_t i, k, n;
    open_folder(root, "data");
    for (k = 0; k < 5; ++k) {
        for (i = 0; i < 6; ++i)
            described(ways[k], labels, i & 1 ? 0 : 11, file,
                      idx(file, types[i], 3, d, 60 * (size_t)widths[i]));
        described(ways[k], few, 10, file, idx(file, 8, 3, d, 60));
        described(ways[k], labels, 11, file, idx(file, 8, 3, d, 59));
        described(ways[k], labels, 0, file, idx(file, 8, 3, one, 1));
        described(ways[k], labels, 0, file, idx(file, 8, 3, huge, 10));
        described(ways[k], labels, 0, file, idx(file, 8, 3, none, 0));
        described(ways[k], labels, 0, file, idx(file, 8, 3, wraps, 9));
        described(ways[k], labels, 0, file, idx(file, 8, 1, d, 3));
        for (i = 0; i < sizeof dictionaries / sizeof *dictionaries; ++i)
            described(ways[k], labels, 0, file, npy(file, 1 + (int)(i & 1), dictionaries[i], 48));
        for (i = 0; i < sizeof text / sizeof *text; ++i)
            described(ways[k], labels, 0, text[i], strlen(text[i]));
        for (n = 0; n < 3073; ++n) file[n] = (unsigned char)(n % 10);
        described(ways[k], labels, 0, file, 3073);
        described(ways[k], labels, 0, file, 3074);
        described(ways[k], labels, 0, "\x1f\x8b\10", 3);
        described(ways[k], labels, 0, "PK\3\4", 4);
        described(ways[k], labels, 0, "", 0);
    }
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
