/* SPDX-License-Identifier: ISC */
#include "client/ui/report.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "client/ui/bar.h"
#include "client/ui/options.h"
#include "client/ui/prose.h"
#include "client/ui/signals.h"
#include "client/ui/speed.h"
#include "client/ui/term_text.h"
#include "common/units.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define EVENTS_VERSION 1 /* of etc/sallyport-events.schema.json */
#define PROOFS_MAX 8
#define QUOTES 8
#define QUOTE_MAX 16384
#define LINE_MAX_BYTES 65536
#define REDRAW_MS 180
#define PLAIN_EVERY_MS 10000
#define JSON_EVERY_MS 450
#define LISTING_MS 3000 /* its line goes when nothing was listed for so long */
#define SPEED_FROM_MS 100
#define SPEED_FROM_BYTES 1048576
#define COLUMNS_UNKNOWN 80
#define COLUMNS_CEILING 400

struct report_slot {
	struct report_slot *next;
	struct shown_transfer transfer; /* texts are borrowed from the caller's job, which outlives the slot */
	struct ftp_progress progress;
	struct speed speed;
	uint64_t begun_ms, told_ms;
};

/* One program, one terminal: the report is the only state of its kind. */
static struct {
	pthread_mutex_t lock;
	FILE *stream;
	bool is_json, is_quiet;
	enum progress_form progress;
	struct report_slot *slots;
	size_t files, files_done, files_failed;
	int64_t bytes_wanted;
	uint64_t bytes_done; /* of transfers that ended */
	uint64_t bytes_moved;
	unsigned int retries;
	struct {
		char name[FTP_HASH_NAME_MAX];
		size_t files;
	} proofs[PROOFS_MAX]; /* by which digest how many were verified; "" ends them */
	size_t files_same_size; /* of which the sizes alone were compared */
	size_t directories_listed, files_listed;
	uint64_t listed_ms, listing_told_ms; /* when they became more, and were told in a line */
	struct speed speed; /* of all */
	uint64_t begun_ms, drawn_ms;
	size_t widths[PARALLEL_MAX + 3]; /* of the lines on the screen */
	size_t lines;
	bool is_running;
	struct termios before; /* of the terminal, while has_quieted */
	bool has_quieted;
} report = {.lock = PTHREAD_MUTEX_INITIALIZER, .bytes_wanted = -1};

