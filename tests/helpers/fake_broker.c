/* SPDX-License-Identifier: ISC */
/*
 * A broker without a database, for tests/e2e/store-login.bats, in the place of sallyport-broker. It reads store.conf anew
 * for each question, so that a test can change it at any time:
 *
 *   account NAME LINE    the answer about NAME
 *   kept NAME LINE       the same, as one of before
 *   decoy HASH           what comes with the news that there is no such account
 *   delay MS             before each answer
 *   state up|down|strange
 *   mode WORD            how it misbehaves; see misbehave()
 *   kick NAME            with "mode kicks": whose sessions an administrator of another node is said to end
 *   early NAME           with "mode early": whom the answer is about that nobody has asked for
 *   lookup HOST          once: ask the master for its addresses, and log them
 *   credit OUTCOME ALLOW_BYTES ALLOW_FILES USED_BYTES USED_FILES SHARE
 *                        the answer about each share of a quota; without it, all that is asked for is granted
 *   credit-delay MS      before each of these answers
 *   recalls N            that follow each of them
 *   message N            once, in a build with VARIANT=takeover: send the master the hostile message with this number
 *
 * This is what somebody gains who takes the broker over, but for its connections and its cache.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/address.h"
#include "common/bounds.h"
#include "common/io.h"
#include "common/text.h"
#include "privsep/ipc/ipc.h"
#include "privsep/ipc/log.h"
#ifdef SALLYPORT_TAKEOVER
#include "tests/takeover/takeover.h"
#endif

#include "common/banned.h"

#define MASTER 3
#define LOG 4
#define CHANNELS_MAX 4096
#define LOOK_MS 20
#define MANY 100000
#define CONF_LINE_MAX 20000

static const char *conf_path;
static struct ipc_message message;
static char line[CONF_LINE_MAX];
static int channels[CHANNELS_MAX];
static struct pollfd waits[CHANNELS_MAX + 1];
static size_t channel_count;

/* The rest of the first line that begins with words, after a blank; NULL: there is none. */
static char *
find_line(const char *words)
{
	FILE *in = fopen(conf_path, "re");
	size_t len = strlen(words);
	char *rest = NULL;

	while (in != NULL && rest == NULL && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, words, len) == 0 && line[len] == ' ')
			rest = line + len + 1;
	}
	if (in != NULL)
		fclose(in);
	return rest;
}

static bool
mode_is(const char *word)
{
	const char *mode = find_line("mode");

	return mode != NULL && strcmp(mode, word) == 0;
}

static void
tell_state(enum broker_state state)
{
	ipc_begin(&message, IPC_broker_state);
	ipc_put_u8(&message, (uint8_t)state);
	ipc_put_u32(&message, find_line("kept") != NULL);
	(void)!ipc_send(MASTER, &message, -1);
}

/* It connects, and has no answer yet. */
static bool
has_nothing_to_say(void)
{
	const char *state = find_line("state");

	return state != NULL && strcmp(state, "starting") == 0;
}

static enum broker_state
state_in_file(void)
{
	const char *state = find_line("state");

	if (state == NULL || strcmp(state, "up") == 0)
		return BROKER_UP;
	return strcmp(state, "down") == 0 ? BROKER_DOWN : BROKER_STRANGE;
}

static void
begin_answer(enum found_account found, bool is_kept)
{
	ipc_begin_reply(&message, IPC_find_account, 0);
	ipc_put_u8(&message, (uint8_t)found);
	ipc_put_u8(&message, is_kept);
	ipc_put_u64(&message, 1);
}

/* The answer as it should be. */
static void
make_answer(const char *name)
{
	char words[CONF_LINE_MAX];
	const char *text;

	snprintf(words, sizeof(words), "account %s", name);
	text = state_in_file() == BROKER_UP ? find_line(words) : NULL;
	if (text != NULL) {
		begin_answer(FOUND_ACCOUNT, false);
		ipc_put_text(&message, text);
		return;
	}
	snprintf(words, sizeof(words), "kept %s", name);
	text = find_line(words);
	begin_answer(text != NULL              ? FOUND_ACCOUNT
		: state_in_file() == BROKER_UP ? FOUND_NOBODY
					       : FOUND_NOT_NOW,
	    text != NULL);
	if (text == NULL)
		text = find_line("decoy");
	ipc_put_text(&message, text == NULL ? "" : text);
}

