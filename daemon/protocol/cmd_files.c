/* SPDX-License-Identifier: ISC */
/* Commands that read and change the home. */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "common/utc.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/figures.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/variables.h"
#include "daemon/protocol/time_parse.h"
#include "daemon/protocol/transfer.h"

#include "common/banned.h"

#define FACTS_MAX 1024
#define FACT_MAX 64	/* bytes of one fact of MFF in the reply */

/* A path in quotes, quotes in it doubled (RFC 959, appendix II). */
static void
reply_quoted_path(struct protocol *protocol, int code, const struct home_path *path, const char *text)
{
	char quoted[2 * sizeof(path->text)];
	size_t n = 0;

	for (size_t i = 0; i < path->len; i++) {
		if (path->text[i] == '"')
			quoted[n++] = '"';
		quoted[n++] = path->text[i];
	}
	quoted[n] = '\0';
	reply(protocol, code, "\"%s\" %s", quoted, text);
}

void
cmd_pwd(struct protocol *protocol, const struct request *request)
{
	(void)request;
	reply_quoted_path(protocol, 257, &protocol->cwd, "is the current directory");
}

/* The directory's .message, as lines before the reply. */
static void
show_directory_message(struct protocol *protocol)
{
	char text[DIRECTORY_MESSAGE_MAX + 1];

	if (ask_files_directory_message(protocol, &protocol->cwd, text) == 0 && text[0] != '\0')
		reply_text_with_variables(protocol, 250, text);
}

static void
change_directory(struct protocol *protocol, const struct home_path *path)
{
	int r = ask_files_path(protocol, IPC_enter, path);

	if (r < 0) {
		reply_error(protocol, REPLY_PLACE, r, path->text);
		return;
	}
	memcpy(protocol->cwd.text, path->text, path->len + 1);
	protocol->cwd.len = path->len;
	if (protocol->config->directory_message)
		show_directory_message(protocol);
	reply(protocol, 250, "Directory changed to %s", path->text);
}

/*
 * "~" and "~/x" of shells lead home, which is "/" here. A directory that is called "~" comes first: a client that
 * removes the tree it is in must not end up in the home.
 */
static bool
resolve_tilde(struct protocol *protocol, const char *client_path, struct home_path *path)
{
	static const struct home_path home = {.len = 1, .text = "/"};
	const char *below = client_path + 1;
	struct home_path tilde;

	if (client_path[0] != '~' || (below[0] != '\0' && below[0] != '/'))
		return false;
	if (home_path_resolve(&protocol->cwd, "~", 1, &tilde) < 0 ||
	    ask_files_path(protocol, IPC_enter, &tilde) != -ENOENT)
		return false;
	if (below[0] == '\0')
		below = "/";
	return home_path_resolve(&home, below, strlen(below), path) == 0;
}

void
cmd_cwd(struct protocol *protocol, const struct request *request)
{
	struct home_path path;

	if (resolve_tilde(protocol, request->argument, &path))
		change_directory(protocol, &path);
	else
		change_directory(protocol, request->path);
}

void
cmd_cdup(struct protocol *protocol, const struct request *request)
{
	struct home_path parent;

	(void)request;
	if (home_path_resolve(&protocol->cwd, "..", 2, &parent) == 0)
		change_directory(protocol, &parent);
}

void
cmd_mkd(struct protocol *protocol, const struct request *request)
{
	int r = ask_files_path(protocol, IPC_make_directory, request->path);

	if (r < 0)
		reply_error(protocol, REPLY_PLACE, r, request->path->text);
	else
		reply_quoted_path(protocol, 257, request->path, "created");
}

static void
change_path(struct protocol *protocol, enum ipc_kind kind, const struct home_path *path, enum reply_class class,
    const char *done)
{
	int r = ask_files_path(protocol, kind, path);

	if (r < 0)
		reply_error(protocol, class, r, path->text);
	else
		reply(protocol, 250, "%s %s", path->text, done);
}

void
cmd_rmd(struct protocol *protocol, const struct request *request)
{
	change_path(protocol, IPC_remove_directory, request->path, REPLY_PLACE, "removed");
}

void
cmd_dele(struct protocol *protocol, const struct request *request)
{
	change_path(protocol, IPC_remove_file, request->path, REPLY_FILE, "removed");
}

