/* SPDX-License-Identifier: ISC */
/* The input as store.conf, and its connection string as libpq is given it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "store/conninfo.h"
#include "store/store_conf.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is composed can be parsed, and comes to the same places. */
static void
check_connect(const char *connect)
{
	struct conninfo info, again;
	struct buf problem, text;

	buf_init(&problem, 4096);
	buf_init(&text, CONNINFO_TEXT_MAX);
	if (conninfo_parse(connect, &info, &problem) == 0) {
		if (info.place_count == 0 || info.place_count > CONNINFO_PLACES_MAX)
			abort();
		/* client_encoding is added for libpq, and refused from elsewhere */
		if (conninfo_compose(&info, NULL, &text) == 0 && conninfo_parse(text.data, &again, &problem) == 0)
			abort();
		conninfo_free(&info);
	} else if (problem.len == 0) {
		abort();
	}
	buf_free(&problem);
	buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_conf conf;
	struct buf problem;
	char *copy = malloc(size + 2);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	memcpy(copy + size, "\n", 2);
	buf_init(&problem, 65536);
	if (store_conf_parse("store.conf", copy, size + 1, &conf, &problem) == 0) {
		if (conf.connect == NULL || conf.node == NULL || conf.connections == 0 ||
		    conf.connections > STORE_CONNECTIONS_MAX)
			abort();
		check_connect(conf.connect);
		store_conf_free(&conf);
	} else if (problem.len == 0) {
		abort();
	}
	buf_free(&problem);
	free(copy);
	return 0;
}
