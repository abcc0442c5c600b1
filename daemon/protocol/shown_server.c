/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/shown_server.h"

#include "config/servers.h"
#include "daemon/protocol/session.h"
#include "privsep/tls/context.h"

#include "common/banned.h"

/* NULL: there is no such server here, or it has no certificate. */
static SSL_CTX *
context_of_name(const struct protocol *protocol, const char *name)
{
	int server = servers_named(protocol->config, &protocol->session->dialled, name);

	return server < 0 ? NULL : protocol->session->credentials[server].context;
}

static SSL_CTX *
choose_by_name(void *arg, const char *name)
{
	return context_of_name(arg, name);
}

void
shown_server_prepare(struct protocol *protocol)
{
	static struct context_choice choice;

	if (protocol->session->credentials == NULL)
		return;
	choice = (struct context_choice){.choose = choose_by_name, .arg = protocol};
	context_choose_by_name(protocol->session->tls, &choice);
}

SSL_CTX *
shown_server_context(const struct protocol *protocol)
{
	SSL_CTX *of_host = NULL;

	if (protocol->session->credentials != NULL && protocol->host[0] != '\0')
		of_host = context_of_name(protocol, protocol->host);
	return of_host == NULL ? protocol->session->tls : of_host;
}

uint8_t
shown_server_signer(const struct protocol *protocol)
{
	const struct protocol_session *session = protocol->session;
	const SSL_CTX *shown;

	if (session->credentials == NULL)
		return 0;
	shown = SSL_get_SSL_CTX(protocol->control.stream.tls);
	/* servers may have the same certificate, and one that is not here signs nothing */
	for (size_t i = 0; i < protocol->config->server_count; i++)
		if (session->credentials[i].context == shown &&
		    servers_eligible(protocol->config, i, &session->dialled))
			return (uint8_t)i;
	return servers_at(protocol->config, &session->dialled);
}
