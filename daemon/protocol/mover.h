/* SPDX-License-Identifier: ISC */
/* Moving the bytes of one transfer between a file, or a listing's pipe, and the data connection. */
#ifndef DAEMON_PROTOCOL_MOVER_H
#define DAEMON_PROTOCOL_MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/protocol/pace.h"
#include "daemon/protocol/stream.h"

struct protocol;

struct mover {
	struct stream stream;
	struct pace pace;
	int fd;			/* the file, or a listing's pipe */
	uint64_t left;		/* RETR: bytes to send */
	uint64_t skip;		/* RETR in TYPE A: bytes of network form that REST leaves out */
	uint64_t since_look;
	bool is_local;		/* the error is the file's */
	bool is_unproven;	/* an upload over TLS that ended without close_notify, and was taken all the same */
	bool held_cr;
	bool has_room;		/* see make_room() */
};

/* Nothing is open, and there is no rate to keep to. */
void mover_init(struct mover *mover);

/*
 * Send the left bytes of the file, all of a listing, or store what the client sends until its end.
 * Returns 0, or -errno: of the file with is_local set, of the connection without; -ECANCELED as watch_fd().
 */
int mover_send_file(struct protocol *protocol, struct mover *mover);
int mover_send_listing(struct protocol *protocol, struct mover *mover);
int mover_receive_file(struct protocol *protocol, struct mover *mover);

/* The end of what was sent: the end of MODE Z, then mover_end_orderly(). 0 or -errno. */
int mover_end_sending(struct protocol *protocol, struct mover *mover);

/*
 * Announce the end to the client, and over TLS wait a moment for its own end. Otherwise what the client has sent
 * makes the kernel answer with a reset, which can overtake our last bytes. 0 or -errno.
 */
int mover_end_orderly(struct protocol *protocol, struct mover *mover);

/*
 * The client may still be sending what was refused. Take it in for a moment: a reset now would
 * reach the client before it reads why.
 */
void mover_discard_rest(struct protocol *protocol, struct mover *mover);

/* Mark error (a -errno) as the file's. Returns it. */
int mover_fail_local(struct mover *mover, int error);

/* Close the uploaded file. A network file system may report only now that a write failed (close(2)). 0 or -errno. */
int mover_close_file(struct mover *mover);

void mover_close(const struct protocol *protocol, struct mover *mover);

/* After a transfer, give the pages of a buffer back of which much was used: most sessions are idle most of the time. */
void mover_forget_buffers(void);

#endif
