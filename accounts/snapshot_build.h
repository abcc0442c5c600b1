/* SPDX-License-Identifier: ISC */
/* Builds a snapshot (snapshot.h): reads the users file, checks every line, and sorts. */
#ifndef ACCOUNTS_SNAPSHOT_BUILD_H
#define ACCOUNTS_SNAPSHOT_BUILD_H

/*
 * Read the users file at path and build its snapshot into memory_fd.
 *
 * path       "": no file, and a snapshot without an account. Else it must be a regular file, owned by root (or by the caller's euid), with no
 *            permission for group and others.
 * memory_fd  from memfd_create(MFD_CLOEXEC | MFD_ALLOW_SEALING); empty; sealed on success.
 * error      called with "PATH:LINE: what is wrong; what would be right" for each bad line
 *            (at most 20), or "PATH: ..." for the file itself.
 *
 * Returns 0 or -errno (-EINVAL: bad lines, duplicate names, bad mode or owner).
 */
int snapshot_build(const char *path, int memory_fd, void (*error)(void *arg, const char *line), void *arg);

/*
 * What goes into a snapshot besides the users file. An account of the file of a further server has a name in full
 * everywhere but in that file, and so has a folder: NAME@SERVER. Clients give the short one.
 */
struct snapshot_basis {
	const char *state_directory;	/* has the names_key.h and hash_costs.h; NULL: neither is wanted */
	const char *runtime_directory;	/* no folder may be at either of the two; NULL: not looked at */
	int former_fd;	/* the snapshot in force, whose key and costs are taken over; -1: none */
	const char *server;	/* the name of the further server whose file it is; NULL or "": that of the main one */
	const char *others;	/* names of servers with files of their own, with ',' between; NULL: none */
};

/*
 * The same for use by a server. A lasting key spreads unknown names over the kinds of hashes, and each kind's cost is
 * measured. That computes a hash of each kind whose cost is not known yet, for five seconds at most.
 */
int snapshot_build_on(const struct snapshot_basis *basis, const char *path, int memory_fd,
    void (*error)(void *arg, const char *line), void *arg);

#endif
