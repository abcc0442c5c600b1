/* SPDX-License-Identifier: ISC */
/* Commands that ask the server: hash, verify, quota, site, status. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/command.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

/* "sha256", "SHA-256" and the like: the same letters and digits. */
static bool
is_same_name(const char *known, const char *text)
{
	for (;; known++, text++) {
		known += strspn(known, "-");
		text += strspn(text, "-_");
		if (tolower((unsigned char)*known) != tolower((unsigned char)*text))
			return false;
		if (*known == '\0')
			return true;
	}
}

static enum exit_status
check_algorithm(struct options *options)
{
	static const char *const known[] = {"SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32"};

	if (options->algorithm == NULL)
		return EXIT_DONE;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (is_same_name(known[i], options->algorithm)) {
			options->algorithm = known[i];
			return EXIT_DONE;
		}
	}
	return report_usage("the algorithm is '%s'; it must be SHA-256, SHA-512, SHA-1, MD5 or CRC32",
	    report_quote(options->algorithm));
}

static enum exit_status
hash_one(struct session *session, const struct options *options, const char *path)
{
	struct ftp_hash hash;

	if (ftp_hash(session->ftp, path, options->algorithm, 0, -1, &hash) != FTP_OK)
		return session_error(session);
	if (report_is_json())
		report_json(json_pack("{s:s, s:o, s:s, s:s}", "event", "hash", "remote", report_json_text(path),
		    "algorithm", hash.name, "hash", hash.hex));
	else
		report_line("%s  %s  %s", hash.name, hash.hex, report_quote(path));
	return EXIT_DONE;
}

enum exit_status
command_hash(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status = check_algorithm(options);
	struct matches matches = {NULL, 0};

	for (size_t i = 0; i < args->remote_count && status == EXIT_DONE; i++)
		status = remote_glob(session, args->remotes[i], &matches);
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++)
		status = exit_status_worse(status, hash_one(session, options, matches.items[i].path));
	matches_free(&matches);
	return status;
}

/* Compare by hash, but the sizes first: a difference there explains more. */
static enum exit_status
verify_open(struct session *session, const struct options *options, const char *remote, const char *local, int fd)
{
	struct ftp_hash there, here;
	struct ftp_entry entry;
	struct stat status;
	char what[1024], why[512];
	bool is_other_size = false;

	if (fstat(fd, &status) == 0 && ftp_stat(session->ftp, remote, &entry) == FTP_OK) {
		is_other_size = entry.size >= 0 && entry.size != status.st_size;
		snprintf(
		    why, sizeof(why), "%lld bytes there, %lld here", (long long)entry.size, (long long)status.st_size);
		ftp_entry_free(&entry);
	}
	snprintf(what, sizeof(what), "'%s' and '%s' differ", report_quote(remote), report_quote(local));
	if (is_other_size)
		return report_failure(FTP_VERIFY, what, why, "");
	if (ftp_hash(session->ftp, remote, options->algorithm, 0, -1, &there) != FTP_OK ||
	    ftp_hash_local(session->ftp, fd, there.name, 0, -1, &here) != FTP_OK)
		return session_error(session);
	if (strcmp(there.hex, here.hex) != 0) {
		snprintf(why, sizeof(why), "%s is %.16s... there, %.16s... here", there.name, there.hex, here.hex);
		return report_failure(FTP_VERIFY, what, why, "");
	}
	if (report_is_json())
		report_json(json_pack("{s:s, s:s, s:o, s:o, s:s, s:s}", "event", "done", "command", "verify", "remote",
		    report_json_text(remote), "local", report_json_text(local), "verified", there.name, "hash",
		    there.hex));
	else
		report_note("%s: the same, by %s", report_quote(local), there.name);
	return EXIT_DONE;
}

enum exit_status
command_verify(struct session *session, struct options *options, const struct args *args)
{
	const char *remote = args->remotes[0]->text;
	char *name = path_name(remote), *local = NULL;
	enum exit_status status = check_algorithm(options);
	struct stat there;
	char what[512];
	int fd = -1;

	if (name != NULL && args->local_count > 0 && stat(args->locals[0]->text, &there) == 0 && S_ISDIR(there.st_mode))
		local = path_join(args->locals[0]->text, name);
	else if (name != NULL)
		local = strdup(args->local_count > 0 ? args->locals[0]->text : name);
	if (local == NULL) {
		status = report_no_memory();
		goto out;
	}
	if (status != EXIT_DONE)
		goto out;
	fd = open(local, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		snprintf(what, sizeof(what), "cannot read '%s'", report_quote(local));
		status = report_failure(FTP_LOCAL, what, strerror(errno), "");
		goto out;
	}
	status = verify_open(session, options, remote, local, fd);
out:
	close_fd(&fd);
	free(local);
	free(name);
	return status;
}

/* --- answers of the server as they are --- */

