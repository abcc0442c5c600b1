/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/outcome.h"
#include "privsep/ipc/messages.h"

#include "common/banned.h"

#define GOES_ON .end_reason = -1

static void
test_outcomes(void **state)
{
	/* clang-format off */
	static const struct {
		const char *what;
		struct ending ending;
		enum outcome outcome;
	} rows[] = {
	    {"all is there", {GOES_ON, .was_open = true}, OUTCOME_COMPLETE},
	    {"a cut upload that is accepted", {GOES_ON, .was_open = true, .is_unproven = true}, OUTCOME_COMPLETE_UNPROVEN},
	    {"ABOR", {GOES_ON, .error = -ECANCELED, .was_open = true, .was_aborted = true}, OUTCOME_ABORTED},
	    {"ABOR before the connection", {GOES_ON, .error = -ECANCELED, .was_aborted = true}, OUTCOME_ABORTED},
	    {"ABOR, then the end", {.error = -ECANCELED, .was_aborted = true, .end_reason = END_KICKED}, OUTCOME_ABORTED},
	    {"a client that is gone", {GOES_ON, .error = -ECANCELED, .was_open = true}, OUTCOME_CLIENT_GONE},
	    {"a stall", {.error = -ECANCELED, .was_open = true, .end_reason = END_STALL_TIMEOUT}, OUTCOME_STALLED},
	    {"a kick", {.error = -ECANCELED, .was_open = true, .end_reason = END_KICKED}, OUTCOME_ENDED},
	    {"a session that TLS does not resume", {GOES_ON, .error = -EKEYREJECTED}, OUTCOME_NOT_RESUMED},
	    {"a file that was retained meanwhile", {GOES_ON, .error = -EKEYREJECTED, .was_open = true, .is_local = true}, OUTCOME_FILE_FAILED},
	    {"a handshake that fails", {GOES_ON, .error = -EPROTO, .has_tls_error = true}, OUTCOME_TLS_REFUSED},
	    {"a port that the monitor took back", {GOES_ON, .error = -ESTALE}, OUTCOME_PORT_TAKEN_BACK},
	    {"nobody connects", {GOES_ON, .error = -ETIMEDOUT}, OUTCOME_NOT_OPENED},
	    {"a file that shrinks", {GOES_ON, .error = -ENODATA, .was_open = true, .is_local = true}, OUTCOME_FILE_SHORTER},
	    {"a full disk", {GOES_ON, .error = -ENOSPC, .was_open = true, .is_local = true}, OUTCOME_FILE_NO_SPACE},
	    {"a full quota", {GOES_ON, .error = -EDQUOT, .was_open = true, .is_local = true}, OUTCOME_FILE_NO_SPACE},
	    {"a broken disk", {GOES_ON, .error = -EIO, .was_open = true, .is_local = true}, OUTCOME_FILE_FAILED},
	    {"ESTALE of a file", {GOES_ON, .error = -ESTALE, .was_open = true, .is_local = true}, OUTCOME_FILE_FAILED},
	    {"MODE Z without its end", {GOES_ON, .error = -EPROTO, .was_open = true, .is_deflated = true}, OUTCOME_NOT_DEFLATED},
	    {"TLS without its end", {GOES_ON, .error = -ENODATA, .was_open = true, .has_tls_error = true}, OUTCOME_TLS_CUT},
	    {"a bad record", {GOES_ON, .error = -EPROTO, .was_open = true, .has_tls_error = true}, OUTCOME_TLS_BROKE},
	    {"a reset", {GOES_ON, .error = -ECONNRESET, .was_open = true}, OUTCOME_BROKE},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (outcome_of(&rows[i].ending) != rows[i].outcome)
			fail_msg("%s: %d", rows[i].what, (int)outcome_of(&rows[i].ending));
}

/* A text ends with a colon and a blank, or the like, only where something follows it; 226 alone is no failure. */
static void
test_rows(void **state)
{
	(void)state;
	for (int i = 0; i < OUTCOME_COUNT; i++) {
		const struct outcome_row *row = outcome_row((enum outcome)i);

		if (row->detail == DETAIL_FILE) {
			assert_null(row->text);
			continue;
		}
		assert_int_equal(row->text[strlen(row->text) - 1] == ' ', row->detail != DETAIL_NOTHING);
		assert_int_equal(row->code == 226, row->failure == TRANSFER_FAILURE_COUNT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
