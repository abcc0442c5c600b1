/* SPDX-License-Identifier: ISC */
/*
 * What the modules of the monitor share: the state of one session, its end, and the functions that answer other
 * processes. One grep for _answer_ lists them all.
 */
#ifndef PRIVSEP_MONITOR_STATE_H
#define PRIVSEP_MONITOR_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts/account.h"
#include "accounts/brake.h"
#include "accounts/ledger.h"
#include "accounts/ledger_share.h"
#include "accounts/password.h"
#include "common/budget.h"
#include "common/home_path.h"
#include "privsep/hooks/event.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/monitor/monitor.h"
#include "privsep/tls/sign.h"

#define LEDGER_ANSWER_S 20 /* the longest wait of files for an answer about its quota; more than the ledger's own */
#define MASTER_ANSWER_MS 10000 /* the longest wait for the master to count a session, which it does at once */
#define END_GRACE_MS 3000 /* from sending end to protocol until killing it */
#define NEVER UINT64_MAX
#define REASON_CLIENT "client" /* of an end: until another one is known */
#define REASON_FILES_GONE "files-gone"

/* Where the attempt to log in stands; protocol waits for its answer in every stage but the first. */
enum login_stage {
	LOGIN_NONE,
	LOGIN_WAITS, /* for the master's word to check the password */
	LOGIN_ASKS_STORE, /* the database of accounts was asked */
	LOGIN_WAITS_PAM, /* for the master's word to ask PAM */
	LOGIN_ASKS_PAM, /* PAM was asked */
	LOGIN_ANSWERS_LATER /* it is refused, and the answer waits for its time */
};

/* What the broker was asked about the share, and has not answered. */
enum share_question { ASKED_NOTHING, ASKED_CREDIT, ASKED_CLOSE, ASKED_COUNTED };

struct monitor;

/* A session process that the monitor started. */
struct child {
	const char *name;
	bool (*answer)(struct monitor *monitor); /* but for alarms. False: it must not send that */
	pid_t pid; /* 0: not started, or reaped */
	int channel; /* -1: closed */
	bool was_killed; /* by the monitor itself */
	bool gave_up; /* its walls could not be built, which is logged already */
	bool reported; /* said which call it was stopped at */
	uint32_t stopped_at;
};

/* The budgets of lines of the log. */
enum record_kind {
	RECORD_TRANSFER,
	RECORD_UPLOAD, /* one that the hooks process did not take */
	RECORD_NOTE, /* what protocol saw, and what failed because of it */
	RECORD_END, /* why protocol ends the session */
	RECORD_KIND_COUNT
};

#define LOGIN_MAIL_MAX 128

