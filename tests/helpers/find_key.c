/* SPDX-License-Identifier: ISC */
/*
 * Search a process for any part of a private key.
 *
 * usage: find_key KEY.pem PID            in what the process has mapped and can read
 *        find_key KEY.pem PID --files    in the files and memory files that it holds open
 *
 * Looks for pieces of 16 bytes of each private number of the key, in both byte orders, and of the lines of the PEM
 * text. The numbers are d, p, q, dp, dq and qinv of RSA, the scalar of EC, the seed of Ed25519 and what is made of
 * it; DER has them as they are. Prints where; exit 0: found, 1: not found, 2: cannot look.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/banned.h"

#define PIECE 16
#define NEEDLES_MAX 1024
#define CHUNK (1 << 20)
#define PUBLIC_MAX 8192
#define NUMBER_MAX 1024

static struct {
	char name[32];
	uint8_t bytes[PIECE];
} needles[NEEDLES_MAX];
static size_t needle_count;
static uint8_t first_three[1 << 21];	/* a bit for each first byte of a needle */

static uint8_t public_bytes[PUBLIC_MAX];	/* parts of the certificate, which are no secret */
static size_t public_len;

static uint32_t
beginning(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

static void
add_piece(const char *name, const uint8_t *bytes)
{
	uint32_t start = beginning(bytes);

	if (memmem(public_bytes, public_len, bytes, PIECE) != NULL)
		return;
	if (needle_count == NEEDLES_MAX)
		abort();
	snprintf(needles[needle_count].name, sizeof(needles[0].name), "%s", name);
	memcpy(needles[needle_count].bytes, bytes, PIECE);
	needle_count++;
	first_three[start / 8] |= (uint8_t)(1 << start % 8);
}

static void
add_pieces(const char *name, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at + PIECE <= len; at += PIECE)
		add_piece(name, bytes + at);
	if (len > PIECE && len % PIECE != 0)
		add_piece(name, bytes + len - PIECE);
}

static void
add_number(const char *name, const uint8_t *bytes, size_t len)
{
	uint8_t backwards[NUMBER_MAX];
	char text[32];

	for (size_t i = 0; i < len && i < NUMBER_MAX; i++)
		backwards[i] = bytes[len - 1 - i];
	add_pieces(name, bytes, len);
	snprintf(text, sizeof(text), "%.20s backwards", name);
	add_pieces(text, backwards, len);
}

static void
add_parameter(const EVP_PKEY *key, const char *name, const char *parameter)
{
	BIGNUM *number = NULL;
	uint8_t bytes[NUMBER_MAX];

	if (EVP_PKEY_get_bn_param(key, parameter, &number) != 1 || BN_num_bytes(number) > NUMBER_MAX)
		abort();
	BN_bn2bin(number, bytes);
	add_number(name, bytes, (size_t)BN_num_bytes(number));
	BN_free(number);
}

