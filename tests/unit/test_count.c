/* SPDX-License-Identifier: ISC */
/*
 * Counting a home that is changed meanwhile: whatever moves, comes and goes while the walk is on its way, the events of
 * the changes make the sum right.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/files/count.h"

#include "common/banned.h"

#define DIRECTORIES 10
#define FILES 600	/* in each */
#define CHANGES 40	/* each time */
#define ROUNDS 12
#define EVENTS_MAX 8192

static char directory[] = "/tmp/test-count.XXXXXX";
static int home_fd = -1;
static uint64_t seed;
static struct ledger_event events[EVENTS_MAX];
static size_t event_count;
static unsigned made, moves;

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-count.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	home_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	made = moves = 0;
	return home_fd < 0 ? -1 : 0;
}

static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	(void)state;
	close_fd(&home_fd);
	return nftw(directory, remove_entry, 20, FTW_DEPTH | FTW_PHYS);
}

static unsigned
draw(unsigned below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((seed >> 33) % below);
}

static void
make_file(const char *path, off_t size)
{
	int fd = openat(home_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static uint64_t sum_bytes, sum_files;

static int
add_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)type;
	sum_files += ftw->level > 0;
	sum_bytes += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	return 0;
}

static void
assert_counted(struct count *count)
{
	struct ledger_figure figure;

	assert_int_equal(count_table_sum(&count->table, &figure), 0);
	sum_bytes = sum_files = 0;
	assert_int_equal(nftw(directory, add_entry, 20, FTW_PHYS), 0);
	assert_int_equal(figure.files, sum_files);
	assert_int_equal(figure.bytes, sum_bytes);
}

/* As files tells it (quota.c). */
static void
tell(const struct count *count, const struct stat *st, enum ledger_event_kind kind)
{
	assert_true(event_count < EVENTS_MAX);
	events[event_count++] =
	    (struct ledger_event){count_key(count->device, st), S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, kind};
	moves += kind == LEDGER_DIRECTORY_MOVED;
}

