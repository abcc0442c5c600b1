/* SPDX-License-Identifier: ISC */
/* The quota ledger: what is reserved, settled, bounded and counted again. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/ledger.h"
#include "common/io.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

static char directory[] = "/tmp/test-ledger.XXXXXX";
static char path[sizeof(directory) + 16];
static const uint8_t boot[16] = {1}, other_boot[16] = {2};

static struct ledger
opened(void)
{
	struct ledger ledger;

	assert_int_equal(ledger_open(&ledger, path, boot), 0);
	return ledger;
}

static struct ledger_count counting;

/* The live uploads that the count was told. */
static size_t
count(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct ledger_figure counted = {bytes, files, LEDGER_EXACT};
	size_t live = 0;

	assert_int_equal(ledger_count_begin(ledger, &counting), 0);
	assert_int_equal(ledger_count_look(ledger, &counting), 0);
	assert_int_equal(ledger_count_end(ledger, &counting, &counted), 0);
	for (size_t i = 0; i < counting.upload_count; i++)
		live += !counting.uploads[i].is_dead;
	return live;
}

static void
assert_used(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct ledger_figure figure;

	assert_int_equal(ledger_read(ledger, &figure), 0);
	assert_int_equal(figure.bytes, bytes);
	assert_int_equal(figure.files, files);
	assert_int_equal(figure.state, LEDGER_EXACT);
}

/* So much at most, which is good enough to go on. */
static void
assert_bound(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct ledger_figure figure;

	assert_int_equal(ledger_read(ledger, &figure), 0);
	assert_int_equal(figure.bytes, bytes);
	assert_int_equal(figure.files, files);
	assert_int_equal(figure.state, LEDGER_BOUND);
}

static const struct ledger_limits limits = {1000, 10}, no_limits = {LEDGER_NO_LIMIT, LEDGER_NO_LIMIT};

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test-ledger.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/alice", directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

static void
test_new_is_counted_first(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);
	assert_int_equal(figure.state, LEDGER_UNKNOWN);
	assert_int_equal(ledger_begin(&ledger, &limits, 0, 1, &figure), -EUCLEAN);
	assert_int_equal(ledger_begin(&ledger, &limits, 1, 0, &figure), -EUCLEAN);
	/* what adds nothing, or has no limit, needs no figure, and is not lost */
	assert_int_equal(ledger_begin(&ledger, &limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_end(&ledger, -7, -1), 0);
	assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 1, &figure), 0);
	assert_int_equal(ledger_end(&ledger, 0, 1), 0);
	assert_int_equal(count(&ledger, 300, 3), 0);
	assert_used(&ledger, 300, 3);
	ledger_close(&ledger);
}

static void
test_limits_are_exact(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 300, 9);
	assert_int_equal(ledger_begin(&ledger, &limits, 701, 0, &figure), -EDQUOT);
	assert_int_equal(figure.bytes, 300);
	assert_int_equal(ledger_begin(&ledger, &limits, 0, 2, &figure), -EDQUOT);
	assert_int_equal(ledger_begin(&ledger, &limits, 700, 1, &figure), 0);
	assert_int_equal(ledger_end(&ledger, 700, 1), 0);
	assert_used(&ledger, 1000, 10);
	assert_int_equal(ledger_begin(&ledger, &limits, 1, 0, &figure), -EDQUOT);
	assert_int_equal(ledger_begin(&ledger, &limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_end(&ledger, -400, -1), 0);
	assert_used(&ledger, 600, 9);
	ledger_close(&ledger);
}

/* Above the limit, because it was lowered: what adds nothing goes on. */
static void
test_lowered_limit(void **state)
{
	static const struct ledger_limits low = {100, 1};
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 300, 3);
	assert_int_equal(ledger_begin(&ledger, &low, 1, 0, &figure), -EDQUOT);
	assert_int_equal(ledger_begin(&ledger, &low, 0, 0, &figure), 0);
	assert_int_equal(ledger_end(&ledger, -10, 0), 0);
	ledger_close(&ledger);
}

