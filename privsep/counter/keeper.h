/* SPDX-License-Identifier: ISC */
/*
 * Tending what an account keeps, while its sessions go on. The caller is root; a child behind the walls of files works in
 * the home, and is believed no more than figures. Used by the master's errand.
 */
#ifndef PRIVSEP_COUNTER_KEEPER_H
#define PRIVSEP_COUNTER_KEEPER_H

#include <stdint.h>

#include "accounts/account.h"
#include "config/config.h"
#include "privsep/files/keep_tend.h"

/*
 * Carry out the order in the home of account. home_fd: checked to be the account's. After sandbox_init() and
 * partial_name_init(). Returns 0; -ECHILD: the child died, or sent nonsense; -ETIMEDOUT: it has not ended within wait_ms,
 * and was killed; -ENOLINK: the keep is damaged; or another -errno.
 */
int keeper_run(const struct account *account, int home_fd, const struct config *config, const struct keep_order *order,
    uint64_t wait_ms, struct keep_tended *tended);

#endif
