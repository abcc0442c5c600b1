/* SPDX-License-Identifier: ISC */
/* ProFTPD's virtual hosts: what of <VirtualHost> becomes a section "server" of sallyport.conf(5). Pure. */
#ifndef ADMIN_MIGRATE_HOSTS_H
#define ADMIN_MIGRATE_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/migrate_plan.h"
#include "common/bounds.h"

#define MIGRATE_HOSTS_MAX 64

struct migrate_host {
	size_t begin; /* the line of the block, by index of the server's directives */
	bool is_carried; /* otherwise a note says why not */
	struct migrate_plan plan; /* its lines, and those of <Global> */
	char title[SERVER_NAME_MAX + 1];
	struct migrate_value *values; /* by index of config_server_keys[] */
	const char *users; /* its users file; borrowed; NULL: that of the server */
};

struct migrate_hosts {
	struct migrate_host *list[MIGRATE_HOSTS_MAX];
	size_t count;
	size_t lost; /* not carried, or not found at the addresses that they had */
};

/* Begin one more. Its number, from 1 on; 0: there are MIGRATE_HOSTS_MAX; or -ENOMEM. */
int migrate_hosts_begin(struct migrate_plan *plan, const struct directive *begin);

void migrate_hosts_free(struct migrate_hosts *hosts);

/* Settle all of them; plan is that of the server, and is settled. As settle_hosts of struct migrate_peer. */
int migrate_hosts_settle(struct migrate_plan *plan, size_t *directive, const char **problem);

/* The value of a key of sections; its texts are NULL where there is none. */
struct migrate_value *migrate_host_value(const struct migrate_host *host, const char *key);

/* Does TLS begin with each connection? */
bool migrate_is_implicit(const struct migrate_plan *plan);

/* Take over the notes of all that are carried. */
void migrate_hosts_join_notes(struct migrate_plan *plan);

/* Add the sections. */
void migrate_hosts_write(const struct migrate_plan *plan, struct buf *out);

#endif
