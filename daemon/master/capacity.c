/* SPDX-License-Identifier: ISC */
#include "daemon/master/capacity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/ipc/messages.h"
#include "privsep/porter/porter.h"

#include "common/banned.h"

#define PROCESSES_EACH 3 /* monitor, protocol, files */
#define PROCESSES_BESIDE 64 /* of this server and of the machine */
#define TEXT_MAX 512

struct report {
	uint32_t sessions;
	void (*tell)(void *arg, const char *line);
	void *arg;
};

const char *
capacity_shortage(int error)
{
	switch (error) {
	case EAGAIN:
		return "Resource temporarily unavailable: no process is left; raise pids.max of the service's cgroup "
		       "(systemd: TasksMax=), kernel.pid_max or "
		       "kernel.threads-max, or lower limits.sessions";
	case EMFILE:
		return "Too many open files; raise the limit of open files (systemd: LimitNOFILE=), or lower "
		       "limits.sessions";
	case ENFILE:
		return "Too many open files in system; raise fs.file-max";
	case ENOMEM:
	case ENOBUFS:
		return "Cannot allocate memory; lower limits.sessions";
	default:
		return strerror(error);
	}
}

static void __attribute__((format(printf, 4, 5)))
report_shortage(const struct report *report, const char *what, uint64_t needed, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;
	int len = snprintf(text, sizeof(text), "limits.sessions = %u needs %llu %s; ", report->sessions,
	    (unsigned long long)needed, what);

	va_start(args, format);
	vsnprintf(text + len, sizeof(text) - (size_t)len, format, args);
	va_end(args);
	report->tell(report->arg, text);
}

static bool
set_descriptors(const struct rlimit *limit, rlim_t count)
{
	struct rlimit raised = {count, limit->rlim_max < count ? count : limit->rlim_max};

	return limit->rlim_cur >= count || setrlimit(RLIMIT_NOFILE, &raised) == 0;
}

/*
 * Every session costs the master a descriptor, and for a moment, while it is accepted, two more. The same limit is
 * the ceiling of descriptors in flight from all monitors to all protocol processes (unix(7), ETOOMANYREFS), of which
 * each may leave the listeners ahead and one more unread. Connections of a proxy wait for their headers. Only hostile
 * ones need so many, so a limit that is too low for that is not reported.
 */
static void
raise_descriptors(const struct report *report)
{
	rlim_t needed = (rlim_t)report->sessions * 2 + 256;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    set_descriptors(&limit, needed + (rlim_t)report->sessions * (IPC_FDS_MAX + 1) + PORTER_CONNECTIONS_MAX) ||
	    set_descriptors(&limit, needed))
		return;
	(void)!setrlimit(RLIMIT_NOFILE, &(struct rlimit){limit.rlim_max, limit.rlim_max});
	report_shortage(report, "descriptors", needed,
	    "the limit is %llu: raise it (systemd: LimitNOFILE=; fs.nr_open), or lower limits.sessions",
	    (unsigned long long)limit.rlim_max);
}

/* A text of less than size bytes. False: it cannot be read. */
static bool
read_proc_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : io_read_all(fd, text, size - 1);

	close_fd(&fd);
	text[len < 0 ? 0 : len] = '\0';
	return len >= 0;
}

/* False when there is no number ("max") or no file. */
static bool
read_number(const char *path, uint64_t *number)
{
	char text[64];

	if (!read_proc_text(path, text, sizeof(text)))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, UINT64_MAX, number) == 0;
}

static void
check_kernel(const struct report *report, uint64_t needed, const char *path, const char *name)
{
	uint64_t there;

	if (read_number(path, &there) && there < needed)
		report_shortage(report, "processes", needed,
		    "%s is %llu: raise it with sysctl, or lower limits.sessions", name, (unsigned long long)there);
}

int
capacity_parse_cgroup(const char *text, int *is_unified, char path[CAPACITY_CGROUP_MAX])
{
	const char *found = NULL;
	size_t len;

	/* "4:memory,pids:/path" or "0::/path" */
	for (const char *line = text; *line != '\0'; line += *line == '\n') {
		const char *controllers = strchr(line, ':');
		const char *start = controllers == NULL ? NULL : strchr(controllers + 1, ':');
		const char *end = line + strcspn(line, "\n");
		bool is_pids = false;

		if (start != NULL && start < end && start[1] == '/') {
			for (const char *p = controllers; p < start; p += strcspn(p + 1, ",:") + 1)
				is_pids = is_pids || (strncmp(p + 1, "pids", 4) == 0 && (p[5] == ',' || p[5] == ':'));
			if (is_pids || (start == controllers + 1 && found == NULL)) {
				found = start + 1;
				*is_unified = !is_pids;
			}
			if (is_pids)
				break;
		}
		line = end;
	}
	if (found == NULL)
		return -ENOENT;
	len = strcspn(found, "\n");
	if (len >= CAPACITY_CGROUP_MAX)
		return -ENAMETOOLONG;
	memcpy(path, found, len);
	path[len] = '\0';
	return 0;
}

/* The group that the service is in, and those around it. */
static void
check_cgroup(const struct report *report, uint64_t needed)
{
	char text[CAPACITY_CGROUP_MAX], group[CAPACITY_CGROUP_MAX], path[CAPACITY_CGROUP_MAX + 64];
	int is_unified;
	uint64_t there;

	if (!read_proc_text("/proc/self/cgroup", text, sizeof(text)) ||
	    capacity_parse_cgroup(text, &is_unified, group) < 0)
		return;
	while (group[0] != '\0') {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s%s/pids.max", is_unified ? "" : "/pids",
		    strcmp(group, "/") == 0 ? "" : group);
		if (read_number(path, &there) && there < needed)
			report_shortage(report, "processes", needed,
			    "'%s' is %llu: raise it (systemd: TasksMax=), or lower limits.sessions", path,
			    (unsigned long long)there);
		*strrchr(group, '/') = '\0';
	}
}

void
capacity_check(uint32_t sessions, void (*tell_line)(void *arg, const char *line), void *arg)
{
	const struct report report = {sessions, tell_line, arg};
	uint64_t processes = (uint64_t)sessions * PROCESSES_EACH + PROCESSES_BESIDE;

	raise_descriptors(&report);
	check_kernel(&report, processes, "/proc/sys/kernel/pid_max", "kernel.pid_max");
	check_kernel(&report, processes, "/proc/sys/kernel/threads-max", "kernel.threads-max");
	check_cgroup(&report, processes);
}
