/* SPDX-License-Identifier: ISC */
/* Paths that root follows: links, owners, modes, and the directories that it makes on the way. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

#define ALICE 47011
#define BOB 47012

static char top[64];

static const char *
below(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", top, name);
	return path;
}

static void
make(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	assert_int_equal(mkdir(below(name), 0700), 0);
	assert_int_equal(chown(below(name), uid, gid), 0);
	assert_int_equal(chmod(below(name), mode), 0);
}

static void
make_link(const char *target, const char *name, uid_t uid)
{
	assert_int_equal(symlink(target, below(name)), 0);
	assert_int_equal(lchown(below(name), uid, uid), 0);
}

static void
make_file(const char *name, uid_t uid, mode_t mode)
{
	int fd = open(below(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, uid, uid), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
setup(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		puts("# skipped: owners are made by root alone");
		return 0;
	}
	snprintf(top, sizeof(top), "/tmp/sallyport-place.XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(chmod(top, 0755), 0);
	make("roots", 0, 0, 0755);
	make("roots/inner", 0, 0, 0755);
	make("alices", ALICE, ALICE, 0755);
	make("alices/inner", 0, 0, 0755);
	make("open", 0, 0, 0777);
	make("open/inner", 0, 0, 0755);
	make("sticky", 0, 0, 01777);
	make("sticky/inner", 0, 0, 0755);
	make("group", 0, ALICE, 0775);
	make("root-group", 0, 0, 0775);
	make_link("roots/inner", "link", 0);
	make_link("./.././roots", "roots/up", 0);
	make_link("roots", "alices-link", ALICE);
	make_link("../roots", "alices/planted", ALICE);
	make_link("../roots", "alices/roots-link", 0);
	make_link("../roots", "open/planted", 0);
	make_link("loop", "loop", 0);
	make_file("roots/file", 0, 0644);
	make_file("roots/alices-file", ALICE, 0644);
	make_file("roots/open-file", 0, 0666);
	make_link("file", "roots/file-link", 0);
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return top[0] == '\0' ? 0 : system(command);
}

struct row {
	const char *path;
	uid_t uid;
	gid_t gid;
	int error;	/* 0: it is opened */
	enum trust_kind kind;
	const char *wrong;	/* the component that the error names */
};

static const struct row rows[] = {
    {"roots/inner", 0, 0, 0, 0, ""},
    {"roots//inner/", 0, 0, 0, 0, ""},
    {"roots/./inner/../inner", 0, 0, 0, 0, ""},
    {"link", 0, 0, 0, 0, ""},
    {"roots/up/inner", 0, 0, 0, 0, ""},
    {"sticky/inner", 0, 0, 0, 0, ""},
    {"root-group", 0, 0, 0, 0, ""},
    {"group", 0, ALICE, 0, 0, ""},
    {"group", 0, TRUST_ANY_GROUP, 0, 0, ""},
    {"alices/inner", ALICE, ALICE, 0, 0, ""},
    {"group", 0, 0, -EPERM, TRUST_WRITERS, "group"},
    {"group", 0, BOB, -EPERM, TRUST_WRITERS, "group"},
    {"open", 0, TRUST_ANY_GROUP, -EPERM, TRUST_WRITERS, "open"},
    {"open/inner", ALICE, ALICE, -EPERM, TRUST_WRITERS, "open"},
    {"open/planted", 0, 0, -EPERM, TRUST_WRITERS, "open"},
    {"alices/inner", 0, 0, -EPERM, TRUST_OWNER, "alices"},
    {"alices/inner", BOB, BOB, -EPERM, TRUST_OWNER, "alices"},
    {"roots/../alices/inner", 0, 0, -EPERM, TRUST_OWNER, "alices"},
    {"alices-link", 0, 0, -EPERM, TRUST_LINK, "alices-link"},
    {"alices-link/inner", ALICE, ALICE, -EPERM, TRUST_LINK, "alices-link"},
    {"alices/planted", ALICE, ALICE, -EPERM, TRUST_LINK, "alices/planted"},
    {"alices/roots-link", ALICE, ALICE, -EPERM, TRUST_LINK, "alices/roots-link"},
    {"loop", 0, 0, -ELOOP, TRUST_SYSTEM, "loop"},
    {"roots/none/inner", 0, 0, -ENOENT, TRUST_SYSTEM, "roots/none"},
    {"roots/file", 0, 0, -ENOTDIR, TRUST_SYSTEM, "roots/file"},
    {"roots/file-link/x", 0, 0, -ENOTDIR, TRUST_SYSTEM, "roots/file"},
};

