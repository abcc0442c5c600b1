/* SPDX-License-Identifier: ISC */
/* sallyportctl ban list, add, del. */
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "admin/amount.h"
#include "admin/control.h"
#include "admin/ctl.h"
#include "common/address.h"
#include "common/text.h"

#include "common/banned.h"

#define BY_WIDTH 13 /* "administrator" */
#define BAN_MAX_S (3650ull * 86400)

static void
collect_ban(void *arg, const json_t *line)
{
	json_array_append_new(arg, json_copy((json_t *)line));
}

/* The server that made it, where there are several. */
static const char *
ban_node(const json_t *row)
{
	const char *node = json_string_value(json_object_get(row, "node"));

	return node == NULL ? "this server" : node[0] == '\0' ? "another server" : control_text(row, "node");
}

static bool
are_there_nodes(const json_t *rows)
{
	const json_t *row;
	size_t i;

	json_array_foreach((json_t *)rows, i, row)
		if (json_is_string(json_object_get(row, "node")))
			return true;
	return false;
}

static void
print_ban(const json_t *row, bool has_node)
{
	char left[AMOUNT_SIZE], until[AMOUNT_SIZE];

	amount_duration(control_number(row, "seconds_left"), left);
	amount_time(control_number(row, "until"), until);
	printf("%-26s %6s %-12s %-*s", control_text(row, "address"), left, until, has_node ? BY_WIDTH : 0,
	    control_text(row, "by"));
	if (has_node)
		printf(" %s", ban_node(row));
	putchar('\n');
}

enum ctl_exit
ban_list(struct ctl *ctl)
{
	static const char *const request[] = {"ban-list", NULL};
	json_t *rows = json_array(), *row;
	json_t *last = control_ask(ctl, request, collect_ban, rows);
	bool has_node;
	size_t i;

	if (last == NULL) {
		json_decref(rows);
		return CTL_FAILED;
	}
	json_decref(last);
	if (ctl->is_json)
		return ctl_print_json(rows);
	has_node = are_there_nodes(rows);
	printf("%-26s %6s %-12s %-*s%s\n", "ADDRESS", "LEFT", "UNTIL (UTC)", has_node ? BY_WIDTH : 0, "BY",
	    has_node ? " SERVER" : "");
	json_array_foreach(rows, i, row)
		print_ban(row, has_node);
	json_decref(rows);
	return CTL_DONE;
}

/* An address, or the network that 'ban list' shows. */
static bool
is_ban_address(const char *text)
{
	union address address;
	struct address_key key;

	if (address_parse(text, &address) == 0 || address_key_parse(text, &key) == 0)
		return true;
	ctl_error(
	    "'%s' is not a numeric IPv4 or IPv6 address; to ban whole networks, use a packet filter", ctl_quote(text));
	return false;
}

/* What other servers make of it, where there are some. */
static const char *
nodes_note(const json_t *last)
{
	const char *nodes = json_string_value(json_object_get(last, "nodes"));

	if (nodes == NULL)
		return "";
	return strcmp(nodes, "told") == 0 ? "; the other servers hear of it"
					  : " here; the other servers hear of it when the database answers";
}

static enum ctl_exit
request_ban_change(const struct ctl *ctl, const char *const request[], const char *what)
{
	json_t *last = control_ask(ctl, request, NULL, NULL);

	if (last == NULL)
		return CTL_FAILED;
	if (ctl->is_json)
		return ctl_print_json(last);
	printf("%s %s%s\n", ctl_quote(request[1]), what, nodes_note(last));
	json_decref(last);
	return CTL_DONE;
}

enum ctl_exit
ban_add(struct ctl *ctl)
{
	const char *request[] = {"ban-add", ctl->operand, "0", NULL};
	uint64_t seconds = 0;
	char text[24];

	if (!is_ban_address(ctl->operand))
		return CTL_USAGE;
	if (ctl->given[OPTION_FOR]) {
		if (parse_duration(ctl->value[OPTION_FOR], BAN_MAX_S, &seconds) < 0 || seconds == 0) {
			ctl_error(
			    "'%s' is not a time for --for; use seconds, or a number with s, m, h or d, such as 12h",
			    ctl_quote(ctl->value[OPTION_FOR]));
			return CTL_USAGE;
		}
		snprintf(text, sizeof(text), "%llu", (unsigned long long)seconds);
		request[2] = text;
	}
	return request_ban_change(ctl, request, "is banned");
}

enum ctl_exit
ban_del(struct ctl *ctl)
{
	const char *request[] = {"ban-del", ctl->operand, NULL};

	if (!is_ban_address(ctl->operand))
		return CTL_USAGE;
	return request_ban_change(ctl, request, "is no longer banned");
}