/* Small members come first: each page that a session writes to is copied. */
struct monitor {
	struct session *session;
	enum ipc_state state;
	struct child protocol, files, pam;
	struct {
		enum login_stage stage;
		uint64_t due_ms;	/* when the other side must have answered, or a refusal is; NEVER in other stages */
		uint64_t granted_ms;	/* the beginning and the step of the grid that refusals keep to; */
		uint32_t step_ms;	/* see accounts/refusal_time.h */
		int refusal;	/* what login is answered with */
		uint32_t sessions;	/* that the account has, with this one */
		bool is_clear;	/* without TLS */
		char mail[LOGIN_MAIL_MAX + 1];	/* password of an account that takes any, if it may be shown; else "" */
		const char *label;	/* of the password that was right, where the account has several; else NULL */
		const char *service; /* PAM checks the password by it; NULL: PAM alone knows the user */
		enum lookup lookup;	/* how that account was found */
		uint8_t server;	/* that it is for, of the configuration's */
		uint8_t book;	/* and the one whose users file that uses */
		char name[ACCOUNT_NAME_MAX + 1];
		char password[PASSWORD_MAX + 1];
	} login;
	struct {
		int channel; /* to the broker, while a password is checked, or a share is used; 0: none */
		int snapshot_fd; /* while the broker is asked, for groups of settings; 0: none */
		int refusal; /* decided by the users file, 0: nothing is; the question only takes its time */
		const char *reason; /* of that */
	} store;
	struct monitor_folders *folders;	/* of the account; NULL: it has none */
	unsigned failures;
	struct {
		bool told, ahead; /* a notice, listeners ahead */
	} unread; /* what protocol need not have read when it asks; see answer.c */
	struct {
		bool is_waiting; /* for a port of a full range */
		uint64_t deadline_ms;
		uint64_t told_ms; /* the master, that the range is full */
	} listen;
	struct {
		bool is_kept; /* in a small range, until the port is used */
		int fd; /* of the listener that was last announced */
		uint64_t due_ms; /* it is given up then */
	} announced;
	uint64_t login_deadline_ms;
	uint64_t kill_at_ms; /* NEVER, or when protocol is killed because it did not end */
	const char *end_reason; /* for the log */
	bool has_alarm;
	uint64_t bytes_down, bytes_up;
	struct budget sign_budget;
	struct {
		bool is_bound; /* where there are several servers: protocol has asked for a signature, */
		uint8_t server; /* of this one's key */
	} signer;
	bool is_slow_to_sign; /* protocol had to wait for a signature, which was reported */
	struct {
		struct ledger book; /* open where the account has a quota */
		struct ledger_limits limits;
		unsigned number; /* of the ledger that files asks about: 0: book; else that of a folder */
		uint64_t hard_limit; /* RLIMIT_FSIZE of protocol, as it was */
		uint64_t upload_end; /* offset up to which protocol may write; 0: no upload */
		bool is_uploading; /* to a tree with a limit of bytes, whichever ledger files asks about meanwhile */
		bool has_begun_upload; /* in the bracket that is open */
		uint64_t changing_since_ms; /* files changes the home; 0: it does not */
		uint64_t asked_ms; /* the master, for a count; 0: never */
		uint64_t upload_need; /* bytes that an upload lacked, which the next change asks for first; 0: none */
		uint64_t upload_need_ms; /* the last question that concerns it */
		bool is_upload_flexible;
		int refusal; /* what came of that, for the upload that begins anew until then; 0: there was room */
		uint64_t refusal_until_ms;
		struct {
			enum ipc_kind kind;
			uint64_t bytes, files;
			bool is_held;
		} question; /* of files, whose answer waits for the database */
	} quota;
	struct {
		bool is_joined; /* the account's quota or sessions are counted by the database */
		bool is_flexible; /* less than the need does as well */
		bool is_confirmed; /* over the quota was said a while ago, and is asked about once more */
		bool is_late; /* nobody waits for the answer that is under way */
		bool is_recalled; /* others need what is not used */
		bool is_leaving; /* files has ended */
		bool wants_end; /* of the session, for end_reason */
		enum ipc_end_reason end_reason;
		enum share_question asked;
		enum credit_outcome outcome; /* of the last credit */
		uint32_t nodes; /* on how many the account is open, as was said last */
		uint64_t due_ms; /* of the answer */
		uint64_t since_ms, refused_ms, pause_ms; /* the need began; was refused first, 0: not yet; is asked for
								   again, NEVER: not now */
		uint64_t tell_at_ms, recall_at_ms;
		uint64_t count_until_ms; /* a count is under way until then, at most; 0: none */
		int counting; /* what files reads meanwhile */
		void (*end_of_need)(struct monitor *monitor, int r); /* 0: the question that is held is asked again */
		struct ledger_need need;
		struct ledger_credit credit; /* the last question */
	} share;
	struct {
		unsigned told;
		bool is_asked; /* files waits until protocol is gone */
	} unguarded;
	struct {
		enum { WORK_NONE, WORK_ASKED, WORK_HELD } state; /* long work of files */
		unsigned withdrawn; /* questions to the master for whose answers nobody waits any more */
		uint64_t window_ms;
		unsigned asked; /* since then */
	} work;
	struct {
		int fd; /* -1: the account has no rates */
		uint64_t down, up; /* bytes per second; 0: no limit */
		uint64_t nodes_ms; /* when the database is asked again on how many servers the account is open */
	} rates;
	struct brake brake;
	struct {
		struct budget budgets[RECORD_KIND_COUNT];
		uint64_t transfers; /* that the data sockets made here can serve, and that were not logged yet */
		uint64_t left_out[RECORD_KIND_COUNT];
		uint64_t tell_at_ms; /* 0: none was left out since the last report */
	} records;
	struct ipc_message message; /* the one in hand */
	struct {
		char user[ACCOUNT_NAME_MAX + 1];
		char home[PATH_MAX];
	} account; /* whose session this is, after login; for hooks, else empty */
};

