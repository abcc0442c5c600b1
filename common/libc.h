/* SPDX-License-Identifier: ISC */
/*
 * Functions that glibc has and musl lacks, under glibc's names. Include this after the headers of the system, so that
 * a libc may gain one of them later.
 */
#ifndef COMMON_LIBC_H
#define COMMON_LIBC_H

#include <sys/types.h>

#ifdef __GLIBC__
#include <malloc.h>
#include <string.h>
#include <sys/pidfd.h>

#define errno_name strerrorname_np
#define signal_name sigabbrev_np
#else
#include <dirent.h>
#include <signal.h>

int libc_close_range(unsigned first, unsigned last, int flags);
int libc_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int libc_pidfd_open(pid_t pid, unsigned flags);
int libc_pidfd_send_signal(int fd, int signal_number, siginfo_t *info, unsigned flags);
int libc_malloc_trim(size_t pad);

#define close_range libc_close_range
#define renameat2 libc_renameat2
#define pidfd_open libc_pidfd_open
#define pidfd_send_signal libc_pidfd_send_signal
#define malloc_trim libc_malloc_trim

/* musl's dirent is that of 64 bits, and the only one */
#define dirent64 dirent
#define getdents64(fd, to, size) getdents((fd), (struct dirent *)(void *)(to), (size))

/* memchr(3) for a byte that is certainly there. */
void *libc_rawmemchr(const void *memory, int byte);
#define rawmemchr libc_rawmemchr

/* The name of a signal without "SIG"; NULL for any other number. */
const char *signal_name(int number);

/* The name of an error, as "ENOENT"; NULL for any other number. */
const char *errno_name(int error);
#endif

/*
 * First of all in a program: one without shared libraries (STATIC=1) loads no module of nsswitch.conf(5), so its users
 * are those of passwd(5) and group(5), and its hosts those of hosts(5) and of DNS.
 */
void libc_settle_names(void);

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

#endif
