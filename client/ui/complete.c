/* SPDX-License-Identifier: ISC */
#include "client/ui/complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/ui/bookmarks.h"
#include "client/ui/command.h"
#include "client/ui/config_text.h"
#include "client/ui/connections.h"
#include "client/ui/options.h"
#include "client/ui/places.h"
#include "client/ui/shell_aliases.h"
#include "client/ui/term_text.h"
#include "client/ui/words.h"
#include "common/buf.h"
#include "common/character.h"
#include "common/text.h"

#include "common/banned.h"

#define CANDIDATES_MAX 10000
#define BOOKMARKS_MAX 1048576
#define NAME_SHOWN_MAX 8192

void
candidates_free(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++) {
		free(candidates->items[i].text);
		free(candidates->items[i].shown);
	}
	free(candidates->items);
	*candidates = (struct candidates){NULL, 0};
}

/* Whether the terminal shows the name as it is: any other one can neither be typed nor told from another one. */
static bool
can_be_typed(const char *name)
{
	size_t len = strlen(name);
	struct buf shown;
	bool is_same;

	buf_init(&shown, NAME_SHOWN_MAX);
	(void)term_add(&shown, name, len);
	is_same = shown.error == 0 && shown.len == len && memcmp(shown.data, name, len) == 0;
	buf_free(&shown);
	return is_same;
}

/* directory: the part of the word up to its last slash. */
static void
add_candidate(
    struct candidates *candidates, const char *directory, size_t directory_len, const char *name, bool is_directory)
{
	size_t name_len = strlen(name);
	struct candidate candidate = {.is_directory = is_directory};
	struct candidate *items;

	if (candidates->count >= CANDIDATES_MAX || name_len == 0 || !can_be_typed(name))
		return;
	items = realloc(candidates->items, (candidates->count + 1) * sizeof(*items));
	if (items == NULL)
		return;
	candidates->items = items;
	candidate.text = malloc(directory_len + name_len + 1);
	candidate.shown = strdup(name);
	if (candidate.text == NULL || candidate.shown == NULL) {
		free(candidate.text);
		free(candidate.shown);
		return;
	}
	memcpy(candidate.text, directory, directory_len);
	memcpy(candidate.text + directory_len, name, name_len + 1);
	items[candidates->count++] = candidate;
}

static bool
begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void
find_commands(const char *prefix, struct candidates *candidates)
{
	for (const struct command *command = client_commands; command->name != NULL; command++)
		if ((command->flags & WHERE_SHELL) != 0 && begins_with(command->name, prefix))
			add_candidate(candidates, "", 0, command->name, false);
	for (size_t i = 0; alias_nth(i) != NULL; i++)
		if (begins_with(alias_nth(i), prefix))
			add_candidate(candidates, "", 0, alias_nth(i), false);
}

static bool
is_setting_name(const char *name)
{
	for (size_t i = 0; command_setting_name(i) != NULL; i++)
		if (strcmp(command_setting_name(i), name) == 0)
			return true;
	return false;
}

static void
find_settings(const char *prefix, struct candidates *candidates)
{
	for (size_t i = 0; command_setting_name(i) != NULL; i++)
		if (begins_with(command_setting_name(i), prefix))
			add_candidate(candidates, "", 0, command_setting_name(i), false);
	for (int id = 0; id < OPTION_ALL; id++)
		if (config_keeps((enum option_id)id) && begins_with(options_name((enum option_id)id), prefix) &&
		    !is_setting_name(options_name((enum option_id)id)))
			add_candidate(candidates, "", 0, options_name((enum option_id)id), false);
}

static void
find_bookmarks(const char *prefix, struct candidates *candidates)
{
	struct bookmark bookmark;
	struct buf text;
	size_t at = 0;

	buf_init(&text, BOOKMARKS_MAX);
	if (places_read_bookmarks(&text) == 0)
		while (text.len > 0 && bookmarks_next(text.data, text.len, &at, &bookmark)) {
			char name[128];

			snprintf(name, sizeof(name), "%.*s", (int)bookmark.name_len, bookmark.name);
			if (begins_with(name, prefix))
				add_candidate(candidates, "", 0, name, false);
		}
	buf_free(&text);
}

