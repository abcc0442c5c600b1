/* SPDX-License-Identifier: ISC */
/*
 * Messages between the processes of one server: SOCK_SEQPACKET socket pairs, fields put and got one by one,
 * descriptors by SCM_RIGHTS. The table of messages.h has all messages.
 *
 * On the wire: u16 kind (IPC_REPLY set in a reply), then the fields; a reply begins with
 * i32 result (0 or -errno). Integers little-endian; text and bytes as u16 length + bytes.
 */
#ifndef PRIVSEP_IPC_IPC_H
#define PRIVSEP_IPC_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "privsep/ipc/messages.h"

#define IPC_MESSAGE_MAX 12288
#define IPC_REPLY 0x8000

/*
 * One message while it is written or read. A writer that runs out of room, or a reader that
 * runs out of bytes, sets bad; getters then give 0 and empty text. bad is checked once: by
 * ipc_send() for a writer, by ipc_end() for a reader.
 */
struct ipc_message {
	enum ipc_kind kind;
	bool is_reply;
	bool bad;
	size_t length, cursor;
	size_t touched;	/* bytes from the front that were used since the last ipc_wipe(); length may be more */
	int fds[IPC_FDS_MAX];	/* the descriptors that came along; owned by the message until taken */
	unsigned fd_count, fds_taken;
	uint8_t bytes[IPC_MESSAGE_MAX];
};

/* A connected pair of close-on-exec channels; waits of both ends are bounded by timeout_s (0: not). 0 or -errno. */
int ipc_pair(int channels[2], unsigned timeout_s);

/* Bound the waits of one end: ipc_send() and ipc_receive() on it give up after timeout_s. 0 or -errno. */
int ipc_bound_waits(int channel, unsigned timeout_s);

/* Forget all bytes of a message that is kept for the next one. */
void ipc_wipe(struct ipc_message *message);

/* Begin a request or notice; begin a reply (result: 0 or -errno) to the kind in hand. */
void ipc_begin(struct ipc_message *message, enum ipc_kind kind);
void ipc_begin_reply(struct ipc_message *message, enum ipc_kind kind, int result);

void ipc_put_u8(struct ipc_message *message, uint8_t value);
void ipc_put_u32(struct ipc_message *message, uint32_t value);
void ipc_put_u64(struct ipc_message *message, uint64_t value);
void ipc_put_bytes(struct ipc_message *message, const void *bytes, size_t len);	/* len at most 65535 */
void ipc_put_text(struct ipc_message *message, const char *text);

uint8_t ipc_get_u8(struct ipc_message *message);
uint32_t ipc_get_u32(struct ipc_message *message);
uint64_t ipc_get_u64(struct ipc_message *message);

/* Bytes of at most max; points into the message until it is used again. */
const void *ipc_get_bytes(struct ipc_message *message, size_t max, size_t *len);

/* Bytes of at most size - 1 without a NUL inside, copied to text with a NUL. */
void ipc_get_text(struct ipc_message *message, char *text, size_t size);

/* True when there are fields after those that were read, none of which was missing. */
bool ipc_has_more(const struct ipc_message *message);

/* True when every field was there, none was too long, and nothing is left over. */
bool ipc_end(const struct ipc_message *message);

/* Take the next descriptor out of the message; -1 when none is left. */
int ipc_take_fd(struct ipc_message *message);

/* Close those that were not taken. */
void ipc_drop_fds(struct ipc_message *message);

/*
 * Send a message; fd (or -1) goes along and stays the caller's.
 * Returns 0, -EPIPE when the other end is gone, -ETIMEDOUT past the channel's bound,
 * -EMSGSIZE for a bad message, or another -errno. Never raises SIGPIPE.
 */
int ipc_send(int channel, const struct ipc_message *message, int fd);

/* ipc_send() without waiting: -EAGAIN when there is no room. */
int ipc_send_now(int channel, const struct ipc_message *message, int fd);

/* The same with several descriptors, at most IPC_FDS_MAX. */
int ipc_send_fds_now(int channel, const struct ipc_message *message, const int *fds, unsigned count);

/*
 * Does the other end leave messages unread? Descriptors that nobody takes out of a channel count against a limit that
 * all processes of a user share (unix(7), ETOOMANYREFS). So a process that answers with a descriptor asks this
 * before.
 *
 * Returns the memory, in bytes, that unread messages occupy, 0 for none, or -errno.
 */
int ipc_unread(int channel);

/*
 * Receive one message and check it against the table.
 *
 * me      the process that runs this; a request must be one that me answers, a reply one
 *         that me asked for.
 * state   the state the session is in; a message out of state is refused.
 *
 * Returns 0; -EPIPE at the end of the channel; -ETIMEDOUT; -EAGAIN (non-blocking channels); -EPROTO for anything that
 * is not in the table, too long, too short, out of state or with another number of descriptors. After -EPROTO the
 * session must end.
 */
int ipc_receive(int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message);

/* The same without waiting, on any channel. */
int ipc_receive_now(int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message);

/* The sender of a message, from the kernel; no sender can choose it. */
struct ipc_sender {
	pid_t pid;
	uid_t uid;
};

/* From now on the kernel notes the sender of each message that is received from channel. 0 or -errno. */
int ipc_name_senders(int channel);

/* ipc_receive_now() for a channel of ipc_name_senders() that carries no descriptors; -EPROTO for a message with some. */
int ipc_receive_from_now(
    int channel, enum ipc_process me, enum ipc_state state, struct ipc_message *message, struct ipc_sender *sender);

/* Check raw bytes as ipc_receive() does; fd_count says how many descriptors came. Pure; for tests and the fuzzer. */
int ipc_decode(const void *bytes, size_t len, unsigned fd_count, enum ipc_process me, enum ipc_state state,
    struct ipc_message *message);

/* The result field of a reply: 0 or -errno; anything else reads as -EPROTO. */
int ipc_get_result(struct ipc_message *message);

const char *ipc_kind_name(enum ipc_kind kind);

#endif
