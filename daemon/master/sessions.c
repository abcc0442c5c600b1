/* SPDX-License-Identifier: ISC */
#include "daemon/master/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accounts/refusal_time.h"
#include "common/death.h"
#include "common/io.h"
#include "common/title.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/bans.h"
#include "daemon/master/capacity.h"
#include "daemon/master/control_request.h"
#include "daemon/master/master.h"
#include "daemon/master/oom.h"
#include "daemon/master/ports.h"
#include "daemon/master/refusals.h"
#include "daemon/master/work.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define ACCEPT_AT_ONCE 64 /* then other events get their turn */
/* A session without login gives its place up only when it had this long to log in. */
#define GIVE_WAY_AFTER_MS 3000

/*
 * From the moment at which a session is to end until it is killed. Its monitor kills protocol after three seconds,
 * and waits five more for files at most.
 */
#define LEAVE_MS 10000

/* So many addresses fill all turns for PAM, and no fewer. */
#define PAM_ADDRESSES_MIN 4

/* Between two yields for the same session that waits for a port. */
#define PORTS_SHORT_MS 100

#define NO_RESOURCES "421 No resources for another session; try again later.\r\n"

/* What the master alone keeps of sessions and addresses, and no other process has a copy of. */
struct books {
	struct failures failures;
	struct slot slots[SESSIONS_MAX];
};

static int spare_fd = -1; /* given up for a moment when there is no descriptor left */

static struct ipc_message message;

static void slot_ended(void *arg);
static void slot_overdue_due(void *arg);