static bool
can_draw_on(FILE *stream)
{
	const char *terminal = getenv("TERM");

	return isatty(fileno(stream)) == 1 && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void
report_set(const struct options *options, bool is_data)
{
	pthread_mutex_lock(&report.lock);
	report.stream = is_data ? stderr : stdout;
	report.is_json = options->is_json;
	report.is_quiet = options->is_quiet;
	report.progress = options->progress;
	if (report.progress == PROGRESS_BAR && !can_draw_on(report.stream))
		report.progress = PROGRESS_LINES;
	pthread_mutex_unlock(&report.lock);
}

/* Whether a bar is drawn: the stream of reports is a terminal, and no option asks for another form. */
static bool
report_has_bar(void)
{
	return report.progress == PROGRESS_BAR && !report.is_json && !report.is_quiet;
}

bool
report_is_json(void)
{
	return report.is_json;
}

size_t
report_columns(void)
{
	struct winsize size;

	if (ioctl(report.stream == NULL ? STDOUT_FILENO : fileno(report.stream), TIOCGWINSZ, &size) < 0 ||
	    size.ws_col == 0)
		return COLUMNS_UNKNOWN;
	return size.ws_col > COLUMNS_CEILING ? COLUMNS_CEILING : size.ws_col;
}

const char *
report_quote(const char *text)
{
	static _Thread_local char quotes[QUOTES][QUOTE_MAX];
	static _Thread_local unsigned int turn;
	char *quote = quotes[turn++ % QUOTES];
	struct buf out;

	buf_init(&out, QUOTE_MAX - 1);
	(void)term_add(&out, text, strlen(text));
	snprintf(quote, QUOTE_MAX, "%s", out.len == 0 ? "" : out.data);
	buf_free(&out);
	return quote;
}

/* --- the lines on the screen; the lock is held --- */

/* A background job neither draws nor touches the terminal. */
static bool
is_report_in_front(void)
{
	return tcgetpgrp(fileno(report.stream)) == getpgrp();
}

/* While bars are drawn, the terminal does not echo into them, "^C" included. */
static void
quiet_terminal(void)
{
	struct termios silent;

	if (!report_has_bar() || !is_report_in_front() || tcgetattr(fileno(report.stream), &report.before) < 0)
		return;
	silent = report.before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	report.has_quieted = tcsetattr(fileno(report.stream), TCSANOW, &silent) == 0;
}

/* In the background, the terminal is another job's and stays as it is. */
static void
restore_terminal(void)
{
	(void)signals_resume_terminal();
	if (report.has_quieted && is_report_in_front())
		(void)tcsetattr(fileno(report.stream), TCSADRAIN, &report.before);
	report.has_quieted = false;
}

/* Remove the lines of the bars. A terminal that became narrower has wrapped them: more rows to go up. */
static void
erase_bars(void)
{
	size_t columns = report_columns(), rows = 0;

	if (report.lines == 0)
		return;
	for (size_t i = 0; i < report.lines; i++)
		rows += report.widths[i] == 0 ? 1 : (report.widths[i] + columns - 1) / columns;
	if (rows > 1)
		fprintf(report.stream, "\r\033[%zuA\033[J", rows - 1);
	else
		fputs("\r\033[J", report.stream);
	report.lines = 0;
}

static void
draw_line(const struct bar *bar, size_t columns)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	bar_format(&line, bar, columns);
	if (line.error == 0 && report.lines < sizeof(report.widths) / sizeof(report.widths[0])) {
		fprintf(report.stream, "%s%s", report.lines > 0 ? "\r\n" : "\r", line.len == 0 ? "" : line.data);
		report.widths[report.lines++] = term_width(line.data, line.len);
	}
	buf_free(&line);
}

static const char *
phase_name(enum ftp_phase phase)
{
	switch (phase) {
	case FTP_PHASE_TRANSFER:
		return NULL;
	case FTP_PHASE_CHECK_PART:
		return "checking";
	case FTP_PHASE_VERIFY:
		return "verifying";
	}
	return NULL;
}

static struct bar
bar_of(struct report_slot *slot, uint64_t now_ms)
{
	return (struct bar){
	    .name = slot->transfer.name,
	    .phase = phase_name(slot->progress.phase),
	    .done = slot->progress.done,
	    .total = slot->progress.total >= 0 || slot->progress.phase != FTP_PHASE_TRANSFER ? slot->progress.total
											     : slot->transfer.size,
	    .bytes_per_s = speed_get(&slot->speed),
	    .elapsed_s = (now_ms - slot->begun_ms) / 1000,
	};
}

/* The bytes that all transfers have moved, running ones included; checking and verifying move nothing. */
static uint64_t
moved_so_far(void)
{
	uint64_t moved = report.bytes_moved;

	for (const struct report_slot *slot = report.slots; slot != NULL; slot = slot->next)
		if (slot->progress.phase == FTP_PHASE_TRANSFER)
			moved += slot->progress.done - slot->progress.resumed;
		else if (slot->progress.phase == FTP_PHASE_VERIFY && slot->progress.total > 0)
			moved += (uint64_t)slot->progress.total;
	return moved;
}

static uint64_t
done_so_far(void)
{
	uint64_t done = report.bytes_done;

	for (const struct report_slot *slot = report.slots; slot != NULL; slot = slot->next)
		if (slot->progress.phase == FTP_PHASE_TRANSFER)
			done += slot->progress.done;
		else if (slot->progress.phase == FTP_PHASE_VERIFY && slot->progress.total > 0)
			done += (uint64_t)slot->progress.total;
	return done;
}

