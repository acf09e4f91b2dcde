// modes.h - two mixtures of normal distributions that GANs are judged by (Lin 2018, section 4.1), for
// gan_mode_report and gan_plot. Used by ring.c, modes.c and collapse.c, which train, and by
// tests/test_modes.c, which counts points placed by hand. Include gan.h first.
#ifndef GAN_EXAMPLES_MODES_H
#define GAN_EXAMPLES_MODES_H

#include <math.h>
#include <string.h>

enum { MD_MAX = 25 };

typedef struct md_mixture {
    const char *name;
    gan_toy toy;
    int modes;
    gan_real sigma, extent; // the largest coordinate of a mode
    gan_real mode[MD_MAX][2];
} md_mixture;

static inline md_mixture md_ring(void)
{
    md_mixture m = {"ring", GAN_TOY_RING, 8, (gan_real).01, 1, {{0, 0}}};
    int k;
    for (k = 0; k < m.modes; ++k) {
        m.mode[k][0] = (gan_real)cos(k * atan(1.));
        m.mode[k][1] = (gan_real)sin(k * atan(1.));
    }
    return m;
}

static inline md_mixture md_grid(void)
{
    md_mixture m = {"grid", GAN_TOY_GRID, 25, (gan_real).05, 4, {{0, 0}}};
    int k;
    for (k = 0; k < m.modes; ++k)
        m.mode[k][0] = (gan_real)(k / 5 * 2 - 4), m.mode[k][1] = (gan_real)(k % 5 * 2 - 4);
    return m;
}

static inline gan_tensor *md_centers(gan_context *ctx, const md_mixture *m)
{
    return gan_from(ctx, m->mode[0], m->modes, 2);
}

// A panel of points over the modes.
static inline void md_panel(gan_plot *p, int column, int columns, int row, int rows, const char *title,
                            const char *below, const md_mixture *m, gan_tensor *points)
{
    gan_series s[2];
    gan_axes a;
    memset(s, 0, sizeof s);
    memset(&a, 0, sizeof a);
    s[0].mark = s[1].mark = GAN_MARK_POINTS;
    s[0].points = md_centers(gan_context_of(points), m);
    s[0].color = GAN_VERMILION, s[0].size = 9, s[0].alpha = 1;
    s[1].points = points;
    s[1].color = GAN_BLUE, s[1].size = 2.5, s[1].alpha = .8;
    a.title = title, a.x_label = below, a.series = s, a.count = 2, a.equal = 1;
    a.x1 = a.y1 = 1.4 * (double)m->extent, a.x0 = a.y0 = -a.x1;
    gan_plot_panel(p, column, columns, row, rows, &a);
}

#endif
