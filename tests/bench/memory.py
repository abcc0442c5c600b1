#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""memory.py SESSIONS BEFORE AFTER: what an idle session costs in memory, in KiB, as members of a JSON line.

BEFORE and AFTER are lines of "ftpload tree", without the sessions and with them. A session costs

private  anonymous and shared-memory pages of the server's processes, each page once (Pss_Anon, Pss_Shmem)
tables   their page tables, of all levels (VmPTE)
stacks   one kernel stack a thread, of the size that the kernel's threads have in the mean
slab     objects of the kernel, of the whole machine: both ends of the connection count
filters  vmalloc beside stacks, of the whole machine: filters and their machine code, which grows by 2 MiB at once

The last two are of the whole machine, so other work there shows in them: see the least and the most of a row.
Pages of files count nowhere: the kernel has them once for everybody, and takes them back.
"""
import json
import sys

PARTS = ["private", "tables", "stacks", "slab", "filters"]


def figures(tree):
    """KiB of each part, in one line of ftpload tree."""
    return {
        "private": tree["anon_kib"],
        "tables": tree["pte_kib"],
        "stacks": tree["threads"] * tree["machine_stacks_kib"] / tree["machine_threads"],
        "slab": tree["machine_slab_kib"],
        "filters": tree["machine_vmalloc_kib"] - tree["machine_stacks_kib"],
    }


def each(sessions, before, after):
    """What one of so many sessions adds."""
    old, new = figures(before), figures(after)
    row = {part: (new[part] - old[part]) / sessions for part in PARTS}
    row["all"] = sum(row.values())
    out = {part + "_kib_session": round(kib, 1) for part, kib in row.items()}
    out["kib_session"] = round((after["pss_kib"] - before["pss_kib"]) / sessions, 1)
    out["procs_session"] = round((after["procs"] - before["procs"]) / sessions, 2)
    out["base_pss_kib"] = before["pss_kib"]
    return out


if __name__ == "__main__":
    print(json.dumps(each(int(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])), separators=(",", ":")))
