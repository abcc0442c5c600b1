/* SPDX-License-Identifier: ISC */
/*
 * What an account keeps of what it replaces and removes: the options keep, keep-quota, retain and keep-brake of
 * sallyport-users(5).
 */
#ifndef ACCOUNTS_KEEP_RULES_H
#define ACCOUNTS_KEEP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEEP_DAYS_MAX 3650
#define KEEP_DAY_S 86400
#define KEEP_NO_QUOTA UINT64_MAX
#define KEEP_BRAKE_CHANGES_MAX 10000
#define KEEP_BRAKE_SECONDS_MAX (7 * KEEP_DAY_S)

struct keep_rules {
	uint32_t days;	/* 0: nothing is kept */
	uint32_t retain_days;	/* what is uploaded or kept stays so long, whoever wants it gone; 0: nothing does */
	uint32_t brake_changes, brake_s;	/* so many removals in so many seconds, and no more; 0: no brake */
	uint64_t quota_bytes;	/* of all that is kept; KEEP_NO_QUOTA: no limit */
};

/* Who wants what is kept to go. */
enum keep_wish {
	KEEP_BY_AGE,	/* nobody: its time is over */
	KEEP_BY_ADMINISTRATOR	/* before that */
};

/* Parse "30d": whole days, from 1d to 3650d. Pure. Returns 0, or -EINVAL. */
int keep_days_parse(const char *text, size_t len, uint32_t *days);

/* Parse "200/10m": removals, from 1 to 10000, in a time from 1s to 7d, in s, m, h or d. Pure. Returns 0, or -EINVAL. */
int keep_brake_parse(const char *text, size_t len, uint32_t *changes, uint32_t *seconds);

/* Is what is kept without a limit? Pure. */
bool keep_rules_are_boundless(const struct keep_rules *rules);

/* What contradicts in the rules, and what would be right; static text. NULL: nothing does. Pure. */
const char *keep_rules_contradiction(const struct keep_rules *rules);

/*
 * May what was kept on kept_day go? Both days are those of the keep's own clock (privsep/files/keep.h), whole ones
 * count. Everything that removes what is kept asks this, and nothing else decides. Pure.
 */
bool keep_may_go(const struct keep_rules *rules, uint64_t kept_day, uint64_t today, enum keep_wish wish);

/* The first day on which keep_may_go() says yes. Pure. */
uint64_t keep_goes_on_day(const struct keep_rules *rules, uint64_t kept_day, enum keep_wish wish);

#endif
