/* SPDX-License-Identifier: ISC */
/*
 * Random walks over the real ledger of several nodes, against a model of the database's functions (store/schema_1.sql,
 * which tests/cluster/walk.py tries with a model of the ledger). Sessions change the home and die; messages and answers
 * are lost, late and doubled; nodes lose their share, die, and start again with or without their ledgers. After each step:
 *
 *   1. the home holds at most the quota;
 *   2. the database lends at most the quota: base + slack + what all shares allow (rule (I) of store/schema_1.sql);
 *   3. the home, with all that sessions may add without a question, is at most that sum;
 *   4. no node believes that it is allowed more than the database says;
 *   5. no count raises the base above what the base and the slack were.
 *
 * At its end the home is counted by one node alone, which then gets the last byte of the quota, and none more. Every other
 * walk is one over files in place of bytes.
 *
 * LEDGER_WALKS: how many; LEDGER_SEED: one alone, with its steps.
 */
#include <errno.h>
#include <fcntl.h>
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
#include "accounts/ledger_file.h"
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
} db;

/* --- the nodes --- */

struct session {
	bool is_open;
	uint64_t life;
	struct ledger ledger;
	bool is_uploading;
	int64_t reserved, written;
};

/* A count of the home, over several steps. */
enum phase { IDLE, BEGUN, LOOKED };

struct counting {
	enum phase phase;
	int session;
	uint64_t life; /* of the session that counts */
	int64_t unseen; /* written by uploads that died since: they count as they began */
	struct ledger_figure figure;
	struct ledger_count count;
};

static struct node {
	char path[64];
	uint64_t boot;
	bool is_asking; /* one session at a time, unless the answer is late */
	struct session sessions[SESSIONS];
	struct counting counting;
} nodes[NODES];

static struct message messages[MESSAGES];
static size_t message_count;
static int64_t home;
static uint64_t lives;
static int node_count, busy; /* in this walk */
static uint32_t seed_now, seed_of_walk;
static int step_now;
static bool is_told;
static bool is_of_files; /* this walk; else of bytes */
static struct ledger_limits limits;

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

/* The figure that the walk is about. */
static int64_t
of(struct ledger_use use)
{
	return is_of_files ? use.files : use.bytes;
}

static struct ledger_use
use_of(int64_t figure)
{
	struct ledger_use use = {0};

	*(is_of_files ? &use.files : &use.bytes) = figure;
	return use;
}

static struct ledger_need
need_of(int64_t figure)
{
	struct ledger_need need = {0};

	*(is_of_files ? &need.files : &need.bytes) = (uint64_t)figure;
	return need;
}