/* "48,120" */
static void
format_thousands(size_t number, char *text, size_t size)
{
	char digits[32];
	size_t count = (size_t)snprintf(digits, sizeof(digits), "%zu", number), at = 0;

	for (size_t i = 0; i < count && at + 2 < size; i++) {
		if (i > 0 && (count - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
}

/* "listing 312 directories, 48,120 files" */
static void
format_listing(char *text, size_t size)
{
	char directories[48], files[48];

	format_thousands(report.directories_listed, directories, sizeof(directories));
	format_thousands(report.files_listed, files, sizeof(files));
	snprintf(text, size, "listing %s director%s, %s file%s", directories,
	    report.directories_listed == 1 ? "y" : "ies", files, report.files_listed == 1 ? "" : "s");
}

static void
draw_listing(uint64_t now_ms, size_t columns)
{
	char text[160];

	if (report.directories_listed == 0 || now_ms - report.listed_ms > LISTING_MS ||
	    report.lines == sizeof(report.widths) / sizeof(report.widths[0]))
		return;
	format_listing(text, sizeof(text));
	if (strlen(text) >= columns)
		text[columns > 0 ? columns - 1 : 0] = '\0';
	fprintf(report.stream, "%s%s", report.lines > 0 ? "\r\n" : "\r", text);
	report.widths[report.lines++] = strlen(text);
}

static void
draw_bars(uint64_t now_ms)
{
	size_t columns = report_columns();
	char name[64];

	if (!report_has_bar() || !report.is_running || !is_report_in_front())
		return;
	speed_add(&report.speed, now_ms, moved_so_far());
	erase_bars();
	for (struct report_slot *slot = report.slots; slot != NULL; slot = slot->next) {
		struct bar bar = bar_of(slot, now_ms);

		draw_line(&bar, columns);
	}
	if (report.files > 1) {
		struct bar bar = {
		    .name = name,
		    .done = done_so_far(),
		    .total = report.bytes_wanted,
		    .bytes_per_s = speed_get(&report.speed),
		    .elapsed_s = (now_ms - report.begun_ms) / 1000,
		};

		snprintf(name, sizeof(name), "%zu of %zu", report.files_done + report.files_failed, report.files);
		draw_line(&bar, columns);
	}
	draw_listing(now_ms, columns);
	fflush(report.stream);
	report.drawn_ms = now_ms;
}

/* Escape printed text from any source: nothing in it moves a cursor or changes the direction of writing. */
static void
print_safely(FILE *stream, const char *prefix, const struct buf *text, bool is_prose)
{
	size_t columns = is_prose ? prose_columns(stream) : 0, len = text->len == 0 ? 0 : strlen(text->data);
	struct buf out;

	buf_init(&out, 4 * LINE_MAX_BYTES);
	if (columns > 0)
		term_wrap(&out, len == 0 ? "" : text->data, len, columns, strlen(prefix), strlen(prefix) > 0 ? 2 : 0);
	else if (len > 0)
		(void)term_add_lines(&out, text->data, len, true);
	fprintf(stream, "%s%s\n", prefix, out.len == 0 ? "" : out.data);
	buf_free(&out);
}

/* Print a line where the bars are; they come back with the next tick. Prose is wrapped at words on a terminal. */
static void __attribute__((format(printf, 4, 0)))
print_line(FILE *stream, const char *prefix, bool is_prose, const char *format, va_list args)
{
	struct buf text;

	if (report.lines > 0) {
		erase_bars();
		fflush(report.stream);
	}
	fflush(stdout);
	buf_init(&text, 4 * LINE_MAX_BYTES);
	(void)buf_addv(&text, format, args);
	print_safely(stream, prefix, &text, is_prose);
	fflush(stream);
	buf_free(&text);
}

static void __attribute__((format(printf, 3, 4)))
print_linef(FILE *stream, const char *prefix, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(stream, prefix, true, format, args);
	va_end(args);
}

/* --- JSON; the lock is held --- */

json_t *
report_json_text(const char *text)
{
	struct buf out;
	json_t *string;

	if (utf8_valid(text, strlen(text)))
		return json_string(text);
	buf_init(&out, LINE_MAX_BYTES);
	(void)escape_bytes(&out, ESCAPE_LOG, text, strlen(text));
	string = json_string(out.len == 0 ? "" : out.data);
	buf_free(&out);
	return string;
}

/*
 * Print JSON unchanged, except that characters which deceive on a terminal become \uXXXX, which programs read as
 * the same.
 */
static void
print_json_safely(FILE *stream, const char *text)
{
	while (*text != '\0') {
		size_t n = utf8_sequence((const unsigned char *)text, strlen(text));
		unsigned long code = n < 2 ? 0 : utf8_code((const unsigned char *)text, n);

		if (n >= 2 && term_is_deceiving(code) && code < 0x10000)
			fprintf(stream, "\\u%04lx", code);
		else if (n >= 2 && term_is_deceiving(code))
			fprintf(stream, "\\u%04lx\\u%04lx", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
		else
			fwrite(text, 1, n == 0 ? 1 : n, stream);
		text += n == 0 ? 1 : n;
	}
	fputc('\n', stream);
}

static void
write_json(json_t *event)
{
	bool is_wanted = report.is_json && json_object_set_new(event, "version", json_integer(EVENTS_VERSION)) == 0;
	char *text = is_wanted ? json_dumps(event, JSON_COMPACT) : NULL;
	FILE *stream = report.stream == NULL ? stdout : report.stream;

	if (text != NULL) {
		print_json_safely(stream, text);
		fflush(stream);
	}
	free(text);
	json_decref(event);
}

void
report_json(json_t *event)
{
	pthread_mutex_lock(&report.lock);
	write_json(event);
	pthread_mutex_unlock(&report.lock);
}

static json_t *
number_or_null(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static const char *const way_names[] = {[WAY_GET] = "get", [WAY_PUT] = "put", [WAY_COPY] = "copy"};

static json_t *
transfer_event(const char *name, const struct shown_transfer *transfer)
{
	json_t *event = json_object();

	json_object_set_new(event, "event", json_string(name));
	json_object_set_new(event, "command", json_string(way_names[transfer->way]));
	json_object_set_new(event, "remote", report_json_text(transfer->remote));
	json_object_set_new(event, "local", report_json_text(transfer->local));
	return event;
}

static void
json_error(json_t *event, const struct ftp_error *error)
{
	json_object_set_new(event, "class", json_string(ftp_class_name(error->class)));
	json_object_set_new(event, "retry", json_boolean(ftp_class_is_retryable(error->class)));
	json_object_set_new(event, "exit", json_integer(exit_status_of(error->class)));
	json_object_set_new(event, "reply", error->reply_code == 0 ? json_null() : json_integer(error->reply_code));
	json_object_set_new(event, "what", report_json_text(error->what));
	json_object_set_new(event, "why", report_json_text(error->why));
	json_object_set_new(event, "hint", report_json_text(error->hint));
}

/* --- messages --- */

/* The lock is held. */
static void
json_note(const char *text)
{
	json_t *event = json_object();

	json_object_set_new(event, "event", json_string("note"));
	json_object_set_new(event, "text", report_json_text(text));
	write_json(event);
}

void
report_notice(const char *text)
{
	pthread_mutex_lock(&report.lock);
	if (report.is_json)
		json_note(text);
	else if (!report.is_quiet)
		print_linef(stderr, "sallyport: ", "%s", text);
	pthread_mutex_unlock(&report.lock);
}

void
report_note(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&report.lock);
	if (report.is_json) {
		vsnprintf(text, sizeof(text), format, args);
		json_note(text);
	} else if (!report.is_quiet) {
		print_line(report.stream == NULL ? stdout : report.stream, "", true, format, args);
	}
	pthread_mutex_unlock(&report.lock);
	va_end(args);
}

void
report_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&report.lock);
	print_line(stderr, "sallyport: ", true, format, args);
	pthread_mutex_unlock(&report.lock);
	va_end(args);
}

void
report_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&report.lock);
	if (!report.is_json)
		print_line(stdout, "", false, format, args);
	pthread_mutex_unlock(&report.lock);
	va_end(args);
}

