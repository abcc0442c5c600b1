/* SPDX-License-Identifier: ISC */
/* TLS on the control and data connections (RFC 4217). */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/server_choice.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

static bool
is_protected(const struct protocol *protocol)
{
	return protocol->control.stream.tls != NULL;
}

/* The server that the client named in clear must be the one that it names in TLS (RFC 7151, 3.2.2). */
static void
check_host(struct protocol *protocol)
{
	if (stream_agrees_with_host(&protocol->control.stream, protocol->host))
		return;
	reply(protocol, 421, "HOST and TLS name different servers; closing");
	tell_monitor_noted(protocol, NOTED_TLS_FAILED, "HOST and TLS name different servers");
	protocol->is_over = true;
}

void
cmd_auth(struct protocol *protocol, const struct request *request)
{
	struct control *control = &protocol->control;

	if (strcasecmp(request->argument, "TLS") != 0 && strcasecmp(request->argument, "TLS-C") != 0) {
		reply(protocol, 504, "Only AUTH TLS is known");
		return;
	}
	if (is_protected(protocol) || protocol->state == IPC_STATE_READY) {
		reply(protocol, 503, is_protected(protocol) ? "TLS is on already" : "AUTH comes before the login");
		return;
	}
	/* bytes in clear after AUTH may be an attacker's: they are not run, and the session ends (RFC 4217, 15.2) */
	if (control->input_start < control->input_end) {
		reply(protocol, 421, "Commands in clear after AUTH TLS; closing");
		tell_monitor_noted(protocol, NOTED_TLS_FAILED, "commands in clear after AUTH TLS");
		protocol->is_over = true;
		return;
	}
	/* what came in clear may be an attacker's (RFC 4217, 4); HOST stays, and is checked (RFC 7151, 3.2.2) */
	session_reset(protocol);
	reply(protocol, 234, "Begin TLS");
	control_flush(protocol);
	if (control->at_end || !control_start_tls(protocol))
		return;
	check_host(protocol);
	server_choice_settle(protocol);
}

void
cmd_pbsz(struct protocol *protocol, const struct request *request)
{
	uint64_t size;

	if (!is_protected(protocol))
		reply(protocol, 503, "AUTH TLS first");
	else if (parse_u64(request->argument, UINT32_MAX, &size) < 0)
		reply(protocol, 501, "Usage: PBSZ 0");
	else {
		protocol->has_pbsz = true;
		reply(protocol, 200, "PBSZ=0");
	}
}

void
cmd_prot(struct protocol *protocol, const struct request *request)
{
	if (!is_protected(protocol) || !protocol->has_pbsz) {
		reply(protocol, 503, is_protected(protocol) ? "PBSZ 0 first" : "AUTH TLS first");
		return;
	}
	switch (request->len == 1 ? request->argument[0] | 0x20 : 0) {
	case 'p':
		protocol->is_data_private = true;
		reply(protocol, 200, "Data connections are private");
		break;
	case 'c':
		if (protocol->must_protect) {
			reply(protocol, 534, "Data connections in clear are not allowed here; use PROT P");
			break;
		}
		protocol->is_data_private = false;
		reply(protocol, 200, "Data connections are clear");
		break;
	case 's':
	case 'e':
		reply(protocol, 536, "TLS knows PROT C and P only");
		break;
	default:
		reply(protocol, 504, "Usage: PROT C | P");
		break;
	}
}

/* Going back to clear would give the rest of the session away (RFC 4217, 7: the server may refuse). */
void
cmd_ccc(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply(protocol, is_protected(protocol) ? 534 : 533, "The control connection stays protected");
}
