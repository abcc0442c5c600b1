/* SPDX-License-Identifier: ISC */
/* Login: the password, the limits, the home; the fork of files; the end of root. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accounts/full_name.h"
#include "accounts/pam_services.h"
#include "accounts/rights.h"
#include "accounts/snapshot.h"
#include "common/io.h"
#include "common/title.h"
#include "common/written.h"
#include "config/servers.h"
#include "privsep/files/files.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/folders.h"
#include "privsep/monitor/login.h"
#include "privsep/monitor/state.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* The next message of the master, or the end of the session. */
static void
await_master(struct monitor *monitor, uint64_t deadline_ms)
{
	int channel = monitor->session->master_channel;

	if (io_wait(channel, POLLIN, deadline_ms) > 0 &&
	    ipc_receive_now(channel, IPC_MONITOR, IPC_STATE_LOGIN, &monitor->message) == 0)
		return;
	monitor->end_reason = "master-gone";
	monitor_end_session(monitor);
}

/* Ask the master to count this session for the account; waits for the master's answer. */
static enum ipc_admit_outcome
ask_master_admit(struct monitor *monitor, const struct account *account)
{
	uint64_t deadline = monotonic_ms() + MASTER_ANSWER_MS;
	uint32_t outcome;

	ipc_begin(&monitor->message, IPC_admit);
	ipc_put_u32(&monitor->message,
	    account->max_sessions | (account->takes_any && account->max_sessions != 0 ? ADMIT_OWN_LIMIT : 0));
	ipc_put_text(&monitor->message, account->name);
	monitor_send_master(monitor);
	for (;;) {
		await_master(monitor, deadline);
		if (monitor->message.kind == IPC_admit && monitor->message.is_reply)
			break;
		if (monitor->message.kind == IPC_end)
			monitor_take_end(monitor);
		else if (monitor->message.kind == IPC_notice)
			monitor_pass_notice(monitor);
	}
	if (ipc_get_result(&monitor->message) < 0)
		monitor_end_session(monitor);
	outcome = ipc_get_u32(&monitor->message);
	monitor->login.sessions = ipc_get_u32(&monitor->message);
	return outcome < ADMIT_OUTCOME_COUNT ? (enum ipc_admit_outcome)outcome : ADMIT_USER_LIMIT;
}

static void
tell_master_verdict(struct monitor *monitor, enum login_verdict verdict)
{
	ipc_begin(&monitor->message, IPC_verdict);
	ipc_put_u8(&monitor->message, (uint8_t)verdict);
	monitor_send_master(monitor);
}

/*
 * Fork the files process. Returns the end of its channel that protocol gets, or -errno.
 * home_fd stays the caller's.
 */
static int
fork_files(struct monitor *monitor, const struct account *account, int home_fd)
{
	struct session *session = monitor->session;
	int to_protocol[2] = {-1, -1}, to_monitor[2] = {-1, -1};
	struct files_folder folders[FILES_FOLDERS_MAX];
	int r;

	r = ipc_pair(to_protocol, 0);
	if (r == 0)
		r = ipc_pair(to_monitor, 0);
	if (r == 0 && (quota_is_somewhere(monitor) || monitor->brake.fd >= 0))
		r = ipc_bound_waits(to_monitor[1], LEDGER_ANSWER_S);
	if (r < 0)
		goto out;
	sandbox_withhold(1U << SANDBOX_LIBSSL | 1U << SANDBOX_LIBCRYPT | 1U << SANDBOX_LIBCAP_NG);
	monitor->files.pid = sandbox_fork();
	if (monitor->files.pid < 0) {
		r = -errno;
		monitor->files.pid = 0;
		goto out;
	}
	if (monitor->files.pid == 0) {
		explicit_bzero(monitor->login.password, sizeof(monitor->login.password));
		scoreboard_leave(session->claims);
		if (monitor->login.label != NULL)
			login_note_password(
			    session->config->state_directory, account->name, monitor->login.label, time(NULL));
		title_name("sallyport-files");
		title_set("files", account->name, session->peer_text);
		files_run(&(struct files_session){
		    .home_fd = home_fd,
		    .protocol_channel = to_protocol[1],
		    .monitor_channel = to_monitor[1],
		    .takes_turns = true,
		    .account_sessions = monitor->login.sessions,
		    .uid = account->uid,
		    .gid = account->gid,
		    .has_quota = quota_has_limits(monitor),
		    .has_some_quota = quota_is_somewhere(monitor),
		    .folder_count = folders_for_files(monitor, account, folders),
		    .folders = folders,
		    .quota_slot_fd = monitor->quota.book.slot_fd,
		    .sweeps = (account_rights_somewhere(account) & MAY_CHANGE) != 0 &&
			login_takes_sweep(session->config->state_directory, account->name, time(NULL)),
		    .is_read_only = account->is_read_only,
		    .rights = account_rights(account),
		    .zones = account->has_zones ? &account->zones : NULL,
		    .patterns = account->has_patterns ? &account->patterns : NULL,
		    .file_mode = account->file_mode,
		    .directory_mode = account->directory_mode,
		    .keep = account->keep,
		    .has_brake = monitor->brake.fd >= 0,
		    .config = session->config,
		});
	}
	monitor->files.channel = to_monitor[0];
	to_monitor[0] = -1;
	r = to_protocol[0];
	to_protocol[0] = -1;
out:
	close_fd(&to_protocol[0]);
	close_fd(&to_protocol[1]);
	close_fd(&to_monitor[0]);
	close_fd(&to_monitor[1]);
	return r;
}

