/* SPDX-License-Identifier: ISC */
#include "client/ui/listing_cache.h"

#include <stdlib.h>
#include <string.h>

#include "client/ui/remote_glob.h"
#include "common/io.h"

#include "common/banned.h"

/* NULL: not known. */
static char *
absolute_directory(struct ftp *ftp, const char *path)
{
	const char *working;

	if (path[0] == '/')
		return strdup(path);
	if (ftp_pwd(ftp, &working) != FTP_OK)
		return NULL;
	return path[0] == '\0' ? strdup(working) : path_join(working, path);
}

static void
forget_listing(struct kept_listing *kept)
{
	if (kept->directory != NULL)
		ftp_list_free(&kept->list);
	free(kept->directory);
	kept->directory = NULL;
}

/* Takes directory over, and list. */
static const struct ftp_list *
keep_listing(struct listing_cache *cache, char *directory, struct ftp_list *list)
{
	struct kept_listing *kept;

	for (size_t i = 0; i < LISTINGS_MAX; i++)
		if (cache->items[i].directory != NULL && strcmp(cache->items[i].directory, directory) == 0)
			forget_listing(&cache->items[i]);
	kept = &cache->items[cache->next++ % LISTINGS_MAX];
	forget_listing(kept);
	*kept = (struct kept_listing){directory, *list, monotonic_ms()};
	*list = (struct ftp_list){0};
	return &kept->list;
}

const struct ftp_list *
listing_look(struct listing_cache *cache, struct ftp *ftp, const char *path)
{
	char *directory = absolute_directory(ftp, path);
	struct ftp_list list;

	if (directory == NULL)
		return NULL;
	for (size_t i = 0; i < LISTINGS_MAX; i++) {
		struct kept_listing *kept = &cache->items[i];

		if (kept->directory == NULL || strcmp(kept->directory, directory) != 0 ||
		    monotonic_ms() - kept->at_ms > LISTING_FRESH_MS)
			continue;
		free(directory);
		return &kept->list;
	}
	if (ftp_list(ftp, path, &list) == FTP_OK)
		return keep_listing(cache, directory, &list);
	free(directory);
	return NULL;
}

void
listing_keep(struct listing_cache *cache, struct ftp *ftp, const char *path, struct ftp_list *list)
{
	char *directory = cache == NULL ? NULL : absolute_directory(ftp, path);

	if (directory != NULL)
		(void)keep_listing(cache, directory, list);
	else
		ftp_list_free(list);
}

void
listings_forget(struct listing_cache *cache)
{
	for (size_t i = 0; i < LISTINGS_MAX; i++)
		forget_listing(&cache->items[i]);
}