/* Their numbers, and the names of hosts. */
static void
find_connections(const char *prefix, struct candidates *candidates)
{
	struct connection *connection;

	for (size_t i = 0; (connection = connections_nth(i)) != NULL; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%u", connection->number);
		if (begins_with(number, prefix))
			add_candidate(candidates, "", 0, number, false);
		if (*prefix != '\0' && begins_with(connection->session.url.host, prefix))
			add_candidate(candidates, "", 0, connection->session.url.host, false);
	}
}

/* Texts that are neither here nor on the server: each command has its own. */
static void
find_texts(const struct command *command, size_t place, const char *word, struct candidates *candidates)
{
	static const struct {
		enum exit_status (*run)(struct session *, struct options *, const struct args *);
		void (*find)(const char *prefix, struct candidates *candidates);
	} finders[] = {
	    {command_help_print, find_commands},
	    {command_queue, find_commands},
	    {command_set, find_settings},
	    {command_open, find_bookmarks},
	    {command_bookmark, find_bookmarks},
	    {command_close, find_connections},
	    {command_connections, find_connections},
	};

	for (size_t i = 0; place == 1 && i < sizeof(finders) / sizeof(finders[0]); i++)
		if (finders[i].run == command->run)
			finders[i].find(word, candidates);
}

static void
find_options(const struct command *command, const char *prefix, struct candidates *candidates)
{
	for (int id = 0; id < OPTION_COUNT; id++) {
		char name[64];

		if (((command->options | OPTIONS_OUTPUT) & OPTION_BIT(id)) == 0)
			continue;
		snprintf(name, sizeof(name), "--%s", options_name((enum option_id)id));
		if (begins_with(name, prefix))
			add_candidate(candidates, "", 0, name, false);
	}
}

static size_t
directory_length(const char *word)
{
	const char *slash = strrchr(word, '/');

	return slash == NULL ? 0 : (size_t)(slash - word) + 1;
}

/* Hidden names are offered when the word begins with a dot. */
static bool
is_offered(const char *name, const char *prefix)
{
	return begins_with(name, prefix) && (name[0] != '.' || prefix[0] == '.');
}

/* The path on the server begins after the first bytes of the word. */
static void
find_remote_behind(struct session *session, const char *word, size_t before, struct candidates *candidates)
{
	size_t in_path = directory_length(word + before), len = before + in_path;
	char *directory = strndup(word + before, in_path);
	const struct ftp_list *list = NULL;

	if (directory != NULL && in_path > 1)
		directory[in_path - 1] = '\0';
	if (directory != NULL && session != NULL && session->listings != NULL)
		list = listing_look(session->listings, session->ftp, directory);
	for (size_t i = 0; list != NULL && i < list->count; i++)
		if (is_offered(list->entries[i].name, word + len))
			add_candidate(
			    candidates, word, len, list->entries[i].name, list->entries[i].kind == FTP_KIND_DIRECTORY);
	free(directory);
}

static void
find_remote(struct session *session, const char *word, struct candidates *candidates)
{
	find_remote_behind(session, word, 0, candidates);
}

/* copy: names of the current server, or behind "CONNECTION:" those of another one. */
static void
find_copied(struct session *session, const char *word, struct candidates *candidates)
{
	const char *path = word;
	struct connection *connection = copy_connection(word, &path);

	find_remote_behind(
	    connection == NULL ? session : &connection->session, word, (size_t)(path - word), candidates);
}

static void
find_local(const char *word, struct candidates *candidates)
{
	size_t len = directory_length(word);
	char *path = strndup(word, len);
	DIR *directory = path == NULL ? NULL : opendir(len == 0 ? "." : path);
	const struct dirent *entry;
	struct stat status;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    !is_offered(entry->d_name, word + len))
			continue;
		add_candidate(candidates, word, len, entry->d_name,
		    fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISDIR(status.st_mode));
	}
	if (directory != NULL)
		closedir(directory);
	free(path);
}

