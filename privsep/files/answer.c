#include "privsep/files/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "privsep/files/change.h"
#include "privsep/files/home.h"
#include "privsep/files/list_walk.h"
#include "privsep/files/partial.h"
#include "privsep/files/partial_name.h"
#include "privsep/files/upload.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define PIPE_SIZE (256 * 1024)
#define COUNT_CHUNK 65536
#define COUNT_MAX (1ULL << 30)	/* bytes that SIZE in type A reads; above: -E2BIG */

struct files {
	const struct files_session *session;
	struct home home;
	struct upload upload;		/* between open_write and finish_write */
	struct listing listing;
	int list_fd;			/* write end of the pipe: a listing begins when the reply is out */
	bool is_list_due;		/* list_end must be the next request */
	int list_result;
	uint64_t list_entries;
	int reply_fd;			/* goes with the reply */
	bool is_reply_fd_ours;		/* closed when it is out; an upload's is kept for its end */
	struct ipc_message message;	/* the request, then the reply: paths are copied out first */
};

/*
 * An answer reads its request from files->message and leaves the reply there. False: the
 * request is malformed, or not in turn; the session ends.
 */
typedef bool files_answer(struct files *files);

static bool
get_path(struct files *files, struct home_path *path)
{
	size_t len;
	const void *bytes = ipc_get_bytes(&files->message, HOME_PATH_MAX, &len);

	return home_path_check(bytes, len, path) == 0;
}

static bool
get_only_path(struct files *files, struct home_path *path)
{
	return get_path(files, path) && ipc_end(&files->message);
}

/* Partial files cannot be named: as if they, and all that is below such a name, were not there. */
static int
reachable(const struct home_path *path)
{
	return partial_name_in_path(path) ? -ENOENT : 0;
}

static void
begin_reply(struct files *files, int result)
{
	ipc_begin_reply(&files->message, files->message.kind, result);
}

/* The answer to every request that is a path and gets a result, no more. */
static bool
answer_with(struct files *files, int (*operation)(const struct home *home, const struct home_path *path))
{
	struct home_path path;
	int r;

	if (!get_only_path(files, &path))
		return false;
	r = reachable(&path);
	if (r == 0)
		r = operation(&files->home, &path);
	begin_reply(files, r);
	return true;
}

static enum ipc_file_kind
kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return FILE_REGULAR;
	return S_ISDIR(mode) ? FILE_DIRECTORY : FILE_OTHER;
}

/* SIZE and MDTM: where there is no finished file, of the partial, so that a client can resume. */
static bool
files_answer_stat(struct files *files)
{
	struct home_path path;
	struct stat st;
	int r;

	if (!get_only_path(files, &path))
		return false;
	r = reachable(&path);
	if (r == 0) {
		r = home_stat(&files->home, &path, &st);
		if (r == -ENOENT && files->session->config->uploads == UPLOADS_ATOMIC)
			r = partial_stat(&files->home, &path, &st);
	}
	begin_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u8(&files->message, (uint8_t)kind_of(st.st_mode));
	ipc_put_u64(&files->message, (uint64_t)st.st_size);
	ipc_put_u64(&files->message, st.st_mtim.tv_sec < 0 ? 0 : (uint64_t)st.st_mtim.tv_sec);
	ipc_put_u32(&files->message, st.st_mode & 07777);
	return true;
}

static bool
files_answer_enter(struct files *files)
{
	return answer_with(files, home_enter);
}

/* The thing and the directory that it stands in. A link that leads nowhere is told as a link. */
static int
stat_with_parent(const struct home *home, const struct home_path *path, struct stat *st, struct stat *parent)
{
	const char *name;
	int dir_fd = -1;
	int r;

	r = home_stat(home, path, st);
	if (r == -ENOENT)
		r = home_lstat(home, path, st);
	if (r == 0)
		r = home_open_parent(home, path, &dir_fd, &name);
	if (r == 0 && fstat(dir_fd, parent) < 0)
		r = -errno;
	if (r == 0 && path->len == 1)	/* the home itself cannot be removed or renamed */
		parent->st_mode = 0;
	close_fd(&dir_fd);
	return r;
}

static bool
files_answer_facts(struct files *files)
{
	const struct files_session *session = files->session;
	struct list_viewer viewer = {.uid = session->uid, .gid = session->gid,
	    .is_read_only = session->is_read_only, .home_device = files->home.device,
	    .facts = ipc_get_u8(&files->message)};
	struct home_path path;
	struct stat st, parent;
	char facts[LIST_FACTS_MAX];
	int r;

	if (!get_only_path(files, &path))
		return false;
	r = reachable(&path);
	if (r == 0)
		r = stat_with_parent(&files->home, &path, &st, &parent);
	begin_reply(files, r);
	if (r == 0)
		ipc_put_bytes(&files->message, facts, list_format_facts(facts, &st, &parent, &viewer));
	return true;
}

