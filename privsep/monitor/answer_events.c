/* SPDX-License-Identifier: ISC */
/* Events that protocol reports, as lines of the log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/home_path.h"
#include "common/io.h"
#include "common/libc.h"
#include "privsep/hooks/event.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/folders.h"
#include "privsep/monitor/state.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define UNGUARDED_TOLD_MAX 1000
#define PROTOCOL_LEAVES_MS 1000

/* One record of the message, as a line of the log. False: malformed. */
static bool
log_transferred(struct monitor *monitor)
{
	static const char *const directions[DIRECTION_COUNT] = {
	    [DIRECTION_DOWN] = "down",
	    [DIRECTION_UP] = "up",
	    [DIRECTION_LIST] = "list",
	};
	uint8_t direction = ipc_get_u8(&monitor->message);
	uint8_t is_ascii = ipc_get_u8(&monitor->message);
	uint64_t bytes = ipc_get_u64(&monitor->message);
	uint64_t ms = ipc_get_u64(&monitor->message);
	uint32_t error = ipc_get_u32(&monitor->message);
	char path[HOME_PATH_MAX + 1];
	const char *error_name;

	ipc_get_text(&monitor->message, path, sizeof(path));
	if (monitor->message.bad || direction >= DIRECTION_COUNT)
		return false;
	if (direction == DIRECTION_UP)
		monitor->bytes_up += bytes;
	else
		monitor->bytes_down += bytes;
	if (!records_take(monitor, RECORD_TRANSFER, LEVEL_INFO))
		return true;
	error_name = error == 0 ? "ok" : errno_name((int)error);
	log_begin(LEVEL_INFO, "transfer");
	log_field_text("direction", directions[direction]);
	log_field_u64("bytes", bytes);
	log_field_u64("milliseconds", ms);
	log_field_text("result", error_name == NULL ? "error" : error_name);
	log_field_text("type", is_ascii ? "ascii" : "image");
	log_field_text("path", path);
	log_end();
	return true;
}

bool
monitor_answer_transferred(struct monitor *monitor)
{
	do
		if (!log_transferred(monitor))
			return false;
	while (ipc_has_more(&monitor->message));
	announced_leave(monitor);	/* protocol has closed its own */
	return true;
}

bool
monitor_answer_noted(struct monitor *monitor)
{
	static const struct {
		const char *event;
		enum log_level level;
		enum record_kind kind;	/* RECORD_END: the session ends with it */
	} events[NOTED_EVENT_COUNT] = {
	    [NOTED_BAD_COMMANDS] = {"bad-commands", LEVEL_WARNING, RECORD_END},
	    [NOTED_DATA_REFUSED] = {"data-refused", LEVEL_WARNING, RECORD_NOTE},
	    [NOTED_DATA_FAILED] = {"data-failed", LEVEL_INFO, RECORD_NOTE},
	    [NOTED_QUIT] = {"quit", LEVEL_DEBUG, RECORD_END},
	    [NOTED_TLS] = {"tls", LEVEL_INFO, RECORD_NOTE},
	    [NOTED_TLS_FAILED] = {"tls-failed", LEVEL_WARNING, RECORD_NOTE},
	    [NOTED_TLS_REUSE] = {"tls-not-resumed", LEVEL_WARNING, RECORD_NOTE},
	    [NOTED_TLS_CUT] = {"tls-cut", LEVEL_WARNING, RECORD_NOTE},
	};
	uint8_t event = ipc_get_u8(&monitor->message);
	char detail[512];

	ipc_get_text(&monitor->message, detail, sizeof(detail));
	if (!ipc_end(&monitor->message) || event >= NOTED_EVENT_COUNT)
		return false;
#ifdef SALLYPORT_TAKEOVER
	if (takeover_monitor(monitor, detail))
		return true;
#endif
	if (events[event].kind == RECORD_END && monitor->kill_at_ms == NEVER)
		monitor->end_reason = events[event].event;
	if (!records_take(monitor, events[event].kind, events[event].level))
		return true;
	log_begin(events[event].level, events[event].event);
	log_field_text("detail", detail);
	log_end();
	return true;
}

static int
tell_hooks_uploaded(struct monitor *monitor, const struct hook_event *event)
{
	ipc_begin(&monitor->message, IPC_uploaded);
	hook_event_put(&monitor->message, event);
	return ipc_send_now(monitor->session->hook_channel, &monitor->message, -1);
}

