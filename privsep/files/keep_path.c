/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io.h"
#include "privsep/files/link_way.h"

#include "common/banned.h"

/* Is the directory of path the one in dir_fd, and the last component name? */
static int
must_lead_to(const struct home *home, const struct home_path *path, int dir_fd, const char *name)
{
	struct stat one, other;
	const char *last;
	int fd = -1;
	int r = home_open_parent(home, path, &fd, &last);

	if (r == 0 && (fstat(fd, &one) < 0 || fstat(dir_fd, &other) < 0))
		r = -errno;
	if (r == 0 && (strcmp(last, name) != 0 || one.st_ino != other.st_ino || one.st_dev != other.st_dev))
		r = -EBUSY;
	close_fd(&fd);
	return r;
}

int
keep_path_find(
    const struct home *home, const struct home_path *path, int dir_fd, const char *name, struct home_path *found)
{
	char real[PATH_MAX];
	int r;

	if (home->session->zones == NULL) {
		*found = *path;
		return 0;
	}
	r = link_way_resolve(home->fd, home->session->patterns, home_path_relative(path), real);
	if (r < 0)
		return r == -ENOENT ? -EBUSY : r;
	*found = (struct home_path){.len = 1, .text = "/"};
	r = home_path_push(found, real, strlen(real));
	return r < 0 ? r : must_lead_to(home, found, dir_fd, name);
}
