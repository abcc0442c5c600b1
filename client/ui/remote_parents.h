/* SPDX-License-Identifier: ISC */
/* Making a directory on the server with its missing parents. */
#ifndef CLIENT_UI_REMOTE_PARENTS_H
#define CLIENT_UI_REMOTE_PARENTS_H

#include "client/ui/session.h"

/* One that is there already is fine. The error is that of the session's handle. */
enum ftp_class remote_make_parents(struct session *session, const char *path);

#endif
