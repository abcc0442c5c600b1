/* SPDX-License-Identifier: ISC */
/* node list, node forget: the servers that share the accounts of a database. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admin/amount.h"
#include "admin/ctl.h"
#include "admin/store_line.h"
#include "admin/store_tool.h"
#include "admin/store_usage.h"

#include "common/banned.h"

typedef void (*node_fn)(const struct store_node *node, void *arg);

/* In the order of their names, each once, so that there is an end. 0 or -EIO. */
static int
each_node(struct store_tool *tool, node_fn each, void *arg)
{
	struct store_node node = {.name = ""};
	char before[STORE_NODE_NAME_MAX + 1] = "";
	const char *line;
	size_t len;
	int answer, r = store_tool_ask(tool, DIALOG_NODES, "", 0);

	while (r == 0 && (answer = store_tool_answer(tool, &line, &len)) != DIALOG_DONE) {
		if (answer < 0)
			return -EIO;
		if (answer != DIALOG_NODE || store_line_node(line, &node) < 0 || strcmp(node.name, before) <= 0)
			return store_tool_refuse(tool, "the database lists a node that is none");
		memcpy(before, node.name, sizeof(before));
		each(&node, arg);
	}
	return r;
}

/* --- list --- */

static const char *
lease_of(const struct store_node *node)
{
	return node->is_forgotten ? "forgotten" : node->is_alive ? "holds" : "ended";
}

static void
add_node_json(const struct store_node *node, void *arg)
{
	json_array_append_new(arg,
	    json_pack("{s:s, s:o, s:b, s:b, s:I, s:I}", "name", ctl_quote(node->name), "seen",
		node->is_forgotten ? json_null() : json_integer((json_int_t)node->seen_s), "lease", node->is_alive,
		"forgotten", node->is_forgotten, "shares", (json_int_t)node->shares, "sessions",
		(json_int_t)node->sessions));
}

static void
print_node_row(const struct store_node *node, void *arg)
{
	char seen[AMOUNT_SIZE] = "-", text[AMOUNT_SIZE + 4] = "-";

	(void)arg;
	if (!node->is_forgotten) {
		amount_duration(node->seen_s, seen);
		snprintf(text, sizeof(text), "%s ago", seen);
	}
	printf("%-24s %12s %-10s %9lld %9lld\n", ctl_quote(node->name), text, lease_of(node), (long long)node->shares,
	    (long long)node->sessions);
}

enum ctl_exit
node_list(struct ctl *ctl)
{
	struct store_tool *tool = store_tool_open(ctl);
	json_t *list = ctl->is_json ? json_array() : NULL;
	int r = tool == NULL ? -EIO : 0;

	if (r == 0 && list == NULL)
		printf("%-24s %12s %-10s %9s %9s\n", "NODE", "LAST SEEN", "LEASE", "SHARES", "SESSIONS");
	if (r == 0)
		r = each_node(tool, list == NULL ? print_node_row : add_node_json, list);
	store_tool_end(tool);
	if (r == 0 && list != NULL)
		return ctl_print_json(list);
	json_decref(list);
	return r < 0 ? CTL_FAILED : CTL_DONE;
}

/* --- forget --- */

struct wanted_node {
	const char *name;
	struct store_node found; /* "": it was not */
};

static void
find_node(const struct store_node *node, void *arg)
{
	struct wanted_node *wanted = arg;

	if (strcmp(node->name, wanted->name) == 0)
		wanted->found = *node;
}

/* One that was heard just now runs, and would go on within what it has borrowed. */
static int
may_forget(const struct ctl *ctl, struct store_tool *tool)
{
	struct wanted_node wanted = {.name = ctl->operand};

	if (each_node(tool, find_node, &wanted) < 0)
		return -EIO;
	if (wanted.found.name[0] == '\0') {
		ctl_error("there is no node '%s'; 'sallyportctl node list' shows them", ctl_quote(ctl->operand));
		return -ENOENT;
	}
	if (!wanted.found.is_alive || ctl->given[OPTION_FORCE])
		return 0;
	ctl_error(
	    "node '%s' was heard %lld second%s ago, so it runs; stop it first, and wait for the end of its lease, "
	    "or use --force: then it gets no more of any quota until it is stopped and started",
	    ctl_quote(ctl->operand), (long long)wanted.found.seen_s,
	    amount_plural((unsigned long long)wanted.found.seen_s));
	return -EBUSY;
}

static enum ctl_exit
report_forgotten(const struct ctl *ctl, const char *shares)
{
	if (ctl->is_json)
		return ctl_print_json(
		    json_pack("{s:s, s:s}", "forgotten", ctl_quote(ctl->operand), "shares", ctl_quote(shares)));
	printf("node '%s' is forgotten; its name is free\n", ctl_quote(ctl->operand));
	if (strcmp(shares, "0") != 0)
		printf(
		    "%s shares of quotas were its own: another node takes them back within ten seconds, and what they "
		    "allowed counts as used until the home is counted, which a server does when it needs that room\n",
		    ctl_quote(shares));
	return CTL_DONE;
}

enum ctl_exit
node_forget(struct ctl *ctl)
{
	struct store_tool *tool;
	enum ctl_exit status = CTL_FAILED;
	const char *shares;
	size_t len;
	int r;

	if (!store_node_name_valid(ctl->operand)) {
		ctl_error("'%s' is no name of a node; 'sallyportctl node list' shows them", ctl_quote(ctl->operand));
		return CTL_USAGE;
	}
	tool = store_tool_open(ctl);
	r = tool == NULL ? -EIO : may_forget(ctl, tool);
	if (r == 0)
		r = store_tool_ask(tool, DIALOG_FORGET, ctl->operand, strlen(ctl->operand));
	if (r == 0)
		r = store_tool_expect(tool, DIALOG_DONE, &shares, &len);
	if (r == 0)
		status = report_forgotten(ctl, shares);
	store_tool_end(tool);
	return status;
}
