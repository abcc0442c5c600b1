/* SPDX-License-Identifier: ISC */
/*
 * Which process the kernel ends when memory is short (proc(5), oom_score_adj): sessions, the largest first; the
 * master, without which nobody listens, last.
 */
#ifndef DAEMON_MASTER_OOM_H
#define DAEMON_MASTER_OOM_H

/* Lower the master's value, where nobody has set one and the kernel allows it, and choose that of its children. */
void oom_protect_master(void);

/*
 * In a child of the master: take the value that was chosen, above the master's. Needs no privilege and two system calls:
 * the descriptor is left to sandbox_close_all_but(), or to the end of the process.
 */
void oom_leave_protection(void);

#endif
