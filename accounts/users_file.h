/* SPDX-License-Identifier: ISC */
/*
 * The writing side of the users file (sallyport-users(5)): read under a lock, change one
 * line, replace the file atomically. Every other line stays as it is, byte by byte.
 */
#ifndef ACCOUNTS_USERS_FILE_H
#define ACCOUNTS_USERS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct buf;
struct users_file;

#define USERS_FILE_LOCK_WAIT_MS 10000

/*
 * Why a users file must not be used (type, owner, mode), with the cure; static text.
 * NULL: it is good.
 */
const char *accounts_file_refused(const struct stat *st);

/*
 * Open and read the users file at path. A missing file is an empty one that users_file_save()
 * makes, with a comment at its top.
 *
 * is_writing  take the lock (the file "PATH.lock", waiting at most lock_wait_ms) and keep it until
 *             users_file_free(). Without it, the file can only be read.
 * problem     on failure gets "PATH: what is wrong; what would be right".
 *
 * Returns 0, -EAGAIN when another program keeps the lock, or another -errno.
 */
int users_file_open(
    const char *path, bool is_writing, unsigned lock_wait_ms, struct users_file **out, struct buf *problem);

/* Wipe, release the lock, free. NULL is fine. */
void users_file_free(struct users_file *file);

/* The number of lines, blank ones and comments included. */
size_t users_file_count(const struct users_file *file);

/* Line i from 0, without its newline; borrowed until the next change. *len may be NULL. */
const char *users_file_line(const struct users_file *file, size_t i, size_t *len);

/* The index of the line of name. Returns 0 or -ENOENT. */
int users_file_find(const struct users_file *file, const char *name, size_t *index);

/* Add a line at the end, or put it in the place of line index; copied. 0 or -ENOMEM. */
int users_file_append(struct users_file *file, const char *line, size_t len);
int users_file_replace(struct users_file *file, size_t index, const char *line, size_t len);

void users_file_remove(struct users_file *file, size_t index);

/*
 * Replace the file on disk: a temporary file in the same directory, mode 0600, on the disk
 * before it takes the name.
 *
 * problem  on failure: "PATH: what is wrong; what would be right" is added.
 *
 * Returns 0 or -errno; after an error the file on disk is as it was.
 */
int users_file_save(struct users_file *file, struct buf *problem);

#define USERS_EDIT_OPTIONS 162	/* options of a command, and what --inherit names */

/* What to change in a line; NULL and absent options stay as they are. */
struct users_edit {
	const char *hash;	/* with its lock mark */
	const char *uid, *gid, *home;
	struct {
		const char *key;
		const char *value;	/* NULL: remove the option; "": the word alone */
	} options[USERS_EDIT_OPTIONS];
	size_t option_count;
};

/* Note a change of one option in edit. Both texts are borrowed. */
void users_edit_option(struct users_edit *edit, const char *key, const char *value);

/*
 * Write line with the changes of edit to out. Words of OPTIONS that edit does not name, known or
 * not, stay in their order. Pure.
 *
 * Returns 0, -EINVAL for a line with too few fields, or the buffer's error.
 */
int users_line_edit(const char *line, size_t len, const struct users_edit *edit, struct buf *out);

/* The same for words of OPTIONS alone. Returns 0, or the buffer's error. */
int users_options_edit(const char *words, size_t len, const struct users_edit *edit, struct buf *out);

/* The bytes of field number i (from 0: NAME HASH UID GID HOME OPTIONS). Returns 0 or -EINVAL. Pure. */
int users_line_field(const char *line, size_t len, size_t i, const char **field, size_t *field_len);

#endif
