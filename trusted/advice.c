/* SPDX-License-Identifier: ISC */
#include "trusted/advice.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/text.h"

#include "common/banned.h"

#define HIDDEN \
	"PrivateTmp= of the unit gives the server a directory of its own in its place; use a home elsewhere, or add " \
	"BindPaths= " \
	"with it in 'systemctl edit sallyportd'"
#define READ_ONLY \
	"ProtectSystem=full of the unit makes it read-only for the server; use a home elsewhere, or add " \
	"ReadWritePaths= with it in " \
	"'systemctl edit sallyportd'"
#define DEVICES "PrivateDevices= of the unit gives the server a /dev of its own; use a home elsewhere"

static const struct place {
	const char *top;
	bool is_hidden;
	const char *advice;
} places[] = {
    {"/tmp", true, HIDDEN},
    {"/var/tmp", true, HIDDEN},
    {"/dev", true, DEVICES},
    {"/usr", false, READ_ONLY},
    {"/boot", false, READ_ONLY},
    {"/efi", false, READ_ONLY},
    {"/etc", false, READ_ONLY},
};

static const char *const units[] = {
    "/etc/systemd/system/sallyportd.service",
    "/usr/local/lib/systemd/system/sallyportd.service",
    "/usr/lib/systemd/system/sallyportd.service",
    "/lib/systemd/system/sallyportd.service",
};

static bool started_by_systemd;

void
advice_set_service(bool is_service)
{
	started_by_systemd = is_service;
}

bool
advice_is_service(void)
{
	return started_by_systemd;
}

bool
advice_unit_is_here(void)
{
	bool has_unit = false;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && !has_unit; i++)
		has_unit = access(units[i], F_OK) == 0;
	return has_unit && access("/run/systemd/system", F_OK) == 0;
}

const char *
advice_for_home(const char *path, bool *is_hidden)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		size_t len = strlen(places[i].top);

		if (strncmp(path, places[i].top, len) != 0 || (path[len] != '\0' && path[len] != '/'))
			continue;
		if (is_hidden != NULL)
			*is_hidden = places[i].is_hidden;
		return places[i].advice;
	}
	return NULL;
}

/* Where the server's files begin, seen from here; false: nobody knows. */
static bool
find_root(const char *runtime_directory, char root[PATH_MAX])
{
	char path[PATH_MAX];
	uint64_t pid = 0;
	char text[24];
	FILE *file;

	root[0] = '\0';
	if (getppid() == 1 && getenv("INVOCATION_ID") != NULL)
		return true; /* ExecStartPre= */
	if (snprintf(path, sizeof(path), "%s/sallyportd.pid", runtime_directory) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(text, sizeof(text), file) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		(void)!parse_u64(text, INT_MAX, &pid);
	}
	fclose(file);
	snprintf(root, PATH_MAX, "/proc/%llu/root", (unsigned long long)pid);
	return pid > 0 && access(root, X_OK) == 0;
}

/* The same directory is there, and no mount makes it read-only. */
static bool
is_seen_below(const char *root, const char *path)
{
	struct stat here, there;
	struct statvfs fs;
	char seen[PATH_MAX];

	return snprintf(seen, sizeof(seen), "%s%s", root, path) < (int)sizeof(seen) && stat(path, &here) == 0 &&
	    stat(seen, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino &&
	    statvfs(seen, &fs) == 0 && (fs.f_flag & ST_RDONLY) == 0;
}

const char *
advice_for_present_home(const char *path, const char *runtime_directory)
{
	const char *advice = advice_unit_is_here() ? advice_for_home(path, NULL) : NULL;
	char root[PATH_MAX];

	if (advice == NULL || (find_root(runtime_directory, root) && is_seen_below(root, path)))
		return NULL;
	return advice;
}
