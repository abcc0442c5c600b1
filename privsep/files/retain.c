/* SPDX-License-Identifier: ISC */
#include "privsep/files/retain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "common/written.h"
#include "privsep/files/storage.h"

#include "common/banned.h"

#define ATTRIBUTE "user.sallyport.retained-until"
#define DATE_SIZE 24
#define DATE_MAX ((uint64_t)INT64_MAX)

static uint64_t
time_of_retention(const struct keep_rules *rules)
{
	return (uint64_t)rules->retain_days * KEEP_DAY_S;
}

static uint64_t
date_by_ctime(const struct keep_rules *rules, const struct stat *st)
{
	return st->st_ctim.tv_sec < 0 ? 0 : (uint64_t)st->st_ctim.tv_sec + time_of_retention(rules);
}

static bool
read_date(int fd, uint64_t *until_s)
{
	char text[DATE_SIZE];
	ssize_t len = fgetxattr(fd, ATTRIBUTE, text, sizeof(text) - 1);

	if (len <= 0)
		return false;
	text[len] = '\0';
	return strlen(text) == (size_t)len && parse_u64(text, DATE_MAX, until_s) == 0;
}

static int
write_date(int fd, uint64_t until_s)
{
	char text[DATE_SIZE];
	int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)until_s);

	return fsetxattr(fd, ATTRIBUTE, text, (size_t)len, 0) < 0 ? -errno : 0;
}

int
retain_date_of(const struct keep_rules *rules, int dir_fd, const char *name, uint64_t *until_s)
{
	struct stat st;
	int fd, r = storage_look(dir_fd, name, &st);

	if (r < 0)
		return r;
	*until_s = 0;
	if (!S_ISREG(st.st_mode))
		return 0;
	*until_s = date_by_ctime(rules, &st);
	/* what its owner may not read has no date of ours */
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		(void)read_date(fd, until_s);
	close_fd(&fd);
	return 0;
}

static struct retain_refusal refusal SELDOM_WRITTEN;

uint64_t
retain_date_on_host(uint64_t until_s, uint64_t now_s)
{
	uint64_t left_s = until_s > now_s ? until_s - now_s : 0;
	uint64_t host_s = (uint64_t)time(NULL);

	return left_s > DATE_MAX - host_s ? DATE_MAX : host_s + left_s;
}

int
retain_refuse(enum ipc_retained what, uint64_t until_s, uint64_t now_s)
{
	refusal.what = what;
	refusal.until_s = until_s == 0 ? 0 : retain_date_on_host(until_s, now_s);
	return -EKEYREJECTED;
}

struct retain_refusal
retain_refused(void)
{
	return refusal;
}

int
retain_permit(const struct keep_rules *rules, uint64_t now_s, int dir_fd, const char *name)
{
	uint64_t until_s;
	int r;

	if (rules->retain_days == 0)
		return 0;
	r = retain_date_of(rules, dir_fd, name, &until_s);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return now_s < until_s ? retain_refuse(RETAINED_FILE, until_s, now_s) : 0;
}

int
retain_give_date(const struct keep_rules *rules, uint64_t now_s, int fd)
{
	uint64_t former;
	int r;

	if (rules->retain_days == 0)
		return 0;
	r = write_date(fd, now_s + time_of_retention(rules));
	/* one that has a date already may have lost the right to be written to since */
	return r == -ENOTSUP || (r == -EACCES && read_date(fd, &former)) ? 0 : r;
}

void
retain_settle_date(const struct keep_rules *rules, int fd)
{
	uint64_t until_s;
	struct stat st;

	if (rules->retain_days > 0 && !read_date(fd, &until_s) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)write_date(fd, date_by_ctime(rules, &st));
}