/* ending.c: the session ends now. */

/* End now: kill what is left, reap, log, exit. */
void monitor_end_session(struct monitor *monitor) __attribute__((noreturn));

/* End now, and do not wait for files: it does not keep to its times. It is killed as its parent is gone. */
void monitor_end_without_files(struct monitor *monitor) __attribute__((noreturn));

/* A sibling sent what the table does not allow: kill it, log, end. */
void monitor_end_for_violation(struct monitor *monitor, struct child *child, const char *what)
    __attribute__((noreturn));

/*
 * The current message says that the walls of child could not be built, which is the machine's fault: log it. The
 * process ends by itself. False: malformed, or sent before.
 */
bool monitor_take_no_walls(struct monitor *monitor, struct child *child);

/*
 * Reap a child that has closed its channel; past the deadline it is left to the master's reaper.
 * False: it did not end by itself, in order.
 */
bool monitor_reap_child(struct monitor *monitor, struct child *child, uint64_t deadline_ms);

/* Protocol was reaped: answer files, if it asked. */
void monitor_report_protocol_gone(struct monitor *monitor);

/* leaving.c: the session must end. */

/* Tell protocol to take leave of the client; keep_deadlines() kills it if it does not. */
void monitor_send_end(struct monitor *monitor, enum ipc_end_reason reason);

/* The monitor's own walls cannot be built: the client reads 421, the log why. is_login: protocol waits for its answer. */
void monitor_end_without_walls(struct monitor *monitor, bool is_login) __attribute__((noreturn));

/* The master sends end. */
void monitor_take_end(struct monitor *monitor);

/*
 * Without files nothing is left to serve: protocol takes leave of the client. Files ends in
 * order only because protocol's end of their channel is closed: protocol is on its way out, too.
 */
void monitor_files_gone(struct monitor *monitor);

/* refusal.c: logins that failed. */

/* Log and count the failed login in hand; r is what failed. login.due_ms is when it may be answered with login.refusal. */
void monitor_note_refusal(struct monitor *monitor, int r, const char *reason);

/* The server that the login is for, where that is not the main one. */
void monitor_log_server(const struct monitor *monitor);

/*
 * The session must end: stop asking PAM. Returns when the current attempt is answered. A refusal keeps to its time,
 * so that a client that makes the session end does not learn more from it. Now, where no attempt waits for an answer.
 */
uint64_t monitor_end_login(struct monitor *monitor);

/* answer.c: whatever goes to protocol or the master. The monitor never waits for either to read. */

/*
 * Send the answer in hand to protocol, with count descriptors, which stay the caller's. Ends the session when protocol
 * does not read its answers. Where the sessions of all clients together have too many descriptors in flight, the answer
 * is -EAGAIN instead.
 */
void monitor_send_answer(struct monitor *monitor, const int *fds, unsigned count);

/* Tell protocol what is in hand; lost where there is no room. */
void monitor_send_protocol(struct monitor *monitor);

/* Send what is in hand to the master, which reads all the time. No room means that it is gone: the session ends. */
void monitor_send_master(struct monitor *monitor);

/* The master has a notice for the client: to protocol with it. */
void monitor_pass_notice(struct monitor *monitor);

/* monitor.c */

/* Handle questions and reports of files, besides alarms. False: it must not send that, or it is gone. */
bool monitor_answer_files(struct monitor *monitor);

/* answer_login.c */

/* Protocol has a name and a password; the answer waits until the master says that they may be checked. */
bool monitor_answer_login(struct monitor *monitor);

/* runs as root: the master gives this session its turn to compute a hash, or to ask PAM */
void monitor_attempt_granted(struct monitor *monitor);
void monitor_attempt_pam_granted(struct monitor *monitor);

/* runs as root: the database, or PAM, has answered, or can answer no more */
void monitor_store_answered(struct monitor *monitor);
void monitor_pam_answered(struct monitor *monitor);

/* login.due_ms is over. */
void monitor_login_due(struct monitor *monitor);

/* ask_store.c: accounts of a database. */

