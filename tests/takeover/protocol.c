/* SPDX-License-Identifier: ISC */
/* protocol, before and after login: SITE TAKEOVER line. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/session.h"
#include "privsep/tls/sign_scheme.h"
#include "tests/takeover/takeover.h"

#include "common/banned.h"

#define BLOCK 65536
#define UPLOADS 3
#define MORE_BLOCKS 64
#define FLOOD_WAIT_MS 1000	/* on a busy machine the reader waits, too */

/* Send it to the client past the control stream, since an act may never return. */
static void
say(struct protocol *protocol, const char *text)
{
	char line[REPORT_MAX + 8];
	int len = snprintf(line, sizeof(line), "200-%s\r\n", text);

	(void)!send(protocol->control.stream.fd, line, (size_t)len, MSG_NOSIGNAL);
}

/* listen: get a listening socket from the monitor. */
static void
act_listen(struct protocol *protocol, char *line, struct report *report)
{
	union address bound;
	bool was_ahead;
	int fd = -1;
	int r = ask_monitor_listen(protocol, &bound, &fd, &was_ahead);

	(void)line;
	errno = -r;
	report_result(report, "listen", r < 0 ? r : fd);
}

/* listen_ahead: get as many listening sockets as there are in one answer. */
static void
act_listen_ahead(struct protocol *protocol, char *line, struct report *report)
{
	static struct ipc_message message;

	(void)line;
	ipc_begin(&message, IPC_listen_ahead);
	ipc_put_u8(&message, IPC_FDS_MAX);
	if (ipc_send(protocol->monitor_channel, &message, -1) == 0 &&
	    ipc_receive(protocol->monitor_channel, IPC_PROTOCOL, protocol->state, &message) == 0)
		report_add(report, "listeners: %u; ", message.fd_count);
}

/* connect HOST PORT: get a connection from the monitor. */
static void
act_connect(struct protocol *protocol, char *line, struct report *report)
{
	const char *host = next_word(&line), *port = next_word(&line);
	union address target;
	int fd = -1, r;

	if (port == NULL || address_parse(host, &target) < 0)
		return;
	address_set_port(&target, (uint16_t)strtol(port, NULL, 10));
	r = ask_monitor_connect(protocol, &target, &fd);
	errno = -r;
	report_result(report, "connect", r < 0 ? r : fd);
}

/* Send a message over and over, and read no answer, until the channel has taken none for a while. */
static unsigned
flood(int channel, const struct ipc_message *message, unsigned max)
{
	unsigned sent = 0;

	while (sent < max) {
		struct pollfd wait = {.fd = channel, .events = POLLOUT};

		if (ipc_send_now(channel, message, -1) == 0)
			sent++;
		else if (poll(&wait, 1, FLOOD_WAIT_MS) <= 0 || (wait.revents & (POLLHUP | POLLERR)) != 0)
			break;
	}
	return sent;
}

/*
 * hoard KIND COUNT: ask for descriptors (listen, listen_ahead, open_read) or for nothing (pace), never read, and
 * stay.
 */
static void
act_hoard(struct protocol *protocol, char *line, struct report *report)
{
	const char *kind = next_word(&line), *count = next_word(&line);
	int channel = protocol->monitor_channel;
	static struct ipc_message message;

	if (count == NULL)
		return;
	if (strcmp(kind, "open_read") == 0) {
		channel = protocol->files_channel;
		ipc_begin(&message, IPC_open_read);
		ipc_put_u64(&message, 0);
		ipc_put_text(&message, "/file");
	} else if (strcmp(kind, "pace") == 0) {
		ipc_begin(&message, IPC_pace);
		ipc_put_u8(&message, 0);
		ipc_put_u32(&message, 1);
	} else {
		ipc_begin(&message, strcmp(kind, "listen") == 0 ? IPC_listen : IPC_listen_ahead);
		ipc_put_u8(&message, strcmp(kind, "listen") == 0 ? 0 : IPC_FDS_MAX);
	}
	report_add(report, "sent: %u; ", flood(channel, &message, (unsigned)strtoul(count, NULL, 10)));
	say(protocol, report->text);
	for (;;)
		poll(NULL, 0, 1000);
}

