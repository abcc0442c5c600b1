/* SPDX-License-Identifier: ISC */
#include "daemon/master/proxied.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/proxy_header.h"
#include "config/config.h"
#include "daemon/master/accounts_loader.h"
#include "daemon/master/admission.h"
#include "daemon/master/listeners.h"
#include "daemon/master/refusals.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/porter/porter.h"

#include "common/banned.h"

#define ACCEPT_AT_ONCE 64 /* then other events get their turn */
#define OVERDUE_MS (PROXY_HEADER_MS + 3000) /* the porter has not kept its own time */
#define LEAVE_MS 500
#define LOOK_MS 500 /* for the porter to look at a connection, before another one takes its place */
#define CHANNEL_BYTES (1 << 20) /* room for an introduction of each connection */

struct unnamed {
	int fd; /* -1: the place is free */
	uint32_t number; /* of the introduction: its remainder is the place */
	bool is_introduced; /* false: there was no porter yet */
	bool is_tls;
	union address proxy; /* who has connected */
	uint64_t due_ms;
	TAILQ_ENTRY(unnamed) entry;
};

/* What the porter says of a connection. */
struct word {
	uint32_t number;
	enum introduced_verdict verdict;
	enum proxy_fault fault;
	union address source, destination; /* AF_UNSPEC: not told */
	uint8_t unique_id[PROXY_UNIQUE_ID_MAX];
	size_t unique_id_len;
};

static struct ipc_message introduction;

/* --- the connections that wait --- */

/* No session has a copy of it. */
static bool
has_places(struct proxied *proxied)
{
	const size_t size = PORTER_CONNECTIONS_MAX * sizeof(struct unnamed);

	if (proxied->all != NULL)
		return true;
	proxied->all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (proxied->all == MAP_FAILED) {
		proxied->all = NULL;
		return false;
	}
	(void)madvise(proxied->all, size, MADV_DONTFORK);
	for (uint32_t i = 0; i < PORTER_CONNECTIONS_MAX; i++) {
		proxied->all[i].fd = -1;
		proxied->all[i].number = i;
		TAILQ_INSERT_TAIL(&proxied->free, &proxied->all[i], entry);
	}
	return true;
}

static void
set_overdue(struct proxied *proxied)
{
	const struct unnamed *oldest = TAILQ_FIRST(&proxied->waiting);

	if (oldest == NULL)
		timer_stop(proxied->server->loop, &proxied->overdue);
	else if (!timer_is_set(&proxied->overdue))
		timer_set(proxied->server->loop, &proxied->overdue, oldest->due_ms);
}

/* The porter runs while it is wanted, or somebody waits for it. */
static void
settle_porter(struct proxied *proxied)
{
	char error[512];

	set_overdue(proxied);
	if (!proxied->is_wanted && TAILQ_EMPTY(&proxied->waiting))
		worker_stop(&proxied->porter);
	else if (!proxied->porter.is_wanted && worker_start(&proxied->porter, error, sizeof(error)) < 0)
		proxied->porter.kind->failed(proxied, error);
}

/* The place is free, and the connection is the caller's. */
static int
take_unnamed(struct proxied *proxied, struct unnamed *unnamed)
{
	int fd = unnamed->fd;

	unnamed->fd = -1;
	unnamed->number += PORTER_CONNECTIONS_MAX; /* a late word about this one is none about the next */
	TAILQ_REMOVE(&proxied->waiting, unnamed, entry);
	TAILQ_INSERT_TAIL(&proxied->free, unnamed, entry);
	return fd;
}

/* Not only closed: the porter has it open as well, and sees the end. */
static void
give_up_unnamed(struct proxied *proxied, struct unnamed *unnamed, enum refusal reason)
{
	bool is_introduced = unnamed->is_introduced;
	int fd = take_unnamed(proxied, unnamed);

	proxied->server->board.head->ended.refused[reason]++;
	proxied->owed += is_introduced;
	(void)shutdown(fd, SHUT_RDWR);
	close_fd(&fd);
}

/* Accounts of the users file, and those that are kept, log in whatever the database does. PAM speaks for itself. */
static bool
serves_nobody(const struct proxied *proxied)
{
	const struct config *config = proxied->server->config;
	const struct board_head *head = proxied->server->board.head;

	return config_has_store(config) && head->store_state != BROKER_UP && head->store_kept == 0 &&
	    config->pam_service[0] == '\0' && accounts_total(proxied->admission->sessions->accounts) == 0;
}

