#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Every verb in directories with all kinds of rights, against a model of what each right is for.

usage: zones_model.py PORT HOME [SEED]: account alice, password secret, with the rules that "rules" prints.
       zones_model.py rules: the options of the account.
"""
import ftplib
import io
import os
import random
import shutil
import sys

WORDS = ["list", "read", "create", "overwrite", "delete", "rename", "mkdir", "rmdir", "chmod"]
ALL = frozenset(WORDS)
ALICE = 200000
BASE = frozenset(["list", "read", "rename", "delete", "mkdir"])


def zones():
    """NAME: rights. Each right alone, all but each, none, all, and some at random; below one there is another."""
    table = {"none": frozenset(), "all": ALL}
    for word in WORDS:
        table["only " + word] = frozenset([word])
        table["no " + word] = ALL - {word}
    draw = random.Random(20)
    for i in range(8):
        table["some%d" % i] = frozenset(word for word in WORDS if draw.random() < 0.5)
    table["only create/inner"] = frozenset(["list", "read"])
    return table


ZONES = zones()


def rules():
    words = ["rights=" + ",".join(sorted(BASE))]
    for name, rights in ZONES.items():
        words.append("rights=/%s=%s" % (name.replace(" ", "%20"), ",".join(sorted(rights)) or "none"))
    return " ".join(words)


class Site:
    def __init__(self, port, home, seed):
        self.home = home
        self.draw = random.Random(seed)
        self.count = 0
        self.wrong = []
        self.ftp = ftplib.FTP()
        self.ftp.connect("127.0.0.1", port, timeout=30)
        self.ftp.login("alice", "secret")
        self.ftp.voidcmd("TYPE I")

    def real(self, path):
        return os.path.join(self.home, path.lstrip("/"))

    def own(self, path):
        os.chown(self.real(path), ALICE, ALICE)

    def make_file(self, path):
        with open(self.real(path), "w") as out:
            out.write("content")
        self.own(path)

    def make_dir(self, path, file=True):
        os.mkdir(self.real(path))
        self.own(path)
        if file:
            self.make_file(path + "/inside")

    def clean(self, path):
        real = self.real(path)
        if os.path.isdir(real) and not os.path.islink(real):
            shutil.rmtree(real)
        elif os.path.lexists(real):
            os.remove(real)

    def fresh(self, zone):
        self.count += 1
        return zone.rstrip("/") + "/n%d" % self.count

    def spelled(self, path):
        """The same place in other words."""
        head, name = os.path.split(path)
        return self.draw.choice([
            path,
            "/all/.." + path,
            head.rstrip("/") + "//./" + name,
            "/to-root" + path,
            "/to-root/all/../to-root" + path,
        ])

    def works(self, *commands):
        """Does the last command work, after those that must?"""
        try:
            for command in commands:
                if callable(command):
                    command(self.ftp)
                else:
                    self.ftp.sendcmd(command)
            return True
        except ftplib.Error as error:
            if str(error)[:3] not in ("550", "553"):
                raise AssertionError("%r: %s" % (commands, error))
            return False

    def expect(self, what, expected, got):
        if expected != got:
            self.wrong.append("%s: expected %s, got %s" % (what, expected, got))

    # --- one zone ---

    def perm(self, lines, name):
        for line in lines:
            facts, _, shown = line.partition(" ")
            if shown == name:
                return set(facts.split("perm=")[1].split(";")[0])
        return None

    def mlsd(self, path):
        lines = []
        self.ftp.retrlines("MLSD " + path, lines.append)
        return lines

    def look(self, zone, may):
        path = self.fresh(zone)
        self.make_file(path)
        lists = "list" in may
        knows = lists or "read" in may
        for verb, expected in (("MLST", "list" in may), ("SIZE", knows), ("MDTM", knows), ("HASH", "read" in may),
                               ("XMD5", "read" in may), ("RNFR", "list" in may), ("DSIZ", "list" in may)):
            self.expect("%s %s" % (verb, path), expected, self.works("%s %s" % (verb, self.spelled(path))))
            if not expected:
                self.is_silent(verb, zone, path, "")
        # a file is no directory, and what is below it tells no more of it
        for verb, below in ("CWD", ""), ("AVBL", ""), ("SIZE", "/x"), ("MLST", "/x"), ("RNFR", "/x"), ("LIST", "/x"):
            self.expect(verb + path + below, False, self.works(verb + " " + path + below) if verb != "LIST" else False)
            if not lists:
                self.is_silent(verb, zone, path, below)
        for verb in "LIST", "NLST", "MLSD", "STAT":
            self.expect("%s %s" % (verb, zone), lists, self.lists(verb, zone))
        for verb in "LIST", "NLST":
            self.expect("%s %s" % (verb, path), lists, self.lists(verb, path))
            self.expect("%s %s*" % (verb, path), lists, self.lists(verb, path[:-1] + "?"))
        self.expect("RETR " + path, "read" in may,
                    self.works(lambda ftp: ftp.retrbinary("RETR " + self.spelled(path), lambda data: None)))
        if lists:
            expected = {"r": "read", "w": "overwrite", "a": "overwrite", "d": "delete", "f": "rename"}
            self.expect("perm of " + path, {letter for letter in expected if expected[letter] in may},
                        self.perm(self.mlsd(zone), os.path.basename(path)))
        self.clean(path)

    def is_silent(self, verb, zone, path, below):
        """Is the answer about a file that of one about nothing?"""
        missing = self.fresh(zone)
        answers = []
        for name in path, missing:
            if verb == "LIST":
                self.ftp.makepasv()
            answers.append(self.ftp_answer("%s %s%s" % (verb, name, below)).replace(name, "X"))
        self.expect("%s%s of nothing in %s" % (verb, below, zone), answers[0], answers[1])

    def ftp_answer(self, command):
        try:
            return self.ftp.sendcmd(command)
        except ftplib.Error as error:
            return str(error)

    def lists(self, verb, path):
        if verb == "STAT":
            return self.works("STAT " + path)
        return self.works(lambda ftp: ftp.retrlines("%s %s" % (verb, path), lambda line: None))

    def perm_of_zone(self, zone, may):
        """What MLSD of the directory above says of it."""
        if zone == "/" or "list" not in BASE or zone.count("/") > 1:
            return
        inside = {"c": "create", "l": "list", "m": "mkdir", "p": "delete"}
        expected = {letter for letter in inside if inside[letter] in may} | {"e"}
        self.expect("perm of " + zone, expected, self.perm(self.mlsd("/"), zone[1:]))
        self.expect("perm of a link to " + zone, (expected - {"p"}) | {"d", "f"},
                    self.perm(self.mlsd("/"), "to " + zone[1:]))

    def change(self, zone, may):
        store = lambda verb: lambda path: lambda ftp: ftp.storbinary(
            "%s %s" % (verb, self.spelled(path)), io.BytesIO(b"new"))
        for verb, has_file, right in (("STOR", False, "create"), ("STOR", True, "overwrite"), ("APPE", False, "create"),
                                      ("APPE", True, "overwrite"), ("STOU", False, "create"), ("STOU", True, "create")):
            path = self.fresh(zone)
            if has_file:
                self.make_file(path)
            self.expect("%s %s (%s)" % (verb, path, has_file), right in may, self.works(store(verb)(path)))
            if has_file and (right not in may or verb == "STOU"):
                with open(self.real(path)) as file:
                    self.expect("content of " + path, "content", file.read())
            self.clean(path)
            self.clean(path + ".1")
        for command, make, needs in (("MKD", None, {"mkdir"}), ("RMD", "empty", {"rmdir"}), ("DELE", "file", {"delete"}),
                                     ("RMDA", "tree", {"rmdir", "delete"}), ("SITE CHMOD 600", "file", {"chmod"}),
                                     ("SITE CHMOD 700", "tree", {"chmod"}), ("MFMT 20200101000000", "file", {"chmod"}),
                                     ("MFF UNIX.mode=0600;", "file", {"chmod"})):
            path = self.fresh(zone)
            if make == "file":
                self.make_file(path)
            elif make:
                self.make_dir(path, make == "tree")
            self.expect("%s %s" % (command, path), needs <= may, self.works("%s %s" % (command, self.spelled(path))))
            self.clean(path)

    # --- two ---

    def move(self, source, target, kind, replaces):
        may, there = rights_of(source), rights_of(target)
        old, new = self.fresh(source), self.fresh(target)
        self.make_dir(old) if kind == "tree" else self.make_file(old)
        if replaces:
            self.make_file(new)
        needs = {"list", "rename"}    # list: RNFR
        expected = True
        if source != target:
            needs |= {"read", "delete"} | ({"rmdir"} if kind == "tree" else set())
            needed_there = {"create"} | ({"mkdir"} if kind == "tree" else set())
            expected = there <= may and needed_there <= there
        expected = expected and needs <= may and (not replaces or "overwrite" in there)
        self.expect("rename of a %s %s to %s (%s)" % (kind, old, new, replaces), expected,
                    self.works("RNFR " + self.spelled(old), "RNTO " + self.spelled(new)))
        self.clean(old)
        self.clean(new)

    def copy(self, source, target, replaces):
        may, there = rights_of(source), rights_of(target)
        old, new = self.fresh(source), self.fresh(target)
        self.make_file(old)
        if replaces:
            self.make_file(new)
        expected = "read" in may and ("overwrite" if replaces else "create") in there
        self.expect("copy of %s to %s (%s)" % (old, new, replaces), expected,
                    self.works("SITE CPFR " + self.spelled(old), "SITE CPTO " + self.spelled(new)))
        self.clean(old)
        self.clean(new)

    # --- links ---

    def through_link(self, source, target):
        """A link in one zone to a file in another: the rights are those of the file's directory."""
        file, link = self.fresh(target), self.fresh(source)
        may = rights_of(target)
        self.make_file(file)
        os.symlink(file, self.real(link))
        self.expect("RETR %s -> %s" % (link, file), "read" in may,
                    self.works(lambda ftp: ftp.retrbinary("RETR " + link, lambda data: None)))
        self.expect("SIZE %s -> %s" % (link, file), bool(may & {"read", "list"}), self.works("SIZE " + link))
        self.expect("STOR %s -> %s" % (link, file), "overwrite" in may,
                    self.works(lambda ftp: ftp.storbinary("STOR " + link, io.BytesIO(b"x"))))
        self.expect("CHMOD %s -> %s" % (link, file), "chmod" in may, self.works("SITE CHMOD 640 " + link))
        self.expect("DELE %s -> %s" % (link, file), "delete" in rights_of(source), self.works("DELE " + link))
        if not os.path.exists(self.real(file)):
            self.wrong.append("the file behind %s is gone" % link)
        self.clean(file)
        self.clean(link)

    # --- what has a rule stays ---

    def fixed(self, zone):
        for commands in (["RMD " + zone], ["RMDA " + zone], ["RNFR " + zone, "RNTO /elsewhere"],
                         ["RNFR /all/x", "RNTO " + zone]):
            if commands[0] == "RNFR /all/x":
                self.make_dir("/all/x", False)
            self.expect(" ".join(commands), False, self.works(*commands))
            self.clean("/all/x")
        if not os.path.isdir(self.real(zone)):
            self.wrong.append("%s is gone" % zone)