static void
tell_named(const struct count *count, const char *path, enum ledger_event_kind kind)
{
	struct stat st;

	assert_int_equal(fstatat(home_fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	tell(count, &st, kind);
}

/* A path below one of the directories, wherever that is now: at the top or in another one. */
static void
draw_path(char path[64])
{
	unsigned top = draw(DIRECTORIES), inner = draw(DIRECTORIES);

	if (draw(2) == 0)
		snprintf(path, 64, "d%u/f%u", top, draw(FILES));
	else
		snprintf(path, 64, "d%u/d%u/f%u", top, inner, draw(FILES));
}

/* In one of the directories, unless that is elsewhere. */
static void
make_something(const struct count *count)
{
	bool is_directory = draw(4) == 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "d%u/new%u", draw(DIRECTORIES), made++);
	if (is_directory && mkdirat(home_fd, path, 0700) < 0)
		return;
	if (!is_directory) {
		fd = openat(home_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return;
		assert_int_equal(ftruncate(fd, draw(3000)), 0);
		close(fd);
	}
	tell_named(count, path, LEDGER_THERE);
}

static void
change_file(const struct count *count)
{
	char path[64], to[64];
	struct stat st, replaced;
	bool is_there;

	draw_path(path);
	draw_path(to);
	is_there = fstatat(home_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (is_there && draw(3) == 0) {
		assert_int_equal(unlinkat(home_fd, path, 0), 0);
		tell(count, &st, LEDGER_GONE);
	} else if (is_there && draw(2) == 0) {
		bool replaces = fstatat(home_fd, to, &replaced, AT_SYMLINK_NOFOLLOW) == 0;

		if (renameat(home_fd, path, home_fd, to) < 0)
			return;	/* the directory is elsewhere */
		if (replaces && replaced.st_ino != st.st_ino)
			tell(count, &replaced, LEDGER_GONE);
		tell(count, &st, LEDGER_MOVED);
	} else if (is_there) {
		make_file(path, draw(5000));
		tell_named(count, path, LEDGER_THERE);
	} else {
		make_something(count);
	}
}

/* From the top into another directory, or back. */
static void
move_directory(const struct count *count)
{
	unsigned which = draw(DIRECTORIES), other = draw(DIRECTORIES);
	char top[64], inner[64];
	struct stat st;

	snprintf(top, sizeof(top), "d%u", which);
	snprintf(inner, sizeof(inner), "d%u/d%u", other, which);
	if (which == other)
		return;
	if (fstatat(home_fd, top, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (renameat(home_fd, top, home_fd, inner) == 0)
			tell(count, &st, LEDGER_DIRECTORY_MOVED);
	} else if (fstatat(home_fd, inner, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    renameat(home_fd, inner, home_fd, top) == 0) {
		tell(count, &st, LEDGER_DIRECTORY_MOVED);
	}
}

static void
change_home(void *arg, uint64_t met)
{
	const struct count *count = arg;

	(void)met;
	for (int i = 0; i < CHANGES && event_count < EVENTS_MAX - 4; i++) {
		if (draw(12) == 0)
			move_directory(count);
		else
			change_file(count);
	}
}

static void
fill_home(void)
{
	char path[64];

	for (unsigned i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof(path), "d%u", i);
		assert_int_equal(mkdirat(home_fd, path, 0700), 0);
		for (unsigned k = 0; k < FILES; k++) {
			snprintf(path, sizeof(path), "d%u/f%u", i, k);
			make_file(path, draw(4000));
		}
	}
}

static void
test_changes_meanwhile(void **state)
{
	struct count count;
	unsigned walks = 0;
	size_t told = 0;

	(void)state;
	seed = (uint64_t)getpid();
	print_message("seed %llu\n", (unsigned long long)seed);
	fill_home();
	for (int round = 0; round < ROUNDS; round++) {
		unsigned moves_before;

		event_count = 0;
		assert_int_equal(count_init(&count, home_fd), 0);
		count.progress = change_home;
		count.arg = &count;
		do {
			moves_before = moves;
			assert_int_equal(count_walk(&count), 0);
			walks++;
			if (walks % 6 == 0)
				count.progress = NULL;	/* all have come to rest */
		} while (moves != moves_before);
		for (size_t i = 0; i < event_count; i++)
			count_table_tell(&count.table, &events[i]);
		assert_counted(&count);
		told += event_count;	/* of one round there may be few: the home is random */
		count_end(&count);
	}
	assert_true(told > 20 * ROUNDS && moves > 0 && walks > ROUNDS);
}

static const struct count *swaps_for;	/* the next openat() of d0 finds d1 there: they change their names just before */

int
openat(int dir_fd, const char *name, int flags, ...)
{
	const struct count *count = swaps_for;
	mode_t mode = 0;
	va_list args;

	if ((flags & O_CREAT) != 0) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	if (count != NULL && strcmp(name, "d0") == 0) {
		swaps_for = NULL;
		assert_int_equal(renameat2(home_fd, "d0", home_fd, "d1", RENAME_EXCHANGE), 0);
		tell_named(count, "d0", LEDGER_DIRECTORY_MOVED);
		tell_named(count, "d1", LEDGER_DIRECTORY_MOVED);
	}
	return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
}

/* Another directory takes a name between the look at it and its opening: each is read, and read once. */
static bool swaps;

static const char *stale;	/* a name that another machine has removed */

/* The directory "swapped" gives way to a file between the look at its name and its opening. */
int
fstatat(int fd, const char *name, struct stat *st, int flags)
{
	int r = (int)syscall(SYS_newfstatat, fd, name, st, flags);

	if (stale != NULL && strcmp(name, stale) == 0) {
		errno = ESTALE;
		return -1;
	}
	if (!swaps || strcmp(name, "swapped") != 0)
		return r;
	swaps = false;
	assert_int_equal(renameat(home_fd, "swapped", home_fd, "moved"), 0);
	make_file("swapped", 5);
	return r;
}

static void
test_directory_becomes_a_file(void **state)
{
	struct ledger_event event = {0};
	struct count count;
	struct stat st;

	(void)state;
	assert_int_equal(mkdirat(home_fd, "swapped", 0700), 0);
	make_file("swapped/file", 7);
	assert_int_equal(count_init(&count, home_fd), 0);
	swaps = true;
	assert_int_equal(count_walk(&count), 0);
	assert_false(swaps);
	/* the journal tells of both; the directory has moved, so the walk is repeated */
	assert_int_equal(count_walk(&count), 0);
	assert_int_equal(fstatat(home_fd, "swapped", &st, 0), 0);
	event = (struct ledger_event){count_key(count.device, &st), 5, LEDGER_THERE};
	count_table_tell(&count.table, &event);
	assert_int_equal(fstatat(home_fd, "moved", &st, 0), 0);
	event = (struct ledger_event){count_key(count.device, &st), 0, LEDGER_DIRECTORY_MOVED};
	count_table_tell(&count.table, &event);
	assert_counted(&count);
	count_end(&count);
}

/* The walk goes on, and its sum is not believed. The next count is right. */
static void
test_removed_by_another_machine(void **state)
{
	static const char *const names[] = {"gone", "below"};
	struct ledger_figure figure;
	struct count count;

	(void)state;
	make_file("gone", 7);
	assert_int_equal(mkdirat(home_fd, "d0", 0700), 0);
	make_file("d0/below", 10);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		stale = names[i];
		assert_int_equal(count_init(&count, home_fd), 0);
		assert_int_equal(count_walk(&count), 0);
		assert_int_equal(count_table_sum(&count.table, &figure), -EAGAIN);
		count_end(&count);
	}
	stale = NULL;
	assert_int_equal(count_init(&count, home_fd), 0);
	assert_int_equal(count_walk(&count), 0);
	assert_counted(&count);
	count_end(&count);
}

static void
test_directories_change_names(void **state)
{
	struct count count;

	(void)state;
	event_count = 0;
	assert_int_equal(mkdirat(home_fd, "d0", 0700), 0);
	assert_int_equal(mkdirat(home_fd, "d1", 0700), 0);
	make_file("d0/small", 10);
	make_file("d1/large", 3000);
	assert_int_equal(count_init(&count, home_fd), 0);
	swaps_for = &count;
	for (int walks = 0; walks < 2; walks++)
		assert_int_equal(count_walk(&count), 0);
	assert_null(swaps_for);
	for (size_t i = 0; i < event_count; i++)
		count_table_tell(&count.table, &events[i]);
	assert_counted(&count);
	count_end(&count);
}

static void
tell_key(struct count_table *table, uint64_t key, uint64_t bytes, enum ledger_event_kind kind)
{
	const struct ledger_event event = {key, bytes, kind};

	count_table_tell(table, &event);
}

static void
assert_sum(const struct count_table *table, uint64_t bytes, uint64_t files)
{
	struct ledger_figure figure;

	assert_int_equal(count_table_sum(table, &figure), 0);
	assert_int_equal(figure.bytes, bytes);
	assert_int_equal(figure.files, files);
}

/* The last event holds, before and after the name was seen; two names of one file count twice. */
static void
test_table(void **state)
{
	struct count_table table;

	(void)state;
	assert_int_equal(count_table_init(&table), 0);
	count_table_see(&table, 1, 100);
	count_table_see(&table, 1, 100);
	assert_sum(&table, 200, 2);
	count_table_see(&table, 2, 10);
	tell_key(&table, 2, 30, LEDGER_THERE);
	assert_sum(&table, 230, 3);
	tell_key(&table, 2, 99, LEDGER_MOVED);	/* where an upload goes on, what was told of it holds */
	count_table_see(&table, 2, 99);
	assert_sum(&table, 230, 3);
	tell_key(&table, 2, 30, LEDGER_GONE);
	assert_sum(&table, 200, 2);
	tell_key(&table, 3, 7, LEDGER_MOVED);
	count_table_see(&table, 3, 7);
	assert_sum(&table, 207, 3);
	tell_key(&table, 3, 0, LEDGER_GONE);
	tell_key(&table, 3, 4, LEDGER_THERE);	/* the inode was given to another file */
	assert_sum(&table, 204, 3);
	for (uint64_t key = 10; key < 100010; key++)
		count_table_see(&table, key, 1);
	assert_sum(&table, 100204, 100003);
	assert_non_null(count_table_find(&table, 77777));
	count_table_free(&table);
}

/* Of more inodes than the table holds only the sum is kept: right where nothing changes, and never wrong where something does. */
static void
test_table_that_is_full(void **state)
{
	struct ledger_figure figure;
	struct count_table table;

	(void)state;
	assert_int_equal(count_table_init(&table), 0);
	tell_key(&table, 5, 50, LEDGER_THERE);
	count_table_await(&table, 6);
	table.size = (size_t)1 << 12;
	for (uint64_t key = 10; key < 3000; key++)
		count_table_see(&table, key, 1);
	table.is_whole = false;	/* as if no more were to be had */
	for (uint64_t key = 3000; key < 20000; key++)
		count_table_see(&table, key, 1);
	count_table_see(&table, 5, 77);
	assert_sum(&table, 50 + 19990, 1 + 19990);
	assert_true(count_table_find(&table, 6)->is_awaited);
	tell_key(&table, 5, 60, LEDGER_THERE);
	assert_sum(&table, 60 + 19990, 1 + 19990);
	tell_key(&table, 15000, 2, LEDGER_THERE);	/* was it seen? */
	assert_int_equal(count_table_sum(&table, &figure), -EAGAIN);
	count_table_free(&table);
}

/* Memory that this process may have more than it has now. */
static void
limit_memory(rlim_t more)
{
	struct rlimit limit;
	unsigned long pages;
	char text[128];
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	pages = strtoul(text, NULL, 10);
	assert_true(pages > 0);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = more == RLIM_INFINITY ? limit.rlim_max : (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* More was told than the smallest table holds when memory ends: what was told is kept, and each look-up ends. */
static void
test_table_without_memory(void **state)
{
	struct ledger_figure figure;
	struct count_table table;
	uint64_t key = 1;

	(void)state;
	assert_int_equal(count_table_init(&table), 0);
	for (; key <= 10000; key++)
		tell_key(&table, key, 2, LEDGER_THERE);
	for (; table.used < ((size_t)1 << 16) - ((size_t)1 << 13); key++)
		count_table_see(&table, key, 1);
	limit_memory(1 << 20);
	for (; key <= 70000; key++)
		count_table_see(&table, key, 1);
	limit_memory(RLIM_INFINITY);
	assert_false(table.is_whole);
	assert_true(table.size < (size_t)1 << 16);
	assert_sum(&table, 2 * 10000 + 60000, 70000);
	tell_key(&table, 9999, 5, LEDGER_THERE);
	assert_sum(&table, 2 * 10000 + 60000 + 3, 70000);
	tell_key(&table, 60000, 5, LEDGER_THERE);
	assert_int_equal(count_table_sum(&table, &figure), -EAGAIN);
	count_table_free(&table);
}

/* Holes as large as they may be: no sum overflows, and none is told that no ledger holds. */
static void
test_sparse_files(void **state)
{
	struct ledger_figure figure;
	struct count_table table;

	(void)state;
	assert_int_equal(count_table_init(&table), 0);
	for (uint64_t key = 1; key < 100; key++)
		count_table_see(&table, key, INT64_MAX);
	assert_sum(&table, LEDGER_FIGURE_MAX, 99);
	for (uint64_t key = 1; key < 100; key++)
		tell_key(&table, key, 1, LEDGER_THERE);
	assert_sum(&table, 99, 99);
	/* more names of such a file do not make it countable again */
	for (int names = 0; names < 4; names++)
		count_table_see(&table, 200, INT64_MAX);
	tell_key(&table, 200, 1, LEDGER_THERE);
	assert_int_equal(count_table_sum(&table, &figure), -EAGAIN);
	count_table_free(&table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_changes_meanwhile),
	    TEST(test_directory_becomes_a_file),
	    TEST(test_removed_by_another_machine),
	    TEST(test_directories_change_names),
	    TEST(test_table),
	    TEST(test_table_that_is_full),
	    TEST(test_table_without_memory),
	    TEST(test_sparse_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
