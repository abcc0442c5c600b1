/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/io.h"
#include "common/libc.h"
#include "tests/takeover/takeover.h"

#include "common/banned.h"

#define CALL_ARGS 6
#define SCRATCH_SIZE 65536
#define DESCRIPTORS_AT_ONCE 253 /* unix(7), SCM_MAX_FD */
#define MIB ((size_t)1 << 20)

const char takeover_mark[] __attribute__((used)) = TAKEOVER_MARK;

static char scratch[SCRATCH_SIZE] __attribute__((aligned(16)));

void
report_add(struct report *report, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(report->text + report->len, sizeof(report->text) - report->len, format, args);
	va_end(args);
	report->len +=
	    (size_t)len < sizeof(report->text) - report->len ? (size_t)len : sizeof(report->text) - report->len - 1;
}

void
report_result(struct report *report, const char *name, long value)
{
	if (value < 0)
		report_add(report, "%s: %s; ", name, errno_name(errno));
	else
		report_add(report, "%s: %ld; ", name, value);
}

char *
next_word(char **line)
{
	char *word = *line;

	while (*word == ' ')
		word++;
	if (*word == '\0')
		return NULL;
	*line = word + strcspn(word, " ");
	if (**line != '\0')
		*(*line)++ = '\0';
	return word;
}

/* clang-format off */
#define CALLS(X) \
	X(accept4) X(bind) X(bpf) X(capset) X(chdir) X(chroot) X(clone) X(clone3) X(close) X(connect) \
	X(copy_file_range) X(dup) X(execve) X(execveat) X(fallocate) X(fchmod) X(fchown) X(fchownat) \
	X(fcntl) X(fork) X(ftruncate) X(getpid) X(getsockopt) X(inotify_init1) X(io_uring_setup) X(ioctl) \
	X(keyctl) X(kill) X(linkat) X(listen) X(lseek) X(memfd_create) X(mkdirat) X(mknodat) X(mmap) X(mount) \
	X(mprotect) X(mremap) X(open) X(open_by_handle_at) X(openat) X(openat2) X(perf_event_open) \
	X(personality) X(pidfd_getfd) X(pidfd_open) X(pidfd_send_signal) X(pipe2) X(prctl) X(prlimit64) \
	X(process_madvise) X(process_vm_readv) X(process_vm_writev) X(ptrace) X(pwrite64) X(pwritev) \
	X(pwritev2) X(read) X(recvmsg) X(rt_sigaction) X(rt_sigqueueinfo) X(rt_tgsigqueueinfo) X(seccomp) \
	X(sendmmsg) X(sendto) X(setgid) X(setns) X(setresgid) X(setresuid) X(setsockopt) X(setuid) \
	X(shutdown) X(socket) X(socketpair) X(splice) X(symlinkat) X(tgkill) X(tkill) X(unlinkat) X(unshare) \
	X(userfaultfd) X(vfork) X(write)
/* clang-format on */

static const struct {
	const char *name;
	long number;
} calls[] = {
#define X(name) {#name, SYS_##name},
    CALLS(X)
#undef X
};

/* "127.0.0.1:21" or a path of a socket. */
static long
address_argument(char *text, bool is_unix)
{
	static struct sockaddr_un path;
	static struct sockaddr_in host;
	char *colon = strrchr(text, ':');

	if (is_unix) {
		path = (struct sockaddr_un){.sun_family = AF_UNIX};
		memcpy(path.sun_path, text, strnlen(text, sizeof(path.sun_path) - 1));
		return (long)&path;
	}
	host = (struct sockaddr_in){.sin_family = AF_INET};
	if (colon != NULL) {
		*colon = '\0';
		host.sin_port = htons((uint16_t)strtol(colon + 1, NULL, 10));
	}
	inet_pton(AF_INET, text, &host.sin_addr);
	return (long)&host;
}

/* Parse a number; text after '"'; in:HOST:PORT; un:PATH; buf: memory; self: this process; up: ".." */
static long
argument(char *word)
{
	if (word[0] == '"')
		return (long)(word + 1);
	if (strncmp(word, "in:", 3) == 0)
		return address_argument(word + 3, false);
	if (strncmp(word, "un:", 3) == 0)
		return address_argument(word + 3, true);
	if (strcmp(word, "buf") == 0)
		return (long)scratch;
	if (strcmp(word, "self") == 0)
		return getpid();
	if (strcmp(word, "up") == 0)
		return (long)"../../../../../../../../etc/passwd";
	return strtol(word, NULL, 0);
}

