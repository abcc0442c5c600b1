/* SPDX-License-Identifier: ISC */
#include "accounts/users_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounts/account.h"
#include "common/buf.h"
#include "common/io.h"
#include "trusted/place.h"

#include "common/banned.h"

#define FILE_MAX ((size_t)1 << 32)	/* as snapshot_build() */
#define LOCK_POLL_MS 20
#define FIELDS 6

static const char new_file_header[] = "# Accounts of sallyportd, one a line: NAME:HASH:UID:GID:HOME:OPTIONS\n"
				      "# Changed by sallyportctl(8); the format is described in sallyport-users(5).\n";

struct line {
	const char *text;
	size_t len;
	char *own;	/* the text when it is not within the file's; owned */
};

struct users_file {
	char path[PATH_MAX];
	char name[NAME_MAX + 1];	/* in its directory */
	int dir_fd, lock_fd;
	char *text;	/* as read; owned */
	size_t text_len;
	struct line *lines;
	size_t count, size;
};

static void
say(struct buf *problem, const char *path, const char *what, int error, const char *cure)
{
	buf_addf(problem, "%s: %s", path, what);
	if (error != 0)
		buf_addf(problem, ": %s", strerror(-error));
	if (cure != NULL)
		buf_addf(problem, "; %s", cure);
}

/* --- the lock --- */

static int
path_with(char *out, size_t size, const char *path, const char *suffix)
{
	int len = snprintf(out, size, "%s%s", path, suffix);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int
wait_for_users_lock(int fd, unsigned wait_ms)
{
	const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};
	uint64_t deadline_ms = monotonic_ms() + wait_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (monotonic_ms() >= deadline_ms)
			return -EAGAIN;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/*
 * The lock is a separate file that stays. The users file itself is replaced, and a lock on it would be one on the old
 * file.
 */
static int
take_lock(struct users_file *file, unsigned wait_ms, struct buf *problem)
{
	char lock_path[PATH_MAX], lock_name[NAME_MAX + 1];
	int r;

	if (path_with(lock_path, sizeof(lock_path), file->path, ".lock") < 0 ||
	    path_with(lock_name, sizeof(lock_name), file->name, ".lock") < 0) {
		say(problem, file->path, "the path is too long", 0, NULL);
		return -ENAMETOOLONG;
	}
	file->lock_fd = openat(file->dir_fd, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (file->lock_fd < 0) {
		r = -errno;
		say(problem, lock_path, "cannot open", r, "run as root, and check the directory");
		return r;
	}
	r = wait_for_users_lock(file->lock_fd, wait_ms);
	if (r == -EAGAIN)
		say(problem, lock_path, "another program is changing the users file and does not end", 0,
		    "try again, or find with 'fuser' which process holds the lock");
	else if (r < 0)
		say(problem, lock_path, "cannot lock", r, NULL);
	return r;
}

/* --- reading --- */

static int
grow_lines(struct users_file *file)
{
	size_t size = file->size == 0 ? 64 : file->size * 2;
	struct line *lines;

	if (file->count < file->size)
		return 0;
	lines = reallocarray(file->lines, size, sizeof(*lines));
	if (lines == NULL)
		return -ENOMEM;
	file->lines = lines;
	file->size = size;
	return 0;
}

static int
split_lines(struct users_file *file)
{
	const char *end = file->text + file->text_len;
	int r = 0;

	for (const char *p = file->text; p < end && r == 0;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline == NULL ? end : newline) - p);

		r = grow_lines(file);
		if (r == 0)
			file->lines[file->count++] = (struct line){.text = p, .len = len};
		p += len + 1;
	}
	return r;
}

static int
read_users_text(struct users_file *file, int fd, size_t size)
{
	ssize_t got;

	/* one byte more than expected shows whether it grew meanwhile */
	file->text = malloc(size + 1);
	if (file->text == NULL)
		return -ENOMEM;
	got = io_read_all(fd, file->text, size + 1);
	if (got < 0)
		return (int)got;
	file->text_len = (size_t)got;
	return file->text_len == size ? 0 : -EAGAIN;
}

/* Somebody names /etc/passwd. */
#define OF_THIS_SERVER "if it has the accounts of this server alone, or name another file"

const char *
accounts_file_refused(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file; name the users file itself";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "not owned by root; chown it to root " OF_THIS_SERVER;
	if ((st->st_mode & 077) != 0)
		return "others can read or write it; chmod it to 0600 " OF_THIS_SERVER;
	return NULL;
}

