/* SPDX-License-Identifier: ISC */
/* Commands that move files: get, mget, reget, put, mput, reput; and those that print them: cat, head. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ui/command.h"
#include "client/ui/local_target.h"
#include "client/ui/mirror_plan.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_parents.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "client/ui/term_text.h"
#include "client/ui/transfers.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define PIPE_CHUNK 65536
#define TICK_MS 200
#define HEAD_BYTES_MAX 1048576

/* --- the local side --- */

/* Where downloads go. */
struct target {
	int dir_fd; /* owned */
	char *directory; /* to show; owned */
	char *name; /* a name of its own, or NULL: that of the remote file; owned */
	bool is_stream; /* standard output */
};

static void
target_free(struct target *target)
{
	close_fd(&target->dir_fd);
	free(target->directory);
	free(target->name);
}

static bool
is_local_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* local NULL: here. "x/" and directories take files under their own names; anything else is the file's name. */
static enum exit_status
target_open(struct target *target, const char *local, bool must_be_directory)
{
	size_t len = local == NULL ? 0 : strlen(local);

	*target = (struct target){.dir_fd = -1};
	if (local != NULL && strcmp(local, "-") == 0) {
		target->is_stream = true;
		return EXIT_DONE;
	}
	if (local == NULL || is_local_directory(local) || must_be_directory || local[len - 1] == '/') {
		target->directory = strdup(local == NULL ? "" : local);
	} else {
		const char *slash = strrchr(local, '/');

		target->name = strdup(slash == NULL ? local : slash + 1);
		target->directory =
		    slash == NULL ? strdup("") : strndup(local, slash == local ? 1 : (size_t)(slash - local));
		if (target->name == NULL)
			return report_no_memory();
	}
	if (target->directory == NULL)
		return report_no_memory();
	target->dir_fd =
	    open(target->directory[0] == '\0' ? "." : target->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->dir_fd < 0)
		return report_local("cannot open the directory", target->directory, -errno);
	return EXIT_DONE;
}

/* --- get --- */

/* A terminal would show the data raw; cat is for that. */
static enum exit_status
check_stream(struct options *options)
{
	report_set(options, true);
	options->parallel = 1;
	options->is_continue = false;
	if (isatty(STDOUT_FILENO) == 1)
		return report_usage(
		    "standard output is a terminal; 'cat' prints files there, '-' is for a pipe or a file");
	return EXIT_DONE;
}

static enum exit_status
add_get(struct jobs *jobs, const struct match *match, const struct target *target, struct options *options)
{
	const char *remote = match->path;
	char *own = path_name(remote);
	const char *name = target->name != NULL ? target->name : own, *refused;
	enum exit_status status = EXIT_DONE;
	bool is_stdout = false;
	struct job *job;

	if (own == NULL)
		return report_no_memory();
	refused = target->is_stream ? NULL : mirror_name_refused(name);
	if (refused != NULL) {
		char what[512];

		snprintf(what, sizeof(what), "'%s' is not fetched", report_quote(remote));
		free(own);
		return report_failure(
		    FTP_USAGE, what, "a local file cannot have this name", "get FILE LOCAL, with a name of your own");
	}
	job = jobs_add(jobs, WAY_GET);
	if (job == NULL) {
		free(own);
		return report_no_memory();
	}
	job->remote = strdup(remote);
	job->size = match->size;
	job->mtime = match->mtime;
	job->is_known = match->kind == FTP_KIND_FILE && match->size >= 0 && match->mtime >= 0 && match->mtime_is_exact;
	if (target->is_stream) {
		job->stream_fd = STDOUT_FILENO;
		job->shown_local = strdup("-");
	} else {
		job->shown_local = path_join(target->directory, name);
		if (job->shown_local != NULL)
			status = local_target_set(job, target->dir_fd, name, job->shown_local, &is_stdout);
	}
	free(own);
	if (job->remote == NULL || job->shown_local == NULL)
		return report_no_memory();
	return status == EXIT_DONE && is_stdout ? check_stream(options) : status;
}

static enum exit_status
get_matches(struct session *session, struct options *options, const struct matches *matches, const char *local)
{
	enum exit_status status;
	struct target target;
	struct jobs jobs = {NULL, 0};

	status = target_open(&target, local, matches->count > 1 && (local == NULL || strcmp(local, "-") != 0));
	if (status == EXIT_DONE && target.is_stream)
		status = check_stream(options);
	for (size_t i = 0; i < matches->count && status == EXIT_DONE; i++) {
		if (matches->items[i].kind == FTP_KIND_DIRECTORY)
			report_note("%s is a directory and is left out; use mirror for directories",
			    report_quote(matches->items[i].path));
		else
			status = add_get(&jobs, &matches->items[i], &target, options);
	}
	if (status == EXIT_DONE)
		status = jobs_check_names(&jobs);
	if (status == EXIT_DONE)
		status = transfers_run(session, options, &jobs);
	jobs_free(&jobs);
	target_free(&target);
	return status;
}

