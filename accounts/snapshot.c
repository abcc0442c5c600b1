/* SPDX-License-Identifier: ISC */
#include "accounts/snapshot.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/folder.h"
#include "accounts/full_name.h"
#include "accounts/snapshot_file.h"
#include "common/buf.h"

#include "common/banned.h"

/* An account with a hash of the kind that is drawn for name; all zero when there is none. */
static void
find_substitute(const struct snapshot_view *view, const char *name, size_t len, struct account *account)
{
	uint64_t number = siphash(&view->header.names_key, name, len);
	uint64_t drawn, count = 0;
	struct snapshot_kind kind;

	for (uint64_t i = 0; i < view->header.kind_count && snapshot_read_kind(view, i, &kind) == 0; i++)
		count += kind.accounts;
	/* spread over all accounts, without a remainder: one more account moves few names to another kind */
	drawn = (uint64_t)((unsigned __int128)number * count >> 64);
	memset(account, 0, offsetof(struct account, grants));
	for (uint64_t i = 0; i < view->header.kind_count && snapshot_read_kind(view, i, &kind) == 0; i++) {
		if (drawn < kind.accounts) {
			(void)!snapshot_read_account(view, kind.line_at, account);
			return;
		}
		drawn -= kind.accounts;
	}
}

/* Where the line of name begins: one of index. Returns 0, -ENOENT, or -EINVAL when the snapshot is damaged. */
static int
find_line(const struct snapshot_view *view, const struct snapshot_index *index, const char *name, uint64_t *at)
{
	uint64_t low = 0, high = index->count;
	size_t wanted = strlen(name);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int order;
		int r;

		*at = snapshot_line_at(view, index, middle);
		r = snapshot_compare_at(view, *at, name, wanted, &order);
		if (r < 0)
			return r;
		if (order == 0)
			return 0;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -ENOENT;
}

/* The account takes what its group says, if it is of one. */
static int
join_group(const struct snapshot_view *view, struct account *account)
{
	char key[DEFINITION_KEY_MAX + 1], line[ACCOUNT_LINE_MAX + 1];
	struct definition definition;
	const char *problem;
	uint64_t at;
	size_t got;
	ssize_t len;
	int r;

	if (!definition_key(DEFINITION_GROUP, account->group, key))
		return -EINVAL;
	r = find_line(view, &view->header.definitions, key, &at);
	if (r == -ENOENT)
		return account_take_group(account, NULL, 0, &problem);
	if (r < 0)
		return r;
	len = snapshot_read_line(view, at, line, &got);
	if (len < 0 || definition_parse(line, (size_t)len, &definition, &problem) < 0)
		return -EINVAL;
	return account_take_group(account, definition.body, definition.body_len, &problem);
}

static int
find_account(const struct snapshot_view *view, const char *name, struct account *account)
{
	uint64_t at;
	int r = find_line(view, &view->header.accounts, name, &at);

	if (r == -ENOENT)
		find_substitute(view, name, strlen(name), account);
	if (r == 0)
		r = snapshot_read_account(view, at, account);
	return r < 0 || account->group[0] == '\0' ? r : join_group(view, account);
}

int
snapshot_stamp(int memory_fd, struct file_stamp *stamp, uint64_t *count)
{
	struct snapshot_header header;
	int r = snapshot_read_header(memory_fd, &header);

	if (r < 0)
		return r;
	*stamp = header.stamp;
	*count = header.accounts.count;
	return 0;
}

int
snapshot_slowest_us(int memory_fd, uint64_t *cost_us)
{
	struct snapshot_view view = {.fd = memory_fd};
	struct snapshot_kind kind;
	int r = snapshot_read_header(memory_fd, &view.header);

	*cost_us = 0;
	for (uint64_t i = 0; r == 0 && i < view.header.kind_count; i++) {
		r = snapshot_read_kind(&view, i, &kind);
		if (r == 0 && kind.cost_us > *cost_us)
			*cost_us = kind.cost_us;
	}
	*cost_us *= view.header.hashes_max > 0 && view.header.hashes_max <= ACCOUNT_PASSWORDS_MAX + 1
	    ? view.header.hashes_max
	    : 1;
	return r;
}

