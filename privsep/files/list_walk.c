/* SPDX-License-Identifier: ISC */
#include "privsep/files/list_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/glob.h"
#include "common/io.h"
#include "privsep/files/braked.h"
#include "privsep/files/folders.h"
#include "privsep/files/list_expand.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/permitted.h"

#include "common/banned.h"

#define DEPTH_MAX 32
#define RECURSIVE_ENTRIES_MAX 1000000

/* One thing to write a line about. */
struct item {
	int dir_fd;
	const char *name; /* in dir_fd */
	struct list_shown shown;
};

static bool
has_list_flag(const struct listing *listing, enum ipc_list_flag flag)
{
	return listing->request.form != LIST_FACTS && (listing->request.flags & flag) != 0;
}

/* Lines out. */

static void
flush(struct listing *listing)
{
	if (listing->error == 0)
		listing->error = io_write_all(listing->out_fd, listing->out, listing->out_len);
	listing->out_len = 0;
	listing->is_flowing = true;
}

static char *
line_begin(struct listing *listing)
{
	if (listing->out_len >= (listing->is_flowing ? LIST_CHUNK : LIST_FIRST))
		flush(listing);
	return listing->out + listing->out_len;
}

static void
count_line(struct listing *listing, size_t len)
{
	listing->out_len += len;
	listing->is_begun = true;
}

/* The tree of a path of the listing. routed gets the path in it. */
static const struct home *
tree_of(const struct listing *listing, const struct home_path *path, struct home_path *routed)
{
	*routed = *path;
	return folders_route(listing->home, routed);
}

/* The viewer is another one in each tree. */
static void
view_from(struct listing *listing, const struct home *tree)
{
	listing->viewer.gid = tree->session->gid;
	listing->viewer.rights = braked_rights(tree->session->rights);
	listing->viewer.home_device = tree->device;
}

/* MLSD also reports the target of a link, as long as that is in the home, and rights. */
static void
look_for_facts(struct listing *listing, const char *name, struct list_looked *looked)
{
	size_t len = listing->path.len;

	if (home_path_push(&listing->path, name, strlen(name)) == 0) {
		struct home_path routed;
		const struct home *tree = tree_of(listing, &listing->path, &routed);

		permitted_look(tree, &routed, looked);
	}
	listing->path.len = len;
	listing->path.text[len] = '\0';
}

/* Examine an item. False: it has vanished, or may not be examined; it is left out. */
static bool
look_at_item(struct listing *listing, const struct item *item, struct list_looked *looked)
{
	looked->st = &looked->own;
	looked->has_own_rights = looked->is_fixed = false;
	/* ".." is shown with the facts of ".": nobody may see what is above the home */
	if (strcmp(item->name, "..") == 0) {
		looked->own = listing->parent;
		return true;
	}
	if (listing->is_of_home && folders_hide(listing->home, &listing->path, item->name, &looked->own))
		return true;
	if (fstatat(item->dir_fd, item->name, &looked->own, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (listing->request.form == LIST_FACTS &&
	    (S_ISLNK(looked->own.st_mode) || listing->home->session->zones != NULL))
		look_for_facts(listing, item->name, looked);
	return true;
}

static const char *
link_text(const struct item *item, const struct stat *st, char text[PATH_MAX])
{
	ssize_t len = -1;

	if (S_ISLNK(st->st_mode))
		len = readlinkat(item->dir_fd, item->name, text, PATH_MAX - 1);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	return text;
}

static size_t
format_long(const struct listing *listing, const struct item *item, const struct stat *st, char *line)
{
	char link[PATH_MAX];

	return list_format_long(
	    line, &item->shown, st, link_text(item, st, link), listing->now, has_list_flag(listing, LIST_CLASSIFY));
}

/* A folder is seen with its own rights, and cannot be removed or renamed. */
static size_t
format_facts(const struct listing *listing, const struct item *item, const struct list_looked *looked, char *line)
{
	struct list_viewer viewer = listing->viewer;
	struct stat parent = listing->parent;
	struct home_path path;

	if (!listing->is_of_home || !folders_hide(listing->home, &listing->path, item->name, NULL))
		return list_format_entry(line, &item->shown, looked, &listing->parent, &listing->viewer);
	path = listing->path;
	if (home_path_push(&path, item->name, strlen(item->name)) == 0) {
		const struct home *tree = folders_route(listing->home, &path);

		viewer.gid = tree->session->gid;
		viewer.rights = braked_rights(tree->session->rights);
	}
	parent.st_mode = 0;
	return list_format_entry(line, &item->shown, looked, &parent, &viewer);
}

static size_t
format_item(const struct listing *listing, const struct item *item, const struct list_looked *looked, char *line)
{
	switch (listing->request.form) {
	case LIST_LONG:
		return format_long(listing, item, &looked->own, line);
	case LIST_FACTS:
		return format_facts(listing, item, looked, line);
	case LIST_NAMES:
	case LIST_FORM_COUNT:
		break;
	}
	return list_format_name(line, &item->shown, &looked->own, has_list_flag(listing, LIST_CLASSIFY));
}

static void
write_item(struct listing *listing, const struct item *item)
{
	struct list_looked looked;
	char *line;

	if (!listing->is_name_enough && !look_at_item(listing, item, &looked))
		return;
	if (has_list_flag(listing, LIST_RECURSIVE) && listing->entries == RECURSIVE_ENTRIES_MAX) {
		flush(listing);
		listing->error = listing->error == 0 ? -E2BIG : listing->error;
		return;
	}
	line = line_begin(listing);
	count_line(listing, format_item(listing, item, &looked, line));
	listing->entries++;
}

/* Order. */

/* Since 1970. Before 1677 and after 2262 seconds do not fit: those are the oldest and the newest of all. */
static int64_t
nanoseconds(const struct timespec *time)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)time->tv_sec, INT64_C(1000000000), &ns) ||
	    __builtin_add_overflow(ns, (int64_t)time->tv_nsec, &ns))
		return time->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static uint64_t
