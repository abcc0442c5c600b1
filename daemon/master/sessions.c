/* SPDX-License-Identifier: ISC */
#include "daemon/master/sessions.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accounts/refusal_time.h"
#include "common/death.h"
#include "common/home_path.h"
#include "common/io.h"
#include "config/servers.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/bans.h"
#include "daemon/master/broker_worker.h"
#include "daemon/master/control_request.h"
#include "daemon/master/failures.h"
#include "daemon/master/judgements.h"
#include "daemon/master/server.h"
#include "daemon/master/tally.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* A session without login gives its place up only when it had this long to log in. */
#define GIVE_WAY_AFTER_MS 3000

/*
 * From the moment at which a session is to end until it is killed. Its monitor kills protocol after three seconds,
 * and waits five more for files at most.
 */
#define LEAVE_MS 10000

/* So many addresses fill all turns for PAM, and no fewer. */
#define PAM_ADDRESSES_MIN 4

/* One of several users files is read: those of others go on, and this one looks again. */
#define LOADER_LOOK_MS 50

/* Between two yields for the same session that waits for a port. */
#define PORTS_SHORT_MS 100

/* A monitor has taken its belongings by then, unless the machine is very busy. */
#define LOOK_AT_LENT_MS 100

static struct ipc_message message;

static void lent_due(void *arg);
static void slot_ended(void *arg);
static void slot_overdue_due(void *arg);
static void sessions_accounts_ended(void *arg);
static void sessions_judged(void *arg, const struct address_key *address, bool is_failure);

/* No other process has a copy: a session needs nothing of others, and a fork is cheaper without. */
static int
make_slots(struct slot **slots_out)
{
	const size_t size = SESSIONS_MAX * sizeof(struct slot);
	struct slot *slots =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (slots == MAP_FAILED)
		return -errno;
	*slots_out = slots;
	return madvise(slots, size, MADV_DONTFORK) < 0 ? -errno : 0;
}

int
sessions_init(struct sessions *sessions, struct server *server, struct bans *bans, struct accounts_loader *accounts)
{
	int r;

	*sessions = (struct sessions){
	    .server = server,
	    .bans = bans,
	    .accounts = accounts,
	    .grant = {.due = sessions_grant_due, .arg = sessions},
	    .lent_due = {.due = lent_due, .arg = sessions},
	};
	TAILQ_INIT(&sessions->live);
	TAILQ_INIT(&sessions->arriving);
	TAILQ_INIT(&sessions->free);
	TAILQ_INIT(&sessions->lent);
	work_init(&sessions->work, server);
	home_counts_init(&sessions->counts, server, accounts);
	ports_init(&sessions->ports, &server->board);
	r = make_slots(&sessions->slots);
	/* a former server's sessions are counted as well */
	if (r == 0)
		r = tally_new(2 * SESSIONS_MAX, &sessions->by_address);
	if (r == 0)
		r = tally_new(2 * SESSIONS_MAX, &sessions->by_user);
	for (size_t kind = 0; r == 0 && kind < TURN_KIND_COUNT; kind++)
		r = turns_new(SESSIONS_MAX + JUDGEMENTS_MAX, &sessions->turns[kind]);
	if (r == 0)
		r = judgements_new(
		    server->loop, sessions->turns[TURN_HASH], sessions_judged, sessions, &sessions->judgements);
	accounts->ended = sessions_accounts_ended;
	accounts->ended_arg = sessions;
	return r < 0 ? r : board_new(&server->board, SESSIONS_MAX, (uint64_t)time(NULL));
}

void
sessions_count(struct sessions *sessions, const struct address_key *address, const char *user)
{
	sessions->counted++;
	/* neither can be full: there are never more sessions than keys */
	(void)!tally_add(sessions->by_address, address, sizeof(*address));
	if (user[0] != '\0')
		(void)!tally_add(sessions->by_user, user, strlen(user));
}

void
sessions_uncount(struct sessions *sessions, const struct address_key *address, const char *user)
{
	sessions->counted--;
	tally_remove(sessions->by_address, address, sizeof(*address));
	if (user[0] != '\0')
		tally_remove(sessions->by_user, user, strlen(user));
}

/* It has logged in, or it leaves: no place can be made by ending it. */
static void
arrives_no_more(struct sessions *sessions, struct slot *slot)
{
	if (slot->is_arriving)
		TAILQ_REMOVE(&sessions->arriving, slot, arriving);
	slot->is_arriving = false;
}

/* It must end by itself, within LEAVE_MS. */
static void
expect_end(struct sessions *sessions, struct slot *slot)
{
	slot->is_expected_to_end = true;
	timer_hasten(sessions->server->loop, &slot->overdue, monotonic_ms() + LEAVE_MS);
}