/* Print the last reply without its codes, line by line. */
static void
print_reply(const struct session *session, const char *command)
{
	const char *text = ftp_last_reply(session->ftp);

	if (report_is_json()) {
		report_json(
		    json_pack("{s:s, s:s, s:o}", "event", "reply", "command", command, "text", report_json_text(text)));
		return;
	}
	while (*text != '\0') {
		size_t len = strcspn(text, "\n"), skip = 0;

		if (len >= 4 && strspn(text, "0123456789") >= 3 && (text[3] == ' ' || text[3] == '-'))
			skip = 4;
		report_line("%.*s", (int)(len - skip), text + skip);
		text += len + (text[len] == '\n');
	}
}

enum exit_status
command_quota(struct session *session, struct options *options, const struct args *args)
{
	(void)options;
	(void)args;
	if (ftp_quota(session->ftp) != FTP_OK)
		return session_error(session);
	print_reply(session, "quota");
	return EXIT_DONE;
}

enum exit_status
command_site(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status = EXIT_DONE;
	struct buf text;

	(void)options;
	buf_init(&text, 4096);
	for (size_t i = 0; i < args->text_count; i++)
		(void)buf_addf(&text, "%s%s", i > 0 ? " " : "", args->texts[i]->text);
	if (text.error < 0)
		status = report_usage("site: the text is too long");
	else if (ftp_site(session->ftp, text.data) != FTP_OK)
		status = session_error(session);
	else
		print_reply(session, "site");
	buf_free(&text);
	return status;
}

/* Verbs that have a data connection, or change what the client believes about the session: which command does it. */
static const struct {
	const char *verb, *instead;
} unquotable[] = {
    {"RETR", "get"},
    {"STOR", "put"},
    {"STOU", "put"},
    {"APPE", "put --append"},
    {"LIST", "ls"},
    {"NLST", "ls"},
    {"MLSD", "ls"},
    {"REST", "get --continue"},
    {"PORT", "--active"},
    {"EPRT", "--active"},
    {"PASV", "--pasv"},
    {"EPSV", "--epsv"},
    {"CWD", "cd"},
    {"XCWD", "cd"},
    {"CDUP", "cd .."},
    {"XCUP", "cd .."},
    {"USER", "user"},
    {"PASS", "user"},
    {"ACCT", "user"},
    {"REIN", "user"},
    {"HOST", "open"},
    {"AUTH", "an ftpes:// place"},
    {"PBSZ", "an ftpes:// place"},
    {"PROT", "an ftpes:// place"},
    {"CCC", "--no-tls"},
    {"TYPE", "get"},
    {"MODE", "get"},
    {"STRU", "get"},
    {"ABOR", "Ctrl-C"},
    {"QUIT", "close"},
};

enum exit_status
command_quote(struct session *session, struct options *options, const struct args *args)
{
	const char *verb = args->texts[0]->text;
	size_t len = strcspn(verb, " ");
	enum exit_status status = EXIT_DONE;
	struct buf text;

	(void)options;
	for (size_t i = 0; i < sizeof(unquotable) / sizeof(unquotable[0]); i++)
		if (strlen(unquotable[i].verb) == len && strncasecmp(unquotable[i].verb, verb, len) == 0)
			return report_usage("quote: %s changes what the client keeps track of; use %s",
			    unquotable[i].verb, unquotable[i].instead);
	buf_init(&text, 4096);
	for (size_t i = 0; i < args->text_count; i++)
		(void)buf_addf(&text, "%s%s", i > 0 ? " " : "", args->texts[i]->text);
	if (text.error < 0 || len == 0)
		status = report_usage(
		    len == 0 ? "quote: the text begins with a command of FTP" : "quote: the text is too long");
	else if (ftp_quote(session->ftp, text.data) != FTP_OK)
		status = session_error(session);
	else
		print_reply(session, "quote");
	buf_free(&text);
	return status;
}

enum exit_status
command_status(struct session *session, struct options *options, const struct args *args)
{
	const char *path = args->remote_count > 0 && args->remotes[0]->text[0] != '\0' ? args->remotes[0]->text : NULL;

	(void)options;
	if (ftp_status(session->ftp, path) != FTP_OK)
		return session_error(session);
	if (report_is_json()) {
		report_json(json_pack("{s:s, s:o, s:i, s:o, s:o, s:o}", "event", "status", "host",
		    report_json_text(session->url.host), "port", session->url.port, "user",
		    report_json_text(session->user), "tls", report_json_text(ftp_tls_text(session->ftp)), "text",
		    report_json_text(ftp_last_reply(session->ftp))));
		return EXIT_DONE;
	}
	if (path == NULL) {
		report_line("connected to %s, port %u, as %s", report_quote(session->url.host), session->url.port,
		    report_quote(session->user));
		report_line("%s%s", ftp_is_tls(session->ftp) ? "TLS: " : "no TLS: everything goes in clear",
		    ftp_tls_text(session->ftp));
	}
	print_reply(session, "status");
	return EXIT_DONE;
}
