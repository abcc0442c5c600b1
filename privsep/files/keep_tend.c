/* SPDX-License-Identifier: ISC */
#include "privsep/files/keep_tend.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io.h"
#include "privsep/files/keep.h"
#include "privsep/files/keep_restore.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/retain.h"

#include "common/banned.h"

int
tended_home_init(struct tended_home *tended, int home_fd, const struct account *account, const struct config *config)
{
	int r;

	tended->session = (struct files_session){
	    .home_fd = home_fd,
	    .monitor_channel = -1,
	    .uid = account->uid,
	    .gid = account->gid,
	    .rights = MAY_ALL,
	    .file_mode = account->file_mode,
	    .directory_mode = account->directory_mode,
	    .keep = account->keep,
	    .config = config,
	};
	if (account->keep.days == 0)
		tended->session.keep.days = KEEP_DAYS_MAX;
	r = home_init(&tended->home, &tended->session);
	return r;
}

int
keep_tend(const struct home *home, const struct keep_order *order, struct keep_tended *tended)
{
	const struct keep_clock clock = {.now_s = order->now_s, .step_max_s = order->step_max_s};
	struct keep_choice choice = {.rules = &order->rules, .wish = order->wish, .is_of_path = order->only != NULL};
	struct keep_hold hold;
	int r = order->only != NULL ? keep_hash(order->only, choice.hash) : 0;

	*tended = (struct keep_tended){.is_there = false};
	if (r == 0)
		r = keep_open_at(&hold, home, false, &clock);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	tended->is_there = true;
	tended->held_s = hold.held_s;
	r = keep_purge_chosen(&hold, &choice, order->entries_max, true, &tended->purged);
	tended->is_cut = r == -E2BIG;
	tended->files = hold.state.files;
	tended->bytes = hold.state.bytes;
	keep_release(&hold);
	return r == -E2BIG ? 0 : r;
}

/* The youngest, unless one is wanted: that may be older than those of keep_versions(). -ENOENT: there is none. */
static int
choose_version(const struct home *home, const struct keep_wanted *wanted, struct keep_given *given)
{
	static struct keep_versions versions;
	int r;

	memcpy(given->id, wanted->id, sizeof(given->id));
	if (wanted->id[0] != '\0')
		return keep_has_version(home, &wanted->path, wanted->id);
	r = keep_versions(home, &wanted->path, &versions);
	if (r < 0 || versions.rows == 0)
		return r < 0 ? r : -ENOENT;
	memcpy(given->id, versions.row[0].id, sizeof(given->id));
	return 0;
}

/* An administrator gives a file back that went with its directory. */
static int
make_way(const struct home *home, const struct home_path *path)
{
	struct home_path part = *path;
	const char *name;
	int dir_fd;
	int r = 0;

	for (char *slash = strchr(part.text + 1, '/'); r == 0 && slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		part.len = (size_t)(slash - part.text);
		dir_fd = -1;
		r = home_open_parent(home, &part, &dir_fd, &name);
		if (r == 0 && mkdirat(dir_fd, name, files_directory_mode(home->session)) < 0 && errno != EEXIST)
			r = -errno;
		close_fd(&dir_fd);
		*slash = '/';
	}
	return r;
}

/* -EEXIST: what bears the name is in given. */
static int
look_at_taken(const struct home *home, const struct home_path *path, struct keep_given *given)
{
	struct stat st;
	int r = home_lstat(home, path, &st);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	given->taken_mtime_s = st.st_mtim.tv_sec;
	given->taken_size = (uint64_t)st.st_size;
	return -EEXIST;
}

int
keep_give(const struct home *home, const struct keep_wanted *wanted, struct keep_given *given)
{
	struct stat st;
	int r;

	*given = (struct keep_given){.outcome = KEEP_GIVEN};
	if (own_name_in_path(&wanted->as)) {
		given->outcome = KEEP_NAME_OWN;
		return 0;
	}
	r = choose_version(home, wanted, given);
	if (r == 0 && !wanted->may_replace)
		r = look_at_taken(home, &wanted->as, given);
	if (r == 0)
		r = make_way(home, &wanted->as);
	if (r == 0)
		r = keep_restore_as(
		    home, &wanted->path, given->id, strlen(given->id), &wanted->as, wanted->may_replace);
	if (r == 0 && home_lstat(home, &wanted->as, &st) == 0)
		given->size = (uint64_t)st.st_size;
	if (r == -ENOENT)
		given->outcome = KEEP_NO_VERSION;
	else if (r == -EEXIST)
		given->outcome = KEEP_NAME_TAKEN;
	else if (r == -EKEYREJECTED) {
		given->outcome = KEEP_NAME_RETAINED;
		given->retained_until_s = retain_refused().until_s;
	}
	return r == -ENOENT || r == -EEXIST || r == -EKEYREJECTED ? 0 : r;
}