static void
test_directories(void **state)
{
	struct trust_problem problem;

	(void)state;
	if (top[0] == '\0')
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		int fd = trusted_dir_open(below(row->path), &(const struct trust){row->uid, row->gid}, &problem);

		if (row->error == 0) {
			assert_true(fd >= 0);
			close(fd);
			continue;
		}
		assert_int_equal(fd, row->error);
		assert_int_equal(problem.error, row->error);
		assert_int_equal(problem.kind, row->kind);
		assert_string_equal(problem.path, below(row->wrong));
	}
}

static void
test_parent(void **state)
{
	struct trust_problem problem;
	char name[NAME_MAX + 1], long_name[NAME_MAX + 2];
	int fd;

	(void)state;
	if (top[0] == '\0')
		skip();
	fd = trusted_parent_open(below("roots/none/"), TRUST_ROOT_ALONE, name, &problem);
	assert_true(fd >= 0);
	assert_string_equal(name, "none");
	assert_int_equal(faccessat(fd, "inner", F_OK, 0), 0);
	close(fd);
	/* the function does not look at what the last component leads to */
	fd = trusted_parent_open(below("alices-link"), TRUST_ROOT_ALONE, name, &problem);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trusted_parent_open("/", TRUST_ROOT_ALONE, name, &problem), -EINVAL);
	assert_int_equal(trusted_parent_open(below("roots/.."), TRUST_ROOT_ALONE, name, &problem), -EINVAL);
	assert_int_equal(trusted_parent_open(below("roots/."), TRUST_ROOT_ALONE, name, &problem), -EINVAL);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(trusted_parent_open(below(long_name), TRUST_ROOT_ALONE, name, &problem), -ENAMETOOLONG);
}

struct file_row {
	const char *path;
	int error;	/* the error of opening; 0: it opens */
	int check;	/* the error of the check after that */
	enum trust_kind kind;
};

static const struct file_row file_rows[] = {
    {"roots/file", 0, 0, 0},
    {"roots/file-link", 0, 0, 0},
    {"roots/alices-file", 0, -EPERM, TRUST_FILE},
    {"roots/open-file", 0, -EPERM, TRUST_FILE},
    {"roots/none", -ENOENT, 0, TRUST_SYSTEM},
    {"roots/inner", -EISDIR, 0, TRUST_SYSTEM},
    {"alices/none", -EPERM, 0, TRUST_OWNER},
};

static void
test_files(void **state)
{
	struct trust_problem problem;

	(void)state;
	if (top[0] == '\0')
		skip();
	for (size_t i = 0; i < sizeof(file_rows) / sizeof(file_rows[0]); i++) {
		const struct file_row *row = &file_rows[i];
		int fd = trusted_file_open(below(row->path), &problem);
		int r = fd < 0 ? fd : trusted_file_check(fd, below(row->path), &problem);

		assert_int_equal(r, row->error < 0 ? row->error : row->check);
		if (r < 0)
			assert_int_equal(problem.kind, row->kind);
		assert_int_equal(fd >= 0, row->error == 0);
		close_fd(&fd);
	}
}

