/* SPDX-License-Identifier: ISC */
#include "common/text.h"
#include "privsep/monitor/login.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "accounts/password.h"
#include "accounts/rights.h"
#include "common/io.h"
#include "common/libc.h"
#include "trusted/advice.h"
#include "trusted/place.h"

#include "common/banned.h"

#define SWEEP_EVERY_S 3600
#define NOTE_EVERY_S 60

const char *
reason_with_error(const char *what, int error)
{
	static char text[128];
	const char *name = errno_name(-error);

	snprintf(text, sizeof(text), "%s: %s (%s)", what, name == NULL ? "?" : name, strerror(-error));
	return text;
}

const char *
reason_in_directory(const char *what, const char *directory, const char *below, int error)
{
	static char text[PATH_MAX + 256];
	const char *name = errno_name(-error);

	snprintf(text, sizeof(text), "%s in '%s/%s': %s (%s)%s", what, directory, below, name == NULL ? "?" : name,
	    strerror(-error),
	    error == -ENOSPC || error == -EDQUOT ? "; make room there"
		: error == -EROFS                ? "; mount it writable"
						 : "");
	return text;
}

const char *
login_identity_refusal(const struct account *account, const struct login_circumstances *at)
{
	if (account->uid == 0 || account->gid == 0)
		return "account has uid or gid 0";
	if (account->uid == at->service_uid)
		return "account has uid of service-user";
	return NULL;
}

/* A password that is one never crosses the network in clear where TLS is required. */
static bool
needs_tls(const struct account *account, const struct login_circumstances *at)
{
	bool is_optional = account->tls == ACCOUNT_TLS_OPTIONAL && account->takes_any;

	return at->is_clear && (account->tls == ACCOUNT_TLS_REQUIRED || (at->requires_tls && !is_optional));
}

const char *
login_account_refusal(const struct account *account, const struct login_circumstances *at)
{
	bool is_allowed = account->allow_from_count == 0;

	if (account->is_locked)
		return "account is locked";
	if (account->lacks_group)
		return "the users file does not define the group of the account";
	if (account->expires != 0 && at->now >= account->expires)
		return "account has expired";
	for (size_t i = 0; i < account->allow_from_count && !is_allowed; i++)
		is_allowed = address_in_block(at->peer, &account->allow_from[i]);
	if (!is_allowed)
		return "account may not log in from this address";
	return needs_tls(account, at) ? "account may log in over TLS only" : login_identity_refusal(account, at);
}

/* One of the further passwords; its label, or NULL. */
static const char *
further_password(const char *password, const struct login_circumstances *at, const struct account *account)
{
	for (size_t i = 0; i < account->password_count; i++) {
		const struct account_password *further = &account->passwords[i];

		if ((further->expires == 0 || at->now < further->expires) && password_verify(password, further->hash))
			return further->label;
	}
	return NULL;
}

int
login_check(int found, const char *password, const struct login_circumstances *at, const struct account *account,
    const char **label, const char **reason)
{
	/* compute a hash for an unknown name as well, of a kind that others have: the time reveals nothing */
	bool is_right = (found == 0 && account->takes_any) ||
	    password_verify(password, found == 0 || found == -ENOENT ? account->hash : NULL);

	*label = is_right && found == 0 && account->password_count > 0 ? ACCOUNT_MAIN_LABEL : NULL;
	if (!is_right && found == 0) {
		*label = further_password(password, at, account);
		is_right = *label != NULL;
	}
	if (found < 0) {
		*reason = found == -ENOENT ? "unknown user" : "accounts cannot be read";
		return found;
	}
	if (!is_right) {
		*reason = "wrong password";
		return -EACCES;
	}
	*reason = login_account_refusal(account, at);
	return *reason == NULL ? 0 : -EPERM;
}

static const char *
home_refusal(const struct trust_problem *problem)
{
	switch (problem->kind) {
	case TRUST_FOLDER:
	case TRUST_HOME:
		return "home belongs to another user";
	case TRUST_LINK:
		return "home is behind a link that is not root's";
	case TRUST_OWNER:
	case TRUST_WRITERS:
	case TRUST_FILE:
	case TRUST_PLANTED:
	case TRUST_SPECIAL:
		return "home is behind a directory that others control";
	case TRUST_SYSTEM:
		break;
	}
	return problem->error == -ENOENT ? "home does not exist" : "home cannot be opened";
}

/* Under systemd, another directory may be in the place of the one that the administrator sees. */
static const char *
missing_home(const char *home, const char *reason)
{
	static char text[512];
	bool is_hidden = false;
	const char *advice = advice_is_service() ? advice_for_home(home, &is_hidden) : NULL;

	if (advice == NULL || !is_hidden)
		return reason;
	snprintf(text, sizeof(text), "%s; %s", reason, advice);
	return text;
}

const char *
login_home_note(const struct account *account, int home_fd)
{
	const char *advice =
	    (account_rights_somewhere(account) & MAY_CHANGE) != 0 ? advice_for_home(account->home, NULL) : NULL;
	struct statfs fs;

	if (advice == NULL || fstatfs(home_fd, &fs) < 0 || (fs.f_flags & ST_RDONLY) == 0)
		return NULL;
	return advice_is_service() ? advice : "its file system is mounted read-only";
}

int
login_open_home(const struct account *account, int *fd_out, const char **reason)
{
	struct trust_problem problem;
	int fd = trusted_home_open(account->home, &(const struct trust){account->uid, account->gid}, &problem);

	if (fd < 0) {
		*reason = missing_home(account->home, home_refusal(&problem));
		return fd;
	}
	*fd_out = fd;
	return 0;
}

void
login_note_password(const char *state_directory, const char *name, const char *label, time_t now)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/passwords/%s:%s", state_directory, name, label);
	if (stat(path, &st) == 0 && st.st_mtime <= now && now - st.st_mtime < NOTE_EVERY_S)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	close_fd(&fd);
}

bool
login_takes_sweep(const char *state_directory, const char *name, time_t now)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	text_join(path, sizeof(path), state_directory, "/swept/", name, (char *)NULL);
	if (stat(path, &st) == 0 && st.st_mtime <= now && now - st.st_mtime < SWEEP_EVERY_S)
		return false;
	/* O_TRUNC sets the time, also of an empty file */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	close_fd(&fd);
	return true;
}
