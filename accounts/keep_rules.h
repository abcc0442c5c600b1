/* SPDX-License-Identifier: ISC */
/* What an account keeps of what it replaces and removes: the options keep and keep-quota of sallyport-users(5). */
#ifndef ACCOUNTS_KEEP_RULES_H
#define ACCOUNTS_KEEP_RULES_H

#include <stddef.h>
#include <stdint.h>

#define KEEP_DAYS_MAX 3650
#define KEEP_DAY_S 86400
#define KEEP_NO_QUOTA UINT64_MAX

struct keep_rules {
	uint32_t days;	/* 0: nothing is kept */
	uint64_t quota_bytes;	/* of all that is kept; KEEP_NO_QUOTA: no limit */
};

/* Parse "30d": whole days, from 1d to 3650d. Pure. Returns 0, or -EINVAL. */
int keep_days_parse(const char *text, size_t len, uint32_t *days);

#endif
