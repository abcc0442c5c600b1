/* SPDX-License-Identifier: ISC */
/* user export: the accounts as a users file, with their hashes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accounts/account.h"
#include "admin/amount.h"
#include "admin/book.h"
#include "admin/ctl.h"
#include "common/io.h"

#include "common/banned.h"

struct export
{
	FILE *out;
	size_t count;
	int error; /* -errno of the first write that failed */
};

static void
export_text(struct export *run, const char *line, size_t len)
{
	if (run->error == 0 && (fwrite(line, 1, len, run->out) != len || putc('\n', run->out) == EOF))
		run->error = -errno;
}

/* What accounts refer to comes first. */
static void
export_definition(const char *line, size_t len, void *arg)
{
	export_text(arg, line, len);
}

static void
export_line(const char *line, size_t len, const struct account *account, void *arg)
{
	struct export *run = arg;

	if (account == NULL || run->error < 0)
		return;
	export_text(run, line, len);
	run->count++;
}

/* A new file of root's alone: it has hashes. */
static FILE *
create_export(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (out == NULL && errno == EEXIST)
		ctl_error("'%s' is there; name a file that is not", ctl_quote(path));
	else if (out == NULL)
		ctl_error("cannot make '%s': %s", ctl_quote(path), strerror(errno));
	if (out == NULL)
		close_fd(&fd);
	return out;
}

/* Whole and on the disk, or not at all. */
static int
finish_export(struct export *run, const char *path)
{
	if (fflush(run->out) != 0 && run->error == 0)
		run->error = -errno;
	if (path != NULL && run->error == 0 && fsync(fileno(run->out)) < 0)
		run->error = -errno;
	if (run->error < 0)
		ctl_error(
		    "cannot write '%s': %s", path == NULL ? "standard output" : ctl_quote(path), strerror(-run->error));
	return run->error;
}

enum ctl_exit
user_export(struct ctl *ctl)
{
	struct export run = {.out = stdout};
	enum ctl_exit status = CTL_FAILED;
	struct book *book;
	int kind = book_kind_for_new(ctl);

	if (kind < 0)
		return CTL_USAGE;
	book = book_open(ctl, kind, false);
	if (book == NULL)
		return CTL_FAILED;
	if (ctl->operand != NULL)
		run.out = create_export(ctl->operand);
	if (run.out == NULL)
		goto out;
	book_each_definition(book, export_definition, &run);
	if (book_each(book, true, export_line, &run) < 0)
		ctl_error("the export is not complete");
	else if (finish_export(&run, ctl->operand) == 0)
		status = CTL_DONE;
	if (ctl->operand != NULL) {
		fclose(run.out);
		if (status != CTL_DONE)
			unlink(ctl->operand);
		else
			printf("%zu account%s written to '%s'\n", run.count, amount_plural(run.count),
			    ctl_quote(ctl->operand));
	}
out:
	book_close(book);
	return status;
}