int
snapshot_pam_services(int memory_fd, struct pam_services *services)
{
	struct snapshot_header header;
	int r = snapshot_read_header(memory_fd, &header);

	if (r == 0 &&
	    pread(memory_fd, services, sizeof(*services), (off_t)header.services_at) != (ssize_t)sizeof(*services))
		r = -EINVAL;
	for (size_t i = 0; r == 0 && i < PAM_SERVICES_MAX; i++)
		if (services->names[i][PAM_SERVICE_NAME_MAX] != '\0' || services->count > PAM_SERVICES_MAX ||
		    (i < services->count && !pam_service_valid(services->names[i])))
			r = -EINVAL;
	if (r < 0)
		services->count = 0;
	return r;
}

bool
snapshot_has_keeping(int memory_fd)
{
	struct snapshot_header header;

	return snapshot_read_header(memory_fd, &header) == 0 && header.keeping > 0;
}

int
snapshot_each_keeping(int memory_fd, void (*each)(void *arg, const struct account *account), void *arg)
{
	static struct account account;
	struct snapshot_view view = {.fd = memory_fd};
	int r = snapshot_read_header(memory_fd, &view.header);

	for (uint64_t i = 0; r == 0 && i < view.header.accounts.count; i++) {
		r = snapshot_read_account(&view, snapshot_line_at(&view, &view.header.accounts, i), &account);
		if (r == 0 && account.group[0] != '\0')
			r = join_group(&view, &account);
		explicit_bzero(account.hash, sizeof(account.hash));
		explicit_bzero(account.passwords, sizeof(account.passwords));
		if (r == 0 && account.keep.days > 0)
			each(arg, &account);
	}
	account_wipe(&account);
	return r;
}

int
snapshot_lookup(int memory_fd, const char *name, struct account *account)
{
	struct snapshot_view view = {.fd = memory_fd};
	int r = snapshot_read_header(memory_fd, &view.header);

	return r < 0 ? r : find_account(&view, name, account);
}

int
snapshot_join_group(int memory_fd, struct account *account)
{
	struct snapshot_view view = {.fd = memory_fd};
	int r = account->group[0] == '\0' ? 0 : snapshot_read_header(memory_fd, &view.header);

	return r < 0 || account->group[0] == '\0' ? r : join_group(&view, account);
}

int
snapshot_folder(int memory_fd, const char *name, struct folder *folder)
{
	struct definition definition;
	struct snapshot_header header;
	const char *problem;
	struct buf line;
	int r;

	buf_init(&line, ACCOUNT_LINE_MAX);
	r = snapshot_definition(memory_fd, DEFINITION_FOLDER, name, &line);
	if (r == 0 &&
	    (definition_parse(line.data, line.len, &definition, &problem) < 0 ||
		folder_parse(&definition, folder, &problem) < 0))
		r = -EINVAL;
	buf_free(&line);
	if (r == 0)
		r = snapshot_read_header(memory_fd, &header);
	return r < 0 ? r : full_name_make(folder->name, header.server);
}

int
snapshot_definition(int memory_fd, enum definition_kind kind, const char *name, struct buf *line)
{
	struct snapshot_view view = {.fd = memory_fd};
	char key[DEFINITION_KEY_MAX + 1], text[ACCOUNT_LINE_MAX + 1];
	int r = snapshot_read_header(memory_fd, &view.header);
	uint64_t at;
	size_t got;
	ssize_t len;

	if (r == 0 && !definition_key(kind, name, key))
		r = -ENOENT;
	if (r == 0)
		r = find_line(&view, &view.header.definitions, key, &at);
	if (r < 0)
		return r;
	len = snapshot_read_line(&view, at, text, &got);
	return len < 0 ? (int)len : buf_add(line, text, (size_t)len);
}

/* 1: the line that begins at at is that of a folder which overlaps home; 0: it is not; or -errno. */
static int
line_meets_home(const struct snapshot_view *view, uint64_t at, const char *home)
{
	char line[ACCOUNT_LINE_MAX + 1];
	struct definition definition;
	struct folder folder;
	const char *problem;
	size_t got;
	ssize_t len = snapshot_read_line(view, at, line, &got);

	if (len < 0)
		return (int)len;
	return definition_parse(line, (size_t)len, &definition, &problem) == 0 &&
	    folder_parse(&definition, &folder, &problem) == 0 && folder_overlaps(folder.directory, home);
}

int
snapshot_home_meets_folder(int memory_fd, const char *home)
{
	struct snapshot_view view = {.fd = memory_fd};
	int r = snapshot_read_header(memory_fd, &view.header);

	for (uint64_t i = 0; r == 0 && i < view.header.definitions.count; i++)
		r = line_meets_home(&view, snapshot_line_at(&view, &view.header.definitions, i), home);
	return r;
}