/* The function looks at the file itself only where a user other than root could have put it there. */
static void
test_append(void **state)
{
	static const struct file_row appended[] = {
	    {"roots/new", 0, 0, 0},
	    {"alices/new", 0, 0, 0},
	    {"alices/file", 0, 0, 0},
	    {"roots/bobs-file", 0, 0, 0},
	    {"roots/two-names", 0, 0, 0},
	    {"alices/bobs-file", -EPERM, 0, TRUST_PLANTED},
	    {"alices/two-names", -EPERM, 0, TRUST_PLANTED},
	    {"sticky/bobs-file", -EPERM, 0, TRUST_PLANTED},
	    {"alices/planted", -EPERM, 0, TRUST_LINK},
	    {"roots/file-link", 0, 0, 0},
	    {"roots/free-link", 0, 0, 0},
	    {"alices/fifo", -ENXIO, 0, TRUST_SYSTEM},
	    {"open/new", -EPERM, 0, TRUST_WRITERS},
	};
	struct trust_problem problem;

	(void)state;
	if (top[0] == '\0')
		skip();
	make_file("alices/file", ALICE, 0644);
	make_link("freed", "roots/free-link", 0);
	make_file("roots/bobs-file", BOB, 0644);
	make_file("alices/bobs-file", BOB, 0644);
	make_file("sticky/bobs-file", BOB, 0644);
	make_file("roots/two-names", 0, 0644);
	assert_int_equal(link(below("roots/two-names"), below("alices/two-names")), 0);
	assert_int_equal(mkfifo(below("alices/fifo"), 0600), 0);
	for (size_t i = 0; i < sizeof(appended) / sizeof(appended[0]); i++) {
		const struct file_row *row = &appended[i];
		int fd = trusted_file_append(below(row->path), ALICE, 0600, &problem);

		assert_int_equal(fd < 0 ? fd : 0, row->error);
		if (fd < 0)
			assert_int_equal(problem.kind, row->kind);
		else
			assert_int_equal(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
		close_fd(&fd);
	}
}

/* Root's links lead to a file or a free name. Other targets stay, and the function reports them. */
static void
test_target(void **state)
{
	static const struct {
		const char *path;
		const char *name;	/* the file to replace; NULL: none */
		int error;
		enum trust_kind kind;
	} targets[] = {
	    {"roots/file", "file", 0, 0},
	    {"roots/none", "none", 0, 0},
	    {"roots/file-link", "file", 0, 0},
	    {"roots/dangling", "free", 0, 0},
	    {"roots/inner", NULL, -EISDIR, TRUST_SYSTEM},
	    {"roots/up", NULL, -EISDIR, TRUST_SYSTEM},
	    {"roots/fifo", NULL, -EPERM, TRUST_SPECIAL},
	    {"roots/fifo-link", NULL, -EPERM, TRUST_SPECIAL},
	    {"roots/none/inner", NULL, -ENOENT, TRUST_SYSTEM},
	    {"loop", NULL, -ELOOP, TRUST_SYSTEM},
	    {"alices-link", NULL, -EPERM, TRUST_LINK},
	    {"alices/new", NULL, -EPERM, TRUST_OWNER},
	};
	struct trust_problem problem;
	char name[NAME_MAX + 1];

	(void)state;
	if (top[0] == '\0')
		skip();
	assert_int_equal(mkfifo(below("roots/fifo"), 0600), 0);
	make_link("fifo", "roots/fifo-link", 0);
	make_link("inner/../free", "roots/dangling", 0);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		int fd = trusted_target_open(below(targets[i].path), TRUST_ROOT_ALONE, name, &problem);

		assert_int_equal(fd < 0 ? fd : 0, targets[i].error);
		if (fd < 0)
			assert_int_equal(problem.kind, targets[i].kind);
		else
			assert_string_equal(name, targets[i].name);
		close_fd(&fd);
	}
}

