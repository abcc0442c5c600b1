#include "accounts/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "accounts/account.h"
#include "common/buf.h"
#include "common/io.h"
#include "common/text.h"
#include "trusted/place.h"

#include "common/banned.h"

#define MAGIC 0x74636341746f7053ull
#define VERSION 1
#define FILE_MAX ((uint64_t)1 << 32) /* bytes of a users file */
#define CHUNK (256 * 1024)
#define TRIES 20 /* while somebody writes into the file */
#define TRY_PAUSE_MS 50
#define ERRORS_MAX 20
#define ERROR_LINE_MAX 8192
#define COMMON_LINE 512 /* bytes that hold most lines of a users file */

/*
 * The memory file: this header, the text of the users file (ended by a newline), and the
 * offsets of the accounts' lines within the text, sorted by name. It never leaves the machine.
 */
struct header {
	uint64_t magic, version;
	struct accounts_stamp stamp;
	uint64_t text_at, text_len;
	uint64_t index_at, count;
};

/* One run of snapshot_build(). */
struct build {
	const char *path;
	int memory_fd;
	void (*error)(void *arg, const char *line);
	void *arg;
	unsigned errors;
	struct header header;
	void *map; /* the memory file, while lines are checked */
	size_t map_len;
	const char *text;
	uint64_t *index;
};

static void __attribute__((format(printf, 3, 4))) tell(struct build *build, uint64_t line, const char *format, ...)
{
	struct buf text;
	va_list args;

	if (build->errors++ >= ERRORS_MAX)
		return;
	buf_init(&text, ERROR_LINE_MAX);
	if (line > 0)
		buf_addf(&text, "%s:%llu: ", build->path, (unsigned long long)line);
	else
		buf_addf(&text, "%s: ", build->path);
	va_start(args, format);
	buf_addv(&text, format, args);
	va_end(args);
	build->error(build->arg, text.data == NULL ? "no memory" : text.data);
	buf_free(&text);
}

void
accounts_stamp_from_stat(const struct stat *st, struct accounts_stamp *stamp)
{
	*stamp = (struct accounts_stamp){
	    .device = st->st_dev,
	    .inode = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime_s = st->st_mtim.tv_sec,
	    .mtime_ns = st->st_mtim.tv_nsec,
	    .ctime_s = st->st_ctim.tv_sec,
	    .ctime_ns = st->st_ctim.tv_nsec,
	};
}

bool
accounts_stamp_equal(const struct accounts_stamp *a, const struct accounts_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_s == b->mtime_s &&
	    a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

const char *
accounts_file_refused(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file; name the users file itself";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "not owned by root; chown it to root";
	if ((st->st_mode & 077) != 0)
		return "others can read or write it; chmod it to 0600";
	return NULL;
}

/* --- building --- */

/* In a directory that root alone can change. */
static int
open_path(struct build *build)
{
	struct trust_problem problem;
	char name[NAME_MAX + 1], why[TRUST_TEXT_MAX];
	int dir_fd = trusted_parent_open(build->path, TRUST_ROOT_ALONE, name, &problem);
	int r = dir_fd;

	if (dir_fd < 0 && problem.kind != TRUST_SYSTEM) {
		trust_explain(&problem, why, sizeof(why));
		tell(build, 0, "%s", why);
		return r;
	}
	if (dir_fd >= 0) {
		/* non-blocking: a FIFO is refused below instead of waited for */
		r = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
		r = r < 0 ? -errno : r;
	}
	if (r < 0)
		tell(build, 0, "cannot open: %s; %s", strerror(-r),
		    r == -ENOENT ? "'sallyportctl user add NAME' makes it" : "it has to be a file that root can read");
	close_fd(&dir_fd);
	return r;
}

static int
open_users(struct build *build, int *fd_out, struct stat *st)
{
	const char *refused;
	int fd = open_path(build);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && fstat(fd, st) < 0) {
		r = -errno;
		tell(build, 0, "cannot look at it: %s", strerror(-r));
	}
	if (r < 0)
		goto out;
	refused = accounts_file_refused(st);
	if (refused == NULL && (uint64_t)st->st_size >= FILE_MAX)
		refused = "too large; a users file has less than 4 GiB";
	if (refused != NULL) {
		r = -EINVAL;
		tell(build, 0, "%s", refused);
		goto out;
	}
	*fd_out = fd;
	fd = -1;
out:
	close_fd(&fd);
	return r;
}

