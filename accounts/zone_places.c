/* SPDX-License-Identifier: ISC */
#include "accounts/zone_places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "accounts/account.h"
#include "common/io.h"

#include "common/banned.h"

#define MISSING "is missing in the home; make it, or take the rule away"
#define LINKED \
	"has a symbolic link on its way, so the account has nowhere more rights than the rule gives; name the directory itself"
#define NO_DIRECTORY "is no directory; the rule has no effect"
#define NOT_WRITABLE \
	"allows changes, but the account's user cannot write there; 'chown' the directory to the account's uid"

/* The component of text in *fd, which becomes its directory. */
static const char *
enter_component(int *fd, const char *text, size_t len)
{
	char name[NAME_MAX + 1];
	struct stat st;
	int next_fd;

	if (len > NAME_MAX)
		return MISSING;
	memcpy(name, text, len);
	name[len] = '\0';
	next_fd = openat(*fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (next_fd < 0 && errno == ENOENT)
		return MISSING;
	close_fd(fd);
	*fd = next_fd;
	if (next_fd < 0 || fstat(next_fd, &st) < 0)
		return NULL;	/* of a home that root may not read, nobody can tell */
	if (S_ISLNK(st.st_mode))
		return LINKED;
	return S_ISDIR(st.st_mode) ? NULL : NO_DIRECTORY;
}

/* Certainly not: an access list that lets further users write shows in the bits of the group. */
static bool
is_not_writable(const struct stat *st, const struct account *account)
{
	if (st->st_uid == account->uid)
		return (st->st_mode & S_IWUSR) == 0;
	return (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool
allows_changes(const struct account *account, size_t i)
{
	return !account->is_read_only && (account->zones.rule[i].rights & MAY_CHANGE) != 0;
}

/* What is wrong with the directory of rule number i, which is looked at without following a link. */
static const char *
zone_place_problem(int home_fd, const struct account *account, size_t i)
{
	const char *problem = NULL;
	struct stat st;
	int fd = openat(home_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (const char *text = zone_path(&account->zones, i); fd >= 0 && problem == NULL && *text != '\0';) {
		size_t len = strcspn(text + 1, "/");

		problem = enter_component(&fd, text + 1, len);
		text += 1 + len;
	}
	if (problem == NULL && fd >= 0 && allows_changes(account, i) && fstat(fd, &st) == 0 &&
	    is_not_writable(&st, account))
		problem = NOT_WRITABLE;
	close_fd(&fd);
	return problem;
}

void
zone_places_check(const struct account *account, int home_fd,
    void (*tell)(void *arg, const char *directory, const char *problem), void *arg)
{
	for (size_t i = 0; account->has_zones && i < account->zones.count; i++) {
		const char *path = zone_path(&account->zones, i);
		const char *problem = zone_place_problem(home_fd, account, i);

		if (problem != NULL)
			tell(arg, path, problem);
	}
}