enum exit_status
command_get(struct session *session, struct options *options, const struct args *args)
{
	const char *local = args->local_count > 0 ? args->locals[0]->text : NULL;
	struct matches matches = {NULL, 0};
	enum exit_status status = EXIT_DONE;

	for (size_t i = 0; i < args->remote_count && status == EXIT_DONE; i++) {
		const struct word *word = args->remotes[i];
		struct word plain = {word->text, NULL};

		if (word->pattern != NULL && !remote_is_literal(session, word))
			status =
			    report_usage("get takes names, and '%s' is a pattern; use mget%s", report_quote(word->text),
				session->is_shell ? ", or quotes around a name with * ? or ["
						  : "; of a name, %2A is *, %3F is ?, %5B is [");
		else if (word->text[0] == '\0' || word->text[strlen(word->text) - 1] == '/')
			status = report_usage(
			    "get takes files, and '%s' is a directory; use mirror", report_quote(word->text));
		else
			status = remote_glob(session, &plain, &matches);
	}
	if (status == EXIT_DONE)
		status = get_matches(session, options, &matches, local);
	matches_free(&matches);
	return status;
}

enum exit_status
command_reget(struct session *session, struct options *options, const struct args *args)
{
	options->is_continue = true;
	return command_get(session, options, args);
}

enum exit_status
command_mget(struct session *session, struct options *options, const struct args *args)
{
	const char *local = args->local_count > 0 ? args->locals[0]->text : NULL;
	struct matches matches = {NULL, 0};
	enum exit_status status = EXIT_DONE;

	if (local != NULL && strcmp(local, "-") != 0 && !is_local_directory(local))
		return report_usage("mget: '%s' is no directory here; make it first", report_quote(local));
	for (size_t i = 0; i < args->remote_count; i++)
		status = exit_status_worse(status, remote_glob(session, args->remotes[i], &matches));
	if (matches.count > 0 && !signals_have_aborted())
		status = exit_status_worse(status, get_matches(session, options, &matches, local));
	matches_free(&matches);
	return status;
}

/* --- put --- */

static enum exit_status
add_put(struct jobs *jobs, const char *local, const char *remote)
{
	const char *slash = strrchr(local, '/');
	struct job *job = jobs_add(jobs, WAY_PUT);
	struct stat status;

	if (job == NULL)
		return report_no_memory();
	job->remote = strdup(remote);
	job->shown_local = strdup(local);
	if (strcmp(local, "-") == 0) {
		job->stream_fd = STDIN_FILENO;
		if (fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode))
			job->size = status.st_size;
		return job->remote == NULL || job->shown_local == NULL ? report_no_memory() : EXIT_DONE;
	}
	if (stat(local, &status) < 0)
		return report_local("cannot read", local, -errno);
	if (S_ISDIR(status.st_mode))
		return report_usage("'%s' is a directory; use mirror for directories", report_quote(local));
	job->size = status.st_size;
	/* the engine wants a directory and a name in it; freed by close_puts() */
	job->name = strdup(slash == NULL ? local : slash + 1);
	if (slash != NULL) {
		char *directory = strndup(local, slash == local ? 1 : (size_t)(slash - local));

		job->dir_fd = directory == NULL ? -1 : open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		free(directory);
		if (job->dir_fd < 0) {
			int error = -errno;

			job->dir_fd = AT_FDCWD;
			return report_local("cannot open the directory of", local, error);
		}
	}
	return job->remote == NULL || job->shown_local == NULL || job->name == NULL ? report_no_memory() : EXIT_DONE;
}

static void
close_puts(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->items[i].dir_fd >= 0)
			close_fd(&jobs->items[i].dir_fd);
	jobs_free(jobs);
}

/* remote: the destination, or NULL: the working directory there. is_directory: it takes files under their own names. */
static enum exit_status
put_locals(struct session *session, struct options *options, char *const *locals, size_t count, const char *remote,
    bool is_directory)
{
	enum exit_status status = EXIT_DONE;
	struct jobs jobs = {NULL, 0};

	for (size_t i = 0; i < count && status == EXIT_DONE; i++) {
		char *name = path_name(locals[i]), *path = NULL;

		if (name != NULL)
			path = is_directory ? path_join(remote == NULL ? "" : remote, name) : strdup(remote);
		if (path == NULL)
			status = report_no_memory();
		else if (is_directory && strcmp(locals[i], "-") == 0)
			status = report_usage("put -: the file on the server needs a name");
		else
			status = add_put(&jobs, locals[i], path);
		free(name);
		free(path);
	}
	if (status == EXIT_DONE)
		status = jobs_check_names(&jobs);
	if (status == EXIT_DONE)
		status = transfers_run(session, options, &jobs);
	close_puts(&jobs);
	return status;
}

