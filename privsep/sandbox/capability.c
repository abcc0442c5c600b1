/* SPDX-License-Identifier: ISC */
/* Capabilities: their names, and whether this process has them. */
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

/* The capabilities that this file knows by name, as containers and units write them. */
static const struct {
	int number;
	const char *name;
} capabilities[] = {
    {CAP_CHOWN, "CHOWN"},
    {CAP_KILL, "KILL"},
    {CAP_NET_BIND_SERVICE, "NET_BIND_SERVICE"},
    {CAP_SETGID, "SETGID"},
    {CAP_SETPCAP, "SETPCAP"},
    {CAP_SETUID, "SETUID"},
    {CAP_SYS_CHROOT, "SYS_CHROOT"},
};

const char *
sandbox_capability_name(int number)
{
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		if (capabilities[i].number == number)
			return capabilities[i].name;
	return "?";
}

bool
sandbox_has_capability(int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &header, sets) == 0 &&
	    (sets[capability / 32].permitted & (UINT32_C(1) << (capability % 32))) != 0;
}
