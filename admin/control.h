/* SPDX-License-Identifier: ISC */
/* sallyportctl asks the running server: one request over its control socket, lines of JSON back. */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include <stdbool.h>
#include <stddef.h>

struct ctl;
struct json_t;

/*
 * Connect to the socket of this name in the server's runtime directory. Returns a descriptor, or -1 (reported on
 * standard error).
 */
int control_connect(const struct ctl *ctl, const char *socket_name);

/* Does a server answer at the control socket? Says nothing where none does. */
bool control_is_served(const struct ctl *ctl);

/*
 * Send a request and read the reply.
 *
 * words  the request (daemon/master/control_request.h), ended by NULL.
 * row    called for each line but the last one; line is the caller's of the callback only. NULL: none is expected.
 *
 * Returns the last line, which the caller releases. NULL when there was none or it was an error, which has been
 * reported on standard error.
 */
struct json_t *control_ask(
    const struct ctl *ctl, const char *const words[], void (*row)(void *arg, const struct json_t *line), void *arg);

/*
 * Send a request whose rows come without end, as control_ask() does. When they end because the server's logger died
 * or another server serves now, report that on standard error and send the request again.
 *
 * Returns 0 where the server ends the reply, and -1 when no server goes on or the request is refused; that has been
 * reported.
 */
int control_follow(
    const struct ctl *ctl, const char *const words[], void (*row)(void *arg, const struct json_t *line), void *arg);

/* The texts and numbers of a reply; "" and 0 where there is none. Texts are escaped for a terminal, by ctl_shown(). */
const char *control_text(const struct json_t *object, const char *key);
long long control_number(const struct json_t *object, const char *key);

#endif
