#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of mixed_judge.py: what it must accept, and what it must find."""

import sys
import unittest

sys.dont_write_bytecode = True
from mixed_judge import (ABSENT, DONE, FAILED, LOST, REFUSED, Command, content_of, judge_round,  # noqa: E402
                         stuck_locks, without_moments)

NAMES = ["a", "b"]
NONE = {"a": (None, None), "b": (None, None)}
OLD = b"old content of the file"


def command(number, verb, name, start, end, result=DONE, **more):
    return Command(number=number, verb=verb, name=name, start=start, end=end, result=result, **{"size": 1000, **more})


def there(a=None, a_partial=None, b=None, b_partial=None):
    return {"a": (a, a_partial), "b": (b, b_partial)}


def up(number, size=1000):
    return content_of(number, size)


class JudgeTest(unittest.TestCase):
    def accept(self, before, commands, after):
        self.assertEqual(judge_round(NAMES, before, commands, after), [])

    def find(self, before, commands, after, words="no order explains what is there"):
        found = judge_round(NAMES, before, commands, after)
        self.assertEqual(len(found), 1, found)
        self.assertIn(words, found[0])


class TestOfOneCommand(JudgeTest):
    def test_nothing_changes_without_a_command(self):
        self.accept(there(a=OLD, b_partial=b"x"), [], there(a=OLD, b_partial=b"x"))
        self.find(there(a=OLD), [], NONE)
        self.find(there(a=OLD), [], there(a=OLD[:-1]))
        self.find(there(a_partial=OLD), [], NONE)

    def test_an_upload_that_was_answered_is_there(self):
        stored = [command(1, "STOR", "a", 1, 2)]
        self.accept(there(a=OLD), stored, there(a=up(1)))
        self.find(there(a=OLD), stored, there(a=OLD))
        self.find(there(a=OLD), stored, NONE)
        self.find(NONE, stored, there(a=up(1)[:999]))
        self.find(NONE, stored, there(a=up(1) + b"x"))
        self.find(NONE, stored, there(a=up(1), a_partial=b""))

    def test_an_append_keeps_what_was_there(self):
        added = [command(1, "APPE", "a", 1, 2)]
        self.accept(there(a=OLD), added, there(a=OLD + up(1)))
        self.accept(there(a_partial=OLD), added, there(a=OLD + up(1)))
        self.find(there(a=OLD), added, there(a=up(1)))
        self.find(there(a=OLD), added, there(a=OLD))
        self.find(there(a=OLD), added, there(a=b"x" * len(OLD) + up(1)))

    def test_a_restart_writes_at_its_offset(self):
        within, partial = [command(1, "REST", "a", 1, 2, offset=5, size=10)], [command(1, "REST", "a", 1, 2, offset=5)]
        self.accept(there(a=OLD), within, there(a=OLD[:5] + up(1, 10) + OLD[15:]))
        self.find(there(a=OLD), within, there(a=OLD[:5] + up(1, 10)))
        self.find(there(a=OLD), within, there(a=b"x" + OLD[1:5] + up(1, 10) + OLD[15:]))
        self.accept(there(a_partial=OLD), partial, there(a=OLD[:5] + up(1)))
        self.find(there(a_partial=OLD), partial, there(a=OLD + up(1)))

    def test_a_broken_upload_leaves_its_first_bytes(self):
        lost = [command(1, "STOR", "a", 1, 2, LOST)]
        for after in (there(a=OLD), there(a=up(1)), there(a=OLD, a_partial=up(1)[:10]), there(a=OLD, a_partial=b""),
                      there(a=OLD, a_partial=up(1))):
            self.accept(there(a=OLD), lost, after)
        for after in (NONE, there(a=up(1)[:10]), there(a=OLD, a_partial=b"x"), there(a=OLD, a_partial=up(1)[1:10])):
            self.find(there(a=OLD), lost, after)
        self.find(there(a=OLD), [command(1, "STOR", "a", 1, 2, FAILED)], there(a=up(1)))

    def test_a_broken_append_keeps_what_was_there(self):
        lost = [command(1, "APPE", "a", 1, 2, LOST)]
        self.accept(there(a=OLD), lost, there(a=OLD + up(1)[:77]))
        self.find(there(a=OLD), lost, there(a=OLD[:-1] + up(1)[:77]))

    def test_removing_and_renaming(self):
        self.accept(there(a=OLD), [command(1, "DELE", "a", 1, 2)], NONE)
        self.find(there(a=OLD), [command(1, "DELE", "a", 1, 2)], there(a=OLD))
        renamed = [command(1, "RNTO", "a", 1, 2, to="b")]
        self.accept(there(a=OLD, b=b"x"), renamed, there(b=OLD))
        self.find(there(a=OLD, b=b"x"), renamed, there(a=OLD, b=b"x"))
        self.find(there(a=OLD, b=b"x"), renamed, there(b=b"x"))
        self.find(there(a=OLD), renamed, there(a=OLD, b=OLD))


