/* SPDX-License-Identifier: ISC */
#include "client/ui/mirror_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ui/remote_glob.h"
#include "client/ui/signals.h"
#include "client/ui/tick.h"

#include "common/banned.h"

#define COPIES_AHEAD 20000 /* files that wait, before nobody lists ahead */

/* --- directories --- */

struct mirror_node *
mirror_node_new(struct mirror_queue *queue, struct mirror_node *above, const char *name, const char *unique)
{
	struct mirror_node *node = calloc(1, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->users = 1;
	node->mode = -1;
	node->mtime = -1;
	node->path = above == NULL ? strdup(name) : path_join(above->path, name);
	node->unique = strdup(unique);
	node->trail = (struct trail){
	    .above = above == NULL ? NULL : &above->trail,
	    .unique = node->unique,
	    .depth = above == NULL ? 0 : above->trail.depth + 1,
	};
	if (above != NULL) {
		node->above = above;
		node->is_doubtful = above->is_doubtful;
		mirror_node_use(queue, above);
	}
	if (node->path != NULL && node->unique != NULL)
		return node;
	mirror_node_drop(queue, node);
	return NULL;
}

void
mirror_node_use(struct mirror_queue *queue, struct mirror_node *node)
{
	pthread_mutex_lock(&queue->lock);
	node->users++;
	pthread_mutex_unlock(&queue->lock);
}

static void
free_node(struct mirror_node *node)
{
	for (size_t i = node->copy_next; i < node->copy_count; i++)
		free(node->copies[i].name);
	for (size_t i = 0; i < node->arrival_count; i++)
		free(node->arrivals[i]);
	free(node->copies);
	free(node->arrivals);
	free(node->path);
	free(node->unique);
	free(node);
}

/* The lock is held. */
static void
drop_locked(struct mirror_node *node)
{
	while (node != NULL && --node->users == 0) {
		struct mirror_node *above = node->above;

		free_node(node);
		node = above;
	}
}

void
mirror_node_drop(struct mirror_queue *queue, struct mirror_node *node)
{
	pthread_mutex_lock(&queue->lock);
	drop_locked(node);
	pthread_mutex_unlock(&queue->lock);
}

/* Room for one more item, by doubling. NULL: no memory. */
static void *
grow(void *items, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return items;
	return reallocarray(items, count == 0 ? 1 : 2 * count, size);
}

int
mirror_node_add_copy(struct mirror_node *node, const char *name, const struct mirror_copy *copy)
{
	struct mirror_copy *copies = grow(node->copies, node->copy_count, sizeof(*copies));
	char *own;

	if (copies == NULL)
		return -ENOMEM;
	node->copies = copies;
	own = strdup(name);
	if (own == NULL)
		return -ENOMEM;
	copies[node->copy_count] = *copy;
	copies[node->copy_count++].name = own;
	return 0;
}

int
mirror_node_add_arrival(struct mirror_queue *queue, struct mirror_node *node, const char *name)
{
	char **arrivals, *own;
	int r = -ENOMEM;

	if (!node->keeps_arrivals)
		return 0;
	own = strdup(name);
	pthread_mutex_lock(&queue->lock);
	arrivals = own == NULL ? NULL : grow(node->arrivals, node->arrival_count, sizeof(*arrivals));
	if (arrivals != NULL) {
		node->arrivals = arrivals;
		arrivals[node->arrival_count++] = own;
		own = NULL;
		r = 0;
	}
	pthread_mutex_unlock(&queue->lock);
	free(own);
	return r;
}

/* --- the queue --- */

void
mirror_queue_init(struct mirror_queue *queue, size_t members)
{
	*queue = (struct mirror_queue){.members = members};
	tick_init(&queue->lock, &queue->changed);
}

static void
drop_list(struct mirror_node *node)
{
	while (node != NULL) {
		struct mirror_node *next = node->next;

		drop_locked(node);
		node = next;
	}
}

void
mirror_queue_free(struct mirror_queue *queue)
{
	drop_list(queue->unlisted);
	drop_list(queue->first);
	queue->unlisted = queue->first = queue->last = NULL;
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
}

void
mirror_queue_push_listing(struct mirror_queue *queue, struct mirror_node *node)
{
	pthread_mutex_lock(&queue->lock);
	node->next = queue->unlisted;
	queue->unlisted = node;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void
mirror_queue_push_copies(struct mirror_queue *queue, struct mirror_node *node)
{
	size_t waiting = node->copy_count - node->copy_next;

	pthread_mutex_lock(&queue->lock);
	if (waiting > 0 && node->queued == 0) {
		node->users++;
		node->next = NULL;
		if (queue->last == NULL)
			queue->first = node;
		else
			queue->last->next = node;
		queue->last = node;
	}
	queue->copies += waiting - node->queued;
	node->queued = waiting;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

/* --- taking; the lock is held --- */

static bool
has_copies(const struct mirror_queue *queue)
{
	return queue->copies > 0 && !queue->is_holding;
}

static bool
wants_listing(const struct mirror_queue *queue)
{
	if (queue->unlisted == NULL)
		return false;
	return !has_copies(queue) || (queue->members > 1 && queue->listing == 0 && queue->copies < COPIES_AHEAD);
}

static void
take_listing(struct mirror_queue *queue, struct mirror_task *task)
{
	task->node = queue->unlisted;
	task->copy = (struct mirror_copy){.name = NULL};
	queue->unlisted = task->node->next;
	task->node->next = NULL;
	queue->listing++;
}

static void
take_copy(struct mirror_queue *queue, struct mirror_task *task)
{
	struct mirror_node *node = queue->first;

	task->node = node;
	task->copy = node->copies[node->copy_next++];
	queue->copies--;
	node->queued--;
	if (node->copy_next < node->copy_count) {
		node->users++;
		return;
	}
	/* the last one takes over the queue's use */
	queue->first = node->next;
	if (queue->first == NULL)
		queue->last = NULL;
	node->next = NULL;
	free(node->copies);
	node->copies = NULL;
	node->copy_count = node->copy_next = 0;
}

static bool
is_work_over(const struct mirror_queue *queue)
{
	return queue->is_stopped || signals_have_aborted() ||
	    (queue->unlisted == NULL && queue->listing == 0 && !has_copies(queue));
}

static bool
await_work(struct mirror_queue *queue)
{
	while (!is_work_over(queue)) {
		if (queue->unlisted != NULL || has_copies(queue))
			return true;
		tick_wait(&queue->lock, &queue->changed);
	}
	return false;
}

bool
mirror_queue_wait(struct mirror_queue *queue)
{
	bool is_there;

	pthread_mutex_lock(&queue->lock);
	is_there = await_work(queue);
	pthread_mutex_unlock(&queue->lock);
	return is_there;
}

bool
mirror_queue_take(struct mirror_queue *queue, struct mirror_task *task)
{
	bool is_there;

	pthread_mutex_lock(&queue->lock);
	is_there = await_work(queue);
	if (is_there && wants_listing(queue))
		take_listing(queue, task);
	else if (is_there)
		take_copy(queue, task);
	/* the others must see the end, too */
	if (!is_there || is_work_over(queue))
		pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	return is_there;
}

void
mirror_queue_listed(struct mirror_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->listing--;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void
mirror_queue_release(struct mirror_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_holding = false;
	pthread_mutex_unlock(&queue->lock);
}

void
mirror_queue_resume(struct mirror_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_stopped = false;
	pthread_mutex_unlock(&queue->lock);
}

void
mirror_queue_stop(struct mirror_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_stopped = true;
	pthread_cond_broadcast(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

bool
mirror_queue_is_left(struct mirror_queue *queue, size_t *copies)
{
	bool is_left;

	pthread_mutex_lock(&queue->lock);
	*copies = queue->copies;
	is_left = queue->copies > 0 || queue->unlisted != NULL;
	pthread_mutex_unlock(&queue->lock);
	return is_left;
}
