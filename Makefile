# The two commands to begin with:
#
#     make demo       MNIST is fetched and checked, the thesis's network trains, pictures appear in out/demo
#     make test       the derivatives, the theory and the rules of the code are proved
#
# Neither needs anything but a C compiler; without a network make demo draws its own digits. Also:
#
#     make examples   every example into build/        make bench    the kernels and seven workloads, timed
#     make score      how good are generated digits    make clean    forgets build/ and out/, keeps data/
#     make pictures   build/pictures, which trains on a folder of your pictures (examples/README.md)
#     make format     clang-format on our C files, make format-check only looks
#     make fuzz       libFuzzer (clang): FUZZ=ckpt, data or calls, for SECONDS=60
#
# Variables: CC, CFLAGS (-O2), OPENMP (-fopenmp when the compiler has it; empty: one thread), JOBS, STEPS;
# of make score: SET (mnist, or fashion), FILES (IDX files of pictures).

CC ?= cc
CFLAGS ?= -O2
WARN ?= -Wall -Wextra
STEPS ?= 1000
SET ?= mnist
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

ifeq ($(origin OPENMP),undefined)
OPENMP := $(shell sh tools/probe_openmp "$(CC)")
endif
export CC OPENMP

# How a test gets the implementation: a test that says `#define GAN_IMPLEMENTATION` compiles it (it calls
# private functions, or gives gan.h a malloc, files or stb_image of its own); every other one links an object
# that is compiled once a configuration, of tests/inside.c: build/gan.o, gan_double.o, gan_fast.o. In both
# cases `cc -DGAN_IMPLEMENTATION= -I. tests/test_NAME.c -lm` makes the program of one unit.
BUILD = @echo "$(CC) $(CFLAGS) $(OPENMP) $(1) $< -o $@"; rm -f $@; \
    $(CC) $(CFLAGS) $(WARN) $(OPENMP) -I. -isystem data/include $(1) $< -o $@
COMPILE = $(call BUILD,$(1)) -lm
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

TESTS := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
# These are built and run a second time in double precision, where derivatives can be checked.
TWICE := $(addprefix test_,op arith shape reduce product plane norm tape layer block loss objective penalty \
    augment update optim schedule game density transport moment neighbor metric latent player kern gemm conv)
# And this one with -ffast-math, where a NaN is not seen by comparing.
FASTS := test_nonfinite_fast
DOUBLES := $(addsuffix _double,$(filter $(TWICE),$(TESTS)))
# Those that compile the implementation. GAN_STATIC lets the compiler leave out what the test does not call,
# and -O1 takes half of the time of -O2; tests of kernels (tests/kernels.h) keep $(CFLAGS).
INSIDE := $(patsubst tests/%.c,%,$(shell grep -l '^\#define GAN_IMPLEMENTATION' tests/test_*.c))
KERNELS := $(patsubst tests/%.c,%,$(shell grep -l '^\#include "kernels.h"' tests/test_*.c))
STATIC = -DGAN_STATIC -Wno-unused-function -Wno-maybe-uninitialized
CHECKS := check_structure check_structure_self check_words check_words_self check_parts check_hygiene \
    check_isa check_examples check_readme check_cookbook check_tables check_calls check_formats \
    check_determinism check_fuzz check_platforms check_report check_sanitizers check_traps
