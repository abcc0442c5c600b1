/* SPDX-License-Identifier: ISC */
/* The walls: a process behind each of them tries every forbidden call, and the call must end it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <crypt.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/ipc/ipc.h"
#include "privsep/sandbox/rules.h"
#include "privsep/sandbox/sandbox.h"
#include "tests/unit/child_fixture.h"

#include "common/banned.h"

#define BAD_POINTER 8L /* faults wherever a kernel would follow it */
#define BAD_FD 1000000L
#define NO_PROCESS (INT_MAX - 99)

/* Bits for the lists in which a row is not forbidden. */
#define IN_PROTOCOL (1u << SANDBOX_PROTOCOL)
#define IN_LOGIN (1u << SANDBOX_MONITOR_LOGIN)
#define IN_MONITOR (1u << SANDBOX_MONITOR)
#define IN_FILES (1u << SANDBOX_FILES)
#define IN_LOGGER (1u << SANDBOX_LOGGER)
#define IN_HOOKS (1u << SANDBOX_HOOKS)
#define IN_METRICS (1u << SANDBOX_METRICS)
#define IN_PORTER (1u << SANDBOX_PORTER)
#define IN_BROKER (1u << SANDBOX_BROKER)
#define IN_MONITORS (IN_LOGIN | IN_MONITOR)
#ifdef __GLIBC__
#define IN_LOGIN_OF_MUSL 0
#define IN_FILES_OF_MUSL 0
#define IN_BROKER_OF_MUSL 0
#else
#define IN_LOGIN_OF_MUSL IN_LOGIN
#define IN_FILES_OF_MUSL IN_FILES
#define IN_BROKER_OF_MUSL IN_BROKER
#endif

struct forbidden {
	const char *what;
	unsigned allowed_in;
	long number;
	long args[6];
};

