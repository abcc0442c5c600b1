#include "client/ui/remote_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"

#include "common/banned.h"

#define DEPTH_MAX 128

static enum exit_status
remove_tree(struct session *session, const char *path, const struct mirror_wishes *keep, int depth, bool *has_kept);

static enum exit_status
remove_entry(struct session *session, const char *path, const struct ftp_entry *entry, const struct mirror_wishes *keep,
    int depth, bool *has_kept)
{
	char *inner = path_join(path, entry->name), *below = keep == NULL ? NULL : path_join(keep->path, entry->name);
	struct mirror_wishes deeper = {0};
	enum exit_status status = EXIT_DONE;

	if (keep != NULL)
		deeper = *keep;
	deeper.path = below;
	if (inner == NULL || (keep != NULL && below == NULL))
		status = report_no_memory();
	else if (entry->kind == FTP_KIND_DIRECTORY)
		status = remove_tree(session, inner, keep == NULL ? NULL : &deeper, depth + 1, has_kept);
	else if (ftp_delete(session->ftp, inner) != FTP_OK)
		status = session_error(session);
	free(inner);
	free(below);
	return status;
}

static enum exit_status
remove_tree(struct session *session, const char *path, const struct mirror_wishes *keep, int depth, bool *has_kept)
{
	enum exit_status status = EXIT_DONE;
	bool keeps_inner = false;
	struct ftp_list list;

	if (depth > DEPTH_MAX)
		return report_local("cannot remove", path, -ELOOP);
	if (ftp_list(session->ftp, path, &list) != FTP_OK)
		return session_error(session);
	for (size_t i = 0; i < list.count && status == EXIT_DONE && !signals_have_aborted(); i++) {
		if (keep != NULL && mirror_is_excluded(keep, list.entries[i].name))
			keeps_inner = true;
		else
			status = remove_entry(session, path, &list.entries[i], keep, depth, &keeps_inner);
	}
	ftp_list_free(&list);
	if (keeps_inner)
		*has_kept = true;
	else if (status == EXIT_DONE && ftp_rmdir(session->ftp, path) != FTP_OK)
		status = session_error(session);
	return status;
}

enum exit_status
remote_tree_remove(struct session *session, const char *path, const struct mirror_wishes *keep)
{
	bool has_kept = false;

	return remove_tree(session, path, keep, 0, &has_kept);
}
