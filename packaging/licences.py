#!/usr/bin/env python3
"""Prints the licences of the crates that the program and its page contain, each text once.

`make lint` checks which licences are allowed; this collects their texts from the crates' own files.
"""

import json
import os
import re
import subprocess
import sys

# The names that crates give to files with licences, and to files that a licence asks to pass on.
NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)([-_.].*)?", re.IGNORECASE)
# Sources of C libraries lie in folders of a crate, such as c_src/mimalloc.
MAX_DEPTH = 3
# Where the program runs, and the page.
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "wasm32-unknown-unknown"]


def contained(metadata):
    """The packages that end up in the program: not those that only build or test it."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    found, waiting = set(), [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_linked and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((packages[id] for id in found), key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The texts of the crate's licence files."""
    top = os.path.dirname(package["manifest_path"])
    found = []
    for folder, folders, files in os.walk(top):
        folders.sort()
        if os.path.relpath(folder, top).count(os.sep) >= MAX_DEPTH - 1:
            folders.clear()
        for name in sorted(files):
            if NAMES.fullmatch(name) and not name.endswith((".rs", ".json", ".html")):
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    found.append(file.read().strip())
    return found


def main():
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--all-features"]
    for target in TARGETS:
        command.append(f"--filter-platform={target}")
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    users, without = {}, []
    for package in contained(metadata):
        name = f"{package['name']} {package['version']}"
        if not package["license"]:
            sys.exit(f"{name} names no licence")
        found = texts(package)
        if not found:
            authors = ", ".join(package["authors"]) or package["repository"] or "its authors"
            without.append(f"  {name}: {package['license']}; by {authors}")
        for text in found:
            users.setdefault(text, []).append(f"  {name}: {package['license']}")
    print("Licences of the crates that Watch Party's program and page contain, from https://crates.io\n")
    print("The program also contains SQLite, which is in the public domain.\n")
    print("These crates contain no licence file. The texts of their licences are below, at other crates:\n")
    print("\n".join(without))
    for text, names in users.items():
        print(f"\n{'-' * 80}\n" + "\n".join(dict.fromkeys(names)) + f"\n\n{text}")


main()
