/* SPDX-License-Identifier: ISC */
#include "client/engine/entry.h"

#include <stdlib.h>
#include <string.h>

#include "common/banned.h"

void
ftp_entry_free(struct ftp_entry *entry)
{
	free(entry->name);
	free(entry->target);
	entry->name = entry->target = NULL;
}

void
ftp_list_free(struct ftp_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		ftp_entry_free(&list->entries[i]);
	free(list->entries);
	for (size_t i = 0; i < list->unread_count && i < FTP_UNREAD_KEPT_MAX; i++)
		free(list->unread[i]);
	free(list->unread);
	memset(list, 0, sizeof(*list));
}

int
ftp_entry_by_name(const void *a, const void *b)
{
	const struct ftp_entry *left = a, *right = b;

	return strcmp(left->name, right->name);
}

int
ftp_entry_pointer_by_name(const void *a, const void *b)
{
	const struct ftp_entry *const *left = a, *const *right = b;

	return ftp_entry_by_name(*left, *right);
}
