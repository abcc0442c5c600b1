/* SPDX-License-Identifier: ISC */
#include "privsep/files/question.h"

#include <errno.h>

#include "common/banned.h"

int
question_ask(int monitor_channel, struct ipc_message *message)
{
	enum ipc_kind kind = message->kind;
	int r;

	r = ipc_send_now(monitor_channel, message, -1);	/* one question at a time: there is room */
	while (r == 0) {
		r = ipc_receive(monitor_channel, IPC_FILES, IPC_STATE_READY, message);
		if (r == 0 && message->kind == kind && message->is_reply)
			return ipc_get_result(message);
		if (r == -EINTR)
			r = 0;
		else if (r == 0)
			r = -EPROTO;
	}
	return -EIO;
}
