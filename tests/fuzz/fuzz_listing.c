/* SPDX-License-Identifier: ISC */
/* Listings of a hostile server: the first byte chooses the style, the rest is the listing. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/listing.h"
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
check_entry(const struct ftp_entry *entry)
{
	must(*entry->name != '\0' && strchr(entry->name, '/') == NULL);
	must(strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0);
	must(entry->size >= -1 && entry->mode >= -1 && entry->mode <= 07777);
	must(!has_control(entry->owner, strlen(entry->owner)) && !has_control(entry->group, strlen(entry->group)));
	must(strspn(entry->permissions, "abcdefghijklmnopqrstuvwxyz") == strlen(entry->permissions));
}

static int
parse(struct listing *listing, enum listing_style style, const char *bytes, size_t len, size_t piece)
{
	int r = 0;

	listing_init(listing, style, 1790000000);
	for (size_t at = 0; at < len && r == 0; at += piece)
		r = listing_feed(listing, bytes + at, len - at < piece ? len - at : piece);
	if (r == 0)
		r = listing_end(listing);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct listing one, two;
	enum listing_style style;
	struct ftp_entry entry;
	int r;

	if (size == 0)
		return 0;
	style = data[0] & 1 ? LISTING_MLSD : LISTING_LIST;
	r = parse(&one, style, bytes + 1, size - 1, size);
	must(r == 0 || r == -EMSGSIZE || r == -E2BIG);
	must(parse(&two, style, bytes + 1, size - 1, 1) == r);
	must(one.list.count == two.list.count && one.list.refused == two.list.refused &&
	    one.list.unread_count == two.list.unread_count);
	for (size_t i = 0; i < one.list.count; i++) {
		check_entry(&one.list.entries[i]);
		must(strcmp(one.list.entries[i].name, two.list.entries[i].name) == 0);
	}
	listing_free(&one);
	listing_free(&two);
	if (mlsd_parse(bytes + 1, size - 1, true, &entry) == 0) {
		check_entry(&entry);
		ftp_entry_free(&entry);
	}
	return 0;
}
