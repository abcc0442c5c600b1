/* SPDX-License-Identifier: ISC */
/* The arguments of PORT and EPRT. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/protocol/port_parse.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* An accepted address, written again, is accepted as the same; a refusal changes nothing. */
static void
check_port(const char *arg, const union address *nothing)
{
	union address peer = *nothing, again = *nothing;
	char text[64];
	int r = port_parse(arg, &peer);

	must(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r < 0) {
		must(memcmp(&peer, nothing, sizeof(peer)) == 0);
		return;
	}
	must(peer.family == AF_INET);
	port_format(&peer, text, sizeof(text));
	must(text[0] == '(' && text[strlen(text) - 1] == ')');
	text[strlen(text) - 1] = '\0';
	must(port_parse(text + 1, &again) == 0);
	must(address_same_host(&peer, &again) && address_port(&peer) == address_port(&again));
}

static void
check_eprt(const char *arg, const union address *nothing)
{
	union address peer = *nothing, again = *nothing;
	char host[ADDRESS_TEXT_MAX], text[128];
	int r = eprt_parse(arg, &peer);

	must(r == 0 || r == -EINVAL || r == -ERANGE || r == -EPROTONOSUPPORT);
	if (r < 0) {
		must(memcmp(&peer, nothing, sizeof(peer)) == 0);
		return;
	}
	must((peer.family == AF_INET || peer.family == AF_INET6) && address_port(&peer) != 0);
	address_text(&peer, host);
	snprintf(text, sizeof(text), "|%d|%s|%u|", peer.family == AF_INET ? 1 : 2, host, address_port(&peer));
	must(eprt_parse(text, &again) == 0);
	must(address_same_host(&peer, &again) && address_port(&peer) == address_port(&again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *arg = malloc(size + 1);
	union address nothing;

	if (arg == NULL)
		return 0;
	memcpy(arg, data, size);
	arg[size] = '\0';
	memset(&nothing, 0x5a, sizeof(nothing));
	check_port(arg, &nothing);
	check_eprt(arg, &nothing);
	free(arg);
	return 0;
}
