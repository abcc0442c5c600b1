/* SPDX-License-Identifier: ISC */
/*
 * Plays the master and the monitors of a broker, for tests/e2e/broker.bats: starts it as the master does, and does what
 * lines of standard input say.
 *
 * usage: broker_host PROGRAM UID GID VERSION STORE_CONF [BOOT]
 *
 *   find TAG NAME          a session asks for an account
 *   many TAG COUNT NAME    so many sessions ask for NAME0, NAME1 and so on, all at once
 *   open TAG COUNT         so many sessions come, which ask nothing
 *   join TAG NAME          a session asks for an account, and stays
 *   credit TAG FIGURES     it asks for credit: share, number, and bytes and files of net, keep, want and spare
 *   close TAG FIGURES      it closes its share: share, number, bytes and files of net
 *   counted TAG FIGURES    it has counted: share, number, net and what was found, and the count
 *   deaf TAG               it answers no recall; others do, with what they were told before, and want nothing
 *   leave TAG              it ends
 *   load TAG SECONDS COUNT  so many sessions that have joined as TAG0, TAG1 and so on ask for credit, as fast as they can
 *   twice TAG NAME OTHER   a session asks for two names without waiting for the answer
 *   garbage TAG            a session sends what is no message
 *   address NAME ADDRESS...  what the master finds when it is asked for a name
 *   nothing NAME           the master never answers that one
 *   hang-up                the master closes its channel
 *
 * Prints a line for each thing that happens; ends with the broker, or when standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/bounds.h"
#include "common/io.h"
#include "common/text.h"
#include "privsep/ipc/ipc.h"
#include "privsep/sandbox/sandbox.h"

#include "common/banned.h"

#define SESSIONS_AT_ONCE 4096
#define NAMES_AT_ONCE 8
#define SILENT_MS 10000
#define TAG_MAX 32

struct asked {
	int channel;
	char tag[TAG_MAX];
	bool is_one_of_many, is_quiet, stays, is_loaded;
	uint64_t asked_ms;
	uint64_t share, seq; /* of its last credit */
};

struct known {
	char name[BROKER_HOST_MAX + 1];
	bool is_silent;
	unsigned count;
	uint8_t families[BROKER_ADDRESSES_MAX], hosts[BROKER_ADDRESSES_MAX][16];
};

static struct {
	int master, log;
	pid_t pid;
	struct asked sessions[SESSIONS_AT_ONCE];
	unsigned session_count;
	struct known names[NAMES_AT_ONCE];
	unsigned name_count;
	char many_tag[TAG_MAX];
	unsigned many_left, many_of[FOUND_COUNT], many_gone;
	uint64_t many_ms, many_slowest;
	char load_tag[TAG_MAX];
	uint64_t load_end_ms, load_credits, load_refused, load_ms;
} host;

static struct ipc_message message;
static const char *const states[BROKER_STATE_COUNT] = {"down", "up", "strange", "starting"};
static const char *const founds[] = {"account", "nobody", "not-now"};

