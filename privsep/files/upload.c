/* SPDX-License-Identifier: ISC */
#include "privsep/files/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"
#include "common/written.h"
#include "privsep/files/braked.h"
#include "privsep/files/keep.h"
#include "privsep/files/locked_file.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_list.h"
#include "privsep/files/rename_new.h"
#include "privsep/files/storage.h"
#include "privsep/files/upload_place.h"
#include "privsep/files/zone.h"

#include "common/banned.h"

#define PARTIAL_MODE 0600 /* until it is whole; then the configured one */
#define PARTIAL_GROUP_MODE 0660 /* where its group may write to what is finished: others of the group go on with it */
#define UNIQUE_TRIES_MAX 1000
#define RACES_MAX 16 /* lost against other sessions before an upload gives up */
#define KEPT_MODE_BITS 0777 /* of an overwritten file; new content inherits no setuid */

void
upload_init(struct upload *upload)
{
	*upload = (struct upload){.fd = -1, .finished_fd = -1, .dir_fd = -1, .handed = {.fd = -1}};
}

static void
upload_release(struct upload *upload)
{
	close_fd(&upload->fd); /* its lock goes with the last copy */
	close_fd(&upload->finished_fd); /* nobody else has it: its lock goes with it */
	handed_close(&upload->handed);
	close_fd(&upload->dir_fd);
	upload_init(upload);
}

/* Lock the finished file that lies there; before the partial: whoever holds it holds the name. */
static int
lock_finished(struct upload *upload, struct upload_found *found)
{
	struct stat st;
	int r;

	if (upload->found_none)
		return 0;
	r = upload->found_plain ? locked_file_open_seen(upload->dir_fd, upload->name, &upload->finished_fd, &st)
				: locked_file_open(upload->dir_fd, upload->name, &upload->finished_fd, &st);
	if (r == 0) {
		found->has_finished = true;
		found->finished_size = (uint64_t)st.st_size;
	}
	return r == -ENOENT ? 0 : r;
}

/* Make the file that bytes go to, as far as the quota has room for one. */
static int
create_upload_file(struct upload *upload, const char *name, mode_t mode)
{
	int r = quota_need_file(upload->home->quota);

	upload->is_bracketed = r == 0;
	if (r == 0)
		r = locked_file_create(upload->dir_fd, name, mode, &upload->fd);
	upload->is_fresh = r == 0;
	if (r == 0)
		quota_made_file(upload->home->quota, upload->fd);
	return r;
}

static mode_t
partial_mode(const struct upload *upload)
{
	return (files_file_mode(upload->home->session) & S_IWGRP) != 0 ? PARTIAL_GROUP_MODE : PARTIAL_MODE;
}

/*
 * Where a name is given by link(2) and unlink(2) (rename_to_new()), an end between the two leaves the finished file with
 * the name of its partial as well: in use by ourselves, who hold it. True: so it was, and that name is gone.
 */
static bool
remove_left_over(struct upload *upload)
{
	struct stat finished, partial;

	if (upload->finished_fd < 0 || fstat(upload->finished_fd, &finished) < 0 || finished.st_nlink < 2 ||
	    storage_look(upload->dir_fd, upload->partial, &partial) < 0 || partial.st_ino != finished.st_ino ||
	    partial.st_dev != finished.st_dev || unlinkat(upload->dir_fd, upload->partial, 0) < 0)
		return false;
	quota_gone(upload->home->quota, &partial);
	return true;
}

/*
 * The same, after the client renamed the finished file: an upload that wrote to this partial would destroy a file of
 * another name. The partial is locked, and loses its name.
 */
static int
remove_linked_partial(struct upload *upload, const struct stat *st)
{
	int r = unlinkat(upload->dir_fd, upload->partial, 0) < 0 ? -errno : 0;

	if (r == 0)
		quota_gone(upload->home->quota, st);
	locked_file_close(&upload->fd);
	return r;
}

