/* SPDX-License-Identifier: ISC */
/* store.conf and admin.conf (sallyport-store.conf(5)): how a program reaches the database of the accounts. */
#ifndef STORE_STORE_CONF_H
#define STORE_STORE_CONF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STORE_CONF_MAX 65536		/* bytes of the file */
#define STORE_CONNECT_MAX 4096		/* bytes of a connection string */
#define STORE_CONNECTIONS_MAX 16
#define STORE_GRACE_MAX_S (30ULL * 86400)
#define STORE_NODE_MAX 253		/* bytes of a node's name */
#define STORE_READERS_ROOT ((gid_t)0)

struct buf;

struct store_conf {
	char *connect;		/* a connection string of libpq; see conninfo.h; never NULL after a load */
	uint32_t connections;
	uint64_t grace_s;	/* 0: an answer is never used again */
	char *node;		/* "": the host's name */
};

/*
 * Parse the text of such a file. Pure but for libconfuse's static scanner: one at a time in a process.
 *
 * path     for the errors.
 * text     is changed: comments become blanks.
 * problem  on -EINVAL: one line for each error, "FILE:LINE: KEY: what is wrong; what would be right", ended by '\n'.
 *
 * Returns 0, and the caller frees conf with store_conf_free(); -EINVAL or -ENOMEM.
 */
int store_conf_parse(const char *path, char *text, size_t len, struct store_conf *conf, struct buf *problem);

/*
 * Read and parse the file at path. Only root can put another one there, and it belongs to root.
 *
 * readers  the group that may read it besides root: that of broker-user. STORE_READERS_ROOT: root alone (a file of the
 *          caller's own is taken too).
 * problem  as store_conf_parse(); also what is wrong with the file itself.
 *
 * Returns 0 or -errno.
 */
int store_conf_load(const char *path, gid_t readers, struct store_conf *conf, struct buf *problem);

/* Wipe and free what the members hold. */
void store_conf_free(struct store_conf *conf);

#endif
