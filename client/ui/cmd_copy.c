/* SPDX-License-Identifier: ISC */
/* The command copy: a file from one server to another. */
#include <stdlib.h>
#include <string.h>

#include "client/engine/fxp.h"
#include "client/ui/command.h"
#include "client/ui/preferences.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"

#include "common/banned.h"

/* One of the two servers. */
struct copy_side {
	struct options options;
	struct session session;
	char *path;
	const char *shown;	/* the URL as it was given */
};

static enum exit_status
open_side(struct copy_side *side, const char *place)
{
	struct ftp_url url;
	enum exit_status status;

	side->shown = place;
	if (!session_is_place(place))
		return report_usage(
		    "copy: '%s' is neither a URL nor a bookmark; both files are on servers", report_quote(place));
	status = session_parse_place(place, &url, NULL);
	if (status != EXIT_DONE)
		return status;
	side->path = strdup(url.path);
	status = side->path == NULL ? report_no_memory() : preferences_begin(&side->options, url.host);
	if (status != EXIT_DONE) {
		ftp_url_free(&url);
		return status;
	}
	return session_open(&side->session, &url, &side->options);
}

static void
close_side(struct copy_side *side)
{
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

	if (!is_directory && ftp_is_directory(to->session.ftp, to->path, &is_directory) != FTP_OK)
		return session_error(&to->session);
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
	class = ftp_copy_file(from->session.ftp, to->session.ftp, &copy, &result);
	session_show_in(NULL);
	status = report_transfer_end(slot, &result, class == FTP_OK ? NULL : ftp_error(from->session.ftp));
	report_end();
	return status;
}

enum exit_status
command_copy(struct session *session, struct options *options, const struct args *args)
{
	struct copy_side from = {.options.password_fd = -1}, to = {.options.password_fd = -1};
	enum exit_status status;

	(void)session;
	if (args->text_count != 2)
		return report_usage("usage: sallyport copy [options] URL URL");
	status = open_side(&from, args->texts[0]->text);
	if (status == EXIT_DONE && from.path[0] == '\0')
		status = report_usage("copy: the first URL names no file");
	if (status == EXIT_DONE)
		status = open_side(&to, args->texts[1]->text);
	if (status == EXIT_DONE)
		status = name_target(&to, from.path);
	if (status == EXIT_DONE)
		status = copy_shown(&from, &to, options);
	close_side(&to);
	close_side(&from);
	return status;
}
