/* SPDX-License-Identifier: ISC */
/* A question of files to the monitor, and the wait for its answer. */
#ifndef PRIVSEP_FILES_QUESTION_H
#define PRIVSEP_FILES_QUESTION_H

#include "privsep/ipc/ipc.h"

/*
 * Send the question in message; its answer is then in message. Nothing else may come meanwhile.
 *
 * Returns the result of the answer: 0 or -errno; -EIO when none came.
 */
int question_ask(int monitor_channel, struct ipc_message *message);

#endif
