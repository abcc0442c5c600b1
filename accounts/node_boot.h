/* SPDX-License-Identifier: ISC */
/* The id of this node's boot, as the database of accounts knows it: what the ledgers say is worth something only within it. */
#ifndef ACCOUNTS_NODE_BOOT_H
#define ACCOUNTS_NODE_BOOT_H

#include <stdint.h>

#define NODE_BOOT_SIZE 37	/* a UUID as text, and NUL */

/* Beside the ledgers: NAME of an account, +NAME of a folder. No such name has a colon. */
#define NODE_BOOT_FILE ":boot"
#define NODE_REFUSED_FILE ":refused"	/* the database knows the boot no more, so the next start makes another one */

/*
 * Read it from directory, which has the ledgers. It is made anew where there is none, because the ledgers may be gone as
 * well, and where it is of another boot of the machine: containers share the machine's own id, and so do servers with
 * different directories. Runs as root. 0 or -errno.
 */
int node_boot_load(const char *directory, const uint8_t boot_id[16], char uuid[NODE_BOOT_SIZE]);

#endif
