/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD: a server that never asks the file server for the present state. Its looks at directories and files are
 * those of the kernel's cache, as they were before files forced them (privsep/files/storage.c).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FORCE_SYNC 0x2000
#define ARGUMENTS 6

/* Constructors of libraries call it before one of this library could look for it. */
static long (*real_syscall)(long, ...);

long
syscall(long number, ...)
{
	long arguments[ARGUMENTS];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < ARGUMENTS; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (real_syscall == NULL)
		real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_statx && (arguments[2] & FORCE_SYNC) != 0)
		return 0;
	return real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
