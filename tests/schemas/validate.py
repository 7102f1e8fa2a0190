"""Documents of gpol check against the schemas of SARIF and of JUnit's XML; called by tests/schemas/run.

Each case is printed in both formats and must be valid. Then single things of a valid document are broken, one at a time,
and the validator must refuse each.
"""

import copy
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
from lxml import etree

GPOL, WORK, SARIF, XSD = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
KEY = r"Software\Policies\Acme\Agent"
NLA = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
HEAD = "apiVersion: gpol/v1\nkind: PolicySet\n"

validator = jsonschema.Draft7Validator(json.loads(SARIF.read_text(encoding="utf-8")), format_checker=jsonschema.FormatChecker())
junit = etree.XMLSchema(etree.parse(XSD))


def gpol(*words, codes=(0,)):
    done = subprocess.run([GPOL, *words], cwd=WORK, capture_output=True, check=False)
    if done.returncode not in codes:
        sys.exit(f"gpol {' '.join(words)}: exit code {done.returncode}\n{done.stderr.decode()}")
    return done.stdout


def text(name, entries):
    """LGPO text of the computer: value name and action."""
    (WORK / name).write_text("".join(f"Computer\n{key}\n{value}\n{action}\n\n" for key, value, action in entries))


def cases():
    text("want.txt", [(NLA, "UserAuthentication", "DWORD:0"), (KEY, "Odd <&\"']]> ü", "SZ:<a&b>"), (KEY, "Gone", "DELETE")])
    text("have.txt", [(NLA, "UserAuthentication", "DWORD:1"), (KEY, "More", "DWORD:1"), (KEY, "Same", "DWORD:1")])
    text("same.txt", [(KEY, "Same", "DWORD:1")])
    gpol("convert", "have.txt", "-o", "have.pol")
    state = HEAD + (
        "image:\n  registry:\n"
        "    - {hive: SYSTEM, key: Select, value: Current, equals: {dword: 9}}\n"
        "    - {hive: SAM, key: X, value: Y, equals: {dword: 9}}\n"
        "  verdict:\n    - {policy: TS_USER_AUTHENTICATION_POLICY, next-boot: disabled}\n"
        f"computer:\n  registry:\n    - {{key: '{KEY}', value: Same, type: dword, data: 1, reason: because}}\n"
    )
    (WORK / "state.yaml").write_text(state)
    waiver = "waivers:\n  - {{rule: 'HKLM\\{}!{}', reason: a & b, expires: {}}}\n"
    (WORK / "waived.yaml").write_text(HEAD + waiver.format(KEY, "**del.Gone", "2999-01-01"))
    (WORK / "over.yaml").write_text(HEAD + waiver.format(KEY, "**del.Gone", "2000-01-01"))
    for folder in ("left", "right"):
        (WORK / folder).mkdir()
        for name in ("one", "two & more"):
            gpol("convert", f"{'have' if folder == 'left' else 'want'}.txt", "-f", "backup", "--name", name, "-o", f"{folder}/{name}")
    wanted = ("have.pol", "want.txt", "--scope", "computer")
    yield "as expected", ("have.pol", "same.txt"), 0
    yield "different, absent, extra", (*wanted, "--exact"), 1
    yield "let through", ("have.pol", "want.txt", "--fail-on", "different"), 1
    yield "waived", (*wanted, "--waivers", "waived.yaml"), 1
    yield "waived until it expired", (*wanted, "--waivers", "over.yaml"), 1
    yield "an image", ("image", "state.yaml"), 7
    yield "what a target does not have", ("have.pol", "state.yaml"), 7
    yield "GPO by GPO", ("left", "right", "--each", "--exact"), 1
    yield "paths with blanks", ("left/two & more", "want.txt"), 1
    template = WORK / "right/one/DomainSysvol/GPO/Machine/Microsoft/Windows NT/SecEdit/GptTmpl.inf"
    template.parent.mkdir(parents=True)
    template.write_text("[System Access]\r\nMinimumPasswordAge = 1\r\n")
    yield "a file that is not compared", ("left", "right", "--each"), 7
    yield "a file that is let through", ("left", "right", "--each", "--registry-only"), 1


def broken_sarif(log):
    def change(what, edit):
        other = copy.deepcopy(log)
        edit(other, other["runs"][0], other["runs"][0]["results"][0])
        return what, other

    yield change("another version", lambda log, run, result: log.update(version="2.0.0"))
    yield change("no tool", lambda log, run, result: run.pop("tool"))
    yield change("a level of its own", lambda log, run, result: result.update(level="fatal"))
    yield change("a property of its own", lambda log, run, result: result.update(verdict="different"))
    yield change("a message that is a text", lambda log, run, result: result.update(message="different"))
    yield change("a line before the first", lambda log, run, result: result["relatedLocations"][0]["physicalLocation"].update(region={"startLine": 0}))


def broken_junit(document):
    def change(what, edit):
        other = copy.deepcopy(document)
        edit(other, other.find(".//testcase"))
        return what, other

    yield change("a test without a name", lambda root, case: case.attrib.pop("name"))
    yield change("an attribute of its own", lambda root, case: case.set("verdict", "different"))
    yield change("a failure beside the tests", lambda root, case: case.getparent().append(etree.Element("failure")))
    yield change("another root", lambda root, case: setattr(root, "tag", "tests"))


def main():
    valid, wrong, last = 0, [], (None, None)
    for what, words, code in cases():
        log = json.loads(gpol("check", *words, "-f", "sarif", codes=(code,)))
        document = etree.fromstring(gpol("check", *words, "-f", "junit", codes=(code,)))
        errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(log)]
        if not junit.validate(document):
            errors.extend(f"JUnit: {error}" for error in junit.error_log)
        print(f"{'valid ' if not errors else 'WRONG '} {what}: {len(log['runs'][0]['results'])} results, {len(document.findall('.//testcase'))} tests")
        valid += not errors
        wrong.extend(f"{what}: {error}" for error in errors)
        if what.startswith("different"):
            last = (log, document)
    refused = 0
    for what, log in broken_sarif(last[0]):
        refused += not validator.is_valid(log)
        if validator.is_valid(log):
            wrong.append(f"SARIF with {what} is taken for valid")
    for what, document in broken_junit(last[1]):
        refused += not junit.validate(document)
        if junit.validate(document):
            wrong.append(f"JUnit's XML with {what} is taken for valid")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jsonschema", "lxml"))
    print(f"{valid} cases valid in both formats, {refused} broken documents refused ({versions})")
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
