/* SPDX-License-Identifier: ISC */
#include "privsep/logger/log_format.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "common/text.h"

#include "common/banned.h"

static const int syslog_priorities[LEVEL_COUNT] = {
    [LEVEL_DEBUG] = LOG_DEBUG,
    [LEVEL_INFO] = LOG_INFO,
    [LEVEL_WARNING] = LOG_WARNING,
    [LEVEL_ERROR] = LOG_ERR,
    [LEVEL_CRITICAL] = LOG_CRIT,
};

/*
 * The server's own words appear in a line without quotes. A process that sends other characters has been taken over:
 * its text must not pass for other fields or lines.
 */
static bool
is_bare_word(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("\"=\\", *text) != NULL)
			return false;
	return true;
}

int
log_entry_read(struct ipc_message *message, struct log_entry *entry)
{
	uint8_t level = ipc_get_u8(message);

	entry->level = level < LEVEL_COUNT ? (enum log_level)level : LEVEL_CRITICAL;
	entry->time_ns = ipc_get_u64(message);
	entry->pid = ipc_get_u32(message);
	ipc_get_text(message, entry->event, sizeof(entry->event));
	ipc_get_text(message, entry->process, sizeof(entry->process));
	ipc_get_text(message, entry->session, sizeof(entry->session));
	ipc_get_text(message, entry->address, sizeof(entry->address));
	ipc_get_text(message, entry->user, sizeof(entry->user));
	if (entry->event[0] == '\0' || !is_bare_word(entry->event) || !is_bare_word(entry->process) ||
	    !is_bare_word(entry->session) || !is_bare_word(entry->address))
		return -EPROTO;
	for (entry->field_count = 0; !message->bad && message->cursor < message->length; entry->field_count++) {
		struct log_field *field = &entry->fields[entry->field_count];
		uint8_t type = ipc_get_u8(message);

		if (entry->field_count == LOG_FIELDS_MAX || (type != 'u' && type != 't'))
			return -EPROTO;
		ipc_get_text(message, field->key, sizeof(field->key));
		if (field->key[0] == '\0' || !is_bare_word(field->key))
			return -EPROTO;
		field->is_number = type == 'u';
		if (field->is_number)
			field->number = ipc_get_u64(message);
		else
			field->bytes = ipc_get_bytes(message, IPC_MESSAGE_MAX, &field->len);
	}
	return ipc_end(message) ? 0 : -EPROTO;
}

bool
log_entry_may_be_from(const struct log_entry *entry, uid_t uid)
{
	static const struct {
		const char *process, *event;
	} rows[] = {
	    {"monitor", "login"},
	    {"monitor", "transfer"},
	    {"monitor", "kept"},
	    {"monitor", "restored"},
	    {"monitor", "data-refused"},
	    {"monitor", "data-failed"},
	    {"monitor", "bad-commands"},
	    {"monitor", "tls"},
	    {"monitor", "tls-failed"},
	    {"monitor", "tls-not-resumed"},
	    {"monitor", "tls-cut"},
	    {"monitor", "quit"},
	    {"monitor", "hook-dropped"},
	    {"monitor", "brake"},
	    {"monitor", "log-limited"},
	    {"monitor", "walls"},
	    {"monitor", "disconnect"},
	    {"monitor", "alarm"},
	    {"hooks", "hook"},
	    {"hooks", "hook-failed"},
	    {"hooks", "hook-given-up"},
	    {"hooks", "hook-dropped"},
	    {"broker", "store-down"},
	    {"broker", "store-up"},
	    {"broker", "store-strange"},
	    {"broker", "store-refused"},
	    {"broker", "alarm"},
	};

	for (size_t i = 0; uid != 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].process, entry->process) == 0 && strcmp(rows[i].event, entry->event) == 0)
			return true;
	return uid == 0;
}

#define TIME_TEXT_MAX 64

static void
log_time_text(uint64_t time_ns, char text[TIME_TEXT_MAX])
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	char second[32];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, TIME_TEXT_MAX, "%s.%03uZ", second, (unsigned)(time_ns / 1000000 % 1000));
}

static void
add_key(struct buf *out, const char *key)
{
	buf_add(out, " ", 1);
	buf_add_text(out, key);
	buf_add(out, "=", 1);
}

static void
add_bare_field(struct buf *out, const char *key, const char *text)
{
	if (text[0] == '\0')
		return;
	add_key(out, key);
	buf_add_text(out, text);
}

