/* SPDX-License-Identifier: ISC */
/*
 * The client's FTP engine: one struct ftp is one login on one server. It keeps its control
 * connection, and makes a new one when that was lost.
 *
 * Functions return FTP_OK (0) or the class of the error; ftp_error() has the words. After any
 * error but FTP_NETWORK the handle is usable on; after that one the next call connects again.
 * A handle belongs to one thread at a time. Paths are bytes without CR, LF and NUL.
 */
#ifndef CLIENT_ENGINE_FTP_H
#define CLIENT_ENGINE_FTP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"
#include "client/engine/error.h"
#include "client/engine/url.h"
#include "common/address.h"

struct buf;
struct connect_source;
struct ftp;
struct pace;
struct proxy;

/* --- what the engine asks and tells --- */

/* A certificate that nothing vouches for. Texts are escaped. */
struct ftp_certificate {
	const char *host;
	uint16_t port;
	const char *fingerprint;	/* SHA-256, "AB:CD:..." */
	const char *subject, *issuer;
	const char *not_before, *not_after;
	const char *reason;	/* why it is not trusted: "self-signed certificate" */
};

enum ftp_trust {
	FTP_TRUST_NO,
	FTP_TRUST_ONCE,	/* for this handle and its clones */
	FTP_TRUST_ALWAYS	/* written to the pin file */
};

enum ftp_phase {
	FTP_PHASE_TRANSFER,
	FTP_PHASE_CHECK_PART,	/* hashing the part that exists, before it is resumed */
	FTP_PHASE_VERIFY	/* hashing the whole, after the transfer */
};

struct ftp_progress {
	enum ftp_phase phase;
	uint64_t done;	/* bytes, what was resumed included */
	int64_t total;	/* bytes; -1 unknown */
	uint64_t resumed;	/* where this transfer began */
};

/* Any member may be NULL. All are called in the thread that called the engine. */
struct ftp_events {
	/*
	 * The conversation: kind is '>' sent, '<' received, '*' what the engine does. One line, escaped, without
	 * line end; passwords are "***".
	 */
	void (*trace)(void *context, char kind, const char *line);
	/* What a user should know though nothing failed: a retry, a resume that starts over. One line, escaped. */
	void (*note)(void *context, const char *text);
	/* Whether to trust it; without this callback the answer is no. */
	enum ftp_trust (*trust)(void *context, const struct ftp_certificate *certificate);
	/* The password of the encrypted key in file: returns its length, -1 where there is none. */
	int (*key_password)(void *context, const char *file, char *password, size_t size);
	/* At most ten times a second during a transfer, and at the end of each phase. */
	void (*progress)(void *context, const struct ftp_progress *progress);
};

/* What TLS shall be like; zeroed: OpenSSL's own choice, from TLS 1.2 on. All texts are borrowed. */
struct ftp_tls_wishes {
	const char *ca_path;	/* a directory of certificates, as openssl-rehash(1) makes it */
	const char *
	    crl_file; /* lists of revoked certificates (PEM); the server's must then be on none, and its authority have one */
	bool wants_ocsp;	/* the server must staple a good answer of its authority */
	const char
	    *pins; /* "sha256//BASE64;...": the server's public key must be one of these, and needs no authority */
	const char *cert_file, *key_file;	/* this client's own (PEM); without key_file the key is in cert_file */
	bool has_min, has_max;
	int min_minor, max_minor;	/* of TLS 1.MINOR */
	const char *ciphers;	/* up to TLS 1.2 */
	const char *suites;	/* of TLS 1.3 */
};

/* How the server reaches this machine in active mode; zeroed: at the address of the control connection, at any port. */
struct ftp_active {
	union address
	    address; /* as the server sees this machine, behind NAT; AF_UNSPEC: the control connection's own */
	uint16_t low, high;	/* the range of ports; 0: any */
};

