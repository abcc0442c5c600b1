/* SPDX-License-Identifier: ISC */
#include "client/ui/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/keyring.h"
#include "client/ui/netrc.h"
#include "client/ui/own_command.h"
#include "client/ui/places.h"
#include "client/ui/report.h"
#include "client/ui/terminal.h"
#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define PASSWORD_VARIABLE "SALLYPORT_PASSWORD"
#define PROXY_PASSWORD_VARIABLE "SALLYPORT_PROXY_PASSWORD"

static int
keep_credential(char slot[CREDENTIAL_MAX], const char *text)
{
	size_t len = strlen(text);

	if (len >= CREDENTIAL_MAX || has_control(text, len))
		return -EINVAL;
	memcpy(slot, text, len + 1);
	return 0;
}

static enum exit_status
keep_password(struct credentials *credentials, const char *text, const char *where)
{
	char why[128];

	if (keep_credential(credentials->password, text) < 0) {
		snprintf(why, sizeof(why), "it is longer than %d bytes, or has a control character in it",
		    CREDENTIAL_MAX - 1);
		return report_failure(FTP_USAGE, where, why, "FTP sends it as one line");
	}
	credentials->has_password = true;
	return EXIT_DONE;
}

static enum exit_status
from_descriptor(struct credentials *credentials, int fd)
{
	char line[CREDENTIAL_MAX + 2] = "", what[64];
	enum exit_status status;
	int r = terminal_read_line(fd, line, sizeof(line));

	snprintf(what, sizeof(what), "cannot read the password from descriptor %d", fd);
	if (r < 0)
		status = report_failure(
		    FTP_USAGE, what, r == -ENODATA ? "it is at its end" : strerror(-r), "--password-fd 3 3<file");
	else
		status = keep_password(credentials, line, what);
	explicit_bzero(line, sizeof(line));
	return status;
}

/* The first line that the user's own command prints. It is told for whom in its environment. */
static enum exit_status
from_command(struct credentials *credentials, const char *host, const char *command)
{
	static const char what[] = "cannot get the password from password-command";
	char line[CREDENTIAL_MAX + 2] = "";
	enum exit_status status;
	int r = own_command_line(command, host, credentials->user, line, sizeof(line));

	if (r == -ECANCELED)
		status = report_failure(FTP_LOGIN, what, "the command failed", "run it in sh(1), to see why");
	else if (r < 0)
		status = report_failure(FTP_LOGIN, what, r == -ENODATA ? "it printed nothing" : strerror(-r),
		    "one line on standard output");
	else
		status = keep_password(credentials, line, what);
	explicit_bzero(line, sizeof(line));
	return status;
}

/* Where the keyring has none, or does not answer, the terminal is asked next. */
static enum exit_status
from_keyring(struct credentials *credentials, const char *host)
{
	char password[CREDENTIAL_MAX] = "", why[512] = "";
	enum exit_status status = EXIT_DONE;
	int r = keyring_look_up(host, credentials->user, password, sizeof(password), why, sizeof(why));

	if (r == 0)
		status = keep_password(credentials, password, "the password of the keyring cannot be used");
	else if (r != -ENOENT)
		report_warning("the keyring is not asked: %s", why);
	explicit_bzero(password, sizeof(password));
	return status;
}

static enum exit_status
from_netrc(struct credentials *credentials, const char *host, const char *user)
{
	enum exit_status status = EXIT_DONE;
	struct netrc_login login;
	struct buf path;
	size_t line = 0;
	int r;

	buf_init(&path, 4096);
	if (!places_netrc(&path))
		return EXIT_DONE;
	r = netrc_look_up(path.data, host, user, &login, &line);
	if (r == -EPERM)
		report_warning(
		    "%s is not used: it has passwords, and others may read it; chmod 600 it", report_quote(path.data));
	else if (r == -EINVAL)
		report_warning("%s is not used: line %zu makes no sense", report_quote(path.data), line);
	else if (r < 0 && r != -ENOENT)
		report_warning("%s is not used: %s", report_quote(path.data), strerror(-r));
	if (r == 0) {
		if (user == NULL && login.user != NULL && keep_credential(credentials->user, login.user) < 0)
			status = report_failure(
			    FTP_USAGE, "the login in ~/.netrc cannot be used", "it has a control character in it", "");
		if (status == EXIT_DONE && login.password != NULL && !credentials->has_password)
			status = keep_password(credentials, login.password, "the password in ~/.netrc cannot be used");
		if (status == EXIT_DONE && login.account != NULL &&
		    keep_credential(credentials->account, login.account) < 0)
			status = report_failure(FTP_USAGE, "the account in ~/.netrc cannot be used",
			    "it has a control character in it", "");
		netrc_login_free(&login);
	}
	buf_free(&path);
	return status;
}