static void
add_quoted(struct buf *out, const char *key, const char *bytes, size_t len)
{
	add_key(out, key);
	buf_add(out, "\"", 1);
	escape_bytes(out, ESCAPE_LOG, bytes, len);
	buf_add(out, "\"", 1);
}

/* Everything after the colon of a text line, without a newline. */
static void
add_text_body(struct buf *out, const struct log_entry *entry)
{
	buf_add_text(out, entry->event);
	add_bare_field(out, "session", entry->session);
	add_bare_field(out, "address", entry->address);
	add_bare_field(out, "process", entry->process);
	if (entry->user[0] != '\0')
		add_quoted(out, "user", entry->user, strlen(entry->user));
	for (size_t i = 0; i < entry->field_count; i++) {
		const struct log_field *field = &entry->fields[i];

		if (field->is_number)
			buf_addf(out, " %s=%llu", field->key, (unsigned long long)field->number);
		else
			add_quoted(out, field->key, field->bytes, field->len);
	}
}

int
log_format_text(const struct log_entry *entry, struct buf *out)
{
	char time[TIME_TEXT_MAX];

	log_time_text(entry->time_ns, time);
	buf_add_text(out, time);
	buf_addf(out, " sallyportd[%u]: %s ", entry->pid, log_level_name(entry->level));
	add_text_body(out, entry);
	return buf_add(out, "\n", 1);
}

/* jansson is strict about UTF-8: write other bytes as \xHH. */
static json_t *
json_of_bytes(const char *bytes, size_t len)
{
	struct buf escaped;
	json_t *value;

	if (utf8_valid(bytes, len))
		return json_stringn(bytes, len);
	buf_init(&escaped, 4 * len);
	escape_bytes(&escaped, ESCAPE_LOG, bytes, len);
	value = escaped.error != 0 ? NULL : json_stringn(escaped.data == NULL ? "" : escaped.data, escaped.len);
	buf_free(&escaped);
	return value;
}

/* False: there is no memory, or there was none for value. */
static bool
set_value(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0;
}

static bool
set_json_text(json_t *object, const char *key, const char *text)
{
	return text[0] == '\0' || set_value(object, key, json_of_bytes(text, strlen(text)));
}

static bool
set_field(json_t *object, const struct log_field *field)
{
	return set_value(object, field->key,
	    field->is_number ? json_integer((json_int_t)field->number) : json_of_bytes(field->bytes, field->len));
}

static bool
set_all(json_t *object, const struct log_entry *entry)
{
	char time[TIME_TEXT_MAX];
	bool is_whole;

	log_time_text(entry->time_ns, time);
	is_whole = set_json_text(object, "time", time) &&
	    set_json_text(object, "level", log_level_name(entry->level)) &&
	    set_json_text(object, "event", entry->event) && set_value(object, "pid", json_integer(entry->pid)) &&
	    set_json_text(object, "session", entry->session) && set_json_text(object, "address", entry->address) &&
	    set_json_text(object, "process", entry->process) && set_json_text(object, "user", entry->user);
	for (size_t i = 0; i < entry->field_count && is_whole; i++)
		is_whole = set_field(object, &entry->fields[i]);
	return is_whole;
}

static int
add_json_body(struct buf *out, const struct log_entry *entry)
{
	json_t *object = json_object();
	/* in ASCII: terminals obey some characters beyond it */
	char *line =
	    set_all(object, entry) ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) : NULL;
	int r = line == NULL ? -ENOMEM : buf_add_text(out, line);

	free(line);
	json_decref(object);
	return r;
}

int
log_format_json(const struct log_entry *entry, struct buf *out)
{
	int r = add_json_body(out, entry);

	return r < 0 ? r : buf_add(out, "\n", 1);
}

int
log_format_syslog(const struct log_entry *entry, bool is_json, struct buf *out)
{
	time_t seconds = (time_t)(entry->time_ns / 1000000000);
	char text[32];
	struct tm local;

	/* RFC 3164, 4.1.2: the socket of syslogd takes local time, as syslog(3) writes it */
	localtime_r(&seconds, &local);
	strftime(text, sizeof(text), "%b %e %H:%M:%S", &local);
	buf_addf(out, "<%d>%s sallyportd[%u]: ", LOG_FTP | syslog_priorities[entry->level], text, entry->pid);
	if (is_json)
		return add_json_body(out, entry);
	add_text_body(out, entry);
	return out->error;
}

