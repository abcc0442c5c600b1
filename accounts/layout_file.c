/* SPDX-License-Identifier: ISC */
/* The layout of the folders of a users file that is open. */
#include "accounts/definition.h"
#include "accounts/folder.h"
#include "accounts/layout.h"
#include "accounts/users_file.h"

#include "common/banned.h"

int
layout_of_file(struct layout *layout, const struct users_file *file)
{
	struct definition definition;
	struct folder folder;
	const char *problem;
	int r = 0;

	for (size_t i = 0; i < users_file_count(file) && r == 0; i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (line_is_definition(line, len) && definition_parse(line, len, &definition, &problem) == 0 &&
		    definition.kind == DEFINITION_FOLDER && folder_parse(&definition, &folder, &problem) == 0)
			r = layout_add(layout, &folder, i + 1);
	}
	return r < 0 ? r : layout_settle(layout);
}
