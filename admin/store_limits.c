/* SPDX-License-Identifier: ISC */
#include "admin/store_limits.h"

#include <stdbool.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/hash_kind.h"
#include "config/config.h"
#include "config/users.h"

#include "common/banned.h"

/* Looked up once: an import asks for each of a million accounts. */
static bool
is_user_of_server(const struct config *config, uint32_t uid)
{
	static int (*const users[])(const struct config *, uid_t *, gid_t *, char *, size_t) = {
	    config_service_user, config_hook_user, config_broker_user};
	static uid_t uids[sizeof(users) / sizeof(users[0])];
	static bool is_known;
	char error[CONFIG_USER_ERROR_MAX];
	bool is_one = false;
	gid_t gid;

	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		/* 0: there is none, and no account has that */
		if (!is_known && users[i](config, &uids[i], &gid, error, sizeof(error)) < 0)
			uids[i] = 0;
		is_one = is_one || uids[i] == uid;
	}
	is_known = true;
	return is_one;
}

static bool
is_of_uid_range(const struct config *config, uint32_t id)
{
	return id >= config->uid_low && id <= config->uid_high;
}

static bool
is_in_home_directory(const struct config *config, const char *home)
{
	size_t len = strlen(config->home_directory);

	return strncmp(home, config->home_directory, len) == 0 && home[len] == '/';
}

const char *
store_account_refusal(const struct config *config, const struct account *account)
{
	if (is_user_of_server(config, account->uid))
		return "its uid is that of a user of the server; an account needs another one";
	if (!is_of_uid_range(config, account->uid) || !is_of_uid_range(config, account->gid))
		return "its uid or gid is outside of uid-range, and servers take no such account of a database; widen "
		       "uid-range, or keep it in the file with '--store file'";
	if (!is_in_home_directory(config, account->home))
		return "its home is outside of home-directory, and servers take no such account of a database; set "
		       "home-directory, or keep it in the file with '--store file'";
	if (!hash_kind_is_bearable(account->hash))
		return "its password hash would take too long, and servers take no such account of a database; give it a "
		       "new password";
	return NULL;
}