/*
 * Ask about the current name, without waiting for the answer. Returns 0, with stage and due_ms of the login set; or
 * -errno: there is nobody to ask.
 */
int monitor_ask_store(struct monitor *monitor);

/*
 * Take the answer, or note that there is none; without an account the conversation ends. account has the hash for an unknown name, and
 * gets the account, or another such hash. reason: set for LOOKUP_REFUSED, static text.
 */
enum lookup monitor_take_store_answer(struct monitor *monitor, struct account *account, const char **reason);

/* The database is not asked any more in this attempt. */
void monitor_close_store(struct monitor *monitor);

/* ask_pam.c: users of the system. */

/* Fork the process that asks PAM; before the filter, since PAM needs what the monitor will not have. */
void monitor_fork_pam(struct monitor *monitor);

/*
 * Ask PAM about the current name and password, without waiting for the answer. Returns 0, with login.due_ms set to
 * when it must be there: 30 seconds, or the login deadline if that is sooner. Or -errno with reason.
 */
int monitor_ask_pam(struct monitor *monitor, const char **reason);

/*
 * Take the answer. account: filled on success, unless login.service asks about its password alone. Returns 0, -EACCES
 * wrong, -EPERM refused, another -errno; then with reason.
 */
int monitor_take_pam_answer(struct monitor *monitor, struct account *account, const char **reason);

/* That process is no longer needed; call this before root is given up. */
void monitor_end_pam(struct monitor *monitor);

/* answer_data.c */
bool monitor_answer_listen(struct monitor *monitor);
bool monitor_answer_listen_ahead(struct monitor *monitor);
bool monitor_answer_connect(struct monitor *monitor);

/*
 * Announced ports of small ranges. The monitor has the listener, too, so protocol cannot keep it too long. An
 * announcement ends with a transfer, with the next announcement, at its due time unless somebody has connected, or
 * when the master needs the port.
 */
void announced_leave(struct monitor *monitor);
void announced_is_due(struct monitor *monitor);
uint64_t announced_due_ms(const struct monitor *monitor);

/* A listen that waits for a port of a full range tries again. */
void monitor_retry_listen(struct monitor *monitor);

/* answer_sign.c: the key is here, and only a handshake's text is signed with it. */
bool monitor_answer_sign(struct monitor *monitor);

/* belongings.c: the keys that the session may need, each once: of the servers that its client may name. Returns how many. */
size_t monitor_list_keys(const struct session *session, int fds[CONFIG_SERVERS_MAX + 1]);

/* quota_change.c */

/*
 * When files must have ended the change of the home that it is in, at the latest: NEVER, or the monotonic time. Other
 * sessions of the account wait for it.
 */
uint64_t quota_change_due_ms(const struct monitor *monitor);

/* That time has come. True: somebody waits; the lock was given up and this was logged, and the session must end. */
bool quota_give_up_change(struct monitor *monitor);

/* answer_ledger.c: the quota is kept here, and what was granted is a limit of the kernel on protocol's writes. */
bool monitor_answer_ledger(struct monitor *monitor);
bool monitor_answer_ledger_of(struct monitor *monitor);

/*
 * runs as root: open the ledger and the rates of the account that logs in, as far as it has any. is_stored: the database
 * has the account.
 * 0, or -errno with reason set.
 */
int quota_open(struct monitor *monitor, const struct account *account, bool is_stored, const char **reason);

/* The login fails after all: nothing of the account is kept. */
void quota_close(struct monitor *monitor);

/* answer_events.c: what every event for hooks says; path is the client's. */
void monitor_begin_hook_event(
    const struct monitor *monitor, enum hook_kind kind, const struct home_path *path, struct hook_event *event);

/* answer_brake.c */

/* runs as root: open the account's brake, if it has one. 0, or -errno with reason. */
int monitor_open_brake(struct monitor *monitor, const struct account *account, const char **reason);

/* Has it fallen? Files asks, and reports with a path that one more file is about to go. */
bool monitor_answer_brake(struct monitor *monitor);

/* For the log of a login. */
bool monitor_is_braked(const struct monitor *monitor);

/*
 * From now on protocol writes only granted bytes to files. Runs as the service user, as which protocol runs, too
 * (root in a container may lack the right). 0 or -errno.
 */
int quota_limit_writes(struct monitor *monitor);

