// Shared by the tests of pictures: pixels, and text read back from them. Include after gan.h (with its
// implementation).
#ifndef PICTURE_H
#define PICTURE_H

typedef struct picture {
    const unsigned char *rgb;
    int w, h;
} picture;

// The color at (x, y), 0xRRGGBB; -1 outside.
static inline int pixel(const picture *p, int x, int y)
{
    const unsigned char *at;
    if (x < 0 || y < 0 || x >= p->w || y >= p->h) return -1;
    at = p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x);
    return at[0] << 16 | at[1] << 8 | at[2];
}

// Whether exactly the pixels of this letter have the color in its cell of 5 x 12 at (x, y), `unit` times as
// large.
static inline int letter_at(const picture *p, int x, int y, char letter, int unit, int color, int turned)
{
    int row, bit, u, v;
    for (row = 0; row < 12; ++row)
        for (bit = 0; bit < 5; ++bit)
            for (v = 0; v < unit; ++v)
                for (u = 0; u < unit; ++u) {
                    const int along = unit * bit + u, down = unit * row + v;
                    const int is =
                        pixel(p, turned ? x + down : x + along, turned ? y - along : y + down) == color;
                    if (is != (gan__canvas_font_row(letter, row) >> (4 - bit) & 1)) return 0;
                }
    return 1;
}

// Looks for a text anywhere; 1 and where its top left (turned: bottom left) is.
static inline int find_text(const picture *p, const char *text, int unit, int color, int turned, int *fx,
                            int *fy)
{
    int x, y, i;
    for (y = 0; y < p->h; ++y)
        for (x = 0; x < p->w; ++x) {
            for (i = 0; text[i]; ++i)
                if (!letter_at(p, turned ? x : x + 6 * unit * i, turned ? y - 6 * unit * i : y, text[i], unit,
                               color, turned))
                    break;
            if (text[i]) continue;
            if (fx) *fx = x;
            if (fy) *fy = y;
            return 1;
        }
    return 0;
}

static inline int has_text(const picture *p, const char *text, int unit)
{
    return find_text(p, text, unit, GAN_BLACK, 0, NULL, NULL);
}

static inline int count_color(const picture *p, int left, int top, int right, int bottom, int color)
{
    int x, y, n = 0;
    for (y = top; y < bottom; ++y)
        for (x = left; x < right; ++x) n += pixel(p, x, y) == color;
    return n;
}

static inline picture picture_of(gan_plot *p)
{
    picture q = {NULL, 0, 0};
    q.rgb = gan_plot_pixels(p, &q.w, &q.h);
    return q;
}

static inline gan_axes axes_of(const gan_series *s, int count)
{
    gan_axes a;
    memset(&a, 0, sizeof a);
    a.series = s, a.count = count;
    return a;
}

// The call fails with this code, and the message, which has the word in it, is of the context `ctx`.
#define REFUSED(call, code, word)                                                                            \
    do {                                                                                                     \
        int got = (call);                                                                                    \
        CHECK(got == (int)code && gan_error(ctx) == (int)code, "%d, error %d, expected %d", got,             \
              gan_error(ctx), (int)code);                                                                    \
        CHECK_TEXT(gan_error_message(ctx), word);                                                            \
        gan_error_clear(ctx);                                                                                \
    } while (0)

#endif // PICTURE_H
