/* SPDX-License-Identifier: ISC */
/* Commands that prepare and make transfers. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/port_parse.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/transfer.h"

#include "common/banned.h"

/* A parameter and what it is answered with. */
struct parameter {
	const char *text;
	int code;
	const char *reply;
};

static const struct parameter *
find_parameter(const struct parameter *rows, const char *argument)
{
	while (rows->text != NULL && strcasecmp(rows->text, argument) != 0)
		rows++;
	return rows;
}

void
cmd_type(struct protocol *protocol, const struct request *request)
{
	static const struct parameter rows[] = {
	    {"A", 200, "Type is ASCII"},
	    {"A N", 200, "Type is ASCII"},
	    {"I", 200, "Type is IMAGE"},
	    {"L 8", 200, "Type is LOCAL 8"},
	    {"L8", 200, "Type is LOCAL 8"},
	    {"A T", 200, "Type is ASCII"},	/* RFC 1123, 4.1.2.2: as A N where there is no difference */
	    {"A C", 504, "Format C is not implemented"},
	    {"E", 504, "Type E is not implemented"},
	    {"E N", 504, "Type E is not implemented"},
	    {"E T", 504, "Type E is not implemented"},
	    {"E C", 504, "Type E is not implemented"},
	    {"L", 504, "Only a byte size of 8 is implemented"},
	    {NULL, 501, "Usage: TYPE A | I | L 8"},
	};
	const char *argument = request->argument;
	const struct parameter *row = find_parameter(rows, argument);

	if (row->text == NULL && (argument[0] == 'L' || argument[0] == 'l') && argument[1] == ' ' &&
	    strspn(argument + 2, "0123456789") == strlen(argument + 2) && argument[2] != '\0') {
		reply(protocol, 504, "Only a byte size of 8 is implemented");
		return;
	}
	if (row->code == 200)
		protocol->is_ascii = row->text[0] == 'A';
	reply(protocol, row->code, "%s", row->reply);
}

void
cmd_mode(struct protocol *protocol, const struct request *request)
{
	static const struct parameter rows[] = {
	    {"S", 200, "Mode is STREAM"},
	    {"B", 504, "Mode B is not implemented"},
	    {"C", 504, "Mode C is not implemented"},
	    {"Z", 200, "Mode is ZLIB"},
	    {NULL, 501, "Usage: MODE S"},
	};
	const struct parameter *row = find_parameter(rows, request->argument);

	if (row->code == 200 && row->text[0] == 'Z' && !protocol->config->mode_z) {
		reply(protocol, 504, "Mode Z is switched off");
		return;
	}
	if (row->code == 200)
		protocol->is_deflated = row->text[0] == 'Z';
	reply(protocol, row->code, "%s", row->reply);
}

void
cmd_stru(struct protocol *protocol, const struct request *request)
{
	static const struct parameter rows[] = {
	    {"F", 200, "Structure is FILE"},
	    {"R", 504, "Structure R is not implemented"},
	    {"P", 504, "Structure P is not implemented"},
	    {NULL, 501, "Usage: STRU F"},
	};
	const struct parameter *row = find_parameter(rows, request->argument);

	reply(protocol, row->code, "%s", row->reply);
}

/* Is it the quota that ends the room, and not the disk? */
static bool
is_short_of_quota(const struct quota_told *told, uint64_t room)
{
	return told->bytes_limit != UINT64_MAX && told->bytes + room >= told->bytes_limit;
}

/* Partials that no upload writes to give way to an upload, so its announcement counts them as room, too. */
static uint64_t
room_with_partials(struct protocol *protocol, uint64_t room)
{
	struct partials_told partials;
	struct quota_told quota;
	uint64_t idle, used, left;

	if (ask_files_quota(protocol, &quota) < 0 || !is_short_of_quota(&quota, room) ||
	    ask_files_partials_sums(protocol, &partials) < 0)
		return room;
	idle = partials.bytes - partials.busy_bytes;
	used = quota.bytes > idle ? quota.bytes - idle : 0;
	left = used < quota.bytes_limit ? quota.bytes_limit - used : 0;
	return left < room + idle ? left : room + idle;	/* more is used than the limit where that was lowered */
}

/*
 * The room for a file of so many bytes. Clients announce the whole size also when they resume: the bytes that are
 * here already need no room.
 */
static bool
has_disk_room(struct protocol *protocol, uint64_t bytes, uint64_t *room)
{
	uint64_t here = protocol->restart_offset > protocol->told_size ? protocol->restart_offset : protocol->told_size;

	if (ask_files_space(protocol, &protocol->cwd, room) < 0 || bytes <= here || bytes - here <= *room)
		return true;
	return bytes - here <= room_with_partials(protocol, *room);
}

