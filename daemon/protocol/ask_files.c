/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/ask_files.h"

#include <limits.h>

#include "daemon/protocol/ask.h"
#include "daemon/protocol/session.h"
#include "daemon/protocol/watch.h"

#include "common/banned.h"

/*
 * ask_sibling() for long work of files: ABOR, or an end, makes it stop. In any case wait for the answer, so that
 * question and answer never get out of step.
 */
static int
ask_long(struct protocol *protocol)
{
	enum ipc_kind kind = protocol->message.kind;
	int watched, r;

	if (ipc_send(protocol->files_channel, &protocol->message, -1) < 0)
		ask_give_up(protocol);
	watched = watch_work(protocol, protocol->files_channel);
	if (watched < 0) {
		ipc_begin(&protocol->message, IPC_stop);
		if (ipc_send(protocol->files_channel, &protocol->message, -1) < 0)
			ask_give_up(protocol);
	}
	r = ipc_receive(protocol->files_channel, IPC_PROTOCOL, protocol->state, &protocol->message);
	if (r < 0 || protocol->message.kind != kind || !protocol->message.is_reply)
		ask_give_up(protocol);
	return ipc_get_result(&protocol->message);
}

static void
begin_path(struct protocol *protocol, enum ipc_kind kind, const struct home_path *path)
{
	ipc_begin(&protocol->message, kind);
	ipc_put_bytes(&protocol->message, path->text, path->len);
}

int
ask_files_stat(struct protocol *protocol, const struct home_path *path, struct file_info *info)
{
	uint8_t kind;
	int r;

	begin_path(protocol, IPC_stat, path);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r < 0)
		return ask_answered(protocol, r);
	kind = ipc_get_u8(&protocol->message);
	if (kind >= FILE_KIND_COUNT)
		ask_give_up(protocol);
	info->kind = (enum ipc_file_kind)kind;
	info->size = ipc_get_u64(&protocol->message);
	info->mtime = (int64_t)ipc_get_u64(&protocol->message);
	info->mode = ipc_get_u32(&protocol->message);
	return ask_answered(protocol, 0);
}

int
ask_files_facts(struct protocol *protocol, const struct home_path *path, char *facts, size_t size)
{
	int r;

	ipc_begin(&protocol->message, IPC_facts);
	ipc_put_u8(&protocol->message, protocol->facts);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r == 0)
		ipc_get_text(&protocol->message, facts, size);
	return ask_answered(protocol, r);
}

/* A path, answered with one number. */
static int
ask_number(struct protocol *protocol, enum ipc_kind kind, const struct home_path *path, uint64_t *number)
{
	int r;

	begin_path(protocol, kind, path);
	r = ask_long(protocol);
	if (r == 0)
		*number = ipc_get_u64(&protocol->message);
	return ask_answered(protocol, r);
}

int
ask_files_size_ascii(struct protocol *protocol, const struct home_path *path, uint64_t *size)
{
	return ask_number(protocol, IPC_size_ascii, path, size);
}

int
ask_files_open_read(struct protocol *protocol, const struct home_path *path, uint64_t offset, uint64_t *size, int *fd)
{
	int r;

	ipc_begin(&protocol->message, IPC_open_read);
	ipc_put_u64(&protocol->message, offset);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r < 0)
		return ask_answered(protocol, r);
	*fd = ipc_take_fd(&protocol->message);
	*size = ipc_get_u64(&protocol->message);
	return ask_answered(protocol, 0);
}

int
ask_files_open_write(struct protocol *protocol, const struct home_path *path, enum ipc_store_mode mode, uint64_t offset,
    uint64_t *start, char name[NAME_MAX + 1], int *fd)
{
	int r;

	ipc_begin(&protocol->message, IPC_open_write);
	ipc_put_u8(&protocol->message, (uint8_t)mode);
	ipc_put_u64(&protocol->message, offset);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r < 0)
		return ask_answered(protocol, r);
	*fd = ipc_take_fd(&protocol->message);
	*start = ipc_get_u64(&protocol->message);
	ipc_get_text(&protocol->message, name, NAME_MAX + 1);
	return ask_answered(protocol, 0);
}

int
ask_files_sync_write(struct protocol *protocol)
{
	ipc_begin(&protocol->message, IPC_sync_write);
	return ask_answered(protocol, ask_sibling(protocol, protocol->files_channel));
}

int
ask_files_grow_write(struct protocol *protocol)
{
	ipc_begin(&protocol->message, IPC_grow_write);
	return ask_answered(protocol, ask_sibling(protocol, protocol->files_channel));
}

static int
take_quota(struct protocol *protocol, int r, struct quota_told *told)
{
	*told = (struct quota_told){0, UINT64_MAX, 0, UINT64_MAX, false};
	if (r < 0)
		return ask_answered(protocol, r);
	told->bytes = ipc_get_u64(&protocol->message);
	told->bytes_limit = ipc_get_u64(&protocol->message);
	told->files = ipc_get_u64(&protocol->message);
	told->files_limit = ipc_get_u64(&protocol->message);
	if (protocol->message.kind == IPC_quota)
		told->is_bound = ipc_get_u8(&protocol->message) != 0;
	return ask_answered(protocol, 0);
}

