/* SPDX-License-Identifier: ISC */
/* The shared folders of the account that logs in: what the users file says of them, their descriptors, their ledgers. */
#ifndef PRIVSEP_MONITOR_FOLDERS_H
#define PRIVSEP_MONITOR_FOLDERS_H

#include <limits.h>

#include "accounts/account.h"
#include "accounts/folder.h"
#include "accounts/ledger.h"
#include "privsep/files/files.h"

_Static_assert((int)FILES_FOLDERS_MAX == (int)GRANTS_MAX, "files takes as many as an account can have");

struct monitor_folder {
	int fd;			/* O_PATH; -1: not open (any more) */
	struct ledger book;	/* open where the folder has a quota */
	struct ledger_limits limits;
	unsigned told;		/* the number that the master has for it, from 1 on; 0: none */
	struct folder folder;
};

struct monitor_folders {
	size_t count;
	struct grants grants;	/* of the account */
	struct monitor_folder list[FILES_FOLDERS_MAX];
};

struct monitor;

/* Read the definitions of what the account is granted. Where one is missing, folders_open() fails. */
void folders_find(struct monitor *monitor, int snapshot_fd, const struct account *account);

/* runs as root: open them, and their ledgers. 0, or -errno with reason, static text. */
int folders_open(struct monitor *monitor, const struct account *account, const char **reason);

/* The login fails after all, or files has what it needs: close the descriptors; and the ledgers. */
void folders_close(struct monitor *monitor);
void folders_close_ledgers(struct monitor *monitor);

/* What files is to know of them. Returns how many. */
size_t folders_for_files(
    const struct monitor *monitor, const struct account *account, struct files_folder list[FILES_FOLDERS_MAX]);

/* Has one of them a quota? */
bool folders_have_quota(const struct monitor *monitor);

/* All of their ledgers are to be counted anew: the session raised an alarm. */
void folders_suspect(struct monitor *monitor);

/* Where a path of the account really is: directory and what is below it; false: in the home. */
bool folders_real_place(const struct monitor *monitor, const char *path, const char **directory, const char **below);

#endif
