"""The program under test, a count of what was held against it, and policy files that are made without it.

Imported by the scripts beside it; their first argument names the program.
"""

import json
import subprocess
import sys

import samba

GPOL = sys.argv[1]
# As gpol names the types 0 to 11 of the registry.
TYPES = (
    "REG_NONE REG_SZ REG_EXPAND_SZ REG_BINARY REG_DWORD REG_DWORD_BIG_ENDIAN REG_LINK REG_MULTI_SZ "
    "REG_RESOURCE_LIST REG_FULL_RESOURCE_DESCRIPTOR REG_RESOURCE_REQUIREMENTS_LIST REG_QWORD"
).split()
done = 0


def check(condition, what):
    global done
    done += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def known(condition, what):
    """What Samba 4.22 is known to do. Another version may do better, which is told and no failure: docs/ wants a new look then."""
    if condition or samba.version.startswith("4.22."):
        check(condition, what)
    else:
        print(f"note: Samba {samba.version} differs from 4.22: {what}")


def run(*words):
    return subprocess.run([GPOL, *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def gpol(*words, status=0):
    ended = run(*words)
    check(ended.returncode == status, f"gpol {words}: {ended.returncode}, not {status}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def show(target, *words):
    return json.loads(gpol("show", target, "--format", "json", *words))


def records(path):
    """The records of a policy file: key, value name, number of the type, data in hexadecimal."""
    found = show(path, "--records")["sides"][0]["records"]
    return [
        (r["key"], r["value_name"], TYPES.index(r["type"]) if r["type"] in TYPES else r["type"], r["raw"]) for r in found
    ]


def wide(text):
    return text.encode("utf-16-le")


def number(n, size=4):
    return n.to_bytes(size, "little")


def policy_file(of):
    """The bytes of a policy file: key, value name, type and data of each record."""
    file = b"PReg" + number(1)
    for key, name, type_, data in of:
        names = wide(f"[{key}\0;{name}\0;")
        file += names + number(type_) + wide(";") + number(len(data)) + wide(";") + data + wide("]")
    return file
