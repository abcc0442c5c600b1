/* SPDX-License-Identifier: ISC */
/* A request to the metrics process: any bytes; an accepted one has a path and a host within bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "privsep/metrics/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request request, again;
	enum http_status status = http_parse((const char *)data, size, &request);

	(void)http_host_is_local(request.host);
	if (strlen(request.path) > HTTP_TARGET_MAX || strlen(request.host) > HTTP_HOST_MAX)
		abort();
	if (status == HTTP_OK && request.path[0] != '/')
		abort();
	/* later bytes do not change the verdict */
	if (status != HTTP_INCOMPLETE && size > 0 && size < HTTP_REQUEST_MAX &&
	    http_parse((const char *)data, size - 1, &again) != HTTP_INCOMPLETE &&
	    http_parse((const char *)data, size - 1, &again) != status)
		abort();
	return 0;
}
