/* SPDX-License-Identifier: ISC */
#include "daemon/protocol/errors.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/utc.h"
#include "daemon/protocol/ask_files.h"
#include "daemon/protocol/control.h"
#include "daemon/protocol/figures.h"
#include "daemon/protocol/session.h"

#include "common/banned.h"

struct error_row {
	int error;
	int codes[REPLY_CLASS_COUNT];
	const char *text;
};

/*
 * 4yz asks a client to send the same command again, 5yz not to (RFC 959, 4.2.1). An error that stays until somebody
 * changes the tree, the account or the system is 5yz, whatever the verb. Where RFC 959, 5.4 has no 4yz for a verb
 * (the column "place"), a passing error is 550 as well, and the words say so.
 *
 * 550 has no place in 5.4 for LIST, NLST and STAT; but 450 there makes clients ask for ever, and 501 is about syntax.
 */
/* clang-format off */
static const struct error_row rows[] = {
    /* it does not exist; or a directory on the way is a file */
    {-ENOENT,       {550, 550, 553, 550}, "No such file or directory"},
    {-ENOTDIR,      {550, 550, 553, 501}, "Not a directory"},
    {-ESTALE,       {550, 550, 553, 550}, "It is gone"},
    /* modes, owners, attributes; rights of the account (only files sends -EROFS, -EKEYREVOKED) */
    {-EACCES,       {550, 550, 553, 550}, "Permission denied"},
    {-EPERM,        {550, 550, 553, 550}, "Operation not permitted"},
    {-EROFS,        {550, 550, 553, 550}, "This account is read-only"},
    {-EKEYREVOKED,  {550, 550, 550, 550}, "This account may not do that"},
    /* keep=30d: what is there must stay where it cannot be kept */
    {-ENOLINK,      {550, 550, 553, 550}, "What is there cannot be kept, so it stays"},
    {-ENOTUNIQ,     {550, 550, 553, 550}, "What is there is kept: send the whole file instead of a part of it"},
    {-EKEYREJECTED, {550, 550, 553, 550}, "It is retained, and stays as it is"} /* reply_retained() */,
    {-ESHUTDOWN,    {550, 550, 550, 550}, "Too many files were replaced or removed: this account is read-only until its administrator lifts the brake"},
    {-ENOKEY,       {550, 550, 553, 550}, "This account keeps nothing"},
    /* the entry is of another kind, or in the way */
    {-EEXIST,       {550, 550, 553, 550}, "It exists already"},
    {-ENOTEMPTY,    {550, 550, 553, 550}, "Directory is not empty"},
    {-EISDIR,       {550, 550, 553, 550}, "Is a directory"},
    {-ENOTSUP,      {550, 550, 553, 550}, "Not a plain file"},
    {-ELOOP,        {550, 550, 553, 550}, "Too many symbolic links"},
    {-EMLINK,       {550, 550, 553, 550}, "The directory holds as many directories as its file system can"},
    /* names and numbers of the client */
    {-EINVAL,       {550, 550, 553, 501}, "Not a name that can be used here"},
    {-EILSEQ,       {550, 550, 553, 501}, "Not a name that the file system can hold"},
    {-ENAMETOOLONG, {550, 550, 553, 501}, "Name too long"},
    {-ERANGE,       {554, 550, 554, 501}, "Restart offset is beyond the end of the file"},
    {-E2BIG,        {550, 550, 553, 550}, "Too much work; name fewer files"},
    /* a read-only mount; files sends -EMEDIUMTYPE to distinguish it from a read-only account */
    {-EMEDIUMTYPE,  {550, 550, 553, 550}, "The file system is mounted read-only"},
    {-ENOSYS,       {550, 550, 553, 550}, "The file system cannot rename without replacing what is there"},
    {-EXDEV,        {550, 550, 553, 550}, "Is a mount point, or leads to another file system"},
    /* room */
    {-EFBIG,        {550, 550, 552, 550}, "Too large"},
    {-ENOSPC,       {452, 550, 452, 451}, "No space left on the disk"},
    {-EREMOTE,      {452, 550, 452, 451}, "Room of the quota is held by another server; try again in a minute"},
    {-EHOSTUNREACH, {452, 550, 452, 451}, "More of the quota cannot be asked for now; try again later"},
    {-EDQUOT,       {552, 552, 552, 451}, "Quota exceeded"},
    /* what passes */
    {-EBUSY,        {450, 550, 450, 450}, "In use by another transfer"},
    {-EHOSTDOWN,    {450, 550, 450, 450}, "In use by another transfer; a server that is gone holds it for two minutes at most"},
    {-ETXTBSY,      {450, 550, 450, 450}, "In use: it is a running program"},
    {-EAGAIN,       {450, 550, 450, 450}, "Directories on the way are being renamed; try again"},
    {-ETIMEDOUT,    {450, 550, 450, 450}, "Another session of this account changes or counts its files; try again"},
    {-EINPROGRESS,  {450, 550, 450, 450}, "The home is being counted for its quota, which ends by itself; try again in a while"},
    {-ECANCELED,    {451, 550, 451, 451}, "Stopped"},
    {-EIO,          {451, 550, 451, 451}, "Input/output error"},
};
/* clang-format on */

