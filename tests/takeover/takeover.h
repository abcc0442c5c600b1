/* SPDX-License-Identifier: ISC */
/*
 * The acts of an attacker who runs code in a process of the server. Only VARIANT=takeover builds them;
 * tests/e2e/takeover.bats drives them. Every process has one hook in its real code, behind its real walls, that
 * hands a line to one of these functions. A line is the name of an act and its arguments. The result goes back in
 * the way that the process has: a reply, a record of the log, a page.
 */
#ifndef TESTS_TAKEOVER_TAKEOVER_H
#define TESTS_TAKEOVER_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/ipc/ipc.h"

/* A text in the program, by which a test finds a build that has hostile processes. */
#define TAKEOVER_MARK "SALLYPORT-TAKEOVER-VARIANT"
#define TAKEOVER_WORD "TAKEOVER " /* the prefix of a line in a path, a record or a request */

struct files;
struct monitor;
struct protocol;
struct log_entry;
struct buf;

/* The hooks. A bool says whether the input was a line for them. */
void takeover_protocol(struct protocol *protocol, char *line); /* SITE TAKEOVER line, also before login */
bool takeover_files(struct files *files); /* MLST /TAKEOVER line; the facts are the report */
bool takeover_monitor(struct monitor *monitor, const char *detail); /* a noted event; a record of the log reports */
bool takeover_logger(const struct log_entry *entry, int file); /* a field of a record; a line of the log reports */
bool takeover_hooks(const char *path); /* the path of an upload; a record of the log reports */
bool takeover_porter(int fd, int master_channel); /* "PROXY TAKEOVER line" in place of a header */
void takeover_broker(const char **decoy, size_t *len); /* of a name without an account; the report takes its place */
bool takeover_metrics(const char *path, struct buf *body); /* GET /TAKEOVER%20line */

#define REPORT_MAX 900

struct report {
	char text[REPORT_MAX + 1];
	size_t len;
};

void report_add(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "NAME: result" or "NAME: EPERM", errno where value is negative. */
void report_result(struct report *report, const char *name, long value);

/* acts.c: the acts that every process may try. False: there is no such act. */
bool act(char *line, struct report *report);

/* Cut the next word off a line; NULL at its end. */
char *next_word(char **line);

/*
 * messages.c: hostile messages, made from the table. A channel numbers its messages: every form of each kind that
 * is allowed there, and one form of each other kind.
 */
unsigned messages_count(enum ipc_process from, enum ipc_process to);

/*
 * Send the message with this number; report its kind and form, and the answer. fd goes along with forms that have
 * descriptors. -errno when the channel did not take it.
 */
int messages_send(int channel, enum ipc_process from, enum ipc_process to, unsigned number, struct report *report);

#endif
