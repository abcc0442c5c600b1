/* SPDX-License-Identifier: ISC */
/*
 * delay: a relay that makes a link long. Connections to ADDRESS at one of the ports go on to 127.0.0.1 at the same port,
 * and each byte arrives half of ROUND_TRIP_MS later than it was sent. The handshake counts too: the first byte of a
 * client leaves a round trip after it connected. The rate is not limited.
 *
 * usage: delay ADDRESS ROUND_TRIP_MS PORT [FIRST LAST]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE (64 * 1024)
#define QUEUED_MAX (16 * 1024 * 1024) /* bytes on the way in one direction, then the sender waits */

struct piece {
	struct piece *next;
	uint64_t due_us;
	size_t at, len;
	char bytes[];
};

struct link;

/* One end of a link: what epoll reports. */
struct end {
	struct link *link; /* NULL: a listener */
	struct end *peer;
	int fd;
	uint16_t port;
	bool is_connected, is_eof, is_shut, is_watched_out;
	struct piece *first, **last; /* on the way to this end */
	size_t queued;
};

struct link {
	struct link *next;
	struct end ends[2]; /* the client, the server */
	uint64_t open_us; /* from then on the client's bytes may leave */
	uint64_t connect_us; /* 0: it was begun */
	bool is_dead;
};

static int poller;
static uint64_t half_us;
static struct link *links;

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static void
watch(struct end *end, int how, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = end};

	if (epoll_ctl(poller, how, end->fd, &event) < 0)
		fail("epoll_ctl");
}

/* An end is read while less than QUEUED_MAX is on the way from it, and written to when it was full. */
static void
watch_again(struct end *end)
{
	uint32_t events = end->is_watched_out ? EPOLLOUT : 0;

	if (end->fd < 0)
		return;
	if (!end->is_eof && end->is_connected && end->peer->queued < QUEUED_MAX)
		events |= EPOLLIN;
	watch(end, EPOLL_CTL_MOD, events);
}

static void
listen_at(const char *address, uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct end *end = calloc(1, sizeof(*end));
	int on = 1;

	if (end == NULL || inet_pton(AF_INET, address, &name.sin_addr) != 1)
		fail(address);
	end->port = port;
	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (end->fd < 0 || setsockopt(end->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(end->fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(end->fd, 128) < 0)
		fail("listen");
	watch(end, EPOLL_CTL_ADD, EPOLLIN);
}

static void
accept_client(const struct end *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK), on = 1;
	struct link *link;

	if (fd < 0)
		return;
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		fail("calloc");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (int i = 0; i < 2; i++)
		link->ends[i] = (struct end){.link = link,
		    .peer = &link->ends[1 - i],
		    .fd = -1,
		    .port = listener->port,
		    .last = &link->ends[i].first};
	link->ends[0].fd = fd;
	link->ends[0].is_connected = true;
	link->connect_us = now_us() + half_us;
	link->open_us = now_us() + 2 * half_us;
	link->next = links;
	links = link;
	watch(&link->ends[0], EPOLL_CTL_ADD, EPOLLIN);
}

static void
connect_server(struct link *link)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(link->ends[1].port)};
	struct end *server = &link->ends[1];
	int on = 1;

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	link->connect_us = 0;
	server->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (server->fd < 0 || connect(server->fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		link->is_dead = true;
		return;
	}
	setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	server->is_connected = true;
	watch(server, EPOLL_CTL_ADD, EPOLLIN);
}

/* Read what an end has sent, and put it on its way. A piece without bytes is the end. */
static void
take(struct end *end)
{
	uint64_t now = now_us();
	struct end *to = end->peer;

	while (!end->is_eof && to->queued < QUEUED_MAX) {
		struct piece *piece = malloc(sizeof(*piece) + PIECE);
		ssize_t n;

		if (piece == NULL)
			fail("malloc");
		n = recv(end->fd, piece->bytes, PIECE, MSG_DONTWAIT);
		if (n < 0) {
			free(piece);
			if (errno != EAGAIN && errno != EINTR)
				end->link->is_dead = true;
			break;
		}
		end->is_eof = n == 0;
		*piece = (struct piece){.len = (size_t)n, .due_us = now + half_us};
		if (end == &end->link->ends[0] && now < end->link->open_us)
			piece->due_us = end->link->open_us + half_us;
		*to->last = piece;
		to->last = &piece->next;
		to->queued += (size_t)n;
	}
	watch_again(end);
}

