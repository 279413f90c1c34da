"""Says whether a bill of parts is one: in CycloneDX's form, and with every crate that the program itself tells of.

Usage: bill.py BILL PROGRAM, with the packages of cyclonedx.txt
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import zlib

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def told_by(program):
    """The crates that cargo-auditable wrote into the program, but for those that only built it."""
    with tempfile.NamedTemporaryFile() as section:
        subprocess.run(["objcopy", "--dump-section", f".dep-v0={section.name}", program, "/dev/null"], check=True)
        told = json.loads(zlib.decompress(pathlib.Path(section.name).read_bytes()))
    return {(crate["name"], crate["version"]) for crate in told["packages"] if crate.get("kind") != "build"}


def main():
    text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
    validator = JsonStrictValidator(SchemaVersion.V1_5)
    if (fault := validator.validate_str(text)) is not None:
        sys.exit(f"the bill is not in CycloneDX's form: {fault}")
    bill = json.loads(text)
    if validator.validate_str(json.dumps({**bill, "components": [{"name": "no type"}]})) is None:
        sys.exit("the form is not looked at: a part without a type passed")
    listed = {(part["name"], part["version"]) for part in bill["components"] + [bill["metadata"]["component"]]}
    told = told_by(sys.argv[2])
    if missing := told - listed:
        sys.exit(f"the bill leaves out {sorted(missing)}")
    print(f"{len(listed)} parts are listed, among them all {len(told)} that the program tells of")


main()
