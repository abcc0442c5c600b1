/* SPDX-License-Identifier: ISC */
#include "privsep/sandbox/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/sandbox/failure.h"
#include "privsep/sandbox/no_new_privs.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* The newest ABI that this file knows, and the most that it asks of a later kernel. */
#define LL_ABI_KNOWN 7

#define LL_CREATE_RULESET_VERSION 1U
#define LL_RULE_PATH_BENEATH 1
#define LL_RULE_NET_PORT 2

/* Rights on files, by the ABI that brought them. */
enum {
	LL_FS_EXECUTE = 1 << 0, /* ABI 1 */
	LL_FS_WRITE_FILE = 1 << 1,
	LL_FS_READ_FILE = 1 << 2,
	LL_FS_READ_DIR = 1 << 3,
	LL_FS_REMOVE_DIR = 1 << 4,
	LL_FS_REMOVE_FILE = 1 << 5,
	LL_FS_MAKE_CHAR = 1 << 6,
	LL_FS_MAKE_DIR = 1 << 7,
	LL_FS_MAKE_REG = 1 << 8,
	LL_FS_MAKE_SOCK = 1 << 9,
	LL_FS_MAKE_FIFO = 1 << 10,
	LL_FS_MAKE_BLOCK = 1 << 11,
	LL_FS_MAKE_SYM = 1 << 12,
	LL_FS_REFER = 1 << 13, /* ABI 2: rename into another directory */
	LL_FS_TRUNCATE = 1 << 14, /* ABI 3 */
	LL_FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
};

#define LL_FS_ABI_1 ((LL_FS_MAKE_SYM << 1) - 1)

#define LL_NET_BIND_TCP (1U << 0) /* ABI 4 */
#define LL_NET_CONNECT_TCP (1U << 1)

#define LL_SCOPE_ABSTRACT_UNIX (1U << 0) /* ABI 6 */
#define LL_SCOPE_SIGNAL (1U << 1)

#define LL_PATHS_MAX 8 /* of one ruleset */

#define LL_MAY_READ (LL_FS_READ_FILE | LL_FS_READ_DIR)
#define LL_MAY_WRITE \
	(LL_FS_WRITE_FILE | LL_FS_TRUNCATE | LL_FS_REMOVE_DIR | LL_FS_REMOVE_FILE | LL_FS_MAKE_DIR | LL_FS_MAKE_REG | \
	    LL_FS_REFER | LL_FS_MAKE_SYM /* for the rename of a link; no filter has symlink(2) */)

/* As the kernel defines them (linux/landlock.h, struct landlock_ruleset_attr and landlock_path_beneath_attr). */
struct ll_ruleset {
	uint64_t handled_fs;
	uint64_t handled_net; /* ABI 4 */
	uint64_t scoped; /* ABI 6 */
};

struct ll_path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

struct ll_net_port {
	uint64_t allowed;
	uint64_t port;
};

/* What a ruleset does not forbid. */
struct exceptions {
	const struct ll_path_beneath *paths;
	size_t path_count;
	const uint16_t *ports; /* for connections; void where the kernel cannot forbid them */
	size_t port_count;
};

static int kernel_abi;

void
landlock_probe(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_CREATE_RULESET_VERSION);

	/* ENOSYS: not built in; EOPNOTSUPP: switched off at boot */
	kernel_abi = abi > 0 ? (int)abi : 0;
}

int
sandbox_landlock_abi(void)
{
	return kernel_abi;
}

static uint64_t
fs_rights_of(int abi)
{
	uint64_t rights = LL_FS_ABI_1;

	if (abi >= 2)
		rights |= LL_FS_REFER;
	if (abi >= 3)
		rights |= LL_FS_TRUNCATE;
	if (abi >= 5)
		rights |= LL_FS_IOCTL_DEV;
	return rights;
}

/* Forbid all that the ABI can forbid; sets the size of the struct for this ABI. */
static struct ll_ruleset
ruleset_of(int abi, size_t *size)
{
	struct ll_ruleset ruleset = {.handled_fs = fs_rights_of(abi)};

	*size = sizeof(ruleset.handled_fs);
	if (abi >= 4) {
		ruleset.handled_net = LL_NET_BIND_TCP | LL_NET_CONNECT_TCP;
		*size = offsetof(struct ll_ruleset, scoped);
	}
	if (abi >= 6) {
		ruleset.scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
		*size = sizeof(ruleset);
	}
	return ruleset;
}

