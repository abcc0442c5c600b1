/* Commands of one reply, and listings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/engine/answer.h"
#include "client/engine/data.h"
#include "client/engine/listing.h"
#include "client/engine/session.h"
#include "common/text.h"

#include "common/banned.h"

/* Send what was put together and want 2yz. */
#define DO(ftp, ...) \
	enum ftp_class reason = session_ready(ftp); \
	if (reason == FTP_OK) \
		reason = control_exchange(ftp, __VA_ARGS__); \
	return reason != FTP_OK ? reason : want_done(ftp)

enum ftp_class
ftp_mkdir(struct ftp *ftp, const char *path)
{
	doing(ftp, "cannot make the directory '%s'", path);
	DO(ftp, "MKD %s", path);
}

enum ftp_class
ftp_rmdir(struct ftp *ftp, const char *path)
{
	doing(ftp, "cannot remove the directory '%s'", path);
	DO(ftp, "RMD %s", path);
}

enum ftp_class
ftp_delete(struct ftp *ftp, const char *path)
{
	doing(ftp, "cannot remove '%s'", path);
	DO(ftp, "DELE %s", path);
}

enum ftp_class
ftp_chmod(struct ftp *ftp, unsigned int mode, const char *path)
{
	doing(ftp, "cannot change the mode of '%s'", path);
	DO(ftp, "SITE CHMOD %03o %s", mode, path);
}

enum ftp_class
ftp_site(struct ftp *ftp, const char *text)
{
	doing(ftp, "cannot do 'SITE %s'", text);
	DO(ftp, "SITE %s", text);
}

enum ftp_class
ftp_quota(struct ftp *ftp)
{
	doing(ftp, "cannot ask for the quota");
	DO(ftp, "SITE QUOTA");
}

enum ftp_class
ftp_status(struct ftp *ftp, const char *path)
{
	doing(ftp, "cannot ask for the status");
	DO(ftp, path == NULL ? "STAT%s" : "STAT %s", path == NULL ? "" : path);
}

enum ftp_class
ftp_server_help(struct ftp *ftp, const char *verb)
{
	doing(ftp, "cannot ask for help");
	DO(ftp, verb == NULL ? "HELP%s" : "HELP %s", verb == NULL ? "" : verb);
}

/* Verbs that would change what the engine believes of the connection, or want a data connection. */
static bool
is_engines_own(const char *line)
{
	static const char *const verbs[] = {"RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD", "PORT", "EPRT",
	    "PASV", "EPSV", "AUTH", "PROT", "PBSZ", "CCC", "USER", "PASS", "REIN", "QUIT", "TYPE", "MODE", "STRU",
	    "CWD", "CDUP", "XCWD", "XCUP", "ABOR"};
	size_t len = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strlen(verbs[i]) == len && strncasecmp(line, verbs[i], len) == 0)
			return true;
	}
	return false;
}

enum ftp_class
ftp_quote(struct ftp *ftp, const char *line)
{
	enum ftp_class reason;

	doing(ftp, "cannot send '%s'", line);
	if (is_engines_own(line))
		return fail(
		    ftp, FTP_USAGE, "use the client's own command for it", "this verb is not for sending by hand");
	reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "%s", line);
	if (reason == FTP_OK && ftp->reply.code >= 400)
		reason = fail_reply(ftp);
	return reason;
}

enum ftp_class
ftp_rename(struct ftp *ftp, const char *from, const char *to)
{
	enum ftp_class reason = FTP_OK;

	doing(ftp, "cannot rename '%s' to '%s'", from, to);
	/* before RNFR is sent: a refused RNTO would leave the server waiting */
	if (strpbrk(to, "\r\n") != NULL)
		return fail(ftp, FTP_USAGE, NULL, "a name with a line break cannot be sent over FTP");
	reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "RNFR %s", from);
	if (reason == FTP_OK && ftp->reply.code / 100 != 3)
		reason = fail_reply(ftp);
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "RNTO %s", to);
	return reason != FTP_OK ? reason : want_done(ftp);
}

/* MFMT (draft-somers-ftp-mfxx); older servers take a time before the name of MDTM. */
enum ftp_class
ftp_set_mtime(struct ftp *ftp, const char *path, int64_t mtime)
{
	time_t time = (time_t)mtime;
	enum ftp_class reason;
	struct tm utc;
	char text[32];

	doing(ftp, "cannot set the time of '%s'", path);
	if (gmtime_r(&time, &utc) == NULL || utc.tm_year < 70 || utc.tm_year > 8099)
		return fail(ftp, FTP_USAGE, NULL, "FTP has no words for this time");
	strftime(text, sizeof(text), "%Y%m%d%H%M%S", &utc);
	reason = session_ready(ftp);
	if (reason != FTP_OK)
		return reason;
	if (session_feature(ftp, "MFMT") == NULL && session_feature(ftp, "MDTM") == NULL)
		return fail(ftp, FTP_REFUSED, NULL, "the server has no command for it");
	reason = control_exchange(ftp, "%s %s %s", session_feature(ftp, "MFMT") != NULL ? "MFMT" : "MDTM", text, path);
	return reason != FTP_OK ? reason : want_done(ftp);
}

