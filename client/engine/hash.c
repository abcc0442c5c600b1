/* SPDX-License-Identifier: ISC */
#include "client/engine/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "client/engine/answer.h"

#include "common/banned.h"

#define BUFFER_SIZE (256 * 1024)
#define SLOWEST_BYTES_PER_MS 10000 /* the client does not wait for a server that hashes slower than 10 MB/s */

/* In the order of preference. */
static const struct hash_algorithm algorithms[] = {
    {"SHA-256", "XSHA256", 64, "SHA256"},
    {"SHA-512", "XSHA512", 128, "SHA512"},
    {"SHA-1", "XSHA1", 40, "SHA1"},
    {"MD5", "XMD5", 32, "MD5"},
    {"CRC32", "XCRC", 8, NULL},
};

#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

/* Find an algorithm by its name, in any case; NULL: unknown. */
static const struct hash_algorithm *
algorithm_find(const char *name)
{
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		if (strcasecmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	}
	return NULL;
}

/* The name in "HASH SHA-256*;SHA-512;..." of FEAT (draft-bryan-ftpext-hash-02, 4), or NULL. */
static const char *
find_in_feature(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (list != NULL && *list != '\0' && *list != '\n') {
		size_t word = strcspn(list, ";*\n");

		if (word == len && strncasecmp(list, name, len) == 0)
			return list;
		list += word;
		list += strspn(list, ";*");
	}
	return NULL;
}

/* True for the marked algorithm, which HASH uses unless the client chooses another. */
static bool
is_default(const char *list, const char *name)
{
	const char *at = find_in_feature(list, name);

	return at != NULL && at[strlen(name)] == '*';
}

static bool
has_hash(struct ftp *ftp, const struct hash_algorithm *algorithm)
{
	return find_in_feature(session_feature(ftp, "HASH"), algorithm->name) != NULL;
}

static bool
has_verb(struct ftp *ftp, const struct hash_algorithm *algorithm)
{
	return session_feature(ftp, algorithm->verb) != NULL;
}

const struct hash_algorithm *
algorithm_best(struct ftp *ftp)
{
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		if (has_hash(ftp, &algorithms[i]) || has_verb(ftp, &algorithms[i]))
			return &algorithms[i];
	}
	return NULL;
}

bool
ftp_has_hashes(struct ftp *ftp)
{
	return session_ready(ftp) == FTP_OK && algorithm_best(ftp) != NULL;
}

bool
remote_hash_has_ranges(struct ftp *ftp)
{
	const struct hash_algorithm *algorithm = algorithm_best(ftp);

	return algorithm != NULL &&
	    (has_verb(ftp, algorithm) || (has_hash(ftp, algorithm) && session_feature(ftp, "RANG") != NULL));
}

/* --- here --- */

/* Hash length bytes (-1: to the end) from offset. Returns 0, -ENODATA (the file is shorter), -ECANCELED, -errno. */
static int
hash_local_file(struct ftp *ftp, int fd, uint64_t offset, int64_t length, struct sum *sum, struct meter *meter)
{
	char *bytes = malloc(BUFFER_SIZE);
	uint64_t done = 0;
	int r = bytes == NULL ? -ENOMEM : 0;

	while (r == 0 && (length < 0 || done < (uint64_t)length)) {
		size_t wanted = length < 0 || (uint64_t)length - done > BUFFER_SIZE ? BUFFER_SIZE
										    : (size_t)((uint64_t)length - done);
		ssize_t n = pread(fd, bytes, wanted, (off_t)(offset + done));

		if (is_aborted(ftp)) {
			r = -ECANCELED;
		} else if (n > 0) {
			sum_add(sum, bytes, (size_t)n);
			done += (uint64_t)n;
			if (meter != NULL)
				meter_move(meter, done);
		} else if (n == 0) {
			r = length < 0 ? 0 : -ENODATA;
			break;
		} else if (errno != EINTR) {
			r = -errno;
		}
	}
	free(bytes);
	return r;
}

static int
hash_here(struct ftp *ftp, const struct hash_algorithm *algorithm, int fd, uint64_t offset, int64_t length,
    struct meter *meter, char hex[FTP_HASH_HEX_MAX])
{
	struct sum sum;
	int r = sum_begin(&sum, algorithm);

	if (r == 0)
		r = hash_local_file(ftp, fd, offset, length, &sum, meter);
	if (r == 0)
		r = sum_end(&sum, hex);
	sum_free(&sum);
	return r;
}

/* --- there --- */

