/* SPDX-License-Identifier: ISC */
/* Answers to questions about the home, and to openings for reading. */
#include "privsep/files/braked.h"
#include "privsep/files/request.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/files/directory_message.h"
#include "privsep/files/folders.h"
#include "privsep/files/hash.h"
#include "privsep/files/partial.h"
#include "privsep/files/tree.h"

#include "common/banned.h"

#define COUNT_CHUNK 65536
#define COUNT_MAX (1ULL << 30)	/* bytes that SIZE in type A reads; above: -E2BIG */

static enum ipc_file_kind
kind_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return FILE_REGULAR;
	return S_ISDIR(mode) ? FILE_DIRECTORY : FILE_OTHER;
}

/*
 * In a directory where uploads may begin, and nothing may be known: of a partial without a finished file, and of nothing
 * else. REST and STOR tell as much to whoever may resume it.
 */
static int
stat_in_drop_box(const struct home *home, const struct home_path *path, struct stat *st)
{
	char name[NAME_MAX + 1];
	mode_t type = 0;
	int dir_fd = -1;
	int r = home_open_target(home, path, &dir_fd, name, &type);

	if (r == 0)
		r = zone_permit(home, dir_fd, MAY_CREATE, 0);
	if (r == 0)
		r = type != 0 ? -EEXIST : partial_stat_at(dir_fd, name, st);
	close_fd(&dir_fd);
	return r == 0 ? 0 : -EKEYREVOKED;
}

/* Where there is no finished file, of the partial, so that a client can resume. */
static int
stat_for_client(const struct home *home, const struct home_path *path, struct stat *st)
{
	bool is_atomic = files_is_atomic(home->session);
	int r = permitted_stat(home, path, MAY_KNOW, st);

	if (r == -ENOENT && is_atomic)
		return partial_stat(home, path, st);
	return r == -EKEYREVOKED && is_atomic ? stat_in_drop_box(home, path, st) : r;
}

/* SIZE and MDTM. */
bool
files_answer_stat(struct files *files)
{
	struct home_path path;
	struct stat st;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = stat_for_client(files->tree, &path, &st);
	request_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u8(&files->message, (uint8_t)kind_of_mode(st.st_mode));
	ipc_put_u64(&files->message, (uint64_t)st.st_size);
	ipc_put_u64(&files->message, (uint64_t)st.st_mtim.tv_sec);
	ipc_put_u32(&files->message, st.st_mode & 07777);
	return true;
}

bool
files_answer_enter(struct files *files)
{
	return request_answer_with(files, home_enter);
}

/* The name, its directory, and the rights there. A link that leads nowhere is reported as a link. */
static int
look_with_parent(const struct home *home, const struct home_path *path, struct list_looked *looked, struct stat *parent,
    struct list_viewer *viewer)
{
	struct zone zone;
	const char *name;
	int dir_fd = -1;
	int r = permitted_parent(home, path, MAY_LIST, 0, &dir_fd, &name);

	if (r == 0)
		r = zone_of(home, dir_fd, &zone);
	if (r == 0 && (fstat(dir_fd, parent) < 0 || fstatat(dir_fd, name, &looked->own, AT_SYMLINK_NOFOLLOW) < 0))
		r = -errno;
	close_fd(&dir_fd);
	if (r < 0)
		return r;
	viewer->rights = zone.rights;
	permitted_look(home, path, looked);
	if (path->len == 1)	/* the home itself cannot be removed or renamed */
		parent->st_mode = 0;
	return 0;
}

static struct list_viewer
viewer_in(const struct home *tree, unsigned facts)
{
	return (struct list_viewer){
	    .uid = tree->session->uid,
	    .gid = tree->session->gid,
	    .rights = braked_rights(tree->session->rights),
	    .home_device = tree->device,
	    .is_atomic = tree->session->config->uploads == UPLOADS_ATOMIC,
	    .facts = facts,
	};
}

bool
files_answer_facts(struct files *files)
{
	unsigned wanted = ipc_get_u8(&files->message);
	struct list_viewer viewer;
	struct home_path path;
	struct list_looked looked;
	struct stat parent;
	char facts[LIST_FACTS_MAX];
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, IPC_facts, &path);
	if (r == 0)
		viewer = viewer_in(files->tree, wanted);
	if (r == 0)
		r = look_with_parent(files->tree, &path, &looked, &parent, &viewer);
	request_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_bytes(&files->message, facts, list_format_facts(facts, &looked, &parent, &viewer));
	return true;
}

