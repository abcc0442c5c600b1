/* SPDX-License-Identifier: ISC */
#include "privsep/broker/share_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

enum { CREDIT_OUTCOME, CREDIT_SHARE, CREDIT_ALLOW, CREDIT_USED = 4, CREDIT_COUNT = 6, CREDIT_NODES, CREDIT_FIELDS };

/* --- questions --- */

static struct share_use
get_share_use(struct ipc_message *message)
{
	int64_t bytes = (int64_t)ipc_get_u64(message);

	return (struct share_use){.bytes = bytes, .files = (int64_t)ipc_get_u64(message)};
}

static bool
is_figure(int64_t figure, int64_t least)
{
	return figure >= least && figure <= SHARE_FIGURE_MAX;
}

static bool
is_use(const struct share_use *use, int64_t least)
{
	return is_figure(use->bytes, least) && is_figure(use->files, least);
}

static bool
is_call_bounded(const struct share_call *call)
{
	bool is_new = call->kind == QUESTION_CREDIT && call->share == 0;

	return (is_new || call->share >= 1) && call->share <= INT64_MAX && call->seq >= 1 && call->seq <= INT64_MAX &&
	    is_use(&call->net, is_new ? 0 : -SHARE_FIGURE_MAX) &&
	    (!is_new || (call->net.bytes == 0 && call->net.files == 0)) && is_use(&call->keep, -SHARE_FIGURE_MAX) &&
	    is_use(&call->want, 0) && is_use(&call->spare, 0) && is_use(&call->found, 0) && call->count <= INT64_MAX;
}

bool
share_call_take(struct ipc_message *message, struct share_call *call, bool *is_bounded)
{
	*call = (struct share_call){.kind = QUESTION_CREDIT};
	if (message->is_reply)
		return false;
	if (message->kind == IPC_share_close)
		call->kind = QUESTION_SHARE_CLOSE;
	else if (message->kind == IPC_counted)
		call->kind = QUESTION_COUNTED;
	else if (message->kind != IPC_credit)
		return false;
	call->share = ipc_get_u64(message);
	call->seq = ipc_get_u64(message);
	call->net = get_share_use(message);
	if (call->kind == QUESTION_CREDIT) {
		call->keep = get_share_use(message);
		call->want = get_share_use(message);
		call->spare = get_share_use(message);
	} else if (call->kind == QUESTION_COUNTED) {
		call->found = get_share_use(message);
		call->count = ipc_get_u64(message);
	}
	*is_bounded = is_call_bounded(call);
	return ipc_end(message);
}

static void
put_number(struct share_params *params, int64_t number)
{
	char *text = params->texts[params->count];

	snprintf(text, SHARE_NUMBER_SIZE, "%" PRId64, number);
	params->values[params->count++] = text;
}

static void
put_use_param(struct share_params *params, const struct share_use *use)
{
	put_number(params, use->bytes);
	put_number(params, use->files);
}

void
share_call_params(
    const struct share_call *call, uint64_t account, const struct share_sender *sender, struct share_params *params)
{
	bool has_sessions = call->kind == QUESTION_CREDIT || call->kind == QUESTION_SESSIONS;

	params->count = 0;
	put_number(params, (int64_t)account);
	put_number(params, sender->node);
	params->values[params->count++] = sender->boot;
	put_number(params, (int64_t)call->share);
	put_number(params, (int64_t)call->seq);
	if (has_sessions)
		put_number(params, call->sessions);
	if (call->kind != QUESTION_SESSIONS)
		put_use_param(params, &call->net);
	if (call->kind == QUESTION_CREDIT) {
		put_use_param(params, &call->keep);
		put_use_param(params, &call->want);
		put_use_param(params, &call->spare);
	} else if (call->kind == QUESTION_COUNTED) {
		put_use_param(params, &call->found);
		put_number(params, (int64_t)call->count);
	}
	if (has_sessions) {
		put_number(params, sender->broker);
		params->values[params->count++] = sender->is_alone ? "t" : "f";
	}
}

/* --- answers --- */

/* A number as PostgreSQL writes a bigint; what it cannot write is none. */
static bool
read_bigint(const struct row *row, unsigned field, int64_t least, int64_t most, int64_t *number)
{
	const char *text = row->fields[field];
	bool is_negative;
	uint64_t size;

	if (text == NULL || strlen(text) != row->lens[field])
		return false;
	is_negative = text[0] == '-';
	if (parse_u64(text + is_negative, INT64_MAX, &size) < 0)
		return false;
	*number = is_negative ? -(int64_t)size : (int64_t)size;
	return *number >= least && *number <= most;
}

