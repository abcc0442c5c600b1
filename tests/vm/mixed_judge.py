# SPDX-License-Identifier: ISC
"""Judges what several clients made of the same names at the same time, by their journal. Pure: no file, no clock.

Each command has a time of its beginning and of its end, and took effect at one moment between the two. A round is right
when some order of these moments explains every reply, and every byte that is there afterwards. The content of each
upload is unlike all others (content_of()), so that a byte tells which upload it is of.
"""

import hashlib
from dataclasses import dataclass, replace

WORLDS_MAX = 20000
HEAD = 8  # bytes that tell one upload from all others

DONE = "done"        # 2yz
REFUSED = "refused"  # 4yz or 5yz before a byte went: no effect
FAILED = "failed"    # 4yz or 5yz after the transfer began
LOST = "lost"        # the connection broke: any effect, also later
PERHAPS = "perhaps"  # 2yz of DELE beside an upload: of nothing else than the partial that it had just made
ABSENT = "absent"    # 550, there is no such file: it must be true

FINISHED, PARTIAL = 0, 1


@dataclass(frozen=True)
class Command:
    number: int
    verb: str  # STOR, APPE, REST (and STOR), DELE, RNTO
    name: str
    start: float
    end: float
    result: str
    size: int = 0
    offset: int = 0
    to: str = ""
    reply: str = ""
    who: str = ""

    def __str__(self):
        what = {"RNTO": f"{self.name} to {self.to}", "DELE": self.name}.get(self.verb, f"{self.name}, {self.size} bytes")
        at = f" at {self.offset}" if self.verb == "REST" else ""
        return f"{self.start:.3f}-{self.end:.3f} {self.who} #{self.number} {self.verb} {what}{at}: {self.result} {self.reply}"


def content_of(number, size):
    return hashlib.shake_128(b"upload %d" % number).digest(size)


# --- contents: tuples of pieces, the first bytes first ---
#
#   ("raw", bytes)                             what was there when the round began
#   ("whole", number, size)                    an upload
#   ("begun", number, size)                    so many of its first bytes as came, none as well
#   ("upto", content, size)                    a content that was cut there
#   ("over", content, offset, number, size, is_whole)   an upload that was written into another content


def may_be_empty(content):
    if content is None:
        return True
    return all(piece[0] == "begun" or (piece[0] == "raw" and not piece[1]) for piece in content)


def may_have_bytes(content):
    return content is not None and any(piece[0] != "raw" or piece[1] for piece in content)


class Match:
    """Which contents are these bytes?"""

    def __init__(self, data, heads):
        self.data = data
        self.begins = [i for i in range(len(data)) if data[i:i + HEAD] in heads] if heads else []

    def is_of(self, content):
        return len(self.data) in self.ends(content, (), False)

    def patched(self, piece, at, holes):
        """A piece, with what stands in the holes: another upload wrote there afterwards."""
        if not holes:
            return piece
        piece = bytearray(piece)
        for begin, end in holes:
            low, high = max(begin, at), min(end, at + len(piece), len(self.data))
            if low < high:
                piece[low - at:high - at] = self.data[low:high]
        return bytes(piece)

    def common(self, piece, at):
        have = self.data[at:at + len(piece)]
        low, high = 0, len(have)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if have[:middle] == piece[:middle] else (low, middle - 1)
        return low

    def ends(self, content, holes, may_go_on):
        """Where the content may end; with may_go_on also the end of the data, where it goes on after that."""
        positions = {0}
        for piece in content:
            positions = {end for at in positions for end in self.ends_of_piece(piece, at, holes, may_go_on)}
        return positions

    def ends_of_piece(self, piece, at, holes, may_go_on):
        kind = piece[0]
        if kind == "upto":
            return self.ends_of_cut(piece, holes, may_go_on)
        if kind == "over":
            return self.ends_of_overlay(piece, holes, may_go_on)
        wanted = self.patched(piece[1] if kind == "raw" else content_of(piece[1], piece[2]), at, holes)
        common = self.common(wanted, at)
        if kind == "begun":
            return {at, at + common} | {i for i in self.begins if at < i < at + common}
        if common == len(wanted):
            return {at + common}
        return {len(self.data)} if may_go_on and at + common == len(self.data) else set()

    def ends_of_cut(self, piece, holes, may_go_on):
        _, content, size = piece
        if size > len(self.data):
            return {len(self.data)} if may_go_on and self.ends(content, holes, True) else set()
        head = Match(self.data[:size], None)
        head.begins = [i for i in self.begins if i < size]
        return {size} if size in head.ends(content, holes, True) else set()

    def ends_of_overlay(self, piece, holes, may_go_on):
        _, content, offset, number, size, is_whole = piece
        wanted = self.patched(content_of(number, size), offset, holes)
        common = self.common(wanted, offset)
        if is_whole and common < size and not (may_go_on and offset + common == len(self.data)):
            return set()
        below = self.ends(content, (*holes, (offset, offset + common)), may_go_on)
        return {max(end, offset + common) for end in below if end >= offset or may_go_on}


