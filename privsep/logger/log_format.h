/* SPDX-License-Identifier: ISC */
/* Log records as lines: text, JSON, syslog, journal and xferlog. Pure but for the zone. */
#ifndef PRIVSEP_LOGGER_LOG_FORMAT_H
#define PRIVSEP_LOGGER_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"

#define LOG_FIELDS_MAX 16

struct log_field {
	char key[32];
	bool is_number;
	uint64_t number;
	const char *bytes;	/* into the message */
	size_t len;
};

/* A record, taken out of its message; the message must outlive it. */
struct log_entry {
	enum log_level level;
	uint64_t time_ns;	/* since the epoch */
	uint32_t pid;
	char event[32], process[16], session[20], address[64], user[72];
	struct log_field fields[LOG_FIELDS_MAX];
	size_t field_count;
};

/* Read a received "log" message. Returns 0 or -EPROTO. */
int log_entry_read(struct ipc_message *message, struct log_entry *entry);

/*
 * May a process that runs as uid write this record? Root may write any. A process that has given root up may write
 * what happens in a session (monitor) or to a hook (hooks), but no failed login, ban, refusal or event of the master.
 */
bool log_entry_may_be_from(const struct log_entry *entry, uid_t uid);

/*
 * "2026-01-31T23:59:59.123Z sallyportd[77]: info login session=1f address=192.0.2.1 user="bob" ..." with a newline.
 * What a client chose comes after the address and in quotes.
 */
int log_format_text(const struct log_entry *entry, struct buf *out);

/* One JSON object (RFC 8259) and a newline; the schema is in sallyportd(8). */
int log_format_json(const struct log_entry *entry, struct buf *out);

/* "<6>login session=..." for standard error that the journal reads (sd-daemon(3)); it has the time and the process itself. */
int log_format_stream(const struct log_entry *entry, bool is_json, struct buf *out);

/*
 * "<94>Jan 31 23:59:59 sallyportd[77]: login session=..." for a syslog socket (RFC 3164), text or JSON after the
 * colon.
 */
int log_format_syslog(const struct log_entry *entry, bool is_json, struct buf *out);

/*
 * One datagram in the native protocol of systemd-journald (systemd.io/JOURNAL_NATIVE_PROTOCOL): lines of
 * FIELD=value. No value has a newline, since what a client chose is escaped as in a text line.
 */
int log_format_journal(const struct log_entry *entry, struct buf *out);

/*
 * A "transfer" record as a line of xferlog(5), with its 18 fields; other records add nothing. The time is
 * local time, as that page has it: the form has no room for a zone, and its readers expect this one.
 */
int log_format_xferlog(const struct log_entry *entry, struct buf *out);

#endif
