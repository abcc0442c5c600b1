/* SPDX-License-Identifier: ISC */
#include "daemon/master/reload.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"
#include "common/wipe.h"
#include "config/broker.h"
#include "config/hook.h"
#include "config/servers.h"
#include "daemon/master/broker_worker.h"
#include "daemon/master/capacity.h"
#include "daemon/master/control_socket.h"
#include "daemon/master/hook_worker.h"
#include "daemon/master/keep_errand.h"
#include "daemon/master/log_switches.h"
#include "daemon/master/metrics_server.h"
#include "daemon/master/notify.h"
#include "daemon/master/proxied.h"
#include "daemon/master/resolver.h"
#include "daemon/master/quota_top.h"
#include "daemon/master/server.h"
#include "daemon/master/sessions.h"
#include "daemon/master/upgrade.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define STAYS "the configuration in force stays"

/* A line into the report; what does not fit is in the log alone. */
static void
note_reload_line(struct reload_report *report, const char *line)
{
	size_t have = strlen(report->text);
	struct buf shown;

	buf_init(&shown, RELOAD_TEXT_MAX);
	escape_bytes(&shown, ESCAPE_REPLY, line, strlen(line));
	if (shown.data != NULL && shown.error == 0 && have + shown.len + 2 <= sizeof(report->text))
		snprintf(report->text + have, sizeof(report->text) - have, "%s\n", shown.data);
	buf_free(&shown);
}

static void
report_reload_problem(struct reload *reload, const char *event, const char *line)
{
	reload->is_bad = true;
	note_reload_line(&reload->next, line);
	log_message(LEVEL_ERROR, event, "%s", line);
}

static void
tell_problem(void *arg, const char *line)
{
	report_reload_problem(arg, "reload-refused", line);
}

/* An error of a file that a key of a server names: the place of the key comes first. section: of the main server's. */
static void
tell_complaint(
    struct reload *reload, const char *event, size_t server, const char *section, const char *key, const char *line)
{
	char place[CONFIG_PLACE_MAX];
	char text[CONFIG_PLACE_MAX + 1024];

	if (server == 0)
		config_place(reload->config, section, key, place);
	else
		servers_place(reload->config, server, key, place);
	snprintf(text, sizeof(text), "%s%s", place, line);
	report_reload_problem(reload, event, text);
}

static void
report_reload_warning(void *arg, const char *line)
{
	struct reload *reload = arg;

	note_reload_line(&reload->next, line);
	log_message(LEVEL_WARNING, "reload", "%s", line);
}

/* Report keys that a running master cannot change. */
static void
warn_about_fixed_keys(struct reload *reload, const struct config *old)
{
	const struct config *new = reload->config;
	const struct {
		const char *key, *was, *is;
	} keys[] = {
	    {"service-user", old->service_user, new->service_user},
	    {"runtime-directory", old->runtime_directory, new->runtime_directory},
	    {"state-directory", old->state_directory, new->state_directory},
	};
	char place[CONFIG_PLACE_MAX];
	char text[CONFIG_PLACE_MAX + 128];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].was, keys[i].is) == 0)
			continue;
		config_place(new, "", keys[i].key, place);
		snprintf(text, sizeof(text), "%schanges with a restart only", place);
		report_reload_warning(reload, text);
	}
}

static const struct listener *
listener_with(const struct reload *reload, int fd)
{
	for (size_t i = 0; i < reload->listener_count; i++)
		if (reload->listeners[i].fd == fd)
			return &reload->listeners[i];
	return NULL;
}

/* Whoever waits at a listener that goes away, or that speaks something else from now on, comes in as before. */
static void
leave_old_listeners(struct reload *reload)
{
	for (size_t i = 0; i < reload->parts.listeners->count; i++) {
		const struct listener *old = &reload->parts.listeners->all[i];
		const struct listener *new = listener_with(reload, old->fd);

		if (new == NULL)
			listeners_leave(reload->parts.listeners, old);
		else if (new->is_tls != old->is_tls || new->is_proxied != old->is_proxied)
			(void)!listeners_accept(reload->parts.listeners, old);
	}
}

static void
take_over(struct reload *reload)
{
	struct config *old = reload->parts.server->config;

	listeners_unwatch(reload->parts.listeners);
	leave_old_listeners(reload);
	listeners_close_others(
	    reload->parts.listeners->all, reload->parts.listeners->count, reload->listeners, reload->listener_count);
	memcpy(reload->parts.listeners->all, reload->listeners, sizeof(reload->listeners));
	reload->parts.listeners->count = reload->listener_count;
	warn_about_fixed_keys(reload, old);
	capacity_check(reload->config->limits.sessions, report_reload_warning, reload);
	reload->parts.server->config = reload->config;
	if (log_targets_use(reload->parts.log, &reload->log_files) < 0)
		log_message(LEVEL_ERROR, "reload", "log targets cannot be handed to the logger");
	log_switches_set_level(reload->parts.log->switches, (enum log_level)reload->parts.server->config->log.level);
	listeners_watch(reload->parts.listeners);
	proxied_configure(reload->parts.proxied, listeners_have_proxied(reload->parts.listeners));
	accounts_reload_use(&reload->accounts);
	certificates_use(reload->parts.certificates, &reload->certificates);
	certificates_look_soon(reload->parts.certificates);
	resolver_configure(reload->parts.resolver);
	hook_worker_reload(reload->parts.hooks, old);
	broker_worker_reload(reload->parts.broker, old);
	metrics_server_reload(reload->parts.metrics, old);
	quota_top_configure(reload->parts.quota_top);
	keep_errand_look_soon(reload->parts.keep_errand);
	sessions_grant_soon(reload->parts.sessions);
	work_grant_soon(&reload->parts.sessions->work);
	config_free(old);
	reload->config = NULL;
}

