"""Which GPO wins for a place in a domain: gpol on files and an export, Samba on the running domain controller.

Called by tests/samba/server with the program and the folder of the domain. Places, links and switches are drawn from a fixed
seed. Samba's lists are two: `get_gpo_list`, which its client applies by (samba-gpupdate), has the order but takes a GPO
whose side is switched off all the same; `samba-tool gpo list` leaves those out and says no order. What is switched off is
known here, and held against the second. Where Samba's order is not that of Windows, `as_windows` says how, and the lists in
which that matters are counted.
"""

import json
import os
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import ldb
import samba
from samba.gp import gpclass
from samba.gp.gp_smb_conf_ext import gp_smb_conf_ext
from samba.param import LoadParm

import checks
from checks import check, gpol, known, policy_file, wide
from domain import BASE, HOST, Controller

DC = Path(sys.argv[2])
SYSVOL = DC / "state/sysvol"
POLICIES = SYSVOL / "example.test/Policies"
SITE = f"CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{BASE}"
# From the outside in; accounts move between them.
UNITS = [f"OU=Unit 1,{BASE}"]
for name in ("Unit 2", "Unit\\, 3", "Ünit 4"):
    UNITS.append(f"OU={name},{UNITS[-1]}")
COMPUTER, USER = "PC1$", "user1"
# Bits of gPLink, gPOptions and flags.
OFF, ENFORCED = 1, 2
BLOCKS = 1
SWITCHED_OFF = {"user": 1, "computer": 2}

REGISTRY = "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"
KEY = "Software\\Policies\\Example\\Winners"
NAMES = [f"Value {n}" for n in range(8)]
# Samba's client has one extension that writes what registry policy says where it can be read: into its own smb.conf.
CONF_KEY = "Software\\Policies\\Samba\\smb_conf"
CONF_NAMES = ["server string", "logon drive", "logon home", "logon path", "panic action"]
PLACES = 80


class Places:
    """The containers and accounts, and what is linked where."""

    def __init__(self, controller, names):
        self.controller = controller
        self.directory = controller.directory()
        for unit in UNITS:
            controller.tool("ou", "create", unit)
        controller.tool("computer", "create", COMPUTER.rstrip("$"))
        controller.tool("user", "create", USER, "--random-password")
        self.guids = {}
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                said = controller.tool("gpo", "create", name, f"--tmpdir={folder}")
            self.guids[name] = said[said.index("{") : said.index("}") + 1]
        # Whether Samba has enforced links of several containers in the wrong order.
        self.inner_enforced_wins = True
        # What their flags switch off.
        self.switched = Counter()
        self.default = {"Default Domain Policy": "{31B2F340-016D-11D2-945F-00C04FB984F9}"}

    def guid(self, name):
        return {**self.guids, **self.default}[name]

    def set(self, dn, **attributes):
        message = ldb.Message(ldb.Dn(self.directory, dn))
        for name, value in attributes.items():
            message[name] = ldb.MessageElement(str(value), ldb.FLAG_MOD_REPLACE, name)
        self.directory.modify(message)

    def link(self, dn, links, blocks):
        """Links as they stand in the attribute. Without any it is one blank, as Windows leaves it."""
        text = "".join(f"[LDAP://cn={self.guid(name)},cn=policies,cn=system,{BASE};{options}]" for name, options in links)
        self.set(dn, gPLink=text or " ", gPOptions=BLOCKS * blocks)

    def flags(self, name, flags):
        self.switched[self.guid(name)] = flags
        self.set(f"CN={self.guid(name)},CN=Policies,CN=System,{BASE}", flags=flags)

    def switched_on(self, gpos, side):
        return [gpo for gpo in gpos if not self.switched[gpo.name] & SWITCHED_OFF[side]]

    def move(self, account, container):
        found = self.directory.search(BASE, ldb.SCOPE_SUBTREE, f"(sAMAccountName={account})", ["cn"])[0]
        new = ldb.Dn(self.directory, f"CN={found['cn'][0]}")
        new.add_base(ldb.Dn(self.directory, container))
        self.directory.rename(found.dn, new)
        return str(new)

    def export(self, path):
        """As docs/effective.md has it; sites lie in another naming context."""
        objects = "(|(objectClass=groupPolicyContainer)(objectClass=organizationalUnit)(objectClass=domainDNS))"
        sites = self.controller.ldif("(objectClass=site)", "-b", f"CN=Configuration,{BASE}")
        path.write_text(self.controller.ldif(objects) + sites)
        return path