struct ftp_options {
	struct ftp_active active;
	struct pace *pace;	/* the limit on all data connections together; NULL none */
	bool is_ascii;	/* files are text: CRLF on the way, LF here; never resumed, and not verified */
	enum { FTP_ZONE_UTC, FTP_ZONE_AUTO, FTP_ZONE_GIVEN } zone;	/* of the times in listings by LIST */
	int zone_s;	/* FTP_ZONE_GIVEN: seconds to the east of UTC */
	const char *charset;	/* of names on the server, as iconv(3) calls it; NULL: names are bytes */
	const char *account;	/* for servers that want one besides the password (ACCT); NULL none */
	struct ftp_tls_wishes tls;
	bool may_plaintext;	/* the password may go in clear where the server has no TLS */
	bool is_active;	/* data connections come from the server (EPRT, PORT) */
	bool is_epsv_only, is_pasv_only;	/* one way of passive connections; neither: EPSV, and PASV where that fails */
	bool may_go_elsewhere;	/* connect to the address that PASV names, also when it is another host's */
	bool no_tls;	/* do not ask for TLS (not with FTP_TLS_EXPLICIT or _IMPLICIT) */
	bool may_be_cut;	/* believe a listing over TLS that ends without close_notify: somebody may have cut it */
	int family;	/* AF_UNSPEC, AF_INET, AF_INET6 */
	const struct proxy *proxy;	/* for all connections; NULL none */
	const struct connect_source *source;	/* where connections come from; NULL: any */
	const char *ca_file;	/* trusted besides the system's; NULL none */
	const char *pin_file;	/* NULL: $XDG_CONFIG_HOME/sallyport/pins, or ~/.config/sallyport/pins */
	unsigned int connect_timeout_s;	/* 0: 15 s an address */
	unsigned int timeout_s;	/* silence on any connection; 0: 60 s */
	unsigned int retries;	/* how often a lost connection is made again; 0 never */
	unsigned int retry_delay_s;	/* before the first; doubles up to 60 s; 0: 1 s */
	const volatile sig_atomic_t *abort;	/* set by a signal handler (no SA_RESTART): stop at once; cleared by
						 * its owner; NULL none */
	const struct ftp_events *events;	/* NULL none */
	void *context;	/* for the events */
};

/* --- the handle --- */

/*
 * A handle for host and port, not connected yet. options and what it points to is borrowed as long as the
 * handle lives. NULL when memory is out.
 */
struct ftp *ftp_new(const struct ftp_options *options, enum ftp_tls tls, const char *host, uint16_t port);

/* Another handle to the same server, with the same login, directory and trust, not connected; NULL: no memory. */
struct ftp *ftp_clone(const struct ftp *ftp);

/*
 * The handle's end. The connection of a clone stays idle for the next clone, where one of the family lives on; otherwise says QUIT,
 * and wipes the password. NULL is fine.
 */
void ftp_free(struct ftp *ftp);

/* The error of the last call that failed. Never NULL. */
const struct ftp_error *ftp_error(const struct ftp *ftp);

/* Connect, agree on TLS. Not needed before ftp_login(); for telling a bad host before a password is asked for. */
enum ftp_class ftp_connect(struct ftp *ftp);

/* Log in; user and password are copied, for connecting again later. Connects first where needed. */
enum ftp_class ftp_login(struct ftp *ftp, const char *user, const char *password);

/* Say QUIT and close; the handle stays, and connects again when it is used. */
void ftp_close(struct ftp *ftp);

bool ftp_is_connected(const struct ftp *ftp);
bool ftp_is_tls(const struct ftp *ftp);

/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" without TLS. */
const char *ftp_tls_text(const struct ftp *ftp);

/* The text of the last reply, escaped, lines separated by '\n', with codes. "" before the first. */
const char *ftp_last_reply(const struct ftp *ftp);

/*
 * Say whether another transfer follows this one. If so, the EPSV of the next one goes along with the last command of
 * this one, which saves a round trip for each file.
 */
void ftp_expect_more(struct ftp *ftp, bool expects_more);

/* --- directories and names --- */

enum ftp_class ftp_cwd(struct ftp *ftp, const char *path);

/* The working directory as the server tells it; valid until the next call. */
enum ftp_class ftp_pwd(struct ftp *ftp, const char **path);

