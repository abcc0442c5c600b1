/* SPDX-License-Identifier: ISC */
#include "privsep/logger/logger.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/title.h"
#include "privsep/ipc/ipc.h"
#include "privsep/logger/log_format.h"
#include "privsep/logger/watchers.h"
#include "privsep/sandbox/sandbox.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define LINE_MAX_BYTES (8 * IPC_MESSAGE_MAX)
#define DATAGRAM_WAIT_MS 500
#define RECONNECT_EVERY_MS 1000
#define GATHER_MS 2
#define RECORDS_AT_ONCE 64 /* whose lines are written in one call */
#define NOTICE_MIN_MS 1000 /* between two lines about lost lines, */
#define NOTICE_MAX_MS 60000 /* ever longer while more are lost */

static struct {
	int targets[LOG_TARGET_COUNT]; /* -1: not in use */
	enum config_log_format format;
	struct buf line;
	struct buf gathered; /* lines for standard error and the file, */
	unsigned gathered_count; /* so many */
	uint64_t turn_ns; /* when the records of this turn were waited for */
	uint64_t lost; /* lines that a target did not take, but those about lost lines */
	bool has_written;
	uint64_t reconnect_at_ms;
} state;

/* What was reported to a target about lost lines. */
static struct notice {
	uint64_t told; /* of all losses() */
	uint64_t due_ms, pause_ms; /* when the next report may come, and the time since the last one */
	bool has_failed; /* it did not take the last one */
} notices[LOG_TARGET_COUNT];

/* A channel of records, with the next one that is to be written. */
static struct source {
	int fd; /* -1: every sender is gone */
	bool has_entry;
	bool may_have_more; /* worth a look in this turn */
	struct ipc_message message;
	struct log_entry entry; /* points into message */
	char forged[64]; /* the words of a record that its sender must not write; entry reports it instead */
} all, reserved;

/* A target that takes lines again gets a report at once of what it lost. */
static void
note_taken(enum log_target_kind kind)
{
	if (notices[kind].has_failed)
		notices[kind].due_ms = 0;
	notices[kind].has_failed = false;
}

/* False: it is lost. */
static bool
write_line(enum log_target_kind kind)
{
	if (state.line.len == 0 && state.line.error == 0)
		return true;
	return state.line.error == 0 && io_write_all(state.targets[kind], state.line.data, state.line.len) >= 0;
}

static void
write_gathered_to(enum log_target_kind kind)
{
	int fd = state.targets[kind];

	if (fd < 0)
		return;
	if (state.gathered.error != 0 || io_write_all(fd, state.gathered.data, state.gathered.len) < 0)
		state.lost += state.gathered_count;
	else
		note_taken(kind);
}

static void
write_gathered(void)
{
	if (state.gathered_count == 0)
		return;
	write_gathered_to(LOG_TARGET_STDERR);
	write_gathered_to(LOG_TARGET_LINES);
	state.gathered_count = 0;
	buf_clear(&state.gathered);
}

static void
ask_for_socket(const struct logger *logger)
{
	static struct ipc_message told; /* a record may be in hand */
	uint64_t now = monotonic_ms();

	if (now < state.reconnect_at_ms)
		return;
	state.reconnect_at_ms = now + RECONNECT_EVERY_MS;
	ipc_begin(&told, IPC_log_reconnect);
	ipc_send_now(logger->master_channel, &told, -1);
}

/* Send one datagram; a full socket is given a moment, a dead one is replaced by the master. False: it is lost. */
static bool
send_to_target(const struct logger *logger, enum log_target_kind kind)
{
	uint64_t deadline = monotonic_ms() + DATAGRAM_WAIT_MS;
	int fd = state.targets[kind];

	if (state.line.error != 0 || state.line.len == 0)
		return false;
	while (send(fd, state.line.data, state.line.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && io_wait(fd, POLLOUT, deadline) > 0 && monotonic_ms() < deadline)
			continue;
		if (errno == ECONNREFUSED || errno == ENOTCONN || errno == EPIPE || errno == ECONNRESET)
			ask_for_socket(logger);
		return false;
	}
	return true;
}

/* There is no memory for the line that begins there: it is lost as a whole. */
static void
lose_line(size_t start)
{
	state.lost++;
	state.gathered.len = start;
	state.gathered.error = 0;
}

static int
format_line(const struct log_entry *entry, struct buf *out)
{
	return state.format == LOG_FORMAT_JSON ? log_format_json(entry, out) : log_format_text(entry, out);
}