def of_samba(places, account):
    """What applies to an account, weakest first, as its client orders it: GUID and container of each link."""
    listed = gpclass.get_gpo_list(HOST, places.controller.credentials, places.controller.lp, account)
    return [gpo for gpo in listed if gpo.name != "Local Policy"]


def allowed(places, account):
    """The GUIDs of samba-tool gpo list, as often as they are linked, and whose switches it heeds: it says "GPOs for user PC1$"
    of a computer, too, and leaves out what is switched off for users."""
    said = places.controller.tool("gpo", "list", account)
    side = said.split()[2]
    return side, Counter(line[line.rindex("{") :] for line in said.splitlines()[1:] if "{" in line)


def as_windows(listed, enforced):
    """Samba's list with the one rule changed that it has wrong: of enforced links, which are the last of its list, those of
    the outer container come behind those of the inner. In one container the order stays."""
    normal, last = listed[: len(listed) - enforced], listed[len(listed) - enforced :]
    containers = list(dict.fromkeys(gpo.link for gpo in last))
    return normal + [gpo for container in reversed(containers) for gpo in last if gpo.link == container]


def draw(rng, names):
    """Site, domain and units down to a drawn depth: links, and whether each blocks."""
    chain = [SITE, BASE, *UNITS[: rng.randint(0, len(UNITS))]]
    drawn = []
    for dn in chain:
        links = [(name, rng.choices([0, OFF, ENFORCED, OFF | ENFORCED], [6, 1, 3, 1])[0]) for name in draw_names(rng, names)]
        drawn.append((dn, links, dn != SITE and rng.random() < 0.2))
    return drawn


def draw_names(rng, names):
    """Up to four, one of them now and then a second time."""
    picked = rng.sample(names, rng.randint(0, 4))
    return picked + picked[:1] if rng.random() < 0.1 else picked


def write_policy(rng, places):
    """Files that say different things of the same values: what each says, by GUID and side, in the order of its records."""
    said = {}
    for name, guid in places.guids.items():
        for side, folder in (("computer", "Machine"), ("user", "User")):
            of = []
            if rng.random() < 0.2:
                of.append((KEY, "**delvals.", 1, wide(" \0")))
            for value in rng.sample(NAMES, rng.randint(1, 5)):
                if rng.random() < 0.25:
                    of.append((KEY, f"**del.{value}", 1, wide(" \0")))
                else:
                    of.append((KEY, value, 1, wide(f"{value} of {name} for the {side}\0")))
            if side == "computer":
                of += [(CONF_KEY, value, 1, wide(f"{name} says\0")) for value in rng.sample(CONF_NAMES, 2)]
            (POLICIES / guid / folder / "Registry.pol").write_bytes(policy_file(of))
            said[guid, side] = of
        # Samba's client asks for neither; without them Windows, and gpol, would pass over the GPO.
        version = 0x10001
        (POLICIES / guid / "GPT.INI").write_bytes(f"[General]\r\nVersion={version}\r\n".encode())
        places.set(
            f"CN={guid},CN=Policies,CN=System,{BASE}",
            versionNumber=version,
            gPCMachineExtensionNames=f"[{REGISTRY}{{D02B1F72-3407-48AE-BA88-E8213C6761F1}}]",
            gPCUserExtensionNames=f"[{REGISTRY}{{D02B1F73-3407-48AE-BA88-E8213C6761F1}}]",
        )
    return said