static void
begin_upload(struct ledger *ledger, uint64_t inode, uint64_t size)
{
	struct ledger_figure figure;

	assert_int_equal(ledger_begin(ledger, &limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_upload_begin(ledger, inode, size), 0);
	assert_int_equal(ledger_end(ledger, 0, 0), 0);
}

static void
end_upload(struct ledger *ledger, uint64_t size)
{
	struct ledger_figure figure;

	assert_int_equal(ledger_begin(ledger, &limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_upload_end(ledger, size), 0);
	assert_int_equal(ledger_end(ledger, 0, 0), 0);
}

/* Within somebody's bracket nobody can count: a session that dies meanwhile is taken for what it had reserved. */
static void
test_death_within_a_bracket(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	count(&one, 100, 1);
	begin_upload(&two, 22, 0);
	assert_int_equal(ledger_upload_reserve(&two, &limits, 600, &granted, &figure), 0);
	assert_int_equal(ledger_begin(&one, &limits, 0, 0, &figure), 0);
	ledger_close(&two);
	assert_int_equal(ledger_upload_begin(&one, 11, 0), 0);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 301, &granted, &figure), -EDQUOT);
	assert_int_equal(figure.bytes, 700);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 300, &granted, &figure), 0);
	assert_int_equal(ledger_end(&one, 0, 0), 0);
	assert_bound(&one, 1000, 1);
	ledger_close(&one);
}

static void
test_reservations_are_shared(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	count(&one, 0, 0);
	begin_upload(&one, 11, 0);
	begin_upload(&two, 22, 0);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 600, &granted, &figure), 0);
	assert_int_equal(granted, 600);
	assert_int_equal(ledger_upload_reserve(&two, &limits, 600, &granted, &figure), -EDQUOT);
	assert_int_equal(figure.bytes, 600);
	assert_int_equal(ledger_upload_reserve(&two, &limits, 0, &granted, &figure), 0);
	assert_int_equal(granted, 400);	/* less than the least share: all that is left */
	assert_used(&one, 1000, 0);
	end_upload(&one, 100);
	assert_used(&two, 500, 0);
	end_upload(&two, 400);
	assert_used(&two, 500, 0);
	ledger_close(&one);
	ledger_close(&two);
}

/* A session that dies may have added what it had reserved, and no more: nobody waits for a count. */
static void
test_dead_sessions_are_bounded(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	count(&one, 0, 0);
	begin_upload(&one, 11, 0);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 600, &granted, &figure), 0);
	assert_used(&two, 600, 0);
	ledger_close(&one);	/* as a kill does */
	assert_bound(&two, 600, 0);
	assert_int_equal(ledger_begin(&two, &limits, 400, 1, &figure), 0);
	assert_int_equal(ledger_end(&two, 400, 1), 0);
	assert_int_equal(ledger_begin(&two, &limits, 1, 0, &figure), -EDQUOT);
	assert_int_equal(figure.state, LEDGER_BOUND);
	/* the slot is not taken before that is counted */
	one = opened();
	assert_int_equal(one.slot, 2);
	assert_int_equal(count(&two, 523, 2), 0);
	assert_int_equal(counting.upload_count, 1);
	assert_int_equal(counting.uploads[0].key, 11);
	assert_true(counting.uploads[0].is_dead);
	assert_used(&two, 523, 2);
	ledger_close(&one);
	ledger_close(&two);
}

static void
test_death_in_a_change(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;

	(void)state;
	count(&one, 5, 5);
	assert_int_equal(ledger_begin(&one, &limits, 3, 1, &figure), 0);
	ledger_close(&one);
	assert_bound(&two, 8, 6);
	count(&two, 5, 6);
	assert_used(&two, 5, 6);
	ledger_close(&two);
}

/* The count leaves out the bytes of an upload that goes on; its own session settles them. */
static void
test_count_beside_an_upload(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	count(&one, 50, 1);
	begin_upload(&one, 11, 50);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 200, &granted, &figure), 0);
	assert_int_equal(count(&two, 50, 1), 1);
	assert_int_equal(counting.uploads[0].key, 11);
	assert_int_equal(counting.uploads[0].start_size, 50);
	assert_used(&two, 250, 1);
	end_upload(&one, 150);
	assert_used(&two, 150, 1);
	assert_int_equal(count(&two, 150, 1), 0);
	assert_used(&one, 150, 1);
	ledger_close(&one);
	ledger_close(&two);
}

