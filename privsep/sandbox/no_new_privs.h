/* SPDX-License-Identifier: ISC */
/*
 * From now on no program gives rights. Landlock and filters require this; it is set once on the way behind the walls.
 */
#ifndef PRIVSEP_SANDBOX_NO_NEW_PRIVS_H
#define PRIVSEP_SANDBOX_NO_NEW_PRIVS_H

/* PR_SET_NO_NEW_PRIVS, unless this process or the one that forked it has set it already. 0 or -errno. */
int sandbox_no_new_privs(void);

#endif