def winners(order, said, side):
    """What the records come to, executed here: the data of each value, or None where it is deleted, and the number of the GPO
    that decides. Whoever deletes what is not there decides nothing that could be compared."""
    state = {}
    for number, guid in enumerate(order, 1):
        for key, name, _, data in said.get((guid, side), []):
            if name == "**delvals.":
                for known in [known for known, (value, _) in state.items() if known[0] == key and value is not None]:
                    state[known] = None, number
            elif name.startswith("**del."):
                known = key, name.removeprefix("**del.")
                state[known] = None, number if state.get(known, (None,))[0] is not None else None
            else:
                state[key, name] = data, number
    return state


def effective(export, account, site):
    words = ["--ad", export, "--for", account, *(["--site", SITE] if site else [])]
    return json.loads(gpol("effective", SYSVOL, *words, "--no-admx", "--format", "json"))


class Client:
    """Samba's own client: fetches SYSVOL from the controller and applies the registry policy of a computer."""

    def __init__(self, controller, work):
        self.controller, self.work = controller, work

    def apply(self, gpos):
        """What its configuration holds after it has applied GPOs in an order: it finds controller and order here."""
        folder = Path(tempfile.mkdtemp(dir=self.work))
        answer = folder / "answer.json"
        # A process has one configuration, whatever else it loads later: each time a new one.
        child = os.fork()
        if child == 0:
            try:
                answer.write_text(json.dumps(self.in_new_process(gpos, folder)))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return json.loads(answer.read_text())

    def in_new_process(self, gpos, folder):
        own = re.sub("cache directory = .*", f"cache directory = {folder}", Path(self.controller.configuration).read_text())
        conf = folder / "smb.conf"
        conf.write_text(own)
        lp = LoadParm()
        lp.load(str(conf))
        gpclass.get_dc_hostname = lambda *_: HOST
        gpclass.get_gpo_list = lambda *_: gpos
        store = gpclass.GPOStorage(str(folder / "gpo.tdb"))
        gpclass.apply_gp(lp, self.controller.credentials, store, [gp_smb_conf_ext], COMPUTER, "Computer", force=True)
        written = conf.read_text()
        return {name: said[1] for name in CONF_NAMES if (said := re.search(f"^\\s*{name} = (.* says)$", written, re.MULTILINE))}


def compare(places, work, drawn, said, what, client=None):
    """Both accounts of one place. Says how many GPOs apply, and in how many lists Samba's order had to be changed."""
    applied, changed = 0, 0
    export = places.export(work / "ad.ldif")
    for account, side in ((COMPUTER, "computer"), (USER, "user")):
        dn = places.move(account, drawn[-1][0] if drawn[-1][0] != BASE else f"CN=Users,{BASE}")
        # Samba asks for the site of a computer alone.
        counting = drawn if side == "computer" else drawn[1:]
        enforced = sum(options == ENFORCED for _, links, _ in counting for _, options in links)
        listed = of_samba(places, account)
        heeded, through = allowed(places, account)
        ordered = as_windows(listed, enforced) if places.inner_enforced_wins else listed
        changed += [gpo.name for gpo in listed] != [gpo.name for gpo in ordered]
        # samba-tool gpo list knows no site.
        in_domain = Counter(gpo.name for gpo in places.switched_on(ordered, heeded) if gpo.link != SITE)
        check(in_domain == through, f"{what}, {side}: Samba's own two lists differ:\n  {in_domain}\n  {through}")

        switched_on = places.switched_on(ordered, side)
        expected = [(gpo.name, gpo.link) for gpo in switched_on]
        ours = effective(export, dn, site=side == "computer")
        order = [gpo for gpo in ours["order"] if side not in gpo["off"]]
        found = [(gpo["gpo"]["guid"], gpo["linked"]) for gpo in order]
        check(found == expected, f"{what}, {side}: order\n  gpol  {found}\n  Samba {expected}\n  drawn {drawn}")
        names = [gpo["gpo"]["name"] for gpo in order]
        check(names == [gpo.display_name for gpo in switched_on], f"{what}, {side}: names {names}")
        applied += len(found)

        values = [v for result in ours["sides"] if result["side"] == side for v in result["values"]]
        place = {gpo["number"]: at for at, gpo in enumerate(order, 1)}
        came = {(v["key"], v["value_name"]): v for v in values}
        should = winners([guid for guid, _ in expected], said, side)
        check(came.keys() == should.keys(), f"{what}, {side}: values {sorted(came)}, {sorted(should)}")
        for name, (data, by) in should.items():
            value = came[name]
            check(value["outcome"] == ("deleted" if data is None else "set"), f"{what}, {side}, {name}: {value}")
            check(data is None or value["record"]["raw"] == data.hex(), f"{what}, {side}, {name}: {value}, {data}")
            check(by is None or place[value["by"]] == by, f"{what}, {side}, {name}: {value}, {by}")
        if client and side == "computer":
            ours = {v["value_name"]: v["record"]["value"] for v in values if v["key"] == CONF_KEY}
            theirs = client.apply(switched_on)
            check(theirs == ours, f"{what}: Samba's client has {theirs}, gpol {ours}")
    return applied, changed


