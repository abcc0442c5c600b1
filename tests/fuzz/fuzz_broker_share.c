/* SPDX-License-Identifier: ISC */
/*
 * The input as a monitor's question about a share, then as the row of a database that answers it: what is believed is
 * within the question.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "privsep/broker/share_call.h"
#include "tests/fuzz/input.h"

#include "common/banned.h"

#define FIELD_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static int64_t
draw_figure(struct input *input, bool may_be_negative)
{
	int64_t figure = (int64_t)(input_number(input) % ((uint64_t)SHARE_FIGURE_MAX + 1));

	return may_be_negative && input_byte(input) % 4 == 0 ? -figure : figure;
}

static struct share_use
draw_use(struct input *input, bool may_be_negative)
{
	int64_t bytes = draw_figure(input, may_be_negative);

	return (struct share_use){.bytes = bytes, .files = draw_figure(input, may_be_negative)};
}

/* Texts of numbers, mostly; else any bytes, and NULL. */
static void
draw_row(struct input *input, struct row *row, char texts[ROW_FIELDS_MAX][FIELD_MAX + 1])
{
	*row = (struct row){.count = input_below(input, ROW_FIELDS_MAX + 1)};
	for (unsigned i = 0; i < row->count; i++) {
		unsigned form = input_below(input, 16);

		if (form == 0)
			continue;
		memset(texts[i], 0, FIELD_MAX + 1);
		if (form < 13) {
			long long number = (long long)input_number(input);

			row->lens[i] =
			    (size_t)snprintf(texts[i], FIELD_MAX, "%lld", form < 9 ? (long long)(number & 15) : number);
		} else if (form == 13) {
			row->lens[i] = 1;
			texts[i][0] = input_byte(input) % 2 == 0 ? 't' : 'f';
		} else {
			row->lens[i] = input_bytes(input, texts[i], FIELD_MAX);
		}
		row->fields[i] = texts[i];
	}
}

static void
check_figure(int64_t allow, int64_t net, int64_t keep, int64_t want, int64_t spare)
{
	must(allow >= net);
	must(allow - (keep > net ? keep : net) <= want + spare);
}

static void
check_credit(const struct share_call *call, const struct share_answer *answer)
{
	must((unsigned)answer->outcome < CREDIT_OUTCOME_COUNT);
	must(answer->nodes >= 1 && answer->nodes <= SHARE_NODES_MAX);
	must(answer->outcome != CREDIT_COUNT_FIRST || answer->count <= INT64_MAX);
	if (answer->share == 0)
		must(answer->outcome == CREDIT_GONE || answer->outcome == CREDIT_TOO_MANY_SESSIONS);
	if (answer->share == 0 || answer->outcome == CREDIT_OLD_NUMBER)
		return;
	must(call->share == 0 || call->share == answer->share);
	check_figure(answer->allow.bytes, call->net.bytes, call->keep.bytes, call->want.bytes, call->spare.bytes);
	check_figure(answer->allow.files, call->net.files, call->keep.files, call->want.files, call->spare.files);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char texts[ROW_FIELDS_MAX][FIELD_MAX + 1];
	struct input input = {.bytes = data, .left = size};
	struct share_call call = {.kind = input_byte(&input) % 4 == 0 ? QUESTION_COUNTED : QUESTION_CREDIT};
	struct share_params params;
	struct share_answer answer;
	struct row row;
	uint64_t number;

	call.share = input_below(&input, 8);
	call.seq = 1 + input_below(&input, 8);
	call.net = draw_use(&input, true);
	call.keep = draw_use(&input, true);
	call.want = draw_use(&input, false);
	call.spare = draw_use(&input, false);
	call.found = draw_use(&input, false);
	call.count = input_number(&input) & INT64_MAX;
	share_call_params(&call, 1, &(struct share_sender){.node = 2, .boot = "boot", .broker = UINT32_MAX}, &params);
	must(params.count <= QUESTION_PARAMS_MAX);
	for (unsigned i = 0; i < params.count; i++)
		must(params.values[i] != NULL && strlen(params.values[i]) < SHARE_NUMBER_SIZE);
	draw_row(&input, &row, texts);
	if (share_answer_of_row(&row, &call, &answer) == NULL && call.kind == QUESTION_CREDIT)
		check_credit(&call, &answer);
	if (share_number_of_row(&row, INT32_MAX, &number) == NULL)
		must(number <= INT32_MAX);
	return 0;
}
