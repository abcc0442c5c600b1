/* SPDX-License-Identifier: ISC */
/* How much an event matters; the configuration, the log and its readers use the same words. */
#ifndef COMMON_LOG_LEVEL_H
#define COMMON_LOG_LEVEL_H

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR, LEVEL_CRITICAL, LEVEL_COUNT };

/* "debug", "info", "warning", "error", "critical"; "unknown" for any other number. Static text. */
const char *log_level_name(enum log_level level);

#endif
