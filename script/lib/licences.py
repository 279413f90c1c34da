"""Prints the licences of all crates that a program is made of, each text once, with those that it holds for.

Usage: licences.py PACKAGE TARGET

The texts are those in the crates themselves. A few crates name their terms and bring no text: for these it is the one of
this repository, with their authors above it. Terms themselves are looked at by cargo deny.
"""

import json
import pathlib
import re
import subprocess
import sys

TEXTS = re.compile(r"(un)?licen[cs]e|copying|copyright|notice|authors", re.IGNORECASE)
OURS = {"MIT": "LICENSE-MIT", "Apache-2.0": "LICENSE-APACHE"}
LINE = "=" * 80


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True).stdout


def crates(package, target):
    """The crates of this program, as Cargo describes them, without those of tests, build scripts and macros."""
    edges = "normal,no-proc-macro"
    tree = cargo("tree", "--locked", "--package", package, "--target", target, "--edges", edges,
                 "--prefix", "none", "--no-dedupe", "--format", "{p}")
    used = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    found = [crate for crate in metadata["packages"] if (crate["name"], "v" + crate["version"]) in used]
    if len(found) < len(used):
        sys.exit(f"licences: {len(used)} crates are used and {len(found)} of them known")
    return [crate for crate in found if crate["source"] is not None]


def texts(crate):
    """Texts of a crate's terms."""
    root = pathlib.Path(crate["manifest_path"]).parent
    files = sorted(file for file in root.iterdir() if TEXTS.match(file.name))
    files = [file for place in files for file in (sorted(place.rglob("*")) if place.is_dir() else [place])]
    found = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return [text for text in map(tidy, found) if text] or [standard(crate)]


def tidy(text):
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


def standard(crate):
    """The text of terms that a crate only names."""
    terms = re.split(r"\s+OR\s+|/", crate["license"] or "")
    known = next((OURS[term] for term in terms if term in OURS), None)
    if known is None:
        sys.exit(f"licences: {crate['name']} brings no text of its terms ({crate['license']})")
    ours = pathlib.Path(known).read_text(encoding="utf-8")
    ours = "\n".join(line for line in ours.splitlines() if not line.startswith("Copyright (c)"))
    return tidy("Copyright: " + ", ".join(crate["authors"] or [crate["name"] + "'s authors"]) + "\n\n" + ours)


def main():
    package, target = sys.argv[1:3]
    held_by, terms = {}, {}
    for crate in sorted(crates(package, target), key=lambda crate: (crate["name"], crate["version"])):
        name = f"{crate['name']} {crate['version']}"
        terms[name] = crate["license"]
        for text in texts(crate):
            held_by.setdefault(text, []).append(name)
    print(f"The program {package} for {target} is made of these crates:\n")
    for name, licence in terms.items():
        print(f"  {name}: {licence}")
    for text, names in held_by.items():
        print(f"\n{LINE}\n{', '.join(dict.fromkeys(names))}\n{LINE}\n\n{text}")


main()
