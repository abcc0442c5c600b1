/* SPDX-License-Identifier: ISC */
/* SITE: CHMOD, UTIME, CPFR, CPTO, QUOTA, HELP. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "daemon/protocol/ask.h"
#include "daemon/protocol/command.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/errors.h"
#include "daemon/protocol/partials.h"
#include "daemon/protocol/quota.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/time_parse.h"
#include "daemon/protocol/versions.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

static void
reply_done(struct protocol *protocol, int r, const struct home_path *path, const char *done)
{
	if (r < 0)
		reply_error(protocol, REPLY_PLACE, r, path->text);
	else
		reply(protocol, 200, "%s", done);
}

static void
site_chmod(struct protocol *protocol, char *argument)
{
	char *blank = strchr(argument, ' ');
	struct home_path path;
	uint32_t mode;

	if (blank != NULL)
		*blank = '\0';
	if (blank == NULL || parse_mode(argument, &mode) < 0 || mode > 0777) {
		reply(protocol, 501, "Usage: SITE CHMOD mode path, with a mode from 000 to 777");
		return;
	}
	if (session_resolve_path(protocol, blank + 1, &path))
		reply_done(protocol, ask_files_set_mode(protocol, &path, mode), &path, "Mode changed");
}

/* A time of 12 or 14 digits. */
static int
parse_site_time(const char *text, size_t len, int64_t *seconds)
{
	char whole[15];

	if (len != 12)
		return time_parse(text, len, seconds);
	memcpy(whole, text, 12);
	memcpy(whole + 12, "00", 3);
	return time_parse(whole, 14, seconds);
}

/* "path atime mtime ctime UTC", as the older servers have it; mtime is what counts. */
static int
parse_utime_five(char *argument, char **client_path, int64_t *seconds)
{
	char *fields[4];
	int64_t other;

	for (int i = 3; i >= 0; i--) {
		fields[i] = strrchr(argument, ' ');
		if (fields[i] == NULL)
			return -EINVAL;
		*fields[i]++ = '\0';
	}
	*client_path = argument;
	if (strcasecmp(fields[3], "UTC") != 0 || parse_site_time(fields[0], strlen(fields[0]), &other) < 0 ||
	    parse_site_time(fields[2], strlen(fields[2]), &other) < 0)
		return -EINVAL;
	return parse_site_time(fields[1], strlen(fields[1]), seconds);
}

static void
site_utime(struct protocol *protocol, char *argument)
{
	size_t first = strcspn(argument, " ");
	struct home_path path;
	char *client_path;
	int64_t seconds, kept;

	/* "YYYYMMDDhhmm[ss] path" */
	if (argument[first] == ' ' && parse_site_time(argument, first, &seconds) == 0)
		client_path = argument + first + 1;
	else if (parse_utime_five(argument, &client_path, &seconds) < 0) {
		reply(
		    protocol, 501, "Usage: SITE UTIME YYYYMMDDhhmm[ss] path, or SITE UTIME path atime mtime ctime UTC");
		return;
	}
	if (session_resolve_path(protocol, client_path, &path))
		reply_done(protocol, ask_files_set_time(protocol, &path, seconds, &kept), &path, "Time changed");
}

static void
site_cpfr(struct protocol *protocol, char *argument)
{
	struct file_info info;
	int r;

	protocol->has_copy_from = false;
	if (!session_resolve_path(protocol, argument, &protocol->copy_from))
		return;
	r = ask_files_stat(protocol, &protocol->copy_from, &info);
	if (r == 0 && info.kind != FILE_REGULAR)
		r = -ENOTSUP;
	protocol->has_copy_from = r == 0;
	if (r == 0) {
		reply(protocol, 350, "Send SITE CPTO with the new name");
		return;
	}
	reply_error(protocol, REPLY_PLACE, r, protocol->copy_from.text);
}

static void
site_cpto(struct protocol *protocol, char *argument)
{
	struct file_info info;
	struct home_path path;
	int r;

	if (!protocol->has_copy_from) {
		reply(protocol, 503, "SITE CPFR first");
		return;
	}
	if (!session_resolve_path(protocol, argument, &path))
		return;
	r = ask_files_copy(protocol, &protocol->copy_from, &path);
	if (r == -EDQUOT && ask_files_stat(protocol, &protocol->copy_from, &info) == 0)
		protocol->quota_asked = info.size;
	protocol->has_copy_from = false;
	if (r < 0)
		reply_error(protocol, REPLY_CREATE, r, path.text);
	else
		reply(protocol, 250, "Copied to %s", path.text);
}

static void
site_quota(struct protocol *protocol, char *argument)
{
	(void)argument;
	reply_quota(protocol);
}

static void site_help(struct protocol *protocol, char *argument);

static const struct site_command {
	const char *verb;
	void (*handler)(struct protocol *protocol, char *argument);
	bool needs_argument;
	const char *syntax;
} site_commands[] = {
    {"CHMOD", site_chmod, true, "SITE CHMOD mode path"},
    {"UTIME", site_utime, true, "SITE UTIME YYYYMMDDhhmm[ss] path | SITE UTIME path atime mtime ctime UTC"},
    {"CPFR", site_cpfr, true, "SITE CPFR path"},
    {"CPTO", site_cpto, true, "SITE CPTO path"},
    {"QUOTA", site_quota, false, "SITE QUOTA"},
    {"PARTIALS", site_partials, false, "SITE PARTIALS [DELETE path | DELETE ALL]"},
    {"VERSIONS", site_versions, true, "SITE VERSIONS path"},
    {"RESTORE", site_restore, true, "SITE RESTORE path id"},
    {"HELP", site_help, false, "SITE HELP"},
#ifdef SALLYPORT_TAKEOVER
    {"TAKEOVER", takeover_protocol, false, "SITE TAKEOVER line"},
#endif
};

#define SITE_COUNT (sizeof(site_commands) / sizeof(site_commands[0]))

static void
site_help(struct protocol *protocol, char *argument)
{
	(void)argument;
	reply_begin(protocol, 214, "Known SITE commands:");
	for (size_t i = 0; i < SITE_COUNT; i++)
		reply_line(protocol, "%s", site_commands[i].syntax);
	reply(protocol, 214, "End");
}

void
cmd_site(struct protocol *protocol, const struct request *request)
{
	char *argument = request->argument;
	char *blank = strchr(argument, ' ');
	char *rest = blank == NULL ? NULL : blank + 1;

	if (blank != NULL)
		*blank = '\0';
	for (size_t i = 0; i < SITE_COUNT; i++) {
		const struct site_command *command = &site_commands[i];

		if (strcasecmp(command->verb, argument) != 0)
			continue;
		if (protocol->state != IPC_STATE_READY && command->needs_argument)
			reply(protocol, 530, "Log in with USER and PASS first");
		else if (command->needs_argument && (rest == NULL || *rest == '\0'))
			reply(protocol, 501, "Usage: %s", command->syntax);
		else
			command->handler(protocol, rest);
		return;
	}
	reply(protocol, 501, "SITE %s is not known; SITE HELP lists the known ones", argument);
}
