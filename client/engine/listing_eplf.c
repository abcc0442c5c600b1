/* SPDX-License-Identifier: ISC */
/* EPLF: "+i8388621.48594,m825718503,r,s280,up644,<tab>name". Its times are seconds since 1970. */
#include <errno.h>
#include <string.h>

#include "client/engine/listing_line.h"
#include "common/text.h"

#include "common/banned.h"

static void
take_fact(struct ftp_entry *entry, struct piece fact)
{
	char digits[5];
	uint32_t mode;

	switch (fact.text[0]) {
	case '/':
		entry->kind = FTP_KIND_DIRECTORY;
		break;
	case 'r':
		if (entry->kind != FTP_KIND_DIRECTORY)
			entry->kind = FTP_KIND_FILE;
		break;
	case 's':
		entry->size = piece_number(piece_from(fact, 1));
		break;
	case 'm':
		entry->mtime = piece_number(piece_from(fact, 1));
		entry->mtime_is_exact = entry->mtime >= 0;
		break;
	case 'u':
		if (fact.len > 2 && fact.len < 2 + sizeof(digits) && fact.text[1] == 'p') {
			memcpy(digits, fact.text + 2, fact.len - 2);
			digits[fact.len - 2] = '\0';
			if (parse_mode(digits, &mode) == 0)
				entry->mode = (int32_t)mode;
		}
		break;
	default:
		break;
	}
}

int
list_eplf(const struct list_line *line, struct list_state *state, struct ftp_entry *entry)
{
	struct piece facts = {line->text, line->len}, name;
	const char *tab = line->len == 0 ? NULL : memchr(line->text, '\t', line->len);

	(void)state;
	if (line->len < 2 || line->text[0] != '+')
		return -EINVAL;
	if (tab == NULL)
		tab = memchr(line->text, ' ', line->len);
	if (tab == NULL)
		return -EINVAL;
	facts = (struct piece){line->text + 1, (size_t)(tab - line->text - 1)};
	name = (struct piece){tab + 1, (size_t)(line->text + line->len - tab - 1)};
	while (facts.len > 0) {
		const char *comma = memchr(facts.text, ',', facts.len);
		size_t len = comma == NULL ? facts.len : (size_t)(comma - facts.text);

		if (len > 0)
			take_fact(entry, piece_first(facts, len));
		facts = piece_from(facts, len + 1);
	}
	return entry_set_name(entry, name);
}
