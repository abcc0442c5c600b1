/* SPDX-License-Identifier: ISC */
#include "common/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/banned.h"

static bool
look_at_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char here[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(here, sizeof(here), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(stream, here) == 0;
}

bool
journal_is_stderr(void)
{
	static bool was_looked_at, is_journal;

	if (!was_looked_at)
		is_journal = look_at_stderr();
	was_looked_at = true;
	return is_journal;
}

const char *
journal_prefix(int priority)
{
	static const char *const prefixes[] = {"<0>", "<1>", "<2>", "<3>", "<4>", "<5>", "<6>", "<7>"};

	return journal_is_stderr() ? prefixes[priority & 7] : "";
}
