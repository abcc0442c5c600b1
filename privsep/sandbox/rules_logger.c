/* logger: takes records, writes them to targets that were opened for it. */
#include <fcntl.h>
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "records, and targets opened by the master"},
    {SYS_recvfrom, ANY_ARGS, "records"},
    {SYS_sendmsg, ANY_ARGS, "a new syslog socket, please; syslog"},
    {SYS_sendto, ANY_ARGS, "syslog; the report of the SIGSYS handler"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
    {SYS_read, ANY_ARGS, "signals by descriptor"},
    {SYS_write, ANY_ARGS, "log files"},
    {SYS_writev, ANY_ARGS, "log files"},
    {SYS_fstat, ANY_ARGS, "is a target a regular file?"},
    /* fstat of libc; its path, if any, is looked up in the empty root */
    {SYS_newfstatat, ARG_IS(3, AT_EMPTY_PATH), "is a target a regular file?"},
    {SYS_lseek, ANY_ARGS, "log files"},
    {SYS_fcntl, ARG_IS(1, F_GETFL), "blocking or not"},
    {SYS_fcntl, ARG_IS(1, F_SETFL), "blocking or not"},
};

const struct sandbox_rules rules_logger = {rows, sizeof(rows) / sizeof(*rows)};
