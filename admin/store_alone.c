/* SPDX-License-Identifier: ISC */
/* What one node can find out about a file system: the calls of sallyportd's files process, one after the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "admin/store.h"
#include "common/io.h"
#include "common/libc.h"
#include "privsep/files/rename_new.h"

#include "common/banned.h"

#define CLOCK_SKEW_S 2 /* hashes are kept with times: hash_cache.c */
#define MARK_AT (1LL << 62)
#define CURE_NAMES "no place for homes"
#define CURE_LOCK "uploads of two sessions can mix; mount with locks (NFS: 'local_lock=none', without 'nolock')"
#define CURE_NEW "accounts without 'overwrite' cannot rename there; with 'uploads = in-place' STOU works"

static void
check_exclusive(struct store *store)
{
	int first = store_make(store->dir_fd, "exclusive", ""), second = store_make(store->dir_fd, "exclusive", "");

	store_test(store, first < 0 ? first : 0, "a file can be made", CURE_NAMES);
	store_test(store, store_refused(second, -EEXIST), "a name is made once", CURE_NAMES);
	close_fd(&first);
	close_fd(&second);
}

static int
mark_is_seen(int first, int second)
{
	struct flock mark = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = MARK_AT, .l_len = 1};
	struct flock seen = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = MARK_AT, .l_len = 1};

	if (fcntl(first, F_OFD_SETLK, &mark) < 0 || fcntl(second, F_OFD_GETLK, &seen) < 0)
		return -errno;
	return seen.l_type == F_UNLCK ? -ENOLCK : 0;
}

static void
check_locks(struct store *store)
{
	int first = store_make(store->dir_fd, "locked", "");
	int second = openat(store->dir_fd, "locked", O_WRONLY | O_CLOEXEC);
	int r = store_result(flock(first, LOCK_EX | LOCK_NB));

	if (r == 0)
		r = store_refused(store_result(flock(second, LOCK_EX | LOCK_NB)), -EWOULDBLOCK);
	store_test(store, r, "a locked file is locked for other sessions", CURE_LOCK);
	flock(first, LOCK_UN);
	r = store_result(flock(second, LOCK_EX | LOCK_NB));
	store_test(store, r, "a lock that was given back can be had", CURE_LOCK);
	r = mark_is_seen(first, second);
	store_note(store, r == 0 ? STORE_HOLDS : STORE_NOTE, "the descriptor of an upload can be marked",
	    r == 0 ? "" : strerror(-r),
	    r == 0 ? "" : "uploads are looked at again when their session ends (SECURITY.md)");
	close_fd(&first);
	close_fd(&second);
}

static void
check_replacing(struct store *store)
{
	int dir_fd = store->dir_fd;
	int r = store_put(dir_fd, "partial", "new");

	if (r == 0)
		r = store_put(dir_fd, "finished", "old");
	if (r == 0)
		r = store_result(renameat(dir_fd, "partial", dir_fd, "finished"));
	store_test(store, r, "a rename replaces", CURE_NAMES);
	r = store_put(dir_fd, "partial", "new");
	if (r == 0 && renameat2(dir_fd, "partial", dir_fd, "finished", RENAME_NOREPLACE) == 0)
		store_note(store, STORE_NOTE, "RENAME_NOREPLACE is ignored", "it replaced a file",
		    "sallyportd does not rely on it where FUSE serves the files");
}

/* By the way that needs no flag: wherever there is one, it is the faster way to the same. */
static void
check_not_replacing(struct store *store)
{
	int dir_fd = store->dir_fd;
	int r;

	(void)store_put(dir_fd, "partial", "new");
	(void)store_put(dir_fd, "finished", "old");
	r = store_refused(rename_to_new(dir_fd, "partial", dir_fd, "finished", false), -EEXIST);
	store_test(store, r, "a rename can replace nothing", CURE_NEW);
	r = rename_to_new(dir_fd, "partial", dir_fd, "free", false);
	store_test(store, r, "such a rename takes a free name", CURE_NEW);
	r = store_result(mkdirat(dir_fd, "directory", 0700));
	if (r == 0)
		r = rename_to_new(dir_fd, "directory", dir_fd, "moved", false);
	store_test(store, r, "so it does for a directory", CURE_NEW);
}

/* Was fd written to by the storage's clock between two times of this node, as far as the hashes need it? */
static void
check_clocks(struct store *store, int fd, time_t before, time_t after)
{
	static const char what[] = "the clocks here and at the storage agree";
	char detail[64];
	long long ahead;
	struct stat st;

	if (fstat(fd, &st) < 0) {
		store_test(store, -errno, what, "");
		return;
	}
	ahead = st.st_mtime > after ? st.st_mtime - after : st.st_mtime < before ? st.st_mtime - before : 0;
	if (ahead >= -CLOCK_SKEW_S && ahead <= CLOCK_SKEW_S) {
		store_test(store, 0, what, "");
		return;
	}
	snprintf(detail, sizeof(detail), "the storage's is %lld s %s", ahead < 0 ? -ahead : ahead,
	    ahead < 0 ? "behind" : "ahead");
	store_note(store, STORE_WRONG, what, detail, "set both by NTP: hashes that are kept, and ages, go by them");
}

static void
check_content(struct store *store)
{
	time_t before = time(NULL);
	int fd = store_make(store->dir_fd, "content", "x");
	int r = fd < 0 ? fd : store_result(fsync(fd));

	store_test(store, r, "what is synced is safe",
	    "the storage refuses fsync; uploads end with 451 unless 'upload-sync = no'");
	r = store_result(fsetxattr(fd, "user.sallyport.check", "1", 1, 0));
	store_note(store, r == 0 ? STORE_HOLDS : STORE_NOTE, "attributes are kept", r == 0 ? "" : strerror(-r),
	    r == 0 ? "" : "hashes are computed each time; NFS keeps attributes from 'vers=4.2' on");
	check_clocks(store, fd, before, time(NULL)); /* the storage may have taken its time */
	close_fd(&fd);
}

static void
check_root(struct store *store)
{
	int r;

	if (geteuid() != 0)
		return;
	r = store_result(mkdirat(store->dir_fd, "home", 0700));
	if (r == 0)
		r = store_result(fchownat(store->dir_fd, "home", 1, 1, AT_SYMLINK_NOFOLLOW));
	store_note(store, r == 0 ? STORE_HOLDS : STORE_NOTE, "root can make homes", r == 0 ? "" : strerror(-r),
	    r == 0 ? "" : "root is squashed: make homes at the storage; sessions work");
}

void
store_check_alone(struct store *store)
{
	check_exclusive(store);
	check_locks(store);
	check_replacing(store);
	check_not_replacing(store);
	check_content(store);
	check_root(store);
}
