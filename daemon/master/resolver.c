/* SPDX-License-Identifier: ISC */
#include "daemon/master/resolver.h"

#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define LOOK_EVERY_MS (5 * 60 * 1000)
#define LOOKUP_SECONDS_MAX 30

static bool
is_name_to_resolve(const struct resolver *resolver)
{
	union address address;

	return !resolver->server->config->passive_address_auto &&
	    address_parse(resolver->server->config->passive_address, &address) < 0;
}

/* runs in the errand: the first IPv4 address of the name, four bytes in place of lines */
static void __attribute__((noreturn))
look_up_address(const struct resolver *resolver, struct errand *errand)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	const int keep[] = {errand->lines_fd};
	struct addrinfo *found = NULL;

	if (sandbox_close_all_but(keep, 1) < 0 ||
	    sandbox_drop_identity(resolver->server->service_uid, resolver->server->service_gid) < 0)
		_exit(1);
	if (getaddrinfo(resolver->server->config->passive_address, NULL, &hints, &found) != 0 || found == NULL)
		_exit(1);
	_exit(
	    io_write_all(errand->lines_fd, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4) == 0 ? 0 : 1);
}

/* The process has read the network: the master takes its four bytes and no word of it. */
static void
ignore_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
resolver_gone(void *arg, int status)
{
	struct resolver *resolver = arg;
	union address address = {.v4 = {.sin_family = AF_INET}};
	bool has_address = read(resolver->lookup.lines_fd, &address.v4.sin_addr, 4) == 4;

	if (errand_end(&resolver->lookup, status, ignore_line, NULL) < 0 || !has_address)
		log_message(LEVEL_WARNING, "passive-address", "'%s' cannot be looked up; the last address stays",
		    resolver->server->config->passive_address);
	else if (is_name_to_resolve(resolver))
		resolver->server->offer.passive_told = address;
}

static void
resolver_due(void *arg)
{
	struct resolver *resolver = arg;

	timer_set(resolver->server->loop, &resolver->look, monotonic_ms() + LOOK_EVERY_MS);
	if (resolver->lookup.pid != 0)
		return;
	resolver->lookup = (struct errand){.child = {.gone = resolver_gone, .arg = resolver}};
	if (errand_start(&resolver->lookup, resolver->server->loop, &resolver->server->board, "resolver",
		LOOKUP_SECONDS_MAX) == 0)
		look_up_address(resolver, &resolver->lookup);
}

void
resolver_init(struct resolver *resolver, struct server *server)
{
	*resolver = (struct resolver){.server = server, .look = {.due = resolver_due, .arg = resolver}};
}

void
resolver_configure(struct resolver *resolver)
{
	union address address;

	if (is_name_to_resolve(resolver)) {
		timer_set(resolver->server->loop, &resolver->look, 0); /* the last answer serves until then */
		return;
	}
	timer_stop(resolver->server->loop, &resolver->look);
	memset(&resolver->server->offer.passive_told, 0, sizeof(resolver->server->offer.passive_told));
	if (!resolver->server->config->passive_address_auto &&
	    address_parse(resolver->server->config->passive_address, &address) == 0)
		resolver->server->offer.passive_told = address;
}