/* call NAME ARGUMENT...: a system call. A filter that refuses it ends the process. */
static void
act_call(char *line, struct report *report)
{
	const char *name = next_word(&line);
	long args[CALL_ARGS] = {0};
	char *word;

	for (size_t i = 0; i < CALL_ARGS && (word = next_word(&line)) != NULL; i++)
		args[i] = argument(word);
	memset(scratch, 0, sizeof(scratch));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (name != NULL && strcmp(calls[i].name, name) == 0)
			report_result(report, name,
			    syscall(calls[i].number, args[0], args[1], args[2], args[3], args[4], args[5]));
}

/* sendmsg FD ADDRESS FLAGS: the name is in the message's header, which no filter sees; "-" sends without one. */
static void
act_sendmsg(char *line, struct report *report)
{
	const char *fd = next_word(&line);
	char *to = next_word(&line);
	const char *flags = next_word(&line);
	char word[] = "taken";
	struct iovec part = {.iov_base = word, .iov_len = sizeof(word) - 1};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	if (flags == NULL)
		return;
	if (strcmp(to, "-") != 0) {
		header.msg_name = (void *)argument(to);
		header.msg_namelen = sizeof(struct sockaddr_in);
	}
	report_result(report, "sendmsg",
	    sendmsg((int)strtol(fd, NULL, 0), &header, (int)strtol(flags, NULL, 0) | MSG_NOSIGNAL | MSG_DONTWAIT));
}

/*
 * descriptors FD COUNT [FLAGS]: send copies of standard input, many at a time, until the channel or the kernel
 * takes no more. FLAGS are those of sendmsg(), as a number.
 */
static void
act_descriptors(char *line, struct report *report)
{
	static union {
		struct cmsghdr header;
		char space[CMSG_SPACE(DESCRIPTORS_AT_ONCE * sizeof(int))];
	} control;
	const char *channel = next_word(&line), *count = next_word(&line), *named = next_word(&line);
	int flags = named == NULL ? MSG_NOSIGNAL | MSG_DONTWAIT : (int)strtol(named, NULL, 0);
	char word[] = "taken";
	struct iovec part = {.iov_base = word, .iov_len = sizeof(word) - 1};
	struct msghdr header = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.space)};
	long sent = 0;

	if (count == NULL)
		return;
	control.header = (struct cmsghdr){
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(DESCRIPTORS_AT_ONCE * sizeof(int))};
	for (int i = 0; i < DESCRIPTORS_AT_ONCE; i++)
		memcpy(CMSG_DATA(&control.header) + (size_t)i * sizeof(int), &(int){STDIN_FILENO}, sizeof(int));
	while (sent < strtol(count, NULL, 0) && sendmsg((int)strtol(channel, NULL, 0), &header, flags) >= 0)
		sent += DESCRIPTORS_AT_ONCE;
	report_add(report, "descriptors: %ld, then %s; ", sent, errno_name(errno));
}

/* memory: allocate and touch as much as there is; reports MiB. */
static void
act_memory(char *line, struct report *report)
{
	size_t total = 0;
	void *piece;

	(void)line;
	while (total < 8192 * MIB &&
	    (piece = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED) {
		memset(piece, 1, MIB);
		total += MIB;
	}
	report_add(report, "memory: %zu; ", total / MIB);
}

/* wait MS: do nothing for so long. A process that waits for ever does not report. */
static void
act_wait(char *line, struct report *report)
{
	const char *ms = next_word(&line);

	(void)report;
	if (ms != NULL)
		poll(NULL, 0, (int)strtol(ms, NULL, 0));
}

/* hang: stand still for ever, with all channels open. */
static void __attribute__((noreturn))
act_hang(char *line, struct report *report)
{
	(void)line;
	(void)report;
	for (;;)
		poll(NULL, 0, 1000);
}

/* store ADDRESS: write to memory that this process maps. */
static void
act_store(char *line, struct report *report)
{
	const char *address = next_word(&line);

	if (address == NULL)
		return;
	*(volatile char *)(uintptr_t)strtoul(address, NULL, 16) = 1;
	report_add(report, "store: done; ");
}

bool
act(char *line, struct report *report)
{
	static const struct {
		const char *name;
		void (*run)(char *line, struct report *report);
	} acts[] = {
	    {"call", act_call},
	    {"sendmsg", act_sendmsg},
	    {"descriptors", act_descriptors},
	    {"memory", act_memory},
	    {"wait", act_wait},
	    {"hang", act_hang},
	    {"store", act_store},
	};
	const char *name = next_word(&line);

	for (size_t i = 0; name != NULL && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, name) == 0) {
			acts[i].run(line, report);
			return true;
		}
	return false;
}
