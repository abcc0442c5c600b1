/* SPDX-License-Identifier: ISC */
/* sallyportctl session list, watch, kick, notify. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/amount.h"
#include "admin/control.h"
#include "admin/ctl.h"
#include "common/text.h"
#include "common/units.h"

#include "common/banned.h"

#define REFRESH_S 1
#define CLEAR "\033[H\033[J" /* ECMA-48: cursor home, erase what is below */

/* list */

static void
collect_session(void *arg, const json_t *line)
{
	json_array_append_new(arg, json_copy((json_t *)line));
}

/* Has the running server sections "server"? Its configuration file may be another one by now. */
static bool has_servers;

static json_t *
ask_sessions(const struct ctl *ctl)
{
	static const char *const request[] = {"session-list", NULL};
	json_t *rows = json_array();
	json_t *last = control_ask(ctl, request, collect_session, rows);

	if (last == NULL) {
		json_decref(rows);
		return NULL;
	}
	has_servers = json_is_true(json_object_get(last, "has_servers"));
	json_decref(last);
	return rows;
}

static const char *
or_dash(const char *text)
{
	return text[0] == '\0' ? "-" : text;
}

/* The version alone: the cipher is for --json. */
static void
tls_version(const json_t *row, char *text, size_t size)
{
	const char *tls = control_text(row, "tls");

	snprintf(text, size, "%.*s", (int)strcspn(tls, " "), or_dash(tls));
	if (tls[0] == '\0')
		snprintf(text, size, "-");
}

/* The one that the session has logged in to. */
static void
print_server(const char *name)
{
	if (has_servers)
		printf("%-20s ", name);
}

static void
print_session(const json_t *row)
{
	bool is_moving = json_is_true(json_object_get(row, "transfer"));
	char since[AMOUNT_SIZE], idle[AMOUNT_SIZE], bytes[AMOUNT_SIZE], rate[AMOUNT_SIZE], percent[AMOUNT_SIZE],
	    tls[16];

	tls_version(row, tls, sizeof(tls));
	amount_time(control_number(row, "since"), since);
	amount_duration(control_number(row, "idle"), idle);
	units_short_size((uint64_t)control_number(row, "bytes"), bytes);
	snprintf(rate, sizeof(rate), "-");
	if (is_moving) {
		units_short_size((uint64_t)control_number(row, "rate"), rate);
		snprintf(rate + strlen(rate), sizeof(rate) - strlen(rate), "/s");
	}
	snprintf(percent, sizeof(percent), "-");
	if (json_is_integer(json_object_get(row, "percent")))
		snprintf(percent, sizeof(percent), "%lld%%", control_number(row, "percent"));
	printf("%-16s %-12s ", control_text(row, "id"), or_dash(control_text(row, "user")));
	print_server(or_dash(control_text(row, "server")));
	printf("%-15s %-7s %-12s %5s %-8s %7s %9s %4s %s\n", control_text(row, "address"), tls, since, idle,
	    control_text(row, "state"), bytes, rate, percent, control_text(row, "path"));
}

static void
print_table(const json_t *rows)
{
	size_t i;
	json_t *row;

	printf("%-16s %-12s ", "ID", "USER");
	print_server("SERVER");
	printf("%-15s %-7s %-12s %5s %-8s %7s %9s %4s %s\n", "ADDRESS", "TLS", "SINCE (UTC)", "IDLE", "STATE", "BYTES",
	    "RATE", "%", "PATH");
	json_array_foreach(rows, i, row)
		print_session(row);
}

/* The rate since the last look, where the session and its transfer were there already. */
static void
put_current_rates(json_t *rows, json_t *before)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		const char *id = control_text(row, "id");
		const json_t *old = json_object_get(before, id);
		long long bytes = control_number(row, "bytes");

		if (!json_is_true(json_object_get(row, "transfer"))) {
			json_object_del(before, id);
			continue;
		}
		if (old != NULL && json_integer_value(old) <= bytes)
			json_object_set_new(row, "rate", json_integer((bytes - json_integer_value(old)) / REFRESH_S));
		json_object_set_new(before, id, json_integer(bytes));
	}
}

static void
print_screen(const json_t *rows)
{
	char now[AMOUNT_SIZE], rate[AMOUNT_SIZE];
	long long sum = 0;
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
		sum += control_number(row, "rate");
	amount_time((long long)time(NULL), now);
	units_short_size((uint64_t)sum, rate);
	printf("%s%s UTC  %zu session%s  %s/s\n\n", isatty(STDOUT_FILENO) ? CLEAR : "", now, json_array_size(rows),
	    amount_plural(json_array_size(rows)), rate);
	print_table(rows);
	if (!isatty(STDOUT_FILENO))
		putchar('\n');
}

/* Until the server or the reader of standard output is gone; Ctrl-C ends it as any program. */
static enum ctl_exit
watch_list(const struct ctl *ctl)
{
	json_t *before = json_object();
	json_t *rows;

	while ((rows = ask_sessions(ctl)) != NULL) {
		put_current_rates(rows, before);
		if (ctl->is_json) {
			ctl_put_json(rows);
		} else {
			print_screen(rows);
		}
		json_decref(rows);
		if (fflush(stdout) != 0)
			break;
		sleep(REFRESH_S);
	}
	json_decref(before);
	return CTL_FAILED;
}