/* Pointers and descriptors are bad, so that a hole in a wall does no harm here. */
static const struct forbidden forbidden[] = {
    /* run something else */
    {"execve", 0, SYS_execve, {BAD_POINTER, BAD_POINTER, BAD_POINTER}},
    {"execveat", 0, SYS_execveat, {BAD_FD, BAD_POINTER, BAD_POINTER, BAD_POINTER}},
    {"clone of a thread", 0, SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD}},
    {"clone into a user namespace", 0, SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
    {"clone as fork does", IN_LOGIN, SYS_clone, {CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD}},
#ifdef SYS_fork
    {"fork", IN_LOGIN_OF_MUSL, SYS_fork, {0}},
    {"vfork", 0, SYS_vfork, {0}},
#endif
    /* executable memory */
    {"mmap of executable memory", 0, SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mmap of a file, executable", 0, SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, BAD_FD, 0}},
    {"mmap of a file", IN_LOGIN, SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, BAD_FD, 0}},
    {"mprotect to executable", 0, SYS_mprotect, {BAD_POINTER, 4096, PROT_READ | PROT_EXEC}},
    {"pkey_mprotect", 0, SYS_pkey_mprotect, {BAD_POINTER, 4096, PROT_READ, -1}},
    {"memfd_create", 0, SYS_memfd_create, {BAD_POINTER, 0}},
    {"memfd_secret", 0, SYS_memfd_secret, {-1}},
    {"shmat", 0, SYS_shmat, {-1, 0, 0}},
    {"personality", 0, SYS_personality, {0xffffffff}},
    /* the network */
    {"socket: TCP", IN_MONITORS | IN_BROKER, SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"socket: TCP over IPv6", IN_MONITORS, SYS_socket, {AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP}},
    {"socket: UDP", 0, SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
    {"socket: raw", 0, SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_ICMP}},
    {"socket: SCTP", 0, SYS_socket, {AF_INET, SOCK_STREAM, IPPROTO_SCTP}},
    {"socket: unix", IN_BROKER, SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
    {"socket: netlink", 0, SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
    {"socket: packet", 0, SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
    {"socket: vsock", 0, SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
    {"socketpair", IN_LOGIN, SYS_socketpair, {AF_UNIX, SOCK_SEQPACKET, 0, BAD_POINTER}},
    {"socketpair: stream", 0, SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, BAD_POINTER}},
    {"bind", IN_MONITORS, SYS_bind, {BAD_FD, BAD_POINTER, 16}},
    {"listen", IN_MONITORS, SYS_listen, {BAD_FD, 1}},
    {"connect", IN_MONITORS | IN_BROKER, SYS_connect, {BAD_FD, BAD_POINTER, 16}},
    {"accept", 0, SYS_accept, {BAD_FD, 0, 0}},
    {"accept4", IN_PROTOCOL | IN_METRICS, SYS_accept4, {BAD_FD, 0, 0, 0}},
    {"setsockopt: SO_ATTACH_FILTER", 0, SYS_setsockopt, {BAD_FD, SOL_SOCKET, SO_ATTACH_FILTER, BAD_POINTER, 16}},
    {"setsockopt: SO_BINDTODEVICE", 0, SYS_setsockopt, {BAD_FD, SOL_SOCKET, SO_BINDTODEVICE, BAD_POINTER, 4}},
    {"setsockopt: IP_TRANSPARENT", 0, SYS_setsockopt, {BAD_FD, IPPROTO_IP, IP_TRANSPARENT, BAD_POINTER, 4}},
    {"shutdown of both ways", 0, SYS_shutdown, {BAD_FD, SHUT_RDWR}},
    {"shutdown for reading", 0, SYS_shutdown, {BAD_FD, SHUT_RD}},
    {"sendto: MSG_FASTOPEN", 0, SYS_sendto, {BAD_FD, BAD_POINTER, 1, MSG_FASTOPEN, 0, 0}},
    {"sendto: an address", 0, SYS_sendto, {BAD_FD, BAD_POINTER, 1, 0, BAD_POINTER, 16}},
    {"sendto: an address that dials", 0, SYS_sendto, {BAD_FD, BAD_POINTER, 1, MSG_FASTOPEN, BAD_POINTER, 16}},
    {"sendmsg", IN_MONITORS | IN_FILES, SYS_sendmsg, {BAD_FD, BAD_POINTER, 0}},
    {"sendmsg: MSG_DONTWAIT alone", IN_PROTOCOL | IN_MONITORS | IN_FILES, SYS_sendmsg,
	{BAD_FD, BAD_POINTER, MSG_DONTWAIT}},
    {"sendmsg: MSG_FASTOPEN", 0, SYS_sendmsg, {BAD_FD, BAD_POINTER, MSG_FASTOPEN}},
    {"sendmmsg", 0, SYS_sendmmsg, {BAD_FD, BAD_POINTER, 1, 0}},
    {"recvmmsg", 0, SYS_recvmmsg, {BAD_FD, BAD_POINTER, 1, 0, 0}},
    /* other processes */
    {"ptrace", 0, SYS_ptrace, {16, NO_PROCESS, 0, 0}},
    {"process_vm_readv", 0, SYS_process_vm_readv, {NO_PROCESS, BAD_POINTER, 1, BAD_POINTER, 1, 0}},
    {"process_vm_writev", 0, SYS_process_vm_writev, {NO_PROCESS, BAD_POINTER, 1, BAD_POINTER, 1, 0}},
    {"kill: SIGKILL", 0, SYS_kill, {NO_PROCESS, SIGKILL}},
    {"kill: SIGKILL to a group", 0, SYS_kill, {-NO_PROCESS, SIGKILL}},
    {"kill: SIGKILL to a group, as an int", 0, SYS_kill, {(unsigned)-NO_PROCESS, SIGKILL}},
    {"kill: SIGTERM", 0, SYS_kill, {NO_PROCESS, SIGTERM}},
    {"kill: SIGSTOP", 0, SYS_kill, {NO_PROCESS, SIGSTOP}},
    {"tkill", 0, SYS_tkill, {NO_PROCESS, 0}},
    {"tgkill", 0, SYS_tgkill, {NO_PROCESS, NO_PROCESS, 0}},
    {"rt_sigqueueinfo", 0, SYS_rt_sigqueueinfo, {NO_PROCESS, 0, BAD_POINTER}},
    {"pidfd_open", 0, SYS_pidfd_open, {NO_PROCESS, 0}},
    {"pidfd_getfd", 0, SYS_pidfd_getfd, {BAD_FD, 0, 0}},
    {"pidfd_send_signal", 0, SYS_pidfd_send_signal, {BAD_FD, 0, 0, 0}},
    {"process_madvise", 0, SYS_process_madvise, {BAD_FD, BAD_POINTER, 1, 0, 0}},
    {"kcmp", 0, SYS_kcmp, {NO_PROCESS, NO_PROCESS, 0, 0, 0}},
    {"setpriority", 0, SYS_setpriority, {0, NO_PROCESS, 0}},
    {"sched_setscheduler", 0, SYS_sched_setscheduler, {NO_PROCESS, 0, BAD_POINTER}},
    {"prlimit64 of another", 0, SYS_prlimit64, {NO_PROCESS, RLIMIT_NOFILE, 0, 0}},
    {"wait4", IN_MONITORS, SYS_wait4, {NO_PROCESS, 0, 0, 0}},
    {"setsid", 0, SYS_setsid, {0}},
    {"setpgid", 0, SYS_setpgid, {NO_PROCESS, 0}},
    /* names of files */
    {"openat", IN_LOGIN | IN_FILES | IN_HOOKS | IN_BROKER, SYS_openat, {BAD_FD, BAD_POINTER, O_RDONLY, 0}},
    {"openat: for writing", IN_LOGIN | IN_FILES | IN_HOOKS, SYS_openat, {BAD_FD, BAD_POINTER, O_WRONLY, 0}},
    {"openat: a new file", IN_LOGIN | IN_FILES | IN_HOOKS, SYS_openat, {BAD_FD, BAD_POINTER, O_CREAT, 0600}},
    {"openat: a path", IN_LOGIN | IN_FILES | IN_HOOKS, SYS_openat, {BAD_FD, BAD_POINTER, O_PATH, 0}},
    {"openat2", IN_LOGIN | IN_FILES, SYS_openat2, {BAD_FD, BAD_POINTER, BAD_POINTER, 24}},
#ifdef SYS_open
    {"open", IN_LOGIN_OF_MUSL | IN_BROKER_OF_MUSL, SYS_open, {BAD_POINTER, O_RDONLY, 0}},
    {"creat", 0, SYS_creat, {BAD_POINTER, 0}},
    {"stat", IN_LOGIN_OF_MUSL | IN_FILES_OF_MUSL | IN_BROKER_OF_MUSL, SYS_stat, {BAD_POINTER, BAD_POINTER}},
    {"unlink", 0, SYS_unlink, {BAD_POINTER}},
    {"rename", 0, SYS_rename, {BAD_POINTER, BAD_POINTER}},
    {"mkdir", 0, SYS_mkdir, {BAD_POINTER, 0}},
    {"link", 0, SYS_link, {BAD_POINTER, BAD_POINTER}},
    {"symlink", 0, SYS_symlink, {BAD_POINTER, BAD_POINTER}},
    {"mknod", 0, SYS_mknod, {BAD_POINTER, 0, 0}},
    {"chmod", 0, SYS_chmod, {BAD_POINTER, 0}},
    {"chown", 0, SYS_chown, {BAD_POINTER, 0, 0}},
    {"lchown", 0, SYS_lchown, {BAD_POINTER, 0, 0}},
    {"modify_ldt", 0, SYS_modify_ldt, {0x7f, BAD_POINTER, 0}},
    {"iopl", 0, SYS_iopl, {99}},
    {"ioperm", 0, SYS_ioperm, {0, 0, 0}},
#endif
    {"unlinkat", IN_LOGIN | IN_FILES | IN_HOOKS, SYS_unlinkat, {BAD_FD, BAD_POINTER, 0}},
    {"renameat2", IN_LOGIN | IN_FILES | IN_HOOKS, SYS_renameat2, {BAD_FD, BAD_POINTER, BAD_FD, BAD_POINTER, 0}},
    {"mkdirat", IN_LOGIN | IN_FILES, SYS_mkdirat, {BAD_FD, BAD_POINTER, 0}},
    {"newfstatat", IN_LOGIN | IN_FILES | IN_BROKER, SYS_newfstatat,
	{BAD_FD, BAD_POINTER, BAD_POINTER, AT_SYMLINK_NOFOLLOW}},
    {"statx", 0, SYS_statx, {BAD_FD, BAD_POINTER, AT_EMPTY_PATH, 0x7ff, BAD_POINTER}},
    {"statx: FORCE_SYNC", IN_LOGIN | IN_FILES, SYS_statx,
	{BAD_FD, BAD_POINTER, 0x2000 | AT_EMPTY_PATH, 0x7ff, BAD_POINTER}},
    {"getdents64", IN_LOGIN | IN_FILES, SYS_getdents64, {BAD_FD, BAD_POINTER, 0}},
    {"ftruncate", IN_LOGIN | IN_FILES, SYS_ftruncate, {BAD_FD, 0}},
    {"fchmodat", IN_LOGIN | IN_FILES, SYS_fchmodat, {BAD_FD, BAD_POINTER, 0600}},
    {"fchmodat: set-user-ID", 0, SYS_fchmodat, {BAD_FD, BAD_POINTER, S_ISUID | 0700}},
    {"fchmod: set-user-ID", 0, SYS_fchmod, {BAD_FD, S_ISUID | 0700}},
    {"utimensat", IN_LOGIN | IN_FILES, SYS_utimensat, {BAD_FD, BAD_POINTER, BAD_POINTER, 0}},
    {"copy_file_range", IN_LOGIN | IN_FILES, SYS_copy_file_range, {BAD_FD, BAD_POINTER, BAD_FD, BAD_POINTER, 0, 0}},
    {"fsetxattr", IN_LOGIN | IN_FILES, SYS_fsetxattr, {BAD_FD, BAD_POINTER, BAD_POINTER, 0, 0}},
    {"setxattr", 0, SYS_setxattr, {BAD_POINTER, BAD_POINTER, BAD_POINTER, 0, 0}},
    {"fremovexattr", 0, SYS_fremovexattr, {BAD_FD, BAD_POINTER}},
    {"symlinkat", 0, SYS_symlinkat, {BAD_POINTER, BAD_FD, BAD_POINTER}},
    {"linkat", IN_LOGIN | IN_FILES, SYS_linkat, {BAD_FD, BAD_POINTER, BAD_FD, BAD_POINTER, 0}},
    {"linkat: of a descriptor", 0, SYS_linkat, {BAD_FD, BAD_POINTER, BAD_FD, BAD_POINTER, AT_EMPTY_PATH}},
    {"linkat: through a link", 0, SYS_linkat, {BAD_FD, BAD_POINTER, BAD_FD, BAD_POINTER, AT_SYMLINK_FOLLOW}},
    {"mknodat", 0, SYS_mknodat, {BAD_FD, BAD_POINTER, S_IFCHR, 0}},
    {"fchown", 0, SYS_fchown, {BAD_FD, 0, 0}},
    {"fchownat", 0, SYS_fchownat, {BAD_FD, BAD_POINTER, 0, 0, 0}},
    {"truncate", 0, SYS_truncate, {BAD_POINTER, 0}},
    {"chdir", 0, SYS_chdir, {BAD_POINTER}},
    {"fchdir", IN_LOGIN, SYS_fchdir, {BAD_FD}},
    {"name_to_handle_at", 0, SYS_name_to_handle_at, {BAD_FD, BAD_POINTER, BAD_POINTER, BAD_POINTER, 0}},
    {"open_by_handle_at", 0, SYS_open_by_handle_at, {BAD_FD, BAD_POINTER, 0}},
    {"inotify_init1", 0, SYS_inotify_init1, {-1}},
    {"fanotify_init", 0, SYS_fanotify_init, {-1, -1}},
    /* descriptors */
    {"dup", 0, SYS_dup, {BAD_FD}},
    {"dup3", 0, SYS_dup3, {BAD_FD, BAD_FD, 0}},
    {"fcntl: F_SETOWN", 0, SYS_fcntl, {BAD_FD, F_SETOWN, 0}},
    {"fcntl: F_SETLEASE", 0, SYS_fcntl, {BAD_FD, F_SETLEASE, 0}},
    {"fcntl: F_OFD_SETLK", IN_MONITORS | IN_FILES, SYS_fcntl, {BAD_FD, F_OFD_SETLK, BAD_POINTER}},
    {"fcntl: F_SETLK", 0, SYS_fcntl, {BAD_FD, F_SETLK, BAD_POINTER}},
    {"ioctl: TIOCSTI", 0, SYS_ioctl, {BAD_FD, 0x5412, BAD_POINTER}},
    {"ioctl: FIONREAD", 0, SYS_ioctl, {BAD_FD, 0x541b, BAD_POINTER}},
    {"epoll_create1", 0, SYS_epoll_create1, {-1}},
    {"epoll_ctl", IN_PORTER | IN_BROKER, SYS_epoll_ctl, {BAD_FD, 0, BAD_FD, 0}},
    {"eventfd2", 0, SYS_eventfd2, {0, -1}},
    {"pipe2", IN_LOGIN | IN_FILES, SYS_pipe2, {BAD_POINTER, 0}},
    {"splice", 0, SYS_splice, {BAD_FD, 0, BAD_FD, 0, 1, 0}},
    {"tee", 0, SYS_tee, {BAD_FD, BAD_FD, 1, 0}},
    {"vmsplice", 0, SYS_vmsplice, {BAD_FD, BAD_POINTER, 1, 0}},
    /* identity */
    {"setuid", IN_LOGIN, SYS_setuid, {-1}},
    {"setresuid", IN_LOGIN, SYS_setresuid, {-1, -1, -1}},
    {"setgid", IN_LOGIN, SYS_setgid, {-1}},
    {"setresgid", IN_LOGIN, SYS_setresgid, {-1, -1, -1}},
    {"setfsuid", IN_LOGIN, SYS_setfsuid, {(unsigned)-1}},
    {"setfsgid", IN_LOGIN, SYS_setfsgid, {(unsigned)-1}},
    {"setgroups", IN_LOGIN, SYS_setgroups, {1, BAD_POINTER}},
    {"setreuid", 0, SYS_setreuid, {-1, -1}},
    {"setregid", 0, SYS_setregid, {-1, -1}},
    {"capset", IN_LOGIN, SYS_capset, {BAD_POINTER, BAD_POINTER}},
    {"prctl: PR_SET_NAME", IN_LOGIN, SYS_prctl, {PR_SET_NAME, BAD_POINTER, 0, 0, 0}},
    {"prctl: PR_SET_DUMPABLE", IN_LOGIN, SYS_prctl, {PR_SET_DUMPABLE, 99, 0, 0, 0}},
    {"prctl: PR_SET_KEEPCAPS", 0, SYS_prctl, {PR_SET_KEEPCAPS, 99, 0, 0, 0}},
    {"prctl: PR_SET_MM", 0, SYS_prctl, {PR_SET_MM, 99, 0, 0, 0}},
    {"prctl: PR_SET_PTRACER", 0, SYS_prctl, {PR_SET_PTRACER, NO_PROCESS, 0, 0, 0}},
    {"chroot", IN_LOGIN, SYS_chroot, {BAD_POINTER}},
    /* the walls themselves */
    {"rt_sigaction", 0, SYS_rt_sigaction, {SIGSYS, BAD_POINTER, 0, 8}},
    {"rt_sigprocmask", IN_LOGIN, SYS_rt_sigprocmask, {99, BAD_POINTER, 0, 8}},
    {"sigaltstack", 0, SYS_sigaltstack, {BAD_POINTER, 0}},
    {"seccomp: filter", IN_LOGIN, SYS_seccomp, {1, 0, BAD_POINTER}},
    {"seccomp: strict", 0, SYS_seccomp, {0, 0, 0}},
    {"seccomp: notify", 0, SYS_seccomp, {3, 0, BAD_POINTER}},
    {"landlock_restrict_self", IN_LOGIN, SYS_landlock_restrict_self, {BAD_FD, 0}},
    {"prlimit64", IN_LOGIN, SYS_prlimit64, {0, 99, 0, 0}},
    {"prlimit64: RLIMIT_FSIZE of another", 0, SYS_prlimit64, {NO_PROCESS, RLIMIT_FSIZE, 0, 0}},
    {"setrlimit", 0, SYS_setrlimit, {99, BAD_POINTER}},
    /* the machine */
    {"mount", 0, SYS_mount, {BAD_POINTER, BAD_POINTER, BAD_POINTER, 0, 0}},
    {"umount2", 0, SYS_umount2, {BAD_POINTER, 0}},
    {"pivot_root", 0, SYS_pivot_root, {BAD_POINTER, BAD_POINTER}},
    {"move_mount", 0, SYS_move_mount, {BAD_FD, BAD_POINTER, BAD_FD, BAD_POINTER, 0}},
    {"open_tree", 0, SYS_open_tree, {BAD_FD, BAD_POINTER, 0}},
    {"fsopen", 0, SYS_fsopen, {BAD_POINTER, 0}},
    {"mount_setattr", 0, SYS_mount_setattr, {BAD_FD, BAD_POINTER, 0, BAD_POINTER, 0}},
    {"unshare", 0, SYS_unshare, {0x1}},
    {"setns", 0, SYS_setns, {BAD_FD, 0}},
    {"keyctl", 0, SYS_keyctl, {-1, 0, 0, 0, 0}},
    {"add_key", 0, SYS_add_key, {BAD_POINTER, BAD_POINTER, 0, 0, 0}},
    {"request_key", 0, SYS_request_key, {BAD_POINTER, BAD_POINTER, 0, 0}},
    {"bpf", 0, SYS_bpf, {-1, BAD_POINTER, 0}},
    {"perf_event_open", 0, SYS_perf_event_open, {BAD_POINTER, 0, 0, BAD_FD, 0}},
    {"userfaultfd", 0, SYS_userfaultfd, {-1}},
    {"io_uring_setup", 0, SYS_io_uring_setup, {0, BAD_POINTER}},
    {"io_uring_enter", 0, SYS_io_uring_enter, {BAD_FD, 0, 0, 0, 0, 0}},
    {"io_setup", 0, SYS_io_setup, {0, BAD_POINTER}},
    {"init_module", 0, SYS_init_module, {BAD_POINTER, 0, BAD_POINTER}},
    {"finit_module", 0, SYS_finit_module, {BAD_FD, BAD_POINTER, 0}},
    {"delete_module", 0, SYS_delete_module, {BAD_POINTER, 0}},
    {"kexec_load", 0, SYS_kexec_load, {0, 0, BAD_POINTER, 0}},
    {"reboot", 0, SYS_reboot, {0, 0, 0, 0}},
    {"syslog", 0, SYS_syslog, {99, BAD_POINTER, 0}},
    {"sethostname", 0, SYS_sethostname, {BAD_POINTER, 1}},
    {"clock_settime", 0, SYS_clock_settime, {99, BAD_POINTER}},
    {"adjtimex", 0, SYS_adjtimex, {BAD_POINTER}},
    {"quotactl", 0, SYS_quotactl, {-1, BAD_POINTER, 0, 0}},
    {"swapon", 0, SYS_swapon, {BAD_POINTER, 0}},
    {"acct", 0, SYS_acct, {BAD_POINTER}},
    {"a call of the far future", 0, 1999, {0}},
};

/* ---- forbidden calls ---- */

struct attempt {
	enum sandbox_process process;
	int channel;
	long number;
	const long *args;
};

static void
enter_and_call(const void *arg, pid_t parent)
{
	const struct attempt *attempt = arg;
	const long *a = attempt->args;

	sandbox_report_to(attempt->channel);
	MUST(sandbox_enter(attempt->process, parent) == 0);
	syscall(attempt->number, a[0], a[1], a[2], a[3], a[4], a[5]);
	_exit(SURVIVED);
}

/* True when the call ends the process by SIGSYS, and its alarm names the call. */
static bool
is_stopped(enum sandbox_process process, long number, const long args[6])
{
	struct attempt attempt = {process, -1, number, args};
	static struct ipc_message message;
	int channels[2];
	bool is_reported;
	int status;

	assert_int_equal(ipc_pair(channels, 0), 0);
	attempt.channel = channels[1];
	status = run_in_child(enter_and_call, &attempt);
	is_reported = ipc_receive_now(channels[0], IPC_MONITOR, IPC_STATE_LOGIN, &message) == 0 &&
	    message.kind == IPC_alarm && ipc_get_u32(&message) == (uint32_t)number && ipc_end(&message);
	close_fd(&channels[0]);
	close_fd(&channels[1]);
	return died_by(status, SIGSYS) && is_reported;
}

static void
forbidden_calls_end_the_process(void **state)
{
	unsigned holes = 0;

	(void)state;
	if (skipped_when_widened("forbidden calls"))
		skip();
	for (int process = 0; process < SANDBOX_COUNT; process++) {
		for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
			const struct forbidden *row = &forbidden[i];

			if (row->allowed_in & (1u << process))
				continue;
			if (is_stopped((enum sandbox_process)process, row->number, row->args))
				continue;
			print_message("%s: not stopped: %s\n", process_names[process], row->what);
			holes++;
		}
	}
	assert_int_equal(holes, 0);
}

static bool
has_row(enum sandbox_process process, long number)
{
	struct sandbox_rules lists[SANDBOX_LISTS_MAX];

	rules_of(process, lists);
	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t row = 0; row < lists[list].count; row++) {
			if (lists[list].rows[row].number == number)
				return true;
		}
	}
	for (size_t i = 0; i < rules_newer_count; i++) {
		if (rules_newer[i].number == number)
			return true;
	}
	return false;
}

