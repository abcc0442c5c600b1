/* SPDX-License-Identifier: ISC */
/* The walls besides the filters: identity, root directory, Landlock, descriptors, memory and limits of a process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/sandbox/sandbox.h"
#include "tests/unit/child_fixture.h"

#include "common/banned.h"

#define TEST_ID 54321 /* a uid and gid that nobody has */

static bool
skipped_without_root(const char *what)
{
	if (geteuid() != 0)
		print_message("%s: skipped, needs root\n", what);
	return geteuid() != 0;
}

static int
temporary_directory(char path[PATH_MAX])
{
	int fd;

	snprintf(path, PATH_MAX, "/tmp/test-confinement.XXXXXX");
	assert_non_null(mkdtemp(path));
	assert_int_equal(chmod(path, 0755), 0);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* ---- all walls, one after the other ---- */

/* Become files as the monitor's child does, with the monitor's filter loaded before. */
static void
go_the_way_of_files(const void *arg, pid_t parent)
{
	int home_fd = *(const int *)arg;
	pid_t monitor, child;
	int status;

	MUST(sandbox_limit(SANDBOX_MONITOR_LOGIN) == 0);
	MUST(sandbox_enter(SANDBOX_MONITOR_LOGIN, parent) == 0);
	monitor = getpid();
	child = fork();
	MUST(child >= 0);
	if (child == 0) {
		const int keep[] = {2, home_fd};
		int fd;

		MUST(sandbox_close_all_but(keep, 2) == 0);
		MUST(sandbox_limit(SANDBOX_FILES) == 0);
		MUST(sandbox_landlock(home_fd, false) == 0);
		MUST(sandbox_chroot(home_fd) == 0);
		MUST(sandbox_drop_identity(TEST_ID, TEST_ID) == 0);
		MUST(sandbox_enter(SANDBOX_FILES, monitor) == 0);
		fd = openat(home_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		MUST(fd >= 0);
		MUST(unlinkat(home_fd, "file", 0) == 0);
		_exit(0);
	}
	MUST(waitpid(child, &status, 0) == child && status == 0);

	/* and then the monitor's own */
	MUST(sandbox_chroot(home_fd) == 0);
	MUST(sandbox_limit(SANDBOX_MONITOR) == 0);
	MUST(sandbox_drop_identity(TEST_ID, TEST_ID) == 0);
	MUST(sandbox_enter(SANDBOX_MONITOR, parent) == 0);
	MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
	_exit(0);
}

static void
filters_stack_on_the_way_of_a_session(void **state)
{
	char path[PATH_MAX];
	int home_fd;

	(void)state;
	if (skipped_without_root("the way of a session"))
		skip();
	home_fd = temporary_directory(path);
	assert_int_equal(chown(path, TEST_ID, TEST_ID), 0);
	assert_int_equal(run_in_child(go_the_way_of_files, &home_fd), 0);
	close_fd(&home_fd);
	rmdir(path);
}

/* ---- identity ---- */

/* The value of a line of /proc/self/status. */
static void
status_field(const char *name, char *value, size_t size)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];

	MUST(status != NULL);
	value[0] = '\0';
	while (fgets(line, sizeof(line), status) != NULL) {
		size_t len = strlen(name);

		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			snprintf(value, size, "%s", line + len + 1 + strspn(line + len + 1, "\t "));
			value[strcspn(value, "\n")] = '\0';
		}
	}
	fclose(status);
	while (*value != '\0' && value[strlen(value) - 1] == ' ')
		value[strlen(value) - 1] = '\0';
}

static void
status_must_be(const char *name, const char *expected)
{
	char value[256];

	status_field(name, value, sizeof(value));
	if (strcmp(value, expected) != 0) {
		dprintf(2, "%s is '%s', not '%s'\n", name, value, expected);
		_exit(1);
	}
}