static void
test_failed_count_changes_nothing(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;
	const struct ledger_figure counted = {5, 5, LEDGER_EXACT};

	(void)state;
	count(&ledger, 1, 1);
	ledger_suspect(&ledger);	/* an alarm */
	assert_bound(&ledger, 1, 1);
	assert_int_equal(ledger_count_begin(&ledger, &counting), 0);
	assert_int_equal(ledger_count_end(&ledger, &counting, NULL), 0);
	assert_bound(&ledger, 1, 1);
	assert_int_equal(ledger_count_begin(&ledger, &counting), 0);
	assert_int_equal(ledger_count_look(&ledger, &counting), 0);
	assert_int_equal(ledger_count_end(&ledger, &counting, NULL), 0);
	assert_int_equal(ledger_begin(&ledger, &limits, 1, 1, &figure), 0);
	assert_false(ledger.is_counted);
	assert_int_equal(ledger_end(&ledger, 1, 1), 0);
	assert_bound(&ledger, 2, 2);
	count(&ledger, 2, 2);
	assert_used(&ledger, 2, 2);
	/* the session may have told the count what is not so: the next one tells */
	assert_int_equal(ledger_count_begin(&ledger, &counting), 0);
	ledger_suspect(&ledger);
	assert_int_equal(ledger_count_look(&ledger, &counting), 0);
	assert_int_equal(ledger_count_end(&ledger, &counting, &counted), 0);
	assert_bound(&ledger, 5, 5);
	count(&ledger, 6, 6);
	assert_used(&ledger, 6, 6);
	ledger_close(&ledger);
}

/* What was last known holds until it is counted: a start of the machine stops nobody. */
/* The slot is held by a process that has no descriptor of the ledger, and by nothing else. */
static void
test_slot_outlives_its_descriptors(void **state)
{
	struct ledger ledger = opened(), other = opened();
	struct ledger_figure figure;
	pid_t child;
	int status;

	(void)state;
	count(&ledger, 1, 1);
	begin_upload(&ledger, 9, 1);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		/* as files: what is not a mapping is closed */
		if (ledger.slot_fd < 0)
			close_range(3, ~0U, 0);
		for (;;)
			pause();
	}
	ledger_close(&ledger);
	assert_used(&other, 1, 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(ledger_read(&other, &figure), 0);
	assert_int_equal(figure.state, LEDGER_BOUND);
	ledger_close(&other);
}

static void
test_another_boot(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 1, 1);
	assert_int_equal(ledger_begin(&ledger, &limits, 9, 2, &figure), 0);
	ledger_close(&ledger);
	ledger = opened();
	assert_bound(&ledger, 10, 3);
	ledger_close(&ledger);
	assert_int_equal(ledger_open(&ledger, path, other_boot), 0);
	assert_bound(&ledger, 10, 3);
	assert_int_equal(ledger_begin(&ledger, &limits, 991, 0, &figure), -EDQUOT);
	assert_int_equal(ledger_begin(&ledger, &limits, 990, 0, &figure), 0);
	assert_int_equal(ledger_end(&ledger, 0, 0), 0);
	count(&ledger, 4, 1);
	assert_used(&ledger, 4, 1);
	ledger_close(&ledger);
	assert_int_equal(ledger_open(&ledger, path, other_boot), 0);
	assert_used(&ledger, 4, 1);
	ledger_close(&ledger);
}

/* Whatever stands in the file: it is counted again, and never believed. */
static void
test_damage(void **state)
{
	static const struct {
		off_t at;
		char bytes[24];
	} damages[] = {
	    {0, "garbage"},
	    {16, "garbage"},
	    {8, "\xff\xff\xff\xff\xff\xff\xff"},
	    {4096, "garbage"},
	    {4096 + 40, "garbage"},
	};
	struct ledger_figure figure;
	struct ledger ledger;

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		int fd;

		ledger = opened();
		count(&ledger, 7, 7);
		assert_int_equal(ledger_begin(&ledger, &limits, 1, 1, &figure), 0);
		assert_int_equal(ledger_end(&ledger, 1, 1), 0);
		fd = open(path, O_WRONLY);
		assert_int_equal(pwrite(fd, damages[i].bytes, 7, damages[i].at), 7);
		close(fd);
		assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);	/* at once */
		ledger_close(&ledger);
		ledger = opened();
		assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);	/* and later */
		count(&ledger, 9, 9);
		assert_used(&ledger, 9, 9);
		ledger_close(&ledger);
	}
	assert_int_equal(truncate(path, 0), 0);
	ledger = opened();
	assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);
	ledger_close(&ledger);
}

