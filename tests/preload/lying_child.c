/* SPDX-License-Identifier: ISC */
/* LD_PRELOAD: a child that has lost root writes ESC in the place of each 32 hex digits: what a hostile one might tell. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIGITS 32
#define SIZE_MAX_LIED 65536

ssize_t
write(int fd, const void *bytes, size_t size)
{
	static char lie[SIZE_MAX_LIED];
	size_t run = 0;

	if (geteuid() == 0 || size > sizeof(lie))
		return syscall(SYS_write, fd, bytes, size);
	memcpy(lie, bytes, size);
	for (size_t i = 0; i < size; i++) {
		run = lie[i] != '\0' && strchr("0123456789abcdef", lie[i]) != NULL ? run + 1 : 0;
		if (run == DIGITS)
			memset(lie + i + 1 - DIGITS, '\033', DIGITS);
	}
	return syscall(SYS_write, fd, lie, size);
}