/* --parents: make what is missing of the directory that the files go to. */
static enum exit_status
make_target_parents(struct session *session, const char *remote, size_t count)
{
	const char *slash = strrchr(remote, '/');
	size_t len = strlen(remote);
	enum ftp_class class;
	char *directory;

	/* the name of one file; with a slash at its end, or for several files, a directory */
	if (count == 1 && len > 0 && remote[len - 1] != '/')
		len = slash == NULL ? 0 : (size_t)(slash - remote);
	if (len == 0)
		return EXIT_DONE;
	directory = strndup(remote, len);
	if (directory == NULL)
		return report_no_memory();
	class = remote_make_parents(session, directory);
	free(directory);
	return class == FTP_OK ? EXIT_DONE : session_error(session);
}

static enum exit_status
put_words(struct session *session, struct options *options, char *const *locals, size_t count, const struct args *args)
{
	const char *remote = args->remote_count > 0 ? args->remotes[0]->text : NULL;
	enum exit_status status = EXIT_DONE;
	bool is_directory;

	if (options->makes_parents && remote != NULL)
		status = make_target_parents(session, remote, count);
	if (status != EXIT_DONE)
		return status;
	is_directory = remote == NULL || remote_is_directory(session, remote);
	if (!is_directory && count > 1)
		return report_usage(
		    "'%s' is no directory on the server, and there are %zu files for it; mkdir makes one",
		    report_quote(remote), count);
	return put_locals(session, options, locals, count, remote, is_directory);
}

enum exit_status
command_put(struct session *session, struct options *options, const struct args *args)
{
	char **locals = calloc(args->local_count + 1, sizeof(*locals));
	enum exit_status status;

	if (locals == NULL)
		return report_no_memory();
	for (size_t i = 0; i < args->local_count; i++)
		locals[i] = args->locals[i]->text;
	status = put_words(session, options, locals, args->local_count, args);
	free(locals);
	return status;
}

enum exit_status
command_reput(struct session *session, struct options *options, const struct args *args)
{
	options->is_continue = true;
	return command_put(session, options, args);
}

/* Leave out directories, which a pattern matches too. */
static size_t
keep_files(char **paths, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_local_directory(paths[i]))
			report_note(
			    "%s is a directory and is left out; use mirror for directories", report_quote(paths[i]));
		else
			paths[kept++] = paths[i];
	}
	return kept;
}

enum exit_status
command_mput(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status = EXIT_DONE;
	glob_t found = {0};
	char **paths;
	size_t count = 0;

	for (size_t i = 0; i < args->local_count && status == EXIT_DONE; i++) {
		const struct word *word = args->locals[i];
		/* without a pattern the text is taken as it is, so that no character of it counts */
		int flags = (i > 0 ? GLOB_APPEND : 0) | (word->pattern == NULL ? GLOB_NOCHECK | GLOB_NOESCAPE : 0);

		if (glob(word->pattern != NULL ? word->pattern : word->text, flags, NULL, &found) != 0)
			status = report_local("cannot find", word->text, -ENOENT);
	}
	paths = calloc(found.gl_pathc + 1, sizeof(*paths));
	if (paths == NULL)
		status = report_no_memory();
	for (size_t i = 0; paths != NULL && i < found.gl_pathc; i++)
		paths[count++] = found.gl_pathv[i];
	if (status == EXIT_DONE) {
		count = keep_files(paths, count);
		status = put_words(session, options, paths, count, args);
	}
	free(paths);
	globfree(&found);
	return status;
}

/* --- cat and head --- */

/* A thread fetches into a pipe, the main one prints. */
struct fetch {
	struct ftp *ftp;
	struct ftp_transfer transfer;
	enum ftp_class class;
};

static void *
fetch_into_pipe(void *argument)
{
	struct fetch *fetch = argument;

	fetch->class = ftp_get(fetch->ftp, &fetch->transfer, NULL);
	close_fd(&fetch->transfer.stream_fd);
	return NULL;
}

struct printer {
	struct buf waiting, text;
	bool is_terminal;
	uint64_t lines_left; /* head; UINT64_MAX: all */
	int error;
};

