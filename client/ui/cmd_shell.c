/* SPDX-License-Identifier: ISC */
/* Commands of the shell about itself: open, close, user, connections, jobs, fg, kill, wait, queue, alias, unalias. */
#include <errno.h>
#include <string.h>

#include "client/ui/background.h"
#include "client/ui/command.h"
#include "client/ui/connections.h"
#include "client/ui/report.h"
#include "client/ui/shell_aliases.h"
#include "common/text.h"

#include "common/banned.h"

/* --- connections --- */

enum exit_status
command_open(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status = connections_open(args->texts[0]->text, args->words, args->word_count);

	(void)session;
	(void)options;
	if (status == EXIT_DONE)
		connection_greet(connections_current());
	return status;
}

/* The connection that the first text names, or the current one. NULL: reported. */
static struct connection *
named_connection(const struct args *args)
{
	bool is_ambiguous = false;
	struct connection *connection =
	    args->text_count == 0 ? connections_current() : connections_find(args->texts[0]->text, &is_ambiguous);

	if (connection != NULL)
		return connection;
	if (args->text_count == 0)
		(void)report_usage("no connection is open; open PLACE opens one");
	else
		(void)report_usage(is_ambiguous ? "there are several connections to '%s'; say which by its number"
						: "there is no connection '%s'; connections lists them",
		    report_quote(args->texts[0]->text));
	return NULL;
}

enum exit_status
command_close(struct session *session, struct options *options, const struct args *args)
{
	struct connection *connection = named_connection(args);

	(void)session;
	(void)options;
	if (connection == NULL)
		return EXIT_USAGE;
	connection->is_closing = true;
	return EXIT_DONE;
}

/* Over a new connection, as not all servers take a second USER. */
enum exit_status
command_user(struct session *session, struct options *options, const struct args *args)
{
	enum exit_status status = connections_log_in_as(args->texts[0]->text);

	(void)session;
	(void)options;
	if (status == EXIT_DONE)
		connection_greet(connections_current());
	return status;
}

static void
print_connection(struct connection *connection)
{
	bool is_current = connection == connections_current();
	const struct session *session = &connection->session;
	const char *path = connections_path(connection);

	if (report_is_json())
		report_json(json_pack("{s:s, s:i, s:o, s:o, s:o, s:b}", "event", "connection", "number",
		    (int)connection->number, "host", report_json_text(session->url.host), "user",
		    report_json_text(session->user), "path", report_json_text(path), "current", is_current));
	else
		report_line("%c %u  %s@%s:%s", is_current ? '*' : ' ', connection->number, report_quote(session->user),
		    report_quote(session->url.host), report_quote(path));
}

enum exit_status
command_connections(struct session *session, struct options *options, const struct args *args)
{
	struct connection *connection;

	(void)session;
	(void)options;
	if (args->text_count > 0) {
		connection = named_connection(args);
		if (connection != NULL)
			connections_switch(connection);
		return connection == NULL ? EXIT_USAGE : EXIT_DONE;
	}
	for (size_t i = 0; (connection = connections_nth(i)) != NULL; i++)
		print_connection(connection);
	return EXIT_DONE;
}

/* --- jobs --- */

/* "2" or "%2"; without a text the last job, where is_all is not set. */
static enum exit_status
job_number(const struct args *args, bool is_all, unsigned int *number)
{
	const char *text = args->text_count == 0 ? NULL : args->texts[0]->text;
	uint64_t value;

	*number = is_all ? 0 : background_last();
	if (text == NULL)
		return is_all || *number > 0 ? EXIT_DONE
					     : report_usage("there is no job; a & after a command makes one");
	if (parse_u64(text + (text[0] == '%'), UINT32_MAX, &value) < 0 || value == 0)
		return report_usage("'%s' is not the number of a job; jobs lists them", report_quote(text));
	*number = (unsigned int)value;
	return EXIT_DONE;
}

enum exit_status
command_jobs(struct session *session, struct options *options, const struct args *args)
{
	(void)session;
	(void)options;
	(void)args;
	background_list();
	return EXIT_DONE;
}

enum exit_status
command_fg(struct session *session, struct options *options, const struct args *args)
{
	unsigned int number;
	enum exit_status status = job_number(args, false, &number);

	(void)session;
	(void)options;
	return status == EXIT_DONE ? background_wait(number, true) : status;
}

enum exit_status
command_kill(struct session *session, struct options *options, const struct args *args)
{
	unsigned int number;
	enum exit_status status = job_number(args, false, &number);

	(void)session;
	(void)options;
	return status == EXIT_DONE ? background_kill(number) : status;
}

enum exit_status
command_wait(struct session *session, struct options *options, const struct args *args)
{
	unsigned int number;
	enum exit_status status = job_number(args, true, &number);

	(void)session;
	(void)options;
	return status == EXIT_DONE ? background_wait(number, false) : status;
}

/* With a command after it, the shell starts that before it comes here. */
enum exit_status
command_queue(struct session *session, struct options *options, const struct args *args)
{
	return command_jobs(session, options, args);
}

/* --- aliases --- */

static void
print_alias(const char *name)
{
	const char *text = alias_find(name);

	if (report_is_json())
		report_json(json_pack("{s:s, s:o, s:o}", "event", "alias", "name", report_json_text(name), "text",
		    report_json_text(text)));
	else
		report_line("%-10s %s", report_quote(name), report_quote(text));
}

enum exit_status
command_alias(struct session *session, struct options *options, const struct args *args)
{
	const char *name = args->text_count > 0 ? args->texts[0]->text : NULL;

	(void)session;
	(void)options;
	if (args->text_count == 2) {
		if (name[0] == '\0' || strpbrk(name, " \t|>&'\"\\!#") != NULL)
			return report_usage(
			    "'%s' cannot be the name of an alias: it is one word without quotes and operators",
			    report_quote(name));
		return alias_set(name, args->texts[1]->text) < 0 ? report_no_memory() : EXIT_DONE;
	}
	if (name != NULL && alias_find(name) == NULL)
		return report_usage("there is no alias '%s'; alias lists them", report_quote(name));
	if (name != NULL)
		print_alias(name);
	for (size_t i = 0; name == NULL && alias_nth(i) != NULL; i++)
		print_alias(alias_nth(i));
	return EXIT_DONE;
}

enum exit_status
command_unalias(struct session *session, struct options *options, const struct args *args)
{
	int r = alias_set(args->texts[0]->text, NULL);

	(void)session;
	(void)options;
	if (r == -ENOENT)
		return report_usage("there is no alias '%s'; alias lists them", report_quote(args->texts[0]->text));
	return r < 0 ? report_no_memory() : EXIT_DONE;
}
