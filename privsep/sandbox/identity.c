/* SPDX-License-Identifier: ISC */
/* chroot, and the way from root to a user without rights. */
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/no_new_privs.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/*
 * uid 0 has no powers any more, and this is locked. NO_SETUID_FIXUP is locked unset: leaving uid 0 drops
 * capabilities.
 */
#define LOCKED_SECUREBITS \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int
sandbox_chroot(int directory_fd)
{
	if (fchdir(directory_fd) < 0 || chroot(".") < 0)
		return sandbox_step(SANDBOX_STEP_CHROOT, -errno);
	return 0;
}

int
sandbox_chroot_home(int home_fd, uid_t uid, gid_t gid)
{
	int r = sandbox_chroot(home_fd);

	if (r != -EACCES)
		return r;
	/* root may not enter it: no CAP_DAC_OVERRIDE, or a file system whose server treats root as nobody */
	setfsgid(gid);
	setfsuid(uid);
	return sandbox_chroot(home_fd);
}

/*
 * Without a bounding set, a program that root executes has what is inheritable: the master must be able to
 * start its own program anew. Whoever drops the identity loses this set with the others.
 */
static int
keep_over_exec(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets) < 0)
		return -errno;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets[i].inheritable = sets[i].permitted;
	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

int
sandbox_empty_bounds(void)
{
	int r = keep_over_exec();

	if (r < 0)
		return sandbox_step(SANDBOX_STEP_BOUNDS, r);
	capng_clear(CAPNG_SELECT_BOUNDS);
	return sandbox_step(SANDBOX_STEP_BOUNDS, capng_apply(CAPNG_SELECT_BOUNDS) < 0 ? -EPERM : 0);
}

/* The part that only root can do: everything but the ids themselves. */
static int
drop_while_root(const gid_t *groups, size_t count, int kept)
{
	unsigned long securebits = LOCKED_SECUREBITS | (kept == SANDBOX_NO_CAPABILITY ? 0 : SECBIT_KEEP_CAPS);

	if (setgroups(count, groups) < 0)
		return sandbox_step(SANDBOX_STEP_GROUPS, -errno);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return sandbox_step(SANDBOX_STEP_AMBIENT, -errno);
	/* empty already where the master did it; a check of one bit instead of a call for each */
	if (prctl(PR_CAPBSET_READ, CAP_SETUID, 0, 0, 0) != 0 && sandbox_empty_bounds() < 0)
		return -EPERM;
	if (prctl(PR_SET_SECUREBITS, securebits, 0, 0, 0) < 0)
		return sandbox_step(SANDBOX_STEP_SECUREBITS, -errno);
	return 0;
}

static int
drop_capabilities(int kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (kept != SANDBOX_NO_CAPABILITY)
		sets[kept / 32].effective = sets[kept / 32].permitted = 1U << (kept % 32);
	if (syscall(SYS_capset, &header, sets) < 0)
		return sandbox_step(SANDBOX_STEP_CAPABILITIES, -EPERM);
	return sandbox_no_new_privs();
}

/* True when this process has a capability in any set of capget(2), but kept. */
static bool
has_capabilities(int kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets) < 0)
		return true;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		uint32_t allowed = kept / 32 == i && kept >= 0 ? 1U << (kept % 32) : 0;

		if (((sets[i].effective | sets[i].permitted) & ~allowed) != 0 || sets[i].inheritable != 0)
			return true;
	}
	return false;
}

bool
sandbox_is_powerless(void)
{
	uid_t ruid, euid, suid;

	return getresuid(&ruid, &euid, &suid) == 0 && ruid != 0 && euid != 0 && suid != 0 &&
	    !has_capabilities(SANDBOX_NO_CAPABILITY);
}

/* The kernel sorts them. */
static bool
has_groups(const gid_t *groups, size_t count)
{
	gid_t found[SANDBOX_GROUPS_MAX + 2];
	int n = getgroups(SANDBOX_GROUPS_MAX + 2, found);

	if (n < 0 || (size_t)n != count)
		return false;
	for (int i = 0; i < n; i++) {
		size_t k = 0;

		while (k < count && groups[k] != found[i])
			k++;
		if (k == count)
			return false;
	}
	return true;
}

/* True when any of it is still there, or can be had back. */
static bool
root_is_left(uid_t uid, gid_t gid, const gid_t *groups, size_t count, int kept)
{
	const gid_t root = 0;
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || ruid != uid || euid != uid || suid != uid)
		return true;
	if (getresgid(&rgid, &egid, &sgid) < 0 || rgid != gid || egid != gid || sgid != gid)
		return true;
	if (!has_groups(groups, count))
		return true;
	if (setuid(0) == 0 || setresuid(0, 0, 0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		return true;
	if (setgid(0) == 0 || setresgid(0, 0, 0) == 0)
		return true;
	if (setgroups(1, &root) == 0)
		return true;
	return has_capabilities(kept);
}

int
sandbox_drop_identity(uid_t uid, gid_t gid)
{
	return sandbox_drop_identity_but(uid, gid, SANDBOX_NO_CAPABILITY);
}

static int
drop_to(uid_t uid, gid_t gid, const gid_t *groups, size_t count, int kept)
{
	int r;

	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	r = drop_while_root(groups, count, kept);
	if (r < 0)
		return r;
	if (setresgid(gid, gid, gid) < 0)
		return sandbox_step(SANDBOX_STEP_GID, -errno);
	if (setresuid(uid, uid, uid) < 0)
		return sandbox_step(SANDBOX_STEP_UID, -errno);
	r = drop_capabilities(kept);
	if (r < 0)
		return r;
	if (root_is_left(uid, gid, groups, count, kept))
		abort();
	return 0;
}

int
sandbox_drop_identity_but(uid_t uid, gid_t gid, int kept)
{
	return drop_to(uid, gid, &gid, 1, kept);
}

int
sandbox_drop_identity_with(uid_t uid, gid_t gid, const gid_t *groups, size_t count)
{
	gid_t all[SANDBOX_GROUPS_MAX + 1] = {gid};
	size_t all_count = 1;

	if (count > SANDBOX_GROUPS_MAX)
		return sandbox_step(SANDBOX_STEP_GROUPS, -E2BIG);
	for (size_t i = 0; i < count; i++) {
		size_t k = 0;

		if (groups[i] == 0)
			return -EINVAL;
		while (k < all_count && all[k] != groups[i])
			k++;
		if (k == all_count)
			all[all_count++] = groups[i];
	}
	return drop_to(uid, gid, all, all_count, SANDBOX_NO_CAPABILITY);
}
