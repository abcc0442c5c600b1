/* SPDX-License-Identifier: ISC */
#include "config/broker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"
#include "config/users.h"
#include "trusted/place.h"

#include "common/banned.h"

#define STORE_MODE 0640

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

/* Its directories are root's, and so is the file: whoever writes it says which database is believed. */
static int
check_store_conf(const struct config *config, gid_t gid, char *error, size_t size)
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
	close_fd(&fd);
	return r;
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
	return r < 0 ? r : check_store_conf(config, gid, error, size);
}
