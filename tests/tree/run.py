#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks of the tree itself: who includes whom, which symbols leave a room, what the README shows, which libraries are
named where, which sentences of specifications are tested.

    run.py BUILD_DIR

Prints what is wrong, then `tree: N passed, N failed`.
"""
import email.utils
import pathlib
import re
import subprocess
import sys

from packages import check_packages
from spec import check_spec

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv[1])

# A room may include only what stands before it, and itself.
ROOMS = ["base", "multi", "crypto", "identity", "stack", "secure", "mux", "transport", "quic", "webtransport", "webrtc",
         "swarm", "protocol", "host", "uv"]
# Programs that need no part of the library but its public headers; the tools may also use the lowest rooms.
PUBLIC_ONLY = ["tools", "examples", "tests/interop/c", "tests/interop/contract", "tests/load"]
TOOL_ROOMS = ("base", "crypto")
# Names of the C library and system that a core object may not need: memory, text output, time, files, threads.
FORBIDDEN = re.compile(r"^(malloc|calloc|realloc|free|printf|fprintf|puts|fopen|time|clock_gettime|gettimeofday|getenv"
                       r"|socket|connect|bind|send|recv|read|write|open|pthread_.*|usleep|nanosleep)$")


def includes(path):
    for line in path.read_text().splitlines():
        match = re.match(r'#\s*include "([^"]+)"', line)
        if match:
            yield match.group(1)


def check_layers():
    """Every include points up the list of rooms."""
    wrong = []
    for path in sorted((ROOT / "src").glob("*/*.[ch]")):
        own = ROOMS.index(path.parent.name)
        for target in includes(path):
            room = target.split("/")[0]
            if (ROOT / "include" / target).exists():
                continue  # a public header by its quoted name
            if room not in ROOMS:
                wrong.append(f"{path.relative_to(ROOT)} includes {target}, which is in no room")
            elif ROOMS.index(room) > own:
                wrong.append(f"{path.relative_to(ROOT)} includes {target}, which stands below it")
    return wrong


def check_public():
    """Programs use public headers only."""
    wrong = []
    for folder in PUBLIC_ONLY:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            for target in includes(path):
                if folder == "tools" and target.split("/")[0] in TOOL_ROOMS:
                    continue
                if not (path.parent / target).exists():
                    wrong.append(f"{path.relative_to(ROOT)} includes the private header {target}")
    return wrong


def objects():
    """(room, file name, path) of every object of the library."""
    for path in sorted((BUILD / "CMakeFiles/p2p_objects.dir/src").glob("*/*.c.o")):
        yield path.parent.name, path.name.removesuffix(".o"), path


def symbols(path, option):
    out = subprocess.run(["nm", option, str(path)], capture_output=True, text=True, check=True).stdout
    return [line.split()[-1] for line in out.splitlines() if line and not line.endswith(":")]


def check_symbols():
    """Symbols begin with p2p_; core objects do no input or output; declared functions exist."""
    wrong = []
    defined = set()
    for room, name, path in objects():
        own = set(symbols(path, "--defined-only"))
        wrong += [f"src/{room}/{name} exports {symbol}" for symbol in symbols(path, "--extern-only")
                  if symbol in own and not symbol.startswith("p2p_")]
        defined |= own
        if room == "uv" or (room == "base" and name == "mem.c"):
            continue
        wrong += [f"src/{room}/{name} calls {symbol}" for symbol in symbols(path, "--undefined-only") if FORBIDDEN.match(symbol)]
    for header in sorted((ROOT / "include/p2p").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        for name in re.findall(r"P2P_API[^;{]*?\b(p2p_\w+)\s*\(", text):
            if name not in defined:
                wrong.append(f"{header.name} declares {name}, which nothing defines")
    return wrong


def check_file_sizes():
    """No file above 800 lines: look for the second thing it does."""
    return [f"{path.relative_to(ROOT)} has {count} lines"
            for path in sorted((ROOT / "src").glob("*/*.[ch]"))
            if (count := len(path.read_text().splitlines())) > 800]


# Folders whose README.md names every file.
DESCRIBED = [f"src/{room}" for room in ROOMS] + ["tools/p2p", "tools/p2p/up", "tests/sim"]


def check_room_readmes():
    """Every file of these folders stands in the folder's README.md; a .c and its .h under one name."""
    wrong = []
    for folder in map(ROOT.joinpath, DESCRIBED):
        named = set(re.findall(r"`(\w+)(?:\.\w+)?`", (folder / "README.md").read_text()))
        wrong += [f"{path.relative_to(ROOT)} is not in the README.md beside it" for path in sorted(folder.glob("*.[ch]"))
                  if path.stem not in named]
    return wrong