sort_key(const struct listing *listing, const struct stat *st)
{
	if (has_list_flag(listing, LIST_BY_TIME))
		/* newest first; the sign bit turned, so that 1969 sorts before 1970 */
		return ~((uint64_t)nanoseconds(&st->st_mtim) ^ (1ULL << 63));
	if (has_list_flag(listing, LIST_BY_SIZE))
		return ~(uint64_t)st->st_size;
	return 0;
}

static bool
sorts_by_stat(const struct listing *listing)
{
	return has_list_flag(listing, LIST_BY_TIME) || has_list_flag(listing, LIST_BY_SIZE);
}

/* The i-th of the names from first to end, in the order asked for. */
static const struct list_name *
in_order(const struct listing *listing, size_t first, size_t end, size_t i)
{
	return &listing->names.names[has_list_flag(listing, LIST_REVERSE) ? end - 1 - i : first + i];
}

/* One directory. */

static bool
is_visible_name(const struct listing *listing, const char *name)
{
	bool is_long = listing->request.form == LIST_LONG;

	if (!is_dot_or_dotdot(name) && patterns_match(listing->home->session->patterns, false, name, strlen(name)))
		return false;
	if (name[0] != '.')
		return true;
	if (is_dot_or_dotdot(name))
		return is_long && has_list_flag(listing, LIST_ALL);
	if (own_name_is(name, strlen(name)))
		return false;
	return listing->request.form == LIST_FACTS || has_list_flag(listing, LIST_ALL);
}

static void
write_listed_entry(struct listing *listing, const char *name, size_t len)
{
	struct item item = {
	    .dir_fd = listing->directory.fd,
	    .name = name,
	    .shown = {listing->prefix, name, listing->prefix_len, len},
	};

	write_item(listing, &item);
}

static void
write_collected(struct listing *listing, struct list_mark mark)
{
	size_t end = listing->names.count;

	list_names_sort(&listing->names, mark);
	for (size_t i = 0; i < end - mark.count && listing->error == 0; i++) {
		const struct list_name *name = in_order(listing, mark.count, end, i);

		write_listed_entry(listing, list_names_text(&listing->names, name), name->len);
	}
}