# --- what a command makes of a name: (finished file, partial), None where there is none ---

def after_store(command, finished, partial):
    whole, begun = (("whole", command.number, command.size),), (("begun", command.number, command.size),)
    after = set()
    if command.result in (DONE, LOST):
        after.add((whole, None))
    if command.result in (FAILED, LOST):
        after |= {(finished, begun), (finished, None)}
    if command.result == LOST or (command.result == FAILED and partial is None):
        after.add((finished, partial))
    return after


def after_append(command, finished, partial):
    whole, begun = ("whole", command.number, command.size), ("begun", command.number, command.size)
    after = set()
    if finished is not None and not may_be_empty(partial):
        return {(finished, partial)} if command.result != DONE else set()
    if command.result in (DONE, LOST):
        after.add(((finished or partial or ()) + (whole,), partial if finished is not None else None))
    if command.result in (FAILED, LOST):
        after.add((finished + (begun,), partial) if finished is not None else (None, (partial or ()) + (begun,)))
    if command.result == LOST or (command.result == FAILED and may_be_empty(partial)):
        after.add((finished, partial))
    return after


def after_restart(command, finished, partial):
    number, size, at = command.number, command.size, command.offset
    after = set()
    if may_have_bytes(partial):
        head = (("upto", partial, at),)
        if command.result in (DONE, LOST):
            after.add((head + (("whole", number, size),), None))
        if command.result in (FAILED, LOST):
            after.add((finished, head + (("begun", number, size),)))
    if finished is not None and may_be_empty(partial):
        if command.result in (DONE, LOST):
            after.add(((("over", finished, at, number, size, True),), partial))
        if command.result in (FAILED, LOST):
            after.add(((("over", finished, at, number, size, False),), partial))
    if command.result == LOST:
        after.add((finished, partial))
    return after


def after_delete(command, finished, partial):
    """The finished file; where there is none, the partial."""
    if command.result == ABSENT:
        return {(finished, partial)} if finished is None and may_be_empty(partial) else set()
    after = {(finished, partial)} if command.result == LOST else set()
    if command.result == PERHAPS and finished is None and partial is None:
        after.add((None, None))
    if finished is not None:
        after.add((None, partial))
    elif partial is not None:
        after.add((None, None))
    return after


ON_ONE_NAME = {"STOR": after_store, "APPE": after_append, "REST": after_restart, "DELE": after_delete}


def after_rename(command, state, index):
    source, target = index[command.name], index[command.to]
    if command.result == ABSENT:
        return {state} if state[source][FINISHED] is None else set()
    after = {state} if command.result == LOST else set()
    if state[source][FINISHED] is not None:
        new = list(state)
        new[target] = (state[source][FINISHED], state[target][PARTIAL])
        new[source] = (None, state[source][PARTIAL])
        after.add(tuple(new))
    return after


def after_command(command, state, index):
    if command.verb == "RNTO":
        return after_rename(command, state, index)
    at = index[command.name]
    return {state[:at] + (pair,) + state[at + 1:] for pair in ON_ONE_NAME[command.verb](command, *state[at])}


# --- orders ---

class Undecided(Exception):
    """Too many orders are possible."""


def worlds_with(command, worlds, pending, index):
    """Every state, and which of the pending commands made it, in which this command has taken effect."""
    seen, todo, having = set(worlds), list(worlds), set()
    while todo:
        state, applied = todo.pop()
        if command.number in applied:
            having.add((state, applied - {command.number}))
            continue
        for other in pending.values():
            if other.number in applied:
                continue
            for after in after_command(other, state, index):
                world = (after, applied | {other.number})
                if world not in seen:
                    seen.add(world)
                    todo.append(world)
        if len(seen) > WORLDS_MAX:
            raise Undecided
    return having


