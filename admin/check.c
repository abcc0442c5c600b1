/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accounts/account.h"
#include "accounts/snapshot.h"
#include "accounts/users_file.h"
#include "admin/ctl.h"
#include "common/buf.h"
#include "common/io.h"
#include "config/config.h"
#include "config/places.h"
#include "privsep/tls/certificate.h"
#include "trusted/place.h"

#include "common/banned.h"

#define LINE_MAX_BYTES 16384

/* What was found, in the order of finding. */
struct findings {
	const char *path;
	unsigned passive_ports;		/* 0: the configuration could not be read */
	json_t *errors, *warnings;	/* with --json; otherwise NULL and each is printed at once */
	bool has_errors;
};

static void
take_error(void *arg, const char *line)
{
	struct findings *findings = arg;

	findings->has_errors = true;
	if (findings->errors != NULL)
		json_array_append_new(findings->errors, json_string(ctl_quote(line)));
	else
		fprintf(stderr, "%s\n", line);
}

static void
take_warning(struct findings *findings, const char *line)
{
	if (findings->warnings != NULL)
		json_array_append_new(findings->warnings, json_string(ctl_quote(line)));
	else
		fprintf(stderr, "%s (warning)\n", line);
}

static void __attribute__((format(printf, 3, 4)))
find(struct findings *findings, bool is_error, const char *format, ...)
{
	struct buf line;
	va_list args;

	buf_init(&line, LINE_MAX_BYTES);
	va_start(args, format);
	buf_addv(&line, format, args);
	va_end(args);
	if (line.data == NULL || is_error)
		take_error(findings, line.data == NULL ? "no memory" : line.data);
	else
		take_warning(findings, line.data);
	buf_free(&line);
}

static void
check_service_user(struct findings *findings, const struct config *config)
{
	const struct passwd *entry = getpwnam(config->service_user);

	if (entry == NULL)
		find(findings, true, "%s: service-user: no system user '%s'; make it with 'adduser --system --group %s'",
		    findings->path, config->service_user, config->service_user);
	else if (entry->pw_uid == 0)
		find(findings, true, "%s: service-user: '%s' is root; use a user without rights", findings->path,
		    config->service_user);
}

static void
check_certificate(struct findings *findings, const struct config *config)
{
	struct certificate_report report;

	if (config->tls.certificate[0] != '\0' &&
	    certificate_check_files(config->tls.certificate, config->tls.key, &report) < 0)
		find(findings, !report.is_out_of_date, "%s: tls: %s", findings->path, ctl_quote(report.error));
}

/* Words that no part of the server reads: kept on purpose, but a slip of the pen looks the same. */
static void
check_options(struct findings *findings, const char *path, const struct users_file *file)
{
	for (size_t i = 0; i < users_file_count(file); i++) {
		const char *line, *options, *word;
		size_t len, left, n;

		line = users_file_line(file, i, &len);
		if (account_line_is_blank(line, len) || users_line_field(line, len, 5, &options, &left) < 0)
			continue;
		while ((n = account_option_next(&options, &left, &word)) > 0)
			if (!account_option_known(word, n))
				find(findings, false, "%s:%zu: unknown option '%.*s'; it has no effect", path, i + 1,
				    (int)strcspn(word, "= \t\n"), word);
	}
}

/* Logins go on there, but sallyportctl refuses to make, count or remove such a home. */
static void
check_home(struct findings *findings, const char *path, size_t line, const struct account *account)
{
	struct trust_problem problem;
	char why[TRUST_TEXT_MAX];
	int fd = trusted_home_open_strictly(account->home, &(const struct trust){account->uid, account->gid}, &problem);

	if (fd < 0 && problem.kind != TRUST_SYSTEM) {
		trust_explain(&problem, why, sizeof(why));
		find(findings, false, "%s:%zu: home: %s", path, line, why);
	}
	close_fd(&fd);
}

static void
check_homes(struct findings *findings, const char *path, const struct users_file *file)
{
	struct account account;
	const char *problem;

	for (size_t i = 0; i < users_file_count(file); i++) {
		size_t len;
		const char *line = users_file_line(file, i, &len);

		if (!account_line_is_blank(line, len) && account_parse(line, len, &account, &problem) == 0)
			check_home(findings, path, i + 1, &account);
	}
	explicit_bzero(&account, sizeof(account));
}

static void
check_accounts(struct findings *findings, const struct config *config)
{
	struct users_file *file = NULL;
	struct buf problem;
	int fd = -1;

	buf_init(&problem, LINE_MAX_BYTES);
	fd = memfd_create("accounts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		find(findings, true, "cannot make a memory file: %s", strerror(errno));
	else if (config->accounts[0] != '\0' && snapshot_build(config->accounts, fd, take_error, findings) == 0 &&
	    users_file_open(config->accounts, false, 0, &file, &problem) == 0) {
		check_options(findings, config->accounts, file);
		check_homes(findings, config->accounts, file);
	}
	users_file_free(file);
	buf_free(&problem);
	close_fd(&fd);
}

/* Without a file of its own, a service is "other", which refuses everybody on Debian. */
static void
check_pam(struct findings *findings, const struct config *config)
{
	static const char *const places[] = {"/etc/pam.d", "/usr/lib/pam.d"};
	char path[PATH_MAX];

	if (config->pam_service[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", places[i], config->pam_service);
		if (access(path, F_OK) == 0)
			return;
	}
	find(findings, false, "%s: accounts: no file '/etc/pam.d/%s'; PAM takes the service 'other' instead", findings->path,
	    config->pam_service);
}

static enum ctl_exit
report(const struct ctl *ctl, struct findings *findings)
{
	json_t *result;

	if (!ctl->is_json) {
		if (findings->passive_ports > 0)
			printf("%s: passive-ports: %u transfers at once can be announced on each address of the server\n",
			    ctl_quote(findings->path), findings->passive_ports);
		if (!findings->has_errors)
			printf("%s: good\n", ctl_quote(findings->path));
		return findings->has_errors ? CTL_FAILED : CTL_DONE;
	}
	result = json_pack("{s:s, s:b, s:i, s:o, s:o}", "file", ctl_quote(findings->path), "good",
	    (int)!findings->has_errors, "passive_ports", (int)findings->passive_ports, "errors", findings->errors, "warnings", findings->warnings);
	return ctl_print_json(result) == CTL_DONE && !findings->has_errors ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit
config_check(struct ctl *ctl)
{
	struct findings findings = {.path = ctl->config_path};
	struct config *config = NULL;

	if (ctl->is_json) {
		findings.errors = json_array();
		findings.warnings = json_array();
	}
	if (config_load(ctl->config_path, take_error, &findings, &config) == 0) {
		findings.passive_ports = config->passive_port_high - config->passive_port_low + 1U;
		check_service_user(&findings, config);
		(void)config_check_places(config, take_error, &findings);
		check_certificate(&findings, config);
		check_accounts(&findings, config);
		check_pam(&findings, config);
		config_free(config);
	}
	return report(ctl, &findings);
}
