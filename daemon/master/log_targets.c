/* SPDX-License-Identifier: ISC */
#include "daemon/master/log_targets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "common/io.h"
#include "common/journal.h"
#include "daemon/master/log_switches.h"
#include "daemon/master/server.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/logger/logger.h"
#include "trusted/place.h"

#include "common/banned.h"

#define SYSLOG_SOCKET "/dev/log"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define LOG_FILE_MODE 0600
#define RESTART_MS 1000 /* between two tries to start the logger */
#define TELL_DEATH_MS 60000 /* until the same death of a logger is reported on standard error again */
#define RECORDS_BUFFER (1 << 20) /* bytes that may wait for the logger before records are dropped */

static struct ipc_message message;

static int
hand_over(struct log_targets *targets, enum log_target_kind kind, bool is_used, int fd)
{
	ipc_begin(&message, IPC_log_target);
	ipc_put_u8(&message, (uint8_t)kind);
	ipc_put_u8(&message, (uint8_t)targets->server->config->log.format);
	ipc_put_u8(&message, is_used);
	return ipc_send_now(targets->worker.channel, &message, fd);
}

/* While nobody listens, lines go nowhere; the logger asks again. */
static int
open_datagrams(enum log_target_kind kind, int *fd_out)
{
	static const struct sockaddr_un syslog_name = {.sun_family = AF_UNIX, .sun_path = SYSLOG_SOCKET};
	static const struct sockaddr_un journal_name = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	const struct sockaddr_un *name = kind == LOG_TARGET_SYSLOG ? &syslog_name : &journal_name;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)!connect(fd, (const struct sockaddr *)name, sizeof(*name));
	*fd_out = fd;
	return 0;
}

/* runs as root, maybe in a directory that is the service user's */
static int
open_log_file(const struct log_targets *targets, const struct config *config, const char *key, const char *path,
    int *fd_out, char *error, size_t size)
{
	struct trust_problem problem;
	char place[CONFIG_PLACE_MAX], why[TRUST_TEXT_MAX];
	int fd = trusted_file_append(path, targets->server->service_uid, LOG_FILE_MODE, &problem);

	if (fd < 0) {
		config_place(config, "log", key, place);
		trust_explain(&problem, why, sizeof(why));
		snprintf(error, size, "%scannot open log file '%s': %s", place, path,
		    fd == -ENXIO ? "it is a FIFO that nobody reads, or a socket" : why);
		return fd;
	}
	*fd_out = fd;
	return 0;
}

static bool
target_is(const struct config *config, const char *name)
{
	return strcmp(config->log.target, name) == 0;
}

/*
 * Where standard error leads to the journal, use the journal's protocol, unless the configuration names standard
 * error.
 */
static bool
wants_target(const struct log_targets *targets, const struct config *config, enum log_target_kind kind)
{
	bool is_stderr = target_is(config, "stderr"), is_syslog = target_is(config, "syslog");
	bool is_journal = target_is(config, "journal"), is_under_journal = targets->server->is_stderr_journal;

	switch (kind) {
	case LOG_TARGET_LINES:
		return !is_stderr && !is_syslog && !is_journal;
	case LOG_TARGET_SYSLOG:
		return is_syslog && !targets->server->is_foreground && !is_under_journal;
	case LOG_TARGET_JOURNAL:
		return is_journal || (is_under_journal && !is_stderr && (is_syslog || targets->server->is_foreground));
	case LOG_TARGET_STDERR: /* in the foreground it has every line, and syslog none */
		return (is_stderr || targets->server->is_foreground) && !is_under_journal;
	case LOG_TARGET_STREAM:
		return is_stderr && is_under_journal;
	case LOG_TARGET_XFERLOG:
		return config->log.xferlog[0] != '\0';
	case LOG_TARGET_COUNT:
		break;
	}
	return false;
}

static int
copy_stderr(int *fd_out)
{
	*fd_out = dup(STDERR_FILENO);
	return *fd_out < 0 ? -errno : 0;
}

static bool
is_connected(int fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return getpeername(fd, (struct sockaddr *)&name, &len) == 0;
}