static void
tell_slot_end(struct sessions *sessions, struct slot *slot, enum ipc_end_reason reason)
{
	if (slot->channel < 0)
		return;
	ipc_begin(&message, IPC_end);
	ipc_put_u8(&message, (uint8_t)reason);
	ipc_send_now(slot->channel, &message, -1);
	slot->was_told_to_end = true;
	if (reason != END_DRAIN) /* the drain has a deadline of its own */
		expect_end(sessions, slot);
	arrives_no_more(sessions, slot);
	board_ending(&sessions->server->board, slot->row);
}

bool
sessions_have_room_to_make(const struct sessions *sessions)
{
	const struct slot *slot = TAILQ_FIRST(&sessions->arriving);

	/* all after it are younger */
	return slot != NULL && monotonic_ms() - slot->started_ms >= GIVE_WAY_AFTER_MS;
}

bool
sessions_make_room(struct sessions *sessions)
{
	if (!sessions_have_room_to_make(sessions))
		return false;
	tell_slot_end(sessions, TAILQ_FIRST(&sessions->arriving), END_PLACE_NEEDED);
	return true;
}

struct slot *
sessions_take_slot(struct sessions *sessions)
{
	struct slot *slot = TAILQ_FIRST(&sessions->free);

	if (slot != NULL)
		TAILQ_REMOVE(&sessions->free, slot, free);
	else
		slot = &sessions->slots[sessions->used++];
	memset(slot, 0, sizeof(*slot));
	slot->sessions = sessions;
	slot->row = (size_t)(slot - sessions->slots);
	slot->channel = slot->lent_fd = -1;
	slot->source = (struct loop_source){.ready = slot_ready, .arg = slot};
	slot->monitor = (struct loop_child){.gone = slot_gone, .ended = slot_ended, .arg = slot};
	slot->overdue = (struct loop_timer){.due = slot_overdue_due, .arg = slot};
	return slot;
}

void
sessions_return_slot(struct sessions *sessions, struct slot *slot)
{
	TAILQ_INSERT_HEAD(&sessions->free, slot, free);
}

void
sessions_enter(struct sessions *sessions, struct slot *slot, pid_t pid, int channel, const struct session *session,
    const struct address_key *address)
{
	slot->monitor_pid = pid;
	slot->channel = channel;
	memcpy(slot->id, session->id, sizeof(slot->id));
	board_begin(&sessions->server->board, slot->row, session->id, session->peer_text, session->is_tls,
	    (uint64_t)time(NULL), session->started_ms);
	slot->address = *address;
	slot->started_ms = session->started_ms;
	slot->attempts_max = sessions->server->config->limits.login_failures;
	TAILQ_INSERT_TAIL(&sessions->live, slot, live);
	TAILQ_INSERT_TAIL(&sessions->arriving, slot, arriving);
	slot->is_arriving = true;
	child_add(sessions->server->loop, &slot->monitor, pid);
	sessions_count(sessions, address, "");
	sessions->live_count++;
	timer_set(sessions->server->loop, &slot->overdue,
	    slot->started_ms + 1000ULL * sessions->server->config->timeouts.login_s + LEAVE_MS);
	if (loop_watch(sessions->server->loop, &slot->source, channel) < 0)
		kill(-pid, SIGKILL);
}

int
sessions_send_belongings(int channel, const struct session *session)
{
	return belongings_send(channel, session, &message);
}

void
sessions_lend(struct sessions *sessions, struct slot *slot, int monitor_fd)
{
	slot->lent_fd = monitor_fd;
	TAILQ_INSERT_TAIL(&sessions->lent, slot, lent);
	timer_hasten(sessions->server->loop, &sessions->lent_due, slot->started_ms + LOOK_AT_LENT_MS);
}

static void
close_lent(struct sessions *sessions, struct slot *slot)
{
	if (slot->lent_fd < 0)
		return;
	TAILQ_REMOVE(&sessions->lent, slot, lent);
	close_fd(&slot->lent_fd);
	if (TAILQ_EMPTY(&sessions->lent))
		timer_stop(sessions->server->loop, &sessions->lent_due);
}

/*
 * The kernel says whether a monitor has taken its belongings, which it does with a table of its own. So no process of the
 * session can claim it.
 */
void
sessions_close_lent(struct sessions *sessions)
{
	struct slot *slot = TAILQ_FIRST(&sessions->lent);

	while (slot != NULL) {
		struct slot *following = TAILQ_NEXT(slot, lent);

		if (slot->channel >= 0 && ipc_unread(slot->channel) == 0)
			close_lent(sessions, slot);
		slot = following;
	}
}

static void
lent_due(void *arg)
{
	struct sessions *sessions = arg;

	sessions_close_lent(sessions);
	if (!TAILQ_EMPTY(&sessions->lent))
		timer_set(sessions->server->loop, &sessions->lent_due, monotonic_ms() + LOOK_AT_LENT_MS);
}

