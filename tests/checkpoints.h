// What the tests of checkpoints share: a small context whose values are known, and files. Include it after
// the implementation.
#ifndef CHECKPOINTS_H
#define CHECKPOINTS_H

#include "test.h"

static gan_tensor *identity(gan_model *m, gan_tensor *x, gan_tensor *label)
{
    (void)m;
    (void)label;
    return x;
}

// A context with the model "g" and, unless first is 0, its parameters w (2, 3) = first + 0 .. 5 and
// b (3) = -first - 0 .. 2.
typedef struct world {
    gan_context *ctx;
    gan_model *g;
    gan_tensor *w, *b;
} world;

static void parameters(world *o)
{
    o->w = gan_param(o->g, "w", gan_init_constant(0), 2, 3);
    o->b = gan_param(o->g, "b", gan_init_constant(0), 3);
}

static world make(const gan_desc *desc, double first)
{
    world o;
    int i;
    memset(&o, 0, sizeof o);
    o.ctx = gan_create(desc);
    o.g = gan_model_create(o.ctx, "g", identity, NULL);
    if (first == 0) return o;
    parameters(&o);
    for (i = 0; i < 6 && gan_data(o.w); ++i) gan_data(o.w)[i] = (gan_real)(first + i);
    for (i = 0; i < 3 && gan_data(o.b); ++i) gan_data(o.b)[i] = (gan_real)(-first - i);
    return o;
}

static int holds(const world *o, double first)
{
    int i, same = gan_data(o->w) && gan_data(o->b);
    for (i = 0; same && i < 6; ++i) same &= gan_data(o->w)[i] == (gan_real)(first + i);
    for (i = 0; same && i < 3; ++i) same &= gan_data(o->b)[i] == (gan_real)(-first - i);
    return same;
}

static unsigned char file[1 << 16];

static size_t get_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(file, 1, sizeof file, f) : 0;
    if (f) fclose(f);
    return n;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n) printf("%s cannot be written\n", path);
    if (f) fclose(f);
}

static void put64(unsigned char *p, uint64_t v)
{
    int i;
    for (i = 0; i < 8; ++i) p[i] = (unsigned char)(v >> 8 * i & 255);
}

static size_t build(unsigned char *to, const char *json, const void *values, size_t n)
{
    const size_t header = strlen(json);
    put64(to, header);
    memcpy(to + 8, json, header);
    if (n) memcpy(to + 8 + header, values, n);
    return 8 + header + n;
}

#endif
