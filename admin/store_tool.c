/* SPDX-License-Identifier: ISC */
#include "admin/store_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/libc.h"
#include "config/config.h"
#include "trusted/place.h"

#include "common/banned.h"

#define ANSWER_MS 120000 /* for each line; a database that waits for a lock says so after ten seconds */
#define REQUESTS_MAX 65536 /* bytes that wait to be sent */
#define READ_SIZE 65536
#define END_MS 2000 /* from the signal on; then it is killed */

struct store_tool {
	pid_t pid;
	int to_fd, from_fd;
	struct buf requests;
	char *input; /* READ_SIZE + DIALOG_LINE_MAX; from input_at on not yet read */
	size_t input_at, input_len;
	bool has_failed; /* and said why */
	bool is_committing; /* what was asked for may be done, whatever comes */
};

struct store_way
store_way_of(const struct ctl *ctl)
{
	static char beside[PATH_MAX + sizeof(ADMIN_CONF_NAME)];
	const char *named = ctl->value[OPTION_STORE_CONF], *servers = ctl->config->store_conf;
	const char *slash = strrchr(servers, '/');

	if (named == NULL && slash != NULL)
		snprintf(beside, sizeof(beside), "%.*s" ADMIN_CONF_NAME, (int)(slash + 1 - servers), servers);
	return (struct store_way){.conf = named != NULL ? named : slash != NULL ? beside : ADMIN_CONF_DEFAULT};
}

/* --- starting --- */

/* Root runs it, so root alone may have put it there. */
static int
check_store_tool(const struct ctl *ctl, const char *path)
{
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	int fd = trusted_file_open(path, &problem);
	int r = fd < 0 ? fd : trusted_file_check(fd, path, &problem);

	if (r == -ENOENT) {
		ctl_error("'%s' is missing; install sallyport-server-postgresql, or set libexec-directory in '%s'",
		    ctl_quote(path), ctl_quote(ctl->config_path));
	} else if (r < 0) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("'%s' cannot be run: %s", ctl_quote(path), ctl_quote(why));
	}
	close_fd(&fd);
	return r;
}

static int
become_user(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL) {
		ctl_error(
		    "there is no system user '%s'; name that of the database, such as 'postgres'", ctl_quote(name));
		return -ENOENT;
	}
	if (initgroups(name, user->pw_gid) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0) {
		ctl_error("cannot become user '%s': %s; run this as root", ctl_quote(name), strerror(errno));
		return -errno;
	}
	return 0;
}

/* runs in the child: nothing of ours goes along but the two pipes and stderr */
static void __attribute__((noreturn))
execute_store_tool(const char *path, const char *mode, const struct store_way *way, int in_fd, int out_fd)
{
	char readers[16];
	char *const empty[] = {NULL};
	const char *const arguments[] = {
	    path, SALLYPORT_VERSION, mode, way->conf == NULL ? "-" : way->conf, readers, NULL};

	snprintf(readers, sizeof(readers), "%u", way->readers);
	if (dup2(in_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 || close_range(3, ~0U, 0) < 0 ||
	    chdir("/") < 0)
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	if (way->as_user != NULL && become_user(way->as_user) < 0)
		_exit(125);
	execve(path, (char *const *)(uintptr_t)arguments, empty);
	ctl_error("cannot run '%s': %s", ctl_quote(path), strerror(errno));
	_exit(127);
}

static int
fork_store_tool(struct store_tool *tool, const char *path, const char *mode, const struct store_way *way)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1};
	int r = 0;

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0 || fcntl(to[1], F_SETFL, O_NONBLOCK) < 0) {
		r = -errno;
		goto out;
	}
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	tool->pid = fork();
	if (tool->pid == 0)
		execute_store_tool(path, mode, way, to[0], from[1]);
	if (tool->pid < 0) {
		r = -errno;
		goto out;
	}
	tool->to_fd = to[1];
	tool->from_fd = from[0];
	to[1] = from[0] = -1;
out:
	close_fd(&to[0]);
	close_fd(&to[1]);
	close_fd(&from[0]);
	close_fd(&from[1]);
	if (r < 0)
		ctl_error("cannot start '%s': %s", ctl_quote(path), strerror(-r));
	return r;
}

/* The connection string goes by the pipe: arguments of a program are everybody's to read. */
static int
send_connect(struct store_tool *tool, const char *connect)
{
	if (connect == NULL)
		return 0;
	if (strchr(connect, '\n') != NULL)
		return store_tool_refuse(tool, "a connection string of two lines; write it on one");
	buf_add_text(&tool->requests, connect);
	return buf_add(&tool->requests, "\n", 1);
}

struct store_tool *
store_tool_start(const struct ctl *ctl, const char *mode, const struct store_way *way)
{
	char path[PATH_MAX + sizeof("/" STORE_TOOL_PROGRAM)];
	struct store_tool *tool = calloc(1, sizeof(*tool));
	int r;

	if (tool == NULL)
		return NULL;
	tool->to_fd = tool->from_fd = -1;
	tool->is_committing = strcmp(mode, "init") == 0 || strcmp(mode, "upgrade") == 0; /* all in one go */
	buf_init(&tool->requests, 2 * REQUESTS_MAX);
	tool->input = malloc(READ_SIZE + DIALOG_LINE_MAX + 1);
	snprintf(path, sizeof(path), "%s/" STORE_TOOL_PROGRAM, ctl->config->libexec_directory);
	r = tool->input == NULL ? -ENOMEM : check_store_tool(ctl, path);
	if (r == 0)
		r = fork_store_tool(tool, path, mode, way);
	if (r == 0)
		r = send_connect(tool, way->conf == NULL ? way->connect : NULL);
	if (r < 0) {
		store_tool_end(tool);
		return NULL;
	}
	return tool;
}