static int
read_users_file(struct users_file *file, struct buf *problem)
{
	const char *refused;
	struct stat st;
	int fd = -1;
	int r = 0;

	fd = openat(file->dir_fd, file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT) {
		file->text = strdup(new_file_header);
		file->text_len = file->text == NULL ? 0 : strlen(new_file_header);
		return file->text == NULL ? -ENOMEM : split_lines(file);
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		say(problem, file->path, "cannot open", r, "it must be a file, not a link; run as root");
		goto out;
	}
	refused = accounts_file_refused(&st);
	if (refused == NULL && (uint64_t)st.st_size >= FILE_MAX)
		refused = "too large; a users file has less than 4 GiB";
	if (refused != NULL) {
		r = -EPERM;
		say(problem, file->path, refused, 0, NULL);
		goto out;
	}
	r = read_users_text(file, fd, (size_t)st.st_size);
	if (r == -EAGAIN)
		say(problem, file->path, "it changed while it was read", 0, "try again");
	else if (r < 0)
		say(problem, file->path, "cannot read", r, NULL);
	if (r == 0)
		r = split_lines(file);
out:
	close_fd(&fd);
	return r;
}

/* From here on the directory is open, and all work on the file happens there. */
static int
open_users_directory(struct users_file *file, struct buf *problem)
{
	struct trust_problem refused;
	char why[TRUST_TEXT_MAX];

	file->dir_fd = trusted_parent_open(file->path, TRUST_ROOT_ALONE, file->name, &refused);
	if (file->dir_fd >= 0)
		return 0;
	trust_explain(&refused, why, sizeof(why));
	say(problem, file->path, "cannot open", file->dir_fd == -ENOENT ? -ENOENT : 0,
	    file->dir_fd == -ENOENT ? "make its directory first" : why);
	return refused.error;
}

int
users_file_open(const char *path, bool is_writing, unsigned lock_wait_ms, struct users_file **out, struct buf *problem)
{
	struct users_file *file;
	int r;

	file = calloc(1, sizeof(*file));
	if (file == NULL)
		return -ENOMEM;
	file->dir_fd = file->lock_fd = -1;
	r = path_with(file->path, sizeof(file->path), path, "");
	if (r < 0) {
		say(problem, path, "the path is too long", 0, NULL);
		goto out;
	}
	r = open_users_directory(file, problem);
	if (r == 0 && is_writing)
		r = take_lock(file, lock_wait_ms, problem);
	if (r == 0)
		r = read_users_file(file, problem);
	if (r < 0)
		goto out;
	*out = file;
	file = NULL;
out:
	users_file_free(file);
	return r;
}

static void
free_line(struct line *line)
{
	if (line->own != NULL)
		explicit_bzero(line->own, line->len);
	free(line->own);
}

void
users_file_free(struct users_file *file)
{
	if (file == NULL)
		return;
	for (size_t i = 0; i < file->count; i++)
		free_line(&file->lines[i]);
	free(file->lines);
	if (file->text != NULL)
		explicit_bzero(file->text, file->text_len);
	free(file->text);
	close_fd(&file->lock_fd);	/* and with it the lock */
	close_fd(&file->dir_fd);
	free(file);
}

/* --- lines --- */

size_t
users_file_count(const struct users_file *file)
{
	return file->count;
}

const char *
users_file_line(const struct users_file *file, size_t i, size_t *len)
{
	if (len != NULL)
		*len = file->lines[i].len;
	return file->lines[i].text;
}

int
users_file_find(const struct users_file *file, const char *name, size_t *index)
{
	size_t name_len = strlen(name);

	for (size_t i = 0; i < file->count; i++) {
		const struct line *line = &file->lines[i];

		if (line->len > name_len && line->text[name_len] == ':' && memcmp(line->text, name, name_len) == 0 &&
		    !account_line_is_blank(line->text, line->len)) {
			*index = i;
			return 0;
		}
	}
	return -ENOENT;
}

static int
copy_line(const char *text, size_t len, struct line *line)
{
	char *own = malloc(len + 1);

	if (own == NULL)
		return -ENOMEM;
	memcpy(own, text, len);
	own[len] = '\0';
	*line = (struct line){.text = own, .len = len, .own = own};
	return 0;
}

int
users_file_append(struct users_file *file, const char *line, size_t len)
{
	int r;

	r = grow_lines(file);
	if (r == 0)
		r = copy_line(line, len, &file->lines[file->count]);
	if (r == 0)
		file->count++;
	return r;
}

int
users_file_replace(struct users_file *file, size_t index, const char *line, size_t len)
{
	struct line copy;
	int r;

	r = copy_line(line, len, &copy);
	if (r < 0)
		return r;
	free_line(&file->lines[index]);
	file->lines[index] = copy;
	return 0;
}

void
users_file_remove(struct users_file *file, size_t index)
{
	free_line(&file->lines[index]);
	memmove(&file->lines[index], &file->lines[index + 1], (file->count - index - 1) * sizeof(file->lines[0]));
	file->count--;
}

/* --- saving --- */

