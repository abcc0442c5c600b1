/* SPDX-License-Identifier: ISC */
/* When which password of an account was used last: one empty file each in state-directory/passwords. */
#ifndef ADMIN_USER_PASSWORDS_H
#define ADMIN_USER_PASSWORDS_H

struct ctl;

/* Remove what is noted of the account ctl->operand on this server: a later account of that name begins anew. */
void passwords_forget_use(const struct ctl *ctl);

#endif
