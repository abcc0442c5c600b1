/* SPDX-License-Identifier: ISC */
/* Which shared libraries the processes that are forked from here on have in their memory. */
#include <errno.h>
#include <link.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <sys/rseq.h>
#endif

#include "common/libc.h"
#include "common/written.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define SYMBOL_TABLES_MAX 24 /* libraries with one of its own, and the program */
#define RSEQ_AREA_BYTES 32 /* as glibc registers it; with another size the kernel refuses, and all stays as it is */

struct pages {
	char *start; /* NULL: not here */
	size_t size;
};

static struct library {
	const char *name; /* how the file name begins */
	struct pages pages;
} libraries[SANDBOX_LIBRARY_COUNT] = {
    [SANDBOX_LIBCAP_NG] = {.name = "libcap-ng.so"},
    [SANDBOX_LIBSECCOMP] = {.name = "libseccomp.so"},
    [SANDBOX_LIBCONFUSE] = {.name = "libconfuse.so"},
    [SANDBOX_LIBJANSSON] = {.name = "libjansson.so"},
    [SANDBOX_LIBPAM] = {.name = "libpam.so"},
    [SANDBOX_LIBAUDIT] = {.name = "libaudit.so"},
    [SANDBOX_LIBSSL] = {.name = "libssl.so"},
    [SANDBOX_LIBCRYPTO] = {.name = "libcrypto.so"},
    [SANDBOX_LIBCRYPT] = {.name = "libcrypt.so"},
};

/* Of libraries and of the program: what only ld.so reads, where that is a segment of its own. */
static struct pages symbol_tables[SYMBOL_TABLES_MAX];
static size_t symbol_table_count OFTEN_WRITTEN;
static uint32_t withheld OFTEN_WRITTEN; /* bits of enum sandbox_library */

/* The whole pages from low to high. */
static struct pages
pages_between(uintptr_t low, uintptr_t high)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	low &= ~(page - 1);
	high = (high + page - 1) & ~(page - 1);
	return (struct pages){.start = (char *)low, .size = high - low};
}

/* The pages from the first to the last segment that is loaded, without those below from. */
static struct pages
pages_of(const struct dl_phdr_info *info, uintptr_t from)
{
	uintptr_t low = UINTPTR_MAX, high = 0;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || start < from)
			continue;
		if (start < low)
			low = start;
		if (start + segment->p_memsz > high)
			high = start + segment->p_memsz;
	}
	if (high == 0)
		return (struct pages){.start = NULL};
	return pages_between(low, high);
}

/*
 * The first segment, where it has symbols and relocations alone: it can only be read, and constants, beside which a linker
 * puts the table for unwinding, lie in a later one (ld(1), -z separate-code). Returns false: there is none.
 */
static bool
find_symbol_table(const struct dl_phdr_info *info, struct pages *table)
{
	const ElfW(Phdr) *first = NULL, *unwinding = NULL;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && first == NULL)
			first = segment;
		if (segment->p_type == PT_GNU_EH_FRAME)
			unwinding = segment;
	}
	if (first == NULL || unwinding == NULL || first->p_flags != PF_R ||
	    unwinding->p_vaddr < first->p_vaddr + first->p_memsz)
		return false;
	*table = pages_between(info->dlpi_addr + first->p_vaddr, info->dlpi_addr + first->p_vaddr + first->p_memsz);
	return true;
}

static int
find_withheld(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *name = slash == NULL ? info->dlpi_name : slash + 1;
	struct pages table = {.start = NULL};

	(void)size;
	(void)arg;
	if (symbol_table_count < SYMBOL_TABLES_MAX && find_symbol_table(info, &table))
		symbol_tables[symbol_table_count++] = table;
	for (size_t i = 0; i < SANDBOX_LIBRARY_COUNT; i++) {
		if (strncmp(name, libraries[i].name, strlen(libraries[i].name)) == 0)
			libraries[i].pages = pages_of(info, (uintptr_t)table.start + table.size);
	}
	return 0;
}

/*
 * glibc has the kernel write the number of the processor into each thread's memory (rseq(2)), which copies a page of each
 * new process. Nothing here asks for it: sched_getcpu(3) then makes a system call.
 */
static void
leave_rseq(void)
{
#ifdef __GLIBC__
	struct rseq *area = (struct rseq *)(void *)((char *)__builtin_thread_pointer() + __rseq_offset);

	if (__rseq_size > 0)
		(void)!syscall(SYS_rseq, area, RSEQ_AREA_BYTES, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
#endif
}

void
sandbox_slim(bool symbols_are_bound)
{
	leave_rseq();
	/* a sanitizer reads all libraries at the end of a process */
	if (symbols_are_bound && !sandbox_is_widened())
		dl_iterate_phdr(find_withheld, NULL);
}

/* Where the kernel will not, children have it as ever. */
static void
advise_pages(const struct pages *pages, int advice)
{
	if (pages->start != NULL)
		madvise(pages->start, pages->size, advice);
}

static void
advise(uint32_t chosen, int advice)
{
	for (size_t i = 0; i < SANDBOX_LIBRARY_COUNT; i++) {
		if ((chosen & (UINT32_C(1) << i)) != 0)
			advise_pages(&libraries[i].pages, advice);
	}
	for (size_t i = 0; i < symbol_table_count && (chosen & (UINT32_C(1) << SANDBOX_SYMBOLS)) != 0; i++)
		advise_pages(&symbol_tables[i], advice);
}

void
sandbox_withhold(uint32_t chosen)
{
	if (chosen == withheld)
		return;
	advise(chosen & ~withheld, MADV_DONTFORK);
	advise(withheld & ~chosen, MADV_DOFORK);
	withheld = chosen;
}

/* In a child: something else may come to lie where they would be. */
static void
forget_withheld(void)
{
	for (size_t i = 0; i < SANDBOX_LIBRARY_COUNT; i++) {
		if ((withheld & (UINT32_C(1) << i)) != 0)
			libraries[i].pages.start = NULL;
	}
	if ((withheld & (UINT32_C(1) << SANDBOX_SYMBOLS)) != 0)
		symbol_table_count = 0;
}

pid_t
sandbox_fork(void)
{
	pid_t pid = sandbox_is_widened() ? fork() : _Fork();

	if (pid == 0)
		forget_withheld();
	return pid;
}

/*
 * A sanitizer counts on fork() of libc, and qemu-user knows no process that shares its table alone: a child with a whole
 * table closes the rest of it by the same call.
 */
static pid_t
fork_with_table(void)
{
	pid_t pid;

	if (sandbox_is_widened())
		return fork();
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
	return pid < 0 && errno == EINVAL ? _Fork() : pid;
}

pid_t
sandbox_fork_apart(int last_fd)
{
	pid_t pid = fork_with_table();

	if (pid != 0)
		return pid;
	if (close_range((unsigned)last_fd + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0)
		_exit(SANDBOX_EXIT_TABLE);
	forget_withheld();
	return 0;
}

pid_t
sandbox_fork_whole(void)
{
	pid_t pid;

	advise(withheld, MADV_DOFORK);
	pid = fork();
	if (pid == 0)
		withheld = 0;
	else
		advise(withheld, MADV_DONTFORK);
	return pid;
}
