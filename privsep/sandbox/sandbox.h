/* SPDX-License-Identifier: ISC */
/*
 * Walls: seccomp allow-lists, Landlock, chroot, identity drop, limits.
 * Closed when in doubt: every function that fails means "do not run this session".
 */
#ifndef PRIVSEP_SANDBOX_SANDBOX_H
#define PRIVSEP_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One allow-list each. */
enum sandbox_process {
	SANDBOX_PROTOCOL,
	SANDBOX_MONITOR_LOGIN, /* the monitor while it is root: login, fork and walls of files */
	SANDBOX_MONITOR, /* afterwards */
	SANDBOX_FILES,
	SANDBOX_LOGGER,
	SANDBOX_HOOKS,
	SANDBOX_METRICS,
	SANDBOX_PORTER,
	SANDBOX_BROKER,
	SANDBOX_COUNT
};

/*
 * Build every filter with libseccomp and keep it as BPF; probe Landlock and openat2; install
 * the SIGSYS handler. Once, in the master, before any fork.
 *
 * error  called with one line for what is missing.
 *
 * Returns 0 or -errno (no seccomp, no openat2, unknown architecture).
 */
int sandbox_init(void (*error)(void *arg, const char *line), void *arg);

/* The Landlock ABI of the kernel, 0 where it has none. After sandbox_init(). */
int sandbox_landlock_abi(void);

/* Shared libraries that some processes have no use for. */
enum sandbox_library {
	SANDBOX_LIBSECCOMP,
	SANDBOX_LIBCONFUSE,
	SANDBOX_LIBJANSSON,
	SANDBOX_LIBPAM,
	SANDBOX_LIBAUDIT, /* of libpam */
	SANDBOX_LIBSSL,
	SANDBOX_LIBCRYPTO,
	SANDBOX_LIBCRYPT,
	SANDBOX_LIBCAP_NG,
	SANDBOX_LIBRARY_COUNT,
	SANDBOX_SYMBOLS =
	    SANDBOX_LIBRARY_COUNT /* of all and of the program: symbols and relocations, for ld.so alone */
};

/*
 * Libraries that no session calls: filters are exported, configuration and accounts parsed before; only the logger
 * needs JSON. No session looks for a symbol either.
 */
#define SANDBOX_LIBRARIES_OF_MASTER \
	(1U << SANDBOX_LIBSECCOMP | 1U << SANDBOX_LIBCONFUSE | 1U << SANDBOX_LIBJANSSON | 1U << SANDBOX_LIBPAM | \
	    1U << SANDBOX_LIBAUDIT | 1U << SANDBOX_SYMBOLS)

/*
 * Note where the libraries lie. Call it in the master, when it is ready to fork sessions and will load no more
 * libraries. symbols_are_bound: ld.so has resolved all symbols. Otherwise it looks into each library at a first call,
 * so none may be withheld.
 */
void sandbox_slim(bool symbols_are_bound);

/*
 * Children of sandbox_fork() lack these libraries, and no others (bits 1 << enum sandbox_library): code that a
 * process must never run is missing there, and a fork copies that much less (MADV_DONTFORK, madvise(2)). In such a
 * child a call of one of their functions is SIGSEGV. Without sandbox_slim() nothing is withheld.
 */
void sandbox_withhold(uint32_t libraries);

/*
 * fork(2) for a process with one thread that goes on as another part of this program. The child lacks what is
 * withheld. The handlers of libraries (pthread_atfork(3)) do not run, because they would write to pages, which copies
 * them.
 */
pid_t sandbox_fork(void);

/*
 * The same, but the child gets a table of descriptors that ends with last_fd. A fork copies the whole table, and its
 * child then closes most of it, which costs more the more sessions there are. Here parent and child share the table
 * (CLONE_FILES) until the child's first system call, which copies the beginning and leaves the parent's as it is.
 *
 * The parent must keep last_fd open until it knows that the child has its own. The child must ignore what numbers other
 * than 0 to 2 and last_fd lead to: the parent may have changed them meanwhile.
 *
 * Returns the child's process id, 0 in the child, or -1 with errno. A child that cannot have a table of its own ends at
 * once with SANDBOX_EXIT_TABLE, and has touched nothing.
 */
