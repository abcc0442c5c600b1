/* SPDX-License-Identifier: ISC */
/*
 * The command edit: fetches a file, runs the user's editor, and sends what was changed, if the file on the server
 * is still the one that was fetched.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/ui/command.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

#define EDIT_NAME_MAX 100
#define EDIT_HASH "SHA-256"
#define NOW_NAME ".now"

/* One file that is edited, in a directory of its own that others cannot enter. */
struct edit {
	struct session *session;
	const struct options *options;
	const char *remote;
	char directory[4096], name[EDIT_NAME_MAX + 1];
	int dir_fd;
	bool is_new; /* the server has no such file */
	char before[FTP_HASH_HEX_MAX]; /* of what was fetched */
};

/* The local name: the server's, of harmless characters, so that an editor knows the kind of file by its ending. */
static void
choose_name(struct edit *edit)
{
	char *own = path_name(edit->remote);
	size_t len = own == NULL ? 0 : strlen(own), skip = len > EDIT_NAME_MAX ? len - EDIT_NAME_MAX : 0;

	snprintf(edit->name, sizeof(edit->name), "%s", len == 0 ? "file" : own + skip);
	for (char *c = edit->name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
			*c = '_';
	if (edit->name[0] == '.' || edit->name[0] == '-')
		edit->name[0] = '_';
	free(own);
}

static enum exit_status
make_edit_place(struct edit *edit)
{
	const char *base = getenv("TMPDIR");

	snprintf(edit->directory, sizeof(edit->directory), "%s/sallyport-edit.XXXXXX",
	    base == NULL || base[0] != '/' ? "/tmp" : base);
	if (mkdtemp(edit->directory) == NULL)
		return report_local("cannot make the directory", edit->directory, -errno);
	edit->dir_fd = open(edit->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return edit->dir_fd < 0 ? report_local("cannot open the directory", edit->directory, -errno) : EXIT_DONE;
}

/* With what the editor left beside the file, such as an older version. Takes the directory's descriptor over. */
static void
remove_edit_place(struct edit *edit)
{
	DIR *directory = edit->dir_fd < 0 ? NULL : fdopendir(edit->dir_fd);
	const struct dirent *entry;

	if (directory == NULL)
		return;
	edit->dir_fd = -1;
	while ((entry = readdir(directory)) != NULL)
		(void)unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	(void)rmdir(edit->directory);
}

static enum exit_status
hash_local(struct edit *edit, const char *name, char hex[FTP_HASH_HEX_MAX])
{
	struct ftp_hash hash;
	int fd = openat(edit->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	enum exit_status status = EXIT_DONE;

	if (fd < 0)
		return report_local("cannot read", name, -errno);
	if (ftp_hash_local(edit->session->ftp, fd, EDIT_HASH, 0, -1, &hash) != FTP_OK)
		status = session_error(edit->session);
	else
		snprintf(hex, FTP_HASH_HEX_MAX, "%s", hash.hex);
	close_fd(&fd);
	return status;
}

static enum ftp_class
fetch_as(struct edit *edit, const char *name)
{
	struct ftp_transfer transfer = {.remote = edit->remote,
	    .local_dir_fd = edit->dir_fd,
	    .local_name = name,
	    .stream_fd = -1,
	    .verify = edit->options->verify};

	return ftp_get(edit->session->ftp, &transfer, NULL);
}

/* A file that is not there begins empty. */
static enum exit_status
fetch_for_edit(struct edit *edit)
{
	struct ftp_entry entry;
	int fd;

	if (ftp_stat(edit->session->ftp, edit->remote, &entry) == FTP_OK) {
		bool is_directory = entry.kind == FTP_KIND_DIRECTORY;

		ftp_entry_free(&entry);
		if (is_directory)
			return report_usage("edit: '%s' is a directory; it takes a file", report_quote(edit->remote));
		return fetch_as(edit, edit->name) == FTP_OK ? hash_local(edit, edit->name, edit->before)
							    : session_error(edit->session);
	}
	if (ftp_error(edit->session->ftp)->class != FTP_REFUSED)
		return session_error(edit->session);
	edit->is_new = true;
	fd = openat(edit->dir_fd, edit->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return report_local("cannot make", edit->name, -errno);
	close_fd(&fd);
	return hash_local(edit, edit->name, edit->before);
}

/* sh(1) gets the path as an argument, and it is a path of ours. */
static enum exit_status
run_editor(const struct edit *edit)
{
	const char *visual = getenv("VISUAL"), *plain = getenv("EDITOR");
	const char *editor = visual != NULL && *visual != '\0' ? visual
	    : plain != NULL && *plain != '\0'                  ? plain
							       : "vi";
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	char *path = path_join(edit->directory, edit->name), *command = NULL;
	int wait_status = 0;
	pid_t child = -1;

	if (path == NULL || asprintf(&command, "%s \"$1\"", editor) < 0) {
		free(path);
		return report_no_memory();
	}
	sigaction(SIGINT, &ignore, &before);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		signal(SIGINT, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
		_exit(127);
	}
	while (child > 0 && waitpid(child, &wait_status, 0) < 0 && errno == EINTR)
		continue;
	sigaction(SIGINT, &before, NULL);
	free(command);
	free(path);
	if (child < 0)
		return report_local("cannot start", editor, -errno);
	if (wait_status == 0)
		return EXIT_DONE;
	return report_failure(
	    FTP_LOCAL, "nothing is sent", "the editor failed", "another one, in the variable VISUAL or EDITOR");
}

/* The hash of what the server has now: its own, or that of a copy. */
static enum ftp_class
hash_now(struct edit *edit, char hex[FTP_HASH_HEX_MAX])
{
	struct ftp_hash hash;
	enum ftp_class class = ftp_hash(edit->session->ftp, edit->remote, EDIT_HASH, 0, -1, &hash);

	if (class == FTP_OK) {
		snprintf(hex, FTP_HASH_HEX_MAX, "%s", hash.hex);
		return FTP_OK;
	}
	class = fetch_as(edit, NOW_NAME);
	return class == FTP_OK && hash_local(edit, NOW_NAME, hex) != EXIT_DONE ? FTP_LOCAL : class;
}

static enum exit_status
report_kept(const struct edit *edit, enum ftp_class class, const char *why)
{
	char what[512], hint[5000];

	snprintf(what, sizeof(what), "'%s' is not replaced", report_quote(edit->remote));
	snprintf(hint, sizeof(hint), "your version is kept in %s/%s; compare, and put it by hand", edit->directory,
	    edit->name);
	return report_failure(class, what, why, hint);
}

/* Nobody else's change is overwritten: the file must be the one that was fetched. */
static enum exit_status
send_edited(struct edit *edit)
{
	struct ftp_transfer transfer = {.remote = edit->remote,
	    .local_dir_fd = edit->dir_fd,
	    .local_name = edit->name,
	    .stream_fd = -1,
	    .is_unique = edit->is_new,
	    .verify = edit->options->verify};
	char now[FTP_HASH_HEX_MAX] = "";
	struct ftp_result result;
	enum ftp_class class = edit->is_new ? FTP_OK : hash_now(edit, now);

	if (class != FTP_OK)
		return report_kept(edit, class == FTP_REFUSED ? FTP_VERIFY : class, "it cannot be read any more");
	if (!edit->is_new && strcmp(now, edit->before) != 0)
		return report_kept(edit, FTP_VERIFY, "it has changed on the server since it was fetched");
	if (ftp_put(edit->session->ftp, &transfer, &result) != FTP_OK) {
		struct ftp_error error = *ftp_error(edit->session->ftp);

		return report_kept(edit, error.class, error.why);
	}
	if (report_is_json())
		report_json(json_pack(
		    "{s:s, s:s, s:o}", "event", "done", "command", "edit", "remote", report_json_text(edit->remote)));
	else
		report_note("%s: sent%s%s%s", report_quote(edit->remote), result.verified[0] != '\0' ? ", " : "",
		    result.verified, result.verified[0] != '\0' ? " verified" : "");
	return EXIT_DONE;
}

/* Fetch, edit, send. *is_kept: the local file stays. */
static enum exit_status
edit_file(struct edit *edit, bool *is_kept)
{
	char after[FTP_HASH_HEX_MAX];
	enum exit_status status = fetch_for_edit(edit);

	if (status != EXIT_DONE)
		return status;
	status = run_editor(edit);
	if (hash_local(edit, edit->name, after) != EXIT_DONE ||
	    (status != EXIT_DONE && strcmp(after, edit->before) != 0)) {
		*is_kept = true;
		return report_kept(edit, FTP_LOCAL, "the editor failed, or left something else than a file");
	}
	if (status != EXIT_DONE)
		return status;
	if (strcmp(after, edit->before) == 0) {
		report_note("%s: not changed, nothing is sent", report_quote(edit->remote));
		return EXIT_DONE;
	}
	status = send_edited(edit);
	*is_kept = status != EXIT_DONE;
	return status;
}

enum exit_status
command_edit(struct session *session, struct options *options, const struct args *args)
{
	struct edit edit = {.session = session, .options = options, .remote = args->remotes[0]->text, .dir_fd = -1};
	enum exit_status status;
	bool is_kept = false;

	if (edit.remote[0] == '\0' || edit.remote[strlen(edit.remote) - 1] == '/')
		return report_usage("edit: '%s' is a directory; it takes a file", report_quote(edit.remote));
	choose_name(&edit);
	status = make_edit_place(&edit);
	if (status == EXIT_DONE)
		status = edit_file(&edit, &is_kept);
	if (!is_kept)
		remove_edit_place(&edit);
	close_fd(&edit.dir_fd);
	return status;
}