/* What a health check is told. */
static enum introduce_state
server_state(const struct proxied *proxied)
{
	const struct sessions *sessions = proxied->admission->sessions;

	if (proxied->server->is_draining)
		return INTRODUCE_DRAINING;
	if (sessions->live_count >= SESSIONS_MAX ||
	    (sessions->counted >= proxied->server->config->limits.sessions && !sessions_have_room_to_make(sessions)))
		return INTRODUCE_FULL;
	return serves_nobody(proxied) ? INTRODUCE_NO_ACCOUNTS : INTRODUCE_READY;
}

/* 0, or -errno of the channel. */
static int
introduce(struct proxied *proxied, int channel, struct unnamed *unnamed)
{
	int r;

	ipc_begin(&introduction, IPC_introduce);
	ipc_put_u32(&introduction, unnamed->number);
	ipc_put_u8(&introduction, (uint8_t)server_state(proxied));
	r = ipc_send_now(channel, &introduction, unnamed->fd);
	unnamed->is_introduced = r == 0;
	unnamed->due_ms = monotonic_ms() + OVERDUE_MS; /* not earlier than the porter's own time, which begins now */
	return r;
}

/* What the porter has not looked at yet need not be slow. False: it had time, or there is no porter. */
static bool
await_verdict(struct proxied *proxied)
{
	const struct unnamed *oldest = TAILQ_FIRST(&proxied->waiting);
	uint64_t looked_at_ms = oldest->due_ms - OVERDUE_MS + LOOK_MS;

	if (!oldest->is_introduced || proxied->porter.channel < 0 ||
	    io_wait(proxied->porter.channel, POLLIN, looked_at_ms) <= 0)
		return false;
	worker_receive(&proxied->porter);
	return true;
}

/* In a burst, many headers are there, and the porter's verdicts are on their way. Otherwise the oldest one gives way. */
static void
make_place(struct proxied *proxied)
{
	while (TAILQ_EMPTY(&proxied->free) && await_verdict(proxied))
		;
	if (TAILQ_EMPTY(&proxied->free))
		give_up_unnamed(proxied, TAILQ_FIRST(&proxied->waiting), REFUSED_HEADER);
}

static void
add_unnamed(struct proxied *proxied, int fd, const struct listener *listener, const union address *proxy)
{
	struct unnamed *unnamed;

	make_place(proxied);
	unnamed = TAILQ_FIRST(&proxied->free);
	TAILQ_REMOVE(&proxied->free, unnamed, entry);
	TAILQ_INSERT_TAIL(&proxied->waiting, unnamed, entry);
	unnamed->fd = fd;
	unnamed->is_introduced = false;
	unnamed->is_tls = listener->is_tls;
	unnamed->proxy = *proxy;
	unnamed->due_ms = monotonic_ms() + OVERDUE_MS;
	if (proxied->porter.channel >= 0 && introduce(proxied, proxied->porter.channel, unnamed) < 0)
		give_up_unnamed(proxied, unnamed, REFUSED_RESOURCES);
	settle_porter(proxied);
}

/* --- refusals --- */

static void
log_refused(const union address *proxy, const char *message)
{
	struct address_key key;
	char text[ADDRESS_TEXT_MAX];

	address_make_key(proxy, &key);
	if (!refusals_take(&key))
		return;
	address_text(proxy, text);
	log_set_context(NULL, NULL, text, NULL);
	log_message(LEVEL_WARNING, "refused", "%s", message);
	log_set_context(NULL, NULL, "", NULL);
}

static void
refuse_strange_proxy(struct proxied *proxied, const union address *peer)
{
	proxied->server->board.head->ended.refused[REFUSED_STRANGER]++;
	log_refused(peer, "the address is not in proxy-from");
}

static void
refuse_bad_header(struct proxied *proxied, const union address *proxy, const struct word *word)
{
	char message[160];

	proxied->server->board.head->ended.refused[REFUSED_HEADER]++;
	if (word->verdict == INTRODUCED_SLOW)
		snprintf(message, sizeof(message),
		    "the proxy sent no whole PROXY header within %d seconds; does it send one (send-proxy-v2)?",
		    PROXY_HEADER_MS / 1000);
	else
		snprintf(message, sizeof(message), "the proxy sent %s", proxy_fault_text(word->fault));
	log_refused(proxy, message);
}

/* --- the porter's word --- */