enum exit_status
credentials_find(struct credentials *credentials, const char *host, const char *user, const struct options *options)
{
	const char *variable = getenv(PASSWORD_VARIABLE);
	enum exit_status status = EXIT_DONE;

	memset(credentials, 0, sizeof(*credentials));
	if (user != NULL && keep_credential(credentials->user, user) < 0)
		return report_usage("the user's name is too long, or has a control character in it");
	if (options->password_fd >= 0)
		status = from_descriptor(credentials, options->password_fd);
	else if (variable != NULL)
		status = keep_password(credentials, variable, "the password in $" PASSWORD_VARIABLE " cannot be used");
	else if (options->kept_password != NULL)
		status = keep_password(
		    credentials, options->kept_password, "the password of the configuration cannot be used");
	if (status == EXIT_DONE && (!credentials->has_password || user == NULL))
		status = from_netrc(credentials, host, user);
	if (status == EXIT_DONE && options->account != NULL &&
	    keep_credential(credentials->account, options->account) < 0)
		status = report_usage("--account is too long, or has a control character in it");
	if (status != EXIT_DONE)
		return status;
	if (credentials->user[0] == '\0')
		(void)keep_credential(credentials->user, "anonymous");
	credentials->is_anonymous =
	    strcmp(credentials->user, "anonymous") == 0 || strcmp(credentials->user, "ftp") == 0;
	if (credentials->is_anonymous && !credentials->has_password) {
		(void)keep_credential(credentials->password, "anonymous@");
		credentials->has_password = true;
	}
	if (!credentials->has_password && options->password_command != NULL)
		status = from_command(credentials, host, options->password_command);
	if (status == EXIT_DONE && !credentials->has_password && options->asks_keyring)
		status = from_keyring(credentials, host);
	return status;
}

/* ways: where else a password may come from, for the message that there is none. */
static enum exit_status
ask_for_password(struct credentials *credentials, const char *host, const char *ways)
{
	char line[CREDENTIAL_MAX + 2] = "";
	enum exit_status status;
	struct buf prompt;
	int r;

	if (credentials->has_password)
		return EXIT_DONE;
	buf_init(&prompt, 4096);
	(void)buf_addf(&prompt, "Password for %s on %s: ", report_quote(credentials->user), report_quote(host));
	r = terminal_ask(prompt.error < 0 ? "Password: " : prompt.data, true, line, sizeof(line));
	buf_free(&prompt);
	if (r == -ENOTTY)
		status = report_failure(FTP_LOGIN, "there is no password", "there is no terminal to ask for it", ways);
	else if (r == -EINTR)
		status = report_failure(FTP_ABORTED, "the login was stopped", "", "");
	else if (r < 0)
		status = report_failure(FTP_LOGIN, "cannot read the password", strerror(-r), "");
	else
		status = keep_password(credentials, line, "this password cannot be used");
	explicit_bzero(line, sizeof(line));
	return status;
}

enum exit_status
credentials_ask(struct credentials *credentials, const char *host)
{
	return ask_for_password(credentials, host, "an entry in ~/.netrc, --password-fd N, or $" PASSWORD_VARIABLE);
}

enum exit_status
credentials_for_proxy(struct credentials *credentials, const char *host, const char *user)
{
	const char *variable = getenv(PROXY_PASSWORD_VARIABLE);
	enum exit_status status = EXIT_DONE;

	memset(credentials, 0, sizeof(*credentials));
	if (keep_credential(credentials->user, user) < 0)
		return report_usage("the user's name at the proxy is too long, or has a control character in it");
	if (variable != NULL)
		status =
		    keep_password(credentials, variable, "the password in $" PROXY_PASSWORD_VARIABLE " cannot be used");
	else
		status = from_netrc(credentials, host, user);
	if (status != EXIT_DONE)
		return status;
	return ask_for_password(credentials, host,
	    "an entry of the proxy in ~/.netrc, $" PROXY_PASSWORD_VARIABLE
	    ", or the password in the URL of the variable");
}

void
credentials_free(struct credentials *credentials)
{
	explicit_bzero(credentials, sizeof(*credentials));
}
