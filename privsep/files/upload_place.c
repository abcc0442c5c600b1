/* SPDX-License-Identifier: ISC */
#include "privsep/files/upload_place.h"

#include <errno.h>

#include "common/banned.h"

static int
decide_at(uint64_t offset, const struct upload_found *found, struct upload_place *place)
{
	bool is_partials = offset == found->partial_size && offset != found->finished_size;

	if (found->has_finished && found->has_partial && !is_partials)
		return -ERANGE;
	if (offset > (found->has_partial ? found->partial_size : found->finished_size))
		return -ERANGE;
	*place = (struct upload_place){.is_partial = found->has_partial, .cuts = found->has_partial, .start = offset};
	return 0;
}

static int
decide_append(const struct upload_found *found, struct upload_place *place)
{
	if (found->has_finished && found->has_partial)
		return -EEXIST;
	*place = (struct upload_place){
	    .is_partial = found->is_atomic && !found->has_finished,
	    .start = found->has_partial ? found->partial_size : found->finished_size,
	};
	return 0;
}

int
upload_decide(enum ipc_store_mode mode, uint64_t offset, const struct upload_found *given, struct upload_place *place)
{
	struct upload_found found = *given;

	/* sizes of what is not there are 0; partials count only where uploads are atomic */
	if (!found.has_finished)
		found.finished_size = 0;
	if (!found.is_atomic || !found.has_partial || found.partial_size == 0) {
		found.has_partial = false;
		found.partial_size = 0;
	}
	if (mode == STORE_APPEND)
		return decide_append(&found, place);
	if (mode == STORE_AT && offset > 0)
		return decide_at(offset, &found, place);
	*place = (struct upload_place){.is_partial = found.is_atomic, .cuts = true, .start = 0};
	return 0;
}
