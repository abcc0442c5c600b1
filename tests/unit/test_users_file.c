/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/users_file.h"
#include "common/buf.h"
#include "common/io.h"

#include "common/banned.h"

#define LINE(text) (text), sizeof(text) - 1

static char directory[] = "/tmp/sallyport-test-XXXXXX";
static char path[128], lock_path[128], new_path[128];
static struct buf problem;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/users", directory);
	snprintf(lock_path, sizeof(lock_path), "%s/users.lock", directory);
	snprintf(new_path, sizeof(new_path), "%s/users.new", directory);
	buf_init(&problem, 65536);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(lock_path);
	unlink(new_path);
	rmdir(directory);
	buf_free(&problem);
	return 0;
}

static void
write_users(const char *text, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
expect_users(const char *text)
{
	char read_text[4096];
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	len = io_read_all(fd, read_text, sizeof(read_text) - 1);
	assert_true(len >= 0);
	read_text[len] = '\0';
	close(fd);
	assert_string_equal(read_text, text);
}

static void
expect_problem(const char *part)
{
	if (problem.data == NULL || strstr(problem.data, part) == NULL)
		fail_msg("'%s' is not in: %s", part, problem.data == NULL ? "" : problem.data);
	buf_clear(&problem);
}

static void
test_refused(void **state)
{
	struct users_file *file = NULL;

	(void)state;
	write_users("", 0604);
	assert_int_equal(users_file_open(path, true, 0, &file, &problem), -EPERM);
	expect_problem("chmod");
	assert_null(file);
	unlink(path);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(users_file_open(path, true, 0, &file, &problem), -ELOOP);
	expect_problem("not a link");
	unlink(path);
	assert_int_equal(users_file_open("/nonexistent/users", true, 0, &file, &problem), -ENOENT);
	expect_problem("directory");
	assert_int_equal(users_file_open(directory, false, 0, &file, &problem), -EPERM);
	expect_problem("regular");
}

static void
test_lock_is_bounded(void **state)
{
	struct users_file *first = NULL, *second = NULL;
	uint64_t begin_ms;

	(void)state;
	write_users("", 0600);
	assert_int_equal(users_file_open(path, true, 0, &first, &problem), 0);
	begin_ms = monotonic_ms();
	assert_int_equal(users_file_open(path, true, 150, &second, &problem), -EAGAIN);
	assert_true(monotonic_ms() - begin_ms >= 150);
	expect_problem("another program");
	assert_int_equal(users_file_open(path, false, 0, &second, &problem), 0);	/* looking needs no lock */
	users_file_free(second);
	users_file_free(first);
	assert_int_equal(users_file_open(path, true, 0, &first, &problem), 0);
	users_file_free(first);
	users_file_free(NULL);
}

static void
test_keeps_lines(void **state)
{
	static const char before[] =
	    "# top\n\n  \nbad line\nab:h:1:1:/ab:x=1 y\na:h:2:2:/a:\n#a:h:3:3:/a:\nlast:h:4:4:/l:";
	struct users_file *file = NULL;
	struct stat st;
	size_t index;
	size_t len;

	(void)state;
	write_users(before, 0600);
	assert_int_equal(users_file_open(path, true, 0, &file, &problem), 0);
	assert_int_equal(users_file_count(file), 8);
	assert_int_equal(users_file_find(file, "b", &index), -ENOENT);
	assert_int_equal(users_file_find(file, "#a", &index), -ENOENT);
	assert_int_equal(users_file_find(file, "bad line", &index), -ENOENT);
	assert_int_equal(users_file_find(file, "a", &index), 0);
	assert_memory_equal(users_file_line(file, index, &len), "a:h:2:2:/a:", 11);
	assert_int_equal(users_file_replace(file, index, LINE("a:new:2:2:/a:")), 0);
	assert_int_equal(users_file_replace(file, index, LINE("a:newer:2:2:/a:")), 0);
	assert_int_equal(users_file_append(file, LINE("z:h:5:5:/z:")), 0);
	assert_int_equal(users_file_find(file, "last", &index), 0);
	users_file_remove(file, index);
	/* a file that a crash left does not disturb */
	close(open(new_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	assert_int_equal(users_file_save(file, &problem), 0);
	users_file_free(file);
	expect_users("# top\n\n  \nbad line\nab:h:1:1:/ab:x=1 y\na:newer:2:2:/a:\n#a:h:3:3:/a:\nz:h:5:5:/z:\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(new_path, F_OK), -1);
}

static void
test_new_file(void **state)
{
	struct users_file *file = NULL;
	struct stat st;
	size_t index;

	(void)state;
	unlink(path);
	assert_int_equal(users_file_open(path, true, 0, &file, &problem), 0);
	assert_int_equal(users_file_append(file, LINE("a:h:1:1:/a:")), 0);
	assert_int_equal(users_file_save(file, &problem), 0);
	users_file_free(file);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(users_file_open(path, false, 0, &file, &problem), 0);
	assert_int_equal(users_file_find(file, "a", &index), 0);
	assert_int_equal(users_file_line(file, 0, NULL)[0], '#');
	users_file_free(file);
}

/* A save that fails leaves the file unchanged. */
static void
test_failed_save(void **state)
{
	struct users_file *file = NULL;

	(void)state;
	write_users("a:h:1:1:/a:\n", 0600);
	assert_int_equal(users_file_open(path, true, 0, &file, &problem), 0);
	assert_int_equal(users_file_append(file, LINE("b:h:1:1:/b:")), 0);
	assert_int_equal(mkdir(new_path, 0700), 0);
	assert_true(users_file_save(file, &problem) < 0);
	expect_problem("nothing was changed");
	assert_int_equal(rmdir(new_path), 0);
	users_file_free(file);
	expect_users("a:h:1:1:/a:\n");
}

static void
append_as_child(unsigned number)
{
	struct users_file *file = NULL;
	char line[64];
	int len;

	len = snprintf(line, sizeof(line), "user%u:h:%u:%u:/u:", number, number + 1, number + 1);
	if (users_file_open(path, true, 20000, &file, &problem) < 0 || users_file_append(file, line, (size_t)len) < 0 ||
	    users_file_save(file, &problem) < 0)
		_exit(1);
	users_file_free(file);
	_exit(0);
}

static void
test_concurrent(void **state)
{
	enum { CHILDREN = 20 };
	struct users_file *file = NULL;
	size_t index;
	int status;

	(void)state;
	unlink(path);
	for (unsigned i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			append_as_child(i);
	}
	for (unsigned i = 0; i < CHILDREN; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(users_file_open(path, false, 0, &file, &problem), 0);
	for (unsigned i = 0; i < CHILDREN; i++) {
		char name[16];

		snprintf(name, sizeof(name), "user%u", i);
		assert_int_equal(users_file_find(file, name, &index), 0);
	}
	users_file_free(file);
}

static void
test_edit(void **state)
{
	static const char line[] = "a:!h:1:2:/a:x=1  read-only expires=2020-01-01 read-only-x allow-from=::1 quota=1G";
	struct users_edit edit = {.hash = "new", .home = "/b"};
	struct buf out;

	(void)state;
	buf_init(&out, 1024);
	assert_int_equal(users_line_edit(LINE("a:b:c"), &edit, &out), -EINVAL);
	buf_clear(&out);
	users_edit_option(&edit, "read-only", NULL);
	users_edit_option(&edit, "expires", "2030-01-01");
	users_edit_option(&edit, "max-sessions", "3");
	assert_int_equal(users_line_edit(LINE(line), &edit, &out), 0);
	assert_string_equal(
	    out.data, "a:new:1:2:/b:x=1 read-only-x allow-from=::1 quota=1G expires=2030-01-01 max-sessions=3");
	buf_clear(&out);
	edit = (struct users_edit){.uid = "7", .gid = "8"};
	users_edit_option(&edit, "read-only", "");
	assert_int_equal(users_line_edit(LINE("a:h:1:2:/a:"), &edit, &out), 0);
	assert_string_equal(out.data, "a:h:7:8:/a:read-only");
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_lock_is_bounded),
	    cmocka_unit_test(test_keeps_lines),
	    cmocka_unit_test(test_new_file),
	    cmocka_unit_test(test_failed_save),
	    cmocka_unit_test(test_concurrent),
	    cmocka_unit_test(test_edit),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
