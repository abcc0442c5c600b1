/* SPDX-License-Identifier: ISC */
/*
 * Where static variables lie. The kernel copies each page that a process writes to, and keeps a page table for each 2
 * MiB of which the process has a page. So what every session writes to lies together, apart from large buffers that few
 * sessions use. tests/e2e/cost.bats counts pages and page tables.
 */
#ifndef COMMON_WRITTEN_H
#define COMMON_WRITTEN_H

#if defined(__SANITIZE_ADDRESS__)
#define IS_LAID_OUT 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_LAID_OUT 0
#endif
#endif
#ifndef IS_LAID_OUT
#define IS_LAID_OUT 1
#endif

#if IS_LAID_OUT
/* A small variable that every session writes to: on the one page of such variables. */
#define OFTEN_WRITTEN __attribute__((section(".data")))

/*
 * A large buffer that most sessions never touch: after everything else. Compilers fill a section of this name with
 * zeros, and linkers keep it apart from .bss.
 */
#define SELDOM_WRITTEN __attribute__((section(".sbss")))
#else /* the sanitizer guards only variables whose section it chooses */
#define OFTEN_WRITTEN
#define SELDOM_WRITTEN
#endif

/* A large variable that every session writes to; its small members come first. */
#define BEGINS_A_PAGE __attribute__((aligned(4096)))

#endif
