/* SPDX-License-Identifier: ISC */
/* Announced ports of small ranges: which session gives its port up for one that finds none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/master/ports.h"
#include "privsep/ipc/board.h"
#include "privsep/ipc/ipc.h"

#include "common/banned.h"

#define SLOTS 4
#define LOW 3000
#define HIGH 3009

static struct ports ports;
static struct board board;
static struct slot slots[SLOTS];
static int monitors[SLOTS];
static struct ipc_message message;
static union address local, elsewhere;

static int
setup(void **state)
{
	int pair[2];

	(void)state;
	memset(slots, 0, sizeof(slots));
	ports_init(&ports, &board);
	for (int i = 0; i < SLOTS; i++) {
		if (ipc_pair(pair, 5) < 0)
			return -1;
		slots[i].row = (size_t)i;
		slots[i].channel = pair[0];
		monitors[i] = pair[1];
	}
	return address_parse("192.0.2.1", &local) + address_parse("192.0.2.2", &elsewhere) +
	    board_new(&board, SLOTS, 1);
}

static int
teardown(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		close(slots[i].channel);
		close(monitors[i]);
	}
	return 0;
}

static void
announce(int i, const union address *where, uint16_t port, uint64_t now_ms)
{
	union address bound = *where;

	address_set_port(&bound, port);
	ports_announce(&ports, &slots[i], &bound, now_ms);
}

/* The claims of a session are one page of the scoreboard. */
static void
claim_moved(int i)
{
	struct claims *claims = (struct claims *)(void *)(board.slots + (size_t)i * SCOREBOARD_SLOT_SIZE);

	claim_transfer(claims, DIRECTION_DOWN, 100, 1);
	claim_bytes(claims, 1);
}

static bool
was_told(int i)
{
	return ipc_receive_now(monitors[i], IPC_MONITOR, IPC_STATE_READY, &message) == 0 &&
	    message.kind == IPC_yield_port;
}

static void
test_the_oldest_yields_once(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++)
		claims_begin((struct claims *)(void *)(board.slots + (size_t)i * SCOREBOARD_SLOT_SIZE), 0);
	announce(0, &local, LOW, 1000);
	announce(1, &local, HIGH, 2000);
	announce(2, &local, LOW + 1, 3000);
	announce(0, &local, LOW, 4000); /* announced again: now the youngest */
	assert_null(ports_yield(&ports, &local, LOW, HIGH, 4999));
	assert_ptr_equal(ports_yield(&ports, &local, LOW, HIGH, 5000), &slots[1]);
	assert_true(was_told(1) && !was_told(2));
	assert_null(ports_yield(&ports, &local, LOW, HIGH, 5000));
	ports_leave(&ports, &slots[2]);
	ports_leave(&ports, &slots[2]);
	assert_ptr_equal(ports_yield(&ports, &local, LOW, HIGH, 9000), &slots[0]);
	assert_true(was_told(0) && !was_told(2));
	assert_true(TAILQ_EMPTY(&ports.announcing));
}

static void
test_ports_of_others_do_not(void **state)
{
	(void)state;
	announce(0, &local, LOW - 1, 0); /* a port of a range before a reload */
	announce(1, &local, HIGH + 1, 0);
	announce(2, &elsewhere, LOW, 0);
	assert_null(ports_yield(&ports, &local, LOW, HIGH, 100000));
	assert_ptr_equal(ports_yield(&ports, &elsewhere, LOW, HIGH, 100000), &slots[2]);
}

/* A port is not needed any more once its data connection moves bytes. */
static void
test_used_ports_yield_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++)
		claims_begin((struct claims *)(void *)(board.slots + (size_t)i * SCOREBOARD_SLOT_SIZE), 0);
	announce(0, &local, LOW, 1000);
	announce(1, &local, HIGH, 1000);
	claim_moved(1);
	assert_ptr_equal(ports_yield(&ports, &local, LOW, HIGH, 1001), &slots[1]);
	assert_null(ports_yield(&ports, &local, LOW, HIGH, 1001));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_oldest_yields_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ports_of_others_do_not, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_used_ports_yield_at_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("ports", tests, NULL, NULL);
}
