/* SPDX-License-Identifier: ISC */
#include "daemon/master/certificates.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <sys/wait.h>
#include <time.h>

#include "common/io.h"
#include "common/journal.h"
#include "daemon/master/certificate_round.h"
#include "daemon/master/server.h"
#include "privsep/ipc/log.h"
#include "privsep/tls/certificate.h"
#include "privsep/tls/memory.h"

#include "common/banned.h"

#define LOOK_EVERY_MS 20000
#define WARN_EVERY_MS (24 * 3600 * 1000ULL)
#define WARN_DAYS 14

static void certificates_due(void *arg);

static const struct config_server *
config_of_server(const struct certificates *certificates, size_t server)
{
	return &certificates->server->config->servers[server];
}

static struct credentials *
credentials_of(const struct certificates *certificates, size_t server)
{
	return &certificates->server->offer.credentials[server];
}

static size_t
server_count(const struct certificates *certificates)
{
	return certificates->server->config->server_count;
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

/* Of a server that has a section of its own. */
static void
log_section_name(const struct certificates *certificates, size_t server)
{
	if (server > 0)
		log_field_text("server", config_of_server(certificates, server)->name);
}

/* --- dates --- */

/* Whole days until the certificate in force ends; negative after it. */
static int64_t
days_left(const SSL_CTX *context)
{
	const X509 *leaf = SSL_CTX_get0_certificate(context);
	int days = 0, seconds = 0;

	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
		return 0;
	return days < 0 || seconds < 0 ? days - 1 : days;
}

bool
certificates_dates(
    const struct certificates *certificates, size_t server, int64_t *from, int64_t *until, const char **problem)
{
	const SSL_CTX *context = credentials_of(certificates, server)->context;
	const X509 *leaf;
	struct tm utc;

	if (context == NULL)
		return false;
	leaf = SSL_CTX_get0_certificate(context);
	*from = ASN1_TIME_to_tm(X509_get0_notBefore(leaf), &utc) == 1 ? (int64_t)timegm(&utc) : 0;
	*until = ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &utc) == 1 ? (int64_t)timegm(&utc) : 0;
	*problem = certificate_date_problem(leaf);
	return true;
}

/* For the status page and metrics. */
static void
show_ends(const struct certificates *certificates)
{
	struct board *board = &certificates->server->board;
	int64_t from, until = 0;
	const char *problem;

	if (board->head == NULL)
		return;
	(void)!certificates_dates(certificates, 0, &from, &until, &problem);
	board->head->certificate_ends_s = (uint64_t)until;
	board_clear_certificates(board);
	for (size_t i = 1; i < server_count(certificates); i++)
		if (certificates_dates(certificates, i, &from, &until, &problem))
			board_add_certificate(board, config_of_server(certificates, i)->name, (uint64_t)until);
}

static void
tell_certificate(const struct certificates *certificates, size_t server)
{
	int64_t days = days_left(credentials_of(certificates, server)->context);

	log_begin(LEVEL_INFO, "certificate");
	log_section_name(certificates, server);
	log_field_u64("days_left", days < 0 ? 0 : (uint64_t)days);
	log_field_text("file", config_of_server(certificates, server)->tls.certificate);
	log_field_text("kernel_tls", certificates->kernel_trouble == NULL ? "yes" : "no");
	if (certificates->kernel_trouble != NULL)
		log_field_text("message", certificates->kernel_trouble);
	log_end();
}

void
certificates_tell(const struct certificates *certificates)
{
	show_ends(certificates);
	for (size_t i = 0; i < server_count(certificates); i++)
		if (certificates->in_force[i].is_own)
			tell_certificate(certificates, i);
}

/* --- what is in force --- */

/* The pair of server, for all that have the same files. */
static void
share_credentials(struct certificates *certificates, size_t server)
{
	for (size_t i = server + 1; i < server_count(certificates); i++)
		if (certificate_pair_of(certificates->server->config, i) == server)
			*credentials_of(certificates, i) = *credentials_of(certificates, server);
}

/* What the check was good for belongs to the server from here on. */
static void
put_in_force(struct certificates *certificates, size_t server, struct certificate_check *check)
{
	struct certificate_in_force *in_force = &certificates->in_force[server];
	struct credentials *credentials = credentials_of(certificates, server);

	if (in_force->is_own) {
		SSL_CTX_free(credentials->context);
		close_fd(&credentials->key_fd);
	}
	*credentials = (struct credentials){.context = check->context, .key_fd = check->parts_fd};
	*in_force = (struct certificate_in_force){
	    .is_own = true, .chain_stamp = check->chain_stamp, .key_stamp = check->key_stamp};
	certificates->kernel_trouble = check->kernel_trouble;
	check->context = NULL;
	check->parts_fd = -1;
	certificate_check_drop(check, NULL);
	share_credentials(certificates, server);
}

