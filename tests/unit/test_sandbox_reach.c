/* SPDX-License-Identifier: ISC */
/*
 * What a taken-over process reaches from behind its walls, seen by its targets: sockets of strangers and processes
 * of the same user. A failed call proves nothing; the test looks whether anything arrived.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io.h"
#include "privsep/sandbox/sandbox.h"
#include "tests/unit/child_fixture.h"

#include "common/banned.h"

#define ARRIVAL_MS 10 /* on loopback, what was sent is there when the sender has ended */
#define CONTROL_MS 5000 /* for what must arrive */

/* ---- dialling ---- */

/* Sockets that a process could dial. The test holds them, and looks whether anything arrived. */
enum target { TARGET_TCP, TARGET_UDP, TARGET_UNIX_STREAM, TARGET_UNIX_DATAGRAM, TARGET_COUNT };

/* The sockets that a process can use for that: its own, and some that only a sibling could give it. */
enum tool {
	TOOL_TCP_LISTENER,
	TOOL_TCP,
	TOOL_UDP,
	TOOL_UNIX_STREAM,
	TOOL_UNIX_DATAGRAM,
	TOOL_UNIX_CONNECTED, /* datagrams, as the logger has for syslog and journal */
	TOOL_COUNT
};

struct place {
	union {
		struct sockaddr any;
		struct sockaddr_in inet;
		struct sockaddr_un local;
	} name;
	socklen_t len;
	int fd;
};

static struct place targets[TARGET_COUNT];
static int tools[TOOL_COUNT], peer_of_connected;

