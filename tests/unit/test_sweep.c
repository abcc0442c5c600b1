/* SPDX-License-Identifier: ISC */
/* Old partials in a whole home, and whether the receiver of a descriptor has closed it. */
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/files/handed.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_list.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/sweep.h"
#include "privsep/ipc/ipc.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define HOUR 3600

static char directory[32];
static struct home home;
static struct ipc_message message;

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

/* The sweep looks at a bounded number of entries, and follows no link. */
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
	assert_uint_in_range(sweep_home(&home, HOUR, 20), 17, 20);	/* ".", ".." and the link may be among them */
	assert_uint_in_range(sweep_home(&home, HOUR, UINT64_MAX), 30, 33);
}

/* Rows arrive in any order and are kept by age; when there are too many, the youngest go. */
static void
test_rows_by_age(void **state)
{
	static const int64_t mtimes[] = {50, 10, 40, 10, 60, 20, 30, 5};
	static const int64_t kept[] = {5, 10, 10, 20};
	static struct partial_list list;

	(void)state;
	assert_null(partial_list_place(&list, 0, 1));
	for (size_t i = 0; i < sizeof(mtimes) / sizeof(mtimes[0]); i++)
		(void)!partial_list_place(&list, 4, mtimes[i]);
	assert_int_equal(list.rows, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(list.row[list.order[i]].mtime_s, kept[i]);
	assert_null(partial_list_place(&list, 4, 20));
	assert_non_null(partial_list_place(&list, 4, 19));
}

/* The list sums all partials and names some; a note in a partial counts only where it is true. */
static void
test_list(void **state)
{
	static struct partial_list list;
	struct handed handed;
	char path[128];
	int fd;

	(void)state;
	assert_int_equal(mkdirat(home.fd, "d", 0700), 0);
	make_partial("", "a", 2 * HOUR, path);
	fd = openat(home.fd, path, O_RDWR);
	partial_note_target(fd, "a");
	close(fd);
	make_partial("d/", "b", 3 * HOUR, path);
	fd = openat(home.fd, path, O_RDWR);
	partial_note_target(fd, "a");	/* a note that is false */
	assert_int_equal(handed_mark(&handed, fd, home.fd, path), 0);
	assert_int_equal(partial_list_make(&home, &list, 64, false, UINT64_MAX, NULL), 0);
	assert_true(list.is_whole && list.count == 2 && list.rows == 2 && list.busy_count == 1);
	assert_false(list.row[list.order[0]].is_named);
	assert_true(list.row[list.order[0]].is_in_use);
	assert_string_equal(list.row[list.order[0]].path.text + 1, path);
	assert_true(list.row[list.order[1]].is_named);
	assert_string_equal(list.row[list.order[1]].path.text, "/a");
	assert_uint_in_range(list.row[list.order[1]].age_s, 2 * HOUR, 2 * HOUR + 60);
	assert_int_equal(partial_list_make(&home, &list, 64, true, UINT64_MAX, NULL), 0);
	assert_true(list.count == 2 && list.rows == 1);
	assert_int_equal(partial_list_make(&home, &list, 64, false, 0, NULL), 0);
	assert_true(!list.is_whole && list.count == 0);
	close(fd);
	handed_close(&handed);
}

/* Two sessions have descriptors of one file: each check sees its own descriptor alone. */
static void
test_handed(void **state)
{
	struct handed handed, none = {.fd = -1};
	int fd = openat(home.fd, "f", O_WRONLY | O_CREAT, 0600);
	int copy = dup(fd), channel[2];
	int other = openat(home.fd, "f", O_WRONLY);

	(void)state;
	assert_int_equal(handed_mark(&handed, fd, home.fd, "f"), 0);
	assert_int_equal(handed_wait_back(&handed), -EBUSY);
	close(fd);
	assert_int_equal(handed_wait_back(&handed), -EBUSY);	/* a copy that was handed out */
	assert_int_equal(ipc_pair(channel, 0), 0);
	ipc_begin(&message, IPC_attempt);
	assert_int_equal(ipc_send(channel[0], &message, copy), 0);
	close(copy);
	assert_int_equal(handed_wait_back(&handed), -EBUSY);	/* the descriptor is in a channel */
	close(channel[0]);
	close(channel[1]);
	assert_int_equal(handed_wait_back(&handed), 0);		/* another process has it open, which does not matter */
	handed_close(&handed);
	close(other);
	assert_int_equal(handed_wait_back(&none), 0);
	assert_int_equal(handed_mark(&handed, -1, home.fd, "missing"), -ENOENT);
}

/* A program that waited for the lock gets it next; that is no copy of this descriptor. */
static void
test_handed_and_locked_by_another(void **state)
{
	const struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct handed handed;
	int fd = openat(home.fd, "f", O_WRONLY | O_CREAT, 0600);
	int other = openat(home.fd, "f", O_WRONLY);

	(void)state;
	assert_int_equal(handed_mark(&handed, fd, home.fd, "f"), 0);
	assert_true(handed.is_marked);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &whole), -1); /* so that no lock can hide the mark */
	close(fd);
	assert_int_equal(fcntl(other, F_OFD_SETLK, &whole), 0);
	assert_int_equal(handed_wait_back(&handed), 0);
	handed_close(&handed);
	close(other);
}

/* A mapping is a copy, too. */
static void
test_handed_and_mapped(void **state)
{
	struct handed handed;
	int fd = openat(home.fd, "f", O_RDWR | O_CREAT, 0600);
	void *mapping;

	(void)state;
	assert_int_equal(handed_mark(&handed, fd, home.fd, "f"), 0);
	mapping = mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(mapping != MAP_FAILED);
	close(fd);
	assert_int_equal(handed_wait_back(&handed), -EBUSY);
	munmap(mapping, 1);
	assert_int_equal(handed_wait_back(&handed), 0);
	handed_close(&handed);
}

/* The name leads to another file, so the answer about this one is unknown. */
static void
test_handed_under_another_name(void **state)
{
	struct handed handed;
	int fd = openat(home.fd, "f", O_WRONLY | O_CREAT, 0600);

	(void)state;
	close(openat(home.fd, "other", O_WRONLY | O_CREAT, 0600));
	assert_int_equal(handed_mark(&handed, fd, home.fd, "other"), 0);
	close(fd);
	assert_int_equal(handed_wait_back(&handed), -EOPNOTSUPP);
	handed_close(&handed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_old_ones_go, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
	    cmocka_unit_test(test_rows_by_age),
	    cmocka_unit_test_setup_teardown(test_list, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_handed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_handed_and_locked_by_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_handed_and_mapped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_handed_under_another_name, setup, teardown),
	};

	return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
