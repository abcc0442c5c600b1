/* SPDX-License-Identifier: ISC */
/*
 * The queue of uploads whose hook has not succeeded yet: one file each in a directory of the hooks process, so that
 * it survives restarts, a kill and a power cut. The name of a file is its number, which gives the order, and how
 * often it was tried: "000000000000002a.3".
 */
#ifndef PRIVSEP_HOOKS_QUEUE_H
#define PRIVSEP_HOOKS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "privsep/hooks/event.h"

#define QUEUE_NAME_SIZE 32

struct queue_entry {
	uint64_t number;
	uint32_t tries; /* that have failed */
	uint64_t due_ms; /* monotonic; 0: at once */
};

struct queue {
	int dir_fd;
	size_t max; /* entries; more are refused */
	struct queue_entry *entries; /* in order of number; owned */
	size_t count, room;
	uint64_t next_number;
};

/* The name of an entry's file, and the way back. queue_name_parse(): 0 or -EINVAL for any other name. */
void queue_name_make(const struct queue_entry *entry, char name[QUEUE_NAME_SIZE]);
int queue_name_parse(const char *name, struct queue_entry *entry);

/* How long to wait after so many failed tries: 1 s, doubling, at most 10 min. */
uint64_t queue_delay_ms(uint32_t tries);

/*
 * Find what a former run left in dir_fd, which stays the caller's; all of it is due at once. Pieces of files that a crash
 * left half-written are removed.
 *
 * Returns 0 or -errno.
 */
int queue_open(struct queue *queue, int dir_fd, size_t max);
void queue_close(struct queue *queue);

/* Append event; it is on the disk afterwards. 0, -ENOSPC when the queue is full, or -errno. */
int queue_add(struct queue *queue, const struct hook_event *event);

/* The first entry that is due at now_ms, or NULL. next_ms: when the next one is; UINT64_MAX: none. */
struct queue_entry *queue_due(const struct queue *queue, uint64_t now_ms, uint64_t *next_ms);

/* Read the event of entry. 0, -EPROTO for a damaged file, or -errno. */
int queue_read(const struct queue *queue, const struct queue_entry *entry, struct hook_event *event);

/* The hook has succeeded, or nobody tries it again: forget entry. */
void queue_remove(struct queue *queue, struct queue_entry *entry);

/* The hook has failed: count it, and have entry due after its delay. Returns the delay in ms. */
uint64_t queue_postpone(struct queue *queue, struct queue_entry *entry, uint64_t now_ms);

#endif
