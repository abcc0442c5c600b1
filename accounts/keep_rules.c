/* SPDX-License-Identifier: ISC */
#include "accounts/keep_rules.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define DIGITS_MAX 4	/* of KEEP_DAYS_MAX */
#define BRAKE_TEXT_SIZE 16	/* "10000/604800s" with NUL */

int
keep_days_parse(const char *text, size_t len, uint32_t *days)
{
	char digits[DIGITS_MAX + 1];
	uint64_t value;

	if (len < 2 || len > DIGITS_MAX + 1 || text[len - 1] != 'd')
		return -EINVAL;
	memcpy(digits, text, len - 1);
	digits[len - 1] = '\0';
	if (parse_u64(digits, KEEP_DAYS_MAX, &value) < 0 || value == 0)
		return -EINVAL;
	*days = (uint32_t)value;
	return 0;
}

int
keep_brake_parse(const char *text, size_t len, uint32_t *changes, uint32_t *seconds)
{
	char copy[BRAKE_TEXT_SIZE];
	uint64_t number, time;
	char *slash;

	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash == NULL)
		return -EINVAL;
	*slash = '\0';
	if (parse_u64(copy, KEEP_BRAKE_CHANGES_MAX, &number) < 0 || number == 0 ||
	    parse_duration(slash + 1, KEEP_BRAKE_SECONDS_MAX, &time) < 0 || time == 0)
		return -EINVAL;
	*changes = (uint32_t)number;
	*seconds = (uint32_t)time;
	return 0;
}

bool
keep_rules_are_boundless(const struct keep_rules *rules)
{
	return rules->days > 0 && rules->quota_bytes == KEEP_NO_QUOTA;
}

const char *
keep_rules_contradiction(const struct keep_rules *rules)
{
	if (rules->days > 0 && rules->retain_days > rules->days)
		return "retain is longer than keep, so what is kept would go too early; write the same days, or more, as "
		       "keep";
	return NULL;
}

uint64_t
keep_goes_on_day(const struct keep_rules *rules, uint64_t kept_day, enum keep_wish wish)
{
	uint32_t days = rules->retain_days;

	if (wish == KEEP_BY_ADMINISTRATOR && days == 0)
		return kept_day;
	if (wish == KEEP_BY_AGE && rules->days > days)
		days = rules->days;
	return kept_day + days + 1; /* of the first and the last day, nobody knows the hour */
}

bool
keep_may_go(const struct keep_rules *rules, uint64_t kept_day, uint64_t today, enum keep_wish wish)
{
	return today >= keep_goes_on_day(rules, kept_day, wish);
}
