/* SPDX-License-Identifier: ISC */
/*
 * Random walks over the real ledger of several nodes, against a model of the database's functions (store/schema_1.sql,
 * which tests/cluster/walk.py tries with a model of the ledger). Sessions change the home and die; messages and answers
 * are lost, late and doubled; nodes lose their share, die, and start again with or without their ledgers. After each step:
 *
 *   what is in the home is at most the quota, and no node uses more than the database allows its share.
 *
 * LEDGER_WALKS: how many; LEDGER_SEED: one alone, with its steps.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "accounts/ledger.h"
#include "accounts/ledger_share.h"
#include "common/io.h"
#include "common/text.h"

#include "common/banned.h"

#define NODES 3
#define SESSIONS 3 /* of a node at once */
#define MESSAGES 64 /* on their way */
#define QUOTA 1000000LL
#define STEPS 400

/* --- the database --- */

struct db_share {
	uint64_t id, seq, boot;
	int64_t net, allow;
};

/* What is asked and answered: see credit(), share_close() and counted(). */
enum kind { KIND_CREDIT, KIND_CLOSE, KIND_COUNTED };

enum outcome { GRANTED, OVER, CALLED, GONE, COUNT_FIRST, NOT_NOW, OLD };

struct message {
	enum kind kind;
	bool is_answer;
	int node, session;
	uint64_t life; /* of the session that asked */
	uint64_t boot;
	struct ledger_credit credit;
	struct ledger_counted counted;
	enum outcome outcome;
	struct ledger_grant grant;
	bool is_true;
};

static struct {
	int64_t base, slack;
	uint64_t folds, next_share;
	bool is_counted;
	struct db_share shares[NODES];
	uint64_t boots[NODES], ghosts[NODES];
	bool is_expired[NODES];
} db;

/* --- the nodes --- */

struct session {
	bool is_open;
	uint64_t life;
	struct ledger ledger;
	bool is_uploading;
	int64_t reserved, written;
};

static struct node {
	char path[64];
	uint64_t boot;
	struct session sessions[SESSIONS];
} nodes[NODES];

static struct message messages[MESSAGES];
static size_t message_count;
static int64_t home;
static uint64_t lives;
static uint32_t seed_now;
static bool is_told;
static const struct ledger_limits limits = {QUOTA, LEDGER_NO_LIMIT};

static uint32_t
draw(uint32_t below)
{
	seed_now = seed_now * 1664525U + 1013904223U;
	return (uint32_t)(((uint64_t)(seed_now >> 8) * below) >> 24);
}