/* Hand over what has arrived. */
static void
give(struct end *end, uint64_t now)
{
	bool was_full = end->queued >= QUEUED_MAX, was_watched = end->is_watched_out;

	end->is_watched_out = false;
	while (end->is_connected && end->first != NULL && end->first->due_us <= now) {
		struct piece *piece = end->first;
		ssize_t n = piece->len == 0
		    ? shutdown(end->fd, SHUT_WR)
		    : send(end->fd, piece->bytes + piece->at, piece->len - piece->at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			end->is_watched_out = true;
			break;
		}
		if (n < 0)
			end->link->is_dead = end->peer->is_eof || errno != ENOTCONN;
		if (n < 0)
			break;
		end->is_shut = piece->len == 0;
		piece->at += (size_t)n;
		end->queued -= (size_t)n;
		if (piece->at < piece->len)
			continue;
		end->first = piece->next;
		if (end->first == NULL)
			end->last = &end->first;
		free(piece);
	}
	if (end->is_watched_out != was_watched)
		watch_again(end);
	if (was_full && end->queued < QUEUED_MAX)
		watch_again(end->peer);
}

static void
drop(struct link *link)
{
	for (int i = 0; i < 2; i++) {
		if (link->ends[i].fd >= 0)
			close(link->ends[i].fd);
		while (link->ends[i].first != NULL) {
			struct piece *piece = link->ends[i].first;

			link->ends[i].first = piece->next;
			free(piece);
		}
	}
	free(link);
}

/* Whatever is due now. Returns how long until the next, in us; -1: nothing is on its way. */
static int64_t
run_due(void)
{
	uint64_t now = now_us(), next = UINT64_MAX;
	struct link **at = &links;

	while (*at != NULL) {
		struct link *link = *at;

		if (link->connect_us != 0 && link->connect_us <= now)
			connect_server(link);
		for (int i = 0; i < 2; i++) {
			struct end *end = &link->ends[i];

			if (end->first != NULL && end->first->due_us <= now && !end->is_watched_out)
				give(end, now);
			if (end->first != NULL && !end->is_watched_out && end->is_connected &&
			    end->first->due_us < next)
				next = end->first->due_us;
		}
		if (link->connect_us != 0 && link->connect_us < next)
			next = link->connect_us;
		if (link->is_dead || (link->ends[0].is_shut && link->ends[1].is_shut)) {
			*at = link->next;
			drop(link);
			continue;
		}
		at = &link->next;
	}
	return next == UINT64_MAX ? -1 : next <= now ? 0 : (int64_t)(next - now);
}

static void
run_events(const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		struct end *end = events[i].data.ptr;

		if (end->link == NULL)
			accept_client(end);
		else if (!end->link->is_dead && (events[i].events & EPOLLOUT) != 0)
			give(end, now_us());
		if (end->link != NULL && !end->link->is_dead &&
		    (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
			if (end->is_eof && (events[i].events & (EPOLLHUP | EPOLLERR)) != 0)
				end->link->is_dead = end->peer->first == NULL;
			take(end);
		}
	}
}

static unsigned long
number_of(const char *text, unsigned long max)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || number > max) {
		fprintf(stderr, "delay: '%s' is no number up to %lu\n", text, max);
		exit(2);
	}
	return number;
}

int
main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = 8192, .rlim_max = 8192};
	unsigned long last;

	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: delay ADDRESS ROUND_TRIP_MS PORT [FIRST LAST]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	half_us = number_of(argv[2], 60000) * 500;
	poller = epoll_create1(0);
	if (poller < 0)
		fail("epoll_create1");
	listen_at(argv[1], (uint16_t)number_of(argv[3], UINT16_MAX));
	if (argc == 6) {
		last = number_of(argv[5], UINT16_MAX);
		for (unsigned long port = number_of(argv[4], UINT16_MAX); port <= last; port++)
			listen_at(argv[1], (uint16_t)port);
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		struct epoll_event events[64];
		int64_t wait_us = run_due();
		struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
		int count = epoll_pwait2(poller, events, 64, wait_us < 0 ? NULL : &wait, NULL);

		run_events(events, count);
	}
}
