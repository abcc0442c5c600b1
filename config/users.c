/* SPDX-License-Identifier: ISC */
#include "config/users.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>

#include "common/banned.h"

static int
find_system_user(
    const struct config *config, const char *key, const char *name, uid_t *uid, gid_t *gid, char *error, size_t size)
{
	const struct passwd *user = getpwnam(name);
	char place[CONFIG_PLACE_MAX];

	config_place(config, "", key, place);
	if (user == NULL) {
		snprintf(error, size,
		    "%suser '%s' does not exist; create it with 'useradd --system --no-create-home "
		    "--shell /usr/sbin/nologin %s'",
		    place, name, name);
		return -ENOENT;
	}
	if (user->pw_uid == 0 || user->pw_gid == 0) {
		snprintf(error, size, "%s'%s' is root; it must be a user without rights", place, name);
		return -EPERM;
	}
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}

int
config_service_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size)
{
	return find_system_user(config, "service-user", config->service_user, uid, gid, error, size);
}

int
config_hook_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size)
{
	if (config->hook_user[0] == '\0')
		return config_service_user(config, uid, gid, error, size);
	return find_system_user(config, "hook-user", config->hook_user, uid, gid, error, size);
}

/* Whoever takes its process over could otherwise signal the others, and read what they hold. */
int
config_broker_user(const struct config *config, uid_t *uid, gid_t *gid, char *error, size_t size)
{
	char place[CONFIG_PLACE_MAX], ignored[CONFIG_USER_ERROR_MAX];
	uid_t other;
	gid_t other_gid;
	int r = find_system_user(config, "broker-user", config->broker_user, uid, gid, error, size);

	if (r < 0)
		return r;
	config_place(config, "", "broker-user", place);
	if (config_service_user(config, &other, &other_gid, ignored, sizeof(ignored)) == 0 && other == *uid)
		r = -EPERM;
	if (config_hook_user(config, &other, &other_gid, ignored, sizeof(ignored)) == 0 && other == *uid)
		r = -EPERM;
	if (r < 0)
		snprintf(error, size, "%s'%s' is service-user or hook-user as well; give the broker a user of its own",
		    place, config->broker_user);
	return r;
}
