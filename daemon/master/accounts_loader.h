/* SPDX-License-Identifier: ISC */
/* Keeps the snapshots of the users files fresh, one for each server that has one. Only short-lived processes read the files. */
#ifndef DAEMON_MASTER_ACCOUNTS_LOADER_H
#define DAEMON_MASTER_ACCOUNTS_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "accounts/snapshot.h"
#include "common/file_stamp.h"
#include "config/config.h"
#include "daemon/master/errand.h"

struct server;

#define ACCOUNTS_BOOKS_MAX (CONFIG_SERVERS_MAX + 1)

_Static_assert(ACCOUNTS_BOOKS_MAX <= ERRAND_KEPT_MAX, "one errand reads them all");

/* The accounts of one users file, by the number of its server (servers_book()). */
struct accounts_book {
	int fd; /* the snapshot in force, never mapped here; -1: the server has no file of its own */
	uint64_t account_count; /* in it */
	uint32_t refusal_step_ms; /* see accounts/refusal_time.h; of these accounts */
	struct file_stamp tried; /* the file that was last loaded, or refused */
};

/* One run of the loader. */
struct accounts_load {
	struct errand errand;
	size_t book;
	int fd; /* the snapshot that is made */
	struct file_stamp stamp; /* of the file */
};

/* Loads of all files of a configuration, one after the other. */
struct accounts_reload {
	struct accounts_loader *loader;
	const struct config *config;
	struct accounts_load load; /* the one under way */
	struct file_stamp stamps[ACCOUNTS_BOOKS_MAX];
	int fds[ACCOUNTS_BOOKS_MAX]; /* the snapshots that are made; -1: none */
	bool has_told; /* of the file under way */
	void (*tell)(void *arg, size_t book, const char *line);
	void (*ended)(void *arg);
	void *arg; /* of both */
};

struct accounts_loader {
	struct server *server;
	struct accounts_book books[ACCOUNTS_BOOKS_MAX];
	struct pam_services services; /* that accounts of all of them name */
	uint64_t not_before_ms; /* no other try before */
	struct accounts_load load; /* because a file has changed */
	void (*ended)(void *arg); /* that load is over, and its snapshot in force if it was good */
	void *ended_arg;
};

/* Load the users files at start and wait for it; errors go to standard error. server is borrowed. 0, or -errno with the book. */
int accounts_load_first(struct accounts_loader *loader, struct server *server, size_t *book);

/*
 * Load the files of config, whose lines go to tell. ended is called when that is over, but never from here. Returns 0;
 * or -errno: it has not begun, and ended is not called.
 */
int accounts_reload_start(struct accounts_reload *reload, struct accounts_loader *loader, const struct config *config);

bool accounts_reload_runs(const struct accounts_reload *reload);

/* Give it up, running or done. */
void accounts_reload_drop(struct accounts_reload *reload);

/* All is good, and its configuration is in force: put the snapshots in force. */
void accounts_reload_use(struct accounts_reload *reload);

/* The snapshots of all books. Returns how many there are. */
size_t accounts_snapshots(const struct accounts_loader *loader, int fds[ACCOUNTS_BOOKS_MAX]);

/* The accounts of all books together. */
uint64_t accounts_total(const struct accounts_loader *loader);

/* May a session have to ask PAM? */
bool accounts_ask_pam(const struct accounts_loader *loader);

/*
 * Has the file of the book changed since it was last loaded or refused? Then start the loader.
 * True: the snapshot in force is the one to use; false: the loader is running, for this book or for another one that comes
 * first, and loader->ended is called at its end.
 */
bool accounts_are_fresh(struct accounts_loader *loader, size_t book);

#endif
