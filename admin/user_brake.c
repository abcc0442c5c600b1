/* SPDX-License-Identifier: ISC */
/* sallyportctl user unbrake. */
#include "admin/user_brake.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/control.h"
#include "admin/ctl.h"
#include "common/text.h"
#include "config/config.h"

#include "common/banned.h"

/* By the account's name in full, as the monitor has it: accounts of other servers may have the same short one. */
static void
brake_path(const struct ctl *ctl, const char *name, char path[PATH_MAX])
{
	char full[CTL_FULL_NAME_SIZE];

	ctl_full_name(ctl, name, full);
	snprintf(path, PATH_MAX, "%s/brakes/%s", ctl->config->state_directory, full);
}

bool
user_brake_has_fallen(const struct ctl *ctl, const char *name, struct brake_fall *fall)
{
	char path[PATH_MAX];

	brake_path(ctl, name, path);
	return brake_read_fall(path, fall) == 0 && fall->has_fallen;
}

void
user_brake_forget(const struct ctl *ctl, const char *name)
{
	char path[PATH_MAX];

	brake_path(ctl, name, path);
	if (unlinkat(AT_FDCWD, path, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		ctl_warning("cannot remove '%s': %s", path, strerror(errno));
}

/* For the log. The brake is lifted, whatever comes of this. */
static void
report_lifted(const struct ctl *ctl, const struct account *account)
{
	char full[CTL_FULL_NAME_SIZE];
	const char *const request[] = {"brake-lifted", full, NULL};
	json_t *last;

	ctl_full_name(ctl, account->name, full);
	if (control_is_served(ctl)) {
		last = control_ask(ctl, request, NULL, NULL);
		if (last == NULL)
			ctl_warning("the log has no line of the brake that was lifted");
		json_decref(last);
	} else {
		ctl_warning("no server runs here, so the log has no line of the brake that was lifted");
	}
}

static enum ctl_exit
lift_account_brake(struct ctl *ctl, const struct account *account, const void *arg)
{
	char path[PATH_MAX];
	int r;

	(void)arg;
	brake_path(ctl, account->name, path);
	r = brake_lift(path);
	if (r == -ENOENT)
		ctl_error("the brake of '%s' has not fallen on this server", ctl_quote(account->name));
	else if (r < 0)
		ctl_error("cannot lift the brake in '%s': %s", path, strerror(-r));
	if (r < 0)
		return CTL_FAILED;
	report_lifted(ctl, account);
	if (ctl->is_json)
		return ctl_print_json(json_pack("{s:s, s:s}", "name", ctl_quote(account->name), "result", "unbraked"));
	printf("%s: its brake is lifted; its sessions may change files again\n", ctl_quote(account->name));
	return CTL_DONE;
}

enum ctl_exit
user_unbrake(struct ctl *ctl)
{
	return ctl_show_user(ctl, lift_account_brake, NULL);
}
