/* SPDX-License-Identifier: ISC */
/* The deletions of mirror: kept until all copies have succeeded, counted, and then done. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ui/local_tree.h"
#include "client/ui/mirror.h"
#include "client/ui/mirror_backup.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_tree.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

/* Make a deletion of an action. Returns 0 or -ENOMEM, with nothing to free. */
static int
deletion_init(struct deletion *deletion, struct mirror_node *node, const struct mirror_action *action)
{
	*deletion = (struct deletion){
	    .directory = node,
	    .name = strdup(action->name),
	    .why = action->why,
	    .is_tree = action->what == MIRROR_DELETE_TREE,
	};
	if (deletion->name == NULL)
		return -ENOMEM;
	if (action->replaced_by == NULL)
		return 0;
	deletion->replaced_by = malloc(sizeof(*deletion->replaced_by));
	if (deletion->replaced_by == NULL) {
		free(deletion->name);
		return -ENOMEM;
	}
	*deletion->replaced_by = *action->replaced_by;
	deletion->replaced_by->name = deletion->replaced_by->target = NULL;
	return 0;
}

int
deletions_add(struct mirror *mirror, struct mirror_node *node, const struct mirror_action *action)
{
	struct deletions *deletions = &mirror->deletions;
	struct deletion deletion, *items = deletions->items;

	if (deletion_init(&deletion, node, action) < 0)
		return -ENOMEM;
	pthread_mutex_lock(&mirror->lock);
	if ((deletions->count & (deletions->count - 1)) == 0)
		items =
		    reallocarray(deletions->items, deletions->count == 0 ? 1 : 2 * deletions->count, sizeof(*items));
	if (items != NULL) {
		deletions->items = items;
		items[deletions->count++] = deletion;
		mirror_node_use(&mirror->queue, node);
	}
	pthread_mutex_unlock(&mirror->lock);
	if (items != NULL)
		return 0;
	free(deletion.name);
	free(deletion.replaced_by);
	return -ENOMEM;
}

void
deletions_free(struct mirror *mirror)
{
	struct deletions *deletions = &mirror->deletions;

	for (size_t i = 0; i < deletions->count; i++) {
		mirror_node_drop(&mirror->queue, deletions->items[i].directory);
		free(deletions->items[i].name);
		free(deletions->items[i].replaced_by);
	}
	free(deletions->items);
	*deletions = (struct deletions){NULL, 0};
}

static enum exit_status
delete_local(struct mirror *mirror, const struct deletion *deletion, const char *path, bool is_counting, size_t *names)
{
	int fd = open_local_beneath(mirror->root_fd, deletion->directory->path, false), r = fd < 0 ? fd : 0;
	struct mirror_wishes keep = mirror_wishes_for(mirror, path);

	if (r == 0 && deletion->is_tree)
		r = local_tree_remove(fd, deletion->name, &keep, is_counting, names);
	else if (r == 0 && !is_counting && unlinkat(fd, deletion->name, 0) < 0)
		r = -errno;
	else
		++*names;
	close_fd(&fd);
	return r < 0 ? report_local(is_counting ? "cannot count" : "cannot remove", path, r) : EXIT_DONE;
}

static enum exit_status
delete_remote(struct mirror *mirror, const struct deletion *deletion, const char *path, bool is_counting, size_t *names)
{
	char *full = path_join(mirror->remote_root, path);
	struct mirror_wishes keep = mirror_wishes_for(mirror, path);
	enum exit_status status = EXIT_DONE;

	if (full == NULL)
		return report_no_memory();
	if (deletion->is_tree && is_counting)
		status = remote_tree_count(mirror->session, full, &keep, names);
	else if (deletion->is_tree)
		status = remote_tree_remove(mirror->session, full, &keep);
	else if (is_counting)
		++*names;
	else if (ftp_delete(mirror->session->ftp, full) != FTP_OK)
		status = session_error(mirror->session);
	free(full);
	return status;
}

/* path: of the deletion, in the mirror. */
static enum exit_status
delete_or_count(
    struct mirror *mirror, const struct deletion *deletion, const char *path, bool is_counting, size_t *names)
{
	return mirror->is_upload ? delete_remote(mirror, deletion, path, is_counting, names)
				 : delete_local(mirror, deletion, path, is_counting, names);
}

/* Count into *names what a deletion would remove. */
static enum exit_status
count_deletion(struct mirror *mirror, const struct deletion *deletion, size_t *names)
{
	char *path = path_join(deletion->directory->path, deletion->name);
	enum exit_status status =
	    path == NULL ? report_no_memory() : delete_or_count(mirror, deletion, path, true, names);

	free(path);
	return status;
}

bool
deletions_are_allowed(struct mirror *mirror)
{
	const struct options *options = mirror->options;
	size_t names = 0;
	char why[256];

	if ((options->given & OPTION_BIT(OPTION_MAX_DELETE)) == 0)
		return true;
	for (size_t i = 0; i < mirror->deletions.count && !signals_have_aborted(); i++) {
		enum exit_status status = count_deletion(mirror, &mirror->deletions.items[i], &names);

		/* a number that cannot be counted may be more than is allowed */
		if (status != EXIT_DONE) {
			mirror_note(mirror, status);
			return false;
		}
	}
	if (names <= options->max_delete)
		return true;
	snprintf(why, sizeof(why), "%zu name%s would go, and --max-delete allows %llu", names, names == 1 ? "" : "s",
	    (unsigned long long)options->max_delete);
	mirror_note(
	    mirror, report_failure(FTP_REFUSED, "nothing was removed", why, "a look at what would go, with --dry-run"));
	return false;
}

/* A directory moves as a whole, unless names in it must stay where they are. */
static enum exit_status
move_to_backup(struct mirror *mirror, const struct deletion *deletion, const char *path)
{
	char what[1024];

	if (!deletion->is_tree || !filter_is_used(mirror->wishes.filter))
		return mirror_backup_keep(mirror, mirror->session->ftp, path, false);
	snprintf(what, sizeof(what), "'%s' stays", report_quote(path));
	return report_failure(FTP_REFUSED, what, "filters may keep names in it, and --backup-dir moves it as a whole",
	    "the mirror without filters, or without --backup-dir");
}

bool
deletion_run(struct mirror *mirror, const struct deletion *deletion)
{
	char *path = path_join(deletion->directory->path, deletion->name);
	enum exit_status status = path == NULL ? report_no_memory() : EXIT_DONE;
	size_t names = 0;

	if (path != NULL)
		mirror_tell(mirror, "remove", path, deletion->why);
	if (path != NULL && !mirror->options->is_dry_run)
		status = mirror->options->backup_dir != NULL ? move_to_backup(mirror, deletion, path)
							     : delete_or_count(mirror, deletion, path, false, &names);
	if (status == EXIT_DONE)
		mirror->counts.deleted++;
	mirror_note(mirror, status);
	free(path);
	return status == EXIT_DONE;
}
