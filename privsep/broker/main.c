/* SPDX-License-Identifier: ISC */
/* sallyport-broker VERSION STORE_CONF [BOOT]: executed by sallyportd, as broker-user, with its two channels. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "common/title.h"
#include "privsep/broker/broker.h"
#include "privsep/broker/connection.h"
#include "privsep/broker/database.h"
#include "privsep/broker/places.h"
#include "privsep/broker/problem.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#include "privsep/sandbox/sandbox.h"
#include "store/store_conf.h"

#include "common/banned.h"

#define EXIT_BY_HAND 64 /* as sysexits(3) has it for a wrong call */
#define OTHER_VERSION_MS 30000 /* until the master starts another one, which may be the right one */

static char directory[PATH_MAX], boot[DATABASE_BOOT_LEN + 1];
static struct store_conf conf;
static struct places places;

static bool
is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int
explain_by_hand(void)
{
	fputs("sallyport-broker: sallyportd starts this program; see \"accounts\" in sallyport.conf(5)\n", stderr);
	return EXIT_BY_HAND;
}

static void
take_channels(void)
{
	static const int keep[] = {BROKER_CHANNEL, BROKER_LOG_CHANNEL};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	log_set_channel(BROKER_LOG_CHANNEL, LEVEL_INFO);
	log_set_context("broker", "", "", "");
	sandbox_report_to(BROKER_CHANNEL);
	if (sandbox_close_all_but(keep, sizeof(keep) / sizeof(keep[0])) < 0)
		sandbox_give_up();
}

/*
 * The messages of another version may mean other things: read none. Sessions read an end at once, and the log has one line
 * in a while.
 */
static void
serve_nobody(const char *server_version)
{
	static struct ipc_message message;
	struct pollfd master = {.fd = BROKER_CHANNEL, .events = POLLIN};
	uint64_t end_ms = monotonic_ms() + OTHER_VERSION_MS;
	int r = 0;

	log_message(LEVEL_CRITICAL, "store-down",
	    "sallyport-server-postgresql %s does not belong to sallyport-server %s; install both of one version",
	    SALLYPORT_VERSION, server_version);
	while (r != -EPIPE && poll(&master, 1, deadline_left_ms(end_ms, monotonic_ms())) > 0) {
		r = ipc_receive_now(BROKER_CHANNEL, IPC_BROKER, IPC_STATE_ANY, &message);
		if (r == 0)
			ipc_drop_fds(&message);
	}
}

static void
note_walls_problem(void *arg, const char *line)
{
	(void)arg;
	log_message(LEVEL_CRITICAL, "alarm", "the walls of the broker cannot be built: %s", line);
}

/* libpq takes files that nobody names from the home directory: it is that of store.conf, and libpq looks up no user. */
static int
set_directory(const char *conf_path)
{
	const char *end = strrchr(conf_path, '/');
	size_t len = end == NULL ? 0 : (size_t)(end - conf_path);

	if (end == NULL || len >= sizeof(directory))
		return -EINVAL;
	memcpy(directory, conf_path, len == 0 ? 1 : len);
	return setenv("HOME", directory, 1) < 0 ? -errno : 0;
}

static int
load_places(const char *conf_path)
{
	char line[PROBLEM_TEXT_MAX];
	struct buf problem;
	int r;

	buf_init(&problem, 4096);
	r = store_conf_load(conf_path, getegid(), &conf, &problem);
	if (r == 0) {
		r = places_init(&places, conf.connect, &problem);
		explicit_bzero(conf.connect, strlen(conf.connect));
	}
	if (r < 0) {
		problem_clean(problem.len == 0 ? strerror(-r) : problem.data, NULL, line, sizeof(line));
		log_message(LEVEL_CRITICAL, "store-down", "%s", line);
	}
	buf_free(&problem);
	return r;
}

int
main(int argc, char **argv)
{
	struct broker_process process = {.directory = directory, .master_pid = getppid()};

	if (argc < 3 || argc > 4 || !is_socket(BROKER_CHANNEL) || !is_socket(BROKER_LOG_CHANNEL))
		return explain_by_hand();
	take_channels();
	if (!sandbox_is_powerless()) {
		log_message(LEVEL_CRITICAL, "alarm", "the broker was started with rights that it must not have");
		return 1;
	}
	if (strcmp(argv[1], SALLYPORT_VERSION) != 0) {
		serve_nobody(argv[1]);
		return 0;
	}
	if (sandbox_init(note_walls_problem, NULL) < 0 || set_directory(argv[2]) < 0)
		return SANDBOX_EXIT_WALLS;
	process.boot = boot;
	if (argc == 4) /* copied, since the title is written over it */
		memcpy(boot, argv[3], strnlen(argv[3], DATABASE_BOOT_LEN));
	if (load_places(argv[2]) == 0) {
		process.places = &places;
		process.conf = &conf;
	}
	title_init(argc, argv);
	title_name("sallyport-brok");
	title_set("broker", NULL, NULL);
	broker_run(&process);
}