/* uretprobe and uprobe of x86_64: the kernel shows them to no filter, and sends SIGILL to any other caller. */
static bool
is_hidden_from_filters(long number)
{
#ifdef __x86_64__
	return number == 335 || number == 336;
#else
	(void)number;
	return false;
#endif
}

/* ---- every number, with arguments that fit the rows and with some that do not ---- */

#define WALK_END 600 /* beyond the last number that any kernel knows */
#define WALK_ARGS 6
#define WAS_UNKNOWN 43 /* exit code of a child whose call gave ENOSYS */

/* Numbers that never were, and those of other tables when a bit gets lost. */
static const long odd_numbers[] = {1023, 1024, 1999, 4096, 0x10000, 0x3fffffff, -1};

/* The state of a walker. Each sandbox has one, which forks a child for every call. */
struct walk {
	enum sandbox_process process;
	struct sandbox_rules lists[SANDBOX_LISTS_MAX];
	int channels[2]; /* alarms of the children */
	pid_t walker;
	unsigned tried, wrong;
};

static bool
argument_fits(const struct scmp_arg_cmp *test, const long args[WALK_ARGS])
{
	scmp_datum_t value = (scmp_datum_t)args[test->arg];

	return test->op == SCMP_CMP_EQ ? value == test->datum_a : (value & test->datum_a) == test->datum_b;
}

