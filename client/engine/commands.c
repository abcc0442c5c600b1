/* SPDX-License-Identifier: ISC */
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
#include "client/engine/zone.h"
#include "common/text.h"

#include "common/banned.h"

/* Send the command that was put together, and expect 2yz. */
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
	doing(ftp, "cannot run 'SITE %s'", text);
	DO(ftp, "SITE %s", text);
}

enum ftp_class
ftp_quote(struct ftp *ftp, const char *text)
{
	doing(ftp, "cannot run '%s'", text);
	DO(ftp, "%s", text);
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
ftp_rename(struct ftp *ftp, const char *from, const char *to)
{
	enum ftp_class reason = FTP_OK;

	doing(ftp, "cannot rename '%s' to '%s'", from, to);
	/* before RNFR is sent: a refused RNTO would leave the server waiting */
	if (strpbrk(to, "\r\n") != NULL)
		return ftp_fail(ftp, FTP_USAGE, NULL, "a name with a line break cannot be sent over FTP");
	reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "RNFR %s", from);
	if (reason == FTP_OK && ftp->reply.code / 100 != 3)
		reason = fail_reply(ftp);
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "RNTO %s", to);
	return reason != FTP_OK ? reason : want_done(ftp);
}

/* --- times --- */

enum ftp_class
ftp_mtime(struct ftp *ftp, const char *path, int64_t *mtime)
{
	enum ftp_class reason;
	const char *text;

	doing(ftp, "cannot ask for the time of '%s'", path);
	*mtime = -1;
	reason = session_ready(ftp);
	if (reason != FTP_OK)
		return reason;
	if (ftp->has_no_mdtm)
		return ftp_fail(ftp, FTP_REFUSED, NULL, "the server has no command for it");
	reason = control_exchange(ftp, "MDTM %s", path);
	if (reason != FTP_OK)
		return reason;
	ftp->has_no_mdtm = is_unknown(ftp);
	text = reply_message(&ftp->reply);
	if (ftp->reply.code != 213)
		return fail_reply(ftp);
	if (answer_time(text, strcspn(text, " "), mtime) < 0)
		return ftp_fail(ftp, FTP_REFUSED, NULL, "the answer to MDTM has no time: '%s'", text);
	return FTP_OK;
}

/* The ways to set a time: MFMT (draft-somers-ftp-mfxx), MDTM with a time as older servers have it, and SITE UTIME. */
static enum ftp_class
set_mtime_by(struct ftp *ftp, int way, const char *text, const char *path)
{
	enum ftp_class reason;

	if (way == TIMES_MFMT)
		reason = control_exchange(ftp, "MFMT %s %s", text, path);
	else if (way == TIMES_MDTM)
		reason = control_exchange(ftp, "MDTM %s %s", text, path);
	else
		reason = control_exchange(ftp, "SITE UTIME %s %s %s %s UTC", path, text, text, text);
	return reason != FTP_OK ? reason : want_done(ftp);
}

static bool
has_way(struct ftp *ftp, int way)
{
	switch (way) {
	case TIMES_MFMT:
		return session_feature(ftp, "MFMT") != NULL;
	case TIMES_MDTM:
		return session_feature(ftp, "MDTM") != NULL;
	case TIMES_UTIME:
		return session_feature(ftp, "SITE UTIME") != NULL;
	default:
		return false;
	}
}

/* A server may take the time for a part of the name, or the command for a question. */
static enum ftp_class
try_way(struct ftp *ftp, int way, const char *text, const char *path, int64_t mtime)
{
	enum ftp_class reason = set_mtime_by(ftp, way, text, path);
	int64_t told;

	if (reason == FTP_OK && way != TIMES_MFMT && ftp_mtime(ftp, path, &told) == FTP_OK && told != mtime)
		reason = ftp_fail(ftp, FTP_REFUSED, NULL, "the server agrees, but keeps its own time");
	if (reason == FTP_OK)
		ftp->times = way;
	return reason;
}

