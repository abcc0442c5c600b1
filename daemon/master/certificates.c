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
#include "daemon/master/master.h"
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

static bool
is_configured(const struct master *master)
{
	return master->config->tls.certificate[0] != '\0';
}

static void
stamp_of(const char *path, struct accounts_stamp *stamp)
{
	struct stat st;

	memset(stamp, 0, sizeof(*stamp));
	if (stat(path, &st) == 0)
		accounts_stamp_from_stat(&st, stamp);
}

static void
tell_stderr(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%ssallyportd: %s\n", journal_prefix(LOG_ERR), line);
}

static void
tell_log(void *arg, const char *line)
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
certificate_check_start(struct master *master, struct certificate_check *check, const struct config *config,
    void (*gone)(void *arg, int status), void (*tell)(void *arg, const char *line), void *arg)
{
	const char *chain = config->tls.certificate, *key = config->tls.key;
	struct certificate_report report;
	int r;

	*check = (struct certificate_check){
	    .errand = {.child = {.gone = gone, .arg = master}},
	    .chain_fd = -1,
	    .key_fd = -1,
	    .parts_fd = -1,
	};
	stamp_of(chain, &check->chain_stamp);
	stamp_of(key, &check->key_stamp);
	r = take_file(chain, false, &check->chain_fd, tell, arg);
	if (r == 0)
		r = take_file(key, true, &check->key_fd, tell, arg);
	if (r == 0) {
		check->parts_fd = key_parts_new();
		r = check->parts_fd < 0 ? check->parts_fd : 0;
	}
	if (r == 0) {
		pid_t pid = errand_start(&check->errand, gone == NULL ? NULL : master->loop, &master->board,
		    "certificate", CHECK_SECONDS_MAX);

		if (pid < 0) {
			r = (int)pid;
			snprintf(report.error, sizeof(report.error),
			    "the process that checks the certificate cannot be started: %s", strerror(-r));
			tell(arg, report.error);
		} else if (pid == 0) {
			r = certificate_check(check->chain_fd, check->key_fd, chain, key, &report);
			if (r < 0 && report.is_out_of_date)
				r = 0;	/* certificate_check_end() decides */
			if (r < 0)
				errand_say(&check->errand, report.error);
			_exit(r < 0 || write_parts(check) < 0 ? 1 : 0);
		}
	}
	if (r < 0)
		certificate_check_drop(check, master->loop);
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

/* What is out of its dates replaces nothing that is not. */
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

/* Whole days until the certificate in force ends; negative behind it. */
static int64_t
days_left(const struct master *master)
{
	const X509 *leaf = SSL_CTX_get0_certificate(master->certificate.context);
	int days = 0, seconds = 0;

	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
		return 0;
	return days < 0 || seconds < 0 ? days - 1 : days;
}

bool
certificates_dates(const struct master *master, int64_t *from, int64_t *until, const char **problem)
{
	const X509 *leaf;
	struct tm utc;

	if (master->certificate.context == NULL)
		return false;
	leaf = SSL_CTX_get0_certificate(master->certificate.context);
	*from = ASN1_TIME_to_tm(X509_get0_notBefore(leaf), &utc) == 1 ? (int64_t)timegm(&utc) : 0;
	*until = ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &utc) == 1 ? (int64_t)timegm(&utc) : 0;
	*problem = certificate_date_problem(leaf);
	return true;
}

/* For who shows it. */
static void
show_end(const struct master *master)
{
	int64_t from, until = 0;
	const char *problem;

	if (master->board.head == NULL)
		return;
	(void)!certificates_dates(master, &from, &until, &problem);
	master->board.head->certificate_ends_s = (uint64_t)until;
}

void
certificates_tell(const struct master *master)
{
	show_end(master);
	if (master->certificate.context == NULL)
		return;
	log_begin(LEVEL_INFO, "certificate");
	log_field_u64("days_left", days_left(master) < 0 ? 0 : (uint64_t)days_left(master));
	log_field_text("file", master->config->tls.certificate);
	log_field_text("kernel_tls", master->certificate.kernel_trouble == NULL ? "yes" : "no");
	if (master->certificate.kernel_trouble != NULL)
		log_field_text("message", master->certificate.kernel_trouble);
	log_end();
}