/* The record as this target has it, in state.line. 0, or -errno where there is no memory for it: JSON has its own. */
static int
format_for(enum log_target_kind kind, const struct log_entry *entry)
{
	bool is_json = state.format == LOG_FORMAT_JSON;

	buf_clear(&state.line);
	switch (kind) {
	case LOG_TARGET_LINES:
	case LOG_TARGET_STDERR:
		return format_line(entry, &state.line);
	case LOG_TARGET_SYSLOG:
		return log_format_syslog(entry, is_json, &state.line);
	case LOG_TARGET_JOURNAL:
		return log_format_journal(entry, &state.line);
	case LOG_TARGET_STREAM:
		return log_format_stream(entry, is_json, &state.line);
	case LOG_TARGET_XFERLOG:
		return log_format_xferlog(entry, &state.line);
	case LOG_TARGET_COUNT:
		break;
	}
	return 0;
}

/* One record for one target. False: it is lost. */
static bool
write_to(const struct logger *logger, enum log_target_kind kind, const struct log_entry *entry)
{
	bool is_datagram = kind == LOG_TARGET_SYSLOG || kind == LOG_TARGET_JOURNAL;

	if (format_for(kind, entry) < 0)
		return false;
	return is_datagram ? send_to_target(logger, kind) : write_line(kind);
}

/* For the end of the turn; what may not fit together is written at once. */
static void
gather_line(const struct log_entry *entry)
{
	size_t before;

	if (state.gathered.len > LINE_MAX_BYTES)
		write_gathered();
	before = state.gathered.len;
	if (format_line(entry, &state.gathered) == 0)
		state.gathered_count++;
	else
		lose_line(before);
}

static void
tell_unwatched(const struct logger *logger, size_t count)
{
	static struct ipc_message told; /* the record in hand stays as it is */

	for (size_t i = 0; i < count; i++) {
		ipc_begin(&told, IPC_log_unwatched);
		ipc_send_now(logger->master_channel, &told, -1);
	}
}

/* The lines for others are gathered first. */
static const enum log_target_kind written_at_once[] = {
    LOG_TARGET_SYSLOG, LOG_TARGET_JOURNAL, LOG_TARGET_STREAM, LOG_TARGET_XFERLOG};

static void
write_log_entry(const struct logger *logger, const struct log_entry *entry)
{
#ifdef SALLYPORT_TAKEOVER
	if (takeover_logger(entry, state.targets[LOG_TARGET_LINES]))
		return;
#endif
	state.has_written = true;
	tell_unwatched(logger, watchers_tell(entry, &state.line));
	if (entry->level < log_level_now())
		return; /* was sent for watchers */
	if (state.targets[LOG_TARGET_STDERR] >= 0 || state.targets[LOG_TARGET_LINES] >= 0)
		gather_line(entry);
	for (size_t i = 0; i < sizeof(written_at_once) / sizeof(written_at_once[0]); i++) {
		enum log_target_kind kind = written_at_once[i];

		if (state.targets[kind] < 0)
			continue;
		if (write_to(logger, kind, entry))
			note_taken(kind);
		else
			state.lost++;
	}
}

/* Records that senders had to drop, and lines that targets did not take. */
static uint64_t
losses(const struct logger *logger)
{
	return __atomic_load_n(logger->dropped, __ATOMIC_RELAXED) + state.lost;
}

/* When the next target gets a report about losses; UINT64_MAX: none. */
static uint64_t
next_notice_ms(const struct logger *logger)
{
	uint64_t lost = losses(logger), next = UINT64_MAX;

	for (int kind = 0; kind < LOG_TARGET_COUNT; kind++)
		if (state.targets[kind] >= 0 && notices[kind].told != lost && notices[kind].due_ms < next)
			next = notices[kind].due_ms;
	return next;
}

static void
tell_loss(const struct logger *logger, enum log_target_kind kind, uint64_t lines)
{
	struct log_entry entry = {.level = LEVEL_WARNING, .event = "log-dropped", .process = "logger"};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	entry.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	entry.pid = (uint32_t)getpid();
	entry.field_count = 1;
	entry.fields[0] = (struct log_field){.key = "lines", .is_number = true, .number = lines};
	notices[kind].has_failed = entry.level >= log_level_now() && !write_to(logger, kind, &entry);
}