pid_t sandbox_fork_apart(int last_fd);

/* fork(2), and the child has all that this process itself has. */
pid_t sandbox_fork_whole(void);

/* True in builds for sanitizers, whose filters carry the marked extra list. */
bool sandbox_is_widened(void);

/*
 * Set the channel to which the SIGSYS handler of this process reports the call at which it was stopped, as one
 * "alarm" message (privsep/ipc/messages.h); -1: none.
 */
void sandbox_report_to(int channel);

#define SANDBOX_NO_CAPABILITY (-1)

/* The steps of the way behind the walls. Their numbers travel in messages (no_walls). */
enum sandbox_step {
	SANDBOX_STEP_DESCRIPTORS,
	SANDBOX_STEP_LIMITS,
	SANDBOX_STEP_CHROOT,
	SANDBOX_STEP_GROUPS,
	SANDBOX_STEP_AMBIENT,
	SANDBOX_STEP_BOUNDS,
	SANDBOX_STEP_SECUREBITS,
	SANDBOX_STEP_GID,
	SANDBOX_STEP_UID,
	SANDBOX_STEP_CAPABILITIES,
	SANDBOX_STEP_NO_NEW_PRIVS,
	SANDBOX_STEP_LANDLOCK,
	SANDBOX_STEP_DUMPABLE,
	SANDBOX_STEP_PARENT,
	SANDBOX_STEP_FILTER,
	SANDBOX_STEP_SIGNALS,
	SANDBOX_STEP_COUNT
};

/* A step that failed. */
struct sandbox_failure {
	enum sandbox_step step; /* SANDBOX_STEP_COUNT: not known */
	bool lacks_capability; /* that the step takes */
	int error; /* errno */
};

#define SANDBOX_EXIT_WALLS 71 /* exit status of a process whose walls could not be built */
#define SANDBOX_EXIT_TABLE 72 /* of one that could not get a table of descriptors of its own */
#define SANDBOX_ERRNO_MAX 4095 /* as the kernel's own bound */
#define SANDBOX_TEXT_MAX 512

struct ipc_message;

/*
 * The walls cannot be built: send the step that failed last in this process to the channel of sandbox_report_to(), as one
 * "no_walls" message, and end with SANDBOX_EXIT_WALLS.
 */
void sandbox_give_up(void) __attribute__((noreturn));

/* The step that failed last in this process. */
void sandbox_last_failure(struct sandbox_failure *failure);

/* The fields of a no_walls message. False: they are malformed; failure is then an unknown one. */
bool sandbox_get_failure(struct ipc_message *message, struct sandbox_failure *failure);

/* The name of a capability that the server can use, without CAP_. */
const char *sandbox_capability_name(int number);

/* Say which call failed, why, and what would be right. Pure. SANDBOX_TEXT_MAX bytes are enough. */
void sandbox_explain(const struct sandbox_failure *failure, char *text, size_t size);

/* Log it as an alarm of this process. */
void sandbox_log_failure(const char *process, const struct sandbox_failure *failure);

/*
 * Close every descriptor above 2 except those in keep. 0, 1 and 2 stay, so that nothing opened later takes their
 * numbers.
 */
int sandbox_close_all_but(const int *keep, size_t count);

/*
 * Empty the environment and wipe its text, which otherwise stays readable in the memory of
 * every process forked afterwards. Pointers that getenv(3) gave before are void.
 */
void sandbox_clear_environment(void);

/* No core, no new files beyond descriptors, no new processes (per process: see the table in limits.c). 0 or -errno. */
int sandbox_limit(enum sandbox_process process);

/*
 * Empty the bounding set of this process and of all that it forks, once in the master for every session. Permitted
 * capabilities become inheritable, so that the master, and only the master, can execute its own program anew;
 * sandbox_drop_identity() empties that set too. Needs CAP_SETPCAP. 0 or -errno.
 */
int sandbox_empty_bounds(void);