/* Where to look for the operand at this place (1: the first). */
static void
find_operand(struct session *session, const struct command *command, size_t place, const char *word, bool is_upload,
    struct candidates *candidates)
{
	bool is_first = place <= 1 || command->max > 2;

	switch (command->kind) {
	case OPERANDS_REMOTE:
		find_remote(session, word, candidates);
		break;
	case OPERANDS_LOCAL:
		find_local(word, candidates);
		break;
	case OPERANDS_REMOTE_LOCAL:
	case OPERANDS_LOCAL_REMOTE:
	case OPERANDS_MIRROR:
		if (is_first ==
		    (command->kind == OPERANDS_LOCAL_REMOTE || (command->kind == OPERANDS_MIRROR && is_upload)))
			find_local(word, candidates);
		else
			find_remote(session, word, candidates);
		break;
	case OPERANDS_TEXT_REMOTE:
		if (place > 1)
			find_remote(session, word, candidates);
		break;
	case OPERANDS_COPY:
		find_copied(session, word, candidates);
		break;
	case OPERANDS_TEXT:
		find_texts(command, place, word, candidates);
		break;
	case OPERANDS_NONE:
	case OPERANDS_REMOTE_TEXT:
		break;
	}
}

static int
compare_candidates(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	return strcmp(left->text, right->text);
}

/* Look at the words before the cursor: the command, and the number of its operands so far. */
static const struct command *
look_at_words(const char *line, size_t start, size_t *operands, bool *is_upload)
{
	char *before = strndup(line, start);
	const struct command *command = NULL;
	struct words words;
	const char *why;

	*operands = 0;
	*is_upload = false;
	if (before == NULL)
		return NULL;
	if (words_split(before, &words, &why) == 0) {
		for (size_t i = 0; i < words.count; i++) {
			const char *text = words.items[i].text;

			if (i == 0)
				command = command_find(text, WHERE_SHELL);
			else if (text[0] != '-')
				++*operands;
			else if (strcmp(text, "-R") == 0 || strcmp(text, "--upload") == 0)
				*is_upload = true;
		}
		words_free(&words);
	}
	free(before);
	return command;
}

/* After ">" comes a local name. */
static bool
follows_redirection(const char *line, size_t start)
{
	while (start > 0 && is_blank(line[start - 1]))
		start--;
	return start > 0 && line[start - 1] == '>';
}

void
complete_find(struct connection *connection, const char *line, size_t len, struct candidates *candidates)
{
	struct session *session = connection == NULL ? NULL : &connection->session;
	const struct command *command;
	struct word_at_cursor word;
	size_t operands;
	bool is_upload;

	*candidates = (struct candidates){NULL, 0};
	if (words_at_cursor(line, len, &word) < 0)
		return;
	if (follows_redirection(line, word.start)) {
		find_local(word.text, candidates);
	} else if (word.index == 0) {
		find_commands(word.text, candidates);
	} else {
		command = look_at_words(line, word.start, &operands, &is_upload);
		if (command != NULL && word.text[0] == '-' && word.quote == '\0')
			find_options(command, word.text, candidates);
		else if (command != NULL)
			find_operand(session, command, operands + 1, word.text, is_upload, candidates);
	}
	free(word.text);
	if (candidates->count > 0)
		qsort(candidates->items, candidates->count, sizeof(*candidates->items), compare_candidates);
}

size_t
candidates_common(const struct candidates *candidates)
{
	size_t common = candidates->count == 0 ? 0 : strlen(candidates->items[0].text), at = 0;

	for (size_t i = 1; i < candidates->count; i++) {
		size_t same = 0;

		while (same < common && candidates->items[i].text[same] == candidates->items[0].text[same])
			same++;
		common = same;
	}
	/* back to the end of a character */
	while (at < common) {
		size_t n = utf8_sequence(
		    (const unsigned char *)candidates->items[0].text + at, strlen(candidates->items[0].text + at));

		if (at + (n == 0 ? 1 : n) > common)
			break;
		at += n == 0 ? 1 : n;
	}
	return at;
}