static void
test_no_plain_file(void **state)
{
	struct ledger ledger;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(ledger_open(&ledger, path, boot), -ENOTSUP);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(ledger_open(&ledger, path, boot), -ELOOP);
}

static void
test_slots_run_out(void **state)
{
	static struct ledger ledgers[64];
	struct ledger_figure figure;

	(void)state;
	for (int i = 0; i < 64; i++)
		ledgers[i] = opened();
	count(&ledgers[0], 0, 0);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(ledgers[i].slot, i);
		assert_int_equal(ledger_begin(&ledgers[i], &no_limits, 1, 1, &figure), 0);
		assert_int_equal(ledger_end(&ledgers[i], 1, 1), 0);
	}
	assert_used(&ledgers[9], 64, 64);
	ledger_close(&ledgers[7]);
	ledgers[7] = opened();
	assert_int_equal(ledgers[7].slot, 7);
	for (int i = 0; i < 64; i++)
		ledger_close(&ledgers[i]);
}

/* Figures that a hostile files process makes up: never an overflow, and never believed. */
static void
test_figures_out_of_bounds(void **state)
{
	static const int64_t figures[] = {INT64_MAX, INT64_MIN, INT64_MAX / 2, INT64_MIN / 2, 1LL << 52, -(1LL << 52)};
	struct ledger ledger = opened(), other = opened();
	struct ledger_figure figure;

	(void)state;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		count(&ledger, 5, 5);
		assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
		assert_int_equal(ledger_end(&ledger, figures[i], i % 2 == 0 ? 0 : figures[i]), -EOVERFLOW);
		assert_int_equal(ledger_read(&other, &figure), -EUCLEAN);
		assert_int_equal(figure.state, LEDGER_UNKNOWN);
	}
	count(&other, LEDGER_FIGURE_MAX, LEDGER_FIGURE_MAX);
	assert_used(&ledger, LEDGER_FIGURE_MAX, LEDGER_FIGURE_MAX);
	count(&other, 6, 6);
	assert_used(&ledger, 6, 6);
	ledger_close(&ledger);
	ledger_close(&other);
}

static void
test_uploads_out_of_bounds(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 0, 0);
	assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_upload_begin(&ledger, 1, INT64_MAX), -EFBIG);
	assert_int_equal(ledger_upload_begin(&ledger, 1, 7), 0);
	assert_int_equal(ledger_upload_end(&ledger, INT64_MAX), -EOVERFLOW);
	assert_int_equal(ledger_end(&ledger, 0, 0), 0);
	assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);
	ledger_close(&ledger);
}

/* Bounded sums, small steps: a slot that fills up is counted, not wrapped. */
static void
test_many_large_figures(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;
	int r = 0;

	(void)state;
	count(&ledger, 0, 0);
	for (int i = 0; i < 10 && r == 0; i++) {
		assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
		r = ledger_end(&ledger, 1LL << 50, 0);
	}
	assert_int_equal(r, -EOVERFLOW);
	ledger_close(&ledger);
	ledger = opened();
	count(&ledger, 3, 3);	/* clears what ended sessions have left, however large */
	assert_used(&ledger, 3, 3);
	ledger_close(&ledger);
}

static void
change(struct ledger *ledger, int64_t bytes, int64_t files, const struct ledger_event *events, size_t event_count)
{
	struct ledger_figure figure;

	assert_int_equal(ledger_begin(ledger, &limits, 0, 0, &figure), 0);
	ledger_tell_count(ledger, events, event_count);
	assert_int_equal(ledger_end(ledger, bytes, files), 0);
}

#define CHANGE(ledger, bytes, files, ...) \
	change(ledger, bytes, files, (struct ledger_event[]){__VA_ARGS__}, \
	    sizeof((struct ledger_event[]){__VA_ARGS__}) / sizeof(struct ledger_event))

