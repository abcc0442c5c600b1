/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "privsep/tls/key_parts.h"
#include "tests/unit/tls_fixture.h"

static int
parts_of(const EVP_PKEY *key)
{
	int fd = key_parts_new();

	assert_true(fd >= 0);
	assert_int_equal(key_parts_write(fd, key), 0);
	assert_int_equal(key_parts_seal(fd), 0);
	return fd;
}

static void
test_round_trip(void **state)
{
	static const char *const types[] = {"RSA", "P-256", "P-384", "P-521", "ED25519"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		EVP_PKEY *key = fixture_key(types[i]), *again;
		int fd = parts_of(key);

		again = key_parts_read(fd);
		assert_non_null(again);
		assert_int_equal(EVP_PKEY_eq(key, again), 1);
		assert_int_equal(EVP_PKEY_parameters_eq(key, again) == 0, 0);
		assert_int_equal(write(fd, "x", 1), -1);
		EVP_PKEY_free(again);
		EVP_PKEY_free(key);
		close(fd);
	}
}

/* Every proper prefix of a key, and every key with one byte more, is refused. */
static void
test_damaged(void **state)
{
	EVP_PKEY *key = fixture_key("P-256"), *again;
	uint8_t bytes[4096];
	int fd = parts_of(key), damaged;
	ssize_t len = pread(fd, bytes, sizeof(bytes) - 1, 0);

	(void)state;
	assert_true(len > 0);
	bytes[len] = 0;
	for (ssize_t cut = 0; cut <= len + 1; cut++) {
		damaged = key_parts_new();
		assert_int_equal(write(damaged, bytes, (size_t)cut), cut);
		again = key_parts_read(damaged);
		assert_int_equal(again != NULL, cut == len);
		EVP_PKEY_free(again);
		close(damaged);
	}
	EVP_PKEY_free(key);
	close(fd);
}

static void
test_other_kinds(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	int fd = key_parts_new();

	(void)state;
	assert_non_null(key);
	assert_int_equal(key_parts_write(fd, key), -EINVAL);
	assert_null(key_parts_read(fd));
	assert_null(key_parts_read(-1));
	EVP_PKEY_free(key);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_damaged),
	    cmocka_unit_test(test_other_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
