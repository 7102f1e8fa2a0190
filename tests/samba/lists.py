"""samba-tool's JSON of policy, both ways: what gpol writes, Samba loads; what gpol put into a GPO, Samba shows.

Called by tests/samba/server with the program and the folder of the domain, whose controller runs. Records are compared as
bytes; the files of the first half are made here, those of the second are the corpus, where there is one.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import samba

import checks
from checks import check, gpol, known, number, policy_file, records, run, show, wide
from domain import Controller

DC = Path(sys.argv[2])
KEY = "Software\\Policies\\Example"
SIDES = {"MACHINE": ("Machine", "computer"), "USER": ("User", "user")}


# Name, type, data: Samba and gpol carry each in both directions.
CARRIED = [
    ("Text", 1, wide("Grüße; [x]\0")),
    ("Astral", 1, wide("日本 😀 \"\\\0")),
    ("Empty", 1, wide("\0")),
    ("Expand", 2, wide("%TEMP%\\ü\0")),
    ("Bytes", 3, bytes(range(256))),
    ("No bytes", 3, b""),
    ("Number", 4, number(0xFFFFFFFF)),
    ("Big endian", 5, bytes([1, 2, 3, 4])),
    ("List", 7, wide("a\0b c\0\0")),
    ("Gaps", 7, wide("\0a\0\0b\0\0")),
    ("Long", 11, number(2**64 - 1, 8)),
    ("Long zero", 11, number(0, 8)),
    ("Name ü 日 😀 ; ]", 4, number(1)),
    ("", 1, wide("default\0")),
    ("**del.Old ü", 1, wide(" \0")),
    ("**DeleteValues", 1, wide("a;b\0")),
    ("**DeleteKeys", 1, wide("Sub1;Sub2\0")),
    ("**soft.Soft", 4, number(7)),
    ("**SecureKey", 4, number(1)),
    ("**Comment:said", 1, wide("why\0")),
]
# Key names matter, too: two that differ by letter case, one for the key alone.
CARRIED = [(KEY, *record) for record in CARRIED] + [
    (KEY.upper(), "Text", 1, wide("another key to Samba\0")),
    (KEY + "\\Ключ", "", 0, b""),
    (KEY, "TEXT", 1, wide("another name to Samba\0")),
]
# A list without texts: with one NUL in the file, Samba writes two. Both are the same list.
EMPTY_LIST = (KEY, "Empty list", 7, wide("\0"))
# `show` leaves it out, `load` takes it.
DELVALS = (KEY + "\\All", "**delvals.", 1, wide(" \0"))
# What `load` does not take as it is, by what it does instead; gpol writes none of them into a list.
REFUSED = [("Link", 6, b"x\0"), ("Resource", 8, b"x"), ("Descriptor", 9, b"x"), ("Needs", 10, b"x"), ("Odd", 0x99, b"x")]
CHANGED = [("None", 0, b"x", [120]), ("Inner", 1, wide("a\0b\0"), "a\0b")]
# How gpol names what Samba makes of records with one name.
REPEATED = "samba-tool keeps one record"
# What makes `show` print nothing at all of the GPO.
UNSHOWN = [
    ("No NUL", 1, b""),
    ("Lone surrogate", 1, b"\x00\xd8\0\0"),
    ("Short", 4, b"\1"),
    ("Odd list", 7, b"\1"),
    ("Short long", 11, b"\1"),
]


def as_shown(of):
    """As `records` gives them."""
    return [(key, name, type_, data.hex()) for key, name, type_, data in of]


def same_list(record):
    """A list of texts with the NULs at its end taken off: how many there are is no part of the list."""
    key, name, type_, data = record
    if type_ != 7:
        return record
    texts = bytes.fromhex(data)
    while texts.endswith(b"\0\0") and len(texts) % 2 == 0:
        texts = texts[:-2]
    return key, name, type_, texts.hex()


class Gpo:
    def __init__(self, controller, name):
        self.controller = controller
        with tempfile.TemporaryDirectory() as folder:
            said = controller.tool("gpo", "create", name, f"--tmpdir={folder}")
        self.guid = said[said.index("{") : said.index("}") + 1]
        self.folder = DC / "state/sysvol/example.test/Policies" / self.guid

    def file(self, side):
        return self.folder / SIDES[side][0] / "Registry.pol"

    def load(self, list_, *words):
        self.controller.tool("gpo", "load", self.guid, f"--content={list_}", *words)

    def load_fails(self, list_):
        """Whether `load` ends with an error. It may end the process, so another one does it."""
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                self.load(list_, "--replace")
            except BaseException:
                os._exit(1)
            os._exit(0)
        return os.waitpid(child, 0)[1] != 0

    def show(self):
        """The list at the end of what `show` prints."""
        said = self.controller.tool("gpo", "show", self.guid)
        return said[said.index("Policies     :") + len("Policies     :") :].strip()


def item(record, class_, data):
    key, name, type_ = record[:3]
    type_ = checks.TYPES[type_] if type_ < len(checks.TYPES) else type_
    return {"keyname": key, "valuename": name, "class": class_, "type": type_, "data": data}


def lost(said):
    """The records that gpol names as lost, counted from 0, and why."""
    found = re.finditer(r"^(?:warning:| ) *record (\d+) .*", said, re.MULTILINE)
    return {int(line[1]) - 1: line[0] for line in found}


def loaded(gpo, work, side, pol, old):
    """A policy file with these records that went through gpol's list and Samba into a GPO: how many records came, and which gpol named as lost."""
    list_ = work / "list.json"
    list_.unlink(missing_ok=True)
    done = run("convert", pol, "-f", "samba-json", "--scope", SIDES[side][1], "--lossy", "--all-losses", "-o", list_)
    check(done.returncode == 0, f"{pol}: {done.stderr}")
    left_out = lost(done.stderr)
    expected = [record for at, record in enumerate(old) if at not in left_out]
    gpo.file(side).unlink(missing_ok=True)
    gpo.load(list_, "--replace")
    # Samba writes no file where the list has nothing for the side.
    new = records(gpo.file(side)) if gpo.file(side).exists() else []
    check(list(map(same_list, new)) == list(map(same_list, expected)), f"{pol}: loaded\n  {new}\n  {expected}")
    return len(new), left_out