bool
monitor_answer_unguarded(struct monitor *monitor)
{
	static const struct {
		enum log_level level;
		const char *event, *field, *text;
	} events[UNGUARDED_EVENT_COUNT] = {
	    [UNGUARDED_FILE_SYSTEM] = {LEVEL_WARNING, "walls", "message",
		"the file system keeps no locks: an upload that protocol changes after its end is noticed, but not prevented"},
	    [UNGUARDED_CHANGED] = {LEVEL_CRITICAL, "alarm", "violation", "an upload was changed after its end"},
	    [UNGUARDED_CHANGED_AFTER_HOOK] = {LEVEL_CRITICAL, "alarm", "violation",
		"an upload was changed after its end, and a hook had got it before"},
	    [UNGUARDED_CHANGED_SHARED] = {LEVEL_WARNING, "walls", "message",
		"an upload was changed after its end: by another server, or without a request"},
	};
	uint8_t event = ipc_get_u8(&monitor->message);
	struct home_path path;
	size_t len;
	const char *text = ipc_get_bytes(&monitor->message, HOME_PATH_MAX, &len);

	if (!ipc_end(&monitor->message) || event >= UNGUARDED_EVENT_COUNT || home_path_check(text, len, &path) < 0 ||
	    ++monitor->unguarded.told > UNGUARDED_TOLD_MAX)
		return false;
	log_begin(events[event].level, events[event].event);
	log_field_text("path", path.text);
	log_field_text(events[event].field, events[event].text);
	log_end();
	return true;
}

bool
monitor_answer_kept(struct monitor *monitor)
{
	static const char *const events[KEPT_EVENT_COUNT] = {[KEPT_FILE] = "kept", [KEPT_RESTORED] = "restored"};
	uint8_t event = ipc_get_u8(&monitor->message);
	uint64_t size = ipc_get_u64(&monitor->message);
	char id[IPC_VERSION_ID_MAX + 1];
	struct home_path path;
	const char *text;
	size_t len;

	ipc_get_text(&monitor->message, id, sizeof(id));
	text = ipc_get_bytes(&monitor->message, HOME_PATH_MAX, &len);
	if (!ipc_end(&monitor->message) || event >= KEPT_EVENT_COUNT || home_path_check(text, len, &path) < 0)
		return false;
	if (!records_take(monitor, RECORD_NOTE, LEVEL_INFO))
		return true;
	log_begin(LEVEL_INFO, events[event]);
	log_field_u64("bytes", size);
	log_field_text("version", id);
	log_field_text("path", path.text);
	log_end();
	return true;
}

/* Protocol may have closed only its channel to files: give it a moment to end. The answer follows when it is reaped. */
bool
monitor_answer_protocol_gone(struct monitor *monitor)
{
	if (!ipc_end(&monitor->message) || monitor->unguarded.is_asked)
		return false;
	monitor->unguarded.is_asked = true;
	if (monitor->protocol.pid == 0)
		monitor_report_protocol_gone(monitor);
	else if (monitor->kill_at_ms > monotonic_ms() + PROTOCOL_LEAVES_MS)
		monitor->kill_at_ms = monotonic_ms() + PROTOCOL_LEAVES_MS;
	return true;
}

void
monitor_begin_hook_event(
    const struct monitor *monitor, enum hook_kind kind, const struct home_path *path, struct hook_event *event)
{
	const char *directory = monitor->account.home, *below = path->text;
	bool is_in_folder = folders_real_place(monitor, path->text, &directory, &below);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	event->kind = kind;
	event->time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	memcpy(event->session, monitor->session->id, sizeof(monitor->session->id));
	address_text(&monitor->session->peer, event->address);
	memcpy(event->user, monitor->account.user, sizeof(event->user));
	snprintf(event->home, sizeof(event->home), "%s", directory);
	snprintf(event->path, sizeof(event->path), "%s", path->text);
	/* of the folder itself there is nothing below it: "/" */
	event->at_len = is_in_folder ? (uint32_t)(below[1] == '\0' ? path->len : path->len - strlen(below)) : 0;
}

bool
monitor_answer_stored(struct monitor *monitor)
{
	static struct hook_event event;
	struct home_path path;
	const char *text;
	size_t len;
	int r;

	event.size = ipc_get_u64(&monitor->message);
	ipc_get_text(&monitor->message, event.hash, sizeof(event.hash));
	text = ipc_get_bytes(&monitor->message, HOME_PATH_MAX, &len);
	if (!ipc_end(&monitor->message) || home_path_check(text, len, &path) < 0 ||
	    monitor->session->config->on_upload[0] == '\0')
		return false;
	monitor_begin_hook_event(monitor, HOOK_UPLOAD, &path, &event);
	r = tell_hooks_uploaded(monitor, &event);
	if (r == 0 || !records_take(monitor, RECORD_UPLOAD, LEVEL_WARNING))
		return true;
	log_begin(LEVEL_WARNING, "hook-dropped");
	log_field_text("path", event.path);
	log_field_text("reason", r == -EAGAIN ? "too many uploads at once" : strerror(-r));
	log_end();
	return true;
}