static void
drop_and_look(const void *arg, pid_t parent)
{
	(void)arg;
	(void)parent;
	MUST(sandbox_drop_identity(TEST_ID, TEST_ID + 1) == 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* to read /proc/self */
	status_must_be("Uid", "54321\t54321\t54321\t54321");
	status_must_be("Gid", "54322\t54322\t54322\t54322");
	status_must_be("Groups", "54322");
	status_must_be("CapInh", "0000000000000000");
	status_must_be("CapPrm", "0000000000000000");
	status_must_be("CapEff", "0000000000000000");
	status_must_be("CapBnd", "0000000000000000");
	status_must_be("CapAmb", "0000000000000000");
	status_must_be("NoNewPrivs", "1");
	MUST(setuid(0) == -1 && setgid(0) == -1);
	_exit(0);
}

static void
identity_is_dropped_for_good(void **state)
{
	(void)state;
	if (skipped_without_root("identity"))
		skip();
	assert_int_equal(run_in_child(drop_and_look, NULL), 0);
}

static void
drop_in_an_empty_root(const void *arg, pid_t parent)
{
	(void)parent;
	MUST(sandbox_chroot(*(const int *)arg) == 0);
	MUST(access("/proc", F_OK) == -1);
	MUST(sandbox_drop_identity(TEST_ID, TEST_ID) == 0);
	MUST(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
	MUST(chroot(".") == -1 && errno == EPERM);
	_exit(0);
}

static void
identity_is_dropped_without_proc(void **state)
{
	char path[PATH_MAX];
	int fd;

	(void)state;
	if (skipped_without_root("identity without /proc"))
		skip();
	fd = temporary_directory(path);
	assert_int_equal(run_in_child(drop_in_an_empty_root, &fd), 0);
	close_fd(&fd);
	rmdir(path);
}

static void
root_is_not_an_identity(void **state)
{
	(void)state;
	assert_int_equal(sandbox_drop_identity(0, TEST_ID), -EINVAL);
	assert_int_equal(sandbox_drop_identity(TEST_ID, 0), -EINVAL);
	assert_int_equal(sandbox_drop_identity((uid_t)-1, TEST_ID), -EINVAL);
}

/* ---- Landlock ---- */

struct landlocked {
	int home_fd, outside_fd;
	bool is_read_only;
};

static void
stay_in_the_home(const void *arg, pid_t parent)
{
	const struct landlocked *where = arg;
	struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0test-confinement"};
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener, fd;

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); /* leaves with this process */
	MUST(listener >= 0);
	MUST(sandbox_landlock(where->home_fd, where->is_read_only) == 0);

	MUST(openat(where->outside_fd, "file", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	MUST(open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	MUST(mkdirat(where->outside_fd, "new", 0700) == -1 && errno == EACCES);

	fd = openat(where->home_fd, "file", O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0);
	MUST(openat(where->home_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
	MUST(symlinkat("x", where->home_fd, "link") == (where->is_read_only ? -1 : 0));
	MUST(mknodat(where->home_fd, "fifo", S_IFIFO | 0600, 0) == -1 && errno == EACCES);
	fd = openat(where->home_fd, "file", O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (where->is_read_only) {
		MUST(fd == -1 && errno == EACCES);
		MUST(unlinkat(where->home_fd, "file", 0) == -1 && errno == EACCES);
	} else {
		MUST(fd >= 0);
		MUST(mkdirat(where->home_fd, "sub", 0700) == 0);
		MUST(renameat(where->home_fd, "file", where->home_fd, "sub/file") == 0);
		MUST(renameat(where->home_fd, "sub/file", where->home_fd, "file") == 0);
		MUST(unlinkat(where->home_fd, "sub", AT_REMOVEDIR) == 0);
	}
	if (sandbox_landlock_abi() >= 4) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(connect(fd, (struct sockaddr *)&local, sizeof(local)) == -1 && errno == EACCES);
		MUST(bind(fd, (struct sockaddr *)&local, sizeof(local)) == -1 && errno == EACCES);
	}
	if (sandbox_landlock_abi() >= 6) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(connect(fd, (struct sockaddr *)&abstract, sizeof(abstract)) == -1);
		MUST(kill(parent, 0) == -1 && errno == EPERM);
	}
	_exit(0);
}

static void
landlock_keeps_inside_the_home(void **state)
{
	char home[PATH_MAX], outside[PATH_MAX], path[PATH_MAX + 8];
	struct landlocked where = {-1, -1, false};

	(void)state;
	if (sandbox_landlock_abi() < 2) {
		print_message("Landlock: skipped, the kernel has ABI %d\n", sandbox_landlock_abi());
		skip();
	}
	where.home_fd = temporary_directory(home);
	where.outside_fd = temporary_directory(outside);
	snprintf(path, sizeof(path), "%s/file", home);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)), 0);
	snprintf(path, sizeof(path), "%s/file", outside);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)), 0);

	assert_int_equal(run_in_child(stay_in_the_home, &where), 0);
	where.is_read_only = true;
	assert_int_equal(run_in_child(stay_in_the_home, &where), 0);

	unlink(path);
	snprintf(path, sizeof(path), "%s/file", home);
	unlink(path);
	rmdir(home);
	rmdir(outside);
	close_fd(&where.home_fd);
	close_fd(&where.outside_fd);
}

