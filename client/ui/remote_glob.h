/* SPDX-License-Identifier: ISC */
/* Wildcards in names on the server. */
#ifndef CLIENT_UI_REMOTE_GLOB_H
#define CLIENT_UI_REMOTE_GLOB_H

#include <stddef.h>
#include <stdint.h>

#include "client/engine/entry.h"
#include "client/ui/session.h"

struct match {
	char *path;	/* as to be sent; owned */
	enum ftp_kind kind;	/* FTP_KIND_OTHER where it was not asked for */
	int64_t size, mtime;	/* -1 unknown */
	bool mtime_is_exact;
};

struct matches {
	struct match *items;
	size_t count;
};

/*
 * Whether a word with '[' in it, and no '*' or '?', is the name of something on the server as it stands: "report[1].txt". Then
 * it is not a pattern.
 */
bool remote_is_literal(struct session *session, const struct word *word);

/*
 * Add what a word stands for: its text, or, where it has a pattern, the names on the server that match, sorted.
 * A name with brackets that is there is itself: remote_is_literal().
 * A name that begins with a dot is matched by a pattern that does, as in sh(1). Reports errors; no match is one.
 */
enum exit_status remote_glob(struct session *session, const struct word *word, struct matches *matches);

void matches_free(struct matches *matches);

/* directory and name with a slash between ("" and "/" are right); the caller frees. NULL: no memory. */
char *path_join(const char *directory, const char *name);

/* The last component of a path, trailing slashes aside; the caller frees. "" for "/" and "". */
char *path_name(const char *path);

/* Report that a listing has lines that no parser understood, where it has. */
void remote_warn_unread(const char *directory, const struct ftp_list *list);

/* True when the server has a directory of this name. */
bool remote_is_directory(struct session *session, const char *path);

#endif