static enum ftp_class
find_way(struct ftp *ftp, const char *text, const char *path, int64_t mtime)
{
	enum ftp_class reason = ftp_fail(ftp, FTP_REFUSED, NULL, "the server has no command for it");

	for (int way = TIMES_MFMT; way < TIMES_NONE && reason == FTP_REFUSED; way++)
		if (has_way(ftp, way))
			reason = try_way(ftp, way, text, path, mtime);
	/* a server may refuse MFMT for one file and accept it for others */
	if (reason == FTP_REFUSED && !has_way(ftp, TIMES_MFMT))
		ftp->times = TIMES_NONE;
	return reason;
}

enum ftp_class
ftp_set_mtime(struct ftp *ftp, const char *path, int64_t mtime)
{
	time_t time = (time_t)mtime;
	enum ftp_class reason;
	struct tm utc;
	char text[32];

	doing(ftp, "cannot set the time of '%s'", path);
	reason = session_ready(ftp);
	if (reason != FTP_OK)
		return reason;
	/* a refused time before 1970 proves nothing about other times: see find_way() */
	if (gmtime_r(&time, &utc) == NULL || utc.tm_year < (has_way(ftp, TIMES_MFMT) ? 1601 - 1900 : 70) ||
	    utc.tm_year > 8099)
		return ftp_fail(ftp, FTP_USAGE, NULL, "FTP cannot express this time");
	strftime(text, sizeof(text), "%Y%m%d%H%M%S", &utc);
	if (ftp->times == TIMES_NONE)
		return ftp_fail(ftp, FTP_REFUSED, NULL, "the server has no command for it");
	if (ftp->times == TIMES_UNKNOWN)
		return find_way(ftp, text, path, mtime);
	return set_mtime_by(ftp, ftp->times, text, path);
}

bool
ftp_keeps_times(struct ftp *ftp, const char *path, int64_t mtime)
{
	if (ftp->times == TIMES_UNKNOWN)
		(void)ftp_set_mtime(ftp, path, mtime);
	return ftp->times != TIMES_UNKNOWN && ftp->times != TIMES_NONE;
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
		    ftp_fail(ftp, FTP_REFUSED, NULL, "the answer to PWD has no path: '%s'", reply_message(&ftp->reply));
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
	/* connecting again needs to know where that is */
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
		return ftp_fail(
		    ftp, FTP_REFUSED, NULL, "the listing has a line of more than %d bytes", LISTING_LINE_MAX);
	if (r == -E2BIG)
		return ftp_fail(ftp, FTP_REFUSED, "list a smaller directory",
		    "the listing is too long (over %d entries, or %d MiB)", LISTING_ENTRIES_MAX,
		    LISTING_TEXT_MAX / (1024 * 1024));
	return fail_local(ftp, r, "listing");
}

/* Final replies of listings that differ from what they seem. */
static const struct {
	const char *words; /* lower case */
	bool is_cut; /* otherwise the server did not read the directory at all */
} listing_words[] = {
    {"truncated", true},
    {"failed to open directory", false},
};

static enum ftp_class
judge_final_reply(struct ftp *ftp, struct ftp_list *list)
{
	for (size_t i = 0; i < sizeof(listing_words) / sizeof(listing_words[0]); i++) {
		if (strcasestr(ftp->reply.text.data, listing_words[i].words) == NULL)
			continue;
		if (!listing_words[i].is_cut)
			return ftp_fail(ftp, FTP_REFUSED, NULL, "the server could not read it: '%d %s'",
			    ftp->reply.code, reply_message(&ftp->reply));
		list->doubts |= FTP_DOUBT_CUT;
	}
	return FTP_OK;
}

static enum ftp_class
judge_cut(struct ftp *ftp, struct ftp_list *list)
{
	if (!ftp->options->may_be_cut)
		return ftp_fail(ftp, FTP_NETWORK, "try again; for a server that always does this: --cut-listings",
		    "the data connection ended without TLS's close_notify: the listing may be cut off");
	list->doubts |= FTP_DOUBT_CUT;
	return FTP_OK;
}

