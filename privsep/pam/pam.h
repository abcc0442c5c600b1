/* SPDX-License-Identifier: ISC */
/*
 * The pam process: asks PAM about one password at a time, for the monitor that forked it.
 *
 * PAM loads modules that open files, connect, fork and may hang, which the monitor's filter forbids. So the monitor
 * forks this process before it loads that filter. The process has only a channel to its monitor, waits for a password
 * to check, and ends with the login.
 */
#ifndef PRIVSEP_PAM_PAM_H
#define PRIVSEP_PAM_PAM_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "accounts/account.h"

#define PAM_REASON_MAX 255	/* bytes, without NUL */

enum pam_outcome { PAM_YES, PAM_WRONG, PAM_REFUSED, PAM_FAILED, PAM_OUTCOME_COUNT };

struct pam_answer {
	enum pam_outcome outcome;
	uint32_t uid, gid;	/* of the system user; these and home only with PAM_YES */
	char name[ACCOUNT_NAME_MAX + 1];	/* as PAM has it in the end */
	char home[PATH_MAX];
	char reason[PAM_REASON_MAX + 1];	/* for the log, where the outcome is another */
};

struct config;
struct pam_services;

struct pam_session {
	int monitor_channel;
	const struct config *config;	/* names services in /etc/pam.d, and */
	const struct pam_services *services;	/* those of accounts; no other is asked */
	uid_t service_uid;	/* nobody may log in as this user */
};

/* Runs in the pam process, first: go behind the walls, or report the failed step to the monitor, and end. */
void pam_enter_walls(const struct pam_session *session, pid_t parent);

/* Runs in the pam process, forked from the monitor, root: answer "authenticate" until the monitor closes the channel. */
void pam_run(const struct pam_session *session) __attribute__((noreturn));

/* One question. Its texts come from the monitor, and those of the client from the client. */
struct pam_question {
	const char *service;	/* one of the session */
	bool is_of_account;	/* ids and home are known already: only the password is asked about */
	const char *user, *password;
	const char *address;	/* of the client, numeric: PAM_RHOST */
};

/*
 * Ask PAM whether user may log in with password: pam_authenticate(3), then pam_acct_mgmt(3), then the user's entry by
 * getpwnam(3). Of an account, PAM must have kept the name, and a system user of that name must not be root. root, gid 0 and the service user never may, nor a user whose home is no absolute path. Opens no
 * session and sets no credentials.
 *
 * In a build without PAM, the answer is PAM_FAILED.
 */
void pam_check(const struct pam_session *session, const struct pam_question *question, struct pam_answer *answer);

#endif
