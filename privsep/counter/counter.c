/* SPDX-License-Identifier: ISC */
#include "privsep/counter/counter.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/written.h"
#include "privsep/counter/home_walls.h"
#include "privsep/files/count.h"

#include "common/banned.h"

#define COUNTS_MAX 4		/* in vain: sessions died, or changed what no event tells */
#define WALKS_MAX 16		/* of one count: directories moved */
#define SUM_MS 15000		/* the child has walked: it is not waited for without an end */
#define EVENTS_AT_ONCE 512

/* What the child says. */
struct counter_word {
	enum { WORD_MET, WORD_WALKED, WORD_SUM } kind;
	int result;		/* 0 or -errno */
	uint64_t bytes, files;	/* WORD_MET: files is what was met so far */
};

/* What the parent says after a walk. */
struct counter_reply {
	bool is_end;		/* else walk again */
	uint32_t events;	/* in the journal: they follow, EVENTS_AT_ONCE in a message */
};

struct child_process {
	pid_t pid;
	int channel;	/* our end */
};

static struct ledger_count ledger_count SELDOM_WRITTEN;
static struct ledger_event events[EVENTS_AT_ONCE];

static uint32_t
events_at_once(uint32_t left)
{
	return left < EVENTS_AT_ONCE ? left : EVENTS_AT_ONCE;
}

/* The channel keeps words apart, so nobody waits for the rest of one. -ECHILD: the other end is gone, or spoke nonsense. */
static int
read_word(int fd, void *word, size_t size)
{
	ssize_t n;

	do
		n = read(fd, word, size);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != ECONNRESET) /* it is that where the other end had not read all (unix(7)) */
		return -errno;
	return n == (ssize_t)size ? 0 : -ECHILD;
}

/* In the child. */

static void
tell_met(void *arg, uint64_t met)
{
	const struct counter_word word = {.kind = WORD_MET, .files = met};

	(void)!io_write_all(*(const int *)arg, &word, sizeof(word));
}

/* Uploads that had begun before: live ones count as they began, and those of dead sessions when nobody holds their file. */
static void
enter_uploads(struct count *count)
{
	for (size_t i = 0; i < ledger_count.upload_count; i++) {
		const struct ledger_upload *upload = &ledger_count.uploads[i];
		const struct ledger_event event = {upload->key, upload->start_size, LEDGER_THERE};

		if (upload->is_dead)
			count_table_await(&count->table, upload->key);
		else
			count_table_tell(&count->table, &event);
	}
}

static int
enter_journal(struct count *count, int channel, uint32_t total)
{
	int r = 0;

	for (uint32_t first = 0; first < total && r == 0; first += EVENTS_AT_ONCE) {
		uint32_t n = events_at_once(total - first);

		r = read_word(channel, events, n * sizeof(events[0]));
		for (uint32_t i = 0; i < n && r == 0; i++)
			count_table_tell(&count->table, &events[i]);
	}
	return r;
}

static int
walk_until_told(struct count *count, int channel, struct counter_reply *reply)
{
	struct counter_word word = {.kind = WORD_WALKED};
	int r;

	do {
		word.result = count_walk(count);
		r = io_write_all(channel, &word, sizeof(word));
		if (r == 0)
			r = word.result < 0 ? word.result : read_word(channel, reply, sizeof(*reply));
	} while (r == 0 && !reply->is_end);
	return r;
}

static void __attribute__((noreturn))
count_behind_walls(const struct counter_order *order, int channel, pid_t parent)
{
	/* no descriptor of the ledger: a lock on it would hold up the account's sessions */
	const int kept[] = {order->home_fd, channel};
	const struct home_walls walls = {.home_fd = order->home_fd,
	    .uid = order->account->uid,
	    .gid = order->account->gid,
	    .kept = kept,
	    .kept_count = 2,
	    .parent = parent};
	struct counter_word word = {.kind = WORD_SUM};
	struct counter_reply reply;
	struct ledger_figure sum = {0};
	struct count count;
	int r = home_walls_enter(&walls);

	if (r == 0)
		r = count_init(&count, order->home_fd);
	if (r < 0) {
		word.result = r;
		_exit(io_write_all(channel, &word, sizeof(word)) == 0 ? 0 : 1);
	}
	count.progress = tell_met;
	count.arg = &channel;
	enter_uploads(&count);
	r = walk_until_told(&count, channel, &reply);
	if (r == 0)
		r = enter_journal(&count, channel, reply.events);
	if (r == 0)
		r = count_table_sum(&count.table, &sum);
	word = (struct counter_word){WORD_SUM, r, sum.bytes, sum.files};
	_exit(io_write_all(channel, &word, sizeof(word)) == 0 ? 0 : 1);
}

/* In the parent. */

