/* SPDX-License-Identifier: ISC */
#include "client/ui/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "client/ui/remote_glob.h"
#include "client/ui/signals.h"
#include "client/ui/transfers.h"
#include "common/io.h"

#include "common/banned.h"

#define QUIET_MS 300 /* without a change, before the changes are passed on */
#define QUIET_AT_MOST_MS 3000 /* changes that never end are passed on so often */
#define DEPTH_MAX 128
#define EVENTS \
	(IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | \
	    IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct watched {
	int wd;
	char *path; /* below the root; owned */
};

struct watch {
	int root_fd, fd;
	void *directories; /* tree of struct watched, by wd */
	void *changed, *written; /* trees of owned texts */
	size_t changed_count;
	bool is_all;
};

static int
compare_watched(const void *a, const void *b)
{
	const struct watched *left = a, *right = b;

	return (left->wd > right->wd) - (left->wd < right->wd);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
free_watched(void *node)
{
	struct watched *watched = node;

	free(watched->path);
	free(watched);
}

/* Add a text to a tree, once. Returns 1 when it is new, 0, or -ENOMEM. */
static int
note_text(void **tree, const char *text)
{
	char *own = strdup(text), **found;

	if (own == NULL)
		return -ENOMEM;
	found = tsearch(own, tree, compare_texts);
	if (found != NULL && *found == own)
		return 1;
	free(own);
	return found == NULL ? -ENOMEM : 0;
}

static void
remove_text(void **tree, const char *text)
{
	char **found = tfind(text, tree, compare_texts), *own;

	if (found == NULL)
		return;
	own = *found;
	tdelete(text, tree, compare_texts);
	free(own);
}

int
watch_again(struct watch *watch, const char *path)
{
	int r;

	if (path == NULL) {
		watch->is_all = true;
		return 0;
	}
	r = note_text(&watch->changed, path);
	watch->changed_count += r == 1;
	return r < 0 ? r : 0;
}

bool
watch_is_written(const struct watch *watch, const char *path)
{
	return tfind(path, &watch->written, compare_texts) != NULL;
}

/* --- directories --- */

/* Remember the path of a watch; the same directory has the same number. Takes path over. */
static int
remember_watch(struct watch *watch, int wd, char *path)
{
	struct watched *watched = malloc(sizeof(*watched)), **found;

	if (watched == NULL || path == NULL) {
		free(watched);
		free(path);
		return -ENOMEM;
	}
	*watched = (struct watched){wd, path};
	found = tsearch(watched, &watch->directories, compare_watched);
	if (found == NULL) {
		free_watched(watched);
		return -ENOMEM;
	}
	if (*found != watched) {
		char *old = (*found)->path;

		(*found)->path = path;
		watched->path = old;
		free_watched(watched);
	}
	return 0;
}

static int add_tree(struct watch *watch, const char *path, int depth);

/* The directories in an open one; takes fd over. */
static int
add_inner_trees(struct watch *watch, int fd, const char *path, int depth)
{
	DIR *directory = fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (directory == NULL) {
		close_fd(&fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(directory)) != NULL) {
		char *inner;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		inner = path_join(path, entry->d_name);
		r = inner == NULL ? -ENOMEM : add_tree(watch, inner, depth + 1);
		free(inner);
	}
	closedir(directory);
	return r;
}

/*
 * Watch a directory, then what is in it: a name that is made meanwhile is seen by one of the two. One that is gone, or
 * may not be read, is no error here: the listing of the mirror reports it.
 */
static int
add_tree(struct watch *watch, const char *path, int depth)
{
	int fd = depth > DEPTH_MAX ? -ELOOP : open_local_beneath(watch->root_fd, path, false), wd, r;
	char name[64];

	if (fd < 0)
		return fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE ? fd : 0;
	snprintf(name, sizeof(name), "/proc/self/fd/%d/.", fd);
	wd = inotify_add_watch(watch->fd, name, EVENTS);
	r = wd < 0 ? -errno : remember_watch(watch, wd, strdup(path));
	if (r < 0) {
		close_fd(&fd);
		return r == -EACCES || r == -ENOENT ? 0 : r;
	}
	return add_inner_trees(watch, fd, path, depth);
}

/* Watch anew, with paths as they are now. */
static int
begin_watches(struct watch *watch)
{
	close_fd(&watch->fd);
	tdestroy(watch->directories, free_watched);
	tdestroy(watch->written, free);
	watch->directories = watch->written = NULL;
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return watch->fd < 0 ? -errno : add_tree(watch, "", 0);
}

int
watch_new(int root_fd, struct watch **watch)
{
	int r;

	*watch = calloc(1, sizeof(**watch));
	if (*watch == NULL)
		return -ENOMEM;
	(*watch)->root_fd = root_fd;
	(*watch)->fd = -1;
	r = begin_watches(*watch);
	if (r < 0) {
		watch_free(*watch);
		*watch = NULL;
	}
	return r;
}

void
watch_free(struct watch *watch)
{
	if (watch == NULL)
		return;
	close_fd(&watch->fd);
	tdestroy(watch->directories, free_watched);
	tdestroy(watch->changed, free);
	tdestroy(watch->written, free);
	free(watch);
}

/* --- events --- */

/* A file of a directory: whether it is being written. */
static int
take_file_event(struct watch *watch, const struct inotify_event *event, const char *path)
{
	if ((event->mask & IN_MODIFY) != 0)
		return note_text(&watch->written, path);
	if ((event->mask & (IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) != 0)
		remove_text(&watch->written, path);
	return 0;
}

/* A directory that moves takes its watches along, with wrong paths: then all of them are made anew. */
static int
take_directory_event(struct watch *watch, const struct inotify_event *event, const char *path)
{
	if ((event->mask & (IN_MOVED_FROM | IN_MOVED_TO)) != 0)
		watch->is_all = true;
	return (event->mask & IN_CREATE) != 0 ? add_tree(watch, path, 0) : 0;
}

static int
take_event(struct watch *watch, const struct inotify_event *event)
{
	struct watched wanted = {.wd = event->wd}, **found;
	char *path;
	int r;

	if ((event->mask & IN_Q_OVERFLOW) != 0) {
		watch->is_all = true;
		return 0;
	}
	found = tfind(&wanted, &watch->directories, compare_watched);
	if (found == NULL)
		return 0;
	if ((event->mask & IN_IGNORED) != 0) {
		struct watched *gone = *found;

		tdelete(&wanted, &watch->directories, compare_watched);
		free_watched(gone);
		return 0;
	}
	if (event->len == 0)
		return 0;
	path = path_join((*found)->path, event->name);
	r = path == NULL ? -ENOMEM : watch_again(watch, (*found)->path);
	if (r == 0)
		r = (event->mask & IN_ISDIR) != 0 ? take_directory_event(watch, event, path)
						  : take_file_event(watch, event, path);
	free(path);
	return r < 0 ? r : 0;
}

/* Take all events that wait. Returns 1 when there were some, 0, -errno. */
static int
take_events(struct watch *watch)
{
	char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool has_any = false;

	for (;;) {
		ssize_t n = read(watch->fd, events, sizeof(events));

		if (n < 0 && errno == EINTR && !signals_have_aborted())
			continue;
		if (n <= 0)
			return n < 0 && errno != EAGAIN && errno != EINTR ? -errno : has_any;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
			int r = take_event(watch, event);

			if (r < 0)
				return r;
			has_any = true;
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

/* Wait for events, and take them. Returns 1, 0 in time or at a signal, -errno. */
static int
wait_for_events(struct watch *watch, int timeout_ms)
{
	struct pollfd poll_fd = {.fd = watch->fd, .events = POLLIN};
	int r = poll(&poll_fd, 1, timeout_ms);

	if (r <= 0)
		return r < 0 && errno != EINTR ? -errno : 0;
	return take_events(watch);
}

int
watch_wait(struct watch *watch, int timeout_ms)
{
	uint64_t deadline;
	int r = 0;

	if (watch->changed_count == 0 && !watch->is_all)
		r = wait_for_events(watch, timeout_ms);
	if (r < 0 || (watch->changed_count == 0 && !watch->is_all))
		return r < 0 ? r : 0;
	deadline = monotonic_ms() + QUIET_AT_MOST_MS;
	do
		r = wait_for_events(watch, QUIET_MS);
	while (r > 0 && monotonic_ms() < deadline && !signals_have_aborted());
	return r < 0 ? r : 1;
}

/* --- what has changed --- */

struct taken {
	char **paths;
	size_t count;
};

static void
take_path(const void *node, VISIT visit, void *closure)
{
	struct taken *taken = closure;

	if (visit == postorder || visit == leaf)
		taken->paths[taken->count++] = *(char *const *)node;
}

static void
leave_text(void *text)
{
	(void)text;
}

int
watch_take(struct watch *watch, char ***paths, size_t *count, bool *is_all)
{
	struct taken taken = {calloc(watch->changed_count + 1, sizeof(char *)), 0};
	int r = taken.paths == NULL ? -ENOMEM : 0;

	if (r < 0)
		return r;
	*is_all = watch->is_all;
	watch->is_all = false;
	if (*is_all)
		r = begin_watches(watch);
	twalk_r(watch->changed, take_path, &taken);
	/* the texts are the caller's now */
	tdestroy(watch->changed, leave_text);
	watch->changed = NULL;
	watch->changed_count = 0;
	*paths = taken.paths;
	*count = taken.count;
	return r;
}
