/* SPDX-License-Identifier: ISC */
/* store check: what holds on the file system of a directory, for one server and for two. */
#ifndef ADMIN_STORE_H
#define ADMIN_STORE_H

#include <dirent.h>
#include <stdbool.h>

#define STORE_PEER_WAIT_S 120 /* for the other node, at each step */
#define STORE_CURE_LOOK \
	"finished files can be lost; NFS: 'lookupcache=none'; GlusterFS and FUSE: entry-, attribute- and negative-timeout 0, and " \
	"'gluster volume set VOLUME performance.stat-prefetch off'"

struct json_t;

enum store_verdict {
	STORE_HOLDS,
	STORE_WRONG,
	STORE_NOTE, /* worth knowing, and no fault */
};

struct store {
	int dir_fd; /* the folder of the check, open for reading */
	struct json_t *rows; /* what was found, in order */
	bool is_wrong; /* some row is */
	bool keeps_folder; /* others work in it, or remove it */
	bool is_slow; /* what a kernel keeps for a second could have gone unnoticed */
	const char *doubt; /* static; what the options of the mount do not show. NULL: they show all */
};

/* Note what was found: what is meant, in words; detail and cure may be "". */
void store_note(
    struct store *store, enum store_verdict verdict, const char *what, const char *detail, const char *cure);

/* The same of a test. r: 0, it holds; -errno, why not; STORE_DONE, a call did what it had to refuse. */
void store_test(struct store *store, int r, const char *what, const char *cure);

#define STORE_DONE 1

/* r when it is 0 or -errno of a call that must fail with wanted: 0, it did; STORE_DONE; or r. */
int store_refused(int r, int wanted);

/* The result of a call, -1 or not, as 0 or -errno. */
int store_result(int result);

/* Make an empty file, or one with that content, for reading and writing. A descriptor or -errno. */
int store_make(int dir_fd, const char *name, const char *content);

/* The same, closed; what lies there is replaced. 0 or -errno. */
int store_put(int dir_fd, const char *name, const char *content);

/* The entries of a directory that is open for reading, from the first one. NULL: errno. */
DIR *store_entries(int dir_fd);

/* From now on SIGINT, SIGTERM and SIGHUP are only noted. */
void store_take_stop_signals(void);

/* The signal that came, if one did, takes its course: call it when the folder is gone. */
void store_end_by_signal(void);

/* Has SIGINT, SIGTERM or SIGHUP come? Then the check is to end, and to remove what it has made. */
bool store_is_stopped(void);

/* What one node can find out alone. */
void store_check_alone(struct store *store);

/*
 * Meet the same command on another node in the folder, and find out what each sees of the other. 0, or -errno when there
 * was nobody (-ETIMEDOUT), or the other one stopped answering; what was found until then is noted. -EINTR:
 * store_is_stopped(); -ECONNABORTED: so it is at the other node.
 */
int store_check_with_peer(struct store *store);

#endif