/* sign SERVER: ask for a signature of a handshake with the key of this server. */
static void
act_sign(struct protocol *protocol, char *line, struct report *report)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	static struct ipc_message message;
	const char *server = next_word(&line);
	uint8_t text[64 + sizeof(context) + 32];

	if (server == NULL)
		return;
	memset(text, ' ', 64);
	memcpy(text + 64, context, sizeof(context));
	memset(text + 64 + sizeof(context), 0x5a, 32);
	ipc_begin(&message, IPC_sign);
	ipc_put_u8(&message, (uint8_t)strtol(server, NULL, 10));
	ipc_put_u8(&message, SIGN_ECDSA_SHA256);
	ipc_put_bytes(&message, text, sizeof(text));
	if (ipc_send(protocol->monitor_channel, &message, -1) < 0 ||
	    ipc_receive(protocol->monitor_channel, IPC_PROTOCOL, protocol->state, &message) < 0)
		return;
	errno = -ipc_get_result(&message);
	report_result(report, "sign", errno == 0 ? 0 : -1);
}

/* noted EVENT TEXT: send a note with any text. */
static void
act_noted(struct protocol *protocol, char *line, struct report *report)
{
	const char *event = next_word(&line);

	if (event == NULL)
		return;
	tell_monitor_noted(protocol, (enum ipc_noted_event)strtol(event, NULL, 10), line);
	report_add(report, "noted; ");
}

/* logflood COUNT: send this many messages full of transfers that did not happen. */
static void
act_logflood(struct protocol *protocol, char *line, struct report *report)
{
	const char *count = next_word(&line);
	static struct ipc_message message;

	if (count == NULL)
		return;
	ipc_begin(&message, IPC_transferred);
	while (message.length < 7900) {
		ipc_put_u8(&message, DIRECTION_DOWN);
		ipc_put_u8(&message, 0);
		ipc_put_u64(&message, 1);
		ipc_put_u64(&message, 1);
		ipc_put_u32(&message, 0);
		ipc_put_text(&message, "/x");
	}
	report_add(
	    report, "sent: %u; ", flood(protocol->monitor_channel, &message, (unsigned)strtoul(count, NULL, 10)));
}

/* forge: report a transfer whose path has the end of a line in it, and another session's words. */
static void
act_forge(struct protocol *protocol, char *line, struct report *report)
{
	(void)line;
	tell_monitor_transferred(protocol, DIRECTION_UP, 1, 1, 0,
	    "/x\" session=0123456789abcdef\n2026-01-01T00:00:00.000Z sallyportd[1]: critical forged "
	    "forged=\"yes\x1b[31m");
	tell_monitor_due(protocol);
	report_add(report, "forged; ");
}

/* claims: write bytes that no reader of the board should pass on unchanged. */
static void
act_claims(struct protocol *protocol, char *line, struct report *report)
{
	static const char text[] = "<script>alert(1)</script>\"'&\x1b[31m\xc2\x9b\xff\nname{x=\"1\"} 1";
	struct claims *claims = protocol->session->claims;

	(void)line;
	memset(claims->path, 'A', sizeof(claims->path));
	memcpy(claims->path, text, sizeof(text) - 1);
	memset(claims->verb, '<', sizeof(claims->verb));
	memset(claims->tls, '"', sizeof(claims->tls));
	claims->sequence = 2;
	claims->direction = DIRECTION_DOWN;
	claims->activity = UINT32_MAX;
	claims->bytes_done = UINT64_MAX;
	claims->size = UINT64_MAX - 1;
	claims->began_ms = UINT64_MAX;
	memset(&claims->work, 0xff, sizeof(claims->work));
	report_add(report, "claimed; ");
	say(protocol, report->text);
	for (;;)
		poll(NULL, 0, 1000);
}

/* busy: claim for ever that the last bytes of an upload are on their way. */
static void
act_busy(struct protocol *protocol, char *line, struct report *report)
{
	(void)line;
	report_add(report, "busy; ");
	say(protocol, report->text);
	for (;;) {
		claim(protocol->session->claims, CLAIM_FINISH, UINT64_MAX);
		poll(NULL, 0, 50);
	}
}

static int
open_upload(struct protocol *protocol, const char *name, int *fd)
{
	char stored[NAME_MAX + 1];
	struct home_path path;
	uint64_t start;

	if (home_path_resolve(&protocol->cwd, name, strlen(name), &path) < 0)
		return -EINVAL;
	return ask_files_open_write(protocol, &path, STORE_REPLACE, 0, &start, stored, fd);
}

/* keep NAME: keep the descriptor of an upload, and write to it after the upload's end. The session may end first. */
static void
act_keep(struct protocol *protocol, char *line, struct report *report)
{
	static const char before[] = "as it was", after[] = "CHANGED AFTERWARDS";
	const char *name = next_word(&line);
	struct quota_told told;
	int fd = -1;

	if (name == NULL || open_upload(protocol, name, &fd) < 0)
		return;
	(void)!write(fd, before, sizeof(before) - 1);
	(void)!ask_files_finish_write(protocol, true, &told);
	errno = 0;
	report_result(report, "write", write(fd, after, sizeof(after) - 1));
}

