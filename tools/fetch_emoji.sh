#!/bin/sh
# fetch_emoji.sh [FOLDER]: puts the pictures of the npm package emoji-datasource-twitter (Twemoji, CC-BY 4.0:
# 3,786 transparent PNG of 64 x 64 pixels) into data/emoji, or into FOLDER, a sub-folder for each category:
# smileys-emotion, flags ... Needs npm, which brings node; 62 MB are fetched and checked.
version=16.0.0
sum=f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877
pictures=3786
here=${1:-data/emoji}

say() { printf 'emoji: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
count() { find "$1" -name '*.png' 2>/dev/null | wc -l | tr -d ' '; }
sha256() {                      # empty where no tool knows
    if have sha256sum; then sha256sum <"$1"
    elif have shasum; then shasum -a 256 <"$1"
    elif have openssl; then openssl dgst -sha256 -r <"$1"
    fi | cut -d ' ' -f 1
}

if [ "$(count "$here")" = $pictures ]; then
    say "$here is complete ($pictures pictures)"
    exit 0
fi
for tool in npm node tar; do
    have $tool || { say "$tool is not installed"; exit 1; }
done
tmp=$(mktemp -d "${TMPDIR:-/tmp}/emoji.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
say "trying the npm package emoji-datasource-twitter $version (62 MB)"
(cd "$tmp" && npm pack emoji-datasource-twitter@$version --silent --no-update-notifier --fetch-retries=1) \
    >/dev/null 2>&1 || { say "npm cannot get it"; exit 1; }
got=$(sha256 "$tmp"/*.tgz)
[ -z "$got" ] || [ "$got" = $sum ] || { say "refused: SHA-256 $got, not $sum"; exit 1; }
(cd "$tmp" && tar xzof ./*.tgz package/emoji.json package/img/twitter/64) || exit 1
# Each line: a picture and its category as the name of a folder. A skin tone has its emoji's category.
node -e '
    for (const e of require(process.argv[1]))
        for (const v of [e].concat(Object.values(e.skin_variations || {})))
            console.log(v.image + " " + e.category.toLowerCase().replace(/[^a-z]+/g, "-"))
' "$tmp/package/emoji.json" >"$tmp/list" || exit 1
while read -r picture category; do
    from=$tmp/package/img/twitter/64/$picture to=$tmp/emoji/$category
    [ -f "$from" ] || continue
    mkdir -p "$to" && mv "$from" "$to/" || exit 1
done <"$tmp/list"
got=$(count "$tmp/emoji")
[ "$got" = $pictures ] || { say "refused: $got pictures, not $pictures"; exit 1; }
mkdir -p "$here" && cp -R "$tmp/emoji/." "$here/" || exit 1
say "$pictures pictures in $here"
