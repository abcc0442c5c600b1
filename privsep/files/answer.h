/* SPDX-License-Identifier: ISC */
/* The requests of the protocol process, and what is answered. */
#ifndef PRIVSEP_FILES_ANSWER_H
#define PRIVSEP_FILES_ANSWER_H

#include "privsep/files/files.h"

/*
 * Answer requests until the channel ends. Runs behind the walls; for tests also without.
 * partial_name_init() must have been called.
 *
 * Returns 0 at the end of the channel; -EPROTO after a request that breaks the table of
 * messages or the order of requests; or another -errno of the channel. An upload that was
 * not finished is then kept as a broken one. One session a process.
 */
int files_serve(const struct files_session *session);

#endif
