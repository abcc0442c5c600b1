/* SPDX-License-Identifier: ISC */
/* sallyportctl setup: make what the configuration names and is missing, and become a program on request. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "admin/server_option.h"
#include "common/buf.h"
#include "common/io.h"
#include "config/config.h"
#include "config/servers.h"
#include "trusted/place.h"

#include "common/banned.h"

#define PROBLEM_MAX 16384
#define MENDED_MAX 16 /* directories on the way of one path */

/*
 * Volumes come as root's directories that everybody may write to. Root follows no path through those, so they are closed
 * to others. Whose directory it is, and what is in it, stays.
 */
static bool
close_to_others(const struct trust_problem *problem)
{
	struct stat st;
	int fd = -1;
	bool is_done = false;

	if (problem->kind != TRUST_WRITERS || (problem->mode & S_IWOTH) == 0)
		return false;
	/* only root can change those above it, so it is the directory that was checked */
	fd = open(problem->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid())
		is_done = fchmod(fd, st.st_mode & 07777 & ~(mode_t)(S_IWGRP | S_IWOTH)) == 0;
	if (is_done)
		printf("setup: everybody could change directory '%s'; it has mode %04o now\n", ctl_quote(problem->path),
		    (unsigned)(st.st_mode & 07777 & ~(mode_t)(S_IWGRP | S_IWOTH)));
	close_fd(&fd);
	return is_done;
}

/* The directory that path is in. */
static int
prepare_parent(const char *path)
{
	struct trusted_made made = TRUSTED_MADE_NOTHING;
	struct trust_problem problem;
	char name[NAME_MAX + 1], why[TRUST_TEXT_MAX];
	int fd;

	for (int i = 0;; i++) {
		fd = trusted_parent_make(path, TRUST_ROOT_ALONE, name, &made, &problem);
		trusted_made_keep(&made);
		if (fd >= 0 || i == MENDED_MAX || !close_to_others(&problem))
			break;
	}
	if (fd < 0) {
		trust_explain(&problem, why, sizeof(why));
		ctl_error("cannot make the directory of '%s': %s", ctl_quote(path), ctl_quote(why));
		return fd;
	}
	close_fd(&fd);
	return 0;
}

/* A missing one is made by 'user add'. */
static int
prepare_homes(const struct config *config)
{
	char path[PATH_MAX + 8];
	struct stat st;

	snprintf(path, sizeof(path), "%s/.home", config->home_directory);
	return stat(config->home_directory, &st) < 0 ? 0 : prepare_parent(path);
}

static int
make_state_directories(const struct config *config)
{
	const char *paths[] = {config->state_directory, config->runtime_directory, config->accounts,
	    config->tls.certificate, config->tls.key};
	int r = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && r == 0; i++)
		r = paths[i][0] == '\0' ? 0 : prepare_parent(paths[i]);
	return r == 0 ? prepare_homes(config) : r;
}

static bool
is_missing(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

/* With a comment that says what it is. */
static int
make_users_file(const struct ctl *ctl)
{
	struct users_file *file;
	struct buf problem;
	int r;

	if (ctl->config->accounts[0] == '\0' || !is_missing(ctl->config->accounts))
		return 0;
	file = ctl_open_users(ctl, true);
	if (file == NULL)
		return -EIO;
	buf_init(&problem, PROBLEM_MAX);
	r = users_file_save(file, &problem);
	if (r < 0)
		ctl_error("%s", problem.data == NULL ? "no memory" : ctl_quote(problem.data));
	else
		printf("setup: users file '%s' is new; 'sallyportctl user add NAME%s%s' adds an account\n",
		    ctl_quote(ctl->config->accounts), ctl->server == 0 ? "" : " --server ",
		    ctl->config->servers[ctl->server].name);
	buf_free(&problem);
	users_file_free(file);
	return r;
}

static int
make_first_certificate(struct ctl *ctl)
{
	const char *certificate = ctl->config->tls.certificate, *key = ctl->config->tls.key;

	if (certificate[0] == '\0' || (!is_missing(certificate) && !is_missing(key)))
		return 0;
	if (!is_missing(certificate) || !is_missing(key)) {
		ctl_error("only one of certificate '%s' and key '%s' exists; put both there, or remove it",
		    ctl_quote(certificate), ctl_quote(key));
		return -ENOENT;
	}
	printf("setup: a self-signed certificate:\n");
	return cert_self_signed(ctl) == CTL_DONE ? 0 : -EIO;
}

/* What one server has of its own; 0 is the main one. Names of the command are for the certificate of that one. */
static int
set_one_up(struct ctl *ctl, size_t server)
{
	ctl->server = servers_book(ctl->config, server);
	if (server > 0) {
		ctl->value[OPTION_SERVER] = ctl->config->servers[server].name;
		ctl->name_count = 0;
		if (server_option_use(ctl->config, server) < 0) {
			ctl_error("no memory");
			return -ENOMEM;
		}
	}
	if (make_state_directories(ctl->config) < 0 || make_users_file(ctl) < 0 || make_first_certificate(ctl) < 0)
		return -EIO;
	return 0;
}

enum ctl_exit
server_setup(struct ctl *ctl)
{
	for (size_t i = 0; i < ctl->config->server_count; i++)
		if (set_one_up(ctl, i) < 0)
			return CTL_FAILED;
	if (ctl->program == NULL)
		return CTL_DONE;
	if (ctl->program[0] == NULL) {
		ctl_error("'--' needs a program after it: setup -- sallyportd -f");
		return CTL_USAGE;
	}
	fflush(stdout);
	execvp(ctl->program[0], ctl->program);
	ctl_error("cannot start '%s': %s", ctl_quote(ctl->program[0]), strerror(errno));
	return CTL_FAILED;
}
