/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/ahead.h"

#include "common/io.h"
#include "daemon/protocol/listeners.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

void
ahead_forget(struct protocol *protocol)
{
	listeners_close(&protocol->ahead.spare);
	protocol->ahead.asked = 0;
}

int
ahead_left_ms(const struct protocol *protocol)
{
	return protocol->ahead.spare.count > 0 ? deadline_left_ms(protocol->ahead.until_ms, monotonic_ms()) : -1;
}

bool
ahead_expire(struct protocol *protocol)
{
	if (ahead_left_ms(protocol) != 0)
		return false;
	ahead_forget(protocol);
	return true;
}
