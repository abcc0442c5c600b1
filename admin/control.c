/* SPDX-License-Identifier: ISC */
#include "admin/control.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/ctl.h"
#include "common/buf.h"
#include "common/io.h"
#include "config/config.h"

#include "common/banned.h"

#define SOCKET_NAME "control"
#define REQUEST_MAX 2048
#define WAIT_S 150 /* for the next line; a reload may take its time */
#define SERVED_S 5 /* whether one answers at all */
#define LINE_SHOWN_MAX 4096
#define REPLACED_MAX 3 /* servers that hang up because another has taken over */
#define FOLLOW_MS 10000 /* for a server, or its logger, that starts again */
#define FOLLOW_EVERY_MS 200

static void
ignore_error(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/*
 * The server may run although its configuration file is broken by now, and only the server can say so. Then search
 * the file for the one line that is needed.
 */
static void
find_runtime_directory(const char *path, char directory[PATH_MAX])
{
	char line[LINE_SHOWN_MAX];
	FILE *file = fopen(path, "re");

	snprintf(directory, PATH_MAX, "%s", RUNDIR "/sallyport");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		char value[108];

		if (sscanf(line, " runtime-directory = \"%107[^\"]\"", value) == 1)
			snprintf(directory, PATH_MAX, "%s", value);
	}
	fclose(file);
}

static void
socket_path(const struct ctl *ctl, const char *socket_name, struct sockaddr_un *name)
{
	struct config *config = NULL;
	char directory[PATH_MAX];

	if (config_load(ctl->config_path, ignore_error, NULL, &config) == 0)
		snprintf(directory, sizeof(directory), "%s", config->runtime_directory);
	else
		find_runtime_directory(ctl->config_path, directory);
	config_free(config);
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(name->sun_path, sizeof(name->sun_path), "%.90s/%s", directory, socket_name);
}

/* A server that hangs accepts nobody, and its queue may be full: connect(2) would wait for ever. Or -errno. */
static int
connect_in_time(const struct sockaddr_un *name, time_t wait_s)
{
	struct timeval wait = {.tv_sec = wait_s};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (const struct sockaddr *)name, sizeof(*name)) == 0)
		return fd;
	r = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close_fd(&fd);
	return r;
}

int
control_connect(const struct ctl *ctl, const char *socket_name)
{
	struct sockaddr_un name;
	int fd, r;

	socket_path(ctl, socket_name, &name);
	fd = connect_in_time(&name, WAIT_S);
	if (fd >= 0)
		return fd;
	r = -fd;
	if (r == ENOENT || r == ECONNREFUSED)
		ctl_error(
		    "the server is not running: nothing answers at '%s'; start it with 'systemctl start sallyportd', "
		    "or name its configuration with -c",
		    ctl_quote(name.sun_path));
	else if (r == EACCES || r == EPERM)
		ctl_error("cannot ask the server at '%s': only root may; try with sudo", ctl_quote(name.sun_path));
	else
		ctl_error("cannot ask the server at '%s': %s", ctl_quote(name.sun_path), strerror(r));
	return -1;
}