int
sessions_init(struct master *master)
{
	struct books *books;
	int r;

	master->started_ms = monotonic_ms();
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	TAILQ_INIT(&master->live);
	TAILQ_INIT(&master->arriving);
	TAILQ_INIT(&master->free);
	refusals_init(master->loop);
	work_init(master);
	ports_init(master);
	books = mmap(NULL, sizeof(*books), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (books == MAP_FAILED)
		return -errno;
	/* a session has no need to know who else is here, and a fork is cheaper without */
	if (madvise(books, sizeof(*books), MADV_DONTFORK) < 0)
		return -errno;
	master->failures = &books->failures;
	master->slots = books->slots;
	master->grant = (struct loop_timer){.due = sessions_grant_due, .arg = master};
	/* a former server's sessions are counted as well */
	r = failures_init(&books->failures);
	if (r == 0)
		r = tally_new(2 * SESSIONS_MAX, &master->by_address);
	if (r == 0)
		r = tally_new(2 * SESSIONS_MAX, &master->by_user);
	for (size_t kind = 0; r == 0 && kind < TURN_KIND_COUNT; kind++)
		r = turns_new(SESSIONS_MAX + JUDGEMENTS_MAX, &master->turns[kind]);
	if (r == 0)
		r = judgements_new(&master->judgements);
	return r < 0 ? r : board_new(&master->board, SESSIONS_MAX, (uint64_t)time(NULL));
}

void
sessions_count(struct master *master, const struct address_key *address, const char *user)
{
	/* neither can be full: there are never more sessions than keys */
	(void)!tally_add(master->by_address, address, sizeof(*address));
	if (user[0] != '\0')
		(void)!tally_add(master->by_user, user, strlen(user));
}

void
sessions_uncount(struct master *master, const struct address_key *address, const char *user)
{
	tally_remove(master->by_address, address, sizeof(*address));
	if (user[0] != '\0')
		tally_remove(master->by_user, user, strlen(user));
}

static uint64_t
forget_ms(const struct master *master)
{
	return 1000 * master->config->limits.ban_time_s;
}

static size_t
row_of(const struct master *master, const struct slot *slot)
{
	return (size_t)(slot - master->slots);
}

/* Admission. */

/* It has logged in, or it leaves: no place can be made by ending it. */
static void
arrives_no_more(struct master *master, struct slot *slot)
{
	if (slot->is_arriving)
		TAILQ_REMOVE(&master->arriving, slot, arriving);
	slot->is_arriving = false;
}

/* It is to end by itself, within LEAVE_MS. */
static void
expect_end(struct master *master, struct slot *slot)
{
	timer_hasten(master->loop, &slot->overdue, monotonic_ms() + LEAVE_MS);
}

static void
tell_slot_end(struct master *master, struct slot *slot, enum ipc_end_reason reason)
{
	if (slot->channel < 0)
		return;
	ipc_begin(&message, IPC_end);
	ipc_put_u8(&message, (uint8_t)reason);
	ipc_send_now(slot->channel, &message, -1);
	slot->was_told_to_end = true;
	if (reason != END_DRAIN) /* the drain has a deadline of its own */
		expect_end(master, slot);
	arrives_no_more(master, slot);
	board_ending(&master->board, row_of(master, slot));
}

/* Have the oldest session that did not log in make room. False: there is none. */
static bool
make_room(struct master *master)
{
	struct slot *slot = TAILQ_FIRST(&master->arriving);

	if (slot == NULL || monotonic_ms() - slot->started_ms < GIVE_WAY_AFTER_MS)
		return false; /* and all behind it are younger */
	tell_slot_end(master, slot, END_PLACE_NEEDED);
	return true;
}

/* The reply of a refused connection, or NULL: it may come in. is_told: the log is told, too. */
static const char *
refusal(struct master *master, const union address *peer, const struct address_key *key, char *text, size_t size,
    bool *is_told)
{
	const struct config *config = master->config;
	uint64_t *refused = master->board.head->ended.refused;
	uint32_t times = bans_refuse(master, peer, key);

	if (times > 0) {
		/* the first, second, fourth... time: the line of the end of the ban has the number */
		*is_told = (times & (times - 1)) == 0;
		refused[REFUSED_BANNED]++;
		return "421 Your address is banned; try again later.\r\n";
	}
	if (tally_count(master->by_address, key, sizeof(*key)) >= config->limits.sessions_per_address) {
		snprintf(text, size, "421 Too many sessions from your address (limits.sessions-per-address = %u).\r\n",
		    config->limits.sessions_per_address);
		refused[REFUSED_ADDRESS]++;
		return text;
	}
	if (master->live_count >= SESSIONS_MAX ||
	    (master->live_count + master->upgrade.foreign_count >= config->limits.sessions && !make_room(master))) {
		snprintf(text, size, "421 Too many sessions (limits.sessions = %u); try again later.\r\n",
		    config->limits.sessions);
		refused[REFUSED_SESSIONS]++;
		return text;
	}
	return NULL;
}

/* runs as root: say why in clear and close; not to a client that expects TLS. error: 0, or -errno for the log. */
static void
refuse(int client_fd, const struct listener *listener, const union address *peer, const struct address_key *key,
    const char *reply, int error, bool is_told)
{
	char address[ADDRESS_TEXT_MAX];
	size_t len = strlen(reply);

	if (!listener->is_tls)
		(void)!send(client_fd, reply, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!is_told || !refusals_take(key))
		return;
	address_text(peer, address);
	log_set_context(NULL, NULL, address, NULL);
	log_begin(LEVEL_WARNING, "refused");
	log_field_bytes("reply", reply, len - 2);
	if (error < 0)
		log_field_text("message", capacity_shortage(-error));
	log_end();
	log_set_context(NULL, NULL, "", NULL);
}

/* Fork. */

struct slot *
sessions_take_slot(struct master *master)
{
	struct slot *slot = TAILQ_FIRST(&master->free);

	if (slot != NULL)
		TAILQ_REMOVE(&master->free, slot, free);
	else
		slot = &master->slots[master->used++];
	memset(slot, 0, sizeof(*slot));
	slot->master = master;
	slot->channel = -1;
	slot->source = (struct loop_source){.ready = slot_ready, .arg = slot};
	slot->monitor = (struct loop_child){.gone = slot_gone, .ended = slot_ended, .arg = slot};
	slot->overdue = (struct loop_timer){.due = slot_overdue_due, .arg = slot};
	return slot;
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

static void __attribute__((noreturn)) run_monitor(struct master *master, struct slot *slot, struct session *session)
{
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
	control_socket_forget(master);
	if (scoreboard_confine(master->board.slots, SESSIONS_MAX, row_of(master, slot), &session->claims) < 0)
		_exit(MONITOR_EXIT_END);
	claims_begin(session->claims, session->started_ms);
	monitor_run(session);
}

/* Not where PAM is asked: a process that loads modules looks for symbols in everything that is loaded. */
static void
withhold_libraries(const struct master *master)
{
	uint32_t unused = 0;

	if (master->config->pam_service[0] == '\0')
		unused = SANDBOX_LIBRARIES_OF_MASTER | (master->certificate.context == NULL ? 1U << SANDBOX_LIBSSL : 0);
	sandbox_withhold(unused);
}

void
sessions_enter(struct master *master, struct slot *slot, pid_t pid, int channel, const struct session *session,
    const struct address_key *address)
{
	slot->monitor_pid = pid;
	slot->channel = channel;
	memcpy(slot->id, session->id, sizeof(slot->id));
	board_begin(&master->board, row_of(master, slot), session->id, session->peer_text, session->is_tls,
	    (uint64_t)time(NULL), session->started_ms);
	slot->address = *address;
	slot->started_ms = session->started_ms;
	TAILQ_INSERT_TAIL(&master->live, slot, live);
	TAILQ_INSERT_TAIL(&master->arriving, slot, arriving);
	slot->is_arriving = true;
	child_add(master->loop, &slot->monitor, pid);
	sessions_count(master, address, "");
	master->live_count++;
	timer_set(master->loop, &slot->overdue,
	    slot->started_ms + 1000ULL * master->config->timeouts.login_s + LEAVE_MS);
	if (loop_watch(master->loop, &slot->source, channel) < 0)
		kill(-pid, SIGKILL);
}

/* Fork a monitor for the client; the master's copy of client_fd stays the caller's. 0 or -errno. */
static int
fork_session(struct master *master, const struct listener *listener, int client_fd, const union address *peer,
    const struct address_key *key)
{
	struct session session = {
	    .client_fd = client_fd,
	    .log_channel = master->logger.records,
	    .reserved_log_channel = master->logger.reserved,
	    .hook_channel = master->hooks.uploads,
	    .empty_directory_fd = master->empty_directory_fd,
	    .peer = *peer,
	    .is_tls = listener->is_tls,
	    .passive_told = master->passive.told,
	    .tls = master->certificate.context,
	    .key_fd = master->certificate.key_fd,
	    .master_pid = master->pid,
	    .service_uid = master->service_uid,
	    .service_gid = master->service_gid,
	    .started_ms = monotonic_ms(),
	    .config = master->config,
	};
	socklen_t local_len = sizeof(session.local);
	int channels[2] = {-1, -1};
	struct slot *slot = NULL;
	pid_t pid;
	int r;

	memset(&session.local, 0, sizeof(session.local));
	if (getsockname(client_fd, &session.local.any, &local_len) < 0)
		return -errno;
	address_unmap(&session.local);
	address_text(peer, session.peer_text);
	memcpy(session.boot_id, master->boot_id, sizeof(session.boot_id));
	r = make_id(session.id);
	if (r == 0)
		r = ipc_pair(channels, 0);
	if (r < 0)
		return r;
	session.master_channel = channels[1];
	slot = sessions_take_slot(master);
	withhold_libraries(master);
	pid = sandbox_fork();
	if (pid == 0)
		run_monitor(master, slot, &session);
	if (pid < 0) {
		r = -errno;
		goto out;
	}
	setpgid(pid, pid);
	sessions_enter(master, slot, pid, channels[0], &session, key);
	channels[0] = -1;
	slot = NULL;
out:
	explicit_bzero(&session, sizeof(session));
	if (slot != NULL)
		TAILQ_INSERT_HEAD(&master->free, slot, free);
	close_fd(&channels[0]);
	close_fd(&channels[1]);
	return r;
}

/*
 * There is no descriptor for whoever waits. Left in the queue, he would wake the master for ever: he is
 * taken with the spare one, told, and let go. False: not even that.
 */
static bool
turn_away(const struct listener *listener)
{
	static uint64_t told_ms;
	uint64_t now = monotonic_ms();
	const char *reason = capacity_shortage(errno);
	bool is_done;
	int fd;

	if (told_ms == 0 || now - told_ms >= 1000) {
		told_ms = now;
		log_message(LEVEL_ERROR, "accept-failed", "%s", reason);
	}
	close_fd(&spare_fd);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && !listener->is_tls)
		(void)!send(fd, NO_RESOURCES, strlen(NO_RESOURCES), MSG_DONTWAIT | MSG_NOSIGNAL);
	is_done = fd >= 0;
	close_fd(&fd);
	spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return is_done;
}

/* False: nothing more waits. */
static bool
accept_one(struct master *master, const struct listener *listener)
{
	union address peer;
	socklen_t len = sizeof(peer);
	struct address_key key;
	char text[128];
	const char *reply;
	bool is_told = true;
	int fd, r = 0;

	memset(&peer, 0, sizeof(peer));
	fd = accept4(listener->fd, &peer.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			return turn_away(listener);
		return errno == EINTR || errno == ECONNABORTED;
	}
	address_unmap(&peer);
	address_make_key(&peer, &key);
	reply = refusal(master, &peer, &key, text, sizeof(text), &is_told);
	if (reply == NULL) {
		r = fork_session(master, listener, fd, &peer, &key);
		if (r < 0) {
			reply = NO_RESOURCES;
			master->board.head->ended.refused[REFUSED_RESOURCES]++;
		}
	}
	if (reply != NULL)
		refuse(fd, listener, &peer, &key, reply, r, is_told);
	close(fd);
	return true;
}

bool
sessions_accept(struct master *master, const struct listener *listener)
{
	for (int i = 0; i < ACCEPT_AT_ONCE; i++)
		if (!accept_one(master, listener))
			return false;
	return true;
}

/* Messages of a monitor. */

/* The attempt is over: others may have its turns. */
static void
leave_turns(struct master *master, struct slot *slot)
{
	for (size_t kind = 0; kind < TURN_KIND_COUNT; kind++)
		turns_leave(master->turns[kind], &slot->turns[kind]);
}

/* The monitor was told to check the password, and has not said yet what came of it. */
static bool
has_turn(const struct slot *slot)
{
	return slot->turns[TURN_HASH].state == TURN_HELD || slot->turns[TURN_PAM].state == TURN_HELD;
}

/*
 * The session leaves while its password is checked. That is a guess like every other: otherwise a client that leaves
 * before PAM has answered could try for ever, without delay and ban. Not where we ended it. Its turn for the hash stays
 * until it is known how the monitor ended.
 */
static void
note_abandoned(struct master *master, struct slot *slot)
{
	bool is_checked = has_turn(slot) || slot->turns[TURN_HASH].state == TURN_GIVEN_BACK;

	slot->has_abandoned = is_checked && !slot->was_told_to_end;
	turns_leave(master->turns[TURN_PAM], &slot->turns[TURN_PAM]);
	if (!slot->has_abandoned)
		turns_leave(master->turns[TURN_HASH], &slot->turns[TURN_HASH]);
}

/* is_failure: the guess counts. Where memory is short, the kernel ends monitors, and the client has no part in it. */
static void
judge_abandoned(struct master *master, struct slot *slot, bool is_failure)
{
	if (!slot->has_abandoned)
		return;
	slot->has_abandoned = false;
	if (is_failure)
		judgements_add(master, &slot->address, &slot->turns[TURN_HASH],
		    refusal_due_ms(slot->granted_ms, slot->refusal_step_ms, monotonic_ms()));
	else
		turns_leave(master->turns[TURN_HASH], &slot->turns[TURN_HASH]);
	sessions_grant_soon(master);
}

static void
close_channel(struct master *master, struct slot *slot)
{
	if (slot->channel < 0)
		return;
	loop_close(master->loop, &slot->source, &slot->channel);
	note_abandoned(master, slot);
	work_leave(master, slot);
	ports_leave(master, slot);
	arrives_no_more(master, slot);
	expect_end(master, slot);
	child_leaves(master->loop, &slot->monitor);
	sessions_grant_soon(master);
}

/* A monitor that breaks the table is not trusted with anything more. */
static void
end_for_violation(struct master *master, struct slot *slot, const char *what)
{
	log_set_context(NULL, slot->id, NULL, NULL);
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("violation", what);
	log_field_text("by", "monitor");
	log_end();
	log_set_context(NULL, "", NULL, NULL);
	close_channel(master, slot);
	judge_abandoned(master, slot, true);
	kill(-slot->monitor_pid, SIGKILL);
}

static void
master_answer_attempt(struct master *master, struct slot *slot)
{
	if (slot->turns[TURN_HASH].state != TURN_NONE || slot->is_logged_in) {
		end_for_violation(master, slot, "attempt out of order");
		return;
	}
	turns_wait(master->turns[TURN_HASH], &slot->turns[TURN_HASH], &slot->address);
}

/* The hash is computed, and the users file does not have the name. */
static void
master_answer_attempt_pam(struct master *master, struct slot *slot)
{
	if (slot->turns[TURN_HASH].state != TURN_HELD) {
		end_for_violation(master, slot, "attempt_pam out of order");
		return;
	}
	turns_give_back(master->turns[TURN_HASH], &slot->turns[TURN_HASH]);
	turns_wait(master->turns[TURN_PAM], &slot->turns[TURN_PAM], &slot->address);
}

static void
master_answer_verdict(struct master *master, struct slot *slot)
{
	bool is_right = ipc_get_u8(&message) != 0;

	if (!ipc_end(&message) || !has_turn(slot)) {
		end_for_violation(master, slot, "verdict out of order");
		return;
	}
	if (!is_right)
		judgements_add(master, &slot->address, &slot->turns[TURN_HASH],
		    refusal_due_ms(slot->granted_ms, slot->refusal_step_ms, monotonic_ms()));
	leave_turns(master, slot);
}

static enum ipc_admit_outcome
admit(const struct master *master, const char *user, uint32_t max_sessions)
{
	uint32_t count = tally_count(master->by_user, user, strlen(user));

	if (max_sessions != 0 && count >= max_sessions)
		return ADMIT_ACCOUNT_LIMIT;
	return count >= master->config->limits.sessions_per_user ? ADMIT_USER_LIMIT : ADMIT_YES;
}

static void
master_answer_admit(struct master *master, struct slot *slot)
{
	uint32_t max_sessions = ipc_get_u32(&message);
	char user[ACCOUNT_NAME_MAX + 1];
	enum ipc_admit_outcome outcome;

	ipc_get_text(&message, user, sizeof(user));
	if (!ipc_end(&message) || !has_turn(slot) || user[0] == '\0') {
		end_for_violation(master, slot, "admit out of order");
		return;
	}
	leave_turns(master, slot); /* the password was right */
	outcome = admit(master, user, max_sessions);
	if (outcome == ADMIT_YES) {
		slot->is_logged_in = true;
		memcpy(slot->user, user, sizeof(slot->user));
		arrives_no_more(master, slot);
		timer_stop(master->loop, &slot->overdue);
		(void)!tally_add(master->by_user, user, strlen(user));
		board_login(&master->board, row_of(master, slot), user);
	}
	ipc_begin_reply(&message, IPC_admit, 0);
	ipc_put_u32(&message, (uint32_t)outcome);
	if (ipc_send_now(slot->channel, &message, -1) < 0)
		close_channel(master, slot);
}

static void
master_answer_turn(struct master *master, struct slot *slot)
{
	bool is_change = ipc_get_u8(&message) != 0;
	uint32_t pid = ipc_get_u32(&message);

	if (!ipc_end(&message) || !work_begin(master, slot, (pid_t)pid, is_change))
		end_for_violation(master, slot, "turn out of order");
}

/* The fields of a host, with port 0. False: they are none. */
static bool
get_host(union address *address)
{
	uint8_t family = ipc_get_u8(&message);
	size_t len;
	const void *host = ipc_get_bytes(&message, 16, &len);

	memset(address, 0, sizeof(*address));
	if ((family != 4 && family != 6) || len != 16)
		return false;
	address->family = family == 6 ? AF_INET6 : AF_INET;
	memcpy(family == 6 ? (void *)&address->v6.sin6_addr : (void *)&address->v4.sin_addr, host, family == 6 ? 16 : 4);
	return true;
}

static void
master_answer_announced(struct master *master, struct slot *slot)
{
	union address bound;
	bool is_host = get_host(&bound);
	uint32_t port = ipc_get_u32(&message);

	if (!ipc_end(&message) || !is_host || port == 0 || port > UINT16_MAX || !slot->is_logged_in) {
		end_for_violation(master, slot, "malformed announced");
		return;
	}
	address_set_port(&bound, (uint16_t)port);
	ports_announce(master, slot, &bound, monotonic_ms());
}

/* One session may have another one yield a few times a second, however often it asks. */
static void
master_answer_ports_short(struct master *master, struct slot *slot)
{
	union address local;
	bool is_host = get_host(&local);
	uint32_t low = ipc_get_u32(&message), high = ipc_get_u32(&message);
	uint64_t now = monotonic_ms();

	if (!ipc_end(&message) || !is_host || high > UINT16_MAX || low > high || !slot->is_logged_in) {
		end_for_violation(master, slot, "malformed ports_short");
		return;
	}
	if (now - slot->ports_short_ms < PORTS_SHORT_MS)
		return;
	slot->ports_short_ms = now;
	(void)!ports_yield(master, &local, (uint16_t)low, (uint16_t)high, now);
}

static void
log_monitor_alarm(const struct slot *slot)
{
	uint32_t number = ipc_get_u32(&message);

	log_set_context(NULL, slot->id, NULL, NULL);
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("died", "monitor");
	log_field_text("stopped_at", sandbox_syscall_name(number));
	log_end();
	log_set_context(NULL, "", NULL, NULL);
}

/* The kernel does not end the rest: a monitor is the service user by now, and may not signal files, which is somebody else. */
static void
slot_ended(void *arg)
{
	const struct slot *slot = arg;

	kill(-slot->monitor_pid, SIGKILL);
}

static void
receive(struct master *master, struct slot *slot)
{
	int r;

	r = ipc_receive_now(
	    slot->channel, IPC_MASTER, slot->is_logged_in ? IPC_STATE_READY : IPC_STATE_LOGIN, &message);
	if (r == -EAGAIN)
		return;
	if (r == -EPROTO) {
		end_for_violation(master, slot, "message outside the table");
		return;
	}
	if (r < 0) {
		close_channel(master, slot);
		child_reap(master->loop, &slot->monitor); /* it may have been gone before its SIGCHLD was read as another's */
		return;
	}
	switch (message.kind) {
	case IPC_attempt:
		master_answer_attempt(master, slot);
		break;
	case IPC_attempt_pam:
		master_answer_attempt_pam(master, slot);
		break;
	case IPC_verdict:
		master_answer_verdict(master, slot);
		break;
	case IPC_admit:
		master_answer_admit(master, slot);
		break;
	case IPC_turn:
		master_answer_turn(master, slot);
		break;
	case IPC_turn_end:
		if (!work_end(master, slot))
			end_for_violation(master, slot, "turn_end out of order");
		break;
	case IPC_announced:
		master_answer_announced(master, slot);
		break;
	case IPC_announced_end:
		ports_leave(master, slot);
		break;
	case IPC_ports_short:
		master_answer_ports_short(master, slot);
		break;
	case IPC_alarm:
		log_monitor_alarm(slot);
		break;
	default:
		end_for_violation(master, slot, ipc_kind_name(message.kind));
	}
}

void
slot_ready(void *arg)
{
	struct slot *slot = arg;
	struct master *master = slot->master;

	receive(master, slot);
	ipc_wipe(&message); /* the next session that is forked has a copy of it */
	sessions_grant_soon(master);
}

static struct slot *
slot_of_turn(struct turn *turn, enum turn_kind kind)
{
	return (struct slot *)(void *)((char *)(turn - kind) - offsetof(struct slot, turns));
}

static void
grant(struct master *master, struct turn *turn, enum turn_kind kind)
{
	struct slot *slot = slot_of_turn(turn, kind);
	bool is_hash = kind == TURN_HASH;

	turns_take(master->turns[kind], turn);
	ipc_begin_reply(&message, is_hash ? IPC_attempt : IPC_attempt_pam, 0);
	if (is_hash) {
		slot->granted_ms = monotonic_ms();
		slot->refusal_step_ms = master->accounts.refusal_step_ms;
		ipc_put_u32(&message, slot->refusal_step_ms);
	}
	if (ipc_send_now(slot->channel, &message, is_hash ? master->accounts.fd : -1) < 0)
		close_channel(master, slot);
}

/* Failures of its address put it off. Asked when it could have its turn, so that failures of parallel attempts count. */
static bool
is_slowed(struct master *master, struct turn *turn, uint64_t now)
{
	const struct slot *slot = slot_of_turn(turn, TURN_HASH);

	if (turn->not_before_ms == 0)
		turn->not_before_ms = failures_reserve(master->failures, &slot->address, now, forget_ms(master));
	return turn->not_before_ms > now;
}

/*
 * The turns for PAM that one address may have, alone or not: whoever holds one computes nothing, so that keeping the
 * rest for others costs nothing either.
 */
static uint32_t
pam_share(const struct master *master)
{
	uint32_t most = master->config->limits.concurrent_pam;

	if (master->config->pam_service[0] == '\0')
		return 0;
	return most < PAM_ADDRESSES_MIN ? 1 : most / PAM_ADDRESSES_MIN;
}

static uint64_t
grant_hashes(struct master *master, uint64_t now)
{
	struct turns *turns = master->turns[TURN_HASH];
	uint32_t most = master->config->limits.concurrent_hashes;
	struct turn *turn;

	if (turns_waiting(turns) == 0 || !accounts_are_fresh(master))
		return UINT64_MAX;
	turns_set_bounds(turns, most, most > pam_share(master) ? most : pam_share(master));
	while ((turn = turns_next(turns, now)) != NULL)
		if (is_slowed(master, turn, now))
			turns_put_off(turns, turn, turn->not_before_ms);
		else
			grant(master, turn, TURN_HASH);
	return turns_due_ms(turns);
}

static void
grant_pam(struct master *master, uint64_t now)
{
	struct turns *turns = master->turns[TURN_PAM];
	struct turn *turn;

	turns_set_bounds(turns, master->config->limits.concurrent_pam, pam_share(master));
	while ((turn = turns_next(turns, now)) != NULL)
		grant(master, turn, TURN_PAM);
}

void
sessions_grant_due(void *arg)
{
	struct master *master = arg;
	uint64_t now, next;

	if (turns_waiting(master->turns[TURN_HASH]) + turns_waiting(master->turns[TURN_PAM]) == 0)
		return;
	now = monotonic_ms();
	grant_pam(master, now);
	next = grant_hashes(master, now);
	if (next != UINT64_MAX)
		timer_hasten(master->loop, &master->grant, next);
}

void
sessions_grant_soon(struct master *master)
{
	timer_set(master->loop, &master->grant, 0);
}

static void
slot_overdue_due(void *arg)
{
	struct slot *slot = arg;
	struct master *master = slot->master;
	const struct board_row *row = &master->board.rows[row_of(master, slot)];

	log_set_context(NULL, slot->id, row->address, row->user);
	log_begin(LEVEL_ERROR, "killed");
	log_field_text("reason",
	    slot->channel < 0           ? "it closed its channel and did not end"
		: slot->was_told_to_end ? "it was told to end and did not"
					: "it did not end at the login timeout");
	log_field_u64("milliseconds", monotonic_ms() - slot->started_ms);
	log_end();
	log_set_context(NULL, "", "", "");
	slot->was_told_to_end = true;
	judge_abandoned(master, slot, true);
	kill(-slot->monitor_pid, SIGKILL);
	/* what the disk holds is killed once more, until it can be reaped */
	timer_set(master->loop, &slot->overdue, monotonic_ms() + LEAVE_MS);
}

void
slot_gone(void *arg, int status)
{
	struct slot *slot = arg;
	struct master *master = slot->master;
	pid_t pid = slot->monitor_pid;

	while (slot->channel >= 0 && ipc_receive_now(slot->channel, IPC_MASTER, IPC_STATE_ANY, &message) == 0) {
		if (message.kind == IPC_alarm)
			log_monitor_alarm(slot);
		ipc_drop_fds(&message);
	}
	ipc_wipe(&message);
	if (WIFSIGNALED(status) && !slot->was_told_to_end) {
		log_set_context(NULL, slot->id, NULL, NULL);
		log_begin(LEVEL_CRITICAL, "alarm");
		log_field_text("died", "monitor");
		log_field_u64("died_pid", (uint64_t)pid);
		log_field_u64("signal", (uint64_t)WTERMSIG(status));
		if (death_is_kill(status))
			log_field_text("message", DEATH_BY_KILL);
		log_end();
		log_set_context(NULL, "", NULL, NULL);
	}
	if ((WIFSIGNALED(status) && !slot->was_told_to_end) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == MONITOR_EXIT_ALARM))
		master->board.head->ended.alarms++;
	/* a process that was stopped or crashed counts as a failed login of its address; a kill from this host does not */
	if ((WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == MONITOR_EXIT_ALARM))
		bans_failed(master, &slot->address);
	close_channel(master, slot);
	judge_abandoned(master, slot, !death_is_kill(status));
	board_end(&master->board, row_of(master, slot));
	sessions_uncount(master, &slot->address, slot->user);
	timer_stop(master->loop, &slot->overdue);
	TAILQ_REMOVE(&master->live, slot, live);
	TAILQ_INSERT_HEAD(&master->free, slot, free);
	slot->monitor_pid = 0;
	upgrade_session_gone(master, slot);
	master->live_count--;
}