enum ctl_exit
session_list(struct ctl *ctl)
{
	json_t *rows;

	if (ctl->given[OPTION_WATCH])
		return watch_list(ctl);
	rows = ask_sessions(ctl);
	if (rows == NULL)
		return CTL_FAILED;
	if (ctl->is_json)
		return ctl_print_json(rows);
	print_table(rows);
	json_decref(rows);
	return CTL_DONE;
}

/* watch */

static void
print_value(const char *key, const json_t *value)
{
	if (json_is_integer(value))
		printf(" %s=%lld", ctl_quote(key), (long long)json_integer_value(value));
	else if (json_is_string(value))
		printf(" %s=%s", ctl_quote(key), ctl_quote(json_string_value(value)));
}

/* "04:50:12 transfer user=alice address=192.0.2.1 direction=down bytes=..." in the order of the record. */
static void
print_event(void *arg, const json_t *line)
{
	static const char *const known[] = {"time", "event", "level", "process", "pid"};
	const struct ctl *ctl = arg;
	const char *key;
	json_t *value;

	if (ctl->is_json) {
		ctl_put_json(line);
	} else {
		printf("%.8s %-12s",
		    strlen(control_text(line, "time")) > 11 ? control_text(line, "time") + 11 : "--------",
		    control_text(line, "event"));
		json_object_foreach((json_t *)line, key, value) {
			bool is_known = false;

			for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
				is_known = is_known || strcmp(known[i], key) == 0;
			if (!is_known)
				print_value(key, value);
		}
		putchar('\n');
	}
	fflush(stdout);
}

enum ctl_exit
session_watch(struct ctl *ctl)
{
	static const char *const request[] = {"session-watch", NULL};

	return control_follow(ctl, request, print_event, ctl) < 0 ? CTL_FAILED : CTL_DONE;
}

/* kick and notify */

/* Which sessions are meant: exactly one way to say it. */
static bool
find_session_target(const struct ctl *ctl, const char *id, const char **target, const char **value)
{
	int given = (id != NULL) + ctl->given[OPTION_USER] + ctl->given[OPTION_ADDRESS];

	*target = id != NULL ? "id" : ctl->given[OPTION_USER] ? "user" : "address";
	*value = id != NULL ? id : ctl->value[ctl->given[OPTION_USER] ? OPTION_USER : OPTION_ADDRESS];
	return given == 1;
}

static enum ctl_exit
tell_count(const struct ctl *ctl, json_t *last, const char *what)
{
	long long count;

	if (last == NULL)
		return CTL_FAILED;
	if (ctl->is_json)
		return ctl_print_json(last);
	count = control_number(last, "sessions");
	printf("%lld %s %s\n", count, count == 1 ? "session" : "sessions", what);
	json_decref(last);
	return CTL_DONE;
}

/* The sessions of this server, and whether the other nodes hear of it; a reply without nodes comes where there are none. */
static enum ctl_exit
tell_kicked(const struct ctl *ctl, json_t *last)
{
	const char *nodes = last == NULL ? NULL : json_string_value(json_object_get(last, "nodes"));
	bool are_told = nodes != NULL && strcmp(nodes, "told") == 0;
	bool is_nothing = nodes != NULL && !are_told && control_number(last, "sessions") == 0;
	enum ctl_exit status;

	if (nodes != NULL && !are_told)
		ctl_warning("the other servers are not told (%s): %s; run this on each of them", ctl_quote(nodes),
		    strcmp(nodes, "refused") == 0 ? "the database takes nothing more of this one for now"
						  : "the database does not answer");
	status = tell_count(ctl, last,
	    nodes == NULL  ? "ended"
		: are_told ? "ended here; the other servers are told"
			   : "ended here");
	return is_nothing ? CTL_FAILED : status;
}

static bool
is_sendable(const char *what, const char *text)
{
	if (!has_control(text, strlen(text)) && utf8_valid(text, strlen(text)))
		return true;
	ctl_error("%s '%s' has control characters or is not UTF-8; give one line of text", what, ctl_quote(text));
	return false;
}

enum ctl_exit
session_kick(struct ctl *ctl)
{
	const char *request[] = {"session-kick", NULL, NULL, NULL};

	if (!find_session_target(ctl, ctl->operand, &request[1], &request[2])) {
		ctl_error(
		    "'session kick' needs one of ID, --user NAME, --address ADDRESS; 'sallyportctl session list' lists "
		    "the sessions");
		return CTL_USAGE;
	}
	if (!is_sendable(request[1], request[2]))
		return CTL_USAGE;
	if (request[1] != NULL && strcmp(request[1], "id") != 0 && !ctl->given[OPTION_HERE])
		request[0] = "session-kick-all";
	return tell_kicked(ctl, control_ask(ctl, request, NULL, NULL));
}

enum ctl_exit
session_notify(struct ctl *ctl)
{
	const char *request[] = {"session-notify", "all", "", ctl->operand, NULL};

	if (ctl->given[OPTION_USER] && ctl->given[OPTION_SESSION]) {
		ctl_error("'session notify' takes one of --session ID and --user NAME");
		return CTL_USAGE;
	}
	if (ctl->given[OPTION_USER] || ctl->given[OPTION_SESSION]) {
		request[1] = ctl->given[OPTION_USER] ? "user" : "id";
		request[2] = ctl->value[ctl->given[OPTION_USER] ? OPTION_USER : OPTION_SESSION];
	}
	if (!is_sendable("the notice", request[3]) || !is_sendable(request[1], request[2]))
		return CTL_USAGE;
	return tell_count(ctl, control_ask(ctl, request, NULL, NULL), "told");
}