/*
 * Root is no longer needed: enter the empty chroot, become the service user, load the narrow filter. If that fails,
 * files ends, too.
 */
static void
drop_root(struct monitor *monitor, int files_channel)
{
	struct session *session = monitor->session;

	if (monitor_leave_root(session, monitor->protocol.pid) < 0 ||
	    sandbox_step(SANDBOX_STEP_LIMITS, quota_limit_writes(monitor)) < 0) {
		close(files_channel);
		monitor_end_without_walls(monitor, true);
	}
	close_fd(&session->empty_directory_fd);
}

/* The server cannot go on: not 530, but 421 and the end of the session. */
static void
answer_by_end(struct monitor *monitor, enum ipc_end_reason reason)
{
	monitor_send_end(monitor, reason);
	ipc_begin_reply(&monitor->message, IPC_login, -ECANCELED);
	monitor_send_answer(monitor, NULL, 0);
}

/* Root is given up already: there is no second try in this session. */
static void
answer_too_many_in_flight(struct monitor *monitor)
{
	log_message(LEVEL_ERROR, "login-failed",
	    "too many descriptors in flight between the processes of all sessions; raise the limit of open files "
	    "(systemd: LimitNOFILE=)");
	answer_by_end(monitor, END_FAILURE);
	monitor->end_reason = "resources";
}

static void
log_login(const struct monitor *monitor, const struct account *account)
{
	bool changes = (account_rights_somewhere(account) & MAY_CHANGE) != 0;

	log_begin(LEVEL_INFO, "login");
	log_field_text("message",
	    monitor_is_braked(monitor) ? "read-only: the brake has fallen"
		: changes              ? "read-write"
				       : "read-only");
	monitor_log_server(monitor);
	if (monitor->login.mail[0] != '\0')
		log_field_text("mail", monitor->login.mail);
	if (monitor->login.label != NULL)
		log_field_text("password_label", monitor->login.label);
	log_end();
}

/* The session belongs to account from here on; answer protocol. */
static void
complete_login(struct monitor *monitor, const struct account *account, int files_channel, const char *home_note)
{
	int r;

	log_set_context(NULL, NULL, NULL, account->name);
	title_set("monitor", account->name, monitor->session->peer_text);
	monitor_end_pam(monitor);
	drop_root(monitor, files_channel);
	monitor->state = IPC_STATE_READY;
	if (monitor->session->config->on_upload[0] != '\0') {
		memcpy(monitor->account.user, account->name, sizeof(monitor->account.user));
		memcpy(monitor->account.home, account->home, strlen(account->home) + 1);
	}
	claim(monitor->session->claims, CLAIM_IDLE, monotonic_ms());
	monitor->session->claims->work.logins[LOGIN_OK]++;
	ipc_begin_reply(&monitor->message, IPC_login, 0);
	ipc_put_u64(&monitor->message, account->rate_down);
	ipc_put_u64(&monitor->message, account->rate_up);
	ipc_put_u8(&monitor->message, account->takes_any && account->tls == ACCOUNT_TLS_OPTIONAL);
	r = ipc_send_now(monitor->protocol.channel, &monitor->message, files_channel);
	if (r == -ETOOMANYREFS) {
		answer_too_many_in_flight(monitor);
		return;
	}
	if (home_note != NULL)
		log_message(
		    LEVEL_WARNING, "login", "nothing in the home '%s' can be changed: %s", account->home, home_note);
	else
		log_login(monitor, account);
	if (r < 0)
		monitor_end_session(monitor);
}