void
report_ready_line(const char *line)
{
	pthread_mutex_lock(&report.lock);
	if (!report.is_json)
		fprintf(stdout, "%s\n", line);
	pthread_mutex_unlock(&report.lock);
}

void
report_trace(char kind, const char *line)
{
	pthread_mutex_lock(&report.lock);
	print_linef(stderr, "", "%c %s", kind, line);
	pthread_mutex_unlock(&report.lock);
}

static void
print_ftp_error(const struct ftp_error *error)
{
	print_linef(stderr, "sallyport: ", "%s%s%s", error->what, error->why[0] == '\0' ? "" : ": ", error->why);
	if (error->hint[0] != '\0')
		print_linef(stderr, "sallyport: ", "try: %s", error->hint);
}

enum exit_status
report_error(const struct ftp_error *error)
{
	pthread_mutex_lock(&report.lock);
	if (report.is_json) {
		json_t *event = json_object();

		json_object_set_new(event, "event", json_string("error"));
		json_error(event, error);
		write_json(event);
	}
	print_ftp_error(error);
	pthread_mutex_unlock(&report.lock);
	return exit_status_of(error->class);
}

enum exit_status
report_failure(enum ftp_class class, const char *what, const char *why, const char *hint)
{
	struct ftp_error error = {.class = class};

	snprintf(error.what, sizeof(error.what), "%s", what);
	snprintf(error.why, sizeof(error.why), "%s", why);
	snprintf(error.hint, sizeof(error.hint), "%s", hint);
	return report_error(&error);
}

