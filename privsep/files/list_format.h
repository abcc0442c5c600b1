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

/* In whose eyes perm is told, and what is told at all. */
struct list_viewer {
	uid_t uid;
	gid_t gid;
	unsigned rights;	/* enum account_right */
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
size_t list_format_name(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct stat *st,
    bool is_classified);
size_t list_format_entry(char line[LIST_LINE_MAX], const struct list_shown *shown, const struct stat *st,
    const struct stat *parent, const struct list_viewer *viewer);

/*
 * The facts that the viewer wants, "type=file;size=3;... " with the blank that ends them (RFC 3659, 7.2).
 * parent is the directory that st stands in; it decides about deleting and renaming.
 */
size_t list_format_facts(char facts[LIST_FACTS_MAX], const struct stat *st, const struct stat *parent,
    const struct list_viewer *viewer);

/* "DIRECTORY:" as ls -R puts it before a directory; an empty line between blocks. */
size_t list_format_header(char line[LIST_LINE_MAX], const char *directory, bool is_first);

#endif