int
log_format_stream(const struct log_entry *entry, bool is_json, struct buf *out)
{
	buf_addf(out, "<%d>", syslog_priorities[entry->level]);
	if (is_json)
		return log_format_json(entry, out);
	add_text_body(out, entry);
	return buf_add(out, "\n", 1);
}

/* "SALLYPORT_BYTES_DOWN=": upper case, digits and '_' are what journald takes (systemd.journal-fields(7)). */
static void
add_journal_key(struct buf *out, const char *key)
{
	buf_add_text(out, "SALLYPORT_");
	for (; *key != '\0'; key++) {
		char c = *key;

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z'))
			c = '_';
		buf_add(out, &c, 1);
	}
	buf_add(out, "=", 1);
}

static void
add_journal_text(struct buf *out, const char *key, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	add_journal_key(out, key);
	escape_bytes(out, ESCAPE_LOG, bytes, len);
	buf_add(out, "\n", 1);
}

int
log_format_journal(const struct log_entry *entry, struct buf *out)
{
	buf_add_text(out, "MESSAGE=");
	add_text_body(out, entry);
	buf_addf(out, "\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=sallyportd\nSYSLOG_PID=%u\n",
	    syslog_priorities[entry->level], LOG_FAC(LOG_FTP), entry->pid);
	add_journal_text(out, "event", entry->event, strlen(entry->event));
	add_journal_text(out, "session", entry->session, strlen(entry->session));
	add_journal_text(out, "address", entry->address, strlen(entry->address));
	add_journal_text(out, "process", entry->process, strlen(entry->process));
	add_journal_text(out, "user", entry->user, strlen(entry->user));
	for (size_t i = 0; i < entry->field_count; i++) {
		const struct log_field *field = &entry->fields[i];

		if (!field->is_number) {
			add_journal_text(out, field->key, field->bytes, field->len);
			continue;
		}
		add_journal_key(out, field->key);
		buf_addf(out, "%llu\n", (unsigned long long)field->number);
	}
	return out->error;
}

static const struct log_field *
find_field(const struct log_entry *entry, const char *key, bool is_number)
{
	static const struct log_field none = {.bytes = "", .len = 0};

	for (size_t i = 0; i < entry->field_count; i++)
		if (strcmp(entry->fields[i].key, key) == 0 && entry->fields[i].is_number == is_number)
			return &entry->fields[i];
	return &none;
}

/* xferlog is split at blanks: they become '_', and so does what is empty. */
static void
add_xferlog_name(struct buf *out, const char *bytes, size_t len)
{
	size_t start = out->len;

	if (escape_bytes(out, ESCAPE_LOG, len == 0 ? "_" : bytes, len == 0 ? 1 : len) < 0)
		return;
	for (size_t i = start; i < out->len; i++)
		if (out->data[i] == ' ')
			out->data[i] = '_';
}

int
log_format_xferlog(const struct log_entry *entry, struct buf *out)
{
	const struct log_field *direction = find_field(entry, "direction", false);
	const struct log_field *result = find_field(entry, "result", false);
	const struct log_field *path = find_field(entry, "path", false);
	const struct log_field *type = find_field(entry, "type", false);
	uint64_t ms = find_field(entry, "milliseconds", true)->number;
	time_t seconds = (time_t)(entry->time_ns / 1000000000);
	bool is_upload = direction->len == 2 && memcmp(direction->bytes, "up", 2) == 0;
	bool is_ascii = type->len == 5 && memcmp(type->bytes, "ascii", 5) == 0;
	bool is_file = is_upload || (direction->len == 4 && memcmp(direction->bytes, "down", 4) == 0);
	char text[32];
	struct tm local;

	if (strcmp(entry->event, "transfer") != 0 || !is_file)
		return 0;
	localtime_r(&seconds, &local);
	strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &local);
	buf_addf(out, "%s %llu ", text, (unsigned long long)(ms / 1000 + (ms % 1000 != 0)));
	add_xferlog_name(out, entry->address, strlen(entry->address));
	buf_addf(out, " %llu ", (unsigned long long)find_field(entry, "bytes", true)->number);
	add_xferlog_name(out, path->bytes, path->len);
	buf_addf(out, " %c _ %c r ", is_ascii ? 'a' : 'b', is_upload ? 'i' : 'o');
	add_xferlog_name(out, entry->user, strlen(entry->user));
	return buf_addf(out, " ftp 0 * %c\n", result->len == 2 ? 'c' : 'i');
}