/* The ledger that files asks about, and its limits. */
struct ledger *quota_ledger(struct monitor *monitor);
const struct ledger_limits *quota_limits(const struct monitor *monitor);

/* Has any tree of the session, home or folder, a quota? */
bool quota_is_somewhere(const struct monitor *monitor);

/* Whether the account has a quota; the ledger may be there for its max-sessions alone. */
bool quota_has_limits(const struct monitor *monitor);

/* share.c: a quota, or max-sessions, that several servers have together. */

/*
 * runs as root: the account's session begins on all servers. may_grow: it may write. 0, also where nobody can be asked now;
 * -EUSERS: too many; -EBUSY: sessions of before have not ended yet; or -errno. Waits for three seconds at most.
 */
int share_begin(struct monitor *monitor, bool may_grow);

/* The session ends: from now on nothing waits for the database. */
void share_stop(struct monitor *monitor);

/* The session has ended, and files with it: the last word about the share. Waits for a moment. */
void share_leave(struct monitor *monitor);

/* Ask for room; share.end_of_need() follows, or has been called. is_flexible: for an upload that takes as much as there is. */
void share_need(struct monitor *monitor, const struct ledger_need *need, bool is_flexible);

/* May the question of files that is held wait longer for room? share.since_ms is when it came. */
bool share_has_time(struct monitor *monitor);

/* Is a home counted that the database asked for? False once there is a result. */
bool share_waits_for_count(struct monitor *monitor);

/* The session has changed its home, or settled an upload. is_less: less may be used now. */
void share_note_change(struct monitor *monitor, bool is_less);

/* The figures of the share are not to be believed: tell the database soon. */
void share_note_doubt(struct monitor *monitor);

/* The ledger says that the share is gone: all that use it end. */
void share_ends(struct monitor *monitor);

/* Must the session end for what has come of its share? True once. */
bool share_wants_end(struct monitor *monitor, enum ipc_end_reason *reason);

/* Does the session use one? */
bool share_is_used(const struct monitor *monitor);

/* Is something of an account of the database shared between servers: its quota, its sessions, its rates? */
bool share_wants_account(const struct account *account);

/* The channel of the broker, to be waited for; -1: none. */
int share_channel(const struct monitor *monitor);

/* The broker has said something, or is gone. */
void share_take_word(struct monitor *monitor);

/* Do what is due, and when something will be; NEVER: nothing. */
void share_keep_time(struct monitor *monitor);
uint64_t share_due_ms(const struct monitor *monitor);

/* answer_work.c: turns of long work. False: files asks out of order, or too often. */
bool monitor_answer_work_begin(struct monitor *monitor);
bool monitor_answer_work_end(struct monitor *monitor);

/* The master gives a turn. */
void monitor_turn_granted(struct monitor *monitor);

/* answer_pace.c */
bool monitor_answer_pace(struct monitor *monitor);

/* records.c: the budget of the log. */
/* Sockets for data were made, or could not be: as many transfers may be logged. */
void records_expect_transfers(struct monitor *monitor, unsigned transfers);

/*
 * May a record of this kind and level be logged now? False also when no target takes its level. Records beyond the
 * budget are counted, and reported by the event log-limited.
 */
bool records_take(struct monitor *monitor, enum record_kind kind, enum log_level level);

/* Log how many were left out since this was last logged, if any were. */
void records_tell_left_out(struct monitor *monitor);

/* The same when it is due. Returns when it will be, on the monotonic clock; NEVER: nothing was left out. */
uint64_t records_watch(struct monitor *monitor, uint64_t now);

/* answer_events.c: what only protocol sees, for the log. */
bool monitor_answer_transferred(struct monitor *monitor);
bool monitor_answer_noted(struct monitor *monitor);

/* Uploads on file systems without locks: what files saw of them. False: malformed, or too often. */
bool monitor_answer_unguarded(struct monitor *monitor);
bool monitor_answer_kept(struct monitor *monitor);

/* Files waits for the end of protocol. False: it asked before. */
bool monitor_answer_protocol_gone(struct monitor *monitor);

/* A finished upload, for the hooks process; only files knows that it is whole. False: malformed. */
bool monitor_answer_stored(struct monitor *monitor);

#endif
