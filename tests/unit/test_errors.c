/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/protocol/errors.h"

#include "common/banned.h"

#define ERRNO_MAX 4095
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const enum reply_class classes[] = {REPLY_FILE, REPLY_PLACE, REPLY_CREATE, REPLY_LIST};

static void
test_unknown(void **state)
{
	static const int errors[] = {0, 1, ENOENT, -EDOM, -ENOANO, -ERRNO_MAX, INT32_MIN, INT32_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++)
		for (size_t c = 0; c < COUNT(classes); c++)
			assert_int_equal(
			    reply_code_for_error(classes[c], errors[i]), classes[c] == REPLY_PLACE ? 550 : 451);
}

/* Every error has a code of failure that RFC 959, 5.4 (RFC 3659, 5 for 554) allows for its class. */
static void
test_classes(void **state)
{
	static const int allowed[REPLY_CLASS_COUNT][10] = {
	    [REPLY_FILE] = {450, 451, 452, 550, 552, 554},
	    [REPLY_CREATE] = {450, 451, 452, 550, 552, 553, 554},
	    [REPLY_PLACE] = {550, 552},	/* 552: MKD over the quota */
	    [REPLY_LIST] = {450, 451, 501, 550},	/* 550: the account may not list */
	};

	(void)state;
	for (int error = -ERRNO_MAX; error < 0; error++) {
		for (size_t c = 0; c < COUNT(classes); c++) {
			int code = reply_code_for_error(classes[c], error), i = 0;

			while (allowed[classes[c]][i] != 0 && allowed[classes[c]][i] != code)
				i++;
			if (allowed[classes[c]][i] != code)
				fail_msg("class %d: %s is %d", (int)classes[c], strerror(-error), code);
		}
	}
}

static void
test_codes(void **state)
{
	static const struct {
		int error, file, create, list;
	} rows[] = {
	    {-ENOENT, 550, 553, 550},
	    {-EACCES, 550, 553, 550},
	    {-EROFS, 550, 553, 550},
	    {-EMEDIUMTYPE, 550, 553, 550},	/* a file system that is mounted read-only */
	    {-EISDIR, 550, 553, 550},
	    {-EXDEV, 550, 553, 550},	/* a mount point, too */
	    {-ELOOP, 550, 553, 550},
	    {-EMLINK, 550, 553, 550},
	    {-E2BIG, 550, 553, 550},
	    {-ETXTBSY, 450, 450, 450},
	    {-EAGAIN, 450, 450, 450},
	    {-EINVAL, 550, 553, 501},
	    {-ENAMETOOLONG, 550, 553, 501},
	    {-EBUSY, 450, 450, 450},	/* another upload to the same name */
	    {-EHOSTDOWN, 450, 450, 450},	/* the same, where another machine may hold it, which may be gone */
	    {-ENOSYS, 550, 553, 550},	/* a rename that must not replace */
	    {-ERANGE, 554, 554, 501},	/* REST beyond the end */
	    {-ENOSPC, 452, 452, 451},
	    {-EDQUOT, 552, 552, 451},
	    {-EIO, 451, 451, 451},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(reply_code_for_error(REPLY_FILE, rows[i].error), rows[i].file);
		assert_int_equal(reply_code_for_error(REPLY_CREATE, rows[i].error), rows[i].create);
		assert_int_equal(reply_code_for_error(REPLY_LIST, rows[i].error), rows[i].list);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_classes),
	    cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
