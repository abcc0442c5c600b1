/* SPDX-License-Identifier: ISC */
#include "accounts/snapshot_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/definition.h"
#include "accounts/full_name.h"
#include "accounts/pam_services.h"

#include "common/banned.h"

#define COMMON_LINE 512 /* bytes that hold most lines of a users file */
#define SERVER_NAME_BYTES "abcdefghijklmnopqrstuvwxyz0123456789-_."

static bool
index_fits(const struct snapshot_index *index, uint64_t size)
{
	uint64_t len, end;

	return !__builtin_mul_overflow(index->count, sizeof(uint64_t), &len) && index->at % 8 == 0 &&
	    !__builtin_add_overflow(index->at, len, &end) && end <= size;
}

/* Everything in the header fits into a file of size bytes. */
static bool
header_fits(const struct snapshot_header *header, uint64_t size)
{
	uint64_t text_end, kinds_end, services_end;

	return header->magic == SNAPSHOT_MAGIC && header->version == SNAPSHOT_VERSION &&
	    !__builtin_add_overflow(header->text_at, header->text_len, &text_end) && text_end <= size &&
	    index_fits(&header->accounts, size) && index_fits(&header->definitions, size) &&
	    header->kind_count <= SNAPSHOT_KINDS_MAX &&
	    !__builtin_add_overflow(header->kinds_at, header->kind_count * sizeof(struct snapshot_kind), &kinds_end) &&
	    kinds_end <= size &&
	    !__builtin_add_overflow(header->services_at, sizeof(struct pam_services), &services_end) &&
	    services_end <= size && memchr(header->server, '\0', sizeof(header->server)) != NULL &&
	    header->server[strspn(header->server, SERVER_NAME_BYTES)] == '\0';
}

int
snapshot_read_header(int memory_fd, struct snapshot_header *header)
{
	struct stat st;

	if (fstat(memory_fd, &st) < 0)
		return -errno;
	if (pread(memory_fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header) ||
	    !header_fits(header, (uint64_t)st.st_size))
		return -EINVAL;
	return 0;
}

uint64_t
snapshot_line_at(const struct snapshot_view *view, const struct snapshot_index *index, uint64_t i)
{
	uint64_t at;

	if (pread(view->fd, &at, sizeof(at), (off_t)(index->at + i * sizeof(at))) != (ssize_t)sizeof(at))
		return UINT64_MAX;
	return at;
}

/* The first bytes of the line at at, at most max. Returns how many, or -EINVAL when the snapshot is damaged. */
static ssize_t
read_start(const struct snapshot_view *view, uint64_t at, char *bytes, size_t max)
{
	uint64_t left;
	ssize_t got;

	if (at >= view->header.text_len)
		return -EINVAL;
	left = view->header.text_len - at;
	got = pread(view->fd, bytes, left < max ? (size_t)left : max, (off_t)(view->header.text_at + at));
	return got > 0 ? got : -EINVAL;
}

/* Compare two names that each end at a colon, as bytes; a prefix comes first. */
static int
compare_names_of_lines(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

int
snapshot_compare_at(const struct snapshot_view *view, uint64_t at, const char *name, size_t name_len, int *order)
{
	char start[DEFINITION_KEY_MAX + 1];
	ssize_t got = read_start(view, at, start, sizeof(start));
	const char *colon = got < 0 ? NULL : memchr(start, ':', (size_t)got);

	if (colon != NULL)
		*order = compare_names_of_lines(name, name_len, start, (size_t)(colon - start));
	/* names of others, that the session must not keep */
	explicit_bzero(start, sizeof(start));
	return colon == NULL ? -EINVAL : 0;
}

ssize_t
snapshot_read_line(const struct snapshot_view *view, uint64_t at, char line[ACCOUNT_LINE_MAX + 1], size_t *got)
{
	ssize_t bytes = read_start(view, at, line, COMMON_LINE);
	const char *end = bytes < 0 ? NULL : memchr(line, '\n', (size_t)bytes);

	if (bytes == COMMON_LINE && end == NULL) {
		bytes = read_start(view, at, line, ACCOUNT_LINE_MAX + 1);
		end = bytes < 0 ? NULL : memchr(line, '\n', (size_t)bytes);
	}
	*got = bytes < 0 ? 0 : (size_t)bytes;
	return end == NULL ? -EINVAL : end - line;
}

int
snapshot_read_account(const struct snapshot_view *view, uint64_t at, struct account *account)
{
	char line[ACCOUNT_LINE_MAX + 1];
	const char *problem;
	size_t got;
	ssize_t len = snapshot_read_line(view, at, line, &got);
	int r = len < 0 ? (int)len : account_parse(line, (size_t)len, account, &problem);

	explicit_bzero(line, got);
	return r < 0 ? r : full_name_make(account->name, view->header.server);
}

int
snapshot_read_kind(const struct snapshot_view *view, uint64_t i, struct snapshot_kind *kind)
{
	off_t at = (off_t)(view->header.kinds_at + i * sizeof(*kind));

	return pread(view->fd, kind, sizeof(*kind), at) == (ssize_t)sizeof(*kind) ? 0 : -EINVAL;
}