static void __attribute__((noreturn)) fail(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- the broker --- */

static void
start_broker(char **argv)
{
	char *const arguments[] = {argv[1], argv[4], argv[5], argv[6], NULL}; /* argv[6]: NULL where there is none */
	static char zone[] = "TZ=UTC";
	char *const environment[] = {zone, NULL};
	int master[2], records[2];
	uint64_t uid, gid;

	if (ipc_pair(master, 5) < 0 || ipc_pair(records, 0) < 0 || parse_u64(argv[2], UINT32_MAX - 1, &uid) < 0 ||
	    parse_u64(argv[3], UINT32_MAX - 1, &gid) < 0)
		fail("channels");
	host.pid = fork();
	if (host.pid < 0)
		fail("fork");
	if (host.pid == 0) {
		int nowhere = open("/dev/null", O_RDWR);

		if (nowhere < 0 || dup2(nowhere, 0) < 0 || dup2(nowhere, 1) < 0 || dup2(nowhere, 2) < 0)
			_exit(1);
		if (dup2(master[1], 100) < 0 || dup2(records[1], 101) < 0 || dup2(100, 3) < 0 || dup2(101, 4) < 0)
			_exit(1);
		if (sandbox_close_all_but((const int[]){3, 4}, 2) < 0 ||
		    sandbox_drop_identity((uid_t)uid, (gid_t)gid) < 0)
			_exit(1);
		execve(argv[1], arguments, environment);
		_exit(127);
	}
	close(master[1]);
	close(records[1]);
	host.master = master[0];
	host.log = records[0];
	printf("started %d\n", (int)host.pid);
}

/* --- sessions --- */

static void
send_question(struct asked *asked, const char *name)
{
	ipc_begin(&message, IPC_find_account);
	ipc_put_text(&message, name);
	(void)ipc_send(asked->channel, &message, -1);
}

/* Its first questions are there before the broker has the channel. names: by blanks; NULL: none. */
static struct asked *
new_session_with(const char *tag, char *names)
{
	struct asked *asked = &host.sessions[host.session_count];
	int channels[2];

	if (host.session_count == SESSIONS_AT_ONCE || ipc_pair(channels, 0) < 0)
		fail("session");
	asked->channel = channels[0];
	while (names != NULL)
		send_question(asked, strsep(&names, " "));
	ipc_begin(&message, IPC_broker_session);
	if (ipc_send(host.master, &message, channels[1]) < 0)
		fail("broker_session");
	close(channels[1]);
	*asked = (struct asked){.channel = channels[0], .asked_ms = monotonic_ms()};
	snprintf(asked->tag, sizeof(asked->tag), "%s", tag);
	host.session_count++;
	return asked;
}

static struct asked *
new_session(const char *tag)
{
	return new_session_with(tag, NULL);
}

static void
end_session(struct asked *asked)
{
	close(asked->channel);
	*asked = host.sessions[--host.session_count];
}

static void
ask_for_many(const char *tag, unsigned count, const char *prefix)
{
	char name[ACCOUNT_NAME_MAX + 1];

	snprintf(host.many_tag, sizeof(host.many_tag), "%s", tag);
	memset(host.many_of, 0, sizeof(host.many_of));
	host.many_left = count;
	host.many_gone = 0;
	host.many_slowest = 0;
	host.many_ms = monotonic_ms();
	for (unsigned i = 0; i < count; i++) {
		struct asked *asked = new_session(tag);

		asked->is_one_of_many = true;
		snprintf(name, sizeof(name), "%s%u", prefix, i);
		send_question(asked, name);
	}
}

static void
count_one(struct asked *asked, int found)
{
	uint64_t took = monotonic_ms() - asked->asked_ms;

	if (found < 0)
		host.many_gone++;
	else
		host.many_of[found]++;
	if (took > host.many_slowest)
		host.many_slowest = took;
	if (--host.many_left == 0)
		printf("%s account=%u nobody=%u not-now=%u closed=%u slowest=%llu all=%llu\n", host.many_tag,
		    host.many_of[FOUND_ACCOUNT], host.many_of[FOUND_NOBODY], host.many_of[FOUND_NOT_NOW],
		    host.many_gone, (unsigned long long)host.many_slowest,
		    (unsigned long long)(monotonic_ms() - host.many_ms));
}

static void
print_bytes(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		putchar((unsigned char)bytes[i] < 0x20 ? '?' : bytes[i]);
}

static void
print_found(struct asked *asked, int r)
{
	int result = r < 0 ? r : ipc_get_result(&message);
	unsigned found = ipc_get_u8(&message), is_kept = ipc_get_u8(&message);
	unsigned long long id = ipc_get_u64(&message), took = monotonic_ms() - asked->asked_ms;
	size_t len = 0;
	const char *text = ipc_get_bytes(&message, BROKER_LINE_MAX, &len);

	if (r == -EAGAIN)
		return;
	if (result == 0 && (!ipc_end(&message) || found >= FOUND_COUNT))
		result = -EPROTO;
	if (asked->is_one_of_many) {
		count_one(asked, result < 0 ? -1 : (int)found);
	} else if (result < 0) {
		printf("%s closed %d ms=%llu\n", asked->tag, result, took);
	} else {
		printf("%s found=%s kept=%u id=%llu ms=%llu len=%zu text=", asked->tag, founds[found], is_kept, id,
		    took, len);
		print_bytes(text, len);
		putchar('\n');
	}
	if (result < 0 || !asked->stays)
		end_session(asked);
}

/* --- shares --- */

static struct asked *
session_of(const char *tag)
{
	for (unsigned i = 0; i < host.session_count; i++)
		if (host.sessions[i].stays && strcmp(host.sessions[i].tag, tag) == 0)
			return &host.sessions[i];
	printf("failed: no session %s\n", tag);
	exit(1);
}

/* Numbers as the words have them, and zeros for those that are missing. */
static void
send_share_question(struct asked *asked, enum ipc_kind kind, char *words, unsigned count)
{
	ipc_begin(&message, kind);
	for (unsigned i = 0; i < count; i++) {
		const char *word = words == NULL ? NULL : strsep(&words, " ");
		unsigned long long number = word == NULL ? 0 : strtoull(word, NULL, 10);

		if (i == 0)
			asked->share = number;
		if (i == 1)
			asked->seq = number;
		ipc_put_u64(&message, number);
	}
	asked->asked_ms = monotonic_ms();
	(void)ipc_send(asked->channel, &message, -1);
}

static void
send_loaded_credit(struct asked *asked)
{
	char words[64];

	snprintf(
	    words, sizeof(words), "%llu %llu", (unsigned long long)asked->share, (unsigned long long)asked->seq + 1);
	send_share_question(asked, IPC_credit, words, 10);
}

static void
start_load(const char *tag, char *words)
{
	char name[TAG_MAX];

	snprintf(host.load_tag, sizeof(host.load_tag), "%s", tag);
	host.load_ms = monotonic_ms();
	host.load_end_ms = host.load_ms + 1000 * strtoull(strsep(&words, " "), NULL, 10);
	host.load_credits = host.load_refused = 0;
	for (unsigned i = 0, count = (unsigned)strtoul(words, NULL, 10); i < count; i++) {
		struct asked *asked;

		snprintf(name, sizeof(name), "%s%u", tag, i);
		asked = session_of(name);
		asked->is_loaded = true;
		send_loaded_credit(asked);
	}
}

/* In a load: the next one. At its end the figures are printed once. */
static void
count_credit(struct asked *asked, int result)
{
	host.load_credits += result == 0;
	host.load_refused += result < 0;
	if (monotonic_ms() < host.load_end_ms) {
		send_loaded_credit(asked);
		return;
	}
	asked->is_loaded = false;
	for (unsigned i = 0; i < host.session_count; i++)
		if (host.sessions[i].is_loaded)
			return;
	printf("%s load credits=%llu refused=%llu ms=%llu\n", host.load_tag, (unsigned long long)host.load_credits,
	    (unsigned long long)host.load_refused, (unsigned long long)(monotonic_ms() - host.load_ms));
}

static void
print_credit(struct asked *asked, unsigned long long took)
{
	static const char *const outcomes[CREDIT_OUTCOME_COUNT] = {
	    "granted", "over-quota", "called", "gone", "count-first", "too-many", "not-now", "old-number"};
	unsigned outcome = ipc_get_u8(&message);
	long long share = (long long)ipc_get_u64(&message), figures[5];
	unsigned nodes;

	for (int i = 0; i < 5; i++)
		figures[i] = (long long)ipc_get_u64(&message);
	nodes = ipc_get_u32(&message);
	if (!ipc_end(&message) || outcome >= CREDIT_OUTCOME_COUNT)
		printf("%s broken\n", asked->tag);
	else
		printf("%s credit=%s share=%lld allow=%lld,%lld used=%lld,%lld count=%lld nodes=%u ms=%llu\n",
		    asked->tag, outcomes[outcome], share, figures[0], figures[1], figures[2], figures[3], figures[4],
		    nodes, took);
	if (share != 0)
		asked->share = (uint64_t)share;
}

static void
take_share_reply(struct asked *asked)
{
	unsigned long long took = monotonic_ms() - asked->asked_ms;
	int result;

	if (message.kind == IPC_recall && !message.is_reply) {
		printf("%s recalled\n", asked->tag);
		if (!asked->is_quiet)
			send_loaded_credit(asked);
		return;
	}
	result = ipc_get_result(&message);
	if (asked->is_loaded)
		count_credit(asked, result);
	else if (result < 0)
		printf("%s %s=%s ms=%llu\n", asked->tag, ipc_kind_name(message.kind), strerror(-result), took);
	else if (message.kind == IPC_credit)
		print_credit(asked, took);
	else
		printf("%s %s=%u ms=%llu\n", asked->tag, ipc_kind_name(message.kind), ipc_get_u8(&message), took);
}

static void
take_reply(struct asked *asked)
{
	int r = ipc_receive_now(asked->channel, IPC_MONITOR, IPC_STATE_LOGIN, &message);

	if (r == 0 && message.kind != IPC_find_account) {
		take_share_reply(asked);
		return;
	}
	print_found(asked, r);
}

static void
give_up_silent(void)
{
	for (unsigned i = 0; i < host.session_count; i++) {
		struct asked *asked = &host.sessions[i];

		if (asked->is_quiet || asked->stays || asked->asked_ms + SILENT_MS > monotonic_ms())
			continue;
		if (asked->is_one_of_many)
			count_one(asked, -1);
		else
			printf("%s silent\n", asked->tag);
		end_session(asked);
		i--;
	}
}

/* --- what the broker says to the master and the logger --- */

static void
answer_lookup(void)
{
	char name[BROKER_HOST_MAX + 1];
	const struct known *known = NULL;

	ipc_get_text(&message, name, sizeof(name));
	printf("lookup %s\n", name);
	for (unsigned i = 0; i < host.name_count; i++)
		if (strcmp(host.names[i].name, name) == 0)
			known = &host.names[i];
	if (known != NULL && known->is_silent)
		return;
	ipc_begin_reply(&message, IPC_broker_lookup, 0);
	for (unsigned i = 0; known != NULL && i < known->count; i++) {
		ipc_put_u8(&message, known->families[i]);
		ipc_put_bytes(&message, known->hosts[i], 16);
	}
	if (ipc_send(host.master, &message, -1) < 0)
		fail("broker_lookup");
}

static bool
hear_broker(void)
{
	int r = ipc_receive_now(host.master, IPC_MASTER, IPC_STATE_ANY, &message);

	if (r == -EAGAIN)
		return true;
	if (r < 0)
		return false;
	if (message.kind == IPC_broker_state) {
		unsigned state = ipc_get_u8(&message);
		unsigned kept = ipc_get_u32(&message);

		printf("state %s kept=%u\n", state < BROKER_STATE_COUNT ? states[state] : "?", kept);
	} else if (message.kind == IPC_broker_node) {
		static const char *const standings[NODE_STANDING_COUNT] = {"unknown", "known", "refused"};
		unsigned standing = ipc_get_u8(&message), shares = ipc_get_u32(&message),
			 sessions = ipc_get_u32(&message);
		char name[BROKER_NODE_MAX + 1];

		ipc_get_text(&message, name, sizeof(name));
		printf("node %s %s shares=%u sessions=%u\n", name,
		    standing < NODE_STANDING_COUNT ? standings[standing] : "?", shares, sessions);
	} else if (message.kind == IPC_broker_lookup) {
		answer_lookup();
	} else if (message.kind == IPC_alarm) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)ipc_get_u32(&message));

		printf("alarm %s\n", name == NULL ? "?" : name);
		free(name);
	} else {
		printf("says %s\n", ipc_kind_name(message.kind));
	}
	return true;
}