/* A place on loopback, or an abstract name, which no wall around files keeps. */
static void
open_place(struct place *place, int domain, int type)
{
	memset(&place->name, 0, sizeof(place->name));
	place->name.any.sa_family = (sa_family_t)domain;
	place->len = sizeof(sa_family_t); /* the kernel picks the abstract name, as it does the port */
	if (domain == AF_INET) {
		place->name.inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		place->len = sizeof(place->name.inet);
	}
	place->fd = socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(place->fd >= 0);
	assert_int_equal(bind(place->fd, &place->name.any, place->len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(place->fd, 8), 0);
	place->len = sizeof(place->name);
	assert_int_equal(getsockname(place->fd, &place->name.any, &place->len), 0);
}

static int
open_places(void **state)
{
	int pair[2];

	open_place(&targets[TARGET_TCP], AF_INET, SOCK_STREAM);
	open_place(&targets[TARGET_UDP], AF_INET, SOCK_DGRAM);
	open_place(&targets[TARGET_UNIX_STREAM], AF_UNIX, SOCK_STREAM);
	open_place(&targets[TARGET_UNIX_DATAGRAM], AF_UNIX, SOCK_DGRAM);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	peer_of_connected = pair[0];
	tools[TOOL_UNIX_CONNECTED] = pair[1];
	return build_filters(state);
}

/* Open them again for each attempt, which may use them up. */
static void
open_tools(void)
{
	struct place listener;

	open_place(&listener, AF_INET, SOCK_STREAM);
	tools[TOOL_TCP_LISTENER] = listener.fd;
	tools[TOOL_TCP] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	tools[TOOL_UDP] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	tools[TOOL_UNIX_STREAM] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	tools[TOOL_UNIX_DATAGRAM] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void
close_tools(void)
{
	for (int tool = 0; tool < TOOL_UNIX_CONNECTED; tool++)
		close_fd(&tools[tool]);
}

static const char text[] = "from behind a wall";

static void
send_to(int fd, const struct place *to, int flags)
{
	(void)!sendto(fd, text, sizeof(text), flags | MSG_NOSIGNAL, &to->name.any, to->len);
}

static void
send_message_to(int fd, const struct place *to, int flags)
{
	struct iovec part = {(void *)(uintptr_t)text, sizeof(text)};
	struct msghdr header = {
	    .msg_name = (void *)(uintptr_t)&to->name, .msg_namelen = to->len, .msg_iov = &part, .msg_iovlen = 1};

	(void)!sendmsg(fd, &header, flags | MSG_NOSIGNAL);
}

static void
by_sendto(int fd, const struct place *to)
{
	send_to(fd, to, 0);
}

static void
by_sendmsg(int fd, const struct place *to)
{
	send_message_to(fd, to, 0);
}

static void
by_sendmmsg(int fd, const struct place *to)
{
	struct iovec part = {(void *)(uintptr_t)text, sizeof(text)};
	struct mmsghdr header = {
	    .msg_hdr = {
		.msg_name = (void *)(uintptr_t)&to->name, .msg_namelen = to->len, .msg_iov = &part, .msg_iovlen = 1}};

	/* musl sends with sendmsg(2) in its place */
	(void)!syscall(SYS_sendmmsg, fd, &header, 1, MSG_NOSIGNAL);
}

static void
by_fastopen_sendto(int fd, const struct place *to)
{
	send_to(fd, to, MSG_FASTOPEN);
}

static void
by_fastopen_sendmsg(int fd, const struct place *to)
{
	send_message_to(fd, to, MSG_FASTOPEN);
}

static void
by_shutdown_and_sendto(int fd, const struct place *to)
{
	shutdown(fd, SHUT_RDWR);
	send_to(fd, to, MSG_FASTOPEN);
}

static void
by_shutdown_and_sendmsg(int fd, const struct place *to)
{
	shutdown(fd, SHUT_RDWR);
	send_message_to(fd, to, MSG_FASTOPEN);
}

static void
by_connect(int fd, const struct place *to)
{
	(void)!connect(fd, &to->name.any, to->len);
	(void)!send(fd, text, sizeof(text), MSG_NOSIGNAL);
}

static void
by_shutdown_and_connect(int fd, const struct place *to)
{
	shutdown(fd, SHUT_RDWR);
	by_connect(fd, to);
}

/* The socket connects with the first write. */
static void
by_late_connect(int fd, const struct place *to)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
	by_connect(fd, to);
}

#define IN(process) (1U << SANDBOX_##process)
#define MONITORS (IN(MONITOR_LOGIN) | IN(MONITOR))

static const struct dial {
	const char *what;
	enum tool tool;
	enum target target;
	void (*by)(int fd, const struct place *to);
	unsigned may_in; /* processes that may do it, as SECURITY.md says */
	/* the filter would allow it, but Landlock does not, or the process has no such socket: see walls.bats */
	unsigned lacks_tool_in;
} dials[] = {
    {"sendto of a listener that was shut down", TOOL_TCP_LISTENER, TARGET_TCP, by_shutdown_and_sendto, 0, 0},
    {"sendmsg of a listener that was shut down", TOOL_TCP_LISTENER, TARGET_TCP, by_shutdown_and_sendmsg, 0, 0},
    {"connect of a listener that was shut down", TOOL_TCP_LISTENER, TARGET_TCP, by_shutdown_and_connect, 0, 0},
    {"sendto that connects", TOOL_TCP, TARGET_TCP, by_fastopen_sendto, 0, 0},
    {"sendmsg that connects", TOOL_TCP, TARGET_TCP, by_fastopen_sendmsg, 0, 0},
    {"connect over TCP", TOOL_TCP, TARGET_TCP, by_connect, MONITORS | IN(BROKER), 0},
    {"connect at the first write", TOOL_TCP, TARGET_TCP, by_late_connect, 0, 0},
    {"sendto over UDP", TOOL_UDP, TARGET_UDP, by_sendto, 0, 0},
    {"sendmsg over UDP", TOOL_UDP, TARGET_UDP, by_sendmsg, 0, MONITORS | IN(FILES)},
    {"sendmmsg over UDP", TOOL_UDP, TARGET_UDP, by_sendmmsg, 0, 0},
    {"connect over UDP", TOOL_UDP, TARGET_UDP, by_connect, 0, MONITORS | IN(BROKER)},
    {"sendto to an abstract socket", TOOL_UNIX_DATAGRAM, TARGET_UNIX_DATAGRAM, by_sendto, 0, 0},
    {"sendmsg to an abstract socket", TOOL_UNIX_DATAGRAM, TARGET_UNIX_DATAGRAM, by_sendmsg, 0, MONITORS | IN(FILES)},
    {"sendmmsg to an abstract socket", TOOL_UNIX_DATAGRAM, TARGET_UNIX_DATAGRAM, by_sendmmsg, 0, 0},
    {"connect to an abstract socket", TOOL_UNIX_DATAGRAM, TARGET_UNIX_DATAGRAM, by_connect, 0, MONITORS | IN(BROKER)},
    {"connect to an abstract stream", TOOL_UNIX_STREAM, TARGET_UNIX_STREAM, by_connect, 0, MONITORS | IN(BROKER)},
    {"sendto past the peer", TOOL_UNIX_CONNECTED, TARGET_UNIX_DATAGRAM, by_sendto, 0, 0},
    {"sendmsg past the peer", TOOL_UNIX_CONNECTED, TARGET_UNIX_DATAGRAM, by_sendmsg, 0, MONITORS | IN(FILES)},
    {"connect away from the peer", TOOL_UNIX_CONNECTED, TARGET_UNIX_DATAGRAM, by_connect, 0, MONITORS | IN(BROKER)},
};

struct attempt {
	const struct dial *dial;
	enum sandbox_process process; /* SANDBOX_COUNT: no wall at all */
	bool has_landlock;
};

static void
go_behind_landlock(enum sandbox_process process)
{
	int root_fd;

	if (process == SANDBOX_BROKER) {
		uint16_t port = ntohs(targets[TARGET_TCP].name.inet.sin_port);

		MUST(sandbox_landlock_outward(NULL, 0, &port, 1) == 0);
		return;
	}
	if (process != SANDBOX_FILES && process != SANDBOX_HOOKS) {
		MUST(sandbox_landlock_nowhere(process) == 0);
		return;
	}
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC); /* any home: the sockets are what counts */
	MUST(root_fd >= 0 && sandbox_landlock(root_fd, false) == 0);
}

