/* SPDX-License-Identifier: ISC */
#include "daemon/master/notify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"

#include "common/banned.h"

static struct sockaddr_un notify_address;
static socklen_t target_len;
static char target_name[sizeof(notify_address.sun_path)];
static int ready_pipe = -1;
static bool is_main_process = true; /* as far as the service manager knows */

void
notify_init(int ready_fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path == NULL ? 0 : strlen(path);

	ready_pipe = ready_fd;
	if (len < 2 || len >= sizeof(notify_address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(target_name, path, len);
	notify_address.sun_family = AF_UNIX;
	memcpy(notify_address.sun_path, path, len);
	if (path[0] == '@')
		notify_address.sun_path[0] = '\0';
	target_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

const char *
notify_socket(void)
{
	return target_name;
}

static void
notify_send(const char *text)
{
	int fd;

	if (target_len == 0 || !is_main_process)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(
	    fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&notify_address, target_len);
	close(fd);
}

void
notify_ready(void)
{
	notify_send("READY=1\n");
	if (ready_pipe >= 0)
		(void)!write(ready_pipe, "1", 1);
	close_fd(&ready_pipe);
}

void
notify_reloading(void)
{
	struct timespec now;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
	    (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	notify_send(text);
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1\n");
}

void
notify_main_process(pid_t pid)
{
	char text[64];

	snprintf(text, sizeof(text), "MAINPID=%ld\n", (long)pid);
	is_main_process = true; /* once more, when the other has died before it was known */
	notify_send(text);
	is_main_process = false;
}