static enum ftp_class
read_listing(struct ftp *ftp, struct data *data, struct listing *listing)
{
	char bytes[32768];
	enum ftp_class reason = FTP_OK;
	ssize_t n;
	int r = 0;

	while ((n = wire_read(&data->wire, bytes, sizeof(bytes))) > 0 && r == 0)
		r = listing_feed(listing, bytes, (size_t)n);
	if (n < 0)
		reason = fail_wire(ftp, &data->wire, (int)n, "data connection");
	else if (r < 0)
		reason = fail_listing(ftp, r);
	else if (data->wire.is_cut)
		reason = judge_cut(ftp, &listing->list);
	if (reason != FTP_OK)
		return data_break(ftp, data, reason);
	r = listing_end(listing);
	reason = data_end(ftp, data);
	if (reason == FTP_OK && r < 0)
		return fail_listing(ftp, r);
	return reason != FTP_OK ? reason : judge_final_reply(ftp, &listing->list);
}

/* Replies 450 and 550 that only mean an empty listing. */
static bool
is_empty_by_error(const struct ftp *ftp, enum ftp_class reason)
{
	static const char *const words[] = {
	    "no files", "no such file", "not found", "no members", "no data sets", "empty", "nothing to list"};

	if ((reason != FTP_REFUSED && reason != FTP_TEMPORARY) ||
	    (ftp->error.reply_code != 450 && ftp->error.reply_code != 550))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasestr(reply_message(&ftp->reply), words[i]) != NULL)
			return true;
	}
	return false;
}

/* listing is initialized here, and the caller's to free. argument NULL: none. */
static enum ftp_class
list_by(struct ftp *ftp, enum listing_style style, const char *argument, struct listing *listing)
{
	struct data data;
	enum ftp_class reason = data_begin(ftp, &data, style == LISTING_MLSD ? "MLSD" : "LIST", argument, 0);

	listing_init(listing, style, time(NULL));
	listing->charset = ftp->charset;
	if (reason == FTP_OK)
		reason = read_listing(ftp, &data, listing);
	return reason;
}

/* --- LIST: enter the directory first, because some servers split an argument of LIST at blanks --- */

static bool
has_nothing(const struct listing *listing)
{
	return listing->list.count == 0 && listing->list.refused == 0 && listing->list.unread_count == 0;
}

static bool
has_hidden(const struct listing *listing)
{
	for (size_t i = 0; i < listing->list.count; i++) {
		if (listing->list.entries[i].name[0] == '.')
			return true;
	}
	return listing->state.has_self;
}

static void
move_listing(struct listing *to, struct listing *from)
{
	listing_free(to);
	*to = *from;
	memset(from, 0, sizeof(*from));
}

/* True when LIST -a was of use. A server that takes "-a" for a name sends nothing, or a complaint. */
static bool
is_all_of_use(const struct ftp *ftp, const struct listing *all)
{
	return all->list.count > 0 || all->list.refused > 0 || all->state.has_proof ||
	    (ftp->has_list_all && has_nothing(all));
}

/* LIST in the server's present directory; where possible, with names that begin with a dot. */
static enum ftp_class
list_here(struct ftp *ftp, struct listing *listing)
{
	struct listing plain;
	enum ftp_class reason;

	if (!ftp->has_no_list_all) {
		reason = list_by(ftp, LISTING_LIST, "-a", listing);
		if (reason == FTP_OK && is_all_of_use(ftp, listing)) {
			ftp->has_list_all = ftp->has_list_all || has_hidden(listing);
			return FTP_OK;
		}
		if (reason != FTP_OK && reason != FTP_REFUSED && reason != FTP_TEMPORARY)
			return reason;
		if (ftp->control.fd < 0)
			return reason;
	} else {
		listing_init(listing, LISTING_LIST, time(NULL));
		listing->charset = ftp->charset;
	}
	reason = list_by(ftp, LISTING_LIST, NULL, &plain);
	if (is_empty_by_error(ftp, reason))
		reason = FTP_OK;
	if (reason == FTP_OK && !has_nothing(&plain) && !ftp->has_no_list_all) {
		trace(ftp, '*', "LIST -a does not work here; LIST from now on");
		ftp->has_no_list_all = true;
	}
	move_listing(listing, &plain);
	return reason;
}

