/* SPDX-License-Identifier: ISC */
#include "client/engine/data.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/engine/answer.h"
#include "client/engine/connect.h"
#include "client/engine/route.h"
#include "common/io.h"

#include "common/banned.h"

#define ACCEPTS_MAX 8 /* strangers that may come before the server */
#define AHEAD_FRESH_MS 10000 /* servers wait at least that long for a connection */
#define WHY_MS 2000 /* for the server to say why it closed a data connection */

/* --- passive --- */

static void
give_up_epsv(struct ftp *ftp, const char *why)
{
	trace(ftp, '*', "EPSV does not work here (%s); PASV from now on", why);
	ftp->has_no_epsv = true;
}

/* The port of an EPSV that went with the last command. *port 0: there is none, or it is too old. */
static enum ftp_class
take_port_ahead(struct ftp *ftp, uint16_t *port)
{
	enum ftp_class reason = control_take_ahead(ftp);

	if (reason == FTP_OK && ftp->ahead_port != 0 && monotonic_ms() - ftp->ahead_ms < AHEAD_FRESH_MS)
		*port = ftp->ahead_port;
	ftp->ahead_port = 0;
	return reason;
}

/* RFC 2428, 3. FTP_OK with *port 0: EPSV does not work with this server. */
static enum ftp_class
ask_epsv(struct ftp *ftp, uint16_t *port)
{
	enum ftp_class reason;

	*port = 0;
	if (ftp->has_no_epsv || ftp->options->is_pasv_only)
		return FTP_OK;
	if (take_port_ahead(ftp, port) == FTP_OK && *port != 0)
		return FTP_OK;
	reason = control_exchange(ftp, "EPSV");
	if (reason != FTP_OK)
		return reason;
	if (ftp->reply.code / 100 == 1)
		return fail_reply(ftp);
	if (ftp->reply.code == 229 && answer_epsv(reply_message(&ftp->reply), port) == 0)
		return FTP_OK;
	if (ftp->options->is_epsv_only)
		return ftp->reply.code >= 400
		    ? fail_reply(ftp)
		    : ftp_fail(ftp, FTP_REFUSED, "--pasv, or neither switch", "the answer to EPSV has no port: '%d %s'",
			  ftp->reply.code, reply_message(&ftp->reply));
	give_up_epsv(ftp, "its answer has no port");
	return FTP_OK;
}

/* PASV knows IPv4 only. Where a proxy looks the server up, it may be of either family. */
static bool
can_use_pasv(const struct ftp *ftp)
{
	return ftp->peer.family == AF_INET || ftp->peer.family == AF_UNSPEC;
}

/* The client uses the address in the reply only on request: it may be wrong behind NAT, or a third party's. */
static enum ftp_class
ask_pasv(struct ftp *ftp, union address *peer, uint16_t *port)
{
	enum ftp_class reason;
	uint32_t host;

	if (!can_use_pasv(ftp))
		return ftp_fail(ftp, FTP_REFUSED, "connect over IPv4 (-4), or by active mode",
		    "the server has no EPSV, and PASV knows IPv4 "
		    "only");
	reason = control_exchange(ftp, "PASV");
	if (reason == FTP_OK && ftp->reply.code != 227)
		reason = fail_reply(ftp);
	if (reason != FTP_OK)
		return reason;
	if (answer_pasv(reply_message(&ftp->reply), &host, port) < 0)
		return ftp_fail(
		    ftp, FTP_NETWORK, NULL, "the answer to PASV has no port: '%s'", reply_message(&ftp->reply));
	if (ftp->options->may_go_elsewhere)
		peer->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = host};
	else if (ftp->peer.family == AF_INET && host != ftp->peer.v4.sin_addr.s_addr)
		trace(ftp, '*', "PASV names another address; the control connection's is used");
	return FTP_OK;
}

static enum ftp_class
open_passive(struct ftp *ftp, struct data *data)
{
	union address peer = ftp->peer;
	enum ftp_class reason;
	uint16_t port;

	data->is_by_ahead = ftp->is_ahead || ftp->ahead_port != 0;
	reason = ask_epsv(ftp, &port);
	data->is_by_epsv = port != 0;
	if (reason == FTP_OK && port == 0)
		reason = ask_pasv(ftp, &peer, &port);
	if (reason != FTP_OK)
		return reason;
	return route_begin_data(ftp, data, &peer, port);
}

/* --- active --- */

