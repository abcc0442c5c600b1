/* SPDX-License-Identifier: ISC */
/* Builds the allow-lists once, keeps them as BPF, loads one; reports and dies at a call outside it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"
#include "common/libc.h"
#include "common/target.h"
#include "privsep/ipc/ipc.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/landlock.h"
#include "privsep/sandbox/no_new_privs.h"
#include "privsep/sandbox/rules.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* si_code of a call that a filter refused (asm-generic/siginfo.h, which glibc's header shuts out). */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

#define CALLS_NAMED 512 /* the numbers of the architectures above end well below */
#define CALL_NAME_MAX 32
#define FILTER_STEPS_MAX 512 /* of a program; the longest has about 300 */

/* One filter as the kernel takes it. */
struct filter {
	struct sock_filter *code;
	unsigned short length; /* instructions */
	bool tests_children;
};

static struct filter filters[SANDBOX_COUNT];
static struct filter refusing_filter;
static char call_names[CALLS_NAMED][CALL_NAME_MAX];	/* sessions have no libseccomp */

bool
sandbox_is_widened(void)
{
#ifdef SALLYPORT_SANITIZE
	return true;
#else
	return false;
#endif
}

/*
 * Runs in any process, at a call that its list lacks: reports the call, dies. Uses nothing but
 * system calls. SIGSYS is blocked meanwhile, so a call in here that is refused too ends the
 * process at once, by the same signal.
 */
static void
report_and_die(int signal_number, siginfo_t *info, void *context)
{
	uint32_t number = (uint32_t)info->si_syscall;
	const uint8_t alarm_message[] = {
	    IPC_alarm & 0xff,
	    IPC_alarm >> 8,
	    number & 0xff,
	    (number >> 8) & 0xff,
	    (number >> 16) & 0xff,
	    (number >> 24) & 0xff,
	};
	struct sigaction fatal = {.sa_handler = SIG_DFL};
	int channel = sandbox_report_channel();
	sigset_t mask;

	(void)context;
	if (info->si_code == SYS_SECCOMP && channel >= 0)
		send(channel, alarm_message, sizeof(alarm_message), MSG_NOSIGNAL | MSG_DONTWAIT);

	/* No list has sigaction: a filtered process ends on this line. */
	sigaction(signal_number, &fatal, NULL);

	/* No filter is loaded, or a sanitizer's list: somebody sent SIGSYS. */
	sigemptyset(&mask);
	sigaddset(&mask, signal_number);
	kill(getpid(), signal_number);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	_exit(128 + SIGSYS);
}

static int
install_handler(void)
{
	struct sigaction action = {.sa_sigaction = report_and_die, .sa_flags = SA_SIGINFO};

	sigfillset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL) < 0 ? -errno : 0;
}

static bool
rules_have(const struct sandbox_rules lists[SANDBOX_LISTS_MAX], int number)
{
	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t row = 0; row < lists[list].count; row++) {
			if (lists[list].rows[row].number == number)
				return true;
		}
	}
	return false;
}

/* A call that some row allows with any arguments; narrower rows for it add nothing. */
static bool
rules_have_any_args(const struct sandbox_rules lists[SANDBOX_LISTS_MAX], int number)
{
	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t row = 0; row < lists[list].count; row++) {
			if (lists[list].rows[row].number == number && lists[list].rows[row].arg_count == 0)
				return true;
		}
	}
	return false;
}

static int
add_rules(scmp_filter_ctx context, const struct sandbox_rules lists[SANDBOX_LISTS_MAX], uint32_t action)
{
	int r;

	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t i = 0; i < lists[list].count; i++) {
			const struct sandbox_rule *row = &lists[list].rows[i];

			if (row->arg_count > 0 && rules_have_any_args(lists, row->number))
				continue;
			r = seccomp_rule_add_array(context, action, row->number, row->arg_count, row->args);
			if (r < 0 && r != -EEXIST)
				return r;
		}
	}
	for (size_t i = 0; i < rules_newer_count; i++) {
		if (rules_have(lists, rules_newer[i].number))
			continue;
		r = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), rules_newer[i].number, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Write the filter to a memory file and read it back: libseccomp gives BPF in no other way. */