/* Note whether names may exist that this listing does not show. */
static void
doubt_listing(struct ftp *ftp, struct listing *listing)
{
	ftp->shows_hidden = ftp->shows_hidden || has_hidden(listing);
	if (!ftp->shows_hidden && (listing->state.family == 0 || has_nothing(listing)))
		listing->list.doubts |= FTP_DOUBT_HIDDEN;
	if (has_nothing(listing) && !listing->state.has_proof)
		listing->list.doubts |= FTP_DOUBT_EMPTY;
}

/* Ask for the session's directory before leaving it, so that it can come back without a new login. */
static enum ftp_class
learn_directory(struct ftp *ftp)
{
	enum ftp_class reason = ftp->directory != NULL ? FTP_OK : ask_pwd(ftp);

	if (reason == FTP_OK && ftp->directory == NULL)
		ftp->directory = strdup(ftp->path);
	return ftp->control.fd >= 0 ? FTP_OK : reason;
}

/* Change the directory for a while. FTP_OK whatever the reply is. */
static enum ftp_class
try_enter(struct ftp *ftp, const char *path, bool *is_entered)
{
	enum ftp_class reason = learn_directory(ftp);

	*is_entered = false;
	if (reason == FTP_OK)
		reason = control_exchange(ftp, "CWD %s", path);
	if (reason == FTP_OK && ftp->reply.code / 100 == 2)
		*is_entered = ftp->is_astray = true;
	return reason;
}

static enum ftp_class
list_by_name(struct ftp *ftp, const char *path, struct listing *listing)
{
	enum ftp_class reason = FTP_OK;
	bool is_entered = true;

	if (path != NULL)
		reason = try_enter(ftp, path, &is_entered);
	if (reason == FTP_OK && !is_entered)
		reason = fail_reply(ftp);
	if (reason == FTP_OK)
		reason = list_here(ftp, listing);
	if (reason == FTP_OK)
		doubt_listing(ftp, listing);
	if (reason == FTP_OK)
		reason = zone_adjust(ftp, &listing->list);
	return reason;
}

/* --- either --- */

static enum ftp_class
list_once(struct ftp *ftp, const char *path, struct listing *listing)
{
	enum ftp_class reason = session_ready(ftp);

	if (reason == FTP_OK && !ftp->has_no_mlsd && session_feature(ftp, "MLST") != NULL) {
		reason = list_by(ftp, LISTING_MLSD, path, listing);
		if (reason != FTP_REFUSED || ftp->error.reply_code == 0 || !is_unknown(ftp))
			return reason;
		ftp->has_no_mlsd = true;
		reason = FTP_OK;
	}
	return reason != FTP_OK ? reason : list_by_name(ftp, path, listing);
}

static void
note_refused(struct ftp *ftp, size_t count)
{
	if (count > 0)
		ftp_note(ftp, "%zu name%s of the listing lead%s elsewhere (with '/' or empty), and %s left out", count,
		    count == 1 ? "" : "s", count == 1 ? "s" : "", count == 1 ? "was" : "were");
}

/* By LIST, whatever else the server has. */
static enum ftp_class
list_once_by_name(struct ftp *ftp, const char *path, struct listing *listing)
{
	enum ftp_class reason = session_ready(ftp);

	return reason != FTP_OK ? reason : list_by_name(ftp, path, listing);
}

/* Again after a lost connection. The listing is the caller's to free in any case. */
static enum ftp_class
list_with_retries(struct ftp *ftp, const char *path, struct listing *listing,
    enum ftp_class (*once)(struct ftp *ftp, const char *path, struct listing *listing))
{
	const char *shown = path == NULL || *path == '\0' ? "." : path;
	unsigned int tries = 0;
	enum ftp_class reason;

