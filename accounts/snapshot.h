/* SPDX-License-Identifier: ISC */
/*
 * The snapshot: a checked, sorted copy of the users file in a sealed memory file.
 *
 * A short-lived loader process reads the users file, checks every line and builds the
 * snapshot; the master holds its descriptor without reading it; a monitor reads a few
 * lines of it for one look-up. So a look-up costs the same with ten accounts and with a million, and a
 * bad users file never replaces a good snapshot.
 */
#ifndef ACCOUNTS_SNAPSHOT_H
#define ACCOUNTS_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/definition.h"
#include "accounts/pam_services.h"

struct account;
struct buf;
struct file_stamp;
struct folder;

/* The cost of as many hashes of the slowest kind as one account has, in microseconds of a processor; 0 when none was measured. Returns 0 or -errno. */
int snapshot_slowest_us(int memory_fd, uint64_t *cost_us);

/* The PAM services that accounts of it name. Returns 0; or -errno, and there are none. */
int snapshot_pam_services(int memory_fd, struct pam_services *services);

/* The stamp of the file that the snapshot was made of, and the number of its accounts. Returns 0, or -errno: -EINVAL for a damaged one. */
int snapshot_stamp(int memory_fd, struct file_stamp *stamp, uint64_t *count);

/* Does an account or a group of it have the option keep? */
bool snapshot_has_keeping(int memory_fd);

/* Call each for every account of it that has the option keep, also by its group; the account has no hash. 0 or -errno. */
int snapshot_each_keeping(int memory_fd, void (*each)(void *arg, const struct account *account), void *arg);

/*
 * Look up name, as the file has it, in O(log n) reads of a few bytes. Returns 0, or -errno. With -ENOENT, verify the password with
 * account all the same; it is all zero when there is none. Its kind of hash is drawn by a keyed hash of the name,
 * with the odds that the accounts have: the costs of unknown names are spread as those of known ones are, and a name
 * keeps its cost. The caller wipes account (it holds the hash). An account of a group has what the group says, or
 * lacks_group set.
 */
int snapshot_lookup(int memory_fd, const char *name, struct account *account);

/* An account of elsewhere takes what its group in the users file says; a missing one sets lacks_group. 0 or -errno. */
int snapshot_join_group(int memory_fd, struct account *account);

/* The shared folder of this name, which it has in full then. Returns 0, -ENOENT, or another -errno. */
int snapshot_folder(int memory_fd, const char *name, struct folder *folder);

/* Add the line of a definition to line, which holds at least ACCOUNT_LINE_MAX bytes. Returns 0, -ENOENT, or another -errno. */
int snapshot_definition(int memory_fd, enum definition_kind kind, const char *name, struct buf *line);

/* Is home, of an account of elsewhere, the directory of a folder, in one, or around one? 1, 0, or -errno. */
int snapshot_home_meets_folder(int memory_fd, const char *home);

#endif