/* The tables, read as rules.h says: the verdict that the filter must reach. */
static bool
tables_allow(const struct walk *walk, long number, const long args[WALK_ARGS])
{
	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t i = 0; i < walk->lists[list].count; i++) {
			const struct sandbox_rule *row = &walk->lists[list].rows[i];
			bool fits = row->number == number;

			for (unsigned a = 0; fits && a < row->arg_count; a++)
				fits = argument_fits(&row->args[a], args);
			if (fits)
				return true;
		}
	}
	return false;
}

static bool
is_newer(long number)
{
	for (size_t i = 0; i < rules_newer_count; i++) {
		if (rules_newer[i].number == number)
			return true;
	}
	return false;
}

/* These calls run, but the child cannot report that; other tests use them all. */
static bool
ends_or_forks(long number)
{
#ifdef SYS_fork
	if (number == SYS_fork)
		return true;
#endif
	return number == SYS_exit || number == SYS_exit_group || number == SYS_rt_sigreturn || number == SYS_clone;
}

static int
status_of_call(struct walk *walk, long number, const long a[WALK_ARGS])
{
	pid_t child = fork();
	int status;

	MUST(child >= 0);
	if (child == 0) {
		sandbox_report_to(walk->channels[1]);
		MUST(sandbox_enter(walk->process, walk->walker) == 0);
		if (syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 && errno == ENOSYS)
			_exit(WAS_UNKNOWN);
		_exit(SURVIVED);
	}
	MUST(waitpid(child, &status, 0) == child);
	return status;
}