class TestOfReplies(JudgeTest):
    def test_what_cannot_be_is_not_done(self):
        self.find(NONE, [command(1, "DELE", "a", 1, 2)], NONE, "no order explains the reply")
        self.find(NONE, [command(1, "RNTO", "a", 1, 2, to="b")], NONE, "no order explains the reply")
        self.find(there(a=OLD, a_partial=OLD), [command(1, "APPE", "a", 1, 2)], NONE, "no order explains the reply")

    def test_what_is_there_is_not_absent(self):
        self.accept(NONE, [command(1, "DELE", "a", 1, 2, ABSENT)], NONE)
        self.find(there(a=OLD), [command(1, "DELE", "a", 1, 2, ABSENT)], there(a=OLD), "no order explains the reply")
        self.find(NONE, [command(1, "STOR", "a", 1, 2), command(2, "RNTO", "a", 3, 4, ABSENT, to="b")], there(a=up(1)),
                  "no order explains the reply")

    def test_what_was_refused_did_nothing(self):
        refused = [command(1, "STOR", "a", 1, 2, REFUSED)]
        self.accept(there(a=OLD), refused, there(a=OLD))
        self.find(there(a=OLD), refused, there(a=up(1)))


    def test_what_an_upload_has_just_begun_may_be_removed(self):
        for result, after in ((DONE, up(1)), (REFUSED, None)):
            self.accept(NONE, [command(1, "STOR", "a", 1, 4, result), command(2, "DELE", "a", 2, 3)], there(a=after))
        self.find(NONE, [command(1, "STOR", "a", 1, 2), command(2, "DELE", "a", 3, 4)], there(a=up(1)))
        self.find(there(a=OLD), [command(1, "APPE", "a", 1, 4), command(2, "DELE", "a", 2, 3)], there(a=OLD + up(1)))

    def test_on_nfs_a_name_is_absent_while_another_is_renamed_to_it(self):
        absent = command(1, "DELE", "a", 3, 4, ABSENT)
        for rename in (command(2, "RNTO", "b", 2, 5, to="a"), command(2, "RNTO", "b", 1, 2, LOST, to="a")):
            self.assertEqual(without_moments([absent, rename, command(3, "STOR", "b", 5, 6)])[0], rename)
        for other in (command(2, "RNTO", "b", 1, 2, to="a"), command(2, "RNTO", "a", 2, 5, to="b"),
                      command(2, "STOR", "a", 2, 5)):
            self.assertEqual(without_moments([absent, other]), [absent, other])