void
cmd_rnfr(struct protocol *protocol, const struct request *request)
{
	const struct home_path *path = request->path;
	char facts[FACTS_MAX + 1];
	int r = ask_files_facts(protocol, path, facts, sizeof(facts));

	protocol->has_rename_from = false;
	if (r < 0) {	/* a link that leads nowhere has facts, and can be renamed */
		reply_error(protocol, REPLY_FILE, r, path->text);
		return;
	}
	memcpy(protocol->rename_from.text, path->text, path->len + 1);
	protocol->rename_from.len = path->len;
	protocol->has_rename_from = true;
	reply(protocol, 350, "Send RNTO with the new name");
}

void
cmd_rnto(struct protocol *protocol, const struct request *request)
{
	int r;

	if (!protocol->has_rename_from) {
		reply(protocol, 503, "RNFR first");
		return;
	}
	r = ask_files_rename(protocol, &protocol->rename_from, request->path);
	protocol->has_rename_from = false;
	if (r < 0)
		reply_error(protocol, REPLY_CREATE, r, request->path->text);
	else
		reply(protocol, 250, "Renamed to %s", request->path->text);
}

static bool
stat_plain(struct protocol *protocol, const struct home_path *path, struct file_info *info)
{
	int r = ask_files_stat(protocol, path, info);

	if (r == 0 && info->kind != FILE_REGULAR)
		r = -ENOTSUP;
	if (r < 0)
		reply_error(protocol, REPLY_PLACE, r, path->text);
	return r == 0;
}

void
cmd_size(struct protocol *protocol, const struct request *request)
{
	struct file_info info;
	uint64_t size;
	int r;

	if (!stat_plain(protocol, request->path, &info))
		return;
	size = info.size;
	if (protocol->is_ascii) {
		r = ask_files_size_ascii(protocol, request->path, &size);
		if (r < 0) {
			reply_error(protocol, REPLY_PLACE, r, request->path->text);
			return;
		}
	}
	protocol->told_size = size;
	reply(protocol, 213, "%llu", (unsigned long long)size);
}

/* Set a time that the client gave in front of a path: MFMT, and MDTM as many clients use it. */
static void
set_time(struct protocol *protocol, const char *stamp, const char *client_path, const char *fact)
{
	struct home_path path;
	char text[UTC_STAMP_SIZE];
	int64_t seconds, kept;
	int r = time_parse(stamp, strcspn(stamp, " ;"), &seconds);

	if (r == 0)
		r = home_path_resolve(&protocol->cwd, client_path, strlen(client_path), &path);
	if (r < 0) {
		reply(protocol, 501, "Usage: a time as YYYYMMDDhhmmss (UTC), a blank and a path");
		return;
	}
	r = ask_files_set_time(protocol, &path, seconds, &kept);
	if (r < 0) {
		reply_error(protocol, REPLY_PLACE, r, path.text);
		return;
	}
	/*
	 * draft-somers-ftp-mfxx-03, 3.1: the time that was set, as MDTM will report it; file systems, too, end in
	 * some year
	 */
	utc_stamp(kept, text);
	reply(protocol, 213, "%s=%s; %s", fact, text, client_path);
}

void
cmd_mfmt(struct protocol *protocol, const struct request *request)
{
	const char *blank = strchr(request->argument, ' ');

	set_time(protocol, request->argument, blank == NULL ? "" : blank + 1, "Modify");
}

/* RFC 3659, 3; with a time in front of the path, and no file of that name, the time is set as MFMT does. */
void
cmd_mdtm(struct protocol *protocol, const struct request *request)
{
	const char *argument = request->argument;
	struct file_info info;
	char text[UTC_STAMP_SIZE];
	int64_t seconds;
	int r = ask_files_stat(protocol, request->path, &info);

	if (r == -ENOENT && strlen(argument) > 15 && argument[14] == ' ' && time_parse(argument, 14, &seconds) == 0) {
		set_time(protocol, argument, argument + 15, "Modify");
		return;
	}
	if (r == 0 && info.kind != FILE_REGULAR)
		r = -ENOTSUP;
	if (r < 0) {
		reply_error(protocol, REPLY_PLACE, r, request->path->text);
		return;
	}
	utc_stamp(info.mtime, text);
	reply(protocol, 213, "%s", text);
}