static int64_t
min64(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

static int64_t
max64(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

/* --- what the database does --- */

static void
db_bury(int node)
{
	struct db_share *share = &db.shares[node];

	if (share->id == 0)
		return;
	if (db.boots[node] == share->boot)
		db.ghosts[node] = share->boot;
	db.base += share->net;
	db.slack += share->allow - share->net;
	db.folds++;
	*share = (struct db_share){.id = 0};
}

static bool
db_haunted(void)
{
	for (int node = 0; node < NODES; node++)
		if (db.ghosts[node] != 0 && db.ghosts[node] == db.boots[node])
			return true;
	return false;
}

static void
db_others(int node, int64_t *net, int64_t *allow, int *count)
{
	*net = *allow = 0;
	*count = 0;
	for (int other = 0; other < NODES; other++) {
		if (other == node || db.shares[other].id == 0)
			continue;
		*net += db.shares[other].net;
		*allow += db.shares[other].allow;
		++*count;
	}
}

/* The share that is asked about; NULL: it is gone. */
static struct db_share *
db_find_share(const struct message *asked)
{
	struct db_share *share = &db.shares[asked->node];
	const struct ledger_credit *credit = &asked->credit;

	for (int node = 0; node < NODES; node++)
		if (db.shares[node].id != 0 && (db.is_expired[node] || db.boots[node] != db.shares[node].boot))
			db_bury(node);
	if (asked->boot != db.boots[asked->node] || (credit->share != 0 && credit->share != share->id))
		return NULL;
	if (credit->share == 0) {
		db_bury(asked->node);
		db.ghosts[asked->node] = 0;
		*share = (struct db_share){.id = ++db.next_share, .boot = asked->boot};
	}
	return share;
}

static enum outcome
db_judge(const struct ledger_credit *credit, int64_t left, int64_t unused, bool can_count)
{
	int64_t want = credit->want.bytes;

	if (want == 0)
		return GRANTED;
	if (!db.is_counted)
		return can_count ? COUNT_FIRST : NOT_NOW;
	if (want <= left)
		return GRANTED;
	if (want <= left + unused)
		return CALLED;
	if (want > left + unused + db.slack)
		return OVER;
	return can_count ? COUNT_FIRST : NOT_NOW;
}

static void
db_credit(struct message *asked)
{
	const struct ledger_credit *credit = &asked->credit;
	struct db_share *share = db_find_share(asked);
	int64_t net = credit->net.bytes, keep = credit->keep.bytes, others_net, others_allow, left;
	int others;

	asked->outcome = GONE;
	if (share == NULL)
		return;
	if (credit->share != 0 && credit->seq <= share->seq) {
		asked->outcome = OLD;
		return;
	}
	db_others(asked->node, &others_net, &others_allow, &others);
	if (db.is_counted && (net > share->allow || db.base + db.slack + others_allow + net < 0)) {
		db_bury(asked->node);
		db.is_counted = false;
		return;
	}
	share->seq = credit->seq;
	share->net = net;
	share->allow = max64(net, min64(keep, share->allow));
	left = QUOTA - db.base - db.slack - others_allow - share->allow;
	asked->outcome = db_judge(credit, left, others_allow - others_net, others == 0 && !db_haunted());
	if (asked->outcome == GRANTED && credit->want.bytes > 0)
		share->allow += max64(credit->want.bytes, min64(credit->want.bytes + credit->spare.bytes, left / 8));
	asked->grant = (struct ledger_grant){
	    .share = share->id,
	    .allow = {share->allow, 0},
	    .used = {db.base + db.slack + others_net + net, 0},
	    .count = others == 0 && !db_haunted() ? db.folds : LEDGER_NO_COUNT,
	    .is_granted = asked->outcome == GRANTED,
	    .is_uncounted = asked->outcome == COUNT_FIRST,
	};
}

static void
db_close(struct message *asked)
{
	struct message credit = *asked;

	credit.credit.keep = credit.credit.net;
	db_credit(&credit);
	asked->is_true = credit.outcome == GRANTED;
	if (!asked->is_true)
		return;
	db_bury(asked->node);
	db.ghosts[asked->node] = 0;
}

static void
db_counted(struct message *asked)
{
	const struct ledger_counted *counted = &asked->counted;
	struct db_share *share = &db.shares[asked->node];
	int64_t others_net, others_allow;
	int others;

	db_others(asked->node, &others_net, &others_allow, &others);
	asked->is_true = asked->boot == db.boots[asked->node] && db.folds == counted->count && others == 0 &&
	    !db_haunted() && share->id == counted->share && share->seq < counted->seq;
	if (!asked->is_true)
		return;
	share->seq = counted->seq;
	share->net = counted->net.bytes;
	share->allow = max64(share->allow, share->net);
	db.base = counted->counted.bytes - share->net;
	db.slack = 0;
	db.folds++;
	db.is_counted = true;
	memset(db.ghosts, 0, sizeof(db.ghosts));
}

static void
db_answer(struct message *asked)
{
	static void (*const acts[])(struct message *) = {db_credit, db_close, db_counted};

	acts[asked->kind](asked);
	asked->is_answer = true;
}

/* --- what sessions do --- */

static void
tell(const char *what, int node, int session, long long figure)
{
	if (is_told)
		printf("  node %d session %d: %s %lld; home %lld\n", node, session, what, figure, (long long)home);
}

static uint8_t *
boot_bytes(uint64_t boot)
{
	static uint8_t bytes[16];

	memcpy(bytes, &boot, sizeof(boot));
	return bytes;
}

static void
log_in(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];

	*session = (struct session){.life = ++lives};
	assert_int_equal(ledger_open(&session->ledger, nodes[node].path, boot_bytes(nodes[node].boot)), 0);
	if (ledger_share_join(&session->ledger, true) < 0) { /* others have not ended yet */
		ledger_close(&session->ledger);
		return;
	}
	session->is_open = true;
	tell("log in", node, number, session->ledger.epoch);
}

/* What it has written stays in the home; its slot stays as it is. */
static void
die(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];

	tell("die", node, number, session->reserved);
	ledger_close(&session->ledger);
	session->is_open = false;
}

