/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "privsep/ipc/board.h"

#include "common/banned.h"

#define ROWS 1000
#define NOW 5000000
#define DAY 1700000000

static struct board board;

static int
make_board(void **state)
{
	(void)state;
	return board_new(&board, ROWS, DAY);
}

static int
drop_board(void **state)
{
	(void)state;
	munmap(board.head, 4096 + 8192 + ROWS * sizeof(struct board_row));
	board_leave(&board);
	close(board.facts_fd);
	close(board.slots_fd);
	return 0;
}

static struct claims *
slot(size_t row)
{
	return (struct claims *)(void *)(board.slots + row * SCOREBOARD_SLOT_SIZE);
}

static void
begin(size_t row)
{
	board_begin(&board, row, "0123456789abcdef", "192.0.2.7", false, DAY, NOW);
	claims_begin(slot(row), NOW);
}

static void
test_session_from_begin_to_end(void **state)
{
	struct board_session session;

	(void)state;
	assert_false(board_session(&board, 3, NOW, &session));
	begin(3);
	assert_int_equal(board_used(&board), 4);
	assert_true(board_session(&board, 3, NOW + 1500, &session));
	assert_string_equal(session.state, "login");
	assert_string_equal(session.id, "0123456789abcdef");
	assert_string_equal(session.address, "192.0.2.7");
	assert_int_equal(session.since_s, DAY);
	assert_int_equal(session.idle_ms, 1500);
	board_login(&board, 3, "alice", "one.example");
	claim_tls(slot(3), "TLSv1.3 TLS_AES_256_GCM_SHA384");
	claim_command(slot(3), "RETR", "/a b", 4);
	claim_transfer(slot(3), DIRECTION_DOWN, 1000, NOW);
	claim_bytes(slot(3), 250);
	assert_true(board_session(&board, 3, NOW + 500, &session));
	assert_string_equal(session.user, "alice");
	assert_string_equal(session.state, "download");
	assert_string_equal(session.verb, "RETR");
	assert_string_equal(session.path, "/a b");
	assert_string_equal(session.tls, "TLSv1.3 TLS_AES_256_GCM_SHA384");
	assert_true(session.is_transfer);
	assert_int_equal(session.bytes_done, 250);
	assert_int_equal(session.size, 1000);
	assert_int_equal(session.rate, 500);
	assert_int_equal(session.bytes_down, 250);
	board_ending(&board, 3);
	assert_true(board_session(&board, 3, NOW, &session));
	assert_string_equal(session.state, "ending");
	board_end(&board, 3);
	assert_false(board_session(&board, 3, NOW, &session));
	assert_int_equal(slot(3)->path[0], 0);
	assert_int_equal(board.head->live, 0);
}

static void
test_totals_hold_live_and_ended(void **state)
{
	struct totals totals;

	(void)state;
	begin(0);
	begin(1);
	slot(0)->work.logins[LOGIN_OK]++;
	claim_transfer(slot(0), DIRECTION_UP, CLAIM_SIZE_UNKNOWN, NOW);
	claim_transfer_end(slot(0), DIRECTION_UP, 4000, 30, TRANSFER_FAILURE_COUNT);
	claim_transfer(slot(1), DIRECTION_DOWN, CLAIM_SIZE_UNKNOWN, NOW);
	claim_bytes(slot(1), 7);
	for (int i = 0; i < 2; i++) {
		board_totals(&board, &totals);
		assert_int_equal(totals.connections, 2);
		assert_int_equal(totals.work.logins[LOGIN_OK], 1);
		assert_int_equal(totals.work.transfers[DIRECTION_UP], 1);
		assert_int_equal(totals.work.bytes[DIRECTION_UP], 4000);
		assert_int_equal(totals.work.bytes[DIRECTION_DOWN], 7);
		assert_int_equal(totals.work.durations.buckets[2], 1); /* 20 < 30 <= 100 */
		assert_int_equal(totals.work.durations.sum_ms, 30);
		if (i == 0) {
			board_end(&board, 0);
			board_end(&board, 1);
		}
	}
}

