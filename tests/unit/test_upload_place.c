/* SPDX-License-Identifier: ISC */
/* The file that an upload writes: every pair of finished file and partial, every way to begin. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "privsep/files/upload_place.h"

#include "common/banned.h"

#define NONE -1

struct row {
	int64_t finished, partial;	/* size, or NONE */
	enum ipc_store_mode mode;
	uint64_t offset;
	int result;
	bool is_partial;
	uint64_t start;
};

static void
check(bool is_atomic, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct upload_found found = {
		    .is_atomic = is_atomic,
		    .has_finished = row->finished != NONE,
		    .has_partial = row->partial != NONE,
		    .finished_size = (uint64_t)row->finished,
		    .partial_size = (uint64_t)row->partial,
		};
		struct upload_place place = {0};
		int r = upload_decide(row->mode, row->offset, &found, &place);

		if (r != row->result || (r == 0 && (place.is_partial != row->is_partial || place.start != row->start)))
			fail_msg("row %zu: %d, partial %d, start %llu", i, r, place.is_partial,
			    (unsigned long long)place.start);
	}
}

static void
test_atomic(void **state)
{
	static const struct row rows[] = {
	    /* refused: beyond the end, or ambiguous between the two files */
	    {NONE, NONE, STORE_AT, 1, -ERANGE, false, 0},
	    {NONE, 0, STORE_AT, 1, -ERANGE, false, 0},
	    {NONE, 5, STORE_AT, 6, -ERANGE, false, 0},
	    {9, NONE, STORE_AT, 10, -ERANGE, false, 0},
	    {9, NONE, STORE_AT, UINT64_MAX, -ERANGE, false, 0},
	    {9, 5, STORE_AT, 9, -ERANGE, false, 0},
	    {9, 5, STORE_AT, 4, -ERANGE, false, 0},
	    {9, 9, STORE_AT, 9, -ERANGE, false, 0},
	    {9, 5, STORE_APPEND, 0, -EEXIST, false, 0},
	    /* the whole file */
	    {NONE, NONE, STORE_REPLACE, 0, 0, true, 0},
	    {9, 5, STORE_REPLACE, 0, 0, true, 0},
	    {9, 5, STORE_AT, 0, 0, true, 0},
	    /* a resume of the partial */
	    {NONE, 5, STORE_AT, 5, 0, true, 5},
	    {NONE, 5, STORE_AT, 3, 0, true, 3},
	    {9, 5, STORE_AT, 5, 0, true, 5},
	    {NONE, 5, STORE_APPEND, 0, 0, true, 5},
	    {NONE, NONE, STORE_APPEND, 0, 0, true, 0},
	    /* the finished file, in place */
	    {9, NONE, STORE_AT, 9, 0, false, 9},
	    {9, NONE, STORE_AT, 4, 0, false, 4},
	    {9, 0, STORE_AT, 9, 0, false, 9},
	    {9, NONE, STORE_APPEND, 0, 0, false, 9},
	    {9, 0, STORE_APPEND, 0, 0, false, 9},
	    {0, NONE, STORE_APPEND, 0, 0, false, 0},
	};

	(void)state;
	check(true, rows, sizeof(rows) / sizeof(rows[0]));
}

static void
test_in_place(void **state)
{
	static const struct row rows[] = {
	    {NONE, NONE, STORE_AT, 1, -ERANGE, false, 0},
	    {9, NONE, STORE_AT, 10, -ERANGE, false, 0},
	    {9, 5, STORE_AT, 9, 0, false, 9},	/* a partial of an earlier configuration does not count */
	    {9, NONE, STORE_AT, 4, 0, false, 4},
	    {NONE, NONE, STORE_REPLACE, 0, 0, false, 0},
	    {9, NONE, STORE_REPLACE, 0, 0, false, 0},
	    {NONE, NONE, STORE_APPEND, 0, 0, false, 0},
	    {9, 5, STORE_APPEND, 0, 0, false, 9},
	};

	(void)state;
	check(false, rows, sizeof(rows) / sizeof(rows[0]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_atomic),
	    cmocka_unit_test(test_in_place),
	};

	return cmocka_run_group_tests_name("upload_place", tests, NULL, NULL);
}
