/* SPDX-License-Identifier: ISC */
#include "daemon/master/resolver.h"

#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/errand.h"
#include "daemon/master/master.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define LOOK_EVERY_MS (5 * 60 * 1000)
#define LOOKUP_SECONDS_MAX 30

static bool
is_name(const struct master *master)
{
	union address address;

	return !master->config->passive_address_auto && address_parse(master->config->passive_address, &address) < 0;
}

/* runs in the errand: the first IPv4 address of the name, four bytes in place of lines */
static void __attribute__((noreturn))
look_up(const struct master *master, struct errand *errand)
{
	static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	const int keep[] = {errand->lines_fd};
	struct addrinfo *found = NULL;

	if (sandbox_close_all_but(keep, 1) < 0 || sandbox_drop_identity(master->service_uid, master->service_gid) < 0)
		_exit(1);
	if (getaddrinfo(master->config->passive_address, NULL, &hints, &found) != 0 || found == NULL)
		_exit(1);
	_exit(io_write_all(errand->lines_fd, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, 4) == 0 ? 0 : 1);
}

/* The process has read the network: the master takes its four bytes and no word of it. */
static void
ignore_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
resolver_gone(void *arg, int status)
{
	struct master *master = arg;
	union address address = {.v4 = {.sin_family = AF_INET}};
	bool has_address = read(master->passive.lookup.lines_fd, &address.v4.sin_addr, 4) == 4;

	if (errand_end(&master->passive.lookup, status, ignore_line, NULL) < 0 || !has_address)
		log_message(LEVEL_WARNING, "passive-address", "'%s' cannot be looked up; the last address stays",
		    master->config->passive_address);
	else if (is_name(master))
		master->passive.told = address;
}

static void
resolver_due(void *arg)
{
	struct master *master = arg;

	timer_set(master->loop, &master->passive.look, monotonic_ms() + LOOK_EVERY_MS);
	if (master->passive.lookup.pid != 0)
		return;
	master->passive.lookup = (struct errand){.child = {.gone = resolver_gone, .arg = master}};
	if (errand_start(&master->passive.lookup, master->loop, &master->board, "resolver", LOOKUP_SECONDS_MAX) == 0)
		look_up(master, &master->passive.lookup);
}

void
resolver_configure(struct master *master)
{
	union address address;

	master->passive.look.due = resolver_due;
	master->passive.look.arg = master;
	if (is_name(master)) {
		timer_set(master->loop, &master->passive.look, 0); /* the last answer serves until then */
		return;
	}
	timer_stop(master->loop, &master->passive.look);
	memset(&master->passive.told, 0, sizeof(master->passive.told));
	if (!master->config->passive_address_auto &&
	    address_parse(master->config->passive_address, &address) == 0)
		master->passive.told = address;
}
