/* SPDX-License-Identifier: ISC */
/*
 * The record beside a part: which file it is of, and the state of that file when the part began. Without its record a
 * file is no part.
 */
#ifndef CLIENT_ENGINE_RECORD_H
#define CLIENT_ENGINE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define RECORD_SUFFIX ".sallyport"
#define RECORD_BYTES_MAX 32768
#define RECORD_TEXT_SIZE 8192
#define RECORD_VALIDATOR_SIZE 128

#define RECORD_PIECES_MAX 16

/* Download over several connections: of [begin, end) of the part, [begin, at) is there. */
struct record_piece {
	uint64_t begin, at, end;
};

/* A file here: another one may have its inode number later, but not its birth as well. */
struct file_id {
	uint64_t inode;
	int64_t born_s;	/* 0 with born_ns 0: the file system does not know */
	uint32_t born_ns;
};

struct record {
	char url[RECORD_TEXT_SIZE];	/* of the file on the server, without a password */
	char name[RECORD_TEXT_SIZE];	/* upload: the temporary path there; "" for a download */
	char validator[RECORD_VALIDATOR_SIZE];	/* the fact "unique" of MLST; "" unknown */
	int64_t size;	/* of the source; -1 unknown */
	int64_t mtime;	/* of the source; -1 unknown, or too young to tell two versions apart */
	uint32_t mtime_ns;
	int64_t whole;	/* download: only so many bytes of the part count; -1: all of them */
	struct file_id file;	/* download: the part; upload: the source */
	struct record_piece pieces[RECORD_PIECES_MAX];	/* one after the other, to the end of the file */
	unsigned int piece_count;	/* 0: whole says it all */
};

/*
 * Parse the text of a record. Whatever it holds is only data: it is compared, and opens nothing.
 * Returns 0, -EINVAL for what is no record or not a whole one.
 */
int record_parse(const char *text, size_t len, struct record *record);

/* The text of a record. Returns 0, -EINVAL for texts that are too long, -ENOMEM. */
int record_format(struct buf *text, const struct record *record);

/* Read a record; no link is followed. Returns 0, -EINVAL for what is no record, -errno. */
int record_read(int dir_fd, const char *name, struct record *record);

/* Write it again, in place of any file with this name. Returns 0 or -errno. */
int record_write(int dir_fd, const char *name, const struct record *record);

/* Identify the file of a descriptor. Returns 0 or -errno. */
int file_identify(int fd, struct file_id *id);

bool file_is_same(const struct file_id *left, const struct file_id *right);

#endif
