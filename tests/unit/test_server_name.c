/* SPDX-License-Identifier: ISC */
/* The name of a server in a ClientHello, and which certificate follows from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "privsep/tls/context.h"
#include "privsep/tls/remote_key.h"
#include "privsep/tls/server_name.h"
#include "privsep/tls/sign.h"
#include "tests/unit/tls_fixture.h"

#include "common/banned.h"

#define DAY_S (24L * 3600)
#define BODY(text) \
	{ \
		(const uint8_t *)(text), sizeof(text) - 1 \
	}

static void
test_bodies(void **state)
{
	static const struct {
		struct {
			const uint8_t *bytes;
			size_t len;
		} body;
		const char *name; /* NULL: refused */
	} rows[] = {
	    {BODY(""), NULL},
	    {BODY("\0"), NULL},
	    {BODY("\0\0"), NULL},
	    {BODY("\0\3\0\0\0"), NULL}, /* an empty name */
	    {BODY("\0\4\0\0\1"), NULL}, /* cut off */
	    {BODY("\0\4\0\0\2a"), NULL}, /* the name goes on past the end */
	    {BODY("\0\5\0\0\1a"), NULL}, /* the list does */
	    {BODY("\0\4\0\0\1ab"), NULL}, /* bytes left over */
	    {BODY("\0\5\0\0\1ab"), NULL}, /* and in the list */
	    {BODY("\0\4\1\0\1a"), NULL}, /* no host name */
	    {BODY("\0\5\0\0\2a\0"), NULL}, /* NUL */
	    {BODY("\0\10\0\0\1a\0\0\1b"), NULL}, /* two of a kind */
	    {BODY("\0\4\0\0\1a"), "a"},
	    {BODY("\0\6\0\0\3a.b"), "a.b"},
	};
	uint8_t longest[2 + 3 + SERVER_NAME_SIZE];
	char name[SERVER_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = server_name_parse(rows[i].body.bytes, rows[i].body.len, name);

		if (r != (rows[i].name == NULL ? -EINVAL : 0) || (r == 0 && strcmp(name, rows[i].name) != 0))
			fail_msg("row %zu: %d", i, r);
	}
	for (size_t len = SERVER_NAME_SIZE - 1; len <= SERVER_NAME_SIZE; len++) {
		memset(longest, 'x', sizeof(longest));
		memcpy(longest,
		    (uint8_t[]){(uint8_t)((len + 3) >> 8), (uint8_t)(len + 3), 0, (uint8_t)(len >> 8), (uint8_t)len},
		    5);
		assert_int_equal(server_name_parse(longest, 5 + len, name), len < SERVER_NAME_SIZE ? 0 : -EINVAL);
	}
}

/* Two servers; the first one is that of the address. */
static struct {
	SSL_CTX *context;
	X509 *certificate;
	int key_fd;
} servers[2];

static SSL *signs_for;

static int
sign(void *arg, enum sign_scheme scheme, const uint8_t *text, size_t text_len, uint8_t *signature, size_t *len)
{
	uint8_t own[SIGNATURE_MAX];
	size_t own_len = 0;
	int r;

	(void)arg;
	r = sign_handshake(
	    servers[SSL_get_SSL_CTX(signs_for) == servers[1].context].key_fd, scheme, text, text_len, own, &own_len);
	if (r < 0 || own_len > *len)
		return -ENOBUFS;
	memcpy(signature, own, own_len);
	*len = own_len;
	return 0;
}

static SSL_CTX *
choose(void *arg, const char *name)
{
	assert_ptr_equal(arg, servers);
	if (strcasecmp(name, "first.example") == 0)
		return servers[0].context;
	return strcasecmp(name, "second.example") == 0 ? servers[1].context : NULL;
}

static struct context_choice choice = {.choose = choose, .arg = servers};

static int
set_up(void **state)
{
	static const char *const types[] = {"P-256", "ED25519"};

	(void)state;
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1 || remote_key_init() < 0)
		return -1;
	remote_key_set_signer(sign, NULL);
	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *key = fixture_key(types[i]);
		char error[256] = "";
		int chain_fd;

		servers[i].certificate = fixture_certificate(key, -60, DAY_S);
		chain_fd = fixture_certificate_fd(servers[i].certificate);
		servers[i].key_fd = fixture_parts_fd(key);
		servers[i].context = context_new(chain_fd, CONFIG_TLS_1_2, false, error, sizeof(error));
		if (servers[i].context == NULL || context_set_number(servers[i].context, (uint8_t)i) < 0)
			return -1;
		close(chain_fd);
		EVP_PKEY_free(key);
	}
	context_choose_by_name(servers[0].context, &choice);
	return context_confine(servers[0].context);
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		SSL_CTX_free(servers[i].context);
		X509_free(servers[i].certificate);
		close(servers[i].key_fd);
	}
	return 0;
}