/* One end of a connection. False: malformed. */
static bool
get_told_end(struct ipc_message *message, union address *address)
{
	uint8_t family = ipc_get_u8(message);
	size_t len;
	const void *host = ipc_get_bytes(message, 16, &len);
	uint32_t port = ipc_get_u32(message);

	memset(address, 0, sizeof(*address));
	if ((family != 0 && family != 4 && family != 6) || len != 16 || port > UINT16_MAX)
		return false;
	if (family == 0)
		return true;
	address->family = family == 6 ? AF_INET6 : AF_INET;
	memcpy(
	    family == 6 ? (void *)&address->v6.sin6_addr : (void *)&address->v4.sin_addr, host, family == 6 ? 16 : 4);
	address_set_port(address, (uint16_t)port);
	address_unmap(address);
	return true;
}

/* False: no porter says that. The message is wiped: the next session that is forked has a copy of it. */
static bool
get_word(struct ipc_message *message, struct word *word)
{
	const void *id;
	bool is_good;

	word->number = ipc_get_u32(message);
	word->verdict = (enum introduced_verdict)ipc_get_u8(message);
	word->fault = (enum proxy_fault)ipc_get_u8(message);
	is_good = get_told_end(message, &word->source);
	is_good = get_told_end(message, &word->destination) && is_good;
	id = ipc_get_bytes(message, sizeof(word->unique_id), &word->unique_id_len);
	memcpy(word->unique_id, id, word->unique_id_len);
	is_good = is_good && ipc_end(message) && message->kind == IPC_introduced &&
	    word->verdict < INTRODUCED_VERDICT_COUNT && word->fault < PROXY_FAULT_COUNT;
	ipc_wipe(message);
	return is_good &&
	    (word->verdict != INTRODUCED_CLIENT ||
		(word->source.family != AF_UNSPEC && word->destination.family != AF_UNSPEC));
}

static void
admit_named(struct proxied *proxied, int fd, const struct unnamed *unnamed, const struct word *word)
{
	bool has_client = word->verdict == INTRODUCED_CLIENT;

	admission_admit(proxied->admission,
	    &(struct arrival){
		.fd = fd,
		.is_tls = unnamed->is_tls,
		.peer = has_client ? word->source : unnamed->proxy,
		.proxy = unnamed->proxy,
		.dialled = word->destination,
		.unique_id = word->unique_id,
		.unique_id_len = word->unique_id_len,
	    });
}

static void
obey_word(struct proxied *proxied, struct unnamed *unnamed, const struct word *word)
{
	int fd = take_unnamed(proxied, unnamed);

	switch (word->verdict) {
	case INTRODUCED_CLIENT:
	case INTRODUCED_PROXY:
		admit_named(proxied, fd, unnamed, word);
		break;
	case INTRODUCED_CHECK:
	case INTRODUCED_SILENT:
		proxied->server->board.head->ended.health_checks++;
		break;
	case INTRODUCED_SLOW:
	case INTRODUCED_BAD:
		refuse_bad_header(proxied, &unnamed->proxy, word);
		break;
	case INTRODUCED_VERDICT_COUNT:
		break;
	}
	close_fd(&fd);
}

/* One word for each introduction: a porter that says more is none of ours. */
static bool
porter_receive(void *arg, struct ipc_message *message)
{
	struct proxied *proxied = arg;
	struct unnamed *unnamed;
	struct word word;

	if (!get_word(message, &word))
		return false;
	unnamed = &proxied->all[word.number % PORTER_CONNECTIONS_MAX];
	if (unnamed->fd < 0 || unnamed->number != word.number || !unnamed->is_introduced) {
		if (proxied->owed == 0)
			return false;
		proxied->owed--;
		return true;
	}
	obey_word(proxied, unnamed, &word);
	settle_porter(proxied);
	return true;
}

static bool
porter_expects_more(void *arg)
{
	const struct proxied *proxied = arg;

	return !TAILQ_EMPTY(&proxied->waiting);
}

/* --- the porter --- */