/* Count a failed login of address, or what is as bad. If that bans it, its sessions without a login end. */
static void
count_failure(struct sessions *sessions, const struct address_key *address)
{
	if (bans_failed(sessions->bans, address))
		sessions_end_unwelcome(sessions, address);
}

static void
sessions_judged(void *arg, const struct address_key *address, bool is_failure)
{
	struct sessions *sessions = arg;

	if (is_failure)
		count_failure(sessions, address);
	else
		bans_note_unknown(sessions->bans, address);
	sessions_grant_soon(sessions);
}

/* Messages of a monitor. */

/* The attempt is over: others may have its turns. */
static void
leave_turns(struct sessions *sessions, struct slot *slot)
{
	for (size_t kind = 0; kind < TURN_KIND_COUNT; kind++)
		turns_leave(sessions->turns[kind], &slot->turns[kind]);
}

/* The monitor has its turn to check the password, and has not reported the result yet. */
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
note_abandoned(struct sessions *sessions, struct slot *slot)
{
	bool is_checked = has_turn(slot) || slot->turns[TURN_HASH].state == TURN_GIVEN_BACK;

	slot->has_abandoned = is_checked && !slot->was_told_to_end;
	turns_leave(sessions->turns[TURN_PAM], &slot->turns[TURN_PAM]);
	if (!slot->has_abandoned)
		turns_leave(sessions->turns[TURN_HASH], &slot->turns[TURN_HASH]);
}

/* What the attempt was counts when its answer is due. */
static void
judge_attempt(struct sessions *sessions, struct slot *slot, bool is_failure)
{
	judgements_add(sessions->judgements, &slot->address, &slot->turns[TURN_HASH],
	    refusal_due_ms(slot->granted_ms, slot->refusal_step_ms, monotonic_ms()), is_failure);
}

/* is_failure: the guess counts. Where memory is short, the kernel ends monitors, and the client has no part in it. */
static void
judge_abandoned(struct sessions *sessions, struct slot *slot, bool is_failure)
{
	if (!slot->has_abandoned)
		return;
	slot->has_abandoned = false;
	if (is_failure)
		judge_attempt(sessions, slot, true);
	else
		turns_leave(sessions->turns[TURN_HASH], &slot->turns[TURN_HASH]);
	sessions_grant_soon(sessions);
}

static void
close_channel(struct sessions *sessions, struct slot *slot)
{
	if (slot->channel < 0)
		return;
	loop_close(sessions->server->loop, &slot->source, &slot->channel);
	slot->wanted_user[0] = '\0';
	note_abandoned(sessions, slot);
	work_leave(&sessions->work, slot);
	ports_leave(&sessions->ports, slot);
	arrives_no_more(sessions, slot);
	expect_end(sessions, slot);
	child_leaves(sessions->server->loop, &slot->monitor);
	sessions_grant_soon(sessions);
}

/* A monitor that breaks the table is not trusted with anything more. */
static void
kill_for_violation(struct sessions *sessions, struct slot *slot, const char *what)
{
	log_set_context(NULL, slot->id, NULL, NULL);
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("violation", what);
	log_field_text("by", "monitor");
	log_end();
	log_set_context(NULL, "", NULL, NULL);
	close_channel(sessions, slot);
	judge_abandoned(sessions, slot, true);
	kill(-slot->monitor_pid, SIGKILL);
}

/* What a monitor has told of one account says nothing of the next one that its client tries. */
static void
forget_homes(struct slot *slot)
{
	free(slot->home);
	slot->home = NULL;
	for (size_t i = 0; i < slot->folder_count; i++)
		free(slot->folders[i]);
	free(slot->folders);
	slot->folders = NULL;
	slot->folder_count = 0;
}

static void
slot_answer_attempt(struct sessions *sessions, struct slot *slot)
{
	if (slot->turns[TURN_HASH].state != TURN_NONE || slot->is_logged_in || slot->wanted_user[0] != '\0') {
		kill_for_violation(sessions, slot, "attempt out of order");
		return;
	}
	if (slot->attempts++ >= slot->attempts_max) {
		kill_for_violation(sessions, slot, "more attempts than limits.login-failures");
		return;
	}
	slot->server[0] = '\0';
	if (ipc_has_more(&message))
		ipc_get_text(&message, slot->server, sizeof(slot->server));
	if (!ipc_end(&message)) {
		kill_for_violation(sessions, slot, "malformed attempt");
		return;
	}
	forget_homes(slot);
	turns_wait(sessions->turns[TURN_HASH], &slot->turns[TURN_HASH], &slot->address);
}