def check_readme_program():
    """README's first program is examples/echo.c."""
    readme = (ROOT / "README.md").read_text()
    program = re.search(r"```c\n(.*?)```", readme, re.S)
    source = (ROOT / "examples/echo.c").read_text()
    body = source[source.index("#include"):]
    if program is None or program.group(1).strip() != body.strip():
        return ["the program in README.md differs from examples/echo.c"]
    return []


def check_hosts():
    """No registry host is named in the tree."""
    names = [".".join(parts) for parts in (("proxy", "golang", "org"), ("registry", "npmjs", "org"), ("index", "crates", "io"),
                                           ("static", "crates", "io"), ("files", "pythonhosted", "org"), ("deb", "debian", "org"))]
    wrong = []
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, files):
        if name.endswith(("package-lock.json", "Cargo.lock")):
            wrong.append(f"{name} must not be in the tree")
        path = ROOT / name
        if not path.is_file():
            continue
        data = path.read_bytes()
        wrong += [f"{name} names {host}" for host in names if host.encode() in data]
    return wrong


def check_scripts():
    """Every shell script can be read by its shell."""
    files = subprocess.run(["git", "ls-files", "*.sh", "dev", ".ci/run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wrong = []
    for name in files.split():
        shell = "bash" if "bash" in (ROOT / name).read_text().split("\n", 1)[0] else "sh"
        read = subprocess.run([shell, "-n", name], cwd=ROOT, capture_output=True, text=True)
        if read.returncode != 0:
            wrong.append(read.stderr.strip())
    return wrong


def check_version():
    """One version, and one day of its release, everywhere."""
    def found(pattern, name):
        match = re.search(pattern, (ROOT / name).read_text(), re.M)
        return match.groups() if match else ("?", "?")

    (version,) = re.search(r"^project\(p2p VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(), re.M).groups()
    changed, day = found(r"^## ([0-9.]+), (.+)$", "CHANGELOG.md")
    packaged, suite = found(r"^c-libp2p \(([0-9.]+)-[0-9]+\) (\w+);", "debian/changelog")
    (signed,) = found(r"^ -- .*>  (.+)$", "debian/changelog")
    said, released = found(r'^\.TH P2P 1 "(.*)" "c-libp2p (.*)" ', "docs/p2p.1")[::-1]
    printed = subprocess.run([BUILD / "p2p", "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    wrong = [f"{where} says {other}, CMakeLists.txt {version}"
             for where, other in (("CHANGELOG.md", changed), ("debian/changelog", packaged), ("docs/p2p.1", said), ("p2p version", printed))
             if other != version]
    if day == "unreleased":
        return wrong + ([] if suite == "UNRELEASED" else [f"CHANGELOG.md says unreleased, debian/changelog {suite}"])
    packaged_day = email.utils.parsedate_to_datetime(signed).date().isoformat()
    if suite == "UNRELEASED" or not day == packaged_day == released:
        wrong.append(f"CHANGELOG.md says {day}, debian/changelog {packaged_day} for {suite}, docs/p2p.1 {released}")
    return wrong


CHECKS = [check_layers, check_public, check_symbols, check_file_sizes, check_room_readmes, check_readme_program, check_hosts,
          check_scripts, check_version, check_packages, check_spec]


def main():
    failed = 0
    for check in CHECKS:
        wrong = check()
        if wrong:
            failed += 1
            print(f"{check.__name__}: {(check.__doc__ or '').strip().splitlines()[0] if check.__doc__ else ''}")
            for line in wrong:
                print("  " + line)
    print(f"tree: {len(CHECKS) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