/* Count the LF bytes of a file: what its size grows by in type A. */
static int
count_line_ends(int fd, struct stop *stop, uint64_t *count)
{
	static char chunk[COUNT_CHUNK] SELDOM_WRITTEN;
	ssize_t n;

	*count = 0;
	while ((n = io_read_all(fd, chunk, sizeof(chunk))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			*count += chunk[i] == '\n';
		n = stop_check(stop);
		if (n < 0)
			break;
	}
	return (int)n;
}

bool
files_answer_size_ascii(struct files *files)
{
	struct home_path path;
	struct stat st;
	uint64_t line_ends;
	int fd = -1;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = permitted_file(files->tree, &path, MAY_KNOW, &fd, &st);
	if (r == 0 && (uint64_t)st.st_size > COUNT_MAX)
		r = -E2BIG;
	if (r == 0)
		r = count_line_ends(fd, &files->stop, &line_ends);
	close_fd(&fd);
	request_reply(files, r);
	if (r == 0)
		ipc_put_u64(&files->message, (uint64_t)st.st_size + line_ends);
	return true;
}

/* Open and position. -ERANGE for an offset beyond the end. */
static int
open_read_at(const struct home *home, const struct home_path *path, uint64_t offset, int *fd_out, struct stat *st)
{
	int fd = -1;
	int r;

	r = permitted_file(home, path, MAY_READ, &fd, st);
	if (r < 0)
		goto out;
	if (offset > (uint64_t)st->st_size) {
		r = -ERANGE;
		goto out;
	}
	if (offset > 0 && lseek(fd, (off_t)offset, SEEK_SET) < 0) {
		r = -errno;
		goto out;
	}
	*fd_out = fd;
	fd = -1;	/* the caller's now */
out:
	close_fd(&fd);
	return r;
}

bool
files_answer_open_read(struct files *files)
{
	uint64_t offset = ipc_get_u64(&files->message);
	struct home_path path;
	struct stat st;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = open_read_at(files->tree, &path, offset, &files->reply_fd, &st);
	request_reply(files, r);
	if (r == 0) {
		ipc_put_u64(&files->message, (uint64_t)st.st_size);
		files->is_reply_fd_ours = true;
		beside_begin_read(&files->beside, files->reply_fd, &st);
	}
	return true;
}

bool
files_answer_hash(struct files *files)
{
	unsigned algorithm = ipc_get_u8(&files->message);
	uint64_t from = ipc_get_u64(&files->message), to = ipc_get_u64(&files->message);
	char text[DIGEST_TEXT_SIZE];
	struct home_path path;
	int r;

	if (!request_only_path(files, &path) || algorithm >= HASH_COUNT)
		return false;
	beside_expect(&files->beside, (enum ipc_hash)algorithm);
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = hash_file(
		    files->tree, &path, (enum ipc_hash)algorithm, from, &to, &files->stop, &files->beside, text);
	request_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u64(&files->message, from);
	ipc_put_u64(&files->message, to);
	ipc_put_text(&files->message, text);
	return true;
}

/* A notice: transfers of this session will be asked about. */
bool
files_answer_expect_hash(struct files *files)
{
	unsigned algorithm = ipc_get_u8(&files->message);

	files->is_notice = true;
	if (!ipc_end(&files->message) || algorithm >= HASH_COUNT)
		return false;
	if ((folders_rights_somewhere(&files->home) & MAY_READ) != 0)
		beside_expect(&files->beside, (enum ipc_hash)algorithm);
	return true;
}

bool
files_answer_tree_size(struct files *files)
{
	struct home_path path;
	uint64_t bytes;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = tree_size(files->tree, &path, &files->stop, &bytes);
	request_reply(files, r);
	if (r == 0)
		ipc_put_u64(&files->message, bytes);
	return true;
}

/* What the file system of a directory has left for its user. */
static int
space_in(const struct home *home, const struct home_path *path, uint64_t *bytes)
{
	struct statfs fs;
	int fd = -1;
	int r;

	r = home_open(home, home_path_relative(path), O_PATH | O_DIRECTORY, &fd);
	if (r == 0 && fstatfs(fd, &fs) < 0)
		r = -errno;
	close_fd(&fd);
	if (r == 0 && __builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, bytes))
		*bytes = UINT64_MAX;
	return r;
}

bool
files_answer_space(struct files *files)
{
	struct home_path path;
	struct quota_figures figures;
	uint64_t bytes;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = space_in(files->tree, &path, &bytes);
	if (r == 0)
		r = quota_read(files->tree->quota, true, &figures);
	request_reply(files, r);
	if (r == 0 && bytes > quota_left(&figures))
		bytes = quota_left(&figures);
	if (r == 0)
		ipc_put_u64(&files->message, bytes);
	return true;
}

bool
files_answer_quota(struct files *files)
{
	struct quota_figures figures;
	bool is_of_refusal = files->message.cursor == files->message.length;
	int r;

	if (!request_only_place(files))
		return false;
	if (is_of_refusal)
		files->tree = files->refused_tree;
	r = quota_read(files->tree->quota, true, &figures);
	request_reply(files, r);
	if (r < 0)
		return true;
	request_put_quota(files, &figures);
	ipc_put_u8(&files->message, figures.is_bound);
	return true;
}

bool
files_answer_directory_message(struct files *files)
{
	char text[DIRECTORY_MESSAGE_SIZE];
	struct home_path path;
	size_t len;
	int r;

	if (!request_only_path(files, &path))
		return false;
	r = request_route(files, files->message.kind, &path);
	if (r == 0)
		r = directory_message_read(files->tree, &path, text, &len);
	request_reply(files, r);
	if (r == 0)
		ipc_put_bytes(&files->message, text, len);
	return true;
}
