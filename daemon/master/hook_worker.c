/* SPDX-License-Identifier: ISC */
#include "daemon/master/hook_worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/death.h"
#include "common/io.h"
#include "daemon/master/master.h"
#include "daemon/master/oom.h"
#include "privsep/hooks/hooks.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

#define RESTART_MS 1000 /* at least between two starts */
#define UPLOADS_BUFFER (1 << 20) /* bytes that may wait for the process before uploads are dropped */
#define QUEUE_DIRECTORY "hooks"

static struct ipc_message message;

static bool
is_wanted(const struct master *master)
{
	return master->config->on_upload[0] != '\0' && !master->hooks.is_stopped;
}

/* Whom the program runs as. */
static int
find_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size)
{
	const char *name = config->hook_user[0] != '\0' ? config->hook_user : config->service_user;
	const struct passwd *user = getpwnam(name);

	if (user == NULL) {
		snprintf(error, size, "user '%s' does not exist", name);
		return -ENOENT;
	}
	if (user->pw_uid == 0 || user->pw_gid == 0) {
		snprintf(error, size, "'%s' is root; it must be a user without rights", name);
		return -EPERM;
	}
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}

/* What is wrong with the program itself. */
static int
check_program(const struct config *config, char *error, size_t size)
{
	struct stat st;
	int r;

	if (stat(config->on_upload, &st) < 0) {
		r = -errno;
		snprintf(error, size, "'%s': %s", config->on_upload, strerror(-r));
		return r;
	}
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
		snprintf(error, size, "'%s' is not an executable file", config->on_upload);
		return -EACCES;
	}
	if ((st.st_mode & 022) != 0) {
		snprintf(error, size, "'%s' can be changed by others than its owner; chmod go-w it", config->on_upload);
		return -EPERM;
	}
	return 0;
}

int
hook_worker_check(const struct config *config, char *error, size_t size)
{
	char place[CONFIG_PLACE_MAX], problem[512];
	const char *key = "on-upload";
	uid_t uid;
	gid_t gid;
	int r;

	if (config->on_upload[0] == '\0')
		return 0;
	r = check_program(config, problem, sizeof(problem));
	if (r == 0) {
		key = "hook-user";
		r = find_user(config, &uid, &gid, problem, sizeof(problem));
	}
	if (r < 0) {
		config_place(config, "", key, place);
		snprintf(error, size, "%s%s", place, problem);
	}
	return r;
}

/* What is surely a file of the queue, and no link to another, changes its owner. */
static void
adopt_file(int dir_fd, const char *name, uid_t former, uid_t uid, gid_t gid)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == former)
		(void)!fchown(fd, uid, gid);
	close_fd(&fd);
}

/* runs as root: hook-user has changed; what waits is the new one's. */
static void
adopt_queue(int dir_fd, uid_t former, uid_t uid, gid_t gid)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *found;

	if (dir == NULL) {
		close_fd(&fd);
		return;
	}
	while ((found = readdir(dir)) != NULL)
		adopt_file(dir_fd, found->d_name, former, uid, gid);
	closedir(dir);
}

/* One that is right already takes no capability. */
static int
settle_queue(int fd, const struct stat *st, uid_t uid, gid_t gid)
{
	bool is_ours = st->st_uid == uid && st->st_gid == gid;

	if (!is_ours && fchown(fd, uid, gid) < 0)
		return -errno;
	if ((st->st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
		return -errno;
	if (st->st_uid != uid)
		adopt_queue(fd, st->st_uid, uid, gid);
	return 0;
}

/* runs as root: the directory of the queue, below the one that only root may enter; it belongs to uid. */
static int
open_queue(const struct config *config, uid_t uid, gid_t gid, int *fd_out)
{
	struct trust_problem problem;
	int state_fd = -1, fd = -1;
	struct stat st;
	int r;

	state_fd = trusted_dir_open(config->state_directory, TRUST_ROOT_ALONE, &problem);
	if (state_fd < 0)
		return state_fd;
	fd = trusted_dir_make(state_fd, QUEUE_DIRECTORY, uid, gid, 0700, NULL);
	if (fd == -EEXIST && fstatat(state_fd, QUEUE_DIRECTORY, &st, AT_SYMLINK_NOFOLLOW) == 0)
		fd = trusted_dir_read(state_fd, QUEUE_DIRECTORY, st.st_uid, st.st_gid);
	r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : settle_queue(fd, &st, uid, gid);
	if (r < 0)
		goto out;
	*fd_out = fd;
	fd = -1; /* the caller's now */
out:
	close_fd(&state_fd);
	close_fd(&fd);
	return r;
}

/* runs in the child */
static void __attribute__((noreturn))
run(struct master *master, int channel, int queue_fd, uid_t uid, gid_t gid)
{
	const struct config *config = master->config;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	oom_leave_protection();
	board_leave(&master->board);
	if (!sandbox_is_widened())
		dup2(STDIN_FILENO, STDERR_FILENO);
	hooks_run(&(struct hooks){
	    .uploads = master->hooks.uploads_read,
	    .master_channel = channel,
	    .log_channel = master->logger.records,
	    .queue_fd = queue_fd,
	    .uid = uid,
	    .gid = gid,
	    .program = config->on_upload,
	    .timeout_s = config->hook_timeout_s,
	    .queue_max = config->hook_queue,
	    .tries_max = config->hook_tries,
	});
}

static int
start(struct master *master, char *error, size_t size)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &master->hooks};
	int channels[2] = {-1, -1}, queue_fd = -1;
	uid_t uid;
	gid_t gid;
	pid_t pid;
	int r;

	master->hooks.started_ms = monotonic_ms();
	r = find_user(master->config, &uid, &gid, error, size);
	if (r < 0)
		return r;
	r = open_queue(master->config, uid, gid, &queue_fd);
	if (r == 0)
		r = ipc_pair(channels, 0);
	if (r < 0) {
		snprintf(error, size, "the queue of hooks in '%s': %s", master->config->state_directory, strerror(-r));
		goto out;
	}
	pid = sandbox_fork_whole();
	if (pid == 0)
		run(master, channels[1], queue_fd, uid, gid);
	if (pid < 0) {
		r = -errno;
		snprintf(error, size, "cannot fork the hooks process: %s", strerror(-r));
		goto out;
	}
	master->hooks.pid = pid;
	master->hooks.channel = channels[0];
	channels[0] = -1;
	if (epoll_ctl(master->epoll_fd, EPOLL_CTL_ADD, master->hooks.channel, &event) < 0)
		r = -errno;
out:
	close_fd(&channels[0]);
	close_fd(&channels[1]);
	close_fd(&queue_fd);
	return r;
}

