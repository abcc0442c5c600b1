/* SPDX-License-Identifier: ISC */
#include "daemon/master/resolver.h"

#include <string.h>

#include "common/io.h"
#include "daemon/master/host_lookup.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"

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

static void
resolver_gone(void *arg, int status)
{
	struct resolver *resolver = arg;
	union address address = {.v4 = {.sin_family = AF_INET}};
	uint8_t bytes[HOST_ADDRESS_BYTES] = {0};
	bool has_address = host_lookup_take(&resolver->lookup, status, bytes, 1) == 1 && bytes[0] == 4;

	memcpy(&address.v4.sin_addr, bytes + 1, 4);
	if (!has_address)
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
		host_lookup_run(
		    &resolver->lookup, resolver->server, resolver->server->config->passive_address, AF_INET, 1);
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
