// An allocator for tests that counts what is taken and given back. Include after gan.h.
#ifndef COUNTER_H
#define COUNTER_H

#include <stdlib.h>
#include <string.h>

// An allocator that counts, fills what it gives with rubbish, checks sizes on return, and fails when told to.
typedef struct counter {
    int calls, live, wrong;
    size_t bytes;
    int fail_at;  // this call fails; 0: none
    int for_ever; // and all after it
} counter;

static inline void *count_alloc(size_t bytes, void *user)
{
    counter *c = (counter *)user;
    char *p;
    ++c->calls;
    if (c->fail_at && (c->for_ever ? c->calls >= c->fail_at : c->calls == c->fail_at)) return NULL;
    p = (char *)malloc(bytes + 32);
    if (!p) return NULL;
    memset(p, 0xa5, bytes + 32);
    memcpy(p, &bytes, sizeof bytes);
    ++c->live;
    c->bytes += bytes;
    return p + 16;
}
static inline void count_release(void *p, size_t bytes, void *user)
{
    counter *c = (counter *)user;
    size_t had;
    char *base = (char *)p - 16;
    memcpy(&had, base, sizeof had);
    c->wrong += had != bytes;
    for (int i = 0; i < 16; ++i)
        c->wrong += (unsigned char)base[16 + had + (size_t)i] != 0xa5; // written past the end
    --c->live;
    c->bytes -= bytes;
    free(base);
}
static inline gan_desc counting(counter *c)
{
    gan_desc d;
    memset(&d, 0, sizeof d);
    memset(c, 0, sizeof *c);
    d.allocator.alloc = count_alloc;
    d.allocator.release = count_release;
    d.allocator.user = c;
    return d;
}

#endif // COUNTER_H
