/* SPDX-License-Identifier: ISC */
#include "daemon/master/log_targets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/death.h"
#include "common/io.h"
#include "daemon/master/log_switches.h"
#include "daemon/master/master.h"
#include "daemon/master/oom.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/logger/logger.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

#define SYSLOG_SOCKET "/dev/log"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define LOG_FILE_MODE 0600
#define RESTART_MS 1000 /* at least between two starts of the logger */
#define RECORDS_BUFFER (1 << 20) /* bytes that may wait for the logger before records are dropped */

static struct ipc_message message;

static int
hand_over(struct master *master, enum log_target_kind kind, bool is_used, int fd)
{
	ipc_begin(&message, IPC_log_target);
	ipc_put_u8(&message, (uint8_t)kind);
	ipc_put_u8(&message, (uint8_t)master->config->log.format);
	ipc_put_u8(&message, is_used);
	return ipc_send_now(master->logger.channel, &message, fd);
}

/* Where nobody listens, lines go nowhere until somebody does: the logger asks again. */
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
open_file(const struct master *master, const struct config *config, const char *key, const char *path, int *fd_out,
    char *error, size_t size)
{
	struct trust_problem problem;
	char place[CONFIG_PLACE_MAX], why[TRUST_TEXT_MAX];
	int fd = trusted_file_append(path, master->service_uid, LOG_FILE_MODE, &problem);

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

int
log_targets_open(
    const struct master *master, const struct config *config, struct log_files *files, char *error, size_t size)
{
	bool is_stderr = target_is(config, "stderr");
	bool is_syslog = target_is(config, "syslog");
	bool is_journal = target_is(config, "journal");
	int r = 0;

	for (int kind = 0; kind < LOG_TARGET_COUNT; kind++)
		files->fds[kind] = -1;
	/* in the foreground, standard error has every line, and syslog none; the journal is not told twice */
	if (is_stderr || (master->is_foreground && !(is_journal && master->is_stderr_journal))) {
		files->fds[LOG_TARGET_STDERR] = dup(STDERR_FILENO);
		r = files->fds[LOG_TARGET_STDERR] < 0 ? -errno : 0;
	}
	if (r == 0 && is_syslog && !master->is_foreground)
		r = open_datagrams(LOG_TARGET_SYSLOG, &files->fds[LOG_TARGET_SYSLOG]);
	if (r == 0 && is_journal)
		r = open_datagrams(LOG_TARGET_JOURNAL, &files->fds[LOG_TARGET_JOURNAL]);
	if (r < 0)
		snprintf(error, size, "log targets cannot be opened: %s", strerror(-r));
	if (r == 0 && !is_stderr && !is_syslog && !is_journal)
		r = open_file(master, config, "target", config->log.target, &files->fds[LOG_TARGET_LINES], error, size);
	if (r == 0 && config->log.xferlog[0] != '\0')
		r = open_file(
		    master, config, "xferlog", config->log.xferlog, &files->fds[LOG_TARGET_XFERLOG], error, size);
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
log_targets_use(struct master *master, struct log_files *files)
{
	int r = 0;

	for (int kind = 0; kind < LOG_TARGET_COUNT && r == 0; kind++) {
		bool is_used = files->fds[kind] >= 0;

		r = hand_over(master, kind, is_used, is_used ? files->fds[kind] : STDIN_FILENO);
	}
	log_targets_close(files);
	return r;
}

bool
log_targets_stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char here[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(here, sizeof(here), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(stream, here) == 0;
}

int
log_targets_reopen(struct master *master, char *error, size_t size)
{
	struct log_files files;
	int r = log_targets_open(master, master->config, &files, error, size);

	if (r < 0)
		return r;
	snprintf(error, size, "log targets cannot be handed to the logger");
	return log_targets_use(master, &files);
}

/* With its targets waiting in the channel: no record is read before they are there. */
static int
start_logger(struct master *master, char *error, size_t size)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &master->logger};
	int channels[2] = {-1, -1};
	pid_t pid;
	int r;

	r = ipc_pair(channels, 0);
	if (r < 0) {
		snprintf(error, size, "cannot start the logger process: %s", strerror(-r));
		return r;
	}
	master->logger.channel = channels[0];
	r = log_targets_reopen(master, error, size);
	if (r < 0) { /* one without targets would throw away what else waits for it */
		close_fd(&channels[1]);
		close_fd(&master->logger.channel);
		return r;
	}
	pid = sandbox_fork_whole();
	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		board_leave(&master->board);
		setpgid(0, 0);
		oom_leave_protection();
		if (!sandbox_is_widened())
			dup2(STDIN_FILENO, STDERR_FILENO);
		logger_run(&(struct logger){
		    .records = master->logger.records_read,
		    .reserved = master->logger.reserved_read,
		    .master_channel = channels[1],
		    .empty_directory_fd = master->empty_directory_fd,
		    .uid = master->service_uid,
		    .gid = master->service_gid,
		    .dropped = master->logger.dropped,
		    .format = master->config->log.format,
		});
	}
	if (pid < 0) {
		r = -errno;
		snprintf(error, size, "cannot start the logger process: %s", strerror(-r));
		close_fd(&master->logger.channel);
	} else {
		master->logger.pid = pid;
		master->logger.started_ms = monotonic_ms();
		if (epoll_ctl(master->epoll_fd, EPOLL_CTL_ADD, master->logger.channel, &event) < 0)
			r = -errno;
	}
	close_fd(&channels[1]);
	return r;
}

