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
#include "accounts/snapshot_build.h"
#include "common/io.h"
#include "common/journal.h"
#include "config/servers.h"
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

/* The loader of one book of a configuration. gone: called with arg at its end; NULL: the caller waits. 0 or -errno. */
static int
start_load(struct accounts_loader *loader, struct accounts_load *load, const struct config *config, size_t book,
    void (*gone)(void *arg, int status), void *arg)
{
	const char *path = servers_accounts(config, book);
	const struct snapshot_basis basis = {
	    .state_directory = loader->server->config->state_directory,
	    .runtime_directory = loader->server->config->runtime_directory,
	    .former_fd = loader->books[book].fd,
	    .server = servers_suffix(config, book),
	    .others = config->books,
	};
	pid_t pid;

	load->book = book;
	load->fd = memfd_create("accounts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (load->fd < 0)
		return -errno;
	load->errand = (struct errand){
	    .child = {.gone = gone, .arg = arg},
	    .kept = {load->fd, loader->books[book].fd},
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

/*
 * The loader was reaped with status; its lines go to tell. Returns 0: the snapshot is to be used or dropped; or -errno of
 * errand_end().
 */
static int
end_load(struct accounts_load *load, int status, void (*tell)(void *arg, const char *line), void *arg)
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

static void
drop_load(struct accounts_loader *loader, struct accounts_load *load)
{
	errand_drop(&load->errand, loader->server->loop);
	close_fd(&load->fd);
}

bool
accounts_ask_pam(const struct accounts_loader *loader)
{
	return loader->services.count > 0 || config_has_pam(loader->server->config);
}

/* Those of all books; what is too much for one session is refused at its login. */
static void
gather_services(struct accounts_loader *loader)
{
	struct pam_services some;

	loader->services.count = 0;
	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++) {
		if (loader->books[i].fd < 0 || snapshot_pam_services(loader->books[i].fd, &some) < 0)
			continue;
		for (size_t k = 0; k < some.count; k++)
			if (pam_services_add(&loader->services, some.names[k]) < 0)
				log_message(LEVEL_ERROR, "accounts-refused",
				    "PAM service '%s': the accounts of all servers name more than %d", some.names[k],
				    PAM_SERVICES_MAX);
	}
}

/* Put a snapshot in force; *fd is the loader's then. */
static void
use_snapshot(struct accounts_loader *loader, size_t book, int *fd, const struct file_stamp *stamp)
{
	struct accounts_book *it = &loader->books[book];
	const char *server = servers_suffix(loader->server->config, book);
	struct file_stamp ignored;
	char message[64];

	close_fd(&it->fd);
	it->fd = *fd;
	*fd = -1;
	it->tried = *stamp;
	it->account_count = 0;
	snapshot_stamp(it->fd, &ignored, &it->account_count);
	snprintf(message, sizeof(message), "%llu accounts", (unsigned long long)it->account_count);
	log_begin(LEVEL_INFO, "accounts-loaded");
	log_field_text("message", message);
	if (server[0] != '\0')
		log_field_text("server", server);
	log_end();
}

/* What depends on the accounts of a book, and on the services of all. */
static void
settle_books(struct accounts_loader *loader)
{
	const struct config *config = loader->server->config;

	gather_services(loader);
	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++) {
		uint64_t slowest_us = 0;

		if (loader->books[i].fd < 0)
			continue;
		snapshot_slowest_us(loader->books[i].fd, &slowest_us);
		loader->books[i].refusal_step_ms =
		    refusal_step_ms(slowest_us, accounts_ask_pam(loader) || config_has_store(config));
	}
}

size_t
accounts_snapshots(const struct accounts_loader *loader, int fds[ACCOUNTS_BOOKS_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++)
		if (loader->books[i].fd >= 0)
			fds[count++] = loader->books[i].fd;
	return count;
}

uint64_t
accounts_total(const struct accounts_loader *loader)
{
	uint64_t total = 0;

	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++)
		if (loader->books[i].fd >= 0)
			total += loader->books[i].account_count;
	return total;
}

/* Has the server of this number a users file of its own in config? */
static bool
is_book(const struct config *config, size_t server)
{
	return server < config->server_count && servers_book(config, server) == server;
}

int
accounts_load_first(struct accounts_loader *loader, struct server *server, size_t *book)
{
	struct accounts_load *load = &loader->load;
	int status = 0;
	int r = 0;

	loader->server = server;
	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++)
		loader->books[i].fd = -1;
	for (*book = 0; *book < server->config->server_count && r == 0; ++*book) {
		if (!is_book(server->config, *book))
			continue;
		r = start_load(loader, load, server->config, *book, NULL, NULL);
		if (r < 0)
			return r;
		while (waitpid(load->errand.pid, &status, 0) < 0)
			if (errno != EINTR)
				return -errno;
		r = end_load(load, status, print_accounts_problem, NULL);
		if (r < 0)
			return r;
		use_snapshot(loader, *book, &load->fd, &load->stamp);
	}
	settle_books(loader);
	return r;
}

