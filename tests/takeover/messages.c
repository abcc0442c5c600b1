/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/password.h"
#include "common/home_path.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/proxy_header.h"
#include "privsep/tls/sign_scheme.h"
#include "tests/takeover/takeover.h"

#include "common/banned.h"

#define ANSWER_MS 50 /* a later answer is read with the next one */
#define WIRE_MAX (IPC_MESSAGE_MAX + 64)
#define REPLY_OK_LEN 4 /* the result of a reply */

/* The forms of a message whose kind is allowed on a channel. A message of any other kind has the first form. */
enum form {
	FORM_ZEROS, /* as short as allowed: every number 0, every text empty, which leaves bytes over */
	FORM_ONES, /* as short as allowed: every number its largest, every text longer than the message */
	FORM_LONGEST, /* as long as allowed, one text in it that claims a little less than what is there */
	FORM_TEXT, /* as long as allowed, of letters */
	FORM_SHORT, /* a byte too short */
	FORM_LONG, /* a byte too long */
	FORM_REPLY, /* a reply to a question that was never asked */
	FORM_FAILED, /* the same, with a result that is no error */
	FORM_DESCRIPTOR, /* one descriptor */
	FORM_DESCRIPTORS, /* nine descriptors */
	FORM_COUNT
};

static const char *const form_names[FORM_COUNT] = {
    "zeros", "ones", "longest", "text", "short", "long", "reply", "failed", "descriptor", "descriptors"};

static const struct row {
	const char *name;
	unsigned from, to;
	size_t request_min, request_max, reply_min;
} rows[IPC_KIND_COUNT] = {
#define X(name, from, to, states, request, reply, fd) \
	[IPC_##name] = {#name, (from), (to), SHAPE_MIN(request), SHAPE_MAX(request), SHAPE_MIN(reply)},
    IPC_MESSAGES(X)
#undef X
};

/* A number that no kind has. */
static const struct row no_row = {"none", 0, 0, 0, 0, IPC_NOTICE};

static uint8_t wire[WIRE_MAX];

static unsigned
forms_of(unsigned kind, enum ipc_process from, enum ipc_process to)
{
	if (kind >= IPC_KIND_COUNT)
		return FORM_COUNT;
	return (rows[kind].from & from) != 0 && (rows[kind].to & to) != 0 ? FORM_COUNT : 1;
}

unsigned
messages_count(enum ipc_process from, enum ipc_process to)
{
	unsigned count = 0;

	for (unsigned kind = 0; kind <= IPC_KIND_COUNT; kind++)
		count += forms_of(kind, from, to);
	return count;
}

/* Write the message as bytes; returns its length. */
static size_t
make(unsigned kind, enum form form)
{
	const struct row *row = kind < IPC_KIND_COUNT ? &rows[kind] : &no_row;
	bool is_reply = form == FORM_REPLY || form == FORM_FAILED;
	size_t head = is_reply ? 2 + REPLY_OK_LEN : 2, size = row->request_min;

	if (form == FORM_LONGEST || form == FORM_TEXT)
		size = row->request_max;
	if (form == FORM_SHORT && size > 0)
		size--;
	if (form == FORM_LONG)
		size = row->request_max + 1;
	if (is_reply)
		size = row->reply_min == IPC_NOTICE ? 0 : row->reply_min;
	if (size > sizeof(wire) - head)
		size = sizeof(wire) - head;
	memset(wire, form == FORM_ONES ? 0xff : form == FORM_TEXT ? 'a' : 0, sizeof(wire));
	wire[0] = (uint8_t)kind;
	wire[1] = (uint8_t)(kind >> 8 | (is_reply ? IPC_REPLY >> 8 : 0));
	if (form == FORM_FAILED)
		wire[2] = 1;
	if (form == FORM_LONGEST && size > 3) {
		wire[head] = (uint8_t)(size - 3);
		wire[head + 1] = (uint8_t)((size - 3) >> 8);
	}
	return head + size;
}

/* sendmsg() only for descriptors: not every process may call it. */
static ssize_t
send_wire(int channel, size_t len, unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE((IPC_FDS_MAX + 1) * sizeof(int))];
	} control;
	struct iovec part = {.iov_base = wire, .iov_len = len};
	struct msghdr header = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = CMSG_SPACE(fd_count * sizeof(int))};

	if (fd_count == 0)
		return send(channel, wire, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	memset(&control, 0, sizeof(control)); /* descriptor 0, which every process has */
	control.header = (struct cmsghdr){
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(fd_count * sizeof(int))};
	return sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
report_answer(int channel, struct report *report)
{
	static struct ipc_message answer;
	struct iovec part = {.iov_base = answer.bytes, .iov_len = sizeof(answer.bytes)};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	struct pollfd wait = {.fd = channel, .events = POLLIN};
	ssize_t n;

	if (poll(&wait, 1, ANSWER_MS) <= 0) {
		report_add(report, "no answer; ");
		return;
	}
	n = recvmsg(channel, &header, MSG_DONTWAIT);
	report_add(report, n > 0 ? "answered; " : "the channel ended; ");
}

int
messages_send(int channel, enum ipc_process from, enum ipc_process to, unsigned number, struct report *report)
{
	unsigned kind = 0;
	enum form form;
	ssize_t n;

	while (number >= forms_of(kind, from, to))
		number -= forms_of(kind++, from, to);
	form = (enum form)number;
	report_add(report, "%s %s: ", kind < IPC_KIND_COUNT ? rows[kind].name : no_row.name, form_names[form]);
	n = send_wire(channel, make(kind, form),
	    form == FORM_DESCRIPTOR        ? 1
		: form == FORM_DESCRIPTORS ? IPC_FDS_MAX + 1
					   : 0);
	if (n < 0) {
		report_add(report, "%s; ", errno_name(errno));
		return -errno;
	}
	report_answer(channel, report);
	return 0;
}