static enum ftp_class
select_by_name(struct ftp *ftp, const struct hash_algorithm *algorithm)
{
	enum ftp_class reason = control_exchange(ftp, "OPTS HASH %s", algorithm->name);

	if (reason == FTP_OK)
		reason = want_done(ftp);
	if (reason == FTP_OK)
		snprintf(ftp->hash_selected, sizeof(ftp->hash_selected), "%s", algorithm->name);
	return reason;
}

static enum ftp_class
select_algorithm(struct ftp *ftp, const struct hash_algorithm *algorithm)
{
	const char *list = session_feature(ftp, "HASH");

	if (strcmp(ftp->hash_selected, algorithm->name) == 0 ||
	    (*ftp->hash_selected == '\0' && is_default(list, algorithm->name)))
		return FTP_OK;
	return select_by_name(ftp, algorithm);
}

/* Both ends belong to the range of RANG (draft-bryan-ftp-range-08, 3). */
static enum ftp_class
send_hash(struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path, uint64_t offset, int64_t length)
{
	enum ftp_class reason = select_algorithm(ftp, algorithm);

	ftp->is_hash_ranged = true;
	ftp->hash_offset = offset;
	ftp->hash_length = length;
	if (reason == FTP_OK && (offset > 0 || length >= 0)) {
		uint64_t last = length < 0 ? INT64_MAX - 1 : offset + (uint64_t)length - 1;

		reason = control_exchange(ftp, "RANG %llu %llu", (unsigned long long)offset, (unsigned long long)last);
		if (reason == FTP_OK && ftp->reply.code / 100 != 3 && ftp->reply.code / 100 != 2)
			reason = fail_reply(ftp);
	}
	return reason != FTP_OK ? reason : control_send(ftp, "HASH %s", path);
}

/* The end of a range of the X-verbs lies after its last byte. A path with blanks is quoted, where numbers follow it. */
static enum ftp_class
send_verb(struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path, uint64_t offset, int64_t length)
{
	const char *quote = strchr(path, ' ') != NULL ? "\"" : "";
	unsigned long long end = length < 0 ? INT64_MAX : offset + (uint64_t)length;

	ftp->is_hash_ranged = false;
	if (offset == 0 && length < 0)
		return control_send(ftp, "%s %s%s%s", algorithm->verb, quote, path, quote);
	return control_send(
	    ftp, "%s %s%s%s %llu %llu", algorithm->verb, quote, path, quote, (unsigned long long)offset, end);
}

enum ftp_class
remote_hash_send(
    struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path, uint64_t offset, int64_t length)
{
	bool is_range = offset > 0 || length >= 0;

	/* an unexpected reply shows before the client sends a command without waiting */
	if (has_hash(ftp, algorithm) && (!is_range || session_feature(ftp, "RANG") != NULL))
		return send_hash(ftp, algorithm, path, offset, length);
	if (has_verb(ftp, algorithm))
		return send_verb(ftp, algorithm, path, offset, length);
	return ftp_fail(
	    ftp, FTP_REFUSED, NULL, "the server has no %s%s", algorithm->name, is_range ? " of a range" : "");
}

/* An answer may be late, and belong to another question. Some servers name the last byte, others the one after it. */
static bool
is_of_wanted_range(const struct ftp *ftp)
{
	uint64_t first, last, end = ftp->hash_offset + (uint64_t)ftp->hash_length;

	if (!ftp->is_hash_ranged || answer_hash_range(reply_message(&ftp->reply), &first, &last) < 0)
		return true;
	return first == ftp->hash_offset && (ftp->hash_length < 0 || last == end || last + 1 == end);
}

enum ftp_class
remote_hash_receive(
    struct ftp *ftp, const struct hash_algorithm *algorithm, uint64_t expected, char hex[FTP_HASH_HEX_MAX])
{
	uint64_t timeout_ms = ftp->control.timeout_ms + expected / SLOWEST_BYTES_PER_MS;
	enum ftp_class reason = control_reply(ftp, timeout_ms < INT32_MAX ? (unsigned int)timeout_ms : INT32_MAX);

	/* 1yz may come first: "hashing" */
	while (reason == FTP_OK && ftp->reply.code / 100 == 1)
		reason = control_reply(ftp, timeout_ms < INT32_MAX ? (unsigned int)timeout_ms : INT32_MAX);
	if (reason == FTP_OK)
		reason = want_done(ftp);
	if (reason != FTP_OK)
		return reason;
	if (answer_hash(reply_message(&ftp->reply), algorithm->digits, hex) < 0)
		return ftp_fail(
		    ftp, FTP_REFUSED, NULL, "the answer has no %s: '%s'", algorithm->name, reply_message(&ftp->reply));
	if (!is_of_wanted_range(ftp))
		return ftp_fail(
		    ftp, FTP_REFUSED, NULL, "the answer is the hash of other bytes: '%s'", reply_message(&ftp->reply));
	return FTP_OK;
}