/* --- because a file has changed --- */

/* A file that was refused is not read again until it changes. */
static void
note_refused_accounts(struct accounts_loader *loader, int error)
{
	size_t book = loader->load.book;

	if (error == -EINTR)
		loader->not_before_ms = monotonic_ms() + TRY_AGAIN_MS;
	else
		loader->books[book].tried = loader->load.stamp;
	log_message(LEVEL_ERROR, "accounts-refused", "'%s' is not used; the accounts in force stay",
	    servers_accounts(loader->server->config, book));
}

static void
accounts_gone(void *arg, int status)
{
	struct accounts_loader *loader = arg;
	struct accounts_load *load = &loader->load;
	int r = end_load(load, status, log_accounts_problem, NULL);

	if (r == 0) {
		use_snapshot(loader, load->book, &load->fd, &load->stamp);
		settle_books(loader);
	} else {
		note_refused_accounts(loader, r);
	}
	loader->ended(loader->ended_arg);
}

bool
accounts_are_fresh(struct accounts_loader *loader, size_t book)
{
	const struct config *config = loader->server->config;
	struct file_stamp now;
	bool is_busy = loader->load.errand.pid != 0;
	int r;

	if (is_busy && loader->load.book == book)
		return false;
	file_stamp_of_path(servers_accounts(config, book), &now);
	if (file_stamp_equal(&now, &loader->books[book].tried) || monotonic_ms() < loader->not_before_ms)
		return true;
	if (is_busy)
		return false;
	r = start_load(loader, &loader->load, config, book, accounts_gone, loader);
	if (r == 0)
		return false;
	loader->not_before_ms = monotonic_ms() + TRY_AGAIN_MS;
	log_message(LEVEL_ERROR, "accounts-refused", "loader cannot be started: %s", strerror(-r));
	return true;
}

/* --- all files of another configuration --- */

static void
tell_of_book(void *arg, const char *line)
{
	struct accounts_reload *reload = arg;

	reload->has_told = true;
	reload->tell(reload->arg, reload->load.book, line);
}

static void accounts_reload_gone(void *arg, int status);

/* The first file from book on. Returns 1 when its loader runs; 0: there is none; or -errno. */
static int
load_next(struct accounts_reload *reload, size_t book)
{
	int r;

	while (book < reload->config->server_count && !is_book(reload->config, book))
		book++;
	if (book >= reload->config->server_count)
		return 0;
	r = start_load(reload->loader, &reload->load, reload->config, book, accounts_reload_gone, reload);
	return r < 0 ? r : 1;
}

static void
refuse_to_load(struct accounts_reload *reload, int r)
{
	char error[128];

	snprintf(error, sizeof(error), "the loader cannot be started: %s", strerror(-r));
	tell_of_book(reload, error);
}

static void
accounts_reload_gone(void *arg, int status)
{
	struct accounts_reload *reload = arg;
	size_t book = reload->load.book;
	int r = end_load(&reload->load, status, tell_of_book, reload);

	if (r < 0 && !reload->has_told)
		tell_of_book(reload, "cannot be used");
	reload->has_told = false;
	reload->fds[book] = reload->load.fd;
	reload->stamps[book] = reload->load.stamp;
	reload->load.fd = -1;
	r = load_next(reload, book + 1);
	if (r < 0)
		refuse_to_load(reload, r);
	if (r <= 0)
		reload->ended(reload->arg);
}

int
accounts_reload_start(struct accounts_reload *reload, struct accounts_loader *loader, const struct config *config)
{
	int r;

	reload->loader = loader;
	reload->config = config;
	reload->load = (struct accounts_load){.fd = -1};
	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++)
		reload->fds[i] = -1;
	r = load_next(reload, 0);
	if (r < 0)
		refuse_to_load(reload, r);
	return r < 0 ? r : 0;
}

bool
accounts_reload_runs(const struct accounts_reload *reload)
{
	return reload->load.errand.pid != 0;
}

void
accounts_reload_drop(struct accounts_reload *reload)
{
	if (reload->loader == NULL)
		return;
	drop_load(reload->loader, &reload->load);
	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++)
		close_fd(&reload->fds[i]);
}

void
accounts_reload_use(struct accounts_reload *reload)
{
	struct accounts_loader *loader = reload->loader;

	drop_load(loader, &loader->load);
	for (size_t i = 0; i < ACCOUNTS_BOOKS_MAX; i++)
		if (reload->fds[i] < 0)
			close_fd(&loader->books[i].fd);
		else
			use_snapshot(loader, i, &reload->fds[i], &reload->stamps[i]);
	settle_books(loader);
}
