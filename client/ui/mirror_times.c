/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_times.h"

#include <stdlib.h>
#include <string.h>

#include "client/ui/command.h"
#include "client/ui/remote_glob.h"
#include "client/ui/signals.h"

#include "common/banned.h"

/* The local files in the order of their names. NULL: no memory, or none. */
static const struct ftp_entry **
sorted_files(const struct ftp_list *list, size_t *count)
{
	const struct ftp_entry **files = calloc(list->count + 1, sizeof(const struct ftp_entry *));

	*count = 0;
	for (size_t i = 0; files != NULL && i < list->count; i++)
		if (list->entries[i].kind == FTP_KIND_FILE)
			files[(*count)++] = &list->entries[i];
	if (files != NULL)
		qsort(files, *count, sizeof(const struct ftp_entry *), ftp_entry_pointer_by_name);
	return files;
}

/* Only a time that decides alone is worth a question. */
static bool
is_in_question(const struct mirror_wishes *wishes, const struct ftp_entry *there, const struct ftp_entry *here)
{
	return !wishes->is_checksum && !wishes->is_size_only && !wishes->is_ignoring_times &&
	    there->kind == FTP_KIND_FILE && there->size >= 0 && there->size == here->size && !wishes->is_only_missing &&
	    mirror_filtered(wishes, there) == NULL;
}

/* True when two times may differ because the server's is that of the upload, or because one side was written since. */
static void
learn_of_times(struct mirror *mirror, struct ftp *ftp, const char *path, const struct ftp_entry *there,
    const struct ftp_entry *here)
{
	if (!mirror->is_upload || !there->mtime_is_exact || there->mtime <= here->mtime + 1)
		return;
	pthread_mutex_lock(&mirror->learning);
	if (!mirror->knows_times) {
		mirror->wishes.is_newer_same = mirror->options->is_dry_run || !ftp_keeps_times(ftp, path, there->mtime);
		mirror->knows_times = !mirror->options->is_dry_run;
	}
	pthread_mutex_unlock(&mirror->learning);
}

static void
sharpen_time(
    struct mirror *mirror, struct ftp *ftp, const char *full, struct ftp_entry *there, const struct ftp_entry *here)
{
	char *path = path_join(full, there->name);
	int64_t mtime;

	if (path != NULL && !there->mtime_is_exact && ftp_mtime(ftp, path, &mtime) == FTP_OK) {
		there->mtime = mtime;
		there->mtime_is_exact = true;
	}
	if (path != NULL)
		learn_of_times(mirror, ftp, path, there, here);
	free(path);
}

void
mirror_sharpen_times(struct mirror *mirror, struct ftp *ftp, const char *full, const char *path,
    struct ftp_list *remote, const struct ftp_list *local)
{
	struct mirror_wishes wishes = mirror_wishes_for(mirror, path);
	size_t count;
	const struct ftp_entry **files = sorted_files(local, &count);

	for (size_t i = 0; files != NULL && i < remote->count && !signals_have_aborted(); i++) {
		struct ftp_entry *there = &remote->entries[i];
		const struct ftp_entry *key = there, *const * here;

		here = bsearch(&key, files, count, sizeof(const struct ftp_entry *), ftp_entry_pointer_by_name);

		if (here != NULL && is_in_question(&wishes, there, *here))
			sharpen_time(mirror, ftp, full, there, *here);
	}
	free(files);
}