/* Nobody waits for a count: changes go on, and it is told of them. */
static void
test_changes_beside_a_count(void **state)
{
	struct ledger counter = opened(), other = opened();
	struct ledger_figure counted = {100, 4, LEDGER_EXACT}, figure;
	struct ledger_event events[3];
	uint64_t began = monotonic_ms();

	(void)state;
	count(&counter, 70, 3);
	CHANGE(&other, 1, 1, {1, 1, LEDGER_THERE});
	assert_false(other.is_counted);
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	CHANGE(&other, 10, 1, {5, 10, LEDGER_THERE}, {6, 3, LEDGER_MOVED});
	assert_true(other.is_counted);
	assert_used(&other, 81, 5);
	assert_int_equal(ledger_count_look(&counter, &counting), 0);
	assert_int_equal(counting.events, 2);
	assert_int_equal(counting.moves, 0);
	CHANGE(&other, 0, 0, {7, 0, LEDGER_DIRECTORY_MOVED});
	assert_int_equal(ledger_count_look(&counter, &counting), 0);
	assert_int_equal(counting.events, 3);
	assert_int_equal(counting.moves, 1);
	assert_int_equal(ledger_journal_read(other.fd, 0, events, 3), 0);
	assert_int_equal(events[0].key, 5);
	assert_int_equal(events[0].bytes, 10);
	assert_int_equal(events[1].kind, LEDGER_MOVED);
	assert_int_equal(events[2].key, 7);
	assert_int_equal(ledger_count_end(&counter, &counting, &counted), 0);
	assert_used(&other, 100, 4);
	/* each slot goes on from what is in the base now */
	CHANGE(&other, 5, 1, {8, 5, LEDGER_THERE});
	assert_false(other.is_counted);
	assert_used(&counter, 105, 5);
	assert_true(monotonic_ms() - began < 1000);
	/* the next one begins with an empty journal */
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	assert_int_equal(ledger_count_look(&counter, &counting), 0);
	assert_int_equal(counting.events, 0);
	assert_int_equal(ledger_count_end(&counter, &counting, NULL), 0);
	assert_int_equal(ledger_begin(&other, &limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_end(&other, 0, 0), 0);
	ledger_close(&counter);
	ledger_close(&other);
}

/* An upload that began and one that ends while the home is counted; their session dies meanwhile. */
static void
test_death_beside_a_count(void **state)
{
	struct ledger counter = opened(), one = opened(), two = opened();
	struct ledger_figure counted = {50, 2, LEDGER_EXACT}, figure;
	uint64_t granted;

	(void)state;
	count(&counter, 50, 2);
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	begin_upload(&one, 11, 20);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 200, &granted, &figure), 0);
	ledger_close(&one);
	/* it counts as it began, and stays a bound: another count is needed */
	assert_int_equal(ledger_count_look(&counter, &counting), 0);
	assert_int_equal(ledger_count_end(&counter, &counting, &counted), 0);
	assert_bound(&counter, 250, 2);
	counted.bytes = 90;
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	assert_int_equal(ledger_begin(&two, &limits, 0, 1, &figure), 0);
	ledger_close(&two);
	/* what came of the change, nobody has told */
	assert_int_equal(ledger_count_look(&counter, &counting), -EAGAIN);
	assert_int_equal(ledger_count_end(&counter, &counting, NULL), 0);
	assert_bound(&counter, 250, 3);
	count(&counter, 90, 3);
	assert_used(&counter, 90, 3);
	ledger_close(&counter);
}

/* What comes after the look is no part of the sum, and comes on top of it: told or not, by live sessions or dead ones. */
static void
test_changes_after_the_look(void **state)
{
	struct ledger counter = opened(), one = opened(), two = opened(), three = opened();
	struct ledger_figure counted = {100, 4, LEDGER_EXACT}, figure;

	(void)state;
	count(&counter, 70, 3);
	CHANGE(&one, 1, 1, {1, 1, LEDGER_THERE});
	CHANGE(&two, 9, 1, {2, 9, LEDGER_THERE});
	ledger_close(&two);
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	assert_int_equal(ledger_count_look(&counter, &counting), 0);
	CHANGE(&one, 10, 1, {5, 10, LEDGER_THERE});
	CHANGE(&one, 0, 0, {5, 10, LEDGER_UNTOLD});
	two = opened();
	CHANGE(&two, 20, 2, {6, 20, LEDGER_THERE});
	ledger_close(&two);
	assert_int_equal(ledger_begin(&three, &limits, 300, 1, &figure), 0);
	ledger_close(&three);
	assert_int_equal(ledger_count_end(&counter, &counting, &counted), 0);
	assert_bound(&counter, 430, 8);
	count(&counter, 150, 8);
	assert_used(&one, 150, 8);
	/* a change whose figures no slot can have: those before the look are in the sum, those after it nowhere */
	for (int is_after = 0; is_after < 2; is_after++) {
		assert_int_equal(ledger_count_begin(&counter, &counting), 0);
		if (is_after)
			assert_int_equal(ledger_count_look(&counter, &counting), 0);
		assert_int_equal(ledger_begin(&one, &no_limits, 0, 0, &figure), 0);
		assert_int_equal(ledger_end(&one, INT64_MAX, 0), -EOVERFLOW);
		if (!is_after)
			assert_int_equal(ledger_count_look(&counter, &counting), 0);
		assert_int_equal(ledger_count_end(&counter, &counting, &counted), is_after ? -EAGAIN : 0);
		assert_int_equal(ledger_read(&one, &figure), is_after ? -EUCLEAN : 0);
	}
	ledger_close(&counter);
	ledger_close(&one);
}

