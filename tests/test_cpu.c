// The instruction sets that are found, and the table of maps.
#include "test.h"
#define GAN_IMPLEMENTATION
#include "../gan.h"

#include "kernels.h"

#if (defined(__x86_64__) || defined(__i386__)) && !defined(GAN_DOUBLE) && !defined(GAN_NO_SIMD)
#define ON_X86 1
#else
#define ON_X86 0
#endif

static int has(uint32_t set, gan_isa isa) { return (int)(set >> isa & 1u); }

static void agrees(uint32_t set, const char *flags)
{
    const int avx2 = strstr(flags, " avx2 ") != NULL && strstr(flags, " fma ") != NULL;
    CHECK(has(set, GAN_ISA_SSE2) == (strstr(flags, " sse2 ") != NULL), "sse2: %d", has(set, GAN_ISA_SSE2));
    CHECK(has(set, GAN_ISA_AVX2) == avx2, "avx2: %d", has(set, GAN_ISA_AVX2));
    CHECK(has(set, GAN_ISA_AVX512) == (strstr(flags, " avx512f ") != NULL), "avx512: %d",
          has(set, GAN_ISA_AVX512));
}

// The first `flags` line of /proc/cpuinfo with a blank at each end, or nothing.
static const char *cpu_flags(void)
{
    static char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "r");
    size_t n;
    if (!f) return NULL;
    while (fgets(line, sizeof line - 1, f))
        if (!strncmp(line, "flags", 5)) {
            fclose(f);
            n = strcspn(line, "\n");
            line[n] = ' ';
            line[n + 1] = 0;
            return line;
        }
    fclose(f);
    return NULL;
}

int main(void)
{
    const uint32_t set = gan__cpu_isas();
    const char *flags = ON_X86 ? cpu_flags() : NULL;
    TEST ("scalar code runs everywhere, and no instruction set is found that has no name") {
        CHECK(has(set, GAN_ISA_SCALAR), "no scalar");
        CHECK(!has(set, GAN_ISA_AUTO) && set >> GAN_ISA_COUNT == 0, "set %lx", (unsigned long)set);
    }
    TEST ("no two architectures are found at once, none under another's name") {
        CHECK(!(has(set, GAN_ISA_NEON) && has(set, GAN_ISA_SSE2)), "set %lx", (unsigned long)set);
        CHECK(ON_X86 || !has(set, GAN_ISA_SSE2), "sse2 without x86");
#if defined(__aarch64__) && !defined(GAN_DOUBLE) && !defined(GAN_NO_SIMD)
        CHECK(has(set, GAN_ISA_NEON), "no neon on aarch64");
#endif
        CHECK(!has(set, GAN_ISA_AVX512) || has(set, GAN_ISA_AVX2), "avx512 without avx2");
    }
    TEST ("the instruction sets found agree with /proc/cpuinfo") {
        if (!flags) TEST_SKIP("no flags of an x86 in /proc/cpuinfo");
        agrees(set, flags);
    }
    TEST_MUST_FAIL ("an instruction set that the machine does not have is caught") {
        agrees(1u << GAN_ISA_SCALAR | 1u << GAN_ISA_AVX512, " fpu sse2 avx2 fma ");
    }
    TEST ("scalar is given when it is asked for, whatever else there is") {
        const gan__cpu_kernels *k = gan__isa_choose(GAN_ISA_SCALAR);
        CHECK(k && k->isa == GAN_ISA_SCALAR && k->lanes == 1, "no scalar table");
    }
    return test_done();
}
