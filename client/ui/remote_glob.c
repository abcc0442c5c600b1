/* SPDX-License-Identifier: ISC */
#include "client/ui/remote_glob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/report.h"
#include "common/glob.h"

#include "common/banned.h"

#define STEPS_MAX 50000000
#define MATCHES_MAX 1000000
#define DEPTH_MAX 64

char *
path_join(const char *directory, const char *name)
{
	size_t len = strlen(directory), name_len = strlen(name);
	bool needs_slash = len > 0 && directory[len - 1] != '/';
	char *path = malloc(len + name_len + 2);

	if (path == NULL)
		return NULL;
	memcpy(path, directory, len);
	if (needs_slash)
		path[len++] = '/';
	memcpy(path + len, name, name_len + 1);
	return path;
}

char *
path_name(const char *path)
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		continue;
	return strndup(path + start, end - start);
}

bool
remote_is_directory(struct session *session, const char *path)
{
	bool is_directory;

	if (path[0] == '\0' || path[strlen(path) - 1] == '/')
		return true;
	return ftp_is_directory(session->ftp, path, &is_directory) == FTP_OK && is_directory;
}

void
remote_warn_unread(const char *directory, const struct ftp_list *list)
{
	if (list->unread_count > 0)
		report_warning("%s has %zu line%s in its listing that %s not understood, the first: %s",
		    directory[0] == '\0' ? "the directory" : report_quote(directory), list->unread_count,
		    list->unread_count == 1 ? "" : "s", list->unread_count == 1 ? "was" : "were",
		    report_quote(list->unread[0]));
}

void
matches_free(struct matches *matches)
{
	for (size_t i = 0; i < matches->count; i++)
		free(matches->items[i].path);
	free(matches->items);
	*matches = (struct matches){NULL, 0};
}

/* Takes path over. entry NULL: nothing is known. */
static int
add_remote_match(struct matches *matches, char *path, const struct ftp_entry *entry)
{
	static const struct ftp_entry unknown = {.kind = FTP_KIND_OTHER, .size = -1, .mtime = -1};

	if (path == NULL || matches->count >= MATCHES_MAX)
		goto fail;
	if ((matches->count & (matches->count - 1)) == 0) {
		struct match *items =
		    realloc(matches->items, (matches->count == 0 ? 1 : 2 * matches->count) * sizeof(*items));

		if (items == NULL)
			goto fail;
		matches->items = items;
	}
	entry = entry == NULL ? &unknown : entry;
	matches->items[matches->count++] =
	    (struct match){path, entry->kind, entry->size, entry->mtime, entry->mtime_is_exact};
	return 0;
fail:
	free(path);
	return -ENOMEM;
}

/* One expansion on its way. */
struct expansion {
	struct session *session;
	struct matches *matches;
	uint64_t steps;
	int depth;
};

/* Copy a component without its backslashes. */
static char *
plain(const char *component, size_t len)
{
	char *text = malloc(len + 1);
	size_t out = 0;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (component[i] == '\\' && i + 1 < len)
			i++;
		text[out++] = component[i];
	}
	text[out] = '\0';
	return text;
}

static bool
has_wildcard(const char *component, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (component[i] == '\\')
			i++;
		else if (component[i] == '*' || component[i] == '?' || component[i] == '[')
			return true;
	}
	return false;
}

static enum ftp_class expand_below(struct expansion *expansion, const char *directory, const char *rest);

/* A name that matched: the end, or more of the pattern follows. */
static enum ftp_class
take_matched_name(struct expansion *expansion, const char *directory, const struct ftp_entry *entry, const char *rest)
{
	char *path = path_join(directory, entry->name);
	enum ftp_class class = FTP_OK;

	if (path == NULL)
		return FTP_LOCAL;
	if (*rest == '\0')
		return add_remote_match(expansion->matches, path, entry) < 0 ? FTP_LOCAL : FTP_OK;
	if (entry->kind != FTP_KIND_FILE && expansion->depth < DEPTH_MAX) {
		expansion->depth++;
		class = expand_below(expansion, path, rest);
		expansion->depth--;
		if (class == FTP_REFUSED)
			class = FTP_OK; /* a directory that may not be read has no matches */
	}
	free(path);
	return class;
}