static int
known_abi(void)
{
	return kernel_abi < LL_ABI_KNOWN ? kernel_abi : LL_ABI_KNOWN;
}

static int
add_exceptions(int fd, const struct ll_ruleset *ruleset, const struct exceptions *but)
{
	for (size_t i = 0; i < but->path_count; i++)
		if (syscall(SYS_landlock_add_rule, fd, LL_RULE_PATH_BENEATH, &but->paths[i], 0) < 0)
			return -errno;
	for (size_t i = 0; i < but->port_count && (ruleset->handled_net & LL_NET_CONNECT_TCP) != 0; i++) {
		const struct ll_net_port port = {.allowed = LL_NET_CONNECT_TCP, .port = but->ports[i]};

		if (syscall(SYS_landlock_add_rule, fd, LL_RULE_NET_PORT, &port, 0) < 0)
			return -errno;
	}
	return 0;
}

/* From now on forbid all that the ruleset handles, but for the exceptions. */
static int
restrict_to(const struct ll_ruleset *ruleset, size_t size, const struct exceptions *but)
{
	int fd, r;

	fd = (int)syscall(SYS_landlock_create_ruleset, ruleset, size, 0);
	if (fd < 0)
		return sandbox_step(SANDBOX_STEP_LANDLOCK, -errno);
	r = sandbox_step(SANDBOX_STEP_LANDLOCK, add_exceptions(fd, ruleset, but));
	if (r == 0)
		r = sandbox_no_new_privs();
	if (r == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		r = sandbox_step(SANDBOX_STEP_LANDLOCK, -errno);
	close_fd(&fd);
	return r;
}

bool
sandbox_landlock_confines_writers(void)
{
	return known_abi() > 1;
}

int
sandbox_landlock_trees(const struct sandbox_tree *trees, size_t count)
{
	struct ll_path_beneath paths[SANDBOX_TREES_MAX];
	struct ll_ruleset ruleset;
	bool has_writers = false;
	int abi = known_abi();
	size_t size;

	if (count > SANDBOX_TREES_MAX)
		return sandbox_step(SANDBOX_STEP_LANDLOCK, -E2BIG);
	for (size_t i = 0; i < count; i++)
		has_writers = has_writers || !trees[i].is_read_only;
	/* ABI 1 forbids every rename into another directory, without a way to allow it; only readers can bear that. */
	if (abi == 0 || (abi == 1 && has_writers))
		return 0;
	ruleset = ruleset_of(abi, &size);
	for (size_t i = 0; i < count; i++)
		paths[i] = (struct ll_path_beneath){
		    .allowed = (trees[i].is_read_only ? LL_MAY_READ : LL_MAY_READ | LL_MAY_WRITE) & ruleset.handled_fs,
		    .parent_fd = trees[i].fd,
		};
	return restrict_to(&ruleset, size, &(struct exceptions){.paths = paths, .path_count = count});
}

int
sandbox_landlock(int home_fd, bool is_read_only)
{
	return sandbox_landlock_trees(&(const struct sandbox_tree){home_fd, is_read_only}, 1);
}

int
sandbox_landlock_outward(const int *directory_fds, size_t directory_count, const uint16_t *ports, size_t port_count)
{
	struct ll_path_beneath paths[LL_PATHS_MAX];
	struct ll_ruleset ruleset;
	int abi = known_abi();
	size_t size;

	if (directory_count > LL_PATHS_MAX)
		return sandbox_step(SANDBOX_STEP_LANDLOCK, -E2BIG);
	if (abi == 0)
		return 0;
	ruleset = ruleset_of(abi, &size);
	for (size_t i = 0; i < directory_count; i++)
		paths[i] = (struct ll_path_beneath){.allowed = LL_MAY_READ, .parent_fd = directory_fds[i]};
	return restrict_to(&ruleset, size,
	    &(struct exceptions){
		.paths = paths, .path_count = directory_count, .ports = ports, .port_count = port_count});
}

int
sandbox_landlock_nowhere(enum sandbox_process process)
{
	struct ll_ruleset ruleset;
	int abi = known_abi();
	size_t size;

	if (abi == 0)
		return 0;
	ruleset = ruleset_of(abi, &size);
	if (process == SANDBOX_MONITOR) {
		ruleset.handled_net = 0;
		ruleset.scoped &= ~(uint64_t)LL_SCOPE_SIGNAL; /* protocol was forked before this */
	}
	return restrict_to(&ruleset, size, &(struct exceptions){.paths = NULL});
}