int
ask_files_finish_write(struct protocol *protocol, bool is_complete, struct quota_told *told)
{
	ipc_begin(&protocol->message, IPC_finish_write);
	ipc_put_u8(&protocol->message, is_complete);
	return take_quota(protocol, ask_sibling(protocol, protocol->files_channel), told);
}

/* Where the user is: in the home or in a shared folder. */
static void
put_here(struct protocol *protocol)
{
	ipc_put_bytes(&protocol->message, protocol->cwd.text, protocol->cwd.len);
}

int
ask_files_quota(struct protocol *protocol, struct quota_told *told)
{
	ipc_begin(&protocol->message, IPC_quota);
	put_here(protocol);
	return take_quota(protocol, ask_sibling(protocol, protocol->files_channel), told);
}

int
ask_files_quota_refused(struct protocol *protocol, struct quota_told *told)
{
	ipc_begin(&protocol->message, IPC_quota);
	return take_quota(protocol, ask_sibling(protocol, protocol->files_channel), told);
}

static int
take_partials(struct protocol *protocol, int r, struct partials_told *told)
{
	*told = (struct partials_told){.count = 0};
	if (r < 0)
		return ask_answered(protocol, r);
	told->count = ipc_get_u64(&protocol->message);
	told->bytes = ipc_get_u64(&protocol->message);
	told->busy_bytes = ipc_get_u64(&protocol->message);
	told->is_whole = ipc_get_u8(&protocol->message) == 1;
	return 0;
}

int
ask_files_partials_sums(struct protocol *protocol, struct partials_told *told)
{
	int r;

	ipc_begin(&protocol->message, IPC_partials);
	ipc_put_u8(&protocol->message, 0);
	put_here(protocol);
	r = take_partials(protocol, ask_sibling(protocol, protocol->files_channel), told);
	return r < 0 ? r : ask_answered(protocol, 0);
}

/* Rows that were not fetched yet: replies and what else is asked use the message in hand. */
static struct ipc_message partial_rows;
static struct ipc_message version_rows;

int
ask_files_partials(struct protocol *protocol, struct partials_told *told)
{
	int r;

	ipc_begin(&protocol->message, IPC_partials);
	ipc_put_u8(&protocol->message, 1);
	put_here(protocol);
	r = take_partials(protocol, ask_long(protocol), told);
	if (r == 0)
		partial_rows = protocol->message;
	return r;
}

bool
ask_files_next_partial(struct protocol *protocol, struct partial_told *row)
{
	const char *path;
	size_t len;

	if (partial_rows.cursor == partial_rows.length)
		return false;
	row->size = ipc_get_u64(&partial_rows);
	row->age_s = ipc_get_u64(&partial_rows);
	row->is_in_use = ipc_get_u8(&partial_rows) == 1;
	path = ipc_get_bytes(&partial_rows, HOME_PATH_MAX, &len);
	if (home_path_check(path, len, &row->path) < 0)
		ask_give_up(protocol);
	return true;
}

int
ask_files_versions(struct protocol *protocol, const struct home_path *path, uint64_t *count)
{
	int r;

	*count = 0;
	begin_path(protocol, IPC_versions, path);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r < 0)
		return ask_answered(protocol, r);
	*count = ipc_get_u64(&protocol->message);
	version_rows = protocol->message;
	return 0;
}

bool
ask_files_next_version(struct protocol *protocol, struct version_told *row)
{
	if (version_rows.cursor == version_rows.length)
		return false;
	row->size = ipc_get_u64(&version_rows);
	ipc_get_text(&version_rows, row->id, sizeof(row->id));
	if (version_rows.bad || strlen(row->id) != IPC_VERSION_ID_MAX || strchr(row->id, '.') == NULL)
		ask_give_up(protocol);
	return true;
}

int
ask_files_retained(struct protocol *protocol, struct retained_told *told)
{
	uint8_t what;
	int r;

	*told = (struct retained_told){.what = RETAINED_FILE};
	ipc_begin(&protocol->message, IPC_retained);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r < 0)
		return ask_answered(protocol, r);
	what = ipc_get_u8(&protocol->message);
	if (what >= RETAINED_COUNT)
		ask_give_up(protocol);
	told->what = (enum ipc_retained)what;
	told->until_s = ipc_get_u64(&protocol->message);
	return ask_answered(protocol, 0);
}

int
ask_files_restore(struct protocol *protocol, const struct home_path *path, const char *id)
{
	ipc_begin(&protocol->message, IPC_restore);
	ipc_put_text(&protocol->message, id);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	return ask_answered(protocol, ask_sibling(protocol, protocol->files_channel));
}

