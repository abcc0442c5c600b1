/* SPDX-License-Identifier: ISC */
/*
 * Where the shared folders of a users file lie: apart from each other, from all homes and from the server's own
 * directories. By their paths alone.
 */
#ifndef ACCOUNTS_LAYOUT_H
#define ACCOUNTS_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

struct account;
struct folder;
struct users_file;

/* All zero: no folder. */
struct layout {
	const char *state_directory, *runtime_directory; /* borrowed; NULL: not looked at */
	struct layout_place *places; /* after layout_settle() sorted by directory */
	size_t *by_name; /* numbers of places */
	size_t count, size;
};

void layout_free(struct layout *layout);

/* Take a folder of this line of the file; copied. 0 or -ENOMEM. */
int layout_add(struct layout *layout, const struct folder *folder, uint64_t line);

/* All folders were added. 0 or -ENOMEM. */
int layout_settle(struct layout *layout);

/* Take all folders of a file, and settle; bad lines are left out. 0 or -ENOMEM. */
int layout_of_file(struct layout *layout, const struct users_file *file);

/* Tell what is wrong with the folders: problem says what, and what would be right. */
void layout_check(const struct layout *layout, void (*tell)(void *arg, uint64_t line, const char *problem), void *arg);

/* What is wrong with the home or the folders of an account; NULL: nothing. Static text, until the next call. */
const char *layout_account_problem(const struct layout *layout, const struct account *account);

#endif