enum exit_status
report_local(const char *what, const char *name, int error)
{
	char text[512];

	snprintf(text, sizeof(text), "%s '%s'", what, report_quote(name));
	return report_failure(FTP_LOCAL, text, strerror(-error), "");
}

enum exit_status
report_no_memory(void)
{
	return report_failure(FTP_LOCAL, "cannot go on", strerror(ENOMEM), "");
}

enum exit_status
report_usage(const char *format, ...)
{
	struct ftp_error error = {.class = FTP_USAGE};
	va_list args;

	va_start(args, format);
	vsnprintf(error.what, sizeof(error.what), format, args);
	va_end(args);
	return report_error(&error);
}

/* --- transfers --- */

void
report_begin(size_t files, int64_t bytes)
{
	pthread_mutex_lock(&report.lock);
	report.files = files;
	report.files_done = report.files_failed = 0;
	report.bytes_wanted = bytes;
	report.bytes_done = report.bytes_moved = 0;
	report.retries = 0;
	memset(report.proofs, 0, sizeof(report.proofs));
	report.files_same_size = 0;
	report.speed = (struct speed){0};
	report.begun_ms = report.listing_told_ms = monotonic_ms();
	report.directories_listed = report.files_listed = 0;
	report.drawn_ms = 0;
	report.lines = 0;
	report.is_running = true;
	quiet_terminal();
	speed_add(&report.speed, report.begun_ms, 0);
	pthread_mutex_unlock(&report.lock);
}

void
report_expect(size_t files, int64_t bytes)
{
	pthread_mutex_lock(&report.lock);
	report.files += files;
	if (bytes < 0 || report.bytes_wanted < 0 ||
	    __builtin_add_overflow(report.bytes_wanted, bytes, &report.bytes_wanted))
		report.bytes_wanted = -1;
	pthread_mutex_unlock(&report.lock);
}

void
report_listing(size_t directories, size_t files)
{
	uint64_t now_ms = monotonic_ms();
	char text[160];

	pthread_mutex_lock(&report.lock);
	report.directories_listed = directories;
	report.files_listed = files;
	report.listed_ms = now_ms;
	if (!report.is_json && !report.is_quiet && report.progress == PROGRESS_LINES &&
	    now_ms - report.listing_told_ms >= PLAIN_EVERY_MS) {
		format_listing(text, sizeof(text));
		print_linef(report.stream, "", "%s", text);
		report.listing_told_ms = now_ms;
	}
	pthread_mutex_unlock(&report.lock);
}

struct report_slot *
report_transfer_begin(const struct shown_transfer *transfer)
{
	struct report_slot *slot = calloc(1, sizeof(*slot)), **end;

	if (slot == NULL)
		return NULL;
	slot->transfer = *transfer;
	slot->progress.total = transfer->size;
	slot->begun_ms = slot->told_ms = monotonic_ms();
	pthread_mutex_lock(&report.lock);
	for (end = &report.slots; *end != NULL; end = &(*end)->next)
		continue;
	*end = slot;
	if (report.is_json) {
		json_t *event = transfer_event("start", transfer);

		json_object_set_new(event, "size", number_or_null(transfer->size));
		write_json(event);
	}
	pthread_mutex_unlock(&report.lock);
	return slot;
}