/* Those that came while there was none are introduced to the new one. */
static int
porter_prepare(void *arg, int channel, char *error, size_t size)
{
	struct proxied *proxied = arg;
	struct unnamed *unnamed, *next;
	int bytes = CHANNEL_BYTES;

	(void)error;
	(void)size;
	if (setsockopt(channel, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	for (unnamed = TAILQ_FIRST(&proxied->waiting); unnamed != NULL; unnamed = next) {
		next = TAILQ_NEXT(unnamed, entry);
		if (!unnamed->is_introduced && introduce(proxied, channel, unnamed) < 0)
			give_up_unnamed(proxied, unnamed, REFUSED_RESOURCES);
	}
	return 0;
}

static void
porter_enter(void *arg, int channel)
{
	const struct proxied *proxied = arg;

	porter_run(&(struct porter_process){
	    .master_channel = channel,
	    .empty_directory_fd = proxied->server->empty_directory_fd,
	    .uid = proxied->server->service_uid,
	    .gid = proxied->server->service_gid,
	    .master_pid = proxied->server->pid,
	});
}

/* Of a header that it had in hand, nobody knows how much was taken. */
static void
porter_down(void *arg)
{
	struct proxied *proxied = arg;
	struct unnamed *unnamed, *next;

	for (unnamed = TAILQ_FIRST(&proxied->waiting); unnamed != NULL; unnamed = next) {
		next = TAILQ_NEXT(unnamed, entry);
		if (unnamed->is_introduced)
			give_up_unnamed(proxied, unnamed, REFUSED_RESOURCES);
	}
	proxied->owed = 0;
	proxied->was_told = false;
	settle_porter(proxied);
}

static void
porter_failed(void *arg, const char *error)
{
	struct proxied *proxied = arg;

	if (!proxied->was_told)
		log_message(LEVEL_ERROR, "refused", "clients of the proxy wait: %s; it is tried again", error);
	proxied->was_told = true;
}

static const struct worker_kind porter_kind = {
    .name = "porter",
    .prepare = porter_prepare,
    .run = porter_enter,
    .receive = porter_receive,
    .expects_more = porter_expects_more,
    .down = porter_down,
    .failed = porter_failed,
    .retry_ms = 1000,
};

/* It keeps a time of its own, which is shorter. One that does not is stopped, and another one is started. */
static void
proxied_overdue_due(void *arg)
{
	struct proxied *proxied = arg;
	uint64_t now = monotonic_ms();
	struct unnamed *oldest;
	bool was_introduced = false;

	while ((oldest = TAILQ_FIRST(&proxied->waiting)) != NULL && oldest->due_ms <= now) {
		was_introduced = was_introduced || oldest->is_introduced;
		give_up_unnamed(proxied, oldest, REFUSED_RESOURCES);
	}
	if (was_introduced && proxied->porter.child.pid != 0)
		kill(proxied->porter.child.pid, SIGKILL);
	settle_porter(proxied);
}

/* --- for others --- */

void
proxied_init(struct proxied *proxied, struct server *server, struct admission *admission)
{
	*proxied = (struct proxied){
	    .server = server,
	    .admission = admission,
	    .overdue = {.due = proxied_overdue_due, .arg = proxied},
	};
	TAILQ_INIT(&proxied->waiting);
	TAILQ_INIT(&proxied->free);
	worker_init(&proxied->porter, &porter_kind, server->loop, &server->board, proxied);
}

void
proxied_configure(struct proxied *proxied, bool is_wanted)
{
	proxied->is_wanted = is_wanted;
	settle_porter(proxied);
}

static bool
accept_one_proxied(struct proxied *proxied, const struct listener *listener)
{
	union address peer;
	int fd = admission_accept_connection(proxied->admission, listener, &peer);

	if (fd < 0)
		return fd != -EAGAIN;
	if (!config_is_proxy(proxied->server->config, &peer)) {
		refuse_strange_proxy(proxied, &peer);
		close_fd(&fd);
	} else if (!has_places(proxied)) {
		proxied->server->board.head->ended.refused[REFUSED_RESOURCES]++;
		close_fd(&fd);
	} else {
		add_unnamed(proxied, fd, listener, &peer);
	}
	return true;
}

bool
proxied_accept(void *arg, const struct listener *listener)
{
	for (int i = 0; i < ACCEPT_AT_ONCE; i++)
		if (!accept_one_proxied(arg, listener))
			return false;
	return true;
}

void
proxied_leave(struct proxied *proxied)
{
	uint64_t deadline = monotonic_ms() + LEAVE_MS;

	while (!TAILQ_EMPTY(&proxied->waiting) && proxied->porter.channel >= 0 &&
	    io_wait(proxied->porter.channel, POLLIN, deadline) > 0)
		worker_receive(&proxied->porter);
	while (!TAILQ_EMPTY(&proxied->waiting))
		give_up_unnamed(proxied, TAILQ_FIRST(&proxied->waiting), REFUSED_RESOURCES);
	proxied_configure(proxied, false);
}
