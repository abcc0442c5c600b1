/* SPDX-License-Identifier: ISC */
#include "client/ui/exit_status.h"

#include <stdbool.h>
#include <stddef.h>

#include "common/banned.h"

static const struct {
	enum ftp_class class;
	enum exit_status status;
	const char *help;
} rows[] = {
    {FTP_OK, EXIT_DONE, "everything was done"},
    {FTP_LOCAL, EXIT_LOCAL, "a local file, directory or disk"},
    {FTP_USAGE, EXIT_USAGE, "the command line"},
    {FTP_REFUSED, EXIT_REFUSED,
	"the server refuses for good (5yz), is not there, or speaks no FTP; mirror left something in doubt"},
    {FTP_LOGIN, EXIT_LOGIN, "the login: name or password, or it would have gone in clear"},
    {FTP_CERTIFICATE, EXIT_CERTIFICATE, "the certificate, or TLS"},
    {FTP_VERIFY, EXIT_VERIFY, "verification: what arrived is not what was sent"},
    {FTP_NETWORK, EXIT_NETWORK, "the network; try again"},
    {FTP_TEMPORARY, EXIT_TEMPORARY, "the server refuses for now (a 4yz reply); try again"},
    {FTP_ABORTED, EXIT_INTERRUPTED, "interrupted"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

enum exit_status exit_status_of(enum ftp_class class)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].class == class)
			return rows[i].status;
	return EXIT_LOCAL;
}

static bool
is_for_later(enum exit_status status)
{
	return status >= 10 && status < 20;
}

enum exit_status
exit_status_worse(enum exit_status so_far, enum exit_status next)
{
	if (next == EXIT_DONE || so_far == EXIT_INTERRUPTED)
		return so_far;
	if (so_far == EXIT_DONE || next == EXIT_INTERRUPTED || (is_for_later(so_far) && !is_for_later(next)))
		return next;
	return so_far;
}

const char *
exit_status_help(enum exit_status status)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].status == status)
			return rows[i].help;
	return NULL;
}
