/* SPDX-License-Identifier: ISC */
#include "client/ui/remote_parents.h"

#include <stdlib.h>
#include <string.h>

#include "client/ui/remote_glob.h"

#include "common/banned.h"

enum ftp_class
remote_make_parents(struct session *session, const char *path)
{
	enum ftp_class class = FTP_OK;
	char *copy = strdup(path);

	if (copy == NULL)
		return FTP_LOCAL;
	for (char *slash = copy; class == FTP_OK && slash != NULL;) {
		slash = strchr(slash + 1, '/');
		if (slash != NULL)
			*slash = '\0';
		if (!remote_is_directory(session, copy))
			class = ftp_mkdir(session->ftp, copy);
		if (slash != NULL)
			*slash = '/';
	}
	free(copy);
	return class;
}
