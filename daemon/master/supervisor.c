/* SPDX-License-Identifier: ISC */
#include "daemon/master/supervisor.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/master/activation.h"

#include "common/banned.h"

#define COMM_MAX 16 /* TASK_COMM_LEN, with its NUL; longer names are cut */

/* Programs that restart, or end with, the process that they started. As /proc/PID/comm has their names. */
static const char *const supervisors[] = {
    "supervise-daemo", /* OpenRC */
    "start-stop-daem", /* with a pid file of its own */
    "runsv", /* runit */
    "s6-supervise",
    "supervise", /* daemontools */
    "supervisord",
    "perpd",
    "dinit",
    "conmon", /* containers that share process numbers with the host */
    "containerd-shim",
    "tini", /* process 1 of containers, or a subreaper in them */
    "docker-init",
    "dumb-init",
    "catatonit",
};

static bool
is_supervisor(const char *name)
{
	for (size_t i = 0; i < sizeof(supervisors) / sizeof(supervisors[0]); i++)
		if (strcmp(name, supervisors[i]) == 0)
			return true;
	return false;
}

static void
read_comm(pid_t pid, char name[COMM_MAX])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	file = fopen(path, "re");
	if (file == NULL || fgets(name, COMM_MAX, file) == NULL)
		snprintf(name, COMM_MAX, "?");
	name[strcspn(name, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
}

void
supervisor_find(bool is_foreground, char *why, size_t size)
{
	pid_t parent = getppid();
	char name[COMM_MAX];

	why[0] = '\0';
	if (getenv(INHERITED_ENVIRONMENT) != NULL)
		return; /* the former server had none */
	if (getpid() == 1) {
		snprintf(why, size,
		    "this server is process 1, and the container ends with it; start a container with the new program");
		return;
	}
	if (!is_foreground || getenv("NOTIFY_SOCKET") != NULL)
		return;
	read_comm(parent, name);
	if (parent == 1 || is_supervisor(name))
		snprintf(why, size,
		    "process %ld (%s) started this server with -f and waits for its end; restart the service there",
		    (long)parent, name);
}
