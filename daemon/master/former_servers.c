/* SPDX-License-Identifier: ISC */
#include "daemon/master/former_servers.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/libc.h"
#include "common/text.h"
#include "daemon/master/server.h"
#include "daemon/master/server_text.h"
#include "daemon/master/sessions.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define ENDING_MS 200 /* for a process that has closed its descriptors to be gone */

void
former_servers_init(struct former_servers *formers, struct server *server, struct sessions *sessions,
    const struct former_listener *listener)
{
	*formers = (struct former_servers){.server = server, .sessions = sessions, .listener = *listener};
	TAILQ_INIT(&formers->list);
	former_init(&formers->known, sessions);
}

/* --- which there are --- */

/* NULL: no memory, and the channel is closed. */
static struct former_server *
add_former(struct former_servers *formers, int channel)
{
	struct former_server *former = calloc(1, sizeof(*former));

	if (former == NULL) {
		log_message(LEVEL_ERROR, "upgrade", "no memory for a former server; a stop does not reach it");
		close(channel);
		return NULL;
	}
	*former = (struct former_server){
	    .all = formers,
	    .channel = channel,
	    .source = {.ready = former_server_ready, .arg = former},
	};
	TAILQ_INSERT_TAIL(&formers->list, former, entry);
	return former;
}

static void
former_watch(struct former_server *former)
{
	if (!former->is_watched && loop_watch(former->all->server->loop, &former->source, former->channel) == 0)
		former->is_watched = true;
}

int
former_servers_start(struct former_servers *formers, int channel)
{
	struct former_server *former = add_former(formers, channel);

	if (former == NULL)
		return -ENOMEM;
	former->is_starter = true;
	former_watch(former);
	return 0;
}

bool
former_servers_tell_starter(struct former_servers *formers, const char *text)
{
	const struct former_server *former = TAILQ_FIRST(&formers->list);

	if (former == NULL || !former->is_starter)
		return false;
	server_text_say(former->channel, text);
	return true;
}

void
former_servers_tell(struct former_servers *formers, const char *text)
{
	const struct former_server *former;

	TAILQ_FOREACH(former, &formers->list, entry)
		if (!former->is_lent)
			server_text_say(former->channel, text);
}

bool
former_servers_need_this(const struct former_servers *formers)
{
	const struct former_server *former;

	TAILQ_FOREACH(former, &formers->list, entry)
		if (!former->is_lent)
			return true;
	return false;
}

/* --- handing on --- */

static void
tell_sessions_of(const struct former_servers *formers, const struct former_server *former, int successor)
{
	const struct former_session *session;
	struct buf lines;

	buf_init(&lines, SERVER_TEXT_MAX);
	TAILQ_FOREACH(session, &formers->known.list, entry)
		if (session->server == former)
			server_text_add_session(successor, &lines, session->id, &session->address, session->user);
	if (lines.len > 0)
		(void)server_text_send(successor, lines.data, lines.len, -1, SERVER_TEXT_WAIT_MS);
	buf_free(&lines);
}

static void
former_lend(struct former_server *former, int successor)
{
	static const char words[] = "former\n";

	if (!server_text_send(successor, words, sizeof(words) - 1, former->channel, SERVER_TEXT_WAIT_MS))
		return;
	former->is_lent = true;
	if (former->is_watched)
		loop_unwatch(former->all->server->loop, &former->source);
	former->is_watched = false;
}

void
former_servers_hand_on(struct former_servers *formers, int successor, bool takes_channels)
{
	struct former_server *former;

	TAILQ_FOREACH(former, &formers->list, entry) {
		if (takes_channels)
			former_lend(former, successor);
		tell_sessions_of(formers, former, successor);
	}
}

/* Ask them to report again what they reported to the server that has died. */
void
former_servers_take_back(struct former_servers *formers)
{
	struct former_server *former;

	TAILQ_FOREACH(former, &formers->list, entry) {
		if (!former->is_lent)
			continue;
		former->is_lent = false;
		server_text_say(former->channel, "sessions\n");
		former_watch(former);
	}
}

/* --- what they report --- */