static void
dial(const void *arg, pid_t parent)
{
	const struct attempt *attempt = arg;

	if (attempt->has_landlock)
		go_behind_landlock(attempt->process);
	if (attempt->process != SANDBOX_COUNT)
		MUST(sandbox_enter(attempt->process, parent) == 0);
	attempt->dial->by(tools[attempt->dial->tool], &targets[attempt->dial->target]);
}

/* True when anything arrived; takes it. */
static bool
has_arrived(const struct place *target, int wait_ms)
{
	struct pollfd wait = {.fd = target->fd, .events = POLLIN};
	char bytes[64];
	int fd;

	if (poll(&wait, 1, wait_ms) == 0)
		return false;
	fd = accept(target->fd, NULL, NULL);
	close_fd(&fd);
	while (recv(target->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return true;
}

static bool
arrives(const struct attempt *attempt, int wait_ms)
{
	bool result;

	open_tools();
	run_in_child(dial, attempt);
	result = has_arrived(&targets[attempt->dial->target], wait_ms);
	close_tools();
	return result;
}

/* A control: without walls, every attempt arrives. */
static void
every_way_to_dial_works_without_walls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dials) / sizeof(*dials); i++) {
		struct attempt attempt = {&dials[i], SANDBOX_COUNT, false};

		/* the connected tool comes last: without walls, the attempt costs it its peer */
		if (!arrives(&attempt, CONTROL_MS))
			fail_msg("%s does not work at all", dials[i].what);
	}
}