/* Only the servers of the configuration that was in force before have something. */
static void
drop_all_in_force(struct certificates *certificates)
{
	for (size_t i = 0; i < CONFIG_SERVERS_MAX + 1; i++) {
		struct credentials *credentials = credentials_of(certificates, i);

		if (certificates->in_force[i].is_own) {
			SSL_CTX_free(credentials->context);
			close_fd(&credentials->key_fd);
		}
		if (credentials->context == NULL)
			continue;
		*credentials = (struct credentials){.context = NULL, .key_fd = -1};
		certificates->in_force[i] = (struct certificate_in_force){.is_own = false};
	}
}

void
certificates_use(struct certificates *certificates, struct certificate_round *round)
{
	certificate_check_drop(&certificates->check, certificates->server->loop);
	certificates->checked = 0;
	drop_all_in_force(certificates);
	for (size_t i = 0; i < server_count(certificates); i++)
		if (round->checks[i].context != NULL)
			put_in_force(certificates, i, &round->checks[i]);
	certificate_round_drop(round);
	certificates_tell(certificates);
	memory_trim(); /* else each fork copies the entries of its pages */
}

/* --- of a program and the next one --- */

static bool
is_good(const struct server *server, size_t i)
{
	const SSL_CTX *context = server->offer.credentials[i].context;

	return context != NULL && certificate_problem_of(context) == NULL;
}

void
certificates_good(const struct server *server, char good[CERTIFICATES_GOOD_MAX])
{
	bool is_one = is_good(server, 0);
	size_t len = (size_t)snprintf(good, CERTIFICATES_GOOD_MAX, "%d", is_one);

	for (size_t i = 1; i < server->config->server_count; i++) {
		if (!is_good(server, i))
			continue;
		is_one = true;
		len +=
		    (size_t)snprintf(good + len, CERTIFICATES_GOOD_MAX - len, ",%s", server->config->servers[i].name);
	}
	if (!is_one)
		good[0] = '\0';
}

/* Is the server among those of certificates_good()? */
static bool
was_good(const char *good, const struct config *config, size_t server)
{
	const char *name = config->servers[server].name;
	size_t len = strlen(name);

	if (server == 0)
		return good[0] == '1';
	while ((good = strchr(good, ',')) != NULL) {
		good++;
		if (strncmp(good, name, len) == 0 && (good[len] == ',' || good[len] == '\0'))
			return true;
	}
	return false;
}

static void
print_date_problem(const SSL_CTX *context, const char *path)
{
	char line[PATH_MAX + 160];

	snprintf(line, sizeof(line),
	    "certificate '%s' %s; it does not replace that of the running server, which is in date", path,
	    certificate_problem_of(context));
	print_certificate_problem(NULL, line);
}

