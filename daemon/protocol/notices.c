/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/notices.h"

#include <string.h>

#include "daemon/protocol/session.h"

#include "common/banned.h"

void
notices_add(struct protocol *protocol, const char *text)
{
	struct control *control = &protocol->control;
	size_t len = strlen(text);

	if (len + 1 > sizeof(control->notices) - control->notices_len)
		return;
	memcpy(control->notices + control->notices_len, text, len);
	control->notices[control->notices_len + len] = '\n';
	control->notices_len += len + 1;
}