/* The hash is computed, and the users file does not have the name. */
static void
slot_answer_attempt_pam(struct sessions *sessions, struct slot *slot)
{
	if (slot->turns[TURN_HASH].state != TURN_HELD) {
		kill_for_violation(sessions, slot, "attempt_pam out of order");
		return;
	}
	turns_give_back(sessions->turns[TURN_HASH], &slot->turns[TURN_HASH]);
	turns_wait(sessions->turns[TURN_PAM], &slot->turns[TURN_PAM], &slot->address);
}

static void
slot_answer_verdict(struct sessions *sessions, struct slot *slot)
{
	enum login_verdict verdict = (enum login_verdict)ipc_get_u8(&message);

	if (!ipc_end(&message) || !has_turn(slot)) {
		kill_for_violation(sessions, slot, "verdict out of order");
		return;
	}
	if (verdict == VERDICT_UNANSWERED && sessions->broker != NULL)
		broker_worker_note_silence(sessions->broker);
	if (verdict == VERDICT_WRONG)
		judge_attempt(sessions, slot, true);
	else if (verdict != VERDICT_RIGHT)
		judge_attempt(sessions, slot, false);
	leave_turns(sessions, slot);
}

enum ipc_admit_outcome
sessions_admit(const struct sessions *sessions, const char *user, uint32_t max_sessions)
{
	uint32_t count = tally_count(sessions->by_user, user, strlen(user));
	bool is_alone = (max_sessions & ADMIT_OWN_LIMIT) != 0;

	max_sessions &= ~ADMIT_OWN_LIMIT;
	if (max_sessions != 0 && count >= max_sessions)
		return ADMIT_ACCOUNT_LIMIT;
	return !is_alone && count >= sessions->server->config->limits.sessions_per_user ? ADMIT_USER_LIMIT : ADMIT_YES;
}

/* The login of slot->wanted_user is decided. */
static void
end_admission(struct sessions *sessions, struct slot *slot, enum ipc_admit_outcome outcome)
{
	if (outcome == ADMIT_YES) {
		slot->is_logged_in = true;
		slot->logged_in_ms = monotonic_ms();
		memcpy(slot->user, slot->wanted_user, sizeof(slot->user));
		arrives_no_more(sessions, slot);
		if (!slot->is_expected_to_end)
			timer_stop(sessions->server->loop, &slot->overdue);
		(void)!tally_add(sessions->by_user, slot->user, strlen(slot->user));
		board_login(&sessions->server->board, slot->row, slot->user, slot->server);
	}
	slot->wanted_user[0] = '\0';
	ipc_begin_reply(&message, IPC_admit, 0);
	ipc_put_u32(&message, (uint32_t)outcome);
	ipc_put_u32(&message, tally_count(sessions->by_user, slot->user, strlen(slot->user)));
	if (ipc_send_now(slot->channel, &message, -1) < 0)
		close_channel(sessions, slot);
}

/* Here, unless another server has taken over. */
static void
decide_admission(struct sessions *sessions, struct slot *slot)
{
	if (sessions->ask_admission == NULL ||
	    !sessions->ask_admission(sessions->upgrade, slot->id, slot->max_sessions, slot->wanted_user))
		end_admission(sessions, slot, sessions_admit(sessions, slot->wanted_user, slot->max_sessions));
}

/*
 * The book of the server that the attempt is for, by what is in force now: a session may have begun before a reload, and
 * numbers of servers have another meaning then. -ENOENT: that server is no more.
 */
static int
book_of_attempt(const struct sessions *sessions, const struct slot *slot)
{
	const struct config *config = sessions->server->config;
	int server = slot->server[0] == '\0' ? 0 : servers_titled(config, slot->server);

	return server < 0 ? server : servers_book(config, (size_t)server);
}

/*
 * Is user, in full, a name of the server that the attempt was for? A session that began before a reload may have it from
 * PAM or a database, which that server no longer has, or may think it one of the main server.
 */
static bool
has_name_of_server(const struct sessions *sessions, const struct slot *slot, const char *user)
{
	size_t len;

	return (int)servers_of_name(sessions->server->config, user, &len) == book_of_attempt(sessions, slot);
}

static void
slot_answer_admit(struct sessions *sessions, struct slot *slot)
{
	uint32_t max_sessions = ipc_get_u32(&message);
	char user[ACCOUNT_NAME_MAX + 1];

	ipc_get_text(&message, user, sizeof(user));
	if (!ipc_end(&message) || !has_turn(slot) || user[0] == '\0') {
		kill_for_violation(sessions, slot, "admit out of order");
		return;
	}
	leave_turns(sessions, slot); /* the password was right */
	slot->max_sessions = max_sessions;
	memcpy(slot->wanted_user, user, sizeof(slot->wanted_user));
	if (has_name_of_server(sessions, slot, user))
		decide_admission(sessions, slot);
	else
		end_admission(sessions, slot, ADMIT_OTHER_SERVER);
}