static int
load_pair(struct certificates *certificates, size_t server, const char *good)
{
	static const struct certificate_teller teller = {print_certificate_problem, NULL};
	const struct config *config = certificates->server->config;
	const struct config_server *of = &config->servers[server];
	struct certificate_check check;
	int status = 0;
	int r = certificate_check_start(&check, certificates->server, of, NULL, NULL, &teller);

	if (r < 0)
		return r;
	while (waitpid(check.errand.pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	r = certificate_check_end(&check, config, server, NULL, status, &teller);
	if (r < 0)
		return r;
	if (good != NULL && was_good(good, config, server) && certificate_problem_of(check.context) != NULL) {
		print_date_problem(check.context, of->tls.certificate);
		certificate_check_drop(&check, NULL);
		return -EINVAL;
	}
	put_in_force(certificates, server, &check);
	return 0;
}

int
certificates_load_first(struct certificates *certificates, struct server *server, const char *good, size_t *failed)
{
	int r = 0;

	*certificates = (struct certificates){
	    .server = server,
	    .check = CERTIFICATE_CHECK_NONE,
	    .look = {.due = certificates_due, .arg = certificates},
	};
	for (size_t i = 0; i < CONFIG_SERVERS_MAX + 1; i++)
		server->offer.credentials[i].key_fd = -1;
	for (size_t i = certificate_pair_from(server->config, 0); r == 0 && i < server->config->server_count;
	     i = certificate_pair_from(server->config, i + 1)) {
		*failed = i;
		r = load_pair(certificates, i, good);
	}
	if (r == 0)
		memory_trim();
	return r;
}

/* --- files that change --- */

static bool
have_changed(const struct certificates *certificates, size_t server)
{
	const struct config_server *of = config_of_server(certificates, server);
	struct file_stamp chain, key;

	file_stamp_of_path(of->tls.certificate, &chain);
	file_stamp_of_path(of->tls.key, &key);
	return !file_stamp_equal(&chain, &certificates->in_force[server].chain_stamp) ||
	    !file_stamp_equal(&key, &certificates->in_force[server].key_stamp);
}

static const struct certificate_teller log_teller = {log_certificate_problem, NULL};

static void
log_old_one_stays(const struct certificates *certificates, size_t server)
{
	log_begin(LEVEL_ERROR, "certificate-refused");
	log_section_name(certificates, server);
	log_field_text("message", "the certificate in force stays");
	log_end();
}

static void
certificates_gone(void *arg, int status)
{
	struct certificates *certificates = arg;
	struct certificate_check *check = &certificates->check;
	size_t server = certificates->checked;
	int r = certificate_check_end(check, certificates->server->config, server,
	    credentials_of(certificates, server)->context, status, &log_teller);

	if (r == 0) {
		put_in_force(certificates, server, check);
		show_ends(certificates);
		tell_certificate(certificates, server);
		memory_trim();
	} else {
		if (r == -EINTR) /* a killed checker has no result */
			memset(&certificates->in_force[server].chain_stamp, 0, sizeof(struct file_stamp));
		log_old_one_stays(certificates, server);
	}
	if (r != -EINTR)
		certificates_look_soon(certificates); /* others may have been renewed with it */
}

/* The pair was checked. If it is refused, check it again only after a change, or if something was short. */
static void
start_checker(struct certificates *certificates, size_t server)
{
	struct certificate_check *check = &certificates->check;
	int r = certificate_check_start(check, certificates->server, config_of_server(certificates, server),
	    certificates_gone, certificates, &log_teller);

	certificates->checked = server;
	if (r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return;
	certificates->in_force[server].chain_stamp = check->chain_stamp;
	certificates->in_force[server].key_stamp = check->key_stamp;
}

/* One at a time, and each has its turn. */
static void
check_next_changed(struct certificates *certificates)
{
	size_t count = server_count(certificates);

	for (size_t n = 1; n <= count && certificates->check.errand.pid == 0; n++) {
		size_t server = (certificates->checked + 1) % count;

		if (certificates->in_force[server].is_own && have_changed(certificates, server))
			start_checker(certificates, server);
		certificates->checked = server;
	}
}

/* --- dates that come --- */

static void
log_end_of_certificate(
    const struct certificates *certificates, size_t server, enum log_level level, const char *message)
{
	int64_t days = days_left(credentials_of(certificates, server)->context);

	log_begin(level, "certificate-ends");
	log_section_name(certificates, server);
	log_field_u64("days_left", days < 0 ? 0 : (uint64_t)days);
	log_field_text("message", message);
	log_end();
}

/* At once when the clock or the end has come over it; when that is over, too. */
static void
tell_about_dates(struct certificates *certificates, size_t server)
{
	struct certificate_in_force *in_force = &certificates->in_force[server];
	const char *problem = certificate_problem_of(credentials_of(certificates, server)->context);
	bool was_told = in_force->date_problem == problem;

	in_force->date_problem = problem;
	if (was_told)
		return;
	in_force->warn_at_ms = 0;
	if (problem == NULL)
		tell_certificate(certificates, server);
}

static void
warn_about_end(struct certificates *certificates, size_t server, uint64_t now)
{
	struct certificate_in_force *in_force = &certificates->in_force[server];
	char text[PATH_MAX + 128];

	tell_about_dates(certificates, server);
	if (now < in_force->warn_at_ms)
		return;
	in_force->warn_at_ms = now + WARN_EVERY_MS;
	if (in_force->date_problem != NULL) {
		snprintf(text, sizeof(text),
		    "certificate '%s' %s; it is used all the same, and clients that check it refuse it",
		    config_of_server(certificates, server)->tls.certificate, in_force->date_problem);
		log_end_of_certificate(certificates, server, LEVEL_ERROR, text);
	} else if (days_left(credentials_of(certificates, server)->context) < WARN_DAYS) {
		log_end_of_certificate(certificates, server, LEVEL_WARNING, "renew the certificate");
	}
}

static void
certificates_due(void *arg)
{
	struct certificates *certificates = arg;
	uint64_t now = monotonic_ms();
	bool has_any = false;

	for (size_t i = 0; i < server_count(certificates); i++) {
		if (!certificates->in_force[i].is_own)
			continue;
		has_any = true;
		warn_about_end(certificates, i, now);
	}
	if (!has_any)
		return;
	timer_set(certificates->server->loop, &certificates->look, now + LOOK_EVERY_MS);
	/* half of a pair that is being replaced is refused; the next look finds both */
	check_next_changed(certificates);
}

void
certificates_look_soon(struct certificates *certificates)
{
	timer_set(certificates->server->loop, &certificates->look, 0);
}
