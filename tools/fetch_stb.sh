#!/bin/sh
# Makes PNG pictures possible: looks for stb_image_write.h on the system (Debian's libstb-dev), installs that
# package where this needs no question, else fetches the upstream file at a pinned revision and checks it.
# Never fatal.
revision=1ee679ca2ef753a528db5ba6801e1067b40481b8
sum=cbd5f0ad7a9cf4468affb36354a1d2338034f2c12473cf1a8e32053cb6914a05
file=data/include/stb/stb_image_write.h

say() { printf 'PNG: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
found() {
    echo '#include <stb/stb_image_write.h>' | ${CC:-cc} -E -x c -Idata/include - >/dev/null 2>&1
}
sha256() {
    if have sha256sum; then sha256sum <"$1"
    elif have shasum; then shasum -a 256 <"$1"
    elif have openssl; then openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}

if found; then
    say "stb_image_write.h is here: pictures will be PNG"
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
        if found; then
            say "installed: pictures will be PNG"
            exit 0
        fi
    fi
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
        say "fetched and checked: pictures will be PNG"
        exit 0
    fi
    rm -f "$file.part"
fi
say "stb_image_write.h not found: pictures will be PNM. Debian has it: apt-get install libstb-dev"
exit 0
