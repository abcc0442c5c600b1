/* SPDX-License-Identifier: ISC */
#include "client/engine/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/engine/answer.h"
#include "common/character.h"

#include "common/banned.h"

#define HOUR_S 3600
#define MINUTE_S 60
#define DAY_S 86400
#define STEP_S (15 * MINUTE_S) /* zones differ by quarters of an hour */
#define WEST_MAX_S (12 * HOUR_S)
#define EAST_MAX_S (14 * HOUR_S)
#define RECENT_S \
	(90 * INT64_C(86400)) /* a file of now: its zone is the one that holds today, without a change of summer time */

/* "2", "02", "0200", "02:00": hours and minutes. Returns seconds, -1 for anything else. */
static int
parse_offset(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int hours, minutes = 0;

	if (digits == 4 && text[4] == '\0') {
		hours = (text[0] - '0') * 10 + text[1] - '0';
		minutes = (text[2] - '0') * 10 + text[3] - '0';
	} else if (digits == 1 || digits == 2) {
		hours = digits == 1 ? text[0] - '0' : (text[0] - '0') * 10 + text[1] - '0';
		text += digits;
		if (*text == ':' && is_digit(text[1]) && is_digit(text[2]) && text[3] == '\0')
			minutes = (text[1] - '0') * 10 + text[2] - '0';
		else if (*text != '\0')
			return -1;
	} else {
		return -1;
	}
	return minutes < 60 ? hours * HOUR_S + minutes * MINUTE_S : -1;
}

int
zone_parse(const char *text, int *zone_s)
{
	bool is_west = text[0] == '-';
	int offset;

	if (strcasecmp(text, "UTC") == 0) {
		*zone_s = 0;
		return 0;
	}
	if (text[0] != '+' && text[0] != '-')
		return -EINVAL;
	offset = parse_offset(text + 1);
	if (offset < 0 || offset > (is_west ? WEST_MAX_S : EAST_MAX_S))
		return -EINVAL;
	*zone_s = is_west ? -offset : offset;
	return 0;
}

bool
zone_find(int64_t listed, int64_t exact, int *zone_s)
{
	int64_t difference, steps;

	if (__builtin_sub_overflow(listed, exact, &difference) || difference < -WEST_MAX_S - MINUTE_S ||
	    difference > EAST_MAX_S + MINUTE_S)
		return false;
	/* the listing has cut the seconds off: the difference is up to a minute too small */
	difference += MINUTE_S / 2;
	steps = (difference + (difference < 0 ? -STEP_S / 2 : STEP_S / 2)) / STEP_S;
	if (llabs(difference - steps * STEP_S) > MINUTE_S)
		return false;
	*zone_s = (int)(steps * STEP_S);
	return true;
}

/* A time of day, and not that of another season. */
static bool
tells_zone(const struct ftp_entry *entry)
{
	return entry->kind == FTP_KIND_FILE && entry->mtime > 0 && !entry->mtime_is_exact &&
	    entry->mtime % DAY_S != 0 && entry->mtime > (int64_t)time(NULL) - RECENT_S;
}

static enum ftp_class
look_for_zone(struct ftp *ftp, const struct ftp_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct ftp_entry *entry = &list->entries[i];
		enum ftp_class reason;
		const char *text;
		int64_t exact;

		if (!tells_zone(entry))
			continue;
		reason = control_exchange(ftp, "MDTM %s", entry->name);
		text = reply_message(&ftp->reply);
		if (reason != FTP_OK)
			return reason;
		if (ftp->reply.code == 213 && answer_time(text, strcspn(text, " "), &exact) == 0 &&
		    zone_find(entry->mtime, exact, &ftp->zone_s)) {
			ftp->is_zone_known = true;
			trace(ftp, '*', "times of listings are %+d minutes from UTC", ftp->zone_s / MINUTE_S);
		}
		return FTP_OK;
	}
	return FTP_OK;
}

enum ftp_class
zone_adjust(struct ftp *ftp, struct ftp_list *list)
{
	enum ftp_class reason = FTP_OK;

	if (ftp->options->zone == FTP_ZONE_GIVEN) {
		ftp->zone_s = ftp->options->zone_s;
		ftp->is_zone_known = true;
	} else if (ftp->options->zone == FTP_ZONE_AUTO && !ftp->is_zone_known && !ftp->has_no_mdtm) {
		reason = look_for_zone(ftp, list);
	}
	for (size_t i = 0; ftp->is_zone_known && i < list->count; i++) {
		struct ftp_entry *entry = &list->entries[i];

		/* a day without a time is a day everywhere */
		if (!entry->mtime_is_exact && entry->mtime > 0 && entry->mtime % DAY_S != 0)
			entry->mtime -= ftp->zone_s;
	}
	return reason;
}