/* True for a process that is not root and has no capability in any of its sets. */
bool sandbox_is_powerless(void);

/* Whether this process may use a capability (CAP_...). */
bool sandbox_has_capability(int capability);

/* fchdir(directory_fd), chroot("."). Needs CAP_SYS_CHROOT. 0 or -errno. */
int sandbox_chroot(int directory_fd);

/*
 * The same into a directory of the user that this process becomes next (sandbox_drop_identity()): with the user's ids
 * as those of the file system where root may not enter. 0 or -errno.
 */
int sandbox_chroot_home(int home_fd, uid_t uid, gid_t gid);

/*
 * Drop to uid and gid for good: groups (only the gid), gid, uid, every capability set and the bounding set empty,
 * no_new_privs; then try to get root back, and abort() if that works. uid and gid must not be 0. 0 or -errno.
 */
int sandbox_drop_identity(uid_t uid, gid_t gid);

/* The same, with further groups: gid among them or not, at most SANDBOX_GROUPS_MAX, and none of them 0. */
#define SANDBOX_GROUPS_MAX 16
int sandbox_drop_identity_with(uid_t uid, gid_t gid, const gid_t *groups, size_t count);

/* The same as sandbox_drop_identity(), but one capability stays (CAP_NET_BIND_SERVICE, for active mode from port 20). */
int sandbox_drop_identity_but(uid_t uid, gid_t gid, int kept);

/*
 * Confine this process to the tree below home_fd (and to nothing of the network, signals and abstract sockets where
 * the ABI knows them). is_read_only: only reading and listing. 0 (also where the kernel has no Landlock) or -errno.
 */
int sandbox_landlock(int home_fd, bool is_read_only);

/* The same for several trees, at most SANDBOX_TREES_MAX. */
struct sandbox_tree {
	int fd;
	bool is_read_only;
};

#define SANDBOX_TREES_MAX 16
int sandbox_landlock_trees(const struct sandbox_tree *trees, size_t count);

/* Would sandbox_landlock_trees() confine a process that may write? Without that, nothing holds it to trees outside its root. */
bool sandbox_landlock_confines_writers(void);

/*
 * Confine a process that speaks with a database: it reads files below the directories alone, and changes none; it makes
 * connections to TCP ports of the list alone (none: to no port), and reaches no abstract socket of a stranger and no
 * signal. Once its identity is dropped. 0 (also where the kernel has no Landlock) or -errno.
 */
int sandbox_landlock_outward(
    const int *directory_fds, size_t directory_count, const uint16_t *ports, size_t port_count);

/*
 * Confine a process that has no file to open by name: it reaches none, nor an abstract socket of a stranger. Protocol,
 * logger, metrics and porter have no TCP port and no signal either; the monitor makes data connections and ends
 * protocol. Once its identity is dropped. 0 (also where the kernel has no Landlock) or -errno.
 */
int sandbox_landlock_nowhere(enum sandbox_process process);

/*
 * Non-dumpable, death signal (SIGKILL when the parent dies; -ECANCELED when it has died
 * already: pass the parent's pid; 0 for a process that outlives it), no_new_privs, then the
 * filter. 0 or -errno.
 */
int sandbox_enter(enum sandbox_process process, pid_t parent);

/* The children that a filter names. The process can end or limit no other process. */
enum sandbox_child { SANDBOX_CHILD_PROTOCOL, SANDBOX_CHILD_PAM, SANDBOX_CHILD_COUNT };

/*
 * sandbox_enter() of a process that may end its own children. children: their ids; 0 for a missing one, on which the
 * filter then allows nothing.
 */
int sandbox_enter_with(enum sandbox_process process, pid_t parent, const pid_t children[SANDBOX_CHILD_COUNT]);

/*
 * For a process that runs other programs, which inherit its walls: no_new_privs, and a filter that refuses (EPERM)
 * what rules_refused lists. 0 or -errno.
 */
int sandbox_refuse(void);

/* The name of a system call, or "syscall-N", into a static buffer. After sandbox_init(), in any process. */
const char *sandbox_syscall_name(uint32_t number);

#endif
