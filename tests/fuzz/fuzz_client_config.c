/* SPDX-License-Identifier: ISC */
/* The client's configuration file: what it accepts is sound, and what it refuses is named by its line. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/config_text.h"
#include "common/text.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static void
check_lines(const struct client_config *config)
{
	size_t before = 0;

	for (size_t i = 0; i < config->line_count; i++) {
		const struct config_line *line = &config->lines[i];

		must(line->word != NULL && line->section < config->section_count);
		must(line->number > before);
		before = line->number;
		if (line->id == OPTION_ALL)
			must(config->has_password && !line->is_off);
		else
			must(config_keeps(line->id) && strncmp(line->word, "--", 2) == 0);
	}
}

/* What the options make of the lines, one by one as preferences do. */
static void
parse_lines(const struct client_config *config)
{
	for (size_t i = 0; i < config->line_count; i++) {
		const struct config_line *line = &config->lines[i];
		struct word word = {.text = line->word};
		const struct word *operand;
		struct options options;
		char why[256] = "";
		size_t count;

		/* these look at files */
		if (line->id == OPTION_ALL || line->id == OPTION_NEWER)
			continue;
		options_init(&options);
		if (options_parse(&options, &word, 1, ~(option_set)0, &operand, &count, why, sizeof(why)) == -EINVAL)
			must(*why != '\0' && !has_control(why, strlen(why)));
		options_free(&options);
	}
}

static void
check_sections(const struct client_config *config)
{
	static const char *const hosts[] = {"files.example.org", "a", "[", NULL};

	must(config->section_count >= 1 && config->sections[0].count == 0);
	for (size_t i = 0; i < config->section_count; i++)
		for (size_t h = 0; h < sizeof(hosts) / sizeof(hosts[0]); h++)
			(void)config_section_holds(&config->sections[i], hosts[h]);
	must(config_section_holds(&config->sections[0], NULL));
	for (size_t i = 1; i < config->section_count; i++)
		must(config->sections[i].count > 0 && !config_section_holds(&config->sections[i], NULL));
	for (size_t i = 0; i < config->alias_count; i++)
		must(*config->aliases[i].name != '\0' && config->aliases[i].text != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_config config;
	char why[512] = "";
	size_t number = 0;
	int r = config_text_read((const char *)data, size, &config, &number, why, sizeof(why));

	must(r == 0 || r == -EINVAL || r == -ENOMEM);
	if (r == -EINVAL) {
		must(number > 0 && *why != '\0' && !has_control(why, strlen(why)));
	} else if (r == 0) {
		check_lines(&config);
		check_sections(&config);
		parse_lines(&config);
	}
	config_text_free(&config);
	return 0;
}
