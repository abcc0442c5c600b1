/* SPDX-License-Identifier: ISC */
/* porter: reads the header of connections that were handed to it, and answers health checks on them. */
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

static const struct sandbox_rule rows[] = {
    {SYS_recvmsg, ANY_ARGS, "introductions, each with its connection"},
    {SYS_recvfrom, ANY_ARGS, "the header"},
    {SYS_shutdown, ARG_IS(1, SHUT_WR), "the end of the answer to a health check"},
    {SYS_epoll_ctl, ANY_ARGS, "which connections are waited for"},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, ANY_ARGS, "every wait"},
#endif
    {SYS_epoll_pwait, ANY_ARGS, "every wait"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "is that the end of the channel?"},
#endif
    {SYS_ppoll, ANY_ARGS, "is that the end of the channel?"},
};

const struct sandbox_rules rules_porter = {rows, sizeof(rows) / sizeof(*rows)};