/*
 * List a directory ("" or NULL: the working directory), by MLSD where the server has it, else by CWD and LIST.
 * list->doubts says why it may not be all that there is. The caller frees list by ftp_list_free(). Entries come in the
 * server's order. FTP_REFUSED for more than a million.
 */
enum ftp_class ftp_list(struct ftp *ftp, const char *path, struct ftp_list *list);

/* Whether LIST -a does not work here, and no listing had a name with a dot in front: there may be such names, unseen. */
bool ftp_hides_dots(const struct ftp *ftp);

/*
 * Ask about one name: MLST, else CWD, SIZE and MDTM, else the listing of its directory. entry->name is the last component.
 * FTP_REFUSED when there is none. The caller calls ftp_entry_free().
 */
enum ftp_class ftp_stat(struct ftp *ftp, const char *path, struct ftp_entry *entry);

/*
 * What MLSD does not tell of symbolic links: LIST says which names of the listing are links, and where they lead. Changes those
 * entries of the list, which ftp_list() has made for the same path. Where that came from LIST itself, there is nothing to do.
 */
enum ftp_class ftp_list_links(struct ftp *ftp, const char *path, struct ftp_list *list);

/*
 * What a symbolic link leads to, by CWD, SIZE and MDTM: servers differ in whether MLST follows it. Changes kind, size and time of
 * the entry, and forgets what is told of the link itself. FTP_REFUSED where it leads nowhere; the entry then stays as it is.
 */
enum ftp_class ftp_follow_link(struct ftp *ftp, const char *path, struct ftp_entry *entry);

/* Whether it is a directory, by MLST or CWD. A name that is not there is none, and no error. */
enum ftp_class ftp_is_directory(struct ftp *ftp, const char *path, bool *is_directory);

enum ftp_class ftp_mkdir(struct ftp *ftp, const char *path);
enum ftp_class ftp_rmdir(struct ftp *ftp, const char *path);
enum ftp_class ftp_delete(struct ftp *ftp, const char *path);
enum ftp_class ftp_rename(struct ftp *ftp, const char *from, const char *to);
enum ftp_class ftp_chmod(struct ftp *ftp, unsigned int mode, const char *path);	/* SITE CHMOD */
enum ftp_class ftp_mtime(struct ftp *ftp, const char *path, int64_t *mtime);	/* MDTM; seconds since 1970 */

/* Set a file's time: MFMT, else MDTM with a time before the name, else SITE UTIME, whichever the server has and heeds. */
enum ftp_class ftp_set_mtime(struct ftp *ftp, const char *path, int64_t mtime);

/*
 * Whether ftp_set_mtime() works on this server. Where that is not known it is tried at a file of which mtime is the time
 * already.
 */
bool ftp_keeps_times(struct ftp *ftp, const char *path, int64_t mtime);

/* --- asking the server --- */

/* Each leaves its text in ftp_last_reply(). */
enum ftp_class ftp_site(struct ftp *ftp, const char *text);	/* SITE text */
enum ftp_class ftp_quote(
    struct ftp *ftp, const char *text); /* text as it is; a command with one reply, and without data */
enum ftp_class ftp_status(struct ftp *ftp, const char *path);	/* STAT, of a path unless NULL */
enum ftp_class ftp_quota(struct ftp *ftp);	/* SITE QUOTA */

/* Whether FEAT names this feature ("MLST", "HASH", "REST STREAM"): whole first words, any case. Connects where needed. */
bool ftp_has_feature(struct ftp *ftp, const char *feature);

/* Whether the server has hashes of files, by any command. */
bool ftp_has_hashes(struct ftp *ftp);

#define FTP_HASH_NAME_MAX 16
#define FTP_HASH_HEX_MAX 129

struct ftp_hash {
	char name[FTP_HASH_NAME_MAX];	/* "SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32" */
	char hex[FTP_HASH_HEX_MAX];	/* lower case */
};

