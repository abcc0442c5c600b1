/* SPDX-License-Identifier: ISC */
/*
 * monitor: as root it verifies one login and forks the files process. Afterwards it is the service user, hands out
 * data sockets and ends processes that overstay.
 */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

#define STREAM_SOCKET(domain, protocol) \
	ARGS(IS(0, domain), IS_BUT(1, SOCK_STREAM, SOCK_CLOEXEC | SOCK_NONBLOCK), IS(2, protocol))
#define OPTION(level, name) ARGS(IS(1, level), IS(2, name))
#define PROTOCOL_PID SANDBOX_CHILD_PID(SANDBOX_CHILD_PROTOCOL)
#define PAM_PID SANDBOX_CHILD_PID(SANDBOX_CHILD_PAM)

/* fork() of libc, but nothing that makes a thread or a namespace. */
#ifdef __GLIBC__
#define FORK_FLAGS (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)
#else
#define FORK_FLAGS SIGCHLD
#endif

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "questions of protocol, answers of master"},
    {SYS_sendmsg, SENDMSG_NO_DIAL, "descriptors to protocol"},
    {SYS_ioctl, ARG_IS(1, SIOCOUTQ), "does protocol leave descriptors unread?"},
    {SYS_pread64, ANY_ARGS,
	"snapshot of the accounts; the key's numbers: a data connection that does not resume needs a signature; quota ledger, rates"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},

    {SYS_socket, STREAM_SOCKET(AF_INET, 0), "data sockets"},
    {SYS_socket, STREAM_SOCKET(AF_INET6, 0), "data sockets"},
    {SYS_bind, ANY_ARGS, "passive port; the server's address for active mode"},
    {SYS_listen, ANY_ARGS, "passive port"},
    {SYS_connect, ANY_ARGS,
	"active mode, to the client's address; to nowhere (AF_UNSPEC): a passive port listens no more"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_REUSEADDR), "ports in TIME_WAIT are used again"},
    {SYS_setsockopt, OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), "active mode"},

    {SYS_kill, ARGS(IS(0, PROTOCOL_PID), IS(1, SIGKILL)), "protocol, when it overstays"},
    {SYS_pwrite64, ANY_ARGS, "quota ledger, rates"},
    {SYS_fcntl, ARG_IS(1, F_OFD_SETLK), "quota ledger, rates: shared by the sessions of an account"},
    {SYS_fcntl, ARG_IS(1, F_OFD_GETLK), "quota ledger: is the session of a slot alive?"},
    {SYS_prlimit64, ARGS(IS(0, PROTOCOL_PID), IS(1, RLIMIT_FSIZE)),
	"protocol writes no further than the quota granted"},
    {SYS_wait4, ANY_ARGS, "how its children ended"},
};

const struct sandbox_rules rules_monitor = {rows, sizeof(rows) / sizeof(*rows)};

static const struct sandbox_rule login_rows[] = {
    /* the account, its hash, its home */
    {SYS_mmap, ARG_HAS_NONE(2, PROT_EXEC), "memory of a hash, huge pages too"},
    {SYS_openat, ANY_ARGS, "the home; the quota ledger"},
#if !defined(__GLIBC__) && defined(SYS_open)
    {SYS_open, ANY_ARGS, "as openat, which glibc opens with too: the quota ledger, rates"},
    {SYS_fcntl, ARGS(IS(1, F_SETFD), IS(2, FD_CLOEXEC)), "open with O_CLOEXEC"},
#endif
    {SYS_ftruncate, ANY_ARGS, "quota ledger: a damaged one begins anew"},
    {SYS_unlinkat, ANY_ARGS, "a quota ledger that is not kept any more"},
    {SYS_newfstatat, ANY_ARGS, "whose home it is"},
    {SYS_fstat, ANY_ARGS, "whose home it is"},

    /* fork of a walled process and its channel */
    {SYS_socketpair, ARGS(IS(0, AF_UNIX), IS_BUT(1, SOCK_SEQPACKET, SOCK_CLOEXEC | SOCK_NONBLOCK)), "channel of files"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_RCVTIMEO), "bounded waits on it"},
    {SYS_setsockopt, OPTION(SOL_SOCKET, SO_SNDTIMEO), "bounded waits on it"},