class TestOfOrders(JudgeTest):
    def test_one_after_the_other(self):
        both = [command(1, "STOR", "a", 1, 2), command(2, "STOR", "a", 3, 4)]
        self.accept(NONE, both, there(a=up(2)))
        self.find(NONE, both, there(a=up(1)))
        added = [command(1, "STOR", "a", 1, 2), command(2, "APPE", "a", 3, 4)]
        self.accept(NONE, added, there(a=up(1) + up(2)))
        for wrong in (up(1), up(2), up(2) + up(1)):
            self.find(NONE, added, there(a=wrong))

    def test_at_the_same_time_either_order(self):
        both = [command(1, "STOR", "a", 1, 4), command(2, "APPE", "a", 2, 3)]
        self.accept(there(a=OLD), both, there(a=up(1)))
        self.accept(there(a=OLD), both, there(a=up(1) + up(2)))
        for wrong in (up(2), OLD + up(2), up(1)[:500] + up(2) + up(1)[500:], up(2) + up(1)):
            self.find(there(a=OLD), both, there(a=wrong))

    def test_two_uploads_do_not_mix(self):
        both = [command(1, "STOR", "a", 1, 4), command(2, "STOR", "a", 2, 3)]
        self.find(NONE, both, there(a=up(1)[:500] + up(2)[500:]))

    def test_the_loss_of_the_race(self):
        """A was answered, B appended at once by the name of the partial: A's bytes are gone."""
        race = [command(1, "STOR", "a", 1, 2), command(2, "APPE", "a", 2.1, 3)]
        self.find(NONE, race, there(a=up(2)))

    def test_a_lost_one_may_come_later_and_goes_on(self):
        lost = [command(1, "STOR", "a", 1, 2, LOST), command(2, "APPE", "a", 3, 4)]
        self.accept(NONE, lost, there(a=up(1)[:123] + up(2)))
        self.accept(NONE, lost, there(a=up(1)))
        self.accept(NONE, lost, there(a=up(2), a_partial=up(1)[:50]))
        self.find(NONE, lost, there(a=up(1)[:123]))

    def test_a_rename_takes_the_content_along(self):
        moved = [command(1, "STOR", "a", 1, 2), command(2, "RNTO", "a", 3, 4, to="b"), command(3, "APPE", "b", 5, 6)]
        self.accept(there(b=OLD), moved, there(b=up(1) + up(3)))
        self.find(there(b=OLD), moved, there(b=OLD + up(3)))
        self.find(there(b=OLD), moved, there(a=up(1), b=up(3)))

    def test_an_append_replaces_no_file_that_is_renamed_there(self):
        meanwhile = [command(1, "APPE", "a", 1, 4), command(2, "RNTO", "b", 2, 3, to="a")]
        self.accept(there(b=OLD), meanwhile, there(a=OLD + up(1)))
        self.find(there(b=OLD), meanwhile, there(a=up(1)))

    def test_pieces_of_many(self):
        many = [command(1, "STOR", "a", 1, 2, LOST, size=5000), command(2, "APPE", "a", 3, 4, LOST, size=5000),
                command(3, "REST", "a", 5, 6, offset=300), command(4, "REST", "a", 7, 8, offset=20, size=30)]
        head = up(1, 5000)[:200] + up(2, 5000)[:100]
        self.accept(NONE, many, there(a=head[:20] + up(4, 30) + head[50:] + up(3)))
        self.find(NONE, many, there(a=head[:20] + up(4, 30) + head[51:] + up(3)))


class TestOfLocks(unittest.TestCase):
    def busy(self, start):
        return command(9, "APPE", "a", start, start + 1, REFUSED, reply="450 In use")

    def test_somebody_is_there(self):
        self.assertEqual(stuck_locks([self.busy(5), command(1, "STOR", "a", 1, 5.5)], [], 20), ([], 0))
        self.assertEqual(len(stuck_locks([self.busy(5), command(1, "STOR", "a", 1, 4)], [], 20)[0]), 1)
        self.assertEqual(len(stuck_locks([self.busy(5), command(1, "STOR", "a", 7, 8)], [], 20)[0]), 1)
        self.assertEqual(len(stuck_locks([self.busy(5)], [], 20)[0]), 1)

    def test_somebody_was_lost_there(self):
        lost = command(1, "STOR", "a", 1, 4, LOST)
        self.assertEqual(stuck_locks([self.busy(24)], [lost], 20), ([], 20))
        self.assertEqual(len(stuck_locks([self.busy(25)], [lost], 20)[0]), 1)


if __name__ == "__main__":
    unittest.main()
