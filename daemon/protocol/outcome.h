/* SPDX-License-Identifier: ISC */
/* How a transfer came out, and what that means for the reply and the counters. */
#ifndef DAEMON_PROTOCOL_OUTCOME_H
#define DAEMON_PROTOCOL_OUTCOME_H

#include <stdbool.h>

#include "privsep/ipc/totals.h"

/* clang-format off */
/*        outcome           code  text                                                    detail  counts as */
#define TRANSFER_OUTCOMES(X) \
	X(COMPLETE,          226, "Transfer complete",                                     NOTHING, TRANSFER_FAILURE_COUNT) \
	X(COMPLETE_UNPROVEN, 226, "Transfer complete; its end was not proven by TLS",      NOTHING, TRANSFER_FAILURE_COUNT) \
	X(ABORTED,           426, "Transfer aborted",                                      NOTHING, FAILED_ABORTED)         \
	X(CLIENT_GONE,       426, "Transfer broken off",                                   NOTHING, FAILED_ABORTED)         \
	X(STALLED,           426, "No data for ",                                          STALL,   FAILED_ENDED)           \
	X(ENDED,             426, "Transfer broken off",                                   NOTHING, FAILED_ENDED)           \
	X(NOT_RESUMED,       522, "The data connection must resume the TLS session of the control connection", NOTHING, FAILED_TLS) \
	X(TLS_REFUSED,       522, "TLS failed on the data connection: ",                   TLS,     FAILED_TLS)             \
	X(PORT_TAKEN_BACK,   425, "The port was given up: another session needed it, or nobody connected; send EPSV or PASV again", \
	                                                                                   NOTHING, FAILED_NO_CONNECTION)   \
	X(NOT_OPENED,        425, "Cannot open the data connection: ",                     SYSTEM,  FAILED_NO_CONNECTION)   \
	X(FILE_SHORTER,      451, "The file became shorter while it was sent",             NOTHING, FAILED_FILE)            \
	X(FILE_NO_SPACE,     0,   NULL,                                                    FILE,    FAILED_SPACE)           \
	X(FILE_FAILED,       0,   NULL,                                                    FILE,    FAILED_FILE)            \
	X(NOT_DEFLATED,      426, "The data was not whole in the format of MODE Z",        NOTHING, FAILED_CONNECTION)      \
	X(TLS_CUT,           426, "TLS ended without close_notify; the upload may be cut off and is kept as a partial", NOTHING, FAILED_TLS) \
	X(TLS_BROKE,         426, "Data connection broke: ",                               SYSTEM,  FAILED_TLS)             \
	X(BROKE,             426, "Data connection broke: ",                               SYSTEM,  FAILED_CONNECTION)
/* clang-format on */

enum outcome {
#define X(name, ...) OUTCOME_##name,
	TRANSFER_OUTCOMES(X)
#undef X
	    OUTCOME_COUNT
};

/* The detail after the text of a reply. */
enum outcome_detail {
	DETAIL_NOTHING,
	DETAIL_TLS, /* what TLS says */
	DETAIL_SYSTEM, /* the text of the errno */
	DETAIL_STALL, /* timeouts.stall, and that the transfer was given up */
	DETAIL_FILE /* code and text are those of the errno, by reply_error() */
};

/* The facts at the end of a transfer. */
struct ending {
	int error; /* 0 or -errno */
	bool was_open; /* the data connection was */
	bool is_local; /* the error is the file's, not the connection's */
	bool is_deflated;
	bool is_unproven; /* complete, but TLS did not prove it */
	bool has_tls_error;
	bool was_aborted; /* by ABOR */
	int end_reason; /* enum ipc_end_reason of the session; -1: it goes on */
};

struct outcome_row {
	int code;
	const char *text;
	enum outcome_detail detail;
	enum transfer_failure failure; /* TRANSFER_FAILURE_COUNT: none */
};

enum outcome outcome_of(const struct ending *ending);
const struct outcome_row *outcome_row(enum outcome outcome);

#endif
