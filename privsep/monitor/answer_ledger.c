/* SPDX-License-Identifier: ISC */
/* The quota ledger of the account: opened at login, asked by files around every change of the home. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "accounts/rate.h"
#include "common/io.h"
#include "common/libc.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/login.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define FILES_MAX (1LL << 40)	/* that one change can add or take away */
#define ASK_EVERY_MS 500	/* for a count: the master starts none that is under way, and none too often */

/* Nothing but the file of an upload is open for writing in protocol, and no byte of it past this offset is written. */
static int
limit_writes(struct monitor *monitor, uint64_t end)
{
	struct rlimit limit = {.rlim_cur = end, .rlim_max = monitor->quota.hard_limit};

	if (monitor->quota.limits.bytes == LEDGER_NO_LIMIT || monitor->protocol.pid == 0)
		return 0;
	monitor->quota.upload_end = end;
	return prlimit(monitor->protocol.pid, RLIMIT_FSIZE, &limit, NULL) < 0 ? -errno : 0;
}

void
quota_close(struct monitor *monitor)
{
	ledger_close(&monitor->quota.book);
	close_fd(&monitor->rates.fd);
}

/* The hard limit stays what it is: to raise it takes a right that the monitor does not keep. */
int
quota_limit_writes(struct monitor *monitor)
{
	struct rlimit limit;

	if (monitor->quota.book.fd < 0)
		return 0;
	if (prlimit(monitor->protocol.pid, RLIMIT_FSIZE, NULL, &limit) < 0)
		return -errno;
	monitor->quota.hard_limit = limit.rlim_max;
	return limit_writes(monitor, 0);
}

static int
open_rates(struct monitor *monitor, const struct account *account)
{
	char path[PATH_MAX];

	if (account->rate_down == 0 && account->rate_up == 0)
		return 0;
	snprintf(path, sizeof(path), "%s/rates/%s", monitor->session->config->runtime_directory, account->name);
	monitor->rates.fd = rate_open(path);
	monitor->rates.down = account->rate_down;
	monitor->rates.up = account->rate_up;
	return monitor->rates.fd < 0 ? monitor->rates.fd : 0;
}

static int
open_quota_ledger(struct monitor *monitor, const struct account *account)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/ledger/%s", monitor->session->config->state_directory, account->name);
	if (account->quota_bytes == ACCOUNT_NO_QUOTA && account->quota_files == ACCOUNT_NO_QUOTA) {
		(void)!unlinkat(AT_FDCWD, path, 0); /* of an earlier quota: what happens from here on is not in it */
		return 0;
	}
	monitor->quota.limits = (struct ledger_limits){account->quota_bytes, account->quota_files};
	return ledger_open(&monitor->quota.book, path, monitor->session->boot_id);
}

int
quota_open(struct monitor *monitor, const struct account *account, const char **reason)
{
	int r = open_rates(monitor, account);

	if (r < 0) {
		*reason = reason_in_directory(
		    "rates cannot be kept", monitor->session->config->runtime_directory, "rates", r);
		return r;
	}
	r = open_quota_ledger(monitor, account);
	if (r < 0)
		*reason = r == -EUSERS ? "too many sessions share the quota"
				       : reason_in_directory("quota ledger cannot be opened",
					     monitor->session->config->state_directory, "ledger", r);
	return r;
}

static void
begin_ledger_reply(struct monitor *monitor, int result)
{
	ipc_begin_reply(&monitor->message, monitor->message.kind, result);
}

/* The figure is none, or only a bound: the master has the home counted, while the session goes on. */
static void
ask_for_count(struct monitor *monitor)
{
	static struct ipc_message question;	/* the answer to files is in hand */
	uint64_t now = monotonic_ms();

	if (monitor->quota.asked_ms != 0 && now - monitor->quota.asked_ms < ASK_EVERY_MS)
		return;
	monitor->quota.asked_ms = now;
	ipc_begin(&question, IPC_count_home);
	/* one that is lost is asked again */
	(void)!ipc_send_now(monitor->session->master_channel, &question, -1);
}

/* What a bound forbids, the count may allow: files asks again. r is the ledger's answer. */
static int
judge_figure(struct monitor *monitor, int r, const struct ledger_figure *figure)
{
	if (figure->state != LEDGER_EXACT && (r == 0 || r == -EDQUOT || r == -EUCLEAN))
		ask_for_count(monitor);
	return r == -EDQUOT && figure->state == LEDGER_BOUND ? -EINPROGRESS : r;
}

static bool
answer_read(struct monitor *monitor)
{
	struct ledger_figure figure;
	int r;

	if (!ipc_end(&monitor->message))
		return false;
	r = ledger_read(&monitor->quota.book, &figure);
	r = judge_figure(monitor, r, &figure);
	begin_ledger_reply(monitor, r);
	if (r < 0)
		return true;
	ipc_put_u64(&monitor->message, figure.bytes);
	ipc_put_u64(&monitor->message, monitor->quota.limits.bytes);
	ipc_put_u64(&monitor->message, figure.files);
	ipc_put_u64(&monitor->message, monitor->quota.limits.files);
	ipc_put_u8(&monitor->message, (uint8_t)figure.state);
	return true;
}

