/* SPDX-License-Identifier: ISC */
#include "accounts/brake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accounts/ledger_file.h"
#include "common/io.h"

#include "common/banned.h"

#define BRAKE_MAGIC 0x31454b4152425053ULL /* "SPBRAKE1" */
#define TIMES_AT 512 /* the header before it lies in one sector */
#define BRAKE_LOCK_MS 3000

/* The beginning of the file; zeros are good as well. Then the times of the last removals follow, as a ring. */
struct brake_header {
	uint64_t magic;
	uint32_t changes, seconds;
	uint8_t boot_id[16];
	uint32_t count, next; /* of the ring */
	int64_t fallen_s; /* 0: it has not */
	char session[BRAKE_SESSION_SIZE], address[BRAKE_ADDRESS_SIZE];
	uint64_t check; /* of all before it */
};

_Static_assert(sizeof(struct brake_header) <= TIMES_AT, "the ring comes after the header");

void
brake_init(struct brake *brake)
{
	*brake = (struct brake){.fd = -1, .fall_fd = -1};
}

void
brake_close(struct brake *brake)
{
	close_fd(&brake->fd);
	close_fd(&brake->fall_fd);
}

static int
open_plain(const char *path, int flags)
{
	struct stat st;
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOTSUP;
	if (r < 0)
		close_fd(&fd);
	return r < 0 ? r : fd;
}

int
brake_open(struct brake *brake, const char *path, const struct keep_rules *rules, const uint8_t boot_id[16])
{
	brake_init(brake);
	brake->changes = rules->brake_changes;
	brake->seconds = rules->brake_s;
	memcpy(brake->boot_id, boot_id, sizeof(brake->boot_id));
	brake->fd = open_plain(path, O_RDWR | O_CREAT);
	brake->fall_fd = brake->fd < 0 ? brake->fd : open_plain(path, O_WRONLY | O_DSYNC);
	if (brake->fall_fd < 0) {
		int r = brake->fall_fd;

		brake_close(brake);
		return r;
	}
	return 0;
}

static int
lock_brake(int fd)
{
	uint64_t deadline = monotonic_ms() + BRAKE_LOCK_MS;
	int r;

	while ((r = ledger_lock_byte(fd, 0, F_WRLCK)) == -EAGAIN || r == -EACCES) {
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		poll(NULL, 0, 1);
	}
	return r;
}

static void
unlock_brake(int fd)
{
	(void)!ledger_lock_byte(fd, 0, F_UNLCK);
}

static uint64_t
check_of_header(const struct brake_header *header)
{
	return ledger_check_of(header, offsetof(struct brake_header, check));
}

/* 0; -ESHUTDOWN: it has fallen, or is damaged, which fallen_s 0 says; or -errno. */
static int
read_brake(int fd, struct brake_header *header)
{
	static const struct brake_header nothing;
	int r = ledger_read_at(fd, header, sizeof(*header), 0);

	if (r < 0)
		return r;
	if (memcmp(header, &nothing, sizeof(nothing)) == 0)
		return 0;
	if (header->magic != BRAKE_MAGIC || header->check != check_of_header(header) ||
	    header->changes > KEEP_BRAKE_CHANGES_MAX || header->count > header->changes ||
	    header->next >= (header->changes == 0 ? 1 : header->changes)) {
		*header = nothing;
		return -ESHUTDOWN;
	}
	header->session[BRAKE_SESSION_SIZE - 1] = header->address[BRAKE_ADDRESS_SIZE - 1] = '\0';
	return header->fallen_s != 0 ? -ESHUTDOWN : 0;
}

static int
write_brake(int fd, struct brake_header *header)
{
	header->magic = BRAKE_MAGIC;
	header->check = check_of_header(header);
	return ledger_write_at(fd, header, sizeof(*header), 0);
}

int
brake_look(const struct brake *brake)
{
	struct brake_header header;
	int r = read_brake(brake->fd, &header);

	if (r != -ESHUTDOWN || header.fallen_s != 0)
		return r;
	r = lock_brake(brake->fd); /* somebody may have been writing it */
	if (r < 0)
		return r;
	r = read_brake(brake->fd, &header);
	unlock_brake(brake->fd);
	return r;
}

