/* SPDX-License-Identifier: ISC */
#include "privsep/files/braked.h"

#include <errno.h>
#include <stdbool.h>

#include "common/written.h"
#include "privsep/files/question.h"

#include "common/banned.h"

static struct ipc_message question SELDOM_WRITTEN;
static bool has_fallen SELDOM_WRITTEN;

static int
ask_brake(const struct files_session *session, const struct home_path *path)
{
	ipc_begin(&question, IPC_brake);
	if (path != NULL)
		ipc_put_bytes(&question, path->text, path->len);
	return question_ask(session->monitor_channel, &question);
}

static int
note_answer(int r)
{
	has_fallen = r == -ESHUTDOWN;
	return r;
}

int
braked_look(const struct files_session *session)
{
	return session->has_brake ? note_answer(ask_brake(session, NULL)) : 0;
}

int
braked_count(const struct home *home, const struct home_path *path)
{
	static struct home_path seen SELDOM_WRITTEN; /* as the client names it, also in a shared folder */

	if (!home->session->has_brake)
		return 0;
	seen = *path;
	if (home_full_path(home, &seen) < 0) {
		seen = (struct home_path){.len = 1, .text = "/"}; /* too long: the folder's own path has to do */
		(void)home_full_path(home, &seen);
	}
	return note_answer(ask_brake(home->session, &seen));
}

unsigned
braked_rights(unsigned rights)
{
	return has_fallen ? rights & MAY_ONLY_LOOK : rights;
}