void
sessions_take_admission(struct sessions *sessions, const char *id, enum ipc_admit_outcome outcome)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &sessions->live, live)
		if (slot->wanted_user[0] != '\0' && strcmp(slot->id, id) == 0)
			break;
	if (slot != NULL)
		end_admission(sessions, slot, outcome);
}

void
sessions_admit_waiting(struct sessions *sessions)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &sessions->live, live)
		if (slot->wanted_user[0] != '\0')
			end_admission(sessions, slot, sessions_admit(sessions, slot->wanted_user, slot->max_sessions));
}

void
sessions_ask_again(struct sessions *sessions)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &sessions->live, live)
		if (slot->wanted_user[0] != '\0')
			decide_admission(sessions, slot);
}

static void
slot_answer_turn(struct sessions *sessions, struct slot *slot)
{
	bool is_change = ipc_get_u8(&message) != 0;
	uint32_t pid = ipc_get_u32(&message);

	if (!ipc_end(&message) || !work_begin(&sessions->work, slot, (pid_t)pid, is_change))
		kill_for_violation(sessions, slot, "turn out of order");
}

static void
slot_answer_turn_end(struct sessions *sessions, struct slot *slot)
{
	if (!work_end(&sessions->work, slot))
		kill_for_violation(sessions, slot, "turn_end out of order");
}

static void
slot_answer_count_home(struct sessions *sessions, struct slot *slot)
{
	if (!ipc_end(&message) || !slot->is_logged_in)
		kill_for_violation(sessions, slot, "count_home out of order");
	else
		home_counts_want(&sessions->counts, slot->user, slot->home);
}

/* Root sends it, who does not know the account's name for the master yet. */
static void
slot_answer_stored_home(struct sessions *sessions, struct slot *slot)
{
	uint32_t uid = ipc_get_u32(&message), gid = ipc_get_u32(&message);
	size_t len;
	const void *path = ipc_get_bytes(&message, HOME_PATH_MAX, &len);
	struct stored_home *home = calloc(1, sizeof(*home) + len + 1);

	if (!ipc_end(&message) || !has_turn(slot)) {
		kill_for_violation(sessions, slot, "stored_home out of order");
		free(home);
		return;
	}
	free(slot->home);
	slot->home = home;
	if (home == NULL)
		return; /* the home is not counted */
	*home = (struct stored_home){.uid = uid, .gid = gid};
	memcpy(home->path, path, len);
}

/* Root sends it, before the login. A name that no users file has is found out by the count. */
static void
slot_answer_folder_used(struct sessions *sessions, struct slot *slot)
{
	char name[ACCOUNT_NAME_MAX + 1];
	char **folders;

	ipc_get_text(&message, name, sizeof(name));
	if (!ipc_end(&message) || !has_turn(slot) || slot->folder_count == GRANTS_MAX) {
		kill_for_violation(sessions, slot, "folder_used out of order");
		return;
	}
	folders = reallocarray(slot->folders, slot->folder_count + 1, sizeof(*folders));
	if (folders == NULL)
		return; /* it is not counted */
	slot->folders = folders;
	folders[slot->folder_count] = strdup(name);
	slot->folder_count += folders[slot->folder_count] != NULL;
}

static void
slot_answer_count_folder(struct sessions *sessions, struct slot *slot)
{
	unsigned number = ipc_get_u8(&message);
	char name[ACCOUNT_NAME_MAX + 2];

	if (!ipc_end(&message) || !slot->is_logged_in || number >= GRANTS_MAX) {
		kill_for_violation(sessions, slot, "count_folder out of order");
		return;
	}
	if (number >= slot->folder_count)
		return; /* there was no memory for it */
	snprintf(name, sizeof(name), "+%s", slot->folders[number]);
	home_counts_want(&sessions->counts, name, NULL);
}

/* Of an account of the database alone. A monitor that lies ends sessions of its own account, and of no other. */
static void
slot_answer_share_gone(struct sessions *sessions, struct slot *slot)
{
	const char *user = slot->user;

	if (!ipc_end(&message) || slot->home == NULL)
		kill_for_violation(sessions, slot, "share_gone out of order");
	else if (slot->is_logged_in)
		TAILQ_FOREACH(slot, &sessions->live, live)
			if (slot->is_logged_in && !slot->was_told_to_end && strcmp(slot->user, user) == 0)
				tell_slot_end(sessions, slot, END_SHARE_GONE);
}

/* The fields of a host, with port 0. False: malformed. */
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
	memcpy(
	    family == 6 ? (void *)&address->v6.sin6_addr : (void *)&address->v4.sin_addr, host, family == 6 ? 16 : 4);
	return true;
}

static void
slot_answer_announced(struct sessions *sessions, struct slot *slot)
{
	union address bound;
	bool is_host = get_host(&bound);
	uint32_t port = ipc_get_u32(&message);

	if (!ipc_end(&message) || !is_host || port == 0 || port > UINT16_MAX || !slot->is_logged_in) {
		kill_for_violation(sessions, slot, "malformed announced");
		return;
	}
	address_set_port(&bound, (uint16_t)port);
	ports_announce(&sessions->ports, slot, &bound, monotonic_ms());
}

