/* SPDX-License-Identifier: ISC */
/* Children of a test that go behind a wall: the fixture forks and watches them, and always ends them. */
#ifndef TESTS_UNIT_CHILD_FIXTURE_H
#define TESTS_UNIT_CHILD_FIXTURE_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "privsep/sandbox/sandbox.h"

#define SURVIVED 42 /* exit code of a child that was not stopped */
#define CHILD_SECONDS 120

static const char *const process_names[SANDBOX_COUNT] = {
    [SANDBOX_PROTOCOL] = "protocol",
    [SANDBOX_MONITOR_LOGIN] = "monitor before login",
    [SANDBOX_MONITOR] = "monitor after login",
    [SANDBOX_FILES] = "files",
    [SANDBOX_LOGGER] = "logger",
    [SANDBOX_HOOKS] = "hooks",
    [SANDBOX_METRICS] = "metrics",
    [SANDBOX_PORTER] = "porter",
    [SANDBOX_BROKER] = "broker",
};

static void
tell(void *arg, const char *line)
{
	(void)arg;
	print_message("%s\n", line);
}

static int
build_filters(void **state)
{
	(void)state;
	return sandbox_init(tell, NULL);
}

/* cmocka puts its own handlers here while a test runs. */
static const int cmocka_signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};

/* Fork, run body in the child, and give back how it ended. The child always ends. */
static int
run_in_child(void (*body)(const void *arg, pid_t parent), const void *arg)
{
	pid_t parent = getpid(), child;
	int status;

	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(CHILD_SECONDS);
		for (size_t i = 0; i < sizeof(cmocka_signals) / sizeof(*cmocka_signals); i++)
			signal(cmocka_signals[i], SIG_DFL);
		if (sandbox_init(tell, NULL) != 0) /* the filters are built; the handler comes back */
			_exit(1);
		body(arg, parent);
		_exit(SURVIVED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static inline bool
died_by(int status, int signal_number)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == signal_number;
}

/* In a child: what must hold, or it says so and exits with 1. */
#define MUST(condition) \
	do { \
		if (!(condition)) { \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
			_exit(1); \
		} \
	} while (0)

static inline bool
skipped_when_widened(const char *what)
{
	if (sandbox_is_widened())
		print_message("%s: skipped, the lists are widened for sanitizers\n", what);
	return sandbox_is_widened();
}

#endif
