/* SPDX-License-Identifier: ISC */
#include "admin/user_uid.h"

#include <errno.h>
#include <pwd.h>
#include <stddef.h>

#include "admin/book.h"
#include "admin/ctl.h"
#include "config/config.h"

#include "common/banned.h"

#define UID_LEAST 1000 /* of uid-range */
#define BELOW_RANGE 10000 /* uids for accounts of the file */

/*
 * The first of count uids from low on that no book has: each is asked from what the one before offers, until all agree.
 * -ENOSPC when the range is used up.
 */
static int
agree_on_uid(
    struct book *book, const struct book_others *others, uint32_t low, uint32_t high, uint32_t count, uint32_t *uid)
{
	size_t agreed = 0, i = 0;
	uint32_t next;
	int r = 0;

	*uid = low;
	while (r == 0 && agreed <= others->count) {
		r = book_free_uid(i == 0 ? book : others->list[i - 1], *uid, high, count, &next);
		agreed = r == 0 && next == *uid ? agreed + 1 : 1;
		*uid = next;
		i = (i + 1) % (others->count + 1);
	}
	return r;
}

/* The highest uid from first on, count of them, that a user of the system has; 0: none. */
static uint32_t
system_uid_within(uint32_t first, uint32_t count)
{
	const struct passwd *entry;
	uint32_t highest = 0;

	if (count == 1)
		return getpwuid(first) == NULL ? 0 : first;
	setpwent();
	while ((entry = getpwent()) != NULL)
		if (entry->pw_uid >= first && entry->pw_uid - first < count && entry->pw_uid > highest)
			highest = entry->pw_uid;
	endpwent();
	return highest;
}

/*
 * uid-range is for the database, where there is one: an account of the file gets a uid below it, so that no account of the
 * database can have the same one.
 */
static void
range_of(const struct ctl *ctl, const struct book *book, uint32_t *low, uint32_t *high)
{
	*low = ctl->config->uid_low;
	*high = ctl->config->uid_high;
	if (book_kind_of(book) == BOOK_FILE && config_has_store(ctl->config) && *low > UID_LEAST) {
		*high = *low - 1;
		*low = *high - UID_LEAST > BELOW_RANGE ? *high - BELOW_RANGE + 1 : UID_LEAST;
	}
}

int
user_free_uid(const struct ctl *ctl, struct book *book, uint32_t taken_below, uint32_t count, uint32_t *uid)
{
	struct book_others others;
	uint32_t low, high, first, taken;
	int r = book_open_others(book, &others);

	range_of(ctl, book, &low, &high);
	first = low;
	if (r < 0)
		ctl_error("which uids the other accounts have is not known; try again, or use --uid N");
	if (taken_below > low)
		low = taken_below;
	while (r == 0) {
		r = low > high ? -ENOSPC : agree_on_uid(book, &others, low, high, count, uid);
		if (r < 0 || (taken = system_uid_within(*uid, count)) == 0)
			break;
		low = taken + 1;
	}
	if (r == -ENOSPC)
		ctl_error("no uid is free in %s%u-%u; %s it in '%s', or use --uid N",
		    high < ctl->config->uid_low ? "" : "uid-range ", first, high,
		    high < ctl->config->uid_low ? "begin uid-range after" : "widen", ctl_quote(ctl->config_path));
	book_close_others(&others);
	return r;
}
