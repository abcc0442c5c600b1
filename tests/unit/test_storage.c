/* SPDX-License-Identifier: ISC */
/*
 * Storage that counts as shared: looks at it report the same as on local storage. tests/vm/storage.bats has real
 * shared storage.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "privsep/files/storage.h"

static char place[] = "/tmp/sallyport-storage-XXXXXX";
static int dir_fd = -1;

/* A file without a device counts as shared unless its type is known to be local; /proc is not. */
static void
take_for_shared(void)
{
	int fd = open("/proc", O_PATH | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	storage_probe(fd, st.st_dev);
	close(fd);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(place) == NULL)
		return -1;
	dir_fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 || mkdirat(dir_fd, "d", 0755) < 0 || symlinkat("nowhere", dir_fd, "link") < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlinkat(dir_fd, "link", 0);
	unlinkat(dir_fd, "d", AT_REMOVEDIR);
	close(dir_fd);
	return rmdir(place);
}

static void
test_probe(void **state)
{
	struct stat st;

	(void)state;
	assert_false(storage_is_shared()); /* until it is asked */
	assert_int_equal(fstat(dir_fd, &st), 0);
	storage_probe(dir_fd, st.st_dev);
	assert_false(storage_is_shared());
	assert_true(storage_minds_flags());
	take_for_shared();
	assert_true(storage_is_shared());
	assert_true(storage_minds_flags());
}

static void
test_looks(void **state)
{
	struct stat st;

	(void)state;
	take_for_shared();
	assert_int_equal(storage_look(dir_fd, "absent", &st), -ENOENT);
	assert_int_equal(storage_look(dir_fd, "d/absent", &st), -ENOENT);
	assert_int_equal(storage_look(dir_fd, "link/x", &st), -ENOENT);
	assert_int_equal(storage_look(-1, "d", &st), -EBADF);
	assert_int_equal(storage_look(dir_fd, "link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(storage_look_at_fd(dir_fd, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(storage_look_at_fd(-1, &st), -EBADF);
}

/* The refresh changes nothing and never fails, whatever the text. */
static void
test_refresh(void **state)
{
	static const char *const ways[] = {
	    ".",
	    "",
	    "d",
	    "d/x",
	    "d//x",
	    "/d/x",
	    "///d/x",
	    "absent/x/y",
	    "link/x",
	    "../..",
	    "d/../d/x",
	    "/",
	};
	char longest[8192];

	(void)state;
	take_for_shared();
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	errno = 0;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		storage_refresh_way(dir_fd, ways[i]);
	storage_refresh_way(dir_fd, longest);
	storage_refresh(dir_fd);
	storage_refresh(-1);
	assert_int_equal(access(place, F_OK), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_probe),
	    cmocka_unit_test(test_looks),
	    cmocka_unit_test(test_refresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