static bool
answer_begin(struct monitor *monitor)
{
	uint64_t bytes = ipc_get_u64(&monitor->message);
	uint64_t files = ipc_get_u64(&monitor->message);
	struct ledger_figure figure;
	int r;

	if (!ipc_end(&monitor->message) || monitor->quota.book.is_locked)
		return false;
	r = ledger_begin(&monitor->quota.book, &monitor->quota.limits, bytes, files, &figure);
	r = judge_figure(monitor, r, &figure);
	begin_ledger_reply(monitor, r);
	if (r < 0)
		return true;
	monitor->quota.changing_since_ms = monotonic_ms();
	ipc_put_u8(&monitor->message, monitor->quota.book.is_counted);
	ipc_put_u8(&monitor->message, figure.state == LEDGER_UNKNOWN && monitor->quota.limits.bytes != LEDGER_NO_LIMIT);
	return true;
}

static bool
answer_tell(struct monitor *monitor)
{
	static struct ledger_event events[IPC_LEDGER_EVENTS_MAX];
	size_t len;
	const void *bytes = ipc_get_bytes(&monitor->message, sizeof(events), &len);

	if (!monitor->quota.book.is_locked || len % sizeof(events[0]) != 0)
		return false;
	memcpy(events, bytes, len);
	if (!ipc_end(&monitor->message))
		return false;
	ledger_tell_count(&monitor->quota.book, events, len / sizeof(events[0]));
	begin_ledger_reply(monitor, 0);
	return true;
}

/* The file was damaged meanwhile, or the figures are out of bounds. The ledger has no figure then until a count. */
static int
leave_to_count(int r)
{
	return r == -EUCLEAN || r == -EOVERFLOW ? 0 : r;
}

static bool
answer_end(struct monitor *monitor)
{
	int64_t bytes = (int64_t)ipc_get_u64(&monitor->message);
	int64_t files = (int64_t)ipc_get_u64(&monitor->message);

	if (!ipc_end(&monitor->message) || !monitor->quota.book.is_locked || files < -FILES_MAX || files > FILES_MAX)
		return false;
	monitor->quota.changing_since_ms = 0;
	begin_ledger_reply(monitor, leave_to_count(ledger_end(&monitor->quota.book, bytes, files)));
	return true;
}

/* Reserve, and let the kernel allow as much. */
static int
grant_reservation(struct monitor *monitor, uint64_t from, uint64_t wanted)
{
	struct ledger_figure figure;
	uint64_t granted = 0;
	int r;

	if (monitor->quota.limits.bytes == LEDGER_NO_LIMIT)
		return 0;
	r = ledger_upload_reserve(&monitor->quota.book, &monitor->quota.limits, wanted, &granted, &figure);
	r = judge_figure(monitor, r, &figure);
	return r < 0 ? r : limit_writes(monitor, from + granted);
}

/* An upload may rewrite bytes below the present size, even where nothing is left of the quota. */
static bool
answer_upload(struct monitor *monitor)
{
	uint64_t key = ipc_get_u64(&monitor->message);
	uint64_t size = ipc_get_u64(&monitor->message);
	uint64_t wanted = ipc_get_u64(&monitor->message);
	int r;

	if (!ipc_end(&monitor->message) || !monitor->quota.book.is_locked || size > INT64_MAX)
		return false;
	r = ledger_upload_begin(&monitor->quota.book, key, size);
	if (r == 0)
		r = limit_writes(monitor, size);
	if (r == 0)
		r = grant_reservation(monitor, size, wanted);
	if ((r == -EDQUOT || r == -EUCLEAN || r == -EINPROGRESS) && wanted == 0 && size > 0)
		r = 0; /* refused at the first byte too many */
	if (r < 0)
		(void)ledger_upload_end(&monitor->quota.book, size);
	begin_ledger_reply(monitor, r);
	return true;
}

static bool
answer_grow(struct monitor *monitor)
{
	if (!ipc_end(&monitor->message))
		return false;
	begin_ledger_reply(monitor, grant_reservation(monitor, monitor->quota.upload_end, 0));
	return true;
}

static bool
answer_uploaded(struct monitor *monitor)
{
	uint64_t size = ipc_get_u64(&monitor->message);
	int r;

	if (!ipc_end(&monitor->message) || !monitor->quota.book.is_locked || size > INT64_MAX)
		return false;
	r = limit_writes(monitor, 0);
	if (r == 0)
		r = leave_to_count(ledger_upload_end(&monitor->quota.book, size));
	begin_ledger_reply(monitor, r);
	return true;
}

bool
monitor_answer_ledger(struct monitor *monitor)
{
	static bool (*const answers[IPC_KIND_COUNT])(struct monitor * monitor) = {
	    [IPC_ledger_read] = answer_read,
	    [IPC_ledger_begin] = answer_begin,
	    [IPC_ledger_end] = answer_end,
	    [IPC_ledger_upload] = answer_upload,
	    [IPC_ledger_grow] = answer_grow,
	    [IPC_ledger_uploaded] = answer_uploaded,
	    [IPC_ledger_tell] = answer_tell,
	};
	int r;

	if (answers[monitor->message.kind] == NULL || monitor->quota.book.fd < 0)
		return false;
	if (!answers[monitor->message.kind](monitor))
		return false;
	/* files has one question at a time, too: an answer without room is one that follows many unread ones */
	r = ipc_send_now(monitor->files.channel, &monitor->message, -1);
	return r == 0 || r == -EPIPE; /* files died meanwhile, which is reported where it is reaped */
}
