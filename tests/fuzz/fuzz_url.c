/* SPDX-License-Identifier: ISC */
/* URLs of the command line, and lines of a file of them. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/url.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool is_so)
{
	if (!is_so)
		abort();
}

static bool
is_one_line(const char *text)
{
	return text == NULL || strpbrk(text, "\r\n") == NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct ftp_url url;
	const char *why = NULL;
	int r;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	r = ftp_url_parse(text, &url, &why);
	must(r == 0 || (r == -EINVAL && *why != '\0'));
	if (r == 0) {
		must(url.host != NULL && *url.host != '\0' && url.path != NULL && url.port != 0);
		must(is_one_line(url.host) && is_one_line(url.path) && is_one_line(url.user) &&
		    is_one_line(url.password));
		ftp_url_free(&url);
	}
	must(url.host == NULL && url.password == NULL);
	free(text);
	return 0;
}
