/* SPDX-License-Identifier: ISC */
/* The filter of a mirror, made of the options. */
#ifndef CLIENT_UI_MIRROR_FILTER_H
#define CLIENT_UI_MIRROR_FILTER_H

#include <time.h>

#include "client/ui/exit_status.h"
#include "client/ui/options.h"

/*
 * Check the options of mirror against each other, and make its filter: rules in the order of the options, with those of
 * files where --filter-from stands. Ages count from now. Reports errors; filter_free() in any case.
 */
enum exit_status mirror_filter_load(struct filter *filter, const struct options *options, time_t now);

#endif
