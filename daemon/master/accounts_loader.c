/* SPDX-License-Identifier: ISC */
#include "daemon/master/accounts_loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "accounts/refusal_time.h"
#include "common/io.h"
#include "common/journal.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define LOADER_SECONDS_MAX 60
#define TRY_AGAIN_MS 1000 /* after a loader that was killed, or could not be started */

static void
print_accounts_problem(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%ssallyportd: %s\n", journal_prefix(LOG_ERR), line);
}

static void
log_accounts_problem(void *arg, const char *line)
{
	(void)arg;
	log_message(LEVEL_ERROR, "accounts-refused", "%s", line);
}

int
accounts_load_start(struct accounts_loader *loader, struct accounts_load *load, const char *path,
    void (*gone)(void *arg, int status), void *arg)
{
	const struct snapshot_basis basis = {
	    .state_directory = loader->server->config->state_directory,
	    .runtime_directory = loader->server->config->runtime_directory,
	    .former_fd = loader->fd,
	};
	pid_t pid;

	load->fd = memfd_create("accounts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (load->fd < 0)
		return -errno;
	load->errand = (struct errand){
	    .child = {.gone = gone, .arg = arg},
	    .kept = {load->fd, loader->fd},
	    .kept_count = 2,
	};
	file_stamp_of_path(path, &load->stamp);
	pid = errand_start(&load->errand, gone == NULL ? NULL : loader->server->loop, &loader->server->board,
	    "accounts", LOADER_SECONDS_MAX);
	if (pid == 0)
		errand_exit(snapshot_build_on(&basis, path, load->fd, errand_say, &load->errand));
	if (pid < 0)
		close_fd(&load->fd);
	return pid < 0 ? (int)pid : 0;
}

int
accounts_load_end(struct accounts_load *load, int status, void (*tell)(void *arg, const char *line), void *arg)
{
	struct file_stamp stamp;
	uint64_t count;
	int r;

	r = errand_end(&load->errand, status, tell, arg);
	if (r == 0)
		r = snapshot_stamp(load->fd, &stamp, &count);
	if (r == 0)
		load->stamp = stamp;
	else
		close_fd(&load->fd);
	return r;
}

void
accounts_load_drop(struct accounts_loader *loader, struct accounts_load *load)
{
	errand_drop(&load->errand, loader->server->loop);
	close_fd(&load->fd);
}

bool
accounts_ask_pam(const struct accounts_loader *loader)
{
	return loader->services.count > 0 || config_has_pam(loader->server->config);
}

void
accounts_use(struct accounts_loader *loader, struct accounts_load *load)
{
	struct file_stamp stamp;
	uint64_t count = 0, slowest_us = 0;

	snapshot_stamp(load->fd, &stamp, &count);
	snapshot_slowest_us(load->fd, &slowest_us);
	(void)!snapshot_pam_services(load->fd, &loader->services);
	loader->account_count = count;
	loader->refusal_step_ms =
	    refusal_step_ms(slowest_us, accounts_ask_pam(loader) || config_has_store(loader->server->config));
	close_fd(&loader->fd);
	loader->fd = load->fd;
	load->fd = -1;
	loader->tried = load->stamp;
	log_message(LEVEL_INFO, "accounts-loaded", "%llu accounts", (unsigned long long)count);
}

int
accounts_load_first(struct accounts_loader *loader, struct server *server)
{
	struct accounts_load *load = &loader->load;
	int status = 0;
	int r;

	loader->server = server;
	loader->fd = -1;
	r = accounts_load_start(loader, load, loader->server->config->accounts, NULL, NULL);
	if (r < 0)
		return r;
	while (waitpid(load->errand.pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	r = accounts_load_end(load, status, print_accounts_problem, NULL);
	if (r == 0)
		accounts_use(loader, load);
	return r;
}

/* A file that was refused is not read again until it changes. */
static void
note_refused_accounts(struct accounts_loader *loader, int error)
{
	if (error == -EINTR)
		loader->not_before_ms = monotonic_ms() + TRY_AGAIN_MS;
	else
		loader->tried = loader->load.stamp;
	log_message(LEVEL_ERROR, "accounts-refused", "'%s' is not used; the accounts in force stay",
	    loader->server->config->accounts);
}

static void
accounts_gone(void *arg, int status)
{
	struct accounts_loader *loader = arg;
	struct accounts_load *load = &loader->load;
	int r = accounts_load_end(load, status, log_accounts_problem, NULL);

	if (r == 0)
		accounts_use(loader, load);
	else
		note_refused_accounts(loader, r);
	loader->ended(loader->ended_arg);
}

bool
accounts_are_fresh(struct accounts_loader *loader)
{
	struct file_stamp now;
	int r;

	if (loader->load.errand.pid != 0)
		return false;
	file_stamp_of_path(loader->server->config->accounts, &now);
	if (file_stamp_equal(&now, &loader->tried) || monotonic_ms() < loader->not_before_ms)
		return true;
	r = accounts_load_start(loader, &loader->load, loader->server->config->accounts, accounts_gone, loader);
	if (r == 0)
		return false;
	loader->not_before_ms = monotonic_ms() + TRY_AGAIN_MS;
	log_message(LEVEL_ERROR, "accounts-refused", "loader cannot be started: %s", strerror(-r));
	return true;
}
