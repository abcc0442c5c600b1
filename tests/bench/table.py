#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""table.py RESULTS.jsonl: the Markdown table of compare: of each server the median (least-most; number of rounds).

"stub" is rawlimit's protocol-only server. The last columns name the best peer (and, in brackets, the
best of those that fork) and how each extra server and the stub compare with it (with that one);
ratios are always written so that more than 1 means better than the peer. "level" beside a ratio: the ranges of the two
overlap, so this run does not say who is ahead. "unsure": so few rounds show no range. In rows of logins, pyftpdlib as it
comes is no candidate, since it computes no hash: pyftpdlib-unix, which does, stands for it.
"""
import json
import statistics as st
import sys

PEERS = ["vsftpd", "vsftpd-tuned", "pure-ftpd", "pure-ftpd-tuned", "proftpd", "proftpd-pam", "pyftpdlib", "pyftpdlib-unix"]
NAMES = {"raw": "stub (limit)", "pyftpdlib": "pyftpdlib (no hash)", "pyftpdlib-unix": "pyftpdlib (same hash)"}
# row, figure, label, better (+1 more, -1 less), digits
ROWS = [
    ("login", "per_s", "logins/s, 16 at once", 1, 0),
    ("login", "cpu_ms_op", "server CPU ms per login", -1, 2),
    ("login1", "ms220_p50", "connect to 220, ms (p50, 1 at once)", -1, 2),
    ("login1", "ms230_p50", "connect to 230, ms (p50, 1 at once)", -1, 2),
    ("login1", "ms230_p99", "connect to 230, ms (p99, 1 at once)", -1, 2),
    ("login", "ms230_p99", "connect to 230, ms (p99, 16 at once)", -1, 1),
    ("retr", "GBps", "download GB/s, 1 session", 1, 2),
    ("retr4", "GBps", "download GB/s, 4 sessions", 1, 2),
    ("retr", "cpu_s_gb", "server CPU s per GB down", -1, 3),
    ("stor", "GBps", "upload GB/s, 1 session", 1, 2),
    ("stor4", "GBps", "upload GB/s, 4 sessions", 1, 2),
    ("stor", "cpu_s_gb", "server CPU s per GB up", -1, 3),
    ("sget", "per_s", "1 KiB files/s down, 1 session", 1, 0),
    ("sget4", "per_s", "1 KiB files/s down, 4 sessions", 1, 0),
    ("sget4", "cpu_ms_op", "server CPU ms per file down", -1, 3),
    ("sput", "per_s", "1 KiB files/s up, 1 session", 1, 0),
    ("sput4", "per_s", "1 KiB files/s up, 4 sessions", 1, 0),
    ("sput4", "cpu_ms_op", "server CPU ms per file up", -1, 3),
] + [(d, c + "_s", "%s of %s entries, ms" % (c, d[4:]), -1, 1) for d in ("list10k", "list100k") for c in ("LIST", "NLST", "MLSD")] + [
    ("idle", "all_kib_session", "idle session, KiB of memory, everything counted", -1, 0),
    ("idle", "private_kib_session", "of these, private pages", -1, 0),
    ("idle", "tables_kib_session", "page tables", -1, 0),
    ("idle", "stacks_kib_session", "kernel stacks", -1, 0),
    ("idle", "slab_kib_session", "slab, both ends of the connection", -1, 0),
    ("idle", "filters_kib_session", "filters, and other vmalloc", -1, 0),
    ("idle", "kib_session", "idle session, KiB PSS", -1, 0),
    ("idle", "procs_session", "processes per session", -1, 1),
    ("conc", "wall_s", "all of 200 x 1 MiB at once, s", -1, 3),
]
ROUNDS_MIN = 3  # fewer show no range
BARE = [("bare-conn", "per_s", "fork + accept + reply + exit, connections/s (16 at once)", 0),
        ("bare-retr", "GBps", "accept + fork + sendfile, GB/s, 1 connection", 2),
        ("bare-retr4", "GBps", "the same, 4 connections", 2),
        ("bare-stor", "GBps", "recv + write into tmpfs, GB/s, 1 connection", 2),
        ("bare-stor4", "GBps", "the same, 4 connections", 2),
        ("bare-splice", "GBps", "splice socket-pipe-tmpfs, GB/s, 1 connection", 2),
        ("bare-splice4", "GBps", "the same, 4 connections", 2)]


def derive(r):
    if r.get("ops"):
        r["cpu_ms_op"] = 1e3 * r["server_cpu_s"] / r["ops"]
    if r.get("bytes"):
        r["cpu_s_gb"] = r["server_cpu_s"] / (r["bytes"] / 1e9)
    if r.get("wall_s"):
        r["client_share"] = r["client_cpu_s"] / r["wall_s"]
        r["server_share"] = r["server_cpu_s"] / r["wall_s"]
    for c in ("LIST_s", "NLST_s", "MLSD_s"):
        if r.get(c) is not None:
            r[c] *= 1e3
    return r


data, order, errors = {}, [], {}
for line in open(sys.argv[1]):
    r = derive(json.loads(line))
    if r["server"] not in order:
        order.append(r["server"])
    if r.get("failed") or r.get("errors"):
        errors[(r["server"], r["row"])] = errors.get((r["server"], r["row"]), 0) + (r.get("errors") or 1)
    data.setdefault((r["server"], r["row"]), []).append(r)


def vals(s, row, k):
    return sorted(r[k] for r in data.get((s, row), []) if r.get(k) is not None)


def cell(v, d):
    if not v:
        return "-"
    v = [round(x, d) + 0.0 for x in v]  # no "-0"
    return "%.*f (%.*f-%.*f; %d)" % (d, st.median(v), d, v[0], d, v[-1], len(v))


def ratio(x, best, better):
    if not x or not best or min(x, best) < 0:
        return "-"
    return "%.2f" % (x / best if better > 0 else best / x)


def sureness(v, best):
    """What a run says of two sorted lists of figures, in a word after their ratio; nothing where they lie apart."""
    if min(len(v), len(best)) < ROUNDS_MIN:
        return " unsure"
    return " level" if v[0] <= best[-1] and best[0] <= v[-1] else ""


def against(c, peer, row, k, better):
    """The ratio of a server to a peer, and how sure it is."""
    v, best = vals(c, row, k), vals(peer, row, k)
    r = ratio(st.median(v), st.median(best), better) if v and best else "-"
    return r if r == "-" else r + sureness(v, best)


peers = [s for s in PEERS if s in order]
extra = [s for s in order if s not in PEERS and s != "raw"]
cols = peers + extra + (["raw"] if "raw" in order else [])
head = ["figure: median (least-most; rounds)"] + [NAMES.get(c, c) for c in cols] + ["best peer"]
head += ["%s / best" % c for c in extra] + (["stub / best"] if "raw" in cols else [])
print("| " + " | ".join(head) + " |")
print("|" + "---|" * len(head))
for row, k, label, better, d in ROWS:
    meds = {c: st.median(v) for c in cols if (v := vals(c, row, k))}
    if not meds:
        continue
    pm = {c: meds[c] for c in peers if c in meds and not (c == "pyftpdlib" and row in ("login", "login1"))}
    bp = (max if better > 0 else min)(pm, key=pm.get) if pm else None
    fm = {c: m for c, m in pm.items() if not c.startswith("pyftpdlib")}
    fp = (max if better > 0 else min)(fm, key=fm.get) if fm else None
    same = bp == fp or not fp or k == "procs_session"
    out = [label + (" (more is better)" if better > 0 else "")] + [cell(vals(c, row, k), d) for c in cols]
    out.append((bp or "-") if same else "%s (%s)" % (bp, fp))
    for c in extra + (["raw"] if "raw" in cols else []):
        t = against(c, bp, row, k, better)
        out.append(t if same else "%s (%s)" % (t, against(c, fp, row, k, better)))
    print("| " + " | ".join(out) + " |")
if any(vals("raw", b[0], b[1]) for b in BARE):
    print("\n| no protocol at all (rawlimit) | median (least-most; rounds) |\n|---|---|")
    for row, k, label, d in BARE:
        print("| %s | %s |" % (label, cell(vals("raw", row, k), d)))
print("\n| CPU used, cores (server / client, medians) | " + " | ".join(NAMES.get(c, c) for c in cols) + " |\n|" + "---|" * (len(cols) + 1))
for row in dict.fromkeys(r[0] for r in ROWS):
    if row.startswith("list") or row in ("idle", "conc"):
        continue
    out = []
    for c in cols:
        a, b = vals(c, row, "server_share"), vals(c, row, "client_share")
        out.append("%.2f / %.2f" % (st.median(a), st.median(b)) if a and b else "-")
    if any(o != "-" for o in out):
        print("| %s | %s |" % (row, " | ".join(out)))
ver = {(r["server"], r.get("tls_version"), r.get("cipher")) for v in data.values() for r in v if r.get("tls_version")}
for s, v, c in sorted(ver):
    n = sum(r.get("data_conns", 0) for k, v2 in data.items() if k[0] == s for r in v2)
    m = sum(r.get("resumed", 0) for k, v2 in data.items() if k[0] == s for r in v2)
    print("\n%s: %s, %s; %d of %d data connections resumed" % (s, v, c, m, n))
for (s, row), n in sorted(errors.items()):
    print("\nErrors: %s, %s: %d" % (s, row, n))
