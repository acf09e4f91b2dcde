# The rules of gan.h (run by check_structure). Prints a line that begins with FAILED for each break.
#
# What is declared at the file's outermost level is read with comments, strings and preprocessor lines taken
# out: the text up to a `{` or a `;` is one declaration. The branches of an #if all begin at the same depth.

function bad(line, what) { print "FAILED: " FILENAME ":" line ": " what }

function last_word(text) {
    gsub(/\[[^]]*\]/, "", text)
    gsub(/[^A-Za-z0-9_]+$/, "", text)
    sub(/^.*[^A-Za-z0-9_]/, "", text)
    return text
}

function prefix(name, private) {
    if (name == "" || name ~ /^(struct|union|enum)$/) return
    if (building && name ~ /^GAN_[A-Z]/)
        bad(NR, name ": a public name in the implementation")
    if (building && name ~ /^gan__/ && name !~ "^gan__" section "(_|$)")
        bad(NR, name ": a private name of section " section " begins with gan__" section "_")
    if (name ~ /^GAN_/ || (name ~ /^gan__/) || (name ~ /^gan_/ && !private)) return
    bad(NR, name ": a " (private ? "private name lacks the prefix gan__" : "name lacks the prefix gan_"))
}

# The name that a declaration declares. Groups that belong to attributes and macros are gone.
function declared(text) {
    if (match(text, /^[^(]*\( *\*+ *(const )?[A-Za-z_0-9]+ *(\[[^]]*\])* *\)/)) {
        text = substr(text, RSTART, RLENGTH)
        sub(/^[^(]*/, "", text)
    } else sub(/\(.*/, "", text)
    return last_word(text)
}

# The number of parameters of a function: commas in the last outermost group of parentheses.
function parameters(text, i, c, depth, count) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "(" && depth++ == 0) count = 1
        else if (c == ")") depth--
        else if (c == "," && depth == 1) count++
    }
    return count
}

# One declaration at the outermost level; ender is { or ; or =.
function declaration(text, ender, private, name, is_function) {
    gsub(/__attribute__ *\(\([^)]*(\([^)]*\))?[^)]*\)\)/, " ", text)
    gsub(/__declspec *\([^)]*\)/, " ", text)
    gsub(/[ \t]+/, " ", text)
    # A table of rows expanded at the outermost level stands on lines of its own.
    while (sub(/(^|\n) *GAN__?[A-Z0-9_]+\([^()\n]*\) *\n/, "\n", text)) {}
    gsub(/\n/, " ", text)
    sub(/^ +/, "", text)
    sub(/ +$/, "", text)
    if (text == "") return
    if (text ~ /^extern /) return                       # someone else's, declared and not defined
    if (text ~ /^(typedef )?enum/ && ender == "{") {
        in_enum = 1
        prefix(text ~ /enum$/ ? "" : last_word(text), 0)
        return
    }
    if (text ~ /^typedef/) {
        if (ender == ";") prefix(declared(text), 0)
        else prefix(last_word(text), 0)
        return
    }
    if (text ~ /^(struct|union) [A-Za-z_0-9]+$/) {
        prefix(last_word(text), 0)
        return
    }
    private = text ~ /(^| )static( |$)/ || text ~ /GAN__[A-Z_]*(INLINE|APART|OPTIONAL|BACKWARD)/
    is_function = text ~ /\(/
    name = declared(text)
    prefix(name, private)
    if (is_function && ender != "=" && parameters(text) > 8)
        bad(NR, name ": " parameters(text) " parameters, more than 8")
    if (is_function && ender == ";" && (private || name ~ /^gan__/ || name ~ /^GAN__/) && text !~ /=/)
        bad(NR, name ": a private function is declared before it is defined")
    if (!is_function && ender != "{" && text !~ /(^|[^A-Za-z_])const([^A-Za-z_]|$)/ &&
        text !~ /^(struct|union|enum) /)
        bad(NR, name ": a mutable variable at file level")
}

