/* SPDX-License-Identifier: ISC */
/*
 * Calls for every process: those of libc itself and for sending to a peer. Newer calls that libc can do without, and
 * those that a sanitizer adds.
 */
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define FUTEX_CALL(op) ARGS(IS_BUT(1, op, FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))

static const struct sandbox_rule common_rows[] = {
    {SYS_mmap, ARGS(HAS_NONE(2, PROT_EXEC), HAS_ALL(3, MAP_PRIVATE | MAP_ANONYMOUS)),
	"malloc; never executable, never a file"},
    {SYS_mprotect, ARG_HAS_NONE(2, PROT_EXEC), "malloc; never executable"},
    {SYS_munmap, ANY_ARGS, "free"},
    {SYS_mremap, ANY_ARGS, "realloc"},
    {SYS_madvise, ANY_ARGS, "free"},
    {SYS_brk, ANY_ARGS, "malloc"},
    {SYS_futex, FUTEX_CALL(FUTEX_WAIT), "locks of libc and OpenSSL"},
    {SYS_futex, FUTEX_CALL(FUTEX_WAKE), "locks of libc and OpenSSL"},
    {SYS_futex, FUTEX_CALL(FUTEX_WAIT_BITSET), "locks of libc and OpenSSL"},
    {SYS_futex, FUTEX_CALL(FUTEX_WAKE_BITSET), "locks of libc and OpenSSL"},
    {SYS_getrandom, ANY_ARGS, "random numbers; seeds of OpenSSL"},
    {SYS_clock_gettime, ANY_ARGS, "deadlines, where the vDSO cannot answer"},
    {SYS_gettimeofday, ANY_ARGS, "as clock_gettime"},
    {SYS_getpid, ANY_ARGS, "OpenSSL looks whether it was forked"},
    {SYS_close, ANY_ARGS, "descriptors that were handed over"},
    {SYS_sendto, SEND_TO_PEER, "messages without descriptors, replies, log lines; the report of the SIGSYS handler"},
    {SYS_rt_sigreturn, ANY_ARGS, "the end of a signal handler"},
    {SYS_restart_syscall, ANY_ARGS, "a poll that was stopped and continued"},
    {SYS_exit_group, ANY_ARGS, "the end"},
    {SYS_exit, ANY_ARGS, "the end"},
};

const struct sandbox_rules rules_common = {common_rows, sizeof(common_rows) / sizeof(*common_rows)};

/* NEWER: libc falls back to an older call on ENOSYS, and the older call is judged by the list. */
const struct sandbox_newer rules_newer[] = {
    {SYS_clone3, "fork and threads fall back to clone"},
    {SYS_faccessat2, "faccessat falls back to fstatat"},
#ifdef SYS_fchmodat2
    {SYS_fchmodat2, "fchmodat falls back to /proc, then fails"},
#endif
    {SYS_rseq, "threads do without"},
};

const size_t rules_newer_count = sizeof(rules_newer) / sizeof(*rules_newer);

#ifdef SALLYPORT_SANITIZE
/* SANITIZER: reading /proc/self/maps, printing a report with a stack, ending. Never in a release build. */
static const struct sandbox_rule sanitizer_rows[] = {
    {SYS_mmap, ANY_ARGS, "shadow memory, files with symbols"},
    {SYS_mprotect, ANY_ARGS, "shadow memory"},
    {SYS_rt_sigaction, ANY_ARGS, "the handlers of a report"},
    {SYS_rt_sigprocmask, ANY_ARGS, "abort"},
    {SYS_sigaltstack, ANY_ARGS, "the end of a thread"},
    {SYS_openat, ANY_ARGS, "/proc/self/maps, suppressions"},
#ifdef SYS_open
    {SYS_open, ANY_ARGS, "/proc/self/maps"},
    {SYS_readlink, ANY_ARGS, "/proc/self/exe"},
    {SYS_stat, ANY_ARGS, "files with symbols"},
    {SYS_pipe, ANY_ARGS, "is this address readable?"},
#endif
    {SYS_pipe2, ANY_ARGS, "is this address readable?"},
    {SYS_readlinkat, ANY_ARGS, "/proc/self/exe"},
    {SYS_newfstatat, ANY_ARGS, "files with symbols"},
    {SYS_fstat, ANY_ARGS, "files with symbols"},
    {SYS_lseek, ANY_ARGS, "files with symbols"},
    {SYS_read, ANY_ARGS, "/proc/self/maps"},
    {SYS_write, ANY_ARGS, "the report"},
    {SYS_writev, ANY_ARGS, "the report"},
    {SYS_ioctl, ANY_ARGS, "is the report going to a terminal?"},
    {SYS_dup, ANY_ARGS, "the report"},
    {SYS_prlimit64, ANY_ARGS, "the size of the stack"},
    {SYS_gettid, ANY_ARGS, "the report"},
    {SYS_tgkill, ANY_ARGS, "abort"},
    {SYS_kill, ANY_ARGS, "abort"},
    {SYS_prctl, ANY_ARGS, "the name of the process"},
    {SYS_sched_yield, ANY_ARGS, "spin locks"},
    {SYS_sched_getaffinity, ANY_ARGS, "number of processors"},
    {SYS_sysinfo, ANY_ARGS, "size of memory"},
    {SYS_uname, ANY_ARGS, "the report"},
    {SYS_getuid, ANY_ARGS, "the report"},
};

const struct sandbox_rules rules_sanitizer = {sanitizer_rows, sizeof(sanitizer_rows) / sizeof(*sanitizer_rows)};
#else
const struct sandbox_rules rules_sanitizer = {NULL, 0};
#endif

void
rules_of(enum sandbox_process process, struct sandbox_rules lists[SANDBOX_LISTS_MAX])
{
	for (size_t i = 0; i < SANDBOX_LISTS_MAX; i++)
		lists[i] = (struct sandbox_rules){NULL, 0};
	lists[0] = rules_common;
	lists[1] = rules_sanitizer;

	switch (process) {
	case SANDBOX_PROTOCOL:
		lists[2] = rules_protocol;
		break;
	case SANDBOX_MONITOR_LOGIN:
		/*
		 * Filters stack: a filter that is loaded later, here or in a child, gets no call that is missing
		 * here.
		 */
		lists[2] = rules_monitor_login;
		lists[3] = rules_monitor;
		lists[4] = rules_files;
		break;
	case SANDBOX_MONITOR:
		lists[2] = rules_monitor;
		break;
	case SANDBOX_FILES:
		lists[2] = rules_files;
		break;
	case SANDBOX_LOGGER:
		lists[2] = rules_logger;
		break;
	case SANDBOX_HOOKS:
		lists[2] = rules_hooks;
		break;
	case SANDBOX_METRICS:
		lists[2] = rules_metrics;
		break;
	case SANDBOX_PORTER:
		lists[2] = rules_porter;
		break;
	case SANDBOX_BROKER:
		lists[2] = rules_broker;
		break;
	case SANDBOX_COUNT:
		break;
	}
}
