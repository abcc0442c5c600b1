/* SPDX-License-Identifier: ISC */
/* Take the protocol process behind its walls. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/title.h"
#include "daemon/protocol/protocol.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* The monitor logs why. A client that expects TLS gets no reply. */
static void __attribute__((noreturn))
protocol_give_up(const struct protocol_session *session)
{
	static const char leave[] = "421 " FAILURE_TEXT "\r\n";

	if (!session->is_tls)
		(void)!send(session->client_fd, leave, sizeof(leave) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	sandbox_give_up();
}

void
protocol_enter_walls(const struct protocol_session *session)
{
	const int keep[] = {session->client_fd, session->monitor_channel, session->empty_directory_fd};

	title_name("sallyport-proto");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);	/* at the end of what the quota granted, EFBIG will do */
	sandbox_report_to(session->monitor_channel);
	if (sandbox_close_all_but(keep, 3) < 0 || sandbox_chroot(session->empty_directory_fd) < 0)
		protocol_give_up(session);
	close(session->empty_directory_fd);
	if (sandbox_drop_identity(session->service_uid, session->service_gid) < 0 ||
	    sandbox_landlock_nowhere(SANDBOX_PROTOCOL) < 0 || sandbox_limit(SANDBOX_PROTOCOL) < 0 ||
	    sandbox_enter(SANDBOX_PROTOCOL, session->monitor_pid) < 0)
		protocol_give_up(session);
}