static int
export_filter(scmp_filter_ctx context, struct filter *filter)
{
	struct stat st;
	size_t size;
	ssize_t got;
	int fd = -1;
	int r;

	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	r = seccomp_export_bpf(context, fd);
	if (r < 0)
		goto out;
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		r = -errno;
		goto out;
	}
	size = (size_t)st.st_size;
	if (size == 0 || size % sizeof(struct sock_filter) != 0 ||
	    size / sizeof(struct sock_filter) > FILTER_STEPS_MAX) {
		r = -E2BIG;
		goto out;
	}
	filter->code = malloc(size);
	if (filter->code == NULL) {
		r = -ENOMEM;
		goto out;
	}
	got = io_read_all(fd, filter->code, size);
	if (got != (ssize_t)size) {
		r = got < 0 ? (int)got : -EIO;
		free(filter->code);
		filter->code = NULL;
		goto out;
	}
	filter->length = (unsigned short)(size / sizeof(struct sock_filter));
	r = 0;
out:
	close_fd(&fd);
	return r;
}

/* Calls in the lists get action, all others the other one. */
static int
build_filter(
    const struct sandbox_rules lists[SANDBOX_LISTS_MAX], uint32_t action, uint32_t other, struct filter *filter)
{
	scmp_filter_ctx context;
	int r;

	context = seccomp_init(other);
	if (context == NULL)
		return -ENOMEM;
	r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	if (r == 0)
		r = add_rules(context, lists, action);
	if (r == 0)
		r = export_filter(context, filter);
	seccomp_release(context);
	return r;
}

/* The place of a child's id in a program: a comparison with SANDBOX_CHILD_PID(). */
static bool
is_child_test(const struct sock_filter *step, unsigned child)
{
	return step->code == (BPF_JMP | BPF_JEQ | BPF_K) && step->k == SANDBOX_CHILD_PID(child);
}

static bool
filter_tests_child(const struct filter *filter, unsigned child)
{
	for (size_t i = 0; i < filter->length; i++) {
		if (is_child_test(&filter->code[i], child))
			return true;
	}
	return false;
}

static bool
rules_name_child(const struct sandbox_rules lists[SANDBOX_LISTS_MAX], unsigned child)
{
	for (size_t list = 0; list < SANDBOX_LISTS_MAX; list++) {
		for (size_t row = 0; row < lists[list].count; row++) {
			const struct sandbox_rule *rule = &lists[list].rows[row];

			if (rules_have_any_args(lists, rule->number))
				continue;	/* of a sanitizer's list: see add_rules() */
			for (unsigned i = 0; i < rule->arg_count; i++) {
				if (rule->args[i].datum_a == SANDBOX_CHILD_PID(child))
					return true;
			}
		}
	}
	return false;
}

/* Every child that the tables name must be found again in the program, whatever libseccomp made of it. */
static int
check_children(const struct sandbox_rules lists[SANDBOX_LISTS_MAX], struct filter *filter)
{
	for (unsigned child = 0; child < SANDBOX_CHILD_COUNT; child++) {
		if (rules_name_child(lists, child) != filter_tests_child(filter, child))
			return -ENOTSUP;
		filter->tests_children = filter->tests_children || filter_tests_child(filter, child);
	}
	return 0;
}