/* Copy the text behind the place of the header; end its last line. */
static int
copy_text(struct build *build, int fd)
{
	char *chunk = malloc(CHUNK);
	char last = '\n';
	ssize_t got = 0;
	int r = 0;

	if (chunk == NULL)
		return -ENOMEM;
	build->header.text_at = sizeof(build->header);
	build->header.text_len = 0;
	if (ftruncate(build->memory_fd, 0) < 0 || lseek(build->memory_fd, (off_t)build->header.text_at, SEEK_SET) < 0)
		r = -errno;
	while (r == 0 && (got = io_read_all(fd, chunk, CHUNK)) > 0) {
		build->header.text_len += (uint64_t)got;
		if (build->header.text_len >= FILE_MAX)
			r = -EFBIG;
		else
			r = io_write_all(build->memory_fd, chunk, (size_t)got);
		last = chunk[got - 1];
	}
	if (r == 0 && got < 0)
		r = (int)got;
	if (r == 0 && last != '\n') {
		build->header.text_len++;
		r = io_write_all(build->memory_fd, "\n", 1);
	}
	explicit_bzero(chunk, CHUNK);
	free(chunk);
	return r;
}

/* Copy a state of the file that nobody wrote into meanwhile. */
static int
copy_file(struct build *build)
{
	const struct timespec pause = {.tv_nsec = TRY_PAUSE_MS * 1000000L};
	struct accounts_stamp after;
	struct stat st;
	int fd = -1;
	int r;

	if (build->path[0] == '\0') {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : copy_text(build, fd);
		close_fd(&fd);
		return r;
	}
	for (unsigned i = 0; i < TRIES; i++) {
		r = open_users(build, &fd, &st);
		if (r < 0)
			return r;
		accounts_stamp_from_stat(&st, &build->header.stamp);
		r = copy_text(build, fd);
		if (r == 0 && fstat(fd, &st) < 0)
			r = -errno;
		close_fd(&fd);
		if (r < 0) {
			tell(build, 0, "cannot read: %s", strerror(-r));
			return r;
		}
		accounts_stamp_from_stat(&st, &after);
		if (accounts_stamp_equal(&build->header.stamp, &after))
			return 0;
		nanosleep(&pause, NULL);
	}
	tell(build, 0, "it changes all the time; try again when nobody writes into it");
	return -EAGAIN;
}

static uint64_t
count_lines(const char *text, uint64_t len)
{
	const char *end = text + len;
	uint64_t lines = 0;

	for (const char *p = text; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	return lines;
}

/* Map the text, and behind it room for an index of every line. */
static int
map_text(struct build *build)
{
	uint64_t lines;
	size_t len = (size_t)(build->header.text_at + build->header.text_len);
	char *map;

	map = mmap(NULL, len, PROT_READ, MAP_SHARED, build->memory_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	lines = count_lines(map + build->header.text_at, build->header.text_len);
	munmap(map, len);
	build->header.index_at = (len + 7) / 8 * 8;
	len = (size_t)(build->header.index_at + lines * sizeof(uint64_t));
	if (ftruncate(build->memory_fd, (off_t)len) < 0)
		return -errno;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, build->memory_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	build->map = map;
	build->map_len = len;
	build->text = map + build->header.text_at;
	build->index = (uint64_t *)(void *)(map + build->header.index_at);
	return 0;
}

static int
check_lines(struct build *build)
{
	const char *end = build->text + build->header.text_len;
	struct account account;
	const char *problem;
	uint64_t line = 0;

	build->header.count = 0;
	for (const char *p = build->text; p < end;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline == NULL ? end : newline) - p);

		line++;
		if (account_line_is_blank(p, len))
			;
		else if (account_parse(p, len, &account, &problem) < 0)
			tell(build, line, "%s", problem);
		else
			build->index[build->header.count++] = (uint64_t)(p - build->text);
		p += len + 1;
	}
	explicit_bzero(&account, sizeof(account));
	return build->errors > 0 ? -EINVAL : 0;
}

