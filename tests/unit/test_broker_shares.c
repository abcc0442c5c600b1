/* SPDX-License-Identifier: ISC */
/* Shares of quotas: what monitors ask, and what a database answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "privsep/broker/connection.h"
#include "privsep/broker/share_call.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define BOOT "00000000-0000-4000-8000-000000000000"

static const struct share_call credit = {
    .kind = QUESTION_CREDIT,
    .share = 7,
    .seq = 3,
    .sessions = 2,
    .net = {10, 1},
    .keep = {100, 5},
    .want = {50, 0},
    .spare = {20, 0},
};

/* A row of texts; NULL ends it, and "-" is a NULL of the database. */
static struct row
row_of_texts(const char *const texts[])
{
	struct row row = {.count = 0};

	for (; texts[row.count] != NULL; row.count++) {
		bool is_null = strcmp(texts[row.count], "-") == 0;

		row.fields[row.count] = is_null ? NULL : texts[row.count];
		row.lens[row.count] = is_null ? 0 : strlen(texts[row.count]);
	}
	return row;
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
a_credit_is_read_as_it_is(void **state)
{
	struct row row = row_of_texts(TEXTS("0", "7", "170", "5", "-4", "9", "12", "3"));
	struct share_answer answer;

	(void)state;
	assert_null(share_answer_of_row(&row, &credit, &answer));
	assert_int_equal(answer.outcome, CREDIT_GRANTED);
	assert_int_equal(answer.share, 7);
	assert_int_equal(answer.allow.bytes, 170);
	assert_int_equal(answer.allow.files, 5);
	assert_int_equal(answer.used.bytes, -4);
	assert_int_equal(answer.used.files, 9);
	assert_int_equal(answer.count, 12);
	assert_int_equal(answer.nodes, 3);

	row = row_of_texts(TEXTS("2", "7", "100", "5", "0", "0", "-", "1"));
	assert_null(share_answer_of_row(&row, &credit, &answer));
	assert_int_equal(answer.outcome, CREDIT_OTHERS_CALLED);
	assert_true(answer.count == SHARE_NO_COUNT);

	row = row_of_texts(TEXTS("3", "-", "-", "-", "-", "-", "-", "-"));
	assert_null(share_answer_of_row(&row, &credit, &answer));
	assert_int_equal(answer.outcome, CREDIT_GONE);
	assert_int_equal(answer.share, 0);
	assert_int_equal(answer.nodes, 1);

	/* the figures of an old number are those of another message */
	row = row_of_texts(TEXTS("7", "7", "9000", "50", "0", "0", "-", "1"));
	assert_null(share_answer_of_row(&row, &credit, &answer));
	assert_int_equal(answer.allow.bytes, 9000);
}

static void
opening_a_share_has_its_own_answers(void **state)
{
	const struct share_call opening = {.kind = QUESTION_CREDIT, .seq = 1, .sessions = 1};
	struct row row = row_of_texts(TEXTS("5", "0", "-", "-", "-", "-", "-", "2"));
	struct share_answer answer;

	(void)state;
	assert_null(share_answer_of_row(&row, &opening, &answer));
	assert_int_equal(answer.outcome, CREDIT_TOO_MANY_SESSIONS);
	assert_int_equal(answer.share, 0);
	row = row_of_texts(TEXTS("0", "9223372036854775807", "0", "0", "0", "0", "0", "1024"));
	assert_null(share_answer_of_row(&row, &opening, &answer));
	assert_true(answer.share == INT64_MAX);
}

static void
no_other_credit_is_believed(void **state)
{
	static const struct {
		const char *texts[9], *problem;
	} rows[] = {
	    {{"-", "7", "100", "5", "0", "0", "0", "1"}, "its outcome is none"},
	    {{"8", "7", "100", "5", "0", "0", "0", "1"}, "its outcome is none"},
	    {{"-1", "7", "100", "5", "0", "0", "0", "1"}, "its outcome is none"},
	    {{"", "7", "100", "5", "0", "0", "0", "1"}, "its outcome is none"},
	    {{"0x0", "7", "100", "5", "0", "0", "0", "1"}, "its outcome is none"},
	    {{"0", "7", "100", "5", "0", "0", "0"}, "its outcome is none"},
	    {{"0", "-", "100", "5", "0", "0", "0", "1"}, "its share is no number"},
	    {{"0", "0", "100", "5", "0", "0", "0", "1"}, "its share is no number"},
	    {{"0", "9223372036854775808", "100", "5", "0", "0", "0", "1"}, "its share is no number"},
	    {{"0", "8", "100", "5", "0", "0", "0", "1"}, "it allows what was not asked for"},
	    {{"0", "7", "171", "5", "0", "0", "0", "1"}, "it allows what was not asked for"},
	    {{"0", "7", "9", "5", "0", "0", "0", "1"}, "it allows what was not asked for"},
	    {{"0", "7", "100", "6", "0", "0", "0", "1"}, "it allows what was not asked for"},
	    {{"1", "7", "100", "0", "0", "0", "0", "1"}, "it allows what was not asked for"},
	    {{"0", "7", "1152921504606846977", "5", "0", "0", "0", "1"}, "its figures are none that a ledger has"},
	    {{"0", "7", "100", "-", "0", "0", "0", "1"}, "its figures are none that a ledger has"},
	    {{"0", "7", "100", "5", "-1152921504606846977", "0", "0", "1"}, "its figures are none that a ledger has"},
	    {{"0", "7", "100", "5", "0", "--1", "0", "1"}, "its figures are none that a ledger has"},
	    {{"0", "7", "100", "5", "0", "1e3", "0", "1"}, "its figures are none that a ledger has"},
	    {{"0", "7", "100", "5", "0", "0", "-1", "1"}, "its count is no number"},
	    {{"0", "7", "100", "5", "0", "0", "0", "0"}, "its number of nodes is none"},
	    {{"0", "7", "100", "5", "0", "0", "0", "1025"}, "its number of nodes is none"},
	    {{"0", "7", "100", "5", "0", "0", "0", "-"}, "its number of nodes is none"},
	    {{"4", "7", "100", "5", "0", "0", "-", "1"}, "it wants a count, and does not say which"},
	    {{"3", "7", "-", "-", "-", "-", "-", "-"}, "its outcome does not fit its share"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row row = row_of_texts(rows[i].texts);
		struct share_answer answer;

		assert_string_equal(share_answer_of_row(&row, &credit, &answer), rows[i].problem);
	}
}

static void
a_nul_in_a_number_is_seen(void **state)
{
	struct row row = row_of_texts(TEXTS("0", "7", "100", "5", "0", "0", "0", "1"));
	struct share_answer answer;

	(void)state;
	row.fields[2] = "100\0001";
	row.lens[2] = 5;
	assert_non_null(share_answer_of_row(&row, &credit, &answer));
}

static void
a_truth_is_t_or_f(void **state)
{
	static const struct {
		const char *text;
		int truth; /* -1: none */
	} rows[] = {{"t", 1}, {"f", 0}, {"-", -1}, {"", -1}, {"true", -1}, {"T", -1}, {"1", -1}};
	const struct share_call close = {.kind = QUESTION_SHARE_CLOSE, .share = 1, .seq = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row row = row_of_texts(TEXTS(rows[i].text));
		struct share_answer answer;

		if (rows[i].truth < 0) {
			assert_non_null(share_answer_of_row(&row, &close, &answer));
			continue;
		}
		assert_null(share_answer_of_row(&row, &close, &answer));
		assert_int_equal(answer.is_true, rows[i].truth);
	}
}

static void
the_number_of_a_node_may_be_missing(void **state)
{
	struct row row = row_of_texts(TEXTS("12"));
	uint64_t number;

	(void)state;
	assert_null(share_number_of_row(&row, INT32_MAX, &number));
	assert_int_equal(number, 12);
	row = row_of_texts(TEXTS("-"));
	assert_null(share_number_of_row(&row, INT32_MAX, &number));
	assert_int_equal(number, 0);
	row = row_of_texts(TEXTS("2147483648"));
	assert_non_null(share_number_of_row(&row, INT32_MAX, &number));
	row = row_of_texts(TEXTS("0"));
	assert_non_null(share_number_of_row(&row, INT32_MAX, &number));
	row = row_of_texts(TEXTS("1", "2"));
	assert_non_null(share_number_of_row(&row, INT32_MAX, &number));
}

/* A message of these numbers, as it comes from a monitor. */
static bool
take_numbers(enum ipc_kind kind, const uint64_t *numbers, size_t count, struct share_call *call, bool *is_bounded)
{
	static struct ipc_message sent, message;

	ipc_begin(&sent, kind);
	for (size_t i = 0; i < count; i++)
		ipc_put_u64(&sent, numbers[i]);
	assert_int_equal(ipc_decode(sent.bytes, sent.length, 0, IPC_BROKER, IPC_STATE_ANY, &message), 0);
	return share_call_take(&message, call, is_bounded);
}

static void
a_question_becomes_parameters(void **state)
{
	const uint64_t numbers[] = {7, 3, (uint64_t)-10, 1, 100, 5, 50, 0, 20, 4};
	static const char *const wanted[] = {
	    "99", "4", BOOT, "7", "3", "2", "-10", "1", "100", "5", "50", "0", "20", "4", "8", "f"};
	struct share_sender sender = {.node = 4, .boot = BOOT, .broker = 8};
	struct share_params params;
	struct share_call call;
	bool is_bounded;

	(void)state;
	assert_true(take_numbers(IPC_credit, numbers, 10, &call, &is_bounded));
	assert_true(is_bounded);
	call.sessions = 2;
	share_call_params(&call, 99, &sender, &params);
	assert_int_equal(params.count, sizeof(wanted) / sizeof(wanted[0]));
	for (unsigned i = 0; i < params.count; i++)
		assert_string_equal(params.values[i], wanted[i]);

	assert_true(take_numbers(IPC_share_close, numbers, 4, &call, &is_bounded) && is_bounded);
	share_call_params(&call, 99, &sender, &params);
	assert_int_equal(params.count, 7);
	assert_string_equal(params.values[6], "1");

	assert_true(take_numbers(IPC_counted, numbers, 7, &call, &is_bounded) && is_bounded);
	share_call_params(&call, 99, &sender, &params);
	assert_int_equal(params.count, 10);
	assert_string_equal(params.values[9], "50");

	call = (struct share_call){.kind = QUESTION_SESSIONS, .share = 7, .seq = 0, .sessions = 0};
	sender.is_alone = true;
	share_call_params(&call, 99, &sender, &params);
	assert_int_equal(params.count, 8);
	assert_string_equal(params.values[5], "0");
	assert_string_equal(params.values[6], "8");
	assert_string_equal(params.values[7], "t");
}

static void
figures_that_no_ledger_has_are_found(void **state)
{
	static const uint64_t most = (uint64_t)1 << 60;
	static const struct {
		enum ipc_kind kind;
		uint64_t numbers[10];
	} rows[] = {
	    {IPC_credit, {0, 0}},
	    {IPC_credit, {7, 0}},
	    {IPC_credit, {UINT64_MAX, 1}},
	    {IPC_credit, {1, UINT64_MAX}},
	    {IPC_credit, {0, 1, 1}},
	    {IPC_credit, {0, 1, 0, (uint64_t)-1}},
	    {IPC_credit, {1, 1, ((uint64_t)1 << 60) + 1}},
	    {IPC_credit, {1, 1, -((uint64_t)1 << 60) - 1}},
	    {IPC_credit, {1, 1, 0, 0, (uint64_t)INT64_MAX}},
	    {IPC_credit, {1, 1, 0, 0, 0, 0, (uint64_t)-1}},
	    {IPC_credit, {1, 1, 0, 0, 0, 0, 0, 0, 0, UINT64_MAX}},
	    {IPC_share_close, {0, 1}},
	    {IPC_counted, {1, 1, 0, 0, (uint64_t)-1}},
	    {IPC_counted, {1, 1, 0, 0, 0, 0, UINT64_MAX}},
	};
	const uint64_t edges[] = {INT64_MAX, INT64_MAX, -most, most, -most, most, most, most, most, most};
	struct share_call call;
	bool is_bounded;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t count = rows[i].kind == IPC_credit ? 10 : rows[i].kind == IPC_counted ? 7 : 4;

		assert_true(take_numbers(rows[i].kind, rows[i].numbers, count, &call, &is_bounded));
		assert_false(is_bounded);
	}
	assert_true(take_numbers(IPC_credit, edges, 10, &call, &is_bounded));
	assert_true(is_bounded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_credit_is_read_as_it_is),
	    cmocka_unit_test(opening_a_share_has_its_own_answers),
	    cmocka_unit_test(no_other_credit_is_believed),
	    cmocka_unit_test(a_nul_in_a_number_is_seen),
	    cmocka_unit_test(a_truth_is_t_or_f),
	    cmocka_unit_test(the_number_of_a_node_may_be_missing),
	    cmocka_unit_test(a_question_becomes_parameters),
	    cmocka_unit_test(figures_that_no_ledger_has_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
