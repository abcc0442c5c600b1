/* SPDX-License-Identifier: ISC */
/* config check: the report of the server's own checks, as text or JSON. */
#include <jansson.h>

#include "admin/ctl.h"
#include "daemon/check/check.h"

#include "common/banned.h"

struct findings {
	json_t *errors, *warnings;
};

static void
collect_check_error(void *arg, const char *line)
{
	json_array_append_new(((struct findings *)arg)->errors, json_string(ctl_quote(line)));
}

static void
take_warning(void *arg, const char *line)
{
	json_array_append_new(((struct findings *)arg)->warnings, json_string(ctl_quote(line)));
}

static enum ctl_exit
check_as_json(const struct ctl *ctl)
{
	struct findings findings = {json_array(), json_array()};
	const struct check_sink sink = {collect_check_error, take_warning, &findings};
	struct check_facts facts;
	int r = check_setup(ctl->config_path, &sink, &facts);
	json_t *result = json_pack("{s:s, s:b, s:i, s:b, s:o, s:o}", "file", ctl_quote(ctl->config_path), "good",
	    (int)(r == 0), "passive_ports", (int)facts.passive_ports, "tls", (int)facts.has_tls, "errors",
	    findings.errors, "warnings", findings.warnings);

	return ctl_print_json(result) == CTL_DONE && r == 0 ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit
config_check(struct ctl *ctl)
{
	if (ctl->is_json)
		return check_as_json(ctl);
	return check_print(ctl->config_path, "") == 0 ? CTL_DONE : CTL_FAILED;
}
