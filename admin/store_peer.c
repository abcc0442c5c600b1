/* SPDX-License-Identifier: ISC */
/*
 * Two nodes that meet in a directory of the storage that they share, and nowhere else. One makes, the other looks, by
 * steps; then they change places. A step is told by a file, whose name says who has come how far.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/store.h"
#include "common/io.h"
#include "privsep/files/rename_new.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define POLL_MS 20
#define NAME_SIZE 64
#define HOST_SIZE 256
#define END_NAME "end"
#define END_WAIT_MS 10000
#define STOPPED_NAME "stopped" /* by a node that breaks off: the other one removes the folder */
#define STOPPED_WAIT_MS 2000
#define KEPT_MS 1000 /* FUSE has the kernel keep names for so long, unless it is told otherwise */
#define CURE_LOCK \
	"uploads at two nodes can mix; mount with locks of the server (NFS: 'local_lock=none', without 'nolock')"
#define CURE_NAMES "no place for the homes of two nodes"

struct peer {
	struct store *store;
	int dir_fd;
	unsigned self; /* 0 or 1 */
	unsigned step;
	uint64_t looked_ms; /* when this node has last looked at what the other changes next */
	char prefix[16]; /* of the names in this half */
};

/* The name of the file that says that a node has done a step. */
static void
name_step(char name[NAME_SIZE], unsigned node, unsigned step)
{
	snprintf(name, NAME_SIZE, "step-%u-of-%u", step, node);
}

static bool
has_entry(int dir_fd, const char *name)
{
	struct stat st;

	return storage_look(dir_fd, name, &st) == 0;
}

/* In the list of the folder: a look by its name would have the kernel remember that it is not there. */
static bool
folder_lists(int dir_fd, const char *name)
{
	DIR *dir = store_entries(dir_fd);
	const struct dirent *entry = NULL;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL && strcmp(entry->d_name, name) != 0)
		;
	closedir(dir);
	return entry != NULL;
}

/* Say that this node has come so far, and wait until the other one has. 0, -ETIMEDOUT or another -errno. */
static int
meet(struct peer *peer)
{
	uint64_t deadline = monotonic_ms() + STORE_PEER_WAIT_S * 1000ULL;
	char name[NAME_SIZE], own[NAME_SIZE];
	int r;

	name_step(own, peer->self, peer->step);
	r = store_put(peer->dir_fd, own, "");
	if (r < 0)
		return r;
	name_step(name, 1 - peer->self, peer->step++);
	while (!folder_lists(peer->dir_fd, name)) {
		if (store_is_stopped())
			return -EINTR;
		/* or it has removed all by itself */
		if (folder_lists(peer->dir_fd, STOPPED_NAME) || !has_entry(peer->dir_fd, own))
			return -ECONNABORTED;
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, POLL_MS);
	}
	return store_is_stopped() ? -EINTR : 0;
}

/* Leave the folder to the other node, if there is one that removes it. It must not wait for this one. */
static void
break_off(struct peer *peer)
{
	uint64_t deadline = monotonic_ms() + STOPPED_WAIT_MS;
	char other[NAME_SIZE];

	snprintf(other, sizeof(other), "node-%u", 1 - peer->self);
	if (!folder_lists(peer->dir_fd, other) || store_put(peer->dir_fd, STOPPED_NAME, "") < 0)
		return;
	while (folder_lists(peer->dir_fd, STOPPED_NAME) && monotonic_ms() < deadline)
		poll(NULL, 0, POLL_MS);
}

static const char *
own_name(const struct peer *peer, const char *name)
{
	static char ring[4][NAME_SIZE];
	static unsigned next;
	char *out = ring[next++ % 4];

	snprintf(out, NAME_SIZE, "%s-%s", peer->prefix, name);
	return out;
}

static int
look_for(const struct peer *peer, const char *name, struct stat *st)
{
	return storage_look(peer->dir_fd, own_name(peer, name), st);
}

/* --- the node that makes --- */