/* A channel of records. The order of its ends is the caller's: the kernel makes the first one first. */
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

int
log_targets_start(struct master *master, char *error, size_t size)
{
	int r;

	snprintf(error, size, "cannot start the logger process");
	master->logger.channel = -1;
	master->logger.dropped =
	    mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (master->logger.dropped == MAP_FAILED)
		return -errno;
	/* the ends that sessions keep have neighbouring numbers: they close what is between in one call */
	r = make_records(&master->logger.records_read, &master->logger.records, &master->logger.records);
	if (r == 0)
		r = make_records(&master->logger.reserved, &master->logger.reserved_read, &master->logger.reserved);
	if (r < 0)
		return r;
	r = log_switches_init(master);
	if (r == 0)
		r = start_logger(master, error, size);
	log_set_dropped_counter(master->logger.dropped);
	log_set_reserved_channel(master->logger.reserved);
	log_set_channel(master->logger.records, (enum log_level)master->config->log.level);
	return r;
}

static void
reconnect(struct master *master, enum log_target_kind kind)
{
	int fd = -1;

	if (open_datagrams(kind, &fd) == 0)
		(void)!hand_over(master, kind, true, fd);
	close_fd(&fd);
}

/* The record waits in the channel for the next logger. */
static void
log_logger_alarm(void)
{
	uint32_t number = ipc_get_u32(&message);

	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("died", "logger");
	log_field_text("stopped_at", sandbox_syscall_name(number));
	log_end();
}

void
log_targets_receive(struct master *master)
{
	int r;

	if (master->logger.channel < 0)
		return;
	r = ipc_receive_now(master->logger.channel, IPC_MASTER, IPC_STATE_ANY, &message);
	if (r == 0 && message.kind == IPC_log_reconnect && target_is(master->config, "syslog"))
		reconnect(master, LOG_TARGET_SYSLOG);
	else if (r == 0 && message.kind == IPC_log_reconnect && target_is(master->config, "journal"))
		reconnect(master, LOG_TARGET_JOURNAL);
	else if (r == 0 && message.kind == IPC_log_unwatched)
		log_switches_watcher_left(master);
	else if (r == 0 && message.kind == IPC_alarm)
		log_logger_alarm();
	else if (r == -EPROTO)
		kill(master->logger.pid, SIGKILL); /* no logger of ours says that; another one is started */
	else if (r == -EPIPE)
		close_fd(&master->logger.channel); /* which takes it out of the epoll set */
}

bool
log_targets_reaped(struct master *master, pid_t pid, int status)
{
	char cause[DEATH_TEXT_MAX];

	if (master->logger.pid == 0 || pid != master->logger.pid)
		return false;
	death_text(status, cause);
	log_targets_receive(master);
	close_fd(&master->logger.channel);
	log_switches_logger_died(master);
	master->logger.pid = 0;
	log_message(LEVEL_CRITICAL, "alarm", "logger died (%s); another one is started", cause);
	master->logger.restart_at_ms = master->logger.started_ms + RESTART_MS;
	(void)!log_targets_watch(master);
	return true;
}

int
log_targets_watch(struct master *master)
{
	uint64_t now = monotonic_ms();
	char error[256];

	if (master->logger.restart_at_ms == 0)
		return -1;
	if (now < master->logger.restart_at_ms)
		return deadline_left_ms(master->logger.restart_at_ms, now);
	master->logger.restart_at_ms = 0;
	if (start_logger(master, error, sizeof(error)) == 0) {
		master->logger.was_told = false;
		return -1;
	}
	if (!master->logger.was_told)
		fprintf(stderr, "sallyportd: %s; it is tried again\n", error);
	master->logger.was_told = true;
	master->logger.restart_at_ms = now + RESTART_MS;
	return RESTART_MS;
}

void
log_targets_stop(struct master *master)
{
	close_fd(&master->logger.channel);
	close_fd(&master->logger.records);
	close_fd(&master->logger.reserved);
}