static void
expect_owner(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(below(name), &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void
test_making(void **state)
{
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	const struct trust alice = {ALICE, ALICE};
	struct trust_problem problem;
	char name[NAME_MAX + 1];
	int dir_fd, fd;

	(void)state;
	if (top[0] == '\0')
		skip();
	dir_fd = trusted_parent_make(below("alices/a/b/home"), &alice, name, &made, &problem);
	assert_true(dir_fd >= 0);
	fd = trusted_dir_make(dir_fd, name, ALICE, ALICE, 0750, &made);
	assert_true(fd >= 0);
	assert_string_equal(made.below, "a/b/home");
	expect_owner("alices/a", ALICE, ALICE, 0755);
	expect_owner("alices/a/b/home", ALICE, ALICE, 0750);
	assert_int_equal(trusted_dir_make(dir_fd, name, ALICE, ALICE, 0750, &made), -EEXIST);
	close(fd);
	close(dir_fd);
	make("alices/a/kept", ALICE, ALICE, 0755);
	trusted_made_undo(&made);
	assert_int_equal(access(below("alices/a/b"), F_OK), -1);
	assert_int_equal(access(below("alices/a/kept"), F_OK), 0);
	/* a directory that only root can change keeps its owner */
	dir_fd = trusted_parent_make(below("sticky/c/home"), &alice, name, &made, &problem);
	assert_true(dir_fd >= 0);
	expect_owner("sticky/c", 0, 0, 0755);
	close(dir_fd);
	trusted_made_undo(&made);
	assert_int_equal(access(below("sticky/c"), F_OK), -1);
	/* the owner is root again, as nobody else could make it */
	assert_int_equal(chown(below("roots/inner"), 0, 0), 0);
	make("roots/after", 0, 0, 0700);
}

/* The parent hands its group on; the home gets the account's group all the same. */
static void
test_set_group_id(void **state)
{
	int dir_fd, fd;

	(void)state;
	if (top[0] == '\0')
		skip();
	make("handed-on", 0, BOB, 02755);
	dir_fd = open(below("handed-on"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = trusted_dir_make(dir_fd, "home", ALICE, ALICE, 0755, NULL);
	assert_true(fd >= 0);
	expect_owner("handed-on/home", ALICE, ALICE, 0755);
	close(fd);
	close(dir_fd);
}

static void
test_homes(void **state)
{
	const struct trust alice = {ALICE, ALICE};
	struct trust_problem problem;
	int fd;

	(void)state;
	if (top[0] == '\0')
		skip();
	make("open/home", ALICE, ALICE, 02775);
	make("roots/home", ALICE, BOB, 02775);
	/* no link on the way, and the account owns the place */
	fd = trusted_home_open(below("open/home"), &alice, &problem);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trusted_home_open_strictly(below("open/home"), &alice, &problem), -EPERM);
	assert_int_equal(problem.kind, TRUST_WRITERS);
	/* the home itself may be open to others */
	fd = trusted_home_open_strictly(below("roots/up/home"), &alice, &problem);
	assert_true(fd >= 0);
	close(fd);
	fd = trusted_home_open(below("roots/up/home"), &alice, &problem);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trusted_home_open(below("alices-link/home"), &alice, &problem), -EPERM);
	assert_int_equal(problem.kind, TRUST_LINK);
	assert_int_equal(trusted_home_open(below("roots/inner"), &alice, &problem), -EPERM);
	assert_int_equal(problem.kind, TRUST_HOME);
	/* one of somebody else that is shared through the account's group: all of the way counts */
	make("roots/shared", BOB, ALICE, 02770);
	fd = trusted_home_open(below("roots/shared"), &alice, &problem);
	assert_true(fd >= 0);
	close(fd);
	make("open/shared", BOB, ALICE, 02770);
	assert_int_equal(trusted_home_open(below("open/shared"), &alice, &problem), -EPERM);
	assert_int_equal(problem.kind, TRUST_WRITERS);
	make("roots/unshared", BOB, ALICE, 0770);
	assert_int_equal(trusted_home_open(below("roots/unshared"), &alice, &problem), -EPERM);
	assert_int_equal(problem.kind, TRUST_HOME);
	make("roots/readable", BOB, ALICE, 02750);
	assert_int_equal(trusted_home_open(below("roots/readable"), &alice, &problem), -EPERM);
	make("roots/others", BOB, BOB, 02770);
	assert_int_equal(trusted_home_open(below("roots/others"), &alice, &problem), -EPERM);
	assert_int_equal(trusted_home_open(below("roots/none"), &alice, &problem), -ENOENT);
	assert_int_equal(problem.kind, TRUST_SYSTEM);
	assert_string_equal(problem.path, below("roots/none"));
}

static void
test_explained(void **state)
{
	struct trust_problem problem;
	char text[TRUST_TEXT_MAX], expected[TRUST_TEXT_MAX];

	(void)state;
	if (top[0] == '\0')
		skip();
	(void)trusted_dir_open(below("group"), TRUST_ROOT_ALONE, &problem);
	trust_explain(&problem, text, sizeof(text));
	snprintf(expected, sizeof(expected),
	    "directory '%s' can be changed by its group (gid %d, mode 0775); take that away with 'chmod go-w'",
	    below("group"), ALICE);
	assert_string_equal(text, expected);
	/* a group of the system */
	problem = (struct trust_problem){.kind = TRUST_WRITERS, .path = "/var/log", .gid = 4, .mode = 0775};
	trust_explain(&problem, text, sizeof(text));
	assert_string_equal(text,
	    "directory '/var/log' can be changed by its group (gid 4, mode 0775); use a directory that its owner alone can "
	    "change");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_directories),
	    cmocka_unit_test(test_parent),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_append),
	    cmocka_unit_test(test_target),
	    cmocka_unit_test(test_making),
	    cmocka_unit_test(test_set_group_id),
	    cmocka_unit_test(test_homes),
	    cmocka_unit_test(test_explained),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
