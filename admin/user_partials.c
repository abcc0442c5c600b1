/* SPDX-License-Identifier: ISC */
/* user partials: the partial uploads in the home of an account. */
#include <jansson.h>
#include <stdio.h>

#include "accounts/account.h"
#include "admin/ctl.h"
#include "admin/walled.h"
#include "config/config.h"
#include "privsep/files/partial_list.h"

#include "common/banned.h"

static int
list_job(int home_fd, const void *arg, void *result)
{
	const struct home home = {.fd = home_fd};

	(void)arg;
	return partial_list_make(&home, result, PARTIAL_ROWS_MAX, false, UINT64_MAX, NULL);
}

/* The child has read the home, so bound what it reports to the list. */
static bool
is_sound(struct partial_list *list)
{
	if (list->rows > PARTIAL_ROWS_MAX)
		return false;
	for (unsigned i = 0; i < list->rows; i++) {
		if (list->order[i] >= list->rows)
			return false;
		list->row[i].path.text[sizeof(list->row[i].path.text) - 1] = '\0';
	}
	return true;
}

static enum ctl_exit
print_partials_json(const struct account *account, const struct partial_list *list)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < list->rows; i++) {
		const struct partial_row *row = &list->row[list->order[i]];

		json_array_append_new(rows,
		    json_pack("{s:s, s:b, s:I, s:I, s:b}", "path", ctl_quote(row->path.text), "named", row->is_named,
			"bytes", (json_int_t)row->size, "age", (json_int_t)row->age_s, "in_use", row->is_in_use));
	}
	return ctl_print_json(json_pack("{s:s, s:I, s:I, s:o}", "name", ctl_quote(account->name), "count",
	    (json_int_t)list->count, "bytes", (json_int_t)list->bytes, "oldest", rows));
}

static enum ctl_exit
print_partials(const struct partial_list *list)
{
	printf("%15s %10s %-6s %s\n", "BYTES", "AGE (s)", "", "FILE");
	for (unsigned i = 0; i < list->rows; i++) {
		const struct partial_row *row = &list->row[list->order[i]];

		printf("%15llu %10llu %-6s %s\n", (unsigned long long)row->size, (unsigned long long)row->age_s,
		    row->is_in_use ? "in use" : "", ctl_quote(row->path.text));
	}
	if (list->count > list->rows)
		printf("and %llu more\n", (unsigned long long)(list->count - list->rows));
	printf("%15llu in %llu partial upload%s\n", (unsigned long long)list->bytes, (unsigned long long)list->count,
	    list->count == 1 ? "" : "s");
	return CTL_DONE;
}

static enum ctl_exit
show_partials(struct ctl *ctl, const struct account *account, const void *arg)
{
	static struct partial_list list;
	const struct walled_work work = {.verb = "look through", .job = list_job, .is_read_only = true};

	(void)arg;
	if (walled_run(account, &work, &list, sizeof(list)) < 0)
		return CTL_FAILED;
	if (!is_sound(&list)) {
		ctl_error("the process that searched '%s' sent nonsense", ctl_quote(account->home));
		return CTL_FAILED;
	}
	return ctl->is_json ? print_partials_json(account, &list) : print_partials(&list);
}

enum ctl_exit
user_partials(struct ctl *ctl)
{
	return ctl_show_user(ctl, show_partials, NULL);
}
