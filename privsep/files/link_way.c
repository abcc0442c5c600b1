/* SPDX-License-Identifier: ISC */
#include "privsep/files/link_way.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accounts/patterns.h"
#include "common/io.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define RACES_MAX 64	/* lost races with a rename before an operation gives up */
#define LINKS_MAX 40	/* as the kernel's own bound */

/* A path in progress. */
struct link_way {
	size_t done_len;
	char done[PATH_MAX];	/* from the root: no link, no "..", no name that is denied; "": the root itself */
	char rest[PATH_MAX];	/* still to go */
	int links;
	bool is_last_missing;	/* nothing bears the last name of what is done, with which the path ends */
};

/* The next component of a text, and its length; 0 at the end. */
static size_t
component_length(const char **text)
{
	*text += strspn(*text, "/");
	return strcspn(*text, "/");
}

static bool
is_dot(const char *name, size_t len)
{
	return len == 1 && name[0] == '.';
}

static bool
is_dotdot(const char *name, size_t len)
{
	return len == 2 && name[0] == '.' && name[1] == '.';
}

/* 0, -EKEYREVOKED for a name that is denied, or -ENOENT for one of our own. */
static int
permit_component(const struct patterns *patterns, const char *name, size_t len)
{
	if (is_dot(name, len) || is_dotdot(name, len))
		return 0;
	if (own_name_is(name, len))
		return -ENOENT;
	return patterns_match(patterns, true, name, len) ? -EKEYREVOKED : 0;
}

static int
permit_components(const struct patterns *patterns, const char *text)
{
	size_t len;
	int r = 0;

	for (const char *name = text; r == 0 && (len = component_length(&name)) > 0; name += len)
		r = permit_component(patterns, name, len);
	return r;
}

/* Open a path in which nothing is a link. -ELOOP: something is. */
static int
open_linkless(int root_fd, const char *path, int flags, int *fd_out)
{
	struct open_how how = {
	    .flags = (unsigned)flags,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	for (int race = 0; race < RACES_MAX; race++) {
		long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

		if (fd >= 0) {
			*fd_out = (int)fd;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

static const char *
done_path(const struct link_way *way)
{
	return way->done_len == 0 ? "." : way->done;
}

static int
push_component(struct link_way *way, const char *name, size_t len)
{
	size_t slash = way->done_len > 0;

	if (way->done_len + slash + len >= sizeof(way->done))
		return -ENAMETOOLONG;
	if (slash)
		way->done[way->done_len++] = '/';
	memcpy(way->done + way->done_len, name, len);
	way->done_len += len;
	way->done[way->done_len] = '\0';
	return 0;
}

static void
pop_component(struct link_way *way)
{
	const char *slash = strrchr(way->done, '/');

	way->done_len = slash == NULL ? 0 : (size_t)(slash - way->done);
	way->done[way->done_len] = '\0';
}

/* The link at the end of what is done gives way to its text; after: what follows it. */
static int
put_link_in(struct link_way *way, const char *link, size_t link_len, const char *after)
{
	size_t after_len = strlen(after);

	if (++way->links > LINKS_MAX)
		return -ELOOP;
	if (link_len + after_len >= sizeof(way->rest))
		return -ENAMETOOLONG;
	pop_component(way);
	if (link[0] == '/')
		way->done[way->done_len = 0] = '\0';
	memmove(way->rest + link_len, after, after_len + 1); /* after begins with a slash, or is empty */
	memcpy(way->rest, link, link_len);
	return 0;
}

/* What is done ends with something new: 1 when that was a link, and rest has its text. after: what follows it in rest. */
static int
look_for_link(struct link_way *way, int root_fd, const char *after)
{
	char link[PATH_MAX];
	struct stat st;
	ssize_t len = -1;
	int fd = -1;
	int r = open_linkless(root_fd, way->done, O_PATH | O_NOFOLLOW | O_CLOEXEC, &fd);

	way->is_last_missing = r == -ENOENT && component_length(&after) == 0;
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISLNK(st.st_mode))
		r = (len = readlinkat(fd, "", link, sizeof(link))) < 0 ? -errno : 1;
	else if (*after != '\0' && !S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	close_fd(&fd);
	if (r > 0)
		r = put_link_in(way, link, (size_t)len, after);
	return r < 0 || len < 0 ? r : 1;
}

/* Put in all links. follows_last: also one at the end. */
static int
expand_links(struct link_way *way, int root_fd, const struct patterns *patterns, bool follows_last)
{
	const char *name = way->rest;
	size_t len;
	int r = 0;

	while (r >= 0 && (len = component_length(&name)) > 0) {
		const char *after = name + len;

		r = 0;
		if (is_dotdot(name, len))
			pop_component(way);
		else if (!is_dot(name, len)) {
			r = permit_component(patterns, name, len);
			if (r == 0)
				r = push_component(way, name, len);
			if (r == 0 && (follows_last || *after != '\0'))
				r = look_for_link(way, root_fd, after);
		}
		name = r > 0 ? way->rest : after;
	}
	return r < 0 ? r : 0;
}

/* Begin with nothing done. */
static int
set_out(struct link_way *way, const char *relative)
{
	size_t len = strlen(relative);

	if (len >= sizeof(way->rest))
		return -ENAMETOOLONG;
	way->done_len = 0;
	way->done[0] = '\0';
	way->links = 0;
	way->is_last_missing = false;
	memcpy(way->rest, relative, len + 1);
	return 0;
}

int
link_way_open(int root_fd, const struct patterns *patterns, const char *relative, int flags, int *fd_out)
{
	bool follows_last = (flags & O_NOFOLLOW) == 0;
	struct link_way way;
	int r = permit_components(patterns, relative);

	if (r < 0)
		return r;
	r = open_linkless(root_fd, relative, flags, fd_out);
	for (int race = 0; r == -ELOOP && race < RACES_MAX; race++) {
		r = set_out(&way, relative);
		if (r == 0)
			r = expand_links(&way, root_fd, patterns, follows_last);
		if (r < 0)
			return r;
		storage_refresh_way(root_fd, done_path(&way));
		r = open_linkless(root_fd, done_path(&way), flags, fd_out);
		if (!follows_last)
			return r;	/* what is a link at the end stays one */
	}
	return r;
}

int
link_way_resolve(int root_fd, const struct patterns *patterns, const char *relative, char real[PATH_MAX])
{
	struct link_way way;
	int r = set_out(&way, relative);

	if (r == 0)
		r = expand_links(&way, root_fd, patterns, true);
	if (r == -ENOENT && way.is_last_missing)
		r = 0;
	if (r == 0)
		memcpy(real, way.done, way.done_len + 1);
	return r;
}
