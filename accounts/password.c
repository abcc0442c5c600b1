/* SPDX-License-Identifier: ISC */
#include "accounts/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "common/banned.h"

/* The setting for unknown accounts: the default method and cost, with a fixed salt. */
static char unknown_setting[CRYPT_GENSALT_OUTPUT_SIZE];

void
password_prepare(void)
{
	char *setting;

	if (unknown_setting[0] != '\0')
		return;
	setting = crypt_gensalt_ra(NULL, 0, NULL, 0);
	/* without random numbers: yescrypt at its default cost with a common salt; it only hides time */
	snprintf(unknown_setting, sizeof(unknown_setting), "%s",
	    setting == NULL ? "$y$j9T$aaaaaaaaaaaaaaaaaaaaa." : setting);
	free(setting);
}

/* The time depends only on the length of b, which is no secret (the method gives it). */
static bool
equal_in_constant_time(const char *a, const char *b)
{
	size_t a_len = strlen(a), b_len = strlen(b);
	volatile unsigned char difference = a_len != b_len;

	for (size_t i = 0; i < b_len; i++)
		difference |= (unsigned char)(a[i < a_len ? i : a_len] ^ b[i]);
	return difference == 0;
}

/* Compute a hash and compare it with expected. Returns false in *was_computed for a setting that crypt refuses. */
static bool
compute_and_compare(const char *password, const char *setting, const char *expected, bool *was_computed)
{
	struct crypt_data *data;
	bool equal = false;
	char *hash;

	*was_computed = false;
	/* separate memory: 32 KiB of the heap would stay with the monitor, and with files, which is forked next */
	data = mmap(NULL, sizeof(*data), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (data == MAP_FAILED)
		return false;
	hash = crypt_rn(password, setting, data, sizeof(*data));
	*was_computed = hash != NULL && hash[0] != '*';
	if (*was_computed)
		equal = equal_in_constant_time(hash, expected);
	explicit_bzero(data, sizeof(*data));
	munmap(data, sizeof(*data));
	return equal;
}

bool
password_verify(const char *password, const char *hash)
{
	bool was_computed = false;
	bool equal = false;

	if (hash != NULL && password_hash_usable(hash))
		equal = compute_and_compare(password, hash, hash, &was_computed);
	if (was_computed)
		return equal;
	password_prepare();
	compute_and_compare(password, unknown_setting, "", &was_computed);
	return false;
}

static uint64_t
processor_us(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
	return (uint64_t)spent.tv_sec * 1000000 + (uint64_t)spent.tv_nsec / 1000;
}

uint64_t
password_cost_us(const char *hash)
{
	char longest[PASSWORD_MAX + 1];
	uint64_t start;

	/* each round of some methods takes the whole password in */
	memset(longest, 'x', PASSWORD_MAX);
	longest[PASSWORD_MAX] = '\0';
	start = processor_us();
	(void)!password_verify(longest, hash);
	return processor_us() - start;
}

int
password_hash(const char *password, char **hash)
{
	void *data = NULL;
	char *setting = NULL;
	char *computed;
	int size = 0;
	int r = 0;

	_Static_assert(PASSWORD_MAX == CRYPT_MAX_PASSPHRASE_SIZE - 1, "crypt counts the NUL");
	if (strlen(password) > PASSWORD_MAX)
		return -ERANGE;
	setting = crypt_gensalt_ra("$y$", 0, NULL, 0);
	if (setting == NULL)
		return -errno;
	computed = crypt_ra(password, setting, &data, &size);
	if (computed == NULL || computed[0] == '*')
		r = errno == 0 ? -EINVAL : -errno;
	else if ((*hash = strdup(computed)) == NULL)
		r = -ENOMEM;
	if (data != NULL)
		explicit_bzero(data, (size_t)size);
	free(data);
	free(setting);
	return r;
}

bool
password_hash_usable(const char *hash)
{
	switch (crypt_checksalt(hash)) {
	case CRYPT_SALT_OK:
	case CRYPT_SALT_METHOD_LEGACY:
	case CRYPT_SALT_TOO_CHEAP:
		return true;
	default:
		return false;
	}
}
