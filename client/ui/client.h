/* SPDX-License-Identifier: ISC */
/* The program sallyport: runs what its arguments ask for. */
#ifndef CLIENT_UI_CLIENT_H
#define CLIENT_UI_CLIENT_H

/* Returns the exit status of the process. */
int client_run(int argc, char **argv);

#endif
