/* SPDX-License-Identifier: ISC */
/* The input as a configuration file, in a memory file. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/io.h"
#include "config/config.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
count_error(void *arg, const char *line)
{
	(void)line;
	++*(unsigned *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	unsigned errors = 0;
	char path[64];
	int fd;

	fd = memfd_create("config", MFD_CLOEXEC);
	if (fd < 0 || io_write_all(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* a failure is reported, and a reported error is a failure */
	if ((config_load(path, count_error, &errors, &config) < 0) != (errors > 0))
		abort();
	config_free(config);
	close(fd);
	return 0;
}