static bool
is_meant(const struct master *master, const struct slot *slot, const struct control_request *request)
{
	char address[ADDRESS_TEXT_MAX];

	switch (request->target) {
	case CONTROL_ALL:
		return true;
	case CONTROL_ID:
		return strcmp(slot->id, request->value) == 0;
	case CONTROL_USER:
		return slot->is_logged_in && strcmp(slot->user, request->value) == 0;
	case CONTROL_ADDRESS:
		address_text(&request->address, address);
		return strcmp(master->board.rows[row_of(master, slot)].address, address) == 0;
	case CONTROL_TARGET_COUNT:
		break;
	}
	return false;
}

size_t
sessions_kick(struct master *master, const struct control_request *request)
{
	struct slot *slot;
	size_t count = 0;

	TAILQ_FOREACH(slot, &master->live, live)
	{
		if (!is_meant(master, slot, request))
			continue;
		tell_slot_end(master, slot, END_KICKED);
		count++;
	}
	return count;
}

size_t
sessions_notify(struct master *master, const struct control_request *request)
{
	struct slot *slot;
	size_t count = 0;

	ipc_begin(&message, IPC_notice);
	ipc_put_text(&message, request->text);
	TAILQ_FOREACH(slot, &master->live, live)
	if (is_meant(master, slot, request) && slot->channel >= 0)
		count += ipc_send_now(slot->channel, &message, -1) == 0;
	ipc_wipe(&message);
	return count;
}

void
sessions_end_unwelcome(struct master *master, const struct address_key *address)
{
	struct slot *slot = TAILQ_FIRST(&master->arriving);

	while (slot != NULL) {
		struct slot *following = TAILQ_NEXT(slot, arriving);

		if (memcmp(&slot->address, address, sizeof(*address)) == 0)
			tell_slot_end(master, slot, END_BANNED);
		slot = following;
	}
}

void
sessions_tell_end(struct master *master, enum ipc_end_reason reason)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &master->live, live)
	tell_slot_end(master, slot, reason);
}

void
sessions_kill(struct master *master)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &master->live, live)
	kill(-slot->monitor_pid, SIGKILL);
}