def drawn_places(rng, places, work, said):
    """Many places. What each comes to, and how often Samba's order had to be changed."""
    names = [*places.guids, *places.default]
    client = Client(places.controller, work)
    told = Counter()
    for at in range(PLACES):
        drawn = draw(rng, names)
        for dn, links, blocks in drawn:
            places.link(dn, links, blocks)
        for name in rng.sample(list(places.guids), 2):
            places.flags(name, rng.randrange(4))
        applied, changed = compare(places, work, drawn, said, f"place {at}", client if at % 8 == 0 else None)
        told += Counter(lists=2, links=sum(len(links) for _, links, _ in drawn), applied=applied, changed=changed)
        told += Counter(clients=at % 8 == 0)
    return told


def made_with_samba_tool(places, work, said):
    """Links, blocks and enforcement as an administrator makes them, without a word of LDAP."""
    tool = places.controller.tool
    first, second, third, fourth = list(places.guids)[:4]
    unit, inner, innermost = UNITS[:3]
    for dn in (SITE, BASE, *UNITS):
        places.link(dn, [], False)
    for name in places.guids:
        places.flags(name, 0)
    for dn, name, *words in [
        (BASE, first),
        (BASE, second, "--enforce"),
        (unit, third, "--enforce"),
        (unit, first),
        (inner, fourth),
        (inner, first, "--disable"),
        (innermost, third),
    ]:
        tool("gpo", "setlink", dn, places.guid(name), *words)
    tool("gpo", "setinheritance", inner, "block")
    # setlink puts a new link in front, so that the first one wins.
    drawn = [
        (SITE, [], False),
        (BASE, [(second, ENFORCED), (first, 0)], False),
        (unit, [(first, 0), (third, ENFORCED)], False),
        (inner, [(first, OFF), (fourth, 0)], True),
        (innermost, [(third, 0)], False),
    ]
    # Both enforced ones are on top; with Windows the domain's is the last, with Samba the unit's.
    places.move(COMPUTER, innermost)
    places.inner_enforced_wins = of_samba(places, COMPUTER)[-1].name == places.guid(third)
    known(places.inner_enforced_wins, "an enforced link of an outer container wins over one of an inner container")
    applied, _ = compare(places, work, drawn, said, "by samba-tool")
    # For computer and user: the fourth and third where they are, the first nowhere.
    check(applied == 8, f"by samba-tool: {applied} GPOs")
    last = [gpo["gpo"]["guid"] for gpo in effective(work / "ad.ldif", f"CN=x,{innermost}", site=False)["order"]]
    check(last == [places.guid(name) for name in (fourth, third, third, second)], f"by samba-tool: {last}")

    # The links themselves, as both list them: gpol counts from the winner, Samba prints the attribute.
    listed = json.loads(gpol("ad", "links", work / "ad.ldif", "--format", "json"))["containers"]
    for container in listed:
        said_links = tool("gpo", "getlink", container["dn"])
        theirs = [line.split(":")[1].strip() for line in said_links.splitlines() if line.strip().startswith("GPO ")]
        ours = [link["gpo"][3:41] for link in reversed(container["links"])]
        check(ours == theirs, f"{container['dn']}: links {ours}, {theirs}")
        blocks = "BLOCK" in tool("gpo", "getinheritance", container["dn"])
        check(container["blocks_inheritance"] == blocks, f"{container['dn']}: {container}")
    check(len(listed) == 5, f"containers with links: {listed}")
    for name, guid in places.guids.items():
        theirs = {line.split("DN:")[1].strip() for line in tool("gpo", "listcontainers", guid).splitlines() if "DN:" in line}
        ours = {c["dn"] for c in listed for link in c["links"] if guid in link["gpo"]}
        check(ours == theirs, f"{name} is linked to {ours}, {theirs}")
    found = json.loads(gpol("search", "Value", SYSVOL, "--ad", work / "ad.ldif", "--no-admx", "--format", "json"))["gpos"]
    check(len(found) == len(places.guids), f"search finds {len(found)} GPOs")
    for gpo in found:
        guid, name = gpo["gpo"]["guid"], gpo["gpo"]["name"]
        check(places.guid(name) == guid, f"search calls {guid} {name}")
        theirs = {line.split("DN:")[1].strip() for line in tool("gpo", "listcontainers", guid).splitlines() if "DN:" in line}
        ours = {link["container"] for link in gpo["directory"]["links"]}
        check(ours == theirs, f"search: {name} is linked to {ours}, {theirs}")