/* The number of bytes that belong to wanted lines; counts these down. */
static size_t
within_lines(struct printer *printer, const char *bytes, size_t len)
{
	size_t at = 0;

	if (printer->lines_left == UINT64_MAX)
		return len;
	while (at < len && printer->lines_left > 0) {
		const char *end = memchr(bytes + at, '\n', len - at);

		if (end == NULL)
			return len;
		at = (size_t)(end - bytes) + 1;
		printer->lines_left--;
	}
	return at;
}

static void
print_file_bytes(struct printer *printer, const char *bytes, size_t len, bool is_last)
{
	size_t used;

	len = within_lines(printer, bytes, len);
	if (!printer->is_terminal) {
		printer->error = io_write_all(STDOUT_FILENO, bytes, len);
		return;
	}
	/* a terminal gets the file's bytes as text, never as commands */
	(void)buf_add(&printer->waiting, bytes, len);
	if (printer->waiting.len == 0)
		return;
	buf_clear(&printer->text);
	used = term_add_lines(&printer->text, printer->waiting.data, printer->waiting.len, is_last);
	buf_consume(&printer->waiting, used);
	if (printer->text.len > 0)
		printer->error = io_write_all(STDOUT_FILENO, printer->text.data, printer->text.len);
}

/* Print the bytes of the pipe until its end, until enough lines have come, or Ctrl-C. */
static void
print_pipe(struct printer *printer, int fd, pthread_t thread)
{
	char bytes[PIPE_CHUNK];
	ssize_t n;

	while (printer->error == 0 && printer->lines_left > 0) {
		/* repeat it: the thread may have looked at the flag just before it began to wait */
		if (signals_have_aborted())
			signals_wake(thread);
		if (io_wait(fd, POLLIN, monotonic_ms() + TICK_MS) <= 0)
			continue;
		n = read(fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		print_file_bytes(printer, bytes, n > 0 ? (size_t)n : 0, n <= 0);
		if (n <= 0)
			break;
	}
}

static enum exit_status
print_file(struct session *session, const char *path, uint64_t lines)
{
	struct fetch fetching = {
	    .ftp = session->ftp, .transfer = {.remote = path, .local_dir_fd = AT_FDCWD, .verify = FTP_VERIFY_NEVER}};
	struct printer printer = {.is_terminal = isatty(STDOUT_FILENO) == 1, .lines_left = lines};
	bool was_cut;
	pthread_t thread;
	sigset_t before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return report_local("cannot print", path, -errno);
	buf_init(&printer.waiting, 4 * PIPE_CHUNK);
	buf_init(&printer.text, 16 * PIPE_CHUNK);
	fetching.transfer.stream_fd = ends[1];
	if (lines != UINT64_MAX)
		fetching.transfer.limit = HEAD_BYTES_MAX;
	signals_block(&before);
	if (pthread_create(&thread, NULL, fetch_into_pipe, &fetching) != 0) {
		signals_unblock(&before);
		close_fd(&ends[0]);
		close_fd(&ends[1]);
		return report_failure(FTP_LOCAL, "cannot begin the transfer", "no thread could be made", "");
	}
	signals_unblock(&before);
	print_pipe(&printer, ends[0], thread);
	was_cut = printer.lines_left == 0;
	/* the writer gets EPIPE, and stops; that is no error when enough was seen */
	close_fd(&ends[0]);
	pthread_join(thread, NULL);
	buf_free(&printer.waiting);
	buf_free(&printer.text);
	if (printer.error == -EPIPE)
		return EXIT_DONE; /* the reader of our output has seen enough, as with cat(1) | head(1) */
	if (printer.error < 0)
		return report_failure(FTP_LOCAL, "cannot write to standard output", strerror(-printer.error), "");
	if (fetching.class != FTP_OK && !(was_cut && fetching.class == FTP_LOCAL))
		return session_error(session);
	return EXIT_DONE;
}

static enum exit_status
print_files(struct session *session, const struct args *args, uint64_t lines)
{
	enum exit_status status = EXIT_DONE;
	struct matches matches = {NULL, 0};

	for (size_t i = 0; i < args->remote_count; i++)
		status = exit_status_worse(status, remote_glob(session, args->remotes[i], &matches));
	for (size_t i = 0; i < matches.count && !signals_have_aborted(); i++)
		status = exit_status_worse(status, print_file(session, matches.items[i].path, lines));
	matches_free(&matches);
	return status;
}

enum exit_status
command_cat(struct session *session, struct options *options, const struct args *args)
{
	report_set(options, true);
	return print_files(session, args, UINT64_MAX);
}

enum exit_status
command_head(struct session *session, struct options *options, const struct args *args)
{
	report_set(options, true);
	return print_files(session, args, options->lines);
}
