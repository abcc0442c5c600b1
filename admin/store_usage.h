/* SPDX-License-Identifier: ISC */
/* What an account of the database uses of its quota on all servers, by way of sallyport-store. */
#ifndef ADMIN_STORE_USAGE_H
#define ADMIN_STORE_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/store_line.h"

struct ctl;
struct json_t;
struct store_tool;

struct shared_usage {
	struct store_usage settled;
	struct store_share *shares; /* owned */
	size_t share_count;
	struct json_t *haunted; /* owned: names of nodes */
};

/* Start it, to ask about accounts or nodes. NULL: it has said why. */
struct store_tool *store_tool_open(const struct ctl *ctl);

/* Ask about an account. 0, -ENOENT, which is not said, or -EIO. The caller releases usage in any case. */
int shared_usage_find(struct store_tool *tool, const char *name, struct shared_usage *usage);

/* Have the home counted by the server that needs room next. 0, or -EIO, which is said. */
int shared_usage_recount(struct store_tool *tool, const char *name);

void shared_usage_free(struct shared_usage *usage);

/* What is used, as far as the servers have told; with what those that are gone may have used. */
void shared_usage_sum(const struct shared_usage *usage, uint64_t *bytes, uint64_t *files);

/* Lines below the account's, or its members "base", "slack", "shares" and "haunted". */
void shared_usage_print(const struct shared_usage *usage);
void shared_usage_json(const struct shared_usage *usage, struct json_t *object);

#endif
