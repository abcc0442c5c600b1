/* SPDX-License-Identifier: ISC */
/*
 * The files process from fork to end.
 *
 * System calls after the walls are up, with their users:
 *   recvmsg, sendmsg          the channel to the protocol process
 *   openat2                   every path, resolved once from the home
 *   openat                    last components, below a directory that openat2 gave
 *   newfstatat, fstat, statx  (statx where libc has no newfstatat)
 *   getdents64, readlinkat    listings
 *   lseek, fcntl              restart offset; F_SETFL, F_SETPIPE_SZ, F_OFD_SETLK, F_OFD_GETLK (O_NONBLOCK off, the listing's pipe, handed.h)
 *   read, pread               counting line ends (SIZE in type A), hashes, copies, .message files
 *   fgetxattr, fsetxattr      hashes that were kept
 *   copy_file_range           copies
 *   utimensat, fchmodat       times and modes that the client sets
 *   fstatfs                   room that is left
 *   pipe2, write              listings; copies
 *   flock, ftruncate, fchmod, fsync, renameat2, renameat, unlinkat, mkdirat   uploads and changes
 *   mmap, munmap              names to sort (anonymous, never executable, at most 32 MiB at a time)
 *   clock_gettime             where the vDSO has no clock
 *   close, exit_group, rt_sigreturn, getpid, sendto   ends; the SIGSYS report
 */
#include "privsep/files/files.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privsep/files/answer.h"
#include "privsep/files/digest.h"
#include "privsep/files/partial_name.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/*
 * The session ends when the channel does: nobody's Ctrl-C or drain may cut a running transfer
 * short, and a pipe whose reader is gone is an error of write. Blocked instead of ignored:
 * the filter that is inherited from the monitor knows no sigaction.
 */
static int
signals_settle(void)
{
	static const int blocked[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&set, blocked[i]);
	return sigprocmask(SIG_SETMASK, &set, NULL) < 0 ? -errno : 0;
}

/* From root with everything the monitor had to the user, locked in the home. */
static int
walls_raise(const struct files_session *session, pid_t parent)
{
	const int kept[] = {
	    session->home_fd, session->protocol_channel, session->monitor_channel, session->quota_slot_fd};
	int r;

	sandbox_report_to(session->monitor_channel);
	r = sandbox_close_all_but(kept, sizeof(kept) / sizeof(kept[0]));
	if (r == 0)
		r = sandbox_limit(SANDBOX_FILES);
	if (r == 0)
		r = sandbox_chroot_home(session->home_fd, session->uid, session->gid);
	if (r == 0)
		r = sandbox_drop_identity(session->uid, session->gid);
	if (r == 0)
		r = sandbox_landlock(session->home_fd, (session->rights & MAY_CHANGE) == 0);
	if (r == 0)
		r = signals_settle();
	umask(0);	/* modes are results, not wishes */
	if (r == 0)
		r = sandbox_enter(SANDBOX_FILES, parent);
	return r;
}

int
files_prepare(void)
{
	int r = partial_name_init();

	return r < 0 ? r : digest_init();
}

void
files_run(const struct files_session *session)
{
	pid_t parent = getppid();
	int r;

	if (files_prepare() < 0 || walls_raise(session, parent) < 0)
		_exit(FILES_EXIT_WALLS);
	r = files_serve(session);
	_exit(r == 0 ? FILES_EXIT_END : FILES_EXIT_PROTOCOL);
}
