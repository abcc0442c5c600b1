/* SPDX-License-Identifier: ISC */
/* The inside of a struct ftp, for the files of the engine. */
#ifndef CLIENT_ENGINE_SESSION_H
#define CLIENT_ENGINE_SESSION_H

#include <openssl/ssl.h>
#include <stdarg.h>

#include "client/engine/charset.h"
#include "client/engine/ftp.h"
#include "client/engine/pins.h"
#include "client/engine/reply.h"
#include "client/engine/wire.h"
#include "common/address.h"

#define DEFAULT_CONNECT_S 15
#define DEFAULT_TIMEOUT_S 60

struct ftp {
	const struct ftp_options *options;
	enum ftp_tls tls;
	char *host;
	uint16_t port;
	char *user, *password;	/* NULL before the first login */
	struct ftp_pool *pool;	/* of the handle and its clones */
	struct charset *charset;	/* of the names on the server; NULL: bytes go as they are */
	char *directory;	/* absolute, where the session is; NULL: where the login led */

	/* the control connection */
	struct wire control;
	union address peer;	/* AF_UNSPEC where only a proxy knows it */
	union address local;
	union address proxy_peer;	/* the address of the proxy that answered, with its port */
	char input[16384];	/* read, not yet taken */
	size_t input_at, input_end;
	struct reply reply;
	bool is_logged_in;
	bool is_greeted;	/* 220 came: it is an FTP server */
	bool is_astray;	/* the server is in another directory, for a listing; session_ready() leads back */
	struct buf told;	/* of ftp_last_reply() */
	struct buf features;	/* the text of FEAT */
	char tls_text[96];

	/* TLS */
	SSL_CTX *context;
	bool is_certificate_wanted;	/* the server asked for one, and there is none */
	int verify_error;	/* X509_V_*: the first of the last handshake */
	char fingerprint[PIN_FINGERPRINT_SIZE];	/* of the control connection's certificate */
	char accepted[PIN_FINGERPRINT_SIZE];	/* trusted for this handle */

	/* learned about the server */
	bool has_no_epsv, has_no_eprt, has_no_mlsd, has_no_mlst, has_no_stor_restart;
	bool has_no_mdtm;
	enum { TIMES_UNKNOWN, TIMES_MFMT, TIMES_MDTM, TIMES_UTIME, TIMES_NONE } times;	/* how a file's time is set */
	bool has_no_rename;	/* what was sent under a temporary name could not get its own */
	bool has_working_epsv;	/* a data connection came about by it */
	bool has_no_list_all;	/* LIST -a is refused, or takes "-a" for a name */
	bool has_list_all;	/* LIST -a showed names with a dot in front */
	bool shows_hidden;	/* listings have been seen to have such names */
	char hash_selected[FTP_HASH_NAME_MAX];	/* by OPTS HASH; "" unknown */
	bool is_hash_ranged;	/* the last hash was asked for by HASH, whose answer names the bytes: */
	uint64_t hash_offset;
	int64_t hash_length;	/* -1: to the end */

	/* EPSV of the next transfer, sent along with the last command of this one: see ftp_expect_more() */
	bool expects_more;	/* another transfer follows */
	bool is_last_command;	/* the next command is the last one of a transfer */
	bool is_ahead;	/* the reply to that EPSV has still to be read */
	bool has_no_ahead;	/* the server does not take it so */
	uint16_t ahead_port;	/* of that reply; 0: none */
	uint64_t ahead_ms;	/* when it came */

	bool is_type_ascii;	/* TYPE A holds, for the transfer under way */
	bool is_zone_known;
	int zone_s;	/* of LIST: seconds to the east of UTC */
	bool is_restart_pending;	/* REST was taken, and no transfer has used it up */
	struct ftp_error error;
	char path[4096];	/* of ftp_pwd() */
};

/* --- errors --- */