static void
reap_store_tool(pid_t pid)
{
	uint64_t deadline = monotonic_ms() + END_MS;

	kill(pid, SIGTERM);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (monotonic_ms() >= deadline)
			kill(pid, SIGKILL);
		poll(NULL, 0, 1);
	}
}

void
store_tool_end(struct store_tool *tool)
{
	if (tool == NULL)
		return;
	close_fd(&tool->to_fd);
	close_fd(&tool->from_fd);
	if (tool->pid > 0)
		reap_store_tool(tool->pid);
	buf_free(&tool->requests);
	if (tool->input != NULL)
		explicit_bzero(tool->input, READ_SIZE + DIALOG_LINE_MAX + 1);
	free(tool->input);
	free(tool);
}

/* --- the dialog --- */

int
store_tool_refuse(struct store_tool *tool, const char *what)
{
	if (!tool->has_failed)
		ctl_error("sallyport-store: %s", what);
	tool->has_failed = true;
	return -EIO;
}

/* There will be no answer. */
static int
lose_answer(struct store_tool *tool, const char *what)
{
	char text[160];

	snprintf(text, sizeof(text), "%s; %s", what,
	    tool->is_committing ? "whether it was changed is not known: look, and repeat the command if not"
				: "nothing was changed");
	return store_tool_refuse(tool, text);
}

/* Send what waits. What it says meanwhile stays in its pipe: requests without an answer are the only ones that pile up. */
static int
send_requests(struct store_tool *tool)
{
	size_t sent = 0;

	while (sent < tool->requests.len) {
		ssize_t n = write(tool->to_fd, tool->requests.data + sent, tool->requests.len - sent);

		if (n > 0) {
			sent += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			if (io_wait(tool->to_fd, POLLOUT, monotonic_ms() + ANSWER_MS) == 0)
				return store_tool_refuse(
				    tool, "the database takes nothing for two minutes; nothing was changed");
		} else if (n < 0 && errno == EPIPE) {
			break; /* it has said why, and that is read next */
		} else if (n < 0 && errno != EINTR) {
			return store_tool_refuse(tool, strerror(errno));
		}
	}
	explicit_bzero(tool->requests.data, tool->requests.len);
	buf_clear(&tool->requests);
	return 0;
}

int
store_tool_ask(struct store_tool *tool, enum dialog_request request, const char *argument, size_t len)
{
	if (tool->has_failed)
		return -EIO;
	tool->is_committing = request == DIALOG_COMMIT || request == DIALOG_FORGET;
	if (!dialog_may_carry(argument, len))
		return store_tool_refuse(tool, "text that is not UTF-8, which no database of accounts takes");
	buf_add_text(&tool->requests, dialog_requests[request]);
	if (len > 0) {
		buf_add(&tool->requests, " ", 1);
		buf_add(&tool->requests, argument, len);
	}
	buf_add(&tool->requests, "\n", 1);
	if (tool->requests.error < 0)
		return store_tool_refuse(tool, "no memory");
	return tool->requests.len >= REQUESTS_MAX ? send_requests(tool) : 0;
}

/* More of its output, after what is left of the last. */
static int
read_more(struct store_tool *tool)
{
	ssize_t n;
	int r;

	memmove(tool->input, tool->input + tool->input_at, tool->input_len - tool->input_at);
	tool->input_len -= tool->input_at;
	tool->input_at = 0;
	if (tool->input_len > DIALOG_LINE_MAX)
		return store_tool_refuse(tool, "a line that is too long; nothing more is read of it");
	r = io_wait(tool->from_fd, POLLIN, monotonic_ms() + ANSWER_MS);
	if (r == 0)
		return lose_answer(tool, "the database does not answer for two minutes");
	n = r < 0 ? r : read(tool->from_fd, tool->input + tool->input_len, READ_SIZE);
	if (n < 0)
		return store_tool_refuse(tool, "its output cannot be read");
	if (n == 0)
		return lose_answer(tool, "it ended without an answer");
	tool->input_len += (size_t)n;
	return 0;
}

int
store_tool_answer(struct store_tool *tool, const char **argument, size_t *len)
{
	char *line, *newline;
	int answer;

	if (tool->has_failed || (tool->requests.len > 0 && send_requests(tool) < 0))
		return -EIO;
	while ((newline = memchr(tool->input + tool->input_at, '\n', tool->input_len - tool->input_at)) == NULL)
		if (read_more(tool) < 0)
			return -EIO;
	line = tool->input + tool->input_at;
	tool->input_at += (size_t)(newline - line) + 1;
	*newline = '\0';
	answer = dialog_parse_answer(line, (size_t)(newline - line), argument, len);
	if (answer < 0)
		return store_tool_refuse(tool, "an answer that is none; is it the program of this version?");
	if (answer == DIALOG_FAILED) {
		if (!tool->has_failed)
			ctl_error("%s", ctl_shown(*argument));
		tool->has_failed = true;
		return -EIO;
	}
	return answer;
}

int
store_tool_expect(struct store_tool *tool, enum dialog_answer answer, const char **argument, size_t *len)
{
	const char *text;
	size_t text_len;
	int got = store_tool_answer(tool, &text, &text_len);

	if (argument != NULL) {
		*argument = text;
		*len = text_len;
	}
	if (got < 0)
		return got;
	if (got == (int)answer)
		return 0;
	return got == DIALOG_NONE ? -ENOENT : store_tool_refuse(tool, "an answer to another question");
}
