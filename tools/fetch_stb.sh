#!/bin/sh
# Makes PNG pictures possible: looks for stb_image.h, which reads them, and stb_image_write.h, which writes
# them, on the system (Debian's libstb-dev). Installs that package where this needs no question, else unpacks
# it into data/include; without apt-get it fetches the upstream stb_image_write.h at a pinned revision and
# checks it. Never fatal.
revision=1ee679ca2ef753a528db5ba6801e1067b40481b8
sum=cbd5f0ad7a9cf4468affb36354a1d2338034f2c12473cf1a8e32053cb6914a05
file=data/include/stb/stb_image_write.h

say() { printf 'PNG: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
found() {                       # found NAME: the compiler finds stb/NAME
    echo "#include <stb/$1>" | ${CC:-cc} -E -x c -Idata/include - >/dev/null 2>&1
}
both() { found stb_image.h && found stb_image_write.h; }
sha256() {
    if have sha256sum; then sha256sum <"$1"
    elif have shasum; then shasum -a 256 <"$1"
    elif have openssl; then openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}

if both; then
    say "stb_image.h and stb_image_write.h are here: PNG and JPEG are read, pictures will be PNG"
    exit 0
fi
if have apt-get; then
    root=
    [ "$(id -u)" = 0 ] || root='sudo -n'
    if [ -z "$root" ] || { have sudo && sudo -n true 2>/dev/null; }; then
        say "trying apt-get install libstb-dev"
        limit=
        have timeout && limit='timeout 20'
        $limit $root apt-get install -y -q -o Acquire::Retries=0 libstb-dev >/dev/null 2>&1 </dev/null
        if both; then
            say "installed: PNG and JPEG are read, pictures will be PNG"
            exit 0
        fi
    fi
    if have dpkg-deb && tmp=$(mktemp -d "${TMPDIR:-/tmp}/stb.XXXXXX"); then
        say "trying to unpack libstb-dev into data/include"
        limit=
        have timeout && limit='timeout 20'
        (cd "$tmp" && $limit apt-get -o Acquire::Retries=0 download libstb-dev && dpkg-deb -x ./*.deb .) \
            >/dev/null 2>&1 && mkdir -p data/include/stb &&
            cp "$tmp"/usr/include/stb/stb_image.h "$tmp"/usr/include/stb/stb_image_write.h data/include/stb/
        rm -rf "$tmp"
        if both; then
            say "unpacked: PNG and JPEG are read, pictures will be PNG"
            exit 0
        fi
    fi
fi
if found stb_image_write.h; then
    say "stb_image_write.h is here: pictures will be PNG; stb_image.h is not: PGM and PPM are read alone"
    exit 0
fi
if have curl || have wget; then
    say "trying the upstream file at revision $(echo $revision | cut -c 1-8)"
    url=https://raw.githubusercontent.com/nothings/stb/$revision/stb_image_write.h
    mkdir -p data/include/stb
    if have curl; then curl -fsSL --connect-timeout 3 --max-time 15 -o "$file.part" "$url" 2>/dev/null
    else wget -q -T 4 -t 1 -O "$file.part" "$url" 2>/dev/null
    fi
    if [ -s "$file.part" ] && [ "$(sha256 "$file.part")" = $sum ]; then
        mv -f "$file.part" "$file"
        say "fetched and checked: pictures will be PNG; stb_image.h is not here: PGM and PPM are read alone"
        exit 0
    fi
    rm -f "$file.part"
fi
say "stb_image_write.h not found: pictures will be PNM. Debian has it: apt-get install libstb-dev"
exit 0