static void
tell_json(struct report_slot *slot)
{
	json_t *event = transfer_event("progress", &slot->transfer);
	const char *phase = phase_name(slot->progress.phase);

	json_object_set_new(event, "phase", json_string(phase == NULL ? "transfer" : phase));
	json_object_set_new(event, "bytes", json_integer((json_int_t)slot->progress.done));
	json_object_set_new(event, "total", number_or_null(slot->progress.total));
	json_object_set_new(event, "speed", number_or_null(speed_get(&slot->speed)));
	write_json(event);
}

static void
tell_plain(struct report_slot *slot, uint64_t now_ms)
{
	struct bar bar = bar_of(slot, now_ms);
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	bar_format(&line, &bar, COLUMNS_UNKNOWN);
	if (line.error == 0)
		print_linef(report.stream, "", "%s", line.data);
	buf_free(&line);
}

void
report_transfer_progress(struct report_slot *slot, const struct ftp_progress *progress)
{
	uint64_t now_ms = monotonic_ms();

	if (slot == NULL)
		return;
	pthread_mutex_lock(&report.lock);
	if (slot->progress.phase != progress->phase || progress->done < slot->progress.done)
		slot->speed = (struct speed){0};
	slot->progress = *progress;
	speed_add(&slot->speed, now_ms, progress->done);
	if (report.is_json && now_ms - slot->told_ms >= JSON_EVERY_MS) {
		tell_json(slot);
		slot->told_ms = now_ms;
	} else if (!report.is_json && !report.is_quiet && report.progress == PROGRESS_LINES &&
	    now_ms - slot->told_ms >= PLAIN_EVERY_MS) {
		tell_plain(slot, now_ms);
		slot->told_ms = now_ms;
	} else if (report_has_bar() && now_ms - report.drawn_ms >= REDRAW_MS) {
		draw_bars(now_ms);
	}
	pthread_mutex_unlock(&report.lock);
}

/* "12.3 MiB in 3.4 s, 3.6 MiB/s" */
static void
add_bytes_and_time(struct buf *line, uint64_t bytes, uint64_t elapsed_ms)
{
	char size[UNITS_TEXT_MAX], time[UNITS_TEXT_MAX], speed[UNITS_TEXT_MAX];

	units_size(bytes, size);
	units_elapsed(elapsed_ms, time);
	(void)buf_addf(line, "%s in %s", size, time);
	/* the speed of a moment means nothing */
	if (elapsed_ms >= SPEED_FROM_MS || (elapsed_ms > 0 && bytes >= SPEED_FROM_BYTES)) {
		units_size((uint64_t)((double)bytes * 1000.0 / (double)elapsed_ms), speed);
		(void)buf_addf(line, ", %s/s", speed);
	}
}

/* The proof that the bytes before the cut were of the same file. */
static void
add_proof(struct buf *line, const struct ftp_result *result)
{
	char size[UNITS_TEXT_MAX];

	if (result->overlap > 0) {
		units_size(result->overlap, size);
		(void)buf_addf(line, ", the %s before the cut read again and the same", size);
	} else if (result->resumed > 0 && result->proof[0] != '\0') {
		(void)buf_addf(line, " by %s", result->proof);
	}
}

static void
print_summary(const struct report_slot *slot, const struct ftp_result *result)
{
	char size[UNITS_TEXT_MAX];
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	(void)term_add(&line, slot->transfer.name, strlen(slot->transfer.name));
	(void)buf_add_text(&line, ": ");
	add_bytes_and_time(&line, result->bytes, result->elapsed_ms);
	if (result->is_restarted)
		(void)buf_add_text(&line, ", started over: what was there is no proven part of it");
	else if (result->resumed > 0) {
		units_size(result->resumed, size);
		(void)buf_addf(&line, ", resumed at %s", size);
	}
	add_proof(&line, result);
	if (result->retries > 0)
		(void)buf_addf(&line, ", connected again %u time%s", result->retries, result->retries == 1 ? "" : "s");
	if (result->grown > 0)
		(void)buf_addf(&line, ", grew by %llu byte%s while it was fetched", (unsigned long long)result->grown,
		    result->grown == 1 ? "" : "s");
	if (result->verified[0] != '\0')
		(void)buf_addf(&line, ", %s verified", result->verified);
	else if (result->is_size_same)
		(void)buf_add_text(&line, ", size matches");
	if (line.error == 0)
		print_linef(report.stream, "", "%s", line.data);
	buf_free(&line);
}

