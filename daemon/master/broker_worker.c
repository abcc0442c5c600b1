/* SPDX-License-Identifier: ISC */
#include "daemon/master/broker_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accounts/node_boot.h"
#include "common/address.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/text.h"
#include "config/broker.h"
#include "config/users.h"
#include "config/values.h"
#include "daemon/master/host_lookup.h"
#include "daemon/master/server.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* Where it finds its descriptors; 0 to 2 lead nowhere. */
#define CHANNEL_FD 3
#define LOG_FD 4
#define FIRST_OTHER_FD 5

#define RETRY_MS 10000 /* after one that could not be started */
#define LOOKUP_SECONDS_MAX 10
#define QUIET_MS 3000 /* as long as a session waits for an answer */
#define PATIENCE_MS 10000 /* with one that does not answer */
#define SAME_SILENCE_MS 30000 /* between two that count as one */

static const struct budget_size lookups_size = {.burst = 16, .per_s = 2};
static struct ipc_message message;

/* --- what it says of the database --- */

static void
show_state(struct broker_worker *broker, enum broker_state state, uint32_t kept)
{
	struct board_head *head = broker->server->board.head;

	head->has_store = config_has_store(broker->server->config);
	head->store_state = state;
	head->store_kept = kept;
}

static void
show_node(struct broker_worker *broker, enum node_standing standing, uint32_t shares, uint32_t sessions)
{
	struct board_head *head = broker->server->board.head;

	head->node_standing = standing;
	head->node_shares = shares;
	head->node_sessions = sessions;
}

static void
tell_listener(const struct broker_worker *broker)
{
	if (broker->listener.changed != NULL)
		broker->listener.changed(broker->listener.arg);
}

static bool
take_state(struct broker_worker *broker, struct ipc_message *word)
{
	uint8_t state = ipc_get_u8(word);
	uint32_t kept = ipc_get_u32(word);

	if (!ipc_end(word) || state >= BROKER_STARTING)
		return false;
	show_state(broker, (enum broker_state)state, kept);
	tell_listener(broker);
	return true;
}

/* --- what the database says of this node --- */

static void
path_of_mark(const struct broker_worker *broker, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/ledger/%s", broker->server->config->state_directory, name);
}

/*
 * This boot never gets shares again, and sessions may still use what it had. So the next start makes another boot, when
 * these have ended; an upgrade does not.
 */
static void
mark_boot_as_refused(const struct broker_worker *broker)
{
	char path[PATH_MAX];
	int fd;

	path_of_mark(broker, NODE_REFUSED_FILE, path);
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	close_fd(&fd);
}

static void
forget_refused_boot(const struct broker_worker *broker)
{
	char path[PATH_MAX];

	path_of_mark(broker, NODE_REFUSED_FILE, path);
	if (unlink(path) < 0)
		return;
	path_of_mark(broker, NODE_BOOT_FILE, path);
	(void)unlink(path);
}

static void
log_standing(struct broker_worker *broker, enum node_standing standing, const char *name)
{
	bool is_refused = standing == NODE_REFUSED;

	if (standing == NODE_UNKNOWN || is_refused == broker->was_refused)
		return;
	broker->was_refused = is_refused;
	log_begin(is_refused ? LEVEL_ERROR : LEVEL_INFO, is_refused ? "node-refused" : "node-known");
	log_field_text("node", name);
	log_field_text("message",
	    is_refused
		? "the database lends no shares of quotas to this server: another one has the same name, or it was declared "
		  "dead by 'sallyportctl node forget'; give each server a name of its own ('node' in store.conf), stop "
		  "this one, and start it again"
		: "the database lends shares of quotas to this server");
	log_end();
	if (is_refused)
		mark_boot_as_refused(broker);
}

static bool
take_node_standing(struct broker_worker *broker, struct ipc_message *word)
{
	struct board_head *head = broker->server->board.head;
	uint8_t standing = ipc_get_u8(word);
	uint32_t shares = ipc_get_u32(word), sessions = ipc_get_u32(word);
	char name[BROKER_NODE_MAX + 1];

	ipc_get_text(word, name, sizeof(name));
	if (!ipc_end(word) || standing >= NODE_STANDING_COUNT || !utf8_valid(name, strlen(name)) ||
	    has_control(name, strlen(name)))
		return false;
	memcpy(head->node_name, name, sizeof(name));
	show_node(broker, (enum node_standing)standing, shares, sessions);
	if (standing == NODE_KNOWN)
		head->node_beat_s = (uint64_t)time(NULL);
	log_standing(broker, (enum node_standing)standing, name);
	return true;
}

