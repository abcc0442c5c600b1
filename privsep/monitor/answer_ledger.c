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
#include "common/text.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/folders.h"
#include "privsep/monitor/login.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

#define FILES_MAX (1LL << 40) /* that one change can add or take away */
#define REFUSAL_MS 1000 /* until the upload that it is for begins anew */
#define UPLOAD_NEED_MS 200 /* files asks again within a few */
#define ASK_EVERY_MS 500 /* for a count: the master starts none that is under way, and none too often */

/* The database has no part in folders. */
static bool
asks_database(const struct monitor *monitor)
{
	return monitor->quota.number == 0 && share_is_used(monitor);
}

static bool
has_limits(const struct ledger *book, const struct ledger_limits *limits)
{
	return book->fd >= 0 && (limits->bytes != LEDGER_NO_LIMIT || limits->files != LEDGER_NO_LIMIT);
}

/* Nothing but the file of an upload is open for writing in protocol, and no byte of it past this offset is written. */
static int
limit_writes(struct monitor *monitor, uint64_t end)
{
	struct rlimit limit = {.rlim_cur = end, .rlim_max = monitor->quota.hard_limit};

	if (quota_limits(monitor)->bytes == LEDGER_NO_LIMIT || monitor->protocol.pid == 0)
		return 0;
	monitor->quota.upload_end = end;
	return prlimit(monitor->protocol.pid, RLIMIT_FSIZE, &limit, NULL) < 0 ? -errno : 0;
}

static int
free_writes(const struct monitor *monitor)
{
	struct rlimit limit = {.rlim_cur = monitor->quota.hard_limit, .rlim_max = monitor->quota.hard_limit};

	if (monitor->protocol.pid == 0)
		return 0;
	return prlimit(monitor->protocol.pid, RLIMIT_FSIZE, &limit, NULL) < 0 ? -errno : 0;
}

bool
quota_has_limits(const struct monitor *monitor)
{
	return has_limits(&monitor->quota.book, &monitor->quota.limits);
}

bool
quota_is_somewhere(const struct monitor *monitor)
{
	return quota_has_limits(monitor) || folders_have_quota(monitor);
}

void
quota_close(struct monitor *monitor)
{
	ledger_close(&monitor->quota.book);
	folders_close_ledgers(monitor);
	close_fd(&monitor->rates.fd);
}

