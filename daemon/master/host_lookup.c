/* SPDX-License-Identifier: ISC */
#include "daemon/master/host_lookup.h"

#include <netdb.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/server.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

static bool
put_host_address(int fd, const struct sockaddr *address)
{
	uint8_t bytes[HOST_ADDRESS_BYTES] = {0};

	if (address->sa_family == AF_INET) {
		bytes[0] = 4;
		memcpy(bytes + 1, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	} else if (address->sa_family == AF_INET6) {
		bytes[0] = 6;
		memcpy(bytes + 1, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	} else {
		return true;
	}
	return io_write_all(fd, bytes, sizeof(bytes)) == 0;
}

void
host_lookup_run(const struct errand *errand, const struct server *server, const char *name, int family, size_t most)
{
	const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
	const int keep[] = {errand->lines_fd};
	struct addrinfo *found = NULL;

	if (sandbox_close_all_but(keep, 1) < 0 || sandbox_drop_identity(server->service_uid, server->service_gid) < 0)
		_exit(1);
	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		_exit(1);
	for (size_t count = 0; found != NULL && count < most; found = found->ai_next, count++)
		if (!put_host_address(errand->lines_fd, found->ai_addr))
			_exit(1);
	_exit(0);
}

/* The process has read the network: the master takes no word of it. */
static void
ignore_word(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

size_t
host_lookup_take(struct errand *errand, int status, uint8_t *bytes, size_t most)
{
	ssize_t got = read(errand->lines_fd, bytes, most * HOST_ADDRESS_BYTES);

	if (errand_end(errand, status, ignore_word, NULL) < 0 || got < 0)
		return 0;
	return (size_t)got / HOST_ADDRESS_BYTES;
}
