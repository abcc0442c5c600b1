/* SPDX-License-Identifier: ISC */
/* Take the broker behind its walls. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/broker/broker.h"
#include "privsep/broker/no_kerberos.h"
#include "privsep/broker/places.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* Where certificates of authorities lie, besides the directory of store.conf. */
static const char *const authority_directories[] = {
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
};

#define AUTHORITY_COUNT (sizeof(authority_directories) / sizeof(authority_directories[0]))

/* What OpenSSL looks up at first use it finds now: its configuration, its algorithms, its random numbers. */
static void
rehearse_openssl(void)
{
	static const char *const digests[] = {"SHA256", "SHA384", "SHA512", "SHA1", "MD5"};
	unsigned char byte;
	SSL_CTX *context;

	OPENSSL_init_ssl(0, NULL);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_free(context);
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++)
		EVP_MD_free(EVP_MD_fetch(NULL, digests[i], NULL));
	(void)RAND_bytes(&byte, 1);
}

static size_t
open_directories(const char *own, int fds[AUTHORITY_COUNT + 1])
{
	size_t count = 0;

	for (size_t i = 0; i <= AUTHORITY_COUNT; i++) {
		const char *path = i < AUTHORITY_COUNT ? authority_directories[i] : own;
		int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			fds[count++] = fd;
	}
	return count;
}

static int
confine_broker(const struct broker_process *process)
{
	int fds[AUTHORITY_COUNT + 1];
	uint16_t ports[CONNINFO_PLACES_MAX];
	size_t port_count = process->places == NULL ? 0 : places_ports(process->places, ports);
	size_t count = open_directories(process->directory, fds);
	int r = sandbox_landlock_outward(fds, count, ports, port_count);

	for (size_t i = 0; i < count; i++)
		close_fd(&fds[i]);
	return r;
}

void
broker_enter_walls(const struct broker_process *process)
{
	if (!kerberos_is_refused())
		_exit(SANDBOX_EXIT_WALLS);
	rehearse_openssl();
	if (confine_broker(process) < 0 || sandbox_limit(SANDBOX_BROKER) < 0 ||
	    sandbox_enter(SANDBOX_BROKER, process->master_pid) < 0)
		sandbox_give_up();
}
