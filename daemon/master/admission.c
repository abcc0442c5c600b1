/* SPDX-License-Identifier: ISC */
#include "daemon/master/admission.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/title.h"
#include "config/servers.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/bans.h"
#include "daemon/master/capacity.h"
#include "daemon/master/control_socket.h"
#include "daemon/master/listeners.h"
#include "daemon/master/oom.h"
#include "daemon/master/refusals.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "daemon/master/tally.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define FIRST_SESSION_FD 256 /* from here on lies what grows with the number of sessions */
#define ACCEPT_AT_ONCE 64 /* then other events get their turn */
#define NO_RESOURCES "421 No resources for another session; try again later.\r\n"

void
admission_init(struct admission *admission, struct server *server, struct sessions *sessions, struct bans *bans,
    struct control_socket *control)
{
	*admission = (struct admission){
	    .server = server,
	    .sessions = sessions,
	    .bans = bans,
	    .control = control,
	    .spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
	};
	refusals_init(server->loop);
}

/* The reply to a refused connection; NULL: accept it. is_told: log it, too. */
static const char *
refusal_reply(struct admission *admission, const union address *peer, const struct address_key *key, char *text,
    size_t size, bool *is_told)
{
	const struct config *config = admission->server->config;
	struct sessions *sessions = admission->sessions;
	uint64_t *refused = admission->server->board.head->ended.refused;
	uint32_t times;

	if (admission->server->is_draining) { /* a listener for a proxy is open still */
		refused[REFUSED_STOPPING]++;
		return "421 The server is stopping; try again later.\r\n";
	}
	times = bans_refuse(admission->bans, peer, key);
	if (times > 0) {
		/* the first, second, fourth... time: the line of the end of the ban has the number */
		*is_told = (times & (times - 1)) == 0;
		refused[REFUSED_BANNED]++;
		return "421 Your address is banned; try again later.\r\n";
	}
	if (tally_count(sessions->by_address, key, sizeof(*key)) >= config->limits.sessions_per_address) {
		snprintf(text, size, "421 Too many sessions from your address (limits.sessions-per-address = %u).\r\n",
		    config->limits.sessions_per_address);
		refused[REFUSED_ADDRESS]++;
		return text;
	}
	if (sessions->live_count >= SESSIONS_MAX ||
	    (sessions->counted >= config->limits.sessions && !sessions_make_room(sessions))) {
		snprintf(text, size, "421 Too many sessions (limits.sessions = %u); try again later.\r\n",
		    config->limits.sessions);
		refused[REFUSED_SESSIONS]++;
		return text;
	}
	return NULL;
}

/* runs as root: say why in clear and close; not to a client that expects TLS. error: 0, or -errno for the log. */
static void
refuse_client(const struct arrival *arrival, const struct address_key *key, const char *reply, int error, bool is_told)
{
	char address[ADDRESS_TEXT_MAX];
	size_t len = strlen(reply);

	if (!arrival->is_tls)
		(void)!send(arrival->fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!is_told || !refusals_take(key))
		return;
	address_text(&arrival->peer, address);
	log_set_context(NULL, NULL, address, NULL);
	log_begin(LEVEL_WARNING, "refused");
	log_field_bytes("reply", reply, len - 2);
	if (error < 0)
		log_field_text("message", capacity_shortage(-error));
	log_end();
	log_set_context(NULL, NULL, "", NULL);
}

static int
make_id(char id[SESSION_ID_SIZE])
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(id, SESSION_ID_SIZE, "%016llx", (unsigned long long)number);
	return 0;
}

static void __attribute__((noreturn))
run_monitor(const struct admission *admission, size_t row, struct session *session)
{
	const struct server *server = admission->server;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	oom_leave_protection();
	if (!sandbox_is_widened()) /* a sanitizer reports to standard error */
		dup2(STDIN_FILENO, STDERR_FILENO);
	log_set_context("monitor", session->id, session->peer_text, NULL);
	title_name("sallyport-mon");
	title_set("monitor", NULL, session->peer_text);
	control_socket_forget(admission->control);
	if (scoreboard_confine(server->board.slots, SESSIONS_MAX, row, server->board.place, &session->claims) < 0)
		_exit(MONITOR_EXIT_END);
	claims_begin(session->claims, session->started_ms);
	monitor_run(session);
}

/* Not with PAM: a process that loads modules looks for symbols in all loaded libraries. */
static void
withhold_libraries(const struct session *session, const struct accounts_loader *accounts)
{
	uint32_t unused = 0;

	if (!accounts_ask_pam(accounts))
		unused = SANDBOX_LIBRARIES_OF_MASTER | (session->tls == NULL ? 1U << SANDBOX_LIBSSL : 0);
	sandbox_withhold(unused);
}

/* What the proxy says of the connection, and what follows for PASV: see sallyport.conf(5), passive-address. */
static void
set_told_addresses(const struct arrival *arrival, struct session *session)
{
	bool is_direct = session->config->proxy_data == PROXY_DATA_DIRECT;

	session->dialled = arrival->dialled.family != AF_UNSPEC ? arrival->dialled : session->local;
	if (arrival->proxy.family == AF_UNSPEC)
		return;
	session->proxy = arrival->proxy;
	if (session->passive_told.family == AF_UNSPEC)
		session->passive_told = is_direct ? session->local : session->dialled;
	memcpy(session->unique_id, arrival->unique_id, arrival->unique_id_len);
	session->unique_id_len = arrival->unique_id_len;
}

/* A client may name another server than that of its address, where there are several. */
static void
set_credentials(const struct server *server, struct session *session)
{
	const struct credentials *own = &server->offer.credentials[servers_at(server->config, &session->dialled)];

	session->tls = own->context;
	session->key_fd = own->key_fd;
	session->credentials = server->config->server_count > 1 ? server->offer.credentials : NULL;
}

