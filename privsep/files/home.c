/* SPDX-License-Identifier: ISC */
#include "privsep/files/home.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/link_way.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define RACES_MAX 64	/* lost races with a rename before an operation gives up */
#define LINKS_MAX 40	/* as the kernel's own bound */

static bool
keeps_or_retains(const struct files_session *session)
{
	return session->keep.days > 0 || session->keep.retain_days > 0;
}

int
home_init(struct home *home, const struct files_session *session)
{
	struct stat st;

	if (fstat(session->home_fd, &st) < 0)
		return -errno;
	storage_probe(session->home_fd, st.st_dev);
	*home = (struct home){.fd = session->home_fd,
	    .device = st.st_dev,
	    .inode = st.st_ino,
	    .session = session,
	    .keep = keeps_or_retains(session) ? &session->keep : NULL};
	return 0;
}

mode_t
files_file_mode(const struct files_session *session)
{
	return (session->file_mode != 0 ? session->file_mode : session->config->file_mode) | session->least_file_mode;
}

mode_t
files_directory_mode(const struct files_session *session)
{
	return (session->directory_mode != 0 ? session->directory_mode : session->config->directory_mode) |
	    session->least_directory_mode;
}

bool
files_is_atomic(const struct files_session *session)
{
	return session->config->uploads == UPLOADS_ATOMIC || keeps_or_retains(session);
}

/*
 * "Not a directory" tells that there is a file. A session that may not list everywhere learns no more than that there is
 * no such directory.
 */
static int
open_error(const struct home *home, int error)
{
	const struct files_session *session = home->session;
	bool is_secret = session != NULL && (session->zones != NULL || (session->rights & MAY_LIST) == 0);

	return error == ENOTDIR && is_secret ? -ENOENT : -error;
}

/* By a link or without: of an account that may not use some names, or has a keep, each name on the way is looked at. */
static bool
minds_names(const struct home *home)
{
	return home->keep != NULL || (home->session != NULL && patterns_deny_some(home->session->patterns));
}

static int
open_where_some_are_denied(const struct home *home, const char *relative, int flags, int *fd_out)
{
	int r = link_way_open(home->fd, home->session->patterns, relative, flags | O_CLOEXEC, fd_out);

	return r < 0 ? open_error(home, -r) : 0;
}

