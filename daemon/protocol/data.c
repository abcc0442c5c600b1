/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/data.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/io.h"
#include "common/proxy_header.h"
#include "daemon/protocol/ahead.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/watch.h"

#include "common/banned.h"

#define PORT_RESERVED_BELOW 1024

/* Do the data connections of this session come from its proxy? */
static bool
data_passes_proxy(const struct protocol *protocol)
{
	return protocol->session->proxy.family != AF_UNSPEC && protocol->config->proxy_data != PROXY_DATA_DIRECT;
}

static uint64_t
connect_ms(const struct protocol *protocol)
{
	return 1000ULL * protocol->config->timeouts.data_connect_s;
}

int
data_left_ms(const struct protocol *protocol)
{
	return protocol->data_mode == DATA_PASSIVE ? deadline_left_ms(protocol->listen_until_ms, monotonic_ms()) : -1;
}

void
data_expire(struct protocol *protocol)
{
	struct pollfd wait = {.fd = protocol->listen_fd, .events = POLLIN};

	if (data_left_ms(protocol) != 0)
		return;
	/* a client that connects at once and sends its command later */
	if (poll(&wait, 1, 0) > 0 && (wait.revents & POLLIN) != 0)
		protocol->listen_until_ms = monotonic_ms() + connect_ms(protocol);
	else
		data_forget(protocol);
}

void
data_forget(struct protocol *protocol)
{
	close_fd(&protocol->listen_fd);
	protocol->ahead.current.uses = 0;
	protocol->data_mode = DATA_NONE;
}

/* Somebody else came to a port: whoever looks for ports finds those that are announced again. */
static void
note_guess(struct protocol *protocol)
{
	protocol->ahead.was_guessed = true;
	ahead_forget(protocol);
}

/*
 * A client that came before the port was announced for this transfer has guessed it, so it is a stranger, whatever its
 * address. The port is given up with all that wait there, also where that cannot be seen. False: nobody waits.
 */
static bool
refuse_early(struct protocol *protocol)
{
	int fd = accept4(protocol->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && errno == EAGAIN)
		return false;
	data_forget(protocol);
	note_guess(protocol);
	if (fd >= 0)
		tell_monitor_noted(
		    protocol, NOTED_DATA_REFUSED, "a stranger on a passive port that was not announced yet");
	close_fd(&fd);
	return true;
}

int
data_listen(struct protocol *protocol, union address *bound)
{
	bool was_ahead;
	int r;

	data_forget(protocol);
	do
		r = ask_monitor_listen(protocol, bound, &protocol->listen_fd, &was_ahead);
	while (r == 0 && was_ahead && refuse_early(protocol)); /* in the end, one that nobody can know */
	if (r == 0) {
		uint64_t now = monotonic_ms();

		protocol->data_mode = DATA_PASSIVE;
		protocol->listen_until_ms = now + connect_ms(protocol);
		protocol->ahead.until_ms = now + LISTENER_MS;
		protocol->data_listening = *bound;
	}
	return r;
}

void
data_expect_next(struct protocol *protocol)
{
	protocol->ahead.is_expected = protocol->data_mode == DATA_PASSIVE && protocol->ahead.passive_transfers++ > 0;
}

void
data_prepare_next(struct protocol *protocol)
{
	if (protocol->ahead.is_expected)
		ask_monitor_listen_ahead(protocol);
	protocol->ahead.is_expected = false;
}

int
data_set_target(struct protocol *protocol, const union address *target)
{
	char text[ADDRESS_TEXT_MAX], detail[ADDRESS_TEXT_MAX + 64];

	data_forget(protocol);
	if (address_same_host(&protocol->session->peer, target) && address_port(target) >= PORT_RESERVED_BELOW) {
		protocol->data_target = *target;
		protocol->data_mode = DATA_ACTIVE;
		return 0;
	}
	protocol->refused_data++;
	address_text(target, text);
	snprintf(detail, sizeof(detail), "PORT to %s port %u", text, address_port(target));
	tell_monitor_noted(protocol, NOTED_DATA_REFUSED, detail);
	return -EACCES;
}

/* Only the first stranger of a port gets a line of the log, so that strangers cannot fill it. */
static void
refuse_stranger(struct protocol *protocol, const union address *peer, unsigned before)
{
	char text[ADDRESS_TEXT_MAX], detail[ADDRESS_TEXT_MAX + 64];

	if (before > 0)
		return;
	address_text(peer, text);
	snprintf(detail, sizeof(detail), "stranger %s on a passive port", text);
	tell_monitor_noted(protocol, NOTED_DATA_REFUSED, detail);
}