/* --- names of hosts --- */

/* bytes: count addresses, of HOST_ADDRESS_BYTES each. */
static void
send_looked_up(struct broker_worker *broker, int result, const uint8_t *bytes, size_t count)
{
	ipc_begin_reply(&message, IPC_broker_lookup, result);
	for (size_t i = 0; result == 0 && i < count; i++, bytes += HOST_ADDRESS_BYTES) {
		ipc_put_u8(&message, bytes[0] == 6 ? 6 : 4);
		ipc_put_bytes(&message, bytes + 1, HOST_ADDRESS_BYTES - 1);
	}
	if (broker->worker.channel >= 0)
		(void)!ipc_send_now(broker->worker.channel, &message, -1);
	ipc_wipe(&message);
}

static void
broker_lookup_gone(void *arg, int status)
{
	struct broker_worker *broker = arg;
	uint8_t bytes[BROKER_ADDRESSES_MAX * HOST_ADDRESS_BYTES];
	size_t count = host_lookup_take(&broker->lookup, status, bytes, BROKER_ADDRESSES_MAX);

	send_looked_up(broker, count == 0 ? -ENOENT : 0, bytes, count);
}

/* One at a time: the answer does not repeat the name. */
static bool
start_lookup(struct broker_worker *broker, struct ipc_message *word)
{
	pid_t pid;

	if (broker->lookup.pid != 0)
		return false;
	ipc_get_text(word, broker->host, sizeof(broker->host));
	if (!ipc_end(word))
		return false;
	if (!value_is_host_name(broker->host)) {
		send_looked_up(broker, -EINVAL, NULL, 0);
		return true;
	}
	if (!budget_take(&broker->lookups, &lookups_size, monotonic_ms())) {
		send_looked_up(broker, -EAGAIN, NULL, 0);
		return true;
	}
	broker->lookup = (struct errand){.child = {.gone = broker_lookup_gone, .arg = broker}};
	pid =
	    errand_start(&broker->lookup, broker->server->loop, &broker->server->board, "resolver", LOOKUP_SECONDS_MAX);
	if (pid == 0)
		host_lookup_run(&broker->lookup, broker->server, broker->host, AF_UNSPEC, BROKER_ADDRESSES_MAX);
	if (pid < 0)
		send_looked_up(broker, (int)pid, NULL, 0);
	return true;
}

/* --- the process --- */

static int
send_alone(int channel, bool is_alone)
{
	ipc_begin(&message, IPC_broker_alone);
	ipc_put_u8(&message, is_alone);
	return ipc_send_now(channel, &message, -1);
}

static int
broker_prepare(void *arg, int channel, char *error, size_t size)
{
	struct broker_worker *broker = arg;
	const struct config *config = broker->server->config;
	char program[BROKER_PROGRAM_MAX], directory[PATH_MAX], why[CONFIG_BROKER_ERROR_MAX];
	int r = config_check_broker(config, why, sizeof(why));

	if (r == 0)
		r = send_alone(channel, broker->is_alone);
	if (r == 0)
		r = config_broker_user(config, &broker->uid, &broker->gid, why, sizeof(why));
	if (r < 0) {
		snprintf(error, size, "%s", why);
		return r;
	}
	snprintf(directory, sizeof(directory), "%s/ledger", config->state_directory);
	r = node_boot_load(directory, broker->server->boot_id, broker->boot);
	if (r < 0) {
		snprintf(error, size, "the id of this node's boot cannot be kept in '%s': %s", directory, strerror(-r));
		return r;
	}
	config_broker_program(config, program);
	file_stamp_of_path(program, &broker->program);
	file_stamp_of_path(config->store_conf, &broker->store_conf);
	broker->quiet_until_ms = broker->silent_since_ms = broker->silent_ms = 0;
	broker->was_told = false;
	show_state(broker, BROKER_STARTING, 0);
	return 0;
}