static int
write_lines(const struct users_file *file, int fd)
{
	FILE *out;
	int own_fd;
	int r = 0;

	own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	out = own_fd < 0 ? NULL : fdopen(own_fd, "w");
	if (out == NULL) {
		r = -errno;
		close_fd(&own_fd);
		return r;
	}
	for (size_t i = 0; i < file->count && r == 0; i++)
		if (fwrite(file->lines[i].text, 1, file->lines[i].len, out) != file->lines[i].len ||
		    putc('\n', out) == EOF)
			r = -errno;
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	return r;
}

/* Of its directory, which was opened without the right to sync it. */
static void
sync_users_directory(const struct users_file *file)
{
	int fd = openat(file->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		(void)!fsync(fd);
	close_fd(&fd);
}

/* Whole and on the disk, beside the old one. */
static int
write_beside(const struct users_file *file, const char *beside)
{
	int fd = openat(file->dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fchmod(fd, 0600) < 0 ? -errno : write_lines(file, fd);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close_fd(&fd);
	return r;
}

static int
replace_users_file(const struct users_file *file)
{
	char beside[NAME_MAX + 1];
	int r = path_with(beside, sizeof(beside), file->name, ".new");

	if (r < 0)
		return r;
	/* a fixed name under the lock: remove here what a crash has left */
	if (unlinkat(file->dir_fd, beside, 0) < 0 && errno != ENOENT)
		return -errno;
	r = write_beside(file, beside);
	if (r == 0)
		r = io_rename_over(file->dir_fd, beside, file->name);
	if (r < 0)
		unlinkat(file->dir_fd, beside, 0);
	return r;
}

int
users_file_save(struct users_file *file, struct buf *problem)
{
	int r = replace_users_file(file);

	if (r < 0)
		say(problem, file->path, "cannot write", r,
		    r == -ENOSPC || r == -EDQUOT ? "make room on the file system; nothing was changed"
						 : "nothing was changed");
	else /* the file is in place; that its name may not be on the disk yet is no failure */
		sync_users_directory(file);
	return r;
}

/* --- one line --- */

int
users_line_field(const char *line, size_t len, size_t i, const char **field, size_t *field_len)
{
	const char *end = line + len;

	for (size_t n = 0;; n++) {
		const char *colon = memchr(line, ':', (size_t)(end - line));

		if (n == FIELDS - 1)
			colon = end;	/* options keep their colons */
		if (n == 1) {
			colon = line + account_hash_field_len(line, (size_t)(end - line));
			colon = colon == end ? NULL : colon;
		}
		if (colon == NULL)
			return -EINVAL;
		if (n == i) {
			*field = line;
			*field_len = (size_t)(colon - line);
			return 0;
		}
		if (colon == end)
			return -EINVAL;
		line = colon + 1;
	}
}

void
users_edit_option(struct users_edit *edit, const char *key, const char *value)
{
	if (edit->option_count == USERS_EDIT_OPTIONS)
		abort();	/* a new option, and nobody raised the number */
	edit->options[edit->option_count].key = key;
	edit->options[edit->option_count].value = value;
	edit->option_count++;
}

static bool
is_edited(const struct users_edit *edit, const char *word, size_t len)
{
	for (size_t i = 0; i < edit->option_count; i++) {
		size_t key_len = strlen(edit->options[i].key);

		if (len >= key_len && memcmp(word, edit->options[i].key, key_len) == 0 &&
		    (len == key_len || word[key_len] == '='))
			return true;
	}
	return false;
}

static void
edit_options(const char *text, size_t len, const struct users_edit *edit, struct buf *out)
{
	const char *separator = "";
	const char *word;
	size_t n;

	while ((n = account_option_next(&text, &len, &word)) > 0) {
		if (is_edited(edit, word, n))
			continue;
		buf_add_text(out, separator);
		buf_add(out, word, n);
		separator = " ";
	}
	for (size_t i = 0; i < edit->option_count; i++) {
		const char *value = edit->options[i].value;

		if (value == NULL)
			continue;
		buf_addf(out, "%s%s%s%s", separator, edit->options[i].key, value[0] == '\0' ? "" : "=", value);
		separator = " ";
	}
}

int
users_options_edit(const char *words, size_t len, const struct users_edit *edit, struct buf *out)
{
	edit_options(words, len, edit, out);
	return out->error;
}

int
users_line_edit(const char *line, size_t len, const struct users_edit *edit, struct buf *out)
{
	const char *changes[FIELDS - 1] = {NULL, edit->hash, edit->uid, edit->gid, edit->home};
	const char *field;
	size_t field_len;

	for (size_t i = 0; i < FIELDS - 1; i++) {
		if (users_line_field(line, len, i, &field, &field_len) < 0)
			return -EINVAL;
		if (changes[i] != NULL)
			buf_add_text(out, changes[i]);
		else
			buf_add(out, field, field_len);
		buf_add(out, ":", 1);
	}
	if (users_line_field(line, len, FIELDS - 1, &field, &field_len) < 0)
		return -EINVAL;
	edit_options(field, field_len, edit, out);
	return out->error;
}
