// What the tests of reports share: a page read whole, its words counted.
#ifndef PAGE_H
#define PAGE_H

#include <stdio.h>
#include <string.h>

// Reads a file into `to`, at most size - 1 bytes and a 0; returns how many.
static inline size_t read_page(const char *path, char *to, size_t size)
{
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(to, 1, size - 1, f) : 0;
    to[n] = 0;
    if (f) fclose(f);
    return n;
}

static inline int count(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)) != NULL; ++text) ++n;
    return n;
}

#endif // PAGE_H
