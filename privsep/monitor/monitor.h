/* SPDX-License-Identifier: ISC */
/* The monitor process: one per session; logs in, makes data sockets, keeps deadlines, writes the log. */
#ifndef PRIVSEP_MONITOR_MONITOR_H
#define PRIVSEP_MONITOR_MONITOR_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/address.h"
#include "common/proxy_header.h"
#include "config/config.h"
#include "privsep/ipc/scoreboard.h"
#include "privsep/tls/credentials.h"

#define SESSION_ID_SIZE 17	/* 16 hexadecimal digits and NUL */

/* Exit status of a monitor: the session ended by itself, or a wall stopped one of its processes, or one crashed. */
#define MONITOR_EXIT_END 0
#define MONITOR_EXIT_ALARM 70

struct ipc_message;
struct pam_services;

/*
 * What the master gives to a session. Descriptors belong to the monitor once it has taken them: it is forked with
 * master_channel alone, and the others lie in that channel, because the master may give a number to another file while
 * both share a table (sandbox_fork_apart()).
 */
struct session {
	char id[SESSION_ID_SIZE];
	int client_fd;
	int master_channel;
	int log_channel, reserved_log_channel;
	int hook_channel;	/* of all uploads; whether files reports them is for the configuration to say */
	int empty_directory_fd;
	union address peer;	/* unmapped */
	char peer_text[ADDRESS_TEXT_MAX];
	union address local;	/* of this end of the connection; unmapped */
	union address passive_told;	/* what PASV announces instead; AF_UNSPEC: local */
	union address dialled;	/* the address that the client dialled: local, but behind a proxy */
	union address proxy;	/* who has connected for the client; AF_UNSPEC: nobody, it came itself */
	uint8_t unique_id[PROXY_UNIQUE_ID_MAX];	/* of the proxy for this connection; any bytes */
	size_t unique_id_len;
	bool is_tls;		/* came in on a listen-tls port */
	SSL_CTX *tls;		/* of the server at the dialled address; NULL: no certificate */
	int key_fd;		/* the private key's numbers in sealed memory; -1 without a certificate */
	const struct credentials *credentials;	/* by server; NULL: there is only one server, which has those above */
	pid_t master_pid;
	uid_t service_uid;
	gid_t service_gid;
	uid_t hook_uid, broker_uid;	/* set where accounts names a database */
	struct claims *claims;
	uint64_t started_ms;	/* monotonic */
	uint8_t boot_id[16];	/* of the machine: see accounts/ledger.h */
	const struct config *config;
	const struct pam_services *pam_services;	/* that accounts of the users file name */
};

/*
 * Run in the master: put the descriptors of a session into its channel, as an answer to "start". They stay the caller's.
 * 0 or -errno.
 */
int belongings_send(int channel, const struct session *session, struct ipc_message *message);

/*
 * Run in the monitor: take them out of session->master_channel, and close all others. 0 or -errno; then none of the
 * descriptors in session may be used.
 */
int belongings_take(struct session *session, struct ipc_message *message);

/*
 * Run in the monitor: load the first filter as root; after the login, give root up for the empty directory and the
 * narrow filter. protocol, pam: process ids, 0 for none. 0 or -errno; see sandbox_last_failure().
 */
int monitor_enter_login_walls(const struct session *session, pid_t protocol, pid_t pam);
int monitor_leave_root(const struct session *session, pid_t protocol);

/*
 * Runs in the monitor process, forked from the master, still root: fork protocol and leave it the client's socket, enter
 * the first filter, then answer protocol, the master and, from the login on, files, until the session ends. Never returns.
 */
void monitor_run(struct session *session) __attribute__((noreturn));

#endif
