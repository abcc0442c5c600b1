/* SPDX-License-Identifier: ISC */
/* The deletions of mirror: kept until all copies have succeeded, counted, and then done. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ui/local_tree.h"
#include "client/ui/mirror.h"
#include "client/ui/remote_glob.h"
#include "client/ui/remote_tree.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

int
deletions_add(
    struct mirror *mirror, const char *directory, const struct mirror_action *action, const struct ftp_entry *source)
{
	struct deletions *deletions = &mirror->deletions;
	struct deletion *deletion;

	if ((deletions->count & (deletions->count - 1)) == 0) {
		struct deletion *items =
		    reallocarray(deletions->items, deletions->count == 0 ? 1 : 2 * deletions->count, sizeof(*items));

		if (items == NULL)
			return -ENOMEM;
		deletions->items = items;
	}
	deletion = &deletions->items[deletions->count++];
	*deletion = (struct deletion){
	    .directory = strdup(directory),
	    .name = strdup(action->name),
	    .path = path_join(directory, action->name),
	    .why = action->why,
	    .is_tree = action->what == MIRROR_DELETE_TREE,
	    .is_replaced = source != NULL,
	};
	if (source != NULL) {
		deletion->source = *source;
		deletion->source.name = deletion->source.target = NULL;
	}
	return deletion->directory == NULL || deletion->name == NULL || deletion->path == NULL ? -ENOMEM : 0;
}

void
deletions_free(struct deletions *deletions)
{
	for (size_t i = 0; i < deletions->count; i++) {
		free(deletions->items[i].directory);
		free(deletions->items[i].name);
		free(deletions->items[i].path);
	}
	free(deletions->items);
	*deletions = (struct deletions){NULL, 0};
}

static enum exit_status
delete_local(struct mirror *mirror, const struct deletion *deletion, bool is_counting, size_t *names)
{
	int fd = open_local_beneath(mirror->root_fd, deletion->directory, false), r = fd < 0 ? fd : 0;
	struct mirror_wishes keep = mirror->wishes;

	keep.path = deletion->path;
	if (r == 0 && deletion->is_tree)
		r = local_tree_remove(fd, deletion->name, &keep, is_counting, names);
	else if (r == 0 && !is_counting && unlinkat(fd, deletion->name, 0) < 0)
		r = -errno;
	else
		++*names;
	close_fd(&fd);
	return r < 0 ? report_local(is_counting ? "cannot count" : "cannot remove", deletion->path, r) : EXIT_DONE;
}

static enum exit_status
delete_remote(struct mirror *mirror, const struct deletion *deletion, bool is_counting, size_t *names)
{
	char *full = path_join(mirror->remote_root, deletion->path);
	struct mirror_wishes keep = mirror->wishes;
	enum exit_status status = EXIT_DONE;

	if (full == NULL)
		return report_no_memory();
	keep.path = deletion->path;
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

static enum exit_status
delete_or_count(struct mirror *mirror, const struct deletion *deletion, bool is_counting, size_t *names)
{
	return mirror->is_upload ? delete_remote(mirror, deletion, is_counting, names)
				 : delete_local(mirror, deletion, is_counting, names);
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
		enum exit_status status = delete_or_count(mirror, &mirror->deletions.items[i], true, &names);

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

bool
deletion_run(struct mirror *mirror, const struct deletion *deletion)
{
	enum exit_status status = EXIT_DONE;
	size_t names = 0;

	mirror_tell(mirror, "remove", deletion->path, deletion->why);
	if (!mirror->options->is_dry_run)
		status = delete_or_count(mirror, deletion, false, &names);
	if (status == EXIT_DONE)
		mirror->deleted++;
	mirror_note(mirror, status);
	return status == EXIT_DONE;
}
