/* SPDX-License-Identifier: ISC */
/* libpq's way to Kerberos, cut off. */
#ifndef PRIVSEP_BROKER_NO_KERBEROS_H
#define PRIVSEP_BROKER_NO_KERBEROS_H

#include <stdbool.h>

/* Does libpq find our functions in place of those of Kerberos? Also true where it calls none. */
bool kerberos_is_refused(void);

#endif
