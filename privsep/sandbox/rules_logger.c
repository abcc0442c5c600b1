/* SPDX-License-Identifier: ISC */
/*
 * logger: takes records, writes them to targets that were opened for it. The sockets of syslog and journal are
 * datagram sockets, connected by the master: no call here names another target.
 */
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "records, and targets opened by the master"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
    {SYS_write, ANY_ARGS, "log files"},
};

const struct sandbox_rules rules_logger = {rows, sizeof(rows) / sizeof(*rows)};
