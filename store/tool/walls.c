/* SPDX-License-Identifier: ISC */
#include "store/tool/walls.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "store/conninfo.h"

#include "common/banned.h"

/* It stays the user that it is, who may read the files of the connection, and keeps no other right of root. */
static int
drop_store_capabilities(void)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int
store_walls_enter(const char *conf, const struct conninfo *info)
{
	const struct rlimit none = {0, 0};

	(void)conf;
	(void)info;
	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return drop_store_capabilities();
}
