"""gpol and Samba on the same files: records as samba.dcerpc.preg reads them, and Active Directory as sam.ldb holds it.

Called by tests/samba/run with the program and the folder of a provisioned domain. Everything runs on copies.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from samba.dcerpc import preg
from samba.ndr import ndr_pack, ndr_unpack

import checks
from checks import check, gpol, records, show

DC = Path(sys.argv[2])
DEFAULTS = {
    "{31B2F340-016D-11D2-945F-00C04FB984F9}": "Default Domain Policy",
    "{6AC1786C-016F-11D2-945F-00C04FB984F9}": "Default Domain Controllers Policy",
}
SYSVOL = DC / "state/sysvol/example.test/Policies"
COPY = DC.parent / "copy"
SAM = COPY / "private/sam.ldb"
REGISTRY = "{35378EAC-683F-11D2-A89A-00C04FBBCFA2}"
TOOL = "{D02B1F72-3407-48AE-BA88-E8213C6761F1}"


def ldif(path, *attributes):
    """The GPOs of the directory, as ldbsearch prints them."""
    query = ["ldbsearch", "-H", str(SAM), "(objectClass=groupPolicyContainer)", *attributes]
    path.write_bytes(subprocess.run(query, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    return path


def modify(path):
    """Imports a change; says whether the directory took it."""
    return subprocess.run(["ldbmodify", "-H", str(SAM), str(path)], capture_output=True).returncode == 0


def directory(guid):
    """Version and extension list of the computer side, read by Samba's own library."""
    from samba.auth import system_session
    from samba.param import LoadParm
    from samba.samdb import SamDB

    lp = LoadParm()
    lp.load(str(DC / "etc/smb.conf"))
    sam = SamDB(url=str(SAM), session_info=system_session(), lp=lp)
    found = sam.search(base=f"CN={guid},CN=Policies,CN=System,DC=example,DC=test", scope=0)[0]
    return int(str(found["versionNumber"])), str(found.get("gPCMachineExtensionNames", ""))


def ini_version(gpo):
    lines = (gpo / "GPT.INI").read_bytes().decode("ascii").splitlines()
    return int(next(line.split("=")[1] for line in lines if line.startswith("Version=")))


def of_samba(path):
    """Samba's records, with the data as the bytes of the file: it decodes them by their type."""
    file = ndr_unpack(preg.file, path.read_bytes())
    records = []
    for entry in file.entries:
        data = entry.data
        if isinstance(data, int):
            data = data.to_bytes(8 if entry.type == 11 else 4, "little")
        elif isinstance(data, str):
            data = (data + "\0").encode("utf-16-le")
        records.append((entry.keyname, entry.valuename, entry.type, entry.size, data.hex()))
    check(file.header.version == 1 and file.num_entries == len(records), f"{path}: header")
    # Samba writes what it read: the file itself, where it decodes all types in it without loss.
    check(ndr_pack(file) == path.read_bytes(), f"{path}: Samba writes it back as another one")
    return records


def same_records(path, count):
    ours = [(key, name, type_, len(raw) // 2, raw) for key, name, type_, raw in records(path)]
    theirs = of_samba(path)
    check(ours == theirs, f"{path}:\n  gpol  {ours}\n  Samba {theirs}")
    check(len(ours) == count, f"{path}: {len(ours)} records, not {count}")


def main():
    shutil.copytree(DC / "private", COPY / "private")
    shutil.copytree(DC / "state/sysvol", COPY / "sysvol")
    policies = COPY / "sysvol/example.test/Policies"
    export = ldif(COPY / "ad.ldif")

    # Both default GPOs, as Samba made them.
    for guid, name in DEFAULTS.items():
        for words in ([], ["--ad", export]):
            shown = show(SYSVOL / guid, *words)
            check(shown["target"]["kind"] == "gpo-sysvol", f"{guid}: {shown['target']}")
        check(shown["target"]["name"] == name and shown["directory"]["in_step"], f"{guid}: {shown['directory']}")
        check(shown["sides"] == [], f"{guid}: it has no policy file yet")
    check(len(json.loads(gpol("show", SYSVOL, "--format", "json"))["gpos"]) == 2, "two GPOs")

    # A change of each, both halves; Samba reads back what gpol wrote.
    for guid, name in DEFAULTS.items():
        gpo = policies / guid
        pol = gpo / "MACHINE/Registry.pol"
        version, before = directory(guid)
        gpol("policy", "set", gpo, "TS_USER_AUTHENTICATION_POLICY", "enabled", status=5)
        check(not pol.exists(), "nothing is written without a decision")
        changes = [
            ("TS_USER_AUTHENTICATION_POLICY", "enabled"),
            ("TS_ENCRYPTION_POLICY", "enabled", "TS_ENCRYPTION_LEVEL=3"),
            ("TS_CERTIFICATE_TEMPLATE_POLICY", "enabled", "TS_CERTIFICATE_TEMPLATE_NAME=Grüße; [x]"),
            ("TS_SECURITY_LAYER_POLICY", "disabled"),
        ]
        for at, change in enumerate(changes, 1):
            file = COPY / f"{guid}-{at}.ldif"
            gpol("policy", "set", gpo, *change, "--ad", ldif(export), "--ldif", file)
            same_records(pol, at)
            check(directory(guid)[0] != ini_version(gpo), "before the import the halves differ")
            check(modify(file), f"{file}: Samba imports it")
            check(not modify(file), f"{file}: a second time it does not apply, for the version is another")
            now, listed = directory(guid)
            check(now == ini_version(gpo) == version + at, f"{guid}: versions {now}, {ini_version(gpo)}, {version + at}")
            groups = [group.strip("[") for group in listed.split("]") if group]
            check(groups == sorted(groups), f"{guid}: {listed}")
            check(any(g.startswith(REGISTRY) and TOOL in g for g in groups), f"{guid}: {listed}")
            check(show(gpo, "--ad", ldif(export))["directory"]["in_step"], f"{guid}: in step")

        # And back: without settings the extension list is what it was.
        for at, change in enumerate(changes, 1):
            file = COPY / f"{guid}-back-{at}.ldif"
            gpol("policy", "unset", gpo, change[0], "--ad", ldif(export), "--ldif", file)
            same_records(pol, len(changes) - at)
            check(modify(file), f"{file}: Samba imports it")
        check(directory(guid) == (version + 2 * len(changes), before), f"{guid}: {directory(guid)}, {before}")

    # Samba's writer, gpol's reader: every type that Samba knows.
    file = preg.file()
    file.header.signature = "PReg"
    file.header.version = 1
    entries = []
    for name, type_, data, size in [
        ("Text", 1, "Grüße", 12),
        ("Expand", 2, "%TEMP%\\x", 18),
        ("Bytes", 3, bytes([1, 2, 255]), 3),
        ("Number", 4, 7, 4),
        ("List", 7, "a\0b\0\0".encode("utf-16-le"), 10),
        ("Long", 11, 8589934592, 8),
    ]:
        entry = preg.entry()
        entry.keyname, entry.valuename = "Software\\Policies\\Example", name
        entry.type, entry.data, entry.size = type_, data, size
        entries.append(entry)
    file.num_entries = len(entries)
    file.entries = entries
    path = COPY / "of-samba.pol"
    path.write_bytes(ndr_pack(file))
    same_records(path, len(entries))
    print(f"{checks.done} checks: gpol and Samba agree")


main()
