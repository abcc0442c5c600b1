/* SPDX-License-Identifier: ISC */
#include "accounts/pam_services.h"

#include <errno.h>
#include <string.h>

#include "common/banned.h"

bool
pam_service_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= PAM_SERVICE_NAME_MAX && name[0] != '.' && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

bool
pam_services_have(const struct pam_services *services, const char *name)
{
	for (size_t i = 0; services != NULL && i < services->count; i++)
		if (strcmp(services->names[i], name) == 0)
			return true;
	return false;
}

int
pam_services_add(struct pam_services *services, const char *name)
{
	if (pam_services_have(services, name))
		return 0;
	if (services->count == PAM_SERVICES_MAX || !pam_service_valid(name))
		return -ENOSPC;
	memcpy(services->names[services->count++], name, strlen(name) + 1);
	return 0;
}
