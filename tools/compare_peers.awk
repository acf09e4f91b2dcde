# The table of compare_peers.sh out of the lines `part who round ...` of its programs.
# A ratio is the peer's time divided by gan.h's: above 1 gan.h is faster.

function after(word, i) {
    for (i = 4; i < NF; ++i) if ($i == word) return $(i + 1)
    return ""
}

# One more number of that name; lists are counted in n, their numbers in v.
function put(name, number) { if (number != "") v[name, ++n[name]] = number + 0 }

function median(name, i, j, t, m) {
    m = n[name]
    if (!m) return ""
    for (i = 1; i <= m; ++i) w[i] = v[name, i]
    for (i = 2; i <= m; ++i) {
        t = w[i]
        for (j = i - 1; j >= 1 && w[j] > t; --j) w[j + 1] = w[j]
        w[j + 1] = t
    }
    return (w[int((m + 1) / 2)] + w[int((m + 2) / 2)]) / 2
}

function least(name, i, m) {
    for (i = 1; i <= n[name]; ++i) if (m == "" || v[name, i] < m) m = v[name, i]
    return m
}

function most(name, i, m) {
    for (i = 1; i <= n[name]; ++i) if (m == "" || v[name, i] > m) m = v[name, i]
    return m
}

function geometric(name, i, s) {
    for (i = 1; i <= n[name]; ++i) s += log(v[name, i])
    return n[name] ? exp(s / n[name]) : ""
}

function sum(name, i, s) {
    for (i = 1; i <= n[name]; ++i) s += v[name, i]
    return s + 0
}

# The i-th numbers of two lists divided, into a third.
function divide(name, over, under, i) {
    for (i = 1; i <= n[over] && i <= n[under]; ++i)
        if (v[under, i] > 0) put(name, v[over, i] / v[under, i])
}

function seen(list, key) {
    if ((list, key) in known) return
    known[list, key] = 1
    order[list, ++count[list]] = key
}

function show(number, width, digits) {
    return number == "" ? sprintf("%" width "s", "-") : sprintf("%" width "." digits "f", number)
}

function row(part, what, threads, a, b, unit, ratio, low, part_of_peak, mib, peer_mib) {
    printf "%-6s%-21s%3d %10s %10s %-8s%6s %6s %6s %7s %7s %6s\n", part, what, threads, show(a, 10, 3),
        show(b, 10, 3), unit, show(ratio, 6, 2), show(low, 6, 2), show(part_of_peak, 6, 1), show(mib, 7, 0),
        show(peer_mib, 7, 0), mib && peer_mib ? show(peer_mib / mib, 6, 1) : show("", 6)
}

# A bound and what was reached; sign 1: at least, -1: at most. Nothing when it was not measured.
function target(text, reached, sign, bound, digits) {
    if (reached == "") return
    printf "  %-78s %9s  %s\n", text, show(reached, 9, digits),
        (sign * reached >= sign * bound) ? "met" : "MISSED"
}

$1 == "steps" && after("median") != "" {
    key = $4 " " after("threads")
    seen("steps", key)
    seen("threads", after("threads"))
    put("steps " $2 " " key, after("median"))
    put("steps mib " $2 " " key, after("rss"))
    if ($2 == "ours") {
        put("steps %peak " key, after("GFLOP/s"))
        put("heap", after("calls"))
    }
}

$1 == "small" && after("sample") != "" {
    key = $4 " " after("threads")
    seen("small", key)
    put("small " $2 " " key, after("sample"))
    put("first " $2 " " key, after("after"))
    put("small mib " $2 " " key, after("rss"))
}

$1 == "gemm" && $8 ~ /^[NT][NT]$/ && NF == 14 {
    key = $4 " " $3
    seen("gemm", key)
    seen("gemm threads", $3)
    best = 0
    for (i = 11; i <= 13; ++i) if ($i + 0 > best) best = $i + 0
    work = $5 * $6 * $7
    put("gemm ours " key, $9)
    put("gemm peer " key, best)
    put("gemm ratio " key, $14)
    put("gemm all " $3, $14)
    put("gemm work " key, work)
    put("gemm time " key, work / $10)
}

$1 == "conv" && $9 ~ /^(forward|input|weight)$/ {
    key = $4 " " $3
    seen("conv", key)
    seen("conv threads", $3)
    put("conv ours " key, $10)
    put("conv peer " key, $13)
    put("conv ratio " key, $14)
    put("conv all " $3, $14)
    put("bare peer " key, $15)
    put("bare ratio " key, $16)
    put("bare all " $3, $16)
    put("conv work " key, $10 * $11)
    put("conv time " key, $10 * $11 / $12)
}

$1 == "map" && $NF ~ /^[0-9.]+$/ && NF >= 7 {
    if ($4 == "memcpy") copy = $(NF - 1)
    else {
        put("map", $(NF - 1))
        put("map ratio", $NF)
    }
}

$1 == "compile" { compile = $4 / 1000 }