static void
slot_answer_announced_end(struct sessions *sessions, struct slot *slot)
{
	ports_leave(&sessions->ports, slot);
}

/* One session may have another one yield a few times a second, however often it asks. */
static void
slot_answer_ports_short(struct sessions *sessions, struct slot *slot)
{
	union address local;
	bool is_host = get_host(&local);
	uint32_t low = ipc_get_u32(&message), high = ipc_get_u32(&message);
	uint64_t now = monotonic_ms();

	if (!ipc_end(&message) || !is_host || high > UINT16_MAX || low > high || !slot->is_logged_in) {
		kill_for_violation(sessions, slot, "malformed ports_short");
		return;
	}
	if (now - slot->ports_short_ms < PORTS_SHORT_MS)
		return;
	slot->ports_short_ms = now;
	(void)!ports_yield(&sessions->ports, &local, (uint16_t)low, (uint16_t)high, now);
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

static void
slot_answer_alarm(struct sessions *sessions, struct slot *slot)
{
	(void)sessions;
	log_monitor_alarm(slot);
}

/* The kernel does not end the rest: a monitor is the service user by now, and may not signal files, which is somebody else. */
static void
slot_ended(void *arg)
{
	const struct slot *slot = arg;

	kill(-slot->monitor_pid, SIGKILL);
}

/* The messages of a monitor; each function checks whether it may come now. */
static void (*const answers[])(struct sessions *sessions, struct slot *slot) = {
    [IPC_attempt] = slot_answer_attempt,
    [IPC_attempt_pam] = slot_answer_attempt_pam,
    [IPC_verdict] = slot_answer_verdict,
    [IPC_admit] = slot_answer_admit,
    [IPC_turn] = slot_answer_turn,
    [IPC_turn_end] = slot_answer_turn_end,
    [IPC_count_home] = slot_answer_count_home,
    [IPC_stored_home] = slot_answer_stored_home,
    [IPC_folder_used] = slot_answer_folder_used,
    [IPC_count_folder] = slot_answer_count_folder,
    [IPC_share_gone] = slot_answer_share_gone,
    [IPC_announced] = slot_answer_announced,
    [IPC_announced_end] = slot_answer_announced_end,
    [IPC_ports_short] = slot_answer_ports_short,
    [IPC_alarm] = slot_answer_alarm,
};

static void
receive_from_monitor(struct sessions *sessions, struct slot *slot)
{
	void (*answer)(struct sessions * sessions, struct slot * slot);
	int r;

	r = ipc_receive_now(
	    slot->channel, IPC_MASTER, slot->is_logged_in ? IPC_STATE_READY : IPC_STATE_LOGIN, &message);
	if (r == -EAGAIN)
		return;
	if (r == -EPROTO) {
		kill_for_violation(sessions, slot, "message outside the table");
		return;
	}
	if (r < 0) {
		close_channel(sessions, slot);
		child_reap(sessions->server->loop,
		    &slot->monitor); /* it may have been gone before its SIGCHLD was read as another's */
		return;
	}
	close_lent(sessions, slot); /* who has a message has taken the belongings */
	answer = message.kind < sizeof(answers) / sizeof(answers[0]) ? answers[message.kind] : NULL;
	if (answer != NULL)
		answer(sessions, slot);
	else
		kill_for_violation(sessions, slot, ipc_kind_name(message.kind));
}

void
slot_ready(void *arg)
{
	struct slot *slot = arg;
	struct sessions *sessions = slot->sessions;

	receive_from_monitor(sessions, slot);
	ipc_wipe(&message); /* the next session that is forked has a copy of it */
	sessions_grant_soon(sessions);
}

static struct slot *
slot_of_turn(struct turn *turn, enum turn_kind kind)
{
	return (struct slot *)(void *)((char *)(turn - kind) - offsetof(struct slot, turns));
}

/* The answer of a hash's turn: the accounts of the server, and a way to those of the database, which the main one has. */
static int
send_accounts(struct sessions *sessions, struct slot *slot, const struct accounts_book *book)
{
	int fds[] = {book->fd, -1};
	int r;

	slot->granted_ms = monotonic_ms();
	slot->refusal_step_ms = book->refusal_step_ms;
	ipc_begin_reply(&message, IPC_attempt, 0);
	ipc_put_u32(&message, slot->refusal_step_ms);
	if (sessions->broker != NULL && book == sessions->accounts->books)
		fds[1] = broker_worker_open_channel(sessions->broker);
	r = ipc_send_fds_now(slot->channel, &message, fds, fds[1] < 0 ? 1 : 2);
	close_fd(&fds[1]);
	return r;
}

static void
grant_hash(struct sessions *sessions, struct turn *turn)
{
	struct slot *slot = slot_of_turn(turn, TURN_HASH);
	int book = book_of_attempt(sessions, slot);
	int r;

	turns_take(sessions->turns[TURN_HASH], turn);
	if (book >= 0) {
		r = send_accounts(sessions, slot, &sessions->accounts->books[book]);
	} else {
		leave_turns(sessions, slot);
		ipc_begin_reply(&message, IPC_attempt, -ESTALE);
		r = ipc_send_now(slot->channel, &message, -1);
	}
	if (r < 0)
		close_channel(sessions, slot);
}

static void
grant_pam_turn(struct sessions *sessions, struct turn *turn)
{
	struct slot *slot = slot_of_turn(turn, TURN_PAM);

	turns_take(sessions->turns[TURN_PAM], turn);
	ipc_begin_reply(&message, IPC_attempt_pam, 0);
	if (ipc_send_now(slot->channel, &message, -1) < 0)
		close_channel(sessions, slot);
}

/* Are the accounts that the turn is about those that the file has now? False: it waits for the loader. */
static bool
has_fresh_accounts(struct sessions *sessions, struct turn *turn)
{
	int book = book_of_attempt(sessions, slot_of_turn(turn, TURN_HASH));

	return book < 0 || accounts_are_fresh(sessions->accounts, (size_t)book);
}

/* Failures of its address put it off. Asked when it could have its turn, so that failures of parallel attempts count. */
static bool
is_slowed(struct sessions *sessions, struct turn *turn, uint64_t now)
{
	const struct slot *slot = slot_of_turn(turn, TURN_HASH);

	if (turn->not_before_ms == 0)
		turn->not_before_ms = bans_reserve(sessions->bans, &slot->address, now);
	return turn->not_before_ms > now;
}

/*
 * The turns for PAM that one address may have, alone or not. A session that holds one computes nothing, so keeping
 * the rest for others costs nothing either.
 */
static uint32_t
pam_share(const struct sessions *sessions)
{
	uint32_t most = sessions->server->config->limits.concurrent_pam;

	if (!accounts_ask_pam(sessions->accounts))
		return 0;
	return most < PAM_ADDRESSES_MIN ? 1 : most / PAM_ADDRESSES_MIN;
}

static uint64_t
grant_hashes(struct sessions *sessions, uint64_t now)
{
	struct turns *turns = sessions->turns[TURN_HASH];
	uint32_t most = sessions->server->config->limits.concurrent_hashes;
	struct turn *turn;

	if (turns_waiting(turns) == 0)
		return UINT64_MAX;
	turns_set_bounds(turns, most, most > pam_share(sessions) ? most : pam_share(sessions));
	while ((turn = turns_next(turns, now)) != NULL)
		if (is_slowed(sessions, turn, now))
			turns_put_off(turns, turn, turn->not_before_ms);
		else if (has_fresh_accounts(sessions, turn))
			grant_hash(sessions, turn);
		else if (sessions->server->config->server_count == 1)
			return UINT64_MAX;
		else
			turns_put_off(turns, turn, now + LOADER_LOOK_MS);
	return turns_due_ms(turns);
}

static void
grant_pam(struct sessions *sessions, uint64_t now)
{
	struct turns *turns = sessions->turns[TURN_PAM];
	struct turn *turn;

	turns_set_bounds(turns, sessions->server->config->limits.concurrent_pam, pam_share(sessions));
	while ((turn = turns_next(turns, now)) != NULL)
		grant_pam_turn(sessions, turn);
}

void
sessions_grant_due(void *arg)
{
	struct sessions *sessions = arg;
	uint64_t now, next;

	if (turns_waiting(sessions->turns[TURN_HASH]) + turns_waiting(sessions->turns[TURN_PAM]) == 0)
		return;
	now = monotonic_ms();
	grant_pam(sessions, now);
	next = grant_hashes(sessions, now);
	if (next != UINT64_MAX)
		timer_hasten(sessions->server->loop, &sessions->grant, next);
}

void
sessions_grant_soon(struct sessions *sessions)
{
	timer_set(sessions->server->loop, &sessions->grant, 0);
}

static void
sessions_accounts_ended(void *arg)
{
	struct sessions *sessions = arg;

	home_counts_go_on(&sessions->counts);
	sessions_grant_soon(sessions);
}

static void
slot_overdue_due(void *arg)
{
	struct slot *slot = arg;
	struct sessions *sessions = slot->sessions;
	const struct board_row *row = &sessions->server->board.rows[slot->row];

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
	judge_abandoned(sessions, slot, true);
	kill(-slot->monitor_pid, SIGKILL);
	/* what the disk holds is killed once more, until it can be reaped */
	timer_set(sessions->server->loop, &slot->overdue, monotonic_ms() + LEAVE_MS);
}

void
slot_gone(void *arg, int status)
{
	struct slot *slot = arg;
	struct sessions *sessions = slot->sessions;
	pid_t pid = slot->monitor_pid;

	while (slot->channel >= 0 && ipc_receive_now(slot->channel, IPC_MASTER, IPC_STATE_ANY, &message) == 0) {
		if (message.kind == IPC_alarm)
			log_monitor_alarm(slot);
		ipc_drop_fds(&message);
	}
	ipc_wipe(&message);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_EXIT_TABLE)
		log_message(LEVEL_ERROR, "accept-failed",
		    "a session has no descriptors of its own; the memory of the kernel may be short");
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
		sessions->server->board.head->ended.alarms++;
	/* a process that was stopped or crashed counts as a failed login of its address; a kill from this host does not */
	if ((WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == MONITOR_EXIT_ALARM))
		count_failure(sessions, &slot->address);
	close_channel(sessions, slot);
	close_lent(sessions, slot);
	judge_abandoned(sessions, slot, !death_is_kill(status));
	board_end(&sessions->server->board, slot->row);
	sessions_uncount(sessions, &slot->address, slot->user);
	timer_stop(sessions->server->loop, &slot->overdue);
	TAILQ_REMOVE(&sessions->live, slot, live);
	TAILQ_INSERT_HEAD(&sessions->free, slot, free);
	forget_homes(slot);
	slot->monitor_pid = 0;
	sessions->live_count--;
	if (sessions->broker != NULL && sessions->live_count == 0)
		broker_worker_note_idle(sessions->broker);
	if (sessions->gone != NULL)
		sessions->gone(sessions->upgrade, slot->id);
}

