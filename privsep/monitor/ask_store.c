/* SPDX-License-Identifier: ISC */
/*
 * The monitor's side of the database of accounts: one question to the broker, and what is believed of its answer. The
 * broker reads the network, so whatever it sends may be somebody else's word.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accounts/hash_kind.h"
#include "accounts/snapshot.h"
#include "common/io.h"
#include "privsep/monitor/state.h"
#include "privsep/monitor/folders.h"

#include "common/banned.h"

#define STORE_ANSWER_MS 3000 /* the broker answers sooner, whatever the database does */

static char refusal[256]; /* for the log */

/* No other process of the session inherits the accounts. */
static void
drop_snapshot(struct monitor *monitor)
{
	if (monitor->store.snapshot_fd > 0)
		close_fd(&monitor->store.snapshot_fd);
	monitor->store.snapshot_fd = 0;
}

void
monitor_close_store(struct monitor *monitor)
{
	drop_snapshot(monitor);
	if (monitor->store.channel > 0)
		close_fd(&monitor->store.channel);
	monitor->store.channel = 0;
}

int
monitor_ask_store(struct monitor *monitor)
{
	uint64_t due = monotonic_ms() + STORE_ANSWER_MS;
	int r;

	if (monitor->store.channel <= 0)
		return -EPIPE;
	ipc_begin(&monitor->message, IPC_find_account);
	ipc_put_text(&monitor->message, monitor->login.name);
	r = ipc_send_now(monitor->store.channel, &monitor->message, -1);
	if (r < 0)
		return r;
	monitor->login.stage = LOGIN_ASKS_STORE;
	monitor->login.due_ms = due < monitor->login_deadline_ms ? due : monitor->login_deadline_ms;
	return 0;
}

static const char *
name_refusal(const struct monitor *monitor, const struct account *account)
{
	return strcmp(account->name, monitor->login.name) == 0 ? NULL : "it is an account of another name";
}

static bool
is_id_in_range(const struct config *config, uint32_t id)
{
	return id >= config->uid_low && id <= config->uid_high;
}

static const char *
ids_refusal(const struct monitor *monitor, const struct account *account)
{
	const struct session *session = monitor->session;
	const struct config *config = session->config;

	if (account->uid == session->service_uid || account->uid == session->hook_uid ||
	    account->uid == session->broker_uid) {
		snprintf(refusal, sizeof(refusal), "its uid %u is that of a user of the server", account->uid);
		return refusal;
	}
	if (is_id_in_range(config, account->uid) && is_id_in_range(config, account->gid))
		return NULL;
	snprintf(refusal, sizeof(refusal), "its uid %u or its gid %u is outside of uid-range %u-%u", account->uid,
	    account->gid, config->uid_low, config->uid_high);
	return refusal;
}

/* Without "." and "..", which no account has: the text is enough. */
static const char *
home_place_refusal(const struct monitor *monitor, const struct account *account)
{
	const char *directory = monitor->session->config->home_directory;
	size_t len = strlen(directory);

	if (strncmp(account->home, directory, len) == 0 && account->home[len] == '/')
		return NULL;
	snprintf(refusal, sizeof(refusal), "its home is not below home-directory, '%.200s'", directory);
	return refusal;
}

/* A home that is a folder would have neither the folder's rights nor its quota; its gid is one that the database may name. */
static const char *
folder_place_refusal(const struct monitor *monitor, const struct account *account)
{
	int r = snapshot_home_meets_folder(monitor->store.snapshot_fd, account->home);

	if (r == 0)
		return NULL;
	return r > 0 ? "its home overlaps a shared folder of the users file"
		     : "the folders of the users file cannot be read";
}

static const char *
hash_refusal(const struct monitor *monitor, const struct account *account)
{
	bool is_bearable = true;

	(void)monitor;
	for (size_t i = 0; i <= account->password_count; i++)
		is_bearable = is_bearable && hash_kind_is_bearable(account_hash(account, i));
	return is_bearable
	    ? NULL
	    : "its password hash would take too long; set the password again with 'sallyportctl user passwd'";
}

