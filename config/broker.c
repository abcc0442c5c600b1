/* SPDX-License-Identifier: ISC */
#include "config/broker.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "config/users.h"
#include "trusted/place.h"

#include "common/banned.h"

#define STORE_MODE 0640
#define STORE_CONF_MAX 65536 /* what is beyond is not looked at */

void
config_broker_program(const struct config *config, char path[BROKER_PROGRAM_MAX])
{
	snprintf(path, BROKER_PROGRAM_MAX, "%s/%s", config->libexec_directory, BROKER_PROGRAM);
}

static int
check_program(const struct config *config, char *error, size_t size)
{
	char path[BROKER_PROGRAM_MAX], place[CONFIG_PLACE_MAX], why[TRUST_TEXT_MAX];
	struct trust_problem problem;
	struct stat st;
	int fd, r;

	config_broker_program(config, path);
	config_place(config, "", "libexec-directory", place);
	fd = trusted_file_open(path, &problem);
	r = fd < 0 ? fd : trusted_file_check(fd, path, &problem);
	if (r == -ENOENT) {
		snprintf(error, size, "%s'%s' is missing; install sallyport-server-postgresql", place, path);
	} else if (r < 0) {
		trust_explain(&problem, why, sizeof(why));
		snprintf(error, size, "%s'%s' cannot be run: %s", place, path, why);
	} else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 0001) == 0) {
		r = -EACCES;
		snprintf(error, size, "%s'%s' is no program that broker-user may execute; chmod 755 it", place, path);
	}
	close_fd(&fd);
	return r;
}

static bool
may_pass(const struct stat *st, uid_t uid, gid_t gid)
{
	mode_t bit = st->st_uid == uid ? S_IXUSR : st->st_gid == gid ? S_IXGRP : S_IXOTH;

	return (st->st_mode & bit) != 0;
}

/* The broker opens the file as broker-user, so each directory on the way lets that user pass. */
static int
check_way_to_store_conf(const struct config *config, const char *place, uid_t uid, gid_t gid, char *error, size_t size)
{
	const char *path = config->store_conf;
	char dir[PATH_MAX];
	struct stat st;

	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		if (stat(dir, &st) < 0 || may_pass(&st, uid, gid))
			continue;
		snprintf(error, size,
		    "%sdirectory '%s' does not let broker-user '%s' pass; 'chgrp %s %s', 'chmod 0750 %s'", place, dir,
		    config->broker_user, config->broker_user, dir, dir);
		return -EACCES;
	}
	return 0;
}

/* The words that 'sallyportctl store init' writes where it does not know yours; not in comments. */
static int
check_no_placeholder(const struct config *config, int fd, const char *place, char *error, size_t size)
{
	static const char *const words[] = {"host=HOST", "dbname=DATABASE", "password=PASSWORD"};
	static char text[STORE_CONF_MAX] SELDOM_WRITTEN;
	ssize_t len = io_read_all(fd, text, sizeof(text) - 1);
	int r = 0;

	text[len < 0 ? 0 : len] = '\0';
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;) {
		for (size_t i = 0; line[strspn(line, " \t")] != '#' && i < sizeof(words) / sizeof(words[0]); i++) {
			const char *at = strstr(line, words[i]);

			if (at == NULL || strchr(" ,\"", at[strlen(words[i])]) == NULL)
				continue;
			snprintf(error, size, "%s'%s' still has '%s'; write your own in its place", place,
			    config->store_conf, words[i]);
			r = -EINVAL;
		}
	}
	explicit_bzero(text, sizeof(text)); /* it has a password, and sessions are forked from this process */
	return r;
}

/* Its directories are root's, and so is the file: whoever writes it says which database is believed. */
static int
check_store_conf(const struct config *config, uid_t uid, gid_t gid, char *error, size_t size)
{
	char place[CONFIG_PLACE_MAX], why[TRUST_TEXT_MAX];
	struct trust_problem problem;
	struct stat st;
	int fd, r = 0;

	config_place(config, "", "accounts", place);
	fd = trusted_file_open(config->store_conf, &problem);
	if (fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		snprintf(error, size, "%scannot open '%s': %s", place, config->store_conf, why);
		return fd;
	}
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_gid != gid ||
	    (st.st_mode & 07777 & ~STORE_MODE) != 0 || (st.st_mode & S_IRGRP) == 0)
		r = -EPERM;
	if (r < 0)
		snprintf(error, size,
		    "%s'%s' must be a file of root that only broker-user reads besides; 'chown root:%s %s', "
		    "'chmod 0640 %s'",
		    place, config->store_conf, config->broker_user, config->store_conf, config->store_conf);
	if (r == 0)
		r = check_no_placeholder(config, fd, place, error, size);
	close_fd(&fd);
	return r < 0 ? r : check_way_to_store_conf(config, place, uid, gid, error, size);
}

int
config_check_broker(const struct config *config, char *error, size_t size)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (!config_has_store(config))
		return 0;
	r = config_broker_user(config, &uid, &gid, error, size);
	if (r == 0)
		r = check_program(config, error, size);
	return r < 0 ? r : check_store_conf(config, uid, gid, error, size);
}
