/* SPDX-License-Identifier: ISC */
/* Memory that is given back, wiped: processes that are forked later must not find in it what it was used for. */
#ifndef COMMON_WIPE_H
#define COMMON_WIPE_H

/* Wipe what the functions that the caller has called have left on the stack: 16 KiB below its own frame. */
void wipe_stack(void);

/* free(3) of memory of malloc(3) that is wiped before. */
void free_wiped(void *memory);

#endif