/* Take the child's alarm from the channel; true when there was one, for this call. */
static bool
alarm_names(struct walk *walk, long number)
{
	static struct ipc_message message;

	return ipc_receive_now(walk->channels[0], IPC_MONITOR, IPC_STATE_LOGIN, &message) == 0 &&
	    message.kind == IPC_alarm && ipc_get_u32(&message) == (uint32_t)number && ipc_end(&message);
}

/* One call in one child: the filter stops and reports it, or lets it pass, as the tables say. */
static void
try_call(struct walk *walk, long number, const long args[WALK_ARGS])
{
	bool is_allowed = tables_allow(walk, number, args);
	bool is_known = has_row(walk->process, number);
	const char *wrong = NULL;
	int status;

	if (is_allowed && ends_or_forks(number))
		return;
	status = status_of_call(walk, number, args);
	walk->tried++;
	if (is_allowed)
		wrong = died_by(status, SIGSYS) ? "stopped, against the table" : NULL;
	else if (is_known && is_newer(number) && !died_by(status, SIGSYS))
		wrong = WIFEXITED(status) && WEXITSTATUS(status) == WAS_UNKNOWN ? NULL : "not ENOSYS";
	else if (!died_by(status, SIGSYS))
		wrong = "not stopped";
	else if (!alarm_names(walk, number))
		wrong = "not reported";
	if (wrong == NULL)
		return;
	dprintf(2, "%s: %s: %s(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", process_names[walk->process], wrong,
	    sandbox_syscall_name((uint32_t)number), args[0], args[1], args[2], args[3], args[4], args[5]);
	walk->wrong++;
	(void)alarm_names(walk, number);
}

