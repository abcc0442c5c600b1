/* SPDX-License-Identifier: ISC */
#include "client/engine/connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/engine/wire.h"
#include "common/io.h"

#include "common/banned.h"

#define NEXT_AFTER_MS 250 /* RFC 8305, 5 */
#define NAP_MS 100

/* --- the look-up --- */

/*
 * getaddrinfo(3) waits as long as it likes, and no signal stops it. So a thread asks, and the last of thread and
 * waiting caller frees this.
 */
struct lookup {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *host;
	struct addrinfo hints;
	struct addrinfo *found;
	int error; /* of getaddrinfo(3) */
	int system_error;
	bool is_done, is_left;
};

static void
lookup_free(struct lookup *lookup)
{
	if (lookup->found != NULL)
		freeaddrinfo(lookup->found);
	pthread_cond_destroy(&lookup->changed);
	pthread_mutex_destroy(&lookup->lock);
	free(lookup->host);
	free(lookup);
}

static void *
lookup_thread(void *argument)
{
	struct lookup *lookup = argument;
	struct addrinfo *found = NULL;
	int error = getaddrinfo(lookup->host, NULL, &lookup->hints, &found);
	int system_error = errno;
	bool is_left;

	pthread_mutex_lock(&lookup->lock);
	lookup->found = error == 0 ? found : NULL;
	lookup->error = error;
	lookup->system_error = system_error;
	lookup->is_done = true;
	is_left = lookup->is_left;
	pthread_cond_signal(&lookup->changed);
	pthread_mutex_unlock(&lookup->lock);
	if (is_left)
		lookup_free(lookup);
	return NULL;
}

static struct lookup *
lookup_new(const struct connect_wish *wish)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	pthread_condattr_t attributes;

	if (lookup == NULL)
		return NULL;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&lookup->lock, NULL);
	pthread_cond_init(&lookup->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	lookup->hints.ai_family = wish->family;
	lookup->hints.ai_socktype = SOCK_STREAM;
	lookup->host = strdup(wish->host);
	if (lookup->host == NULL) {
		lookup_free(lookup);
		return NULL;
	}
	return lookup;
}

/* The thread must not take the signals of the caller that waits. */
static int
start_thread(struct lookup *lookup)
{
	pthread_attr_t attributes;
	sigset_t all, saved;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	r = pthread_create(&thread, &attributes, lookup_thread, lookup);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	pthread_attr_destroy(&attributes);
	return -r;
}

static struct timespec
monotonic_after(unsigned int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_nsec += (long)ms * 1000000;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	return at;
}

/* Wait for the thread, with the lock held. */
static int
lookup_wait(struct lookup *lookup, const struct connect_wish *wish)
{
	uint64_t deadline = monotonic_ms() + wish->timeout_ms;

	while (!lookup->is_done) {
		struct timespec until = monotonic_after(NAP_MS);

		if (wish->abort != NULL && *wish->abort)
			return -ECANCELED;
		if (monotonic_ms() >= deadline)
			return -ETIMEDOUT;
		pthread_cond_timedwait(&lookup->changed, &lookup->lock, &until);
	}
	return 0;
}

/* Put the results into addresses, with the families taking turns. Returns their number. */
static size_t
take_turns(const struct addrinfo *found, uint16_t port, union address *addresses)
{
	size_t count = 0;
	int family = found == NULL ? AF_UNSPEC : found->ai_family;
	const struct addrinfo *next[2] = {found, found};

	/* next[0] walks over the family of the first address, next[1] over the others */
	while (count < CONNECT_ADDRESSES_MAX && (next[0] != NULL || next[1] != NULL)) {
		for (int i = 0; i < 2; i++) {
			while (next[i] != NULL && (next[i]->ai_family == family) != (i == 0))
				next[i] = next[i]->ai_next;
			if (next[i] == NULL || count == CONNECT_ADDRESSES_MAX)
				continue;
			if (next[i]->ai_addrlen <= sizeof(addresses[count]) &&
			    (next[i]->ai_family == AF_INET || next[i]->ai_family == AF_INET6)) {
				memset(&addresses[count], 0, sizeof(addresses[count]));
				memcpy(&addresses[count], next[i]->ai_addr, next[i]->ai_addrlen);
				address_set_port(&addresses[count++], port);
			}
			next[i] = next[i]->ai_next;
		}
	}
	return count;
}

