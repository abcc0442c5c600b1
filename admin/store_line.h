/* SPDX-License-Identifier: ISC */
/* Lines of sallyport-store about nodes and shares (accounts/store_dialog.h). Pure: a database has written them. */
#ifndef ADMIN_STORE_LINE_H
#define ADMIN_STORE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NODE_NAME_MAX 253

struct store_node {
	char name[STORE_NODE_NAME_MAX + 1];
	bool is_forgotten, is_alive;
	int64_t seen_s; /* seconds since it was heard; unless it is forgotten */
	int64_t shares, sessions;
};

struct store_usage {
	bool is_counted;
	int64_t base_bytes, base_files, slack_bytes, slack_files;
};

struct store_share {
	char node[STORE_NODE_NAME_MAX + 1];
	bool is_gone;
	int64_t sessions, net_bytes, net_files, allow_bytes, allow_files;
};

/* The argument of "node", "usage" or "share". 0 or -EINVAL. */
int store_line_node(const char *line, struct store_node *node);
int store_line_usage(const char *line, struct store_usage *usage);
int store_line_share(const char *line, struct store_share *share);

/* Is it the name of a node, as the database keeps them? Anything else is refused before it is asked for. */
bool store_node_name_valid(const char *name);

#endif
