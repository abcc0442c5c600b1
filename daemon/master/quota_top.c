/* SPDX-License-Identifier: ISC */
#include "daemon/master/quota_top.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accounts/ledger.h"
#include "common/io.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define LOOK_EVERY_MS (60 * 1000)
#define LOOK_SECONDS_MAX 300

/* The use of one ledger's account or folder. An unknown one is left out until the home was counted. */
static int
read_top_ledger(const char *directory, const char *name, const uint8_t boot_id[16], struct quota_row *row)
{
	struct ledger_figure figure;
	struct ledger ledger;
	char path[PATH_MAX + NAME_MAX + 1];
	const char *owner = name + (name[0] == '+'); /* of a shared folder: "+NAME" */
	const char *wrong;
	int r;

	if (strlen(name) > ACCOUNT_NAME_MAX || !account_name_valid(owner, strlen(owner), &wrong))
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ledger_init(&ledger);
	r = ledger_open(&ledger, path, boot_id);
	if (r < 0)
		return r;
	r = ledger.is_for_sessions ? -ENOENT : ledger_read(&ledger, &figure);
	ledger_close(&ledger);
	if (r < 0)
		return r;
	*row = (struct quota_row){.bytes = figure.bytes, .files = figure.files};
	memcpy(row->user, name, strlen(name) + 1); /* a valid one fits */
	return 0;
}

/* runs in the errand, as root */
static void __attribute__((noreturn))
run_quota_errand(const struct quota_top *top)
{
	static struct quota_row rows[QUOTA_BOARD_MAX];
	const struct dirent *found;
	struct quota_row row;
	char directory[PATH_MAX];
	size_t count = 0;
	DIR *dir;

	snprintf(directory, sizeof(directory), "%s/ledger", top->server->config->state_directory);
	dir = opendir(directory);
	while (dir != NULL && (found = readdir(dir)) != NULL)
		if (read_top_ledger(directory, found->d_name, top->server->boot_id, &row) == 0)
			count = quota_board_insert(rows, count, top->server->config->metrics_quota_users, &row);
	quota_board_write(top->board, rows, count);
	_exit(0);
}

static void
report_ledger_problem(void *arg, const char *line)
{
	(void)arg;
	log_message(LEVEL_WARNING, "metrics", "the ledgers of quotas cannot be read: %s", line);
}

static void
quota_top_gone(void *arg, int status)
{
	struct quota_top *top = arg;

	(void)errand_end(&top->errand, status, report_ledger_problem, NULL);
	quota_top_configure(top);
}

static void
quota_top_due(void *arg)
{
	struct quota_top *top = arg;
	pid_t pid;

	timer_set(top->server->loop, &top->look, monotonic_ms() + LOOK_EVERY_MS);
	if (top->errand.pid != 0)
		return;
	top->errand = (struct errand){.child = {.gone = quota_top_gone, .arg = top}};
	quota_board_share(top->board, true);
	pid = errand_start(&top->errand, top->server->loop, &top->server->board, "quota", LOOK_SECONDS_MAX);
	if (pid == 0)
		run_quota_errand(top);
	quota_board_share(top->board, false);
}

void
quota_top_configure(struct quota_top *top)
{
	if (top->is_stopped)
		return;
	if (top->server->config->metrics_quota_users != 0) {
		if (!timer_is_set(&top->look))
			timer_set(top->server->loop, &top->look, 0);
		return;
	}
	timer_stop(top->server->loop, &top->look);
	if (top->board->count > 0 && top->errand.pid == 0)
		quota_board_write(top->board, NULL, 0);
}

int
quota_top_init(struct quota_top *top, struct server *server)
{
	*top = (struct quota_top){
	    .server = server,
	    .board = quota_board_new(),
	    .look = {.due = quota_top_due, .arg = top},
	};
	if (top->board == NULL)
		return -errno;
	quota_top_configure(top);
	return 0;
}

void
quota_top_stop(struct quota_top *top)
{
	top->is_stopped = true;
	timer_stop(top->server->loop, &top->look);
}