static void
write_done(const struct report_slot *slot, const struct ftp_result *result)
{
	json_t *event = transfer_event("done", &slot->transfer);

	json_object_set_new(event, "size", json_integer((json_int_t)result->size));
	json_object_set_new(event, "transferred", json_integer((json_int_t)result->bytes));
	json_object_set_new(event, "resumed", json_integer((json_int_t)result->resumed));
	json_object_set_new(event, "proof", result->proof[0] == '\0' ? json_null() : json_string(result->proof));
	json_object_set_new(event, "overlap", json_integer((json_int_t)result->overlap));
	json_object_set_new(event, "restarted", json_boolean(result->is_restarted));
	json_object_set_new(event, "retries", json_integer(result->retries));
	json_object_set_new(event, "grown", json_integer((json_int_t)result->grown));
	json_object_set_new(
	    event, "verified", result->verified[0] == '\0' ? json_null() : json_string(result->verified));
	json_object_set_new(event, "size_matches", json_boolean(result->is_size_same));
	json_object_set_new(event, "elapsed_ms", json_integer((json_int_t)result->elapsed_ms));
	write_json(event);
}

static void
forget_slot(struct report_slot *slot)
{
	for (struct report_slot **at = &report.slots; *at != NULL; at = &(*at)->next) {
		if (*at == slot) {
			*at = slot->next;
			break;
		}
	}
}

static void
count_proof(const struct ftp_result *result)
{
	if (result->verified[0] == '\0') {
		report.files_same_size += result->is_size_same;
		return;
	}
	for (size_t i = 0; i < PROOFS_MAX; i++) {
		if (report.proofs[i].name[0] == '\0')
			snprintf(report.proofs[i].name, FTP_HASH_NAME_MAX, "%s", result->verified);
		if (strcmp(report.proofs[i].name, result->verified) != 0)
			continue;
		report.proofs[i].files++;
		return;
	}
}

enum exit_status
report_transfer_end(struct report_slot *slot, const struct ftp_result *result, const struct ftp_error *error)
{
	static const struct ftp_result nothing;

	if (slot == NULL)
		return error == NULL ? EXIT_DONE : report_error(error);
	result = result == NULL ? &nothing : result;
	pthread_mutex_lock(&report.lock);
	forget_slot(slot);
	report.bytes_moved += result->bytes;
	/* a failed transfer counts only its received bytes */
	if (error != NULL)
		report.bytes_done += slot->progress.done;
	else
		report.bytes_done += slot->transfer.size >= 0 ? (uint64_t)slot->transfer.size : result->size;
	report.retries += result->retries;
	if (error == NULL) {
		report.files_done++;
		count_proof(result);
	} else {
		report.files_failed++;
	}
	if (error != NULL && report.is_json) {
		json_t *event = transfer_event("error", &slot->transfer);

		json_error(event, error);
		write_json(event);
	} else if (error == NULL && report.is_json) {
		write_done(slot, result);
	} else if (error == NULL && !report.is_quiet) {
		print_summary(slot, result);
	}
	/* those that Ctrl-C stopped are reported together */
	if (error != NULL && error->class != FTP_ABORTED)
		print_ftp_error(error);
	pthread_mutex_unlock(&report.lock);
	free(slot);
	return error == NULL ? EXIT_DONE : exit_status_of(error->class);
}

void
report_transfer_spared(void)
{
	pthread_mutex_lock(&report.lock);
	report.files--;
	pthread_mutex_unlock(&report.lock);
}