/* Set the action that later errors name: doing(ftp, "cannot list '%s'", path). Forgets the last error. */
void doing(struct ftp *ftp, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Record why it failed and what to try (NULL: unknown); returns reason. */
enum ftp_class ftp_fail(struct ftp *ftp, enum ftp_class reason, const char *hint, const char *why, ...)
    __attribute__((format(printf, 4, 5)));

/* A local error: r is -errno. */
enum ftp_class fail_local(struct ftp *ftp, int r, const char *what);

/* The last reply is not the expected one: its first digit decides the class. */
enum ftp_class fail_reply(struct ftp *ftp);

/* A connection's error r (wire.h; 0 is its end). If it is the control connection, this closes it. */
enum ftp_class fail_wire(struct ftp *ftp, struct wire *wire, int r, const char *name);

void ftp_note(struct ftp *ftp, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace(struct ftp *ftp, char kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool is_aborted(const struct ftp *ftp);

/* --- the control connection --- */

/* Close it without QUIT. */
void control_drop(struct ftp *ftp);

/* Send one command. FTP_USAGE when an argument holds CR or LF. */
enum ftp_class control_send(struct ftp *ftp, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Read one reply into ftp->reply. timeout_ms 0: the usual one. 421 is an error, and closes the connection. */
enum ftp_class control_reply(struct ftp *ftp, unsigned int timeout_ms);

/*
 * Send a command that has one reply, and read it. FTP_OK whatever its code is. When this command never has such a
 * code, NOOP makes sure that it is no late reply.
 */
enum ftp_class control_exchange(struct ftp *ftp, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Read the reply to an EPSV that was sent ahead, if there is one; its port is then in ahead_port. */
enum ftp_class control_take_ahead(struct ftp *ftp);

/* After control_exchange(): FTP_OK when the code is one of 2yz, otherwise fail_reply(). */
enum ftp_class want_done(struct ftp *ftp);

/* Whether the server does not know the verb or this use of it: 500, 501, 502, 504. */
bool is_unknown(const struct ftp *ftp);

/* True when there is something to read on the control connection. Waits at most this long. */
bool control_has_input(struct ftp *ftp, unsigned int timeout_ms);

/*
 * A transfer was answered before it began: read on until all replies that belong to it have come. FTP_OK, or the error that one
 * of them tells.
 */
enum ftp_class control_catch_up(struct ftp *ftp);

/*
 * After a transfer was broken off: ABOR, and read on until the connection is in step again. When that fails
 * it is closed, to be made again by the next command. Not an error.
 */
void control_resync(struct ftp *ftp);

/* --- the session --- */

/* Make sure that the session is connected, logged in and in its directory, again after the connection was lost. */
enum ftp_class session_ready(struct ftp *ftp);

/* After an error that may pass: wait, longer each time. FTP_ABORTED, or the error when tries are used up. */
enum ftp_class session_retry(struct ftp *ftp, enum ftp_class reason, unsigned int *tries);

/* The rest of a feature's line, NULL when the server has not told it. */
const char *session_feature(struct ftp *ftp, const char *feature);

/* Ask for one name by MLST. FTP_OK with has_no_mlst set, and nothing in entry, where the server has none after all. */
enum ftp_class session_mlst(struct ftp *ftp, const char *path, struct ftp_entry *entry);

/*
 * The URL of a path, for records: "ftp://user@host:port/path", with a second slash where the path is absolute. Not escaped,
 * without the password. Returns 0, -ENAMETOOLONG.
 */
int session_url(const struct ftp *ftp, const char *path, char *url, size_t size);

/* --- TLS --- */

#define TLS_CERTIFICATE_ADVICE "the server wants a certificate of this client: --cert FILE"

/* Whether TLS failed, in OpenSSL's words, because the server wants a certificate, or another one. */
bool tls_wants_certificate(const struct ftp *ftp, const char *why);

/* TLS on the control connection, and judge the certificate. */
enum ftp_class trust_start(struct ftp *ftp);

/* Send the first message of that handshake, before the server's reply has come: it saves a round trip. */
void trust_offer_data(struct ftp *ftp, struct wire *wire);

/* TLS on a data connection, resuming the control connection's session; its certificate must be the same. */
enum ftp_class trust_start_data(struct ftp *ftp, struct wire *wire);

#endif