def worlds_after(names, before, commands):
    """All that may be there after the commands: a set of states. Raises Unexplained at the first impossible reply."""
    index = {name: i for i, name in enumerate(names)}
    start = tuple(tuple(None if data is None else (("raw", data),) for data in before[name]) for name in names)
    worlds, pending = {(start, frozenset())}, {}
    last = max((command.end for command in commands), default=0) + 1
    events = []
    for command in commands:
        events.append((command.start, 0, command.number, command))
        events.append((last if command.result == LOST else command.end, 1, command.number, command))
    for _, is_end, _, command in sorted(events, key=lambda event: event[:3]):
        if not is_end:
            pending[command.number] = command
            continue
        worlds = worlds_with(command, worlds, pending, index)
        del pending[command.number]
        if not worlds:
            raise Unexplained(f"no order explains the reply to {command}")
    return {state for state, _ in worlds}


class Unexplained(Exception):
    pass


def pieces_of(data, numbers, size_max):
    """What bytes are of, for a report."""
    if data is None:
        return "none"
    heads = {content_of(number, HEAD): number for number in numbers}
    found, at = [], 0
    while at < len(data):
        number = heads.get(data[at:at + HEAD])
        if number is None:
            at += 1
            if found and found[-1][0] == "?":
                found[-1][1] += 1
            else:
                found.append(["?", 1])
            continue
        length = Match(data[at:], None).common(content_of(number, size_max), 0)
        found.append([f"#{number}", length])
        at += length
    return " + ".join(f"{who}*{length}" for who, length in found) or "empty"


def without_moments(commands):
    """For NFS: RNTO over a file that is open at the same node is two calls, between which nobody finds the name. So what
    was absent while such a command ran is no proof."""
    renames = [command for command in commands if command.verb == "RNTO" and command.result in (DONE, FAILED, LOST)]
    last = max((command.end for command in commands), default=0)

    def may_be_moment(absent):
        return any(rename.to == absent.name and rename.start < absent.end and
                   (last if rename.result == LOST else rename.end) > absent.start for rename in renames)
    return [command for command in commands if command.result != ABSENT or not may_be_moment(command)]


def with_doubts(commands):
    """An upload makes its partial, and then locks it: DELE of a name that has nothing else may come in between, and the
    upload begins anew or is refused."""
    uploads = [command for command in commands if command.verb in ("STOR", "APPE", "REST")]

    def is_doubt(command):
        return command.verb == "DELE" and command.result == DONE and any(
            upload.name == command.name and upload.start < command.end and
            (upload.end > command.start or upload.result == LOST) for upload in uploads)
    return [replace(command, result=PERHAPS) if is_doubt(command) else command for command in commands]


def judge_round(names, before, commands, after):
    """What is wrong, as texts; none where all is well.

    names     that commands of the round rename among each other; others are not among the commands
    before    name to (finished, partial), each bytes or None
    commands  of the round, of these names
    """
    effective = [command for command in with_doubts(commands) if command.result != REFUSED]
    heads = {content_of(command.number, HEAD) for command in effective}
    try:
        worlds = worlds_after(names, before, effective)
    except Unexplained as error:
        return [str(error)]
    matches = {name: [None if data is None else Match(data, heads) for data in after[name]] for name in names}
    known = {}

    def is_possible(name, content, which):
        key = (name, content, which)
        if key not in known:
            match = matches[name][which]
            known[key] = content is None if match is None else content is not None and match.is_of(content)
        return known[key]

    for state in worlds:
        if all(is_possible(name, state[i][which], which) for i, name in enumerate(names) for which in (FINISHED, PARTIAL)):
            return []
    wrong = [name for i, name in enumerate(names)
             if not any(is_possible(name, state[i][FINISHED], FINISHED) and is_possible(name, state[i][PARTIAL], PARTIAL)
                        for state in worlds)]
    numbers, size_max = [command.number for command in effective], max((c.size for c in effective), default=0)
    return [f"no order explains what is there{': ' if wrong else ''}" + "; ".join(
        f"'{name}' is {pieces_of(after[name][FINISHED], numbers, size_max)}, "
        f"its partial {pieces_of(after[name][PARTIAL], numbers, size_max)}" for name in wrong)]


def stuck_locks(commands, lost_before, wait_s):
    """450 where nobody else is at the names of these commands, and no client was lost there in the last wait_s seconds.

    commands are all of the round for names that are renamed among each other: the lock of a file goes with it. Returns
    texts, and the longest time for which a lost client still held a name.
    """
    wrong, longest = [], 0.0
    for command in commands:
        if not command.reply.startswith("450"):
            continue
        others = [other for other in [*lost_before, *commands]
                  if other.number != command.number and other.start < command.end]
        if any(other.end > command.start for other in others):
            continue
        held_s = min((command.start - other.end for other in others if other.result == LOST), default=None)
        if held_s is None or held_s > wait_s:
            wrong.append(f"in use, and nobody is there: {command}")
        else:
            longest = max(longest, held_s)
    return wrong, longest
