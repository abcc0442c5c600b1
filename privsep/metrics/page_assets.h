/* SPDX-License-Identifier: ISC */
/* Style and script of the status page: the files page.css and page.js beside this one, as they are. */
#ifndef PRIVSEP_METRICS_PAGE_ASSETS_H
#define PRIVSEP_METRICS_PAGE_ASSETS_H

extern const char page_style[], page_script[]; /* NUL-terminated */

#endif