static int
make_all(struct peer *peer)
{
	int dir_fd = peer->dir_fd;
	int fd = store_make(dir_fd, own_name(peer, "partial"), "partial");
	int r = fd < 0 ? fd : store_result(flock(fd, LOCK_EX | LOCK_NB));

	if (r == 0)
		r = meet(peer); /* 1: a locked partial is there */
	if (r == 0)
		r = meet(peer); /* 2: the other has seen it */
	if (r == 0)
		r = store_result(renameat(dir_fd, own_name(peer, "partial"), dir_fd, own_name(peer, "finished")));
	close_fd(&fd);
	if (r == 0)
		r = meet(peer); /* 3: it is a finished file, and free */
	if (r == 0)
		r = meet(peer); /* 4 */
	if (r == 0)
		r = store_put(dir_fd, own_name(peer, "new"), "new");
	if (r == 0)
		r = store_put(dir_fd, own_name(peer, "finished"), "longer than before");
	if (r == 0)
		r = meet(peer); /* 5: a name that was looked for in vain; a file that grew */
	if (r == 0)
		r = meet(peer); /* 6 */
	if (r == 0)
		r = store_result(unlinkat(dir_fd, own_name(peer, "new"), 0));
	if (r == 0)
		r = meet(peer); /* 7: it is gone */
	return r;
}

/* --- the node that looks --- */

