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

/* Links that lead up to a directory that the walk came through stay links, and so do those that lead nowhere. */
static enum ftp_class
resolve_link(struct ftp *ftp, const char *directory, const char *path, struct ftp_entry *entry)
{
	enum ftp_class class;
	char *full;

	if (entry->target != NULL && mirror_link_leads_back(path, entry->target))
		return FTP_OK;
	full = path_join(directory, entry->name);
	if (full == NULL)
		return FTP_OK;
	class = ftp_follow_link(ftp, full, entry);
	free(full);
	return class == FTP_REFUSED || class == FTP_TEMPORARY ? FTP_OK : class;
}

enum ftp_class
mirror_look_at_links(
    struct mirror *mirror, struct ftp *ftp, const char *directory, const char *path, struct ftp_list *list)
{
	bool is_followed = mirror->options->links == LINKS_FOLLOW, has_untold = !is_followed;
	enum ftp_class class = FTP_OK;

	for (size_t i = 0; i < list->count && !has_untold; i++)
		has_untold = list->entries[i].kind == FTP_KIND_LINK && list->entries[i].target == NULL;
	if (has_untold)
		class = ftp_list_links(ftp, directory, list);
	/* without LIST the links are those that MLSD tells of */
	if (class == FTP_REFUSED || class == FTP_TEMPORARY)
		class = FTP_OK;
	for (size_t i = 0; i < list->count && is_followed && class == FTP_OK && !signals_have_aborted(); i++)
		if (list->entries[i].kind == FTP_KIND_LINK)
			class = resolve_link(ftp, directory, path, &list->entries[i]);
	return class;
}
