/* SPDX-License-Identifier: ISC */
#include "store/tool/walls.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "privsep/broker/no_kerberos.h"
#include "privsep/sandbox/sandbox.h"
#include "store/conninfo.h"

#include "common/banned.h"

#define PORT_DEFAULT 5432

/* Where certificates are: those of this connection, and those of known authorities. */
static const char *const readable[] = {
    SYSCONFDIR "/sallyport/store",
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
};

#define READABLE_COUNT (sizeof(readable) / sizeof(readable[0]))

/* What OpenSSL reads or loads at first use, it does now. */
static void
warm_up_openssl(void)
{
	SSL_CTX *context;

	OPENSSL_init_ssl(0, NULL);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_free(context);
	EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
}

/* The ports of its servers; those of sockets are none. */
static size_t
list_ports(const struct conninfo *info, uint16_t ports[CONNINFO_PLACES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < info->place_count; i++) {
		const struct conninfo_place *place = &info->places[i];
		uint64_t port = PORT_DEFAULT;

		if (place->kind != CONNINFO_SOCKET &&
		    (place->port[0] == '\0' || parse_u64(place->port, UINT16_MAX, &port) == 0))
			ports[count++] = (uint16_t)port;
	}
	return count;
}

static int
open_to_read(const char *path)
{
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* It reads certificates, connects to the database, and nothing else. */
static int
confine_store_tool(const char *conf, const struct conninfo *info)
{
	const char *slash = strrchr(conf, '/');
	uint16_t ports[CONNINFO_PLACES_MAX];
	int fds[READABLE_COUNT + 1];
	char beside[PATH_MAX];
	size_t count = 0;
	int r;

	snprintf(beside, sizeof(beside), "%.*s", slash == NULL ? 0 : (int)(slash + 1 - conf), conf);
	for (size_t i = 0; i <= READABLE_COUNT; i++) {
		fds[count] = open_to_read(i < READABLE_COUNT ? readable[i] : beside);
		count += fds[count] >= 0;
	}
	r = sandbox_landlock_outward(fds, count, ports, list_ports(info, ports));
	for (size_t i = 0; i < count; i++)
		close_fd(&fds[i]);
	return r;
}

/* It stays the user that it is, who may read those files, and keeps no other right of root. */
static int
drop_store_capabilities(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static void
drop_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

int
store_walls_enter(const char *conf, const struct conninfo *info)
{
	int r = sandbox_init(drop_line, NULL);

	if (r == 0 && !kerberos_is_refused())
		r = -ENOTSUP;
	warm_up_openssl();
	if (r == 0)
		r = drop_store_capabilities();
	if (r == 0)
		r = confine_store_tool(conf, info);
	if (r == 0)
		r = sandbox_limit(SANDBOX_BROKER);
	return r < 0 ? r : sandbox_enter(SANDBOX_BROKER, 0);
}
