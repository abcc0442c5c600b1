/* The story of the protocol process: enter the walls, greet, run the client's commands until the end. */
#include "daemon/protocol/protocol.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/session.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

static struct protocol protocol;

static void
enter_walls(const struct protocol_session *session)
{
	const int keep[] = {session->client_fd, session->monitor_channel, session->empty_directory_fd};

	signal(SIGPIPE, SIG_IGN);
	sandbox_report_to(session->monitor_channel);
	if (sandbox_close_all_but(keep, 3) < 0 || sandbox_chroot(session->empty_directory_fd) < 0)
		_exit(1);
	close(session->empty_directory_fd);
	if (sandbox_drop_identity(session->service_uid, session->service_gid) < 0 ||
	    sandbox_limit(SANDBOX_PROTOCOL) < 0 || sandbox_enter(SANDBOX_PROTOCOL, session->monitor_pid) < 0)
		_exit(1);
}

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
	protocol.is_ascii = true;	/* RFC 959, 3.1.1: the default */
	memcpy(protocol.cwd.text, "/", 2);
	protocol.cwd.len = 1;
	stream_init(&protocol.control.stream, session->client_fd);
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
	control_flush(&protocol);
	_exit(0);
}
