/* SPDX-License-Identifier: ISC */
#include "daemon/master/certificates.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "common/journal.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"
#include "privsep/tls/certificate.h"
#include "privsep/tls/context.h"
#include "privsep/tls/key_parts.h"
#include "privsep/tls/memory.h"
#include "privsep/tls/rehearsal.h"

#include "common/banned.h"

#define LOOK_EVERY_MS 20000
#define CHECK_SECONDS_MAX 30
#define WARN_EVERY_MS (24 * 3600 * 1000ULL)
#define WARN_DAYS 14

static void certificates_due(void *arg);

static bool
is_configured(const struct certificates *certificates)
{
	return certificates->server->config->tls.certificate[0] != '\0';
}

static void
print_certificate_problem(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%ssallyportd: %s\n", journal_prefix(LOG_ERR), line);
}

static void
log_certificate_problem(void *arg, const char *line)
{
	(void)arg;
	log_message(LEVEL_ERROR, "certificate-refused", "%s", line);
}

/* Copy one file into sealed memory. */
static int
take_file(const char *path, bool is_key, int *fd_out, void (*tell)(void *arg, const char *line), void *arg)
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
		tell(arg, error);
		return r;
	}
	*fd_out = r;
	return 0;
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

int
certificate_check_start(struct certificates *certificates, struct certificate_check *check, const struct config *config,
    void (*gone)(void *arg, int status), void *gone_arg, void (*tell)(void *arg, const char *line), void *arg)
{
	const char *chain = config->tls.certificate, *key = config->tls.key;
	struct certificate_report report;
	int r;

	*check = (struct certificate_check){
	    .errand = {.child = {.gone = gone, .arg = gone_arg}},
	    .chain_fd = -1,
	    .key_fd = -1,
	    .parts_fd = -1,
	};
	file_stamp_of_path(chain, &check->chain_stamp);
	file_stamp_of_path(key, &check->key_stamp);
	r = take_file(chain, false, &check->chain_fd, tell, arg);
	if (r == 0)
		r = take_file(key, true, &check->key_fd, tell, arg);
	if (r == 0) {
		check->parts_fd = key_parts_new();
		r = check->parts_fd < 0 ? check->parts_fd : 0;
	}
	if (r == 0) {
		pid_t pid;

		check->errand.kept[check->errand.kept_count++] = check->chain_fd;
		check->errand.kept[check->errand.kept_count++] = check->key_fd;
		check->errand.kept[check->errand.kept_count++] = check->parts_fd;
		pid = errand_start(&check->errand, gone == NULL ? NULL : certificates->server->loop,
		    &certificates->server->board, "certificate", CHECK_SECONDS_MAX);

		if (pid < 0) {
			r = (int)pid;
			snprintf(report.error, sizeof(report.error),
			    "the process that checks the certificate cannot be started: %s", strerror(-r));
			tell(arg, report.error);
		} else if (pid == 0) {
			r = certificate_check(check->chain_fd, check->key_fd, chain, key, &report);
			if (r < 0 && report.is_out_of_date)
				r = 0; /* certificate_check_end() decides */
			if (r < 0)
				errand_say(&check->errand, report.error);
			_exit(r < 0 || write_parts(check) < 0 ? 1 : 0);
		}
	}
	if (r < 0)
		certificate_check_drop(check, certificates->server->loop);
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

static const char *
date_problem(const SSL_CTX *context)
{
	return certificate_date_problem(SSL_CTX_get0_certificate(context));
}

/* A certificate that is not in date replaces none that is. */
static int
compare_dates(
    const SSL_CTX *new, const SSL_CTX *in_force, const char *path, void (*tell)(void *arg, const char *line), void *arg)
{
	const char *problem = date_problem(new);
	char error[PATH_MAX + 128];

	if (problem == NULL || in_force == NULL || date_problem(in_force) != NULL)
		return 0;
	snprintf(error, sizeof(error), "certificate '%s' %s", path, problem);
	tell(arg, error);
	return -EINVAL;
}

int
certificate_check_end(struct certificate_check *check, const struct config *config, const SSL_CTX *in_force, int status,
    void (*tell)(void *arg, const char *line), void *arg)
{
	char error[256] = "";
	int r = errand_end(&check->errand, status, tell, arg);

	if (r == 0) {
		r = key_parts_seal(check->parts_fd);
		if (r < 0)
			tell(arg, "the private key cannot be sealed in memory");
	}
	if (r == 0) {
		rehearse();
		check->kernel_trouble = context_kernel_trouble();
		check->context = context_new(
		    check->chain_fd, config->tls.minimum, check->kernel_trouble == NULL, error, sizeof(error));
		if (check->context == NULL) {
			tell(arg, error);
			r = -EINVAL;
		}
	}
	if (r == 0)
		r = compare_dates(check->context, in_force, config->tls.certificate, tell, arg);
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

/* Whole days until the certificate in force ends; negative after it. */
static int64_t
days_left(const struct certificates *certificates)
{
	const X509 *leaf = SSL_CTX_get0_certificate(certificates->server->offer.tls);
	int days = 0, seconds = 0;

	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
		return 0;
	return days < 0 || seconds < 0 ? days - 1 : days;
}

bool
certificates_dates(const struct certificates *certificates, int64_t *from, int64_t *until, const char **problem)
{
	const X509 *leaf;
	struct tm utc;

	if (certificates->server->offer.tls == NULL)
		return false;
	leaf = SSL_CTX_get0_certificate(certificates->server->offer.tls);
	*from = ASN1_TIME_to_tm(X509_get0_notBefore(leaf), &utc) == 1 ? (int64_t)timegm(&utc) : 0;
	*until = ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &utc) == 1 ? (int64_t)timegm(&utc) : 0;
	*problem = certificate_date_problem(leaf);
	return true;
}

/* For the status page and metrics. */
static void
show_end(const struct certificates *certificates)
{
	int64_t from, until = 0;
	const char *problem;

	if (certificates->server->board.head == NULL)
		return;
	(void)!certificates_dates(certificates, &from, &until, &problem);
	certificates->server->board.head->certificate_ends_s = (uint64_t)until;
}

void
certificates_tell(const struct certificates *certificates)
{
	show_end(certificates);
	if (certificates->server->offer.tls == NULL)
		return;
	log_begin(LEVEL_INFO, "certificate");
	log_field_u64("days_left", days_left(certificates) < 0 ? 0 : (uint64_t)days_left(certificates));
	log_field_text("file", certificates->server->config->tls.certificate);
	log_field_text("kernel_tls", certificates->kernel_trouble == NULL ? "yes" : "no");
	if (certificates->kernel_trouble != NULL)
		log_field_text("message", certificates->kernel_trouble);
	log_end();
}

void
certificates_use(struct certificates *certificates, struct certificate_check *check)
{
	SSL_CTX_free(certificates->server->offer.tls);
	close_fd(&certificates->server->offer.key_fd);
	certificates->server->offer.tls = NULL;
	if (check == NULL) {
		show_end(certificates);
		return;
	}
	certificates->server->offer.tls = check->context;
	certificates->kernel_trouble = check->kernel_trouble;
	certificates->server->offer.key_fd = check->parts_fd;
	certificates->chain_stamp = check->chain_stamp;
	certificates->key_stamp = check->key_stamp;
	check->context = NULL;
	check->parts_fd = -1;
	certificate_check_drop(check, certificates->server->loop);
	certificates->warn_at_ms = 0;
	certificates->date_problem = NULL;
	certificates_tell(certificates);
	memory_trim(); /* else each fork copies the entries of its pages */
}

bool
certificates_are_good(const struct server *server)
{
	return server->offer.tls != NULL && date_problem(server->offer.tls) == NULL;
}

static void
tell_date_problem(const struct certificate_check *check, const char *path)
{
	char line[PATH_MAX + 160];

	snprintf(line, sizeof(line),
	    "certificate '%s' %s; it does not replace that of the running server, which is in date", path,
	    date_problem(check->context));
	print_certificate_problem(NULL, line);
}

int
certificates_load_first(struct certificates *certificates, struct server *server, bool must_be_good)
{
	struct certificate_check check;
	int status = 0;
	int r;

	*certificates = (struct certificates){
	    .server = server,
	    .check = {.chain_fd = -1, .key_fd = -1, .parts_fd = -1},
	    .look = {.due = certificates_due, .arg = certificates},
	};
	server->offer.key_fd = -1;
	if (!is_configured(certificates))
		return 0;
	r = certificate_check_start(
	    certificates, &check, certificates->server->config, NULL, NULL, print_certificate_problem, NULL);
	if (r < 0)
		return r;
	while (waitpid(check.errand.pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	r = certificate_check_end(&check, certificates->server->config, NULL, status, print_certificate_problem, NULL);
	if (r == 0 && must_be_good && date_problem(check.context) != NULL) {
		tell_date_problem(&check, server->config->tls.certificate);
		certificate_check_drop(&check, NULL);
		r = -EINVAL;
	}
	if (r == 0)
		certificates_use(certificates, &check);
	return r;
}

static bool
have_changed(const struct certificates *certificates)
{
	struct file_stamp chain, key;

	file_stamp_of_path(certificates->server->config->tls.certificate, &chain);
	file_stamp_of_path(certificates->server->config->tls.key, &key);
	return !file_stamp_equal(&chain, &certificates->chain_stamp) ||
	    !file_stamp_equal(&key, &certificates->key_stamp);
}

static void
certificates_gone(void *arg, int status)
{
	struct certificates *certificates = arg;
	struct certificate_check *check = &certificates->check;
	int r = certificate_check_end(check, certificates->server->config, certificates->server->offer.tls, status,
	    log_certificate_problem, NULL);

	if (r == 0) {
		certificates_use(certificates, check);
		return;
	}
	if (r == -EINTR) /* a killed checker has no result */
		memset(&certificates->chain_stamp, 0, sizeof(certificates->chain_stamp));
	log_message(LEVEL_ERROR, "certificate-refused", "the certificate in force stays");
}

/* The pair was checked. If it is refused, check it again only after a change, or if something was short. */
static void
start_checker(struct certificates *certificates)
{
	struct certificate_check *check = &certificates->check;
	int r = certificate_check_start(certificates, check, certificates->server->config, certificates_gone,
	    certificates, log_certificate_problem, NULL);

	if (r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return;
	certificates->chain_stamp = check->chain_stamp;
	certificates->key_stamp = check->key_stamp;
}

static void
log_end_of_certificate(enum log_level level, int64_t days, const char *message)
{
	log_begin(level, "certificate-ends");
	log_field_u64("days_left", days < 0 ? 0 : (uint64_t)days);
	log_field_text("message", message);
	log_end();
}

/* At once when the clock or the end has come over it; when that is over, too. */
static void
tell_about_dates(struct certificates *certificates)
{
	const char *problem = date_problem(certificates->server->offer.tls);
	bool was_told = certificates->date_problem == problem;

	certificates->date_problem = problem;
	if (was_told)
		return;
	certificates->warn_at_ms = 0;
	if (problem == NULL)
		certificates_tell(certificates);
}

static void
warn_about_end(struct certificates *certificates, uint64_t now)
{
	const char *problem;
	char text[PATH_MAX + 128];
	int64_t days;

	if (certificates->server->offer.tls == NULL)
		return;
	tell_about_dates(certificates);
	if (now < certificates->warn_at_ms)
		return;
	certificates->warn_at_ms = now + WARN_EVERY_MS;
	problem = certificates->date_problem;
	days = days_left(certificates);
	if (problem != NULL) {
		snprintf(text, sizeof(text),
		    "certificate '%s' %s; it is used all the same, and clients that check it refuse it",
		    certificates->server->config->tls.certificate, problem);
		log_end_of_certificate(LEVEL_ERROR, days, text);
	} else if (days < WARN_DAYS) {
		log_end_of_certificate(LEVEL_WARNING, days, "renew the certificate");
	}
}

static void
certificates_due(void *arg)
{
	struct certificates *certificates = arg;
	uint64_t now = monotonic_ms();

	if (!is_configured(certificates))
		return;
	warn_about_end(certificates, now);
	timer_set(certificates->server->loop, &certificates->look, now + LOOK_EVERY_MS);
	/* half of a pair that is being replaced is refused; the next look finds both */
	if (certificates->check.errand.pid == 0 && have_changed(certificates))
		start_checker(certificates);
}

void
certificates_look_soon(struct certificates *certificates)
{
	timer_set(certificates->server->loop, &certificates->look, 0);
}
