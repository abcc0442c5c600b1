/* SPDX-License-Identifier: ISC */
/* What a database can reach that takes sallyport-store over: its own connection, and the files of this connection. */
#ifndef STORE_TOOL_WALLS_H
#define STORE_TOOL_WALLS_H

struct conninfo;

/*
 * Confine this process, before the first byte of a database is read: no capability; connections to its ports, and files to
 * read beside conf, in SYSCONFDIR/sallyport/store and among the authorities of the system, by Landlock; the filter of the
 * broker, which speaks with the same library. conf: the file of the connection string, or "-". 0 or -errno.
 */
int store_walls_enter(const char *conf, const struct conninfo *info);

#endif
