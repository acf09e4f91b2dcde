# To be read by a check (`. tools/user_program.sh`): programs as users write them, one file that says
# `#define GAN_IMPLEMENTATION`, compiled cheaply. $cc and $openmp are set here.
cc=${CC:-cc}
openmp=${OPENMP-$(sh tools/probe_openmp "$cc")}

# user_program SOURCE PROGRAM: the whole file passes the front end; then the program is compiled at -O2
# without that line and linked with build/gan.o, which `make` compiles once. Prints what a compiler says:
# success is silence. tools/check_examples compiles one program in one piece, as well.
user_program() {
    object=build/gan.o
    [ -f $object ] && [ -z "$(find gan.h tests/inside.[ch] -newer $object)" ] ||
        ${MAKE:-make} --no-print-directory $object >/dev/null || return 1
    rm -f "$2"
    $cc -O2 -fsyntax-only -Wall -Wextra -I. "$1" || return 1
    { echo "#line 1 \"$1\""; sed 's/^ *#define GAN_IMPLEMENTATION$//' "$1"; } |
        $cc -O2 -Wall -Wextra $openmp -I. -I"$(dirname "$1")" -xc - -xnone $object -lm -o "$2"
}