/* Log files are opened again whatever else is wrong: somebody may be rotating them. */
static void
drop_reload(struct reload *reload)
{
	char error[CONFIG_PLACE_MAX + TRUST_TEXT_MAX];

	log_message(LEVEL_ERROR, "reload-refused", "%s", STAYS);
	listeners_close_others(
	    reload->listeners, reload->listener_count, reload->parts.listeners->all, reload->parts.listeners->count);
	log_targets_close(&reload->log_files);
	accounts_reload_drop(&reload->accounts);
	certificate_round_drop(&reload->certificates);
	config_free(reload->config);
	reload->config = NULL;
	if (log_targets_reopen(reload->parts.log, error, sizeof(error)) < 0)
		log_message(LEVEL_ERROR, "reload", "%s; the log in force stays", error);
}

static void begin_reload(struct reload *reload);

static void
finish_reload(struct reload *reload)
{

	if (reload->is_bad) {
		note_reload_line(&reload->next, STAYS);
		drop_reload(reload);
	} else {
		take_over(reload);
		note_reload_line(&reload->next, "configuration in force");
		log_message(LEVEL_INFO, "reload", "configuration in force");
	}
	former_servers_tell(&reload->parts.upgrade->formers, "reopen\n");
	reload->next.is_good = !reload->is_bad;
	reload->report = reload->next;
	if (reload->again)
		begin_reload(reload);
	else
		notify_ready();
	if (reload->config == NULL)
		upgrade_release(reload->parts.upgrade);
	control_socket_report(reload->parts.control);
	give_memory_back();
}

static bool
has_children(const struct reload *reload)
{
	return accounts_reload_runs(&reload->accounts) || reload->certificates.is_under_way;
}

static void
tell_accounts_complaint(void *arg, size_t book, const char *line)
{
	tell_complaint(arg, "accounts-refused", book, "", "accounts", line);
}

static void
reload_accounts_ended(void *arg)
{
	struct reload *reload = arg;

	if (!has_children(reload))
		finish_reload(reload);
}

static void
tell_certificate_complaint(void *arg, size_t server, const char *line)
{
	tell_complaint(arg, "certificate-refused", server, "tls", "certificate", line);
}

static void
reload_certificates_gone(void *arg)
{
	struct reload *reload = arg;

	if (!has_children(reload))
		finish_reload(reload);
}

/* The children do the rest. */
static void
start_children(struct reload *reload)
{
	/* a failure is told */
	(void)!accounts_reload_start(&reload->accounts, reload->parts.accounts, reload->config);
	certificate_round_start(&reload->certificates, reload->parts.server, reload->config, tell_certificate_complaint,
	    reload_certificates_gone, reload);
}

/* Everything that takes no time. */
static void
examine_config(struct reload *reload)
{
	char error[CONFIG_BROKER_ERROR_MAX];
	int count;

	if (config_load(reload->parts.server->config_path, tell_problem, reload, &reload->config) < 0) {
		reload->is_bad = true;
		return;
	}
	if (log_targets_open(reload->parts.log, reload->config, &reload->log_files, error, sizeof(error)) < 0)
		tell_problem(reload, error);
	if (config_check_hook(reload->config, error, sizeof(error)) < 0)
		tell_problem(reload, error);
	if (config_check_broker(reload->config, error, sizeof(error)) < 0)
		tell_problem(reload, error);
	count = listeners_open(reload->config, reload->parts.listeners->all, reload->parts.listeners->count,
	    reload->listeners, error, sizeof(error));
	if (count < 0)
		tell_problem(reload, error);
	else
		reload->listener_count = (size_t)count;
	start_children(reload);
}

void
reload_cancel(struct reload *reload)
{

	reload->again = false;
	if (reload->config == NULL)
		return;
	tell_problem(reload, "the server is stopping");
	finish_reload(reload);
}

static void
begin_reload(struct reload *reload)
{

	reload->again = false;
	reload->is_bad = false;
	reload->listener_count = 0;
	reload->next = (struct reload_report){.ticket = reload->report.ticket + 1};
	reload->accounts =
	    (struct accounts_reload){.tell = tell_accounts_complaint, .ended = reload_accounts_ended, .arg = reload};
	reload->certificates.config = NULL;
	reload->certificates.is_under_way = false;
	for (int kind = 0; kind < LOG_TARGET_COUNT; kind++)
		reload->log_files.fds[kind] = -1;
	upgrade_hold(reload->parts.upgrade);
	notify_reloading();
	examine_config(reload);
	if (!has_children(reload))
		finish_reload(reload);
}

uint64_t
reload_start(struct reload *reload)
{

	if (reload->config != NULL) {
		reload->again = true;
		return reload->next.ticket + 1;
	}
	if (upgrade_takes_reload(reload->parts.upgrade))
		return reload->report.ticket + 1;
	begin_reload(reload);
	return reload->next.ticket;
}

const struct reload_report *
reload_report(const struct reload *reload)
{
	return &reload->report;
}