/* True when the look-up failed for good: no such name exists. None below "invalid" ever does (RFC 6761, 6.4). */
static bool
is_no_name(const char *host, int error)
{
	static const char invalid[] = ".invalid";
	size_t len = strlen(host);

	return error == EAI_NONAME || error == EAI_NODATA || error == EAI_FAIL ||
	    (len > strlen(invalid) && strcasecmp(host + len - strlen(invalid), invalid) == 0);
}

int
connect_resolve(const struct connect_wish *wish, union address *addresses, char *why, size_t why_size)
{
	struct lookup *lookup = lookup_new(wish);
	int r = lookup == NULL ? -ENOMEM : start_thread(lookup);
	bool is_done;

	if (r < 0) {
		if (lookup != NULL)
			lookup_free(lookup);
		snprintf(why, why_size, "%s", strerror(-r));
		return r;
	}
	pthread_mutex_lock(&lookup->lock);
	r = lookup_wait(lookup, wish);
	if (r == -ETIMEDOUT) {
		snprintf(why, why_size, "the name servers did not answer within %u s", wish->timeout_ms / 1000);
	} else if (r == 0 && lookup->error != 0) {
		snprintf(why, why_size, "%s",
		    lookup->error == EAI_SYSTEM ? strerror(lookup->system_error) : gai_strerror(lookup->error));
		r = is_no_name(wish->host, lookup->error) ? -ENOENT : -EAGAIN;
	} else if (r == 0) {
		r = (int)take_turns(lookup->found, wish->port, addresses);
		if (r == 0) {
			snprintf(why, why_size, "the name has no address");
			r = -ENOENT;
		}
	}
	lookup->is_left = true;
	is_done = lookup->is_done;
	pthread_mutex_unlock(&lookup->lock);
	if (is_done)
		lookup_free(lookup);
	return r;
}

/* --- one address --- */

int
connect_source_parse(const char *text, struct connect_source *source)
{
	*source = (struct connect_source){.address.family = AF_UNSPEC};
	if (address_parse(text, &source->address) == 0)
		return 0;
	source->address.family = AF_UNSPEC;
	if (strlen(text) >= sizeof(source->interface))
		return -EINVAL;
	if (if_nametoindex(text) == 0)
		return -ENODEV;
	snprintf(source->interface, sizeof(source->interface), "%s", text);
	return 0;
}

int
connect_bind(int fd, int family, const struct connect_source *source)
{
	int on = 1;

	if (source == NULL)
		return 0;
	if (source->interface[0] != '\0' &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, source->interface, (socklen_t)strlen(source->interface)) < 0)
		return -errno;
	if (source->address.family == AF_UNSPEC)
		return 0;
	if (source->address.family != family)
		return -EAFNOSUPPORT;
	/* connect(2) chooses the port, so that many connections share one */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, &source->address.any, address_len(&source->address)) < 0 ? -errno : 0;
}

