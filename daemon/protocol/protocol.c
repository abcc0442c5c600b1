/* SPDX-License-Identifier: ISC */
/*
 * The story of the protocol process: enter the walls, greet over implicit TLS (else the monitor has greeted), run the
 * client's commands until the end.
 */
#include "daemon/protocol/ahead.h"
#include "daemon/protocol/protocol.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "common/written.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/server_choice.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/shown_server.h"
#include "daemon/protocol/variables.h"
#include "privsep/sandbox/sandbox.h"
#include "privsep/tls/context.h"
#include "privsep/tls/remote_key.h"

#include "common/banned.h"

#define AHEAD_MS 1000 /* of silence, and the listeners ahead are given up */

static struct protocol protocol BEGINS_A_PAGE;

/* The context is inherited from the master: make it this session's own. */
static void
begin_tls(void)
{
	stream_setup();
	remote_key_set_signer(ask_monitor_sign, &protocol);
	if (context_confine(protocol.session->tls) < 0)
		_exit(1);
	shown_server_prepare(&protocol);
}

static void
begin_session(const struct protocol_session *session)
{
	protocol.session = session;
	protocol.config = session->config;
	protocol.monitor_channel = session->monitor_channel;
	protocol.files_channel = -1;
	protocol.listen_fd = -1;
	protocol.state = IPC_STATE_LOGIN;
	protocol.end_reason = -1;
	stream_init(&protocol.control.stream, session->client_fd);
	protocol.control.input_wants = POLLIN;
	session_reset(&protocol);
	server_choice_settle(&protocol);
	title_set("protocol", NULL, session->peer_text);
	title_doing("login", "", 0);
	if (session->tls != NULL)
		begin_tls();
	if (!session->is_tls || !control_start_tls(&protocol))
		return;
	/* RFC 4217, appendix A.3: implicit TLS begins as if PBSZ 0 and PROT P had been sent */
	protocol.has_pbsz = protocol.is_data_private = true;
	server_choice_settle(&protocol);
	reply_with_banner(&protocol);
}

/* The monitor sent end: take leave with 421 of RFC 959. */
static void
reply_goodbye(void)
{
	const struct config *config = protocol.config;

	switch ((enum ipc_end_reason)protocol.end_reason) {
	case END_LOGIN_TIMEOUT:
		reply(&protocol, 421, "No login within %u s; closing", config->timeouts.login_s);
		break;
	case END_IDLE_TIMEOUT:
		reply(&protocol, 421, "No command for %u s; closing", config->timeouts.idle_s);
		break;
	case END_STALL_TIMEOUT:
		reply(&protocol, 421, "The transfer stood still for %u s; closing", config->timeouts.stall_s);
		break;
	case END_PLACE_NEEDED:
		reply(&protocol, 421, "The place is needed for other clients; closing");
		break;
	case END_KICKED:
		reply(&protocol, 421, "The administrator has ended this session");
		break;
	case END_BANNED:
		reply(&protocol, 421, "Too many failed logins from your address; closing");
		break;
	case END_FAILURE:
		reply(&protocol, 421, "%s", FAILURE_TEXT);
		break;
	case END_STORE_DOWN:
		reply(&protocol, 421, "Accounts cannot be looked up now; try again later");
		break;
	case END_SHARE_GONE:
		reply(&protocol, 421, "The quota of the account was divided anew among the servers; log in again");
		break;
	case END_BROKER_GONE:
		reply(&protocol, 421, "The quota of the account cannot be asked for in this session; log in again");
		break;
	case END_ACCOUNTS_CHANGED:
		reply(&protocol, 421, "The accounts were changed while you were connected; connect again");
		break;
	case END_SERVER_GONE:
		reply(&protocol, 421, "This server was configured anew; connect again");
		break;
	case END_SHUTDOWN:
	case END_DRAIN:
	case END_REASON_COUNT:
		reply(&protocol, 421, "Service is shutting down; closing");
		break;
	}
	protocol.is_over = true;
}

/* Wait until the client sent something or the monitor did, and take it in. */
static void
wait_for_input(void)
{
	struct pollfd waits[2] = {
	    {.fd = protocol.control.stream.fd},
	    {.fd = protocol.monitor_channel, .events = POLLIN},
	};
	int timeout, n;

	if (control_read_pending(&protocol))
		return;
	(void)ahead_expire(&protocol); /* also while commands come that need no port */
	data_prepare_next(&protocol);
	waits[0].events = protocol.control.input_wants;
	/* the monitor keeps the deadlines, and sends end */
	timeout = tell_monitor_left_ms(&protocol);
	if (timeout < 0 && protocol.ahead.spare.count > 0)
		timeout = AHEAD_MS;
	if (timeout < 0)
		timeout = data_left_ms(&protocol);
	n = poll(waits, 2, timeout);
	if (n == 0)
		data_expire(&protocol);
	if (n == 0 && !tell_monitor_due(&protocol))
		ahead_forget(&protocol);
	if (n <= 0)
		return;
	if (waits[1].revents != 0)
		ask_take_notice(&protocol);
	if (waits[0].revents != 0)
		control_read(&protocol);
}

void
protocol_run(const struct protocol_session *session)
{
	protocol_enter_walls(session);
	begin_session(session);
	while (!protocol.is_over) {
		if (protocol.end_reason >= 0) {
			reply_goodbye();
			break;
		}
		if (control_has_line(&protocol)) {
			command_run(&protocol);
			continue;
		}
		control_flush(&protocol);
		if (protocol.control.at_end)
			break;
		if (protocol.end_reason < 0)
			wait_for_input();
	}
	control_close(&protocol);
	_exit(0);
}
