/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "privsep/tls/certificate.h"
#include "tests/unit/cmocka_ranges.h"
#include "tests/unit/tls_fixture.h"

#include "common/banned.h"

#define DAY_S (24L * 3600)

static char directory[] = "/tmp/sallyport-certificate.XXXXXX";
static char path[64];

static int
make_directory(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/file", mkdtemp(directory) == NULL ? "/nonexistent" : directory);
	return 0;
}

static int
remove_directory(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

/* Check that the pair is refused for a reason that contains this text; NULL: that it is good. */
static void
check_pair(EVP_PKEY *key, X509 *certificate, const char *reason)
{
	int key_fd = fixture_key_fd(key), chain_fd = fixture_certificate_fd(certificate);
	struct certificate_report report;
	int r = certificate_check(chain_fd, key_fd, "CHAIN", "KEY", &report);

	if (reason == NULL && r != 0)
		fail_msg("refused: %s", report.error);
	if (reason != NULL && (r != -EINVAL || strstr(report.error, reason) == NULL))
		fail_msg("expected '%s', got %d '%s'", reason, r, report.error);
	assert_int_equal(ERR_peek_error(), 0);
	close(key_fd);
	close(chain_fd);
	X509_free(certificate);
}

static void
test_bad_pairs(void **state)
{
	EVP_PKEY *key = fixture_key("P-256"), *other = fixture_key("P-256"), *rsa = fixture_key("RSA");
	EVP_PKEY *odd[] = {fixture_key("ED448"), fixture_key("secp256k1"), fixture_key("brainpoolP256r1"),
	    EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)};

	(void)state;
	check_pair(other, fixture_certificate(key, -60, DAY_S), "'KEY' does not belong to certificate 'CHAIN'");
	check_pair(rsa, fixture_certificate(key, -60, DAY_S), "does not belong");
	check_pair(key, fixture_certificate(key, -DAY_S, -60), "'CHAIN' has expired");
	check_pair(key, fixture_certificate(key, 600, DAY_S), "'CHAIN' is not valid yet");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		check_pair(odd[i], fixture_certificate(odd[i], -60, DAY_S), "'KEY' is of a type that is not supported");
		EVP_PKEY_free(odd[i]);
	}
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(rsa);
}

static void
test_no_pem(void **state)
{
	static const char *const texts[] = {"", "\n", "rubbish", "-----BEGIN CERTIFICATE-----\n",
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
	EVP_PKEY *key = fixture_key("P-256");
	X509 *certificate = fixture_certificate(key, -60, DAY_S);
	int key_fd = fixture_key_fd(key), chain_fd = fixture_certificate_fd(certificate);
	struct certificate_report report;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		BIO *pem = BIO_new(BIO_s_mem());
		int fd;

		BIO_write(pem, texts[i], (int)strlen(texts[i]));
		fd = fixture_memory(pem);
		assert_int_equal(certificate_check(fd, key_fd, "CHAIN", "KEY", &report), -EINVAL);
		assert_string_equal(report.error, "'CHAIN' holds no PEM certificate");
		assert_int_equal(certificate_check(chain_fd, fd, "CHAIN", "KEY", &report), -EINVAL);
		assert_non_null(strstr(report.error, "'KEY' holds no PEM private key"));
		close(fd);
	}
	/* key and certificate exchanged */
	assert_int_equal(certificate_check(key_fd, chain_fd, "CHAIN", "KEY", &report), -EINVAL);
	close(key_fd);
	close(chain_fd);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void
test_good_pairs(void **state)
{
	static const char *const types[] = {"RSA", "P-256", "P-384", "P-521", "ED25519"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		EVP_PKEY *key = fixture_key(types[i]);

		check_pair(key, fixture_certificate(key, -60, DAY_S), NULL);
		EVP_PKEY_free(key);
	}
}

static void
test_end(void **state)
{
	EVP_PKEY *key = fixture_key("ED25519");
	X509 *certificate = fixture_certificate(key, -60, 30 * DAY_S);
	int key_fd = fixture_key_fd(key), chain_fd = fixture_certificate_fd(certificate);
	struct certificate_report report;
	int64_t wanted = (int64_t)time(NULL) + 30 * DAY_S;

	(void)state;
	assert_int_equal(certificate_check(chain_fd, key_fd, "CHAIN", "KEY", &report), 0);
	assert_uint_in_range(report.not_after, wanted - 60, wanted + 1);
	close(key_fd);
	close(chain_fd);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void
test_modes_of_keys(void **state)
{
	static const struct {
		mode_t mode;
		bool is_tight;
	} rows[] = {
	    {0644, false},
	    {0604, false},
	    {0602, false},
	    {0601, false},
	    {0660, false},
	    {0620, false},
	    {0666, false},
	    {0777, false},
	    {0600, true},
	    {0400, true},
	    {0640, true},
	    {0440, true},
	};
	char error[512];
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(chmod(path, rows[i].mode), 0);
		fd = certificate_open(path, true, error, sizeof(error));
		if ((fd >= 0) != rows[i].is_tight)
			fail_msg("mode %04o: %d", rows[i].mode, fd);
		if (fd >= 0)
			close(fd);
		else
			assert_int_equal(fd, -EPERM);
		/* any mode of a certificate is fine */
		fd = certificate_open(path, false, error, sizeof(error));
		if (geteuid() == 0 || (rows[i].mode & 0400) != 0)
			assert_true(fd >= 0);
		if (fd >= 0)
			close(fd);
	}
}

static void
test_open_refuses(void **state)
{
	char error[512];

	(void)state;
	assert_int_equal(certificate_open("/nonexistent/key.pem", true, error, sizeof(error)), -ENOENT);
	assert_string_equal(error, "cannot open '/nonexistent/key.pem': No such file or directory");
	assert_int_equal(certificate_open("/dev/null", false, error, sizeof(error)), -EINVAL);
	assert_int_equal(certificate_open(directory, false, error, sizeof(error)), -EINVAL);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(certificate_open(path, true, error, sizeof(error)), -EINVAL);
	unlink(path);
}

static void
test_seal(void **state)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
	char bytes[8] = "";
	int sealed;

	(void)state;
	assert_int_equal(write(fd, "secret", 6), 6);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	sealed = certificate_seal(fd);
	assert_true(sealed >= 0);
	assert_int_equal(pread(sealed, bytes, sizeof(bytes), 0), 6);
	assert_memory_equal(bytes, "secret", 6);
	assert_int_equal(pwrite(sealed, "x", 1, 0), -1);
	assert_int_equal(ftruncate(sealed, 0), -1);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, 0), -1);
	close(sealed);
	assert_int_equal(ftruncate(fd, PEM_FILE_MAX + 1), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(certificate_seal(fd), -EFBIG);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bad_pairs),
	    cmocka_unit_test(test_no_pem),
	    cmocka_unit_test(test_good_pairs),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_modes_of_keys),
	    cmocka_unit_test(test_open_refuses),
	    cmocka_unit_test(test_seal),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
