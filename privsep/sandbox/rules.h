/* SPDX-License-Identifier: ISC */
/* The allow-lists as tables: one row is one system call, its arguments as far as they are narrowed, and why. */
#ifndef PRIVSEP_SANDBOX_RULES_H
#define PRIVSEP_SANDBOX_RULES_H

#include <seccomp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "privsep/sandbox/sandbox.h"

#define SANDBOX_RULE_ARGS 3

/* Allowed when every one of the arg_count comparisons holds; several rows for one call are alternatives. */
struct sandbox_rule {
	int number;
	unsigned arg_count;
	struct scmp_arg_cmp args[SANDBOX_RULE_ARGS];
	const char *why;
};

/* One comparison. n counts from 0; a mask is as wide as the register, so high bits set by hand never match. */
#define IS(n, value) \
	{ \
		(n), SCMP_CMP_EQ, (scmp_datum_t)(value), 0 \
	}
#define HAS_NONE(n, bits) \
	{ \
		(n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0 \
	}
#define HAS_ALL(n, bits) \
	{ \
		(n), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), (scmp_datum_t)(bits) \
	}
#define IS_BUT(n, value, free_bits) \
	{ \
		(n), SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)(free_bits), (scmp_datum_t)(value) \
	}

/* The second column of a row. */
#define ARGS(...) \
	sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp), \
	{ \
		__VA_ARGS__ \
	}
#define ANY_ARGS \
	0, \
	{ \
		{ \
			0, SCMP_CMP_EQ, 0, 0 \
		} \
	}
#define ARG_IS(n, value) ARGS(IS(n, value))
#define ARG_HAS_NONE(n, bits) ARGS(HAS_NONE(n, bits))

/*
 * sendto(2) to where the socket is connected already, and sendmsg(2) that does not connect it first: with
 * MSG_FASTOPEN a socket that was shut down dials anywhere. No filter sees the name within a msghdr, so a process with
 * datagram sockets has no sendmsg.
 */
#define SEND_TO_PEER ARGS(HAS_NONE(3, MSG_FASTOPEN), IS(4, 0), IS(5, 0))
#define SENDMSG_NO_DIAL ARG_HAS_NONE(2, MSG_FASTOPEN)

/*
 * Stands for the process id that the caller of sandbox_enter_with() gives for child n. It is above PID_MAX_LIMIT of
 * the kernel, so a filter in which it was never set allows nothing on any process.
 */
#define SANDBOX_CHILD_PID(n) (0x7fffffe0U + (unsigned)(n))

struct sandbox_rules {
	const struct sandbox_rule *rows;
	size_t count;
};

extern const struct sandbox_rules rules_common; /* every process: memory, time, the end */
extern const struct sandbox_rules rules_protocol;
extern const struct sandbox_rules
    rules_monitor_login; /* what it does as root, on top of rules_monitor and rules_files */
extern const struct sandbox_rules rules_monitor;
extern const struct sandbox_rules rules_files;
extern const struct sandbox_rules rules_logger;
extern const struct sandbox_rules rules_hooks;
extern const struct sandbox_rules rules_metrics;
extern const struct sandbox_rules rules_porter;
extern const struct sandbox_rules rules_broker;
extern const struct sandbox_rules rules_refused; /* the other way round: what no program of a hook may call */
extern const struct sandbox_rules rules_sanitizer; /* empty but in builds for sanitizers */

/* Calls that libc tries first and does without: they get ENOSYS unless a list has them. */
struct sandbox_newer {
	int number;
	const char *why;
};

extern const struct sandbox_newer rules_newer[];
extern const size_t rules_newer_count;

#define SANDBOX_LISTS_MAX 5

/* The tables that make up the list of a process, common ones included; the rest of lists is empty. */
void rules_of(enum sandbox_process process, struct sandbox_rules lists[SANDBOX_LISTS_MAX]);

#endif
