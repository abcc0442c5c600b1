/* SPDX-License-Identifier: ISC */
#include "privsep/monitor/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accounts/snapshot.h"
#include "common/io.h"
#include "common/written.h"
#include "privsep/monitor/login.h"
#include "privsep/monitor/state.h"
#include "privsep/sandbox/sandbox.h"
#include "trusted/place.h"

#include "common/banned.h"

static struct monitor_folders folders SELDOM_WRITTEN;

static const char *
folder_reason(const char *name, const char *what)
{
	static char text[256];

	snprintf(text, sizeof(text), "the shared folder '%s' %s", name, what);
	return text;
}

void
folders_find(struct monitor *monitor, int snapshot_fd, const struct account *account)
{
	monitor->folders = NULL;
	if (!account->has_grants)
		return;
	monitor->folders = &folders;
	folders.grants = account->grants;
	folders.count = account->grants.count;
	for (size_t i = 0; i < folders.count; i++) {
		struct monitor_folder *folder = &folders.list[i];

		folder->fd = -1;
		folder->told = 0;
		ledger_init(&folder->book);
		if (snapshot_folder(snapshot_fd, grant_name(&folders.grants, i), &folder->folder) < 0)
			folder->folder.gid = 0; /* none of that name */
	}
}

static const char *
open_refusal(const struct trust_problem *problem)
{
	if (problem->kind == TRUST_SYSTEM)
		return problem->error == -ENOENT ? "does not exist" : "cannot be opened";
	return problem->kind == TRUST_FOLDER ? "is not its group's, with mode 2770"
					     : "is behind a directory that others control";
}

static int
open_granted_folder(struct monitor_folder *folder, const struct account *account, const char *name, const char **reason)
{
	struct trust_problem problem;

	if (folder->folder.gid == 0) {
		*reason = folder_reason(name, "is not defined in the users file");
		return -ENOENT;
	}
	if (folder_overlaps(folder->folder.directory, account->home)) {
		*reason = folder_reason(name, "overlaps the home");
		return -EPERM;
	}
	/* it is outside the root directory of files, and Landlock alone keeps files in it */
	if (!sandbox_landlock_confines_writers()) {
		*reason = folder_reason(name, "needs a kernel with Landlock");
		return -ENOSYS;
	}
	folder->fd = trusted_folder_open(folder->folder.directory, folder->folder.gid, &problem);
	if (folder->fd < 0)
		*reason = folder_reason(name, open_refusal(&problem));
	return folder->fd < 0 ? folder->fd : 0;
}

static bool
has_quota_of_its_own(const struct folder *folder)
{
	return folder->quota_bytes != ACCOUNT_NO_QUOTA || folder->quota_files != ACCOUNT_NO_QUOTA;
}

static int
open_folder_ledger(struct monitor *monitor, struct monitor_folder *folder, unsigned *told, const char **reason)
{
	const char *state = monitor->session->config->state_directory;
	char path[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s/ledger/+%s", state, folder->folder.name);
	if (!has_quota_of_its_own(&folder->folder)) {
		(void)!unlinkat(AT_FDCWD, path, 0); /* of an earlier quota: what happens from here on is not in it */
		return 0;
	}
	folder->limits = (struct ledger_limits){folder->folder.quota_bytes, folder->folder.quota_files};
	r = ledger_open(&folder->book, path, monitor->session->boot_id);
	if (r < 0)
		*reason = r == -EUSERS
		    ? folder_reason(folder->folder.name, "has too many sessions")
		    : reason_in_directory("quota ledger of a folder cannot be opened", state, "ledger", r);
	else
		folder->told = ++*told;
	return r;
}

int
folders_open(struct monitor *monitor, const struct account *account, const char **reason)
{
	unsigned told = 0;
	int r = 0;

	for (size_t i = 0; monitor->folders != NULL && i < folders.count && r == 0; i++) {
		r = open_granted_folder(&folders.list[i], account, grant_name(&folders.grants, i), reason);
		if (r == 0)
			r = open_folder_ledger(monitor, &folders.list[i], &told, reason);
	}
	return r;
}

void
folders_close(struct monitor *monitor)
{
	for (size_t i = 0; monitor->folders != NULL && i < folders.count; i++)
		close_fd(&folders.list[i].fd);
}

void
folders_close_ledgers(struct monitor *monitor)
{
	for (size_t i = 0; monitor->folders != NULL && i < folders.count; i++)
		ledger_close(&folders.list[i].book);
	monitor->folders = NULL;
}

size_t
folders_for_files(
    const struct monitor *monitor, const struct account *account, struct files_folder list[FILES_FOLDERS_MAX])
{
	if (monitor->folders == NULL)
		return 0;
	for (size_t i = 0; i < folders.count; i++) {
		const struct monitor_folder *folder = &folders.list[i];
		unsigned rights = folders.grants.list[i].rights & folder->folder.rights;
		char swept[ACCOUNT_NAME_MAX + 2];

		if (account->is_read_only)
			rights &= MAY_ONLY_LOOK;
		snprintf(swept, sizeof(swept), "+%s", folder->folder.name);
		list[i] = (struct files_folder){
		    .fd = folder->fd,
		    .path = grant_path(&folders.grants, i),
		    .gid = folder->folder.gid,
		    .rights = rights,
		    .file_mode = folder->folder.file_mode,
		    .directory_mode = folder->folder.directory_mode,
		    .has_quota = folder->book.fd >= 0,
		    .quota_slot_fd = folder->book.slot_fd,
		    .sweeps = (rights & MAY_CHANGE) != 0 &&
			login_takes_sweep(monitor->session->config->state_directory, swept, time(NULL)),
		};
	}
	return folders.count;
}

bool
folders_have_quota(const struct monitor *monitor)
{
	for (size_t i = 0; monitor->folders != NULL && i < folders.count; i++)
		if (folders.list[i].book.fd >= 0)
			return true;
	return false;
}

void
folders_suspect(struct monitor *monitor)
{
	for (size_t i = 0; monitor->folders != NULL && i < folders.count; i++)
		if (folders.list[i].book.fd >= 0)
			ledger_suspect(&folders.list[i].book);
}

bool
folders_real_place(const struct monitor *monitor, const char *path, const char **directory, const char **below)
{
	for (size_t i = 0; monitor->folders != NULL && i < folders.count; i++) {
		const char *at = grant_path(&folders.grants, i);

		if (!path_is_within(path, at))
			continue;
		*directory = folders.list[i].folder.directory;
		*below = path[strlen(at)] == '\0' ? "/" : path + strlen(at);
		return true;
	}
	return false;
}

static struct monitor_folder *
folder_in_hand(const struct monitor *monitor)
{
	return monitor->quota.number == 0 ? NULL : &monitor->folders->list[monitor->quota.number - 1];
}

struct ledger *
quota_ledger(struct monitor *monitor)
{
	struct monitor_folder *folder = folder_in_hand(monitor);

	return folder == NULL ? &monitor->quota.book : &folder->book;
}

const struct ledger_limits *
quota_limits(const struct monitor *monitor)
{
	const struct monitor_folder *folder = folder_in_hand(monitor);

	return folder == NULL ? &monitor->quota.limits : &folder->limits;
}
