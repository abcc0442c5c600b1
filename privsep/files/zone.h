/* SPDX-License-Identifier: ISC */
/*
 * Which rights hold in a directory: those of the rule (accounts/zones.h) for the nearest directory on the way up that
 * has one, or the account's own.
 *
 * The file system says which directory that is, not the client: directories are compared by device and inode, from the
 * descriptor that the change is made in upwards. So links, "..", mounts, and names that the file system takes for one
 * lead to one answer. Rules are looked up anew for each request, by paths without links. Where one has a link, nobody
 * knows what it means, and the account has nowhere more rights than that rule gives.
 *
 * An account without rules pays nothing: each of these functions looks at one pointer, and is done.
 */
#ifndef PRIVSEP_FILES_ZONE_H
#define PRIVSEP_FILES_ZONE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "privsep/files/files.h"
#include "privsep/files/home.h"

struct zone {
	int rule;		/* its number; -1: the account's own rights */
	unsigned rights;	/* enum account_right, over what is in the directory */
};

/* A request begins: rules are looked up anew when one is needed. */
void zone_forget(void);

/* The rights that the session has in some place of the home. */
unsigned zone_rights_somewhere(const struct files_session *session);

/* What holds in the directory that dir_fd (O_PATH will do) leads to. 0 or -errno. */
int zone_of(const struct home *home, int dir_fd, struct zone *zone);

/* 0 where all of the rights each_of hold in dir_fd, and one of one_of (0: none is needed); -EKEYREVOKED; or another -errno. */
int zone_permit(const struct home *home, int dir_fd, unsigned each_of, unsigned one_of);

/*
 * Has the directory that st describes a rule of its own? Then zone becomes that; otherwise it stays. After zone_of() of
 * the same request.
 */
bool zone_has_own(const struct home *home, const struct stat *st, struct zone *zone);

/* Has it, or a directory below, a rule? Then it keeps its name and place. After zone_of() of the same request. */
bool zone_is_fixed(const struct home *home, const struct stat *st);

/*
 * Could the directory not be searched when the rules were found? Who is in it now has seen it open: it was closed for
 * that moment, and the rules below it are not known. After zone_of() of the same request, which refuses it (-EACCES).
 */
bool zone_is_closed(const struct stat *st);

/*
 * May a name in to_fd not be given to what exists already: is it that of a directory with a rule that is not there yet,
 * or leads to one? After zone_of() of the same request.
 */
bool zone_is_vacant(const struct home *home, int to_fd, const char *name);

#endif