/* The modules of a service run as root: the database chooses only among those that the configuration names. */
static const char *
pam_service_refusal(const struct monitor *monitor, const struct account *account)
{
	const char *service = account_pam_service(account);

	if (service == NULL || config_names_pam_service(monitor->session->config, service))
		return NULL;
	snprintf(refusal, sizeof(refusal), "it names the PAM service '%s', which is not in pam-services", service);
	return refusal;
}

/* Why an account of the database is not believed; NULL: it is. */
static const char *
account_disbelief(const struct monitor *monitor, const struct account *account)
{
	static const char *(*const rules[])(const struct monitor *monitor, const struct account *account) = {
	    name_refusal,
	    ids_refusal,
	    home_place_refusal,
	    folder_place_refusal,
	    hash_refusal,
	    pam_service_refusal,
	};
	const char *why = NULL;

	for (size_t i = 0; why == NULL && i < sizeof(rules) / sizeof(rules[0]); i++)
		why = rules[i](monitor, account);
	return why;
}

/* The account is filled as far as its line can be read. */
static const char *
take_account(struct monitor *monitor, const char *line, size_t len, struct account *account)
{
	const char *problem, *why;

	if (account_line_is_blank(line, len) || account_parse(line, len, account, &problem) < 0) {
		snprintf(refusal, sizeof(refusal), "its line cannot be used: %s",
		    account_line_is_blank(line, len) ? "it is empty" : problem);
		return refusal;
	}
	why = account_disbelief(monitor, account);
	if (why == NULL && snapshot_join_group(monitor->store.snapshot_fd, account) < 0)
		why = "its group of settings cannot be read";
	if (why == NULL)
		folders_find(monitor, monitor->store.snapshot_fd, account);
	return why;
}

/* An unknown name costs what a known one does. decoy: of the same name, from the users file. */
static void
take_decoy(const char *text, size_t len, struct account *account)
{
	char hash[ACCOUNT_HASH_MAX + 1];

	if (len == 0 || len > ACCOUNT_HASH_MAX)
		return;
	memcpy(hash, text, len);
	hash[len] = '\0';
	if (hash_kind_is_bearable(hash))
		memcpy(account->hash, hash, len + 1);
}

/* The reply in hand. A failed one, and one that breaks the table, say nothing about the name. */
static enum lookup
take_store_reply(struct monitor *monitor, struct account *account, const char **reason)
{
	uint8_t found, is_kept;
	const char *text, *why;
	size_t len;

	if (monitor->message.kind != IPC_find_account || !monitor->message.is_reply ||
	    ipc_get_result(&monitor->message) < 0)
		return LOOKUP_NOT_NOW;
	found = ipc_get_u8(&monitor->message);
	is_kept = ipc_get_u8(&monitor->message);
	(void)ipc_get_u64(&monitor->message);
	text = ipc_get_bytes(&monitor->message, BROKER_LINE_MAX, &len);
	if (!ipc_end(&monitor->message) || found >= FOUND_COUNT || is_kept > 1)
		return LOOKUP_NOT_NOW;
	if (found != FOUND_ACCOUNT) {
		take_decoy(text, len, account);
		return found == FOUND_NOBODY ? LOOKUP_NOBODY : LOOKUP_NOT_NOW;
	}
	account_wipe(account);
	why = take_account(monitor, text, len, account);
	if (!hash_kind_is_bearable(account->hash))
		explicit_bzero(account->hash, sizeof(account->hash));
	if (why != NULL) {
		*reason = why;
		return LOOKUP_REFUSED;
	}
	return is_kept != 0 ? LOOKUP_KEPT : LOOKUP_FOUND;
}

enum lookup
monitor_take_store_answer(struct monitor *monitor, struct account *account, const char **reason)
{
	enum lookup lookup = LOOKUP_NOT_NOW;
	int r = monitor->store.channel <= 0
	    ? -EPIPE
	    : ipc_receive_now(monitor->store.channel, IPC_MONITOR, IPC_STATE_LOGIN, &monitor->message);

	if (r == 0)
		lookup = take_store_reply(monitor, account, reason);
	else if (r == -EAGAIN)
		lookup = LOOKUP_UNANSWERED;
	ipc_wipe(&monitor->message);
	drop_snapshot(monitor);
	if (lookup != LOOKUP_FOUND && lookup != LOOKUP_KEPT)
		monitor_close_store(monitor);
	return lookup;
}