/*
 * Read the header of a connection that a proxy has made. peer becomes the address that the header names.
 *
 * Returns 0; -ENOMSG for a health check; -EPERM without a header, which is logged once per port; -errno of watch_fd().
 */
static int
read_told_peer(struct protocol *protocol, int fd, uint64_t deadline, unsigned before, union address *peer)
{
	uint64_t own_deadline = monotonic_ms() + PROXY_HEADER_MS;
	struct proxy_reader reader = {.len = 0};
	struct proxy_header header;
	char text[ADDRESS_TEXT_MAX], detail[ADDRESS_TEXT_MAX + 128];
	int r;

	if (own_deadline > deadline)
		own_deadline = deadline;
	while ((r = proxy_header_read(fd, &reader, &header)) == -EAGAIN) {
		r = watch_fd(protocol, fd, POLLIN, own_deadline);
		if (r == -ETIMEDOUT && own_deadline < deadline)
			break;
		if (r < 0)
			return r;
	}
	if (r == 0 && header.told == PROXY_TOLD_CLIENT)
		*peer = header.source;
	if ((r == 0 && header.told == PROXY_TOLD_LOCAL) || r == -EPIPE || (r == -ECONNRESET && reader.len == 0))
		return -ENOMSG; /* HAProxy ends a check of a port with a reset */
	if (r == 0)
		return 0;
	address_text(peer, text);
	snprintf(detail, sizeof(detail), "proxy %s on a passive port, without a PROXY header: %s", text,
	    r == -EBADMSG ? proxy_fault_text(header.fault) : strerror(-r));
	if (before == 0)
		tell_monitor_noted(protocol, NOTED_DATA_REFUSED, detail);
	return -EPERM;
}

/*
 * Is a connection on the announced port the client's own? Behind a proxy the header says so. With proxy-data =
 * "through" there is none, and each connection of the proxy counts.
 *
 * peer  the address that has connected; replaced by what a header names.
 *
 * Returns 0; -EACCES for a stranger; -ENOMSG and -EPERM as of read_told_peer(); -errno of watch_fd().
 */
static int
check_data_peer(struct protocol *protocol, int fd, uint64_t deadline, unsigned before, union address *peer)
{
	const struct protocol_session *session = protocol->session;
	bool passes_proxy = data_passes_proxy(protocol);
	int r;

	if (passes_proxy && !config_is_proxy(protocol->config, peer))
		return -EACCES;
	if (passes_proxy && protocol->config->proxy_data == PROXY_DATA_THROUGH)
		return 0; /* what it proves, tls.require-data-reuse has to */
	if (passes_proxy) {
		r = read_told_peer(protocol, fd, deadline, before, peer);
		if (r < 0)
			return r;
	}
	return address_same_host(peer, &session->peer) ? 0 : -EACCES;
}

/*
 * Accept one connection. Returns 0 with the client's own in fd_out; -EAGAIN when none waits, or it was somebody else's
 * and is closed; another -errno ends the wait.
 */