/*
 * The server's hash of a file, or of length bytes from offset (length -1: to the end), by HASH and RANG, or the X-verbs.
 * algorithm is one of the names above, or NULL: the best that the server has.
 * FTP_REFUSED when it has none of them.
 */
enum ftp_class ftp_hash(
    struct ftp *ftp, const char *path, const char *algorithm, uint64_t offset, int64_t length, struct ftp_hash *hash);

/* The same of a local descriptor (pread; its position stays). algorithm is not NULL. */
enum ftp_class ftp_hash_local(
    struct ftp *ftp, int fd, const char *algorithm, uint64_t offset, int64_t length, struct ftp_hash *hash);

/* --- transfers --- */

enum ftp_verify {
	FTP_VERIFY_AUTO,	/* by size, and by hash where the server has one */
	FTP_VERIFY_ALWAYS,	/* without a hash of the server's it is an error */
	FTP_VERIFY_NEVER	/* by size alone, at the end; what is resumed is proven all the same */
};

struct ftp_transfer {
	const char *remote;	/* path on the server */
	const struct ftp_entry *known;	/* get: what a fresh listing told of it, instead of asking again; NULL: asks */
	/*
	 * The local side, either a name in a directory (one component; get writes a part beside it and renames it),
	 * or, where local_name is NULL, a descriptor that is read or written as it comes (standard input and output).
	 */
	int local_dir_fd;	/* AT_FDCWD is fine */
	const char *local_name;
	int stream_fd;
	bool is_resume;	/* get: continue our part; put: continue what the server has, or our temporary file there */
	bool is_resume_own;	/* the same where there is something of ours, without a word where there is not; a put
				 * does not continue what stands under the name itself */
	bool is_in_place;	/* put: under the name itself, also where the server cannot prove what it has */
	bool is_append;	/* put: APPE to what is there; not resumed, not verified by hash */
	bool is_unique;	/* put: fail when the name exists already (checked just before) */
	bool no_mtime;	/* leave the time of the copy as it comes */
	enum ftp_verify verify;
	unsigned int segments;	/* get: this many connections for one file; 0 and 1: one */
	bool is_to_end;	/* get: also what comes beyond the size that was told; over one connection */
	uint64_t offset;	/* get to a stream: begin here */
	int64_t limit;	/* get to a stream: no more bytes than this; 0 or less: no limit */
};

struct ftp_result {
	uint64_t bytes;	/* moved over the network by this call */
	uint64_t size;	/* of the whole file */
	uint64_t resumed;	/* from where; 0: from the beginning */
	char proof[FTP_HASH_NAME_MAX];	/* of what was resumed: "SHA-256", ..., or "overlap"; "" when nothing was */
	uint64_t overlap;	/* bytes before the last cut that were read again and were the same; 0: none */
	bool is_restarted;	/* a part was there, and was not what the server has */
	unsigned int retries;	/* connections made again on the way */
	uint64_t grown;	/* is_to_end: bytes beyond the size that was told at first */
	/* all of the content was compared: "SHA-256", ..., or "content"; "" it was not */
	char verified[FTP_HASH_NAME_MAX];
	bool is_size_same;	/* both sides tell the same size; of the content it says nothing */
	uint64_t elapsed_ms;	/* of moving bytes, without verification */
};

/*
 * Fetch a file. When it fails, the part is kept for a resume unless it is empty or known to be wrong. The target is
 * replaced in one step, and is never a part itself.
 * A resume needs a proof: a hash of the part, or else the same size and time as when the part was begun, and 64 KiB
 * before the cut that are read again and are the same. Otherwise it starts over.
 * result is filled as far as it got, on errors too; it may be NULL.
 */
enum ftp_class ftp_get(struct ftp *ftp, const struct ftp_transfer *transfer, struct ftp_result *result);

/*
 * Send a file. FTP_LOCAL when it changes meanwhile. Where the server has no hashes of ranges, it goes under a temporary
 * name, which is kept in a record here, and is renamed when it is whole; a resume needs a proof as in ftp_get().
 */
enum ftp_class ftp_put(struct ftp *ftp, const struct ftp_transfer *transfer, struct ftp_result *result);

#endif