/* An argument that the test accepts, with as many other bits as possible. */
static long
fitting(const struct scmp_arg_cmp *test)
{
	return (long)(test->op == SCMP_CMP_EQ ? test->datum_a : ~test->datum_a | test->datum_b);
}

/* Each bit that the test looks at, wrong alone, shows a comparison that forgets half of a register. */
static void
violate(struct walk *walk, const struct sandbox_rule *row, const struct scmp_arg_cmp *test, long args[WALK_ARGS])
{
	scmp_datum_t looked_at = test->op == SCMP_CMP_EQ ? ~(scmp_datum_t)0 : test->datum_a;

	for (unsigned bit = 0; bit < 64; bit++) {
		if ((looked_at >> bit & 1) == 0)
			continue;
		args[test->arg] = fitting(test) ^ (long)(1UL << bit);
		try_call(walk, row->number, args);
	}
	args[test->arg] = fitting(test);
}

/* The call as the row has it, and with each of its conditions violated while the others hold. */
static void
try_row(struct walk *walk, const struct sandbox_rule *row)
{
	long args[WALK_ARGS] = {-1, -1, -1, -1, -1, -1};

	for (unsigned a = 0; a < row->arg_count; a++)
		args[row->args[a].arg] = fitting(&row->args[a]);
	try_call(walk, row->number, args);
	for (unsigned a = 0; a < row->arg_count; a++)
		violate(walk, row, &row->args[a], args);
}

static void
try_number(struct walk *walk, long number)
{
	static const long patterns[][WALK_ARGS] = {
	    {-1, -1, -1, -1, -1, -1},
	    {BAD_FD, BAD_POINTER, BAD_POINTER, BAD_POINTER, BAD_POINTER, BAD_POINTER},
	};

	if (is_hidden_from_filters(number))
		return;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		try_call(walk, number, patterns[i]);
}