static bool
kernel_has_traps(void)
{
	uint32_t action = SECCOMP_RET_TRAP;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool
kernel_has_openat2(void)
{
	struct open_how how = {
	    .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int root_fd, fd = -1;

	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd >= 0)
		fd = (int)syscall(SYS_openat2, root_fd, ".", &how, sizeof(how));
	close_fd(&root_fd);
	if (fd < 0)
		return false;
	close_fd(&fd);
	return true;
}

static void
name_calls(void)
{
	for (int number = 0; number < CALLS_NAMED; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

		if (name != NULL)
			snprintf(call_names[number], sizeof(call_names[number]), "%s", name);
		free(name);
	}
}

int
sandbox_init(void (*error)(void *arg, const char *line), void *arg)
{
	struct sandbox_rules lists[SANDBOX_LISTS_MAX], refused[SANDBOX_LISTS_MAX] = {rules_refused};
	char line[160];
	int r = 0;

	if (!kernel_has_traps()) {
		error(
		    arg, "the kernel has no seccomp filters; Linux 4.14 or later with CONFIG_SECCOMP_FILTER is needed");
		return -ENOSYS;
	}
	if (!kernel_has_openat2()) {
		error(arg, "the kernel has no openat2; Linux 5.6 or later is needed");
		return -ENOSYS;
	}
	if (close_range(~0U, ~0U, 0) < 0) {
		error(arg, "the kernel has no close_range; Linux 5.9 or later is needed");
		return -ENOSYS;
	}
	landlock_probe();
	name_calls();
	for (int process = 0; process < SANDBOX_COUNT; process++) {
		if (filters[process].code != NULL)
			continue;
		rules_of((enum sandbox_process)process, lists);
		r = build_filter(lists, SCMP_ACT_ALLOW, SCMP_ACT_TRAP, &filters[process]);
		if (r == 0)
			r = check_children(lists, &filters[process]);
		if (r < 0) {
			snprintf(line, sizeof(line), "cannot build system-call filter %d: %s", process, strerror(-r));
			error(arg, line);
			return r;
		}
	}
	if (refusing_filter.code == NULL)
		r = build_filter(refused, SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ALLOW, &refusing_filter);
	if (r < 0) {
		error(arg, "cannot build the system-call filter of hooks");
		return r;
	}
	return install_handler();
}

/* seccomp(2) as it is. 0 or -errno. */
static int
load(struct sock_filter *code, unsigned short length)
{
	struct sock_fprog program = {.len = length, .filter = code};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

/* Load a copy of the filter in which the children have their ids; the ones that there are not keep an impossible one. */
static int __attribute__((noinline)) /* the copy takes stack, which other processes never touch */
load_with_children(const struct filter *filter, const pid_t children[SANDBOX_CHILD_COUNT])
{
	struct sock_filter code[FILTER_STEPS_MAX];

	if (filter->length > FILTER_STEPS_MAX)
		return -E2BIG;
	memcpy(code, filter->code, filter->length * sizeof(code[0]));
	for (size_t i = 0; i < filter->length; i++) {
		for (unsigned child = 0; child < SANDBOX_CHILD_COUNT; child++) {
			if (children[child] > 0 && is_child_test(&filter->code[i], child))
				code[i].k = (uint32_t)children[child];
		}
	}
	return load(code, filter->length);
}

int
sandbox_enter(enum sandbox_process process, pid_t parent)
{
	static const pid_t no_children[SANDBOX_CHILD_COUNT];

	return sandbox_enter_with(process, parent, no_children);
}

int
sandbox_enter_with(enum sandbox_process process, pid_t parent, const pid_t children[SANDBOX_CHILD_COUNT])
{
	int r;

	if ((int)process < 0 || process >= SANDBOX_COUNT || filters[process].code == NULL)
		return sandbox_step(SANDBOX_STEP_FILTER, -EINVAL);

	/* A change of identity undoes both, so they come after it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return sandbox_step(SANDBOX_STEP_DUMPABLE, -errno);
	if (parent != 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
			return sandbox_step(SANDBOX_STEP_PARENT, -errno);
		if (getppid() != parent)
			return sandbox_step(SANDBOX_STEP_PARENT, -ECANCELED);
	}
	r = sandbox_no_new_privs();
	if (r == 0 && filters[process].tests_children)
		r = sandbox_step(SANDBOX_STEP_FILTER, load_with_children(&filters[process], children));
	else if (r == 0)
		r = sandbox_step(SANDBOX_STEP_FILTER, load(filters[process].code, filters[process].length));
	return r;
}

int
sandbox_refuse(void)
{
	int r;

	if (refusing_filter.code == NULL)
		return sandbox_step(SANDBOX_STEP_FILTER, -EINVAL);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return sandbox_step(SANDBOX_STEP_DUMPABLE, -errno);
	r = sandbox_no_new_privs();
	if (r < 0)
		return r;
	return sandbox_step(SANDBOX_STEP_FILTER, load(refusing_filter.code, refusing_filter.length));
}

const char *
sandbox_syscall_name(uint32_t number)
{
	static char text[CALL_NAME_MAX];

	if (number < CALLS_NAMED && call_names[number][0] != '\0')
		return call_names[number];
	snprintf(text, sizeof(text), "syscall-%u", number);
	return text;
}