/* One connection of a client. */
struct attempt {
	const char *name; /* in the ClientHello; NULL: none */
	size_t begins_with; /* the server whose context is set before, as for HOST and for data connections */
	bool is_control;
	SSL_SESSION *session; /* to resume; NULL: none */
	/* what comes of it */
	int shown; /* the server; -1: the session was resumed */
	bool is_resumed, is_acknowledged;
};

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

static void
note_outcome(struct attempt *attempt, SSL *server, SSL *client)
{
	X509 *seen = SSL_get1_peer_certificate(client);

	attempt->is_resumed = SSL_session_reused(client) == 1;
	attempt->shown = attempt->is_resumed ? -1 : X509_cmp(seen, servers[1].certificate) == 0;
	attempt->is_acknowledged = SSL_SESSION_get0_hostname(SSL_get_session(client)) != NULL;
	assert_int_equal(SSL_session_reused(server), attempt->is_resumed);
	X509_free(seen);
}

/* Returns the session that the client can resume. */
static SSL_SESSION *
run(SSL_CTX *client_context, struct attempt *attempt)
{
	SSL *server = SSL_new(servers[0].context), *client = SSL_new(client_context);
	SSL_SESSION *next;
	bool is_done = false;
	char byte;

	connect_both(server, client);
	signs_for = server;
	if (attempt->is_control)
		context_control_begin(server);
	if (attempt->begins_with != 0)
		SSL_set_SSL_CTX(server, servers[attempt->begins_with].context);
	if (attempt->name != NULL)
		SSL_set_tlsext_host_name(client, attempt->name);
	if (attempt->session != NULL)
		SSL_set_session(client, attempt->session);
	for (int i = 0; i < 20 && !is_done; i++) {
		(void)!SSL_do_handshake(client);
		is_done = SSL_do_handshake(server) == 1 && SSL_is_init_finished(client);
	}
	assert_true(is_done);
	if (attempt->is_control)
		context_control_done(server);
	SSL_read(client, &byte, 1); /* reads the ticket */
	note_outcome(attempt, server, client);
	next = SSL_get1_session(client);
	SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(server);
	SSL_free(client);
	ERR_clear_error();
	return next;
}

static SSL_CTX *
new_client(int version)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_min_proto_version(client, version);
	SSL_CTX_set_max_proto_version(client, version);
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
	return client;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void
test_choice(void **state)
{
	static const struct {
		struct attempt attempt;
		int shown;
		bool is_acknowledged;
	} rows[] = {
	    {{.name = NULL, .is_control = true}, 0, false},
	    {{.name = "first.example", .is_control = true}, 0, true},
	    {{.name = "second.example", .is_control = true}, 1, true},
	    {{.name = "SECOND.example", .is_control = true}, 1, true},
	    {{.name = "unknown.example", .is_control = true}, 0, false},
	    /* HOST came first: the name does not choose any more */
	    {{.name = NULL, .is_control = true, .begins_with = 1}, 1, false},
	    {{.name = "second.example", .is_control = true, .begins_with = 1}, 1, true},
	    {{.name = "first.example", .is_control = true, .begins_with = 1}, 1, false},
	    /* nor does it on data connections */
	    {{.name = "second.example"}, 0, false},
	    {{.name = "first.example", .begins_with = 1}, 1, false},
	};

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		SSL_CTX *client = new_client(versions[v]);

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct attempt attempt = rows[i].attempt;

			SSL_SESSION_free(run(client, &attempt));
			if (attempt.shown != rows[i].shown || attempt.is_acknowledged != rows[i].is_acknowledged)
				fail_msg("row %zu, TLS 1.%zu: server %d, acknowledged: %d", i, v + 2, attempt.shown,
				    attempt.is_acknowledged);
		}
		SSL_CTX_free(client);
	}
}

/* Keys of tickets are one for both, and what a session began with still decides. */
static void
test_resumption_never_crosses(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		SSL_CTX *client = new_client(versions[i % 2]);

		if (i >= 2)
			SSL_CTX_set_options(client, SSL_OP_NO_TICKET);
		for (size_t from = 0; from < 2; from++) {
			struct attempt control = {.name = from == 1 ? "second.example" : NULL, .is_control = true};
			SSL_SESSION *session;

			SSL_CTX_set_session_cache_mode(servers[0].context, SSL_SESS_CACHE_SERVER);
			session = run(client, &control);
			assert_int_equal(control.shown, (int)from);
			for (size_t to = 0; to < 2; to++) {
				struct attempt data = {.name = "second.example", .begins_with = to, .session = session};

				SSL_SESSION_free(run(client, &data));
				if (data.is_resumed != (from == to))
					fail_msg("from %zu to %zu, %zu: resumed: %d", from, to, i, data.is_resumed);
			}
			SSL_SESSION_free(session);
		}
		SSL_CTX_free(client);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_choice),
	    cmocka_unit_test(test_resumption_never_crosses),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
