/* SPDX-License-Identifier: ISC */
#include "daemon/master/judgements.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "daemon/master/loop.h"
#include "daemon/master/turns.h"

#include "common/banned.h"

struct judgement {
	struct judgements *judgements;
	struct loop_timer due;
	struct address_key address;
	struct turn share;
	bool is_failure;
	LIST_ENTRY(judgement) free;
};

struct judgements {
	struct loop *loop;
	struct turns *turns;
	void (*judged)(void *arg, const struct address_key *address, bool is_failure);
	void *arg;
	struct judgement all[JUDGEMENTS_MAX];
	uint32_t used, waiting;
	LIST_HEAD(judgement_list, judgement) free;
};

int
judgements_new(struct loop *loop, struct turns *turns,
    void (*judged)(void *arg, const struct address_key *address, bool is_failure), void *arg,
    struct judgements **judgements_out)
{
	struct judgements *judgements =
	    mmap(NULL, sizeof(*judgements), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (judgements == MAP_FAILED)
		return -errno;
	if (madvise(judgements, sizeof(*judgements), MADV_DONTFORK) < 0) {
		int r = -errno;

		munmap(judgements, sizeof(*judgements));
		return r;
	}
	judgements->loop = loop;
	judgements->turns = turns;
	judgements->judged = judged;
	judgements->arg = arg;
	*judgements_out = judgements;
	return 0;
}

static struct judgement *
take_judgement(struct judgements *judgements)
{
	struct judgement *judgement = LIST_FIRST(&judgements->free);

	if (judgement != NULL)
		LIST_REMOVE(judgement, free);
	else if (judgements->used < JUDGEMENTS_MAX)
		judgement = &judgements->all[judgements->used++];
	return judgement;
}

static void
judgement_due(void *arg)
{
	struct judgement *judgement = arg;
	struct judgements *judgements = judgement->judgements;
	struct address_key address = judgement->address;
	bool is_failure = judgement->is_failure;

	judgements->waiting--;
	turns_leave(judgements->turns, &judgement->share);
	LIST_INSERT_HEAD(&judgements->free, judgement, free);
	judgements->judged(judgements->arg, &address, is_failure);
}

void
judgements_add(struct judgements *judgements, const struct address_key *address, struct turn *share, uint64_t at_ms,
    bool is_failure)
{
	struct judgement *judgement = take_judgement(judgements);

	if (share->state == TURN_HELD)
		turns_give_back(judgements->turns, share);
	if (judgement == NULL) {
		turns_leave(judgements->turns, share);
		judgements->judged(judgements->arg, address, is_failure);
		return;
	}
	*judgement = (struct judgement){
	    .judgements = judgements,
	    .due = {.due = judgement_due, .arg = judgement},
	    .address = *address,
	    .share = *share,
	    .is_failure = is_failure,
	};
	*share = (struct turn){.state = TURN_NONE};
	judgements->waiting++;
	timer_set(judgements->loop, &judgement->due, at_ms);
}

uint32_t
judgements_waiting(const struct judgements *judgements)
{
	return judgements->waiting;
}
