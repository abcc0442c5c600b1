/* SPDX-License-Identifier: ISC */
#include "client/ui/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/ui/preferences.h"
#include "client/ui/report.h"
#include "common/text.h"

#include "common/banned.h"

static struct connection *first_connection, *current_connection;
static struct options bare_options; /* while there is no connection */
static bool has_bare_options;
static unsigned int last_number;

struct connection *
connections_current(void)
{
	return current_connection;
}

struct options *
connections_defaults(void)
{
	if (current_connection != NULL)
		return &current_connection->options;
	if (!has_bare_options)
		(void)preferences_begin(&bare_options, NULL);
	has_bare_options = true;
	return &bare_options;
}

static void
connection_free(struct connection *connection)
{
	session_close(&connection->session);
	listings_forget(&connection->listings);
	options_free(&connection->options);
	words_free(&connection->words);
	free(connection->path);
	free(connection);
}

static int
keep_open_words(struct words *copy, const struct word *words, size_t count)
{
	*copy = (struct words){calloc(count + 1, sizeof(*copy->items)), 0};
	if (copy->items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		copy->items[i].text = strdup(words[i].text);
		if (copy->items[i].text == NULL)
			return -ENOMEM;
		copy->count++;
	}
	return 0;
}

/* What the file, the environment and the program's arguments say for the host, then the words of "open". */
static enum exit_status
settle_options(struct connection *connection, const char *host)
{
	const struct words *words = &connection->words;
	const struct word **operands = calloc(words->count + 1, sizeof(const struct word *));
	enum exit_status status = operands == NULL ? report_no_memory() : preferences_begin(&connection->options, host);
	char why[1024];
	size_t count;

	if (status == EXIT_DONE &&
	    options_parse(&connection->options, words->items, words->count, OPTIONS_CONNECTION | OPTIONS_OUTPUT,
		operands, &count, why, sizeof(why)) < 0)
		status = report_usage("open: %s", why);
	free(operands);
	return status;
}

/* Log in, and go to the directory of the URL, which this takes over. */
static enum exit_status
connect_to_place(struct connection *connection, struct ftp_url *url)
{
	char *path = strdup(url->path);
	enum exit_status status;

	if (path == NULL) {
		ftp_url_free(url);
		return report_no_memory();
	}
	connection->session.is_shell = true;
	connection->session.listings = &connection->listings;
	status = session_open(&connection->session, url, &connection->options);
	if (status == EXIT_DONE && path[0] != '\0' && ftp_cwd(connection->session.ftp, path) != FTP_OK)
		status = session_error(&connection->session);
	free(path);
	return status;
}

static void
keep_connection(struct connection *connection)
{
	struct connection **end = &first_connection;

	while (*end != NULL)
		end = &(*end)->next;
	*end = connection;
	connection->number = ++last_number;
	current_connection = connection;
}

/* Takes url over. is_other_user: the password that the file keeps is not his. */
static enum exit_status
open_url(struct ftp_url *url, const struct word *words, size_t count, bool is_other_user)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	enum exit_status status;

	if (connection == NULL) {
		ftp_url_free(url);
		return report_no_memory();
	}
	options_init(&connection->options);
	status = keep_open_words(&connection->words, words, count) < 0 ? report_no_memory()
								       : settle_options(connection, url->host);
	if (is_other_user)
		connection->options.kept_password = NULL;
	report_set(&connection->options, false);
	if (status == EXIT_DONE)
		status = connect_to_place(connection, url);
	else
		ftp_url_free(url);
	if (status == EXIT_DONE)
		keep_connection(connection);
	else
		connection_free(connection);
	return status;
}

enum exit_status
connections_open(const char *place, const struct word *words, size_t count)
{
	struct ftp_url url;
	enum exit_status status = session_parse_place(place, &url, NULL);

	return status == EXIT_DONE ? open_url(&url, words, count, false) : status;
}

enum exit_status
connections_log_in_as(const char *user)
{
	struct connection *before = current_connection;
	const struct ftp_url *there = &before->session.url;
	struct ftp_url url = {.tls = there->tls, .port = there->port};
	enum exit_status status;

	url.host = strdup(there->host);
	url.user = strdup(user);
	url.path = strdup("");
	if (url.host == NULL || url.user == NULL || url.path == NULL) {
		ftp_url_free(&url);
		return report_no_memory();
	}
	status = open_url(&url, before->words.items, before->words.count, true);
	if (status != EXIT_DONE)
		return status;
	last_number--;
	current_connection->number = before->number;
	before->is_closing = true;
	return EXIT_DONE;
}

/* "host", or "user@host". */
static bool
is_connection_named(const struct connection *connection, const char *name)
{
	const char *at = strrchr(name, '@'), *user = connection->session.user;

	if (at != NULL &&
	    (user == NULL || strlen(user) != (size_t)(at - name) || strncmp(user, name, (size_t)(at - name)) != 0))
		return false;
	return strcasecmp(connection->session.url.host, at == NULL ? name : at + 1) == 0;
}

struct connection *
connections_find(const char *name, bool *is_ambiguous)
{
	struct connection *found = NULL;
	uint64_t number = 0;
	bool is_number = parse_u64(name, UINT32_MAX, &number) == 0;

	*is_ambiguous = false;
	for (struct connection *each = first_connection; each != NULL; each = each->next) {
		if (is_number && each->number == number)
			return each;
		if (!is_connection_named(each, name))
			continue;
		*is_ambiguous = found != NULL;
		found = each;
	}
	return *is_ambiguous ? NULL : found;
}

struct connection *
connections_nth(size_t n)
{
	struct connection *connection = first_connection;

	for (; connection != NULL && n > 0; n--)
		connection = connection->next;
	return connection;
}

void
connections_forget_listings(void)
{
	for (struct connection *each = first_connection; each != NULL; each = each->next)
		listings_forget(&each->listings);
}

void
connections_switch(struct connection *connection)
{
	current_connection = connection;
	report_set(&connection->options, false);
}

void
connections_sweep(void)
{
	for (struct connection **at = &first_connection; *at != NULL;) {
		struct connection *connection = *at;

		if (!connection->is_closing) {
			at = &connection->next;
			continue;
		}
		*at = connection->next;
		if (current_connection == connection)
			current_connection = NULL;
		connection_free(connection);
	}
	for (struct connection *each = first_connection; current_connection == NULL && each != NULL; each = each->next)
		if (each->next == NULL)
			connections_switch(each);
}

void
connections_close_all(void)
{
	for (struct connection *each = first_connection; each != NULL; each = each->next)
		each->is_closing = true;
	connections_sweep();
	if (has_bare_options)
		options_free(&bare_options);
	has_bare_options = false;
}

const char *
connections_path(struct connection *connection)
{
	const char *path = NULL;

	/* only while connected: a prompt is no reason to connect again, and the directory stays the same */
	if (ftp_is_connected(connection->session.ftp) && ftp_pwd(connection->session.ftp, &path) == FTP_OK &&
	    (connection->path == NULL || strcmp(connection->path, path) != 0)) {
		free(connection->path);
		connection->path = strdup(path);
	}
	return connection->path == NULL ? "" : connection->path;
}

void
connection_greet(const struct connection *connection)
{
	const struct session *session = &connection->session;

	report_note("connected to %s as %s; %s%s", report_quote(session->url.host), report_quote(session->user),
	    ftp_is_tls(session->ftp) ? "" : "no TLS, everything goes in clear", ftp_tls_text(session->ftp));
}