/* Lock the partial that lies there. Most often there is none: to make it at once is to find that out. */
static int
lock_partial(struct upload *upload, enum ipc_store_mode mode, struct upload_found *found)
{
	struct stat st;
	int r;

	if (mode == STORE_REPLACE && !quota_is_kept(upload->home->quota)) {
		upload->is_partial = true; /* what a refusal removes again */
		r = create_upload_file(upload, upload->partial, partial_mode(upload));
		if (r != -EBUSY)
			return r;
	}
	r = locked_file_open(upload->dir_fd, upload->partial, &upload->fd, &st);
	if (r == -EBUSY && remove_left_over(upload))
		return 0;
	if (r == 0 && st.st_nlink > 1)
		return remove_linked_partial(upload, &st);
	if (r == 0) {
		upload->found = st;
		found->has_partial = true;
		found->partial_size = (uint64_t)st.st_size;
	}
	return r == -ENOENT ? 0 : r;
}

/*
 * A resuming upload found no finished file, and then the partial or none. Another session may have finished between
 * the two looks. Now that the partial is locked no session can: -ESTALE when a file came, 0 when none did.
 */
static int
must_be_unfinished(const struct upload *upload)
{
	struct stat st;
	int r = storage_look(upload->dir_fd, upload->name, &st);

	return r == 0 ? -ESTALE : r == -ENOENT ? 0 : r;
}

/* Let upload->fd be the file that the decision names, made where it is not there yet. */
static int
open_upload_place(struct upload *upload, const struct upload_found *found, const struct upload_place *place)
{
	upload->is_partial = place->is_partial;
	if (place->is_partial) {
		if (upload->fd >= 0)
			return 0;
		return create_upload_file(upload, upload->partial, partial_mode(upload));
	}
	locked_file_close(&upload->fd); /* an empty partial, left by a crash */
	upload->fd = upload->finished_fd;
	upload->finished_fd = -1;
	upload->size_before = place->cuts ? place->start : found->finished_size;
	if (upload->fd >= 0)
		return 0;
	upload->is_new = true;
	return create_upload_file(upload, upload->name, files_file_mode(upload->home->session));
}

/*
 * Mark what protocol will have. The mark is seen by the file's name, so that it also says that a file which was just made
 * is still ours: another session may have taken the name before the lock was there.
 */
static int
mark_upload(struct upload *upload)
{
	const char *name = upload->is_partial ? upload->partial : upload->name;
	int r = upload->is_copy ? 0 : handed_mark(&upload->handed, upload->fd, upload->dir_fd, name);

	if (!upload->is_fresh || upload->handed.is_marked)
		return r;
	if (r == -ENOENT || (r == 0 && !locked_file_is_named(upload->dir_fd, name, upload->fd))) {
		upload->is_fresh = false; /* whatever bears the name is not ours to remove */
		return -ESTALE;
	}
	return r;
}

/* What the cut gives back is settled in a bracket of its own: there it is of use to the upload itself. */
static int
cut_partial(struct upload *upload, uint64_t start, uint64_t size, struct stat *st)
{
	int r;

	if (ftruncate(upload->fd, (off_t)start) < 0)
		return -errno;
	st->st_size = (off_t)start;
	quota_resized(upload->home->quota, st, (int64_t)start - (int64_t)size);
	if (start == size)
		return 0;
	r = quota_end(upload->home->quota);
	if (r == 0)
		r = quota_begin(upload->home->quota, 0, 0);
	upload->is_bracketed = r == 0;
	return r;
}

/* What the quota is told of the file. Known before it is cut, since a cut cannot be taken back. */
static int
look_for_quota(const struct upload *upload, struct stat *st)
{
	return quota_is_kept(upload->home->quota) && fstat(upload->fd, st) < 0 ? -errno : 0;
}

