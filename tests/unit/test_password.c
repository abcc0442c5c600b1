/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "accounts/password.h"

#include "common/banned.h"

/* Settings of several methods, as crypt(5) lists them. */
static const char *const known[] = {
    "$y$j9T$aaaaaaaaaaaaaaaaaaaaa.$",
    "$6$saltsalt$",
    "$5$saltsalt$",
    "$2b$04$abcdefghijklmnopqrstuu",
    "$1$saltsalt$",
};

static void
test_refused(void **state)
{
	static const char *const bad[] = {"", "*", "x", "!", "*0", "$", "$y$", "$y$j9T$$x", "$6$", "$2b$99$x",
	    "$foo$bar$baz", "secret", "$y$j9T$aaaaaaaaaaaaaaaaaaaaa.$short"};

	(void)state;
	assert_false(password_verify("secret", NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (password_verify("secret", bad[i]))
			fail_msg("'%s' verified", bad[i]);
}

static void
test_usable(void **state)
{
	(void)state;
	assert_false(password_hash_usable(""));
	assert_false(password_hash_usable("*"));
	assert_false(password_hash_usable("!$y$j9T$x"));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_true(password_hash_usable(known[i]));
}

static void
test_round_trip(void **state)
{
	char longest[PASSWORD_MAX + 2];
	char *hash = NULL, *again = NULL;

	(void)state;
	assert_int_equal(password_hash("secret", &hash), 0);
	assert_int_equal(strncmp(hash, "$y$", 3), 0);
	assert_false(password_verify("Secret", hash));
	assert_false(password_verify("secret ", hash));
	assert_false(password_verify("", hash));
	assert_true(password_verify("secret", hash));
	assert_int_equal(password_hash("secret", &again), 0);
	assert_string_not_equal(hash, again);	/* a fresh salt */
	free(again);
	free(hash);

	memset(longest, 'a', sizeof(longest));
	longest[PASSWORD_MAX + 1] = '\0';
	assert_int_equal(password_hash(longest, &hash), -ERANGE);
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(password_hash(longest, &hash), 0);
	assert_true(password_verify(longest, hash));
	longest[PASSWORD_MAX - 1] = '\0';
	assert_false(password_verify(longest, hash));
	free(hash);
}

/* Hashes that other programs made: openssl passwd, htpasswd, mkpasswd. */
static void
test_foreign(void **state)
{
	static const char *const hashes[] = {
	    "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
	    "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		assert_true(password_verify("password", hashes[i]));
		assert_false(password_verify("passwore", hashes[i]));
	}
}

static double
seconds_of(const char *hash)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	for (int i = 0; i < 5; i++)
		(void)password_verify("guess", hash);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/*
 * An unknown name, a damaged hash and a wrong password cost the same. The bounds are wide: an early return is a
 * hundred times off.
 */
static void
test_same_cost(void **state)
{
	char *hash = NULL;
	double real;

	(void)state;
	password_prepare();
	assert_int_equal(password_hash("secret", &hash), 0);
	real = seconds_of(hash);
	assert_true(seconds_of(NULL) > real / 4);
	assert_true(seconds_of(NULL) < real * 4);
	assert_true(seconds_of("*") > real / 4);
	assert_true(seconds_of("$y$") > real / 4);
	free(hash);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_usable),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_same_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
