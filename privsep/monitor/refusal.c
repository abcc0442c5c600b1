/* SPDX-License-Identifier: ISC */
/* A login that failed: logged and counted at once, answered when its time has come. */
#include <errno.h>
#include <string.h>

#include "accounts/refusal_time.h"
#include "common/io.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/state.h"

#include "common/banned.h"

/* Nothing bans for store-refused, and the client is told nothing of it: the database is wrong, not he. */
static void
log_store_refused(const char *name, const char *reason)
{
	log_begin(LEVEL_ERROR, "store-refused");
	log_field_text("account", name);
	log_field_text("message", reason);
	log_end();
}

void
monitor_log_server(const struct monitor *monitor)
{
	if (monitor->login.server != 0)
		log_field_text("server", monitor->session->config->servers[monitor->login.server].name);
}

static void
log_login_failed(const struct monitor *monitor, const char *reason)
{
	log_begin(LEVEL_WARNING, "login-failed");
	log_field_text("name", monitor->login.name);
	monitor_log_server(monitor);
	log_field_text("reason", reason);
	log_end();
}

static enum login_result
result_of(int r)
{
	switch (r) {
	case -EACCES:
		return LOGIN_WRONG;
	case -EPERM:
		return LOGIN_REFUSED;
	case -EUSERS:
		return LOGIN_LIMIT;
	default:
		return LOGIN_ERROR;
	}
}

/*
 * The answer to protocol: the same for every reason except a limit, an internal failure (-ECANCELED), accounts that cannot be
 * looked up (-EHOSTDOWN), and one that this session is too old for (-ESTALE). The last try ends the session.
 */
static int
refusal_of(const struct monitor *monitor, int r)
{
	if (r == -ECANCELED || r == -EHOSTDOWN || r == -ESTALE)
		return r;
	if (monitor->failures >= monitor->session->config->limits.login_failures)
		return -ECONNABORTED; /* the master grants no more attempts than that */
	return r == -EUSERS ? r : -EACCES;
}

void
monitor_note_refusal(struct monitor *monitor, int r, const char *reason)
{
	if (r == -ESTALE)
		log_message(LEVEL_WARNING, "accept-failed", "login of %s: %s", monitor->login.name, reason);
	else if (r == -ECANCELED)	/* not the client's fault, so that nothing bans for it */
		log_message(LEVEL_ERROR, "accept-failed", "login of %s: %s", monitor->login.name, reason);
	else if (r == -EKEYREJECTED)
		log_store_refused(monitor->login.name, reason);
	else if (r != -EHOSTDOWN) /* store-down was logged once, for all */
		log_login_failed(monitor, reason);
	monitor->session->claims->work.logins[result_of(r)]++;
	monitor->failures++;
	monitor->login.refusal = refusal_of(monitor, r);
	if (monitor->login.refusal == -ECONNABORTED)
		monitor->end_reason = "login-failures";
	monitor->login.stage = LOGIN_ANSWERS_LATER;
	monitor->login.due_ms = refusal_due_ms(monitor->login.granted_ms, monitor->login.step_ms, monotonic_ms());
}

/*
 * PAM and the database may answer later than a refusal would be sent: the end of the session must not reveal that they
 * were asked.
 */
uint64_t
monitor_end_login(struct monitor *monitor)
{
	uint64_t now = monotonic_ms();

	if (monitor->login.stage == LOGIN_WAITS_PAM || monitor->login.stage == LOGIN_ASKS_PAM) {
		monitor_end_pam(monitor);
		explicit_bzero(monitor->login.password, sizeof(monitor->login.password));
		monitor_note_refusal(monitor, -EIO, "the session ended before PAM answered");
	} else if (monitor->login.stage == LOGIN_ASKS_STORE) {
		monitor_close_store(monitor);
		explicit_bzero(monitor->login.password, sizeof(monitor->login.password));
		monitor_note_refusal(monitor, -EIO, "the session ended before the database answered");
	}
	return monitor->login.stage == LOGIN_ANSWERS_LATER && monitor->login.due_ms > now ? monitor->login.due_ms : now;
}