#if defined(__GLIBC__) || !defined(SYS_fork)
    {SYS_clone, ARG_IS(0, FORK_FLAGS), "fork of files"},
#else
    {SYS_fork, ANY_ARGS, "fork of files, as musl does where the processor has it"},
#endif
    {SYS_rt_sigprocmask, ANY_ARGS, "fork blocks signals meanwhile"},
#ifdef __GLIBC__
    {SYS_set_robust_list, ANY_ARGS, "fork, in the child"},
#else
    {SYS_set_tid_address, ANY_ARGS, "fork of musl, in the child"},
#endif
    {SYS_gettid, ANY_ARGS, "fork, in the child"},
    {SYS_close_range, ANY_ARGS, "what files and monitor must not keep"},
    {SYS_umask, ANY_ARGS, "files: modes are as asked"},
    {SYS_kill, ARGS(IS(0, PAM_PID), IS(1, SIGKILL)), "the process that asks PAM, when it overstays"},

    /* the way behind the walls, for files and for the monitor itself */
    {SYS_fchdir, ANY_ARGS, "into the home or the empty directory"},
    {SYS_chroot, ANY_ARGS, "into the home or the empty directory"},
    {SYS_setfsuid, ANY_ARGS, "to and into a home that root may not enter"},
    {SYS_setfsgid, ANY_ARGS, "to and into a home that root may not enter"},
    {SYS_prlimit64, ARG_IS(0, 0), "its own limits"},
    {SYS_setgroups, ANY_ARGS, "drop, and the proof that it cannot be undone"},
    {SYS_getgroups, ANY_ARGS, "the proof"},
    {SYS_setresgid, ANY_ARGS, "drop and proof"},
    {SYS_getresgid, ANY_ARGS, "the proof"},
    {SYS_setresuid, ANY_ARGS, "drop and proof"},
    {SYS_getresuid, ANY_ARGS, "the proof"},
    {SYS_setgid, ANY_ARGS, "the proof"},
    {SYS_setuid, ANY_ARGS, "the proof"},
    {SYS_getuid, ANY_ARGS, "the proof"},
    {SYS_geteuid, ANY_ARGS, "the proof"},
    {SYS_getgid, ANY_ARGS, "the proof"},
    {SYS_getegid, ANY_ARGS, "the proof"},
    {SYS_capget, ANY_ARGS, "drop and proof"},
    {SYS_capset, ANY_ARGS, "drop"},
    {SYS_prctl, ARG_IS(0, PR_CAPBSET_READ), "drop: the bounding set"},
    {SYS_prctl, ARG_IS(0, PR_CAPBSET_DROP), "drop: the bounding set"},
    {SYS_prctl, ARG_IS(0, PR_CAP_AMBIENT), "drop: the ambient set"},
    {SYS_prctl, ARG_IS(0, PR_SET_SECUREBITS), "drop: root has no powers by name, locked"},
    {SYS_prctl, ARG_IS(0, PR_GET_SECUREBITS), "drop"},
    {SYS_prctl, ARG_IS(0, PR_SET_NO_NEW_PRIVS), "before Landlock and a filter"},
    {SYS_prctl, ARG_IS(0, PR_SET_NAME), "files: what ps -C and the kernel call it"},
    {SYS_prctl, ARG_IS(0, PR_SET_DUMPABLE), "nobody looks in"},
    {SYS_prctl, ARG_IS(0, PR_SET_PDEATHSIG), "ends with its parent"},
    {SYS_getppid, ANY_ARGS, "is the parent still there?"},
    {SYS_landlock_create_ruleset, ANY_ARGS, "files: the home alone"},
    {SYS_landlock_add_rule, ANY_ARGS, "files: the home alone"},
    {SYS_landlock_restrict_self, ANY_ARGS, "files: the home alone"},
    {SYS_seccomp, ARG_IS(0, SECCOMP_SET_MODE_FILTER), "the next filter"},
};

const struct sandbox_rules rules_monitor_login = {login_rows, sizeof(login_rows) / sizeof(*login_rows)};
