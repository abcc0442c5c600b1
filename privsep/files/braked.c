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
braked_count(const struct files_session *session, const struct home_path *path)
{
	return session->has_brake ? note_answer(ask_brake(session, path)) : 0;
}

unsigned
braked_rights(unsigned rights)
{
	return has_fallen ? rights & MAY_ONLY_LOOK : rights;
}
