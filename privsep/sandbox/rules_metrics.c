/* SPDX-License-Identifier: ISC */
/* metrics: takes connections on sockets that were made for it, reads a request, sends an answer. */
#include <sys/syscall.h>

#include "privsep/sandbox/rules.h"

#include "common/banned.h"

static const struct sandbox_rule rows[] = {
    {SYS_accept4, ANY_ARGS, "who asks"},
    {SYS_recvfrom, ANY_ARGS, "the request"},
    {SYS_shutdown, ARG_IS(1, SHUT_WR), "the end of the answer; never a listening socket's"},
#ifdef SYS_poll
    {SYS_poll, ANY_ARGS, "every wait"},
#endif
    {SYS_ppoll, ANY_ARGS, "every wait"},
#ifdef SYS_time
    {SYS_time, ANY_ARGS, "as clock_gettime"},
#endif
};

const struct sandbox_rules rules_metrics = {rows, sizeof(rows) / sizeof(*rows)};
