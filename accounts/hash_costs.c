/* SPDX-License-Identifier: ISC */
#include "accounts/hash_costs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/replace_file.h"
#include "common/text.h"

#include "common/banned.h"

#define FILE_NAME "hash-costs"
#define COST_MAX_US 1000000000
#define LINE_MAX_BYTES (HASH_KIND_MAX + 16)
#define KEEP_S 86400	/* the machine may be another one by then */

int
hash_cost_parse(const char *line, struct hash_cost *cost)
{
	size_t digits = strcspn(line, " ");
	char number[16];

	if (line[digits] == '\0' || digits >= sizeof(number) || strlen(line + digits + 1) > HASH_KIND_MAX)
		return -EINVAL;
	memcpy(number, line, digits);
	number[digits] = '\0';
	if (parse_u64(number, COST_MAX_US, &cost->cost_us) < 0 || cost->cost_us == 0)
		return -EINVAL;
	snprintf(cost->front, sizeof(cost->front), "%s", line + digits + 1);
	return 0;
}

static size_t
parse_lines(char *text, struct hash_cost costs[HASH_COSTS_MAX])
{
	size_t count = 0;
	char *end;

	for (; count < HASH_COSTS_MAX && (end = strchr(text, '\n')) != NULL; text = end + 1) {
		*end = '\0';
		if (hash_cost_parse(text, &costs[count]) < 0)
			return 0;
		count++;
	}
	return count;
}

size_t
hash_costs_load(const char *state_directory, struct hash_cost costs[HASH_COSTS_MAX])
{
	int dir_fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dir_fd < 0 ? -1 : openat(dir_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[HASH_COSTS_MAX * LINE_MAX_BYTES + 1];
	time_t now = time(NULL);
	ssize_t got = -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_mtime <= now && now - st.st_mtime < KEEP_S)
		got = io_read_all(fd, text, sizeof(text) - 1);
	close_fd(&fd);
	close_fd(&dir_fd);
	if (got < 0)
		return 0;
	text[got] = '\0';
	return parse_lines(text, costs);
}

int
hash_costs_save(const char *state_directory, const struct hash_cost *costs, size_t count)
{
	int dir_fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buf text;
	int r = dir_fd < 0 ? -errno : 0;

	buf_init(&text, HASH_COSTS_MAX * LINE_MAX_BYTES);
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%llu %s\n", (unsigned long long)costs[i].cost_us, costs[i].front);
	if (r == 0 && text.error < 0)
		r = text.error;
	if (r == 0)
		r = replace_file(dir_fd, FILE_NAME, text.data, text.len, 0600, false);
	buf_free(&text);
	close_fd(&dir_fd);
	return r;
}
