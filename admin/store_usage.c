/* SPDX-License-Identifier: ISC */
#include "admin/store_usage.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/amount.h"
#include "admin/ctl.h"
#include "admin/store_tool.h"

#include "common/banned.h"

#define SHARES_MAX 1024 /* of an account: one for each node */

struct store_tool *
store_tool_open(const struct ctl *ctl)
{
	const struct store_way way = store_way_of(ctl);
	struct store_tool *tool = store_tool_start(ctl, "accounts", &way);

	if (tool != NULL && store_tool_expect(tool, DIALOG_READY, NULL, NULL) == 0)
		return tool;
	store_tool_end(tool);
	return NULL;
}

static int
add_share(struct shared_usage *usage, const char *line)
{
	struct store_share share, *grown;

	if (usage->share_count == SHARES_MAX || store_line_share(line, &share) < 0)
		return -EINVAL;
	grown = reallocarray(usage->shares, usage->share_count + 1, sizeof(share));
	if (grown == NULL)
		return -ENOMEM;
	usage->shares = grown;
	usage->shares[usage->share_count++] = share;
	return 0;
}

static int
add_haunted(struct shared_usage *usage, const char *line)
{
	if (!store_node_name_valid(line) || json_array_size(usage->haunted) == SHARES_MAX)
		return -EINVAL;
	return json_array_append_new(usage->haunted, json_string(ctl_quote(line)));
}

int
shared_usage_recount(struct store_tool *tool, const char *name)
{
	const char *line;
	size_t len;
	int r = store_tool_ask(tool, DIALOG_RECOUNT, name, strlen(name));

	return r < 0 ? r : store_tool_expect(tool, DIALOG_DONE, &line, &len);
}

int
shared_usage_find(struct store_tool *tool, const char *name, struct shared_usage *usage)
{
	const char *line;
	size_t len;
	int answer, r = store_tool_ask(tool, DIALOG_QUOTA, name, strlen(name));

	*usage = (struct shared_usage){.haunted = json_array()};
	if (r == 0)
		r = store_tool_expect(tool, DIALOG_USAGE, &line, &len);
	if (r == 0 && store_line_usage(line, &usage->settled) < 0)
		r = store_tool_refuse(tool, "figures of a quota that are none");
	while (r == 0 && (answer = store_tool_answer(tool, &line, &len)) != DIALOG_DONE) {
		if (answer < 0)
			return -EIO;
		if ((answer == DIALOG_SHARE && add_share(usage, line) == 0) ||
		    (answer == DIALOG_HAUNTED && add_haunted(usage, line) == 0))
			continue;
		r = store_tool_refuse(tool, "shares of a quota that are none");
	}
	return r;
}

void
shared_usage_free(struct shared_usage *usage)
{
	free(usage->shares);
	json_decref(usage->haunted);
	*usage = (struct shared_usage){.shares = NULL};
}

/* Within the figures of the ledger, sums of a thousand fit; others are no figures. */
static uint64_t
sum_of(const struct shared_usage *usage, bool is_bytes)
{
	const struct store_usage *settled = &usage->settled;
	__int128 sum = is_bytes ? (__int128)settled->base_bytes + settled->slack_bytes
				: (__int128)settled->base_files + settled->slack_files;

	for (size_t i = 0; i < usage->share_count; i++)
		sum += is_bytes ? usage->shares[i].net_bytes : usage->shares[i].net_files;
	return sum < 0 ? 0 : sum > INT64_MAX ? INT64_MAX : (uint64_t)sum;
}

void
shared_usage_sum(const struct shared_usage *usage, uint64_t *bytes, uint64_t *files)
{
	*bytes = sum_of(usage, true);
	*files = sum_of(usage, false);
}

static const char *
plural_of_signed(int64_t count)
{
	return count == 1 ? "" : "s";
}

static const char *
share_note(const struct store_share *share)
{
	return share->is_gone ? "; the server is gone, and another one takes the share back" : "";
}

void
shared_usage_print(const struct shared_usage *usage)
{
	const struct store_usage *settled = &usage->settled;
	const json_t *name;
	size_t i;

	printf("%-24s settled: %lld byte%s, %lld file%s\n", "", (long long)settled->base_bytes,
	    plural_of_signed(settled->base_bytes), (long long)settled->base_files,
	    plural_of_signed(settled->base_files));
	if (settled->slack_bytes > 0 || settled->slack_files > 0)
		printf(
		    "%-24s slack: %lld byte%s, %lld file%s, which servers that are gone may have used; a count frees them\n",
		    "", (long long)settled->slack_bytes, plural_of_signed(settled->slack_bytes),
		    (long long)settled->slack_files, plural_of_signed(settled->slack_files));
	for (i = 0; i < usage->share_count; i++) {
		const struct store_share *share = &usage->shares[i];

		printf("%-24s share of '%s': %lld of %lld bytes, %lld of %lld files, %lld session%s%s\n", "",
		    ctl_quote(share->node), (long long)share->net_bytes, (long long)share->allow_bytes,
		    (long long)share->net_files, (long long)share->allow_files, (long long)share->sessions,
		    plural_of_signed(share->sessions), share_note(share));
	}
	json_array_foreach(usage->haunted, i, name)
		printf(
		    "%-24s '%s' may still use a share that was taken back, so the home cannot be counted; restart that server, "
		    "or 'sallyportctl node forget' it\n",
		    "", json_string_value(name));
}

static json_t *
pair_json(int64_t bytes, int64_t files)
{
	return json_pack("{s:I, s:I}", "bytes", (json_int_t)bytes, "files", (json_int_t)files);
}

void
shared_usage_json(const struct shared_usage *usage, json_t *object)
{
	const struct store_usage *settled = &usage->settled;
	json_t *list = json_array();

	for (size_t i = 0; i < usage->share_count; i++) {
		const struct store_share *share = &usage->shares[i];

		json_array_append_new(list,
		    json_pack("{s:s, s:b, s:I, s:o, s:o}", "node", ctl_quote(share->node), "gone", share->is_gone,
			"sessions", (json_int_t)share->sessions, "used", pair_json(share->net_bytes, share->net_files),
			"allowed", pair_json(share->allow_bytes, share->allow_files)));
	}
	json_object_set_new(object, "base", pair_json(settled->base_bytes, settled->base_files));
	json_object_set_new(object, "slack", pair_json(settled->slack_bytes, settled->slack_files));
	json_object_set_new(object, "shares", list);
	json_object_set(object, "haunted", usage->haunted);
}