static bool
read_use_fields(const struct row *row, unsigned field, struct share_use *use)
{
	return read_bigint(row, field, -SHARE_FIGURE_MAX, SHARE_FIGURE_MAX, &use->bytes) &&
	    read_bigint(row, field + 1, -SHARE_FIGURE_MAX, SHARE_FIGURE_MAX, &use->files);
}

static const char *
read_truth(const struct row *row, bool *is_true)
{
	if (row->count != 1 || row->fields[0] == NULL || row->lens[0] != 1 ||
	    (row->fields[0][0] != 't' && row->fields[0][0] != 'f'))
		return "its answer is neither true nor false";
	*is_true = row->fields[0][0] == 't';
	return NULL;
}

static bool
is_allowed(int64_t allow, int64_t net, int64_t keep, int64_t want, int64_t spare)
{
	int64_t most = keep > net ? keep : net;

	/* each is 2^60 at most, so the sum fits */
	return allow >= net && allow <= most + want + spare;
}

/* With an old number, the figures are those of another message. */
static bool
is_within_call(const struct share_answer *answer, const struct share_call *call)
{
	if (call->share != 0 && answer->share != call->share)
		return false;
	return answer->outcome == CREDIT_OLD_NUMBER ||
	    (is_allowed(answer->allow.bytes, call->net.bytes, call->keep.bytes, call->want.bytes, call->spare.bytes) &&
		is_allowed(
		    answer->allow.files, call->net.files, call->keep.files, call->want.files, call->spare.files));
}

/* Without a share, the other figures are NULL, and nobody reads them. */
static const char *
read_without_share(const struct row *row, const struct share_call *call, struct share_answer *answer)
{
	bool has_share = row->fields[CREDIT_SHARE] != NULL && strcmp(row->fields[CREDIT_SHARE], "0") != 0;

	if (has_share || (answer->outcome == CREDIT_TOO_MANY_SESSIONS && call->share != 0))
		return "its outcome does not fit its share";
	answer->nodes = 1;
	answer->count = SHARE_NO_COUNT;
	return NULL;
}

static const char *
read_credit_row(const struct row *row, const struct share_call *call, struct share_answer *answer)
{
	int64_t outcome, share, count, nodes;

	if (row->count != CREDIT_FIELDS || !read_bigint(row, CREDIT_OUTCOME, 0, CREDIT_OUTCOME_COUNT - 1, &outcome))
		return "its outcome is none";
	answer->outcome = (enum credit_outcome)outcome;
	if (answer->outcome == CREDIT_GONE || (answer->outcome == CREDIT_TOO_MANY_SESSIONS && call->share == 0))
		return read_without_share(row, call, answer);
	if (!read_bigint(row, CREDIT_SHARE, 1, INT64_MAX, &share))
		return "its share is no number";
	if (!read_use_fields(row, CREDIT_ALLOW, &answer->allow) || !read_use_fields(row, CREDIT_USED, &answer->used))
		return "its figures are none that a ledger has";
	if (!read_bigint(row, CREDIT_NODES, 1, SHARE_NODES_MAX, &nodes))
		return "its number of nodes is none";
	answer->share = (uint64_t)share;
	answer->nodes = (uint32_t)nodes;
	answer->count = SHARE_NO_COUNT;
	if (row->fields[CREDIT_COUNT] != NULL) {
		if (!read_bigint(row, CREDIT_COUNT, 0, INT64_MAX, &count))
			return "its count is no number";
		answer->count = (uint64_t)count;
	}
	if (answer->outcome == CREDIT_COUNT_FIRST && answer->count == SHARE_NO_COUNT)
		return "it wants a count, and does not say which";
	return is_within_call(answer, call) ? NULL : "it allows what was not asked for";
}

const char *
share_answer_of_row(const struct row *row, const struct share_call *call, struct share_answer *answer)
{
	*answer = (struct share_answer){.nodes = 1, .count = SHARE_NO_COUNT};
	return call->kind == QUESTION_CREDIT ? read_credit_row(row, call, answer) : read_truth(row, &answer->is_true);
}

const char *
share_number_of_row(const struct row *row, uint64_t max, uint64_t *number)
{
	int64_t value;

	*number = 0;
	if (row->count == 1 && row->fields[0] == NULL)
		return NULL;
	if (row->count != 1 || !read_bigint(row, 0, 1, (int64_t)max, &value))
		return "its answer is no number";
	*number = (uint64_t)value;
	return NULL;
}
