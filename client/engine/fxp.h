/* SPDX-License-Identifier: ISC */
/* From one server to another: directly between the two (FXP), or through this machine. */
#ifndef CLIENT_ENGINE_FXP_H
#define CLIENT_ENGINE_FXP_H

#include "client/engine/ftp.h"

struct ftp_copy {
	const char *from, *to;	/* the file at either server */
	bool is_relayed;	/* the bytes pass this machine */
	enum ftp_verify verify;	/* compare hashes, where both servers have one in common */
};

/*
 * Copy a file of the server from to the server to. It arrives under a temporary name, and gets its own when its size, and its
 * hash where both servers have one, are those of the source. Errors are those of the handle from, and say which server refused
 * what. The bytes go in clear only where one of the servers has no TLS and the options allow plain text.
 */
enum ftp_class ftp_copy_file(struct ftp *from, struct ftp *to, const struct ftp_copy *copy, struct ftp_result *result);

#endif