/* Nine thousand bytes, where the table allows 8192. */
static void
make_long_answer(void)
{
	char text[9000];

	memset(text, 'x', sizeof(text));
	begin_answer(FOUND_ACCOUNT, false);
	ipc_put_bytes(&message, text, sizeof(text));
}

static void
make_answer_of_other_kind(void)
{
	ipc_begin_reply(&message, IPC_admit, 0);
	ipc_put_u32(&message, 0);
}

/* True: nothing more is to be sent. */
static bool
misbehave(int channel)
{
	if (mode_is("silent"))
		return true;
	if (mode_is("dies"))
		_exit(1);
	if (mode_is("crashes"))
		abort();
	if (mode_is("hangs-up")) {
		(void)shutdown(channel, SHUT_RDWR);
		return true;
	}
	if (mode_is("long"))
		make_long_answer();
	if (mode_is("other-kind"))
		make_answer_of_other_kind();
	if (mode_is("bad-outcome")) {
		begin_answer((enum found_account)200, false);
		ipc_put_text(&message, "");
	}
	if (mode_is("descriptor")) {
		(void)!ipc_send_now(channel, &message, STDIN_FILENO);
		return true;
	}
	if (mode_is("flood"))
		for (int i = 0; i < MANY && ipc_send(channel, &message, -1) >= 0; i++)
			;
	return false;
}

static void
answer_question(int channel)
{
	char name[ACCOUNT_NAME_MAX + 1];
	const char *delay = find_line("delay");
	uint64_t delay_ms = 0;

	if (delay != NULL)
		(void)parse_u64(delay, 60000, &delay_ms);
	ipc_get_text(&message, name, sizeof(name));
	if (delay_ms > 0)
		poll(NULL, 0, (int)delay_ms);
	make_answer(name);
	if (!misbehave(channel))
		(void)!ipc_send_now(channel, &message, -1);
}

/* --- shares of quotas --- */

struct credit_answer {
	int64_t outcome, allow_bytes, allow_files, used_bytes, used_files, share;
};

/* As many figures as the line has replace those of the answer. */
static void
read_credit(const char *text, struct credit_answer *answer)
{
	int64_t *const figures[] = {&answer->outcome, &answer->allow_bytes, &answer->allow_files, &answer->used_bytes,
	    &answer->used_files, &answer->share};
	char *end;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++, text = end) {
		long long figure = strtoll(text, &end, 10);

		if (end == text)
			return;
		*figures[i] = figure;
	}
}

/* What the test says; else all that is asked for. */
static void
make_credit(struct credit_answer *answer)
{
	uint64_t share = ipc_get_u64(&message);
	int64_t figures[9];
	const char *text = find_line("credit");

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		figures[i] = (int64_t)ipc_get_u64(&message);
	/* seq, net, keep, want, spare */
	*answer = (struct credit_answer){
	    .allow_bytes = figures[3] + figures[5] + figures[7],
	    .allow_files = figures[4] + figures[6] + figures[8],
	    .used_bytes = figures[1],
	    .used_files = figures[2],
	    .share = share == 0 ? 7 : (int64_t)share,
	};
	if (text != NULL)
		read_credit(text, answer);
	log_message(LEVEL_INFO, "store-up", "credit: net %lld, want %lld, outcome %lld", (long long)figures[1],
	    (long long)figures[5], (long long)answer->outcome);
}

