/* SPDX-License-Identifier: ISC */
/*
 * The sending side of the log, for master and monitor: one event, one record. The logger
 * process writes it (privsep/logger/). Sending never waits: a full channel drops the record
 * and counts it.
 */
#ifndef PRIVSEP_IPC_LOG_H
#define PRIVSEP_IPC_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/log_level.h"

/* Send records to channel from now on; below level nothing is sent. Before the first call nothing is sent. */
void log_set_channel(int channel, enum log_level level);

/*
 * Send the records that matter most (alarm, login-failed, ban...) to this channel, which others cannot fill;
 * -1, as before the first call: to that of all records.
 */
void log_set_reserved_channel(int channel);

/* Those two, for a child that closes all others; -1: none. */
#define LOG_CHANNELS 2
void log_get_channels(int channels[LOG_CHANNELS]);

/* Which records are sent, for all processes of the server; in memory that only the master can write. */
struct log_switches {
	uint32_t level;		/* enum log_level */
	uint32_t watchers;	/* how many watch events as they happen: then LEVEL_INFO and above are sent in any case */
};

/* Go by switches from now on, instead of the level of log_set_channel(). */
void log_set_switches(const struct log_switches *switches);

/* Is a record of this level sent now? */
bool log_takes(enum log_level level);

/* The level in force. */
enum log_level log_level_now(void);

/*
 * Set fields for every later record of this process. NULL: leave as it is; "": none. Copied. A forked process that
 * logs calls this first, which also takes its process id.
 */
void log_set_context(const char *process, const char *session, const char *address, const char *user);

/* The counter of dropped records, shared by all processes; a page of MAP_SHARED memory made by the master. */
void log_set_dropped_counter(uint64_t *counter);

/*
 * One record: log_begin(), fields, log_end(). event is a stable lower-case word ("login",
 * "transfer"); keys are ours, values may be a client's bytes (the logger quotes them).
 */
void log_begin(enum log_level level, const char *event);
void log_field_bytes(const char *key, const void *bytes, size_t len);
void log_field_text(const char *key, const char *text);
void log_field_u64(const char *key, uint64_t value);
void log_end(void);

/* A record of one field, "message". */
void log_message(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