/* The hard limit stays what it is: to raise it takes a right that the monitor does not keep. */
int
quota_limit_writes(struct monitor *monitor)
{
	struct rlimit limit;

	if (!quota_is_somewhere(monitor))
		return 0;
	if (prlimit(monitor->protocol.pid, RLIMIT_FSIZE, NULL, &limit) < 0)
		return -errno;
	monitor->quota.hard_limit = limit.rlim_max;
	return quota_has_limits(monitor) ? limit_writes(monitor, 0) : 0;
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

static bool
account_has_quota(const struct account *account)
{
	return account->quota_bytes != ACCOUNT_NO_QUOTA || account->quota_files != ACCOUNT_NO_QUOTA;
}

/* Of an account that the database has no part in: a share is one of before, when the database had the account. */
static int
open_own_ledger(struct monitor *monitor, const char *path)
{
	int r = ledger_open(&monitor->quota.book, path, monitor->session->boot_id);

	return r < 0 || !monitor->quota.book.has_share ? r : ledger_share_end(&monitor->quota.book);
}

static int
open_quota_ledger(struct monitor *monitor, const struct account *account, bool is_stored)
{
	char path[PATH_MAX];

	text_join(
	    path, sizeof(path), monitor->session->config->state_directory, "/ledger/", account->name, (char *)NULL);
	if (!account_has_quota(account) && !(is_stored && share_wants_account(account))) {
		(void)!unlinkat(AT_FDCWD, path, 0); /* of an earlier quota: what happens from here on is not in it */
		return 0;
	}
	monitor->quota.limits = (struct ledger_limits){account->quota_bytes, account->quota_files};
	return is_stored ? ledger_open(&monitor->quota.book, path, monitor->session->boot_id)
			 : open_own_ledger(monitor, path);
}

int
quota_open(struct monitor *monitor, const struct account *account, bool is_stored, const char **reason)
{
	int r = open_rates(monitor, account);

	if (r < 0) {
		*reason = reason_in_directory(
		    "rates cannot be kept", monitor->session->config->runtime_directory, "rates", r);
		return r;
	}
	r = open_quota_ledger(monitor, account, is_stored);
	if (r < 0)
		*reason = r == -EUSERS ? "too many sessions share the quota"
		    : r == -EBUSY      ? "sessions of the account in the database have not ended yet"
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
	static struct ipc_message question; /* the answer to files is in hand */
	uint64_t now = monotonic_ms();

	if (monitor->quota.asked_ms != 0 && now - monitor->quota.asked_ms < ASK_EVERY_MS)
		return;
	monitor->quota.asked_ms = now;
	ipc_begin(&question, monitor->quota.number == 0 ? IPC_count_home : IPC_count_folder);
	if (monitor->quota.number != 0)
		ipc_put_u8(&question, (uint8_t)(monitor->folders->list[monitor->quota.number - 1].told - 1));
	/* one that is lost is asked again */
	(void)!ipc_send_now(monitor->session->master_channel, &question, -1);
}

/* What a bound forbids, the count may allow: files asks again. r is the ledger's answer. */
static int
judge_figure(struct monitor *monitor, int r, const struct ledger_figure *figure)
{
	if (figure->state != LEDGER_EXACT && quota_ledger(monitor)->can_count &&
	    (r == 0 || r == -EDQUOT || r == -EUCLEAN))
		ask_for_count(monitor);
	if (asks_database(monitor))
		return r;
	return r == -EDQUOT && figure->state == LEDGER_BOUND ? -EINPROGRESS : r;
}

/* Questions that may wait for the database, to be asked again. */

static int
perform_read(struct monitor *monitor)
{
	struct ledger_figure figure;
	int r = ledger_read(quota_ledger(monitor), &figure);

	r = judge_figure(monitor, r, &figure);
	begin_ledger_reply(monitor, r);
	if (r < 0)
		return r;
	ipc_put_u64(&monitor->message, figure.bytes);
	ipc_put_u64(&monitor->message, quota_limits(monitor)->bytes);
	ipc_put_u64(&monitor->message, figure.files);
	ipc_put_u64(&monitor->message, quota_limits(monitor)->files);
	ipc_put_u8(&monitor->message, (uint8_t)figure.state);
	return 0;
}

static int
perform_begin(struct monitor *monitor)
{
	struct ledger_figure figure;
	int r;

	r = ledger_begin(quota_ledger(monitor), quota_limits(monitor), monitor->quota.question.bytes,
	    monitor->quota.question.files, &figure);
	r = judge_figure(monitor, r, &figure);
	begin_ledger_reply(monitor, r);
	if (r < 0)
		return r;
	monitor->quota.changing_since_ms = monotonic_ms();
	monitor->quota.has_begun_upload = false;
	ipc_put_u8(&monitor->message, quota_ledger(monitor)->is_counted);
	/* what the database has granted is known in any case */
	ipc_put_u8(&monitor->message,
	    !asks_database(monitor) && figure.state == LEDGER_UNKNOWN &&
		quota_limits(monitor)->bytes != LEDGER_NO_LIMIT);
	return 0;
}

/* Reserve, and let the kernel allow as much. */
static int
grant_reservation(struct monitor *monitor, uint64_t from, uint64_t wanted)
{
	struct ledger_figure figure;
	uint64_t granted = 0;
	int r;

	if (quota_limits(monitor)->bytes == LEDGER_NO_LIMIT)
		return 0;
	r = ledger_upload_reserve(quota_ledger(monitor), quota_limits(monitor), wanted, &granted, &figure);
	r = judge_figure(monitor, r, &figure);
	return r < 0 ? r : limit_writes(monitor, from + granted);
}

static int
perform_grow(struct monitor *monitor)
{
	int r = grant_reservation(monitor, monitor->quota.upload_end, 0);

	begin_ledger_reply(monitor, r);
	return r;
}

/* The share is gone, and the session with it. */
static int
refuse_for_stale(struct monitor *monitor)
{
	share_ends(monitor);
	begin_ledger_reply(monitor, -EHOSTUNREACH);
	return -EHOSTUNREACH;
}

static int
perform_held(struct monitor *monitor)
{
	int r;

	monitor->message.kind = monitor->quota.question.kind;
	r = monitor->message.kind == IPC_ledger_read    ? perform_read(monitor)
	    : monitor->message.kind == IPC_ledger_begin ? perform_begin(monitor)
							: perform_grow(monitor);
	return r == -ESTALE ? refuse_for_stale(monitor) : r;
}

/* False: files leaves its answers unread. It may have died meanwhile, which is reported where it is reaped. */
static bool
send_to_files(struct monitor *monitor)
{
	int r = ipc_send_now(monitor->files.channel, &monitor->message, -1);

	return r == 0 || r == -EPIPE;
}

/* The upload that begins anew after this change reads what came of its need. */
static int
keep_refusal(struct monitor *monitor, int r)
{
	monitor->quota.upload_need = 0;
	monitor->quota.refusal = r;
	monitor->quota.refusal_until_ms = monotonic_ms() + REFUSAL_MS;
	return 0;
}

/* What the question lacks, or the upload before it. */
static struct ledger_need
find_need(const struct monitor *monitor, bool *is_flexible)
{
	struct ledger_need need = {.bytes = monitor->quota.question.bytes, .files = monitor->quota.question.files};

	*is_flexible = false;
	if (monitor->quota.upload_need > 0) {
		need = (struct ledger_need){.bytes = monitor->quota.upload_need};
		*is_flexible = monitor->quota.is_upload_flexible;
	} else if (monitor->quota.question.kind == IPC_ledger_grow) {
		need.bytes = 1;
		*is_flexible = true;
	}
	if (quota_limits(monitor)->bytes == LEDGER_NO_LIMIT)
		need.bytes = 0;
	if (quota_limits(monitor)->files == LEDGER_NO_LIMIT)
		need.files = 0;
	return need;
}

/* The database is asked, and the answer of files waits. A result of a count goes first, and asks for little. */
static int
hold_question(struct monitor *monitor, bool has_result)
{
	bool is_flexible;
	struct ledger_need need = find_need(monitor, &is_flexible);

	if (has_result && need.bytes == 0 && need.files == 0)
		*(quota_limits(monitor)->bytes == LEDGER_NO_LIMIT ? &need.files : &need.bytes) = 1;
	monitor->quota.question.is_held = true;
	share_need(monitor, &need, is_flexible);
	return -EAGAIN;
}

static bool
adds_nothing(const struct monitor *monitor)
{
	return monitor->quota.question.kind != IPC_ledger_grow && monitor->quota.question.bytes == 0 &&
	    monitor->quota.question.files == 0;
}

/* What was held may be asked again, or r is its answer. */
static void
answer_held_question(struct monitor *monitor, int r)
{
	if (!monitor->quota.question.is_held)
		return;
	monitor->quota.question.is_held = false;
	if (monitor->quota.upload_need > 0)
		r = keep_refusal(monitor, r);
	if (adds_nothing(monitor)) /* it only waited for a count to be told: a refusal is not about it */
		r = 0;
	if (r == 0) {
		r = perform_held(monitor);
		/* another session of the account was quicker to use what was granted */
		if (r == -EDQUOT && share_has_time(monitor)) {
			hold_question(monitor, false);
			return;
		}
		if (r == -EDQUOT)
			begin_ledger_reply(monitor, -EREMOTE);
	} else {
		monitor->message.kind = monitor->quota.question.kind;
		begin_ledger_reply(monitor, r);
	}
	(void)send_to_files(monitor);
}

/* A home is counted: what does not fit yet may fit then. What takes nothing goes on. */
static int
perform_during_count(struct monitor *monitor)
{
	int r;

	ask_for_count(monitor);
	r = monitor->quota.upload_need > 0 ? -EDQUOT : perform_held(monitor);
	if (r != -EDQUOT)
		return r;
	begin_ledger_reply(monitor, monitor->share.counting);
	return monitor->share.counting;
}

/* An upload that waits for room begins anew at once; what comes later is another change. */
static void
drop_old_need(struct monitor *monitor)
{
	uint64_t now = monotonic_ms();

	if (now > monitor->quota.upload_need_ms + UPLOAD_NEED_MS)
		monitor->quota.upload_need = 0;
	monitor->quota.upload_need_ms = now;
}

/* With a share: what does not fit is asked for. -EAGAIN: its answer waits for that. */
static int
perform_or_hold(struct monitor *monitor)
{
	int r = -EDQUOT;

	drop_old_need(monitor);
	if (monitor->share.is_leaving)
		return perform_held(monitor);
	if (monitor->share.count_until_ms != 0) {
		if (share_waits_for_count(monitor))
			return perform_during_count(monitor);
		return hold_question(monitor, true);
	}
	if (monitor->quota.upload_need == 0)
		r = perform_held(monitor);
	return r == -EDQUOT ? hold_question(monitor, false) : r;
}

/* True: the answer is in hand; else it will be sent later, or was. */
static bool
answer_question(struct monitor *monitor, uint64_t bytes, uint64_t files)
{
	monitor->share.since_ms = monotonic_ms();
	monitor->share.refused_ms = 0;
	monitor->share.end_of_need = answer_held_question;
	monitor->quota.question.kind = monitor->message.kind;
	monitor->quota.question.bytes = bytes;
	monitor->quota.question.files = files;
	if (asks_database(monitor))
		return perform_or_hold(monitor) != -EAGAIN;
	(void)perform_held(monitor);
	return true;
}

static bool
answer_tell(struct monitor *monitor)
{
	static struct ledger_event events[IPC_LEDGER_EVENTS_MAX];
	size_t len;
	const void *bytes = ipc_get_bytes(&monitor->message, sizeof(events), &len);

	if (!quota_ledger(monitor)->is_locked || len % sizeof(events[0]) != 0)
		return false;
	memcpy(events, bytes, len);
	if (!ipc_end(&monitor->message))
		return false;
	ledger_tell_count(quota_ledger(monitor), events, len / sizeof(events[0]));
	begin_ledger_reply(monitor, 0);
	return true;
}

/* The file was damaged meanwhile, or the figures are out of bounds. The ledger has no figure then until a count. */
static int
leave_to_count(int r)
{
	return r == -EUCLEAN || r == -EOVERFLOW ? 0 : r;
}

/* Figures that cannot be settled are not to be believed by the database either. */
static void
note_settled(struct monitor *monitor, int r, bool is_less)
{
	if (monitor->quota.number != 0)
		return;
	if (r < 0)
		share_note_doubt(monitor);
	else
		share_note_change(monitor, is_less);
}

/* Files refuses an upload whose beginning could not be settled: its limit is none of what is written elsewhere. */
static void
forget_upload(struct monitor *monitor)
{
	monitor->quota.is_uploading = false;
	(void)!limit_writes(monitor, 0);
}

static bool
answer_end(struct monitor *monitor)
{
	int64_t bytes = (int64_t)ipc_get_u64(&monitor->message);
	int64_t files = (int64_t)ipc_get_u64(&monitor->message);
	int r;

	if (!ipc_end(&monitor->message) || !quota_ledger(monitor)->is_locked || files < -FILES_MAX || files > FILES_MAX)
		return false;
	monitor->quota.changing_since_ms = 0;
	r = ledger_end(quota_ledger(monitor), bytes, files);
	note_settled(monitor, r, bytes < 0 || files < 0);
	r = leave_to_count(r);
	if (r < 0 && monitor->quota.has_begun_upload)
		forget_upload(monitor);
	begin_ledger_reply(monitor, r);
	return true;
}

/* The lock of the account is held, for which others would wait: the room is asked for with the next change. */
static int
note_upload_need(struct monitor *monitor, uint64_t wanted)
{
	int refusal = monotonic_ms() < monitor->quota.refusal_until_ms ? monitor->quota.refusal : 0;

	monitor->quota.refusal = 0;
	if (refusal < 0)
		return refusal;
	monitor->quota.upload_need = wanted > 0 ? wanted : 1;
	monitor->quota.upload_need_ms = monotonic_ms();
	monitor->quota.is_upload_flexible = wanted == 0;
	return -ERESTART;
}

/* An upload may rewrite bytes below the present size, even where nothing is left of the quota. */
static bool
answer_upload(struct monitor *monitor)
{
	uint64_t key = ipc_get_u64(&monitor->message);
	uint64_t size = ipc_get_u64(&monitor->message);
	uint64_t wanted = ipc_get_u64(&monitor->message);
	int r;

	if (!ipc_end(&monitor->message) || !quota_ledger(monitor)->is_locked || size > INT64_MAX)
		return false;
	r = ledger_upload_begin(quota_ledger(monitor), key, size);
	if (r == 0)
		r = limit_writes(monitor, size);
	if (r == 0)
		r = grant_reservation(monitor, size, wanted);
	if ((r == -EDQUOT || r == -EUCLEAN || r == -EINPROGRESS) && wanted == 0 && size > 0)
		r = 0; /* refused at the first byte too many */
	if (r == -EDQUOT && asks_database(monitor))
		r = note_upload_need(monitor, wanted);
	if (r == -ESTALE && asks_database(monitor))
		r = refuse_for_stale(monitor);
	if (r < 0)
		(void)ledger_upload_end(quota_ledger(monitor), size);
	monitor->quota.is_uploading = r == 0 && quota_limits(monitor)->bytes != LEDGER_NO_LIMIT;
	monitor->quota.has_begun_upload = r == 0;
	begin_ledger_reply(monitor, r);
	return true;
}

static bool
answer_uploaded(struct monitor *monitor)
{
	uint64_t size = ipc_get_u64(&monitor->message);
	int r;

	if (!ipc_end(&monitor->message) || !quota_ledger(monitor)->is_locked || size > INT64_MAX)
		return false;
	monitor->quota.is_uploading = false;
	r = limit_writes(monitor, 0);
	if (r == 0)
		r = ledger_upload_end(quota_ledger(monitor), size);
	note_settled(monitor, r, true); /* what it had reserved beyond that */
	begin_ledger_reply(monitor, leave_to_count(r));
	return true;
}

static bool
answer_held_kind(struct monitor *monitor)
{
	bool is_begin = monitor->message.kind == IPC_ledger_begin;
	uint64_t bytes = is_begin ? ipc_get_u64(&monitor->message) : 0;
	uint64_t files = is_begin ? ipc_get_u64(&monitor->message) : 0;

	if (!ipc_end(&monitor->message) || (is_begin && quota_ledger(monitor)->is_locked) ||
	    monitor->quota.question.is_held)
		return false;
	return !answer_question(monitor, bytes, files) || send_to_files(monitor);
}

bool
monitor_answer_ledger(struct monitor *monitor)
{
	static bool (*const answers[IPC_KIND_COUNT])(struct monitor * monitor) = {
	    [IPC_ledger_read] = answer_held_kind,
	    [IPC_ledger_begin] = answer_held_kind,
	    [IPC_ledger_end] = answer_end,
	    [IPC_ledger_upload] = answer_upload,
	    [IPC_ledger_grow] = answer_held_kind,
	    [IPC_ledger_uploaded] = answer_uploaded,
	    [IPC_ledger_tell] = answer_tell,
	};
	bool (*answer)(struct monitor * monitor) = answers[monitor->message.kind];

	if (answer == NULL || !has_limits(quota_ledger(monitor), quota_limits(monitor)) ||
	    monitor->quota.question.is_held)
		return false;
	/* files has one question at a time, too: an answer without room is one that follows many unread ones */
	return answer(monitor) && (answer == answer_held_kind || send_to_files(monitor));
}

/*
 * What is written next is of another tree. Only where its bytes are not limited, protocol writes as far as it likes: it has
 * no other file for writing then. During an upload, what comes next is no upload, and the limit of this one stays.
 */
bool
monitor_answer_ledger_of(struct monitor *monitor)
{
	unsigned number = ipc_get_u8(&monitor->message);
	size_t count = monitor->folders == NULL ? 0 : monitor->folders->count;
	bool has_bytes_limit;
	int r = 0;

	if (!ipc_end(&monitor->message) || number > count || quota_ledger(monitor)->is_locked ||
	    monitor->quota.question.is_held || !quota_is_somewhere(monitor))
		return false;
	monitor->quota.number = number;
	has_bytes_limit = quota_ledger(monitor)->fd >= 0 && quota_limits(monitor)->bytes != LEDGER_NO_LIMIT;
	if (!monitor->quota.is_uploading)
		r = has_bytes_limit ? limit_writes(monitor, 0) : free_writes(monitor);
	begin_ledger_reply(monitor, r);
	return send_to_files(monitor);
}
