/* SPDX-License-Identifier: ISC */
#include "config/hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/users.h"

#include "common/banned.h"

int
config_check_hook(const struct config *config, char *error, size_t size)
{
	const char *program = config->on_upload;
	char place[CONFIG_PLACE_MAX];
	struct stat st;
	uid_t uid;
	gid_t gid;
	int r = 0;

	if (program[0] == '\0')
		return 0;
	config_place(config, "", "on-upload", place);
	if (stat(program, &st) < 0) {
		r = -errno;
		snprintf(error, size, "%s'%s': %s", place, program, strerror(-r));
	} else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
		r = -EACCES;
		snprintf(error, size, "%s'%s' is not an executable file", place, program);
	} else if ((st.st_mode & 022) != 0) {
		r = -EPERM;
		snprintf(error, size, "%s'%s' can be changed by others than its owner; chmod go-w it", place, program);
	}
	return r < 0 ? r : config_hook_user(config, &uid, &gid, error, size);
}
