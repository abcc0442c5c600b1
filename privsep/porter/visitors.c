/* SPDX-License-Identifier: ISC */
#include "privsep/porter/visitors.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/proxy_header.h"
#include "common/written.h"
#include "privsep/ipc/ipc.h"
#include "privsep/porter/porter.h"

#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

/* A connection whose header is read, or a health check whose end is waited for. */
struct visitor {
	int fd;
	uint32_t number; /* of the master */
	enum introduce_state state;
	bool is_watched; /* by epoll */
	bool has_answer; /* a health check: what still comes is nobody's, until the proxy closes */
	uint64_t due_ms;
	struct proxy_reader reader;
	TAILQ_ENTRY(visitor) entry;
};

TAILQ_HEAD(visitor_list, visitor);

static struct {
	int epoll_fd, channel;
	struct visitor all[PORTER_CONNECTIONS_MAX];
	struct visitor_list waiting, free; /* waiting: the oldest first, so that it is due first */
} visitors SELDOM_WRITTEN;

static struct ipc_message verdict;

/* What a health check reads (by "expect rstring ^220"). */
static const char *const answers[INTRODUCE_STATE_COUNT] = {
    [INTRODUCE_READY] = "220 ready\r\n",
    [INTRODUCE_DRAINING] = "421 The server is stopping\r\n",
    [INTRODUCE_FULL] = "421 Too many sessions\r\n",
    [INTRODUCE_NO_ACCOUNTS] = "421 Accounts cannot be looked up now\r\n",
};

void
visitors_init(int epoll_fd, int channel, uint32_t most)
{
	visitors.epoll_fd = epoll_fd;
	visitors.channel = channel;
	TAILQ_INIT(&visitors.waiting);
	TAILQ_INIT(&visitors.free);
	for (uint32_t i = 0; i < most && i < PORTER_CONNECTIONS_MAX; i++)
		TAILQ_INSERT_TAIL(&visitors.free, &visitors.all[i], entry);
}

/* The master has the connection open as well: what is not deleted here would be waited for beyond this copy. */
static void
visitor_leave(struct visitor *visitor)
{
	if (visitor->is_watched)
		(void)!epoll_ctl(visitors.epoll_fd, EPOLL_CTL_DEL, visitor->fd, NULL);
	visitor->is_watched = false;
	close_fd(&visitor->fd);
	explicit_bzero(&visitor->reader, sizeof(visitor->reader)); /* a peek has seen the client's bytes, too */
	TAILQ_REMOVE(&visitors.waiting, visitor, entry);
	TAILQ_INSERT_TAIL(&visitors.free, visitor, entry);
}

static void
put_end(const union address *address)
{
	uint8_t host[16] = {0};
	bool is_v6 = address->family == AF_INET6;

	if (address->family != AF_UNSPEC)
		memcpy(host, is_v6 ? (const void *)&address->v6.sin6_addr : (const void *)&address->v4.sin_addr,
		    is_v6 ? 16 : 4);
	ipc_put_u8(&verdict, address->family == AF_UNSPEC ? 0 : is_v6 ? 6 : 4);
	ipc_put_bytes(&verdict, host, sizeof(host));
	ipc_put_u32(&verdict, address->family == AF_UNSPEC ? 0 : address_port(address));
}

/* The master is gone when it cannot be told. */
static void
tell_verdict(const struct visitor *visitor, enum introduced_verdict what, const struct proxy_header *header)
{
	ipc_begin(&verdict, IPC_introduced);
	ipc_put_u32(&verdict, visitor->number);
	ipc_put_u8(&verdict, (uint8_t)what);
	ipc_put_u8(&verdict, (uint8_t)header->fault);
	put_end(&header->source);
	put_end(&header->destination);
	ipc_put_bytes(&verdict, header->unique_id, header->unique_id_len);
	if (ipc_send(visitors.channel, &verdict, -1) < 0)
		_exit(0);
}

static void
end_with_verdict(struct visitor *visitor, enum introduced_verdict what, enum proxy_fault fault)
{
	const struct proxy_header none = {.fault = fault};

	tell_verdict(visitor, what, &none);
	visitor_leave(visitor);
}

