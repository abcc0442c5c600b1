/* SPDX-License-Identifier: ISC */
/* sallyportctl status, drain, stop, log-level: the server as a whole. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/amount.h"
#include "admin/control.h"
#include "admin/ctl.h"
#include "common/units.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

static const char *
plural_of(const json_t *object, const char *key)
{
	return amount_plural((unsigned long long)control_number(object, key));
}

static void
print_counters(const char *label, const json_t *object)
{
	const char *key;
	json_t *value;
	int count = 0;

	printf("%-16s", label);
	json_object_foreach((json_t *)object, key, value)
		printf("%s%lld %s", count++ == 0 ? "" : ", ", (long long)json_integer_value(value), ctl_shown(key));
	putchar('\n');
}

static void
print_transferred(const json_t *object)
{
	char down[AMOUNT_SIZE], up[AMOUNT_SIZE], list[AMOUNT_SIZE];

	units_short_size((uint64_t)control_number(object, "down"), down);
	units_short_size((uint64_t)control_number(object, "up"), up);
	units_short_size((uint64_t)control_number(object, "list"), list);
	printf("%-16s%s down, %s up, %s list\n", "bytes:", down, up, list);
}

static void
print_certificate(const char *title, const json_t *certificate)
{
	const char *server = control_text(certificate, "server");
	char until[AMOUNT_SIZE];

	amount_date(control_number(certificate, "not_after"), until);
	if (json_is_string(json_object_get(certificate, "problem")))
		printf("%-16s%s; until %s, %s", title, control_text(certificate, "problem"), until,
		    control_text(certificate, "file"));
	else
		printf("%-16sgood until %s, %s", title, until, control_text(certificate, "file"));
	if (server[0] != '\0')
		printf(", of %s", server);
	printf("\n");
}

/* Of the servers that have sections. */
static void
print_certificates(const json_t *status)
{
	size_t i;
	json_t *certificate;

	json_array_foreach(json_object_get(status, "certificates"), i, certificate)
		print_certificate("", certificate);
}

/*
 * Which certificate is in force and how downloads are encrypted. Prints nothing for an older server, which does not
 * report it.
 */
static void
print_tls(const json_t *status)
{
	const json_t *certificate = json_object_get(status, "certificate");

	if (certificate == NULL)
		return;
	if (!json_is_object(certificate)) {
		printf("%-16s%s\n", "certificate:", "none, TLS is off");
		print_certificates(status);
		return;
	}
	print_certificate("certificate:", certificate);
	print_certificates(status);
	if (json_is_true(json_object_get(certificate, "kernel_tls")))
		printf("%-16s%s\n", "kernel TLS:", "on, for downloads");
	else
		printf("%-16soff: %s\n", "kernel TLS:", control_text(certificate, "kernel_tls_trouble"));
}

/* How the database knows this server, which borrows shares of quotas there. */
static void
print_node(const json_t *node)
{
	const char *name = control_text(node, "name"), *standing = control_text(node, "standing");
	const json_t *beat = json_object_get(node, "beat");
	char since[AMOUNT_SIZE] = "";

	if (json_is_integer(beat))
		amount_duration(json_integer_value(beat), since);
	if (strcmp(standing, "refused") == 0)
		printf(
		    "%-16s%s REFUSED: another server has this name, or it was forgotten; see node-refused in the log\n",
		    "node:", name);
	else if (!json_is_integer(beat))
		printf("%-16s%s%snot known to the database yet\n", "node:", name, name[0] == '\0' ? "" : " ");
	else
		printf("%-16s%s heard by the database %s ago, %s; %lld share%s of quotas, %lld session%s them\n",
		    "node:", name, since,
		    json_is_true(json_object_get(node, "lease")) ? "its lease holds" : "ITS LEASE HAS ENDED",
		    control_number(node, "shares"), plural_of(node, "shares"), control_number(node, "sessions"),
		    control_number(node, "sessions") == 1 ? " uses" : "s use");
}

/* Where accounts names a database. */
static void
print_store(const json_t *store)
{
	if (!json_is_object(store))
		return;
	printf("%-16s%s, %s; %lld account%s kept for the time in which it does not answer\n",
	    "database:", control_text(store, "state"), control_text(store, "file"),
	    control_number(store, "kept_accounts"), plural_of(store, "kept_accounts"));
	if (strcmp(control_text(store, "state"), "up") != 0 && strcmp(control_text(store, "state"), "starting") != 0)
		printf("%-16s'sallyportctl store check' says why\n", "");
	printf("%-16s%s; %lld of their bans are in force here\n",
	    "other nodes:", json_is_true(json_object_get(store, "hears_nodes")) ? "heard" : "not heard now",
	    control_number(store, "bans_of_others"));
	print_counters("look-ups:", json_object_get(store, "lookups"));
	print_node(json_object_get(store, "node"));
}