static void
hear_log(void)
{
	char event[64], word[64];

	if (ipc_receive_now(host.log, IPC_LOGGER, IPC_STATE_ANY, &message) < 0)
		return;
	(void)ipc_get_u8(&message);
	(void)ipc_get_u64(&message);
	(void)ipc_get_u32(&message);
	ipc_get_text(&message, event, sizeof(event));
	for (int i = 0; i < 4; i++)
		ipc_get_text(&message, word, sizeof(word));
	printf("log %s", event);
	while (ipc_has_more(&message)) {
		bool is_number = ipc_get_u8(&message) == 'u';
		size_t len = 0;
		const char *bytes;

		ipc_get_text(&message, word, sizeof(word));
		printf(" %s=", word);
		if (is_number) {
			printf("%llu", (unsigned long long)ipc_get_u64(&message));
		} else {
			bytes = ipc_get_bytes(&message, IPC_MESSAGE_MAX, &len);
			print_bytes(bytes, len);
		}
	}
	putchar('\n');
}

/* --- lines --- */

static void
learn_name(char *words)
{
	struct known *known = &host.names[host.name_count];
	const char *word = strsep(&words, " ");

	for (unsigned i = 0; i < host.name_count; i++)
		if (strcmp(host.names[i].name, word) == 0)
			known = &host.names[i];
	if (known == &host.names[host.name_count] && ++host.name_count == NAMES_AT_ONCE)
		fail("too many names");
	*known = (struct known){.is_silent = false};
	snprintf(known->name, sizeof(known->name), "%s", word);
	while ((word = strsep(&words, " ")) != NULL && known->count < BROKER_ADDRESSES_MAX) {
		bool is_v6 = strchr(word, ':') != NULL;

		if (inet_pton(is_v6 ? AF_INET6 : AF_INET, word, known->hosts[known->count]) != 1)
			fail("address");
		known->families[known->count++] = is_v6 ? 6 : 4;
	}
}

