/* SPDX-License-Identifier: ISC */
#include "daemon/master/home_mounts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "accounts/account.h"
#include "accounts/users_file.h"
#include "common/buf.h"
#include "common/mount_line.h"
#include "config/servers.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"

#include "common/banned.h"

#define LOOK_SECONDS_MAX 60
#define TEXT_SIZE (PATH_MAX + 2048)
/* the first byte of each line of the errand */
#define MARK_DOUBT '?'
#define MARK_FAULT '!'

static bool
has_bad_mount(const struct mount_table *table)
{
	struct mount_advice advice[MOUNT_ADVICE_MAX];

	for (size_t i = 0; i < table->count; i++)
		if (mount_advise(&table->lines[i], advice) > 0)
			return true;
	return false;
}

/* In the errand: the mount of a home, once. */
static void
say_home_mount(struct errand *errand, const struct mount_table *table, const struct account *account)
{
	const struct mount_line *mount = mount_of_path(table, account->home);
	struct mount_advice advice[MOUNT_ADVICE_MAX];
	size_t count = mount == NULL ? 0 : mount_advise(mount, advice);
	char text[TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%chome '%s' is on %s, %s: %s",
		    advice[i].is_doubt ? MARK_DOUBT : MARK_FAULT, account->home, mount->type, mount->source,
		    advice[i].text);
		errand_say(errand, text);
	}
	if (count > 0)
		table->lines[mount - table->lines].type[0] = '\0'; /* said */
}

/* In the errand. What is wrong with the file itself, the loader says. */
static int
say_home_mounts(struct errand *errand, const struct mount_table *table, const char *path)
{
	struct users_file *file = NULL;
	struct account account = {0};
	struct buf problem;
	const char *wrong;
	int r;

	buf_init(&problem, TEXT_SIZE);
	r = users_file_open(path, false, 0, &file, &problem);
	for (size_t i = 0; r == 0 && i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (account_line_is_account(line, len) && account_parse(line, len, &account, &wrong) == 0)
			say_home_mount(errand, table, &account);
	}
	explicit_bzero(&account, sizeof(account));
	users_file_free(file);
	buf_free(&problem);
	return 0;
}

/* Of the accounts of all servers. */
static int
say_all_home_mounts(struct errand *errand, const struct mount_table *table, const struct config *config)
{
	int r = 0;

	for (size_t i = 0; i < config->server_count && r == 0; i++)
		if (servers_book(config, i) == i && config->servers[i].accounts[0] != '\0')
			r = say_home_mounts(errand, table, config->servers[i].accounts);
	return r;
}

static bool
has_users_file(const struct config *config)
{
	return config->accounts[0] != '\0' || config->books[0] != '\0';
}

static void
tell_mount(void *arg, const char *line)
{
	(void)arg;
	if (line[0] == '\0')
		return;
	/* what may be right is no warning at each start */
	log_begin(line[0] == MARK_DOUBT ? LEVEL_INFO : LEVEL_WARNING, "walls");
	log_field_text("storage", line + 1);
	log_end();
}

static void
home_mounts_gone(void *arg, int status)
{
	struct home_mounts *mounts = arg;

	(void)errand_end(&mounts->errand, status, tell_mount, NULL);
}

void
home_mounts_tell(struct home_mounts *mounts, struct server *server)
{
	struct mount_table table = {0};

	*mounts = (struct home_mounts){0};
	if (has_users_file(server->config) && mount_table_read(&table) == 0 && has_bad_mount(&table)) {
		mounts->errand = (struct errand){.child = {.gone = home_mounts_gone, .arg = mounts}};
		if (errand_start(&mounts->errand, server->loop, &server->board, "accounts", LOOK_SECONDS_MAX) == 0)
			errand_exit(say_all_home_mounts(&mounts->errand, &table, server->config));
	}
	mount_table_free(&table);
}
