# What the sections of gan.h use, computed from the code (run by check_structure; read gan.h twice).
#
# The name of a private function or type says its section, gan__SECTION_thing. A public function belongs to
# the section that defines it, a private macro or enumerator to the one where it first stands. A section
# uses what it names of others; listed is the least set that, with all that its members use, covers that.
# Prints
#     SECTION uses A, B       the computed list (mode=list)
#     FAILED: ...             a line that says otherwise, a use of a later section, a name of no section, a
#                             function named by GAN__VEC or GAN__KERN outside vec and kern
# Two uses of later sections are right: a struct named for a pointer alone, and the public name of an
# operation in a backward function (and in gan__op_sum_to, the gradient of a broadcast).
function bad(what) { print "FAILED: " FILENAME ":" FNR ": " what }

function owner_of(name, rest) {         # of gan__SECTION_thing; "" when there is no such section
    rest = substr(name, 6)
    if (rest in order) return rest
    sub(/_.*/, "", rest)
    return rest in order ? rest : ""
}

function use(to, for_a_pointer) {
    if (to == "" || to == section || (for_a_pointer && order[to] > order[section])) return
    direct[section, to] = 1
    if (!((section, to) in where)) where[section, to] = FNR ": " $0
}

FNR == 1 { ++pass; section = ""; inside = 0 }
/^#if.*defined\(GAN_IMPLEMENTATION\)/ { inside = 1 }
!inside { next }
/^\/\/ >>[a-z_0-9]+:/ {
    section = $0
    sub(/^\/\/ >>/, "", section)
    sub(/:.*/, "", section)
    if (pass == 1) {
        names[++n] = section
        order[section] = n
        line[section] = $0
    }
}
section == "" { next }
{
    code = $0
    gsub(/'\\?["']'/, "0", code)
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    sub(/\/\/.*/, "", code)
    undefining = code ~ /^#[ \t]*undef/
}
pass == 1 {
    if (match(code, /^GAN_API [^(]*gan_[a-z0-9_]+\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        sub(/.*[ *]/, "", name)
        public[name] = section
        sub(/_n$/, "", name)            # the macro that counts its arguments
        if (!(name in public)) public[name] = section
    }
    if (match(code, /^[ \t]*#[ \t]*undef[ \t]+GAN__[A-Z0-9_]+/)) {
        name = substr(code, RSTART, RLENGTH)
        sub(/.*[ \t]/, "", name)
        if (macro[name] == section) own[name] = 1       # lives and dies in its section
    } else {
        rest = code
        while (match(rest, /GAN__[A-Z0-9_]+/)) {
            name = substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
            if (!(name in macro)) macro[name] = section
        }
    }
    next
}
/^GAN__BACKWARD / || /^static .*gan__op_sum_to\(/ { in_backward = 1 }
/^}/ { in_backward = 0 }
{
    if (undefining || section == "end") next
    if (code ~ /^(static|GAN__INLINE|GAN__OPTIONAL|GAN__APART) / && match(code, /GAN__(KERN|VEC)\(/)) {
        name = tolower(substr(code, RSTART + 5, RLENGTH - 6))
        if (name != section) bad("GAN__" toupper(name) " names a function of section " section)
    }
    rest = code
    while (match(rest, /(gan_|GAN__)[A-Za-z0-9_]+\(?/)) {
        name = substr(rest, RSTART, RLENGTH)
        before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : ""
        pointer = substr(rest, 1, RSTART - 1) ~ /struct $/
        rest = substr(rest, RSTART + RLENGTH)
        sub(/\($/, "", name)
        if (before ~ /[A-Za-z0-9_]/) continue
        if (name ~ /^gan__/) {
            if (owner_of(name) != "") use(owner_of(name), pointer)
            else if (!told[name]++) bad(name ": no section of that name")
        } else if (name ~ /^GAN__/) { if (!(name in own)) use(macro[name]) }
        else if (name in public && !(in_backward && order[public[name]] > order[section])) use(public[name])
    }
}
END {
    for (i = 1; i <= n; ++i) {
        s = names[i]
        if (s == "end") continue
        for (j = 1; j <= n; ++j) {
            o = names[j]
            if (!((s, o) in direct)) continue
            if (j > i) {
                bad("section " s " uses " o ", which stands below it: line " where[s, o])
                delete direct[s, o]
                continue
            }
            reach[s, o] = 1
            for (k = 1; k < j; ++k) if ((o, names[k]) in reach) reach[s, names[k]] = 1
        }
        list = ""
        for (j = 1; j < i; ++j) {
            o = names[j]
            if (!((s, o) in direct)) continue
            covered = 0
            for (k = j + 1; k < i; ++k)
                if ((s, names[k]) in direct && (names[k], o) in reach) covered = 1
            if (!covered) list = list (list == "" ? "" : ", ") o
        }
        if (list == "") list = i == 1 ? "nothing" : i == 2 ? "libc" : names[2]
        if (mode == "list") { print s " uses " list; continue }
        says = line[s]
        if (says !~ /; uses [^;]*; tests\/test_[a-z0-9_]*\.c/) {
            bad(">>" s ": the line does not say what it uses; tools/check_structure --write")
            continue
        }
        sub(/.*; uses /, "", says)
        sub(/; tests\/.*/, "", says)
        if (says != list) bad(">>" s ": says that it uses " says "; it uses " list)
    }
}