static void
dial_from_everywhere(bool has_landlock)
{
	unsigned wrong = 0;

	for (enum sandbox_process process = 0; process < SANDBOX_COUNT; process++) {
		if (has_landlock && process == SANDBOX_MONITOR_LOGIN)
			continue; /* it has files to open, so it is not behind Landlock yet */
		for (size_t i = 0; i < sizeof(dials) / sizeof(*dials); i++) {
			struct attempt attempt = {&dials[i], process, has_landlock};
			bool may = (dials[i].may_in & 1U << process) != 0;

			if ((dials[i].lacks_tool_in & 1U << process) != 0 &&
			    (!has_landlock || dials[i].target == TARGET_UDP))
				continue;
			if (arrives(&attempt, may ? CONTROL_MS : ARRIVAL_MS) == may)
				continue;
			print_message("%s: %s: %s\n", process_names[process], may ? "cannot" : "can", dials[i].what);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
nobody_dials_but_monitor_and_broker_over_tcp(void **state)
{
	(void)state;
	dial_from_everywhere(false);
}

/* Where the kernel has scopes, a process reaches no abstract socket, even with a sibling's socket. */
static void
nobody_dials_abstract_sockets_from_behind_landlock(void **state)
{
	(void)state;
	if (sandbox_landlock_abi() < 6) {
		print_message("scopes of Landlock: skipped, the kernel has ABI %d\n", sandbox_landlock_abi());
		skip();
	}
	dial_from_everywhere(true);
}

/* ---- a process without files ---- */

static void
look_around(const void *arg, pid_t parent)
{
	enum sandbox_process process = *(const enum sandbox_process *)arg;
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool is_monitor = process == SANDBOX_MONITOR;
	int fd, inherited = open("/dev/null", O_WRONLY | O_CLOEXEC);

	MUST(sandbox_landlock_nowhere(process) == 0);
	MUST(open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	MUST(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) == -1 && errno == EACCES);
	MUST(mkdir("/tmp/from-behind-a-wall", 0700) == -1 && errno == EACCES);
	MUST(write(inherited, "x", 1) == 1); /* it may go on with descriptors that it was given */
	if (sandbox_landlock_abi() >= 4) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		MUST((bind(fd, (struct sockaddr *)&local, sizeof(local)) == 0) == is_monitor);
	}
	if (sandbox_landlock_abi() >= 6)
		MUST((kill(parent, 0) == 0) == is_monitor);
	_exit(0);
}

static void
landlock_leaves_no_file_to_whom_has_none(void **state)
{
	static const enum sandbox_process homeless[] = {
	    SANDBOX_PROTOCOL, SANDBOX_MONITOR, SANDBOX_LOGGER, SANDBOX_METRICS, SANDBOX_PORTER};

	(void)state;
	if (sandbox_landlock_abi() < 1) {
		print_message("Landlock: skipped, the kernel has none\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(homeless) / sizeof(*homeless); i++)
		assert_int_equal(run_in_child(look_around, &homeless[i]), 0);
}

/* ---- processes of the same user ---- */

#define LIMIT 4096U

static pid_t
fork_sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (size_t i = 0; i < sizeof(cmocka_signals) / sizeof(*cmocka_signals); i++)
			signal(cmocka_signals[i], SIG_DFL);
		alarm(CHILD_SECONDS);
		for (;;)
			pause();
	}
	return pid;
}

static void
end_sleeper(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool
is_alive(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static bool
is_limited(pid_t pid)
{
	struct rlimit limit;

	assert_int_equal(prlimit(pid, RLIMIT_FSIZE, NULL, &limit), 0);
	return limit.rlim_cur == LIMIT;
}

enum deed { LIMIT_FILES, LIMIT_DESCRIPTORS, KILL, TERMINATE, KILL_GROUP, DEED_COUNT };

struct assault {
	enum sandbox_process process;
	pid_t children[SANDBOX_CHILD_COUNT], victim;
	enum deed deed;
};

static void
assault(const void *arg, pid_t parent)
{
	const struct assault *assault = arg;
	struct rlimit limit = {LIMIT, RLIM_INFINITY}, few = {3, 3};

	MUST(sandbox_enter_with(assault->process, parent, assault->children) == 0);
	switch (assault->deed) {
	case LIMIT_FILES:
		MUST(prlimit(assault->victim, RLIMIT_FSIZE, &limit, NULL) == 0);
		break;
	case LIMIT_DESCRIPTORS:
		prlimit(assault->victim, RLIMIT_NOFILE, &few, NULL);
		break;
	case KILL:
		MUST(kill(assault->victim, SIGKILL) == 0);
		break;
	case TERMINATE:
		kill(assault->victim, SIGTERM);
		break;
	case KILL_GROUP:
		kill(-assault->victim, SIGKILL);
		break;
	case DEED_COUNT:
		break;
	}
	_exit(0);
}

static void
the_monitor_limits_and_ends_its_own_protocol(void **state)
{
	static const enum sandbox_process monitors[] = {SANDBOX_MONITOR_LOGIN, SANDBOX_MONITOR};
	pid_t protocol;

	(void)state;
	for (size_t i = 0; i < sizeof(monitors) / sizeof(*monitors); i++) {
		struct assault own = {.process = monitors[i], .deed = LIMIT_FILES};

		protocol = fork_sleeper();
		own.victim = own.children[SANDBOX_CHILD_PROTOCOL] = protocol;
		assert_int_equal(run_in_child(assault, &own), 0);
		assert_true(is_limited(protocol));
		own.deed = KILL;
		assert_int_equal(run_in_child(assault, &own), 0);
		assert_int_equal(waitpid(protocol, NULL, 0), protocol);
	}
}

static void
the_process_that_asks_pam_ends_before_login_alone(void **state)
{
	struct assault own = {.process = SANDBOX_MONITOR, .deed = KILL};
	pid_t pam = fork_sleeper();

	(void)state;
	own.victim = own.children[SANDBOX_CHILD_PAM] = pam;
	if (!sandbox_is_widened()) {
		assert_true(died_by(run_in_child(assault, &own), SIGSYS));
		assert_true(is_alive(pam));
	}
	own.process = SANDBOX_MONITOR_LOGIN;
	assert_int_equal(run_in_child(assault, &own), 0);
	assert_int_equal(waitpid(pam, NULL, 0), pam);
}

static void
nobody_limits_or_ends_a_stranger(void **state)
{
	pid_t protocol = fork_sleeper(), stranger = fork_sleeper();
	struct rlimit before, after;

	(void)state;
	if (skipped_when_widened("strangers"))
		skip();
	assert_int_equal(setpgid(stranger, stranger), 0);
	assert_int_equal(prlimit(stranger, RLIMIT_NOFILE, NULL, &before), 0);
	for (enum sandbox_process process = 0; process < SANDBOX_COUNT; process++) {
		for (enum deed deed = 0; deed < DEED_COUNT; deed++) {
			/* with a child, and without one: the number for an absent child matches no process */
			struct assault some = {process, {[SANDBOX_CHILD_PROTOCOL] = protocol}, stranger, deed};
			struct assault none = {process, {0}, stranger, deed};

			assert_true(died_by(run_in_child(assault, &some), SIGSYS));
			assert_true(died_by(run_in_child(assault, &none), SIGSYS));
			assert_true(is_alive(stranger));
			assert_false(is_limited(stranger));
		}
	}
	assert_int_equal(prlimit(stranger, RLIMIT_NOFILE, NULL, &after), 0);
	assert_int_equal(after.rlim_cur, before.rlim_cur);
	assert_true(is_alive(protocol));
	end_sleeper(stranger);
	end_sleeper(protocol);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_dials_but_monitor_and_broker_over_tcp),
	    cmocka_unit_test(nobody_dials_abstract_sockets_from_behind_landlock),
	    cmocka_unit_test(landlock_leaves_no_file_to_whom_has_none),
	    cmocka_unit_test(the_monitor_limits_and_ends_its_own_protocol),
	    cmocka_unit_test(the_process_that_asks_pam_ends_before_login_alone),
	    cmocka_unit_test(nobody_limits_or_ends_a_stranger),
	    cmocka_unit_test(every_way_to_dial_works_without_walls),
	};

	return cmocka_run_group_tests_name("sandbox-reach", tests, open_places, NULL);
}
