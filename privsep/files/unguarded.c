/* SPDX-License-Identifier: ISC */
#include "privsep/files/unguarded.h"

#include <errno.h>
#include <string.h>

#include "privsep/files/folders.h"
#include "privsep/files/storage.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

static struct ipc_message message; /* not the one in hand: its reply may have been begun */

/* Never waits for room: a session has few of these. */
static void
report_unguarded(const struct home *home, enum unguarded_event event, const struct home_path *path)
{
	ipc_begin(&message, IPC_unguarded);
	ipc_put_u8(&message, (uint8_t)event);
	ipc_put_bytes(&message, path->text, path->len);
	(void)!ipc_send_now(home->session->monitor_channel, &message, -1);
}

/* Is the upload still what its path leads to? */
static bool
is_upload_in_place(const struct home *home, const struct unguarded_upload *upload, struct stat *st)
{
	return folders_stat(home, &upload->path, st) == 0 && st->st_dev == upload->device &&
	    st->st_ino == upload->inode;
}

/* A descriptor for writing changes no other figure without these. The mode is for others to set, a hook for one. */
static bool
is_changed(const struct unguarded_upload *upload, const struct stat *st)
{
	return st->st_size != upload->size || st->st_mtim.tv_sec != upload->mtime.tv_sec ||
	    st->st_mtim.tv_nsec != upload->mtime.tv_nsec;
}

static void
remember_state(struct unguarded_upload *upload, const struct stat *st)
{
	upload->device = st->st_dev;
	upload->inode = st->st_ino;
	upload->size = st->st_size;
	upload->mtime = st->st_mtim;
}

/* The place of an upload to this path: the one that it has, or the oldest. */
static struct unguarded_upload *
place_for(struct unguarded *unguarded, const struct home_path *path)
{
	struct unguarded_upload *place;

	for (size_t i = 0; i < unguarded->count; i++)
		if (strcmp(unguarded->uploads[i].path.text, path->text) == 0)
			return &unguarded->uploads[i];
	place = &unguarded->uploads[unguarded->next];
	unguarded->next = (unguarded->next + 1) % UNGUARDED_MAX;
	if (unguarded->count < UNGUARDED_MAX)
		unguarded->count++;
	return place;
}

void
unguarded_add(struct unguarded *unguarded, const struct home *home, const struct home_path *path, bool is_hooked)
{
	struct unguarded_upload *place;
	struct stat st;

	if (!unguarded->was_told)
		report_unguarded(home, UNGUARDED_FILE_SYSTEM, path);
	unguarded->was_told = true;
	if (folders_stat(home, path, &st) < 0)
		return;
	place = place_for(unguarded, path);
	place->path = *path;
	place->is_hooked = is_hooked;
	remember_state(place, &st);
}

/* On shared storage, the locks are those of the file server: they are missing too when this machine was cut off from it. */
static enum unguarded_event
change_of(const struct unguarded_upload *upload)
{
	if (storage_is_shared())
		return UNGUARDED_CHANGED_SHARED;
	return upload->is_hooked ? UNGUARDED_CHANGED_AFTER_HOOK : UNGUARDED_CHANGED;
}

void
unguarded_look(struct unguarded *unguarded, const struct home *home)
{
	for (size_t i = 0; i < unguarded->count; i++) {
		struct unguarded_upload *upload = &unguarded->uploads[i];
		struct stat st;

		if (!is_upload_in_place(home, upload, &st) || !is_changed(upload, &st))
			continue;
		report_unguarded(home, change_of(upload), &upload->path);
		remember_state(upload, &st);
	}
}

void
unguarded_renew(struct unguarded *unguarded, const struct home *home)
{
	for (size_t i = 0; i < unguarded->count; i++) {
		struct stat st;

		if (is_upload_in_place(home, &unguarded->uploads[i], &st))
			remember_state(&unguarded->uploads[i], &st);
	}
}

void
unguarded_renamed(struct unguarded *unguarded, const struct home_path *from, const struct home_path *to)
{
	for (size_t i = 0; i < unguarded->count; i++) {
		struct home_path *path = &unguarded->uploads[i].path;
		size_t rest = path->len - from->len;

		if (path->len < from->len || memcmp(path->text, from->text, from->len) != 0 ||
		    (path->text[from->len] != '/' && path->text[from->len] != '\0') || to->len + rest > HOME_PATH_MAX)
			continue;
		memmove(path->text + to->len, path->text + from->len, rest + 1);
		memcpy(path->text, to->text, to->len);
		path->len = to->len + rest;
	}
}

void
unguarded_end(struct unguarded *unguarded, const struct home *home)
{
	int channel = home->session->monitor_channel;

	if (unguarded->count == 0)
		return;
	ipc_begin(&message, IPC_protocol_gone);
	if (ipc_send(channel, &message, -1) < 0 || ipc_receive(channel, IPC_FILES, IPC_STATE_READY, &message) < 0)
		return;
	unguarded_look(unguarded, home);
}