/* Remember an entry for sorting. 0, or -ENOBUFS when there is no more room. */
static int
collect_item(struct listing *listing, const struct dirent64 *entry)
{
	bool needs_type = entry->d_type == DT_UNKNOWN && has_list_flag(listing, LIST_RECURSIVE);
	unsigned char type = entry->d_type;
	size_t len = strlen(entry->d_name);
	struct stat st = {0};

	if (sorts_by_stat(listing) || needs_type) {
		if (fstatat(listing->directory.fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return 0; /* vanished */
		type = IFTODT(st.st_mode);
	}
	return list_names_add(&listing->names, entry->d_name, len, type, sort_key(listing, &st));
}

/*
 * May the entries be written in the order of the directory? Programs read MLSD and NLST: for a large directory,
 * without an option for the order, the first name does not wait for the last one.
 */
static bool
is_streamed(const struct listing *listing)
{
	const unsigned ordered = LIST_BY_TIME | LIST_BY_SIZE | LIST_REVERSE | LIST_RECURSIVE;

	if (listing->request.form == LIST_FACTS)
		return true;
	return listing->request.form == LIST_NAMES && (listing->request.flags & ordered) == 0 &&
	    directory_is_large(&listing->directory);
}

static bool
is_hidden_by_folder(const struct listing *listing, const char *name)
{
	return listing->is_of_home && folders_hide(listing->home, &listing->path, name, NULL);
}

/* The folders among the entries of this directory. */
static void
write_folders(struct listing *listing, bool streams)
{
	const char *name;
	struct stat st;

	for (size_t i = 0; listing->is_of_home && listing->error == 0 &&
	     (name = folders_entry(listing->home, &listing->path, i)) != NULL;
	     i++) {
		if (!is_visible_name(listing, name) || !folders_hide(listing->home, &listing->path, name, &st))
			continue;
		if (streams || list_names_add(&listing->names, name, strlen(name), DT_DIR, sort_key(listing, &st)) < 0)
			write_listed_entry(listing, name, strlen(name));
	}
}

/* Read the directory and write it sorted, or as it comes; as it comes, too, what is too large to be sorted. */
static void
write_directory(struct listing *listing, struct list_mark mark)
{
	const struct dirent64 *entry;
	int r = directory_next(&listing->directory, &entry);
	bool streams = is_streamed(listing);

	for (; listing->error == 0 && r == 0 && entry != NULL; r = directory_next(&listing->directory, &entry)) {
		if (!is_visible_name(listing, entry->d_name) || is_hidden_by_folder(listing, entry->d_name))
			continue;
		if (!streams && collect_item(listing, entry) < 0) {
			write_collected(listing, mark);
			streams = true;
		}
		if (!streams)
			continue;
		write_listed_entry(listing, entry->d_name, strlen(entry->d_name));
		if (has_list_flag(listing, LIST_RECURSIVE) && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
			listing->incomplete = -E2BIG; /* what is streamed is not descended into */
	}
	if (listing->error == 0)
		listing->error = r;
	write_folders(listing, streams);
	if (!streams)
		write_collected(listing, mark);
}

/* NLST shows each name with the path that leads to it; the others show it bare. */
static void
set_prefix(struct listing *listing)
{
	size_t from = listing->request.shown_from;
	size_t len = listing->path.len;
	char full[PATH_MAX + 1];

	listing->prefix_len = 0;
	if (listing->request.form != LIST_NAMES)
		return;
	memcpy(full, listing->path.text, len);
	if (len > 1)
		full[len++] = '/';
	if (from >= len)
		return;
	listing->prefix_len = len - from;
	memcpy(listing->prefix, full + from, listing->prefix_len);
}

static void
write_directory_header(struct listing *listing)
{
	size_t from = listing->request.shown_from;
	bool is_inside = from < listing->path.len;
	char text[PATH_MAX + 2] = ".";
	size_t len = 0;

	if (listing->is_dotted && is_inside) {
		memcpy(text, "./", 2);
		len = 2;
	}
	if (is_inside)
		memcpy(text + len, listing->path.text + from, listing->path.len - from + 1);
	count_line(listing, list_format_header(line_begin(listing), text, !listing->is_begun));
}

static void walk_listing(struct listing *listing, unsigned depth, bool has_header);

static void
walk_listing_below(struct listing *listing, const char *name, unsigned depth, bool has_header)
{
	size_t len = listing->path.len;

	if (depth == DEPTH_MAX || home_path_push(&listing->path, name, strlen(name)) < 0) {
		listing->incomplete = -E2BIG;
		return;
	}
	walk_listing(listing, depth + 1, has_header);
	listing->path.len = len;
	listing->path.text[len] = '\0';
}

/* List the directory listing->path, and with -R those in it; never through a link. */
static void
walk_listing(struct listing *listing, unsigned depth, bool has_header)
{
	struct list_mark mark = list_names_mark(&listing->names);
	int follow = depth > 0 ? O_NOFOLLOW : 0;
	struct zone zone;
	struct home_path routed;
	const struct home *tree = tree_of(listing, &listing->path, &routed);
	size_t end;
	int fd = -1;

	if (home_open(tree, home_path_relative(&routed), O_RDONLY | O_DIRECTORY | O_NONBLOCK | follow, &fd) < 0)
		return; /* vanished, or not ours to read */
	if (zone_of(tree, fd, &zone) < 0 || (zone.rights & MAY_LIST) == 0) {
		close_fd(&fd);
		return;
	}
	listing->is_of_home = tree->folders != NULL;
	view_from(listing, tree);
	listing->viewer.rights = zone.rights;
	directory_take(&listing->directory, fd);
	if (has_header)
		write_directory_header(listing);
	set_prefix(listing);
	if (fstat(fd, &listing->parent) == 0)
		write_directory(listing, mark);
	directory_close(&listing->directory);
	end = listing->names.count;
	for (size_t i = 0; has_list_flag(listing, LIST_RECURSIVE) && i < end - mark.count && listing->error == 0; i++) {
		const struct list_name *entry = in_order(listing, mark.count, end, i);
		const char *name = list_names_text(&listing->names, entry);

		if (entry->type == DT_DIR && !is_dot_or_dotdot(name))
			walk_listing_below(listing, name, depth, has_header);
	}
	list_names_release(&listing->names, mark);
}

/* Targets: what the path names, or what its wildcards match. */

static void
path_from(const struct listing *listing, const struct list_name *target, struct home_path *path)
{
	memcpy(path->text, list_names_text(&listing->names, target), target->len + 1U);
	path->len = target->len;
}

static struct list_shown
shown_target(const struct home_path *path, size_t from)
{
	size_t name_at = (size_t)(home_path_name(path) - path->text);
	struct list_shown shown = {.prefix = "", .name = path->text + name_at, .name_len = path->len - name_at};

	if (from >= path->len) /* the working directory itself (-d) */
		return (struct list_shown){.prefix = "", .name = ".", .name_len = 1};
	if (from < name_at) {
		shown.prefix = path->text + from;
		shown.prefix_len = name_at - from;
	}
	return shown;
}

static void
write_target(struct listing *listing, const struct list_name *target)
{
	struct item item = {.dir_fd = -1};
	struct home_path path, routed;
	const struct home *tree;

	path_from(listing, target, &path);
	tree = tree_of(listing, &path, &routed);
	listing->is_of_home = false;
	view_from(listing, tree);
	if (!listing->is_name_enough && permitted_parent(tree, &routed, MAY_LIST, 0, &item.dir_fd, &item.name) < 0)
		return;
	item.shown = shown_target(&path, listing->request.shown_from);
	write_item(listing, &item);
	close_fd(&item.dir_fd);
}

/* Is what is in the target asked for, and not the target? */
static bool
is_opened_up(const struct listing *listing, const struct list_name *target)
{
	if (target->type != DT_DIR || has_list_flag(listing, LIST_ITSELF))
		return false;
	return listing->request.form != LIST_NAMES || !listing->is_expanded || has_list_flag(listing, LIST_RECURSIVE);
}

/* Find out what the directory did not say about a target: a link counts as its target. */
static void
settle_target(const struct listing *listing, struct list_name *target)
{
	struct home_path path;
	const struct home *tree;
	struct stat st;

	path_from(listing, target, &path);
	tree = folders_route(listing->home, &path);
	if (target->type != DT_DIR && target->type != DT_REG && home_stat(tree, &path, &st) == 0)
		target->type = IFTODT(st.st_mode);
	if (sorts_by_stat(listing) && home_lstat(tree, &path, &st) == 0)
		target->key = sort_key(listing, &st);
}

static void
write_targets(struct listing *listing)
{
	size_t count = listing->names.count;
	bool has_header = listing->request.form == LIST_LONG && (count > 1 || has_list_flag(listing, LIST_RECURSIVE));

	for (size_t i = 0; i < count; i++)
		settle_target(listing, &listing->names.names[i]);
	list_names_sort(&listing->names, (struct list_mark){0, 0});
	for (size_t i = 0; i < count && listing->error == 0; i++) {
		const struct list_name *target = in_order(listing, 0, count, i);

		if (!is_opened_up(listing, target))
			write_target(listing, target);
	}
	for (size_t i = 0; i < count && listing->error == 0; i++) {
		const struct list_name *target = in_order(listing, 0, count, i);

		if (!is_opened_up(listing, target))
			continue;
		path_from(listing, target, &listing->path);
		listing->is_dotted = listing->request.shown_from >= target->len;
		walk_listing(listing, 0, has_header);
	}
}

bool
listing_shown_from_fits(const struct list_request *request)
{
	return request->shown_from <= request->path.len + (request->path.len > 1);
}

/* May what path names be listed: a directory by its own rights, anything else, there or not, by those of its directory? */
static int
permit_literal(const struct home *tree, const struct home_path *path, bool is_opened)
{
	const char *name;
	int fd = -1;
	int r;

	if (tree->session->zones == NULL)
		return (tree->session->rights & MAY_LIST) != 0 ? 0 : -EKEYREVOKED;
	if (is_opened)
		r = home_open(tree, home_path_relative(path), O_PATH | O_DIRECTORY, &fd);
	else
		r = home_open_parent(tree, path, &fd, &name);
	if (r == 0)
		r = zone_permit(tree, fd, MAY_LIST, 0);
	close_fd(&fd);
	return r;
}

/* A path that exists: can it be listed? */
static int
open_literal(struct listing *listing)
{
	const struct home_path *path = &listing->request.path;
	struct home_path routed;
	const struct home *tree = tree_of(listing, path, &routed);
	struct stat st;
	int permitted, fd = -1;
	int r;

	r = home_stat(tree, &routed, &st);
	if (r < 0) /* a link that leads nowhere is listed itself */
		r = listing->request.form == LIST_FACTS ? r : home_lstat(tree, &routed, &st);
	permitted =
	    permit_literal(tree, &routed, r == 0 && S_ISDIR(st.st_mode) && !has_list_flag(listing, LIST_ITSELF));
	if (permitted < 0)
		return permitted;
	if (r < 0)
		return r;
	if (listing->request.form == LIST_FACTS && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (S_ISDIR(st.st_mode) && !has_list_flag(listing, LIST_ITSELF))
		r = home_open(tree, home_path_relative(&routed), O_RDONLY | O_DIRECTORY | O_NONBLOCK, &fd);
	close_fd(&fd);
	if (r < 0)
		return r;
	return list_names_add(&listing->names, path->text, path->len, IFTODT(st.st_mode), 0);
}

int
listing_open(struct listing *listing, const struct home *home, const struct list_request *request)
{
	const struct files_session *session = home->session;
	struct timespec now;
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	memset(listing, 0, offsetof(struct listing, out));
	listing->request = *request;
	listing->home = home;
	listing->viewer = (struct list_viewer){
	    .uid = session->uid,
	    .gid = session->gid,
	    .rights = braked_rights(session->rights),
	    .home_device = home->device,
	    .is_atomic = files_is_atomic(session),
	    .facts = request->facts,
	};
	listing->now = now.tv_sec;
	if (request->form == LIST_NAMES && has_list_flag(listing, LIST_LONG_NAMES))
		listing->request.form = LIST_LONG;
	listing->is_name_enough = listing->request.form == LIST_NAMES && !has_list_flag(listing, LIST_CLASSIFY);
	directory_take(&listing->directory, -1);
	r = list_names_init(&listing->names);
	if (r == 0)
		r = open_literal(listing);
	if (r == -ENOENT && request->form != LIST_FACTS && glob_is_pattern(request->path.text, request->path.len)) {
		listing->is_expanded = true;
		r = list_expand(
		    home, &request->path, has_list_flag(listing, LIST_ALL), &listing->directory, &listing->names);
	}
	if (r < 0)
		list_names_free(&listing->names);
	return r;
}

void
listing_drop(struct listing *listing)
{
	list_names_free(&listing->names);
}

int
listing_write(struct listing *listing, int *fd, uint64_t *entries)
{
	listing->out_fd = *fd;
	if (listing->request.form == LIST_FACTS) {
		listing->path = listing->request.path;
		walk_listing(listing, 0, false);
	} else {
		write_targets(listing);
	}
	flush(listing);
	close_fd(fd); /* first: the client waits for it */
	listing_drop(listing);
	*entries = listing->entries;
	return listing->error < 0 ? listing->error : listing->incomplete;
}
