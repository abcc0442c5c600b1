/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/outcome.h"

#include <errno.h>

#include "privsep/ipc/messages.h"

#include "common/banned.h"

static const struct outcome_row rows[OUTCOME_COUNT] = {
#define X(name, code, text, detail, failure) [OUTCOME_##name] = {code, text, DETAIL_##detail, failure},
    TRANSFER_OUTCOMES(X)
#undef X
};

const struct outcome_row *
outcome_row(enum outcome outcome)
{
	return &rows[outcome];
}

static enum outcome
outcome_of_cancelled(const struct ending *ending)
{
	if (ending->was_aborted)
		return OUTCOME_ABORTED;
	if (ending->end_reason == END_STALL_TIMEOUT)
		return OUTCOME_STALLED;
	return ending->end_reason >= 0 ? OUTCOME_ENDED : OUTCOME_CLIENT_GONE;
}

/* There was no data connection to move bytes over. */
static enum outcome
outcome_of_opening(const struct ending *ending)
{
	if (ending->has_tls_error)	/* RFC 4217, 10: the negotiation failed */
		return OUTCOME_TLS_REFUSED;
	return ending->error == -ESTALE ? OUTCOME_PORT_TAKEN_BACK : OUTCOME_NOT_OPENED;
}

static enum outcome
outcome_of_file(const struct ending *ending)
{
	if (ending->error == -ENODATA)
		return OUTCOME_FILE_SHORTER;
	return ending->error == -ENOSPC || ending->error == -EDQUOT ? OUTCOME_FILE_NO_SPACE : OUTCOME_FILE_FAILED;
}

static enum outcome
outcome_of_connection(const struct ending *ending)
{
	if (ending->error == -EPROTO && ending->is_deflated)
		return OUTCOME_NOT_DEFLATED;
	if (ending->error == -ENODATA)
		return OUTCOME_TLS_CUT;
	return ending->has_tls_error ? OUTCOME_TLS_BROKE : OUTCOME_BROKE;
}

enum outcome
outcome_of(const struct ending *ending)
{
	if (ending->error == 0)
		return ending->is_unproven ? OUTCOME_COMPLETE_UNPROVEN : OUTCOME_COMPLETE;
	if (ending->error == -ECANCELED)
		return outcome_of_cancelled(ending);
	if (ending->error == -EKEYREJECTED && !ending->was_open) /* later it is of files: something is retained */
		return OUTCOME_NOT_RESUMED;
	if (!ending->was_open)
		return outcome_of_opening(ending);
	return ending->is_local ? outcome_of_file(ending) : outcome_of_connection(ending);
}