void
certificates_use(struct master *master, struct certificate_check *check)
{
	SSL_CTX_free(master->certificate.context);
	close_fd(&master->certificate.key_fd);
	master->certificate.context = NULL;
	if (check == NULL) {
		show_end(master);
		return;
	}
	master->certificate.context = check->context;
	master->certificate.kernel_trouble = check->kernel_trouble;
	master->certificate.key_fd = check->parts_fd;
	master->certificate.chain_stamp = check->chain_stamp;
	master->certificate.key_stamp = check->key_stamp;
	check->context = NULL;
	check->parts_fd = -1;
	certificate_check_drop(check, master->loop);
	master->certificate.warn_at_ms = 0;
	master->certificate.date_problem = NULL;
	certificates_tell(master);
	memory_trim();	/* else each fork copies the entries of its pages */
}

int
certificates_load_first(struct master *master)
{
	struct certificate_check check;
	int status = 0;
	int r;

	master->certificate.key_fd = -1;
	master->certificate.check = (struct certificate_check){.chain_fd = -1, .key_fd = -1, .parts_fd = -1};
	if (!is_configured(master))
		return 0;
	r = certificate_check_start(master, &check, master->config, NULL, tell_stderr, NULL);
	if (r < 0)
		return r;
	while (waitpid(check.errand.pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	r = certificate_check_end(&check, master->config, NULL, status, tell_stderr, NULL);
	if (r == 0)
		certificates_use(master, &check);
	return r;
}

static bool
have_changed(const struct master *master)
{
	struct accounts_stamp chain, key;

	stamp_of(master->config->tls.certificate, &chain);
	stamp_of(master->config->tls.key, &key);
	return !accounts_stamp_equal(&chain, &master->certificate.chain_stamp) ||
	    !accounts_stamp_equal(&key, &master->certificate.key_stamp);
}

static void
certificates_gone(void *arg, int status)
{
	struct master *master = arg;
	struct certificate_check *check = &master->certificate.check;
	int r = certificate_check_end(check, master->config, master->certificate.context, status, tell_log, NULL);

	if (r == 0) {
		certificates_use(master, check);
		return;
	}
	if (r == -EINTR) /* a checker that was killed has found nothing out */
		memset(&master->certificate.chain_stamp, 0, sizeof(master->certificate.chain_stamp));
	log_message(LEVEL_ERROR, "certificate-refused", "the certificate in force stays");
}

/* The pair was looked at; if it is refused, not again before it changes, unless something was short. */
static void
start_checker(struct master *master)
{
	struct certificate_check *check = &master->certificate.check;
	int r = certificate_check_start(master, check, master->config, certificates_gone, tell_log, NULL);

	if (r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return;
	master->certificate.chain_stamp = check->chain_stamp;
	master->certificate.key_stamp = check->key_stamp;
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
tell_about_dates(struct master *master)
{
	const char *problem = date_problem(master->certificate.context);
	bool was_told = master->certificate.date_problem == problem;

	master->certificate.date_problem = problem;
	if (was_told)
		return;
	master->certificate.warn_at_ms = 0;
	if (problem == NULL)
		certificates_tell(master);
}

static void
warn_about_end(struct master *master, uint64_t now)
{
	const char *problem;
	char text[PATH_MAX + 128];
	int64_t days;

	if (master->certificate.context == NULL)
		return;
	tell_about_dates(master);
	if (now < master->certificate.warn_at_ms)
		return;
	master->certificate.warn_at_ms = now + WARN_EVERY_MS;
	problem = master->certificate.date_problem;
	days = days_left(master);
	if (problem != NULL) {
		snprintf(text, sizeof(text),
		    "certificate '%s' %s; it is used all the same, and clients that check it refuse it",
		    master->config->tls.certificate, problem);
		log_end_of_certificate(LEVEL_ERROR, days, text);
	} else if (days < WARN_DAYS) {
		log_end_of_certificate(LEVEL_WARNING, days, "renew the certificate");
	}
}

static void
certificates_due(void *arg)
{
	struct master *master = arg;
	uint64_t now = monotonic_ms();

	if (!is_configured(master))
		return;
	warn_about_end(master, now);
	timer_set(master->loop, &master->certificate.look, now + LOOK_EVERY_MS);
	/* half of a pair that is being replaced is refused; the next look finds both */
	if (master->certificate.check.errand.pid == 0 && have_changed(master))
		start_checker(master);
}

void
certificates_look_soon(struct master *master)
{
	master->certificate.look.due = certificates_due;
	master->certificate.look.arg = master;
	timer_set(master->loop, &master->certificate.look, 0);
}