/* Compare two names that each end at a colon, as bytes; a prefix comes first. */
static int
compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

static int
compare_lines(const void *a, const void *b, void *arg)
{
	const char *text = arg;
	uint64_t x_at, y_at;
	const char *x, *y;

	memcpy(&x_at, a, sizeof(x_at));
	memcpy(&y_at, b, sizeof(y_at));
	x = text + x_at;
	y = text + y_at;
	/* checked lines, so every name ends at a colon; ':' itself must not count as a byte of a name */
	while (*x == *y && *x != ':') {
		x++;
		y++;
	}
	if (*x == *y)
		return (x_at > y_at) - (x_at < y_at);
	if (*x == ':' || *y == ':')
		return *x == ':' ? -1 : 1;
	return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
}

static size_t
name_length(const char *line)
{
	return (size_t)((const char *)rawmemchr(line, ':') - line);
}

static int
check_duplicates(struct build *build)
{
	for (uint64_t i = 1; i < build->header.count; i++) {
		uint64_t first_at = build->index[i - 1], again_at = build->index[i];
		const char *first = build->text + first_at, *again = build->text + again_at;
		size_t len = name_length(first);
		struct buf name;

		if (len != name_length(again) || memcmp(first, again, len) != 0)
			continue;
		buf_init(&name, ERROR_LINE_MAX);
		escape_bytes(&name, ESCAPE_LOG, first, len);
		tell(build, count_lines(build->text, again_at) + 1,
		    "the account '%s' stands in line %llu already; remove one of them",
		    name.data == NULL ? "" : name.data, (unsigned long long)count_lines(build->text, first_at) + 1);
		buf_free(&name);
	}
	return build->errors > 0 ? -EINVAL : 0;
}

static void
unmap_text(struct build *build)
{
	if (build->map != NULL)
		munmap(build->map, build->map_len);
	build->map = NULL;
}