static void
reply_no_room(struct protocol *protocol, uint64_t bytes, uint64_t room)
{
	struct quota_told told;

	if (ask_files_quota(protocol, &told) == 0 && is_short_of_quota(&told, room)) {
		protocol->quota_asked = bytes;
		reply_over_quota(protocol, 552, "ALLO");
	} else {
		reply_partials_note(protocol, 552);
		reply(protocol, 552, "%llu bytes do not fit; there is room for %llu", (unsigned long long)bytes,
		    (unsigned long long)room);
	}
}

/* "bytes" or "bytes R record-size" (RFC 959, 4.1.3) */
void
cmd_allo(struct protocol *protocol, const struct request *request)
{
	char *record = strcasestr(request->argument, " R ");
	uint64_t bytes = 0, record_bytes, room;

	if (record != NULL)
		*record = '\0';
	if (parse_u64(request->argument, INT64_MAX, &bytes) < 0 ||
	    (record != NULL && parse_u64(record + 3, INT64_MAX, &record_bytes) < 0)) {
		reply(protocol, 501, "Usage: ALLO bytes [R bytes]");
		return;
	}
	if (!has_disk_room(protocol, bytes, &room)) {
		reply_no_room(protocol, bytes, room);
		return;
	}
	protocol->announced = bytes;
	reply(protocol, 202, "No allocation needed");
}

/* RFC 2428, 4: after EPSV ALL only EPSV is allowed. True: replied. */
static bool
refused_by_epsv_all(struct protocol *protocol)
{
	if (!protocol->only_epsv)
		return false;
	reply(protocol, 501, "Only EPSV is allowed after EPSV ALL");
	return true;
}

/*
 * RFC 959, 5.4 lists 421 alone for PASV, which ends the session, and RFC 2428 nothing for EPSV. On purpose this is
 * 425, as for every data connection that does not come about: the range is full for a moment, and the session is
 * worth more than that.
 */
static void
reply_no_port(struct protocol *protocol)
{
	reply(protocol, 425, "No passive port is free; try again later");
}

/* What PASV tells: behind a NAT the configuration says what clients dial. */
static const union address *
passive_host(const struct protocol *protocol)
{
	const struct protocol_session *session = protocol->session;

	return session->passive_told.family == AF_INET ? &session->passive_told : &session->local;
}

static bool
is_for_pasv(const struct protocol *protocol)
{
	return protocol->session->dialled.family == AF_INET && passive_host(protocol)->family == AF_INET;
}

/* Data connections that go past the proxy need an address, which EPSV does not tell. */
static bool
is_for_epsv(const struct protocol *protocol)
{
	return protocol->session->proxy.family == AF_UNSPEC || protocol->config->proxy_data != PROXY_DATA_DIRECT;
}

/* What to say where passive mode does not work: data connections go past the proxy, and have no IPv4 address. */
static const char *
advice_without_passive(const struct protocol *protocol)
{
	return protocol->session->dialled.family == AF_INET
	    ? "'passive-address' of this server has to be an IPv4 address"
	    : "dial the proxy over IPv4";
}

void
cmd_pasv(struct protocol *protocol, const struct request *request)
{
	union address bound, told = *passive_host(protocol);
	char text[40];

	(void)request;
	if (refused_by_epsv_all(protocol))
		return;
	if (!is_for_pasv(protocol)) {
		reply(protocol, 501, "PASV is for IPv4; %s",
		    is_for_epsv(protocol) ? "use EPSV" : advice_without_passive(protocol));
		return;
	}
	if (data_listen(protocol, &bound) < 0) {
		reply_no_port(protocol);
		return;
	}
	address_set_port(&told, address_port(&bound));
	port_format(&told, text, sizeof(text));
	reply(protocol, 227, "Entering Passive Mode %s", text);
}

static int
family_number(const union address *address)
{
	return address->family == AF_INET6 ? 2 : 1;
}

