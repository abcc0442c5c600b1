/* SPDX-License-Identifier: ISC */
#include "daemon/master/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/libc.h"
#include "common/text.h"

#include "common/banned.h"

/* Names in LISTEN_FDNAMES. Those of a service manager come first; any other name leaves it to the port. */
static const struct {
	const char *name;
	bool is_upgrade; /* only a former server says so */
	bool is_activated;
	bool is_any; /* configured with port 0 */
	enum listener_kind kind;
} kinds[] = {
    {"ftp", false, true, false, LISTENER_PLAIN},
    {"ftps", false, true, false, LISTENER_TLS},
    {"ftp-proxied", false, true, false, LISTENER_PROXIED},
    {"ftps-proxied", false, true, false, LISTENER_PROXIED_TLS},
    {"activated", true, true, false, LISTENER_BY_PORT},
    {"activated-ftp", true, true, false, LISTENER_PLAIN},
    {"activated-ftps", true, true, false, LISTENER_TLS},
    {"activated-ftp-proxied", true, true, false, LISTENER_PROXIED},
    {"activated-ftps-proxied", true, true, false, LISTENER_PROXIED_TLS},
    {"own", true, false, false, LISTENER_BY_PORT},
    {"own-any", true, false, true, LISTENER_BY_PORT},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The mark of a name with is_any, until the socket's own address is known. */
static const union address any_port = {.family = AF_INET};

static void
take_listener_name(const char *name, size_t len, bool is_upgrade, struct listener *listener)
{
	listener->is_activated = true;
	listener->kind = LISTENER_BY_PORT;
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].is_upgrade != is_upgrade || strlen(kinds[i].name) != len ||
		    memcmp(kinds[i].name, name, len) != 0)
			continue;
		listener->is_activated = kinds[i].is_activated;
		listener->kind = kinds[i].kind;
		if (kinds[i].is_any)
			listener->address = any_port;
	}
}

const char *
activation_name(const struct listener *listener)
{
	bool is_any = !listener->is_activated && address_port(&listener->address) == 0;

	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].is_upgrade && kinds[i].is_activated == listener->is_activated &&
		    kinds[i].is_any == is_any && (!listener->is_activated || kinds[i].kind == listener->kind))
			return kinds[i].name;
	return "";
}

int
activation_parse(
    const char *fds, const char *pid, const char *names, const char *upgrade, pid_t self, struct inherited *inherited)
{
	uint64_t count, for_pid;

	memset(inherited, 0, sizeof(*inherited));
	for (int i = 0; i < INHERITED_EXTRAS; i++)
		inherited->extras[i] = -1;
	if (fds == NULL || pid == NULL)
		return 0;
	if (parse_u64(pid, INT32_MAX, &for_pid) < 0 || parse_u64(fds, INT32_MAX, &count) < 0)
		return -EINVAL;
	if (for_pid != (uint64_t)self)
		return 0;
	inherited->is_upgrade = upgrade != NULL && strcmp(upgrade, "1") == 0;
	if (count > (inherited->is_upgrade ? LISTENERS_MAX : LISTENERS_INHERITED_MAX))
		return -E2BIG;
	inherited->count = (size_t)count;
	for (size_t i = 0; i < inherited->count; i++) {
		size_t len = names == NULL ? 0 : strcspn(names, ":");

		inherited->listeners[i].fd = INHERITED_FIRST + (int)i;
		take_listener_name(names == NULL ? "" : names, len, inherited->is_upgrade, &inherited->listeners[i]);
		if (names != NULL)
			names += len + (names[len] == ':');
	}
	return 0;
}

static int
option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, option, &value, &len) < 0 ? -1 : value;
}

/* The kind of an inherited socket, whatever its name says. */
static int
examine_inherited(struct listener *listener, char *error, size_t size)
{
	bool is_any = listener->address.family != AF_UNSPEC;
	int fd = listener->fd;

	if (option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 || option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    listener_examine(listener) < 0 ||
	    (listener->bound.family != AF_INET && listener->bound.family != AF_INET6)) {
		snprintf(error, size,
		    "descriptor %d, which was inherited (LISTEN_FDS), is no listening TCP socket; in a socket unit, "
		    "use ListenStream= with a port, and Accept=no",
		    fd);
		return -EINVAL;
	}
	listener->address = listener->bound;
	if (is_any)
		address_set_port(&listener->address, 0);
	listener->is_dual = listener->bound.family == AF_INET6 && option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || listener_prepare(fd) < 0) {
		snprintf(
		    error, size, "the options of the inherited descriptor %d cannot be set: %s", fd, strerror(errno));
		return -EINVAL;
	}
	return 0;
}

int
activation_take(struct inherited *inherited, char *error, size_t size)
{
	int next = INHERITED_FIRST;
	int r = activation_parse(getenv("LISTEN_FDS"), getenv("LISTEN_PID"), getenv("LISTEN_FDNAMES"),
	    getenv(INHERITED_ENVIRONMENT), getpid(), inherited);

	if (r == -E2BIG)
		snprintf(
		    error, size, "LISTEN_FDS: too many sockets were inherited; at most %d", LISTENERS_INHERITED_MAX);
	else if (r < 0)
		snprintf(error, size, "LISTEN_FDS or LISTEN_PID is no number");
	if (r < 0)
		return r;
	inherited->good_certificates = inherited->is_upgrade ? getenv(INHERITED_GOOD_CERTIFICATES) : NULL;
	next += (int)inherited->count;
	if (inherited->is_upgrade)
		for (int i = 0; i < INHERITED_EXTRAS; i++)
			inherited->extras[i] = next++;
	close_range((unsigned)next, ~0U, 0); /* close what else the caller has left open */
	for (int fd = INHERITED_FIRST; fd < next; fd++)
		(void)!fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < inherited->count && r == 0; i++)
		r = examine_inherited(&inherited->listeners[i], error, size);
	return r;
}
