/* SPDX-License-Identifier: ISC */
/* What a database can reach that takes sallyport-store over: its own connection, and the files of this connection. */
#ifndef STORE_TOOL_WALLS_H
#define STORE_TOOL_WALLS_H

struct conninfo;

/*
 * Confine this process, before the first byte of a database is read: no capability, no new program, no core. conf: the
 * file of the connection string, in whose directory certificates may be. 0 or -errno.
 */
int store_walls_enter(const char *conf, const struct conninfo *info);

#endif