function enumerator(text) {
    gsub(/GAN__?[A-Z0-9_]+\([^()]*\)/, "", text)
    sub(/=.*/, "", text)
    gsub(/[ \t\n]/, "", text)
    if (text != "") prefix(text, 0)
}

# The sections that may ask which row of a public table it is; elsewhere that is a column of the table. Rows
# that stand for nothing, the default or the number of rows are no traits.
BEGIN {
    owners["OP"] = "arith shape reduce product plane norm"
    owners["OPTIMIZER"] = "update"
    owners["LOSS"] = "loss"
    owners["PENALTY"] = "penalty"
    owners["SCHEDULE"] = "schedule"
    owners["GAME"] = "game"
    owners["OBJECTIVE"] = "objective"
    owners["AUGMENT"] = "augment"
    owners["METRIC"] = "metric"
    owners["TOY"] = "data"
    owners["FORMAT"] = "format"
    owners["FIT"] = "fit"
    owners["MARK"] = "plot"
    owners["COLORMAP"] = "canvas"
    owners["TERMINAL"] = "terminal"
    owners["DIAGNOSIS"] = owners["INDICATOR"] = "health"
}
function asked(code, pattern, row, table) {
    while (match(code, pattern)) {
        row = substr(code, RSTART, RLENGTH)
        code = substr(code, RSTART + RLENGTH)
        gsub(/^[^G]*|[^A-Z0-9_]*$/, "", row)
        table = row
        sub(/^GAN__?/, "", table)
        sub(/_.*/, "", table)
        if (!(table in owners) || row ~ /_(NONE|AUTO|COUNT|SIMULTANEOUS)$/) continue
        if (index(" " owners[table] " ", " " section " ") == 0)
            bad(NR, row ": asked for outside the section that owns its table (" owners[table] ")")
    }
}

