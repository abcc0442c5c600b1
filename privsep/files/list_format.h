/* SPDX-License-Identifier: ISC */
/* Writes the lines of listings: ls -l, facts, plain names. Pure. */
#ifndef PRIVSEP_FILES_LIST_FORMAT_H
#define PRIVSEP_FILES_LIST_FORMAT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define LIST_FACTS_MAX 512	/* facts alone */
#define LIST_LINE_MAX (3 * PATH_MAX + LIST_FACTS_MAX)

/* A name in two parts, as it is shown: control characters become '?'. */
struct list_shown {
	const char *prefix, *name;
	size_t prefix_len, name_len;
};

/* A name that was examined. */
struct list_looked {
	struct stat own;	/* what stands there: DELE, RMD and RNFR are about it */
	struct stat target;	/* of a link that leads somewhere in the home */
	const struct stat *st;	/* of these two, what RETR, SIZE, MDTM and CWD are about */
	bool has_own_rights;	/* in it, if it is a directory, or where a link leads to: */
	unsigned own_rights;	/* these, not those of the directory of its name */
	bool is_fixed;		/* a directory that the account may not remove or rename */
};

/* The viewer for perm, and which facts are listed. */
struct list_viewer {
	uid_t uid;
	gid_t gid;
	unsigned rights;	/* enum account_right, in the directory of the name */
	bool is_atomic;	/* a new content takes the place of a file by a rename (uploads = "atomic") */
	dev_t home_device;
	unsigned facts;	/* enum ipc_fact */
};

/*
 * Each writes one line with CRLF into line and returns its length.
 *
 * list_format_long   as ls -l: owner and group are "ftp", times are UTC; now decides between
 *                    time of day and year. link_target: the text of a link, or NULL.
 * list_format_name   the name alone, for NLST.
 * list_format_entry  facts and name, for MLSD (RFC 3659, 7.2).
 *
 * is_classified adds '/', '*', '@', '|' or '=' as ls -F does; st is not looked at without it
 * by list_format_name().
 */
size_t list_format_long(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct stat *st,
    const char *link_target, int64_t now, bool is_classified);
size_t list_format_name(
    char line[LIST_LINE_MAX], const struct list_shown *shown, const struct stat *st, bool is_classified);
size_t list_format_entry(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct list_looked *looked,
    const struct stat *parent, const struct list_viewer *viewer);

/*
 * The facts that the viewer wants, "type=file;size=3;... " with the blank that ends them (RFC 3659, 7.2). parent is
 * the directory of the name; it decides about deleting and renaming.
 *
 * Links have facts that no client deletes the wrong things by:
 *
 *   a link to        type              size, modify, unique, UNIX.mode   perm
 *   a plain file     file              of the file                       d, f: of the link; a, r, w: of the file
 *   a directory      OS.unix=symlink   of the directory, no size         d (by DELE), f: of the link; c, e, l, m: of the
 *                                                                        directory; no p, as the link would stay
 *   something else   OS.unix=symlink   of that, no size                  d, f
 *   nothing          OS.unix=symlink   of the link, no size              d, f
 *
 * Each client below was tried with both forms, or (*) its source was read. All of them pass CWD through a link, and
 * "get" of a link to a file works whatever its type is.
 *
 *   client         OS.unix=symlink                            OS.unix=slink:TARGET (the example of RFC 3659, 7.7.4)
 *   lftp 4.9.2     rm -r: DELE; mirror passes over it;        MLSD is taken for broken, and LIST is asked for;
 *                  mirror -L, mget: RETR, 550 for a directory  mirror makes links here
 *   NcFTP 3.2.6    no line in ls, get -R passes over it       the same
 *   rclone 1.60    a file: DELE; copy: RETR, 550 for a        the same
 *                  directory
 *   curl           shows the line                             the same
 *   FileZilla *    link or directory: CWD tells; DELE         the same
 *   WinSCP *       link or directory; DELE                    the same
 *   FluentFTP *    a link                                     the same
 *   sallyport      rm -r: DELE; mirror leaves it out          the same
 *
 * So links to directories have the form that nobody fails at, and links to files stay files (RFC 3659, 7.5.1.5): with a
 * link type, mirror of lftp, get -R of NcFTP and our own mirror no longer fetch them.
 */
size_t list_format_facts(char facts[LIST_FACTS_MAX], const struct list_looked *looked, const struct stat *parent,
    const struct list_viewer *viewer);

/* "DIRECTORY:" as ls -R puts it before a directory; an empty line between blocks. */
size_t list_format_header(char line[LIST_LINE_MAX], const char *directory, bool is_first);

#endif
