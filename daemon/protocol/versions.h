/* SPDX-License-Identifier: ISC */
/* SITE VERSIONS and SITE RESTORE: what is kept of files that were replaced or removed. */
#ifndef DAEMON_PROTOCOL_VERSIONS_H
#define DAEMON_PROTOCOL_VERSIONS_H

struct protocol;

/* SITE VERSIONS path. */
void site_versions(struct protocol *protocol, char *argument);

/* SITE RESTORE path id. */
void site_restore(struct protocol *protocol, char *argument);

#endif
