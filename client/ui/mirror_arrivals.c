/* SPDX-License-Identifier: ISC */
/* Before the mirror removes extra names: have the copies arrived under their own names? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/ui/mirror.h"
#include "client/ui/remote_glob.h"
#include "client/ui/report.h"
#include "client/ui/signals.h"

#include "common/banned.h"

static bool
holds_entry(const struct ftp_list *list, const char *name)
{
	struct ftp_entry wanted = {.name = (char *)(uintptr_t)name};

	return list->count > 0 &&
	    bsearch(&wanted, list->entries, list->count, sizeof(*list->entries), ftp_entry_by_name) != NULL;
}

static enum exit_status
list_target(struct mirror *mirror, const char *directory, struct ftp_list *list)
{
	enum ftp_class class;
	char *full;
	int r;

	*list = (struct ftp_list){0};
	if (!mirror->is_upload) {
		r = mirror_list_local(mirror, directory, list);
		return r < 0 ? report_local("cannot list", directory, r) : EXIT_DONE;
	}
	full = path_join(mirror->remote_root, directory);
	if (full == NULL)
		return report_no_memory();
	class = ftp_list(mirror->session->ftp, full, list);
	free(full);
	return class == FTP_OK ? EXIT_DONE : session_error(mirror->session);
}

/* The first copy that is not there; NULL: all are. */
static const char *
find_missing(const struct mirror_node *node, struct ftp_list *list)
{
	if (list->count > 0)
		qsort(list->entries, list->count, sizeof(*list->entries), ftp_entry_by_name);
	for (size_t i = 0; i < node->arrival_count; i++) {
		if (!holds_entry(list, node->arrivals[i]))
			return node->arrivals[i];
	}
	return NULL;
}

/* The report about a copy that is not there under its name. */
struct missing_words {
	const char *before, *after; /* the part that cannot be relied on, around the directory */
	const char *why; /* after the name of the copy */
	const char *hint;
};

/* True when all copies in the directory have arrived. Reports those that have not. */
static bool
check_arrived(struct mirror *mirror, const struct mirror_node *node, const struct missing_words *words)
{
	const char *directory = node->path, *missing;
	char what[1024], why[1024];
	enum exit_status status;
	struct ftp_list list;

	if (node->arrival_count == 0)
		return true;
	status = list_target(mirror, directory, &list);
	missing = status == EXIT_DONE ? find_missing(node, &list) : NULL;
	if (missing != NULL) {
		snprintf(what, sizeof(what), "%s '%s' %s", words->before,
		    directory[0] == '\0' ? "the top directory" : report_quote(directory), words->after);
		snprintf(why, sizeof(why), "'%s' was copied, and is not there%s", report_quote(missing), words->why);
		status = report_failure(FTP_REFUSED, what, why, words->hint);
	}
	mirror_note(mirror, status);
	ftp_list_free(&list);
	return status == EXIT_DONE;
}

bool
arrivals_are_there(struct mirror *mirror, struct mirror_node *node)
{
	static const struct missing_words words = {"nothing in", "is removed from the other side",
	    " under this name; what looks extra may be it", "--delete-before, where names are changed there"};

	if (!node->is_checked)
		node->is_sound = check_arrived(mirror, node, &words);
	node->is_checked = true;
	return node->is_sound;
}

/* --- names that may be one on the other side --- */

static int
compare_folded(const void *a, const void *b)
{
	const struct ftp_entry *const *left = a, *const *right = b;

	return strcasecmp((*left)->name, (*right)->name);
}

/* U+0300 to U+036F in UTF-8: with such a mark a letter can be written in two ways. */
static bool
has_mark(const char *name)
{
	for (; *name != '\0'; name++) {
		unsigned char first = (unsigned char)name[0], second = (unsigned char)name[1];

		if (first == 0xcc || (first == 0xcd && second < 0xb0))
			return true;
	}
	return false;
}

static bool
has_twins(const struct ftp_list *list, const struct ftp_entry **sorted)
{
	bool has_any = false;

	for (size_t i = 0; i < list->count; i++) {
		sorted[i] = &list->entries[i];
		has_any = has_any || has_mark(list->entries[i].name);
	}
	qsort(sorted, list->count, sizeof(const struct ftp_entry *), compare_folded);
	for (size_t i = 1; i < list->count && !has_any; i++)
		has_any = compare_folded(&sorted[i - 1], &sorted[i]) == 0;
	return has_any;
}

int
twins_note(struct mirror *mirror, struct mirror_node *node, const struct ftp_list *source)
{
	const struct ftp_entry **sorted;
	struct mirror_node **twins;
	bool has_any;

	if (source->count < 2)
		return 0;
	sorted = calloc(source->count, sizeof(const struct ftp_entry *));
	if (sorted == NULL)
		return -ENOMEM;
	has_any = has_twins(source, sorted);
	free(sorted);
	if (!has_any)
		return 0;
	node->keeps_arrivals = true;
	pthread_mutex_lock(&mirror->lock);
	twins = reallocarray(mirror->twins, mirror->twin_count + 1, sizeof(struct mirror_node *));
	if (twins != NULL) {
		mirror->twins = twins;
		mirror->twins[mirror->twin_count++] = node;
		mirror_node_use(&mirror->queue, node);
	}
	pthread_mutex_unlock(&mirror->lock);
	return twins == NULL ? -ENOMEM : 0;
}

void
twins_check(struct mirror *mirror)
{
	static const struct missing_words words = {"not all of", "is on the other side",
	    ": that side takes it and another name for one", "another name for one of them"};

	for (size_t i = 0; i < mirror->twin_count && !signals_have_aborted(); i++)
		(void)check_arrived(mirror, mirror->twins[i], &words);
}

void
twins_free(struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->twin_count; i++)
		mirror_node_drop(&mirror->queue, mirror->twins[i]);
	free(mirror->twins);
	mirror->twins = NULL;
	mirror->twin_count = 0;
}