/* Write until the kernel refuses, and no grant follows. Returns the bytes. */
static uint64_t
fill(struct protocol *protocol, int fd)
{
	static char block[BLOCK];
	uint64_t total = 0;
	ssize_t n;

	for (;;) {
		n = write(fd, block, sizeof(block));
		if (n > 0)
			total += (uint64_t)n;
		else if (errno != EFBIG || ask_files_grow_write(protocol) < 0)
			return total;
	}
}

/* overquota: make uploads as large as the kernel lets them be, and write on after they are finished. */
static void
act_overquota(struct protocol *protocol, char *line, struct report *report)
{
	static const char *const names[UPLOADS] = {"/q0", "/q1", "/q2"};
	static char block[BLOCK];
	struct quota_told told;
	uint64_t total = 0;
	int fds[UPLOADS];

	(void)line;
	for (int i = 0; i < UPLOADS && open_upload(protocol, names[i], &fds[i]) == 0; i++) {
		total += fill(protocol, fds[i]);
		report_add(report, "wrote: %llu; ", (unsigned long long)total);
		say(protocol, report->text);
		(void)!ask_files_finish_write(protocol, true, &told);
		for (int kept = 0; kept <= i; kept++)
			(void)!write(fds[kept], block, sizeof(block));
	}
}

/* The bytes of an answer, as far as they can be printed. */
static void
report_bytes(struct report *report, const char *name, const void *bytes, size_t len)
{
	const unsigned char *byte = bytes;

	report_add(report, "%s: ", name);
	for (size_t i = 0; i < len; i++)
		report_add(report, "%c", byte[i] > ' ' && byte[i] < 0x7f ? byte[i] : ' ');
	report_add(report, "; ");
}

/* Read a listing from its pipe, and end it. */
static void
take_list(struct protocol *protocol, int fd, struct report *report)
{
	static struct ipc_message message;
	static char names[REPORT_MAX / 2];
	ssize_t n = io_read_all(fd, names, sizeof(names));

	report_bytes(report, "names", names, n < 0 ? 0 : (size_t)n);
	ipc_begin(&message, IPC_list_end);
	if (ipc_send(protocol->files_channel, &message, -1) == 0)
		(void)!ipc_receive(protocol->files_channel, IPC_PROTOCOL, IPC_STATE_READY, &message);
}

/*
 * ask REQUEST PATH [PATH]: send files a request that no command of the client would lead to, and report its answer. What
 * comes before the paths is what asks for most; before that of restore, an id.
 */
static void
act_ask(struct protocol *protocol, char *line, struct report *report)
{
	static struct ipc_message message;
	const char *name = next_word(&line), *path = next_word(&line), *second = next_word(&line);
	unsigned kind = 0;
	int fd;

	while (kind < IPC_KIND_COUNT && (name == NULL || strcmp(ipc_kind_name(kind), name) != 0))
		kind++;
	if (kind == IPC_KIND_COUNT || path == NULL)
		return;
	ipc_begin(&message, kind);
	switch (kind) {
	case IPC_facts:
		ipc_put_u8(&message, 0xff);
		break;
	case IPC_open_read:
	case IPC_set_time:
		ipc_put_u64(&message, 0);
		break;
	case IPC_open_write:
		ipc_put_u8(&message, STORE_REPLACE);
		ipc_put_u64(&message, 0);
		break;
	case IPC_list:
		ipc_put_u8(&message, LIST_NAMES);
		ipc_put_u8(&message, 0);
		ipc_put_u8(&message, 0);
		ipc_put_u32(&message, 0);
		break;
	case IPC_hash:
		ipc_put_u8(&message, 0);
		ipc_put_u64(&message, 0);
		ipc_put_u64(&message, UINT64_MAX);
		break;
	case IPC_set_mode:
		ipc_put_u32(&message, 0777);
		break;
	case IPC_partials:
		ipc_put_u8(&message, 1);
		break;
	default:
		break;
	}
	ipc_put_text(&message, path);
	if (second != NULL)
		ipc_put_text(&message, second);
	if (ipc_send(protocol->files_channel, &message, -1) < 0 ||
	    ipc_receive(protocol->files_channel, IPC_PROTOCOL, IPC_STATE_READY, &message) < 0)
		return;
	errno = -ipc_get_result(&message);
	report_result(report, name, errno == 0 ? 0 : -1);
	if (kind == IPC_partials)
		report_bytes(report, "names", message.bytes, message.length);
	fd = ipc_take_fd(&message);
	if (kind == IPC_list && fd >= 0)
		take_list(protocol, fd, report);
	close_fd(&fd);
}