/* The header comes last: an unfinished snapshot has no magic. */
static int
finish(struct build *build)
{
	uint64_t len = build->header.index_at + build->header.count * sizeof(uint64_t);

	build->header.magic = MAGIC;
	build->header.version = VERSION;
	memcpy(build->map, &build->header, sizeof(build->header));
	unmap_text(build);
	if (ftruncate(build->memory_fd, (off_t)len) < 0 ||
	    fcntl(build->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

int
snapshot_build(const char *path, int memory_fd, void (*error)(void *arg, const char *line), void *arg)
{
	struct build build = {.path = path, .memory_fd = memory_fd, .error = error, .arg = arg};
	int r;

	r = copy_file(&build);
	if (r < 0)
		return r;
	r = map_text(&build);
	if (r < 0)
		goto out;
	r = check_lines(&build);
	if (r < 0)
		goto out;
	qsort_r(build.index, build.header.count, sizeof(uint64_t), compare_lines, (void *)(uintptr_t)build.text);
	r = check_duplicates(&build);
	if (r < 0)
		goto out;
	r = finish(&build);
out:
	unmap_text(&build);
	if (r < 0 && build.errors == 0)
		tell(&build, 0, "cannot make its snapshot: %s", strerror(-r));
	return r;
}

/* --- looking up --- */

/* Everything in the header fits into a file of size bytes. */
static bool
header_fits(const struct header *header, uint64_t size)
{
	uint64_t text_end, index_len, index_end;

	return header->magic == MAGIC && header->version == VERSION &&
	    !__builtin_add_overflow(header->text_at, header->text_len, &text_end) && text_end <= size &&
	    !__builtin_mul_overflow(header->count, sizeof(uint64_t), &index_len) && header->index_at % 8 == 0 &&
	    !__builtin_add_overflow(header->index_at, index_len, &index_end) && index_end <= size;
}

/*
 * The snapshot is read, not mapped: each step of a search is on pages of its own, and a fault with its
 * mapping costs ten times a read of a few bytes.
 */
struct view {
	int fd;
	struct header header;
};

/* The first bytes of the line of one account, at most max. Returns how many, or -EINVAL when the snapshot is damaged. */
static ssize_t
view_read(const struct view *view, uint64_t i, char *bytes, size_t max)
{
	uint64_t at, left;
	ssize_t got;

	if (pread(view->fd, &at, sizeof(at), (off_t)(view->header.index_at + i * sizeof(at))) != (ssize_t)sizeof(at) ||
	    at >= view->header.text_len)
		return -EINVAL;
	left = view->header.text_len - at;
	got = pread(view->fd, bytes, left < max ? (size_t)left : max, (off_t)(view->header.text_at + at));
	return got > 0 ? got : -EINVAL;
}

/* How name stands to that of one account: less than, equal to, greater than 0; -EINVAL. */
static int
view_compare(const struct view *view, uint64_t i, const char *name, size_t name_len, int *order)
{
	char start[ACCOUNT_NAME_MAX + 1];
	ssize_t got = view_read(view, i, start, sizeof(start));
	const char *colon = got < 0 ? NULL : memchr(start, ':', (size_t)got);

	if (colon == NULL)
		return -EINVAL;
	*order = compare_names(name, name_len, start, (size_t)(colon - start));
	return 0;
}

static int
view_account(const struct view *view, uint64_t i, struct account *account)
{
	char line[ACCOUNT_LINE_MAX + 1];
	ssize_t got = view_read(view, i, line, COMMON_LINE);
	const char *end = got < 0 ? NULL : memchr(line, '\n', (size_t)got);
	const char *problem;
	int r;

	if (got == COMMON_LINE && end == NULL) {
		got = view_read(view, i, line, sizeof(line));
		end = got < 0 ? NULL : memchr(line, '\n', (size_t)got);
	}
	r = end == NULL ? -EINVAL : account_parse(line, (size_t)(end - line), account, &problem);
	explicit_bzero(line, got < 0 ? 0 : (size_t)got);
	return r;
}

static int
view_find(const struct view *view, const char *name, struct account *account)
{
	uint64_t low = 0, high = view->header.count;
	size_t wanted = strlen(name);

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int order;
		int r;

		r = view_compare(view, middle, name, wanted, &order);
		if (r < 0)
			return r;
		if (order == 0)
			return view_account(view, middle, account);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	memset(account, 0, sizeof(*account));
	if (view->header.count > 0)
		(void)!view_account(view, low < view->header.count ? low : view->header.count - 1, account);
	return -ENOENT;
}

/* The header, when all that it tells of is in the file. */
static int
read_header(int memory_fd, struct header *header)
{
	struct stat st;

	if (fstat(memory_fd, &st) < 0)
		return -errno;
	if (pread(memory_fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header) ||
	    !header_fits(header, (uint64_t)st.st_size))
		return -EINVAL;
	return 0;
}

int
snapshot_stamp(int memory_fd, struct accounts_stamp *stamp, uint64_t *count)
{
	struct header header;
	int r = read_header(memory_fd, &header);

	if (r < 0)
		return r;
	*stamp = header.stamp;
	*count = header.count;
	return 0;
}

int
snapshot_lookup(int memory_fd, const char *name, struct account *account)
{
	struct view view = {.fd = memory_fd};
	int r = read_header(memory_fd, &view.header);

	return r < 0 ? r : view_find(&view, name, account);
}