def rights_of(zone):
    return BASE if zone == "/" else ZONES[zone[1:]]


def main(port, home, seed):
    for name in ZONES:
        os.makedirs(os.path.join(home, name), exist_ok=True)
        os.chown(os.path.join(home, name), ALICE, ALICE)
        if "/" not in name:
            os.symlink("/" + name, os.path.join(home, "to " + name))
    os.symlink("/", os.path.join(home, "to-root"))
    site = Site(port, home, seed)
    places = ["/"] + ["/" + name for name in ZONES]
    for zone in places:
        site.look(zone, rights_of(zone))
        site.change(zone, rights_of(zone))
        site.perm_of_zone(zone, rights_of(zone))
        if zone != "/":
            site.fixed(zone)
    for source in places:
        for target in places:
            site.move(source, target, "file", False)
            site.move(source, target, "tree", False)
            site.copy(source, target, site.draw.random() < 0.5)
            site.through_link(source, target)
        site.move(source, site.draw.choice(places), "file", True)
        site.move(source, source, "file", True)
    for line in site.wrong[:40]:
        print(line)
    print("%d names, %d wrong" % (site.count, len(site.wrong)))
    return 1 if site.wrong else 0


if __name__ == "__main__":
    if sys.argv[1] == "rules":
        print(rules())
        sys.exit(0)
    sys.exit(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)))
