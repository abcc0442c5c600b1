/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/monitor/data_socket.h"
#include "tests/unit/cmocka_ranges.h"

#include "common/banned.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RANGE 8
#define WAIT_MS 5000

static union address
host(const char *text, uint16_t port)
{
	union address address;

	if (address_parse(text, &address) < 0)
		fail_msg("'%s' is no address", text);
	address_set_port(&address, port);
	return address;
}

/* The first port of a range that is free now, below the kernel's ephemeral ports. */
static uint16_t
free_range(const union address *local)
{
	for (uint16_t low = (uint16_t)(10000 + getpid() % 1000 * 8); low < 32000; low += RANGE) {
		int taken = 0;

		for (uint16_t i = 0; i < RANGE; i++) {
			union address bound;
			int fd = -1;

			if (data_socket_listen(local, low + i, low + i, &bound, &fd) < 0)
				taken++;
			close_fd(&fd);
		}
		if (taken == 0)
			return low;
	}
	fail_msg("no free ports");
	return 0;
}

static void
close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close_fd(&fds[i]);
}

static void
test_connect_refused(void **state)
{
	static const struct {
		const char *peer, *target;
		uint16_t port;
	} rows[] = {
	    {"127.0.0.1", "127.0.0.2", 5000},
	    {"127.0.0.1", "0.0.0.0", 5000},
	    {"127.0.0.1", "255.255.255.255", 5000},
	    {"127.0.0.1", "::1", 5000},
	    {"127.0.0.1", "::ffff:127.0.0.2", 5000},
	    {"127.0.0.1", "::127.0.0.1", 5000},
	    {"::1", "127.0.0.1", 5000},
	    {"::1", "::", 5000},
	    {"::1", "::2", 5000},
	    {"192.0.2.1", "127.0.0.1", 5000},
	    {"127.0.0.1", "127.0.0.1", 0},
	    {"127.0.0.1", "127.0.0.1", 1},
	    {"127.0.0.1", "127.0.0.1", 25},
	    {"127.0.0.1", "127.0.0.1", 1023},
	    {"::1", "::1", 1023},
	    {"127.0.0.1", "::ffff:127.0.0.1", 1023},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		union address local = host("127.0.0.1", 21), peer = host(rows[i].peer, 40000);
		union address target = host(rows[i].target, rows[i].port);
		int fd = -1;

		if (data_socket_connect(&local, 0, &peer, &target, &fd) != -EACCES)
			fail_msg(
			    "client %s was connected to at %s port %u", rows[i].peer, rows[i].target, rows[i].port);
		assert_int_equal(fd, -1);
	}
}