static int
position_upload(struct upload *upload, const struct upload_place *place, uint64_t size, struct stat *st)
{
	int r = look_for_quota(upload, st);

	if (r < 0 || upload->is_fresh)
		return r; /* fresh: empty, and at its start */
	if (lseek(upload->fd, (off_t)place->start, SEEK_SET) < 0)
		return -errno;
	r = home_clear_nonblock(upload->fd);
	if (r < 0)
		return r;
	return place->cuts ? cut_partial(upload, place->start, size, st) : 0;
}

/* New content of a finished file needs overwrite, however it comes. Everything else needs create, even a partial. */
static int
permit_upload(struct upload *upload, unsigned rights, bool has_finished)
{
	if ((rights & MAY_OVERWRITE) == 0)
		upload->never_replaces = true;
	return (rights & (has_finished ? MAY_OVERWRITE : MAY_CREATE)) != 0 ? 0 : -EKEYREVOKED;
}

static int
begin_named(struct upload *upload, enum ipc_store_mode mode, uint64_t offset, uint64_t *start, struct stat *st)
{
	struct upload_found found = {.is_atomic = upload->is_atomic};
	struct upload_place place = {0};
	int r;

	r = lock_finished(upload, &found);
	if (r == 0)
		r = permit_upload(upload, upload->rights, found.has_finished);
	if (r == 0 && found.has_finished)
		r = keep_permit_change(upload->home, upload->dir_fd, upload->name);
	if (r == 0 && upload->is_atomic)
		r = lock_partial(upload, mode, &found);
	if (r == 0)
		r = upload_decide(mode, offset, &found, &place);
	upload->adds_to_none = place.is_partial && !found.has_finished && (mode == STORE_APPEND || offset > 0);
	/* an old state of a file that is written in place could not be kept */
	if (r == 0 && upload->home->keep != NULL && !place.is_partial && found.has_finished)
		r = -ENOTUNIQ;
	/* what is written in place is gone at once */
	if (r == 0 && !place.is_partial && found.has_finished && mode != STORE_APPEND)
		r = braked_count(upload->home, upload->path);
	if (r == 0)
		r = open_upload_place(upload, &found, &place);
	if (r == 0 && mode != STORE_REPLACE && place.is_partial && !found.has_finished)
		r = must_be_unfinished(upload);
	if (r == 0)
		r = mark_upload(upload);
	/* last: what is cut is gone, whatever fails then */
	if (r == 0)
		r = position_upload(upload, &place, place.is_partial ? found.partial_size : found.finished_size, st);
	if (r == 0)
		*start = place.start;
	return r;
}

