/* SPDX-License-Identifier: ISC */
#include "accounts/node_boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/io.h"
#include "common/replace_file.h"

#include "common/banned.h"

struct boot_file {
	uint8_t boot_id[16]; /* of the machine */
	uint8_t own_id[16];
};

static void
write_uuid(const uint8_t id[16], char uuid[NODE_BOOT_SIZE])
{
	/* version 4, variant 1 (RFC 9562, 5.4) */
	snprintf(uuid, NODE_BOOT_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0],
	    id[1], id[2], id[3], id[4], id[5], (id[6] & 0x0fU) | 0x40U, id[7], (id[8] & 0x3fU) | 0x80U, id[9], id[10],
	    id[11], id[12], id[13], id[14], id[15]);
}

static int
read_boot_file(int dir_fd, struct boot_file *file)
{
	int fd = openat(dir_fd, NODE_BOOT_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = io_read_all(fd, file, sizeof(*file));
	close_fd(&fd);
	return got < 0 ? (int)got : got == (ssize_t)sizeof(*file) ? 0 : -ENOENT;
}

int
node_boot_load(const char *directory, const uint8_t boot_id[16], char uuid[NODE_BOOT_SIZE])
{
	struct boot_file file;
	int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir_fd < 0 ? -errno : read_boot_file(dir_fd, &file);

	if (r == -ENOENT || (r == 0 && memcmp(file.boot_id, boot_id, sizeof(file.boot_id)) != 0)) {
		memcpy(file.boot_id, boot_id, sizeof(file.boot_id));
		r = getrandom(file.own_id, sizeof(file.own_id), 0) == sizeof(file.own_id) ? 0 : -EIO;
		if (r == 0)
			r = dir_fd < 0 ? -ENOENT
				       : replace_file(dir_fd, NODE_BOOT_FILE, &file, sizeof(file), 0600, false);
	}
	if (r == 0)
		write_uuid(file.own_id, uuid);
	close_fd(&dir_fd);
	return r;
}
