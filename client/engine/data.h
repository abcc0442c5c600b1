/* SPDX-License-Identifier: ISC */
/* Data connections: passive or active, in clear or with TLS, for one command each. */
#ifndef CLIENT_ENGINE_DATA_H
#define CLIENT_ENGINE_DATA_H

#include "client/engine/session.h"
#include "client/engine/sink.h"

struct data {
	struct wire wire;
	int listen_fd;	/* active: -1 after accept */
	bool is_connecting;
	union address peer;	/* passive: where it leads; AF_UNSPEC: to the server, by name */
	uint16_t port;
	bool is_by_epsv, is_by_ahead;
	bool is_early;	/* 2yz came at once, before any byte: replies may follow */
	bool is_answered;	/* the final reply has come already */
};

/*
 * Open a data connection and send the command that uses it: REST before it where offset is not 0, EPSV or PASV or
 * EPRT or PORT, then "verb path" (path NULL: verb alone). On failure it leaves nothing open.
 */
enum ftp_class data_begin(struct ftp *ftp, struct data *data, const char *verb, const char *path, uint64_t offset);

/*
 * Receive bytes of a data connection and hand them on in large pieces, until its end or until wanted bytes
 * have come. The function take returns 0, -EFBIG (more than the announced size), -EBADMSG (other bytes than
 * before), or another -errno of the local side.
 */
enum ftp_class data_receive(struct ftp *ftp, struct wire *wire, uint64_t wanted,
    int (*take)(void *context, const char *bytes, size_t len), void *context);

/*
 * The same into the part of a sink, but the kernel moves the bytes: without TLS and text only. moved is called after each
 * piece. FTP_OK before the end, and before wanted bytes have come, where the kernel cannot: data_receive() goes on.
 */
enum ftp_class data_splice(struct ftp *ftp, struct wire *wire, uint64_t wanted, struct sink *sink,
    void (*moved)(void *context), void *context);

/*
 * Tell the server where to connect for the next data connection: EPRT, and PORT where it does not know that. FTP_REFUSED or
 * FTP_TEMPORARY with its reply in ftp->error.
 */
enum ftp_class data_tell_address(struct ftp *ftp, const union address *address);

/* After the last byte: close, and read the final reply. FTP_OK for 2yz. */
enum ftp_class data_end(struct ftp *ftp, struct data *data);

/*
 * The data connection failed, or is no longer needed: reset it, and bring the control connection in step again. An
 * error that the server reports for the cut (quota, disk) replaces that of the connection.
 */
enum ftp_class data_break(struct ftp *ftp, struct data *data, enum ftp_class reason);

#endif
