/* SPDX-License-Identifier: ISC */
/*
 * hooks: keeps the files of its queue, in a directory that is its root; runs nothing itself. Below that are the calls
 * that no program of a hook gets: the launcher cannot have an allow-list, since every program that it starts would
 * inherit it.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "uploads, and how programs ended"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
    {SYS_openat, ANY_ARGS, "a file of the queue"},
    {SYS_read, ANY_ARGS, "a file of the queue"},
    {SYS_write, ANY_ARGS, "a file of the queue"},
    {SYS_fsync, ANY_ARGS, "the queue survives a power cut"},
#ifdef SYS_renameat
    {SYS_renameat, ANY_ARGS, "a new file gets its place, a tried one its next name"},
#endif
    {SYS_renameat2, ANY_ARGS, "as renameat, where libc has it or the processor no other"},
    {SYS_unlinkat, ANY_ARGS, "what is done leaves the queue"},
};

const struct sandbox_rules rules_hooks = {rows, sizeof(rows) / sizeof(*rows)};

#define CLONE_INTO(flag) ARGS(HAS_ALL(0, flag))

/* What an unprivileged process could still try on the kernel or on its neighbours. */
static const struct sandbox_rule refused_rows[] = {
    {SYS_ptrace, ANY_ARGS, "other processes of the same user"},
    {SYS_process_vm_readv, ANY_ARGS, "other processes of the same user"},
    {SYS_process_vm_writev, ANY_ARGS, "other processes of the same user"},
    {SYS_process_madvise, ANY_ARGS, "other processes of the same user"},
    {SYS_pidfd_getfd, ANY_ARGS, "other processes of the same user"},
    {SYS_kcmp, ANY_ARGS, "other processes of the same user"},
    {SYS_unshare, ANY_ARGS, "namespaces give rights"},
    {SYS_setns, ANY_ARGS, "namespaces give rights"},
    {SYS_clone, CLONE_INTO(CLONE_NEWUSER), "namespaces give rights; the others need this one"},
    {SYS_mount, ANY_ARGS, "mounts"},
    {SYS_umount2, ANY_ARGS, "mounts"},
    {SYS_pivot_root, ANY_ARGS, "mounts"},
    {SYS_move_mount, ANY_ARGS, "mounts"},
    {SYS_open_tree, ANY_ARGS, "mounts"},
    {SYS_fsopen, ANY_ARGS, "mounts"},
    {SYS_fsmount, ANY_ARGS, "mounts"},
    {SYS_mount_setattr, ANY_ARGS, "mounts"},
    {SYS_open_by_handle_at, ANY_ARGS, "files without their names"},
    {SYS_fanotify_init, ANY_ARGS, "what others do with files"},
    {SYS_keyctl, ANY_ARGS, "keys of the kernel"},
    {SYS_add_key, ANY_ARGS, "keys of the kernel"},
    {SYS_request_key, ANY_ARGS, "keys of the kernel"},
    {SYS_bpf, ANY_ARGS, "programs in the kernel"},
    {SYS_perf_event_open, ANY_ARGS, "measures the kernel"},
    {SYS_userfaultfd, ANY_ARGS, "helps to break the kernel"},
    {SYS_io_uring_setup, ANY_ARGS, "calls that no filter sees"},
    {SYS_io_uring_enter, ANY_ARGS, "calls that no filter sees"},
    {SYS_io_uring_register, ANY_ARGS, "calls that no filter sees"},
    {SYS_init_module, ANY_ARGS, "the machine"},
    {SYS_finit_module, ANY_ARGS, "the machine"},
    {SYS_delete_module, ANY_ARGS, "the machine"},
    {SYS_kexec_load, ANY_ARGS, "the machine"},
    {SYS_reboot, ANY_ARGS, "the machine"},
    {SYS_swapon, ANY_ARGS, "the machine"},
    {SYS_swapoff, ANY_ARGS, "the machine"},
    {SYS_acct, ANY_ARGS, "the machine"},
    {SYS_syslog, ANY_ARGS, "the machine"},
    {SYS_quotactl, ANY_ARGS, "the machine"},
    {SYS_clock_settime, ANY_ARGS, "the machine"},
    {SYS_adjtimex, ANY_ARGS, "the machine"},
    {SYS_sethostname, ANY_ARGS, "the machine"},
    {SYS_setdomainname, ANY_ARGS, "the machine"},
    {SYS_ioctl, ARGS(IS_BUT(1, TIOCSTI, 0xffffffff00000000)), "a terminal's input"},
    {SYS_ioctl, ARGS(IS_BUT(1, TIOCLINUX, 0xffffffff00000000)), "a console's input"},
#ifdef SYS_iopl
    {SYS_iopl, ANY_ARGS, "ports of the machine"},
    {SYS_ioperm, ANY_ARGS, "ports of the machine"},
    {SYS_modify_ldt, ANY_ARGS, "segments"},
#endif
};

const struct sandbox_rules rules_refused = {refused_rows, sizeof(refused_rows) / sizeof(*refused_rows)};