/*
 * crossquota LIMITED REQUEST PATH: begin an upload that the quota bounds, have files change another tree with the request, and
 * write on.
 */
static void
act_crossquota(struct protocol *protocol, char *line, struct report *report)
{
	static char block[BLOCK];
	const char *limited = next_word(&line);
	uint64_t after = 0;
	int fd = -1;
	ssize_t n;

	if (limited == NULL || open_upload(protocol, limited, &fd) < 0)
		return;
	report_add(report, "wrote: %llu; ", (unsigned long long)fill(protocol, fd));
	act_ask(protocol, line, report);
	for (int i = 0; i < MORE_BLOCKS && (n = write(fd, block, sizeof(block))) > 0; i++)
		after += (uint64_t)n;
	report_add(report, "after: %llu; ", (unsigned long long)after);
}

/* login NAME PASSWORD SERVER: ask for a login with any name of a server, whatever the client has said. */
static void
act_login(struct protocol *protocol, char *line, struct report *report)
{
	const char *name = next_word(&line), *password = next_word(&line), *server = next_word(&line);
	static struct ipc_message message;

	if (server == NULL)
		return;
	ipc_begin(&message, IPC_login);
	ipc_put_u8(&message, 0);
	ipc_put_text(&message, name);
	ipc_put_bytes(&message, password, strlen(password));
	ipc_put_text(&message, server);
	if (ipc_send(protocol->monitor_channel, &message, -1) < 0 ||
	    ipc_receive(protocol->monitor_channel, IPC_PROTOCOL, IPC_STATE_ANY, &message) < 0)
		return;
	errno = -ipc_get_result(&message);
	report_result(report, "login", errno == 0 ? 0 : -1);
	ipc_drop_fds(&message);
}

/* message monitor|files NUMBER: send a hostile message. "count" instead of a number reports how many there are. */
static void
act_message(struct protocol *protocol, char *line, struct report *report)
{
	const char *to = next_word(&line), *number = next_word(&line);
	bool is_files = to != NULL && strcmp(to, "files") == 0;
	enum ipc_process process = is_files ? IPC_FILES : IPC_MONITOR;

	if (number == NULL)
		return;
	if (strcmp(number, "count") == 0)
		report_add(report, "count: %u; ", messages_count(IPC_PROTOCOL, process));
	else
		(void)!messages_send(is_files ? protocol->files_channel : protocol->monitor_channel, IPC_PROTOCOL,
		    process, (unsigned)strtoul(number, NULL, 10), report);
}

/* channels: report the descriptors of this process's channels and of its client. */
static void
act_channels(struct protocol *protocol, char *line, struct report *report)
{
	(void)line;
	report_add(report, "monitor: %d; files: %d; client: %d; ", protocol->monitor_channel, protocol->files_channel,
	    protocol->control.stream.fd);
}

static void
run(struct protocol *protocol, char *line, struct report *report)
{
	static const struct {
		const char *name;
		void (*run)(struct protocol *protocol, char *line, struct report *report);
	} acts[] = {
	    {"listen", act_listen},
	    {"listen_ahead", act_listen_ahead},
	    {"connect", act_connect},
	    {"hoard", act_hoard},
	    {"noted", act_noted},
	    {"sign", act_sign},
	    {"logflood", act_logflood},
	    {"forge", act_forge},
	    {"claims", act_claims},
	    {"busy", act_busy},
	    {"keep", act_keep},
	    {"overquota", act_overquota},
	    {"crossquota", act_crossquota},
	    {"login", act_login},
	    {"message", act_message},
	    {"ask", act_ask},
	    {"channels", act_channels},
	};
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strlen(acts[i].name) == len && strncmp(acts[i].name, line, len) == 0) {
			(void)!next_word(&line);
			acts[i].run(protocol, line, report);
			return;
		}
	if (!act(line, report))
		report_add(report, "no such act; ");
}

void
takeover_protocol(struct protocol *protocol, char *line)
{
	static struct report report;
	char nothing[] = "";

	report = (struct report){.len = 0};
	run(protocol, line == NULL ? nothing : line, &report);
	reply_begin(protocol, 200, "Taken over:");
	reply_line(protocol, "%s", report.text);
	reply(protocol, 200, "End");
}
