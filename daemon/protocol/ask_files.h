/* SPDX-License-Identifier: ISC */
/* The questions of protocol to files: each is one message and its answer, as ask.h describes. */
#ifndef DAEMON_PROTOCOL_ASK_FILES_H
#define DAEMON_PROTOCOL_ASK_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/home_path.h"
#include "privsep/ipc/messages.h"

#define HASH_TEXT_MAX 128 /* SHA-512 in hex */
#define DIRECTORY_MESSAGE_MAX 4096

struct protocol;

/* The facts of an entry of the home. */
struct file_info {
	enum ipc_file_kind kind;
	uint64_t size;
	int64_t mtime; /* seconds since the epoch */
	uint32_t mode; /* permission bits */
};

/* A quota; UINT64_MAX: no limit. */
struct quota_told {
	uint64_t bytes, bytes_limit, files, files_limit;
	bool is_bound; /* the home is being counted, and holds no more; only ask_files_quota() says so */
};

/* The partial uploads of the account. */
struct partials_told {
	uint64_t count, bytes, busy_bytes;
	bool is_whole; /* false: there may be more */
};

struct partial_told {
	uint64_t size, age_s;
	bool is_in_use;
	struct home_path path;
};

/* One of what is kept of a path. */
struct version_told {
	uint64_t size;
	char id[IPC_VERSION_ID_MAX + 1];
};

/* Why something stays as it is. */
struct retained_told {
	enum ipc_retained what;
	uint64_t until_s; /* seconds since the epoch; 0: no date is known */
};

struct partials_removed {
	uint64_t count, bytes;
	uint64_t busy, failed; /* those that stay */
};

/* Files. 0 or -errno, as messages.h says. */
int ask_files_stat(struct protocol *protocol, const struct home_path *path, struct file_info *info);
int ask_files_facts(struct protocol *protocol, const struct home_path *path, char *facts, size_t size);
int ask_files_size_ascii(struct protocol *protocol, const struct home_path *path, uint64_t *size);
int ask_files_open_read(
    struct protocol *protocol, const struct home_path *path, uint64_t offset, uint64_t *size, int *fd);
int ask_files_open_write(struct protocol *protocol, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t *start, char name[NAME_MAX + 1], int *fd);
int ask_files_sync_write(struct protocol *protocol);
int ask_files_grow_write(struct protocol *protocol); /* after -EFBIG; -EFBIG again where there is no quota */
int ask_files_finish_write(struct protocol *protocol, bool is_complete, struct quota_told *told);
int ask_files_quota(struct protocol *protocol, struct quota_told *told);
int ask_files_quota_refused(struct protocol *protocol, struct quota_told *told); /* of where there was no room last */
int ask_files_partials_sums(struct protocol *protocol, struct partials_told *told);
int ask_files_partials(
    struct protocol *protocol, struct partials_told *told); /* may take long; rows are fetched by the next */
bool ask_files_next_partial(struct protocol *protocol, struct partial_told *row);
int ask_files_versions(
    struct protocol *protocol, const struct home_path *path, uint64_t *count); /* rows are fetched by the next */
bool ask_files_next_version(struct protocol *protocol, struct version_told *row);
int ask_files_retained(struct protocol *protocol, struct retained_told *told); /* why the last question was refused */
int ask_files_restore(struct protocol *protocol, const struct home_path *path, const char *id);
int ask_files_remove_partials(struct protocol *protocol, struct partials_removed *removed); /* may take long */
int ask_files_list(struct protocol *protocol, const struct home_path *path, enum ipc_list_form form, uint8_t flags,
    uint32_t shown_from, int *fd);
int ask_files_list_end(struct protocol *protocol, uint64_t *entries);
int ask_files_rename(struct protocol *protocol, const struct home_path *from, const struct home_path *to);

/* make_directory, set_time, ...: see messages.h. Those that may take long are ended by ABOR (-ECANCELED). */
int ask_files_set_time(struct protocol *protocol, const struct home_path *path, int64_t mtime, int64_t *kept);
int ask_files_set_mode(struct protocol *protocol, const struct home_path *path, uint32_t mode);
int ask_files_copy(struct protocol *protocol, const struct home_path *from, const struct home_path *to);
int ask_files_remove_tree(struct protocol *protocol, const struct home_path *path);
int ask_files_tree_size(struct protocol *protocol, const struct home_path *path, uint64_t *bytes);
int ask_files_space(struct protocol *protocol, const struct home_path *path, uint64_t *bytes);

/* The range is [*from, *to) and comes back as it was hashed; digest receives lower-case hex. */
int ask_files_hash(struct protocol *protocol, const struct home_path *path, enum ipc_hash algorithm, uint64_t *from,
    uint64_t *to, char digest[HASH_TEXT_MAX + 1]);

/* The client will ask for hashes by this algorithm. Nothing is answered. */
void tell_files_expect_hash(struct protocol *protocol, enum ipc_hash algorithm);

/* The .message of a directory; text has DIRECTORY_MESSAGE_MAX + 1 bytes. */
int ask_files_directory_message(struct protocol *protocol, const struct home_path *path, char *text);

/* enter, make_directory, remove_directory, remove_file: a path, and no answer but the result. */
int ask_files_path(struct protocol *protocol, enum ipc_kind kind, const struct home_path *path);

#endif
