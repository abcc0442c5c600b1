/* SPDX-License-Identifier: ISC */
/*
 * The storage of the home. The kernel caches names and attributes of shared storage (NFS) for up to a minute, so a
 * look may show the state before another machine's change. These functions look at the present state.
 *
 * On a local file system no function costs an additional call, but for one fstatfs(2) of storage_probe() where that is on
 * no block device (btrfs, ZFS, overlay, tmpfs).
 */
#ifndef PRIVSEP_FILES_STORAGE_H
#define PRIVSEP_FILES_STORAGE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Ask once what the home is on; device: its st_dev. Before that, everything counts as local. */
void storage_probe(int home_fd, dev_t device);

/* The same for a folder beside the home: whatever of the two asks for more care is done for both. */
void storage_probe_folder(int folder_fd, dev_t device);

/* May another machine write to the home? */
bool storage_is_shared(void);

/* Can RENAME_NOREPLACE be relied on? Where a program in user space serves the file system, it may take no notice. */
bool storage_minds_flags(void);

/*
 * Have the kernel ask the server for a directory: names that it keeps from an older state of it are looked up again.
 * Call it before each look that decides. It returns nothing; the look itself has the error.
 */
void storage_refresh(int dir_fd);

/* The same for all directories on the way to what relative names below home_fd, but for the last component. */
void storage_refresh_way(int home_fd, const char *relative);

/* fstatat(2) without following a link, of what is there now. 0 or -errno. */
int storage_look(int dir_fd, const char *name, struct stat *st);

/* fstat(2) of what a descriptor, O_PATH as well, leads to now. 0 or -errno. */
int storage_look_at_fd(int fd, struct stat *st);

#endif
