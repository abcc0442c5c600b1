/* SPDX-License-Identifier: ISC */
/* The event of --json for a name of a listing. */
#ifndef CLIENT_UI_LISTING_EVENT_H
#define CLIENT_UI_LISTING_EVENT_H

#include <jansson.h>

#include "client/engine/entry.h"

/* The caller owns it, and gives it to report_json(). */
json_t *listing_event(const char *directory, const struct ftp_entry *entry);

#endif
