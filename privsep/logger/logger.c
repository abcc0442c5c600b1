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
#define RECORDS_AT_ONCE 64	/* whose lines are written in one call */

static struct {
	int targets[LOG_TARGET_COUNT];	/* -1: not in use */
	enum config_log_format format;
	struct buf line;
	struct buf gathered;		/* lines for standard error and the file, */
	unsigned gathered_count;	/* so many */
	uint64_t turn_ns;		/* when the records of this turn were waited for */
	uint64_t lost;			/* lines that a target did not take */
	uint64_t dropped_told, lost_told;
	uint64_t reconnect_at_ms;
} state;

/* A channel of records, with the next one that is to be written. */
static struct source {
	int fd;			/* -1: every sender is gone */
	bool has_entry;
	bool may_have_more;	/* worth a look in this turn */
	struct ipc_message message;
	struct log_entry entry;	/* points into message */
	char forged[64];	/* the words of a record that its sender must not write, which entry tells of instead */
} all, reserved;

static void
write_line(enum log_target_kind kind)
{
	int fd = state.targets[kind];

	if (fd < 0 || (state.line.len == 0 && state.line.error == 0))
		return;
	if (state.line.error != 0 || io_write_all(fd, state.line.data, state.line.len) < 0)
		state.lost++;
}

static void
write_gathered_to(enum log_target_kind kind)
{
	int fd = state.targets[kind];

	if (fd >= 0 && (state.gathered.error != 0 || io_write_all(fd, state.gathered.data, state.gathered.len) < 0))
		state.lost += state.gathered_count;
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
	static struct ipc_message told;	/* a record may be in hand */
	uint64_t now = monotonic_ms();

	if (now < state.reconnect_at_ms)
		return;
	state.reconnect_at_ms = now + RECONNECT_EVERY_MS;
	ipc_begin(&told, IPC_log_reconnect);
	ipc_send_now(logger->master_channel, &told, -1);
}

/* Send one datagram; a full socket is given a moment, a dead one is replaced by the master. */
static void
send_line(const struct logger *logger, enum log_target_kind kind)
{
	uint64_t deadline = monotonic_ms() + DATAGRAM_WAIT_MS;
	int fd = state.targets[kind];

	if (state.line.error != 0 || state.line.len == 0) {
		state.lost++;
		return;
	}
	while (send(fd, state.line.data, state.line.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && io_wait(fd, POLLOUT, deadline) > 0 && monotonic_ms() < deadline)
			continue;
		state.lost++;
		if (errno == ECONNREFUSED || errno == ENOTCONN || errno == EPIPE || errno == ECONNRESET)
			ask_for_socket(logger);
		return;
	}
}

/* There is no memory for the line that begins there: it is lost as a whole. */
static void
lose_line(size_t start)
{
	state.lost++;
	state.gathered.len = start;
	state.gathered.error = 0;
}

/* For the end of the turn; what may not fit together is written at once. */
static void
gather_line(const struct log_entry *entry)
{
	size_t before;
	int r;

	if (state.gathered.len > LINE_MAX_BYTES)
		write_gathered();
	before = state.gathered.len;
	r = state.format == LOG_FORMAT_JSON ? log_format_json(entry, &state.gathered)
					    : log_format_text(entry, &state.gathered);
	if (r == 0)
		state.gathered_count++;
	else
		lose_line(before);
}

static void
tell_unwatched(const struct logger *logger, size_t count)
{
	static struct ipc_message told;	/* the record in hand stays as it is */

	for (size_t i = 0; i < count; i++) {
		ipc_begin(&told, IPC_log_unwatched);
		ipc_send_now(logger->master_channel, &told, -1);
	}
}

static void
write_entry(const struct logger *logger, const struct log_entry *entry)
{
#ifdef SALLYPORT_TAKEOVER
	if (takeover_logger(entry, state.targets[LOG_TARGET_LINES]))
		return;
#endif
	tell_unwatched(logger, watchers_tell(entry, &state.line));
	if (entry->level < log_level_now())
		return;	/* was sent for those who watch */
	if (state.targets[LOG_TARGET_STDERR] >= 0 || state.targets[LOG_TARGET_LINES] >= 0)
		gather_line(entry);
	if (state.targets[LOG_TARGET_SYSLOG] >= 0) {
		buf_clear(&state.line);
		log_format_syslog(entry, state.format == LOG_FORMAT_JSON, &state.line);
		send_line(logger, LOG_TARGET_SYSLOG);
	}
	if (state.targets[LOG_TARGET_JOURNAL] >= 0) {
		buf_clear(&state.line);
		log_format_journal(entry, &state.line);
		send_line(logger, LOG_TARGET_JOURNAL);
	}
	if (state.targets[LOG_TARGET_STREAM] >= 0) {
		buf_clear(&state.line);
		log_format_stream(entry, state.format == LOG_FORMAT_JSON, &state.line);
		write_line(LOG_TARGET_STREAM);
	}
	if (state.targets[LOG_TARGET_XFERLOG] >= 0) {
		buf_clear(&state.line);
		log_format_xferlog(entry, &state.line);
		write_line(LOG_TARGET_XFERLOG);
	}
}

