/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "common/buf.h"
#include "config/config.h"

#include "common/banned.h"

#define PROBLEM_MAX 16384

static void
print_config_error(void *arg, const char *line)
{
	(void)arg;
	ctl_error("%s", line);
}

int
ctl_load_config(struct ctl *ctl)
{
	return config_load(ctl->config_path, print_config_error, NULL, &ctl->config);
}

struct users_file *
ctl_open_users(const struct ctl *ctl, bool is_writing)
{
	struct users_file *file = NULL;
	struct buf problem;

	if (ctl->config->accounts[0] == '\0') {
		ctl_error("accounts names %s alone, so there is no users file; see accounts in sallyport.conf(5)",
		    config_has_store(ctl->config) ? "a database" : "PAM");
		return NULL;
	}
	buf_init(&problem, PROBLEM_MAX);
	if (users_file_open(ctl->config->accounts, is_writing, USERS_FILE_LOCK_WAIT_MS, &file, &problem) < 0)
		ctl_error("%s", problem.data == NULL ? "no memory" : ctl_quote(problem.data));
	buf_free(&problem);
	return file;
}

int
ctl_parse_line(const struct ctl *ctl, const struct users_file *file, size_t i, struct account *account)
{
	const char *problem;
	const char *line;
	size_t len;
	int r;

	line = users_file_line(file, i, &len);
	r = account_parse(line, len, account, &problem);
	if (r < 0)
		ctl_error("%s:%zu: %s", ctl_quote(ctl->config->accounts), i + 1, problem);
	return r;
}

/* In ASCII, because terminals obey characters beyond it. DEL, which remains, occurs only in strings. */
static int
put_json(const json_t *value, size_t flags)
{
	char *text = value == NULL ? NULL : json_dumps(value, flags | JSON_ENSURE_ASCII);

	if (text == NULL)
		return -1;
	for (const char *rest = text; *rest != '\0';) {
		size_t len = strcspn(rest, "\x7f");

		fwrite(rest, 1, len, stdout);
		rest += len;
		if (*rest != '\0' && *rest++ == '\x7f')
			fputs("\\u007f", stdout);
	}
	putchar('\n');
	free(text);
	return 0;
}

int
ctl_put_json(const json_t *value)
{
	return put_json(value, JSON_COMPACT);
}

enum ctl_exit
ctl_print_json(json_t *value)
{
	int r = put_json(value, JSON_INDENT(2));

	json_decref(value);
	if (r == 0)
		return CTL_DONE;
	ctl_error("cannot write JSON");
	return CTL_FAILED;
}