/* The upload ends, in order. False: the share is gone. */
static bool
end_upload(struct session *session)
{
	struct ledger_figure figure;
	int r = ledger_begin(&session->ledger, &limits, 0, 0, &figure);

	if (r < 0)
		return false;
	assert_int_equal(ledger_upload_end(&session->ledger, (uint64_t)session->written), 0);
	assert_int_equal(ledger_end(&session->ledger, 0, 0), 0);
	session->is_uploading = false;
	session->reserved = session->written = 0;
	return true;
}

static void
send_message(struct message *message)
{
	if (message_count < MESSAGES)
		messages[message_count++] = *message;
}

static void
ask(int node, int number, const struct ledger_need *need)
{
	struct session *session = &nodes[node].sessions[number];
	struct message message = {.node = node, .session = number, .life = session->life, .boot = nodes[node].boot};
	int r;

	message.kind = KIND_COUNTED;
	r = ledger_counted_begin(&session->ledger, &message.counted);
	if (r == -ENOENT) {
		message.kind = KIND_CREDIT;
		r = ledger_credit_begin(&session->ledger, need, &message.credit);
	}
	if (r == 0)
		send_message(&message);
	else
		die(node, number); /* rule 4 */
}

static void
change(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	int64_t bytes = draw(3) == 0 ? -(int64_t)draw((uint32_t)min64(home + 1, 100000)) : (int64_t)draw(60000);
	struct ledger_figure figure;
	int r = ledger_begin(&session->ledger, &limits, bytes > 0 ? (uint64_t)bytes : 0, 0, &figure);

	if (r == -EDQUOT) {
		ask(node, number, &(struct ledger_need){.bytes = (uint64_t)bytes});
		return;
	}
	if (r == -ESTALE) {
		die(node, number);
		return;
	}
	assert_int_equal(r, 0);
	/* none deletes what others upload just now */
	bytes = max64(bytes, -home);
	for (int n = 0; n < NODES; n++)
		for (int s = 0; s < SESSIONS && bytes < 0; s++)
			if (nodes[n].sessions[s].is_open)
				bytes = min64(0, max64(bytes, nodes[n].sessions[s].written - home));
	home += bytes;
	tell("change", node, number, bytes);
	if (draw(20) == 0)
		die(node, number);
	else
		assert_int_equal(ledger_end(&session->ledger, bytes, 0), 0);
}

static void
upload(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	struct ledger_figure figure;
	uint64_t granted = 0;
	int r;

	if (!session->is_uploading) {
		r = ledger_begin(&session->ledger, &limits, 0, 0, &figure);
		if (r == -ESTALE) {
			die(node, number);
			return;
		}
		assert_int_equal(ledger_upload_begin(&session->ledger, 5, 0), 0);
		assert_int_equal(ledger_end(&session->ledger, 0, 0), 0);
		session->is_uploading = true;
	}
	if (session->written < session->reserved) {
		int64_t more = 1 + (int64_t)draw((uint32_t)(session->reserved - session->written));

		more = min64(more, session->reserved - session->written);
		session->written += more;
		home += more;
		tell("write", node, number, more);
		return;
	}
	r = ledger_upload_reserve(&session->ledger, &limits, draw(2) ? 0 : 30000, &granted, &figure);
	session->reserved += (int64_t)granted;
	if (r == -EDQUOT)
		ask(node, number, &(struct ledger_need){.bytes = draw(2) ? 1 : 30000});
	else if (r == -ESTALE)
		die(node, number);
}