# A private function that answers a question says so in its name. (What can fail returns 0 for success.)
building && /^\/\// && !questions++ { question = /^\/\/ Whether / }
building && !/^\/\// {
    if (question && /^(static|GAN__[A-Z]+)( [A-Z_]+)* int gan__[a-z0-9_]+\(/) {
        name = $0
        sub(/\(.*/, "", name)
        sub(/.* /, "", name)
        if (name !~ /_(is|has|can)_/) bad(NR, name ": a question begins with is_, has_ or can_")
    }
    question = questions = 0
}

# length and characters of the line as it stands
columns && length > columns && (++long <= 5 || all) {
    bad(NR, "a line of " length " columns, more than " columns)
}
/[^ -~\t]/ { bad(NR, "not ASCII") }
/[ \t]$/ { bad(NR, "blanks at the end of a line") }
/\t/ { bad(NR, "a tab") }

# the contents and the sections
/^\/\/ CONTENTS/ { in_contents = 1; next }
/^\/\/ [A-Z][A-Z]/ { in_contents = 0 }
in_contents {
    rest = $0
    while (match(rest, />>[a-z_0-9]+/)) {
        name = substr(rest, RSTART + 2, RLENGTH - 2)
        contents[++listed] = name
        is_listed[name] = listed
        rest = substr(rest, RSTART + RLENGTH)
    }
}
/^\/\/ >>[a-z_0-9]+:/ {
    name = $0
    sub(/^\/\/ >>/, "", name)
    sub(/:.*/, "", name)
    section = name
    if (!(name in is_listed)) bad(NR, ">>" name ": a section that the contents do not list")
    else if (name in room_line) bad(NR, ">>" name ": a section that stands twice")
    else {
        if (is_listed[name] < latest) bad(NR, ">>" name ": not in the order of the contents")
        latest = is_listed[name]
    }
    room_line[name] = NR
    if (building && name != "end" && index($0, "tests/test_" name ".c") == 0)
        bad(NR, ">>" name ": the section does not name its test, tests/test_" name ".c")
}

# preprocessor lines
{
    code = $0
    # quotes in character constants first, then strings, then comments
    gsub(/'\\?["']'/, "0", code)
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    sub(/\/\/.*/, "", code)
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", code)
    gsub(/'([^'\\]|\\.)+'/, "0", code)
    if (in_comment) {
        if (!sub(/^.*\*\//, "", code)) next
        in_comment = 0
    }
    if (sub(/\/\*.*/, "", code)) in_comment = 1
}
continued { continued = $0 ~ /\\$/; next }
/^[ \t]*#/ {
    if (match(code, /^[ \t]*#[ \t]*define[ \t]+[A-Za-z_0-9]+/)) {
        name = last_word(substr(code, RSTART, RLENGTH))
        # what counts the arguments of a public function has that function's name
        if (name !~ /^GAN_/ && (building || name !~ /^gan_[a-z]/))
            bad(NR, name ": a macro without the prefix GAN_")
        if (name ~ /^GAN__/) defined[name] = NR
    } else if (match(code, /^[ \t]*#[ \t]*undef[ \t]+[A-Za-z_0-9]+/))
        undefined[last_word(substr(code, RSTART, RLENGTH))] = NR
    else if (code ~ /^[ \t]*#[ \t]*if/) at_if[++ifs] = depth
    else if (code ~ /^[ \t]*#[ \t]*(else|elif)/) depth = at_if[ifs]
    else if (code ~ /^[ \t]*#[ \t]*endif/ && ifs > 0) --ifs
    if (code ~ /defined\(GAN_IMPLEMENTATION\)|ifdef GAN_IMPLEMENTATION/) building = 1
    continued = $0 ~ /\\$/
    next
}

building {
    asked(code, "([=!<>]=|[<>]|case) *\\(?GAN__?[A-Z]+_[A-Z0-9_]+")
    asked(code, "GAN__?[A-Z]+_[A-Z0-9_]+\\)? *([=!<>]=|[<>])")
}

# declarations
{
    rest = code
    while (match(rest, /[{};,=]/)) {
        ender = substr(rest, RSTART, 1)
        piece = substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + 1)
        if (depth == 0) {
            text = text piece
            if (ender == "{") {
                if (initializing) ++braces
                else if (after_body) after_body = 0
                else { declaration(text, "{"); shape = text }
                text = ""
                depth = 1
                body = ""
            } else if (ender == ";") {
                if (initializing) initializing = 0
                else if (after_body && text !~ /[A-Za-z]/) {}
                else if (after_body && shape ~ /typedef/) prefix(last_word(text), 0)
                else declaration(after_body ? shape " " text : text, ";")
                text = ""
                after_body = 0
            } else if (ender == "=" && text !~ /\([^)]*$/) {
                if (!initializing) declaration(after_body ? shape " " text : text, "=")
                initializing = 1
                text = ""
            } else text = text ender
        } else {
            if (in_enum && depth == 1) {
                body = body piece
                if (ender == "," || ender == "}") {
                    if (body !~ /\([^)]*$/) { enumerator(body); body = "" } else body = body ender
                } else body = body ender
            }
            if (ender == "{") ++depth
            if (ender == "}" && --depth == 0) {
                in_enum = 0
                # a function's body ends its declaration; a struct's or an initializer's goes on to the ;
                after_body = !initializing && shape !~ /\)[ \n]*$/
                if (!initializing && !after_body) shape = ""
                text = ""
            }
        }
    }
    if (depth == 0) text = text rest "\n"
    else if (in_enum && depth == 1) body = body rest "\n"
}

END {
    for (i = 1; i <= listed; ++i)
        if (!(contents[i] in room_line)) bad(NR, ">>" contents[i] ": in the contents, but no section")
    if (long > 5 && !all) bad(NR, "and " long - 5 " more lines of too many columns")
    if (!listed) bad(NR, "no contents")
    if (depth) bad(NR, "braces do not close (or this check misreads them)")
    for (name in defined)
        if (undefined[name] < defined[name])
            bad(defined[name], name ": a private macro without a later #undef")
}
