// modes.h - how well points cover the modes of a mixture, counted as the PacGAN paper counts (Lin 2018,
// section 4.1). Used by ring.c and modes.c, which train, and by tests/test_modes.c, which counts points
// placed by hand. Include gan.h first.
#ifndef GAN_EXAMPLES_MODES_H
#define GAN_EXAMPLES_MODES_H

#include <math.h>

enum { MD_MAX = 25 };

typedef struct md_mixture {
    const char *name;
    gan_toy toy;
    int modes;
    double sigma, extent; // the largest coordinate of a mode
    double mode[MD_MAX][2];
} md_mixture;

static inline md_mixture md_ring(void)
{
    md_mixture m = {"ring", GAN_TOY_RING, 8, .01, 1, {{0, 0}}};
    int k;
    for (k = 0; k < m.modes; ++k) m.mode[k][0] = cos(k * atan(1.)), m.mode[k][1] = sin(k * atan(1.));
    return m;
}

static inline md_mixture md_grid(void)
{
    md_mixture m = {"grid", GAN_TOY_GRID, 25, .05, 4, {{0, 0}}};
    int k;
    for (k = 0; k < m.modes; ++k) m.mode[k][0] = k / 5 * 2 - 4, m.mode[k][1] = k % 5 * 2 - 4;
    return m;
}

typedef struct md_score {
    int modes;      // those to which at least one point of high quality is nearest
    double quality; // share of points within 3 sigma of a mode; the mixture's own is 1 - e^-4.5 = .989
    double kl;      // reverse KL, sum q log(q / p), q the share of points nearest to a mode, p = 1 / modes
} md_score;

// n points (x, y), none where xy is NULL. One that is NaN or infinite has no quality and counts as mode 0's.
static inline md_score md_measure(const md_mixture *m, const gan_real *xy, int n)
{
    int nearest[MD_MAX] = {0}, good[MD_MAX] = {0}, i, k;
    md_score s = {0, 0, 0};
    for (i = 0; xy && i < n; ++i) {
        double best = HUGE_VAL;
        int at = 0;
        for (k = 0; k < m->modes; ++k) {
            const double r = hypot((double)xy[2 * i] - m->mode[k][0], (double)xy[2 * i + 1] - m->mode[k][1]);
            if (r < best) best = r, at = k;
        }
        ++nearest[at];
        good[at] += best < 3 * m->sigma;
    }
    for (k = 0; k < m->modes; ++k) {
        const double q = n ? (double)nearest[k] / n : 0;
        s.modes += good[k] > 0;
        s.quality += n ? (double)good[k] / n : 0;
        if (q > 0) s.kl += q * log(q * m->modes);
    }
    return s;
}

#endif
