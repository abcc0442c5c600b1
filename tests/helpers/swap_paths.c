/* SPDX-License-Identifier: ISC */
/*
 * Change names in a user's own directory while root works there.
 *
 * usage: swap_paths exchange SECONDS DIR NAME OTHER   exchange the two names, again and again
 *        swap_paths plant SECONDS DIR TARGET NAME...  put a link to TARGET in the place of each socket NAME that appears
 *
 * Prints how many changes succeeded. Ends after SECONDS, or with SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/banned.h"

#define EXCHANGE 2u /* RENAME_EXCHANGE */

static volatile sig_atomic_t is_over;

static void
stop(int number)
{
	(void)number;
	is_over = 1;
}

static unsigned long
exchange(int dir_fd, char **names)
{
	unsigned long count = 0;

	while (!is_over)
		count += syscall(SYS_renameat2, dir_fd, names[0], dir_fd, names[1], EXCHANGE) == 0;
	return count;
}

static unsigned long
plant(int dir_fd, const char *target, char **names)
{
	unsigned long count = 0;

	while (!is_over) {
		for (char **name = names; *name != NULL; name++) {
			if (unlinkat(dir_fd, *name, 0) < 0 || symlinkat(target, dir_fd, *name) < 0)
				continue;
			count++;
			usleep(300);
			(void)!unlinkat(dir_fd, *name, 0);
		}
	}
	return count;
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};
	unsigned long count;
	bool plants;
	int dir_fd;

	if (argc < 6) {
		fputs("usage: swap_paths exchange|plant SECONDS DIR ...\n", stderr);
		return 2;
	}
	plants = strcmp(argv[1], "plant") == 0;
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	alarm((unsigned)strtoul(argv[2], NULL, 10));
	dir_fd = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0) {
		perror(argv[3]);
		return 2;
	}
	count = plants ? plant(dir_fd, argv[4], argv + 5) : exchange(dir_fd, argv + 4);
	printf("%lu\n", count);
	return 0;
}