static bool
has_untold(void)
{
	return state.lost != state.lost_told;
}

/* Say how many records senders had to drop, and lines targets did not take, since it was last said. */
static void
tell_losses(const struct logger *logger)
{
	uint64_t dropped = __atomic_load_n(logger->dropped, __ATOMIC_RELAXED);
	uint64_t lost = state.lost;
	struct log_entry entry = {.level = LEVEL_WARNING, .event = "log-dropped", .process = "logger"};
	struct timespec now;

	if (dropped == state.dropped_told && lost == state.lost_told)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	entry.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	entry.pid = (uint32_t)getpid();
	entry.field_count = 1;
	entry.fields[0] = (struct log_field){.key = "lines", .is_number = true};
	entry.fields[0].number = dropped - state.dropped_told + lost - state.lost_told;
	write_entry(logger, &entry);
	write_gathered();
	if (state.lost != lost)
		return;	/* not told: the target is still full */
	state.dropped_told = dropped;
	state.lost_told = lost;
}

static int
handle_target(const struct logger *logger)
{
	static struct ipc_message told;	/* a record may be in hand */
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
	close_fd(&state.targets[kind]);
	state.targets[kind] = fd;
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

/* entry is not for its sender to write: an alarm takes its place, so that what it says protects or accuses nobody. */
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

/* Take the next record in hand; what is none is passed over: one bad record is not worth the log. */
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
 * The earlier of the two records in hand, so that the lines of a session stay in order; NULL: there is none.
 * A backlog, or a record that lies about its time, keeps the reserved ones waiting for RECORDS_AT_ONCE others at most.
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

/* What was sent after the last look may belong to a target, or after a record, that came in between. */
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
		write_entry(logger, &source->entry);
		source->has_entry = false;
	}
	write_gathered();
}

enum { WAIT_MASTER, WAIT_ALL, WAIT_RESERVED, WAIT_WATCHERS, WAITS = WAIT_WATCHERS + WATCHERS_MAX };

/* What is there, and since when it is known. */
static int
begin_turn(struct pollfd waits[WAITS])
{
	note_time();
	return poll(waits, WAITS, 0);
}

/* Wait for records; after an idle time a moment longer, so that what comes together is written in one turn. */
static void
wait_for_records(struct pollfd waits[WAITS])
{
	int n = begin_turn(waits);

	if (n == 0 && !has_record()) {
		n = poll(waits, WAITS, has_untold() ? 1000 : -1);
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

	json_object_seed(0);	/* jansson reads /dev/urandom, which is out of reach afterwards */
	logger_enter_walls(logger);
	for (int i = 0; i < LOG_TARGET_COUNT; i++)
		state.targets[i] = -1;
	state.format = logger->format;
	buf_init(&state.line, LINE_MAX_BYTES);
	buf_init(&state.gathered, 2 * LINE_MAX_BYTES);
	/* all that they will ever need, which costs nothing before it is used: JSON alone takes memory for a line */
	(void)!buf_room(&state.line, LINE_MAX_BYTES);
	(void)!buf_room(&state.gathered, 2 * LINE_MAX_BYTES);
	all.fd = logger->records;
	reserved.fd = logger->reserved;
	for (;;) {
		waits[WAIT_ALL] = (struct pollfd){.fd = all.fd, .events = POLLIN};
		waits[WAIT_RESERVED] = (struct pollfd){.fd = reserved.fd, .events = POLLIN};
		watchers_poll(waits + WAIT_WATCHERS);
		wait_for_records(waits);
		tell_unwatched(logger, watchers_check(waits + WAIT_WATCHERS));
		/* all targets first: the lines behind them belong there */
		if (waits[WAIT_MASTER].revents != 0 && handle_targets(logger) == -EPIPE)
			waits[WAIT_MASTER].fd = -1;	/* the master is gone; sessions may still end */
		handle_records(logger);
		tell_losses(logger);
		if (all.fd < 0 && reserved.fd < 0 && !has_record())
			_exit(0);
	}
}
