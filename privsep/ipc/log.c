/* SPDX-License-Identifier: ISC */
#include "common/text.h"
#include "privsep/ipc/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/written.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define MESSAGE_TEXT_MAX 1024

static struct {
	int channel, reserved;	/* -1: none */
	enum log_level level;
	const struct log_switches *switches;
	uint64_t *dropped;
	pid_t pid;
	char process[16], session[20], address[64], user[72];
} sender = {.channel = -1, .reserved = -1, .level = LEVEL_INFO};

static struct {
	bool is_wanted, is_reserved;
	struct ipc_message message;
} record BEGINS_A_PAGE;

/* Events that protect others, and those that report missing lines: no flood of other records takes their room. */
static const char *const reserved_events[] = {
    "alarm",
    "login-failed",
    "ban",
    "unban",
    "log-limited",
};

void
log_set_channel(int channel, enum log_level level)
{
	sender.channel = channel;
	sender.level = level;
	sender.pid = getpid();
}

void
log_set_reserved_channel(int channel)
{
	sender.reserved = channel;
}

void
log_get_channels(int channels[LOG_CHANNELS])
{
	channels[0] = sender.channel;
	channels[1] = sender.reserved;
}

void
log_set_switches(const struct log_switches *switches)
{
	sender.switches = switches;
}

enum log_level
log_level_now(void)
{
	if (sender.switches == NULL)
		return sender.level;
	return (enum log_level)__atomic_load_n(&sender.switches->level, __ATOMIC_RELAXED);
}

bool
log_takes(enum log_level level)
{
	if (sender.channel < 0)
		return false;
	if (level >= LEVEL_INFO && sender.switches != NULL &&
	    __atomic_load_n(&sender.switches->watchers, __ATOMIC_RELAXED) > 0)
		return true;
	return level >= log_level_now();
}

/* All of it: the rest of a longer text would be inherited. */
static void
set_log_text(char *text, size_t size, const char *value)
{
	memset(text, 0, size);
	text_join(text, size, value, (char *)NULL);
}

void
log_set_context(const char *process, const char *session, const char *address, const char *user)
{
	if (process != NULL) {
		set_log_text(sender.process, sizeof(sender.process), process);
		sender.pid = getpid();
	}
	if (session != NULL)
		set_log_text(sender.session, sizeof(sender.session), session);
	if (address != NULL)
		set_log_text(sender.address, sizeof(sender.address), address);
	if (user != NULL)
		set_log_text(sender.user, sizeof(sender.user), user);
}

void
log_set_dropped_counter(uint64_t *counter)
{
	sender.dropped = counter;
}

static bool
is_reserved(const char *event)
{
	for (size_t i = 0; i < sizeof(reserved_events) / sizeof(reserved_events[0]); i++)
		if (strcmp(reserved_events[i], event) == 0)
			return true;
	return false;
}

void
log_begin(enum log_level level, const char *event)
{
	struct timespec now;

	record.is_wanted = log_takes(level);
	if (!record.is_wanted)
		return;
	record.is_reserved = sender.reserved >= 0 && is_reserved(event);
	clock_gettime(CLOCK_REALTIME, &now);
	ipc_begin(&record.message, IPC_log);
	ipc_put_u8(&record.message, (uint8_t)level);
	ipc_put_u64(&record.message, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	ipc_put_u32(&record.message, (uint32_t)sender.pid);
	ipc_put_text(&record.message, event);
	ipc_put_text(&record.message, sender.process);
	ipc_put_text(&record.message, sender.session);
	ipc_put_text(&record.message, sender.address);
	ipc_put_text(&record.message, sender.user);
}

void
log_field_bytes(const char *key, const void *bytes, size_t len)
{
	if (!record.is_wanted)
		return;
	ipc_put_u8(&record.message, 't');
	ipc_put_text(&record.message, key);
	ipc_put_bytes(&record.message, bytes, len);
}

void
log_field_text(const char *key, const char *text)
{
	log_field_bytes(key, text, strlen(text));
}

void
log_field_u64(const char *key, uint64_t value)
{
	if (!record.is_wanted)
		return;
	ipc_put_u8(&record.message, 'u');
	ipc_put_text(&record.message, key);
	ipc_put_u64(&record.message, value);
}

void
log_end(void)
{
	if (!record.is_wanted)
		return;
	if (!(record.is_reserved && ipc_send_now(sender.reserved, &record.message, -1) == 0) &&
	    ipc_send_now(sender.channel, &record.message, -1) < 0 && sender.dropped != NULL)
		__atomic_add_fetch(sender.dropped, 1, __ATOMIC_RELAXED);
	ipc_wipe(&record.message);
}

void
log_message(enum log_level level, const char *event, const char *format, ...)
{
	char text[MESSAGE_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_begin(level, event);
	log_field_text("message", text);
	log_end();
	explicit_bzero(text, strlen(text));
}
