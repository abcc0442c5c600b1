/* SPDX-License-Identifier: ISC */
/* The story of the protocol process: enter the walls, greet, run the client's commands until the end. */
#include "daemon/protocol/protocol.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/data.h"
#include "daemon/protocol/session.h"
#include "privsep/sandbox/sandbox.h"
#include "privsep/tls/context.h"
#include "privsep/tls/remote_key.h"

#include "common/banned.h"

static struct protocol protocol;

static void
enter_walls(const struct protocol_session *session)
{
	const int keep[] = {session->client_fd, session->monitor_channel, session->empty_directory_fd};

	title_name("sallyport-proto");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* at the end of what the quota granted, EFBIG will do */
	sandbox_report_to(session->monitor_channel);
	if (sandbox_close_all_but(keep, 3) < 0 || sandbox_chroot(session->empty_directory_fd) < 0)
		_exit(1);
	close(session->empty_directory_fd);
	if (sandbox_drop_identity(session->service_uid, session->service_gid) < 0 ||
	    sandbox_landlock_nowhere(SANDBOX_PROTOCOL) < 0 || sandbox_limit(SANDBOX_PROTOCOL) < 0 ||
	    sandbox_enter(SANDBOX_PROTOCOL, session->monitor_pid) < 0)
		_exit(1);
}

/* The context is inherited from the master: make it this session's own. */
static void
begin_tls(void)
{
	stream_setup();
	remote_key_set_signer(ask_monitor_sign, &protocol);
	if (context_confine(protocol.session->tls) < 0)
		_exit(1);
}

void
protocol_reset(struct protocol *state)
{
	data_forget(state);
	explicit_bzero(state->user, sizeof(state->user));
	memcpy(state->cwd.text, "/", 2);
	state->cwd.len = 1;
	state->is_ascii = true;	/* RFC 959, 3.1.1: the default */
	state->is_deflated = false;
	state->deflate_level = DEFLATE_LEVEL_DEFAULT;
	state->facts = FACTS_ALL;
	state->hash = HASH_SHA256;
	state->restart_offset = 0;
	state->range_end = UINT64_MAX;
	/* a page each, which most sessions never touch */
	if (state->rename_from.len != 0)
		state->rename_from.len = 0;
	if (state->copy_from.len != 0)
		state->copy_from.len = 0;
	state->announced = UINT64_MAX;
	state->only_epsv = false;
	state->told_size = state->quota_asked = 0;
}

/* In clear, the monitor has greeted the client. */
static void
begin(const struct protocol_session *session)
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
	protocol_reset(&protocol);
	protocol.must_protect = session->tls != NULL && session->config->tls.require;
	title_set("protocol", NULL, session->peer_text);
	title_doing("login", "", 0);
	if (session->tls != NULL)
		begin_tls();
	if (!session->is_tls || !control_start_tls(&protocol))
		return;
	/* RFC 4217, appendix A.3: implicit TLS begins as if PBSZ 0 and PROT P had been said */
	protocol.has_pbsz = protocol.is_data_private = true;
	reply(&protocol, 220, "%s", session->config->banner);
}

/* The monitor told to end: take leave in the words of RFC 959, 421. */
static void
take_leave(void)
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
	case END_SHUTDOWN:
	case END_DRAIN:
	case END_REASON_COUNT:
		reply(&protocol, 421, "Service is shutting down; closing");
		break;
	}
	protocol.is_over = true;
}

void
protocol_run(const struct protocol_session *session)
{
	enter_walls(session);
	begin(session);
	while (!protocol.is_over) {
		if (protocol.end_reason >= 0) {
			take_leave();
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
			control_wait(&protocol);
	}
	control_close(&protocol);
	_exit(0);
}
