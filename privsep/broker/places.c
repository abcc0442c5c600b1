/* SPDX-License-Identifier: ISC */
#include "privsep/broker/places.h"

#include <errno.h>
#include <string.h>

#include "common/buf.h"
#include "common/text.h"

#include "common/banned.h"

#define PORT_DEFAULT "5432"

/* What would read files or ask services that are out of reach. */
static const struct {
	const char *key, *problem;
} walled_keys[] = {
    {"requirepeer", "requirepeer: the broker does not look up users; leave it out"},
    {"gsslib", "gsslib: the broker has no Kerberos; leave it out"},
    {"krbsrvname", "krbsrvname: the broker has no Kerberos; leave it out"},
};

int
places_init(struct places *places, const char *connect, struct buf *problem)
{
	int r;

	*places = (struct places){.first_place = 0};
	r = conninfo_parse(connect, &places->info, problem);
	for (size_t i = 0; r == 0 && i < sizeof(walled_keys) / sizeof(walled_keys[0]); i++)
		if (conninfo_value(&places->info, walled_keys[i].key) != NULL) {
			buf_add_text(problem, walled_keys[i].problem);
			places_free(places);
			r = -EINVAL;
		}
	return r;
}

void
places_free(struct places *places)
{
	conninfo_free(&places->info);
}

/* --- names --- */

static void
skip_to_name(struct places *places)
{
	while (places->to_look_up < places->info.place_count &&
	    places->info.places[places->to_look_up].kind != CONNINFO_NAME)
		places->to_look_up++;
}

void
places_begin(struct places *places)
{
	places->to_look_up = 0;
	skip_to_name(places);
}

const char *
places_name(const struct places *places)
{
	return places->to_look_up < places->info.place_count ? places->info.places[places->to_look_up].host : NULL;
}

void
places_found(struct places *places, const struct conninfo_found *found)
{
	if (places->to_look_up >= places->info.place_count)
		return;
	if (found->count > 0)
		places->found[places->to_look_up] = *found;
	places->to_look_up++;
	skip_to_name(places);
}

/* --- order --- */

static size_t
address_count(const struct places *places, size_t place)
{
	return places->info.places[place].kind == CONNINFO_NAME ? places->found[place].count : 1;
}

/* The addresses of a name, from one of them on, and those before it at the end. */
static struct conninfo_found
found_from(const struct conninfo_found *found, size_t first)
{
	struct conninfo_found turned = {.count = found->count};

	for (size_t i = 0; i < found->count; i++)
		turned.addresses[i] = found->addresses[(first + i) % found->count];
	return turned;
}

int
places_compose(const struct places *places, struct buf *out)
{
	struct conninfo turned = places->info;
	struct conninfo_found found[CONNINFO_PLACES_MAX];

	for (size_t i = 0; i < turned.place_count; i++) {
		size_t from = (places->first_place + i) % turned.place_count;

		turned.places[i] = places->info.places[from];
		found[i] = found_from(&places->found[from], i == 0 ? places->first_address : 0);
	}
	return conninfo_compose(&turned, found, out);
}

static bool
is_at_port(const struct conninfo_place *place, const char *port)
{
	return strcmp(place->port[0] == '\0' ? PORT_DEFAULT : place->port, port[0] == '\0' ? PORT_DEFAULT : port) == 0;
}

/* Which of the addresses of a place is it? As many as there are: none. */
static size_t
find_address(const struct places *places, size_t at, const char *address)
{
	const struct conninfo_place *place = &places->info.places[at];
	size_t count = address_count(places, at);
	char text[ADDRESS_TEXT_MAX];

	if (place->kind != CONNINFO_NAME)
		return strcmp(place->host, address) == 0 || strcmp(place->hostaddr, address) == 0 ? 0 : count;
	for (size_t i = 0; i < count; i++) {
		address_text(&places->found[at].addresses[i], text);
		if (strcmp(text, address) == 0)
			return i;
	}
	return count;
}

void
places_blame(struct places *places, const char *place, const char *port)
{
	for (size_t i = 0; i < places->info.place_count; i++) {
		size_t count = address_count(places, i), at = find_address(places, i, place);

		if (at >= count || !is_at_port(&places->info.places[i], port))
			continue;
		places->first_address = at + 1 < count ? at + 1 : 0;
		places->first_place = at + 1 < count ? i : (i + 1) % places->info.place_count;
		return;
	}
}

/* --- ports --- */

size_t
places_ports(const struct places *places, uint16_t ports[CONNINFO_PLACES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < places->info.place_count; i++) {
		const struct conninfo_place *place = &places->info.places[i];
		uint64_t port;

		if (place->kind != CONNINFO_SOCKET &&
		    parse_u64(place->port[0] == '\0' ? PORT_DEFAULT : place->port, UINT16_MAX, &port) == 0)
			ports[count++] = (uint16_t)port;
	}
	return count;
}
