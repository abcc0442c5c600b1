/* SPDX-License-Identifier: ISC */
#include "daemon/master/hook_worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "config/users.h"
#include "daemon/master/server.h"
#include "privsep/hooks/hooks.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "trusted/place.h"

#include "common/banned.h"

#define UPLOADS_BUFFER (1 << 20) /* bytes that may wait for the process before uploads are dropped */
#define QUEUE_DIRECTORY "hooks"

static bool
is_hook_wanted(const struct hook_worker *hooks)
{
	return hooks->server->config->on_upload[0] != '\0' && !hooks->is_stopped;
}

/* Change the owner of what is surely a file of the queue, and no link to another. */
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

/* One that is right already needs no capability. */
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

static int
hooks_prepare(void *arg, int channel, char *error, size_t size)
{
	struct hook_worker *hooks = arg;
	int r = config_hook_user(hooks->server->config, &hooks->uid, &hooks->gid, error, size);

	(void)channel;
	if (r < 0)
		return r;
	r = open_queue(hooks->server->config, hooks->uid, hooks->gid, &hooks->queue_fd);
	if (r < 0)
		snprintf(error, size, "the queue of hooks in '%s': %s", hooks->server->config->state_directory,
		    strerror(-r));
	return r;
}

static void
hooks_enter(void *arg, int channel)
{
	const struct hook_worker *hooks = arg;
	const struct config *config = hooks->server->config;

	hooks_run(&(struct hooks){
	    .uploads = hooks->uploads_read,
	    .master_channel = channel,
	    .log_channel = hooks->server->offer.log_channel,
	    .queue_fd = hooks->queue_fd,
	    .uid = hooks->uid,
	    .gid = hooks->gid,
	    .program = config->on_upload,
	    .timeout_s = config->hook_timeout_s,
	    .queue_max = config->hook_queue,
	    .tries_max = config->hook_tries,
	});
}

static void
hooks_release(void *arg)
{
	struct hook_worker *hooks = arg;

	close_fd(&hooks->queue_fd);
}

/* Uploads wait in the channel meanwhile. */
static void
hooks_failed(void *arg, const char *error)
{
	(void)arg;
	log_message(LEVEL_ERROR, "hook-dropped", "hooks do not run: %s", error);
}

static const struct worker_kind hooks_kind = {
    .name = "hooks",
    .prepare = hooks_prepare,
    .run = hooks_enter,
    .release = hooks_release,
    .failed = hooks_failed,
    .retry_ms = 60 * 1000,
};

static int
make_channel(struct hook_worker *hooks)
{
	int uploads[2], bytes = UPLOADS_BUFFER;
	int r = ipc_pair(uploads, 0);

	if (r < 0)
		return r;
	hooks->uploads_read = uploads[0];
	hooks->server->offer.hook_channel = uploads[1];
	if (setsockopt(uploads[1], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)!setsockopt(uploads[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

void
hook_worker_init(struct hook_worker *hooks, struct server *server)
{
	*hooks = (struct hook_worker){.server = server, .uploads_read = -1, .queue_fd = -1};
}

void
hook_worker_take_channel(struct hook_worker *hooks, int uploads, int uploads_read)
{
	hooks->server->offer.hook_channel = uploads;
	hooks->uploads_read = uploads_read;
}

int
hook_worker_start(struct hook_worker *hooks)
{
	int r = hooks->server->offer.hook_channel > 0 ? 0 : make_channel(hooks);

	worker_init(&hooks->worker, &hooks_kind, hooks->server->loop, &hooks->server->board, hooks);
	if (r == 0 && is_hook_wanted(hooks))
		worker_restart(&hooks->worker);
	return r;
}

void
hook_worker_stop(struct hook_worker *hooks)
{
	hooks->is_stopped = true;
	worker_stop(&hooks->worker);
}

static bool
is_same_hook(const struct config *a, const struct config *b)
{
	return strcmp(a->on_upload, b->on_upload) == 0 && strcmp(a->hook_user, b->hook_user) == 0 &&
	    strcmp(a->state_directory, b->state_directory) == 0 && a->hook_timeout_s == b->hook_timeout_s &&
	    a->hook_queue == b->hook_queue && a->hook_tries == b->hook_tries;
}

void
hook_worker_reload(struct hook_worker *hooks, const struct config *old)
{
	if (is_same_hook(old, hooks->server->config))
		return;
	if (is_hook_wanted(hooks))
		worker_restart(&hooks->worker);
	else
		worker_stop(&hooks->worker);
}