def shown(gpo, work, side, pol, old, left_out):
    """The file in a GPO that Samba shows and gpol reads: how many records came. None where Samba shows nothing."""
    list_, again = work / "shown.json", work / "again.pol"
    gpo.file(side).write_bytes(pol.read_bytes())
    try:
        said = gpo.show()
    except RuntimeError:
        check(any(REPEATED not in why for why in left_out.values()), f"{pol}: Samba does not show what gpol says it can")
        return None
    # `show` repeats what stands there more than once; all else that gpol named as lost is lost here, too, or comes changed.
    there = [(at, record) for at, record in enumerate(old) if record[1] != "**delvals."]
    items = json.loads(said)
    check([item["class"] for item in items] == [side] * len(there), f"{pol}: shown are {len(items)} of {len(there)}")
    kept = [at not in left_out or REPEATED in left_out[at] for at, _ in there]
    if not all(kept):
        said = json.dumps([item for item, keep in zip(items, kept) if keep])
    list_.write_text(said)
    expected = [record for (_, record), keep in zip(there, kept) if keep]
    if expected:
        gpol("convert", list_, "-f", "pol", "-o", again)
        new = records(again)
        check(list(map(same_list, new)) == list(map(same_list, expected)), f"{pol}: shown\n  {new}\n  {expected}")
    return len(expected)


def written_by_hand(gpo, work):
    """Every type and directive on both sides at once, then what Samba's form loses, case by case."""
    folder = work / "gpo"
    for side in SIDES:
        pol = folder / SIDES[side][0] / "Registry.pol"
        pol.parent.mkdir(parents=True)
        pol.write_bytes(policy_file([*CARRIED, EMPTY_LIST, DELVALS]))
    (folder / "gpt.ini").write_bytes(b"[General]\r\nVersion=65537\r\n")
    list_ = work / "both.json"
    gpol("convert", folder, "-f", "samba-json", "-o", list_)
    gpo.load(list_)
    for side in SIDES:
        expected = as_shown([*CARRIED, EMPTY_LIST[:3] + (wide("\0\0"),), DELVALS])
        check(records(gpo.file(side)) == expected, f"{side}: {records(gpo.file(side))}")
    # Samba counts in GPT.INI and in the directory, and lists the extension; gpol finds both halves in step.
    export = work / "ad.ldif"
    export.write_text(gpo.controller.ldif("(objectClass=groupPolicyContainer)"))
    directory = show(gpo.folder, "--ad", export)["directory"]
    check(directory["in_step"], f"after a load: {directory}")

    # The other way: gpol writes both files from its own JSON, Samba shows them, gpol reads the list.
    for side in SIDES:
        gpol("convert", folder / SIDES[side][0] / "Registry.pol", "-f", "json", "-o", work / "records.json")
        gpol("convert", work / "records.json", "-f", "pol", "-o", gpo.file(side))
    list_.write_text(gpo.show())
    expected = as_shown([*CARRIED, EMPTY_LIST])
    for side in SIDES:
        gpol("convert", list_, "-f", "pol", "--scope", SIDES[side][1], "-o", work / "side.pol")
        check(records(work / "side.pol") == expected, f"shown, {side}: {records(work / 'side.pol')}")

    # A record of both classes is one on each side, to Samba and to gpol.
    list_.write_text(json.dumps([item((KEY, "Both", 4), "BOTH", 5)]))
    gpo.load(list_, "--replace")
    for side in SIDES:
        gpol("convert", list_, "-f", "pol", "--scope", SIDES[side][1], "-o", work / "side.pol")
        check(gpo.file(side).read_bytes() == (work / "side.pol").read_bytes(), f"BOTH, {side}")
        gpo.file(side).unlink()