/* ---- Landlock of a process that speaks with a database ---- */

struct outward {
	int inside_fd, outside_fd;
	uint16_t open_port, other_port;
};

static bool
can_connect(uint16_t port)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool can = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;

	close_fd(&fd);
	return can;
}

static void
speak_outward(const void *arg, pid_t parent)
{
	const struct outward *where = arg;
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd;

	MUST(can_connect(where->open_port) && can_connect(where->other_port));
	MUST(sandbox_landlock_outward(&where->inside_fd, 1, &where->open_port, 1) == 0);
	MUST(openat(where->inside_fd, "file", O_RDONLY | O_CLOEXEC) >= 0);
	MUST(openat(where->inside_fd, "file", O_WRONLY | O_CLOEXEC) == -1 && errno == EACCES);
	MUST(openat(where->inside_fd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) == -1 && errno == EACCES);
	MUST(openat(where->outside_fd, "file", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	MUST(open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	if (sandbox_landlock_abi() >= 4) {
		MUST(can_connect(where->open_port));
		MUST(!can_connect(where->other_port) && errno == EACCES);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST(bind(fd, (struct sockaddr *)&local, sizeof(local)) == -1 && errno == EACCES);
	}
	if (sandbox_landlock_abi() >= 6)
		MUST(kill(parent, 0) == -1 && errno == EPERM);
	_exit(0);
}

static int
listen_somewhere(uint16_t *port)
{
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(local);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&local, len) == 0 && listen(fd, 8) == 0 &&
	    getsockname(fd, (struct sockaddr *)&local, &len) == 0);
	*port = ntohs(local.sin_port);
	return fd;
}

static void
make_file_in(const char *directory)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/file", directory);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)), 0);
}

static void
remove_with_file(const char *directory)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/file", directory);
	unlink(path);
	rmdir(directory);
}

static void
landlock_lets_a_database_be_asked(void **state)
{
	char inside[PATH_MAX], outside[PATH_MAX];
	struct outward where = {.inside_fd = -1};
	int listeners[2];

	(void)state;
	if (sandbox_landlock_abi() < 2) {
		print_message("Landlock: skipped, the kernel has ABI %d\n", sandbox_landlock_abi());
		skip();
	}
	where.inside_fd = temporary_directory(inside);
	where.outside_fd = temporary_directory(outside);
	make_file_in(inside);
	make_file_in(outside);
	listeners[0] = listen_somewhere(&where.open_port);
	listeners[1] = listen_somewhere(&where.other_port);
	assert_int_equal(run_in_child(speak_outward, &where), 0);
	close_fd(&listeners[0]);
	close_fd(&listeners[1]);
	remove_with_file(inside);
	remove_with_file(outside);
	close_fd(&where.inside_fd);
	close_fd(&where.outside_fd);
}

/* ---- descriptors and limits ---- */

static void
keep_three_descriptors(const void *arg, pid_t parent)
{
	const int keep[] = {77, 2, 20, 21, 20, -1}; /* neither sorted nor unique nor all open */

	(void)arg;
	(void)parent;
	for (int fd = 3; fd < 100; fd++)
		MUST(dup2(2, fd) == fd);
	MUST(sandbox_close_all_but(keep, sizeof(keep) / sizeof(*keep)) == 0);
	for (int fd = 3; fd < 100; fd++) {
		bool is_open = fcntl(fd, F_GETFD) >= 0;

		MUST(is_open == (fd == 77 || fd == 20 || fd == 21));
	}
	for (int fd = 0; fd < 3; fd++)
		MUST(fcntl(fd, F_GETFD) >= 0);
	_exit(0);
}

static void
keep_nothing(const void *arg, pid_t parent)
{
	(void)arg;
	(void)parent;
	MUST(dup2(2, 77) == 77);
	MUST(sandbox_close_all_but(NULL, 0) == 0);
	MUST(fcntl(77, F_GETFD) == -1 && fcntl(2, F_GETFD) >= 0);
	_exit(0);
}

static void
descriptors_are_closed(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(keep_three_descriptors, NULL), 0);
	assert_int_equal(run_in_child(keep_nothing, NULL), 0);
}

static void
has_only(int first, int last)
{
	for (int fd = 0; fd < 300; fd++)
		MUST((fcntl(fd, F_GETFD) >= 0) == (fd <= 2 || (fd >= first && fd <= last)));
}