enum ftp_class
data_tell_address(struct ftp *ftp, const union address *address)
{
	enum ftp_class reason;
	char host[ADDRESS_TEXT_MAX];
	uint16_t port = address_port(address);

	address_text(address, host);
	host[strcspn(host, "%")] = '\0';
	if (!ftp->has_no_eprt) {
		reason = control_exchange(ftp, "EPRT |%d|%s|%u|", address->family == AF_INET6 ? 2 : 1, host, port);
		if (reason != FTP_OK || ftp->reply.code / 100 == 2)
			return reason;
		if (!is_unknown(ftp) || address->family == AF_INET6)
			return fail_reply(ftp);
		ftp->has_no_eprt = true;
	}
	for (char *dot = strchr(host, '.'); dot != NULL; dot = strchr(dot, '.'))
		*dot = ',';
	reason = control_exchange(ftp, "PORT %s,%u,%u", host, port >> 8, port & 255);
	return reason != FTP_OK ? reason : want_done(ftp);
}

/* Bind to a port of the range, or to any where low is 0. Connections of one time begin at different places. */
static int
bind_in_range(int fd, union address *address, uint16_t low, uint16_t high)
{
	unsigned int count = (unsigned int)high - low + 1, begin = 0;

	if (low > 0 && getrandom(&begin, sizeof(begin), 0) != (ssize_t)sizeof(begin))
		begin = 0;
	for (unsigned int i = 0; i < count; i++) {
		address_set_port(address, low == 0 ? 0 : (uint16_t)(low + (begin + i) % count));
		if (bind(fd, &address->any, address_len(address)) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return -errno;
	}
	return -EADDRINUSE;
}

static enum ftp_class
open_active(struct ftp *ftp, struct data *data)
{
	const struct ftp_active *active = &ftp->options->active;
	union address address = ftp->local, told;
	socklen_t len = sizeof(address);
	int fd = socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	data->listen_fd = fd;
	r = fd < 0 ? -errno : bind_in_range(fd, &address, active->low, active->high);
	if (r == -EADDRINUSE && active->low > 0)
		return ftp_fail(ftp, FTP_LOCAL, "give a larger range by --active-ports",
		    "all ports from %u to %u are in use", active->low, active->high);
	if (r < 0 || listen(fd, 1) < 0 || getsockname(fd, &address.any, &len) < 0)
		return fail_local(ftp, r < 0 ? r : -errno, "listening for the data connection");
	address_unmap(&address);
	told = address;
	if (active->address.family != AF_UNSPEC) {
		told = active->address;
		address_set_port(&told, address_port(&address));
	}
	return data_tell_address(ftp, &told);
}

/* Accept a connection only from the server's own address. */
static enum ftp_class
accept_server(struct ftp *ftp, struct data *data)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		union address peer = {.family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int r = wire_wait(data->listen_fd, POLLIN, data->wire.timeout_ms, data->wire.abort);
		int fd = r < 0 ? -1 : accept4(data->listen_fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (r == -ETIMEDOUT)
			return ftp_fail(ftp, FTP_NETWORK,
			    "a firewall may be in the way: try passive mode (without --active)",
			    "the server did not connect within %u s", data->wire.timeout_ms / 1000);
		if (r < 0)
			return fail_wire(ftp, &data->wire, r, "data connection");
		if (fd >= 0 && address_same_host(&peer, &ftp->peer)) {
			data->wire.fd = fd;
			close_fd(&data->listen_fd);
			return FTP_OK;
		}
		close_fd(&fd);
	}
	return ftp_fail(ftp, FTP_NETWORK, NULL, "strangers connect to the port of the data connection");
}

/* --- both --- */

/* Wait for a passive connection. When it fails, the server may have sent the reason. */
static enum ftp_class
finish_connect(struct ftp *ftp, struct data *data)
{
	char why[768];
	int r;

	if (!data->is_connecting)
		return FTP_OK;
	data->is_connecting = false;
	r = route_end_data(ftp, data, why, sizeof(why));
	if (r == 0) {
		ftp->has_working_epsv = ftp->has_working_epsv || data->is_by_epsv;
		return FTP_OK;
	}
	if (r != -ECANCELED && control_has_input(ftp, WHY_MS) && control_reply(ftp, 0) == FTP_OK &&
	    ftp->reply.code >= 400) {
		data->is_answered = true;
		return fail_reply(ftp);
	}
	if (r != -ECANCELED && why[0] != '\0')
		return ftp_fail(
		    ftp, route_class(r), "ask the proxy's owner, or connect without it: --proxy none", "%s", why);
	if (r == -ETIMEDOUT || r == -ECONNREFUSED || r == -EHOSTUNREACH || r == -ENETUNREACH)
		return ftp_fail(ftp, FTP_NETWORK, "a firewall may be in the way: try active mode (--active)",
		    "the data connection did not come about: %s", r == -ETIMEDOUT ? "no answer in time" : strerror(-r));
	return fail_wire(ftp, &data->wire, r, "data connection");
}

static enum ftp_class
send_command(struct ftp *ftp, struct data *data, const char *verb, const char *path)
{
	enum ftp_class reason;

	if (path != NULL)
		reason = control_send(ftp, "%s %s", verb, path);
	else
		reason = control_send(ftp, "%s", verb);
	if (reason == FTP_OK)
		reason = finish_connect(ftp, data);
	if (reason == FTP_OK && data->wire.fd >= 0 && ftp->control.tls != NULL)
		trust_offer_data(ftp, &data->wire);
	if (reason == FTP_OK)
		reason = control_reply(ftp, 0);
	if (reason != FTP_OK)
		return reason;
	/* an empty listing, or a small file, may be done already */
	data->is_answered = ftp->reply.code / 100 != 1;
	data->is_early = ftp->reply.code / 100 == 2;
	return ftp->reply.code / 100 <= 2 ? FTP_OK : fail_reply(ftp);
}

/*
 * When TLS fails on the data connection, the server's reply has the better reason, such as a session that must be
 * resumed.
 */
static enum ftp_class
start_tls(struct ftp *ftp, struct data *data)
{
	enum ftp_class reason = trust_start_data(ftp, &data->wire);

	if (reason == FTP_OK || reason == FTP_ABORTED || data->is_answered)
		return reason;
	if (control_has_input(ftp, WHY_MS) && control_reply(ftp, 0) == FTP_OK) {
		data->is_answered = true;
		if (ftp->reply.code >= 400)
			return fail_reply(ftp);
	}
	return reason;
}

static enum ftp_class
restart_at(struct ftp *ftp, uint64_t offset)
{
	enum ftp_class reason;

	if (offset == 0 && !ftp->is_restart_pending)
		return FTP_OK;
	reason = control_exchange(ftp, "REST %llu", (unsigned long long)offset);
	if (reason != FTP_OK)
		return reason;
	ftp->is_restart_pending = offset > 0 && ftp->reply.code == 350;
	return offset == 0 || ftp->reply.code == 350 ? FTP_OK : fail_reply(ftp);
}

/* Files go as text where that is wanted; listings always do, and are read as they come. */
static bool
is_of_files(const char *verb)
{
	return strcmp(verb, "RETR") == 0 || strcmp(verb, "STOR") == 0 || strcmp(verb, "APPE") == 0;
}

/* An offset counts bytes, and text has others on each side (RFC 3659, 5.1): it is refused as a server without REST would. */
static enum ftp_class
begin_text(struct ftp *ftp, const char *verb, uint64_t offset)
{
	enum ftp_class reason;

	if (!ftp->options->is_ascii || !is_of_files(verb))
		return FTP_OK;
	if (offset > 0) {
		ftp_fail(ftp, FTP_REFUSED, "leave --ascii out", "a transfer of text cannot be resumed");
		ftp->error.reply_code = 504;
		return FTP_REFUSED;
	}
	reason = control_exchange(ftp, "TYPE A");
	if (reason == FTP_OK)
		reason = want_done(ftp);
	ftp->is_type_ascii = reason == FTP_OK;
	return reason;
}

/* Bytes again, for SIZE and for what follows. */
static void
end_text(struct ftp *ftp)
{
	struct ftp_error saved = ftp->error;

	if (!ftp->is_type_ascii)
		return;
	ftp->is_type_ascii = false;
	if (ftp->control.fd >= 0 && (control_exchange(ftp, "TYPE I") != FTP_OK || ftp->reply.code / 100 != 2))
		control_drop(ftp);
	ftp->error = saved;
}

static enum ftp_class
data_begin_once(struct ftp *ftp, struct data *data, const char *verb, const char *path, uint64_t offset)
{
	enum ftp_class reason;

	*data = (struct data){.listen_fd = -1};
	reason = begin_text(ftp, verb, offset);
	if (reason != FTP_OK)
		return reason;
	wire_init(&data->wire, ftp->options->abort, ftp->control.timeout_ms);
	data->wire.pace = ftp->options->pace;
	data->wire.text.is_on = ftp->is_type_ascii;
	reason = route_check_mode(ftp);
	if (reason == FTP_OK)
		reason = ftp->options->is_active ? open_active(ftp, data) : open_passive(ftp, data);
	if (reason == FTP_OK)
		reason = restart_at(ftp, offset);
	if (reason != FTP_OK) {
		/* no command was sent that needs a second reply */
		wire_close(&data->wire, true);
		close_fd(&data->listen_fd);
		end_text(ftp);
		return reason;
	}
	reason = send_command(ftp, data, verb, path);
	/* some servers keep the offset of a refused transfer, and use it for the next one */
	if (reason == FTP_OK)
		ftp->is_restart_pending = false;
	if (reason == FTP_OK && data->listen_fd >= 0)
		reason = accept_server(ftp, data);
	if (reason == FTP_OK && ftp->control.tls != NULL)
		reason = start_tls(ftp, data);
	if (reason != FTP_OK)
		return data_break(ftp, data, reason);
	return FTP_OK;
}

/*
 * Nobody can connect to the port, or the reply is 425: EPSV does not work with this server, or with a firewall on
 * the way.
 */
static bool
is_epsv_dead(const struct ftp *ftp, const struct data *data, enum ftp_class reason)
{
	return data->is_by_epsv && !ftp->has_working_epsv && !ftp->options->is_epsv_only && can_use_pasv(ftp) &&
	    (reason == FTP_NETWORK || reason == FTP_TEMPORARY) &&
	    (ftp->error.reply_code == 425 || ftp->error.reply_code == 0);
}

/* The port that was asked for ahead is no longer good: the next one is asked for as ever. */
static bool
is_ahead_dead(const struct ftp *ftp, const struct data *data, enum ftp_class reason)
{
	return data->is_by_ahead && (reason == FTP_NETWORK || reason == FTP_TEMPORARY || reason == FTP_REFUSED) &&
	    (ftp->error.reply_code == 425 || ftp->error.reply_code == 503 || ftp->error.reply_code == 0);
}

enum ftp_class
data_begin(struct ftp *ftp, struct data *data, const char *verb, const char *path, uint64_t offset)
{
	enum ftp_class reason = data_begin_once(ftp, data, verb, path, offset);

	if (is_ahead_dead(ftp, data, reason))
		ftp->has_no_ahead = true;
	else if (is_epsv_dead(ftp, data, reason))
		give_up_epsv(ftp, ftp->error.why);
	else
		return reason;
	reason = session_ready(ftp);
	return reason != FTP_OK ? reason : data_begin_once(ftp, data, verb, path, offset);
}

static enum ftp_class
read_final_reply(struct ftp *ftp, struct data *data)
{
	enum ftp_class reason;

	wire_close(&data->wire, false);
	if (data->is_early)
		return control_catch_up(ftp);
	if (data->is_answered)
		return FTP_OK;
	reason = control_reply(ftp, 0);
	return reason != FTP_OK ? reason : want_done(ftp);
}

enum ftp_class
data_end(struct ftp *ftp, struct data *data)
{
	enum ftp_class reason = read_final_reply(ftp, data);

	end_text(ftp);
	return reason;
}

static enum ftp_class
break_data_off(struct ftp *ftp, struct data *data, enum ftp_class reason)
{
	close_fd(&data->listen_fd);
	wire_close(&data->wire, true);
	if (data->is_answered || ftp->control.fd < 0)
		return reason;
	/* do not ask a server again that was silent that long */
	if (reason == FTP_NETWORK && ftp->error.error == ETIMEDOUT) {
		control_drop(ftp);
		return reason;
	}
	if (reason == FTP_NETWORK && control_has_input(ftp, WHY_MS)) {
		struct ftp_error saved = ftp->error;

		/* 426 only repeats that the connection broke */
		if (control_reply(ftp, 0) == FTP_OK && ftp->reply.code >= 400 && ftp->reply.code != 426)
			return fail_reply(ftp);
		if (ftp->control.fd >= 0)
			ftp->error = saved;
		return reason;
	}
	control_resync(ftp);
	return reason;
}

enum ftp_class
data_break(struct ftp *ftp, struct data *data, enum ftp_class reason)
{
	reason = break_data_off(ftp, data, reason);
	end_text(ftp);
	return reason;
}