END {
    printf "\n%-6s%-21s%3s %10s %10s %-8s%6s %6s %6s %7s %7s %6s\n", "part", "what", "thr", "gan.h", "peer",
        "unit", "ratio", "least", "%peak", "MiB", "peer's", "times"
    for (i = 1; i <= count["steps"]; ++i) {
        key = order["steps", i]
        split(key, k, " ")
        divide("steps ratio " key, "steps peer " key, "steps ours " key)
        ratio = median("steps ratio " key)
        ours = median("steps mib ours " key)
        peer = median("steps mib peer " key)
        row("steps", k[1], k[2], median("steps ours " key), median("steps peer " key), "ms", ratio,
            least("steps ratio " key), median("steps %peak " key), ours, peer)
        put("steps all " k[2], ratio)
        if (k[1] ~ /^(toy|mlp)$/) put("steps little " k[2], ratio)
        if (ours && peer) put("times", peer / ours)
        if (k[1] ~ /^(dcgan64|thesis|wgangp_mlp|wgangp_mnist)$/) {
            if (k[2] == 1) put("%peak", median("steps %peak " key))
            if (k[2] == 2) {
                divide("scaling " k[1], "steps ours " k[1] " 1", "steps ours " key)
                put("scaling", median("scaling " k[1]))
            }
        }
    }
    for (i = 1; i <= count["small"]; ++i) {
        key = order["small", i]
        split(key, k, " ")
        divide("small ratio " key, "small peer " key, "small ours " key)
        divide("first ratio " key, "first peer " key, "first ours " key)
        row("small", k[1] " sample", k[2], median("small ours " key), median("small peer " key), "us",
            median("small ratio " key), least("small ratio " key), "", "", "")
        row("small", k[1] " first", k[2], median("first ours " key), median("first peer " key), "ms",
            median("first ratio " key), least("first ratio " key), "", median("small mib ours " key),
            median("small mib peer " key))
        put("first", median("first ours " key))
    }
    for (i = 1; i <= count["gemm"]; ++i) {
        key = order["gemm", i]
        split(key, k, " ")
        row("gemm", k[1] " (" n["gemm ratio " key] ")", k[2], geometric("gemm ours " key),
            geometric("gemm peer " key), "GFLOP/s", geometric("gemm ratio " key), least("gemm ratio " key),
            sum("gemm work " key) / sum("gemm time " key), "", "")
    }
    for (i = 1; i <= count["conv"]; ++i) {
        key = order["conv", i]
        split(key, k, " ")
        row("conv", k[1] " (" n["conv ours " key] ")", k[2], sum("conv ours " key),
            n["conv peer " key] ? sum("conv peer " key) : "", "ms", geometric("conv ratio " key),
            least("conv ratio " key), sum("conv work " key) / sum("conv time " key), "", "")
        if (n["bare peer " key])
            row("conv", k[1] " bare", k[2], sum("conv ours " key), sum("bare peer " key), "ms",
                geometric("bare ratio " key), least("bare ratio " key), "", "", "")
    }
    if (n["map"])
        row("map", "(" n["map"] ")", 1, geometric("map"), copy, "GB/s", geometric("map ratio"),
            least("map ratio"), "", "", "")
    print "ratio: above 1 gan.h is faster; of steps and small the median of the rounds, of the others"
    print "the geometric mean of (so many). least: of the rounds, or of those. %peak: of steps the least"
    print "work, of the others all of theirs. bare: without oneDNN's reorders. times: resident memory."

    print "\nwhat gan.h aims at, and what was reached"
    for (i = 1; i <= count["threads"]; ++i) {
        t = order["threads", i]
        of = ", threads " t
        name = "steps all " t
        target(n[name] " steps beside PyTorch" of ": geometric mean at least 2", geometric(name), 1, 2, 2)
        target(n[name] " steps beside PyTorch" of ": none below 1.3", least(name), 1, 1.3, 2)
        target("toy and mlp beside PyTorch" of ": above 3", least("steps little " t), 1, 3, 2)
    }
    target("dcgan64, thesis, wgangp_mlp, wgangp_mnist: 75 % of the peak, threads 1", least("%peak"), 1, 75, 1)
    target("the same four: two threads at least 1.85 times as fast as one", least("scaling"), 1, 1.85, 2)
    for (i = 1; i <= count["gemm threads"]; ++i) {
        t = order["gemm threads", i]
        of = ", threads " t
        name = "gemm all " t
        target("products beside the best BLAS" of ": geometric mean at least 1", geometric(name), 1, 1, 3)
        target("products beside the best BLAS" of ": none below 0.9", least(name), 1, .9, 2)
    }
    for (i = 1; i <= count["conv threads"]; ++i) {
        t = order["conv threads", i]
        of = ", threads " t
        name = "conv all " t
        target("convolutions beside oneDNN" of ": geometric mean at least 1", geometric(name), 1, 1, 3)
    }
    target("a process's first sample: under 20 ms", most("first"), -1, 20, 1)
    target("resident memory of the steps: PyTorch's at least 5 times", least("times"), 1, 5, 1)
    target("calls to the heap an iteration: 0", most("heap"), -1, 0, 2)
    target("the implementation compiles at -O2: under 6 s", compile, -1, 6, 1)
}
