/* SPDX-License-Identifier: ISC */
#include "privsep/files/braked.h"

#include <errno.h>
#include <stdbool.h>

#include "common/written.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

static struct ipc_message question SELDOM_WRITTEN;
static bool has_fallen SELDOM_WRITTEN;

static int
ask_brake(const struct files_session *session, const struct home_path *path)
{
	int r;

	ipc_begin(&question, IPC_brake);
	if (path != NULL)
		ipc_put_bytes(&question, path->text, path->len);
	r = ipc_send_now(session->monitor_channel, &question, -1); /* one question at a time: there is room */
	while (r == 0) {
		r = ipc_receive(session->monitor_channel, IPC_FILES, IPC_STATE_READY, &question);
		if (r == 0 && question.kind == IPC_brake && question.is_reply)
			return ipc_get_result(&question);
		if (r == -EINTR)
			r = 0;
		else if (r == 0)
			r = -EPROTO;
	}
	return -EIO;
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