static int
start_child(const struct counter_order *order, struct child_process *child)
{
	pid_t parent = getpid();
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child->pid = fork();
	if (child->pid == 0)
		count_behind_walls(order, ends[1], parent);
	child->channel = ends[0];
	close(ends[1]);
	return child->pid < 0 ? -ENOMEM : 0;
}

static void
end_child(struct child_process *child)
{
	close_fd(&child->channel);
	/* it has said all that we need, and might never end by itself */
	if (child->pid > 0)
		kill(child->pid, SIGKILL);
	while (child->pid > 0 && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void
take_progress(const struct counter_order *order, uint64_t met)
{
	if (order->ledger != NULL)
		ledger_count_show(order->ledger, met);
	if (order->progress != NULL)
		order->progress(order->arg, met);
}

/* The next word that is no progress. The child has seen the home: what it says is checked. */
static int
await_word(const struct counter_order *order, const struct child_process *child, int kind, uint64_t deadline_ms,
    struct counter_word *word)
{
	for (;;) {
		int r = io_wait(child->channel, POLLIN, deadline_ms);

		/* a child that reports progress again and again does not prolong the deadline */
		if (r == 0 || monotonic_ms() >= deadline_ms)
			return -ECHILD;
		if (r > 0)
			r = read_word(child->channel, word, sizeof(*word));
		if (r < 0 && r != -EINTR)
			return r;
		if (r < 0 || word->kind == WORD_MET) {
			if (r == 0)
				take_progress(order, word->files);
			continue;
		}
		/* callers take -EBUSY for another counter, and ask again until that has ended */
		if (word->result == -EBUSY)
			return -EIO;
		if (word->result < 0 && word->result >= -4095)
			return word->result;
		return (int)word->kind == kind && word->result == 0 ? 0 : -ECHILD;
	}
}

static int
send_word(const struct child_process *child, const void *word, size_t size, uint64_t deadline_ms)
{
	int r = io_wait(child->channel, POLLOUT, deadline_ms);

	if (r < 0)
		return r;
	return send(child->channel, word, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size ? 0 : -ECHILD;
}

static int
send_end(const struct counter_order *order, const struct child_process *child, uint64_t deadline_ms)
{
	const uint32_t total = order->ledger == NULL ? 0 : ledger_count.events;
	const struct counter_reply reply = {.is_end = true, .events = total};
	int r = send_word(child, &reply, sizeof(reply), deadline_ms);

	for (uint32_t first = 0; first < total && r == 0; first += EVENTS_AT_ONCE) {
		uint32_t n = events_at_once(total - first);

		r = ledger_journal_read(order->ledger->fd, first, events, n);
		if (r == 0)
			r = send_word(child, events, n * sizeof(events[0]), deadline_ms);
	}
	return r;
}

/* Until a walk was not disturbed by directories that moved. */
static int
await_walks(const struct counter_order *order, const struct child_process *child)
{
	const struct counter_reply again = {.is_end = false};
	struct counter_word word;
	uint32_t moves = 0;
	int r;

	for (int walks = 0; walks < WALKS_MAX; walks++) {
		r = await_word(order, child, WORD_WALKED, UINT64_MAX, &word);
		if (r < 0 || order->ledger == NULL)
			return r;
		r = ledger_count_look(order->ledger, &ledger_count);
		if (r < 0 || ledger_count.moves == moves)
			return r;
		moves = ledger_count.moves;
		r = send_word(child, &again, sizeof(again), monotonic_ms() + SUM_MS);
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}

static int
follow_child(const struct counter_order *order, const struct child_process *child, struct ledger_figure *counted)
{
	struct counter_word word;
	int r = await_walks(order, child);
	uint64_t deadline_ms = monotonic_ms() + SUM_MS;

	if (r == 0)
		r = send_end(order, child, deadline_ms);
	if (r == 0)
		r = await_word(order, child, WORD_SUM, deadline_ms, &word);
	if (r == 0)
		*counted = (struct ledger_figure){word.bytes, word.files, LEDGER_EXACT};
	return r;
}

static int
count_once(const struct counter_order *order, struct ledger_figure *counted)
{
	struct child_process child = {.pid = 0, .channel = -1};
	int r, ended;

	ledger_count.upload_count = 0;
	r = order->ledger == NULL ? 0 : ledger_count_begin(order->ledger, &ledger_count);
	if (r < 0)
		return r;
	take_progress(order, 0);
	r = start_child(order, &child);
	if (r == 0)
		r = follow_child(order, &child, counted);
	ended = order->ledger == NULL ? 0 : ledger_count_end(order->ledger, &ledger_count, r == 0 ? counted : NULL);
	end_child(&child);
	return r < 0 ? r : ended;
}

int
counter_run(const struct counter_order *order, struct ledger_figure *counted)
{
	int r = -EAGAIN;

	*counted = (struct ledger_figure){.state = LEDGER_UNKNOWN};
	for (int counts = 0; r == -EAGAIN && counts < COUNTS_MAX; counts++)
		r = count_once(order, counted);
	return r;
}