/* A name space may hide the journal's socket: then its lines take the way over standard error. */
static int
open_journal(const struct log_targets *targets, struct log_files *files)
{
	int r = open_datagrams(LOG_TARGET_JOURNAL, &files->fds[LOG_TARGET_JOURNAL]);

	if (r < 0 || is_connected(files->fds[LOG_TARGET_JOURNAL]) || !targets->server->is_stderr_journal)
		return r;
	close_fd(&files->fds[LOG_TARGET_JOURNAL]);
	return copy_stderr(&files->fds[LOG_TARGET_STREAM]);
}

/* error is filled for files, with their key. */
static int
open_target(const struct log_targets *targets, const struct config *config, enum log_target_kind kind,
    struct log_files *files, char *error, size_t size)
{
	switch (kind) {
	case LOG_TARGET_LINES:
		return open_log_file(targets, config, "target", config->log.target, &files->fds[kind], error, size);
	case LOG_TARGET_XFERLOG:
		return open_log_file(targets, config, "xferlog", config->log.xferlog, &files->fds[kind], error, size);
	case LOG_TARGET_SYSLOG:
		return open_datagrams(kind, &files->fds[kind]);
	case LOG_TARGET_JOURNAL:
		return open_journal(targets, files);
	case LOG_TARGET_STDERR:
	case LOG_TARGET_STREAM:
		return copy_stderr(&files->fds[kind]);
	case LOG_TARGET_COUNT:
		break;
	}
	return -EINVAL;
}

int
log_targets_open(
    const struct log_targets *targets, const struct config *config, struct log_files *files, char *error, size_t size)
{
	int r = 0;

	for (int kind = 0; kind < LOG_TARGET_COUNT; kind++)
		files->fds[kind] = -1;
	for (int kind = 0; kind < LOG_TARGET_COUNT && r == 0; kind++) {
		error[0] = '\0';
		if (wants_target(targets, config, (enum log_target_kind)kind))
			r = open_target(targets, config, (enum log_target_kind)kind, files, error, size);
	}
	if (r < 0 && error[0] == '\0')
		snprintf(error, size, "log targets cannot be opened: %s", strerror(-r));
	if (r < 0)
		log_targets_close(files);
	return r;
}

void
log_targets_close(struct log_files *files)
{
	for (int kind = 0; kind < LOG_TARGET_COUNT; kind++)
		close_fd(&files->fds[kind]);
}

int
log_targets_use(struct log_targets *targets, struct log_files *files)
{
	int r = 0;

	for (int kind = 0; kind < LOG_TARGET_COUNT && r == 0; kind++) {
		bool is_used = files->fds[kind] >= 0;

		r = hand_over(targets, kind, is_used, is_used ? files->fds[kind] : STDIN_FILENO);
	}
	log_targets_close(files);
	return r;
}

int
log_targets_reopen(struct log_targets *targets, char *error, size_t size)
{
	struct log_files files;
	int r = log_targets_open(targets, targets->server->config, &files, error, size);

	if (r < 0)
		return r;
	snprintf(error, size, "log targets cannot be handed to the logger");
	return log_targets_use(targets, &files);
}

