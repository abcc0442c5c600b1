/* SPDX-License-Identifier: ISC */
/* What servers take of a database: the rules of privsep/monitor/ask_store.c, told before and not at the login. */
#ifndef ADMIN_STORE_LIMITS_H
#define ADMIN_STORE_LIMITS_H

struct account;
struct config;

/* Why servers would refuse this account of a database, and what would be right; static text. NULL: they take it. */
const char *store_account_refusal(const struct config *config, const struct account *account);

#endif