/* Set one fact of MFF, and write the result to told. 0, or -EINVAL when it is unknown or malformed. */
static int
set_fact(struct protocol *protocol, const struct home_path *path, const char *fact, size_t len, char told[FACT_MAX],
    int *result)
{
	static const char modify[] = "modify=", mode_name[] = "UNIX.mode=";
	int64_t seconds, kept = 0;
	uint32_t mode;
	char text[UTC_STAMP_SIZE];

	if (len > sizeof(modify) - 1 && strncasecmp(fact, modify, sizeof(modify) - 1) == 0) {
		if (time_parse(fact + sizeof(modify) - 1, len - (sizeof(modify) - 1), &seconds) < 0)
			return -EINVAL;
		*result = ask_files_set_time(protocol, path, seconds, &kept);
		utc_stamp(kept, text);
		snprintf(told, FACT_MAX, "Modify=%s;", text);
		return 0;
	}
	if (len <= sizeof(mode_name) - 1 || strncasecmp(fact, mode_name, sizeof(mode_name) - 1) != 0)
		return -EINVAL;
	fact += sizeof(mode_name) - 1;
	len -= sizeof(mode_name) - 1;
	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, fact, len);
	text[len] = '\0';
	if (parse_mode(text, &mode) < 0 || mode > 0777)
		return -EINVAL;
	*result = ask_files_set_mode(protocol, path, mode);
	snprintf(told, FACT_MAX, "UNIX.mode=%04o;", mode);
	return 0;
}

/* draft-somers-ftp-mfxx-03, 5: "fact=value;fact=value; path"; the reply has the values that were set */
void
cmd_mff(struct protocol *protocol, const struct request *request)
{
	char *blank = strstr(request->argument, "; ");
	char told[FACTS_MAX + 1] = "";
	struct home_path path;
	const char *next = request->argument;
	size_t used = 0;
	int r = 0;

	if (blank == NULL || home_path_resolve(&protocol->cwd, blank + 2, strlen(blank + 2), &path) < 0) {
		reply(protocol, 501, "Usage: MFF modify=YYYYMMDDhhmmss;UNIX.mode=0644; path");
		return;
	}
	while (next <= blank && r == 0) {
		size_t fact = strcspn(next, ";");
		char one[FACT_MAX];

		if (set_fact(protocol, &path, next, fact, one, &r) < 0) {
			reply(protocol, 504, "Only the facts modify and UNIX.mode can be set");
			return;
		}
		if (used + strlen(one) < sizeof(told))
			used += (size_t)snprintf(told + used, sizeof(told) - used, "%s", one);
		next += fact + 1;
	}
	if (r < 0)
		reply_error(protocol, REPLY_PLACE, r, path.text);
	else
		reply(protocol, 213, "%s %s", told, blank + 2);
}

/* A command with one optional path and a number as its answer. */
static void
reply_number(struct protocol *protocol, const struct home_path *path,
    int (*ask)(struct protocol *, const struct home_path *, uint64_t *))
{
	uint64_t number;
	int r = ask(protocol, path, &number);

	if (r < 0)
		reply_error(protocol, REPLY_PLACE, r, path->text);
	else
		reply(protocol, 213, "%llu", (unsigned long long)number);
}

void
cmd_avbl(struct protocol *protocol, const struct request *request)
{
	reply_number(protocol, request->path, ask_files_space);
}

void
cmd_dsiz(struct protocol *protocol, const struct request *request)
{
	reply_number(protocol, request->path, ask_files_tree_size);
}

void
cmd_rmda(struct protocol *protocol, const struct request *request)
{
	int r = ask_files_remove_tree(protocol, request->path);

	if (r < 0)
		reply_error(protocol, REPLY_PLACE, r, request->path->text);
	else
		reply(protocol, 250, "%s removed with all that was in it", request->path->text);
}

/* Listings. */

struct listing {
	struct home_path path;
	uint8_t flags;
	uint32_t shown_from;
};