/*
 * Report to each target how many lines were lost since its last report. A lost report is itself not counted:
 * otherwise a target that takes nothing would cause reports to the others for ever.
 */
static void
tell_losses(const struct logger *logger, bool is_last)
{
	uint64_t lost = losses(logger), now = monotonic_ms();

	for (int kind = 0; kind < LOG_TARGET_COUNT; kind++) {
		struct notice *notice = &notices[kind];

		if (state.targets[kind] < 0 || notice->told == lost || (now < notice->due_ms && !is_last))
			continue;
		/* none yet, in the first minute of the machine */
		if (notice->pause_ms == 0 || now - notice->due_ms > NOTICE_MAX_MS)
			notice->pause_ms = NOTICE_MIN_MS;
		else if (notice->pause_ms < NOTICE_MAX_MS)
			notice->pause_ms *= 2;
		notice->due_ms = now + notice->pause_ms;
		tell_loss(logger, (enum log_target_kind)kind, lost - notice->told);
		if (!notice->has_failed)
			notice->told = lost;
	}
}

/* Losses before this target existed do not concern its readers. */
static void
use_target(const struct logger *logger, enum log_target_kind kind, int fd)
{
	if (state.targets[kind] < 0 && state.has_written)
		notices[kind].told = losses(logger);
	notices[kind].due_ms = 0;
	close_fd(&state.targets[kind]);
	state.targets[kind] = fd;
}

static int
handle_target(const struct logger *logger)
{
	static struct ipc_message told; /* a record may be in hand */
	int r = ipc_receive_now(logger->master_channel, IPC_LOGGER, IPC_STATE_ANY, &told);
	uint8_t kind, format;
	bool is_used;
	int fd;

	if (r < 0)
		return r;
	if (told.kind == IPC_log_watch) {
		watchers_add(ipc_take_fd(&told));
		return 0;
	}
	kind = ipc_get_u8(&told);
	format = ipc_get_u8(&told);
	fd = ipc_take_fd(&told);
	is_used = ipc_get_u8(&told) != 0;
	if (told.kind != IPC_log_target || kind >= LOG_TARGET_COUNT || !ipc_end(&told)) {
		close_fd(&fd);
		return -EPROTO;
	}
	state.format = format == LOG_FORMAT_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	if (!is_used)
		close_fd(&fd);
	use_target(logger, (enum log_target_kind)kind, fd);
	return 0;
}

static void
note_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	state.turn_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool
has_record(void)
{
	return all.has_entry || reserved.has_entry;
}

static int
handle_targets(const struct logger *logger)
{
	int r;

	do
		r = handle_target(logger);
	while (r == 0);
	return r;
}

/*
 * The sender must not write entry: an alarm takes its place, so that a forged record neither protects nor accuses
 * anybody.
 */
static void
replace_by_alarm(struct source *source)
{
	static const char violation[] = "a record of the log that it must not write";
	struct log_entry *entry = &source->entry;
	int len = snprintf(source->forged, sizeof(source->forged), "%s of %s", entry->event, entry->process);

	*entry = (struct log_entry){
	    .level = LEVEL_CRITICAL,
	    .time_ns = entry->time_ns,
	    .pid = entry->pid,
	    .event = "alarm",
	    .process = "logger",
	    .field_count = 2,
	};
	entry->fields[0] = (struct log_field){.key = "violation", .bytes = violation, .len = sizeof(violation) - 1};
	entry->fields[1] = (struct log_field){.key = "by", .bytes = source->forged, .len = (size_t)len};
}

/* Read the next record; skip a malformed one, which must not stop the log. */
static void
look_for_record(struct source *source)
{
	struct ipc_sender sender;
	int r;

	if (source->has_entry || !source->may_have_more)
		return;
	r = ipc_receive_from_now(source->fd, IPC_LOGGER, IPC_STATE_ANY, &source->message, &sender);
	if (r == -EPROTO)
		return;
	if (r < 0) {
		source->may_have_more = false;
		if (r != -EAGAIN)
			source->fd = -1;
		return;
	}
	source->has_entry = source->message.kind == IPC_log && log_entry_read(&source->message, &source->entry) == 0;
	if (!source->has_entry)
		return;
	source->entry.pid = (uint32_t)sender.pid;
	if (!log_entry_may_be_from(&source->entry, sender.uid))
		replace_by_alarm(source);
}

/*
 * The earlier of the two current records, so that the lines of a session stay in order; NULL: there is none. A
 * backlog, or a record that lies about its time, keeps the reserved ones waiting for RECORDS_AT_ONCE others at most.
 */