/* --- directories --- */

static enum ftp_class
ask_pwd(struct ftp *ftp)
{
	enum ftp_class reason = control_exchange(ftp, "PWD");

	if (reason == FTP_OK)
		reason = want_done(ftp);
	if (reason == FTP_OK && answer_path(reply_message(&ftp->reply), ftp->path, sizeof(ftp->path)) < 0)
		reason =
		    fail(ftp, FTP_REFUSED, NULL, "the answer to PWD has no path: '%s'", reply_message(&ftp->reply));
	return reason;
}

enum ftp_class
ftp_pwd(struct ftp *ftp, const char **path)
{
	enum ftp_class reason;

	doing(ftp, "cannot ask for the working directory");
	reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = ask_pwd(ftp);
	*path = reason == FTP_OK ? ftp->path : NULL;
	return reason;
}

enum ftp_class
ftp_cwd(struct ftp *ftp, const char *path)
{
	enum ftp_class reason;
	char *directory;

	doing(ftp, "cannot change to '%s'", path);
	reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason =
		    strcmp(path, "..") == 0 ? control_exchange(ftp, "CDUP") : control_exchange(ftp, "CWD %s", path);
	if (reason == FTP_OK)
		reason = want_done(ftp);
	/* where that is counts for connecting again */
	if (reason == FTP_OK)
		reason = ask_pwd(ftp);
	if (reason != FTP_OK)
		return reason;
	directory = strdup(ftp->path);
	if (directory == NULL)
		return fail_local(ftp, -ENOMEM, path);
	free(ftp->directory);
	ftp->directory = directory;
	return FTP_OK;
}

/* --- listings --- */

static enum ftp_class
fail_listing(struct ftp *ftp, int r)
{
	if (r == -EMSGSIZE)
		return fail(ftp, FTP_REFUSED, NULL, "the listing has a line of more than %d bytes", LISTING_LINE_MAX);
	if (r == -E2BIG)
		return fail(ftp, FTP_REFUSED, "list a smaller directory",
		    "the listing is too long (over %d entries, or %d MiB)", LISTING_ENTRIES_MAX,
		    LISTING_TEXT_MAX / (1024 * 1024));
	return fail_local(ftp, r, "listing");
}

static enum ftp_class
read_listing(struct ftp *ftp, struct data *data, struct listing *listing)
{
	char bytes[32768];
	enum ftp_class reason;
	ssize_t n;
	int r = 0;

	while ((n = wire_read(&data->wire, bytes, sizeof(bytes))) > 0 && r == 0)
		r = listing_feed(listing, bytes, (size_t)n);
	if (n < 0)
		reason = fail_wire(ftp, &data->wire, (int)n, "data connection");
	else if (r < 0)
		reason = fail_listing(ftp, r);
	else if (data->wire.is_cut)
		reason = fail(ftp, FTP_NETWORK, "try again",
		    "the data connection ended without TLS's farewell: the listing may be "
		    "cut off");
	else
		reason = FTP_OK;
	if (reason != FTP_OK)
		return data_break(ftp, data, reason);
	r = listing_end(listing);
	reason = data_end(ftp, data);
	return reason == FTP_OK && r < 0 ? fail_listing(ftp, r) : reason;
}

/* Returns FTP_OK with *is_there false where the server does not know the verb. */
static enum ftp_class
list_by(struct ftp *ftp, enum listing_style style, const char *path, struct ftp_list *list, bool *is_there)
{
	struct listing listing;
	struct data data;
	enum ftp_class reason;

	*is_there = true;
	if (path != NULL && *path == '\0')
		path = NULL;
	reason = data_begin(ftp, &data, style == LISTING_MLSD ? "MLSD" : "LIST", path, 0);
	if (reason == FTP_REFUSED && ftp->error.reply_code > 0 && is_unknown(ftp) && style == LISTING_MLSD) {
		*is_there = false;
		return FTP_OK;
	}
	if (reason != FTP_OK)
		return reason;
	listing_init(&listing, style, time(NULL));
	reason = read_listing(ftp, &data, &listing);
	if (reason == FTP_OK) {
		*list = listing.list;
		memset(&listing.list, 0, sizeof(listing.list));
		if (list->refused > 0)
			note(ftp, "%zu names of the listing lead elsewhere (with '/' or empty), and were left out",
			    list->refused);
	}
	listing_free(&listing);
	return reason;
}

static enum ftp_class
list_once(struct ftp *ftp, const char *path, struct ftp_list *list)
{
	enum ftp_class reason = session_ready(ftp);
	char *plain = NULL;
	bool is_there = false;

	if (reason == FTP_OK && !ftp->has_no_mlsd && session_feature(ftp, "MLST") != NULL) {
		reason = list_by(ftp, LISTING_MLSD, path, list, &is_there);
		ftp->has_no_mlsd = reason == FTP_OK && !is_there;
	}
	if (reason != FTP_OK || is_there)
		return reason;
	/* servers take what begins with '-' for options of ls */
	if (path != NULL && *path == '-') {
		if (asprintf(&plain, "./%s", path) < 0)
			return fail_local(ftp, -ENOMEM, path);
		path = plain;
	}
	reason = list_by(ftp, LISTING_LIST, path, list, &is_there);
	free(plain);
	return reason;
}

