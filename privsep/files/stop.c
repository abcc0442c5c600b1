#include "privsep/files/stop.h"

#include <errno.h>

#include "privsep/ipc/ipc.h"

#include "common/banned.h"

int
stop_check(struct stop *stop)
{
	static struct ipc_message message;	/* not the one in hand: its reply may have been begun */
	int r = ipc_receive_now(stop->channel, IPC_FILES, IPC_STATE_READY, &message);

	if (r == -EAGAIN)
		return 0;
	if (r == 0 && message.kind != IPC_stop)	/* a second request before the reply to the first */
		r = -EPROTO;
	stop->error = r;
	return -ECANCELED;
}