/* Letters that clients send, as ls has them. */
static const struct list_option {
	char letter;
	uint8_t flag;	/* 0: passed over, as it asks for what is done anyway, or for a form that programs cannot read */
} list_options[] = {
    /* clang-format off */
    {'a', LIST_ALL}, {'A', LIST_ALL}, {'R', LIST_RECURSIVE}, {'t', LIST_BY_TIME}, {'S', LIST_BY_SIZE},
    {'r', LIST_REVERSE}, {'d', LIST_ITSELF}, {'F', LIST_CLASSIFY},
    {'l', 0}, {'1', 0}, {'C', 0}, {'L', 0}, {'T', 0}, {'h', 0}, {'n', 0}, {'g', 0}, {'o', 0},
    /* clang-format on */
};

static const struct list_option *
find_list_option(char letter)
{
	for (size_t i = 0; i < sizeof(list_options) / sizeof(list_options[0]); i++)
		if (list_options[i].letter == letter)
			return &list_options[i];
	return NULL;
}

/* The flags of "-la"; *has_unknown: it has an unknown letter. False: no options at all, but a name such as "-x.c". */
static bool
parse_list_options(const char *word, size_t len, uint8_t *flags, bool *has_unknown)
{
	*flags = 0;
	*has_unknown = false;
	for (size_t i = 1; i < len; i++) {
		const struct list_option *option = find_list_option(word[i]);

		if (option == NULL && !isalnum((unsigned char)word[i]))
			return false;
		*flags |= option == NULL ? 0 : option->flag;
		*has_unknown |= option == NULL;
	}
	return len > 1;
}

static bool
name_exists(struct protocol *protocol, const char *client_path)
{
	struct home_path path;
	struct file_info info;

	return home_path_resolve(&protocol->cwd, client_path, strlen(client_path), &path) == 0 &&
	    ask_files_stat(protocol, &path, &info) == 0;
}

/*
 * Take "-la -t" off the front of an argument, as ls would. Unknown letters are passed over, since clients send many
 * (NcFTP "-Ca", gFTP "-aL"), unless something has just that name. "--" ends the options.
 */
static const char *
take_list_options(struct protocol *protocol, const char *argument, uint8_t *flags)
{
	*flags = 0;
	while (argument[0] == '-') {
		size_t word = strcspn(argument, " ");
		bool is_end = word == 2 && argument[1] == '-', has_unknown;
		uint8_t found;

		if (!is_end && !parse_list_options(argument, word, &found, &has_unknown))
			break;
		if (!is_end && has_unknown && name_exists(protocol, argument))
			break;
		*flags |= is_end ? 0 : found;
		argument += word;
		argument += strspn(argument, " ");
		if (is_end)
			break;
	}
	return argument;
}

/*
 * Where the names of an NLST begin in the full path, so that a client can give each to RETR as it is (RFC 1123,
 * 4.1.2.7): after the working directory when the argument was relative to it.
 */
static uint32_t
shown_from(const struct protocol *protocol, const char *argument, const struct home_path *path)
{
	size_t cwd = protocol->cwd.len == 1 ? 0 : protocol->cwd.len;

	if (argument[0] == '/')
		return 0;
	if (path->len < cwd || memcmp(path->text, protocol->cwd.text, cwd) != 0 ||
	    (path->len > cwd && path->text[cwd] != '/'))
		return 0;	/* "..", out of the working directory: the whole path */
	return (uint32_t)cwd + 1;
}

/* False: replied. */
static bool
parse_listing(struct protocol *protocol, const char *argument, struct listing *listing)
{
	const char *path = take_list_options(protocol, argument == NULL ? "" : argument, &listing->flags);

	if (path[0] == '\0')
		path = ".";
	if (!session_resolve_path(protocol, path, &listing->path))
		return false;
	listing->shown_from = shown_from(protocol, path, &listing->path);
	return true;
}

static void
send_list(struct protocol *protocol, const char *argument, enum ipc_list_form form)
{
	struct listing listing;

	if (!parse_listing(protocol, argument, &listing))
		return;
	if (form == LIST_NAMES)	/* each line is a name that RETR can be given (RFC 1123, 4.1.2.7) */
		listing.flags &= (uint8_t)~LIST_CLASSIFY;
	transfer_list(protocol, &listing.path, form, listing.flags, listing.shown_from);
}

