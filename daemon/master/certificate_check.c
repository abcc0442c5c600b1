/* SPDX-License-Identifier: ISC */
#include "daemon/master/certificate_check.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/server.h"
#include "privsep/tls/certificate.h"
#include "privsep/tls/context.h"
#include "privsep/tls/key_parts.h"
#include "privsep/tls/rehearsal.h"

#include "common/banned.h"

#define CHECK_SECONDS_MAX 30

static void
tell_line(const struct certificate_teller *teller, const char *line)
{
	teller->tell(teller->arg, line);
}

/* Copy one file into sealed memory. */
static int
take_file(const char *path, bool is_key, int *fd_out, const struct certificate_teller *teller)
{
	char error[1024];
	int file_fd = certificate_open_trusted(path, is_key, error, sizeof(error));
	int r = file_fd;

	if (r >= 0) {
		r = certificate_seal(file_fd);
		close_fd(&file_fd);
		if (r < 0)
			snprintf(error, sizeof(error), "cannot read '%s': %s", path, strerror(-r));
	}
	if (r < 0) {
		tell_line(teller, error);
		return r;
	}
	*fd_out = r;
	return 0;
}

static int
take_files(struct certificate_check *check, const struct config_server *of, const struct certificate_teller *teller)
{
	int r;

	file_stamp_of_path(of->tls.certificate, &check->chain_stamp);
	file_stamp_of_path(of->tls.key, &check->key_stamp);
	r = take_file(of->tls.certificate, false, &check->chain_fd, teller);
	if (r == 0)
		r = take_file(of->tls.key, true, &check->key_fd, teller);
	if (r < 0)
		return r;
	check->parts_fd = key_parts_new();
	return check->parts_fd < 0 ? check->parts_fd : 0;
}

/* In the checker: the numbers of the key, for the monitors. */
static int
write_parts(struct certificate_check *check)
{
	EVP_PKEY *key = certificate_read_key(check->key_fd);
	int r = key == NULL ? -EINVAL : key_parts_write(check->parts_fd, key);

	if (r < 0)
		errand_say(&check->errand, "the numbers of the private key cannot be written down");
	EVP_PKEY_free(key);
	return r;
}

static void __attribute__((noreturn))
run_checker(struct certificate_check *check, const struct config_server *of)
{
	struct certificate_report report;
	int r = certificate_check(check->chain_fd, check->key_fd, of->tls.certificate, of->tls.key, &report);

	if (r < 0 && report.is_out_of_date)
		r = 0; /* certificate_check_end() decides */
	if (r < 0)
		errand_say(&check->errand, report.error);
	_exit(r < 0 || write_parts(check) < 0 ? 1 : 0);
}

int
certificate_check_start(struct certificate_check *check, struct server *server, const struct config_server *of,
    void (*gone)(void *arg, int status), void *gone_arg, const struct certificate_teller *teller)
{
	char error[128];
	pid_t pid;
	int r;

	*check = (struct certificate_check)CERTIFICATE_CHECK_NONE;
	check->errand.child.gone = gone;
	check->errand.child.arg = gone_arg;
	r = take_files(check, of, teller);
	if (r < 0)
		goto out;
	check->errand.kept[check->errand.kept_count++] = check->chain_fd;
	check->errand.kept[check->errand.kept_count++] = check->key_fd;
	check->errand.kept[check->errand.kept_count++] = check->parts_fd;
	pid = errand_start(
	    &check->errand, gone == NULL ? NULL : server->loop, &server->board, "certificate", CHECK_SECONDS_MAX);
	if (pid == 0)
		run_checker(check, of);
	if (pid < 0) {
		r = (int)pid;
		snprintf(error, sizeof(error), "the process that checks the certificate cannot be started: %s",
		    strerror(-r));
		tell_line(teller, error);
	}
out:
	if (r < 0)
		certificate_check_drop(check, server->loop);
	return r;
}

/* Once, before the first context is made, so that sessions have less to prepare. */
static void
rehearse(void)
{
	static bool is_done;

	if (!is_done)
		(void)!tls_rehearse();
	is_done = true;
}

const char *
certificate_problem_of(const SSL_CTX *context)
{
	return certificate_date_problem(SSL_CTX_get0_certificate(context));
}

/* A certificate that is not in date replaces none that is. */
static int
compare_dates(const SSL_CTX *new, const SSL_CTX *in_force, const char *path, const struct certificate_teller *teller)
{
	const char *problem = certificate_problem_of(new);
	char error[PATH_MAX + 128];

	if (problem == NULL || in_force == NULL || certificate_problem_of(in_force) != NULL)
		return 0;
	snprintf(error, sizeof(error), "certificate '%s' %s", path, problem);
	tell_line(teller, error);
	return -EINVAL;
}

static int
make_context(struct certificate_check *check, const struct config *config, size_t number,
    const struct certificate_teller *teller)
{
	char error[256] = "TLS cannot be set up";

	rehearse();
	check->kernel_trouble = context_kernel_trouble();
	check->context =
	    context_new(check->chain_fd, config->tls.minimum, check->kernel_trouble == NULL, error, sizeof(error));
	if (check->context != NULL && context_set_number(check->context, (uint8_t)number) == 0)
		return 0;
	tell_line(teller, error);
	return -EINVAL;
}

int
certificate_check_end(struct certificate_check *check, const struct config *config, size_t number,
    const SSL_CTX *in_force, int status, const struct certificate_teller *teller)
{
	int r = errand_end(&check->errand, status, teller->tell, teller->arg);

	close_fd(&check->key_fd);
	if (r == 0) {
		r = key_parts_seal(check->parts_fd);
		if (r < 0)
			tell_line(teller, "the private key cannot be sealed in memory");
	}
	if (r == 0)
		r = make_context(check, config, number, teller);
	close_fd(&check->chain_fd); /* many pairs may wait for the last one */
	if (r == 0)
		r = compare_dates(check->context, in_force, config->servers[number].tls.certificate, teller);
	if (r < 0)
		certificate_check_drop(check, NULL);
	return r;
}

void
certificate_check_drop(struct certificate_check *check, struct loop *loop)
{
	errand_drop(&check->errand, loop);
	close_fd(&check->chain_fd);
	close_fd(&check->key_fd);
	close_fd(&check->parts_fd);
	SSL_CTX_free(check->context);
	check->context = NULL;
}