static void
walk_all_numbers(const void *arg, pid_t parent)
{
	struct walk walk = {.process = *(const enum sandbox_process *)arg, .walker = getpid()};

	(void)parent;
	MUST(ipc_pair(walk.channels, 0) == 0);
	rules_of(walk.process, walk.lists);
	for (long number = 0; number < WALK_END; number++)
		try_number(&walk, number);
	for (size_t i = 0; i < sizeof(odd_numbers) / sizeof(*odd_numbers); i++)
		try_number(&walk, odd_numbers[i]);
	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t i = 0; i < walk.lists[list].count; i++)
			try_row(&walk, &walk.lists[list].rows[i]);
	}
	MUST(walk.tried > WALK_END);
	_exit(walk.wrong == 0 ? 0 : 1);
}

/* The filter lets pass exactly the calls and arguments that the tables allow. */
static void
every_call_does_what_the_tables_say(void **state)
{
	(void)state;
	if (skipped_when_widened("every call"))
		skip();
	for (enum sandbox_process process = 0; process < SANDBOX_COUNT; process++)
		assert_int_equal(run_in_child(walk_all_numbers, &process), 0);
}

static void
try_refused_calls(const void *arg, pid_t parent)
{
	(void)arg;
	(void)parent;
	MUST(sandbox_refuse() == 0);
	for (size_t i = 0; i < rules_refused.count; i++) {
		const struct sandbox_rule *row = &rules_refused.rows[i];
		long args[6] = {BAD_FD, BAD_POINTER, BAD_POINTER, BAD_POINTER, BAD_POINTER, 0};

		for (unsigned a = 0; a < row->arg_count; a++)
			args[row->args[a].arg] =
			    (long)(row->args[a].op == SCMP_CMP_MASKED_EQ ? row->args[a].datum_b : row->args[a].datum_a);
		errno = 0;
		if (syscall(row->number, args[0], args[1], args[2], args[3], args[4], args[5]) != -1 ||
		    errno != EPERM) {
			dprintf(2, "not refused: %s (errno %d)\n", sandbox_syscall_name((uint32_t)row->number), errno);
			_exit(1);
		}
	}
	MUST(getpid() > 0 && access("/", F_OK) == 0); /* all else goes on */
	_exit(0);
}

static void
programs_of_hooks_are_refused_what_they_must_not(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(try_refused_calls, NULL), 0);
	for (size_t i = 0; i < rules_refused.count; i++)
		assert_non_null(rules_refused.rows[i].why);
}

static void
no_list_can_change_a_signal_handler(void **state)
{
	(void)state;
	if (skipped_when_widened("sigaction"))
		skip();
	for (int process = 0; process < SANDBOX_COUNT; process++)
		assert_false(has_row((enum sandbox_process)process, SYS_rt_sigaction));
}

static void
every_row_says_why(void **state)
{
	struct sandbox_rules lists[SANDBOX_LISTS_MAX];

	(void)state;
	for (int process = 0; process < SANDBOX_COUNT; process++) {
		rules_of((enum sandbox_process)process, lists);
		assert_true(lists[2].count > 0);
		for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
			for (size_t row = 0; row < lists[list].count; row++) {
				assert_non_null(lists[list].rows[row].why);
				assert_true(lists[list].rows[row].why[0] != '\0');
			}
		}
	}
}

static void
try_newer_calls(const void *arg, pid_t parent)
{
	MUST(sandbox_enter(*(const enum sandbox_process *)arg, parent) == 0);
	MUST(syscall(SYS_clone3, BAD_POINTER, 0) == -1 && errno == ENOSYS);
	MUST(syscall(SYS_faccessat2, BAD_FD, BAD_POINTER, 0, 0) == -1 && errno == ENOSYS);
	_exit(0);
}

static void
newer_variants_are_unknown(void **state)
{
	(void)state;
	for (enum sandbox_process process = 0; process < SANDBOX_COUNT; process++)
		assert_int_equal(run_in_child(try_newer_calls, &process), 0);
}

#ifdef __x86_64__
#define X32_BIT 0x40000000L

/*
 * The filter ends the process, or SIGSEGV does where the kernel has no such calls; the wrong pointer alone would
 * not.
 */
