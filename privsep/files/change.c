#include "privsep/files/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/files/partial.h"

#include "common/banned.h"

static bool
is_root(const struct home_path *path)
{
	return path->len == 1;
}

int
change_make_directory(const struct home *home, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (is_root(path))
		return -EEXIST;
	if (has_control(home_path_name(path), strlen(home_path_name(path))))
		return -EINVAL;
	r = home_open_parent(home, path, &dir_fd, &name);
	if (r == 0 && mkdirat(dir_fd, name, home->session->config->directory_mode) < 0)
		r = -errno;
	close_fd(&dir_fd);
	return r;
}

int
change_remove_directory(const struct home *home, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (is_root(path))
		return -EPERM;
	r = home_open_parent(home, path, &dir_fd, &name);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
		r = errno == EEXIST ? -ENOTEMPTY : -errno;
	if (r == -ENOTEMPTY) {
		r = partial_clear_directory(dir_fd, name);
		if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
			r = -errno;
	}
	close_fd(&dir_fd);
	return r;
}

int
change_remove_file(const struct home *home, const struct home_path *path)
{
	const char *name;
	int dir_fd = -1;
	int r;

	if (is_root(path))
		return -EISDIR;
	r = home_open_parent(home, path, &dir_fd, &name);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, 0) < 0)
		r = -errno;
	if (r == -ENOENT)
		r = partial_remove(dir_fd, name);
	close_fd(&dir_fd);
	return r;
}

int
change_rename(const struct home *home, const struct home_path *from, const struct home_path *to)
{
	const char *from_name, *to_name;
	int from_fd = -1, to_fd = -1;
	int r;

	if (is_root(from) || is_root(to))
		return -EPERM;
	if (has_control(home_path_name(to), strlen(home_path_name(to))))
		return -EINVAL;
	r = home_open_parent(home, from, &from_fd, &from_name);
	if (r == 0)
		r = home_open_parent(home, to, &to_fd, &to_name);
	if (r == 0 && renameat2(from_fd, from_name, to_fd, to_name, 0) < 0)
		r = -errno;
	close_fd(&from_fd);
	close_fd(&to_fd);
	return r;
}
