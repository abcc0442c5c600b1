/* SPDX-License-Identifier: ISC */
/* May this account log in from here, now? */
#ifndef PRIVSEP_MONITOR_LOGIN_H
#define PRIVSEP_MONITOR_LOGIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "accounts/account.h"

/* The client's address, the time, and the ids that no account may have. */
struct login_circumstances {
	const union address *peer;
	int64_t now;	/* seconds since the epoch */
	uid_t service_uid;
	bool is_clear;	/* no TLS, as protocol says: only it has the connection */
	bool requires_tls;	/* tls.require */
};

/*
 * Judge a password, once it is known what there is of the name. Costs one password hash, whatever the outcome, and one
 * for each further password of an account that has not expired; none if the account takes any.
 *
 * found    0: account is the name's. -ENOENT: there is none, and account has the hash that is computed all the same (see
 *          snapshot_lookup()). Another -errno: nobody could look.
 * account  the caller wipes it.
 * label    on success, of an account with several passwords: whose it was; NULL otherwise. Borrowed from account.
 * reason   on failure: why, for the log; static text. The client gets the same reply for all.
 *
 * Returns 0; found, if that is an error; -EACCES for a wrong password; -EPERM when it is right, but the account is
 * locked, expired, not allowed from there, or not without TLS.
 */
int login_check(int found, const char *password, const struct login_circumstances *at, const struct account *account,
    const char **label, const char **reason);

/*
 * Note when a password of an account that has several was used last: the mtime of an empty file in
 * state_directory/passwords, at most once a minute.
 */
void login_note_password(const char *state_directory, const char *name, const char *label, time_t now);

/* Why the account may not log in, now and from there, although the password is right; NULL: it may. Static text. */
const char *login_account_refusal(const struct account *account, const struct login_circumstances *at);

/*
 * Why the server serves nobody with the account's uid and gid, wherever the account came from; NULL: they are good.
 * Static text.
 */
const char *login_identity_refusal(const struct account *account, const struct login_circumstances *at);

/*
 * Open the account's home: an existing directory that belongs to the account's uid.
 * fd_out (O_PATH) is the caller's. Returns 0 or -errno, with reason as above.
 */
int login_open_home(const struct account *account, int *fd_out, const char **reason);

/*
 * What prevents changes in an open home that the account may change, where the unit makes such places read-only; else
 * NULL. One system call for these places, none for others. Static text.
 */
const char *login_home_note(const struct account *account, int home_fd);

/*
 * Is it this login's turn to sweep old partial files out of the home? Once an hour for each account; the
 * answer counts as the sweep. Kept as the mtime of an empty file in state_directory/swept.
 */
bool login_takes_sweep(const char *state_directory, const char *name, time_t now);

/* "WHAT: ENAME (its text)" for error, -errno; static text, until the next call. */
const char *reason_with_error(const char *what, int error);

/* The same of a file of the server's own in directory/below, with what would be right where the disk is full or read-only. */
const char *reason_in_directory(const char *what, const char *directory, const char *below, int error);

#endif