def what_the_form_loses(gpo, work):
    """What gpol says a list cannot carry is what Samba does not take or give, each case alone."""
    pol, list_ = work / "one.pol", work / "one.json"
    for name, type_, data in [*REFUSED, *[case[:3] for case in CHANGED], *UNSHOWN]:
        pol.write_bytes(policy_file([(KEY, name, type_, data)]))
        said = run("convert", pol, "-f", "samba-json", "--scope", "computer")
        check((said.returncode, list(lost(said.stderr))) == (5, [0]), f"{name}: gpol names the loss: {said.stderr}")
    for name, type_, data in REFUSED:
        list_.write_text(json.dumps([item((KEY, name, type_), "MACHINE", list(data))]))
        known(gpo.load_fails(list_), f"{name}: Samba loads it")
    for name, type_, data, given in CHANGED:
        list_.write_text(json.dumps([item((KEY, name, type_), "MACHINE", given)]))
        gpo.load(list_, "--replace")
        known(records(gpo.file("MACHINE"))[0][3] != data.hex(), f"{name}: Samba loads all of it")
    for name, type_, data in UNSHOWN:
        gpo.file("MACHINE").write_bytes(policy_file([(KEY, name, type_, data)]))
        try:
            said = gpo.show()
        except RuntimeError:
            said = None
        known(said is None, f"{name}: Samba shows it: {said}")
    # Records with one name: Samba puts the data of the later where the earlier stands. gpol writes the later alone.
    twice = [(KEY, "Twice", 4, number(1)), (KEY, "Between", 4, number(2)), (KEY, "Twice", 4, number(3))]
    pol.write_bytes(policy_file(twice))
    check(loaded(gpo, work, "MACHINE", pol, as_shown(twice))[0] == 2, "gpol writes two of three")
    check([r[1] for r in records(gpo.file("MACHINE"))] == ["Between", "Twice"], "the later one stays")
    list_.write_text(json.dumps([item(r, "MACHINE", r[3][0]) for r in twice]))
    gpo.load(list_, "--replace")
    known(records(gpo.file("MACHINE")) == as_shown([twice[2], twice[1]]), "Samba keeps the place of the earlier record")
    # `show` leaves one spelling of a directive out, and gives the others.
    for spelling, there in (("**delvals.", 0), ("**DelVals.", 1)):
        gpo.file("MACHINE").write_bytes(policy_file([(KEY, spelling, 1, wide(" \0"))]))
        known(len(json.loads(gpo.show())) == there, f"{spelling}: Samba shows {gpo.show()}")


def corpus(gpo, work):
    """Real policy files, each content once: how many files and records, and how many came each way."""
    folder = Path(os.environ.get("GPOL_CORPUS") or Path(__file__).resolve().parents[3] / "shared/corpus")
    files = {path.read_bytes(): path for path in sorted(folder.rglob("*.[Pp][Oo][Ll]"), reverse=True) if path.is_file()}
    told = dict.fromkeys(("files", "records", "loaded", "shown", "not shown", "no policy files"), 0)
    for at, (content, path) in enumerate(sorted(files.items(), key=lambda file: file[1])):
        pol = work / "real.pol"
        pol.write_bytes(content)
        if run("pol", "verify", pol).returncode != 0:
            told["no policy files"] += 1
            continue
        side = list(SIDES)[at % 2]
        for other in SIDES:
            gpo.file(other).unlink(missing_ok=True)
        old = records(pol)
        came, left_out = loaded(gpo, work, side, pol, old)
        given = shown(gpo, work, side, pol, old, left_out)
        told["files"] += 1
        told["records"] += len(old)
        told["loaded"] += came
        told["shown"] += given or 0
        told["not shown"] += given is None
    return told


def main():
    controller = Controller(DC / "etc/smb.conf")
    gpo = Gpo(controller, "Lists")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        written_by_hand(gpo, work)
        what_the_form_loses(gpo, work)
        told = corpus(gpo, work)
    for name, value in told.items():
        print(f"{value:7} {name}")
    if not told["files"]:
        print("skipped: policy files of the corpus, for there is none")
    print(f"{checks.done} checks: Samba {samba.version} and gpol carry the same records in samba-tool's JSON")


main()