static unsigned
number_of(const char *word)
{
	uint64_t number;

	if (word == NULL || parse_u64(word, SESSIONS_AT_ONCE, &number) < 0)
		fail("a number is wanted");
	return (unsigned)number;
}

static void
obey(char *line)
{
	const char *verb = strsep(&line, " ");
	const char *tag;

	if (strcmp(verb, "hang-up") == 0) {
		close_fd(&host.master);
		return;
	}
	if (strcmp(verb, "address") == 0) {
		learn_name(line);
		return;
	}
	tag = strsep(&line, " ");
	if (strcmp(verb, "nothing") == 0) {
		snprintf(host.names[host.name_count].name, BROKER_HOST_MAX, "%s", tag);
		host.names[host.name_count++].is_silent = true;
	} else if (strcmp(verb, "find") == 0) {
		send_question(new_session(tag), line);
	} else if (strcmp(verb, "join") == 0) {
		struct asked *asked = new_session(tag);

		asked->stays = true;
		send_question(asked, line);
	} else if (strcmp(verb, "credit") == 0) {
		send_share_question(session_of(tag), IPC_credit, line, 10);
	} else if (strcmp(verb, "close") == 0) {
		send_share_question(session_of(tag), IPC_share_close, line, 4);
	} else if (strcmp(verb, "counted") == 0) {
		send_share_question(session_of(tag), IPC_counted, line, 7);
	} else if (strcmp(verb, "deaf") == 0) {
		session_of(tag)->is_quiet = true;
	} else if (strcmp(verb, "leave") == 0) {
		end_session(session_of(tag));
		printf("%s left\n", tag);
	} else if (strcmp(verb, "load") == 0) {
		start_load(tag, line);
	} else if (strcmp(verb, "twice") == 0) {
		new_session_with(tag, line);
	} else if (strcmp(verb, "garbage") == 0) {
		(void)!write(new_session(tag)->channel, "what is that?", 13);
	} else if (strcmp(verb, "many") == 0) {
		unsigned count = number_of(strsep(&line, " "));

		ask_for_many(tag, count, line);
	} else if (strcmp(verb, "open") == 0) {
		for (unsigned i = number_of(line); i > 0; i--)
			new_session(tag)->is_quiet = true;
		printf("%s opened\n", tag);
	} else {
		fail("what is that?");
	}
}

