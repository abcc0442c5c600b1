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
#include "daemon/master/master.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define LOOK_EVERY_MS (60 * 1000)
#define LOOK_SECONDS_MAX 300

int
quota_top_init(struct master *master)
{
	master->quota_top.board = quota_board_new();
	return master->quota_top.board == NULL ? -errno : 0;
}

/* What the account of one ledger uses. A figure in doubt is left out until a session has counted again. */
static int
read_ledger(const char *directory, const char *name, const uint8_t boot_id[16], struct quota_row *row)
{
	struct ledger_figure figure;
	struct ledger ledger;
	char path[PATH_MAX + NAME_MAX + 1];
	const char *wrong;
	int r;

	if (!account_name_valid(name, strlen(name), &wrong))
		return -EINVAL;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ledger_init(&ledger);
	r = ledger_open(&ledger, path, boot_id);
	if (r < 0)
		return r;
	r = ledger_read(&ledger, &figure);
	ledger_close(&ledger);
	if (r < 0)
		return r;
	*row = (struct quota_row){.bytes = figure.bytes, .files = figure.files};
	memcpy(row->user, name, strlen(name) + 1);	/* a valid one fits */
	return 0;
}

/* runs in the errand, as root */
static void __attribute__((noreturn))
look(const struct master *master)
{
	static struct quota_row rows[QUOTA_BOARD_MAX];
	const struct dirent *found;
	struct quota_row row;
	char directory[PATH_MAX];
	size_t count = 0;
	DIR *dir;

	snprintf(directory, sizeof(directory), "%s/ledger", master->config->state_directory);
	dir = opendir(directory);
	while (dir != NULL && (found = readdir(dir)) != NULL)
		if (read_ledger(directory, found->d_name, master->boot_id, &row) == 0)
			count = quota_board_insert(rows, count, master->config->metrics_quota_users, &row);
	quota_board_write(master->quota_top.board, rows, count);
	_exit(0);
}

int
quota_top_watch(struct master *master)
{
	uint64_t now = monotonic_ms();
	pid_t pid;

	if (master->config->metrics_quota_users == 0 || master->metrics.is_stopped) {
		if (master->quota_top.board->count > 0 && master->quota_top.errand.pid == 0)
			quota_board_write(master->quota_top.board, NULL, 0);
		master->quota_top.look_at_ms = 0;
		return -1;
	}
	if (now >= master->quota_top.look_at_ms && master->quota_top.errand.pid == 0) {
		master->quota_top.look_at_ms = now + LOOK_EVERY_MS;
		quota_board_share(master->quota_top.board, true);
		pid = errand_start(&master->quota_top.errand, &master->board, "quota", LOOK_SECONDS_MAX);
		if (pid == 0)
			look(master);
		quota_board_share(master->quota_top.board, false);
	}
	return now < master->quota_top.look_at_ms ? deadline_left_ms(master->quota_top.look_at_ms, now) : -1;
}

static void
tell(void *arg, const char *line)
{
	(void)arg;
	log_message(LEVEL_WARNING, "metrics", "the ledgers of quotas cannot be read: %s", line);
}

bool
quota_top_reaped(struct master *master, pid_t pid, int status)
{
	if (master->quota_top.errand.pid == 0 || pid != master->quota_top.errand.pid)
		return false;
	(void)errand_end(&master->quota_top.errand, status, tell, NULL);
	return true;
}
