/* SPDX-License-Identifier: ISC */
#include "config/places.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

#define UNIX_PREFIX "unix:"

struct place {
	const char *section, *key;
	const char *path; /* not absolute: nothing to check */
	bool is_directory; /* else what is in the directory of path */
	struct trust trust;
};

/*
 * Errors that stop the start, whatever user checks. A missing directory may be made, and this user's lack of rights
 * means nothing.
 */
static bool
is_hopeless(const struct trust_problem *problem)
{
	return problem->error == -ENOTDIR || problem->error == -ELOOP || problem->error == -ENAMETOOLONG;
}

static bool
is_refused(const struct place *place, struct trust_problem *problem)
{
	char name[NAME_MAX + 1];
	int fd;

	if (place->path[0] != '/')
		return false;
	fd = place->is_directory ? trusted_dir_open(place->path, &place->trust, problem)
				 : trusted_parent_open(place->path, &place->trust, name, problem);
	if (fd < 0)
		return problem->kind != TRUST_SYSTEM || is_hopeless(problem);
	close_fd(&fd);
	return false;
}

static void
explain_place(const struct trust_problem *problem, char *why, size_t size)
{
	if (problem->kind == TRUST_SYSTEM)
		snprintf(why, size, "'%s': %s", problem->path, strerror(-problem->error));
	else
		trust_explain(problem, why, size);
}

static const char *
path_of_socket(const char *listen)
{
	return strncmp(listen, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0 ? listen + strlen(UNIX_PREFIX) : "";
}

int
config_check_places(const struct config *config, void (*tell)(void *arg, const char *line), void *arg)
{
	const struct passwd *service = getpwnam(config->service_user);
	const struct trust logs = {.uid = service == NULL ? 0 : service->pw_uid, .gid = TRUST_ANY_GROUP};
	const struct trust root = *TRUST_ROOT_ALONE;
	const struct place places[] = {
	    {"", "runtime-directory", config->runtime_directory, true, root},
	    {"", "state-directory", config->state_directory, true, root},
	    {"", "metrics-listen", path_of_socket(config->metrics_listen), false, root},
	    {"log", "target", config->log.target, false, logs},
	    {"log", "xferlog", config->log.xferlog, false, logs},
	};
	char key[CONFIG_PLACE_MAX], why[TRUST_TEXT_MAX], line[CONFIG_PLACE_MAX + TRUST_TEXT_MAX];
	struct trust_problem problem;
	int r = 0;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!is_refused(&places[i], &problem))
			continue;
		config_place(config, places[i].section, places[i].key, key);
		explain_place(&problem, why, sizeof(why));
		snprintf(line, sizeof(line), "%s%s", key, why);
		tell(arg, line);
		r = -EPERM;
	}
	return r;
}