static int file_calls;

ssize_t
pread(int fd, void *bytes, size_t len, off_t offset)
{
	file_calls++;
	return syscall(SYS_pread64, fd, bytes, len, offset);
}

static int
calls_of_count(struct ledger *counter, struct ledger *other, int batches)
{
	static struct ledger_event events[256];
	const struct ledger_figure counted = {100, 4, LEDGER_EXACT};
	int calls;

	assert_int_equal(ledger_count_begin(counter, &counting), 0);
	for (int i = 0; i < batches; i++)
		change(other, 0, 0, events, 256);
	file_calls = 0;
	assert_int_equal(ledger_count_look(counter, &counting), 0);
	calls = file_calls;
	assert_int_equal(counting.events, 256 * (uint32_t)batches);
	file_calls = 0;
	assert_int_equal(ledger_count_end(counter, &counting, &counted), 0);
	return calls + file_calls;
}

/* What a count does with the account's lock is the same for a quiet account and for one that has filled the journal. */
static void
test_lock_is_held_for_slots_alone(void **state)
{
	struct ledger counter = opened(), other = opened();
	int quiet;

	(void)state;
	count(&counter, 1, 1);
	quiet = calls_of_count(&counter, &other, 0);
	assert_in_range(quiet, 1, 50);	/* a pass over the slots each, 64 at once */
	assert_int_equal(calls_of_count(&counter, &other, 500), quiet);
	ledger_close(&counter);
	ledger_close(&other);
}

static void
test_one_counts_at_a_time(void **state)
{
	struct ledger one = opened(), two = opened();
	static struct ledger_count other;
	struct ledger_figure figure;

	(void)state;
	assert_int_equal(ledger_count_begin(&one, &counting), 0);
	assert_int_equal(ledger_count_begin(&two, &other), -EBUSY);
	ledger_close(&one);	/* as a kill does */
	/* its note is of no use: nothing is told any more */
	assert_int_equal(ledger_begin(&two, &no_limits, 0, 0, &figure), 0);
	assert_false(two.is_counted);
	assert_int_equal(ledger_end(&two, 0, 0), 0);
	count(&two, 3, 3);
	assert_used(&two, 3, 3);
	ledger_close(&two);
}

static void
test_counts_in_vain(void **state)
{
	static struct ledger_event events[256];
	struct ledger counter = opened(), other = opened();

	(void)state;
	count(&counter, 1, 1);
	/* what cannot be told */
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	CHANGE(&other, 0, 0, {1, 1, LEDGER_UNTOLD});
	assert_int_equal(ledger_count_look(&counter, &counting), -EAGAIN);
	assert_int_equal(ledger_count_end(&counter, &counting, NULL), 0);
	/* what no files process says that is in order */
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	CHANGE(&other, 0, 0, {1, 1, LEDGER_EVENT_KIND_COUNT});
	assert_int_equal(ledger_count_look(&counter, &counting), -EAGAIN);
	assert_int_equal(ledger_count_end(&counter, &counting, NULL), 0);
	/* more than the journal holds */
	assert_int_equal(ledger_count_begin(&counter, &counting), 0);
	for (int i = 0; i < 513; i++)
		change(&other, 0, 0, events, 256);
	assert_int_equal(ledger_count_look(&counter, &counting), -EAGAIN);
	assert_int_equal(ledger_count_end(&counter, &counting, NULL), 0);
	assert_used(&other, 1, 1);
	ledger_close(&counter);
	ledger_close(&other);
}