void
cmd_epsv(struct protocol *protocol, const struct request *request)
{
	const char *argument = request->argument;
	union address bound;
	uint64_t family = 0;
	int own = family_number(&protocol->session->dialled);

	if (argument != NULL && strcasecmp(argument, "ALL") == 0) {
		protocol->only_epsv = true;
		reply(protocol, 200, "Only EPSV from now on");
		return;
	}
	if (argument != NULL && parse_u64(argument, UINT16_MAX, &family) < 0) {
		reply(protocol, 501, "Usage: EPSV [1 | 2 | ALL]");
		return;
	}
	if (!is_for_epsv(protocol)) {
		reply(protocol, 522, "Data connections do not pass the proxy that was dialled; %s",
		    is_for_pasv(protocol) ? "use PASV" : advice_without_passive(protocol));
		return;
	}
	if (argument != NULL && family != (uint64_t)own) {
		reply(protocol, 522, "Network protocol not supported, use (%d)", own);
		return;
	}
	if (data_listen(protocol, &bound) < 0) {
		reply_no_port(protocol);
		return;
	}
	reply(protocol, 229, "Entering Extended Passive Mode (|||%u|)", address_port(&bound));
}

/*
 * A proxy can bring clients of one family to a server of the other. The server has no address from which it could
 * connect to such a client. True: replied.
 */
static bool
refused_across_families(struct protocol *protocol, unsigned code)
{
	const struct protocol_session *session = protocol->session;

	if (!protocol->config->active_mode || session->peer.family == session->local.family)
		return false;
	reply(protocol, code, "This server cannot connect to your address from behind its proxy (IPv%d to IPv%d); %s",
	    session->local.family == AF_INET6 ? 6 : 4, session->peer.family == AF_INET6 ? 6 : 4,
	    is_for_pasv(protocol) || is_for_epsv(protocol) ? "use passive mode" : advice_without_passive(protocol));
	return true;
}

static void
set_target(struct protocol *protocol, const char *verb, const union address *target)
{
	if (!protocol->config->active_mode)
		reply(protocol, 502, "Active mode is switched off; use EPSV or PASV");
	else if (data_set_target(protocol, target) < 0 && address_same_host(target, &protocol->session->peer))
		reply(protocol, 504, "This server does not connect to ports below 1024");
	else if (protocol->data_mode != DATA_ACTIVE)
		reply(protocol, 501, "This server connects only to your own address");
	else
		reply(protocol, 200, "%s done", verb);
}

void
cmd_port(struct protocol *protocol, const struct request *request)
{
	union address target;

	if (refused_by_epsv_all(protocol) || refused_across_families(protocol, 501))
		return;
	if (port_parse(request->argument, &target) < 0)
		reply(protocol, 501, "Usage: PORT h1,h2,h3,h4,p1,p2 with numbers up to 255");
	else
		set_target(protocol, "PORT", &target);
}

void
cmd_eprt(struct protocol *protocol, const struct request *request)
{
	union address target;
	int r;

	if (refused_by_epsv_all(protocol) || refused_across_families(protocol, 522))
		return;
	r = eprt_parse(request->argument, &target);
	if (r == -EPROTONOSUPPORT || (r == 0 && target.family != protocol->session->peer.family))
		reply(
		    protocol, 522, "Network protocol not supported, use (%d)", family_number(&protocol->session->peer));
	else if (r < 0)
		reply(protocol, 501, "Usage: EPRT |family|address|port|");
	else
		set_target(protocol, "EPRT", &target);
}

void
cmd_rest(struct protocol *protocol, const struct request *request)
{
	uint64_t offset;

	if (parse_u64(request->argument, INT64_MAX, &offset) < 0) {
		reply(protocol, 501, "Usage: REST offset, a number of bytes below 2^63");
		return;
	}
	protocol->restart_offset = offset;
	protocol->range_end = UINT64_MAX;
	reply(protocol, 350, "Restarting at %llu; send STOR or RETR", (unsigned long long)offset);
}

void
cmd_retr(struct protocol *protocol, const struct request *request)
{
	transfer_retrieve(protocol, request->path);
}

void
cmd_stor(struct protocol *protocol, const struct request *request)
{
	transfer_store(protocol, request->path, STORE_REPLACE);
}

void
cmd_appe(struct protocol *protocol, const struct request *request)
{
	transfer_store(protocol, request->path, STORE_APPEND);
}

/* Without an argument the name is made of a fixed one (RFC 959, 4.1.3; RFC 1123, 4.1.2.9). */
void
cmd_stou(struct protocol *protocol, const struct request *request)
{
	const char *client_path = request->argument == NULL ? "upload" : request->argument;
	struct home_path path;

	if (session_resolve_path(protocol, client_path, &path))
		transfer_store(protocol, &path, STORE_UNIQUE);
}

/* During a transfer, watch.c sees it. */
void
cmd_abor(struct protocol *protocol, const struct request *request)
{
	(void)request;
	data_forget(protocol);
	reply(protocol, 226, "No transfer to abort");
}
