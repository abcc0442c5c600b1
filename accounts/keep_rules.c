/* SPDX-License-Identifier: ISC */
#include "accounts/keep_rules.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

#include "common/banned.h"

#define DIGITS_MAX 4	/* of KEEP_DAYS_MAX */

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
