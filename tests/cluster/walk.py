#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Random walks over the shared quota ledger: the real functions of store/schema_1.sql in a real PostgreSQL, and nodes that
are models of what a server does. Nodes die, start anew, lose their ledgers and their leases; messages and answers are
lost, late and doubled; quotas change. A walk is drawn from its seed alone, so a failing one can be walked again.

usage: walk.py CONNINFO [--seed N] [--walks N] [--seconds N] [--steps N] [--mutant NAME] [--trace]
       walk.py CONNINFO --crowd SECONDS     many connections at the same few accounts: no deadlock, and the sums hold
       walk.py --mutants                    the names of mistakes that the walks must find

CONNINFO is of a superuser; nodes connect as sallyport_node. Exit 1 when a promise was broken, or a mutant was not found.
"""
import argparse
import random
import sys
import threading
import time
import uuid

from postgres import Connection, DatabaseError

GRANTED, FULL, RECALL, GONE, COUNT, SESSIONS, NOT_NOW, OLD = range(8)

# Mistakes, as a text of a function and what it becomes. Walks must notice each of them.
MUTANTS = {
    "bury-without-slack": ("share_bury", "u.slack_bytes + g.allow_bytes - g.net_bytes", "u.slack_bytes + 0"),
    "bury-without-net": ("share_bury", "u.base_files + g.net_files", "u.base_files + 0"),
    "grant-over-slack": ("credit", "- u.base_bytes - u.slack_bytes - o.allow_bytes", "- u.base_bytes - o.allow_bytes"),
    "grant-over-others": ("credit", "- u.slack_files - o.allow_files - o_allow_files", "- u.slack_files - o_allow_files"),
    "told-twice-granted-twice": ("credit", "p_seq <= s.seq", "p_seq < s.seq"),
    "old-news-believed": ("credit", "p_seq <= s.seq", "false"),
    "old-quota": ("credit", "coalesce(q.quota_bytes, figure_max())", "greatest(q.quota_bytes, 3000)"),
    "refused-not-recalled": ("credit", "THEN 2\n", "THEN 1\n"),
    "slack-refuses": ("credit", "WHEN o_count IS NULL THEN 6\n", "WHEN true THEN 1\n"),
    "count-beside-others": ("counted", "id <> p_share", "false"),
    "count-beside-ghosts": ("ledger_haunted", "SELECT EXISTS", "SELECT false AND EXISTS"),
    "count-too-late": ("counted", "folds = p_count", "folds >= p_count"),
    "count-keeps-slack": ("counted", "slack_bytes = 0, slack_files = 0, ", ""),
    "dead-boot-returns": ("node_hello", "AND excluded.boot <> ALL (node.past)", ""),
    "first-quota-uncounted": ("account_set", "is_counted = false", "is_counted = is_counted"),
}


class Broken(Exception):
    """A promise of the ledger that did not hold."""


def promise(holds, *what):
    if not holds:
        raise Broken(" ".join(str(part) for part in what))


class Figures(tuple):
    """(bytes, files)"""
    def __new__(cls, size=0, files=0):
        return super().__new__(cls, (size, files))

    def __add__(self, other):
        return Figures(self[0] + other[0], self[1] + other[1])

    def __sub__(self, other):
        return Figures(self[0] - other[0], self[1] - other[1])

    def within(self, other):
        return self[0] <= other[0] and self[1] <= other[1]

    def most(self, other):
        return Figures(max(self[0], other[0]), max(self[1], other[1]))


class State:
    """What the database has, seen by a superuser."""
    def __init__(self, database, account):
        rows = database.ask(
            "SELECT a.quota_bytes, a.quota_files, a.max_sessions, u.is_counted, u.base_bytes, u.base_files, u.slack_bytes,"
            " u.slack_files, s.id, s.node, s.net_bytes, s.net_files, s.allow_bytes, s.allow_files, s.sessions"
            " FROM sallyport.account a LEFT JOIN sallyport.usage u ON u.account = a.id"
            " LEFT JOIN sallyport.share s ON s.account = a.id WHERE a.id = $1", account)
        row = rows[0]
        self.quota = Figures(*(2**60 if text is None else int(text) for text in row[:2]))
        self.max_sessions = None if row[2] is None else int(row[2])
        self.is_counted = row[3] == "t"
        self.base, self.slack = (Figures(*(int(text or 0) for text in row[at:at + 2])) for at in (4, 6))
        self.shares = {}
        for row in rows:
            if row[8] is not None:
                number = [int(text) for text in row[8:]]
                self.shares[number[0]] = (number[1], Figures(*number[2:4]), Figures(*number[4:6]), number[6])
        self.net = sum((share[1] for share in self.shares.values()), Figures())
        self.allow = sum((share[2] for share in self.shares.values()), Figures())
        self.sessions = sum(share[3] for share in self.shares.values())
        self.bound = self.base + self.slack + self.allow


class Node:
    """A server: its ledger of the account, which the database lends a share to."""
    def __init__(self, number, name, draw):
        self.number, self.name, self.draw = number, name, draw
        self.id = None
        self.is_up = self.is_forgotten = False
        self.new_boot()

    def new_boot(self):
        self.boot = uuid.UUID(int=self.draw.getrandbits(128), version=4)
        self.forget()

    def forget(self):
        self.share, self.seq, self.sessions = 0, 0, 0
        self.net, self.allow = Figures(), Figures()
        self.counting = None      # (what counted() wants to hear, the home at the begin)
        self.repeated = None      # a message whose answer did not come


class Walk:
    def __init__(self, admin, lines, seed, steps, trace=False):
        self.admin, self.lines, self.seed, self.steps = admin, lines, seed, steps
        self.draw = random.Random(seed)
        self.trace = trace
        self.late = []            # messages under way
        self.seen = None          # the database's state, as long as nothing was asked of it
        self.step = 0
        self.truth = Figures(self.draw.randint(0, 800), self.draw.randint(0, 8))
        self.quota = self.draw_quota()
        self.name = f"walk{seed}"
        self.counts = 0

    def say(self, *what):
        if self.trace:
            print(f"  {self.step}:", *what)

    # --- the database ---

    def draw_quota(self):
        return [self.draw.choice((100, 1000, 1000, 3000)), self.draw.choice((10, 10, 10, 30, 30, 30, None))]

    def line_of(self, quota):
        words = ["max-sessions=4"] + [f"{key}={n}" for key, n in zip(("quota", "quota-files"), quota) if n is not None]
        return f"{self.name}:*:200000:200000:/srv/{self.name}:{' '.join(words)}"

    def begin(self):
        self.admin.ask("SELECT sallyport.account_remove($1)", self.name)
        self.admin.ask("SELECT * FROM sallyport.account_add(ARRAY[$1], '{4}', ARRAY[$2::bigint], ARRAY[$3::bigint])",
                       self.line_of(self.quota), *self.quota)
        self.account = int(self.admin.ask("SELECT id FROM sallyport.account WHERE name = $1", self.name)[0][0])
        self.nodes = [Node(i, f"n{i}", self.draw) for i in range(self.draw.randint(2, 4))]
        for table in "share", "ghost", "node":     # boots that are drawn again have not been there before
            self.admin.ask(f"DELETE FROM sallyport.{table}")
        for node in self.nodes:
            self.start(node)
        self.ceiling = self.truth.most(self.state().quota)

    def state(self):
        if self.seen is None:
            self.seen = State(self.admin, self.account)
        return self.seen

    def administer(self, sql, *values):
        self.seen = None
        return self.admin.ask(sql, *values)

    def call(self, message):
        """One message, on one of the connections."""
        self.seen = None
        function, values = message
        marks = ", ".join(f"${i + 1}" for i in range(len(values)))
        return self.draw.choice(self.lines).ask(f"SELECT * FROM sallyport.{function}({marks})", *values)[0]

    def send(self, node, message):
        """The answer, or None: lost. What the network may do to it comes on top."""
        fate = self.draw.random()
        if fate < 0.04:
            self.say(node.name, "lost", message)
            node.repeated = message if self.draw.random() < 0.5 else None
            return None
        if fate < 0.09:
            self.say(node.name, "late", message)
            self.late.append(message)
            return None
        if fate < 0.17:
            self.late.append(message)
        answer = self.deliver(message)
        if fate > 0.95:
            self.say(node.name, "never heard the answer")
            node.repeated = message if self.draw.random() < 0.5 else None
            return None
        return answer

    def deliver(self, message):
        before = self.state()
        answer = self.call(message)
        self.say(*message, "->", *answer)
        self.judge(before, message, answer)
        return answer

    # --- what is promised ---

    def judge(self, before, message, answer):
        now = self.state()
        function, values = message
        promise(before.is_counted <= now.is_counted, "an honest node was taken for a liar:", message)
        if now.is_counted:
            promise(self.truth.within(now.bound), "more is there than is accounted for:", self.truth, now.bound)
        if before.is_counted:
            promise(now.bound.within(before.bound.most(now.quota)), "more was granted than there is:", now.bound, now.quota)
        promise(now.sessions <= max(now.max_sessions, before.sessions), "too many sessions:", now.sessions)
        if function == "counted" and answer[0] == "t":
            promise(now.slack == (0, 0) and now.base + now.net == self.exact_after(values), "a count that is not exact")
        if function == "credit" and int(answer[0]) == FULL:
            own = now.shares[int(answer[1])]
            room = now.quota - now.base - (now.net - own[1]) - own[2]
            want = Figures(*values[10:12])
            promise(any(wanted > 0 and wanted > left for wanted, left in zip(want, room)),
                    "refused, with room that could be called back or counted:", want, room)

    def exact_after(self, values):
        """A count is exact when it is told at once; a late one was of nodes that stood still."""
        return self.truth if values[3] in {node.share for node in self.nodes if node.counting} else Figures(*values[7:9])

    def watch(self):
        state = self.state()
        if state.is_counted and state.bound.within(state.quota):
            self.ceiling = state.quota
        promise(self.truth.within(self.ceiling), "over the quota:", self.truth, self.ceiling)
        for node in self.nodes:
            promise(node.net.within(node.allow), "the model is wrong: over its allow")
            if node.share in state.shares:
                promise(node.allow.within(state.shares[node.share][2]), node.name, "holds more than the database lent it:",
                        node.allow, state.shares[node.share][2])

    # --- nodes ---

    def start(self, node):
        node.new_boot()
        node.is_forgotten = False
        self.hello(node)

    def hello(self, node):
        message = ("node_hello", (node.name, node.boot))
        answer = self.call(message)[0]
        if self.draw.random() < 0.2:
            self.late.append(message)
        node.is_up = answer is not None
        if node.is_up:
            node.id = int(answer)

    def credit(self, node, want=Figures(), spare=Figures(), keep=None, sessions=None):
        """The outcome, or None when no answer came."""
        node.seq += 1
        if keep is not None:      # lowered before it is told
            node.allow = node.net.most(keep)
        if sessions is None:
            sessions = max(1, node.sessions)
        message = ("credit", (self.account, node.id, node.boot, node.share, node.seq, sessions,
                              *node.net, *node.allow, *want, *spare))
        return self.take(node, message, self.send(node, message))

    def take(self, node, message, answer):
        if answer is None:
            return None
        outcome, share = int(answer[0]), int(answer[1] or 0)
        node.repeated = None
        if outcome == GONE:
            self.say(node.name, "ends what used the share")
            node.forget()
            self.hello(node)      # it may have been declared dead, or its boot was
            if not node.is_up:
                self.start(node)
            return outcome
        if share == 0:
            return outcome
        node.share = share
        if outcome not in (SESSIONS, OLD):
            node.sessions = message[1][5]
        if message[1][4] == node.seq:    # (1): an answer to the last number
            node.allow = Figures(int(answer[2]), int(answer[3]))
        self.may_count(node, answer[6])
        return outcome

    def may_count(self, node, count):
        if count is not None and node.counting is None and self.draw.random() < 0.3:
            node.counting = (int(count), self.truth)

    def grow(self, node):
        more = Figures(self.draw.randint(0, self.draw.choice((5, 200))), self.draw.randint(0, 2))
        if node.share and (node.net + more).within(node.allow):
            return self.change(node, more)
        missing = Figures(*(max(0, n) for n in node.net + more - node.allow))
        spare = Figures(self.draw.choice((0, 50, 500)), self.draw.choice((0, 5)))
        outcome = self.credit(node, missing, spare)
        if outcome == RECALL:
            outcome = self.recall(node, missing, spare)
        if outcome == COUNT and node.counting is None:
            node.counting = (self.state_count(), self.truth)
        if outcome == GRANTED and node.counting is None and (node.net + more).within(node.allow):
            self.change(node, more)
        return None

    def state_count(self):
        return int(self.admin.ask("SELECT folds FROM sallyport.usage WHERE account = $1", self.account)[0][0])

    def recall(self, node, want, spare):
        """The others give back what they do not use; if all are heard, nobody is called twice."""
        heard = True
        holders = {share[0] for share in self.state().shares.values()}
        for other in self.nodes:
            if other is node or other.id not in holders:
                continue
            answered = other.is_up and other.share and other.counting is None and \
                self.credit(other, keep=other.net) in (GRANTED, OLD)
            heard = heard and answered
        outcome = self.credit(node, want, spare)
        if heard and outcome is not None and {share[0] for share in self.state().shares.values()} <= holders:
            promise(outcome != RECALL, "called back, and called back again")
        return outcome

    def change(self, node, figures):
        node.net += figures
        self.truth += figures

    def shrink(self, node):
        if node.share:
            less = Figures(self.draw.randint(0, self.truth[0]), self.draw.randint(0, self.truth[1]))
            self.change(node, Figures() - less)

    def close(self, node):
        if not node.share:
            return
        node.seq += 1
        message = ("share_close", (self.account, node.id, node.boot, node.share, node.seq, *node.net))
        self.send(node, message)
        node.forget()             # whatever came of it: nothing uses it any more

    def end_count(self, node):
        count, before = node.counting
        seen = Figures(*(self.draw.choice(pair) for pair in zip(before, self.truth)))
        node.seq += 1
        message = ("counted", (self.account, node.id, node.boot, node.share, node.seq, *node.net, *seen, count))
        answer = self.send(node, message)
        node.counting = None
        if answer is not None and answer[0] == "t":
            self.counts += 1

    def set_quota(self):
        before = self.state()
        self.quota = self.draw_quota()
        self.administer("SELECT sallyport.account_set($1, 4, $2, $3)", self.line_of(self.quota), *self.quota)
        self.say("quota", self.quota)
        now = self.state()
        first = any(was == 2**60 != new for was, new in zip(before.quota, now.quota))
        promise(now.is_counted == (before.is_counted and not first), "a first quota, and nobody counts")
        lent = Figures()
        for node in self.nodes:
            held = now.shares.get(node.share, (0, Figures(), Figures()))[2]
            lent += node.allow.most(held) - node.net
        for share, held in now.shares.items():
            if share not in {node.share for node in self.nodes}:
                lent += held[2] - held[1]
        self.ceiling = self.ceiling_of(now, lent)

    def ceiling_of(self, state, lent):
        """What was lent before stays lent; nothing is granted on top."""
        return state.quota.most(state.bound.most(self.truth + lent))

    def lapse(self, node):
        self.say(node.name, "is silent, its lease ends")
        self.admin.ask("UPDATE sallyport.node SET lease_until = '-infinity' WHERE name = $1", node.name)
        if self.draw.random() < 0.6:
            self.deliver(("expire", (100,)))

    # --- the walk ---

    def turn(self):
        node, die = self.draw.choice(self.nodes), self.draw.random()
        if die < 0.10 and self.late:    # the last one more often than the others
            return self.deliver_late(self.late.pop(self.draw.choice((-1, self.draw.randrange(len(self.late))))))
        if die < 0.13:
            return self.set_quota() if self.draw.random() < 0.6 else self.deliver(("expire", (100,)))
        if not node.is_up:
            return self.start(node) if die < 0.4 else None
        if die < 0.25 and not node.share and any(other.counting for other in self.nodes):
            self.say(node.name, "comes and goes while another one counts")
            self.grow(node)
            return self.close(node) if node.counting is None else None
        if node.counting is not None:      # nothing of it grows; it still may die
            return self.end_count(node) if die < 0.4 else self.stop(node) if die > 0.95 else None
        if node.repeated is not None and die < 0.5:
            message, node.repeated = node.repeated, None
            if message[0] == "credit" and message[1][3] == node.share:
                self.take(node, message, self.send(node, message))
            return None
        if die < 0.45:
            return self.grow(node)
        if die < 0.60:
            return self.shrink(node)
        if die < 0.66:
            return self.credit(node, sessions=self.draw.randint(1, 3))
        if die < 0.78:
            return self.close(node)
        if die < 0.82:
            return self.stop(node)
        if die < 0.86:
            self.say(node.name, "has lost its ledger")
            return node.forget()
        if die < 0.92:
            return self.lapse(node)
        if die < 0.95:
            return self.hello(node)
        if die < 0.96 and not node.share:
            self.say(node.name, "is forgotten")
            node.is_up = False
            node.forget()
            node.is_forgotten = True
            self.administer("SELECT sallyport.node_forget($1)", node.name)
        elif die > 0.97 and node.share:
            node.sessions = self.draw.randint(0, node.sessions)
            self.send(node, ("share_sessions", (self.account, node.id, node.boot, node.share, node.seq, node.sessions)))
            node.repeated = None      # nobody repeats it
        return None

    def deliver_late(self, message):
        self.say("late:")
        if message[0] == "node_hello":
            boots = {node.boot for node in self.nodes if not node.is_forgotten}
            return promise(self.call(message)[0] is None or message[1][1] in boots, "a dead boot came back")
        return self.deliver(message)

    def stop(self, node):
        self.say(node.name, "dies")
        node.is_up = False
        node.forget()

    def settle(self):
        """All start anew, nothing is late: a count makes the figures exact, and all room is there again."""
        self.late = []
        for node in self.nodes:
            self.start(node)
        self.call(("expire", (1000,)))
        node = self.nodes[0]
        self.draw = random.Random(self.seed)
        fate = self.send
        self.send = lambda _, message: self.deliver(message)
        self.credit(node)
        node.counting = (self.state_count(), self.truth)
        self.end_count(node)
        state = self.state()
        promise(state.is_counted and state.slack == (0, 0) and state.base == self.truth, "not exact after a count:",
                state.base, self.truth)
        left = Figures(*(max(0, n) for n in state.quota - self.truth))
        if left != (0, 0):
            promise(self.credit(node, left) == GRANTED, "free, and not granted:", left)
        self.close(node)
        state = self.state()
        promise(state.bound == self.truth and not state.shares, "not exact after all have gone:", state.bound, self.truth)
        self.send = fate

    def run(self):
        self.begin()
        for self.step in range(self.steps):
            self.turn()
            self.watch()
        self.settle()
        self.admin.ask("SELECT sallyport.account_remove($1)", self.name)


def mutate(admin, name):
    function, text, instead = MUTANTS[name]
    source = admin.ask("SELECT pg_get_functiondef(('sallyport.' || $1)::regproc)", function)[0][0]
    if source.count(text) == 0:
        sys.exit(f"walk.py: mutant {name}: {function}() has no '{text}'")
    admin.ask(source.replace(text, instead))
    return source


def walk_all(admin, lines, options):
    """The seed that broke a promise, or None."""
    began, counts, done = time.monotonic(), 0, 0
    for seed in range(options.seed, options.seed + options.walks):
        if options.seconds and time.monotonic() - began > options.seconds:
            break
        walk = Walk(admin, lines, seed, options.steps, options.trace)
        try:
            walk.run()
        except (Broken, DatabaseError) as error:
            print(f"seed {seed}, step {walk.step}: {error}")
            return seed
        counts += walk.counts
        done += 1
    print(f"{done} walks from seed {options.seed} on, {options.steps} steps each, {counts} counts: every promise was kept")
    return None


# --- the crowd ---

class Crowd:
    """Threads, each with a connection and a node of its own, at the same few accounts. No promise but these: nobody is a
    victim of a deadlock, and at the end the sums hold."""
    ACCOUNTS = 3
    QUOTA = 10000

    def __init__(self, conninfo, node_conninfo, seconds):
        self.admin = Connection(conninfo)
        self.conninfo, self.node_conninfo = conninfo, node_conninfo
        self.until = time.monotonic() + seconds
        self.problems, self.done = [], 0

    def line(self, i):
        return f"crowd{i}:*:200000:200000:/srv/crowd{i}:quota={self.QUOTA}"

    def ids(self):
        return [int(row[0]) for row in self.admin.ask("SELECT id FROM sallyport.account WHERE name LIKE 'crowd%' ORDER BY id")]

    def add(self, admin, i):
        admin.ask("SELECT * FROM sallyport.account_add(ARRAY[$1], '{NULL}', ARRAY[$2::bigint], '{NULL}')", self.line(i),
                  self.QUOTA)

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except DatabaseError as error:
            self.problems.append(str(error))

    def node(self, number):
        draw, line, boot = random.Random(number), Connection(self.node_conninfo), uuid.uuid4()
        me = line.ask("SELECT sallyport.node_hello($1, $2)", f"crowd{number}", boot)[0][0]
        held = {}
        while time.monotonic() < self.until and not self.problems:
            account = draw.choice(self.accounts)
            share, seq, net, allow = held.get(account, (0, 0, 0, 0))
            die = draw.random()
            if share and die < 0.3:
                line.ask("SELECT sallyport.share_close($1, $2, $3, $4, $5, $6, 0)", account, me, boot, share, seq + 1, net)
                held.pop(account)
            elif die < 0.35:
                line.ask("SELECT sallyport.expire(100)")
            else:
                answer = line.ask("SELECT * FROM sallyport.credit($1, $2, $3, $4, $5, 1, $6, 0, $7, 0, $8, 0, 0, 0)", account,
                                  me, boot, share, seq + 1, net, net, draw.randint(0, 500))[0]
                if int(answer[0]) == GONE:
                    held.pop(account, None)
                    line.ask("SELECT sallyport.node_hello($1, $2)", f"crowd{number}", boot)
                    continue
                if int(answer[0]) == COUNT:
                    line.ask("SELECT sallyport.counted($1, $2, $3, $4, $5, $6, 0, $6, 0, $7)", account, me, boot, answer[1],
                             seq + 2, net, answer[6])
                net = draw.randint(net, int(answer[2])) if draw.random() < 0.5 else max(0, net - draw.randint(0, 100))
                held[account] = (int(answer[1]), seq + 2, net, int(answer[2]))
            self.done += 1
        line.close()

    def changes(self):
        """An administrator, who sets quotas, adds and removes, and ends leases."""
        draw, admin = random.Random(0), Connection(self.conninfo)
        while time.monotonic() < self.until and not self.problems:
            admin.ask("BEGIN")
            admin.ask("SELECT sallyport.accounts_lock()")
            for i in draw.sample(range(self.ACCOUNTS), 2):
                if draw.random() < 0.1:
                    admin.ask("SELECT sallyport.account_remove($1)", f"crowd{i}")
                    self.add(admin, i)
                else:
                    admin.ask("SELECT sallyport.account_set($1, NULL, $2, $3)", self.line(i), self.QUOTA,
                              draw.choice((None, 50)))
            admin.ask("COMMIT")
            self.accounts = self.ids()
            admin.ask("UPDATE sallyport.node SET lease_until = now() - interval '1 s' WHERE name = $1",
                      f"crowd{draw.randrange(8)}")
            time.sleep(0.01)
        admin.close()

    def run(self):
        for i in range(self.ACCOUNTS):
            self.admin.ask("SELECT sallyport.account_remove($1)", f"crowd{i}")
            self.add(self.admin, i)
        self.accounts = self.ids()
        threads = [threading.Thread(target=self.guarded, args=(self.node, i)) for i in range(8)]
        threads.append(threading.Thread(target=self.guarded, args=(self.changes,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for account in self.ids():
            state = State(self.admin, account)
            if state.is_counted and state.bound[0] > self.QUOTA:
                self.problems.append(f"account {account}: {state.bound} are lent of {self.QUOTA}")
            self.admin.ask("DELETE FROM sallyport.account WHERE id = $1", account)
        print(f"{self.done} calls of 8 nodes: {'; '.join(self.problems) or 'no deadlock, and the sums hold'}")
        return 1 if self.problems else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("conninfo", nargs="?")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--walks", type=int, default=10**6)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--mutant", choices=MUTANTS)
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--crowd", type=float)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    if options.mutants:
        print("\n".join(MUTANTS))
        return 0
    node_conninfo = options.conninfo + " user=sallyport_node"
    if options.crowd:
        return Crowd(options.conninfo, node_conninfo, options.crowd).run()
    admin, lines = Connection(options.conninfo), [Connection(node_conninfo) for _ in range(4)]
    if options.mutant is None:
        return 0 if walk_all(admin, lines, options) is None else 1
    source = mutate(admin, options.mutant)
    try:
        return 1 if walk_all(admin, lines, options) is None else 0
    finally:
        admin.ask(source)


if __name__ == "__main__":
    sys.exit(main())
