#include "daemon/protocol/errors.h"

#include <errno.h>
#include <stddef.h>

#include "daemon/protocol/control.h"
#include "daemon/protocol/partials.h"
#include "daemon/protocol/quota.h"

#include "common/banned.h"

struct error_row {
	int error;
	int codes[REPLY_CLASS_COUNT];
	const char *text;
};

/*                           file place create list */
static const struct error_row rows[] = {
    {-ENOENT,       {550, 550, 553, 450}, "No such file or directory"},
    {-EACCES,       {550, 550, 553, 450}, "Permission denied"},
    {-EPERM,        {550, 550, 553, 450}, "Operation not permitted"},
    {-EROFS,        {550, 550, 553, 450}, "This account is read-only"},
    {-EEXIST,       {550, 550, 553, 450}, "It exists already"},
    {-ENOTEMPTY,    {550, 550, 553, 450}, "Directory is not empty"},
    {-ENOTDIR,      {550, 550, 553, 501}, "Not a directory"},
    {-EISDIR,       {550, 550, 553, 450}, "Is a directory"},
    {-ENOTSUP,      {550, 550, 553, 450}, "Not a plain file"},
    {-ELOOP,        {550, 550, 553, 450}, "Too many symbolic links"},
    {-EXDEV,        {550, 550, 553, 450}, "Leads to another file system"},
    {-EINVAL,       {550, 550, 553, 501}, "Not a name that can be used here"},
    {-ENAMETOOLONG, {550, 550, 553, 501}, "Name too long"},
    {-EBUSY,        {450, 550, 450, 450}, "In use by another transfer"},
    {-ERANGE,       {554, 550, 554, 501}, "Restart offset is beyond the end of the file"},
    {-EFBIG,        {550, 550, 552, 450}, "Too large"},
    {-ENOSPC,       {452, 550, 452, 451}, "No space left on the disk"},
    {-EDQUOT,       {552, 552, 552, 451}, "Quota exceeded"},
    {-E2BIG,        {450, 550, 450, 450}, "Too much work; name fewer files"},
    {-EKEYREVOKED,  {550, 550, 550, 550}, "This account may not do that"},
    {-ETIMEDOUT,    {450, 550, 450, 450}, "Another session of this account changes or counts its files; try again"},
    {-ECANCELED,    {451, 550, 451, 451}, "Stopped"},
    {-ESTALE,       {550, 550, 553, 450}, "It is gone"},
    {-EIO,          {451, 550, 451, 451}, "Input/output error"},
};

static const struct error_row other = {0, {451, 550, 451, 451}, "Local error"};

static const struct error_row *
find_row(int error)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return &rows[i];
	return &other;
}

int
reply_code_for_error(enum reply_class class, int error)
{
	return find_row(error)->codes[class];
}

void
reply_error(struct protocol *protocol, enum reply_class class, int error, const char *name)
{
	const struct error_row *row = find_row(error);

	if (error == -EDQUOT) {
		reply_over_quota(protocol, row->codes[class], name);
		return;
	}
	if (error == -ENOSPC || row->codes[class] == 552)
		reply_partials_note(protocol, row->codes[class]);
	reply(protocol, row->codes[class], "%s: %s", name, row->text);
}
