/* SPDX-License-Identifier: ISC */
/*
 * sallyport-store: does what sallyportctl(8) asks of the database, so that libpq is in no other program of root. See
 * accounts/store_dialog.h for how the two speak.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "store/store_conf.h"
#include "store/tool/database.h"
#include "store/tool/modes.h"
#include "store/tool/walls.h"

#include "common/banned.h"

static const struct {
	const char *name;
	int (*run)(struct database *database);
} modes[] = {
    {"accounts", accounts_mode},
    {"init", init_mode},
    {"upgrade", upgrade_mode},
    {"check", check_mode},
};

/* The connection string, from the file or from the first line of the input. The caller wipes and frees it. */
static int
read_connect(const char *conf, gid_t readers, char **connect)
{
	struct store_conf store = {0};
	struct buf problem;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	*connect = NULL;
	if (strcmp(conf, "-") == 0) {
		len = getline(connect, &size, stdin);
		if (len > 0 && (*connect)[len - 1] == '\n')
			(*connect)[len - 1] = '\0';
		if (len <= 0)
			answer_text(DIALOG_FAILED, "no connection string on standard input");
		return len <= 0 ? -EINVAL : 0;
	}
	buf_init(&problem, DATABASE_PROBLEM_MAX);
	r = store_conf_load(conf, readers, &store, &problem);
	if (r < 0) {
		size_t end = problem.data == NULL ? 0 : strcspn(problem.data, "\n");

		answer_text(DIALOG_FAILED, "%.*s", (int)end, problem.data == NULL ? "no memory" : problem.data);
	} else {
		*connect = store.connect;
		store.connect = NULL;
	}
	store_conf_free(&store);
	buf_free(&problem);
	return r;
}

static int
run_mode(size_t mode, const char *conf, gid_t readers)
{
	struct database database = {.connection = NULL};
	char *connect;
	int r = read_connect(conf, readers, &connect);

	if (r < 0)
		return r;
	r = database_prepare(&database, strcmp(conf, "-") == 0 ? "the connection string" : conf, connect);
	database.readers = readers;
	explicit_bzero(connect, strlen(connect));
	free(connect);
	if (r == 0 && (r = store_walls_enter(conf, &database.info)) < 0)
		database_fail(&database, "cannot confine sallyport-store: %s", strerror(-r));
	if (r == 0)
		r = database_open(&database);
	if (r == 0)
		r = modes[mode].run(&database);
	if (r < 0)
		answer_text(DIALOG_FAILED, "%s", database.problem.data == NULL ? "no memory" : database.problem.data);
	database_close(&database);
	return r;
}

int
main(int argc, char **argv)
{
	uint64_t readers = 0;

	if (argc < 4 || argc > 5 || strcmp(argv[1], SALLYPORT_VERSION) != 0 ||
	    (argc == 5 && parse_u64(argv[4], ID_MAX, &readers) < 0)) {
		fprintf(stderr,
		    "sallyport-store %s is started by sallyportctl of the same version; see sallyportctl(8)\n",
		    SALLYPORT_VERSION);
		return 2;
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[2], modes[i].name) == 0)
			return run_mode(i, argv[3], (gid_t)readers) < 0 || fflush(stdout) != 0 ? 1 : 0;
	fprintf(stderr, "sallyport-store: unknown mode\n");
	return 2;
}