/* A channel of records. The caller chooses the order of its ends: the kernel makes the first one first. */
static int
make_records(int *first, int *second, const int *sending)
{
	int channels[2], bytes = RECORDS_BUFFER;
	int r = ipc_pair(channels, 0);

	if (r < 0)
		return r;
	*first = channels[0];
	*second = channels[1];
	if (setsockopt(*sending, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)!setsockopt(*sending, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return ipc_name_senders(sending == first ? *second : *first);
}

static void
reconnect(struct log_targets *targets, enum log_target_kind kind)
{
	int fd = -1;

	if (open_datagrams(kind, &fd) == 0)
		(void)!hand_over(targets, kind, true, fd);
	close_fd(&fd);
}

static bool
logger_receive(void *arg, struct ipc_message *received)
{
	struct log_targets *targets = arg;

	if (received->kind == IPC_log_unwatched)
		log_switches_watcher_left(targets->switches);
	else if (received->kind == IPC_log_reconnect &&
	    wants_target(targets, targets->server->config, LOG_TARGET_SYSLOG))
		reconnect(targets, LOG_TARGET_SYSLOG);
	else if (received->kind == IPC_log_reconnect &&
	    wants_target(targets, targets->server->config, LOG_TARGET_JOURNAL))
		reconnect(targets, LOG_TARGET_JOURNAL);
	else
		return received->kind == IPC_log_reconnect;
	return true;
}

/* Its targets wait in the channel: no record is read before they are there. Without, it would throw away what waits for it. */
static int
logger_prepare(void *arg, int channel, char *error, size_t size)
{
	struct log_targets *targets = arg;

	(void)channel;
	return log_targets_reopen(targets, error, size);
}

static void
logger_enter(void *arg, int channel)
{
	const struct log_targets *targets = arg;

	logger_run(&(struct logger){
	    .records = targets->records_read,
	    .reserved = targets->reserved_read,
	    .master_channel = channel,
	    .empty_directory_fd = targets->server->empty_directory_fd,
	    .uid = targets->server->service_uid,
	    .gid = targets->server->service_gid,
	    .dropped = targets->dropped,
	    .format = targets->server->config->log.format,
	});
}

static void
logger_down(void *arg)
{
	struct log_targets *targets = arg;

	log_switches_logger_died(targets->switches);
	targets->was_told = false;
}

/* Nobody writes the log now. Do not repeat what was reported a moment ago. */
static void
logger_died(void *arg, const char *line)
{
	static char told[WORKER_TEXT_MAX];
	struct log_targets *targets = arg;
	uint64_t now = monotonic_ms();

	if (strncmp(line, told, sizeof(told) - 1) == 0 && now - targets->death_told_ms < TELL_DEATH_MS)
		return;
	snprintf(told, sizeof(told), "%s", line);
	targets->death_told_ms = now;
	fprintf(stderr, "%ssallyportd: %s\n", journal_prefix(LOG_ERR), line);
}

static void
logger_failed(void *arg, const char *error)
{
	struct log_targets *targets = arg;

	if (!targets->was_told)
		fprintf(stderr, "%ssallyportd: %s; it is tried again\n", journal_prefix(LOG_ERR), error);
	targets->was_told = true;
}

static const struct worker_kind logger_kind = {
    .name = "logger",
    .prepare = logger_prepare,
    .run = logger_enter,
    .receive = logger_receive,
    .down = logger_down,
    .died = logger_died,
    .failed = logger_failed,
    .retry_ms = RESTART_MS,
};

int
log_targets_start(struct log_targets *targets, struct server *server, char *error, size_t size)
{
	int r;

	*targets = (struct log_targets){.server = server};
	snprintf(error, size, "cannot start the logger process");
	worker_init(&targets->worker, &logger_kind, targets->server->loop, &targets->server->board, targets);
	targets->dropped = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (targets->dropped == MAP_FAILED)
		return -errno;
	/* the ends that sessions keep have neighbouring numbers: they close what is between in one call */
	r = make_records(
	    &targets->records_read, &targets->server->offer.log_channel, &targets->server->offer.log_channel);
	if (r == 0)
		r = make_records(&targets->server->offer.reserved_log_channel, &targets->reserved_read,
		    &targets->server->offer.reserved_log_channel);
	if (r < 0)
		return r;
	r = log_switches_new((enum log_level)server->config->log.level, &targets->switches);
	if (r == 0)
		r = worker_start(&targets->worker, error, size);
	log_set_dropped_counter(targets->dropped);
	log_set_reserved_channel(targets->server->offer.reserved_log_channel);
	log_set_channel(targets->server->offer.log_channel, (enum log_level)targets->server->config->log.level);
	return r;
}

void
log_targets_stop(struct log_targets *targets)
{
	worker_stop(&targets->worker);
	close_fd(&targets->server->offer.log_channel);
	close_fd(&targets->server->offer.reserved_log_channel);
}