/* In the child: every descriptor but these closes when the program starts. */
static int
place_broker_descriptors(int channel, int log_channel)
{
	int channel_copy = fcntl(channel, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
	int log_copy = fcntl(log_channel, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);

	if (channel_copy < 0 || log_copy < 0 || dup2(channel_copy, CHANNEL_FD) < 0 || dup2(log_copy, LOG_FD) < 0 ||
	    close_range(FIRST_OTHER_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	return 0;
}

/* Root until it has become the user; nothing of the database's library is loaded before that. */
static void
broker_enter(void *arg, int channel)
{
	const struct broker_worker *broker = arg;
	const struct config *config = broker->server->config;
	char program[BROKER_PROGRAM_MAX], zone[256];
	const char *tz = getenv("TZ");
	char boot[NODE_BOOT_SIZE];
	char *const arguments[] = {
	    (char *)(uintptr_t)BROKER_PROGRAM, (char *)(uintptr_t)SALLYPORT_VERSION, config->store_conf, boot, NULL};
	char *environment[] = {NULL, NULL};

	memcpy(boot, broker->boot, sizeof(boot));
	config_broker_program(config, program);
	if (tz != NULL && snprintf(zone, sizeof(zone), "TZ=%s", tz) < (int)sizeof(zone))
		environment[0] = zone;
	if (place_broker_descriptors(channel, broker->server->offer.log_channel) < 0)
		_exit(EXIT_FAILURE);
	signal(SIGPIPE, SIG_DFL);
	sandbox_report_to(CHANNEL_FD);
	if (sandbox_drop_identity(broker->uid, broker->gid) < 0)
		sandbox_give_up();
	execve(program, arguments, environment);
	log_set_channel(LOG_FD, LEVEL_INFO);
	log_set_context("broker", "", "", "");
	log_message(LEVEL_ERROR, "store-down", "cannot execute '%s': %s", program, strerror(errno));
	_exit(EXIT_FAILURE);
}

static bool
broker_receive(void *arg, struct ipc_message *word)
{
	struct broker_worker *broker = arg;

	broker->quiet_until_ms = broker->silent_ms = 0;
	if (word->kind == IPC_broker_state)
		return take_state(broker, word);
	if (word->kind == IPC_broker_node)
		return take_node_standing(broker, word);
	if (word->kind == IPC_broker_lookup)
		return !word->is_reply && start_lookup(broker, word);
	return broker->listener.heard != NULL && broker->listener.heard(broker->listener.arg, word);
}

static void
broker_down(void *arg)
{
	struct broker_worker *broker = arg;

	errand_drop(&broker->lookup, broker->server->loop);
	broker->was_up = broker->server->board.head->store_state == BROKER_UP;
	show_state(broker, BROKER_DOWN, 0);
	show_node(broker, NODE_UNKNOWN, 0, 0);
	tell_listener(broker);
}

/* What it was told to be is in its own lines of the log; this one is for an end that it could not announce. */
static void
broker_died(void *arg, const char *line)
{
	struct broker_worker *broker = arg;

	if (broker->was_up)
		log_message(LEVEL_ERROR, "store-down", "%s", line);
}

static void
broker_failed(void *arg, const char *error)
{
	struct broker_worker *broker = arg;

	show_state(broker, BROKER_DOWN, 0);
	if (!broker->was_told)
		log_message(LEVEL_ERROR, "store-down", "the broker does not run: %s", error);
	broker->was_told = true;
}

static const struct worker_kind broker_kind = {
    .name = "broker",
    .prepare = broker_prepare,
    .run = broker_enter,
    .receive = broker_receive,
    .down = broker_down,
    .died = broker_died,
    .failed = broker_failed,
    .retry_ms = RETRY_MS,
};

/* --- for others --- */

void
broker_worker_init(struct broker_worker *broker, struct server *server)
{
	*broker = (struct broker_worker){.server = server, .listener = broker->listener, .worker = {.channel = -1}};
}

/* Whose uid no account of the database may have. */
static void
offer_ids(struct broker_worker *broker)
{
	const struct config *config = broker->server->config;
	char ignored[CONFIG_USER_ERROR_MAX];
	gid_t gid;

	if (config_hook_user(config, &broker->server->offer.hook_uid, &gid, ignored, sizeof(ignored)) < 0)
		broker->server->offer.hook_uid = broker->server->service_uid;
	if (config_broker_user(config, &broker->server->offer.broker_uid, &gid, ignored, sizeof(ignored)) < 0)
		broker->server->offer.broker_uid = broker->server->service_uid;
}

static void
settle_broker(struct broker_worker *broker, bool is_anew)
{
	show_state(
	    broker, (enum broker_state)broker->server->board.head->store_state, broker->server->board.head->store_kept);
	if (!config_has_store(broker->server->config)) {
		worker_stop(&broker->worker);
		return;
	}
	offer_ids(broker);
	broker->was_told = false;
	if (is_anew)
		worker_restart(&broker->worker);
}

void
broker_worker_start(struct broker_worker *broker, bool is_successor)
{
	broker->is_alone = !is_successor;
	if (!is_successor)
		forget_refused_boot(broker);
	worker_init(&broker->worker, &broker_kind, broker->server->loop, &broker->server->board, broker);
	settle_broker(broker, true);
}

/* Sessions that ask just now would read that accounts cannot be looked up, so it is not restarted for nothing. */
static bool
is_same_broker(const struct broker_worker *broker, const struct config *old)
{
	const struct config *config = broker->server->config;
	char program[BROKER_PROGRAM_MAX], former[BROKER_PROGRAM_MAX];
	struct file_stamp now_program, now_conf;

	config_broker_program(config, program);
	config_broker_program(old, former);
	file_stamp_of_path(program, &now_program);
	file_stamp_of_path(config->store_conf, &now_conf);
	return broker->worker.is_wanted && strcmp(old->store_conf, config->store_conf) == 0 &&
	    strcmp(old->broker_user, config->broker_user) == 0 && strcmp(program, former) == 0 &&
	    file_stamp_equal(&now_program, &broker->program) && file_stamp_equal(&now_conf, &broker->store_conf);
}

void
broker_worker_reload(struct broker_worker *broker, const struct config *old)
{
	settle_broker(broker, !is_same_broker(broker, old));
}

int
broker_worker_open_channel(struct broker_worker *broker)
{
	int ends[2];
	int r;

	if (broker->worker.channel < 0 || monotonic_ms() < broker->quiet_until_ms)
		return -EPIPE;
	r = ipc_pair(ends, 0);
	if (r < 0)
		return r;
	ipc_begin(&message, IPC_broker_session);
	r = ipc_send_now(broker->worker.channel, &message, ends[1]);
	close_fd(&ends[1]);
	if (r < 0)
		close_fd(&ends[0]);
	return r < 0 ? r : ends[0];
}

int
broker_worker_send(struct broker_worker *broker, const struct ipc_message *word)
{
	return broker->worker.channel < 0 ? -EPIPE : ipc_send_now(broker->worker.channel, word, -1);
}

void
broker_worker_note_silence(struct broker_worker *broker)
{
	uint64_t now = monotonic_ms();

	if (broker->silent_ms == 0 || now - broker->silent_ms > SAME_SILENCE_MS)
		broker->silent_since_ms = now;
	broker->silent_ms = now;
	broker->quiet_until_ms = now + QUIET_MS;
	if (now - broker->silent_since_ms < PATIENCE_MS || broker->worker.child.pid == 0)
		return;
	log_message(LEVEL_ERROR, "store-down", "the broker has not answered for %u seconds, and is stopped",
	    (unsigned)((now - broker->silent_since_ms + QUIET_MS) / 1000));
	show_state(broker, BROKER_DOWN, 0);
	kill(broker->worker.child.pid, SIGKILL);
	broker->silent_ms = 0;
}

void
broker_worker_set_alone(struct broker_worker *broker, bool is_alone)
{
	if (broker->is_alone == is_alone)
		return;
	broker->is_alone = is_alone;
	/* one that cannot be told reads nothing */
	if (broker->worker.channel >= 0 && send_alone(broker->worker.channel, is_alone) < 0)
		worker_restart(&broker->worker);
}

void
broker_worker_retire(struct broker_worker *broker, bool is_idle)
{
	broker->is_retired = true;
	if (is_idle)
		broker_worker_stop(broker);
}

void
broker_worker_note_idle(struct broker_worker *broker)
{
	if (broker->is_retired)
		broker_worker_stop(broker);
}

void
broker_worker_stop(struct broker_worker *broker)
{
	if (broker->worker.loop != NULL)
		worker_stop(&broker->worker);
}