/* A reader shows any content of a slot without harm, and the sums stay right. */
static void
test_hostile_slot(void **state)
{
	struct board_session session;
	struct totals totals;

	(void)state;
	begin(0);
	board_login(&board, 0, "mallory", "");
	memset(slot(0), 0xff, SCOREBOARD_SLOT_SIZE);
	assert_true(board_session(&board, 0, NOW, &session));
	assert_string_equal(session.state, "idle");
	assert_int_equal(session.idle_ms, 0);
	assert_int_equal(strlen(session.path), 4 * CLAIM_PATH_SIZE - 4);
	assert_memory_equal(session.path, "\\xff\\xff", 8);
	board_totals(&board, &totals);
	assert_int_equal(totals.work.bytes[DIRECTION_UP], 0);
	memset(slot(0), 0x0a, SCOREBOARD_SLOT_SIZE);
	slot(0)->activity = CLAIM_TRANSFER;
	slot(0)->direction = DIRECTION_UP;
	slot(0)->bytes_done = UINT64_MAX;
	assert_true(board_session(&board, 0, NOW, &session));
	assert_null(strchr(session.verb, '\n'));
	assert_int_equal(session.rate, 0);
	board_end(&board, 0);
	board_totals(&board, &totals);
	assert_true(totals.work.bytes[DIRECTION_UP] < UINT64_C(1) << 56);
}

static void
test_long_path_keeps_its_end(void **state)
{
	struct board_session session;
	char path[4000];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 'z';
	begin(0);
	claim_command(slot(0), "STOR", path, sizeof(path));
	assert_true(board_session(&board, 0, NOW, &session));
	assert_int_equal(strlen(session.path), CLAIM_PATH_SIZE - 1);
	assert_memory_equal(session.path, "...a", 4);
	assert_int_equal(session.path[CLAIM_PATH_SIZE - 2], 'z');
}

/* A forked reader can neither write its mapping, nor make it writable. */
static void
test_attach_is_read_only(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	begin(2);
	board_login(&board, 2, "alice", "");
	pid = fork();
	if (pid == 0) {
		struct board_session session;
		int r = board_attach(&board);

		if (r < 0 || !board_session(&board, 2, NOW, &session) || strcmp(session.user, "alice") != 0)
			_exit(1);
		if (mprotect(board.slots, 4096, PROT_READ | PROT_WRITE) == 0 ||
		    mprotect(board.head, 4096, PROT_READ | PROT_WRITE) == 0)
			_exit(2);
		if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, board.facts_fd, 0) != MAP_FAILED ||
		    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, board.slots_fd, 0) != MAP_FAILED)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A session maps its own page, and neither another session's nor the facts. */
static void
test_confined_session(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	begin(5);
	pid = fork();
	if (pid == 0) {
		unsigned char is_there;
		struct claims *claims;

		if (scoreboard_confine(board.slots, ROWS, 5, board.place, &claims) < 0 || claims != board.place)
			_exit(1);
		claim_bytes(claims, 77);
		for (size_t row = 0; row < ROWS; row++) {
			if (mincore(slot(row), 4096, &is_there) == 0 || errno != ENOMEM)
				_exit(2);
		}
		if (mincore(board.head, 4096, &is_there) == 0 || errno != ENOMEM)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(slot(5)->bytes_done, 77);
}

static void
test_bans(void **state)
{
	struct board_ban bans[BOARD_BANS_MAX] = {{.address = "192.0.2.1", .until_s = DAY, .is_by_hand = true}};
	struct board_ban read[BOARD_BANS_MAX];

	(void)state;
	assert_int_equal(board_get_bans(&board, read), 0);
	board_set_bans(&board, bans, 1, 70);
	assert_int_equal(board.head->bans, 70);
	assert_int_equal(board_get_bans(&board, read), 1);
	assert_string_equal(read[0].address, "192.0.2.1");
	assert_true(read[0].is_by_hand);
	board.bans->count = 1000;
	assert_int_equal(board_get_bans(&board, read), BOARD_BANS_MAX);
}

static void
test_histogram(void **state)
{
	struct histogram histogram = {.sum_ms = 0};

	(void)state;
	histogram_add(&histogram, handshake_bounds_ms, 0);
	histogram_add(&histogram, handshake_bounds_ms, 1);
	histogram_add(&histogram, handshake_bounds_ms, 2);
	histogram_add(&histogram, handshake_bounds_ms, 5001);
	assert_int_equal(histogram.buckets[0], 2);
	assert_int_equal(histogram.buckets[1], 1);
	assert_int_equal(histogram.buckets[HISTOGRAM_BUCKETS - 1], 1);
	assert_int_equal(histogram.sum_ms, 5004);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_session_from_begin_to_end, make_board, drop_board),
	    cmocka_unit_test_setup_teardown(test_totals_hold_live_and_ended, make_board, drop_board),
	    cmocka_unit_test_setup_teardown(test_hostile_slot, make_board, drop_board),
	    cmocka_unit_test_setup_teardown(test_long_path_keeps_its_end, make_board, drop_board),
	    cmocka_unit_test_setup_teardown(test_attach_is_read_only, make_board, drop_board),
	    cmocka_unit_test_setup_teardown(test_confined_session, make_board, drop_board),
	    cmocka_unit_test_setup_teardown(test_bans, make_board, drop_board),
	    cmocka_unit_test(test_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
