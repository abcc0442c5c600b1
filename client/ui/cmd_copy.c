/* SPDX-License-Identifier: ISC */
/* The command copy: a file from one server to another. */
#include <stdlib.h>
#include <string.h>

#include "client/engine/fxp.h"
#include "client/ui/command.h"
#include "client/ui/connections.h"
#include "client/ui/preferences.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"

#include "common/banned.h"

/* One of the two servers. */
struct copy_side {
	struct options options; /* of a session of its own */
	struct session session; /* where the place is a URL */
	struct ftp *ftp; /* of that session, or one more connection of the shell's; NULL: not open */
	bool is_clone;
	char *path;
	const char *shown; /* the operand as it was given */
};

/* A URL or a bookmark: log in. */
static enum exit_status
open_place(struct copy_side *side, const char *place)
{
	struct ftp_url url;
	enum exit_status status = session_parse_place(place, &url, NULL);

	if (status != EXIT_DONE)
		return status;
	side->path = strdup(url.path);
	status = side->path == NULL ? report_no_memory() : preferences_begin(&side->options, url.host);
	if (status != EXIT_DONE) {
		ftp_url_free(&url);
		return status;
	}
	status = session_open(&side->session, &url, &side->options);
	side->ftp = side->session.ftp;
	return status;
}

struct connection *
copy_connection(const char *operand, const char **path)
{
	const char *colon = strchr(operand, ':');
	struct connection *connection = NULL;
	bool is_ambiguous;
	char *name;

	if (colon == NULL || (name = strndup(operand, (size_t)(colon - operand))) == NULL)
		return NULL;
	connection = connections_find(name, &is_ambiguous);
	free(name);
	if (connection != NULL)
		*path = colon + 1;
	return connection;
}

/* In the shell: CONNECTION:PATH, or a path on the current server. Both sides may be the same server: each has a connection. */
static enum exit_status
open_in_shell(struct copy_side *side, const struct session *session, const char *operand)
{
	const char *path = operand;
	const struct connection *connection = copy_connection(operand, &path);

	if (connection != NULL)
		session = &connection->session;
	if (session == NULL)
		return report_usage("copy: no connection is open; open PLACE opens one");
	side->path = strdup(path);
	side->ftp = side->path == NULL ? NULL : ftp_clone(session->ftp);
	side->is_clone = side->ftp != NULL;
	return side->ftp == NULL ? report_no_memory() : EXIT_DONE;
}

/* session: the current one of the shell. */
static enum exit_status
open_side(struct copy_side *side, const struct session *session, const char *operand, bool is_shell)
{
	side->shown = operand;
	if (is_shell && !ftp_is_url(operand))
		return open_in_shell(side, session, operand);
	if (!is_shell && !session_is_place(operand))
		return report_usage(
		    "copy: '%s' is neither a URL nor a bookmark; both files are on servers", report_quote(operand));
	return open_place(side, operand);
}

static void
close_side(struct copy_side *side)
{
	if (side->is_clone)
		ftp_free(side->ftp);
	session_close(&side->session);
	options_free(&side->options);
	free(side->path);
}

/* A directory at the target gets the name of the source. */
static enum exit_status
name_target(struct copy_side *to, const char *from_path)
{
	size_t len = strlen(to->path);
	bool is_directory = len == 0 || to->path[len - 1] == '/';
	char *name, *path;

	if (!is_directory && ftp_is_directory(to->ftp, to->path, &is_directory) != FTP_OK)
		return report_error(ftp_error(to->ftp));
	if (!is_directory)
		return EXIT_DONE;
	name = path_name(from_path);
	path = name == NULL ? NULL : path_join(to->path, name);
	free(name);
	if (path == NULL)
		return report_no_memory();
	free(to->path);
	to->path = path;
	return EXIT_DONE;
}

static enum exit_status
copy_shown(struct copy_side *from, struct copy_side *to, const struct options *options)
{
	struct shown_transfer shown = {
	    .way = WAY_COPY, .name = from->path, .remote = from->shown, .local = to->shown, .size = -1};
	struct ftp_copy copy = {
	    .from = from->path, .to = to->path, .is_relayed = options->is_relayed, .verify = options->verify};
	struct ftp_result result;
	struct report_slot *slot;
	enum exit_status status;
	enum ftp_class class;

	report_begin(1, -1);
	slot = report_transfer_begin(&shown);
	session_show_in(slot);
	class = ftp_copy_file(from->ftp, to->ftp, &copy, &result);
	session_show_in(NULL);
	status = report_transfer_end(slot, &result, class == FTP_OK ? NULL : ftp_error(from->ftp));
	report_end();
	return status;
}

enum exit_status
command_copy(struct session *session, struct options *options, const struct args *args)
{
	struct copy_side from = {.options.password_fd = -1}, to = {.options.password_fd = -1};
	bool is_shell = args->words != NULL;
	enum exit_status status;

	if (args->text_count != 2)
		return report_usage("usage: sallyport copy [options] URL URL");
	status = open_side(&from, session, args->texts[0]->text, is_shell);
	if (status == EXIT_DONE && from.path[0] == '\0')
		status = report_usage("copy: the first %s names no file", ftp_is_url(from.shown) ? "URL" : "operand");
	if (status == EXIT_DONE)
		status = open_side(&to, session, args->texts[1]->text, is_shell);
	if (status == EXIT_DONE)
		status = name_target(&to, from.path);
	if (status == EXIT_DONE)
		status = copy_shown(&from, &to, options);
	close_side(&to);
	close_side(&from);
	return status;
}
