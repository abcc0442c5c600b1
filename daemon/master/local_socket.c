/* SPDX-License-Identifier: ISC */
#include "daemon/master/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

/*
 * Bind with the mode that it keeps; nothing is done to the name afterwards. bind(2) takes only paths, and keeps the
 * given one for ss(8). The path leads to dir_fd, because only root can change that.
 */
static int
bind_beside(int fd, const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s.%ld", path, (long)getpid());
	mode_t mask;
	int r;

	if (len < 0 || (size_t)len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	mask = umask(~mode & 0777);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(mask);
	return r;
}

/* Make it listen, and give it its name. */
static int
name_local_socket(struct local_socket *local, const char *beside, int backlog)
{
	struct stat st;

	if (fstatat(local->dir_fd, beside, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	local->device = st.st_dev;
	local->inode = st.st_ino;
	if (listen(local->fd, backlog) < 0 || renameat(local->dir_fd, beside, local->dir_fd, local->name) < 0)
		return -errno;
	return 0;
}

/* Under a temporary name, then under its own. */
static int
open_local_socket(struct local_socket *local, const char *path, mode_t mode, int backlog)
{
	char beside[NAME_MAX + 32];
	struct stat st;
	int r;

	if (fstatat(local->dir_fd, local->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISSOCK(st.st_mode))
		return -EEXIST;
	snprintf(beside, sizeof(beside), "%s.%ld", local->name, (long)getpid());
	(void)!unlinkat(local->dir_fd, beside, 0);
	local->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (local->fd < 0)
		return -errno;
	r = bind_beside(local->fd, path, mode);
	if (r < 0)
		return r;
	r = name_local_socket(local, beside, backlog);
	if (r < 0)
		(void)!unlinkat(local->dir_fd, beside, 0);
	return r;
}

int
local_socket_open(struct local_socket *local, const char *path, mode_t mode, int backlog, char *error, size_t size)
{
	struct trust_problem problem;
	int r;

	*local = (struct local_socket)LOCAL_SOCKET_NONE;
	local->dir_fd = trusted_parent_open(path, TRUST_ROOT_ALONE, local->name, &problem);
	if (local->dir_fd < 0) {
		trust_explain(&problem, error, size);
		return problem.error;
	}
	r = open_local_socket(local, path, mode, backlog);
	if (r < 0) {
		snprintf(error, size, "%s",
		    r == -EEXIST ? "something that is not a socket has this name; remove it" : strerror(-r));
		close_fd(&local->fd);
		close_fd(&local->dir_fd);
	}
	return r;
}

void
local_socket_close(struct local_socket *local, bool keep_name)
{
	struct stat st;

	if (!keep_name && local->fd >= 0 && local->dir_fd >= 0 &&
	    fstatat(local->dir_fd, local->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == local->device &&
	    st.st_ino == local->inode)
		(void)!unlinkat(local->dir_fd, local->name, 0);
	close_fd(&local->fd);
	close_fd(&local->dir_fd);
}

pid_t
local_socket_server(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer = {.pid = 0};
	socklen_t len = sizeof(peer);
	int fd = -1;

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) < (int)sizeof(address.sun_path))
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
	    (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0))
		peer.pid = 0;
	close_fd(&fd);
	/* a copy of the descriptor, in a process that it has forked, may outlive the listener */
	return peer.pid > 0 && kill(peer.pid, 0) == 0 ? peer.pid : 0;
}
