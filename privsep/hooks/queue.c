/* SPDX-License-Identifier: ISC */
#include "privsep/hooks/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define NEW_NAME "new" /* what is being written; it has no place in the queue yet */
#define MAGIC "sallyport hook 1\n"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define NUMBER_DIGITS 16
#define DELAY_FIRST_MS 1000
#define DELAY_MAX_MS (10 * 60 * 1000)

static struct ipc_message message;

void
queue_name_make(const struct queue_entry *entry, char name[QUEUE_NAME_SIZE])
{
	snprintf(name, QUEUE_NAME_SIZE, "%016" PRIx64 ".%" PRIu32, entry->number, entry->tries);
}

int
queue_name_parse(const char *name, struct queue_entry *entry)
{
	uint64_t tries;

	if (strspn(name, "0123456789abcdef") != NUMBER_DIGITS || name[NUMBER_DIGITS] != '.' ||
	    parse_u64(name + NUMBER_DIGITS + 1, UINT32_MAX, &tries) < 0)
		return -EINVAL;
	*entry = (struct queue_entry){.number = strtoull(name, NULL, 16), .tries = (uint32_t)tries};
	return entry->number == UINT64_MAX ? -EINVAL : 0;
}

uint64_t
queue_delay_ms(uint32_t tries)
{
	uint64_t delay = DELAY_FIRST_MS;

	for (uint32_t i = 1; i < tries && delay < DELAY_MAX_MS; i++)
		delay *= 2;
	return delay < DELAY_MAX_MS ? delay : DELAY_MAX_MS;
}

static int
append(struct queue *queue, const struct queue_entry *entry)
{
	if (queue->count == queue->room) {
		size_t room = queue->room == 0 ? 64 : 2 * queue->room;
		struct queue_entry *entries = reallocarray(queue->entries, room, sizeof(*entries));

		if (entries == NULL)
			return -ENOMEM;
		queue->entries = entries;
		queue->room = room;
	}
	queue->entries[queue->count++] = *entry;
	if (entry->number >= queue->next_number)
		queue->next_number = entry->number + 1;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const struct queue_entry *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

int
queue_open(struct queue *queue, int dir_fd, size_t max)
{
	struct queue_entry entry;
	const struct dirent *found;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;
	int r = 0;

	*queue = (struct queue){.dir_fd = dir_fd, .max = max, .next_number = 1};
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		r = -errno;
		close_fd(&fd);
		return r;
	}
	(void)!unlinkat(dir_fd, NEW_NAME, 0);
	while (r == 0 && (found = readdir(dir)) != NULL)
		if (queue_name_parse(found->d_name, &entry) == 0)
			r = append(queue, &entry);
	closedir(dir);
	if (r < 0)
		queue_close(queue);
	else if (queue->count > 0)
		qsort(queue->entries, queue->count, sizeof(*queue->entries), by_number);
	return r;
}

void
queue_close(struct queue *queue)
{
	free(queue->entries);
	*queue = (struct queue){.dir_fd = -1};
}

/* Write the whole file, safe on the disk, under a name outside of the queue. */
static int
write_new(const struct queue *queue)
{
	int fd = openat(queue->dir_fd, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, MAGIC, MAGIC_LEN);
	if (r == 0)
		r = io_write_all(fd, message.bytes, message.length);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close_fd(&fd);
	return r;
}

int
queue_add(struct queue *queue, const struct hook_event *event)
{
	struct queue_entry entry = {.number = queue->next_number};
	char name[QUEUE_NAME_SIZE];
	int r;

	if (queue->count >= queue->max)
		return -ENOSPC;
	ipc_begin(&message, IPC_uploaded);
	hook_event_put(&message, event);
	if (message.bad)
		return -EMSGSIZE;
	queue_name_make(&entry, name);
	r = write_new(queue);
	if (r == 0 && renameat(queue->dir_fd, NEW_NAME, queue->dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		return r;
	(void)!fsync(queue->dir_fd);
	return append(queue, &entry);
}

struct queue_entry *
queue_due(const struct queue *queue, uint64_t now_ms, uint64_t *next_ms)
{
	*next_ms = UINT64_MAX;
	for (size_t i = 0; i < queue->count; i++) {
		if (queue->entries[i].due_ms <= now_ms)
			return &queue->entries[i];
		if (queue->entries[i].due_ms < *next_ms)
			*next_ms = queue->entries[i].due_ms;
	}
	return NULL;
}

int
queue_read(const struct queue *queue, const struct queue_entry *entry, struct hook_event *event)
{
	static uint8_t bytes[MAGIC_LEN + IPC_MESSAGE_MAX];
	char name[QUEUE_NAME_SIZE];
	ssize_t n;
	int fd, r;

	queue_name_make(entry, name);
	fd = openat(queue->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = io_read_all(fd, bytes, sizeof(bytes));
	close_fd(&fd);
	if (n < 0)
		return (int)n;
	if ((size_t)n < MAGIC_LEN || memcmp(bytes, MAGIC, MAGIC_LEN) != 0)
		return -EPROTO;
	r = ipc_decode(bytes + MAGIC_LEN, (size_t)n - MAGIC_LEN, 0, IPC_HOOKS, IPC_STATE_ANY, &message);
	if (r == 0 && (message.kind != IPC_uploaded || message.is_reply))
		r = -EPROTO;
	return r < 0 ? r : hook_event_get(&message, event);
}

void
queue_remove(struct queue *queue, struct queue_entry *entry)
{
	size_t i = (size_t)(entry - queue->entries);
	char name[QUEUE_NAME_SIZE];

	queue_name_make(entry, name);
	(void)!unlinkat(queue->dir_fd, name, 0);
	memmove(entry, entry + 1, (queue->count - i - 1) * sizeof(*entry));
	queue->count--;
}

uint64_t
queue_postpone(struct queue *queue, struct queue_entry *entry, uint64_t now_ms)
{
	struct queue_entry tried = *entry;
	char from[QUEUE_NAME_SIZE], to[QUEUE_NAME_SIZE];
	uint64_t delay_ms;

	if (tried.tries < UINT32_MAX)
		tried.tries++;
	delay_ms = queue_delay_ms(tried.tries);
	queue_name_make(entry, from);
	queue_name_make(&tried, to);
	/* else the count of tries begins anew with the next start, and the file keeps its name */
	if (renameat(queue->dir_fd, from, queue->dir_fd, to) == 0)
		*entry = tried;
	entry->due_ms = now_ms + delay_ms;
	return delay_ms;
}