int
home_open(const struct home *home, const char *relative, int flags, int *fd_out)
{
	struct open_how how = {
	    .flags = (unsigned)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	storage_refresh_way(home->fd, relative);
	if (minds_names(home))
		return open_where_some_are_denied(home, relative, flags, fd_out);
	/* EAGAIN: a rename somewhere on the way made the kernel unsure about ".." */
	for (int race = 0; race < RACES_MAX; race++) {
		long fd = syscall(SYS_openat2, home->fd, relative, &how, sizeof(how));

		if (fd >= 0) {
			*fd_out = (int)fd;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return open_error(home, errno);
	}
	return -EAGAIN;
}

static int
stat_with(const struct home *home, const struct home_path *path, int flags, struct stat *st)
{
	int fd = -1;
	int r;

	r = home_open(home, home_path_relative(path), O_PATH | flags, &fd);
	if (r == 0)
		r = storage_look_at_fd(fd, st);
	close_fd(&fd);
	return r;
}

int
home_stat(const struct home *home, const struct home_path *path, struct stat *st)
{
	return stat_with(home, path, 0, st);
}

int
home_lstat(const struct home *home, const struct home_path *path, struct stat *st)
{
	return stat_with(home, path, O_NOFOLLOW, st);
}

/* Open the directory part of text ("a/b/name": "a/b"; "name": the home). */
static int
open_directory_of(const struct home *home, const char *text, int *dir_fd_out)
{
	const char *slash = strrchr(text, '/');
	char directory[PATH_MAX] = ".";
	int r;

	if (slash != NULL && slash != text) {
		memcpy(directory, text, (size_t)(slash - text));
		directory[slash - text] = '\0';
	}
	r = home_open(home, directory, O_PATH | O_DIRECTORY, dir_fd_out);
	if (r == 0)
		storage_refresh(*dir_fd_out);
	return r;
}

int
home_open_parent(const struct home *home, const struct home_path *path, int *dir_fd_out, const char **name)
{
	*name = path->len == 1 ? "." : home_path_name(path);
	return open_directory_of(home, home_path_relative(path), dir_fd_out);
}

/* The last component of a text after links were put in; -EISDIR where it cannot be the name of a file. */
static int
target_name(const char *text, char name[NAME_MAX + 1])
{
	const char *slash = strrchr(text, '/');
	const char *last = slash == NULL ? text : slash + 1;
	size_t len = strlen(last);

	if (len == 0 || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return -EISDIR;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, last, len + 1);
	return 0;
}

/* Put a link's text in the place of the last component. Not normalised: openat2 walks the ".." itself. */
static int
replace_last(char text[PATH_MAX], const char *link, size_t link_len)
{
	const char *slash = strrchr(text, '/');
	size_t kept = slash == NULL || link[0] == '/' ? 0 : (size_t)(slash - text) + 1;

	if (kept + link_len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(text + kept, link, link_len);
	text[kept + link_len] = '\0';
	return 0;
}

/* One step: the parent of text and the name in it; when that is a link, text becomes what it points to. */
static int
target_step(const struct home *home, char text[PATH_MAX], int *dir_fd_out, char name[NAME_MAX + 1], bool *was_link,
    mode_t *type)
{
	char link[PATH_MAX];
	struct stat st;
	int dir_fd = -1;
	ssize_t len;
	int r;

	*was_link = false;
	r = target_name(text, name);
	if (r == 0 && minds_names(home) && own_name_is(name, strlen(name)))
		r = -ENOENT;
	if (r == 0 && home->session != NULL && patterns_match(home->session->patterns, true, name, strlen(name)))
		r = -EKEYREVOKED;	/* before it is looked for: there or not */
	if (r < 0)
		goto out;
	r = open_directory_of(home, text, &dir_fd);
	if (r < 0)
		goto out;
	*type = fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
	if (*type == 0 && errno != ENOENT) {
		r = -errno;
		goto out;
	}
	len = S_ISLNK(*type) ? readlinkat(dir_fd, name, link, sizeof(link)) : 0;
	if (len > 0) {
		*was_link = true;
		r = replace_last(text, link, (size_t)len);
	} else if (len == 0 || errno == EINVAL || errno == ENOENT) {	/* no link (any more); or nothing, yet */
		*dir_fd_out = dir_fd;
		dir_fd = -1;	/* the caller's now */
	} else {
		r = -errno;
	}
out:
	close_fd(&dir_fd);
	return r;
}

int
home_open_target(
    const struct home *home, const struct home_path *path, int *dir_fd_out, char name[NAME_MAX + 1], mode_t *type)
{
	char text[PATH_MAX];

	memcpy(text, home_path_relative(path), strlen(home_path_relative(path)) + 1);
	for (int links = 0; links < LINKS_MAX; links++) {
		bool was_link;
		int r = target_step(home, text, dir_fd_out, name, &was_link, type);

		if (r < 0 || !was_link)
			return r;
	}
	return -ELOOP;
}

int
home_path_push(struct home_path *path, const char *name, size_t len)
{
	size_t slash = path->len > 1;

	if (path->len + slash + len > HOME_PATH_MAX)
		return -ENAMETOOLONG;
	if (slash)
		path->text[path->len++] = '/';
	memcpy(path->text + path->len, name, len);
	path->len += len;
	path->text[path->len] = '\0';
	return 0;
}

int
home_clear_nonblock(int fd)
{
	return fcntl(fd, F_SETFL, 0) < 0 ? -errno : 0;
}

static int
must_be_plain(const struct stat *st)
{
	if (S_ISREG(st->st_mode))
		return 0;
	return S_ISDIR(st->st_mode) ? -EISDIR : -ENOTSUP;
}

/*
 * Is it worth opening at once? A hint that costs one call. It only decides whether a closer look comes first, so it
 * may resolve the path in another way than the opening.
 */
static bool
looks_plain(const struct home *home, const struct home_path *path)
{
	struct stat st;

	return fstatat(home->fd, home_path_relative(path), &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* Examine without opening, open, and check that it is the same: no FIFO or device is opened on purpose. */
int
home_open_file(const struct home *home, const struct home_path *path, int *fd_out, struct stat *st)
{
	struct stat before;
	int fd = -1;
	int r = 0;

	if (!looks_plain(home, path)) {
		r = home_stat(home, path, &before);
		if (r == 0)
			r = must_be_plain(&before);
	}
	if (r == 0)
		r = home_open(home, home_path_relative(path), O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);
	if (r < 0)
		goto out;
	if (fstat(fd, st) < 0) {
		r = -errno;
		goto out;
	}
	r = must_be_plain(st);	/* another plain file by now is as good */
	if (r == 0)
		r = home_clear_nonblock(fd);
	if (r < 0)
		goto out;
	*fd_out = fd;
	fd = -1;	/* the caller's now */
out:
	close_fd(&fd);
	return r;
}

int
home_name_error(int error)
{
	return error == EBUSY ? -EXDEV : -error;
}

int
home_enter(const struct home *home, const struct home_path *path)
{
	int fd = -1, inside_fd = -1;
	int r;

	r = home_open(home, home_path_relative(path), O_PATH | O_DIRECTORY, &fd);
	if (r < 0)
		return r;
	/* looking up "." asks for the right to search, which O_PATH alone does not */
	inside_fd = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (inside_fd < 0)
		r = -errno;
	close_fd(&inside_fd);
	close_fd(&fd);
	return r;
}

int
home_full_path(const struct home *tree, struct home_path *path)
{
	size_t len = tree->at == NULL ? 0 : strlen(tree->at);

	if (len == 0)
		return 0;
	if (path->len == 1) {
		path->len = len;
		memcpy(path->text, tree->at, len + 1);
		return 0;
	}
	if (path->len + len > HOME_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(path->text + len, path->text, path->len + 1);
	memcpy(path->text, tree->at, len);
	path->len += len;
	return 0;
}