/* Count the LF bytes of a file: what its size grows by in type A. */
static int
count_line_ends(int fd, uint64_t *count)
{
	static char chunk[COUNT_CHUNK];
	ssize_t n;

	*count = 0;
	while ((n = io_read_all(fd, chunk, sizeof(chunk))) > 0)
		for (ssize_t i = 0; i < n; i++)
			*count += chunk[i] == '\n';
	return (int)n;
}

static bool
files_answer_size_ascii(struct files *files)
{
	struct home_path path;
	struct stat st;
	uint64_t line_ends;
	int fd = -1;
	int r;

	if (!get_only_path(files, &path))
		return false;
	r = reachable(&path);
	if (r == 0)
		r = home_open_file(&files->home, &path, &fd, &st);
	if (r == 0 && (uint64_t)st.st_size > COUNT_MAX)
		r = -E2BIG;
	if (r == 0)
		r = count_line_ends(fd, &line_ends);
	close_fd(&fd);
	begin_reply(files, r);
	if (r == 0)
		ipc_put_u64(&files->message, (uint64_t)st.st_size + line_ends);
	return true;
}

/* Open and position. -ERANGE for an offset beyond the end. */
static int
open_read_at(const struct home *home, const struct home_path *path, uint64_t offset, int *fd_out, uint64_t *size)
{
	struct stat st;
	int fd = -1;
	int r;

	r = home_open_file(home, path, &fd, &st);
	if (r < 0)
		goto out;
	*size = (uint64_t)st.st_size;
	if (offset > *size) {
		r = -ERANGE;
		goto out;
	}
	if (lseek(fd, (off_t)offset, SEEK_SET) < 0) {
		r = -errno;
		goto out;
	}
	*fd_out = fd;
	fd = -1;	/* the caller's now */
out:
	close_fd(&fd);
	return r;
}

static bool
files_answer_open_read(struct files *files)
{
	uint64_t offset = ipc_get_u64(&files->message), size;
	struct home_path path;
	int r;

	if (!get_only_path(files, &path))
		return false;
	r = reachable(&path);
	if (r == 0)
		r = open_read_at(&files->home, &path, offset, &files->reply_fd, &size);
	begin_reply(files, r);
	if (r == 0) {
		ipc_put_u64(&files->message, size);
		files->is_reply_fd_ours = true;
	}
	return true;
}

static bool
files_answer_open_write(struct files *files)
{
	unsigned mode = ipc_get_u8(&files->message);
	uint64_t offset = ipc_get_u64(&files->message), start;
	struct home_path path;
	int r;

	if (!get_only_path(files, &path) || mode >= STORE_MODE_COUNT || files->upload.fd >= 0)
		return false;
	r = reachable(&path);
	if (r == 0)
		r = upload_begin(&files->upload, &files->home, &path, (enum ipc_store_mode)mode, offset, &start);
	begin_reply(files, r);
	if (r < 0)
		return true;
	ipc_put_u64(&files->message, start);
	ipc_put_text(&files->message, mode == STORE_UNIQUE ? files->upload.name : home_path_name(&path));
	files->reply_fd = files->upload.fd;
	files->is_reply_fd_ours = false;
	return true;
}

static bool
files_answer_finish_write(struct files *files)
{
	unsigned is_complete = ipc_get_u8(&files->message);

	if (!ipc_end(&files->message) || is_complete > 1 || files->upload.fd < 0)
		return false;
	begin_reply(files, upload_finish(&files->upload, files->session->config, is_complete == 1));
	return true;
}

static int
open_list_pipe(struct files *files)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);	/* fewer wake-ups where the user's pipe budget allows it */
	files->reply_fd = ends[0];
	files->is_reply_fd_ours = true;
	files->list_fd = ends[1];
	return 0;
}

static bool
files_answer_list(struct files *files)
{
	static struct list_request request;
	unsigned form = ipc_get_u8(&files->message);
	int r;

	request.flags = ipc_get_u8(&files->message);
	request.facts = ipc_get_u8(&files->message);
	request.shown_from = ipc_get_u32(&files->message);
	if (!get_only_path(files, &request.path) || form >= LIST_FORM_COUNT || !listing_shown_from_fits(&request))
		return false;
	request.form = (enum ipc_list_form)form;
	r = reachable(&request.path);
	if (r == 0)
		r = open_list_pipe(files);
	if (r == 0) {
		r = listing_open(&files->listing, &files->home, &request);
		if (r < 0) {
			close_fd(&files->list_fd);
			close_fd(&files->reply_fd);
		}
	}
	begin_reply(files, r);
	return true;
}