void
cmd_list(struct protocol *protocol, const struct request *request)
{
	send_list(protocol, request->argument, LIST_LONG);
}

void
cmd_nlst(struct protocol *protocol, const struct request *request)
{
	send_list(protocol, request->argument, LIST_NAMES);
}

void
cmd_mlsd(struct protocol *protocol, const struct request *request)
{
	transfer_list(protocol, request->path, LIST_FACTS, 0, 0);
}

void
cmd_mlst(struct protocol *protocol, const struct request *request)
{
	char facts[FACTS_MAX + 1];
	int r = ask_files_facts(protocol, request->path, facts, sizeof(facts));

	if (r < 0) {
		reply_error(protocol, REPLY_PLACE, r, request->path->text);
		return;
	}
	reply_begin(protocol, 250, "Listing");
	/* RFC 3659, 7.2: one blank, the facts, one blank, the path */
	reply_line(protocol, "%s%s%s", facts, facts[0] != '\0' && facts[strlen(facts) - 1] == ' ' ? "" : " ",
	    request->path->text);
	reply(protocol, 250, "End");
}

static void
stat_session(struct protocol *protocol)
{
	char partials[PARTIALS_SIZE];
	bool has_partials = protocol->state == IPC_STATE_READY && partials_text(protocol, partials, sizeof(partials));

	reply_begin(protocol, 211, "Status:");
	reply_line(protocol, "Connected from %s", protocol->session->peer_text);
	if (protocol->state == IPC_STATE_READY) {
		reply_line(protocol, "Logged in as %s", protocol->user);
		reply_line(protocol, "Current directory %s", protocol->cwd.text);
	} else {
		reply_line(protocol, "Not logged in");
	}
	reply_line(protocol, "TYPE %s; STRU File; MODE Stream", protocol->is_ascii ? "ASCII" : "IMAGE");
	if (has_partials)
		reply_line(protocol, "%s", partials);
	reply_line(protocol, "Idle timeout %u s", protocol->config->timeouts.idle_s);
	reply(protocol, 211, "End");
}

/* Lines of a listing out of its pipe, each as a line of the reply. Returns 0 or -errno. */
static int
reply_listing(struct protocol *protocol, int fd)
{
	struct buf line;
	char piece[4096];
	ssize_t n;

	buf_init(&line, 4 * PATH_MAX);
	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)) {
		const char *lf;

		if (n > 0)
			buf_add(&line, piece, (size_t)n);
		claim(protocol->session->claims, CLAIM_TRANSFER, monotonic_coarse_ms());
		while (line.len > 0 && (lf = memchr(line.data, '\n', line.len)) != NULL) {
			size_t len = (size_t)(lf - line.data);

			reply_line_bytes(protocol, line.data, len > 0 && line.data[len - 1] == '\r' ? len - 1 : len);
			buf_consume(&line, len + 1);
		}
		if (protocol->control.at_end || line.error != 0)
			break;
	}
	buf_free(&line);
	return n < 0 ? -errno : 0;
}

void
cmd_stat(struct protocol *protocol, const struct request *request)
{
	struct listing listing;
	struct file_info info;
	uint64_t entries;
	int code = 213, fd = -1, r;

	if (request->argument == NULL) {
		stat_session(protocol);
		return;
	}
	if (protocol->state != IPC_STATE_READY) {
		reply(protocol, 530, "Log in with USER and PASS first");
		return;
	}
	if (!parse_listing(protocol, request->argument, &listing))
		return;
	/* RFC 959, 4.2.2: 212 for a directory, 213 for a file */
	if (ask_files_stat(protocol, &listing.path, &info) == 0 && info.kind == FILE_DIRECTORY)
		code = 212;
	r = ask_files_list(protocol, &listing.path, LIST_LONG, listing.flags, listing.shown_from, &fd);
	if (r < 0) {
		reply_error(protocol, REPLY_LIST, r, listing.path.text);
		return;
	}
	reply_begin(protocol, code, "Status:");
	r = reply_listing(protocol, fd);
	close_fd(&fd);
	if (ask_files_list_end(protocol, &entries) < 0 || r < 0)
		reply_line(protocol, "(not all could be listed)");
	reply(protocol, code, "End");
	claim(protocol->session->claims, CLAIM_IDLE, monotonic_ms());
}
