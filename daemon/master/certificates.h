/*
 * The certificate in force: checked by a short-lived process that alone parses the key, kept
 * as a TLS context without key and as the key file's bytes in sealed memory; replaced when
 * the files change.
 */
#ifndef DAEMON_MASTER_CERTIFICATES_H
#define DAEMON_MASTER_CERTIFICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct master;

/* Load the pair at start and wait for its check; a line about what is wrong goes to standard error. 0 or -errno. */
int certificates_load_first(struct master *master);

/* The log is there: say what is in force. */
void certificates_tell(const struct master *master);

/* Load what the configuration in force names (SIGHUP). The old pair stays until the new one is found good. */
void certificates_reload(struct master *master);

/*
 * Look whether the files have changed, and whether the certificate ends soon, when it is
 * time to. Returns the ms until it is time again, -1 without a certificate.
 */
int certificates_watch(struct master *master);

/* A child of the master is gone. True when it was the checker. */
bool certificates_reaped(struct master *master, pid_t pid, int status);

#endif