def blocks_without_links(places, work):
    """A unit that blocks and has no gPLink at all. Samba's client does not see the block, samba-tool does, and so does gpol."""
    unit, inner = UNITS[:2]
    for dn in (SITE, BASE, *UNITS):
        places.link(dn, [], False)
    name = next(iter(places.guids))
    places.flags(name, 0)
    places.link(unit, [(name, 0)], False)
    message = ldb.Message(ldb.Dn(places.directory, inner))
    message["gPLink"] = ldb.MessageElement([], ldb.FLAG_MOD_DELETE, "gPLink")
    message["gPOptions"] = ldb.MessageElement(str(BLOCKS), ldb.FLAG_MOD_REPLACE, "gPOptions")
    places.directory.modify(message)
    places.move(COMPUTER, inner)
    known(len(of_samba(places, COMPUTER)) == 1, "Samba's client heeds a block without links")
    check(not allowed(places, COMPUTER)[1], "samba-tool heeds it")
    check(effective(places.export(work / "ad.ldif"), inner, site=False)["order"] == [], "gpol heeds it")


def found_by_search(places, said):
    """Who speaks of a value: gpol's search in the SYSVOL, and the records that were written."""
    for name in NAMES:
        for side, hive in (("computer", "HKLM"), ("user", "HKCU")):
            found = json.loads(gpol("search", f"{hive}\\{KEY}!{name}", SYSVOL, "--no-admx", "--format", "json"))
            ours = {
                (gpo["gpo"]["guid"], match["record"]["value_name"], match["record"]["raw"])
                for gpo in found["gpos"]
                for match in gpo["matches"]
            }
            mine = {
                (guid, record, data.hex())
                for (guid, of), records in said.items()
                for key, record, _, data in records
                if of == side and key == KEY and record in (name, f"**del.{name}", "**delvals.")
            }
            check(ours == mine, f"search {hive} {name}: {ours ^ mine}")
            check(found["searched"]["gpos"] == len(list(POLICIES.iterdir())), f"search: {found['searched']}")


def main():
    rng = random.Random(4)
    controller = Controller(DC / "etc/smb.conf")
    places = Places(controller, [f"Policy {letter}" for letter in "ABCDEFGHIJ"])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        said = write_policy(rng, places)
        made_with_samba_tool(places, work, said)
        blocks_without_links(places, work)
        found_by_search(places, said)
        told = drawn_places(rng, places, work, said)
    print(f"{told['lists']} lists of GPOs, {told['applied']} GPOs in them, {told['links']} links drawn")
    print(f"{told['changed']} of them with enforced links of several containers, which Samba has in another order than Windows")
    print(f"{told['clients']} places whose registry policy Samba's client applied")
    print(f"{checks.done} checks: Samba {samba.version} and gpol agree on order and winners")


main()
