// All fuzz targets, their seeds and the main without libFuzzer in one program, for `make test`:
//
//     replay seeds FOLDER        replay ckpt|data|calls|control [--mutate N] [--seed S] [--keep FILE] PATH...
//
// control is a target that fails at the first input with a byte FF: the negative control of the runner.
#define FUZZ_REPLAY
#define LLVMFuzzerTestOneInput fuzz_data
#include "fuzz_data.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ckpt
int fuzz_ckpt(const uint8_t *bytes, size_t size);
#include "fuzz_ckpt.c"
#undef LLVMFuzzerTestOneInput
#include "seeds.c"
#include "standalone.c"
#define LLVMFuzzerTestOneInput fuzz_calls
int fuzz_calls(const uint8_t *bytes, size_t size);
#include "fuzz_calls.c"

static int fuzz_control(const uint8_t *bytes, size_t size)
{
    fuzz_require(!size || !memchr(bytes, 0xff, size), "the control fails, as it should", NULL);
    return 0;
}

int main(int count, char **argument)
{
    const char *const name = count > 1 ? argument[1] : "";
    if (count == 3 && !strcmp(name, "seeds")) return seeds(argument[2]);
    if (!strcmp(name, "ckpt")) return standalone(count - 1, argument + 1, fuzz_ckpt);
    if (!strcmp(name, "data")) return standalone(count - 1, argument + 1, fuzz_data);
    if (!strcmp(name, "calls")) return standalone(count - 1, argument + 1, fuzz_calls);
    if (!strcmp(name, "control")) return standalone(count - 1, argument + 1, fuzz_control);
    puts("replay seeds FOLDER, replay TARGET PATH...");
    return 1;
}