enum ftp_class
ftp_list(struct ftp *ftp, const char *path, struct ftp_list *list)
{
	unsigned int tries = 0;
	enum ftp_class reason;

	memset(list, 0, sizeof(*list));
	do {
		doing(ftp, "cannot list '%s'", path == NULL || *path == '\0' ? "." : path);
		reason = list_once(ftp, path, list);
		if (reason == FTP_OK)
			return FTP_OK;
		reason = session_retry(ftp, reason, &tries);
	} while (reason == FTP_OK);
	return reason;
}

/* --- one name --- */

/* The line of MLST is the second of its reply, and begins with a blank (RFC 3659, 7.2). */
enum ftp_class
session_mlst(struct ftp *ftp, const char *path, struct ftp_entry *entry)
{
	enum ftp_class reason = control_exchange(ftp, "MLST %s", path);
	const char *line;
	int r;

	memset(entry, 0, sizeof(*entry));
	if (reason != FTP_OK)
		return reason;
	if (is_unknown(ftp)) {
		ftp->has_no_mlst = true;
		return FTP_OK;
	}
	if (ftp->reply.code / 100 != 2)
		return fail_reply(ftp);
	line = strchr(ftp->reply.text.data, '\n');
	line = line == NULL ? "" : line + 1 + strspn(line + 1, " ");
	r = mlsd_parse(line, strcspn(line, "\n"), true, entry);
	if (r == -ENOMEM)
		return fail_local(ftp, r, path);
	ftp->has_no_mlst = r == -EINVAL;
	/* "/" has no name of its own */
	if (r == -EPERM || r == 1) {
		memset(entry, 0, sizeof(*entry));
		entry->kind = FTP_KIND_DIRECTORY;
		entry->size = entry->mtime = entry->mode = -1;
	}
	return FTP_OK;
}

static enum ftp_class
ask_mtime(struct ftp *ftp, const char *path, struct ftp_entry *entry)
{
	enum ftp_class reason = control_exchange(ftp, "MDTM %s", path);
	const char *text;

	if (reason != FTP_OK || ftp->reply.code != 213)
		return reason;
	text = reply_message(&ftp->reply);
	entry->mtime_is_exact = answer_time(text, strcspn(text, " "), &entry->mtime) == 0;
	return FTP_OK;
}

/* Without MLST: what has a size is a file, what can be entered is a directory. */
static enum ftp_class
stat_by_size(struct ftp *ftp, const char *path, struct ftp_entry *entry)
{
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", path);
	uint64_t size;

	memset(entry, 0, sizeof(*entry));
	entry->size = entry->mtime = entry->mode = -1;
	if (reason != FTP_OK)
		return reason;
	if (ftp->reply.code == 213 && parse_u64(reply_message(&ftp->reply), INT64_MAX, &size) == 0) {
		entry->kind = FTP_KIND_FILE;
		entry->size = (int64_t)size;
		return ask_mtime(ftp, path, entry);
	}
	reason = control_exchange(ftp, "CWD %s", path);
	if (reason != FTP_OK)
		return reason;
	if (ftp->reply.code / 100 != 2)
		return fail_reply(ftp);
	entry->kind = FTP_KIND_DIRECTORY;
	if (ftp->directory != NULL)
		reason = control_exchange(ftp, "CWD %s", ftp->directory);
	else
		ftp_close(ftp); /* where the login led is not known by name: the next command leads there again */
	return reason;
}

static enum ftp_class
set_name(struct ftp *ftp, struct ftp_entry *entry, const char *path)
{
	size_t len = strlen(path), begin;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (begin = len; begin > 0 && path[begin - 1] != '/'; begin--)
		;
	free(entry->name);
	entry->name = len == begin ? strdup("/") : strndup(path + begin, len - begin);
	return entry->name == NULL ? fail_local(ftp, -ENOMEM, path) : FTP_OK;
}

enum ftp_class
ftp_stat(struct ftp *ftp, const char *path, struct ftp_entry *entry)
{
	enum ftp_class reason;

	memset(entry, 0, sizeof(*entry));
	doing(ftp, "cannot look at '%s'", path);
	reason = session_ready(ftp);
	if (reason == FTP_OK && session_feature(ftp, "MLST") == NULL)
		ftp->has_no_mlst = true;
	if (reason == FTP_OK && !ftp->has_no_mlst)
		reason = session_mlst(ftp, path, entry);
	if (reason == FTP_OK && ftp->has_no_mlst)
		reason = stat_by_size(ftp, path, entry);
	if (reason == FTP_OK)
		reason = set_name(ftp, entry, path);
	if (reason != FTP_OK)
		ftp_entry_free(entry);
	return reason;
}