int
ask_files_remove_partials(struct protocol *protocol, struct partials_removed *removed)
{
	int r;

	ipc_begin(&protocol->message, IPC_remove_partials);
	put_here(protocol);
	r = ask_long(protocol);
	if (r < 0)
		return ask_answered(protocol, r);
	removed->count = ipc_get_u64(&protocol->message);
	removed->bytes = ipc_get_u64(&protocol->message);
	removed->busy = ipc_get_u64(&protocol->message);
	removed->failed = ipc_get_u64(&protocol->message);
	return ask_answered(protocol, 0);
}

int
ask_files_list(struct protocol *protocol, const struct home_path *path, enum ipc_list_form form, uint8_t flags,
    uint32_t shown_from, int *fd)
{
	int r;

	ipc_begin(&protocol->message, IPC_list);
	ipc_put_u8(&protocol->message, (uint8_t)form);
	ipc_put_u8(&protocol->message, flags);
	ipc_put_u8(&protocol->message, protocol->facts);
	ipc_put_u32(&protocol->message, shown_from);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r == 0)
		*fd = ipc_take_fd(&protocol->message);
	return ask_answered(protocol, r);
}

int
ask_files_list_end(struct protocol *protocol, uint64_t *entries)
{
	int r;

	ipc_begin(&protocol->message, IPC_list_end);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r == 0)
		*entries = ipc_get_u64(&protocol->message);
	return ask_answered(protocol, r);
}

int
ask_files_rename(struct protocol *protocol, const struct home_path *from, const struct home_path *to)
{
	begin_path(protocol, IPC_rename, from);
	ipc_put_bytes(&protocol->message, to->text, to->len);
	return ask_answered(protocol, ask_sibling(protocol, protocol->files_channel));
}

int
ask_files_set_time(struct protocol *protocol, const struct home_path *path, int64_t mtime, int64_t *kept)
{
	int r;

	ipc_begin(&protocol->message, IPC_set_time);
	ipc_put_u64(&protocol->message, (uint64_t)mtime);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r == 0)
		*kept = (int64_t)ipc_get_u64(&protocol->message);
	return ask_answered(protocol, r);
}

int
ask_files_set_mode(struct protocol *protocol, const struct home_path *path, uint32_t mode)
{
	ipc_begin(&protocol->message, IPC_set_mode);
	ipc_put_u32(&protocol->message, mode);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	return ask_answered(protocol, ask_sibling(protocol, protocol->files_channel));
}

int
ask_files_copy(struct protocol *protocol, const struct home_path *from, const struct home_path *to)
{
	begin_path(protocol, IPC_copy, from);
	ipc_put_bytes(&protocol->message, to->text, to->len);
	return ask_answered(protocol, ask_long(protocol));
}

int
ask_files_remove_tree(struct protocol *protocol, const struct home_path *path)
{
	begin_path(protocol, IPC_remove_tree, path);
	return ask_answered(protocol, ask_long(protocol));
}

int
ask_files_tree_size(struct protocol *protocol, const struct home_path *path, uint64_t *bytes)
{
	return ask_number(protocol, IPC_tree_size, path, bytes);
}

int
ask_files_space(struct protocol *protocol, const struct home_path *path, uint64_t *bytes)
{
	return ask_number(protocol, IPC_space, path, bytes);
}

int
ask_files_hash(struct protocol *protocol, const struct home_path *path, enum ipc_hash algorithm, uint64_t *from,
    uint64_t *to, char digest[HASH_TEXT_MAX + 1])
{
	int r;

	ipc_begin(&protocol->message, IPC_hash);
	ipc_put_u8(&protocol->message, (uint8_t)algorithm);
	ipc_put_u64(&protocol->message, *from);
	ipc_put_u64(&protocol->message, *to);
	ipc_put_bytes(&protocol->message, path->text, path->len);
	r = ask_long(protocol);
	if (r == 0) {
		*from = ipc_get_u64(&protocol->message);
		*to = ipc_get_u64(&protocol->message);
		ipc_get_text(&protocol->message, digest, HASH_TEXT_MAX + 1);
	}
	return ask_answered(protocol, r);
}

void
tell_files_expect_hash(struct protocol *protocol, enum ipc_hash algorithm)
{
	ipc_begin(&protocol->message, IPC_expect_hash);
	ipc_put_u8(&protocol->message, (uint8_t)algorithm);
	if (ipc_send(protocol->files_channel, &protocol->message, -1) < 0)
		ask_give_up(protocol);
}

int
ask_files_directory_message(struct protocol *protocol, const struct home_path *path, char *text)
{
	int r;

	begin_path(protocol, IPC_directory_message, path);
	r = ask_sibling(protocol, protocol->files_channel);
	if (r == 0)
		ipc_get_text(&protocol->message, text, DIRECTORY_MESSAGE_MAX + 1);
	return ask_answered(protocol, r);
}

int
ask_files_path(struct protocol *protocol, enum ipc_kind kind, const struct home_path *path)
{
	begin_path(protocol, kind, path);
	return ask_answered(protocol, ask_sibling(protocol, protocol->files_channel));
}
