/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/server_choice.h"

#include "config/servers.h"
#include "daemon/protocol/host_parse.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

const char *
server_choice_name(const struct protocol *protocol)
{
	union address literal;

	/* an address is that which was dialled, and says nothing more */
	if (protocol->host[0] != '\0' && host_parse(protocol->host, &literal) == 0 && literal.family == AF_UNSPEC)
		return protocol->host;
	return stream_server_name(&protocol->control.stream);
}

void
server_choice_settle(struct protocol *protocol)
{
	const struct config *config = protocol->config;

	if (config->server_count > 1)
		protocol->server = servers_choose(config, &protocol->session->dialled, server_choice_name(protocol));
	protocol->must_protect = protocol->session->tls != NULL && servers_require_tls(config, protocol->server);
}