static void
call_as_i386(long number)
{
	long result = number;

	__asm__ volatile("int $0x80" : "+a"(result) : "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L) : "memory");
}

static void
call_as_x32(long number)
{
	syscall(X32_BIT | number, -1L, -1L, -1L, -1L, -1L, -1L);
}

struct foreign {
	enum sandbox_process process;
	const char *name;
	void (*call)(long number);
};

static void
walk_foreign_numbers(const void *arg, pid_t parent)
{
	const struct foreign *foreign = arg;
	pid_t walker = getpid();
	unsigned wrong = 0;

	(void)parent;
	for (long number = 0; number < WALK_END; number++) {
		pid_t child = fork();
		int status;

		MUST(child >= 0);
		if (child == 0) {
			MUST(sandbox_enter(foreign->process, walker) == 0);
			foreign->call(number);
			_exit(SURVIVED);
		}
		MUST(waitpid(child, &status, 0) == child);
		if (died_by(status, SIGSYS) || (foreign->call == call_as_i386 && died_by(status, SIGSEGV)))
			continue;
		dprintf(
		    2, "%s: %s: call %ld was not stopped\n", process_names[foreign->process], foreign->name, number);
		wrong++;
	}
	_exit(wrong == 0 ? 0 : 1);
}

static void
foreign_architectures_end_the_process(void **state)
{
	(void)state;
	for (enum sandbox_process process = 0; process < SANDBOX_COUNT; process++) {
		struct foreign x32 = {process, "x32", call_as_x32}, i386 = {process, "i386", call_as_i386};

		assert_int_equal(run_in_child(walk_foreign_numbers, &x32), 0);
		assert_int_equal(run_in_child(walk_foreign_numbers, &i386), 0);
	}
}
#endif

/* ---- the report ---- */

static void
die_without_a_report(const void *arg, pid_t parent)
{
	sandbox_report_to(*(const int *)arg);
	MUST(sandbox_enter(SANDBOX_PROTOCOL, parent) == 0);
	syscall(SYS_setsid);
}

static void
dies_when_the_report_cannot_be_sent(void **state)
{
	static const char stuffing[4096];
	int nowhere = -1, bad = 1000000, channels[2];

	(void)state;
	assert_true(died_by(run_in_child(die_without_a_report, &nowhere), SIGSYS));
	assert_true(died_by(run_in_child(die_without_a_report, &bad), SIGSYS));

	assert_int_equal(ipc_pair(channels, 0), 0);
	while (send(channels[1], stuffing, sizeof(stuffing), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	assert_true(died_by(run_in_child(die_without_a_report, &channels[1]), SIGSYS)); /* full */
	close_fd(&channels[0]);
	assert_true(died_by(run_in_child(die_without_a_report, &channels[1]), SIGSYS)); /* gone */
	close_fd(&channels[1]);
}

static void
sent_sigsys(const void *arg, pid_t parent)
{
	(void)arg;
	(void)parent;
	raise(SIGSYS);
}

static void
dies_by_sigsys_without_a_filter_too(void **state)
{
	(void)state;
	assert_true(died_by(run_in_child(sent_sigsys, NULL), SIGSYS));
}

static void
enter_with_a_wrong_parent(const void *arg, pid_t parent)
{
	(void)arg;
	MUST(sandbox_enter(SANDBOX_PROTOCOL, parent + 1) == -ECANCELED);
	MUST(sandbox_enter(SANDBOX_COUNT, parent) == -EINVAL);
	MUST(sandbox_enter(SANDBOX_LOGGER, 0) == 0);
	_exit(0);
}

static void
refuses_to_start_without_its_parent(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(enter_with_a_wrong_parent, NULL), 0);
}

static void
names_calls(void **state)
{
	(void)state;
	assert_string_equal(sandbox_syscall_name(SYS_execve), "execve");
	assert_string_equal(sandbox_syscall_name(1999), "syscall-1999");
	assert_string_equal(sandbox_syscall_name(UINT32_MAX), "syscall-4294967295");
}

/* ---- calls that must go on working ---- */

static void
work_everywhere(const void *arg, pid_t parent)
{
	struct pollfd none = {.fd = -1};
	unsigned char random[8];
	char *memory, *more;

	MUST(sandbox_enter(*(const enum sandbox_process *)arg, parent) == 0);
	for (size_t size = 16; size <= 16u << 20; size *= 4) {
		memory = malloc(size);
		MUST(memory != NULL);
		memset(memory, 1, size);
		more = realloc(memory, size * 2);
		MUST(more != NULL);
		free(more);
	}
	MUST(poll(&none, 1, 1) == 0);
	MUST(getentropy(random, sizeof(random)) == 0);
	MUST(monotonic_ms() > 0);
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, BAD_POINTER) == -1 && errno == EFAULT);
	close(-1);
	_exit(0);
}

static void
every_process_can_allocate_and_wait(void **state)
{
	(void)state;
	for (enum sandbox_process process = 0; process < SANDBOX_COUNT; process++)
		assert_int_equal(run_in_child(work_everywhere, &process), 0);
}

static void
hash_and_fork(const void *arg, pid_t parent)
{
	int status, size = 0;
	void *data = NULL;
	char *setting;
	pid_t child;

	(void)arg;
	MUST(sandbox_enter(SANDBOX_MONITOR_LOGIN, parent) == 0);
	setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
	MUST(setting != NULL);
	MUST(crypt_ra("password", setting, &data, &size) != NULL);
	free(data);
	free(setting);

	child = fork();
	MUST(child >= 0);
	if (child == 0)
		_exit(7);
	MUST(waitpid(child, &status, 0) == child);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	_exit(0);
}

static void
monitor_can_hash_and_fork_before_login(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(hash_and_fork, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forbidden_calls_end_the_process),
	    cmocka_unit_test(every_call_does_what_the_tables_say),
	    cmocka_unit_test(programs_of_hooks_are_refused_what_they_must_not),
	    cmocka_unit_test(no_list_can_change_a_signal_handler),
	    cmocka_unit_test(every_row_says_why),
	    cmocka_unit_test(newer_variants_are_unknown),
#ifdef __x86_64__
	    cmocka_unit_test(foreign_architectures_end_the_process),
#endif
	    cmocka_unit_test(dies_when_the_report_cannot_be_sent),
	    cmocka_unit_test(dies_by_sigsys_without_a_filter_too),
	    cmocka_unit_test(refuses_to_start_without_its_parent),
	    cmocka_unit_test(names_calls),
	    cmocka_unit_test(every_process_can_allocate_and_wait),
	    cmocka_unit_test(monitor_can_hash_and_fork_before_login),
	};

	return cmocka_run_group_tests_name("sandbox", tests, build_filters, NULL);
}