/* Now, or later: an upload waits in the channel meanwhile. */
static void
start_or_retry(struct master *master)
{
	char error[512] = "";

	master->hooks.restart_at_ms = 0;
	if (start(master, error, sizeof(error)) == 0)
		return;
	log_message(LEVEL_ERROR, "hook-dropped", "hooks do not run: %s", error);
	master->hooks.restart_at_ms = monotonic_ms() + 60 * RESTART_MS;
}

static int
make_channel(struct master *master)
{
	int uploads[2], bytes = UPLOADS_BUFFER;
	int r = ipc_pair(uploads, 0);

	if (r < 0)
		return r;
	master->hooks.uploads_read = uploads[0];
	master->hooks.uploads = uploads[1];
	if (setsockopt(uploads[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)!setsockopt(uploads[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

int
hook_worker_start(struct master *master)
{
	int r = master->hooks.uploads > 0 ? 0 : make_channel(master);

	master->hooks.channel = -1;
	if (r == 0 && is_wanted(master))
		start_or_retry(master);
	return r;
}

void
hook_worker_stop(struct master *master)
{
	master->hooks.is_stopped = true;
	master->hooks.restart_at_ms = 0;
	close_fd(&master->hooks.channel);
}

static bool
is_same(const struct config *a, const struct config *b)
{
	return strcmp(a->on_upload, b->on_upload) == 0 && strcmp(a->hook_user, b->hook_user) == 0 &&
	    strcmp(a->state_directory, b->state_directory) == 0 && a->hook_timeout_s == b->hook_timeout_s &&
	    a->hook_queue == b->hook_queue && a->hook_tries == b->hook_tries;
}

void
hook_worker_reload(struct master *master, const struct config *old)
{
	if (is_same(old, master->config))
		return;
	if (master->hooks.pid != 0)
		close_fd(&master->hooks.channel); /* it ends, and its end starts another */
	else if (is_wanted(master))
		start_or_retry(master);
	else
		master->hooks.restart_at_ms = 0;
}

void
hook_worker_receive(struct master *master)
{
	int r;

	if (master->hooks.channel < 0)
		return;
	r = ipc_receive_now(master->hooks.channel, IPC_MASTER, IPC_STATE_ANY, &message);
	if (r == 0 && message.kind == IPC_alarm) {
		log_begin(LEVEL_CRITICAL, "alarm");
		log_field_text("died", "hooks");
		log_field_text("stopped_at", sandbox_syscall_name(ipc_get_u32(&message)));
		log_end();
	} else if (r == -EPIPE || r == -EPROTO) {
		close_fd(&master->hooks.channel);
	}
}

bool
hook_worker_reaped(struct master *master, pid_t pid, int status)
{
	bool was_told = master->hooks.channel < 0;
	char cause[DEATH_TEXT_MAX];

	if (master->hooks.pid == 0 || pid != master->hooks.pid)
		return false;
	death_text(status, cause);
	hook_worker_receive(master);
	close_fd(&master->hooks.channel);
	master->hooks.pid = 0;
	if (!was_told || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_message(LEVEL_CRITICAL, "alarm", "hooks died (%s); another one is started", cause);
	if (!is_wanted(master))
		return true;
	master->hooks.restart_at_ms = master->hooks.started_ms + RESTART_MS;
	(void)!hook_worker_watch(master);
	return true;
}

int
hook_worker_watch(struct master *master)
{
	uint64_t now = monotonic_ms();

	if (master->hooks.restart_at_ms == 0)
		return -1;
	if (now >= master->hooks.restart_at_ms)
		start_or_retry(master);
	return master->hooks.restart_at_ms == 0 ? -1 : deadline_left_ms(master->hooks.restart_at_ms, now);
}