/* Does the database count what the account uses? */
static bool
shares_with_servers(const struct account *account, enum lookup lookup)
{
	return (lookup == LOOKUP_FOUND || lookup == LOOKUP_KEPT) && share_wants_account(account);
}

/* The master does not know accounts of the database, and counts their homes. */
static void
tell_master_home(struct monitor *monitor, const struct account *account)
{
	ipc_begin(&monitor->message, IPC_stored_home);
	ipc_put_u32(&monitor->message, account->uid);
	ipc_put_u32(&monitor->message, account->gid);
	ipc_put_text(&monitor->message, account->home);
	monitor_send_master(monitor);
}

/* The same with its folders that have a quota, from root: later it is only told a number. */
static void
tell_master_folders(struct monitor *monitor)
{
	for (size_t i = 0; monitor->folders != NULL && i < monitor->folders->count; i++) {
		if (monitor->folders->list[i].told == 0)
			continue;
		ipc_begin(&monitor->message, IPC_folder_used);
		ipc_put_text(&monitor->message, monitor->folders->list[i].folder.name);
		monitor_send_master(monitor);
	}
}

/* Before the master counts the session: it may be one too many for all servers. */
static int
begin_sharing(struct monitor *monitor, const struct account *account, const char **reason)
{
	int r = quota_open(monitor, account, true, reason);

	if (r < 0)
		return -ECANCELED;
	tell_master_home(monitor, account);
	r = share_begin(monitor, (account_rights_somewhere(account) & MAY_CHANGE) != 0);
	if (r == -EUSERS) {
		*reason = "max-sessions of the account reached, on all servers together";
		return r;
	}
	if (r == -EBUSY)
		*reason = "sessions that used a former share of the quota have not ended yet";
	else if (r < 0)
		*reason = reason_with_error("the share of the quota cannot be kept", r);
	return r < 0 ? -ECANCELED : 0;
}

/* Name and password are right: the rest that a session needs. Returns 0 or what login is answered with. */
static int
admit_account(struct monitor *monitor, const struct account *account, enum lookup lookup, const char **reason)
{
	bool is_shared = shares_with_servers(account, lookup);
	int home_fd = -1, files_channel = -1;
	int r = login_open_home(account, &home_fd, reason);

	if (r == 0)
		r = folders_open(monitor, account, reason);
	if (r == 0)
		tell_master_folders(monitor);
	if (r < 0)
		r = -EIO;
	else if (is_shared)
		r = begin_sharing(monitor, account, reason);
	if (r < 0) {
		tell_master_verdict(monitor, VERDICT_RIGHT);
		goto out;
	}
	switch (ask_master_admit(monitor, account)) {
	case ADMIT_YES:
		break;
	case ADMIT_ACCOUNT_LIMIT:
		*reason = "max-sessions of the account reached";
		r = -EUSERS;
		goto out;
	case ADMIT_OTHER_SERVER:
		*reason = "servers were configured anew after the session began; the client has to connect again";
		r = -ESTALE;
		goto out;
	case ADMIT_USER_LIMIT:
	case ADMIT_OUTCOME_COUNT:
		*reason = "limits.sessions-per-user reached";
		r = -EUSERS;
		goto out;
	}
	if (!is_shared)
		r = quota_open(monitor, account, lookup == LOOKUP_FOUND || lookup == LOOKUP_KEPT, reason);
	if (r == 0)
		r = monitor_open_brake(monitor, account, reason);
	if (r < 0) {
		r = -ECANCELED; /* the master counts a session of the account; only its end takes that back */
		goto out;
	}
	files_channel = fork_files(monitor, account, home_fd);
	if (files_channel < 0) {
		*reason = reason_with_error("files process cannot be forked", files_channel);
		r = -ECANCELED;
		goto out;
	}
	complete_login(monitor, account, files_channel, login_home_note(account, home_fd));
out:
	folders_close(monitor); /* before the list of them is gone, should the client try another account */
	if (r < 0) {
		share_leave(monitor);
		quota_close(monitor);
		brake_close(&monitor->brake);
	}
	if (r < 0 || !is_shared)
		monitor_close_store(monitor);
	close_fd(&home_fd);
	close_fd(&files_channel);
	return r;
}

