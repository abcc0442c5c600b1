/* SPDX-License-Identifier: ISC */
/*
 * The pam process: asks PAM about one password at a time, for the monitor that forked it.
 *
 * PAM loads modules that open files, connect, fork and may hang: none of that can happen behind the
 * monitor's filter. So this process is forked before that filter is there, with nothing but a channel
 * to its monitor, waits for a password that is to be checked, and is gone with the login.
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
	uint32_t uid, gid;	/* of the system user; these and home with PAM_YES alone */
	char name[ACCOUNT_NAME_MAX + 1];	/* as PAM has it in the end */
	char home[PATH_MAX];
	char reason[PAM_REASON_MAX + 1];	/* for the log, where the outcome is another */
};

struct pam_session {
	int monitor_channel;
	const char *service;	/* in /etc/pam.d */
	uid_t service_uid;	/* whose sessions nobody may have */
};

/* Runs in the pam process, first: get behind the walls, or tell the monitor which step failed, and end. */
void pam_enter_walls(const struct pam_session *session, pid_t parent);

/* Runs in the pam process, forked from the monitor, root: answer "authenticate" until the monitor closes the channel. */
void pam_run(const struct pam_session *session) __attribute__((noreturn));

/*
 * Ask PAM whether user may log in with password: pam_authenticate(3), then pam_acct_mgmt(3), then the user's
 * entry by getpwnam(3). root, gid 0 and the service user never may, and neither may a home that is no
 * absolute path. No session is opened, no credentials are set.
 *
 * address  of the client, numeric: PAM_RHOST.
 *
 * In a build without PAM, the answer is PAM_FAILED.
 */
void pam_check(const struct pam_session *session, const char *user, const char *password, const char *address,
    struct pam_answer *answer);

#endif