/* The database has asked for it. Uploads that run count as they began: with nothing. */
static void
count(int node, int number)
{
	static struct ledger_count counting;
	struct session *session = &nodes[node].sessions[number];
	struct ledger_figure figure = {.bytes = (uint64_t)home};

	if (ledger_count_begin(&session->ledger, &counting) < 0)
		return;
	for (int n = 0; n < NODES; n++)
		for (int s = 0; s < SESSIONS; s++)
			if (nodes[n].sessions[s].is_open && n == node)
				figure.bytes -= (uint64_t)nodes[n].sessions[s].written;
	tell("count", node, number, (long long)figure.bytes);
	if (ledger_count_look(&session->ledger, &counting) < 0)
		(void)ledger_count_end(&session->ledger, &counting, NULL);
	else
		(void)ledger_count_end(&session->ledger, &counting, &figure);
}

static void
leave(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	struct message message = {
	    .kind = KIND_CLOSE, .node = node, .session = number, .life = session->life, .boot = nodes[node].boot};
	struct ledger_share_view view;

	if (session->is_uploading && !end_upload(session)) {
		die(node, number);
		return;
	}
	tell("leave", node, number, 0);
	if (ledger_share_leave(&session->ledger) == 1 && ledger_share_look(&session->ledger, &view) == 0 &&
	    view.left.bytes == 0 && ledger_share_close_begin(&session->ledger, &message.credit) == 0) {
		db_answer(&message);
		if (message.is_true && draw(4) != 0)
			(void)ledger_share_close_end(&session->ledger, message.credit.seq);
	}
	ledger_close(&session->ledger);
	session->is_open = false;
}

static void
take_answer(const struct message *message)
{
	struct session *session = &nodes[message->node].sessions[message->session];
	int r = 0;

	if (!session->is_open || session->life != message->life)
		return;
	if (message->kind == KIND_COUNTED)
		r = ledger_counted_end(&session->ledger, message->counted.seq, message->is_true);
	else if (message->outcome == GONE)
		r = ledger_share_gone(&session->ledger, message->credit.seq) == 0 ? -ESTALE : 0;
	else if (message->outcome != OLD)
		r = ledger_credit_end(&session->ledger, &message->credit, &limits, &message->grant);
	if (r == -ESTALE)
		die(message->node, message->session);
}

/* One message goes on its way, or is lost, or comes twice. */
static void
move_message(void)
{
	size_t i = message_count == 0 ? 0 : draw((uint32_t)message_count);
	struct message message;
	bool is_doubled = draw(10) == 0;

	if (message_count == 0)
		return;
	message = messages[i];
	if (!is_doubled)
		messages[i] = messages[--message_count];
	if (draw(10) == 0)
		return;
	if (message.is_answer) {
		take_answer(&message);
		return;
	}
	db_answer(&message);
	send_message(&message);
}

/* --- what nodes suffer --- */

static void
kill_node_sessions(int node)
{
	for (int number = 0; number < SESSIONS; number++)
		if (nodes[node].sessions[number].is_open)
			die(node, number);
}

static void
new_boot(int node, bool keeps_ledger)
{
	kill_node_sessions(node);
	nodes[node].boot = ++lives;
	db.boots[node] = nodes[node].boot;
	db.is_expired[node] = false;
	if (!keeps_ledger)
		unlink(nodes[node].path);
	tell("new boot", node, 0, keeps_ledger);
}

