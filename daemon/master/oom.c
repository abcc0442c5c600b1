/* SPDX-License-Identifier: ISC */
#include "daemon/master/oom.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

#define VALUE_FILE "/proc/self/oom_score_adj"
#define MASTER_VALUE (-500) /* as the unit sets it: half of the memory is to be taken off what the master has */
#define CHILDREN_ABOVE 100 /* where somebody else set the master's value, or it may not change it */
#define VALUE_MAX 1000

static char children_value[16]; /* empty: the kernel has no such value */

/* Writes text, and leaves the descriptor open. */
static bool
write_value(const char *text, int *fd)
{
	size_t len = strlen(text);

	*fd = open(VALUE_FILE, O_WRONLY | O_CLOEXEC);
	return *fd >= 0 && write(*fd, text, len) == (ssize_t)len;
}

/* False: the kernel does not say. */
static bool
read_value(int *value)
{
	int fd = open(VALUE_FILE, O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close_fd(&fd);
	*value = (int)strtol(text, NULL, 10);
	return got > 0;
}

static bool
lower_master(void)
{
	char text[8];
	int fd;
	bool is_lower;

	snprintf(text, sizeof(text), "%d", MASTER_VALUE);
	is_lower = write_value(text, &fd);
	close_fd(&fd);
	return is_lower;
}

void
oom_protect_master(void)
{
	int value, children = 0;

	if (!read_value(&value))
		return;
	if (value > 0 || (value == 0 && !lower_master()))
		children = value > VALUE_MAX - CHILDREN_ABOVE ? VALUE_MAX : value + CHILDREN_ABOVE;
	snprintf(children_value, sizeof(children_value), "%d", children);
}

void
oom_leave_protection(void)
{
	int fd;

	if (children_value[0] != '\0')
		(void)!write_value(children_value, &fd);
}