/* Is the session one of that client? */
static bool
is_from(const struct sessions *sessions, const struct slot *slot, const union address *address)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(address, text);
	return strcmp(sessions->server->board.rows[slot->row].address, text) == 0;
}

static bool
is_meant(const struct sessions *sessions, const struct slot *slot, const struct control_request *request)
{
	switch (request->target) {
	case CONTROL_ALL:
		return true;
	case CONTROL_ID:
		return strcmp(slot->id, request->value) == 0;
	case CONTROL_USER:
		return slot->is_logged_in && strcmp(slot->user, request->value) == 0;
	case CONTROL_ADDRESS:
		return is_from(sessions, slot, &request->address);
	case CONTROL_TARGET_COUNT:
		break;
	}
	return false;
}

size_t
sessions_kick(struct sessions *sessions, const struct control_request *request)
{
	struct slot *slot;
	size_t count = 0;

	TAILQ_FOREACH(slot, &sessions->live, live) {
		if (!is_meant(sessions, slot, request))
			continue;
		tell_slot_end(sessions, slot, END_KICKED);
		count++;
	}
	return count;
}

size_t
sessions_kick_told(struct sessions *sessions, const struct session_kick *kick)
{
	struct slot *slot;
	size_t count = 0;

	TAILQ_FOREACH(slot, &sessions->live, live) {
		bool is_one = kick->target == NEWS_ADDRESS
		    ? slot->started_ms < kick->before_ms && is_from(sessions, slot, &kick->address)
		    : slot->is_logged_in && slot->logged_in_ms < kick->before_ms &&
			strcmp(slot->user, kick->value) == 0;

		if (!is_one || slot->was_told_to_end)
			continue;
		tell_slot_end(sessions, slot, END_KICKED);
		count++;
	}
	return count;
}

