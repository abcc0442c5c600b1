/* SPDX-License-Identifier: ISC */
#include "daemon/master/former_sessions.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/master/server.h"
#include "daemon/master/sessions.h"

#include "common/banned.h"

void
former_init(struct former_sessions *former, struct sessions *sessions)
{
	*former = (struct former_sessions){.sessions = sessions};
	TAILQ_INIT(&former->list);
	TAILQ_INIT(&former->unused);
}

/* Room for one more, at a place that no session inherits. NULL: there is none. */
static struct former_session *
take_room(struct former_sessions *former)
{
	const size_t size = SESSIONS_MAX * sizeof(struct former_session);
	struct former_session *session = TAILQ_FIRST(&former->unused);

	if (session != NULL) {
		TAILQ_REMOVE(&former->unused, session, entry);
		return session;
	}
	if (former->room == NULL) {
		void *room =
		    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (room == MAP_FAILED)
			return NULL;
		if (madvise(room, size, MADV_DONTFORK) < 0) {
			munmap(room, size);
			return NULL;
		}
		former->room = room;
	}
	return former->used < SESSIONS_MAX ? &former->room[former->used++] : NULL;
}

/* 32 hexadecimal digits, as server_text_add_session() writes them. */
static bool
parse_key(const char *text, struct address_key *key)
{
	static const char digits[] = "0123456789abcdef";

	if (strspn(text, digits) != 2 * sizeof(key->bytes))
		return false;
	for (size_t i = 0; i < sizeof(key->bytes); i++) {
		size_t high = (size_t)(strchr(digits, text[2 * i]) - digits);
		size_t low = (size_t)(strchr(digits, text[2 * i + 1]) - digits);

		key->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void
former_add(struct former_sessions *former, const struct former_server *server, const char *text)
{
	struct former_session *session;
	const char *key = strchr(text, ' ');
	const char *user = key == NULL ? NULL : strchr(key + 1, ' ');
	struct address_key address;

	if (user == NULL || key - text != SESSION_ID_SIZE - 1 || user - key != 1 + 2 * sizeof(address.bytes) ||
	    strlen(user + 1) >= sizeof(session->user) || !parse_key(key + 1, &address))
		return;
	session = take_room(former);
	if (session == NULL)
		return;
	*session = (struct former_session){.server = server, .address = address};
	memcpy(session->id, text, SESSION_ID_SIZE - 1);
	memcpy(session->user, user + 1, strlen(user + 1));
	TAILQ_INSERT_TAIL(&former->list, session, entry);
	former->count++;
	sessions_count(former->sessions, &session->address, session->user);
}

static void
remove_session(struct former_sessions *former, struct former_session *session)
{
	TAILQ_REMOVE(&former->list, session, entry);
	former->count--;
	sessions_uncount(former->sessions, &session->address, session->user);
	TAILQ_INSERT_HEAD(&former->unused, session, entry);
}

static struct former_session *
find_session(const struct former_sessions *former, const char *id)
{
	struct former_session *session;

	TAILQ_FOREACH(session, &former->list, entry)
		if (strcmp(session->id, id) == 0)
			break;
	return session;
}

void
former_log_in(struct former_sessions *former, const char *id, const char *user)
{
	struct former_session *session = find_session(former, id);

	if (session == NULL || session->user[0] != '\0' || strlen(user) >= sizeof(session->user))
		return;
	sessions_uncount(former->sessions, &session->address, "");
	memcpy(session->user, user, strlen(user));
	sessions_count(former->sessions, &session->address, session->user);
}

bool
former_remove(struct former_sessions *former, const char *id)
{
	struct former_session *session = find_session(former, id);

	if (session == NULL)
		return false;
	remove_session(former, session);
	return true;
}

bool
former_remove_of(struct former_sessions *former, const struct former_server *server, char id[SESSION_ID_SIZE])
{
	struct former_session *session;

	TAILQ_FOREACH(session, &former->list, entry)
		if (session->server == server) {
			memcpy(id, session->id, SESSION_ID_SIZE);
			remove_session(former, session);
			return true;
		}
	return false;
}