static const struct error_row other_error = {0, {451, 550, 451, 451}, "Local error"};

static const struct error_row *
find_row(int error)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return &rows[i];
	return &other_error;
}

int
reply_code_for_error(enum reply_class class, int error)
{
	return find_row(error)->codes[class];
}

void
reply_partials_note(struct protocol *protocol, int code)
{
	char text[PARTIALS_SIZE];

	if (protocol->state == IPC_STATE_READY && partials_text(protocol, text, sizeof(text)))
		reply_begin(protocol, code, text);
}

void
reply_over_quota(struct protocol *protocol, int code, const char *name)
{
	uint64_t asked = protocol->quota_asked;
	char bytes[FIGURE_SIZE], files[FIGURE_SIZE];
	struct quota_told told;

	protocol->quota_asked = 0;
	reply_partials_note(protocol, code);
	if (ask_files_quota_refused(protocol, &told) < 0 ||
	    (told.bytes_limit == UINT64_MAX && told.files_limit == UINT64_MAX)) {
		reply(protocol, code, "%s: Quota of the file system exceeded", name);
		return;
	}
	quota_figure_text(bytes, told.bytes, told.bytes_limit, "bytes");
	quota_figure_text(files, told.files, told.files_limit, "files");
	if (asked > 0)
		reply(protocol, code, "%s: Quota exceeded: %s and %s are used, %llu bytes more were asked for", name,
		    bytes, files, (unsigned long long)asked);
	else
		reply(protocol, code, "%s: Quota exceeded: %s and %s are used, %s asked for", name, bytes, files,
		    told.files >= told.files_limit ? "1 file more was" : "more bytes were");
}

/* Something stays as it is: what, and until when. */
static void
reply_retained(struct protocol *protocol, const struct error_row *row, enum reply_class class, const char *name)
{
	static const char *const texts[RETAINED_COUNT] = {
	    [RETAINED_FILE] = "It is retained, and stays as it is until",
	    [RETAINED_WITHIN] = "It holds what is retained, the last of it until",
	    [RETAINED_NAMES] = NULL,
	};
	struct retained_told told;
	struct utc date;
	int code = row->codes[class];

	if (ask_files_retained(protocol, &told) < 0 || (told.until_s == 0 && texts[told.what] != NULL)) {
		reply(protocol, code, "%s: %s", name, row->text);
		return;
	}
	if (texts[told.what] == NULL) {
		reply(protocol, code, "%s: Directory is not empty: what is in it may be retained, and keeps its path",
		    name);
		return;
	}
	date = utc_from_seconds((int64_t)(told.until_s & INT64_MAX));
	reply(protocol, code, "%s: %s %04u-%02u-%02u %02u:%02u:%02u UTC", name, texts[told.what], date.year, date.month,
	    date.day, date.hour, date.minute, date.second);
}

void
reply_error(struct protocol *protocol, enum reply_class class, int error, const char *name)
{
	const struct error_row *row = find_row(error);

	if (error == -EDQUOT) {
		reply_over_quota(protocol, row->codes[class], name);
		return;
	}
	if (error == -EKEYREJECTED) {
		reply_retained(protocol, row, class, name);
		return;
	}
	if (error == -ENOSPC || row->codes[class] == 552)
		reply_partials_note(protocol, row->codes[class]);
	reply(protocol, row->codes[class], "%s: %s", name, row->text);
}
