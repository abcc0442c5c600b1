/* SPDX-License-Identifier: ISC */
#include "admin/user_retained.h"

#include <errno.h>
#include <stdio.h>

#include "admin/amount.h"
#include "admin/ctl.h"
#include "admin/walled.h"
#include "common/text.h"
#include "privsep/files/retained_list.h"

#include "common/banned.h"

static int
retained_job(int home_fd, const void *arg, void *result)
{
	const struct account *account = arg;
	const struct files_session session = {.home_fd = home_fd, .uid = account->uid, .keep = account->keep};
	const struct home home = {.fd = home_fd, .session = &session, .keep = &session.keep};

	return retained_list_make(&home, result);
}

static void
print_retained(const struct account *account, struct retained_list *list)
{
	ctl_error("%llu file%s in '%s' %s retained (retain=%ud), so nobody removes the home before the last date:",
	    (unsigned long long)list->count, amount_plural(list->count), ctl_quote(account->home),
	    list->count == 1 ? "is" : "are", (unsigned)account->keep.retain_days);
	for (unsigned i = 0; i < list->rows && i < RETAINED_ROWS_MAX; i++) {
		char until[AMOUNT_SIZE];

		amount_moment((long long)(list->row[i].until_s & INT64_MAX), until);
		list->row[i].path.text[sizeof(list->row[i].path.text) - 1] = '\0';
		fprintf(stderr, "  until %s  %s\n", until, ctl_quote(list->row[i].path.text));
	}
	if (list->count > list->rows)
		fprintf(stderr, "  and %llu more\n", (unsigned long long)(list->count - list->rows));
}

int
user_retained_permit_purge(const struct account *account)
{
	static struct retained_list list;
	const struct walled_work work = {.verb = "look through", .job = retained_job, .arg = account};
	int r;

	if (account->keep.retain_days == 0)
		return 0;
	r = walled_run(account, &work, &list, sizeof(list));
	if (r < 0 || list.count == 0)
		return r;
	print_retained(account, &list);
	return -EBUSY;
}
