/* SPDX-License-Identifier: ISC */
/* Requests over the control socket. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "daemon/master/control_request.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

/* An accepted text has no control characters, and keeps its bounds. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request;
	const char *error = NULL;
	char *line;

	if (size >= CONTROL_LINE_MAX)
		return 0;
	line = malloc(size + 1); /* only the NUL fits after it */
	if (line == NULL)
		return 0;
	memcpy(line, data, size);
	if (control_request_parse(line, size, &request, &error) < 0) {
		must(error != NULL && error[0] != '\0');
	} else {
		must(request.command < CONTROL_COMMAND_COUNT && request.target < CONTROL_TARGET_COUNT);
		must(!has_control(request.value, strlen(request.value)));
		must(!has_control(request.text, strlen(request.text)) && strlen(request.text) <= NOTICE_TEXT_MAX);
		must(utf8_valid(request.text, strlen(request.text)));
	}
	free(line);
	return 0;
}
