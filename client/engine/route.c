/* SPDX-License-Identifier: ISC */
#include "client/engine/route.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client/engine/connect.h"
#include "client/engine/proxy_talk.h"
#include "common/io.h"

#include "common/banned.h"

static unsigned int
connect_timeout_ms(const struct ftp *ftp)
{
	unsigned int connect_s = ftp->options->connect_timeout_s;

	return (connect_s > 0 && connect_s < UINT32_MAX / 1000 ? connect_s : DEFAULT_CONNECT_S) * 1000;
}

/* --- the proxy's dialogue --- */

static int
send_to_proxy(int fd, const char *bytes, size_t len, uint64_t deadline, const volatile sig_atomic_t *abort)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			int r = wire_wait(fd, POLLOUT, (unsigned int)deadline_left_ms(deadline, monotonic_ms()), abort);

			if (r < 0)
				return r;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Give what has come to the dialogue. What the server has sent after it stays in the socket. */
static int
hear_proxy(int fd, struct proxy_talk *talk, uint64_t deadline, const volatile sig_atomic_t *abort)
{
	char bytes[4096];
	size_t used = 0;
	ssize_t n;
	int r = wire_wait(fd, POLLIN, (unsigned int)deadline_left_ms(deadline, monotonic_ms()), abort);

	if (r < 0)
		return r;
	n = recv(fd, bytes, sizeof(bytes), MSG_PEEK);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	r = proxy_talk_feed(talk, bytes, (size_t)n, &used);
	if (used > 0 && recv(fd, bytes, used, 0) != (ssize_t)used)
		return -ECONNRESET;
	return r;
}

/* Have the proxy connect to host. The whole dialogue has this time. */
static int
ask_proxy(struct ftp *ftp, int fd, const char *host, uint16_t port, char *why, size_t why_size)
{
	uint64_t deadline = monotonic_ms() + connect_timeout_ms(ftp);
	char name[PROXY_TEXT_SIZE];
	struct proxy_talk talk;
	int r = proxy_talk_begin(&talk, ftp->options->proxy, host, port);

	while (r == 0) {
		r = send_to_proxy(fd, talk.out, talk.out_len, deadline, ftp->options->abort);
		talk.out_len = 0;
		if (r == 0)
			r = hear_proxy(fd, &talk, deadline, ftp->options->abort);
		if (r == 0 && monotonic_ms() >= deadline)
			r = -ETIMEDOUT;
	}
	if (r == -ETIMEDOUT && talk.why[0] == '\0')
		snprintf(talk.why, sizeof(talk.why), "it did not answer in time");
	else if (r < 0 && talk.why[0] == '\0')
		snprintf(
		    talk.why, sizeof(talk.why), "%s", r == -ECONNRESET ? "it closed the connection" : strerror(-r));
	proxy_text(ftp->options->proxy, name, sizeof(name));
	if (r < 0)
		snprintf(why, why_size, "the proxy %s, asked for %s port %u: %s", name, host, port, talk.why);
	proxy_talk_end(&talk);
	return r < 0 ? r : 0;
}

enum ftp_class
route_class(int r)
{
	switch (r) {
	case -ECANCELED:
		return FTP_ABORTED;
	case -EACCES:
		return FTP_LOGIN;
	case -EPERM:
	case -EINVAL:
		return FTP_REFUSED;
	default:
		return FTP_NETWORK;
	}
}

/* What to try after the error r of a proxy. */
static const char *
proxy_advice(int r)
{
	switch (r) {
	case -EACCES:
		return "check user and password of the proxy; --proxy none connects without one";
	case -EPERM:
		return "ask the proxy's owner, or connect without it: --proxy none";
	case -EPROTO:
		return "check kind and port of the proxy: socks5://, socks5h:// or http://";
	default:
		return "check host, port and proxy; --proxy none connects without one";
	}
}

/* --- the control connection --- */

/* Connect to the proxy, and have it connect to host. */
static int
connect_by_proxy(struct ftp *ftp, const char *host, char *why, size_t why_size)
{
	const struct proxy *proxy = ftp->options->proxy;
	struct connect_wish wish = {
	    .host = proxy->host,
	    .port = proxy->port,
	    .family = AF_UNSPEC,
	    .timeout_ms = connect_timeout_ms(ftp),
	    .source = ftp->options->source,
	    .abort = ftp->options->abort,
	};
	char reason[384], name[PROXY_TEXT_SIZE];
	int r = connect_host(&wish, &ftp->control.fd, &ftp->proxy_peer, reason, sizeof(reason));

	if (r < 0) {
		proxy_text(proxy, name, sizeof(name));
		snprintf(why, why_size, "the proxy %s cannot be reached: %s", name, reason);
		/* these would speak of the server, or of the proxy's rules */
		return r == -ENOENT ? -EINVAL : r == -EACCES || r == -EPERM ? -EHOSTUNREACH : r;
	}
	r = ask_proxy(ftp, ftp->control.fd, host, ftp->port, why, why_size);
	if (r < 0)
		close_fd(&ftp->control.fd);
	return r;
}

/* Whether another address of the same server may do better. */
static bool
may_try_next(int r)
{
	return route_class(r) == FTP_NETWORK && r != -EPROTO;
}

/* socks5: the name is looked up here, and the proxy gets one address after the other. */
static int
connect_by_address(struct ftp *ftp, const struct connect_wish *wish, char *why, size_t why_size)
{
	union address addresses[CONNECT_ADDRESSES_MAX];
	int count = connect_resolve(wish, addresses, why, why_size), r = count;

	for (int i = 0; i < count; i++) {
		char host[ADDRESS_TEXT_MAX];

		address_text(&addresses[i], host);
		ftp->peer = addresses[i];
		r = connect_by_proxy(ftp, host, why, why_size);
		if (r == 0 || !may_try_next(r))
			break;
	}
	return r;
}