enum ftp_class
remote_hash_announce(struct ftp *ftp, int64_t length)
{
	const struct hash_algorithm *algorithm = algorithm_best(ftp);
	enum ftp_class reason;

	if (algorithm == NULL || *ftp->hash_selected != '\0' || (length >= 0 && length < FOLLOW_MIN) ||
	    !has_hash(ftp, algorithm))
		return FTP_OK;
	reason = select_by_name(ftp, algorithm);
	return reason == FTP_NETWORK || reason == FTP_ABORTED ? reason : FTP_OK;
}

/* Hash the local side: what a follower has read already is not read again. */
static int
hash_local_side(
    struct ftp *ftp, const struct hash_algorithm *algorithm, const struct hash_local *local, char hex[FTP_HASH_HEX_MAX])
{
	int r = -ENOENT;

	if (local->follower != NULL) {
		if (*local->follower == NULL && local->length >= FOLLOW_MIN)
			*local->follower = follow_begin(algorithm, local->fd);
		r = follow_hash(*local->follower, ftp, algorithm, local->length, local->meter, hex);
	}
	return r != -ENOENT ? r : hash_here(ftp, algorithm, local->fd, 0, (int64_t)local->length, local->meter, hex);
}

enum ftp_class
remote_hash_compare(struct ftp *ftp, const struct hash_algorithm *algorithm, const char *path,
    const struct hash_local *local, bool *is_same)
{
	char here[FTP_HASH_HEX_MAX], there[FTP_HASH_HEX_MAX];
	enum ftp_class reason;
	int r;

	*is_same = true;
	if (local->length == 0 && !local->is_whole)
		return FTP_OK;
	reason = remote_hash_send(ftp, algorithm, path, 0, local->is_whole ? -1 : (int64_t)local->length);
	if (reason != FTP_OK)
		return reason;
	r = hash_local_side(ftp, algorithm, local, here);
	if (r < 0) {
		/* the reply may take long */
		control_drop(ftp);
		return fail_local(ftp, r, "hashing");
	}
	meter_end(local->meter);
	reason = remote_hash_receive(ftp, algorithm, local->length, there);
	if (reason == FTP_OK)
		*is_same = strcmp(here, there) == 0;
	return reason;
}

/* --- public --- */

enum ftp_class
ftp_hash(
    struct ftp *ftp, const char *path, const char *algorithm, uint64_t offset, int64_t length, struct ftp_hash *hash)
{
	const struct hash_algorithm *found = algorithm == NULL ? NULL : algorithm_find(algorithm);
	enum ftp_class reason;

	memset(hash, 0, sizeof(*hash));
	doing(ftp, "cannot have '%s' hashed by the server", path);
	if (algorithm != NULL && found == NULL)
		return ftp_fail(
		    ftp, FTP_USAGE, "use SHA-256, SHA-512, SHA-1, MD5 or CRC32", "'%s' is not a known hash", algorithm);
	reason = session_ready(ftp);
	if (reason == FTP_OK && found == NULL && (found = algorithm_best(ftp)) == NULL)
		reason = ftp_fail(ftp, FTP_REFUSED, NULL, "the server has no command for it");
	if (reason == FTP_OK)
		reason = remote_hash_send(ftp, found, path, offset, length);
	if (reason == FTP_OK)
		reason = remote_hash_receive(ftp, found, length < 0 ? UINT64_C(1) << 36 : (uint64_t)length, hash->hex);
	if (reason == FTP_OK)
		snprintf(hash->name, sizeof(hash->name), "%s", found->name);
	return reason;
}

enum ftp_class
ftp_hash_local(struct ftp *ftp, int fd, const char *algorithm, uint64_t offset, int64_t length, struct ftp_hash *hash)
{
	const struct hash_algorithm *found = algorithm_find(algorithm);
	int r;

	memset(hash, 0, sizeof(*hash));
	doing(ftp, "cannot hash the local file");
	if (found == NULL)
		return ftp_fail(
		    ftp, FTP_USAGE, "use SHA-256, SHA-512, SHA-1, MD5 or CRC32", "'%s' is not a known hash", algorithm);
	r = hash_here(ftp, found, fd, offset, length, NULL, hash->hex);
	if (r < 0)
		return fail_local(ftp, r, r == -ENODATA ? "shorter than the range" : "file");
	snprintf(hash->name, sizeof(hash->name), "%s", found->name);
	return FTP_OK;
}
