/* Old partials in a whole home; and whether a file has writers. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/sweep.h"
#include "privsep/files/writers.h"

#include "common/banned.h"

#define HOUR 3600

static char directory[32];
static struct home home;

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-sweep.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	home = (struct home){.fd = open(directory, O_PATH | O_DIRECTORY)};
	return home.fd < 0 || partial_name_init() < 0 ? -1 : 0;
}

static int
remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(name);
}

static int
teardown(void **state)
{
	(void)state;
	close_fd(&home.fd);
	return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The partial of a file in a directory ("" or "d/"), written to age_s seconds ago. */
static void
make_partial(const char *place, const char *target, time_t age_s, char path[128])
{
	char name[PARTIAL_NAME_SIZE];
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	int fd;

	assert_int_equal(partial_name_make(target, name), 0);
	snprintf(path, 128, "%s%s", place, name);
	fd = openat(home.fd, path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	times[1] = (struct timespec){.tv_sec = time(NULL) - age_s};
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static bool
is_there(const char *path)
{
	return faccessat(home.fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
test_old_ones_go(void **state)
{
	char old[128], deep[128], young[128], busy[128];
	int fd;

	(void)state;
	assert_int_equal(mkdirat(home.fd, "d", 0700), 0);
	assert_int_equal(mkdirat(home.fd, "d/e", 0700), 0);
	make_partial("", "a", 2 * HOUR, old);
	make_partial("d/e/", "a", 2 * HOUR, deep);
	make_partial("", "b", HOUR / 2, young);
	make_partial("d/", "c", 2 * HOUR, busy);
	fd = openat(home.fd, busy, O_WRONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(sweep_home(&home, HOUR, UINT64_MAX), 2);
	assert_true(!is_there(old) && !is_there(deep) && is_there(young) && is_there(busy));
	close(fd);
	assert_int_equal(sweep_home(&home, HOUR, UINT64_MAX), 1);
	assert_int_equal(sweep_home(&home, UINT64_MAX, UINT64_MAX), 0);
}

/* No more than so many entries are looked at, and no link is followed. */
static void
test_bounds(void **state)
{
	char path[128], target[16];

	(void)state;
	assert_int_equal(symlinkat(".", home.fd, "self"), 0);
	for (int i = 0; i < 50; i++) {
		snprintf(target, sizeof(target), "%d", i);
		make_partial("", target, 2 * HOUR, path);
	}
	assert_int_equal(sweep_home(&home, HOUR, 0), 0);
	assert_in_range(sweep_home(&home, HOUR, 20), 17, 20);	/* ".", ".." and the link may be among them */
	assert_in_range(sweep_home(&home, HOUR, UINT64_MAX), 30, 33);
}

static void
assert_writers(const struct writers *writers, int expected)
{
	assert_int_equal(writers_wait_gone(writers), expected);
}

static void
test_writers(void **state)
{
	struct writers writers;
	int fd = openat(home.fd, "f", O_WRONLY | O_CREAT, 0600);
	int copy = dup(fd);

	(void)state;
	assert_int_equal(writers_init(&writers, home.fd, "f"), 0);
	assert_writers(&writers, -EBUSY);
	close(fd);
	assert_writers(&writers, -EBUSY);	/* a copy that was handed out */
	close(copy);
	assert_writers(&writers, 0);
	writers_close(&writers);
	writers = (struct writers){.fd = -1};
	assert_writers(&writers, 0);
	assert_int_equal(writers_init(&writers, home.fd, "missing"), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_old_ones_go, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_writers, setup, teardown),
	};

	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
