/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: lets a process run out of memory and of processes, and get both back. The file that $SHORTAGE names
 * has two bytes: one for memory, which fails every allocation, and one for processes, which fails every fork. '1'
 * makes that short in the process itself, '2' in its children.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 4096

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

enum shortage { OF_MEMORY, OF_PROCESSES };

static const volatile char *wanted; /* the file */
static const volatile char *is_parent; /* 0 in children: MADV_WIPEONFORK */
static pid_t (*real_fork)(void);
static pid_t (*real_bare_fork)(void);
static long (*real_syscall)(long number, ...);

static void __attribute__((constructor))
attach(void)
{
	const char *path = getenv("SHORTAGE");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	void *file = fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	char *own = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	real_fork = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
	real_bare_fork = (pid_t(*)(void))dlsym(RTLD_NEXT, "_Fork");
	real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (fd >= 0)
		close(fd);
	if (file == MAP_FAILED || own == MAP_FAILED || madvise(own, SIZE, MADV_WIPEONFORK) < 0)
		return;
	own[0] = 1;
	is_parent = own;
	wanted = file;
}

static bool
is_short(enum shortage shortage, int error)
{
	if (wanted == NULL || wanted[shortage] != (*is_parent != 0 ? '1' : '2'))
		return false;
	errno = error;
	return true;
}

void *
malloc(size_t size)
{
	return is_short(OF_MEMORY, ENOMEM) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return is_short(OF_MEMORY, ENOMEM) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return is_short(OF_MEMORY, ENOMEM) ? NULL : __libc_realloc(old, size);
}

pid_t
fork(void)
{
	return is_short(OF_PROCESSES, EAGAIN) ? -1 : real_fork();
}

pid_t
_Fork(void)
{
	return is_short(OF_PROCESSES, EAGAIN) ? -1 : real_bare_fork();
}

/* The server makes its sessions by clone(2). */
long
syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	if (number == SYS_clone && is_short(OF_PROCESSES, EAGAIN))
		return -1;
	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	return real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
