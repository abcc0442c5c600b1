/* SPDX-License-Identifier: ISC */
/* A crew: threads, each with a connection of its own to the session's server. */
#ifndef CLIENT_UI_CREW_H
#define CLIENT_UI_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/ui/session.h"

struct crew;

struct crew_member {
	struct crew *crew;
	struct ftp *ftp;	/* the first member has the session's own handle, the others have clones */
	bool is_first;
	bool has_thread;
	pthread_t thread;
};

struct crew {
	struct session *session;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*work)(void *context, struct crew_member *member);
	void *context;
	size_t running, count;	/* members with a thread; with a handle */
	bool is_told_short;	/* that the server allows fewer connections */
	struct crew_member members[PARALLEL_MAX];
};

/* The session is borrowed. Connections are made when a member asks for its own, and last until crew_free(). */
void crew_init(struct crew *crew, struct session *session);
void crew_free(struct crew *crew);

/*
 * Call work in up to wanted threads, and return when all calls have returned. Meanwhile the caller's thread draws, and
 * passes Ctrl-C on. May be called again. Returns the number of threads; 0: none could be made.
 */
size_t crew_run(
    struct crew *crew, size_t wanted, void (*work)(void *context, struct crew_member *member), void *context);

/*
 * Whether this member has a connection, or can have one. A further connection that the server does not want is no
 * error: the others do the work. It is reported once, unless is_over: then nobody needs it.
 */
bool crew_may_work(struct crew_member *member, bool is_over);

#endif