static void
add_numbers(const EVP_PKEY *key)
{
	static const char *const rsa[][2] = {
	    {"d", OSSL_PKEY_PARAM_RSA_D},
	    {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
	    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
	    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
	    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
	    {"qinv", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	};
	uint8_t seed[64], digest[64];
	size_t len = sizeof(seed);

	if (EVP_PKEY_is_a(key, "RSA")) {
		for (size_t i = 0; i < sizeof(rsa) / sizeof(rsa[0]); i++)
			add_parameter(key, rsa[i][0], rsa[i][1]);
	} else if (EVP_PKEY_is_a(key, "EC")) {
		add_parameter(key, "scalar", OSSL_PKEY_PARAM_PRIV_KEY);
	} else {
		if (EVP_PKEY_get_raw_private_key(key, seed, &len) != 1 ||
		    EVP_Digest(seed, len, digest, NULL, EVP_sha512(), NULL) != 1)
			abort();
		add_number("seed", seed, len);
		add_number("hash of the seed", digest, sizeof(digest));
	}
}

/* The public half as DER and as base64, which has three forms for the three possible offsets. */
static void
know_public(EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0 || len > PUBLIC_MAX / 8)
		abort();
	memcpy(public_bytes, der, (size_t)len);
	public_len = (size_t)len;
	for (int skip = 0; skip < 3; skip++)
		public_len += (size_t)EVP_EncodeBlock(public_bytes + public_len, der + skip, len - skip);
	OPENSSL_free(der);
}

/* Add the lines of base64, without the first 48 characters of the file, which mostly say what kind of key it is. */
static void
add_lines(FILE *file)
{
	char line[256];
	size_t lines = 0;

	rewind(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t len = strcspn(line, "\r\n");

		if (line[0] == '-' || len == 0)
			continue;
		if (lines++ > 0)
			add_pieces("PEM", (const uint8_t *)line, len);
		else if (len > 48)
			add_pieces("PEM", (const uint8_t *)line + 48, len - 48);
	}
}

static size_t
search(const char *place, const uint8_t *bytes, size_t len)
{
	size_t found = 0;

	for (size_t at = 0; at + PIECE <= len; at++) {
		uint32_t start = beginning(bytes + at);

		if ((first_three[start / 8] & (1 << start % 8)) == 0)
			continue;
		for (size_t i = 0; i < needle_count; i++) {
			if (memcmp(needles[i].bytes, bytes + at, PIECE) == 0) {
				printf("%s at %s\n", needles[i].name, place);
				found++;
			}
		}
	}
	return found;
}

/* Search fd from offset to end, in chunks that overlap by a piece. */
static size_t
search_span(int fd, const char *place, uint64_t offset, uint64_t end, uint64_t *looked)
{
	static uint8_t chunk[CHUNK];
	size_t found = 0;

	while (offset < end) {
		size_t want = end - offset < CHUNK ? (size_t)(end - offset) : CHUNK;
		ssize_t n = pread(fd, chunk, want, (off_t)offset);

		if (n <= 0)
			break;	/* no process can read this mapping */
		found += search(place, chunk, (size_t)n);
		*looked += (uint64_t)n;
		if ((size_t)n < want || want < CHUNK)
			break;
		offset += CHUNK - PIECE + 1;
	}
	return found;
}

static size_t
search_memory(const char *pid, uint64_t *looked)
{
	char path[64], line[PATH_MAX + 128];
	size_t found = 0;
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (fd < 0 || maps == NULL) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), maps) != NULL) {
		char *rest;
		uint64_t start = strtoull(line, &rest, 16), end = *rest == '-' ? strtoull(rest + 1, &rest, 16) : 0;

		line[strcspn(line, "\n")] = '\0';
		if (end != 0 && strncmp(rest, " r", 2) == 0 && start < INT64_MAX)
			found += search_span(fd, line, start, end, looked);
	}
	fclose(maps);
	close(fd);
	return found;
}

static size_t
search_files(const char *pid, uint64_t *looked)
{
	char path[PATH_MAX], target[PATH_MAX];
	const struct dirent *entry;
	size_t found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		exit(2);
	}
	while ((entry = readdir(dir)) != NULL) {
		struct stat st;
		ssize_t len;
		int fd;

		snprintf(path, sizeof(path), "/proc/%s/fd/%.20s", pid, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len < 0 || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		target[len] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;	/* open for writing only */
		found += search_span(fd, target, 0, (uint64_t)st.st_size, looked);
		close(fd);
	}
	closedir(dir);
	return found;
}

int
main(int argc, char **argv)
{
	uint64_t looked = 0;
	size_t found;
	EVP_PKEY *key;
	FILE *file;

	if (argc < 3) {
		fputs("usage: find_key KEY.pem PID [--files]\n", stderr);
		return 2;
	}
	file = fopen(argv[1], "re");
	key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);
	if (key == NULL) {
		fprintf(stderr, "find_key: no key in '%s'\n", argv[1]);
		return 2;
	}
	know_public(key);
	add_numbers(key);
	add_lines(file);
	found = argc > 3 ? search_files(argv[2], &looked) : search_memory(argv[2], &looked);
	printf("%zu pieces looked for in %" PRIu64 " bytes: %zu found\n", needle_count, looked, found);
	fclose(file);
	EVP_PKEY_free(key);
	if (looked == 0 && argc == 3)
		return 2;
	return found > 0 ? 0 : 1;
}