/* False: there will be no more lines. */
static bool
hear_lines(void)
{
	static char lines[8192];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, lines + len, sizeof(lines) - 1 - len);
	char *end;

	if (n <= 0)
		return false;
	len += (size_t)n;
	lines[len] = '\0';
	while ((end = strchr(lines, '\n')) != NULL) {
		*end = '\0';
		obey(lines);
		len -= (size_t)(end + 1 - lines);
		memmove(lines, end + 1, len + 1);
	}
	return true;
}

static void
report_end(void)
{
	int status = 0;

	while (waitpid(host.pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		printf("gone signal=%d\n", WTERMSIG(status));
	else
		printf("gone exit=%d\n", WEXITSTATUS(status));
}

static bool
is_over(void)
{
	static struct pollfd polls[SESSIONS_AT_ONCE + 3];
	unsigned count = host.session_count;

	polls[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	polls[1] = (struct pollfd){.fd = host.master, .events = POLLIN};
	polls[2] = (struct pollfd){.fd = host.log, .events = POLLIN};
	for (unsigned i = 0; i < count; i++)
		polls[3 + i] = (struct pollfd){.fd = host.sessions[i].channel, .events = POLLIN};
	if (poll(polls, 3 + count, 200) < 0 && errno != EINTR)
		fail("poll");
	for (unsigned i = count; i > 0; i--) /* backwards: the last one takes the place of one that ends */
		if (polls[2 + i].revents != 0)
			take_reply(&host.sessions[i - 1]);
	give_up_silent();
	if ((polls[2].revents & POLLIN) != 0)
		hear_log();
	/* lines first: what the master knows before it is asked */
	if (polls[0].revents != 0 && !hear_lines())
		return true;
	return host.master < 0 || (polls[1].revents != 0 && !hear_broker());
}

int
main(int argc, char **argv)
{
	struct rlimit limit = {SESSIONS_AT_ONCE + 200, SESSIONS_AT_ONCE + 200};

	if (argc < 6 || argc > 7) {
		fputs("usage: broker_host PROGRAM UID GID VERSION STORE_CONF [BOOT]\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	start_broker(argv);
	while (!is_over())
		;
	close_fd(&host.master);
	hear_log();
	report_end();
	return 0;
}
