/* SPDX-License-Identifier: ISC */
/*
 * Where the database may be: the places of the connection string in their order, with the addresses that the master has
 * looked up for their names. A place that takes a connection and then says nothing goes to the end of the order, so
 * that the next try begins with another one.
 */
#ifndef PRIVSEP_BROKER_PLACES_H
#define PRIVSEP_BROKER_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/conninfo.h"

struct places {
	struct conninfo info;
	struct conninfo_found found[CONNINFO_PLACES_MAX]; /* by index of info.places; the last ones that were found */
	size_t first_place, first_address; /* to be tried */
	size_t to_look_up; /* in this round: from this place on */
};

/* Parse a connection string. problem and errors as conninfo_parse(), and -EINVAL for what the broker's walls keep from libpq. */
int places_init(struct places *places, const char *connect, struct buf *problem);

void places_free(struct places *places);

/* A new round: all names are to be looked up again. */
void places_begin(struct places *places);

/* The next name of the round; NULL: there is none left. places_found() goes on to the next one. */
const char *places_name(const struct places *places);

/* The addresses of places_name(). None: the former ones stay. */
void places_found(struct places *places, const struct conninfo_found *found);

/* The connection string for a try, as conninfo_compose(). */
int places_compose(const struct places *places, struct buf *out);

/* The place with this address (or host, or directory) and port is silent: begin with the one after it. */
void places_blame(struct places *places, const char *place, const char *port);

/* The TCP ports of all places. Returns how many. */
size_t places_ports(const struct places *places, uint16_t ports[CONNINFO_PLACES_MAX]);

#endif