static void
tell_refusal(struct monitor *monitor)
{
	int r = monitor->login.refusal;

	monitor->login.stage = LOGIN_NONE;
	monitor->login.due_ms = NEVER;
	if (r == -EHOSTDOWN) {
		answer_by_end(monitor, END_STORE_DOWN);
		return;
	}
	if (r == -ESTALE) {
		answer_by_end(monitor, END_ACCOUNTS_CHANGED);
		return;
	}
	if (r == -ECANCELED) {
		answer_by_end(monitor, END_FAILURE);
		monitor->end_reason = "resources";
		return;
	}
	if (r == -ECONNABORTED)
		monitor->kill_at_ms = monotonic_ms() + END_GRACE_MS; /* should protocol not leave by itself */
	ipc_begin_reply(&monitor->message, IPC_login, r);
	monitor_send_answer(monitor, NULL, 0);
}

/* The answer waits for its time. That of a limit, and of an internal failure, is no secret and does not wait. */
static void
refuse_login(struct monitor *monitor, int r, const char *reason)
{
	monitor_note_refusal(monitor, r, reason);
	if (r == -EUSERS || r == -ECANCELED || r == -ESTALE)
		tell_refusal(monitor);
}

static struct login_circumstances
circumstances(const struct monitor *monitor)
{
	const struct session *session = monitor->session;

	return (struct login_circumstances){
	    .peer = &session->peer,
	    .now = time(NULL),
	    .service_uid = session->service_uid,
	    .is_clear = monitor->login.is_clear,
	    .requires_tls = session->tls != NULL && servers_require_tls(session->config, monitor->login.server),
	};
}

/* The account that the login in hand is about. */
static struct account account BEGINS_A_PAGE;

/* By convention, a client without an account gives a mail address. What else it gives, such as a password, is not shown. */
static void
note_mail(struct monitor *monitor)
{
	const char *text = monitor->login.password;
	size_t len = strlen(text);
	bool has_at = len > 0 && strchr(text + 1, '@') != NULL;
	size_t i = 0;

	while (i < len && text[i] > ' ' && text[i] <= '~')
		i++;
	if (account.takes_any && has_at && len <= LOGIN_MAIL_MAX && i == len)
		memcpy(monitor->login.mail, text, len + 1);
}

static void
wipe_login(struct monitor *monitor)
{
	explicit_bzero(monitor->login.password, sizeof(monitor->login.password));
	explicit_bzero(account.hash, sizeof(account.hash));
	for (size_t i = 0; i < account.password_count; i++)
		explicit_bzero(account.passwords[i].hash, sizeof(account.passwords[i].hash));
}

/* Our own error is no failed attempt, and neither is what the database does not know or makes up. */
static enum login_verdict
verdict_of(int r, enum lookup lookup)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return VERDICT_WRONG;
	case -EHOSTDOWN:
		return lookup == LOOKUP_UNANSWERED ? VERDICT_UNANSWERED : VERDICT_UNKNOWN;
	case -EKEYREJECTED:
	case -ESTALE:
		return VERDICT_UNKNOWN;
	default:
		return VERDICT_RIGHT;
	}
}