	memset(listing, 0, sizeof(*listing));
	do {
		doing(ftp, "cannot list '%s'", shown);
		listing_free(listing);
		memset(listing, 0, sizeof(*listing));
		reason = once(ftp, path == NULL || *path == '\0' ? NULL : path, listing);
	} while (reason != FTP_OK && (reason = session_retry(ftp, reason, &tries)) == FTP_OK);
	return reason;
}

enum ftp_class
ftp_list(struct ftp *ftp, const char *path, struct ftp_list *list)
{
	struct listing listing;
	enum ftp_class reason = list_with_retries(ftp, path, &listing, list_once);

	memset(list, 0, sizeof(*list));
	if (reason == FTP_OK) {
		note_refused(ftp, listing.list.refused);
		*list = listing.list;
		memset(&listing.list, 0, sizeof(listing.list));
	}
	listing_free(&listing);
	return reason;
}

static void
take_link(struct ftp_entry *entry, struct ftp_entry *link)
{
	free(entry->target);
	entry->kind = FTP_KIND_LINK;
	entry->target = link->target;
	link->target = NULL;
}

enum ftp_class
ftp_list_links(struct ftp *ftp, const char *path, struct ftp_list *list)
{
	struct listing listing;
	struct ftp_list *told = &listing.list;
	enum ftp_class reason;

	if (list->count == 0 || ftp->has_no_mlsd || session_feature(ftp, "MLST") == NULL)
		return FTP_OK;
	reason = list_with_retries(ftp, path, &listing, list_once_by_name);
	if (reason == FTP_OK && told->count > 0)
		qsort(told->entries, told->count, sizeof(*told->entries), ftp_entry_by_name);
	for (size_t i = 0; reason == FTP_OK && told->count > 0 && i < list->count; i++) {
		struct ftp_entry *entry = &list->entries[i],
				 *link = bsearch(
				     entry, told->entries, told->count, sizeof(*told->entries), ftp_entry_by_name);

		if (link != NULL && link->kind == FTP_KIND_LINK && link->target != NULL)
			take_link(entry, link);
	}
	listing_free(&listing);
	return reason;
}

