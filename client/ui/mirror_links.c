/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"
#include "common/io.h"

#include "common/banned.h"

/* By way of another name, which then takes the place of an older link. */
static int
place_link(int dir_fd, const char *name, const char *target, bool is_replaced)
{
	char temporary[64];
	int r;

	if (!is_replaced)
		return symlinkat(target, dir_fd, name) < 0 ? -errno : 0;
	snprintf(temporary, sizeof(temporary), ".sallyport-link.%ld", (long)getpid());
	if (symlinkat(target, dir_fd, temporary) < 0)
		return -errno;
	r = renameat(dir_fd, temporary, dir_fd, name) < 0 ? -errno : 0;
	if (r < 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return r;
}

bool
mirror_make_link(struct mirror *mirror, const char *path, const struct mirror_action *action)
{
	char *directory;
	int fd, r;

	mirror_tell(mirror, "link", path, action->why);
	if (mirror->options->is_dry_run)
		return true;
	directory = strndup(path, strlen(path) - strlen(action->name));
	if (directory == NULL) {
		mirror_fail(mirror, report_no_memory());
		return false;
	}
	fd = r = open_local_beneath(mirror->root_fd, directory, false);
	if (r >= 0)
		r = place_link(fd, action->name, action->source->target, action->target != NULL);
	if (r < 0)
		mirror_fail(mirror, report_local("cannot make the link", path, r));
	close_fd(&fd);
	free(directory);
	return r == 0;
}

void
mirror_resolve_links(struct ftp *ftp, const char *directory, struct ftp_list *list)
{
	for (size_t i = 0; i < list->count && !signals_have_aborted(); i++) {
		struct ftp_entry *entry = &list->entries[i], found;
		char *path = entry->kind == FTP_KIND_LINK ? path_join(directory, entry->name) : NULL;

		if (path != NULL && ftp_stat(ftp, path, &found) == FTP_OK) {
			free(found.name);
			found.name = entry->name;
			entry->name = NULL;
			ftp_entry_free(entry);
			*entry = found;
		}
		free(path);
	}
}