/* The check is done, with the result r of login_check(), or what else is in the way. */
static void
finish_login(struct monitor *monitor, int r, enum lookup lookup, const char *reason)
{
	monitor->login.stage = LOGIN_NONE;
	monitor->login.due_ms = NEVER;
	monitor->login.mail[0] = '\0';
	if (r == 0)
		note_mail(monitor);
	monitor->login.service = NULL;
	wipe_login(monitor);
	/* do not reveal whether a locked account's password was right; a right one is reported by admit */
	if (r == 0)
		r = admit_account(monitor, &account, lookup, &reason);
	else
		tell_master_verdict(monitor, verdict_of(r, lookup));
	if (r < 0)
		monitor_close_store(monitor);
	if (r < 0)
		refuse_login(monitor, r, reason);
	account_wipe(&account);
}

static void
await_pam(struct monitor *monitor, const char *service, enum lookup lookup)
{
	monitor->login.service = service;
	monitor->login.lookup = lookup;
	monitor->login.stage = LOGIN_WAITS_PAM;
	monitor->login.due_ms = NEVER;
	ipc_begin(&monitor->message, IPC_attempt_pam);
	monitor_send_master(monitor);
}

/* The pam process of this session knows the services of its beginning, and asks no other. */
static bool
session_serves(const struct monitor *monitor, const char *service)
{
	const struct session *session = monitor->session;

	return config_names_pam_service(session->config, service) || pam_services_have(session->pam_services, service);
}

/* An account whose password PAM checks, unless it is one of its further ones. Hashes are computed. True: PAM will be asked. */
static bool
goes_to_service(struct monitor *monitor, enum lookup lookup)
{
	const char *service = account_pam_service(&account);

	if (service == NULL)
		return false;
	if (session_serves(monitor, service))
		await_pam(monitor, service, lookup);
	else
		finish_login(monitor, -ESTALE, lookup,
		    "the session began before the users file named the PAM service; the client has to connect again");
	return true;
}

/*
 * A database and PAM are for the main server. They cannot have what is the name of an account of another server, in full:
 * all that is kept of that one would be theirs.
 */
static bool
may_be_elsewhere(const struct monitor *monitor)
{
	const char *problem, *name = monitor->login.name;

	return monitor->login.book == 0 && account_name_valid(name, strlen(name), &problem) &&
	    full_name_server(monitor->session->config->books, name) == 0;
}

/* Why the account of a right password, checked by PAM, cannot be used; NULL: it can. */
static const char *
refusal_after_pam(const struct monitor *monitor, const struct login_circumstances *at)
{
	if (monitor->login.service != NULL)
		return login_account_refusal(&account, at);
	/* a module may have given the user another name than the client did */
	if (full_name_server(monitor->session->config->books, account.name) != 0)
		return "PAM has given the user a name that accounts of another server have in full";
	return login_identity_refusal(&account, at);
}

/* A name that no part before PAM has; its hash is computed. True: PAM will be asked. */
static bool
goes_to_pam(struct monitor *monitor)
{
	if (monitor->session->config->pam_service[0] == '\0' || !may_be_elsewhere(monitor))
		return false;
	account_wipe(&account);
	monitor_close_store(monitor);
	await_pam(monitor, NULL, LOOKUP_NOBODY);
	return true;
}

/*
 * A name of the main server that neither a database nor PAM is asked about, because accounts of another server have it in
 * full: it may be one of them that was there before the server was. NULL: it is not, or nobody is left out.
 */
static const char *
refusal_of_full_name(const struct monitor *monitor)
{
	const struct config *config = monitor->session->config;

	if (monitor->login.book != 0 || full_name_server(config->books, monitor->login.name) == 0 ||
	    (!config_has_store(config) && config->pam_service[0] == '\0'))
		return NULL;
	return "unknown user; accounts of another server have such a name in full, so the database and PAM are not asked: "
	       "an account there needs another name";
}