static void
answer_credit(int channel)
{
	struct credit_answer answer;
	const char *text = find_line("credit-delay");
	uint64_t number = 0;

	if (text != NULL)
		(void)parse_u64(text, 60000, &number);
	make_credit(&answer);
	if (number > 0)
		poll(NULL, 0, (int)number);
	ipc_begin_reply(&message, IPC_credit, 0);
	ipc_put_u8(&message, (uint8_t)answer.outcome);
	ipc_put_u64(&message, (uint64_t)answer.share);
	ipc_put_u64(&message, (uint64_t)answer.allow_bytes);
	ipc_put_u64(&message, (uint64_t)answer.allow_files);
	ipc_put_u64(&message, (uint64_t)answer.used_bytes);
	ipc_put_u64(&message, (uint64_t)answer.used_files);
	ipc_put_u64(&message, UINT64_MAX);
	ipc_put_u32(&message, 1);
	if (!misbehave(channel))
		(void)!ipc_send_now(channel, &message, -1);
	text = find_line("recalls");
	number = 0;
	if (text != NULL)
		(void)parse_u64(text, MANY, &number);
	for (ipc_begin(&message, IPC_recall); number > 0; number--)
		(void)!ipc_send_now(channel, &message, -1);
}

static void
answer_close(int channel)
{
	ipc_begin_reply(&message, message.kind, 0);
	ipc_put_u8(&message, 1);
	(void)!ipc_send_now(channel, &message, -1);
}

static void
drop_channel(size_t i)
{
	close(channels[i]);
	channels[i] = channels[--channel_count];
}

static void
hear_session(size_t i)
{
	int r = ipc_receive_now(channels[i], IPC_BROKER, IPC_STATE_ANY, &message);

	if (r == 0 && message.kind == IPC_find_account)
		answer_question(channels[i]);
	else if (r == 0 && message.kind == IPC_credit)
		answer_credit(channels[i]);
	else if (r == 0 && (message.kind == IPC_share_close || message.kind == IPC_counted))
		answer_close(channels[i]);
	else if (r != -EAGAIN)
		drop_channel(i);
}

/* What the master looked up, for the test to read. */
static void
log_addresses(void)
{
	char text[512] = "", one[ADDRESS_TEXT_MAX];
	int r = ipc_get_result(&message);

	while (r == 0 && ipc_has_more(&message)) {
		union address address = {.family = ipc_get_u8(&message) == 6 ? AF_INET6 : AF_INET};
		size_t len;
		const void *host = ipc_get_bytes(&message, 16, &len);

		memcpy(address.family == AF_INET6 ? (void *)&address.v6.sin6_addr : (void *)&address.v4.sin_addr, host,
		    address.family == AF_INET6 ? 16 : 4);
		address_text(&address, one);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", one);
	}
	log_message(LEVEL_INFO, "store-up", "looked up: %d%s", r, text);
}

static void
take_session(void)
{
	int channel = ipc_take_fd(&message);
	char name[ACCOUNT_NAME_MAX + 1];
	const char *early;

	if (channel_count == CHANNELS_MAX) {
		close(channel);
		return;
	}
	channels[channel_count++] = channel;
	if (!mode_is("early"))
		return;
	early = find_line("early");
	snprintf(name, sizeof(name), "%.64s", early == NULL ? "nobody" : early);
	make_answer(name);
	(void)!ipc_send_now(channel, &message, -1);
}

static void
hear_master(void)
{
	int r = ipc_receive_now(MASTER, IPC_BROKER, IPC_STATE_ANY, &message);

	if (r == -EAGAIN)
		return;
	if (r < 0)
		_exit(0);
	if (message.kind == IPC_broker_session)
		take_session();
	else if (message.kind == IPC_broker_lookup)
		log_addresses();
}

static void
ask_for_host(const char *host)
{
	ipc_begin(&message, IPC_broker_lookup);
	ipc_put_text(&message, host);
	(void)!ipc_send(MASTER, &message, -1);
}

static void
tell_ban(const char *text, enum news_ban ban)
{
	struct address_key address;

	if (address_key_parse(text, &address) < 0)
		abort();
	ipc_begin(&message, IPC_ban_told);
	ipc_put_bytes(&message, address.bytes, sizeof(address.bytes));
	ipc_put_u8(&message, (uint8_t)ban);
	ipc_put_u64(&message, 3600);
	ipc_put_u64(&message, 0);
	ipc_put_text(&message, "nobody knows");
	(void)!ipc_send(MASTER, &message, -1);
}