static void
broken(const char *what, long long is, long long at_most)
{
	fail_msg("LEDGER_SEED=%u, step %d: %s %lld, at most %lld is right", seed_of_walk, step_now, what, is, at_most);
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
		if (db.boots[node] != db.shares[node].boot)
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
	int64_t want = of(credit->want);

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
	int64_t net = of(credit->net), keep = of(credit->keep), others_net, others_allow, left;
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
	if (asked->outcome == GRANTED && of(credit->want) > 0)
		share->allow += max64(of(credit->want), min64(of(credit->want) + of(credit->spare), left / 8));
	asked->grant = (struct ledger_grant){
	    .share = share->id,
	    .allow = use_of(share->allow),
	    .used = use_of(db.base + db.slack + others_net + net),
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
	if (db.is_counted && of(counted->counted) - of(counted->net) > db.base + db.slack)
		broken("a count makes the base", of(counted->counted) - of(counted->net), db.base + db.slack);
	share->seq = counted->seq;
	share->net = of(counted->net);
	share->allow = max64(share->allow, share->net);
	db.base = of(counted->counted) - share->net;
	db.slack = 0;
	db.folds++;
	db.is_counted = true;
	memset(db.ghosts, 0, sizeof(db.ghosts));
}

static void
db_answer(struct message *asked)
{
	static void (*const acts[])(struct message *) = {db_credit, db_close, db_counted};
	static const char *const kinds[] = {"credit", "close", "counted"};

	acts[asked->kind](asked);
	asked->is_answer = true;
	if (is_told)
		printf("  node %d: %s, outcome %d or %d; base %lld, slack %lld, net %lld, allow %lld\n", asked->node,
		    kinds[asked->kind], (int)asked->outcome, asked->is_true, (long long)db.base, (long long)db.slack,
		    (long long)db.shares[asked->node].net, (long long)db.shares[asked->node].allow);
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
	if (session->is_uploading && nodes[node].counting.phase == BEGUN)
		nodes[node].counting.unseen += session->written;
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

	if (nodes[node].is_asking && draw(12) != 0)
		return;
	message.kind = KIND_COUNTED;
	r = ledger_counted_begin(&session->ledger, &message.counted);
	if (r == -ENOENT) {
		message.kind = KIND_CREDIT;
		r = ledger_credit_begin(&session->ledger, need, &message.credit);
	}
	nodes[node].is_asking = r == 0;
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
	struct ledger_need need = need_of(max64(bytes, 0));
	struct ledger_figure figure;
	int r = ledger_begin(&session->ledger, &limits, need.bytes, need.files, &figure);

	if (r == -EDQUOT) {
		ask(node, number, &need);
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
		assert_int_equal(ledger_end(&session->ledger, use_of(bytes).bytes, use_of(bytes).files), 0);
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

/* What a walk through the home finds: uploads that run count as they began, with nothing. */
static struct ledger_figure
look_through_home(const struct node *node)
{
	int64_t found = home - node->counting.unseen;
	struct ledger_figure figure = {0};

	for (int number = 0; number < SESSIONS; number++)
		if (node->sessions[number].is_open)
			found -= node->sessions[number].written;
	*(is_of_files ? &figure.files : &figure.bytes) = (uint64_t)found;
	return figure;
}

/* One step of a count that the database has asked for. Other sessions may do something before the next one. */
static void
count(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	struct counting *counting = &nodes[node].counting;
	bool is_ours = counting->session == number && counting->life == session->life;

	switch (is_ours ? counting->phase : IDLE) {
	case IDLE:
		if (ledger_count_begin(&session->ledger, &counting->count) < 0)
			return;
		counting->phase = BEGUN;
		counting->session = number;
		counting->life = session->life;
		counting->unseen = 0;
		tell("begin to count", node, number, home);
		return;
	case BEGUN:
		counting->figure = look_through_home(&nodes[node]);
		counting->phase = LOOKED;
		tell("count", node, number, (long long)(counting->figure.bytes + counting->figure.files));
		if (ledger_count_look(&session->ledger, &counting->count) == 0)
			return;
		(void)ledger_count_end(&session->ledger, &counting->count, NULL);
		break;
	case LOOKED:
		(void)ledger_count_end(&session->ledger, &counting->count, &counting->figure);
		break;
	}
	counting->phase = IDLE;
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
	    of(view.left) == 0 && ledger_share_close_begin(&session->ledger, &message.credit) == 0) {
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

	nodes[message->node].is_asking = false;
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
	if (!keeps_ledger)
		unlink(nodes[node].path);
	tell("new boot", node, 0, keeps_ledger);
}

static void
trouble(int node)
{
	switch (draw(4)) {
	case 0:
		kill_node_sessions(node);
		break;
	case 1:
		new_boot(node, draw(2) == 0);
		break;
	default:
		tell("lease over", node, 0, db.shares[node].allow);
		db_bury(node);
		break;
	}
}

/* It counts already, or the home is to be counted, and it is its turn. */
static bool
is_to_count(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	const struct counting *counting = &nodes[node].counting;
	struct ledger_share_view view;

	if (counting->phase != IDLE && counting->session == number && counting->life == session->life)
		return draw(2) == 0;
	if (draw(4) != 0 || ledger_share_look(&session->ledger, &view) < 0)
		return false;
	return !view.has_result && (view.is_uncounted || of(view.left) > 0);
}

static void
act_of_session(int node, int number)
{
	struct session *session = &nodes[node].sessions[number];
	uint32_t what = draw(40);

	if (!session->is_open)
		log_in(node, number);
	else if (is_to_count(node, number))
		count(node, number);
	else if (session->is_uploading && what < 4)
		end_upload(session) ? (void)0 : die(node, number);
	else if (!is_of_files && what < (session->is_uploading ? 35 : 20))
		upload(node, number);
	else if (what < 34)
		change(node, number);
	else if (what < 36)
		ask(node, number, &(struct ledger_need){.gives_back = true});
	else if (what < 37)
		count(node, number);
	else if (what < 38)
		leave(node, number);
	else
		die(node, number);
}

/* --- what holds --- */

static int
add_to_use(struct ledger *ledger, uint32_t number, struct ledger_slot *slot, void *arg)
{
	(void)ledger;
	(void)number;
	*(int64_t *)arg +=
	    is_of_files ? slot->files + (int64_t)slot->reserved_files : slot->bytes + (int64_t)slot->reserved_bytes;
	return 0;
}

/* What sessions of the node may yet reserve without a question, as the file of its ledger says. */
static int64_t
room_of(const struct node *node)
{
	const char *name = strrchr(node->path, '/') + 1;
	struct ledger ledger = {.slot_fd = -1, .slot = SLOTS_MAX, .name_check = ledger_check_of(name, strlen(name))};
	struct ledger_head head;
	int64_t used;
	int r;

	ledger.fd = open(node->path, O_RDONLY | O_CLOEXEC);
	if (ledger.fd < 0)
		return 0;
	r = ledger_read_head(&ledger, &head);
	used = of((struct ledger_use){head.header.base_bytes, head.header.base_files}) + of(head.share.left);
	if (r == 0)
		r = ledger_each_slot(&ledger, head.header.slots, add_to_use, &used);
	close_fd(&ledger.fd);
	if (r < 0 || head.share.id == 0 || (head.share.flags & (SHARE_GONE | SHARE_LAST_WORD)) != 0 ||
	    memcmp(head.header.boot_id, boot_bytes(node->boot), sizeof(head.header.boot_id)) != 0)
		return 0;
	return max64(of(head.share.allow) - used, 0);
}

/* What is reserved and not written yet. */
static int64_t
unwritten_by(const struct node *node)
{
	int64_t sum = 0;

	for (int number = 0; number < SESSIONS; number++)
		if (node->sessions[number].is_open)
			sum += node->sessions[number].reserved - node->sessions[number].written;
	return sum;
}

static void
check_sums(void)
{
	int64_t lent = db.base + db.slack, grows_to = home;

	if (!db.is_counted)
		return;
	for (int node = 0; node < NODES; node++) {
		lent += db.shares[node].allow;
		grows_to += room_of(&nodes[node]) + unwritten_by(&nodes[node]);
	}
	if (lent > QUOTA)
		broken("the database has lent", lent, QUOTA);
	if (grows_to > lent)
		broken("the home may come to", grows_to, lent);
}

static void
check_node(int node)
{
	struct ledger_share_view view;

	for (int number = 0; number < SESSIONS; number++) {
		struct session *session = &nodes[node].sessions[number];

		if (!session->is_open || ledger_share_look(&session->ledger, &view) < 0 || view.id == 0)
			continue;
		if (of(view.net) + of(view.left) > of(view.allow))
			broken("a node uses", of(view.net) + of(view.left), of(view.allow));
		if (db.shares[node].id == view.id && of(view.allow) > db.shares[node].allow)
			broken("a node believes that it is allowed", of(view.allow), db.shares[node].allow);
	}
}

static void
check_all(void)
{
	if (home > QUOTA)
		broken("in the home is", home, QUOTA);
	for (int node = 0; node < NODES; node++)
		check_node(node);
	check_sums();
}

/* --- the end of a walk --- */

/* Question and answer, without anything between them. */
static void
ask_and_hear(int node, int number, const struct ledger_need *need)
{
	message_count = 0;
	nodes[node].is_asking = false;
	ask(node, number, need);
	if (message_count == 0)
		return;
	db_answer(&messages[0]);
	take_answer(&messages[0]);
	message_count = 0;
}

/* All others have been started again, and the home is to be counted ('sallyportctl quota recount'). */
static void
leave_alone(int node)
{
	kill_node_sessions(node);
	for (int other = 0; other < NODES; other++)
		if (other != node)
			new_boot(other, true);
	db.is_counted = false;
}

static bool
can_add(int node, int64_t figure)
{
	struct session *session = &nodes[node].sessions[0];
	struct ledger_need need = need_of(figure);
	struct ledger_figure used;

	if (ledger_begin(&session->ledger, &limits, need.bytes, need.files, &used) < 0)
		return false;
	assert_int_equal(ledger_end(&session->ledger, 0, 0), 0);
	return true;
}

static void
check_end(int node)
{
	const struct ledger_need rest = need_of(QUOTA - home), more = need_of(QUOTA - home + 1);
	struct session *session = &nodes[node].sessions[0];

	leave_alone(node);
	for (int i = 0; i < 16 && (!session->is_open || !db.is_counted || !can_add(node, QUOTA - home)); i++) {
		if (!session->is_open)
			log_in(node, 0);
		for (int phase = IDLE; phase <= LOOKED && session->is_open; phase++)
			count(node, 0);
		if (session->is_open)
			ask_and_hear(node, 0, &rest);
		check_all();
	}
	if (!session->is_open || !db.is_counted || !can_add(node, QUOTA - home))
		broken("the rest of the quota is not granted:", QUOTA - home, 0);
	if (db.base + db.slack + db.shares[node].net != home)
		broken("the database believes in a use of", db.base + db.slack + db.shares[node].net, home);
	ask_and_hear(node, 0, &more);
	if (session->is_open && can_add(node, QUOTA - home + 1))
		broken("a node may add", QUOTA - home + 1, QUOTA - home);
}

static void
begin_walk(const char *directory)
{
	memset(&db, 0, sizeof(db));
	memset(nodes, 0, sizeof(nodes));
	node_count = 1 + (int)draw(NODES);
	busy = 0;
	message_count = 0;
	home = (int64_t)draw((uint32_t)QUOTA);
	db.is_counted = draw(2) == 0;
	db.base = db.is_counted ? home : 0;
	for (int node = 0; node < NODES; node++) {
		snprintf(nodes[node].path, sizeof(nodes[node].path), "%s/node%d", directory, node);
		unlink(nodes[node].path);
		nodes[node].boot = db.boots[node] = ++lives;
	}
}

/* Now and then another node has most to do, and the others' sessions go. */
static int
next_node(void)
{
	if (draw(40) == 0) {
		busy = (int)draw((uint32_t)node_count);
		for (int node = 0; node < node_count; node++)
			for (int number = 0; number < SESSIONS; number++)
				if (node != busy && nodes[node].sessions[number].is_open)
					leave(node, number);
	}
	return draw(8) != 0 ? busy : (int)draw((uint32_t)node_count);
}

/* Returns how much was in the home at most. */
static int64_t
walk(const char *directory, uint32_t seed)
{
	int64_t most = 0;

	seed_now = seed_of_walk = seed;
	is_of_files = seed % 2 == 0;
	limits = (struct ledger_limits){LEDGER_NO_LIMIT, LEDGER_NO_LIMIT};
	*(is_of_files ? &limits.files : &limits.bytes) = QUOTA;
	begin_walk(directory);
	for (step_now = 0; step_now < STEPS; step_now++) {
		uint32_t what = draw(80);

		if (what < 36)
			move_message();
		else if (what < 79)
			act_of_session(next_node(), (int)draw(SESSIONS));
		else
			trouble((int)draw((uint32_t)node_count));
		check_all();
		most = max64(most, home);
	}
	check_end((int)draw((uint32_t)node_count));
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