/* found: of the name in the users file and, if it was asked, in the database. */
static void
check_password(struct monitor *monitor, int found, enum lookup lookup)
{
	const struct login_circumstances at = circumstances(monitor);
	const char *reason = NULL;
	int r = login_check(found, monitor->login.password, &at, &account, &monitor->login.label, &reason);

	if (r == -EACCES && goes_to_service(monitor, lookup))
		return;
	if (r == -ENOENT && goes_to_pam(monitor))
		return;
	if (r == -ENOENT && refusal_of_full_name(monitor) != NULL)
		reason = refusal_of_full_name(monitor);
	r = r == -ENOENT ? -EACCES : r;
	/* the password may be a newer one than the answer is: nobody knows whether it is wrong */
	if (r < 0 && lookup == LOOKUP_KEPT)
		r = -EHOSTDOWN;
	finish_login(monitor, r, lookup, reason);
}

/*
 * A refusal by the users file alone would come sooner than others while the database is slow, and tell that the name is
 * there. So the database is asked about it as well, and its answer dropped. A right password does not wait.
 */
static void
check_password_of_file(struct monitor *monitor, int found)
{
	const struct login_circumstances at = circumstances(monitor);
	const char *reason = NULL;
	int r = login_check(found, monitor->login.password, &at, &account, &monitor->login.label, &reason);

	if (r == -EACCES && goes_to_service(monitor, LOOKUP_NOBODY))
		return;
	if (r == 0 || monitor_ask_store(monitor) < 0) {
		finish_login(monitor, r, LOOKUP_NOBODY, reason);
		return;
	}
	wipe_login(monitor);
	monitor->store.refusal = r;
	monitor->store.reason = reason;
}

static bool
may_be_in_store(const struct monitor *monitor)
{
	return config_has_store(monitor->session->config) && may_be_elsewhere(monitor);
}

static void
judge_store_answer(struct monitor *monitor, enum lookup lookup, const char *reason)
{
	monitor->session->claims->work.lookups[lookup]++;
	switch (lookup) {
	case LOOKUP_FOUND:
	case LOOKUP_KEPT:
		check_password(monitor, 0, lookup);
		return;
	case LOOKUP_NOBODY:
		check_password(monitor, -ENOENT, lookup);
		return;
	case LOOKUP_REFUSED:
	case LOOKUP_NOT_NOW:
	case LOOKUP_UNANSWERED:
	case LOOKUP_COUNT:
		break;
	}
	(void)!password_verify(monitor->login.password, account.hash); /* in the time of a known name */
	finish_login(monitor, lookup == LOOKUP_REFUSED ? -EKEYREJECTED : -EHOSTDOWN, lookup, reason);
}

void
monitor_store_answered(struct monitor *monitor)
{
	const char *reason = NULL;
	enum lookup lookup;

	if (monitor->store.refusal != 0) {
		finish_login(monitor, monitor->store.refusal, LOOKUP_NOBODY, monitor->store.reason);
		return;
	}
	lookup = monitor_take_store_answer(monitor, &account, &reason);
	judge_store_answer(monitor, lookup, reason);
}

/* A reload has removed the server. The client may find another one there. */
static void
end_without_server(struct monitor *monitor)
{
	monitor->login.stage = LOGIN_NONE;
	wipe_login(monitor);
	answer_by_end(monitor, END_SERVER_GONE);
}

/* The snapshot, and where there is a broker a channel to it. */
static bool
take_grant(struct monitor *monitor, int *snapshot_fd)
{
	int store_channel;
	int r;

	*snapshot_fd = ipc_take_fd(&monitor->message);
	store_channel = ipc_take_fd(&monitor->message);
	ipc_drop_fds(&monitor->message);
	monitor_close_store(monitor);
	if (store_channel >= 0)
		monitor->store.channel = store_channel;
	monitor->store.refusal = 0;
	r = ipc_get_result(&monitor->message);
	if (monitor->login.stage != LOGIN_WAITS || r < 0) {
		close_fd(snapshot_fd);
		monitor_close_store(monitor);
		if (monitor->login.stage == LOGIN_WAITS && r == -ESTALE)
			end_without_server(monitor);
		return false;
	}
	monitor->login.step_ms = ipc_get_u32(&monitor->message);
	monitor->login.granted_ms = monotonic_ms();
	return true;
}

