/* SPDX-License-Identifier: ISC */
/* The way to the server: straight, or through a proxy. */
#ifndef CLIENT_ENGINE_ROUTE_H
#define CLIENT_ENGINE_ROUTE_H

#include "client/engine/data.h"

/* Open the control connection: ftp->control, ftp->peer and ftp->local are filled. */
enum ftp_class route_connect(struct ftp *ftp);

/*
 * Begin a data connection to peer, which has the port; its family is AF_UNSPEC where only the proxy knows the server's address.
 * route_end_data() waits for it.
 */
enum ftp_class route_begin_data(struct ftp *ftp, struct data *data, const union address *peer, uint16_t port);

/* Returns 0, -ETIMEDOUT, -ECANCELED, -errno; with why where a proxy has a reason, else why is "". */
int route_end_data(struct ftp *ftp, struct data *data, char *why, size_t why_size);

/* The class of the error r of a proxy. */
enum ftp_class route_class(int r);

/* FTP_USAGE for active mode through a proxy. */
enum ftp_class route_check_mode(struct ftp *ftp);

#endif
