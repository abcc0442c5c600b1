/* SPDX-License-Identifier: ISC */
/* The message for a wall that cannot be built: which step, why, and what would be right. */
#include "privsep/sandbox/failure.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

/* Of this process: the last step that failed. */
static struct sandbox_failure last_failure = {.step = SANDBOX_STEP_COUNT};
static volatile int report_channel = -1;

/* A step: the call, the capability behind its EPERM, and what else its error means. */
static const struct step {
	const char *call;
	int capability; /* SANDBOX_NO_CAPABILITY: no capability helps */
	int error; /* the errno that advice is about; 0: any */
	const char *advice;
} steps[SANDBOX_STEP_COUNT] = {
    [SANDBOX_STEP_DESCRIPTORS] = {"close_range", SANDBOX_NO_CAPABILITY, 0,
	"Linux 5.9 or later is needed, and a seccomp profile of the container that allows the call"},
    [SANDBOX_STEP_LIMITS] = {"setrlimit", SANDBOX_NO_CAPABILITY, 0, NULL},
    [SANDBOX_STEP_CHROOT] = {"chroot", CAP_SYS_CHROOT, EACCES,
	"root cannot enter the directory; look at the owners and modes of all directories above it"},
    [SANDBOX_STEP_GROUPS] = {"setgroups", CAP_SETGID, EINVAL,
	"the gid has no place in this user namespace; see /proc/self/gid_map"},
    [SANDBOX_STEP_AMBIENT] = {"prctl(PR_CAP_AMBIENT)", SANDBOX_NO_CAPABILITY, 0,
	"a seccomp profile of the container must allow prctl"},
    [SANDBOX_STEP_BOUNDS] = {"prctl(PR_CAPBSET_DROP)", CAP_SETPCAP, 0, NULL},
    [SANDBOX_STEP_SECUREBITS] = {"prctl(PR_SET_SECUREBITS)", CAP_SETPCAP, 0, NULL},
    [SANDBOX_STEP_GID] = {"setresgid", CAP_SETGID, EINVAL,
	"the gid has no place in this user namespace; see /proc/self/gid_map"},
    [SANDBOX_STEP_UID] = {"setresuid", CAP_SETUID, EINVAL,
	"the uid has no place in this user namespace; see /proc/self/uid_map"},
    [SANDBOX_STEP_CAPABILITIES] = {"capset", CAP_NET_BIND_SERVICE, 0, "active-port below 1024 needs it"},
    [SANDBOX_STEP_NO_NEW_PRIVS] = {"prctl(PR_SET_NO_NEW_PRIVS)", SANDBOX_NO_CAPABILITY, 0, NULL},
    [SANDBOX_STEP_LANDLOCK] = {"landlock", SANDBOX_NO_CAPABILITY, E2BIG,
	"too many rulesets of Landlock are stacked; start the server outside of other sandboxes"},
    [SANDBOX_STEP_DUMPABLE] = {"prctl(PR_SET_DUMPABLE)", SANDBOX_NO_CAPABILITY, 0, NULL},
    [SANDBOX_STEP_PARENT] = {"prctl(PR_SET_PDEATHSIG)", SANDBOX_NO_CAPABILITY, ECANCELED,
	"the process that started it has ended"},
    [SANDBOX_STEP_FILTER] = {"seccomp", SANDBOX_NO_CAPABILITY, 0,
	"the kernel needs CONFIG_SECCOMP_FILTER, and a seccomp profile of the container must allow the call"},
    [SANDBOX_STEP_SIGNALS] = {"sigprocmask", SANDBOX_NO_CAPABILITY, 0, NULL},
};

void
sandbox_report_to(int channel)
{
	report_channel = channel;
}

int
sandbox_report_channel(void)
{
	return report_channel;
}

int
sandbox_step(enum sandbox_step step, int error)
{
	int capability = steps[step].capability;

	if (error < 0)
		last_failure = (struct sandbox_failure){
		    .step = step,
		    .lacks_capability = capability != SANDBOX_NO_CAPABILITY && !sandbox_has_capability(capability),
		    .error = -error,
		};
	return error;
}

void
sandbox_last_failure(struct sandbox_failure *failure)
{
	*failure = last_failure;
}

void
sandbox_give_up(void)
{
	int channel = sandbox_report_channel();
	const uint32_t error = (uint32_t)last_failure.error;
	const uint8_t report[] = {
	    IPC_no_walls & 0xff,
	    IPC_no_walls >> 8,
	    (uint8_t)last_failure.step,
	    last_failure.lacks_capability,
	    error & 0xff,
	    (error >> 8) & 0xff,
	    (error >> 16) & 0xff,
	    (error >> 24) & 0xff,
	};

	if (channel >= 0)
		(void)!send(channel, report, sizeof(report), MSG_NOSIGNAL | MSG_DONTWAIT);
	_exit(SANDBOX_EXIT_WALLS);
}

bool
sandbox_get_failure(struct ipc_message *message, struct sandbox_failure *failure)
{
	uint8_t step = ipc_get_u8(message);
	bool lacks_capability = ipc_get_u8(message) != 0;
	uint32_t error = ipc_get_u32(message);

	*failure = (struct sandbox_failure){.step = SANDBOX_STEP_COUNT};
	if (!ipc_end(message) || step > SANDBOX_STEP_COUNT || error > SANDBOX_ERRNO_MAX)
		return false;
	*failure = (struct sandbox_failure){
	    .step = (enum sandbox_step)step,
	    .lacks_capability = lacks_capability,
	    .error = (int)error,
	};
	return true;
}

void
sandbox_explain(const struct sandbox_failure *failure, char *text, size_t size)
{
	const struct step *step;
	int len;

	if (failure->step >= SANDBOX_STEP_COUNT) {
		snprintf(text, size, "the reason is not known");
		return;
	}
	step = &steps[failure->step];
	len = snprintf(text, size, "%s: %s", step->call, strerror(failure->error));
	if (len < 0 || (size_t)len >= size)
		return;
	text += len;
	size -= (size_t)len;
	if (failure->lacks_capability && step->capability != SANDBOX_NO_CAPABILITY)
		snprintf(text, size, "; CAP_%s is missing", sandbox_capability_name(step->capability));
	else if (failure->error == EPERM && step->capability != SANDBOX_NO_CAPABILITY)
		snprintf(text, size,
		    "; CAP_%s is present, so the user namespace (/proc/self/setgroups) or the seccomp profile of a "
		    "container "
		    "denies it",
		    sandbox_capability_name(step->capability));
	else if (step->advice != NULL && (step->error == 0 || step->error == failure->error))
		snprintf(text, size, "; %s", step->advice);
}

void
sandbox_log_failure(const char *process, const struct sandbox_failure *failure)
{
	char why[SANDBOX_TEXT_MAX];

	sandbox_explain(failure, why, sizeof(why));
	log_begin(LEVEL_CRITICAL, "alarm");
	log_field_text("no_walls", process);
	log_field_text("message", why);
	log_end();
}