static enum ftp_class
expand_names(struct expansion *expansion, const char *directory, const char *component, size_t len, const char *rest)
{
	struct ftp_list list;
	enum ftp_class class = ftp_list(expansion->session->ftp, directory, &list);

	if (class != FTP_OK)
		return class;
	if (list.count > 0)
		qsort(list.entries, list.count, sizeof(*list.entries), ftp_entry_by_name);
	remote_warn_unread(directory, &list);
	for (size_t i = 0; i < list.count && class == FTP_OK; i++) {
		const char *name = list.entries[i].name;

		if (name[0] == '.' && component[0] != '.')
			continue;
		if (glob_match(component, len, name, strlen(name), &expansion->steps))
			class = take_matched_name(expansion, directory, &list.entries[i], rest);
	}
	ftp_list_free(&list);
	return class;
}

/* Match the rest of a pattern below directory ("": the working directory). */
static enum ftp_class
expand_below(struct expansion *expansion, const char *directory, const char *rest)
{
	size_t len;
	char *name, *path;
	enum ftp_class class;

	while (*rest == '/')
		rest++;
	len = strcspn(rest, "/");
	if (has_wildcard(rest, len))
		return expand_names(expansion, directory, rest, len, rest + len + strspn(rest + len, "/"));
	name = plain(rest, len);
	path = name == NULL ? NULL : path_join(directory, name);
	free(name);
	if (path == NULL)
		return FTP_LOCAL;
	if (rest[len] == '\0') {
		struct ftp_entry entry;

		/* after a wildcard: only existing names match */
		class = ftp_stat(expansion->session->ftp, path, &entry);
		if (class == FTP_REFUSED)
			class = FTP_OK;
		else if (class == FTP_OK) {
			class = add_remote_match(expansion->matches, strdup(path), &entry) < 0 ? FTP_LOCAL : FTP_OK;
			ftp_entry_free(&entry);
		}
	} else {
		class = expand_below(expansion, path, rest + len);
	}
	free(path);
	return class;
}

static enum exit_status
report_no_match(const struct session *session, const struct word *word)
{
	char what[1024];

	snprintf(what, sizeof(what), "nothing on the server matches '%s'", report_quote(word->text));
	return report_failure(FTP_REFUSED, what, "",
	    session->is_shell
		? "a look at the directory with ls; quotes around a name that has * ? or [ in it"
		: "a look at the directory with ls; %2A for a * that is in the name, %3F for ?, %5B for [");
}

/* The entry of a name that has brackets and is there. */
static bool
find_literal(struct session *session, const struct word *word, struct ftp_entry *entry)
{
	return word->pattern != NULL && strpbrk(word->text, "*?") == NULL &&
	    ftp_stat(session->ftp, word->text, entry) == FTP_OK;
}

bool
remote_is_literal(struct session *session, const struct word *word)
{
	struct ftp_entry entry;
	bool is_there = find_literal(session, word, &entry);

	if (is_there)
		ftp_entry_free(&entry);
	return is_there;
}

enum exit_status
remote_glob(struct session *session, const struct word *word, struct matches *matches)
{
	struct expansion expansion = {session, matches, STEPS_MAX, 0};
	size_t before = matches->count;
	struct ftp_entry entry;
	enum ftp_class class;
	int r;

	if (word->pattern == NULL) {
		if (add_remote_match(matches, strdup(word->text), NULL) < 0)
			return report_no_memory();
		return EXIT_DONE;
	}
	if (find_literal(session, word, &entry)) {
		r = add_remote_match(matches, strdup(word->text), &entry);
		ftp_entry_free(&entry);
		return r < 0 ? report_no_memory() : EXIT_DONE;
	}
	class = expand_below(&expansion, word->pattern[0] == '/' ? "/" : "", word->pattern);
	if (class == FTP_LOCAL)
		return report_failure(
		    FTP_LOCAL, "cannot expand the pattern", "it has too many matches", "a narrower one");
	if (class != FTP_OK)
		return session_error(session);
	if (expansion.steps == 0)
		return report_failure(
		    FTP_USAGE, "cannot expand the pattern", "it takes too long to match", "fewer stars");
	return matches->count == before ? report_no_match(session, word) : EXIT_DONE;
}