size_t
sessions_notify(struct sessions *sessions, const struct control_request *request)
{
	struct slot *slot;
	size_t count = 0;

	ipc_begin(&message, IPC_notice);
	ipc_put_text(&message, request->text);
	TAILQ_FOREACH(slot, &sessions->live, live)
		if (is_meant(sessions, slot, request) && slot->channel >= 0)
			count += ipc_send_now(slot->channel, &message, -1) == 0;
	ipc_wipe(&message);
	return count;
}

void
sessions_end_unwelcome(struct sessions *sessions, const struct address_key *address)
{
	struct slot *slot = TAILQ_FIRST(&sessions->arriving);

	while (slot != NULL) {
		struct slot *following = TAILQ_NEXT(slot, arriving);

		if (memcmp(&slot->address, address, sizeof(*address)) == 0)
			tell_slot_end(sessions, slot, END_BANNED);
		slot = following;
	}
}

void
sessions_tell_end(struct sessions *sessions, enum ipc_end_reason reason)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &sessions->live, live)
		tell_slot_end(sessions, slot, reason);
}

void
sessions_kill(struct sessions *sessions)
{
	struct slot *slot;

	TAILQ_FOREACH(slot, &sessions->live, live)
		kill(-slot->monitor_pid, SIGKILL);
}
