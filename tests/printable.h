// Whether a message can be shown on a terminal: printable ASCII and well-formed UTF-8 (RFC 3629, the table of
// section 4), without the control characters U+0080 .. U+009F. Includes nothing.
#ifndef PRINTABLE_H
#define PRINTABLE_H

static inline int printable_at(const char *text) // bytes of the character there, 0 when it is none
{
    static const unsigned char row[][6] = {
        // first byte, second byte, and how many more of 80 .. BF
        {0x20, 0x7E, 0, 0, 0, 0},       {0xC2, 0xC2, 1, 0xA0, 0xBF, 0}, {0xC3, 0xDF, 1, 0x80, 0xBF, 0},
        {0xE0, 0xE0, 1, 0xA0, 0xBF, 1}, {0xE1, 0xEC, 1, 0x80, 0xBF, 1}, {0xED, 0xED, 1, 0x80, 0x9F, 1},
        {0xEE, 0xEF, 1, 0x80, 0xBF, 1}, {0xF0, 0xF0, 1, 0x90, 0xBF, 2}, {0xF1, 0xF3, 1, 0x80, 0xBF, 2},
        {0xF4, 0xF4, 1, 0x80, 0x8F, 2},
    };
    const unsigned char *p = (const unsigned char *)text;
    unsigned i;
    int k;
    for (i = 0; i < sizeof row / sizeof *row; ++i) {
        const unsigned char *r = row[i];
        if (p[0] < r[0] || p[0] > r[1]) continue;
        if (!r[2]) return 1;
        if (p[1] < r[3] || p[1] > r[4]) return 0;
        for (k = 0; k < r[5]; ++k)
            if (p[2 + k] < 0x80 || p[2 + k] > 0xBF) return 0;
        return 2 + r[5];
    }
    return 0;
}

static inline int is_printable(const char *text)
{
    int n;
    for (; *text; text += n)
        if ((n = printable_at(text)) == 0) return 0;
    return 1;
}

#endif // PRINTABLE_H
