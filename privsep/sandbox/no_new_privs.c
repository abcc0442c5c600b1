/* SPDX-License-Identifier: ISC */
#include "privsep/sandbox/no_new_privs.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "common/written.h"
#include "privsep/sandbox/failure.h"

#include "common/banned.h"

int
sandbox_no_new_privs(void)
{
	/* inherited like the bit itself, which nothing takes back */
	static bool is_set OFTEN_WRITTEN;

	if (!is_set && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sandbox_step(SANDBOX_STEP_NO_NEW_PRIVS, -errno);
	is_set = true;
	return 0;
}