/* A ledger of the former format is read; a session of the former server that goes on with it spoils a count. */
static void
test_former_format(void **state)
{
	static const char former[] = "SPLEDGR1";
	struct ledger ledger = opened(), other = opened();
	char header[56];
	uint64_t check = 0xcbf29ce484222325ULL;
	int fd = open(path, O_RDWR);

	(void)state;
	count(&ledger, 77, 7);
	CHANGE(&ledger, 3, 1, {1, 3, LEDGER_THERE});
	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	memcpy(header, former, 8);
	for (const char *c = "alice"; *c != '\0'; c++)
		check = (check ^ (uint8_t)*c) * 0x100000001b3ULL;
	for (size_t i = 0; i < 48; i++)
		check = (check ^ (uint8_t)header[i]) * 0x100000001b3ULL;
	memcpy(header + 48, &check, 8);
	assert_int_equal(ledger_count_begin(&other, &counting), 0);
	assert_int_equal(pwrite(fd, header, sizeof(header), 0), sizeof(header));
	assert_used(&ledger, 80, 8);
	assert_int_equal(ledger_count_look(&other, &counting), -EAGAIN);
	assert_int_equal(ledger_count_end(&other, &counting, NULL), 0);
	ledger_close(&other);
	ledger_close(&ledger);
	ledger = opened();
	assert_used(&ledger, 80, 8);
	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	assert_memory_equal(header, "SPLEDGR2", 8);
	close(fd);
	ledger_close(&ledger);
}

/*
 * A change whose lock is gone before its session: it is bounded by what it had reserved, and nobody counts before it has
 * ended.
 */
static void
test_change_without_its_lock(void **state)
{
	struct ledger ledger = opened(), other = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 1, 1);
	assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 1, &figure), 0);
	assert_false(ledger_is_awaited(&ledger));
	ledger_abandon(&ledger);
	assert_bound(&other, 1, 2);
	assert_int_equal(ledger_count_begin(&other, &counting), -ETIMEDOUT);
	ledger_close(&ledger);
	count(&other, 4, 4);
	assert_used(&other, 4, 4);
	ledger_close(&other);
}

/*
 * Killed at each write: the process writes so many times and is gone. What the others read then is never less than what
 * is there, and a count makes it right.
 */

static int writes_left = -1;	/* -1: as many as it likes */

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	file_calls++;
	if (writes_left == 0)
		_exit(0);
	writes_left -= writes_left > 0;
	return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

/* Run a story in a child that dies at its nth write. True: it came to its end before. */
static bool
dies_at(int nth, void (*story)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		writes_left = nth;
		story();
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 1;
}

/* Five bytes and one file more, then an upload of at most 100 bytes that comes to 40. */
static void
session_story(void)
{
	struct ledger ledger;
	struct ledger_figure figure;
	const struct ledger_event made = {9, 5, LEDGER_THERE}, uploaded = {11, 40, LEDGER_THERE};
	uint64_t granted;

	if (ledger_open(&ledger, path, boot) < 0 || ledger_begin(&ledger, &limits, 5, 1, &figure) < 0)
		_exit(2);
	ledger_tell_count(&ledger, &made, 1);
	if (ledger_end(&ledger, 5, 1) < 0 || ledger_begin(&ledger, &limits, 0, 0, &figure) < 0 ||
	    ledger_upload_begin(&ledger, 11, 0) < 0 || ledger_end(&ledger, 0, 0) < 0 ||
	    ledger_upload_reserve(&ledger, &limits, 100, &granted, &figure) < 0 ||
	    ledger_begin(&ledger, &limits, 0, 0, &figure) < 0)
		_exit(2);
	ledger_tell_count(&ledger, &uploaded, 1);
	if (ledger_upload_end(&ledger, 40) < 0 || ledger_end(&ledger, 0, 0) < 0)
		_exit(2);
}