static int
connect_any(struct ftp *ftp, const struct connect_wish *wish, char *why, size_t why_size)
{
	if (ftp->options->proxy == NULL)
		return connect_host(wish, &ftp->control.fd, &ftp->peer, why, why_size);
	if (ftp->options->proxy->kind == PROXY_SOCKS5)
		return connect_by_address(ftp, wish, why, why_size);
	ftp->peer = (union address){.family = AF_UNSPEC};
	return connect_by_proxy(ftp, ftp->host, why, why_size);
}

enum ftp_class
route_check_mode(struct ftp *ftp)
{
	char name[PROXY_TEXT_SIZE];

	if (ftp->options->proxy == NULL || !ftp->options->is_active)
		return FTP_OK;
	proxy_text(ftp->options->proxy, name, sizeof(name));
	return ftp_fail(ftp, FTP_USAGE, "leave --active out, or connect without the proxy: --proxy none",
	    "in active mode the server connects to this machine, and the proxy %s lets nobody in", name);
}

static enum ftp_class
fail_connect(struct ftp *ftp, int r, const char *why)
{
	if (r == -ECANCELED)
		return ftp_fail(ftp, FTP_ABORTED, NULL, "stopped");
	if (ftp->options->source != NULL && (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT))
		return ftp_fail(ftp, FTP_USAGE,
		    "--source must be an address of this machine, and of the server's family (IPv4 or IPv6)", "%s: %s",
		    ftp->host, why);
	/* a name that does not exist will not exist in a minute */
	if (r == -ENOENT)
		return ftp_fail(ftp, FTP_REFUSED, "check the host's name", "%s: %s", ftp->host, why);
	if (ftp->options->proxy != NULL)
		return ftp_fail(ftp, route_class(r), proxy_advice(r), "%s", why);
	return ftp_fail(ftp, FTP_NETWORK,
	    r == -ECONNREFUSED ? "check the port; is the server running?" : "check host, port and network", "%s: %s",
	    ftp->host, why);
}

static void
trace_connected(struct ftp *ftp)
{
	char peer[ADDRESS_TEXT_MAX], name[PROXY_TEXT_SIZE];

	address_text(&ftp->peer, peer);
	if (ftp->options->proxy == NULL) {
		trace(ftp, '*', "connected to %s port %u", peer, ftp->port);
		return;
	}
	proxy_text(ftp->options->proxy, name, sizeof(name));
	trace(ftp, '*', "connected to %s port %u through %s", ftp->peer.family == AF_UNSPEC ? ftp->host : peer,
	    ftp->port, name);
}

enum ftp_class
route_connect(struct ftp *ftp)
{
	struct connect_wish wish = {
	    .host = ftp->host,
	    .port = ftp->port,
	    .family = ftp->options->family,
	    .timeout_ms = connect_timeout_ms(ftp),
	    .source = ftp->options->source,
	    .abort = ftp->options->abort,
	};
	socklen_t len = sizeof(ftp->local);
	char why[768] = "";
	enum ftp_class reason = route_check_mode(ftp);
	int r;

	if (reason != FTP_OK)
		return reason;
	if (wish.source != NULL && wish.source->address.family != AF_UNSPEC && wish.family == AF_UNSPEC)
		wish.family = wish.source->address.family;
	r = connect_any(ftp, &wish, why, sizeof(why));
	if (r < 0)
		return fail_connect(ftp, r, why);
	memset(&ftp->local, 0, sizeof(ftp->local));
	if (getsockname(ftp->control.fd, &ftp->local.any, &len) < 0)
		return fail_wire(ftp, &ftp->control, -errno, "control connection");
	ftp->control.is_ended = ftp->control.is_cut = false;
	ftp->control.abort = ftp->options->abort;
	ftp->control.timeout_ms =
	    (ftp->options->timeout_s > 0 && ftp->options->timeout_s < UINT32_MAX / 1000 ? ftp->options->timeout_s
											: DEFAULT_TIMEOUT_S) *
	    1000;
	trace_connected(ftp);
	return FTP_OK;
}

/* --- data connections --- */

enum ftp_class
route_begin_data(struct ftp *ftp, struct data *data, const union address *peer, uint16_t port)
{
	union address target = ftp->options->proxy != NULL ? ftp->proxy_peer : *peer;
	int fd;

	data->peer = *peer;
	data->port = port;
	if (ftp->options->proxy == NULL)
		address_set_port(&target, port);
	fd = connect_begin(&target, ftp->options->source);
	if (fd < 0)
		return fail_wire(ftp, &data->wire, fd, "data connection");
	data->wire.fd = fd;
	data->is_connecting = true;
	return FTP_OK;
}

int
route_end_data(struct ftp *ftp, struct data *data, char *why, size_t why_size)
{
	char host[ADDRESS_TEXT_MAX];
	int r = connect_end(data->wire.fd, connect_timeout_ms(ftp), data->wire.abort);

	why[0] = '\0';
	if (ftp->options->proxy == NULL && r == -ECONNRESET) {
		/* it stood, and the server may have sent something before */
		data->wire.was_reset = true;
		return 0;
	}
	if (ftp->options->proxy == NULL || r == -ECANCELED)
		return r;
	if (r < 0) {
		snprintf(why, why_size, "the proxy cannot be reached: %s", strerror(-r));
		return r;
	}
	address_text(&data->peer, host);
	return ask_proxy(
	    ftp, data->wire.fd, data->peer.family == AF_UNSPEC ? ftp->host : host, data->port, why, why_size);
}