bool
ftp_hides_dots(const struct ftp *ftp)
{
	return ftp->has_no_list_all && !ftp->shows_hidden;
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

/* Ask SIZE and MDTM about a name that cannot be entered. FTP_OK with *is_there false: they know no such name. */
static enum ftp_class
stat_file(struct ftp *ftp, const char *path, struct ftp_entry *entry, bool *is_there)
{
	enum ftp_class reason = control_exchange(ftp, "SIZE %s", path);
	uint64_t size;

	*is_there =
	    reason == FTP_OK && ftp->reply.code == 213 && parse_u64(reply_message(&ftp->reply), INT64_MAX, &size) == 0;
	if (!*is_there)
		return reason;
	entry->kind = FTP_KIND_FILE;
	entry->size = (int64_t)size;
	return ask_mtime(ftp, path, entry);
}

/* Find the entry of this name in the listing of its directory. */
static enum ftp_class
stat_by_listing(struct ftp *ftp, const char *path, struct ftp_entry *entry, bool *is_there)
{
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
	char *directory = slash == NULL ? NULL : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	struct listing listing = {.style = LISTING_LIST};
	enum ftp_class reason =
	    slash != NULL && directory == NULL ? fail_local(ftp, -ENOMEM, path) : session_ready(ftp);

	*is_there = false;
	if (reason == FTP_OK)
		reason = list_by_name(ftp, directory, &listing);
	for (size_t i = 0; reason == FTP_OK && i < listing.list.count && !*is_there; i++) {
		if (strcmp(listing.list.entries[i].name, name) != 0)
			continue;
		*entry = listing.list.entries[i];
		memset(&listing.list.entries[i], 0, sizeof(listing.list.entries[i]));
		*is_there = true;
	}
	listing_free(&listing);
	free(directory);
	return reason == FTP_REFUSED || reason == FTP_TEMPORARY ? FTP_OK : reason;
}

/*
 * Without MLST: a name that can be entered is a directory, even if it has a SIZE, as with ftp-srv. Any other name
 * that has a size is a file; for the rest, look into the listing of its directory.
 */
static enum ftp_class
stat_by_parts(struct ftp *ftp, const char *path, struct ftp_entry *entry)
{
	bool is_there = false, is_entered;
	struct ftp_error refused;
	enum ftp_class reason;

	entry_init(entry);
	reason = try_enter(ftp, path, &is_entered);
	if (reason != FTP_OK)
		return reason;
	if (is_entered) {
		entry->kind = FTP_KIND_DIRECTORY;
		return FTP_OK;
	}
	reason = fail_reply(ftp);
	refused = ftp->error;
	if (ftp->control.fd < 0)
		return reason;
	reason = stat_file(ftp, path, entry, &is_there);
	if (reason == FTP_OK && !is_there)
		reason = stat_by_listing(ftp, path, entry, &is_there);
	if (reason == FTP_OK && !is_there) {
		ftp->error = refused;
		return refused.class;
	}
	return reason;
}

static enum ftp_class
set_entry_name(struct ftp *ftp, struct ftp_entry *entry, const char *path)
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
	doing(ftp, "cannot examine '%s'", path);
	reason = session_ready(ftp);
	if (reason == FTP_OK && session_feature(ftp, "MLST") == NULL)
		ftp->has_no_mlst = true;
	if (reason == FTP_OK && !ftp->has_no_mlst)
		reason = session_mlst(ftp, path, entry);
	if (reason == FTP_OK && ftp->has_no_mlst)
		reason = stat_by_parts(ftp, path, entry);
	if (reason == FTP_OK)
		reason = set_entry_name(ftp, entry, path);
	if (reason != FTP_OK)
		ftp_entry_free(entry);
	return reason;
}

enum ftp_class
ftp_follow_link(struct ftp *ftp, const char *path, struct ftp_entry *entry)
{
	struct ftp_entry found;
	bool is_there = false;
	enum ftp_class reason;

	entry_init(&found);
	doing(ftp, "cannot examine '%s'", path);
	reason = session_ready(ftp);
	if (reason == FTP_OK)
		reason = try_enter(ftp, path, &is_there);
	if (reason == FTP_OK && is_there)
		found.kind = FTP_KIND_DIRECTORY;
	else if (reason == FTP_OK)
		reason = stat_file(ftp, path, &found, &is_there);
	if (reason == FTP_OK && !is_there)
		reason = fail_reply(ftp);
	if (reason != FTP_OK)
		return reason;
	found.name = entry->name;
	entry->name = NULL;
	ftp_entry_free(entry);
	*entry = found;
	return FTP_OK;
}

enum ftp_class
ftp_is_directory(struct ftp *ftp, const char *path, bool *is_directory)
{
	enum ftp_class reason;
	struct ftp_entry entry;

	*is_directory = false;
	doing(ftp, "cannot examine '%s'", path);
	reason = session_ready(ftp);
	if (reason == FTP_OK && session_feature(ftp, "MLST") == NULL)
		ftp->has_no_mlst = true;
	if (reason != FTP_OK || ftp->has_no_mlst)
		return reason != FTP_OK ? reason : try_enter(ftp, path, is_directory);
	reason = session_mlst(ftp, path, &entry);
	if (reason == FTP_OK && ftp->has_no_mlst)
		return try_enter(ftp, path, is_directory);
	*is_directory = reason == FTP_OK && entry.kind == FTP_KIND_DIRECTORY;
	ftp_entry_free(&entry);
	return reason == FTP_REFUSED || reason == FTP_TEMPORARY ? FTP_OK : reason;
}