/* The proxy closes first: a close with its bytes unread would reset what it has not read yet. */
static void
answer_check(struct visitor *visitor, const struct proxy_header *header)
{
	const char *answer = answers[visitor->state];

	(void)!send(visitor->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)!shutdown(visitor->fd, SHUT_WR);
	visitor->has_answer = true;
	tell_verdict(visitor, INTRODUCED_CHECK, header);
}

static void
drop_rest(struct visitor *visitor)
{
	static char ignored[4096];
	ssize_t n = recv(visitor->fd, ignored, sizeof(ignored), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		visitor_leave(visitor);
}

static void
take_header(struct visitor *visitor, const struct proxy_header *header)
{
	if (header->told == PROXY_TOLD_LOCAL) {
		answer_check(visitor, header);
		return;
	}
	tell_verdict(visitor, header->told == PROXY_TOLD_CLIENT ? INTRODUCED_CLIENT : INTRODUCED_PROXY, header);
	visitor_leave(visitor);
}

static void
read_header(struct visitor *visitor)
{
	struct proxy_header header;
	int r;

#ifdef SALLYPORT_TAKEOVER
	if (takeover_porter(visitor->fd, visitors.channel))
		return;
#endif
	r = proxy_header_read(visitor->fd, &visitor->reader, &header);
	if (r == 0)
		take_header(visitor, &header);
	else if (r == -EBADMSG)
		end_with_verdict(visitor, INTRODUCED_BAD, header.fault);
	else if (r != -EAGAIN && visitor->reader.len == 0)
		end_with_verdict(visitor, INTRODUCED_SILENT, PROXY_FAULT_NONE);
	else if (r != -EAGAIN)
		end_with_verdict(visitor, INTRODUCED_BAD, PROXY_FAULT_CUT);
}

void
visitors_ready(uint32_t number)
{
	struct visitor *visitor = &visitors.all[number];

	if (visitor->has_answer)
		drop_rest(visitor);
	else
		read_header(visitor);
}

static void
give_up_visitor(struct visitor *visitor)
{
	if (visitor->has_answer)
		visitor_leave(visitor);
	else
		end_with_verdict(visitor, INTRODUCED_SLOW, PROXY_FAULT_NONE);
}

static struct visitor *
take_visitor_place(void)
{
	struct visitor *visitor;

	if (TAILQ_EMPTY(&visitors.free))
		give_up_visitor(TAILQ_FIRST(&visitors.waiting));
	visitor = TAILQ_FIRST(&visitors.free);
	TAILQ_REMOVE(&visitors.free, visitor, entry);
	return visitor;
}

static void
watch_visitor(struct visitor *visitor)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(visitor - visitors.all)};

	visitor->is_watched = epoll_ctl(visitors.epoll_fd, EPOLL_CTL_ADD, visitor->fd, &event) == 0;
	if (!visitor->is_watched)
		give_up_visitor(visitor);
}

bool
visitors_introduce(struct ipc_message *message, uint64_t now_ms)
{
	uint32_t number = ipc_get_u32(message);
	uint8_t state = ipc_get_u8(message);
	struct visitor *visitor;

	if (!ipc_end(message) || state >= INTRODUCE_STATE_COUNT)
		return false;
	visitor = take_visitor_place();
	visitor->fd = ipc_take_fd(message);
	visitor->number = number;
	visitor->state = (enum introduce_state)state;
	visitor->has_answer = false;
	visitor->due_ms = now_ms + PROXY_HEADER_MS;
	TAILQ_INSERT_TAIL(&visitors.waiting, visitor, entry);
	/* a proxy sends its header as soon as it is connected: most of them are here already */
	read_header(visitor);
	if (visitor->fd >= 0)
		watch_visitor(visitor);
	return true;
}

int
visitors_expire(uint64_t now_ms)
{
	struct visitor *visitor;

	while ((visitor = TAILQ_FIRST(&visitors.waiting)) != NULL && visitor->due_ms <= now_ms)
		give_up_visitor(visitor);
	return visitor == NULL ? -1 : deadline_left_ms(visitor->due_ms, now_ms);
}
