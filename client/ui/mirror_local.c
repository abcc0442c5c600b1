/* SPDX-License-Identifier: ISC */
/* The local side of a mirror as a listing. */
#include <fcntl.h>
#include <sys/stat.h>

#include "client/engine/part.h"
#include "client/ui/local_tree.h"
#include "client/ui/mirror.h"
#include "common/io.h"

#include "common/banned.h"

/* The parts of downloads are this program's, not files of the mirror: they are not sent, and --delete leaves them. */
static void
hide_parts(int dir_fd, struct ftp_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (part_is_own(dir_fd, list->entries[i].name))
			ftp_entry_free(&list->entries[i]);
		else
			list->entries[kept++] = list->entries[i];
	}
	list->count = kept;
}

/* A link to a file is that file. One to a directory stays a link, and is left out: it may lead back. */
static void
follow_local_links(int dir_fd, struct ftp_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct ftp_entry *entry = &list->entries[i];
		struct stat status;

		if (entry->kind != FTP_KIND_LINK || fstatat(dir_fd, entry->name, &status, 0) < 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		entry->kind = FTP_KIND_FILE;
		entry->size = status.st_size;
		entry->mtime = status.st_mtim.tv_sec;
		entry->mode = (int32_t)(status.st_mode & 07777);
	}
}

int
mirror_list_local(const struct mirror *mirror, const char *path, struct ftp_list *list)
{
	int fd, r;

	*list = (struct ftp_list){0};
	if (mirror->root_fd < 0)
		return 0;
	fd = open_local_beneath(mirror->root_fd, path, false);
	if (fd < 0)
		return fd;
	r = local_list(fcntl(fd, F_DUPFD_CLOEXEC, 0), path[0] == '\0' ? mirror->local_root : path, list);
	if (r == 0)
		hide_parts(fd, list);
	if (r == 0 && mirror->is_upload && mirror->options->links == LINKS_FOLLOW)
		follow_local_links(fd, list);
	close_fd(&fd);
	return r;
}