static void
test_connect(void **state)
{
	union address local = host("127.0.0.1", 21), peer = host("127.0.0.1", 40000), target, from;
	socklen_t len = sizeof(from);
	int listener = -1, fd = -1, accepted;

	(void)state;
	/* the client's own listener */
	assert_int_equal(data_socket_listen(&local, 10000, 60000, &target, &listener), 0);
	assert_int_equal(data_socket_connect(&local, 0, &peer, &target, &fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_int_equal(io_wait(listener, POLLIN, monotonic_ms() + WAIT_MS), POLLIN);
	accepted = accept(listener, &from.any, &len);
	assert_true(accepted >= 0);
	assert_true(address_same_host(&from, &local));
	assert_int_equal(io_wait(fd, POLLOUT, monotonic_ms() + WAIT_MS), POLLOUT);
	assert_int_equal(io_write_all(fd, "x", 1), 0);
	close_fd(&accepted);
	close_fd(&fd);
	close_fd(&listener);
	/* nothing listens there any more: the kernel refuses, now or later, but this function does not */
	assert_int_not_equal(data_socket_connect(&local, 0, &peer, &target, &fd), -EACCES);
	close_fd(&fd);
}

static void
check_listening(const union address *local, uint16_t low)
{
	int fds[RANGE];
	unsigned seen = 0;

	for (size_t i = 0; i < RANGE; i++) {
		union address bound;
		uint16_t port;

		fds[i] = -1;
		assert_int_equal(data_socket_listen(local, low, low + RANGE - 1, &bound, &fds[i]), 0);
		assert_true(address_same_host(&bound, local));
		port = address_port(&bound);
		assert_uint_in_range(port, low, low + RANGE - 1);
		assert_int_equal(seen & 1U << (port - low), 0);	/* each port once */
		seen |= 1U << (port - low);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		assert_true((fcntl(fds[i], F_GETFL) & O_NONBLOCK) != 0);
	}
	close_all(fds, RANGE);
}

static void
test_listen(void **state)
{
	union address local = host("127.0.0.1", 21);

	(void)state;
	check_listening(&local, free_range(&local));
}

static void
test_listen_ipv6(void **state)
{
	union address local = host("::1", 21), bound;
	int fd = -1;
	int r = data_socket_listen(&local, 10000, 60000, &bound, &fd);

	(void)state;
	close_fd(&fd);
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) {
		print_message("skipped: this host has no IPv6\n");
		skip();
	}
	assert_int_equal(r, 0);
	check_listening(&local, free_range(&local));
}

/* Spare listeners: each has a port of its own, and a full range gives none. */
static void
test_listen_spare(void **state)
{
	union address local = host("127.0.0.1", 21), bound;
	uint16_t ports[LISTEN_SPARE_MAX], low;
	int fds[LISTEN_SPARE_MAX], taken = -1;
	socklen_t len = sizeof(bound);
	unsigned made = 0;

	(void)state;
	for (int i = 0; i < 20 && made < 2; i++) {	/* a port that is taken by chance ends it */
		made = data_socket_listen_spare(&local, 10000, 60000, LISTEN_SPARE_MAX, ports, fds);
		assert_uint_in_range(made, 0, LISTEN_SPARE_MAX);
		for (unsigned k = 0; k < made; k++) {
			assert_uint_in_range(ports[k], 10000, 60000);
			assert_int_equal(getsockname(fds[k], &bound.any, &len), 0);
			assert_true(address_same_host(&bound, &local));
			assert_int_equal(address_port(&bound), ports[k]);
			assert_int_equal(fcntl(fds[k], F_GETFD), FD_CLOEXEC);
			for (unsigned other = 0; other < k; other++)
				assert_int_not_equal(ports[other], ports[k]);
		}
		close_all(fds, made);
	}
	assert_uint_in_range(made, 2, LISTEN_SPARE_MAX);
	assert_int_equal(data_socket_listen_spare(&local, 10000, 60000, LISTEN_SPARE_MAX + 1, ports, fds), 0);
	assert_int_equal(data_socket_listen(&local, 10000, 60000, &bound, &taken), 0);
	low = address_port(&bound);
	assert_int_equal(data_socket_listen_spare(&local, low, low, LISTEN_SPARE_MAX, ports, fds), 0);
	close_fd(&taken);
	/* in a range of one port the first listener takes the only one */
	assert_int_equal(data_socket_listen_spare(&local, low, low, LISTEN_SPARE_MAX, ports, fds), 1);
	close_all(fds, 1);
}

static void
test_full_range(void **state)
{
	union address local = host("127.0.0.1", 21), bound, last;
	uint16_t low = free_range(&local);
	int fds[RANGE], more = -1;

	(void)state;
	memset(fds, -1, sizeof(fds));
	for (size_t i = 0; i < RANGE; i++)
		assert_int_equal(data_socket_listen(&local, low, low + RANGE - 1, &last, &fds[i]), 0);
	assert_int_equal(data_socket_listen(&local, low, low + RANGE - 1, &bound, &more), -EADDRINUSE);
	assert_int_equal(more, -1);
	/* it finds a port that comes free, wherever in the range that is */
	close_fd(&fds[RANGE - 1]);
	assert_int_equal(data_socket_listen(&local, low, low + RANGE - 1, &bound, &fds[RANGE - 1]), 0);
	assert_int_equal(address_port(&bound), address_port(&last));
	close_all(fds, RANGE);
}

/* A range whose ports are all in TIME_WAIT serves as well as a fresh one. */
static void
test_time_wait(void **state)
{
	union address local = host("127.0.0.1", 21), bound;
	uint16_t low = free_range(&local);

	(void)state;
	for (int i = 0; i < 3; i++) {
		int listener = -1, client, served;

		assert_int_equal(data_socket_listen(&local, low, low, &bound, &listener), 0);
		client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(client, &bound.any, address_len(&bound)), 0);
		served = accept(listener, NULL, NULL);
		assert_true(served >= 0);
		close_fd(&listener);
		close_fd(&served);	/* the end that closes first keeps the port in TIME_WAIT */
		close_fd(&client);
	}
}

static void
test_random(void **state)
{
	union address local = host("127.0.0.1", 21), bound;
	uint16_t first = 0;
	int fd = -1, other = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(data_socket_listen(&local, 10000, 60000, &bound, &fd), 0);
		close_fd(&fd);
		if (i == 0)
			first = address_port(&bound);
		else if (address_port(&bound) != first && address_port(&bound) != first + i)
			other++;
	}
	assert_true(other > 10);
}

static void
test_listen_elsewhere(void **state)
{
	union address local = host("192.0.2.77", 21), bound;
	int fd = -1;

	(void)state;
	assert_int_equal(data_socket_listen(&local, 10000, 60000, &bound, &fd), -EADDRNOTAVAIL);
	assert_int_equal(fd, -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_connect_refused),
	    cmocka_unit_test(test_connect),
	    cmocka_unit_test(test_listen_elsewhere),
	    cmocka_unit_test(test_full_range),
	    cmocka_unit_test(test_listen),
	    cmocka_unit_test(test_listen_spare),
	    cmocka_unit_test(test_listen_ipv6),
	    cmocka_unit_test(test_time_wait),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("data_socket", tests, NULL, NULL);
}
