/* SPDX-License-Identifier: ISC */
/* Read a file that the command line names. */
#ifndef ADMIN_WHOLE_FILE_H
#define ADMIN_WHOLE_FILE_H

struct buf;

/* Add all of a file to text, "-" of standard input; says on stderr what is wrong. 0 or -errno. */
int whole_file_read(const char *path, struct buf *text);

/* The same of shadow(5) beside passwd(5) at path; a missing one adds nothing. */
int whole_file_read_shadow(const char *path, struct buf *text);

#endif
