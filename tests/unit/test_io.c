/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"

#include "common/banned.h"

#define MUCH (1 << 20)

static void
test_close(void **state)
{
	int none = -1, ends[2];

	(void)state;
	errno = ENOENT;
	close_fd(&none);
	assert_int_equal(none, -1);
	assert_int_equal(pipe(ends), 0);
	errno = ENOENT;
	close_fd(&ends[0]);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(ends[0], -1);
	close_fd(&ends[1]);
	none = 1 << 20;	/* not open: closing it sets errno, which close_fd() restores */
	close_fd(&none);
	assert_int_equal(errno, ENOENT);
}

static void
test_errors(void **state)
{
	char byte = 'x';
	int ends[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(io_write_all(-1, &byte, 1), -EBADF);
	assert_int_equal(io_write_all(-1, &byte, 0), 0);
	assert_int_equal(io_read_all(-1, &byte, 1), -EBADF);
	assert_int_equal(pipe(ends), 0);
	close_fd(&ends[0]);
	assert_int_equal(io_write_all(ends[1], &byte, 1), -EPIPE);
	close_fd(&ends[1]);
	assert_int_equal(io_wait(-1, POLLIN, monotonic_ms() + 20), 0);
}

static void
nothing(int number)
{
	(void)number;
}

/* Write far more than a pipe holds, while signals keep cutting the calls short. */
static void
test_all_with_interrupts(void **state)
{
	static unsigned char bytes[MUCH];
	struct sigaction action = {.sa_handler = nothing};
	struct itimerval every = {.it_interval = {.tv_usec = 1000}, .it_value = {.tv_usec = 1000}}, off = {{0}, {0}};
	int ends[2], status = 0;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	assert_int_equal(pipe(ends), 0);
	sigaction(SIGALRM, &action, NULL);	/* without SA_RESTART */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		setitimer(ITIMER_REAL, &every, NULL);
		_exit(io_write_all(ends[1], bytes, sizeof(bytes)) == 0 ? 0 : 1);
	}
	close_fd(&ends[1]);
	setitimer(ITIMER_REAL, &every, NULL);
	poll(NULL, 0, 20);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(io_read_all(ends[0], bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(io_read_all(ends[0], bytes, 1), 0);	/* the end */
	setitimer(ITIMER_REAL, &off, NULL);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		if (i > 0 && bytes[i] != (unsigned char)(i * 7 + i / 256))
			fail_msg("byte %zu", i);
	close_fd(&ends[0]);
}

static void
test_short_read(void **state)
{
	char bytes[8];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(io_write_all(ends[1], "abc", 3), 0);
	close_fd(&ends[1]);
	assert_int_equal(io_read_all(ends[0], bytes, sizeof(bytes)), 3);
	assert_memory_equal(bytes, "abc", 3);
	close_fd(&ends[0]);
}

/* The rename replaces files and links; any other target keeps its name, and so does the new file. */
static void
test_rename_over(void **state)
{
	static const struct {
		const char *name;
		mode_t kind;
		int result;
	} rows[] = {
	    {"none", 0, 0},
	    {"file", S_IFREG, 0},
	    {"link", S_IFLNK, 0},
	    {"fifo", S_IFIFO, -EEXIST},
	    {"socket", S_IFSOCK, -EEXIST},
	    {"directory", S_IFDIR, -EISDIR},
	};
	char top[] = "/tmp/sallyport-io-XXXXXX", command[64];
	struct stat st;
	int dir_fd;

	(void)state;
	assert_non_null(mkdtemp(top));
	dir_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	assert_int_equal(symlinkat("nowhere", dir_fd, "link"), 0);
	assert_int_equal(mkdirat(dir_fd, "directory", 0700), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mode_t kind = rows[i].kind, expected = rows[i].result == 0 ? S_IFREG : kind;

		if (kind == S_IFREG || kind == S_IFIFO || kind == S_IFSOCK)
			assert_int_equal(mknodat(dir_fd, rows[i].name, kind | 0600, 0), 0);
		assert_int_equal(mknodat(dir_fd, "new", S_IFREG | 0640, 0), 0);
		assert_int_equal(io_rename_over(dir_fd, "new", rows[i].name), rows[i].result);
		assert_int_equal(fstatat(dir_fd, rows[i].name, &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mode & S_IFMT, expected);
		assert_int_equal(unlinkat(dir_fd, "new", 0), rows[i].result == 0 ? -1 : 0);
	}
	close_fd(&dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	assert_int_equal(system(command), 0);
}

static void
test_deadline_left(void **state)
{
	static const struct {
		uint64_t deadline, now;
		int left;
	} rows[] = {
	    {0, 0, 0},
	    {0, UINT64_MAX, 0},
	    {5, 6, 0},
	    {5, 5, 0},
	    {6, 5, 1},
	    {(uint64_t)INT_MAX + 1, 1, INT_MAX},
	    {(uint64_t)INT_MAX + 2, 1, INT_MAX},
	    {UINT64_MAX, 0, INT_MAX},
	    {UINT64_MAX, UINT64_MAX - 7, 7},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(deadline_left_ms(rows[i].deadline, rows[i].now), rows[i].left);
}

static void
test_wait(void **state)
{
	struct sigaction action = {.sa_handler = nothing};
	struct itimerval every = {.it_interval = {.tv_usec = 1000}, .it_value = {.tv_usec = 1000}}, off = {{0}, {0}};
	uint64_t begun = monotonic_ms();
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(io_wait(ends[0], POLLIN, 0), 0);	/* a deadline of long ago */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	assert_int_equal(io_wait(ends[0], POLLIN, begun + 100), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	assert_true(monotonic_ms() >= begun + 100);	/* signals neither shorten nor prolong it */
	assert_true(monotonic_ms() < begun + 10000);
	assert_int_equal(io_wait(ends[1], POLLOUT, monotonic_ms() + 10000), POLLOUT);
	assert_int_equal(io_write_all(ends[1], "x", 1), 0);
	assert_int_equal(io_wait(ends[0], POLLIN, monotonic_ms() + 10000), POLLIN);
	close_fd(&ends[0]);
	close_fd(&ends[1]);
}

static void
test_clocks(void **state)
{
	uint64_t before = monotonic_ms(), coarse = monotonic_coarse_ms(), after = monotonic_ms();

	(void)state;
	assert_true(before <= after);
	assert_true(coarse <= after);
	assert_true(coarse + 1000 > before);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_close),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_all_with_interrupts),
	    cmocka_unit_test(test_short_read),
	    cmocka_unit_test(test_rename_over),
	    cmocka_unit_test(test_deadline_left),
	    cmocka_unit_test(test_wait),
	    cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