EXAMPLES := $(patsubst examples/%.c,%,$(wildcard examples/*.c))
BENCHES := $(patsubst bench/%.c,bench_%,$(wildcard bench/*.c))
# The benchmarks look for other libraries while they run; older C libraries keep that function apart.
DL := $(if $(filter Linux,$(shell uname -s 2>/dev/null)),-ldl)
HEADERS := gan.h $(wildcard examples/*.h data/include/stb/*.h)

all: examples

# Everything is built and run even when something fails; the last line has the sum.
test:
	@rm -rf build/log && mkdir -p build/log out/test
	@$(SUBMAKE) -k built || true
	@$(SUBMAKE) $(addprefix run_,$(CHECKS) $(TESTS) $(DOUBLES) $(FASTS))
	@sh tools/run_test --total

built: $(addprefix build/,$(TESTS) $(DOUBLES) $(FASTS))

$(addprefix run_,$(TESTS) $(DOUBLES) $(FASTS)): run_%:
	@sh tools/run_test $* build/$*
$(addprefix run_,$(CHECKS)): run_%:
	@sh tools/run_test $* sh tools/$(patsubst %_self,% --self-test,$*)

# part TEST, OBJECT: what the test gets the implementation from
part = $(if $(filter $(1),$(INSIDE)),$(STATIC) $(if $(filter $(1),$(KERNELS)),,-O1),build/$(2))
needs = $(addprefix build/,$(addsuffix $(1),$(filter-out $(INSIDE),$(patsubst %$(1),%,$(2)))))
build/gan.o: options =
build/gan_double.o: options = -DGAN_DOUBLE
build/gan_fast.o: options = -ffast-math
build/gan.o build/gan_double.o build/gan_fast.o: tests/inside.c tests/inside.h gan.h | build
	$(call BUILD,$(options) -c)

$(call needs,,$(TESTS)): build/gan.o
$(call needs,_double,$(DOUBLES)): build/gan_double.o
$(call needs,_fast,$(FASTS)): build/gan_fast.o
$(addprefix build/,$(TESTS)): build/%: tests/%.c $(wildcard tests/*.h) $(HEADERS) | build
	$(call COMPILE,$(call part,$*,gan.o))
$(addprefix build/,$(DOUBLES)): build/%_double: tests/%.c $(wildcard tests/*.h) $(HEADERS) | build
	$(call COMPILE,-DGAN_DOUBLE $(call part,$*,gan_double.o))
$(addprefix build/,$(FASTS)): build/%_fast: tests/%.c $(wildcard tests/*.h) $(HEADERS) | build
	$(call COMPILE,-ffast-math $(call part,$*,gan_fast.o))
$(addprefix build/,$(EXAMPLES)): build/%: examples/%.c $(HEADERS) | build
	$(call COMPILE)
$(addprefix build/,$(BENCHES)): build/bench_%: bench/%.c $(wildcard bench/*.h) $(HEADERS) | build
	$(call BUILD) -lm $(DL)
build/score: tools/score.c $(HEADERS) | build
	$(call COMPILE)
build:
	@mkdir -p build

# The sub-make looks again for what the fetching brought.
demo:
	@sh tools/fetch_mnist.sh || true
	@sh tools/fetch_stb.sh || true
	@$(MAKE) --no-print-directory build/thesis
	build/thesis --steps $(STEPS) --data data/mnist --out out/demo

examples: $(addprefix build/,$(EXAMPLES))

pictures:
	@sh tools/fetch_stb.sh || true
	@$(MAKE) --no-print-directory build/pictures
	@echo 'now: build/pictures --data FOLDER'

bench: $(addprefix build/,$(BENCHES))
	build/bench_map
	build/bench_gemm --alone
	build/bench_conv --alone
	build/bench_small
	build/bench_steps
	build/bench_metric
	build/bench_data

score: build/score
	@sh tools/fetch_mnist.sh $(filter fashion,$(SET))
	@mkdir -p out/score
	build/score --set $(SET) --classifier out/score/$(SET).safetensors $(FILES)

fuzz:
	@sh tools/check_fuzz --run $(or $(FUZZ),ckpt) $(or $(SECONDS),60)

FORMATTED = $(wildcard gan.h examples/*.[ch] tests/*.[ch] tests/fuzz/*.[ch] bench/*.[ch] tools/*.c)
format:
	clang-format -i $(FORMATTED)
format-check:
	clang-format --dry-run -Werror $(FORMATTED)

clean:
	rm -rf build out

.PHONY: all test built demo examples pictures bench score fuzz format format-check clean
.PHONY: $(addprefix run_,$(CHECKS) $(TESTS) $(DOUBLES) $(FASTS))
