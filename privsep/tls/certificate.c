#include "privsep/tls/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/tls/remote_key.h"

#include "common/banned.h"

/* TLS 1.2: forward secrecy and AEAD only; AES first, since processors have it. TLS 1.3 has nothing else. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"
/* Sessions live as long as RFC 8446, 4.6.1 lets tickets live: a long session never runs out of one. */
#define TICKET_SECONDS (7 * 24 * 3600)
#define READ_BUFFER (64 * 1024)	/* bytes: several records a read */
#define TICKET_KEYS_SIZE 80	/* SSL_CTX_set_tlsext_ticket_keys(3): name, HMAC and AES keys */

int
certificate_open(const char *path, bool is_key, char *error, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(error, size, "cannot open '%s': %s", path, strerror(-r));
		close_fd(&fd);
		return r;
	}
	r = 0;
	if (!S_ISREG(st.st_mode)) {
		snprintf(error, size, "'%s' is not a plain file", path);
		r = -EINVAL;
	} else if (is_key && (st.st_mode & 027) != 0) {
		snprintf(error, size, "private key '%s' can be read or changed by others (mode %04o); chmod 600 it", path,
		    st.st_mode & 07777);
		r = -EPERM;
	}
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

int
certificate_seal(int file_fd)
{
	char *bytes = malloc(PEM_FILE_MAX + 1);
	int memory_fd = -1;
	ssize_t len;
	int r = 0;

	if (bytes == NULL)
		return -ENOMEM;
	len = io_read_all(file_fd, bytes, PEM_FILE_MAX + 1);
	if (len < 0)
		r = (int)len;
	else if (len > PEM_FILE_MAX)
		r = -EFBIG;
	if (r == 0) {
		memory_fd = memfd_create("pem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		r = memory_fd < 0 ? -errno : io_write_all(memory_fd, bytes, (size_t)len);
	}
	if (r == 0 && fcntl(memory_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		r = -errno;
	explicit_bzero(bytes, PEM_FILE_MAX + 1);
	free(bytes);
	if (r < 0)
		close_fd(&memory_fd);
	return r < 0 ? r : memory_fd;
}

/* The whole of a memory file; secure memory is wiped when freed. NULL: out of memory or unreadable. */
static BIO *
bio_of(int fd)
{
	BIO *bio = NULL;
	char *bytes = malloc(PEM_FILE_MAX);
	ssize_t len = bytes == NULL ? -1 : pread(fd, bytes, PEM_FILE_MAX, 0);

	if (len >= 0)
		bio = BIO_new(BIO_s_secmem());
	if (bio != NULL && BIO_write(bio, bytes, (int)len) != (int)len) {
		BIO_free(bio);
		bio = NULL;
	}
	if (bytes != NULL)
		explicit_bzero(bytes, PEM_FILE_MAX);
	free(bytes);
	return bio;
}

static X509 *
read_certificate(BIO *bio)
{
	X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);

	ERR_clear_error();
	return certificate;
}

/* No prompt: a key with a passphrase is an error here. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *
read_key(int key_fd)
{
	BIO *bio = bio_of(key_fd);
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static bool
is_supported(const EVP_PKEY *key)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192;
	return EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "ED25519");
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
	struct tm utc;

	return ASN1_TIME_to_tm(time, &utc) == 1 ? (int64_t)timegm(&utc) : 0;
}

static int
check_pair(const X509 *leaf, EVP_PKEY *key, const char *chain_path, const char *key_path,
    struct certificate_report *report)
{
	const ASN1_TIME *from = X509_get0_notBefore(leaf), *until = X509_get0_notAfter(leaf);
	size_t size = sizeof(report->error);

	report->not_after = seconds_of(until);
	if (!is_supported(key))
		snprintf(report->error, size, "private key '%s' is of a type that is not supported; use RSA with 2048 to 8192 "
		    "bits, an elliptic curve, or Ed25519", key_path);
	else if (X509_check_private_key((X509 *)(uintptr_t)leaf, key) != 1)
		snprintf(report->error, size, "private key '%s' does not belong to certificate '%s'", key_path, chain_path);
	else if (X509_cmp_current_time(from) > 0)
		snprintf(report->error, size, "certificate '%s' is not valid yet; check the clock", chain_path);
	else if (X509_cmp_current_time(until) < 0)
		snprintf(report->error, size, "certificate '%s' has expired; renew it", chain_path);
	ERR_clear_error();
	return report->error[0] == '\0' ? 0 : -EINVAL;
}

int
certificate_check(int chain_fd, int key_fd, const char *chain_path, const char *key_path,
    struct certificate_report *report)
{
	BIO *bio = bio_of(chain_fd);
	X509 *leaf = read_certificate(bio);
	EVP_PKEY *key = read_key(key_fd);
	int r = -EINVAL;

	report->error[0] = '\0';
	if (leaf == NULL)
		snprintf(report->error, sizeof(report->error), "'%s' holds no PEM certificate", chain_path);
	else if (key == NULL)
		snprintf(report->error, sizeof(report->error),
		    "'%s' holds no PEM private key, or one with a passphrase; remove the passphrase with 'openssl pkey'",
		    key_path);
	else
		r = check_pair(leaf, key, chain_path, key_path, report);
	X509_free(leaf);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return r;
}

/* The client offers "ftp" (or nothing): anything else is another protocol led here (RFC 7301, 3.2). */
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

static bool
set_rules(SSL_CTX *context, enum config_tls_version minimum)
{
	static const unsigned char id[] = "sallyport";

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_ANTI_REPLAY);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
	SSL_CTX_set_timeout(context, TICKET_SECONDS);
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER);
	SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
	return SSL_CTX_set_min_proto_version(context, minimum == CONFIG_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(context, CIPHERS_1_2) == 1 && SSL_CTX_set1_groups_list(context, GROUPS) == 1 &&
	    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1) == 1;
}

/* Leaf, intermediates and the key that is elsewhere. */
static bool
set_chain(SSL_CTX *context, BIO *bio)
{
	X509 *certificate = read_certificate(bio);
	EVP_PKEY *key = certificate == NULL ? NULL : remote_key_new(X509_get0_pubkey(certificate));
	bool ok = key != NULL && SSL_CTX_use_certificate(context, certificate) == 1 &&
	    SSL_CTX_use_PrivateKey(context, key) == 1;

	EVP_PKEY_free(key);
	X509_free(certificate);
	while (ok && (certificate = read_certificate(bio)) != NULL) {
		ok = SSL_CTX_add1_chain_cert(context, certificate) == 1;
		X509_free(certificate);
	}
	return ok;
}

SSL_CTX *
certificate_context(int chain_fd, enum config_tls_version minimum, char *error, size_t size)
{
	BIO *bio = bio_of(chain_fd);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (bio == NULL || context == NULL || !set_rules(context, minimum) || !set_chain(context, bio)) {
		unsigned long number = ERR_get_error();
		const char *reason = number == 0 ? "out of memory" : ERR_reason_error_string(number);

		snprintf(error, size, "TLS cannot be set up: %s", reason == NULL ? "unknown error" : reason);
		SSL_CTX_free(context);
		context = NULL;
	}
	ERR_clear_error();
	BIO_free(bio);
	return context;
}

int
certificate_context_confine(SSL_CTX *context)
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
