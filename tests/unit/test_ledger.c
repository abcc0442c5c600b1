/* SPDX-License-Identifier: ISC */
/* The quota ledger: what is reserved, settled, doubted and counted again. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/ledger.h"
#include "common/io.h"

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

static size_t
count(struct ledger *ledger, uint64_t bytes, uint64_t files, struct ledger_uploads *uploads)
{
	struct ledger_figure counted = {bytes, files};

	assert_int_equal(ledger_count_begin(ledger, uploads), 0);
	assert_int_equal(ledger_count_end(ledger, &counted), 0);
	return uploads->live_count;
}

static void
assert_used(struct ledger *ledger, uint64_t bytes, uint64_t files)
{
	struct ledger_figure figure;

	assert_int_equal(ledger_read(ledger, &figure), 0);
	assert_int_equal(figure.bytes, bytes);
	assert_int_equal(figure.files, files);
}

static const struct ledger_limits limits = {1000, 10}, no_limits = {LEDGER_NO_LIMIT, LEDGER_NO_LIMIT};
static struct ledger_uploads uploads;

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
	assert_int_equal(ledger_begin(&ledger, &limits, 0, 1, &figure), -EUCLEAN);
	assert_int_equal(count(&ledger, 300, 3, &uploads), 0);
	assert_used(&ledger, 300, 3);
	ledger_close(&ledger);
}

static void
test_limits_are_exact(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 300, 9, &uploads);
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
	count(&ledger, 300, 3, &uploads);
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
	count(&one, 100, 1, &uploads);
	begin_upload(&two, 22, 0);
	assert_int_equal(ledger_upload_reserve(&two, &limits, 600, &granted, &figure), 0);
	assert_int_equal(ledger_begin(&one, &limits, 0, 0, &figure), 0);
	ledger_close(&two);
	assert_int_equal(ledger_upload_begin(&one, 11, 0), 0);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 301, &granted, &figure), -EDQUOT);
	assert_int_equal(figure.bytes, 700);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 300, &granted, &figure), 0);
	assert_int_equal(ledger_end(&one, 0, 0), 0);
	assert_int_equal(ledger_read(&one, &figure), -EUCLEAN);
	ledger_close(&one);
}

static void
test_reservations_are_shared(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	count(&one, 0, 0, &uploads);
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

static void
test_dead_sessions_leave_doubt(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;
	uint64_t granted;

	(void)state;
	count(&one, 0, 0, &uploads);
	begin_upload(&one, 11, 0);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 600, &granted, &figure), 0);
	assert_used(&two, 600, 0);
	ledger_close(&one);	/* as a kill does */
	assert_int_equal(ledger_read(&two, &figure), -EUCLEAN);
	assert_int_equal(count(&two, 123, 1, &uploads), 0);
	assert_int_equal(uploads.dead_count, 1);
	assert_int_equal(uploads.dead[0], 11);
	assert_used(&two, 123, 1);
	ledger_close(&two);
}

static void
test_death_in_a_change(void **state)
{
	struct ledger one = opened(), two = opened();
	struct ledger_figure figure;

	(void)state;
	count(&one, 5, 5, &uploads);
	assert_int_equal(ledger_begin(&one, &limits, 0, 1, &figure), 0);
	ledger_close(&one);
	assert_int_equal(ledger_read(&two, &figure), -EUCLEAN);
	count(&two, 5, 6, &uploads);
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
	count(&one, 50, 1, &uploads);
	begin_upload(&one, 11, 50);
	assert_int_equal(ledger_upload_reserve(&one, &limits, 200, &granted, &figure), 0);
	assert_int_equal(count(&two, 0, 1, &uploads), 1);
	assert_int_equal(uploads.live[0], 11);
	assert_used(&two, 250, 1);
	end_upload(&one, 150);
	assert_used(&two, 150, 1);
	assert_int_equal(count(&two, 150, 1, &uploads), 0);
	assert_used(&one, 150, 1);
	ledger_close(&one);
	ledger_close(&two);
}

static void
test_failed_count_stays_in_doubt(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 1, 1, &uploads);
	assert_int_equal(ledger_count_begin(&ledger, &uploads), 0);
	assert_int_equal(ledger_count_end(&ledger, NULL), 0);
	assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);
	ledger_close(&ledger);
}

