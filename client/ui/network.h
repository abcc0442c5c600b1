/* SPDX-License-Identifier: ISC */
/* How the connections of a session reach the server, from the options and the environment. */
#ifndef CLIENT_UI_NETWORK_H
#define CLIENT_UI_NETWORK_H

#include "client/engine/connect.h"
#include "client/engine/proxy.h"
#include "client/ui/exit_status.h"
#include "client/ui/options.h"

struct network {
	struct proxy proxy;	/* its host is NULL: none */
	struct connect_source source;
	bool has_source;
};

/*
 * Find what the options say about host and port; the proxy without --proxy is that of $ftp_proxy, $FTP_PROXY, $all_proxy or
 * $ALL_PROXY, unless $no_proxy or $NO_PROXY names the server. The password at the proxy may be asked for. Reports errors;
 * network_free() in any case.
 */
enum exit_status network_find(struct network *network, const struct options *options, const char *host, uint16_t port);

/* NULL: none. */
const struct proxy *network_proxy(const struct network *network);
const struct connect_source *network_source(const struct network *network);

void network_free(struct network *network);

#endif