static void
look_at_lock(struct peer *peer, int *fd)
{
	int again = store_make(peer->dir_fd, own_name(peer, "partial"), "");
	struct stat st;
	int r = look_for(peer, "partial", &st);

	peer->looked_ms = monotonic_ms();
	*fd = openat(peer->dir_fd, own_name(peer, "partial"), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	store_test(
	    peer->store, store_refused(again, -EEXIST), "a name of the other node is not made again", CURE_NAMES);
	close_fd(&again);
	if (r == 0 && *fd < 0)
		r = -ENOENT;
	if (r == 0)
		r = store_refused(store_result(flock(*fd, LOCK_EX | LOCK_NB)), -EWOULDBLOCK);
	store_test(peer->store, r, "a file that the other node has locked is locked", CURE_LOCK);
	r = store_put(peer->dir_fd, own_name(peer, "taken"), "");
	if (r == 0)
		r = store_refused(rename_to_new(peer->dir_fd, own_name(peer, "taken"), peer->dir_fd,
				      own_name(peer, "partial"), false),
		    -EEXIST);
	store_test(peer->store, r, "a rename that must not replace finds its file", CURE_NAMES);
}

/* A name that is kept for a second is looked up again after that: a stale one is seen in that time alone. */
static void
note_slow(struct peer *peer)
{
	uint64_t passed_ms = monotonic_ms() - peer->looked_ms;
	char detail[64];

	if (passed_ms < KEPT_MS)
		return;
	peer->store->is_slow = true;
	snprintf(detail, sizeof(detail), "%llu ms from one look to the next", (unsigned long long)passed_ms);
	store_note(peer->store, STORE_NOTE, "the nodes were slow", detail,
	    "names that are kept for a second go unnoticed; run it again when the storage is idle");
}

/* The partial has become the finished file: the loss of an APPE that takes it for the partial still. */
static void
look_at_finished(struct peer *peer, int fd)
{
	struct stat st;
	int r = store_result(flock(fd, LOCK_EX | LOCK_NB));

	store_test(peer->store, r, "a lock that the other node gave back can be had", CURE_LOCK);
	note_slow(peer);
	r = store_refused(look_for(peer, "partial", &st), -ENOENT);
	store_test(peer->store, r, "a file that the other node renamed is not found by its old name", STORE_CURE_LOOK);
	r = look_for(peer, "finished", &st);
	if (r == 0 && st.st_size != (off_t)strlen("partial"))
		r = -ESTALE;
	store_test(peer->store, r, "it is found by its new name", STORE_CURE_LOOK);
	store_test(peer->store, store_refused(look_for(peer, "new", &st), -ENOENT), "what is not there is not found",
	    STORE_CURE_LOOK);
}

static void
look_at_change(struct peer *peer)
{
	char content[64] = "";
	struct stat st;
	int fd;
	int r = look_for(peer, "new", &st);

	store_test(peer->store, r, "a new file of the other node is found, where there was none", STORE_CURE_LOOK);
	r = look_for(peer, "finished", &st);
	if (r == 0 && st.st_size != (off_t)strlen("longer than before"))
		r = -ESTALE;
	store_test(peer->store, r, "a file that the other node wrote to has its new size", STORE_CURE_LOOK);
	fd = openat(peer->dir_fd, own_name(peer, "finished"), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	if (r == 0 && (io_read_all(fd, content, sizeof(content) - 1) < 0 || strcmp(content, "longer than before") != 0))
		r = -ESTALE;
	close_fd(&fd);
	store_test(peer->store, r, "and its new content", STORE_CURE_LOOK);
}

static int
look_all(struct peer *peer)
{
	struct stat st;
	int fd = -1;
	int r = meet(peer); /* 1 */

	if (r == 0)
		look_at_lock(peer, &fd);
	if (r == 0)
		r = meet(peer); /* 2 */
	if (r == 0)
		r = meet(peer); /* 3 */
	if (r == 0)
		look_at_finished(peer, fd);
	close_fd(&fd);
	if (r == 0)
		r = meet(peer); /* 4 */
	if (r == 0)
		r = meet(peer); /* 5 */
	if (r == 0)
		look_at_change(peer);
	if (r == 0)
		r = meet(peer); /* 6 */
	if (r == 0)
		r = meet(peer); /* 7 */
	if (r == 0)
		store_test(peer->store, store_refused(look_for(peer, "new", &st), -ENOENT),
		    "a file that the other node removed is gone", STORE_CURE_LOOK);
	return r;
}

/* Who makes "node-0" is that one; the other makes "node-1". Each writes who it is. */
static int
take_place(struct peer *peer)
{
	char host[HOST_SIZE] = "", name[NAME_SIZE];

	(void)gethostname(host, sizeof(host) - 1);
	for (peer->self = 0; peer->self < 2; peer->self++) {
		int fd;

		snprintf(name, sizeof(name), "node-%u", peer->self);
		fd = store_make(peer->dir_fd, name, host);
		if (fd != -EEXIST) {
			int r = fd < 0 ? fd : 0;

			close_fd(&fd);
			return r;
		}
	}
	return -EUSERS;
}

static void
note_other(const struct peer *peer)
{
	char host[HOST_SIZE] = "", name[NAME_SIZE];
	int fd;

	snprintf(name, sizeof(name), "node-%u", 1 - peer->self);
	fd = openat(peer->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && io_read_all(fd, host, sizeof(host) - 1) >= 0)
		store_note(peer->store, STORE_NOTE, "the other node", host, "");
	close_fd(&fd);
}

/* Tell who came first what else is to be done. */
static void
say_wait(const struct peer *peer)
{
	if (peer->self == 0)
		fprintf(stderr,
		    "sallyportctl: waiting for the other node; run the same command there, within %d seconds\n",
		    STORE_PEER_WAIT_S);
}

int
store_check_with_peer(struct store *store)
{
	struct peer peer = {.store = store, .dir_fd = store->dir_fd};
	int r = take_place(&peer);

	store->keeps_folder = r == -EUSERS; /* it belongs to others */
	if (r == 0) {
		say_wait(&peer);
		r = meet(&peer);
	}
	if (r == 0)
		note_other(&peer);
	for (unsigned half = 0; r == 0 && half < 2; half++) {
		snprintf(peer.prefix, sizeof(peer.prefix), "half-%u", half);
		r = half == peer.self ? make_all(&peer) : look_all(&peer);
		if (r == 0)
			r = meet(&peer);
	}
	if (r == -EINTR)
		break_off(&peer);
	/* the first one removes the folder, once the second has nothing more to see there */
	if (r == 0 && peer.self == 1)
		store->keeps_folder = store_put(peer.dir_fd, END_NAME, "") == 0;
	for (unsigned waited_ms = 0;
	     r == 0 && peer.self == 0 && !folder_lists(peer.dir_fd, END_NAME) && waited_ms < END_WAIT_MS;
	     waited_ms += POLL_MS)
		poll(NULL, 0, POLL_MS);
	return r;
}