void
report_stopped(const char *what, size_t parts, uint64_t bytes, const char *command)
{
	char size[UNITS_TEXT_MAX];
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	units_size(bytes, size);
	(void)buf_addf(&line, "%s%sstopped", what, *what == '\0' ? "" : ": ");
	if (parts > 0)
		(void)buf_addf(&line, ": %zu part%s kept, %s", parts, parts == 1 ? "" : "s", size);
	if (*command != '\0')
		(void)buf_addf(&line, "; continue with: %s", command);
	pthread_mutex_lock(&report.lock);
	if (report.is_json)
		write_json(json_pack("{s:s, s:I, s:I, s:o}", "event", "stopped", "parts", (json_int_t)parts, "bytes",
		    (json_int_t)bytes, "command", report_json_text(command)));
	print_linef(stderr, "sallyport: ", "%s", line.error < 0 ? "stopped" : line.data);
	pthread_mutex_unlock(&report.lock);
	buf_free(&line);
}

void
report_tick(void)
{
	uint64_t now_ms = monotonic_ms();

	(void)signals_resume_terminal();
	pthread_mutex_lock(&report.lock);
	/* a transfer that stands still loses its speed */
	for (struct report_slot *slot = report.slots; slot != NULL; slot = slot->next)
		if (now_ms - slot->speed.last_ms > 1000)
			speed_add(&slot->speed, now_ms, slot->progress.done);
	draw_bars(now_ms);
	pthread_mutex_unlock(&report.lock);
}

/* "; 3 verified by SHA-256, 1 by size alone" */
static void
add_proofs(struct buf *line)
{
	const char *before = "; ";

	for (size_t i = 0; i < PROOFS_MAX && report.proofs[i].files > 0; i++) {
		(void)buf_addf(line, "%s%zu verified by %s", before, report.proofs[i].files, report.proofs[i].name);
		before = ", ";
	}
	if (report.files_same_size > 0)
		(void)buf_addf(line, "%s%zu of the same size", before, report.files_same_size);
}

static size_t
files_not_begun(void)
{
	size_t over = report.files_done + report.files_failed;

	return over < report.files ? report.files - over : 0;
}

static void
print_totals(uint64_t elapsed_ms)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	(void)buf_addf(&line, "%zu file%s, ", report.files_done, report.files_done == 1 ? "" : "s");
	add_bytes_and_time(&line, report.bytes_moved, elapsed_ms);
	add_proofs(&line);
	if (report.retries > 0)
		(void)buf_addf(&line, "; connected again %u time%s", report.retries, report.retries == 1 ? "" : "s");
	if (report.files_failed > 0)
		(void)buf_addf(&line, "; %zu not completed", report.files_failed);
	if (files_not_begun() > 0)
		(void)buf_addf(&line, "; %zu not begun", files_not_begun());
	print_linef(report.stream, "", "%s", line.data);
	buf_free(&line);
}

static void
write_totals(uint64_t elapsed_ms)
{
	json_t *verified = json_object();

	for (size_t i = 0; i < PROOFS_MAX && report.proofs[i].files > 0; i++)
		json_object_set_new(verified, report.proofs[i].name, json_integer((json_int_t)report.proofs[i].files));
	write_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:I}", "event", "total", "files",
	    (json_int_t)report.files_done, "failed", (json_int_t)report.files_failed, "not_begun",
	    (json_int_t)files_not_begun(), "bytes", (json_int_t)report.bytes_moved, "elapsed_ms",
	    (json_int_t)elapsed_ms, "speed",
	    elapsed_ms == 0 ? json_null()
			    : json_integer((json_int_t)((double)report.bytes_moved * 1000.0 / (double)elapsed_ms)),
	    "retries", (json_int_t)report.retries, "verified", verified, "size_matches",
	    (json_int_t)report.files_same_size));
}

void
report_end(void)
{
	uint64_t elapsed_ms = monotonic_ms() - report.begun_ms;

	pthread_mutex_lock(&report.lock);
	report.is_running = false;
	if (report.lines > 0) {
		erase_bars();
		fflush(report.stream);
	}
	restore_terminal();
	if (report.files > 1 && report.is_json)
		write_totals(elapsed_ms);
	else if (report.files > 1 && !report.is_quiet)
		print_totals(elapsed_ms);
	pthread_mutex_unlock(&report.lock);
}
