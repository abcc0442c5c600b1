/* SPDX-License-Identifier: ISC */
/* Answers to requests about partial files: list them, and remove them. */
#include "privsep/files/request.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/folders.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_list.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/partial_walk.h"

#include "common/banned.h"

#define ROW_FIXED 19 /* bytes of a row beside its path: size, age, is_in_use, length of the text */

struct removal {
	const struct home *home;
	struct stop *stop;
	uint64_t removed, bytes, busy, failed;
};

/* Accounts that may list somewhere get the names there; others get only sums. */
static bool
may_name(const struct files *files)
{
	return (zone_rights_somewhere(files->tree->session) & MAY_LIST) != 0;
}

static void
put_rows(struct files *files, const struct partial_list *list)
{
	for (unsigned i = 0; i < list->rows; i++) {
		const struct partial_row *row = &list->row[list->order[i]];
		struct home_path path = row->path;
		const char *name = home_path_name(&row->path);

		if (patterns_match(files->session->patterns, false, name, strlen(name)) ||
		    patterns_deny_path(files->session->patterns, row->path.text) ||
		    home_full_path(files->tree, &path) < 0)
			continue;
		if (files->message.length + ROW_FIXED + path.len > IPC_PARTIALS_BYTES)
			return;
		ipc_put_u64(&files->message, row->size);
		ipc_put_u64(&files->message, row->age_s);
		ipc_put_u8(&files->message, row->is_in_use);
		ipc_put_bytes(&files->message, path.text, path.len);
	}
}

bool
files_answer_partials(struct files *files)
{
	static struct partial_list list SELDOM_WRITTEN;
	uint8_t wants_rows = ipc_get_u8(&files->message);
	int r;

	if (!request_only_place(files) || wants_rows > 1)
		return false;
	r = partial_list_make(files->tree, &list, wants_rows && may_name(files) ? PARTIAL_ROWS_MAX : 0, false,
	    wants_rows ? PARTIAL_LIST_ENTRIES_MAX : PARTIAL_SUM_ENTRIES_MAX, wants_rows ? &files->stop : NULL);
	request_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u64(&files->message, list.count);
	ipc_put_u64(&files->message, list.bytes);
	ipc_put_u64(&files->message, list.busy_bytes);
	ipc_put_u8(&files->message, list.is_whole);
	put_rows(files, &list);
	return true;
}

/* The partial of a file of this name; or the partial itself, by the name that it has where its target is not known. */
static int
remove_partial(const struct home *home, const struct home_path *path)
{
	char partial[PARTIAL_NAME_SIZE];
	const char *name;
	int dir_fd = -1;
	int r;

	if (path->len == 1)
		return -EISDIR;
	r = permitted_parent(home, path, 0, MAY_CREATE | MAY_DELETE, &dir_fd, &name);
	if (r == 0 && !partial_name_is(name, strlen(name))) {
		r = partial_name_make(name, partial);
		name = partial;
	}
	if (r == 0)
		r = partial_remove_counted(home, dir_fd, name);
	close_fd(&dir_fd);
	return r;
}

bool
files_answer_remove_partial(struct files *files)
{
	struct home_path path;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = patterns_deny_path(files->session->patterns, path.text) ? -EKEYREVOKED : 0;
	/* a partial can be named by its own name, which no other request reaches */
	files->tree = folders_route(&files->home, &path);
	if (r == 0)
		r = request_permit(files->tree->session, IPC_remove_partial);
	request_reply(files, r < 0 ? r : remove_partial(files->tree, &path));
	return true;
}

/* Errors of one partial, as of one that belongs to another user or lies where nothing may change: the others can be removed all the same. */
static bool
is_of_one_partial(int r)
{
	return r == -EACCES || r == -EPERM || r == -EKEYREVOKED || r == -EROFS || r == -EISDIR || r == -ENOTSUP;
}

static int
remove_met(void *arg, const struct partial_met *met)
{
	struct removal *removal = arg;
	struct stat st;
	int r = stop_check(removal->stop);

	if (r < 0)
		return r;
	if (fstatat(met->dir_fd, met->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	r = zone_permit(removal->home, met->dir_fd, 0, MAY_CREATE | MAY_DELETE);
	if (r == 0)
		r = partial_remove_counted(removal->home, met->dir_fd, met->name);
	removal->busy += r == -EBUSY;
	removal->failed += is_of_one_partial(r);
	if (r < 0)
		return r == -EBUSY || r == -ENOENT || is_of_one_partial(r) ? 0 : r;
	removal->removed++;
	removal->bytes += (uint64_t)st.st_size;
	return 0;
}

bool
files_answer_remove_partials(struct files *files)
{
	struct removal removal = {.stop = &files->stop};
	int r;

	if (!request_only_place(files))
		return false;
	removal.home = files->tree;
	stop_before_changes(&files->stop);
	r = request_permit(files->tree->session, IPC_remove_partials);
	if (r == 0)
		r = partial_walk(files->tree, UINT64_MAX, &files->stop, remove_met, &removal);
	request_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u64(&files->message, removal.removed);
	ipc_put_u64(&files->message, removal.bytes);
	ipc_put_u64(&files->message, removal.busy);
	ipc_put_u64(&files->message, removal.failed);
	return true;
}
