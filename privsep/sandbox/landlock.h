/* SPDX-License-Identifier: ISC */
/* Landlock by raw system calls: libc has no wrappers, and kernel headers may be older than the kernel. */
#ifndef PRIVSEP_SANDBOX_LANDLOCK_H
#define PRIVSEP_SANDBOX_LANDLOCK_H

/* Ask the kernel for its ABI and keep the answer for sandbox_landlock_abi(). */
void landlock_probe(void);

#endif
