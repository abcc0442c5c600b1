/* SPDX-License-Identifier: ISC */
/* The progress of a transfer or a hash, reported often enough for a person. */
#ifndef CLIENT_ENGINE_METER_H
#define CLIENT_ENGINE_METER_H

#include "client/engine/session.h"

struct meter {
	const struct ftp_options *options;	/* whose progress is called */
	struct ftp_progress progress;
	uint64_t next_ms;	/* when it is reported again; monotonic_coarse_ms() */
};

/* Begin a phase; it is reported at once. total -1: unknown. */
void meter_begin(struct meter *meter, struct ftp *ftp, enum ftp_phase phase, uint64_t resumed, int64_t total);

/* done is the number of bytes in all; the callback hears of it every tenth of a second. */
void meter_move(struct meter *meter, uint64_t done);

/* The end of the phase: reported. */
void meter_end(struct meter *meter);

#endif