static void
test_another_boot(void **state)
{
	struct ledger ledger = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 1, 1, &uploads);
	ledger_close(&ledger);
	ledger = opened();
	assert_used(&ledger, 1, 1);
	ledger_close(&ledger);
	assert_int_equal(ledger_open(&ledger, path, other_boot), 0);
	assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);
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
		count(&ledger, 7, 7, &uploads);
		assert_int_equal(ledger_begin(&ledger, &limits, 1, 1, &figure), 0);
		assert_int_equal(ledger_end(&ledger, 1, 1), 0);
		fd = open(path, O_WRONLY);
		assert_int_equal(pwrite(fd, damages[i].bytes, 7, damages[i].at), 7);
		close(fd);
		assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);	/* at once */
		ledger_close(&ledger);
		ledger = opened();
		assert_int_equal(ledger_read(&ledger, &figure), -EUCLEAN);	/* and later */
		count(&ledger, 9, 9, &uploads);
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
	count(&ledgers[0], 0, 0, &uploads);
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
		count(&ledger, 5, 5, &uploads);
		assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
		assert_int_equal(ledger_end(&ledger, figures[i], i % 2 == 0 ? 0 : figures[i]), -EOVERFLOW);
		assert_int_equal(ledger_read(&other, &figure), -EUCLEAN);
	}
	count(&other, LEDGER_FIGURE_MAX, LEDGER_FIGURE_MAX, &uploads);
	assert_used(&ledger, LEDGER_FIGURE_MAX, LEDGER_FIGURE_MAX);
	count(&other, 6, 6, &uploads);
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
	count(&ledger, 0, 0, &uploads);
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
	count(&ledger, 0, 0, &uploads);
	for (int i = 0; i < 10 && r == 0; i++) {
		assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
		r = ledger_end(&ledger, 1LL << 50, 0);
	}
	assert_int_equal(r, -EOVERFLOW);
	ledger_close(&ledger);
	ledger = opened();
	count(&ledger, 3, 3, &uploads);	/* clears what ended sessions have left, however large */
	assert_used(&ledger, 3, 3);
	ledger_close(&ledger);
}

static void
test_login_beside_a_count(void **state)
{
	struct ledger ledger = opened(), other;
	struct ledger_figure figure, counted = {1, 1};
	uint64_t began;

	(void)state;
	assert_int_equal(ledger_count_begin(&ledger, &uploads), 0);
	began = monotonic_ms();
	other = opened();
	assert_true(monotonic_ms() - began < 1000);
	assert_int_equal(ledger_begin(&other, &no_limits, 0, 0, &figure), -ETIMEDOUT);
	assert_true(monotonic_ms() - began < 10000);
	assert_int_equal(ledger_count_end(&ledger, &counted), 0);
	assert_int_equal(ledger_begin(&other, &no_limits, 0, 0, &figure), 0);
	assert_int_equal(ledger_end(&other, 1, 1), 0);
	assert_used(&ledger, 2, 2);
	ledger_close(&ledger);
	ledger_close(&other);
}

/* A change whose lock is gone before its session: nobody believes what it leaves, nor counts before it has ended. */
static void
test_change_without_its_lock(void **state)
{
	struct ledger ledger = opened(), other = opened();
	struct ledger_figure figure;

	(void)state;
	count(&ledger, 1, 1, &uploads);
	assert_int_equal(ledger_begin(&ledger, &no_limits, 0, 0, &figure), 0);
	assert_false(ledger_is_awaited(&ledger));
	ledger_abandon(&ledger);
	assert_int_equal(ledger_read(&other, &figure), -EUCLEAN);
	assert_int_equal(ledger_count_begin(&other, &uploads), -ETIMEDOUT);
	ledger_close(&ledger);
	count(&other, 4, 4, &uploads);
	assert_used(&other, 4, 4);
	ledger_close(&other);
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
	    TEST(test_dead_sessions_leave_doubt),
	    TEST(test_death_in_a_change),
	    TEST(test_count_beside_an_upload),
	    TEST(test_failed_count_stays_in_doubt),
	    TEST(test_another_boot),
	    TEST(test_damage),
	    TEST(test_no_plain_file),
	    TEST(test_slots_run_out),
	    TEST(test_figures_out_of_bounds),
	    TEST(test_uploads_out_of_bounds),
	    TEST(test_many_large_figures),
	    TEST(test_login_beside_a_count),
	    TEST(test_change_without_its_lock),
	    TEST(test_boot_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
