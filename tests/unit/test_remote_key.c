/* SPDX-License-Identifier: ISC */
/* A whole handshake with a key that is elsewhere; the signer here is the monitor's function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "privsep/monitor/monitor.h"
#include "privsep/tls/sign.h"
#include "privsep/tls/context.h"
#include "privsep/tls/rehearsal.h"
#include "privsep/tls/remote_key.h"
#include "tests/unit/tls_fixture.h"

#include "common/banned.h"

#define DAY_S (24L * 3600)

static struct {
	int key_fd;
	int result;	/* the error that the signer returns; 0: it signs */
	unsigned signatures;
	enum sign_scheme scheme;
} signer;

static int
sign(void *arg, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature, size_t *len)
{
	uint8_t own[SIGNATURE_MAX];
	size_t own_len = 0;
	int r;

	assert_ptr_equal(arg, &signer);
	signer.signatures++;
	signer.scheme = scheme;
	if (signer.result < 0)
		return signer.result;
	r = sign_handshake(signer.key_fd, scheme, text, text_len, own, &own_len);
	if (r < 0 || own_len > *len)
		return r < 0 ? r : -ENOBUFS;
	memcpy(signature, own, own_len);
	*len = own_len;
	return 0;
}

static void
set_signer(void **state)
{
	(void)state;
	remote_key_set_signer(sign, &signer);
}

static int
set_up(void **state)
{
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 || remote_key_init() < 0)
		return -1;
	set_signer(state);
	return 0;
}

/* Move bytes between both ends until neither advances. True: both are done. */
static bool
shake_hands(SSL *server, SSL *client)
{
	for (int i = 0; i < 20; i++) {
		int at_client = SSL_get_error(client, SSL_do_handshake(client));
		int at_server = SSL_get_error(server, SSL_do_handshake(server));

		if (at_client == SSL_ERROR_NONE && at_server == SSL_ERROR_NONE)
			return true;
		if ((at_client != SSL_ERROR_NONE && at_client != SSL_ERROR_WANT_READ) ||
		    (at_server != SSL_ERROR_NONE && at_server != SSL_ERROR_WANT_READ))
			return false;
	}
	return false;
}

static void
connect_both(SSL *server, SSL *client)
{
	BIO *there = BIO_new(BIO_s_mem()), *back = BIO_new(BIO_s_mem());

	BIO_up_ref(there);
	BIO_up_ref(back);
	BIO_set_mem_eof_return(there, -1);
	BIO_set_mem_eof_return(back, -1);
	SSL_set_bio(server, there, back);
	SSL_set_bio(client, back, there);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
}

struct both {
	SSL_CTX *server_context, *client_context;
	EVP_PKEY *key;
	X509 *certificate;
	int key_fd;
};

static void
begin(struct both *both, const char *type, int version)
{
	char error[256] = "";
	int chain_fd;

	both->key = fixture_key(type);
	both->certificate = fixture_certificate(both->key, -60, DAY_S);
	chain_fd = fixture_certificate_fd(both->certificate);
	signer.key_fd = both->key_fd = fixture_parts_fd(both->key);
	signer.result = 0;
	signer.signatures = 0;
	both->server_context = context_new(chain_fd, CONFIG_TLS_1_2, false, error, sizeof(error));
	if (both->server_context == NULL)
		fail_msg("%s: %s", type, error);
	assert_int_equal(context_confine(both->server_context), 0);
	both->client_context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(both->client_context, version);
	SSL_CTX_set_max_proto_version(both->client_context, version);
	SSL_CTX_set_session_cache_mode(both->client_context, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_set_verify(both->client_context, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(both->client_context), both->certificate);
	close(chain_fd);
}

static void
end(struct both *both)
{
	SSL_CTX_free(both->server_context);
	SSL_CTX_free(both->client_context);
	EVP_PKEY_free(both->key);
	X509_free(both->certificate);
	close(both->key_fd);
	ERR_clear_error();
}

static void
test_signer_that_refuses(void **state)
{
	static const int results[] = {-EAGAIN, -EPERM, -EINVAL, -EIO};
	struct both both;

	(void)state;
	begin(&both, "P-256", TLS1_3_VERSION);
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		SSL *server = SSL_new(both.server_context), *client = SSL_new(both.client_context);

		signer.result = results[i];
		connect_both(server, client);
		assert_false(shake_hands(server, client));
		SSL_free(server);
		SSL_free(client);
		ERR_clear_error();
	}
	end(&both);
}

