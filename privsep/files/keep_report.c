/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_report.h"

#include "privsep/ipc/ipc.h"

#include "common/banned.h"

void
keep_report(const struct home *home, enum kept_event event, const struct home_path *path, const char *id, uint64_t size)
{
	static struct ipc_message report; /* not the one in hand: its reply may have been begun */

	if (home->session->monitor_channel < 0)
		return;
	ipc_begin(&report, IPC_kept);
	ipc_put_u8(&report, (uint8_t)event);
	ipc_put_u64(&report, size);
	ipc_put_text(&report, id);
	ipc_put_bytes(&report, path->text, path->len);
	(void)!ipc_send_now(home->session->monitor_channel, &report, -1);
}