/* The reply to list is out: write the lines, for as long as their reader wants them. */
static void
write_listing(struct files *files)
{
	files->list_result = listing_write(&files->listing, files->list_fd, &files->list_entries);
	files->is_list_due = true;
	close_fd(&files->list_fd);
}

static bool
files_answer_list_end(struct files *files)
{
	if (!ipc_end(&files->message) || !files->is_list_due)
		return false;
	files->is_list_due = false;
	begin_reply(files, files->list_result);
	if (files->list_result == 0)
		ipc_put_u64(&files->message, files->list_entries);
	return true;
}

static bool
files_answer_make_directory(struct files *files)
{
	return answer_with(files, change_make_directory);
}

static bool
files_answer_remove_directory(struct files *files)
{
	return answer_with(files, change_remove_directory);
}

static bool
files_answer_remove_file(struct files *files)
{
	return answer_with(files, change_remove_file);
}

static bool
files_answer_rename(struct files *files)
{
	struct home_path from, to;
	int r;

	if (!get_path(files, &from) || !get_only_path(files, &to))
		return false;
	r = reachable(&from);
	if (r == 0)
		r = reachable(&to);
	if (r == 0)
		r = change_rename(&files->home, &from, &to);
	begin_reply(files, r);
	return true;
}

/* Every request that this process answers; those that change the home are refused for a read-only account. */
#define READS false
#define CHANGES true
#define FILES_ANSWERS(X) \
	X(stat,             READS) \
	X(enter,            READS) \
	X(facts,            READS) \
	X(size_ascii,       READS) \
	X(open_read,        READS) \
	X(open_write,       CHANGES) \
	X(finish_write,     READS)	/* there is nothing to finish without an open_write */ \
	X(list,             READS) \
	X(list_end,         READS) \
	X(make_directory,   CHANGES) \
	X(remove_directory, CHANGES) \
	X(remove_file,      CHANGES) \
	X(rename,           CHANGES)

static const struct {
	files_answer *answer;
	bool is_change;
} answers[IPC_KIND_COUNT] = {
#define X(name, change) [IPC_##name] = {files_answer_##name, change},
    FILES_ANSWERS(X)
#undef X
};

/* The two tables name the same requests: each row here is sent to files, and there are as many. */
enum {
#define X(name, from, to, ...) IS_OURS_##name = ((to) & IPC_FILES) != 0,
	IPC_MESSAGES(X)
#undef X
#define X(name, from, to, ...) +(((to) & IPC_FILES) != 0)
	OURS_COUNT = 0 IPC_MESSAGES(X),
#undef X
#define X(name, change) +1
	ANSWERS_COUNT = 0 FILES_ANSWERS(X)
#undef X
};
#define X(name, change) _Static_assert(IS_OURS_##name, #name " is not a request to files");
FILES_ANSWERS(X)
#undef X
_Static_assert((int)OURS_COUNT == (int)ANSWERS_COUNT, "a request to files has no answer");

/* One request in files->message to one reply there. */
static int
answer(struct files *files)
{
	enum ipc_kind kind = files->message.kind;

	if (files->message.is_reply || kind >= IPC_KIND_COUNT || answers[kind].answer == NULL)
		return -EPROTO;
	if (files->is_list_due && kind != IPC_list_end)
		return -EPROTO;
	if (answers[kind].is_change && files->session->is_read_only) {
		begin_reply(files, -EROFS);
		return 0;
	}
	return answers[kind].answer(files) ? 0 : -EPROTO;
}

static int
send_reply(struct files *files)
{
	int r = ipc_send(files->session->protocol_channel, &files->message, files->reply_fd);

	if (files->is_reply_fd_ours)
		close_fd(&files->reply_fd);
	files->reply_fd = -1;
	return r;
}

/* Wait for a request, however long: deadlines are the monitor's. */
static int
next_request(struct files *files)
{
	int r;

	do
		r = ipc_receive(files->session->protocol_channel, IPC_FILES, IPC_STATE_READY, &files->message);
	while (r == -ETIMEDOUT || r == -EINTR);
	return r;
}

int
files_serve(const struct files_session *session)
{
	static struct files files;
	int r;

	files.session = session;
	files.list_fd = -1;
	files.reply_fd = -1;
	files.is_list_due = false;
	upload_init(&files.upload);
	r = home_init(&files.home, session);
	while (r == 0) {
		r = next_request(&files);
		if (r == 0)
			r = answer(&files);
		if (r == 0)
			r = send_reply(&files);
		if (r == 0 && files.list_fd >= 0)
			write_listing(&files);
	}
	if (files.upload.fd >= 0)
		(void)upload_finish(&files.upload, session->config, false);
	return r == -EPIPE ? 0 : r;
}
