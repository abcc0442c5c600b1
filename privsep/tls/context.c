/* SPDX-License-Identifier: ISC */
#include "privsep/tls/context.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/io.h"
#include "privsep/tls/certificate.h"
#include "privsep/tls/memory.h"
#include "privsep/tls/remote_key.h"
#include "privsep/tls/server_name.h"

#include "common/banned.h"

/* TLS 1.2: forward secrecy and AEAD only; AES first, since processors have it. TLS 1.3 has nothing else. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"
/* Sessions live as long as RFC 8446, 4.6.1 lets tickets live: a long session never runs out of one. */
#define TICKET_SECONDS (7 * 24 * 3600)
#define READ_BUFFER (64 * 1024) /* bytes: several records a read */
#define TICKET_KEYS_SIZE 80 /* SSL_CTX_set_tlsext_ticket_keys(3): name, HMAC and AES keys */

/* The client offers "ftp" (or nothing): anything else is another protocol that was led here (RFC 7301, 3.2). */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned int in_len,
    void *arg)
{
	static const unsigned char ftp[] = "\x03"
					   "ftp";
	unsigned char *selected;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&selected, out_len, ftp, sizeof(ftp) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = selected;
	return SSL_TLSEXT_ERR_OK;
}

/* The mark of a ticket whose session began on the control connection. */
static char control_mark[] = "control";

/* The context that a control connection began with; NULL: it is a data connection. */
static SSL_CTX *
context_of_control(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

/* A session that is resumed keeps its mark. Called for each ticket. */
static int
mark_ticket(SSL *ssl, void *arg)
{
	(void)arg;
	if (context_of_control(ssl) == NULL)
		return 1;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), control_mark, sizeof(control_mark));
}

void
context_control_begin(SSL *control)
{
	SSL_set_app_data(control, SSL_get_SSL_CTX(control));
}

void
context_control_done(SSL *control)
{
	SSL_CTX *context = context_of_control(control);

	/* the cache is that of the context that it began with; TLS 1.2 without tickets resumes from the cache: this session is in it, and no other needs to be */
	SSL_SESSION_set1_ticket_appdata(SSL_get_session(control), control_mark, sizeof(control_mark));
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	memory_trim(); /* until the next handshake, which may not come */
}

bool
context_resumes_control(const SSL *ssl)
{
	void *mark = NULL;
	size_t len = 0;

	return SSL_session_reused(ssl) == 1 &&
	    SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &mark, &len) == 1 && len == sizeof(control_mark) &&
	    memcmp(mark, control_mark, len) == 0;
}

/*
 * Before libssl looks for the session to resume: with the servername callback, the session id context of another
 * context would come too late for that. A second ClientHello, which a client may be asked for, changes nothing.
 */
static int
choose_context(SSL *ssl, int *alert, void *arg)
{
	const struct context_choice *choice = arg;
	const unsigned char *body;
	char name[SERVER_NAME_SIZE];
	SSL_CTX *chosen = NULL;
	size_t len;

	(void)alert;
	if (context_of_control(ssl) != NULL &&
	    SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body, &len) == 1 &&
	    server_name_parse(body, len, name) == 0)
		chosen = choice->choose(choice->arg, name);
	return chosen == NULL || SSL_set_SSL_CTX(ssl, chosen) != NULL ? SSL_CLIENT_HELLO_SUCCESS
								      : SSL_CLIENT_HELLO_ERROR;
}

/* The client reads that its name was used (RFC 6066, 3). */
static int
acknowledge_name(SSL *ssl, int *alert, void *arg)
{
	const struct context_choice *choice = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (context_of_control(ssl) == NULL || name == NULL ||
	    choice->choose(choice->arg, name) != SSL_get_SSL_CTX(ssl))
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

void
context_choose_by_name(SSL_CTX *context, struct context_choice *choice)
{
	SSL_CTX_set_client_hello_cb(context, choose_context, choice);
	SSL_CTX_set_tlsext_servername_callback(context, acknowledge_name);
	SSL_CTX_set_tlsext_servername_arg(context, choice);
}

int
context_set_number(SSL_CTX *context, uint8_t number)
{
	uint8_t id[] = {'s', 'a', 'l', 'l', 'y', 'p', 'o', 'r', 't', number};

	return SSL_CTX_set_session_id_context(context, id, sizeof(id)) == 1 ? 0 : -EINVAL;
}

static bool
set_rules(SSL_CTX *context, enum config_tls_version minimum)
{
	static const unsigned char id[] = "sallyport";

	SSL_CTX_set_options(context,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
		SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_mode(context,
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		/* the file has the chain: do not search for one at each handshake */
		SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
	SSL_CTX_set_timeout(context, TICKET_SECONDS);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER);
	SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	return SSL_CTX_set_min_proto_version(context, minimum == CONFIG_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) ==
	    1 &&
	    SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 && SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
	    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) == 1 &&
	    SSL_CTX_set_session_ticket_cb(context, mark_ticket, NULL, NULL) == 1;
}

/* Leaf, intermediates and the key that another process holds. */
static bool
set_chain(SSL_CTX *context, BIO *bio)
{
	X509 *certificate = certificate_read(bio);
	EVP_PKEY *key = certificate == NULL ? NULL : remote_key_new(X509_get0_pubkey(certificate));
	bool ok = key != NULL && SSL_CTX_use_certificate(context, certificate) == 1 &&
	    SSL_CTX_use_PrivateKey(context, key) == 1;

	EVP_PKEY_free(key);
	X509_free(certificate);
	while (ok && (certificate = certificate_read(bio)) != NULL) {
		ok = SSL_CTX_add1_chain_cert(context, certificate) == 1;
		X509_free(certificate);
	}
	return ok;
}

const char *
context_kernel_trouble(void)
{
#ifdef OPENSSL_NO_KTLS
	return "OpenSSL was built without it";
#else
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* a socket that is not connected cannot have it: ENOTCONN; ENOENT where nobody has */
	int r = fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) < 0 ? -errno : 0;

	close_fd(&fd);
	if (r == 0 || r == -ENOTCONN)
		return NULL;
	return r == -ENOENT ? "the module 'tls' of the kernel is not loaded; 'modprobe tls', then reload"
			    : strerror(-r);
#endif
}

SSL_CTX *
context_new(int chain_fd, enum config_tls_version minimum, bool uses_kernel, char *error, size_t size)
{
	BIO *bio = certificate_bio(chain_fd);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (bio == NULL || context == NULL || !set_rules(context, minimum) || !set_chain(context, bio)) {
		unsigned long number = ERR_get_error();
		const char *reason = number == 0 ? "out of memory" : ERR_reason_error_string(number);

		snprintf(error, size, "TLS cannot be set up: %s", reason == NULL ? "unknown error" : reason);
		SSL_CTX_free(context);
		context = NULL;
	}
	if (context != NULL && uses_kernel)
		SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS);
	ERR_clear_error();
	BIO_free(bio);
	return context;
}

int
context_confine(SSL_CTX *context)
{
	unsigned char keys[TICKET_KEYS_SIZE];
	int r = 0;

	if (getrandom(keys, sizeof(keys), 0) != sizeof(keys))
		return -EIO;
	if (SSL_CTX_set_tlsext_ticket_keys(context, keys, sizeof(keys)) != 1)
		r = -EINVAL;
	explicit_bzero(keys, sizeof(keys));
	return r;
}
