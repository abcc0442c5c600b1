/* SPDX-License-Identifier: ISC */
/*
 * Everything that the user sees: results, errors, notes and the progress of transfers, as text or as JSON lines.
 * Locks; any thread may call.
 */
#ifndef CLIENT_UI_REPORT_H
#define CLIENT_UI_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/engine/ftp.h"
#include "client/ui/exit_status.h"

struct options;

/*
 * Choose the form of output. is_data: standard output carries a file, so that everything else goes to standard
 * error. May be called again for each command of a shell.
 */
void report_set(const struct options *options, bool is_data);

bool report_is_json(void);

/* Bytes from anywhere, fit for printing. One of eight buffers of the thread, used in turn. */
const char *report_quote(const char *text);

/* A line of its own, text of ours with report_quote()d parts. Not with --quiet; with --json an event "note". */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same on standard error: what happened on the way (a retry, a resume that starts over). */
void report_notice(const char *text);

/* On standard error, also with --quiet: a message that nobody should miss. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line that was asked for (a listing's, a hash), on standard output; with --json nothing: use report_json(). */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a line that is fit for a terminal already, and has colours of ours in it. */
void report_ready_line(const char *line);

/*
 * An error: what, why and what to try, on standard error; with --json an event "error". Returns the exit status.
 */
enum exit_status report_error(const struct ftp_error *error);

/* An error of the user interface's own. what, why, hint: text of ours with report_quote()d parts; hint may be "". */
enum exit_status report_failure(enum ftp_class class, const char *what, const char *why, const char *hint);

/* Report an action that failed on a local name, and -errno. */
enum exit_status report_local(const char *what, const char *name, int error);

/* Memory is out. */
enum exit_status report_no_memory(void);

/* An error of usage: one text that says what is wrong and what would be right. Returns EXIT_USAGE. */
enum exit_status report_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of the conversation (--verbose), on standard error. */
void report_trace(char kind, const char *line);

/* Write an event; takes the object over. A no-op (but freeing it) without --json. */
void report_json(json_t *event);

/* A JSON string of bytes: what is not UTF-8 is escaped as \xHH. */
json_t *report_json_text(const char *text);

/* --- transfers --- */

enum transfer_way { WAY_GET, WAY_PUT, WAY_COPY };

/* One transfer as it is shown; the members are set by transfers.c before it is begun. */
struct shown_transfer {
	enum transfer_way way;
	const char *name;	/* to show */
	const char *remote, *local;	/* for --json; "-" is a stream */
	int64_t size;	/* -1 unknown */
};

/* A set of transfers begins: how many files, and bytes in all (-1 unknown). report_end() ends it. */
void report_begin(size_t files, int64_t bytes);

/* The set grows by so many files and bytes (-1 unknown). */
void report_expect(size_t files, int64_t bytes);

/* Directories that were listed so far, and the files in them: a line of its own while they become more. */
void report_listing(size_t directories, size_t files);

struct report_slot;

/* A transfer begins and ends. The slot is the report's own. error NULL: it succeeded. */
struct report_slot *report_transfer_begin(const struct shown_transfer *transfer);
void report_transfer_progress(struct report_slot *slot, const struct ftp_progress *progress);
enum exit_status report_transfer_end(
    struct report_slot *slot, const struct ftp_result *result, const struct ftp_error *error);

/* One file of the set needs no transfer after all. */
void report_transfer_spared(void);

/* Draw again: a few times a second, and when the terminal's size has changed. */
void report_tick(void);

/* The set is over: takes the bars away, and prints the line of totals where there was more than one file. */
void report_end(void);

/*
 * Ctrl-C has stopped a set: what could not be done (one file, or ""), parts that are kept and their bytes, and the
 * command that goes on ("" none). The errors of stopped ones are not reported one by one.
 */
void report_stopped(const char *what, size_t parts, uint64_t bytes, const char *command);

/* The width of the terminal of the report, 80 where it is not known. */
size_t report_columns(void);

#endif
