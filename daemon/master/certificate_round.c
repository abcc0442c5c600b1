/* SPDX-License-Identifier: ISC */
#include "daemon/master/certificate_round.h"

#include <string.h>

#include "daemon/master/server.h"

#include "common/banned.h"

static bool
has_certificate(const struct config *config, size_t server)
{
	return config->servers[server].tls.certificate[0] != '\0';
}

size_t
certificate_pair_of(const struct config *config, size_t server)
{
	const struct config_server *servers = config->servers;
	size_t i = 0;

	while (strcmp(servers[i].tls.certificate, servers[server].tls.certificate) != 0 ||
	    strcmp(servers[i].tls.key, servers[server].tls.key) != 0)
		i++;
	return i;
}

size_t
certificate_pair_from(const struct config *config, size_t server)
{
	while (server < config->server_count &&
	    (!has_certificate(config, server) || certificate_pair_of(config, server) != server))
		server++;
	return server;
}

/* What is in force for the server with this name; NULL: nothing. */
static const SSL_CTX *
in_force_for(const struct server *server, const char *name)
{
	for (size_t i = 0; i < server->config->server_count; i++)
		if (strcmp(server->config->servers[i].name, name) == 0)
			return server->offer.credentials[i].context;
	return NULL;
}

static void
tell_of_pair(void *arg, const char *line)
{
	struct certificate_round *round = arg;

	round->is_bad = true;
	round->tell(round->arg, round->at, line);
}

static void pair_is_checked(void *arg, int status);

/* A pair whose check cannot even begin keeps no other from being looked at. */
static void
start_pairs_from(struct certificate_round *round, size_t server)
{
	const struct certificate_teller teller = {tell_of_pair, round};

	round->is_under_way = false;
	for (server = certificate_pair_from(round->config, server); server < round->config->server_count;
	     server = certificate_pair_from(round->config, server + 1)) {
		round->at = server;
		if (certificate_check_start(&round->checks[server], round->server, &round->config->servers[server],
			pair_is_checked, round, &teller) < 0)
			continue;
		round->is_under_way = true;
		return;
	}
}

static void
pair_is_checked(void *arg, int status)
{
	struct certificate_round *round = arg;
	const struct certificate_teller teller = {tell_of_pair, round};
	const struct config_server *of = &round->config->servers[round->at];

	if (certificate_check_end(&round->checks[round->at], round->config, round->at,
		in_force_for(round->server, of->name), status, &teller) < 0 &&
	    !round->is_bad)
		tell_of_pair(round, "cannot be used");
	start_pairs_from(round, round->at + 1);
	if (!round->is_under_way)
		round->gone(round->arg);
}

void
certificate_round_start(struct certificate_round *round, struct server *server, const struct config *config,
    void (*tell)(void *arg, size_t server, const char *line), void (*gone)(void *arg), void *arg)
{
	round->server = server;
	round->config = config;
	round->is_bad = false;
	round->tell = tell;
	round->gone = gone;
	round->arg = arg;
	for (size_t i = 0; i < config->server_count; i++)
		round->checks[i] = (struct certificate_check)CERTIFICATE_CHECK_NONE;
	start_pairs_from(round, 0);
}

void
certificate_round_drop(struct certificate_round *round)
{
	for (size_t i = 0; round->config != NULL && i < round->config->server_count; i++)
		certificate_check_drop(&round->checks[i], round->server->loop);
	round->config = NULL;
	round->is_under_way = false;
}