bool
control_is_served(const struct ctl *ctl)
{
	struct sockaddr_un name;
	int fd;

	socket_path(ctl, SOCKET_NAME, &name);
	fd = connect_in_time(&name, SERVED_S);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool
send_request(int fd, const char *const words[])
{
	struct buf request;
	int r;

	buf_init(&request, REQUEST_MAX);
	for (size_t i = 0; words[i] != NULL; i++) {
		buf_add_text(&request, i == 0 ? "" : "\t");
		buf_add_text(&request, words[i]);
	}
	buf_add(&request, "\n", 1);
	r = request.error;
	if (r == 0 && send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
		r = -EPIPE;
	buf_free(&request);
	if (r == -ENOBUFS)
		ctl_error("the request is too long; at most %d bytes", REQUEST_MAX);
	return r != -ENOBUFS; /* a server that hangs up has perhaps said why */
}

static bool
is_last_line(const json_t *line)
{
	return json_object_get(line, "done") != NULL || json_object_get(line, "error") != NULL;
}

/* The next line as an object; NULL at the end, or for anything else. */
static json_t *
next_reply_line(FILE *in, char **text, size_t *size)
{
	ssize_t len = getline(text, size, in);

	return len <= 0 ? NULL : json_loadb(*text, (size_t)len, 0, NULL);
}

static json_t *
read_reply(int fd, void (*row)(void *arg, const json_t *line), void *arg)
{
	FILE *in = fdopen(fd, "r");
	char *text = NULL;
	size_t size = 0;
	json_t *line = NULL;

	if (in == NULL) {
		close(fd);
		return NULL;
	}
	while ((line = next_reply_line(in, &text, &size)) != NULL && !is_last_line(line)) {
		if (row != NULL)
			row(arg, line);
		json_decref(line);
	}
	free(text);
	fclose(in);
	return line;
}

/* The process that listens there; 0: the kernel does not say. */
static pid_t
server_of(int fd)
{
	struct ucred peer = {.pid = 0};
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ? 0 : peer.pid;
}

/*
 * The last line of the reply. NULL: none came, and *server is the process that listened, or 0 when that was reported.
 */
static json_t *
exchange(const struct ctl *ctl, const char *const words[], void (*row)(void *arg, const json_t *line), void *arg,
    pid_t *server)
{
	int fd = control_connect(ctl, SOCKET_NAME);

	*server = 0;
	if (fd < 0)
		return NULL;
	if (!send_request(fd, words)) {
		close(fd);
		return NULL;
	}
	*server = server_of(fd);
	return read_reply(fd, row, arg);
}

/* The process that answers there now; 0: the kernel does not say; -1: none. */
static pid_t
present_server(const struct ctl *ctl)
{
	struct sockaddr_un name;
	pid_t pid = -1;
	int fd;

	socket_path(ctl, SOCKET_NAME, &name);
	fd = connect_in_time(&name, FOLLOW_MS / 1000);
	if (fd >= 0)
		pid = server_of(fd);
	close_fd(&fd);
	return pid;
}

/* Another server has the name now: one that has just taken over. */
static bool
was_replaced(const struct ctl *ctl, pid_t former)
{
	pid_t present = former == 0 ? -1 : present_server(ctl);

	return present >= 0 && present != former;
}

/* The rows of a reply on their way, which are shown once. */
struct rows {
	void (*show)(void *arg, const json_t *line);
	void *arg;
	size_t count;
};

static void
count_row(void *arg, const json_t *line)
{
	struct rows *rows = arg;

	rows->count++;
	if (rows->show != NULL)
		rows->show(rows->arg, line);
}

struct json_t *
control_ask(
    const struct ctl *ctl, const char *const words[], void (*row)(void *arg, const struct json_t *line), void *arg)
{
	struct rows rows = {row, arg, 0};
	pid_t server;
	json_t *last = exchange(ctl, words, count_row, &rows, &server);

	/* a server that retires hangs up; what it was asked, it has left to the next one */
	for (int i = 0; i < REPLACED_MAX && last == NULL && rows.count == 0 && was_replaced(ctl, server); i++)
		last = exchange(ctl, words, count_row, &rows, &server);
	if (last == NULL && server != 0) {
		ctl_error("the server has closed the connection; was it stopped?");
	} else if (last != NULL && json_object_get(last, "error") != NULL) {
		ctl_error("%s", control_text(last, "error"));
		json_decref(last);
		last = NULL;
	}
	return last;
}

/*
 * A reply without a last line is cut off. Report by which event, as far as can be known here. False: no server goes
 * on.
 */
static bool
tell_cut(const struct ctl *ctl, pid_t former, uint64_t deadline)
{
	pid_t present = present_server(ctl);

	while (present < 0 && monotonic_ms() < deadline) {
		poll(NULL, 0, FOLLOW_EVERY_MS);
		present = present_server(ctl);
	}
	if (present < 0)
		ctl_error("the server has stopped");
	else if (present == former)
		ctl_error("the server's logger has ended, and another one starts; events in between are not shown");
	else
		ctl_error(
		    "process %ld serves now, and its events follow; those in between are not shown", (long)present);
	return present >= 0;
}

/*
 * One try of control_follow(). 1: to be asked again; 0: the reply has ended; -1: as it says. *deadline: until when a
 * reply that was cut off may go on; 0: it went on.
 */
static int
follow_once(const struct ctl *ctl, const char *const words[], struct rows *rows, uint64_t *deadline)
{
	size_t count = rows->count;
	uint64_t asked_ms = monotonic_ms();
	pid_t server;
	json_t *last = exchange(ctl, words, count_row, rows, &server);
	bool is_refused = last != NULL && json_object_get(last, "error") != NULL;
	int r = -1;

	if (rows->count > count || monotonic_ms() - asked_ms >= FOLLOW_MS)
		*deadline = 0;
	if (last != NULL && !is_refused) {
		r = 0;
	} else if (*deadline != 0 && monotonic_ms() < *deadline) {
		/* as long as there is no new logger, it is refused */
		poll(NULL, 0, FOLLOW_EVERY_MS);
		r = 1;
	} else if (is_refused) {
		ctl_error("%s", control_text(last, "error"));
	} else if (server != 0 && *deadline != 0) {
		ctl_error("the server closes the connection again and again");
	} else if (server != 0) {
		*deadline = monotonic_ms() + FOLLOW_MS;
		r = tell_cut(ctl, server, *deadline) ? 1 : -1;
	}
	json_decref(last);
	return r;
}

int
control_follow(
    const struct ctl *ctl, const char *const words[], void (*row)(void *arg, const struct json_t *line), void *arg)
{
	struct rows rows = {row, arg, 0};
	uint64_t deadline = 0;
	int r;

	do
		r = follow_once(ctl, words, &rows, &deadline);
	while (r > 0);
	return r;
}

const char *
control_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : ctl_shown(text);
}

long long
control_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}