/* The master's ends of channels lie above what a new monitor copies; where they cannot, a fork costs more. */
static void
lift_channel(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_SESSION_FD);

	if (high < 0)
		return;
	close(*fd);
	*fd = high;
}

/* Fork a monitor for the client; the master's copy of its connection stays the caller's. 0 or -errno. */
static int
fork_session(struct admission *admission, const struct arrival *arrival, const struct address_key *key)
{
	const struct server *server = admission->server;
	struct session session = {
	    .client_fd = arrival->fd,
	    .log_channel = server->offer.log_channel,
	    .reserved_log_channel = server->offer.reserved_log_channel,
	    .hook_channel = server->offer.hook_channel,
	    .empty_directory_fd = server->empty_directory_fd,
	    .peer = arrival->peer,
	    .is_tls = arrival->is_tls,
	    .passive_told = server->offer.passive_told,
	    .master_pid = server->pid,
	    .service_uid = server->service_uid,
	    .service_gid = server->service_gid,
	    .hook_uid = server->offer.hook_uid,
	    .broker_uid = server->offer.broker_uid,
	    .started_ms = monotonic_ms(),
	    .config = server->config,
	    .pam_services = &admission->sessions->accounts->services,
	};
	socklen_t local_len = sizeof(session.local);
	int channels[2] = {-1, -1};
	struct slot *slot;
	size_t row;
	pid_t pid;
	int r;

	memset(&session.local, 0, sizeof(session.local));
	if (getsockname(arrival->fd, &session.local.any, &local_len) < 0)
		return -errno;
	address_unmap(&session.local);
	set_told_addresses(arrival, &session);
	set_credentials(server, &session);
	address_text(&arrival->peer, session.peer_text);
	memcpy(session.boot_id, server->boot_id, sizeof(session.boot_id));
	r = make_id(session.id);
	if (r == 0)
		r = ipc_pair(channels, 0);
	if (r < 0)
		return r;
	session.master_channel = channels[1];
	lift_channel(&channels[0]);
	sessions_close_lent(admission->sessions);
	slot = sessions_take_slot(admission->sessions);
	row = slot->row; /* the session has no slots */
	r = sessions_send_belongings(channels[0], &session);
	if (r < 0)
		goto out;
	withhold_libraries(&session, admission->sessions->accounts);
	pid = sandbox_fork_apart(session.master_channel);
	if (pid == 0)
		run_monitor(admission, row, &session);
	if (pid < 0) {
		r = -errno;
		goto out;
	}
	setpgid(pid, pid);
	sessions_enter(admission->sessions, slot, pid, channels[0], &session, key);
	sessions_lend(admission->sessions, slot, channels[1]);
	channels[0] = channels[1] = -1;
	slot = NULL;
out:
	explicit_bzero(&session, sizeof(session));
	if (slot != NULL)
		sessions_return_slot(admission->sessions, slot);
	close_fd(&channels[0]);
	close_fd(&channels[1]);
	return r;
}

/*
 * There is no descriptor left: accept and close the client with the spare one. Otherwise the listener stays readable,
 * and the loop spins. False: not even that is possible.
 */
static bool
accept_and_close(struct admission *admission, const struct listener *listener)
{
	uint64_t now = monotonic_ms();
	const char *reason = capacity_shortage(errno);
	bool is_done;
	int fd;

	if (admission->told_ms == 0 || now - admission->told_ms >= 1000) {
		admission->told_ms = now;
		log_message(LEVEL_ERROR, "accept-failed", "%s", reason);
	}
	close_fd(&admission->spare_fd);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && !listener->is_tls)
		(void)!send(fd, NO_RESOURCES, strlen(NO_RESOURCES), MSG_DONTWAIT | MSG_NOSIGNAL);
	is_done = fd >= 0;
	close_fd(&fd);
	admission->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return is_done;
}

int
admission_accept_connection(struct admission *admission, const struct listener *listener, union address *peer)
{
	socklen_t len = sizeof(*peer);
	int fd;

	memset(peer, 0, sizeof(*peer));
	fd = accept4(listener->fd, &peer->any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		address_unmap(peer);
		return fd;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return -errno;
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		return accept_and_close(admission, listener) ? -EMFILE : -EAGAIN;
	return -EAGAIN; /* or an error of the listener, which waiting does not mend */
}

void
admission_admit(struct admission *admission, const struct arrival *arrival)
{
	struct address_key key;
	char text[128];
	const char *reply;
	bool is_told = true;
	int r = 0;

	address_make_key(&arrival->peer, &key);
	reply = refusal_reply(admission, &arrival->peer, &key, text, sizeof(text), &is_told);
	if (reply == NULL) {
		r = fork_session(admission, arrival, &key);
		if (r < 0) {
			reply = NO_RESOURCES;
			admission->server->board.head->ended.refused[REFUSED_RESOURCES]++;
		}
	}
	if (reply != NULL)
		refuse_client(arrival, &key, reply, r, is_told);
}

/* False: nothing more waits. */
static bool
accept_one(struct admission *admission, const struct listener *listener)
{
	struct arrival arrival = {.is_tls = listener->is_tls};

	arrival.fd = admission_accept_connection(admission, listener, &arrival.peer);
	if (arrival.fd < 0)
		return arrival.fd != -EAGAIN;
	admission_admit(admission, &arrival);
	close_fd(&arrival.fd);
	return true;
}

bool
admission_accept(void *arg, const struct listener *listener)
{
	struct admission *admission = arg;

	for (int i = 0; i < ACCEPT_AT_ONCE; i++)
		if (!accept_one(admission, listener))
			return false;
	return true;
}
