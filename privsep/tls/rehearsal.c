/* SPDX-License-Identifier: ISC */
/*
 * A whole handshake in the master before any client comes, with a throw-away certificate. What libcrypto looks up,
 * makes and keeps at the first handshake is then ready for every session, instead of being made in each.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/mman.h>

#include "common/io.h"
#include "privsep/tls/context.h"
#include "privsep/tls/key_parts.h"
#include "privsep/tls/rehearsal.h"
#include "privsep/tls/remote_key.h"
#include "privsep/tls/sign.h"

#include "common/banned.h"

#define FLIGHTS_MAX 10
#define DAY_S (24L * 3600)

struct rehearsal {
	int key_fd, chain_fd;
	SSL_CTX *server, *client;
	SSL_SESSION *session;	/* what the control connection's handshake gave; the data connection's resumes it */
};

static int
sign_rehearsed(
    void *arg, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature, size_t *len)
{
	const struct rehearsal *rehearsal = arg;
	uint8_t made[SIGNATURE_MAX];
	size_t made_len = 0;
	int r = sign_handshake(rehearsal->key_fd, scheme, text, text_len, made, &made_len);

	if (r == 0 && made_len > *len)
		r = -ENOBUFS;
	if (r == 0) {
		memcpy(signature, made, made_len);
		*len = made_len;
	}
	return r;
}

/* A certificate that key signs itself, as PEM in a memory file. A descriptor, or -EIO. */
static int
make_chain(EVP_PKEY *key)
{
	X509 *certificate = X509_new();
	BIO *pem = BIO_new(BIO_s_mem());
	int fd = memfd_create("rehearsal", MFD_CLOEXEC);
	bool ok = certificate != NULL && pem != NULL && fd >= 0 &&
	    X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
	    X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S) != NULL && X509_set_pubkey(certificate, key) == 1 &&
	    X509_sign(certificate, key, EVP_sha256()) > 0 && PEM_write_bio_X509(pem, certificate) == 1;

	if (ok) {
		char *bytes;
		long len = BIO_get_mem_data(pem, &bytes);

		ok = io_write_all(fd, bytes, (size_t)len) == 0;
	}
	if (!ok)
		close_fd(&fd);
	BIO_free(pem);
	X509_free(certificate);
	return ok ? fd : -EIO;
}

static int
begin_rehearsal(struct rehearsal *rehearsal)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, "provider=default", "EC", "P-256");
	char error[256];
	int r = -EIO;

	rehearsal->key_fd = key_parts_new();
	rehearsal->chain_fd = key == NULL ? -1 : make_chain(key);
	if (rehearsal->key_fd < 0 || rehearsal->chain_fd < 0 || key_parts_write(rehearsal->key_fd, key) < 0)
		goto out;
	rehearsal->server = context_new(rehearsal->chain_fd, CONFIG_TLS_1_2, false, error, sizeof(error));
	rehearsal->client = SSL_CTX_new(TLS_client_method());
	if (rehearsal->server != NULL && rehearsal->client != NULL)
		r = context_confine(rehearsal->server);
out:
	EVP_PKEY_free(key);
	return r;
}

static bool
connect_both(SSL *server, SSL *client)
{
	BIO *there = NULL, *back = NULL;

	if (BIO_new_bio_pair(&there, 0, &back, 0) != 1)
		return false;
	SSL_set_bio(server, there, there);
	SSL_set_bio(client, back, back);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	return true;
}

static int
shake_hands(struct rehearsal *rehearsal)
{
	SSL *server = SSL_new(rehearsal->server), *client = SSL_new(rehearsal->client);
	bool ok = server != NULL && client != NULL && connect_both(server, client);
	bool is_done = false;
	char byte;

	if (ok) {
		context_control_begin(server);
		if (rehearsal->session != NULL)
			SSL_set_session(client, rehearsal->session);
	}
	for (int i = 0; ok && !is_done && i < FLIGHTS_MAX; i++) {
		int client_is_done = SSL_do_handshake(client);

		is_done = SSL_do_handshake(server) == 1 && client_is_done == 1;
	}
	if (is_done) {
		(void)!SSL_read(client, &byte, 1);	/* takes the ticket in */
		if (rehearsal->session == NULL)
			rehearsal->session = SSL_get1_session(client);
		SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	SSL_free(server);
	SSL_free(client);
	return is_done ? 0 : -EIO;
}

int
tls_rehearse(void)
{
	struct rehearsal rehearsal = {.key_fd = -1, .chain_fd = -1};
	int r = begin_rehearsal(&rehearsal);

	remote_key_set_signer(sign_rehearsed, &rehearsal);
	if (r == 0)
		r = shake_hands(&rehearsal);
	if (r == 0)
		r = shake_hands(&rehearsal);
	remote_key_set_signer(NULL, NULL);
	SSL_SESSION_free(rehearsal.session);
	SSL_CTX_free(rehearsal.client);
	SSL_CTX_free(rehearsal.server);
	close_fd(&rehearsal.key_fd);
	close_fd(&rehearsal.chain_fd);
	ERR_clear_error();
	return r;
}
