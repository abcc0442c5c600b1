/* SPDX-License-Identifier: ISC */
/* The protocol process: speaks FTP with one client; sees the network and no files. */
#ifndef DAEMON_PROTOCOL_PROTOCOL_H
#define DAEMON_PROTOCOL_PROTOCOL_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/address.h"
#include "config/config.h"
#include "privsep/ipc/scoreboard.h"
#include "privsep/tls/credentials.h"

struct protocol_session {
	int client_fd;		/* the control connection */
	int monitor_channel;
	int empty_directory_fd;
	pid_t monitor_pid;
	union address peer, local;
	const char *peer_text;	/* the address of peer */
	union address passive_told;	/* what PASV announces; AF_UNSPEC: the address of the listener */
	union address dialled;	/* the address that the client dialled: local, but behind a proxy */
	union address proxy;	/* who has connected for the client; AF_UNSPEC: nobody, it came itself */
	bool is_tls;		/* TLS from the first byte (RFC 4217, appendix A.3) */
	SSL_CTX *tls;		/* of the server at the dialled address; NULL: no certificate */
	const struct credentials *credentials;	/* by server; NULL: there is only one server */
	uid_t service_uid;
	gid_t service_gid;
	struct claims *claims;
	const struct config *config;
};

/* Of the 421 that ends a session which the server cannot serve. */
#define FAILURE_TEXT "The server cannot serve this session; its log says why"

/*
 * Runs in the protocol process, first: go behind the walls. If they cannot be built, send 421 to the client and the
 * failed step to the monitor, and end.
 */
void protocol_enter_walls(const struct protocol_session *session);

/*
 * Runs in the protocol process, forked from the monitor, still root: empty chroot, service user, filter; then serve the
 * client until it leaves, or the monitor ends the session. Never returns.
 */
void protocol_run(const struct protocol_session *session) __attribute__((noreturn));

#endif
