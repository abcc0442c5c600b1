/* SPDX-License-Identifier: ISC */
/* The PAM services that may check passwords of accounts. Pure. */
#ifndef ACCOUNTS_PAM_SERVICES_H
#define ACCOUNTS_PAM_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

#define PAM_SERVICES_MAX 16
#define PAM_SERVICE_NAME_MAX 63	/* bytes, without NUL */

/* All zero: none. */
struct pam_services {
	size_t count;
	char names[PAM_SERVICES_MAX][PAM_SERVICE_NAME_MAX + 1];
};

/* A name that leads out of no directory: 1 to 63 of a-z, A-Z, 0-9, '.', '_' and '-', no '.' or '-' first. */
bool pam_service_valid(const char *name);

/* services NULL: there are none. */
bool pam_services_have(const struct pam_services *services, const char *name);

/* Add a valid name, once. Returns 0, or -ENOSPC. */
int pam_services_add(struct pam_services *services, const char *name);

#endif
