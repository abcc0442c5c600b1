/* logger: takes records, writes them to targets that were opened for it. */
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "records, and targets opened by the master"},
    {SYS_sendmsg, ANY_ARGS, "a new socket, please; syslog and journal"},
    {SYS_sendto, ANY_ARGS, "syslog and journal; the report of the SIGSYS handler"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
    {SYS_write, ANY_ARGS, "log files"},
};

const struct sandbox_rules rules_logger = {rows, sizeof(rows) / sizeof(*rows)};