int
connect_begin(const union address *peer, const struct connect_source *source)
{
	int fd = socket(peer->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	r = connect_bind(fd, peer->family, source);
	if (r < 0) {
		close_fd(&fd);
		return r;
	}
	if (connect(fd, &peer->any, address_len(peer)) < 0 && errno != EINPROGRESS) {
		r = -errno;
		close_fd(&fd);
		return r;
	}
	return fd;
}

/* The result of a connection that is ready: 0 or -errno. */
static int
connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

int
connect_end(int fd, unsigned int timeout_ms, const volatile sig_atomic_t *abort)
{
	int r = wire_wait(fd, POLLOUT, timeout_ms, abort);

	return r < 0 ? r : connect_result(fd);
}

/* --- the race --- */

struct race {
	union address addresses[CONNECT_ADDRESSES_MAX];
	struct pollfd tries[CONNECT_ADDRESSES_MAX]; /* fd -1: failed, or not begun */
	uint64_t deadlines[CONNECT_ADDRESSES_MAX];
	size_t count, begun;
	int error; /* the last one */
	char *why;
	size_t why_size;
};

/* An address has failed: report it, and keep the last error. */
static void
lose_address(struct race *race, size_t i, int error)
{
	char host[ADDRESS_TEXT_MAX];
	size_t used = strlen(race->why);

	close_fd(&race->tries[i].fd);
	race->error = error;
	address_text(&race->addresses[i], host);
	snprintf(race->why + used, race->why_size - used, "%s%s port %u: %s", used == 0 ? "" : "; ", host,
	    address_port(&race->addresses[i]), error == -ETIMEDOUT ? "no answer in time" : strerror(-error));
}

static void
begin_next(struct race *race, const struct connect_wish *wish)
{
	size_t i = race->begun++;
	int fd = connect_begin(&race->addresses[i], wish->source);

	race->tries[i] = (struct pollfd){.fd = fd < 0 ? -1 : fd, .events = POLLOUT};
	race->deadlines[i] = monotonic_ms() + wish->timeout_ms;
	if (fd < 0)
		lose_address(race, i, fd);
}

static bool
is_running(const struct race *race)
{
	for (size_t i = 0; i < race->begun; i++) {
		if (race->tries[i].fd >= 0)
			return true;
	}
	return false;
}

/* Look at all that run. Returns the index of the winner, or -1. */
static int
look_at_tries(struct race *race)
{
	uint64_t now = monotonic_ms();

	for (size_t i = 0; i < race->begun; i++) {
		int r;

		if (race->tries[i].fd < 0)
			continue;
		if (race->tries[i].revents != 0) {
			r = connect_result(race->tries[i].fd);
			if (r == 0)
				return (int)i;
			lose_address(race, i, r);
		} else if (now >= race->deadlines[i]) {
			lose_address(race, i, -ETIMEDOUT);
		}
	}
	return -1;
}

/* Returns the index of the winner, or -errno. */
static int
run_race(struct race *race, const struct connect_wish *wish)
{
	uint64_t next_at = 0;

	while (race->begun < race->count || is_running(race)) {
		int winner;

		if (wish->abort != NULL && *wish->abort)
			return -ECANCELED;
		if (race->begun < race->count && (monotonic_ms() >= next_at || !is_running(race))) {
			begin_next(race, wish);
			next_at = monotonic_ms() + NEXT_AFTER_MS;
		}
		if (!is_running(race))
			continue;
		if (poll(race->tries, race->begun, NAP_MS) < 0 && errno != EINTR)
			return -errno;
		winner = look_at_tries(race);
		if (winner >= 0)
			return winner;
	}
	return race->error;
}

int
connect_host(const struct connect_wish *wish, int *fd, union address *peer, char *why, size_t why_size)
{
	struct race race = {.why = why, .why_size = why_size};
	int r;

	*why = '\0';
	*fd = -1;
	if (wish->abort != NULL && *wish->abort)
		return -ECANCELED;
	r = connect_resolve(wish, race.addresses, why, why_size);
	if (r < 0)
		return r;
	race.count = (size_t)r;
	r = run_race(&race, wish);
	if (r >= 0) {
		*fd = race.tries[r].fd;
		*peer = race.addresses[r];
		race.tries[r].fd = -1;
		r = 0;
	}
	for (size_t i = 0; i < race.begun; i++)
		close_fd(&race.tries[i].fd);
	return r;
}
