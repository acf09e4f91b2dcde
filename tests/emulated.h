// AVX-512 in plain C: SIMDe's intrinsics (Debian libsimde-dev) instead of <immintrin.h>, and those that its
// release 0.7.4 lacks. Compile a test with -DGAN__EMULATED='"tests/emulated.h"', as tools/check_isa does.
#ifndef EMULATED_H
#define EMULATED_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#define __mmask16 simde__mmask16

typedef struct {
    float v[16];
} emulated_f;
typedef struct {
    int32_t v[16];
} emulated_i;

static inline emulated_f emulated_get_f(__m512 v)
{
    emulated_f f;
    memcpy(&f, &v, sizeof f);
    return f;
}
static inline emulated_i emulated_get_i(__m512i v)
{
    emulated_i i;
    memcpy(&i, &v, sizeof i);
    return i;
}
static inline __m512 emulated_set_f(emulated_f f)
{
    __m512 v;
    memcpy(&v, &f, sizeof v);
    return v;
}
static inline __m512i emulated_set_i(emulated_i i)
{
    __m512i v;
    memcpy(&v, &i, sizeof v);
    return v;
}

// r[i] = value where the mask has a bit, else 0
#define EMULATED(type, kind, mask, value)                                                                    \
    emulated_##kind r;                                                                                       \
    int i;                                                                                                   \
    for (i = 0; i < 16; ++i) r.v[i] = (mask) >> i & 1 ? (type)(value) : 0;                                   \
    return emulated_set_##kind(r)

static inline __m512 emulated_loadu(__mmask16 m, const float *p) { EMULATED(float, f, m, p[i]); }
static inline __m512 emulated_sqrt(__mmask16 m, __m512 a)
{
    const emulated_f x = emulated_get_f(a);
    EMULATED(float, f, m, sqrtf(x.v[i]));
}
static inline __m512i emulated_to_int(__mmask16 m, __m512 a) // out of range or NaN: the "integer indefinite"
{
    const emulated_f x = emulated_get_f(a);
    EMULATED(int32_t, i, m, fabsf(x.v[i]) < 2147483648.0f ? (int32_t)nearbyintf(x.v[i]) : INT32_MIN);
}
static inline __m512 emulated_from_int(__mmask16 m, __m512i a)
{
    const emulated_i x = emulated_get_i(a);
    EMULATED(float, f, m, x.v[i]);
}
static inline __m512i emulated_slli(__mmask16 m, __m512i a, unsigned s)
{
    const emulated_i x = emulated_get_i(a);
    EMULATED(int32_t, i, m, s > 31 ? 0 : (uint32_t)x.v[i] << s);
}
static inline __m512i emulated_srai(__mmask16 m, __m512i a, unsigned s)
{
    const emulated_i x = emulated_get_i(a);
    EMULATED(int32_t, i, m, x.v[i] < 0 ? ~(~x.v[i] >> (s > 31 ? 31 : s)) : x.v[i] >> (s > 31 ? 31 : s));
}
// twos of 32-bit lanes, as 64 bits that move by one lane; the mask is always full
static inline __m512i emulated_even_up(__mmask8 m, __m512i a, unsigned s)
{
    const emulated_i x = emulated_get_i(a);
    EMULATED(int32_t, i, m == 0xff && s == 32 ? 0xaaaau : 0u, x.v[i - 1]);
}
static inline __m512i emulated_odd_down(__mmask8 m, __m512i a, unsigned s)
{
    const emulated_i x = emulated_get_i(a);
    EMULATED(int32_t, i, m == 0xff && s == 32 ? 0x5555u : 0u, x.v[i + 1]);
}
static inline __m512i emulated_fours(__mmask16 m, __m512i a, int how)
{
    const emulated_i x = emulated_get_i(a);
    EMULATED(int32_t, i, m, x.v[i / 4 * 4 + (how >> 2 * (i % 4) & 3)]);
}
// within each quarter: two of a, then two of b
static inline __m512 emulated_shuffle(__mmask16 m, __m512 a, __m512 b, int how)
{
    const emulated_f x = emulated_get_f(a), y = emulated_get_f(b);
    EMULATED(float, f, m, (i % 4 < 2 ? x.v : y.v)[i / 4 * 4 + (how >> 2 * (i % 4) & 3)]);
}
// whole quarters: two of a, then two of b
static inline __m512 emulated_quarters(__mmask16 m, __m512 a, __m512 b, int how)
{
    const emulated_f x = emulated_get_f(a), y = emulated_get_f(b);
    EMULATED(float, f, m, (i < 8 ? x.v : y.v)[(how >> 2 * (i / 4) & 3) * 4 + i % 4]);
}
static inline void emulated_storeu(float *p, __mmask16 m, __m512 a)
{
    const emulated_f x = emulated_get_f(a);
    int i;
    for (i = 0; i < 16; ++i)
        if (m >> i & 1) p[i] = x.v[i];
}

#undef EMULATED
#define _mm512_maskz_loadu_ps emulated_loadu
#define _mm512_mask_storeu_ps emulated_storeu
#define _mm512_maskz_sqrt_ps emulated_sqrt
#define _mm512_maskz_cvtps_epi32 emulated_to_int
#define _mm512_maskz_cvtepi32_ps emulated_from_int
#define _mm512_maskz_slli_epi32 emulated_slli
#define _mm512_maskz_srai_epi32 emulated_srai
#define _mm512_maskz_slli_epi64 emulated_even_up
#define _mm512_maskz_srli_epi64 emulated_odd_down
#define _mm512_maskz_shuffle_epi32 emulated_fours
#ifndef _MM_PERM_ABCD
#define _MM_PERM_ABCD 0x1b
#endif
#define _mm512_maskz_shuffle_ps emulated_shuffle
#define _mm512_maskz_shuffle_f32x4 emulated_quarters

#endif
