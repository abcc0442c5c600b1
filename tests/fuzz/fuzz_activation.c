/* SPDX-License-Identifier: ISC */
/*
 * LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES and SALLYPORT_UPGRADE: four texts, each up to its NUL, from a service
 * manager, a former server or any other program. Accepted values are bounded, and a name that one server writes
 * another one reads.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/master/activation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 4096
#define SELF 4711

/* The next text, up to a NUL; "-" stands for a variable that is not set. */
static const char *
next_text(const char **rest, const char *end)
{
	const char *text = *rest;

	*rest += strnlen(text, (size_t)(end - text));
	if (*rest < end)
		(*rest)++;
	return strcmp(text, "-") == 0 ? NULL : text;
}

static void
check_name(const struct listener *listener)
{
	static struct inherited again;

	if (activation_parse("1", "4711", activation_name(listener), "1", SELF, &again) != 0 || again.count != 1)
		abort();
	if (again.listeners[0].is_activated != listener->is_activated ||
	    (listener->is_activated && again.listeners[0].kind != listener->kind))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inherited inherited;
	char bytes[TEXT_MAX + 1];
	const char *rest = bytes, *end, *texts[4];
	int r;

	size = size < TEXT_MAX ? size : TEXT_MAX;
	memcpy(bytes, data, size);
	bytes[size] = '\0';
	end = bytes + size;
	for (int i = 0; i < 4; i++)
		texts[i] = next_text(&rest, end);
	r = activation_parse(texts[0], texts[1], texts[2], texts[3], SELF, &inherited);
	if (r < 0)
		return 0;
	if (inherited.count > (inherited.is_upgrade ? LISTENERS_MAX : LISTENERS_INHERITED_MAX))
		abort();
	for (size_t i = 0; i < inherited.count; i++) {
		if (inherited.listeners[i].fd != INHERITED_FIRST + (int)i)
			abort();
		check_name(&inherited.listeners[i]);
	}
	return 0;
}
