/* SPDX-License-Identifier: ISC */
/* What a request needs, by the table of request.h. */
#include <errno.h>

#include "privsep/files/request.h"

#include "common/banned.h"

static const struct {
	bool is_change;
	unsigned each_of, one_of;	/* enum account_right */
} needs[IPC_KIND_COUNT] = {
#define X(name, ...) [IPC_##name] = {__VA_ARGS__},
    FILES_ANSWERS(X)
#undef X
};

int
request_permit_with(const struct files_session *session, unsigned rights, enum ipc_kind kind)
{
	unsigned each_of = needs[kind].each_of, one_of = needs[kind].one_of;

	if (needs[kind].is_change && session->is_read_only)
		return -EROFS;
	return (rights & each_of) != each_of || (one_of != 0 && (rights & one_of) == 0) ? -EKEYREVOKED : 0;
}

int
request_permit(const struct files_session *session, enum ipc_kind kind)
{
	return request_permit_with(session, zone_rights_somewhere(session), kind);
}
