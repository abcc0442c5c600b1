/* SPDX-License-Identifier: ISC */
#include "common/file_system.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "common/banned.h"

/* Types as statfs(2) and linux/magic.h have them. A kind that is missing is taken for shared: that costs calls, no data. */
static const struct file_system {
	unsigned long type;
	enum file_system_kind kind;
	const char *name;
	bool has_short_names;
} file_systems[] = {
    {0xef53, FILE_SYSTEM_LOCAL, "ext4", false},
    {0x58465342, FILE_SYSTEM_LOCAL, "xfs", false},
    {0x9123683e, FILE_SYSTEM_LOCAL, "btrfs", false},
    {0x2fc12fc1, FILE_SYSTEM_LOCAL, "zfs", false},
    {0xca451a4e, FILE_SYSTEM_LOCAL, "bcachefs", false},
    {0x01021994, FILE_SYSTEM_LOCAL, "tmpfs", false},
    {0x858458f6, FILE_SYSTEM_LOCAL, "ramfs", false},
    {0x794c7630, FILE_SYSTEM_LOCAL, "overlay", false},
    {0xf2f52010, FILE_SYSTEM_LOCAL, "f2fs", false},
    {0x3153464a, FILE_SYSTEM_LOCAL, "jfs", false},
    {0x3434, FILE_SYSTEM_LOCAL, "nilfs2", false},
    {0x4d44, FILE_SYSTEM_LOCAL, "vfat", true},
    {0x5346544e, FILE_SYSTEM_LOCAL, "ntfs", true},
    {0x7366746e, FILE_SYSTEM_LOCAL, "ntfs3", true},
    {0x6969, FILE_SYSTEM_SHARED, "nfs", false},
    {0x00c36400, FILE_SYSTEM_SHARED, "ceph", false},
    {0xff534d42, FILE_SYSTEM_SHARED, "cifs", true},
    {0xfe534d42, FILE_SYSTEM_SHARED, "smb3", true},
    {0x01021997, FILE_SYSTEM_SHARED, "9p", false},
    {0x6b414653, FILE_SYSTEM_SHARED, "afs", false},
    {0x0bd00bd0, FILE_SYSTEM_SHARED, "lustre", false},
    {0x47504653, FILE_SYSTEM_SHARED, "gpfs", false},
    {0x19830326, FILE_SYSTEM_SHARED, "beegfs", false},
    {0x65735546, FILE_SYSTEM_FUSE, "fuse", false},
};

static const struct file_system *
find_type(unsigned long type)
{
	for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++)
		if (file_systems[i].type == type)
			return &file_systems[i];
	return NULL;
}

enum file_system_kind
file_system_kind_of_type(unsigned long type)
{
	const struct file_system *found = find_type(type);

	return found == NULL ? FILE_SYSTEM_SHARED : found->kind;
}

const char *
file_system_name_of_type(unsigned long type)
{
	const struct file_system *found = find_type(type);
	static char text[32];

	if (found != NULL)
		return found->name;
	snprintf(text, sizeof(text), "file system 0x%lx", type);
	return text;
}

enum file_system_kind
file_system_kind_of(int fd, dev_t device)
{
	struct statfs fs;

	/* file systems that are on no block device have device numbers of major 0 */
	if (major(device) != 0)
		return FILE_SYSTEM_LOCAL;
	if (fstatfs(fd, &fs) < 0)
		return FILE_SYSTEM_SHARED;
	return file_system_kind_of_type((unsigned long)fs.f_type & 0xffffffffUL);
}

bool
file_system_type_has_short_names(unsigned long type)
{
	const struct file_system *found = find_type(type);

	return found != NULL && found->has_short_names;
}

bool
file_system_has_short_names(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && file_system_type_has_short_names((unsigned long)fs.f_type & 0xffffffffUL);
}
