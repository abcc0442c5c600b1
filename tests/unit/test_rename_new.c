/* SPDX-License-Identifier: ISC */
/* rename_new() with the flag of renameat2(2), without it (NFS, CephFS), and where the flag is unreliable (FUSE). */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/files/rename_new.h"

#define RENAME_FLAG_NOREPLACE 1

static char place[] = "/tmp/sallyport-rename-XXXXXX";
static int dir_fd;
static bool minds_flags;

static int
setup(void **state)
{
	(void)state;
	memcpy(place + sizeof(place) - 7, "XXXXXX", 6);
	if (mkdtemp(place) == NULL)
		return -1;
	dir_fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 || mkdirat(dir_fd, "other", 0755) < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"file", "link", "free", "taken", "other/free", "taken/inside"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dir_fd, names[i], 0);
	unlinkat(dir_fd, "directory/inside", 0);
	unlinkat(dir_fd, "free/inside", 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dir_fd, names[i], AT_REMOVEDIR);
	unlinkat(dir_fd, "directory", AT_REMOVEDIR);
	unlinkat(dir_fd, "other", AT_REMOVEDIR);
	close(dir_fd);
	return rmdir(place);
}

static void
put(const char *name, const char *content)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_all(fd, content, strlen(content)), 0);
	close(fd);
}

static void
has(const char *name, const char *content)
{
	char bytes[64];
	int fd = openat(dir_fd, name, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = io_read_all(fd, bytes, sizeof(bytes) - 1);
	assert_true(n >= 0);
	bytes[n] = '\0';
	assert_string_equal(bytes, content);
	close(fd);
}

static bool
is_there(const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
take(const char *from, const char *to)
{
	return rename_to_new(dir_fd, from, dir_fd, to, minds_flags);
}

static void
test_files(void **state)
{
	struct stat st;

	(void)state;
	put("file", "content");
	put("taken", "other");
	assert_int_equal(take("file", "taken"), -EEXIST);
	assert_int_equal(take("file", "file"), -EEXIST);
	assert_int_equal(take("absent", "free"), -ENOENT);
	assert_int_equal(take("file", "absent/free"), -ENOENT);
	has("file", "content");
	has("taken", "other");
	assert_false(is_there("free"));
	assert_int_equal(take("file", "other/free"), 0);
	assert_false(is_there("file"));
	has("other/free", "content");
	assert_int_equal(fstatat(dir_fd, "other/free", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
}

/* The link itself moves, not its target. */
static void
test_links(void **state)
{
	char target[16] = "";

	(void)state;
	assert_int_equal(symlinkat("nowhere", dir_fd, "link"), 0);
	assert_int_equal(take("link", "free"), 0);
	assert_false(is_there("link"));
	assert_int_equal(readlinkat(dir_fd, "free", target, sizeof(target) - 1), 7);
	assert_string_equal(target, "nowhere");
}

static void
test_directories(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(dir_fd, "directory", 0750), 0);
	put("directory/inside", "content");
	assert_int_equal(take("directory", "other"), -EEXIST); /* an empty directory is no free name */
	put("file", "x");
	assert_int_equal(take("directory", "file"), -EEXIST);
	assert_int_equal(take("directory", "directory/below"), -EINVAL);
	assert_false(is_there("directory/below"));
	has("directory/inside", "content");
	assert_int_equal(take("directory", "free"), 0);
	assert_false(is_there("directory"));
	has("free/inside", "content");
}

/* --- another session or the file server acts between two calls --- */

static void (*before_unlink)(void), (*after_link)(void);

/* Replaces unlinkat() of libc in this program. */
int
unlinkat(int fd, const char *name, int flags)
{
	if (before_unlink != NULL) {
		void (*act)(void) = before_unlink;

		before_unlink = NULL;
		act();
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_unlinkat, fd, name, flags);
}

int
linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	int r = (int)syscall(SYS_linkat, from_fd, from, to_fd, to, flags);

	void (*act)(void) = after_link;

	after_link = NULL;
	if (r == 0 && act != NULL)
		act();
	return r;
}

static void
replace_file(void)
{
	put("new", "newer");
	assert_int_equal(renameat(dir_fd, "new", dir_fd, "file"), 0);
}

static void
remove_file(void)
{
	assert_int_equal(syscall(SYS_unlinkat, dir_fd, "file", 0), 0);
}

static void
do_nothing(void)
{
}

static void
test_file_replaced_meanwhile(void **state)
{
	(void)state;
	put("file", "content");
	after_link = replace_file;
	assert_int_equal(take("file", "free"), 0);
	has("free", "content");
	has("file", "newer");
}

/* The server has removed the name, and its answer is lost; or it has not removed it. */
static void
test_unlink_fails(void **state)
{
	(void)state;
	put("file", "content");
	before_unlink = remove_file;
	assert_int_equal(take("file", "free"), 0);
	has("free", "content");
	assert_int_equal(unlinkat(dir_fd, "free", 0), 0);
	put("file", "content");
	before_unlink = do_nothing;
	assert_int_equal(take("file", "free"), -EIO);
	has("file", "content");
	assert_false(is_there("free"));
}

static void
refuse_flag(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (filter == NULL ||
	    seccomp_rule_add(
		filter, SCMP_ACT_ERRNO(EINVAL), SYS_renameat2, 1, SCMP_A4(SCMP_CMP_EQ, RENAME_FLAG_NOREPLACE, 0)) < 0 ||
	    seccomp_load(filter) < 0)
		abort();
	seccomp_release(filter);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_links, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_directories, setup, teardown),
	};
	static const struct CMUnitTest link_tests[] = {
	    cmocka_unit_test_setup_teardown(test_file_replaced_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_unlink_fails, setup, teardown),
	};
	int failed;

	minds_flags = true;
	failed = cmocka_run_group_tests_name("by the flag", tests, NULL, NULL);
	minds_flags = false;
	failed += cmocka_run_group_tests_name("where the flag may be ignored", tests, NULL, NULL);
	failed += cmocka_run_group_tests_name("what comes between link and unlink", link_tests, NULL, NULL);
	minds_flags = true;
	refuse_flag();
	failed += cmocka_run_group_tests_name("where the flag is refused", tests, NULL, NULL);
	return failed;
}
