/* SPDX-License-Identifier: ISC */
/* Which step of the way behind the walls failed last, for its report. */
#ifndef PRIVSEP_SANDBOX_FAILURE_H
#define PRIVSEP_SANDBOX_FAILURE_H

#include "privsep/sandbox/sandbox.h"

/* Keep the step and its error, 0 or -errno, which is returned. */
int sandbox_step(enum sandbox_step step, int error);

/* The channel of sandbox_report_to(), or -1. */
int sandbox_report_channel(void);

#endif
