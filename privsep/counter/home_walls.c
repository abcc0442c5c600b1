/* SPDX-License-Identifier: ISC */
#include "privsep/counter/home_walls.h"

#include <sys/resource.h>

#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define NICE_LOWEST 19

int
home_walls_enter(const struct home_walls *walls)
{
	int r = sandbox_close_all_but(walls->kept, walls->kept_count);

	/* for processor and disk alike: no session waits for it */
	(void)setpriority(PRIO_PROCESS, 0, NICE_LOWEST);
	if (r == 0)
		r = sandbox_limit(SANDBOX_FILES);
	if (r == 0)
		r = sandbox_chroot_home(walls->home_fd, walls->uid, walls->gid);
	if (r == 0)
		r = sandbox_drop_identity(walls->uid, walls->gid);
	if (r == 0)
		r = sandbox_landlock(walls->home_fd, walls->is_read_only);
	return r < 0 ? r : sandbox_enter(SANDBOX_FILES, walls->parent);
}