static void
trouble(int node)
{
	switch (draw(5)) {
	case 0:
		kill_node_sessions(node);
		break;
	case 1:
		new_boot(node, draw(2) == 0);
		break;
	case 2:
		db.is_expired[node] = true;
		break;
	default:
		db.is_expired[node] = false;
		break;
	}
}

static void
act_of_session(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	uint32_t what = draw(20);

	if (!session->is_open)
		log_in(node, number);
	else if (session->is_uploading && what < 2)
		end_upload(session) ? (void)0 : die(node, number);
	else if (what < 10 || session->is_uploading)
		upload(node, number);
	else if (what < 15)
		change(node, number);
	else if (what < 16)
		ask(node, number, &(struct ledger_need){.gives_back = true});
	else if (what < 18)
		count(node, number);
	else if (what < 19)
		leave(node, number);
	else
		die(node, number);
}

/* --- what holds --- */

static void
check_node(int node)
{
	struct ledger_share_view view;

	for (int number = 0; number < SESSIONS; number++) {
		struct session *session = &nodes[node].sessions[number];

		if (!session->is_open || ledger_share_look(&session->ledger, &view) < 0 || view.id == 0)
			continue;
		if (view.net.bytes + view.left.bytes > view.allow.bytes)
			fail_msg("node %d uses %lld of %lld", node, (long long)(view.net.bytes + view.left.bytes),
			    (long long)view.allow.bytes);
		if (db.shares[node].id == view.id && view.allow.bytes > db.shares[node].allow)
			fail_msg("node %d has %lld, the database says %lld", node, (long long)view.allow.bytes,
			    (long long)db.shares[node].allow);
	}
}

static void
check_all(uint32_t seed, int step)
{
	if (home > QUOTA)
		fail_msg("seed %u, step %d: %lld in the home", seed, step, (long long)home);
	for (int node = 0; node < NODES; node++)
		check_node(node);
}

static void
begin_walk(const char *directory)
{
	memset(&db, 0, sizeof(db));
	memset(nodes, 0, sizeof(nodes));
	message_count = 0;
	home = (int64_t)draw((uint32_t)QUOTA);
	for (int node = 0; node < NODES; node++) {
		snprintf(nodes[node].path, sizeof(nodes[node].path), "%s/node%d", directory, node);
		unlink(nodes[node].path);
		nodes[node].boot = db.boots[node] = ++lives;
	}
}

/* Returns how much was in the home at most. */
static int64_t
walk(const char *directory, uint32_t seed)
{
	int64_t most = 0;

	seed_now = seed;
	begin_walk(directory);
	for (int step = 0; step < STEPS; step++) {
		uint32_t what = draw(40);

		if (what < 18)
			move_message();
		else if (what < 39)
			act_of_session((int)draw(NODES), (int)draw(SESSIONS));
		else
			trouble((int)draw(NODES));
		check_all(seed, step);
		most = max64(most, home);
	}
	for (int node = 0; node < NODES; node++) {
		kill_node_sessions(node);
		unlink(nodes[node].path);
	}
	return most;
}

static void
test_walks(void **state)
{
	char directory[] = "/tmp/test-ledger-walk.XXXXXX";
	const char *text = getenv("LEDGER_WALKS");
	uint64_t walks = 150, seed = 0;
	uint32_t full = 0;

	(void)state;
	assert_non_null(mkdtemp(directory));
	if (text != NULL)
		(void)parse_u64(text, UINT32_MAX, &walks);
	text = getenv("LEDGER_SEED");
	is_told = text != NULL && parse_u64(text, UINT32_MAX, &seed) == 0;
	if (is_told)
		walks = 1;
	for (uint64_t i = 0; i < walks; i++)
		full += walk(directory, (uint32_t)(is_told ? seed : i * 7919 + 1)) > QUOTA * 9 / 10;
	/* walks that never come near the quota would prove nothing */
	if (!is_told)
		assert_true(full >= walks / 20);
	rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
