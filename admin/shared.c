#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "common/buf.h"
#include "config/config.h"

#include "common/banned.h"

#define PROBLEM_MAX 16384

struct users_file *
ctl_open_users(const struct ctl *ctl, bool is_writing)
{
	struct users_file *file = NULL;
	struct buf problem;

	if (ctl->config->accounts[0] == '\0') {
		ctl_error("accounts names PAM alone, so there is no users file; see accounts in sallyport.conf(5)");
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

enum ctl_exit
ctl_print_json(json_t *value)
{
	int r = value == NULL ? -1 : json_dumpf(value, stdout, JSON_INDENT(2));

	json_decref(value);
	if (r < 0) {
		ctl_error("cannot write JSON");
		return CTL_FAILED;
	}
	putchar('\n');
	return CTL_DONE;
}