/* "ftp" is the anonymous account as well, where it is nobody's own name. */
static int
look_up_login(int snapshot_fd, const char *name)
{
	int found = snapshot_lookup(snapshot_fd, name, &account);

	if (found != -ENOENT || strcmp(name, ACCOUNT_FTP) != 0)
		return found;
	account_wipe(&account);
	if (snapshot_lookup(snapshot_fd, ACCOUNT_ANONYMOUS, &account) == 0 && account.takes_any)
		return 0;
	account_wipe(&account);
	return snapshot_lookup(snapshot_fd, name, &account);
}

void
monitor_attempt_granted(struct monitor *monitor)
{
	int snapshot_fd, found;

	if (!take_grant(monitor, &snapshot_fd))
		return;
	monitor->folders = NULL; /* of an attempt before: a user of PAM has none */
	found = look_up_login(snapshot_fd, monitor->login.name);
	if (found == 0)
		folders_find(monitor, snapshot_fd, &account);
	if (found == -ENOENT && may_be_in_store(monitor))
		monitor->store.snapshot_fd = snapshot_fd; /* the database's accounts may have a group of it */
	else
		close_fd(&snapshot_fd);
	if (!may_be_in_store(monitor))
		check_password(monitor, found, LOOKUP_NOBODY);
	else if (found != -ENOENT)
		check_password_of_file(monitor, found);
	else if (monitor_ask_store(monitor) < 0)
		judge_store_answer(monitor, LOOKUP_NOT_NOW, NULL);
}

void
monitor_attempt_pam_granted(struct monitor *monitor)
{
	const char *reason = NULL;
	int r;

	if (monitor->login.stage != LOGIN_WAITS_PAM || ipc_get_result(&monitor->message) < 0)
		return;
	r = monitor_ask_pam(monitor, &reason);
	monitor->login.stage = LOGIN_ASKS_PAM;
	if (r < 0)
		finish_login(monitor, r, monitor->login.lookup, reason);
}

void
monitor_pam_answered(struct monitor *monitor)
{
	const struct login_circumstances at = circumstances(monitor);
	const char *reason = NULL;
	int r = monitor_take_pam_answer(monitor, &account, &reason);

	if (r == 0) {
		reason = refusal_after_pam(monitor, &at);
		r = reason == NULL ? 0 : -EPERM;
	}
	finish_login(monitor, r, monitor->login.lookup, reason);
}

void
monitor_login_due(struct monitor *monitor)
{
	if (monitor->login.stage == LOGIN_ANSWERS_LATER)
		tell_refusal(monitor);
	else if (monitor->login.stage == LOGIN_ASKS_STORE)
		monitor_store_answered(monitor);
	else
		monitor_pam_answered(monitor);
}

/* Protocol says what name the client gave. Which server that is, at the address that was dialled, is decided here. */
static void
choose_server_of_login(struct monitor *monitor, const char *name)
{
	const struct config *config = monitor->session->config;

	monitor->login.server = servers_choose(config, &monitor->session->dialled, name);
	monitor->login.book = config->server_count > 1 ? servers_book(config, monitor->login.server) : 0;
}

bool
monitor_answer_login(struct monitor *monitor)
{
	char server[IPC_SERVER_NAME_MAX + 1] = "";
	size_t len;
	const char *password;

	if (monitor->login.stage != LOGIN_NONE)
		return false;
	monitor->login.is_clear = ipc_get_u8(&monitor->message) != 0;
	ipc_get_text(&monitor->message, monitor->login.name, sizeof(monitor->login.name));
	password = ipc_get_bytes(&monitor->message, PASSWORD_MAX, &len);
	if (ipc_has_more(&monitor->message))
		ipc_get_text(&monitor->message, server, sizeof(server));
	if (!ipc_end(&monitor->message) || memchr(password, '\0', len) != NULL)
		return false;
	memcpy(monitor->login.password, password, len);
	monitor->login.password[len] = '\0';
	explicit_bzero(monitor->message.bytes, monitor->message.length);
	choose_server_of_login(monitor, server);
	monitor->login.stage = LOGIN_WAITS;
	ipc_begin(&monitor->message, IPC_attempt);
	/* by its name: the master may have read the configuration anew since this session began */
	if (monitor->login.server != 0)
		ipc_put_text(&monitor->message, monitor->session->config->servers[monitor->login.server].name);
	monitor_send_master(monitor);
	return true;
}
