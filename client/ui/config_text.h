/* SPDX-License-Identifier: ISC */
/*
 * The text of the client's configuration file. Pure.
 *
 *     timeout = 30
 *     [host files.example.org *.example.net]
 *     user = alice
 *     plaintext = no
 *     [alias]
 *     ll = ls -l
 *
 * The words are the long options. Quotes, backslashes and # are those of words_split().
 */
#ifndef CLIENT_UI_CONFIG_TEXT_H
#define CLIENT_UI_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ui/options.h"

/* A line "word = value". */
struct config_line {
	enum option_id id; /* OPTION_ALL: the password */
	char *word; /* as an option, "--timeout=30"; of the password the value alone; owned */
	bool is_off; /* "no", of an option that takes no value */
	size_t number; /* of the line */
	size_t section; /* index of the section; 0: before the first */
};

/* A section "[host PATTERN ...]". */
struct config_section {
	char **patterns; /* of the names of hosts, as fnmatch(3) takes them; owned */
	size_t count;
};

struct config_alias {
	char *name, *text; /* owned */
};

struct client_config {
	struct config_line *lines;
	size_t line_count;
	struct config_section *sections; /* the first is the general one, without patterns */
	size_t section_count;
	struct config_alias *aliases;
	size_t alias_count;
	bool has_password;
};

/*
 * Read the text. The caller calls config_text_free() in any case.
 *
 * Returns 0, -EINVAL with the number of the line and what is wrong in why (escaped), -ENOMEM.
 */
int config_text_read(
    const char *text, size_t len, struct client_config *config, size_t *number, char *why, size_t size);
void config_text_free(struct client_config *config);

/* Whether the option may stand in the file, and in the environment. */
bool config_keeps(enum option_id id);

/* Whether the lines of a section hold for a host (NULL: for none); those of the general one always do. */
bool config_section_holds(const struct config_section *section, const char *host);

#endif
