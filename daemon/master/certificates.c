#include "daemon/master/certificates.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/io.h"
#include "daemon/master/master.h"
#include "privsep/ipc/log.h"
#include "privsep/tls/certificate.h"
#include "privsep/tls/context.h"

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
tell(const struct master *master, bool is_start, const char *text)
{
	(void)master;
	if (is_start)
		fprintf(stderr, "sallyportd: %s\n", text);
	else
		log_message(LEVEL_ERROR, "certificate-refused", "%s", text);
}

/* Copy one file into sealed memory. */
static int
take_file(const struct master *master, const char *path, bool is_key, bool is_start, int *fd_out)
{
	char error[512];
	int file_fd = certificate_open(path, is_key, error, sizeof(error));
	int r = file_fd;

	if (r >= 0) {
		r = certificate_seal(file_fd);
		close_fd(&file_fd);
		if (r < 0)
			snprintf(error, sizeof(error), "cannot read '%s': %s", path, strerror(-r));
	}
	if (r < 0) {
		tell(master, is_start, error);
		return r;
	}
	*fd_out = r;
	return 0;
}

/* Read both files and fork the process that checks them. 0 or -errno (told). */
static int
start_checker(struct master *master, bool is_start)
{
	const char *chain = master->config->tls.certificate, *key = master->config->tls.key;
	int r;

	master->certificate.new_chain_fd = master->certificate.new_key_fd = -1;
	stamp_of(chain, &master->certificate.chain_stamp);
	stamp_of(key, &master->certificate.key_stamp);
	r = take_file(master, chain, false, is_start, &master->certificate.new_chain_fd);
	if (r == 0)
		r = take_file(master, key, true, is_start, &master->certificate.new_key_fd);
	if (r == 0) {
		master->certificate.checker = fork();
		if (master->certificate.checker < 0)
			r = -errno;
	}
	if (r < 0) {
		master->certificate.checker = 0;
		close_fd(&master->certificate.new_chain_fd);
		close_fd(&master->certificate.new_key_fd);
		return r;
	}
	if (master->certificate.checker == 0) {
		struct certificate_report report;
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		log_set_context("certificate", NULL, NULL, NULL);
		alarm(CHECK_SECONDS_MAX);
		r = certificate_check(
		    master->certificate.new_chain_fd, master->certificate.new_key_fd, chain, key, &report);
		if (r < 0)
			tell(master, is_start, report.error);
		_exit(r < 0 ? 1 : 0);
	}
	return 0;
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

static void
drop_new(struct master *master)
{
	close_fd(&master->certificate.new_chain_fd);
	close_fd(&master->certificate.new_key_fd);
}

void
certificates_tell(const struct master *master)
{
	if (master->certificate.context == NULL)
		return;
	log_begin(LEVEL_INFO, "certificate");
	log_field_u64("days_left", days_left(master) < 0 ? 0 : (uint64_t)days_left(master));
	log_field_text("file", master->config->tls.certificate);
	log_field_text("kernel_tls", master->certificate.uses_kernel ? "yes" : "no");
	log_end();
}

/* The checker is done: put the new pair in force, or keep the old one. */
static int
finish_checker(struct master *master, int status, bool is_start)
{
	char error[256] = "";
	SSL_CTX *context = NULL;

	master->certificate.checker = 0;
	/* a reload took the certificate out of the configuration meanwhile */
	if (!is_configured(master)) {
		drop_new(master);
		return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		context = context_new(master->certificate.new_chain_fd, master->config->tls.minimum,
		    master->certificate.uses_kernel, error, sizeof(error));
		if (context == NULL)
			tell(master, is_start, error);
	}
	if (context == NULL) {
		drop_new(master);
		return -EINVAL;
	}
	SSL_CTX_free(master->certificate.context);
	close_fd(&master->certificate.key_fd);
	master->certificate.context = context;
	master->certificate.key_fd = master->certificate.new_key_fd;
	master->certificate.new_key_fd = -1;
	master->certificate.warn_at_ms = 0;
	drop_new(master);
	certificates_tell(master);
	return 0;
}

int
certificates_load_first(struct master *master)
{
	int status = 0;
	int r;

	master->certificate.key_fd = -1;
	master->certificate.uses_kernel = context_kernel_knows_tls();
	if (!is_configured(master))
		return 0;
	r = start_checker(master, true);
	if (r < 0)
		return r;
	while (waitpid(master->certificate.checker, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return finish_checker(master, status, true);
}

void
certificates_reload(struct master *master)
{
	if (is_configured(master)) {
		/* while a check runs already, the next look finds what has changed since it began */
		if (master->certificate.checker == 0)
			(void)!start_checker(master, false);
		return;
	}
	SSL_CTX_free(master->certificate.context);
	master->certificate.context = NULL;
	close_fd(&master->certificate.key_fd);
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
warn_about_end(struct master *master, uint64_t now)
{
	int64_t days;

	if (master->certificate.context == NULL || now < master->certificate.warn_at_ms)
		return;
	master->certificate.warn_at_ms = now + WARN_EVERY_MS;
	days = days_left(master);
	if (days >= WARN_DAYS)
		return;
	log_begin(LEVEL_WARNING, "certificate-ends");
	log_field_u64("days_left", days < 0 ? 0 : (uint64_t)days);
	log_field_text("message", days < 0 ? "the certificate has expired; renew it" : "renew the certificate");
	log_end();
}

int
certificates_watch(struct master *master)
{
	uint64_t now = monotonic_ms();

	if (!is_configured(master))
		return -1;
	warn_about_end(master, now);
	if (now >= master->certificate.look_at_ms) {
		master->certificate.look_at_ms = now + LOOK_EVERY_MS;
		/* half of a pair that is being replaced is refused; the next look finds both */
		if (master->certificate.checker == 0 && have_changed(master))
			(void)!start_checker(master, false);
	}
	return deadline_left_ms(master->certificate.look_at_ms, now);
}

bool
certificates_reaped(struct master *master, pid_t pid, int status)
{
	if (master->certificate.checker == 0 || pid != master->certificate.checker)
		return false;
	if (finish_checker(master, status, false) < 0)
		log_message(LEVEL_ERROR, "certificate-refused", "the certificate in force stays");
	return true;
}