static int
accept_one_peer(struct protocol *protocol, uint64_t deadline, unsigned *strangers, int *fd_out)
{
	union address peer;
	socklen_t len = sizeof(peer);
	int fd, r;

	memset(&peer, 0, sizeof(peer));
	fd = accept4(protocol->listen_fd, &peer.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
		return -EAGAIN;
	if (fd < 0)
		return errno == EINVAL ? -ESTALE : -errno;	/* the monitor took it back */
	r = check_data_peer(protocol, fd, deadline, *strangers, &peer);
	if (r == 0) {
		*fd_out = fd;
		return 0;
	}
	if (r == -EACCES)
		refuse_stranger(protocol, &peer, *strangers);
	*strangers += r == -EACCES || r == -EPERM;
	close_fd(&fd);
	return r == -EACCES || r == -EPERM || r == -ENOMSG ? -EAGAIN : r;
}

/*
 * Accept until the client's own connection comes; strangers are closed and the port goes on listening. A port counts
 * against the session once, and only when the client itself did not come: else a stranger could end its session.
 */
static int
accept_client(struct protocol *protocol, uint64_t deadline, int *fd_out)
{
	unsigned strangers = 0;
	int r;

	while ((r = accept_one_peer(protocol, deadline, &strangers, fd_out)) == -EAGAIN) {
		/* after a stranger, too: ABOR and the end of the session are seen while others knock */
		r = watch_fd(protocol, protocol->listen_fd, POLLIN, deadline);
		if (r < 0)
			break;
	}
	protocol->refused_data += r < 0 && strangers > 0;
	if (strangers > 0)
		note_guess(protocol);
	return r;
}

static int
connect_client(struct protocol *protocol, uint64_t deadline, int *fd_out)
{
	int error = 0;
	socklen_t len = sizeof(error);
	int fd = -1;
	int r = ask_monitor_connect(protocol, &protocol->data_target, &fd);

	if (r == 0)
		r = watch_fd(protocol, fd, POLLOUT, deadline);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		r = -errno;
	if (r == 0 && error != 0)
		r = -error;
	if (r == 0) {
		*fd_out = fd;
		fd = -1;
	}
	close_fd(&fd);
	return r;
}

/* The client that resumes this session's TLS is the one that logged in: nobody else has its tickets. */
static int
check_resumed(struct protocol *protocol, const struct stream *stream)
{
	if (stream_is_resumed(stream) || !protocol->config->tls.require_data_reuse)
		return 0;
	tell_monitor_noted(protocol, NOTED_TLS_REUSE,
	    "the client does not resume its TLS session on data connections; update it, or set "
	    "tls.require-data-reuse = no");
	return -EKEYREJECTED;
}

static int
protect(struct protocol *protocol, uint64_t deadline, struct stream *stream)
{
	SSL_CTX *shown = SSL_get_SSL_CTX(protocol->control.stream.tls);
	int r = stream_start_tls(stream, protocol->session->tls, shown, STREAM_DATA);

	while (r == 0 && (r = stream_handshake(stream)) == -EAGAIN)
		r = watch_fd(protocol, stream->fd, stream->wants, deadline);
	if (r == 0)
		r = check_resumed(protocol, stream);
	if (r == 0) {
		stream_renew_ticket(&protocol->control.stream);
		return 0;
	}
	if (r != -EKEYREJECTED && r != -ECANCELED && r != -ETIMEDOUT) {
		tell_monitor_noted(protocol, NOTED_TLS_FAILED, stream->error);
		r = -EPROTO;
	}
	return r;
}

/* Has TLS left open whose the connection is? Where that is allowed (require-data-reuse = no), a port is announced once. */
static bool
may_be_a_stranger(const struct protocol *protocol, const struct stream *stream)
{
	return protocol->is_data_private && !stream_is_resumed(stream);
}

/* No data connection came about: log where it should have gone. */
static void
note_failure(struct protocol *protocol, int error)
{
	bool is_active = protocol->data_mode == DATA_ACTIVE;
	const union address *address = is_active ? &protocol->data_target : &protocol->data_listening;
	char text[ADDRESS_TEXT_MAX], detail[ADDRESS_TEXT_MAX + 128];

	address_text(address, text);
	snprintf(detail, sizeof(detail), "%s %s port %u: %s", is_active ? "active, to" : "passive, announced as", text,
	    address_port(address), strerror(-error));
	tell_monitor_noted(protocol, NOTED_DATA_FAILED, detail);
}

/*
 * May the port be announced again? Only one that the monitor made ahead, and where the client's own address says whose a
 * connection is: with proxy-data = "through" it is all that a stranger must not know.
 */
static bool
is_announced_again(const struct protocol *protocol)
{
	return protocol->ahead.current.uses > 0 && !protocol->ahead.was_guessed && !data_passes_proxy(protocol);
}

/* Transfers follow each other on this listener. What connects to it meanwhile is dropped (refuse_early()). */
static void
rest_listener(struct protocol *protocol)
{
	struct listener *current = &protocol->ahead.current;

	current->fd = protocol->listen_fd;
	protocol->listen_fd = -1;
	listeners_give_back(&protocol->ahead.spare, monotonic_ms(), current);
}

int
data_open(struct protocol *protocol, struct stream *stream)
{
	uint64_t deadline = monotonic_ms() + connect_ms(protocol);
	int fd = -1;
	int r;

	if (protocol->data_mode == DATA_PASSIVE)
		r = accept_client(protocol, deadline, &fd);
	else
		r = connect_client(protocol, deadline, &fd);
	if (r < 0 && r != -ECANCELED)
		note_failure(protocol, r);
	if (r < 0 || !is_announced_again(protocol))
		data_forget(protocol);
	if (r == 0) {
		protocol->refused_data = 0;
		stream_init(stream, fd);
		if (protocol->is_data_private)
			r = protect(protocol, deadline, stream);
	}
	if (r == 0 && protocol->listen_fd >= 0 && !may_be_a_stranger(protocol, stream))
		rest_listener(protocol);
	else if (protocol->listen_fd >= 0)
		note_guess(protocol); /* a stranger at the client's address, as far as TLS can say */
	data_forget(protocol);
	return r;
}
