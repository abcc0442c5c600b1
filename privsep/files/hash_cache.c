/* SPDX-License-Identifier: ISC */
#include "privsep/files/hash_cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "common/banned.h"

#define NAME_SIZE 40
#define STAMP_SIZE 80
#define VALUE_SIZE (STAMP_SIZE + DIGEST_TEXT_SIZE)
#define FRESH_S 2	/* two changes within the granularity of mtime look the same (FAT: two seconds) */

static void
make_attribute_name(enum ipc_hash algorithm, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "user.sallyport.%s", digest_name(algorithm));
}

/* The beginning of a valid value. Values are compared with it, never parsed. */
static size_t
make_stamp(const struct stat *st, char stamp[STAMP_SIZE])
{
	return (size_t)snprintf(stamp, STAMP_SIZE, "1 %llu %lld.%09ld ", (unsigned long long)st->st_size,
	    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

bool
hash_cache_get(int fd, const struct stat *st, enum ipc_hash algorithm, char text[DIGEST_TEXT_SIZE])
{
	size_t digits = digest_text_len(algorithm);
	char name[NAME_SIZE], stamp[STAMP_SIZE], value[VALUE_SIZE];
	size_t stamp_len = make_stamp(st, stamp);
	ssize_t len;

	make_attribute_name(algorithm, name);
	len = fgetxattr(fd, name, value, sizeof(value) - 1);
	if (len < 0 || (size_t)len != stamp_len + digits || memcmp(value, stamp, stamp_len) != 0)
		return false;
	value[len] = '\0';
	if (strspn(value + stamp_len, "0123456789abcdef") != digits)
		return false;
	memcpy(text, value + stamp_len, digits + 1);
	return true;
}

static bool
is_fresh(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return st->st_mtim.tv_sec > now.tv_sec - FRESH_S;	/* also when it lies in the future */
}

void
hash_cache_put(int fd, const struct stat *st, enum ipc_hash algorithm, const char *text)
{
	char name[NAME_SIZE], value[VALUE_SIZE];
	size_t len = make_stamp(st, value);

	if (is_fresh(st))
		return;
	make_attribute_name(algorithm, name);
	memcpy(value + len, text, digest_text_len(algorithm));
	(void)fsetxattr(fd, name, value, len + digest_text_len(algorithm), 0);
}

void
hash_cache_forget(int fd)
{
	for (int i = 0; i < HASH_COUNT; i++) {
		char name[NAME_SIZE];

		make_attribute_name((enum ipc_hash)i, name);
		if (fgetxattr(fd, name, NULL, 0) > 0)
			(void)fsetxattr(fd, name, "", 0, 0);
	}
}
