/* SPDX-License-Identifier: ISC */
/* Wipe memory before it is given back: processes that are forked later must not find its former content. */
#ifndef COMMON_WIPE_H
#define COMMON_WIPE_H

/* Wipe what the functions that the caller has called have left on the stack: 16 KiB below its own frame. */
void wipe_stack(void);

/*
 * Give free memory of malloc(3) and what deep calls have touched of the stack back to the kernel, after work that took
 * much: each fork of the master copies the entries of all its pages.
 */
void give_memory_back(void);

/* Wipe memory of malloc(3), then free(3) it. */
void free_wiped(void *memory);

#endif