/* Of another boot, or for another limit: the count begins anew. */
static void
begin_count(const struct brake *brake, struct brake_header *header)
{
	if (header->changes == brake->changes && header->seconds == brake->seconds &&
	    memcmp(header->boot_id, brake->boot_id, sizeof(header->boot_id)) == 0)
		return;
	*header = (struct brake_header){.changes = brake->changes, .seconds = brake->seconds};
	memcpy(header->boot_id, brake->boot_id, sizeof(header->boot_id));
}

static off_t
time_at(uint32_t number)
{
	return (off_t)(TIMES_AT + number * sizeof(uint64_t));
}

/* Were the last removals, as many as are allowed, all within the time? 0: no, or -errno. */
static int
is_one_too_many(const struct brake *brake, const struct brake_header *header, uint64_t now_ms, bool *is)
{
	uint64_t oldest_ms;
	int r;

	*is = false;
	if (header->count < header->changes)
		return 0;
	r = ledger_read_at(brake->fd, &oldest_ms, sizeof(oldest_ms), time_at(header->next));
	*is = r == 0 && now_ms < oldest_ms + 1000ULL * brake->seconds;
	return r;
}

static int
note_removal(const struct brake *brake, struct brake_header *header, uint64_t now_ms)
{
	int r = ledger_write_at(brake->fd, &now_ms, sizeof(now_ms), time_at(header->next));

	if (r < 0)
		return r;
	header->next = (header->next + 1) % header->changes;
	if (header->count < header->changes)
		header->count++;
	return write_brake(brake->fd, header);
}

static int
let_fall(const struct brake *brake, struct brake_header *header, const char *session, const char *address)
{
	header->fallen_s = (int64_t)time(NULL);
	if (header->fallen_s <= 0)
		header->fallen_s = 1;
	snprintf(header->session, sizeof(header->session), "%s", session);
	snprintf(header->address, sizeof(header->address), "%s", address);
	return write_brake(brake->fall_fd, header);
}

int
brake_count(const struct brake *brake, const char *session, const char *address, bool *falls)
{
	struct brake_header header;
	uint64_t now_ms = monotonic_ms();
	int r = lock_brake(brake->fd);

	*falls = false;
	if (r < 0)
		return r;
	r = read_brake(brake->fd, &header);
	if (r == 0) {
		begin_count(brake, &header);
		r = is_one_too_many(brake, &header, now_ms, falls);
	}
	if (r == 0 && *falls)
		r = let_fall(brake, &header, session, address) < 0 ? -EIO : -ESHUTDOWN;
	else if (r == 0)
		r = note_removal(brake, &header, now_ms);
	unlock_brake(brake->fd);
	return r;
}

int
brake_read_fall(const char *path, struct brake_fall *fall)
{
	struct brake_header header;
	int fd = open_plain(path, O_RDWR);
	int r = fd < 0 ? fd : lock_brake(fd);

	*fall = (struct brake_fall){.has_fallen = false};
	if (r == 0) {
		r = read_brake(fd, &header);
		unlock_brake(fd);
	}
	close_fd(&fd);
	if (r != -ESHUTDOWN)
		return r;
	fall->has_fallen = true;
	fall->time_s = header.fallen_s;
	memcpy(fall->session, header.session, sizeof(fall->session));
	memcpy(fall->address, header.address, sizeof(fall->address));
	return 0;
}

int
brake_lift(const char *path)
{
	struct brake_header header;
	int fd = open_plain(path, O_RDWR);
	int r = fd < 0 ? fd : lock_brake(fd);

	if (r < 0) {
		close_fd(&fd);
		return r;
	}
	r = read_brake(fd, &header);
	if (r == 0)
		r = -ENOENT;
	else if (r == -ESHUTDOWN)
		r = ftruncate(fd, 0) < 0 || fsync(fd) < 0 ? -errno : 0;
	unlock_brake(fd);
	close_fd(&fd);
	return r;
}
