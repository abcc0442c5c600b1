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

struct pam_session {
	int monitor_channel;
	const char *service;	/* in /etc/pam.d */
	uid_t service_uid;	/* nobody may log in as this user */
};

/* Runs in the pam process, first: go behind the walls, or report the failed step to the monitor, and end. */
void pam_enter_walls(const struct pam_session *session, pid_t parent);

/* Runs in the pam process, forked from the monitor, root: answer "authenticate" until the monitor closes the channel. */
void pam_run(const struct pam_session *session) __attribute__((noreturn));

/*
 * Ask PAM whether user may log in with password: pam_authenticate(3), then pam_acct_mgmt(3), then the user's entry by
 * getpwnam(3). root, gid 0 and the service user never may, nor a user whose home is no absolute path. Opens no
 * session and sets no credentials.
 *
 * address  of the client, numeric: PAM_RHOST.
 *
 * In a build without PAM, the answer is PAM_FAILED.
 */
void pam_check(const struct pam_session *session, const char *user, const char *password, const char *address,
    struct pam_answer *answer);

#endif