static void
test_key_of_another_type(void **state)
{
	EVP_PKEY *key = fixture_key("ED448");

	(void)state;
	assert_null(remote_key_new(key));
	EVP_PKEY_free(key);
	ERR_clear_error();
}

static void
test_handshakes(void **state)
{
	static const char *const types[] = {"RSA", "P-256", "P-384", "P-521", "ED25519"};
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (size_t v = 0; v < 2; v++) {
			struct both both;
			SSL *server, *client;

			begin(&both, types[i], versions[v]);
			server = SSL_new(both.server_context);
			client = SSL_new(both.client_context);
			connect_both(server, client);
			if (!shake_hands(server, client) || SSL_get_verify_result(client) != X509_V_OK)
				fail_msg("no handshake with %s and %s", types[i], SSL_get_version(server));
			assert_int_equal(signer.signatures, 1);
			assert_int_equal(SSL_version(server), versions[v]);
			SSL_free(server);
			SSL_free(client);
			end(&both);
		}
	}
}

/* One handshake with session (NULL: none); returns the session that the client can resume. */
static SSL_SESSION *
one_handshake(struct both *both, bool is_control, SSL_SESSION *session, bool *resumes)
{
	SSL *server = SSL_new(both->server_context), *client = SSL_new(both->client_context);
	SSL_SESSION *next;
	char byte;

	connect_both(server, client);
	if (is_control)
		context_control_begin(server);
	if (session != NULL)
		SSL_set_session(client, session);
	assert_true(shake_hands(server, client));
	if (is_control)
		context_control_done(server);
	SSL_read(client, &byte, 1);	/* reads the ticket */
	*resumes = context_resumes_control(server);
	next = SSL_get1_session(client);
	SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(server);
	SSL_free(client);
	ERR_clear_error();
	return next;
}

static void
test_what_is_resumed(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct both both, stranger;
		SSL_SESSION *control, *first_come, *chained, *other, *again;
		bool resumes;

		begin(&both, "P-256", versions[i % 2]);
		if (i >= 2)
			SSL_CTX_set_options(both.client_context, SSL_OP_NO_TICKET);
		control = one_handshake(&both, true, NULL, &resumes);
		assert_false(resumes);
		/* a data connection without a session proves nothing, and neither does the session that it gets */
		first_come = one_handshake(&both, false, NULL, &resumes);
		assert_false(resumes);
		again = one_handshake(&both, false, first_come, &resumes);
		assert_false(resumes);
		/* the control connection's session proves it, and so do the sessions that follow from it */
		chained = one_handshake(&both, false, control, &resumes);
		assert_true(resumes);
		SSL_SESSION_free(again);
		again = one_handshake(&both, false, chained, &resumes);
		assert_true(resumes);
		/* the context of another session knows none of these sessions */
		begin(&stranger, "P-256", versions[i % 2]);
		other = one_handshake(&stranger, true, control, &resumes);
		assert_false(resumes);
		SSL_SESSION_free(control);
		SSL_SESSION_free(first_come);
		SSL_SESSION_free(chained);
		SSL_SESSION_free(again);
		SSL_SESSION_free(other);
		end(&stranger);
		end(&both);
	}
}

/* The master's preparation leaves no signer, and nothing that disturbs a handshake. */
static void
test_rehearsal(void **state)
{
	struct both both;
	SSL *server, *client;

	assert_int_equal(tls_rehearse(), 0);
	begin(&both, "P-256", TLS1_3_VERSION);
	server = SSL_new(both.server_context);
	client = SSL_new(both.client_context);
	connect_both(server, client);
	assert_false(shake_hands(server, client));
	assert_int_equal(signer.signatures, 0);
	SSL_free(server);
	SSL_free(client);
	end(&both);
	set_signer(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rehearsal),
	    cmocka_unit_test(test_signer_that_refuses),
	    cmocka_unit_test(test_key_of_another_type),
	    cmocka_unit_test(test_handshakes),
	    cmocka_unit_test(test_what_is_resumed),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