/* Not before: their reports belong after the starter's report about them. */
static void
watch_all(struct former_servers *formers)
{
	struct former_server *former;

	formers->named = NULL;
	TAILQ_FOREACH(former, &formers->list, entry)
		former_watch(former);
	formers->listener.is_ours(formers->listener.arg);
}

static void
forget_sessions(struct former_server *former)
{
	struct former_servers *formers = former->all;
	char id[SESSION_ID_SIZE];

	while (former_remove_of(&formers->known, former, id))
		formers->listener.gone(formers->listener.arg, id);
}

/* "ID MAX USER": may this session of theirs log in? It counts from now on, if so. */
static void
answer_admit(struct former_server *former, char *text)
{
	struct sessions *sessions = former->all->sessions;
	char *id = strsep(&text, " "), *most = strsep(&text, " ");
	enum ipc_admit_outcome outcome;
	uint64_t max_sessions;
	char answer[64];
	int len;

	if (text == NULL || *text == '\0' || strlen(id) != SESSION_ID_SIZE - 1 ||
	    parse_u64(most, UINT32_MAX, &max_sessions) < 0)
		return;
	outcome = sessions_admit(sessions, text, (uint32_t)max_sessions);
	if (outcome == ADMIT_YES)
		former_log_in(&former->all->known, id, text);
	len = snprintf(answer, sizeof(answer), "admitted %s %u\n", id, (unsigned)outcome);
	(void)server_text_send(former->channel, answer, (size_t)len, -1, 0);
}

/* The rest of line after word; NULL: it begins with another word. */
static char *
rest_after(char *line, const char *word)
{
	size_t len = strlen(word);

	return strncmp(line, word, len) == 0 ? line + len : NULL;
}

/* fd: what came with the message; -1 once it is taken. */
static void
former_take_line(struct former_server *former, char *line, int *fd)
{
	struct former_servers *formers = former->all;
	char *rest;

	if (strcmp(line, "yours") == 0 && former->is_starter) {
		watch_all(formers);
	} else if (strcmp(line, "former") == 0 && former->is_starter && *fd >= 0) {
		formers->named = add_former(formers, *fd);
		*fd = -1;
	} else if ((rest = rest_after(line, "session ")) != NULL) {
		former_add(
		    &formers->known, former->is_starter && formers->named != NULL ? formers->named : former, rest);
	} else if ((rest = rest_after(line, "gone ")) != NULL) {
		if (former_remove(&formers->known, rest))
			formers->listener.gone(formers->listener.arg, rest);
	} else if (strcmp(line, "anew") == 0) {
		forget_sessions(former);
	} else if ((rest = rest_after(line, "admit ")) != NULL) {
		answer_admit(former, rest);
	}
}

/*
 * A process closes its descriptors a moment before it has ended. When this server ends in that moment, the service
 * manager finds the former one alive, and says that it kills it.
 */
static void
await_end(int channel)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = -1;

	if (getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0 && peer.pid != getpid())
		fd = pidfd_open(peer.pid, 0);
	if (fd >= 0)
		(void)!io_wait(fd, POLLIN, monotonic_ms() + ENDING_MS);
	close_fd(&fd);
}

static void
remove_former(struct former_server *former)
{
	struct former_servers *formers = former->all;
	bool is_starter = former->is_starter;

	await_end(former->channel);
	loop_close(formers->server->loop, &former->source, &former->channel);
	forget_sessions(former);
	TAILQ_REMOVE(&formers->list, former, entry);
	free(former);
	if (is_starter)
		watch_all(formers);
	formers->listener.ended(formers->listener.arg);
	log_message(LEVEL_INFO, "upgrade", "the former server has ended");
}

void
former_server_ready(void *arg)
{
	struct former_server *former = arg;
	char text[SERVER_TEXT_MAX + 1];
	char *rest = text, *line;
	int fd = -1;
	int r = server_text_receive(former->channel, text, &fd);

	while (r > 0 && (line = server_text_line(&rest)) != NULL)
		former_take_line(former, line, &fd);
	close_fd(&fd);
	if (r == -EPIPE)
		remove_former(former);
}