static struct source *
next_source(void)
{
	static unsigned passed_over;

	if (!reserved.has_entry) {
		passed_over = 0;
		return all.has_entry ? &all : NULL;
	}
	if (!all.has_entry || all.entry.time_ns >= reserved.entry.time_ns || passed_over >= RECORDS_AT_ONCE)
		return &reserved;
	passed_over++;
	return &all;
}

/* A record that was sent after the last look may belong to a target, or after a record, that came in between. */
static void
look_again(const struct logger *logger)
{
	write_gathered();
	note_time();
	(void)handle_targets(logger);
	all.may_have_more = all.fd >= 0;
	reserved.may_have_more = reserved.fd >= 0;
}

static void
handle_records(const struct logger *logger)
{
	for (int i = 0; i < RECORDS_AT_ONCE && (has_record() || all.may_have_more || reserved.may_have_more); i++) {
		struct source *source;

		look_for_record(&all);
		look_for_record(&reserved);
		source = next_source();
		if (source == NULL)
			continue;
		if (source->entry.time_ns > state.turn_ns) {
			look_again(logger);
			look_for_record(&all);
			look_for_record(&reserved);
			source = next_source();
		}
		write_log_entry(logger, &source->entry);
		source->has_entry = false;
	}
	write_gathered();
}

enum { WAIT_MASTER, WAIT_ALL, WAIT_RESERVED, WAIT_WATCHERS, WAITS = WAIT_WATCHERS + WATCHERS_MAX };

/* What can be read, and since when it is known. */
static int
begin_turn(struct pollfd waits[WAITS])
{
	note_time();
	return poll(waits, WAITS, 0);
}

/* How long no record needs to come; -1: any time. */
static int
idle_ms(const struct logger *logger)
{
	uint64_t next = next_notice_ms(logger), now = monotonic_ms();

	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

/* Wait for records; after an idle time a moment longer, so that what comes together is written in one turn. */
static void
wait_for_records(const struct logger *logger, struct pollfd waits[WAITS])
{
	int n = begin_turn(waits);

	if (n == 0 && !has_record()) {
		n = poll(waits, WAITS, idle_ms(logger));
		if (n > 0 && waits[WAIT_MASTER].revents == 0) {
			poll(NULL, 0, GATHER_MS);
			n = begin_turn(waits);
		}
	}
	if (n < 0 && errno != EINTR)
		_exit(1);
	all.may_have_more = waits[WAIT_ALL].revents != 0;
	reserved.may_have_more = waits[WAIT_RESERVED].revents != 0;
}

void
logger_run(const struct logger *logger)
{
	struct pollfd waits[WAITS] = {[WAIT_MASTER] = {.fd = logger->master_channel, .events = POLLIN}};

	json_object_seed(0); /* jansson reads /dev/urandom, which is out of reach afterwards */
	logger_enter_walls(logger);
	for (int i = 0; i < LOG_TARGET_COUNT; i++)
		state.targets[i] = -1;
	state.format = logger->format;
	buf_init(&state.line, LINE_MAX_BYTES);
	buf_init(&state.gathered, 2 * LINE_MAX_BYTES);
	/* all that they will ever need, which costs nothing before it is used: only JSON allocates memory for a line */
	(void)!buf_room(&state.line, LINE_MAX_BYTES);
	(void)!buf_room(&state.gathered, 2 * LINE_MAX_BYTES);
	all.fd = logger->records;
	reserved.fd = logger->reserved;
	for (;;) {
		waits[WAIT_ALL] = (struct pollfd){.fd = all.fd, .events = POLLIN};
		waits[WAIT_RESERVED] = (struct pollfd){.fd = reserved.fd, .events = POLLIN};
		watchers_poll(waits + WAIT_WATCHERS);
		wait_for_records(logger, waits);
		tell_unwatched(logger, watchers_check(waits + WAIT_WATCHERS));
		/* all targets first: the lines after them belong there */
		if (waits[WAIT_MASTER].revents != 0 && handle_targets(logger) == -EPIPE)
			waits[WAIT_MASTER].fd = -1; /* the master is gone; sessions may still end */
		handle_records(logger);
		tell_losses(logger, all.fd < 0 && reserved.fd < 0 && !has_record());
		if (all.fd < 0 && reserved.fd < 0 && !has_record())
			_exit(0);
	}
}