/* Bans of everybody, the lift of all that is banned here, and the end of each session. */
static void
tell_bans(void)
{
	char text[ADDRESS_TEXT_MAX];

	tell_ban("127.0.0.1", NEWS_BAN_MANUAL);
	tell_ban("127.0.0.9", NEWS_BAN_LIFTED);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		tell_ban(text, i % 2 == 0 ? NEWS_BAN_MANUAL : NEWS_BAN_AUTO);
	}
}

static void
end_sessions_of(const char *name)
{
	ipc_begin(&message, IPC_kick_told);
	ipc_put_u8(&message, NEWS_USER);
	ipc_put_text(&message, name);
	ipc_put_u64(&message, 0);
	ipc_put_text(&message, "nobody knows");
	(void)!ipc_send(MASTER, &message, -1);
}

static void
send_unasked_answer(void)
{
	ipc_begin_reply(&message, IPC_kick_made, 0);
	ipc_put_u32(&message, 1);
	ipc_put_u8(&message, NEWS_TAKEN);
	(void)!ipc_send(MASTER, &message, -1);
}

/* What it does to the master without being asked. */
static void
bother_master(void)
{
	if (mode_is("states"))
		for (int i = 0; i < MANY; i++)
			tell_state((enum broker_state)(i % 2));
	if (mode_is("bad-state"))
		tell_state((enum broker_state)99);
	if (mode_is("lookups"))
		for (int i = 0; i < 100; i++)
			ask_for_host("localhost");
	if (mode_is("bans"))
		tell_bans();
	if (mode_is("kicks") && find_line("kick") != NULL)
		end_sessions_of(find_line("kick"));
	if (mode_is("unasked"))
		send_unasked_answer();
	if (mode_is("garbage"))
		(void)!send(MASTER, "garbage", 7, MSG_NOSIGNAL);
}

#ifdef SALLYPORT_TAKEOVER
static void
send_hostile_message(void)
{
	static struct report report;
	static bool has_looked; /* the next broker does not begin with it */
	const char *text = find_line("message");
	uint64_t number;

	if (!has_looked || text == NULL || parse_u64(text, UINT32_MAX, &number) < 0) {
		has_looked = true;
		return;
	}
	report = (struct report){.len = 0};
	if (number < messages_count(IPC_BROKER, IPC_MASTER))
		(void)messages_send(MASTER, IPC_BROKER, IPC_MASTER, (unsigned)number, &report);
	log_message(LEVEL_INFO, "store-up", "message %u of %u: %s", (unsigned)number,
	    messages_count(IPC_BROKER, IPC_MASTER), report.text);
}
#endif

/* As the real one: each change is told and logged once. */
static void
note_changes(void)
{
	static enum broker_state told = BROKER_STATE_COUNT;
	static struct timespec seen;
	enum broker_state state;
	struct stat st;

	if (stat(conf_path, &st) < 0 || (st.st_mtim.tv_sec == seen.tv_sec && st.st_mtim.tv_nsec == seen.tv_nsec))
		return;
	seen = st.st_mtim;
	if (has_nothing_to_say())
		return;
	state = state_in_file();
	if (state != told)
		log_message(state == BROKER_UP ? LEVEL_INFO : LEVEL_WARNING,
		    state == BROKER_UP ? "store-up" : "store-down", "the test says so");
	told = state;
	tell_state(state);
	bother_master();
	if (find_line("lookup") != NULL)
		ask_for_host(find_line("lookup"));
#ifdef SALLYPORT_TAKEOVER
	send_hostile_message();
#endif
}

int
main(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], SALLYPORT_VERSION) != 0)
		return 1;
	conf_path = argv[2];
	log_set_channel(LOG, LEVEL_INFO);
	log_set_context("broker", "", "", "");
	for (;;) {
		size_t count = channel_count;

		note_changes();
		waits[0] = (struct pollfd){.fd = MASTER, .events = POLLIN};
		for (size_t i = 0; i < count; i++)
			waits[i + 1] = (struct pollfd){.fd = channels[i], .events = POLLIN};
		if (poll(waits, count + 1, LOOK_MS) <= 0)
			continue;
		/* from the end: one that is dropped is replaced by the last, which was heard already */
		for (size_t i = count; i-- > 0;)
			if (waits[i + 1].revents != 0)
				hear_session(i);
		if (waits[0].revents != 0)
			hear_master();
	}
}