static void
print_status(const json_t *status)
{
	const json_t *totals = json_object_get(status, "totals"), *limits = json_object_get(status, "limits");
	char since[AMOUNT_SIZE], uptime[AMOUNT_SIZE];
	const char *key;
	json_t *value;

	amount_time(control_number(status, "started"), since);
	amount_duration(control_number(status, "uptime"), uptime);
	printf("%-16s%s, version %s, pid %lld\n", "sallyportd:", control_text(status, "state"),
	    control_text(status, "version"), control_number(status, "pid"));
	printf("%-16s%s UTC, %s ago\n", "started:", since, uptime);
	print_tls(status);
	print_store(json_object_get(status, "store"));
	printf("%-16s%lld of %lld (%lld an address, %lld a user)\n", "sessions:", control_number(status, "sessions"),
	    control_number(limits, "sessions"), control_number(limits, "sessions_per_address"),
	    control_number(limits, "sessions_per_user"));
	if (control_number(status, "former_sessions") > 0)
		printf("%-16s%lld more, which count for the limits\n",
		    "former servers:", control_number(status, "former_sessions"));
	printf("%-16s%lld in force, %lld made since the start\n", "bans:", control_number(status, "bans"),
	    control_number(totals, "bans"));
	printf("%-16s%lld\n", "connections:", control_number(totals, "connections"));
	print_counters("refused by:", json_object_get(totals, "refused"));
	if (control_number(totals, "health_checks") > 0)
		printf("%-16s%lld, answered without a session\n",
		    "health checks:", control_number(totals, "health_checks"));
	print_counters("logins:", json_object_get(totals, "logins"));
	print_counters("transfers:", json_object_get(totals, "transfers"));
	print_counters("failed by:", json_object_get(totals, "failures"));
	print_transferred(json_object_get(totals, "bytes"));
	printf("%-16s%lld\n", "alarms:", control_number(totals, "alarms"));
	printf("%-16s%s\n", "log level:", control_text(status, "log_level"));
	printf("%-16s%s, with these values in force:\n", "configuration:", control_text(status, "config_file"));
	json_object_foreach(json_object_get(status, "config"), key, value)
		printf("    %-28s %s\n", ctl_shown(key), control_text(json_object_get(status, "config"), key));
}

/* Takes status over. One that drains refuses new clients, and is not ready. */
static enum ctl_exit
tell_readiness(json_t *status)
{
	bool is_ready = strcmp(control_text(status, "state"), "serving") == 0;

	if (!is_ready)
		ctl_error("the server is %s, and takes no new clients", control_text(status, "state"));
	json_decref(status);
	return is_ready ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit
server_status(struct ctl *ctl)
{
	static const char *const request[] = {"status", NULL};
	json_t *status = control_ask(ctl, request, NULL, NULL);

	if (status == NULL)
		return CTL_FAILED;
	json_object_del(status, "done");
	if (ctl->given[OPTION_READY])
		return tell_readiness(status);
	if (ctl->is_json)
		return ctl_print_json(status);
	print_status(status);
	json_decref(status);
	return CTL_DONE;
}

/* Ask; on success print the reply as JSON, or nothing and return it. */
static json_t *
ask_server(const struct ctl *ctl, const char *const words[], enum ctl_exit *status)
{
	json_t *last = control_ask(ctl, words, NULL, NULL);

	*status = last == NULL ? CTL_FAILED : CTL_DONE;
	if (last == NULL || !ctl->is_json)
		return last;
	*status = ctl_print_json(last);
	return NULL;
}

/* Every line of the report of a reload or an upgrade; of one that was refused on standard error. */
static void
tell_report(const json_t *last, bool is_good)
{
	const json_t *value = json_object_get(last, "report");
	char *report = strdup(json_is_string(value) ? json_string_value(value) : "");
	char *rest = report;

	for (const char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;) {
		if (line[0] == '\0' && rest == NULL)
			break;
		if (is_good)
			printf("%s\n", ctl_shown(line));
		else
			ctl_error("%s", ctl_shown(line));
	}
	free(report);
}

/* Send a request that takes time, and print its report. */
static enum ctl_exit
ask_report(const struct ctl *ctl, const char *const request[])
{
	json_t *last = control_ask(ctl, request, NULL, NULL);
	bool is_good;

	if (last == NULL)
		return CTL_FAILED;
	is_good = json_is_true(json_object_get(last, "good"));
	if (ctl->is_json) {
		json_object_del(last, "done");
		return ctl_print_json(last) == CTL_DONE && is_good ? CTL_DONE : CTL_FAILED;
	}
	tell_report(last, is_good);
	json_decref(last);
	return is_good ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit
server_reload(struct ctl *ctl)
{
	static const char *const request[] = {"reload", NULL};

	return ask_report(ctl, request);
}

enum ctl_exit
server_upgrade(struct ctl *ctl)
{
	static const char *const request[] = {"upgrade", NULL};

	return ask_report(ctl, request);
}

enum ctl_exit
server_drain(struct ctl *ctl)
{
	static const char *const request[] = {"drain", NULL};
	enum ctl_exit status;
	json_t *last = ask_server(ctl, request, &status);

	if (last != NULL)
		printf("no new connections; %lld %s %lld s for %s transfers\n", control_number(last, "sessions"),
		    control_number(last, "sessions") == 1 ? "session has" : "sessions have",
		    control_number(last, "seconds"), control_number(last, "sessions") == 1 ? "its" : "their");
	json_decref(last);
	return status;
}

enum ctl_exit
server_stop(struct ctl *ctl)
{
	static const char *const request[] = {"stop", NULL};
	enum ctl_exit status;
	json_t *last = ask_server(ctl, request, &status);

	if (last != NULL)
		printf("stopping; %lld %s ended\n", control_number(last, "sessions"),
		    control_number(last, "sessions") == 1 ? "session is" : "sessions are");
	json_decref(last);
	return status;
}

static bool
is_level(const char *word)
{
	for (int i = 0; i < LEVEL_COUNT; i++)
		if (strcmp(log_level_name((enum log_level)i), word) == 0)
			return true;
	return false;
}

enum ctl_exit
server_log_level(struct ctl *ctl)
{
	const char *const request[] = {"log-level", ctl->operand, NULL};
	enum ctl_exit status;
	json_t *last;

	if (!is_level(ctl->operand)) {
		ctl_error("no level '%s'; use debug, info, warning, error or critical", ctl_quote(ctl->operand));
		return CTL_USAGE;
	}
	last = ask_server(ctl, request, &status);
	if (last != NULL)
		printf("logging from level %s on, until the next reload\n", control_text(last, "log_level"));
	json_decref(last);
	return status;
}
