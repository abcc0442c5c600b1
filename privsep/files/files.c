/* SPDX-License-Identifier: ISC */
/*
 * The files process from fork to end.
 *
 * System calls after the walls are up, with their users:
 *   recvmsg, sendmsg          the channel to the protocol process
 *   openat2                   every path, resolved once from the home
 *   openat                    last components, below a directory that openat2 gave
 *   newfstatat, fstat, statx  (statx where libc has no newfstatat; with FORCE_SYNC: storage.h)
 *   getdents64, readlinkat    listings
 *   lseek, fcntl              restart offset; F_SETFL, F_SETPIPE_SZ, F_OFD_SETLK, F_OFD_GETLK (O_NONBLOCK off, the listing's pipe, handed.h)
 *   read, pread               counting line ends (SIZE in type A), hashes, copies, .message files
 *   fgetxattr, fsetxattr      hashes that were kept
 *   copy_file_range           copies
 *   utimensat, fchmodat       times and modes that the client sets
 *   fstatfs                   room that is left; the kind of storage
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

	if (files_prepare() < 0)
		_exit(FILES_EXIT_WALLS);
	files_enter_walls(session, parent);
	r = files_serve(session);
	_exit(r == 0 ? FILES_EXIT_END : FILES_EXIT_PROTOCOL);
}
