/* SPDX-License-Identifier: ISC */
/* OpenSSL's memory, in the master and in a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "privsep/tls/memory.h"

#include "common/banned.h"

#define PAGE 4096

static int
set_up(void **state)
{
	(void)state;
	return memory_init();
}

static bool
is_all(const unsigned char *bytes, int value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

/* A process never leaves the mode of a session, so each such test runs in a child, and fails by its exit status. */
static void
in_session(void (*test)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		memory_begin_session();
		test(arg);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_sizes(void **state)
{
	/* sizes of chunks, of pages, and beyond the area */
	static const size_t sizes[] = {
	    0, 1, 8, 9, 24, 56, 100, 1023, 1024, 2040, 2041, 2048, 4095, 4096, 4097, 16712, 65536, 1 << 20, 3 << 20};
	unsigned char *taken[sizeof(sizes) / sizeof(sizes[0])];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			taken[i] = OPENSSL_malloc(sizes[i]);
			assert_non_null(taken[i]);
			assert_int_equal((uintptr_t)taken[i] % 16, 0);
			memset(taken[i], (int)i + 1, sizes[i]);
		}
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			assert_true(is_all(taken[i], (int)i + 1, sizes[i]));
			OPENSSL_free(taken[i]);
		}
	}
}

static void
test_wiped(void **state)
{
	static const size_t sizes[] = {24, 600, 3000, 16384, 65536};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *bytes = OPENSSL_malloc(sizes[i]);

		memset(bytes, 's', sizes[i]);
		OPENSSL_free(bytes);
		/* a free piece begins with a pointer to the next one; the area is never given back as a whole */
		assert_true(is_all(bytes + sizeof(void *), 0, sizes[i] - sizeof(void *)));
		assert_ptr_equal(OPENSSL_malloc(sizes[i]), bytes);
		OPENSSL_free(bytes);
	}
}

static void
test_moved(void **state)
{
	unsigned char *bytes = OPENSSL_malloc(40), *moved;

	(void)state;
	memset(bytes, 'm', 40);
	moved = OPENSSL_realloc(bytes, 5000);
	assert_ptr_not_equal(moved, bytes);
	assert_true(is_all(moved, 'm', 40));
	assert_true(is_all(bytes + sizeof(void *), 0, 40 - sizeof(void *)));
	bytes = OPENSSL_realloc(moved, 10);
	assert_true(is_all(bytes, 'm', 10));
	assert_true(is_all(moved, 0, 5000));
	OPENSSL_free(bytes);
}

/* malloc gives what the area has no room for. It is wiped and freed all the same; the sanitizer would report a leak. */
static void
test_full(void **state)
{
	unsigned char *taken[400];

	(void)state;
	for (size_t i = 0; i < 400; i++) {
		taken[i] = OPENSSL_malloc(PAGE);
		assert_non_null(taken[i]);
		memset(taken[i], (int)i, PAGE);
	}
	for (size_t i = 0; i < 400; i++) {
		assert_true(is_all(taken[i], (int)(i & 0xff), PAGE));
		OPENSSL_free(taken[i]);
	}
}

static void
touch_nothing_inherited(void *arg)
{
	unsigned char **inherited = arg, *fresh;

	OPENSSL_free(inherited[0]);
	OPENSSL_free(inherited[1]);
	if (!is_all(inherited[0], 'a', 100) || !is_all(inherited[1], 'b', 2 * PAGE))
		_exit(1);
	fresh = OPENSSL_malloc(100);
	if (fresh == inherited[0] || fresh == inherited[2])
		_exit(2);
	memset(fresh, 'c', 100);
	fresh = OPENSSL_realloc(inherited[1], 3 * PAGE);
	if (!is_all(fresh, 'b', 2 * PAGE))
		_exit(3);
	OPENSSL_free(fresh);
	memory_trim();
	if (!is_all(fresh, 0, 3 * PAGE))
		_exit(4);
}

static void
test_session(void **state)
{
	unsigned char *inherited[3];

	(void)state;
	inherited[0] = OPENSSL_malloc(100);
	inherited[1] = OPENSSL_malloc(2 * PAGE);
	inherited[2] = OPENSSL_malloc(100);
	memset(inherited[0], 'a', 100);
	memset(inherited[1], 'b', 2 * PAGE);
	OPENSSL_free(inherited[2]);
	in_session(touch_nothing_inherited, inherited);
	OPENSSL_free(inherited[0]);
	OPENSSL_free(inherited[1]);
}

static void
touch_little(void *arg)
{
	unsigned char *buffer = OPENSSL_malloc(16 * PAGE), resident[16] = {0};
	unsigned char *first_page = buffer - (uintptr_t)buffer % PAGE;
	size_t count = 0;

	(void)arg;
	memset(buffer, 's', 10);
	OPENSSL_free(buffer);
	if (mincore(first_page, 16 * PAGE, resident) < 0)
		_exit(1);
	for (size_t i = 0; i < 16; i++)
		count += resident[i] & 1U;
	_exit(count <= 2 ? 0 : 2);
}

/* Wiping a large buffer that was hardly used does not touch all of it. */
static void
test_large_and_unused(void **state)
{
	(void)state;
	in_session(touch_little, NULL);
}

static void
free_twice(size_t size)
{
	unsigned char *bytes = OPENSSL_malloc(size);

	OPENSSL_free(bytes);
	OPENSSL_free(bytes);
	_exit(0);
}

static void
test_freed_twice(void **state)
{
	static const size_t sizes[] = {100, 5000};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0) {
			signal(SIGABRT, SIG_DFL);
			free_twice(sizes[i]);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_wiped),
	    cmocka_unit_test(test_moved),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_session),
	    cmocka_unit_test(test_large_and_unused),
	    cmocka_unit_test(test_freed_twice),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