/* It closes and exchanges what it has, and opens more. */
static void __attribute__((noreturn))
change_descriptors(int last)
{
	has_only(3, last);
	MUST(dup2(0, last) == last);
	MUST(dup2(2, 250) == 250);
	for (int fd = 3; fd < last; fd++)
		MUST(close(fd) == 0);
	_exit(0);
}

static bool
is_same_file(int fd, const struct stat *wanted)
{
	struct stat found;

	return fstat(fd, &found) == 0 && found.st_dev == wanted->st_dev && found.st_ino == wanted->st_ino;
}

static void
fork_apart_with_many(const void *arg, pid_t parent)
{
	struct stat file;
	int status;
	pid_t pid;

	(void)arg;
	(void)parent;
	MUST(dup2(2, 0) == 0 && dup2(2, 1) == 1);
	MUST(close_range(3, ~0U, 0) == 0);
	MUST(memfd_create("file", MFD_CLOEXEC) == 3 && fstat(3, &file) == 0);
	for (int fd = 4; fd < 200; fd++)
		MUST(dup2(3, fd) == fd);
	pid = sandbox_fork_apart(9);
	if (pid == 0)
		change_descriptors(9);
	MUST(pid > 0);
	close(5); /* what the parent changes meanwhile is its own business */
	MUST(dup2(3, 5) == 5);
	MUST(waitpid(pid, &status, 0) == pid && status == 0);
	for (int fd = 3; fd < 200; fd++)
		MUST(is_same_file(fd, &file));
	has_only(3, 199);
	_exit(0);
}

/* close_range fails, or ends the child: value is what a filter does with it. */
static void
fork_apart_in_vain(const void *arg, pid_t parent)
{
	const uint32_t value = *(const uint32_t *)arg;
	struct sock_filter program[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, value),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {.len = sizeof(program) / sizeof(*program), .filter = program};
	int status;
	pid_t pid;

	(void)parent;
	MUST(close_range(3, ~0U, 0) == 0);
	for (int fd = 3; fd < 200; fd++)
		MUST(dup2(2, fd) == fd);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
	pid = sandbox_fork_apart(9);
	if (pid == 0)
		_exit(1);
	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	MUST(value == SECCOMP_RET_KILL_PROCESS ? WIFSIGNALED(status)
					       : WIFEXITED(status) && WEXITSTATUS(status) == SANDBOX_EXIT_TABLE);
	has_only(3, 199);
	_exit(0);
}

static void
forked_apart(void **state)
{
	static const uint32_t fails = SECCOMP_RET_ERRNO | ENOMEM, kills = SECCOMP_RET_KILL_PROCESS;

	(void)state;
	assert_int_equal(run_in_child(fork_apart_with_many, NULL), 0);
	assert_int_equal(run_in_child(fork_apart_in_vain, &fails), 0);
	assert_int_equal(run_in_child(fork_apart_in_vain, &kills), 0);
}

static void
clear_and_look(const void *arg, pid_t parent)
{
	char text[65536];
	ssize_t got;
	int fd;

	(void)arg;
	(void)parent;
	sandbox_clear_environment();
	MUST(getenv("PATH") == NULL);
	fd = open("/proc/self/environ", O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0);
	while ((got = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			MUST(text[i] == '\0');
	}
	_exit(0);
}

static void
environment_is_wiped(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(clear_and_look, NULL), 0);
}

static void
limit_and_look(const void *arg, pid_t parent)
{
	struct rlimit limit;

	(void)arg;
	(void)parent;
	MUST(sandbox_limit(SANDBOX_PROTOCOL) == 0);
	MUST(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0);
	MUST(getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max == 0);
	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max <= 64 && limit.rlim_cur == limit.rlim_max);
	_exit(0);
}

static void
limits_are_lowered(void **state)
{
	(void)state;
	assert_int_equal(run_in_child(limit_and_look, NULL), 0);
	assert_int_equal(sandbox_limit(SANDBOX_COUNT), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(filters_stack_on_the_way_of_a_session),
	    cmocka_unit_test(identity_is_dropped_for_good),
	    cmocka_unit_test(identity_is_dropped_without_proc),
	    cmocka_unit_test(root_is_not_an_identity),
	    cmocka_unit_test(landlock_keeps_inside_the_home),
	    cmocka_unit_test(landlock_lets_a_database_be_asked),
	    cmocka_unit_test(descriptors_are_closed),
	    cmocka_unit_test(forked_apart),
	    cmocka_unit_test(environment_is_wiped),
	    cmocka_unit_test(limits_are_lowered),
	};

	return cmocka_run_group_tests_name("confinement", tests, build_filters, NULL);
}
