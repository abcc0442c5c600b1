/* SPDX-License-Identifier: ISC */
#include "common/log_level.h"

#include "common/banned.h"

static const char *const level_names[LEVEL_COUNT] = {
    [LEVEL_DEBUG] = "debug",
    [LEVEL_INFO] = "info",
    [LEVEL_WARNING] = "warning",
    [LEVEL_ERROR] = "error",
    [LEVEL_CRITICAL] = "critical",
};

const char *
log_level_name(enum log_level level)
{
	return level < LEVEL_COUNT ? level_names[level] : "unknown";
}