/* Take one candidate name, if it is nobody's. -EEXIST: it is. */
static int
try_unique(struct upload *upload)
{
	struct stat st;
	int r;

	if (patterns_match(upload->home->session->patterns, true, upload->name, strlen(upload->name)))
		return -EEXIST; /* take the next one */
	if (fstatat(upload->dir_fd, upload->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (errno != ENOENT)
		return -errno;
	upload->is_partial = upload->is_atomic;
	if (!upload->is_partial) {
		upload->is_new = true;
		r = create_upload_file(upload, upload->name, files_file_mode(upload->home->session));
		return r == -EBUSY ? -EEXIST : r;
	}
	r = partial_name_make(upload->name, upload->partial);
	if (r == 0)
		r = create_upload_file(upload, upload->partial, partial_mode(upload));
	return r == -EBUSY ? -EEXIST : r; /* a kept partial reserves its name, too */
}

/* NAME, NAME.1, NAME.2 and so on: the first that nothing and no partial bears. */
static int
begin_unique(struct upload *upload, struct stat *st)
{
	char base[NAME_MAX + 1];
	int r;

	if ((upload->rights & MAY_CREATE) == 0)
		return -EKEYREVOKED;
	memcpy(base, upload->name, sizeof(base));
	upload->never_replaces = true;
	r = try_unique(upload);
	for (int i = 1; r == -EEXIST && i < UNIQUE_TRIES_MAX; i++) {
		char name[NAME_MAX + 16];
		int len = snprintf(name, sizeof(name), "%s.%d", base, i);

		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(upload->name, name, (size_t)len + 1);
		r = try_unique(upload);
	}
	if (r == 0)
		r = mark_upload(upload);
	return r == 0 ? look_for_quota(upload, st) : r;
}

/* The directory and the name to write to. STOU follows no link: whatever bears the name, it is taken. */
static int
find_upload_target(struct upload *upload, const struct home *home, const struct home_path *path, bool is_unique)
{
	const char *name;
	mode_t type = 0;
	int r;

	if (!is_unique) {
		r = home_open_target(home, path, &upload->dir_fd, upload->name, &type);
		upload->found_none = r == 0 && type == 0;
		upload->found_plain = r == 0 && S_ISREG(type) && !storage_is_shared();
		return r;
	}
	if (path->len == 1)
		return -EISDIR;
	r = home_open_parent(home, path, &upload->dir_fd, &name);
	memcpy(upload->name, name, strlen(name) + 1);
	return r;
}

/* Its beginning could not be settled, so nothing is written. What was made for it would only keep its name from others. */
static int
give_up_unsettled(const struct upload *upload)
{
	if (upload->is_fresh)
		(void)!unlinkat(upload->dir_fd, upload->is_partial ? upload->partial : upload->name, 0);
	return -EIO;
}

/* In one bracket of the quota: sweep, find or make the file, and tell the ledger what the upload begins with. */
static int
begin_counted(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t wanted, uint64_t *start)
{
	const struct files_session *session = home->session;
	struct stat st = {0};
	int r = quota_begin(home->quota, 0, 0);

	upload->is_bracketed = r == 0;
	if (r < 0)
		return r;
	if (quota_is_kept(home->quota) && home->quota->is_unknown) {
		r = quota_end(home->quota);
		return r < 0 ? r : -EUCLEAN;
	}
	partial_sweep(home, path, upload->dir_fd, session->config->partial_keep_s);
	r = mode == STORE_UNIQUE ? begin_unique(upload, &st) : begin_named(upload, mode, offset, start, &st);
	if (r == 0)
		r = quota_upload(home->quota, &st, wanted);
	if (r < 0 && upload->is_fresh && upload->is_bracketed &&
	    unlinkat(upload->dir_fd, upload->is_partial ? upload->partial : upload->name, 0) == 0)
		quota_unmade(home->quota, upload->fd);
	if (upload->is_bracketed && quota_end(home->quota) < 0 && r == 0)
		r = give_up_unsettled(upload);
	return r;
}

static int
begin_upload_once(struct upload *upload, const struct home *home, const struct home_path *path,
    enum ipc_store_mode mode, uint64_t offset, uint64_t wanted, uint64_t *start)
{
	struct zone zone;
	int r;

	upload->home = home;
	upload->path = path;
	r = find_upload_target(upload, home, path, mode == STORE_UNIQUE);
	if (r == 0)
		r = zone_of(home, upload->dir_fd, &zone);
	if (r < 0)
		goto out;
	r = -EKEYREVOKED;
	if ((zone.rights & (MAY_CREATE | MAY_OVERWRITE)) == 0)
		goto out;
	upload->rights = zone.rights;
	r = -ENOENT;
	if (own_name_is(upload->name, strlen(upload->name))) /* where a link led to */
		goto out;
	r = -EINVAL;
	if (has_control(upload->name, strlen(upload->name)))
		goto out;
	r = partial_name_make(upload->name, upload->partial);
	if (r < 0)
		goto out;
	*start = 0;
	r = begin_counted(upload, home, path, mode, offset, wanted, start);
out:
	if (r < 0)
		upload_release(upload);
	return r;
}

/*
 * Will so many bytes fit after all partials that no upload writes to have given way? If not, none must go for
 * nothing.
 */
static bool
may_fit(const struct home *home, uint64_t wanted)
{
	static struct partial_list list SELDOM_WRITTEN;
	struct quota_figures figures;
	uint64_t idle;

	if (wanted == 0 || quota_read(home->quota, true, &figures) < 0 ||
	    partial_list_make(home, &list, 0, false, PARTIAL_ROOM_ENTRIES_MAX, NULL) < 0 || !list.is_whole)
		return true;
	idle = list.bytes - list.busy_bytes;
	figures.bytes -= idle < figures.bytes ? idle : figures.bytes;
	return wanted <= quota_left(&figures);
}

/* A file that was examined may be gone a moment later, through another session or machine: look anew. */
static int
begin_in_races(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t wanted, uint64_t *start)
{
	bool is_atomic = upload->is_atomic, is_copy = upload->is_copy;
	int r = begin_upload_once(upload, home, path, mode, offset, wanted, start);

	/* -ERESTART: the room is asked for when it begins anew */
	for (int race = 0; (r == -ESTALE || r == -ERESTART) && race < RACES_MAX; race++) {
		upload->is_atomic = is_atomic;
		upload->is_copy = is_copy;
		r = begin_upload_once(upload, home, path, mode, offset, wanted, start);
	}
	return r == -ERESTART ? -EREMOTE : r;
}

/* Before the quota refuses it, partials that no upload writes to give way, one by one. */
static int
begin_with_room(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t wanted, uint64_t *start)
{
	bool is_atomic = upload->is_atomic, is_copy = upload->is_copy;
	uint64_t since_ms = 0;
	int r = begin_in_races(upload, home, path, mode, offset, wanted, start);

	while (quota_wait_for_count(home->quota, r, &since_ms)) {
		upload->is_atomic = is_atomic;
		upload->is_copy = is_copy;
		r = begin_in_races(upload, home, path, mode, offset, wanted, start);
	}
	if (r == -EDQUOT && !may_fit(home, wanted))
		return r;
	while (r == -EDQUOT && partials_give_way(home, path)) {
		upload->is_atomic = is_atomic;
		upload->is_copy = is_copy;
		r = begin_in_races(upload, home, path, mode, offset, wanted, start);
	}
	return quota_counted_too_late(r);
}

int
upload_begin(struct upload *upload, const struct home *home, const struct home_path *path, enum ipc_store_mode mode,
    uint64_t offset, uint64_t *start)
{
	upload_init(upload);
	upload->is_atomic = files_is_atomic(home->session);
	return begin_with_room(upload, home, path, mode, offset, 0, start);
}

int
upload_grow(const struct upload *upload, const struct home_path *path)
{
	int r = quota_grow(upload->home->quota);

	while (r == -EDQUOT && partials_give_way(upload->home, path))
		r = quota_grow(upload->home->quota);
	return r;
}

int
upload_begin_copy(struct upload *upload, const struct home *home, const struct home_path *path, uint64_t size)
{
	uint64_t start;

	upload_init(upload);
	upload->is_atomic = true;
	upload->is_copy = true;
	return begin_with_room(upload, home, path, STORE_REPLACE, 0, size, &start);
}

/*
 * A rename is safe when its directory is on the disk. Directories that cannot be read or synced are left to the
 * kernel.
 */
static int
sync_upload_directory(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	if (fsync(fd) < 0 && errno != EINVAL)
		r = -errno;
	close_fd(&fd);
	return r;
}

/* An overwritten file keeps its mode; a new one gets the configured one. */
static int
settle_mode(const struct upload *upload)
{
	mode_t mode = files_file_mode(upload->home->session);
	struct stat st;

	if (!upload->found_none && storage_look(upload->dir_fd, upload->name, &st) == 0 && S_ISREG(st.st_mode))
		mode = st.st_mode & KEPT_MODE_BITS;
	if (fchmod(upload->fd, mode) == 0)
		return 0;
	/* somebody else of the group began it, and it has a mode that suits the group */
	return errno == EPERM && fstat(upload->fd, &st) == 0 && st.st_uid != upload->home->session->uid ? 0 : -EPERM;
}

/*
 * The file that the partial is about to replace. If another session holds it, that session will report its size; fail
 * with -EBUSY.
 */
static int
look_at_replaced(const struct upload *upload, struct stat *st)
{
	struct stat held;

	if (!quota_is_kept(upload->home->quota) || upload->finished_fd < 0)
		return quota_look(upload->home->quota, upload->dir_fd, upload->name, st);
	if (storage_look(upload->dir_fd, upload->name, st) == 0 && fstat(upload->finished_fd, &held) == 0 &&
	    st->st_ino == held.st_ino && st->st_dev == held.st_dev)
		return 0;
	return quota_look(upload->home->quota, upload->dir_fd, upload->name, st);
}

/*
 * Where nothing is synced, some file systems report only to close(2) that they could not keep what was written. Protocol
 * closes its descriptor before the end of an upload (mover_close_file()); that of a copy is ours, and closed too late.
 */
static int
close_second_descriptor(int fd)
{
	int second_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return second_fd < 0 || (close(second_fd) < 0 && errno != EINTR) ? -errno : 0;
}

static int
bring_to_disk(const struct upload *upload, const struct config *config)
{
	if (config->upload_sync)
		return fsync(upload->fd) == 0 ? 0 : errno == EPROTO ? -EIO : -errno;
	return upload->is_copy ? close_second_descriptor(upload->fd) : 0;
}

int
upload_sync(struct upload *upload, const struct config *config)
{
	int r = 0;

	if (upload->is_synced)
		return 0;
	if (upload->is_partial)
		r = keep_give_date(upload->home, upload->fd);
	if (r == 0 && upload->is_partial)
		r = settle_mode(upload);
	if (r == 0) {
		r = bring_to_disk(upload, config);
		upload->is_lost = r < 0;
	}
	upload->is_synced = r == 0;
	return r;
}

static int
rename_to_target(struct upload *upload, bool must_be_new)
{
	struct stat replaced;
	int r = look_at_replaced(upload, &replaced);

	if (r < 0)
		return r;
	/*
	 * A client of NFS gives a file that is open another name before it renames one over it: for a moment nobody finds
	 * it, and for good if the machine is lost then. Another session may write into the old file now, which goes anyway.
	 */
	if (storage_is_shared())
		locked_file_close(&upload->finished_fd);
	if (must_be_new)
		r = rename_to_new(upload->dir_fd, upload->partial, upload->dir_fd, upload->name, storage_minds_flags());
	else
		r = keep_rename(
		    upload->home, upload->path, upload->dir_fd, upload->partial, upload->dir_fd, upload->name);
	if (r < 0)
		return home_name_error(-r);
	quota_gone(upload->home->quota, &replaced);
	return 0;
}

/* Where the file system has no rename that replaces nothing: a look before it, which leaves a moment in between. */
static int
rename_after_look(struct upload *upload)
{
	struct stat st;
	int r = storage_look(upload->dir_fd, upload->name, &st);

	return r == 0 ? -EEXIST : r == -ENOENT ? rename_to_target(upload, false) : r;
}

static int
rename_into_place(struct upload *upload, const struct config *config)
{
	bool keeps = upload->never_replaces || upload->adds_to_none;
	/* on shared storage this would cost calls to the server, to keep the mode of a file that nobody saw */
	bool is_new = upload->found_none && !storage_is_shared();
	int r = rename_to_target(upload, keeps || is_new);

	if (r == -ENOSYS && !upload->never_replaces)
		r = upload->adds_to_none ? rename_after_look(upload) : rename_to_target(upload, false);
	if (r != -EEXIST || keeps)
		return r;
	/*
	 * A file came in the meantime, of RNTO or of a program on this host: the partial's lock reserves the name among
	 * uploads. It is overwritten, and its mode kept, as if it had been there.
	 */
	upload->found_none = upload->is_synced = false;
	r = upload_sync(upload, config);
	return r < 0 ? r : rename_to_target(upload, false);
}

/* A partial is kept for a resume; one without a byte, and that of a copy, is of no use to anybody. */
static int
keep_or_remove(struct upload *upload)
{
	struct stat st;

	if (fstat(upload->fd, &st) < 0)
		return -errno;
	if ((st.st_size == 0 || upload->is_copy || upload->is_lost) && unlinkat(upload->dir_fd, upload->partial, 0) < 0)
		return -errno;
	partial_note_target(upload->fd, upload->name);
	return 0;
}

/* Another session may have removed the file, or renamed one over it: what was written is nowhere then. */
static int
must_have_a_name(const struct upload *upload)
{
	struct stat st;

	if (upload->is_partial)
		return 0; /* its lock keeps its name */
	if (fstat(upload->fd, &st) < 0)
		return -errno;
	return st.st_nlink > 0 ? 0 : -ESTALE;
}

/*
 * A server of shared storage gives the lock of a machine that it does not hear to others. What those have made of the
 * file is theirs: -EBUSY. Each byte that was written moved the offset, so a larger file has bytes of others.
 */
static int
must_be_ours(const struct upload *upload)
{
	struct stat st;
	off_t written;
	bool is_held;

	if (!storage_is_shared())
		return must_have_a_name(upload);
	written = lseek(upload->fd, 0, SEEK_CUR);
	is_held = upload->is_partial ? locked_file_is_held(upload->dir_fd, upload->partial, upload->fd, &st)
				     : locked_file_is_still_locked(upload->fd, &st);
	if (!upload->is_partial && written < (off_t)upload->size_before)
		written = (off_t)upload->size_before;
	return is_held && (upload->is_lost || st.st_size == written) ? must_have_a_name(upload) : -EBUSY;
}

/* Turn the partial into the finished file, or into one that is kept. */
static int
place_partial(struct upload *upload, const struct config *config, bool is_whole)
{
	int r;

	if (!is_whole)
		return keep_or_remove(upload);
	r = rename_into_place(upload, config);
	if (r < 0)
		(void)!keep_or_remove(upload);
	else if (!upload->is_fresh)
		partial_forget_target(upload->fd);
	return r;
}

/*
 * The last byte is written: we close our descriptor, protocol has closed its own before it asked. From here on
 * upload->fd is one that nobody else has. -EBUSY: protocol keeps a copy.
 */
static int
end_writing(struct upload *upload)
{
	int r;

	if (upload->handed.fd < 0)
		return 0;
	close_fd(&upload->fd);
	r = handed_wait_back(&upload->handed);
	upload->fd = upload->handed.fd;
	upload->handed.fd = -1;
	return r == -EBUSY ? r : 0;
}

/* In one bracket of the quota: the name changes hands, and the ledger gets the result of the upload. */
static int
settle_upload(struct upload *upload, const struct config *config, bool is_whole)
{
	int r = quota_begin_patiently(upload->home->quota);
	int settled;

	if (r < 0) {
		quota_lose(upload->home->quota);
		return r;
	}
	r = must_be_ours(upload);
	if (r == 0 && upload->is_partial)
		r = place_partial(upload, config, is_whole);
	if (end_writing(upload) < 0) {
		/* the bracket stays open: what came of it is counted when the session is gone */
		quota_lose(upload->home->quota);
		return -EPROTO;
	}
	settled = quota_uploaded(upload->home->quota, upload->fd);
	if (quota_end(upload->home->quota) < 0 || settled < 0)
		return r < 0 ? r : -EIO;
	return r;
}

int
upload_finish(struct upload *upload, const struct config *config, bool is_whole)
{
	int synced = is_whole ? upload_sync(upload, config) : 0;
	int r = settle_upload(upload, config, is_whole && synced == 0);

	if (synced < 0 && r != -EPROTO)
		r = synced;
	if (r == 0 && is_whole && config->upload_sync && (upload->is_partial || upload->is_new))
		r = sync_upload_directory(upload->dir_fd);
	upload_release(upload);
	return r;
}
