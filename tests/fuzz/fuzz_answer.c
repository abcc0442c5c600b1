/* SPDX-License-Identifier: ISC */
/* The values that the engine parses from single replies. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/answer.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), path[64], hex[129];
	const char *feature;
	uint32_t host;
	uint16_t port = 0;
	int64_t seconds = -1;
	uint64_t first, last;
	int r;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	must(answer_epsv(text, &port) < 0 || port > 0);
	port = 0;
	must(answer_pasv(text, &host, &port) < 0 || port > 0);
	r = answer_path(text, path, sizeof(path));
	must(r == -EINVAL || r == -ENAMETOOLONG || (r == 0 && strlen(path) > 0 && strlen(path) < sizeof(path)));
	must(answer_time(text, size, &seconds) < 0 || seconds >= 0);
	(void)answer_hash_range(text, &first, &last);
	if (answer_hash(text, 128, hex) == 0)
		must(strspn(hex, "0123456789abcdef") == 128 && strlen(hex) == 128);
	if (answer_hash(text, 8, hex) == 0)
		must(strspn(hex, "0123456789abcdef") == 8 && strlen(hex) == 8);
	feature = answer_feature(text, "MLST");
	must(feature == NULL || (feature >= text && feature <= text + size));
	free(text);
	return 0;
}