static void
test_session_killed_at_each_write(void **state)
{
	bool is_over = false;

	for (int is_counted = 0; is_counted < 2; is_counted++)
		for (int nth = 0; !is_over || nth < 8; nth++) {
			struct ledger ledger = opened();
			struct ledger_figure figure;
			struct ledger_figure counted = {200, 3, LEDGER_EXACT};
			int r = 0;

			count(&ledger, 200, 3);
			if (is_counted)
				assert_int_equal(ledger_count_begin(&ledger, &counting), 0);
			is_over = dies_at(nth, session_story);
			assert_int_equal(ledger_read(&ledger, &figure), 0);
			/* what it may have done by then is in the figure, and never more than all that it asked for */
			assert_uint_in_range(figure.bytes, 200, 305);
			assert_uint_in_range(figure.files, 3, 4);
			if (is_over)
				assert_used(&ledger, 245, 4);
			if (is_counted) {
				r = ledger_count_look(&ledger, &counting);
				assert_true(r == 0 || r == -EAGAIN);
				assert_int_equal(ledger_count_end(&ledger, &counting, r == 0 ? &counted : NULL), 0);
			}
			count(&ledger, 201, 4);
			assert_used(&ledger, 201, 4);
			ledger_close(&ledger);
			teardown(state);
			assert_int_equal(setup(state), 0);
		}
}

static void
counter_story(void)
{
	static struct ledger_count counts;
	const struct ledger_figure counted = {300, 4, LEDGER_EXACT};
	struct ledger ledger;

	if (ledger_open(&ledger, path, boot) < 0 || ledger_count_begin(&ledger, &counts) < 0 ||
	    ledger_count_look(&ledger, &counts) < 0 || ledger_count_end(&ledger, &counts, &counted) < 0)
		_exit(2);
}

/* The figure before (with a dead upload's reservation), the one after, or none: no mixture of them. */
static void
test_counter_killed_at_each_write(void **state)
{
	bool is_over = false;

	for (int nth = 0; !is_over; nth++) {
		struct ledger ledger = opened(), dead = opened();
		struct ledger_figure figure;
		uint64_t granted;
		int r;

		count(&ledger, 200, 3);
		CHANGE(&ledger, 7, 1, {1, 7, LEDGER_THERE});
		begin_upload(&dead, 11, 0);
		assert_int_equal(ledger_upload_reserve(&dead, &limits, 500, &granted, &figure), 0);
		ledger_close(&dead);
		is_over = dies_at(nth, counter_story);
		r = ledger_read(&ledger, &figure);
		assert_true(r == -EUCLEAN || (r == 0 && figure.bytes == 707 && figure.state == LEDGER_BOUND) ||
		    (r == 0 && figure.bytes == 300 && figure.state == LEDGER_EXACT));
		assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
		assert_false(ledger.is_counted);
		assert_int_equal(ledger_end(&ledger, 0, 0), 0);
		count(&ledger, 300, 4);
		assert_used(&ledger, 300, 4);
		ledger_close(&ledger);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

static void
test_boot_id(void **state)
{
	uint8_t id[16] = {0}, again[16] = {0};

	(void)state;
	assert_int_equal(ledger_boot_id(id), 0);
	assert_int_equal(ledger_boot_id(again), 0);
	assert_memory_equal(id, again, sizeof(id));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_new_is_counted_first),
	    TEST(test_limits_are_exact),
	    TEST(test_lowered_limit),
	    TEST(test_death_within_a_bracket),
	    TEST(test_reservations_are_shared),
	    TEST(test_dead_sessions_are_bounded),
	    TEST(test_death_in_a_change),
	    TEST(test_count_beside_an_upload),
	    TEST(test_failed_count_changes_nothing),
	    TEST(test_slot_outlives_its_descriptors),
	    TEST(test_another_boot),
	    TEST(test_damage),
	    TEST(test_no_plain_file),
	    TEST(test_slots_run_out),
	    TEST(test_figures_out_of_bounds),
	    TEST(test_uploads_out_of_bounds),
	    TEST(test_many_large_figures),
	    TEST(test_changes_beside_a_count),
	    TEST(test_death_beside_a_count),
	    TEST(test_changes_after_the_look),
	    TEST(test_lock_is_held_for_slots_alone),
	    TEST(test_one_counts_at_a_time),
	    TEST(test_counts_in_vain),
	    TEST(test_former_format),
	    TEST(test_change_without_its_lock),
	    TEST(test_session_killed_at_each_write),
	    TEST(test_counter_killed_at_each_write),
	    TEST(test_boot_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
